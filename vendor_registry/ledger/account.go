package ledger

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"cho40/qrgen"
)

var (
	exponent = regexp.MustCompile(`^\d+(?:[.,]\d*[eE]\+?|[eE]\+)\d+$`)
	parts    = regexp.MustCompile(`[;,/|&]|\s(?:và|and|\+)\s`)
	phones   = regexp.MustCompile(`[;,/|&]|\s(?:và|hoặc|and|or|[+–—-])\s`)
	// longNumber is a number as people group it: at least six digits, blanks, dots and dashes between them.
	longNumber = regexp.MustCompile(`\d(?:[ .\-]?\d){5,}`)
	between    = regexp.MustCompile(`[\s]*[:,;()\[\]|/–—-]+[\s]*`)
)

// exactDigits is how many digits a spreadsheet keeps of a number.
const exactDigits = 15

// shortest is the fewest digits of an account in a ledger: less is a slip of the hand, or a number of something else.
const shortest = 4

func itoa(n int) string       { return strconv.Itoa(n) }
func hex4(r rune) string      { return fmt.Sprintf("%04X", max(r, 0)) }
func isLetter(r rune) bool    { return unicode.IsLetter(r) }
func digits(s string) (n int) { return len(strings.Join(strings.FieldsFunc(s, notDigit), "")) }
func notDigit(r rune) bool    { return r < '0' || r > '9' }

// split parts a cell that lists several things.
func split(s string, by *regexp.Regexp) (list []string) {
	for _, p := range by.Split(s, -1) {
		if p = strings.TrimSpace(p); p != "" {
			list = append(list, p)
		}
	}
	return list
}

// accounts reads every account column of a row. Nothing is guessed into an account: what is not plain is a fault.
func (b *builder) accounts() {
	for _, g := range b.groups {
		if b.masked(g) {
			continue
		}
		before := len(b.Accounts)
		b.group(g)
		if g.holder == 0 || len(b.Accounts) == before {
			continue
		}
		holder := b.textOf(g.holder, Holder, maxName)
		for i := range b.Accounts[before:] {
			if !isNone(holder) {
				b.Accounts[before+i].Holder = holder
			}
		}
	}
}

// group reads one place for accounts.
func (b *builder) group(g group) {
	switch {
	case g.named != "":
		b.named(g)
	case g.provider >= 0 && g.number >= 0:
		b.paired(g)
	default:
		b.lone(max(g.provider, g.number))
	}
}

// inLine is a cell of numbers in one line: a line break separates, as a blank does not, and the apostrophe by which a
// spreadsheet marks text is no part of it.
func inLine(s string) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' }), " ; ")
	s, _ = clean(s)
	return strings.TrimPrefix(s, "'")
}

func (b *builder) add(provider, number string) {
	if !slices.ContainsFunc(b.Accounts, func(a Account) bool { return a.Provider == provider && a.Number == number }) {
		b.Accounts = append(b.Accounts, Account{Provider: provider, Number: number})
	}
}

// accountCell is a cell of an account as typed; false: empty, or a fault was told.
func (b *builder) accountCell(column int) (cell, bool) {
	at := b.line.at(column)
	if at.kind == nothing || at.kind == words && isNone(at.text) {
		return cell{}, false
	}
	_, ok := b.typed(column, false)
	if !ok {
		return at, false
	}
	at.text = inLine(at.text)
	if strings.HasPrefix(at.text, "=") {
		b.fault(column, "formula-cell", at.text, "This begins like a formula. Copy the cell and paste it as a value.")
		return at, false
	}
	if at.kind == words && !plain.MatchString(at.text) && marks.has(at.text) {
		b.fault(column, "number-missing", at.text, "Here stands only a mark. Write the account number.")
		if i := slices.IndexFunc(b.groups, func(g group) bool { return g.number == column && g.named != "" }); i >= 0 && b.Phone != "" {
			if p, ok := qrgen.ProviderOf(b.groups[i].named); ok && ofPhone(p) {
				b.Proposed = append(b.Proposed, Proposal{Account{Provider: p.Code, Number: b.Phone}, column})
			}
		}
		return at, false
	}
	return at, true
}

