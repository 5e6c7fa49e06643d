package web

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"cho40/internal/auth"
	"cho40/internal/fault"
	registry "cho40/vendor_registry"
)

// found is the first group of a pattern in a page.
func (p page) found(pattern string) string {
	p.t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(p.body)
	if m == nil {
		p.t.Fatalf("%s: nothing like %s in\n%s", p.what, pattern, text(p.body))
	}
	return html.UnescapeString(m[1])
}

// cookie is what a page sets; empty: it does not.
func (p page) cookie(name string) string {
	for _, k := range p.Cookies() {
		if k.Name == name {
			return k.Value
		}
	}
	return ""
}

// soon lets so much time pass that an app shows its next code, and is that code.
func (m *market) soon(who string) string {
	m.clock.pass(time.Minute)
	return m.factors[who].Code(m.clock.now())
}

const formType = "application/x-www-form-urlencoded"

func (m *market) postWith(cookies map[string]string, path string, values url.Values) page {
	m.Helper()
	r, err := http.NewRequestWithContext(m.Context(), http.MethodPost, m.url+path, strings.NewReader(values.Encode()))
	if err != nil {
		m.Fatal(err)
	}
	r.Header.Set("Content-Type", formType)
	for name, value := range cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	return m.ask("", r)
}

func TestSignInWithACode(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	planted := strings.Repeat("ab", 32)
	asked := m.postWith(map[string]string{"cho40": planted}, "/sign-in", url.Values{"name": {"loan"}, "password": {password}, "back": {"/markets/VT"}}).is(http.StatusSeeOther)
	door := asked.cookie("cho40-door")
	if got := asked.Header.Get("Location"); got != "/sign-in/code?back=%2Fmarkets%2FVT" || door == "" || asked.cookie("cho40") != "" {
		t.Fatalf("a right password leads to %q, cookies %v", got, asked.Cookies())
	}
	m.get("", "/sign-in/code", "Cookie", "cho40-door="+door).is(http.StatusOK).sound().has(`autocomplete="one-time-code"`)
	m.get("", "/sign-in/code").is(http.StatusSeeOther)
	if m.get("", "/", "Cookie", "cho40="+door).is(http.StatusSeeOther).Header.Get("Location") != "/sign-in" {
		t.Error("the door alone opens something")
	}
	with := func(door, code string) page {
		return m.postWith(map[string]string{"cho40-door": door, "cho40": planted}, "/sign-in/code", url.Values{"code": {code}, "back": {"/markets/VT"}})
	}
	with(door, "000000").is(http.StatusUnauthorized).sound().has(`id="code-err"`, `value="/markets/VT"`)
	code := m.soon("loan")
	in := with(door, code).is(http.StatusSeeOther)
	token := in.cookie("cho40")
	if in.Header.Get("Location") != "/markets/VT" || token == "" || token == planted {
		t.Errorf("a right code leads to %q; the session is new: %v", in.Header.Get("Location"), token != planted)
	}
	m.get("", "/markets/VT", "Cookie", "cho40="+token).is(http.StatusOK).has("loan · Quản lý chợ")
	again := m.post("", "/sign-in", url.Values{"name": {"loan"}, "password": {password}}).cookie("cho40-door")
	with(again, code).is(http.StatusUnauthorized).has("đã dùng rồi")
	shut := with(strings.Repeat("0", 64), code).is(http.StatusSeeOther)
	if shut.Header.Get("Location") != "/sign-in" {
		t.Errorf("no door leads to %q", shut.Header.Get("Location"))
	}
}

