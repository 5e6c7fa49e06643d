package registry

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres"

	"github.com/jackc/pgx/v5"
)

// Sheet is a sheet of stickers that a market measured for itself. Its measures are package printing's own.
type Sheet struct {
	Name     string          `json:"name"`
	Version  int             `json:"version"`
	Measures json.RawMessage `json:"measures"`
}

// NewSheet is what somebody measured. The same name again is the sheet's next version.
type NewSheet struct {
	Name     string          `json:"name"`
	Measures json.RawMessage `json:"measures"`
}

const maxSheet = 20

var sheetName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,19}$`)

// maxMeasures is how many bytes the measures of a sheet may have; a dozen numbers need a few hundred.
const maxMeasures = 4096

// SaveSheet keeps a sheet of a market. Batches that were printed on an earlier version keep its measures. builtIn are the
// names that are taken by the sheets everybody has; check says what is wrong with the measures, field by field.
//
// Faults: Invalid; NotFound; Forbidden.
func (s *Service) SaveSheet(ctx context.Context, by Actor, marketCode string, in NewSheet, builtIn []string, check func(measures json.RawMessage) []fault.Field) (Sheet, error) {
	var bad []fault.Field
	switch {
	case !sheetName.MatchString(in.Name):
		bad = append(bad, fault.At("name", "form", "A sheet's name has 1 to 20 small letters, digits or hyphens, such as tomy-104."))
	case slices.Contains(builtIn, in.Name):
		bad = append(bad, fault.At("name", "taken", "There is a sheet of this name for everybody. Give yours another one."))
	}
	switch {
	case len(in.Measures) == 0:
		bad = append(bad, fault.At("measures", "required", "This must be filled in."))
	case len(in.Measures) > maxMeasures:
		bad = append(bad, fault.At("measures", "too-long", "It has %d characters; at most %d fit.", len(in.Measures), maxMeasures))
	default:
		for _, f := range check(in.Measures) {
			bad = append(bad, f.Under("measures"))
		}
	}
	if err := fault.Check("sheet-invalid", bad); err != nil {
		return Sheet{}, err
	}
	now := s.now()
	which := id.New[Sheet]()
	var saved Sheet
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		m, err := market(ctx, tx, by, SetPaper, marketCode)
		if err != nil {
			return err
		}
		if err := oneAtATime(ctx, tx, m.ID, "paper"); err != nil { // or two would make the same version
			return err
		}
		saved, err = postgres.One[Sheet](ctx, tx, `
			INSERT INTO sheets (market_id, id, name, version, measures, saved_by, saved_at)
			SELECT @market, @id, @name, coalesce(max(version), 0) + 1, @measures, @by, @now FROM sheets WHERE market_id = @market AND name = @name
			RETURNING name, version, measures`,
			pgx.StrictNamedArgs{"market": m.ID, "id": which, "name": in.Name, "measures": []byte(in.Measures), "by": by.ID, "now": now})
		if err != nil {
			return err
		}
		return Audit(ctx, tx, now, by, m.ID, Event{"sheet.saved", "sheet:" + which.String(), []string{"name", "measures"}})
	})
	return saved, actionContext("save sheet of", marketCode, err)
}

// Sheets lists the newest versions of a market's own sheets by name. Faults: NotFound; Forbidden.
func (s *Service) Sheets(ctx context.Context, by Actor, marketCode string) ([]Sheet, error) {
	m, err := market(ctx, s.db, by, PrintPlacards, marketCode)
	if err != nil {
		return nil, err
	}
	return sheets(ctx, s.db, m, nil)
}

// sheets are the newest versions, of all names or of one.
func sheets(ctx context.Context, db postgres.Querier, m Market, name *string) ([]Sheet, error) {
	return postgres.All[Sheet](ctx, db, `
		SELECT DISTINCT ON (name) name, version, measures FROM sheets
		WHERE market_id = @market AND (@name::text IS NULL OR name = @name) ORDER BY name, version DESC`,
		pgx.StrictNamedArgs{"market": m.ID, "name": name})
}
