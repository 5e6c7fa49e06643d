package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// crowd registers stalls of the market VT, each sent again under its own Idempotency-Key until it is answered, as people do whose phone
// says that it did not work.
type crowd struct {
	*testing.T
	stalls, atOnce int
	key            string        // of a program that may register
	address        func() string // of a process that may answer
	patience       time.Duration // with one stall

	client       http.Client
	acknowledged atomic.Int64
	attempts     atomic.Int64
	cut          atomic.Int64 // attempts without an answer
	busy         atomic.Int64 // attempts answered with 5xx, 409 or 429
	longest      atomic.Int64 // nanoseconds until one stall was answered
	slowest      atomic.Int64 // nanoseconds that one attempt took
	working      sync.WaitGroup
}

func newCrowd(t *testing.T, p program, stalls, atOnce int, address func() string) *crowd {
	t.Helper()
	p.must("market", "add", "--code", "VT", "--name", "Chợ Vị Thanh")
	key := strings.TrimSpace(p.must("key", "add", "storm", "--role", "clerk", "--scope", "market:VT"))
	c := &crowd{T: t, stalls: stalls, atOnce: atOnce, key: key, address: address, patience: 15 * time.Minute}
	c.client.Transport = &http.Transport{MaxIdleConnsPerHost: atOnce}
	c.Cleanup(c.client.CloseIdleConnections)
	return c
}

// storming is how a service is started that a crowd comes to.
var storming = []string{"--key-rate", "100000000"}

func (c *crowd) code(i int) string { return fmt.Sprintf("S-%04d", i) }

// ask sends one request to whichever process address names.
func (c *crowd) ask(method, path, body string, header ...string) (status int, answer []byte, err error) {
	began := time.Now()
	defer func() { most(&c.slowest, time.Since(began)) }()
	req, err := http.NewRequest(method, c.address()+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.key)
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := c.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	answer, err = io.ReadAll(res.Body)
	return res.StatusCode, answer, err
}

// most keeps the longest time there was.
func most(kept *atomic.Int64, took time.Duration) {
	for was := kept.Load(); int64(took) > was && !kept.CompareAndSwap(was, int64(took)); was = kept.Load() {
	}
}

// untilDone sends a request again and again until it is answered with this status.
func (c *crowd) untilDone(want int, method, path, body string, header ...string) bool {
	began := time.Now()
	defer func() { most(&c.longest, time.Since(began)) }()
	pause := 20 * time.Millisecond
	for {
		status, answer, err := c.ask(method, path, body, header...)
		c.attempts.Add(1)
		switch {
		case err == nil && status == want:
			return true
		case err != nil:
			c.cut.Add(1)
		case status >= 500 || status == http.StatusConflict && bytes.Contains(answer, []byte("still-running")) || status == http.StatusTooManyRequests:
			c.busy.Add(1)
		default:
			c.Errorf("%s %s: %d %s", method, path, status, answer)
			return false
		}
		if time.Since(began) > c.patience {
			c.Errorf("%s %s: not done within %v: %d %s %v", method, path, c.patience, status, answer, err)
			return false
		}
		time.Sleep(pause/2 + rand.N(pause))
		pause = min(2*pause, time.Duration(c.atOnce)*2*time.Millisecond+100*time.Millisecond)
	}
}

// come lets them begin; after each stall the others are asked for it too when look is set.
func (c *crowd) come(look bool) {
	work := make(chan int)
	for range c.atOnce {
		c.working.Go(func() {
			for i := range work {
				body := fmt.Sprintf(`{"code":%q,"section":"Khu S","vendor":{"name":"Người Bán %d","phone":"07100%05d"},
					"accounts":[{"provider":"viettel_money","number":"07100%05d"}],"consent":{"version":"vi-1","given":"face_to_face"}}`, c.code(i), i, i, i)
				if c.untilDone(http.StatusCreated, http.MethodPost, "/api/v1/markets/VT/stalls", body, "Idempotency-Key", "storm-"+strconv.Itoa(i)) {
					c.acknowledged.Add(1)
					if look {
						c.untilDone(http.StatusOK, http.MethodGet, "/api/v1/markets/VT/stalls/"+c.code(i), "")
					}
				}
			}
		})
	}
	go func() {
		for i := range c.stalls {
			work <- i
		}
		close(work)
	}()
}

