package main_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"cho40/internal/auth"
)

// As a script does it: people from the console, then in through the API with the password and a code of the printed secret.
func TestPeopleFromTheConsole(t *testing.T) {
	t.Parallel()
	p := quick(t)
	p.ends(0, "market", "add", "--code", "VT", "--name", "Chợ Vị Thanh")
	const password = "bốn từ dễ nhớ đấy"
	add := func(name, role, scope string) string {
		t.Helper()
		a := p.run(password+"\n", "user", "add", name, "--role", role, "--scope", scope, "--password-stdin")
		if a.code != 0 {
			t.Fatalf("%s%s", a.out, a.stderr)
		}
		return a.out
	}
	printed := regexp.MustCompile(`(?m)^[A-Z2-7]{32}$`)
	if out := add("thu", "clerk", "market:VT"); printed.MatchString(out) || strings.Contains(out, "otpauth") {
		t.Errorf("a clerk gets a secret: %s", out)
	}
	for _, r := range [][2]string{{"officer", "all"}, {"partner", "provider:viettel_money"}, {"auditor", "all"}} {
		if out := add("một "+r[0], r[0], r[1]); !printed.MatchString(out) {
			t.Errorf("%s gets no secret: %s", r[0], out)
		}
	}
	out := add("hạnh", "manager", "market:VT")
	secret := auth.Secret(printed.FindString(out))
	if !strings.Contains(out, secret.URI("hạnh")) {
		t.Errorf("no address to scan: %s", out)
	}
	s := p.serve()
	enter := func(name, password, code string) (int, string) {
		t.Helper()
		body := fmt.Sprintf(`{"name":%q,"password":%q,"code":%q}`, name, password, code)
		res, err := http.Post(s.url+"/api/v1/session", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(b)
	}
	want := func(status int, name, password, code, part string) {
		t.Helper()
		if got, body := enter(name, password, code); got != status || !strings.Contains(body, part) {
			t.Errorf("%s: %d %s, want %d %s", name, got, body, status, part)
		}
	}
	want(201, "thu", password, "", `"second_factor":"off"`)
	want(401, "hạnh", password, "", "code-needed")
	want(201, "hạnh", password, secret.Code(time.Now()), `"second_factor":"on"`)
	p.must("user", "disable", "hạnh")
	want(401, "hạnh", password, secret.Code(time.Now().Add(30*time.Second)), "sign-in-failed")
	p.must("user", "enable", "hạnh")

	var reset struct {
		Name, Link string
		Secret     auth.Secret `json:"totp_secret"`
	}
	if err := json.Unmarshal([]byte(p.must("user", "reset", "hạnh", "--second-factor", "--format", "json")), &reset); err != nil {
		t.Fatal(err)
	}
	if reset.Name != "hạnh" || !strings.Contains(reset.Link, "/welcome/") || reset.Secret == secret {
		t.Errorf("reset: %+v", reset)
	}
	want(201, "hạnh", password, reset.Secret.Code(time.Now()), `"on"`) // until the link is used the password stays
	p.ends(1, "user", "reset", "không ai")
	if out := p.must("user", "add", "lan", "--role", "leader", "--scope", "market:VT", "--until", "2099-12-31"); !strings.Contains(out, "/welcome/") {
		t.Errorf("add: %s", out)
	}
	p.ends(1, "user", "add", "lan 2", "--role", "leader", "--scope", "market:VT", "--until", "2020-01-01")
	if out := p.must("user", "list"); !strings.Contains(out, "leader over market:VT until 2099-12-31") {
		t.Errorf("list: %s", out)
	}

	first := strings.TrimSpace(p.must("key", "add", "máy in", "--role", "clerk", "--scope", "market:VT"))
	second := strings.TrimSpace(p.must("key", "rotate", "máy in"))
	with := func(key string) int {
		t.Helper()
		req, err := http.NewRequest(http.MethodGet, s.url+"/api/v1/markets/VT", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+key)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		return res.StatusCode
	}
	if a, b := with(first), with(second); a != 200 || b != 200 {
		t.Errorf("two are live: %d, %d", a, b)
	}
	p.ends(1, "key", "rotate", "máy in")
	p.must("key", "revoke", first[:14])
	if a, b := with(first), with(second); a != 401 || b != 200 {
		t.Errorf("after the old one is revoked: %d, %d", a, b)
	}
	if out := p.must("key", "list", "--format", "csv"); !strings.HasPrefix(out, "key,name,grants,state,last_used") || !strings.Contains(out, "revoked") {
		t.Errorf("keys: %s", out)
	}
	p.must("audit", "verify")
	s.stop()
}

// As long as there is no administrator, serve prints where the first one is created; the demo's people come in without a second factor.
func TestServePrintsWhatAFirstStartNeeds(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	s := p.serve("--demo")
	link := regexp.MustCompile(`http://127\.0\.0\.1:\d+/set-up/[0-9a-f]{64}`).FindString(s.said)
	if link == "" {
		t.Fatalf("no link: %s", s.said)
	}
	res, err := http.Get(link)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("the link is answered %d", res.StatusCode)
	}
	people := regexp.MustCompile(`(?m)^  (\w+) +([a-z2-7-]{19})   \((\w+)\)$`).FindAllStringSubmatch(s.said, -1)
	if len(people) != 4 {
		t.Fatalf("%d people of the demo: %s", len(people), s.said)
	}
	for _, who := range people {
		body := fmt.Sprintf(`{"name":%q,"password":%q}`, who[1], who[2])
		res, err := http.Post(s.url+"/api/v1/session", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode != http.StatusCreated || !strings.Contains(string(b), `"second_factor":"off"`) {
			t.Errorf("%s: %d %s", who[1], res.StatusCode, b)
		}
	}
	s.stop()
	// Once a real market is within reach, nobody gets a sign-in for it just like that.
	p.must("market", "add", "--code", "VT", "--name", "Chợ thật", "--area", "31321")
	p.must("user", "add", "chủ", "--role", "admin", "--scope", "all")
	s = p.serve("--demo")
	if strings.Contains(s.said, "/set-up/") {
		t.Errorf("there is an administrator, and a link: %s", s.said)
	}
	if !strings.Contains(s.said, "cho40 user reset canbo --second-factor") || !regexp.MustCompile(`quanly +[a-z2-7-]{19}`).MatchString(s.said) {
		t.Errorf("the officer reaches a real market: %s", s.said)
	}
	s.stop()
}
