package registry

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"

	"github.com/jackc/pgx/v5"
)

// How the vendor of a stall trades there. A stall that nobody holds is vacant; that a vendor moved is how an occupancy ended.
const (
	Trading  = "trading"
	Seasonal = "seasonal" // in some months of the year only
	Closed   = "closed"   // holds the stall and does not trade for now
	Vacant   = "vacant"
)

// StallStatuses are the statuses of a stall; all but the last are its vendor's and can be set.
var StallStatuses = []string{Trading, Seasonal, Closed, Vacant}

// Reasons are those that have a code. Every other reason is a person's own sentence.
var Reasons = []string{"illness", "family", "renovation", "few_buyers", "season", "sold", "left_trade", "better_place", "entered_wrongly"}

// MaxBackdate is how many days back a change may be dated: a quarter that was reported is not written anew by one form.
const MaxBackdate = 31

// Season is the months in which a vendor trades, 1–12, both included. It may run over New Year: 11 to 2.
type Season struct {
	From int `json:"from"`
	To   int `json:"to"`
}

// statusOn reads the status of an occupancy o on @day, no row where none was ever set: it is trading then. trades says whether
// the vendor is there on that day.
const statusOn = `
	SELECT t.status, t.began AS status_from, t.reason AS status_reason, t.season_from, t.season_to,
	       CASE t.status WHEN 'closed' THEN false WHEN 'trading' THEN true
	            ELSE CASE WHEN t.season_from <= t.season_to THEN date_part('month', @day::date) BETWEEN t.season_from AND t.season_to
	                      ELSE date_part('month', @day::date) >= t.season_from OR date_part('month', @day::date) <= t.season_to END END AS trades
	FROM occupancy_statuses t
	WHERE t.market_id = @market AND t.occupancy_id = o.id AND t.began <= @day
	ORDER BY t.seq DESC LIMIT 1`

// statusColumns are the status of a stall, of its vendor v and the status t on @day.
const statusColumns = `CASE WHEN v.id IS NULL THEN 'vacant' ELSE coalesce(t.status, 'trading') END AS status,
		       v.id IS NOT NULL AND coalesce(t.trades, true) AS trades`

// NewStatus is how a vendor trades at a stall from a day on.
type NewStatus struct {
	Status string  `json:"status"` // trading, seasonal, closed
	From   Day     `json:"from"`   // zero: today
	Season *Season `json:"season"` // of a seasonal one
	Reason string  `json:"reason"` // one of Reasons or a sentence
}

func (n *NewStatus) check(bad *[]fault.Field, today Day) {
	if n.Status == Vacant {
		*bad = append(*bad, fault.At("status", "vacant", "A stall becomes vacant when its vendor leaves it. Record that."))
	} else if !slices.Contains(StallStatuses, n.Status) {
		*bad = append(*bad, fault.At("status", "unknown", "One of: %s.", "trading, seasonal, closed"))
	}
	switch month := func(m int) bool { return m >= 1 && m <= 12 }; {
	case n.Status == Seasonal && n.Season == nil:
		*bad = append(*bad, fault.At("season", "required", "Say from which month to which month, 1 to 12."))
	case n.Status != Seasonal && n.Season != nil:
		*bad = append(*bad, fault.At("season", "unexpected", "Only a seasonal vendor has a season."))
	case n.Season != nil && !(month(n.Season.From) && month(n.Season.To)):
		*bad = append(*bad, fault.At("season", "range", "Say from which month to which month, 1 to 12."))
	}
	n.From = dated(bad, "from", n.From, today)
	n.Reason = text(bad, "reason", n.Reason, maxReason, true)
}

// dated is the day of a change: today when none is given, never to come, never long ago.
func dated(bad *[]fault.Field, pointer string, d, today Day) Day {
	switch {
	case d.IsZero():
		return today
	case d.After(today):
		*bad = append(*bad, fault.At(pointer, "future", "A day up to today."))
	case today.Plus(-MaxBackdate).After(d):
		*bad = append(*bad, fault.At(pointer, "too-old", "At most %d days ago.", MaxBackdate))
	}
	return d
}

