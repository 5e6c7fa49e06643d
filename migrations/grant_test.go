package migrations_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"cho40/internal/fault"
	"cho40/internal/postgres"
	"cho40/internal/postgres/pgtest"
	"cho40/migrations"
)

// The service owns nothing: what was written once stays, whatever a fault in a program or a stolen connection tries.
func TestTheServiceOwnsNothing(t *testing.T) {
	t.Parallel()
	db, ctx := pgtest.New(t), t.Context()
	tries := []string{
		`UPDATE schema_migrations SET sha256 = ''`, `DELETE FROM schema_migrations`, `CREATE TABLE mine (n integer)`,
		`DROP TABLE areas`, `TRUNCATE areas`, `ALTER TABLE accounts DROP CONSTRAINT accounts_touched`, `CREATE INDEX mine ON areas (name)`,
		`SET ROLE postgres`, `ALTER ROLE cho40_service SUPERUSER`, `CREATE ROLE mine`,
		`COPY accounts TO PROGRAM 'cat'`, `SELECT pg_read_file('postgresql.conf')`, `SET session_replication_role = replica`,
	}
	for _, table := range []string{"accounts", "account_decisions", "account_verifications", "account_closures", "default_proposals", "default_decisions", "audit_events", "placard_events", "placard_serials", "erasures"} { // the others have no market: TestGrant
		tries = append(tries, `DELETE FROM `+table, `TRUNCATE `+table+` CASCADE`, `ALTER TABLE `+table+` OWNER TO cho40_service`, `UPDATE `+table+` SET market_id = market_id`)
	}
	for _, sql := range tries {
		t.Run(sql, func(t *testing.T) {
			_, err := db.Exec(ctx, sql)
			var pg *pgconn.PgError
			if !errors.As(err, &pg) || pg.Code != "42501" && !strings.Contains(pg.Message, "superuser") {
				t.Errorf("err = %v, want permission denied", err)
			}
		})
	}
}

func TestGrant(t *testing.T) {
	t.Parallel()
	made := pgtest.Empty(t)
	owner, ctx := connect(t, made), t.Context()
	if _, _, err := migrations.Up(ctx, made); err != nil {
		t.Fatal(err)
	}
	may := func(table string) (all []string) {
		t.Helper()
		for _, do := range []string{"SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE"} {
			var yes bool
			if err := owner.QueryRow(ctx, `SELECT has_table_privilege('cho40_service', $1, $2)`, table, do).Scan(&yes); err != nil {
				t.Fatal(err)
			}
			if yes {
				all = append(all, do)
			}
		}
		return all
	}
	grant := func() {
		t.Helper()
		if err := migrations.Grant(ctx, made, migrations.ServiceRole); err != nil {
			t.Fatal(err)
		}
	}
	check := func(when string) {
		t.Helper()
		for table, want := range map[string]string{"accounts": "SELECT INSERT", "audit_events": "SELECT INSERT", "vendors": "SELECT INSERT UPDATE DELETE", "schema_migrations": "SELECT"} {
			if got := may(table); !slices.Equal(got, strings.Fields(want)) {
				t.Errorf("%s: the service may %v %s, want %s", when, got, table, want)
			}
		}
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := migrations.Grant(ctx, made, migrations.ServiceRole); err != nil {
				t.Errorf("eight at once: %v", err)
			}
		})
	}
	all.Wait()
	check("eight at once")
	if _, err := owner.Exec(ctx, `GRANT UPDATE, TRUNCATE ON accounts TO cho40_service`); err != nil {
		t.Fatal(err)
	}
	if _, err := owner.Exec(ctx, `REVOKE INSERT ON vendors FROM cho40_service`); err != nil {
		t.Fatal(err)
	}
	grant()
	check("after somebody changed them")
	// One column is enough to lead money elsewhere.
	changeable := func(want ...string) {
		t.Helper()
		service := connect(t, postgres.As(made, migrations.ServiceRole))
		if got, owns, err := migrations.Changeable(ctx, service); !slices.Equal(got, want) || owns || err != nil {
			t.Errorf("the service could change %v, owner %v, want %v: %v", got, owns, want, err)
		}
	}
	changeable()
	if _, err := owner.Exec(ctx, `GRANT UPDATE (number) ON accounts TO cho40_service`); err != nil {
		t.Fatal(err)
	}
	if _, err := owner.Exec(ctx, `GRANT DELETE ON default_decisions TO cho40_service`); err != nil {
		t.Fatal(err)
	}
	changeable("accounts", "default_decisions")
	grant()
	changeable()
	if got, owns, err := migrations.Changeable(ctx, owner); len(got) < 12 || !owns || err != nil {
		t.Errorf("the owner could change %v, owner %v: %v", got, owns, err)
	}
	if _, err := owner.Exec(ctx, `CREATE TABLE later (n integer)`); err != nil { // as a later migration does
		t.Fatal(err)
	}
	grant()
	if got := may("later"); !slices.Equal(got, []string{"SELECT", "INSERT", "UPDATE", "DELETE"}) {
		t.Errorf("the service may %v a later table", got)
	}
	role, err := postgres.RoleOf(made)
	if err != nil {
		t.Fatal(err)
	}
	if err := migrations.Grant(ctx, made, role); fault.CodeOf(err) != "role-owner" {
		t.Errorf("to the owner: %v", err)
	}
}
