package registry_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/coverage"
)

// file is a ledger with these stall rows.
func file(rows ...string) string {
	return "Mã sạp;Khu;Mặt hàng;Người bán;Số điện thoại;Viettel Money;VNPT Money\n" + strings.Join(rows, "\n") + "\n"
}

func (w *world) preview(content string) registry.Import {
	w.Helper()
	im, err := w.reg.PreviewImport(w.Context(), w.clerk, "VT", "so.csv", stream(content), true)
	if err != nil {
		w.Fatal(err)
	}
	return im
}

var everyRow = registry.CommitImport{Attested: "vi-1"}

func (w *world) importAll(content string) registry.Report {
	w.Helper()
	r, err := w.reg.CommitImport(w.Context(), w.clerk, w.preview(content).Ref, everyRow)
	if err != nil {
		w.Fatal(err)
	}
	return r
}

// stored is the record as a ledger would tell it: code|section|goods|vendor|phone|accounts in their order.
func (w *world) stored() []string {
	w.Helper()
	got, err := postgres.All[string](w.Context(), w.db, `
		SELECT s.code || '|' || s.section || '|' || s.goods || '|' || coalesce(v.name, '') || '|' || coalesce(v.phone, '') || '|' || coalesce(
		       (SELECT string_agg(a.provider || ' ' || a.number, ',' ORDER BY a.proposed_at, a.rank) FROM accounts a WHERE a.market_id = v.market_id AND a.vendor_id = v.id
		        AND NOT EXISTS (SELECT FROM account_decisions d WHERE d.market_id = v.market_id AND d.account_id = a.id AND d.decision = 'withdrawn')), '')
		FROM stalls s LEFT JOIN occupancies o ON o.market_id = s.market_id AND o.stall_id = s.id AND o.ended IS NULL
		LEFT JOIN vendors v ON v.market_id = s.market_id AND v.id = o.vendor_id
		WHERE s.removed_at IS NULL ORDER BY s.position`, nil)
	if err != nil {
		w.Fatal(err)
	}
	return got
}

