package coverage

import (
	"maps"
	"slices"
	"strings"
	"time"

	registry "cho40/vendor_registry"

	"cho40/internal/postgres"

	"github.com/jackc/pgx/v5"
)

// kept is a row of a market's counters: of all vendors, or of those with one provider or one barrier.
type kept struct {
	Split, Key string
	N          []int // as registry.Counted, and the sum of the days since which a barrier stands
}

// ofMarket reads figures of one market. Its counters are few rows, so that one statement brings all that a question wants of them.
func (v view) ofMarket(st state, q Question, now time.Time) reader {
	var in *pgx.Batch
	var rows *[]kept
	return func(b *pgx.Batch, group string, by slice) later[sum] {
		if in != b {
			in, rows = b, v.askKept(b, st, q, now)
		}
		key := map[string]string{"market": q.Market}[group]
		return func() ([]sum, error) { return by.of(*rows, key), nil }
	}
}

// of is what some rows come to under a key, or each under its own where the slice goes by keys.
func (by slice) of(rows []kept, key string) []sum {
	found := map[string]*sum{}
	if by.split == "" {
		found[key] = &sum{Key: key, Markets: 1, N: make([]int, len(registry.Counted))}
	}
	for _, r := range rows {
		if r.Split != by.split || by.only != nil && !slices.Contains(by.only, r.Key) {
			continue
		}
		at, n := key, r.N
		switch {
		case by.split == "":
			n = n[:len(registry.Counted)]
		case by.only == nil:
			at = r.Key
		}
		if found[at] == nil {
			found[at] = &sum{Key: at}
		}
		found[at].N = plus(found[at].N, n)
	}
	sums := make([]sum, 0, len(found))
	for _, at := range slices.Sorted(maps.Keys(found)) {
		sums = append(sums, *found[at])
	}
	return sums
}

// askKept asks for a market's counters of now, or for what they were at the end of a past day: what changed up to it, or what stands now less
// what came since, whichever is fewer days to read. Only the providers that the question is about are read.
func (v view) askKept(b *pgx.Batch, st state, q Question, now time.Time) *[]kept {
	args := pgx.StrictNamedArgs{"market": *v.set.market}
	whole := func(pattern string) string { return each(pattern) + `, 0` }
	split := func(pattern string) string { return each(pattern, "stands") }
	// rows are those of the counters in two tables, of all vendors and by split.
	rows := func(all, splits, sign, when string) string {
		narrowed := ``
		if v.past && q.By != "provider" {
			args["providers"] = append(append([]string{}, v.own...), st.Reports...)
			narrowed = ` AND key = ANY (@providers)`
		}
		of := ` FROM ` + splits + ` WHERE market_id = @market AND split = `
		return `SELECT '' AS split, '' AS key, ` + whole(sign+"%") + ` FROM ` + all + ` WHERE market_id = @market` + when + `
			UNION ALL SELECT split, key, ` + split(sign+"%") + of + `'barrier'` + when + `
			UNION ALL SELECT split, key, ` + split(sign+"%") + of + `'provider'` + narrowed + when
	}
	var source, pending string
	back := v.past && st.today.Number()-v.on.Number() < v.on.Number()-st.began.Number()
	if !v.past || back {
		if args["until"] = now; back {
			args["until"] = st.today.End()
		}
		// What waits is looked for in all markets: it is little, and the planner would read all changes of this one.
		pending = `WITH pending AS MATERIALIZED (SELECT * FROM vendor_changes WHERE NOT carried AND since <= @until)`
		source = rows("market_now", "market_split_now", "", "") + `
			UNION ALL SELECT x.split, x.key, ` + split("c.%") + `
			FROM pending c CROSS JOIN LATERAL (VALUES ('', ''), ('provider', c.provider), ('barrier', c.barrier)) x (split, key)
			WHERE c.market_id = @market AND (x.split = '' OR x.key <> '')`
	}
	switch {
	case back:
		args["day"], args["today"] = v.on, st.today
		source += ` UNION ALL ` + rows("market_day_delta", "market_split_day_delta", "-", " AND day > @day AND day <= @today")
	case v.past:
		args["day"] = v.on
		source = rows("market_day_delta", "market_split_day_delta", "", " AND day <= @day")
	}
	columns := append(slices.Clone(registry.Counted), "stands")
	return postgres.Ask[kept](b, pending+`
		SELECT split, key, ARRAY[`+each("sum(x.%)", "stands")+`]::bigint[] AS n FROM (`+source+`) x (split, key, `+strings.Join(columns, ", ")+`) GROUP BY 1, 2`, args)
}
