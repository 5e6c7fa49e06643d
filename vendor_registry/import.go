package registry

import (
	"context"
	"encoding/json"
	"io"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres"
	"cho40/qrgen"
	"cho40/vendor_registry/ledger"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

// ImportID names an import within a market.
type ImportID = id.ID[Import]

// ImportRef names an import that comes in alone.
type ImportRef = Ref[Import]

// PreviewLives is how long a previewed ledger is kept.
const PreviewLives = 24 * time.Hour

// Import is a ledger on its way in: first a preview that stores nothing in the record, then, when a person says so, the rows.
type Import struct {
	Ref       ImportRef   `json:"id" db:"-"`
	ID        ImportID    `json:"-"`
	State     string      `json:"state"` // preview, expired, committed, undone
	Report    Report      `json:"report"`
	Rows      []ImportRow `json:"rows" db:"-"`
	CreatedAt time.Time   `json:"created_at"`
	ExpiresAt time.Time   `json:"expires_at"`
}

// ImportRow is one stall row of a preview, and its fate.
type ImportRow struct {
	ledger.Row
	Fate string // new, changed, unchanged, faulty
}

// Report says what became of every row of a ledger.
type Report struct {
	File      string        `json:"file"`
	Rows      int           `json:"rows"` // stall rows: Good + Faulty
	Good      int           `json:"good"`
	Vacant    int           `json:"vacant"` // part of Good
	Faulty    int           `json:"faulty"`
	Unchanged int           `json:"unchanged"` // part of Good: the record says so already
	Changed   int           `json:"changed"`   // part of Good: stalls that were there and are not as the ledger says
	Faults    []fault.Field `json:"faults"`
	Warnings  []fault.Field `json:"warnings"`
}

// PreviewImport reads a ledger, compares it with the record and keeps the outcome for a day. Nothing of it is in the record.
// When keep is false not even the preview is stored.
//
// Faults: NotFound; Forbidden; those of ledger.Read when the file as a whole is refused.
func (s *Service) PreviewImport(ctx context.Context, by Actor, marketCode, file string, r io.Reader, keep bool) (Import, error) {
	m, err := market(ctx, s.db, by, ImportLedger, marketCode)
	if err != nil {
		return Import{}, err
	}
	read, err := ledger.Read(ctx, file, r, ledger.DefaultLimits)
	if err != nil {
		return Import{}, actionContext("read ledger for", marketCode, err)
	}
	now := s.now()
	plan, err := s.plan(ctx, s.db, m, by, read, now)
	if err != nil {
		return Import{}, err
	}
	im := Import{ID: id.New[Import](), State: "preview", Report: plan.report, Rows: plan.rows, CreatedAt: now, ExpiresAt: now.Add(PreviewLives)}
	im.Ref = ImportRef{m.Code, im.ID}
	if !keep {
		return im, nil
	}
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			WITH old AS (UPDATE imports SET ledger = NULL WHERE market_id = @market AND ledger IS NOT NULL AND expires_at < @now)
			INSERT INTO imports (market_id, id, file, state, ledger, report, created_by, created_at, expires_at)
			VALUES (@market, @id, @file, 'preview', @ledger, @report, @by, @now, @expires)`,
			pgx.StrictNamedArgs{"market": m.ID, "id": im.ID, "file": im.Report.File, "ledger": asJSON(read), "report": asJSON(im.Report),
				"by": by.ID, "now": now, "expires": im.ExpiresAt})
		if err != nil {
			return err
		}
		return Audit(ctx, tx, now, by, m.ID, Event{"import.previewed", "import:" + im.ID.String(), nil})
	})
	return im, actionContext("preview import into", marketCode, err)
}

// Imports lists a market's last imports, newest first, at most 10, without their rows. Faults: NotFound; Forbidden.
func (s *Service) Imports(ctx context.Context, by Actor, marketCode string) ([]Import, error) {
	m, err := market(ctx, s.db, by, ImportLedger, marketCode)
	if err != nil {
		return nil, err
	}
	all, err := postgres.All[stored](ctx, s.db, `
		SELECT id, state, NULL::bytea AS ledger, report, created_by, created_at, expires_at FROM imports
		WHERE market_id = @market AND (state <> 'preview' OR expires_at > @now) ORDER BY created_at DESC LIMIT 10`,
		pgx.StrictNamedArgs{"market": m.ID, "now": s.now()})
	if err != nil {
		return nil, err
	}
	ims := make([]Import, len(all))
	for i, st := range all {
		ims[i] = Import{Ref: ImportRef{m.Code, st.ID}, ID: st.ID, State: st.State, Rows: []ImportRow{}, CreatedAt: st.CreatedAt, ExpiresAt: st.ExpiresAt}
		if err := json.Unmarshal(st.Report, &ims[i].Report); err != nil {
			return nil, err
		}
	}
	return ims, nil
}

// CommitImport says which rows of a preview go in, and attests that their vendors agreed.
type CommitImport struct {
	Rows     []int  // the rows' numbers; nil: every good one
	Attested string // the wording that the board vouches for, vi-1
}

// stored is an import as it lies in the database.
type stored struct {
	ID                   ImportID
	State                string
	Ledger               []byte
	Report               []byte
	CreatedBy            string
	CreatedAt, ExpiresAt time.Time
}

func importNotFound() *fault.Error {
	return fault.New(fault.NotFound, "import-not-found", "There is no such import here.")
}

func selectImport(ctx context.Context, db postgres.Querier, m MarketID, which ImportID, lock string) (stored, error) {
	return one[stored](ctx, db, importNotFound(), `
		SELECT id, state, ledger, report, created_by, created_at, expires_at FROM imports
		WHERE market_id = @market AND id = @id `+lock, pgx.StrictNamedArgs{"market": m, "id": which})
}

// Import is a preview or what became of it; a preview is compared with the record as it is now. Faults: NotFound; Forbidden.
func (s *Service) Import(ctx context.Context, by Actor, ref ImportRef) (Import, error) {
	m, err := market(ctx, s.db, by, ImportLedger, ref.Market)
	if err != nil {
		return Import{}, notFoundAs(err, importNotFound())
	}
	st, err := selectImport(ctx, s.db, m.ID, ref.ID, "")
	if err != nil {
		return Import{}, err
	}
	im := Import{Ref: ref, ID: st.ID, State: st.State, CreatedAt: st.CreatedAt, ExpiresAt: st.ExpiresAt, Rows: []ImportRow{}}
	if st.State == "preview" && st.open(s.now()) != nil {
		im.State = "expired"
	}
	if im.State != "preview" {
		return im, json.Unmarshal(st.Report, &im.Report)
	}
	var read ledger.Ledger
	if err := json.Unmarshal(st.Ledger, &read); err != nil {
		return im, err
	}
	plan, err := s.plan(ctx, s.db, m, by, read, s.now())
	im.Report, im.Rows = plan.report, plan.rows
	return im, err
}

// CommitImport stores the chosen rows of a preview in one transaction. Accounts come in as proposals, never as anything that
// money already follows.
//
// Faults: Invalid (rows that are not good, attested); NotFound; Forbidden; Conflict import-committed, import-expired.
func (s *Service) CommitImport(ctx context.Context, by Actor, ref ImportRef, in CommitImport) (Report, error) {
	if !knownWording(in.Attested) {
		return Report{}, fault.New(fault.Invalid, "import-invalid", "Some fields need mending.").
			With(fault.At("attested", "required", "Confirm that the vendors agreed, by the wording they heard: %s.", strings.Join(ConsentWordings, ", ")))
	}
	m, err := market(ctx, s.db, by, ImportLedger, ref.Market)
	if err != nil {
		return Report{}, notFoundAs(err, importNotFound())
	}
	now := s.now()
	// The symbols take longest, so they are made before the transaction. What another import brings in meanwhile shows below.
	st, err := selectImport(ctx, s.db, m.ID, ref.ID, "")
	if err != nil {
		return Report{}, err
	}
	if err := st.open(now); err != nil {
		return Report{}, err
	}
	var read ledger.Ledger
	if err := json.Unmarshal(st.Ledger, &read); err != nil {
		return Report{}, err
	}
	before, err := s.plan(ctx, s.db, m, by, read, now)
	if err != nil {
		return Report{}, err
	}
	if err := before.makeSymbols(ctx, in.Rows); err != nil {
		return Report{}, err
	}
	var report Report
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if err := oneAtATime(ctx, tx, m.ID, "import"); err != nil {
			return err
		}
		st, err := selectImport(ctx, tx, m.ID, ref.ID, "FOR UPDATE")
		if err != nil {
			return err
		}
		if err := st.open(now); err != nil {
			return err
		}
		plan, err := s.plan(ctx, tx, m, by, read, now)
		if err != nil {
			return err
		}
		plan.symbols = before.symbols
		if err := plan.check(in.Rows); err != nil {
			return err
		}
		touched := []string{st.CreatedBy}
		if by.ID != st.CreatedBy {
			touched = append(touched, by.ID)
		}
		events, err := plan.store(ctx, tx, by, st.ID, in, touched, now)
		if err != nil {
			return err
		}
		report = plan.report
		if _, err := tx.Exec(ctx, `
			UPDATE imports SET state = 'committed', ledger = NULL, report = @report, attested = @attested, committed_by = @by, committed_at = @now
			WHERE market_id = @market AND id = @id`,
			pgx.StrictNamedArgs{"report": asJSON(report), "attested": in.Attested, "by": by.ID, "now": now, "market": m.ID, "id": st.ID}); err != nil {
			return err
		}
		return Audit(ctx, tx, now, by, m.ID, append([]Event{{"import.committed", "import:" + st.ID.String(), []string{"attested", in.Attested}}}, events...)...)
	})
	switch postgres.Violated(err) {
	case "stalls_one_per_code", "occupancies_one_per_stall": // registered by somebody else between the comparison and the commit
		err = fault.New(fault.Conflict, "import-overtaken", "Somebody changed a stall of this ledger meanwhile. Nothing was stored; confirm again.").Because(err)
	}
	return report, actionContext("commit import", ref.String(), err)
}

// open is nil while the preview may still be committed.
func (st stored) open(now time.Time) error {
	switch {
	case st.State == "committed":
		return fault.New(fault.Conflict, "import-committed", "This import went in already.")
	case st.State != "preview":
		return fault.New(fault.Conflict, "import-undone", "This import was taken back. Upload the ledger again.")
	case st.Ledger == nil || now.After(st.ExpiresAt):
		return fault.New(fault.Conflict, "import-expired", "This preview is older than 24 hours. Upload the ledger again.")
	}
	return nil
}

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
	section  *string
	goods    *string
	phone    *string
	accounts []ledger.Account
	holds    bool                 // vendor holds this very stall already
	replaces map[string]AccountID // by provider: the live account that a new number would take the place of
	fate     string
}

type proposalKey struct {
	provider, number, holder, vendor string
	day                              Day
}

// plan compares a ledger with the record.
func (s *Service) plan(ctx context.Context, db postgres.Querier, m Market, by Actor, read ledger.Ledger, now time.Time) (plan, error) {
	p := plan{market: m, day: DayOf(now), report: Report{File: read.File, Faults: []fault.Field{}, Warnings: append([]fault.Field{}, read.Notes...)}}
	type known struct {
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
	stalls, err := postgres.All[known](ctx, db, `
		SELECT s.id, s.code_key, s.code, s.section, s.goods, s.position, v.id AS vendor_id, v.name, v.phone
		FROM `+whoTrades+`
		WHERE s.market_id = @market AND s.removed_at IS NULL`, pgx.StrictNamedArgs{"market": m.ID})
	if err != nil {
		return p, err
	}
	byCode := make(map[string]known, len(stalls))
	people := map[string]VendorID{} // name and phone: one vendor, however many stalls
	for _, k := range stalls {
		byCode[k.CodeKey] = k
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
	for _, row := range read.Rows {
		p.report.Rows++
		c := change{fate: "new", accounts: row.Accounts}
		k, exists := byCode[codeKey(row.Code)]
		if exists && len(row.Faults) == 0 {
			c = change{stall: &k.ID, fate: "unchanged"}
			differs := func(have, want string) *string {
				if want == "" || want == have {
					return nil
				}
				c.fate = "changed"
				return &want
			}
			c.section = differs(k.Section, row.Section)
			c.goods = differs(k.Goods, row.Goods)
			switch {
			case row.Vacant() && k.VendorID != nil:
				row.Warnings = append(row.Warnings, fault.Field{Row: row.Row, Code: "still-held",
					Detail: fault.Say("The ledger says vacant, the record says %s trades at %s. Nothing was changed.", *k.Name, k.Code)})
			case row.Vacant():
			case k.VendorID == nil:
				c.fate, c.accounts = "changed", row.Accounts
			case qrgen.Search(*k.Name) != qrgen.Search(row.Vendor):
				row.Faults = append(row.Faults, fault.Field{Row: row.Row, Column: "vendor", Code: "held-by-other", Value: row.Vendor,
					Detail: fault.Say("Stall %s is held by %s in the record. Hand the stall over on its own page first.", k.Code, *k.Name)})
			default:
				c.vendor, c.holds = k.VendorID, true
				have := ""
				if k.Phone != nil {
					have = *k.Phone
				}
				c.phone = differs(have, row.Phone)
				c.add(byVendor[*k.VendorID], row.Accounts)
			}
		}
		if c.vendor == nil && !row.Vacant() && row.Phone != "" {
			if v, ok := people[person(row.Vendor, row.Phone)]; ok {
				c.vendor, c.accounts = &v, nil
				c.add(byVendor[v], row.Accounts)
			}
		}
		for _, a := range c.accounts {
			if provider, ok := qrgen.ProviderOf(a.Provider); ok && !provider.On(p.day.String()) {
				f := ended("", provider, p.day)
				row.Faults = append(row.Faults, fault.Field{Row: row.Row, Column: "accounts", Code: f.Code, Value: provider.Name, Detail: f.Detail})
			}
		}
		if len(row.Faults) > 0 {
			c.fate = "faulty"
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
		p.rows = append(p.rows, ImportRow{row, c.fate})
		p.changes = append(p.changes, c)
	}
	return p, nil
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

// takes reports whether row i goes in.
func (p *plan) takes(i int, rows []int) bool {
	return p.rows[i].Fate != "faulty" && (rows == nil || slices.Contains(rows, p.rows[i].Row.Row))
}

// check refuses rows that are not there or not good.
func (p *plan) check(rows []int) error {
	var bad []fault.Field
	for i, n := range rows {
		at := slices.IndexFunc(p.rows, func(r ImportRow) bool { return r.Row.Row == n })
		if at < 0 || p.rows[at].Fate == "faulty" {
			bad = append(bad, fault.At(below("rows", strconv.Itoa(i)), "not-good", "Row %d is not a good row of this ledger.", n))
		}
	}
	return fault.Check("import-invalid", bad)
}

func (p *plan) keyOf(a ledger.Account, row ledger.Row) proposalKey {
	return proposalKey{a.Provider, a.Number, row.Holder, row.Vendor, p.day}
}

// makeSymbols makes the payload and symbol of every account that goes in, on all processors.
func (p *plan) makeSymbols(ctx context.Context, rows []int) error {
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
	made := make([]proposal, len(keys))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, k := range keys {
		g.Go(func() error {
			var err error
			if err = ctx.Err(); err == nil {
				made[i], err = k.proposal()
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for i, k := range keys {
		p.symbols[k] = made[i]
	}
	return nil
}

func (k proposalKey) proposal() (proposal, error) {
	var bad []fault.Field
	p := NewAccount{Provider: k.provider, Number: k.number, Holder: k.holder}.proposal(&bad, "", k.vendor, k.day)
	p.Source = "import"
	return p, fault.Check("account-invalid", bad)
}

// store writes the rows that go in.
func (p *plan) store(ctx context.Context, tx pgx.Tx, by Actor, im ImportID, in CommitImport, touched []string, now time.Time) ([]Event, error) {
	var stalls, vendors, occupancies, consents [][]any
	var accounts []proposal
	var events []Event
	b := &pgx.Batch{}
	today := DayOf(now)
	fresh := map[string]VendorID{} // vendors that this import brings, by who they are
	owners := map[AccountID]VendorID{}
	for i, c := range p.changes {
		if !p.takes(i, in.Rows) || c.fate == "unchanged" {
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
			b.Queue(`UPDATE stalls SET section = coalesce(@section, section), goods = coalesce(@goods, goods), version = version + 1
			         WHERE market_id = @market AND id = @id`,
				pgx.StrictNamedArgs{"section": c.section, "goods": c.goods, "market": p.market.ID, "id": stall})
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
			vendors = append(vendors, []any{p.market.ID, v, row.Vendor, qrgen.Search(row.Vendor), null(row.Phone), im, now})
			if who(row) != "" {
				fresh[who(row)] = v
			}
		} else if c.phone != nil {
			b.Queue(`UPDATE vendors SET phone = @phone, version = version + 1 WHERE market_id = @market AND id = @id`,
				pgx.StrictNamedArgs{"phone": *c.phone, "market": p.market.ID, "id": *vendor})
			events = append(events, Event{"vendor.changed", "vendor:" + vendor.String(), []string{"phone"}})
		}
		if !c.holds {
			occupancies = append(occupancies, []any{p.market.ID, id.New[occupancy](), stall, *vendor, today, im})
			consents = append(consents, []any{p.market.ID, id.New[consent](), *vendor, "attested_by_board", "receive_payment", in.Attested, "board", by.ID, now, im})
		}
		for rank, a := range c.accounts {
			k := p.keyOf(a, row)
			if slices.ContainsFunc(accounts, func(o proposal) bool {
				return owners[o.RecordID] == *vendor && o.Provider == a.Provider && o.Number == a.Number
			}) {
				continue // the vendor's second stall names the same account
			}
			made, ok := p.symbols[k]
			if !ok {
				var err error
				if made, err = k.proposal(); err != nil {
					return nil, err
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
			return nil, err
		}
	}
	for _, a := range accounts {
		a.queue(b, p.market.ID, owners[a.RecordID])
	}
	return events, tx.SendBatch(ctx, b).Close()
}

// DiscardImport throws a preview away, or takes a committed import back as long as nothing was built on it.
//
// Faults: NotFound; Forbidden; Conflict import-built-on, naming what stands in the way; import-undone.
func (s *Service) DiscardImport(ctx context.Context, by Actor, ref ImportRef) error {
	now := s.now()
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		m, err := market(ctx, tx, by, ImportLedger, ref.Market)
		if err != nil {
			return notFoundAs(err, importNotFound())
		}
		if err := oneAtATime(ctx, tx, m.ID, "import"); err != nil {
			return err
		}
		st, err := selectImport(ctx, tx, m.ID, ref.ID, "FOR UPDATE")
		if err != nil {
			return err
		}
		switch st.State {
		case "undone":
			return fault.New(fault.Conflict, "import-undone", "This import was taken back. Upload the ledger again.")
		case "preview":
			if _, err := tx.Exec(ctx, `DELETE FROM imports WHERE market_id = @market AND id = @id`, pgx.StrictNamedArgs{"market": m.ID, "id": st.ID}); err != nil {
				return err
			}
			return Audit(ctx, tx, now, by, m.ID, Event{"import.discarded", "import:" + st.ID.String(), nil})
		}
		var report Report
		if err := json.Unmarshal(st.Report, &report); err != nil {
			return err
		}
		if report.Changed > 0 {
			return fault.New(fault.Conflict, "import-built-on", "This import cannot be taken back: it changed %d stalls that were there before.", report.Changed)
		}
		if err := undo(ctx, tx, by, m.ID, st.ID, now); err != nil {
			return err
		}
		return Audit(ctx, tx, now, by, m.ID, Event{"import.undone", "import:" + st.ID.String(), nil})
	})
	if fault.CodeOf(err) == "import-built-on" {
		s.refused(ctx, by, ref.Market, Event{"import.undo_refused", "import:" + ref.ID.String(), []string{"import-built-on"}})
	}
	return actionContext("discard import", ref.String(), err)
}

// undo takes back what an import brought. Accounts are not deleted: they are withdrawn.
func undo(ctx context.Context, tx pgx.Tx, by Actor, m MarketID, im ImportID, now time.Time) error {
	if err := oneAtATime(ctx, tx, m, "print"); err != nil { // no placard, and no decision, comes in between
		return err
	}
	args := pgx.StrictNamedArgs{"market": m, "import": im}
	type built struct{ Decided, Placards, Consents, Changed, Later int }
	n, err := postgres.One[built](ctx, tx, `
		SELECT (SELECT count(*) FROM accounts a JOIN account_decisions d ON d.market_id = a.market_id AND d.account_id = a.id
		        WHERE a.market_id = @market AND a.import_id = @import AND d.decision NOT IN ('withdrawn', 'expired'))::int AS decided,
		       (SELECT count(*) FROM placards p
		        JOIN stalls s ON s.market_id = p.market_id AND s.id = p.stall_id
		        JOIN accounts a ON a.market_id = p.market_id AND a.id = p.account_id
		        WHERE p.market_id = @market AND (s.import_id = @import OR a.import_id = @import))::int AS placards,
		       (SELECT count(*) FROM consents c JOIN vendors v ON v.market_id = c.market_id AND v.id = c.vendor_id
		        WHERE c.market_id = @market AND v.import_id = @import AND c.import_id IS DISTINCT FROM @import)::int AS consents,
		       ((SELECT count(*) FROM stalls s WHERE s.market_id = @market AND s.import_id = @import AND s.version > 1)
		        + (SELECT count(*) FROM vendors v WHERE v.market_id = @market AND v.import_id = @import AND v.version > 1)
		        + (SELECT count(*) FROM occupancies o JOIN vendors v ON v.market_id = o.market_id AND v.id = o.vendor_id
		           WHERE o.market_id = @market AND v.import_id = @import AND o.import_id IS DISTINCT FROM @import))::int AS changed,
		       (SELECT count(*) FROM accounts a JOIN vendors v ON v.market_id = a.market_id AND v.id = a.vendor_id
		        WHERE a.market_id = @market AND v.import_id = @import AND a.import_id IS DISTINCT FROM @import)::int AS later`, args)
	if err != nil {
		return err
	}
	if n.Decided+n.Placards+n.Consents+n.Changed+n.Later > 0 {
		return fault.New(fault.Conflict, "import-built-on",
			"This import cannot be taken back: %d accounts were decided, %d placards issued, %d consents recorded, %d stalls changed and %d accounts added since.",
			n.Decided, n.Placards, n.Consents, n.Changed, n.Later)
	}
	ids, err := postgres.All[AccountID](ctx, tx, `
		SELECT a.id FROM accounts a
		WHERE a.market_id = @market AND a.import_id = @import
		  AND NOT EXISTS (SELECT FROM account_decisions d WHERE d.market_id = a.market_id AND d.account_id = a.id)
		ORDER BY a.id`, args)
	if err != nil {
		return err
	}
	for _, a := range ids {
		if err := insertDecision(ctx, tx, by, m, a, StateWithdrawn, "import undone", now); err != nil {
			return err
		}
	}
	for _, sql := range []string{
		`UPDATE occupancies SET ended = began WHERE market_id = @market AND import_id = @import`,
		`UPDATE vendors SET removed_at = @now WHERE market_id = @market AND import_id = @import`,
		`UPDATE stalls SET removed_at = @now WHERE market_id = @market AND import_id = @import`,
		`UPDATE imports SET state = 'undone' WHERE market_id = @market AND id = @import`,
	} {
		named := pgx.StrictNamedArgs{"market": m, "import": im}
		if strings.Contains(sql, "@now") {
			named["now"] = now
		}
		if _, err := tx.Exec(ctx, sql, named); err != nil {
			return err
		}
	}
	return nil
}
