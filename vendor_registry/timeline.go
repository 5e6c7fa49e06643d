package registry

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres"

	"github.com/jackc/pgx/v5"
)

// Happening is something that happened at a stall, to its vendor or to their accounts.
type Happening struct {
	// registered, changed, status, taken, transferred, left, moved, merged, vendor_registered, vendor_changed, consent,
	// holder_consent, proposed, a decision of an account, closed_by_provider, reopened_by_provider, or the kind of a placard's event
	Kind     string    `json:"kind"`
	At       time.Time `json:"at"`
	Who      string    `json:"by"` // name of the person or key, console; empty: the service itself, or nobody knows
	Stall    string    `json:"stall"`
	Vendor   string    `json:"vendor"`      // whom it is about: who held the stall, or took it; who was merged
	Next     string    `json:"next_vendor"` // transferred: who took it
	To       string    `json:"to_stall"`    // moved: where the vendor went
	Day      *Day      `json:"day"`         // status, taken, transferred, left, moved: from this day on
	Status   string    `json:"status"`
	Season   *Season   `json:"season" db:"-"`
	Provider string    `json:"provider"`    // of an account, its code
	Tail     string    `json:"last_digits"` // of an account
	Serial   Serial    `json:"serial"`      // of a placard
	Note     string    `json:"note"`        // registered: the ledger's file; consent: its kind; checked: the result; changed: what, field by field
	Reason   string    `json:"reason"`
	Text     string    `json:"text" db:"-"` // all of it as a sentence in the reader's language

	Batch                *BatchRef     `json:"-" db:"-"` // issued: the batch in which the placard was made
	BatchID              *id.ID[Batch] `json:"-"`
	SeasonFrom, SeasonTo *int          `json:"-"`
	N                    int           `json:"-"`
	Key                  string        `json:"-"`
}

// Timeline tells what happened at a stall, newest first: to the place, and, while they held it, to those who traded there. That a
// placard was drawn right after it was issued is not told apart, nor that it was not hung: PlacardEvents has both.
// Faults: NotFound; Forbidden; Invalid.
func (s *Service) Timeline(ctx context.Context, by Actor, marketCode, code string, l List) (Page[Happening], error) {
	m, masked, err := marketSeen(ctx, s.db, by, marketCode)
	if err != nil {
		return Page[Happening]{}, err
	}
	which, err := postgres.Found[StallID](ctx, s.db, stallNotFound(code), `
		SELECT id FROM stalls WHERE market_id = @market AND code_key = @key AND removed_at IS NULL`, pgx.StrictNamedArgs{"market": m.ID, "key": codeKey(code)})
	if err != nil {
		return Page[Happening]{}, actionContext("timeline of stall", code, err)
	}
	p, err := happenings(ctx, s.db, m, masked, l, `
		held AS (
			SELECT `+tenure("o")+` FROM occupancies o WHERE o.market_id = @market AND o.stall_id = @of
		), places AS (
			SELECT @of::uuid AS id
		), them AS ( -- each from the day they came to the moment they went
			SELECT coalesce(g.vendor_id, h.vendor_id) AS id, h.began, h.ended_at AS until FROM held h
			LEFT JOIN LATERAL (SELECT h.vendor_id UNION ALL SELECT g.vendor_id FROM vendor_merges g WHERE g.market_id = @market AND g.into_id = h.vendor_id) g ON true
		), cards AS (
			SELECT p.id, p.serial, p.batch_id, p.stall_id FROM placards p WHERE p.market_id = @market AND p.stall_id = @of
		)`, which)
	return p, actionContext("timeline of stall", code, err)
}

// VendorTimeline tells what happened to a vendor, at every stall they hold or held, newest first, also under the IDs that were
// merged into theirs. Faults: NotFound; Forbidden; Invalid.
func (s *Service) VendorTimeline(ctx context.Context, by Actor, marketCode string, which VendorID, l List) (Page[Happening], error) {
	m, masked, err := marketSeen(ctx, s.db, by, marketCode)
	if err != nil {
		return Page[Happening]{}, err
	}
	v, err := vendorOf(ctx, s.db, m, which)
	if err != nil {
		return Page[Happening]{}, actionContext("timeline of vendor", which.String(), err)
	}
	p, err := happenings(ctx, s.db, m, masked, l, `
		held AS (
			SELECT `+tenure("o")+` FROM occupancies o WHERE o.market_id = @market AND o.vendor_id = @of
		), places AS (
			SELECT NULL::uuid AS id WHERE false
		), them AS (
			SELECT @of::uuid AS id, NULL::date AS began, NULL::timestamptz AS until
			UNION ALL SELECT g.vendor_id, NULL, NULL FROM vendor_merges g WHERE g.market_id = @market AND g.into_id = @of
		), cards AS (
			SELECT p.id, p.serial, p.batch_id, p.stall_id FROM them v JOIN placards p ON p.market_id = @market AND p.vendor_id = v.id
		)`, v.ID)
	return p, actionContext("timeline of vendor", which.String(), err)
}

