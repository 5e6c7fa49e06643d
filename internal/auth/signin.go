package auth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"
	"time"

	"cho40/internal/fault"
	"cho40/internal/postgres"
	registry "cho40/vendor_registry"

	"github.com/jackc/pgx/v5"
)

// The brake on guessing: so many failures for a name, or from an address, within the window, and the next attempt has to
// wait; each failure after that doubles the wait.
const (
	FreeFailures  = 10
	FailureWindow = 15 * time.Minute
	FirstDelay    = 30 * time.Second
	LongestDelay  = 15 * time.Minute

	// A run of failures is over after a pause of calm; without it, who waits out each delay would start afresh.
	calm = 2 * LongestDelay
	// failuresKept is how far back a run is looked for, and when its rows go.
	failuresKept = 24 * time.Hour
)

// How long and how often a code may be tried once the password was right.
const (
	DoorLife  = 5 * time.Minute
	DoorTries = 5
)

// Attempt is one try to come in.
type Attempt struct {
	Name, Password string
	Code           string // of the second factor; may be empty
	Address        string // the client's; empty: failures are counted for the name alone
	Agent          string // the browser in a few words, for the person's list of sessions
}

// Entry is what a right password opens: a session, or a door behind which the code is asked for.
type Entry struct {
	Session string // token; empty while the code is owed
	Door    string // then: for Pass, within DoorLife
}

// SignIn begins a session, with a new token each time. An unknown name, a wrong password, a person who has none yet and one who may not
// sign in any more all get the same answer after the same work. Of who has a second factor the code is wanted too: without one the
// answer is a Door.
//
// Faults: Unauthenticated sign-in-failed, code-wrong; TooMany sign-in-throttled with RetryAfter; Busy sign-in-busy.
func (s *Service) SignIn(ctx context.Context, a Attempt) (Entry, error) {
	in, err := s.signIn(ctx, a)
	if err != nil {
		return Entry{}, wrap("sign in", err)
	}
	return in, nil
}

func (s *Service) signIn(ctx context.Context, a Attempt) (Entry, error) {
	clean, bad := cleanName(a.Name)
	if bad != nil {
		clean = "" // nobody has an empty name
	}
	key := nameKey(clean)
	subjects := triesOf(key, a.Address)

	// Only to spare the hash: the failures are looked at again under the lock below.
	if err := s.braked(ctx, s.db, subjects); err != nil {
		return Entry{}, err
	}
	type credentials struct {
		ID           PersonID
		PasswordHash string
	}
	who, err := postgres.One[credentials](ctx, s.db, `
		SELECT id, password_hash FROM people WHERE name_key = @key AND password_hash IS NOT NULL AND disabled_at IS NULL`,
		pgx.StrictNamedArgs{"key": key})
	if errors.Is(err, pgx.ErrNoRows) {
		who.PasswordHash = nobodysHash
	} else if err != nil {
		return Entry{}, err
	}
	right, err := s.matches(ctx, a.Password, who.PasswordHash)
	if err != nil {
		return Entry{}, err
	}
	right = right && !who.ID.IsZero()

	var in Entry
	var refused error
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if err := s.oneByOne(ctx, tx, subjects); err != nil {
			return err
		}
		at := s.now()
		var p locked
		if right {
			if p, err = postgres.One[locked](ctx, tx, `
				SELECT id, name_key, totp_secret, totp_step FROM people
				WHERE id = @id AND password_hash = @password AND disabled_at IS NULL FOR UPDATE`,
				pgx.StrictNamedArgs{"id": who.ID, "password": who.PasswordHash}); err != nil && !errors.Is(err, pgx.ErrNoRows) {
				return err
			}
			right = err == nil // else the password was changed meanwhile
		}
		switch {
		case !right:
			refused = fault.New(fault.Unauthenticated, "sign-in-failed", "The name or the password is not right.")
			object := "sign-in" // of nobody we know; the name typed may be a password
			if !who.ID.IsZero() {
				object = Person{ID: who.ID}.object()
			}
			return refuse(ctx, tx, at, subjects, object)
		case p.TotpSecret == nil:
			in.Session, err = s.admit(ctx, tx, at, subjects, newSession{who: p.ID, agent: a.Agent})
			return err
		case strings.TrimSpace(a.Code) == "":
			in.Door, err = insertDoor(ctx, tx, at, p.ID)
			return err
		}
		in.Session, err = s.admitWithCode(ctx, tx, at, subjects, p, a)
		if err == nil && in.Session == "" {
			refused = codeWrong()
		}
		return err
	})
	if err == nil { // only now: what was recorded must stay
		err = refused
	}
	return in, err
}

