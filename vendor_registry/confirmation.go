package registry

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"cho40/internal/fault"
	"cho40/internal/postgres"

	"github.com/jackc/pgx/v5"
)

// Confirmation is what a wallet or bank says of one account there: that it is its customer's and works, or does not any more, and on which
// days it was paid.
type Confirmation struct {
	Account AccountRef     `json:"account"`
	Status  string         `json:"status"` // active: it exists and takes money; closed: it does not; empty: nothing is said of that
	Holder  string         `json:"holder"` // with active: the holder's name as the provider has it; empty: it is not said
	Uses    []ConfirmedUse `json:"uses"`
}

// ConfirmedUse is how often an account was paid on a day, never how much nor by whom.
type ConfirmedUse struct {
	Day      Day `json:"day"`
	Payments int `json:"payments"`
}

// NewConfirmations are many of one provider's.
type NewConfirmations struct {
	Provider string         `json:"provider"` // may be left out by a key of one provider
	Days     []Day          `json:"days"`     // of which all uses are told: on them, an account without one was not paid
	Items    []Confirmation `json:"items"`
}

// Confirmed is what became of a confirmation. It tells nothing that the provider did not say itself.
type Confirmed struct {
	Account AccountRef
	Result  string       // recorded, unchanged; empty: refused
	Fault   *fault.Error // why
}

// What a call may hold, and for how long the same word again is no news.
const (
	maxConfirmations = 500
	maxUsesEach      = 31
	saidWithin       = 24 * time.Hour
)

// Confirm records what a wallet or bank says of accounts, each on its own: one that is refused does not hold up the rest. Only its own key
// speaks for a provider, of accounts there whose vendors agreed that it may know of them; every other account is as if it did not exist.
// The same again changes nothing. Of a day told again, what was told last holds.
//
// That an account is closed stops nothing: what follows from it is in closure.go. A later word that it is active takes it back.
//
// Faults: Invalid confirmations-invalid; NotFound provider-not-found, also for another's; Forbidden. Of single ones: Invalid
// confirmation-invalid; NotFound account-not-found; Conflict account-over.
func (s *Service) Confirm(ctx context.Context, by Actor, in NewConfirmations) ([]Confirmed, error) {
	now := s.now()
	if !by.CanSomewhere(ConfirmAccount) {
		return nil, Forbidden()
	}
	provider, err := by.ownProvider(in.Provider)
	if err != nil {
		return nil, err
	}
	if !by.confirms(Account{Provider: provider}) { // a person of the provider's: its systems know, people may be mistaken
		return nil, Forbidden()
	}
	var bad []fault.Field
	if len(in.Items) > maxConfirmations {
		bad = append(bad, fault.At("items", "too-many", "At most %d accounts at a time.", maxConfirmations))
	}
	if len(in.Days) > maxUsesEach {
		bad = append(bad, fault.At("days", "too-many", "At most %d days at a time.", maxUsesEach))
	}
	for i, d := range in.Days {
		if d.IsZero() || d.After(DayOf(now)) {
			bad = append(bad, fault.At(below("days", strconv.Itoa(i)), "future", "A day up to today."))
		}
	}
	if err := fault.Check("confirmations-invalid", bad); err != nil {
		return nil, err
	}
	answers, byMarket := make([]Confirmed, len(in.Items)), map[string][]int{}
	seen := map[string]bool{}
	for i := range in.Items {
		c := &in.Items[i]
		answers[i].Account = c.Account
		if err := c.check(now); err != nil {
			answers[i].Fault, _ = fault.As(err)
			continue
		}
		if seen[c.Account.String()] {
			answers[i].Fault = fault.New(fault.Invalid, "confirmation-invalid", "Some fields need mending.").With(fault.At("account", "twice", "The same account stands here twice."))
			continue
		}
		seen[c.Account.String()] = true
		byMarket[c.Account.Market] = append(byMarket[c.Account.Market], i)
	}
	if len(in.Days) > 0 {
		err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error { return reportUses(ctx, tx, by, provider, in.Days, now) })
		if err != nil {
			return nil, actionContext("confirm accounts of", provider, err)
		}
	}
	for _, code := range slices.Sorted(maps.Keys(byMarket)) { // always in one order, so two calls do not wait for each other
		err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
			return confirmIn(ctx, tx, by, provider, code, in.Items, byMarket[code], answers, now)
		})
		if err != nil {
			return nil, actionContext("confirm accounts in", code, err)
		}
	}
	return answers, nil
}

