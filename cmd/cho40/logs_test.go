package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestLogsOfARun: what `make test` looks through at its end tells when one test's names stand in another's log, in the database's, or in
// what is printed; when nothing was kept; and when the tests failed.
func TestLogsOfARun(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, script string
		code         int
		said         string
	}{
		{"nothing leaks", `echo "Huynh Thi Sen" >"$CHO40_LOGS/1.seeds"; echo '{"msg":"request"}' >"$CHO40_LOGS/1.log"`, 0, "No log holds"},
		{"a name in another's log", `echo "Huynh Thi Sen" >"$CHO40_LOGS/1.seeds"; echo '{"msg":"Huynh Thi Sen"}' >"$CHO40_LOGS/2.log"`, 1, "A log holds"},
		{"a number in the database's log", `echo "0398712064" >"$CHO40_LOGS/1.seeds"; echo 'ERROR: (phone)=(0398712064)' >"$CHO40_LOGS/server-1.log"`, 1, "A log holds"},
		{"a name in what is printed", `echo "Huynh Thi Sen" >"$CHO40_LOGS/1.seeds"; echo x >"$CHO40_LOGS/1.log"; echo "INFO Huynh Thi Sen" >&2`, 1, "A log holds"},
		{"nothing was kept", `true`, 1, "were not kept"},
		{"the tests fail", `echo "Huynh Thi Sen" >"$CHO40_LOGS/1.seeds"; echo x >"$CHO40_LOGS/1.log"; exit 3`, 3, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(filepath.Join("..", "..", "scripts", "logs"), "sh", "-c", tt.script)
			cmd.Env = append(os.Environ(), "LEAST=1")
			out, err := cmd.CombinedOutput()
			if code := cmd.ProcessState.ExitCode(); code != tt.code || !strings.Contains(string(out), tt.said) {
				t.Errorf("exit %d, want %d: %s %v", code, tt.code, out, err)
			}
		})
	}
}
