package pgtest

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"cho40/internal/postgres"
)

// lent is a database with its pool, emptied after one test and lent to the next: its sessions have planned the service's statements, which takes longer than
// most tests. It is nobody's after a test that changed more than rows, as the owner may.
type lent struct {
	pool   *pgxpool.Pool
	owner  *pgx.Conn // which empties it
	clear  string    // with this
	seeds  []seed
	schema string // what all that is not rows looked like at first
	tests  int
}

// seed is the rows of a table, as JSON, that come with the schema.
type seed struct{ table, rows string }

const (
	lentTo   = 25     // tests, at most: nothing vacuums what they leave
	lentRows = 10_000 // as many are left in one test at most
)

var atHand struct {
	sync.Mutex
	all []*lent
}

// schemaSQL is a fingerprint of tables, columns, conditions, indexes, triggers, functions and who may do what with them, and of settings.
const schemaSQL = `
	SELECT md5(string_agg(line, E'\n' ORDER BY line)) FROM (
		SELECT concat_ws(' ', 'c', relname, relkind, relowner, relacl::text, reloptions::text, relrowsecurity) FROM pg_class WHERE relnamespace = 'public'::regnamespace
		UNION ALL SELECT concat_ws(' ', 'a', attrelid, attname, atttypid, attnotnull, attisdropped, attacl::text) FROM pg_attribute JOIN pg_class c ON c.oid = attrelid WHERE c.relnamespace = 'public'::regnamespace
		UNION ALL SELECT concat_ws(' ', 'd', adrelid, adnum, pg_get_expr(adbin, adrelid)) FROM pg_attrdef
		UNION ALL SELECT concat_ws(' ', 'k', conname, conrelid, pg_get_constraintdef(oid)) FROM pg_constraint
		UNION ALL SELECT concat_ws(' ', 'i', indexrelid, indisvalid, pg_get_indexdef(indexrelid)) FROM pg_index JOIN pg_class c ON c.oid = indrelid WHERE c.relnamespace = 'public'::regnamespace
		UNION ALL SELECT concat_ws(' ', 't', tgrelid, tgname, tgenabled, tgfoid) FROM pg_trigger
		UNION ALL SELECT concat_ws(' ', 'f', proname, prosrc, proacl::text) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
		UNION ALL SELECT concat_ws(' ', 'e', evtname, evtenabled) FROM pg_event_trigger
		UNION ALL SELECT concat_ws(' ', 's', setdatabase, setrole, setconfig::text) FROM pg_db_role_setting s JOIN pg_database b ON b.oid = s.setdatabase AND b.datname = current_database()
	) x (line)`

// lend gives t a database for itself until it ends.
func lend(t testing.TB) *pgxpool.Pool {
	t.Helper()
	atHand.Lock()
	var l *lent
	if n := len(atHand.all); n > 0 {
		l, atHand.all = atHand.all[n-1], atHand.all[:n-1]
	}
	atHand.Unlock()
	if l == nil {
		l = newLent(t)
	}
	t.Cleanup(func() {
		if err := l.takeBack(); err != nil {
			l.pool.Close()
			l.owner.Close(context.Background())
			return
		}
		atHand.Lock()
		atHand.all = append(atHand.all, l)
		atHand.Unlock()
	})
	return l.pool
}

func newLent(t testing.TB) *lent {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	address := OneServerURL(t)
	pool, err := postgres.Open(ctx, address)
	if err != nil {
		t.Fatalf("open the test's database: %v", err)
	}
	owners, _ := owners.Load(address)
	owner, err := postgres.Connect(ctx, owners.(string))
	var schema string
	if err == nil {
		schema, err = postgres.One[string](ctx, owner, schemaSQL, nil)
	}
	if err == nil {
		_, err = owner.Exec(ctx, `SET session_replication_role = replica`) // no trigger fires: rows that are for good go too, in any order
	}
	var tables []string
	if err == nil {
		tables, err = postgres.All[string](ctx, owner, `SELECT quote_ident(relname) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'schema_migrations' ORDER BY 1`, nil)
	}
	if err != nil {
		t.Fatalf("open the test's database: %v", err)
	}
	var gone, counted []string
	for i, table := range tables {
		gone = append(gone, fmt.Sprintf("d%d AS (DELETE FROM %s RETURNING 1)", i, table))
		counted = append(counted, fmt.Sprintf("(SELECT count(*) FROM d%d)", i))
	}
	var seeds []seed
	for _, table := range tables {
		rows, err := postgres.One[*string](ctx, owner, "SELECT json_agg(t)::text FROM "+table+" t", nil)
		if err != nil {
			t.Fatalf("open the test's database: %v", err)
		}
		if rows != nil {
			seeds = append(seeds, seed{table, *rows})
		}
	}
	return &lent{seeds: seeds, pool: pool, owner: owner, schema: schema, clear: "WITH " + strings.Join(gone, ", ") + " SELECT " + strings.Join(counted, " + ")}
}

// takeBack empties the database; an error says why nobody is to have it again.
func (l *lent) takeBack() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if l.tests++; l.tests >= lentTo {
		return fmt.Errorf("%d tests had it", l.tests)
	}
	if err := l.pool.Ping(ctx); err != nil { // the test has closed it
		return err
	}
	if n := l.pool.Stat().AcquiredConns(); n > 0 {
		return fmt.Errorf("%d sessions are not given back", n)
	}
	sessions := l.pool.AcquireAllIdle(ctx)
	defer func() {
		for _, c := range sessions {
			c.Release()
		}
	}()
	for _, c := range sessions {
		if _, err := c.Conn().PgConn().Exec(ctx, `SELECT pg_advisory_unlock_all(); UNLISTEN *; RESET ALL`).ReadAll(); err != nil {
			return err
		}
	}
	var others, rows int
	err := l.owner.QueryRow(ctx, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`).Scan(&others)
	if err == nil && others != len(sessions) {
		err = fmt.Errorf("%d sessions are open, %d of them ours", others, len(sessions))
	}
	if err != nil {
		return err
	}
	if l.enteredByOwner() {
		schema, err := postgres.One[string](ctx, l.owner, schemaSQL, nil)
		if err == nil && schema != l.schema {
			err = fmt.Errorf("more than rows was changed")
		}
		if err != nil {
			return err
		}
	}
	if err := l.owner.QueryRow(ctx, l.clear).Scan(&rows); err != nil {
		return err
	}
	if rows > lentRows {
		return fmt.Errorf("%d rows were left", rows)
	}
	for _, s := range l.seeds {
		if _, err := l.owner.Exec(ctx, "INSERT INTO "+s.table+" SELECT * FROM json_populate_recordset(NULL::"+s.table+", $1)", s.rows); err != nil {
			return err
		}
	}
	return nil
}

// enteredByOwner reports whether the owner was let in since it was asked last.
func (l *lent) enteredByOwner() bool {
	_, in := entered.LoadAndDelete(l.pool.Config().ConnString())
	return in
}

// lends reports whether databases are lent: not by servers that are others', where what a test made is dropped.
func lends() bool { return os.Getenv("TEST_DATABASE_URL") == "" && os.Getenv("CITUS_TEST_URL") == "" }
