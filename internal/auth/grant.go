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

// mayGrant brings grants to the form in which they are stored, and checks that their codes exist and that by may hand them out.
//
// Faults: Invalid grants-invalid, with a field each; NotFound market-not-found, also when it is out of by's scope,
// area-not-found, team-not-found, provider-not-found; Forbidden grant-not-allowed.
func mayGrant(ctx context.Context, db postgres.Querier, by registry.Actor, grants []registry.Grant) ([]registry.Grant, error) {
	clean, err := cleanGrants(grants)
	if err != nil {
		return nil, err
	}
	markets, err := marketsOf(ctx, db, clean)
	if err != nil {
		return nil, err
	}
	areas, err := areasOf(ctx, db, clean)
	if err != nil {
		return nil, err
	}
	for _, g := range clean {
		m, known := markets[g.Code]
		switch g.Kind {
		case registry.OverMarket:
			if !known || !by.Can(registry.SeeMarket, m) {
				return nil, fault.New(fault.NotFound, "market-not-found", "There is no market %q here.", clip(g.Code, 20))
			}
		case registry.OverArea:
			if !slices.Contains(areas, g.Code) {
				return nil, fault.New(fault.NotFound, "area-not-found",
					"There is no area with the code %q. Give the official code of the province or commune.", clip(g.Code, 20))
			}
		case registry.OverTeam:
			return nil, fault.New(fault.NotFound, "team-not-found",
				"There is no team %q. Grant the role over the market instead: market:CODE.", clip(g.Code, 20))
		}
		if !handsOut(by, g, m) {
			return nil, fault.New(fault.Forbidden, "grant-not-allowed", "Your own role does not let you do this.").
				With(fault.At("grants", "not-allowed", "You cannot hand out the role %s there.", g.Role))
		}
	}
	return clean, nil
}

// mayTouch checks that by could have handed out all the grants that a person or a key holds: else a leader could take over a
// manager. Codes may have gone since. It is unknown when none of the grants lies in by's scope.
func mayTouch(ctx context.Context, db postgres.Querier, by registry.Actor, held []registry.Grant, unknown error) error {
	markets, err := marketsOf(ctx, db, held)
	if err != nil {
		return err
	}
	if len(held) == 0 { // nothing to measure by's own grants against: for the administrator, who may hand out anything
		held = []registry.Grant{{}}
	}
	refused, inScope := false, false
	for _, g := range held {
		m := markets[g.Code]
		refused = refused || !handsOut(by, g, m)
		inScope = inScope || g.Kind == registry.OverMarket && by.Can(registry.SeeMarket, m)
	}
	switch {
	case refused && inScope:
		return fault.New(fault.Forbidden, "grant-not-allowed", "Your own role does not let you do this.")
	case refused:
		return unknown
	}
	return nil
}

// handsOut reports whether one of by's own grants allows handing out g; m is the market of g, if it is over one. A key never
// may: it must not approve accounts, and with a person of its making it could.
func handsOut(by registry.Actor, g registry.Grant, m registry.Market) bool {
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
		reaches := registry.Actor{Grants: []registry.Grant{own}}.Can(registry.SeeMarket, m)
		return g.Kind == registry.OverMarket && reaches && slices.Contains(grantable[own.Role], g.Role)
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
		g, err := registry.ParseGrant(clip(string(g.Role), 20), scope)
		if err != nil {
			return nil, err
		}
		switch g.Kind {
		case registry.OverMarket:
			g.Code = strings.ToUpper(strings.TrimSpace(g.Code))
		case registry.OverProvider:
			p, ok := qrgen.ProviderOf(g.Code)
			if !ok {
				return nil, fault.New(fault.NotFound, "provider-not-found",
					"There is no bank or wallet %q. Give its code, such as viettel_money or vcb.", clip(g.Code, 20))
			}
			g.Code = p.Code
		}
		if !slices.Contains(clean, g) {
			clean = append(clean, g)
		}
	}
	return clean, nil
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

// marketsOf finds the markets that grants are over.
func marketsOf(ctx context.Context, db postgres.Querier, grants []registry.Grant) (map[string]registry.Market, error) {
	markets, err := registry.MarketsNamed(ctx, db, codesOver(registry.OverMarket, grants))
	found := make(map[string]registry.Market, len(markets))
	for _, m := range markets {
		found[m.Code] = m
	}
	return found, err
}

// areasOf lists the areas of grants that are on the map: one that is no more is granted to nobody.
func areasOf(ctx context.Context, db postgres.Querier, grants []registry.Grant) ([]string, error) {
	return postgres.All[string](ctx, db, `SELECT code FROM areas WHERE code = ANY (@codes) AND (valid_to IS NULL OR valid_to > now())`,
		pgx.StrictNamedArgs{"codes": codesOver(registry.OverArea, grants)})
}

// insertGrants gives grants to a person or to a key; the other ID is zero.
func insertGrants(ctx context.Context, tx pgx.Tx, at time.Time, by registry.Actor, person PersonID, key KeyID, grants []registry.Grant) error {
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"grants"},
		[]string{"id", "person_id", "key_id", "role", "scope_kind", "scope_code", "created_by", "created_at"},
		pgx.CopyFromSlice(len(grants), func(i int) ([]any, error) {
			g := grants[i]
			return []any{id.New[registry.Grant](), person, key, string(g.Role), string(g.Kind), g.Code, by.ID, at}, nil
		}))
	return err
}

// grantsNow is the JSON list of the grants in force at @now whose holder column is given.
func grantsNow(holder string) string {
	return `(SELECT coalesce(jsonb_agg(jsonb_build_object('role', g.role, 'scope', g.scope_kind, 'code', g.scope_code, 'since',
			CASE WHEN g.scope_kind = 'area' THEN ((g.created_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date)::text ELSE '' END) ORDER BY g.id), '[]')
		FROM grants g WHERE g.` + holder + ` AND (g.ends_at IS NULL OR g.ends_at > @now))`
}

var (
	personGrants = grantsNow(`person_id = p.id`)
	keyGrants    = grantsNow(`key_id = k.id`)
)
