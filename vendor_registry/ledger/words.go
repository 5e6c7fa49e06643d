package ledger

import (
	"regexp"
	"slices"
	"strings"

	"cho40/qrgen"
)

// What headings say, folded. Order matters: "Tên chủ tài khoản" is a holder before it is a name, "Tên ngân hàng" a provider.
var (
	privateWords  = anyOf("cccd|cmnd|cmtnd|cccd cmnd|can cuoc|chung minh|so dinh danh|ma dinh danh|ngay sinh|nam sinh|id card|identity|national id|passport|ho chieu|date of birth|birth|dob|dan toc|mat khau|pin|otp|so du|balance")
	otherWords    = anyOf("dien tich|gia|gia thue|phi|le phi|muc thu|hop dong|ngay|trang thai|tinh trang|hien trang|dia chi|address|ghi chu|ho khau|noi o|nguoi phu trach|nguoi quan ly|nguoi thu|nguoi nha|nguoi than|nguoi lap|nhan vien|can bo|note|notes|remark|remarks|doanh thu|doanh so|thanh tien|so tien|amount|price|rent|fee|status|date|m2|thue suat|tien thue|ma so thue|mst|tax|tax code|email|gioi tinh|sex|gender|nam|quoc tich|que quan|thuong tru|tam tru|kich thuoc|so luong|quantity|chi nhanh|branch|loai quay|loai sap|loai ki ot|loai kiot|loai hinh|dang ky|giay phep|license|ky nhan|chu ky|signature|khoang cach|ten cho|market|size|sqm")
	ordinalExact  = exact("stt|tt|so tt|so thu tu|thu tu|no|nr|ordinal|serial|s no|sr no")
	holderWords   = anyOf("chu tai khoan|chu tk|chu the|ten tai khoan|ten tk|ten chu tai khoan|ten chu tk|thu huong|account holder|account name|holder|holder name|beneficiary|chu vi dien tu|ten chu vi|chu vi|chu so huu tai khoan|nguoi nhan tien|ten nguoi nhan")
	numberWords   = anyOf("tai khoan|stk|tk|tknh|stknh|account|accounts|acct|a c|so vi|ma vi|sdt vi|so dt vi|so dien thoai vi|dien thoai vi|wallet number|wallet no|wallet phone|so the vi|so vi dien tu")
	providerWords = anyOf("ngan hang|nh|bank|banks|vi dien tu|wallet|wallets|e wallet|ewallet|nha cung cap|don vi cung cap|provider|providers|nha mang|kenh thanh toan|kenh nhan tien|hinh thuc thanh toan|phuong thuc thanh toan|don vi thanh toan|cong thanh toan|ung dung|payment|payment method|mobile money|tien di dong|loai vi|ten vi|app")
	walletWord    = regexp.MustCompile(`\bvi( |$)`)
	bankFirst     = regexp.MustCompile(`^(ten )?(ngan hang|nh|bank)\b`)
	placeCode     = regexp.MustCompile(`\bvi tri\b`)
	idExact       = exact("id|ids|stall id|ma he thong|ma noi bo|id sap|id quay|ma id|record id|uuid")
	numberExact   = regexp.MustCompile(`^(number|so|so hieu|num|no)( \d)?$`)
	bareExact     = exact("so|ma|ma so|loai|ten|number|no|name|type")
	familyExact   = exact("ho|ho dem|ho va dem|ho va ten dem|ho ten dem|ho lot|ho va ten lot|ho va chu lot|ho chu lot|last name|surname|family name")
	givenExact    = exact("ten|first name|given name|ten goi")
	unknownWallet = regexp.MustCompile(`\b(pay|money|wallet|vi|ngan hang|bank)\b|pay$`)
	kin           = regexp.MustCompile(`\bnguoi (nha|than|lien he|thu|quan ly|phu trach)\b|\b(vo|chong|con|to truong|ban quan ly|bql)\b`)
	nameThere     = regexp.MustCompile(`\b(ho ten|ho va ten|ten|name)\b`)
	notWallet     = regexp.MustCompile(`\b(don vi|dich vi|vi (tri|pham))\b`)
	phoneWords    = anyOf("dien thoai|so dt|sdt|dt|dtdd|so dtdd|di dong|phone|phones|mobile|tel|telephone|cell|cellphone|cell phone|lien he|lien lac|hotline|zalo|contact|so may")
	strongPhone   = anyOf("dien thoai|so dt|sdt|dt|dtdd|di dong|phone|phones|mobile|tel|telephone|cellphone|so may")
	goodsWords    = anyOf("nganh hang|mat hang|nganh nghe|nganh kinh doanh|nganh|loai hang|nhom hang|ten hang|hang hoa|hang ban|hang kinh doanh|san pham|goods|product|products|commodity|commodities|trade|category|merchandise|line of business|noi dung kinh doanh|linh vuc|linh vuc kinh doanh|nghe|sells|selling|items")
	goodsExact    = exact("hang|kinh doanh|business|business type|type of business|ban gi|dang ban|loai|n hang|mh")
	vendorWords   = anyOf("tieu thuong|ho kinh doanh|ho kd|ho ten|ho va ten|ho ten chu ho|hkd|chu ho|chu sap|chu quay|chu kiot|chu ki ot|chu gian hang|chu gian|chu hang|chu lo|chu cua hang|chu|khach hang|nguoi|nguoi thue|nguoi ban|nguoi kinh doanh|nguoi su dung|khach thue|ben thue|thuong nhan|ho tieu thuong|vendor|vendors|trader|merchant|tenant|occupant|seller|shopkeeper|stallholder|stall holder|stall owner|owner|full name|ten day du|lessee")
	vendorWeak    = anyOf("ten|name|surname|ho")
	vendorExact   = exact("dai dien|nguoi dai dien|ca nhan")
	codeWords     = anyOf("sap|quay|kiot|kiots|ki ot|kios|kiosk|gian|gian hang|stall|stalls|booth|diem kinh doanh|diem kd|dkd|diem ban|counter|o so|so o|lo so|so lo|ma lo|ban so|so ban|ma diem|o quay|ma vi tri|so vi tri|mat bang|thot|so phan|phan thit|ma phan")
	codeWeak      = exact("ma|ma so|ma hieu|so hieu|ky hieu|code|id|so|lo|o|vi tri|vi tri kinh doanh|location|position|lot|unit|cua hang|shop|number|mat bang|sap quay")
	namedStall    = anyOf("ten sap|ten quay|ten kiot|ten ki ot|ten gian hang|ten cua hang|shop name|stall name|booth name|ten diem kinh doanh|bien hieu")
	sectionWords  = anyOf("khu|khu vuc|phan khu|nha long|long cho|nha cho|section|sections|zone|area|tang|lau|floor|hall|khoi|cum")
	aisleWords    = anyOf("day|hang sap|hang quay|row|aisle|block|line")
	placeFirst    = regexp.MustCompile(`^(ten |so |ma )?(khu|phan khu|day|tang|lau|nha long|section|zone|area|row|aisle)\b`)
	placeWords    = regexp.MustCompile(`^(so |ma )?(lo|vi tri|khu|location|position|block|lot)\b`)
	idWords       = regexp.MustCompile(`^(ma|so|id|ma so)( so)? (ho|tieu thuong|nguoi|hkd|khach|vendor|owner|tenant)\b|^(vendor|tenant|owner) (id|code|no)$`)
	// aroundName are words beside a wallet's or bank's name in a heading: "Số tài khoản MB Bank".
	aroundName = strings.Fields("so stk tknh tk tai khoan vi dien tu ma sdt dt thoai account number no wallet qr cua qua nhan tien the tai la")
)

