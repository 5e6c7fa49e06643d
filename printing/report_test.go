package printing

import (
	"bytes"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func share(v float64) *float64 { return &v }

// quarter is a report as a usual market has it.
func quarter() Report {
	box := func(name string, part, whole int) ReportShare {
		return ReportShare{Name: name, Value: fmt.Sprintf("%d,0 %%", 100*part/whole), Of: fmt.Sprintf("%d / %d tiểu thương", part, whole), Change: "+6,1 điểm so với cuối quý trước (230/470)",
			Meaning: "Bảng mã QR của tài khoản đã duyệt đang treo ở quầy đang bán. (accepting-1)", Part: part, Whole: whole}
	}
	r := Report{Title: "Báo cáo thanh toán không dùng tiền mặt", Period: "Quý III/2026", Name: "Chợ Vị Thanh", Place: "Phường Vị Thanh, Thành phố Cần Thơ",
		Shares: [3]ReportShare{box("Nhận tiền bằng quét mã", 264, 480), box("Đã có mã QR", 300, 480), box("Có tiền vào thật", 48, 480)},
		Chart: ReportChart{Head: "Theo tuần", Labels: [3]string{"Cuối ngày", "Nhận quét mã", "Đang bán"}, Percent: func(v float64) string { return fmt.Sprintf("%.0f %%", v*100) },
			Goals: []ReportGoal{{0, 0.4, 0.5, "Chỉ tiêu 50 %"}, {0.4, 1, 0.6, "Chỉ tiêu 60 %"}}, Beside: []string{"Chỉ tiêu 60 % đến hết ngày 30/09/2026."},
			Bands: []ReportBand{{0.1, 0.4, "Quét mã nhận quà"}, {0.3, 0.5, "Tuần lễ không tiền mặt"}}},
		Stages:  ReportBars{Head: "Đi đến bước nào", Titles: [3]string{"Bước", "giảm", "Tiểu thương"}, Rows: []ReportBar{{"Ghi sổ", "", "480", 480, 480}, {"Đã treo", "–190", "290", 290, 480}}},
		Reasons: ReportBars{Head: "Vì sao", Titles: [3]string{"Lý do", "Ai gỡ được", "Tiểu thương"}, Rows: []ReportBar{{"Chưa ai hỏi", "Tổ công nghệ số", "216", 216, 216}}, Sum: [2]string{"Chưa nhận: 480 – 264", "216"}},
		Notes:   []string{"Đếm từng quầy theo sổ."}, Date: "Lập ngày … tháng … năm …", Signs: [3]string{"Ban quản lý chợ", "Tổ công nghệ số", "Cán bộ"}, SignHint: "Ký, ghi rõ họ tên",
		Foot: "Mã băm SHA-256 " + strings.Repeat("0123456789abcdef", 4), More: "Xem trang sau.", Made: made}
	for week := range 14 {
		q := ReportPoint{At: float64(week) / 13, Day: fmt.Sprintf("%d/%d", week+1, 7+week/5), Part: fmt.Sprint(200 + 5*week), All: fmt.Sprint(470 + week), Share: share(float64(200+5*week) / float64(470+week))}
		q.Value = fmt.Sprintf("%.1f %%", *q.Share*100)
		r.Chart.Points = append(r.Chart.Points, q)
	}
	return r
}

const longName = "Chợ đầu mối nông sản thực phẩm và trung tâm thương mại dịch vụ tổng hợp phường Nguyễn Thị Minh Khai khu vực phía Tây thành phố Cần Thơ mở rộng"

// Whatever a report says stands on its paper to the last letter, inside of what a printer reaches, and on one page but for the words of
// targets and campaigns.
func TestReports(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		pages int
		make  func(r *Report)
	}{
		{"a usual one", 1, func(*Report) {}},
		{"nobody trades", 1, func(r *Report) {
			r.Chart = ReportChart{Head: "Theo tuần", Percent: r.Chart.Percent, Points: []ReportPoint{{Day: "1/7", Part: "0", All: "0"}, {At: 1, Day: "30/9", Part: "0", All: "0"}}}
			r.Stages.Rows, r.Reasons.Rows = nil, nil
			for i := range r.Shares {
				r.Shares[i] = ReportShare{Name: "Nhận tiền", Value: "–", Of: "Chưa có ai đang bán"}
			}
		}},
		{"one point", 1, func(r *Report) { r.Chart.Points = r.Chart.Points[:1] }},
		{"all accept from the first day on", 1, func(r *Report) {
			for i := range r.Chart.Points {
				r.Chart.Points[i].Share, r.Chart.Points[i].Value = share(1), "100,0 %"
			}
		}},
		{"provisional, the longest names, every reason there is", 1, func(r *Report) {
			r.Name, r.Place, r.Mark = longName, longName+", "+longName, "TẠM TÍNH đến hết ngày 30/09/2026. Quý chưa khóa số nên các số này còn có thể thay đổi."
			r.Reasons.Rows = nil
			for n := range 22 {
				r.Reasons.Rows = append(r.Reasons.Rows, ReportBar{fmt.Sprintf("Lý do thứ %d mà người bán nói là quá khó", n), "Ban quản lý chợ, 1.234 ngày", "12.345", n, 22})
			}
		}},
		{"a name without a blank", 1, func(r *Report) { r.Name = strings.Repeat("Ựng", 60) }},
		{"letters that the faces do not have", 1, func(r *Report) { r.Name = "Chợ ភ្នំ 🎉" }},
		{"numbers of a country", 1, func(r *Report) {
			for i := range r.Chart.Points {
				r.Chart.Points[i].Part, r.Chart.Points[i].All = "1.234.567", "2.345.678"
			}
			r.Shares[0].Of, r.Reasons.Rows[0].Number = "1.234.567 / 2.345.678 tiểu thương", "1.111.111"
		}},
		{"more campaigns than a page has room for", 4, func(r *Report) {
			r.Chart.Bands = nil
			for n := range 60 {
				r.Chart.Bands = append(r.Chart.Bands, ReportBand{float64(n) / 60, float64(n)/60 + 0.2, fmt.Sprintf("Chương trình thứ %d: %s", n, longName)})
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := quarter()
			tt.make(&r)
			var first, again bytes.Buffer
			if err := WriteReport(&first, r); err != nil {
				t.Fatal(err)
			}
			if err := WriteReport(&again, r); err != nil || !bytes.Equal(first.Bytes(), again.Bytes()) {
				t.Errorf("the same report gave other bytes (%v)", err)
			}
			says := []string{r.Title, r.Period, r.Name, r.Place, r.Mark, r.Foot, r.Date, r.SignHint, r.Stages.Head, r.Reasons.Head, r.Reasons.Sum[0], r.Chart.Head}
			says = append(append(says, r.Notes...), r.Signs[:]...)
			says = append(says, r.Chart.Beside...)
			for _, s := range r.Shares {
				says = append(says, s.Name, s.Value, s.Of, s.Change, s.Meaning)
			}
			for _, row := range append(r.Stages.Rows, r.Reasons.Rows...) {
				says = append(says, row.Name, row.Beside, row.Number)
			}
			for _, b := range r.Chart.Bands {
				says = append(says, b.Words)
			}
			onPaper(t, first.Bytes(), tt.pages, says)
		})
	}
}

// Of shares that stand so close that their words would lie upon each other, the last is told.
func TestSharesSideBySide(t *testing.T) {
	t.Parallel()
	for first, told := range map[int]int{0: 1, 11: 1, 12: 0, 13: 0} { // the last of them is alone
		r := quarter()
		r.Chart.Points = []ReportPoint{r.Chart.Points[first], r.Chart.Points[13]}[first/13:]
		for i, value := range []string{"41,3 %", "54,7 %"}[first/13:] {
			r.Chart.Points[i].Value = value
		}
		var pdf bytes.Buffer
		if err := WriteReport(&pdf, r); err != nil {
			t.Fatal(err)
		}
		text := squeeze(string(tool(t, "poppler-utils", "pdftotext", "-raw", file(t, "report.pdf", pdf.Bytes()), "-")))
		if strings.Count(text, squeeze("41,3 %")) != told || strings.Count(text, squeeze("54,7 %")) != 1 {
			t.Errorf("from week %d: want the first %d times and the last once: %s", first+1, told, text)
		}
	}
}

// onPaper holds a file to its pages and to what it says, and its ink to what a printer reaches.
func onPaper(t *testing.T, pdf []byte, pages int, says []string) {
	t.Helper()
	path := file(t, "report.pdf", pdf)
	text := squeeze(string(tool(t, "poppler-utils", "pdftotext", "-raw", path, "-")))
	for _, say := range says {
		if say = squeeze(spelled(say)); say != "" && !strings.Contains(text, say) {
			t.Errorf("the paper does not say %q:\n%s", say, text)
		}
	}
	if got := bytes.Count(pdf, []byte("/Type /Page\n")); got != pages {
		t.Errorf("%d pages, want %d", got, pages)
	}
	const dpi, reach = 40, 5.0
	for page := range bytes.Count(pdf, []byte("/Type /Page\n")) {
		for _, by := range renderers {
			g := by.draw(t, path, page+1, dpi)
			edge := int(math.Floor(reach * dpi / mmPerInch))
			for y := range g.Rect.Dy() {
				for x := range g.Rect.Dx() {
					if (x < edge || y < edge || x >= g.Rect.Dx()-edge || y >= g.Rect.Dy()-edge) && g.GrayAt(x, y).Y < 200 {
						t.Fatalf("%s, page %d: ink at %d, %d of %v", by.name, page+1, x, y, g.Rect)
					}
				}
			}
		}
	}
}

// figures is a table of so many lines.
func figures(lines int, name string) Table {
	t := Table{Title: "Báo cáo thanh toán không dùng tiền mặt", Period: "Quý III/2026", Name: "Thành phố Cần Thơ", Place: "20 chợ", Notes: []string{"Đếm từng quầy theo sổ."},
		Columns: []TableColumn{{Head: "Chợ", Part: 40}, {Head: "Nhận tiền bằng quét mã", Part: 25, Number: true}, {Head: "Tỷ lệ", Part: 15, Number: true, Strong: true}},
		Total:   []string{"Cộng", "264 / 480", "55,0 %"}, Foot: "Mã băm SHA-256 " + strings.Repeat("0123456789abcdef", 4), Made: made, Language: Vietnamese,
		Page: func(n, of int) string { return fmt.Sprintf("Trang %d/%d", n, of) }}
	for n := range lines {
		t.Rows = append(t.Rows, []string{fmt.Sprintf("%s %d", name, n), fmt.Sprintf("%d / 480", n), fmt.Sprintf("%d,5 %%", n)})
	}
	return t
}

// signed is such a table with room for names in its lines, and signatures below.
func signed(lines int) Table {
	t := figures(lines, "Chợ")
	t.Least, t.Date, t.Signs, t.SignHint = 12, "Lập ngày … tháng … năm …", []string{"Thành viên", "Tổ trưởng", "Cán bộ"}, "Ký, ghi rõ họ tên"
	return t
}

func TestTables(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		pages int
		of    Table
	}{
		{"no line", 1, figures(0, "")},
		{"one page", 1, figures(12, "Chợ")},
		{"several pages, each with its heading", 3, figures(70, "Chợ")},
		{"the longest names", 2, figures(30, longName)},
		{"names without a blank", 1, figures(4, strings.Repeat("Ựng", 60))},
		{"notes that need a page of their own", 2, func() Table {
			f := figures(23, "Chợ")
			f.Notes = []string{strings.Repeat(longName+". ", 12)}
			return f
		}()},
		{"signed", 1, signed(6)},
		{"signatures that need a page of their own", 2, signed(10)},
		{"signatures of the longest names", 1, func() Table {
			f := signed(2)
			f.Signs = []string{longName, strings.Repeat("Ựng", 30), "", "Cán bộ"}
			return f
		}()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var first, again bytes.Buffer
			if err := WriteTable(&first, tt.of); err != nil {
				t.Fatal(err)
			}
			if err := WriteTable(&again, tt.of); err != nil || !bytes.Equal(first.Bytes(), again.Bytes()) {
				t.Errorf("the same table gave other bytes (%v)", err)
			}
			says := append([]string{tt.of.Title, tt.of.Period, tt.of.Name, tt.of.Place, tt.of.Foot, tt.of.Columns[1].Head, tt.of.Date, tt.of.SignHint}, tt.of.Notes...)
			says = append(says, tt.of.Signs...)
			for _, row := range append(tt.of.Rows, tt.of.Total) {
				says = append(says, row[1], row[2])
			}
			for n := range tt.pages {
				says = append(says, tt.of.Page(n+1, tt.pages))
			}
			onPaper(t, first.Bytes(), tt.pages, says)
			text := string(tool(t, "poppler-utils", "pdftotext", "-layout", file(t, "table.pdf", first.Bytes()), "-"))
			for n, page := range strings.Split(text, "\f") {
				if strings.Contains(page, "/ 480") && !strings.Contains(page, "Tỷ lệ") {
					t.Errorf("page %d has no heading:\n%s", n+1, page)
				}
			}
			for _, row := range tt.of.Rows { // words that were broken stand line by line
				for _, word := range strings.Fields(row[0]) {
					if len(word) < 30 && !strings.Contains(text, word) {
						t.Errorf("%q is not there", word)
					}
				}
			}
		})
	}
}

func TestReportsNeedADate(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r, f := quarter(), figures(1, "Chợ")
	r.Made, f.Made = time.Time{}, time.Time{}
	if err := WriteReport(&out, r); err == nil || out.Len() > 0 {
		t.Errorf("a report without a date: %d bytes, %v", out.Len(), err)
	}
	if err := WriteTable(&out, f); err == nil || out.Len() > 0 {
		t.Errorf("a table without a date: %d bytes, %v", out.Len(), err)
	}
}

// The same figures give the same file next year: a change of the drawing is a change of ReportLayout.
func TestGoldenReports(t *testing.T) {
	t.Parallel()
	for name, b := range map[string]booklet{"report": quarter().booklet(), "table": figures(30, "Chợ").booklet()} {
		file, err := b.file(false)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, filepath.Join("testdata", fmt.Sprintf("%s-%d.golden", name, ReportLayout)), readable(file))
	}
}
