package registry

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"cho40/internal/fault"
	"cho40/internal/postgres"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// StallLine is a stall in a list.
type StallLine struct {
	Code      string  `json:"code"`
	Section   string  `json:"section"`
	Goods     string  `json:"goods"`
	Status    string  `json:"status"`
	Trades    bool    `json:"trades_today"`
	Stage     *Stage  `json:"stage"`
	Suspended bool    `json:"suspended"`
	Overdue   bool    `json:"overdue"`
	Vendor    *string `json:"vendor"`
	Phone     *string `json:"phone"`
	Provider  *string `json:"provider"`
	Position  int     `json:"-"`
	CodeKey   string  `json:"-"`
}

// lineColumns reads a StallLine of whoTrades and the vendor's stage n.
const lineColumns = `s.code, s.section, s.goods, ` + statusColumns + `,
		       n.stage, coalesce(n.suspended, false) AS suspended, coalesce(n.overdue, false) AS overdue,
		       v.name AS vendor, v.phone, n.provider, s.position, s.code_key`

// answers says whether a stall answers a search, as found has it.
const answers = `@everything OR s.id = ANY (@stalls::uuid[]) OR v.id = ANY (@vendors::uuid[]) AND ` + alsoAt

// alsoAt holds a vendor who was found by name to the words of the search that are no name.
const alsoAt = `(cardinality(@codes::text[]) = 0 OR replace(s.code_fold, ' ', '') LIKE ANY (@codes::text[]) OR @tail <> '' AND v.phone LIKE '%' || @tail)`

// mask hides most of the phone, and of the name for who may not see it.
func (l *StallLine) mask(name bool) {
	if l.Phone != nil {
		shown := Masked(*l.Phone)
		l.Phone = &shown
	}
	if name && l.Vendor != nil {
		shown := maskedName(*l.Vendor)
		l.Vendor = &shown
	}
}

// StallFilter narrows a list of stalls; empty fields let everything through.
type StallFilter struct {
	Q       string `query:"q"`       // words of the vendor's name, its initials, a stall code, the end of a phone number
	Section string `query:"section"` // as stored
	Stage   string `query:"stage"`   // a stage's name
	Status  string `query:"status"`  // trading, seasonal, closed, vacant
}

// Stalls lists a market's stalls in walking order. Faults: NotFound; Forbidden; Invalid.
func (s *Service) Stalls(ctx context.Context, by Actor, marketCode string, f StallFilter, l List) (Page[StallLine], error) {
	var p Page[StallLine]
	m, masked, err := marketSeen(ctx, s.db, by, marketCode)
	if err != nil {
		return p, err
	}
	n, err := l.size()
	if err != nil {
		return p, err
	}
	args := StageArgs(m.ID, s.now())
	args["n"] = n + 1
	args["section"] = f.Section
	args["status"] = f.Status
	args["after_position"], args["after_key"] = -1, ""
	if l.Cursor != "" {
		position, key, _ := strings.Cut(l.Cursor, "~")
		at, err := strconv.Atoi(position)
		if err != nil {
			return p, fault.New(fault.Invalid, "cursor-invalid", "This cursor is not one of ours. Start the list again without it.")
		}
		args["after_position"], args["after_key"] = at, key
	}
	args["stage"] = nil
	if f.Stage != "" {
		stage, ok := ParseStage(f.Stage)
		if !ok {
			return p, fault.New(fault.Invalid, "stage-unknown", "There is no stage %q.", clip(f.Stage, 20)).
				With(fault.At("stage", "unknown", "One of: %s.", strings.Join(StageNames, ", ")))
		}
		args["stage"] = int(stage)
	}
	if err := statusFilter(f.Status); err != nil {
		return p, err
	}
	found, err := find(ctx, s.db, m, f.Q)
	if err != nil {
		return p, actionContext("list stalls of", marketCode, err)
	}
	found.into(args)
	p.Items, err = postgres.All[StallLine](ctx, s.db, `
		SELECT `+lineColumns+`
		FROM `+whoTrades+`
		LEFT JOIN LATERAL (`+statusOn+`) t ON true
		LEFT JOIN LATERAL (`+stageOf("v.id")+`) n ON v.id IS NOT NULL
		WHERE s.market_id = @market AND s.removed_at IS NULL
		  AND (@section = '' OR s.section = @section)
		  AND (@status = '' OR @status = CASE WHEN v.id IS NULL THEN 'vacant' ELSE coalesce(t.status, 'trading') END)
		  AND (@stage::int IS NULL OR n.stage = @stage)
		  AND (`+answers+`)
		  AND (s.position, s.code_key) > (@after_position, @after_key)
		ORDER BY s.position, s.code_key LIMIT @n`, args)
	if err != nil {
		return p, actionContext("list stalls of", marketCode, err)
	}
	for i := range p.Items {
		p.Items[i].mask(masked)
	}
	return page(p.Items, n, func(l StallLine) string { return strconv.Itoa(l.Position) + "~" + l.CodeKey }), nil
}

