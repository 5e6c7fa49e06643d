package auth

import (
	"context"
	"errors"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
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

// Session is a person's session as a request finds it: the person at work, with the grants as they are now.
type Session struct {
	registry.Actor
	HasFactor bool
	// MustEnrol: the roles want a second factor and none is set up. Nothing else is to be done with the session until one is.
	MustEnrol bool
	ByPIN     bool // it began on an enrolled phone
}

// liveSession is a session s of a person who may come in; @oldest and @idle are when one must have begun and been seen.
const liveSession = `s.created_at > @oldest AND s.seen_at > @idle`

func lifetimes(now time.Time) pgx.StrictNamedArgs {
	return pgx.StrictNamedArgs{"now": now, "oldest": now.Add(-SessionLongest), "idle": now.Add(-SessionIdle)}
}

// Session is the session of a token. Faults: Unauthenticated session-ended.
func (s *Service) Session(ctx context.Context, token, requestID string) (Session, error) {
	if !looksLike("", token) {
		return Session{}, sessionEnded()
	}
	type row struct {
		ID          PersonID
		Name        string
		Grants      []registry.Grant
		HasFactor   bool
		SeenAt      time.Time
		SteppedUpAt *time.Time
		ByPIN       bool `db:"by_pin"`
	}
	now := s.now()
	args := lifetimes(now)
	args["hash"] = hashOf(token)
	found, err := postgres.One[row](ctx, s.db, `
		SELECT p.id, p.name, `+personGrants+` AS grants, p.totp_secret IS NOT NULL AS has_factor, s.seen_at, s.stepped_up_at, s.by_pin
		FROM sessions s JOIN people p ON p.id = s.person_id
		WHERE s.hash = @hash AND `+liveSession+` AND p.disabled_at IS NULL`, args)
	if errors.Is(err, pgx.ErrNoRows) {
		return Session{}, sessionEnded()
	}
	if err == nil && now.Sub(found.SeenAt) >= seenEvery {
		_, err = s.db.Exec(ctx, `UPDATE sessions SET seen_at = @now WHERE hash = @hash AND seen_at < @now`,
			pgx.StrictNamedArgs{"hash": hashOf(token), "now": now})
	}
	if err != nil {
		return Session{}, wrap("session", err)
	}
	p := Person{ID: found.ID, Name: found.Name, Grants: found.Grants}
	out := Session{Actor: p.actor("web", requestID), HasFactor: found.HasFactor, ByPIN: found.ByPIN}
	if found.SteppedUpAt != nil {
		out.SteppedUp = *found.SteppedUpAt
	}
	if NeedsFactor(found.Grants) && !found.HasFactor {
		demo, err := onlyDemo(ctx, s.db, now, found.ID)
		if err != nil {
			return Session{}, wrap("session", err)
		}
		if demo {
			out.SteppedUp = now
		}
		out.MustEnrol = !demo
	}
	return out, nil
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

// OpenSession is one of a person's sessions in their own list.
type OpenSession struct {
	ID        string     `json:"id"` // good for EndSession, and for nothing else
	Agent     string     `json:"agent"`
	CreatedAt time.Time  `json:"created_at"`
	SeenAt    time.Time  `json:"seen_at"` // to the minute
	ByPIN     bool       `json:"by_pin"`
	Current   bool       `json:"current"`
	SteppedUp *time.Time `json:"-"`
}

// sessionID names a session s without giving it away.
const sessionID = `encode(substring(sha256(s.hash) FOR 8), 'hex')`

// Sessions lists the sessions of the person who asks, this one first and then the newest. Faults: Forbidden people-only.
func (s *Service) Sessions(ctx context.Context, by registry.Actor, token string) ([]OpenSession, error) {
	who, err := personOf(by)
	if err != nil {
		return nil, err
	}
	args := lifetimes(s.now())
	delete(args, "now")
	args["id"], args["hash"] = who, hashOf(token)
	all, err := postgres.All[OpenSession](ctx, s.db, `
		SELECT `+sessionID+` AS id, s.agent, s.created_at, s.seen_at, s.by_pin, s.hash = @hash AS current, s.stepped_up_at AS stepped_up
		FROM sessions s WHERE s.person_id = @id AND `+liveSession+` ORDER BY s.hash = @hash DESC, s.created_at DESC`, args)
	return all, wrap("list sessions", err)
}

// EndSession ends one of the sessions of the person who asks. Faults: NotFound session-not-found; Forbidden people-only.
func (s *Service) EndSession(ctx context.Context, by registry.Actor, which string) error {
	who, err := personOf(by)
	if err != nil {
		return err
	}
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `DELETE FROM sessions s WHERE s.person_id = @id AND `+sessionID+` = @which`,
			pgx.StrictNamedArgs{"id": who, "which": fault.Clip(which, 40)})
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return fault.New(fault.NotFound, "session-not-found", "This session has ended already.")
		}
		return audit(ctx, tx, s.now(), by, "session.ended", by.ID, "other")
	})
	return wrap("end session", err)
}

