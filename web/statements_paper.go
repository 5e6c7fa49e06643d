package web

import (
	"cho40/printing"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/fieldwork"
	"cho40/web/lang"
)

// monthWords name a month: Tháng 11/2026.
func monthWords(l lang.Lang, first registry.Day) string {
	return l.T("Month %s/%s", first.String()[5:7], first.String()[:4])
}

// signedWords say whether a month is signed, and by whom.
func signedWords(l lang.Lang, st fieldwork.Statement) string {
	switch {
	case st.SignedAt == nil:
		return l.T("Not signed yet")
	case st.SignedBy == nil:
		return l.T("Signed on %s", l.Day(*st.SignedAt))
	}
	return l.T("Signed on %s by %s", l.Day(*st.SignedAt), *st.SignedBy)
}

// statementNote says what counts: the rule of fieldwork.Statement in words.
func statementNote(l lang.Lang) string {
	return l.T("A visit counts once a stall and day, and only with a scan of the vendor's own code or a change that the same person recorded there that day. A check counts once a placard and day, and only with a scan. Visits that nothing shows are told and do not count.")
}

// monthState warns of figures that may still change; empty: none of these.
func monthState(l lang.Lang, m fieldwork.Month) string {
	switch {
	case !m.Over:
		return l.T("Provisional, as of %s. The month is not over: these figures may still change.", dateOf(l, m.AsOf))
	case m.Signed < len(m.Members):
		return l.T("%d of %d months are signed. What is not signed may still change.", m.Signed, len(m.Members))
	}
	return ""
}

// monthPaper puts a team's month into words for the paper.
func monthPaper(l lang.Lang, m fieldwork.Month) printing.Table {
	place := m.Team.AreaName
	if m.Team.Hamlet != "" {
		place = m.Team.Hamlet + ", " + place
	}
	t := printing.Table{Title: l.T("Month's work at the stalls, for the allowance"), Period: monthWords(l, m.From), Name: m.Team.Name,
		Place: place + " · " + l.T("Team code %s", m.Team.Code) + " · " + dateOf(l, m.From) + " – " + dateOf(l, m.Until),
		Columns: []printing.TableColumn{{Head: l.T("Name"), Part: 50, Strong: true}, {Head: l.T("In the team"), Part: 40}, {Head: l.T("Visits that count"), Part: 22, Number: true, Strong: true},
			{Head: l.T("Placards hung"), Part: 22, Number: true, Strong: true}, {Head: l.T("Checks"), Part: 22, Number: true, Strong: true}, {Head: l.T("Visits that nothing shows"), Part: 26, Number: true},
			{Head: l.T("State of the signing"), Part: 48}, {Head: l.T("Member's signature"), Part: 40}},
		Least: 12, Date: l.T("Made on the … day of … , …"), SignHint: l.T("Signature, full name"),
		Signs: []string{l.T("Leader of the team"), l.T("Market board"), l.T("Who pays the allowance")},
		Notes: []string{statementNote(l)}, Mark: monthState(l, m),
		Page: func(n, of int) string { return l.T("Page %d of %d", n, of) }, Made: m.Made, Language: printing.Language(l)}
	if m.Alone { // the member signs below, with the others
		t.Name, t.Place = m.Members[0].Member, m.Team.Name+" · "+t.Place
		t.Columns, t.Signs = t.Columns[:len(t.Columns)-1], []string{l.T("Member"), l.T("Leader of the team"), l.T("Who pays the allowance")}
	}
	t.Foot = l.T("Made at %s · layout %d · %s", l.Moment(m.Made), printing.ReportLayout, m.Team.Code)
	sum := fieldwork.Statement{}
	for _, st := range m.Members {
		words := l.T(positionWords[st.Position])
		if st.From != m.From || st.Until != m.Until {
			words += " · " + dateOf(l, st.From) + " – " + dateOf(l, st.Until)
		}
		row := []string{st.Member, words, l.Number(st.Visits), l.Number(st.Installed), l.Number(st.Checks), l.Number(st.Unproved), signedWords(l, st), ""}
		t.Rows = append(t.Rows, row[:len(t.Columns)])
		sum.Visits, sum.Installed, sum.Checks, sum.Unproved = sum.Visits+st.Visits, sum.Installed+st.Installed, sum.Checks+st.Checks, sum.Unproved+st.Unproved
	}
	if !m.Alone {
		t.Total = []string{l.T("Total"), "", l.Number(sum.Visits), l.Number(sum.Installed), l.Number(sum.Checks), l.Number(sum.Unproved), "", ""}
	}
	return t
}
