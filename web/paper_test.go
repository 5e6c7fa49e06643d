package web_test

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/color"
	"image/png"
	"strings"
	"testing"

	"cho40/qrgen"
	"cho40/qrgen/photo"
)

// What a market saves for its printing is taken, or refused with the field; and what a batch was printed with it keeps.
func TestPaper(t *testing.T) {
	t.Parallel()
	w := stalled(t)
	w.walk(t, []step{
		{name: "a printer", as: "volunteer", do: "POST " + near + "/printers", body: `{"name":"HP","offset_right":1.5,"offset_down":-0.75}`, status: 201},
		{name: "an offset that is the wrong paper", as: "clerk", do: "POST " + near + "/printers", body: `{"name":"HP","offset_right":11}`, status: 422, want: []string{`"#/offset_right"`}},
		{name: "all printers", as: "clerk", do: "GET " + near + "/printers", status: 200, want: []string{`"offset_down":-0.75`}},
		{name: "stickers", as: "clerk", do: "POST " + near + "/sheets", body: `{"name":"tomy-104","measures":{"columns":2,"rows":4,"left":0,"top":0.5,"width":105,"height":74}}`, status: 201, want: []string{`"version":1`}},
		{name: "stickers beyond the paper", as: "clerk", do: "POST " + near + "/sheets", body: `{"name":"wide","measures":{"columns":3,"rows":4,"left":0,"top":0,"width":105,"height":74}}`, status: 422, want: []string{`"#/measures/`, "no-room"}},
		{name: "stickers too small for a code", as: "clerk", do: "POST " + near + "/sheets", body: `{"name":"tiny","measures":{"columns":5,"rows":13,"left":5,"top":10,"width":38,"height":21}}`, status: 422, want: []string{"too-small"}},
		{name: "a name that everybody has", as: "clerk", do: "POST " + near + "/sheets", body: `{"name":"a6x4","measures":{"columns":2,"rows":4,"left":0,"top":0,"width":105,"height":74}}`, status: 422, want: []string{`"#/name"`, "taken"}},
		{name: "measures that are words", as: "clerk", do: "POST " + near + "/sheets", body: `{"name":"words","measures":{"columns":"two"}}`, status: 422, want: []string{`"#/measures"`}},
		{name: "a design", as: "manager", do: "POST " + near + "/designs", body: `{"name":"Chàm","colour":"#274690","tint":"#fcefc9","board":"BQL chợ Vị Thanh","logo":"` + logo(t, 64) + `"}`, status: 201, want: []string{`"has_logo":true`}},
		{name: "a colour that white letters drown in", as: "manager", do: "POST " + near + "/designs", body: `{"name":"Vàng","colour":"#f2b632","tint":"#fcefc9"}`, status: 422, want: []string{`"#/colour"`, "contrast"}},
		{name: "a ground that black letters drown in", as: "manager", do: "POST " + near + "/designs", body: `{"name":"Đêm","colour":"#274690","tint":"#274690"}`, status: 422, want: []string{`"#/tint"`, "contrast"}},
		{name: "a logo that is no picture", as: "manager", do: "POST " + near + "/designs", body: `{"name":"Chàm","colour":"#274690","tint":"#fcefc9","logo":"aGVsbG8="}`, status: 422, want: []string{`"#/logo"`}},
		{name: "a volunteer's design", as: "volunteer", do: "POST " + near + "/designs", body: `{"name":"Chàm","colour":"#274690","tint":"#fcefc9"}`, status: 403},
		{name: "a design that nobody saved", as: "clerk", do: "POST " + near + "/print-batches", body: `{"all":true,"design":"Hồng"}`, status: 422, want: []string{`"#/design"`}},
		{name: "a printer that nobody saved", as: "clerk", do: "POST " + near + "/print-batches", body: `{"all":true,"printer":"Canon"}`, status: 422, want: []string{`"#/printer"`}},
		{name: "a sheet that is no placard", as: "clerk", do: "POST " + near + "/print-batches", body: `{"all":true,"sheet":"slip"}`, status: 422, want: []string{`"#/sheet"`}},
		{name: "more cells than the stickers have", as: "clerk", do: "POST " + near + "/print-batches", body: `{"all":true,"sheet":"tomy-104","skip":8}`, status: 422, want: []string{`"#/skip"`}},
	})
	w.approveAll(t, "manager")
	a := w.take(t, step{as: "clerk", do: "POST " + near + "/print-batches", body: `{"all":true,"sheet":"tomy-104","design":"Chàm","printer":"HP","copies":2,"no_cut_marks":true}`, status: 201,
		want: []string{`"copies":2`, `"offset_right":1.5`, `"cut_marks":false`, `"width":105`}})
	pdf := "/api/v1/print-batches/" + a.at(t, "id") + ".pdf"
	first := w.take(t, step{as: "clerk", do: "GET " + pdf, status: 200}).body

	// Everything is changed afterwards; the batch stays what it was, byte for byte.
	w.walk(t, []step{
		{as: "clerk", do: "POST " + near + "/printers", body: `{"name":"HP","offset_right":-3,"offset_down":3}`, status: 201},
		{as: "clerk", do: "POST " + near + "/sheets", body: `{"name":"tomy-104","measures":{"columns":1,"rows":2,"left":10,"top":10,"width":105,"height":130}}`, status: 201, want: []string{`"version":2`}},
		{as: "manager", do: "POST " + near + "/designs", body: `{"name":"Chàm","colour":"#0a4531","tint":"#ffffff"}`, status: 201, want: []string{`"version":2`, `"has_logo":false`}},
	})
	if again := w.take(t, step{as: "clerk", do: "GET " + pdf, status: 200}).body; !bytes.Equal(first, again) {
		t.Error("the batch's file is another one")
	}
}

