package fieldwork

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/postgres"
	registry "cho40/vendor_registry"

	"github.com/jackc/pgx/v5"
)

// PackLives is how long a phone may trust a pack; an older one says so beside every result.
const PackLives = 72 * time.Hour

// Pack is what a phone knows of a market without a signal: whom to see in walking order, and how to tell the right code at a stall from
// another. A phone asks for the whole of it once and then, with the cursor, for what changed.
type Pack struct {
	Version    int            `json:"version"` // of the format: 1
	Market     string         `json:"market"`
	Name       string         `json:"name"`
	MadeAt     time.Time      `json:"made_at"`
	TrustUntil time.Time      `json:"trust_until"` // PackLives later
	Device     id.ID[Device]  `json:"device"`
	Key        string         `json:"key"`        // of the phone, for Hash: base64url, 32 bytes
	PublicKey  string         `json:"public_key"` // that signs packs: base64url, Ed25519
	Full       bool           `json:"full"`       // false: only what changed since the cursor that was sent
	Cursor     string         `json:"cursor"`
	Team       string         `json:"team"`        // of who asks, in this market
	MarketDays []registry.Day `json:"market_days"` // the next ones from today on
	Daily      bool           `json:"daily"`       // it is held every day
	Stalls     []PackStall    `json:"stalls"`      // in walking order
	Gone       []string       `json:"gone"`        // ids of stalls that are no more
	Mine       []string       `json:"mine"`        // codes of the stalls in the stretch of who asks, each time all of them
}

// PackStall is one stall of a pack.
type PackStall struct {
	ID        registry.StallID `json:"id"`
	Code      string           `json:"code"`
	Section   string           `json:"section,omitempty"`
	Goods     string           `json:"goods,omitempty"`
	Position  int              `json:"position"`
	Status    string           `json:"status"` // trading, seasonal, closed, vacant
	Vendor    string           `json:"vendor,omitempty"`
	Stage     *registry.Stage  `json:"stage,omitempty"`   // absent: nobody trades there today
	Missing   []string         `json:"missing,omitempty"` // for a placard: vendor, consent, account, approval
	Accounts  []PackAccount    `json:"accounts,omitempty"`
	Placards  []PackPlacard    `json:"placards,omitempty"`
	Tasks     []PackTask       `json:"tasks,omitempty"`
	Barrier   string           `json:"barrier,omitempty"`
	Outcome   string           `json:"outcome,omitempty"` // of the last visit
	VisitedOn registry.Day     `json:"visited_on,omitzero"`
	AgainOn   registry.Day     `json:"again_on,omitzero"` // not before that day, says the last visit
	Notices   []string         `json:"notices,omitempty"` // ids of slips to carry there
}

// PackAccount is an account that the vendor may be paid at, without its number.
type PackAccount struct {
	Hash     string         `json:"hash"` // of the BIN and the number, see Hash
	State    registry.State `json:"state"`
	Provider string         `json:"provider"`
	Tail     string         `json:"last_digits"`
}

// PackPlacard is what should hang at the stall, or must not any more.
type PackPlacard struct {
	Serial registry.Serial `json:"serial"`
	State  string          `json:"state"`
	Hash   string          `json:"hash"` // of the account that it pays
	Kind   string          `json:"kind,omitempty"`
	Mark   string          `json:"mark,omitempty"`
	Former bool            `json:"former,omitempty"` // its vendor is not there any more: whoever scans it pays somebody else
	Closed bool            `json:"closed,omitempty"` // its account is closed, says the provider: not to be hung, and to be stopped where it hangs
}

// PackTask is something to do there; when it can be done follows from the market days.
type PackTask struct {
	Kind     string           `json:"kind"`
	Priority string           `json:"priority"`
	Due      registry.Day     `json:"due"`
	Serial   *registry.Serial `json:"serial,omitempty"`
}

// SignedPack is a pack as it is sent: its bytes, and the signature over them.
type SignedPack struct {
	Body      []byte
	Signature string // base64url, Ed25519 over Body
	ETag      string // of what is in it, whenever it was made
}

// Hash is what a phone compares: HMAC-SHA-256 under its key of the BIN, a colon and the account number, the first 16 bytes in base64url.
// The right account in another text has the same one; the number cannot be told from it without the phone's key, nor on another phone.
func Hash(key []byte, bin, number string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(bin + ":" + number))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}

