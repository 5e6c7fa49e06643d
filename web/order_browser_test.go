package web_test

import (
	"net/http/httptest"
	"testing"

	registry "cho40/vendor_registry"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// The order of a market by dragging with the mouse and by the arrow keys; and how the two forms of a market look.
func TestOrderInABrowser(t *testing.T) {
	for _, size := range []struct {
		name          string
		width, height int64
	}{{"phone", 360, 740}, {"desktop", 1280, 900}} {
		t.Run(size.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if _, _, err := w.auth.AddPerson(t.Context(), registry.Console(), "mai", []registry.Grant{{Role: registry.Clerk, Kind: registry.OverMarket, Code: "NEAR"}}, goodPassword); err != nil {
				t.Fatal(err)
			}
			secret := w.secured(t, "tinh", "officer", "area:92")
			for _, code := range []string{"A-1", "B-1", "C-1"} {
				if _, err := w.reg.Register(t.Context(), registry.Console(), "NEAR", registry.NewStall{Code: code, Section: "Khu " + code[:1]}); err != nil {
					t.Fatal(err)
				}
			}
			server := httptest.NewServer(w.h)
			defer server.Close()
			b := browse(t, server.URL, size.width, size.height)
			b.signIn("mai", goodPassword)
			b.goes("/markets/NEAR/order")
			// The third section is dragged above the first.
			from := eval[[]float64](b, `(r => [r.left + r.width / 2, r.top + r.height / 2])((window.scrollTo(0, 0), document.querySelectorAll(".grip")[2]).getBoundingClientRect())`)
			to := eval[[]float64](b, `(r => [r.left + r.width / 2, r.top + 2])(document.querySelectorAll("#order tbody tr")[0].getBoundingClientRect())`)
			mouse := func(what input.DispatchMouseEventType, y float64) chromedp.Action[chromedp.Void] {
				return chromedp.MouseEvent(what, from[0], y, chromedp.ButtonLeft)
			}
			b.do("drag", mouse(input.DispatchMouseEventTypeMousePressed, from[1]), mouse(input.DispatchMouseEventTypeMouseMoved, (from[1]+to[1])/2),
				mouse(input.DispatchMouseEventTypeMouseMoved, to[1]), mouse(input.DispatchMouseEventTypeMouseReleased, to[1]))
			// And the last goes up by the keyboard.
			eval[bool](b, `document.querySelectorAll(".grip")[2].dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowUp", bubbles: true})) || true`)
			if got := eval[string](b, `[...document.querySelectorAll("#order tbody tr")].map(r => r.querySelector(".place").value + " " + r.querySelector("[name=name]").value).join(", ")`); got != "1 Khu C, 2 Khu B, 3 Khu A" {
				t.Errorf("dragged to %s", got)
			}
			b.submits("save the order", `#order button.btn`)
			walk, err := w.reg.Walk(t.Context(), registry.Console(), "NEAR")
			if err != nil || len(walk.Sections) != 3 || walk.Sections[0].Name != "Khu C" || walk.Sections[1].Name != "Khu B" {
				t.Errorf("stored as %+v, %v", walk.Sections, err)
			}
			b.goes("/markets/NEAR/order?section=Khu+A")
			b.signOut()
			b.signIn("tinh", goodPassword, secret.Code(w.clock.now()))
			b.goes("/markets/NEAR/edit")
			b.goes("/markets/NEAR")
		})
	}
}
