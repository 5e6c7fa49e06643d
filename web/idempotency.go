package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"cho40/internal/fault"
	"cho40/internal/postgres"
	registry "cho40/vendor_registry"

	"github.com/jackc/pgx/v5"
	"github.com/labstack/echo/v4"
)

// keyLives is how long an answer is kept under its Idempotency-Key.
const keyLives = registry.AnswersLive

type ctxKey int

const (
	txKey ctxKey = iota
	afterKey
)

// afterCommit runs slow work once what the request changed is committed: at once, unless its transaction is still open.
func afterCommit(c echo.Context, work func() error) error {
	if later, ok := c.Request().Context().Value(afterKey).(*[]func() error); ok {
		*later = append(*later, work)
		return nil
	}
	return work()
}

// reg is the registry for a request: on the pool, or inside the transaction in which the request's key is kept.
func (s *Server) reg(c echo.Context) *registry.Service {
	if tx, ok := c.Request().Context().Value(txKey).(pgx.Tx); ok {
		return s.registry.On(tx)
	}
	return s.registry
}

// idempotent makes a POST that carries an Idempotency-Key happen once: effect, answer and key are one transaction. The same
// key and body get the stored answer; the same key with another body is refused; while the first still runs, 409.
func (s *Server) idempotent(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		key := c.Request().Header.Get("Idempotency-Key")
		if c.Request().Method != http.MethodPost || key == "" {
			return next(c)
		}
		if len(key) > 255 || !printable(key) {
			return fault.New(fault.Invalid, "idempotency-key", "An Idempotency-Key has at most 255 printable characters.")
		}
		body, err := io.ReadAll(http.MaxBytesReader(c.Response(), c.Request().Body, maxUpload))
		if err != nil {
			return err
		}
		c.Request().Body = io.NopCloser(bytes.NewReader(body))
		h := sha256.New()
		h.Write([]byte(c.Request().Method + "\x00" + c.Request().URL.RequestURI() + "\x00"))
		h.Write(body)
		request := h.Sum(nil)

		ctx := c.Request().Context()
		if err := s.forgetAnswers(ctx); err != nil {
			return err
		}
		who := actor(c).ID
		var after []func() error
		kept := &keptAnswer{ResponseWriter: c.Response().Writer}
		err = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error {
			free, err := postgres.One[bool](ctx, tx, `SELECT pg_try_advisory_xact_lock(hashtextextended(@key, 7))`,
				pgx.StrictNamedArgs{"key": who + " " + key})
			if err != nil {
				return err
			}
			if !free {
				return fault.New(fault.Conflict, "still-running", "The first request with this key is still running.").After(time.Second)
			}
			replayed, err := s.replay(ctx, c, tx, who, key, request)
			if err != nil || replayed {
				return err
			}
			plain := c.Response().Writer
			c.Response().Writer = kept
			c.SetRequest(c.Request().WithContext(context.WithValue(context.WithValue(ctx, txKey, tx), afterKey, &after)))
			err = next(c)
			c.SetRequest(c.Request().WithContext(ctx))
			c.Response().Writer = plain
			c.Response().Committed = false // it was held back: nothing is sent before the commit
			if err != nil {
				return err
			}
			_, err = tx.Exec(ctx, `
				INSERT INTO idempotency (actor, key, request, status, headers, body, at, market)
				VALUES (@actor, @key, @request, @status, @headers, @body, @at, @market)
				ON CONFLICT (actor, key) DO UPDATE SET request = excluded.request, status = excluded.status, headers = excluded.headers,
				       body = excluded.body, at = excluded.at, market = excluded.market`,
				pgx.StrictNamedArgs{"actor": who, "key": key, "request": request, "status": kept.status, "market": marketOf(c),
					"headers": kept.stored(), "body": kept.body.Bytes(), "at": s.now()})
			return err
		})
		if fault.CodeOf(err) == "idempotency-differs" && strings.Contains(c.Path(), "decision") { // an old approval sent for another proposal
			_ = pgx.BeginFunc(ctx, s.db, func(tx pgx.Tx) error { // the refusal itself stands whether or not its trace could be kept
				return registry.Audit(ctx, tx, s.now(), actor(c), registry.MarketID{}, registry.Event{Action: "request.key_reused", Object: "idempotency", Fields: []string{"key"}})
			})
		}
		if err != nil {
			return err
		}
		for _, work := range after {
			if err := work(); err != nil {
				return err
			}
		}
		if kept.status == 0 { // replayed: written already
			return nil
		}
		c.Response().WriteHeader(kept.status)
		_, err = c.Response().Write(kept.body.Bytes())
		return err
	}
}