// logo is a PNG of a plain square in base64.
func logo(t *testing.T, side int) string {
	t.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, side, side))
	for i := range img.Pix {
		img.Pix[i] = 0x80
	}
	img.Set(side/2, side/2, color.Black)
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(out.Bytes())
}

// A preview shows what would be printed, pays nobody, and issues nothing; a placard's picture is what hangs.
func TestPreviewAndPicture(t *testing.T) {
	t.Parallel()
	w := stalled(t)
	w.take(t, step{name: "nothing is ready", as: "clerk", do: "GET " + near + "/print-preview.png", status: 409, want: []string{"nothing-to-print"}})
	w.take(t, step{name: "a wrong number", as: "clerk", do: "GET " + near + "/print-preview.png?skip=x", status: 422})
	w.approveAll(t, "manager")
	before := w.take(t, step{as: "clerk", do: "GET " + near + "/print-preview.png?sheet=a5x2", status: 200}).body
	img, err := png.Decode(bytes.NewReader(before))
	if err != nil || img.Bounds().Dx() < img.Bounds().Dy() {
		t.Fatalf("the preview of an A4 lying down is %v, %v", img, err)
	}
	a := w.take(t, step{name: "nothing was issued", as: "clerk", do: "POST " + near + "/print-batches", body: `{"all":true}`, status: 201, keep: map[string]string{"serial": "items.0.serial"}})
	body := w.take(t, step{as: "volunteer", do: "GET /api/v1/placards/$serial.png", status: 200}).body
	found, err := photo.Read(t.Context(), body)
	if err != nil || len(found) != 1 {
		t.Fatalf("the picture for the vendor's phone: %d codes, %v", len(found), err)
	}
	d, err := qrgen.Decode(found[0].Text, qrgen.Strict)
	if err != nil || !strings.HasSuffix(d.Account, a.at(t, "items.0.last_digits")) {
		t.Errorf("it pays %+v, %v", d, err)
	}
	w.walk(t, []step{
		{name: "its log", as: "auditor", do: "GET /api/v1/placards/$serial/events", status: 200, want: []string{`"kind":"issued"`, `"kind":"printed"`}},
		{name: "a reprint without a reason", as: "clerk", do: "POST " + near + "/print-batches", body: `{"stalls":["A-12"],"reprint":true}`, status: 422, want: []string{`"#/reason"`}},
		{name: "a reprint", as: "clerk", do: "POST " + near + "/print-batches", body: `{"all":true,"reprint":true,"reason":"ướt mưa"}`, status: 201, want: []string{`"reason":"ướt mưa"`}},
		{name: "the old one has no picture any more", as: "clerk", do: "GET /api/v1/placards/$serial.png", status: 409, want: []string{"placard-state"}},
		{name: "who still has an old one", as: "officer", do: "GET " + near + "/old-placards", status: 200, want: []string{`"$serial"`, "ướt mưa", `"hung":false`}},
		{name: "it is collected", as: "volunteer", do: "POST /api/v1/placards/$serial/events", body: `{"kind":"removed"}`, status: 200},
		{name: "and has left the list", as: "officer", do: "GET " + near + "/old-placards", status: 200, want: []string{`!"serial":"$serial"`}},
	})
}

// A stand that a wallet gave counts like one of ours once its account is approved.
func TestStand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.take(t, step{as: "clerk", do: "POST " + near + "/stalls", body: `{"code":"C-1","vendor":{"name":"Trần Văn Nam"}}`, status: 201})
	code, err := qrgen.Static("971011", "0312345678")
	if err != nil {
		t.Fatal(err)
	}
	stand := `{"id":"01a2b3c4-d5e6-7f80-9123-456789abcde0","payload":"` + code + `","heard_name":"TRAN VAN NAM","consent":{"version":"vi-1","given":"face_to_face"}}`
	const at = "POST " + near + "/stalls/C-1/stands"
	w.walk(t, []step{
		{name: "no payee code", as: "volunteer", do: at, body: `{"payload":"https://example.com","consent":{"version":"vi-1","given":"face_to_face"}}`, status: 422, want: []string{"not-a-payee-code"}},
		{name: "without the vendor's consent", as: "volunteer", do: at, body: `{"payload":"` + code + `"}`, status: 409, want: []string{"consent-missing"}},
		{name: "the stand", as: "volunteer", do: at, body: stand, status: 201, want: []string{`"kind":"provider"`, `"state":"installed"`}},
		{name: "sent again", as: "volunteer", do: at, body: stand, status: 200, want: []string{`"kind":"provider"`}},
		{name: "sent again with another name", as: "volunteer", do: at, body: strings.Replace(stand, "NAM", "AN", 1), status: 409, want: []string{"stand-differs"}},
		{name: "not yet approved, it does not count", as: "clerk", do: "GET /api/v1/coverage?market=NEAR", status: 200, want: []string{`"accepting":0`}},
	})
	w.approveAll(t, "manager")
	w.take(t, step{name: "approved, it counts without another visit", as: "clerk", do: "GET /api/v1/coverage?market=NEAR", status: 200, want: []string{`"accepting":1`}})
}
