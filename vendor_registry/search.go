package registry

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"cho40/internal/fault"
	"cho40/internal/postgres"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// found is what a search meant in one market.
type found struct {
	sought
	vendors map[VendorID]hit
	near    map[VendorID]hit // with a mistake in the search
	stalls  map[StallID]hit
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
	args["vendors"], args["stalls"] = keysIn(vendors), keysIn(f.stalls)
	args["codes"], args["tail"] = append([]string{}, f.codes...), ""
	if len(f.codes) > 0 {
		args["tail"] = f.tail
	}
}

func keysIn[K comparable](m map[K]hit) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	return keys
}

// find looks through the names of one market. They are read as they are and compared here: a market has a few hundred, and a
// comparison that allows for mistakes has no index.
func find(ctx context.Context, db postgres.DB, m Market, q string) (found, error) {
	f := found{sought: newSought(q)}
	if f.typed == 0 {
		return f, nil
	}
	b := &pgx.Batch{}
	// One text of all names, and the identifiers as one string of bytes: rows of a column each take three times as long.
	b.Queue(`
		SELECT string_agg(concat_ws(E'\x1f', v.name_fold, coalesce(v.phone, ''), CASE WHEN @accents THEN v.name END), E'\x1e'), string_agg(uuid_send(v.id), ''::bytea)
		FROM vendors v WHERE v.market_id = @market AND v.removed_at IS NULL AND v.erased_at IS NULL`,
		pgx.StrictNamedArgs{"market": m.ID, "accents": f.tones != nil}).QueryRow(func(row pgx.Row) error {
		var all *string
		var ids []byte
		if err := row.Scan(&all, &ids); err != nil || all == nil {
			return err
		}
		f.compare(*all, ids)
		return nil
	})
	if f.code != nil {
		b.Queue(`
			SELECT s.id, replace(s.code_fold, ' ', '') FROM stalls s
			WHERE s.market_id = @market AND s.removed_at IS NULL AND replace(s.code_fold, ' ', '') LIKE ANY (@codes::text[])`,
			pgx.StrictNamedArgs{"market": m.ID, "codes": startsOf(f.code)}).Query(func(rows pgx.Rows) error { return f.coded(rows) })
	}
	return f, db.SendBatch(ctx, b).Close()
}

// compare goes through the vendors of a market as find reads them.
func (f *found) compare(all string, ids []byte) {
	f.vendors, f.near = map[VendorID]hit{}, map[VendorID]hit{}
	n := names{sought: f.sought}
	for line := range strings.SplitSeq(all, "\x1e") {
		fold, rest, _ := strings.Cut(line, "\x1f")
		phone, name, _ := strings.Cut(rest, "\x1f")
		var v VendorID
		_ = v.ScanUUID(pgtype.UUID{Bytes: [16]byte(ids[:16]), Valid: true}) // sixteen bytes always are one
		ids = ids[16:]
		by, r, ok := n.match(fold, name, phone, true)
		switch {
		case !ok:
		case by == BySimilar:
			f.near[v] = hit{by, r, fold}
		default:
			f.vendors[v] = hit{by, r, fold}
		}
	}
}

// coded reads stalls whose code begins as the search; the code itself comes before a longer one.
func (f *found) coded(rows pgx.Rows) error {
	f.stalls = map[StallID]hit{}
	var s StallID
	var code string
	_, err := pgx.ForEachRow(rows, []any{&s, &code}, func() error {
		h := hit{by: ByCode, rank: ranked(ByCode)}
		if !slices.Contains(f.code, code) {
			h.rank[0], h.rank[3] = ranked(ByName)[0], len(code)
		}
		f.stalls[s] = h
		return nil
	})
	return err
}

