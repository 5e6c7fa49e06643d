package web

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// meter counts requests and how long they took, by route template: never by what stands in an address.
type meter struct{ took *prometheus.HistogramVec }

// newMeter registers its figures; nil: nobody asks for them.
func newMeter(r prometheus.Registerer) *meter {
	if r == nil {
		return nil
	}
	m := &meter{prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "cho40_http_request_seconds", Help: "How long requests took, by route template.",
		Buckets: []float64{.002, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
	}, []string{"method", "route", "status"})}
	r.MustRegister(m.took)
	return m
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
