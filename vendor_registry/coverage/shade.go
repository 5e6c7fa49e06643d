package coverage

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"cho40/internal/postgres"
	registry "cho40/vendor_registry"

	"github.com/jackc/pgx/v5"
)

// RoundedTo is the base to which figures about others are rounded, and the smallest number that is told of them.
const RoundedTo = 5

// Others is what an actor who is here for its providers alone is told of all other vendors: rounded totals, null where they
// might be under RoundedTo. docs/coverage.md says why nothing smaller can be worked out from them.
type Others struct {
	RoundedTo int          `json:"rounded_to"`
	Vendors   *int         `json:"vendors"`
	Accepting *int         `json:"accepting"`
	Share     *float64     `json:"share"` // of the two above
	Equipped  *int         `json:"equipped"`
	Used      *int         `json:"used"`
	Funnel    []OthersStep `json:"funnel"`
}

// OthersStep is about how many others came at least as far as a stage.
type OthersStep struct {
	Stage   registry.Stage `json:"stage"`
	Vendors *int           `json:"vendors"`
}

// inOrder are the figures of which a market's others are told, each with one that holds it: no figure is rounded above that. What has no
// place here (barriers, what is suspended or overdue) would add up with the rest, and is not told of others at all.
var inOrder = []struct{ figure, within string }{
	{"vendors", ""}, {"account", "vendors"}, {"approved", "account"}, {"printed", "approved"}, {"installed", "printed"}, {"checked", "installed"},
	{"accepting", "installed"}, {"equipped", "vendors"}, {"used", "vendors"},
}

// rounding shades figures: it moves each by an offset from 0 to 4 that is its market's and figure's own, always the same and never
// told, and rounds down to a multiple of RoundedTo.
type rounding struct{ key []byte }

func (s *Service) rounding(ctx context.Context) (rounding, error) {
	const read = `SELECT key FROM rounding_keys`
	key, err := postgres.One[[]byte](ctx, s.db, read, nil)
	if errIsNoRows(err) { // the copy that was brought back is older than the table
		fresh := make([]byte, sha256.Size)
		_, _ = rand.Read(fresh) // never fails
		if _, err = s.db.Exec(ctx, `INSERT INTO rounding_keys (key) VALUES (@key) ON CONFLICT DO NOTHING`, pgx.StrictNamedArgs{"key": fresh}); err == nil {
			key, err = postgres.One[[]byte](ctx, s.db, read, nil)
		}
	}
	return rounding{key}, err
}

// offset is that of a figure of a market's.
func (r rounding) offset(market, figure string) int {
	h := hmac.New(sha256.New, r.key)
	fmt.Fprintf(h, "%d:%s%s", len(market), market, figure)
	return int(binary.BigEndian.Uint64(h.Sum(nil)) % RoundedTo)
}

// of is a figure of a market's, rounded.
func (r rounding) of(market, figure string, n int) int { return rounded(n, r.offset(market, figure)) }

func rounded(n, offset int) int { return (max(n, 0) + offset) / RoundedTo * RoundedTo }

// market are the offsets of a market's figures, as inOrder.
func (r rounding) market(code string) []int {
	out := make([]int, len(inOrder))
	for i, f := range inOrder {
		out[i] = r.offset(code, f.figure)
	}
	return out
}

// atLeast is what a rounded figure certainly comes to.
func atLeast(about int) int { return max(about-(RoundedTo-1), 0) }

// shade rounds the figures of one market's others by its offsets. The answer holds them twice, as they are told and what they certainly come to,
// since only the sum of the latter over markets says whether the sum of the former may be told.
func shade(offsets, n []int) []int {
	out := make([]int, 2*len(registry.Counted))
	for o, f := range inOrder {
		i := column(f.figure)
		about := rounded(n[i], offsets[o])
		if f.within != "" {
			about = min(about, out[column(f.within)])
		}
		if f.figure == "equipped" { // which every printed one is
			about = max(about, out[column("printed")])
		}
		out[i], out[len(registry.Counted)+i] = about, atLeast(about)
	}
	return out
}

// shown is a rounded sum, nil where it might be under RoundedTo.
func shown(about, least int) *int {
	if least < RoundedTo {
		return nil
	}
	return &about
}

// others tells what shade made of the markets of a group, summed.
func others(n []int) *Others {
	if n == nil {
		n = make([]int, 2*len(registry.Counted))
	}
	at := func(figure string) *int {
		i := column(figure)
		return shown(n[i], n[len(registry.Counted)+i])
	}
	o := &Others{RoundedTo: RoundedTo, Vendors: at("vendors"), Accepting: at("accepting"), Equipped: at("equipped"), Used: at("used")}
	if o.Vendors != nil && o.Accepting != nil {
		o.Share = ratio(*o.Accepting, *o.Vendors)
	}
	for i, figure := range []string{"vendors", "account", "approved", "printed", "installed", "checked"} {
		o.Funnel = append(o.Funnel, OthersStep{registry.Stage(i), at(figure)})
	}
	return o
}