// anyOf finds one of the words anywhere in a folded heading, exact only when there is nothing else.
func anyOf(list string) *regexp.Regexp { return regexp.MustCompile(`\b(` + list + `)( |$)`) }
func exact(list string) *regexp.Regexp { return regexp.MustCompile(`^(` + list + `)$`) }

// classify reads one heading.
func classify(label string) guess {
	f := fold(label)
	if f == "" {
		if strings.TrimSpace(label) == "#" {
			return guess{role: Ordinal, weight: 1}
		}
		return guess{}
	}
	if digits(f) > 6 { // a number, and no heading
		return guess{}
	}
	if role, ok := ownHeadings[f]; ok {
		return guess{role: role, weight: 9}
	}
	wallet := walletWord.MatchString(f) && !notWallet.MatchString(f) || strings.Contains(f, "wallet")
	bank := strings.Contains(f, "ngan hang") || strings.Contains(f, "bank") || slices.Contains(strings.Fields(f), "nh")
	family := "" // "Ví/Ngân hàng" is both, and so neither
	switch {
	case wallet && !bank:
		family = "wallet"
	case bank && !wallet:
		family = "bank"
	}
	if privateWords.MatchString(f) {
		return guess{role: Private, weight: 2}
	}
	if holderWords.MatchString(f) && !strings.Contains(f, "stall holder") && !(bankFirst.MatchString(f) && strings.HasSuffix(f, "thu huong")) {
		return guess{role: Holder, weight: 2}
	}
	if p, ok := namedProvider(label, f); ok {
		return guess{role: Number, provider: p, weight: 2}
	}
	switch {
	case ordinalExact.MatchString(f):
		return guess{role: Ordinal, weight: 1}
	case isOther(f), idWords.MatchString(f):
		return guess{}
	case hangClass(label):
		return guess{} // "Hạng sạp" is a class of stalls, "Hàng sạp" a row of them
	case numberWords.MatchString(f) && !placeCode.MatchString(f):
		if strings.HasPrefix(f, "loai ") {
			return guess{role: Provider, family: family, weight: 2}
		}
		return guess{role: Number, family: family, weight: 2}
	case providerWords.MatchString(f), wallet:
		if strings.HasPrefix(f, "so ") || strings.HasSuffix(f, " number") || strings.HasSuffix(f, " no") {
			return guess{role: Number, family: family, weight: 2}
		}
		return guess{role: Provider, family: family, weight: 2}
	case namedStall.MatchString(f):
		return guess{role: Code, weight: 1}
	case goodsWords.MatchString(f):
		return guess{role: Goods, weight: 2}
	case goodsExact.MatchString(f):
		return guess{role: Goods, weight: 1}
	case phoneWords.MatchString(f):
		w := 2
		if !strongPhone.MatchString(f) {
			w = 1
		}
		if nameThere.MatchString(f) || kin.MatchString(f) {
			return guess{}
		}
		return guess{role: Phone, weight: w}
	case placeFirst.MatchString(f) && !vendorWords.MatchString(f):
		if aisleWords.MatchString(f) && !sectionWords.MatchString(f) {
			return guess{role: Aisle, weight: 2}
		}
		return guess{role: Section, weight: 2}
	case vendorWords.MatchString(f):
		if vendorWeak.MatchString(f) { // "Tên hộ kinh doanh" before "Hộ kinh doanh"
			return guess{role: Vendor, weight: 3}
		}
		return guess{role: Vendor, weight: 2}
	case codeWords.MatchString(f):
		return guess{role: Code, weight: 2}
	case codeWeak.MatchString(f):
		return guess{role: Code, weight: 1}
	case sectionWords.MatchString(f):
		return guess{role: Section, weight: 2}
	case aisleWords.MatchString(f):
		return guess{role: Aisle, weight: 2}
	case vendorWeak.MatchString(f), vendorExact.MatchString(f):
		return guess{role: Vendor, weight: 1}
	}
	return guess{}
}

