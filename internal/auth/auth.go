// Package auth proves who somebody is: people with passwords, sessions and one-time links, keys for programs, and the brake
// on guessing. It yields a registry.Actor; what an actor may do is the registry's rule. Only who may grant what stands here,
// beside the grants.
//
// Of every secret (session, link, key) the database holds a SHA-256, which is enough for 256 random bits, and of passwords
// an Argon2id hash. No fault, log line or audit event holds a secret or a person's name.
package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"runtime"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres"
	registry "cho40/vendor_registry"

	"github.com/jackc/pgx/v5"
	"golang.org/x/text/unicode/norm"
)

// Service is who may come in, on a database or on the transaction it was bound to.
type Service struct {
	db      postgres.DB
	apart   postgres.DB // for what must be kept although the caller's transaction is rolled back
	now     func() time.Time
	hashing chan struct{} // one slot for each password hash that runs
}

// New makes a service with room for a few password hashes at once, so make one for the whole program.
func New(db postgres.DB, now func() time.Time) *Service {
	return &Service{
		db:      db,
		apart:   db,
		now:     func() time.Time { return now().UTC().Truncate(time.Microsecond) },
		hashing: make(chan struct{}, min(runtime.GOMAXPROCS(0), mostHashes)),
	}
}

// On is the same service inside the caller's transaction.
func (s *Service) On(tx pgx.Tx) *Service {
	return &Service{db: tx, apart: s.apart, now: s.now, hashing: s.hashing}
}

// audit writes one event to the service's own chain. The chain's lock lasts until the transaction ends, so this comes last.
func audit(ctx context.Context, tx pgx.Tx, at time.Time, by registry.Actor, action, object string, fields ...string) error {
	return registry.Audit(ctx, tx, at, by, id.ID[registry.Market]{}, registry.Event{Action: action, Object: object, Fields: fields})
}

// refused keeps the trace of an act that the actor's role does not allow, or that wanted a fresh second factor, apart from the transaction
// that was rolled back. Another fault, or none, is no refusal.
func (s *Service) refused(ctx context.Context, by registry.Actor, err error, action, object string) {
	kind := fault.KindOf(err)
	if kind != fault.Forbidden && kind != fault.Unauthenticated {
		return
	}
	_ = pgx.BeginFunc(ctx, s.apart, func(tx pgx.Tx) error { // the refusal itself stands whether or not its trace could be kept
		return audit(ctx, tx, s.now(), by, action, object, fault.CodeOf(err))
	})
}

// secretSize is the length of a secret as text: 256 random bits in hex, so that a double click selects it whole.
const secretSize = 2 * sha256.Size

// newSecret makes 256 random bits behind a prefix, and the hash to keep.
func newSecret(prefix string) (secret string, hash []byte) {
	b := make([]byte, secretSize/2)
	rand.Read(b) // never fails: it ends the program instead
	secret = prefix + hex.EncodeToString(b)
	return secret, hashOf(secret)
}

func hashOf(secret string) []byte {
	h := sha256.Sum256([]byte(secret))
	return h[:]
}

// looksLike spares the database what cannot be one of our secrets.
func looksLike(prefix, secret string) bool {
	rest, ok := strings.CutPrefix(secret, prefix)
	return ok && len(rest) == secretSize && strings.Trim(rest, "0123456789abcdef") == ""
}

// mostName is the longest name of a person or a key, in characters.
const mostName = 60

// cleanName brings a name to the one form in which it is stored, and says what is wrong with it.
func cleanName(name string) (clean string, bad []fault.Field) {
	if !utf8.ValidString(name) {
		return "", []fault.Field{fault.At("name", "bad-character", "It holds bytes that are no text.")}
	}
	clean = strings.Join(strings.Fields(norm.NFC.String(name)), " ")
	for _, r := range clean {
		if !unicode.IsPrint(r) || r == utf8.RuneError {
			return "", []fault.Field{fault.At("name", "bad-character", "It holds a character that cannot be seen (U+%04X). Type it again.", r)}
		}
	}
	switch n := utf8.RuneCountInString(clean); {
	case n == 0:
		bad = append(bad, fault.At("name", "required", "This must be filled in."))
	case n > mostName:
		bad = append(bad, fault.At("name", "too-long", "It has %d characters; at most %d fit.", n, mostName))
	}
	return clean, bad
}

// nameKey is what two spellings of one name share.
func nameKey(clean string) string { return norm.NFC.String(strings.ToLower(clean)) }

// storable reports whether a code can be compared with those in the database, which refuses NUL and broken text.
func storable(code string) bool {
	return len(code) <= 40 && utf8.ValidString(code) && !strings.ContainsFunc(code, func(r rune) bool { return !unicode.IsPrint(r) })
}

// wrap names the operation, once for the package; never the subject, which may be a person's name.
func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("auth: %s: %w", doing, err)
}

func isPerson(by registry.Actor, who PersonID) bool { return by.ID == "person:"+who.String() }
