package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"cho40/internal/fault"
	"cho40/internal/postgres"
	registry "cho40/vendor_registry"

	"github.com/jackc/pgx/v5"
	"github.com/pquerna/otp/hotp"
)

// The second factor: codes of RFC 6238 as authenticator apps know them (SHA-1, six digits, 30 seconds), and codes on paper for who
// lost the phone.
const (
	CodeDigits    = 6
	RecoveryCodes = 10

	step      = 30 * time.Second
	drift     = 1                // steps that a phone's clock may be off, either way
	setUpLife = 15 * time.Minute // for scanning a new secret and typing its first code
)

// factorRoles are the roles that nobody holds without a second factor.
var factorRoles = []registry.Role{registry.Manager, registry.Officer, registry.Partner, registry.Auditor, registry.Admin}

// NeedsFactor reports whether one of the grants is of a role that nobody holds without a second factor.
func NeedsFactor(grants []registry.Grant) bool {
	return slices.ContainsFunc(grants, func(g registry.Grant) bool { return slices.Contains(factorRoles, g.Role) })
}

// fresh wants a second factor not older than StepUpLives of who hands out roles, links and keys, where the own role has one: else a
// stolen session could make itself the two people whom a change of an account takes. Stopping somebody needs none.
func fresh(by registry.Actor, now time.Time) error {
	if strings.HasPrefix(by.ID, "person:") && NeedsFactor(by.Grants) {
		return by.Fresh(now)
	}
	return nil
}

// Secret is what an authenticator app keeps: 160 random bits in base32.
type Secret string

var base32Plain = base32.StdEncoding.WithPadding(base32.NoPadding)

func newFactor() Secret {
	b := make([]byte, 20)
	rand.Read(b) // never fails: it ends the program instead
	return Secret(base32Plain.EncodeToString(b))
}

// URI is the secret as apps scan it, for the account of somebody.
func (s Secret) URI(name string) string {
	return "otpauth://totp/" + url.PathEscape("cho40:"+name) + "?secret=" + string(s) + "&issuer=cho40"
}

// Groups is the secret as one types it: four characters at a time.
func (s Secret) Groups() string {
	var parts []string
	for part := range slices.Chunk([]byte(s), 4) {
		parts = append(parts, string(part))
	}
	return strings.Join(parts, " ")
}

// Code is the code that an app shows at a time.
func (s Secret) Code(at time.Time) string { return s.code(at.Unix() / int64(step.Seconds())) }

func (s Secret) code(n int64) string {
	code, err := hotp.GenerateCode(string(s), uint64(n))
	if err != nil {
		return "" // a secret that is none has no code, and no code is typed as nothing
	}
	return code
}

// match finds the step after the last used one, up to drift from now, whose code was typed. Every step is looked at, so that the time
// does not tell which.
func (s Secret) match(now time.Time, after int64, typed string) (found int64, ok bool) {
	current := now.Unix() / int64(step.Seconds())
	for n := current - drift; n <= current+drift; n++ {
		code := s.code(n)
		if same := subtle.ConstantTimeCompare([]byte(code), []byte(typed)) == 1; same && code != "" && n > after {
			found, ok = n, true
		}
	}
	return found, ok
}

// cleanCode is a code without the blanks and hyphens that people put into it.
func cleanCode(code string) string {
	if len(code) > 60 {
		return ""
	}
	return strings.ToUpper(strings.Map(func(r rune) rune {
		if r == '-' || unicode.IsSpace(r) {
			return -1
		}
		return r
	}, code))
}

