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
	"cho40/internal/outbound"
	"cho40/internal/postgres"
	"cho40/internal/transport"
	registry "cho40/vendor_registry"
	"cho40/web"
)

type serveCmd struct {
	Listen  string `env:"CHO40_LISTEN" placeholder:"ADDR" help:"Address to listen on; default 127.0.0.1:8080, with HTTPS :8443, with --acme :443."`
	Demo    bool   `help:"Load a market of invented people once, and print sign-ins that are good until the next start."`
	KeyRate int    `env:"CHO40_KEY_RATE" default:"600" help:"Requests a minute for each API key."`

	BackupTo   string `name:"backup-to" env:"CHO40_BACKUP_TO" type:"path" placeholder:"FOLDER" help:"Take a copy each day into this folder, which is best on another machine's disk."`
	BackupKeep int    `name:"backup-keep" env:"CHO40_BACKUP_KEEP" default:"14" help:"How many of these copies stay."`
	backupFlags
	Metrics string `env:"CHO40_METRICS" placeholder:"ADDR" help:"A private address for Prometheus (/metrics) and profiles (/debug/pprof/), such as 127.0.0.1:9090."`

	tlsFlags   `group:"HTTPS"`
	PublicURL  string   `name:"public-url" env:"CHO40_PUBLIC_URL" placeholder:"URL" help:"Where people open the service, such as https://cho.example.vn; requests for other hosts are sent there."`
	TrustProxy []string `name:"trust-proxy" env:"CHO40_TRUST_PROXY" placeholder:"CIDR" help:"Proxies whose X-Forwarded-For and X-Forwarded-Proto count, such as 10.0.0.5 or 10.0.0.0/24."`
	Loopback   bool     `name:"webhook-loopback" env:"CHO40_WEBHOOK_LOOPBACK" help:"Let webhooks lead to this machine, over http too: for trying out."`
	Insecure   bool     `env:"CHO40_INSECURE" help:"Do not warn of plain HTTP that others on the network can read."`
}

// drainWithin is how long requests may still take when the service stops.
const drainWithin = 20 * time.Second

// Run answers `cho40 serve`.
func (s serveCmd) Run(ctx context.Context, c *config, out output) error {
	collect(serveCollectAt, serveHolds)
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
	copies, err := s.copies()
	if err != nil {
		return err
	}
	var private net.Listener
	if s.Metrics != "" {
		if private, err = listenOn(s.Metrics); err != nil {
			return err
		}
		defer private.Close()
	}
	log := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{ReplaceAttr: utc}))
	slog.SetDefault(log) // what packages say by themselves is a line like any other
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
	checkpoints, noCheckpoints := a.checkpoints()
	settings := web.Config{DB: a.db, Now: time.Now, Log: log, KeyRate: s.KeyRate, Rates: web.NewRates(time.Now), Proxies: proxies, Public: public, Checkpoints: checkpoints, Loopback: s.Loopback}
	if c.ReplicaURL != "" {
		if settings.Replica, err = postgres.OpenReplica(ctx, c.ReplicaURL, a.db); err != nil {
			return err
		}
		defer settings.Replica.Close()
	}
	erased, err := a.erasures()
	if err != nil { // as with the checkpoints below
		log.Error("no list of who was erased is kept", "error", err)
	} else {
		settings.Erased = func(ctx context.Context) error { _, err := a.registry.KeepErasures(ctx, erased); return err }
		if err := settings.Erased(ctx); err != nil {
			log.Error("list of who was erased not written", "error", err)
		}
	}
	if s.TLSLocal {
		settings.HTTPS = localHTTPS
	}
	if private != nil {
		metrics := newMetrics(a)
		settings.Metrics = metrics
		go func() {
			if err := transport.Server(inspect(metrics), log).Serve(private); !errors.Is(err, net.ErrClosed) {
				log.Error("metrics are not answered any more", "error", err)
			}
		}()
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
	go repeat(ctx, providersEvery, "providers not loaded", a.registry.LoadProviders, log)
	go repeat(ctx, web.ShareEvery, "rates of requests not shared", func(ctx context.Context) error { return settings.Rates.Share(ctx, a.db) }, log)
	jobs := []job{{"proposals", proposalsEvery, func(ctx context.Context) error { _, err := a.registry.Expire(ctx); return err }}}
	jobs = append(jobs, job{"retention", registry.RetainEvery, func(ctx context.Context) error { _, err := a.retain(ctx); return err }})
	jobs = append(jobs, job{"counts", countsEvery, func(ctx context.Context) error { _, err := a.registry.KeepCounts(ctx); return err }})
	jobs = append(jobs, job{"changes", leaderEvery, a.follow}, job{"webhooks", leaderEvery, func(ctx context.Context) error {
		return a.registry.Deliver(ctx, outbound.NewPoster(s.Loopback, nil).Post)
	}})
	if copies != nil {
		jobs = append(jobs, job{"backup", copiesEvery, func(ctx context.Context) error { return copies.take(ctx, a) }})
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		leader{a.direct, a.db, jobs, log, time.Now}.lead(ctx)
	}()
	defer func() { <-ended }()
	if noCheckpoints != nil { // the service is of use without, but somebody must know
		log.Error("no checkpoints of the audit are kept", "error", noCheckpoints)
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
	if private != nil {
		if _, err := fmt.Fprintf(out, "metrics on http://%s/metrics\n", private.Addr()); err != nil {
			return err
		}
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

// repeat does something every so often until the service stops, and logs where it could not.
func repeat(ctx context.Context, often time.Duration, failed string, do func(context.Context) error, log *slog.Logger) {
	every := time.NewTicker(often)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
			if err := do(ctx); err != nil && ctx.Err() == nil {
				log.Warn(failed, "error", err)
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

// countsEvery is how soon the days of markets become part of those of their provinces; figures are exact before it too.
const countsEvery = time.Minute

func cannotListen(addr string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fault.New(fault.Conflict, "port-in-use", "The address %s is in use. Stop the other program, or choose another with --listen 127.0.0.1:8081.", addr).Because(err)
	}
	return fault.New(fault.Invalid, "cannot-listen", "The service cannot listen on %s. Give an address such as 127.0.0.1:8080.", addr).Because(err)
}

// utc writes log times in UTC, and errors without the values that the database repeats.
func utc(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		a.Value = slog.TimeValue(a.Value.Time().UTC())
	}
	if err, is := a.Value.Any().(error); is {
		a.Value = slog.StringValue(postgres.Loggable(err))
	}
	return a
}
