package main_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"cho40/internal/postgres"
	"cho40/internal/postgres/pgtest"
)

// built is the folder of the program; empty until a test needs it.
var built string

// binary is the program, built once for all tests.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("/var/tmp", "cho40-program-")
	if err != nil {
		return "", err
	}
	built = dir
	path := filepath.Join(dir, "cho40")
	out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, err
})

func TestMain(m *testing.M) {
	code := m.Run()
	if built != "" {
		_ = os.RemoveAll(built) // what stays lies in a folder for such leftovers
	}
	os.Exit(code)
}

// program is the built program on a database of a test's own.
type program struct {
	testing.TB
	data   string // folder of the embedded database; empty: another
	env    []string
	binary string // empty: this one
}

// newProgram is the program on an embedded database in a new folder, which the user that PostgreSQL runs as can reach.
func newProgram(t testing.TB) program {
	t.Helper()
	dir, err := os.MkdirTemp("/var/tmp", "cho40-data-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { remove(t, dir) })
	data := filepath.Join(dir, "data")
	return program{TB: t, data: data, env: environment(t, "CHO40_DATA="+data)}
}

// remove waits for a database that is on its way out: its keeper ends shortly after the last command.
func remove(t testing.TB, dir string) {
	var err error
	for range 200 {
		if _, running := os.Stat(filepath.Join(dir, "data", "postgres", "postmaster.pid")); errors.Is(running, os.ErrNotExist) {
			if err = os.RemoveAll(dir); err == nil {
				return
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("the database in %s is still there: %v", dir, err)
}

// quick is the program on a database that is there already.
func quick(t testing.TB) program {
	t.Helper()
	return program{TB: t, env: environment(t, "DATABASE_URL="+pgtest.URL(t))}
}

func environment(t testing.TB, database string) []string {
	e := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), database}
	if !strings.HasPrefix(database, "CHO40_DATA=") { // certificates are kept there too
		e = append(e, "CHO40_DATA="+t.TempDir())
	}
	return e
}

// database is the address of a quick program's database; empty: it has an embedded one.
func (p program) database() string {
	for _, v := range p.env {
		if url, ok := strings.CutPrefix(v, "DATABASE_URL="); ok {
			return url
		}
	}
	return ""
}

// in is the same program for a subtest.
func (p program) in(t testing.TB) program {
	p.TB = t
	return p
}

func (p program) command(args ...string) *exec.Cmd {
	p.Helper()
	path, err := p.binary, error(nil)
	if path == "" {
		path, err = binary()
	}
	if err != nil {
		p.Fatal(err)
	}
	cmd := exec.Command(path, args...)
	cmd.Env = p.env
	return cmd
}

type answer struct {
	code        int
	out, stderr string
}

// run starts the program with these arguments and input.
func (p program) run(in string, args ...string) answer {
	p.Helper()
	cmd := p.command(args...)
	cmd.Stdin = strings.NewReader(in)
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			p.Fatalf("cho40 %s: %v", strings.Join(args, " "), err)
		}
	}
	a := answer{cmd.ProcessState.ExitCode(), out.String(), stderr.String()}
	if strings.Contains(a.stderr, "goroutine ") || strings.Contains(a.stderr, "panic:") {
		p.Errorf("cho40 %s shows a stack:\n%s", strings.Join(args, " "), a.stderr)
	}
	if strings.Contains(a.out+a.stderr, "%!") {
		p.Errorf("cho40 %s says a value by the wrong verb:\n%s%s", strings.Join(args, " "), a.out, a.stderr)
	}
	return a
}

// ends runs what has to end with this exit code.
func (p program) ends(code int, args ...string) answer {
	p.Helper()
	a := p.run("", args...)
	if a.code != code {
		p.Fatalf("cho40 %s: exit %d, want %d\n%s%s", strings.Join(args, " "), a.code, code, a.out, a.stderr)
	}
	return a
}

// must runs what has to go well and returns what it says.
func (p program) must(args ...string) string {
	p.Helper()
	return p.ends(0, args...).out
}

