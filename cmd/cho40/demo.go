package main

import (
	"bytes"
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/base32"
	"fmt"
	"net"
	"strings"
	"time"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"
	"cho40/web"
)

// The demo market: a ledger of invented people under phone numbers that no operator has.
const (
	demoMarket = "DEMO"
	demoArea   = "31321" // phường Vị Thanh, thành phố Cần Thơ
	demoFile   = "so-cho-vi-thanh.xlsx"
	demoLate   = "Khu E" // the section that came in last
)

//go:embed demo/so-cho-vi-thanh.xlsx
var demoLedger []byte

// demoPeople may sign in to the demo, each with another role.
var demoPeople = []struct{ name, role, scope string }{
	{"quanly", "manager", "market:" + demoMarket},
	{"nhanvien", "clerk", "market:" + demoMarket},
	{"tinhnguyen", "volunteer", "market:" + demoMarket},
	{"canbo", "officer", "area:92"},
}

// loadDemo brings the demo market in once, by the same code that real ledgers take, each step on a day of its own so that
// every page has something to show.
func (a *app) loadDemo(ctx context.Context) error {
	console := registry.Console()
	if _, err := a.registry.Market(ctx, console, demoMarket); fault.KindOf(err) != fault.NotFound {
		return err
	}
	day := func(ago int) *registry.Service {
		at := time.Now().AddDate(0, 0, -ago)
		return registry.New(a.db, func() time.Time { return at })
	}
	planned := 500
	if _, err := day(75).AddMarket(ctx, console, registry.NewMarket{Code: demoMarket, Name: "Chợ Vị Thanh", Area: demoArea,
		PlannedStalls: &planned, Call: "0293 000 0040", Demo: true}); err != nil {
		return err
	}
	for _, p := range demoPeople {
		g, err := registry.ParseGrant(p.role, p.scope)
		if err == nil {
			_, _, err = a.auth.AddPerson(ctx, console, p.name, []registry.Grant{g}, "")
		}
		if err != nil && fault.CodeOf(err) != "person-exists" {
			return err
		}
	}
	manager, err := a.auth.PersonActor(ctx, demoPeople[0].name, "console")
	if err != nil {
		return err
	}
	volunteer, err := a.auth.PersonActor(ctx, demoPeople[2].name, "console")
	if err != nil {
		return err
	}
	// The last section came in this week: some of its accounts wait for the reader to approve them.
	if err := demoImport(ctx, day(70), func(r registry.ImportRow) bool { return r.Section != demoLate }); err != nil {
		return err
	}
	if err := demoApprove(ctx, day(63), manager, func(int) bool { return true }); err != nil {
		return err
	}
	if err := demoImport(ctx, day(3), func(r registry.ImportRow) bool { return r.Section == demoLate }); err != nil {
		return err
	}
	if err := demoApprove(ctx, day(2), manager, func(i int) bool { return i%3 > 0 }); err != nil {
		return err
	}
	sheet, err := web.SheetFor("", 0, nil)
	if err != nil {
		return err
	}
	for i, section := range []string{"Khu A", "Khu B", "Khu C"} {
		b, err := day(60-15*i).Issue(ctx, manager, demoMarket, registry.NewBatch{Sheet: sheet.Name(), Section: section}, web.Fits())
		if fault.CodeOf(err) == "nothing-to-print" {
			continue
		}
		if err != nil {
			return err
		}
		if err := day(59-15*i).Printed(ctx, manager, b.Ref); err != nil {
			return err
		}
		if err := demoRounds(ctx, day, volunteer, b.Ref, 60-15*i, i); err != nil {
			return err
		}
	}
	return nil
}

// demoImport commits some rows of the ledger.
func demoImport(ctx context.Context, reg *registry.Service, wanted func(registry.ImportRow) bool) error {
	im, err := reg.PreviewImport(ctx, registry.Console(), demoMarket, demoFile, bytes.NewReader(demoLedger), true)
	if err != nil {
		return err
	}
	rows := []int{}
	for _, r := range im.Rows {
		if r.Fate != "faulty" && wanted(r) {
			rows = append(rows, r.Row.Row)
		}
	}
	_, err = reg.CommitImport(ctx, registry.Console(), im.Ref, registry.CommitImport{Rows: rows, Attested: "vi-1"})
	return err
}

