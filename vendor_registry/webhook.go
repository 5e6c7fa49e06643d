package registry

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"cho40/internal/fault"
	"cho40/internal/id"
	"cho40/internal/outbound"
	"cho40/internal/postgres"
	"cho40/qrgen"

	"github.com/jackc/pgx/v5"
)

// How webhooks are delivered.
const (
	WebhookFailsFor = 7 * 24 * time.Hour  // without one delivery that was taken; then it is switched off
	DeliveriesLive  = 90 * 24 * time.Hour // in the log, once they are done
	firstRetry      = time.Minute         // doubled with each try
	lastRetry       = 6 * time.Hour
	perDelivery     = 100              // changes
	perRound        = 20               // deliveries to one address in a round
	roundTakes      = 30 * time.Second // after which the next round goes on, so that other jobs have their turn
	webhooksEach    = 10               // of a provider, those that are off left out
	maxWebhookURL   = 500              // bytes
	BehindCounted   = 1000             // changes, at most, of what a webhook was not told yet
)

// WebhookID names a webhook.
type WebhookID = id.ID[Webhook]

// Webhook is an address of a provider's to which its part of the feed is sent.
type Webhook struct {
	ID           WebhookID  `json:"id"`
	Provider     string     `json:"provider"`
	URL          string     `json:"url"`
	State        string     `json:"state"` // waiting: for its second person; active, off
	MadeBy       string     `json:"made_by"`
	MadeAt       time.Time  `json:"made_at"`
	ApprovedBy   *string    `json:"approved_by"`
	ApprovedAt   *time.Time `json:"approved_at"`
	Cursor       string     `json:"cursor"`        // how far of the feed it was told
	FailingSince *time.Time `json:"failing_since"` // null: the last delivery was taken
	OffAt        *time.Time `json:"off_at"`
	OffBy        *string    `json:"off_by"` // system: it failed for too long
	Behind       *int       `json:"behind"` // changes of its part of the feed that it was not told yet, BehindCounted at most; null once it is off
	BehindSince  *time.Time `json:"behind_since"`
	TriedAt      *time.Time `json:"tried_at"` // of the last delivery that was tried and is in the log; null: there is none
	Status       *int       `json:"status"`   // what it was answered; null: nothing
	Error        *string    `json:"error"`    // null: it was taken
	TookMS       *int       `json:"took_ms"`
}

// ETag is the webhook's version.
func (w Webhook) ETag() string {
	h := sha256.Sum256(asJSON(w))
	return `"` + hex.EncodeToString(h[:16]) + `"`
}

// NewWebhook is an address to be told. From is a cursor of the feed behind which it begins; empty: from now on.
type NewWebhook struct {
	Provider string `json:"provider"` // may be left out by a partner of one provider
	URL      string `json:"url"`
	From     string `json:"from"`
}

// DeliveryID names a delivery: the same at every try, so a receiver can tell that it had it already.
type DeliveryID = id.ID[Delivery]

// Delivery is a stretch of the feed on its way to a webhook.
type Delivery struct {
	ID      DeliveryID `json:"id"`
	Replay  bool       `json:"replay"`
	After   string     `json:"after"` // cursors: the changes behind this one, up to the next
	Until   string     `json:"until"`
	State   string     `json:"state"` // waiting, delivered, given_up
	Tries   int        `json:"tries"`
	MadeAt  time.Time  `json:"made_at"`
	TriedAt *time.Time `json:"tried_at"`
	NextAt  *time.Time `json:"next_at"` // when it is tried again
	Status  *int       `json:"status"`  // of the last answer; null: there was none
	Error   *string    `json:"error"`
	TookMS  *int       `json:"took_ms"` // until the last try was answered or given up
	DoneAt  *time.Time `json:"done_at"`
}

