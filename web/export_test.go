package web_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"cho40/internal/fault"
	"cho40/internal/postgres"
	"cho40/internal/postgres/pgtest"
	"cho40/qrgen"
	registry "cho40/vendor_registry"
	"cho40/web"
	"cho40/web/lang"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/xuri/excelize/v2"
	"pgregory.net/rapid"
)

// formulas are beginnings that a spreadsheet would run, plain and behind what somebody may put before them.
var formulas = func() (all []string) {
	for _, sign := range []string{"=", "+", "-", "@", "|", "%", "＝", "＋", "－", "＠", "｜", "％", "﹦", "﹢", "﹫"} {
		for _, before := range []string{"", "'", "''", "\"", "'\""} {
			all = append(all, before+sign)
		}
	}
	return all
}()

// oddWords are what people write, and what would mislead whoever reads it back.
func oddWords(least int) *rapid.Generator[string] {
	odd := append([]string{"-", "–", "Không", "trống", "x", "Tổng cộng", "Cộng", "Khu B", "KHU CÁ", "II. Khu A (24 sạp)", "Mã quầy", "Ghi chú", "H'Mông", "'Ba", "_x0041_x0042_",
		"Ðặng Thị Út", "a;b", "a,b", "a\tb", "<b>&amp;", "0912345678", "1", "1-2", "9.7E+11", "TRUE", "#REF!", "sep=;"}, formulas...)
	return rapid.Custom(func(t *rapid.T) string {
		var b strings.Builder
		if rapid.IntRange(0, 2).Draw(t, "odd") > 0 {
			b.WriteString(rapid.SampledFrom(odd).Draw(t, "beginning"))
		}
		if least > 0 && b.Len() == 0 || rapid.Bool().Draw(t, "more") {
			b.WriteString(rapid.SampledFrom([]string{"Nguyễn Văn Út", "Thạch Thị Sa Rây", "cmd|' /C calc'!A0", "1+1", "Lê (Bé) Ba", "rau", "Y"}).Draw(t, "words"))
		}
		return b.String()
	})
}

type drawnStall struct {
	code, section, goods, vendor, phone, holder string
	accounts                                    []registry.NewAccount
	again                                       bool // held by the vendor of the stall before
}

func drawnStalls() *rapid.Generator[[]drawnStall] {
	return rapid.Custom(func(t *rapid.T) (all []drawnStall) {
		for i := range rapid.IntRange(1, 7).Draw(t, "stalls") {
			d := drawnStall{code: fmt.Sprintf("%s%d", rapid.SampledFrom(append([]string{"A-", "Lô ", "Cộng ", "0", "1-", "K.", "Sạp số "}, formulas...)).Draw(t, "code"), i),
				section: oddWords(0).Draw(t, "section"), goods: oddWords(0).Draw(t, "goods")}
			switch rapid.IntRange(0, 5).Draw(t, "who") {
			case 0:
			case 1:
				d.again = i > 0 && all[i-1].vendor != ""
			default:
				d.vendor = oddWords(1).Draw(t, "vendor")
				d.phone = rapid.SampledFrom([]string{"", fmt.Sprintf("071%07d", i), "0712345678"}).Draw(t, "phone")
				d.holder = rapid.SampledFrom([]string{"LY MINH TAM", "CONG TY TNHH BA"}).Draw(t, "holder")
				for k, p := range []string{"viettel_money", "vnpt_money", "momo", "vcb", "bidv", "vcb"} {
					if rapid.IntRange(0, 2).Draw(t, "has") == 0 {
						number := fmt.Sprintf("07%d%07d", k, i)
						if p == "vcb" {
							number = rapid.SampledFrom([]string{"0071000123456", "VCB12E5X", "007", "12E45", "1234567890123456789"}).Draw(t, "number")
						}
						if !slices.ContainsFunc(d.accounts, func(a registry.NewAccount) bool { return a.Provider == p && a.Number == number }) {
							d.accounts = append(d.accounts, registry.NewAccount{Provider: p, Number: number, Holder: d.holder})
						}
					}
				}
			}
			all = append(all, d)
		}
		return all
	})
}

// market opens one of its own and registers stalls there.
func (w *world) market(t testing.TB, code string, stalls []drawnStall) {
	t.Helper()
	ctx := t.Context()
	if _, err := w.reg.AddMarket(ctx, registry.Console(), registry.NewMarket{Code: code, Name: "Chợ " + code}); err != nil {
		t.Fatal(err)
	}
	before := ""
	for _, d := range stalls {
		in := registry.NewStall{Code: d.code, Section: d.section, Goods: d.goods, Accounts: d.accounts}
		if d.vendor != "" {
			in.Vendor = &registry.NewVendor{Name: d.vendor, Phone: d.phone}
			in.Consent = &registry.NewConsent{Version: "vi-1", Given: "face_to_face"}
		}
		st, err := w.reg.Register(ctx, registry.Console(), code, in)
		if err != nil {
			t.Fatalf("register %+v: %v", d, err)
		}
		if d.again {
			w.exec(`INSERT INTO occupancies (market_id, id, stall_id, vendor_id, began)
				SELECT o.market_id, gen_random_uuid(), $1, o.vendor_id, o.began FROM occupancies o WHERE o.stall_id = $2`, st.ID.String(), before)
		}
		before = st.ID.String()
	}
}