// seed is the newest of pack_seeds, from which signing key and phones' keys are made.
func seed(ctx context.Context, db postgres.Querier) ([]byte, error) {
	return postgres.One[[]byte](ctx, db, `SELECT seed FROM pack_seeds ORDER BY made_at DESC LIMIT 1`, nil)
}

func derive(seed []byte, parts ...string) []byte {
	mac := hmac.New(sha256.New, seed)
	for _, p := range parts {
		mac.Write([]byte(p + "\x00"))
	}
	return mac.Sum(nil)
}

// packAccount is an account that a vendor may be paid at.
type packAccount struct {
	VendorID registry.VendorID
	ID       registry.AccountID
	BIN      string `db:"bin"`
	Number   string
	Provider string
	State    registry.State
	Live     bool
}

// line is a stall of the pack as it is for every phone, and what it is made of.
type line struct {
	PackStall
	digest []byte
}

// Pack is the offline pack of a market for a phone of who asks. since is the cursor of the pack that the phone has; empty, or one that
// means nothing here: the whole. Only who may record something there gets one.
//
// Faults: Invalid pack-invalid; NotFound market-not-found; Forbidden.
func (s *Service) Pack(ctx context.Context, by registry.Actor, marketCode string, device id.ID[Device], since string) (SignedPack, error) {
	now := s.now()
	today := registry.DayOf(now)
	p := Pack{Version: 1, Device: device, Full: true, Stalls: []PackStall{}, Gone: []string{}, Mine: []string{}, MarketDays: []registry.Day{}}
	var signing ed25519.PrivateKey
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		m, err := registry.Allowed(ctx, tx, by, registry.RecordField, marketCode)
		if err != nil {
			return err
		}
		if device.IsZero() {
			return fault.Check("pack-invalid", []fault.Field{fault.At("device", "required", "This must be filled in.")})
		}
		p.Market, p.Name = m.Code, m.Name
		p.Daily = len(m.Weekdays)+len(m.LunarDays) == 0
		for d := today; len(p.MarketDays) < packDays; d = d.Plus(1) {
			d = m.NextDay(d)
			p.MarketDays = append(p.MarketDays, d)
			if p.Daily && len(p.MarketDays) == 1 {
				break
			}
		}
		if p.Team, err = teamOf(ctx, tx, by, m.ID, today); err != nil {
			return err
		}
		head, err := lockHead(ctx, tx, m.ID)
		if err != nil {
			return err
		}
		view, err := s.survey(ctx, tx, m, now)
		if err != nil {
			return err
		}
		key := derive(view.seed, "cho40 phone 1", by.ID, device.String())
		signing = ed25519.NewKeyFromSeed(derive(view.seed, "cho40 pack 1"))
		p.Key, p.PublicKey = base64.RawURLEncoding.EncodeToString(key), base64.RawURLEncoding.EncodeToString(signing.Public().(ed25519.PublicKey))
		lines, err := s.lines(ctx, tx, m, view, key, now)
		if err != nil {
			return err
		}
		if p.Team != "" {
			rows, err := s.On(tx).share(ctx, m, p.Team, view.stalls)
			if err != nil {
				return err
			}
			for _, st := range rows {
				if st.person != "" && st.person == who(by).String() {
					p.Mine = append(p.Mine, st.Code)
				}
			}
		}
		changed, gone, head, err := renewLines(ctx, tx, m.ID, head, lines)
		if err != nil {
			return err
		}
		p.Cursor = strconv.FormatInt(head, 10)
		from, err := strconv.ParseInt(since, 10, 64)
		taken := registry.Event{Action: "pack.taken", Object: deviceObject(device), Fields: []string{"vendor"}}
		p.Full = err != nil || from <= 0 || from > head // a cursor from before a restore means nothing
		if !p.Full {                                    // nor does one of a phone that never had the whole: it was guessed
			known, err := postgres.One[bool](ctx, tx, `
				SELECT EXISTS (SELECT 1 FROM audit_events WHERE market_id = @market AND object = @device AND action = @taken AND actor = @by)`,
				pgx.StrictNamedArgs{"market": m.ID, "device": taken.Object, "taken": taken.Action, "by": by.ID})
			if err != nil {
				return err
			}
			p.Full = !known
		}
		for _, l := range lines {
			if p.Full || changed[l.ID] > from {
				p.Stalls = append(p.Stalls, l.PackStall)
			}
		}
		for _, g := range gone {
			if !p.Full && g.Changed > from {
				p.Gone = append(p.Gone, g.StallID.String())
			}
		}
		if !p.Full && (len(lines) == 0 || len(p.Stalls) < len(lines)) {
			return nil
		}
		return registry.Audit(ctx, tx, now, by, m.ID, taken)
	})
	if err != nil {
		return SignedPack{}, wrap("pack of", fault.Clip(marketCode, 20), err)
	}
	etag := digest(p)
	p.MadeAt, p.TrustUntil = now, now.Add(PackLives)
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(p); err != nil {
		return SignedPack{}, err
	}
	body := bytes.TrimSpace(b.Bytes())
	return SignedPack{body, base64.RawURLEncoding.EncodeToString(ed25519.Sign(signing, body)), `"` + hex.EncodeToString(etag[:16]) + `"`}, nil
}

