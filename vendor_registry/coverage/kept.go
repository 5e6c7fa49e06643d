package coverage

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	registry "cho40/vendor_registry"

	"cho40/internal/postgres"

	"github.com/jackc/pgx/v5"
)

// kept is a row of counters: of all vendors, or of those with one provider or one barrier.
type kept struct {
	Split, Key string
	Markets    int
	N          []int // as registry.Counted, and the sum of the days since which a barrier stands
}

// atOnce reads figures that are few rows, so that one statement in each batch brings all that a question wants of them. key is what the group of the whole
// question goes by; of other groups elsewhere reads.
func atOnce(ask func(b *pgx.Batch) *[]kept, key map[string]string, elsewhere reader) reader {
	var in *pgx.Batch
	var rows *[]kept
	return func(b *pgx.Batch, group string, by slice) later[sum] {
		at, ok := key[group]
		if !ok {
			return elsewhere(b, group, by)
		}
		if in != b {
			in, rows = b, ask(b)
		}
		found := rows
		return func() ([]sum, error) { return by.of(*found, at), nil }
	}
}

// ofMarket reads figures of one market.
func (v view) ofMarket(st state, q Question, now time.Time) reader {
	return atOnce(func(b *pgx.Batch) *[]kept { return v.askKept(b, st, q, now) }, map[string]string{"": "", "market": q.Market}, nil)
}

// ofWhole reads figures of now of whole provinces or the country, whose markets are counted where ofParts does not.
func (v view) ofWhole(q Question, now time.Time, ofParts reader) reader {
	return atOnce(func(b *pgx.Batch) *[]kept { return v.set.askSums(b, q.group() == "", now) }, map[string]string{"": ""}, ofParts)
}

// of is what some rows, of which no two are of the same split and key, come to under a key, or each under its own where the slice goes by keys, in any order.
func (by slice) of(rows []kept, key string) []sum {
	whole := sum{Key: key}
	most := 1
	if by.split != "" && by.only == nil {
		most = len(rows)
	}
	sums := make([]sum, 0, most)
	for _, r := range rows {
		switch {
		case r.Split != by.split || by.only != nil && !slices.Contains(by.only, r.Key):
		case by.split == "":
			whole.N, whole.Markets = plus(whole.N, r.N[:len(registry.Counted)]), r.Markets
		case by.only == nil:
			sums = append(sums, sum{Key: r.Key, N: r.N})
		default:
			whole.N = plus(whole.N, r.N)
		}
	}
	if by.split == "" && whole.N == nil { // of one market there may be no row
		whole.Markets, whole.N = 1, make([]int, len(registry.Counted))
	}
	if whole.N != nil {
		sums = append(sums, whole)
	}
	return sums
}

// askRows asks for such rows: of split, key, how many markets, and the figures.
func askRows(b *pgx.Batch, sql string, args pgx.StrictNamedArgs) *[]kept {
	rows := make([]kept, 0, 32)
	var r kept
	postgres.AskEach(b, sql, args, []any{&r.Split, &r.Key, &r.Markets, &r.N}, func() error {
		rows, r.N = append(rows, r), nil
		return nil
	})
	return &rows
}

// askKept asks for a market's counters of now, or for what they were at the end of a past day: what changed up to it, or what stands now less
// what came since, whichever is fewer days to read. Only the providers that the question is about are read.
func (v view) askKept(b *pgx.Batch, st state, q Question, now time.Time) *[]kept {
	args := pgx.StrictNamedArgs{"market": *v.set.market}
	back := v.past && st.today.Number()-v.on.Number() < v.on.Number()-st.began.Number()
	narrowed := v.past && q.By != "provider"
	if narrowed {
		args["providers"] = append(append([]string{}, v.own...), st.Reports...)
	}
	switch {
	case back:
		args["until"], args["day"], args["today"] = st.today.End(), v.on, st.today
	case v.past:
		args["day"] = v.on
	default:
		args["until"] = now
	}
	sql := written(fmt.Sprint("kept ", v.past, back, narrowed), func() string { return keptSQL(v.past, back, narrowed) })
	return askRows(b, sql, args)
}

