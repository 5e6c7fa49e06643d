package registry

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres"
	"cho40/qrgen"

	"github.com/jackc/pgx/v5"
)

// StallID names a stall among records; people use the code painted on it.
type StallID = id.ID[Stall]

// Stall is a place in a market and who trades there now. The code outlives whoever holds it.
type Stall struct {
	Market     string    `json:"market" db:"-"`
	ID         StallID   `json:"id"`
	Code       string    `json:"code"`
	Section    string    `json:"section"`
	Goods      string    `json:"goods"`           // as the board writes it
	Category   *Category `json:"category" db:"-"` // of goods; null: no word of them is known
	Position   int       `json:"position"`        // in the walking order
	Status     string    `json:"status"`          // trading, seasonal, closed, vacant
	Trades     bool      `json:"trades_today"`    // neither vacant, closed nor out of season
	Season     *Season   `json:"season" db:"-"`
	Since      *Day      `json:"status_from"` // null: since the vendor holds it
	Why        string    `json:"status_reason"`
	Languages  string    `json:"placard_languages"` // of its card, vi+km; empty: the design's own
	ShowNumber bool      `json:"show_number"`       // the vendor asked for the whole account number on the card
	Stage      *Stage    `json:"stage" db:"-"`      // of the vendor; null when vacant
	Vendor     *Vendor   `json:"vendor" db:"-"`
	Accounts   []Account `json:"accounts" db:"-"`
	Placards   []Placard `json:"placards" db:"-"`
	Missing    []string  `json:"missing" db:"-"` // for a placard: vendor, consent, account, approval
	Gap        *Gap      `json:"gap" db:"-"`     // since a placard that worked hung there; null: one does, or none ever did

	Warnings []Duplicate `json:"warnings,omitempty" db:"-"` // of what was just stored
	Stopped  []Serial    `json:"stopped,omitempty" db:"-"`  // serials of the placards that a change of hands just suspended
	Version  int         `json:"-"`
	Again    bool        `json:"-" db:"-"` // it was sent before, and nothing was done now
}

// NewStall is a whole stall in one call: the place, who trades there, where the money goes, and the consent to keep it.
type NewStall struct {
	ID       StallID      `json:"id,omitzero"` // minted by whoever sends, so that it may be sent twice; zero: minted here
	Code     string       `json:"code"`
	Section  string       `json:"section"`
	Goods    string       `json:"goods"`
	Category string       `json:"category"` // of Categories, by its code; empty: told from goods
	Vendor   *NewVendor   `json:"vendor"`
	Accounts []NewAccount `json:"accounts"`
	Consent  *NewConsent  `json:"consent"`
}

// registration is a stall that was checked and is ready to be stored.
type registration struct {
	Stall
	vendor   *Vendor
	accounts []proposal
	consent  *NewConsent
	category string
}

// prepare checks what came in and makes the accounts' symbols, before any transaction begins.
func (in NewStall) prepare(by Actor, now time.Time) (registration, error) {
	var bad []fault.Field
	r := registration{Stall: Stall{ID: minted(in.ID)}, consent: in.Consent}
	r.Code = text(&bad, "code", in.Code, maxCode, true)
	r.Section = text(&bad, "section", in.Section, maxSection, false)
	r.Goods = text(&bad, "goods", in.Goods, maxGoods, false)
	r.category = in.Category
	checkCategory(&bad, in.Category)
	if in.Vendor != nil {
		r.vendor = in.Vendor.vendor(&bad, "vendor")
	}
	if len(in.Accounts) > 0 {
		switch {
		case in.Vendor == nil:
			bad = append(bad, fault.At("vendor", "required", "An account belongs to a vendor. Say who."))
		case in.Consent == nil:
			bad = append(bad, fault.At("consent", "required", "No account is kept without the vendor's consent."))
		}
		name := ""
		if r.vendor != nil {
			name = r.vendor.Name
		}
		r.accounts = prepare(&bad, by, now, name, in.Accounts)
	}
	if in.Consent != nil {
		in.Consent.check(&bad, "consent")
		if in.Vendor == nil {
			bad = append(bad, fault.At("vendor", "required", "A consent is a vendor's. Say whose."))
		}
	}
	return r, fault.Check("stall-invalid", bad)
}

