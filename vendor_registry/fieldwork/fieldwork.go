// Package fieldwork is the people who go to the stalls: teams and where they go, what a visit brings home, whom to see next, and what
// a phone that had no signal sends afterwards.
package fieldwork

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

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

// who is the person that an actor is; the zero UUID for a program or the console.
func who(by registry.Actor) (p id.ID[registry.Actor]) {
	if s, ok := strings.CutPrefix(by.ID, "person:"); ok {
		p, _ = id.Parse[registry.Actor](s)
	}
	return p
}
