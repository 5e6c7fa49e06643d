package coverage

import (
	"context"
	"maps"
	"slices"
	"strings"
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

// groups are the parts into which markets go, as columns of market_tracks t.
var groups = map[string]string{"": `''`, "market": `t.code`, "commune": `t.area`, "province": `t.province`}

// sum is what the vendors of a group add up to.
type sum struct {
	Key     string
	First   string // code of its first market, for the order
	Markets int
	N       []int // as registry.Counted, and where a barrier is asked for the sum of the days since which it stands
}

// column is the place of a figure in a sum.
func column(name string) int { return slices.Index(registry.Counted, name) }

func (s sum) of(name string) int {
	if s.N == nil {
		return 0
	}
	return s.N[column(name)]
}

func plus(a, b []int) []int {
	out := make([]int, max(len(a), len(b)))
	copy(out, a)
	for i := range b {
		out[i] += b[i]
	}
	return out
}

// each writes a pattern for every counted column; % stands for the column.
func each(pattern string, more ...string) string {
	var parts []string
	for _, c := range append(slices.Clone(registry.Counted), more...) {
		parts = append(parts, strings.ReplaceAll(pattern, "%", c))
	}
	return strings.Join(parts, ", ")
}

// keyOf is the column of vendor_changes c that a split goes by.
var keyOf = map[string]string{"provider": "c.provider", "barrier": "c.barrier"}

// quoted are the splits as a statement names them, so that the planner knows which it is.
var quoted = map[string]string{"provider": `'provider'`, "barrier": `'barrier'`}

// slice narrows a sum to vendors with one of some providers or barriers, or goes by them where group is split.
type slice struct {
	split string   // provider, barrier; empty: all vendors
	only  []string // keys; nil: each on its own
}

// sumNow sums the figures of a set of markets at the present moment, by group; by a slice's keys where it names none.
func (s *Service) sumNow(ctx context.Context, v set, group string, by slice, now time.Time) ([]sum, error) {
	key := groups[group]
	if by.split == "" {
		where, args := v.where(pgx.StrictNamedArgs{"now": now})
		return postgres.All[sum](ctx, s.db, `
			WITH pending AS MATERIALIZED (
				SELECT c.market_id, `+each("sum(c.%) AS %")+` FROM vendor_changes c WHERE NOT c.carried AND c.since <= @now GROUP BY 1
			)
			SELECT `+key+` AS key, min(t.code) AS first, count(*)::int AS markets, ARRAY[`+each("sum(n.% + coalesce(w.%, 0))")+`]::int[] AS n
			FROM market_tracks t JOIN market_now n ON n.market_id = t.market_id LEFT JOIN pending w ON w.market_id = t.market_id
			WHERE `+where+` GROUP BY 1 ORDER BY 2`, args)
	}
	more := pgx.StrictNamedArgs{"now": now}
	narrowed := ""
	if by.only == nil {
		key = "n.key"
	} else {
		more["only"], narrowed = by.only, ` AND n.key = ANY (@only)`
	}
	where, args := v.where(more)
	return postgres.All[sum](ctx, s.db, `
		WITH pending AS MATERIALIZED (
			SELECT c.market_id, `+keyOf[by.split]+` AS key, `+each("c.%::int", "stands")+` FROM vendor_changes c WHERE NOT c.carried AND c.since <= @now AND `+keyOf[by.split]+` <> ''
		)
		SELECT `+key+` AS key, min(t.code) AS first, 0 AS markets, ARRAY[`+each("sum(n.%)", "stands")+`]::int[] AS n
		FROM market_tracks t
		JOIN (SELECT market_id, key, `+each("%", "stands")+` FROM market_split_now WHERE split = `+quoted[by.split]+` UNION ALL SELECT * FROM pending) n ON n.market_id = t.market_id
		WHERE `+where+narrowed+` GROUP BY 1 ORDER BY 2`, args)
}

// line is the figures of a group at the end of each of some days.
type line struct {
	sum
	at [][]int
}

// sumOn sums the figures of a set of markets at the end of each of some days, in their order, by group; by a slice's keys where it
// names none. known is until when something must have been recorded to count; nil: as the days stand in the record.
func (s *Service) sumOn(ctx context.Context, v set, group string, by slice, days []registry.Day, known *time.Time) ([]line, error) {
	type step struct {
		Key string
		At  int
		N   []int
	}
	last := days[len(days)-1]
	more := pgx.StrictNamedArgs{"days": days, "last": last}
	key, stands := groups[group], []string{}
	source := `SELECT market_id, day, ` + each("%") + ` FROM market_day_delta`
	if by.split != "" {
		stands = []string{"stands"}
		source = `SELECT market_id, day, key, ` + each("%", "stands") + ` FROM market_split_day_delta WHERE split = ` + quoted[by.split]
	}
	if known != nil {
		more["known"] = *known
		source = `SELECT c.market_id, (c.since AT TIME ZONE 'Asia/Ho_Chi_Minh')::date AS day, ` + each("c.%::int", "stands") + ` FROM vendor_changes c WHERE c.recorded_at <= @known`
		if by.split != "" {
			source = `SELECT c.market_id, (c.since AT TIME ZONE 'Asia/Ho_Chi_Minh')::date AS day, ` + keyOf[by.split] + ` AS key, ` + each("c.%::int", "stands") + `
				FROM vendor_changes c WHERE c.recorded_at <= @known AND ` + keyOf[by.split] + ` <> ''`
		}
	}
	narrowed := ""
	switch {
	case by.split != "" && by.only == nil:
		key = "d.key"
	case by.split != "":
		more["only"], narrowed = by.only, ` AND d.key = ANY (@only)`
	}
	where, args := v.where(more)
	sql := `
		SELECT ` + key + ` AS key, width_bucket(d.day - 1, @days::date[]) AS at, ARRAY[` + each("sum(d.%)", stands...) + `]::int[] AS n
		FROM market_tracks t JOIN (` + source + `) d ON d.market_id = t.market_id
		WHERE ` + where + narrowed + ` AND d.day <= @last GROUP BY 1, 2`
	rolled, err := s.rolled(ctx, v, group, by, known)
	if err != nil {
		return nil, err
	}
	if rolled {
		args = pgx.StrictNamedArgs{"days": days, "last": last}
		key = `''`
		source := `SELECT track, day, ` + each("%") + ` FROM province_day_delta WHERE day <= @last`
		sunday := last.Plus(-(last.Number() + 4) % 7) // the last one up to that day
		if !slices.ContainsFunc(days[:len(days)-1], func(d registry.Day) bool { return (d.Number()+4)%7 != 0 }) {
			args["sunday"] = sunday
			source = `SELECT track, week AS day, ` + each("%") + ` FROM province_week_delta WHERE week <= @sunday
				UNION ALL SELECT track, day, ` + each("%") + ` FROM province_day_delta WHERE day > @sunday AND day <= @last`
		}
		from, narrowed := ``, ``
		if group == "province" || v.wanted != nil {
			from, args["map"] = ` JOIN province_tracks t ON t.track = d.track AND t.since <= @map AND @map < t.until`, v.day
		}
		if group == "province" {
			key = `t.province`
		}
		if v.wanted != nil {
			narrowed, args["wanted"] = ` AND t.province = ANY (@wanted)`, v.wanted
		}
		if !v.all() { // a track in reach is one of markets in reach, since what is granted are provinces
			args["areas"], args["area_days"] = v.reach["areas"], v.reach["area_days"]
			narrowed += ` AND d.track = ANY (ARRAY(
				SELECT p.track FROM province_tracks p JOIN unnest(@areas::text[], @area_days::date[]) g (code, day) ON g.code = p.province
				WHERE CASE WHEN g.day IS NULL THEN p.until = 'infinity' ELSE p.since <= g.day AND g.day < p.until END))`
		}
		sql = `
			SELECT ` + key + ` AS key, width_bucket(d.day - 1, @days::date[]) AS at, ARRAY[` + each("sum(d.%)") + `]::int[] AS n
			FROM (` + source + `
			      UNION ALL SELECT n.track, d.day, ` + each("d.%") + ` FROM market_day_delta d JOIN market_now n ON n.market_id = d.market_id
			      WHERE NOT d.rolled AND d.day <= @last AND n.track IS NOT NULL) d` + from + `
			WHERE true` + narrowed + ` GROUP BY 1, 2`
	}
	steps, err := postgres.All[step](ctx, s.db, sql, args)
	if err != nil {
		return nil, err
	}
	byKey := map[string]*line{}
	var lines []*line
	entry := func(key string) *line {
		if byKey[key] == nil {
			byKey[key] = &line{sum: sum{Key: key}, at: make([][]int, len(days))}
			lines = append(lines, byKey[key])
		}
		return byKey[key]
	}
	if by.split == "" || by.only != nil { // a group of markets is one although nobody trades there
		where, args := v.where(nil)
		there, err := postgres.All[sum](ctx, s.db, `SELECT `+groups[group]+` AS key, min(t.code) AS first, count(*)::int AS markets, '{}'::int[] AS n
			FROM market_tracks t WHERE `+where+` GROUP BY 1 ORDER BY 2`, args)
		if err != nil {
			return nil, err
		}
		for _, g := range there {
			l := entry(g.Key)
			l.First, l.Markets = g.First, g.Markets
		}
	}
	for _, st := range steps {
		l := entry(st.Key)
		l.at[st.At] = plus(l.at[st.At], st.N)
	}
	out := make([]line, len(lines))
	for i, l := range lines {
		for d := range l.at {
			if d > 0 {
				l.at[d] = plus(l.at[d-1], l.at[d])
			} else {
				l.at[d] = plus(l.at[d], make([]int, len(registry.Counted)))
			}
		}
		out[i] = *l
	}
	return out, nil
}

// rolled reports whether the days of the provinces answer a question: one about whole provinces, all of whose markets the actor may see, while none of them
// waits to be taken from a province where it lies no more.
func (s *Service) rolled(ctx context.Context, v set, group string, by slice, known *time.Time) (bool, error) {
	codes, _ := v.reach["codes"].([]string)
	if v.market != nil || !v.all() && len(codes) > 0 || known != nil || by.split != "" || group != "" && group != "province" {
		return false, nil
	}
	units := slices.Clone(v.wanted)
	if !v.all() {
		areas, _ := v.reach["areas"].([]string)
		units = append(units, areas...)
	}
	return postgres.One[bool](ctx, s.db, `
		SELECT NOT EXISTS (SELECT FROM market_now WHERE rolled_track IS NOT NULL AND rolled_track IS DISTINCT FROM track)
		   AND NOT EXISTS (SELECT FROM areas WHERE code = ANY (@wanted) AND level <> 1)`, pgx.StrictNamedArgs{"wanted": append([]string{}, units...)})
}
