package fieldwork

import (
	"context"
	"io"
	"slices"
	"strconv"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/ledger"

	"github.com/jackc/pgx/v5"
)

// Statement is a member's month, for whoever pays the allowance. A visit counts once a stall and day, and only with a scan of the
// vendor's own code or a change that the same person recorded there that day; a check counts once a placard and day, and only with a scan.
type Statement struct {
	Member    string                 `json:"member"`
	MemberID  MemberID               `json:"member_id"`
	Position  string                 `json:"position"`
	From      registry.Day           `json:"from"` // first and last day of the month on which they were in the team
	Until     registry.Day           `json:"until"`
	Visits    int                    `json:"visits"`
	Unproved  int                    `json:"visits_without_proof"` // not counted, and shown
	Installed int                    `json:"placards_installed"`
	Checks    int                    `json:"checks"`
	SignedBy  *string                `json:"signed_by"` // the figures are as they were signed
	SignedAt  *time.Time             `json:"signed_at"`
	PersonID  *id.ID[registry.Actor] `json:"-"`
}

// month reads 2026-11. Faults: Invalid statement-invalid.
func month(s string) (first, last registry.Day, err error) {
	first, err = registry.ParseDay(s + "-01")
	if err != nil {
		return first, first, fault.Check("statement-invalid", []fault.Field{fault.At("month", "form", "A month is written as 2026-11.")})
	}
	for last = first.Plus(27); last.Plus(1).String()[:7] == s; {
		last = last.Plus(1)
	}
	return first, last, nil
}

// Month is the months of a team's members on paper.
type Month struct {
	Team        Team
	From, Until registry.Day
	AsOf        registry.Day // the last day that they count
	Over        bool
	Signed      int  // how many are
	Alone       bool // it is one member's
	Members     []Statement
	Made        time.Time // of the last signature, once all have theirs: the same paper again
}

// Month is what a paper of a team's month says; with the ID of a member only theirs.
// Faults: Invalid statement-invalid; NotFound, also member-not-found; Forbidden.
func (s *Service) Month(ctx context.Context, by registry.Actor, code, of, member string) (Month, error) {
	m := Month{Alone: member != "", Made: s.now()}
	var err error
	if m.From, m.Until, err = month(of); err != nil {
		return m, err
	}
	if m.Team, err = s.Team(ctx, by, code); err != nil {
		return m, err
	}
	if m.Members, err = s.Statements(ctx, by, code, of); err != nil {
		return m, err
	}
	if m.Alone {
		m.Members = slices.DeleteFunc(m.Members, func(st Statement) bool { return st.MemberID.String() != member })
		if len(m.Members) == 0 {
			return m, memberNotFound()
		}
	}
	today := registry.DayOf(m.Made)
	if m.Over, m.AsOf = today.After(m.Until), m.Until; !m.Over {
		m.AsOf = today
	}
	var last time.Time
	for _, st := range m.Members {
		if st.SignedAt != nil {
			m.Signed++
			if st.SignedAt.After(last) {
				last = *st.SignedAt
			}
		}
	}
	if m.Signed > 0 && m.Signed == len(m.Members) {
		m.Made = last
	}
	return m, nil
}

// Statements are the months of a team's members, of those who were in it then. Who does not look after the team sees only their own.
// Faults: Invalid statement-invalid; NotFound; Forbidden.
func (s *Service) Statements(ctx context.Context, by registry.Actor, code, of string) ([]Statement, error) {
	first, last, err := month(of)
	if err != nil {
		return nil, err
	}
	t, err := s.team(ctx, s.db, by, registry.SeeTeams, code)
	if err != nil {
		return nil, err
	}
	all, err := s.statements(ctx, s.db, t, first, last)
	if err != nil {
		return nil, wrap("statements of", t.Code, err)
	}
	looks, err := s.May(ctx, by, registry.ManageTeams, t.Code)
	if !looks {
		all = slices.DeleteFunc(all, func(st Statement) bool { return st.PersonID == nil || *st.PersonID != who(by) })
	}
	return all, err
}

