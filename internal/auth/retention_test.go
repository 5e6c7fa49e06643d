package auth_test

import (
	"slices"
	"testing"
	"time"

	"cho40/internal/auth"
	"cho40/internal/id"
	"cho40/internal/postgres/pgtest"
	registry "cho40/vendor_registry"
)

// What proves nothing any more goes; what may still be used stays.
func TestRetain(t *testing.T) {
	t.Parallel()
	db, now, who := pgtest.New(t), time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC), id.New[auth.Person]()
	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := db.Exec(t.Context(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	exec(`INSERT INTO people (id, name, name_key, created_at) VALUES ($1, 'Mai', 'mai', $2)`, who, now)
	for i, age := range []time.Duration{time.Minute, auth.SessionIdle, auth.SessionLongest} {
		exec(`INSERT INTO sessions (hash, person_id, created_at, seen_at) VALUES ($1, $2, $3, $3)`, []byte{byte(i)}, who, now.Add(-age))
	}
	for i, left := range []time.Duration{time.Minute, 0} {
		exec(`INSERT INTO links (hash, person_id, expires_at) VALUES ($1, $2, $3)`, []byte{byte(i)}, who, now.Add(left))
		exec(`INSERT INTO set_up_links (hash, expires_at) VALUES ($1, $2)`, []byte{byte(i)}, now.Add(left))
		exec(`INSERT INTO doors (hash, person_id, expires_at) VALUES ($1, $2, $3)`, []byte{byte(i)}, who, now.Add(left))
		exec(`INSERT INTO sign_in_failures (subject, at) VALUES ('x', $1)`, now.Add(left-24*time.Hour))
	}
	exec(`INSERT INTO phones (person_id, hash, pin_hash, agent, created_at, expires_at) VALUES ($1, 'x', 'x', '', $2, $2)`, who, now)
	s := auth.New(db, func() time.Time { return now })
	want := []registry.LetGo{{What: "sessions", Rows: 2}, {What: "links", Rows: 1}, {What: "set_up_links", Rows: 1}, {What: "doors", Rows: 1}, {What: "phones", Rows: 1}, {What: "failures", Rows: 1}}
	if got, err := s.Retain(t.Context()); err != nil || !slices.Equal(got, want) {
		t.Errorf("let go of %v, %v; want %v", got, err, want)
	}
	for i := range want {
		want[i].Rows = 0
	}
	if got, err := s.Retain(t.Context()); err != nil || !slices.Equal(got, want) {
		t.Errorf("once more: %v, %v", got, err)
	}
}