// The sample ledgers, from the file to the record.
func TestSampleLedgers(t *testing.T) {
	t.Parallel()
	type sample struct {
		Rows, Good, Faulty int
		Stalls             []struct {
			Row                                        int
			Code, Section, Goods, Vendor, Phone, Fault string
			Viettel                                    string `json:"viettel_money"`
			VNPT                                       string `json:"vnpt_money"`
			Warn                                       []string
		}
	}
	for _, name := range []string{"so-cho-vi-thanh.xlsx", "so-cho-dai-tu.csv", "so-cho-tran-de.xlsx"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			content, err := os.ReadFile(filepath.Join("ledger/testdata", name))
			if err != nil {
				t.Fatal(err)
			}
			expected, err := os.ReadFile(filepath.Join("ledger/testdata", strings.TrimSuffix(name, filepath.Ext(name))+".expected.json"))
			if err != nil {
				t.Fatal(err)
			}
			var want sample
			if err := json.Unmarshal(expected, &want); err != nil {
				t.Fatal(err)
			}
			var record []string
			var faulty, warned []int
			vacant, people := 0, map[string]bool{}
			for _, s := range want.Stalls {
				for range s.Warn {
					warned = append(warned, s.Row)
				}
				if s.Fault != "" {
					faulty = append(faulty, s.Row)
					continue
				}
				var accounts []string
				for provider, number := range map[string]string{"viettel_money": s.Viettel, "vnpt_money": s.VNPT} {
					if number != "" {
						accounts = append(accounts, provider+" "+number)
					}
				}
				slices.Sort(accounts)
				record = append(record, strings.Join([]string{s.Code, s.Section, s.Goods, s.Vendor, s.Phone, strings.Join(accounts, ",")}, "|"))
				switch {
				case s.Vendor == "":
					vacant++
				case s.Phone == "":
					people[s.Code] = true
				default:
					people[s.Vendor+s.Phone] = true
				}
			}

			before := w.contents("imports", "audit_events", "audit_heads")
			im, err := w.reg.PreviewImport(t.Context(), w.clerk, "VT", name, strings.NewReader(string(content)), true)
			if err != nil {
				t.Fatal(err)
			}
			w.same(before)
			counts := func(r registry.Report) [6]int {
				return [6]int{r.Rows, r.Good, r.Vacant, r.Faulty, r.Unchanged, r.Changed}
			}
			first := [6]int{want.Rows, want.Good, vacant, want.Faulty, 0, 0}
			if counts(im.Report) != first {
				t.Errorf("preview says %v, want %v", counts(im.Report), first)
			}
			report, err := w.reg.CommitImport(t.Context(), w.clerk, im.Ref, everyRow)
			if err != nil {
				t.Fatal(err)
			}
			rows := func(fields []fault.Field) []int {
				got := []int{}
				for _, f := range fields {
					got = append(got, f.Row)
				}
				return got
			}
			if counts(report) != first || !slices.Equal(slices.Compact(rows(report.Faults)), faulty) || !slices.Equal(rows(report.Warnings), warned) {
				t.Errorf("report %v, faults in %v, warnings in %v\nwant   %v, %v, %v", counts(report), rows(report.Faults), rows(report.Warnings), first, faulty, warned)
			}
			got := w.stored()
			for i := range got { // which column stands first differs from ledger to ledger
				head, accounts, _ := cutLast(got[i], "|")
				list := strings.Split(accounts, ",")
				slices.Sort(list)
				got[i] = head + "|" + strings.Join(list, ",")
			}
			if !slices.Equal(got, record) {
				for i := range max(len(got), len(record)) {
					if i >= len(got) || i >= len(record) || got[i] != record[i] {
						t.Fatalf("stored %d stalls, want %d; the first that differs is %d\ngot  %q\nwant %q", len(got), len(record), i, got[min(i, len(got)-1)], record[min(i, len(record)-1)])
					}
				}
			}
			if n := ask[int](w, `SELECT count(*) FROM vendors`); n != len(people) {
				t.Errorf("%d vendors, want %d", n, len(people))
			}
			if n := ask[int](w, `SELECT count(*) FROM vendors WHERE default_account IS NOT NULL`); n != 0 {
				t.Errorf("the import moved %d defaults", n)
			}
			if n := ask[int](w, `SELECT count(*) FROM accounts a WHERE NOT EXISTS (SELECT FROM consents c WHERE c.market_id = a.market_id AND c.vendor_id = a.vendor_id AND c.kind = 'attested_by_board')`); n != 0 {
				t.Errorf("%d accounts without the board's word", n)
			}

			before = w.contents("imports", "audit_events", "audit_heads")
			again, err := w.reg.PreviewImport(t.Context(), w.clerk2, "VT", name, strings.NewReader(string(content)), true)
			if err != nil {
				t.Fatal(err)
			}
			if report, err = w.reg.CommitImport(t.Context(), w.clerk2, again.Ref, everyRow); err != nil {
				t.Fatal(err)
			}
			if second := [6]int{want.Rows, want.Good, vacant, want.Faulty, want.Good, 0}; counts(report) != second {
				t.Errorf("the second time %v, want %v", counts(report), second)
			}
			w.same(before)
			w.whole()
		})
	}
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// What a second ledger does to a record that holds the first.
func TestImportAgain(t *testing.T) {
	t.Parallel()
	first := []string{
		"A-1;Khu A;Rau;Lý Minh Tâm;0710000001;0710000001;",
		"A-2;Khu A;Cá;;;;",
		"A-3;Khu A;Thịt;Trần Thị Bé;;;",
	}
	was := []string{"A-1|Khu A|Rau|Lý Minh Tâm|0710000001|viettel_money 0710000001", "A-2|Khu A|Cá||||"[:len("A-2|Khu A|Cá|||")], "A-3|Khu A|Thịt|Trần Thị Bé||"}
	with := func(i int, s string) []string {
		out := slices.Clone(was)
		if i == len(out) {
			return append(out, s)
		}
		out[i] = s
		return out
	}
	for _, tt := range []struct {
		name     string
		row      string
		fate     string
		faults   []string
		warnings []string
		stored   []string
		vendors  int
	}{
		{"the same", first[0], "unchanged", nil, nil, was, 2},
		{"the same in other spelling", "a - 1;Khu A;Rau;LÝ MINH TÂM;071 000 0001;0710000001;", "unchanged", nil, nil, was, 2},
		{"fewer columns filled", "A-1;;;Lý Minh Tâm;;;", "unchanged", nil, nil, was, 2},
		{"another section", "A-1;Khu B;Rau;Lý Minh Tâm;0710000001;0710000001;", "changed", nil, nil, with(0, "A-1|Khu B|Rau|Lý Minh Tâm|0710000001|viettel_money 0710000001"), 2},
		{"other goods", "A-1;Khu A;Hoa;Lý Minh Tâm;0710000001;0710000001;", "changed", nil, nil, with(0, "A-1|Khu A|Hoa|Lý Minh Tâm|0710000001|viettel_money 0710000001"), 2},
		{"another phone", "A-1;Khu A;Rau;Lý Minh Tâm;0710000007;0710000001;", "changed", nil, nil, with(0, "A-1|Khu A|Rau|Lý Minh Tâm|0710000007|viettel_money 0710000001"), 2},
		{"a second wallet", "A-1;Khu A;Rau;Lý Minh Tâm;0710000001;0710000001;0710000001", "changed", nil, nil, with(0, "A-1|Khu A|Rau|Lý Minh Tâm|0710000001|viettel_money 0710000001,vnpt_money 0710000001"), 2},
		{"another number at the wallet", "A-1;Khu A;Rau;Lý Minh Tâm;0710000001;0710000009;", "changed", nil, nil, with(0, "A-1|Khu A|Rau|Lý Minh Tâm|0710000001|viettel_money 0710000001,viettel_money 0710000009"), 2},
		{"somebody else", "A-1;Khu A;Rau;Kẻ Khác;0710000001;0710000009;", "faulty", []string{"held-by-other"}, nil, was, 2},
		{"vacant now", "A-1;Khu A;Rau;;;;", "unchanged", nil, []string{"still-held"}, was, 2},
		{"still vacant", first[1], "unchanged", nil, nil, was, 2},
		{"no longer vacant", "A-2;Khu A;Cá;Ngô Văn Tư;0710000002;0710000002;", "changed", nil, nil, with(1, "A-2|Khu A|Cá|Ngô Văn Tư|0710000002|viettel_money 0710000002"), 3},
		{"no longer vacant, by one who is known", "A-2;Khu A;Cá;Lý Minh Tâm;0710000001;0710000001;", "changed", nil, nil, with(1, "A-2|Khu A|Cá|Lý Minh Tâm|0710000001|viettel_money 0710000001"), 2},
		{"a new stall", "B-1;Khu B;Hoa;Ngô Văn Tư;;;", "new", nil, nil, with(3, "B-1|Khu B|Hoa|Ngô Văn Tư||"), 3},
		{"a new stall of one who is known", "B-1;Khu B;Hoa;Lý Minh Tâm;0710000001;;", "new", nil, nil, with(3, "B-1|Khu B|Hoa|Lý Minh Tâm|0710000001|viettel_money 0710000001"), 2},
		{"a namesake without a phone is somebody else", "B-1;Khu B;Hoa;Trần Thị Bé;;;", "new", nil, nil, with(3, "B-1|Khu B|Hoa|Trần Thị Bé||"), 3},
		{"a namesake with another phone is somebody else", "B-1;Khu B;Hoa;Lý Minh Tâm;0710000003;;", "new", nil, nil, with(3, "B-1|Khu B|Hoa|Lý Minh Tâm|0710000003|"), 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.importAll(file(first...))
			w.approve(w.look("A-1").Accounts[0])
			w.clock.pass(time.Hour)
			im := w.preview(file(tt.row))
			codes := func(fields []fault.Field) (got []string) {
				for _, f := range fields {
					got = append(got, f.Code)
				}
				return got
			}
			if len(im.Rows) != 1 || im.Rows[0].Fate != tt.fate || !slices.Equal(codes(im.Report.Faults), tt.faults) || !slices.Equal(codes(im.Report.Warnings), tt.warnings) {
				t.Errorf("rows %+v, faults %v, warnings %v; want %s, %v, %v", im.Rows, codes(im.Report.Faults), codes(im.Report.Warnings), tt.fate, tt.faults, tt.warnings)
			}
			if !slices.Equal(w.stored(), was) {
				t.Error("the preview changed the record")
			}
			if _, err := w.reg.CommitImport(t.Context(), w.clerk, im.Ref, everyRow); err != nil {
				t.Fatal(err)
			}
			if got := w.stored(); !slices.Equal(got, tt.stored) {
				t.Errorf("stored %q\nwant   %q", got, tt.stored)
			}
			if n := ask[int](w, `SELECT count(*) FROM vendors WHERE removed_at IS NULL`); n != tt.vendors {
				t.Errorf("%d vendors, want %d", n, tt.vendors)
			}
			if w.defaultOf("A-1") != "0710000001" {
				t.Error("the import moved the default")
			}
			if n := ask[int](w, `SELECT count(*) FROM accounts WHERE replaces IS NOT NULL`); n != map[bool]int{true: 1}[tt.name == "another number at the wallet"] {
				t.Errorf("%d changes proposed", n)
			}
			w.whole()
		})
	}
}