// service is the program while it serves.
type service struct {
	*exec.Cmd
	program
	url  string
	said string // on standard output, before it listened
	log  *journal
}

// journal is what a service writes on standard error: its log, and warnings to whoever started it.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.String()
}

// search looks for what no log may hold: whoever is in the database, where it can still be asked, and anything that looks like a
// phone, an account or a Vietnamese name.
func (s *service) search() {
	var people []string
	if url := s.database(); url != "" {
		db, err := postgres.Open(context.Background(), url)
		if err == nil {
			people, err = pgtest.People(context.Background(), db)
			db.Close()
		}
		if err != nil {
			s.Errorf("whose names must not be in the log: %v", err)
		}
	}
	if err := pgtest.Keep(s.log.String(), people); err != nil {
		s.Error(err)
	}
	for line := range strings.Lines(s.log.String()) {
		var fields map[string]any
		if json.Unmarshal([]byte(line), &fields) != nil {
			if !strings.HasPrefix(line, "cho40: ") && !strings.HasPrefix(line, "       ") {
				s.Errorf("a line of the log is no JSON: %s", line)
			}
			continue
		}
		for name, v := range fields {
			text := fmt.Sprint(v)
			if s.data != "" { // the folder's name is a long number
				text = strings.ReplaceAll(text, filepath.Dir(s.data), "")
			}
			if name != "time" && name != "request" && name != "actor" && name != "us" && name != "until" && name != "file" && private.MatchString(text) {
				s.Errorf("the log holds %s: %s", private.FindString(text), line)
			}
		}
		for _, p := range people {
			if strings.Contains(line, p) {
				s.Errorf("the log holds %q: %s", p, line)
			}
		}
	}
}

// private is what no field of a log needs: nine digits in a row, a letter with a mark.
var private = regexp.MustCompile(`[0-9]{9,}|[\x{c0}-\x{24f}\x{1e00}-\x{1eff}]`)

// serve starts the service on a free port and waits until it listens. It is stopped at the end of the test at the latest.
func (p program) serve(args ...string) *service {
	p.Helper()
	s := &service{Cmd: p.command(append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...), program: p, log: &journal{}}
	s.Cmd.Stderr = s.log
	out, err := s.StdoutPipe()
	if err == nil {
		err = s.Start()
	}
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() {
		_ = s.Process.Kill() // gone already when all went well
		_ = s.Cmd.Wait()
		s.search()
	})
	in := bufio.NewScanner(out)
	for in.Scan() {
		if url, ok := strings.CutPrefix(in.Text(), "listening on "); ok {
			s.url = url
			go func() { // what else it says is nobody's affair, but the pipe must not fill
				for in.Scan() {
				}
			}()
			return s
		}
		s.said += in.Text() + "\n"
	}
	p.Fatalf("cho40 serve ended before it listened: %v\n%s", s.Cmd.Wait(), s.log)
	return nil
}

// stop ends the service as Ctrl-C does.
func (s *service) stop() {
	s.Helper()
	err := s.Process.Signal(syscall.SIGINT)
	if err == nil {
		err = s.Cmd.Wait()
	}
	if err != nil {
		s.Errorf("after an interrupt the service ends with %v", err)
	}
}

// sample is the path of a sample ledger.
func sample(name string) string {
	return filepath.Join("..", "..", "vendor_registry", "ledger", "testdata", name)
}

// expected is what a right import makes of a sample.
type expected struct {
	Rows, Good, Faulty int
	Stalls             []struct {
		Row           int
		Vendor, Fault string
		Warn          []string
	}
}

func readExpected(t testing.TB, ledger string) (e expected) {
	t.Helper()
	data, err := os.ReadFile(sample(strings.TrimSuffix(ledger, filepath.Ext(ledger)) + ".expected.json"))
	if err == nil {
		err = json.Unmarshal(data, &e)
	}
	if err != nil {
		t.Fatal(err)
	}
	return e
}

type report struct {
	File                                           string
	Rows, Good, Vacant, Faulty, Unchanged, Changed int
	Faults, Warnings                               []struct {
		Row                                   int
		Column, Code, Value, Detail, DetailEn string
	}
}

