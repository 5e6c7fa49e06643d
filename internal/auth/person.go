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

// PersonID names a person among records; people use the name.
type PersonID = id.ID[Person]

// Person is somebody who may sign in.
type Person struct {
	ID          PersonID         `json:"id"`
	Name        string           `json:"name"`
	Grants      []registry.Grant `json:"grants"` // those in force now
	CreatedAt   time.Time        `json:"created_at"`
	DisabledAt  *time.Time       `json:"disabled_at"` // nil: may sign in
	HasPassword bool             `json:"has_password"`
}

// actor is the person at work.
func (p Person) actor(via, requestID string) registry.Actor {
	return registry.Actor{ID: p.object(), Name: p.Name, Via: via, RequestID: requestID, Grants: p.Grants}
}

func (p Person) object() string { return "person:" + p.ID.String() }

var personColumns = `
	SELECT p.id, p.name, ` + personGrants + ` AS grants, p.created_at, p.disabled_at, p.password_hash IS NOT NULL AS has_password
	FROM people p `

// AddPerson lets somebody in, with a password or, when it is empty, with a link on which to choose one, good for LinkLife.
//
// Faults: Invalid person-invalid, password-weak, and those of a grant; NotFound when a grant's code names nothing; Forbidden
// grant-not-allowed; Conflict person-exists; Busy sign-in-busy.
func (s *Service) AddPerson(ctx context.Context, by registry.Actor, name string, grants []registry.Grant, password string) (Person, string, error) {
	p, link, err := s.addPerson(ctx, by, name, grants, password)
	if err != nil {
		return Person{}, "", wrap("add person", err)
	}
	return p, link, nil
}

