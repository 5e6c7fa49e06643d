package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"cho40/internal/auth"
	"cho40/internal/fault"
	registry "cho40/vendor_registry"
)

type userCmd struct {
	Add     userAddCmd     `cmd:"" help:"Add a person."`
	List    userListCmd    `cmd:"" help:"List people."`
	Reset   userResetCmd   `cmd:"" help:"A new sign-in link for who forgot the password; with --second-factor also a new TOTP secret."`
	Disable userDisableCmd `cmd:"" help:"Keep a person out: sessions end, links and PIN are void."`
	Enable  userEnableCmd  `cmd:"" help:"Let a person in again."`
}

type userAddCmd struct {
	Name          string `arg:"" help:"What the person types to sign in."`
	Role          string `required:"" help:"clerk manager volunteer leader officer partner auditor admin."`
	Scope         string `required:"" help:"KIND:CODE, such as market:VT, area:92, provider:viettel_money; or all."`
	Until         string `placeholder:"DAY" help:"Last day of the role, such as 2027-06-30; without it, no end."`
	PasswordStdin bool   `help:"Read the password from standard input instead of printing a one-time link."`
	Address       string `env:"CHO40_ADDRESS,CHO40_PUBLIC_URL" default:"http://127.0.0.1:8080" help:"Where people open the service, for the link."`
}

// handedOver is what the console prints of a person, once.
type handedOver struct {
	Name   string      `json:"name"`
	Link   string      `json:"link,omitempty"`
	Secret auth.Secret `json:"totp_secret,omitempty"`
	URI    string      `json:"totp_uri,omitempty"`
}

// say prints what is handed over, below a sentence.
func (h handedOver) say(c *config, out output, sentence string) error {
	if c.Format != "table" {
		return c.list(out, h, []string{"name", "link", "totp_secret", "totp_uri"}, [][]string{{h.Name, h.Link, string(h.Secret), h.URI}})
	}
	if h.Link != "" {
		sentence += ". One-time link, good for 48 hours:\n" + h.Link
	}
	if h.Secret != "" {
		sentence += fmt.Sprintf("\nTOTP secret for an authenticator app, shown this once:\n%s\n%s", h.Secret, h.URI)
	}
	_, err := fmt.Fprintln(out, sentence)
	return err
}

// Run answers `cho40 user add`.
func (u userAddCmd) Run(ctx context.Context, c *config, out output) error {
	grant, err := registry.ParseGrant(u.Role, strings.TrimSuffix(u.Scope, ":"))
	if err == nil && u.Until != "" {
		grant.Until, err = registry.ParseDay(u.Until)
	}
	if err != nil {
		return err
	}
	password := ""
	if u.PasswordStdin {
		line, err := bufio.NewReader(os.Stdin).ReadString('\n')
		if password = strings.TrimRight(line, "\r\n"); password == "" {
			return fault.New(fault.Invalid, "password-missing", "Standard input holds no password.").Because(err)
		}
	}
	a, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	p, link, err := a.auth.AddPerson(ctx, registry.Console(), u.Name, []registry.Grant{grant}, password)
	if err != nil {
		return err
	}
	h := handedOver{Name: p.Name}
	if auth.NeedsFactor(p.Grants) {
		if h.Secret, err = a.auth.IssueFactor(ctx, registry.Console(), p.ID.String()); err != nil {
			return err
		}
		h.URI = h.Secret.URI(p.Name)
	}
	may := "may sign in"
	if link != "" {
		h.Link, may = u.Address+"/welcome/"+link, "may come in"
	}
	return h.say(c, out, fmt.Sprintf("%s %s as %s over %s", p.Name, may, u.Role, u.Scope))
}

type userResetCmd struct {
	Name         string `arg:"" help:"Whose, by name."`
	SecondFactor bool   `help:"The phone is lost too: print a new TOTP secret; the old one and its recovery codes are void."`
	Address      string `env:"CHO40_ADDRESS" default:"http://127.0.0.1:8080" help:"Where the service is reached, for the link."`
}

// Run answers `cho40 user reset`.
func (u userResetCmd) Run(ctx context.Context, c *config, out output) error {
	a, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	link, err := a.auth.NewLink(ctx, registry.Console(), u.Name)
	if err != nil {
		return err
	}
	h := handedOver{Name: u.Name, Link: u.Address + "/welcome/" + link}
	if u.SecondFactor {
		if h.Secret, err = a.auth.IssueFactor(ctx, registry.Console(), u.Name); err != nil {
			return err
		}
		h.URI = h.Secret.URI(u.Name)
	}
	return h.say(c, out, u.Name+" chooses a new password")
}

