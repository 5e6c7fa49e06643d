package fieldwork

import (
	"context"
	"fmt"
	"slices"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres"
	registry "cho40/vendor_registry"

	"github.com/jackc/pgx/v5"
)

// Card is a short text that every member reads before they go to the stalls. Head and Words are keys of the catalogue.
type Card struct {
	Code  string   `json:"code"`
	Head  string   `json:"-"`
	Words []string `json:"-"`
}

// Cards are all of them, in the order in which they are read.
var Cards = []Card{
	{"never_ask", "What nobody from the team ever asks for", []string{
		"A PIN, an OTP, a password, a card number, a balance: never, not even to help. The vendor types them alone, with your eyes elsewhere.",
		"No picture of an identity card, and not its number.",
		"Whoever asks a vendor for these is not of the team. Tell the market board at once."}},
	{"at_the_stall", "A talk at the stall", []string{
		"Come in the late morning, when few buy. Say who you are and who sent you.",
		"Three to seven minutes. When a buyer comes, the buyer comes first.",
		"Ask before you write anything down, and say what it is for. A no is an answer: thank them and go on."}},
	{"scan_and_listen", "Scan, and listen to the name", []string{
		"Scan the vendor's own code with a bank's app, on your phone. Read aloud the name that it shows.",
		"Only when the vendor says that this is the right name does the placard hang.",
		"Another name is no drama: it may be a spouse's account. Write down what you heard."}},
	{"wrong_code", "A code that is not the vendor's", []string{
		"Check the placard with the phone, not by its looks: a false one copies name and colours.",
		"Cover it, do not tear it off: somebody may want to see it. Accuse nobody.",
		"Record the check at the stall. The placard is stopped at once, and the stalls beside it are to be looked at next."}},
	{"no_signal", "Without a signal", []string{
		"Everything that you record stays on the phone until the service has taken it.",
		"Open the app once where there is a signal, before you go and when you are back.",
		"A list older than three days says so. Load a new one before you trust a check."}},
}

// ReadCard records that who asks has read a card. Faults: NotFound card-not-found; Forbidden people-only.
func (s *Service) ReadCard(ctx context.Context, by registry.Actor, card string) error {
	if !slices.ContainsFunc(Cards, func(c Card) bool { return c.Code == card }) {
		return fault.New(fault.NotFound, "card-not-found", "There is no such card.")
	}
	p := who(by)
	if p.IsZero() {
		return fault.New(fault.Forbidden, "people-only", "This is for people who are signed in; a program's key has none.")
	}
	_, err := s.db.Exec(ctx, `INSERT INTO card_reads (person_id, card, read_at) VALUES (@person, @card, @now) ON CONFLICT DO NOTHING`,
		pgx.StrictNamedArgs{"person": p, "card": card, "now": s.now()})
	return wrap("read card", card, err)
}

// CardsRead are the codes of the cards that who asks has read.
func (s *Service) CardsRead(ctx context.Context, by registry.Actor) ([]string, error) {
	return postgres.All[string](ctx, s.db, `SELECT card FROM card_reads WHERE person_id = @person ORDER BY card`, pgx.StrictNamedArgs{"person": who(by)})
}

// TrainingID names a training.
type TrainingID = id.ID[Training]

// Training is a session at which members of a team learned something.
type Training struct {
	ID       TrainingID   `json:"id"`
	On       registry.Day `json:"on"`
	Topic    string       `json:"topic"`
	Attended []MemberID   `json:"attended"`
}

// Trainings are a team's, the newest first. Faults: NotFound; Forbidden.
func (s *Service) Trainings(ctx context.Context, by registry.Actor, code string) ([]Training, error) {
	t, err := s.team(ctx, s.db, by, registry.SeeTeams, code)
	if err != nil {
		return nil, err
	}
	all, err := postgres.All[Training](ctx, s.db, `
		SELECT id, held_on AS on, topic, attended FROM trainings WHERE team_code = @team ORDER BY held_on DESC, id DESC`, pgx.StrictNamedArgs{"team": t.Code})
	return all, wrap("trainings of", t.Code, err)
}

// AddTraining records a training and who was there. Faults: Invalid training-invalid; NotFound; Forbidden.
func (s *Service) AddTraining(ctx context.Context, by registry.Actor, code string, in Training) (Training, error) {
	now := s.now()
	var bad []fault.Field
	in.Topic = registry.Clean(&bad, "topic", in.Topic, maxName, true)
	switch {
	case in.On.IsZero():
		in.On = registry.DayOf(now)
	case in.On.After(registry.DayOf(now)):
		bad = append(bad, fault.At("on", "future", "A day up to today."))
	}
	if err := fault.Check("training-invalid", bad); err != nil {
		return in, err
	}
	in.ID = minted(in.ID)
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		t, err := s.lockTeam(ctx, tx, by, registry.ManageTeams, code)
		if err != nil {
			return err
		}
		ms, err := s.members(ctx, tx, t.Code)
		if err != nil {
			return err
		}
		attended := []MemberID{}
		for i, a := range in.Attended {
			if !slices.ContainsFunc(ms, func(m Member) bool { return m.ID == a }) {
				bad = append(bad, fault.At(fmt.Sprintf("attended/%d", i), "unknown", "There is no such member in this team."))
			} else if !slices.Contains(attended, a) {
				attended = append(attended, a)
			}
		}
		if err := fault.Check("training-invalid", bad); err != nil {
			return err
		}
		in.Attended = attended
		return s.insertTraining(ctx, tx, by, t.Code, in, now)
	})
	return in, wrap("add training to", fault.Clip(code, 20), err)
}

func (s *Service) insertTraining(ctx context.Context, tx pgx.Tx, by registry.Actor, team string, in Training, now time.Time) error {
	tag, err := tx.Exec(ctx, `
		INSERT INTO trainings (id, team_code, held_on, topic, attended, created_by, created_at) VALUES (@id, @team, @on, @topic, @attended, @by, @now)
		ON CONFLICT (id) DO NOTHING`,
		pgx.StrictNamedArgs{"id": in.ID, "team": team, "on": in.On, "topic": in.Topic, "attended": in.Attended, "by": by.ID, "now": now})
	if err != nil {
		return err
	}
	if tag.RowsAffected() == 0 {
		return fault.New(fault.Conflict, "training-exists", "A training with this id was recorded before.")
	}
	return registry.Audit(ctx, tx, now, by, registry.MarketID{}, registry.Event{Action: "training.held", Object: "training:" + in.ID.String(), Fields: []string{"on", "topic", "attended"}})
}