// Pass begins the session of a door with the code that was owed. After DoorTries wrong codes the door is shut.
//
// Faults: Unauthenticated door-shut, code-wrong; TooMany sign-in-throttled with RetryAfter.
func (s *Service) Pass(ctx context.Context, door string, a Attempt) (token string, err error) {
	if !looksLike("", door) {
		return "", doorShut()
	}
	type owner struct {
		ID      PersonID
		NameKey string
	}
	who, err := postgres.One[owner](ctx, s.db, `
		SELECT p.id, p.name_key FROM doors d JOIN people p ON p.id = d.person_id WHERE d.hash = @hash AND d.expires_at > @now`,
		pgx.StrictNamedArgs{"hash": hashOf(door), "now": s.now()})
	if errors.Is(err, pgx.ErrNoRows) {
		return "", doorShut()
	}
	if err != nil {
		return "", wrap("pass", err)
	}
	subjects := triesOf(who.NameKey, a.Address)
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if err := s.oneByOne(ctx, tx, subjects); err != nil {
			return err
		}
		at := s.now()
		p, err := lockPerson(ctx, tx, who.ID) // the person first, as every change to one does
		if errors.Is(err, pgx.ErrNoRows) || err == nil && p.TotpSecret == nil {
			return doorShut()
		}
		if err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `UPDATE doors SET tries = tries + 1 WHERE hash = @hash AND expires_at > @now AND tries < @most`,
			pgx.StrictNamedArgs{"hash": hashOf(door), "now": at, "most": DoorTries})
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return doorShut()
		}
		token, err = s.admitWithCode(ctx, tx, at, subjects, p, a)
		return err
	})
	if err == nil && token == "" {
		err = codeWrong()
	}
	if err != nil {
		return "", wrap("pass", err)
	}
	return token, nil
}

// oneByOne lets attempts go one at a time from here on, as the audit chain would have it anyway. Guesses sent all at once are judged
// one after the other, and those behind the tenth are refused, right or wrong.
func (s *Service) oneByOne(ctx context.Context, tx pgx.Tx, subjects []string) error {
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('sign in', 0))`); err != nil {
		return err
	}
	return s.braked(ctx, tx, subjects)
}

// admit begins a session for who showed all that is wanted; used names what was shown besides the password.
func (s *Service) admit(ctx context.Context, tx pgx.Tx, at time.Time, subjects []string, n newSession, used ...string) (string, error) {
	token, err := insertSession(ctx, tx, at, n)
	if err != nil {
		return "", err
	}
	// Not those of the address: who has one account here would guess at the others for ever.
	if err := forgetFailures(ctx, tx, at, subjects[0]); err != nil {
		return "", err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM doors WHERE person_id = @id OR expires_at <= @now`, pgx.StrictNamedArgs{"id": n.who, "now": at}); err != nil {
		return "", err
	}
	p := Person{ID: n.who}
	return token, audit(ctx, tx, at, p.actor("web", ""), "session.began", p.object(), used...)
}

// admitWithCode is admit when the code is right, else it records the failure and the token is empty.
func (s *Service) admitWithCode(ctx context.Context, tx pgx.Tx, at time.Time, subjects []string, p locked, a Attempt) (string, error) {
	used, err := p.use(ctx, tx, at, a.Code)
	if err != nil {
		return "", err
	}
	if used == "" {
		return "", refuse(ctx, tx, at, subjects, Person{ID: p.ID}.object(), "code")
	}
	return s.admit(ctx, tx, at, subjects, newSession{who: p.ID, agent: a.Agent, steppedUp: &at}, used)
}

// refuse records an attempt that went wrong.
func refuse(ctx context.Context, tx pgx.Tx, at time.Time, subjects []string, object string, fields ...string) error {
	if err := insertFailures(ctx, tx, at, subjects); err != nil {
		return err
	}
	return audit(ctx, tx, at, registry.Actor{ID: "system", Via: "web"}, "session.refused", object, fields...)
}

