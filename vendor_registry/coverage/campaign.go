package coverage

import (
	"context"
	"fmt"
	"slices"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres"
	registry "cho40/vendor_registry"

	"github.com/jackc/pgx/v5"
)

// Campaign is what a provider gives away for a while, in single markets, an area or the country.
type Campaign struct {
	ID            id.ID[Campaign] `json:"id"`
	Provider      string          `json:"provider"`
	Name          string          `json:"name"`
	From          registry.Day    `json:"from"`
	Until         registry.Day    `json:"until"` // the last day
	Area          string          `json:"area,omitempty"`
	Place         string          `json:"place,omitempty"` // the area's name
	Markets       []string        `json:"markets,omitempty"`
	BuyerBenefit  *int64          `json:"buyer_benefit"`  // whole đồng for each buyer
	VendorBenefit *int64          `json:"vendor_benefit"` // whole đồng for each vendor
	Terms         string          `json:"terms,omitempty"`
	Document      string          `json:"document"`
}

// NewCampaign is a campaign as it is entered.
type NewCampaign struct {
	Provider      string       `json:"provider"`
	Name          string       `json:"name"`
	From          registry.Day `json:"from"`
	Until         registry.Day `json:"until"`
	Area          string       `json:"area"`
	Markets       []string     `json:"markets"`
	BuyerBenefit  *int64       `json:"buyer_benefit"`
	VendorBenefit *int64       `json:"vendor_benefit"`
	Terms         string       `json:"terms"` // whatever else belongs to it
	Document      string       `json:"document"`
}

// Benefits that nobody gives for one purchase or one stall are slips of the finger: whole đồng.
const maxBenefit = 100_000_000

// maxCampaignMarkets keeps a campaign of half a country from being written market by market: that is an area.
const maxCampaignMarkets = 200

func (n *NewCampaign) check() error {
	var bad []fault.Field
	n.Name = registry.Clean(&bad, "name", n.Name, maxTitle, true)
	n.Terms = registry.Clean(&bad, "terms", n.Terms, maxSource, false)
	n.Document = registry.Clean(&bad, "document", n.Document, maxSource, true)
	if code, ok := registry.ProviderCode(n.Provider); ok {
		n.Provider = code
	} else if n.Provider == "" {
		bad = append(bad, fault.At("provider", "required", "Say which wallet or bank."))
	} else {
		bad = append(bad, fault.At("provider", "unknown", "No wallet or bank is called that."))
	}
	if n.From.IsZero() {
		bad = append(bad, fault.At("from", "required", "This must be filled in."))
	}
	if n.Until.IsZero() {
		bad = append(bad, fault.At("until", "required", "This must be filled in."))
	} else if n.From.After(n.Until) {
		bad = append(bad, fault.At("from", "order", "The first day comes before the last."))
	}
	for pointer, v := range map[string]*int64{"buyer_benefit": n.BuyerBenefit, "vendor_benefit": n.VendorBenefit} {
		if v != nil && (*v < 1 || *v > maxBenefit) {
			bad = append(bad, fault.At(pointer, "range", "A whole number from %d to %d.", 1, maxBenefit))
		}
	}
	if n.Area != "" && len(n.Markets) > 0 {
		bad = append(bad, fault.At("markets", "unwanted", "Name an area or markets, not both."))
	}
	if len(n.Markets) > maxCampaignMarkets {
		bad = append(bad, fault.At("markets", "too-many", "At most %d markets; for more, name their area.", maxCampaignMarkets))
	}
	slices.Sort(n.Markets)
	n.Markets = slices.Compact(n.Markets)
	return fault.Check("campaign-invalid", bad)
}