// happenings tells a story. of says what it is about, as tables: held are the occupancies, places the stalls, them the vendors with
// the days between which theirs is told (null: always), cards the placards.
func happenings[T any](ctx context.Context, db postgres.Querier, m Market, masked bool, l List, of string, which id.ID[T]) (Page[Happening], error) {
	var p Page[Happening]
	n, err := l.size()
	if err != nil {
		return p, err
	}
	args := pgx.StrictNamedArgs{"market": m.ID, "of": which, "n": n + 1, "before": time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), "before_n": 0, "before_key": ""}
	if l.Cursor != "" {
		parts := strings.SplitN(l.Cursor, "~", 3)
		at, err := time.Time{}, error(nil)
		if len(parts) == 3 {
			var micro int64
			if micro, err = strconv.ParseInt(parts[0], 10, 64); err == nil {
				at = time.UnixMicro(micro).UTC()
				args["before_n"], err = strconv.Atoi(parts[1])
			}
		}
		if len(parts) != 3 || err != nil || at.Year() < 1 || at.Year() > 9998 {
			return p, fault.New(fault.Invalid, "cursor-invalid", "This cursor is not one of ours. Start the list again without it.")
		}
		args["before"], args["before_key"] = at, parts[2]
	}
	p.Items, err = postgres.All[Happening](ctx, db, `
		WITH `+of+`, told (kind, at, by, stall_id, vendor, next, to_id, day, status, season_from, season_to, provider, tail, serial, note, reason, batch_id, n, key) AS (
			SELECT 'registered', s.created_at, coalesce(i.committed_by, e.actor, ''), s.id, NULL::uuid, NULL::uuid, NULL::uuid, NULL::date, '', NULL::smallint, NULL::smallint,
			       '', '', '', coalesce(i.file, ''), '', NULL::uuid, 0, s.id
			FROM places p JOIN stalls s ON s.market_id = @market AND s.id = p.id
			LEFT JOIN imports i ON i.market_id = @market AND i.id = s.import_id
			LEFT JOIN LATERAL (SELECT e.actor FROM audit_events e
			                   WHERE e.market_id = @market AND e.object = 'stall:' || s.id AND e.action = 'stall.registered' LIMIT 1) e ON true
			UNION ALL
			SELECT 'vendor_registered', v.created_at, coalesce(i.committed_by, e.actor, ''), NULL, v.id, NULL, NULL, NULL, '', NULL, NULL, '', '', '', coalesce(i.file, ''), '', NULL, 0, v.id
			FROM them w JOIN vendors v ON v.market_id = @market AND v.id = w.id AND w.began IS NULL
			LEFT JOIN imports i ON i.market_id = @market AND i.id = v.import_id
			LEFT JOIN LATERAL (SELECT e.actor FROM audit_events e
			                   WHERE e.market_id = @market AND e.object = 'vendor:' || v.id AND e.action = 'vendor.registered' LIMIT 1) e ON true
			UNION ALL -- what was corrected is told by its fields' names, from the evidence
			SELECT 'changed', e.at, e.actor, p.id, NULL, NULL, NULL, NULL, '', NULL, NULL, '', '', '', array_to_string(e.fields, ' '), '', NULL, 1, p.id
			FROM places p JOIN audit_events e ON e.market_id = @market AND e.object = 'stall:' || p.id AND e.action = 'stall.changed' AND cardinality(e.fields) > 0
			UNION ALL
			SELECT 'vendor_changed', e.at, e.actor, NULL, w.id, NULL, NULL, NULL, '', NULL, NULL, '', '', '', array_to_string(e.fields, ' '), '', NULL, 1, w.id
			FROM them w JOIN audit_events e ON e.market_id = @market AND e.object = 'vendor:' || w.id AND e.action = 'vendor.changed' AND cardinality(e.fields) > 0
			WHERE `+within("e.at")+`
			UNION ALL
			SELECT 'merged', g.merged_at, g.merged_by, NULL, g.vendor_id, g.into_id, NULL, NULL, '', NULL, NULL, '', '', '', '', g.reason, NULL, 1, g.vendor_id
			FROM them w JOIN vendor_merges g ON g.market_id = @market AND g.vendor_id = w.id WHERE `+within("g.merged_at")+`
			UNION ALL
			SELECT 'taken', h.began_at, h.began_by, h.stall_id, h.vendor_id, NULL, NULL, h.began, '', NULL, NULL, '', '', '', '', '', NULL, 3, h.id
			FROM held h WHERE h.began_at IS NOT NULL
			  AND NOT EXISTS (SELECT 1 FROM occupancies b WHERE b.market_id = @market AND b.ended_at = h.began_at -- told as the change of hands
			                  AND (b.stall_id = h.stall_id AND b.end_kind = 'handed_over' OR b.end_stall = h.stall_id AND b.vendor_id = h.vendor_id))
			UNION ALL
			SELECT CASE h.end_kind WHEN 'handed_over' THEN 'transferred' ELSE h.end_kind END, h.ended_at, h.ended_by, h.stall_id, h.vendor_id, o.vendor_id, h.end_stall, h.ended, '', NULL, NULL, '', '', '', '', h.end_reason, NULL, 2, h.id
			FROM (SELECT `+tenure("h")+` FROM held h
			      UNION -- seen from where it leads to: the vendor who took the stall, the stall that the vendor went to
			      SELECT `+tenure("b")+` FROM held h JOIN occupancies b ON b.market_id = @market AND b.ended_at = h.began_at
			           AND (b.stall_id = h.stall_id AND b.end_kind = 'handed_over' OR b.end_stall = h.stall_id AND b.vendor_id = h.vendor_id)) h
			LEFT JOIN occupancies o ON o.market_id = @market AND o.stall_id = h.stall_id AND h.end_kind = 'handed_over' AND o.began_at = h.ended_at
			WHERE h.end_kind <> ''
			UNION ALL
			SELECT 'status', t.recorded_at, t.recorded_by, h.stall_id, h.vendor_id, NULL, NULL, t.began, t.status, t.season_from, t.season_to, '', '', '', '', t.reason, NULL, 1 + t.seq, t.id
			FROM held h JOIN occupancy_statuses t ON t.market_id = @market AND t.occupancy_id = h.id
			UNION ALL
			SELECT 'consent', c.taken_at, c.taken_by, NULL, c.vendor_id, NULL, NULL, NULL, '', NULL, NULL, c.provider, '', '', c.kind, '', NULL, 4, c.id
			FROM them w JOIN consents c ON c.market_id = @market AND c.vendor_id = w.id WHERE `+within("c.taken_at")+`
			UNION ALL
			SELECT 'holder_consent', h.consent_at, h.consent_by, NULL, a.vendor_id, NULL, NULL, NULL, '', NULL, NULL, a.provider, right(a.number, 4), '', h.relation, '', NULL, 6, a.id
			FROM them w JOIN accounts a ON a.market_id = @market AND a.vendor_id = w.id
			JOIN account_holders h ON h.market_id = @market AND h.account_id = a.id AND h.consent_at IS NOT NULL WHERE `+within("h.consent_at")+`
			UNION ALL
			SELECT 'proposed', a.proposed_at, a.proposed_by, NULL, a.vendor_id, NULL, NULL, NULL, '', NULL, NULL, a.provider, right(a.number, 4), '', '', '', NULL, 5, a.id
			FROM them w JOIN accounts a ON a.market_id = @market AND a.vendor_id = w.id WHERE `+within("a.proposed_at")+`
			UNION ALL
			SELECT d.decision, d.decided_at, d.decided_by, NULL, a.vendor_id, NULL, NULL, NULL, '', NULL, NULL, a.provider, right(a.number, 4), '', '', d.reason, NULL, 7, d.id
			FROM them w JOIN accounts a ON a.market_id = @market AND a.vendor_id = w.id
			JOIN account_decisions d ON d.market_id = @market AND d.account_id = a.id WHERE `+within("d.decided_at")+`
			UNION ALL -- said again, it is told once
			SELECT 'closed_by_provider', c.recorded_at, c.recorded_by, NULL, a.vendor_id, NULL, NULL, NULL, '', NULL, NULL, a.provider, right(a.number, 4), '', '', '', NULL, 8, c.id
			FROM them w JOIN accounts a ON a.market_id = @market AND a.vendor_id = w.id
			JOIN account_closures c ON c.market_id = @market AND c.account_id = a.id WHERE `+within("c.recorded_at")+` AND NOT `+closedBefore("c")+`
			UNION ALL
			SELECT 'reopened_by_provider', c.recorded_at, c.recorded_by, NULL, a.vendor_id, NULL, NULL, NULL, '', NULL, NULL, a.provider, right(a.number, 4), '', '', '', NULL, 8, c.id
			FROM them w JOIN accounts a ON a.market_id = @market AND a.vendor_id = w.id
			JOIN account_verifications c ON c.market_id = @market AND c.account_id = a.id AND c.step = 'provider_confirmed' WHERE `+within("c.recorded_at")+` AND `+closedBefore("c")+`
			UNION ALL
			SELECT e.kind, e.at, e.recorded_by, c.stall_id, NULL, NULL, NULL, NULL, '', NULL, NULL, '', '', c.serial, coalesce(e.result, ''), e.reason,
			       CASE WHEN e.kind = 'issued' THEN c.batch_id END, 7 + e.seq, e.id
			FROM cards c JOIN placard_events e ON e.market_id = @market AND e.placard_id = c.id
			WHERE e.kind NOT IN ('printed', 'heard')
		), story AS (
			SELECT DISTINCT t.kind, t.at, t.by, t.stall_id, t.vendor, t.next, t.to_id, t.day, t.status, t.season_from, t.season_to, t.provider, t.tail, t.serial,
			       t.note, t.reason, t.batch_id, t.n, t.key
			FROM told t
			WHERE (t.at, t.n, t.key::text) < (@before, @before_n, @before_key)
			ORDER BY t.at DESC, t.n DESC, t.key DESC LIMIT @n
		)
		SELECT t.kind, t.at, coalesce(p.name, k.name, CASE WHEN t.by = 'console' THEN 'console' END, '') AS who,
		       coalesce(s.code, '') AS stall, coalesce(v.name, '') AS vendor, coalesce(x.name, '') AS next, coalesce(e.code, '') AS "to", t.day, t.status, t.season_from, t.season_to,
		       t.provider, t.tail, t.serial, t.note, t.reason, t.batch_id, t.n, t.key::text AS key
		FROM story t
		LEFT JOIN stalls s ON s.market_id = @market AND s.id = t.stall_id
		LEFT JOIN stalls e ON e.market_id = @market AND e.id = t.to_id
		LEFT JOIN vendors v ON v.market_id = @market AND v.id = t.vendor
		LEFT JOIN vendors x ON x.market_id = @market AND x.id = t.next
		LEFT JOIN people p ON t.by = 'person:' || p.id
		LEFT JOIN keys k ON t.by = 'key:' || k.id
		ORDER BY t.at DESC, t.n DESC, t.key DESC`, args)
	for i := range p.Items {
		p.Items[i].dress(m, masked)
	}
	return PageOf(p.Items, n, func(h Happening) string { return fmt.Sprintf("%d~%d~%s", h.At.UnixMicro(), h.N, h.Key) }), err
}

