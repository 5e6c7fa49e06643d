package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"cho40/qrgen"
	registry "cho40/vendor_registry"
)

// The ladder of an account on its stall's page: who stood on which rung, how, until when, and what a person may record there.
func TestLadderOnThePage(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	at := "/markets/VT/stalls/A-01"
	a := m.look("A-01").Accounts[0]
	version := a.ID.String()
	m.get("an", at).is(http.StatusOK).sound().has("Chắc chắn là của người bán tới đâu", "Viettel Money 07•• ••• 678", "thu · Lấy từ sổ · không hết hạn", "đang ở bước này",
		"Ghi một lần quét mã", "Ghi tên đã nghe đọc", "Ghi một lần chuyển thử", "Chỉ chính ví hoặc ngân hàng ghi bước này").hasNot("steps/provider_confirmed", "0712345678")
	m.get("canbo", at).is(http.StatusOK).sound().has("Chắc chắn là của người bán tới đâu", "nhờ người bán xem tiền đã tới chưa").hasNot("Ghi một lần chuyển thử", "/steps/")
	m.get("soat", at).is(http.StatusOK).sound().hasNot("Chắc chắn là của người bán tới đâu")
	m.get("an", at, "Cookie", "lang=en").is(http.StatusOK).sound()

	other, err := qrgen.Static("971005", "0719999999")
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		step   string
		in     url.Values
		status int
		want   string
	}{
		"no name":             {"name_heard", url.Values{"how": {"quầy"}}, http.StatusUnprocessableEntity, "Cần điền ô này"},
		"no word of how":      {"test_payment", url.Values{}, http.StatusUnprocessableEntity, "Cần điền ô này"},
		"too many words":      {"test_payment", url.Values{"how": {strings.Repeat("a", 201)}}, http.StatusUnprocessableEntity, "<details open"},
		"nobody's rung":       {"declared", url.Values{"how": {"quầy"}}, http.StatusNotFound, ""},
		"the wallet's own":    {"provider_confirmed", url.Values{"how": {"quầy"}}, http.StatusNotFound, ""},
		"no account":          {"test_payment", url.Values{"how": {"quầy"}, "version": {"x"}}, http.StatusNotFound, ""},
		"of another market":   {"test_payment", url.Values{"how": {"quầy"}, "version": {"XX." + a.RecordID.String()}}, http.StatusNotFound, ""},
		"of no such account":  {"test_payment", url.Values{"how": {"quầy"}, "version": {"VT." + m.look("A-01").ID.String()}}, http.StatusNotFound, ""},
		"a scan without file": {"scanned", url.Values{"how": {"quầy"}}, http.StatusUnsupportedMediaType, ""},
	} {
		if tt.in.Get("version") == "" {
			tt.in.Set("version", version)
		}
		if p := m.post("an", at+"/steps/"+tt.step, tt.in).is(tt.status); tt.want != "" {
			p.sound().has(tt.want)
		}
		if got := m.look("A-01").Accounts[0].Verification; got == nil || got.Rung != registry.RungDeclared {
			t.Errorf("%s: the account stands at %+v", name, got)
		}
	}
	scan := func(payload string) page {
		t.Helper()
		return m.sendForm("an", at+"/steps/scanned", url.Values{"payload": {payload}, "how": {"tại quầy"}, "version": {version}}, nil)
	}
	scan(other).is(http.StatusConflict).sound().has("<details open", "trả vào tài khoản khác")
	scan(a.Payload).is(http.StatusSeeOther).leads(at)
	m.get("an", at).is(http.StatusOK).sound().has("an · tại quầy · không hết hạn")
	m.post("truong", at+"/steps/name_heard", url.Values{"heard_name": {"Lý Minh Tâm"}, "how": {"quét thử"}, "version": {version}}).is(http.StatusSeeOther)
	m.post("an", at+"/steps/test_payment", url.Values{"how": {"1.000 đ"}, "version": {version}}).is(http.StatusSeeOther)
	m.get("an", at).is(http.StatusOK).sound().has("truong · quét thử · nghe đọc: Lý Minh Tâm · có giá trị đến 22/11/2027", "an · 1.000 đ · có giá trị đến 22/11/2027")
	if got := m.look("A-01").Accounts[0].Verification.Rung; got != registry.RungTested {
		t.Errorf("after all of them the account stands at %s", got)
	}
	// Another name: what was known before is in doubt, and the page says so.
	m.post("an", at+"/steps/name_heard", url.Values{"heard_name": {"Trần Thị Hoa"}, "how": {"quét lại"}, "version": {version}}).is(http.StatusSeeOther)
	m.get("an", at).is(http.StatusOK).sound().has("không phải tên chủ tài khoản", "nghe đọc: Trần Thị Hoa")
	m.post("an", at+"/steps/name_heard", url.Values{"heard_name": {"Lý Minh Tâm"}, "how": {"hỏi lại"}, "version": {version}}).is(http.StatusSeeOther)
	for range 3 {
		m.post("an", at+"/steps/name_heard", url.Values{"heard_name": {"Lý Minh Tâm"}, "how": {"lần nữa"}, "version": {version}}).is(http.StatusSeeOther)
	}
	m.get("an", at).is(http.StatusOK).sound().has("và 3 lần trước đó")
	m.approveAll()
	m.clock.pass(370 * 24 * time.Hour)
	m.signIn("thu")
	m.get("thu", at).is(http.StatusOK).sound().has("hết hạn ngày 22/11/2027")
}