// StepUp shows the second factor again: the session goes on under a new token, and is fresh for StepUpLives.
//
// Faults: Unauthenticated code-wrong, session-ended; Conflict no-second-factor; TooMany sign-in-throttled; Forbidden people-only.
func (s *Service) StepUp(ctx context.Context, by registry.Actor, token, code, address string) (renewed string, err error) {
	who, err := personOf(by)
	if err != nil {
		return "", err
	}
	subjects := []string{subject("step-up", who.String())}
	if address != "" {
		subjects = append(subjects, subject("address", network(address)))
	}
	right := false
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		p, err := lockPerson(ctx, tx, who)
		if errors.Is(err, pgx.ErrNoRows) {
			return sessionEnded()
		}
		if err != nil {
			return err
		}
		if err := s.braked(ctx, tx, subjects); err != nil { // under the person's lock: guesses sent all at once are judged one by one
			return err
		}
		if p.TotpSecret == nil {
			return noFactor()
		}
		at := s.now()
		used, err := p.use(ctx, tx, at, code)
		if err != nil {
			return err
		}
		if right = used != ""; !right {
			if err := insertFailures(ctx, tx, at, subjects); err != nil {
				return err
			}
			return audit(ctx, tx, at, by, "session.step_up_refused", by.ID)
		}
		if renewed, err = renewSession(ctx, tx, at, who, token); err != nil {
			return err
		}
		if err := forgetFailures(ctx, tx, at, subjects[0]); err != nil {
			return err
		}
		return audit(ctx, tx, at, by, "session.stepped_up", by.ID, used)
	})
	if err == nil && !right { // only now: what was recorded must stay
		err = codeWrong()
	}
	if err != nil {
		return "", wrap("step up", err)
	}
	return renewed, nil
}

// locked is a person whose row is locked, with what codes are held against.
type locked struct {
	ID         PersonID
	NameKey    string
	TotpSecret *string
	TotpStep   int64
}

// lockPerson waits for changes to a person that are under way; pgx.ErrNoRows when the person may not come in.
func lockPerson(ctx context.Context, tx pgx.Tx, who PersonID) (locked, error) {
	return postgres.One[locked](ctx, tx, `
		SELECT id, name_key, totp_secret, totp_step FROM people WHERE id = @id AND disabled_at IS NULL FOR UPDATE`, pgx.StrictNamedArgs{"id": who})
}

func (l locked) use(ctx context.Context, tx pgx.Tx, at time.Time, code string) (used string, err error) {
	return useCode(ctx, tx, at, l.ID, Secret(*l.TotpSecret), l.TotpStep, code)
}

// renewSession gives a session a new token at the moment a second factor was shown. Faults: Unauthenticated session-ended.
func renewSession(ctx context.Context, tx pgx.Tx, at time.Time, who PersonID, token string) (renewed string, err error) {
	renewed, hash := newSecret("")
	args := lifetimes(at)
	args["old"], args["hash"], args["id"] = hashOf(token), hash, who
	tag, err := tx.Exec(ctx, `
		UPDATE sessions s SET hash = @hash, stepped_up_at = @now, seen_at = @now WHERE s.hash = @old AND s.person_id = @id AND `+liveSession, args)
	if err == nil && tag.RowsAffected() == 0 {
		err = sessionEnded()
	}
	return renewed, err
}

// newSession is what a session begins with.
type newSession struct {
	who       PersonID
	agent     string
	steppedUp *time.Time
	byPIN     bool
}

// insertSession begins a session; the caller has locked the person and knows that they may come in.
func insertSession(ctx context.Context, tx pgx.Tx, at time.Time, n newSession) (token string, err error) {
	token, hash := newSecret("")
	_, err = tx.Exec(ctx, `
		INSERT INTO sessions (hash, person_id, created_at, seen_at, stepped_up_at, agent, by_pin) VALUES (@hash, @id, @now, @now, @stepped, @agent, @pin)`,
		pgx.StrictNamedArgs{"hash": hash, "id": n.who, "now": at, "stepped": n.steppedUp, "agent": fault.Clip(n.agent, mostName), "pin": n.byPIN})
	if err != nil {
		return "", err
	}
	_, err = tx.Exec(ctx, `DELETE FROM sessions WHERE person_id = @id AND (created_at <= @oldest OR seen_at <= @idle)`,
		pgx.StrictNamedArgs{"id": n.who, "oldest": at.Add(-SessionLongest), "idle": at.Add(-SessionIdle)})
	return token, err
}

// endSessions ends all sessions of a person, sign-ins that wait for their code, and lets no PIN begin another.
func endSessions(ctx context.Context, tx pgx.Tx, who PersonID) error {
	if _, err := tx.Exec(ctx, `DELETE FROM sessions WHERE person_id = @id`, pgx.StrictNamedArgs{"id": who}); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM doors WHERE person_id = @id`, pgx.StrictNamedArgs{"id": who}); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `DELETE FROM phones WHERE person_id = @id`, pgx.StrictNamedArgs{"id": who})
	return err
}

// endSessionsBut leaves one session.
func endSessionsBut(ctx context.Context, tx pgx.Tx, who PersonID, token string) error {
	_, err := tx.Exec(ctx, `DELETE FROM sessions WHERE person_id = @id AND hash <> @hash`, pgx.StrictNamedArgs{"id": who, "hash": hashOf(token)})
	return err
}

// personOf is the person that an actor is. Faults: Forbidden people-only, for a key.
func personOf(by registry.Actor) (PersonID, error) {
	const prefix = "person:"
	if len(by.ID) > len(prefix) && by.ID[:len(prefix)] == prefix {
		if who, err := id.Parse[Person](by.ID[len(prefix):]); err == nil {
			return who, nil
		}
	}
	return PersonID{}, fault.New(fault.Forbidden, "people-only", "This is for people who are signed in; a program's key has none.")
}

func sessionEnded() error {
	return fault.New(fault.Unauthenticated, "session-ended", "You are not signed in, or it was too long ago. Sign in again.")
}
