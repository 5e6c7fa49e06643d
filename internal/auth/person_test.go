package auth_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cho40/internal/auth"
	"cho40/internal/fault"
	"cho40/internal/postgres"
	registry "cho40/vendor_registry"
)

func TestAddPerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.person(t, "Lan Anh", clerkVT)
	for _, tt := range []struct {
		name   string
		person string
		grants []registry.Grant
		pass   string
		want   string // code of the fault
	}{
		{"a clerk with a password", "Minh", []registry.Grant{clerkVT}, goodPassword, ""},
		{"sixty characters", strings.Repeat("ệ", 60), []registry.Grant{clerkVT}, "", ""},
		{"sixty-one", strings.Repeat("ệ", 61), []registry.Grant{clerkVT}, "", "person-invalid"},
		{"no name", "  ", []registry.Grant{clerkVT}, "", "person-invalid"},
		{"the same name", "Lan Anh", []registry.Grant{clerkVT}, "", "person-exists"},
		{"the same in capitals and blanks", "  LAN   ANH ", []registry.Grant{clerkVT}, "", "person-exists"},
		{"nothing granted", "An", nil, "", "grants-invalid"},
		{"too many grants", "An", slices.Repeat([]registry.Grant{clerkVT}, 51), "", "grants-invalid"},
		{"a role that is none", "An", []registry.Grant{{Role: "king", Kind: "all"}}, "", "role-unknown"},
		{"a clerk over everything", "An", []registry.Grant{{Role: "clerk", Kind: "all"}}, "", "scope-wrong"},
		{"no such market", "An", []registry.Grant{grant("clerk", "market:NO")}, "", "market-not-found"},
		{"no such area", "An", []registry.Grant{grant("officer", "area:99999")}, "", "area-not-found"},
		{"no such team", "An", []registry.Grant{grant("leader", "team:T1")}, "", "team-not-found"},
		{"no such provider", "An", []registry.Grant{grant("partner", "provider:nobody")}, "", "provider-not-found"},
		{"an administrator and a clerk", "An", []registry.Grant{admin, clerkVT}, "", "grants-invalid"},
		{"an auditor and an officer", "An", []registry.Grant{grant("auditor", "all"), grant("officer", "all")}, "", "grants-invalid"},
		{"a partner and a manager", "An", []registry.Grant{grant("partner", "provider:vcb"), managerVT}, "", "grants-invalid"},
		{"a role that ended yesterday", "An", []registry.Grant{{Role: "clerk", Kind: "market", Code: "VT", Until: yesterday(w)}}, "", "grants-invalid"},
		{"one right, one wrong", "An", []registry.Grant{clerkVT, grant("clerk", "market:NO")}, "", "market-not-found"},
		{"a weak password", "An", []registry.Grant{clerkVT}, "matkhau12345", "password-weak"},
		{"the name of who failed is still free", "An", []registry.Grant{clerkVT}, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, link, err := w.AddPerson(t.Context(), registry.Console(), tt.person, tt.grants, tt.pass)
			wantCode(t, err, tt.want)
			if err == nil && ((link == "") == (tt.pass == "") || p.HasPassword == (tt.pass == "")) {
				t.Errorf("link %q, HasPassword %v with password %q", link, p.HasPassword, tt.pass)
			}
			if err != nil && (link != "" || !p.ID.IsZero()) {
				t.Errorf("a fault came with %v, %q", p, link)
			}
		})
	}
}

func yesterday(w *world) registry.Day { return registry.DayOf(w.now().Add(-24 * time.Hour)) }

// A day's end is that of the market's calendar.
func TestARoleEndsWithItsLastDay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	today := clerkVT
	today.Until = registry.DayOf(w.now()) // 08:00 there
	by := w.actor(t, "Lan", today)
	for _, tt := range []struct {
		pass time.Duration
		want int
	}{{15*time.Hour + 59*time.Minute, 1}, {time.Minute, 0}} {
		w.pass(tt.pass)
		if got, err := w.PersonActor(t.Context(), "Lan", "web"); err != nil || len(got.Grants) != tt.want || got.ID != by.ID {
			t.Errorf("at %v: %v, %v; want %d", w.now(), got.Grants, err, tt.want)
		}
	}
	// Who was a clerk may become an auditor: the two are never in force at one time.
	if _, err := w.SetGrants(t.Context(), registry.Console(), "Lan", []registry.Grant{grant("auditor", "all")}); err != nil {
		t.Error(err)
	}
}

