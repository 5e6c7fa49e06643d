package main_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// floors are the oldest versions that may be built in, and where one is the only right one (SECURITY_MODEL section 11): below them
// are known ways in, and excelize 2.11.1 cannot be had.
var floors = []struct {
	module, version string
	exactly         bool
}{
	{"github.com/labstack/echo/v4", "v4.16.0", false},
	{"github.com/jackc/pgx/v5", "v5.9.2", false},
	{"github.com/xuri/excelize/v2", "v2.11.0", true},
}

func TestFloors(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"../../go.mod", "../../internal/bench/go.mod"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "replace") && file == "../../go.mod" {
			t.Errorf("%s replaces a module: what is built in is then not what it says", file)
		}
		for _, f := range floors {
			m := regexp.MustCompile(`(?m)^\s*(?:require )?` + regexp.QuoteMeta(f.module) + ` (v\S+)`).FindSubmatch(text)
			switch {
			case m == nil && file == "../../go.mod":
				t.Errorf("%s does not name %s", file, f.module)
			case m == nil:
			case f.exactly && string(m[1]) != f.version || older(t, string(m[1]), f.version):
				t.Errorf("%s has %s %s, want %s", file, f.module, m[1], f.version)
			}
		}
	}
	for _, tt := range []struct {
		a, b string
		want bool
	}{{"v4.9.9", "v4.16.0", true}, {"v4.16.0", "v4.16.0", false}, {"v5.12.0", "v5.9.2", false}, {"v5.9.2-rc.1", "v5.9.2", true}, {"v5.9.1", "v5.9.2", true}} {
		if got := older(t, tt.a, tt.b); got != tt.want {
			t.Errorf("%s is older than %s: %v", tt.a, tt.b, got)
		}
	}
}

// older compares versions; what stands before a release is older than it.
func older(t *testing.T, a, b string) bool {
	t.Helper()
	parts := func(v string) (all []int) {
		v, early, _ := strings.Cut(strings.TrimPrefix(v, "v"), "-")
		for p := range strings.SplitSeq(v, ".") {
			n, err := strconv.Atoi(p)
			if err != nil {
				t.Fatalf("version %s: %v", v, err)
			}
			all = append(all, n)
		}
		if early != "" {
			return append(all, -1)
		}
		return append(all, 0)
	}
	return slices.Compare(parts(a), parts(b)) < 0
}

// forbidden are names that no file of the product may use, and the one file that may, to refuse it.
var forbidden = map[string]string{
	"GetRows":                     "",                          // excelize's reads a whole sheet: a file of 2 KB kills it
	"QueryExecModeSimpleProtocol": "internal/postgres/pool.go", // pgx's puts values into the statement's text
	"PreferSimpleProtocol":        "",
	"simple_protocol":             "",
}

func TestForbiddenCalls(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	files, seen := 0, map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		files++
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		tree, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			used := ""
			switch n := n.(type) {
			case *ast.Ident:
				used = n.Name
			case *ast.BasicLit:
				for word := range forbidden {
					if n.Kind == token.STRING && strings.Contains(n.Value, word) {
						used = word
					}
				}
			}
			if allowed, ok := forbidden[used]; ok {
				if seen[used] = true; name != allowed {
					t.Errorf("%s uses %s", name, used)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 100 || !seen["QueryExecModeSimpleProtocol"] {
		t.Errorf("only %d files were read, and found was %v", files, seen)
	}
}
