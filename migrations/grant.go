package migrations

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"cho40/internal/fault"
	"cho40/internal/postgres"
)

// ServiceRole is the role as which the service works on the embedded server. It owns nothing.
const ServiceRole = "cho40_service"

// writtenOnce are the tables whose rows the service writes and never changes: evidence, and where money goes.
var writtenOnce = []string{
	"accounts", "account_decisions", "account_verifications", "account_closures", "default_proposals", "default_decisions",
	"audit_events", "placard_events", "placard_serials", "erasures", "pack_seeds",
	"reported_figures", "figure_withdrawals",
}

// eraseWritten empties what names an erased person in rows that are written once, and can do nothing else.
const eraseWritten = "erase_written(uuid, uuid[], uuid[], uuid[])"

// rights compares what a role may do with what the service needs: every row is a table or view, what is wanted of INSERT, UPDATE and DELETE, and
// whether that, no more and no less, is so.
const rights = `
	SELECT c.relname::text AS name, w.change, w.add,
	       has_table_privilege(@role, c.oid, 'SELECT') AND NOT has_table_privilege(@role, c.oid, 'TRUNCATE')
	       AND has_table_privilege(@role, c.oid, 'INSERT') = w.add AND has_any_column_privilege(@role, c.oid, 'INSERT') = w.add
	       AND has_table_privilege(@role, c.oid, 'UPDATE') = w.change AND has_any_column_privilege(@role, c.oid, 'UPDATE') = w.change
	       AND has_table_privilege(@role, c.oid, 'DELETE') = w.change AS right
	FROM pg_class c
	CROSS JOIN LATERAL (SELECT c.relkind <> 'v' AND c.relname <> 'schema_migrations' AS add) a
	CROSS JOIN LATERAL (SELECT a.add, a.add AND c.relname <> ALL (@once) AS change) w
	WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v')
	ORDER BY c.relname`

type tableRights struct {
	Name               string
	Change, Add, Right bool
}

// Grant lets a role work as the service on the database at url, which is its owner's address: it reads and writes, but may not change rows
// that are written once, nor the schema. A role that is not there is made. What is right already is only read, so that any
// number of programs may call it at once, after Up.
//
// Faults: those of postgres.Connect; Conflict role-owner (the role is the owner itself, who may do anything), role-missing (and url's may not make it); Busy migration-waits.
func Grant(ctx context.Context, url, role string) error {
	conn, err := postgres.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if right, err := granted(ctx, conn, role); err != nil || right {
		return err
	}
	if err := lock(ctx, conn); err != nil { // it ends with the session
		return err
	}
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		var exists, owner bool
		if err := tx.QueryRow(ctx, `
			SELECT to_regrole(quote_ident($1)) IS NOT NULL,
			       to_regrole(quote_ident($1)) IS NOT NULL AND pg_has_role($1, (SELECT relowner FROM pg_class WHERE oid = to_regclass('accounts')), 'USAGE')`,
			role).Scan(&exists, &owner); err != nil {
			return err
		}
		if owner {
			return fault.New(fault.Conflict, "role-owner", "The role %s owns the tables, so nothing can be kept from it. Give the service a role of its own in DATABASE_URL, and the owner's address in DATABASE_OWNER_URL.", role)
		}
		name := pgx.Identifier{role}.Sanitize()
		if !exists {
			if _, err := tx.Exec(ctx, "CREATE ROLE "+name+" LOGIN"); err != nil {
				var pg *pgconn.PgError
				if errors.As(err, &pg) && pg.Code == "42501" {
					err = fault.New(fault.Conflict, "role-missing", "There is no role %s in the database, and the owner may not make it. Make it, then run: cho40 migrate", role).Because(err)
				}
				return err
			}
		}
		tables, err := postgres.All[tableRights](ctx, tx, rights, rightsOf(role))
		if err != nil {
			return err
		}
		b := &pgx.Batch{}
		b.Queue("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
		b.Queue("GRANT USAGE ON SCHEMA public TO " + name)
		for _, t := range tables {
			if t.Right {
				continue
			}
			table := pgx.Identifier{t.Name}.Sanitize()
			may := "SELECT"
			switch {
			case t.Change:
				may = "SELECT, INSERT, UPDATE, DELETE"
			case t.Add:
				may = "SELECT, INSERT"
			}
			b.Queue("REVOKE ALL ON " + table + " FROM " + name)
			b.Queue("GRANT " + may + " ON " + table + " TO " + name)
		}
		b.Queue("GRANT EXECUTE ON FUNCTION " + eraseWritten + " TO " + name)
		return tx.SendBatch(ctx, b).Close()
	})
}

// granted reports whether a role may do what the service needs, and no more.
func granted(ctx context.Context, db postgres.Querier, role string) (bool, error) {
	if there, err := postgres.One[bool](ctx, db, `SELECT to_regrole(quote_ident(@role)) IS NOT NULL`, pgx.StrictNamedArgs{"role": role}); err != nil || !there {
		return false, err
	}
	tables, err := postgres.All[tableRights](ctx, db, rights, rightsOf(role))
	for _, t := range tables {
		if !t.Right {
			return false, err
		}
	}
	if err != nil || len(tables) == 0 {
		return false, err
	}
	return postgres.One[bool](ctx, db, `SELECT has_function_privilege(@role, @function, 'EXECUTE')`, pgx.StrictNamedArgs{"role": role, "function": eraseWritten})
}

// Changeable names the tables written once whose rows the role of db could change after all, be it one column, or because it owns them: for
// whoever looks whether the service works as it should. owner: it owns one of them, or is a superuser.
func Changeable(ctx context.Context, db postgres.Querier) (tables []string, owner bool, err error) {
	type row struct {
		Name  string
		Owner bool
	}
	rows, err := postgres.All[row](ctx, db, `
		SELECT c.relname::text AS name, pg_has_role(c.relowner, 'USAGE') AS owner
		FROM pg_class c
		WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY (@once)
		  AND (pg_has_role(c.relowner, 'USAGE') OR has_any_column_privilege(c.oid, 'UPDATE') OR has_table_privilege(c.oid, 'DELETE') OR has_table_privilege(c.oid, 'TRUNCATE'))
		ORDER BY c.relname`, pgx.StrictNamedArgs{"once": writtenOnce})
	for _, r := range rows {
		tables, owner = append(tables, r.Name), owner || r.Owner
	}
	return tables, owner, err
}

func rightsOf(role string) pgx.StrictNamedArgs {
	return pgx.StrictNamedArgs{"role": role, "once": writtenOnce}
}
