package web_test

import (
	"bytes"
	"fmt"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	registry "cho40/vendor_registry"
)

// A market of 500 stalls with all the reasons that there are, and a country of which every province has figures: one sheet each, to be read
// without a glass. It is what somebody takes to a meeting.
func TestMuchOnOneSheetInABrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := w.reg.LoadAreas(t.Context()); err != nil {
		t.Fatal(err)
	}
	var ledger bytes.Buffer
	ledger.WriteString("Mã quầy;Khu;Tên tiểu thương;Mặt hàng;Điện thoại;Viettel Money\n")
	for i := range 500 {
		fmt.Fprintf(&ledger, "%c-%02d;Dãy %[1]c, %[3]s;Trần Văn Bê;rau;07%08[4]d;07%08[4]d\n", 'A'+i/28, i%28+1, []string{"rau củ quả", "thịt, cá", "quần áo"}[i/28%3], i)
	}
	w.take(t, step{as: "clerk", do: "POST " + near + "/imports", body: upload{"so.csv", ledger.Bytes()}, status: 201, keep: map[string]string{"import": "id"}})
	w.take(t, step{as: "clerk", do: "POST /api/v1/imports/$import/commit", body: `{"rows":"good","attested":"vi-1"}`, status: 200})
	for i, why := range []string{"no_phone", "feature_phone", "no_sim_registered", "no_account", "id_issue", "no_signal", "not_confident", "needs_practice", "relative_handles", "privacy_fear", "scam_fear", "tax_worry",
		"fees", "cash_out_far", "app_hard", "buyers_pay_cash", "no_need", "seasonal"} {
		w.take(t, step{as: "volunteer", do: fmt.Sprintf("POST %s/stalls/A-%02d/visits", near, i+1), body: fmt.Sprintf(`{"outcome":"helped","barrier":%q}`, why), status: 201})
	}
	rows, err := w.db.Query(t.Context(), `SELECT min(code) FROM areas WHERE level = 2 AND parent <> '92' AND valid_to IS NULL GROUP BY parent ORDER BY parent`)
	if err != nil {
		t.Fatal(err)
	}
	var communes []string
	for rows.Next() {
		var code string
		if err := rows.Scan(&code); err != nil {
			t.Fatal(err)
		}
		communes = append(communes, code)
	}
	for i, area := range communes {
		code := fmt.Sprintf("M%d", i)
		_, err := w.reg.AddMarket(t.Context(), registry.Console(), registry.NewMarket{Code: code, Name: "Chợ " + code, Area: area})
		if err == nil {
			_, err = w.reg.Register(t.Context(), registry.Console(), code, registry.NewStall{Code: "A-1", Vendor: &registry.NewVendor{Name: "Trần Văn Bê"}})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	g := &gallery{scene: &scene{world: w}, server: httptest.NewServer(w.h)}
	t.Cleanup(g.server.Close)
	v := g.visitor(t, 1280, 900)
	for _, s := range []struct {
		as, path string
		says     []string
		tiles    string
		n        int
	}{
		{"manager", "/markets/NEAR", []string{"Dãy A, rau củ quả", "Dãy R, quần áo"}, ".plan .tile", 500},
		{"officer", "/coverage?market=NEAR", nil, "h1", 1},
		{"officer everywhere", "/coverage", []string{"Tỉnh Cà Mau", "Tỉnh Tuyên Quang"}, "[aria-labelledby=parts] tbody tr", 34},
	} {
		for _, l := range []string{"vi", "en"} {
			v.prefers(l, "light")
			what := l + " " + v.opens(sight{as: s.as, path: s.path})
			pdf := v.prints(what)
			if text, err := pdfText(pdf); err != nil {
				t.Fatal(err)
			} else {
				for _, part := range s.says {
					if !strings.Contains(strings.Join(strings.Fields(text), " "), part) {
						t.Errorf("%s: the sheet does not say %q:\n%s", what, part, text)
					}
				}
			}
			if n := eval[int](v.tab, fmt.Sprintf(`document.querySelectorAll(%q).length`, s.tiles)); n != s.n {
				t.Errorf("%s: %d of %s, want %d", what, n, s.tiles, s.n)
			}
			if least, word := smallest(t, pdf); least < 6 {
				t.Errorf("%s: %q is printed at %.1f points", what, word, least)
			}
		}
	}
}

var wordBox = regexp.MustCompile(`yMin="([0-9.]+)" xMax="[0-9.]+" yMax="([0-9.]+)">([^<]+)<`)

// smallest is the least size of letters on a sheet, in points, and a word of that size. The service's face is 1.265 times as high as its size.
func smallest(t *testing.T, pdf []byte) (least float64, word string) {
	t.Helper()
	cmd := exec.Command("pdftotext", "-bbox", "-", "-")
	cmd.Stdin = bytes.NewReader(pdf)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range wordBox.FindAllStringSubmatch(string(out), -1) {
		from, err1 := strconv.ParseFloat(m[1], 64)
		to, err2 := strconv.ParseFloat(m[2], 64)
		if err1 != nil || err2 != nil {
			t.Fatal(m)
		}
		if size := (to - from) / 1.265; word == "" || size < least {
			least, word = size, m[3]
		}
	}
	if word == "" {
		t.Fatal("no words on the sheet")
	}
	return least, word
}