type userDisableCmd struct {
	Name string `arg:"" help:"Whom, by name."`
}

// Run answers `cho40 user disable`.
func (u userDisableCmd) Run(ctx context.Context, c *config, out output) error {
	a, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	p, err := a.auth.Disable(ctx, registry.Console(), u.Name)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, p.Name, "is kept out from now on")
	return err
}

type userEnableCmd struct {
	Name string `arg:"" help:"Whom, by name."`
}

// Run answers `cho40 user enable`.
func (u userEnableCmd) Run(ctx context.Context, c *config, out output) error {
	a, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	p, err := a.auth.Enable(ctx, registry.Console(), u.Name)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, p.Name, "may sign in again")
	return err
}

type userListCmd struct{}

// Run answers `cho40 user list`.
func (userListCmd) Run(ctx context.Context, c *config, out output) error {
	a, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	people, err := a.auth.People(ctx)
	if err != nil {
		return err
	}
	rows := make([][]string, len(people))
	for i, p := range people {
		state := "active"
		switch {
		case p.DisabledAt != nil:
			state = "disabled"
		case !p.HasPassword:
			state = "invited"
		case auth.NeedsFactor(p.Grants) && !p.HasFactor:
			state = "no second factor"
		}
		rows[i] = []string{p.Name, grantList(p.Grants), state}
	}
	return c.list(out, people, []string{"name", "grants", "state"}, rows)
}

func grantList(gs []registry.Grant) string {
	said := make([]string, len(gs))
	for i, g := range gs {
		said[i] = strings.TrimSuffix(fmt.Sprintf("%s over %s:%s", g.Role, g.Kind, g.Code), ":")
		if !g.Until.IsZero() {
			said[i] += " until " + g.Until.String()
		}
	}
	return strings.Join(said, ", ")
}

type keyCmd struct {
	Add    keyAddCmd    `cmd:"" help:"Make a key; it is printed once."`
	List   keyListCmd   `cmd:"" help:"List keys."`
	Rotate keyRotateCmd `cmd:"" help:"Make a key in the place of another, which lives on for 7 days at most; it is printed once."`
	Revoke keyRevokeCmd `cmd:"" help:"End a key."`
}

type keyAddCmd struct {
	Name  string `arg:"" help:"What the key is for."`
	Role  string `required:"" help:"clerk manager volunteer leader officer partner auditor admin; a key never approves."`
	Scope string `required:"" help:"KIND:CODE, such as market:VT; or all."`
	Days  int    `default:"365" help:"Days until it expires, at most 365."`
}

// Run answers `cho40 key add`.
func (k keyAddCmd) Run(ctx context.Context, c *config, out output) error {
	grant, err := registry.ParseGrant(k.Role, strings.TrimSuffix(k.Scope, ":"))
	if err != nil {
		return err
	}
	a, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	key, _, err := a.auth.AddKey(ctx, registry.Console(), k.Name, []registry.Grant{grant}, time.Duration(k.Days)*24*time.Hour)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, key)
	return err
}

type keyListCmd struct{}

// Run answers `cho40 key list`.
func (keyListCmd) Run(ctx context.Context, c *config, out output) error {
	a, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	keys, err := a.auth.Keys(ctx)
	if err != nil {
		return err
	}
	rows := make([][]string, len(keys))
	for i, k := range keys {
		state := "until " + k.ExpiresAt.Format(time.DateOnly)
		switch {
		case k.RevokedAt != nil:
			state = "revoked"
		case !k.ExpiresAt.After(time.Now()):
			state = "ended"
		}
		used := "never"
		if k.UsedAt != nil {
			used = k.UsedAt.UTC().Format(time.RFC3339)
		}
		rows[i] = []string{k.Prefix, k.Name, grantList(k.Grants), state, used}
	}
	return c.list(out, keys, []string{"key", "name", "grants", "state", "last_used"}, rows)
}

type keyRotateCmd struct {
	Key string `arg:"" help:"Its name, or its beginning as listed."`
}

// Run answers `cho40 key rotate`.
func (k keyRotateCmd) Run(ctx context.Context, c *config, out output) error {
	a, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	secret, _, err := a.auth.RotateKey(ctx, registry.Console(), k.Key)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, secret)
	return err
}

type keyRevokeCmd struct {
	Key string `arg:"" help:"The beginning of the key, as listed, or its name."`
}

// Run answers `cho40 key revoke`.
func (k keyRevokeCmd) Run(ctx context.Context, c *config, out output) error {
	a, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	key, err := a.auth.RevokeKey(ctx, registry.Console(), k.Key)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, "revoked", key.Prefix, key.Name)
	return err
}
