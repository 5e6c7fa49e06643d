// Package postgres holds the database: pools and the few helpers every package reads rows with, and the server of our
// own that runs when no other is given.
//
// # The embedded server
//
// Start uses PostgreSQL's own binaries on a folder. Several commands may use one folder at a time, any of them may come
// first, leave first or be killed, so none of them can own the server. A keeper does: the same program, started once more and detached
// (see init in keeper.go), which holds DIR/postgres.lock, runs the server as its child and listens on a socket beside
// the server's. A command is a connection to that socket. The kernel closes it however the command ends, so the keeper
// always knows who is left; when the last has gone it shuts the server down and ends too.
//
//   - A command killed: its connection closes, and the others notice nothing.
//   - The server killed: the keeper starts it again at the same URL.
//   - The keeper killed: the server gets SIGINT from the kernel (Linux) and shuts down cleanly; every command still there
//     notices, one of them starts a new keeper, and the server is back at the same URL. Where the kernel does not
//     do that, the new keeper takes over the server that still answers.
//
// The files of a folder DIR: postgres (the data), postgres.run (both sockets), postgres.lock, postgres.log.
package postgres

import (
	"context"
	"database/sql"
	"errors"
	"reflect"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Querier is what One and All need of a pool, a connection or a transaction.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// DB is what a service holds: a pool, or the transaction it was bound to, in which Begin makes a savepoint.
type DB interface {
	Querier
	Begin(ctx context.Context) (pgx.Tx, error)
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
	CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, rows pgx.CopyFromSource) (int64, error)
}

var (
	_ DB = (*pgxpool.Pool)(nil)
	_ DB = (pgx.Tx)(nil)
)

// One reads the only row. T is a struct, whose fields are then filled by column name, or the type of the only column.
// No row is pgx.ErrNoRows; two are pgx.ErrTooManyRows.
func One[T any](ctx context.Context, db Querier, sql string, args pgx.StrictNamedArgs) (T, error) {
	text, values := plain(sql, args)
	rows, err := db.Query(ctx, text, values...)
	if err != nil {
		var zero T
		return zero, err
	}
	return pgx.CollectExactlyOneRow(rows, rowTo[T]())
}

// Found is One, with the error given in the place of pgx.ErrNoRows.
func Found[T any](ctx context.Context, db Querier, none error, sql string, args pgx.StrictNamedArgs) (T, error) {
	v, err := One[T](ctx, db, sql, args)
	if errors.Is(err, pgx.ErrNoRows) {
		return v, none
	}
	return v, err
}

// Null stores an empty text as NULL.
func Null(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// All reads every row, as One reads its only one. Without rows the slice is empty and not nil.
func All[T any](ctx context.Context, db Querier, sql string, args pgx.StrictNamedArgs) ([]T, error) {
	text, values := plain(sql, args)
	rows, err := db.Query(ctx, text, values...)
	if err != nil {
		return []T{}, err
	}
	return pgx.AppendRows([]T{}, rows, rowTo[T]())
}

// Ask puts All into a batch. The rows are there once the batch was sent and its results are closed (pgx.BatchResults.Close), whose error is that of the
// first read that failed.
func Ask[T any](b *pgx.Batch, sql string, args pgx.StrictNamedArgs) *[]T {
	found := []T{}
	text, values := plain(sql, args)
	b.Queue(text, values...).Query(func(rows pgx.Rows) (err error) {
		found, err = pgx.AppendRows(found, rows, rowTo[T]())
		return err
	})
	return &found
}

// AskEach is Ask for rows that are many and small: each is scanned into the same targets, and then told.
func AskEach(b *pgx.Batch, sql string, args pgx.StrictNamedArgs, targets []any, each func() error) {
	text, values := plain(sql, args)
	b.Queue(text, values...).Query(func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, targets, each)
		return err
	})
}

// rowTo takes a struct with exported fields for a row, and everything else for one value: identifiers, days and
// time.Time are structs too, but show no fields, or know how to scan themselves.
func rowTo[T any]() pgx.RowToFunc[T] {
	t := reflect.TypeFor[T]()
	if t.Kind() != reflect.Struct || reflect.PointerTo(t).Implements(reflect.TypeFor[sql.Scanner]()) {
		return pgx.RowTo[T]
	}
	for i := range t.NumField() {
		if f := t.Field(i); f.IsExported() || f.Anonymous {
			return pgx.RowToStructByName[T]
		}
	}
	return pgx.RowTo[T]
}

// Violated is the name of the constraint, or unique index, that err says was violated; empty when there is none.
func Violated(err error) string {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return ""
	}
	name := pg.ConstraintName
	if said := violates.FindStringSubmatch(pg.Message); name == "" && said != nil {
		name = said[1]
	}
	return ofShard.ReplaceAllString(name, "")
}

// Citus divides a table into shards, whose constraints have the shard's number behind their names, and of what a server of it refused it passes on
// the words alone.
var (
	violates = regexp.MustCompile(`violates [a-z ]*constraint "([^"]+)"`)
	ofShard  = regexp.MustCompile(`_[1-9][0-9]{5,}$`)
)

// OtherUser reports whether Citus refused to let two roles write in one transaction: it has connections of its own for each, and one does not see what the
// other changed.
func OtherUser(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "25001" && strings.Contains(pg.Message, "different user")
}

// Loggable is an error without what the database repeats of the values it was given: invalid input syntax for type uuid: "Tâm". It is
// what a log may hold.
func Loggable(err error) string {
	text := err.Error()
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		known := strings.Fields("SQLSTATE " + pg.Code + " " + pg.TableName + " " + pg.ConstraintName + " " + pg.Routine)
		text = strings.ReplaceAll(text, pg.Error(), strings.Join(known, " "))
	}
	return text
}
