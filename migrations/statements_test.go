package migrations_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"cho40/migrations"
)

// statement is SQL in the program's text: a string, or strings put together, as far as they are constants. What is put in
// when the program runs stands as … in it.
type statement struct {
	file string // from the module's folder
	line int
	in   string // the function that it stands in
	sql  string
}

// wide are the statements about distributed tables that do not name one market themselves, and why each is right on Citus.
var wide = map[string]string{
	"vendor_registry/account.go Expire":                 "a job: in which markets there is something to end; each is then a transaction of its own",
	"vendor_registry/checkpoint.go Checkpoint":          "a job: the heads of all chains, one row a market",
	"vendor_registry/design.go design":                  "market_id = @market stands without its table's letter",
	"vendor_registry/track.go placeUnplaced":            "is a market on the map that has no track yet: one row a market and time",
	"vendor_registry/sums.go CheckSums":                 "for the console: the whole record, joined by market_id",
	"vendor_registry/sums.go missums":                   "the same: one row a market",
	"vendor_registry/coverage/history.go runs":          "days on which a market changed its province: one row a market and time",
	"vendor_registry/coverage/kept.go keptSQL":          "what time alone has changed and nobody carried yet is little in all markets together",
	"vendor_registry/coverage/kept.go askSums":          "the same, and what was not summed yet",
	"vendor_registry/coverage/quarter.go Close":         "a job: which markets lie in an area, one row a market and time",
	"vendor_registry/coverage/share.go view":            "which markets lie in an area, one row a market and time",
	"vendor_registry/coverage/share.go sumFacts":        "the same",
	"vendor_registry/coverage/sum.go where":             "the same",
	"vendor_registry/default.go defaults":               "the condition that every caller adds begins with the market",
	"vendor_registry/design.go Designs":                 "market_id = @market stands without its table's letter",
	"vendor_registry/duplicate.go looked":               "an account or a phone in the markets in reach, found by its number on every server",
	"vendor_registry/erasure.go Erasures":               "the console's list of all who were erased",
	"vendor_registry/keep.go KeepCounts":                "a job: in which markets counters wait; each is then a transaction of its own",
	"vendor_registry/placard.go placards":               "the condition that every caller adds begins with the market",
	"vendor_registry/retention.go Retain":               "a job: what is too old, in every market",
	"vendor_registry/retention.go countOldVisits":       "a job: in which markets visits are too old; each is then a transaction of its own",
	"vendor_registry/wide.go wide":                      "a condition of the search over the country, joined to a vendor",
	"vendor_registry/wide.go candidates":                "the search over the country asks every shard, for a bounded number of rows",
	"vendor_registry/wide.go codedWide":                 "the same",
	"vendor_registry/search.go stallsOf":                "rows that were found, by market and id",
	"vendor_registry/coverage/quarter.go closed":        "a figure of many markets, one row each",
	"vendor_registry/coverage/quarter.go correction":    "a figure of many markets, joined by market_id",
	"vendor_registry/coverage/reconciliation.go points": "a figure of many markets, each account joined by market_id with what belongs to it",
	"vendor_registry/coverage/report.go aims":           "targets of many markets, joined by market_id",
	"vendor_registry/coverage/table.go frozenParts":     "a table of many markets, one row each",
	"vendor_registry/coverage/table.go openParts":       "a table of many markets, one row each",
	"vendor_registry/coverage/shade.go shaded":          "a figure of many markets, one row each",
	"vendor_registry/coverage/shade.go ownBarriers":     "a figure of many markets, joined by market_id",
	"vendor_registry/coverage/shade.go confine":         "which markets lie in an area, one row a market and time",
	"vendor_registry/coverage/sum.go askState":          "is a market not counted yet, or moved, or closed: one row a market",
	"vendor_registry/coverage/sum.go sumNow":            "a figure of many markets, joined by market_id",
	"vendor_registry/coverage/sum.go counted":           "markets that nobody counted yet: few",
	"vendor_registry/coverage/sum.go sumOn":             "the same",
	"vendor_registry/coverage/sum.go ofMarkets":         "the same",
	"vendor_registry/coverage/sum.go ofProvinces":       "the same",
	"internal/backup/restore.go empty":                  "is there anything at all",
	"vendor_registry/fieldwork/spread.go Spread":        "in which communes somebody was: a report over a province",
	"vendor_registry/fieldwork/statement.go statements": "a team's month in its markets, a list of ids",
}

