package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"cho40/internal/auth"
	"cho40/internal/bench/nation"
	"cho40/internal/id"
	"cho40/qrgen"
	registry "cho40/vendor_registry"
	"cho40/web"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
)

// clients register at once, each in a market of its own, since one market takes one registration after the other.
const clients = 8

// registering measures POST …/stalls over HTTP against the service in this process, beside pgx alone that runs the very same statements
// of the same registration in one transaction on the same server.
func (c *country) registering() (group, error) {
	one := registry.NewStall{Section: "Rau củ", Goods: "rau", Vendor: &registry.NewVendor{Name: "Lý Minh Tâm", Phone: "0712345678"},
		Consent: &registry.NewConsent{Version: "vi-1", Given: "face_to_face"}}
	whole := one
	whole.Accounts = []registry.NewAccount{{Provider: "viettel_money", Number: "0712345678", Holder: "LY MINH TAM"}}
	rows := []row{}
	for _, kind := range []struct {
		name string
		in   registry.NewStall
	}{{"a stall, its vendor and consent", one}, {"the same with an account", whole}} {
		rows = append(rows,
			row{name: kind.name + ", pgx alone", note: "the statements of the transaction, no HTTP, nothing checked, no symbol made", round: c.replayed(kind.in, clients, 200, true)},
			row{name: kind.name + ", POST …/stalls", note: "signed with a key, answered with the stall as it is then", round: c.posted(kind.in)})
	}
	return group{name: "registration", asked: true, title: fmt.Sprintf("Registering a stall, %d clients at once, each commit synced to disk", clients), rows: rows}, nil
}

// markets are as many as there are n clients.
func (c *country) markets(ctx context.Context, n int) ([]string, error) {
	codes := make([]string, n)
	for i := range codes {
		codes[i] = fmt.Sprintf("BENCH%d", i)
		_, err := c.reg.AddMarket(ctx, registry.Console(), registry.NewMarket{Code: codes[i], Name: "Chợ thử"})
		if err != nil && !strings.Contains(err.Error(), "market-exists") {
			return nil, err
		}
	}
	return codes, nil
}

// stallNo makes codes that no earlier run used.
var stallNo atomic.Int64

func init() { stallNo.Store(time.Now().UnixMilli()) }

// nextStall is another stall, of another person with another account: called as people are, since whoever has a name like another's is looked at.
func nextStall(in registry.NewStall) registry.NewStall {
	no := stallNo.Add(1)
	in.Code, in.Section = fmt.Sprintf("C%d", no), nation.Sections[no%int64(len(nation.Sections))]
	v := *in.Vendor
	v.Name = nation.Name(rand.New(rand.NewPCG(uint64(no), 0)))
	v.Phone = fmt.Sprintf("07%08d", no%100_000_000)
	in.Vendor = &v
	if len(in.Accounts) > 0 {
		a := in.Accounts[0]
		a.Number, a.Holder = v.Phone, qrgen.Holder(v.Name)
		in.Accounts = []registry.NewAccount{a}
	}
	return in
}

// posted is the service's side.
func (c *country) posted(in registry.NewStall) func(time.Duration) (sample, error) {
	var measure func(time.Duration) (sample, error)
	start := func() error {
		ctx := context.Background()
		if err := c.there(); err != nil {
			return err
		}
		codes, err := c.markets(ctx, clients)
		if err != nil {
			return err
		}
		key, _, err := auth.New(c.db, time.Now).AddKey(ctx, registry.Console(), "bench", grants(codes), time.Hour)
		if err != nil {
			return err
		}
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		go http.Serve(listener, web.Handler(web.Config{DB: c.db, Now: time.Now, Log: slog.New(slog.NewJSONHandler(io.Discard, nil)), KeyRate: 1 << 30}))
		conns := make([]*wire, clients)
		for i := range conns {
			if conns[i], err = dial(listener.Addr().String(), "/api/v1/markets/"+codes[i]+"/stalls", key); err != nil {
				return err
			}
		}
		measure = timed(clients, 200, func(g, _ int) error {
			return conns[g].post(nextStall(in))
		})
		_, err = measure(0) // warm
		return err
	}
	return func(least time.Duration) (sample, error) {
		if measure == nil {
			if err := start(); err != nil {
				return sample{}, err
			}
		}
		return measure(least)
	}
}

func grants(codes []string) []registry.Grant {
	gs := make([]registry.Grant, len(codes))
	for i, code := range codes {
		gs[i] = registry.Grant{Role: registry.Clerk, Kind: registry.OverMarket, Code: code}
	}
	return gs
}

// statement is one that was sent, with its values.
type statement struct {
	sql  string
	args []any
}