// AddCampaign enters a campaign. A partner enters its own provider's.
//
// Faults: Invalid, also area-not-then; NotFound market-not-found, area-not-found, provider-not-found; Forbidden.
func (s *Service) AddCampaign(ctx context.Context, by registry.Actor, in NewCampaign) (c Campaign, err error) {
	if err := in.check(); err != nil {
		return Campaign{}, err
	}
	now, which := s.moment(), id.New[Campaign]()
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		var grounds []registry.Ground
		if len(in.Markets) == 0 {
			g, err := s.ground(ctx, tx, by, registry.RunCampaigns, "", in.Area, in.From)
			if err != nil {
				return err
			}
			grounds = append(grounds, g)
		}
		for _, code := range in.Markets {
			g, err := registry.New(tx, s.now).GroundFor(ctx, by, registry.RunCampaigns, code, "")
			if err != nil {
				return err
			}
			grounds = append(grounds, g)
		}
		for _, g := range grounds {
			if !g.Allows(in.Provider) {
				return providerNotFound(in.Provider)
			}
		}
		if _, err := tx.Exec(ctx, `
			INSERT INTO campaigns (id, provider, title, since, until, area_code, buyer_benefit, vendor_benefit, terms, document, made_at, made_by)
			VALUES (@id, @provider, @title, @since, @until, @area, @buyer, @vendor, @terms, @document, @now, @by)`,
			pgx.StrictNamedArgs{"id": which, "provider": in.Provider, "title": in.Name, "since": in.From, "until": in.Until, "area": orNull(in.Area),
				"buyer": in.BuyerBenefit, "vendor": in.VendorBenefit, "terms": in.Terms, "document": in.Document, "now": now, "by": by.ID}); err != nil {
			return err
		}
		b := &pgx.Batch{}
		for _, g := range grounds {
			if g.Market != nil {
				b.Queue(`INSERT INTO campaign_markets (market_id, campaign_id) VALUES (@market, @id)`, pgx.StrictNamedArgs{"market": g.Market.ID, "id": which})
			}
		}
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return err
		}
		if c, err = campaign(ctx, tx, which); err != nil {
			return err
		}
		return registry.Audit(ctx, tx, now, by, registry.MarketID{}, registry.Event{Action: "campaign.added", Object: "campaign:" + which.String(), Fields: []string{in.Provider}})
	})
	if err != nil {
		return Campaign{}, fmt.Errorf("add campaign: %w", err)
	}
	return c, nil
}

const campaignColumns = `
	SELECT c.id, c.provider, c.title AS name, c.since AS "from", c.until, coalesce(c.area_code, '') AS area,
	       coalesce((SELECT s.name FROM area_states s WHERE s.code = c.area_code AND s.since <= c.since AND c.since < s.until), '') AS place,
	       (SELECT coalesce(array_agg(m.code ORDER BY m.code), '{}') FROM campaign_markets x JOIN markets m ON m.id = x.market_id WHERE x.campaign_id = c.id) AS markets,
	       c.buyer_benefit, c.vendor_benefit, c.terms, c.document
	FROM campaigns c`

func campaign(ctx context.Context, db postgres.Querier, which id.ID[Campaign]) (Campaign, error) {
	return postgres.One[Campaign](ctx, db, campaignColumns+` WHERE c.id = @id AND c.ended_at IS NULL`, pgx.StrictNamedArgs{"id": which})
}

// coversMarket says whether a campaign c runs in a market, where that lay in a unit of it on any of its days.
const coversMarket = `(c.area_code IS NULL AND NOT EXISTS (SELECT 1 FROM campaign_markets x WHERE x.campaign_id = c.id)
		OR EXISTS (SELECT 1 FROM campaign_markets x WHERE x.market_id = %[1]s AND x.campaign_id = c.id)
		OR EXISTS (SELECT 1 FROM market_places p WHERE p.market_id = %[1]s AND c.area_code IN (p.area_code, p.district, p.province) AND p.since <= c.until AND c.since < p.until))`

// Campaigns are those that run in a market, in an area or part of it, or anywhere in the country, on any day from one to another (zero: no
// limit), the latest first: what a chart of that place marks. A partner gets its own provider's.
//
// Faults: Invalid choose-one; NotFound market-not-found, area-not-found; Forbidden.
func (s *Service) Campaigns(ctx context.Context, by registry.Actor, market, area string, from, until registry.Day) ([]Campaign, error) {
	g, err := registry.New(s.db, s.now).GroundFor(ctx, by, registry.SeeCoverage, market, area)
	if err != nil {
		return nil, err
	}
	above, err := s.above(ctx, g)
	if err != nil {
		return nil, err
	}
	return postgres.All[Campaign](ctx, s.db, campaignColumns+`
		WHERE c.ended_at IS NULL AND (@from::date IS NULL OR c.until >= @from) AND (@until::date IS NULL OR c.since <= @until)
		  AND (@only::text[] IS NULL OR c.provider = ANY (@only))
		  AND CASE WHEN @market::uuid IS NOT NULL THEN `+fmt.Sprintf(coversMarket, "@market")+`
		           WHEN @area <> '' THEN c.area_code = ANY (@above)
		                OR c.area_code IN (SELECT i.code FROM area_states i WHERE @area IN (i.district, i.parent))
		                OR c.area_code IS NULL AND NOT EXISTS (SELECT 1 FROM campaign_markets x WHERE x.campaign_id = c.id)
		                OR EXISTS (SELECT 1 FROM campaign_markets x JOIN market_places p ON p.market_id = x.market_id
		                           WHERE x.campaign_id = c.id AND @area IN (p.area_code, p.district, p.province) AND p.since <= c.until AND c.since < p.until)
		           ELSE true END
		ORDER BY c.since DESC, c.id DESC LIMIT 200`,
		pgx.StrictNamedArgs{"from": from, "until": until, "only": g.Only, "market": g.MarketID(), "area": g.Area, "above": above})
}