var (
	sqlish     = regexp.MustCompile(`\b(FROM|JOIN|INTO|UPDATE)\s+[a-z_]+`)
	tableNamed = regexp.MustCompile(`\b(FROM|JOIN|INTO|UPDATE|USING)\s+([a-z_]+)\b(?:\s+AS)?(?:\s+([a-z_][a-z_0-9]*)\b)?`)
	// market_id = @market, = ANY (@markets), = $1, = %[1]s, = another table's
	equality = regexp.MustCompile(`(?:\b([a-z_0-9]+)\.)?\bmarket_id\s*=\s*(?:ANY\s*\(\s*)?(?:(@\w+|\$\d|%\[?|…)|([a-z_0-9]+)\.[a-z_]+)`)
	reversed = regexp.MustCompile(`(?:\b([a-z_0-9]+)\.id|(@\w+))\s*=\s*([a-z_0-9]+)\.market_id\b`)
	into     = regexp.MustCompile(`\bINTO\s+([a-z_]+)\b(?:\s+AS\s+\w+)?\s*\(\s*([a-z_]+)`)
	locks    = regexp.MustCompile(`\bFOR (NO KEY )?(UPDATE|SHARE)\b`)
	writes   = regexp.MustCompile(`\b(INSERT INTO|UPDATE|DELETE FROM)\s+([a-z_]+)`)
	volatile = regexp.MustCompile(`\b(clock_timestamp|random|gen_random_uuid|nextval|timeofday|statement_timestamp)\s*\(`)
	values   = regexp.MustCompile(`\bINTO\s+([a-z_]+)[^;]*?\bVALUES\s*\([^;§]*§`)
)

// Every statement is kept to the rules of Citus (docs/scale.md), in the text of the program, since no test runs on Citus by itself.
func TestStatementsFitCitus(t *testing.T) {
	t.Parallel()
	found, used := 0, map[string]bool{}
	for _, s := range statements(t) {
		at := s.file + " " + s.in
		names, tables := rules(s.sql)
		if tables {
			found++
		}
		for _, rule := range names {
			if strings.HasPrefix(rule, "no market") && wide[at] != "" {
				used[at] = true
				continue
			}
			t.Errorf("%s:%d: %s: %s\n%s", s.file, s.line, s.in, rule, s.sql)
		}
	}
	if found < 300 {
		t.Errorf("only %d statements name a distributed table: are they read at all?", found)
	}
	for at := range wide {
		if !used[at] {
			t.Errorf("%s is on the list of exceptions and needs none", at)
		}
	}
}

// lasting is what a session keeps after its transaction.
var lasting = regexp.MustCompile(`\bpg_(try_)?advisory_(lock|unlock)\b|^\s*(LISTEN|UNLISTEN|NOTIFY|PREPARE)\s|^\s*(RE)?SET\s+[a-z_]+\s*(=|TO\b|$)|set_config\([^()]*,\s*false\)|\bTEMP(ORARY)? TABLE\b|\bWITH HOLD\b`)

// Behind PgBouncer in transaction mode the next transaction has another session, so that nothing may be left in one but by who has the
// direct address.
func TestNothingIsLeftInSessions(t *testing.T) {
	t.Parallel()
	direct := map[string]bool{"cmd/cho40/jobs.go term": false}
	for _, s := range statements(t) {
		if !lasting.MatchString(s.sql) {
			continue
		}
		at := s.file + " " + s.in
		if _, ok := direct[at]; !ok {
			t.Errorf("%s:%d: %s: it stays in the session:\n%s", s.file, s.line, s.in, s.sql)
		}
		direct[at] = true
	}
	for at, used := range direct {
		if !used {
			t.Errorf("%s leaves nothing in its session", at)
		}
	}
	for sql, want := range map[string]bool{
		"SET lock_timeout = 0": true, "SET search_path TO x": true, "SELECT pg_advisory_lock(1)": true, "LISTEN news": true, "CREATE TEMP TABLE t ()": true,
		"SELECT set_config('jit', 'off', false)": true, "SELECT set_config('jit', 'off', true)": false, "SET LOCAL jit = off": false, "SELECT pg_advisory_xact_lock(1)": false,
	} {
		if lasting.MatchString(sql) != want {
			t.Errorf("%q lasts: %v, want %v", sql, !want, want)
		}
	}
}

// opens is where a SELECT, or what else reads tables, begins inside of another.
var opens = regexp.MustCompile(`^\(\s*(?:SELECT|WITH|INSERT|UPDATE|DELETE|\()`)

// levels takes a statement apart: each SELECT in brackets, and each arm of a union, stands for itself, since Citus finds the market of a
// table only in what is said where the table stands.
func levels(sql string) (parts []string) {
	var here strings.Builder
	for i := 0; i < len(sql); i++ {
		if sql[i] != '(' || !opens.MatchString(sql[i:]) {
			here.WriteByte(sql[i])
			continue
		}
		end, deep := i+1, 1
		for ; end < len(sql) && deep > 0; end++ {
			switch sql[end] {
			case '(':
				deep++
			case ')':
				deep--
			}
		}
		parts = append(parts, levels(strings.TrimSuffix(sql[i+1:end], ")"))...)
		here.WriteString("(§)")
		i = end - 1
	}
	return append(parts, arms.Split(here.String(), -1)...)
}

