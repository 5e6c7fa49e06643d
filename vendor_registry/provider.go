package registry

import (
	"context"
	"errors"
	"fmt"
	"io"

	"cho40/internal/fault"
	"cho40/internal/postgres"
	"cho40/qrgen"

	"github.com/jackc/pgx/v5"
)

// maxProvidersFile is more than a list of all the banks of a country needs, in bytes.
const maxProvidersFile = 1 << 20

// UpdateProviders takes a file of banks and wallets, see qrgen.Directory.Update, into the record and into use. No account and no
// placard changes by it: they keep the bank number, the payload and the name that they were made with. With dry, it only says what
// would change.
//
// Faults: Invalid providers-invalid, a field for each wrong cell, and nothing is taken; Forbidden.
func (s *Service) UpdateProviders(ctx context.Context, by Actor, file io.Reader, dry bool) ([]qrgen.Change, error) {
	refuse := func(err error) ([]qrgen.Change, error) {
		if f, ok := fault.As(err); ok && !dry {
			_ = pgx.BeginFunc(ctx, s.apart, func(tx pgx.Tx) error { // the refusal itself stands whether or not its trace could be kept
				return Audit(ctx, tx, s.now(), by, MarketID{}, Event{"provider.update_refused", "providers", []string{f.Code}})
			})
		}
		return nil, actionContext("update", "providers", err)
	}
	if !by.CanSomewhere(ChangeProviders) {
		return refuse(Forbidden())
	}
	data, err := io.ReadAll(io.LimitReader(file, maxProvidersFile+1))
	if err != nil {
		return nil, fmt.Errorf("read the list of providers: %w", err)
	}
	var changes []qrgen.Change
	now := s.now()
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('providers', 0))`); err != nil {
			return err
		}
		d, err := providersIn(ctx, tx)
		if err != nil {
			return err
		}
		_, changes, err = d.Update(data, DayOf(now).String())
		var bad qrgen.RowErrors
		if errors.As(err, &bad) {
			return providersInvalid(bad)
		}
		if err != nil || dry || len(changes) == 0 {
			return err
		}
		var events []Event
		for _, c := range changes {
			if err := upsertProvider(ctx, tx, by, c.Provider, s); err != nil {
				return err
			}
			events = append(events, Event{"provider.updated", "provider:" + c.BIN, c.Fields})
		}
		return Audit(ctx, tx, now, by, MarketID{}, events...)
	})
	if err != nil {
		return refuse(err)
	}
	if dry {
		return changes, nil
	}
	return changes, s.LoadProviders(ctx)
}

func providersInvalid(bad qrgen.RowErrors) error {
	f := fault.New(fault.Invalid, "providers-invalid", "The list of banks and wallets is not taken: %d cells need mending. Nothing was changed.", len(bad))
	for _, r := range bad {
		f.With(fault.Field{Row: r.Row, Column: r.Column, Code: r.Code, Value: r.Value, Detail: fault.Text{Format: r.Message()}})
	}
	return f
}

// LoadProviders puts what the record knows of banks and wallets into use, over what the program brings along. Whoever starts calls
// it, and a service calls it again from time to time, so that an update reaches it.
func (s *Service) LoadProviders(ctx context.Context) error {
	d, err := providersIn(ctx, s.db)
	if err != nil {
		return fmt.Errorf("load providers: %w", err)
	}
	qrgen.Use(d)
	return nil
}

func providersIn(ctx context.Context, db postgres.Querier) (*qrgen.Directory, error) {
	stored, err := postgres.All[qrgen.Provider](ctx, db, `
		SELECT bin, code, name, full_name, kind, pays, looks_up, number_rule, number_basis, second_of, valid_from, valid_to, read_on, source, names
		FROM providers ORDER BY bin`, pgx.StrictNamedArgs{})
	if err != nil {
		return nil, err
	}
	return qrgen.Embedded().With(stored), nil
}

func upsertProvider(ctx context.Context, tx pgx.Tx, by Actor, p qrgen.Provider, s *Service) error {
	names := p.Names
	if names == nil {
		names = []string{}
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO providers (bin, code, name, full_name, kind, pays, looks_up, number_rule, number_basis, second_of, valid_from, valid_to,
		                       read_on, source, names, updated_by, updated_at)
		VALUES (@bin, @code, @name, @full_name, @kind, @pays, @looks_up, @number_rule, @number_basis, @second_of, @valid_from, @valid_to,
		        @read_on, @source, @names, @by, @now)
		ON CONFLICT (bin) DO UPDATE SET name = excluded.name, full_name = excluded.full_name, kind = excluded.kind, pays = excluded.pays,
			looks_up = excluded.looks_up, number_rule = excluded.number_rule, number_basis = excluded.number_basis,
			second_of = excluded.second_of, valid_from = excluded.valid_from, valid_to = excluded.valid_to, read_on = excluded.read_on,
			source = excluded.source, names = excluded.names, updated_by = excluded.updated_by, updated_at = excluded.updated_at`,
		pgx.StrictNamedArgs{"bin": p.BIN, "code": p.Code, "name": p.Name, "full_name": p.FullName, "kind": p.Kind, "pays": p.Pays,
			"looks_up": p.LooksUp, "number_rule": p.NumberRule, "number_basis": p.NumberBasis, "second_of": p.SecondOf,
			"valid_from": p.ValidFrom, "valid_to": p.ValidTo, "read_on": p.ReadOn, "source": p.Source, "names": names, "by": by.ID, "now": s.now()})
	return err
}

// ended says why a provider that is known takes no account on this day.
func ended(pointer string, p qrgen.Provider, day Day) fault.Field {
	if p.ValidTo != "" && p.ValidTo <= day.String() {
		until, _ := ParseDay(p.ValidTo) // of the directory, which holds days only
		return fault.At(pointer, "provider-ended", "%s has taken no money since %s, by the list of banks and wallets.", p.Name, until)
	}
	from, _ := ParseDay(p.ValidFrom)
	return fault.At(pointer, "provider-ended", "%s takes no money before %s, by the list of banks and wallets.", p.Name, from)
}