// deviceObject is how the audit names a phone.
func deviceObject(device id.ID[Device]) string { return "device:" + device.String() }

// packDays is how many market days of a fair-day market a pack names: a phone is back within that.
const packDays = 10

// lockHead lets the packs of a market be made one after the other.
func lockHead(ctx context.Context, tx pgx.Tx, m registry.MarketID) (int64, error) {
	return postgres.One[int64](ctx, tx, `
		INSERT INTO pack_heads (market_id, seq) VALUES (@market, 0) ON CONFLICT (market_id) DO UPDATE SET seq = pack_heads.seq RETURNING seq`,
		pgx.StrictNamedArgs{"market": m})
}

// lines are a market's stalls as a pack says them. Their digests are of what is the same for every phone.
func (s *Service) lines(ctx context.Context, db postgres.Querier, m registry.Market, v view, key []byte, now time.Time) ([]line, error) {
	accounts, err := postgres.All[packAccount](ctx, db, `
		SELECT coalesce(g.into_id, a.vendor_id) AS vendor_id, a.id, a.bin, a.number, a.provider,
		       CASE WHEN d.approved THEN 'approved' ELSE 'proposed' END AS state,
		       NOT d.ended AND (d.approved OR a.proposed_at > @now::timestamptz - @lives::interval) AS live
		FROM accounts a
		LEFT JOIN vendor_merges g ON g.market_id = a.market_id AND g.vendor_id = a.vendor_id
		CROSS JOIN LATERAL (SELECT coalesce(bool_or(d.decision = 'approved'), false) AS approved, coalesce(bool_or(d.decision <> 'approved'), false) AS ended
		                    FROM account_decisions d WHERE d.market_id = @market AND d.account_id = a.id) d
		WHERE a.market_id = @market ORDER BY d.approved DESC, a.rank, a.proposed_at, a.id`,
		pgx.StrictNamedArgs{"market": m.ID, "now": now, "lives": registry.ProposalLives})
	if err != nil {
		return nil, err
	}
	of, byID := map[registry.VendorID][]packAccount{}, map[registry.AccountID]packAccount{}
	for _, a := range accounts {
		byID[a.ID] = a
		if a.Live {
			of[a.VendorID] = append(of[a.VendorID], a)
		}
	}
	type slip struct {
		ID       registry.NoticeID
		VendorID registry.VendorID
	}
	notices, err := postgres.All[slip](ctx, db, `
		SELECT id, vendor_id FROM notices WHERE market_id = @market AND state = 'queued' AND channel = 'slip' ORDER BY id`, pgx.StrictNamedArgs{"market": m.ID})
	if err != nil {
		return nil, err
	}
	slips := map[registry.VendorID][]string{}
	for _, n := range notices {
		slips[n.VendorID] = append(slips[n.VendorID], n.ID.String())
	}
	today := registry.DayOf(now)
	lines := make([]line, len(v.stalls))
	for i, st := range v.stalls {
		l := PackStall{ID: st.ID, Code: st.Code, Section: st.Section, Goods: st.Goods, Position: st.Position, Status: st.Status, Vendor: st.Vendor, Stage: st.Stage}
		var raw []string // what the hashes are of, in their place in the digest
		if st.VendorID == nil {
			l.Missing = append(l.Missing, "vendor")
		} else {
			approved := false
			for _, a := range of[*st.VendorID] {
				approved = approved || a.State == registry.StateApproved
				l.Accounts = append(l.Accounts, PackAccount{Hash(key, a.BIN, a.Number), a.State, a.Provider, a.Number[max(0, len(a.Number)-4):]})
				raw = append(raw, a.BIN+a.Number)
			}
			if !st.OwnConsent {
				l.Missing = append(l.Missing, "consent")
			}
			switch {
			case len(l.Accounts) == 0:
				l.Missing = append(l.Missing, "account")
			case !approved:
				l.Missing = append(l.Missing, "approval")
			}
			if st.First {
				l.Notices = slips[*st.VendorID]
			}
		}
		for _, p := range v.placards[st.ID] {
			a := byID[p.Account]
			kind := p.Kind
			if kind == "ours" {
				kind = ""
			}
			l.Placards = append(l.Placards, PackPlacard{p.Serial, p.State, Hash(key, a.BIN, a.Number), kind, p.Mark, p.Former, p.Closed != nil})
			raw = append(raw, a.BIN+a.Number)
		}
		for _, t := range v.todo(m, st, now) {
			if !t.Due.After(today.Plus(planAhead)) {
				l.Tasks = append(l.Tasks, PackTask{t.Kind, t.Priority, t.Due, t.Serial})
			}
		}
		if st.VisitedAt != nil {
			l.Outcome, l.VisitedOn, l.AgainOn = *st.Outcome, registry.DayOf(*st.VisitedAt), st.askedUntil()
			if st.Barrier != nil {
				l.Barrier = *st.Barrier
			}
		}
		same := l
		same.Accounts, same.Placards = nil, nil
		for _, a := range l.Accounts {
			a.Hash = ""
			same.Accounts = append(same.Accounts, a)
		}
		for _, p := range l.Placards {
			p.Hash = ""
			same.Placards = append(same.Placards, p)
		}
		lines[i] = line{l, digest(same, raw)}
	}
	return lines, nil
}