// above are the units that an area is or was in, itself first.
func (s *Service) above(ctx context.Context, g registry.Ground) ([]string, error) {
	return postgres.All[string](ctx, s.db, `
		SELECT DISTINCT u.code FROM area_states i CROSS JOIN LATERAL unnest(ARRAY[i.code, i.district, i.parent]) u (code) WHERE i.code = @area AND u.code IS NOT NULL`,
		pgx.StrictNamedArgs{"area": g.Area})
}

// Outcome is a campaign with what came of it in the markets that the actor may see figures of.
type Outcome struct {
	Campaign
	Told      *int `json:"told"`      // vendors
	Qualified *int `json:"qualified"` // vendors
	// Began are those of the told who did not accept before the first day, and do at the end of the day four weeks after the last, or now.
	Began     *int         `json:"began"`
	BeganAsOf registry.Day `json:"began_as_of"`
}

// After a campaign's last day vendors still make up their minds for a while.
const campaignEcho = 28

// CampaignOutcome is a campaign and what came of it. A partner is told it as it is told of others, see Others.
//
// Faults: NotFound campaign-not-found, also when the actor may see figures nowhere in it; Forbidden.
func (s *Service) CampaignOutcome(ctx context.Context, by registry.Actor, which string) (Outcome, error) {
	none := fault.New(fault.NotFound, "campaign-not-found", "There is no such campaign here.")
	campaignID, err := id.Parse[Campaign](which)
	if err != nil {
		return Outcome{}, none
	}
	if !by.CanSomewhere(registry.SeeCoverage) {
		return Outcome{}, registry.Forbidden()
	}
	c, err := campaign(ctx, s.db, campaignID)
	if err != nil {
		return Outcome{}, noneOf(err, none)
	}
	reg := registry.New(s.db, s.now)
	markets, confined, err := s.marketsOf(ctx, reg, by, c)
	if err != nil {
		return Outcome{}, err
	}
	if markets == nil {
		return Outcome{}, none
	}
	type mark struct {
		Market registry.MarketID
		Vendor registry.VendorID
		Kind   string
	}
	ids := make([]registry.MarketID, len(markets))
	for i, m := range markets {
		ids[i] = m.ID
	}
	marks, err := postgres.All[mark](ctx, s.db, `
		SELECT DISTINCT k.market_id AS market, coalesce(g.into_id, k.vendor_id) AS vendor, k.kind
		FROM campaign_marks k LEFT JOIN vendor_merges g ON g.market_id = k.market_id AND g.vendor_id = k.vendor_id
		WHERE k.market_id = ANY (@markets) AND k.campaign_id = @campaign`, pgx.StrictNamedArgs{"markets": ids, "campaign": c.ID})
	if err != nil {
		return Outcome{}, err
	}
	out := Outcome{Campaign: c, BeganAsOf: c.Until.Plus(campaignEcho)}
	now := s.moment()
	before, after := c.From.Plus(-1).End(), out.BeganAsOf.End()
	if after.After(now) {
		after, out.BeganAsOf = now, registry.DayOf(now)
	}
	told, qualified, began := map[registry.MarketID]int{}, map[registry.MarketID]int{}, map[registry.MarketID]int{}
	in := map[registry.MarketID]map[registry.VendorID]bool{}
	for _, k := range marks {
		if k.Kind == "qualified" {
			qualified[k.Market]++
			continue
		}
		told[k.Market]++
		if in[k.Market] == nil {
			in[k.Market] = map[registry.VendorID]bool{}
		}
		in[k.Market][k.Vendor] = true
	}
	for _, m := range markets {
		if in[m.ID] == nil || !after.After(before) {
			continue
		}
		was, err := s.accepting(ctx, m, before)
		if err != nil {
			return Outcome{}, err
		}
		is, err := s.accepting(ctx, m, after)
		if err != nil {
			return Outcome{}, err
		}
		for v := range in[m.ID] {
			if is[v] && !was[v] {
				began[m.ID]++
			}
		}
	}
	var round rounding
	if confined {
		if round, err = s.rounding(ctx); err != nil {
			return Outcome{}, err
		}
	}
	var sums, least [3]int
	for _, m := range markets {
		n := [3]int{told[m.ID], qualified[m.ID], began[m.ID]}
		if confined { // not by campaign: two that reach the same people are rounded alike
			for i, what := range []string{"told", "qualified", "began"} {
				n[i] = round.of(m.Code, what, n[i])
			}
			n[2] = min(n[2], n[0])
		}
		for i := range n {
			sums[i], least[i] = sums[i]+n[i], least[i]+atLeast(n[i])
		}
	}
	tell := func(i int) *int {
		if confined {
			return shown(sums[i], least[i])
		}
		return &sums[i]
	}
	out.Told, out.Qualified, out.Began = tell(0), tell(1), tell(2)
	return out, nil
}