// within keeps what happened while somebody of the table them w was there; no day: always.
func within(at string) string {
	return `(w.began IS NULL OR (` + at + ` AT TIME ZONE INTERVAL '7 hours')::date >= w.began) AND (w.until IS NULL OR ` + at + ` <= w.until)`
}

// tenure are the columns of an occupancy that a story is told from.
func tenure(o string) string {
	return strings.ReplaceAll("o.id, o.stall_id, o.vendor_id, o.began, o.ended, o.began_by, o.began_at, o.end_kind, o.end_reason, o.end_stall, o.ended_by, o.ended_at", "o.", o+".")
}

func (h *Happening) dress(m Market, masked bool) {
	if h.BatchID != nil {
		h.Batch = &BatchRef{m.Code, *h.BatchID}
	}
	if h.SeasonFrom != nil {
		h.Season = &Season{*h.SeasonFrom, *h.SeasonTo}
	}
	if masked {
		h.Vendor, h.Next = maskedName(h.Vendor), maskedName(h.Next)
	}
}

// Names are the names of actors by their IDs, for "who did it" on pages that have checked who looks. Those who are
// nobody, the console and the service, are left out.
func (s *Service) Names(ctx context.Context, ids []string) (map[string]string, error) {
	type named struct{ ID, Name string }
	all, err := postgres.All[named](ctx, s.db, `
		SELECT 'person:' || id AS id, name FROM people WHERE 'person:' || id = ANY (@ids)
		UNION ALL SELECT 'key:' || id, name FROM keys WHERE 'key:' || id = ANY (@ids)`, pgx.StrictNamedArgs{"ids": ids})
	names := make(map[string]string, len(all))
	for _, n := range all {
		names[n.ID] = n.Name
	}
	return names, err
}
