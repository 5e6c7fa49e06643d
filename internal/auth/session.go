package auth

import (
	"context"
	"errors"
	"time"

	"cho40/internal/fault"
	"cho40/internal/postgres"
	registry "cho40/vendor_registry"

	"github.com/jackc/pgx/v5"
)

// How long a session lasts.
const (
	SessionIdle    = 30 * time.Minute // without a request
	SessionLongest = 12 * time.Hour

	// seenEvery spares the database a write for each request; idle time is measured this much too strictly at most.
	seenEvery = time.Minute
)

// session is a person's session as a request finds it.
type session struct {
	Person
	SeenAt time.Time
}

// Session is the person whose session the token is, with the grants as they are now. Faults: Unauthenticated session-ended.
func (s *Service) Session(ctx context.Context, token, requestID string) (registry.Actor, error) {
	if !looksLike("", token) {
		return registry.Actor{}, sessionEnded()
	}
	now, hash := s.now(), hashOf(token)
	found, err := postgres.One[session](ctx, s.db, `
		SELECT p.id, p.name, `+personGrants+` AS grants, p.created_at, p.disabled_at, p.password_hash IS NOT NULL AS has_password, s.seen_at
		FROM sessions s JOIN people p ON p.id = s.person_id
		WHERE s.hash = @hash AND s.created_at > @oldest AND s.seen_at > @idle AND p.disabled_at IS NULL`,
		pgx.StrictNamedArgs{"hash": hash, "now": now, "oldest": now.Add(-SessionLongest), "idle": now.Add(-SessionIdle)})
	if errors.Is(err, pgx.ErrNoRows) {
		return registry.Actor{}, sessionEnded()
	}
	if err == nil && now.Sub(found.SeenAt) >= seenEvery {
		_, err = s.db.Exec(ctx, `UPDATE sessions SET seen_at = @now WHERE hash = @hash AND seen_at < @now`,
			pgx.StrictNamedArgs{"hash": hash, "now": now})
	}
	if err != nil {
		return registry.Actor{}, wrap("session", err)
	}
	return found.actor("web", requestID), nil
}

// SignOut ends a session; one that has ended already is no fault.
func (s *Service) SignOut(ctx context.Context, token string) error {
	if !looksLike("", token) {
		return nil
	}
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		who, err := postgres.One[PersonID](ctx, tx, `DELETE FROM sessions WHERE hash = @hash RETURNING person_id`,
			pgx.StrictNamedArgs{"hash": hashOf(token)})
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		p := Person{ID: who}
		return audit(ctx, tx, s.now(), p.actor("web", ""), "session.ended", p.object())
	})
	return wrap("sign out", err)
}

// insertSession begins a session if the person may still come in with the password that was checked. It waits for a change
// to the person that is under way.
func insertSession(ctx context.Context, tx pgx.Tx, at time.Time, who PersonID, passwordHash string) (token string, ok bool, err error) {
	token, hash := newSecret("")
	tag, err := tx.Exec(ctx, `
		INSERT INTO sessions (hash, person_id, created_at, seen_at)
		SELECT @hash::bytea, id, @now::timestamptz, @now FROM people WHERE id = @id AND password_hash = @password AND disabled_at IS NULL
		FOR SHARE`,
		pgx.StrictNamedArgs{"hash": hash, "id": who, "password": passwordHash, "now": at})
	if err != nil || tag.RowsAffected() == 0 {
		return "", false, err
	}
	_, err = tx.Exec(ctx, `DELETE FROM sessions WHERE person_id = @id AND (created_at <= @oldest OR seen_at <= @idle)`,
		pgx.StrictNamedArgs{"id": who, "oldest": at.Add(-SessionLongest), "idle": at.Add(-SessionIdle)})
	return token, err == nil, err
}

func endSessions(ctx context.Context, tx pgx.Tx, who PersonID) error {
	_, err := tx.Exec(ctx, `DELETE FROM sessions WHERE person_id = @id`, pgx.StrictNamedArgs{"id": who})
	return err
}

func sessionEnded() error {
	return fault.New(fault.Unauthenticated, "session-ended", "You are not signed in, or it was too long ago. Sign in again.")
}
