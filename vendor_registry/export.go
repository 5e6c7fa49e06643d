package registry

import (
	"context"
	"slices"
	"time"

	"cho40/internal/fault"
	"cho40/internal/postgres"
	"cho40/qrgen"

	"github.com/jackc/pgx/v5"
)

// The lists that may be taken out as files.
const (
	ListStalls         = "stalls"          // every stall, who holds it, its live accounts: a ledger that can be brought in again
	ListVendors        = "vendors"         // every vendor, at each stall that they hold
	ListAccounts       = "accounts"        // every account there ever was, with its state
	ListPlacards       = "placards"        // every placard
	ListWithoutAccount = "without-account" // vendors who have no account yet, at the first of their stalls
	ListCustomers      = "customers"       // of a provider, over all markets
)

// Lists are those of one market.
var Lists = []string{ListStalls, ListVendors, ListAccounts, ListPlacards, ListWithoutAccount}

// Export is how a list is wanted.
type Export struct {
	Format string `query:"-"`      // csv, xlsx: for the record of what left
	Full   bool   `query:"full"`   // phones and account numbers whole; needs a reason
	Reason string `query:"reason"` // why
}

// check looks at the format and at the reason. Faults: Invalid.
func (in *Export) check() error {
	var bad []fault.Field
	in.Reason = text(&bad, "reason", in.Reason, maxReason, in.Full)
	if in.Format != "csv" && in.Format != "xlsx" {
		bad = append(bad, fault.At("format", "unknown", "One of: %s.", "csv, xlsx"))
	}
	return fault.Check("export-invalid", bad)
}

// allowed is the market when the actor may take its rows out so. Faults: NotFound; Forbidden.
func (in Export) allowed(ctx context.Context, db postgres.Querier, by Actor, code string) (Market, error) {
	m, err := market(ctx, db, by, ExportRows, code)
	if err == nil && in.Full {
		m, err = market(ctx, db, by, RevealNumber, code)
	}
	return m, err
}

// number is a phone or an account as this export shows it.
func (in Export) number(s string) string {
	if in.Full || s == "" {
		return s
	}
	return Masked(s)
}

// Rows are a list on its way out. Each hands them over one after the other, as they come from the database, in one reading of the
// record; an error ends it.
type Rows[T any] struct {
	Market Market
	Count  int // how many there are
	Most   int // of stalls: the most live accounts that a vendor has
	Each   func(take func(T) error) error
}

// pageOf is how many rows are read at a time: what an export needs of memory, and how often it asks the database.
const pageOf = 500

// ExportedStall is a stall in a list that leaves.
type ExportedStall struct {
	StallID     StallID
	Code        string
	Section     string
	Goods       string
	Stage       *Stage // nil: nobody holds it
	Suspended   bool
	Overdue     bool
	VendorID    *VendorID
	Vendor      *string
	Phone       *string // masked, or whole
	Since       *Day    // since when the vendor holds the stall
	Consents    []string
	First       bool      // the first of the vendor's stalls in walking order
	Accounts    []Account `db:"-"` // live ones, the default first; Number is masked or whole
	LastReason  string    `db:"-"` // of a vendor without an account: why the last one came to nothing
	LastOutcome State     `db:"-"`
	Position    int
	CodeKey     string
}

// Holder is the holder's name where every account shown is in the same, confirmed one; empty otherwise.
func (e ExportedStall) Holder() string {
	for _, a := range e.Accounts {
		if !a.HolderGiven || a.Holder != e.Accounts[0].Holder {
			return ""
		}
	}
	if len(e.Accounts) == 0 {
		return ""
	}
	return e.Accounts[0].Holder
}

