package auth_test

import (
	"testing"

	registry "cho40/vendor_registry"
)

// A role over a team is handed out by who reaches all of the markets that the team goes to; one that goes to none yet by who reaches
// its own unit. Else a board could make itself people in another one's market.
func TestRolesOverTeams(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(t, `INSERT INTO teams (code, name, level, kind, area_code, created_by, created_at, ended_on) VALUES
		('T1', 'T1', 'commune', 'field', '31321', 'console', now(), NULL), ('T2', 'T2', 'commune', 'field', '31321', 'console', now(), NULL),
		('T3', 'T3', 'commune', 'field', '31321', 'console', now(), NULL), ('T4', 'T4', 'commune', 'field', '31321', 'console', now(), '2026-01-01')`)
	w.exec(t, `INSERT INTO team_markets (market_id, team_code, assigned_by, assigned_at)
		SELECT m.id, t.code, 'console', now() FROM markets m JOIN teams t ON t.code IN ('T1', 'T4') AND m.code = 'VT' OR t.code = 'T2' AND m.code IN ('VT', 'HP')`)
	who := map[string]registry.Actor{
		"manager": w.actor(t, "m", managerVT), "far manager": w.actor(t, "fm", grant("manager", "market:HP")), "officer": w.actor(t, "o", grant("officer", "area:31321")),
		"leader": w.actor(t, "l", grant("leader", "team:T1")), "leader of two markets": w.actor(t, "l2", grant("leader", "team:T2")),
		"volunteer": w.actor(t, "v", grant("volunteer", "team:T1")),
	}
	const no, unknown = "grant-not-allowed", "team-not-found"
	for _, tt := range []struct{ by, role, scope, want string }{
		{"manager", "leader", "team:T1", ""}, {"manager", "volunteer", "team:t1", ""}, {"manager", "leader", "team:T2", no}, {"manager", "leader", "team:T3", unknown},
		{"manager", "leader", "team:T4", unknown}, {"manager", "leader", "team:T9", unknown}, {"far manager", "volunteer", "team:T1", unknown}, {"far manager", "volunteer", "team:T2", no},
		{"officer", "leader", "team:T1", ""}, {"officer", "leader", "team:T3", ""}, {"officer", "leader", "team:T2", no},
		{"leader", "volunteer", "team:T1", ""}, {"leader", "leader", "team:T1", no}, {"leader", "volunteer", "market:VT", ""}, {"leader", "volunteer", "team:T2", no},
		{"leader of two markets", "volunteer", "team:T2", ""}, {"leader of two markets", "volunteer", "team:T1", ""}, {"volunteer", "volunteer", "team:T1", no},
	} {
		t.Run(tt.by+" to "+tt.role+" over "+tt.scope, func(t *testing.T) {
			_, _, err := w.AddPerson(t.Context(), who[tt.by], t.Name()[len("TestRolesOverTeams/"):], []registry.Grant{grant(tt.role, tt.scope)}, "")
			wantCode(t, err, tt.want)
		})
	}
	// Taken over by a new link, they would be: whoever may not hand the role out may not touch who holds it.
	_, err := w.NewLink(t.Context(), who["manager"], "l2")
	wantCode(t, err, no)
	_, err = w.Colleague(t.Context(), who["far manager"], "l")
	wantCode(t, err, "person-not-found")
	list, err := w.Colleagues(t.Context(), who["manager"], "", registry.List{})
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, c := range list.Items {
		found[c.Name] = c.Yours
	}
	if _, seen := found["l2"]; !seen || found["l2"] || !found["l"] || !found["v"] {
		t.Errorf("the manager's people: %v", found)
	}
}
