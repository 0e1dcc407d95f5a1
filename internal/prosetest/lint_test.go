package prosetest

import (
	"slices"
	"strings"
	"testing"
)

// TestLintFindsHits checks the lint itself: what it finds in each language, and what it leaves alone.
func TestLintFindsHits(t *testing.T) {
	table := rules(t)
	for _, test := range []struct {
		name, file, source string
		want               []string
	}{
		{"comments that wrap", "a.go", "package a\n\n// X is here under\n// way.\nvar x = 1\n", []string{`a.go:3: "under way"`}},
		{"code in backticks", "a.go", "package a\n\n// X runs `somebody` twice.\n", nil},
		{"string literals", "a.go", "package a\n\nvar x = \"wait; try again\" + \"the any more\"\n", []string{`a.go:3: "; try"`, `a.go:3: "any more"`}},
		{"strings in tests", "a_test.go", "package a\n\nvar x = \"wait; try again\"\n", nil},
		{"raw strings", "a.go", "package a\n\nvar x = `for nobody`\n", nil},
		{"flag help", "a.go", "package a\n\ntype t struct {\n\tX int `help:\"For nobody.\" name:\"x\"`\n}\n", []string{`a.go:4: "nobody"`}},
		{"test names", "a_test.go", "package a\n\nfunc TestNobodyWaits(t *testing.T) {}\n", []string{`a_test.go:3: "Nobody"`}},
		{"test names that start with an article", "a_test.go", "package a\n\nfunc TestAStream(t *testing.T) {}\n", []string{"a_test.go:3: TestAStream"}},
		{"long test names", "a_test.go", "package a\n\nfunc Test" + strings.Repeat("Long", 13) + "(t *testing.T) {}\n", []string{"a_test.go:3: TestLongLong"}},
		{"identifiers", "a.go", "package a\n\nvar outputLane = 1\n", []string{`a.go:3: "outputLane"`}},
		{"exceptions of a rule", "a.go", "package a\n\n// There is no such job, and this is no longer the newest first.\n", nil},
		{"documents without code", "a.md", "Mend it.\n\n```\nmend\n```\n`mend`\n", []string{`a.md:1: "Mend"`}},
		{"the last column of the glossary", "docs/glossary.md", "| term | avoid |\n| fix | mend |\n", nil},
		{"protos", "a.proto", "// A message for nobody.\nmessage A {}\n", []string{`a.proto:1: "nobody"`}},
		{"TypeScript", "a.ts", "const a = /'/; // nobody\nconst b = \"it goes on\";\n", []string{`a.ts:1: "nobody"`, `a.ts:2: "goes on"`}},
		{"JSX", "a.tsx", "const a = <p>It goes on.</p>;\n", []string{`a.tsx:1: "goes on"`}},
		{"CSS", "a.css", "/* For nobody. */\na { color: red }\n", []string{`a.css:1: "nobody"`}},
		{"SQL", "a.sql", "SELECT 1; -- for nobody\n", []string{`a.sql:1: "nobody"`}},
		{"the Makefile", "Makefile", "a: ## Write it anew\n", []string{`Makefile:1: "anew"`}},
		{"Python", "a.py", "\"\"\"Runs it\nanew.\"\"\"\nx = \"for nobody\"\n", []string{`a.py:2: "anew"`, `a.py:3: "nobody"`}},
		{"scripts", "run", "#!/bin/sh\necho 'It goes on.'\n", []string{`run:2: "goes on"`}},
		{"YAML", "a.yaml", "description: For nobody.\n", []string{`a.yaml:1: "nobody"`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, s := range spans(test.file, []byte(test.source)) {
				for _, h := range s.check(test.file, table) {
					got = append(got, h.String())
				}
			}
			slices.Sort(got)
			if len(got) != len(test.want) {
				t.Fatalf("hits are %q, want %q", got, test.want)
			}
			for i, want := range test.want {
				if !strings.HasPrefix(got[i], want) {
					t.Errorf("hit %d is %q, want %q", i, got[i], want)
				}
			}
		})
	}
}
