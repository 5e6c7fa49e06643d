package registry

import (
	"context"
	"fmt"
	"slices"

	"cho40/internal/fault"
	"cho40/internal/postgres"
	"cho40/qrgen"

	"github.com/jackc/pgx/v5"
)

// Ground is what a figure, a target or a campaign is about: a market, an area with all below it, or the country.
type Ground struct {
	Market *Market  // nil: no market
	Area   string   // empty with no market: the country
	Name   string   // empty: the country
	Only   []string // of an actor who is here for providers alone: their codes; nil for everybody else
}

// MarketID is the market's, zero for an area and for the country: also the chain of the audit that a change there belongs to.
func (g Ground) MarketID() MarketID {
	if g.Market == nil {
		return MarketID{}
	}
	return g.Market.ID
}

// MarketCode is the market's code; empty for an area and for the country.
func (g Ground) MarketCode() string {
	if g.Market == nil {
		return ""
	}
	return g.Market.Code
}

// Key tells grounds apart, as the indexes of the database do.
func (g Ground) Key() string {
	if g.Market != nil {
		return g.Market.ID.String()
	}
	return g.Area
}

// GroundFor finds a market, an area or, when neither is named, the country, and checks that the actor may do something in all of
// it: who has one market of a province has not the province. A unit that is no more belongs to whoever has all that it became.
//
// Faults: Invalid choose-one; NotFound market-not-found, area-not-found, also out of scope; Forbidden.
func (s *Service) GroundFor(ctx context.Context, by Actor, do Action, marketCode, area string) (g Ground, err error) {
	rest, providers := by.Apart()
	more := false // a grant over more than providers allows it
	switch {
	case marketCode != "" && area != "":
		return g, fault.New(fault.Invalid, "choose-one", "Name a market or an area, not both.")
	case marketCode != "":
		m, err := market(ctx, s.db, by, do, marketCode)
		if err != nil {
			return g, err
		}
		g = Ground{Market: &m, Name: m.Name}
		more = rest.Can(do, m)
	case area != "":
		var allowed, inScope bool
		g.Area = area
		if g.Name, allowed, inScope, err = s.area(ctx, by, do, area); err != nil {
			return g, err
		}
		switch {
		case !inScope:
			return g, AreaNotFound(area)
		case !allowed:
			return g, Forbidden()
		}
		if len(providers) > 0 {
			_, more, _, err = s.area(ctx, rest, do, area)
		}
	default:
		if !by.everywhere(do) {
			return g, Forbidden()
		}
		more = rest.everywhere(do)
	}
	if len(providers) > 0 && !more {
		g.Only = providers
	}
	return g, err
}

// AreaNotFound is the fault of who names an area that is not there, or not in their scope.
func AreaNotFound(code string) error {
	return fault.New(fault.NotFound, "area-not-found", "There is no area with the code %q.", fault.Clip(code, 20))
}

// area says whether the actor may do something in all of a unit, and whether the unit is in scope at all.
func (s *Service) area(ctx context.Context, by Actor, do Action, code string) (name string, allowed, inScope bool, err error) {
	known, err := s.AreaFor(ctx, by, do, code)
	if err != nil {
		return "", false, false, err
	}
	reach := func(code string, ended bool) (allowed, inScope bool, err error) {
		places, err := placesOfArea(ctx, s.db, code, s.Today())
		if ended && len(places) > 0 { // who had it to the end still has its past
			places[len(places)-1].Until = "infinity"
		}
		allowed, inScope = by.can(do, Market{Places: places})
		return allowed, inScope, err
	}
	if allowed, inScope, err = reach(code, known.ValidTo != nil); err != nil || allowed || !known.Ended(s.Today()) {
		return known.Name, allowed, inScope, err
	}
	became, err := s.Successors(ctx, code)
	if err != nil || len(became) == 0 {
		return known.Name, allowed, inScope, err
	}
	all, some := true, true
	for _, c := range became {
		may, in, err := reach(c, false)
		if err != nil {
			return known.Name, false, false, err
		}
		all, some = all && may, some && in
	}
	return known.Name, all, inScope || some, nil
}

// Above are the codes of the units that a ground lay in on a day, the nearest first: of a market its commune, the district while there
// was one, the province; of an area itself first. What the record does not tell is left out. The country has none.
func (s *Service) Above(ctx context.Context, g Ground, day Day) ([]string, error) {
	type row struct{ Area, District, Province string }
	var rows []row
	var err error
	switch {
	case g.Market != nil:
		rows, err = postgres.All[row](ctx, s.db, `
			SELECT coalesce(p.area_code, '') AS area, coalesce(p.district, '') AS district, coalesce(p.province, '') AS province
			FROM market_places p WHERE p.market_id = @market AND p.since <= @day AND @day < p.until`, pgx.StrictNamedArgs{"market": g.Market.ID, "day": day})
	case g.Area != "":
		rows, err = postgres.All[row](ctx, s.db, `
			SELECT s.code AS area, coalesce(s.district, '') AS district, coalesce(s.parent, '') AS province
			FROM area_states s WHERE s.code = @area AND s.since <= @day AND @day < s.until`, pgx.StrictNamedArgs{"area": g.Area, "day": day})
	}
	if err != nil {
		return nil, fmt.Errorf("units above %s: %w", g.Key(), err)
	}
	var codes []string
	for _, r := range rows {
		for _, code := range []string{r.Area, r.District, r.Province} {
			if code != "" && !slices.Contains(codes, code) {
				codes = append(codes, code)
			}
		}
	}
	return codes, nil
}

// ProviderCode is our code of a provider by any of its names or its BIN.
func ProviderCode(name string) (string, bool) {
	p, ok := qrgen.ProviderOf(name)
	return p.Code, ok
}

// Allows reports whether the actor may know, or say, what is a provider's own on this ground.
func (g Ground) Allows(provider string) bool {
	return g.Only == nil || slices.Contains(g.Only, provider)
}

// Apart is the actor without the grants over providers, and the providers of those: whoever may not see something without the latter
// sees of it what is theirs.
func (a Actor) Apart() (rest Actor, providers []string) {
	rest, providers = a, []string{}
	rest.Grants = nil
	for _, g := range a.Grants {
		if g.Kind == OverProvider {
			providers = append(providers, providerCode(g.Code))
		} else {
			rest.Grants = append(rest.Grants, g)
		}
	}
	return rest, providers
}
