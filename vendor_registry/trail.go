package registry

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres"

	"github.com/jackc/pgx/v5"
)

// Traced is an event of a chain as whoever looks at it sees it.
type Traced struct {
	Seq       int64     `json:"seq"`
	At        time.Time `json:"at"`
	Actor     string    `json:"actor"` // person:…, key:…, console, system
	Who       string    `json:"by"`    // name of the person or key; empty: nobody, or nobody knows
	Role      string    `json:"role"`  // clerk; clerk+volunteer; empty: console and service, and events from before roles were kept
	Via       string    `json:"via"`   // web, api, console, system
	Action    string    `json:"action"`
	Object    string    `json:"object"`
	About     string    `json:"about"` // the object as people call it: a stall's code, a placard's serial, a person; empty: it has no such name
	Fields    []string  `json:"fields"`
	Sealed    []string  `json:"sealed"` // null: from before commitments
	RequestID string    `json:"request_id"`
	Hash      Hex       `json:"hash"`
	Text      string    `json:"text" db:"-"` // the action in the reader's language
	// Provider and Tail are of an account: its provider's code and last four digits.
	Provider string `json:"-"`
	Tail     string `json:"-"`
}

// Hex is bytes that JSON has in hex.
type Hex []byte

// MarshalText writes lower-case hex.
func (h Hex) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h), nil }

// TrailFilter narrows a trail; empty fields do not.
type TrailFilter struct {
	List
	Actor  string `query:"actor"`  // person:…, key:…, console, system
	Action string `query:"action"` // account.approved, or all of a kind: account.
	Object string `query:"object"` // account:…, a stall's code or a placard's serial with all that hangs on it
	From   string `query:"from"`   // market day, the first
	To     string `query:"to"`     // the last
}

// days are the moments from and before which the filter looks. Faults: Invalid.
func (f TrailFilter) days() (from, before *time.Time, err error) {
	var bad []fault.Field
	day := func(field, text string, plus int) *time.Time {
		if text == "" {
			return nil
		}
		d, err := ParseDay(text)
		if err != nil || d.t.Year() < 2000 || d.t.Year() > 9000 {
			bad = append(bad, fault.At(field, "day", "A day is written as 2026-11-22."))
			return nil
		}
		t := d.Plus(plus - 1).End().Add(time.Microsecond)
		return &t
	}
	from, before = day("from", f.From, 0), day("to", f.To, 1)
	return from, before, fault.Check("filter-invalid", bad)
}

// trailSeen is the market whose chain somebody may look at; the zero market, without a code, is the service's own chain. Keys are the only
// actors and objects shown to who sees but the own keys' doings; nil: all are.
func (s *Service) trailSeen(ctx context.Context, db postgres.Querier, by Actor, code string, do Action) (m Market, keys []string, err error) {
	own := func(may bool) error {
		if !may || do != SeeAudit {
			return Forbidden()
		}
		keys, err = ownKeys(ctx, db, by)
		return err
	}
	if code == "" {
		switch {
		case by.CanOverAll(do) || do == VerifyAudit && by.CanSomewhere(do):
			return m, nil, nil
		default:
			return m, keys, own(by.CanSomewhere(SeeOwnKeys))
		}
	}
	m, err = market(ctx, db, by, do, code)
	if fault.KindOf(err) == fault.Forbidden {
		if m, err = market(ctx, db, by, SeeMarket, code); err == nil {
			err = own(by.Can(SeeOwnKeys, m))
		}
	}
	return m, keys, err
}

// CanOverAll reports whether the actor may do something everywhere: the service's own chain tells of people of all markets.
func (a Actor) CanOverAll(do Action) bool {
	return a.ID == "console" || slices.ContainsFunc(a.Grants, func(g Grant) bool { return g.Kind == OverAll && slices.Contains(rights[do], g.Role) })
}

