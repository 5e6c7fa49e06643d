package web_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"cho40/internal/auth"
	registry "cho40/vendor_registry"
	"cho40/web"

	"github.com/chromedp/chromedp"
)

// Whoever leaves the page of a batch finds it again from the market's page, with how far it is, and lets it be drawn again when it was
// cut off; whoever took a list out finds it among those that left.
func TestLongWorkIsFoundAgainInABrowser(t *testing.T) {
	w := newWorld(t)
	server := httptest.NewServer(w.h)
	t.Cleanup(server.Close)
	const password = "sáng sớm chợ họp bên sông"
	ctx, console := t.Context(), registry.Console()
	for n := range 2 {
		if _, err := w.reg.Register(ctx, console, "NEAR", registry.NewStall{Code: fmt.Sprintf("A-%d", n), Vendor: &registry.NewVendor{Name: "Trần Văn Bê"},
			Accounts: []registry.NewAccount{{Provider: "viettel_money", Number: fmt.Sprintf("091234567%d", n), Holder: "TRAN VAN BE"}},
			Consent:  &registry.NewConsent{Version: "vi-1", Given: "face_to_face"}}); err != nil {
			t.Fatal(err)
		}
	}
	g, err := registry.ParseGrant("manager", "market:NEAR")
	if err == nil {
		_, _, err = w.auth.AddPerson(ctx, console, "hanh", []registry.Grant{g}, password)
	}
	var secret auth.Secret
	if err == nil {
		secret, err = w.auth.IssueFactor(ctx, console, "hanh")
	}
	if err != nil {
		t.Fatal(err)
	}
	batch, err := w.reg.Issue(ctx, console, "NEAR", registry.NewBatch{All: true, Provisional: true, Sheet: "a6x4"}, web.Fits())
	if err == nil {
		err = w.reg.ExportStalls(ctx, console, "NEAR", registry.ListStalls, registry.Export{Format: "csv"}, func(r registry.Rows[registry.ExportedStall]) error { return nil })
	}
	if err != nil {
		t.Fatal(err)
	}
	w.exec(`INSERT INTO works (market_id, id, state, done, total, beat_at) SELECT market_id, id, 'runs', 1, 2, $1 FROM print_batches`, w.clock.now())
	b := browse(t, server.URL, 360, 740)
	says := func(words ...string) {
		t.Helper()
		text := eval[string](b, `document.querySelector("main").innerText`)
		for _, s := range words {
			if !strings.Contains(text, s) {
				t.Errorf("the page does not say %q: %s", s, text)
			}
		}
	}
	b.signIn("hanh", password, secret.Code(w.clock.now()))
	b.goes("/markets/NEAR")
	says("Việc đang chạy", "đã xong 1 trên 2")
	b.do("find the batch again", chromedp.Click(chromedp.CSS(`a[href="/print-batches/`+batch.Ref.String()+`"]`)), chromedp.WaitReady(chromedp.CSS("#going")))
	b.looks("a batch that is drawn")
	says("Đã vẽ và đọc lại: 1 trên 2")
	w.exec(`UPDATE works SET state = 'stopped'`)
	b.do("the page comes again by itself", chromedp.WaitReady(chromedp.CSS(`form[action$="/draw"]`)))
	b.looks("a batch that stopped")
	b.submits("draw it again", `form[action$="/draw"] button`)
	says("2 bảng đã soạn")
	if n := w.count(`SELECT count(*) FROM placards WHERE state = 'printed'`); n != 2 {
		t.Errorf("%d placards are printed", n)
	}
	w.exec(`INSERT INTO works (market_id, id, state, done, total, beat_at) SELECT market_id, id, 'stopped', 1, 2, $1 FROM disclosures`, w.clock.now())
	b.goes("/markets/NEAR/exports")
	b.looks("lists that were taken out")
	says("Đã lấy trước đây", "bị dừng ở 1 trên 2", "máy chủ")
	b.do("a desk", chromedp.EmulateViewport(1280, 900))
	b.wide = true
	for _, page := range []string{"/markets/NEAR/exports", "/markets/NEAR", "/print-batches/" + batch.Ref.String(), "/markets/NEAR/print"} {
		b.goes(page)
	}
}
