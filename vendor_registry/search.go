package registry

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"cho40/internal/fault"
	"cho40/internal/postgres"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// found is what a search meant in one market.
type found struct {
	sought
	market  MarketID
	vendors []meant[VendorID]
	near    []meant[VendorID] // with a mistake in the search
	stalls  []meant[StallID]
}

// meant is a record that a search may mean.
type meant[ID comparable] struct {
	at inMarket[ID]
	hit
}

type hit struct {
	by Matched
	rank
	fold string
}

// into makes the parameters of answers. Those who are meant only if the search has a mistake count when nobody else is meant.
func (f found) into(args pgx.StrictNamedArgs) {
	vendors := f.vendors
	if len(f.vendors)+len(f.stalls) == 0 {
		vendors = f.near
	}
	args["everything"] = f.typed == 0
	_, args["vendors"] = apart(vendors)
	_, args["stalls"] = apart(f.stalls)
	args["codes"], args["tail"] = append([]string{}, f.codes...), ""
	if len(f.codes) > 0 {
		args["tail"] = f.tail
	}
}

// find looks through the names of one market. They are read as they are and compared here: a market has a few hundred, and a
// comparison that allows for mistakes has no index.
func find(ctx context.Context, db postgres.DB, m Market, q string) (found, error) {
	f := found{sought: newSought(q), market: m.ID}
	if f.typed == 0 {
		return f, nil
	}
	b := &pgx.Batch{}
	n := names{sought: f.sought}
	askNames(b, m.ID, f.alone, f.tones != nil, func(v VendorID, fold, phone, name string) { f.compare(n, v, fold, phone, name) })
	// A range for each spelling, none of which begins as another: an index knows ranges whatever plan there is.
	for _, code := range f.code {
		b.Queue(`
			SELECT s.id, replace(s.code_fold, ' ', '') FROM stalls s
			WHERE s.market_id = @market AND s.removed_at IS NULL AND replace(s.code_fold, ' ', '') ~>=~ @from AND replace(s.code_fold, ' ', '') ~<~ @until`,
			pgx.StrictNamedArgs{"market": m.ID, "from": code, "until": code + string(unicode.MaxRune)}).Query(func(rows pgx.Rows) error { return f.coded(rows) })
	}
	return f, db.SendBatch(ctx, b).Close()
}

// askNames asks for the names of all vendors of a market, folded; their phones and accents are read only for who looks at them, and are empty otherwise.
func askNames(b *pgx.Batch, in MarketID, withPhones, withAccents bool, each func(v VendorID, fold, phone, name string)) {
	// One text of all names, and the identifiers as one string of bytes: rows of a column each take three times as long.
	text := func(column string, wanted bool) string {
		if !wanted {
			return `''`
		}
		return `coalesce(string_agg(` + column + `, E'\x1e'), '')`
	}
	b.Queue(`
		SELECT string_agg(uuid_send(v.id), ''::bytea), `+text(`v.name_fold`, true)+`, `+text(`coalesce(v.phone, '')`, withPhones)+`, `+text(`v.name`, withAccents)+`
		FROM vendors v WHERE v.market_id = @market AND v.removed_at IS NULL AND v.erased_at IS NULL`,
		pgx.StrictNamedArgs{"market": in}).QueryRow(func(row pgx.Row) error {
		var ids []byte
		var folds, phones, accented string
		if err := row.Scan(&ids, &folds, &phones, &accented); err != nil {
			return err
		}
		for ; len(ids) > 0; ids = ids[16:] {
			var v VendorID
			_ = v.ScanUUID(pgtype.UUID{Bytes: [16]byte(ids[:16]), Valid: true}) // sixteen bytes always are one
			each(v, cutName(&folds), cutName(&phones), cutName(&accented))
		}
		return nil
	})
}

// compare looks at a vendor of the market.
func (f *found) compare(n names, id VendorID, fold, phone, name string) {
	by, r, ok := n.match(fold, name, phone, true)
	if !ok {
		return
	}
	v := meant[VendorID]{inMarket[VendorID]{f.market, id}, hit{by, r, fold}}
	if by == BySimilar {
		f.near = append(f.near, v)
	} else {
		f.vendors = append(f.vendors, v)
	}
}

// cutName takes the first of a list of texts off it.
func cutName(list *string) (first string) {
	if i := strings.IndexByte(*list, '\x1e'); i >= 0 {
		first, *list = (*list)[:i], (*list)[i+1:]
		return first
	}
	first, *list = *list, ""
	return first
}

