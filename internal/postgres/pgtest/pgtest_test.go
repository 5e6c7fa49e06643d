package pgtest_test

import (
	"testing"

	"cho40/internal/postgres"
	"cho40/internal/postgres/pgtest"
	"cho40/migrations"
)

func TestEveryTestHasItsOwn(t *testing.T) {
	t.Parallel()
	for range 4 {
		t.Run("clone", func(t *testing.T) {
			t.Parallel()
			db := pgtest.Owner(t, pgtest.New(t))
			if _, err := db.Exec(t.Context(), `CREATE TABLE mine (n integer); INSERT INTO mine VALUES (1)`); err != nil {
				t.Fatal(err)
			}
			got, err := migrations.Version(t.Context(), db)
			if err != nil || got != migrations.Latest() {
				t.Errorf("version = %d, %v; want %d", got, err, migrations.Latest())
			}
		})
	}
}

func TestEmptyHasNoSchema(t *testing.T) {
	t.Parallel()
	conn, err := postgres.Connect(t.Context(), pgtest.Empty(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if got, err := migrations.Version(t.Context(), conn); err != nil || got != 0 {
		t.Errorf("version = %d, %v; want 0", got, err)
	}
}
