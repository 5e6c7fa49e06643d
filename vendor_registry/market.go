package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres"
	"cho40/qrgen"

	"github.com/jackc/pgx/v5"
)

// MarketID names a market among records; people use its code.
type MarketID = id.ID[Market]

// Market is a traditional market with a board.
type Market struct {
	ID            MarketID  `json:"-"`
	Code          string    `json:"code"` // what people type, VT
	Name          string    `json:"name"`
	Area          string    `json:"area,omitempty"` // official code of its commune (or province)
	AreaName      string    `json:"area_name,omitempty"`
	Province      string    `json:"-"` // official code of the province above it, or of itself
	ProvinceName  string    `json:"province_name,omitempty"`
	PlannedStalls *int      `json:"planned_stalls,omitempty"`
	Call          string    `json:"call,omitempty"` // the board's phone, for shoppers who see another name
	Demo          bool      `json:"demo"`
	Version       int       `json:"-"`
	CreatedAt     time.Time `json:"created_at"`
}

// NewMarket is what opens a market in the record.
type NewMarket struct {
	Code          string `json:"code" form:"code"`
	Name          string `json:"name" form:"name"`
	Area          string `json:"area" form:"area"`
	PlannedStalls *int   `json:"planned_stalls" form:"planned_stalls"`
	Call          string `json:"call" form:"call"`
	Demo          bool   `json:"-"`
}

var (
	marketCode = regexp.MustCompile(`^[A-Z0-9][A-Z0-9-]{0,15}$`)
	callable   = regexp.MustCompile(`^[0-9+][0-9 .]{2,18}[0-9]$`)
)

// AddMarket opens a market. Faults: Invalid; Conflict market-exists; NotFound area-not-found; Forbidden.
func (s *Service) AddMarket(ctx context.Context, by Actor, in NewMarket) (Market, error) {
	var bad []fault.Field
	m := Market{ID: id.New[Market](), Code: in.Code, Area: in.Area, PlannedStalls: in.PlannedStalls, Demo: in.Demo, CreatedAt: s.now()}
	if !marketCode.MatchString(in.Code) {
		bad = append(bad, fault.At("code", "form", "A market's code has 1 to 16 capital letters, digits or hyphens, such as VT."))
	}
	m.Name = text(&bad, "name", in.Name, maxName, true)
	m.Call = text(&bad, "call", in.Call, 20, false)
	if m.Call != "" && !callable.MatchString(m.Call) {
		bad = append(bad, fault.At("call", "form", "A phone number has 4 to 20 digits, such as 0293 000 0040."))
	}
	if n := in.PlannedStalls; n != nil && (*n < 0 || *n > 100_000) {
		bad = append(bad, fault.At("planned_stalls", "range", "A number from 0 to %d.", 100_000))
	}
	if err := fault.Check("market-invalid", bad); err != nil {
		return m, err
	}
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if m.Area != "" {
			province, err := one[*string](ctx, tx, fault.New(fault.NotFound, "area-not-found",
				"There is no area with the code %q. Leave it out, or give the official code of the commune.", clip(m.Area, 20)),
				`SELECT parent FROM areas WHERE code = @code`, pgx.StrictNamedArgs{"code": m.Area})
			if err != nil {
				return err
			}
			m.Province = m.Area
			if province != nil {
				m.Province = *province
			}
		}
		if ok, _ := by.can(ChangeMarket, m); !ok {
			return forbidden()
		}
		_, err := tx.Exec(ctx, `
			INSERT INTO markets (id, code, name, name_fold, area_code, planned_stalls, call, demo, created_at)
			VALUES (@id, @code, @name, @fold, @area, @planned, @call, @demo, @now)`,
			pgx.StrictNamedArgs{"id": m.ID, "code": m.Code, "name": m.Name, "fold": qrgen.Search(m.Name), "area": null(m.Area),
				"planned": m.PlannedStalls, "call": m.Call, "demo": m.Demo, "now": m.CreatedAt})
		if err != nil {
			return err
		}
		return Audit(ctx, tx, m.CreatedAt, by, m.ID, Event{"market.added", "market:" + m.Code, []string{"code", "name", "area", "planned_stalls"}})
	})
	if postgres.Violated(err) == "markets_one_per_code" {
		err = fault.New(fault.Conflict, "market-exists", "The code %s is taken by another market.", m.Code).
			With(fault.At("code", "taken", "Already taken.")).Because(err)
	}
	if err != nil {
		return m, actionContext("add market", m.Code, err)
	}
	return s.Market(ctx, by, m.Code)
}

// Market finds a market by its code. Faults: NotFound market-not-found.
func (s *Service) Market(ctx context.Context, by Actor, code string) (Market, error) {
	return market(ctx, s.db, by, SeeMarket, code)
}

