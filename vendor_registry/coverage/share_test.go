package coverage_test

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres/pgtest"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/coverage"

	"github.com/jackc/pgx/v5/pgxpool"
	"pgregory.net/rapid"
)

const day = 24 * time.Hour

var zone = time.FixedZone("", 7*60*60)

// market is a market with a clock of its own.
type market struct {
	db             *pgxpool.Pool
	code           string
	at             time.Time
	reg            *registry.Service
	cov            *coverage.Service
	clerk, manager registry.Actor
}

func open(t testing.TB, db *pgxpool.Pool, code, area string) *market {
	t.Helper()
	m := &market{db: db, code: code, at: time.Date(2026, 3, 2, 1, 0, 0, 0, time.UTC)}
	now := func() time.Time { return m.at }
	m.reg, m.cov = registry.New(db, now), coverage.New(db, now)
	m.clerk, m.manager = actor("clerk", "market:"+code), actor("manager", "market:"+code)
	if _, err := m.reg.AddMarket(t.Context(), registry.Console(), registry.NewMarket{Code: code, Name: "Chợ " + code, Area: area}); err != nil {
		t.Fatal(err)
	}
	return m
}

// always is a second factor that stays fresh however much time passes.
var always = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)

func actor(role, scope string) registry.Actor {
	g, err := registry.ParseGrant(role, scope)
	if err != nil {
		panic(err)
	}
	return registry.Actor{ID: "person:" + id.New[registry.Actor]().String(), Via: "web", Grants: []registry.Grant{g}, SteppedUp: always}
}

var agreed = &registry.NewConsent{Version: "vi-1", Given: "face_to_face"}

func anyFits(registry.Batch, registry.Placard) (why, warning fault.Text) { return }

// ---------------------------------------------------------------- what happened, kept beside the record

type vendor struct {
	id       registry.VendorID
	tenures  []*tenure
	accounts []*account // since a merge also those of the other record
	chosen   *account   // the default
	found    []found    // reasons that visits recorded
}

type stall struct {
	code, section, goods string
	position             int
	created              time.Time
	tenures              []*tenure
}

// tenure is a vendor holding a stall, from a day until a day.
type tenure struct {
	stall        *stall
	vendor       *vendor
	began, ended string // market days; no end while it lasts
	statuses     []status
}

type status struct {
	began, word string
	from, to    int // of a season, months
}

// on reports whether the vendor trades there on a day.
func (t *tenure) on(day string) bool {
	if day < t.began || t.ended != "" && day >= t.ended {
		return false
	}
	word, from, to := "trading", 0, 0
	for _, s := range t.statuses {
		if s.began <= day {
			word, from, to = s.word, s.from, s.to
		}
	}
	if word != "seasonal" {
		return word == "trading"
	}
	for m := from; ; m = m%12 + 1 {
		if fmt.Sprintf("%02d", m) == day[5:7] {
			return true
		}
		if m == to {
			return false
		}
	}
}

// tradesAt reports whether a vendor trades at a stall at a moment.
func (v *vendor) tradesAt(s *stall, at time.Time) bool {
	return slices.ContainsFunc(v.tenures, func(t *tenure) bool { return t.stall == s && t.on(marketDay(at)) && !s.created.After(at) })
}

// first is the first stall in walking order at which a vendor trades at a moment, nil for none.
func (v *vendor) first(at time.Time) (first *stall) {
	for _, t := range v.tenures {
		if v.tradesAt(t.stall, at) && (first == nil || t.stall.position < first.position) {
			first = t.stall
		}
	}
	return first
}

// now is who holds a stall now, nil for nobody.
func (s *stall) now() *tenure {
	for _, t := range s.tenures {
		if t.ended == "" {
			return t
		}
	}
	return nil
}

type account struct {
	id       registry.AccountRef
	number   string
	provider string
	rank     int
	proposed time.Time
	replaces *account
	vendor   *vendor
	approved time.Time // zero: not
	ended    time.Time // rejected or superseded
	placards []*placard
}

type placard struct {
	serial string
	stall  *stall
	mark   string
	stand  bool // a wallet's own
	events []event
}

type event struct {
	kind, state, result string
	at                  time.Time
}

func (p *placard) state() string { return p.events[len(p.events)-1].state }

func (p *placard) live() bool {
	return slices.Contains([]string{"issued", "printed", "handed_over", "installed", "suspended"}, p.state())
}

// add appends an event; time never runs back.
func (p *placard) add(kind, state, result string, at time.Time) {
	if n := len(p.events); n > 0 && at.Before(p.events[n-1].at) {
		at = p.events[n-1].at
	}
	p.events = append(p.events, event{kind, state, result, at})
}

// look adds a check, which keeps its time: a newer one stands. It was not before the placard came to be or was hung, and in a state to be looked
// at. state is the placard's afterwards.
func (p *placard) look(result, state string, at, now time.Time) {
	toLook := func(state string) bool { return state == "installed" || state == "suspended" }
	for i, e := range p.events {
		if (i == 0 || e.kind == "installed") && e.at.After(at) {
			at = e.at
		}
	}
	after := func() int { // so many are not later than it
		n := 0
		for n < len(p.events) && !p.events[n].at.After(at) {
			n++
		}
		return n
	}
	for n := after(); n < len(p.events) && !toLook(p.events[n-1].state); n = after() {
		at = p.events[n].at
	}
	n := after()
	newer := slices.Clone(p.events[n:])
	look := event{"checked", state, result, at}
	if len(newer) > 0 {
		look.state = p.events[n-1].state
	}
	p.events = append(append(p.events[:n:n], look), newer...)
	if len(newer) > 0 && p.state() != state { // what was seen long ago stops what hangs now
		p.add(state, state, "", now)
	}
}

func (a *account) end(how string, at time.Time) {
	a.ended = at
	for _, p := range a.placards {
		if p.live() && p.state() != how {
			p.add(how, how, "", at)
		}
	}
}

// ---------------------------------------------------------------- the figures, worked out from what happened

type figures struct {
	vendors, accepting, suspended, overdue int
	stages                                 [6]int // cumulative
}

func (f *figures) add(g figures) {
	f.vendors, f.accepting, f.suspended, f.overdue = f.vendors+g.vendors, f.accepting+g.accepting, f.suspended+g.suspended, f.overdue+g.overdue
	for i := range f.stages {
		f.stages[i] += g.stages[i]
	}
}

func before(t, at time.Time) bool { return !t.IsZero() && !t.After(at) }

