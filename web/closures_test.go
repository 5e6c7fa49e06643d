package web

import (
	"net/http"
	"net/url"
	"testing"

	"cho40/internal/id"
	registry "cho40/vendor_registry"
)

// says is a wallet's word of a stall's account, of which it may know.
func (m *market) says(status, stall string) {
	m.Helper()
	g, err := registry.ParseGrant("partner", "provider:viettel_money")
	if err != nil {
		m.Fatal(err)
	}
	key := registry.Actor{ID: "key:" + id.New[registry.Actor]().String(), Via: "api", Grants: []registry.Grant{g}}
	if _, err := m.reg.RecordSharing(m.Context(), m.actor("thu"), "VT", stall, registry.NewSharing{Provider: "viettel_money", Version: "vi-share-1", Given: "face_to_face"}); err != nil {
		m.Fatal(err)
	}
	answers, err := m.reg.Confirm(m.Context(), key, registry.NewConfirmations{Items: []registry.Confirmation{{Account: m.look(stall).Accounts[0].ID, Status: status}}})
	if err != nil || answers[0].Result != "recorded" {
		m.Fatalf("%s of %s: %+v, %v", status, stall, answers, err)
	}
}

// That a wallet says an account is closed stands where the board and the team look, with what to do about it; nothing stops by itself.
func TestClosedAccountOnThePages(t *testing.T) {
	t.Parallel()
	m := newMarket(t)
	m.approveAll()
	_, serials := m.printAll(false)
	no := serials["A-01"]
	home, at := "/markets/VT", "/markets/VT/stalls/A-01"
	if _, err := m.reg.RecordPlacard(t.Context(), m.actor("an"), no, registry.NewPlacardEvent{Kind: "installed", Consent: &registry.NewConsent{Version: "vi-1", Given: "face_to_face"}}); err != nil {
		t.Fatal(err)
	}
	const said = "Từ ngày 22/11/2026, Viettel Money báo tài khoản"
	closed := home + "?status=account_closed"
	for _, path := range []string{home, at, "/placards/" + no, "/", closed} {
		m.get("loan", path).is(http.StatusOK).sound().hasNot(said, "báo tài khoản đã đóng", "theo ví, ngân hàng báo")
	}
	m.says("closed", "A-01")
	vendor := home + "/vendors/" + m.look("A-01").Vendor.ID.String()
	stop := `<a href="/placards/` + no + `">Tạm ngưng bảng mã ` + no + `</a>`
	for name, tt := range map[string]struct {
		who, path string
		has, not  []string
	}{
		"the stall, for the board":   {"loan", at, []string{said + " 07••\u00a0•••\u00a0678 đã đóng.", "Hỏi người bán đang dùng tài khoản nào rồi đưa tài khoản đó vào, bằng", stop, "Ví, ngân hàng báo tài khoản đã đóng", "<b>ví, ngân hàng báo đã đóng</b>"}, []string{"có thể in 1 bảng"}},
		"for a volunteer":            {"an", at, []string{said, stop}, nil},
		"for who may not stop it":    {"soat", at, []string{said}, []string{stop}},
		"for an officer":             {"canbo", at, []string{said, stop}, nil},
		"the vendor":                 {"loan", vendor, []string{said, "Ví, ngân hàng báo tài khoản đã đóng"}, nil},
		"the placard":                {"loan", "/placards/" + no, []string{said + " ••••\u00a05678 đã đóng.", "Trong lúc đó, tạm ngưng bảng mã này."}, nil},
		"the market":                 {"loan", home, []string{"1 quầy có tài khoản đã đóng, theo ví, ngân hàng báo", `href="/markets/VT?status=account_closed#stalls"`, "báo tài khoản đã đóng"}, nil},
		"its list":                   {"loan", closed, []string{`<a class="code" href="` + at + `">`, "báo tài khoản đã đóng", "Tìm thấy 1 quầy"}, []string{`<a class="code" href="` + home + `/stalls/A-02">`}},
		"the first page":             {"loan", "/", []string{"1 quầy có tài khoản đã đóng, theo ví, ngân hàng báo"}, nil},
		"what buyers are told stays": {"", "/v/" + no, nil, []string{"đóng"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := m.get(tt.who, tt.path).is(http.StatusOK)
			p.t = t
			p.sound().has(tt.has...).hasNot(tt.not...)
		})
	}
	m.get("loan", at, "Cookie", "lang=en").is(http.StatusOK).sound().has("Since 22/11/2026 Viettel Money says that account 07••\u00a0•••\u00a0678 is closed.")
	m.post("loan", home+"/print", url.Values{"who": {"stalls"}, "stalls": {"A-01"}, "sheet": {"a6x4"}, "reprint": {"1"}, "reason": {"mờ"}}).is(http.StatusConflict).sound().has("Ví hoặc ngân hàng báo tài khoản đã đóng.")
	m.post("an", "/placards/"+no, url.Values{"kind": {"suspended"}, "reason": {"account closed"}}).is(http.StatusSeeOther)
	m.get("loan", at).is(http.StatusOK).sound().has(said, "Lý do: ví, ngân hàng báo tài khoản đã đóng").hasNot(stop)
	m.says("active", "A-01")
	for _, path := range []string{home, at, "/placards/" + no, "/", closed} {
		m.get("loan", path).is(http.StatusOK).sound().hasNot(said, "<div class=\"small quiet\">báo tài khoản đã đóng</div>", "theo ví, ngân hàng báo")
	}
	m.get("loan", at).has("Ví, ngân hàng xác nhận lại tài khoản", "Tạm ngưng")
}