// kept is a market's record without what tells it from another market's: for each stall all about it, and the number of vendors.
func (w *world) kept(t testing.TB, code string) []string {
	t.Helper()
	got, err := postgres.All[string](t.Context(), w.db, `
		SELECT concat_ws(' | ', s.code, s.section, s.goods, v.name, v.phone, dense_rank() OVER (ORDER BY first.position), (
		         SELECT string_agg(concat_ws(' ', a.provider, a.number, a.holder, a.holder_given), ', ' ORDER BY a.proposed_at, a.rank)
		         FROM accounts a WHERE a.market_id = v.market_id AND a.vendor_id = v.id))
		FROM stalls s JOIN markets m ON m.id = s.market_id
		LEFT JOIN occupancies o ON o.market_id = s.market_id AND o.stall_id = s.id
		LEFT JOIN vendors v ON v.market_id = o.market_id AND v.id = o.vendor_id
		LEFT JOIN LATERAL (SELECT min(t.position) AS position FROM occupancies p JOIN stalls t ON t.id = p.stall_id WHERE p.vendor_id = v.id) first ON true
		WHERE m.code = @code ORDER BY s.position`, map[string]any{"code": code})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// file is a list as the program writes it.
func (w *world) file(t testing.TB, l lang.Lang, market, list string, in registry.Export) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := web.WriteList(t.Context(), w.reg, registry.Console(), l, market, list, in, func(string) (io.Writer, error) { return &out, nil }); err != nil {
		t.Fatalf("%s of %s: %v", list, market, err)
	}
	return out.Bytes()
}

func (w *world) preview(t testing.TB, market, name string, data []byte, keep bool) registry.Import {
	t.Helper()
	im, err := w.reg.PreviewImport(t.Context(), registry.Console(), market, name, bytes.NewReader(data), keep)
	if err != nil {
		t.Fatalf("%s into %s: %v\n%s", name, market, err, clip(data))
	}
	return im
}

var whole = registry.Export{Full: true, Reason: "chuyển sang máy mới"}

// TestExportComesBack: what goes out comes in again and changes nothing; in an empty market it makes the same record.
func TestExportComesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	records := drawnStalls()
	for i := range 8 {
		stalls := records.Example(i)
		code, copied := fmt.Sprintf("R%d", i), fmt.Sprintf("C%d", i)
		w.market(t, code, stalls)
		l := []lang.Lang{lang.Vi, lang.En}[i%2]
		for _, format := range []string{"csv", "xlsx"} {
			for _, list := range []string{registry.ListStalls, registry.ListVendors, registry.ListWithoutAccount} {
				for _, in := range []registry.Export{{}, whole} {
					in.Format = format
					data := w.file(t, l, code, list, in)
					if list != registry.ListStalls && (bytes.Count(data, []byte("\r\n")) < 2 || format == "xlsx") {
						continue // nobody trades, or nobody is without an account: a file without stalls is no ledger
					}
					im := w.preview(t, code, "so."+format, data, false)
					if r := im.Report; r.Faulty > 0 || r.Unchanged != r.Rows || list == registry.ListStalls && r.Rows != len(stalls) {
						t.Fatalf("%s.%s of %d stalls, full %v: %+v\n%s\nof %+v", list, format, len(stalls), in.Full, r, clip(data), stalls)
					}
					if n := len(im.Report.Warnings); in.Full && n > 0 || n > 0 && slices.ContainsFunc(im.Report.Warnings, func(f fault.Field) bool { return f.Code != "account-masked" && f.Code != "phone-masked" }) {
						t.Errorf("warnings: %v", im.Report.Warnings)
					}
				}
			}
		}
		format := []string{"csv", "xlsx"}[i/2%2]
		in := whole
		in.Format = format
		if _, err := w.reg.AddMarket(t.Context(), registry.Console(), registry.NewMarket{Code: copied, Name: "Chợ mới"}); err != nil {
			t.Fatal(err)
		}
		im := w.preview(t, copied, "so."+format, w.file(t, l, code, registry.ListStalls, in), true)
		if _, err := w.reg.CommitImport(t.Context(), registry.Console(), im.Ref, registry.CommitImport{Attested: "vi-1"}); err != nil {
			t.Fatal(err)
		}
		if was, is := w.kept(t, code), w.kept(t, copied); !slices.Equal(was, is) {
			t.Fatalf("%s: the record\n%s\nbecame\n%s", format, strings.Join(was, "\n"), strings.Join(is, "\n"))
		}
	}
}