// webhookURL checks an address. loopback lets http and names of this machine through, for trying out. Where a name leads is looked at when it
// is dialled; what can only lead inside a network is said here, to who types it.
func webhookURL(bad *[]fault.Field, s string, loopback bool) {
	u, err := url.Parse(s)
	switch {
	case s == "":
		*bad = append(*bad, fault.At("url", "required", "This must be filled in."))
	case len(s) > maxWebhookURL:
		*bad = append(*bad, fault.At("url", "too-long", "It has %d characters; at most %d fit.", len(s), maxWebhookURL))
	case err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "" || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 127 || strings.ContainsRune(`"<>\^{|}`+"`", r) }):
		*bad = append(*bad, fault.At("url", "form", "An address such as https://partner.vn/cho40, without a name and password in it."))
	case u.Scheme != "https" && !(loopback && u.Scheme == "http"):
		*bad = append(*bad, fault.At("url", "https", "The address begins with https://."))
	case !outside(strings.ToLower(u.Hostname()), loopback):
		*bad = append(*bad, fault.At("url", "inside", "This address lies inside a network. Only what everybody on the internet reaches can be told."))
	}
}

// outside reports whether a host may be one of the public internet.
func outside(host string, loopback bool) bool {
	if at, err := netip.ParseAddr(host); err == nil {
		return outbound.Public(at) || loopback && at.Unmap().IsLoopback()
	}
	host = strings.TrimSuffix(host, ".")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return loopback
	}
	return strings.Contains(host, ".") && !strings.HasSuffix(host, ".local") && !strings.HasSuffix(host, ".internal")
}

// AddWebhook asks for an address to be told; a second person approves it before anything is sent. The secret with which deliveries are
// signed is returned here and never again.
//
// Faults: Invalid webhook-invalid; NotFound provider-not-found, also for another's; Forbidden, also for keys; Conflict webhooks-many.
func (s *Service) AddWebhook(ctx context.Context, by Actor, in NewWebhook, loopback bool) (w Webhook, secret string, err error) {
	provider, err := by.webhooksOf(in.Provider)
	if fault.KindOf(err) == fault.Forbidden {
		s.refusedIn(ctx, by, MarketID{}, Event{"webhook.add_refused", "webhooks", nil})
	}
	if err != nil {
		return w, "", err
	}
	var bad []fault.Field
	webhookURL(&bad, in.URL, loopback)
	from := int64(-1)
	if in.From != "" {
		if from, err = cursorNumber(in.From); err != nil {
			bad = append(bad, fault.At("from", "form", "Send back next_cursor as it came."))
		}
	}
	if err := fault.Check("webhook-invalid", bad); err != nil {
		return w, "", err
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	secret = "whsec_" + base64.RawURLEncoding.EncodeToString(key)
	now, which := s.now(), id.New[Webhook]()
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if err := oneAtATime(ctx, tx, MarketID{}, "webhooks of "+provider); err != nil {
			return err
		}
		there, err := postgres.One[int](ctx, tx, `SELECT count(*)::int FROM webhooks WHERE provider = @provider AND off_at IS NULL`, pgx.StrictNamedArgs{"provider": provider})
		if err == nil && there >= webhooksEach {
			err = fault.New(fault.Conflict, "webhooks-many", "There are %d webhooks already. Switch one off first.", there)
		}
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `
			INSERT INTO webhooks (id, provider, url, secret, made_by, made_at, cursor)
			SELECT @id, @provider, @url, @secret, @by, @now, CASE WHEN @from < 0 THEN (SELECT coalesce(max(n), 0) FROM stage_changes) ELSE @from END`,
			pgx.StrictNamedArgs{"id": which, "provider": provider, "url": in.URL, "secret": secret, "by": by.ID, "now": now, "from": from}); err != nil {
			return err
		}
		if w, err = webhook(ctx, tx, which); err != nil {
			return err
		}
		return Audit(ctx, tx, now, by, MarketID{}, Event{"webhook.added", "webhook:" + which.String(), []string{"provider:" + provider, "url"}})
	})
	return w, secret, actionContext("add webhook of", provider, err)
}

// webhooksOf is the code of a provider whose webhooks the actor keeps: people, and no programs, of that provider or administrators.
func (a Actor) webhooksOf(name string) (string, error) {
	if !a.CanSomewhere(KeepWebhooks) || !strings.HasPrefix(a.ID, "person:") {
		return "", Forbidden()
	}
	if a.CanSomewhere(ConfirmAccount) {
		return a.ownProvider(name)
	}
	p, ok := qrgen.ProviderOf(name)
	if !ok {
		return "", fault.New(fault.NotFound, "provider-not-found", "There is no wallet or bank %q here.", fault.Clip(name, 40))
	}
	return p.Code, nil
}

