package coverage

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres"
	"cho40/qrgen"
	registry "cho40/vendor_registry"

	"github.com/jackc/pgx/v5"
)

// On is the same service inside the caller's transaction.
func (s *Service) On(tx pgx.Tx) *Service { return &Service{db: tx, now: s.now} }

func (s *Service) moment() time.Time { return s.now().UTC().Truncate(time.Microsecond) }

// The longest texts of this package, in characters.
const (
	maxSource = 500
	maxTitle  = 120
)

// Methods are how others came to a figure. Ours are counted; a partner's word about its own customers is partner_reported.
var Methods = []string{"counted", "sampled", "estimated", "claimed", partnerReported}

const partnerReported = "partner_reported"

// Figure is what somebody else reports. It is never mixed with what is counted from the record.
type Figure struct {
	ID          id.ID[Figure]  `json:"id"`
	Indicator   string         `json:"indicator"`
	Market      string         `json:"market,omitempty"` // of a market, else of an area, else of the country
	Area        string         `json:"area,omitempty"`
	Place       string         `json:"place,omitempty"` // the name of either
	Provider    string         `json:"provider,omitempty"`
	From        *registry.Day  `json:"from"` // nil: how it was on the last day
	Until       registry.Day   `json:"until"`
	Method      string         `json:"method"`
	Numerator   *int64         `json:"numerator"`
	Denominator *int64         `json:"denominator"`
	Share       *float64       `json:"share"` // nil where the denominator is not known
	Source      string         `json:"source"`
	Note        string         `json:"note,omitempty"`
	ReportedAt  time.Time      `json:"reported_at"`
	State       string         `json:"state"`                  // current, corrected, withdrawn
	Corrects    *id.ID[Figure] `json:"corrects,omitempty"`     // what the same source said of the same period before
	CorrectedBy *id.ID[Figure] `json:"corrected_by,omitempty"` // what it said afterwards
	Withdrawn   string         `json:"withdrawn,omitempty"`    // why
}

// NewFigure is what somebody reports.
type NewFigure struct {
	Indicator   string        `json:"indicator"`
	Market      string        `json:"market"`
	Area        string        `json:"area"`
	Provider    string        `json:"provider"`
	From        *registry.Day `json:"from"`
	Until       registry.Day  `json:"until"`
	Method      string        `json:"method"`
	Numerator   *int64        `json:"numerator"`
	Denominator *int64        `json:"denominator"`
	Share       *float64      `json:"share"` // where only the share is known: 0.5
	Source      string        `json:"source"`
	Note        string        `json:"note"`
}

// most is the largest number that a figure or target holds: no count of people or points in the country comes near.
const most = 1_000_000_000_000

func (n *NewFigure) check(today registry.Day) error {
	var bad []fault.Field
	var in Indicator
	in, n.Provider = indicator(&bad, n.Indicator, n.Provider)
	n.Source = registry.Clean(&bad, "source", n.Source, maxSource, true)
	n.Note = registry.Clean(&bad, "note", n.Note, maxSource, false)
	switch {
	case n.Until.IsZero():
		bad = append(bad, fault.At("until", "required", "This must be filled in."))
	case n.Until.After(today):
		bad = append(bad, fault.At("until", "future", "A day up to today."))
	case n.From != nil && n.From.After(n.Until):
		bad = append(bad, fault.At("from", "order", "The first day comes before the last."))
	}
	if !slices.Contains(Methods, n.Method) {
		bad = append(bad, fault.At("method", "unknown", "One of: %s.", strings.Join(Methods, ", ")))
	}
	amount := func(pointer string, v *int64, least int64) {
		if v != nil && (*v < least || *v > most) {
			bad = append(bad, fault.At(pointer, "range", "A whole number from %d to %d.", least, int64(most)))
		}
	}
	amount("numerator", n.Numerator, 0)
	amount("denominator", n.Denominator, 1)
	switch {
	case n.Numerator == nil && n.Share == nil:
		bad = append(bad, fault.At("numerator", "required", "Give a number, or a share where only that is known."))
	case n.Denominator != nil && n.Numerator == nil:
		bad = append(bad, fault.At("numerator", "required", "Say how many of them."))
	case n.Denominator != nil && n.Share != nil:
		bad = append(bad, fault.At("share", "unwanted", "The share follows from the two numbers. Leave it empty."))
	case n.Denominator != nil && *n.Numerator > *n.Denominator:
		bad = append(bad, fault.At("denominator", "range", "The part is larger than the whole."))
	}
	if n.Share != nil && !(*n.Share >= 0 && *n.Share <= 1) {
		bad = append(bad, fault.At("share", "range", "A share from 0 to 1: half is 0.5."))
	}
	if in.Code != "" && !in.Share && (n.Denominator != nil || n.Share != nil) {
		bad = append(bad, fault.At("indicator", "no-share", "This is a bare number, not a part of anything."))
	}
	if in.Ours {
		bad = append(bad, fault.At("indicator", "ours", "This is counted here, stall by stall. Nobody reports it."))
	}
	return fault.Check("figure-invalid", bad)
}