type goneLine struct {
	StallID registry.StallID
	Changed int64
}

// renewLines compares the lines with what they were when a pack was last made, and counts on where any differs. It tells at which count
// each became what it is, and which stalls are no more.
func renewLines(ctx context.Context, tx pgx.Tx, m registry.MarketID, head int64, lines []line) (changed map[registry.StallID]int64, gone []goneLine, now int64, err error) {
	type stored struct {
		StallID registry.StallID
		Digest  []byte
		Changed int64
	}
	before, err := postgres.All[stored](ctx, tx, `SELECT stall_id, digest, changed FROM pack_lines WHERE market_id = @market`, pgx.StrictNamedArgs{"market": m})
	if err != nil {
		return nil, nil, head, err
	}
	was := map[registry.StallID]stored{}
	for _, b := range before {
		was[b.StallID] = b
	}
	changed = map[registry.StallID]int64{}
	var ids []registry.StallID
	var digests [][]byte
	next := head + 1
	for _, l := range lines {
		b, known := was[l.ID]
		delete(was, l.ID)
		if changed[l.ID] = b.Changed; !known || !bytes.Equal(b.Digest, l.digest) {
			changed[l.ID] = next
			ids, digests = append(ids, l.ID), append(digests, l.digest)
		}
	}
	for _, b := range was { // those that are no more have an empty digest
		if len(b.Digest) > 0 {
			b.Changed = next
			ids, digests = append(ids, b.StallID), append(digests, []byte{})
		}
		gone = append(gone, goneLine{b.StallID, b.Changed})
	}
	slices.SortFunc(gone, func(a, b goneLine) int { return strings.Compare(a.StallID.String(), b.StallID.String()) })
	if len(ids) == 0 {
		return changed, gone, head, nil
	}
	if _, err := tx.Exec(ctx, `
		INSERT INTO pack_lines (market_id, stall_id, digest, changed)
		SELECT @market, n.id, n.digest, @next FROM unnest(@ids::uuid[], @digests::bytea[]) n (id, digest)
		ON CONFLICT (market_id, stall_id) DO UPDATE SET digest = excluded.digest, changed = excluded.changed`,
		pgx.StrictNamedArgs{"market": m, "next": next, "ids": ids, "digests": digests}); err != nil {
		return nil, nil, head, err
	}
	_, err = tx.Exec(ctx, `UPDATE pack_heads SET seq = @next WHERE market_id = @market`, pgx.StrictNamedArgs{"market": m, "next": next})
	return changed, gone, next, err
}