// Roles that do not go together are refused by the database, whatever the program forgets.
func TestRolesThatDoNotGoTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	scope := map[string][2]string{"clerk": {"market", "VT"}, "manager": {"market", "VT"}, "volunteer": {"market", "VT"}, "leader": {"market", "VT"},
		"officer": {"area", "92"}, "partner": {"provider", "vcb"}, "auditor": {"all", ""}, "admin": {"all", ""}}
	alone := []string{"partner", "auditor", "admin"}
	give := func(who, role string, from, until any) error {
		_, err := w.db.Exec(t.Context(), `
			INSERT INTO grants (id, person_id, role, scope_kind, scope_code, created_by, created_at, ends_at)
			VALUES (gen_random_uuid(), (SELECT id FROM people WHERE name = $1), $2, $3, $4, 'test', $5, $6)`,
			who, role, scope[role][0], scope[role][1], from, until)
		return err
	}
	now := w.now()
	for a := range scope {
		for b := range scope {
			who := a + " " + b
			w.actor(t, who, grant(a, strings.TrimSuffix(scope[a][0]+":"+scope[a][1], ":")))
			want := ""
			if a != b && (slices.Contains(alone, a) || slices.Contains(alone, b)) {
				want = "grants_one_duty"
			}
			if err := give(who, b, now, nil); postgres.Violated(err) != want || (want == "") != (err == nil) {
				t.Errorf("%s: %v, want %q", who, err, want)
			}
		}
	}
	if err := give("clerk admin", "admin", now.Add(-time.Hour), now); err != nil {
		t.Errorf("one after the other: %v", err)
	}
	if err := give("clerk admin", "admin", now.Add(time.Hour), now.Add(2*time.Hour)); postgres.Violated(err) != "grants_one_duty" {
		t.Errorf("a stretch within: %v", err)
	}
	// Two who hand out at the same time.
	var errs [2]error
	var wg sync.WaitGroup
	w.actor(t, "Race", clerkVT)
	w.exec(t, `UPDATE grants SET ends_at = created_at WHERE person_id = (SELECT id FROM people WHERE name = 'Race')`)
	for i, role := range []string{"admin", "auditor"} {
		wg.Go(func() { errs[i] = give("Race", role, now, nil) })
	}
	wg.Wait()
	if (errs[0] == nil) == (errs[1] == nil) {
		t.Errorf("both or none: %v", errs)
	}
}

func TestGrantsAreStoredAsTheyAreSpelt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	until, err := registry.ParseDay("2026-11-22")
	if err != nil {
		t.Fatal(err)
	}
	lastDay := grant("leader", "market:VT")
	lastDay.Until = until
	by := w.actor(t, "Ba", grant("clerk", "market:vt"), clerkVT, grant("officer", "area:92"), lastDay)
	over92 := grant("officer", "area:92")
	over92.Since = "2026-11-22" // the day on whose map it is read
	want := []registry.Grant{clerkVT, over92, lastDay}
	if !slices.Equal(by.Grants, want) {
		t.Errorf("grants = %v, want %v", by.Grants, want)
	}
	if by := w.actor(t, "Firm", grant("partner", "provider:971005")); !slices.Equal(by.Grants, []registry.Grant{grant("partner", "provider:viettel_money")}) {
		t.Errorf("grants = %v", by.Grants)
	}
	people, err := w.People(t.Context())
	if err != nil || len(people) != 2 || !slices.Equal(people[0].Grants, want) || people[0].HasPassword || people[0].DisabledAt != nil {
		t.Errorf("people = %+v, %v", people, err)
	}
}

