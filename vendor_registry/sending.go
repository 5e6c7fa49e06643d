package registry

import (
	"bytes"
	"context"
	"crypto/sha256"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// sending is a record that came with an ID of its own, minted by whoever sent it: the ID is its identity, so that it may be
// sent again after a lost answer.
type sending struct {
	kind  string // stall, vendor, account, placard, placard_event
	id    pgtype.UUID
	place string // where it was sent for: a stall's code, a placard's serial
	as    any    // what was sent, cleaned
}

func sent[T any](kind string, id id.ID[T], place string, as any) sending {
	v, _ := id.UUIDValue()
	return sending{kind, v, place, as}
}

func (s sending) digest() []byte {
	h := sha256.Sum256(asJSON([]any{s.kind, s.as}))
	return h[:]
}

// claim takes the ID for this content. It reports whether the same was sent before, which then is all that is to be done; other
// content under the ID is an otherVersion. Two at once come one after the other.
func (s sending) claim(ctx context.Context, tx pgx.Tx, by Actor, m Market, now time.Time) (again bool, err error) {
	if !s.id.Valid {
		return false, nil // minted here
	}
	args := pgx.StrictNamedArgs{"market": m.ID, "id": s.id, "kind": s.kind, "content": s.digest(), "by": by.ID, "now": now}
	tag, err := tx.Exec(ctx, `
		INSERT INTO sendings (market_id, id, kind, content, sent_by, sent_at) VALUES (@market, @id, @kind, @content, @by, @now)
		ON CONFLICT (market_id, id) DO NOTHING`, args)
	if err != nil || tag.RowsAffected() == 1 {
		return false, err
	}
	before, err := postgres.One[[]byte](ctx, tx, `SELECT content FROM sendings WHERE market_id = @market AND id = @id`,
		pgx.StrictNamedArgs{"market": m.ID, "id": s.id})
	if err != nil {
		return false, err
	}
	if bytes.Equal(before, nothing) {
		return false, PersonGone()
	}
	if !bytes.Equal(before, s.digest()) {
		return false, s.differs()
	}
	return true, nil
}

// otherVersion is why a sending was refused: its ID stands for other content.
type otherVersion struct {
	why *fault.Error
	sending
}

func (o *otherVersion) Error() string { return o.why.Error() }

// Unwrap lets the fault be found.
func (o *otherVersion) Unwrap() error { return o.why }

func (s sending) differs() error {
	return s.differsAs(fault.New(fault.Conflict, "record-differs",
		"A record with this id was sent before, with other content. Nothing was overwritten: this version is kept for whoever leads the team."))
}

// differsAs says the refusal in another fault's words.
func (s sending) differsAs(why *fault.Error) error { return &otherVersion{why, s} }

// Differs is the fault of a record of another package's that came with an ID which stands for other content: KeepBoth keeps the
// second version. kind is one of those of a Clash, place where it was sent for, as what was sent.
func Differs[T any](why *fault.Error, kind string, id id.ID[T], place string, as any) error {
	return sent(kind, id, place, as).differsAs(why)
}
