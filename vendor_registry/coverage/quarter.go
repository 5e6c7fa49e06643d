package coverage

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"cho40/internal/fault"
	"cho40/internal/postgres"
	registry "cho40/vendor_registry"

	"github.com/jackc/pgx/v5"
)

// Closed is a quarter whose figures are frozen: what is found out later counts from the first day after it, and is told as a correction.
type Closed struct {
	Quarter  string    `json:"quarter"` // 2026-Q3
	ClosedAt time.Time `json:"closed_at"`
	Hash     string    `json:"hash"` // of one market its record's; of several SHA-256 over theirs, by the markets' codes
	Markets  int       `json:"markets"`
}

// Correction is what the figures of a day in a closed quarter would be more or less by, from all that is known by now.
type Correction struct {
	Vendors   int `json:"vendors"`
	Accepting int `json:"accepting"`
	Equipped  int `json:"equipped"`
}

var quarterForm = regexp.MustCompile(`^([0-9]{4})-Q([1-4])$`)

// quarterOf names the quarter of a day: 2026-Q3.
func quarterOf(d registry.Day) string {
	text := d.String()
	month, _ := strconv.Atoi(text[5:7])
	return fmt.Sprintf("%s-Q%d", text[:4], (month+2)/3)
}

// endOf is the last day of a quarter. Faults: Invalid quarter-invalid.
func endOf(quarter string) (registry.Day, error) {
	m := quarterForm.FindStringSubmatch(quarter)
	if m == nil {
		return registry.Day{}, fault.New(fault.Invalid, "quarter-invalid", "A quarter is written as 2026-Q3.").With(fault.At("quarter", "form", "A quarter is written as 2026-Q3."))
	}
	return registry.ParseDay(m[1] + map[string]string{"1": "-03-31", "2": "-06-30", "3": "-09-30", "4": "-12-31"}[m[2]])
}

// frozen is what is stored and hashed of a market's quarter. What stands in it is never taken out again; Page is nil in what a release before
// this one froze.
type frozen struct {
	Market     string           `json:"market"`
	Quarter    string           `json:"quarter"`
	AsOf       string           `json:"as_of"`
	Definition string           `json:"definition"`
	Figures    map[string]int   `json:"figures"` // as registry.Counted
	Providers  map[string][]int `json:"providers"`
	Barriers   map[string]int   `json:"barriers"`
	Page       *page            `json:"page,omitempty"`
}

// closeDomain keeps the hash of a closed quarter from being taken for any other.
const closeDomain = "cho40 quarter 1\n"

// NewClosing says which quarter to close, and where.
type NewClosing struct {
	Quarter string `json:"quarter"`
	Market  string `json:"market"`
	Area    string `json:"area"` // and all markets that lie there today; neither: everywhere in the actor's scope
}

// Closing is what a closing did.
type Closing struct {
	Quarter string `json:"quarter"`
	Closed  int    `json:"closed"` // markets
	Before  int    `json:"before"` // markets for which it was closed already
	Hash    string `json:"hash"`   // as Closed.Hash, of all of them
}

// Close freezes the figures of a quarter that is over, market by market, with those before it that are still open. Once more changes
// nothing.
//
// Faults: Invalid quarter-invalid, quarter-open; NotFound; Forbidden.
func (s *Service) Close(ctx context.Context, by registry.Actor, in NewClosing) (Closing, error) {
	now := s.now().UTC().Truncate(time.Microsecond)
	ends, err := endOf(in.Quarter)
	if err != nil {
		return Closing{}, err
	}
	if !registry.DayOf(now).After(ends) {
		return Closing{}, fault.New(fault.Invalid, "quarter-open", "The quarter %s is not over yet.", in.Quarter).With(fault.At("quarter", "open", "A quarter that is over."))
	}
	out := Closing{Quarter: in.Quarter}
	q := Question{Market: in.Market, Area: in.Area, Map: mapToday}
	v, err := s.view(ctx, by, &q, now)
	if err != nil {
		return out, err
	}
	if !by.CanSomewhere(registry.CloseQuarter) {
		return out, registry.Forbidden()
	}
	v.set.reach = by.Reach(registry.CloseQuarter)
	where, args := v.set.where(nil)
	codes, err := postgres.All[string](ctx, s.db, `SELECT t.code FROM market_tracks t WHERE `+where+` ORDER BY t.market_id`, args)
	if err != nil {
		return out, err
	}
	for _, code := range codes {
		done, err := s.close(ctx, by, code, in.Quarter, ends, now)
		if err != nil {
			return out, fmt.Errorf("close %s of %s: %w", in.Quarter, code, err)
		}
		if done {
			out.Closed++
		} else {
			out.Before++
		}
	}
	c, err := s.closed(ctx, v.set, in.Quarter)
	if c != nil {
		out.Hash = c.Hash
	}
	return out, err
}

