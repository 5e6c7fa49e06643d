package lang_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"cho40/internal/fault"
	"cho40/qrgen"
	registry "cho40/vendor_registry"
	"cho40/vendor_registry/fieldwork"
	"cho40/web/lang"

	"golang.org/x/text/unicode/norm"
)

const root = "../.."

// inTemplate finds {{t "…"}}, {{vi "…"}} and {{many .N "…" "…"}}.
var inTemplate = regexp.MustCompile(`\b(?:(?:t|vi) ` + quoted + `|many (?:\([^()]*\)|[$.\w]+) ` + quoted + ` ` + quoted + `)`)

// unwritten finds {{t .Words}}.
var unwritten = regexp.MustCompile(`\{\{[^}]*\b(?:t|vi|many (?:\([^()]*\)|[$.\w]+)) [$.(][^}]*\}\}`)

const quoted = "(`[^`]+`|\"(?:[^\"\\\\]|\\\\.)+\")"

// inModule finds t("…") and many(n, "…", "…") in the modules of the phone's app, as web/app.go does; unsaid what they say and nobody can find.
var (
	inModule = regexp.MustCompile(`\b(?:t\((` + jsQuoted + `)|many\([^",]+, (` + jsQuoted + `), (` + jsQuoted + `))`)
	unsaid   = regexp.MustCompile(`(?:^|[^.\w])(?:t\([^"]|many\((?:[^",]+, [^"]|[^",]+, ` + jsQuoted + `, [^"])).*`)
)

const jsQuoted = `"(?:[^"\\]|\\.)+"`

// spoken are the sentences of expressions that stand where a format is due, are no literals, and whose sentences come from afar.
// One that is not here, and near which mayBe finds no text, fails the test: write the sentence out, or say here where it is.
func spoken(t *testing.T) map[string][]string {
	passed := []string(nil) // its sentences are found where they were first said
	return map[string][]string{
		"format": passed, "one": passed, "many": passed,
		"t.Format":              passed,
		"in.Format":             passed,
		"r.Format":              passed,
		"f.Message()":           qrgen.Messages(),
		"http.StatusText(code)": titles(t),
		"barrier.Words":         wordsOf(registry.Barriers, func(b registry.Barrier) string { return b.Words }),
		"word.Words": wordsOf(slices.Concat(fieldwork.Outcomes, fieldwork.Checklist, fieldwork.Answers, fieldwork.TaskKinds),
			func(w fieldwork.Word) string { return w.Words }),
		"closing.Words": wordsOf(registry.Closings, func(c registry.Closing) string { return c.Words }),
		"card.Head":     wordsOf(fieldwork.Cards, func(c fieldwork.Card) string { return c.Head }),
		"paragraph":     slices.Concat(paragraphs()...),
	}
}

func wordsOf[T any](list []T, of func(T) string) []string {
	out := make([]string, len(list))
	for i, t := range list {
		out[i] = of(t)
	}
	return out
}

func paragraphs() (all [][]string) {
	for _, c := range fieldwork.Cards {
		all = append(all, c.Words)
	}
	return all
}

// words are what the record calls states and the like; they stand as values inside sentences.
func words(t *testing.T) map[string][]string {
	return map[string][]string{
		"account states": append(allowed(t, "account_decisions_word"), string(registry.StateProposed)),
		"placard states": allowed(t, "placards_state"),
		"placard events": keys(t, "vendor_registry/placard.go", "moves"),
		"roles":          allowed(t, "grants_role"),
		"stages":         registry.StageNames,
	}
}

// source is a Go file of the program's own, as a tree.
type source struct {
	path string // from the root
	file *ast.File
}

func (s source) at(n ast.Node) string { return s.path + ":" + strconv.Itoa(set.Position(n.Pos()).Line) }

var set = token.NewFileSet()

// sources are the program's Go files but tests, and the HTML of its templates by path.
func sources(t *testing.T) (code []source, templates map[string]string) {
	templates = map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(root, path)
		switch {
		case err != nil:
			return err
		case d.IsDir() && (strings.HasPrefix(d.Name(), ".") && path != root || slices.Contains([]string{"testdata", "gallery", "node_modules"}, d.Name())):
			return fs.SkipDir
		case d.IsDir() && path != root && isModule(path): // it speaks to developers
			return fs.SkipDir
		case strings.HasSuffix(path, ".html"):
			b, err := os.ReadFile(path)
			templates[name] = string(b)
			return err
		case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution|parser.ParseComments)
		code = append(code, source{filepath.ToSlash(name), file})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(code) < 50 {
		t.Fatalf("only %d Go files found: is %s still the root?", len(code), root)
	}
	return code, templates
}

