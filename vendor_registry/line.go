package registry

import (
	"context"
	"strconv"
	"strings"

	"cho40/internal/fault"
	"cho40/internal/postgres"
)

// StallLine is a stall in a list.
type StallLine struct {
	Code      string  `json:"code"`
	Section   string  `json:"section"`
	Goods     string  `json:"goods"`
	Status    string  `json:"status"`
	Trades    bool    `json:"trades_today"`
	Stage     *Stage  `json:"stage"`
	Suspended bool    `json:"suspended"`
	Overdue   bool    `json:"overdue"`
	Vendor    *string `json:"vendor"`
	Phone     *string `json:"phone"`
	Provider  *string `json:"provider"`
	Position  int     `json:"-"`
	CodeKey   string  `json:"-"`
}

// lineColumns reads a StallLine of whoTrades and the vendor's stage n.
const lineColumns = `s.code, s.section, s.goods, ` + statusColumns + `,
		       n.stage, coalesce(n.suspended, false) AS suspended, coalesce(n.overdue, false) AS overdue,
		       v.name AS vendor, v.phone, n.provider, s.position, s.code_key`

// answers says whether a stall answers a search, as found has it.
const answers = `@everything OR s.id = ANY (@stalls::uuid[]) OR v.id = ANY (@vendors::uuid[]) AND ` + alsoAt

// alsoAt holds a vendor who was found by name to the words of the search that are no name.
const alsoAt = `(cardinality(@codes::text[]) = 0 OR replace(s.code_fold, ' ', '') LIKE ANY (@codes::text[]) OR @tail <> '' AND v.phone LIKE '%' || @tail)`

// mask hides most of the phone, and of the name for who may not see it.
func (l *StallLine) mask(name bool) {
	if l.Phone != nil {
		shown := Masked(*l.Phone)
		l.Phone = &shown
	}
	if name && l.Vendor != nil {
		shown := maskedName(*l.Vendor)
		l.Vendor = &shown
	}
}

// StallFilter narrows a list of stalls; empty fields let everything through.
type StallFilter struct {
	Q       string `query:"q"`       // words of the vendor's name, its initials, a stall code, the end of a phone number
	Section string `query:"section"` // as stored
	Stage   string `query:"stage"`   // a stage's name
	Status  string `query:"status"`  // trading, seasonal, closed, vacant
}

// Stalls lists a market's stalls in walking order. Faults: NotFound; Forbidden; Invalid.
func (s *Service) Stalls(ctx context.Context, by Actor, marketCode string, f StallFilter, l List) (Page[StallLine], error) {
	var p Page[StallLine]
	m, masked, err := marketSeen(ctx, s.db, by, marketCode)
	if err != nil {
		return p, err
	}
	n, err := l.size()
	if err != nil {
		return p, err
	}
	args := StageArgs(m.ID, s.now())
	args["n"] = n + 1
	args["section"] = f.Section
	args["status"] = f.Status
	args["after_position"], args["after_key"] = -1, ""
	if l.Cursor != "" {
		position, key, _ := strings.Cut(l.Cursor, "~")
		at, err := strconv.Atoi(position)
		if err != nil {
			return p, fault.New(fault.Invalid, "cursor-invalid", "This cursor is not one of ours. Start the list again without it.")
		}
		args["after_position"], args["after_key"] = at, key
	}
	args["stage"] = nil
	if f.Stage != "" {
		stage, ok := ParseStage(f.Stage)
		if !ok {
			return p, fault.New(fault.Invalid, "stage-unknown", "There is no stage %q.", fault.Clip(f.Stage, 20)).
				With(fault.At("stage", "unknown", "One of: %s.", strings.Join(StageNames, ", ")))
		}
		args["stage"] = int(stage)
	}
	if err := statusFilter(f.Status); err != nil {
		return p, err
	}
	found, err := find(ctx, s.db, m, f.Q)
	if err != nil {
		return p, actionContext("list stalls of", marketCode, err)
	}
	found.into(args)
	p.Items, err = postgres.All[StallLine](ctx, s.db, `
		SELECT `+lineColumns+`
		FROM `+whoTrades+`
		LEFT JOIN LATERAL (`+statusOn+`) t ON true
		LEFT JOIN LATERAL (`+stageOf("v.id")+`) n ON v.id IS NOT NULL
		WHERE s.market_id = @market AND s.removed_at IS NULL
		  AND (@section = '' OR s.section = @section)
		  AND (@status = '' OR @status = CASE WHEN v.id IS NULL THEN 'vacant' ELSE coalesce(t.status, 'trading') END)
		  AND (@stage::int IS NULL OR n.stage = @stage)
		  AND (`+answers+`)
		  AND (s.position, s.code_key) > (@after_position, @after_key)
		ORDER BY s.position, s.code_key LIMIT @n`, args)
	if err != nil {
		return p, actionContext("list stalls of", marketCode, err)
	}
	for i := range p.Items {
		p.Items[i].mask(masked)
	}
	return PageOf(p.Items, n, func(l StallLine) string { return strconv.Itoa(l.Position) + "~" + l.CodeKey }), nil
}

// PlanLine is a stall on the plan of its market.
type PlanLine struct {
	StallLine
	Found bool // it answers the search; every stall answers an empty one
}

// Plan is every stall of a market in walking order, in one reading: what the list gives 200 at a time would work out the
// stages of the whole market once for each page. It searches as Stalls does. Faults: NotFound; Forbidden.
func (s *Service) Plan(ctx context.Context, by Actor, marketCode, q string) ([]PlanLine, error) {
	m, masked, err := marketSeen(ctx, s.db, by, marketCode)
	if err != nil {
		return nil, err
	}
	found, err := find(ctx, s.db, m, q)
	if err != nil {
		return nil, actionContext("plan of", marketCode, err)
	}
	args := StageArgs(m.ID, s.now())
	found.into(args)
	lines, err := postgres.All[PlanLine](ctx, s.db, `
		SELECT `+lineColumns+`, coalesce(`+answers+`, false) AS found
		FROM `+whoTrades+`
		LEFT JOIN LATERAL (`+statusOn+`) t ON true
		LEFT JOIN LATERAL (`+stageOf("v.id")+`) n ON v.id IS NOT NULL
		WHERE s.market_id = @market AND s.removed_at IS NULL
		ORDER BY s.position, s.code_key`, args)
	for i := range lines {
		lines[i].mask(masked)
	}
	return lines, actionContext("plan of", marketCode, err)
}