// figuresOf is one vendor at a moment.
func (v *vendor) figuresAt(at time.Time) (f figures, provider string) {
	f.vendors = 1
	stage := 0
	var best *account
	for _, a := range v.accounts {
		if a.proposed.After(at) || before(a.ended, at) {
			continue
		}
		approved := before(a.approved, at)
		if !approved && !a.proposed.After(at.Add(-14*day)) {
			continue
		}
		level := 1
		if approved {
			level = 2
		}
		switch {
		case level > stage, best == nil:
			best = a
		case level == stage && level == 1 && (a.rank < best.rank):
			best = a
		}
		stage = max(stage, level)
	}
	if best != nil {
		provider = best.provider
	}
	if stage == 2 && v.chosen != nil { // on a past day it may have been an account of the other record
		provider = v.chosen.provider
	}
	var accepting, suspended, overdue bool
	for _, a := range v.accounts {
		if !before(a.approved, at) || before(a.ended, at) {
			continue
		}
		for _, p := range a.placards {
			if !v.tradesAt(p.stall, at) {
				continue
			}
			var seen []event
			for _, e := range p.events {
				if !e.at.After(at) {
					seen = append(seen, e)
				}
			}
			if len(seen) == 0 {
				continue
			}
			state := seen[len(seen)-1].state
			if !slices.Contains([]string{"issued", "printed", "handed_over", "installed", "suspended"}, state) {
				continue
			}
			stage = max(stage, 3)
			var hung, looked time.Time
			result := ""
			for _, e := range seen {
				switch e.kind {
				case "installed":
					hung, looked, result = e.at, time.Time{}, ""
				case "checked":
					if !hung.IsZero() {
						looked, result = e.at, e.result
					}
				}
			}
			suspended = suspended || state == "suspended"
			if hung.IsZero() {
				continue
			}
			if state == "installed" || state == "suspended" {
				stage = max(stage, 4)
			}
			if state != "installed" {
				continue
			}
			due := hung.Add(30 * day)
			if !looked.IsZero() {
				due = looked.Add(180 * day)
			}
			if result == "match" {
				stage = 5
			}
			switch {
			case due.Before(at):
				overdue = true
			case result == "" || result == "match":
				accepting = true
			}
		}
	}
	one := func(b bool) int {
		if b {
			return 1
		}
		return 0
	}
	f.accepting, f.suspended, f.overdue = one(accepting), one(suspended && !accepting), one(overdue && !accepting)
	for i := 0; i <= stage; i++ {
		f.stages[i] = 1
	}
	return f, provider
}

func marketDay(t time.Time) string { return t.In(zone).Format(time.DateOnly) }

// expected are the figures of all vendors at a moment, whole and by a key; teams are those of each section.
func expected(vs []*vendor, by string, at time.Time, teams map[string]string) (whole figures, parts map[string]figures) {
	parts = map[string]figures{}
	for _, v := range vs {
		first := v.first(at)
		if first == nil {
			continue
		}
		f, provider := v.figuresAt(at)
		key := map[string]string{"section": first.section, "goods": first.goods, "provider": provider, "team": teams[first.section]}[by]
		whole.add(f)
		part := parts[key]
		part.add(f)
		parts[key] = part
	}
	return whole, parts
}

func told(vendors, accepting, suspended, overdue int, funnel []coverage.Step) figures {
	f := figures{vendors: vendors, accepting: accepting, suspended: suspended, overdue: overdue}
	for i, s := range funnel {
		f.stages[i] = s.Vendors
	}
	return f
}

// ---------------------------------------------------------------- histories

// history is a market with its story.
type history struct {
	*rapid.T
	*market
	ctx      testing.TB
	vendors  []*vendor
	stalls   []*stall
	numbers  int
	accounts []*account
	placards []*placard
	batches  []registry.BatchRef
	teams    map[string]string // who walks each section; none: nobody
}

func (h *history) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatalf("%v", err)
	}
}

var providers = []string{"viettel_money", "vnpt_money", "momo"}

func (h *history) number() string {
	h.numbers++
	return fmt.Sprintf("071%07d", h.numbers)
}

// register brings in a ledger of one vendor with one or two stalls and up to two wallets.
func (h *history) register() {
	v := &vendor{}
	phone := h.number()
	wallets := [2]string{}
	for i := range wallets {
		if rapid.Bool().Draw(h.T, "wallet") {
			wallets[i] = h.number()
		}
	}
	content := "Mã sạp;Khu;Mặt hàng;Người bán;Số điện thoại;Viettel Money;VNPT Money\n"
	for range rapid.IntRange(1, 2).Draw(h.T, "stalls") {
		s := h.addStall(rapid.SampledFrom([]string{"Khu A", "Khu B"}).Draw(h.T, "section"), rapid.SampledFrom([]string{"Rau", "Cá"}).Draw(h.T, "goods"))
		h.hold(s, v, marketDay(h.at))
		content += strings.Join([]string{s.code, s.section, s.goods, "Người " + phone, phone, wallets[0], wallets[1]}, ";") + "\n"
	}
	content += h.addStall("Khu C", "").code + ";Khu C;;;;;\n" // and a vacant one, which counts nowhere
	im, err := h.reg.PreviewImport(h.ctx.Context(), h.clerk, h.code, "so.csv", strings.NewReader(content), true)
	h.must(err)
	_, err = h.reg.CommitImport(h.ctx.Context(), h.clerk, im.Ref, registry.CommitImport{Attested: "vi-1"})
	h.must(err)
	h.vendors = append(h.vendors, v)
	st, err := h.reg.Stall(h.ctx.Context(), h.clerk, h.code, v.tenures[0].stall.code)
	h.must(err)
	v.id = st.Vendor.ID
	for i, a := range st.Accounts {
		h.keep(v, a, i+1)
	}
}

func (h *history) addStall(section, goods string) *stall {
	n := len(h.stalls) + 1
	s := &stall{code: fmt.Sprintf("S-%d", n), section: section, goods: goods, position: n, created: h.at}
	h.stalls = append(h.stalls, s)
	return s
}

func (h *history) hold(s *stall, v *vendor, from string) {
	t := &tenure{stall: s, vendor: v, began: from}
	s.tenures, v.tenures = append(s.tenures, t), append(v.tenures, t)
}

// held are the stalls that somebody holds, or nobody.
func (h *history) held(by bool) []*stall {
	return slices.DeleteFunc(slices.Clone(h.stalls), func(s *stall) bool { return (s.now() != nil) != by })
}