func TestWhoMayGrantWhat(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	who := map[string]registry.Actor{
		"console":                 registry.Console(),
		"nobody":                  {},
		"admin":                   w.actor(t, "admin", admin),
		"province's officer":      w.actor(t, "po", grant("officer", "area:92")),
		"ward's officer":          w.actor(t, "wo", grant("officer", "area:31321")),
		"manager":                 w.actor(t, "m", managerVT),
		"leader":                  w.actor(t, "l", grant("leader", "market:VT")),
		"clerk":                   w.actor(t, "c", clerkVT),
		"auditor":                 w.actor(t, "a", grant("auditor", "all")),
		"manager here, clerk far": w.actor(t, "mc", managerVT, grant("clerk", "market:CT")),
	}
	_, k, err := w.AddKey(t.Context(), registry.Console(), "k", []registry.Grant{admin}, 0)
	if err != nil {
		t.Fatal(err)
	}
	who["key of an admin"] = registry.Actor{ID: "key:" + k.ID.String(), Grants: k.Grants}
	const no, unknown = "grant-not-allowed", "market-not-found"
	for _, tt := range []struct {
		by, role, scope, want string
	}{
		{"console", "admin", "all", ""},
		{"console", "manager", "market:VT", ""},
		{"nobody", "clerk", "market:VT", unknown},
		{"nobody", "admin", "all", no},
		{"admin", "admin", "all", ""},
		{"admin", "officer", "area:92", ""},
		{"admin", "clerk", "market:HP", ""},
		{"key of an admin", "clerk", "market:VT", no},
		{"key of an admin", "admin", "all", no},
		{"province's officer", "manager", "market:VT", ""},
		{"province's officer", "manager", "market:CT", ""},
		{"province's officer", "manager", "market:HP", unknown},
		{"province's officer", "officer", "area:31321", no},
		{"province's officer", "auditor", "all", no},
		{"ward's officer", "manager", "market:VT", ""},
		{"ward's officer", "manager", "market:CT", unknown},
		{"manager", "clerk", "market:VT", ""},
		{"manager", "leader", "market:VT", ""},
		{"manager", "volunteer", "market:VT", ""},
		{"manager", "manager", "market:VT", no},
		{"manager", "clerk", "market:CT", unknown},
		{"manager", "admin", "all", no},
		{"leader", "volunteer", "market:VT", ""},
		{"leader", "leader", "market:VT", no},
		{"leader", "clerk", "market:VT", no},
		{"clerk", "volunteer", "market:VT", no},
		{"auditor", "volunteer", "market:VT", no},
		{"manager here, clerk far", "clerk", "market:VT", ""},
		{"manager here, clerk far", "clerk", "market:CT", no},
	} {
		t.Run(tt.by+" to "+tt.role+" over "+tt.scope, func(t *testing.T) {
			_, _, err := w.AddPerson(t.Context(), who[tt.by], strings.ReplaceAll(t.Name(), "_", " ")[len("TestWhoMayGrantWhat/"):], []registry.Grant{grant(tt.role, tt.scope)}, "")
			wantCode(t, err, tt.want)
			_, _, err = w.AddKey(t.Context(), who[tt.by], "key", []registry.Grant{grant(tt.role, tt.scope)}, 0)
			wantCode(t, err, tt.want)
		})
	}
}

func TestChangingAPerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	manager, leader := w.actor(t, "quản lý", managerVT), w.actor(t, "tổ trưởng", grant("leader", "market:VT"))
	far, root := w.actor(t, "nơi khác", grant("manager", "market:HP")), w.actor(t, "quản trị", admin)
	w.person(t, "Lan", clerkVT)
	w.person(t, "Cũ", clerkVT)
	w.exec(t, `UPDATE grants SET ends_at = created_at WHERE person_id = (SELECT id FROM people WHERE name = 'Cũ')`)

	for _, tt := range []struct {
		name string
		by   registry.Actor
		who  string
		want string
	}{
		{"their manager", manager, "Lan", ""},
		{"a leader is no clerk's superior", leader, "Lan", "grant-not-allowed"},
		{"a manager of elsewhere knows nobody here", far, "Lan", "person-not-found"},
		{"nobody of this name", manager, "Không Ai", "person-not-found"},
		{"a manager does not take over a manager", manager, "quản lý", "grant-not-allowed"},
		{"nor an admin", manager, "quản trị", "person-not-found"},
		{"an admin does", root, "quản lý", ""},
		{"who holds nothing is the admin's", manager, "Cũ", "person-not-found"},
		{"and the admin can", root, "Cũ", ""},
		{"the console always", registry.Console(), "quản trị", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := w.NewLink(ctx, tt.by, tt.who)
			wantCode(t, err, tt.want)
			_, err = w.Disable(ctx, tt.by, tt.who)
			wantCode(t, err, tt.want)
			_, err = w.Enable(ctx, tt.by, tt.who)
			wantCode(t, err, tt.want)
		})
	}

	_, err := w.SetGrants(ctx, root, "quản trị", []registry.Grant{admin})
	wantCode(t, err, "own-grants")
	_, err = w.SetGrants(ctx, manager, "Lan", []registry.Grant{managerVT})
	wantCode(t, err, "grant-not-allowed")
	p, err := w.SetGrants(ctx, manager, "lan", []registry.Grant{grant("leader", "market:VT")})
	if err != nil || p.Name != "Lan" || len(p.Grants) != 1 || p.Grants[0].Role != registry.Leader {
		t.Errorf("person = %+v, %v", p, err)
	}
	w.pass(time.Hour)
	a, err := w.PersonActor(ctx, "LAN", "console")
	if err != nil || a.ID != "person:"+p.ID.String() || a.Via != "console" || !slices.Equal(a.Grants, p.Grants) {
		t.Errorf("actor = %+v, %v", a, err)
	}
}

func TestDisabled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	w.person(t, "Lan", clerkVT)
	token := w.signIn(t, "Lan")
	link, err := w.NewLink(ctx, registry.Console(), "Lan")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Disable(ctx, registry.Console(), "Lan"); err != nil {
		t.Fatal(err)
	}
	_, err = w.Session(ctx, token, "")
	wantCode(t, err, "session-ended")
	_, err = w.enter(ctx, "Lan", goodPassword, "192.0.2.1")
	wantCode(t, err, "sign-in-failed") // as if there were nobody
	_, err = w.OpenLink(ctx, link)
	wantCode(t, err, "link-ended")
	wantCode(t, w.SetPassword(ctx, link, otherPassword), "link-ended")
	_, err = w.NewLink(ctx, registry.Console(), "Lan")
	wantCode(t, err, "person-disabled")
	_, err = w.PersonActor(ctx, "Lan", "console")
	if fault.KindOf(err) != fault.Forbidden {
		t.Errorf("err = %v, want Forbidden", err)
	}
	if _, err := w.Enable(ctx, registry.Console(), "Lan"); err != nil {
		t.Fatal(err)
	}
	_, err = w.Session(ctx, token, "")
	wantCode(t, err, "session-ended") // the old one stays ended
	w.signIn(t, "Lan")
}