// ExportStalls hands out one of the lists of stalls (stalls, vendors, without-account) in walking order. That it leaves, how many
// rows and to whom is in the record before give is called.
//
// Faults: Invalid (reason, format); NotFound; Forbidden; and whatever give returns.
func (s *Service) ExportStalls(ctx context.Context, by Actor, marketCode, list string, in Export, give func(Rows[ExportedStall]) error) error {
	type counted struct{ Stalls, Held, Most int }
	return export(ctx, s, by, marketCode, list, in, give, func(tx pgx.Tx, m Market, now time.Time) (Rows[ExportedStall], error) {
		each := func(take func(ExportedStall) error) error { return s.eachStall(ctx, tx, m, list, in, now, take) }
		r := Rows[ExportedStall]{Market: m, Each: each}
		if list == ListWithoutAccount { // what a stage is has one definition, so they are counted by it
			err := each(func(ExportedStall) error { r.Count++; return nil })
			return r, err
		}
		n, err := postgres.One[counted](ctx, tx, `
			SELECT (SELECT count(*) FROM stalls s WHERE s.market_id = @market AND s.removed_at IS NULL)::int AS stalls,
			       (SELECT count(*) FROM occupancies o WHERE o.market_id = @market AND o.ended IS NULL)::int AS held,
			       (SELECT coalesce(max(a.n), 0)
			        FROM (SELECT a.vendor_id FROM accounts a WHERE a.market_id = @market GROUP BY a.vendor_id) v
			        CROSS JOIN LATERAL (
			          SELECT count(*) AS n FROM accounts a
			          CROSS JOIN LATERAL (
			            SELECT coalesce(bool_or(d.decision = 'approved'), false) AS approved, coalesce(bool_or(d.decision <> 'approved'), false) AS ended
			            FROM account_decisions d WHERE d.market_id = @market AND d.account_id = a.id) d
			          WHERE a.market_id = @market AND a.vendor_id = v.vendor_id AND NOT d.ended
			            AND (d.approved OR a.proposed_at > @now::timestamptz - @proposal_lives::interval) OFFSET 0) a)::int AS most`,
			pgx.StrictNamedArgs{"market": m.ID, "now": now, "proposal_lives": ProposalLives})
		if r.Count, r.Most = n.Stalls, n.Most; list == ListVendors {
			r.Count = n.Held
		}
		return r, err
	})
}

// export checks the actor, opens the snapshot, counts, keeps that the rows leave, and gives them.
func export[T any](ctx context.Context, s *Service, by Actor, marketCode, list string, in Export, give func(Rows[T]) error,
	read func(tx pgx.Tx, m Market, now time.Time) (Rows[T], error)) error {
	err := in.check()
	if err == nil {
		err = s.snapshot(ctx, func(tx pgx.Tx) error {
			m, err := in.allowed(ctx, tx, by, marketCode)
			if err != nil {
				return err
			}
			r, err := read(tx, m, s.now())
			if err != nil {
				return err
			}
			which, err := s.disclose(ctx, by, disclosure{market: m.ID, kind: list, format: in.Format, lines: r.Count, whole: in.Full, reason: in.Reason})
			if err != nil {
				return err
			}
			end := told(ctx, s, m.ID, which.String(), &r)
			err = give(r)
			end(err)
			return err
		})
	}
	s.forbade(ctx, by, marketCode, err, Event{"rows.export_refused", "market:" + marketCode, []string{list, in.Format}})
	return actionContext("export "+list+" of", marketCode, err)
}