// isOther reports a heading about something that is not read: area, rent, dates, notes. "Ngành nghề đăng ký" and
// "Loại ví" are read all the same.
func isOther(f string) bool {
	return otherWords.MatchString(f) && !goodsWords.MatchString(f) && !numberWords.MatchString(f)
}

// shortNames are how ledgers abbreviate the two wallets that every market has.
var shortNames = map[string]string{"vtm": "viettel_money", "vt money": "viettel_money", "vtmoney": "viettel_money", "vtp": "viettel_money", "vt pay": "viettel_money",
	"vtpay": "viettel_money", "vnptm": "vnpt_money", "vnpt m": "vnpt_money", "vnptmoney": "vnpt_money", "vnptpay": "vnpt_money"}

// hangClass reports a class ("hạng"), as far as its accents tell it from a row ("hàng").
func hangClass(label string) bool {
	return slices.Contains(strings.Fields(lower(label)), "hạng")
}

func namedProvider(label, f string) (string, bool) {
	if p, ok := qrgen.ProviderOf(label); ok {
		return p.Code, true
	}
	if code, ok := shortNames[f]; ok {
		return code, true
	}
	w := strings.Fields(f)
	cut := func(r string) bool { return slices.Contains(aroundName, r) }
	for len(w) > 0 && cut(w[0]) {
		w = w[1:]
	}
	for len(w) > 0 && cut(w[len(w)-1]) {
		w = w[:len(w)-1]
	}
	for try := 0; try < 2 && len(w) > 0; try++ {
		name := strings.Join(w, " ")
		if code, ok := shortNames[name]; ok {
			return code, true
		}
		if p, ok := qrgen.ProviderOf(strings.TrimSpace(strings.TrimPrefix(strings.TrimPrefix(name, "mobile money"), "tien di dong"))); ok {
			return p.Code, true
		}
		if len(w) < 3 || w[0] != "ngan" || w[1] != "hang" {
			break
		}
		w = w[2:]
	}
	return "", false
}
