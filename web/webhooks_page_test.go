package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	registry "cho40/vendor_registry"
)

// taker is a partner's program: how it answers what is sent to it, and what it was sent.
type taker struct {
	status int
	err    error
	got    []string // bodies
}

func (r *taker) take(_ context.Context, _ string, _ map[string]string, body []byte) (int, error) {
	r.got = append(r.got, string(body))
	return r.status, r.err
}

// deliver lets the feed and the webhooks do what they do every ten seconds.
func (m *market) deliver(r *taker) {
	m.Helper()
	if _, err := m.reg.Follow(m.Context()); err != nil {
		m.Fatal(err)
	}
	if err := m.reg.Deliver(m.Context(), r.take); err != nil {
		m.Fatal(err)
	}
}

// share lets a vendor say whether Viettel may know of the account.
func (m *market) share(stall string, yes bool) {
	m.Helper()
	in := registry.NewSharing{Provider: "viettel_money", Version: "vi-share-1", Given: "face_to_face", Withdrawn: !yes}
	if _, err := m.reg.RecordSharing(m.Context(), m.actor("an"), "VT", stall, in); err != nil {
		m.Fatal(err)
	}
}

// asks lets somebody ask for a webhook and gives its page's address.
func (m *market) asks(who string, values url.Values) (at string, made page) {
	m.Helper()
	made = m.post(who, "/webhooks", values).is(http.StatusCreated).sound()
	return made.found(`action="(/webhooks/[0-9a-f-]+)#off"`), made
}

const program = "https://partner.example/cho40"

