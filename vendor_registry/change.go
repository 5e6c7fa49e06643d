package registry

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"cho40/internal/fault"
	"cho40/internal/postgres"

	"github.com/jackc/pgx/v5"
)

// FeedLives is how long changes stay in the feed that later ones of the same account have overtaken. The last of each stays, so that who
// begins at the beginning hears of every account.
const FeedLives = 400 * 24 * time.Hour

// Change is one of the feed: an account came to another stage, or was stopped or let on there.
type Change struct {
	Number    int64      `json:"number"` // later ones have higher numbers
	Account   AccountRef `json:"account"`
	Provider  string     `json:"provider"`
	Stage     *Stage     `json:"stage"`     // by this account's own placards; null: nothing more is told of it
	Was       *Stage     `json:"was"`       // before; null: nothing was told of it, or must not be any more
	Suspended bool       `json:"suspended"` // its placard hangs and was stopped
	At        time.Time  `json:"at"`        // when it was noticed
}

// Changes is a stretch of the feed.
type Changes struct {
	Items []Change `json:"items"`
	Next  string   `json:"next_cursor"` // where to go on; never null, since a feed has no end
}

// ChangeQuestion says which changes are wanted.
type ChangeQuestion struct {
	Market   string `query:"market"`
	Provider string `query:"provider"`
	List            // Cursor: the next_cursor of the stretch before; empty: from the beginning
}

// stagesOfAccounts is where each account of a market that is not over stands: its vendor holds a stall, and its placards hang where
// that vendor does. Nothing here comes from another account or its placards.
var stagesOfAccounts = `
	SELECT a.id AS account_id, a.provider,
	       CASE WHEN p.hung AND p.matched THEN 'checked' WHEN p.hung THEN 'installed' WHEN p.made THEN 'printed' WHEN d.approved THEN 'approved' ELSE 'account' END AS stage,
	       coalesce(p.suspended, false) AS suspended, ` + strings.NewReplacer("@provider", "a.provider", "v.id", "a.vendor_id").Replace(sharesWith) + ` AS shared
	FROM accounts a
	JOIN vendors v ON v.market_id = a.market_id AND v.id = a.vendor_id AND v.erased_at IS NULL
	LEFT JOIN vendor_merges g ON g.market_id = a.market_id AND g.vendor_id = a.vendor_id
	CROSS JOIN LATERAL (SELECT coalesce(bool_or(d.decision = 'approved'), false) AS approved, coalesce(bool_or(d.decision <> 'approved'), false) AS ended
	                    FROM account_decisions d WHERE d.market_id = @market AND d.account_id = a.id OFFSET 0) d
	LEFT JOIN LATERAL (
		SELECT bool_or(e.state IN ('installed', 'suspended') AND e.hung IS NOT NULL) AS hung, bool_or(e.state = 'suspended') AS suspended, true AS made,
		       bool_or(e.state IN ('installed', 'suspended') AND e.looked > e.hung AND e.result = 'match') AS matched
		FROM placards p
		CROSS JOIN LATERAL (
			SELECT (array_agg(e.state ORDER BY e.at DESC, e.seq DESC))[1] AS state, max(e.seq) FILTER (WHERE e.kind = 'installed') AS hung,
			       max(e.seq) FILTER (WHERE e.kind = 'checked') AS looked,
			       (array_agg(e.result ORDER BY e.at DESC, e.seq DESC) FILTER (WHERE e.kind = 'checked'))[1] AS result
			FROM placard_events e WHERE e.market_id = @market AND e.placard_id = p.id) e
		WHERE p.market_id = @market AND p.account_id = a.id AND e.state = ANY (@live)
		  AND EXISTS (SELECT 1 FROM occupancies o WHERE o.market_id = @market AND o.vendor_id = coalesce(g.into_id, a.vendor_id) AND o.stall_id = p.stall_id AND o.ended IS NULL)
		GROUP BY p.account_id) p ON d.approved
	WHERE a.market_id = @market AND a.number <> '' AND NOT d.ended AND (d.approved OR a.proposed_at > @now::timestamptz - @proposal_lives::interval)
	  AND EXISTS (SELECT 1 FROM occupancies o WHERE o.market_id = @market AND o.vendor_id = coalesce(g.into_id, a.vendor_id) AND o.ended IS NULL)`

// followedAtOnce is how many markets one look of the feed follows.
const followedAtOnce = 100