// coded reads stalls whose code begins as the search; the code itself comes before a longer one.
func (f *found) coded(rows pgx.Rows) error {
	var s StallID
	var code string
	_, err := pgx.ForEachRow(rows, []any{&s, &code}, func() error {
		h := hit{by: ByCode, rank: ranked(ByCode)}
		if !slices.Contains(f.code, code) {
			h.rank[0], h.rank[3] = ranked(ByName)[0], len(code)
		}
		f.stalls = append(f.stalls, meant[StallID]{inMarket[StallID]{f.market, s}, h})
		return nil
	})
	return err
}

// Found is a stall that a search found.
type Found struct {
	Market     string    `json:"market"`
	MarketName string    `json:"market_name"`
	Area       string    `json:"area"` // name of the market's commune and province
	Stall      string    `json:"stall"`
	Section    string    `json:"section"`
	Goods      string    `json:"goods"`
	Status     string    `json:"status"` // trading, vacant
	Vendor     *string   `json:"vendor"`
	Phone      *string   `json:"phone"`          // masked
	Matched    Matched   `json:"matched" db:"-"` // by what it was found
	MarketID   MarketID  `json:"-"`
	VendorID   *VendorID `json:"-"`
	StallID    StallID   `json:"-"`
}

func (f Found) at() inMarket[StallID] { return inMarket[StallID]{f.MarketID, f.StallID} }

// Findings are what a search found, the likeliest first.
type Findings struct {
	Items  []Found    `json:"items"`
	Next   *string    `json:"next_cursor"` // always null: whoever wants others says more
	More   bool       `json:"more"`        // others match too, as well as the last ones here
	Advice fault.Text `json:"-"`           // how to find more, or less; empty: nothing to say
}

const (
	mostCandidates = 200 // looked at where many markets are searched
	fewMarkets     = 8   // are searched one by one, with all that a search inside a market forgives
	enoughFound    = 10  // no names that are only similar beside so many that fit
	minWideTail    = 4   // digits of a phone's end, over many markets
)

// Search finds stalls by words of the vendor's name in any order, with accents or without, by its initials, the end of the phone, the
// stall's code, or several of these: in one market, or with marketCode empty wherever the actor sees vendors. In one market, or few,
// a word may have a letter wrong, missing, too many or swapped. Over more it looks at the first two hundred that match.
//
// Faults: Invalid limit-invalid; NotFound; Forbidden.
func (s *Service) Search(ctx context.Context, by Actor, q, marketCode string, limit int) (Findings, error) {
	n, err := List{Limit: limit}.size()
	if err != nil {
		return Findings{}, err
	}
	w, err := s.searched(ctx, by, marketCode)
	if err != nil {
		return Findings{}, err
	}
	h := hits{sought: newSought(q)}
	switch {
	case h.typed == 0:
		return Findings{Items: []Found{}}, nil
	case !w.everywhere && len(w.markets) <= fewMarkets:
		for _, m := range w.markets {
			f, err := find(ctx, s.db, m, q)
			if err != nil {
				return Findings{}, actionContext("search", m.Code, err)
			}
			h.add(f)
		}
	default:
		if err := h.wide(ctx, s.db, w); err != nil {
			return Findings{}, actionContext("search", "all markets", err)
		}
	}
	return h.findings(ctx, s.db, w, n)
}

// reach is where an actor may search.
type reach struct {
	everywhere bool
	markets    []Market          // unless everywhere
	plain      map[MarketID]bool // where names are not masked; nil: everywhere
}

func (w reach) masks(m MarketID) bool { return w.plain != nil && !w.plain[m] }

func (s *Service) searched(ctx context.Context, by Actor, marketCode string) (reach, error) {
	if marketCode != "" {
		m, masked, err := marketSeen(ctx, s.db, by, marketCode)
		w := reach{markets: []Market{m}}
		if masked {
			w.plain = map[MarketID]bool{}
		}
		return w, err
	}
	if !by.CanSomewhere(SeeVendors) && !by.CanSomewhere(SeeMaskedVendors) {
		return reach{}, Forbidden()
	}
	if by.everywhere(SeeVendors) {
		return s.everywhere(ctx, by, reach{})
	}
	plain, err := s.MarketsIn(ctx, by, SeeVendors, "")
	if err != nil {
		return reach{}, err
	}
	w := reach{plain: map[MarketID]bool{}, markets: plain}
	for _, m := range plain {
		w.plain[m.ID] = true
	}
	if by.everywhere(SeeMaskedVendors) {
		return s.everywhere(ctx, by, w)
	}
	masked, err := s.MarketsIn(ctx, by, SeeMaskedVendors, "")
	for _, m := range masked {
		if !w.plain[m.ID] {
			w.markets = append(w.markets, m)
		}
	}
	return w, err
}