// named reads the column of one wallet or bank.
func (b *builder) named(g group) {
	at, ok := b.accountCell(g.number)
	if !ok {
		return
	}
	p, _ := qrgen.ProviderOf(g.named)
	if at.kind == words {
		if found, ok := combined(at.text); ok {
			for _, f := range found {
				if f.provider.Code != p.Code {
					b.fault(g.number, "provider-differs", at.text, "The column is for %s, the cell names %s.", p.Name, f.provider.Name)
					return
				}
				b.number(g.number, cell{text: f.number, kind: words}, f.provider)
			}
			return
		}
	}
	b.number(g.number, at, p)
}

// paired reads a provider column and its number column.
func (b *builder) paired(g group) {
	before := len(b.Faults)
	by, hasBy := b.providerCell(g.provider)
	at, hasNumber := b.accountCell(g.number)
	switch {
	case len(b.Faults) > before:
		return
	case !hasBy && !hasNumber:
		return
	case !hasNumber:
		if found, ok := combined(by.text); ok {
			b.found(g.provider, found)
			return
		}
		b.numberMissing(g.number, by.text)
		return
	case !hasBy:
		if found, ok := combined(at.text); ok && at.kind == words {
			b.found(g.number, found)
			return
		}
		b.fault(g.provider, "provider-missing", at.text, "There is an account number, but no wallet or bank.")
		return
	}
	providers, unknown := providersOf(by.text)
	if unknown != "" {
		b.fault(g.provider, "provider-unknown", unknown, "No wallet or bank of this name is known: %s.", shown(unknown))
		return
	}
	if len(providers) == 1 {
		b.number(g.number, at, providers[0])
		return
	}
	numbers := []string{at.text}
	if at.kind == words {
		numbers = split(at.text, parts)
	}
	switch {
	case len(numbers) == len(providers):
	case len(numbers) == 1 && !slices.ContainsFunc(providers, func(p qrgen.Provider) bool { return !ofPhone(p) }): // one phone, two wallets
		numbers = slices.Repeat(numbers, len(providers))
	default:
		b.fault(g.number, "account-several", at.text, "It is not plain which number belongs to which wallet or bank. Give each its own column or row.")
		return
	}
	for i, p := range providers {
		b.number(g.number, cell{text: numbers[i], kind: at.kind}, p)
	}
}

// numberMissing tells of a wallet or bank without its number. A wallet's is often the phone: proposed, not taken.
func (b *builder) numberMissing(column int, name string) {
	providers, _ := providersOf(name)
	if len(providers) == 1 && ofPhone(providers[0]) && b.Phone != "" {
		b.Proposed = append(b.Proposed, Proposal{Account{Provider: providers[0].Code, Number: b.Phone}, column})
		b.fault(column, "number-missing", "", "There is a wallet, %s, but no account number. If it is the phone %s, write it here too.", providers[0].Name, b.Phone)
		return
	}
	b.fault(column, "number-missing", "", "There is a wallet or bank, %s, but no account number.", shown(name))
}

// ofPhone reports a provider whose accounts are phone numbers.
func ofPhone(p qrgen.Provider) bool { return p.Kind == "wallet" || p.Kind == "mobile_money" }

// providerCell is a cell that names a wallet or bank; false: empty, or a fault was told.
func (b *builder) providerCell(column int) (cell, bool) {
	at, ok := b.typed(column, false)
	return at, ok && !isNone(at.text)
}

// providersOf reads one name or a list of names, in their order. The part that is no provider is returned as unknown.
func providersOf(s string) (list []qrgen.Provider, unknown string) {
	if p, ok := provider(s); ok {
		return []qrgen.Provider{p}, ""
	}
	names := split(strings.ReplaceAll(s, "+", ";"), parts)
	if len(names) < 2 {
		return nil, s
	}
	for _, name := range names {
		p, ok := provider(name)
		if !ok {
			return nil, name
		}
		if !slices.ContainsFunc(list, func(q qrgen.Provider) bool { return q.Code == p.Code }) {
			list = append(list, p)
		}
	}
	return list, ""
}

