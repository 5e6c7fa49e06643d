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

// SignIn begins a session and returns its token, a new one each time. An unknown name, a wrong password, a person who has
// none yet and one who may not sign in any more all get the same answer after the same work. The address is the client's;
// when it is empty, failures are counted for the name alone.
//
// Faults: Unauthenticated sign-in-failed; TooMany sign-in-throttled with RetryAfter; Busy sign-in-busy.
func (s *Service) SignIn(ctx context.Context, name, password, address string) (string, error) {
	token, err := s.signIn(ctx, name, password, address)
	if err != nil {
		return "", wrap("sign in", err)
	}
	return token, nil
}

func (s *Service) signIn(ctx context.Context, name, password, address string) (string, error) {
	clean, bad := cleanName(name)
	if bad != nil {
		clean = "" // nobody has an empty name
	}
	key := nameKey(clean)
	subjects := []string{subject("name", key)}
	if address != "" {
		subjects = append(subjects, subject("address", network(address)))
	}

	// Only to spare the hash: the failures are looked at again under the lock below.
	if err := s.braked(ctx, s.db, subjects); err != nil {
		return "", err
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
		return "", err
	}
	right, err := s.matches(ctx, password, who.PasswordHash)
	if err != nil {
		return "", err
	}
	right = right && !who.ID.IsZero()

	var token string
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) (err error) {
		// One at a time from here on, as the audit chain would have it anyway. Guesses sent all at once are judged one after the
		// other, and those behind the tenth are refused, right or wrong.
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('sign in', 0))`); err != nil {
			return err
		}
		if err := s.braked(ctx, tx, subjects); err != nil {
			return err
		}
		at := s.now()
		if right {
			if token, right, err = insertSession(ctx, tx, at, who.ID, who.PasswordHash); err != nil {
				return err
			}
		}
		p := Person{ID: who.ID}
		if right {
			// Not those of the address: who has one account here would guess at the others for ever.
			if err := forgetFailures(ctx, tx, at, subjects[0]); err != nil {
				return err
			}
			return audit(ctx, tx, at, p.actor("web", ""), "session.began", p.object())
		}
		if err := insertFailures(ctx, tx, at, subjects); err != nil {
			return err
		}
		object := "sign-in" // of nobody we know; the name typed may be a password
		if !who.ID.IsZero() {
			object = p.object()
		}
		return audit(ctx, tx, at, registry.Actor{ID: "system", Via: "web"}, "session.refused", object)
	})
	if err == nil && !right { // only now: what was recorded must stay
		err = fault.New(fault.Unauthenticated, "sign-in-failed", "The name or the password is not right.")
	}
	return token, err
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