// isModule reports whether a folder is a module of its own.
func isModule(folder string) bool {
	_, err := os.Stat(filepath.Join(folder, "go.mod"))
	return err == nil
}

// sentences are the English formats in the program, each with a place where it is said: whatever is given to a parameter named
// format (or one and many, of which a number chooses), put into a fault.Text, or handed to {{t …}} or {{many …}} in a template.
func sentences(t *testing.T) map[string]string {
	found := map[string]string{}
	code, templates := sources(t)
	for path, html := range templates {
		for _, m := range unwritten.FindAllString(html, -1) {
			t.Errorf("%s: nobody knows what %s says. Say it in Go, and show it here.", path, m)
		}
		for _, m := range inTemplate.FindAllStringSubmatch(html, -1) {
			for _, quoted := range m[1:] {
				if quoted == "" {
					continue
				}
				text, err := strconv.Unquote(quoted)
				if err != nil {
					t.Errorf("%s: %s: %v", path, quoted, err)
				}
				found[text] = path
			}
		}
	}

	modules, err := filepath.Glob(root + "/web/static/app/*.js")
	if err != nil || len(modules) == 0 {
		t.Fatalf("the modules of the phone's app: %v", err)
	}
	for _, path := range modules {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if bad := unsaid.FindString(string(b)); bad != "" && filepath.Base(path) != "words.js" {
			t.Errorf("%s: nobody knows what %q says. Write the sentence out there; say() is for words that came with the shell.", path, bad)
		}
		for _, m := range inModule.FindAllStringSubmatch(string(b), -1) {
			for _, quoted := range m[1:] {
				if quoted != "" {
					text, _ := strconv.Unquote(quoted)
					found[text] = path
				}
			}
		}
	}

	formatAt := map[string][]int{} // which arguments of a function are formats; "package.Name" or, of methods and closures, "folder Name"
	for _, s := range code {
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if at := formatsOf(n.Type); at != nil {
					formatAt[s.file.Name.Name+"."+n.Name.Name] = at
					formatAt[path.Dir(s.path)+" "+n.Name.Name] = at
					if n.Recv != nil && n.Name.IsExported() {
						formatAt["any "+n.Name.Name] = at
					}
				}
			case *ast.AssignStmt: // refuse := func(code, format string, …) {…}
				for i, e := range n.Rhs {
					f, isFunc := e.(*ast.FuncLit)
					name, isName := n.Lhs[i%len(n.Lhs)].(*ast.Ident)
					if isFunc && isName && formatsOf(f.Type) != nil {
						formatAt[path.Dir(s.path)+" "+name.Name] = formatsOf(f.Type)
					}
				}
			}
			return true
		})
	}
	known := spoken(t)
	used := map[string]bool{}
	constants := constantsOf(code)
	declared := declarations(code)
	for _, s := range code {
		folder := path.Dir(s.path)
		say := func(e ast.Expr) {
			if text, ok := literal(e, constants[folder]); ok {
				if text != "" {
					found[text] = s.at(e)
				}
				return
			}
			as := types.ExprString(e)
			list, ok := known[as]
			if !ok {
				list = mayBe(declared[folder], within(s.file, e))
				ok = len(list) > 0
			}
			if !ok {
				t.Errorf("%s: nobody knows what %s says, since it is no literal. See func spoken.", s.at(e), as)
			}
			used[as] = true
			for _, text := range list {
				found[text] = s.at(e)
			}
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				for _, name := range called(n.Fun, folder) {
					if places, ok := formatAt[name]; ok {
						for _, at := range places {
							if at < len(n.Args) {
								say(n.Args[at])
							}
						}
						break
					}
				}
			case *ast.CompositeLit:
				if n.Type == nil || !slices.Contains([]string{"fault.Text", "Text"}, types.ExprString(n.Type)) || len(n.Elts) == 0 {
					break
				}
				for i, e := range n.Elts {
					pair, named := e.(*ast.KeyValueExpr)
					switch {
					case named && types.ExprString(pair.Key) == "Format":
						say(pair.Value)
					case !named && i == 0:
						say(e)
					}
				}
			}
			return true
		})
	}
	for as := range known {
		if !used[as] {
			t.Errorf("nothing says %s any more: take it out of func spoken", as)
		}
	}
	for what, list := range words(t) {
		if len(list) < 2 {
			t.Errorf("%s: found only %q", what, list)
		}
		for _, word := range list {
			found[word] = what
		}
	}
	return found
}