// shaded are the figures of others by group: whole, which is by market, less own, shaded market by market and only then summed.
func (s *Service) shaded(ctx context.Context, v view, group string, whole, own []line) ([]line, error) {
	round, err := s.rounding(ctx)
	if err != nil {
		return nil, err
	}
	groupOf := map[string]string{}
	if group == "commune" || group == "province" {
		type lies struct{ Code, Key string }
		where, args := v.set.where(nil)
		all, err := postgres.All[lies](ctx, s.db, `SELECT t.code, `+groups[group]+` AS key FROM market_tracks t WHERE `+where, args)
		if err != nil {
			return nil, err
		}
		for _, l := range all {
			groupOf[l.Code] = l.Key
		}
	}
	mine := map[string]line{}
	for _, l := range own {
		mine[l.Key] = l
	}
	var out []line
	at := map[string]int{}
	for _, l := range whole {
		key := groupOf[l.Key]
		if group == "market" {
			key = l.Key
		}
		i, ok := at[key]
		if !ok {
			i = len(out)
			at[key], out = i, append(out, line{sum: sum{Key: key}, at: make([][]int, len(l.at))})
		}
		offsets := round.market(l.Key)
		for d := range l.at {
			rest := plus(l.at[d], make([]int, len(registry.Counted)))
			if m, ok := mine[l.Key]; ok && m.at[d] != nil {
				rest = plus(rest, negative(m.at[d]))
			}
			out[i].at[d] = plus(out[i].at[d], shade(offsets, rest))
		}
		out[i].Markets += l.Markets
	}
	return out, nil
}

// asLines are sums as lines of one day.
func asLines(sums []sum) []line {
	lines := make([]line, len(sums))
	for i, n := range sums {
		lines[i] = line{n, [][]int{n.N}}
	}
	return lines
}

// ofOthers are the figures of others that a reader knows, by group.
func (s *Service) ofOthers(ctx context.Context, v view, read reader, group string) (map[string][]int, []int, error) {
	b := &pgx.Batch{}
	ofAll, ofOwn := read(b, "market", slice{}), read(b, "market", slice{split: "provider", only: v.own})
	if err := s.db.SendBatch(ctx, b).Close(); err != nil {
		return nil, nil, err
	}
	whole, err := ofAll()
	if err != nil {
		return nil, nil, err
	}
	own, err := ofOwn()
	if err != nil {
		return nil, nil, err
	}
	lines, err := s.shaded(ctx, v, group, asLines(whole), asLines(own))
	if err != nil {
		return nil, nil, err
	}
	by, all := map[string][]int{}, []int(nil)
	for _, l := range lines {
		by[l.Key], all = l.at[0], plus(all, l.at[0])
	}
	return by, all, nil
}

// ownOnly narrows a reader to the vendors of an actor's own providers.
func ownOnly(v view, q Question, read reader) reader {
	return func(b *pgx.Batch, group string, by slice) later[sum] {
		switch {
		case by.split == "barrier":
			return ownBarriers(b, v, q)
		case by.split != "":
			return read(b, group, by)
		}
		ofAll, ofOwn := read(b, group, slice{}), read(b, group, slice{split: "provider", only: v.own})
		return func() ([]sum, error) {
			all, err := ofAll()
			if err != nil {
				return nil, err
			}
			own, err := ofOwn()
			if err != nil {
				return nil, err
			}
			mine := map[string][]int{}
			for _, m := range own {
				mine[m.Key] = m.N
			}
			for i, l := range all {
				all[i].N = plus(make([]int, len(registry.Counted)), mine[l.Key])[:len(registry.Counted)]
			}
			return all, nil
		}
	}
}

// ownBarriers asks why vendors of an actor's own providers do not accept. There are no counters of it, so nobody asks it of the whole country.
func ownBarriers(b *pgx.Batch, v view, q Question) later[sum] {
	more := pgx.StrictNamedArgs{"own": v.own, "at": v.at, "known": any("infinity")}
	if !q.RecordedUntil.IsZero() {
		more["known"] = q.RecordedUntil
	}
	since := `c.since <= @at`
	if v.past && q.RecordedUntil.IsZero() { // what came too late for a closed quarter counts behind it
		more["at"], since = v.on, `c.day <= @at`
	}
	where, args := v.set.where(more)
	found := postgres.Ask[sum](b, `
		SELECT c.barrier AS key, 0 AS markets, ARRAY[`+each("sum(c.%)", "stands")+`]::bigint[] AS n
		FROM market_tracks t JOIN vendor_changes c ON c.market_id = t.market_id
		WHERE `+where+` AND c.provider = ANY (@own) AND c.barrier <> '' AND `+since+` AND c.recorded_at <= @known::timestamptz GROUP BY 1 ORDER BY 1`, args)
	return func() ([]sum, error) { return *found, nil }
}

// confine finds the providers for which alone an actor may see the figures of a view; nil: it may see all of them.
func (s *Service) confine(ctx context.Context, by registry.Actor, v *view, m *registry.Market) error {
	rest, own := by.Apart()
	if len(own) == 0 {
		return nil
	}
	if m != nil {
		if !rest.Can(registry.SeeCoverage, *m) {
			v.own = own
		}
		return nil
	}
	rests := v.set
	rests.reach = rest.Reach(registry.SeeCoverage)
	var markets [2]int // in reach, and of those without the providers
	for i, reach := range []set{v.set, rests} {
		where, args := reach.where(nil)
		n, err := postgres.One[int](ctx, s.db, `SELECT count(*)::int FROM market_tracks t WHERE `+where, args)
		if err != nil {
			return err
		}
		markets[i] = n
	}
	if markets[1] == 0 || markets[1] != markets[0] {
		v.own = own
	}
	return nil
}
