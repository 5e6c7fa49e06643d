package auth

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"

	"github.com/jackc/pgx/v5"
)

// HandOver is a market's data going from one board to the next: who leaves, who comes, and why.
type HandOver struct {
	From   []string `json:"from"` // names of people of the old board
	To     []Heir   `json:"to"`
	Reason string   `json:"reason"`
}

// Heir is a person of the new board. Without a role, it is that of who stands in the same place of the old one.
type Heir struct {
	Name string        `json:"name"`
	Role registry.Role `json:"role"`
}

// Seat is a role in a market and who holds it.
type Seat struct {
	Name string        `json:"name"`
	Role registry.Role `json:"role"`
}

// HandedOver is what a hand-over did.
type HandedOver struct {
	Ended       []Seat `json:"ended"`
	Began       []Seat `json:"began"`
	KeysRevoked int    `json:"keys_revoked"` // programs' keys for this market that the old board had made
}

// boardRoles are the roles that a board hands over, the one with most rights first.
var boardRoles = []registry.Role{registry.Manager, registry.Clerk, registry.Leader, registry.Volunteer}

const mostHeirs = 50

// HandOver ends what the old board may do in a market and lets the new one begin, in one transaction. The record stays as it is: who
// brought something in stays its author, so the old board cannot approve it from another seat. Keys that the old board made for the
// market end too. Nobody hands a market to themselves.
//
// Faults: Invalid, with a field each; NotFound market-not-found, person-not-found; Forbidden not-allowed, grant-not-allowed,
// own-grants.
func (s *Service) HandOver(ctx context.Context, by registry.Actor, m registry.Market, in HandOver) (HandedOver, error) {
	var done HandedOver
	in.Reason = strings.Join(strings.Fields(in.Reason), " ")
	if err := in.check(); err != nil {
		return done, wrap("hand over", err)
	}
	if !by.Can(registry.ChangeMarket, m) {
		return done, wrap("hand over", fault.New(fault.Forbidden, "not-allowed", "Your role here does not allow this. Ask the market board's manager."))
	}
	at := s.now()
	if err := fresh(by, at); err != nil {
		return done, wrap("hand over", err)
	}
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		old, err := s.board(ctx, tx, by, m, in)
		if err != nil {
			return err
		}
		heirs, err := s.heirs(ctx, tx, by, m, in, old)
		if err != nil {
			return err
		}
		done = HandedOver{Ended: []Seat{}, Began: []Seat{}}
		creators := make([]string, len(old))
		for i, p := range old {
			creators[i] = p.object()
			for _, g := range p.Grants {
				if g.Kind == registry.OverMarket && g.Code == m.Code {
					done.Ended = append(done.Ended, Seat{p.Name, g.Role})
				}
			}
			if _, err := tx.Exec(ctx, `
				UPDATE grants SET ends_at = greatest(@now, created_at)
				WHERE person_id = @id AND scope_kind = 'market' AND scope_code = @market AND (ends_at IS NULL OR ends_at > @now)`,
				pgx.StrictNamedArgs{"id": p.ID, "market": m.Code, "now": at}); err != nil {
				return err
			}
			if err := endSessions(ctx, tx, p.ID); err != nil {
				return err
			}
		}
		for _, h := range heirs {
			g := registry.Grant{Role: h.role, Kind: registry.OverMarket, Code: m.Code}
			if !slices.Contains(h.Grants, g) {
				if err := insertGrants(ctx, tx, at, by, h.ID, KeyID{}, []registry.Grant{g}); err != nil {
					return err
				}
			}
			if err := endSessions(ctx, tx, h.ID); err != nil {
				return err
			}
			done.Began = append(done.Began, Seat{h.Name, h.role})
		}
		keys, err := tx.Exec(ctx, `
			UPDATE keys k SET revoked_at = @now
			WHERE k.created_by = ANY (@creators) AND k.revoked_at IS NULL AND k.expires_at > @now
			  AND EXISTS (SELECT 1 FROM grants g WHERE g.key_id = k.id AND g.scope_kind = 'market' AND g.scope_code = @market
			              AND (g.ends_at IS NULL OR g.ends_at > @now))`,
			pgx.StrictNamedArgs{"now": at, "creators": creators, "market": m.Code})
		if err != nil {
			return err
		}
		done.KeysRevoked = int(keys.RowsAffected())
		// The market's own chain first, then the service's, as every change that touches both.
		if err := registry.Audit(ctx, tx, at, by, m.ID, registry.Event{Action: "market.handed_over", Object: "market:" + m.Code, Fields: []string{"grants"}}); err != nil {
			return err
		}
		events := []registry.Event{}
		for _, p := range old {
			events = append(events, registry.Event{Action: "person.left_market", Object: p.object(), Fields: []string{"grants"}})
		}
		for _, h := range heirs {
			events = append(events, registry.Event{Action: "person.granted", Object: h.object(), Fields: []string{"grants"}})
		}
		return registry.Audit(ctx, tx, at, by, registry.MarketID{}, events...)
	})
	if fault.KindOf(err) == fault.Forbidden {
		_ = pgx.BeginFunc(ctx, s.apart, func(tx pgx.Tx) error { // the refusal itself stands whether or not its trace could be kept
			return registry.Audit(ctx, tx, at, by, m.ID, registry.Event{Action: "market.hand_over_refused", Object: "market:" + m.Code, Fields: []string{fault.CodeOf(err)}})
		})
	}
	if err != nil {
		return HandedOver{}, wrap("hand over", err)
	}
	return done, nil
}