// PlanLine is a stall on the plan of its market.
type PlanLine struct {
	StallLine
	Found bool // it answers the search; every stall answers an empty one
}

// Plan is every stall of a market in walking order, in one reading: what the list gives 200 at a time would work out the
// stages of the whole market once for each page. It searches as Stalls does. Faults: NotFound; Forbidden.
func (s *Service) Plan(ctx context.Context, by Actor, marketCode, q string) ([]PlanLine, error) {
	m, masked, err := marketSeen(ctx, s.db, by, marketCode)
	if err != nil {
		return nil, err
	}
	found, err := find(ctx, s.db, m, q)
	if err != nil {
		return nil, actionContext("plan of", marketCode, err)
	}
	args := StageArgs(m.ID, s.now())
	found.into(args)
	lines, err := postgres.All[PlanLine](ctx, s.db, `
		SELECT `+lineColumns+`, coalesce(`+answers+`, false) AS found
		FROM `+whoTrades+`
		LEFT JOIN LATERAL (`+statusOn+`) t ON true
		LEFT JOIN LATERAL (`+stageOf("v.id")+`) n ON v.id IS NOT NULL
		WHERE s.market_id = @market AND s.removed_at IS NULL
		ORDER BY s.position, s.code_key`, args)
	for i := range lines {
		lines[i].mask(masked)
	}
	return lines, actionContext("plan of", marketCode, err)
}

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
		return reach{}, forbidden()
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

// candidate is a vendor whom a wide search looks at.
type candidate struct {
	MarketID MarketID
	ID       VendorID
	Name     string
	Fold     string
	Phone    string
}

// wide looks over many markets: at those whom the indexes name first, and not at all of them.
func (h *hits) wide(ctx context.Context, db postgres.DB, w reach) error {
	many := fault.Say("Many match. Add a word, or choose a market.")
	look := func(where string, args pgx.StrictNamedArgs, rare bool) (int, error) {
		if len(h.codes) > 0 {
			where += ` AND EXISTS (SELECT FROM occupancies o JOIN stalls s ON s.market_id = o.market_id AND s.id = o.stall_id
				WHERE o.market_id = v.market_id AND o.vendor_id = v.id AND o.ended IS NULL AND ` + alsoAt + `)`
			args["codes"], args["tail"] = h.codes, h.tail
		}
		cs, err := candidates(ctx, db, w, where, args, rare)
		n := names{sought: h.sought}
		for _, c := range cs {
			if by, r, ok := n.match(c.Fold, c.Name, c.Phone, false); ok {
				h.vendors[inMarket[VendorID]{c.MarketID, c.ID}] = hit{by, r, c.Fold}
			}
		}
		if len(cs) > mostCandidates {
			h.more, h.advice = true, many
		}
		return len(cs), err
	}
	switch {
	case h.alone && len(h.tail) >= minWideTail:
		if _, err := look(`right(v.phone, 4) = @last AND v.phone LIKE '%' || @tail`,
			pgx.StrictNamedArgs{"last": h.tail[len(h.tail)-minWideTail:], "tail": h.tail}, true); err != nil {
			return err
		}
	case h.alone:
		h.advice = fault.Say("Over many markets a phone is found by its last %d digits or more.", minWideTail)
	case len(h.joined) > len(h.words) || len(h.words) > 2: // a letter or two are in everybody's name
		if err := h.wideNames(look); err != nil {
			return err
		}
	default:
		h.advice = many
	}
	if !strings.ContainsAny(strings.Join(h.code, ""), "0123456789") {
		return nil
	}
	ss, err := codedWide(ctx, db, w, h.code)
	for _, s := range ss {
		h.stalls[s] = hit{by: ByCode, rank: ranked(ByCode)}
	}
	if len(ss) > mostCandidates {
		h.more, h.advice = true, many
	}
	return err
}

