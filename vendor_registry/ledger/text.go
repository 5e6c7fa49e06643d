package ledger

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"cho40/qrgen"

	"golang.org/x/text/unicode/norm"
)

// The longest texts that the registry keeps, in characters.
const (
	maxName    = 120
	maxCode    = 20
	maxSection = 60
	maxGoods   = 60
)

func runes(s string) int { return utf8.RuneCountInString(s) }

// fold makes spellings of one heading equal: no accents, lower case, single blanks for everything else.
func fold(s string) string { return qrgen.Search(s) }

// clean makes a text NFC with single blanks. A character that cannot be seen or that turns the reading direction is
// returned as bad: it deceives the eye or breaks the paper.
func clean(s string) (text string, bad rune) {
	if r := Unseen(s); r >= 0 {
		if r == 0 {
			r = nul
		}
		return shown(s), r
	}
	s = norm.NFC.String(s)
	if strings.ContainsAny(s, "ÐƉ") { // look like Đ and are often typed for it; no search would find them
		s = strings.NewReplacer("Ð", "Đ", "Ɖ", "Đ").Replace(s)
	}
	return strings.Join(strings.Fields(s), " "), 0
}

// Unseen is the first character of a text that cannot be seen, turns the reading direction, or is the fourth mark on one letter; -1
// when there is none.
func Unseen(s string) rune {
	marks := 0
	for _, r := range s {
		if marks++; !unicode.Is(unicode.Mn, r) {
			marks = 0
		}
		if hidden(r) || marks > 3 {
			return r
		}
	}
	return -1
}

// nul stands for NUL where 0 means that nothing is wrong.
const nul = -1

func hidden(r rune) bool {
	switch {
	case r == '\t' || r == '\n' || r == '\r':
		return false
	case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs, unicode.Zl, unicode.Zp), r == utf8.RuneError:
		return true
	case r >= 0xfe00 && r <= 0xfe0f, r >= 0xe0000 && r <= 0xe0fff, r == 0x34f, r == 0x2065, r >= 0x115f && r <= 0x1160, r == 0x3164, r == 0xffa0:
		return true // variation selectors, tags, joiners and fillers: no ink
	}
	return false
}

// shown is s as a report may show it: hidden characters by their number, and not too long.
func shown(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range strings.TrimSpace(s) {
		switch {
		case n == 80:
			return b.String() + "…"
		case r == '\t' || r == '\n' || r == '\r':
			r = ' '
			fallthrough
		case !hidden(r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, "[U+%04X]", r)
		}
		n++
	}
	return b.String()
}

// phrases is a set of words and sayings. What was typed with accents must match with accents, since "Trọng" is a name
// and "trống" is not; what was typed without any matches without.
type phrases struct{ accented, plain map[string]bool }

func phrasesOf(list string) phrases {
	p := phrases{map[string]bool{}, map[string]bool{}}
	for _, s := range strings.Split(list, ",") {
		s = lower(s)
		p.accented[s] = true
		p.plain[fold(s)] = true
	}
	return p
}

// lower is lower case with single blanks for anything but letters and digits.
func lower(s string) string {
	s = strings.ToLower(norm.NFC.String(s))
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }), " ")
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func (p phrases) has(s string) bool { return p.holds(lower(s)) }

func (p phrases) holds(s string) bool { return p.accented[s] || ascii(s) && p.plain[s] }

// begins reports whether s is one of the phrases, or one of them followed by more words.
func (p phrases) begins(s string) bool {
	w := strings.Fields(lower(s))
	for n := min(len(w), 4); n > 0; n-- {
		if p.holds(strings.Join(w[:n], " ")) {
			return true
		}
	}
	return false
}