// ownKeys are the keys of the providers for which somebody speaks, as events name them.
func ownKeys(ctx context.Context, db postgres.Querier, by Actor) ([]string, error) {
	var providers []string
	for _, g := range by.Grants {
		if g.Role == Partner && g.Kind == OverProvider {
			providers = append(providers, g.Code)
		}
	}
	return postgres.All[string](ctx, db, `SELECT DISTINCT 'key:' || g.key_id FROM grants g
		WHERE g.key_id IS NOT NULL AND g.role = 'partner' AND g.scope_kind = 'provider' AND g.scope_code = ANY (@providers)`, pgx.StrictNamedArgs{"providers": providers})
}

// Trail lists what happened on a market's chain, or without a code on the service's own, newest first. A partner sees what the keys of its
// provider did, and what was done with them. Faults: NotFound; Forbidden; Invalid.
func (s *Service) Trail(ctx context.Context, by Actor, marketCode string, f TrailFilter) (Page[Traced], error) {
	var p Page[Traced]
	n, err := f.size()
	if err != nil {
		return p, err
	}
	m, keys, err := s.trailSeen(ctx, s.db, by, marketCode, SeeAudit)
	if err != nil {
		return p, err
	}
	from, before, err := f.days()
	if err != nil {
		return p, err
	}
	args := pgx.StrictNamedArgs{"market": chainID(m.ID), "n": n + 1, "from": from, "before": before, "actor": postgres.Null(f.Actor), "action": nil, "kind": nil, "keys": keys,
		"objects": nil, "below": int64(1<<62 - 1)}
	if f.Cursor != "" {
		below, err := strconv.ParseInt(f.Cursor, 10, 64)
		if err != nil || below < 1 {
			return p, fault.New(fault.Invalid, "cursor-invalid", "This cursor is not one of ours. Start the list again without it.")
		}
		args["below"] = below
	}
	if kind, all := strings.CutSuffix(f.Action, "."); all {
		args["kind"] = kind
	} else {
		args["action"] = postgres.Null(f.Action)
	}
	if f.Object != "" {
		if args["objects"], err = objectsCalled(ctx, s.db, m, f.Object); err != nil {
			return p, err
		}
	}
	p.Items, err = postgres.All[Traced](ctx, s.db, `
		WITH told AS (
			SELECT e.seq, e.at, e.actor, e.role, e.via, e.action, e.object, e.fields, e.sealed, e.request_id, e.hash,
			       split_part(e.object, ':', 1) AS kind,
			       CASE WHEN split_part(e.object, ':', 2) ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN split_part(e.object, ':', 2)::uuid END AS which
			FROM audit_events e
			WHERE e.market_id = @market AND e.seq < @below
			  AND (@actor::text IS NULL OR e.actor = @actor) AND (@action::text IS NULL OR e.action = @action)
			  AND (@kind::text IS NULL OR split_part(e.action, '.', 1) = @kind) AND (@objects::text[] IS NULL OR e.object = ANY (@objects))
			  AND (@from::timestamptz IS NULL OR e.at >= @from) AND (@before::timestamptz IS NULL OR e.at < @before)
			  AND (@keys::text[] IS NULL OR e.actor = ANY (@keys) OR e.object = ANY (@keys))
			ORDER BY e.seq DESC LIMIT @n
		)
		SELECT t.seq, t.at, t.actor, t.role, t.via, t.action, t.object, t.fields, t.sealed, t.request_id, t.hash,
		       coalesce(p.name, k.name, CASE WHEN t.actor = 'console' THEN 'console' END, '') AS who,
		       coalesce(st.code, c.serial, op.name, ok.name, CASE WHEN t.which IS NULL THEN split_part(t.object, ':', 2) END, '') AS about,
		       coalesce(a.provider, '') AS provider, coalesce(right(a.number, 4), '') AS tail
		FROM told t
		LEFT JOIN people p ON t.actor = 'person:' || p.id
		LEFT JOIN keys k ON t.actor = 'key:' || k.id
		LEFT JOIN people op ON t.kind = 'person' AND op.id = t.which
		LEFT JOIN keys ok ON t.kind = 'key' AND ok.id = t.which
		LEFT JOIN stalls st ON st.market_id = @market AND t.kind = 'stall' AND st.id = t.which
		LEFT JOIN placards c ON c.market_id = @market AND t.kind = 'placard' AND c.id = t.which
		LEFT JOIN accounts a ON a.market_id = @market AND t.kind = 'account' AND a.id = t.which
		ORDER BY t.seq DESC`, args)
	if err != nil {
		return p, actionContext("trail of", marketCode, err)
	}
	for i, e := range p.Items {
		if strings.HasPrefix(e.Object, "placard:") && e.About != "" {
			p.Items[i].About = Serial(e.About).String()
		}
	}
	return PageOf(p.Items, n, func(e Traced) string { return strconv.FormatInt(e.Seq, 10) }), nil
}

