package coverage

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"cho40/internal/postgres"
	registry "cho40/vendor_registry"

	"github.com/jackc/pgx/v5"
)

// set is the markets of a question, as rows t of market_tracks on the map of a day.
type set struct {
	market *registry.MarketID // only this one, whose figures the actor may see
	wanted []string           // codes of units; nil: everywhere
	day    registry.Day       // whose map
	reach  pgx.StrictNamedArgs
}

// where narrows market_tracks t to the set, and holds the arguments that it needs.
func (v set) where(more pgx.StrictNamedArgs) (string, pgx.StrictNamedArgs) {
	sql, args := `t.since <= @map AND @map < t.until`, pgx.StrictNamedArgs{"map": v.day}
	switch {
	case v.market != nil:
		args["market"] = *v.market
		sql += ` AND t.market_id = @market`
	case v.wanted != nil:
		args["wanted"] = v.wanted
		sql += ` AND (t.area = ANY (@wanted) OR t.district = ANY (@wanted) OR t.province = ANY (@wanted))`
	}
	if v.market == nil && !v.all() {
		args["codes"], args["areas"], args["area_days"] = v.reach["codes"], v.reach["areas"], v.reach["area_days"]
		sql += ` AND (t.code = ANY (@codes) OR t.market_id = ANY (ARRAY(
			SELECT p.market_id FROM market_tracks p JOIN unnest(@areas::text[], @area_days::date[]) g (code, day) ON g.code IN (p.area, p.district, p.province)
			WHERE CASE WHEN g.day IS NULL THEN p.until = 'infinity' ELSE p.since <= g.day AND g.day < p.until END)))`
	}
	maps.Copy(args, more)
	return sql, args
}

// all reports whether the actor's reach leaves nothing out.
func (v set) all() bool { all, _ := v.reach["all"].(bool); return all }

// groups are the parts into which markets go, as columns of market_tracks t, and firsts what sorts them.
var (
	groups = map[string]string{"": `''`, "market": `t.code`, "commune": `t.area`, "province": `t.province`}
	firsts = map[string]string{"": `1`, "market": `t.code`, "commune": `min(t.code)`, "province": `t.province = '', t.province`}
)

// sum is what the vendors of a group add up to.
type sum struct {
	Key     string
	Markets int
	N       []int // as registry.Counted, and where a barrier is asked for the sum of the days since which it stands
}

// column is the place of a figure in a sum.
func column(name string) int { return slices.Index(registry.Counted, name) }

func (s sum) of(name string) int {
	if len(s.N) == 0 {
		return 0
	}
	return s.N[column(name)]
}

// plus adds two sums; what is added to nothing is the same slice, so that sums are never changed where they are.
func plus(a, b []int) []int {
	switch {
	case len(a) == 0:
		return b
	case len(b) == 0:
		return a
	}
	out := make([]int, max(len(a), len(b)))
	copy(out, a)
	for i := range b {
		out[i] += b[i]
	}
	return out
}

// each writes a pattern for every counted column; % stands for the column.
func each(pattern string, more ...string) string {
	return written("each "+strings.Join(more, " ")+": "+pattern, func() string {
		var parts []string
		for _, c := range append(slices.Clone(registry.Counted), more...) {
			parts = append(parts, strings.ReplaceAll(pattern, "%", c))
		}
		return strings.Join(parts, ", ")
	})
}

// written keeps what statements are put together of, by what it is made from: to write the lists of columns anew each time is a quarter of the memory that a
// figure takes.
func written(name string, write func() string) string {
	if text, ok := texts.Load(name); ok {
		return text.(string)
	}
	text := write()
	texts.Store(name, text)
	return text
}

var texts sync.Map

// keyOf is the column of vendor_changes c that a split goes by.
var keyOf = map[string]string{"provider": "c.provider", "barrier": "c.barrier"}

// quoted are the splits as a statement names them, so that the planner knows which it is.
var quoted = map[string]string{"provider": `'provider'`, "barrier": `'barrier'`}

