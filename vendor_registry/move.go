package registry

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"cho40/internal/fault"
	"cho40/internal/postgres"

	"github.com/jackc/pgx/v5"
)

// move is what changes about where a market lies. A market's own unit is set by people: a commune that was split does not say
// in which part the market stands.
type move struct {
	to     string // the unit it is in now; empty: not known
	from   *Day   // first day there; nil: it was always meant, a correction
	stays  bool   // to is where it was: a unit that is no more may stay until somebody moves the market
	former []FormerArea
}

// settle checks a move and puts it into m. Faults: NotFound area-not-found; Conflict area-ended; Invalid market-invalid.
func (mv move) settle(ctx context.Context, tx pgx.Tx, m *Market, today Day) error {
	former := slices.Clone(mv.former)
	slices.SortStableFunc(former, func(a, b FormerArea) int { return cmp.Compare(a.Until.String(), b.Until.String()) })
	var bad []fault.Field
	if mv.from != nil {
		last := Day{}
		if n := len(former); n > 0 {
			last = former[n-1].Until
		}
		switch {
		case mv.from.After(today):
			bad = append(bad, fault.At("area_from", "future", "A day up to today."))
		case !mv.from.After(last):
			bad = append(bad, fault.At("area_from", "order", "It must come after the move before it, of %s.", last))
		case m.Area != "":
			former = append(former, FormerArea{Area: m.Area, Until: *mv.from})
		}
	}
	for i, f := range former {
		stood, err := postgres.One[bool](ctx, tx, `
			SELECT EXISTS (SELECT 1 FROM area_states WHERE code = @code AND since < @until::date AND until >= @until)`,
			pgx.StrictNamedArgs{"code": f.Area, "until": f.Until})
		if err != nil {
			return err
		}
		switch {
		case f.Until.IsZero() || f.Until.After(today):
			bad = append(bad, fault.At("former_areas", "until", "Each former area has the first day on which the market was there no more, up to today."))
		case i > 0 && !f.Until.After(former[i-1].Until):
			bad = append(bad, fault.At("former_areas", "order", "Two former areas end on the same day."))
		case !stood:
			bad = append(bad, fault.At("former_areas", "unknown", "There was no area with the code %q before %s.", fault.Clip(f.Area, 20), f.Until))
		}
		if former[i].since = "-infinity"; i > 0 {
			former[i].since = former[i-1].Until.String()
		}
	}
	if err := fault.Check("market-invalid", bad); err != nil {
		return err
	}
	m.FormerAreas, m.Area, m.Province, m.Places = former, mv.to, "", nil
	if mv.to == "" {
		return nil
	}
	if !mv.stays {
		if err := inForce(ctx, tx, mv.to, today); err != nil {
			return err
		}
	}
	places, err := placesOfArea(ctx, tx, mv.to, today)
	m.Places = places
	return err
}

// storeFormer writes where a market lay before, and the names by which it is found.
func (m Market) storeFormer(ctx context.Context, tx pgx.Tx) error {
	b := &pgx.Batch{}
	b.Queue(`DELETE FROM market_areas WHERE market_id = @id`, pgx.StrictNamedArgs{"id": m.ID})
	for _, f := range m.FormerAreas {
		b.Queue(`INSERT INTO market_areas (market_id, until, since, area_code) VALUES (@id, @until, @since::date, @area)`,
			pgx.StrictNamedArgs{"id": m.ID, "until": f.Until, "since": f.since, "area": f.Area})
	}
	b.Queue(`UPDATE markets SET area_code = @area WHERE id = @id`, pgx.StrictNamedArgs{"id": m.ID, "area": postgres.Null(m.Area)})
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return err
	}
	return namePlaces(ctx, tx, []MarketID{m.ID})
}

// inForce checks that a unit is on the map of a day. Faults: NotFound area-not-found; Conflict area-ended, with its successors.
func inForce(ctx context.Context, db postgres.Querier, code string, on Day) error {
	type unit struct {
		Name       string
		Now        bool
		Ended      *Day
		Successors []string
	}
	u, err := postgres.Found[unit](ctx, db, fault.New(fault.NotFound, "area-not-found",
		"There is no area with the code %q. Leave it out, or give the official code of the commune.", fault.Clip(code, 20)), `
		SELECT a.name, EXISTS (SELECT 1 FROM area_states s WHERE s.code = a.code AND s.since <= @on AND @on < s.until) AS now,
		       CASE WHEN a.valid_to <= @on THEN a.valid_to END AS ended,
		       ARRAY(SELECT n.name || ' (' || n.code || ')' FROM area_successions x JOIN areas n ON n.code = x.new
		             WHERE x.old = a.code AND x.effective_on <= @on ORDER BY n.code) AS successors
		FROM areas a WHERE a.code = @code`, pgx.StrictNamedArgs{"code": code, "on": on})
	switch {
	case err != nil:
		return err
	case u.Now:
		return nil
	case u.Ended == nil:
		return fault.New(fault.NotFound, "area-not-found",
			"There is no area with the code %q. Leave it out, or give the official code of the commune.", fault.Clip(code, 20))
	}
	most := 8
	if len(u.Successors) > most {
		u.Successors = append(u.Successors[:most:most], "…")
	}
	return fault.New(fault.Conflict, "area-ended", "%s is no more since %s. It became: %s.", u.Name, *u.Ended, strings.Join(u.Successors, ", ")).
		With(fault.At("area", "ended", "Give the code of the unit as it is today."))
}
