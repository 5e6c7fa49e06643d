package auth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
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
	HasFactor   bool             `json:"has_second_factor"`
	PhoneUntil  *time.Time       `json:"phone_until"` // an enrolled phone's last moment; nil: none
}

// actor is the person at work.
func (p Person) actor(via, requestID string) registry.Actor {
	return registry.Actor{ID: p.object(), Name: p.Name, Via: via, RequestID: requestID, Grants: p.Grants}
}

func (p Person) object() string { return "person:" + p.ID.String() }

var personColumns = `
	SELECT p.id, p.name, ` + personGrants + ` AS grants, p.created_at, p.disabled_at, p.password_hash IS NOT NULL AS has_password,
	       p.totp_secret IS NOT NULL AS has_factor, (SELECT f.expires_at FROM phones f WHERE f.person_id = p.id AND f.expires_at > @now) AS phone_until
	FROM people p `

// AddPerson lets somebody in, with a password or, when it is empty, with a link on which to choose one, good for LinkLife.
//
// Faults: Invalid person-invalid, password-weak, and those of a grant; NotFound when a grant's code names nothing; Forbidden
// grant-not-allowed; Unauthenticated step-up-needed; Conflict person-exists; Busy sign-in-busy.
func (s *Service) AddPerson(ctx context.Context, by registry.Actor, name string, grants []registry.Grant, password string) (Person, string, error) {
	p, link, err := s.addPerson(ctx, by, name, grants, password)
	if err != nil {
		s.refused(ctx, by, err, "person.add_refused", "people")
		return Person{}, "", wrap("add person", err)
	}
	return p, link, nil
}

func (s *Service) addPerson(ctx context.Context, by registry.Actor, name string, grants []registry.Grant, password string) (Person, string, error) {
	clean, bad := cleanName(name)
	if err := fault.Check("person-invalid", bad); err != nil {
		return Person{}, "", err
	}
	p := Person{CreatedAt: s.now(), HasPassword: password != ""}
	var err error
	if p.Grants, err = mayGrant(ctx, s.db, by, grants); err != nil { // before the hash, so that not everybody can cause one
		return Person{}, "", err
	}
	if err := stillAhead(p.CreatedAt, p.Grants); err != nil {
		return Person{}, "", err
	}
	if err := fresh(by, p.CreatedAt); err != nil {
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
		p, link, err = insertPerson(ctx, tx, p.CreatedAt, by, clean, p.Grants, hash)
		return err
	})
	return p, link, err
}