func readReport(t testing.TB, path string) (r report) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, &r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestImportCommand(t *testing.T) {
	t.Parallel()
	faultCodes := map[string]string{"stall code twice in the file": "stall-twice", "account is a number cell: leading zero lost": "account-number-cell"}
	for _, ledger := range []string{"so-cho-vi-thanh.xlsx", "so-cho-dai-tu.csv", "so-cho-tran-de.xlsx"} {
		t.Run(ledger, func(t *testing.T) {
			t.Parallel()
			p := quick(t)
			p.ends(0, "market", "add", "--code", "VT", "--name", "Chợ")
			want := readExpected(t, ledger)
			vacant, faults, warnings := 0, []string{}, []int{}
			for _, s := range want.Stalls {
				switch {
				case s.Fault != "":
					faults = append(faults, fmt.Sprint(s.Row, " ", faultCodes[s.Fault]))
				case s.Vendor == "":
					vacant++
				}
				for range s.Warn {
					warnings = append(warnings, s.Row)
				}
			}
			exit := 0
			if want.Faulty > 0 {
				exit = 1
			}
			file := filepath.Join(t.TempDir(), "report.json")
			check := func(unchanged int, said string, args ...string) {
				t.Helper()
				a := p.ends(exit, append([]string{"import", sample(ledger), "--market", "VT", "--report", file}, args...)...)
				if !strings.Contains(a.out, said) || (a.stderr != "") != (exit == 1) {
					t.Errorf("said %q and %q, want %q", a.out, a.stderr, said)
				}
				got := readReport(t, file)
				if got.File != ledger || got.Rows != want.Rows || got.Good != want.Good || got.Faulty != want.Faulty || got.Vacant != vacant || got.Unchanged != unchanged || got.Changed != 0 {
					t.Errorf("report %+v", got)
				}
				var gotFaults []string
				gotWarnings := []int{}
				for _, f := range got.Faults {
					gotFaults = append(gotFaults, fmt.Sprint(f.Row, " ", f.Code))
					if f.Column == "" || f.Detail == "" {
						t.Errorf("fault %+v", f)
					}
				}
				for _, w := range got.Warnings {
					gotWarnings = append(gotWarnings, w.Row)
				}
				if !slices.Equal(gotFaults, faults) && len(faults) > 0 || !slices.Equal(gotWarnings, warnings) {
					t.Errorf("faults %v, warnings in rows %v\nwant   %v, %v", gotFaults, gotWarnings, faults, warnings)
				}
			}
			check(0, "Nothing was stored", "--dry-run")
			check(0, "are stored")
			check(want.Good, "Nothing changed")
		})
	}
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	p := quick(t)
	p.ends(0, "market", "add", "--code", "VT", "--name", "Chợ Vị Thanh")
	dir := t.TempDir()
	letter := filepath.Join(dir, "letter.csv")
	if err := os.WriteFile(letter, []byte("Kính gửi anh\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	providers := filepath.Join(dir, "providers.csv")
	if err := os.WriteFile(providers, []byte("bin,code,short_name,full_name_vi,kind,supports_transfer,supports_lookup,source\n"+
		"971099,VISO,Ví Sổ,Công ty Ví Sổ,wallet,1,0,letter 13/2026\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, tt := range []struct {
		name string
		code int
		args []string
		says string // on stderr; for exit 0 on stdout
	}{
		{"help", 0, []string{"--help"}, "Usage: cho40"},
		{"help of a command", 0, []string{"placards", "--help"}, "--provisional"},
		{"version", 0, []string{"version"}, "cho40 "},
		{"no command", 2, nil, "expected one of"},
		{"an unknown command", 2, []string{"sell"}, "unexpected argument sell"},
		{"an unknown flag", 2, []string{"market", "list", "--colour"}, "unknown flag"},
		{"an unknown format", 2, []string{"market", "list", "--format", "yaml"}, "--format"},
		{"a flag that is missing", 2, []string{"market", "add", "--code", "X"}, "missing flags"},
		{"two ways to choose", 2, []string{"coverage", "--market", "VT", "--area", "92"}, "--market"},
		{"no way chosen", 2, []string{"accounts", "approve", "--market", "VT", "--by", "lan"}, "--all"},
		{"neither market nor batch", 2, []string{"placards", "-o", filepath.Join(dir, "x.pdf")}, "--market"},
		{"neither a code nor lines", 2, []string{"qr", "decode"}, "--lines"},
		{"nothing to encode", 2, []string{"qr", "encode"}, "--to"},
		{"a code in words", 0, []string{"qr", "encode", "--to", "Viettel Pay", "--number", "+84 981 234 567", "--amount", "50000", "--content", "Rau củ sạp 12"},
			"5405500005802VN62170813Rau cu sap 12"},
		{"a code and its picture", 0, []string{"qr", "encode", "--to", "ACB", "--number", "257678859", "-o", filepath.Join(dir, "code.svg")},
			"00020101021138530010A0000007270123000697041601092576788590208QRIBFTTA53037045802VN6304AE9F"},
		{"a picture of no kind", 1, []string{"qr", "encode", "--to", "ACB", "--number", "1", "-o", filepath.Join(dir, "code.gif")}, ".svg"},
		{"a stamp", 1, []string{"qr", "encode", "--to", "ACB", "--number", "257678859", "-o", filepath.Join(dir, "code.png"), "--side", "15"}, "too small to scan"},
		{"an account too long", 1, []string{"qr", "encode", "--to", "ACB", "--number", "12345678901234567890"}, "at most 19"},
		{"a code as a table", 0, []string{"qr", "decode", "00020101021138530010A0000007270123000697041601092576788590208QRIBFTTA53037045802VN6304AE9F"}, "970416 ACB"},
		{"a changed code", 1, []string{"qr", "decode", "00020101021138530010A0000007270123000697041601092576788590208QRIBFTTA53037045802VN6304AE9E"}, "with a fault"},
		{"a web address", 1, []string{"qr", "decode", "https://example.com/x"}, "web address"},
		{"a merchant code of another scheme, from an app", 0, []string{"qr", "decode", "00020101021126280010A0000007750110010700000153037045802VN6304C0F3"}, "VNPAY-QR"},
		{"providers", 0, []string{"providers", "list", "--find", "VNPT Pay"}, "mobile (unconfirmed)"},
		{"no such provider", 1, []string{"providers", "list", "--find", "zzz"}, `"zzz"`},
		{"a list of providers that is none", 1, []string{"providers", "update", letter}, "heading"},
		{"a list of providers that is not there", 1, []string{"providers", "update", filepath.Join(dir, "none.csv")}, "none.csv"},
		{"a list, only to be looked at", 0, []string{"providers", "update", providers, "--dry-run"}, "1 banks and wallets would change"},
		{"a list of providers", 0, []string{"providers", "update", providers}, "Ví Sổ"},
		{"a placard's picture", 0, []string{"qr", "scan", filepath.Join("..", "..", "docs", "pictures", "placard.png")}, "Viettel Money"},
		{"a picture that is none", 1, []string{"qr", "scan", letter}, "JPEG, PNG"},
		{"a picture that is not there", 1, []string{"qr", "scan", filepath.Join(dir, "none.png")}, "none.png"},
		{"an unknown market", 1, []string{"coverage", "--market", "ZZ"}, `"ZZ"`},
		{"a code that is taken", 1, []string{"market", "add", "--code", "VT", "--name", "x"}, "VT"},
		{"a code of no market", 1, []string{"market", "add", "--code", "chợ", "--name", "x"}, "code"},
		{"a stall with everything", 0, []string{"stall", "add", "--market", "VT", "--code", "A-12", "--section", "Rau củ", "--vendor", "Lý Minh Tâm", "--phone", "0912345678",
			"--account", "viettel_money:0710000001:LY MINH TAM", "--account", "vcb:0123456789012", "--consent", "vi-1", "--given", "face_to_face"}, "missing for a placard: approval"},
		{"a stall that nobody holds", 0, []string{"stall", "add", "--market", "VT", "--code", "A-13"}, "missing for a placard: vendor"},
		{"a stall, only to be looked at", 0, []string{"stall", "add", "--market", "VT", "--code", "A-14", "--vendor", "Lý Minh Tâm", "--dry-run"}, "has the same name"},
		{"a stall that was only looked at", 1, []string{"stall", "show", "A-14", "--market", "VT"}, "A-14"},
		{"a stall's code that is taken", 1, []string{"stall", "add", "--market", "VT", "--code", "A-12"}, "A-12"},
		{"an account that nobody agreed to", 1, []string{"stall", "add", "--market", "VT", "--code", "A-15", "--vendor", "Lý Minh Tâm", "--account", "momo:0912345678"}, "consent"},
		{"an account at no provider", 1, []string{"stall", "add", "--market", "VT", "--code", "A-15", "--vendor", "Lý Minh Tâm", "--account", "0912345678", "--consent", "vi-1"}, "PROVIDER:NUMBER"},
		{"a stall in no market", 1, []string{"stall", "list", "--market", "ZZ"}, "ZZ"},
		{"a stage that is none", 1, []string{"stall", "list", "--market", "VT", "--stage", "rich"}, "rich"},
		{"stalls by a name without accents", 0, []string{"stall", "list", "--market", "VT", "--q", "tam"}, "09•• ••• 678"},
		{"stalls of no market", 2, []string{"stall", "list"}, "--market"},
		{"a stall, in full", 0, []string{"stall", "show", "A-12", "--market", "VT"}, "viettel_money, 07•• ••• 001"},
		{"no stall named", 2, []string{"stall", "show", "--market", "VT"}, "<code>"},
		{"nothing left to seal", 0, []string{"audit", "seal"}, "VT      0        0"},
		{"to seal in no market", 1, []string{"audit", "seal", "--market", "ZZ"}, "ZZ"},
		{"a day that is none", 1, []string{"coverage", "--as-of", "yesterday"}, "2026-11-22"},
		{"a future day", 1, []string{"coverage", "--as-of", "2999-01-01"}, "2999-01-01"},
		{"an unknown split", 1, []string{"coverage", "--by", "colour"}, "colour"},
		{"a report of no kind", 1, []string{"coverage", "report", "2026-Q3", "--market", "VT", "-o", filepath.Join(dir, "x.docx")}, ".pdf"},
		{"a market's report as CSV", 1, []string{"coverage", "report", "2026-Q3", "--market", "VT", "-o", filepath.Join(dir, "x.csv")}, ".pdf"},
		{"a report of a quarter to come", 1, []string{"coverage", "report", "2999-Q1", "--market", "VT", "-o", filepath.Join(dir, "x.pdf")}, "2999-Q1"},
		{"a report of nothing", 2, []string{"coverage", "report", "2026-Q3", "-o", filepath.Join(dir, "x.pdf")}, "--market"},
		{"a report into no folder", 1, []string{"coverage", "report", "2026-Q3", "--market", "VT", "-o", filepath.Join(dir, "none", "x.pdf")}, "x.pdf"},
		{"a market's report", 0, []string{"coverage", "report", "2026-Q3", "--market", "VT", "-o", filepath.Join(dir, "quarter.pdf")}, "quarter.pdf"},
		{"a market's report as a workbook", 0, []string{"coverage", "report", "2026-Q3", "--market", "VT", "-o", filepath.Join(dir, "quarter.xlsx"), "--lang", "en"}, "quarter.xlsx"},
		{"a table of no area", 1, []string{"coverage", "report", "2026-Q3", "--area", "92", "-o", filepath.Join(dir, "table.csv")}, `"92"`},
		{"no such file", 1, []string{"import", filepath.Join(dir, "none.csv"), "--market", "VT"}, "none.csv"},
		{"a folder", 1, []string{"import", dir, "--market", "VT"}, ""},
		{"a file that is no ledger", 1, []string{"import", letter, "--market", "VT"}, ""},
		{"a ledger for no market", 1, []string{"import", sample("so-cho-dai-tu.csv"), "--market", "ZZ"}, "ZZ"},
		{"nothing to print", 1, []string{"placards", "--market", "VT", "-o", filepath.Join(dir, "x.pdf")}, ""},
		{"an unknown sheet", 1, []string{"placards", "--market", "VT", "--sheet", "a0", "-o", filepath.Join(dir, "x.pdf")}, "a6x4"},
		{"approved by nobody", 1, []string{"accounts", "approve", "--market", "VT", "--all", "--by", "nobody"}, ""},
		{"an unknown role", 1, []string{"user", "add", "lan", "--role", "king", "--scope", "all"}, "king"},
		{"a wrong scope", 1, []string{"user", "add", "lan", "--role", "clerk", "--scope", "all"}, "market"},
		{"a port in use", 1, []string{"serve", "--listen", taken.Addr().String()}, taken.Addr().String()},
		{"no address", 1, []string{"serve", "--listen", "nowhere:99999"}, "nowhere"},
		{"another port in use", 1, []string{"serve", "--tls-local", "--listen", "127.0.0.1:0", "--http", taken.Addr().String()}, taken.Addr().String()},
		{"two ways to HTTPS", 2, []string{"serve", "--tls-local", "--acme", "cho.example.vn"}, "can't be used together"},
		{"a certificate without its key", 2, []string{"serve", "--tls-cert", letter}, "--tls-key"},
		{"a certificate that is none", 1, []string{"serve", "--listen", "127.0.0.1:0", "--tls-cert", letter, "--tls-key", letter}, "letter.csv"},
		{"an authority for the internet", 1, []string{"serve", "--listen", "127.0.0.1:0", "--tls-local", "--host", "cho.example.vn"}, "--acme"},
		{"a public name that is none", 1, []string{"serve", "--listen", "127.0.0.1:0", "--http", "off", "--acme", "192.168.1.5"}, "--tls-local"},
		{"a public address that is none", 1, []string{"serve", "--public-url", "cho.example.vn"}, "https://cho.example.vn"},
		{"everybody as a proxy", 1, []string{"serve", "--trust-proxy", "0.0.0.0/0"}, "10.0.0.0/24"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := p.in(t).ends(tt.code, tt.args...)
			said := a.stderr
			if tt.code == 0 {
				said = a.out
			}
			if !strings.Contains(said, tt.says) || said == "" {
				t.Errorf("said %q, want %q in it", said, tt.says)
			}
			if tt.code == 1 && a.out != "" {
				t.Errorf("stdout holds %q", a.out)
			}
		})
	}
	if _, err := os.Stat(filepath.Join(dir, "x.pdf")); !errors.Is(err, os.ErrNotExist) {
		t.Error("a command that failed left a file")
	}
}

func TestFormats(t *testing.T) {
	t.Parallel()
	p := quick(t)
	p.ends(0, "market", "add", "--code", "VT", "--name", "Chợ Vị Thanh", "--stalls", "500")
	p.ends(0, "user", "add", "lan", "--role", "manager", "--scope", "market:VT")
	p.ends(0, "stall", "add", "--market", "VT", "--code", "Z-1", "--vendor", "=Tâm")
	for _, tt := range []struct {
		name string
		args []string
		code int
		head string // of the CSV
		rows int
	}{
		{"markets", []string{"market", "list"}, 0, "code,name,area,province,planned_stalls,kind,class", 1},
		{"stalls", []string{"stall", "list", "--market", "VT"}, 0, "code,section,goods,status,stage,vendor,phone,provider", 1},
		{"a stall", []string{"stall", "show", "Z-1", "--market", "VT"}, 0, "what,value,more", -1},
		{"a stall to be", []string{"stall", "add", "--market", "VT", "--code", "Z-2", "--vendor", "=Tâm", "--dry-run"}, 0, "code,stall,vi,en", 1},
		{"import", []string{"import", sample("so-cho-dai-tu.csv"), "--market", "VT"}, 0, ",row,column,code,value,vi,en", -1},
		{"approve", []string{"accounts", "approve", "--market", "VT", "--stall", "A-02", "--by", "lan"}, -1, "stall,vendor,provider,number,holder,state,why", -1},
		{"people", []string{"user", "list"}, 0, "name,grants,state", 1},
		{"coverage", []string{"coverage", "--market", "VT", "--by", "section"}, 0, ",vendors,accepting,share,account,approved,printed,installed,checked,equipped,used,suspended,overdue", -1},
		{"a code", []string{"qr", "decode", "00020101021138540010A00000072701240006971005011009812345670208QRIBFTTA53037045802VN63047440"}, 0, "tag,field,value", -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, format := range []string{"json", "csv", "table"} {
				a := p.in(t).run("", append(slices.Clone(tt.args), "--format", format)...)
				if a.code != tt.code && tt.code >= 0 {
					t.Fatalf("%s: exit %d\n%s", format, a.code, a.stderr)
				}
				if tt.code < 0 { // another account waits for each format, or none
					continue
				}
				switch format {
				case "json":
					var v any
					if err := json.Unmarshal([]byte(a.out), &v); err != nil {
						t.Errorf("json: %v in %q", err, a.out)
					}
				case "csv":
					rows, err := csv.NewReader(strings.NewReader(a.out)).ReadAll()
					if err != nil || len(rows) == 0 || strings.Join(rows[0], ",") != tt.head || tt.rows >= 0 && len(rows) != tt.rows+1 {
						t.Errorf("csv: %v, %q; want %q", err, rows, tt.head)
					}
				case "table":
					if strings.HasPrefix(a.out, "{") || a.out == "" {
						t.Errorf("table: %q", a.out)
					}
				}
			}
		})
	}
	// The cells of a CSV do not run in a spreadsheet.
	p.ends(0, "market", "add", "--code", "EVIL", "--name", "=HYPERLINK(1)")
	if a := p.ends(0, "market", "list", "--format", "csv"); !strings.Contains(a.out, "EVIL,'=HYPERLINK(1)") {
		t.Errorf("csv holds %q", a.out)
	}
}

type vector struct {
	ID, Kind, Payload string
	Input             json.RawMessage
	Strict, Lenient   struct {
		Result, Error  string
		AlsoAcceptable []string `json:"also_acceptable"`
		Warnings       []string
	}
	Decoded map[string]any
}

func vectors(t *testing.T) []vector {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "qrgen", "testdata", "vectors.json"))
	var file struct{ Vectors []vector }
	if err == nil {
		err = json.Unmarshal(data, &file)
	}
	if err != nil || len(file.Vectors) == 0 {
		t.Fatalf("%d vectors, %v", len(file.Vectors), err)
	}
	return file.Vectors
}