// eachStall reads the stalls of a market page by page. The page is cut before anything is looked up, and each look-up is one by index
// (see StagesSQL; "IS NULL" alone would draw the planner to a partial index of the whole market), so that a page costs what its own stalls cost, also in a market that was just imported.
func (s *Service) eachStall(ctx context.Context, tx pgx.Tx, m Market, list string, in Export, now time.Time, take func(ExportedStall) error) error {
	position, key := -1, ""
	for {
		args := StageArgs(m.ID, now)
		args["position"], args["key"], args["n"] = position, key, pageOf
		page, err := postgres.All[ExportedStall](ctx, tx, `
			SELECT s.id AS stall_id, s.code, s.section, s.goods, s.position, s.code_key, n.stage,
			       coalesce(n.suspended, false) AS suspended, coalesce(n.overdue, false) AS overdue,
			       v.id AS vendor_id, v.name AS vendor, v.phone, h.since, coalesce(h.first, false) AS first, c.kinds AS consents
			FROM (SELECT s.id, s.code, s.section, s.goods, s.position, s.code_key FROM stalls s
			      WHERE s.market_id = @market AND s.removed_at IS NULL AND (s.position, s.code_key) > (@position, @key)
			      ORDER BY s.position, s.code_key LIMIT @n) s`+whoHolds+`
			LEFT JOIN LATERAL (
				SELECT max(o.began) FILTER (WHERE o.stall_id = s.id) AS since,
				       NOT bool_or((t.position, t.code_key) < (s.position, s.code_key)) AS first
				FROM occupancies o
				JOIN LATERAL (SELECT t.position, t.code_key FROM stalls t
				              WHERE t.market_id = @market AND t.id = o.stall_id AND (t.removed_at IS NULL OR t.removed_at > @at) OFFSET 0) t ON true
				WHERE o.market_id = @market AND o.vendor_id = v.id AND (o.ended IS NULL OR o.ended > @day)) h ON v.id IS NOT NULL
			LEFT JOIN LATERAL (`+liveConsents+`) c ON v.id IS NOT NULL
			LEFT JOIN LATERAL (`+stageOf("v.id")+`) n ON v.id IS NOT NULL
			ORDER BY s.position, s.code_key`, args)
		if err != nil || len(page) == 0 {
			return err
		}
		last := page[len(page)-1]
		position, key = last.Position, last.CodeKey
		whole := len(page) == pageOf
		page = slices.DeleteFunc(page, func(e ExportedStall) bool {
			return list != ListStalls && e.Stage == nil || list == ListWithoutAccount && (*e.Stage != Registered || !e.First)
		})
		if err := in.accounts(ctx, tx, m, list, page, now); err != nil {
			return err
		}
		for _, e := range page {
			if e.Phone != nil {
				shown := in.number(*e.Phone)
				e.Phone = &shown
			}
			if err := take(e); err != nil {
				return err
			}
		}
		if !whole {
			return nil
		}
	}
}

// accounts fills the accounts of a page of stalls: the live ones, or of vendors without any what became of the last.
func (in Export) accounts(ctx context.Context, tx pgx.Tx, m Market, list string, page []ExportedStall, now time.Time) error {
	if list == ListVendors {
		return nil
	}
	vendors := []VendorID{}
	for _, e := range page {
		if e.VendorID != nil {
			vendors = append(vendors, *e.VendorID)
		}
	}
	args := accountArgs(m.ID, now)
	args["vendors"] = vendors
	all, err := postgres.All[Account](ctx, tx, `
		SELECT a.* FROM (SELECT DISTINCT id FROM unnest(@vendors::uuid[]) u(id)) u
		CROSS JOIN LATERAL (`+accountColumns+` WHERE a.market_id = @market AND a.vendor_id = u.id
		                    ORDER BY (a.id = v.default_account) DESC NULLS LAST, a.rank, a.proposed_at, a.id OFFSET 0) a`, args)
	if err != nil {
		return err
	}
	of := map[VendorID][]Account{}
	for _, a := range all {
		of[a.VendorID] = append(of[a.VendorID], a)
	}
	for i := range page {
		if page[i].VendorID == nil {
			continue
		}
		for _, state := range []State{StateApproved, StateProposed} { // what counts comes before what waits
			for _, a := range of[*page[i].VendorID] {
				if a.State == state {
					in.show(m, &a)
					page[i].Accounts = append(page[i].Accounts, a)
				}
			}
		}
	}
	if list != ListWithoutAccount {
		return nil
	}
	return in.reasons(ctx, tx, m, page, of)
}

