package registry

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"cho40/internal/fault"
	"cho40/internal/postgres"

	"github.com/jackc/pgx/v5"
)

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
	seen := map[inMarket[VendorID]]bool{} // by one step and again by the next
	look := func(where string, args pgx.StrictNamedArgs, rare bool) (int, error) {
		if len(h.codes) > 0 {
			where += ` AND EXISTS (SELECT 1 FROM occupancies o JOIN stalls s ON s.market_id = o.market_id AND s.id = o.stall_id
				WHERE o.market_id = v.market_id AND o.vendor_id = v.id AND o.ended IS NULL AND ` + alsoAt + `)`
			args["codes"], args["tail"] = h.codes, h.tail
		}
		cs, err := candidates(ctx, db, w, where, args, rare)
		n := names{sought: h.sought}
		for _, c := range cs {
			at := inMarket[VendorID]{c.MarketID, c.ID}
			if seen[at] {
				continue
			}
			seen[at] = true
			if by, r, ok := n.match(c.Fold, c.Name, c.Phone, false); ok {
				h.vendors = append(h.vendors, meant[VendorID]{at, hit{by, r, c.Fold}})
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
		h.stalls = append(h.stalls, meant[StallID]{s, hit{by: ByCode, rank: ranked(ByCode)}})
	}
	if len(ss) > mostCandidates {
		h.more, h.advice = true, many
	}
	return err
}

// wideNames looks first for names with the accents that were typed, then for whole words, then for beginnings of words.
func (h *hits) wideNames(look func(where string, args pgx.StrictNamedArgs, rare bool) (int, error)) error {
	// Most names are out before they are cut into words. The planner takes the first condition for nearly always true, and so goes by the second.
	const whole = `strpos(v.name_fold, @longest) <> 0 AND string_to_array(v.name_fold, ' ') @> @words::text[]`
	longest := slices.MaxFunc(h.words, func(a, b string) int { return len(a) - len(b) })
	seen := 0
	for _, step := range []struct {
		when  bool
		where string
		args  pgx.StrictNamedArgs
		rare  bool
	}{
		{h.tones != nil, whole + ` AND v.name ~* ALL (@accents::text[])`, pgx.StrictNamedArgs{"longest": longest, "words": h.words, "accents": accentPatterns(h.tones)}, false},
		{true, whole, pgx.StrictNamedArgs{"longest": longest, "words": h.words}, false},
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
	where += w.narrowed("v", args)
	sql := `SELECT v.market_id, v.id, v.name, v.name_fold AS fold, coalesce(v.phone, '') AS phone FROM vendors v
		WHERE v.removed_at IS NULL AND v.erased_at IS NULL AND ` + where + ` LIMIT @most`
	return planned[candidate](ctx, db, sql, args, rare)
}

// narrowed is the condition that leaves of a table's rows those of the markets where the actor sees some.
func (w reach) narrowed(table string, args pgx.StrictNamedArgs) string {
	if w.everywhere {
		return ""
	}
	ids := make([]MarketID, len(w.markets))
	for i, m := range w.markets {
		ids[i] = m.ID
	}
	args["markets"] = ids
	return ` AND ` + table + `.market_id = ANY (@markets::uuid[])`
}

// codedWide are the stalls of a code wherever the actor sees vendors, one more than are looked at.
func codedWide(ctx context.Context, db postgres.DB, w reach, codes []string) ([]inMarket[StallID], error) {
	type row struct {
		MarketID MarketID
		ID       StallID
	}
	args := pgx.StrictNamedArgs{"codes": codes, "most": mostCandidates + 1}
	where := w.narrowed("s", args)
	sql := `SELECT s.market_id, s.id FROM stalls s WHERE s.removed_at IS NULL AND replace(s.code_fold, ' ', '') = ANY (@codes::text[])` + where + ` LIMIT @most`
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
		return under[T](ctx, db, `SELECT set_config('enable_seqscan', 'off', true)`, `SELECT set_config('enable_seqscan', 'on', true)`, sql, args)
	}
	rows, err := db.Query(ctx, sql, pgx.QueryExecModeCacheDescribe, args)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[T])
}
