package pgtest_test

import (
	"slices"
	"testing"

	"cho40/internal/id"
	"cho40/internal/postgres/pgtest"
)

func TestPeople(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	if _, err := db.Exec(t.Context(), `INSERT INTO people (id, name, name_key, created_at) VALUES ($1, 'Lý Minh Tâm', 'ly minh tam', now()), ($2, 'an', 'an', now())`,
		id.New[int](), id.New[int]()); err != nil {
		t.Fatal(err)
	}
	if got, err := pgtest.People(t.Context(), db); err != nil || !slices.Equal(got, []string{"Lý Minh Tâm"}) {
		t.Errorf("%q, %v", got, err)
	}
}
