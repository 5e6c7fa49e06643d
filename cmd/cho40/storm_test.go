package main_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Two hundred stalls are registered at once while the service, and then its database, is killed. Everything that was
// answered 201 is there afterwards; what was sent again under its Idempotency-Key is there once.
func TestKillsDuringRegistrationsLoseNothing(t *testing.T) {
	p := newProgram(t)
	p.must("market", "add", "--code", "VT", "--name", "Chợ Vị Thanh")
	key := strings.TrimSpace(p.must("key", "add", "storm", "--role", "clerk", "--scope", "market:VT"))
	const stalls = 200 // all at once

	var mu sync.Mutex // held while the service is being replaced
	svc := p.serve("--key-rate", "100000")
	address := func() string {
		mu.Lock()
		defer mu.Unlock()
		return svc.url
	}
	var acknowledged atomic.Int64
	register := func(i int) (status int, err error) {
		body := fmt.Sprintf(`{"code":"S-%03d","section":"Khu S","vendor":{"name":"Người Bán %d","phone":"07100%05d"},
			"accounts":[{"provider":"viettel_money","number":"07100%05d"}],"consent":{"version":"vi-1","given":"face_to_face"}}`, i, i, i, i)
		req, err := http.NewRequest(http.MethodPost, address()+"/api/v1/markets/VT/stalls", strings.NewReader(body))
		if err != nil {
			return 0, err
		}
		req.Header.Set("Authorization", "Bearer "+key)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Idempotency-Key", "storm-"+strconv.Itoa(i))
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return 0, err
		}
		defer res.Body.Close()
		_, err = io.Copy(io.Discard, res.Body)
		return res.StatusCode, err
	}
	work := make(chan int)
	var wg sync.WaitGroup
	for range stalls {
		wg.Go(func() {
			for i := range work {
				for attempt := 0; ; attempt++ {
					status, err := register(i)
					if err == nil && status == http.StatusCreated {
						acknowledged.Add(1)
						break
					}
					if attempt == 300 || err == nil && status < 500 && status != http.StatusConflict && status != http.StatusTooManyRequests {
						t.Errorf("stall %d: status %d, %v", i, status, err)
						break
					}
					time.Sleep(50 * time.Millisecond)
				}
			}
		})
	}
	wait := func(n int64) {
		for deadline := time.Now().Add(60 * time.Second); acknowledged.Load() < n; time.Sleep(2 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("only %d of %d registrations were answered", acknowledged.Load(), n)
			}
		}
	}
	go func() {
		for i := range stalls {
			work <- i
		}
		close(work)
	}()

	wait(40)
	mu.Lock()
	if err := svc.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = svc.Wait()
	svc = p.serve("--key-rate", "100000")
	mu.Unlock()

	wait(100)
	killDatabase(t, p.data)
	wait(150)
	killDatabase(t, p.data)
	wg.Wait()
	if t.Failed() {
		return
	}
	if got := acknowledged.Load(); got != stalls {
		t.Fatalf("%d registrations were answered 201, want %d", got, stalls)
	}

	svc.stop()
	mu.Lock()
	svc = p.serve()
	mu.Unlock()
	seen := map[string]int{}
	cursor := ""
	for {
		req, err := http.NewRequest(http.MethodGet, svc.url+"/api/v1/markets/VT/stalls?limit=200&cursor="+cursor, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+key)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var page struct {
			Items []struct {
				Code   string
				Stage  string
				Vendor string
			}
			Next *string `json:"next_cursor"`
		}
		err = json.NewDecoder(res.Body).Decode(&page)
		res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("list: status %d, %v", res.StatusCode, err)
		}
		for _, s := range page.Items {
			seen[s.Code]++
			if s.Stage != "account" {
				t.Errorf("stall %s is at stage %q: its account is lost", s.Code, s.Stage)
			}
		}
		if page.Next == nil {
			break
		}
		cursor = *page.Next
	}
	for i := range stalls {
		if code := fmt.Sprintf("S-%03d", i); seen[code] != 1 {
			t.Errorf("stall %s is there %d times", code, seen[code])
		}
	}
	said, served := map[string]any{}, map[string]any{}
	if err := json.Unmarshal([]byte(p.must("coverage", "--market", "VT", "--by", "section", "--format", "json")), &said); err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodGet, svc.url+"/api/v1/coverage?market=VT&by=section", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	err = json.NewDecoder(res.Body).Decode(&served)
	res.Body.Close()
	if err != nil {
		t.Fatal(err)
	}
	delete(said, "freshness")
	delete(served, "freshness")
	if !reflect.DeepEqual(said, served) || said["vendors"] != float64(stalls) {
		t.Errorf("the console says %v, the API %v; want %d vendors in both", said, served, stalls)
	}
	if out := p.must("audit", "verify"); strings.Contains(out, "broken") {
		t.Errorf("audit verify: %s", out)
	}
}

// killDatabase kills the embedded PostgreSQL the hard way.
func killDatabase(t *testing.T, data string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(data, "postgres", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(b), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}