func TestOneVendorOfTwoStalls(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.importAll(file("A-1;;;Lý Minh Tâm;0710000001;0710000001;", "A-2;;;lý minh  tâm;0710000001;0710000001;0710000001", "A-3;;;Lý Minh Tâm;;;", "A-4;;;Lý Minh Tâm;;;"))
	if n := ask[int](w, `SELECT count(*) FROM vendors`); n != 3 {
		t.Errorf("%d vendors, want one with the phone and two namesakes without", n)
	}
	if n := ask[int](w, `SELECT count(*) FROM accounts`); n != 2 {
		t.Errorf("%d accounts, want one at each wallet", n)
	}
	if a, b := w.look("A-1").Vendor.ID, w.look("A-2").Vendor.ID; a != b {
		t.Error("A-1 and A-2 are held by two")
	}
	w.approve(w.look("A-1").Accounts[0])
	_, ps := w.issue(registry.NewBatch{All: true})
	if got := stalls(ps); !slices.Equal(got, []string{"A-1", "A-2"}) {
		t.Errorf("printed for %v", got)
	}
	w.whole()
}

func TestCommitChosenRows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	im := w.preview(file("A-1;;;Lý Minh Tâm;;;", "A-2;;;Trần Thị Bé;;abc;", "A-3;;;;;;", "A-4;;;Ngô Văn Tư;;;"))
	for _, tt := range []struct {
		name   string
		rows   []int
		fields []string
	}{
		{"a faulty one", []int{2, 3}, []string{"rows/1 not-good"}},
		{"one that is not there", []int{99, 2, -1}, []string{"rows/0 not-good", "rows/2 not-good"}},
		{"the heading", []int{1}, []string{"rows/0 not-good"}},
	} {
		before := w.contents()
		_, err := w.reg.CommitImport(t.Context(), w.clerk, im.Ref, registry.CommitImport{Attested: "vi-1", Rows: tt.rows})
		if isFault(t, err, "import-invalid"); !slices.Equal(pointers(err), tt.fields) {
			t.Errorf("%s: %q, want %q", tt.name, pointers(err), tt.fields)
		}
		w.same(before)
	}
	if _, err := w.reg.CommitImport(t.Context(), w.clerk, im.Ref, registry.CommitImport{Attested: "vi-1", Rows: []int{5, 2}}); err != nil {
		t.Fatal(err)
	}
	if got := w.stored(); !slices.Equal(got, []string{"A-1|||Lý Minh Tâm||", "A-4|||Ngô Văn Tư||"}) {
		t.Errorf("stored %q", got)
	}
	w.whole()
}

func TestImportFaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good := file("A-1;;;Lý Minh Tâm;;0710000001;")
	open := w.preview(good)
	done := w.preview(good)
	if _, err := w.reg.CommitImport(t.Context(), w.clerk, done.Ref, everyRow); err != nil {
		t.Fatal(err)
	}
	gone := w.preview(file("B-1;;;Lý Minh Tâm;;;"))
	if err := w.reg.DiscardImport(t.Context(), w.clerk, gone.Ref); err != nil {
		t.Fatal(err)
	}
	undone := w.preview(file("C-1;;;Lý Minh Tâm;;;"))
	if _, err := w.reg.CommitImport(t.Context(), w.clerk, undone.Ref, everyRow); err != nil {
		t.Fatal(err)
	}
	if err := w.reg.DiscardImport(t.Context(), w.clerk, undone.Ref); err != nil {
		t.Fatal(err)
	}
	elsewhere := registry.ImportRef{Market: "XX", ID: open.Ref.ID}
	commit := func(by registry.Actor, ref registry.ImportRef, in registry.CommitImport) error {
		_, err := w.reg.CommitImport(t.Context(), by, ref, in)
		return err
	}
	read := func(by registry.Actor, market, content string) error {
		_, err := w.reg.PreviewImport(t.Context(), by, market, "so.csv", stream(content), true)
		return err
	}
	for _, tt := range []struct {
		name string
		err  func() error
		want string
	}{
		{"nobody attests", func() error { return commit(w.clerk, open.Ref, registry.CommitImport{}) }, "import-invalid"},
		{"attested by an unknown wording", func() error { return commit(w.clerk, open.Ref, registry.CommitImport{Attested: "vi-99"}) }, "import-invalid"},
		{"no such import", func() error {
			return commit(w.clerk, registry.ImportRef{Market: "VT", ID: id.New[registry.Import]()}, everyRow)
		}, "import-not-found"},
		{"under another market", func() error { return commit(w.stranger, elsewhere, everyRow) }, "import-not-found"},
		{"from outside", func() error { return commit(w.stranger, open.Ref, everyRow) }, "import-not-found"},
		{"by a volunteer", func() error { return commit(w.volunteer, open.Ref, everyRow) }, "not-allowed"},
		{"twice", func() error { return commit(w.clerk, done.Ref, everyRow) }, "import-committed"},
		{"thrown away", func() error { return commit(w.clerk, gone.Ref, everyRow) }, "import-not-found"},
		{"taken back", func() error { return commit(w.clerk, undone.Ref, everyRow) }, "import-undone"},
		{"taken back twice", func() error { return w.reg.DiscardImport(t.Context(), w.clerk, undone.Ref) }, "import-undone"},
		{"taken back from outside", func() error { return w.reg.DiscardImport(t.Context(), w.stranger, done.Ref) }, "import-not-found"},
		{"taken back by a volunteer", func() error { return w.reg.DiscardImport(t.Context(), w.volunteer, done.Ref) }, "not-allowed"},
		{"previewed by a volunteer", func() error { return read(w.volunteer, "VT", good) }, "not-allowed"},
		{"previewed from outside", func() error { return read(w.stranger, "VT", good) }, "market-not-found"},
		{"read by an officer", func() error { _, err := w.reg.Import(t.Context(), w.officer, open.Ref); return err }, "not-allowed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := w.contents()
			isFault(t, tt.err(), tt.want)
			w.same(before)
		})
	}
	for name, content := range map[string]string{"empty": "", "a letter": "Kính gửi anh,\ncảm ơn.\n", "bytes": "\x00\x01\x02\x03"} {
		before := w.contents()
		if err := read(w.clerk, "VT", content); fault.KindOf(err) == fault.Unknown {
			t.Errorf("%s: %v, want a fault", name, err)
		}
		w.same(before)
	}
	w.clock.pass(registry.PreviewLives + time.Microsecond)
	isFault(t, commit(w.clerk, open.Ref, everyRow), "import-expired")
	w.preview(good) // sweeps what is too old
	if n := ask[int](w, `SELECT count(*) FROM imports WHERE ledger IS NOT NULL`); n != 1 {
		t.Errorf("%d ledgers are kept, want only the new one", n)
	}
	isFault(t, commit(w.clerk, open.Ref, everyRow), "import-expired")
	w.whole()
}

func TestOldPreviewIsComparedAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	im := w.preview(file("A-1;;;Lý Minh Tâm;;0710000001;", "A-2;;;Trần Thị Bé;;;"))
	w.stall("A-1", viettel) // by somebody else, of another name
	now, err := w.reg.Import(t.Context(), w.clerk, im.Ref)
	if err != nil || now.Report.Faulty != 1 || now.Rows[0].Fate != "faulty" {
		t.Errorf("report %+v, %v", now.Report, err)
	}
	report, err := w.reg.CommitImport(t.Context(), w.clerk, im.Ref, everyRow)
	if err != nil || report.Faulty != 1 || report.Good != 1 {
		t.Errorf("report %+v, %v", report, err)
	}
	if n := ask[int](w, `SELECT count(*) FROM accounts`); n != 1 {
		t.Errorf("%d accounts", n)
	}
}

func TestCommitTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rows := []string{}
	for i := range 40 {
		rows = append(rows, fmt.Sprintf("A-%02d;;;Người %d;071%07d;071%07d;", i, i, i, i))
	}
	im, other := w.preview(file(rows...)), w.preview(file(rows...))
	var wg sync.WaitGroup
	errs := make([]error, 6)
	for i := range errs {
		wg.Go(func() {
			_, errs[i] = w.reg.CommitImport(t.Context(), w.clerk, im.Ref, everyRow)
		})
	}
	wg.Go(func() { // the same ledger, uploaded twice
		if _, err := w.reg.CommitImport(t.Context(), w.manager, other.Ref, everyRow); err != nil {
			t.Error(err)
		}
	})
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else {
			isFault(t, err, "import-committed")
		}
	}
	for _, table := range []string{"stalls", "vendors", "occupancies", "accounts", "consents"} {
		if n := ask[int](w, `SELECT count(*) FROM `+table); n != 40 || won != 1 {
			t.Errorf("%d commits won, %d rows in %s", won, n, table)
		}
	}
	w.whole()
}

