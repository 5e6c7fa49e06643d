package migrations

import (
	"context"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"cho40/internal/fault"
	"cho40/internal/postgres"
)

// Place is where a table's rows lie on Citus.
type Place string

// The places of tables.
const (
	Distributed Place = "distributed" // by market_id: a market's rows of every such table lie on one server
	Reference   Place = "reference"   // a copy on every server: small, seldom written
	Local       Place = "local"       // on the server that programs connect to: what belongs to no market
)

// Places is where each table lies on Citus. A new table is decided upon here; a test fails for one that is not.
//
// A distributed table points at distributed and reference tables, a reference table at reference tables, a local one at local and reference tables.
var Places = placed(map[Place][]string{
	Distributed: {
		"account_closures", "account_decisions", "account_holders", "account_uses", "account_verifications", "accounts", "audit_events", "audit_heads", "audit_salts",
		"campaign_marks", "clashes", "consents", "default_decisions", "default_proposals", "designs", "disclosures", "erasures", "imports",
		"incidents", "ledger_mappings", "market_day_delta", "market_now", "market_split_day_delta", "market_split_now", "market_tracks", "notices", "occupancies",
		"occupancy_statuses", "old_barriers", "pack_heads", "pack_lines", "phone_sendings", "placard_events", "placards", "print_batches", "printers",
		"quarter_closes", "requests", "sendings", "sheets", "stalls", "tasks", "team_grounds", "vendor_changes", "vendor_merges", "vendors", "visit_counts", "visits", "works",
	},
	// Beside the map, markets and providers, what a statement about one market joins with them: on which map it lay when, which teams
	// and campaigns go there; and the figures of provinces, which are sums over markets.
	Reference: {
		"area_pasts", "area_successions", "areas", "campaign_markets", "campaigns", "market_areas", "markets", "province_day_delta",
		"province_sums", "province_tracks", "province_week_delta", "providers", "team_markets", "teams", "track_markets",
	},
	// placard_serials is a claim that must be unique over all markets, and found without one. The feed of stages and what webhooks deliver of
	// it is one queue of all.
	Local: {
		"account_stages", "card_reads", "doors", "feed_heads", "figure_withdrawals", "grants", "hamlets", "idempotency", "job_runs", "keys", "links", "pack_seeds", "people", "phones",
		"placard_serials", "recovery_codes", "reported_figures", "request_rates", "rounding_keys", "schema_migrations",
		"sessions", "set_up_links", "sign_in_failures", "stage_changes", "statements", "targets", "team_members", "trainings", "use_reports", "webhook_deliveries",
		"webhooks",
	},
})

func placed(by map[Place][]string) map[string]Place {
	places := map[string]Place{}
	for place, tables := range by {
		for _, t := range tables {
			places[t] = place
		}
	}
	return places
}

// first is the distributed table beside whose rows those of the others lie.
const first = "vendors"

// key is a foreign key that is taken off while tables move.
type key struct{ Table, Name, Definition string }

