package registry

import (
	"context"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres"

	"github.com/jackc/pgx/v5"
)

// Work is how far long work is: placards of a batch that are drawn and read back, rows of a list that have left.
type Work struct {
	State string // runs, ended, stopped: it failed or was cut off; empty: it was soon done, or nobody kept it
	Done  int
	Total int
}

// Work is how far the import is while it goes in.
func (im Import) Work() Work {
	if im.State != "committing" {
		return Work{}
	}
	return Work{"runs", im.Done, im.Total}
}

// workOf is a work in a statement, as its columns, joined by LEFT JOIN works w; it needs @silent_since.
const workOf = `coalesce(CASE WHEN w.state = 'runs' AND w.beat_at < @silent_since THEN 'stopped' ELSE w.state END, '') AS work_state,
	coalesce(w.done, 0) AS work_done, coalesce(w.total, 0) AS work_total`

// work keeps how far something is, apart from the transaction in which it happens, so that others see it meanwhile.
type work struct {
	s      *Service
	market MarketID
	id     string
	total  int
}

// begin keeps that a work is begun, from nothing again where it was begun before.
func (s *Service) begin(ctx context.Context, market MarketID, id string, total int) *work {
	w := &work{s, market, id, total}
	w.keep(ctx, "runs", 0)
	return w
}

// keep says how far it is. What cannot be told hinders nothing.
func (w *work) keep(ctx context.Context, state string, done int) {
	_, _ = w.s.apart.Exec(ctx, `
		INSERT INTO works (market_id, id, state, done, total, beat_at) VALUES (@market, @id, @state, @done, @total, @now)
		ON CONFLICT (market_id, id) DO UPDATE SET state = excluded.state, done = CASE WHEN excluded.state = 'stopped' THEN works.done ELSE excluded.done END,
			total = excluded.total, beat_at = excluded.beat_at`,
		pgx.StrictNamedArgs{"market": w.market, "id": w.id, "state": state, "done": min(done, w.total), "total": w.total, "now": w.s.now()})
}

// end keeps how it ended, also when whoever asked for it is gone.
func (w *work) end(ctx context.Context, err error) {
	state := "ended"
	if err != nil {
		state = "stopped"
	}
	w.keep(context.WithoutCancel(ctx), state, w.total)
}

// DrawBatch has a batch drawn and read back, keeps how far that is while it lasts, and then that its placards are printed. Doing it again
// changes nothing where they are; where it was cut off, it begins anew. Faults: those of Batch; whatever draw returns.
func (s *Service) DrawBatch(ctx context.Context, by Actor, ref BatchRef, draw func(ctx context.Context, b Batch, cells Cells, drawn func(placards int)) error) error {
	m, err := market(ctx, s.db, by, PrintPlacards, ref.Market)
	if err != nil {
		return notFoundAs(err, batchNotFound())
	}
	b, cells, err := s.BatchCells(ctx, by, ref)
	if err != nil {
		return err
	}
	w := s.begin(ctx, m.ID, b.ID.String(), b.Placards)
	if err = draw(ctx, b, cells, func(placards int) { w.keep(ctx, "runs", placards) }); err == nil {
		err = s.Printed(ctx, by, ref)
	}
	w.end(ctx, err)
	return err
}

// rowsTold is after how many rows an export says how far it is. One with fewer is soon done and says nothing.
const rowsTold = 2000

// told lets the rows say how far they are, and gives what to call at the end.
func told[T any](ctx context.Context, s *Service, market MarketID, id string, r *Rows[T]) (end func(error)) {
	if r.Count <= rowsTold {
		return func(error) {}
	}
	w, each, n := s.begin(ctx, market, id, r.Count), r.Each, 0
	r.Each = func(take func(T) error) error {
		return each(func(row T) error {
			err := take(row)
			if n++; err == nil && n%rowsTold == 0 {
				w.keep(ctx, "runs", n)
			}
			return err
		})
	}
	return func(err error) { w.end(ctx, err) }
}

// Exported is a list that somebody took out of a market.
type Exported struct {
	ID     id.ID[disclosure] `db:"id"`
	List   string
	Format string
	Rows   int
	Whole  bool   // numbers in full
	To     string // who took it, by ID
	At     time.Time
	Work   Work `db:"-"`
}

