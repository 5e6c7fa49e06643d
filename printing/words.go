package printing

// Language is a language that a placard can speak, by its BCP 47 code.
type Language string

// The languages there are words in.
const (
	Vietnamese Language = "vi"
	English    Language = "en"
	Khmer      Language = "km" // second only, and off until KhmerRead
)

// words are what a card says in one language.
type words struct {
	tail, number string    // before the last four; before the whole number
	compare      [2]string // the instruction, to be broken here on a narrow tag
	wrong        string    // label over the board's phone, with the board
	wrongAsk     [2]string // label and answer, with the board, when no phone is known
	serial       string    // label over the serial
	board        string    // whom to call, when the theme does not name it
	stall, fold  string    // on a stand: label over the stall's code; how to fold
	learn        string    // heading of the tips
	tips         [4]string // for the vendor: own phone, no picture, every morning, no PIN
	pasted       [2]string // the fifth, with the board and its phone, and without a phone
	helper       string    // at the foot of the tips, with a name
	helped       string    // after it, with a date
}

// vocabulary holds every language; a new one is an entry here, once a speaker has read it and the faces can draw it.
var vocabulary = map[Language]words{
	Vietnamese: {
		tail: "số cuối", number: "STK",
		compare:  [2]string{"Xem đúng tên", "rồi mới chuyển"},
		wrong:    "Sai tên? Gọi %s",
		wrongAsk: [2]string{"Sai tên?", "Hỏi %s"},
		serial:   "Số bảng",
		board:    "Ban quản lý",
		stall:    "Quầy", fold: "Gấp ra sau theo nét đứt",
		learn: "Nhận tiền cho chắc",
		tips: [4]string{
			"Thấy tiền về trên điện thoại của mình rồi mới đưa hàng. Đừng tin màn hình của người mua.",
			"Ảnh chụp “thành công” không phải là tiền.",
			"Mỗi sáng quét thử bảng của mình và so lại tên.",
			"Không ai trong tổ hay ngân hàng hỏi mã PIN, mã OTP.",
		},
		pasted: [2]string{"Thấy giấy dán đè lên mã: gỡ ra, gọi %s %s.", "Thấy giấy dán đè lên mã: gỡ ra, báo %s."},
		helper: "Người giúp: %s", helped: "Ngày %s",
	},
	English: {
		tail: "ending in", number: "Account",
		compare:  [2]string{"Compare the name on", "your phone before you pay"},
		wrong:    "Wrong name? Call %s",
		wrongAsk: [2]string{"Wrong name?", "Ask %s"},
		serial:   "Placard no.",
		board:    "the market board",
		stall:    "Stall", fold: "Fold back along the dashes",
		learn: "Make sure you are paid",
		tips: [4]string{
			"See the money on your own phone before you hand over goods. Do not trust the buyer's screen.",
			"A picture of a success screen is not money.",
			"Each morning scan your own placard and compare the name.",
			"Nobody from the team or a bank asks for a PIN or an OTP.",
		},
		pasted: [2]string{"A sticker over your code: take it off and call %s, %s.", "A sticker over your code: take it off and tell %s."},
		helper: "Helped by %s", helped: "Date %s",
	},
}

// markWords are the same whatever the card speaks: they must be known again at a glance.
var markWords = map[Mark]string{
	MarkSample:      "MẪU · SAMPLE",
	MarkProvisional: "TẠM · CHƯA DUYỆT",
}

// words are the card's own words and, for the instruction alone, those of the second language.
func (p *Placard) words() (first, second words) {
	one, two := p.Languages[0], p.Languages[1]
	if one == "" {
		one = Vietnamese
	}
	if two == "" {
		two = English
		if one == English {
			two = Vietnamese
		}
	}
	return vocabulary[one], vocabulary[two]
}
