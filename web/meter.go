package web

import (
	"strconv"
	"time"

	registry "cho40/vendor_registry"

	"github.com/prometheus/client_golang/prometheus"
)

// meter counts requests and how long they took, by route template: never by what stands in an address.
// Beside them it counts what went in by ledgers and out on paper through this process.
type meter struct {
	took     *prometheus.HistogramVec
	running  prometheus.Gauge
	imported *prometheus.CounterVec
	printed  prometheus.Counter
}

// newMeter registers its figures; nil: nobody asks for them.
func newMeter(r prometheus.Registerer) *meter {
	if r == nil {
		return nil
	}
	m := &meter{took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "cho40_http_request_seconds", Help: "How long requests took, by route template.",
		Buckets: []float64{.002, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
	}, []string{"method", "route", "status"}),
		running:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "cho40_http_requests_running", Help: "Requests that are being answered."}),
		imported: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "cho40_imported_rows_total", Help: "Rows of ledgers that were committed, by their fate."}, []string{"fate"}),
		printed:  prometheus.NewCounter(prometheus.CounterOpts{Name: "cho40_printed_placards_total", Help: "Placards that were issued and drawn."}),
	}
	r.MustRegister(m.took, m.running, m.imported, m.printed)
	return m
}

// began counts a request until the function it returns is called.
func (m *meter) began() (ended func()) {
	if m == nil {
		return func() {}
	}
	m.running.Inc()
	return m.running.Dec
}

// brought counts the rows of a ledger that was committed.
func (m *meter) brought(r registry.Report) {
	if m == nil {
		return
	}
	m.imported.WithLabelValues("good").Add(float64(r.Good))
	m.imported.WithLabelValues("faulty").Add(float64(r.Faulty))
}

// drew counts the placards of a batch.
func (m *meter) drew(placards int) {
	if m != nil {
		m.printed.Add(float64(placards))
	}
}

func (m *meter) note(method, route string, status int, took time.Duration) {
	if m == nil {
		return
	}
	if route == "" || status == 404 && route == "/*" {
		route = "none"
	}
	switch method {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS":
	default: // anybody can invent one
		method = "other"
	}
	m.took.WithLabelValues(method, route, strconv.Itoa(status)).Observe(took.Seconds())
}
