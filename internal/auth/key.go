package auth

import (
	"context"
	"errors"
	"strings"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres"
	registry "cho40/vendor_registry"

	"github.com/jackc/pgx/v5"
)

// KeyID names a key among records.
type KeyID = id.ID[Key]

// Key is how a program comes in. The key itself is shown once and not kept.
type Key struct {
	ID        KeyID            `json:"id"`
	Name      string           `json:"name"`
	Prefix    string           `json:"prefix"` // its first characters, to tell keys apart
	Grants    []registry.Grant `json:"grants"`
	CreatedBy string           `json:"created_by"` // an actor's ID
	CreatedAt time.Time        `json:"created_at"`
	ExpiresAt time.Time        `json:"expires_at"`
	RevokedAt *time.Time       `json:"revoked_at"`
	UsedAt    *time.Time       `json:"used_at"`  // to the minute
	Replaces  *KeyID           `json:"replaces"` // the key whose place it took by rotation
}

func (k Key) object() string { return "key:" + k.ID.String() }

// What a key is.
const (
	KeyLongest = 365 * 24 * time.Hour
	KeyOverlap = 7 * 24 * time.Hour // of a key and the one that takes its place

	keyPrefix = "cho40_" // so that programs that look for leaked secrets know one
	keyShown  = len(keyPrefix) + 8
)

var keyColumns = `
	SELECT k.id, k.name, k.prefix, ` + keyGrants + ` AS grants, k.created_by, k.created_at, k.expires_at, k.revoked_at, k.used_at, k.replaces
	FROM keys k `

// AddKey makes a key that expires after a time; zero means KeyLongest, which is also the most. The secret is
// returned this once.
//
// Faults: Invalid key-invalid, and those of a grant; NotFound when a grant's code names nothing; Forbidden grant-not-allowed.
func (s *Service) AddKey(ctx context.Context, by registry.Actor, name string, grants []registry.Grant, expires time.Duration) (secret string, k Key, err error) {
	secret, k, err = s.addKey(ctx, by, name, grants, expires)
	if err != nil {
		s.refused(ctx, by, err, "key.add_refused", "keys")
		return "", Key{}, wrap("add key", err)
	}
	return secret, k, nil
}

func (s *Service) addKey(ctx context.Context, by registry.Actor, name string, grants []registry.Grant, expires time.Duration) (string, Key, error) {
	clean, bad := cleanName(name)
	if expires == 0 {
		expires = KeyLongest
	}
	if expires < time.Minute || expires > KeyLongest {
		bad = append(bad, fault.At("expires", "range", "A key lasts from a minute to 365 days."))
	}
	if err := fault.Check("key-invalid", bad); err != nil {
		return "", Key{}, err
	}
	at := s.now()
	k := Key{Name: clean, ExpiresAt: at.Add(expires)}
	var secret string
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) (err error) {
		if k.Grants, err = mayGrant(ctx, tx, by, grants); err != nil {
			return err
		}
		if err := stillAhead(at, k.Grants); err != nil {
			return err
		}
		if err := fresh(by, at); err != nil {
			return err
		}
		if secret, err = insertKey(ctx, tx, at, by, &k); err != nil {
			return err
		}
		return audit(ctx, tx, at, by, "key.added", k.object(), "name", "grants", "expires_at")
	})
	return secret, k, err
}

// insertKey stores a key under a new secret.
func insertKey(ctx context.Context, tx pgx.Tx, at time.Time, by registry.Actor, k *Key) (secret string, err error) {
	secret, hash := newSecret(keyPrefix)
	k.ID, k.Prefix, k.CreatedBy, k.CreatedAt = id.New[Key](), secret[:keyShown], by.ID, at
	_, err = tx.Exec(ctx, `
		INSERT INTO keys (id, name, prefix, hash, created_by, created_at, expires_at, replaces)
		VALUES (@id, @name, @prefix, @hash, @by, @now, @expires, @replaces)`,
		pgx.StrictNamedArgs{"id": k.ID, "name": k.Name, "prefix": k.Prefix, "hash": hash, "by": by.ID, "now": at, "expires": k.ExpiresAt, "replaces": k.Replaces})
	if err != nil {
		return "", err
	}
	return secret, insertGrants(ctx, tx, at, by, PersonID{}, k.ID, k.Grants)
}