var arms = regexp.MustCompile(`\bUNION(?: ALL)?\b|\bEXCEPT\b`)

// shared finds a lock that a reference table cannot have: two who hold it at once wait for each other, whatever rows they are about.
var shared = regexp.MustCompile(`\bFROM\s+([a-z_]+)\b[^;]*\bFOR (?:KEY )?SHARE(?:\s*$|\s*\x60|\s*\n)`)

// rules are those that a statement breaks, and whether it speaks of a distributed table at all.
func rules(sql string) (broken []string, concerned bool) {
	if strings.Contains(sql, "SERIALIZABLE") {
		broken = append(broken, "SERIALIZABLE promises nothing over several servers")
	}
	for _, m := range shared.FindAllStringSubmatch(sql, -1) {
		if migrations.Places[m[1]] == migrations.Reference {
			broken = append(broken, "a share of a lock on "+m[1])
		}
	}
	for _, level := range levels(sql) {
		alias := map[string]string{}
		for _, m := range tableNamed.FindAllStringSubmatch(level, -1) {
			name := m[3]
			if name == "" || slices.Contains([]string{"set", "on", "where"}, name) {
				name = m[2]
			}
			if migrations.Places[m[2]] == migrations.Distributed {
				concerned = true
				if m[1] != "INTO" {
					alias[name] = m[2]
				}
			}
		}
		tied := tiedIn(level)
		for _, a := range slices.Sorted(maps.Keys(alias)) {
			if !tied[a] && (!tied[""] || a != alias[a]) {
				broken = append(broken, "no market is named for "+alias[a]+" "+a)
			}
		}
	}
	if !concerned {
		return broken, false
	}
	for _, m := range into.FindAllStringSubmatch(sql, -1) {
		if migrations.Places[m[1]] == migrations.Distributed && m[2] != "market_id" {
			broken = append(broken, "a row of "+m[1]+" begins with its market")
		}
	}
	for _, m := range values.FindAllStringSubmatch(strings.Join(levels(sql), "\n"), -1) {
		if migrations.Places[m[1]] == migrations.Distributed {
			broken = append(broken, "a row of "+m[1]+" is not made of subqueries: INSERT … SELECT")
		}
	}
	if strings.Contains(sql, "EXISTS (SELECT FROM") {
		broken = append(broken, "a subquery that Citus reads beforehand has a column: EXISTS (SELECT 1 FROM …")
	}
	if len(broken) > 0 && locks.MatchString(sql) {
		broken = append(broken, "rows are locked in one market only")
	}
	if strings.Contains(sql, "SKIP LOCKED") {
		broken = append(broken, "SKIP LOCKED is for plain tables")
	}
	for _, m := range writes.FindAllStringSubmatch(sql, -1) {
		if migrations.Places[m[2]] == migrations.Distributed && volatile.MatchString(sql) {
			broken = append(broken, "what is written to "+m[2]+" is the same on every server: "+volatile.FindString(sql))
		}
	}
	return broken, true
}

// tiedIn are the tables, by the letters they have in a statement, whose market is a parameter, or that of one of those.
func tiedIn(sql string) map[string]bool {
	tied := map[string]bool{}
	for range 6 { // as far as a chain of joins goes
		for _, m := range equality.FindAllStringSubmatch(sql, -1) {
			switch {
			case m[2] != "" || tied[m[3]]:
				tied[m[1]] = true
			case tied[m[1]]:
				tied[m[3]] = true
			}
		}
		for _, m := range reversed.FindAllStringSubmatch(sql, -1) {
			switch {
			case m[2] != "" || tied[m[1]]:
				tied[m[3]] = true
			case tied[m[3]] && m[1] != "":
				tied[m[1]] = true
			}
		}
	}
	return tied
}