// useCode uses up a code of the person, whose row the caller has locked: of the app or of the paper. The answer is "code", "recovery",
// or nothing when it is neither, or was used before.
func useCode(ctx context.Context, tx pgx.Tx, at time.Time, who PersonID, secret Secret, last int64, code string) (used string, err error) {
	typed := cleanCode(code)
	if len(typed) == CodeDigits {
		n, ok := secret.match(at, last, typed)
		if !ok {
			return "", nil
		}
		tag, err := tx.Exec(ctx, `UPDATE people SET totp_step = @step WHERE id = @id AND totp_step < @step`, pgx.StrictNamedArgs{"id": who, "step": n})
		if err != nil || tag.RowsAffected() == 0 {
			return "", err
		}
		return "code", nil
	}
	tag, err := tx.Exec(ctx, `UPDATE recovery_codes SET used_at = @now WHERE person_id = @id AND hash = @hash AND used_at IS NULL`,
		pgx.StrictNamedArgs{"id": who, "hash": recoveryHash(who, typed), "now": at})
	if err != nil || tag.RowsAffected() == 0 {
		return "", err
	}
	return "recovery", nil
}

// crockford spells recovery codes, without letters that are taken for digits.
var crockford = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

func recoveryHash(who PersonID, code string) []byte {
	code = strings.NewReplacer("O", "0", "I", "1", "L", "1").Replace(code)
	h := sha256.Sum256([]byte(who.String() + " " + code))
	return h[:]
}

// insertRecoveryCodes makes new codes for the paper; the earlier ones are void.
func insertRecoveryCodes(ctx context.Context, tx pgx.Tx, at time.Time, who PersonID) ([]string, error) {
	if _, err := tx.Exec(ctx, `DELETE FROM recovery_codes WHERE person_id = @id`, pgx.StrictNamedArgs{"id": who}); err != nil {
		return nil, err
	}
	codes := make([]string, RecoveryCodes)
	hashes := make([][]byte, RecoveryCodes)
	for i := range codes {
		b := make([]byte, 10)
		rand.Read(b)
		c := crockford.EncodeToString(b)
		codes[i] = strings.ToLower(c[:4] + "-" + c[4:8] + "-" + c[8:12] + "-" + c[12:])
		hashes[i] = recoveryHash(who, c)
	}
	_, err := tx.Exec(ctx, `INSERT INTO recovery_codes (person_id, hash, made_at) SELECT @id::uuid, unnest(@hashes::bytea[]), @now::timestamptz`,
		pgx.StrictNamedArgs{"id": who, "hashes": hashes, "now": at})
	return codes, err
}

// Factor is a person's second factor as its owner sees it.
type Factor struct {
	On        bool   // one is set up
	Needed    bool   // the role wants one
	SettingUp Secret // one that is being set up; empty: none
	Recovery  int    // codes on paper that are left
}

// Factor is how it stands with the second factor of the person who asks. Faults: Forbidden people-only.
func (s *Service) Factor(ctx context.Context, by registry.Actor) (Factor, error) {
	who, err := personOf(by)
	if err != nil {
		return Factor{}, err
	}
	now := s.now()
	f, err := postgres.One[Factor](ctx, s.db, `
		SELECT p.totp_secret IS NOT NULL AS "on", false AS needed,
		       CASE WHEN p.totp_next_at > @since THEN p.totp_next ELSE '' END AS setting_up,
		       (SELECT count(*) FROM recovery_codes r WHERE r.person_id = p.id AND r.used_at IS NULL) AS recovery
		FROM people p WHERE p.id = @id`, pgx.StrictNamedArgs{"id": who, "since": now.Add(-setUpLife)})
	f.Needed = NeedsFactor(by.Grants)
	return f, wrap("second factor", err)
}

// BeginFactor makes a secret for the person who asks; it counts once ConfirmFactor saw a code of it. Who has a second factor already
// shows it first. Faults: Unauthenticated step-up-needed; Forbidden people-only.
func (s *Service) BeginFactor(ctx context.Context, by registry.Actor) (Secret, error) {
	who, err := personOf(by)
	if err != nil {
		return "", err
	}
	secret := newFactor()
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		has, err := postgres.One[bool](ctx, tx, `SELECT totp_secret IS NOT NULL FROM people WHERE id = @id FOR UPDATE`, pgx.StrictNamedArgs{"id": who})
		if err != nil {
			return err
		}
		if has {
			if err := by.Fresh(s.now()); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, `UPDATE people SET totp_next = @secret, totp_next_at = @now WHERE id = @id`,
			pgx.StrictNamedArgs{"id": who, "secret": string(secret), "now": s.now()})
		return err
	})
	if err != nil {
		return "", wrap("begin second factor", err)
	}
	return secret, nil
}

