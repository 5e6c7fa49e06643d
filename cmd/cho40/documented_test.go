package main_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// Whoever reads a name that another package may use finds a sentence about it. Constants and variables of one group may share theirs.
func TestEveryExportedNameIsDocumented(t *testing.T) {
	t.Parallel()
	names := 0
	err := filepath.WalkDir(filepath.Join("..", ".."), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		files := token.NewFileSet()
		tree, err := parser.ParseFile(files, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range tree.Decls {
			for _, name := range undocumented(decl, &names) {
				t.Errorf("%s: nothing is said of %s", files.Position(decl.Pos()), name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if names < 500 {
		t.Errorf("only %d names were looked at", names)
	}
}

// undocumented are the exported names of a declaration without a comment; names counts all it looks at.
func undocumented(decl ast.Decl, names *int) (bare []string) {
	see := func(name *ast.Ident, said bool) {
		if name.IsExported() {
			if *names++; !said {
				bare = append(bare, name.Name)
			}
		}
	}
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil || ofExported(d.Recv.List[0].Type) {
			see(d.Name, d.Doc != nil)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				see(s.Name, d.Doc != nil || s.Doc != nil || s.Comment != nil)
			case *ast.ValueSpec:
				for _, name := range s.Names {
					see(name, d.Doc != nil || s.Doc != nil || s.Comment != nil)
				}
			}
		}
	}
	return bare
}

// ofExported reports whether a method's receiver is a type that another package can name.
func ofExported(of ast.Expr) bool {
	switch x := of.(type) {
	case *ast.StarExpr:
		return ofExported(x.X)
	case *ast.IndexExpr:
		return ofExported(x.X)
	case *ast.IndexListExpr:
		return ofExported(x.X)
	case *ast.Ident:
		return x.IsExported()
	}
	return false
}
