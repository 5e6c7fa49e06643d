package main

import (
	"context"
	"strconv"

	registry "cho40/vendor_registry"
)

type webhookCmd struct {
	List webhookListCmd `cmd:"" help:"Addresses to which providers' part of the feed is sent."`
	Log  webhookLogCmd  `cmd:"" help:"What was sent to one, and what came back."`
	Off  webhookOffCmd  `cmd:"" help:"Switch one off for good."`
}

// follow brings the feed up to what is committed.
func (a *app) follow(ctx context.Context) error {
	for {
		if more, err := a.registry.Follow(ctx); err != nil || !more {
			return err
		}
	}
}

type webhookListCmd struct{}

// Run answers `cho40 webhook list`.
func (webhookListCmd) Run(ctx context.Context, c *config, out output) error {
	a, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	all, err := a.registry.Webhooks(ctx, registry.Console())
	if err != nil {
		return err
	}
	rows := make([][]string, len(all))
	for i, w := range all {
		failing := ""
		if w.FailingSince != nil {
			failing = w.FailingSince.Format("2006-01-02 15:04Z")
		}
		rows[i] = []string{w.ID.String(), w.Provider, w.State, w.URL, w.Cursor, known(w.Behind), known(w.Status), failing}
	}
	return c.list(out, map[string]any{"items": all}, []string{"id", "provider", "state", "url", "cursor", "behind", "status", "failing since"}, rows)
}

type webhookLogCmd struct {
	ID    string `arg:"" help:"Of the webhook."`
	Limit int    `default:"50" help:"How many, at most 200; the newest first."`
}

// Run answers `cho40 webhook log`.
func (q webhookLogCmd) Run(ctx context.Context, c *config, out output) error {
	a, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	page, err := a.registry.Deliveries(ctx, registry.Console(), q.ID, registry.List{Limit: q.Limit})
	if err != nil {
		return err
	}
	rows := make([][]string, len(page.Items))
	for i, d := range page.Items {
		said := ""
		if d.Error != nil {
			said = *d.Error
		}
		rows[i] = []string{d.ID.String(), d.State, d.After + "-" + d.Until, strconv.Itoa(d.Tries), known(d.Status), said, known(d.TookMS), d.MadeAt.Format("2006-01-02 15:04Z")}
	}
	return c.list(out, page, []string{"id", "state", "changes", "tries", "status", "error", "took ms", "made"}, rows)
}

type webhookOffCmd struct {
	ID string `arg:"" help:"Of the webhook."`
}

// Run answers `cho40 webhook off`.
func (q webhookOffCmd) Run(ctx context.Context, c *config) error {
	a, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	return a.registry.EndWebhook(ctx, registry.Console(), q.ID)
}
