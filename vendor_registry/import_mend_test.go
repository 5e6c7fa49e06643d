package registry_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cho40/internal/fault"
	"cho40/internal/postgres"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/ledger"
)

const oddLedger = "Mốc;Ai;Gọi;Tiền về\nA-1;Lý Minh Tâm;0710000001;0710000001\nA-2;Trần Thị Bé;;\n"

func (w *world) upload(content string, as ledger.Mapping, keep bool) (registry.Import, error) {
	return w.reg.PreviewLedger(w.Context(), w.clerk, "VT", registry.Upload{File: "so.csv", Content: stream(content), Mapping: as, Remember: keep, Keep: true})
}

func codesOf(fields []fault.Field) (codes []string) {
	for _, f := range fields {
		codes = append(codes, f.Code)
	}
	return codes
}

func TestMappingIsRememberedWithTheCommit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	as := ledger.Mapping{"mốc": "code", "B": "vendor", "C": "phone", "Tiền về": "viettel_money"}
	f := isFault(t, func() error { _, err := w.upload(oddLedger, nil, false); return err }(), "ledger-no-heading")
	if got := pointers(f); !slices.Equal(got, []string{"mapping/A column-unknown", "mapping/B column-unknown", "mapping/C column-unknown", "mapping/D column-unknown"}) {
		t.Errorf("the columns are named as %v", got)
	}
	once, err := w.upload(oddLedger, as, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.reg.CommitImport(t.Context(), w.clerk, once.Ref, everyRow); err != nil {
		t.Fatal(err)
	}
	if _, err := w.upload(oddLedger, nil, false); err == nil {
		t.Error("it was remembered, though nobody asked")
	}
	kept, err := w.upload(oddLedger, as, true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.upload(oddLedger, nil, false); err == nil {
		t.Error("it was remembered before the commit")
	}
	if _, err := w.reg.CommitImport(t.Context(), w.clerk, kept.Ref, everyRow); err != nil {
		t.Fatal(err)
	}
	im, err := w.upload(strings.Replace(oddLedger, "Mốc;Ai", "MỐC ;ai", 1), nil, false)
	if err != nil {
		t.Fatal(err)
	}
	if im.Report.Unchanged != 2 || !slices.Equal(codesOf(im.Report.Warnings), []string{"mapping-remembered", "mapping-remembered", "mapping-remembered", "mapping-remembered"}) {
		t.Errorf("%+v", im.Report)
	}
	for _, c := range im.Columns {
		if !c.Told {
			t.Errorf("column %s counts as guessed", c.Letter())
		}
	}
	// Another market has its own.
	if _, err := w.reg.PreviewLedger(t.Context(), w.stranger, "XX", registry.Upload{File: "so.csv", Content: stream(oddLedger)}); err == nil {
		t.Error("another market's ledger is read by it too")
	}
	// What is said now counts more than what was said before.
	im, err = w.upload(oddLedger, ledger.Mapping{"Gọi": "goods"}, false)
	if err != nil || im.Rows[0].Goods != "0710000001" || im.Rows[0].Phone != "" {
		t.Errorf("%v, %+v", err, im.Rows)
	}
	w.whole()
}

func TestMappingAskedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	im, err := w.reg.PreviewLedger(t.Context(), w.clerk, "VT", registry.Upload{File: "so.csv", Content: stream(oddLedger), Keep: true, Ask: true})
	if err != nil || im.State != "unmapped" || len(im.Columns) != 4 || len(im.Top) != 3 {
		t.Fatalf("%v, %+v", err, im)
	}
	_, err = w.reg.CommitImport(t.Context(), w.clerk, im.Ref, everyRow)
	isFault(t, err, "import-unmapped")
	_, err = w.reg.MendImport(t.Context(), w.clerk, im.Ref, []registry.MendedRow{{Row: 2, Cells: map[string]string{"A": "x"}}})
	isFault(t, err, "import-unmapped")
	_, err = w.reg.MapImport(t.Context(), w.clerk, im.Ref, ledger.Mapping{"A": "code"}, false)
	isFault(t, err, "ledger-no-heading")
	_, err = w.reg.MapImport(t.Context(), w.volunteer, im.Ref, ledger.Mapping{"A": "code", "B": "vendor"}, false)
	isFault(t, err, "not-allowed")
	_, err = w.reg.MapImport(t.Context(), w.clerk, im.Ref, ledger.Mapping{"A": "doctor"}, false)
	isFault(t, err, "mapping-invalid")
	if im, err = w.reg.Import(t.Context(), w.clerk, im.Ref); err != nil || im.State != "unmapped" {
		t.Fatalf("%v, %s", err, im.State)
	}
	if im, err = w.reg.MapImport(t.Context(), w.clerk, im.Ref, ledger.Mapping{"A": "code", "B": "vendor"}, false); err != nil || im.State != "preview" || im.Report.Good != 2 {
		t.Fatalf("%v, %+v", err, im)
	}
	if im, err = w.reg.MapImport(t.Context(), w.clerk, im.Ref, ledger.Mapping{"D": "VTM"}, false); err != nil || len(im.Rows[0].Accounts) != 1 {
		t.Fatalf("%v, %+v", err, im.Rows)
	}
	if r, err := w.reg.CommitImport(t.Context(), w.clerk, im.Ref, everyRow); err != nil || r.Good != 2 {
		t.Fatalf("%v, %+v", err, r)
	}
	w.whole()
}