// reasons says of vendors without an account what became of the last one that was brought in.
func (in Export) reasons(ctx context.Context, tx pgx.Tx, m Market, page []ExportedStall, of map[VendorID][]Account) error {
	type said struct {
		AccountID AccountID
		Reason    string
	}
	last := map[AccountID]int{}
	ids := []AccountID{}
	for i := range page {
		as := of[*page[i].VendorID]
		if len(as) == 0 {
			continue
		}
		a := slices.MaxFunc(as, func(a, b Account) int { return a.ProposedAt.Compare(b.ProposedAt) })
		page[i].LastOutcome, last[a.RecordID] = a.State, i
		ids = append(ids, a.RecordID)
	}
	all, err := postgres.All[said](ctx, tx, `
		SELECT d.account_id, d.reason FROM account_decisions d
		WHERE d.market_id = @market AND d.account_id = ANY (@ids) AND d.decision <> 'approved' AND d.reason <> ''`,
		pgx.StrictNamedArgs{"market": m.ID, "ids": ids})
	for _, r := range all {
		page[last[r.AccountID]].LastReason = r.Reason
	}
	return err
}

// show dresses an account for a file.
func (in Export) show(m Market, a *Account) {
	a.ID = AccountRef{m.Code, a.RecordID}
	a.ProviderName = ProviderName(a.Provider)
	a.FullNumber = ""
	a.Number = in.number(a.Number)
	a.Payload, a.Symbol = "", nil
}

// ExportedAccount is an account in a list that leaves.
type ExportedAccount struct {
	Account
	Vendor string
	Stalls []string // that the vendor holds, in walking order
}

// ExportAccounts hands out every account of a market as it was proposed, whatever became of it, in that order. Faults: as ExportStalls.
func (s *Service) ExportAccounts(ctx context.Context, by Actor, marketCode string, in Export, give func(Rows[ExportedAccount]) error) error {
	const known = `accounts a
		JOIN LATERAL (SELECT FROM vendors v
		              WHERE v.market_id = @market AND v.id = a.vendor_id AND v.removed_at IS NULL AND v.erased_at IS NULL OFFSET 0) v ON true
		WHERE a.market_id = @market`
	type vendor struct {
		ID     VendorID
		Name   string
		Stalls []string
	}
	return export(ctx, s, by, marketCode, ListAccounts, in, give, func(tx pgx.Tx, m Market, now time.Time) (r Rows[ExportedAccount], err error) {
		r.Market = m
		r.Count, err = postgres.One[int](ctx, tx, `SELECT count(*)::int FROM `+known, pgx.StrictNamedArgs{"market": m.ID})
		r.Each = func(take func(ExportedAccount) error) error {
			var after *AccountID
			for {
				args := accountArgs(m.ID, now)
				args["after"], args["n"] = after, pageOf
				page, err := postgres.All[Account](ctx, tx, `
					SELECT a.* FROM (SELECT a.id FROM `+known+` AND (@after::uuid IS NULL OR a.id > @after) ORDER BY a.id LIMIT @n) page
					CROSS JOIN LATERAL (`+accountColumns+` WHERE a.market_id = @market AND a.id = page.id OFFSET 0) a ORDER BY a.id`, args)
				if err != nil || len(page) == 0 {
					return err
				}
				after = &page[len(page)-1].RecordID
				ids := []VendorID{}
				for _, a := range page {
					ids = append(ids, a.VendorID)
				}
				vendors, err := postgres.All[vendor](ctx, tx, `
					SELECT v.id, v.name, coalesce(h.stalls, '{}') AS stalls
					FROM (SELECT DISTINCT id FROM unnest(@ids::uuid[]) u(id)) u
					CROSS JOIN LATERAL (SELECT v.id, v.name FROM vendors v WHERE v.market_id = @market AND v.id = u.id OFFSET 0) v
					LEFT JOIN LATERAL (
						SELECT array_agg(s.code ORDER BY s.position, s.code_key) AS stalls
						FROM occupancies o
						JOIN LATERAL (SELECT s.code, s.position, s.code_key FROM stalls s
						              WHERE s.market_id = @market AND s.id = o.stall_id AND (s.removed_at IS NULL OR s.removed_at > @now) OFFSET 0) s ON true
						WHERE o.market_id = @market AND o.vendor_id = v.id AND (o.ended IS NULL OR o.ended > @day)) h ON true`,
					pgx.StrictNamedArgs{"market": m.ID, "ids": ids, "now": now, "day": DayOf(now)})
				if err != nil {
					return err
				}
				of := make(map[VendorID]vendor, len(vendors))
				for _, v := range vendors {
					of[v.ID] = v
				}
				for _, a := range page {
					in.show(m, &a)
					if err := take(ExportedAccount{a, of[a.VendorID].Name, of[a.VendorID].Stalls}); err != nil {
						return err
					}
				}
				if len(page) < pageOf {
					return nil
				}
			}
		}
		return r, err
	})
}

