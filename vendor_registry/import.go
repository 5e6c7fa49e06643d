package registry

import (
	"context"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres"
	"cho40/vendor_registry/ledger"

	"github.com/jackc/pgx/v5"
)

// ImportID names an import within a market.
type ImportID = id.ID[Import]

// ImportRef names an import that comes in alone.
type ImportRef = Ref[Import]

// PreviewLives is how long a previewed ledger is kept.
const PreviewLives = 24 * time.Hour

// Import is a ledger on its way in: first a preview that stores nothing in the record, then, when a person says so, the rows.
type Import struct {
	Ref       ImportRef   `json:"id" db:"-"`
	ID        ImportID    `json:"-"`
	State     string      `json:"state"` // preview, unmapped (nobody has said yet what its columns hold), committing, expired, committed, undone
	Report    Report      `json:"report"`
	Rows      []ImportRow `json:"rows" db:"-"`
	CreatedAt time.Time   `json:"created_at"`
	ExpiresAt time.Time   `json:"expires_at"`

	Columns     []ledger.Column `json:"-" db:"-"` // of a preview: what each was taken for
	Top         []ledger.TopRow `json:"-" db:"-"` // its first rows as they stand
	Mapping     ledger.Mapping  `json:"-" db:"-"` // what was said of its columns, now and for this market before
	Remember    bool            `json:"-" db:"-"` // the mapping is kept for the market with the commit
	Done, Total int             `json:"-" db:"-"` // of a commit that runs: symbols made, symbols to make
	Problem     *fault.Text     `json:"-" db:"-"` // why the last commit failed
	sheet       *ledger.Table
	mended      ledger.Mended
}

// Cells are the texts of a preview's row as they stand in the file or were typed anew, by column.
func (im Import) Cells(row int) []string {
	if im.sheet == nil {
		return nil
	}
	texts := im.sheet.Cells(row)
	for c, text := range im.mended[row] {
		for len(texts) <= c {
			texts = append(texts, "")
		}
		texts[c] = text
	}
	return texts
}

// ImportRow is one stall row of a preview, and its fate.
type ImportRow struct {
	ledger.Row
	Fate    string // new, changed, unchanged, faulty
	Changes []FieldChange
}

// Report says what became of every row of a ledger.
type Report struct {
	File      string        `json:"file"`
	Rows      int           `json:"rows"` // stall rows: Good + Faulty
	Good      int           `json:"good"`
	Vacant    int           `json:"vacant"` // part of Good
	Faulty    int           `json:"faulty"`
	Unchanged int           `json:"unchanged"` // part of Good: the record says so already
	Changed   int           `json:"changed"`   // part of Good: stalls that were there and are not as the ledger says
	Faults    []fault.Field `json:"faults"`
	Warnings  []fault.Field `json:"warnings"`
}

// Upload is a ledger as somebody sends it.
type Upload struct {
	File     string // its name, whose ending must agree with the content
	Content  io.Reader
	Mapping  ledger.Mapping // what the sender says of columns whose headings do not tell
	Remember bool           // keep the mapping for this market when the import is committed
	Keep     bool           // else not even the preview is stored
	Ask      bool           // keep a ledger whose columns are not understood too, in state unmapped, for a person to name them
}

// PreviewImport is PreviewLedger of an upload without more to say.
func (s *Service) PreviewImport(ctx context.Context, by Actor, marketCode, file string, r io.Reader, keep bool) (Import, error) {
	return s.PreviewLedger(ctx, by, marketCode, Upload{File: file, Content: r, Keep: keep})
}