func (s *Service) addPerson(ctx context.Context, by registry.Actor, name string, grants []registry.Grant, password string) (Person, string, error) {
	clean, bad := cleanName(name)
	if err := fault.Check("person-invalid", bad); err != nil {
		return Person{}, "", err
	}
	p := Person{ID: id.New[Person](), Name: clean, CreatedAt: s.now(), HasPassword: password != ""}
	var err error
	if p.Grants, err = mayGrant(ctx, s.db, by, grants); err != nil { // before the hash, so that not everybody can cause one
		return Person{}, "", err
	}
	var hash *string
	if p.HasPassword {
		if hash, err = s.newHash(ctx, password, clean); err != nil {
			return Person{}, "", err
		}
	}
	var link string
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO people (id, name, name_key, password_hash, created_at) VALUES (@id, @name, @key, @hash, @now)`,
			pgx.StrictNamedArgs{"id": p.ID, "name": p.Name, "key": nameKey(p.Name), "hash": hash, "now": p.CreatedAt})
		if err != nil {
			return err
		}
		if err := insertGrants(ctx, tx, p.CreatedAt, by, p.ID, KeyID{}, p.Grants); err != nil {
			return err
		}
		with := "password"
		if !p.HasPassword {
			with = "link"
			if link, err = insertLink(ctx, tx, p.CreatedAt, p.ID); err != nil {
				return err
			}
		}
		return audit(ctx, tx, p.CreatedAt, by, "person.added", p.object(), "name", "grants", with)
	})
	if postgres.Violated(err) == "people_one_per_name" {
		// The cause would quote the name.
		return Person{}, "", fault.New(fault.Conflict, "person-exists", "Somebody of this name is here already. Add something that tells the two apart.").
			With(fault.At("name", "taken", "Already taken."))
	}
	return p, link, err
}

// People lists everybody by name, those who may not sign in any more too. It asks nobody's leave: it is for the console, and for
// pages that have checked.
func (s *Service) People(ctx context.Context) ([]Person, error) {
	all, err := postgres.All[Person](ctx, s.db, personColumns+`ORDER BY p.name_key`, pgx.StrictNamedArgs{"now": s.now()})
	return all, wrap("list people", err)
}

// PersonActor is a person as an actor, for the console, where somebody acts by name. Faults: NotFound person-not-found;
// Forbidden person-disabled.
func (s *Service) PersonActor(ctx context.Context, name, via string) (registry.Actor, error) {
	p, err := s.personNamed(ctx, s.db, name, "")
	if err == nil && p.DisabledAt != nil {
		err = fault.New(fault.Forbidden, "person-disabled", "This person may not sign in any more.")
	}
	if err != nil {
		return registry.Actor{}, wrap("find person", err)
	}
	return p.actor(via, ""), nil
}

// SetGrants replaces what a person may do, and ends their sessions.
//
// Faults: as AddPerson for the grants; NotFound person-not-found; Forbidden grant-not-allowed when by could not have handed out
// the grants that the person holds, own-grants when it is by's own.
func (s *Service) SetGrants(ctx context.Context, by registry.Actor, name string, grants []registry.Grant) (Person, error) {
	return s.change(ctx, by, name, "person.granted", "grants", func(tx pgx.Tx, p *Person, at time.Time) error {
		if isPerson(by, p.ID) {
			return fault.New(fault.Forbidden, "own-grants", "Nobody changes their own roles. Ask somebody else who may.")
		}
		var err error
		if p.Grants, err = mayGrant(ctx, tx, by, grants); err != nil {
			return err
		}
		// Ended, not deleted: who could do what on a day stays known.
		_, err = tx.Exec(ctx, `UPDATE grants SET ends_at = @now WHERE person_id = @id AND (ends_at IS NULL OR ends_at > @now)`,
			pgx.StrictNamedArgs{"id": p.ID, "now": at})
		if err != nil {
			return err
		}
		if err := insertGrants(ctx, tx, at, by, p.ID, KeyID{}, p.Grants); err != nil {
			return err
		}
		return endSessions(ctx, tx, p.ID)
	})
}

// Disable keeps a person out from now on: sessions end, links are void. Faults: NotFound person-not-found; Forbidden
// grant-not-allowed.
func (s *Service) Disable(ctx context.Context, by registry.Actor, name string) (Person, error) {
	return s.change(ctx, by, name, "person.disabled", "disabled_at", func(tx pgx.Tx, p *Person, at time.Time) error {
		if p.DisabledAt == nil {
			p.DisabledAt = &at
		}
		_, err := tx.Exec(ctx, `UPDATE people SET disabled_at = @at WHERE id = @id`, pgx.StrictNamedArgs{"id": p.ID, "at": p.DisabledAt})
		if err != nil {
			return err
		}
		if err := voidLinks(ctx, tx, at, p.ID); err != nil {
			return err
		}
		return endSessions(ctx, tx, p.ID)
	})
}

// Enable lets a person in again, with the password and the grants of before. Faults: as Disable.
func (s *Service) Enable(ctx context.Context, by registry.Actor, name string) (Person, error) {
	return s.change(ctx, by, name, "person.enabled", "disabled_at", func(tx pgx.Tx, p *Person, _ time.Time) error {
		p.DisabledAt = nil
		_, err := tx.Exec(ctx, `UPDATE people SET disabled_at = NULL WHERE id = @id`, pgx.StrictNamedArgs{"id": p.ID})
		return err
	})
}

// change is one change to a person, by somebody who could have handed out all that the person holds.
func (s *Service) change(ctx context.Context, by registry.Actor, name, action, field string, do func(pgx.Tx, *Person, time.Time) error) (Person, error) {
	at := s.now()
	var p Person
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) (err error) {
		// The lock lets no sign-in slip in between.
		if p, err = s.personNamed(ctx, tx, name, `FOR UPDATE OF p`); err != nil {
			return err
		}
		if err := mayTouch(ctx, tx, by, p.Grants, personNotFound()); err != nil {
			return err
		}
		if err := do(tx, &p, at); err != nil {
			return err
		}
		return audit(ctx, tx, at, by, action, p.object(), field)
	})
	if fault.KindOf(err) == fault.Forbidden && !p.ID.IsZero() {
		_ = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error { // the refusal itself stands whether or not its trace could be kept
			return audit(ctx, tx, at, by, action+"_refused", p.object(), fault.CodeOf(err))
		})
	}
	if err != nil {
		return Person{}, wrap(action, err)
	}
	return p, nil
}

// personNamed finds somebody by a name as typed; lock is a locking clause or empty.
func (s *Service) personNamed(ctx context.Context, db postgres.Querier, name, lock string) (Person, error) {
	clean, bad := cleanName(name)
	if bad != nil {
		return Person{}, personNotFound()
	}
	p, err := postgres.One[Person](ctx, db, personColumns+`WHERE p.name_key = @key `+lock,
		pgx.StrictNamedArgs{"key": nameKey(clean), "now": s.now()})
	if errors.Is(err, pgx.ErrNoRows) {
		return Person{}, personNotFound()
	}
	return p, err
}

func personNotFound() error {
	return fault.New(fault.NotFound, "person-not-found", "There is nobody of this name here.")
}