// ExportedPlacard is a placard in a list that leaves; AccountNumber is masked or whole.
type ExportedPlacard struct {
	Placard
	AccountNumber string
}

// ExportPlacards hands out every placard of a market as it was issued, in that order. Faults: as ExportStalls.
func (s *Service) ExportPlacards(ctx context.Context, by Actor, marketCode string, in Export, give func(Rows[ExportedPlacard]) error) error {
	const known = `placards p
		JOIN LATERAL (SELECT FROM vendors v WHERE v.market_id = @market AND v.id = p.vendor_id AND v.erased_at IS NULL OFFSET 0) v ON true
		WHERE p.market_id = @market`
	return export(ctx, s, by, marketCode, ListPlacards, in, give, func(tx pgx.Tx, m Market, now time.Time) (r Rows[ExportedPlacard], err error) {
		r.Market = m
		r.Count, err = postgres.One[int](ctx, tx, `SELECT count(*)::int FROM `+known, pgx.StrictNamedArgs{"market": m.ID})
		r.Each = func(take func(ExportedPlacard) error) error {
			var after *PlacardID
			for {
				page, err := postgres.All[ExportedPlacard](ctx, tx, `
					SELECT p.*, a.number AS account_number
					FROM (SELECT p.id FROM `+known+` AND (@after::uuid IS NULL OR p.id > @after) ORDER BY p.id LIMIT @n) page
					CROSS JOIN LATERAL (`+placardColumns+` WHERE p.market_id = @market AND p.id = page.id OFFSET 0) p
					CROSS JOIN LATERAL (SELECT a.number FROM accounts a WHERE a.market_id = @market AND a.id = p.account_id OFFSET 0) a
					ORDER BY p.id`,
					pgx.StrictNamedArgs{"market": m.ID, "now": now, "proposal_lives": ProposalLives, "after": after, "n": pageOf})
				if err != nil || len(page) == 0 {
					return err
				}
				after = &page[len(page)-1].ID
				for _, p := range page {
					p.dress(m)
					p.AccountNumber = in.number(p.AccountNumber)
					if err := take(p); err != nil {
						return err
					}
				}
				if len(page) < pageOf {
					return nil
				}
			}
		}
		return r, err
	})
}

// Customer is a vendor as a provider may know of its own: nothing here comes from another provider's account or placard.
type Customer struct {
	Market     Market
	AccountID  AccountID
	Stall      string
	Vendor     string
	Number     string  // masked
	Stage      Stage   // by this account's placards alone
	Placard    *string // state of the newest live placard of this account at the stall; nil: there is none
	CheckedAt  *time.Time
	Result     *string // of that check
	ApprovedAt time.Time
}