// provider knows a name with or without words such as "Ví" and "Ngân hàng" before it.
func provider(s string) (qrgen.Provider, bool) {
	if p, ok := qrgen.ProviderOf(s); ok {
		return p, true
	}
	code, ok := namedProvider(s, fold(s))
	if !ok {
		return qrgen.Provider{}, false
	}
	return qrgen.ProviderOf(code)
}

// lone reads a column that holds provider and number together.
func (b *builder) lone(column int) {
	at, ok := b.accountCell(column)
	if !ok {
		return
	}
	if at.kind == words {
		if found, ok := combined(at.text); ok {
			b.found(column, found)
			return
		}
		if _, unknown := providersOf(at.text); unknown == "" {
			b.numberMissing(column, at.text)
			return
		}
		if strings.ContainsFunc(at.text, isLetter) && !exponent.MatchString(at.text) {
			b.fault(column, "account-unclear", at.text, "It is not plain which wallet or bank and which number this is. Write it like “Viettel Money: 0912345678”.")
			return
		}
	}
	b.fault(column, "provider-missing", at.text, "There is an account number, but no wallet or bank.")
}

// one account as found in a cell that says it all.
type one struct {
	provider qrgen.Provider
	number   string
	holder   string
}

func (b *builder) found(column int, list []one) {
	for _, f := range list {
		b.number(column, cell{text: f.number, kind: words}, f.provider)
		if f.holder != "" && b.Holder == "" {
			b.Holder = f.holder
		}
	}
}

// combined understands "Viettel Money: 0912345678", "0912 345 678 (VNPT Money)" and "Vietcombank 0071000123456 - NGUYEN
// VAN A", also several of them with ; or a new line between. Each must name exactly one known provider and one number,
// and have nothing left over but a name in capitals.
func combined(s string) (list []one, ok bool) {
	pieces := strings.FieldsFunc(s, func(r rune) bool { return r == ';' || r == '|' })
	if n := len(longNumber.FindAllString(s, -1)); n > 1 && len(pieces) == 1 {
		pieces = split(s, parts)
	}
	for _, piece := range pieces {
		if piece = strings.TrimSpace(piece); piece == "" {
			continue
		}
		f, ok := combinedOne(piece)
		if !ok {
			return nil, false
		}
		list = append(list, f)
	}
	return list, len(list) > 0
}

func combinedOne(s string) (f one, ok bool) {
	at := longNumber.FindAllStringIndex(s, -1)
	if len(at) != 1 {
		return f, false
	}
	from, to := at[0][0], at[0][1]
	before, after := s[:from], s[to:]
	if glued(before, true) || glued(after, false) {
		return f, false // 091234567O is no number
	}
	f.number = s[from:to]
	for _, piece := range append(between.Split(before, -1), between.Split(after, -1)...) {
		piece = strings.TrimSpace(piece)
		p, known := provider(piece)
		switch {
		case strings.Trim(fold(piece), " ") == "" || isAround(piece) || isBranch(piece):
		case known && f.provider.Code == "":
			f.provider = p
		case known && f.provider.Code == p.Code:
		case !known && f.provider.Code == "" && cutBranch(piece) != piece:
			if f.provider, known = provider(cutBranch(piece)); !known {
				return f, false
			}
		case !known && f.holder == "" && isHolder(piece):
			f.holder = piece
		default:
			return f, false
		}
	}
	return f, f.provider.Code != ""
}

// glued reports a letter or digit that touches the number.
func glued(s string, before bool) bool {
	r := []rune(s)
	if len(r) == 0 {
		return false
	}
	edge := r[0]
	if before {
		edge = r[len(r)-1]
	}
	return unicode.IsLetter(edge) || unicode.IsDigit(edge) || edge == '+' || edge == '.'
}

// isAround reports words that say nothing of their own: "Số tài khoản".
func isAround(s string) bool {
	for _, w := range strings.Fields(fold(s)) {
		if !slices.Contains(aroundName, w) && w != "ngan" && w != "hang" {
			return false
		}
	}
	return true
}

// branch begins what a person adds to the name of a bank: where the account was opened.
var branch = regexp.MustCompile(`(?i)\b(?:cn|pgd|chi nhánh|chi nhanh|phòng giao dịch|phong giao dich|branch)\b.*$`)

