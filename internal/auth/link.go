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

// LinkLife is how long a link may be used to choose a password.
const LinkLife = 48 * time.Hour

// NewLink makes a link on which a person chooses a new password, for who forgot it or let the first link expire. Earlier
// links are void; the old password and its sessions last until a new one is chosen.
//
// Faults: NotFound person-not-found; Forbidden grant-not-allowed, person-disabled; Unauthenticated step-up-needed.
func (s *Service) NewLink(ctx context.Context, by registry.Actor, name string) (string, error) {
	var link string
	_, err := s.change(ctx, by, name, "person.linked", "link", func(tx pgx.Tx, p *Person, at time.Time) (err error) {
		if err := fresh(by, at); err != nil {
			return err
		}
		if p.DisabledAt != nil {
			return fault.New(fault.Forbidden, "person-disabled", "This person may not sign in any more.")
		}
		if err := voidLinks(ctx, tx, at, p.ID); err != nil {
			return err
		}
		link, err = insertLink(ctx, tx, at, p.ID)
		return err
	})
	if err != nil {
		return "", err
	}
	return link, nil
}

// OpenLink is whose link the token is. Looking does not use it up: programs that preview links look too. Faults: Gone link-ended.
func (s *Service) OpenLink(ctx context.Context, token string) (Person, error) {
	if !looksLike("", token) {
		return Person{}, linkEnded()
	}
	p, err := postgres.One[Person](ctx, s.db, personColumns+`JOIN links l ON l.person_id = p.id
		WHERE l.hash = @hash AND l.used_at IS NULL AND l.expires_at > @now AND p.disabled_at IS NULL`,
		pgx.StrictNamedArgs{"hash": hashOf(token), "now": s.now()})
	if errors.Is(err, pgx.ErrNoRows) {
		return Person{}, linkEnded()
	}
	return p, wrap("open link", err)
}

// SetPassword uses up a link, and the person's other links: from now on this is the password, and every session has ended.
//
// Faults: Gone link-ended; Invalid password-weak, which leaves the link usable; Busy sign-in-busy.
func (s *Service) SetPassword(ctx context.Context, token, password string) error {
	p, err := s.OpenLink(ctx, token)
	if err != nil {
		return err
	}
	hash, err := s.newHash(ctx, password, p.Name)
	if err != nil {
		return wrap("set password", err)
	}
	return wrap("set password", pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		at := s.now()
		// The person first, as every change to one does: two that cross then wait, and do not block each other.
		tag, err := tx.Exec(ctx, `UPDATE people SET password_hash = @password WHERE id = @id AND disabled_at IS NULL`,
			pgx.StrictNamedArgs{"id": p.ID, "password": hash})
		if err != nil {
			return err
		}
		used, err := tx.Exec(ctx, `UPDATE links SET used_at = @now WHERE hash = @hash AND used_at IS NULL AND expires_at > @now`,
			pgx.StrictNamedArgs{"hash": hashOf(token), "now": at})
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 || used.RowsAffected() == 0 {
			return linkEnded()
		}
		if err := voidLinks(ctx, tx, at, p.ID); err != nil {
			return err
		}
		if err := endSessions(ctx, tx, p.ID); err != nil {
			return err
		}
		// Whoever forgot the password has tried some: these failures were against the old one.
		if err := forgetFailures(ctx, tx, at, subject("name", nameKey(p.Name))); err != nil {
			return err
		}
		return audit(ctx, tx, at, p.actor("web", ""), "person.password", p.object(), "password")
	}))
}

func insertLink(ctx context.Context, tx pgx.Tx, at time.Time, who PersonID) (token string, err error) {
	token, hash := newSecret("")
	_, err = tx.Exec(ctx, `INSERT INTO links (hash, person_id, expires_at) VALUES (@hash, @id, @expires)`,
		pgx.StrictNamedArgs{"hash": hash, "id": who, "expires": at.Add(LinkLife)})
	return token, err
}

func voidLinks(ctx context.Context, tx pgx.Tx, at time.Time, who PersonID) error {
	_, err := tx.Exec(ctx, `UPDATE links SET used_at = @now WHERE person_id = @id AND used_at IS NULL`,
		pgx.StrictNamedArgs{"id": who, "now": at})
	return err
}

func linkEnded() error {
	return fault.New(fault.Gone, "link-ended", "This link was used, is older than 48 hours, or was copied only in part. Ask for a new one.")
}