// from is a day some days back.
func (h *history) from() (registry.Day, string) {
	d := registry.DayOf(h.at).Plus(-rapid.IntRange(0, 1).Draw(h.T, "back") * rapid.IntRange(0, 31).Draw(h.T, "days back"))
	return d, d.String()
}

// free reports whether the history of a stall lets something be dated so.
func (s *stall) free(from string) bool {
	for _, t := range s.tenures {
		if t.ended != "" && t.began < t.ended && t.ended > from || t.ended == "" && t.began > from {
			return false
		}
		for _, st := range t.statuses {
			if t.ended == "" && st.began > from {
				return false
			}
		}
	}
	return true
}

// refused reports whether a change was refused, and fails unless that was right.
func (h *history) refused(err error, right bool) bool {
	h.Helper()
	if !right {
		h.must(err)
		return false
	}
	if fault.CodeOf(err) != "history-overlaps" {
		h.Fatalf("what is dated before something else is answered %v", err)
	}
	return true
}

// trade records how somebody trades from a day on.
func (h *history) trade() {
	stalls := h.held(true)
	if len(stalls) == 0 {
		return
	}
	s := rapid.SampledFrom(stalls).Draw(h.T, "stall")
	day, from := h.from()
	st := status{began: from, word: rapid.SampledFrom([]string{"closed", "closed", "seasonal", "trading"}).Draw(h.T, "status")}
	in := registry.NewStatus{Status: st.word, From: day, Reason: "x"}
	if st.word == "seasonal" {
		st.from, st.to = rapid.IntRange(1, 12).Draw(h.T, "first month"), rapid.IntRange(1, 12).Draw(h.T, "last month")
		in.Season = &registry.Season{From: st.from, To: st.to}
	}
	_, err := h.reg.SetStatus(h.ctx.Context(), h.clerk, h.code, s.code, in)
	if t := s.now(); !h.refused(err, !s.free(from)) {
		t.statuses = append(t.statuses, st)
	}
}

// goes ends who holds a stall: what hangs there stops.
func (h *history) goes(s *stall, from string) {
	s.now().ended = from
	for _, p := range h.placards {
		if p.stall == s && p.live() && p.state() != "suspended" {
			p.add("suspended", "suspended", "", h.at)
		}
	}
}

// transfer hands a stall over, or lets somebody take one that nobody holds.
func (h *history) transfer() {
	if len(h.stalls) == 0 {
		return
	}
	s := rapid.SampledFrom(h.stalls).Draw(h.T, "stall")
	day, from := h.from()
	in := registry.Transfer{From: day, Reason: "x", Consent: agreed}
	v := &vendor{}
	if rapid.Bool().Draw(h.T, "somebody known") {
		v = rapid.SampledFrom(h.vendors).Draw(h.T, "vendor")
		if t := s.now(); t != nil && t.vendor == v {
			return
		}
		in.Vendor.ID = v.id
	} else {
		in.Vendor.Name = "Người mới"
	}
	st, err := h.reg.HandOver(h.ctx.Context(), h.clerk, h.code, s.code, in)
	if h.refused(err, !s.free(from)) {
		return
	}
	if s.now() != nil {
		h.goes(s, from)
	}
	if v.id.IsZero() {
		v.id = st.Vendor.ID
		h.vendors = append(h.vendors, v)
	}
	h.hold(s, v, from)
}

// leave lets a vendor give a stall up, or go to one that nobody holds.
func (h *history) leave() {
	stalls := h.held(true)
	if len(stalls) == 0 {
		return
	}
	s := rapid.SampledFrom(stalls).Draw(h.T, "stall")
	day, from := h.from()
	v := s.now().vendor
	if free := h.held(false); len(free) > 0 && rapid.Bool().Draw(h.T, "to another stall") {
		to := rapid.SampledFrom(free).Draw(h.T, "to")
		_, err := h.reg.MoveTo(h.ctx.Context(), h.clerk, h.code, s.code, registry.Move{To: to.code, From: day, Reason: "x"})
		if !h.refused(err, !s.free(from) || !to.free(from)) {
			h.goes(s, from)
			h.hold(to, v, from)
		}
		return
	}
	_, err := h.reg.Leave(h.ctx.Context(), h.clerk, h.code, s.code, registry.Leaving{From: day, Reason: "x"})
	if !h.refused(err, !s.free(from)) {
		h.goes(s, from)
	}
}

// merge makes one vendor of two.
func (h *history) merge() {
	if len(h.vendors) < 2 {
		return
	}
	gone, stays := rapid.SampledFrom(h.vendors).Draw(h.T, "gone"), rapid.SampledFrom(h.vendors).Draw(h.T, "stays")
	if gone == stays {
		return
	}
	got, err := h.reg.Merge(h.ctx.Context(), h.clerk, h.code, gone.id, registry.Merge{Into: stays.id})
	h.must(err)
	live := func(a *account) bool {
		return a.ended.IsZero() && (!a.approved.IsZero() || a.proposed.After(h.at.Add(-14*day)))
	}
	ranks := map[string]int{} // of what is proposed again
	for _, a := range gone.accounts {
		if !live(a) {
			continue
		}
		ranks[a.provider+a.number] = a.rank
		for _, o := range stays.accounts {
			if !live(o) || o.approved.IsZero() || a.approved.IsZero() || o.provider != a.provider || o.number != a.number {
				continue
			}
			a.placards = slices.DeleteFunc(a.placards, func(p *placard) bool {
				there := slices.ContainsFunc(o.placards, func(q *placard) bool { return q.stall == p.stall && q.stand == p.stand && q.live() })
				if p.live() && !there {
					o.placards = append(o.placards, p)
					return true
				}
				return false
			})
		}
		a.end("suspended", h.at)
	}
	before := len(stays.accounts)
	for _, a := range got.Accounts {
		if !slices.ContainsFunc(h.accounts, func(o *account) bool { return o.id == a.ID }) {
			h.keep(stays, a, ranks[a.Provider+a.FullNumber])
		}
	}
	if len(stays.accounts) > before+len(ranks) {
		h.Fatalf("%d accounts came of %d", len(stays.accounts)-before, len(ranks))
	}
	stays.accounts = append(stays.accounts, gone.accounts...)
	stays.found = append(stays.found, gone.found...)
	for _, t := range gone.tenures {
		t.vendor = stays
	}
	stays.tenures = append(stays.tenures, gone.tenures...)
	h.vendors = slices.DeleteFunc(h.vendors, func(v *vendor) bool { return v == gone })
}

