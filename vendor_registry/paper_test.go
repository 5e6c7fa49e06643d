package registry_test

import (
	"bytes"
	"encoding/json"
	"image"
	"image/png"
	"math"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"cho40/internal/fault"
	"cho40/internal/id"
	registry "cho40/vendor_registry"
)

// picture is a PNG of a size.
func picture(t testing.TB, width, height int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, width, height))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func anyMeasures(json.RawMessage) []fault.Field { return nil }

var green = registry.NewDesign{Name: "Tết", Colour: "#0B6E4F", Tint: "#e6f4ee", Board: "Ban quản lý chợ Vị Thanh"}

func TestPaperFaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	printer := func(change func(*registry.Printer)) func(by registry.Actor) error {
		p := registry.Printer{Name: "Canon LBP 2900"}
		change(&p)
		return func(by registry.Actor) error { _, err := w.reg.SavePrinter(t.Context(), by, "VT", p); return err }
	}
	sheet := func(name, measures string, check func(json.RawMessage) []fault.Field) func(by registry.Actor) error {
		return func(by registry.Actor) error {
			_, err := w.reg.SaveSheet(t.Context(), by, "VT", registry.NewSheet{Name: name, Measures: json.RawMessage(measures)}, []string{"a6x4", "tent"}, check)
			return err
		}
	}
	design := func(change func(*registry.NewDesign)) func(by registry.Actor) error {
		d := green
		change(&d)
		return func(by registry.Actor) error { _, err := w.reg.SaveDesign(t.Context(), by, "VT", d); return err }
	}
	narrow := func(json.RawMessage) []fault.Field {
		return []fault.Field{fault.At("width", "range", "A number from 0 to %d.", 210)}
	}
	for _, tt := range []struct {
		name   string
		by     registry.Actor
		do     func(by registry.Actor) error
		want   string
		fields []string
	}{
		{"a printer without a name", w.clerk, printer(func(p *registry.Printer) { p.Name = " " }), "printer-invalid", []string{"name required"}},
		{"11 mm to the right", w.clerk, printer(func(p *registry.Printer) { p.OffsetRight = 11 }), "printer-invalid", []string{"offset_right range"}},
		{"up by more than 10 mm", w.clerk, printer(func(p *registry.Printer) { p.OffsetDown = -10.01 }), "printer-invalid", []string{"offset_down range"}},
		{"no number of millimetres", w.clerk, printer(func(p *registry.Printer) { p.OffsetDown, p.OffsetRight = math.NaN(), math.Inf(1) }), "printer-invalid", []string{"offset_down range", "offset_right range"}},
		{"an officer's printer", w.officer, printer(func(*registry.Printer) {}), "not-allowed", nil},
		{"a printer from outside", w.stranger, printer(func(*registry.Printer) {}), "market-not-found", nil},
		{"a sheet in capitals", w.clerk, sheet("TOMY", `{}`, anyMeasures), "sheet-invalid", []string{"name form"}},
		{"a sheet of 21 letters", w.clerk, sheet(strings.Repeat("a", 21), `{}`, anyMeasures), "sheet-invalid", []string{"name form"}},
		{"everybody's sheet", w.clerk, sheet("a6x4", `{}`, anyMeasures), "sheet-invalid", []string{"name taken"}},
		{"a sheet without measures", w.clerk, sheet("tomy", ``, anyMeasures), "sheet-invalid", []string{"measures required"}},
		{"measures without end", w.clerk, sheet("tomy", `"`+strings.Repeat("1", 4096)+`"`, anyMeasures), "sheet-invalid", []string{"measures too-long"}},
		{"measures that the printing refuses", w.clerk, sheet("tomy", `{}`, narrow), "sheet-invalid", []string{"measures/width range"}},
		{"a volunteer's sheet", w.volunteer, sheet("tomy", `{}`, anyMeasures), "not-allowed", nil},
		{"a sheet from outside", w.stranger, sheet("tomy", `{}`, anyMeasures), "market-not-found", nil},
		{"a design without a name", w.clerk, design(func(d *registry.NewDesign) { d.Name = "" }), "design-invalid", []string{"name required"}},
		{"everybody's design", w.clerk, design(func(d *registry.NewDesign) { d.Name = "Standard" }), "design-invalid", []string{"name taken"}},
		{"colours by name", w.clerk, design(func(d *registry.NewDesign) { d.Colour, d.Tint = "green", "#fff" }), "design-invalid", []string{"colour form", "tint form"}},
		{"a logo that is no PNG", w.clerk, design(func(d *registry.NewDesign) { d.Logo = []byte("GIF89a") }), "design-invalid", []string{"logo form"}},
		{"a logo of 2,001 dots", w.clerk, design(func(d *registry.NewDesign) { d.Logo = picture(t, 2001, 1) }), "design-invalid", []string{"logo form"}},
		{"a logo over 256 KiB", w.clerk, design(func(d *registry.NewDesign) { d.Logo = append(picture(t, 1, 1), make([]byte, 256<<10)...) }), "design-invalid", []string{"logo form"}},
		{"a leader's design", w.leader, design(func(*registry.NewDesign) {}), "not-allowed", nil},
		{"a design from outside", w.stranger, design(func(*registry.NewDesign) {}), "market-not-found", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := w.contents()
			err := tt.do(tt.by)
			isFault(t, err, tt.want)
			if got := pointers(err); len(got)+len(tt.fields) > 0 && !slices.Equal(got, tt.fields) {
				t.Errorf("fields %q, want %q", got, tt.fields)
			}
			w.same(before)
		})
	}
}

