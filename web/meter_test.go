package web_test

import (
	"fmt"
	"log/slog"
	"testing"

	"cho40/web"

	"github.com/prometheus/client_golang/prometheus"
)

// TestMeters: a ledger's rows are counted once they are stored, placards once they are drawn; a preview, a refusal and an answer said again count nothing.
func TestMeters(t *testing.T) {
	t.Parallel()
	w := stalled(t)
	figures := prometheus.NewRegistry()
	w.h = web.Handler(web.Config{DB: w.db, Now: w.clock.now, Log: slog.New(slog.NewJSONHandler(w.log, nil)), Metrics: figures})
	counts := func(want string) {
		t.Helper()
		all, err := figures.Gather()
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]float64{}
		for _, f := range all {
			for _, m := range f.Metric {
				name := f.GetName()
				for _, l := range m.Label {
					name += " " + l.GetValue()
				}
				got[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
		if said := fmt.Sprint(got["cho40_imported_rows_total good"], got["cho40_imported_rows_total faulty"], got["cho40_printed_placards_total"], got["cho40_http_requests_running"]); said != want {
			t.Errorf("rows good and faulty, placards, requests running: %s, want %s", said, want)
		}
	}
	ledger := raw{"multipart/form-data; boundary=x",
		"--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"so.csv\"\r\n\r\nMã quầy;Tên hộ kinh doanh;Viettel Money\nN-8;Trần Văn Bê;abc\nN-9;Trần Văn Bê;\nN-10;Trần Văn Tư;\n\r\n--x--\r\n"}
	w.take(t, step{as: "clerk", do: "POST " + near + "/imports", body: ledger, status: 201, keep: map[string]string{"place": "=Location"}})
	counts("0 0 0 0")
	commit := step{as: "clerk", do: "POST $place/commit", body: `{"rows":"good","attested":"vi-1"}`, header: []string{"Idempotency-Key", "once"}, status: 200}
	w.take(t, commit)
	w.take(t, commit)
	counts("2 1 0 0")
	w.take(t, step{as: "clerk", do: "POST " + near + "/print-batches", body: `{"stalls":["B-02"]}`, status: 409})
	w.take(t, step{as: "clerk", do: "POST " + near + "/print-batches", body: `{"stalls":["A-13","B-01"],"provisional":true}`, status: 201})
	counts("2 1 2 0")
}