// lines runs a command on lines and returns as many lines of its output.
func lines[T any](t *testing.T, in []string, args ...string) []T {
	t.Helper()
	a := program{TB: t, env: environment(t, "CHO40_DATA=/nowhere")}.run(strings.Join(in, "\n")+"\n", args...) // no database is needed
	if a.code != 0 || a.stderr != "" {
		t.Fatalf("exit %d: %s", a.code, a.stderr)
	}
	out := strings.Split(strings.TrimSuffix(a.out, "\n"), "\n")
	if len(out) != len(in) {
		t.Fatalf("%d lines of output for %d of input", len(out), len(in))
	}
	got := make([]T, len(out))
	for i, line := range out {
		if err := json.Unmarshal([]byte(line), &got[i]); err != nil {
			t.Fatalf("line %d: %v: %s", i+1, err, line)
		}
	}
	return got
}

func TestEncodeLines(t *testing.T) {
	t.Parallel()
	type result struct{ Payload, Error string }
	var in []string
	var want []result
	for _, v := range vectors(t) {
		if v.Kind != "encode" {
			continue
		}
		var flat bytes.Buffer
		if err := json.Compact(&flat, v.Input); err != nil {
			t.Fatal(err)
		}
		in, want = append(in, flat.String()), append(want, result{Payload: v.Payload})
		// Lines that are wrong stand between the right ones and hold up none of them.
		broken := []string{"", "   ", "{", "[]", "null x", `"text"`, "\xff", flat.String()[:len(flat.String())/2], flat.String() + flat.String()}
		in, want = append(in, broken[len(want)%len(broken)]), append(want, result{Error: "bad_json"})
	}
	in, want = append(in, `{"mode":"static","bin":"970436","account":""}`, `{"mode":"static","bin":"97043","account":"1"}`), append(want, result{Error: "missing_account"}, result{Error: "bad_bin"})
	for i, got := range lines[result](t, in, "qr", "encode", "--lines") {
		if got != want[i] {
			t.Errorf("line %d: %+v, want %+v, for %q", i+1, got, want[i], in[i])
		}
	}
}

