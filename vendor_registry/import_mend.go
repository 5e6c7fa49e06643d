package registry

import (
	"context"
	"slices"
	"strconv"
	"time"

	"cho40/internal/fault"
	"cho40/internal/postgres"
	"cho40/vendor_registry/ledger"

	"github.com/jackc/pgx/v5"
)

// What a person says of a preview: which column holds what, and single cells typed anew. Both are read again by the same rules.

// MapImport says what the columns of a preview hold; with keep, the market's next ledgers are read so too, from the commit on.
//
// Faults: Invalid mapping-invalid, and those of ledger.Table.Read while columns are missing; NotFound; Forbidden; Conflict
// import-committed, import-expired.
func (s *Service) MapImport(ctx context.Context, by Actor, ref ImportRef, as ledger.Mapping, keep bool) (Import, error) {
	if err := as.Check(); err != nil {
		return Import{}, err
	}
	return s.reread(ctx, by, ref, "import.mapped", func(st *stored) error {
		st.Mapping, st.Remember = st.Mapping.Over(as), keep
		return nil
	})
}

// MendedRow are cells of one row typed anew, by the heading or the letter of their columns.
type MendedRow struct {
	Row   int               `json:"row"`
	Cells map[string]string `json:"cells"`
}

// mendedMost is how many cells of one ledger may be typed anew: a file with more is mended as a file.
const mendedMost = 2_000

// MendImport types cells of a preview anew. They are checked by the rules of the file, and who typed them may not approve what
// they bring.
//
// Faults: Invalid import-invalid (a row or column that is not there, too many); NotFound; Forbidden; Conflict import-committed,
// import-expired, import-unmapped.
func (s *Service) MendImport(ctx context.Context, by Actor, ref ImportRef, rows []MendedRow) (Import, error) {
	return s.reread(ctx, by, ref, "import.mended", func(st *stored) error {
		read, sheet, err := st.read()
		if err != nil {
			return err
		}
		if len(read.Rows) == 0 || sheet == nil {
			return fault.New(fault.Conflict, "import-unmapped", "Say first which column holds the stall codes and which the vendors.")
		}
		known := numbersOf(read.Rows)
		var bad []fault.Field
		if st.Mended == nil {
			st.Mended = ledger.Mended{}
		}
		for i, r := range rows {
			at := below("rows", strconv.Itoa(i))
			if _, ok := slices.BinarySearch(known, r.Row); !ok {
				bad = append(bad, fault.At(below(at, "row"), "not-there", "There is no stall in row %d.", r.Row))
				continue
			}
			for key, value := range r.Cells {
				c := slices.IndexFunc(read.Columns, func(c ledger.Column) bool {
					return c.Role != ledger.Private && (c.Letter() == key || c.Heading != "" && ledger.Key(c.Heading) == ledger.Key(key))
				})
				if c < 0 {
					bad = append(bad, fault.At(below(below(at, "cells"), key), "not-there", "There is no column %s.", fault.Clip(key, 40)))
					continue
				}
				if st.Mended[r.Row] == nil {
					st.Mended[r.Row] = map[int]string{}
				}
				st.Mended[r.Row][read.Columns[c].Index] = value
			}
		}
		n := 0
		for _, cells := range st.Mended {
			n += len(cells)
		}
		if n > mendedMost {
			return fault.New(fault.Invalid, "import-invalid", "At most %d cells of a ledger can be typed anew here. Mend the file and upload it again.", mendedMost)
		}
		if n > 0 && !slices.Contains(st.Touched, by.ID) {
			st.Touched = append(st.Touched, by.ID)
		}
		return fault.Check("import-invalid", bad)
	})
}

// reread changes what was said of a preview and reads its cells again.
func (s *Service) reread(ctx context.Context, by Actor, ref ImportRef, action string, change func(*stored) error) (Import, error) {
	now := s.now()
	im := Import{Ref: ref, ID: ref.ID}
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		m, err := market(ctx, tx, by, ImportLedger, ref.Market)
		if err != nil {
			return notFoundAs(err, importNotFound())
		}
		st, err := selectImport(ctx, tx, m.ID, ref.ID, "FOR UPDATE")
		if err != nil {
			return err
		}
		if err := st.open(now); err != nil {
			return err
		}
		if st.beats(now) {
			return fault.New(fault.Conflict, "import-committing", "This import is going in just now.")
		}
		if st.Sheet == nil {
			return fault.New(fault.Conflict, "import-expired", "This preview is older than 24 hours. Upload the ledger again.")
		}
		if err := change(&st); err != nil {
			return err
		}
		_, sheet, err := st.read()
		if err != nil {
			return err
		}
		read, err := sheet.Read(ctx, st.Mapping, st.Mended)
		if err != nil {
			if f, ok := fault.As(err); ok && askable(err) {
				return f.With(unnamed(sheet.Columns(st.Mapping))...)
			}
			return err
		}
		im.CreatedAt, im.ExpiresAt, im.Remember = st.CreatedAt, st.ExpiresAt, st.Remember
		if err := s.show(ctx, tx, m, &im, sheet, read, st.Mapping, now); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `
			UPDATE imports SET ledger = @ledger, mapping = @mapping, remember = @remember, mended = @mended, touched = @touched, report = @report, problem = NULL
			WHERE market_id = @market AND id = @id`,
			pgx.StrictNamedArgs{"ledger": asJSON(read), "mapping": asJSON(st.Mapping), "remember": st.Remember, "mended": asJSON(st.Mended), "touched": st.Touched,
				"report": asJSON(im.Report), "market": m.ID, "id": st.ID}); err != nil {
			return err
		}
		return Audit(ctx, tx, now, by, m.ID, Event{action, "import:" + st.ID.String(), nil})
	})
	return im, actionContext("mend import", ref.String(), err)
}