// Who needs a second factor and has none is led to it, and can do nothing else.
func TestEnrolmentComesFirst(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	link, err := m.auth.NewLink(t.Context(), registry.Console(), "mai")
	if err == nil {
		_, err = m.auth.ResetFactor(t.Context(), registry.Console(), "mai")
	}
	if err != nil {
		t.Fatal(err)
	}
	m.in["mai"] = m.post("", "/welcome/"+link, url.Values{"password": {password}, "again": {password}}).is(http.StatusSeeOther).cookie("cho40")
	for _, path := range []string{"/", "/markets/VT", "/markets/VT/approvals", "/people", "/account"} {
		if got := m.get("mai", path).is(http.StatusSeeOther).Header.Get("Location"); got != "/account/second-factor" {
			t.Errorf("%s leads to %q", path, got)
		}
	}
	m.post("mai", "/markets/VT/approvals", url.Values{"decision": {"approve"}}).is(http.StatusSeeOther)
	m.get("mai", "/api/v1/markets").is(http.StatusForbidden).has("/problems/second-factor-needed")
	m.get("mai", "/api/v1/people").is(http.StatusForbidden)
	m.get("mai", "/api/v1/session").is(http.StatusOK).has(`"second_factor":"needed"`)
	const at = "/account/second-factor"
	m.get("mai", at).is(http.StatusOK).sound().has("Trước hết, cài ứng dụng xác thực").hasNot("<svg xmlns", `href="/account"`+`>`)
	m.post("mai", at, nil).is(http.StatusSeeOther)
	p := m.get("mai", at).is(http.StatusOK).sound().has("<svg xmlns", `autocomplete="one-time-code"`)
	secret := auth.Secret(strings.ReplaceAll(p.found(`<p class="secret">([A-Z2-7 ]+)</p>`), " ", ""))
	if again := m.get("mai", at).found(`<p class="secret">([A-Z2-7 ]+)</p>`); strings.ReplaceAll(again, " ", "") != string(secret) {
		t.Error("looking again gives another secret")
	}
	m.post("mai", at+"/code", url.Values{"code": {"000000"}}).is(http.StatusUnprocessableEntity).sound().has(`id="code-err"`, secret.Groups())
	before := m.in["mai"]
	done := m.post("mai", at+"/code", url.Values{"code": {secret.Code(m.clock.now())}}).is(http.StatusOK).sound()
	paper := done.found(`<li class="code">([0-9a-z-]+)</li>`)
	if n := strings.Count(done.body, `<li class="code">`); n != auth.RecoveryCodes || m.in["mai"] == before {
		t.Errorf("%d codes for the paper; the session is new: %v", n, m.in["mai"] != before)
	}
	m.get("", "/", "Cookie", "cho40="+before).is(http.StatusSeeOther)
	m.get("mai", "/markets/VT").is(http.StatusOK)
	m.get("mai", "/account").is(http.StatusOK).sound().has("Mã dự phòng còn lại: 10").hasNot(paper, string(secret))
	door := m.post("", "/sign-in", url.Values{"name": {"mai"}, "password": {password}}).cookie("cho40-door")
	m.postWith(map[string]string{"cho40-door": door}, "/sign-in/code", url.Values{"code": {strings.ToUpper(paper)}}).is(http.StatusSeeOther)
	m.get("mai", "/account").has("Mã dự phòng còn lại: 9")
}

// A change of an account wants a code not older than five minutes: it is asked for in place, and what was typed is kept.
func TestApprovingAChangeWantsAFreshCode(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.approveAll()
	const at = "/markets/VT/approvals"
	if _, err := m.reg.Propose(t.Context(), m.actor("an"), "VT", "A-01", registry.NewAccount{Provider: "viettel_money", Number: "0987654321", Holder: "LY MINH TAM"}); err != nil {
		t.Fatal(err)
	}
	m.signIn("loan")
	m.get("loan", at).is(http.StatusOK).sound().hasNot(`name="step_up"`) // signing in showed one
	m.clock.pass(registry.StepUpLives)
	value := m.get("loan", at).is(http.StatusOK).sound().has(`name="step_up"`).found(`name="account" value="([^"]*)"`)
	change := url.Values{"account": {value}, "change": {"1"}, "decision": {"approve"}, "last_digits": {"654321"}, "reason": {`vì "máy" <mới>`}}
	p := m.post("loan", at, change).is(http.StatusUnauthorized).sound().
		has(`action="/markets/VT/approvals"`, `name="last_digits" value="654321"`, `name="decision" value="approve"`, `value="vì &#34;máy&#34; &lt;mới&gt;"`, `name="step_up"`)
	sent := url.Values{}
	for _, f := range regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`).FindAllStringSubmatch(p.body, -1) {
		sent.Add(f[1], html.UnescapeString(f[2]))
	}
	before := m.in["loan"]
	sent.Set("step_up", "000000")
	m.post("loan", at, sent).is(http.StatusUnauthorized).sound().has(`id="step_up-err"`, `name="last_digits" value="654321"`)
	code := m.soon("loan")
	sent.Set("step_up", code)
	m.post("loan", at, sent).is(http.StatusSeeOther)
	m.get("loan", "/markets/VT/stalls/A-01").is(http.StatusOK).has("09•• ••• 321", "Đã thay")
	if m.in["loan"] == before {
		t.Error("the session kept its id")
	}
	m.get("", "/", "Cookie", "cho40="+before).is(http.StatusSeeOther)
	if _, err := m.auth.SignIn(t.Context(), auth.Attempt{Name: "loan", Password: password, Code: code}); fault.CodeOf(err) != "code-wrong" {
		t.Errorf("the code again: %v", err)
	}
	// A first account needs none.
	m.clock.pass(2 * registry.StepUpLives)
	m.load("thu", "Mã quầy;Khu;Tên tiểu thương;Viettel Money\nC-01;Khu C;Kim Văn Sáu;0712345693\n")
	value = m.get("loan", at).found(`name="account" value="([^"]*)"`)
	m.post("loan", at, url.Values{"account": {value}, "decision": {"approve"}}).is(http.StatusSeeOther)
}

