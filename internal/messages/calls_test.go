package messages

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// code is the code of the programs.
type code struct {
	t     *testing.T
	set   *token.FileSet
	files []*ast.File
	// makers are the parameters that functions return, by the names of the functions.
	makers map[string][]string
}

// constructors are the functions of this package that return a parameter. Their first argument is its name.
var constructors = []string{"Text", "Count", "Number", "Date", "At", "Part", "Any", "List"}

func parseCode(t *testing.T) *code {
	c := &code{t: t, set: token.NewFileSet(), makers: map[string][]string{}}
	for _, root := range []string{"../../services", "../../cmd", "../rpcerr", "."} {
		err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "storetest") {
				return err
			}
			file, err := parser.ParseFile(c.set, path, nil, parser.SkipObjectResolution)
			c.files = append(c.files, file)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range c.files {
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && returnsParameter(f.Type) && f.Body != nil {
				c.makers[f.Name.Name] = append(c.makers[f.Name.Name], c.names(f.Body)...)
			}
		}
	}
	return c
}

func returnsParameter(f *ast.FuncType) bool {
	if f.Results == nil || len(f.Results.List) != 1 {
		return false
	}
	s, ok := f.Results.List[0].Type.(*ast.SelectorExpr)
	return ok && s.Sel.Name == "Parameter"
}

// names returns the literal names of the parameters that a node makes itself, not for messages within.
func (c *code) names(n ast.Node) (names []string) {
	ast.Inspect(n, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if isMessage(call) {
			return false
		}
		if name := constructor(call); name != "" && len(call.Args) > 0 {
			if literal, ok := literal(call.Args[0]); ok {
				names = append(names, literal)
			}
		}
		return true
	})
	return names
}

// constructor returns the name of the function of this package that a call calls.
func constructor(call *ast.CallExpr) string {
	if s, ok := call.Fun.(*ast.SelectorExpr); ok {
		if x, ok := s.X.(*ast.Ident); ok && x.Name == "messages" && slices.Contains(constructors, s.Sel.Name) {
			return s.Sel.Name
		}
	}
	if f, ok := call.Fun.(*ast.Ident); ok && slices.Contains(constructors, f.Name) {
		return f.Name
	}
	return ""
}

// isMessage reports whether a call is one of New.
func isMessage(call *ast.CallExpr) bool {
	s, ok := call.Fun.(*ast.SelectorExpr)
	if ok {
		x, ok := s.X.(*ast.Ident)
		return ok && x.Name == "messages" && s.Sel.Name == "New"
	}
	f, ok := call.Fun.(*ast.Ident)
	return ok && f.Name == "New" && len(call.Args) > 0 && isLiteral(call.Args[0])
}

func isLiteral(e ast.Expr) bool { _, ok := literal(e); return ok }

func literal(e ast.Expr) (string, bool) {
	l, ok := e.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(l.Value)
	return text, err == nil
}

// nameOf returns the name of the parameter that an argument of New is.
func (c *code) nameOf(e ast.Expr, in *ast.FuncDecl) string {
	switch e := e.(type) {
	case *ast.CallExpr:
		if len(e.Args) > 0 && (constructor(e) != "" || c.hasName(e)) {
			if name, ok := literal(e.Args[0]); ok {
				return name
			}
		}
		name := ""
		switch f := e.Fun.(type) {
		case *ast.Ident:
			name = f.Name
		case *ast.SelectorExpr:
			name = f.Sel.Name
		}
		if made := slices.Compact(slices.Clone(c.makers[name])); len(made) == 1 {
			return made[0]
		}
	case *ast.Ident:
		return c.assigned(e.Name, in)
	}
	c.t.Errorf("%s: the name of the parameter is not found", c.set.Position(e.Pos()))
	return ""
}

// hasName reports whether a function of the code makes a parameter whose name is its first argument.
func (c *code) hasName(call *ast.CallExpr) bool {
	f, ok := call.Fun.(*ast.Ident)
	if !ok {
		return false
	}
	made, known := c.makers[f.Name]
	return known && len(made) == 0
}

