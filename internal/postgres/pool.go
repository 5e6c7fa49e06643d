package postgres

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/url"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"cho40/internal/fault"
)

// The limits of a session. A statement that needs longer, a report say, sets its own with SET LOCAL.
const (
	StatementTimeout = 10 * time.Second
	LockTimeout      = 3 * time.Second
	IdleTimeout      = 30 * time.Second // inside a transaction

	// AcquireTimeout is how long a request waits for a connection while all are taken; then it is answered 503.
	AcquireTimeout = 5 * time.Second

	connectTimeout = 5 * time.Second

	// More clients are no faster: on two cores 8 made 5,043 registrations a second, 64 made 4,176 at ten times the latency.
	connsPerCore = 4
	// Most servers allow 100 connections, ours maxConnections, and commands run beside the service.
	mostConns = 40
)

// Open makes a pool on the server at url and tries it. Beside what pgx reads in a url, pgbouncer=true says that there is
// a PgBouncer in transaction mode in between, and so does default_query_exec_mode=cache_describe; pool_max_conns overrides 4 connections a core.
//
// Behind PgBouncer the limits cannot travel with the connection, they belong to the role (ALTER ROLE … SET
// statement_timeout = '10s'); Open warns in the log when they are not set.
//
// Faults: Invalid database-url; Busy database-unreachable; Conflict database-encoding.
func Open(ctx context.Context, url string) (*pgxpool.Pool, error) {
	pool, proxied, err := newPool(ctx, url)
	if err != nil {
		return nil, err
	}
	err = pool.AcquireFunc(ctx, func(c *pgxpool.Conn) error { return check(ctx, c.Conn(), proxied) })
	if err != nil {
		pool.Close()
		return nil, unreachable(pool.Config().ConnConfig, err)
	}
	return pool, nil
}

// newPool is a pool that was not tried yet, and whether PgBouncer is in between.
func newPool(ctx context.Context, url string) (pool *pgxpool.Pool, proxied bool, err error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, false, badURL(err)
	}
	if proxied, err = session(cfg.ConnConfig); err != nil {
		return nil, false, err
	}
	if !strings.Contains(url, "pool_max_conns") {
		cfg.MaxConns = min(int32(connsPerCore*runtime.GOMAXPROCS(0)), mostConns)
	}
	cfg.PingTimeout = connectTimeout
	cfg.ConnConfig.Tracer = boundedWait{}
	if pool, err = pgxpool.NewWithConfig(ctx, cfg); err != nil {
		return nil, false, badURL(err)
	}
	return pool, proxied, nil
}

// Connect opens one session outside any pool, for what needs the same session from beginning to end: migrations, LISTEN,
// backups. It has a lock_timeout, but a statement may take as long as it takes. The url must not lead to PgBouncer.
//
// Faults: as Open.
func Connect(ctx context.Context, url string) (*pgx.Conn, error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, badURL(err)
	}
	proxied, err := session(cfg)
	if err != nil {
		return nil, err
	}
	if proxied {
		return nil, fault.New(fault.Invalid, "database-url", "This needs the database itself: set DATABASE_DIRECT_URL to its address, not PgBouncer's.")
	}
	cfg.RuntimeParams["statement_timeout"] = "0"
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, unreachable(cfg, err)
	}
	if err := check(ctx, conn, false); err != nil {
		conn.Close(ctx)
		return nil, unreachable(cfg, err)
	}
	return conn, nil
}

// session sets what every session of ours has, and reports whether PgBouncer is in between.
func session(cfg *pgx.ConnConfig) (proxied bool, err error) {
	switch v := cfg.RuntimeParams["pgbouncer"]; v {
	case "", "false":
	case "true":
		proxied = true
	default:
		return false, fault.New(fault.Invalid, "database-url", "In the database's address, pgbouncer is true or false, not %s.", v)
	}
	delete(cfg.RuntimeParams, "pgbouncer")
	proxied = proxied || cfg.DefaultQueryExecMode == pgx.QueryExecModeCacheDescribe // which nobody asks for otherwise
	if cfg.DefaultQueryExecMode == pgx.QueryExecModeSimpleProtocol {
		return false, fault.New(fault.Invalid, "database-url", "The simple protocol is not safe here: take default_query_exec_mode out of the database's address.")
	}
	if cfg.ConnectTimeout == 0 { // pgx would wait as long as the network lets it
		cfg.ConnectTimeout = connectTimeout
		cfg.DialFunc = (&net.Dialer{Timeout: connectTimeout, KeepAlive: time.Minute}).DialContext
	}
	params := map[string]string{"timezone": "UTC", "application_name": "cho40"}
	if proxied { // it refuses to start a session with the others
		cfg.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	} else {
		params["statement_timeout"] = StatementTimeout.String()
		params["lock_timeout"] = LockTimeout.String()
		params["idle_in_transaction_session_timeout"] = IdleTimeout.String()
		params["jit"] = "off"                           // for a province's figures of a past day, compiling them took 50 to 110 ms and reading them less
		params["max_parallel_workers_per_gather"] = "0" // for the country's reasons, starting two took 30 ms, to read no row
	}
	for k, v := range params {
		if _, set := cfg.RuntimeParams[k]; !set || k == "timezone" {
			cfg.RuntimeParams[k] = v
		}
	}
	return proxied, nil
}