// Follow brings the feed up to what is committed, market by market, and reports whether there is more to follow.
//
// A market's audit chain is locked from its last event to the commit, so its numbers are in the order of commits: once a number is seen,
// everything up to it is there to be read, and what commits later has a higher one and is found at the next look. Numbers of the feed are given
// under a lock that is held to the commit as well, so whoever has read up to one has missed nothing below it. What came and went
// between two looks is told as what it came to. A market that cannot be followed just now holds up no other.
func (s *Service) Follow(ctx context.Context) (more bool, err error) {
	type head struct {
		MarketID MarketID
		Seq      int64
	}
	behind := func(db postgres.Querier, only []MarketID) ([]head, error) {
		return postgres.All[head](ctx, db, `
			SELECT h.market_id, h.seq FROM audit_heads h LEFT JOIN feed_heads f ON f.market_id = h.market_id
			WHERE h.seq > coalesce(f.seq, 0) AND h.market_id <> '00000000-0000-0000-0000-000000000000' AND (@only::uuid[] IS NULL OR h.market_id = ANY (@only))
			ORDER BY h.market_id LIMIT @n`, pgx.StrictNamedArgs{"n": followedAtOnce + 1, "only": only})
	}
	heads, err := behind(s.db, nil)
	if err != nil || len(heads) == 0 {
		return false, err
	}
	now := s.now()
	var failed []error
	for _, h := range heads[:min(len(heads), followedAtOnce)] {
		err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('feed', 0))`); err != nil {
				return err
			}
			still, err := behind(tx, []MarketID{h.MarketID})
			if err != nil || len(still) == 0 { // another process was there first
				return err
			}
			args := accountArgs(h.MarketID, now)
			args["live"] = liveStates
			if _, err := tx.Exec(ctx, `
				WITH new AS MATERIALIZED (`+stagesOfAccounts+`), old AS (
					SELECT s.account_id, s.provider, s.stage, s.suspended, s.shared FROM account_stages s WHERE s.market_id = @market
				), diff AS MATERIALIZED (
					SELECT account_id, coalesce(n.provider, o.provider) AS provider, n.stage, coalesce(n.suspended, false) AS suspended, coalesce(n.shared, false) AS shared,
					       o.stage AS was, coalesce(o.suspended, false) AS was_suspended, coalesce(o.shared, false) AS was_shared
					FROM new n FULL JOIN old o USING (account_id)
					WHERE (n.stage, n.suspended, n.shared) IS DISTINCT FROM (o.stage, o.suspended, o.shared)
				), kept AS (
					INSERT INTO account_stages (market_id, account_id, provider, stage, suspended, shared)
					SELECT @market, account_id, provider, stage, suspended, shared FROM diff WHERE stage IS NOT NULL
					ON CONFLICT (market_id, account_id) DO UPDATE SET stage = excluded.stage, suspended = excluded.suspended, shared = excluded.shared
				), gone AS (
					DELETE FROM account_stages WHERE market_id = @market AND account_id = ANY (ARRAY(SELECT account_id FROM diff WHERE stage IS NULL))
				)
				INSERT INTO stage_changes (n, market_id, account_id, provider, stage, suspended, was, was_suspended, shared, was_shared, noticed_at)
				SELECT coalesce((SELECT max(n) FROM stage_changes), 0) + row_number() OVER (ORDER BY account_id),
				       @market, account_id, provider, stage, suspended, was, was_suspended, shared, was_shared, @now FROM diff`, args); err != nil {
				return err
			}
			_, err = tx.Exec(ctx, `INSERT INTO feed_heads (market_id, seq) VALUES (@market, @seq) ON CONFLICT (market_id) DO UPDATE SET seq = excluded.seq`,
				pgx.StrictNamedArgs{"market": h.MarketID, "seq": still[0].Seq})
			return err
		})
		if err != nil {
			failed = append(failed, actionContext("follow", h.MarketID.String(), err))
		}
	}
	return len(heads) > followedAtOnce && failed == nil, errors.Join(failed...)
}

// Changes is a stretch of the feed behind a cursor, in its order: of the markets in the actor's scope, or, for a partner, of its own
// provider's accounts whose vendors agree that it may know of them. Where one takes that back, the partner hears so, once, and
// from then on not what was before.
//
// Faults: Invalid limit-invalid, cursor-invalid, cursor-ahead (behind the restore of an older copy); NotFound market-not-found, provider-not-found; Forbidden.
func (s *Service) Changes(ctx context.Context, by Actor, q ChangeQuestion) (Changes, error) {
	n, err := q.Size()
	if err != nil {
		return Changes{}, err
	}
	after := int64(0)
	if q.Cursor != "" {
		if after, err = cursorNumber(q.Cursor); err != nil {
			return Changes{}, err
		}
	}
	view := feedView{market: q.Market, reach: by.Reach(FollowChanges)}
	if q.Market != "" {
		m, err := market(ctx, s.db, by, FollowChanges, q.Market)
		if err != nil {
			return Changes{}, err
		}
		view.market = m.Code
	}
	if !by.CanSomewhere(FollowChanges) {
		return Changes{}, Forbidden()
	}
	rest, providers := by.Apart()
	if len(providers) > 0 && !rest.CanSomewhere(FollowChanges) {
		view.only = providers
	} else {
		view.reach = rest.Reach(FollowChanges)
	}
	if q.Provider != "" {
		code := providerCode(q.Provider)
		if view.only != nil {
			if code, err = by.ownProvider(q.Provider); err != nil {
				return Changes{}, err
			}
		}
		view.provider = code
	}
	_, _ = s.Follow(ctx) // what it cannot follow now is told at a later look; the job says so
	upto, err := postgres.One[int64](ctx, s.db, `SELECT coalesce(max(n), 0) FROM stage_changes`, nil)
	if err != nil {
		return Changes{}, err
	}
	if after > upto {
		return Changes{}, fault.New(fault.Invalid, "cursor-ahead", "This cursor is ahead of the feed: an older copy of the record was brought back. Begin again without a cursor.").
			With(fault.At("cursor", "ahead", "Begin again without a cursor."))
	}
	items, err := view.read(ctx, s.db, after, endless, n)
	if err != nil {
		return Changes{}, err
	}
	next := upto
	if len(items) > 0 && (len(items) == n || items[len(items)-1].Number > next) {
		next = items[len(items)-1].Number
	}
	return Changes{items, strconv.FormatInt(next, 10)}, nil
}

const endless = int64(1) << 62

func cursorNumber(cursor string) (int64, error) {
	n, err := strconv.ParseInt(cursor, 10, 64)
	if err != nil || n < 0 {
		return 0, fault.New(fault.Invalid, "cursor-invalid", "This is no cursor of the feed. Send back next_cursor as it came.").With(fault.At("cursor", "form", "Send back next_cursor as it came."))
	}
	return n, nil
}

// feedView is whose feed is read.
type feedView struct {
	reach            pgx.StrictNamedArgs
	market, provider string   // empty: all
	only             []string // providers of a partner, who hears what their vendors agree to; nil: everything in reach
}

// read reads at most so many changes behind one number, up to another, in their order.
func (v feedView) read(ctx context.Context, db postgres.Querier, after, upto int64, most int) ([]Change, error) {
	type row struct {
		N         int64
		Code      string
		AccountID AccountID
		Provider  string
		Stage     *string
		Was       *string
		Suspended bool
		NoticedAt time.Time
	}
	args := pgx.StrictNamedArgs{"after": after, "upto": upto, "n": most, "market": v.market, "provider": v.provider, "only": v.only}
	for name, value := range v.reach {
		args[name] = value
	}
	told := `c.stage, c.suspended, c.was, c.was_suspended`
	whose := ``
	if v.only != nil {
		told = `CASE WHEN c.shared THEN c.stage END AS stage, c.shared AND c.suspended AS suspended, CASE WHEN c.was_shared THEN c.was END AS was, c.was_shared AND c.was_suspended AS was_suspended`
		whose = ` AND c.provider = ANY (@only) AND (c.shared OR c.was_shared)`
	}
	rows, err := postgres.All[row](ctx, db, `
		SELECT c.n, c.code, c.account_id, c.provider, c.stage, c.suspended, CASE WHEN @only::text[] IS NULL OR c.live THEN c.was END AS was, c.noticed_at
		FROM (SELECT c.n, m.code, c.account_id, c.provider, c.noticed_at, `+told+`,
		             EXISTS (SELECT 1 FROM account_stages s WHERE s.market_id = c.market_id AND s.account_id = c.account_id AND s.shared) AS live
		      FROM stage_changes c JOIN markets m ON m.id = c.market_id
		      WHERE c.n > @after AND c.n <= @upto AND (@market = '' OR m.code = @market) AND (@provider = '' OR c.provider = @provider) AND `+InReach+whose+`) c
		WHERE (c.stage, c.suspended) IS DISTINCT FROM (c.was, c.was_suspended) AND (@only::text[] IS NULL OR c.live OR c.stage IS NULL)
		ORDER BY c.n LIMIT @n`, args)
	items := make([]Change, len(rows))
	for i, r := range rows {
		items[i] = Change{r.N, AccountRef{r.Code, r.AccountID}, r.Provider, stageNamed(r.Stage), stageNamed(r.Was), r.Suspended, r.NoticedAt.UTC()}
	}
	return items, err
}

func stageNamed(name *string) *Stage {
	if name == nil {
		return nil
	}
	s, _ := ParseStage(*name)
	return &s
}