// keepsWebhooksOf are the providers of whose webhooks the actor may know; nil: of all.
func (a Actor) keepsWebhooksOf() ([]string, error) {
	switch {
	case !a.CanSomewhere(KeepWebhooks):
		return nil, Forbidden()
	case a.ID == Console().ID || !a.CanSomewhere(ConfirmAccount):
		return nil, nil
	}
	return a.Providers(), nil
}

// webhookColumns reads webhooks as w. What one was not told is what its deliveries will hold: see feedView.read for a provider.
var webhookColumns = `
	SELECT w.id, w.provider, w.url, CASE WHEN w.off_at IS NOT NULL THEN 'off' WHEN w.approved_at IS NULL THEN 'waiting' ELSE 'active' END AS state,
	       w.made_by, w.made_at, w.approved_by, w.approved_at, w.cursor::text AS cursor, w.failing_since, w.off_at, w.off_by,
	       CASE WHEN w.off_at IS NULL THEN b.behind END AS behind, b.behind_since, t.tried_at, t.status, t.error, t.took_ms
	FROM webhooks w
	CROSS JOIN LATERAL (
		SELECT count(*)::int AS behind, min(c.noticed_at) AS behind_since
		FROM (SELECT c.noticed_at
		      FROM stage_changes c
		      WHERE w.off_at IS NULL AND c.n > w.cursor AND c.provider = w.provider AND (c.shared OR c.was_shared)
		        AND (CASE WHEN c.shared THEN c.stage END, c.shared AND c.suspended) IS DISTINCT FROM (CASE WHEN c.was_shared THEN c.was END, c.was_shared AND c.was_suspended)
		        AND (NOT c.shared OR c.stage IS NULL OR EXISTS (SELECT 1 FROM account_stages s WHERE s.market_id = c.market_id AND s.account_id = c.account_id AND s.shared))
		      ORDER BY c.n LIMIT ` + strconv.Itoa(BehindCounted) + `) c) b
	LEFT JOIN LATERAL (
		SELECT d.tried_at, d.status, d.error, d.took_ms
		FROM webhook_deliveries d WHERE d.webhook_id = w.id AND d.tried_at IS NOT NULL ORDER BY d.tried_at DESC LIMIT 1) t ON true`

func webhook(ctx context.Context, db postgres.Querier, which WebhookID) (Webhook, error) {
	return postgres.Found[Webhook](ctx, db, webhookNotFound(), webhookColumns+` WHERE w.id = @id`, pgx.StrictNamedArgs{"id": which})
}

func webhookNotFound() *fault.Error {
	return fault.New(fault.NotFound, "webhook-not-found", "There is no such webhook here.")
}

// webhookFor finds a webhook that the actor may know of, locked when it is to be changed.
func webhookFor(ctx context.Context, db postgres.Querier, by Actor, which string, lock bool) (Webhook, error) {
	only, err := by.keepsWebhooksOf()
	if err != nil {
		return Webhook{}, err
	}
	webhookID, err := id.Parse[Webhook](which)
	if err != nil {
		return Webhook{}, webhookNotFound()
	}
	sql := webhookColumns + ` WHERE w.id = @id AND (@only::text[] IS NULL OR w.provider = ANY (@only))`
	if lock {
		sql += ` FOR UPDATE OF w`
	}
	return postgres.Found[Webhook](ctx, db, webhookNotFound(), sql, pgx.StrictNamedArgs{"id": webhookID, "only": only})
}

// Webhooks are those of the actor's providers, or all for an administrator, the newest first. Faults: Forbidden.
func (s *Service) Webhooks(ctx context.Context, by Actor) ([]Webhook, error) {
	only, err := by.keepsWebhooksOf()
	if err != nil {
		return nil, err
	}
	return postgres.All[Webhook](ctx, s.db, webhookColumns+` WHERE @only::text[] IS NULL OR w.provider = ANY (@only) ORDER BY w.id DESC LIMIT 200`,
		pgx.StrictNamedArgs{"only": only})
}

// Webhook is one of them. Faults: NotFound webhook-not-found, also for another's; Forbidden.
func (s *Service) Webhook(ctx context.Context, by Actor, which string) (Webhook, error) {
	return webhookFor(ctx, s.db, by, which, false)
}