// ExportCustomers hands out a provider's own customers in every market, market by market, each in walking order: the vendors with an
// approved account there who said themselves that this provider may know of them, and did not take it back. Numbers are masked:
// the whole ones are the provider's own already. Of vendors without that consent nothing can be told from the list, not even
// how many there are.
//
// A partner may leave the provider out when there is only one it may be. Faults: Invalid; NotFound provider-not-found, also for another's
// provider; Forbidden, also for whole numbers; and whatever give returns.
func (s *Service) ExportCustomers(ctx context.Context, by Actor, provider string, in Export, give func(provider string, each func(take func(Customer) error) error) error) error {
	if err := in.check(); err != nil {
		return err
	}
	code, err := by.ownProvider(provider)
	if err == nil && in.Full && by.ID != Console().ID {
		err = Forbidden()
	}
	if fault.KindOf(err) == fault.Forbidden {
		s.refusedIn(ctx, by, MarketID{}, Event{"rows.export_refused", "customers", []string{in.Format}})
	}
	if err != nil {
		return err
	}
	total := 0
	err = s.snapshot(ctx, func(tx pgx.Tx) error {
		markets, err := s.On(tx).MarketsIn(ctx, by, ExportCustomers, "")
		if err != nil {
			return err
		}
		return give(code, func(take func(Customer) error) error {
			for _, m := range markets {
				n, err := s.customersAt(ctx, tx, by, m, code, in, take)
				if err != nil {
					return err
				}
				total += n
			}
			return nil
		})
	})
	if err == nil && total == 0 { // the markets' own chains tell the rest
		err = pgx.BeginFunc(ctx, s.apart, func(tx pgx.Tx) error {
			return Audit(ctx, tx, s.now(), by, MarketID{}, Event{"rows.exported", "provider:" + code, []string{ListCustomers, in.Format, "rows:0", "masked"}})
		})
	}
	return actionContext("export customers of", code, err)
}

// Providers are the codes of the providers whose customers the actor may take out.
func (a Actor) Providers() (codes []string) {
	for _, g := range a.Grants {
		if g.Kind == OverProvider && slices.Contains(rights[ExportCustomers], g.Role) {
			codes = append(codes, providerCode(g.Code))
		}
	}
	return codes
}

// ownProvider is the code of a provider whose customers the actor may take out. What is another's looks like what is nobody's.
func (a Actor) ownProvider(name string) (string, error) {
	if !a.CanSomewhere(ExportCustomers) {
		return "", Forbidden()
	}
	own, code := a.Providers(), providerCode(name)
	switch {
	case name == "" && len(own) == 1:
		return own[0], nil
	case name == "":
		return "", fault.New(fault.Invalid, "export-invalid", "Some fields need mending.").With(fault.At("provider", "required", "Say which wallet or bank."))
	case slices.Contains(own, code):
		return code, nil
	case a.ID == Console().ID:
		if _, ok := qrgen.ProviderOf(name); ok {
			return code, nil
		}
	}
	return "", fault.New(fault.NotFound, "provider-not-found", "There is no wallet or bank %q here.", fault.Clip(name, 40))
}

// providerCode is our code of a provider, or the text itself where the list does not know it.
func providerCode(name string) string {
	if p, ok := qrgen.ProviderOf(name); ok {
		return p.Code
	}
	return name
}

// customersAt hands out one market's customers of a provider, and keeps in that market's record that they leave; without any it does
// neither.
func (s *Service) customersAt(ctx context.Context, tx pgx.Tx, by Actor, m Market, provider string, in Export, take func(Customer) error) (n int, err error) {
	args := pgx.StrictNamedArgs{"market": m.ID, "provider": provider}
	some, err := postgres.One[bool](ctx, tx, `SELECT EXISTS (SELECT 1 FROM consents c WHERE c.market_id = @market AND c.kind = 'sharing' AND c.provider = @provider)`, args)
	if err != nil || !some {
		return 0, err
	}
	if err := eachCustomer(ctx, tx, m, provider, func(Customer) error { n++; return nil }); err != nil || n == 0 {
		return n, err
	}
	if _, err := s.disclose(ctx, by, disclosure{market: m.ID, kind: ListCustomers, format: in.Format, provider: provider, lines: n, whole: in.Full, reason: in.Reason}); err != nil {
		return n, err
	}
	return n, eachCustomer(ctx, tx, m, provider, func(c Customer) error {
		c.Number = in.number(c.Number)
		return take(c)
	})
}