// ConfirmFactor takes the first code of the secret that is being set up: from now on it is the person's second factor. The session
// goes on under a new token, others end; the codes for the paper are returned this once.
//
// Faults: Invalid code-wrong; Conflict no-set-up; Unauthenticated session-ended; Forbidden people-only.
func (s *Service) ConfirmFactor(ctx context.Context, by registry.Actor, token, code string) (renewed string, recovery []string, err error) {
	who, err := personOf(by)
	if err != nil {
		return "", nil, err
	}
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		at := s.now()
		secret, err := postgres.One[string](ctx, tx, `
			SELECT CASE WHEN totp_next_at > @since THEN totp_next ELSE '' END FROM people WHERE id = @id AND disabled_at IS NULL FOR UPDATE`,
			pgx.StrictNamedArgs{"id": who, "since": at.Add(-setUpLife)})
		if errors.Is(err, pgx.ErrNoRows) {
			return sessionEnded()
		}
		if err != nil {
			return err
		}
		if secret == "" {
			return fault.New(fault.Conflict, "no-set-up", "Nothing is being set up, or it took longer than %d minutes. Begin again.", int(setUpLife.Minutes()))
		}
		n, ok := Secret(secret).match(at, 0, cleanCode(code))
		if !ok {
			return fault.New(fault.Invalid, "code-wrong", "Some fields need mending.").
				With(fault.At("code", "wrong", "This is not the code that the app shows now. Is the phone's clock right?"))
		}
		if _, err := tx.Exec(ctx, `UPDATE people SET totp_secret = totp_next, totp_step = @step, totp_next = NULL, totp_next_at = NULL WHERE id = @id`,
			pgx.StrictNamedArgs{"id": who, "step": n}); err != nil {
			return err
		}
		if renewed, err = renewSession(ctx, tx, at, who, token); err != nil {
			return err
		}
		if err := endSessionsBut(ctx, tx, who, renewed); err != nil {
			return err
		}
		if recovery, err = insertRecoveryCodes(ctx, tx, at, who); err != nil {
			return err
		}
		return audit(ctx, tx, at, by, "factor.set_up", by.ID, "second_factor", "recovery_codes")
	})
	if err != nil {
		return "", nil, wrap("confirm second factor", err)
	}
	return renewed, recovery, nil
}

// NewRecoveryCodes makes new codes for the paper; the earlier ones are void.
//
// Faults: Unauthenticated step-up-needed; Conflict no-second-factor; Forbidden people-only.
func (s *Service) NewRecoveryCodes(ctx context.Context, by registry.Actor) (codes []string, err error) {
	who, err := personOf(by)
	if err != nil {
		return nil, err
	}
	at := s.now()
	if err := by.Fresh(at); err != nil {
		return nil, err
	}
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		has, err := postgres.One[bool](ctx, tx, `SELECT totp_secret IS NOT NULL FROM people WHERE id = @id FOR UPDATE`, pgx.StrictNamedArgs{"id": who})
		if err != nil {
			return err
		}
		if !has {
			return noFactor()
		}
		if codes, err = insertRecoveryCodes(ctx, tx, at, who); err != nil {
			return err
		}
		return audit(ctx, tx, at, by, "factor.recovery_made", by.ID, "recovery_codes")
	})
	if err != nil {
		return nil, wrap("make recovery codes", err)
	}
	return codes, nil
}