func TestEverythingIsAudited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	p, link, err := w.AddPerson(ctx, registry.Console(), "Lan", []registry.Grant{clerkVT}, "")
	must(err)
	must(w.SetPassword(ctx, link, goodPassword))
	must(w.SignOut(ctx, w.signIn(t, "Lan")))
	w.enter(ctx, "Lan", otherPassword, "192.0.2.1")
	w.enter(ctx, "ai đó", otherPassword, "192.0.2.1")
	_, err = w.SetGrants(ctx, registry.Console(), "Lan", []registry.Grant{managerVT})
	must(err)
	_, err = w.NewLink(ctx, registry.Console(), "Lan")
	must(err)
	_, err = w.Disable(ctx, registry.Console(), "Lan")
	must(err)
	_, err = w.Enable(ctx, registry.Console(), "Lan")
	must(err)
	_, k, err := w.AddKey(ctx, registry.Console(), "máy", []registry.Grant{clerkVT}, 0)
	must(err)
	_, err = w.RevokeKey(ctx, registry.Console(), k.Prefix)
	must(err)
	_, err = w.RevokeKey(ctx, registry.Console(), k.Prefix) // nothing more happens
	must(err)
	_, _, err = w.AddPerson(ctx, registry.Console(), "LAN", []registry.Grant{clerkVT}, "") // nor here
	wantCode(t, err, "person-exists")

	lan, key := "person:"+p.ID.String(), "key:"+k.ID.String()
	want := []string{
		"console person.added " + lan + " name,grants,link",
		lan + " person.password " + lan + " password",
		lan + " session.began " + lan + " ",
		lan + " session.ended " + lan + " ",
		"system session.refused " + lan + " ",
		"system session.refused sign-in ",
		"console person.granted " + lan + " grants",
		"console person.linked " + lan + " link",
		"console person.disabled " + lan + " disabled_at",
		"console person.enabled " + lan + " disabled_at",
		"console key.added " + key + " name,grants,expires_at",
		"console key.revoked " + key + " revoked_at",
	}
	if got := w.events(t); !slices.Equal(got, want) {
		t.Errorf("events:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestLink(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	add := func(t *testing.T, name string) string {
		t.Helper()
		_, link, err := w.AddPerson(ctx, registry.Console(), name, []registry.Grant{clerkVT}, "")
		if err != nil {
			t.Fatal(err)
		}
		return link
	}
	t.Run("works once", func(t *testing.T) {
		link := add(t, "Một")
		for range 2 { // looking does not use it up
			if p, err := w.OpenLink(ctx, link); err != nil || p.Name != "Một" {
				t.Fatalf("open: %+v, %v", p, err)
			}
		}
		wantField(t, w.SetPassword(ctx, link, "ngắn"), "too-short") // nor does a password that is refused
		if err := w.SetPassword(ctx, link, goodPassword); err != nil {
			t.Fatal(err)
		}
		_, err := w.OpenLink(ctx, link)
		wantCode(t, err, "link-ended")
		wantCode(t, w.SetPassword(ctx, link, otherPassword), "link-ended")
		w.signIn(t, "Một")
	})
	t.Run("expires", func(t *testing.T) {
		link := add(t, "Ba")
		w.pass(auth.LinkLife - time.Second)
		if _, err := w.OpenLink(ctx, link); err != nil {
			t.Error(err)
		}
		w.pass(time.Second)
		_, err := w.OpenLink(ctx, link)
		wantCode(t, err, "link-ended")
		wantCode(t, w.SetPassword(ctx, link, goodPassword), "link-ended")
	})
	t.Run("a new one voids the old one", func(t *testing.T) {
		old := add(t, "Bốn")
		link, err := w.NewLink(ctx, registry.Console(), "Bốn")
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.OpenLink(ctx, old)
		wantCode(t, err, "link-ended")
		if _, err := w.OpenLink(ctx, link); err != nil {
			t.Error(err)
		}
	})
	t.Run("ends sessions and replaces the password", func(t *testing.T) {
		w.person(t, "Năm", clerkVT)
		token := w.signIn(t, "Năm")
		link, err := w.NewLink(ctx, registry.Console(), "Năm")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Session(ctx, token, ""); err != nil {
			t.Errorf("a link alone changes nothing: %v", err)
		}
		if err := w.SetPassword(ctx, link, otherPassword); err != nil {
			t.Fatal(err)
		}
		_, err = w.Session(ctx, token, "")
		wantCode(t, err, "session-ended")
		_, err = w.enter(ctx, "Năm", goodPassword, "192.0.2.1")
		wantCode(t, err, "sign-in-failed")
		if _, err := w.enter(ctx, "Năm", otherPassword, "192.0.2.1"); err != nil {
			t.Error(err)
		}
	})
	t.Run("unknown", func(t *testing.T) {
		_, err := w.OpenLink(ctx, strings.Repeat("0", 64))
		wantCode(t, err, "link-ended")
	})
}