// assigned returns the name of the parameter that a variable or a parameter of a function has.
func (c *code) assigned(variable string, in *ast.FuncDecl) (name string) {
	ast.Inspect(in, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for i, left := range n.Lhs {
				if id, ok := left.(*ast.Ident); ok && id.Name == variable && i < len(n.Rhs) {
					name = c.nameOf(n.Rhs[i], in)
				}
			}
		case *ast.Field:
			for _, id := range n.Names {
				if s, ok := n.Type.(*ast.SelectorExpr); ok && id.Name == variable && s.Sel.Name == "Parameter" {
					name = variable // is called as the parameter is
				}
			}
		}
		return true
	})
	if name == "" {
		c.t.Errorf("%s: the variable %s is not found", c.set.Position(in.Pos()), variable)
	}
	return name
}

// Every message that the code makes is in the catalogs, with exactly the parameters that it gets, and the code makes every message.
func TestCatalogHasMessagesOfTheCode(t *testing.T) {
	c := parseCode(t)
	texts := read(t, "issues.en.json")
	maps.Copy(texts, read(t, "files.en.json"))
	made := map[string]bool{}
	for _, file := range c.files {
		for _, d := range file.Decls {
			in, ok := d.(*ast.FuncDecl)
			if !ok {
				ast.Inspect(d, func(n ast.Node) bool {
					if call, ok := n.(*ast.CallExpr); ok && isMessage(call) {
						t.Errorf("%s: a message outside of a function", c.set.Position(call.Pos()))
					}
					return true
				})
				continue
			}
			ast.Inspect(in, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok || !isMessage(call) {
					return true
				}
				at := c.set.Position(call.Pos())
				id, ok := literal(call.Args[0])
				if !ok {
					t.Errorf("%s: the ID is not a literal", at)
					return true
				}
				text, ok := texts[id]
				if !ok {
					t.Errorf("%s: the catalogs have no message %q", at, id)
					return true
				}
				made[id] = true
				elements, err := parse(text)
				if err != nil {
					t.Fatal(err)
				}
				want := map[string]string{}
				used(elements, want)
				given := map[string]string{}
				for _, argument := range call.Args[1:] {
					given[c.nameOf(argument, in)] = ""
				}
				if names := slices.Sorted(maps.Keys(given)); !slices.Equal(names, slices.Sorted(maps.Keys(want))) || call.Ellipsis != token.NoPos {
					t.Errorf("%s: %s gets the parameters %q, and has %q", at, id, names, slices.Sorted(maps.Keys(want)))
				}
				return true
			})
		}
	}
	if len(made) < 150 {
		t.Errorf("only %d messages were found", len(made))
	}
	for id := range texts {
		if !made[id] {
			t.Errorf("nothing makes the message %s", id)
		}
	}
}

// The text of an issue, a notice, or a cell error comes from its message.
func TestCodeHasNoTextsAroundMessages(t *testing.T) {
	for _, file := range parseCode(t).files {
		ast.Inspect(file, func(n ast.Node) bool {
			c, ok := n.(*ast.CompositeLit)
			if !ok {
				return true
			}
			name := ""
			switch of := c.Type.(type) {
			case *ast.SelectorExpr:
				name = of.Sel.Name
			case *ast.Ident:
				name = of.Name
			}
			if !slices.Contains([]string{"Issue", "Notice", "Fault", "RootCause"}, name) {
				return true
			}
			for _, e := range c.Elts {
				kv, ok := e.(*ast.KeyValueExpr)
				if !ok {
					continue
				}
				if key, ok := kv.Key.(*ast.Ident); ok && key.Name == "Message" {
					if _, ok := kv.Value.(*ast.SelectorExpr); ok { // it copies that of an issue, a notice, or a root cause
						continue
					}
					if call, ok := kv.Value.(*ast.CallExpr); ok && len(call.Args) == 0 && strings.HasSuffix(callee(call), "English") {
						continue
					}
					t.Errorf("%s:%d: %s has a text that is not that of a message", file.Name.Name, kv.Pos(), name)
				}
			}
			return true
		})
	}
}

func callee(call *ast.CallExpr) string {
	if s, ok := call.Fun.(*ast.SelectorExpr); ok {
		return s.Sel.Name
	}
	return ""
}