// accepting are the vendors of a market who accept at a moment.
func (s *Service) accepting(ctx context.Context, m registry.Market, at time.Time) (map[registry.VendorID]bool, error) {
	vendors, err := postgres.All[registry.VendorID](ctx, s.db, registry.StagesSQL+` SELECT n.vendor_id FROM stage_now n WHERE n.accepting`, registry.StageArgs(m.ID, at))
	set := map[registry.VendorID]bool{}
	for _, v := range vendors {
		set[v] = true
	}
	return set, err
}

// marketsOf are the markets of a campaign that the actor may see figures of, nil when it may not know of the campaign; confined says that
// it is there for its provider alone.
func (s *Service) marketsOf(ctx context.Context, reg *registry.Service, by registry.Actor, c Campaign) (markets []registry.Market, confined bool, err error) {
	all, err := reg.MarketsOn(ctx, by, registry.SeeCoverage, "", reg.Today())
	if err != nil {
		return nil, false, err
	}
	covered, err := postgres.All[registry.MarketID](ctx, s.db, `
		SELECT m.id FROM markets m JOIN campaigns c ON c.id = @campaign WHERE `+fmt.Sprintf(coversMarket, "m.id"), pgx.StrictNamedArgs{"campaign": c.ID})
	if err != nil {
		return nil, false, err
	}
	for _, m := range all {
		if slices.Contains(covered, m.ID) {
			markets = append(markets, m)
		}
	}
	place := func(market, area string) (registry.Ground, bool, error) {
		g, err := reg.GroundFor(ctx, by, registry.SeeCoverage, market, area)
		switch fault.KindOf(err) {
		case fault.NotFound, fault.Forbidden:
			return g, false, nil
		}
		return g, err == nil, err
	}
	if len(markets) == 0 { // a campaign in places where there is no market yet
		if len(c.Markets) > 0 {
			return nil, false, nil
		}
		g, seen, err := place("", c.Area)
		if err != nil || !seen || !g.Allows(c.Provider) {
			return nil, false, err
		}
		return []registry.Market{}, g.Only != nil, nil
	}
	open := []registry.Market{}
	for _, m := range markets {
		g, seen, err := place(m.Code, "")
		if err != nil {
			return nil, false, err
		}
		if seen && g.Allows(c.Provider) {
			open = append(open, m)
			confined = confined || g.Only != nil
		}
	}
	if len(open) == 0 {
		return nil, false, nil
	}
	return open, confined, nil
}

// EndCampaign takes a campaign that was entered wrongly out of the lists; it stays in the record. Whoever may enter it may do so.
//
// Faults: NotFound campaign-not-found, also out of scope; Forbidden.
func (s *Service) EndCampaign(ctx context.Context, by registry.Actor, which string) error {
	none := fault.New(fault.NotFound, "campaign-not-found", "There is no such campaign here.")
	campaignID, err := id.Parse[Campaign](which)
	if err != nil {
		return none
	}
	now := s.moment()
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		c, err := campaign(ctx, tx, campaignID)
		if err != nil {
			return noneOf(err, none)
		}
		for _, market := range c.Markets {
			if err := s.mayRun(ctx, tx, by, c, market, "", none); err != nil {
				return err
			}
		}
		if len(c.Markets) == 0 {
			if err := s.mayRun(ctx, tx, by, c, "", c.Area, none); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, `UPDATE campaigns SET ended_at = @now, ended_by = @by WHERE id = @id AND ended_at IS NULL`,
			pgx.StrictNamedArgs{"id": campaignID, "now": now, "by": by.ID}); err != nil {
			return err
		}
		return registry.Audit(ctx, tx, now, by, registry.MarketID{}, registry.Event{Action: "campaign.ended", Object: "campaign:" + which, Fields: []string{c.Provider}})
	})
	if err != nil {
		return fmt.Errorf("end campaign %s: %w", which, err)
	}
	return nil
}

