package printing

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name        string
		change      func(p *Placard)
		field, code string // empty: it is fine
	}{
		{"as designed", func(*Placard) {}, "", ""},
		{"no holder", func(p *Placard) { p.Holder = "" }, "holder", "required"},
		{"a holder of spaces", func(p *Placard) { p.Holder = "  " }, "holder", "required"},
		{"neither tail nor number", func(p *Placard) { p.Tail = "" }, "tail", "required"},
		{"number instead of tail", func(p *Placard) { p.Tail, p.Number = "", "0715 656 593" }, "", ""},
		{"no vendor, goods or phone", func(p *Placard) { p.Vendor, p.Goods, p.Call = "", "", "" }, "", ""},
		{"no code", func(p *Placard) { p.Code = nil }, "code", "required"},
		{"emoji", func(p *Placard) { p.Vendor = "Cô Ba 🍚" }, "vendor", "no-glyph"},
		{"a script that the face lacks", func(p *Placard) { p.Vendor = "ផ្សារ" }, "vendor", "no-glyph"},
		{"an arrow that the face lacks", func(p *Placard) { p.Goods = "cá → mắm" }, "goods", "no-glyph"},
		{"a replacement character", func(p *Placard) { p.Goods = "c\uFFFD" }, "goods", "no-glyph"},
		{"decomposed", func(p *Placard) { p.Market = norm.NFD.String("Chợ Vị Thanh") }, "market", "not-nfc"},
		{"a control character", func(p *Placard) { p.Stall = "A\t12" }, "stall", "control"},
		{"a line break", func(p *Placard) { p.Provider = "Viettel\nMoney" }, "provider", "control"},
		{"a NUL", func(p *Placard) { p.Call = "0293\x00" }, "call", "control"},
		{"text turned by a direction mark", func(p *Placard) { p.Holder = "LY \u202eMAT" }, "holder", "control"},
		{"a zero-width space", func(p *Placard) { p.Holder = "LY\u200bTAM" }, "holder", "control"},
		{"cut UTF-8", func(p *Placard) { p.Vendor = "Lý Minh T\xc3" }, "vendor", "encoding"},
		{"10,000 letters", func(p *Placard) { p.Goods = strings.Repeat("ẫ", 10_000) }, "goods", "too-long"},
		{"a holder too long", func(p *Placard) { p.Holder = strings.Repeat("NGUYEN ", 12) + "THI" }, "holder", "too-long"},
		{"a holder of one word too long", func(p *Placard) { p.Holder = strings.Repeat("NGUYEN", 6) }, "holder", "too-long"},
		{"a stall code too long", func(p *Placard) { p.Stall = strings.Repeat("ĐK-", 12) }, "stall", "too-long"},
		{"a market too long", func(p *Placard) { p.Market = strings.Repeat("Chợ đầu mối ", 12) + "X" }, "market", "too-long"},
		{"a vendor too long", func(p *Placard) { p.Vendor = strings.Repeat("Nguyễn Thị ", 15) + "X" }, "vendor", "too-long"},
		{"goods too long are left unsaid", func(p *Placard) { p.Goods = strings.Repeat("rau ", 40) }, "", ""},
		{"a provider too long", func(p *Placard) { p.Provider = strings.Repeat("Ngân hàng ", 9) }, "provider", "too-long"},
		{"a number too long", func(p *Placard) { p.Number = strings.Repeat("0123 ", 20) }, "number", "too-long"},
		{"a phone too long", func(p *Placard) { p.Call = strings.Repeat("0293 ", 12) }, "call", "too-long"},
		{"a serial too long", func(p *Placard) { p.Serial = strings.Repeat("7K3Q-", 9) }, "serial", "too-long"},
		{"an accent in a number", func(p *Placard) { p.Number = "07Ẫ5" }, "number", "not-plain"},
		{"a helper with a control character", func(p *Placard) { p.Helper = "An\x00" }, "helper", "control"},
		{"a day in words", func(p *Placard) { p.Helped = "thứ Hai" }, "helped", "not-plain"},
		{"a mark that is none", func(p *Placard) { p.Mark = 9 }, "mark", "unknown"},
		{"a language that is none", func(p *Placard) { p.Languages[1] = "lo" }, "languages", "unknown"},
		{"a language that no speaker has read", func(p *Placard) { p.Languages[1] = Khmer }, "languages", "unread"},
		{"modules under 0.6 mm", func(p *Placard) { p.Code = blank(105) }, "code", "module-small"},
		{"modules of just 0.6 mm", func(p *Placard) { p.Code = blank(97) }, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := plain(t)
			tt.change(&p)
			s := sheetOf(t, "a6x4")
			err := p.Check(s)
			if tt.field == "" {
				if err != nil {
					t.Fatalf("Check = %v, want nil", err)
				}
				return
			}
			var bad *FieldError
			if !errors.As(err, &bad) || bad.Field != tt.field || bad.Code != tt.code {
				t.Fatalf("Check = %v, want %s %s", err, tt.field, tt.code)
			}
			if bad.Detail.String() == "" || strings.Contains(bad.Detail.String(), "%!") {
				t.Errorf("detail = %q", bad.Detail)
			}
			var out bytes.Buffer
			err = Write(&out, Print{Sheet: s, Made: made}, []Placard{plain(t), p})
			if !errors.As(err, &bad) || out.Len() > 0 {
				t.Errorf("Write = %v after %d bytes, want the same fault and no bytes", err, out.Len())
			}
		})
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, sheet string
		code        Modules
		want        int
	}{
		{"the usual symbol", "a6x4", blank(41), 0},
		{"the usual symbol on the smallest tag", "tag10", blank(41), 0},
		{"a large symbol on the smallest tag", "tag10", blank(57), 1},
		{"modules of just 0.6 mm, on both faces", "tent", blank(97), 1},
		{"modules under 0.6 mm, which Check refuses", "a6x4", blank(105), 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := plain(t)
			p.Code = tt.code
			if got := p.Warnings(sheetOf(t, tt.sheet)); len(got) != tt.want {
				t.Errorf("%d warnings, want %d: %v", len(got), tt.want, got)
			}
		})
	}
	if got := plain(t).Warnings(Sheet{}); got != nil {
		t.Errorf("warnings on no sheet: %v", got)
	}
}