func (c *Confirmation) check(now time.Time) error {
	var bad []fault.Field
	if c.Status != "" && c.Status != "active" && c.Status != "closed" {
		bad = append(bad, fault.At("status", "unknown", "One of: %s.", "active, closed"))
	}
	c.Holder = text(&bad, "holder", c.Holder, maxName, false)
	switch {
	case c.Holder != "" && c.Status != "active":
		bad = append(bad, fault.At("holder", "unexpected", "A holder is confirmed with the account: say active."))
	case c.Status == "" && len(c.Uses) == 0:
		bad = append(bad, fault.At("status", "required", "Say that it is active or closed, or on which days it was paid."))
	}
	if len(c.Uses) > maxUsesEach {
		bad = append(bad, fault.At("uses", "too-many", "At most %d days at a time.", maxUsesEach))
	}
	days := map[Day]bool{}
	for i, u := range c.Uses {
		at := below("uses", strconv.Itoa(i))
		switch {
		case u.Day.IsZero() || u.Day.After(DayOf(now)):
			bad = append(bad, fault.At(below(at, "day"), "future", "A day up to today."))
		case days[u.Day]:
			bad = append(bad, fault.At(below(at, "day"), "twice", "The same day stands here twice."))
		}
		days[u.Day] = true
		if u.Payments < 1 {
			bad = append(bad, fault.At(below(at, "payments"), "range", "A number from 1."))
		}
	}
	return fault.Check("confirmation-invalid", bad)
}

// reportUses keeps that a provider told of some days, each once.
func reportUses(ctx context.Context, tx pgx.Tx, by Actor, provider string, days []Day, now time.Time) error {
	_, err := tx.Exec(ctx, `INSERT INTO use_reports (provider, day, recorded_by, recorded_at) SELECT DISTINCT @provider, u.day, @by, @now::timestamptz FROM unnest(@days::date[]) u (day) ON CONFLICT DO NOTHING`,
		pgx.StrictNamedArgs{"provider": provider, "days": days, "by": by.ID, "now": now})
	return err
}

