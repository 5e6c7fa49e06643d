package registry

import (
	"bytes"
	"context"
	"image/png"
	"regexp"
	"strings"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres"

	"github.com/jackc/pgx/v5"
)

// DesignRef names one version of a design.
type DesignRef = Ref[Design]

// Standard is the design that every market has.
const Standard = "standard"

// Design is what a market's own cards look like. It is written once: a change is the next version, so that an old batch
// looks for ever as it did.
type Design struct {
	Ref     DesignRef     `json:"id" db:"-"`
	ID      id.ID[Design] `json:"-"`
	Name    string        `json:"name"`
	Version int           `json:"version"`
	Colour  string        `json:"colour"` // #rrggbb
	Tint    string        `json:"tint"`
	Board   string        `json:"board"` // name of the board, as the card says it
	Logo    []byte        `json:"-"`     // a PNG; nil: none
	HasLogo bool          `json:"has_logo" db:"-"`
	SavedAt time.Time     `json:"saved_at"`
}

// NewDesign is what a board wants its cards to look like. The same name again is the design's next version.
type NewDesign struct {
	Name   string `json:"name" form:"name"`
	Colour string `json:"colour" form:"colour"`
	Tint   string `json:"tint" form:"tint"`
	Board  string `json:"board" form:"board"`
	Logo   []byte `json:"logo"`
}

var colour = regexp.MustCompile(`^#[0-9a-f]{6}$`)

const (
	maxDesign  = 40
	maxLogo    = 256 << 10
	maxLogoDim = 2000
)

func (n *NewDesign) check() error {
	var bad []fault.Field
	n.Name = text(&bad, "name", n.Name, maxDesign, true)
	if strings.EqualFold(n.Name, Standard) {
		bad = append(bad, fault.At("name", "taken", "The design %q is there for everybody. Give yours another name.", Standard))
	}
	n.Board = text(&bad, "board", n.Board, maxName, false)
	for _, c := range []struct {
		pointer string
		value   *string
	}{{"colour", &n.Colour}, {"tint", &n.Tint}} {
		*c.value = strings.ToLower(strings.TrimSpace(*c.value))
		if !colour.MatchString(*c.value) {
			bad = append(bad, fault.At(c.pointer, "form", "A colour is written as #1a5fb4."))
		}
	}
	if len(n.Logo) > 0 {
		// The header alone: a small file may unpack to gigabytes.
		head, err := png.DecodeConfig(bytes.NewReader(n.Logo))
		if err != nil || len(n.Logo) > maxLogo || head.Width > maxLogoDim || head.Height > maxLogoDim {
			bad = append(bad, fault.At("logo", "form", "A logo is a PNG picture of at most %d KiB and %d dots a side.", maxLogo>>10, maxLogoDim))
		}
	}
	return fault.Check("design-invalid", bad)
}

// SaveDesign keeps a design of a market. Whether its colours can be told apart, and its logo drawn, is for the caller to
// check first, who draws. Faults: Invalid; NotFound; Forbidden.
func (s *Service) SaveDesign(ctx context.Context, by Actor, marketCode string, in NewDesign) (Design, error) {
	if err := in.check(); err != nil {
		return Design{}, err
	}
	if len(in.Logo) == 0 {
		in.Logo = nil
	}
	now := s.now()
	var d Design
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		m, err := market(ctx, tx, by, SetPaper, marketCode)
		if err != nil {
			return err
		}
		if err := oneAtATime(ctx, tx, m.ID, "paper"); err != nil { // or two would make the same version
			return err
		}
		d, err = postgres.One[Design](ctx, tx, `
			INSERT INTO designs (market_id, id, name, version, colour, tint, board, logo, saved_by, saved_at)
			SELECT @market, @id, @name, coalesce(max(version), 0) + 1, @colour, @tint, @board, @logo, @by, @now
			FROM designs WHERE market_id = @market AND name = @name
			RETURNING id, name, version, colour, tint, board, logo, saved_at`,
			pgx.StrictNamedArgs{"market": m.ID, "id": id.New[Design](), "name": in.Name, "colour": in.Colour, "tint": in.Tint,
				"board": in.Board, "logo": in.Logo, "by": by.ID, "now": now})
		if err != nil {
			return err
		}
		d.dress(m)
		return Audit(ctx, tx, now, by, m.ID, Event{"design.saved", "design:" + d.ID.String(), []string{"name", "colour", "tint", "board", "logo"}})
	})
	return d, actionContext("save design of", marketCode, err)
}

func (d *Design) dress(m Market) {
	d.Ref, d.HasLogo = DesignRef{m.Code, d.ID}, d.Logo != nil
}

const designColumns = `SELECT id, name, version, colour, tint, board, logo, saved_at FROM designs d `

// Designs lists the newest versions of a market's own designs by name. Faults: NotFound; Forbidden.
func (s *Service) Designs(ctx context.Context, by Actor, marketCode string) ([]Design, error) {
	m, err := market(ctx, s.db, by, PrintPlacards, marketCode)
	if err != nil {
		return nil, err
	}
	ds, err := postgres.All[Design](ctx, s.db, designColumns+`
		WHERE market_id = @market AND NOT EXISTS (
			SELECT FROM designs newer WHERE newer.market_id = @market AND newer.name = d.name AND newer.version > d.version)
		ORDER BY name COLLATE vi_order`, pgx.StrictNamedArgs{"market": m.ID})
	for i := range ds {
		ds[i].dress(m)
	}
	return ds, err
}

// Design is one version of a design with its logo. Faults: NotFound; Forbidden.
func (s *Service) Design(ctx context.Context, by Actor, ref DesignRef) (Design, error) {
	none := fault.New(fault.NotFound, "design-not-found", "There is no such design here.")
	m, err := market(ctx, s.db, by, PrintPlacards, ref.Market)
	if err != nil {
		return Design{}, notFoundAs(err, none)
	}
	return design(ctx, s.db, m, none, `WHERE market_id = @market AND id = @id`, pgx.StrictNamedArgs{"market": m.ID, "id": ref.ID})
}

func design(ctx context.Context, db postgres.Querier, m Market, none *fault.Error, where string, args pgx.StrictNamedArgs) (Design, error) {
	d, err := postgres.Found[Design](ctx, db, none, designColumns+where, args)
	d.dress(m)
	return d, err
}