// until waits until so many registrations were answered.
func (c *crowd) until(n int) {
	c.Helper()
	for deadline := time.Now().Add(2 * time.Minute); c.acknowledged.Load() < int64(n); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) || c.Failed() {
			c.Fatalf("only %d of %d registrations were answered", c.acknowledged.Load(), n)
		}
	}
}

// leave waits for the last of them and says how they fared.
func (c *crowd) leave() {
	c.Helper()
	c.working.Wait()
	c.Logf("%d stalls, %d at once: %d acknowledged in %d attempts, %d of them cut off, %d asked to come again; a stall took %v at the longest, an attempt %v",
		c.stalls, c.atOnce, c.acknowledged.Load(), c.attempts.Load(), c.cut.Load(), c.busy.Load(),
		time.Duration(c.longest.Load()).Round(time.Millisecond), time.Duration(c.slowest.Load()).Round(time.Millisecond))
	if got := c.acknowledged.Load(); got != int64(c.stalls) {
		c.Fatalf("%d registrations were answered 201, want %d", got, c.stalls)
	}
}

// counted holds what is there afterwards against what was answered: each stall once with its account, the same in figures and chains.
func (c *crowd) counted(p program) {
	c.Helper()
	seen := map[string]int{}
	for cursor := ""; ; {
		status, answer, err := c.ask(http.MethodGet, "/api/v1/markets/VT/stalls?limit=200&cursor="+cursor, "")
		var page struct {
			Items []struct{ Code, Stage string }
			Next  *string `json:"next_cursor"`
		}
		if err == nil {
			err = json.Unmarshal(answer, &page)
		}
		if err != nil || status != http.StatusOK {
			c.Fatalf("list: status %d, %v", status, err)
		}
		for _, s := range page.Items {
			seen[s.Code]++
			if s.Stage != "account" {
				c.Errorf("stall %s is at stage %q: its account is lost", s.Code, s.Stage)
			}
		}
		if page.Next == nil {
			break
		}
		cursor = *page.Next
	}
	lost, doubled := 0, 0
	for i := range c.stalls {
		switch n := seen[c.code(i)]; {
		case n == 0:
			lost++
		case n > 1:
			doubled++
		}
	}
	if lost > 0 || doubled > 0 || len(seen) != c.stalls {
		c.Errorf("%d stalls are there; of those acknowledged %d are lost, %d doubled", len(seen), lost, doubled)
	}
	said, served := map[string]any{}, map[string]any{}
	if err := json.Unmarshal([]byte(p.must("coverage", "--market", "VT", "--by", "section", "--format", "json")), &said); err != nil {
		c.Fatal(err)
	}
	_, answer, err := c.ask(http.MethodGet, "/api/v1/coverage?market=VT&by=section", "")
	if err == nil {
		err = json.Unmarshal(answer, &served)
	}
	if err != nil {
		c.Fatal(err)
	}
	delete(said, "freshness")
	delete(served, "freshness")
	if !reflect.DeepEqual(said, served) || said["vendors"] != float64(c.stalls) {
		c.Errorf("the console says %v, the API %v; want %d vendors in both", said, served, c.stalls)
	}
	if out := p.must("audit", "verify"); strings.Contains(out, "broken") {
		c.Errorf("audit verify: %s", out)
	}
	p.must("reconcile")
	c.Logf("%d acknowledged, %d lost, %d doubled; figures, chains and placards agree", c.stalls, lost, doubled)
}