// confirmIn records the confirmations of one market.
func confirmIn(ctx context.Context, tx pgx.Tx, by Actor, provider, code string, items []Confirmation, which []int, answers []Confirmed, now time.Time) error {
	refuse := func(f *fault.Error) {
		for _, i := range which {
			answers[i].Fault = f
		}
	}
	m, err := market(ctx, tx, by, ConfirmAccount, code)
	if fault.KindOf(err) == fault.NotFound {
		refuse(accountNotFound())
		return nil
	}
	if err != nil {
		return err
	}
	ids := make([]AccountID, len(which))
	for n, i := range which {
		ids[n] = items[i].Account.ID
	}
	args := accountArgs(m.ID, now)
	args["ids"], args["provider"] = ids, provider
	if _, err := tx.Exec(ctx, `SELECT FROM vendors WHERE market_id = @market AND id = ANY (ARRAY(SELECT a.vendor_id FROM accounts a WHERE a.market_id = @market AND a.id = ANY (@ids)))
		ORDER BY id FOR NO KEY UPDATE`, pgx.StrictNamedArgs{"market": m.ID, "ids": ids}); err != nil {
		return err
	}
	found, err := postgres.All[Account](ctx, tx, accountColumns+` WHERE a.market_id = @market AND a.id = ANY (@ids) AND a.number <> '' AND a.provider = @provider AND `+sharesWith, args)
	if err != nil {
		return err
	}
	type said struct {
		AccountID AccountID
		HeardName *string
	}
	lately, err := postgres.All[said](ctx, tx, `
		SELECT DISTINCT ON (v.account_id) v.account_id, v.heard_name FROM account_verifications v
		WHERE v.market_id = @market AND v.account_id = ANY (@ids) AND v.step = 'provider_confirmed' AND v.recorded_by = @by AND v.recorded_at > @after
		  AND NOT EXISTS (SELECT 1 FROM account_closures c WHERE c.market_id = @market AND c.account_id = v.account_id AND (c.recorded_at, c.id) > (v.recorded_at, v.id))
		  AND NOT EXISTS (SELECT 1 FROM account_verifications w WHERE w.market_id = @market AND w.account_id = v.account_id AND w.heard_name IS NOT NULL AND w.recorded_at > v.recorded_at)
		ORDER BY v.account_id, v.recorded_at DESC, v.id DESC`, pgx.StrictNamedArgs{"market": m.ID, "ids": ids, "by": by.ID, "after": now.Add(-saidWithin)})
	if err != nil {
		return err
	}
	shut, err := closedLately(ctx, tx, by, m, ids, now.Add(-saidWithin))
	if err != nil {
		return err
	}
	type use struct {
		AccountID AccountID
		Day       Day
		Payments  int
	}
	before, err := postgres.All[use](ctx, tx, `SELECT u.account_id, u.day, u.payments FROM account_uses u WHERE u.market_id = @market AND u.account_id = ANY (@ids)`,
		pgx.StrictNamedArgs{"market": m.ID, "ids": ids})
	if err != nil {
		return err
	}
	var events []Event
	var vendors []VendorID
	var accounts []AccountID
	var days []Day
	var payments []int
	for _, i := range which {
		c := items[i]
		at := slices.IndexFunc(found, func(a Account) bool { return a.RecordID == c.Account.ID })
		if at < 0 {
			answers[i].Fault = accountNotFound() // another wallet's customer, or one who did not agree, is as if they did not exist
			continue
		}
		a := found[at]
		if a.State != StateProposed && a.State != StateApproved {
			answers[i].Fault = fault.New(fault.Conflict, "account-over", "This account is %s, so nothing more is recorded of it.", a.State)
			continue
		}
		answers[i].Result = "unchanged"
		known := slices.ContainsFunc(lately, func(s said) bool {
			return s.AccountID == a.RecordID && (s.HeardName == nil && c.Holder == "" || s.HeardName != nil && *s.HeardName == c.Holder)
		})
		if c.Status == "active" && !known {
			r := recorded{step: RungConfirmed, heard: c.Holder, matches: c.Holder == "" || a.isHolder(c.Holder), how: "api", at: now}
			if err := r.insert(ctx, tx, by, m, a.RecordID, now); err != nil {
				return err
			}
			events, answers[i].Result = append(events, r.event(a.RecordID)), "recorded"
		}
		if c.Status == "closed" && !slices.Contains(shut, a.RecordID) {
			e, err := closeAccount(ctx, tx, by, m, a.RecordID, now)
			if err != nil {
				return err
			}
			events, answers[i].Result = append(events, e), "recorded"
		}
		used := false
		for _, u := range c.Uses {
			if slices.Contains(before, use{a.RecordID, u.Day, u.Payments}) {
				continue
			}
			accounts, days, payments = append(accounts, a.RecordID), append(days, u.Day), append(payments, u.Payments)
			used = true
		}
		if used {
			vendors, answers[i].Result = append(vendors, a.VendorID), "recorded"
			events = append(events, Event{"account.uses_confirmed", "account:" + a.RecordID.String(), []string{provider}})
		}
	}
	if len(accounts) > 0 {
		if _, err := tx.Exec(ctx, `
			INSERT INTO account_uses (market_id, account_id, day, payments, recorded_by, recorded_at)
			SELECT @market, u.account, u.day, u.payments, @by, @now FROM unnest(@accounts::uuid[], @days::date[], @payments::int[]) u (account, day, payments)
			ON CONFLICT (market_id, account_id, day) DO UPDATE SET payments = excluded.payments, recorded_by = excluded.recorded_by, recorded_at = excluded.recorded_at`,
			pgx.StrictNamedArgs{"market": m.ID, "accounts": accounts, "days": days, "payments": payments, "by": by.ID, "now": now}); err != nil {
			return err
		}
		if err := reportUses(ctx, tx, by, provider, days, now); err != nil {
			return err
		}
		if err := Recount(ctx, tx, m.ID, now, vendors...); err != nil {
			return err
		}
	}
	return Audit(ctx, tx, now, by, m.ID, events...)
}

// sharedWith reports whether the vendor of an account agreed that a provider may know of them.
func sharedWith(ctx context.Context, tx pgx.Tx, m MarketID, vendor VendorID, provider string) (bool, error) {
	return postgres.One[bool](ctx, tx, `SELECT `+strings.ReplaceAll(sharesWith, "v.id", "@vendor"), pgx.StrictNamedArgs{"market": m, "vendor": vendor, "provider": provider})
}