// TestExportKeepsPeopleApart: two vendors of one name and phone stay two, and one without a phone who holds two stalls stays one.
func TestExportKeepsPeopleApart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.market(t, "TWO", []drawnStall{{code: "A-1", vendor: "Lý Tâm", phone: "0712345678"}, {code: "A-2", vendor: "Lý Tâm", phone: "0712345678"},
		{code: "A-3", vendor: "Trần Bê"}, {code: "A-4", again: true}})
	for _, format := range []string{"csv", "xlsx"} {
		copied := "NEW" + strings.ToUpper(format)
		if _, err := w.reg.AddMarket(t.Context(), registry.Console(), registry.NewMarket{Code: copied, Name: "Chợ mới"}); err != nil {
			t.Fatal(err)
		}
		in := whole
		in.Format = format
		im := w.preview(t, copied, "so."+format, w.file(t, lang.Vi, "TWO", registry.ListStalls, in), true)
		if _, err := w.reg.CommitImport(t.Context(), registry.Console(), im.Ref, registry.CommitImport{Attested: "vi-1"}); err != nil {
			t.Fatal(err)
		}
		if was, is := w.kept(t, "TWO"), w.kept(t, copied); !slices.Equal(was, is) {
			t.Errorf("%s: the record\n%s\nbecame\n%s", format, strings.Join(was, "\n"), strings.Join(is, "\n"))
		}
	}
}

// TestExportIsFilledIn: a file that a person worked on brings in what they wrote, and what they wrote is read as in any ledger.
func TestExportIsFilledIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.market(t, "FILL", []drawnStall{{code: "A-1", vendor: "Lý Tâm", phone: "0712345678"}, {code: "A-2"}, {code: "A-3", vendor: "=Trần Bê"}})
	lines := strings.Split(string(w.file(t, lang.Vi, "FILL", registry.ListWithoutAccount, registry.Export{Format: "csv"})), "\r\n")
	rows, err := csv.NewReader(strings.NewReader(strings.Join(lines, "\n"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	stalls, err := csv.NewReader(bytes.NewReader(w.file(t, lang.Vi, "FILL", registry.ListStalls, registry.Export{Format: "csv"}))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name      string
		rows      [][]string
		row, cell int
		write     string
		want      string // fate, accounts, codes
	}{
		{"a wallet's number", rows, 1, 6, "0712345678", "changed viettel_money 0712345678 phone-masked"},
		{"a number like no wallet's", rows, 1, 6, "12", "faulty phone-masked account-bad"},
		{"a formula for a number", rows, 1, 6, "=A1", "faulty phone-masked formula-cell"},
		{"another section", rows, 2, 1, "Khu B", "changed"},
		{"a vendor for a vacant stall", stalls, 2, 3, "Lê Ba", "changed"},
		{"a word for nobody at a vacant stall", stalls, 2, 3, "chưa thuê", "unchanged"},
		{"a formula for a vendor of a vacant stall", stalls, 2, 3, "=1+1", "faulty formula-cell"},
		{"another name at a stall that is held", stalls, 1, 3, "Lê Ba", "faulty phone-masked held-by-other"},
		{"a word for nobody at a stall that is held", stalls, 1, 3, "trống", "faulty phone-masked held-by-other"},
		{"nobody at a stall that is held", stalls, 1, 3, "", "unchanged phone-masked still-held"},
		{"no stall code", stalls, 2, 0, "", "faulty stall-code-missing"},
		{"the code of another stall", stalls, 2, 0, "A-1", "faulty stall-twice"},
		{"the section of a whole hall", stalls, 1, 1, strings.Repeat("x", 61), "faulty phone-masked text-too-long"},
		{"a direction sign", stalls, 1, 2, "rau\u202e", "faulty phone-masked bad-character"},
	} {
		var out bytes.Buffer
		c := csv.NewWriter(&out)
		for i, r := range tt.rows {
			r = slices.Clone(r)
			if i == tt.row {
				r[tt.cell] = tt.write
				if tt.cell == 6 {
					r[5] = "Viettel Money"
				}
			}
			if err := c.Write(r); err != nil {
				t.Fatal(err)
			}
		}
		c.Flush()
		got := w.preview(t, "FILL", "so.csv", out.Bytes(), false).Rows[tt.row-1]
		said := got.Fate
		for _, a := range got.Accounts {
			said += " " + a.Provider + " " + a.Number
		}
		for _, f := range append(got.Warnings, got.Faults...) {
			said += " " + f.Code
		}
		if a, b := strings.Fields(said), strings.Fields(tt.want); !slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))) {
			t.Errorf("%s: %s, want %s", tt.name, said, tt.want)
		}
	}
}

