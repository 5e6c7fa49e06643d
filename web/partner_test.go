package web_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"cho40/internal/id"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/coverage"

	"github.com/jackc/pgx/v5"
)

// figuresOfOthers are what is told of others, each within the one it names.
var figuresOfOthers = []struct{ name, within string }{
	{"vendors", ""}, {"account", "vendors"}, {"approved", "account"}, {"printed", "approved"}, {"installed", "printed"}, {"checked", "installed"},
	{"accepting", "installed"}, {"equipped", "vendors"}, {"used", "vendors"},
}

func indexOfFigure(name string) int {
	for i, f := range figuresOfOthers {
		if f.name == name {
			return i
		}
	}
	return -1
}

// province is a made-up one: small markets in several communes, whose figures move by single vendors from day to day.
type province struct {
	*world
	days    []registry.Day
	markets []string
	commune map[string]string // of a market
	// true figures by market, day, figure
	others, own map[string][][]int
}

func newProvince(t testing.TB) *province {
	t.Helper()
	w := newWorld(t)
	p := &province{world: w, commune: map[string]string{}, others: map[string][][]int{}, own: map[string][][]int{}}
	w.exec(`INSERT INTO areas (code, name, name_fold, kind, level, parent, valid_from) VALUES
		('31322', 'Phường Vị Tân', 'phuong vi tan', 'phuong', 2, '92', '2025-07-01'),
		('31323', 'Xã Hỏa Lựu', 'xa hoa luu', 'xa', 2, '92', '2025-07-01'),
		('31324', 'Xã Thạnh Xuân', 'xa thanh xuan', 'xa', 2, '92', '2025-07-01')`)
	for i, area := range []string{"31322", "31322", "31322", "31323", "31323", "31324", "31324", "11300"} { // 31324 and 11300 end with one market each that is empty beside it
		code := fmt.Sprintf("P%d", i+1)
		if _, err := w.reg.AddMarket(t.Context(), registry.Console(), registry.NewMarket{Code: code, Name: "Chợ " + code, Area: area}); err != nil {
			t.Fatal(err)
		}
		p.markets, p.commune[code] = append(p.markets, code), area
	}
	p.markets, p.commune["NEAR"], p.commune["FAR"] = append(p.markets, "NEAR", "FAR"), "31321", "11300" // where nobody trades
	today := registry.DayOf(w.clock.now())
	for d := -8; d < 0; d++ {
		p.days = append(p.days, today.Plus(d))
	}
	random := rand.New(rand.NewPCG(7, 40))
	columns := slices.Clone(registry.Counted)
	var rows [][]any
	for _, code := range p.markets {
		p.others[code], p.own[code] = table(len(p.days)), table(len(p.days))
		if code == "NEAR" || code == "FAR" {
			continue
		}
		market, err := w.reg.Market(t.Context(), registry.Console(), code)
		if err != nil {
			t.Fatal(err)
		}
		type trader struct {
			id       registry.VendorID
			provider string
			steps    int // how far: registered, account, … checked with accepting
			seq      int
		}
		var all []*trader
		reach := func(v *trader, upto, day int) {
			n := map[string]int{}
			if v.seq == 0 {
				n["vendors"] = 1
			}
			for s := v.steps + 1; s <= upto; s++ {
				n[registry.StageNames[s]] = 1
				if s == 3 {
					n["equipped"] = 1
				}
				if s == 4 {
					n["accepting"] = 1
				}
			}
			v.seq, v.steps = v.seq+1, max(v.steps, upto)
			at := p.days[day].Plus(-1).End().Add(time.Hour)
			row := []any{market.ID, v.id, v.seq, at, p.days[day], at, true, v.provider, ""}
			for _, c := range columns {
				row = append(row, n[c])
			}
			rows = append(rows, row)
			of := p.others
			if v.provider == "viettel_money" {
				of = p.own
			}
			for d := day; d < len(p.days); d++ {
				for i, f := range figuresOfOthers {
					of[code][d][i] += n[f.name]
				}
			}
		}
		newcomer := func(day int) {
			v := &trader{id: id.New[registry.Vendor](), provider: []string{"viettel_money", "vnpt_money", "vnpt_money", "momo"}[random.IntN(4)], steps: -1}
			all = append(all, v)
			reach(v, random.IntN(6), day)
		}
		for range random.IntN(26) {
			newcomer(0)
		}
		for day := 1; day < len(p.days); day++ { // one thing a day, which the attacker knows
			if random.IntN(3) == 0 || len(all) == 0 {
				newcomer(day)
			} else if v := all[random.IntN(len(all))]; v.steps < 5 {
				reach(v, v.steps+1, day)
			}
		}
	}
	ctx := t.Context()
	names := append([]string{"market_id", "vendor_id", "seq", "since", "day", "recorded_at", "carried", "provider", "barrier"}, columns...)
	if _, err := w.owner().CopyFrom(ctx, pgx.Identifier{"vendor_changes"}, names, pgx.CopyFromRows(rows)); err != nil {
		t.Fatal(err)
	}
	list, sums, sets := strings.Join(columns, ", "), "", ""
	for _, c := range columns {
		sums, sets = sums+", sum("+c+")", sets+", "+c+" = c."+c
	}
	w.exec(`INSERT INTO market_day_delta (market_id, day, ` + list + `) SELECT market_id, day` + sums + ` FROM vendor_changes GROUP BY 1, 2`)
	w.exec(`INSERT INTO market_split_day_delta (market_id, split, key, day, ` + list + `) SELECT market_id, 'provider', provider, day` + sums + ` FROM vendor_changes GROUP BY 1, 3, 4`)
	w.exec(`INSERT INTO market_split_now (market_id, split, key, ` + list + `) SELECT market_id, 'provider', provider` + sums + ` FROM vendor_changes GROUP BY 1, 3`)
	w.exec(`UPDATE market_now n SET ` + sets[2:] + ` FROM (SELECT market_id, ` + strings.ReplaceAll(sums[2:], "),", ")::int,") + ` FROM vendor_changes GROUP BY 1) AS c (market_id, ` + list + `) WHERE n.market_id = c.market_id`)
	return p
}