// marketOf is the code of the market that an address is about: its own part, or the first of a record's ID; empty: none.
func marketOf(c echo.Context) string {
	for i, name := range c.ParamNames() {
		value := c.ParamValues()[i]
		if code, _, ok := strings.Cut(value, "."); name == "market" || ok {
			return code
		}
	}
	return ""
}

// forgetAnswers deletes, once an hour, the answers that are older than their keys live: they name people.
func (s *Server) forgetAnswers(ctx context.Context) error {
	now := s.now()
	last := s.forgot.Load()
	if now.UnixNano()-last < int64(time.Hour) || !s.forgot.CompareAndSwap(last, now.UnixNano()) {
		return nil
	}
	_, err := s.db.Exec(ctx, `DELETE FROM idempotency WHERE at <= @before`, pgx.StrictNamedArgs{"before": now.Add(-keyLives)})
	return err
}

// replay writes the stored answer of a key. Faults: Invalid idempotency-differs.
func (s *Server) replay(ctx context.Context, c echo.Context, tx pgx.Tx, who, key string, request []byte) (bool, error) {
	type stored struct {
		Request []byte
		Status  int
		Headers []byte
		Body    []byte
	}
	rows, err := postgres.All[stored](ctx, tx, `
		SELECT request, status, headers, body FROM idempotency WHERE actor = @actor AND key = @key AND at > @since`,
		pgx.StrictNamedArgs{"actor": who, "key": key, "since": s.now().Add(-keyLives)})
	if err != nil || len(rows) == 0 {
		return false, err
	}
	r := rows[0]
	if len(r.Request) == 0 { // who stood in the answer was erased, and a second effect would bring them back
		return false, fault.New(fault.Gone, "person-erased", "The person asked to be forgotten. Nothing was stored.")
	}
	if !bytes.Equal(r.Request, request) {
		return false, fault.New(fault.Invalid, "idempotency-differs", "This Idempotency-Key was used for another request. Take a new one.")
	}
	var headers map[string]string
	if err := json.Unmarshal(r.Headers, &headers); err != nil {
		return false, err
	}
	for k, v := range headers {
		c.Response().Header().Set(k, v)
	}
	c.Response().Header().Set("Idempotency-Replayed", "true")
	c.Response().WriteHeader(r.Status)
	_, err = c.Response().Write(r.Body)
	return true, err
}

// keptAnswer holds an answer back until its transaction is committed.
type keptAnswer struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (k *keptAnswer) WriteHeader(status int)      { k.status = status }
func (k *keptAnswer) Write(b []byte) (int, error) { return k.body.Write(b) }

// stored are the headers that belong to the answer itself.
func (k *keptAnswer) stored() []byte {
	out := map[string]string{}
	for _, name := range []string{echo.HeaderContentType, "ETag", echo.HeaderLocation} {
		if v := k.Header().Get(name); v != "" {
			out[name] = v
		}
	}
	b, err := json.Marshal(out)
	if err != nil {
		panic(err) // a map of strings always marshals
	}
	return b
}

func printable(s string) bool {
	for _, r := range s {
		if r < 0x20 || r > 0x7e {
			return false
		}
	}
	return true
}
