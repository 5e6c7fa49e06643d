package web

import (
	"context"
	"net/http"
	"testing"
	"time"

	"cho40/internal/postgres/pgtest"
	registry "cho40/vendor_registry"
)

// A batch whose drawing takes longer than a page waits is drawn all the same, after the page was answered and its reader has gone.
func TestDrawingGoesOnByItself(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.approveAll()
	b, err := m.reg.Issue(t.Context(), m.actor("loan"), "VT", registry.NewBatch{All: true, Sheet: "a6x4"}, Fits())
	if err != nil {
		t.Fatal(err)
	}
	held, err := pgtest.Owner(t, m.db).Begin(context.Background())
	if err == nil {
		t.Cleanup(func() { _ = held.Rollback(context.Background()) })              // or nothing would end where the test fails
		_, err = held.Exec(t.Context(), `LOCK TABLE placard_events IN SHARE MODE`) // so that nothing is printed yet
	}
	if err != nil {
		t.Fatal(err)
	}
	at := "/print-batches/" + b.Ref.String()
	m.post("loan", at+"/draw", nil).is(http.StatusSeeOther)
	state := func() string {
		t.Helper()
		b, _, err := m.reg.Batch(t.Context(), m.actor("loan"), b.Ref)
		if err != nil {
			t.Fatal(err)
		}
		return b.Work.State
	}
	if got := state(); got != "runs" {
		t.Errorf("it %s while it is drawn", got)
	}
	if again := m.get("loan", at).is(http.StatusOK).sound().has("Đã vẽ và đọc lại"); again.Header.Get("Refresh") == "" {
		t.Error("the page does not come again")
	}
	if err := held.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 200 {
		if state() == "ended" {
			m.get("loan", at).is(http.StatusOK).hasNot("Đã vẽ và đọc lại")
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("it %s", state())
}