// MarketFor finds a market and checks that the actor may do something there. Faults: NotFound, Forbidden.
func (s *Service) MarketFor(ctx context.Context, by Actor, do Action, code string) (Market, error) {
	return market(ctx, s.db, by, do, code)
}

// Page is one stretch of a list: the cursor of the next one is empty at the end.
type Page[T any] struct {
	Items []T     `json:"items"`
	Next  *string `json:"next_cursor"`
}

// List says which stretch of a list is wanted. Limit 0 means 50; at most 200.
type List struct {
	Limit  int    `query:"limit"`
	Cursor string `query:"cursor"`
}

// size is the limit as it is kept; a wrong one is a fault.
func (l List) size() (int, error) {
	switch {
	case l.Limit == 0:
		return 50, nil
	case l.Limit < 1 || l.Limit > 200:
		return 0, fault.New(fault.Invalid, "limit-invalid", "A list gives 1 to 200 at a time.").With(fault.At("limit", "range", "A number from 1 to %d.", 200))
	}
	return l.Limit, nil
}

// Markets lists the markets in the actor's scope by code, or those whose name or code holds the words of q.
func (s *Service) Markets(ctx context.Context, by Actor, q string, l List) (Page[Market], error) {
	n, err := l.size()
	if err != nil {
		return Page[Market]{}, err
	}
	all, codes, areas := by.scope(SeeMarket)
	items, err := postgres.All[Market](ctx, s.db, marketColumns+`
		WHERE (@all OR m.code = ANY (@codes) OR m.area_code = ANY (@areas) OR a.parent = ANY (@areas))
		  AND (@q = '' OR m.name_fold LIKE '%' || @q || '%' OR m.code = upper(@q))
		  AND m.code > @after
		ORDER BY m.code LIMIT @n`,
		pgx.StrictNamedArgs{"all": all, "codes": codes, "areas": areas, "q": qrgen.Search(q), "after": l.Cursor, "n": n + 1})
	return page(items, n, func(m Market) string { return m.Code }), err
}

// MarketsIn are all markets in an area (everywhere: "") in which the actor may do something, by code.
func (s *Service) MarketsIn(ctx context.Context, by Actor, do Action, area string) ([]Market, error) {
	all, codes, areas := by.scope(do)
	return postgres.All[Market](ctx, s.db, marketColumns+`
		WHERE (@all OR m.code = ANY (@codes) OR m.area_code = ANY (@areas) OR a.parent = ANY (@areas))
		  AND (@area = '' OR m.area_code = @area OR a.parent = @area)
		ORDER BY m.code`,
		pgx.StrictNamedArgs{"all": all, "codes": codes, "areas": areas, "area": area})
}

// scope is what of all markets an action of the actor's reaches.
func (a Actor) scope(do Action) (all bool, codes, areas []string) {
	codes, areas = []string{}, []string{}
	if a.ID == "console" || a.ID == "system" {
		return true, codes, areas
	}
	for _, g := range a.Grants {
		if !slices.Contains(rights[do], g.Role) {
			continue
		}
		switch g.Kind {
		case OverAll, OverProvider:
			all = true
		case OverMarket:
			codes = append(codes, g.Code)
		case OverArea:
			areas = append(areas, g.Code)
		}
	}
	return all, codes, areas
}

// page cuts a list that was read one longer than asked.
func page[T any](items []T, n int, key func(T) string) Page[T] {
	p := Page[T]{Items: items}
	if len(items) > n {
		p.Items = items[:n]
		next := key(p.Items[n-1])
		p.Next = &next
	}
	return p
}

const marketColumns = `
	SELECT m.id, m.code, m.name, coalesce(m.area_code, '') AS area, coalesce(a.name, '') AS area_name,
	       coalesce(a.parent, a.code, '') AS province, coalesce(p.name, CASE WHEN a.level = 1 THEN a.name END, '') AS province_name,
	       m.planned_stalls, m.call, m.demo, m.version, m.created_at
	FROM markets m LEFT JOIN areas a ON a.code = m.area_code LEFT JOIN areas p ON p.code = a.parent`

func selectMarket(ctx context.Context, db postgres.Querier, code string) (Market, error) {
	if !marketCode.MatchString(code) {
		return Market{}, pgx.ErrNoRows
	}
	return postgres.One[Market](ctx, db, marketColumns+` WHERE m.code = @code`, pgx.StrictNamedArgs{"code": code})
}

// null stores empty text as NULL.
func null(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// clip keeps a person's own words short in a message.
func clip(s string, most int) string {
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return string(r[:most]) + "…"
}

// asJSON is v for a jsonb column; v is one of our own structs, so it cannot fail.
func asJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// ETag is the market's version as HTTP carries it.
func (m Market) ETag() string { return fmt.Sprintf(`"%s.%d"`, m.ID, m.Version) }
