package registry_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cho40/internal/fault"
	"cho40/internal/postgres/pgtest"
	registry "cho40/vendor_registry"
)

// Whoever may change the database can make its chains whole again. The checkpoints outside of it still tell.
func TestCheckpoints(t *testing.T) {
	t.Parallel()
	const vt = `(SELECT id FROM markets WHERE code = 'VT')`
	last := `(SELECT max(seq) FROM audit_events WHERE market_id = ` + vt + `)`
	head := `UPDATE audit_heads SET seq = ` + last + `, hash = (SELECT hash FROM audit_events WHERE market_id = ` + vt + ` AND seq = ` + last + `) WHERE market_id = ` + vt
	for _, tt := range []struct {
		name  string
		sql   []string
		whole bool // the chain by itself
		from  int64
	}{
		{"nothing", nil, true, 0},
		{"the tail and the head cut off, and nothing in the record tells", []string{`DELETE FROM audit_events WHERE market_id = ` + vt + ` AND seq > 11`, head}, true, 14},
		{"the tail and the head cut off", []string{`DELETE FROM audit_events WHERE market_id = ` + vt + ` AND seq > 7`, head}, false, 11},
		{"cut off before the first checkpoint", []string{`DELETE FROM audit_events WHERE market_id = ` + vt + ` AND seq > 3`, head}, false, 5},
		{"the whole chain gone", []string{`DELETE FROM audit_events WHERE market_id = ` + vt, `DELETE FROM audit_heads WHERE market_id = ` + vt}, false, 5},
		{"a hash changed", []string{`UPDATE audit_events SET hash = sha256('x') WHERE market_id = ` + vt + ` AND seq = 5`}, false, 5},
		{"the tail taken by another chain's", []string{`DELETE FROM audit_events WHERE market_id = ` + vt + ` AND seq > 11`, head, `written again`}, true, 14},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorldOn(t, pgtest.OneServer(t))
			c := checkpoints(t, t.TempDir())
			w.stall("A-1", viettel)
			w.checkpoint(c, true)
			w.stall("B-1")
			w.approve(w.propose("B-1", vnpt))
			w.checkpoint(c, true)
			w.stall("B-2")
			w.checkpoint(c, true)
			w.checkpoint(c, false)
			for _, sql := range tt.sql {
				if sql == "written again" {
					w.stall("C-1")
					continue
				}
				w.exec(sql)
			}
			if at, err := w.reg.VerifyAudit(t.Context(), w.vt.ID); err != nil || (at == 0) != tt.whole {
				t.Fatalf("the chain itself: broken at %d, %v", at, err)
			}
			differ, err := w.reg.VerifyCheckpoints(t.Context(), c)
			if err != nil || differ[w.vt.ID] != tt.from || len(differ) > 1 {
				t.Errorf("differs at %v, %v; want %d", differ, err, tt.from)
			}
		})
	}
}

func checkpoints(t *testing.T, dir string) *registry.Checkpoints {
	t.Helper()
	c, err := registry.OpenCheckpoints(dir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (w *world) checkpoint(c *registry.Checkpoints, grows bool) {
	w.Helper()
	if n, err := w.reg.Checkpoint(w.Context(), c); err != nil || n > 0 != grows {
		w.Fatalf("%d chains grew, %v", n, err)
	}
}

// The file tells when it was changed itself; what a crash left of a line does no harm.
func TestCheckpointFile(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(lines []string) []string
		code   string // of the fault
	}{
		{"untouched", func(l []string) []string { return l }, ""},
		{"a line that a crash cut off", func(l []string) []string { return append(l, `{"n":4,"at":"20`) }, ""},
		{"a line taken out", func(l []string) []string { return append(l[:1:1], l[2:]...) }, "checkpoint-broken"},
		{"two swapped", func(l []string) []string { return []string{l[1], l[0], l[2]} }, "checkpoint-broken"},
		{"a number changed", func(l []string) []string { return append(l[:1:1], strings.Replace(l[1], `"seq":`, `"seq":1`, 1), l[2]) }, "checkpoint-broken"},
		{"a signature of another line", func(l []string) []string {
			_, signature, _ := strings.Cut(l[0], "\t")
			body, _, _ := strings.Cut(l[1], "\t")
			return []string{l[0], body + "\t" + signature, l[2]}
		}, "checkpoint-broken"},
		{"the last line taken out", func(l []string) []string { return l[:2] }, "checkpoint-broken"},
		{"all lines taken out", func([]string) []string { return nil }, "checkpoint-broken"},
		{"the end of the last line taken out", func(l []string) []string { return []string{l[0], l[1], l[2][:len(l[2])-5]} }, "checkpoint-broken"},
		{"no signature", func(l []string) []string {
			body, _, _ := strings.Cut(l[1], "\t")
			return []string{l[0], body + "\n", l[2]}
		}, "checkpoint-broken"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorldOn(t, pgtest.OneServer(t))
			dir := t.TempDir()
			c := checkpoints(t, dir)
			for _, code := range []string{"A-1", "B-1", "C-1"} {
				w.stall(code)
				w.checkpoint(c, true)
			}
			path := filepath.Join(dir, "checkpoints.jsonl")
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.SplitAfter(strings.TrimSuffix(string(text), "\n"), "\n")
			lines[2] += "\n"
			if err := os.WriteFile(path, []byte(strings.Join(tt.change(lines), "")), 0o600); err != nil {
				t.Fatal(err)
			}
			c = checkpoints(t, dir) // with the same key, as after a restart
			_, err = w.reg.VerifyCheckpoints(t.Context(), c)
			if fault.CodeOf(err) != tt.code {
				t.Fatalf("%v, want %q", err, tt.code)
			}
			w.stall("D-1")
			if _, err := w.reg.Checkpoint(t.Context(), c); fault.CodeOf(err) != tt.code {
				t.Errorf("one more: %v, want %q", err, tt.code)
			}
			if tt.code == "" {
				if differ, err := w.reg.VerifyCheckpoints(t.Context(), c); err != nil || len(differ) > 0 {
					t.Errorf("after one more: %v, %v", differ, err)
				}
			}
		})
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "checkpoint.key"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := registry.OpenCheckpoints(dir); fault.CodeOf(err) != "checkpoint-key" {
		t.Errorf("a key that is none: %v", err)
	}
}