func checkCategory(bad *[]fault.Field, code string) {
	if _, ok := CategoryOf(code); code != "" && !ok {
		*bad = append(*bad, fault.At("category", "unknown", "There is no category of goods %q.", fault.Clip(code, 40)))
	}
}

// provider is that of the account to be the default, empty when there is none.
func (r registration) provider() string {
	if len(r.accounts) == 0 {
		return ""
	}
	return r.accounts[0].Provider
}

// entry is what is compared with the record for duplicates.
func (r registration) entry() entry {
	e := entry{code: r.Code, section: r.Section, accounts: r.accounts}
	if r.vendor != nil {
		e.name, e.phone = r.vendor.Name, r.vendor.Phone
	}
	return e
}

// Register adds a stall with its vendor, the vendor's accounts (as proposals) and consent. The answer warns of what may be in the
// record already.
//
// Faults: Invalid with a pointer to each wrong field; NotFound market-not-found; Forbidden; Conflict stall-exists.
func (s *Service) Register(ctx context.Context, by Actor, marketCode string, in NewStall) (Stall, error) {
	now := s.now()
	r, err := in.prepare(by, now)
	if err != nil {
		return Stall{}, err
	}
	in.Code, in.Section, in.Goods = r.Code, r.Section, r.Goods
	st, v, whole := r.Stall, r.vendor, sent("stall", in.ID, r.Code, in)
	var warned []Duplicate
	var whatIs func() Stall
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		m, err := market(ctx, tx, by, RegisterStall, marketCode)
		if err != nil {
			return err
		}
		if st.Again, err = whole.claim(ctx, tx, by, m, now); err != nil || st.Again {
			return err
		}
		known := false // the vendor holds another stall, sent before
		if v != nil {
			if known, err = sent("vendor", in.Vendor.ID, st.Code, NewVendor{ID: in.Vendor.ID, Name: v.Name, Phone: v.Phone, Kind: in.Vendor.Kind, SIM: in.Vendor.SIM}).claim(ctx, tx, by, m, now); err != nil {
				return err
			}
		}
		if !known {
			if warned, err = duplicates(ctx, tx, by, m, r.entry(), now); err != nil {
				return err
			}
		}
		b := &pgx.Batch{}
		queueStall(b, m.ID, st, r.category, nil, now).QueryRow(func(row pgx.Row) error { return row.Scan(&st.Position) })
		events := []Event{{"stall.registered", "stall:" + st.ID.String(), []string{"code", "section", "goods"}}}
		if v != nil {
			if !known {
				queueVendor(b, m.ID, *v, nil, now)
				events = append(events, Event{"vendor.registered", "vendor:" + v.ID.String(), v.fields()})
			}
			queueOccupancy(b, m.ID, st.ID, v.ID, DayOf(now), nil)
		}
		if r.consent != nil {
			queueConsent(b, m.ID, r.vendor.ID, *r.consent, by.ID, now)
			events = append(events, Event{"consent.recorded", "vendor:" + r.vendor.ID.String(), []string{"wording", "given"}})
		}
		look := known
		var beside []int // accounts of a vendor who may have some already
		for i, a := range r.accounts {
			again, err := in.Accounts[i].claim(ctx, tx, by, m, st.Code, v.ID, now)
			switch {
			case err != nil:
				return err
			case again:
				look = true
			case known:
				beside = append(beside, i)
			default:
				a.queue(b, m.ID, v.ID)
				events = append(events, Event{"account.proposed", "account:" + a.RecordID.String(), []string{"provider", "number", "holder"}})
			}
		}
		if v != nil && !look { // new, and so counted for what comes in; others are looked at below
			queueNew(b, m.ID, now, newcomer{v.ID, r.provider()})
		}
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return err
		}
		// Who else has the account, and whose it is, is told with it: then it is read.
		shared := func(d Duplicate) bool { return d.Code == "same-account" }
		if !known && !slices.ContainsFunc(warned, shared) && !slices.ContainsFunc(in.Accounts, func(n NewAccount) bool { return n.Relation != "" }) {
			whatIs = func() Stall { return st.justMade(m, r) }
		}
		for _, i := range beside {
			proposed, err := propose(ctx, tx, by, m, v.ID, &r.accounts[i], in.Accounts[i])
			if err != nil {
				return err
			}
			events = append(events, proposed...)
		}
		if look && v != nil {
			if err := Recount(ctx, tx, m.ID, now, v.ID); err != nil {
				return err
			}
		}
		return Audit(ctx, tx, now, by, m.ID, events...)
	})
	switch postgres.Violated(err) {
	case "stalls_one_per_code":
		err = fault.New(fault.Conflict, "stall-exists", "There is a stall %s in this market already.", r.Code).
			With(fault.At("code", "taken", "Already taken.")).Because(err)
	case "stalls_pk", "vendors_pk", "accounts_pk": // an id of ours, or one that came at the same moment
		err = whole.differs()
	}
	if err = s.keepBoth(ctx, by, marketCode, err); err != nil {
		return Stall{}, actionContext("register stall", r.Code, err)
	}
	if st.Again {
		return s.again(ctx, by, marketCode, st)
	}
	if whatIs != nil {
		st, err = whatIs(), nil
	} else {
		st, err = s.Stall(ctx, by, marketCode, r.Code)
	}
	st.Warnings = warned
	return st, err
}

