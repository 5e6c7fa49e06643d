package migrations_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"cho40/internal/fault"
	"cho40/internal/postgres"
	"cho40/internal/postgres/pgtest"
	"cho40/migrations"
)

// Each query finds what breaks a rule of Citus in the schema, as "table: what", @places being what migrations.Places says.
var schemaRules = map[string]string{
	"a key of a distributed table begins with market_id": `
		SELECT t.name || ': ' || i.indexrelid::regclass FROM t JOIN pg_index i ON i.indrelid = t.oid
		WHERE t.place = 'distributed' AND (i.indisunique OR i.indisexclusion)
		  AND i.indkey[0] IS DISTINCT FROM (SELECT a.attnum FROM pg_attribute a WHERE a.attrelid = t.oid AND a.attname = 'market_id')`,
	"an exclusion compares markets by =": `
		SELECT t.name || ': ' || k.conname FROM t JOIN pg_constraint k ON k.conrelid = t.oid JOIN pg_operator o ON o.oid = k.conexclop[1]
		WHERE t.place = 'distributed' AND k.contype = 'x' AND o.oprname <> '='`,
	"market_id is a uuid and never empty": `
		SELECT t.name FROM t WHERE t.place = 'distributed' AND NOT EXISTS (
			SELECT FROM pg_attribute a WHERE a.attrelid = t.oid AND a.attname = 'market_id' AND a.attnotnull AND a.atttypid = 'uuid'::regtype)`,
	"a table points only where it may": `
		SELECT t.name || ': ' || k.conname FROM t JOIN pg_constraint k ON k.conrelid = t.oid AND k.contype = 'f' JOIN t u ON u.oid = k.confrelid
		WHERE NOT CASE t.place WHEN 'distributed' THEN u.place <> 'local' WHEN 'reference' THEN u.place = 'reference' ELSE u.place <> 'distributed' END`,
	"a key between distributed tables begins with both markets": `
		SELECT t.name || ': ' || k.conname FROM t JOIN pg_constraint k ON k.conrelid = t.oid AND k.contype = 'f' JOIN t u ON u.oid = k.confrelid
		WHERE t.place = 'distributed' AND u.place = 'distributed'
		  AND ((SELECT attname FROM pg_attribute WHERE attrelid = t.oid AND attnum = k.conkey[1]) <> 'market_id'
		    OR (SELECT attname FROM pg_attribute WHERE attrelid = u.oid AND attnum = k.confkey[1]) <> 'market_id')`,
	"no key empties a market": `
		SELECT t.name || ': ' || k.conname FROM t JOIN pg_constraint k ON k.conrelid = t.oid AND k.contype = 'f'
		WHERE t.place = 'distributed' AND (k.confdeltype IN ('n', 'd') OR k.confupdtype IN ('n', 'd', 'c'))`,
	"no triggers": `SELECT t.name || ': ' || g.tgname FROM t JOIN pg_trigger g ON g.tgrelid = t.oid WHERE NOT g.tgisinternal`,
	"no rules":    `SELECT t.name || ': ' || r.rulename FROM t JOIN pg_rewrite r ON r.ev_class = t.oid`,
	"no sequences": `
		SELECT c.relname::text FROM pg_class c WHERE c.relkind = 'S' AND c.relnamespace = 'public'::regnamespace`,
	"no types of our own": `
		SELECT y.typname::text FROM pg_type y WHERE y.typnamespace = 'public'::regnamespace AND y.typtype IN ('e', 'd') AND NOT EXISTS (
			SELECT FROM pg_depend d WHERE d.objid = y.oid AND d.deptype = 'e')`,
	"no inheritance": `SELECT t.name FROM t JOIN pg_inherits h ON h.inhrelid = t.oid`,
	"every constraint can be added again by its definition": `
		SELECT t.name || ': ' || k.conname FROM t JOIN pg_constraint k ON k.conrelid = t.oid WHERE k.contype = 'f' AND NOT k.convalidated`,
}

const placed = `WITH t AS (
	SELECT c.oid, c.relname::text AS name, p.place FROM pg_class c JOIN unnest(@names::text[], @places::text[]) p (name, place) ON p.name = c.relname
	WHERE c.relnamespace = 'public'::regnamespace) `

func placesArgs() pgx.StrictNamedArgs {
	names := slices.Sorted(maps.Keys(migrations.Places))
	places := make([]string, len(names))
	for i, n := range names {
		places[i] = string(migrations.Places[n])
	}
	return pgx.StrictNamedArgs{"names": names, "places": places}
}

