package auth

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"cho40/internal/fault"
	"cho40/internal/postgres"
	registry "cho40/vendor_registry"

	"github.com/alexedwards/argon2id"
	"github.com/jackc/pgx/v5"
)

// An enrolled phone: a volunteer's own, on which a PIN begins a session.
const (
	PhoneLife = 14 * 24 * time.Hour
	PINDigits = 6
	PINTries  = 5 // wrong ones, and the phone is enrolled no more
)

// MayEnrolPhone reports whether a PIN is enough for somebody on their phone: for who is a volunteer and nothing else.
func MayEnrolPhone(grants []registry.Grant) bool {
	return len(grants) > 0 && !slices.ContainsFunc(grants, func(g registry.Grant) bool { return g.Role != registry.Volunteer })
}

// EnrolPhone makes the phone in the hand of who asks, signed in by password, their enrolled one for PhoneLife; another one that was
// enrolled is so no more. The token stays on the phone.
//
// Faults: Invalid pin-weak; Forbidden phones-for-volunteers, password-needed, people-only; Busy sign-in-busy.
func (s *Service) EnrolPhone(ctx context.Context, by Session, pin, agent string) (token string, until time.Time, err error) {
	who, err := personOf(by.Actor)
	if err != nil {
		return "", until, err
	}
	switch {
	case !MayEnrolPhone(by.Grants):
		return "", until, fault.New(fault.Forbidden, "phones-for-volunteers", "Only a volunteer's phone takes a PIN. Every other role signs in with the password.")
	case by.ByPIN: // else a found phone would last for ever
		return "", until, fault.New(fault.Forbidden, "password-needed", "Sign in with the password, then enrol the phone again.")
	}
	if err := fault.Check("pin-weak", checkPIN(pin)); err != nil {
		return "", until, err
	}
	if err := s.takeTurn(ctx); err != nil {
		return "", until, wrap("enrol phone", err)
	}
	pinHash, err := argon2id.CreateHash(pin, argon)
	s.endTurn()
	if err != nil {
		return "", until, wrap("enrol phone", err)
	}
	token, hash := newSecret("")
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		at := s.now()
		until = at.Add(PhoneLife)
		if _, err := lockPerson(ctx, tx, who); errors.Is(err, pgx.ErrNoRows) {
			return sessionEnded()
		} else if err != nil {
			return err
		}
		if err := endPhone(ctx, tx, who); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `
			INSERT INTO phones (person_id, hash, pin_hash, agent, created_at, expires_at) VALUES (@id, @hash, @pin, @agent, @now, @until)`,
			pgx.StrictNamedArgs{"id": who, "hash": hash, "pin": pinHash, "agent": fault.Clip(agent, mostName), "now": at, "until": until}); err != nil {
			return err
		}
		return audit(ctx, tx, at, by.Actor, "phone.enrolled", by.ID, "pin")
	})
	if err != nil {
		return "", time.Time{}, wrap("enrol phone", err)
	}
	return token, until, nil
}

// OpenPhone is whose enrolled phone a token is. Faults: Unauthenticated phone-ended.
func (s *Service) OpenPhone(ctx context.Context, token string) (Person, error) {
	if !looksLike("", token) {
		return Person{}, phoneEnded()
	}
	p, err := postgres.One[Person](ctx, s.db, personColumns+`JOIN phones h ON h.person_id = p.id
		WHERE h.hash = @hash AND h.expires_at > @now AND h.tries < @most AND p.disabled_at IS NULL`,
		pgx.StrictNamedArgs{"hash": hashOf(token), "now": s.now(), "most": PINTries})
	if errors.Is(err, pgx.ErrNoRows) || err == nil && !MayEnrolPhone(p.Grants) {
		return Person{}, phoneEnded()
	}
	return p, wrap("open phone", err)
}

// Phone is until when a phone of who asks is enrolled; nil: none is. Faults: Forbidden people-only.
func (s *Service) Phone(ctx context.Context, by registry.Actor) (*time.Time, error) {
	who, err := personOf(by)
	if err != nil {
		return nil, err
	}
	until, err := postgres.One[*time.Time](ctx, s.db, `SELECT max(expires_at) FROM phones WHERE person_id = @id AND expires_at > @now`,
		pgx.StrictNamedArgs{"id": who, "now": s.now()})
	return until, wrap("phone", err)
}

// SignInByPIN begins a session on an enrolled phone. A try is counted before it is looked at, so that tries sent all at once are no
// more than those sent one by one; the PINTries-th wrong one ends the phone.
//
// Faults: Unauthenticated pin-wrong, phone-ended; TooMany sign-in-throttled; Busy sign-in-busy.
func (s *Service) SignInByPIN(ctx context.Context, phone, pin, address, agent string) (token string, err error) {
	p, err := s.OpenPhone(ctx, phone)
	if err != nil {
		return "", err
	}
	token, err = s.signInByPIN(ctx, p, hashOf(phone), pin, address, agent)
	if err != nil {
		return "", wrap("sign in by PIN", err)
	}
	return token, nil
}