func (h *history) keep(v *vendor, a registry.Account, rank int) {
	n := &account{id: a.ID, number: a.FullNumber, provider: a.Provider, rank: rank, proposed: h.at, vendor: v}
	for _, o := range v.accounts {
		if a.Replaces != nil && o.id == *a.Replaces {
			n.replaces = o
		}
	}
	v.accounts = append(v.accounts, n)
	h.accounts = append(h.accounts, n)
}

func (h *history) propose() {
	if len(h.vendors) == 0 {
		return
	}
	stalls := h.held(true)
	if len(stalls) == 0 {
		return
	}
	s := rapid.SampledFrom(stalls).Draw(h.T, "stall")
	v := s.now().vendor
	in := registry.NewAccount{Provider: rapid.SampledFrom(providers).Draw(h.T, "provider"), Number: h.number(), Holder: "NGUOI"}
	if len(h.accounts) > 0 && rapid.IntRange(0, 2).Draw(h.T, "somebody's") == 0 { // two vendors may share one
		o := rapid.SampledFrom(h.accounts).Draw(h.T, "shared")
		in.Provider, in.Number = o.provider, o.number
		if slices.ContainsFunc(v.accounts, func(a *account) bool { return a.provider == o.provider && a.number == o.number }) {
			return
		}
	}
	a, err := h.reg.Propose(h.ctx.Context(), h.clerk, h.code, s.code, in)
	h.must(err)
	h.keep(v, a, 1)
}

func (h *history) decide() {
	for range rapid.IntRange(1, 3).Draw(h.T, "decisions") {
		h.decideOne()
	}
}

func (h *history) decideOne() {
	var open []*account
	for _, a := range h.accounts {
		if a.approved.IsZero() && a.ended.IsZero() && a.proposed.After(h.at.Add(-14*day)) && (a.replaces == nil || a.replaces.ended.IsZero()) {
			open = append(open, a)
		}
	}
	if len(open) == 0 {
		return
	}
	a := rapid.SampledFrom(open).Draw(h.T, "account")
	now, err := h.reg.Account(h.ctx.Context(), h.manager, registry.SeeVendors, a.id)
	h.must(err)
	d := registry.Decision{Account: a.id, ETag: now.ETag(), Decision: "approve", Reason: "một nhà", LastDigits: a.number[len(a.number)-6:]}
	if rapid.IntRange(0, 4).Draw(h.T, "decision") == 0 {
		d.Decision, d.Reason = "reject", "no"
	}
	_, err = h.reg.Decide(h.ctx.Context(), h.manager, d)
	inForce := slices.ContainsFunc(a.vendor.accounts, func(o *account) bool {
		return o.provider == a.provider && !o.approved.IsZero() && o.ended.IsZero()
	})
	if d.Decision == "approve" && a.replaces == nil && inForce {
		if fault.CodeOf(err) != "provider-in-force" {
			h.Fatalf("a second first account at %s is answered %v", a.provider, err)
		}
		return
	}
	h.must(err)
	switch {
	case d.Decision == "reject":
		a.end("suspended", h.at)
	case a.replaces == nil:
		a.approved = h.at
		if a.vendor.chosen == nil {
			a.vendor.chosen = a
		}
	default:
		a.approved = h.at
		a.replaces.end("replaced", h.at)
		if a.vendor.chosen == a.replaces {
			a.vendor.chosen = a
		}
	}
}

func (h *history) issue() {
	in := registry.NewBatch{All: true, Sheet: "a6x4", Provisional: rapid.Bool().Draw(h.T, "provisional")}
	b, err := h.reg.Issue(h.ctx.Context(), h.clerk, h.code, in, anyFits)
	if fault.CodeOf(err) == "nothing-to-print" {
		return
	}
	h.must(err)
	_, ps, err := h.reg.Batch(h.ctx.Context(), h.clerk, b.Ref)
	h.must(err)
	h.batches = append(h.batches, b.Ref)
	for _, p := range ps {
		i := slices.IndexFunc(h.accounts, func(a *account) bool { return a.id.ID == p.AccountID })
		a := h.accounts[i]
		n := &placard{serial: p.Serial.String(), mark: p.Mark}
		n.stall = h.stalls[slices.IndexFunc(h.stalls, func(s *stall) bool { return s.code == p.Stall })]
		for _, old := range a.placards {
			if old.stall == n.stall && old.live() && !old.stand { // a provisional one that was approved since
				old.add("replaced", "replaced", "", h.at)
			}
		}
		n.add("issued", "issued", "", h.at)
		a.placards = append(a.placards, n)
		h.placards = append(h.placards, n)
	}
}

// stand registers the stand of a wallet, at times hours late. It hangs with consent, and waits for the approval.
func (h *history) stand() {
	var open []*account
	for _, a := range h.accounts {
		if a.ended.IsZero() && (!a.approved.IsZero() || a.proposed.After(h.at.Add(-14*day))) {
			open = append(open, a)
		}
	}
	if len(open) == 0 {
		return
	}
	a := rapid.SampledFrom(open).Draw(h.T, "account")
	stalls := slices.DeleteFunc(h.held(true), func(s *stall) bool { return s.now().vendor != a.vendor })
	if len(stalls) == 0 {
		return
	}
	n := &placard{stall: rapid.SampledFrom(stalls).Draw(h.T, "stall"), stand: true}
	known, err := h.reg.Account(h.ctx.Context(), h.manager, registry.SeeVendors, a.id)
	h.must(err)
	in := registry.NewStand{Payload: known.Payload, Consent: agreed, At: h.at.Add(-time.Duration(rapid.IntRange(0, 20).Draw(h.T, "hours late")) * time.Hour)}
	got, err := h.reg.RegisterStand(h.ctx.Context(), h.clerk, h.code, n.stall.code, in)
	if slices.ContainsFunc(a.placards, func(p *placard) bool { return p.stand && p.stall == n.stall && p.live() }) {
		if fault.CodeOf(err) != "stand-exists" {
			h.Fatalf("a second stand of one account is answered %v", err)
		}
		return
	}
	h.must(err)
	n.serial = got.Serial.String()
	n.add("handed_over", "handed_over", "", in.At)
	n.add("installed", "installed", "", in.At)
	a.placards = append(a.placards, n)
	h.placards = append(h.placards, n)
}

func (h *history) print() {
	for _, ref := range h.batches {
		h.must(h.reg.Printed(h.ctx.Context(), h.clerk, ref))
	}
	for _, p := range h.placards {
		if p.state() == "issued" {
			p.add("printed", "printed", "", h.at)
		}
	}
}