// askable reports a ledger that was refused only because nobody knows what its columns hold.
func askable(err error) bool {
	switch fault.CodeOf(err) {
	case "ledger-no-heading", "ledger-no-vendor-column", "ledger-no-code-column":
		return true
	}
	return false
}

// unnamed tells of each column what it was taken for, so that a program can send a mapping.
func unnamed(columns []ledger.Column) (fields []fault.Field) {
	for _, c := range columns {
		f := fault.Field{Pointer: below("mapping", c.Letter()), Column: c.Letter(), Code: "column-unknown", Value: c.Heading, Detail: fault.Say("Nobody said yet what column %s holds.", c.Letter())}
		if c.Role != ledger.Unread {
			f.Code, f.Detail = "column-known", fault.Say("Column %s was taken for: %s.", c.Letter(), string(c.Role))
		}
		fields = append(fields, f)
	}
	return fields
}

// rememberedMapping is what a market's columns hold where their headings do not tell, as somebody said before.
func rememberedMapping(ctx context.Context, db postgres.Querier, m MarketID) (ledger.Mapping, error) {
	type said struct{ Heading, Role string }
	all, err := postgres.All[said](ctx, db, `SELECT heading, role FROM ledger_mappings WHERE market_id = @market`, pgx.StrictNamedArgs{"market": m})
	as := ledger.Mapping{}
	for _, s := range all {
		as[s.Heading] = s.Role
	}
	return as, err
}

// recalled says which columns were read as this market's people said before.
func recalled(columns []ledger.Column, before, now ledger.Mapping) (notes []fault.Field) {
	again := map[string]bool{}
	for key := range now {
		again[ledger.Key(key)] = true
	}
	for _, c := range columns {
		role, ok := before[ledger.Key(c.Heading)]
		if !ok || again[ledger.Key(c.Heading)] || now[c.Letter()] != "" {
			continue
		}
		notes = append(notes, fault.Field{Column: c.Heading, Code: "mapping-remembered", Value: role,
			Detail: fault.Say("It was read as “%s”, as was said for this market before.", role)})
	}
	return notes
}

// remember keeps what a person said of a ledger's columns for the market. Columns without a heading cannot be known again.
func remember(ctx context.Context, tx pgx.Tx, by Actor, m MarketID, columns []ledger.Column, now time.Time) error {
	b := &pgx.Batch{}
	for _, c := range columns {
		key, role := ledger.Key(c.Heading), string(c.Role)
		if c.Provider != "" && c.Role == ledger.Number {
			role = c.Provider
		}
		if role == "" {
			role = "unread"
		}
		if !c.Told || key == "" || len(key) > 200 {
			continue
		}
		b.Queue(`INSERT INTO ledger_mappings (market_id, heading, role, said_by, said_at) VALUES (@market, @heading, @role, @by, @now)
		         ON CONFLICT (market_id, heading) DO UPDATE SET role = excluded.role, said_by = excluded.said_by, said_at = excluded.said_at`,
			pgx.StrictNamedArgs{"market": m, "heading": key, "role": role, "by": by.ID, "now": now})
	}
	if b.Len() == 0 {
		return nil
	}
	return tx.SendBatch(ctx, b).Close()
}

// FaultyRows are the rows of an import that do not go in, with what is wrong with each.
type FaultyRows struct {
	File     string
	Headings []string // of the file's own columns; none once the import is over, when only what was said of the rows is kept
	Rows     []FaultyRow
}

// FaultyRow is one of them.
type FaultyRow struct {
	Row    int
	Cells  []string // as they stand in the file or were typed anew
	Faults []fault.Field
}

// FaultyRows lists the rows of an import that do not go in, for a person to mend. Faults: NotFound; Forbidden.
func (s *Service) FaultyRows(ctx context.Context, by Actor, ref ImportRef) (FaultyRows, error) {
	im, err := s.Import(ctx, by, ref)
	if err != nil {
		return FaultyRows{}, err
	}
	out := FaultyRows{File: im.Report.File}
	for _, c := range im.Columns {
		out.Headings = append(out.Headings, c.Heading)
	}
	for _, f := range im.Report.Faults {
		if n := len(out.Rows); n == 0 || out.Rows[n-1].Row != f.Row {
			cells := im.Cells(f.Row)
			out.Rows = append(out.Rows, FaultyRow{Row: f.Row, Cells: cells[:min(len(cells), len(out.Headings))]})
		}
		last := &out.Rows[len(out.Rows)-1]
		last.Faults = append(last.Faults, f)
	}
	return out, nil
}