func TestWebhookFromAskingToItsEnd(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.person("dongnghiep", "partner", "provider:viettel_money")
	m.person("doithu", "partner", "provider:vnpt_money")
	m.approveAll()
	m.share("A-01", true)
	m.get("doitac", "/").is(http.StatusOK).has(`href="/webhooks"`)
	m.get("quantri", "/keys").is(http.StatusOK).sound().has(`href="/webhooks"`)
	m.get("loan", "/keys").is(http.StatusOK).hasNot(`href="/webhooks"`)
	m.get("doitac", "/webhooks").is(http.StatusOK).sound().has("Chưa có địa chỉ nào nhận tin", `aria-describedby="ask-url-hint"`, `aria-describedby="ask-from-hint"`).hasNot(`name="provider"`)

	at, made := m.asks("doitac", url.Values{"url": {program}, "from": {"0"}})
	secret := made.has("Chép mã bí mật ngay bây giờ", program, "Anh chị đề nghị địa chỉ này nên người khác phải duyệt").hasNot(`value="approve"`, `value="replay"`).found(`<p class="secret">(whsec_[^<]+)</p>`)
	if got := made.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("the page with the secret may be kept: %q", got)
	}
	for _, who := range []string{"doitac", "dongnghiep", "quantri"} {
		m.get(who, at).is(http.StatusOK).sound().hasNot(secret, "whsec_")
		m.get(who, "/webhooks").is(http.StatusOK).sound().has(program, "Chờ người thứ hai duyệt").hasNot(secret)
	}
	m.get("doitac", "/").hasNot("chờ người thứ hai duyệt")
	m.get("dongnghiep", "/").sound().has("1 địa chỉ nhận tin chờ người thứ hai duyệt", `<b class="badge">1</b>`)
	m.get("quantri", "/").sound().has("1 địa chỉ nhận tin chờ người thứ hai duyệt")
	m.get("doithu", "/").hasNot("chờ người thứ hai duyệt")
	m.get("loan", "/").hasNot("chờ người thứ hai duyệt", `href="/webhooks"`)

	// The word of a second person, with a fresh second factor.
	approve := url.Values{"do": {"approve"}}
	m.post("doitac", at, approve).is(http.StatusForbidden).sound().has("người đề nghị không được tự duyệt")
	m.get("dongnghiep", at).has(`value="approve"`, program).hasNot(`name="step_up"`) // signing in showed one
	m.clock.pass(registry.StepUpLives)
	m.get("dongnghiep", at).is(http.StatusOK).sound().has(`value="approve"`, `id="approve-code"`)
	p := m.post("dongnghiep", at, approve).is(http.StatusUnauthorized).sound().has(`action="`+at+`"`, `name="do" value="approve"`, `name="step_up"`)
	if back := p.found(`<a href="([^"]+)">Để sau`); back != at {
		t.Errorf("who leaves it comes to %s", back)
	}
	m.post("dongnghiep", at, url.Values{"do": {"approve"}, "step_up": {"000000"}}).is(http.StatusUnauthorized).sound().has(`id="step_up-err"`)
	m.get("doitac", at).has("Chờ người thứ hai duyệt")
	m.post("dongnghiep", at, url.Values{"do": {"approve"}, "step_up": {m.soon("dongnghiep")}}).is(http.StatusSeeOther)
	m.get("dongnghiep", at).is(http.StatusOK).sound().has("Đang nhận tin", "dongnghiep", "doitac", "Chưa gửi lần nào").hasNot(`value="approve"`)
	m.post("dongnghiep", at, url.Values{"do": {"approve"}}).is(http.StatusConflict).sound().has(`role="alert"`)
	m.get("dongnghiep", "/").hasNot("chờ người thứ hai duyệt")

	// What is sent, refused, tried again.
	if _, err := m.reg.Follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.get("doitac", "/webhooks").has("1 thay đổi")
	r := &taker{status: http.StatusInternalServerError}
	m.deliver(r)
	m.get("doitac", at).is(http.StatusOK).sound().has("Bị từ chối, 500 · 0 ms", `class="err"`, "Không nhận tin từ", "1 thay đổi").hasNot("Đã nhận, ")
	m.get("doitac", "/webhooks").is(http.StatusOK).sound().has("Không nhận tin", "Bị từ chối, 500", `class="bad"`, "vẫn không nhận thì bị tắt")
	m.clock.pass(time.Minute)
	r.status, r.err = 0, errors.New("no answer in time")
	m.deliver(r)
	m.get("doitac", at).sound().has("Không trả lời kịp", `<td class="num" data-th="Số lần thử">2</td>`)
	m.get("doitac", at, "Accept-Language", "en").sound().has("No answer in time", "Takes nothing")
	m.clock.pass(2 * time.Minute)
	r.status, r.err = http.StatusNoContent, nil
	m.deliver(r)
	m.get("doitac", at).sound().has("Đã nhận, 204", "Đang nhận tin", "Không còn: đã gửi hết").hasNot(`class="err"`)
	m.get("doitac", "/webhooks").hasNot(`class="bad"`).has("Đã nhận, 204", "Không còn: đã gửi hết")

	// Sent again: one delivery, from a place, from a time.
	told := m.get("doitac", at).found(`Đã gửi đến thay đổi số</dt><dd>([0-9]+)</dd>`)
	again := func(v url.Values) page {
		t.Helper()
		v.Set("do", "replay")
		return m.post("quantri", at, v)
	}
	row := m.get("quantri", at).found(`<input type="hidden" name="after" value="([0-9]+)">`)
	sent := len(r.got)
	for _, field := range []string{"since", "after", "until"} {
		m.get("quantri", at).has(`aria-describedby="replay-` + field + `-hint"`)
	}
	for name, v := range map[string]url.Values{"one delivery": {"after": {row}, "until": {told}}, "from a place": {"after": {"0"}}, "from a time": {"since": {"22/11/2026 09:00"}}, "as pages write it": {"since": {"09:00 22/11/2026"}}, "from a day": {"since": {"22/11/2026"}}} {
		said := again(v).is(http.StatusSeeOther).cookie("said")
		m.get("quantri", at, "Cookie", "said="+said).sound().has("1 lượt tin được gửi lại", `<span class="tag">gửi lại</span>`)
		m.deliver(r)
		if sent++; len(r.got) != sent || !strings.Contains(r.got[len(r.got)-1], `"replay":true`) {
			t.Fatalf("%s: %d deliveries: %q", name, len(r.got), r.got)
		}
	}
	m.clock.pass(10 * time.Minute)
	later := registry.Local(m.clock.now()).Format("02/01/2006 15:04")
	for name, tt := range map[string]struct {
		v  url.Values
		at string
	}{
		"from nowhere":        {url.Values{}, "after"},
		"no number":           {url.Values{"after": {"x"}}, "after"},
		"no time":             {url.Values{"since": {"hôm qua"}}, "since"},
		"both":                {url.Values{"since": {"22/11/2026 09:00"}, "after": {"0"}}, "since"},
		"nothing since":       {url.Values{"since": {later}}, "since"},
		"not told yet":        {url.Values{"after": {"0"}, "until": {told + "0"}}, "until"},
		"behind what is told": {url.Values{"after": {told + "0"}}, "after"},
	} {
		t.Run("again "+name, func(t *testing.T) {
			p := again(tt.v)
			p.t = t
			p.is(http.StatusUnprocessableEntity).sound().has(`id="replay-` + tt.at + `-err"`)
			for _, values := range tt.v {
				p.has(`value="` + values[0] + `"`)
			}
		})
	}
	m.share("A-01", false)
	m.deliver(r)
	said := again(url.Values{"after": {"0"}, "until": {told}}).is(http.StatusSeeOther).cookie("said")
	m.get("quantri", at, "Cookie", "said="+said).has("nay không được báo nữa")

	// Off, after a question, for good.
	m.post("dongnghiep", at, url.Values{"do": {"off"}}).is(http.StatusUnprocessableEntity).sound().has(`id="sure-err"`, `<details open><summary>Tắt hẳn`)
	m.get("doitac", at).has("Đang nhận tin")
	m.post("dongnghiep", at, url.Values{"do": {"off"}, "sure": {"1"}}).is(http.StatusSeeOther)
	m.get("dongnghiep", at).is(http.StatusOK).sound().has("Đã tắt", "Những gì đã gửi").hasNot(`name="do"`)
	m.get("doitac", "/webhooks").sound().has("Đã tắt")
	m.post("doitac", at, url.Values{"do": {"replay"}, "after": {"0"}}).is(http.StatusConflict).sound().has(`role="alert"`)
	m.post("doitac", at, url.Values{"do": {"dance"}}).is(http.StatusUnprocessableEntity).sound()
}