// visit records what happens on a round through the stalls, at times hours late.
func (h *history) visit() {
	for range rapid.IntRange(1, 4).Draw(h.T, "events") {
		h.record()
	}
}

func (h *history) record() {
	var live []*placard
	for _, p := range h.placards {
		if p.live() {
			live = append(live, p)
		}
	}
	if len(live) == 0 {
		return
	}
	p := rapid.SampledFrom(live).Draw(h.T, "placard")
	kinds := map[string][]string{"issued": {"handed_over", "installed", "installed", "installed"}, "printed": {"handed_over", "installed", "installed", "installed"},
		"handed_over": {"installed"}, "installed": {"checked", "checked", "checked", "checked", "suspended", "removed", "lost"}, "suspended": {"resumed", "resumed", "checked", "removed"}}[p.state()]
	kinds = append(kinds, "suspended")[:len(kinds)+map[bool]int{true: 1}[p.state() != "suspended"]]
	e := registry.NewPlacardEvent{Kind: rapid.SampledFrom(kinds).Draw(h.T, "kind"), Reason: "x"}
	if e.Kind == "installed" {
		e.Consent = agreed
	}
	if late := rapid.IntRange(0, 60).Draw(h.T, "hours late"); late > 40 {
		e.At = h.at.Add(-time.Duration(late) * time.Hour)
	}
	result := ""
	if e.Kind == "checked" {
		result = rapid.SampledFrom([]string{"match", "match", "match", "other_account", "missing", "damaged"}).Draw(h.T, "result")
		switch result {
		case "match":
			now, _, err := h.reg.PublicPlacard(h.ctx.Context(), p.serial)
			h.must(err)
			e.Payload = now.Payload
		case "other_account":
			e.Payload = "00020101021138540010A00000072701240006971005011009812345670208QRIBFTTA53037045802VN63047440"
		default:
			e.Result = result
		}
	}
	got, err := h.reg.RecordPlacard(h.ctx.Context(), h.manager, p.serial, e)
	if fault.CodeOf(err) == "account-changed" { // of an account that is not in force
		return
	}
	of := h.owner(p)
	if there := p.stall.now() != nil && p.stall.now().vendor == of; fault.CodeOf(err) == "stall-handed-over" && e.Kind == "resumed" && !there {
		return
	} else if e.Kind == "resumed" && !there {
		h.Fatalf("a placard of who went is resumed: %v", err)
	}
	h.must(err)
	at := e.At
	if at.IsZero() {
		at = h.at
	}
	if e.Kind == "checked" {
		p.look(result, got.State, at, h.at)
	} else {
		p.add(e.Kind, got.State, result, at)
	}
}

// owner is the vendor whose placard it is.
func (h *history) owner(p *placard) *vendor {
	return h.vendors[slices.IndexFunc(h.vendors, func(v *vendor) bool {
		return slices.ContainsFunc(v.accounts, func(a *account) bool { return slices.Contains(a.placards, p) })
	})]
}

// assign sends teams to rows of the market, to all of it, or to none, instead of those who went there before. A row is its own team's before it
// is theirs who walk everything, and of two the first by code.
func (h *history) assign() {
	h.teams = map[string]string{}
	_, err := h.db.Exec(h.ctx.Context(), `DELETE FROM team_markets w USING markets m WHERE m.id = w.market_id AND m.code = $1`, h.code)
	h.must(err)
	_, err = h.db.Exec(h.ctx.Context(), `INSERT INTO areas (code, name, name_fold, kind, level, valid_from) VALUES ('92', 'Cần Thơ', 'can tho', 'city', 1, '2025-07-01') ON CONFLICT (code) DO NOTHING`)
	h.must(err)
	for _, team := range []string{"D", "C", "B", "A"} { // the first by code last, so that it has the last word
		sections := map[string][]string{"rows": {"Khu A"}, "more rows": {"Khu A", "Khu B"}, "all": {}}[rapid.SampledFrom([]string{"none", "rows", "more rows", "all"}).Draw(h.T, "team "+team)]
		if sections == nil {
			continue
		}
		kind, ended := "field", any(nil)
		switch rapid.IntRange(0, 5).Draw(h.T, "kind of "+team) {
		case 0:
			kind = "desk"
		case 1:
			ended = h.at
		}
		code := team + "-" + h.code
		_, err := h.db.Exec(h.ctx.Context(), `
			INSERT INTO teams (code, name, level, kind, area_code, created_by, created_at, ended_on) VALUES ($1, 'Tổ', 'commune', $2, '92', 'test', now(), ($3::timestamptz AT TIME ZONE 'Asia/Ho_Chi_Minh')::date)
			ON CONFLICT (code) DO UPDATE SET kind = excluded.kind, ended_on = excluded.ended_on`, code, kind, ended)
		h.must(err)
		_, err = h.db.Exec(h.ctx.Context(), `
			INSERT INTO team_markets (market_id, team_code, sections, assigned_by, assigned_at) SELECT id, $1, $2, 'test', now() FROM markets WHERE code = $3`, code, sections, h.code)
		h.must(err)
		if kind == "desk" || ended != nil {
			continue
		}
		for _, section := range []string{"Khu A", "Khu B", "Khu C"} {
			if slices.Contains(sections, section) {
				h.teams[section], h.teams[section+" by name"] = code, "yes"
			} else if len(sections) == 0 && h.teams[section+" by name"] == "" {
				h.teams[section] = code
			}
		}
	}
}