// CheckStall says what Register would warn of, and stores nothing. Faults: Invalid; NotFound market-not-found; Forbidden.
func (s *Service) CheckStall(ctx context.Context, by Actor, marketCode string, in NewStall) (Forecast, error) {
	now := s.now()
	f := Forecast{Stops: []Serial{}}
	r, err := in.prepare(by, now)
	if err != nil {
		return f, err
	}
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		m, err := market(ctx, tx, by, RegisterStall, marketCode)
		if err == nil {
			f.Warnings, err = duplicates(ctx, tx, by, m, r.entry(), now)
		}
		return err
	})
	return f, actionContext("check stall", r.Code, err)
}

// justMade is a new stall as Stall would read it, without reading it: six statements, which take longer than those that store it.
func (st Stall) justMade(m Market, r registration) Stall {
	st.Market, st.Status, st.Version = m.Code, "vacant", 1
	st.Category = category(r.category, st.Goods)
	st.Accounts, st.Placards, st.Missing = []Account{}, []Placard{}, []string{}
	v := r.vendor
	if v == nil {
		st.Missing = append(st.Missing, "vendor")
		return st
	}
	shown := *v
	shown.Phone, shown.OwnConsent = "", r.consent != nil
	if v.Phone != "" {
		shown.Phone = Masked(v.Phone)
	}
	st.Status, st.Trades, st.Vendor, st.Stage = "trading", true, &shown, new(Stage)
	for _, p := range r.accounts {
		a := p.Account
		a.State, a.ProposedAt, a.TouchedBy, a.VendorID, a.Payload, a.Symbol = StateProposed, p.at, p.touched, v.ID, p.payload, p.symbol
		a.BIN, a.Verification = p.bin, &Verification{Rung: a.firstRung(), At: p.at}
		a.dress(m)
		st.Accounts = append(st.Accounts, a)
		*st.Stage = HasAccount
	}
	st.lacks(r.consent != nil)
	return st
}

// lacks fills in what is missing for a placard of a stall that somebody holds.
func (st *Stall) lacks(consented bool) {
	approved, live := false, false
	for _, a := range st.Accounts {
		approved = approved || a.State == StateApproved
		live = live || a.State == StateApproved || a.State == StateProposed
	}
	if !consented {
		st.Missing = append(st.Missing, "consent")
	}
	switch {
	case !live:
		st.Missing = append(st.Missing, "account")
	case !approved:
		st.Missing = append(st.Missing, "approval")
	}
}

// again is a stall that was sent before, as it is now: its code may have been corrected since.
func (s *Service) again(ctx context.Context, by Actor, marketCode string, st Stall) (Stall, error) {
	m, masked, err := marketSeen(ctx, s.db, by, marketCode)
	if err != nil {
		return Stall{}, err
	}
	code, err := postgres.Found[string](ctx, s.db, stallNotFound(st.Code), `SELECT code FROM stalls WHERE market_id = @market AND id = @id AND removed_at IS NULL`,
		pgx.StrictNamedArgs{"market": m.ID, "id": st.ID})
	if err != nil {
		return Stall{}, err
	}
	st, err = s.stall(ctx, m, masked, code)
	st.Again = true
	return st, err
}

// whoTrades are stalls s with the vendor v who holds each now. Every step is a look-up by index: with plain joins the planner,
// which knows nothing of a market that was just imported, loops over all vendors for each stall.
const whoTrades = `stalls s` + whoHolds

