package auth

import (
	"context"
	"slices"
	"strings"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres"
	"cho40/qrgen"
	registry "cho40/vendor_registry"

	"github.com/jackc/pgx/v5"
)

// mostGrants is how many grants one person or key may hold.
const mostGrants = 50

// grantable is who may hand out which roles inside the scope of their own grant. An administrator may hand out all.
var grantable = map[registry.Role][]registry.Role{
	registry.Officer: {registry.Manager, registry.Clerk, registry.Leader, registry.Volunteer},
	registry.Manager: {registry.Clerk, registry.Leader, registry.Volunteer},
	registry.Leader:  {registry.Volunteer},
}

// dutyOf says what goes together: an administrator sees no vendor, an auditor does nothing but look, a partner is a firm and not a
// board. Nobody holds roles of two duties at one time. The column grants.duty says the same, and a constraint keeps it.
func dutyOf(r registry.Role) registry.Role {
	switch r {
	case registry.Partner, registry.Auditor, registry.Admin:
		return r
	}
	return "board"
}

// mayGrant brings grants to the form in which they are stored, and checks that their codes exist and that by may hand them out.
//
// Faults: Invalid grants-invalid, with a field each; NotFound market-not-found, also when it is out of by's scope,
// area-not-found, team-not-found, provider-not-found; Forbidden grant-not-allowed.
func mayGrant(ctx context.Context, db postgres.Querier, by registry.Actor, grants []registry.Grant) ([]registry.Grant, error) {
	clean, err := cleanGrants(grants)
	if err != nil {
		return nil, err
	}
	ground, err := groundOf(ctx, db, clean)
	if err != nil {
		return nil, err
	}
	areas, err := areasOf(ctx, db, clean)
	if err != nil {
		return nil, err
	}
	for _, g := range clean {
		over := ground.under(g)
		switch g.Kind {
		case registry.OverMarket:
			if !slices.ContainsFunc(over, by.InScope) {
				return nil, fault.New(fault.NotFound, "market-not-found", "There is no market %q here.", fault.Clip(g.Code, 20))
			}
		case registry.OverArea:
			if !slices.Contains(areas, g.Code) {
				return nil, fault.New(fault.NotFound, "area-not-found",
					"There is no area with the code %q. Give the official code of the province or commune.", fault.Clip(g.Code, 20))
			}
		case registry.OverTeam:
			if !slices.ContainsFunc(over, by.InScope) {
				return nil, fault.New(fault.NotFound, "team-not-found", "There is no team %q here.", fault.Clip(g.Code, 20))
			}
		}
		if !handsOut(by, g, over) {
			return nil, fault.New(fault.Forbidden, "grant-not-allowed", "Your own role does not let you do this.").
				With(fault.At("grants", "not-allowed", "You cannot hand out the role %s there.", g.Role))
		}
	}
	return clean, nil
}

// mayTouch checks that by could have handed out all the grants that a person or a key holds: else a leader could take over a
// manager. Codes may have gone since. It is unknown when none of the grants lies in by's scope.
func mayTouch(ctx context.Context, db postgres.Querier, by registry.Actor, held []registry.Grant, unknown error) error {
	ground, err := groundOf(ctx, db, held)
	if err != nil {
		return err
	}
	switch may, inScope := touches(by, held, ground); {
	case may:
		return nil
	case inScope:
		return fault.New(fault.Forbidden, "grant-not-allowed", "Your own role does not let you do this.")
	}
	return unknown
}

// touches reports whether by could have handed out all of the grants, and whether any of them is in by's scope.
func touches(by registry.Actor, held []registry.Grant, of ground) (may, inScope bool) {
	if len(held) == 0 { // nothing to measure by's own grants against: for the administrator, who may hand out anything
		held = []registry.Grant{{}}
	}
	may = true
	for _, g := range held {
		over := of.under(g)
		may = may && handsOut(by, g, over)
		inScope = inScope || slices.ContainsFunc(over, by.InScope)
	}
	return may, inScope || may
}

