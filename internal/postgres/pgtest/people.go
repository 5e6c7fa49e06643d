package pgtest

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"cho40/internal/postgres"
)

// People are the names, phones, account numbers and payment codes that a database holds, in whatever table: what no log may repeat. Words
// so short that they stand in other words too are left out.
func People(ctx context.Context, db postgres.Querier) ([]string, error) {
	type column struct{ Table, Column string }
	columns, err := postgres.All[column](ctx, db, `
		SELECT table_name::text AS "table", column_name::text AS "column" FROM information_schema.columns
		WHERE table_schema = 'public' AND data_type = 'text' AND column_name ~ '^(.*_)?(name|phone|number|holder|payload)$'
		  AND column_name <> 'market_name' AND column_name NOT LIKE 'provider%'
		  AND table_name <> ALL (@of_things)`,
		pgx.StrictNamedArgs{"of_things": []string{"areas", "markets", "providers", "printers", "sheets", "designs", "schema_migrations", "keys", "job_runs"}})
	if err != nil {
		return nil, err
	}
	if len(columns) < 8 {
		return nil, fmt.Errorf("pgtest: only %d columns hold what belongs to people: %v", len(columns), columns)
	}
	var all []string
	for _, c := range columns {
		values, err := postgres.All[string](ctx, db, fmt.Sprintf(`SELECT DISTINCT %[1]s FROM %[2]s WHERE %[1]s IS NOT NULL`,
			pgx.Identifier{c.Column}.Sanitize(), pgx.Identifier{c.Table}.Sanitize()), nil)
		if err != nil {
			return nil, err
		}
		for _, v := range values {
			if tells(v) {
				all = append(all, v)
			}
		}
	}
	return all, nil
}
