package main

import (
	"context"
	"net/http"
	"net/http/pprof"
	"time"

	"cho40/internal/postgres"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// newMetrics gathers the figures of this process, its pool and the jobs; the requests' come from web.
func newMetrics(a *app) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), state{a})
	built := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "cho40_build", Help: "1; the version is a label."}, []string{"version"})
	built.WithLabelValues(version).Set(1)
	r.MustRegister(built)
	return r
}

// inspect answers on the private address.
func inspect(r *prometheus.Registry) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(r, promhttp.HandlerOpts{}))
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

// state is asked for when Prometheus comes.
type state struct{ *app }

var (
	poolInUse  = prometheus.NewDesc("cho40_pool_in_use", "Database connections that work.", nil, nil)
	poolIdle   = prometheus.NewDesc("cho40_pool_idle", "Database connections that wait for work.", nil, nil)
	poolMost   = prometheus.NewDesc("cho40_pool_most", "Database connections there may be.", nil, nil)
	poolWaits  = prometheus.NewDesc("cho40_pool_waits_total", "Requests that had to wait for a connection.", nil, nil)
	poolWaited = prometheus.NewDesc("cho40_pool_waited_seconds_total", "How long they waited.", nil, nil)
	jobGood    = prometheus.NewDesc("cho40_job_good_timestamp_seconds", "When a job went well last; figures and copies are as fresh as this.", []string{"job"}, nil)
	waiting    = prometheus.NewDesc("cho40_queue", "What waits to be sent: deliveries to webhooks.", []string{"of"}, nil)
	jobFailed  = prometheus.NewDesc("cho40_job_failed", "1 when its last run failed.", []string{"job"}, nil)
)

// Describe names the figures.
func (state) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{poolInUse, poolIdle, poolMost, poolWaits, poolWaited, jobGood, jobFailed, waiting} {
		to <- d
	}
}

// scrapeWithin is how long the database may take to say how the jobs fared; without it they are left out.
const scrapeWithin = 2 * time.Second

// Collect reads them.
func (s state) Collect(to chan<- prometheus.Metric) {
	pool := s.db.Stat()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(poolInUse, float64(pool.AcquiredConns()))
	gauge(poolIdle, float64(pool.IdleConns()))
	gauge(poolMost, float64(pool.MaxConns()))
	to <- prometheus.MustNewConstMetric(poolWaits, prometheus.CounterValue, float64(pool.EmptyAcquireCount()))
	to <- prometheus.MustNewConstMetric(poolWaited, prometheus.CounterValue, pool.EmptyAcquireWaitTime().Seconds())
	ctx, cancel := context.WithTimeout(context.Background(), scrapeWithin)
	defer cancel()
	runs, err := jobRuns(ctx, s.db)
	if err != nil {
		return
	}
	if n, err := postgres.One[int](ctx, s.db, `SELECT count(*)::int FROM webhook_deliveries WHERE next_at IS NOT NULL`, nil); err == nil {
		gauge(waiting, float64(n), "webhooks")
	}
	for _, r := range runs {
		failed := 0.0
		if r.Error != nil {
			failed = 1
		}
		gauge(jobFailed, failed, r.Name)
		if r.GoodAt != nil {
			gauge(jobGood, float64(r.GoodAt.Unix()), r.Name)
		}
	}
}
