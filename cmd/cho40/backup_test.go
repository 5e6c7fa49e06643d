package main_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"cho40/internal/postgres"
	"cho40/internal/postgres/pgtest"
	registry "cho40/vendor_registry"
)

// A market's data go into an encrypted copy while the service runs, and come back on another machine with their evidence.
func TestBackupAndRestore(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	dir := t.TempDir()
	key, at := filepath.Join(dir, "copies.key"), filepath.Join(dir, "cho40.backup")
	recipient := strings.TrimSpace(p.must("backup", "--new-key", key))
	if info, err := os.Stat(key); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key: %v, %v", info, err)
	}
	p.must("market", "add", "--code", "VT", "--name", "Chợ Vị Thanh")
	p.must("user", "add", "lan", "--role", "manager", "--scope", "market:VT")
	p.ends(1, "import", sample("so-cho-vi-thanh.xlsx"), "--market", "VT") // ten rows are faulty
	p.must("accounts", "approve", "--market", "VT", "--all", "--by", "lan")
	p.must("placards", "--market", "VT", "-o", filepath.Join(dir, "vt.pdf"))
	p.serve().stop() // leaves a checkpoint
	s := p.serve()
	said := p.must("backup", at, "--recipient", recipient)
	if !strings.Contains(said, "encrypted") || strings.Contains(said, "not encrypted") {
		t.Errorf("backup: %s", said)
	}
	s.stop()
	if a := p.ends(1, "backup", at); !strings.Contains(a.stderr, "There is a file") {
		t.Errorf("over another: %s", a.stderr)
	}
	if a := p.ends(1, "restore-test", at); !strings.Contains(a.stderr, "--identity") {
		t.Errorf("without its key: %s", a.stderr)
	}
	tried := p.must("restore-test", at, "--identity", key)
	if !strings.Contains(tried, "each table as in the copy") || !regexp.MustCompile(`VT +whole`).MatchString(tried) || !strings.Contains(tried, "every live placard pays") {
		t.Errorf("tried: %s", tried)
	}
	there := newProgram(t)
	back := there.must("restore", at, "--identity", key)
	if n := regexp.MustCompile(`\d+ tables, \d+ rows`).FindString(back); n == "" || !strings.Contains(tried, n) || !strings.Contains(said, n) {
		t.Errorf("restored: %s\ntried: %s\ncopied: %s", back, tried, said)
	}
	if out := there.must("audit", "verify"); !regexp.MustCompile(`service +whole\nVT +whole\n`).MatchString(out) {
		t.Errorf("audit verify: %s", out)
	}
	there.must("reconcile")
	if here, there := p.must("coverage", "--market", "VT", "--format", "csv"), there.must("coverage", "--market", "VT", "--format", "csv"); here != there {
		t.Errorf("coverage here\n%sthere\n%s", here, there)
	}
	// The evidence came along: a chain that was cut since the copy's last checkpoint would show.
	mine, err := os.ReadFile(filepath.Join(p.data, "checkpoints", "checkpoints.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := os.ReadFile(filepath.Join(there.data, "checkpoints", "checkpoints.jsonl"))
	if err != nil || len(theirs) == 0 || !strings.HasPrefix(string(mine), string(theirs)) {
		t.Errorf("checkpoints there: %q, %v", theirs, err)
	}
	there.serve().stop()
	there.must("audit", "verify")
	if a := there.ends(1, "restore", at, "--identity", key); !strings.Contains(a.stderr, "There are records in this database already") {
		t.Errorf("over what is there: %s", a.stderr)
	}
}

// Of two processes on one database one does the jobs, and the other when the first has gone.
func TestOneLeads(t *testing.T) {
	t.Parallel()
	p := quick(t)
	folder := filepath.Join(t.TempDir(), "copies")
	leads := func(s *service) bool { return strings.Contains(s.log.String(), "this process does the jobs") }
	eventually := func(what string, ok func() bool) {
		t.Helper()
		for deadline := time.Now().Add(60 * time.Second); !ok(); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("not within a minute: %s", what)
			}
		}
	}
	// A copy that a crash cut off is due at once, not a day later.
	db, err := postgres.Open(t.Context(), p.database())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(t.Context(), `INSERT INTO job_runs (name, started_at) VALUES ('backup', now())`); err != nil {
		t.Fatal(err)
	}
	// Of older copies as many stay as are kept; what has another name is somebody else's.
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"cho40-20260101T000000Z.backup", "cho40-20260102T000000Z.backup", "cho40-20260103T000000Z.backup", "cho40-mine.backup"} {
		if err := os.WriteFile(filepath.Join(folder, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	first := p.serve("--backup-to", folder, "--backup-keep", "3", "--metrics", "127.0.0.1:0")
	metrics := regexp.MustCompile(`http://\S+/metrics`).FindString(first.said)
	eventually("the first leads", func() bool { return leads(first) })
	second := p.serve("--backup-to", folder, "--backup-keep", "3")
	eventually("a copy is taken", func() bool {
		return strings.Contains(fetched(t, metrics), `cho40_job_good_timestamp_seconds{job="backup"}`)
	})
	if said := fetched(t, metrics); !strings.Contains(said, `cho40_job_failed{job="proposals"} 0`) || !strings.Contains(said, "cho40_pool_most") || !strings.Contains(said, `cho40_queue{of="webhooks"} 0`) || !strings.Contains(said, "cho40_printed_placards_total 0") ||
		!strings.Contains(said, "cho40_http_requests_running") {
		t.Errorf("metrics: %s", said)
	}
	for _, path := range []string{"/metrics", "/debug/pprof/"} {
		if res, err := http.Get(first.url + path); err != nil || res.StatusCode != http.StatusNotFound {
			t.Errorf("%s on the public address: %v, %v", path, res, err)
		}
	}
	// Who has asked one of them as often as one may is soon refused by the other as well, long before they asked it as often.
	refused := func(s *service) bool {
		res, err := http.Get(s.url + "/api/v1/session")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		return res.StatusCode == http.StatusTooManyRequests
	}
	for n := 0; !refused(first); n++ {
		if n == 60 {
			t.Fatal("a stranger may ask for ever")
		}
	}
	for n := 0; !refused(second); n++ {
		if n == 20 {
			t.Fatal("the second process does not hear of what the first let through")
		}
		time.Sleep(500 * time.Millisecond)
	}
	first.stop()
	eventually("the second leads", func() bool { return leads(second) })
	second.stop()
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, f.Name())
	}
	if len(names) != 4 || names[0] != "cho40-20260102T000000Z.backup" || names[1] != "cho40-20260103T000000Z.backup" || names[3] != "cho40-mine.backup" {
		t.Errorf("of one day's copy and three older ones there are %v", names)
	}
	var found []struct{ Of, Verdict string }
	a := p.run("", "doctor", "--listen", "127.0.0.1:0", "--backup-to", folder, "--format", "json")
	if err := json.Unmarshal([]byte(a.out), &found); err != nil {
		t.Fatalf("%v: %s", err, a.out)
	}
	verdicts := map[string]string{}
	for _, f := range found {
		verdicts[f.Of] += f.Verdict + " "
	}
	for of, want := range map[string]string{"schema": "ok ", "rights": "ok ", "jobs": "ok ok ok ok ok ok ", "copies": "ok ", "checkpoints": "ok ", "safety": "fault "} { // the tests' server does not sync
		if verdicts[of] != want {
			t.Errorf("the doctor says of %s %q, want %q: %s", of, verdicts[of], want, a.out)
		}
	}
	if a.code != 1 || !strings.Contains(a.stderr, "At fault: 1") {
		t.Errorf("exit %d: %s", a.code, a.stderr)
	}
}