// What is typed anew is checked as the file was, and whoever typed it approves nothing of it.
func TestMendedRows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	im := w.preview(file("A-1;;;Lý Minh Tâm;0710000001;710000001;", "A-1;;;Trần Thị Bé;07100;;", "A-3;;;Ngô Văn Tư;;;"))
	if im.Report.Faulty != 2 || len(im.Rows[0].Proposed) != 1 {
		t.Fatalf("%+v", im.Report)
	}
	mend := func(by registry.Actor, row int, cells ...string) (registry.Import, error) {
		in := registry.MendedRow{Row: row, Cells: map[string]string{}}
		for i := 0; i < len(cells); i += 2 {
			in.Cells[cells[i]] = cells[i+1]
		}
		return w.reg.MendImport(t.Context(), by, im.Ref, []registry.MendedRow{in})
	}
	for _, tt := range []struct {
		name string
		by   registry.Actor
		row  int
		cell []string
		want string
	}{
		{"a row that is none", w.clerk, 1, []string{"A", "x"}, "import-invalid"},
		{"a column that is not there", w.clerk, 2, []string{"Z", "x"}, "import-invalid"},
		{"by a volunteer", w.volunteer, 2, []string{"A", "x"}, "not-allowed"},
		{"from outside", w.stranger, 2, []string{"A", "x"}, "import-not-found"},
		{"too long", w.clerk, 2, []string{"A", strings.Repeat("x", 1_001)}, "ledger-cell-too-long"},
	} {
		_, err := mend(tt.by, tt.row, tt.cell...)
		isFault(t, err, tt.want)
	}
	got, err := mend(w.manager, 2, "Viettel Money", im.Rows[0].Proposed[0].Number)
	if err != nil || got.Rows[0].Fate != "new" || got.Report.Faulty != 1 {
		t.Fatalf("%v, %+v", err, got.Report)
	}
	if got, err = mend(w.clerk, 3, "A", "A-2", "E", "071"); err != nil || !slices.Equal(codesOf(got.Report.Faults), []string{"phone-bad"}) {
		t.Fatalf("still wrong: %v, %v", err, got.Report.Faults)
	}
	faulty, err := w.reg.FaultyRows(t.Context(), w.clerk, im.Ref)
	if err != nil || len(faulty.Rows) != 1 || faulty.Rows[0].Cells[0] != "A-2" || faulty.Rows[0].Cells[4] != "071" || len(faulty.Headings) != 7 {
		t.Fatalf("%v, %+v", err, faulty)
	}
	if got, err = mend(w.clerk, 3, "so dien thoai", ""); err != nil || got.Report.Faulty != 0 {
		t.Fatalf("%v, %+v", err, got.Report)
	}
	if _, err := w.reg.CommitImport(t.Context(), w.clerk2, im.Ref, everyRow); err != nil {
		t.Fatal(err)
	}
	if got := w.stored(); !slices.Equal(got, []string{"A-1|||Lý Minh Tâm|0710000001|viettel_money 0710000001", "A-2|||Trần Thị Bé||", "A-3|||Ngô Văn Tư||"}) {
		t.Errorf("stored %q", got)
	}
	a := w.look("A-1").Accounts[0]
	for _, who := range []registry.Actor{w.manager} { // clerks may not approve anyway
		_, err := w.reg.Decide(t.Context(), who, registry.Decision{Account: a.ID, ETag: a.ETag(), Decision: "approve"})
		if fault.KindOf(err) != fault.Forbidden {
			t.Errorf("who typed it approves it: %v", err)
		}
	}
	if n := ask[int](w, `SELECT count(*) FROM imports WHERE sheet IS NOT NULL OR mended <> '{}'`); n != 0 {
		t.Error("the cells are kept after the commit")
	}
	_, err = mend(w.clerk, 2, "A", "x")
	isFault(t, err, "import-committed")
	w.whole()
}