// blank is a symbol without a dark module.
type blank int

func (b blank) Size() int        { return int(b) }
func (blank) Dark(x, y int) bool { return false }

func TestEveryLanguageCanBeDrawn(t *testing.T) {
	t.Parallel()
	all := []string{}
	for _, w := range vocabulary {
		all = append(all, w.tail, w.number, w.compare[0], w.compare[1], w.wrong, w.wrongAsk[0], w.wrongAsk[1], w.serial,
			w.board, w.stall, w.fold, w.learn, w.pasted[0], w.pasted[1], w.helper, w.helped)
		all = append(all, w.tips[:]...)
	}
	for _, say := range markWords {
		all = append(all, say)
	}
	for _, say := range all {
		if code, detail := printable(say); code != "" {
			t.Errorf("%q: %s %s", say, code, detail)
		}
	}
}

// anyText is what people and programs put into a text field, from ordinary names to rubbish.
func anyText() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringMatching(`[A-Z]{1,8}( [A-Z]{1,8}){0,6}`),
		rapid.StringMatching(`[ẪỆỮỘẬẶỴẾaăâđêôơưQJgpy·(),.-]{1,12}( [ẪỆỮỘẬẶỴẾaăâđêôơưQJgpy]{1,9}){0,5}`),
		rapid.StringMatching(`[0-9]{1,5}( [0-9]{1,4}){0,6}`),
		rapid.String(),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 40), func(b []byte) string { return string(b) }),
	)
}

// anyPlacard is a placard of any text, and often one that can be printed.
func anyPlacard(rt *rapid.T, code Modules) Placard {
	draw := func(usual, name string) string {
		if rapid.IntRange(0, 3).Draw(rt, name+" usual") > 0 {
			return usual
		}
		return anyText().Draw(rt, name)
	}
	return Placard{
		Market: draw("Chợ Vị Thanh", "market"), Vendor: draw("Lý Minh Tâm", "vendor"), Goods: draw("Rau củ", "goods"),
		Stall: draw("A-12", "stall"), Holder: draw("LY MINH TAM", "holder"), Provider: draw("Viettel Money", "provider"),
		Tail: draw("5678", "tail"), Number: draw("", "number"), Call: draw("0293 000 0040", "call"), Serial: "7K3Q-40M2-VTC", Helper: draw("Trần Văn An", "helper"), Helped: draw("22/11/2026", "helped"),
		Mark: rapid.SampledFrom([]Mark{MarkNone, MarkSample, MarkProvisional}).Draw(rt, "mark"), Code: code,
	}
}