// exportsListed is how many of the lists that left are told of.
const exportsListed = 20

// Exports are the lists that were taken out of a market, newest first, with how far those are that leave just now. Faults: NotFound; Forbidden.
func (s *Service) Exports(ctx context.Context, by Actor, marketCode string) ([]Exported, error) {
	m, err := market(ctx, s.db, by, ExportRows, marketCode)
	if err != nil {
		return nil, err
	}
	type row struct {
		Exported
		WorkState           string
		WorkDone, WorkTotal int
	}
	rows, err := postgres.All[row](ctx, s.db, `
		SELECT d.id, d.kind AS list, d.format, d.lines AS rows, d.whole, d.given_to AS "to", d.given_at AS at, `+workOf+`
		FROM disclosures d LEFT JOIN works w ON w.market_id = d.market_id AND w.id = d.id
		WHERE d.market_id = @market AND d.kind = ANY (@lists) ORDER BY d.id DESC LIMIT @n`,
		pgx.StrictNamedArgs{"market": m.ID, "lists": Lists, "n": exportsListed, "silent_since": s.now().Add(-silent)})
	out := make([]Exported, len(rows))
	for i, r := range rows {
		out[i] = r.Exported
		out[i].Work = Work{r.WorkState, r.WorkDone, r.WorkTotal}
	}
	return out, err
}

// drawn fills how far batches are. One without a work is known by its placards: none is issued any more once they are printed.
func (s *Service) drawn(ctx context.Context, m Market, bs []Batch) error {
	ids := make([]id.ID[Batch], len(bs))
	for i, b := range bs {
		ids[i] = b.ID
	}
	type row struct {
		ID                  id.ID[Batch]
		WorkState           string
		WorkDone, WorkTotal int
	}
	rows, err := postgres.All[row](ctx, s.db, `
		SELECT b.id, `+workOf+`
		FROM print_batches b LEFT JOIN works w ON w.market_id = b.market_id AND w.id = b.id
		WHERE b.market_id = @market AND b.id = ANY (@ids)
		      AND (w.state = 'ended' OR EXISTS (SELECT 1 FROM placards p WHERE p.market_id = @market AND p.batch_id = b.id AND p.state = 'issued'))`,
		pgx.StrictNamedArgs{"market": m.ID, "ids": ids, "silent_since": s.now().Add(-silent)})
	open := map[id.ID[Batch]]Work{}
	for _, r := range rows {
		if r.WorkState == "" {
			r.WorkState = "stopped"
		}
		open[r.ID] = Work{r.WorkState, r.WorkDone, r.WorkTotal}
	}
	for i, b := range bs {
		w, ok := open[b.ID]
		if !ok {
			w = Work{"ended", b.Placards, b.Placards}
		}
		bs[i].Work = w
	}
	return err
}

// UnderWay is long work of a market that runs, or stopped and waits for somebody.
type UnderWay struct {
	Batch  *BatchRef  // one that is drawn
	Import *ImportRef // one that goes in
	List   string     // one that leaves
	Work   Work
}

// UnderWay is the long work of a market, as far as it is this actor's to see, so that who left its page finds it again. Faults: NotFound.
func (s *Service) UnderWay(ctx context.Context, by Actor, marketCode string) (all []UnderWay, err error) {
	batches, err := s.Batches(ctx, by, marketCode)
	if err != nil && fault.KindOf(err) != fault.Forbidden {
		return nil, err
	}
	for _, b := range batches {
		if b.Work.State != "ended" {
			all = append(all, UnderWay{Batch: &b.Ref, Work: b.Work})
		}
	}
	imports, err := s.Imports(ctx, by, marketCode)
	if err != nil && fault.KindOf(err) != fault.Forbidden {
		return nil, err
	}
	for _, im := range imports {
		if w := im.Work(); w.State == "runs" {
			all = append(all, UnderWay{Import: &im.Ref, Work: w})
		}
	}
	exports, err := s.Exports(ctx, by, marketCode)
	if err != nil && fault.KindOf(err) != fault.Forbidden {
		return nil, err
	}
	for _, e := range exports {
		if e.Work.State == "runs" {
			all = append(all, UnderWay{List: e.List, Work: e.Work})
		}
	}
	return all, nil
}