// While a ledger goes in, a volunteer registers one of its stalls: one of the two is told, and nothing is half there.
func TestCommitWhileRegistering(t *testing.T) {
	t.Parallel()
	for round := range 4 {
		w := newWorld(t)
		rows := []string{}
		for i := range 60 {
			rows = append(rows, fmt.Sprintf("A-%02d;;;Người %d;071%07d;;", i, i, i))
		}
		im := w.preview(file(rows...))
		var wg sync.WaitGroup
		var committed, registered error
		wg.Go(func() { _, committed = w.reg.CommitImport(t.Context(), w.clerk, im.Ref, everyRow) })
		wg.Go(func() {
			time.Sleep(time.Duration(round) * 3 * time.Millisecond)
			_, registered = w.reg.Register(t.Context(), w.volunteer, "VT", registry.NewStall{Code: "A-59", Vendor: &registry.NewVendor{Name: "Người lạ"}})
		})
		wg.Wait()
		want := 60
		switch {
		case committed == nil && registered == nil: // registered first; its row was then faulty
		case fault.CodeOf(registered) == "stall-exists" && committed == nil:
		case fault.CodeOf(committed) == "import-overtaken" && registered == nil:
			want = 1
		default:
			t.Errorf("commit: %v; registration: %v", committed, registered)
		}
		if n := ask[int](w, `SELECT count(*) FROM stalls`); n != want {
			t.Errorf("%d stalls, want %d", n, want)
		}
		w.whole()
	}
}

func TestCommitIsWholeOrNothing(t *testing.T) {
	t.Parallel()
	for _, table := range []string{"stalls", "vendors", "occupancies", "consents", "accounts", "imports", "audit_events"} {
		t.Run(table, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			im := w.preview(file("A-1;;;Lý Minh Tâm;;0710000001;"))
			w.exec(`ALTER TABLE ` + table + ` ADD CONSTRAINT refused CHECK (false) NOT VALID`)
			before := w.contents()
			if _, err := w.reg.CommitImport(t.Context(), w.clerk, im.Ref, everyRow); err == nil {
				t.Error("committed")
			}
			w.same(before)
		})
	}
}

