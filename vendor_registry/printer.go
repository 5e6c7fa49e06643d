package registry

import (
	"context"

	"cho40/internal/fault"
	"cho40/internal/postgres"

	"github.com/jackc/pgx/v5"
)

// Printer is one that a market prints on: no two put the same page in the same place on the paper.
type Printer struct {
	Name        string  `json:"name" form:"name"`
	OffsetRight float64 `json:"offset_right" form:"offset_right"` // millimetres to print further right; negative: left
	OffsetDown  float64 `json:"offset_down" form:"offset_down"`
}

// maxOffset is how many millimetres a printer may be put right by; more is the wrong paper or the wrong scale.
const maxOffset = 10

const maxPrinter = 40

// SavePrinter keeps a printer of a market under its name, or corrects the one that has it. Batches of before keep what they
// were printed with. Faults: Invalid; NotFound; Forbidden.
func (s *Service) SavePrinter(ctx context.Context, by Actor, marketCode string, in Printer) (Printer, error) {
	var bad []fault.Field
	in.Name = text(&bad, "name", in.Name, maxPrinter, true)
	for _, offset := range []struct {
		pointer string
		mm      float64
	}{{"offset_right", in.OffsetRight}, {"offset_down", in.OffsetDown}} {
		if !(offset.mm >= -maxOffset && offset.mm <= maxOffset) { // not the other way round: a form may bring NaN
			bad = append(bad, fault.At(offset.pointer, "range", "From %d to %d millimetres.", -maxOffset, maxOffset))
		}
	}
	if err := fault.Check("printer-invalid", bad); err != nil {
		return in, err
	}
	now := s.now()
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		m, err := market(ctx, tx, by, PrintPlacards, marketCode)
		if err != nil {
			return err
		}
		// What is stored is what a batch will copy: whole hundredths of a millimetre.
		in, err = postgres.One[Printer](ctx, tx, `
			INSERT INTO printers (market_id, name, offset_right, offset_down, saved_by, saved_at)
			VALUES (@market, @name, @right, @down, @by, @now)
			ON CONFLICT (market_id, name) DO UPDATE
			SET offset_right = excluded.offset_right, offset_down = excluded.offset_down, saved_by = excluded.saved_by, saved_at = excluded.saved_at
			RETURNING name, offset_right, offset_down`,
			pgx.StrictNamedArgs{"market": m.ID, "name": in.Name, "right": in.OffsetRight, "down": in.OffsetDown, "by": by.ID, "now": now})
		if err != nil {
			return err
		}
		return Audit(ctx, tx, now, by, m.ID, Event{"printer.saved", "market:" + m.Code, []string{"name", "offset_right", "offset_down"}})
	})
	return in, actionContext("save printer of", marketCode, err)
}

// Printers lists a market's printers by name. Faults: NotFound; Forbidden.
func (s *Service) Printers(ctx context.Context, by Actor, marketCode string) ([]Printer, error) {
	m, err := market(ctx, s.db, by, PrintPlacards, marketCode)
	if err != nil {
		return nil, err
	}
	return postgres.All[Printer](ctx, s.db, `
		SELECT name, offset_right, offset_down FROM printers WHERE market_id = @market ORDER BY name COLLATE vi_order`,
		pgx.StrictNamedArgs{"market": m.ID})
}
