package registry

import (
	"context"
	"slices"
	"strings"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres"
	"cho40/qrgen"

	"github.com/jackc/pgx/v5"
)

// SharingWordings are the sentences by which a vendor is asked whether a wallet or bank may know of them; their text is in the pages'
// catalogue. The consent without which no account is kept does not say this, so it is asked for apart.
var SharingWordings = []string{"vi-share-1", "en-share-1"}

// NewSharing is a vendor's word on whether their wallet or bank may know of them: name, stall, the account's last digits, how far
// they came. Withdrawn takes an earlier yes back.
type NewSharing struct {
	Provider  string `json:"provider"` // our code, a six-digit BIN or a name in use
	Version   string `json:"version"`  // of the sentence that was read out, vi-share-1
	Given     string `json:"given"`    // face_to_face, signed_form, phone_call
	Withdrawn bool   `json:"withdrawn"`
}

// Sharing is a wallet or bank that may know of a vendor.
type Sharing struct {
	Provider     string    `json:"provider"`
	ProviderName string    `json:"provider_name" db:"-"`
	Shared       bool      `json:"shared"` // false: it was taken back
	At           time.Time `json:"at"`
}

func (n *NewSharing) check() error {
	var bad []fault.Field
	p, ok := qrgen.ProviderOf(n.Provider)
	switch {
	case strings.TrimSpace(n.Provider) == "":
		bad = append(bad, fault.At("provider", "required", "Say which wallet or bank."))
	case !ok:
		bad = append(bad, fault.At("provider", "unknown", "There is no wallet or bank %q in the list.", fault.Clip(n.Provider, 40)))
	}
	n.Provider = p.Code
	if !slices.Contains(SharingWordings, n.Version) {
		bad = append(bad, fault.At("version", "unknown", "Which wording was read out? One of: %s.", strings.Join(SharingWordings, ", ")))
	}
	if !slices.Contains(waysGiven, n.Given) {
		bad = append(bad, fault.At("given", "unknown", "How was it given? One of: %s.", strings.Join(waysGiven, ", ")))
	}
	return fault.Check("sharing-invalid", bad)
}

// waysGiven are the ways in which a vendor says yes or no.
var waysGiven = []string{"face_to_face", "signed_form", "phone_call"}

// RecordSharing records what the vendor of a stall said. Faults: Invalid; NotFound; Forbidden; Conflict stall-vacant.
func (s *Service) RecordSharing(ctx context.Context, by Actor, marketCode, code string, in NewSharing) (Sharing, error) {
	if err := in.check(); err != nil {
		return Sharing{}, err
	}
	now := s.now()
	kind, action := "sharing", "sharing.recorded"
	if in.Withdrawn {
		kind, action = "sharing_withdrawal", "sharing.withdrawn"
	}
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		m, err := market(ctx, tx, by, RecordField, marketCode)
		if err != nil {
			return err
		}
		v, err := vendorAt(ctx, tx, m, code)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `
			INSERT INTO consents (market_id, id, vendor_id, kind, purpose, provider, wording, given, taken_by, taken_at)
			VALUES (@market, @id, @vendor, @kind, 'share_with_provider', @provider, @wording, @given, @by, @now)`,
			pgx.StrictNamedArgs{"market": m.ID, "id": id.New[consent](), "vendor": v, "kind": kind, "provider": in.Provider, "wording": in.Version,
				"given": in.Given, "by": by.ID, "now": now}); err != nil {
			return err
		}
		return Audit(ctx, tx, now, by, m.ID, Event{action, "vendor:" + v.String(), []string{"provider", "wording", "given"}})
	})
	if err != nil {
		return Sharing{}, actionContext("record sharing at", code, err)
	}
	return Sharing{in.Provider, ProviderName(in.Provider), !in.Withdrawn, now}, nil
}

// Sharings are the wallets and banks that may know of the vendor of a stall now; of a vacant stall none. Faults: NotFound; Forbidden.
func (s *Service) Sharings(ctx context.Context, by Actor, marketCode, code string) ([]Sharing, error) {
	m, _, err := marketSeen(ctx, s.db, by, marketCode)
	if err != nil {
		return nil, err
	}
	v, err := vendorAt(ctx, s.db, m, code)
	if fault.CodeOf(err) == "stall-vacant" {
		return []Sharing{}, nil
	}
	if err != nil {
		return nil, err
	}
	all, err := postgres.All[Sharing](ctx, s.db, `
		SELECT c.provider, true AS shared, max(c.taken_at) AS at FROM consents c
		WHERE c.market_id = @market AND c.vendor_id = @vendor AND `+liveSharing+`
		GROUP BY c.provider ORDER BY c.provider`, pgx.StrictNamedArgs{"market": m.ID, "vendor": v})
	for i := range all {
		all[i].ProviderName = ProviderName(all[i].Provider)
	}
	return all, err
}

// liveSharing says of consents c that they are to sharing, and that the vendor took back neither this nor everything since.
const liveSharing = `c.kind = 'sharing' AND NOT EXISTS (
			SELECT FROM consents w
			WHERE w.market_id = @market AND w.vendor_id = c.vendor_id AND w.taken_at >= c.taken_at
			  AND (w.kind = 'withdrawal' OR w.kind = 'sharing_withdrawal' AND w.provider = c.provider))`

// sharesWith says of vendors v that a provider, @provider, may know of them.
const sharesWith = `EXISTS (
			SELECT FROM consents c
			WHERE c.market_id = @market AND c.vendor_id = v.id AND c.provider = @provider AND ` + liveSharing + `)`