func TestRulesFindWhatBreaksThem(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, sql, want string }{
		{"one market", `SELECT v.name FROM vendors v JOIN accounts a ON a.market_id = v.market_id AND a.vendor_id = v.id WHERE v.market_id = @market`, ""},
		{"no market", `SELECT name FROM vendors WHERE id = @id`, "no market"},
		{"joined without", `SELECT v.name FROM vendors v JOIN accounts a ON a.vendor_id = v.id WHERE v.market_id = @market`, "accounts a"},
		{"a local table", `SELECT name FROM people WHERE id = @id`, ""},
		{"another order of columns", `INSERT INTO visits (id, market_id) VALUES (@id, @market)`, "begins with its market"},
		{"locked in all markets", `SELECT id FROM vendors WHERE id = @id FOR UPDATE`, "one market only"},
		{"the servers' clocks", `UPDATE vendors SET removed_at = clock_timestamp() WHERE market_id = @market`, "clock_timestamp"},
		{"a queue", `SELECT id FROM tasks WHERE market_id = @market FOR UPDATE SKIP LOCKED`, "SKIP LOCKED"},
		{"below a reference table", `SELECT m.code FROM markets m WHERE EXISTS (SELECT 1 FROM visits v WHERE v.market_id = m.id)`, "visits v"},
		{"a subquery that trusts the outer one", `SELECT a.id, (SELECT max(d.decision) FROM account_decisions d WHERE d.market_id = a.market_id) FROM accounts a WHERE a.market_id = @market`, "account_decisions d"},
		{"the same, told which market", `SELECT a.id, (SELECT max(d.decision) FROM account_decisions d WHERE d.market_id = @market) FROM accounts a WHERE a.market_id = @market`, ""},
		{"one arm of two", `SELECT id FROM vendors WHERE market_id = @market UNION ALL SELECT id FROM visits`, "visits"},
		{"joined with what was cut off", `SELECT v.id FROM (SELECT a.market_id FROM accounts a WHERE a.market_id = @market OFFSET 0) a JOIN vendors v ON v.market_id = a.market_id`, "vendors v"},
		{"a row made of a subquery", `INSERT INTO stalls (market_id, position) VALUES (@market, (SELECT max(position) FROM stalls WHERE market_id = @market))`, "not made of subqueries"},
		{"no column", `SELECT EXISTS (SELECT FROM visits WHERE market_id = @market)`, "has a column"},
		{"a share of a reference table", `SELECT FROM markets WHERE id = @market FOR KEY SHARE`, "share of a lock"},
		{"serializable", `SET TRANSACTION ISOLATION LEVEL SERIALIZABLE`, "SERIALIZABLE"},
	} {
		got, _ := rules(tt.sql)
		if all := strings.Join(got, "; "); tt.want == "" && all != "" || !strings.Contains(all, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, all, tt.want)
		}
	}
}

// statements reads every string with SQL in it that the program's own packages hold, tests and benchmarks left out.
func statements(t *testing.T) (all []statement) {
	t.Helper()
	const root = ".."
	folders, files := map[string][]*ast.File{}, token.NewFileSet()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); path != root && (strings.HasPrefix(name, ".") || slices.Contains([]string{"testdata", "bench", "pgtest", "migrations"}, name)) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(files, path, nil, 0)
		folders[filepath.Dir(path)] = append(folders[filepath.Dir(path)], file)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, parsed := range folders {
		texts := texts{}
		for _, f := range parsed {
			ast.Inspect(f, func(n ast.Node) bool {
				if v, ok := n.(*ast.ValueSpec); ok && len(v.Names) == len(v.Values) {
					for i, name := range v.Names {
						texts[name.Name] = v.Values[i]
					}
				}
				return true
			})
		}
		for _, f := range parsed {
			for _, d := range f.Decls {
				function, ok := d.(*ast.FuncDecl)
				if !ok { // a constant is looked at where it is used
					continue
				}
				ast.Inspect(function, func(n ast.Node) bool {
					e, ok := n.(ast.Expr)
					if !ok || !texts.are(e, 0) {
						return true
					}
					if sql := texts.of(e, 0); sqlish.MatchString(sql) || lasting.MatchString(sql) {
						at := files.Position(e.Pos())
						path := filepath.ToSlash(strings.TrimPrefix(at.Filename, root+string(filepath.Separator)))
						all = append(all, statement{path, at.Line, function.Name.Name, sql})
					}
					return false
				})
			}
		}
	}
	return all
}

// texts are a package's constants and variables, by name.
type texts map[string]ast.Expr

// are reports whether an expression is text, in part at least.
func (c texts) are(e ast.Expr, deep int) bool {
	switch e := e.(type) {
	case *ast.BasicLit:
		return e.Kind == token.STRING
	case *ast.BinaryExpr:
		return e.Op == token.ADD && (c.are(e.X, deep) || c.are(e.Y, deep))
	case *ast.Ident:
		return c[e.Name] != nil && deep < 8 && c.are(c[e.Name], deep+1)
	}
	return false
}

func (c texts) of(e ast.Expr, deep int) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if s, err := strconv.Unquote(e.Value); err == nil {
			return s
		}
	case *ast.BinaryExpr:
		return c.of(e.X, deep) + c.of(e.Y, deep)
	case *ast.Ident:
		if c.are(e, deep) {
			return c.of(c[e.Name], deep+1)
		}
	}
	return "…"
}