// recorder keeps the statements of one registration as the registry sends them: what goes together in one round trip is together.
type recorder struct {
	mu    sync.Mutex
	trips [][]statement
	batch bool
}

func (r *recorder) add(s statement, together bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if together && r.batch {
		r.trips[len(r.trips)-1] = append(r.trips[len(r.trips)-1], s)
	} else {
		r.trips = append(r.trips, []statement{s})
	}
	r.batch = together
}

func (r *recorder) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	r.add(statement{d.SQL, d.Args}, false)
	return ctx
}
func (r *recorder) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
func (r *recorder) TraceBatchStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceBatchStartData) context.Context {
	r.mu.Lock()
	r.batch = false
	r.mu.Unlock()
	for _, q := range d.Batch.QueuedQueries {
		r.add(statement{q.SQL, q.Arguments}, true)
	}
	r.batch = false
	return ctx
}
func (r *recorder) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}
func (r *recorder) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)     {}

// recorded are the statements between begin and commit of one registration.
func (c *country) recorded(ctx context.Context, in registry.NewStall, market string) ([][]statement, error) {
	cfg, err := pgxpool.ParseConfig(c.server.URL())
	if err != nil {
		return nil, err
	}
	r := &recorder{}
	cfg.ConnConfig.Tracer = r
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	if _, err := registry.New(pool, time.Now).Register(ctx, registry.Console(), market, in); err != nil {
		return nil, err
	}
	from, to := -1, -1
	for i, trip := range r.trips {
		switch strings.ToLower(trip[0].sql) {
		case "begin":
			from = i + 1
		case "commit":
			to = i
		}
	}
	if from < 0 || to < from {
		return nil, errors.New("the registration is not one transaction")
	}
	return r.trips[from:to], nil
}

// replayed is pgx's side: the recorded statements with identifiers, code and chain numbers made new.
// Without counted, what only the counters need is left out.
func (c *country) replayed(in registry.NewStall, clients, fewest int, counted bool) func(time.Duration) (sample, error) {
	var measure func(time.Duration) (sample, error)
	start := func() error {
		ctx := context.Background()
		if err := c.there(); err != nil {
			return err
		}
		codes, err := c.markets(ctx, clients)
		if err != nil {
			return err
		}
		trips := make([][][]statement, clients)
		conns := make([]*pgx.Conn, clients)
		olds := make([]registry.NewStall, clients)
		for i := range conns {
			in := nextStall(in)
			olds[i] = in
			if trips[i], err = c.recorded(ctx, in, codes[i]); err != nil {
				return err
			}
			if !counted {
				trips[i] = uncounted(trips[i])
			}
			if conns[i], err = c.connection(ctx, i); err != nil {
				return err
			}
		}
		measure = timed(clients, fewest, func(g, _ int) error {
			return replay(ctx, conns[g], trips[g], olds[g], nextStall(in))
		})
		_, err = measure(0) // warm
		return err
	}
	return func(least time.Duration) (sample, error) {
		if measure == nil {
			if err := start(); err != nil {
				return sample{}, err
			}
		}
		return measure(least)
	}
}

// connection is one of some that rows have in common: they take turns, and a server has not enough for each to have its own.
func (c *country) connection(ctx context.Context, i int) (*pgx.Conn, error) {
	for len(c.conns) <= i {
		conn, err := pgx.Connect(ctx, c.server.URL())
		if err != nil {
			return nil, err
		}
		c.conns = append(c.conns, conn)
	}
	return c.conns[i], nil
}

// uncounted leaves out the statements on tables of counters.
func uncounted(trips [][]statement) (left [][]statement) {
	for _, trip := range trips {
		trip = slices.DeleteFunc(slices.Clone(trip), func(s statement) bool {
			return slices.ContainsFunc(countedTables, func(t string) bool { return strings.Contains(s.sql, "INSERT INTO "+t) })
		})
		if len(trip) > 0 {
			left = append(left, trip)
		}
	}
	return left
}

