package registry

import (
	"context"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres"
	"cho40/qrgen"
	"cho40/vendor_registry/ledger"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

// plan is what a ledger would change in the record.
type plan struct {
	market  Market
	day     Day // on which the rows come in
	report  Report
	rows    []ImportRow
	changes []change // as rows
	symbols map[proposalKey]proposal
	next    int // position of the first new stall
}

// change is what one good row brings.
type change struct {
	stall    *StallID // nil: a new one
	vendor   *VendorID
	code     *string // the stall is painted anew
	section  *string
	goods    *string
	name     *string // a vendor's name, corrected
	phone    *string
	accounts []ledger.Account
	holds    bool                 // vendor holds this very stall already
	replaces map[string]AccountID // by provider: the live account that a new number would take the place of
	fate     string
	fields   []FieldChange
}

// FieldChange is what a row changes of a stall that is in the record: code, section, goods, vendor, phone or account. Phones and
// accounts are masked.
type FieldChange struct {
	Field string `json:"field"`
	From  string `json:"from"` // empty: nothing was there
	To    string `json:"to"`
}

type proposalKey struct {
	provider, number, holder, vendor string
	day                              Day
}

// inRecord is a stall as the record has it, with who trades there.
type inRecord struct {
	ID       StallID
	CodeKey  string
	Code     string
	Section  string
	Goods    string
	Position int
	VendorID *VendorID
	Name     *string
	Phone    *string
}

// plan compares a ledger with the record.
func (s *Service) plan(ctx context.Context, db postgres.Querier, m Market, read ledger.Ledger, now time.Time) (plan, error) {
	p := plan{market: m, day: DayOf(now), report: Report{File: read.File, Faults: []fault.Field{}, Warnings: append([]fault.Field{}, read.Notes...)}}
	stalls, err := postgres.All[inRecord](ctx, db, `
		SELECT s.id, s.code_key, s.code, s.section, s.goods, s.position, v.id AS vendor_id, v.name, v.phone
		FROM `+whoTrades+`
		WHERE s.market_id = @market AND s.removed_at IS NULL`, pgx.StrictNamedArgs{"market": m.ID})
	if err != nil {
		return p, err
	}
	byCode, byID := make(map[string]*inRecord, len(stalls)), make(map[string]*inRecord, len(stalls))
	people := map[string]VendorID{} // name and phone: one vendor, however many stalls
	for i := range stalls {
		k := &stalls[i]
		byCode[k.CodeKey], byID[k.ID.String()] = k, k
		p.next = max(p.next, k.Position)
		if k.Name != nil && k.Phone != nil {
			people[person(*k.Name, *k.Phone)] = *k.VendorID
		}
	}
	p.next++
	accounts, err := postgres.All[Account](ctx, db, accountColumns+` WHERE a.market_id = @market`, accountArgs(m.ID, now))
	if err != nil {
		return p, err
	}
	byVendor := map[VendorID][]Account{}
	for _, a := range accounts {
		byVendor[a.VendorID] = append(byVendor[a.VendorID], a)
	}
	spelled := map[string]bool{} // how the ledger itself writes a name: one that it writes in two ways is not corrected to and fro
	for _, row := range read.Rows {
		spelled[row.Vendor] = true
	}
	// A whole ledger of another market, as its own export has it, is taken by its codes.
	elsewhere := !slices.ContainsFunc(read.Rows, func(row ledger.Row) bool { return byID[row.ID] != nil })
	if elsewhere && slices.ContainsFunc(read.Rows, func(row ledger.Row) bool { return row.ID != "" }) {
		p.report.Warnings = append(p.report.Warnings, fault.Field{Column: "id", Code: "stall-ids-elsewhere",
			Detail: fault.Say("No ID in this ledger is of a stall of this market. The rows are taken by their stall codes.")})
	}
	used := map[StallID]bool{}
	for _, row := range read.Rows {
		p.report.Rows++
		c := change{fate: "new", accounts: row.Accounts}
		k := byCode[codeKey(row.Code)]
		if row.ID != "" && !elsewhere && len(row.Faults) == 0 {
			switch of := byID[row.ID]; {
			case of == nil:
				row.Faults = append(row.Faults, fault.Field{Row: row.Row, Column: "id", Code: "stall-id-unknown", Value: row.ID,
					Detail: fault.Say("No stall of this market has this ID. Leave the ID out to register a new stall.")})
			case k != nil && k.ID != of.ID:
				row.Faults = append(row.Faults, fault.Field{Row: row.Row, Column: "code", Code: "stall-code-taken", Value: row.Code,
					Detail: fault.Say("The ID is that of stall %s, and another stall has the code %s.", of.Code, k.Code)})
			default:
				k = of
			}
		}
		if k != nil && len(row.Faults) == 0 && used[k.ID] {
			row.Faults = append(row.Faults, fault.Field{Row: row.Row, Column: "code", Code: "stall-twice", Value: row.Code,
				Detail: fault.Say("Another row is about stall %s too. Change one of them.", k.Code)})
		}
		if k != nil && len(row.Faults) == 0 {
			used[k.ID] = true
			c.compare(&row, *k, byVendor, spelled)
		}
		if c.vendor == nil && !row.Vacant() && row.Phone != "" {
			if v, ok := people[person(row.Vendor, row.Phone)]; ok {
				c.vendor, c.accounts = &v, nil
				c.add(byVendor[v], row.Accounts)
			}
		}
		if k != nil {
			c.tellAccounts(byVendor)
		}
		for _, a := range c.accounts {
			if provider, ok := qrgen.ProviderOf(a.Provider); ok && !provider.On(p.day.String()) {
				f := ended("", provider, p.day)
				row.Faults = append(row.Faults, fault.Field{Row: row.Row, Column: "accounts", Code: f.Code, Value: provider.Name, Detail: f.Detail})
			}
		}
		if len(row.Faults) > 0 {
			c.fate, c.fields = "faulty", nil
			p.report.Faulty++
		} else {
			p.report.Good++
			if row.Vacant() {
				p.report.Vacant++
			}
			switch c.fate {
			case "unchanged":
				p.report.Unchanged++
			case "changed":
				p.report.Changed++
			}
		}
		p.report.Faults = append(p.report.Faults, row.Faults...)
		p.report.Warnings = append(p.report.Warnings, row.Warnings...)
		p.rows = append(p.rows, ImportRow{row, c.fate, c.fields})
		p.changes = append(p.changes, c)
	}
	return p, nil
}

// compare is what a row changes of a stall that is in the record. What the ledger leaves empty stays.
func (c *change) compare(row *ledger.Row, k inRecord, byVendor map[VendorID][]Account, spelled map[string]bool) {
	*c = change{stall: &k.ID, fate: "unchanged"}
	differs := func(field, have, want string, shown func(string) string) *string {
		if want == "" || want == have {
			return nil
		}
		c.fate = "changed"
		c.fields = append(c.fields, FieldChange{field, shown(have), shown(want)})
		return &want
	}
	asIs := func(s string) string { return s }
	masked := func(s string) string {
		if s == "" {
			return ""
		}
		return Masked(s)
	}
	if codeKey(row.Code) != k.CodeKey {
		c.code = differs("code", k.Code, row.Code, asIs)
	}
	c.section = differs("section", k.Section, row.Section, asIs)
	c.goods = differs("goods", k.Goods, row.Goods, asIs)
	phone := ""
	if k.Phone != nil {
		phone = *k.Phone
	}
	switch {
	case row.Vacant() && k.VendorID != nil:
		row.Warnings = append(row.Warnings, fault.Field{Row: row.Row, Code: "still-held",
			Detail: fault.Say("The ledger says vacant, the record says %s trades at %s. Nothing was changed.", *k.Name, k.Code)})
	case row.Vacant():
	case k.VendorID == nil:
		c.accounts = row.Accounts
		differs("vendor", "", row.Vendor, asIs)
		differs("phone", "", row.Phone, masked)
	case !samePerson(*k.Name, phone, *row):
		row.Faults = append(row.Faults, fault.Field{Row: row.Row, Column: "vendor", Code: "held-by-other", Value: row.Vendor,
			Detail: fault.Say("Stall %s is held by %s in the record. Hand the stall over on its own page first.", k.Code, *k.Name)})
	default:
		c.vendor, c.holds = k.VendorID, true
		if better(row.Vendor, *k.Name) && !spelled[*k.Name] {
			c.name = differs("vendor", *k.Name, row.Vendor, asIs)
			row.Warnings = append(row.Warnings, fault.Field{Row: row.Row, Column: "vendor", Code: "vendor-corrected", Value: row.Vendor,
				Detail: fault.Say("This was taken as the same person, and the name as a correction of %s. Leave the row out if it is somebody else.", *k.Name)})
		}
		c.phone = differs("phone", phone, row.Phone, masked)
		c.add(byVendor[*k.VendorID], row.Accounts)
	}
}

// tellAccounts says which accounts a row proposes, and in whose place.
func (c *change) tellAccounts(byVendor map[VendorID][]Account) {
	for _, a := range c.accounts {
		name := ProviderName(a.Provider)
		f := FieldChange{Field: "account", To: name + " " + Masked(a.Number)}
		if old, ok := c.replaces[a.Provider]; ok && c.vendor != nil {
			for _, have := range byVendor[*c.vendor] {
				if have.RecordID == old {
					f.From = name + " " + Masked(have.Number)
				}
			}
		}
		c.fields = append(c.fields, f)
	}
}

// samePerson reports whether a ledger's row speaks of the vendor of that name and phone. Accents and capitals do not matter; a
// slip of the hand is taken for one where the phone agrees, or where the given name does and no phone speaks against it. Lan and
// Lam are two people.
func samePerson(name, phone string, row ledger.Row) bool {
	have, want := qrgen.Search(name), qrgen.Search(row.Vendor)
	if have == want {
		return true
	}
	slips := distance(have, want)
	if phone != "" && phone == row.Phone {
		return slips <= 2 && len(want) > 6
	}
	h, w := strings.Fields(have), strings.Fields(want)
	return slips == 1 && (phone == "" || row.Phone == "") && len(h) == len(w) && len(h) > 1 && h[len(h)-1] == w[len(w)-1]
}

// better reports whether a ledger's spelling of a vendor's name says more than the record's: other letters, or accents. A name
// without accents, or all in capitals, says less.
func better(want, have string) bool {
	if strings.EqualFold(want, have) {
		return false
	}
	return qrgen.Search(want) != qrgen.Search(have) || qrgen.Fold(want) != want
}

// distance counts the letters to put in, leave out, change or swap with their neighbour to make one text of another; above 2 it
// says 3.
func distance(a, b string) int {
	const most = 3
	if len(a)-len(b) >= most || len(b)-len(a) >= most {
		return most
	}
	two, one, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range one {
		one[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(one[j]+1, row[j-1]+1, one[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], two[j-2]+1)
			}
		}
		two, one, row = one, row, two
	}
	return min(one[len(b)], most)
}

