package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"
)

type userCmd struct {
	Add  userAddCmd  `cmd:"" help:"Add a person."`
	List userListCmd `cmd:"" help:"List people."`
}

type userAddCmd struct {
	Name          string `arg:"" help:"What the person types to sign in."`
	Role          string `required:"" help:"clerk manager volunteer leader officer partner auditor admin."`
	Scope         string `required:"" help:"KIND:CODE, such as market:VT, area:92, provider:viettel_money; or all."`
	PasswordStdin bool   `help:"Read the password from standard input instead of printing a one-time link."`
	Address       string `env:"CHO40_ADDRESS,CHO40_PUBLIC_URL" default:"http://127.0.0.1:8080" help:"Where people open the service, for the link."`
}

// Run answers `cho40 user add`.
func (u userAddCmd) Run(ctx context.Context, c *config, out output) error {
	grant, err := registry.ParseGrant(u.Role, strings.TrimSuffix(u.Scope, ":"))
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
	if link == "" {
		_, err = fmt.Fprintf(out, "%s may sign in as %s over %s\n", p.Name, u.Role, u.Scope)
		return err
	}
	_, err = fmt.Fprintf(out, "%s may come in as %s over %s. One-time link, good for 48 hours:\n%s/welcome/%s\n", p.Name, u.Role, u.Scope, strings.TrimRight(u.Address, "/"), link)
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
		}
		rows[i] = []string{p.Name, grantList(p.Grants), state}
	}
	return c.list(out, people, []string{"name", "grants", "state"}, rows)
}

func grantList(gs []registry.Grant) string {
	said := make([]string, len(gs))
	for i, g := range gs {
		said[i] = strings.TrimSuffix(fmt.Sprintf("%s over %s:%s", g.Role, g.Kind, g.Code), ":")
	}
	return strings.Join(said, ", ")
}

type keyCmd struct {
	Add    keyAddCmd    `cmd:"" help:"Make a key; it is printed once."`
	List   keyListCmd   `cmd:"" help:"List keys."`
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
		if k.RevokedAt != nil {
			state = "revoked"
		}
		rows[i] = []string{k.Prefix, k.Name, grantList(k.Grants), state}
	}
	return c.list(out, keys, []string{"key", "name", "grants", "state"}, rows)
}

type keyRevokeCmd struct {
	Key string `arg:"" help:"The beginning of the key, as listed."`
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