// eachCustomer reads a market's customers of a provider page by page of its stalls, as eachStall does and for the same reason.
func eachCustomer(ctx context.Context, tx pgx.Tx, m Market, provider string, take func(Customer) error) error {
	type row struct {
		AccountID  *AccountID
		Stall      string
		Vendor     *string
		Number     *string
		ApprovedAt *time.Time
		Stage      Stage
		Placard    *string
		CheckedAt  *time.Time
		Result     *string
		Position   int
		CodeKey    string
	}
	position, key := -1, ""
	for {
		page, err := postgres.All[row](ctx, tx, `
			SELECT s.code AS stall, s.position, s.code_key, v.name AS vendor, a.id AS account_id, a.number, a.approved_at,
			       CASE WHEN p.hung AND p.matched THEN 5 WHEN p.hung THEN 4 WHEN p.state IS NOT NULL THEN 3 ELSE 2 END AS stage,
			       p.state AS placard, p.checked_at, p.result
			FROM (SELECT s.id, s.code, s.position, s.code_key FROM stalls s
			      WHERE s.market_id = @market AND s.removed_at IS NULL AND (s.position, s.code_key) > (@position, @key)
			      ORDER BY s.position, s.code_key LIMIT @n) s`+whoHolds+`
			LEFT JOIN LATERAL (
				SELECT a.id, a.number, d.approved_at FROM accounts a
				CROSS JOIN LATERAL (
					SELECT max(d.decided_at) AS approved_at, bool_or(d.decision <> 'approved') AS ended
					FROM account_decisions d WHERE d.market_id = @market AND d.account_id = a.id) d
				WHERE a.market_id = @market AND a.vendor_id = v.id AND a.provider = @provider AND NOT d.ended AND `+sharesWith+`
				OFFSET 0) a ON v.id IS NOT NULL
			LEFT JOIN LATERAL (
				SELECT p.state, p.state IN ('installed', 'suspended') AND e.hung IS NOT NULL AS hung,
				       coalesce(e.looked > e.hung AND e.result = 'match', false) AS matched, e.checked_at, e.result
				FROM placards p
				CROSS JOIN LATERAL (
					SELECT max(e.seq) FILTER (WHERE e.kind = 'installed') AS hung, max(e.seq) FILTER (WHERE e.kind = 'checked') AS looked,
					       max(e.at) FILTER (WHERE e.kind = 'checked') AS checked_at,
					       (array_agg(e.result ORDER BY e.at DESC, e.seq DESC) FILTER (WHERE e.kind = 'checked'))[1] AS result
					FROM placard_events e WHERE e.market_id = @market AND e.placard_id = p.id) e
				WHERE p.market_id = @market AND p.vendor_id = v.id AND p.stall_id = s.id AND p.account_id = a.id AND p.state = ANY (@live)
				ORDER BY p.state = 'installed' DESC, p.issued_at DESC, p.id DESC LIMIT 1) p ON a.id IS NOT NULL
			ORDER BY s.position, s.code_key, a.id`,
			pgx.StrictNamedArgs{"market": m.ID, "provider": provider, "position": position, "key": key, "n": pageOf, "live": liveStates})
		if err != nil || len(page) == 0 {
			return err
		}
		for _, r := range page {
			if r.AccountID == nil {
				continue
			}
			if err := take(Customer{m, *r.AccountID, r.Stall, *r.Vendor, *r.Number, r.Stage, r.Placard, r.CheckedAt, r.Result, *r.ApprovedAt}); err != nil {
				return err
			}
		}
		last := page[len(page)-1]
		position, key = last.Position, last.CodeKey
	}
}
