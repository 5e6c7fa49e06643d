package web_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"

	"github.com/chromedp/chromedp"
)

// What an approver is shown of an account, another default decided on the page, and a stall that waits for its new placard.
func TestAccountsInABrowser(t *testing.T) {
	for _, size := range []struct {
		name          string
		width, height int64
	}{{"phone", 320, 640}, {"desktop", 1280, 900}} {
		t.Run(size.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			secret := w.secured(t, "hanh", "manager", "market:NEAR")
			w.walk(t, []step{
				{name: "a stall", as: "clerk", do: "POST " + near + "/stalls", body: tamStall, status: 201, keep: map[string]string{"first": "accounts.0.id"}},
				{name: "its account", as: "officer", do: "GET /api/v1/accounts/$first", status: 200, keep: map[string]string{"etag": "=ETag"}},
				{name: "approved", as: "officer", do: "POST /api/v1/accounts/$first/decision", body: `{"decision":"approve"}`, header: []string{"If-Match", "$etag"}, status: 200},
				{name: "a second one", as: "clerk", do: "POST " + near + "/stalls/A-12/accounts", body: `{"provider":"vcb","number":"0716666666123","holder":"LY MINH TAM","account_kind":"merchant"}`, status: 201, keep: map[string]string{"second": "id", "etag": "=ETag"}},
				{name: "approved too", as: "officer", do: "POST /api/v1/accounts/$second/decision", body: `{"decision":"approve"}`, header: []string{"If-Match", "$etag"}, status: 200},
				{name: "heard", as: "volunteer", do: "POST /api/v1/accounts/$second/verifications", body: `{"step":"name_heard","heard_name":"Lý Minh Tâm","how":"tại sạp"}`, status: 201},
				{name: "to be the default", as: "clerk", do: "POST " + near + "/stalls/A-12/default", body: `{"account":"$second","reason":"ví kia đã đầy hạn mức"}`, status: 201},
				{name: "another stall", as: "clerk", do: "POST " + near + "/stalls", body: stallJSON("B-7", "Rau củ", "Trần Văn Bê", "0711111111"), status: 201, keep: map[string]string{"bee": "accounts.0.id"}},
				{name: "its own account", as: "officer", do: "GET /api/v1/accounts/$bee", status: 200, keep: map[string]string{"etag": "=ETag"}},
				{name: "another name is heard", as: "volunteer", do: "POST /api/v1/accounts/$bee/verifications", body: `{"step":"name_heard","heard_name":"Trần Thị Hoa","how":"quét thử"}`, status: 201},
				{name: "the same account with a third", as: "clerk", do: "POST " + near + "/stalls", body: `{"code":"C-1","vendor":{"name":"Trần Thị Hoa"},"consent":{"version":"vi-1","given":"face_to_face"},"accounts":[{"provider":"viettel_money","number":"0711111111","holder":"TRAN VAN BE","reason":"hai vợ chồng chung ví"}]}`, status: 201},
			})
			b1, err := w.reg.Issue(t.Context(), registry.Console(), "NEAR", registry.NewBatch{Sheet: "a6x4", Stalls: []string{"A-12"}},
				func(registry.Batch, registry.Placard) (why, warning fault.Text) { return })
			if err != nil {
				t.Fatal(err)
			}
			_, ps, err := w.reg.Batch(t.Context(), registry.Console(), b1.Ref)
			if err != nil {
				t.Fatal(err)
			}
			w.vars["serial"] = ps[0].Serial.String()
			w.walk(t, []step{
				{name: "hung", as: "volunteer", do: "POST /api/v1/placards/$serial/events", body: `{"kind":"installed","heard_name":"Lý Minh Tâm"}`, status: 200},
				{name: "the wallet's number changes", as: "clerk", do: "POST " + near + "/stalls/A-12/accounts", body: `{"provider":"viettel_money","number":"0712222222","holder":"LY MINH TAM"}`, status: 201, keep: map[string]string{"change": "id", "etag": "=ETag"}},
			})
			server := httptest.NewServer(w.h)
			defer server.Close()
			b := browse(t, server.URL, size.width, size.height)
			b.signIn("hanh", goodPassword, secret.Code(w.clock.now()))
			b.goes("/markets/NEAR/approvals")
			if about := eval[string](b, `document.querySelector('[aria-labelledby=defaults] li > .small').textContent`); !strings.HasPrefix(about, "Person clerk · ") {
				t.Errorf("who wishes another account to be printed first: %q", about)
			}
			b.do("the digits", chromedp.SendKeys(chromedp.CSS("#default-0-digits"), "1"))
			b.submits("approve with the wrong digits", `form[action$="/defaults"] button[value=approve]`)
			b.do("the digits", chromedp.SendKeys(chromedp.CSS("#default-0-digits"), ""), chromedp.SetValue(chromedp.CSS("#default-0-digits"), "666123"))
			b.submits("approve the default", `form[action$="/defaults"] button[value=approve]`)
			if n := w.count(`SELECT count(*) FROM vendors v JOIN accounts a ON a.id = v.default_account WHERE a.number = '0716666666123'`); n != 1 {
				t.Error("the other account is not the default")
			}
			w.take(t, step{as: "officer", do: "POST /api/v1/accounts/$change/decision", body: `{"decision":"approve","last_digits":"222222"}`, header: []string{"If-Match", "$etag"}, status: 200})
			b.goes("/markets/NEAR/stalls/A-12")
			if n := eval[int](b, `document.querySelectorAll('.todo li').length`); n < 3 {
				t.Errorf("the stall's page names %d things to do", n)
			}
			w.clock.pass(5 * 24 * 3600 * 1e9)
			b.signIn("hanh", goodPassword, secret.Code(w.clock.now()))
			b.goes("/markets/NEAR/stalls/A-12?late")
		})
	}
}