// check compares the figures of a moment with those worked out here.
func (h *history) check(asOf registry.Day, at time.Time) {
	splits := []string{"section", "provider"}
	if asOf.IsZero() {
		splits = []string{"", "section", "goods", "provider", "market", "team"}
		h.assign()
	}
	for _, by := range splits {
		got, err := h.cov.Share(h.ctx.Context(), h.clerk, coverage.Question{Market: h.code, By: by, AsOf: asOf})
		h.must(err)
		whole, parts := expected(h.vendors, by, at, h.teams)
		if f := told(got.Vendors, got.Accepting, got.Suspended, got.Overdue, got.Funnel); f != whole {
			h.Fatalf("at %s: %+v, want %+v", at, f, whole)
		}
		if (got.Share == nil) != (whole.vendors == 0) || got.Share != nil && *got.Share != float64(whole.accepting)/float64(whole.vendors) {
			h.Fatalf("share %v of %+v", got.Share, whole)
		}
		for i := 1; i < len(got.Funnel); i++ {
			if got.Funnel[i].Vendors > got.Funnel[i-1].Vendors {
				h.Fatalf("stages rise: %+v", got.Funnel)
			}
		}
		h.barriers(got, at)
		gap := 0
		for _, b := range got.Barriers {
			gap += b.Vendors
		}
		if gap != whole.vendors-whole.accepting || got.Accepting > got.Funnel[registry.Installed].Vendors {
			h.Fatalf("barriers %+v of %+v", got.Barriers, whole)
		}
		if by == "" {
			continue
		}
		var sum figures
		for _, p := range got.Split {
			f := told(p.Vendors, p.Accepting, 0, 0, p.Funnel)
			sum.add(f)
			want := parts[p.Key]
			want.suspended, want.overdue = 0, 0
			// Which of two approved accounts was the default on a past day cannot be told from the pointer of today.
			if by != "market" && (by != "provider" || asOf.IsZero()) && f != want {
				h.Fatalf("at %s, %s %q: %+v, want %+v", at, by, p.Key, f, want)
			}
			if (p.Share == nil) != (p.Vendors == 0) {
				h.Fatalf("share of %+v", p)
			}
		}
		whole.suspended, whole.overdue = 0, 0
		if sum != whole {
			h.Fatalf("by %s the parts sum to %+v, the whole is %+v", by, sum, whole)
		}
	}
}

// step does one thing that happens in a market, or lets time pass.
func (h *history) step() {
	step := rapid.IntRange(0, 28).Draw(h.T, "step")
	switch {
	case step < 3:
		h.register()
	case step < 5:
		h.propose()
	case step < 9:
		h.decide()
	case step < 11:
		h.issue()
	case step < 12:
		h.print()
	case step < 18:
		h.visit()
	case step < 19:
		h.stand()
	case step < 21:
		h.trade()
	case step < 22:
		h.transfer()
	case step < 23:
		h.leave()
	case step < 24:
		h.merge()
	case step < 25:
		h.find()
	case step < 26:
		h.keepCounts()
	default:
		h.at = h.at.Add(time.Duration(rapid.IntRange(1, 40*24*60).Draw(h.T, "minutes")) * time.Minute)
	}
	h.at = h.at.Add(time.Duration(rapid.IntRange(0, 1).Draw(h.T, "seconds")) * time.Second)
}

func TestShareOfAnyHistory(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	var n atomic.Int32
	rapid.Check(t, func(r *rapid.T) {
		h := &history{T: r, market: open(t, db, fmt.Sprintf("M%d", n.Add(1)), ""), ctx: t}
		h.check(registry.Day{}, h.at)
		for range rapid.IntRange(1, 30).Draw(r, "steps") {
			h.step()
		}
		h.check(registry.Day{}, h.at)
		h.counted()
		for range 2 {
			ago := rapid.IntRange(1, 90).Draw(r, "days ago")
			asOf := registry.DayOf(h.at.Add(-time.Duration(ago) * day))
			h.check(asOf, asOf.End())
		}
	})
}

// ---------------------------------------------------------------- by hand

