package printing

// Language is a language that a placard can speak, by its BCP 47 code.
type Language string

const (
	Vietnamese Language = "vi"
	English    Language = "en"
)

// words are what a card says in one language.
type words struct {
	tail, number string    // before the last four; before the whole number
	compare      [2]string // the instruction, to be broken here on a narrow tag
	wrong        string    // label over the board's phone
	wrongAsk     [2]string // label and answer when no phone is known
	serial       string    // label over the serial
}

// vocabulary holds every language; a new one is an entry here, once a speaker has read it and the faces can draw it.
var vocabulary = map[Language]words{
	Vietnamese: {
		tail: "số cuối", number: "STK",
		compare:  [2]string{"Xem đúng tên", "rồi mới chuyển"},
		wrong:    "Sai tên? Gọi Ban quản lý",
		wrongAsk: [2]string{"Sai tên?", "Hỏi Ban quản lý"},
		serial:   "Số bảng",
	},
	English: {
		tail: "ending in", number: "Account",
		compare:  [2]string{"Compare the name on", "your phone before you pay"},
		wrong:    "Wrong name? Call the market board",
		wrongAsk: [2]string{"Wrong name?", "Ask the market board"},
		serial:   "Placard no.",
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