// whoHolds finds the vendor v who holds each of some stalls s.
const whoHolds = `
		LEFT JOIN LATERAL (SELECT o.id, o.vendor_id FROM occupancies o
		                   WHERE o.market_id = @market AND o.stall_id = s.id AND o.ended IS NULL OFFSET 0) o ON true
		LEFT JOIN LATERAL (SELECT v.id, v.name, v.name_fold, v.phone, CASE WHEN v.erased_at IS NULL THEN v.default_account END AS default_account FROM vendors v
		                   WHERE v.market_id = @market AND v.id = o.vendor_id OFFSET 0) v ON true`

// Stall is one stall with everything about it that the actor may see. Faults: NotFound; Forbidden.
func (s *Service) Stall(ctx context.Context, by Actor, marketCode, code string) (Stall, error) {
	m, masked, err := marketSeen(ctx, s.db, by, marketCode)
	if err != nil {
		return Stall{}, err
	}
	return s.stall(ctx, m, masked, code)
}

// marketSeen finds a market whose vendors the actor may see, perhaps with names masked.
func marketSeen(ctx context.Context, db postgres.Querier, by Actor, code string) (m Market, masked bool, err error) {
	m, err = market(ctx, db, by, SeeVendors, code)
	if fault.KindOf(err) == fault.Forbidden {
		m, err = market(ctx, db, by, SeeMaskedVendors, code)
		return m, true, err
	}
	return m, false, err
}

func (s *Service) stall(ctx context.Context, m Market, masked bool, code string) (Stall, error) {
	now := s.now()
	type row struct {
		Stall
		VendorID             *VendorID
		VendorName           *string
		VendorPhone          *string
		VendorKind           *string
		VendorSIM            *string
		SeasonFrom, SeasonTo *int
		CategoryCode         string
		Consented            bool
		OwnConsent           bool
	}
	r, err := postgres.Found[row](ctx, s.db, stallNotFound(code), `
		SELECT s.id, s.code, s.section, s.goods, s.position, s.version, s.placard_languages AS languages, s.show_number,
		       s.category AS category_code, `+statusColumns+`, t.season_from, t.season_to, t.status_from AS since, coalesce(t.status_reason, '') AS why,
		       v.id AS vendor_id, v.name AS vendor_name, v.phone AS vendor_phone, v.kind AS vendor_kind, v.sim_registered AS vendor_sim,
		       coalesce(c.kinds && ARRAY['vendor', 'attested_by_board'], false) AS consented,
		       coalesce('vendor' = ANY (c.kinds), false) AS own_consent
		FROM stalls s
		LEFT JOIN occupancies o ON o.market_id = s.market_id AND o.stall_id = s.id AND o.ended IS NULL
		LEFT JOIN vendors v ON v.market_id = o.market_id AND v.id = o.vendor_id
		LEFT JOIN LATERAL (`+statusOn+`) t ON true
		LEFT JOIN LATERAL (`+liveConsents+`) c ON true
		WHERE s.market_id = @market AND s.code_key = @key AND s.removed_at IS NULL`,
		pgx.StrictNamedArgs{"market": m.ID, "key": codeKey(code), "day": DayOf(now)})
	if err != nil {
		return Stall{}, actionContext("stall", code, err)
	}
	st := r.Stall
	st.Market = m.Code
	st.Category = category(r.CategoryCode, st.Goods)
	if r.SeasonFrom != nil {
		st.Season = &Season{*r.SeasonFrom, *r.SeasonTo}
	}
	st.Accounts, st.Placards, st.Missing = []Account{}, []Placard{}, []string{}
	if r.VendorID == nil {
		st.Missing = append(st.Missing, "vendor")
		return st, nil
	}
	st.Vendor = &Vendor{ID: *r.VendorID, Name: *r.VendorName, Kind: *r.VendorKind, SIM: *r.VendorSIM, OwnConsent: r.OwnConsent}
	if r.VendorPhone != nil {
		st.Vendor.Phone = Masked(*r.VendorPhone)
	}
	if st.Accounts, err = accountsOf(ctx, s.db, m, *r.VendorID, now); err != nil {
		return st, err
	}
	if err := describe(ctx, s.db, m, st.Accounts, now); err != nil {
		return st, err
	}
	if st.Placards, err = placardsAt(ctx, s.db, m, st.ID, now); err != nil {
		return st, err
	}
	if st.Gap, err = gapAt(ctx, s.db, m, st.ID, *r.VendorID, st.Placards, now); err != nil {
		return st, err
	}
	args := StageArgs(m.ID, now)
	args["vendor"] = *r.VendorID
	if st.Stage, err = postgres.Found[*Stage](ctx, s.db, stallNotFound(code), `SELECT n.stage FROM (SELECT @vendor::uuid AS id) v CROSS JOIN LATERAL (`+stageOf("v.id")+`) n`, args); err != nil {
		return st, err
	}
	st.lacks(r.Consented)
	if masked {
		st.Vendor.Name = maskedName(st.Vendor.Name)
		for i := range st.Accounts {
			st.Accounts[i].mask()
		}
		for i := range st.Placards {
			st.Placards[i].Holder = maskedName(st.Placards[i].Holder)
			st.Placards[i].Vendor = maskedName(st.Placards[i].Vendor)
		}
	}
	return st, nil
}