// formatsOf are the places of the parameters that are formats: "format string" with its values behind, "one, many string".
func formatsOf(f *ast.FuncType) (places []int) {
	place := 0
	for _, field := range f.Params.List {
		for _, name := range field.Names {
			if slices.Contains([]string{"format", "one", "many"}, name.Name) && types.ExprString(field.Type) == "string" {
				places = append(places, place)
			}
			place++
		}
	}
	if len(places) > 0 && places[len(places)-1] != place-2 { // no values behind: fmt's or a spreadsheet's
		return nil
	}
	return places
}

// called are the names under which formatAt may know a function.
func called(fun ast.Expr, folder string) []string {
	switch f := fun.(type) {
	case *ast.Ident:
		return []string{folder + " " + f.Name}
	case *ast.SelectorExpr:
		return []string{types.ExprString(f.X) + "." + f.Sel.Name, folder + " " + f.Sel.Name, "any " + f.Sel.Name}
	}
	return nil
}

// constantsOf are the constant strings of each folder.
func constantsOf(code []source) map[string]map[string]string {
	all := map[string]map[string]string{}
	for _, s := range code {
		folder := path.Dir(s.path)
		if all[folder] == nil {
			all[folder] = map[string]string{}
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if d, ok := n.(*ast.GenDecl); ok && d.Tok == token.CONST {
				for _, spec := range d.Specs {
					v := spec.(*ast.ValueSpec)
					for i, e := range v.Values {
						if text, ok := literal(e, nil); ok {
							all[folder][v.Names[i].Name] = text
						}
					}
				}
			}
			return true
		})
	}
	return all
}

// literal is the text of a string literal, of several with + between them, or of a constant.
func literal(e ast.Expr, constants map[string]string) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			s, err := strconv.Unquote(e.Value)
			return s, err == nil
		}
	case *ast.Ident:
		s, ok := constants[e.Name]
		return s, ok
	case *ast.ParenExpr:
		return literal(e.X, constants)
	case *ast.BinaryExpr:
		a, okA := literal(e.X, constants)
		b, okB := literal(e.Y, constants)
		return a + b, okA && okB
	}
	return "", false
}

// mayBe are the sentences that a function may have put into a variable before it says it: all text that begins with a capital in
// the function, in the variables and functions of its own package that it names, and in the variables that those name.
func mayBe(declared map[string]ast.Node, function ast.Node) []string {
	var list []string
	seen := map[ast.Node]bool{}
	var walk func(n ast.Node, deep int)
	walk = func(n ast.Node, deep int) {
		if n == nil || seen[n] {
			return
		}
		seen[n] = true
		ast.Inspect(n, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.BasicLit:
				if text, ok := literal(n, nil); ok && sentence.MatchString(text) {
					list = append(list, text)
				}
			case *ast.Ident:
				_, isFunc := declared[n.Name].(*ast.FuncDecl)
				if deep == 0 || !isFunc {
					walk(declared[n.Name], deep+1)
				}
			}
			return true
		})
	}
	walk(function, 0)
	return list
}

var sentence = regexp.MustCompile(`^[A-Z][a-z0-9]*([ ,.:][^/]*)?$|^%s `) // and no name of a header

// declarations are the functions and variables of each folder by name.
func declarations(code []source) map[string]map[string]ast.Node {
	all := map[string]map[string]ast.Node{}
	for _, s := range code {
		folder := path.Dir(s.path)
		if all[folder] == nil {
			all[folder] = map[string]ast.Node{}
		}
		for _, d := range s.file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil {
					all[folder][d.Name.Name] = d
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if v, ok := spec.(*ast.ValueSpec); ok && d.Tok == token.VAR {
						for _, name := range v.Names {
							all[folder][name.Name] = v
						}
					}
				}
			}
		}
	}
	return all
}