// slice narrows a sum to vendors with one of some providers or barriers, or goes by them where group is split.
type slice struct {
	split string   // provider, barrier; empty: all vendors
	only  []string // keys, together; nil: each on its own
	among []string // which keys are wanted, each on its own; nil: all
	heads bool     // nothing is wanted but how many vendors there are
	bare  bool     // how many markets there are is not wanted
}

// keys are those that are wanted; nil: all.
func (by slice) keys() []string {
	if by.only != nil {
		return by.only
	}
	return by.among
}

// few reports whether nothing is wanted but how many vendors there are and, of barriers, since when they stand.
func (by slice) few() bool { return by.heads || by.split == "barrier" }

// whole reports whether a group is one although nobody trades there.
func (by slice) whole(group string) bool { return by.split == "" && !(by.bare && group == "") }

// summed are the columns of a sum as a statement lists them; % stands for the column.
func (by slice) summed(pattern string) string {
	if by.split == "" {
		return each(pattern)
	}
	if !by.few() {
		return each(pattern, "stands")
	}
	return written("few "+pattern, func() string {
		var parts []string
		for _, c := range append(slices.Clone(registry.Counted), "stands") {
			if c == "vendors" || c == "stands" {
				parts = append(parts, strings.ReplaceAll(pattern, "%", c))
			} else {
				parts = append(parts, "0")
			}
		}
		return strings.Join(parts, ", ")
	})
}

// state is what the answer to a question depends on beside the question.
type state struct {
	Uncounted bool     // some market's figures of before the counters are not counted yet
	Moved     bool     // some market is not taken yet from the sums of a province where it lies no more
	Provinces bool     // what is asked for, and what the actor reaches, are whole provinces
	Reports   []string // providers who told of any of the last days before the end of the day
	Closed    bool     // the day's quarter is closed somewhere

	today, began registry.Day // began: the first week of the record, if the way back from today may be the shorter one; zero: it is not tried
	now          time.Time    // as of which the sums of the provinces tell a day that is not over; zero: days are told as of their end
}

// state reads it for a question and its view.
func (s *Service) state(ctx context.Context, v view, q Question) (state, error) {
	if v.st != nil {
		return *v.st, nil
	}
	st, err := sent(ctx, s, func(b *pgx.Batch) later[state] { return v.askState(b, q) })
	if err != nil {
		return state{}, err
	}
	return st[0], nil
}

// askState puts state into a batch.
func (v view) askState(b *pgx.Batch, q Question) later[state] {
	units := slices.Clone(v.set.wanted)
	if !v.set.all() {
		areas, _ := v.set.reach["areas"].([]string)
		units = append(units, areas...)
	}
	args := pgx.StrictNamedArgs{"units": append([]string{}, units...), "on": v.on, "within": registry.UsedWithin, "known": "infinity", "quarter": quarterOf(v.on)}
	if known := knownUntil(q); known != nil {
		args["known"] = known.UTC().Format(time.RFC3339Nano)
	}
	moved, provinces := `EXISTS (SELECT 1 FROM market_now WHERE `+registry.SummedElsewhere+`)`, `NOT EXISTS (SELECT 1 FROM areas WHERE code = ANY (@units) AND level <> 1)`
	if q.Market != "" { // is in no sum
		moved, provinces = `false`, `false`
		delete(args, "units")
	}
	return asked(postgres.Ask[state](b, `
		SELECT EXISTS (SELECT 1 FROM market_now WHERE counted_at IS NULL) AS uncounted, `+moved+` AS moved, `+provinces+` AS provinces,
		       ARRAY(SELECT DISTINCT provider FROM use_reports WHERE day <= @on AND day > @on::date - @within::int AND recorded_at <= @known::timestamptz ORDER BY 1) AS reports,
		       EXISTS (SELECT 1 FROM quarter_closes WHERE quarter = @quarter) AS closed`, args))
}

// later is what a batch will have found once it was sent.
type later[T any] func() ([]T, error)

// asked is what the rows of a batch's statement will be.
func asked[T any](rows *[]T) later[T] { return func() ([]T, error) { return *rows, nil } }

// nothing is what was not asked for.
func nothing[T any]() ([]T, error) { return nil, nil }

