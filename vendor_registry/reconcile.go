package registry

import (
	"bytes"
	"context"
	"crypto/sha256"
	"slices"
	"strings"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres"
	"cho40/qrgen"

	"github.com/jackc/pgx/v5"
)

// Difference is something in the record that does not agree with what was approved.
type Difference struct {
	Stall     string     `json:"stall"`
	Serial    string     `json:"serial,omitempty"` // of the placard; empty: it is about the vendor's default
	Code      string     `json:"code"`             // unreadable, pays-other, payload-changed, holder-changed, not-approved, own-approval, no-trace, default
	Detail    fault.Text `json:"detail"`
	Suspended bool       `json:"suspended"` // the placard is stopped now, by this or by somebody before
}

// Reconcile looks at every live placard of a market anew: what do its modules pay, read by code that shares nothing with what made
// them, and is that the account that two people approved, with their trace in the audit chain? A placard that differs is suspended,
// and a vendor's default that was not approved is named.
//
// Faults: NotFound; Forbidden.
func (s *Service) Reconcile(ctx context.Context, by Actor, marketCode string) ([]Difference, error) {
	now := s.now()
	found := []Difference{}
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		m, err := market(ctx, tx, by, SuspendPlacard, marketCode)
		if err != nil {
			return err
		}
		if err := oneAtATime(ctx, tx, m.ID, "print"); err != nil { // no decision and no batch meanwhile
			return err
		}
		if _, err := tx.Exec(ctx, `SET LOCAL statement_timeout = '5min'`); err != nil {
			return err
		}
		live, err := postgres.All[reconciled](ctx, tx, `
			SELECT p.id, p.serial, p.kind, p.state, p.mark, p.stall_code AS stall, p.holder AS printed, a.bin, a.number, a.holder, a.payload, a.payload_sha256 AS hash,
			       a.symbol, a.touched_by, a.proposed_at, coalesce(d.approved_by, '') AS approved_by, coalesce(d.same, false) AS same,
			       coalesce(d.ended, false) AS ended,
			       EXISTS (SELECT 1 FROM audit_events e WHERE e.market_id = @market AND e.object = 'account:' || a.id AND e.action = 'account.approved'
			               AND e.actor = d.approved_by) AS traced
			FROM placards p
			JOIN accounts a ON a.market_id = p.market_id AND a.id = p.account_id
			LEFT JOIN LATERAL (
				SELECT max(d.decided_by) FILTER (WHERE d.decision = 'approved') AS approved_by,
				       bool_and(d.payload_sha256 = a.payload_sha256 AND d.touched_by = a.touched_by) FILTER (WHERE d.decision = 'approved') AS same,
				       bool_or(d.decision <> 'approved') AS ended
				FROM account_decisions d WHERE d.market_id = @market AND d.account_id = p.account_id) d ON true
			WHERE p.market_id = @market AND p.state = ANY (@live) ORDER BY p.stall_code, p.serial`,
			pgx.StrictNamedArgs{"market": m.ID, "live": liveStates})
		if err != nil {
			return err
		}
		var events []Event
		var stopped []Placard
		for _, p := range live {
			d := p.differs(now)
			if d == nil {
				continue
			}
			if d.Suspended = true; p.State != "suspended" {
				e := placardEvent{id: id.New[NewPlacardEvent](), kind: "suspended", state: "suspended", reason: "reconcile", at: now}
				if err := e.insert(ctx, tx, by, m.ID, p.ID, now); err != nil {
					return err
				}
				stopped = append(stopped, Placard{ID: p.ID})
				events = append(events, Event{"placard.suspended", "placard:" + p.ID.String(), []string{"state"}})
			}
			events = append(events, Event{"placard.differs", "placard:" + p.ID.String(), []string{d.Code}})
			found = append(found, *d)
		}
		wrong, err := postgres.All[string](ctx, tx, `
			SELECT coalesce(s.code, '–') FROM vendors v
			LEFT JOIN LATERAL (SELECT s.code FROM occupancies o JOIN stalls s ON s.market_id = o.market_id AND s.id = o.stall_id
			                   WHERE o.market_id = @market AND o.vendor_id = v.id AND o.ended IS NULL ORDER BY s.position, s.code_key LIMIT 1) s ON true
			WHERE v.market_id = @market AND v.default_account IS NOT NULL AND v.removed_at IS NULL AND v.erased_at IS NULL
			  AND NOT EXISTS (SELECT 1 FROM vendor_merges g WHERE g.market_id = @market AND g.vendor_id = v.id) -- nobody's any more
			  AND (
				NOT EXISTS (SELECT 1 FROM account_decisions d WHERE d.market_id = @market AND d.account_id = v.default_account AND d.decision = 'approved')
				OR EXISTS (SELECT 1 FROM account_decisions d WHERE d.market_id = @market AND d.account_id = v.default_account AND d.decision <> 'approved'))
			ORDER BY 1`, pgx.StrictNamedArgs{"market": m.ID})
		if err != nil {
			return err
		}
		for _, stall := range wrong {
			found = append(found, Difference{Stall: stall, Code: "default", Detail: fault.Say("The account that the vendor's money goes to is not one in force.")})
		}
		if err := recountPlacards(ctx, tx, m.ID, now, stopped...); err != nil {
			return err
		}
		return Audit(ctx, tx, now, by, m.ID, append(events, Event{"market.reconciled", "market:" + m.Code, nil})...)
	})
	return found, actionContext("reconcile", marketCode, err)
}