// add keeps the accounts that the vendor does not have yet.
func (c *change) add(have []Account, want []ledger.Account) {
	for _, w := range want {
		known := false
		for _, a := range have {
			if a.State != StateApproved && a.State != StateProposed || a.Provider != w.Provider {
				continue
			}
			known = known || a.Number == w.Number
			if a.State == StateApproved {
				if c.replaces == nil {
					c.replaces = map[string]AccountID{}
				}
				c.replaces[w.Provider] = a.RecordID
			}
		}
		if !known {
			c.accounts = append(c.accounts, w)
			if c.fate == "unchanged" {
				c.fate = "changed"
			}
		}
	}
}

// person is what makes two rows one vendor: the same name and the same phone.
func person(name, phone string) string { return qrgen.Search(name) + "\x00" + phone }

// who is what makes two rows of one ledger one vendor that it brings in; empty: each is somebody else. A file from the record says
// it itself.
func who(row ledger.Row) string {
	if row.Person == "" && row.Phone == "" {
		return ""
	}
	return person(row.Vendor, row.Phone) + "\x00" + row.Person
}

// chosen is the rows that go in; nil: every good one.
type chosen map[int]bool

func choose(rows []int) chosen {
	if rows == nil {
		return nil
	}
	c := make(chosen, len(rows))
	for _, n := range rows {
		c[n] = true
	}
	return c
}

