package coverage_test

import (
	"slices"
	"time"

	"cho40/internal/id"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/coverage"

	"pgregory.net/rapid"
)

// found is a reason that a visit recorded, by the vendor who had the stall.
type found struct {
	barrier string
	at      time.Time
	order   string // of two at once
}

// keepCounts does what the service does from time to time.
func (h *history) keepCounts() {
	_, err := h.reg.KeepCounts(h.ctx.Context())
	h.must(err)
}

// find lets a visit record a reason, at times days late: as whoever records visits does, or as one that nobody counted.
func (h *history) find() {
	stalls := h.held(true)
	if len(stalls) == 0 {
		return
	}
	s := rapid.SampledFrom(stalls).Draw(h.T, "stall")
	v := s.now().vendor
	f := found{rapid.SampledFrom([]string{"no_phone", "fees", "absent"}).Draw(h.T, "barrier"), h.at, ""}
	if rapid.Bool().Draw(h.T, "late") {
		f.at = h.at.Add(-time.Duration(rapid.IntRange(0, 20*24).Draw(h.T, "hours")) * time.Hour)
	}
	visit := id.New[coverage.Share]().String()
	f.order = visit
	_, err := h.db.Exec(h.ctx.Context(), `
		INSERT INTO visits (market_id, id, stall_id, vendor_id, outcome, barrier, at, by, recorded_at, recorded_by)
		SELECT m.id, $1, s.id, $2, 'helped', $3, $4, 'person:x', $5, 'person:x' FROM markets m JOIN stalls s ON s.market_id = m.id WHERE m.code = $6 AND s.code = $7`,
		visit, v.id, f.barrier, f.at, h.at, h.code, s.code)
	h.must(err)
	v.found = append(v.found, f)
	h.keepCounts()
}

// reason is the last one recorded of a vendor by a moment, and since when it stands.
func (v *vendor) reason(at time.Time) (barrier string, since time.Time) {
	var seen []found
	for _, f := range v.found {
		if !f.at.After(at) {
			seen = append(seen, f)
		}
	}
	slices.SortFunc(seen, func(a, b found) int { return a.at.Compare(b.at) })
	slices.SortStableFunc(seen, func(a, b found) int {
		if c := a.at.Compare(b.at); c != 0 {
			return c
		}
		return slices.Compare([]byte(a.order), []byte(b.order))
	})
	for i := len(seen) - 1; i >= 0; i-- {
		if barrier != "" && seen[i].barrier != barrier {
			break
		}
		barrier, since = seen[i].barrier, seen[i].at
	}
	return barrier, since
}

// counted compares every counter with the facts.
func (h *history) counted() {
	wrong, err := h.reg.CheckCounts(h.ctx.Context(), registry.Console(), h.code, false)
	h.must(err)
	if len(wrong) > 0 {
		h.Fatalf("counters differ from the facts: %+v", wrong)
	}
}

// barriers compares the reasons told of a moment with those that were recorded by then.
func (h *history) barriers(got coverage.Share, at time.Time) {
	type reason struct {
		vendors int
		since   float64
	}
	want := map[string]reason{}
	for _, v := range h.vendors {
		if f, _ := v.figuresAt(at); v.first(at) == nil || f.accepting == 1 {
			continue
		}
		code, since := v.reason(at)
		if code == "" {
			code = "never_asked"
		}
		w := want[code]
		w.vendors, w.since = w.vendors+1, w.since+float64(registry.DayOf(since).Number())
		want[code] = w
	}
	for _, b := range got.Barriers {
		w := want[b.Code]
		if w.vendors != b.Vendors {
			h.Fatalf("at %s: %+v, want %+v", at, got.Barriers, want)
		}
		if b.Code != "never_asked" && got.AsOf.Number()-int(w.since)/w.vendors != *b.Days {
			h.Fatalf("at %s: %s stands for %d days, want %+v", at, b.Code, *b.Days, w)
		}
		delete(want, b.Code)
	}
	if len(want) > 0 {
		h.Fatalf("at %s: %+v lack %+v", at, got.Barriers, want)
	}
}