func fetched(t *testing.T, url string) string {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d, %v", url, res.StatusCode, err)
	}
	return string(b)
}

// Who was erased since a copy was taken is erased again when it comes back, by the list that lies beside the database.
func TestErasedStayErased(t *testing.T) {
	t.Parallel()
	p := quick(t)
	at := filepath.Join(t.TempDir(), "cho40.backup")
	p.must("market", "add", "--code", "VT", "--name", "Chợ Vị Thanh")
	for code, name := range map[string]string{"A-1": "Lý Minh Tâm", "A-2": "Trần Văn Bê"} {
		p.must("stall", "add", "--market", "VT", "--code", code, "--vendor", name)
	}
	p.must("backup", at)
	db, err := postgres.Open(t.Context(), p.database())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	reg := registry.New(db, time.Now)
	st, err := reg.Stall(t.Context(), registry.Console(), "VT", "A-1")
	if err != nil {
		t.Fatal(err)
	}
	market, err := reg.MarketFor(t.Context(), registry.Console(), registry.SeeMarket, "VT")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := reg.ReplayErasures(t.Context(), []registry.Erasure{{Market: market.ID, Vendor: st.Vendor.ID}}); n != 1 || err != nil {
		t.Fatalf("%d erased, %v", n, err)
	}
	p.must("erasure", "replay") // what a service does at its start and after each: the list is written

	back := p
	back.env = append(slices.Clone(p.env), "DATABASE_URL="+pgtest.Empty(t)) // the last one counts
	if out := back.must("restore", at); !strings.Contains(out, "1 erased again") {
		t.Errorf("restore: %s", out)
	}
	if out := back.must("stall", "list", "--market", "VT"); strings.Contains(out, "Lý Minh Tâm") || !strings.Contains(out, "Trần Văn Bê") {
		t.Errorf("after the restore: %s", out)
	}
	if out := back.must("audit", "verify"); strings.Contains(out, "broken") {
		t.Errorf("audit verify: %s", out)
	}
	back.must("reconcile")
}