// handsOut reports whether one of by's own grants allows handing out g: it reaches all the markets that g is over. A key never
// may: it must not approve accounts, and with a person of its making it could.
func handsOut(by registry.Actor, g registry.Grant, over []registry.Market) bool {
	if by.ID == "console" {
		return true
	}
	if !strings.HasPrefix(by.ID, "person:") {
		return false
	}
	return slices.ContainsFunc(by.Grants, func(own registry.Grant) bool {
		if own.Role == registry.Admin {
			return true
		}
		outside := func(m registry.Market) bool { return !registry.Actor{Grants: []registry.Grant{own}}.InScope(m) }
		return len(over) > 0 && !slices.ContainsFunc(over, outside) && slices.Contains(grantable[own.Role], g.Role)
	})
}

// cleanGrants reads grants as from outside, drops doubles and spells codes as they are stored.
func cleanGrants(grants []registry.Grant) ([]registry.Grant, error) {
	if len(grants) == 0 || len(grants) > mostGrants {
		return nil, fault.Check("grants-invalid", []fault.Field{fault.At("grants", "count", "Give from 1 to %d roles.", mostGrants)})
	}
	var clean []registry.Grant
	for _, g := range grants {
		scope := string(g.Kind)
		if g.Code != "" {
			scope += ":" + g.Code
		}
		until := g.Until
		g, err := registry.ParseGrant(fault.Clip(string(g.Role), 20), scope)
		if err != nil {
			return nil, err
		}
		g.Until = until
		switch g.Kind {
		case registry.OverMarket, registry.OverTeam:
			g.Code = strings.ToUpper(strings.TrimSpace(g.Code))
		case registry.OverProvider:
			p, ok := qrgen.ProviderOf(g.Code)
			if !ok {
				return nil, fault.New(fault.NotFound, "provider-not-found",
					"There is no bank or wallet %q. Give its code, such as viettel_money or vcb.", fault.Clip(g.Code, 20))
			}
			g.Code = p.Code
		}
		if !slices.Contains(clean, g) {
			clean = append(clean, g)
		}
	}
	if slices.ContainsFunc(clean, func(g registry.Grant) bool { return dutyOf(g.Role) != dutyOf(clean[0].Role) }) {
		return nil, notTogether()
	}
	return clean, nil
}

func notTogether() *fault.Error {
	return fault.New(fault.Invalid, "grants-invalid", "Some fields need mending.").
		With(fault.At("grants", "not-together", "An administrator, an auditor or a partner has no role beside that one."))
}

// stillAhead checks the last days of grants. Faults: Invalid grants-invalid.
func stillAhead(now time.Time, grants []registry.Grant) error {
	for _, g := range grants {
		if !g.Until.IsZero() && registry.DayOf(now).After(g.Until) {
			return fault.Check("grants-invalid", []fault.Field{fault.At("grants", "past", "A role ends on a day from today on.")})
		}
	}
	return nil
}

// codesOver lists the codes of grants of one kind, without those that no record can have.
func codesOver(kind registry.ScopeKind, grants []registry.Grant) []string {
	codes := []string{}
	for _, g := range grants {
		if g.Kind == kind && storable(g.Code) {
			codes = append(codes, g.Code)
		}
	}
	return codes
}

// ground is what grants over markets and teams are over, as it is now.
type ground struct {
	markets map[string]registry.Market
	teams   map[string][]registry.Market
}

// under are the markets that a grant is over; none of another kind's, and of one whose market or team is not there.
func (of ground) under(g registry.Grant) []registry.Market {
	switch m, known := of.markets[g.Code]; {
	case g.Kind == registry.OverTeam:
		return of.teams[g.Code]
	case g.Kind == registry.OverMarket && known:
		return []registry.Market{m}
	}
	return nil
}

// groundOf finds what grants are over. A team that goes to no market yet stands on the ground of its own unit.
func groundOf(ctx context.Context, db postgres.Querier, grants []registry.Grant) (ground, error) {
	of := ground{map[string]registry.Market{}, map[string][]registry.Market{}}
	markets, err := registry.MarketsNamed(ctx, db, codesOver(registry.OverMarket, grants))
	if err != nil {
		return of, err
	}
	for _, m := range markets {
		of.markets[m.Code] = m
	}
	if codes := codesOver(registry.OverTeam, grants); len(codes) > 0 {
		of.teams, err = registry.TeamGrounds(ctx, db, codes)
	}
	return of, err
}