func TestWebhooksOfOthers(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.person("doithu", "partner", "provider:vnpt_money")
	m.person("quantri2", "admin", "all")
	at, _ := m.asks("doitac", url.Values{"url": {program}})
	theirs, _ := m.asks("quantri", url.Values{"url": {"https://vnpt.example/nhan"}, "provider": {"VNPT Money"}})
	m.get("doithu", "/webhooks").is(http.StatusOK).sound().has("vnpt.example").hasNot(program)
	m.get("doitac", "/webhooks").is(http.StatusOK).sound().has(program).hasNot("vnpt.example")
	m.get("quantri2", "/webhooks").is(http.StatusOK).sound().has(program, "vnpt.example", `name="provider"`)
	m.get("quantri2", "/").has("2 địa chỉ nhận tin chờ người thứ hai duyệt")
	for _, do := range []url.Values{{"do": {"approve"}}, {"do": {"replay"}, "after": {"0"}}, {"do": {"off"}, "sure": {"1"}}, {"do": {"off"}}} {
		m.post("doithu", at, do).is(http.StatusNotFound).sound()
		m.post("doitac", theirs, do).is(http.StatusNotFound)
		for _, who := range []string{"loan", "canbo", "an", "thu", "truong", "soat"} {
			m.post(who, at, do).is(http.StatusForbidden).sound()
		}
	}
	m.get("doithu", at).is(http.StatusNotFound).sound().hasNot("partner.example")
	m.get("doitac", "/webhooks/khong-co").is(http.StatusNotFound)
	for _, who := range []string{"loan", "canbo", "an", "thu", "truong", "soat"} {
		m.get(who, "/webhooks").is(http.StatusForbidden)
		m.get(who, at).is(http.StatusForbidden).hasNot("partner.example")
		m.post(who, "/webhooks", url.Values{"url": {program}}).is(http.StatusForbidden)
	}
	m.post("quantri2", theirs, url.Values{"do": {"approve"}}).is(http.StatusSeeOther) // an administrator for another's
	m.get("doithu", theirs).is(http.StatusOK).has("Đang nhận tin", "quantri2")
}