var (
	// none is written where there is nothing to write.
	none = phrasesOf("không,không có,ko,ko có,k,chưa,chưa có,chưa rõ,chưa đăng ký,chưa cung cấp,chưa mở,none,no,n a,na,nil,null,tiền mặt,cash")
	// vacant and vacantStart are written for a vendor where a stall has none.
	vacant      = phrasesOf("x,xx,xxx,trống,vacant,empty,không,không có,ko,ko có,none,n a,na,nil,null,chưa,chưa có,chưa có hộ,chưa có người,chưa có chủ")
	vacantStart = phrasesOf("trống,bỏ trống,để trống,đang trống,còn trống,sạp trống,quầy trống,lô trống,ki ốt trống,kiot trống,hiện trống,đang bỏ trống," +
		"chưa thuê,chưa cho thuê,chưa có người thuê,chưa có người,chưa có hộ,chưa bố trí,chưa có tiểu thương,chưa giao,không người thuê,không có người thuê,chưa có người kinh doanh,chưa sử dụng,không sử dụng,không hoạt động,chờ thuê,chờ bố trí,chờ cho thuê,đóng cửa,nghỉ bán,nghỉ kinh doanh,tạm nghỉ,đã nghỉ,ngưng bán,ngừng bán,ngưng kinh doanh,ngừng kinh doanh,đã trả sạp,đã trả mặt bằng,trả sạp,trả mặt bằng,đang sửa chữa,chưa có tên,closed,unassigned,vacant,not rented,unoccupied,for rent,no vendor")
	// marks say yes where a number is wanted.
	marks = phrasesOf("x,xx,v,có,có rồi,rồi,đã có,đã mở,yes,y,ok,đúng,true")
	// totals begin a row that sums up; total is one by itself, since "Tổng hợp" is a line of goods.
	totals = phrasesOf("tổng cộng,tổng số,cộng khu,cộng dãy,total,totals,grand total,subtotal,sub total")
	total  = phrasesOf("tổng,cộng,sum")
	summed = "cộng" // also begins one, with its accents: "Cong" is a name too
	// remarks begin a row that is about the ledger or signs it.
	remarks = phrasesOf("ghi chú,lưu ý,chú thích,chú ý,nguồn,người lập,người lập biểu,người lập bảng,lập biểu,lập bảng,trưởng ban,phó ban,phó trưởng ban,tm ban,thủ trưởng,giám đốc," +
		"kế toán,thủ quỹ,xác nhận,xác nhận của,ký tên,ký ghi rõ,ký và ghi,ký họ tên,ban quản lý,tm ubnd,đơn vị tính,danh sách này,danh sách trên,note,notes,remark,remarks,prepared by,approved by,signature,signed")
	// sections begin a row that names the part of the market for the stalls below it.
	sections = phrasesOf("khu,khu vực,phân khu,dãy,lô,tầng,lầu,nhà lồng,nhà chợ,nhà,cổng,section,zone,area,block,aisle,floor,hall,ngành,ngành hàng,nhóm,nhóm hàng,mặt hàng,row")
	// stallToo are those of them that a stall's own code may begin with: "Lô 12".
	stallToo = phrasesOf("lô,nhà,cổng,block,row,hall,floor,lầu")
	halls    = phrasesOf("nhà lồng,nhà chợ")
	// surnames that, with or without their accents, look like the beginning of a section.
	surnames = phrasesOf("lô,tăng")
)

var (
	signed  = regexp.MustCompile(`\bngay( \d+)? thang\b`)
	placed  = regexp.MustCompile(`^(khu|khu vuc|day|lo|tang|lau|nha long|section|zone|area|block|row)( so)? ([a-z]\d*|\d+|[ivx]+)$`) // "Khu A", and not "Khu phố 3 chợ"
	page    = regexp.MustCompile(`^(trang|page)( so)? \d+`)
	tally   = regexp.MustCompile(`^\d+ (sap|quay|ho|diem|kiot|ki ot|lo|gian|stalls?|vendors?|tieu thuong)\b`)
	counted = regexp.MustCompile(`\s*[(\[–—:-]+\s*\d+\s*\pL[^()\[\]]*[)\]]?$`)  // " (24 sạp)"
	listed  = regexp.MustCompile(`^\s*(?:[IVX]{1,5}|\d{1,2}|[A-Z])\s*[.)/]\s*`) // "II. "
	roman   = regexp.MustCompile(`^(?:[IVX]{1,5}|[A-Za-z]|\d{1,3})[.)]?$`)
	plain   = regexp.MustCompile(`^\d+$`)
)

// isNone reports a cell that says "nothing": empty, dashes, dots, or a word for it.
func isNone(s string) bool {
	return strings.Trim(s, "-–—―_.…·•*/\\ \t\r\n'()[]{}?~") == "" || none.has(s)
}

// isFootnote reports a text that stands alone in the column of the codes and is none: "(*) Sạp đang sửa", "Trang 2/5".
func isFootnote(s string) bool {
	s = strings.TrimSpace(s)
	return strings.HasPrefix(s, "*") || strings.HasPrefix(s, "(*") || strings.HasPrefix(s, "- ") || page.MatchString(fold(s)) ||
		runes(s) > maxCode && len(strings.Fields(s)) > 3
}

func isVacant(s string) bool {
	return strings.Trim(s, "-–—―_.…·•*/\\ \t\r\n'()[]{}?~") == "" || vacant.has(s) || vacantStart.begins(s)
}

// isTitle reports a text that may name a section although it does not begin with "Khu" or the like.
func isTitle(s string) bool {
	s = strings.TrimSpace(s)
	return runes(s) <= maxSection && !strings.ContainsAny(s[:1], "(*-") && !strings.HasSuffix(s, ".")
}

// isTotal: "Tổng cộng", but not Tống Văn Cộng, nor Tong Van Cong.
func isTotal(s string) bool {
	return totals.begins(s) || total.has(s) || strings.HasPrefix(lower(s), summed+" ")
}

func isRemark(s string) bool { return remarks.begins(s) || signed.MatchString(fold(s)) }

// section makes a section's name of what a title row or a cell says: "KHU A" and "Khu A" are one section.
func section(s string) string {
	s = strings.Trim(counted.ReplaceAllString(s, ""), " :.-–—")
	if rest := listed.ReplaceAllString(s, ""); rest != "" && sections.begins(rest) {
		s = rest
	}
	if s != strings.ToUpper(s) || s == strings.ToLower(s) {
		return s
	}
	w := strings.Fields(s)
	for i, word := range w {
		switch {
		case strings.ContainsAny(word, "0123456789"), runes(word) == 1, strings.Trim(word, "IVX") == "" && i > 0:
			// A1, B, II stay as they are
		case i == 0:
			_, n := utf8.DecodeRuneInString(word)
			w[i] = word[:n] + strings.ToLower(word[n:])
		default:
			w[i] = strings.ToLower(word)
		}
	}
	return strings.Join(w, " ")
}