func stallNotFound(code string) *fault.Error {
	return fault.New(fault.NotFound, "stall-not-found", "There is no stall %q in this market.", fault.Clip(code, maxCode))
}

// ETag is the stall's version as HTTP carries it.
func (st Stall) ETag() string { return fmt.Sprintf(`"%s.%d"`, st.ID, st.Version) }

var placardLanguages = regexp.MustCompile(`^([a-z]{2}(\+[a-z]{2})?)?$`)

// twoLanguages reports whether s names one language or two different ones, first the one that comes first on the card, or none.
func twoLanguages(s string) bool {
	first, second, _ := strings.Cut(s, "+")
	return placardLanguages.MatchString(s) && (s == "" || first != second)
}

// ChangedStall holds the fields of a stall to change; nil leaves a field as it is. A vendor given for a vacant stall takes it;
// for a stall that is held it corrects the vendor's own name or phone. Accounts change by proposals only.
type ChangedStall struct {
	Section    *string        `json:"section"`
	Goods      *string        `json:"goods"`
	Category   *string        `json:"category"` // empty: told from goods again
	Languages  *string        `json:"placard_languages"`
	ShowNumber *bool          `json:"show_number"`
	Vendor     *ChangedVendor `json:"vendor"`
}

// Change edits a stall. match is the ETag of the version that was seen.
//
// Faults: NeedsVersion without match; Stale when somebody saved first; Invalid; NotFound; Forbidden.
func (s *Service) Change(ctx context.Context, by Actor, marketCode, code, match string, in ChangedStall) (Stall, error) {
	now := s.now()
	var bad []fault.Field
	clean := func(p *string, pointer string, most int) *string {
		if p == nil {
			return nil
		}
		v := text(&bad, pointer, *p, most, false)
		return &v
	}
	in.Section = clean(in.Section, "section", maxSection)
	in.Goods = clean(in.Goods, "goods", maxGoods)
	if in.Category != nil {
		checkCategory(&bad, *in.Category)
	}
	if in.Languages != nil && !twoLanguages(*in.Languages) {
		bad = append(bad, fault.At("placard_languages", "form", "One language or two, such as vi or vi+km."))
	}
	if in.Vendor != nil {
		in.Vendor.clean(&bad, "vendor")
	}
	if err := fault.Check("stall-invalid", bad); err != nil {
		return Stall{}, err
	}
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		m, err := market(ctx, tx, by, RegisterStall, marketCode)
		if err != nil {
			return err
		}
		type held struct {
			ID       StallID
			Version  int
			VendorID *VendorID
			Erased   bool
		}
		h, err := postgres.Found[held](ctx, tx, stallNotFound(code), `
			SELECT s.id, s.version, o.vendor_id, v.erased_at IS NOT NULL AS erased
			FROM stalls s
			LEFT JOIN occupancies o ON o.market_id = s.market_id AND o.stall_id = s.id AND o.ended IS NULL
			LEFT JOIN vendors v ON v.market_id = s.market_id AND v.id = o.vendor_id
			WHERE s.market_id = @market AND s.code_key = @key AND s.removed_at IS NULL
			FOR UPDATE OF s`, pgx.StrictNamedArgs{"market": m.ID, "key": codeKey(code)})
		if err != nil {
			return err
		}
		if err := Unchanged(match, (Stall{ID: h.ID, Version: h.Version}).ETag()); err != nil {
			return err
		}
		fields := []string{}
		if in.Section != nil {
			fields = append(fields, "section")
		}
		if in.Goods != nil {
			fields = append(fields, "goods")
		}
		if in.Category != nil {
			fields = append(fields, "category")
		}
		if in.Languages != nil {
			fields = append(fields, "placard_languages")
		}
		if in.ShowNumber != nil {
			fields = append(fields, "show_number")
		}
		if _, err := tx.Exec(ctx, `
			UPDATE stalls SET section = coalesce(@section, section), goods = coalesce(@goods, goods), category = coalesce(@category, category), version = version + 1,
			       placard_languages = coalesce(@languages, placard_languages), show_number = coalesce(@show_number, show_number)
			WHERE market_id = @market AND id = @id`,
			pgx.StrictNamedArgs{"market": m.ID, "id": h.ID, "section": in.Section, "goods": in.Goods, "category": in.Category,
				"languages": in.Languages, "show_number": in.ShowNumber}); err != nil {
			return err
		}
		events := []Event{{"stall.changed", "stall:" + h.ID.String(), fields}}
		switch {
		case in.Vendor != nil && h.VendorID == nil:
			v := in.Vendor.asNew().vendor(&bad, "vendor")
			if err := fault.Check("stall-invalid", bad); err != nil {
				return err
			}
			b := &pgx.Batch{}
			queueVendor(b, m.ID, *v, nil, now)
			queueTaking(b, by, m.ID, h.ID, v.ID, DayOf(now), now)
			queueNew(b, m.ID, now, newcomer{vendor: v.ID})
			if err := tx.SendBatch(ctx, b).Close(); err != nil {
				return err
			}
			events = append(events, Event{"vendor.registered", "vendor:" + v.ID.String(), v.fields()})
		case in.Vendor != nil && h.Erased:
			return vendorErased(code)
		case in.Vendor != nil:
			if err := updateVendor(ctx, tx, m.ID, *h.VendorID, *in.Vendor); err != nil {
				return err
			}
			events = append(events, Event{"vendor.changed", "vendor:" + h.VendorID.String(), in.Vendor.fields()})
		}
		return Audit(ctx, tx, now, by, m.ID, events...)
	})
	if err != nil {
		return Stall{}, actionContext("change stall", code, taken(err))
	}
	return s.Stall(ctx, by, marketCode, code)
}