// wideNames looks first for names with the accents that were typed, then for whole words, then for beginnings of words.
func (h *hits) wideNames(look func(where string, args pgx.StrictNamedArgs, rare bool) (int, error)) error {
	const whole = `string_to_array(v.name_fold, ' ') @> @words::text[]`
	seen := 0
	for _, step := range []struct {
		when  bool
		where string
		args  pgx.StrictNamedArgs
		rare  bool
	}{
		{h.tones != nil, whole + ` AND v.name ~* ALL (@accents::text[])`, pgx.StrictNamedArgs{"words": h.words, "accents": accentPatterns(h.tones)}, false},
		{true, whole, pgx.StrictNamedArgs{"words": h.words}, false},
		{len(h.joined) >= minTail && (len(h.words) == 1 || len(h.words) == len(h.joined)), `regexp_replace(v.name_fold, '(\S)\S* ?', '\1', 'g') = @initials`,
			pgx.StrictNamedArgs{"initials": h.joined}, true},
	} {
		if !step.when || seen >= enoughFound && !step.rare {
			continue
		}
		n, err := look(step.where, step.args, step.rare)
		if err != nil {
			return err
		}
		seen += n
	}
	if seen > 0 || len(h.joined) < minTail {
		return nil
	}
	// ~ ALL would find no index.
	var where []string
	args := pgx.StrictNamedArgs{}
	for i, w := range h.words {
		name := "word" + strconv.Itoa(i)
		where = append(where, `v.name_fold ~ @`+name)
		args[name] = `(^| )` + w // of letters and digits only
	}
	_, err := look(strings.Join(where, ` AND `), args, false)
	return err
}

// accentPatterns are regular expressions for words with their accents: the tone mark on any of a word's vowels, as the old spelling
// and the new one differ.
func accentPatterns(tones []string) []string {
	patterns := make([]string, len(tones))
	for i, key := range tones {
		patterns[i] = `(^|\s)(` + strings.Join(toneSpellings(key), "|") + `)(\s|$)`
	}
	return patterns
}

// candidates are the vendors wherever the actor sees some for whom where holds, one more than are looked at. A plan made for other words would not do
// for these, so each is made anew; and for what is rare the planner must not read the whole country, which it thinks is quick when it
// wants two hundred.
func candidates(ctx context.Context, db postgres.DB, w reach, where string, args pgx.StrictNamedArgs, rare bool) ([]candidate, error) {
	args["most"] = mostCandidates + 1
	sql := `SELECT v.market_id, v.id, v.name, v.name_fold AS fold, coalesce(v.phone, '') AS phone FROM vendors v
		WHERE v.removed_at IS NULL AND v.erased_at IS NULL AND ` + where + ` LIMIT @most`
	if !w.everywhere {
		sql = `SELECT c.market_id, c.id, c.name, c.fold, c.phone FROM unnest(@markets::uuid[]) m CROSS JOIN LATERAL (
			SELECT v.market_id, v.id, v.name, v.name_fold AS fold, coalesce(v.phone, '') AS phone FROM vendors v
			WHERE v.market_id = m AND v.removed_at IS NULL AND v.erased_at IS NULL AND ` + where + ` LIMIT @most) c LIMIT @most`
		args["markets"] = w.ids()
	}
	return planned[candidate](ctx, db, sql, args, rare)
}

func (w reach) ids() []MarketID {
	ids := make([]MarketID, len(w.markets))
	for i, m := range w.markets {
		ids[i] = m.ID
	}
	return ids
}

// codedWide are the stalls of a code wherever the actor sees vendors, one more than are looked at.
func codedWide(ctx context.Context, db postgres.DB, w reach, codes []string) ([]inMarket[StallID], error) {
	type row struct {
		MarketID MarketID
		ID       StallID
	}
	args := pgx.StrictNamedArgs{"codes": codes, "most": mostCandidates + 1}
	sql := `SELECT s.market_id, s.id FROM stalls s WHERE s.removed_at IS NULL AND replace(s.code_fold, ' ', '') = ANY (@codes::text[]) LIMIT @most`
	if !w.everywhere {
		sql = `SELECT c.market_id, c.id FROM unnest(@markets::uuid[]) m CROSS JOIN LATERAL (
			SELECT s.market_id, s.id FROM stalls s
			WHERE s.market_id = m AND s.removed_at IS NULL AND replace(s.code_fold, ' ', '') = ANY (@codes::text[])) c LIMIT @most`
		args["markets"] = w.ids()
	}
	rows, err := planned[row](ctx, db, sql, args, true)
	out := make([]inMarket[StallID], len(rows))
	for i, r := range rows {
		out[i] = inMarket[StallID]{r.MarketID, r.ID}
	}
	return out, err
}

// planned runs a statement with a plan made for its values; for what is rare, by an index.
func planned[T any](ctx context.Context, db postgres.DB, sql string, args pgx.StrictNamedArgs, rare bool) ([]T, error) {
	if rare {
		return under[T](ctx, db, "enable_seqscan", "off", "on", sql, args)
	}
	rows, err := db.Query(ctx, sql, pgx.QueryExecModeCacheDescribe, args)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[T])
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