func (s *Service) signInByPIN(ctx context.Context, p Person, phone []byte, pin, address, agent string) (token string, err error) {
	subjects := triesOf("phone "+p.ID.String(), address)
	if err := s.braked(ctx, s.db, subjects); err != nil {
		return "", err
	}
	type counted struct {
		PinHash string
		Tries   int
	}
	try, err := postgres.One[counted](ctx, s.db, `
		UPDATE phones SET tries = tries + 1 WHERE hash = @hash AND expires_at > @now AND tries < @most RETURNING pin_hash, tries`,
		pgx.StrictNamedArgs{"hash": phone, "now": s.now(), "most": PINTries})
	if errors.Is(err, pgx.ErrNoRows) {
		return "", phoneEnded()
	}
	if err != nil {
		return "", err
	}
	right, err := s.matches(ctx, strings.TrimSpace(pin), try.PinHash)
	if err != nil {
		return "", err
	}
	var refused error
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if err := s.oneByOne(ctx, tx, subjects); err != nil {
			return err
		}
		at := s.now()
		if _, err := lockPerson(ctx, tx, p.ID); errors.Is(err, pgx.ErrNoRows) {
			return phoneEnded()
		} else if err != nil {
			return err
		}
		if right {
			tag, err := tx.Exec(ctx, `UPDATE phones SET tries = 0, used_at = @now WHERE hash = @hash AND person_id = @id AND tries <= @most`,
				pgx.StrictNamedArgs{"hash": phone, "id": p.ID, "now": at, "most": PINTries})
			if err != nil {
				return err
			}
			if tag.RowsAffected() == 0 { // ended meanwhile
				return phoneEnded()
			}
			token, err = s.admit(ctx, tx, at, subjects, newSession{who: p.ID, agent: agent, byPIN: true}, "pin")
			return err
		}
		if try.Tries < PINTries {
			refused = fault.New(fault.Unauthenticated, "pin-wrong", "This PIN is not right. Tries left: %d.", PINTries-try.Tries)
			return refuse(ctx, tx, at, subjects, p.object(), "pin")
		}
		refused = phoneEnded()
		if err := endPhone(ctx, tx, p.ID); err != nil {
			return err
		}
		return refuse(ctx, tx, at, subjects, p.object(), "pin", "phone")
	})
	if err == nil {
		err = refused
	}
	return token, err
}

// EndPhone ends a volunteer's enrolled phone, lost perhaps, and the sessions that its PIN began; one without such a phone is no fault.
// Faults: NotFound person-not-found; Forbidden grant-not-allowed.
func (s *Service) EndPhone(ctx context.Context, by registry.Actor, which string) (Person, error) {
	return s.change(ctx, by, which, "phone.ended", "phone", func(tx pgx.Tx, p *Person, _ time.Time) error {
		p.PhoneUntil = nil
		return endPhone(ctx, tx, p.ID)
	})
}

// EndOwnPhone is EndPhone for who asks. Faults: Forbidden people-only.
func (s *Service) EndOwnPhone(ctx context.Context, by registry.Actor) error {
	who, err := personOf(by)
	if err != nil {
		return err
	}
	return wrap("end phone", pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if err := endPhone(ctx, tx, who); err != nil {
			return err
		}
		return audit(ctx, tx, s.now(), by, "phone.ended", by.ID, "phone")
	}))
}

// LeavePhone ends the enrolment of the very phone that a token is of, and the sessions that its PIN began: somebody is taken off it,
// perhaps long after their session ended. Holding the token is enough for that. One that opens nothing any more is no fault.
func (s *Service) LeavePhone(ctx context.Context, token string) error {
	if !looksLike("", token) {
		return nil
	}
	return wrap("leave phone", pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		this := pgx.StrictNamedArgs{"hash": hashOf(token)}
		who, err := postgres.One[PersonID](ctx, tx, `SELECT person_id FROM phones WHERE hash = @hash`, this)
		if err == nil {
			_, err = lockPerson(ctx, tx, who)
		}
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `DELETE FROM phones WHERE hash = @hash`, this)
		if err != nil || tag.RowsAffected() == 0 { // enrolled anew meanwhile, on another
			return err
		}
		if err := endPhone(ctx, tx, who); err != nil {
			return err
		}
		p := Person{ID: who}
		return audit(ctx, tx, s.now(), p.actor("web", ""), "phone.ended", p.object(), "phone")
	}))
}

func endPhone(ctx context.Context, tx pgx.Tx, who PersonID) error {
	if _, err := tx.Exec(ctx, `DELETE FROM sessions WHERE person_id = @id AND by_pin`, pgx.StrictNamedArgs{"id": who}); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `DELETE FROM phones WHERE person_id = @id`, pgx.StrictNamedArgs{"id": who})
	return err
}

// checkPIN says what is wrong with a new PIN, at most one thing.
func checkPIN(pin string) []fault.Field {
	if len(pin) != PINDigits || strings.Trim(pin, "0123456789") != "" {
		return []fault.Field{fault.At("pin", "digits", "A PIN has %d digits.", PINDigits)}
	}
	up, down := true, true
	for i := 1; i < len(pin); i++ {
		up, down = up && pin[i] == pin[i-1]+1, down && pin[i] == pin[i-1]-1
	}
	if up || down || repeats([]rune(pin)) {
		return []fault.Field{fault.At("pin", "common", "It is among the first to be guessed: a row or a repeat. Choose other digits.")}
	}
	return nil
}

func phoneEnded() error {
	return fault.New(fault.Unauthenticated, "phone-ended", "This phone's PIN does not count any more. Sign in with the password.")
}
