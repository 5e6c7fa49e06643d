package registry

import (
	"context"
	"fmt"
	"regexp"
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
	Goods      string    `json:"goods"`
	Position   int       `json:"position"`          // in the walking order
	Status     string    `json:"status"`            // trading, vacant
	Languages  string    `json:"placard_languages"` // of its card, vi+km; empty: the design's own
	ShowNumber bool      `json:"show_number"`       // the vendor asked for the whole account number on the card
	Stage      *Stage    `json:"stage" db:"-"`      // of the vendor; null when vacant
	Vendor     *Vendor   `json:"vendor" db:"-"`
	Accounts   []Account `json:"accounts" db:"-"`
	Placards   []Placard `json:"placards" db:"-"`
	Missing    []string  `json:"missing" db:"-"` // for a placard: vendor, consent, account, approval
	Gap        *Gap      `json:"gap" db:"-"`     // since a placard that worked hung there; null: one does, or none ever did
	Version    int       `json:"-"`
}

// NewStall is a whole stall in one call: the place, who trades there, where the money goes, and the consent to keep it.
type NewStall struct {
	Code     string       `json:"code"`
	Section  string       `json:"section"`
	Goods    string       `json:"goods"`
	Vendor   *NewVendor   `json:"vendor"`
	Accounts []NewAccount `json:"accounts"`
	Consent  *NewConsent  `json:"consent"`
}

// Register adds a stall with its vendor, the vendor's accounts (as proposals) and consent.
//
// Faults: Invalid with a pointer to each wrong field; NotFound market-not-found; Forbidden; Conflict stall-exists.
func (s *Service) Register(ctx context.Context, by Actor, marketCode string, in NewStall) (Stall, error) {
	now := s.now()
	var bad []fault.Field
	st := Stall{ID: id.New[Stall]()}
	st.Code = text(&bad, "code", in.Code, maxCode, true)
	st.Section = text(&bad, "section", in.Section, maxSection, false)
	st.Goods = text(&bad, "goods", in.Goods, maxGoods, false)
	var v *Vendor
	if in.Vendor != nil {
		v = in.Vendor.vendor(&bad, "vendor")
	}
	var accounts []proposal
	if len(in.Accounts) > 0 {
		switch {
		case in.Vendor == nil:
			bad = append(bad, fault.At("vendor", "required", "An account belongs to a vendor. Say who."))
		case in.Consent == nil:
			bad = append(bad, fault.At("consent", "required", "No account is kept without the vendor's consent."))
		}
		name := ""
		if v != nil {
			name = v.Name
		}
		accounts = prepare(&bad, by, now, name, in.Accounts)
	}
	if in.Consent != nil {
		in.Consent.check(&bad, "consent")
		if in.Vendor == nil {
			bad = append(bad, fault.At("vendor", "required", "A consent is a vendor's. Say whose."))
		}
	}
	if err := fault.Check("stall-invalid", bad); err != nil {
		return Stall{}, err
	}
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		m, err := market(ctx, tx, by, RegisterStall, marketCode)
		if err != nil {
			return err
		}
		b := &pgx.Batch{}
		queueStall(b, m.ID, st, nil, now)
		events := []Event{{"stall.registered", "stall:" + st.ID.String(), []string{"code", "section", "goods"}}}
		if v != nil {
			queueVendor(b, m.ID, *v, nil, now)
			queueOccupancy(b, m.ID, st.ID, v.ID, DayOf(now), nil)
			events = append(events, Event{"vendor.registered", "vendor:" + v.ID.String(), v.fields()})
		}
		if in.Consent != nil {
			queueConsent(b, m.ID, v.ID, *in.Consent, by.ID, now)
			events = append(events, Event{"consent.recorded", "vendor:" + v.ID.String(), []string{"wording", "given"}})
		}
		for _, a := range accounts {
			a.queue(b, m.ID, v.ID)
			events = append(events, Event{"account.proposed", "account:" + a.RecordID.String(), []string{"provider", "number", "holder"}})
		}
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return err
		}
		return Audit(ctx, tx, now, by, m.ID, events...)
	})
	if postgres.Violated(err) == "stalls_one_per_code" {
		err = fault.New(fault.Conflict, "stall-exists", "There is a stall %s in this market already.", st.Code).
			With(fault.At("code", "taken", "Already taken.")).Because(err)
	}
	if err != nil {
		return Stall{}, actionContext("register stall", st.Code, err)
	}
	return s.Stall(ctx, by, marketCode, st.Code)
}