// An import is taken back whole while nothing stands on it, and not at all afterwards.
func TestTakeBack(t *testing.T) {
	t.Parallel()
	content := file("A-1;;;Lý Minh Tâm;0710000001;0710000001;", "A-2;;;;;;", "A-3;;;Trần Thị Bé;;;")
	for _, tt := range []struct {
		name string
		do   func(w *world)
		want string
	}{
		{"at once", nil, ""},
		{"after another ledger brought other stalls", func(w *world) { w.importAll(file("B-1;;;Ngô Văn Tư;;;")) }, ""},
		{"after the same ledger again", func(w *world) { w.importAll(content) }, ""},
		{"after an account was approved", func(w *world) { w.approve(w.look("A-1").Accounts[0]) }, "import-built-on"},
		{"after an account was rejected", func(w *world) {
			a := w.look("A-1").Accounts[0]
			if _, err := w.reg.Decide(w.Context(), w.manager, registry.Decision{Account: a.ID, ETag: a.ETag(), Decision: "reject", Reason: "x"}); err != nil {
				w.Fatal(err)
			}
		}, "import-built-on"},
		{"after a provisional placard was printed", func(w *world) { w.issue(registry.NewBatch{All: true, Provisional: true}) }, "import-built-on"},
		{"after the vendor agreed", func(w *world) {
			if _, err := w.reg.RecordConsent(w.Context(), w.volunteer, "VT", "A-3", *agreed); err != nil {
				w.Fatal(err)
			}
		}, "import-built-on"},
		{"after an account was added", func(w *world) { w.propose("A-3", vnpt) }, "import-built-on"},
		{"after a stall was edited", func(w *world) {
			goods := "Hoa"
			if _, err := w.reg.Change(w.Context(), w.clerk, "VT", "A-2", w.look("A-2").ETag(), registry.ChangedStall{Goods: &goods}); err != nil {
				w.Fatal(err)
			}
		}, "import-built-on"},
		{"after somebody took a vacant stall", func(w *world) {
			name := "Ngô Văn Tư"
			if _, err := w.reg.Change(w.Context(), w.clerk, "VT", "A-2", w.look("A-2").ETag(), registry.ChangedStall{Vendor: &registry.ChangedVendor{Name: &name}}); err != nil {
				w.Fatal(err)
			}
		}, "import-built-on"},
		{"after another ledger gave its vendor a second stall", func(w *world) { w.importAll(file("B-1;;;Lý Minh Tâm;0710000001;;")) }, "import-built-on"},
		{"after another ledger changed it", func(w *world) { w.importAll(file("A-1;Khu B;;Lý Minh Tâm;;;")) }, "import-built-on"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.stall("Z-1", viettel)
			was := w.stored()
			im := w.preview(content)
			if _, err := w.reg.CommitImport(t.Context(), w.clerk, im.Ref, everyRow); err != nil {
				t.Fatal(err)
			}
			w.clock.pass(time.Hour)
			if tt.do != nil {
				tt.do(w)
			}
			before, beside := w.contents(), w.stored()
			err := w.reg.DiscardImport(t.Context(), w.manager, im.Ref)
			if tt.want != "" {
				isFault(t, err, tt.want)
				w.same(before, "audit_events", "audit_heads") // which tell of the refusal, where something was built on it
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			left := slices.DeleteFunc(slices.Clone(beside), func(s string) bool { return s[0] == 'A' })
			if got := w.stored(); !slices.Equal(got, left) || len(left) < len(was) {
				t.Errorf("stored %q, want %q", got, left)
			}
			if n := ask[int](w, `SELECT count(*) FROM accounts a WHERE a.import_id IS NOT NULL AND NOT EXISTS (SELECT FROM account_decisions d WHERE d.market_id = a.market_id AND d.account_id = a.id AND d.decision = 'withdrawn')`); n != 0 {
				t.Errorf("%d accounts were not withdrawn", n)
			}
			if report := w.importAll(content); report.Unchanged != 0 || report.Good != 3 {
				t.Errorf("imported anew: %+v", report)
			}
			w.whole()
		})
	}
	t.Run("of a ledger that changed what was there", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.importAll(content)
		im := w.preview(file("A-1;Khu B;;Lý Minh Tâm;;;", "B-1;;;;;;"))
		if _, err := w.reg.CommitImport(t.Context(), w.clerk, im.Ref, everyRow); err != nil {
			t.Fatal(err)
		}
		isFault(t, w.reg.DiscardImport(t.Context(), w.clerk, im.Ref), "import-built-on")
	})
	t.Run("of a ledger whose new account hangs provisionally at an older stall", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.importAll(file("A-1;;;Lý Minh Tâm;0710000001;;"))
		im := w.preview(file("B-1;;;Lý Minh Tâm;0710000001;0710000001;"))
		if _, err := w.reg.CommitImport(t.Context(), w.clerk, im.Ref, everyRow); err != nil {
			t.Fatal(err)
		}
		w.issue(registry.NewBatch{Stalls: []string{"A-1"}, Provisional: true})
		isFault(t, w.reg.DiscardImport(t.Context(), w.clerk, im.Ref), "import-built-on")
	})
}