// objectsCalled are the objects of events that somebody means: one by its own name, account:…, or all that hangs on a stall by its
// code, or on a placard by its serial. What nothing is called gives none.
func objectsCalled(ctx context.Context, db postgres.Querier, m Market, called string) ([]string, error) {
	if strings.Contains(called, ":") {
		return []string{called}, nil
	}
	serial, _ := ParseSerial(called)
	return postgres.All[string](ctx, db, `
		WITH place AS (
			SELECT s.id FROM stalls s WHERE s.market_id = @market AND s.code_key = @key
		), card AS (
			SELECT p.id, p.account_id FROM placards p WHERE p.market_id = @market AND (p.serial = @serial OR p.stall_id IN (SELECT id FROM place))
		), them AS (
			SELECT o.vendor_id AS id FROM occupancies o WHERE o.market_id = @market AND o.stall_id IN (SELECT id FROM place)
		)
		SELECT 'stall:' || id FROM place UNION SELECT 'placard:' || id FROM card UNION SELECT 'vendor:' || id FROM them
		UNION SELECT 'account:' || account_id FROM card
		UNION SELECT 'account:' || a.id FROM accounts a WHERE a.market_id = @market AND a.vendor_id IN (SELECT id FROM them)`,
		pgx.StrictNamedArgs{"market": chainID(m.ID), "key": codeKey(called), "serial": string(serial)})
}

// TrailActor is somebody who acted on a chain.
type TrailActor struct {
	Actor string // person:…, key:…, console, system
	Who   string // name of the person or key; empty: it has none
}

// TrailActors are who acted on a chain, by name, at most 500. Faults: NotFound; Forbidden.
func (s *Service) TrailActors(ctx context.Context, by Actor, marketCode string) ([]TrailActor, error) {
	m, keys, err := s.trailSeen(ctx, s.db, by, marketCode, SeeAudit)
	if err != nil {
		return nil, err
	}
	// Each step leaps to the next actor of the index, so a long chain costs no more than its people.
	return postgres.All[TrailActor](ctx, s.db, `
		WITH RECURSIVE next AS (
			SELECT min(actor) AS actor FROM audit_events WHERE market_id = @market
			UNION ALL
			SELECT (SELECT min(e.actor) FROM audit_events e WHERE e.market_id = @market AND e.actor > n.actor) FROM next n WHERE n.actor IS NOT NULL
		)
		SELECT n.actor, coalesce(p.name, k.name, '') AS who FROM next n
		LEFT JOIN people p ON n.actor = 'person:' || p.id
		LEFT JOIN keys k ON n.actor = 'key:' || k.id
		WHERE n.actor IS NOT NULL AND (@keys::text[] IS NULL OR n.actor = ANY (@keys))
		ORDER BY coalesce(p.name, k.name, '') COLLATE vi_order, n.actor LIMIT 500`,
		pgx.StrictNamedArgs{"market": chainID(m.ID), "keys": keys})
}

// VerifyChain looks whether a market's chain, or without a code the service's own, is whole, agrees with the record, and with the checkpoints where
// there are any (nil: they are not looked at). Faults: NotFound; Forbidden; Conflict checkpoint-broken.
func (s *Service) VerifyChain(ctx context.Context, by Actor, marketCode string, c *Checkpoints) (Verdict, error) {
	m, _, err := s.trailSeen(ctx, s.db, by, marketCode, VerifyAudit)
	if err != nil {
		return Verdict{}, err
	}
	v, err := s.verify(ctx, m.ID)
	if err == nil && c != nil {
		differ, wrong := s.sinceCheckpoint(ctx, c, func(chain id.ID[Market]) bool { return chain == m.ID })
		v.Since, err = differ[m.ID], wrong
	}
	return v, actionContext("verify the chain of", marketCode, err)
}