func TestDecodeLines(t *testing.T) {
	t.Parallel()
	type result struct {
		Result, Error string
		Warnings      []string
		Decoded       map[string]any
	}
	var in []string
	var from []vector
	several := 0
	for _, v := range vectors(t) {
		switch {
		case v.Kind == "fold":
		case strings.Contains(v.Payload, "\n"): // no one line
			several++
		default:
			in, from = append(in, v.Payload, ""), append(from, v, vector{ID: "blank line"})
		}
	}
	if several != 1 {
		t.Errorf("%d vectors are of several lines, there was one", several)
	}
	for mode, args := range map[string][]string{"lenient": {"qr", "decode", "--lines"}, "strict": {"qr", "decode", "--lines", "--strict"}} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			for i, got := range lines[result](t, in, args...) {
				v := from[i]
				want := v.Lenient
				if mode == "strict" {
					want = v.Strict
				}
				switch {
				case v.ID == "blank line":
					if got.Result != "reject" || got.Error != "empty" {
						t.Errorf("blank line: %+v", got)
					}
				case got.Result != want.Result:
					t.Errorf("%s: %s %s, want %s %s", v.ID, got.Result, got.Error, want.Result, want.Error)
				case want.Result == "reject":
					if got.Error != want.Error && want.Error != "any" && !slices.Contains(want.AlsoAcceptable, got.Error) {
						t.Errorf("%s: %s, want %s", v.ID, got.Error, want.Error)
					}
				default:
					slices.Sort(got.Warnings)
					slices.Sort(want.Warnings)
					if !slices.Equal(got.Warnings, want.Warnings) || fmt.Sprint(got.Decoded) != fmt.Sprint(v.Decoded) {
						t.Errorf("%s: %v %v\nwant %v %v", v.ID, got.Warnings, got.Decoded, want.Warnings, v.Decoded)
					}
				}
			}
		})
	}
	t.Run("a last line without its end, and one of 100,000 characters", func(t *testing.T) {
		a := program{TB: t, env: environment(t, "CHO40_DATA=/nowhere")}.run(strings.Repeat("0", 100_000)+"\n"+in[0], "qr", "decode", "--lines")
		out := strings.Split(a.out, "\n")
		if a.code != 0 || len(out) != 3 || !strings.Contains(out[0], `"reject"`) || !strings.Contains(out[1], `"accept"`) {
			t.Errorf("exit %d, %q", a.code, a.out)
		}
	})
}

// The service says where it listens, and ends well when asked to.
func TestServeStartsAndStops(t *testing.T) {
	t.Parallel()
	s := quick(t).serve()
	if !strings.HasPrefix(s.url, "http://127.0.0.1:") {
		t.Errorf("it says it listens on %q", s.url)
	}
	s.stop()
}

// What is kept beside a database that is another's does not close the folder to one of our own.
func TestOwnDatabaseAfterAnothers(t *testing.T) {
	t.Parallel()
	own := newProgram(t)
	another := own
	another.env = append(slices.Clone(own.env), "DATABASE_URL="+pgtest.URL(t))
	another.serve().stop()
	if _, err := os.Stat(filepath.Join(own.data, "checkpoints", "checkpoint.key")); err != nil {
		t.Error(err)
	}
	own.must("market", "list")
}