// A preview says field by field what it changes, and gives no number of the record away.
func TestFieldByField(t *testing.T) {
	t.Parallel()
	first := []string{"A-1;Khu A;Rau;Lý Minh Tâm;0710000001;0710000001;", "A-2;Khu A;Cá;;;;", "A-3;Khu A;Thịt;Trần Thị Bé;;;", "A-4;;;Nguyễn Văn Lan;0710000004;;"}
	for _, tt := range []struct {
		name, row, fate string
		want            []string // field: from → to
		codes           []string
		stored          string // of the stall of the row
	}{
		{"every field", "A-1;Khu B;Hoa;Lý Minh Tâm;0710000007;0710000009;0710000002", "changed", []string{"section: Khu A → Khu B", "goods: Rau → Hoa", "phone: 07•• ••• 001 → 07•• ••• 007",
			"account: Viettel Money 07•• ••• 001 → Viettel Money 07•• ••• 009", "account:  → VNPT Money 07•• ••• 002"}, nil,
			"A-1|Khu B|Hoa|Lý Minh Tâm|0710000007|viettel_money 0710000001,viettel_money 0710000009,vnpt_money 0710000002"},
		{"who takes a vacant stall", "A-2;Khu A;Cá;Ngô Văn Tư;0710000002;0710000002;", "changed", []string{"vendor:  → Ngô Văn Tư", "phone:  → 07•• ••• 002", "account:  → Viettel Money 07•• ••• 002"}, nil,
			"A-2|Khu A|Cá|Ngô Văn Tư|0710000002|viettel_money 0710000002"},
		{"accents put right", "A-3;Khu A;Thịt;Trần Thị Bê;;;", "changed", []string{"vendor: Trần Thị Bé → Trần Thị Bê"}, []string{"vendor-corrected"}, "A-3|Khu A|Thịt|Trần Thị Bê||"},
		{"accents left out", "A-3;Khu A;Thịt;TRAN THI BE;;;", "unchanged", nil, nil, "A-3|Khu A|Thịt|Trần Thị Bé||"},
		{"a slip in the family name", "A-3;Khu A;Thịt;Trầm Thị Bé;;;", "changed", []string{"vendor: Trần Thị Bé → Trầm Thị Bé"}, []string{"vendor-corrected"}, "A-3|Khu A|Thịt|Trầm Thị Bé||"},
		{"another given name, no phone", "A-3;Khu A;Thịt;Trần Thị Bế Em;;;", "faulty", nil, []string{"held-by-other"}, "A-3|Khu A|Thịt|Trần Thị Bé||"},
		{"one letter of the given name, the phone agrees", "A-4;;;Nguyễn Văn Lam;0710000004;;", "changed", []string{"vendor: Nguyễn Văn Lan → Nguyễn Văn Lam"}, []string{"vendor-corrected"}, "A-4|||Nguyễn Văn Lam|0710000004|"},
		{"one letter of the given name, another phone", "A-4;;;Nguyễn Văn Lam;0710000005;;", "faulty", nil, []string{"held-by-other"}, "A-4|||Nguyễn Văn Lan|0710000004|"},
		{"one letter of the given name, no phone", "A-4;;;Nguyễn Văn Lam;;;", "faulty", nil, []string{"held-by-other"}, "A-4|||Nguyễn Văn Lan|0710000004|"},
		{"somebody else with the same phone", "A-4;;;Lê Thị Hoa;0710000004;;", "faulty", nil, []string{"held-by-other"}, "A-4|||Nguyễn Văn Lan|0710000004|"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.importAll(file(first...))
			w.approve(w.look("A-1").Accounts[0])
			w.clock.pass(time.Hour)
			im := w.preview(file(tt.row))
			var got []string
			for _, c := range im.Rows[0].Changes {
				got = append(got, c.Field+": "+c.From+" → "+c.To)
			}
			codes := append(codesOf(im.Report.Faults), codesOf(im.Report.Warnings)...)
			if im.Rows[0].Fate != tt.fate || !slices.Equal(got, tt.want) || !slices.Equal(codes, tt.codes) {
				t.Errorf("%s %q, %v\nwant %s %q, %v", im.Rows[0].Fate, got, codes, tt.fate, tt.want, tt.codes)
			}
			if _, err := w.reg.CommitImport(t.Context(), w.clerk, im.Ref, everyRow); err != nil {
				t.Fatal(err)
			}
			if !slices.Contains(w.stored(), tt.stored) {
				t.Errorf("stored %q, want %q", w.stored(), tt.stored)
			}
			if w.defaultOf("A-1") != "0710000001" {
				t.Error("the import moved the default")
			}
			if im := w.preview(file(tt.row)); tt.fate != "faulty" && im.Report.Unchanged != 1 {
				t.Errorf("the second time: %+v", im.Rows[0].Changes)
			}
			w.whole()
		})
	}
}