// Evidence is an event as it leaves for somebody who checks the chain by themselves: docs/audit.md says how.
type Evidence struct {
	Chain     id.ID[Market] `json:"chain"`
	Seq       int64         `json:"seq"`
	At        time.Time     `json:"at"`
	Actor     string        `json:"actor"`
	Via       string        `json:"via"`
	Role      string        `json:"role"`
	Action    string        `json:"action"`
	Object    string        `json:"object"`
	RequestID string        `json:"request_id"`
	Fields    []string      `json:"fields"`
	Sealed    []string      `json:"sealed"` // null: an event from before commitments, hashed in the older way
	Previous  Hex           `json:"previous"`
	Hash      Hex           `json:"hash"`
}

// EvidenceColumns are the names of Cells.
var EvidenceColumns = []string{"chain", "seq", "at", "actor", "via", "role", "action", "object", "request_id", "fields", "sealed", "previous", "hash"}

// Cells are the event as a row of a table; lists are JSON.
func (e Evidence) Cells() []string {
	list := func(v []string) string {
		b, _ := json.Marshal(v) // a list of strings always marshals
		return string(b)
	}
	return []string{e.Chain.String(), strconv.FormatInt(e.Seq, 10), e.At.Format(time.RFC3339Nano), e.Actor, e.Via, e.Role, e.Action, e.Object, e.RequestID,
		list(e.Fields), list(e.Sealed), hex.EncodeToString(e.Previous), hex.EncodeToString(e.Hash)}
}

// ExportTrail gives each event of a chain, from the first to the one that says that it was exported. That event is written before begin,
// which is called once, before the first event is given. Faults: NotFound; Forbidden.
func (s *Service) ExportTrail(ctx context.Context, by Actor, marketCode, format string, begin func(name string) error, each func(Evidence) error) error {
	var m Market
	var last int64
	err := pgx.BeginFunc(ctx, s.apart, func(tx pgx.Tx) (err error) {
		if m, _, err = s.trailSeen(ctx, tx, by, marketCode, ExportAudit); err != nil {
			return err
		}
		object := "service"
		if m.Code != "" {
			object = "market:" + m.Code
		}
		if err := Audit(ctx, tx, s.now(), by, m.ID, Event{"audit.exported", object, []string{format}}); err != nil {
			return err
		}
		last, err = postgres.One[int64](ctx, tx, `SELECT seq FROM audit_heads WHERE market_id = @market`, pgx.StrictNamedArgs{"market": chainID(m.ID)})
		return err
	})
	if fault.KindOf(err) == fault.Forbidden {
		if marketCode == "" {
			s.refusedIn(ctx, by, MarketID{}, Event{"audit.export_refused", "service", []string{format}})
		} else {
			s.refused(ctx, by, marketCode, Event{"audit.export_refused", "market:" + marketCode, []string{format}})
		}
	}
	if err != nil {
		return actionContext("export the trail of", marketCode, err)
	}
	name := "cho40"
	if m.Code != "" {
		name = m.Code
	}
	if err := begin(fmt.Sprintf("%s-%s-%d", name, "audit", last)); err != nil {
		return err
	}
	return s.snapshot(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			SELECT seq, at, actor, via, role, action, object, request_id, fields, sealed, hash FROM audit_events
			WHERE market_id = @market AND seq <= @last ORDER BY seq`, pgx.StrictNamedArgs{"market": chainID(m.ID), "last": last})
		if err != nil {
			return err
		}
		e := Evidence{Chain: m.ID}
		var previous Hex
		_, err = pgx.ForEachRow(rows, []any{&e.Seq, &e.At, &e.Actor, &e.Via, &e.Role, &e.Action, &e.Object, &e.RequestID, &e.Fields, &e.Sealed, (*[]byte)(&e.Hash)}, func() error {
			out := e
			out.At, out.Previous, out.Hash = e.At.UTC(), previous, slices.Clone(e.Hash)
			previous = out.Hash
			return each(out)
		})
		return err
	})
}