// reconciled is a live placard with all that should agree with it.
type reconciled struct {
	ID                                PlacardID
	Serial                            Serial
	Kind, State, Mark, Stall, Printed string
	BIN, Number, Holder, Payload      string
	Hash, Symbol                      []byte
	TouchedBy                         []string
	ProposedAt                        time.Time
	ApprovedBy                        string
	Same, Ended, Traced               bool
}

// differs says what of a placard does not agree; nil: all does.
func (p reconciled) differs(now time.Time) *Difference {
	say := func(code, format string, args ...any) *Difference {
		return &Difference{Stall: p.Stall, Serial: p.Serial.String(), Code: code, Detail: fault.Say(format, args...)}
	}
	text, err := qrgen.ReadModules(modules(p.Symbol))
	if err != nil {
		return say("unreadable", "The symbol that is kept for this placard cannot be read.")
	}
	bin, number, ok := whomItPays(text)
	sum := sha256.Sum256([]byte(text))
	switch {
	case !ok:
		return say("unreadable", "The symbol that is kept for this placard cannot be read.")
	case bin != p.BIN || number != p.Number:
		return say("pays-other", "The code of this placard pays another account than the approved one.")
	case text != p.Payload || !bytes.Equal(sum[:], p.Hash):
		return say("payload-changed", "The text of this placard's code is not the one that was frozen when the account was proposed.")
	case p.Printed != p.Holder:
		return say("holder-changed", "The holder printed on this placard is not the account's.")
	case p.ApprovedBy == "":
		waits := now.Sub(p.ProposedAt) < ProposalLives && !p.Ended
		if p.State == "suspended" || waits && (p.Mark != "" || p.Kind == "provider") {
			return nil // stopped, provisional, or a stand that does not count yet
		}
		return say("not-approved", "Nobody approved the account of this placard.")
	case slices.Contains(p.TouchedBy, p.ApprovedBy) || !p.Same:
		return say("own-approval", "The account of this placard was approved by who brought it in, or the approval is of another text.")
	case !p.Traced:
		return say("no-trace", "The approval of this placard's account is not in the record of what happened.")
	case p.Ended && p.State != "suspended":
		return say("not-approved", "The account of this placard is no more in force.")
	}
	return nil
}

// modules are those of a symbol as it is kept: one byte of width, then the bits row by row.
type modules []byte

// Size is the number of modules a side.
func (m modules) Size() int {
	if len(m) == 0 {
		return 0
	}
	return int(m[0])
}

// Dark reports whether a module is dark.
func (m modules) Dark(x, y int) bool {
	i := y*m.Size() + x
	at := 1 + i/8
	return at < len(m) && m[at]>>(7-i%8)&1 == 1
}

// whomItPays reads BIN and account from the text of a code, by itself: tag, two digits of length, value; 38 holds 01, which holds both.
func whomItPays(text string) (bin, number string, ok bool) {
	outer, ok := objects(text)
	if !ok || outer["38"] == "" {
		return "", "", false
	}
	template, ok := objects(outer["38"])
	if !ok || template["00"] != "A000000727" {
		return "", "", false
	}
	payee, ok := objects(template["01"])
	return payee["00"], payee["01"], ok && payee["00"] != "" && payee["01"] != ""
}

// objects splits a text into its objects by tag; a tag that comes twice, or a length that runs over the end, is not ok.
func objects(s string) (map[string]string, bool) {
	out := map[string]string{}
	for s != "" {
		if len(s) < 4 || strings.Trim(s[:4], "0123456789") != "" {
			return nil, false
		}
		tag, n := s[:2], int(s[2]-'0')*10+int(s[3]-'0')
		if len(s) < 4+n {
			return nil, false
		}
		if _, twice := out[tag]; twice {
			return nil, false
		}
		out[tag], s = s[4:4+n], s[4+n:]
	}
	return out, true
}
