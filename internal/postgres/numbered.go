package postgres

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
)

// numbered is a statement with $1, $2 … where it names its arguments, and which name each of these stands for.
type numbered struct {
	sql   string
	names []string
}

// The statements that were read before, by their text: a long one takes as long to be read as its answer. Those that are put together of other parts
// each time stay out once there are so many.
var (
	statements     sync.Map // numbered by text
	statementsRead atomic.Int64
)

const mostStatements = 2000

// plain is a statement and its arguments as the database takes them. What pgx.StrictNamedArgs would refuse is left to it.
func plain(sql string, args pgx.StrictNamedArgs) (string, []any) {
	if len(args) == 0 {
		return sql, []any{args}
	}
	read, ok := statements.Load(sql)
	if !ok {
		names := make(pgx.StrictNamedArgs, len(args))
		for name := range args {
			names[name] = name
		}
		text, order, err := names.RewriteQuery(context.Background(), nil, sql, nil)
		if err != nil {
			return sql, []any{args}
		}
		n := numbered{text, make([]string, len(order))}
		for i, name := range order {
			n.names[i] = name.(string)
		}
		if read = n; statementsRead.Add(1) <= mostStatements {
			statements.Store(sql, n)
		}
	}
	n := read.(numbered)
	values := make([]any, len(n.names))
	for i, name := range n.names {
		v, given := args[name]
		if !given {
			return sql, []any{args}
		}
		values[i] = v
	}
	if len(values) != len(args) {
		return sql, []any{args}
	}
	return n.sql, values
}