// takes reports whether row i goes in.
func (p *plan) takes(i int, rows chosen) bool {
	return p.rows[i].Fate != "faulty" && (rows == nil || rows[p.rows[i].Row.Row])
}

// check refuses rows that are not there or not good.
func (p *plan) check(rows []int) error {
	good := make(map[int]bool, len(p.rows))
	for _, r := range p.rows {
		good[r.Row.Row] = r.Fate != "faulty"
	}
	var bad []fault.Field
	for i, n := range rows {
		if !good[n] {
			bad = append(bad, fault.At(below("rows", strconv.Itoa(i)), "not-good", "Row %d is not a good row of this ledger.", n))
		}
	}
	return fault.Check("import-invalid", bad)
}

func (p *plan) keyOf(a ledger.Account, row ledger.Row) proposalKey {
	holder := row.Holder
	if a.Holder != "" {
		holder = a.Holder
	}
	return proposalKey{a.Provider, a.Number, holder, row.Vendor, p.day}
}

// makeSymbols makes the payload and symbol of every account that goes in, on all processors. made is told how many there are
// done, now and then.
func (p *plan) makeSymbols(ctx context.Context, rows chosen, made func(done, total int)) error {
	p.symbols = map[proposalKey]proposal{}
	var keys []proposalKey
	for i, c := range p.changes {
		if !p.takes(i, rows) {
			continue
		}
		for _, a := range c.accounts {
			k := p.keyOf(a, p.rows[i].Row)
			if _, ok := p.symbols[k]; !ok {
				p.symbols[k] = proposal{}
				keys = append(keys, k)
			}
		}
	}
	out := make([]proposal, len(keys))
	var done atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, k := range keys {
		g.Go(func() error {
			var err error
			if err = ctx.Err(); err == nil {
				out[i], err = k.proposal()
			}
			if n := int(done.Add(1)); err == nil && n%symbolsTold == 0 {
				made(n, len(keys))
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for i, k := range keys {
		p.symbols[k] = out[i]
	}
	return nil
}

// symbolsTold is how many symbols are made between two words on how far the work is: a sixth of a second's.
const symbolsTold = 500

func (k proposalKey) proposal() (proposal, error) {
	var bad []fault.Field
	p := NewAccount{Provider: k.provider, Number: k.number, Holder: k.holder}.proposal(&bad, "", k.vendor, k.day)
	p.Source = "import"
	return p, fault.Check("account-invalid", bad)
}

// store writes the rows that go in, and names the stalls that were there before and are changed.
func (p *plan) store(ctx context.Context, tx pgx.Tx, by Actor, im ImportID, rows chosen, attested string, touched []string, now time.Time) (changed []StallID, events []Event, err error) {
	var stalls, vendors, occupancies, consents [][]any
	var accounts []proposal
	changed = []StallID{}
	b := &pgx.Batch{}
	today := DayOf(now)
	fresh := map[string]VendorID{} // vendors that this import brings, by who they are
	owners := map[AccountID]VendorID{}
	type owned struct {
		vendor           VendorID
		provider, number string
	}
	brought := map[owned]bool{}
	corrected := map[VendorID]bool{}
	for i, c := range p.changes {
		if !p.takes(i, rows) || c.fate == "unchanged" {
			continue
		}
		row := p.rows[i].Row
		stall := StallID{}
		if c.stall == nil {
			stall = id.New[Stall]()
			stalls = append(stalls, []any{p.market.ID, stall, row.Code, codeKey(row.Code), qrgen.Search(row.Code), row.Section, row.Goods, p.next, im, now})
			p.next++
		} else {
			stall = *c.stall
			var key, fold *string
			if c.code != nil {
				k, f := codeKey(*c.code), qrgen.Search(*c.code)
				key, fold = &k, &f
			}
			b.Queue(`UPDATE stalls SET section = coalesce(@section, section), goods = coalesce(@goods, goods), code = coalesce(@code, code),
			                code_key = coalesce(@key, code_key), code_fold = coalesce(@fold, code_fold), version = version + 1
			         WHERE market_id = @market AND id = @id`,
				pgx.StrictNamedArgs{"section": c.section, "goods": c.goods, "code": c.code, "key": key, "fold": fold, "market": p.market.ID, "id": stall})
			changed = append(changed, stall)
			events = append(events, Event{"stall.changed", "stall:" + stall.String(), []string{"import"}})
		}
		if row.Vacant() {
			continue
		}
		vendor := c.vendor
		if v, ok := fresh[who(row)]; ok && vendor == nil {
			vendor = &v
		}
		if vendor == nil {
			v := id.New[Vendor]()
			vendor = &v
			vendors = append(vendors, []any{p.market.ID, v, row.Vendor, qrgen.Search(row.Vendor), postgres.Null(row.Phone), im, now})
			if who(row) != "" {
				fresh[who(row)] = v
			}
		} else if (c.phone != nil || c.name != nil) && !corrected[*vendor] {
			corrected[*vendor] = true
			what := ChangedVendor{Name: c.name, Phone: c.phone}
			if err := updateVendor(ctx, tx, p.market.ID, *vendor, what); err != nil {
				return nil, nil, err
			}
			events = append(events, Event{"vendor.changed", "vendor:" + vendor.String(), what.fields()})
		}
		if !c.holds {
			occupancies = append(occupancies, []any{p.market.ID, id.New[occupancy](), stall, *vendor, today, im})
			consents = append(consents, []any{p.market.ID, id.New[consent](), *vendor, "attested_by_board", "receive_payment", attested, "board", by.ID, now, im})
		}
		for rank, a := range c.accounts {
			if own := (owned{*vendor, a.Provider, a.Number}); brought[own] {
				continue // the vendor's second stall names the same account
			} else {
				brought[own] = true
			}
			k := p.keyOf(a, row)
			made, ok := p.symbols[k]
			if !ok {
				if made, err = k.proposal(); err != nil {
					return nil, nil, err
				}
			}
			made.RecordID = id.New[Account]()
			made.by, made.touched, made.at, made.rank, made.from = touched[0], touched, now, rank+1, &im
			if old, ok := c.replaces[a.Provider]; ok {
				made.replaces = &old
			}
			owners[made.RecordID] = *vendor
			accounts = append(accounts, made)
			proposed := Event{"account.proposed", "account:" + made.RecordID.String(), []string{"provider", "number", "holder"}}
			if made.replaces != nil {
				proposed.Action = "account.change_proposed"
			}
			events = append(events, proposed)
		}
	}
	if err := planAnew(ctx, tx, len(stalls)); err != nil {
		return nil, nil, err
	}
	for _, t := range []struct {
		table   string
		columns []string
		rows    [][]any
	}{
		{"stalls", []string{"market_id", "id", "code", "code_key", "code_fold", "section", "goods", "position", "import_id", "created_at"}, stalls},
		{"vendors", []string{"market_id", "id", "name", "name_fold", "phone", "import_id", "created_at"}, vendors},
		{"occupancies", []string{"market_id", "id", "stall_id", "vendor_id", "began", "import_id"}, occupancies},
		{"consents", []string{"market_id", "id", "vendor_id", "kind", "purpose", "wording", "given", "taken_by", "taken_at", "import_id"}, consents},
	} {
		if _, err := tx.CopyFrom(ctx, pgx.Identifier{t.table}, t.columns, pgx.CopyFromRows(t.rows)); err != nil {
			return nil, nil, err
		}
	}
	for _, a := range accounts {
		a.queue(b, p.market.ID, owners[a.RecordID])
	}
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return nil, nil, err
	}
	return changed, events, p.count(ctx, tx, vendors, occupancies, accounts, owners, now)
}

// count counts whom an import brought in, and looks at those who were there before.
func (p *plan) count(ctx context.Context, tx pgx.Tx, vendors, occupancies [][]any, accounts []proposal, owners map[AccountID]VendorID, now time.Time) error {
	first := map[VendorID]proposal{}
	for _, a := range accounts {
		if have, ok := first[owners[a.RecordID]]; !ok || a.rank < have.rank || a.rank == have.rank && a.RecordID.String() < have.RecordID.String() {
			first[owners[a.RecordID]] = a
		}
	}
	came := map[VendorID]bool{}
	var newcomers []newcomer
	for _, v := range vendors {
		who := v[1].(VendorID)
		came[who] = true
		newcomers = append(newcomers, newcomer{who, first[who].Provider})
	}
	var others []VendorID
	for _, o := range occupancies {
		if who := o[3].(VendorID); !came[who] {
			others = append(others, who)
		}
	}
	for who := range first {
		if !came[who] {
			others = append(others, who)
		}
	}
	if len(newcomers) > 0 {
		b := &pgx.Batch{}
		queueNew(b, p.market.ID, now, newcomers...)
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return err
		}
	}
	return Recount(ctx, tx, p.market.ID, now, others...)
}

// numbersOf are the numbers of the rows that hold stalls.
func numbersOf(rows []ledger.Row) []int {
	n := make([]int, len(rows))
	for i, r := range rows {
		n[i] = r.Row
	}
	slices.Sort(n)
	return n
}
