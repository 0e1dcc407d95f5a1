// Package prosetest checks the texts of this repository: the words of comments, messages, documents, and test names, the
// paths and names in documents, and the length of files.
//
// words.txt is the table of words. HEADWAY_PROSE_DIR limits the check of words to files below a directory.
// HEADWAY_PROSE_OUT names a file that gets all hits.
package prosetest

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// root is the repository's root directory.
var root = filepath.Join("..", "..")

// tracked returns the paths of all files in the repository that people write, in slash form.
func tracked(t *testing.T) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", "ls-files", "-z")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("list the tracked files: %v", err)
	}
	var files []string
	for name := range strings.SplitSeq(strings.TrimRight(string(out), "\x00"), "\x00") {
		if written(name) {
			files = append(files, name)
		}
	}
	return files
}

// written reports whether people of this project write the file.
func written(name string) bool {
	for _, prefix := range []string{"gen/", "third_party/", "examples/character/sheet/", "internal/prosetest/"} {
		if strings.HasPrefix(name, prefix) {
			return false
		}
	}
	base := path.Base(name)
	return !strings.Contains(name, "testdata/") && !strings.HasSuffix(name, ".gen.ts") && !strings.HasSuffix(name, ".sum") &&
		base != "package-lock.json" && base != "go.mod"
}

func contents(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if os.IsNotExist(err) {
		return nil // deleted, and not committed yet
	}
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// rule is one row of words.txt.
type rule struct {
	pattern, unless *regexp.Regexp
	instead         string
	except          []string
}

// rules reads words.txt: the rules of each kind of text.
func rules(t *testing.T) map[string][]rule {
	t.Helper()
	table, err := os.ReadFile("words.txt")
	if err != nil {
		t.Fatal(err)
	}
	compile := func(pattern string) *regexp.Regexp {
		return regexp.MustCompile("(?im)" + strings.ReplaceAll(pattern, " ", `\s+`))
	}
	found, kind := map[string][]rule{}, ""
	for line := range strings.Lines(string(table)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if strings.HasPrefix(line, "[") {
			kind = line[1:strings.Index(line, "]")]
			continue
		}
		pattern, rest, ok := strings.Cut(line, "=>")
		if !ok || kind == "" {
			t.Fatalf("words.txt: %q is not a row; write pattern => what to write", line)
		}
		r := rule{}
		if before, after, ok := strings.Cut(rest, "except:"); ok {
			rest = before
			for prefix := range strings.SplitSeq(after, ",") {
				r.except = append(r.except, strings.TrimSpace(prefix))
			}
		}
		if before, after, ok := strings.Cut(rest, "unless:"); ok {
			rest, r.unless = before, compile(strings.TrimSpace(after))
		}
		r.pattern, r.instead = compile(strings.TrimSpace(pattern)), strings.TrimSpace(rest)
		if kind == "names" {
			r.pattern = regexp.MustCompile(strings.TrimSpace(pattern)) // the case of identifiers counts
		}
		found[kind] = append(found[kind], r)
	}
	for _, kind := range []string{"prose", "comments", "strings", "names"} {
		if len(found[kind]) == 0 {
			t.Fatalf("words.txt has no rows of the kind %q", kind)
		}
	}
	return found
}

// hits returns the places of text that the rule doesn't allow in the file.
func (r *rule) hits(file, text string) (at [][]int) {
	for _, prefix := range r.except {
		if strings.HasPrefix(file, prefix) {
			return nil
		}
	}
	at = r.pattern.FindAllStringIndex(text, -1)
	if len(at) == 0 || r.unless == nil {
		return at
	}
	allowed := r.unless.FindAllStringIndex(text, -1)
	return slices.DeleteFunc(at, func(hit []int) bool {
		return slices.ContainsFunc(allowed, func(ok []int) bool { return ok[0] < hit[1] && hit[0] < ok[1] })
	})
}

// hit is a place that a rule, or a limit, doesn't allow.
type hit struct {
	file string
	line int
	text string
}

func (h hit) String() string { return fmt.Sprintf("%s:%d: %s", h.file, h.line, h.text) }

func TestProse(t *testing.T) {
	table := rules(t)
	only := strings.TrimSuffix(os.Getenv("HEADWAY_PROSE_DIR"), "/")
	var hits []hit
	for _, file := range tracked(t) {
		if only != "" && file != only && !strings.HasPrefix(file, only+"/") {
			continue
		}
		source := contents(t, file)
		for _, s := range spans(file, source) {
			hits = append(hits, s.check(file, table)...)
		}
	}
	slices.SortFunc(hits, func(a, b hit) int { return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.line, b.line)) })
	if len(hits) > 0 {
		t.Errorf("%d hits; words.txt says what to write instead:\n%s", len(hits), list(hits))
	}
	if out := os.Getenv("HEADWAY_PROSE_OUT"); out != "" {
		if err := os.WriteFile(out, []byte(list(hits)), 0o644); err != nil {
			t.Error(err)
		}
	}
}

func list(hits []hit) string {
	var text strings.Builder
	for _, h := range hits {
		fmt.Fprintln(&text, h)
	}
	return text.String()
}

// longestTestName is the most characters of a test's name after "Test".
const longestTestName = 48

var article = regexp.MustCompile(`^(A|An|The|What)[A-Z0-9]`)

// check returns the hits in one span of a file.
func (s span) check(file string, table map[string][]rule) (hits []hit) {
	test := strings.HasSuffix(file, "_test.go") || strings.Contains(file, ".test.")
	var kinds []string
	switch s.kind {
	case identifier:
		kinds = []string{"names"}
	case comment:
		kinds = []string{"prose", "comments"}
	case literal:
		kinds = []string{"prose"}
		if !test {
			kinds = append(kinds, "strings")
		}
	default:
		kinds = []string{"prose"}
	}
	if s.kind == testName {
		name := strings.ReplaceAll(s.text, " ", "")
		if len(name) > longestTestName {
			hits = append(hits, hit{file, s.line, fmt.Sprintf("Test%s has %d characters after Test; the limit is %d", name, len(name), longestTestName)})
		}
		if article.MatchString(name) {
			hits = append(hits, hit{file, s.line, fmt.Sprintf("Test%s starts with an article or What; name the subject", name)})
		}
	}
	for _, kind := range kinds {
		for _, r := range table[kind] {
			for _, at := range r.hits(file, s.text) {
				line := s.line + strings.Count(s.text[:at[0]], "\n")
				found := strings.Join(strings.Fields(s.text[at[0]:at[1]]), " ")
				hits = append(hits, hit{file, line, fmt.Sprintf("%q: %s", found, r.instead)})
			}
		}
	}
	return hits
}