// keptSQL is the statement of askKept.
func keptSQL(past, back, narrowed bool) string {
	whole := func(pattern string) string { return each(pattern) + `, 0` }
	split := func(pattern string) string { return each(pattern, "stands") }
	// rows are those of the counters in two tables, of all vendors and by split.
	rows := func(all, splits, sign, when string) string {
		only, of := ``, ` FROM `+splits+` WHERE market_id = @market AND split = `
		if narrowed {
			only = ` AND key = ANY (@providers)`
		}
		return `SELECT '' AS split, '' AS key, ` + whole(sign+"%") + ` FROM ` + all + ` WHERE market_id = @market` + when + `
			UNION ALL SELECT split, key, ` + split(sign+"%") + of + `'barrier'` + when + `
			UNION ALL SELECT split, key, ` + split(sign+"%") + of + `'provider'` + only + when
	}
	var source, pending string
	if past && !back {
		source = rows("market_day_delta", "market_split_day_delta", "", " AND day <= @day")
	} else {
		// What waits is looked for in all markets: it is little, and the planner would read all changes of this one.
		pending = `WITH pending AS MATERIALIZED (SELECT * FROM vendor_changes WHERE NOT carried AND since <= @until)`
		source = rows("market_now", "market_split_now", "", "") + `
			UNION ALL SELECT x.split, x.key, ` + split("c.%") + `
			FROM pending c CROSS JOIN LATERAL (VALUES ('', ''), ('provider', c.provider), ('barrier', c.barrier)) x (split, key)
			WHERE c.market_id = @market AND (x.split = '' OR x.key <> '')`
	}
	if back {
		source += ` UNION ALL ` + rows("market_day_delta", "market_split_day_delta", "-", " AND day > @day AND day <= @today")
	}
	columns := append(slices.Clone(registry.Counted), "stands")
	return pending + `
		SELECT split, key, 1 AS markets, ARRAY[` + each("sum(x.%)", "stands") + `]::bigint[] AS n FROM (` + source + `) x (split, key, ` + strings.Join(columns, ", ") + `) GROUP BY 1, 2`
}

// askSums asks for what whole provinces or the country come to now: the longest spans, whatever they end on, and what is in none yet.
func (v set) askSums(b *pgx.Batch, markets bool, now time.Time) *[]kept {
	lies, args := v.lies("")
	tracks, lying := lies, `JOIN tracks t ON t.track = n.track`
	if v.wanted == nil && v.all() {
		tracks, lying, args = `SELECT '`+registry.EveryTrack+`' AS track`, `WHERE n.track <> '-'`, pgx.StrictNamedArgs{}
	}
	counted := `0`
	if markets {
		counted = `(WITH uncounted AS MATERIALIZED (` + uncounted + `) SELECT sum(n.markets) FROM ` + ofTracks + ` n ` + lying + `)`
	}
	args["now"] = now
	// How many changes wait the planner takes for far more than do, so their markets are named to it: it would read them all.
	return askRows(b, `
		WITH tracks AS MATERIALIZED (`+tracks+`), pending AS MATERIALIZED (
			SELECT * FROM vendor_changes WHERE carried AND NOT summed UNION ALL SELECT * FROM vendor_changes WHERE NOT carried AND since <= @now
		), named AS MATERIALIZED (
			SELECT n.market_id FROM (SELECT market_id, track FROM market_now WHERE market_id = ANY (ARRAY(SELECT market_id FROM pending))) n `+lying+`
		)
		SELECT split, key, coalesce(sum(markets), 0)::int AS markets, ARRAY[`+each("sum(x.%)", "stands")+`]::bigint[] AS n
		FROM (SELECT '' AS split, '' AS key, `+counted+` AS markets, `+each("0::int AS %")+`, 0::bigint AS stands
		      UNION ALL SELECT d.split, d.key, 0, `+each("d.%", "stands")+` FROM tracks t JOIN province_sums d ON d.track = t.track
		                WHERE d.split = ANY ('{"",provider,barrier}') AND d.span = `+strconv.Itoa(registry.Spans[2])+`
		      UNION ALL SELECT k.split, k.key, 0, `+each("c.%", "stands")+` FROM named n JOIN pending c ON c.market_id = n.market_id
		                CROSS JOIN LATERAL (VALUES ('', ''), ('provider', c.provider), ('barrier', c.barrier)) k (split, key) WHERE k.split = '' OR k.key <> '') x
		GROUP BY 1, 2`, args)
}