// A market that was just filled answers before its statistics are gathered: the statements stand under the pool's own
// statement_timeout, and fail when the planner's guesses lead them astray.
func TestBigMarketAnswersAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for table := range w.contents() { // on a server of somebody's own it may come at any time
		w.exec(`ALTER TABLE ` + table + ` SET (autovacuum_enabled = false)`)
	}
	const n = 1500
	rows := make([]string, n)
	for i := range rows {
		account := ""
		if i%5 == 0 { // symbols take longest to make, and are not what is looked at here
			account = fmt.Sprintf("071%07d", i)
		}
		rows[i] = fmt.Sprintf("%c-%03d;Khu %c;Rau;Người %d;071%07d;%s;", 'A'+i/100, i%100, 'A'+i/100, i, i, account)
	}
	w.importAll(file(rows...))
	waiting, err := w.reg.Pending(t.Context(), w.manager, "VT")
	if err != nil || len(waiting) != n/5 {
		t.Fatalf("%d wait: %v", len(waiting), err)
	}
	ds := make([]registry.Decision, n/5)
	for i, p := range waiting {
		ds[i] = approval(p.Account)
	}
	if _, err := w.reg.DecideMany(t.Context(), w.manager, "VT", ds); err != nil {
		t.Fatal(err)
	}
	b, ps := w.issue(registry.NewBatch{All: true})
	if err := w.reg.Printed(t.Context(), w.clerk, b.Ref); err != nil || len(ps) != n/5 {
		t.Fatalf("%d placards: %v", len(ps), err)
	}
	if n := ask[int](w, `SELECT count(*) FROM pg_class c JOIN pg_stat_user_tables s ON s.relid = c.oid WHERE s.last_analyze IS NOT NULL OR s.last_autoanalyze IS NOT NULL`); n != 0 {
		t.Fatalf("%d tables have statistics, so this shows nothing", n)
	}
	for _, filter := range []registry.StallFilter{{}, {Stage: "printed"}, {Q: "nguoi 77"}, {Section: "Khu C"}} {
		p, err := w.reg.Stalls(t.Context(), w.clerk, "VT", filter, registry.List{Limit: 200})
		if err != nil || len(p.Items) == 0 {
			t.Errorf("%+v: %d stalls, %v", filter, len(p.Items), err)
		}
	}
	if lines, err := w.reg.Plan(t.Context(), w.clerk, "VT", ""); err != nil || len(lines) != n {
		t.Errorf("plan of %d stalls, %v", len(lines), err)
	}
	if _, err := w.reg.Ready(t.Context(), w.clerk, "VT"); err != nil {
		t.Error(err)
	}
	if s, err := coverage.New(w.db, w.clock.now).Share(t.Context(), w.clerk, coverage.Question{Market: "VT", By: "section"}); err != nil || s.Vendors != n || s.Funnel[registry.Printed].Vendors != n/5 {
		t.Errorf("share %+v, %v", s, err)
	}
	if st := w.look("A-000"); st.Stage == nil || *st.Stage != registry.Printed {
		t.Errorf("stage %v", st.Stage)
	}
	if report := w.importAll(file(rows...)); report.Unchanged != n {
		t.Errorf("the same ledger again: %d unchanged", report.Unchanged)
	}
	w.whole()
}