// insertPerson adds somebody, with a link where there is no password. Faults: Conflict person-exists; Invalid grants-invalid.
func insertPerson(ctx context.Context, tx pgx.Tx, at time.Time, by registry.Actor, name string, grants []registry.Grant, hash *string) (p Person, link string, err error) {
	p = Person{ID: id.New[Person](), Name: name, Grants: grants, CreatedAt: at, HasPassword: hash != nil}
	_, err = tx.Exec(ctx, `
		INSERT INTO people (id, name, name_key, password_hash, created_at) VALUES (@id, @name, @key, @hash, @now)`,
		pgx.StrictNamedArgs{"id": p.ID, "name": p.Name, "key": nameKey(p.Name), "hash": hash, "now": at})
	if postgres.Violated(err) == "people_one_per_name" {
		// The cause would quote the name.
		return Person{}, "", fault.New(fault.Conflict, "person-exists", "Somebody of this name is here already. Add something that tells the two apart.").
			With(fault.At("name", "taken", "Already taken."))
	}
	if err != nil {
		return Person{}, "", err
	}
	if err := insertGrants(ctx, tx, at, by, p.ID, KeyID{}, grants); err != nil {
		return Person{}, "", err
	}
	with := "password"
	if !p.HasPassword {
		with = "link"
		if link, err = insertLink(ctx, tx, at, p.ID); err != nil {
			return Person{}, "", err
		}
	}
	return p, link, audit(ctx, tx, at, by, "person.added", p.object(), "name", "grants", with)
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

// ETag is the person's version.
func (p Person) ETag() string {
	b, err := json.Marshal(p)
	if err != nil {
		panic(err) // texts and times always marshal
	}
	sum := sha256.Sum256(b)
	return `"` + hex.EncodeToString(sum[:16]) + `"`
}

// do is what happens to a person whose row is locked.
type do func(tx pgx.Tx, p *Person, at time.Time) error

// SetGrants replaces what a person may do, and ends their sessions.
//
// Faults: as AddPerson for the grants; NotFound person-not-found; Forbidden grant-not-allowed when by could not have handed out
// the grants that the person holds, own-grants when it is by's own.
func (s *Service) SetGrants(ctx context.Context, by registry.Actor, which string, grants []registry.Grant) (Person, error) {
	return s.change(ctx, by, which, "person.granted", "grants", granting(ctx, by, grants))
}

func granting(ctx context.Context, by registry.Actor, grants []registry.Grant) do {
	return func(tx pgx.Tx, p *Person, at time.Time) error {
		if isPerson(by, p.ID) {
			return fault.New(fault.Forbidden, "own-grants", "Nobody changes their own roles. Ask somebody else who may.")
		}
		var err error
		if p.Grants, err = mayGrant(ctx, tx, by, grants); err != nil {
			return err
		}
		if err := stillAhead(at, p.Grants); err != nil {
			return err
		}
		if err := fresh(by, at); err != nil {
			return err
		}
		// Ended, not deleted: who could do what on a day stays known.
		_, err = tx.Exec(ctx, `UPDATE grants SET ends_at = greatest(@now, created_at) WHERE person_id = @id AND (ends_at IS NULL OR ends_at > @now)`,
			pgx.StrictNamedArgs{"id": p.ID, "now": at})
		if err != nil {
			return err
		}
		if err := insertGrants(ctx, tx, at, by, p.ID, KeyID{}, p.Grants); err != nil {
			return err
		}
		return endSessions(ctx, tx, p.ID)
	}
}

// Disable keeps a person out from now on: sessions end, links are void. Faults: NotFound person-not-found; Forbidden
// grant-not-allowed.
func (s *Service) Disable(ctx context.Context, by registry.Actor, which string) (Person, error) {
	return s.change(ctx, by, which, "person.disabled", "disabled_at", disabling(ctx))
}

func disabling(ctx context.Context) do {
	return func(tx pgx.Tx, p *Person, at time.Time) error {
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
	}
}

// Enable lets a person in again, with the password and the grants of before. Faults: as Disable; Unauthenticated step-up-needed.
func (s *Service) Enable(ctx context.Context, by registry.Actor, which string) (Person, error) {
	return s.change(ctx, by, which, "person.enabled", "disabled_at", enabling(ctx, by))
}

func enabling(ctx context.Context, by registry.Actor) do {
	return func(tx pgx.Tx, p *Person, at time.Time) error {
		if err := fresh(by, at); err != nil {
			return err
		}
		p.DisabledAt = nil
		_, err := tx.Exec(ctx, `UPDATE people SET disabled_at = NULL WHERE id = @id`, pgx.StrictNamedArgs{"id": p.ID})
		return err
	}
}

// Amendment is one change to a person: just one of its fields is set.
type Amendment struct {
	Grants   []registry.Grant `json:"grants"`
	Disabled *bool            `json:"disabled"`
}

// Amend makes one change to the version of a person that by saw: match is an If-Match.
//
// Faults: NeedsVersion; Stale; Invalid amendment-invalid; and those of SetGrants, Disable and Enable.
func (s *Service) Amend(ctx context.Context, by registry.Actor, which, match string, in Amendment) (Person, error) {
	seen := func(then do) do {
		return func(tx pgx.Tx, p *Person, at time.Time) error {
			if err := registry.Unchanged(match, p.ETag()); err != nil {
				return err
			}
			return then(tx, p, at)
		}
	}
	switch {
	case (in.Grants != nil) == (in.Disabled != nil):
		return Person{}, fault.Check("amendment-invalid", []fault.Field{fault.At("", "one", "Change either the roles or whether the person may sign in.")})
	case in.Grants != nil:
		return s.change(ctx, by, which, "person.granted", "grants", seen(granting(ctx, by, in.Grants)))
	case *in.Disabled:
		return s.change(ctx, by, which, "person.disabled", "disabled_at", seen(disabling(ctx)))
	}
	return s.change(ctx, by, which, "person.enabled", "disabled_at", seen(enabling(ctx, by)))
}

// Colleague is a person in somebody's list.
type Colleague struct {
	Person
	Yours bool `json:"yours"` // the reader may change roles, send links, end the phone
}

// Colleagues lists by name the people who hold a role in a market of by's scope; an administrator sees everybody. Words are parts of
// the name.
//
// Faults: Forbidden not-allowed; Invalid limit-invalid.
func (s *Service) Colleagues(ctx context.Context, by registry.Actor, words string, l registry.List) (registry.Page[Colleague], error) {
	var page registry.Page[Colleague]
	args, err := s.reach(by)
	if err != nil {
		return page, err
	}
	n, err := l.Size()
	if err != nil {
		return page, err
	}
	clean, _ := cleanName(words)
	args["words"], args["after"], args["n"] = nameKey(clean), fault.Clip(l.Cursor, 2*mostName), n+1
	people, err := postgres.All[Person](ctx, s.db, personColumns+`
		WHERE (@all OR p.id IN (`+holdersIn("person_id")+`)) AND p.name_key > @after AND strpos(p.name_key, @words) > 0
		ORDER BY p.name_key LIMIT @n`, args)
	if err != nil {
		return page, wrap("list colleagues", err)
	}
	if len(people) > n {
		next := nameKey(people[n-1].Name)
		people, page.Next = people[:n], &next
	}
	yours, err := s.yours(ctx, by, grantsOf(people, func(p Person) []registry.Grant { return p.Grants }))
	if err != nil {
		return page, err
	}
	page.Items = make([]Colleague, len(people))
	for i, p := range people {
		page.Items[i] = Colleague{p, yours[i] && !isPerson(by, p.ID)}
	}
	return page, nil
}

// Colleague is one of Colleagues, by ID or name. Faults: NotFound person-not-found, also out of by's scope; Forbidden not-allowed.
func (s *Service) Colleague(ctx context.Context, by registry.Actor, which string) (Colleague, error) {
	p, err := s.personNamed(ctx, s.db, which, "")
	if err != nil {
		return Colleague{}, err
	}
	ground, err := groundOf(ctx, s.db, p.Grants)
	if err != nil {
		return Colleague{}, wrap("colleague", err)
	}
	yours, inScope := touches(by, p.Grants, ground)
	if !inScope {
		return Colleague{}, personNotFound()
	}
	if !yours && !slices.ContainsFunc(p.Grants, func(g registry.Grant) bool {
		return slices.ContainsFunc(ground.under(g), func(m registry.Market) bool { return by.Can(registry.ManagePeople, m) })
	}) {
		return Colleague{}, notAllowed()
	}
	return Colleague{p, yours && !isPerson(by, p.ID)}, nil
}

// change is one change to a person, by somebody who could have handed out all that the person holds.
func (s *Service) change(ctx context.Context, by registry.Actor, name, action, field string, do do) (Person, error) {
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
	if !p.ID.IsZero() {
		s.refused(ctx, by, err, action+"_refused", p.object())
	}
	if err != nil {
		return Person{}, wrap(action, err)
	}
	return p, nil
}

// personNamed finds somebody by a name as typed, or by the ID; lock is a locking clause or empty.
func (s *Service) personNamed(ctx context.Context, db postgres.Querier, which, lock string) (Person, error) {
	where, arg := `p.id = @which `, any(nil)
	if of, err := id.Parse[Person](which); err == nil {
		arg = of
	} else {
		clean, bad := cleanName(which)
		if bad != nil {
			return Person{}, personNotFound()
		}
		where, arg = `p.name_key = @which `, nameKey(clean)
	}
	p, err := postgres.One[Person](ctx, db, personColumns+`WHERE `+where+lock, pgx.StrictNamedArgs{"which": arg, "now": s.now()})
	if errors.Is(err, pgx.ErrNoRows) {
		return Person{}, personNotFound()
	}
	return p, err
}

func personNotFound() error {
	return fault.New(fault.NotFound, "person-not-found", "There is nobody of this name here.")
}