// within is the declaration of a file that e stands in.
func within(file *ast.File, e ast.Expr) ast.Node {
	for _, d := range file.Decls {
		if d.Pos() <= e.Pos() && e.End() <= d.End() {
			return d
		}
	}
	return nil
}

// allowed are the words that a constraint of the schema allows in a column.
func allowed(t *testing.T, constraint string) []string {
	files, err := filepath.Glob(root + "/migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	in := regexp.MustCompile(`CONSTRAINT ` + constraint + `\s+CHECK \(\w+ IN \(([^)]*)\)\)`)
	var list []string
	for _, f := range files { // the last one that names it holds
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if m := in.FindStringSubmatch(string(b)); m != nil {
			list = strings.Split(strings.ReplaceAll(m[1], "'", ""), ", ")
		}
	}
	if list == nil {
		t.Fatalf("no migration has a constraint %s that lists words", constraint)
	}
	return list
}

// keys are the keys of a map that a file declares.
func keys(t *testing.T, file, variable string) (list []string) {
	inspect(t, file, func(n ast.Node) {
		if v, ok := n.(*ast.ValueSpec); ok && v.Names[0].Name == variable {
			for _, e := range v.Values[0].(*ast.CompositeLit).Elts {
				text, _ := literal(e.(*ast.KeyValueExpr).Key, nil)
				list = append(list, text)
			}
		}
	})
	if list == nil {
		t.Fatalf("%s declares no map %s", file, variable)
	}
	return list
}

// titles are those of the statuses that web/problem.go names.
func titles(t *testing.T) (list []string) {
	byName := map[string]string{}
	for code := 400; code < 600; code++ {
		if title := http.StatusText(code); title != "" {
			byName["Status"+strings.Map(func(r rune) rune {
				if unicode.IsLetter(r) {
					return r
				}
				return -1
			}, title)] = title
		}
	}
	inspect(t, "web/problem.go", func(n ast.Node) {
		if sel, ok := n.(*ast.SelectorExpr); ok && types.ExprString(sel.X) == "http" {
			if title, ok := byName[sel.Sel.Name]; ok {
				list = append(list, title)
			}
		}
	})
	if len(list) < 10 {
		t.Fatalf("web/problem.go names only the statuses %q", list)
	}
	return list
}

func inspect(t *testing.T, file string, visit func(ast.Node)) {
	tree, err := parser.ParseFile(set, filepath.Join(root, file), nil, parser.SkipObjectResolution|parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(tree, func(n ast.Node) bool {
		if n != nil {
			visit(n)
		}
		return true
	})
}

func TestEverySentenceIsSaidInVietnamese(t *testing.T) {
	var missing []string
	for s, where := range sentences(t) {
		if _, ok := lang.Vietnamese()[s]; !ok {
			missing = append(missing, strconv.Quote(s)+" ("+where+")")
		}
	}
	slices.Sort(missing)
	for _, m := range missing {
		t.Errorf("web/lang/vi.json lacks %s", m)
	}
}

// A sentence that nobody says any more, or that a changed one left behind.
func TestNothingIsTranslatedForNobody(t *testing.T) {
	said := sentences(t)
	for _, s := range slices.Sorted(maps.Keys(lang.Vietnamese())) {
		if said[s] == "" {
			t.Errorf("web/lang/vi.json holds %q, which nothing says", s)
		}
	}
}

var verb = regexp.MustCompile(`%(\[\d+\])?[-+ #0]*[\d.]*[a-zA-Z%]`)

// The Vietnamese sentence takes the same values as the English one.
func TestTranslationsTakeTheSameValues(t *testing.T) {
	for en, vi := range lang.Vietnamese() {
		if strings.TrimSpace(vi) == "" {
			t.Errorf("%q has an empty translation", en)
		}
		if a, b := verbs(en), verbs(vi); !slices.Equal(a, b) {
			t.Errorf("%q takes %v, its translation %q takes %v", en, a, vi, b)
		}
	}
}

// The voice of the service: no shouting, no begging, no talk of "the system"; one spelling of each letter.
func TestVoice(t *testing.T) {
	for en, vi := range lang.Vietnamese() {
		for _, never := range []string{"!", "vui lòng", "hệ thống", "...", "  "} {
			if strings.Contains(strings.ToLower(vi), never) {
				t.Errorf("%q says %q in %q", en, never, vi)
			}
		}
		if !norm.NFC.IsNormalString(vi) || strings.TrimSpace(vi) != vi {
			t.Errorf("%q: %q is not NFC, or has blanks around it", en, vi)
		}
		if strings.HasSuffix(en, ".") != (strings.HasSuffix(vi, ".") || strings.HasSuffix(vi, "?") && !strings.HasSuffix(en, "?")) {
			t.Errorf("%q and %q do not both end as a sentence", en, vi)
		}
	}
}

func verbs(format string) []string {
	found := verb.FindAllString(format, -1)
	for i, v := range found {
		if at := strings.IndexByte(v, ']'); at >= 0 {
			found[i] = "%" + v[at+1:]
		}
	}
	slices.Sort(found)
	return found
}

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		header string
		want   lang.Lang
	}{
		{"", lang.Vi}, {"en", lang.En}, {"en-GB,en;q=0.9", lang.En}, {"vi-VN,vi;q=0.9,en;q=0.8", lang.Vi},
		{"fr-FR,fr;q=0.9", lang.Vi}, {"fr, en;q=0.5", lang.En}, {"EN-us", lang.En}, {";;,,", lang.Vi},
	} {
		if got := lang.Parse(tt.header); got != tt.want {
			t.Errorf("Parse(%q) = %s, want %s", tt.header, got, tt.want)
		}
	}
}