// sent sends a batch of one question.
func sent[T any](ctx context.Context, s *Service, ask func(b *pgx.Batch) later[T]) ([]T, error) {
	b := &pgx.Batch{}
	found := ask(b)
	if err := s.db.SendBatch(ctx, b).Close(); err != nil {
		return nil, err
	}
	return found()
}

// sumNow asks for the figures of a set of markets at the present moment, by group; by a slice's keys where it names none.
func sumNow(b *pgx.Batch, v set, st state, group string, by slice, now time.Time) later[sum] {
	key, narrowed := groups[group], ""
	more := pgx.StrictNamedArgs{"now": now}
	var found *[]sum
	switch {
	case v.bySums(st, group, nil):
		sql, args := v.ofProvinces(group, by, []registry.Day{registry.DayOf(now)}, &now)
		of := `SELECT key, 0 AS markets FROM sums`
		if by.whole(group) {
			counted, more := v.counted(group)
			of = counted
			maps.Copy(args, more)
		}
		found = postgres.Ask[sum](b, `
			WITH sums AS MATERIALIZED (`+sql+`)
			SELECT m.key, m.markets, coalesce(n.n, '{}') AS n FROM (`+of+`) m LEFT JOIN sums n ON n.key = m.key ORDER BY m.key = '', 1`, args)
	case by.split == "":
		where, args := v.where(more)
		found = postgres.Ask[sum](b, `
			WITH pending AS MATERIALIZED (
				SELECT c.market_id, `+each("sum(c.%)::int AS %")+` FROM vendor_changes c WHERE NOT c.carried AND c.since <= @now GROUP BY 1
			)
			SELECT `+key+` AS key, count(*)::int AS markets, ARRAY[`+each("sum(n.% + coalesce(w.%, 0))")+`]::bigint[] AS n
			FROM market_tracks t JOIN market_now n ON n.market_id = t.market_id LEFT JOIN pending w ON w.market_id = t.market_id
			WHERE `+where+` GROUP BY 1 ORDER BY `+firsts[group], args)
	default:
		first := map[string]string{"": `1`, "market": `1`, "commune": `min(n.code)`, "province": `n.key = '', n.key`}[group]
		if by.only == nil {
			key, first = "n.key", "min(n.code)"
		}
		if keys := by.keys(); keys != nil {
			more["keys"], narrowed = keys, ` AND n.key = ANY (@keys)`
		}
		where, args := v.where(more)
		// Each market's are looked up on their own: joined with them all, the planner would read those of the whole country.
		found = postgres.Ask[sum](b, `
			WITH pending AS MATERIALIZED (
				SELECT c.market_id, `+keyOf[by.split]+` AS key, `+each("c.%::int", "stands")+` FROM vendor_changes c WHERE NOT c.carried AND c.since <= @now AND `+keyOf[by.split]+` <> ''
			)
			SELECT n.key, 0 AS markets, ARRAY[`+by.summed("sum(n.%)")+`]::bigint[] AS n
			FROM (SELECT `+key+` AS key, t.code, `+by.named("n.%")+`
			      FROM market_tracks t CROSS JOIN LATERAL (SELECT n.key, `+by.named("sum(n.%)")+` FROM market_split_now n WHERE n.market_id = t.market_id AND n.split = `+quoted[by.split]+narrowed+` GROUP BY n.market_id, n.key) n
			      WHERE `+where+`
			      UNION ALL SELECT `+key+`, t.code, `+by.named("n.%")+` FROM market_tracks t JOIN pending n ON n.market_id = t.market_id WHERE `+where+narrowed+`) n
			GROUP BY 1 ORDER BY `+first, args)
	}
	return asked(found)
}

// whole reports whether the groups of a set are the country or whole provinces, all of whose markets the actor may see: then the track
// of each market tells which group it is in.
func (v set) whole(st state, group string) bool {
	codes, _ := v.reach["codes"].([]string)
	return st.Provinces && v.market == nil && (v.all() || len(codes) == 0) && (group == "" || group == "province")
}