// RotateKey makes a key of the same name and roles in the place of another, which lives on for KeyOverlap at most, so that programs can
// change over. Two are live at a time: a key is rotated again once the one before it has ended. The new one lasts KeyLongest. The key
// is named as in RevokeKey, or by its name where only one of that name was not rotated yet.
//
// Faults: NotFound key-not-found; Conflict key-ambiguous, key-over, key-rotating; Forbidden grant-not-allowed; Unauthenticated
// step-up-needed.
func (s *Service) RotateKey(ctx context.Context, by registry.Actor, which string) (secret string, k Key, err error) {
	var old Key
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		at := s.now()
		if old, err = keyNamed(ctx, tx, at, which); err != nil {
			return err
		}
		if err := mayTouch(ctx, tx, by, old.Grants, keyNotFound()); err != nil {
			return err
		}
		if err := fresh(by, at); err != nil {
			return err
		}
		if old.RevokedAt != nil || !old.ExpiresAt.After(at) {
			return fault.New(fault.Conflict, "key-over", "This key has ended. Make a new one.")
		}
		before, err := postgres.One[bool](ctx, tx, `
			SELECT EXISTS (SELECT 1 FROM keys WHERE id = @before AND revoked_at IS NULL AND expires_at > @now)`,
			pgx.StrictNamedArgs{"before": old.Replaces, "now": at})
		if err != nil {
			return err
		}
		if before {
			return keyRotating()
		}
		k = Key{Name: old.Name, Grants: old.Grants, ExpiresAt: at.Add(KeyLongest), Replaces: &old.ID}
		if secret, err = insertKey(ctx, tx, at, by, &k); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE keys SET expires_at = least(expires_at, @until) WHERE id = @id`,
			pgx.StrictNamedArgs{"id": old.ID, "until": at.Add(KeyOverlap)}); err != nil {
			return err
		}
		return audit(ctx, tx, at, by, "key.rotated", k.object(), "replaces", "expires_at")
	})
	if postgres.Violated(err) == "keys_replaced_once" {
		err = keyRotating()
	}
	if err != nil {
		if !old.ID.IsZero() {
			s.refused(ctx, by, err, "key.rotate_refused", old.object())
		}
		return "", Key{}, wrap("rotate key", err)
	}
	return secret, k, nil
}

func keyRotating() error {
	return fault.New(fault.Conflict, "key-rotating", "Two keys are live already. Revoke the one that is not used any more, then rotate the newest.")
}

// Keys lists every key, the newest first, those of no more use too. Like People it asks nobody's leave.
func (s *Service) Keys(ctx context.Context) ([]Key, error) {
	all, err := postgres.All[Key](ctx, s.db, keyColumns+`ORDER BY k.created_at DESC, k.id DESC`, pgx.StrictNamedArgs{"now": s.now()})
	return all, wrap("list keys", err)
}

// KeysFor lists the keys that hold a role in a market of by's scope, the newest first; an administrator sees all. Faults: Forbidden
// not-allowed; Invalid limit-invalid.
func (s *Service) KeysFor(ctx context.Context, by registry.Actor, l registry.List) (registry.Page[OwnKey], error) {
	var page registry.Page[OwnKey]
	args, err := s.reach(by)
	if err != nil {
		return page, err
	}
	n, err := l.Size()
	if err != nil {
		return page, err
	}
	var after *KeyID
	if of, err := id.Parse[Key](l.Cursor); err == nil {
		after = &of
	}
	args["after"], args["n"] = after, n+1
	keys, err := postgres.All[Key](ctx, s.db, keyColumns+`
		WHERE (@all OR k.id IN (`+holdersIn("key_id")+`)) AND (@after::uuid IS NULL OR k.id < @after) ORDER BY k.id DESC LIMIT @n`, args)
	if err != nil {
		return page, wrap("list keys", err)
	}
	if len(keys) > n {
		next := keys[n-1].ID.String()
		keys, page.Next = keys[:n], &next
	}
	yours, err := s.yours(ctx, by, grantsOf(keys, func(k Key) []registry.Grant { return k.Grants }))
	if err != nil {
		return page, err
	}
	page.Items = make([]OwnKey, len(keys))
	for i, k := range keys {
		page.Items[i] = OwnKey{k, yours[i]}
	}
	return page, nil
}

// OwnKey is a key in somebody's list.
type OwnKey struct {
	Key
	Yours bool `json:"yours"` // the reader may rotate and revoke it
}

// RevokeKey ends a key at once. It is named by its ID, its prefix, its name or, when it has leaked, by itself. One that was revoked
// before stays as it was.
//
// Faults: NotFound key-not-found; Conflict key-ambiguous; Forbidden grant-not-allowed.
func (s *Service) RevokeKey(ctx context.Context, by registry.Actor, which string) (Key, error) {
	var k Key
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) (err error) {
		at := s.now()
		if k, err = keyNamed(ctx, tx, at, which); err != nil {
			return err
		}
		if err := mayTouch(ctx, tx, by, k.Grants, keyNotFound()); err != nil {
			return err
		}
		if k.RevokedAt != nil {
			return nil
		}
		k.RevokedAt = &at
		if _, err := tx.Exec(ctx, `UPDATE keys SET revoked_at = @now WHERE id = @id`, pgx.StrictNamedArgs{"id": k.ID, "now": at}); err != nil {
			return err
		}
		return audit(ctx, tx, at, by, "key.revoked", k.object(), "revoked_at")
	})
	if err != nil {
		if !k.ID.IsZero() {
			s.refused(ctx, by, err, "key.revoke_refused", k.object())
		}
		return Key{}, wrap("revoke key", err)
	}
	return k, nil
}

func keyNamed(ctx context.Context, tx pgx.Tx, at time.Time, which string) (Key, error) {
	where, arg := `k.prefix = @which`, any(which)
	if of, err := id.Parse[Key](which); err == nil {
		where, arg = `k.id = @which`, of
	} else if looksLike(keyPrefix, which) {
		where, arg = `k.hash = @which`, hashOf(which)
	} else if !strings.HasPrefix(which, keyPrefix) { // a name; of keys that took each other's place the newest
		clean, _ := cleanName(which)
		where, arg = `k.name = @which AND k.revoked_at IS NULL AND k.expires_at > @now AND NOT EXISTS (SELECT 1 FROM keys n WHERE n.replaces = k.id)`, clean
	} else if !storable(which) {
		return Key{}, keyNotFound()
	}
	k, err := postgres.One[Key](ctx, tx, keyColumns+`WHERE `+where+` FOR UPDATE OF k`, pgx.StrictNamedArgs{"which": arg, "now": at})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return Key{}, keyNotFound()
	case errors.Is(err, pgx.ErrTooManyRows):
		return Key{}, fault.New(fault.Conflict, "key-ambiguous", "Several keys are called so. Name the key by its beginning or its ID.")
	}
	return k, err
}

// KeyActor is the key as an actor, with the grants as they are now. One statement, and a write once a minute at most.
// Faults: Unauthenticated key-refused.
func (s *Service) KeyActor(ctx context.Context, key, requestID string) (registry.Actor, error) {
	if !looksLike(keyPrefix, key) {
		return registry.Actor{}, keyRefused()
	}
	now := s.now()
	k, err := postgres.One[Key](ctx, s.db, keyColumns+`WHERE k.hash = @hash AND k.revoked_at IS NULL AND k.expires_at > @now`,
		pgx.StrictNamedArgs{"hash": hashOf(key), "now": now})
	if errors.Is(err, pgx.ErrNoRows) {
		return registry.Actor{}, keyRefused()
	}
	if err == nil && (k.UsedAt == nil || now.Sub(*k.UsedAt) >= seenEvery) {
		_, err = s.db.Exec(ctx, `UPDATE keys SET used_at = @now WHERE id = @id AND (used_at IS NULL OR used_at < @now)`,
			pgx.StrictNamedArgs{"id": k.ID, "now": now})
	}
	if err != nil {
		return registry.Actor{}, wrap("key", err)
	}
	return registry.Actor{ID: k.object(), Name: k.Name, Via: "api", RequestID: requestID, Grants: k.Grants}, nil
}

func keyNotFound() error {
	return fault.New(fault.NotFound, "key-not-found", "There is no such key here.")
}

func keyRefused() error {
	return fault.New(fault.Unauthenticated, "key-refused", "This key is unknown, expired or revoked.")
}