// startsOf are LIKE patterns for texts that begin so.
func startsOf(texts []string) []string {
	patterns := make([]string, len(texts))
	for i, t := range texts {
		patterns[i] = like.Replace(t) + "%"
	}
	return patterns
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
	h := hits{vendors: map[inMarket[VendorID]]hit{}, stalls: map[inMarket[StallID]]hit{}, sought: newSought(q)}
	switch {
	case h.typed == 0:
		return Findings{Items: []Found{}}, nil
	case !w.everywhere && len(w.markets) <= fewMarkets:
		for _, m := range w.markets {
			f, err := find(ctx, s.db, m, q)
			if err != nil {
				return Findings{}, actionContext("search", m.Code, err)
			}
			h.add(m.ID, f)
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
	p, err := s.Markets(ctx, by, "", List{Limit: fewMarkets})
	w.markets, w.everywhere = p.Items, p.Next != nil
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
	vendors map[inMarket[VendorID]]hit
	stalls  map[inMarket[StallID]]hit
	more    bool
	advice  fault.Text
}

// add takes in what one market has; similar names only where few fit.
func (h *hits) add(m MarketID, f found) {
	for v, x := range f.vendors {
		h.vendors[inMarket[VendorID]{m, v}] = x
	}
	for s, x := range f.stalls {
		h.stalls[inMarket[StallID]{m, s}] = x
	}
	if len(f.vendors)+len(f.stalls) < enoughFound {
		for v, x := range f.near {
			h.vendors[inMarket[VendorID]{m, v}] = x
		}
	}
}

// under runs a statement under a setting of the planner's, in one round trip.
func under[T any](ctx context.Context, db postgres.DB, setting, value, usual, sql string, args pgx.StrictNamedArgs) (out []T, err error) {
	const set = `SELECT set_config(@setting, @value, true)`
	b := &pgx.Batch{}
	b.Queue(set, pgx.StrictNamedArgs{"setting": setting, "value": value})
	b.Queue(sql, args).Query(func(rows pgx.Rows) error {
		out, err = pgx.CollectRows(rows, pgx.RowToStructByName[T])
		return err
	})
	b.Queue(set, pgx.StrictNamedArgs{"setting": setting, "value": usual})
	return out, db.SendBatch(ctx, b).Close()
}

// findings reads the stalls of the likeliest and puts them in order.
func (h *hits) findings(ctx context.Context, db postgres.DB, w reach, n int) (Findings, error) {
	f := Findings{More: h.more, Advice: h.advice}
	vendors, stalls := likeliest(h.vendors, 2*n), likeliest(h.stalls, 2*n)
	args := pgx.StrictNamedArgs{"codes": append([]string{}, h.codes...), "tail": h.tail}
	args["vendor_markets"], args["vendors"] = apart(vendors)
	args["stall_markets"], args["stalls"] = apart(stalls)
	// One plan for all: to plan seven tables takes longer than to read twenty stalls, and any plan goes by index.
	items, err := under[Found](ctx, db, "plan_cache_mode", "force_generic_plan", "auto", `
		WITH meant AS (
			SELECT o.market_id, o.stall_id, o.vendor_id, false AS coded
			FROM unnest(@vendor_markets::uuid[], @vendors::uuid[]) AS w (market_id, vendor_id)
			JOIN occupancies o ON o.market_id = w.market_id AND o.vendor_id = w.vendor_id AND o.ended IS NULL
			UNION ALL
			SELECT w.market_id, w.stall_id, o.vendor_id, true
			FROM unnest(@stall_markets::uuid[], @stalls::uuid[]) AS w (market_id, stall_id)
			LEFT JOIN occupancies o ON o.market_id = w.market_id AND o.stall_id = w.stall_id AND o.ended IS NULL
		)
		SELECT m.code AS market, m.name AS market_name, concat_ws(', ', a.name, p.name) AS area, s.code AS stall, s.section, s.goods,
		       CASE WHEN v.id IS NULL THEN 'vacant' ELSE 'trading' END AS status, v.name AS vendor, v.phone,
		       s.market_id, v.id AS vendor_id, s.id AS stall_id
		FROM (SELECT market_id, stall_id, vendor_id, bool_or(coded) AS coded FROM meant GROUP BY market_id, stall_id, vendor_id) w
		JOIN stalls s ON s.market_id = w.market_id AND s.id = w.stall_id AND s.removed_at IS NULL
		LEFT JOIN vendors v ON v.market_id = w.market_id AND v.id = w.vendor_id
		JOIN markets m ON m.id = w.market_id LEFT JOIN areas a ON a.code = m.area_code LEFT JOIN areas p ON p.code = a.parent
		WHERE w.coded OR `+alsoAt+`
		ORDER BY substring(v.name FROM '\S+$') COLLATE vi_order, v.name COLLATE vi_order, m.code, s.position, s.code_key`, args)
	if err != nil {
		return f, actionContext("search", "stalls found", err)
	}
	ranks := make(map[StallID]hit, len(items))
	for _, it := range items {
		x, found := h.stalls[inMarket[StallID]{it.MarketID, it.StallID}]
		if it.VendorID != nil {
			if v, ok := h.vendors[inMarket[VendorID]{it.MarketID, *it.VendorID}]; ok && (!found || v.compare(x.rank) < 0) {
				x = v
			}
		}
		ranks[it.StallID] = x
	}
	slices.SortStableFunc(items, func(a, b Found) int { return ranks[a.StallID].compare(ranks[b.StallID].rank) })
	if len(items) > n {
		items, f.More = items[:n], true
	}
	f.More = f.More || len(h.vendors) > len(vendors) || len(h.stalls) > len(stalls)
	for i := range items {
		it := &items[i]
		it.Matched = ranks[it.StallID].by
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

// likeliest are the n that fit best. Those that fit alike go by their names without accents, which is nearly their order in the end.
func likeliest[ID comparable](m map[inMarket[ID]]hit, n int) []inMarket[ID] {
	type entry struct {
		at inMarket[ID]
		hit
	}
	all := make([]entry, 0, len(m))
	for at, h := range m {
		all = append(all, entry{at, h})
	}
	slices.SortFunc(all, func(a, b entry) int {
		last := func(s string) string { return s[strings.LastIndexByte(s, ' ')+1:] }
		return cmp.Or(a.compare(b.rank), cmp.Compare(last(a.fold), last(b.fold)), cmp.Compare(a.fold, b.fold))
	})
	out := make([]inMarket[ID], 0, min(n, len(all)))
	for _, e := range all[:min(n, len(all))] {
		out = append(out, e.at)
	}
	return out
}

func apart[ID comparable](list []inMarket[ID]) (markets []MarketID, ids []ID) {
	markets, ids = make([]MarketID, len(list)), make([]ID, len(list))
	for i, x := range list {
		markets[i], ids[i] = x.market, x.id
	}
	return markets, ids
}
