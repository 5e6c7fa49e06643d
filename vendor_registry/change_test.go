package registry_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"

	"github.com/jackc/pgx/v5"
)

// feed reads a stretch of the feed: "VT A-1 approved→printed" by stall.
type feed struct {
	*world
	by     registry.Actor
	cursor string
	stall  map[string]string // of an account
}

func (f *feed) read(q registry.ChangeQuestion) (all []string) {
	f.Helper()
	for {
		q.Cursor = f.cursor
		got, err := f.reg.Changes(f.Context(), f.by, q)
		if err != nil {
			f.Fatal(err)
		}
		f.cursor = got.Next
		for _, c := range got.Items {
			name := func(s *registry.Stage) string {
				if s == nil {
					return "–"
				}
				return s.String()
			}
			line := fmt.Sprintf("%s %s→%s", f.stall[c.Account.String()], name(c.Was), name(c.Stage))
			if c.Suspended {
				line += " suspended"
			}
			all = append(all, line)
		}
		if len(got.Items) == 0 || q.Limit == 0 {
			return all
		}
	}
}

func (f *feed) hears(what string, want ...string) {
	f.Helper()
	got := f.read(registry.ChangeQuestion{})
	if strings.Join(got, "; ") != strings.Join(want, "; ") {
		f.Errorf("%s: %q, want %q", what, got, want)
	}
}

// A partner hears of its own provider's vendors who agree, by their own placards; a board of all.
func TestChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stalls := map[string]string{}
	add := func(stall string, a registry.NewAccount) registry.Account {
		got := w.stall(stall, a).Accounts[0]
		stalls[got.ID.String()] = stall
		return got
	}
	partner, board, rival := &feed{w, w.partner, "", stalls}, &feed{w, w.manager, "", stalls}, &feed{w, keyOf(t, "vnpt_money"), "", stalls}
	a := add("A-1", viettel)
	partner.hears("nobody agreed yet")
	board.hears("the board hears anyway", "A-1 –→account")
	w.share("A-1", "viettel_money")
	w.clock.pass(time.Second)
	partner.hears("agreed", "A-1 –→account")
	board.hears("which is nothing new to the board")
	w.approve(a)
	partner.hears("approved", "A-1 account→approved")
	partner.hears("and once only")
	_, ps := w.issue(registry.NewBatch{Stalls: []string{"A-1"}})
	placard := ps[0]
	w.record(placard.Serial, registry.NewPlacardEvent{Kind: "installed", HeardName: "lý minh tâm", Consent: agreed})
	partner.hears("what came to one between two looks", "A-1 approved→installed")
	w.record(placard.Serial, registry.NewPlacardEvent{Kind: "suspended", Reason: "x"})
	partner.hears("stopped", "A-1 installed→installed suspended")
	add("A-2", vnpt)
	w.share("A-2", "vnpt_money")
	partner.hears("another provider's")
	rival.hears("hears of its own", "A-2 –→account")
	w.clock.pass(time.Minute)
	w.sharing("A-1", "viettel_money", true)
	partner.hears("taken back", "A-1 –→–")
	partner.cursor = ""
	partner.hears("and what was before is told no more", "A-1 –→–")
	board.cursor = ""
	board.hears("the board's whole feed", "A-1 –→account", "A-1 account→approved", "A-1 approved→installed", "A-1 installed→installed suspended", "A-2 –→account")
	outside := &feed{w, w.stranger, "", stalls}
	outside.hears("another board")
	for _, tt := range []struct {
		by   registry.Actor
		q    registry.ChangeQuestion
		want string
	}{
		{w.clerk, registry.ChangeQuestion{}, "not-allowed"}, {w.admin, registry.ChangeQuestion{}, "not-allowed"},
		{w.stranger, registry.ChangeQuestion{Market: "VT"}, "market-not-found"}, {w.partner, registry.ChangeQuestion{Provider: "vnpt_money"}, "provider-not-found"},
		{w.partner, registry.ChangeQuestion{List: registry.List{Cursor: "x"}}, "cursor-invalid"}, {w.partner, registry.ChangeQuestion{List: registry.List{Cursor: "99999"}}, "cursor-ahead"}, {w.partner, registry.ChangeQuestion{List: registry.List{Limit: 201}}, "limit-invalid"},
	} {
		if _, err := w.reg.Changes(t.Context(), tt.by, tt.q); fault.CodeOf(err) != tt.want {
			t.Errorf("%+v: %v, want %s", tt.q, err, tt.want)
		}
	}
	w.clock.pass(registry.FeedLives + time.Hour)
	if _, err := w.reg.Retain(t.Context()); err != nil {
		t.Fatal(err)
	}
	board.cursor = ""
	board.hears("what is left after long is the last of each", "A-2 –→account", "A-1 –→installed suspended")
	w.whole()
}