func (s *Service) close(ctx context.Context, by registry.Actor, code, quarter string, ends registry.Day, now time.Time) (done bool, err error) {
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		reg, in := registry.New(tx, s.now), &Service{db: tx, now: s.now}
		m, err := reg.MarketFor(ctx, by, registry.CloseQuarter, code)
		if err != nil {
			return err
		}
		// Nobody writes a day of the quarter past the closing. The release before holds the market's row while it counts.
		if err := registry.HoldCounting(ctx, tx, m.ID); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `SELECT FROM markets WHERE id = @market FOR UPDATE`, pgx.StrictNamedArgs{"market": m.ID}); err != nil {
			return err
		}
		if before, err := postgres.One[bool](ctx, tx, `SELECT EXISTS (SELECT 1 FROM quarter_closes WHERE market_id = @market AND quarter = @quarter)`,
			pgx.StrictNamedArgs{"market": m.ID, "quarter": quarter}); err != nil || before {
			return err
		}
		counted, err := postgres.One[bool](ctx, tx, `SELECT EXISTS (SELECT 1 FROM market_now WHERE market_id = @market AND counted_at IS NOT NULL)`, pgx.StrictNamedArgs{"market": m.ID})
		if err == nil && !counted {
			err = fault.New(fault.Busy, "not-counted", "The figures of this market are still being counted. Try again in a minute.")
		}
		if err != nil {
			return err
		}
		// Nothing of before it changes any more either, so those before it are frozen with it.
		open, err := postgres.All[registry.Day](ctx, tx, `
			SELECT x.ends FROM (SELECT (g + interval '3 months')::date - 1 AS ends FROM generate_series(
			         (SELECT date_trunc('quarter', min(d.day)::timestamp) FROM market_day_delta d WHERE d.market_id = @market AND d.day <= @ends), @ends::date::timestamp, interval '3 months') g
			       UNION SELECT @ends) x
			WHERE NOT EXISTS (SELECT 1 FROM quarter_closes q WHERE q.market_id = @market AND q.ends = x.ends) ORDER BY x.ends`,
			pgx.StrictNamedArgs{"market": m.ID, "ends": ends})
		if err != nil {
			return err
		}
		events := make([]registry.Event, len(open))
		for i, end := range open {
			if events[i], err = in.freeze(ctx, tx, by, m, end, now); err != nil {
				return err
			}
		}
		done = true
		return registry.Audit(ctx, tx, now, by, m.ID, events...)
	})
	return done, err
}

// freeze stores the figures of a market's quarter.
func (s *Service) freeze(ctx context.Context, tx pgx.Tx, by registry.Actor, m registry.Market, ends registry.Day, now time.Time) (registry.Event, error) {
	quarter := quarterOf(ends)
	f := frozen{m.Code, quarter, ends.String(), Definition, map[string]int{}, map[string][]int{}, map[string]int{}, nil}
	of := set{market: &m.ID, day: registry.DayOf(now)}
	for _, by := range []slice{{}, {split: "provider"}, {split: "barrier"}} {
		lines, err := sent(ctx, s, func(b *pgx.Batch) later[line] {
			return sumOn(b, of, state{}, "", by, []registry.Day{ends}, nil, nil)
		})
		if err != nil {
			return registry.Event{}, err
		}
		for _, l := range lines {
			n := l.at[0]
			switch by.split {
			case "provider":
				f.Providers[l.Key] = n[:len(registry.Counted)]
			case "barrier":
				f.Barriers[l.Key] = n[column("vendors")]
			default:
				for i, name := range registry.Counted {
					f.Figures[name] = n[i]
				}
			}
		}
	}
	var err error
	if f.Page, err = s.page(ctx, m.ID, ends, now); err != nil {
		return registry.Event{}, err
	}
	text, err := json.Marshal(f) // keys in order, so the same figures are the same text
	if err != nil {
		return registry.Event{}, err
	}
	hash := sha256.Sum256(append([]byte(closeDomain), text...))
	_, err = tx.Exec(ctx, `
		INSERT INTO quarter_closes (market_id, quarter, ends, definition, figures, hash, closed_by, closed_at)
		VALUES (@market, @quarter, @ends, @definition, @figures, @hash, @by, @now)`,
		pgx.StrictNamedArgs{"market": m.ID, "quarter": quarter, "ends": ends, "definition": Definition, "figures": string(text), "hash": hash[:], "by": by.ID, "now": now})
	return registry.Event{Action: "quarter.closed", Object: "market:" + m.Code, Fields: []string{quarter, hex.EncodeToString(hash[:])}}, err
}

