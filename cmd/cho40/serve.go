package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
	"syscall"
	"time"

	"cho40/internal/fault"
	"cho40/internal/transport"
	registry "cho40/vendor_registry"
	"cho40/web"
)

type serveCmd struct {
	Listen  string `env:"CHO40_LISTEN" placeholder:"ADDR" help:"Address to listen on; default 127.0.0.1:8080, with HTTPS :8443, with --acme :443."`
	Demo    bool   `help:"Load a market of invented people once, and print sign-ins that are good until the next start."`
	KeyRate int    `env:"CHO40_KEY_RATE" default:"600" help:"Requests a minute for each API key."`

	tlsFlags   `group:"HTTPS"`
	PublicURL  string   `name:"public-url" env:"CHO40_PUBLIC_URL" placeholder:"URL" help:"Where people open the service, such as https://cho.example.vn; requests for other hosts are sent there."`
	TrustProxy []string `name:"trust-proxy" env:"CHO40_TRUST_PROXY" placeholder:"CIDR" help:"Proxies whose X-Forwarded-For and X-Forwarded-Proto count, such as 10.0.0.5 or 10.0.0.0/24."`
	Insecure   bool     `env:"CHO40_INSECURE" help:"Do not warn of plain HTTP that others on the network can read."`
}

// drainWithin is how long requests may still take when the service stops.
const drainWithin = 20 * time.Second

// Run answers `cho40 serve`.
func (s serveCmd) Run(ctx context.Context, c *config, out output) error {
	var public *url.URL
	var err error
	if s.PublicURL != "" {
		if public, err = web.ParsePublicURL(s.PublicURL); err != nil {
			return err
		}
	}
	proxies, err := web.ParseProxies(s.TrustProxy)
	if err != nil {
		return err
	}
	listener, err := listenOn(s.address()) // first: a port in use is said before anything is started
	if err != nil {
		return err
	}
	defer listener.Close()
	var extra net.Listener
	if at := s.http(); at != "" && s.on() {
		if extra, err = listenOn(at); err != nil {
			return err
		}
		defer extra.Close()
	}
	log := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{ReplaceAttr: utc}))
	source, err := s.source(c, log)
	if err != nil {
		return err
	}
	a, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	if s.Demo {
		if err := a.loadDemo(ctx); err != nil {
			return fmt.Errorf("demo: %w", err)
		}
	}
	settings := web.Config{DB: a.db, Now: time.Now, Log: log, KeyRate: s.KeyRate, Proxies: proxies, Public: public}
	if s.TLSLocal {
		settings.HTTPS = localHTTPS
	}
	service := web.Handler(settings)
	at := &url.URL{Scheme: "http", Host: listener.Addr().String()}
	running := &secured{}
	if source != nil {
		running = secure(source, listener, extra, public, service, log)
		_, at = running.of("")
	} else {
		server := transport.Server(service, log)
		running.servers = []*http.Server{server}
		running.begin = []func() error{func() error { return server.Serve(listener) }}
	}
	failed := make(chan error, len(running.begin))
	for _, begin := range running.begin {
		go func() { failed <- begin() }()
	}
	go keepProviders(ctx, a.registry.LoadProviders, log)
	go keepProposals(ctx, a.registry.Expire, log)
	checkpoints, err := c.checkpoints()
	if err != nil { // the service is of use without, but somebody must know
		log.Error("no checkpoints of the audit are kept", "error", err)
	} else {
		stopped := keepCheckpoints(ctx, func(ctx context.Context) error { _, err := a.registry.Checkpoint(ctx, checkpoints); return err }, log)
		defer func() { <-stopped }()
	}
	go running.obtain(ctx, log)
	if s.Demo {
		if err := a.printDemoSignIns(ctx, out, listener.Addr()); err != nil {
			return err
		}
	}
	if err := s.open(listener.Addr()); err != nil {
		complain(os.Stderr, err)
	}
	if err := running.say(out); err != nil {
		return err
	}
	if err := a.printSetUp(ctx, out, at.String()); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(out, "listening on %s\n", at); err != nil {
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
	var all sync.WaitGroup
	for _, server := range running.servers {
		all.Go(func() {
			if err := server.Shutdown(drain); err != nil {
				_ = server.Close() // what did not end in time is cut; its transaction rolls back
			}
		})
	}
	all.Wait()
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