// check tries a new session.
func check(ctx context.Context, conn *pgx.Conn, proxied bool) error {
	if err := conn.Ping(ctx); err != nil {
		return err
	}
	if enc := conn.PgConn().ParameterStatus("server_encoding"); enc != "UTF8" && enc != "" {
		return fault.New(fault.Conflict, "database-encoding", "The database stores text as %s, which cannot hold Vietnamese. Create it again with ENCODING 'UTF8'.", enc)
	}
	if !proxied {
		return nil
	}
	unset, err := All[string](ctx, conn, `
		SELECT name FROM pg_settings
		WHERE name IN ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout') AND setting = '0'`, nil)
	if err == nil && len(unset) > 0 {
		slog.WarnContext(ctx, "no limits behind PgBouncer: give them to the role with ALTER ROLE … SET", "unset", unset)
	}
	return err
}

// RoleOf is the role that the address of a database names. Faults: Invalid database-url.
func RoleOf(address string) (string, error) {
	cfg, err := pgx.ParseConfig(address)
	if err != nil {
		return "", badURL(err)
	}
	return cfg.User, nil
}

// As is the address of the embedded server's database for another role.
func As(address, role string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address // what it leads to will say so
	}
	q := u.Query()
	q.Set("user", role)
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20") // a plus is a plus to pgx
	return u.String()
}

func badURL(err error) error {
	return fault.New(fault.Invalid, "database-url", "The database's address cannot be read. It looks like postgres://user:password@host:5432/name.").Because(err)
}

func unreachable(cfg *pgx.ConnConfig, err error) error {
	if _, ok := fault.As(err); ok {
		return err
	}
	return fault.New(fault.Busy, "database-unreachable", "The database %s on %s cannot be reached. Is it running, and is the address right?",
		cfg.Database, cfg.Host).Because(err).After(time.Second)
}

// boundedWait is a pool's tracer for the sake of one thing: the context it returns bounds Acquire, and only Acquire.
type boundedWait struct{}

type cancelAcquire struct{}

func (boundedWait) TraceAcquireStart(ctx context.Context, _ *pgxpool.Pool, _ pgxpool.TraceAcquireStartData) context.Context {
	ctx, cancel := context.WithTimeout(ctx, AcquireTimeout)
	return context.WithValue(ctx, cancelAcquire{}, cancel)
}

func (boundedWait) TraceAcquireEnd(ctx context.Context, _ *pgxpool.Pool, _ pgxpool.TraceAcquireEndData) {
	ctx.Value(cancelAcquire{}).(context.CancelFunc)()
}

func (boundedWait) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}
func (boundedWait) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// Unavailable reports that the database could not do its work now, so that the caller answers 503: it is gone, starting or
// stopping, read-only after a switch-over, out of disk, memory or connections, the pool stayed full, or a lock or a
// statement took longer than the limits allow. What was being written may or may not have been committed.
func Unavailable(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch pg.Code {
		case "57P01", "57P02", "57P03", "57P05", // shut down, crashed, starting, idle too long
			"25006",          // read-only
			"58000", "58030", // input or output failed
			"55P03", "57014", "25P03", "25P04": // lock, statement, idle transaction, transaction timeout
			return true
		}
		return strings.HasPrefix(pg.Code, "08") || strings.HasPrefix(pg.Code, "53")
	}
	if errors.Is(err, context.Canceled) { // the caller left; that says nothing about the database
		return false
	}
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connect) || errors.As(err, &network) || pgconn.SafeToRetry(err) ||
		fault.CodeOf(err) == "database-unreachable" ||
		errors.Is(err, pgconn.ErrConnClosed) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET)
}
