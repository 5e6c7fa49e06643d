package coverage

import (
	"context"
	"slices"

	"cho40/internal/fault"
	"cho40/internal/postgres"
	registry "cho40/vendor_registry"

	"github.com/jackc/pgx/v5"
)

// Reconciliation holds a provider's word on its QR points against the placards that hang.
type Reconciliation struct {
	Provider     string        `json:"provider"`
	ProviderName string        `json:"provider_name"`
	Market       string        `json:"market,omitempty"`
	Area         string        `json:"area,omitempty"`
	Place        string        `json:"place,omitempty"`
	AsOf         registry.Day  `json:"as_of"`
	Reported     *int64        `json:"reported"`      // by a figure of the place, else the sum of its markets'; nil: nobody said
	ReportedBy   *Figure       `json:"figure"`        // the figure of the place; nil: there is none, and reported is the sum
	InMarkets    *int64        `json:"in_markets"`    // what is reported market by market
	Elsewhere    *int64        `json:"elsewhere"`     // reported for the place and for none of its markets: shops outside, or markets that were not said
	Counted      int64         `json:"counted"`       // placards and stands of approved accounts there that hang now
	Difference   *int64        `json:"difference"`    // reported less counted
	Markets      []MarketPoint `json:"markets"`       // by code
	OnlyOurs     int64         `json:"only_ours"`     // counted in markets of which nothing is reported
	OnlyReported int64         `json:"only_reported"` // reported in markets where we count none
}

// MarketPoint is one market of a reconciliation. What does not hang explains what a provider may count and we do not.
type MarketPoint struct {
	Market     string        `json:"market"`
	Name       string        `json:"name"`
	Reported   *int64        `json:"reported"`
	Until      *registry.Day `json:"until"` // the last day of what is reported
	Counted    int64         `json:"counted"`
	Difference *int64        `json:"difference"`
	Suspended  int64         `json:"suspended"`  // placards that hang and were stopped
	NotHung    int64         `json:"not_hung"`   // placards made, not hung yet
	NoPlacard  int64         `json:"no_placard"` // approved accounts without a placard
	Waiting    int64         `json:"waiting"`    // accounts that wait for a second person's approval
}

// Reconcile compares what is reported of a provider's QR points with what hangs, market by market. A figure is the newest whose period
// ended by the day asked for (zero: today), and ours is how it was at that day's end.
//
// Faults: Invalid provider-unknown, day-future, choose-one, site-no-market; NotFound market-not-found, area-not-found, provider-not-found (a rival's);
// Forbidden.
func (s *Service) Reconcile(ctx context.Context, by registry.Actor, provider, market, area string, asOf registry.Day) (Reconciliation, error) {
	reg := registry.New(s.db, s.now)
	now := s.moment()
	today := registry.DayOf(now)
	g, err := reg.GroundFor(ctx, by, registry.SeeCoverage, market, area)
	if err != nil {
		return Reconciliation{}, err
	}
	code, ok := registry.ProviderCode(provider)
	switch {
	case provider == "" && len(g.Only) == 1:
		code = g.Only[0]
	case provider == "":
		return Reconciliation{}, fault.New(fault.Invalid, "provider-unknown", "Say which wallet or bank.").With(fault.At("provider", "required", "Say which wallet or bank."))
	case !ok && g.Only == nil:
		return Reconciliation{}, fault.New(fault.Invalid, "provider-unknown", "No wallet or bank is called that.").With(fault.At("provider", "unknown", "No wallet or bank is called that."))
	case !ok || !g.Allows(code):
		return Reconciliation{}, providerNotFound(code)
	case asOf.After(today):
		return Reconciliation{}, fault.New(fault.Invalid, "day-future", "The day %s is not over yet.", asOf).With(fault.At("as_of", "future", "A day up to today."))
	}
	at := now
	if asOf.IsZero() {
		asOf = today
	} else if asOf != today {
		at = asOf.End()
	}
	markets := []registry.Market{}
	if g.Market != nil {
		if g.Market.Site != "" {
			return Reconciliation{}, fault.New(fault.Invalid, "site-no-market", "%s is no market: its counters show payment codes, and nobody there is a vendor.", g.Name)
		}
		markets = append(markets, *g.Market)
	} else {
		on := asOf
		if g.Area != "" {
			known, err := reg.AreaFor(ctx, by, registry.SeeCoverage, g.Area)
			if err != nil {
				return Reconciliation{}, err
			}
			if known.Ended(on) {
				on = known.ValidTo.Plus(-1)
			}
		}
		if markets, err = reg.MarketsOn(ctx, by, registry.SeeCoverage, g.Area, on); err != nil {
			return Reconciliation{}, err
		}
		markets = slices.DeleteFunc(markets, func(m registry.Market) bool { return m.Site != "" })
	}
	out := Reconciliation{Provider: code, ProviderName: registry.ProviderName(code), Market: g.MarketCode(), Area: g.Area, Place: g.Name, AsOf: asOf, Markets: []MarketPoint{}}
	counted, err := s.points(ctx, markets, code, at)
	if err != nil {
		return Reconciliation{}, err
	}
	reported, err := s.pointsReported(ctx, markets, code, asOf)
	if err != nil {
		return Reconciliation{}, err
	}
	for _, m := range markets {
		p := counted[m.ID]
		p.Market, p.Name = m.Code, m.Name
		if f, ok := reported[m.Code]; ok {
			p.Reported, p.Until = f.Numerator, &f.Until
			p.Difference = less(*f.Numerator, p.Counted)
			out.InMarkets = added(out.InMarkets, *f.Numerator)
			if p.Counted == 0 {
				out.OnlyReported += *f.Numerator
			}
		} else {
			out.OnlyOurs += p.Counted
		}
		out.Counted += p.Counted
		out.Markets = append(out.Markets, p)
	}
	if out.ReportedBy, err = s.newest(ctx, g, PointsOfSale, code, asOf); err != nil {
		return Reconciliation{}, err
	}
	if out.Reported = out.InMarkets; out.ReportedBy != nil {
		out.Reported = out.ReportedBy.Numerator
		if g.Market == nil && out.InMarkets != nil {
			out.Elsewhere = less(*out.Reported, *out.InMarkets)
		}
	}
	if out.Reported != nil {
		out.Difference = less(*out.Reported, out.Counted)
	}
	return out, nil
}