// areasOf lists the areas of grants that are on the map: one that is no more is granted to nobody.
func areasOf(ctx context.Context, db postgres.Querier, grants []registry.Grant) ([]string, error) {
	return postgres.All[string](ctx, db, `SELECT code FROM areas WHERE code = ANY (@codes) AND (valid_to IS NULL OR valid_to > now())`,
		pgx.StrictNamedArgs{"codes": codesOver(registry.OverArea, grants)})
}

// insertGrants gives grants to a person or to a key; the other ID is zero.
func insertGrants(ctx context.Context, tx pgx.Tx, at time.Time, by registry.Actor, person PersonID, key KeyID, grants []registry.Grant) error {
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"grants"},
		[]string{"id", "person_id", "key_id", "role", "scope_kind", "scope_code", "created_by", "created_at", "ends_at"},
		pgx.CopyFromSlice(len(grants), func(i int) ([]any, error) {
			g := grants[i]
			var ends *time.Time
			if !g.Until.IsZero() {
				after := g.Until.End().Add(time.Microsecond)
				ends = &after
			}
			return []any{id.New[registry.Grant](), person, key, string(g.Role), string(g.Kind), g.Code, by.ID, at, ends}, nil
		}))
	if postgres.Violated(err) == "grants_one_duty" {
		return notTogether().Because(err)
	}
	return err
}

// grantsNow is the JSON list of the grants in force at @now whose holder column is given.
func grantsNow(holder string) string {
	return `(SELECT coalesce(jsonb_agg(jsonb_build_object('role', g.role, 'scope', g.scope_kind, 'code', g.scope_code, 'since',
			CASE WHEN g.scope_kind = 'area' THEN ((g.created_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date)::text ELSE '' END,
			'until', to_char((g.ends_at - interval '1 microsecond') AT TIME ZONE 'Asia/Ho_Chi_Minh', 'YYYY-MM-DD')) ORDER BY g.id), '[]')
		FROM grants g WHERE g.` + holder + ` AND (g.ends_at IS NULL OR g.ends_at > @now))`
}

var (
	personGrants = grantsNow(`person_id = p.id`)
	keyGrants    = grantsNow(`key_id = k.id`)
)

// reach is the part of the country whose people and keys by looks after, as arguments of holdersIn. Faults: Forbidden not-allowed.
func (s *Service) reach(by registry.Actor) (pgx.StrictNamedArgs, error) {
	if !by.CanSomewhere(registry.ManagePeople) {
		return nil, notAllowed()
	}
	args := by.Reach(registry.ManagePeople)
	args["now"] = s.now()
	return args, nil
}

func notAllowed() error {
	return fault.New(fault.Forbidden, "not-allowed", "Your role here does not allow this. Ask the market board's manager.")
}

// holdersIn selects who holds a role in force over a market in reach.
func holdersIn(holder string) string {
	return `
		SELECT g.` + holder + ` FROM grants g
		JOIN markets m ON g.scope_kind = 'market' AND m.code = g.scope_code
		               OR g.scope_kind = 'team' AND m.id = ANY (ARRAY(SELECT w.market_id FROM team_markets w WHERE w.team_code = g.scope_code))
		WHERE g.` + holder + ` IS NOT NULL AND (g.ends_at IS NULL OR g.ends_at > @now)
		  AND ` + registry.InReach
}

func grantsOf[T any](all []T, of func(T) []registry.Grant) [][]registry.Grant {
	held := make([][]registry.Grant, len(all))
	for i, t := range all {
		held[i] = of(t)
	}
	return held
}

// yours says of several holders which ones by may touch.
func (s *Service) yours(ctx context.Context, by registry.Actor, held [][]registry.Grant) ([]bool, error) {
	ground, err := groundOf(ctx, s.db, slices.Concat(held...))
	if err != nil {
		return nil, wrap("whose", err)
	}
	yours := make([]bool, len(held))
	for i, gs := range held {
		yours[i], _ = touches(by, gs, ground)
	}
	return yours, nil
}

// HandsOut reports whether by may hand out a role anywhere: for forms, which offer none that would be refused.
func HandsOut(by registry.Actor, role registry.Role) bool {
	return slices.ContainsFunc(by.Grants, func(own registry.Grant) bool {
		return own.Role == registry.Admin || slices.Contains(grantable[own.Role], role)
	})
}