// A ledger that spells one vendor in two ways does not correct the name to and fro.
func TestTwoSpellingsOfOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	twice := file("A-1;;;Lý Minh Tâm;0710000001;;", "A-2;;;Lý Minh Tấm;0710000001;;")
	w.importAll(twice)
	if im := w.preview(twice); im.Report.Unchanged != 2 {
		t.Errorf("%+v", im.Rows)
	}
}

func TestStallsByID(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.importAll(file("A-1;Khu A;Rau;Lý Minh Tâm;;;", "A-2;Khu A;Cá;;;;"))
	id := func(code string) string { return w.look(code).ID.String() }
	with := func(rows ...string) string {
		return "id;code;section;goods;vendor;phone;provider;number;holder\n" + strings.Join(rows, "\n") + "\n"
	}
	for _, tt := range []struct {
		name, rows string
		fates      string
		codes      []string
	}{
		{"painted anew", id("A-1") + ";A-01;;;;;;;", "changed", []string{"still-held"}},
		{"as it is", id("A-1") + ";A-1;Khu A;Rau;Lý Minh Tâm;;;;", "unchanged", nil},
		{"an ID of nowhere", "0193c5e0-0000-7000-8000-000000000001;B-1;;;;;;;\n" + id("A-1") + ";A-1;Khu A;Rau;Lý Minh Tâm;;;;", "faulty unchanged", []string{"stall-id-unknown"}},
		{"all IDs of another market", "0193c5e0-0000-7000-8000-000000000001;B-1;;;;;;;", "new", []string{"stall-ids-elsewhere"}},
		{"the code of another stall", id("A-1") + ";A-2;;;;;;;", "faulty", []string{"stall-code-taken"}},
		{"one stall twice", id("A-1") + ";A-9;;;;;;;\n" + id("A-1") + ";A-8;;;;;;;", "changed faulty", []string{"stall-twice", "still-held"}},
		{"no ID is a new stall", ";B-7;;;;;;;", "new", nil},
	} {
		im := w.preview(with(tt.rows))
		var fates []string
		for _, r := range im.Rows {
			fates = append(fates, r.Fate)
		}
		codes := append(codesOf(im.Report.Faults), codesOf(im.Report.Warnings)...)
		if strings.Join(fates, " ") != tt.fates || !slices.Equal(codes, tt.codes) {
			t.Errorf("%s: %v, %v; want %s, %v", tt.name, fates, codes, tt.fates, tt.codes)
		}
	}
	im := w.preview(with(id("A-1") + ";A-01;;;;;;;"))
	if _, err := w.reg.CommitImport(t.Context(), w.clerk, im.Ref, everyRow); err != nil {
		t.Fatal(err)
	}
	if got := w.stored(); got[0] != "A-01|Khu A|Rau|Lý Minh Tâm||" {
		t.Errorf("stored %q", got)
	}
	w.whole()
}