func isBranch(s string) bool { return strings.TrimSpace(cutBranch(s)) == "" }

func cutBranch(s string) string { return strings.TrimSpace(branch.ReplaceAllString(s, "")) }

// isHolder reports a name: two words or more, each beginning with a capital.
func isHolder(s string) bool {
	w := strings.Fields(s)
	return len(w) > 1 && len(w) < 8 && runes(s) <= maxName && !slices.ContainsFunc(w, func(word string) bool {
		first, _ := utf8.DecodeRuneInString(word)
		return !unicode.IsUpper(first) || strings.ContainsFunc(word, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.Is(unicode.Mn, r) && r != '\'' })
	})
}

// number checks one number against its provider's rules and keeps it.
func (b *builder) number(column int, at cell, p qrgen.Provider) {
	s := at.text
	if at.kind != words {
		b.numberCell(column, s, p)
		return
	}
	n, err := accept(p, s)
	if err == nil {
		b.add(p.Code, n)
		return
	}
	if several := split(s, parts); len(several) > 1 && digits(several[0]) > 5 && digits(several[1]) > 5 {
		b.fault(column, "account-several", s, "There are several numbers here. Give each its own column or row.")
		return
	}
	switch codeOf(err) {
	case "mobile_lost_zero":
		if n, err = accept(p, "0"+s); err == nil {
			b.Proposed = append(b.Proposed, Proposal{Account{Provider: p.Code, Number: n}, column})
			b.fault(column, "account-lost-zero", s, "The first 0 seems to be missing. Should it be %s? Write it as text.", n)
			return
		}
		b.fault(column, "account-bad", s, "This is no account number of %s.", p.Name)
	case "account_rounded":
		b.fault(column, "account-exponent", s, "Excel shortened this number, and its last digits are lost. Type it again as text.")
	case "card_number":
		b.fault(column, "account-card", s, "This is the number on a card. Write the account number.")
	case "account_too_long":
		b.fault(column, "account-too-long", s, "The account number is too long: %v characters, at most 19 fit.", runes(s))
	case "mobile_letters":
		b.fault(column, "account-bad", s, "An account of %s is a phone number: digits only.", p.Name)
	case "mobile_length":
		b.fault(column, "account-bad", s, "An account of %s is a phone number of 10 digits; this one has %v.", p.Name, digits(s))
	case "mobile_prefix":
		b.fault(column, "account-bad", s, "An account of %s is a phone number: it begins with 03, 05, 07, 08 or 09.", p.Name)
	default:
		b.fault(column, "account-bad", s, "This is no account number of %s: letters A–Z and digits only.", p.Name)
	}
}

// accept is the provider's own rule, and one more: in a ledger every wallet goes by its owner's phone, so that nine
// digits for MoMo are a phone that lost its zero and not some other account.
func accept(p qrgen.Provider, s string) (string, error) {
	n, err := p.Number(s)
	if err == nil && ofPhone(p) {
		return qrgen.Mobile(s)
	}
	if err == nil && digits(n) < shortest {
		err = &qrgen.FieldError{Code: "bad_account"}
	}
	return n, err
}

// numberCell tells of an account that a spreadsheet keeps as a number: zeros at its front are gone, and digits after
// the fifteenth too. What it may have been is proposed, never taken.
func (b *builder) numberCell(column int, s string, p qrgen.Provider) {
	if len(s) > exactDigits {
		b.fault(column, "account-number-cell", s, "Excel kept this account as a number, and of a number it keeps only 15 digits. Type it again as text.")
		return
	}
	if plain.MatchString(s) {
		for _, try := range []string{s, "0" + s} {
			if n, err := accept(p, try); err == nil {
				b.Proposed = append(b.Proposed, Proposal{Account{Provider: p.Code, Number: n}, column})
				b.fault(column, "account-number-cell", s, "Excel kept this account as a number, and a number has no 0 in front. Should it be %s? Write it as text.", n)
				return
			}
		}
	}
	b.fault(column, "account-number-cell", s, "Excel kept this account as a number, and digits may be lost. Type it again as text.")
}