func TestNumbers(t *testing.T) {
	for _, tt := range []struct {
		n      int
		vi, en string
	}{{0, "0", "0"}, {999, "999", "999"}, {1000, "1.000", "1,000"}, {1234567, "1.234.567", "1,234,567"}, {-1234, "-1.234", "-1,234"}, {-123, "-123", "-123"}} {
		if got := lang.Vi.Number(tt.n); got != tt.vi {
			t.Errorf("Vi.Number(%d) = %q, want %q", tt.n, got, tt.vi)
		}
		if got := lang.En.Number(tt.n); got != tt.en {
			t.Errorf("En.Number(%d) = %q, want %q", tt.n, got, tt.en)
		}
	}
	if got := lang.Vi.Percent(0.6226); got != "62,3 %" && got != "62,3\u00a0%" {
		t.Errorf("Vi.Percent(0.6226) = %q", got)
	}
}

// Words of our own inside a sentence are said in its language, somebody's own words as they are.
func TestValuesAreSaidInTheLanguage(t *testing.T) {
	day, err := registry.ParseDay("2026-11-02")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		say    fault.Text
		vi, en string
	}{
		{"state", fault.Say("%s", registry.StateApproved), "đã duyệt", "approved"},
		{"role", fault.Say("%s", registry.Clerk), "nhân viên ban quản lý", "clerk"},
		{"sentence", fault.Say("%s", fault.Say("approved")), "đã duyệt", "approved"},
		{"sentence with a value", fault.Say("(%s)", fault.Say("One of: %s.", "a, b")), "(Chọn một trong: a, b.)", "(One of: a, b.)"},
		{"somebody's word", fault.Say("%s", "approved"), "approved", "approved"},
		{"serial", fault.Say("%s", registry.Serial("7K3Q40M2VT7")), "7K3Q-40M2-VT7", "7K3Q-40M2-VT7"},
		{"fraction", fault.Say("%.2f mm", 0.5), "0,50 mm", "0.50 mm"},
		{"fraction, any verb", fault.Say("%v", 1.5), "1,5", "1.5"},
		{"whole", fault.Say("%d", 1500), "1500", "1500"},
		{"day", fault.Say("%s", day), "02/11/2026", "2026-11-02"},
	} {
		if got := lang.Vi.Text(tt.say); got != tt.vi {
			t.Errorf("%s in Vietnamese: %q, want %q", tt.name, got, tt.vi)
		}
		if got := lang.En.Text(tt.say); got != tt.en {
			t.Errorf("%s in English: %q, want %q", tt.name, got, tt.en)
		}
	}
}