func (in HandOver) check() error {
	var bad []fault.Field
	count := func(pointer string, n int) {
		if n < 1 || n > mostHeirs {
			bad = append(bad, fault.At(pointer, "count", "Name from 1 to %d people.", mostHeirs))
		}
	}
	count("from", len(in.From))
	count("to", len(in.To))
	switch {
	case in.Reason == "":
		bad = append(bad, fault.At("reason", "required", "This must be filled in."))
	case len([]rune(in.Reason)) > 500:
		bad = append(bad, fault.At("reason", "too-long", "It has %d characters; at most %d fit.", len([]rune(in.Reason)), 500))
	}
	for i, h := range in.To {
		if h.Role != "" && !slices.Contains(boardRoles, h.Role) {
			bad = append(bad, fault.At("to/"+strconv.Itoa(i)+"/role", "unknown", "One of: %s.", "manager, clerk, leader, volunteer"))
		}
	}
	return fault.Check("hand-over-invalid", bad)
}

// board finds the people of the old board, locked so that no sign-in slips in between.
func (s *Service) board(ctx context.Context, tx pgx.Tx, by registry.Actor, m registry.Market, in HandOver) ([]Person, error) {
	var old []Person
	var bad []fault.Field
	for i, name := range in.From {
		pointer := "from/" + strconv.Itoa(i)
		p, err := s.personNamed(ctx, tx, name, `FOR UPDATE OF p`)
		if fault.KindOf(err) == fault.NotFound {
			bad = append(bad, fault.At(pointer, "unknown", "There is nobody of this name here."))
			continue
		}
		if err != nil {
			return nil, err
		}
		if isPerson(by, p.ID) {
			return nil, fault.New(fault.Forbidden, "own-grants", "Nobody changes their own roles. Ask somebody else who may.")
		}
		if !slices.ContainsFunc(p.Grants, func(g registry.Grant) bool { return g.Kind == registry.OverMarket && g.Code == m.Code }) {
			bad = append(bad, fault.At(pointer, "no-role", "This person has no role in this market."))
		}
		if slices.ContainsFunc(old, func(o Person) bool { return o.ID == p.ID }) {
			bad = append(bad, fault.At(pointer, "twice", "This name stands here twice."))
		}
		old = append(old, p)
	}
	return old, fault.Check("hand-over-invalid", bad)
}

type heir struct {
	Person
	role registry.Role
}

// heirs finds the people of the new board with their roles, and checks that by may hand these out.
func (s *Service) heirs(ctx context.Context, tx pgx.Tx, by registry.Actor, m registry.Market, in HandOver, old []Person) ([]heir, error) {
	var heirs []heir
	var bad []fault.Field
	for i, h := range in.To {
		pointer := "to/" + strconv.Itoa(i)
		p, err := s.personNamed(ctx, tx, h.Name, `FOR UPDATE OF p`)
		if fault.KindOf(err) == fault.NotFound || err == nil && p.DisabledAt != nil {
			bad = append(bad, fault.At(pointer+"/name", "unknown", "There is nobody of this name here. Add the person first."))
			continue
		}
		if err != nil {
			return nil, err
		}
		if isPerson(by, p.ID) {
			return nil, fault.New(fault.Forbidden, "own-grants", "Nobody changes their own roles. Ask somebody else who may.")
		}
		role := h.Role
		if role == "" && i < len(old) {
			role = highest(old[i].Grants, m.Code)
		}
		switch {
		case role == "":
			bad = append(bad, fault.At(pointer+"/role", "required", "Say which role: nobody of the old board stands in this place."))
		case slices.ContainsFunc(old, func(o Person) bool { return o.ID == p.ID }):
			bad = append(bad, fault.At(pointer+"/name", "both", "This person is of the old board. Leave them out of both to let them stay."))
		case slices.ContainsFunc(heirs, func(o heir) bool { return o.ID == p.ID }):
			bad = append(bad, fault.At(pointer+"/name", "twice", "This name stands here twice."))
		}
		heirs = append(heirs, heir{p, role})
	}
	if err := fault.Check("hand-over-invalid", bad); err != nil {
		return nil, err
	}
	for _, h := range heirs {
		if _, err := mayGrant(ctx, tx, by, []registry.Grant{{Role: h.role, Kind: registry.OverMarket, Code: m.Code}}); err != nil {
			return nil, err
		}
	}
	return heirs, nil
}

// highest is the role with most rights that grants give in a market.
func highest(grants []registry.Grant, market string) registry.Role {
	for _, role := range boardRoles {
		if slices.Contains(grants, registry.Grant{Role: role, Kind: registry.OverMarket, Code: market}) {
			return role
		}
	}
	return ""
}