// lies is the statement for the tracks of such a set, each with the group that it lies in.
func (v set) lies(group string) (string, pgx.StrictNamedArgs) {
	key, narrowed, args := `''`, ``, pgx.StrictNamedArgs{"map": v.day}
	if group == "province" {
		key = `t.province`
	}
	if v.wanted != nil {
		narrowed, args["wanted"] = ` AND t.province = ANY (@wanted)`, v.wanted
	}
	if !v.all() { // a track in reach is one of markets in reach, since what is granted are provinces
		args["areas"], args["area_days"] = v.reach["areas"], v.reach["area_days"]
		narrowed += ` AND t.track = ANY (ARRAY(
			SELECT p.track FROM province_tracks p JOIN unnest(@areas::text[], @area_days::date[]) g (code, day) ON g.code = p.province
			WHERE CASE WHEN g.day IS NULL THEN p.until = 'infinity' ELSE p.since <= g.day AND g.day < p.until END))`
	}
	return `SELECT t.track, ` + key + ` AS key FROM province_tracks t WHERE t.since <= @map AND @map < t.until` + narrowed, args
}

// uncounted are the markets that are counted for no track yet, or for one where they lie no more; ofTracks is how many each track has with them.
const (
	uncounted = `SELECT track, counted_track FROM market_now WHERE ` + registry.CountedElsewhere
	ofTracks  = `(SELECT track, markets FROM track_markets UNION ALL SELECT track, 1 FROM uncounted UNION ALL SELECT counted_track, -1 FROM uncounted)`
)

// counted is the statement for how many markets each group of such a set has.
func (v set) counted(group string) (string, pgx.StrictNamedArgs) {
	lies, args := v.lies(group)
	return `WITH lies AS MATERIALIZED (` + lies + `), uncounted AS MATERIALIZED (` + uncounted + `)
		SELECT t.key, sum(n.markets)::int AS markets FROM ` + ofTracks + ` n JOIN lies t ON t.track = n.track GROUP BY 1 HAVING sum(n.markets) > 0`, args
}

// line is the figures of a group at the end of each of some days.
type line struct {
	sum
	at [][]int
}

