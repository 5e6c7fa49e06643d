package registry

import (
	"context"

	"cho40/internal/postgres"

	"github.com/jackc/pgx/v5"
)

// Cells gives the placards of a batch from one cell to before another, counted from 0, as their paper shows them: what became of
// them since is left out. It may be called from several goroutines. Faults: Gone batch-gone, as soon as a person among them is erased.
type Cells func(ctx context.Context, from, to int) ([]Placard, error)

// BatchCells is a print batch whose placards are read as they are drawn, so that nobody holds ten thousand of them. Faults: those of Batch.
func (s *Service) BatchCells(ctx context.Context, by Actor, ref BatchRef) (Batch, Cells, error) {
	m, b, err := s.wholeBatch(ctx, by, ref)
	if err != nil {
		return b, nil, err
	}
	type cell struct {
		Placard
		Erased bool
	}
	return b, func(ctx context.Context, from, to int) ([]Placard, error) {
		cells, err := postgres.All[cell](ctx, s.db, `
			SELECT `+onPaper+`, '' AS account_state, NULL::text AS heard, NULL::text AS check_result,
			       NULL::timestamptz AS installed_at, NULL::timestamptz AS checked_at, NULL::timestamptz AS removed_at, NULL::timestamptz AS closed_since,
			       v.erased_at IS NOT NULL OR a.number = '' AS erased
			FROM placards p
			JOIN accounts a ON a.market_id = p.market_id AND a.id = p.account_id
			JOIN vendors v ON v.market_id = p.market_id AND v.id = p.vendor_id
			WHERE p.market_id = @market AND p.batch_id = @batch AND p.cell >= @from AND p.cell < @to
			ORDER BY p.cell`,
			pgx.StrictNamedArgs{"market": m.ID, "batch": b.ID, "from": from, "to": to})
		if err != nil {
			return nil, err
		}
		ps := make([]Placard, len(cells))
		for i := range cells {
			if cells[i].Erased {
				return nil, batchGone()
			}
			ps[i] = cells[i].Placard
			ps[i].dress(m)
		}
		return ps, nil
	}, nil
}