func TestAskingForAWebhookWrongly(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	for name, tt := range map[string]struct {
		as, at string // the field that is marked
		v      url.Values
	}{
		"no address":               {"doitac", "url", url.Values{}},
		"over http":                {"doitac", "url", url.Values{"url": {"http://partner.example/"}}},
		"a script":                 {"doitac", "url", url.Values{"url": {`https://partner.example/"><script>alert(1)</script>`}}},
		"another scheme":           {"doitac", "url", url.Values{"url": {"gopher://partner.example/"}}},
		"a name and password":      {"doitac", "url", url.Values{"url": {"https://a:b@partner.example/"}}},
		"this machine":             {"doitac", "url", url.Values{"url": {"https://localhost/"}}},
		"this machine by number":   {"doitac", "url", url.Values{"url": {"https://127.0.0.1:8443/"}}},
		"a cloud's own data":       {"doitac", "url", url.Values{"url": {"https://169.254.169.254/latest/meta-data"}}},
		"a private network":        {"doitac", "url", url.Values{"url": {"https://[fd00::1]/"}}},
		"a private one in another": {"doitac", "url", url.Values{"url": {"https://[::ffff:10.0.0.1]/"}}},
		"a name of a network":      {"doitac", "url", url.Values{"url": {"https://intranet/"}}},
		"too long":                 {"doitac", "url", url.Values{"url": {"https://partner.example/" + strings.Repeat("x", 500)}}},
		"no number":                {"doitac", "from", url.Values{"url": {program}, "from": {"hôm qua"}}},
		"another's":                {"doitac", "", url.Values{"url": {program}, "provider": {"momo"}}},
		"for nobody":               {"quantri", "provider", url.Values{"url": {program}, "provider": {"Ngân hàng <Trời>"}}},
		"for no one at all":        {"quantri", "provider", url.Values{"url": {program}}},
	} {
		t.Run(name, func(t *testing.T) {
			p := m.post(tt.as, "/webhooks", tt.v)
			p.t = t
			p.is(http.StatusUnprocessableEntity).sound().has(`role="alert"`).hasNot("whsec_")
			if tt.at != "" {
				p.has(`id="ask-`+tt.at+`-err"`, `aria-invalid="true"`)
			}
		})
	}
	m.get("doitac", "/webhooks").has("Chưa có địa chỉ nào nhận tin")
	for n := range 10 {
		m.asks("doitac", url.Values{"url": {program + "/" + strconv.Itoa(n)}})
	}
	m.post("doitac", "/webhooks", url.Values{"url": {program}}).is(http.StatusConflict).sound().has(`role="alert"`, `value="`+program+`"`)
}

// The log goes on from page to page.
func TestWebhookLogPages(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.person("dongnghiep", "partner", "provider:viettel_money")
	m.approveAll()
	at, _ := m.asks("doitac", url.Values{"url": {program}, "from": {"0"}})
	m.post("dongnghiep", at, url.Values{"do": {"approve"}}).is(http.StatusSeeOther)
	m.share("A-01", true)
	r := &taker{status: http.StatusOK}
	m.deliver(r)
	for range 60 {
		m.post("doitac", at, url.Values{"do": {"replay"}, "after": {"0"}}).is(http.StatusSeeOther)
	}
	first := m.get("doitac", at).is(http.StatusOK).sound()
	if n := strings.Count(first.body, `<tr><th scope="row">`); n != 50 {
		t.Errorf("%d deliveries on the first page", n)
	}
	second := m.get("doitac", at+first.found(`<a href="(\?cursor=[^"]+)">Trang sau`)).is(http.StatusOK).sound().has("Đã nhận, 200")
	if n := strings.Count(second.body, `<tr><th scope="row">`); n != 11 {
		t.Errorf("%d deliveries on the second page", n)
	}
	m.get("doitac", at+second.found(`<a href="([^"]*)"><svg class="i" aria-hidden="true"><use href="[^"]*#back"/></svg>Về đầu`)).is(http.StatusOK)
	m.get("doitac", at+"?cursor=x").is(http.StatusUnprocessableEntity).sound()
}