// sumOn asks for the figures of a set of markets at the end of each of some days, in their order, by group; by a slice's keys where it
// names none. known is until when something must have been recorded to count; nil: as the days stand in the record. there are the
// groups, where they are asked for anyway; nil: they are asked for.
func sumOn(b *pgx.Batch, v set, st state, group string, by slice, days []registry.Day, known *time.Time, there later[sum]) later[line] {
	type step struct { // what changed of a group
		Key string
		At  []int // with which day it counts first, each once
		N   []int // of each of those its columns
	}
	last := days[len(days)-1]
	var steps *[]step
	ask := func(sql string, args pgx.StrictNamedArgs) {
		if len(days) > 1 {
			// On their own: put into one statement, the planner sorts them twice.
			sql = `WITH steps AS MATERIALIZED (` + sql + `) SELECT s.key, array_agg(s.at) AS at, array_agg(s.n) AS n FROM steps s GROUP BY 1`
		} else {
			sql = `SELECT s.key, ARRAY[s.at] AS at, s.n FROM (` + sql + `) s`
		}
		steps = postgres.Ask[step](b, sql, args)
	}
	switch {
	case v.bySums(st, group, known):
		sql, args := v.ofProvinces(group, by, days, nil)
		if !st.now.IsZero() {
			args["end"] = st.now
		}
		ask(sql, args)
	case len(days) == 1 && (by.split == "" || by.only != nil) && known == nil && !st.began.IsZero() && st.today.Number()-last.Number() < last.Number()-st.began.Number():
		// What stands now less what came since: fewer days to read.
		more, keyed := pgx.StrictNamedArgs{"last": last, "today": st.today, "end": st.today.End()}, ``
		of, now, days := `true`, `market_now n`, `market_day_delta d WHERE d.market_id = t.market_id`
		if by.split != "" {
			more["only"], of = by.only, keyOf[by.split]+` = ANY (@only)`
			keyed = ` AND %.split = ` + quoted[by.split] + ` AND %.key = ANY (@only)`
			now = `LATERAL (SELECT n.market_id, ` + by.named("sum(n.%)") + ` FROM market_split_now n WHERE n.market_id = t.market_id` + strings.ReplaceAll(keyed, "%", "n") + ` GROUP BY 1) n`
			days = `market_split_day_delta d WHERE d.market_id = t.market_id` + strings.ReplaceAll(keyed, "%", "d")
		}
		where, args := v.where(more)
		ask(`
			WITH pending AS MATERIALIZED (
				SELECT c.market_id, `+by.named("sum(c.%)")+` FROM vendor_changes c WHERE NOT c.carried AND c.since <= @end AND `+of+` GROUP BY 1
			)
			SELECT `+groups[group]+` AS key, 0 AS at, ARRAY[`+by.summed("sum(coalesce(n.%, 0) + coalesce(w.%, 0) - coalesce(d.%, 0))")+`]::bigint[] AS n
			FROM market_tracks t LEFT JOIN `+now+` ON n.market_id = t.market_id LEFT JOIN pending w ON w.market_id = t.market_id
			LEFT JOIN LATERAL (SELECT `+by.named("sum(d.%)")+` FROM `+days+` AND d.day > @last AND d.day <= @today GROUP BY d.market_id) d ON true
			WHERE `+where+` GROUP BY 1`, args)
	default:
		ask(v.ofMarkets(group, by, days, known))
	}
	whole := by.whole(group) || by.only != nil && !by.heads
	switch {
	case !whole:
		there = nothing[sum]
	case there != nil && by.split == "":
	case v.whole(st, group):
		counted, of := v.counted(group)
		there = asked(postgres.Ask[sum](b, `SELECT key, markets, '{}'::bigint[] AS n FROM (`+counted+`) m ORDER BY key = '', 1`, of))
	default:
		where, args := v.where(nil)
		there = asked(postgres.Ask[sum](b, `SELECT `+groups[group]+` AS key, count(*)::int AS markets, '{}'::bigint[] AS n
			FROM market_tracks t WHERE `+where+` GROUP BY 1 ORDER BY `+firsts[group], args))
	}
	return func() ([]line, error) {
		found, err := there()
		if err != nil {
			return nil, err
		}
		width := len(registry.Counted)
		if by.split != "" {
			width++ // stands
		}
		var lines []line
		byKey := map[string]int{}
		add := func(key string, markets int) {
			l := line{sum: sum{Key: key, Markets: markets}, at: make([][]int, len(days))}
			columns := make([]int, len(days)*width)
			for d := range l.at {
				l.at[d], columns = columns[:width:width], columns[width:]
			}
			byKey[key], lines = len(lines), append(lines, l)
		}
		for _, g := range found {
			add(g.Key, g.Markets)
		}
		for _, st := range *steps {
			if _, ok := byKey[st.Key]; !ok {
				if whole { // a province whose days were taken from it again with its last market
					continue
				}
				add(st.Key, 0)
			}
			for i, d := range st.At {
				copy(lines[byKey[st.Key]].at[d], st.N[i*width:])
			}
		}
		for _, l := range lines {
			for d := range l.at[1:] {
				for i, n := range l.at[d] {
					l.at[d+1][i] += n
				}
			}
		}
		return lines, nil
	}
}