// demoApprove approves some of what waits.
func demoApprove(ctx context.Context, reg *registry.Service, by registry.Actor, wanted func(i int) bool) error {
	waiting, err := reg.Pending(ctx, by, demoMarket)
	if err != nil {
		return err
	}
	var decisions []registry.Decision
	for i, p := range waiting {
		if wanted(i) {
			decisions = append(decisions, registry.Decision{Account: p.ID, ETag: p.ETag(), Decision: "approve"})
		}
	}
	_, err = reg.DecideMany(ctx, by, demoMarket, decisions)
	return err
}

// demoRounds lets a volunteer hang most placards of a batch and look at some again.
func demoRounds(ctx context.Context, day func(ago int) *registry.Service, by registry.Actor, ref registry.BatchRef, issued, section int) error {
	_, placards, err := day(issued-1).Batch(ctx, by, ref)
	if err != nil {
		return err
	}
	consent := &registry.NewConsent{Version: "vi-1", Given: "face_to_face"}
	for i, p := range placards {
		if section == 2 && i%3 > 0 || i%9 == 8 {
			continue // printed, not hung yet
		}
		hung := max(issued-5-i%4, 1)
		if _, err := day(hung).RecordPlacard(ctx, by, p.Serial.String(),
			registry.NewPlacardEvent{Kind: "installed", HeardName: p.Holder, Consent: consent}); err != nil {
			return err
		}
		switch {
		case i%10 == 3:
		case section == 0 && i == 12:
			_, err = day(3).RecordPlacard(ctx, by, p.Serial.String(), registry.NewPlacardEvent{Kind: "checked", Payload: placards[0].Payload})
		default:
			_, err = day(max(hung-12, 1)).RecordPlacard(ctx, by, p.Serial.String(), registry.NewPlacardEvent{Kind: "checked", Payload: p.Payload})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// printDemoSignIns gives the demo's people new passwords, on loopback only: nobody else can use what is printed here. They need no
// second factor as long as all that they reach is invented; who reaches more is left alone.
func (a *app) printDemoSignIns(ctx context.Context, out output, at net.Addr) error {
	tcp, ok := at.(*net.TCPAddr)
	if !ok || !tcp.IP.IsLoopback() {
		_, err := fmt.Fprintln(out, "demo sign-ins are made on loopback only; start with --listen 127.0.0.1:8080")
		return err
	}
	_, _ = fmt.Fprintf(out, "demo market %s, sign in at http://%s/sign-in as\n", demoMarket, at)
	for _, p := range demoPeople {
		if demo, err := a.auth.OnlyDemo(ctx, p.name); err != nil {
			return err
		} else if !demo { // somebody real of this name, or a real market within reach by now
			_, _ = fmt.Fprintf(out, "  %-12s reaches a real market, so there is no sign-in for just anybody: cho40 user reset %s --second-factor\n", p.name, p.name)
			continue
		}
		password, err := demoPassword()
		if err != nil {
			return err
		}
		link, err := a.auth.NewLink(ctx, registry.Console(), p.name)
		if err == nil {
			err = a.auth.SetPassword(ctx, link, password)
		}
		if err == nil {
			_, err = a.auth.ResetFactor(ctx, registry.Console(), p.name) // a guest may have set one up
		}
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(out, "  %-12s %s   (%s)\n", p.name, password, p.role); err != nil {
			return err
		}
	}
	return nil
}

// demoPassword is 80 random bits in words short enough to copy.
func demoPassword() (string, error) {
	var b [10]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", err
	}
	s := strings.ToLower(base32.StdEncoding.EncodeToString(b[:]))
	return s[:4] + "-" + s[4:8] + "-" + s[8:12] + "-" + s[12:], nil
}

// printSetUp says where the first administrator is created, as long as there is none.
func (a *app) printSetUp(ctx context.Context, out output, at string) error {
	link, err := a.auth.SetUpLink(ctx)
	if err != nil || link == "" {
		return err
	}
	_, err = fmt.Fprintf(out, "nobody administers this service yet; create the first administrator, once, within 48 hours, at\n  %s/set-up/%s\n", at, link)
	return err
}
