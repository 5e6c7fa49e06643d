package auth

import (
	"context"

	"cho40/internal/fault"
	"cho40/internal/postgres"
	registry "cho40/vendor_registry"

	"github.com/jackc/pgx/v5"
)

// administered reports whether somebody may come in as administrator.
const administered = `EXISTS (SELECT 1 FROM grants g JOIN people p ON p.id = g.person_id
	WHERE g.role = 'admin' AND p.disabled_at IS NULL AND (g.ends_at IS NULL OR g.ends_at > @now))`

// SetUpLink makes a link on which the first administrator is created, good for LinkLife; earlier ones are void. It is empty when there
// is an administrator. It asks nobody's leave: it is for the console.
func (s *Service) SetUpLink(ctx context.Context) (link string, err error) {
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		at := s.now()
		there, err := postgres.One[bool](ctx, tx, `SELECT `+administered, pgx.StrictNamedArgs{"now": at})
		if err != nil || there {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE set_up_links SET used_at = @now WHERE used_at IS NULL`, pgx.StrictNamedArgs{"now": at}); err != nil {
			return err
		}
		var hash []byte
		link, hash = newSecret("")
		if _, err := tx.Exec(ctx, `INSERT INTO set_up_links (hash, expires_at) VALUES (@hash, @expires)`,
			pgx.StrictNamedArgs{"hash": hash, "expires": at.Add(LinkLife)}); err != nil {
			return err
		}
		return audit(ctx, tx, at, registry.Console(), "set_up.linked", "set-up", "link")
	})
	if err != nil {
		return "", wrap("make set-up link", err)
	}
	return link, nil
}

// OpenSetUp reports whether the first administrator can be created on a link. Faults: Gone set-up-ended.
func (s *Service) OpenSetUp(ctx context.Context, link string) error {
	if !looksLike("", link) {
		return setUpEnded()
	}
	open, err := postgres.One[bool](ctx, s.db, `
		SELECT EXISTS (SELECT 1 FROM set_up_links WHERE hash = @hash AND used_at IS NULL AND expires_at > @now) AND NOT `+administered,
		pgx.StrictNamedArgs{"hash": hashOf(link), "now": s.now()})
	if err == nil && !open {
		err = setUpEnded()
	}
	return wrap("open set-up", err)
}

// SetUp creates the first administrator and uses up the link.
//
// Faults: Gone set-up-ended; Invalid person-invalid, password-weak; Conflict person-exists; Busy sign-in-busy.
func (s *Service) SetUp(ctx context.Context, link, name, password string) (Person, error) {
	if err := s.OpenSetUp(ctx, link); err != nil {
		return Person{}, err
	}
	clean, bad := cleanName(name)
	bad = append(bad, checkPassword(password, clean)...)
	if err := fault.Check("person-invalid", bad); err != nil {
		return Person{}, err
	}
	hash, err := s.newHash(ctx, password, clean)
	if err != nil {
		return Person{}, wrap("set up", err)
	}
	var p Person
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		at := s.now()
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('set up', 0))`); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `UPDATE set_up_links SET used_at = @now WHERE hash = @hash AND used_at IS NULL AND expires_at > @now AND NOT `+administered,
			pgx.StrictNamedArgs{"hash": hashOf(link), "now": at})
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return setUpEnded()
		}
		by := registry.Console() // whoever started the service handed the link over
		by.Via = "web"
		p, _, err = insertPerson(ctx, tx, at, by, clean, []registry.Grant{{Role: registry.Admin, Kind: registry.OverAll}}, hash)
		return err
	})
	if err != nil {
		return Person{}, wrap("set up", err)
	}
	return p, nil
}

func setUpEnded() error {
	return fault.New(fault.Gone, "set-up-ended", "This link was used, is older than 48 hours, or there is an administrator by now.")
}