func less(a, b int64) *int64 { d := a - b; return &d }

func added(sum *int64, n int64) *int64 {
	if sum != nil {
		n += *sum
	}
	return &n
}

// pointsReported are the newest figures of a provider's points by the code of their market.
func (s *Service) pointsReported(ctx context.Context, markets []registry.Market, provider string, by registry.Day) (map[string]Figure, error) {
	keys := make([]string, len(markets))
	for i, m := range markets {
		keys[i] = m.ID.String()
	}
	figures, err := postgres.All[Figure](ctx, s.db, figureColumns+`
		WHERE f.place = ANY (@places) AND f.indicator = @indicator AND f.provider = @provider AND f.until <= @by AND f.state = 'current'
		ORDER BY f.until, f.id`, pgx.StrictNamedArgs{"places": keys, "indicator": PointsOfSale, "provider": provider, "by": by})
	newest := map[string]Figure{}
	for _, f := range figures {
		newest[f.Market] = f
	}
	return newest, err
}

// points counts a provider's placards and accounts in markets at a moment.
func (s *Service) points(ctx context.Context, markets []registry.Market, provider string, at any) (map[registry.MarketID]MarketPoint, error) {
	type line struct {
		MarketID                                        registry.MarketID
		Counted, Suspended, NotHung, NoPlacard, Waiting int64
	}
	ids := make([]registry.MarketID, len(markets))
	for i, m := range markets {
		ids[i] = m.ID
	}
	lines, err := postgres.All[line](ctx, s.db, `
		SELECT a.market_id, coalesce(sum(p.counted) FILTER (WHERE d.approved), 0)::bigint AS counted, coalesce(sum(p.suspended) FILTER (WHERE d.approved), 0)::bigint AS suspended,
		       coalesce(sum(p.not_hung) FILTER (WHERE d.approved), 0)::bigint AS not_hung,
		       count(*) FILTER (WHERE d.approved AND p.counted + p.suspended + p.not_hung = 0) AS no_placard, count(*) FILTER (WHERE NOT d.approved) AS waiting
		FROM accounts a
		JOIN LATERAL (SELECT coalesce(bool_or(d.decision = 'approved'), false) AS approved, coalesce(bool_or(d.decision <> 'approved'), false) AS ended
		              FROM account_decisions d WHERE d.market_id = a.market_id AND d.account_id = a.id AND d.decided_at <= @at) d
		     ON NOT d.ended AND (d.approved OR a.proposed_at > @at::timestamptz - @proposal_lives::interval)
		JOIN LATERAL (SELECT count(*) FILTER (WHERE e.state = 'installed') AS counted, count(*) FILTER (WHERE e.state = 'suspended') AS suspended,
		                     count(*) FILTER (WHERE e.state IN ('issued', 'printed', 'handed_over')) AS not_hung
		              FROM placards p
		              CROSS JOIN LATERAL (SELECT e.state FROM placard_events e WHERE e.market_id = p.market_id AND e.placard_id = p.id AND e.at <= @at
		                                  ORDER BY e.at DESC, e.seq DESC LIMIT 1) e
		              WHERE p.market_id = a.market_id AND p.account_id = a.id) p ON true
		WHERE a.market_id = ANY (@markets) AND a.provider = @provider AND a.proposed_at <= @at
		GROUP BY a.market_id`,
		pgx.StrictNamedArgs{"markets": ids, "provider": provider, "at": at, "proposal_lives": registry.ProposalLives})
	out := map[registry.MarketID]MarketPoint{}
	for _, l := range lines {
		out[l.MarketID] = MarketPoint{Counted: l.Counted, Suspended: l.Suspended, NotHung: l.NotHung, NoPlacard: l.NoPlacard, Waiting: l.Waiting}
	}
	return out, err
}