// Another account to be printed first: asked for on the stall's page by one, decided by another, and taken back only by who asked.
func TestDefaultOnThePage(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	at := "/markets/VT/stalls/A-01"
	m.get("thu", at).hasNot("Đổi tài khoản in trước")
	if _, err := m.reg.Propose(t.Context(), m.actor("thu"), "VT", "A-01", registry.NewAccount{Provider: "vnpt_money", Number: "0716666666", Holder: "LY MINH TAM"}); err != nil {
		t.Fatal(err)
	}
	m.approveAll()
	pays := func() string {
		t.Helper()
		for _, a := range m.look("A-01").Accounts {
			if a.Default {
				return a.Provider
			}
		}
		return ""
	}
	var second registry.Account
	for _, a := range m.look("A-01").Accounts {
		if !a.Default {
			second = a
		}
	}
	version := func() string {
		t.Helper()
		ps, err := m.reg.DefaultProposals(t.Context(), m.actor("loan"), "VT")
		if err != nil || len(ps) != 1 {
			t.Fatalf("%d wait, %v", len(ps), err)
		}
		return ps[0].Ref.String() + " " + ps[0].ETag()
	}
	m.get("thu", at).is(http.StatusOK).sound().has("Đổi tài khoản in trước", "VNPT Money 07•• ••• 666")
	m.get("canbo", at).is(http.StatusOK).sound().hasNot(at + "/default")
	m.post("thu", at+"/default", url.Values{}).is(http.StatusUnprocessableEntity).sound().has("<details open", "Cần điền ô này")
	m.post("thu", at+"/default", url.Values{"account": {second.ID.String()}, "reason": {"ví kia đầy"}}).is(http.StatusSeeOther).leads(at)
	m.post("loan", at+"/default", url.Values{"account": {second.ID.String()}}).is(http.StatusConflict).sound()
	m.get("thu", at).is(http.StatusOK).sound().has("Viettel Money 07•• ••• 678 → VNPT Money 07•• ••• 666", "người khác phải duyệt", "Rút lại: đổi tài khoản in trước").hasNot("approvals#defaults")
	m.get("loan", at).is(http.StatusOK).sound().has(`href="/markets/VT/approvals#defaults"`).hasNot("Rút lại: đổi tài khoản in trước", at+`/default#`)
	m.post("loan", at+"/default/withdrawal", url.Values{"version": {version()}}).is(http.StatusForbidden)
	m.post("thu", at+"/default/withdrawal", url.Values{"version": {strings.Replace(version(), "VT.", "XX.", 1)}}).is(http.StatusNotFound)
	m.post("thu", at+"/default/withdrawal", url.Values{"version": {version() + "x"}}).is(http.StatusPreconditionFailed).sound()
	m.post("thu", at+"/default/withdrawal", url.Values{"version": {version()}, "reason": {"nhầm"}}).is(http.StatusSeeOther)
	if got := pays(); got != "viettel_money" {
		t.Errorf("after a proposal and its withdrawal the money goes to %s", got)
	}
	m.post("thu", at+"/default", url.Values{"account": {second.ID.String()}}).is(http.StatusSeeOther)
	ref, etag, _ := strings.Cut(version(), " ")
	decide := url.Values{"proposal": {ref}, "etag": {etag}, "decision": {"approve"}, "last_digits": {"666666"}}
	m.post("thu", "/markets/VT/approvals/defaults", decide).is(http.StatusForbidden)
	if got := pays(); got != "viettel_money" {
		t.Errorf("before the approval the money goes to %s", got)
	}
	m.signIn("loan") // a second factor that is fresh
	m.post("loan", "/markets/VT/approvals/defaults", decide).is(http.StatusSeeOther)
	if got := pays(); got != "vnpt_money" {
		t.Errorf("after the approval the money goes to %s", got)
	}
	m.get("thu", at).is(http.StatusOK).sound().has("Đổi tài khoản in trước").hasNot("Rút lại: đổi tài khoản in trước")
}