func TestSchemaFitsCitus(t *testing.T) {
	t.Parallel()
	conn, ctx := connect(t, pgtest.OwnerURL(pgtest.URL(t))), t.Context()
	tables, err := postgres.All[string](ctx, conn, `SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') ORDER BY 1`, nil)
	if err != nil {
		t.Fatal(err)
	}
	if known := slices.Sorted(maps.Keys(migrations.Places)); !slices.Equal(tables, known) {
		for _, name := range tables {
			if !slices.Contains(known, name) {
				t.Errorf("where does %s lie on Citus? Decide in migrations.Places", name)
			}
		}
		for _, name := range known {
			if !slices.Contains(tables, name) {
				t.Errorf("there is no table %s", name)
			}
		}
	}
	check := func() (broken []string) {
		for rule, sql := range schemaRules {
			if !strings.Contains(sql, "FROM t") {
				sql = strings.Replace(sql, "WHERE", "CROSS JOIN (SELECT count(*) FROM t) every WHERE", 1)
			}
			found, err := postgres.All[string](ctx, conn, placed+sql, placesArgs())
			if err != nil {
				t.Fatalf("%s: %v", rule, err)
			}
			for _, f := range found {
				broken = append(broken, rule+": "+f)
			}
		}
		return broken
	}
	for _, b := range check() {
		t.Error(b)
	}
	if _, err := conn.Exec(ctx, `
		ALTER TABLE visits ADD CONSTRAINT once UNIQUE (id, market_id);
		ALTER TABLE team_members ADD CONSTRAINT far FOREIGN KEY (id) REFERENCES people (id);
		ALTER TABLE grants ADD market_id uuid, ADD vendor_id uuid, ADD CONSTRAINT wrong FOREIGN KEY (market_id, vendor_id) REFERENCES vendors (market_id, id);
		CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
		CREATE TRIGGER late BEFORE UPDATE ON stalls FOR EACH ROW EXECUTE FUNCTION nothing();
		CREATE SEQUENCE numbers; CREATE TYPE moods AS ENUM ('a')`); err != nil {
		t.Fatal(err)
	}
	broken := strings.Join(check(), "\n")
	for _, want := range []string{"visits: once", "grants: wrong", "stalls: late", "numbers", "moods"} {
		if !strings.Contains(broken, want) {
			t.Errorf("what breaks a rule is not found: %s in\n%s", want, broken)
		}
	}
	if strings.Contains(broken, "far") {
		t.Errorf("a local table may point at another: %s", broken)
	}
}

// standIn is what Distribute asks of Citus, on a server without: it keeps books, and refuses what Citus refuses of keys.
const standIn = `
	CREATE TABLE pg_dist_node (groupid integer);
	CREATE TABLE pg_dist_partition (logicalrelid regclass, partmethod text, repmodel text, beside text);
	CREATE FUNCTION alone(r regclass) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		IF EXISTS (SELECT FROM pg_constraint WHERE contype = 'f' AND (conrelid = r OR confrelid = r)) THEN
			RAISE EXCEPTION 'foreign keys at %', r;
		END IF;
	END $$;
	CREATE FUNCTION create_reference_table(r regclass) RETURNS void LANGUAGE sql AS $$
		SELECT alone(r); INSERT INTO pg_dist_partition VALUES (r, 'n', 't', '') $$;
	CREATE FUNCTION create_distributed_table(r regclass, by_column text, colocate_with text) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM alone(r);
		IF by_column <> 'market_id' OR colocate_with <> 'none' AND NOT EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = colocate_with::regclass) THEN
			RAISE EXCEPTION '% beside %', r, colocate_with;
		END IF;
		IF r = to_regclass((SELECT max(refused) FROM refusals)) THEN
			RAISE EXCEPTION 'refused';
		END IF;
		INSERT INTO pg_dist_partition VALUES (r, 'h', 's', colocate_with);
	END $$;
	CREATE TABLE refusals (refused text)`

func TestDistribute(t *testing.T) {
	t.Parallel()
	url, ctx := pgtest.OwnerURL(pgtest.URL(t)), t.Context()
	conn := connect(t, url)
	moves := func(code string, want int) {
		t.Helper()
		if moved, err := migrations.Distribute(ctx, url); fault.CodeOf(err) != code || moved != want || code == "" && err != nil {
			t.Errorf("%d moved, %v; want %d and %q", moved, err, want, code)
		}
	}
	exec := func(sql string) {
		t.Helper()
		if _, err := conn.Exec(ctx, sql); err != nil {
			t.Fatal(err)
		}
	}
	keys := func() []string {
		t.Helper()
		all, err := postgres.All[string](ctx, conn, `SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
			WHERE contype = 'f' AND connamespace = 'public'::regnamespace ORDER BY 1`, nil)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	before := keys()
	moves("citus-missing", 0)
	exec(standIn)
	moves("citus-alone", 0)
	exec(`INSERT INTO pg_dist_node VALUES (0), (1), (2)`)
	var reference, distributed int
	for _, place := range migrations.Places {
		switch place {
		case migrations.Reference:
			reference++
		case migrations.Distributed:
			distributed++
		}
	}
	exec(`INSERT INTO refusals VALUES ('vendors')`)
	moves("citus-otherwise", reference)
	if len(keys()) >= len(before) {
		t.Error("the keys are on while tables move")
	}
	exec(`DELETE FROM refusals`)
	moves("", distributed)
	if after := keys(); !slices.Equal(after, before) {
		t.Errorf("keys after:\n%s\nbefore:\n%s", strings.Join(after, "\n"), strings.Join(before, "\n"))
	}
	moves("", 0)
	for sql, want := range map[string]int{
		`SELECT count(*)::int FROM pg_dist_partition WHERE partmethod = 'h' AND beside IN ('none', 'vendors')`: distributed,
		`SELECT count(*)::int FROM pg_dist_partition WHERE beside = 'none'`:                                    1,
		`SELECT count(*)::int FROM pg_class WHERE relname = 'keys_taken_off'`:                                  0,
	} {
		if n, err := postgres.One[int](ctx, conn, sql, nil); err != nil || n != want {
			t.Errorf("%s: %d, %v; want %d", sql, n, err, want)
		}
	}
}
