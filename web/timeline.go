package web

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	registry "cho40/vendor_registry"
	"cho40/web/lang"

	"github.com/labstack/echo/v4"
)

// happeningShown is something that happened, in the reader's language.
type happeningShown struct {
	Tile, Words, Who, About, Reason string
	At                              time.Time
}

// Sentence is all of it but when it happened: "Account approved: Viettel Money •••• 5678 · loan".
func (h happeningShown) Sentence() string {
	s := h.Words
	if h.About != "" {
		s += ": " + h.About
	}
	if h.Who != "" {
		s += " · " + h.Who
	}
	if h.Reason != "" {
		s += " · " + h.Reason
	}
	return s
}

// happening puts what happened into the reader's language.
func (s *Server) happening(c echo.Context, h registry.Happening) happeningShown {
	l := language(c)
	word := happened[h.Kind]
	out := happeningShown{Tile: word.tile, Words: l.T(word.words), Who: h.Who, At: h.At, Reason: why(l, h.Reason)}
	if out.Who == "console" {
		out.Who = l.T("the console")
	}
	from := func(who string) string {
		if h.Day == nil {
			return who
		}
		day := l.T("from %s", *h.Day)
		if who == "" {
			return day
		}
		return who + ", " + day
	}
	switch h.Kind {
	case "checked":
		out.Words = l.T(checkWords[h.Note])
		if h.Note != "match" {
			out.Tile = "stop"
		}
	case "consent":
		switch h.Note {
		case "attested_by_board":
			out.About = l.T("the board's word, with the ledger")
		case "withdrawal":
			out.Words, out.Tile = l.T("Consent withdrawn"), "vacant"
		case "sharing":
			out.Words = l.T("The provider may know of the vendor")
		case "sharing_withdrawal":
			out.Words, out.Tile = l.T("The provider no longer learns of the vendor"), "vacant"
		default:
			out.About = l.T("the vendor's own")
		}
	case "registered", "vendor_registered":
		out.About = h.Note
	case "changed", "vendor_changed":
		out.About = fields(l, h.Note)
	case "status":
		out.Tile, out.About = "t0", from(h.Vendor)
		switch h.Status {
		case registry.Closed:
			out.Tile, out.Words = "vacant", l.T("Closed for now")
		case registry.Seasonal:
			out.Words = l.T("Trades in season")
			if h.Season != nil {
				out.Words = l.T("Trades in season, months %s", h.Season.String())
			}
		default:
			out.Words = l.T("Trades again")
		}
	case "taken", "left":
		out.About = from(h.Vendor)
	case "moved":
		out.About = from(h.Vendor + ", " + h.Stall + " → " + h.To)
	case "merged":
		out.About = h.Vendor + " → " + h.Next
	case "transferred":
		out.About = from(h.Vendor + " → " + h.Next)
	}
	if h.Provider != "" {
		out.About = registry.ProviderName(h.Provider)
		if h.Tail != "" {
			out.About += " •••• " + h.Tail
		}
	}
	if h.Serial != "" {
		out.About = h.Serial.String()
	}
	return out
}

// fields names what was corrected, as part of a sentence.
func fields(l lang.Lang, names string) string {
	var said []string
	for name := range strings.FieldsSeq(names) {
		word, known := fieldWords[name]
		if !known {
			continue
		}
		in := l.T(word)
		if first, size := utf8.DecodeRuneInString(in); name != "sim_registered" || l == lang.En {
			in = string(unicode.ToLower(first)) + in[size:]
		}
		said = append(said, in)
	}
	return strings.Join(said, ", ")
}

// why puts the record's own reasons, and those that have a code, into the reader's language; every other one is somebody's own words.
func why(l lang.Lang, reason string) string {
	switch reason {
	case "account changed", "account superseded":
		return l.T("the account changed")
	case "account closed":
		return l.T("the wallet or bank says the account is closed")
	case "approved since":
		return l.T("the account was approved since")
	case "import undone":
		return l.T("the import was taken back")
	case "account withdrawn":
		return l.T("the account was taken back")
	case "account rejected":
		return l.T("the account was turned down")
	case "account expired":
		return l.T("nobody approved the account in time")
	case "default changed":
		return l.T("another account comes first")
	case "reconcile":
		return l.T("it no longer agreed with what was approved")
	case "amended":
		return l.T("mended, and brought in again")
	case "stall handed over":
		return l.T("the stall was handed over")
	case "vendor left":
		return l.T("the vendor gave the stall up")
	case "vendor moved":
		return l.T("the vendor moved to another stall")
	case "vendors merged":
		return l.T("two records of one vendor were made one")
	}
	if word, ok := reasonWords[reason]; ok {
		return l.T(word)
	}
	return reason
}