// closed is the closing of a quarter for a set of markets, nil while it is open for any of them. Faults: a frozen figure that does not
// fit its hash any more is an error of ours.
func (s *Service) closed(ctx context.Context, v set, quarter string) (*Closed, error) {
	type row struct {
		Figures  *string
		Hash     []byte
		ClosedAt *time.Time
	}
	if any, err := postgres.One[bool](ctx, s.db, `SELECT EXISTS (SELECT 1 FROM quarter_closes WHERE quarter = @quarter)`, pgx.StrictNamedArgs{"quarter": quarter}); err != nil || !any {
		return nil, err
	}
	ends, err := endOf(quarter)
	if err != nil {
		return nil, err
	}
	where, args := v.where(pgx.StrictNamedArgs{"quarter": quarter, "ends": ends}) // a market that had nobody yet keeps no quarter open
	rows, err := postgres.All[row](ctx, s.db, `
		SELECT q.figures, q.hash, q.closed_at FROM market_tracks t LEFT JOIN quarter_closes q ON q.market_id = t.market_id AND q.quarter = @quarter
		WHERE `+where+` AND (q.market_id IS NOT NULL OR EXISTS (SELECT 1 FROM market_day_delta d WHERE d.market_id = t.market_id AND d.day <= @ends)) ORDER BY t.code`, args)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	out, all := &Closed{Quarter: quarter, Markets: len(rows)}, sha256.New()
	for _, r := range rows {
		if r.Figures == nil {
			return nil, nil
		}
		if hash := sha256.Sum256([]byte(closeDomain + *r.Figures)); !bytes.Equal(hash[:], r.Hash) {
			return nil, fmt.Errorf("frozen figures of %s do not fit their hash %x", quarter, r.Hash)
		}
		all.Write(r.Hash)
		if r.ClosedAt.After(out.ClosedAt) {
			out.ClosedAt = r.ClosedAt.UTC()
		}
	}
	if out.Hash = hex.EncodeToString(all.Sum(nil)); len(rows) == 1 {
		out.Hash = hex.EncodeToString(rows[0].Hash)
	}
	return out, nil
}

// closing adds to a figure whether its quarter is closed, and what was found out since.
func (s *Service) closing(ctx context.Context, v view, st state, q Question, out *Share) (err error) {
	if !st.Closed || !v.past || !q.RecordedUntil.IsZero() || v.own != nil { // who knows a part could try which rest fits the hash
		return nil
	}
	if out.Closed, err = s.closed(ctx, v.set, quarterOf(v.on)); err != nil || out.Closed == nil {
		return err
	}
	out.Correction, err = s.correction(ctx, v.set, v.on)
	return err
}

// correction is what was found out about the days up to one since its quarter was closed; nil: nothing.
func (s *Service) correction(ctx context.Context, of set, on registry.Day) (*Correction, error) {
	where, args := of.where(pgx.StrictNamedArgs{"on": on})
	c, err := postgres.One[Correction](ctx, s.db, `
		SELECT coalesce(sum(c.vendors), 0)::int AS vendors, coalesce(sum(c.accepting), 0)::int AS accepting, coalesce(sum(c.equipped), 0)::int AS equipped
		FROM market_tracks t JOIN vendor_changes c ON c.market_id = t.market_id
		WHERE `+where+` AND c.day <> (c.since AT TIME ZONE 'Asia/Ho_Chi_Minh')::date AND c.day > @on AND (c.since AT TIME ZONE 'Asia/Ho_Chi_Minh')::date <= @on`, args)
	if err != nil || c == (Correction{}) {
		return nil, err
	}
	return &c, nil
}