func insertDoor(ctx context.Context, tx pgx.Tx, at time.Time, who PersonID) (door string, err error) {
	door, hash := newSecret("")
	if _, err := tx.Exec(ctx, `INSERT INTO doors (hash, person_id, expires_at) VALUES (@hash, @id, @expires)`,
		pgx.StrictNamedArgs{"hash": hash, "id": who, "expires": at.Add(DoorLife)}); err != nil {
		return "", err
	}
	p := Person{ID: who}
	return door, audit(ctx, tx, at, registry.Actor{ID: "system", Via: "web"}, "session.code_asked", p.object())
}

func doorShut() error {
	return fault.New(fault.Unauthenticated, "door-shut", "The sign-in took too long, or too many codes were wrong. Begin again.")
}

// triesOf is what the failures of an attempt are counted for: the name, and the address where it is known.
func triesOf(key, address string) []string {
	subjects := []string{subject("name", key)}
	if address != "" {
		subjects = append(subjects, subject("address", network(address)))
	}
	return subjects
}

// braked is the fault TooMany while the name or the address has to wait.
func (s *Service) braked(ctx context.Context, db postgres.Querier, subjects []string) error {
	type row struct {
		Subject string
		At      time.Time
	}
	now := s.now()
	rows, err := postgres.All[row](ctx, db, `
		SELECT subject, at FROM sign_in_failures WHERE subject = ANY (@subjects) AND at > @since ORDER BY at`,
		pgx.StrictNamedArgs{"subjects": subjects, "since": now.Add(-failuresKept)})
	if err != nil {
		return err
	}
	failures := map[string][]time.Time{}
	for _, r := range rows {
		failures[r.Subject] = append(failures[r.Subject], r.At)
	}
	var longest time.Duration
	for _, of := range failures {
		longest = max(longest, wait(now, of))
	}
	if longest == 0 {
		return nil
	}
	minutes := int((longest + time.Minute - 1) / time.Minute)
	return fault.New(fault.TooMany, "sign-in-throttled", "Too many sign-ins went wrong. Try again in %d min.", minutes).After(longest)
}

// wait is how long the next attempt must wait after failures at these times, oldest first; at most LongestDelay.
func wait(now time.Time, failures []time.Time) time.Duration {
	over := 0 // failures in this run from the tenth on
	for i, at := range failures {
		switch {
		case over > 0 && at.Sub(failures[i-1]) <= calm:
			over++
		case i+1 >= FreeFailures && at.Sub(failures[i+1-FreeFailures]) < FailureWindow:
			over = 1
		default:
			over = 0
		}
	}
	if over == 0 {
		return 0
	}
	delay := LongestDelay
	if doublings := over - 1; doublings < 5 { // 30 s, 1, 2, 4, 8 min
		delay = FirstDelay << doublings
	}
	return min(max(0, delay-now.Sub(failures[len(failures)-1])), LongestDelay)
}

// subject is what failures are counted for, hashed: neither names nor addresses stay.
func subject(kind, value string) string {
	h := sha256.Sum256([]byte(kind + ":" + value))
	return hex.EncodeToString(h[:])
}

// network is the part of a client's address that one subscriber cannot change at will: IPv4 whole, of IPv6 the first 64 bits.
func network(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil {
		if ap, err := netip.ParseAddrPort(address); err == nil {
			a = ap.Addr()
		}
	}
	if !a.IsValid() {
		return strings.ToLower(address)
	}
	if a = a.Unmap().WithZone(""); a.Is6() {
		p, _ := a.Prefix(64)
		return p.String()
	}
	return a.String()
}

func insertFailures(ctx context.Context, tx pgx.Tx, at time.Time, subjects []string) error {
	_, err := tx.Exec(ctx, `INSERT INTO sign_in_failures (subject, at) SELECT unnest(@subjects::text[]), @at::timestamptz`,
		pgx.StrictNamedArgs{"subjects": subjects, "at": at})
	return err
}

// forgetFailures drops those of one subject, and everybody's that are too old to count: here, since no guesser gets this far.
func forgetFailures(ctx context.Context, tx pgx.Tx, at time.Time, subject string) error {
	_, err := tx.Exec(ctx, `DELETE FROM sign_in_failures WHERE subject = @subject OR at <= @before`,
		pgx.StrictNamedArgs{"subject": subject, "before": at.Add(-failuresKept)})
	return err
}