// TestExportCells: no cell of a text file begins a formula, and every cell of a workbook is a string that says exactly what the record says.
func TestExportCells(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var stalls []drawnStall
	for i, f := range formulas {
		stalls = append(stalls, drawnStall{code: f + fmt.Sprint(i), section: f + "SUM(A1)", goods: f, vendor: f + "cmd|' /C calc'!A0", phone: fmt.Sprintf("071%07d", i), holder: "LY TAM",
			accounts: []registry.NewAccount{{Provider: "viettel_money", Number: fmt.Sprintf("071%07d", i), Holder: "LY TAM"}}})
	}
	w.market(t, "BAD", stalls)
	for _, l := range []lang.Lang{lang.Vi, lang.En} {
		for _, list := range registry.Lists {
			in := whole
			in.Format = "csv"
			data := w.file(t, l, "BAD", list, in)
			text, marked := strings.CutPrefix(string(data), "\ufeff")
			if !marked {
				t.Errorf("%s.csv has no mark", list)
			}
			rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range rows {
				for _, cell := range r {
					if cell != "" && strings.ContainsRune("=+-@|%\t\r\n＝＋－＠｜％﹦﹢﹣﹫﹪", []rune(strings.TrimSpace(cell))[0]) {
						t.Errorf("%s.csv holds %q", list, cell)
					}
				}
			}
			in.Format = "xlsx"
			book, err := excelize.OpenReader(bytes.NewReader(w.file(t, l, "BAD", list, in)))
			if err != nil {
				t.Fatalf("%s.xlsx: %v", list, err)
			}
			sheet := book.GetSheetName(0)
			for i := range rows {
				for k, plain := range rows[i] {
					at, _ := excelize.CoordinatesToCellName(k+1, i+1)
					kind, err := book.GetCellType(sheet, at)
					value, _ := book.GetCellValue(sheet, at)
					if err != nil || value != "" && kind != excelize.CellTypeInlineString || strings.HasPrefix(plain, "'") && !strings.HasSuffix(plain, value) || !strings.HasPrefix(plain, "'") && plain != value {
						t.Errorf("%s.xlsx %s is %q of type %v (%v), CSV has %q", list, at, value, kind, err, plain)
					}
				}
			}
			if list == registry.ListStalls {
				for i, s := range stalls {
					for at, want := range map[string]string{"A": s.code, "B": s.section, "C": s.goods, "D": s.vendor, "E": s.phone, "H": s.phone} {
						if got, _ := book.GetCellValue(sheet, at+fmt.Sprint(i+2)); got != want {
							t.Errorf("%s%d is %q, the record has %q", at, i+2, got, want)
						}
					}
				}
			}
			if err := book.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestListsThatAreNoLedgers are refused as a whole, so that nobody brings in an account that was turned down.
func TestListsThatAreNoLedgers(t *testing.T) {
	t.Parallel()
	w := newScene(t)
	w.take(t, step{as: "clerk", do: "POST " + near + "/stalls/A-12/sharing", body: `{"provider":"viettel_money","version":"vi-share-1","given":"phone_call"}`, status: 201})
	for _, l := range []string{"vi", "en"} {
		for _, format := range []string{"csv", "xlsx"} {
			for _, do := range []string{"manager GET " + near + "/exports/accounts.", "manager GET " + near + "/exports/placards.", "partner GET /api/v1/exports/customers."} {
				as, do, _ := strings.Cut(do, " ")
				a := w.take(t, step{as: as, do: do + format, header: []string{"Accept-Language", l}, status: 200})
				w.take(t, step{as: "clerk", do: "POST " + near + "/imports", body: upload{"so." + format, a.body}, status: 422, want: []string{"ledger-not-stalls"}})
			}
		}
	}
}

// TestExportIsRecorded: what left, how much of it and why; never before it was allowed.
func TestExportIsRecorded(t *testing.T) {
	t.Parallel()
	w := newScene(t)
	w.prepare(t, "stall")
	events := func(fields ...string) int {
		return w.count(`SELECT count(*) FROM audit_events e JOIN disclosures d ON d.market_id = e.market_id AND 'disclosure:' || d.id = e.object AND d.given_to = e.actor
			WHERE e.action = 'rows.exported' AND e.fields = $1`, fields)
	}
	number := "0912345678"
	w.secret(number, "Chuyển sổ cho bà Tư")
	for _, tt := range []struct {
		name, as, file string
		status         int
		want           []string
		event          []string
	}{
		{"masked", "manager", "stalls.csv", 200, []string{"09•• ••• 678", "!" + number}, []string{"stalls", "csv", "rows:3", "masked"}},
		{"full", "manager", "stalls.csv?full=true&reason=Chuy%E1%BB%83n+s%E1%BB%95+cho+b%C3%A0+T%C6%B0", 200, []string{number}, []string{"stalls", "csv", "rows:3", "full"}},
		{"by a program", "manager key", "vendors.xlsx", 200, nil, []string{"vendors", "xlsx", "rows:2", "masked"}},
		{"accounts masked", "manager", "accounts.csv", 200, []string{"09•• ••• 678", "!" + number, "viettel_money"}, []string{"accounts", "csv", "rows:2", "masked"}},
		{"placards masked", "manager", "placards.csv", 200, []string{"09•• ••• 678", "!" + number}, []string{"placards", "csv", "rows:1", "masked"}},
		{"nobody without an account", "manager", "without-account.csv", 200, []string{"!••"}, []string{"without-account", "csv", "rows:0", "masked"}},
		{"full without a reason", "manager", "stalls.csv?full=true", 422, []string{"#/reason"}, nil},
		{"full for blanks", "manager", "stalls.csv?full=true&reason=+++", 422, []string{"#/reason"}, nil},
		{"perhaps full", "manager", "stalls.csv?full=perhaps", 422, nil, nil},
		{"another list", "manager", "people.csv", 404, nil, nil},
		{"another format", "manager", "stalls.pdf", 404, nil, nil},
		{"no format", "manager", "stalls", 404, nil, nil},
		{"a clerk", "clerk", "stalls.csv", 403, nil, nil},
		{"a partner", "partner", "stalls.csv", 403, nil, nil},
		{"elsewhere", "manager far", "stalls.csv", 404, nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := w.count(`SELECT count(*) FROM disclosures`)
			a := w.take(t, step{as: tt.as, do: "GET " + near + "/exports/" + tt.file, status: tt.status, want: tt.want})
			left := w.count(`SELECT count(*) FROM disclosures`) - before
			switch {
			case tt.event == nil && left != 0:
				t.Errorf("%d disclosures of what did not leave", left)
			case tt.event != nil && (left != 1 || events(tt.event...) != 1):
				t.Errorf("%d disclosures, %d events %v; %s", left, events(tt.event...), tt.event, a.body)
			case tt.event != nil && !strings.HasPrefix(a.header.Get("Content-Disposition"), `attachment; filename="cho40-NEAR-`):
				t.Errorf("Content-Disposition %q", a.header.Get("Content-Disposition"))
			}
		})
	}
	if n := w.count(`SELECT count(*) FROM audit_events WHERE array_to_string(fields, ' ') LIKE '%Tư%'`); n != 0 {
		t.Error("a person's words are in the audit chain")
	}
	if n := w.count(`SELECT count(*) FROM disclosures WHERE whole AND reason = 'Chuyển sổ cho bà Tư'`); n != 1 {
		t.Error("the reason is not kept")
	}
}

// TestCustomersNeedConsent: a provider learns of those who said yes to it, as long as they do, and of nobody else.
func TestCustomersNeedConsent(t *testing.T) {
	t.Parallel()
	w := newScene(t)
	list := func(want ...string) step {
		return step{as: "partner", do: "GET /api/v1/exports/customers.csv?provider=viettelpay", header: []string{"Accept-Language", "en"}, status: 200, want: want}
	}
	nothing := list("Vendor,", "!A-12", "!Tâm", "!LY", "!NEAR")
	say := func(body string) step {
		return step{as: "volunteer", do: "POST " + near + "/stalls/A-12/sharing", body: body, status: 201}
	}
	yes := `{"provider":"viettel_money","version":"vi-share-1","given":"face_to_face"}`
	yesMasked := list("NEAR,Chợ Vị Thanh,A-12,Lý Minh Tâm,09•• ••• 678", "!0912345678")
	w.walk(t, []step{
		{name: "consent to being paid is none to sharing", as: nothing.as, do: nothing.do, header: nothing.header, status: 200, want: nothing.want},
		{name: "of another provider", as: "volunteer", do: "POST " + near + "/stalls/A-12/sharing", body: `{"provider":"vnpt_money","version":"vi-share-1","given":"face_to_face"}`, status: 201, want: []string{`"shared":true`}},
		{name: "is none for this one", as: nothing.as, do: nothing.do, header: nothing.header, status: 200, want: nothing.want},
		{name: "of a provider that is none", as: "volunteer", do: "POST " + near + "/stalls/A-12/sharing", body: `{"provider":"nobody","version":"vi-share-1","given":"face_to_face"}`, status: 422, want: []string{"#/provider"}},
		{name: "with the sentence about payments", as: "volunteer", do: "POST " + near + "/stalls/A-12/sharing", body: `{"provider":"viettel_money","version":"vi-1","given":"face_to_face"}`, status: 422, want: []string{"#/version"}},
		{name: "silent", as: "volunteer", do: "POST " + near + "/stalls/A-12/sharing", body: `{"provider":"viettel_money","version":"vi-share-1","given":""}`, status: 422, want: []string{"#/given"}},
		{name: "the vendor says yes", as: "volunteer", do: say(yes).do, body: yes, status: 201},
		{name: "and is seen", as: "partner", do: yesMasked.do, header: yesMasked.header, status: 200, want: append(yesMasked.want, ",Printed,")},
		{name: "who may know", as: "clerk", do: "GET " + near + "/stalls/A-12/sharing", status: 200, want: []string{"viettel_money", "vnpt_money"}},
		{name: "the stall tells", as: "clerk", do: "GET /markets/NEAR/stalls/A-12", status: 200, want: []string{"Viettel Money"}},
		{name: "without a name when there is one", as: "partner", do: "GET /api/v1/exports/customers.xlsx", status: 200},
		{name: "another's customers", as: "partner", do: "GET /api/v1/exports/customers.csv?provider=vnpt_money", status: 404, want: []string{"provider-not-found"}},
		{name: "nobody's customers", as: "partner", do: "GET /api/v1/exports/customers.csv?provider=xyz", status: 404, want: []string{"provider-not-found"}},
		{name: "whole numbers", as: "partner", do: "GET /api/v1/exports/customers.csv?full=true&reason=xem", status: 403, want: []string{"!0912345678"}},
		{name: "a manager asks", as: "manager", do: "GET /api/v1/exports/customers.csv?provider=viettel_money", status: 403},
		{name: "taken back", as: "volunteer", do: "POST " + near + "/stalls/A-12/sharing", body: strings.Replace(yes, "{", `{"withdrawn":true,`, 1), status: 201, want: []string{`"shared":false`}},
		{name: "and gone", as: nothing.as, do: nothing.do, header: nothing.header, status: 200, want: nothing.want},
		{name: "who may know then", as: "clerk", do: "GET " + near + "/stalls/A-12/sharing", status: 200, want: []string{"!viettel_money", "vnpt_money"}},
		{name: "yes again", as: "volunteer", do: say(yes).do, body: yes, status: 201},
		{name: "and back", as: "partner", do: yesMasked.do, header: yesMasked.header, status: 200, want: yesMasked.want},
	})
	w.exec(`INSERT INTO consents (market_id, id, vendor_id, kind, wording, given, taken_by, taken_at)
		SELECT market_id, gen_random_uuid(), id, 'withdrawal', 'vi-1', 'face_to_face', 'person:x', $1 FROM vendors`, w.clock.now())
	w.take(t, nothing) // whoever takes everything back takes this back
	if n := w.count(`SELECT count(*) FROM audit_events WHERE action = 'rows.exported' AND fields = '{customers,csv,rows:1,masked,provider:viettel_money}'`); n != 2 {
		t.Errorf("%d events in the market's own chain", n)
	}
	if n := w.count(`SELECT count(*) FROM audit_events WHERE action = 'rows.exported' AND fields = '{customers,csv,rows:0,masked}' AND object = 'provider:viettel_money'`); n != 4 {
		t.Errorf("%d events of lists without anybody", n)
	}
}

// TestCustomersTellNothingOfOthers: what hangs at the stall of another provider is no stage of this one's.
func TestCustomersTellNothingOfOthers(t *testing.T) {
	t.Parallel()
	w := newScene(t)
	stand, err := qrStand("vnpt_money", "0712345699")
	if err != nil {
		t.Fatal(err)
	}
	w.vars["other"] = stand
	w.prepare(t, "proposal")
	w.take(t, step{as: "officer", do: "POST /api/v1/accounts/$account/decision", body: `{"decision":"approve"}`, header: []string{"If-Match", "$etag"}, status: 200})
	w.take(t, step{as: "volunteer", do: "POST " + near + "/stalls/$stall/stands", body: `{"payload":"$other","consent":{"version":"vi-1","given":"face_to_face"}}`, status: 201})
	w.take(t, step{as: "volunteer", do: "POST " + near + "/stalls/$stall/sharing", body: `{"provider":"viettel_money","version":"vi-share-1","given":"face_to_face"}`, status: 201})
	get := step{as: "partner", do: "GET /api/v1/exports/customers.csv", header: []string{"Accept-Language", "en"}, status: 200, want: []string{"$stall", ",Approved,,,,NEAR.", "!VNPT", "!Hangs"}}
	w.take(t, get)
	w.vars["waits"] = w.vars["stall"]
	w.prepare(t, "proposal") // nobody approved this one, so it is nobody's customer yet
	w.take(t, step{as: "volunteer", do: "POST " + near + "/stalls/$stall/sharing", body: `{"provider":"viettel_money","version":"vi-share-1","given":"face_to_face"}`, status: 201})
	get.want = []string{"$waits", "!,$stall,"}
	w.take(t, get)
}

// many adds stalls to a market, quickly.
func (w *world) many(code string, n int) {
	w.exec(`INSERT INTO stalls (market_id, id, code, code_key, code_fold, section, goods, position, created_at)
		SELECT m.id, gen_random_uuid(), 'S' || i, 'S' || i, 's' || i, 'Khu ' || i / 100, repeat('rau ', 14), 1000 + i, $2
		FROM markets m, generate_series(1, $3) i WHERE m.code = $1`, code, w.clock.now(), n)
}

// breaker lets the statements through that read stalls to be taken out, but one.
type breaker struct {
	fail atomic.Int32 // which one; 0: none
	seen atomic.Int32
}

func (b *breaker) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	if strings.Contains(q.SQL, "AS stall_id") && b.seen.Add(1) == b.fail.Load() {
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		return ctx
	}
	return ctx
}

func (b *breaker) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TestExportBreaksOff: a file that could not be finished does not look finished.
func TestExportBreaksOff(t *testing.T) {
	t.Parallel()
	b := &breaker{}
	config := pgtest.New(t).Config()
	config.ConnConfig.Tracer = b
	db, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	w := newWorldOn(t, db)
	w.many("NEAR", 1200)
	server := httptest.NewServer(w.h)
	t.Cleanup(server.Close)
	for _, format := range []string{"csv", "xlsx"} {
		for _, tt := range []struct {
			name   string
			fail   int32
			status int
			whole  bool
		}{
			{"nothing fails", 0, 200, true}, {"before the first row", 1, 500, true}, {"in the middle", 2, 200, false}, {"at the end", 3, 200, false},
		} {
			t.Run(tt.name+" of a "+format, func(t *testing.T) {
				b.seen.Store(0)
				b.fail.Store(tt.fail)
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+near+"/exports/stalls."+format, nil)
				if err != nil {
					t.Fatal(err)
				}
				w.as("manager")(r)
				answer, err := http.DefaultClient.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				defer answer.Body.Close()
				data, err := io.ReadAll(answer.Body)
				if answer.StatusCode != tt.status || (err == nil) != tt.whole {
					t.Fatalf("status %d, %d bytes, %v", answer.StatusCode, len(data), err)
				}
				switch media := answer.Header.Get("Content-Type"); {
				case tt.status == 500:
					if media != "application/problem+json" || answer.Header.Get("Content-Disposition") != "" {
						t.Errorf("a problem as %s, %q", media, answer.Header.Get("Content-Disposition"))
					}
				case format == "xlsx":
					book, err := excelize.OpenReader(bytes.NewReader(data))
					if (err == nil) != tt.whole {
						t.Errorf("the workbook opens: %v", err)
					}
					if err == nil {
						_ = book.Close()
					}
				case strings.Count(string(data), "\r\n") == 1201 != tt.whole:
					t.Errorf("%d lines", strings.Count(string(data), "\r\n"))
				}
			})
		}
	}
	if n := strings.Count(w.log.String(), "export broken off"); n != 4 {
		t.Errorf("%d files broken off are in the log", n)
	}
	b.fail.Store(0)
	w.take(t, step{as: "manager", do: "GET " + near + "/exports/stalls.csv", status: 200}) // and their places are free again
}