// everywhere reaches over all markets, which are named where they are few.
func (s *Service) everywhere(ctx context.Context, by Actor, w reach) (reach, error) {
	n, err := postgres.One[int](ctx, s.db, `SELECT count(*)::int FROM (SELECT FROM markets LIMIT `+strconv.Itoa(fewMarkets+1)+`) m`, nil) // one plan for all
	if w.everywhere = n > fewMarkets; err != nil || w.everywhere {
		return w, err
	}
	p, err := s.Markets(ctx, by, "", List{Limit: fewMarkets})
	w.markets, w.everywhere = p.Items, p.Next != nil // one may have been added since
	return w, err
}

// inMarket names a record among all markets.
type inMarket[ID comparable] struct {
	market MarketID
	id     ID
}

// hits are what a search meant in one market or many.
type hits struct {
	sought
	vendors []meant[VendorID]
	stalls  []meant[StallID]
	more    bool
	advice  fault.Text
}

// add takes in what one market has; similar names only where few fit.
func (h *hits) add(f found) {
	h.vendors, h.stalls = append(h.vendors, f.vendors...), append(h.stalls, f.stalls...)
	if len(f.vendors)+len(f.stalls) < enoughFound {
		h.vendors = append(h.vendors, f.near...)
	}
}

// onePlan lets the next statement keep the plan that it was given first, manyPlans as the database sees fit. Citus has to know the markets when
// it plans, so there each time has a plan of its own.
const (
	onePlan   = `SELECT set_config('plan_cache_mode', CASE WHEN to_regclass('pg_dist_partition') IS NULL THEN 'force_generic_plan' ELSE 'auto' END, true)`
	manyPlans = `SELECT set_config('plan_cache_mode', 'auto', true)`
)

// under runs a statement under a setting of the planner's, in one round trip.
func under[T any](ctx context.Context, db postgres.DB, set, unset, sql string, args pgx.StrictNamedArgs) (out []T, err error) {
	b := &pgx.Batch{}
	b.Queue(set)
	b.Queue(sql, args).Query(func(rows pgx.Rows) error {
		out, err = pgx.CollectRows(rows, pgx.RowToStructByName[T])
		return err
	})
	b.Queue(unset)
	return out, db.SendBatch(ctx, b).Close()
}

// findings reads the stalls of the likeliest and puts them in order. Some vendors hold no stall any more: then it reads those of more.
func (h *hits) findings(ctx context.Context, db postgres.DB, w reach, n int) (Findings, error) {
	f := Findings{More: h.more, Advice: h.advice}
	var items []Found
	for most := n + n/4 + 1; ; most *= 4 {
		vendors, stalls := likeliest(h.vendors, most), likeliest(h.stalls, most)
		var err error
		if items, err = h.stallsOf(ctx, db, vendors, stalls); err != nil {
			return f, actionContext("search", "stalls found", err)
		}
		left := len(h.vendors) > len(vendors) || len(h.stalls) > len(stalls)
		if len(items) > n || !left {
			break
		}
	}
	ranks := h.ranks(items)
	slices.SortStableFunc(items, func(a, b Found) int { return ranks[a.at()].compare(ranks[b.at()].rank) })
	if len(items) > n {
		items, f.More = items[:n], true
	}
	for i := range items {
		it := &items[i]
		it.Matched = ranks[it.at()].by
		if it.Phone != nil {
			shown := Masked(*it.Phone)
			it.Phone = &shown
		}
		if it.Vendor != nil && w.masks(it.MarketID) {
			shown := maskedName(*it.Vendor)
			it.Vendor = &shown
		}
	}
	f.Items = append([]Found{}, items...)
	switch {
	case f.Advice.Format != "":
	case f.More:
		f.Advice = fault.Say("Many match. Add a word.")
	case len(items) == 0 && (w.everywhere || len(w.markets) > fewMarkets):
		f.Advice = fault.Say("Choose a market: inside of one, a search also finds names that were mistyped.")
	}
	return f, nil
}

