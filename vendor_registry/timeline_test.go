package registry_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	registry "cho40/vendor_registry"
)

// story is what a timeline tells, oldest first.
func story(t testing.TB, hs []registry.Happening) []string {
	t.Helper()
	var said []string
	for _, h := range slices.Backward(hs) {
		s := h.Kind
		for _, more := range []string{h.Stall, h.Vendor, h.Next, h.To, h.Status, h.Tail, h.Note, h.Reason} {
			if more != "" {
				s += " " + more
			}
		}
		said = append(said, s)
	}
	return said
}

// A stall's story goes on when its vendor does not, and a vendor's goes with them from stall to stall.
func TestTimelines(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	step := func() { w.clock.pass(time.Minute) }
	w.exec(`INSERT INTO people (id, name, name_key, created_at) VALUES ($1, 'Thu', 'thu', now())`, strings.TrimPrefix(w.clerk.ID, "person:"))
	w.approve(w.stall("A-1", viettel).Accounts[0])
	if _, err := w.reg.Register(t.Context(), w.clerk, "VT", registry.NewStall{Code: "B-1"}); err != nil {
		t.Fatal(err)
	}
	step()
	_, ps := w.issue(registry.NewBatch{Stalls: []string{"A-1"}})
	step()
	w.record(ps[0].Serial, registry.NewPlacardEvent{Kind: "installed"})
	step()
	goods, phone := "Cá", "0712345678"
	if _, err := w.reg.Change(t.Context(), w.clerk, "VT", "A-1", w.look("A-1").ETag(), registry.ChangedStall{Goods: &goods, Vendor: &registry.ChangedVendor{Phone: &phone}}); err != nil {
		t.Fatal(err)
	}
	step()
	if _, err := w.reg.SetStatus(t.Context(), w.clerk, "VT", "A-1", registry.NewStatus{Status: registry.Closed, Reason: "illness"}); err != nil {
		t.Fatal(err)
	}
	step()
	first := w.look("A-1").Vendor.ID
	if _, err := w.reg.MoveTo(t.Context(), w.clerk, "VT", "A-1", registry.Move{To: "B-1", Reason: "better_place"}); err != nil {
		t.Fatal(err)
	}
	step()
	w.handOver("A-1", "Hồ Thúy Hòa")
	step()
	w.handOver("A-1", "Thạch Ngọc Lan")
	step()
	w.propose("B-1", vnpt) // not a matter of A-1 any more

	told, err := w.reg.Timeline(t.Context(), w.clerk, "VT", "a-1", registry.List{})
	tam := "Lý Minh Tâm A-1"
	want := []string{"registered A-1", "consent " + tam + " vendor", "proposed " + tam + " 0001", "approved " + tam + " 0001", "issued A-1", "installed A-1",
		"vendor_changed " + tam + " phone", "changed A-1 goods", "status A-1 " + tam + " closed illness", "suspended A-1 vendor moved",
		"moved A-1 " + tam + " B-1 better_place", "taken A-1 Hồ Thúy Hòa", "transferred A-1 Hồ Thúy Hòa Thạch Ngọc Lan sold"}
	got := story(t, told.Items)
	slices.Sort(got) // of one moment any order will do
	slices.Sort(want)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("of the stall:\n%s\nwant\n%s\n%v", strings.Join(got, "\n"), strings.Join(want, "\n"), err)
	}
	for _, h := range told.Items {
		if h.Kind == "moved" && (h.Who != "Thu" || h.Day == nil || *h.Day != w.reg.Today()) {
			t.Errorf("who moved: %+v", h)
		}
	}
	for i := 1; i < len(told.Items); i++ {
		if told.Items[i].At.After(told.Items[i-1].At) {
			t.Errorf("%d is newer than the one before", i)
		}
	}

	told, err = w.reg.VendorTimeline(t.Context(), w.clerk, "VT", first, registry.List{})
	got = story(t, told.Items)
	for _, s := range []string{"vendor_registered " + tam, "moved A-1 " + tam + " B-1 better_place", "proposed " + tam + " 0002", "status A-1 " + tam + " closed illness"} {
		if !slices.Contains(got, s) {
			t.Errorf("the vendor's story lacks %q: %q", s, got)
		}
	}
	if err != nil || slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, "Hòa") }) {
		t.Errorf("the vendor's story tells of others: %q, %v", got, err)
	}

	// In pages it is the same, nothing twice and nothing left out.
	whole, _ := w.reg.Timeline(t.Context(), w.clerk, "VT", "A-1", registry.List{})
	for _, size := range []int{1, 2, 5, 12, 13, 14} {
		var parts []registry.Happening
		for l := (registry.List{Limit: size}); ; {
			p, err := w.reg.Timeline(t.Context(), w.clerk, "VT", "A-1", l)
			if err != nil || len(p.Items) > size {
				t.Fatal(len(p.Items), err)
			}
			parts = append(parts, p.Items...)
			if p.Next == nil {
				break
			}
			l.Cursor = *p.Next
		}
		if fmt.Sprint(story(t, parts)) != fmt.Sprint(story(t, whole.Items)) {
			t.Errorf("in pages of %d: %q", size, story(t, parts))
		}
	}
	for _, cursor := range []string{"x", "1~2", "x~1~y", "1~x~y", "9999999999999999999~0~x", "-99999999999999999~0~x"} {
		_, err := w.reg.Timeline(t.Context(), w.clerk, "VT", "A-1", registry.List{Cursor: cursor})
		isFault(t, err, "cursor-invalid")
	}
	masked, err := w.reg.Timeline(t.Context(), w.auditor, "VT", "A-1", registry.List{})
	if text := fmt.Sprint(masked.Items); err != nil || strings.Contains(text, "Minh") || strings.Contains(text, "Ngọc") || !strings.Contains(text, "L• M•••") {
		t.Errorf("an auditor reads %s, %v", text, err)
	}
	for _, by := range []registry.Actor{w.partner, w.admin} {
		_, err := w.reg.VendorTimeline(t.Context(), by, "VT", first, registry.List{})
		isFault(t, err, "not-allowed")
	}
	_, err = w.reg.VendorTimeline(t.Context(), w.stranger, "VT", first, registry.List{})
	isFault(t, err, "market-not-found")
	_, err = w.reg.VendorTimeline(t.Context(), w.clerk, "VT", registry.VendorID{}, registry.List{})
	isFault(t, err, "vendor-not-found")
}