// IssueFactor gives a person a second factor from the console, which hands the secret over; sessions end and codes on paper are void.
// Faults: NotFound person-not-found; Forbidden grant-not-allowed to anybody but the console.
func (s *Service) IssueFactor(ctx context.Context, by registry.Actor, which string) (Secret, error) {
	if by.ID != "console" {
		return "", wrap("issue second factor", notYours())
	}
	secret := newFactor()
	_, err := s.change(ctx, by, which, "factor.issued", "second_factor", func(tx pgx.Tx, p *Person, _ time.Time) error {
		p.HasFactor = true
		return setFactor(ctx, tx, p.ID, &secret)
	})
	if err != nil {
		return "", err
	}
	return secret, nil
}

// ResetFactor takes a second factor away from who lost phone and paper: at the next sign-in, with the password, a new one is set up.
// Faults: NotFound person-not-found; Forbidden grant-not-allowed; Unauthenticated step-up-needed.
func (s *Service) ResetFactor(ctx context.Context, by registry.Actor, which string) (Person, error) {
	return s.change(ctx, by, which, "factor.reset", "second_factor", func(tx pgx.Tx, p *Person, at time.Time) error {
		if err := fresh(by, at); err != nil {
			return err
		}
		p.HasFactor = false
		return setFactor(ctx, tx, p.ID, nil)
	})
}

func setFactor(ctx context.Context, tx pgx.Tx, who PersonID, secret *Secret) error {
	if _, err := tx.Exec(ctx, `UPDATE people SET totp_secret = @secret, totp_step = 0, totp_next = NULL, totp_next_at = NULL WHERE id = @id`,
		pgx.StrictNamedArgs{"id": who, "secret": (*string)(secret)}); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM recovery_codes WHERE person_id = @id`, pgx.StrictNamedArgs{"id": who}); err != nil {
		return err
	}
	return endSessions(ctx, tx, who)
}

// OnlyDemo reports whether all that a person's grants reach is markets of invented people, as in a demo; false when there is nobody of
// this name.
func (s *Service) OnlyDemo(ctx context.Context, which string) (bool, error) {
	p, err := s.personNamed(ctx, s.db, which, "")
	if fault.KindOf(err) == fault.NotFound {
		return false, nil
	}
	if err != nil || len(p.Grants) == 0 {
		return false, wrap("only demo", err)
	}
	demo, err := onlyDemo(ctx, s.db, s.now(), p.ID)
	return demo, wrap("only demo", err)
}

// onlyDemo reports whether all that a person's grants reach is markets of invented people, where nothing can be paid and nobody can be
// hurt: there the roles need no second factor, so that a demo opens with the password that it prints.
func onlyDemo(ctx context.Context, db postgres.Querier, now time.Time, who PersonID) (bool, error) {
	return postgres.One[bool](ctx, db, `
		SELECT NOT EXISTS (
			SELECT FROM grants g
			LEFT JOIN LATERAL (
				SELECT bool_and(m.demo) AS demo FROM markets m LEFT JOIN areas a ON a.code = m.area_code
				WHERE g.scope_kind = 'market' AND m.code = g.scope_code
				   OR g.scope_kind = 'area' AND (m.area_code = g.scope_code OR a.parent = g.scope_code)) r ON true
			WHERE g.person_id = @id AND (g.ends_at IS NULL OR g.ends_at > @now) AND r.demo IS NOT TRUE)`,
		pgx.StrictNamedArgs{"id": who, "now": now})
}

func noFactor() error {
	return fault.New(fault.Conflict, "no-second-factor", "No second factor is set up. Set one up first.")
}

func codeWrong() error {
	return fault.New(fault.Unauthenticated, "code-wrong", "This code is not right, or was used already. Wait for the app's next one.")
}

// CodeNeeded is the answer to a right password where the code is owed and there is no second step: Unauthenticated code-needed.
func CodeNeeded() error {
	return fault.New(fault.Unauthenticated, "code-needed", "Type the code of your authenticator app, or one of your recovery codes.")
}

func notYours() error {
	return fault.New(fault.Forbidden, "grant-not-allowed", "Your own role does not let you do this.")
}