// ofMarkets is the statement for what changed up to each of some days, from the days of the markets or, for what was known at a time, from the changes of
// vendors. Each market's are summed on their own: joined with them all, the planner would read those of the whole country.
func (v set) ofMarkets(group string, by slice, days []registry.Day, known *time.Time) (string, pgx.StrictNamedArgs) {
	more := pgx.StrictNamedArgs{"days": days, "last": days[len(days)-1]}
	key, inner, day, narrowed := groups[group], `''`, `c.day`, ``
	source := ` FROM market_day_delta c WHERE c.market_id = t.market_id`
	if by.split != "" {
		source, inner = ` FROM market_split_day_delta c WHERE c.market_id = t.market_id AND c.split = `+quoted[by.split], `c.key`
	}
	if known != nil {
		more["known"], day = *known, `(c.since AT TIME ZONE 'Asia/Ho_Chi_Minh')::date`
		source = ` FROM vendor_changes c WHERE c.market_id = t.market_id AND c.recorded_at <= @known`
		if by.split != "" {
			inner = keyOf[by.split]
			source += ` AND ` + inner + ` <> ''`
		}
	}
	if keys := by.keys(); keys != nil {
		more["keys"] = keys
		source, narrowed = source+` AND `+inner+` = ANY (@keys)`, ` AND d.key = ANY (@keys)`
	}
	switch {
	case by.split != "" && by.only == nil:
		key = "d.key"
	case by.split != "":
		inner = `''`
	}
	where, args := v.where(more)
	if v.market == nil && v.wanted == nil && by.split != "" && known == nil { // few rows of many markets
		return `
			SELECT ` + key + ` AS key, width_bucket(d.day - 1, @days::date[]) AS at, ARRAY[` + by.summed("sum(d.%)") + `]::bigint[] AS n
			FROM market_tracks t JOIN market_split_day_delta d ON d.market_id = t.market_id AND d.split = ` + quoted[by.split] + `
			WHERE ` + where + narrowed + ` AND d.day <= @last GROUP BY 1, 2`, args
	}
	return `
		SELECT ` + key + ` AS key, d.at, ARRAY[` + by.summed("sum(d.%)") + `]::bigint[] AS n
		FROM market_tracks t CROSS JOIN LATERAL (
			SELECT ` + inner + ` AS key, width_bucket(` + day + ` - 1, @days::date[]) AS at, ` + by.named("sum(c.%)") + source + ` AND ` + day + ` <= @last GROUP BY c.market_id, 1, 2) d
		WHERE ` + where + ` GROUP BY 1, 2`, args
}

// ofProvinces is the statement for what changed up to each of some days, or until a moment of the one day that is named, from the sums of the provinces and
// from what is not added to those yet. What is over by the first day is read by its longest spans, the rest by weeks if all days but the last end one; of
// the present moment all is, since no sum holds what is still to come.
func (v set) ofProvinces(group string, by slice, days []registry.Day, until *time.Time) (string, pgx.StrictNamedArgs) {
	first, last := days[0], days[len(days)-1]
	weeks := first
	if !slices.ContainsFunc(days[:len(days)-1], func(d registry.Day) bool { return lastEnd(d, 7) != d }) {
		weeks = last
	}
	lies, args := v.lies(group)
	lying := `t.track = n.track`
	if group == "" && v.wanted == nil && v.all() {
		lies, args = `SELECT '`+registry.EveryTrack+`' AS track, '' AS key`, pgx.StrictNamedArgs{}
		lying = `n.track IS NOT NULL`
	}
	args["days"], args["last"] = days, last
	at, ends := `width_bucket(d.ends - 1, @days::date[]) AS at`, [...]string{`d.ends > @week AND d.ends <= @last`, `d.ends > @long AND d.ends <= @week`, `d.ends <= @long`} // by length of span
	if until == nil {
		args["end"], args["long"], args["week"] = last.End(), lastEnd(first, registry.Spans[2]), lastEnd(weeks, registry.Spans[1])
	} else {
		args["end"], at, ends = *until, `0 AS at`, [...]string{`false`, `false`, `true`}
	}
	split, key, keyed, narrowed, ofChange := `''`, `t.key`, ``, ``, ``
	if by.split != "" {
		split, ofChange = quoted[by.split], ` AND `+keyOf[by.split]+` <> ''`
	}
	if keys := by.keys(); keys != nil {
		args["keys"] = keys
		narrowed, ofChange = ` AND d.key = ANY (@keys)`, ` AND `+keyOf[by.split]+` = ANY (@keys)`
	}
	if by.split != "" && by.only == nil {
		key, keyed = `d.key`, `d.key, `
	}
	// spans are the rows of sums, each with its track.
	spans := func(of string) string {
		var parts []string
		for i, ends := range ends {
			parts = append(parts, `SELECT d.track, `+keyed+`d.ends, `+by.named("d.%")+` FROM province_sums d WHERE `+of+`d.split = `+split+` AND d.span = `+strconv.Itoa(registry.Spans[i])+` AND `+ends+narrowed)
		}
		return strings.Join(parts, " UNION ALL ")
	}
	// Of all provinces they are read by day, and of a single one added up before it is asked in which province each track lies; of one province, track by track.
	var sums string
	switch {
	case group == "province" && v.wanted == nil && v.all() && len(days) == 1:
		sums = `(SELECT d.track, ` + keyed + at + `, ` + by.named("sum(d.%)") + ` FROM (` + spans("") + `) d GROUP BY d.track, ` + keyed + `at) d JOIN lies t ON t.track = d.track`
	case group == "province" && v.wanted == nil && v.all():
		sums = `(SELECT d.track, ` + keyed + at + `, ` + by.named("d.%") + ` FROM (` + spans("") + `) d) d JOIN lies t ON t.track = d.track`
	default:
		sums = `lies t CROSS JOIN LATERAL (SELECT ` + keyed + at + `, ` + by.named("d.%") + ` FROM (` + spans("d.track = t.track AND ") + `) d) d`
	}
	// How many changes wait the planner takes for far more than do, so their markets are named to it: it would read them all.
	return `
		WITH lies AS MATERIALIZED (` + lies + `), pending AS MATERIALIZED (
			SELECT c.market_id, width_bucket(c.day - 1, @days::date[]) AS at, c.provider, c.barrier, ` + by.named("c.%") + `
			FROM (SELECT * FROM vendor_changes WHERE carried AND NOT summed UNION ALL SELECT * FROM vendor_changes WHERE NOT carried AND since <= @end) c WHERE c.day <= @last` + ofChange + `
		), named AS MATERIALIZED (
			SELECT n.market_id, n.track FROM market_now n WHERE n.market_id = ANY (ARRAY(SELECT market_id FROM pending))
		)
		SELECT d.key, d.at, ARRAY[` + by.summed("sum(d.%)") + `]::bigint[] AS n
		FROM (SELECT ` + key + `, d.at, ` + by.named("d.%") + ` FROM ` + sums + `
		      UNION ALL SELECT ` + strings.Replace(key, "d.key", keyOf[by.split], 1) + `, c.at, ` + by.named("c.%") + ` FROM pending c JOIN named n ON n.market_id = c.market_id JOIN lies t ON ` + lying + `) d
		GROUP BY 1, 2`, args
}

