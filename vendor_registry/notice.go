package registry

import (
	"context"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres"

	"github.com/jackc/pgx/v5"
)

// NoticeID names a notice within a market.
type NoticeID = id.ID[Notice]

// Notice is what a vendor is to be told: that the money goes elsewhere from now on. It waits in an outbox, by channel. A slip is always
// queued, and carried to the stall by the next visit; nothing is sent by itself.
type Notice struct {
	ID           NoticeID   `json:"id"`
	Kind         string     `json:"kind"`    // account_changed, default_changed, code_found
	Channel      string     `json:"channel"` // slip; sms and zalo where somebody sets them up
	Stall        string     `json:"stall"`   // the vendor's first in walking order; empty: holds none any more
	Vendor       string     `json:"vendor"`
	Provider     string     `json:"provider"` // where the money goes now
	ProviderName string     `json:"provider_name" db:"-"`
	Tail         string     `json:"last_digits"`
	OldProvider  string     `json:"old_provider"` // where it went
	OldName      string     `json:"old_provider_name" db:"-"`
	OldTail      string     `json:"old_last_digits"`
	State        string     `json:"state"` // queued, delivered
	MadeAt       time.Time  `json:"made_at"`
	DeliveredAt  *time.Time `json:"delivered_at"`
	Who          string     `json:"delivered_by"` // name of the person or key; empty: not delivered
}

// queueNotice queues what a vendor is to be told of a change, on the slip of the next visit.
func queueNotice(ctx context.Context, tx pgx.Tx, m Market, kind string, was, is Account, now time.Time) ([]Event, error) {
	n := id.New[Notice]()
	_, err := tx.Exec(ctx, `
		INSERT INTO notices (market_id, id, vendor_id, kind, channel, account_id, old_account_id, state, made_at)
		VALUES (@market, @id, @vendor, @kind, 'slip', @account, @old, 'queued', @now)`,
		pgx.StrictNamedArgs{"market": m.ID, "id": n, "vendor": is.VendorID, "kind": kind, "account": is.RecordID, "old": was.RecordID, "now": now})
	return []Event{{"notice.queued", "notice:" + n.String(), []string{"slip"}}}, err
}

// carried marks the vendor's slips as delivered: somebody was at the stall with a placard.
func carried(ctx context.Context, tx pgx.Tx, by Actor, m Market, v VendorID, now time.Time) error {
	_, err := tx.Exec(ctx, `
		UPDATE notices SET state = 'delivered', delivered_by = @by, delivered_at = @now
		WHERE market_id = @market AND vendor_id = @vendor AND state = 'queued' AND channel = 'slip'`,
		pgx.StrictNamedArgs{"market": m.ID, "vendor": v, "by": by.ID, "now": now})
	return err
}

const noticeColumns = `
	SELECT n.id, n.kind, n.channel, coalesce(s.code, '') AS stall, v.name AS vendor, a.provider, right(a.number, 4) AS tail,
	       b.provider AS old_provider, right(b.number, 4) AS old_tail, n.state, n.made_at, n.delivered_at, coalesce(p.name, k.name, '') AS who
	FROM notices n
	JOIN vendors v ON v.market_id = n.market_id AND v.id = n.vendor_id
	JOIN accounts a ON a.market_id = n.market_id AND a.id = n.account_id
	JOIN accounts b ON b.market_id = n.market_id AND b.id = n.old_account_id
	LEFT JOIN LATERAL (SELECT s.code FROM occupancies o JOIN stalls s ON s.market_id = o.market_id AND s.id = o.stall_id
	                   WHERE o.market_id = @market AND o.vendor_id = n.vendor_id AND o.ended IS NULL ORDER BY s.position, s.code_key LIMIT 1) s ON true
	LEFT JOIN people p ON n.delivered_by = 'person:' || p.id
	LEFT JOIN keys k ON n.delivered_by = 'key:' || k.id`

// Notices lists what the vendors of a market are to be told, what waits longest first; with all, also what was delivered. Faults:
// NotFound; Forbidden.
func (s *Service) Notices(ctx context.Context, by Actor, marketCode string, all bool, l List) (Page[Notice], error) {
	m, err := market(ctx, s.db, by, SeeVendors, marketCode)
	if err != nil {
		return Page[Notice]{}, err
	}
	n, err := l.size()
	if err != nil {
		return Page[Notice]{}, err
	}
	after := NoticeID{}
	if l.Cursor != "" {
		if after, err = id.Parse[Notice](l.Cursor); err != nil {
			return Page[Notice]{}, BadCursor()
		}
	}
	ns, err := postgres.All[Notice](ctx, s.db, noticeColumns+`
		WHERE n.market_id = @market AND (@all OR n.state = 'queued') AND (@after::uuid IS NULL OR n.id > @after)
		ORDER BY n.id LIMIT @n`, pgx.StrictNamedArgs{"market": m.ID, "all": all, "after": after, "n": n + 1})
	for i := range ns {
		ns[i].dress()
	}
	return PageOf(ns, n, func(n Notice) string { return n.ID.String() }), actionContext("notices of", marketCode, err)
}

func (n *Notice) dress() {
	n.ProviderName, n.OldName = ProviderName(n.Provider), ProviderName(n.OldProvider)
}

// Delivered records that a vendor was told. Doing it twice changes nothing. Faults: NotFound; Forbidden.
func (s *Service) Delivered(ctx context.Context, by Actor, marketCode string, which NoticeID) (Notice, error) {
	now := s.now()
	var n Notice
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		m, err := market(ctx, tx, by, RecordField, marketCode)
		if err != nil {
			return err
		}
		args := pgx.StrictNamedArgs{"market": m.ID, "id": which}
		tag, err := tx.Exec(ctx, `UPDATE notices SET state = 'delivered', delivered_by = @by, delivered_at = @now
			WHERE market_id = @market AND id = @id AND state = 'queued'`,
			pgx.StrictNamedArgs{"market": m.ID, "id": which, "by": by.ID, "now": now})
		if err != nil {
			return err
		}
		if n, err = postgres.Found[Notice](ctx, tx, fault.New(fault.NotFound, "notice-not-found", "There is no such notice here."),
			noticeColumns+` WHERE n.market_id = @market AND n.id = @id`, args); err != nil {
			return err
		}
		n.dress()
		if tag.RowsAffected() == 0 {
			return nil
		}
		return Audit(ctx, tx, now, by, m.ID, Event{"notice.delivered", "notice:" + which.String(), nil})
	})
	return n, actionContext("deliver a notice of", marketCode, err)
}