// SetStatus records how the vendor of a stall trades there from a day on. Saying again what holds already changes nothing.
//
// Faults: Invalid; NotFound; Forbidden; Conflict stall-vacant, history-overlaps when something later was recorded before.
func (s *Service) SetStatus(ctx context.Context, by Actor, marketCode, code string, in NewStatus) (Stall, error) {
	now := s.now()
	var bad []fault.Field
	in.check(&bad, DayOf(now))
	if err := fault.Check("status-invalid", bad); err != nil {
		return Stall{}, err
	}
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		m, err := market(ctx, tx, by, RegisterStall, marketCode)
		if err != nil {
			return err
		}
		h, err := hold(ctx, tx, m, code)
		if err != nil {
			return err
		}
		if h.VendorID == nil {
			return stallVacant(h.Code)
		}
		if err := h.after(in.From); err != nil {
			return err
		}
		if h.says(in) {
			return nil
		}
		if err := insertStatus(ctx, tx, by, m.ID, *h.OccupancyID, in, now); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE stalls SET version = version + 1 WHERE market_id = @market AND id = @id`,
			pgx.StrictNamedArgs{"market": m.ID, "id": h.StallID}); err != nil {
			return err
		}
		if err := Recount(ctx, tx, m.ID, now, *h.VendorID); err != nil {
			return err
		}
		return Audit(ctx, tx, now, by, m.ID, Event{"stall.status", "stall:" + h.StallID.String(), []string{"status", "from"}})
	})
	if err != nil {
		return Stall{}, actionContext("set status of stall", code, err)
	}
	return s.Stall(ctx, by, marketCode, code)
}

// says reports whether the last status recorded is this one, from the same day.
func (h holding) says(in NewStatus) bool {
	var season *Season
	if h.SeasonFrom != nil {
		season = &Season{*h.SeasonFrom, *h.SeasonTo}
	}
	return h.StatusFrom != nil && *h.StatusFrom == in.From && h.Status == in.Status && h.StatusReason == in.Reason &&
		(season == nil) == (in.Season == nil) && (season == nil || *season == *in.Season)
}

func insertStatus(ctx context.Context, tx pgx.Tx, by Actor, m MarketID, o id.ID[occupancy], in NewStatus, now time.Time) error {
	season := [2]*int{}
	if in.Season != nil {
		season = [2]*int{&in.Season.From, &in.Season.To}
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO occupancy_statuses (market_id, id, occupancy_id, seq, status, began, season_from, season_to, reason, recorded_by, recorded_at)
		SELECT @market, @id, @occupancy, coalesce(max(t.seq), 0) + 1, @status, @began, @from::smallint, @to::smallint, @reason, @by, @now
		FROM occupancy_statuses t WHERE t.market_id = @market AND t.occupancy_id = @occupancy`,
		pgx.StrictNamedArgs{"market": m, "id": id.New[NewStatus](), "occupancy": o, "status": in.Status, "began": in.From,
			"from": season[0], "to": season[1], "reason": in.Reason, "by": by.ID, "now": now})
	return err
}

func stallVacant(code string) *fault.Error {
	return fault.New(fault.Conflict, "stall-vacant", "Nobody trades at stall %s. Say first who does.", code)
}

// statusFilter checks a status that a list is narrowed by.
func statusFilter(status string) error {
	if status == "" || slices.Contains(StallStatuses, status) {
		return nil
	}
	return fault.New(fault.Invalid, "status-unknown", "There is no status %q.", fault.Clip(status, 20)).
		With(fault.At("status", "unknown", "One of: %s.", strings.Join(StallStatuses, ", ")))
}

// String is "11–2".
func (s Season) String() string { return fmt.Sprintf("%d–%d", s.From, s.To) }

// StatusOn is statusOn for the packages beside this one.
const StatusOn = statusOn
