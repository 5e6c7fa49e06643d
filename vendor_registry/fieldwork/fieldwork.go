// Package fieldwork is the people who go to the stalls: teams and where they go, what a visit brings home, whom to see next, and what
// a phone that had no signal sends afterwards.
package fieldwork

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres"
	registry "cho40/vendor_registry"

	"github.com/jackc/pgx/v5"
)

// Service is the field work of a database, or of the transaction it was bound to.
type Service struct {
	db  postgres.DB
	reg *registry.Service
}

// New binds field work to a pool; reg is the registry on the same one, and has the clock.
func New(db postgres.DB, reg *registry.Service) *Service { return &Service{db, reg} }

// On is the same field work inside the caller's transaction.
func (s *Service) On(tx pgx.Tx) *Service { return &Service{tx, s.reg.On(tx)} }

func (s *Service) now() time.Time { return s.reg.Now() }

// The longest texts that are stored, in characters.
const (
	maxName = 120
	maxNote = 500
	maxLink = 200
)

// wrap names the operation in an error of ours.
func wrap(do, subject string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %s: %w", do, subject, err)
}

func noRows(err error) bool { return errors.Is(err, pgx.ErrNoRows) }

// one runs a statement that yields one row, and turns "no row" into the fault given.
func one[T any](ctx context.Context, db postgres.Querier, none *fault.Error, sql string, args pgx.StrictNamedArgs) (T, error) {
	v, err := postgres.One[T](ctx, db, sql, args)
	if noRows(err) {
		return v, none
	}
	return v, err
}

// digest is the SHA-256 of values of our own structs.
func digest(parts ...any) []byte {
	b, err := json.Marshal(parts)
	if err != nil {
		panic(err) // they always marshal
	}
	sum := sha256.Sum256(b)
	return sum[:]
}

func minted[T any](sent id.ID[T]) id.ID[T] {
	if sent.IsZero() {
		return id.New[T]()
	}
	return sent
}

// clip keeps a person's own words short in a message.
func clip(s string, most int) string {
	r := []rune(strings.ToValidUTF8(s, "�"))
	if len(r) <= most {
		return string(r)
	}
	return string(r[:most]) + "…"
}

// pageOf cuts a list that was read one longer than asked.
func pageOf[T any](items []T, n int, key func(T) string) registry.Page[T] {
	p := registry.Page[T]{Items: items}
	if len(items) > n {
		p.Items = items[:n]
		next := key(p.Items[n-1])
		p.Next = &next
	}
	return p
}

func badCursor() error {
	return fault.Check("query-invalid", []fault.Field{fault.At("cursor", "unknown", "This list has no such place. Begin again without it.")})
}

// who is the person that an actor is; the zero UUID for a program or the console.
func who(by registry.Actor) (p id.ID[registry.Actor]) {
	if s, ok := strings.CutPrefix(by.ID, "person:"); ok {
		p, _ = id.Parse[registry.Actor](s)
	}
	return p
}