// whoTrades are stalls s with the vendor v who holds each now. Every step is a look-up by index: with plain joins the planner,
// which knows nothing of a market that was just imported, loops over all vendors for each stall.
const whoTrades = `stalls s
		LEFT JOIN LATERAL (SELECT o.vendor_id FROM occupancies o
		                   WHERE o.market_id = @market AND o.stall_id = s.id AND o.ended IS NULL OFFSET 0) o ON true
		LEFT JOIN LATERAL (SELECT v.id, v.name, v.name_fold, v.phone, v.default_account FROM vendors v
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
		VendorID    *VendorID
		VendorName  *string
		VendorPhone *string
		Consented   bool
		OwnConsent  bool
	}
	r, err := one[row](ctx, s.db, stallNotFound(code), `
		SELECT s.id, s.code, s.section, s.goods, s.position, s.version, s.placard_languages AS languages, s.show_number,
		       CASE WHEN v.id IS NULL THEN 'vacant' ELSE 'trading' END AS status,
		       v.id AS vendor_id, v.name AS vendor_name, v.phone AS vendor_phone,
		       coalesce(c.kinds && ARRAY['vendor', 'attested_by_board'], false) AS consented,
		       coalesce('vendor' = ANY (c.kinds), false) AS own_consent
		FROM stalls s
		LEFT JOIN occupancies o ON o.market_id = s.market_id AND o.stall_id = s.id AND o.ended IS NULL
		LEFT JOIN vendors v ON v.market_id = o.market_id AND v.id = o.vendor_id
		LEFT JOIN LATERAL (`+liveConsents+`) c ON true
		WHERE s.market_id = @market AND s.code_key = @key AND s.removed_at IS NULL`,
		pgx.StrictNamedArgs{"market": m.ID, "key": codeKey(code)})
	if err != nil {
		return Stall{}, actionContext("stall", code, err)
	}
	st := r.Stall
	st.Market = m.Code
	st.Accounts, st.Placards, st.Missing = []Account{}, []Placard{}, []string{}
	if r.VendorID == nil {
		st.Missing = append(st.Missing, "vendor")
		return st, nil
	}
	st.Vendor = &Vendor{ID: *r.VendorID, Name: *r.VendorName, OwnConsent: r.OwnConsent}
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
	if st.Stage, err = one[*Stage](ctx, s.db, stallNotFound(code), stagesOfVendorSQL+` SELECT stage FROM stage_now`, args); err != nil {
		return st, err
	}
	approved, live := false, false
	for _, a := range st.Accounts {
		approved = approved || a.State == StateApproved
		live = live || a.State == StateApproved || a.State == StateProposed
	}
	switch {
	case !r.Consented:
		st.Missing = append(st.Missing, "consent")
	}
	switch {
	case !live:
		st.Missing = append(st.Missing, "account")
	case !approved:
		st.Missing = append(st.Missing, "approval")
	}
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
	return fault.New(fault.NotFound, "stall-not-found", "There is no stall %q in this market.", clip(strings.ToValidUTF8(code, "�"), maxCode))
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
	Languages  *string        `json:"placard_languages"`
	ShowNumber *bool          `json:"show_number"`
	Vendor     *ChangedVendor `json:"vendor"`
}

// Change edits a stall. match is the ETag of the version that was seen.
//
// Faults: NeedsVersion without match; Stale when somebody saved first; Invalid; NotFound; Forbidden.
func (s *Service) Change(ctx context.Context, by Actor, marketCode, code, match string, in ChangedStall) (Stall, error) {
	if match == "" {
		return Stall{}, needsVersion()
	}
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
		}
		h, err := one[held](ctx, tx, stallNotFound(code), `
			SELECT s.id, s.version, o.vendor_id
			FROM stalls s
			LEFT JOIN occupancies o ON o.market_id = s.market_id AND o.stall_id = s.id AND o.ended IS NULL
			WHERE s.market_id = @market AND s.code_key = @key AND s.removed_at IS NULL
			FOR UPDATE OF s`, pgx.StrictNamedArgs{"market": m.ID, "key": codeKey(code)})
		if err != nil {
			return err
		}
		if current := (Stall{ID: h.ID, Version: h.Version}).ETag(); match != current {
			return stale(current)
		}
		fields := []string{}
		if in.Section != nil {
			fields = append(fields, "section")
		}
		if in.Goods != nil {
			fields = append(fields, "goods")
		}
		if in.Languages != nil {
			fields = append(fields, "placard_languages")
		}
		if in.ShowNumber != nil {
			fields = append(fields, "show_number")
		}
		if _, err := tx.Exec(ctx, `
			UPDATE stalls SET section = coalesce(@section, section), goods = coalesce(@goods, goods), version = version + 1,
			       placard_languages = coalesce(@languages, placard_languages), show_number = coalesce(@show_number, show_number)
			WHERE market_id = @market AND id = @id`,
			pgx.StrictNamedArgs{"market": m.ID, "id": h.ID, "section": in.Section, "goods": in.Goods,
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
			queueOccupancy(b, m.ID, h.ID, v.ID, DayOf(now), nil)
			if err := tx.SendBatch(ctx, b).Close(); err != nil {
				return err
			}
			events = append(events, Event{"vendor.registered", "vendor:" + v.ID.String(), v.fields()})
		case in.Vendor != nil:
			if err := updateVendor(ctx, tx, m.ID, *h.VendorID, *in.Vendor); err != nil {
				return err
			}
			events = append(events, Event{"vendor.changed", "vendor:" + h.VendorID.String(), in.Vendor.fields()})
		}
		return Audit(ctx, tx, now, by, m.ID, events...)
	})
	if err != nil {
		return Stall{}, actionContext("change stall", code, err)
	}
	return s.Stall(ctx, by, marketCode, code)
}

func needsVersion() error {
	return fault.New(fault.NeedsVersion, "version-needed", "Say which version you saw: send its ETag as If-Match.")
}

func stale(current string) error {
	return fault.New(fault.Stale, "stale", "Somebody saved first. Look at the newest version (%s) and try again.", current)
}

func queueStall(b *pgx.Batch, m MarketID, st Stall, from *ImportID, now time.Time) {
	b.Queue(`
		INSERT INTO stalls (market_id, id, code, code_key, code_fold, section, goods, position, import_id, created_at)
		VALUES (@market, @id, @code, @key, @fold, @section, @goods,
		        (SELECT coalesce(max(position), 0) + 1 FROM stalls WHERE market_id = @market AND removed_at IS NULL), @import, @now)`,
		pgx.StrictNamedArgs{"market": m, "id": st.ID, "code": st.Code, "key": codeKey(st.Code), "fold": qrgen.Search(st.Code),
			"section": st.Section, "goods": st.Goods, "import": from, "now": now})
}

func queueOccupancy(b *pgx.Batch, m MarketID, stall StallID, vendor VendorID, began Day, from *ImportID) {
	b.Queue(`
		INSERT INTO occupancies (market_id, id, stall_id, vendor_id, began, import_id)
		VALUES (@market, @id, @stall, @vendor, @began, @import)`,
		pgx.StrictNamedArgs{"market": m, "id": id.New[occupancy](), "stall": stall, "vendor": vendor, "began": began, "import": from})
}

// occupancy is a vendor holding a stall, from a day until a day. Stall and vendor are never one record.
type occupancy struct{}