// TestExportIsOneReading: what changes while a file leaves is not half in it.
func TestExportIsOneReading(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.many("NEAR", 1100)
	n, count := 0, 0
	err := w.reg.ExportStalls(t.Context(), registry.Console(), "NEAR", registry.ListStalls, registry.Export{Format: "csv"}, func(r registry.Rows[registry.ExportedStall]) error {
		count = r.Count
		return r.Each(func(s registry.ExportedStall) error {
			if n++; n == 1 {
				w.exec(`UPDATE stalls SET goods = 'cá'`)
				w.exec(`DELETE FROM stalls WHERE position > 1900`)
				w.many("FAR", 1)
			}
			if s.Goods == "cá" {
				return fmt.Errorf("stall %s was read later", s.Code)
			}
			return nil
		})
	})
	if err != nil || n != 1100 || count != 1100 {
		t.Errorf("%d rows of %d, %v", n, count, err)
	}
}

// TestExportNeedsLittleMemory: of a long list no more is held than what is on its way.
func TestExportNeedsLittleMemory(t *testing.T) { // alone, since it looks at the heap
	w := newWorld(t)
	const rows = 20_000
	w.many("NEAR", rows)
	for _, format := range []string{"csv", "xlsx"} {
		h := &heap{every: 1 << 20}
		if format == "xlsx" {
			h.every = 64 << 10 // packed
		}
		h.look()
		base := h.most
		in := registry.Export{Format: format}
		if err := web.WriteList(t.Context(), w.reg, registry.Console(), lang.Vi, "NEAR", registry.ListStalls, in, func(string) (io.Writer, error) { return h, nil }); err != nil {
			t.Fatal(err)
		}
		if h.looks < 3 {
			t.Fatalf("%s: only %d looks at %d bytes", format, h.looks, h.written)
		}
		if grown := int64(h.most) - int64(base); grown > 6<<20 {
			t.Errorf("%s: %d rows, %d bytes, took %d bytes of the heap", format, rows, h.written, grown)
		}
	}
}