// Distribute lays the tables of the database at url, which is its owner's address past any proxy, out over the servers of Citus, as
// Places says, and returns how many it moved: 0 when all is done already. The schema is up to date (Up) and no service works meanwhile,
// since the foreign keys are off until the end. They are kept in a table, so that a run that was cut off is ended by the next.
//
// Faults: those of postgres.Connect; Conflict citus-missing, citus-alone, citus-otherwise; Busy migration-waits.
func Distribute(ctx context.Context, url string) (moved int, err error) {
	conn, err := postgres.Connect(ctx, url)
	if err != nil {
		return 0, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	there, err := postgres.One[bool](ctx, conn, `SELECT to_regclass('pg_dist_partition') IS NOT NULL AND to_regclass('pg_dist_node') IS NOT NULL`, nil)
	if err != nil {
		return 0, err
	}
	if !there {
		return 0, fault.New(fault.Conflict, "citus-missing", "The extension citus is not in this database. Install it on every server, add it to shared_preload_libraries, and run in this database: CREATE EXTENSION citus")
	}
	if err := lock(ctx, conn); err != nil { // it ends with the session
		return 0, err
	}
	// Reference and local tables may point at each other only when this server holds copies of the former too.
	holds, err := postgres.One[bool](ctx, conn, `SELECT EXISTS (SELECT FROM pg_dist_node WHERE groupid = 0)`, nil)
	if err != nil {
		return 0, err
	}
	if !holds {
		return 0, fault.New(fault.Conflict, "citus-alone", "Citus does not know by which name its other servers reach this one. Run in this database: SELECT citus_set_coordinator_host('NAME', 5432)")
	}
	todo, err := unplaced(ctx, conn)
	if err != nil {
		return 0, err
	}
	if len(todo) > 0 {
		if err := takeKeysOff(ctx, conn); err != nil {
			return 0, err
		}
	}
	for _, table := range todo {
		move, args := `SELECT create_reference_table(@table::text::regclass)`, pgx.StrictNamedArgs{"table": table}
		if Places[table] == Distributed {
			move, args["beside"] = `SELECT create_distributed_table(@table::text::regclass, 'market_id', colocate_with => @beside::text)`, first
			if table == first {
				args["beside"] = "none"
			}
		}
		if _, err := conn.Exec(ctx, move, args); err != nil {
			return moved, fault.New(fault.Conflict, "citus-otherwise", "Citus does not take the table %s. Nothing is lost; mend what it says and run the command again: %s", table, err).Because(err)
		}
		moved++
	}
	return moved, putKeysBack(ctx, conn)
}

// unplaced are the tables that have not moved yet, in the order in which they move: reference tables, the first distributed one, the others.
func unplaced(ctx context.Context, conn *pgx.Conn) (todo []string, err error) {
	done, err := postgres.All[string](ctx, conn, `
		SELECT c.relname::text FROM pg_dist_partition p JOIN pg_class c ON c.oid = p.logicalrelid
		WHERE p.partmethod = 'h' OR p.partmethod = 'n' AND p.repmodel = 't'`, nil)
	if err != nil {
		return nil, err
	}
	for _, place := range []Place{Reference, Distributed} {
		for _, table := range slices.Sorted(maps.Keys(Places)) {
			if Places[table] == place && !slices.Contains(done, table) {
				todo = append(todo, table)
			}
		}
	}
	if i := slices.Index(todo, first); i >= 0 {
		rest := slices.IndexFunc(todo, func(t string) bool { return Places[t] == Distributed })
		todo = slices.Insert(slices.Delete(todo, i, i+1), rest, first)
	}
	return todo, nil
}

// takeKeysOff writes down every foreign key of a table that moves, or to one, and drops it.
func takeKeysOff(ctx context.Context, conn *pgx.Conn) error {
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		keys, err := postgres.All[key](ctx, tx, `
			SELECT f.relname::text AS "table", conname::text AS name, pg_get_constraintdef(k.oid) AS definition
			FROM pg_constraint k JOIN pg_class f ON f.oid = k.conrelid JOIN pg_class t ON t.oid = k.confrelid
			WHERE k.contype = 'f' AND k.connamespace = 'public'::regnamespace AND (f.relname = ANY (@moving) OR t.relname = ANY (@moving)) ORDER BY k.oid`,
			pgx.StrictNamedArgs{"moving": moving()})
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `
			CREATE TABLE IF NOT EXISTS keys_taken_off ("table" text NOT NULL, name text NOT NULL, definition text NOT NULL,
				CONSTRAINT keys_taken_off_pk PRIMARY KEY ("table", name))`); err != nil {
			return err
		}
		for _, k := range keys {
			if _, err := tx.Exec(ctx, `INSERT INTO keys_taken_off ("table", name, definition) VALUES (@table, @name, @definition)`,
				pgx.StrictNamedArgs{"table": k.Table, "name": k.Name, "definition": k.Definition}); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, `ALTER TABLE `+pgx.Identifier{k.Table}.Sanitize()+` DROP CONSTRAINT `+pgx.Identifier{k.Name}.Sanitize()); err != nil {
				return err
			}
		}
		return nil
	})
}

// putKeysBack adds the foreign keys again, each in a transaction of its own.
func putKeysBack(ctx context.Context, conn *pgx.Conn) error {
	off, err := postgres.One[bool](ctx, conn, `SELECT to_regclass('keys_taken_off') IS NOT NULL`, nil)
	if err != nil || !off {
		return err
	}
	keys, err := postgres.All[key](ctx, conn, `SELECT "table", name, definition FROM keys_taken_off ORDER BY "table", name`, nil)
	if err != nil {
		return err
	}
	for _, k := range keys {
		err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, `ALTER TABLE `+pgx.Identifier{k.Table}.Sanitize()+` ADD CONSTRAINT `+pgx.Identifier{k.Name}.Sanitize()+` `+k.Definition); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, `DELETE FROM keys_taken_off WHERE "table" = @table AND name = @name`, pgx.StrictNamedArgs{"table": k.Table, "name": k.Name})
			return err
		})
		if err != nil {
			return fault.New(fault.Conflict, "citus-otherwise", "Citus does not take the table %s. Nothing is lost; mend what it says and run the command again: %s", k.Table, err).Because(err)
		}
	}
	_, err = conn.Exec(ctx, `DROP TABLE keys_taken_off`)
	return err
}

func moving() []string {
	var all []string
	for _, table := range slices.Sorted(maps.Keys(Places)) {
		if Places[table] != Local {
			all = append(all, table)
		}
	}
	return all
}
