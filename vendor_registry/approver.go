package registry

import (
	"context"
	"slices"

	"cho40/internal/postgres"

	"github.com/jackc/pgx/v5"
)

// Approver is a person who may approve in a market, if they did not bring the account in themselves.
type Approver struct {
	Name   string `json:"name"`
	Role   Role   `json:"role"`
	First  bool   `json:"first"`  // may approve first accounts
	Change bool   `json:"change"` // may approve changes
	You    bool   `json:"you"`
}

// Approvers are the people who may approve in a market: those of its board first, then whoever leads a team, then the officers of its
// commune and province. Faults: NotFound; Forbidden.
func (s *Service) Approvers(ctx context.Context, by Actor, marketCode string) ([]Approver, error) {
	m, err := market(ctx, s.db, by, SeeVendors, marketCode)
	if err != nil {
		return nil, err
	}
	type row struct {
		Who, Name string
		Role      Role
		Kind      ScopeKind
		Code      string
		Since     string
	}
	roles := slices.Concat(rights[ApproveFirst], rights[ApproveChange])
	rows, err := postgres.All[row](ctx, s.db, `
		SELECT 'person:' || p.id AS who, p.name, g.role, g.scope_kind AS kind, g.scope_code AS code,
		       CASE WHEN g.scope_kind = 'area' THEN ((g.created_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date)::text ELSE '' END AS since
		FROM grants g JOIN people p ON p.id = g.person_id
		WHERE p.disabled_at IS NULL AND (g.ends_at IS NULL OR g.ends_at > @now) AND g.role = ANY (@roles)
		ORDER BY p.name_key, g.id`, pgx.StrictNamedArgs{"now": s.now(), "roles": roles})
	if err != nil {
		return nil, actionContext("approvers of", marketCode, err)
	}
	approvers := []Approver{}
	at := map[string]int{}
	for _, r := range rows {
		if !(Grant{Role: r.Role, Kind: r.Kind, Code: r.Code, Since: r.Since}).reaches(m) {
			continue
		}
		first, change := slices.Contains(rights[ApproveFirst], r.Role), slices.Contains(rights[ApproveChange], r.Role)
		if i, there := at[r.Who]; there {
			approvers[i].First, approvers[i].Change = approvers[i].First || first, approvers[i].Change || change
			continue
		}
		at[r.Who] = len(approvers)
		approvers = append(approvers, Approver{r.Name, r.Role, first, change, r.Who == by.ID})
	}
	slices.SortStableFunc(approvers, func(a, b Approver) int { return slices.Index(roles, a.Role) - slices.Index(roles, b.Role) })
	return approvers, nil
}
