package web

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"cho40/printing"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/coverage"
	"cho40/web/lang"
)

// definitionWords say what each definition counts: a sentence stays with its number.
var definitionWords = map[string]string{
	"accepting-1": "A placard of an approved account hangs where they trade, is not suspended, and was right when last looked at or is not due for a look.",
	"equipped-1":  "A live placard, hung or not, of an account that waits for approval or is in force.",
	"used-1":      "Paid on two days of the last thirty, as wallets and banks confirm; test payments are taken off.",
}

// clearsWords are who can clear a barrier.
var clearsWords = map[string]string{"volunteer": "The team", "board": "The market board", "provider": "The wallet or the network", "nobody": "Nobody for now"}

// quarterWords name a quarter: Quý III/2026.
func quarterWords(l lang.Lang, quarter string) string {
	return l.T("Quarter %s/%s", strings.ToUpper(strings.Fields("i ii iii iv")[quarter[6]-'1']), quarter[:4])
}

func dateOf(l lang.Lang, d registry.Day) string { return l.Day(d.End()) }

func shortDay(d registry.Day) string {
	text := d.String()
	day, _ := strconv.Atoi(text[8:])
	month, _ := strconv.Atoi(text[5:7])
	return fmt.Sprintf("%d/%d", day, month)
}

func barrierWords(l lang.Lang, code string) string {
	if b, ok := registry.BarrierOf(code); ok {
		return l.T(b.Words)
	}
	return l.T("Nobody asked yet")
}

// pointsWords write a difference of shares: +2,5.
func pointsWords(l lang.Lang, points float64) string {
	s := strconv.FormatFloat(math.Abs(points), 'f', 1, 64)
	if l != lang.En {
		s = strings.Replace(s, ".", ",", 1)
	}
	switch {
	case s == "0,0" || s == "0.0":
		return "±0"
	case points < 0:
		return "–" + s
	}
	return "+" + s
}

func fraction(l lang.Lang, part *int, whole int) string {
	if part == nil {
		return "–"
	}
	return l.Number(*part) + " / " + l.Number(whole)
}

// unbroken keeps a fraction in one line.
func unbroken(fraction string) string { return strings.ReplaceAll(fraction, " ", "") }

func shareOf(part *int, whole int) *float64 {
	if part == nil || whole == 0 {
		return nil
	}
	v := float64(*part) / float64(whole)
	return &v
}

func percentOr(l lang.Lang, share *float64) string {
	if share == nil {
		return "–"
	}
	return l.Percent(*share)
}

// stateOf says whether figures are closed, over a report and below it.
func stateOf(l lang.Lang, closed *coverage.Closed, asOf registry.Day) (mark, note string) {
	if closed == nil {
		return l.T("Provisional, as of %s. The quarter is not closed: these figures may still change.", dateOf(l, asOf)), l.T("Provisional figures; a report of a closed quarter bears its hash.")
	}
	return "", l.T("The quarter was closed on %s. What is found out later counts from the day after it and changes nothing here.", l.Day(closed.ClosedAt))
}

// methodNotes say how the figures came about.
func methodNotes(l lang.Lang, asOf registry.Day) string {
	return l.T("Counted stall by stall from the record, as it was at the end of %s, Vietnam time. The three shares have one denominator: who trades, that is, holds a stall and is neither closed nor out of season; each vendor once in a market.", dateOf(l, asOf))
}

// foot is the last line of a report: by what it is known again.
func foot(l lang.Lang, closed *coverage.Closed, names coverage.Definitions, made time.Time) string {
	of := strings.Join(names[:], ", ")
	if closed == nil {
		return l.T("Made at %s · layout %d · %s", l.Moment(made), printing.ReportLayout, of)
	}
	return l.T("SHA-256 of the figures %s · layout %d · %s", closed.Hash, printing.ReportLayout, of)
}

// three are the shares of a tally, in their order.
func three(n coverage.Tally) [3]*int { return [3]*int{&n.Accepting, &n.Equipped, n.Used} }

func threeWords(l lang.Lang) [3]string {
	return [3]string{l.T("Are paid by scan"), l.T("Have a code"), l.T("Money really comes in")}
}