// What commits later than what was begun after it is never skipped, however many read and write at once.
func TestFeedSkipsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	reader := &feed{w, w.officer, "", map[string]string{}}
	// A slow transaction: begun first, committed last.
	slow := make(chan struct{})
	begun := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		err := pgx.BeginFunc(context.WithoutCancel(ctx), w.db, func(tx pgx.Tx) error {
			in := registry.NewStall{Code: "S-0", Vendor: &registry.NewVendor{Name: "Chậm"}, Accounts: []registry.NewAccount{numbered(viettel, 900)}, Consent: agreed}
			_, err := w.reg.On(tx).Register(ctx, w.stranger, "XX", in)
			close(begun)
			<-slow
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-begun
	for n := range 4 {
		all.Go(func() {
			for i := range 5 {
				w.stall(fmt.Sprintf("W%d-%d", n, i), numbered(viettel, 100*n+i+1))
			}
		})
	}
	heard := 0
	for heard < 20 {
		heard += len(reader.read(registry.ChangeQuestion{List: registry.List{Limit: 3}}))
	}
	close(slow)
	all.Wait()
	if got := reader.read(registry.ChangeQuestion{}); len(got) != 1 || heard != 20 {
		t.Errorf("%d changes, then %q of what committed last", heard, got)
	}
}

// A look that comes home late says how a placard was on its day, and changes nothing of how it is since.
func TestChangesOfLateLooks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.placard("A-1", viettel)
	f := &feed{w, w.manager, "", map[string]string{registry.AccountRef{Market: "VT", ID: p.AccountID}.String(): "A-1"}}
	w.record(p.Serial, registry.NewPlacardEvent{Kind: "installed", HeardName: "lý minh tâm", Consent: agreed})
	w.clock.pass(2 * day)
	seen := w.clock.now()
	w.clock.pass(2 * day)
	w.record(p.Serial, registry.NewPlacardEvent{Kind: "checked", Payload: p.Payload})
	w.record(p.Serial, registry.NewPlacardEvent{Kind: "suspended", Reason: "x"})
	f.hears("it was looked at and stopped", "A-1 –→checked suspended")
	w.clock.pass(day)
	w.record(p.Serial, registry.NewPlacardEvent{Kind: "checked", Result: "damaged", At: seen})
	f.hears("what was so before that")
	w.record(p.Serial, registry.NewPlacardEvent{Kind: "removed", Reason: "x"})
	f.hears("taken down", "A-1 checked→approved")
	w.record(p.Serial, registry.NewPlacardEvent{Kind: "checked", Payload: p.Payload, At: seen})
	f.hears("one that is over does not hang again")
}

// A look that claims a time at which there was nothing to look at yet counts from when there was, and is not lost.
func TestLookBeforeThereWasAnything(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.placard("A-1", viettel)
	printed := w.clock.now()
	w.clock.pass(2 * day)
	w.record(p.Serial, registry.NewPlacardEvent{Kind: "suspended", Reason: "x"})
	stopped := w.clock.now()
	w.clock.pass(day)
	got := w.record(p.Serial, registry.NewPlacardEvent{Kind: "checked", Result: "damaged", At: printed.Add(time.Hour)})
	if got.State != "suspended" || got.CheckedAt == nil || !got.CheckedAt.Equal(stopped) {
		t.Errorf("%s, looked at %v, want suspended, %v", got.State, got.CheckedAt, stopped)
	}
	w.whole()
}

// A market that cannot be followed holds up no other, and nobody who reads the feed.
func TestFollowGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.stall("A-1", viettel).Accounts[0]
	st, err := w.reg.Register(t.Context(), w.stranger, "XX", registry.NewStall{Code: "B-1", Vendor: &registry.NewVendor{Name: "Lý Minh Tâm"}, Accounts: []registry.NewAccount{viettel}, Consent: agreed})
	if err != nil {
		t.Fatal(err)
	}
	b := st.Accounts[0]
	stalls := map[string]string{a.ID.String(): "A-1", b.ID.String(): "B-1"}
	board := &feed{w, w.manager, "", stalls}
	board.hears("both are followed", "A-1 –→account")
	other := &feed{w, w.stranger, "", stalls}
	other.hears("each by its own board", "B-1 –→account")
	w.approve(a)
	if _, err := w.reg.Withdraw(t.Context(), w.stranger, b.ID, "x"); err != nil {
		t.Fatal(err)
	}
	first := ask[string](w, `SELECT min(market_id::text) FROM feed_heads`)
	tx, err := w.db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `SELECT FROM feed_heads WHERE market_id = $1 FOR UPDATE`, first); err != nil {
		t.Fatal(err)
	}
	if _, err := w.reg.Follow(t.Context()); err == nil || !strings.Contains(err.Error(), first) {
		t.Errorf("following says %v", err)
	}
	if n := ask[int](w, `SELECT count(*) FROM feed_heads f JOIN audit_heads h ON h.market_id = f.market_id AND h.seq = f.seq`); n != 1 {
		t.Errorf("%d markets are followed to their end, want the other one", n)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	board.hears("it goes on", "A-1 account→approved")
	other.hears("and so does the other", "B-1 account→–")
}