func TestPeoplePages(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.get("loan", "/people").is(http.StatusOK).sound().has("truong", "Tình nguyện viên VT", `value="market:VT"`, `value="leader"`).hasNot(`value="manager"`, `value="admin"`, "canbo", "quantri")
	m.get("truong", "/people").is(http.StatusOK).sound().has(`value="volunteer"`).hasNot(`value="clerk"`)
	m.get("quantri", "/people?q=CAN").is(http.StatusOK).sound().has("canbo", `value="admin"`).hasNot(">loan<")
	m.get("thu", "/people").is(http.StatusForbidden)
	add := url.Values{"name": {"Lý <b>Tâm"}, "role": {"volunteer"}, "scope": {"market:VT"}, "until": {"2026-12-31"}}
	for name, v := range map[string]url.Values{
		"no name": {"role": {"volunteer"}, "scope": {"market:VT"}}, "no role": {"name": {"X"}, "scope": {"market:VT"}},
		"a role of elsewhere": {"name": {"X"}, "role": {"clerk"}, "scope": {"market:HP"}}, "an area for a clerk": {"name": {"X"}, "role": {"clerk"}, "scope": {"area:92"}},
		"a day that is none": {"name": {"X"}, "role": {"clerk"}, "scope": {"market:VT"}, "until": {"mai"}}, "yesterday": {"name": {"X"}, "role": {"clerk"}, "scope": {"market:VT"}, "until": {"2026-11-21"}},
		"a name that is there": {"name": {"An"}, "role": {"clerk"}, "scope": {"market:VT"}},
	} {
		p := m.post("loan", "/people", v)
		if p.StatusCode != http.StatusUnprocessableEntity && p.StatusCode != http.StatusConflict {
			t.Errorf("%s: %d", name, p.StatusCode)
		}
		p.sound().has(`class="err"`)
	}
	m.post("loan", "/people", url.Values{"name": {"X"}, "role": {"manager"}, "scope": {"market:VT"}}).is(http.StatusForbidden).sound()

	m.clock.pass(registry.StepUpLives)
	m.post("loan", "/people", add).is(http.StatusUnauthorized).sound().has(`name="step_up"`, `name="name" value="Lý &lt;b&gt;Tâm"`)
	add.Set("step_up", m.soon("loan"))
	p := m.post("loan", "/people", add).is(http.StatusCreated).sound().has("Lý &lt;b&gt;Tâm", "Tình nguyện viên VT, đến hết 31/12/2026")
	link := p.found(`<p class="secret">([^<]+)</p>`)
	if !strings.HasPrefix(link, m.url+"/welcome/") {
		t.Errorf("the link is %q", link)
	}
	person := p.found(`action="(/people/[0-9a-f-]+)"`)
	m.get("loan", person).is(http.StatusOK).sound().has("Chưa vào lần nào").hasNot("/welcome/")
	m.get("", strings.TrimPrefix(link, m.url)).is(http.StatusOK)
	m.get("an", person).is(http.StatusForbidden)
	m.get("loan", "/people/01a2b3c4-d5e6-7f80-9123-456789abcdef").is(http.StatusNotFound)

	held := m.get("loan", person).found(`name="held" value="([^"]*)"`)
	version := m.get("loan", person).found(`name="version" value="([^"]*)"`)
	m.post("loan", person, url.Values{"do": {"roles"}, "version": {version}}).is(http.StatusUnprocessableEntity).sound()
	m.post("loan", person, url.Values{"do": {"roles"}, "version": {version}, "held": {held}, "role": {"leader"}, "scope": {"market:VT"}}).is(http.StatusSeeOther)
	m.get("loan", person).has("đến hết 31/12/2026", "Tổ trưởng VT")
	m.post("loan", person, url.Values{"do": {"roles"}, "version": {version}, "held": {held}}).is(http.StatusPreconditionFailed).sound()
	m.post("loan", person, url.Values{"do": {"out"}}).is(http.StatusSeeOther)
	m.get("loan", person).has("Không được vào", `value="in"`).hasNot(`value="link"`)
	m.get("", strings.TrimPrefix(link, m.url)).is(http.StatusGone)
	m.post("loan", person, url.Values{"do": {"in"}}).is(http.StatusSeeOther)
	again := m.post("loan", person, url.Values{"do": {"link"}}).is(http.StatusOK).sound().found(`<p class="secret">([^<]+)</p>`)
	m.get("", strings.TrimPrefix(again, m.url)).is(http.StatusOK)
	m.post("loan", person, url.Values{"do": {"dance"}}).is(http.StatusUnprocessableEntity)
	m.post("truong", person, url.Values{"do": {"out"}}).is(http.StatusForbidden) // a leader now
}