// A printer that was measured again is one printer.
func TestSavePrinter(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, p := range []registry.Printer{{Name: "HP  ở văn phòng", OffsetRight: 1.5, OffsetDown: -0.75}, {Name: "Canon", OffsetRight: 0.123}, {Name: "HP ở văn phòng", OffsetRight: -10, OffsetDown: 10}} {
		if _, err := w.reg.SavePrinter(t.Context(), w.volunteer, "VT", p); err != nil {
			t.Fatal(err)
		}
	}
	got, err := w.reg.Printers(t.Context(), w.clerk, "VT")
	if want := []registry.Printer{{Name: "Canon", OffsetRight: 0.12}, {Name: "HP ở văn phòng", OffsetRight: -10, OffsetDown: 10}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("printers %+v, %v", got, err)
	}
	if n := ask[int](w, `SELECT count(*) FROM audit_events WHERE action = 'printer.saved'`); n != 3 {
		t.Errorf("%d events", n)
	}
	w.whole()
}

// A batch keeps what its sheets looked like, whatever is saved afterwards.
func TestBatchKeepsItsPaper(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	sheet := func(measures string) registry.Sheet {
		got, err := w.reg.SaveSheet(ctx, w.manager, "VT", registry.NewSheet{Name: "tomy-104", Measures: json.RawMessage(measures)}, nil, anyMeasures)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	design := func(change func(*registry.NewDesign)) registry.Design {
		in := green
		change(&in)
		got, err := w.reg.SaveDesign(ctx, w.clerk, "VT", in)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	logo := picture(t, 40, 30)
	one := design(func(d *registry.NewDesign) { d.Logo = logo })
	if one.Version != 1 || one.Colour != "#0b6e4f" || !one.HasLogo || !bytes.Equal(one.Logo, logo) {
		t.Errorf("saved %+v", one)
	}
	first := sheet(`{"width": 105.5, "columns": 2}`)
	if _, err := w.reg.SavePrinter(ctx, w.clerk, "VT", registry.Printer{Name: "Canon", OffsetRight: 1.25, OffsetDown: -2}); err != nil {
		t.Fatal(err)
	}
	for _, code := range []string{"A-1", "A-2"} {
		w.approve(w.stall(code, viettel).Accounts[0])
	}
	in := registry.NewBatch{All: true, Sheet: "tomy-104", Design: "Tết", Copies: 2, NoCutMarks: true, Printer: "Canon", Back: true, Reason: " Đợt  đầu"}
	made, err := w.reg.Issue(ctx, w.clerk, "VT", in, func(b registry.Batch, p registry.Placard) (why, warning fault.Text) {
		if string(b.Measures) != string(first.Measures) || b.Theme == nil || b.Theme.Ref != one.Ref || b.Copies != 2 || b.OffsetRight != 1.25 {
			t.Errorf("asked whether it fits %+v", b)
		}
		if p.Stall == "A-2" {
			warning = fault.Say("The name has %d letters.", 30)
		}
		return
	})
	if err != nil {
		t.Fatal(err)
	}
	before, ps, err := w.reg.Batch(ctx, w.clerk, made.Ref)
	if err != nil {
		t.Fatal(err)
	}
	if before.CutMarks || before.Copies != 2 || !before.Back || before.OffsetRight != 1.25 || before.OffsetDown != -2 || before.Reason != "Đợt đầu" ||
		string(before.Measures) != string(first.Measures) || before.Theme.Version != 1 || !bytes.Equal(before.Theme.Logo, logo) {
		t.Errorf("batch %+v, theme %+v", before, before.Theme)
	}
	if len(before.Warnings) != 1 || before.Warnings[0].Stall != "A-2" || before.Warnings[0].Serial != ps[1].Serial.String() || before.Warnings[0].Detail.String() != "The name has 30 letters." {
		t.Errorf("warnings %+v", before.Warnings)
	}
	second, two := sheet(`{"width": 99}`), design(func(d *registry.NewDesign) { d.Tint = "#ffffff" })
	if second.Version != 2 || two.Version != 2 || two.HasLogo || two.Ref == one.Ref {
		t.Errorf("next versions %+v, %+v", second, two)
	}
	if _, err := w.reg.SavePrinter(ctx, w.clerk, "VT", registry.Printer{Name: "Canon"}); err != nil {
		t.Fatal(err)
	}
	if after, again, err := w.reg.Batch(ctx, w.clerk, made.Ref); err != nil || !reflect.DeepEqual(after, before) || !reflect.DeepEqual(again, ps) {
		t.Errorf("the old sheets would differ: %+v, were %+v; %v", after, before, err)
	}
	if all, err := w.reg.Sheets(ctx, w.volunteer, "VT"); err != nil || len(all) != 1 || all[0].Version != 2 {
		t.Errorf("sheets %+v, %v", all, err)
	}
	if all, err := w.reg.Designs(ctx, w.volunteer, "VT"); err != nil || len(all) != 1 || all[0].Ref != two.Ref {
		t.Errorf("designs %+v, %v", all, err)
	}
	if old, err := w.reg.Design(ctx, w.clerk, one.Ref); err != nil || !reflect.DeepEqual(old, *before.Theme) {
		t.Errorf("the old design %+v, %v", old, err)
	}
	for name, ref := range map[string]registry.DesignRef{"another's": one.Ref, "through XX": {Market: "XX", ID: one.ID}, "none": {Market: "XX", ID: id.New[registry.Design]()}} {
		if _, err := w.reg.Design(ctx, w.stranger, ref); fault.CodeOf(err) != "design-not-found" {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.approve(w.stall("B-1", vnpt).Accounts[0])
	w.approve(w.stall("B-2", vnpt).Accounts[0])
	if b, err := w.reg.Issue(ctx, w.clerk, "VT", registry.NewBatch{Stalls: []string{"B-2"}}, anyFits); err != nil || b.Measures != nil {
		t.Errorf("no sheet named: %+v, %v", b, err)
	}
	plain, _ := w.issue(registry.NewBatch{All: true})
	if plain.Copies != 1 || !plain.CutMarks || plain.Back || plain.OffsetRight != 0 || plain.Design != registry.Standard || plain.Theme != nil || plain.Measures != nil {
		t.Errorf("nothing asked for: %+v", plain)
	}
	w.whole()
}

// Two who save at once make two versions.
func TestSaveTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			if _, err := w.reg.SaveDesign(t.Context(), w.clerk, "VT", green); err != nil {
				t.Error(err)
			}
			if _, err := w.reg.SaveSheet(t.Context(), w.clerk, "VT", registry.NewSheet{Name: "tomy", Measures: json.RawMessage(`{}`)}, nil, anyMeasures); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := ask[int](w, `SELECT (SELECT max(version) FROM designs) + (SELECT max(version) FROM sheets)`); n != 12 {
		t.Errorf("versions end at %d together, want 6 each", n)
	}
	w.whole()
}