// Report keeps what somebody reports. The same again is the record that is there; another number of the same indicator, place, provider,
// period and source corrects the one before, which stays to be seen.
//
// Faults: Invalid; NotFound market-not-found, area-not-found, provider-not-found (another's, for a partner); Forbidden.
func (s *Service) Report(ctx context.Context, by registry.Actor, in NewFigure) (Figure, error) {
	f, _, err := s.report(ctx, by, in)
	return f, err
}

func (s *Service) report(ctx context.Context, by registry.Actor, in NewFigure) (f Figure, stored bool, err error) {
	now := s.moment()
	if err := in.check(registry.DayOf(now)); err != nil {
		return Figure{}, false, err
	}
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		g, err := s.ground(ctx, tx, by, registry.ReportFigures, in.Market, in.Area, in.Until)
		if err != nil {
			return err
		}
		if g.Only != nil {
			switch {
			case in.Provider == "":
				return fault.New(fault.Invalid, "figure-invalid", "Some fields need mending.").With(fault.At("provider", "required", "Say which wallet or bank."))
			case !g.Allows(in.Provider):
				return providerNotFound(in.Provider)
			case in.Method != partnerReported:
				return fault.New(fault.Invalid, "figure-invalid", "Some fields need mending.").With(fault.At("method", "partner", "A partner's own figures are partner_reported."))
			}
		}
		// What comes at the same time is corrected in the order in which it came.
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended(@what, 0))`, pgx.StrictNamedArgs{"what": "figures of " + g.Key() + in.Indicator}); err != nil {
			return err
		}
		fold := qrgen.Search(in.Source)
		before, err := postgres.All[Figure](ctx, tx, figureColumns+`
			WHERE f.place = @place AND f.indicator = @indicator AND f.provider = @provider AND f.until = @until AND f.since IS NOT DISTINCT FROM @since
			  AND f.source_fold = @source AND f.state = 'current'`,
			pgx.StrictNamedArgs{"place": g.Key(), "indicator": in.Indicator, "provider": in.Provider, "since": in.From, "until": in.Until, "source": fold})
		if err != nil {
			return err
		}
		if len(before) == 1 && before[0].says(in) {
			f = before[0]
			return nil
		}
		stored = true
		which := id.New[Figure]()
		if _, err := tx.Exec(ctx, `
			INSERT INTO reported_figures (id, indicator, market_id, area_code, provider, since, until, method, numerator, denominator, share, source,
			       source_fold, note, reported_at, reported_by)
			VALUES (@id, @indicator, @market, @area, @provider, @since, @until, @method, @numerator, @denominator, @share, @source, @fold, @note, @now, @by)`,
			pgx.StrictNamedArgs{"id": which, "indicator": in.Indicator, "market": g.MarketID(), "area": orNull(g.Area), "provider": in.Provider,
				"since": in.From, "until": in.Until, "method": in.Method, "numerator": in.Numerator, "denominator": in.Denominator, "share": in.Share,
				"source": in.Source, "fold": fold, "note": in.Note, "now": now, "by": by.ID}); err != nil {
			return err
		}
		if f, err = figure(ctx, tx, which); err != nil {
			return err
		}
		return registry.Audit(ctx, tx, now, by, g.MarketID(), registry.Event{Action: "figure.reported", Object: "figure:" + which.String(), Fields: []string{in.Indicator}})
	})
	if err != nil {
		return Figure{}, false, fmt.Errorf("report %s: %w", in.Indicator, err)
	}
	return f, stored, nil
}

// says reports whether a figure is what was sent, but for its wording.
func (f Figure) says(in NewFigure) bool {
	same := func(a, b *int64) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }
	share := f.Share
	if f.Denominator != nil {
		share = nil
	}
	return f.Method == in.Method && f.Note == in.Note && same(f.Numerator, in.Numerator) && same(f.Denominator, in.Denominator) &&
		(share == nil) == (in.Share == nil) && (share == nil || micro(*share) == micro(*in.Share))
}

// micro is a share in millionths, as the database keeps it: sums and comparisons of these are exact.
func micro(share float64) int64 { return int64(math.Round(share * 1e6)) }

// ground finds what a figure or target is about, on the map of a day.
func (s *Service) ground(ctx context.Context, db postgres.DB, by registry.Actor, do registry.Action, market, area string, day registry.Day) (registry.Ground, error) {
	reg := registry.New(db, s.now)
	g, err := reg.GroundFor(ctx, by, do, market, area)
	if err != nil || g.Area == "" {
		return g, err
	}
	above, err := reg.Above(ctx, g, day)
	if err == nil && !slices.Contains(above, g.Area) {
		err = fault.New(fault.Invalid, "area-not-then", "Some fields need mending.").With(fault.At("area", "not-then", "%s is not on the map of %s.", g.Name, day))
	}
	return g, err
}

func providerNotFound(code string) error {
	return fault.New(fault.NotFound, "provider-not-found", "There is no wallet or bank %q here.", code)
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// figureColumns read the figures as f, each with what corrected it: a later one of the same, the withdrawn left out.
const figureColumns = `
	SELECT f.id, f.indicator, f.market, f.area, f.place_name AS place, f.provider, f.since AS "from", f.until, f.method, f.numerator, f.denominator,
	       f.share, f.source, f.note, f.reported_at, f.state, f.corrects, f.corrected_by, f.withdrawn
	FROM (SELECT f.id, f.indicator, f.market_id, f.area_code, coalesce(m.code, '') AS market, coalesce(f.area_code, '') AS area, f.provider, f.since, f.until, f.method, f.numerator, f.denominator,
	             coalesce(f.share, f.numerator::numeric / f.denominator)::double precision AS share, f.source, f.source_fold, f.note, f.reported_at,
	             coalesce(f.market_id::text, f.area_code, '') AS place,
	             coalesce(m.name, (SELECT s.name FROM area_states s WHERE s.code = f.area_code AND s.since <= f.until AND f.until < s.until), a.name, '') AS place_name,
	             CASE WHEN w.figure_id IS NOT NULL THEN 'withdrawn' WHEN c.later IS NOT NULL THEN 'corrected' ELSE 'current' END AS state,
	             coalesce(w.reason, '') AS withdrawn, c.earlier AS corrects, c.later AS corrected_by
	      FROM reported_figures f
	      LEFT JOIN figure_withdrawals w ON w.figure_id = f.id
	      LEFT JOIN markets m ON m.id = f.market_id
	      LEFT JOIN areas a ON a.code = f.area_code
	      LEFT JOIN (SELECT g.id, lag(g.id) OVER same AS earlier, lead(g.id) OVER same AS later
	                 FROM reported_figures g WHERE NOT EXISTS (SELECT 1 FROM figure_withdrawals x WHERE x.figure_id = g.id)
	                 WINDOW same AS (PARTITION BY coalesce(g.market_id::text, g.area_code, ''), g.indicator, g.provider, g.since, g.until, g.source_fold
	                                 ORDER BY g.reported_at, g.id)) c ON c.id = f.id) f`

func figure(ctx context.Context, db postgres.Querier, which id.ID[Figure]) (Figure, error) {
	return postgres.One[Figure](ctx, db, figureColumns+` WHERE f.id = @id`, pgx.StrictNamedArgs{"id": which})
}

// FigureQuestion says which reported figures are wanted.
type FigureQuestion struct {
	Market    string `query:"market"`
	Area      string `query:"area"`
	Indicator string `query:"indicator"`
	Provider  string `query:"provider"`
	Below     bool   `query:"below"` // those of places inside too
	Every     bool   `query:"every"` // corrected and withdrawn ones too
	registry.List
}

// Figures are what others report of a market, an area or the country, the newest period first. A partner gets those of its own provider
// and those that name none, but for counts of vendors and customers: less its own these would be others'.
//
// Faults: Invalid choose-one, limit-invalid; NotFound market-not-found, area-not-found; Forbidden.
func (s *Service) Figures(ctx context.Context, by registry.Actor, q FigureQuestion) (registry.Page[Figure], error) {
	n, err := q.Size()
	if err != nil {
		return registry.Page[Figure]{}, err
	}
	g, err := registry.New(s.db, s.now).GroundFor(ctx, by, registry.SeeCoverage, q.Market, q.Area)
	if err != nil {
		return registry.Page[Figure]{}, err
	}
	if q.Provider != "" {
		if code, ok := registry.ProviderCode(q.Provider); ok {
			q.Provider = code
		}
	}
	after := registry.Day{}
	var last id.ID[Figure]
	if day, rest, ok := strings.Cut(q.Cursor, "."); ok {
		if after, err = registry.ParseDay(day); err != nil {
			return registry.Page[Figure]{}, err
		}
		if last, err = id.Parse[Figure](rest); err != nil {
			return registry.Page[Figure]{}, fault.New(fault.Invalid, "query-invalid", "A value in the address cannot be read.").Because(err)
		}
	}
	figures, err := postgres.All[Figure](ctx, s.db, figureColumns+`
		WHERE (f.place = @place OR @below AND (@place = ''
		       OR f.area_code IN (SELECT i.code FROM area_states i WHERE @place IN (i.district, i.parent))
		       OR f.market_id IN (SELECT p.market_id FROM market_places p WHERE @place IN (p.area_code, p.district, p.province) AND p.since <= f.until AND f.until < p.until)))
		  AND (@every OR f.state = 'current')
		  AND (@indicator = '' OR f.indicator = @indicator) AND (@provider = '' OR f.provider = @provider)
		  AND (@only::text[] IS NULL OR f.provider = '' AND f.indicator <> ALL (@of_vendors) OR f.provider = ANY (@only))
		  AND (@last::uuid IS NULL OR (f.until, f.id) < (@after::date, @last))
		ORDER BY f.until DESC, f.id DESC LIMIT @n`,
		pgx.StrictNamedArgs{"place": g.Key(), "below": q.Below && g.Market == nil, "every": q.Every, "indicator": q.Indicator, "provider": q.Provider,
			"only": g.Only, "of_vendors": ofVendors, "after": after, "last": last, "n": n + 1})
	page := registry.Page[Figure]{Items: figures}
	if len(figures) > n {
		page.Items = figures[:n]
		next := page.Items[n-1].Until.String() + "." + page.Items[n-1].ID.String()
		page.Next = &next
	}
	return page, err
}

// newest is the current figure of the last period that ended by a day, nil where there is none.
func (s *Service) newest(ctx context.Context, g registry.Ground, indicator, provider string, by registry.Day) (*Figure, error) {
	figures, err := postgres.All[Figure](ctx, s.db, figureColumns+`
		WHERE f.place = @place AND f.indicator = @indicator AND f.provider = @provider AND f.until <= @by AND f.state = 'current'
		ORDER BY f.until DESC, f.id DESC LIMIT 1`,
		pgx.StrictNamedArgs{"place": g.Key(), "indicator": indicator, "provider": provider, "by": by})
	if err != nil || len(figures) == 0 {
		return nil, err
	}
	return &figures[0], nil
}

// Withdraw takes a figure back, with a reason; what it corrected counts again. Whoever may report at its place may do it.
//
// Faults: Invalid; NotFound figure-not-found, also out of scope; Forbidden; Conflict figure-withdrawn.
func (s *Service) Withdraw(ctx context.Context, by registry.Actor, which, reason string) (f Figure, err error) {
	var bad []fault.Field
	reason = registry.Clean(&bad, "reason", reason, maxSource, true)
	if err := fault.Check("withdrawal-invalid", bad); err != nil {
		return Figure{}, err
	}
	none := fault.New(fault.NotFound, "figure-not-found", "There is no such figure here.")
	figureID, err := id.Parse[Figure](which)
	if err != nil {
		return Figure{}, none
	}
	now := s.moment()
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if f, err = figure(ctx, tx, figureID); err != nil {
			return noneOf(err, none)
		}
		g, err := registry.New(tx, s.now).GroundFor(ctx, by, registry.ReportFigures, f.Market, f.Area)
		switch {
		case fault.KindOf(err) == fault.NotFound:
			return none
		case err != nil:
			return err
		case !g.Allows(f.Provider):
			if f.Provider == "" {
				return registry.Forbidden()
			}
			return none
		}
		tag, err := tx.Exec(ctx, `
			INSERT INTO figure_withdrawals (figure_id, reason, withdrawn_at, withdrawn_by) VALUES (@id, @reason, @now, @by) ON CONFLICT DO NOTHING`,
			pgx.StrictNamedArgs{"id": figureID, "reason": reason, "now": now, "by": by.ID})
		if err == nil && tag.RowsAffected() == 0 {
			err = fault.New(fault.Conflict, "figure-withdrawn", "This figure was withdrawn already.")
		}
		if err != nil {
			return err
		}
		if f, err = figure(ctx, tx, figureID); err != nil {
			return err
		}
		return registry.Audit(ctx, tx, now, by, g.MarketID(), registry.Event{Action: "figure.withdrawn", Object: "figure:" + which, Fields: []string{f.Indicator}})
	})
	if err != nil {
		return Figure{}, fmt.Errorf("withdraw figure %s: %w", which, err)
	}
	return f, nil
}

func noneOf(err error, none *fault.Error) error {
	if errIsNoRows(err) {
		return none
	}
	return err
}

// figureSheet are the columns of a file of figures.
var figureSheet = []string{"indicator", "market", "area", "provider", "from", "until", "method", "numerator", "denominator", "share", "source", "note"}

// ImportFigures reads reported figures from CSV, all or none; what is in the record already is left as it is.
//
// Faults: Invalid sheet-invalid with the rows concerned; those of Report that are about no row.
func (s *Service) ImportFigures(ctx context.Context, by registry.Actor, file io.Reader, dry bool) (Imported, error) {
	return importRows(ctx, s, file, figureSheet, dry, func(s *Service, r row) (bool, error) {
		in := NewFigure{Indicator: r.text("indicator"), Market: r.text("market"), Area: r.text("area"), Provider: r.text("provider"), From: r.day("from"),
			Method: r.text("method"), Numerator: r.number("numerator"), Denominator: r.number("denominator"), Share: r.share("share"), Source: r.text("source"), Note: r.text("note")}
		if day := r.day("until"); day != nil {
			in.Until = *day
		}
		if err := r.wrong(); err != nil {
			return false, err
		}
		_, stored, err := s.report(ctx, by, in)
		return stored, err
	})
}

// Percent reads a share as people write it: 70 %, 0.7, 0,7.
func Percent(text string) (float64, bool) {
	number, percent := strings.CutSuffix(strings.TrimSpace(text), "%")
	v, err := strconv.ParseFloat(strings.Replace(strings.TrimSpace(number), ",", ".", 1), 64)
	if percent {
		v /= 100
	}
	return v, err == nil && !math.IsNaN(v) && !math.IsInf(v, 0)
}
