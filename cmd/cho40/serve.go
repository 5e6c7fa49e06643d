package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"cho40/internal/fault"
	registry "cho40/vendor_registry"
	"cho40/web"
)

type serveCmd struct {
	Listen  string `env:"CHO40_LISTEN" default:"127.0.0.1:8080" help:"Address to listen on."`
	Demo    bool   `help:"Load a market of invented people once, and print sign-ins that are good until the next start."`
	KeyRate int    `env:"CHO40_KEY_RATE" default:"600" help:"Requests a minute for each API key."`
}

// The server's own limits: a slow or silent client does not hold a connection.
const (
	readHeaderWithin = 5 * time.Second
	readWithin       = 60 * time.Second // a ledger over a weak line
	writeWithin      = 120 * time.Second
	idleWithin       = 90 * time.Second
	drainWithin      = 20 * time.Second
)

// Run answers `cho40 serve`.
func (s serveCmd) Run(ctx context.Context, c *config, out output) error {
	listener, err := net.Listen("tcp", s.Listen) // first: a port in use is said before anything is started
	if err != nil {
		return cannotListen(s.Listen, err)
	}
	defer listener.Close()
	a, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	log := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{ReplaceAttr: utc}))
	if s.Demo {
		if err := a.loadDemo(ctx); err != nil {
			return fmt.Errorf("demo: %w", err)
		}
	}
	server := &http.Server{
		Handler:           web.Handler(web.Config{DB: a.db, Now: time.Now, Log: log, KeyRate: s.KeyRate}),
		ReadHeaderTimeout: readHeaderWithin, ReadTimeout: readWithin, WriteTimeout: writeWithin, IdleTimeout: idleWithin,
		MaxHeaderBytes: 64 << 10,
		ErrorLog:       slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	go keepProviders(ctx, a.registry.LoadProviders, log)
	go keepProposals(ctx, a.registry.Expire, log)
	checkpoints, err := c.checkpoints()
	if err != nil { // the service is of use without, but somebody must know
		log.Error("no checkpoints of the audit are kept", "error", err)
	} else {
		stopped := keepCheckpoints(ctx, func(ctx context.Context) error { _, err := a.registry.Checkpoint(ctx, checkpoints); return err }, log)
		defer func() { <-stopped }()
	}
	if s.Demo {
		if err := a.printDemoSignIns(ctx, out, listener.Addr()); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintf(out, "listening on http://%s\n", listener.Addr()); err != nil {
		return err
	}
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	log.Info("stopping")
	drain, cancel := context.WithTimeout(context.Background(), drainWithin)
	defer cancel()
	if err := server.Shutdown(drain); err != nil {
		_ = server.Close() // what did not end in time is cut; its transaction rolls back
	}
	return nil
}

// providersEvery is how soon a service knows of a list of banks and wallets that somebody updated elsewhere.
const providersEvery = 30 * time.Second

// keepProviders keeps the list of banks and wallets up to date until the service stops.
func keepProviders(ctx context.Context, load func(context.Context) error, log *slog.Logger) {
	every := time.NewTicker(providersEvery)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
			if err := load(ctx); err != nil && ctx.Err() == nil {
				log.Warn("providers not loaded", "error", err)
			}
		}
	}
}

// keepCheckpoints writes the audit's heads to their file now and then until the service stops, and once more when it does.
func keepCheckpoints(ctx context.Context, write func(context.Context) error, log *slog.Logger) (stopped <-chan struct{}) {
	done := make(chan struct{})
	keep := func(ctx context.Context) {
		if err := write(ctx); err != nil {
			log.Error("checkpoint of the audit not written", "error", err)
		}
	}
	go func() {
		defer close(done)
		every := time.NewTicker(registry.CheckpointEvery)
		defer every.Stop()
		for {
			select {
			case <-ctx.Done():
				last, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainWithin)
				defer cancel()
				keep(last)
				return
			case <-every.C:
				keep(ctx)
			}
		}
	}()
	return done
}

// proposalsEvery is how soon after its 14 days a proposal is ended on paper too; it counts for nothing from the moment itself.
const proposalsEvery = 10 * time.Minute

// keepProposals ends the proposals whose time is over, now and from time to time until the service stops.
func keepProposals(ctx context.Context, expire func(context.Context) (int, error), log *slog.Logger) {
	every := time.NewTicker(proposalsEvery)
	defer every.Stop()
	for {
		n, err := expire(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			log.Warn("proposals not ended", "error", err)
		case n > 0:
			log.Info("proposals ended", "count", n)
		}
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
	}
}

func cannotListen(addr string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fault.New(fault.Conflict, "port-in-use", "The address %s is in use. Stop the other program, or choose another with --listen 127.0.0.1:8081.", addr).Because(err)
	}
	return fault.New(fault.Invalid, "cannot-listen", "The service cannot listen on %s. Give an address such as 127.0.0.1:8080.", addr).Because(err)
}

// utc writes log times in UTC.
func utc(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		a.Value = slog.TimeValue(a.Value.Time().UTC())
	}
	return a
}