// PreviewLedger reads a ledger, compares it with the record and keeps the outcome for a day. Nothing of it is in the record.
//
// Faults: NotFound; Forbidden; Invalid mapping-invalid; those of ledger.Read when the file as a whole is refused, with a field
// for each column when only a person can say what the columns hold.
func (s *Service) PreviewLedger(ctx context.Context, by Actor, marketCode string, in Upload) (Import, error) {
	m, err := market(ctx, s.db, by, ImportLedger, marketCode)
	if err != nil {
		return Import{}, err
	}
	if err := in.Mapping.Check(); err != nil {
		return Import{}, err
	}
	before, err := rememberedMapping(ctx, s.db, m.ID)
	if err != nil {
		return Import{}, err
	}
	as := before.Over(in.Mapping)
	sheet, err := ledger.Open(ctx, in.File, in.Content, ledger.DefaultLimits, as)
	if err != nil {
		return Import{}, actionContext("read ledger for", marketCode, err)
	}
	now := s.now()
	im := Import{ID: id.New[Import](), CreatedAt: now, ExpiresAt: now.Add(PreviewLives)}
	im.Ref = ImportRef{m.Code, im.ID}
	read, err := sheet.Read(ctx, as, nil)
	switch {
	case err == nil:
		read.Notes = append(read.Notes, recalled(read.Columns, before, in.Mapping)...)
	case in.Ask && in.Keep && askable(err):
	case askable(err):
		f, _ := fault.As(err)
		return Import{}, actionContext("read ledger for", marketCode, f.With(unnamed(sheet.Columns(as))...))
	default:
		return Import{}, actionContext("read ledger for", marketCode, err)
	}
	if err := s.show(ctx, s.db, m, &im, sheet, read, as, now); err != nil {
		return Import{}, err
	}
	if !in.Keep {
		return im, nil
	}
	packed, err := sheet.MarshalBinary()
	if err != nil {
		return Import{}, err
	}
	if im.Report.File == "" {
		im.Report.File = in.File
	}
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			WITH old AS (UPDATE imports SET ledger = NULL, sheet = NULL, mended = '{}' WHERE market_id = @market AND (ledger IS NOT NULL OR sheet IS NOT NULL) AND expires_at < @now)
			INSERT INTO imports (market_id, id, file, state, ledger, sheet, mapping, remember, report, created_by, created_at, expires_at)
			VALUES (@market, @id, @file, 'preview', @ledger, @sheet, @mapping, @remember, @report, @by, @now, @expires)`,
			pgx.StrictNamedArgs{"market": m.ID, "id": im.ID, "file": im.Report.File, "ledger": kept(im, read), "sheet": packed, "report": asJSON(im.Report),
				"mapping": asJSON(as), "remember": in.Remember, "by": by.ID, "now": now, "expires": im.ExpiresAt})
		if err != nil {
			return err
		}
		return Audit(ctx, tx, now, by, m.ID, Event{"import.previewed", "import:" + im.ID.String(), nil})
	})
	im.Remember = in.Remember
	return im, actionContext("preview import into", marketCode, err)
}

// kept is a ledger as it is stored; nothing of one whose columns nobody has named yet.
func kept(im Import, read ledger.Ledger) []byte {
	if im.State == "unmapped" {
		return nil
	}
	return asJSON(read)
}

// show fills in what a preview says: the rows of a ledger that was read compared with the record, or only its first rows when
// nobody knows what its columns hold (read is then empty).
func (s *Service) show(ctx context.Context, db postgres.Querier, m Market, im *Import, sheet *ledger.Table, read ledger.Ledger, as ledger.Mapping, now time.Time) error {
	im.sheet, im.Mapping, im.State = sheet, as, "preview"
	if sheet != nil {
		im.Columns, im.Top = sheet.Columns(as), sheet.Top(rowsAsked)
	}
	if len(read.Rows) == 0 {
		im.State, im.Rows = "unmapped", []ImportRow{}
		im.Report = Report{File: read.File, Faults: []fault.Field{}, Warnings: []fault.Field{}}
		return nil
	}
	plan, err := s.plan(ctx, db, m, read, now)
	im.Report, im.Rows = plan.report, plan.rows
	return err
}

// rowsAsked is how many of a ledger's first rows are shown to who says what its columns hold.
const rowsAsked = 8

// NewestImport is the import that a market began last, without its rows and without what was found in them; nil: none, or a preview that
// nobody committed in time. Faults: NotFound; Forbidden.
func (s *Service) NewestImport(ctx context.Context, by Actor, marketCode string) (*Import, error) {
	m, err := market(ctx, s.db, by, ImportLedger, marketCode)
	if err != nil {
		return nil, err
	}
	type row struct {
		ID        ImportID
		State     string
		Report    []byte
		CreatedAt time.Time
	}
	last, err := postgres.All[row](ctx, s.db, `
		SELECT i.id, CASE WHEN i.state = 'preview' AND i.ledger IS NULL THEN 'unmapped' ELSE i.state END AS state, i.report - 'faults' - 'warnings' AS report, i.created_at
		FROM (SELECT id, state, ledger, report, expires_at, created_at FROM imports WHERE market_id = @market ORDER BY created_at DESC LIMIT 1) i
		WHERE i.state <> 'preview' OR i.expires_at > @now`, pgx.StrictNamedArgs{"market": m.ID, "now": s.now()})
	if err != nil || len(last) == 0 {
		return nil, err
	}
	im := Import{Ref: ImportRef{m.Code, last[0].ID}, ID: last[0].ID, State: last[0].State, CreatedAt: last[0].CreatedAt}
	return &im, json.Unmarshal(last[0].Report, &im.Report)
}

// Imports lists a market's last imports, newest first, at most 10, without their rows. Faults: NotFound; Forbidden.
func (s *Service) Imports(ctx context.Context, by Actor, marketCode string) ([]Import, error) {
	m, err := market(ctx, s.db, by, ImportLedger, marketCode)
	if err != nil {
		return nil, err
	}
	all, err := postgres.All[stored](ctx, s.db, `
		SELECT `+importColumns+` FROM (SELECT market_id, id, state, NULL::jsonb AS ledger, NULL::bytea AS sheet, mapping, remember, mended, touched,
		       report, created_by, created_at, expires_at, beat_at, done, total, problem FROM imports WHERE market_id = @market) i
		WHERE (state <> 'preview' OR expires_at > @now) ORDER BY created_at DESC LIMIT 10`,
		pgx.StrictNamedArgs{"market": m.ID, "now": s.now()})
	if err != nil {
		return nil, err
	}
	ims := make([]Import, len(all))
	for i, st := range all {
		ims[i] = Import{Ref: ImportRef{m.Code, st.ID}, ID: st.ID, State: st.State, Rows: []ImportRow{}, CreatedAt: st.CreatedAt, ExpiresAt: st.ExpiresAt}
		if st.beats(s.now()) {
			ims[i].State, ims[i].Done, ims[i].Total = "committing", st.Done, st.Total
		}
		if err := json.Unmarshal(st.Report, &ims[i].Report); err != nil {
			return nil, err
		}
	}
	return ims, nil
}

// CommitImport says which rows of a preview go in, and attests that their vendors agreed.
type CommitImport struct {
	Rows     []int                 // the rows' numbers; nil: every good one
	Attested string                // the wording that the board vouches for, vi-1
	Progress func(done, total int) // is told how many symbols are made, where there are many; nil: nobody asks
}

// stored is an import as it lies in the database.
type stored struct {
	ID                   ImportID
	State                string
	Ledger               []byte
	Sheet                []byte
	Mapping              ledger.Mapping
	Remember             bool
	Mended               ledger.Mended
	Touched              []string // who typed cells anew
	Report               []byte
	CreatedBy            string
	CreatedAt, ExpiresAt time.Time
	BeatAt               *time.Time
	Done, Total          int
	Problem              *fault.Text
}

const importColumns = `id, state, ledger, sheet, mapping, remember, mended, touched, report, created_by, created_at, expires_at, beat_at, done, total, problem`

func importNotFound() *fault.Error {
	return fault.New(fault.NotFound, "import-not-found", "There is no such import here.")
}

func selectImport(ctx context.Context, db postgres.Querier, m MarketID, which ImportID, lock string) (stored, error) {
	return postgres.Found[stored](ctx, db, importNotFound(), `
		SELECT `+importColumns+` FROM imports
		WHERE market_id = @market AND id = @id `+lock, pgx.StrictNamedArgs{"market": m, "id": which})
}

// Import is a preview or what became of it; a preview is compared with the record as it is now. Faults: NotFound; Forbidden.
func (s *Service) Import(ctx context.Context, by Actor, ref ImportRef) (Import, error) {
	m, err := market(ctx, s.db, by, ImportLedger, ref.Market)
	if err != nil {
		return Import{}, notFoundAs(err, importNotFound())
	}
	st, err := selectImport(ctx, s.db, m.ID, ref.ID, "")
	if err != nil {
		return Import{}, err
	}
	im := Import{Ref: ref, ID: st.ID, State: st.State, CreatedAt: st.CreatedAt, ExpiresAt: st.ExpiresAt, Rows: []ImportRow{}}
	now := s.now()
	if st.State == "preview" && st.open(now) != nil {
		im.State = "expired"
	}
	if im.State != "preview" {
		return im, json.Unmarshal(st.Report, &im.Report)
	}
	return im, s.opened(ctx, s.db, m, &im, st, now)
}

// opened fills in an import from what is stored of its preview.
func (s *Service) opened(ctx context.Context, db postgres.Querier, m Market, im *Import, st stored, now time.Time) error {
	var report Report
	if err := json.Unmarshal(st.Report, &report); err != nil {
		return err
	}
	read, sheet, err := st.read()
	if err != nil {
		return err
	}
	if err := s.show(ctx, db, m, im, sheet, read, st.Mapping, now); err != nil {
		return err
	}
	im.Report.File, im.Remember, im.Problem, im.mended = report.File, st.Remember, st.Problem, st.Mended
	if st.beats(now) {
		im.State, im.Done, im.Total = "committing", st.Done, st.Total
	}
	return nil
}

// read unpacks the rows and the cells of a preview; a preview of the release before has no cells.
func (st stored) read() (read ledger.Ledger, sheet *ledger.Table, err error) {
	if st.Ledger != nil {
		err = json.Unmarshal(st.Ledger, &read)
	}
	if err == nil && st.Sheet != nil {
		sheet = &ledger.Table{}
		err = sheet.UnmarshalBinary(st.Sheet)
	}
	return read, sheet, err
}

// silent is how long a commit that runs may say nothing before it counts as cut off.
const silent = 30 * time.Second

// beats reports whether a commit of the import runs.
func (st stored) beats(now time.Time) bool {
	return st.State == "preview" && st.BeatAt != nil && now.Sub(*st.BeatAt) < silent
}

// CommitImport stores the chosen rows of a preview in one transaction. Accounts come in as proposals, never as anything that
// money already follows.
//
// Faults: Invalid (rows that are not good, attested); NotFound; Forbidden; Conflict import-committed, import-expired,
// import-unmapped, import-overtaken.
func (s *Service) CommitImport(ctx context.Context, by Actor, ref ImportRef, in CommitImport) (report Report, failed error) {
	if !knownWording(in.Attested) {
		return Report{}, fault.New(fault.Invalid, "import-invalid", "Some fields need mending.").
			With(fault.At("attested", "required", "Confirm that the vendors agreed, by the wording they heard: %s.", strings.Join(ConsentWordings, ", ")))
	}
	m, err := market(ctx, s.db, by, ImportLedger, ref.Market)
	if err != nil {
		return Report{}, notFoundAs(err, importNotFound())
	}
	now := s.now()
	// The symbols take longest, so they are made before the transaction. What another import brings in meanwhile shows below.
	st, err := selectImport(ctx, s.db, m.ID, ref.ID, "")
	if err != nil {
		return Report{}, err
	}
	if err := st.ready(now); err != nil {
		return Report{}, err
	}
	var read ledger.Ledger
	if err := json.Unmarshal(st.Ledger, &read); err != nil {
		return Report{}, err
	}
	before, err := s.plan(ctx, s.db, m, read, now)
	if err != nil {
		return Report{}, err
	}
	rows, told := choose(in.Rows), &pulse{s: s, market: m.ID, which: st.ID, more: in.Progress}
	defer func() { told.stop(ctx, failed) }()
	if err := before.makeSymbols(ctx, rows, told.beat(ctx)); err != nil {
		return Report{}, err
	}
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if err := oneAtATime(ctx, tx, m.ID, "import"); err != nil {
			return err
		}
		st, err := selectImport(ctx, tx, m.ID, ref.ID, "FOR UPDATE")
		if err != nil {
			return err
		}
		if err := st.ready(now); err != nil {
			return err
		}
		if err := json.Unmarshal(st.Ledger, &read); err != nil { // a cell may have been typed anew meanwhile
			return err
		}
		plan, err := s.plan(ctx, tx, m, read, now)
		if err != nil {
			return err
		}
		plan.symbols = before.symbols
		if err := plan.check(in.Rows); err != nil {
			return err
		}
		touched := []string{st.CreatedBy}
		for _, who := range append(st.Touched, by.ID) {
			if !slices.Contains(touched, who) {
				touched = append(touched, who)
			}
		}
		changed, events, err := plan.store(ctx, tx, by, st.ID, rows, in.Attested, touched, now)
		if err != nil {
			return err
		}
		if st.Remember {
			if err := remember(ctx, tx, by, m.ID, read.Columns, now); err != nil {
				return err
			}
		}
		report = plan.report
		if _, err := tx.Exec(ctx, `
			UPDATE imports SET state = 'committed', ledger = NULL, sheet = NULL, mended = '{}', changed = @changed, beat_at = NULL, problem = NULL, report = @report, attested = @attested, committed_by = @by, committed_at = @now
			WHERE market_id = @market AND id = @id`,
			pgx.StrictNamedArgs{"report": asJSON(report), "attested": in.Attested, "by": by.ID, "now": now, "market": m.ID, "id": st.ID, "changed": changed}); err != nil {
			return err
		}
		return Audit(ctx, tx, now, by, m.ID, append([]Event{{"import.committed", "import:" + st.ID.String(), []string{"attested", in.Attested}}}, events...)...)
	})
	switch postgres.Violated(err) {
	case "stalls_one_per_code", "occupancies_one_per_stall": // registered by somebody else between the comparison and the commit
		err = fault.New(fault.Conflict, "import-overtaken", "Somebody changed a stall of this ledger meanwhile. Nothing was stored; confirm again.").Because(err)
	}
	return report, actionContext("commit import", ref.String(), err)
}

// ready is nil while the preview may be committed.
func (st stored) ready(now time.Time) error {
	if err := st.open(now); err != nil {
		return err
	}
	if st.Ledger == nil {
		return fault.New(fault.Conflict, "import-unmapped", "Say first which column holds the stall codes and which the vendors.")
	}
	return nil
}

// open is nil while the preview lives.
func (st stored) open(now time.Time) error {
	switch {
	case st.State == "committed":
		return fault.New(fault.Conflict, "import-committed", "This import went in already.")
	case st.State != "preview":
		return fault.New(fault.Conflict, "import-undone", "This import was taken back. Upload the ledger again.")
	case st.Ledger == nil && st.Sheet != nil && !now.After(st.ExpiresAt):
		return nil
	case st.Ledger == nil || now.After(st.ExpiresAt):
		return fault.New(fault.Conflict, "import-expired", "This preview is older than 24 hours. Upload the ledger again.")
	}
	return nil
}

// pulse keeps in the database how far a commit is: for the page of the import, and so that one that was cut off is known by its
// silence. Work that is soon done has none.
type pulse struct {
	s      *Service
	market MarketID
	which  ImportID
	more   func(done, total int)
	at     sync.Mutex
	begun  bool
	last   int
}

func (p *pulse) beat(ctx context.Context) func(done, total int) {
	return func(done, total int) {
		p.at.Lock()
		defer p.at.Unlock()
		if done <= p.last {
			return // another goroutine was faster to tell of more
		}
		p.last = done
		_, err := p.s.apart.Exec(ctx, `
			UPDATE imports SET beat_at = @now, done = @done, total = @total, problem = NULL WHERE market_id = @market AND id = @id AND state = 'preview'`,
			pgx.StrictNamedArgs{"now": p.s.now(), "done": done, "total": total, "market": p.market, "id": p.which})
		p.begun = p.begun || err == nil // what is not told hinders nothing
		if p.more != nil {
			p.more(done, total)
		}
	}
}

// stop forgets a commit that failed and keeps why, for whoever left its page meanwhile.
func (p *pulse) stop(ctx context.Context, failed error) {
	if !p.begun || failed == nil {
		return
	}
	why := fault.Say("The import did not go in. Nothing was stored; try again.")
	if f, ok := fault.As(failed); ok {
		why = f.Detail
	}
	_, _ = p.s.apart.Exec(context.WithoutCancel(ctx), `
		UPDATE imports SET beat_at = NULL, done = 0, total = 0, problem = @why WHERE market_id = @market AND id = @id AND state = 'preview'`,
		pgx.StrictNamedArgs{"why": asJSON(why), "market": p.market, "id": p.which})
}