// What Check lets through is printed, and what it does not is a fault with a field; nothing panics.
func TestAnyTextIsPrintedOrFaulted(t *testing.T) {
	t.Parallel()
	code := plain(t).Code
	rapid.Check(t, func(rt *rapid.T) {
		p := anyPlacard(rt, code)
		s := rapid.SampledFrom(every(t)).Draw(rt, "sheet")
		err := p.Check(s)
		var bad *FieldError
		if err != nil && !errors.As(err, &bad) {
			rt.Fatalf("Check = %v, want a *FieldError", err)
		}
		var out bytes.Buffer
		if got := Write(&out, Print{Sheet: s, Made: made}, []Placard{p}); (got == nil) != (err == nil) {
			rt.Fatalf("Write = %v, Check = %v", got, err)
		}
	})
}

func FuzzText(f *testing.F) {
	for _, seed := range []string{"Lý Minh Tâm", "🍚", "A\u0302", "\x00", "\xff", strings.Repeat("W", 10_000), "()\\", "\u202e", " "} {
		f.Add(seed)
	}
	base := plain(f)
	s := sheetOf(f, "a6x4")
	f.Fuzz(func(t *testing.T, say string) {
		var fine []Placard
		for _, change := range []func(p *Placard){
			func(p *Placard) { p.Holder = say }, func(p *Placard) { p.Vendor = say }, func(p *Placard) { p.Stall = say },
			func(p *Placard) { p.Number = say },
		} {
			p := base
			change(&p)
			var bad *FieldError
			if err := p.Check(s); err == nil {
				fine = append(fine, p)
			} else if !errors.As(err, &bad) {
				t.Fatalf("Check = %v, want a *FieldError", err)
			}
		}
		if len(fine) == 0 {
			return
		}
		if err := Write(io.Discard, Print{Sheet: s, Made: made}, fine); err != nil {
			t.Fatalf("Write = %v of what Check let through", err)
		}
	})
}

// Whatever people type, on whatever sheet: either a fault that names its field, or a file on which no letter is lost.
func FuzzPlacard(f *testing.F) {
	for i, say := range []string{"Lý Minh Tâm", "🍚", "A\u0302", "\x00", "\xff", "()\\", "\u202e", " ", "ẪỆỮ QJgp", strings.Repeat("Ẫ ", 90), strings.Repeat("W", 10_000)} {
		f.Add(say, "Lý Minh Tâm", "A-12", "LY MINH TAM", "Viettel Money", "5678", "", "0293 000 0040", "An", byte(i))
		f.Add("Chợ Vị Thanh", say, say, say, "Viettel Money", "5678", "", say, say, byte(i))
		f.Add("Chợ Vị Thanh", "", "A-12", "LY MINH TAM", say, say, say, "", "", byte(i))
	}
	sheets, base := every(f), plain(f)
	fields := []string{"market", "vendor", "stall", "holder", "provider", "tail", "number", "call", "helper", "languages", "serial"}
	f.Fuzz(func(t *testing.T, market, vendor, stall, holder, provider, tail, number, call, helper string, how byte) {
		p := base
		p.Market, p.Vendor, p.Goods, p.Stall, p.Holder, p.Provider = market, vendor, vendor, stall, holder, provider
		p.Tail, p.Number, p.Call, p.Helper = tail, number, call, helper
		p.Mark = Mark(how % 3)
		if how%2 == 1 {
			p.Languages = [2]Language{English, Vietnamese}
		}
		s := sheets[int(how)%len(sheets)]
		job := Print{Sheet: s, Made: made, Back: s.back != nil}
		if how%5 == 0 {
			job.Theme = indigo()
		}
		panels, back, err := job.lay(&p)
		if err != nil {
			var bad *FieldError
			if !errors.As(err, &bad) || !slices.Contains(fields, bad.Field) {
				t.Fatalf("%s: %v, want a fault of one of %q", s.Name(), err, fields)
			}
			return
		}
		all := squeeze(said(append(panels, back)))
		for _, say := range must(s, p) {
			if !strings.Contains(all, squeeze(say)) {
				t.Errorf("%s: %q is not on the card: %q", s.Name(), say, all)
			}
		}
		if err := Write(io.Discard, job, []Placard{p}); err != nil {
			t.Errorf("%s: Write = %v of what Check let through", s.Name(), err)
		}
	})
}