// hang puts up a placard of a new vendor's approved account and returns its serial and payload.
func (m *market) hang(t testing.TB, code string, up bool) registry.Placard {
	t.Helper()
	st, err := m.reg.Register(t.Context(), m.clerk, m.code, registry.NewStall{Code: code, Vendor: &registry.NewVendor{Name: "Tâm"}, Consent: agreed,
		Accounts: []registry.NewAccount{{Provider: "viettel_money", Number: "0710000001", Holder: "TAM", Reason: "cùng một nhà"}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.reg.Decide(t.Context(), m.manager, registry.Decision{Account: st.Accounts[0].ID, ETag: st.Accounts[0].ETag(), Decision: "approve"}); err != nil {
		t.Fatal(err)
	}
	b, err := m.reg.Issue(t.Context(), m.clerk, m.code, registry.NewBatch{Stalls: []string{code}, Sheet: "a6x4"}, anyFits)
	if err != nil {
		t.Fatal(err)
	}
	_, ps, err := m.reg.Batch(t.Context(), m.clerk, b.Ref)
	if err != nil {
		t.Fatal(err)
	}
	if up {
		m.record(t, ps[0], registry.NewPlacardEvent{Kind: "installed", Consent: agreed})
	}
	return ps[0]
}

func (m *market) record(t testing.TB, p registry.Placard, e registry.NewPlacardEvent) {
	t.Helper()
	if _, err := m.reg.RecordPlacard(t.Context(), m.manager, p.Serial.String(), e); err != nil {
		t.Fatal(err)
	}
}

// The stand of a wallet that hangs with consent counts from the approval on, without another visit.
func TestStandCountsOnceApproved(t *testing.T) {
	t.Parallel()
	m := open(t, pgtest.New(t), "VT", "")
	st, err := m.reg.Register(t.Context(), m.clerk, m.code, registry.NewStall{Code: "A-1", Vendor: &registry.NewVendor{Name: "Tâm"}, Consent: agreed,
		Accounts: []registry.NewAccount{{Provider: "viettel_money", Number: "0710000001", Holder: "TAM"}}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := m.reg.RegisterStand(t.Context(), m.clerk, m.code, "A-1", registry.NewStand{Payload: st.Accounts[0].Payload, HeardName: "Tâm"})
	if err != nil || got.State != "installed" {
		t.Fatalf("%s, %v", got.State, err)
	}
	for _, want := range []int{0, 1} {
		m.at = m.at.Add(day)
		share, err := m.cov.Share(t.Context(), m.clerk, coverage.Question{Market: m.code})
		if err != nil || share.Accepting != want || share.Funnel[registry.Installed].Vendors != want || share.Funnel[registry.HasAccount].Vendors != 1 {
			t.Errorf("accepting %d, want %d; %+v, %v", share.Accepting, want, share.Funnel, err)
		}
		if want == 0 {
			_, err := m.reg.Decide(t.Context(), m.manager, registry.Decision{Account: st.Accounts[0].ID, ETag: st.Accounts[0].ETag(), Decision: "approve"})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

// How long a placard counts, to the microsecond.
func TestHowLongAPlacardCounts(t *testing.T) {
	t.Parallel()
	check := func(e registry.NewPlacardEvent) func(testing.TB, *market, registry.Placard) {
		return func(t testing.TB, m *market, p registry.Placard) {
			m.at = m.at.Add(10 * day)
			e.Kind = "checked"
			if e.Result == "" && e.Payload == "" {
				e.Payload = p.Payload
			}
			m.record(t, p, e)
		}
	}
	other := registry.NewPlacardEvent{Payload: "00020101021138540010A00000072701240006971005011009812345670208QRIBFTTA53037045802VN63047440"}
	for _, tt := range []struct {
		name                          string
		do                            func(t testing.TB, m *market, p registry.Placard) // after it was hung
		later                         time.Duration
		accepting, suspended, overdue int
		stage                         registry.Stage
	}{
		{"just hung", nil, 0, 1, 0, 0, registry.Installed},
		{"30 days", nil, 30 * day, 1, 0, 0, registry.Installed},
		{"30 days and a microsecond", nil, 30*day + time.Microsecond, 0, 0, 1, registry.Installed},
		{"checked, 180 days", check(registry.NewPlacardEvent{}), 180 * day, 1, 0, 0, registry.Checked},
		{"checked, 180 days and a microsecond", check(registry.NewPlacardEvent{}), 180*day + time.Microsecond, 0, 0, 1, registry.Checked},
		{"found missing", check(registry.NewPlacardEvent{Result: "missing"}), 0, 0, 0, 0, registry.Installed},
		{"found damaged", check(registry.NewPlacardEvent{Result: "damaged"}), 0, 0, 0, 0, registry.Installed},
		{"damaged, then right", func(t testing.TB, m *market, p registry.Placard) {
			check(registry.NewPlacardEvent{Result: "damaged"})(t, m, p)
			check(registry.NewPlacardEvent{})(t, m, p)
		}, 0, 1, 0, 0, registry.Checked},
		{"another's account", check(other), 0, 0, 1, 0, registry.Installed},
		{"another's account, resumed without a look", func(t testing.TB, m *market, p registry.Placard) {
			check(other)(t, m, p)
			m.record(t, p, registry.NewPlacardEvent{Kind: "resumed", Reason: "x"})
		}, 0, 0, 0, 0, registry.Installed},
		{"another's account, resumed and looked at", func(t testing.TB, m *market, p registry.Placard) {
			check(other)(t, m, p)
			m.record(t, p, registry.NewPlacardEvent{Kind: "resumed", Reason: "x"})
			check(registry.NewPlacardEvent{})(t, m, p)
		}, 0, 1, 0, 0, registry.Checked},
		{"suspended", func(t testing.TB, m *market, p registry.Placard) {
			m.record(t, p, registry.NewPlacardEvent{Kind: "suspended"})
		}, 0, 0, 1, 0, registry.Installed},
		{"lost", func(t testing.TB, m *market, p registry.Placard) {
			m.record(t, p, registry.NewPlacardEvent{Kind: "lost"})
		}, 0, 0, 0, 0, registry.Approved},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := open(t, pgtest.New(t), "VT", "")
			p := m.hang(t, "A-1", true)
			if tt.do != nil {
				tt.do(t, m, p)
			}
			if _, err := m.reg.KeepCounts(t.Context()); err != nil { // what comes due later today is in no figure yet
				t.Fatal(err)
			}
			m.at = m.at.Add(tt.later)
			whole, err := m.cov.Share(t.Context(), actor("officer", "all"), coverage.Question{By: "province"})
			if err != nil || whole.Accepting != tt.accepting || whole.Suspended != tt.suspended || whole.Overdue != tt.overdue {
				t.Errorf("of the country: accepting %d, suspended %d, overdue %d, %v", whole.Accepting, whole.Suspended, whole.Overdue, err)
			}
			for _, q := range []coverage.Question{{}, {By: "province"}, {Market: "VT"}} { // of a day that is not over, a series tells what stands now
				series, err := m.cov.History(t.Context(), actor("officer", "all"), coverage.Trend{Question: q})
				if err != nil {
					t.Fatal(err)
				}
				last := series.Points[len(series.Points)-1]
				if q.By != "" {
					last = series.Series[0].Points[len(series.Points)-1]
				}
				if last.Accepting != tt.accepting || last.Suspended != tt.suspended || last.Overdue != tt.overdue {
					t.Errorf("a series of %+v ends with %+v", q, last)
				}
			}
			got, err := m.cov.Share(t.Context(), m.clerk, coverage.Question{Market: "VT"})
			if err != nil {
				t.Fatal(err)
			}
			if got.Accepting != tt.accepting || got.Suspended != tt.suspended || got.Overdue != tt.overdue {
				t.Errorf("accepting %d, suspended %d, overdue %d; want %d, %d, %d", got.Accepting, got.Suspended, got.Overdue, tt.accepting, tt.suspended, tt.overdue)
			}
			for i, s := range got.Funnel {
				if want := map[bool]int{true: 1}[registry.Stage(i) <= tt.stage]; s.Vendors != want {
					t.Errorf("stage %s: %d, want %d", s.Stage, s.Vendors, want)
				}
			}
			// The list says of each stall what the figures count.
			page, err := m.reg.Stalls(t.Context(), m.clerk, "VT", registry.StallFilter{}, registry.List{})
			if err != nil || *page.Items[0].Stage != tt.stage || page.Items[0].Suspended != (tt.suspended == 1) || page.Items[0].Overdue != (tt.overdue == 1) {
				t.Errorf("the list says %+v, %v", page.Items, err)
			}
			st, err := m.reg.Stall(t.Context(), m.clerk, "VT", "A-1")
			if err != nil || *st.Stage != tt.stage {
				t.Errorf("the stall says %v, %v", st.Stage, err)
			}
		})
	}
}

// Days are the market's own: what happens at 00:30 there is yesterday in UTC.
func TestDaysOfTheMarket(t *testing.T) {
	t.Parallel()
	m := open(t, pgtest.New(t), "VT", "")
	m.at = time.Date(2026, 5, 3, 17, 30, 0, 0, time.UTC) // 4 May, 00:30
	m.hang(t, "A-1", true)
	m.at = m.at.Add(3 * day)
	for asOf, want := range map[string]int{"2026-05-03": 0, "2026-05-04": 1, "2026-05-05": 1, "2026-05-07": 1} {
		d, err := registry.ParseDay(asOf)
		if err != nil {
			t.Fatal(err)
		}
		got, err := m.cov.Share(t.Context(), m.clerk, coverage.Question{Market: "VT", AsOf: d})
		if err != nil || got.Vendors != want || got.Accepting != want || got.AsOf != d {
			t.Errorf("as of %s: %d of %d, said of %s; want %d; %v", asOf, got.Accepting, got.Vendors, got.AsOf, want, err)
		}
	}
}

func TestAreasSumUp(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	if err := registry.New(db, time.Now).LoadAreas(t.Context()); err != nil {
		t.Fatal(err)
	}
	type place struct{ code, area string }
	areas := []place{{"A", "31321"}, {"B", "31321"}, {"C", "92"}, {"D", "01"}, {"E", ""}}
	for i, p := range areas {
		m := open(t, db, p.code, p.area)
		for n := range i { // A has no vendors
			m.hang(t, fmt.Sprintf("S-%d", n), n%2 == 0)
		}
	}
	cov := coverage.New(db, func() time.Time { return time.Date(2026, 3, 3, 1, 0, 0, 0, time.UTC) })
	officer := func(scope string) registry.Actor { return actor("officer", scope) }
	for _, tt := range []struct {
		name               string
		by                 registry.Actor
		q                  coverage.Question
		vendors, accepting int
		parts              string
	}{
		{"everything by market", officer("all"), coverage.Question{By: "market"}, 10, 6, "A 0/0, B 1/1, C 1/2, D 2/3, E 2/4"},
		{"everything by province", officer("all"), coverage.Question{By: "province"}, 10, 6, "01 2/3, 92 2/3,  2/4"},
		{"everything by commune", officer("all"), coverage.Question{By: "commune"}, 10, 6, "31321 1/1, 92 1/2, 01 2/3,  2/4"},
		{"everything by provider", officer("all"), coverage.Question{By: "provider"}, 10, 6, "viettel_money 6/10"},
		{"a province", officer("all"), coverage.Question{Area: "92", By: "market"}, 3, 2, "A 0/0, B 1/1, C 1/2"},
		{"a commune", officer("all"), coverage.Question{Area: "31321"}, 1, 1, ""},
		{"an area without markets", officer("all"), coverage.Question{Area: "79"}, 0, 0, ""},
		{"a market without vendors", officer("all"), coverage.Question{Market: "A"}, 0, 0, ""},
		{"what an officer of the province may see", officer("area:92"), coverage.Question{}, 3, 2, ""},
		{"what an officer of the commune may see", officer("area:31321"), coverage.Question{Area: "92"}, 1, 1, ""},
		{"what a clerk may see", actor("clerk", "market:D"), coverage.Question{By: "market"}, 3, 2, "D 2/3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := cov.Share(t.Context(), tt.by, tt.q)
			if err != nil {
				t.Fatal(err)
			}
			var parts []string
			for _, p := range got.Split {
				parts = append(parts, fmt.Sprintf("%s %d/%d", p.Key, p.Accepting, p.Vendors))
				if (p.Share == nil) != (p.Vendors == 0) {
					t.Errorf("share of %+v", p)
				}
			}
			if got.Vendors != tt.vendors || got.Accepting != tt.accepting || strings.Join(parts, ", ") != tt.parts {
				t.Errorf("%d of %d, %q; want %d of %d, %q", got.Accepting, got.Vendors, strings.Join(parts, ", "), tt.accepting, tt.vendors, tt.parts)
			}
			if (got.Share == nil) != (tt.vendors == 0) {
				t.Errorf("share %v", got.Share)
			}
		})
	}
}

func TestShareFaults(t *testing.T) {
	t.Parallel()
	m := open(t, pgtest.New(t), "VT", "")
	tomorrow := registry.DayOf(m.at.Add(day))
	for _, tt := range []struct {
		name string
		by   registry.Actor
		q    coverage.Question
		want string
	}{
		{"an unknown split", m.clerk, coverage.Question{Market: "VT", By: "colour"}, "split-unknown"},
		{"tomorrow", m.clerk, coverage.Question{Market: "VT", AsOf: tomorrow}, "day-future"},
		{"an unknown market", m.clerk, coverage.Question{Market: "ZZ"}, "market-not-found"},
		{"a market out of scope", actor("clerk", "market:ZZ"), coverage.Question{Market: "VT"}, "market-not-found"},
		{"an unknown area", actor("officer", "all"), coverage.Question{Area: "99999"}, "area-not-found"},
		{"an administrator", actor("admin", "all"), coverage.Question{Market: "VT"}, "not-allowed"},
		{"an administrator, of everything", actor("admin", "all"), coverage.Question{}, "not-allowed"},
		{"nobody", registry.Actor{ID: "person:x"}, coverage.Question{}, "not-allowed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := m.cov.Share(t.Context(), tt.by, tt.q); fault.CodeOf(err) != tt.want {
				t.Errorf("err = %v, want %s", err, tt.want)
			}
		})
	}
}

// Whoever has a right over an area, a team or a provider sees the figures of the markets that these reach, and of no other.
func TestWhoSeesAMarketsFigures(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	if err := registry.New(db, time.Now).LoadAreas(t.Context()); err != nil {
		t.Fatal(err)
	}
	m := open(t, db, "A", "31321")
	open(t, db, "B", "01")
	for _, sql := range []string{
		`INSERT INTO teams (code, name, level, kind, area_code, created_by, created_at) VALUES ('T', 'Tổ', 'commune', 'field', '92', 'test', now()), ('OLD', 'Tổ', 'commune', 'field', '92', 'test', now())`,
		`UPDATE teams SET ended_on = '2026-01-01' WHERE code = 'OLD'`,
		`INSERT INTO team_markets (market_id, team_code, sections, assigned_by, assigned_at) SELECT m.id, t.code, '{}', 'test', now() FROM markets m, teams t WHERE m.code = 'A'`,
	} {
		if _, err := db.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		role, scope string
		a, b        bool
	}{
		{"officer", "all", true, true}, {"officer", "area:92", true, false}, {"officer", "area:31321", true, false}, {"officer", "area:01", false, true},
		{"leader", "team:T", true, false}, {"volunteer", "team:T", true, false}, {"leader", "team:OLD", false, false},
		{"leader", "team:X", false, false}, {"leader", "market:B", false, true}, {"clerk", "market:A", true, false}, {"partner", "provider:viettel_money", true, true},
	} {
		for code, sees := range map[string]bool{"A": tt.a, "B": tt.b} {
			if _, err := m.cov.Share(t.Context(), actor(tt.role, tt.scope), coverage.Question{Market: code}); (err == nil) != sees || err != nil && fault.CodeOf(err) != "market-not-found" {
				t.Errorf("%s of %s asks for %s: %v", tt.role, tt.scope, code, err)
			}
		}
	}
}