// What stands in the way of an undo is named, stall by stall.
func TestUndoNamesWhatIsBuilt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	content := file("A-1;;;Lý Minh Tâm;0710000001;0710000001;", "A-2;;;;;;", "A-3;;;Trần Thị Bé;;;")
	im := w.preview(content)
	if _, err := w.reg.CommitImport(t.Context(), w.clerk, im.Ref, everyRow); err != nil {
		t.Fatal(err)
	}
	w.clock.pass(time.Hour)
	w.approve(w.look("A-1").Accounts[0])
	w.issue(registry.NewBatch{All: true})
	if _, err := w.reg.RecordConsent(t.Context(), w.volunteer, "VT", "A-3", *agreed); err != nil {
		t.Fatal(err)
	}
	goods := "Hoa"
	if _, err := w.reg.Change(t.Context(), w.clerk, "VT", "A-2", w.look("A-2").ETag(), registry.ChangedStall{Goods: &goods}); err != nil {
		t.Fatal(err)
	}
	named := func(err error) (got []string) {
		f := isFault(t, err, "import-built-on")
		for _, field := range f.Fields {
			got = append(got, field.Pointer+" "+field.Code)
		}
		return got
	}
	want := []string{"stalls/A-1 account-decided", "stalls/A-1 placard-issued", "stalls/A-2 stall-changed", "stalls/A-3 consent-recorded"}
	if got := named(w.reg.DiscardImport(t.Context(), w.manager, im.Ref)); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	again := w.preview(file("A-3;Khu C;;Trần Thị Bé;;;"))
	if _, err := w.reg.CommitImport(t.Context(), w.clerk, again.Ref, everyRow); err != nil {
		t.Fatal(err)
	}
	if got := named(w.reg.DiscardImport(t.Context(), w.manager, again.Ref)); !slices.Equal(got, []string{"stalls/A-3 stall-changed-by-it"}) {
		t.Errorf("of one that changed a stall: %q", got)
	}
}

// A long commit says how far it is; one that fails leaves the preview and says why; one that was cut off is known by its silence.
func TestCommitSaysHowFarItIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rows := make([]string, 600)
	for i := range rows {
		rows[i] = fmt.Sprintf("A-%d;;;Người %d;071%07d;071%07d;", i, i, i, i)
	}
	im := w.preview(file(rows...))
	var told [][2]int
	ctx, cancel := context.WithCancel(t.Context())
	state := func() registry.Import {
		got, err := w.reg.Import(t.Context(), w.clerk, im.Ref)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	_, err := w.reg.CommitImport(ctx, w.clerk, im.Ref, registry.CommitImport{Attested: "vi-1", Progress: func(done, total int) {
		told = append(told, [2]int{done, total})
		if len(told) == 1 {
			if now := state(); now.State != "committing" || now.Done != 500 || now.Total != 600 {
				t.Errorf("meanwhile: %s, %d of %d", now.State, now.Done, now.Total)
			}
			_, err := w.reg.MendImport(t.Context(), w.clerk, im.Ref, nil)
			isFault(t, err, "import-committing")
			cancel()
		}
	}})
	if err == nil || !slices.Equal(told, [][2]int{{500, 600}}) {
		t.Errorf("%v, told %v", err, told)
	}
	if now := state(); now.State != "preview" || now.Problem == nil || now.Report.Good != 600 {
		t.Errorf("afterwards: %s, %v", now.State, now.Problem)
	}
	if n := ask[int](w, `SELECT count(*) FROM stalls`); n != 0 {
		t.Errorf("%d stalls are stored", n)
	}
	w.exec(`UPDATE imports SET beat_at = $1, done = 500, total = 600`, w.clock.now()) // as a program that was killed leaves it
	if now := state(); now.State != "committing" {
		t.Errorf("just cut off: %s", now.State)
	}
	w.clock.pass(31 * time.Second)
	if now := state(); now.State != "preview" {
		t.Errorf("silent for long: %s", now.State)
	}
	if r, err := w.reg.CommitImport(t.Context(), w.clerk, im.Ref, everyRow); err != nil || r.Good != 600 {
		t.Errorf("%v, %+v", err, r)
	}
	if got, err := postgres.All[string](t.Context(), w.db, `SELECT state FROM imports WHERE beat_at IS NULL AND problem IS NULL`, nil); err != nil || len(got) != 1 {
		t.Errorf("%v, %v", got, err)
	}
}