func TestKeysPage(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.get("loan", "/keys").is(http.StatusOK).sound().has(`value="365"`).hasNot(`value="admin"`)
	for name, v := range map[string]url.Values{
		"no name": {"role": {"clerk"}, "scope": {"market:VT"}, "days": {"30"}}, "two years": {"name": {"k"}, "role": {"clerk"}, "scope": {"market:VT"}, "days": {"730"}},
		"no number": {"name": {"k"}, "role": {"clerk"}, "scope": {"market:VT"}, "days": {"mãi"}}, "no role": {"name": {"k"}, "scope": {"market:VT"}, "days": {"30"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := m.post("loan", "/keys", v)
			p.t = t
			p.is(http.StatusUnprocessableEntity).sound().has(`class="err"`)
		})
	}
	p := m.post("loan", "/keys", url.Values{"name": {"máy in"}, "role": {"clerk"}, "scope": {"market:VT"}, "days": {"30"}}).is(http.StatusCreated).sound()
	first := p.found(`<p class="secret">(cho40_[0-9a-f]{64})</p>`)
	m.get("loan", "/keys").is(http.StatusOK).has("máy in", first[:14], "Dùng đến 22/12/2026").hasNot(first)
	works := func(key string, status int) {
		t.Helper()
		m.get("", "/api/v1/markets/VT", "Authorization", "Bearer "+key).is(status)
	}
	works(first, http.StatusOK)
	at := m.get("loan", "/keys").found(`action="(/keys/[0-9a-f-]+)"`)
	second := m.post("loan", at, url.Values{"do": {"rotate"}}).is(http.StatusCreated).sound().found(`<p class="secret">(cho40_[0-9a-f]{64})</p>`)
	works(first, http.StatusOK)
	works(second, http.StatusOK)
	m.post("loan", at, url.Values{"do": {"rotate"}}).is(http.StatusConflict).sound().has(`role="alert"`)
	m.post("loan", at, url.Values{"do": {"revoke"}}).is(http.StatusSeeOther)
	works(first, http.StatusUnauthorized)
	works(second, http.StatusOK)
	m.get("truong", "/keys").is(http.StatusOK).sound().has("máy in").hasNot(`value="revoke"`)
	m.post("truong", at, url.Values{"do": {"revoke"}}).is(http.StatusForbidden)
}