// lastEnd is the last day up to d on which a span of some days ends; see registry.Spans.
func lastEnd(d registry.Day, span int) registry.Day {
	return d.Plus(-(((d.Number()+4)%span + span) % span))
}

// kinds are what a market's sums are kept as: of days since 1970 an integer holds those of some 100,000 vendors.
var kinds = map[bool]string{false: `::int AS `, true: `::bigint AS `}

// named are the columns of a sum with their names; see summed.
func (by slice) named(pattern string) string {
	return written(fmt.Sprint("named ", by.split == "", by.few(), pattern), func() string {
		columns := slices.Clone(registry.Counted)
		if by.split != "" {
			columns = append(columns, "stands")
		}
		var parts []string
		for _, c := range columns {
			if by.few() && c != "vendors" && c != "stands" {
				continue
			}
			parts = append(parts, strings.ReplaceAll(pattern, "%", c)+kinds[c == "stands"]+c)
		}
		return strings.Join(parts, ", ")
	})
}

// bySums reports whether the sums of the provinces answer a question: one about whole provinces, while no market waits to be taken from
// a province where it lies no more.
func (v set) bySums(st state, group string, known *time.Time) bool {
	return v.whole(st, group) && known == nil && !st.Moved
}

// began is the first week of which anything is known; zero: nothing is.
func (s *Service) began(ctx context.Context) (registry.Day, error) {
	first, err := postgres.One[*registry.Day](ctx, s.db, `
		SELECT min(w.ends) FROM province_tracks t CROSS JOIN LATERAL (SELECT d.ends FROM province_sums d WHERE d.track = t.track AND d.split = '' AND d.span = 7 ORDER BY d.ends LIMIT 1) w`, nil)
	if err != nil || first == nil {
		return registry.Day{}, err
	}
	return *first, nil
}