// WebhooksToApprove is how many webhooks wait for the word of the actor: those of the actor's providers, or all for an administrator, that
// somebody else asked for. 0 for who may approve none.
func (s *Service) WebhooksToApprove(ctx context.Context, by Actor) (int, error) {
	only, err := by.keepsWebhooksOf()
	if err != nil || !strings.HasPrefix(by.ID, "person:") {
		return 0, nil
	}
	return postgres.One[int](ctx, s.db, `
		SELECT count(*)::int FROM webhooks w WHERE w.approved_at IS NULL AND w.off_at IS NULL AND w.made_by <> @by AND (@only::text[] IS NULL OR w.provider = ANY (@only))`,
		pgx.StrictNamedArgs{"by": by.ID, "only": only})
}

// ApproveWebhook is the second person's word, with a second factor not older than StepUpLives; from then on it is told.
//
// Faults: NotFound; Forbidden own-webhook, also for keys; Unauthenticated step-up-needed; Conflict webhook-state.
func (s *Service) ApproveWebhook(ctx context.Context, by Actor, which string) (w Webhook, err error) {
	now := s.now()
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		if w, err = webhookFor(ctx, tx, by, which, true); err != nil {
			return err
		}
		switch {
		case !strings.HasPrefix(by.ID, "person:"):
			return Forbidden()
		case w.MadeBy == by.ID:
			return fault.New(fault.Forbidden, "own-webhook", "Somebody else must approve this address: who asked for it may not.")
		case w.State != "waiting":
			return fault.New(fault.Conflict, "webhook-state", "This webhook was approved or switched off already.")
		}
		if err := by.Fresh(now); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE webhooks SET approved_by = @by, approved_at = @now WHERE id = @id`, pgx.StrictNamedArgs{"id": w.ID, "by": by.ID, "now": now}); err != nil {
			return err
		}
		if w, err = webhook(ctx, tx, w.ID); err != nil {
			return err
		}
		return Audit(ctx, tx, now, by, MarketID{}, Event{"webhook.approved", "webhook:" + w.ID.String(), []string{"provider:" + w.Provider}})
	})
	if f, ok := fault.As(err); ok && !w.ID.IsZero() && (f.Kind == fault.Forbidden || f.Kind == fault.Unauthenticated) {
		s.refusedIn(ctx, by, MarketID{}, Event{"webhook.approval_refused", "webhook:" + w.ID.String(), []string{f.Code}})
	}
	return w, actionContext("approve webhook", which, err)
}

// EndWebhook switches one off for good: one person is enough to stop. Twice is once. Faults: NotFound; Forbidden.
func (s *Service) EndWebhook(ctx context.Context, by Actor, which string) error {
	now := s.now()
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		w, err := webhookFor(ctx, tx, by, which, true)
		if err != nil || w.State == "off" {
			return err
		}
		return switchOff(ctx, tx, by, w.ID, w.Provider, now)
	})
	return actionContext("end webhook", which, err)
}

func switchOff(ctx context.Context, tx pgx.Tx, by Actor, which WebhookID, provider string, now time.Time) error {
	b := &pgx.Batch{}
	b.Queue(`UPDATE webhooks SET off_at = @now, off_by = @by, secret = '' WHERE id = @id`, pgx.StrictNamedArgs{"id": which, "now": now, "by": by.ID})
	b.Queue(`UPDATE webhook_deliveries SET next_at = NULL WHERE webhook_id = @id AND next_at IS NOT NULL`, pgx.StrictNamedArgs{"id": which})
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return err
	}
	return Audit(ctx, tx, now, by, MarketID{}, Event{"webhook.switched_off", "webhook:" + which.String(), []string{"provider:" + provider}})
}

const deliveryColumns = `
	SELECT d.id, d.replay, d.after::text AS after, d.upto::text AS until, CASE WHEN d.done_at IS NOT NULL THEN 'delivered' WHEN d.next_at IS NULL THEN 'given_up' ELSE 'waiting' END AS state,
	       d.tries, d.made_at, d.tried_at, d.next_at, d.status, d.error, d.took_ms, d.done_at
	FROM webhook_deliveries d`

// Deliveries is the log of a webhook, the newest first. Faults: Invalid limit-invalid; NotFound; Forbidden.
func (s *Service) Deliveries(ctx context.Context, by Actor, which string, list List) (Page[Delivery], error) {
	none := Page[Delivery]{Items: []Delivery{}}
	n, err := list.Size()
	if err != nil {
		return none, err
	}
	w, err := webhookFor(ctx, s.db, by, which, false)
	if err != nil {
		return none, err
	}
	var before DeliveryID
	if list.Cursor != "" {
		if before, err = id.Parse[Delivery](list.Cursor); err != nil {
			return none, fault.New(fault.Invalid, "query-invalid", "A value in the address cannot be read.").Because(err)
		}
	}
	all, err := postgres.All[Delivery](ctx, s.db, deliveryColumns+` WHERE d.webhook_id = @id AND (@before::uuid IS NULL OR d.id < @before) ORDER BY d.id DESC LIMIT @n`,
		pgx.StrictNamedArgs{"id": w.ID, "before": before, "n": n + 1})
	page := Page[Delivery]{Items: all}
	if len(all) > n {
		page.Items = all[:n]
		next := all[n-1].ID.String()
		page.Next = &next
	}
	return page, err
}

// Replay is a stretch of the feed that a webhook is to be told again: from behind a cursor, or from what was noticed at a time on; up to another
// cursor, empty: up to where it was told.
type Replay struct {
	After string    `json:"after"`
	Since time.Time `json:"since,omitzero"` // in the place of After
	Until string    `json:"until"`
}

// maxReplay is over how many numbers of the feed one call may go.
const maxReplay = 100_000

// ReplayWebhook has a stretch of the feed sent again, beside what goes on. What its vendors took back since is not in it.
//
// Faults: Invalid replay-invalid; NotFound; Forbidden; Conflict webhook-state while it is not active.
func (s *Service) ReplayWebhook(ctx context.Context, by Actor, which string, in Replay) ([]Delivery, error) {
	now := s.now()
	var all []Delivery
	err := pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		w, err := webhookFor(ctx, tx, by, which, true)
		if err != nil {
			return err
		}
		if w.State != "active" {
			return fault.New(fault.Conflict, "webhook-state", "This webhook is not active: nothing is sent to it.")
		}
		after, until, err := in.stretch(ctx, tx, w)
		if err != nil {
			return err
		}
		view, from := providerFeed(w.Provider), after
		for after < until {
			items, err := view.read(ctx, tx, after, until, perDelivery)
			if err != nil {
				return err
			}
			if len(items) == 0 {
				break
			}
			upto := items[len(items)-1].Number
			d, err := addDelivery(ctx, tx, w.ID, true, after, upto, now)
			if err != nil {
				return err
			}
			all, after = append(all, d), upto
		}
		return Audit(ctx, tx, now, by, MarketID{}, Event{"webhook.replayed", "webhook:" + w.ID.String(), []string{strconv.FormatInt(from, 10) + "-" + strconv.FormatInt(until, 10)}})
	})
	return all, actionContext("replay webhook", which, err)
}

// stretch is what is to be told again, as numbers of the feed: behind one, up to another.
func (r Replay) stretch(ctx context.Context, db postgres.Querier, w Webhook) (after, until int64, err error) {
	var bad []fault.Field
	told, err := cursorNumber(w.Cursor)
	if err != nil {
		return 0, 0, err
	}
	begins, ends := "after", "until"
	switch {
	case !r.Since.IsZero() && r.After != "":
		bad = append(bad, fault.At("since", "either", "A place or a time, not both."))
	case !r.Since.IsZero():
		begins = "since"
		if after, err = postgres.One[int64](ctx, db, `
			SELECT coalesce(min(n) - 1, @told) FROM stage_changes WHERE provider = @provider AND (shared OR was_shared) AND noticed_at >= @since`,
			pgx.StrictNamedArgs{"told": told, "provider": w.Provider, "since": r.Since}); err != nil {
			return 0, 0, err
		}
	case r.After == "":
		bad = append(bad, fault.At("after", "required", "Say from where: a time, or the number of a change."))
	default:
		if after, err = cursorNumber(r.After); err != nil {
			bad = append(bad, fault.At("after", "form", "Send back next_cursor as it came."))
		}
	}
	if until = told; r.Until == "" {
		ends = begins
	} else if until, err = cursorNumber(r.Until); err != nil {
		bad = append(bad, fault.At("until", "form", "Send back next_cursor as it came."))
	}
	switch {
	case len(bad) > 0:
	case begins == "since" && after >= told:
		bad = append(bad, fault.At("since", "nothing", "Nothing was told since then."))
	case after >= until || until > told || until-after > maxReplay:
		bad = append(bad, fault.At(ends, "range", "A stretch that was told already, of at most %d numbers.", maxReplay))
	}
	return after, until, fault.Check("replay-invalid", bad)
}

func addDelivery(ctx context.Context, db postgres.Querier, w WebhookID, replay bool, after, upto int64, now time.Time) (Delivery, error) {
	return postgres.One[Delivery](ctx, db, `
		WITH d AS (
			INSERT INTO webhook_deliveries (id, webhook_id, replay, after, upto, made_at, next_at) VALUES (@id, @webhook, @replay, @after, @upto, @now, @now) RETURNING *
		)`+strings.Replace(deliveryColumns, "webhook_deliveries d", "d", 1),
		pgx.StrictNamedArgs{"id": id.New[Delivery](), "webhook": w, "replay": replay, "after": after, "upto": upto, "now": now})
}

// providerFeed is the feed as a provider hears it.
func providerFeed(provider string) feedView {
	a := Actor{Grants: []Grant{{Role: Partner, Kind: OverProvider, Code: provider}}}
	return feedView{reach: a.Reach(FollowChanges), only: []string{provider}}
}

// Send posts a body to an address and says with which status it was taken. It looks after where it may go.
type Send func(ctx context.Context, url string, header map[string]string, body []byte) (status int, err error)

// The headers of a delivery: see docs/partners.md for what a receiver does with them.
const (
	SignatureHeader = "Cho40-Signature"
	DeliveryHeader  = "Cho40-Delivery"
)

// Sign is the signature of a delivery: the time in seconds since 1970 and HMAC-SHA-256 under the secret over time, a dot and the body.
func Sign(secret string, at time.Time, body []byte) string {
	t := strconv.FormatInt(at.Unix(), 10)
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(t + "."))
	h.Write(body)
	return "t=" + t + ",v1=" + hex.EncodeToString(h.Sum(nil))
}

// Deliver tells each active webhook what is new in its part of the feed, in order: the next stretch goes only when the one before
// was taken. What is not taken is tried again, later each time; an address that takes nothing for WebhookFailsFor is switched off.
func (s *Service) Deliver(ctx context.Context, send Send) error {
	hooks, err := postgres.All[listener](ctx, s.db, `SELECT w.id, w.provider, w.url FROM webhooks w WHERE w.approved_at IS NOT NULL AND w.off_at IS NULL ORDER BY w.id`, nil)
	if err != nil {
		return err
	}
	var all sync.WaitGroup
	failed := make([]error, len(hooks))
	places := make(chan struct{}, 8)
	for i, w := range hooks {
		all.Go(func() { // a slow address holds up no other
			places <- struct{}{}
			failed[i] = s.deliverTo(ctx, w, send)
			<-places
		})
	}
	all.Wait()
	for i, err := range failed {
		if err != nil {
			return fmt.Errorf("deliver to webhook %s: %w", hooks[i].ID, err)
		}
	}
	return nil
}

// listener is a webhook that is told.
type listener struct {
	ID            WebhookID
	Provider, URL string
}

type openDelivery struct {
	ID          DeliveryID
	Replay      bool
	After, Upto int64
	Tries       int
}

func (s *Service) deliverTo(ctx context.Context, w listener, send Send) error {
	view, begun := providerFeed(w.Provider), s.now()
	for range perRound {
		now := s.now()
		if now.Sub(begun) > roundTakes {
			return nil
		}
		if err := s.nextStretch(ctx, w.ID, view, now); err != nil {
			return err
		}
		due, err := postgres.All[openDelivery](ctx, s.db, `
			SELECT id, replay, after, upto, tries FROM webhook_deliveries WHERE webhook_id = @id AND next_at <= @now ORDER BY replay, after LIMIT 1`,
			pgx.StrictNamedArgs{"id": w.ID, "now": now})
		if err != nil || len(due) == 0 {
			return err
		}
		taken, err := s.try(ctx, w, view, due[0], send)
		if err != nil || !taken {
			return err
		}
	}
	return nil
}

// nextStretch makes a delivery of what a webhook was not told yet, unless one waits already.
func (s *Service) nextStretch(ctx context.Context, which WebhookID, view feedView, now time.Time) error {
	return pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		type place struct {
			Cursor, Upto int64
			Waits        bool
		}
		at, err := postgres.One[place](ctx, tx, `
			SELECT w.cursor, (SELECT coalesce(max(n), 0) FROM stage_changes) AS upto,
			       w.off_at IS NOT NULL OR EXISTS (SELECT 1 FROM webhook_deliveries d WHERE d.webhook_id = w.id AND d.next_at IS NOT NULL AND NOT d.replay) AS waits
			FROM webhooks w WHERE w.id = @id FOR UPDATE`, pgx.StrictNamedArgs{"id": which})
		if err != nil || at.Waits || at.Upto <= at.Cursor {
			return err
		}
		items, err := view.read(ctx, tx, at.Cursor, at.Upto, perDelivery)
		if err != nil {
			return err
		}
		if len(items) == 0 {
			_, err := tx.Exec(ctx, `UPDATE webhooks SET cursor = @upto WHERE id = @id`, pgx.StrictNamedArgs{"id": which, "upto": at.Upto})
			return err
		}
		_, err = addDelivery(ctx, tx, which, false, at.Cursor, items[len(items)-1].Number, now)
		return err
	})
}

// try sends a delivery once and keeps what came of it.
func (s *Service) try(ctx context.Context, w listener, view feedView, d openDelivery, send Send) (taken bool, err error) {
	items, err := view.read(ctx, s.db, d.After, d.Upto, perDelivery)
	if err != nil {
		return false, err
	}
	secret, err := postgres.One[string](ctx, s.db, `SELECT secret FROM webhooks WHERE id = @id`, pgx.StrictNamedArgs{"id": w.ID})
	if err != nil || secret == "" { // switched off meanwhile
		return false, err
	}
	status, said, took := 0, error(nil), (*int)(nil)
	if len(items) > 0 { // else what was in it was taken back, and there is nothing to tell
		body, err := json.Marshal(struct {
			Webhook  WebhookID  `json:"webhook"`
			Delivery DeliveryID `json:"delivery"`
			Replay   bool       `json:"replay"`
			Changes
		}{w.ID, d.ID, d.Replay, Changes{items, strconv.FormatInt(d.Upto, 10)}})
		if err != nil {
			return false, err
		}
		begun := s.now()
		status, said = send(ctx, w.URL, map[string]string{SignatureHeader: Sign(secret, begun, body), DeliveryHeader: d.ID.String()}, body)
		took = new(max(0, int(s.now().Sub(begun).Milliseconds()))) // a clock may be set back meanwhile
		if ctx.Err() != nil {                                      // the service stops: no try
			return false, ctx.Err()
		}
		if said == nil && (status < 200 || status > 299) {
			said = fmt.Errorf("answered %d", status)
		}
	}
	now := s.now()
	err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
		args := pgx.StrictNamedArgs{"id": d.ID, "webhook": w.ID, "now": now, "tries": d.Tries + 1, "status": (*int)(nil), "error": (*string)(nil), "next": (*time.Time)(nil), "took": took, "done": &now}
		if status > 0 {
			args["status"] = &status
		}
		if said != nil {
			text, next := fault.Clip(said.Error(), 200), now.Add(min(firstRetry<<min(d.Tries, 20), lastRetry))
			args["error"], args["next"], args["done"] = &text, &next, (*time.Time)(nil)
		}
		tag, err := tx.Exec(ctx, `UPDATE webhook_deliveries SET tries = @tries, tried_at = @now, status = @status, error = @error, took_ms = @took, next_at = @next, done_at = @done
			WHERE id = @id AND webhook_id = @webhook AND next_at IS NOT NULL`, args)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		if said == nil {
			_, err := tx.Exec(ctx, `UPDATE webhooks SET failing_since = NULL, cursor = CASE WHEN @replay THEN cursor ELSE @upto END WHERE id = @id`,
				pgx.StrictNamedArgs{"id": w.ID, "replay": d.Replay, "upto": d.Upto})
			return err
		}
		since, err := postgres.One[time.Time](ctx, tx, `UPDATE webhooks SET failing_since = coalesce(failing_since, @now) WHERE id = @id RETURNING failing_since`,
			pgx.StrictNamedArgs{"id": w.ID, "now": now})
		if err != nil || now.Sub(since) < WebhookFailsFor {
			return err
		}
		return switchOff(ctx, tx, system(""), w.ID, w.Provider, now)
	})
	return err == nil && said == nil, err
}