func replay(ctx context.Context, conn *pgx.Conn, trips [][]statement, was, now registry.NewStall) error {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(ctx)
	fresh := renewal{code: strings.NewReplacer(was.Code, now.Code, strings.ToLower(was.Code), strings.ToLower(now.Code), was.Vendor.Phone, now.Vendor.Phone,
		was.Vendor.Name, now.Vendor.Name, qrgen.Search(was.Vendor.Name), qrgen.Search(now.Vendor.Name), qrgen.Holder(was.Vendor.Name), qrgen.Holder(now.Vendor.Name)), ids: map[[16]byte]pgtype.UUID{}}
	for n, trip := range trips {
		if len(trip) == 1 { // one whose answer is read: the market, the head of the chain
			rows, err := tx.Query(ctx, trip[0].sql, fresh.args(trip[0].args, n == 0)...)
			if err != nil {
				return err
			}
			for rows.Next() {
				if values, err := rows.Values(); err == nil && strings.Contains(trip[0].sql, "audit_heads") {
					fresh.seq, _ = values[0].(int64)
				} else if n == 0 && err == nil {
					fresh.market, _ = values[0].([16]byte)
				}
			}
			if err := rows.Err(); err != nil {
				return err
			}
			continue
		}
		events := int64(0)
		for _, s := range trip {
			if strings.Contains(s.sql, "INSERT INTO audit_events") {
				events++
			}
		}
		fresh.seq -= events
		b := &pgx.Batch{}
		for _, s := range trip {
			if strings.Contains(s.sql, "INSERT INTO audit_events") {
				fresh.seq++
			}
			q := b.Queue(s.sql, fresh.args(s.args, false)...)
			if strings.Contains(s.sql, "INSERT INTO audit_heads") { // asked beside what is to be sealed
				q.QueryRow(func(row pgx.Row) error { return row.Scan(&fresh.seq, nil) })
			}
		}
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return err
		}
	}
	return tx.Commit(ctx)
}

// renewal makes of a registration's values those of another one.
type renewal struct {
	code   *strings.Replacer
	ids    map[[16]byte]pgtype.UUID
	market [16]byte
	seq    int64 // of the chain's event that is written next
}

func (r *renewal) args(args []any, same bool) []any {
	if same {
		return args
	}
	out := make([]any, len(args))
	for i, a := range args {
		if named, ok := a.(pgx.StrictNamedArgs); ok {
			fresh := make(pgx.StrictNamedArgs, len(named))
			for k, v := range named {
				fresh[k] = r.value(v)
			}
			out[i] = fresh
			continue
		}
		out[i] = r.value(a)
	}
	return out
}

func (r *renewal) value(v any) any {
	switch v := v.(type) {
	case string:
		if kind, old, ok := strings.Cut(v, ":"); ok {
			if u, err := id.Parse[renewal](old); err == nil {
				value, _ := u.UUIDValue()
				return kind + ":" + r.id(value).String()
			}
		}
		return r.code.Replace(v)
	case []registry.VendorID:
		fresh := make([]pgtype.UUID, len(v))
		for i, old := range v {
			value, _ := old.UUIDValue()
			fresh[i] = r.id(value)
		}
		return fresh
	case int64:
		return r.seq
	case pgtype.UUIDValuer:
		if rv := reflect.ValueOf(v); rv.Kind() == reflect.Pointer && rv.IsNil() {
			return v
		}
		value, err := v.UUIDValue()
		if err != nil || !value.Valid {
			return v
		}
		return r.id(value)
	}
	return v
}

func (r *renewal) id(old pgtype.UUID) pgtype.UUID {
	if old.Bytes == r.market {
		return old
	}
	fresh, ok := r.ids[old.Bytes]
	if !ok {
		fresh, _ = id.New[renewal]().UUIDValue()
		r.ids[old.Bytes] = fresh
	}
	return fresh
}

// wire is a client that costs little: the request is written as bytes, and of the answer only status and length are looked at, since
// the clients share the processor with what is measured.
type wire struct {
	conn net.Conn
	head string
	in   []byte
	out  bytes.Buffer
}

func dial(addr, path, key string) (*wire, error) {
	conn, err := net.Dial("tcp", addr)
	return &wire{conn: conn, in: make([]byte, 64<<10),
		head: "POST " + path + " HTTP/1.1\r\nHost: " + addr + "\r\nContent-Type: application/json\r\nAuthorization: Bearer " + key + "\r\nContent-Length: "}, err
}

func (w *wire) post(v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.out.Reset()
	fmt.Fprintf(&w.out, "%s%d\r\n\r\n%s", w.head, len(body), body)
	if _, err := w.conn.Write(w.out.Bytes()); err != nil {
		return err
	}
	for n := 0; ; {
		got, err := w.conn.Read(w.in[n:])
		if err != nil {
			return err
		}
		n += got
		head, rest, whole := bytes.Cut(w.in[:n], []byte("\r\n\r\n"))
		if !whole {
			continue
		}
		if !bytes.HasPrefix(head, []byte("HTTP/1.1 201")) {
			return fmt.Errorf("answered %s", w.in[:n])
		}
		_, length, found := bytes.Cut(head, []byte("Content-Length: "))
		if !found { // in chunks
			if bytes.HasSuffix(rest, []byte("0\r\n\r\n")) {
				return nil
			}
			continue
		}
		length, _, _ = bytes.Cut(length, []byte("\r\n"))
		if want, err := strconv.Atoi(string(length)); err != nil || len(rest) >= want {
			return err
		}
	}
}