// statements counts by the days on which things were done: who was in the team on that day, on behalf of which team a visit was. Where
// the team goes now, and whether there is one still, is of no account. What was done to a placard names no team: of somebody who is in
// several it is the one that teamOf says.
func (s *Service) statements(ctx context.Context, db postgres.Querier, t teamRow, first, last registry.Day) ([]Statement, error) {
	markets, err := postgres.All[registry.MarketID](ctx, db, `
		SELECT market_id FROM team_grounds WHERE team_code = @team UNION SELECT market_id FROM team_markets WHERE team_code = @team`, pgx.StrictNamedArgs{"team": t.Code})
	if err != nil {
		return nil, err
	}
	return postgres.All[Statement](ctx, db, `
		WITH member AS (
			SELECT b.id, b.name, b.position, b.person_id, 'person:' || b.person_id AS actor, b.began, b.ended FROM team_members b
			WHERE b.team_code = @team AND b.began <= @last AND (b.ended IS NULL OR b.ended > greatest(b.began, @first))
		), actor AS (
			SELECT DISTINCT b.actor, b.person_id FROM member b WHERE b.person_id IS NOT NULL
		), seen AS ( -- one for each stall and day
			SELECT b.id, v.market_id, v.stall_id, v.day, bool_or(v.scan = 'match') AS scanned
			FROM actor w
			CROSS JOIN LATERAL (SELECT v.market_id, v.stall_id, v.scan, (v.at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date AS day FROM visits v
			                    WHERE v.market_id = ANY (@markets) AND v.by = w.actor AND v.team_code = @team AND v.voided_at IS NULL AND v.at BETWEEN @from AND @until) v
			CROSS JOIN LATERAL (`+memberOn("w.actor", "v.day")+`) b
			GROUP BY 1, 2, 3, 4
		), done AS ( -- placards' events, with the day of each and the one on which it was heard of
			SELECT b.id, e.market_id, e.stall_id, e.placard_id, e.kind, e.day, e.heard,
			       @team = (SELECT c.team_code FROM team_members c LEFT JOIN team_grounds g ON g.market_id = e.market_id AND g.team_code = c.team_code
			                WHERE c.person_id = w.person_id AND c.began <= e.day AND (c.ended IS NULL OR c.ended > e.day)
			                ORDER BY g.team_code IS NULL, c.team_code LIMIT 1) AS ours
			FROM actor w
			CROSS JOIN LATERAL (SELECT e.market_id, p.stall_id, e.placard_id, e.kind, (e.at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date AS day,
			                           (e.recorded_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date AS heard
			                    FROM placard_events e JOIN placards p ON p.market_id = e.market_id AND p.id = e.placard_id
			                    WHERE e.market_id = ANY (@markets) AND e.recorded_by = w.actor AND e.at BETWEEN @from AND @until
			                      AND (e.kind IN ('handed_over', 'installed', 'removed') OR e.result IN ('match', 'other_account', 'not_ours'))) e
			CROSS JOIN LATERAL (`+memberOn("w.actor", "e.day")+`) b
		), proved AS (
			SELECT s.id, s.scanned
			       OR EXISTS (SELECT 1 FROM done d WHERE d.id = s.id AND d.market_id = s.market_id AND d.stall_id = s.stall_id AND d.day = s.day)
			       OR EXISTS (SELECT 1 FROM member b JOIN occupancies o ON o.market_id = s.market_id AND o.stall_id = s.stall_id
			                  JOIN accounts a ON a.market_id = o.market_id AND a.vendor_id = o.vendor_id AND a.proposed_by = b.actor
			                  WHERE b.id = s.id AND (a.proposed_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date = s.day) AS ok
			FROM seen s
		), looked AS ( -- so many looks at a placard as there are days, and as days on which they were heard of: days told all at once are not seen
			SELECT d.id, least(count(DISTINCT d.day), count(DISTINCT d.heard)) AS checks FROM done d WHERE d.ours AND d.kind = 'checked' GROUP BY d.id, d.placard_id
		)
		SELECT b.name AS member, b.id AS member_id, b.position, b.person_id, greatest(b.began, @first) AS "from", least(b.ended - 1, @last) AS until,
		       coalesce(g.visits, (SELECT count(*) FROM proved p WHERE p.id = b.id AND p.ok)::int) AS visits,
		       coalesce(g.unproved, (SELECT count(*) FROM proved p WHERE p.id = b.id AND NOT p.ok)::int) AS unproved,
		       coalesce(g.installed, (SELECT count(DISTINCT d.placard_id) FROM done d WHERE d.id = b.id AND d.ours AND d.kind = 'installed')::int) AS installed,
		       coalesce(g.checks, (SELECT sum(l.checks) FROM looked l WHERE l.id = b.id)::int, 0) AS checks,
		       q.name AS signed_by, g.signed_at
		FROM member b
		LEFT JOIN statements g ON g.team_code = @team AND g.member_id = b.id AND g.month = @first
		LEFT JOIN people q ON g.signed_by = 'person:' || q.id
		ORDER BY array_position(ARRAY['leader', 'deputy', 'member'], b.position), b.name, b.id`,
		pgx.StrictNamedArgs{"team": t.Code, "markets": markets, "first": first, "last": last, "from": first.Plus(-1).End().Add(time.Microsecond), "until": last.End()})
}