func TestPINPages(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.get("thu", "/account").is(http.StatusOK).sound().hasNot(`name="pin"`)
	m.get("an", "/account").is(http.StatusOK).sound().has(`name="pin"`)
	m.post("an", "/account/phone", url.Values{"pin": {"123456"}, "again": {"123456"}}).is(http.StatusUnprocessableEntity).sound().has(`id="pin-err"`)
	m.post("an", "/account/phone", url.Values{"pin": {"270419"}, "again": {"270418"}}).is(http.StatusUnprocessableEntity).sound().has(`id="again-err"`)
	m.post("thu", "/account/phone", url.Values{"pin": {"270419"}, "again": {"270419"}}).is(http.StatusForbidden)
	enrol := func() string {
		m.Helper()
		p := m.post("an", "/account/phone", url.Values{"pin": {"270419"}, "again": {"270419"}}).is(http.StatusSeeOther)
		for _, k := range p.Cookies() {
			if k.Name == "cho40-phone" && (k.MaxAge != 14*24*3600 || !k.HttpOnly) {
				t.Errorf("the phone's cookie is %v", k)
			}
		}
		return p.cookie("cho40-phone")
	}
	phone := enrol()
	pin := func(pin string) page {
		return m.postWith(map[string]string{"cho40-phone": phone}, "/sign-in/pin", url.Values{"pin": {pin}, "back": {"/markets/VT"}})
	}
	m.get("", "/sign-in?back=%2Fmarkets%2FVT", "Cookie", "cho40-phone="+phone).is(http.StatusOK).sound().has(`action="/sign-in/pin"`, "Chào anh chị, an", `value="/markets/VT"`).hasNot(`name="password"`)
	m.get("", "/sign-in?password=1", "Cookie", "cho40-phone="+phone).is(http.StatusOK).has(`name="password"`)
	m.get("", "/sign-in", "Cookie", "cho40-phone="+strings.Repeat("0", 64)).is(http.StatusOK).has(`name="password"`)
	in := pin("270419").is(http.StatusSeeOther)
	m.get("", "/markets/VT", "Cookie", "cho40="+in.cookie("cho40")).is(http.StatusOK).has("an · Tình nguyện viên")
	m.get("loan", m.get("loan", "/people?q=an").found(`<a href="(/people/[0-9a-f-]+)">an</a>`)).has("Dùng mã PIN trên điện thoại đến 06/12/2026", `value="phone"`)
	for range 4 {
		pin("111222").is(http.StatusUnauthorized).sound().has(`id="pin-err"`, `action="/sign-in/pin"`)
	}
	last := pin("111222").is(http.StatusUnauthorized).sound().has(`id="password-err"`, `name="password"`)
	if k := last.cookie("cho40-phone"); k != "" {
		t.Errorf("the phone keeps its cookie: %q", k)
	}
	pin("270419").is(http.StatusUnauthorized)
	m.get("", "/markets/VT", "Cookie", "cho40="+in.cookie("cho40")).is(http.StatusSeeOther) // what the PIN began has ended

	phone = enrol()
	at := m.get("loan", "/people?q=an").found(`<a href="(/people/[0-9a-f-]+)">an</a>`)
	m.post("loan", at, url.Values{"do": {"phone"}}).is(http.StatusSeeOther) // lost
	pin("270419").is(http.StatusUnauthorized).has(`name="password"`)
	phone = enrol()
	m.post("an", "/account/phone", url.Values{"end": {"1"}}).is(http.StatusSeeOther)
	pin("270419").is(http.StatusUnauthorized)
}

func TestOwnSessionsPage(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.get("an", "/account").is(http.StatusOK).sound().has("Phiên này").hasNot("/account/sessions")
	old := m.in["an"]
	m.signIn("an")
	which := m.get("an", "/account").is(http.StatusOK).sound().found(`name="session" value="([0-9a-f]{16})"`)
	m.post("an", "/account/sessions", url.Values{"session": {which}}).is(http.StatusSeeOther)
	m.get("", "/account", "Cookie", "cho40="+old).is(http.StatusSeeOther)
	m.get("an", "/account").is(http.StatusOK).hasNot("/account/sessions")
	m.post("an", "/account/sessions", url.Values{"session": {which}}).is(http.StatusSeeOther) // already
}

func TestSetUpPage(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	if link, err := m.auth.SetUpLink(t.Context()); err != nil || link != "" {
		t.Fatalf("a link although quantri is there: %q, %v", link, err)
	}
	if _, err := m.auth.Disable(t.Context(), registry.Console(), "quantri"); err != nil {
		t.Fatal(err)
	}
	link, err := m.auth.SetUpLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	at := "/set-up/" + link
	m.get("", at).is(http.StatusOK).sound().has("Quản trị viên đầu tiên", `minlength="12"`)
	m.post("", at, url.Values{"name": {"Chủ <b>"}, "password": {password}, "again": {"khác"}}).is(http.StatusUnprocessableEntity).sound().has(`id="again-err"`, `value="Chủ &lt;b&gt;"`).hasNot(password)
	m.post("", at, url.Values{"name": {"an"}, "password": {password}, "again": {password}}).is(http.StatusConflict).sound().has(`id="name-err"`)
	m.post("", at, url.Values{"name": {"Chủ"}, "password": {"ngắn"}, "again": {"ngắn"}}).is(http.StatusUnprocessableEntity).sound().has(`id="password-err"`)
	m.in["Chủ"] = m.post("", at, url.Values{"name": {"Chủ"}, "password": {password}, "again": {password}}).is(http.StatusSeeOther).cookie("cho40")
	if got := m.get("Chủ", "/").is(http.StatusSeeOther).Header.Get("Location"); got != "/account/second-factor" {
		t.Errorf("the administrator is led to %q", got)
	}
	m.get("", at).is(http.StatusGone).sound()
	m.post("", at, url.Values{"name": {"Kẻ khác"}, "password": {password}, "again": {password}}).is(http.StatusGone)
	m.get("", "/set-up/zzz").is(http.StatusGone)
}