func (s *Service) mayRun(ctx context.Context, tx pgx.Tx, by registry.Actor, c Campaign, market, area string, none *fault.Error) error {
	g, err := registry.New(tx, s.now).GroundFor(ctx, by, registry.RunCampaigns, market, area)
	if fault.KindOf(err) == fault.NotFound || err == nil && !g.Allows(c.Provider) {
		return none
	}
	return err
}

// Mark says of a vendor that they were told of a campaign, or have what it asks for.
type Mark struct {
	Stall  string            `json:"stall"`            // of whoever holds it now
	Vendor registry.VendorID `json:"vendor,omitempty"` // or of a vendor by ID
	Kind   string            `json:"kind"`             // told, qualified
	On     *registry.Day     `json:"on,omitempty"`     // nil: today
}

// MarkVendor keeps a mark; the first one of a kind stands.
//
// Faults: Invalid; NotFound market-not-found, stall-not-found, vendor-not-found, campaign-not-found (also one that is not in this market);
// Forbidden; Conflict stall-vacant.
func (s *Service) MarkVendor(ctx context.Context, by registry.Actor, market, which string, in Mark) (Mark, error) {
	now := s.moment()
	today := registry.DayOf(now)
	var bad []fault.Field
	if in.Kind != "told" && in.Kind != "qualified" {
		bad = append(bad, fault.At("kind", "unknown", "One of: %s.", "told, qualified"))
	}
	if in.On == nil {
		in.On = &today
	} else if in.On.After(today) {
		bad = append(bad, fault.At("on", "future", "A day up to today."))
	}
	if (in.Stall == "") == in.Vendor.IsZero() {
		bad = append(bad, fault.At("stall", "required", "Say which stall."))
	}
	if err := fault.Check("mark-invalid", bad); err != nil {
		return Mark{}, err
	}
	none := fault.New(fault.NotFound, "campaign-not-found", "There is no such campaign here.")
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		reg := registry.New(tx, s.now)
		m, err := reg.MarketFor(ctx, by, registry.RecordField, market)
		if err != nil {
			return err
		}
		campaignID, err := id.Parse[Campaign](which)
		if err != nil {
			return none
		}
		if _, err := postgres.One[string](ctx, tx, `SELECT c.provider FROM campaigns c WHERE c.id = @id AND c.ended_at IS NULL AND `+fmt.Sprintf(coversMarket, "@market"),
			pgx.StrictNamedArgs{"id": campaignID, "market": m.ID}); err != nil {
			return noneOf(err, none)
		}
		if in.Stall != "" {
			st, err := reg.Stall(ctx, by, market, in.Stall)
			if err != nil {
				return err
			}
			if st.Vendor == nil {
				return fault.New(fault.Conflict, "stall-vacant", "Nobody holds this stall.")
			}
			in.Vendor = st.Vendor.ID
		}
		tag, err := tx.Exec(ctx, `
			INSERT INTO campaign_marks (market_id, campaign_id, vendor_id, kind, marked_on, marked_at, marked_by)
			VALUES (@market, @campaign, @vendor, @kind, @on, @now, @by) ON CONFLICT DO NOTHING`,
			pgx.StrictNamedArgs{"market": m.ID, "campaign": campaignID, "vendor": in.Vendor, "kind": in.Kind, "on": *in.On, "now": now, "by": by.ID})
		if postgres.Violated(err) == "campaign_marks_vendor" {
			return fault.New(fault.NotFound, "vendor-not-found", "There is no such vendor here.").Because(err)
		}
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			day, err := postgres.One[registry.Day](ctx, tx, `
				SELECT k.marked_on FROM campaign_marks k WHERE k.market_id = @market AND k.campaign_id = @campaign AND k.vendor_id = @vendor AND k.kind = @kind`,
				pgx.StrictNamedArgs{"market": m.ID, "campaign": campaignID, "vendor": in.Vendor, "kind": in.Kind})
			in.On = &day
			return err
		}
		return registry.Audit(ctx, tx, now, by, m.ID, registry.Event{Action: "campaign.marked", Object: "vendor:" + in.Vendor.String(), Fields: []string{in.Kind, "campaign:" + which}})
	})
	if err != nil {
		return Mark{}, fmt.Errorf("mark at %s: %w", market, err)
	}
	return in, nil
}