// memberOn is the member as whom somebody was in the team on a day: of two times that overlap the later one.
func memberOn(actor, day string) string {
	return `SELECT b.id FROM member b WHERE b.actor = ` + actor + ` AND b.began <= ` + day + ` AND (b.ended IS NULL OR b.ended > ` + day + `) ORDER BY b.began DESC, b.id DESC LIMIT 1`
}

// SignStatement signs a member's month: the figures stay as they are then. Nobody signs their own, and no month before it is over.
// Signed again it stays as it was.
//
// Faults: Invalid statement-invalid; NotFound team-not-found, member-not-found; Forbidden, also for the own one; Conflict month-running.
func (s *Service) SignStatement(ctx context.Context, by registry.Actor, code string, member MemberID, of string) (Statement, error) {
	first, last, err := month(of)
	if err != nil {
		return Statement{}, err
	}
	now := s.now()
	var st Statement
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		t, err := s.lockTeam(ctx, tx, by, registry.ManageTeams, code)
		if err != nil {
			return err
		}
		find := func() error {
			all, err := s.statements(ctx, tx, t, first, last)
			i := slices.IndexFunc(all, func(st Statement) bool { return st.MemberID == member })
			if err == nil && i < 0 {
				return memberNotFound()
			}
			if err == nil {
				st = all[i]
			}
			return err
		}
		switch err := find(); {
		case err != nil:
			return err
		case st.SignedAt != nil:
			return nil
		case !registry.DayOf(now).After(last):
			return fault.New(fault.Conflict, "month-running", "This month is not over yet.")
		case who(by).IsZero() || st.PersonID != nil && *st.PersonID == who(by):
			return fault.New(fault.Forbidden, "own-statement", "Somebody else signs your own month: the board, or another leader.")
		}
		if _, err := tx.Exec(ctx, `
			INSERT INTO statements (team_code, member_id, month, visits, unproved, installed, checks, signed_by, signed_at)
			VALUES (@team, @member, @month, @visits, @unproved, @installed, @checks, @by, @now)`,
			pgx.StrictNamedArgs{"team": t.Code, "member": member, "month": first, "visits": st.Visits, "unproved": st.Unproved, "installed": st.Installed, "checks": st.Checks, "by": by.ID, "now": now}); err != nil {
			return err
		}
		if err := find(); err != nil {
			return err
		}
		return registry.Audit(ctx, tx, now, by, registry.MarketID{}, memberEvent("month_signed", member, "visits", "unproved", "installed", "checks"))
	})
	return st, wrap("sign statement of", fault.Clip(code, 20), err)
}

// WriteStatements writes the months of a team's members as a workbook, with these words above its columns.
func WriteStatements(w io.Writer, sheet string, headings []string, all []Statement) error {
	x, err := ledger.NewXLSX(w, sheet)
	if err != nil {
		return err
	}
	if err := x.Row(headings); err != nil {
		return err
	}
	for _, st := range all {
		signed, at := "", ""
		if st.SignedAt != nil {
			at = registry.DayOf(*st.SignedAt).String()
			if st.SignedBy != nil {
				signed = *st.SignedBy
			}
		}
		if err := x.Row([]string{st.Member, strconv.Itoa(st.Visits), strconv.Itoa(st.Installed), strconv.Itoa(st.Checks), strconv.Itoa(st.Unproved), signed, at}); err != nil {
			return err
		}
	}
	return x.Close()
}