// heap is a writer that looks from time to time how much is held.
type heap struct {
	every, written, last, looks int
	most                        uint64
}

func (h *heap) look() {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	h.most = max(h.most, m.HeapAlloc)
	h.looks++
}

func (h *heap) Write(p []byte) (int, error) {
	if h.written += len(p); h.written-h.last > h.every {
		h.last = h.written
		h.look()
	}
	return len(p), nil
}

// TestReveal: one number in full, with a reason, and the record of it.
func TestReveal(t *testing.T) {
	t.Parallel()
	w := newScene(t)
	w.secret("hỏi lại bà Tư", "0912345678")
	w.prepare(t, "proposal") // another vendor's account
	post := "POST " + near + "/stalls/A-12/reveal"
	w.walk(t, []step{
		{name: "a phone", as: "clerk", do: post, body: `{"field":"phone","reason":"hỏi lại bà Tư"}`, status: 200, want: []string{`"number":"0912345678"`}},
		{name: "an account", as: "leader", do: post, body: `{"field":"account","account":"$approved","reason":"hỏi lại bà Tư"}`, status: 200, want: []string{`"number":"0912345678"`}},
		{name: "again with a key is another look", as: "clerk", do: post, body: `{"field":"phone","reason":"hỏi lại bà Tư"}`, header: []string{"Idempotency-Key", "look"}, status: 200, want: []string{"0912345678"}},
		{name: "and again", as: "clerk", do: post, body: `{"field":"phone","reason":"hỏi lại bà Tư"}`, header: []string{"Idempotency-Key", "look"}, status: 200, want: []string{"0912345678"}},
		{name: "without a reason", as: "clerk", do: post, body: `{"field":"phone","reason":" "}`, status: 422, want: []string{"#/reason", "!0912345678"}},
		{name: "of something else", as: "clerk", do: post, body: `{"field":"name","reason":"x"}`, status: 422, want: []string{"#/field"}},
		{name: "an account of another stall", as: "clerk", do: post, body: `{"field":"account","account":"$account","reason":"x"}`, status: 404, want: []string{"account-not-found"}},
		{name: "an account of no market", as: "clerk", do: post, body: `{"field":"account","reason":"x"}`, status: 404, want: []string{"account-not-found"}},
		{name: "at no stall", as: "clerk", do: "POST " + near + "/stalls/Z/reveal", body: `{"field":"phone","reason":"x"}`, status: 404, want: []string{"stall-not-found"}},
		{name: "a volunteer", as: "volunteer", do: post, body: `{"field":"phone","reason":"x"}`, status: 403, want: []string{"!0912345678"}},
		{name: "another field", as: "clerk", do: post, body: `{"field":"phone","reason":"x","vendor":"y"}`, status: 422},
		{name: "on the page", as: "manager", do: "POST /markets/NEAR/stalls/A-12/reveal", body: raw{form, "field=phone&reason=xem"}, status: 200, want: []string{"0912 345 678"}},
		{name: "not on the next one", as: "manager", do: "GET /markets/NEAR/stalls/A-12", status: 200, want: []string{"!0912 345 678"}},
		{name: "on the page without a reason", as: "manager", do: "POST /markets/NEAR/stalls/A-12/reveal", body: raw{form, "field=phone&reason="}, status: 422, want: []string{"!0912 345 678", "aria-invalid"}},
	})
	if n := w.count(`SELECT count(*) FROM audit_events e JOIN disclosures d ON 'disclosure:' || d.id = e.object
		WHERE e.action = 'number.revealed' AND d.whole AND d.reason <> '' AND d.subject IS NOT NULL`); n != 5 {
		t.Errorf("%d looks are kept", n)
	}
	if n := w.count(`SELECT count(*) FROM idempotency WHERE key = 'look'`); n != 0 {
		t.Error("the answer is kept with its key")
	}
}

func qrStand(provider, number string) (string, error) {
	p, _ := qrgen.ProviderOf(provider)
	return qrgen.Static(p.BIN, number)
}