func table(days int) [][]int {
	out := make([][]int, days)
	for i := range out {
		out[i] = make([]int, len(figuresOfOthers))
	}
	return out
}

// heard is what somebody was told of others: a figure of some markets on a day, nil where it was hidden.
type heard struct {
	markets []string
	day     int
	figure  int
	value   *int
}

// attack works out from everything that was heard between which bounds each figure of each market lies: what each market's published
// figure is from the sums over places, what that says of the true one, that no stage holds more than the one before, and that nothing
// moved by more than one from a day to the next. hidden says below what a figure is not told.
type attack struct {
	base    int
	markets []string
	days    int
	p       map[string][][][2]int // the published figure, hidden or not: market, day, figure, bounds
	x       map[string][][][2]int // the true one
}

const endless = 1 << 20

func newAttack(markets []string, days int, told []heard) *attack {
	a := &attack{markets: markets, days: days, p: map[string][][][2]int{}, x: map[string][][][2]int{}}
	for _, h := range told { // to what they are rounded shows
		if h.value != nil {
			a.base = gcd(a.base, *h.value)
		}
	}
	a.base = max(a.base, 1)
	for _, m := range markets {
		for range days {
			p, x := make([][2]int, len(figuresOfOthers)), make([][2]int, len(figuresOfOthers))
			for f := range p {
				p[f], x[f] = [2]int{0, endless}, [2]int{0, endless}
			}
			a.p[m], a.x[m] = append(a.p[m], p), append(a.x[m], x)
		}
	}
	for changed := true; changed; {
		changed = false
		narrow := func(b *[2]int, lo, hi int) {
			if lo > b[0] {
				b[0], changed = lo, true
			}
			if hi < b[1] {
				b[1], changed = hi, true
			}
		}
		for _, h := range told {
			if h.value == nil { // each may be hidden, so each is small
				for _, m := range h.markets {
					narrow(&a.p[m][h.day][h.figure], 0, max(4, 2*a.base-1)/a.base*a.base)
				}
				continue
			}
			lo, hi := 0, 0
			for _, m := range h.markets {
				b := a.p[m][h.day][h.figure]
				lo, hi = lo+b[0], min(hi+b[1], endless)
			}
			for _, m := range h.markets {
				b := &a.p[m][h.day][h.figure]
				rest := hi - b[1]
				if hi == endless {
					rest = endless
				}
				narrow(b, (*h.value-rest+a.base-1)/a.base*a.base, (*h.value-(lo-b[0]))/a.base*a.base)
			}
		}
		for _, m := range markets {
			for d := range days {
				for f := range figuresOfOthers {
					p, x := a.p[m][d][f], &a.x[m][d][f]
					narrow(x, p[0]-(a.base-1), p[1]+(a.base-1))
					if within := indexOfFigure(figuresOfOthers[f].within); within >= 0 {
						narrow(x, 0, a.x[m][d][within][1])
						narrow(&a.x[m][d][within], x[0], endless)
						narrow(&a.p[m][d][f], 0, a.p[m][d][within][1])
						narrow(&a.p[m][d][within], a.p[m][d][f][0], endless)
					}
					if d > 0 {
						before := &a.x[m][d-1][f]
						narrow(x, before[0]-1, before[1]+1)
						narrow(before, x[0]-1, x[1]+1)
					}
				}
			}
		}
	}
	return a
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// least is how few values remain for a figure, or for how many vendors came to a stage and not to the next.
func (a *attack) least() (candidates int, where string) {
	candidates = endless
	take := func(n int, format string, args ...any) {
		if n < candidates {
			candidates, where = n, fmt.Sprintf(format, args...)
		}
	}
	for _, m := range a.markets {
		for d := range a.days {
			for f, fig := range figuresOfOthers {
				x := a.x[m][d][f]
				take(x[1]-x[0]+1, "%s in %s on day %d is %v", fig.name, m, d, x)
				if within := indexOfFigure(fig.within); within >= 0 {
					w := a.x[m][d][within]
					take(w[1]-x[0]-max(w[0]-x[1], 0)+1, "%s less %s in %s on day %d", fig.within, fig.name, m, d)
				}
			}
		}
	}
	return candidates, where
}

// places are all that can be asked for, with the markets in each.
func (p *province) places() map[string][]string {
	all := map[string][]string{"": p.markets}
	for _, m := range p.markets {
		all["market="+m] = []string{m}
		area := p.commune[m]
		all["area="+area] = append(all["area="+area], m)
		province := map[bool]string{true: "31", false: "92"}[area == "11300"]
		all["area="+province] = append(all["area="+province], m)
	}
	return all
}

// told is what an answer says of others.
func (p *province) told(markets []string, day int, o *coverage.Others) (all []heard) {
	values := append([]*int{}, make([]*int, len(figuresOfOthers))...)
	for _, s := range o.Funnel {
		name := s.Stage.String()
		if s.Stage == registry.Registered {
			name = "vendors"
		}
		values[indexOfFigure(name)] = s.Vendors
	}
	values[indexOfFigure("accepting")], values[indexOfFigure("equipped")], values[indexOfFigure("used")] = o.Accepting, o.Equipped, o.Used
	for f, v := range values {
		all = append(all, heard{markets, day, f, v})
	}
	return all
}

// A partner asks for everything, in every way that there is, on every day, and puts it together.
func TestNothingSmallAboutOthersComesOut(t *testing.T) {
	t.Parallel()
	p := newProvince(t)
	const partner = "partner key"
	places := p.places()
	var all []heard
	ownRight := func(what string, markets []string, day int, vendors, accepting int, used *int) {
		t.Helper()
		want := [2]int{}
		for _, m := range markets {
			want[0], want[1] = want[0]+p.own[m][day][0], want[1]+p.own[m][day][indexOfFigure("accepting")]
		}
		if vendors != want[0] || accepting != want[1] || used != nil {
			t.Errorf("%s: own %d of %d, used %v; want %d of %d", what, accepting, vendors, used, want[1], want[0])
		}
	}
	listen := func(what string, markets []string, day int, o *coverage.Others) {
		t.Helper()
		if o == nil {
			t.Fatalf("%s: nothing of others", what)
		}
		for _, h := range p.told(markets, day, o) {
			sum := 0
			for _, m := range markets {
				sum += p.others[m][day][h.figure]
			}
			if h.value != nil && sum < coverage.RoundedTo {
				t.Errorf("%s: %s is %d and was told as %d", what, figuresOfOthers[h.figure].name, sum, *h.value)
			}
			all = append(all, h)
		}
	}
	part := func(by, key string, markets []string) (in []string) {
		for _, m := range markets {
			area := p.commune[m]
			province := map[bool]string{true: "31", false: "92"}[area == "11300"]
			if map[string]string{"market": m, "commune": area, "province": province}[by] == key {
				in = append(in, m)
			}
		}
		return in
	}
	read := func(path string, v any) {
		t.Helper()
		p.take(t, step{as: partner, do: "GET /api/v1/coverage" + path, status: 200}).json(t, v)
	}
	last := len(p.days) - 1
	for place, markets := range places {
		for d, day := range p.days {
			for _, by := range []string{"", "market", "commune", "province"} {
				if by != "" && (len(markets) < 3 || d%4 != 0) || by == "" && len(markets) > 1 && d%2 != 0 { // enough for sums on days in a row
					continue
				}
				var s coverage.Share
				path := "?" + place + "&as_of=" + day.String() + "&by=" + by
				if by == "" {
					path = "?" + place + "&as_of=" + day.String()
				}
				read(path, &s)
				ownRight(path, markets, d, s.Vendors, s.Accepting, s.Used.Numerator)
				listen(path, markets, d, s.Others)
				for _, c := range s.Split {
					in := part(by, c.Key, markets)
					ownRight(path+" "+c.Key, in, d, c.Vendors, c.Accepting, c.Used)
					listen(path+" "+c.Key, in, d, c.Others)
				}
			}
		}
		for _, more := range []string{"", "&map=then", "&recorded_until=" + url.QueryEscape(p.clock.now().Format(time.RFC3339))} {
			var s coverage.Share
			read("?"+place+more, &s)
			listen(place+more+" now", markets, last, s.Others) // nothing happened since
		}
		for _, more := range []string{"", "&map=then", "&by=market", "&by=commune&recorded_until=" + p.days[last].String()} {
			var h coverage.History
			read("/history?every=week&"+place+more+"&as_of="+p.days[last].String()+"&from="+p.days[0].String(), &h)
			series := []coverage.Series{{Points: h.Points}}
			for _, one := range append(series, h.Series...) {
				in, by := markets, ""
				if one.Key != "" {
					by = strings.TrimPrefix(strings.Split(more, "&recorded")[0], "&by=")
					in = part(by, one.Key, markets)
				}
				for _, point := range one.Points {
					d := slices.Index(p.days, point.AsOf)
					if d < 0 {
						continue
					}
					ownRight(place+more+point.AsOf.String(), in, d, point.Vendors, point.Accepting, point.Used)
					listen(place+more+point.AsOf.String()+by, in, d, point.Others)
				}
			}
		}
	}
	a := newAttack(p.markets, len(p.days), all)
	for _, m := range p.markets {
		for d := range p.days {
			for f, fig := range figuresOfOthers {
				if x, n := a.x[m][d][f], p.others[m][d][f]; n < x[0] || n > x[1] {
					t.Fatalf("%s in %s on day %d is %d, and what is told says %v", fig.name, m, d, n, x)
				}
			}
		}
	}
	above, below := 0, 0 // rounded always down, a figure that moves by one would tell where it stands
	for _, h := range all {
		if len(h.markets) == 1 && h.value != nil {
			switch n := p.others[h.markets[0]][h.day][h.figure]; {
			case *h.value > n:
				above++
			case *h.value < n:
				below++
			}
		}
	}
	if above == 0 || below == 0 {
		t.Errorf("%d figures were told too high, %d too low", above, below)
	}
	if n, where := a.least(); n < coverage.RoundedTo {
		t.Errorf("only %d values remain: %s", n, where)
	}
	t.Logf("%d figures heard, rounded to %d", len(all), a.base)

	// The attack is one: figures that only hide what is small fall to it.
	var naive []heard
	for _, markets := range places {
		for d := range p.days {
			for f := range figuresOfOthers {
				sum := 0
				for _, m := range markets {
					sum += p.others[m][d][f]
				}
				h := heard{markets, d, f, &sum}
				if sum < coverage.RoundedTo {
					h.value = nil
				}
				naive = append(naive, h)
			}
		}
	}
	if n, _ := newAttack(p.markets, len(p.days), naive).least(); n > 1 {
		t.Errorf("hiding alone withstands the attack with %d values", n)
	}
}

// What pages say of others is what the API says, and what is finer than totals a partner gets nowhere.
func TestPartnerPagesAndWays(t *testing.T) {
	t.Parallel()
	p := newProvince(t)
	for _, m := range p.markets {
		var s coverage.Share
		p.take(t, step{as: "partner", do: "GET /api/v1/coverage?market=" + m, status: 200}).json(t, &s)
		want := []string{"quá ít nên không nêu"}
		if s.Others.Vendors != nil {
			want = []string{fmt.Sprintf("khoảng %d", *s.Others.Vendors)}
			if s.Others.Accepting != nil {
				want = []string{fmt.Sprintf("khoảng %d trong %d", *s.Others.Accepting, *s.Others.Vendors)}
			}
		}
		for _, page := range []string{"/markets/" + m, "/figures?market=" + m, "/coverage?market=" + m} {
			p.take(t, step{as: "partner", do: "GET " + page, status: 200, want: append(want, "!tiểu thương nhận tiền không dùng tiền mặt<")})
		}
	}
	p.take(t, step{as: "partner", do: "GET /api/v1/coverage?market=P1", status: 200, want: []string{`"barriers":[{"code":"never_asked"`}})
	p.take(t, step{as: "partner", do: "GET /api/v1/coverage", status: 200, want: []string{`"barriers":[]`}})
	p.take(t, step{as: "partner", do: "GET /", status: 200, want: []string{"người khác: "}})
	for _, path := range []string{"/api/v1/coverage?by=section", "/api/v1/coverage?by=goods&market=P1", "/api/v1/coverage?by=provider", "/api/v1/coverage?by=team", "/api/v1/coverage/history?by=provider",
		"/api/v1/targets?market=P1", "/api/v1/markets/P1/exports/stalls.csv", "/api/v1/team-coverage?area=92", "/targets?market=P1"} {
		p.take(t, step{as: "partner", do: "GET " + path, status: 403})
	}
	for _, path := range []string{"/api/v1/figures/reconciliation?market=P1&provider=vnpt_money", "/api/v1/exports/customers.csv?provider=momo"} {
		p.take(t, step{as: "partner", do: "GET " + path, status: 404})
	}
	// A closed quarter's hash would say which figures of others fit.
	p.clock.pass(60 * 24 * time.Hour)
	p.take(t, step{as: "officer everywhere", do: "POST /api/v1/coverage/quarters", body: `{"quarter":"2026-Q4"}`, status: 200})
	p.take(t, step{as: "officer everywhere", do: "GET /api/v1/coverage?market=P1&as_of=2026-12-31", status: 200, want: []string{`"hash"`}})
	p.take(t, step{as: "partner key", do: "GET /api/v1/coverage?market=P1&as_of=2026-12-31", status: 200, want: []string{"!hash", "!correction", `"others"`}})
}

// What a wallet's program says and hears, from the first word to a signed delivery.
func TestPartnersThroughTheAPI(t *testing.T) {
	t.Parallel()
	w := stalled(t)
	w.approveAll(t, "manager")
	const confirm, webhooks = "POST /api/v1/confirmations", "POST /api/v1/webhooks"
	st := w.take(t, step{as: "manager", do: "GET " + near + "/stalls/A-12", status: 200})
	w.vars["account"] = st.at(t, "accounts.0.id")
	one := `{"items":[{"account":"$account","status":"active","holder":"LY MINH TAM","uses":[{"day":"2026-11-21","payments":2}]},{"account":"x","status":"active"}]}`
	const closed = `{"items":[{"account":"$account","status":"closed"}]}`
	share := step{as: "manager", do: "POST " + near + "/stalls/A-12/sharing", body: `{"provider":"viettel_money","version":"vi-share-1","given":"face_to_face"}`, status: 201}
	shareAgain, withdrawn := share, share
	shareAgain.name = "and agrees again"
	withdrawn.body = `{"provider":"viettel_money","version":"vi-share-1","given":"face_to_face","withdrawn":true}`
	share.name, withdrawn.name = "the vendor agrees", "and takes it back"
	w.walk(t, []step{
		{name: "nobody agreed", as: "partner key", do: confirm, body: one, status: 200, want: []string{`"status":404`, "account-not-found", "!recorded"}},
		{name: "nothing to hear", as: "partner key", do: "GET /api/v1/changes", status: 200, want: []string{`"items":[]`}},
		share,
		{name: "said", as: "partner key", do: confirm, body: one, header: []string{"Idempotency-Key", "k1"}, status: 200, want: []string{`{"items":[{"account":"$account","status":200,"result":"recorded"},{"account":".","status":404,`, "!Tâm"}},
		{name: "sent twice", as: "partner key", do: confirm, body: one, header: []string{"Idempotency-Key", "k1"}, status: 200, want: []string{`"result":"recorded"`}},
		{name: "said again", as: "partner key", do: confirm, body: one, status: 200, want: []string{`"result":"unchanged"`}},
		{name: "closed", as: "partner key", do: confirm, body: closed, status: 200, want: []string{`"result":"recorded"`}},
		{name: "closed with a holder", as: "partner key", do: confirm, body: strings.Replace(closed, `"status"`, `"holder":"X","status"`, 1), status: 200, want: []string{`"status":422`, `"pointer":"#/holder"`, `"code":"unexpected"`}},
		{name: "where the account stands", as: "manager", do: "GET /api/v1/accounts/$account", status: 200, want: []string{`"rung":"declared"`, `"closed_since":"`}},
		{name: "its steps", as: "manager", do: "GET /api/v1/accounts/$account/verifications", status: 200, want: []string{`"step":"provider_confirmed"`, `"step":"provider_closed"`}},
		{name: "no placard of it", as: "clerk", do: "POST " + near + "/print-batches", body: `{"stalls":["A-12"]}`, status: 409, want: []string{`"account-closed"`}},
		{name: "somebody goes there", as: "manager", do: "GET " + near + "/plan?days=30", status: 200, want: []string{`"kind":"get_account"`}},
		{name: "the stall's story", as: "manager", do: "GET " + near + "/stalls/A-12/timeline", status: 200, want: []string{`"kind":"closed_by_provider"`, "Ví, ngân hàng báo tài khoản đã đóng: Viettel Money"}},
		{name: "open again", as: "partner key", do: confirm, body: one, status: 200, want: []string{`"result":"recorded"`}},
		{name: "and told so", as: "manager", do: "GET " + near + "/stalls/A-12/timeline", status: 200, want: []string{`"kind":"reopened_by_provider"`}},
		{name: "the ladder", as: "manager", do: "GET /api/v1/accounts/$account", status: 200, want: []string{`"rung":"provider_confirmed"`}},
		{name: "another wallet's program", as: "partner elsewhere key", do: confirm, body: one, status: 200, want: []string{"account-not-found", "!result"}},
		{name: "a person of the wallet's", as: "partner", do: confirm, body: one, status: 403},
		{name: "a manager", as: "manager", do: confirm, body: one, status: 403},
		{name: "a field that there is not", as: "partner key", do: confirm, body: `{"items":[{"account":"$account","pin":"1"}]}`, status: 422, want: []string{"#/items/0/pin"}},
		{name: "the feed", as: "partner key", do: "GET /api/v1/changes", status: 200, want: []string{`"account":"$account"`, `"stage":"approved"`, `"was":null`, "!Tâm", "!A-12"}, keep: map[string]string{"cursor": "next_cursor"}},
		{name: "and nothing behind it", as: "partner key", do: "GET /api/v1/changes?cursor=$cursor", status: 200, want: []string{`"items":[]`, `"next_cursor":"$cursor"`}},
		{name: "another wallet's feed", as: "partner elsewhere key", do: "GET /api/v1/changes", status: 200, want: []string{"!$account"}},
		{name: "the officer's", as: "officer", do: "GET /api/v1/changes?provider=viettel_money&limit=1", status: 200, want: []string{`"provider":"viettel_money"`}},
		{name: "the other province's officer", as: "officer far", do: "GET /api/v1/changes", status: 200, want: []string{`"items":[]`}},
		withdrawn,
		{name: "the feed ends there", as: "partner key", do: "GET /api/v1/changes?cursor=$cursor", status: 200, want: []string{`"account":"$account"`, `"stage":null`}},
		{name: "and holds nothing from before", as: "partner key", do: "GET /api/v1/changes", status: 200, want: []string{`"stage":null`, "!approved"}},
		{name: "no confirming either", as: "partner key", do: confirm, body: one, status: 200, want: []string{"account-not-found", "!result"}},
		{name: "an address over http", as: "partner", do: webhooks, body: `{"url":"http://partner.example/"}`, status: 422, want: []string{"#/url"}},
		{name: "an address", as: "partner", do: webhooks, body: `{"url":"https://partner.example/cho40"}`, status: 201, want: []string{`"state":"waiting"`, `"secret":"whsec_`}, keep: map[string]string{"webhook": "id", "secret": "secret"}},
		{name: "its secret once", as: "partner", do: "GET /api/v1/webhooks", status: 200, want: []string{"$webhook", "!whsec_"}},
		{name: "another wallet's", as: "partner elsewhere", do: "GET /api/v1/webhooks/$webhook", status: 404},
		{name: "not by who asked", as: "partner", do: "POST /api/v1/webhooks/$webhook/approval", status: 403, want: []string{"own-webhook"}},
		{name: "not by a program", as: "partner key", do: "POST /api/v1/webhooks/$webhook/approval", status: 403},
		{name: "by somebody else", as: "partner second", do: "POST /api/v1/webhooks/$webhook/approval", status: 200, want: []string{`"state":"active"`}},
		shareAgain,
		{name: "which is a change", as: "partner key", do: "GET /api/v1/changes?cursor=$cursor", status: 200, want: []string{`"stage":"approved"`}},
	})
	w.secret(w.vars["secret"])
	sent := 0
	send := func(_ context.Context, url string, header map[string]string, body []byte) (int, error) {
		sent++
		if url != "https://partner.example/cho40" || !strings.Contains(string(body), w.vars["account"]) || !strings.HasPrefix(header[registry.SignatureHeader], "t=") {
			t.Errorf("%s %v %s", url, header, body)
		}
		return 200, nil
	}
	if err := w.reg.Deliver(t.Context(), send); err != nil || sent != 1 {
		t.Errorf("%d deliveries, %v", sent, err)
	}
	w.walk(t, []step{
		{name: "the log", as: "partner", do: "GET /api/v1/webhooks/$webhook/deliveries", status: 200, want: []string{`"state":"delivered"`, `"status":200`, `"tries":1`}},
		{name: "sent again", as: "partner", do: "POST /api/v1/webhooks/$webhook/replay", body: `{"after":"0"}`, status: 202, want: []string{`"replay":true`}},
		{name: "off", as: "partner", do: "DELETE /api/v1/webhooks/$webhook", status: 204},
		{name: "its trail", as: "officer everywhere", do: "GET /api/v1/audit", status: 200, want: []string{"webhook.added", "webhook.approved", "webhook.replayed", "webhook.switched_off"}},
	})
}