// stallsOf reads the stalls of vendors and of codes, in the order of names.
func (h *hits) stallsOf(ctx context.Context, db postgres.DB, vendors []meant[VendorID], stalls []meant[StallID]) ([]Found, error) {
	args := pgx.StrictNamedArgs{"codes": append([]string{}, h.codes...), "tail": h.tail}
	args["vendor_markets"], args["vendors"] = apart(vendors)
	args["stall_markets"], args["stalls"] = apart(stalls)
	// One plan for all: to plan seven tables takes longer than to read twenty stalls, and any plan goes by index.
	found, err := under[Found](ctx, db, onePlan, manyPlans, `
		WITH meant AS MATERIALIZED (
			SELECT o.market_id, o.stall_id, o.vendor_id, false AS coded FROM occupancies o
			WHERE o.market_id = ANY (@vendor_markets::uuid[]) AND o.vendor_id = ANY (@vendors::uuid[]) AND o.ended IS NULL
			UNION ALL
			SELECT s.market_id, s.id, o.vendor_id, true FROM stalls s LEFT JOIN occupancies o ON o.market_id = s.market_id AND o.stall_id = s.id AND o.ended IS NULL
			WHERE s.market_id = ANY (@stall_markets::uuid[]) AND s.id = ANY (@stalls::uuid[])
		)
		SELECT m.code AS market, m.name AS market_name, concat_ws(', ', a.name, p.name) AS area, s.code AS stall, s.section, s.goods,
		       CASE WHEN v.id IS NULL THEN 'vacant' ELSE 'trading' END AS status, v.name AS vendor, v.phone,
		       s.market_id, v.id AS vendor_id, s.id AS stall_id
		FROM (SELECT market_id, stall_id, vendor_id, bool_or(coded) AS coded FROM meant GROUP BY market_id, stall_id, vendor_id) w
		JOIN stalls s ON s.market_id = w.market_id AND s.id = w.stall_id AND s.removed_at IS NULL
		LEFT JOIN vendors v ON v.market_id = s.market_id AND v.id = w.vendor_id
		JOIN markets m ON m.id = s.market_id LEFT JOIN areas a ON a.code = m.area_code LEFT JOIN areas p ON p.code = a.parent
		WHERE w.coded OR `+alsoAt+`
		ORDER BY substring(v.name FROM '\S+$') COLLATE vi_order, v.name COLLATE vi_order, m.code, s.position, s.code_key`, args)
	return slices.DeleteFunc(found, func(f Found) bool { // of another market, with an id of one of these
		return !slices.ContainsFunc(stalls, func(s meant[StallID]) bool { return s.at == f.at() }) &&
			!slices.ContainsFunc(vendors, func(v meant[VendorID]) bool {
				return f.VendorID != nil && v.at == inMarket[VendorID]{f.MarketID, *f.VendorID}
			})
	}), err
}

// ranks are by what each stall was found: by its code or by its vendor, whichever fits better.
func (h *hits) ranks(items []Found) map[inMarket[StallID]]hit {
	ranks := make(map[inMarket[StallID]]hit, len(items))
	at := make(map[inMarket[VendorID]][]inMarket[StallID], len(items))
	of := make(map[inMarket[StallID]]bool, len(items))
	for _, it := range items {
		of[it.at()] = true
		if it.VendorID != nil {
			v := inMarket[VendorID]{it.MarketID, *it.VendorID}
			at[v] = append(at[v], it.at())
		}
	}
	for _, s := range h.stalls {
		if of[s.at] {
			ranks[s.at] = s.hit
		}
	}
	for _, v := range h.vendors {
		for _, s := range at[v.at] {
			if x, ok := ranks[s]; !ok || v.compare(x.rank) < 0 {
				ranks[s] = v.hit
			}
		}
	}
	return ranks
}

// likeliest are the n that fit best, the best first. Those that fit alike go by their names without accents, which is nearly their order in
// the end. Half a market may fit, so no more than n are ever kept in order.
func likeliest[ID comparable](all []meant[ID], n int) []meant[ID] {
	best := slices.Clone(all[:min(n, len(all))])
	slices.SortStableFunc(best, meant[ID].before)
	for _, m := range all[len(best):] {
		if m.before(best[n-1]) >= 0 {
			continue
		}
		at, _ := slices.BinarySearchFunc(best, m, func(a, b meant[ID]) int { return cmp.Or(a.before(b), -1) })
		copy(best[at+1:], best[at:n-1])
		best[at] = m
	}
	return best
}

// before compares by how well two fit.
func (m meant[ID]) before(o meant[ID]) int {
	if by := m.compare(o.rank); by != 0 {
		return by
	}
	last := func(s string) string { return s[strings.LastIndexByte(s, ' ')+1:] }
	return cmp.Or(cmp.Compare(last(m.fold), last(o.fold)), cmp.Compare(m.fold, o.fold))
}

func apart[ID comparable](list []meant[ID]) (markets []MarketID, ids []ID) {
	markets, ids = []MarketID{}, make([]ID, len(list))
	for i, x := range list {
		if ids[i] = x.at.id; !slices.Contains(markets, x.at.market) {
			markets = append(markets, x.at.market)
		}
	}
	return markets, ids
}
