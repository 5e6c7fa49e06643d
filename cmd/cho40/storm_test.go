package main_test

import (
	"flag"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// While stalls are registered, all at once, the service and its database are killed. Everything that was answered 201 is there afterwards;
// what was sent again under its Idempotency-Key is there once. How many of each is in scale_test.go.
func TestKillsDuringRegistrationsLoseNothing(t *testing.T) {
	p := newProgram(t)
	var mu sync.Mutex // held while the service is being replaced
	var svc *service
	address := func() string {
		mu.Lock()
		defer mu.Unlock()
		return svc.url
	}
	c := newCrowd(t, p, stormStalls, stormStalls, address)
	svc = p.serve(storming...)
	ready := func() bool {
		res, err := http.Get(svc.url + "/readyz")
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	}
	var serviceReady, databaseReady []time.Duration
	killService := func() {
		mu.Lock()
		defer mu.Unlock()
		began := time.Now()
		if err := svc.Process.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		_ = svc.Wait()
		svc = p.serve(storming...)
		eventually(t, "the service is ready again", ready)
		serviceReady = append(serviceReady, time.Since(began))
	}
	crash := func() {
		began := time.Now()
		killed := postmaster(t, p.data)
		if err := syscall.Kill(killed, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		eventually(t, "there is a database again", func() bool {
			now, err := postmasterOf(p.data)
			return err == nil && now != killed
		})
		before := c.acknowledged.Load() // a probe would stand in the queue behind all who wait
		eventually(t, "the next stall goes in", func() bool { return c.acknowledged.Load() > before })
		databaseReady = append(databaseReady, time.Since(began))
	}
	blows := slices.Concat(slices.Repeat([]func(){killService}, stormKills), slices.Repeat([]func(){crash}, stormCrashes))
	rand.New(rand.NewPCG(4, 0)).Shuffle(len(blows), func(i, j int) { blows[i], blows[j] = blows[j], blows[i] })

	defer func() {
		if log := svc.log.String(); t.Failed() {
			t.Logf("the service said last: %s", log[max(0, len(log)-10_000):])
			log, err := os.ReadFile(filepath.Join(p.data, "postgres.log"))
			t.Logf("the database said last: %s, %v", log[max(0, len(log)-10_000):], err)
		}
	}()
	c.come(false)
	for i, blow := range blows {
		c.until((i + 1) * stormStalls / (len(blows) + 2))
		blow()
	}
	c.leave()
	t.Logf("ready again after %d kills of the service: %s", stormKills, spread(serviceReady))
	t.Logf("the next stall after %d crashes of the database: %s", stormCrashes, spread(databaseReady))

	svc.stop()
	mu.Lock()
	svc = p.serve(storming...)
	mu.Unlock()
	c.counted(p)
}

// spread is the median, the 95th of a hundred and the longest of some times.
func spread(all []time.Duration) string {
	slices.Sort(all)
	at := func(part int) string { return all[min(len(all)-1, len(all)*part/100)].Round(time.Millisecond).String() }
	return "median " + at(50) + ", 95 of 100 within " + at(95) + ", longest " + at(100)
}

// eventually waits for what must become true before long.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// postmaster is the process of the embedded PostgreSQL.
func postmaster(t *testing.T, data string) int {
	t.Helper()
	for range 1000 { // it may be on its way up
		if pid, err := postmasterOf(data); err == nil {
			return pid
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("no database runs")
	return 0
}

func postmasterOf(data string) (int, error) {
	b, err := os.ReadFile(filepath.Join(data, "postgres", "postmaster.pid"))
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(b), "\n")
	return strconv.Atoi(first)
}

// old is a program of an earlier release, to be replaced by this one.
var old = flag.String("old", "", "with TestReplacedUnderLoad: `program` of an earlier release that serves first, on the schema of this one")

// Two processes serve one database, behind something that asks the other when one does not answer. Both are replaced while people work: what
// failed is mended by sending it again, and who was signed in at the one is at the other.
func TestReplacedUnderLoad(t *testing.T) {
	t.Parallel()
	p := quick(t)
	before := p
	if *old != "" {
		before.binary = *old
	}
	var mu sync.Mutex
	var behind []*service
	turn := 0
	c := newCrowd(t, p, replacedStalls, 16, func() string {
		mu.Lock()
		defer mu.Unlock()
		turn++
		return behind[turn%len(behind)].url
	})
	first := []*service{before.serve(storming...), before.serve(storming...)}
	behind = slices.Clone(first)
	if a := p.run("bốn từ dễ nhớ đấy\n", "user", "add", "Lan", "--role", "clerk", "--scope", "market:VT", "--password-stdin"); a.code != 0 {
		t.Fatalf("user add: %s", a.stderr)
	}
	res, err := http.Post(first[0].url+"/api/v1/session", "application/json", strings.NewReader(`{"name":"Lan","password":"bốn từ dễ nhớ đấy"}`))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	signed := func(at *service) {
		t.Helper()
		req, err := http.NewRequest(http.MethodGet, at.url+"/api/v1/markets/VT", nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, cookie := range res.Cookies() {
			req.AddCookie(cookie)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Errorf("signed in elsewhere: %d", res.StatusCode)
		}
	}
	signed(first[1])

	c.come(true)
	for i, leaving := range first {
		c.until((i + 1) * replacedStalls / 3)
		coming := p.serve(storming...)
		mu.Lock()
		behind = append(behind, coming)
		mu.Unlock()
		signed(coming)
		leaving.stop() // whoever asks it meanwhile is not answered, and asks another
		mu.Lock()
		behind = slices.DeleteFunc(behind, func(s *service) bool { return s == leaving })
		mu.Unlock()
	}
	c.leave()
	c.counted(p)
}