// Unchanged holds a change to the version that was seen: match is an If-Match, one ETag or several. Faults: NeedsVersion; Stale.
func Unchanged(match, current string) error {
	if match == "" {
		return fault.New(fault.NeedsVersion, "version-needed", "Say which version you saw: send its ETag as If-Match.").Current(current)
	}
	for tag := range strings.SplitSeq(match, ",") {
		if strings.TrimSpace(tag) == current {
			return nil
		}
	}
	return fault.New(fault.Stale, "stale", "Somebody saved first. Look at the newest version (%s) and try again.", current).Current(current)
}

// queueStall stores a stall behind the last one; it returns the position.
func queueStall(b *pgx.Batch, m MarketID, st Stall, category string, from *ImportID, now time.Time) *pgx.QueuedQuery {
	return b.Queue(`
		INSERT INTO stalls (market_id, id, code, code_key, code_fold, section, goods, category, position, import_id, created_at)
		SELECT @market, @id, @code, @key, @fold, @section, @goods, @category, coalesce(max(s.position), 0) + 1, @import, @now
		FROM stalls s WHERE s.market_id = @market AND s.removed_at IS NULL
		RETURNING position`,
		pgx.StrictNamedArgs{"market": m, "id": st.ID, "code": st.Code, "key": codeKey(st.Code), "fold": qrgen.Search(st.Code),
			"section": st.Section, "goods": st.Goods, "category": category, "import": from, "now": now})
}

func queueOccupancy(b *pgx.Batch, m MarketID, stall StallID, vendor VendorID, began Day, from *ImportID) {
	b.Queue(`
		INSERT INTO occupancies (market_id, id, stall_id, vendor_id, began, import_id)
		VALUES (@market, @id, @stall, @vendor, @began, @import)`,
		pgx.StrictNamedArgs{"market": m, "id": id.New[occupancy](), "stall": stall, "vendor": vendor, "began": began, "import": from})
}
