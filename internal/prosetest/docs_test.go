package prosetest

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	inline = regexp.MustCompile("`([^`\n]+)`")
	folder = regexp.MustCompile(`(?:^|\s)\./([\w./-]+)`)
	link   = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	named  = regexp.MustCompile(`^[\w.-]+(/[\w.@-]+)*/?$`)
	source = regexp.MustCompile(`^[\w-]+(/[\w.-]+)*\.(go|sql|proto|tsx?|mjs)$`)
)

// documents returns the pages that describe the repository as it is. The changelog also names what is gone.
func documents(t *testing.T) (pages []string) {
	t.Helper()
	for _, file := range tracked(t) {
		if path.Ext(file) == ".md" && file != "CHANGELOG.md" {
			pages = append(pages, file)
		}
	}
	return pages
}

func exists(file string) bool {
	_, err := os.Stat(filepath.Join(root, filepath.FromSlash(file)))
	return err == nil
}

// roots returns the names of the folders and files that a path in the repository can start with.
func roots(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, file := range tracked(t) {
		first, _, _ := strings.Cut(file, "/")
		names[first] = true
	}
	return names
}

// ends returns the paths of the repository's files, and every end of them: job/lease.go and lease.go.
func ends(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, file := range tracked(t) {
		for more := true; more; _, file, more = strings.Cut(file, "/") {
			found[file] = true
		}
	}
	return found
}

func TestDocumentedPathsExist(t *testing.T) {
	known, files := roots(t), ends(t)
	for _, page := range documents(t) {
		text := string(contents(t, page))
		var paths []string
		for _, code := range inline.FindAllStringSubmatch(text, -1) {
			first, rest, isPath := strings.Cut(code[1], "/")
			if named.MatchString(code[1]) && known[first] && isPath && rest != "" {
				paths = append(paths, code[1])
			} else if source.MatchString(code[1]) && !files[code[1]] {
				t.Errorf("%s names %s, but no file has this name", page, code[1])
			}
		}
		for _, m := range folder.FindAllStringSubmatch(text, -1) {
			paths = append(paths, strings.TrimSuffix(m[1], "/..."))
		}
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			target, _, _ := strings.Cut(m[1], "#")
			if target != "" && !strings.Contains(target, "://") {
				paths = append(paths, path.Join(path.Dir(page), target))
			}
		}
		for _, p := range paths {
			if strings.HasPrefix(p, "bin/") || strings.HasPrefix(p, "data/") || p == "data" {
				continue // not in the repository
			}
			if !exists(p) && !generated(p) {
				t.Errorf("%s names %s, which does not exist", page, p)
			}
		}
	}
}

// generated reports whether the path is made by a build, or is the name of a tag.
func generated(p string) bool {
	return strings.Contains(p, "/dist/") || strings.HasPrefix(p, "node_modules") || strings.HasSuffix(p, "/vX.Y.Z")
}

func TestDecisionRecordsFollowTemplate(t *testing.T) {
	index := string(contents(t, "docs/decisions/README.md"))
	numbered := map[string]string{}
	for _, page := range documents(t) {
		name, ok := strings.CutPrefix(page, "docs/decisions/")
		if !ok || name == "README.md" {
			continue
		}
		if other := numbered[name[:4]]; other != "" {
			t.Errorf("%s and %s have the same number; use the next free one", other, name)
		}
		numbered[name[:4]] = name
		text := string(contents(t, page))
		if !strings.HasPrefix(text, "# "+name[:4]+" ") {
			t.Errorf("%s: the title must start with the number %s", page, name[:4])
		}
		at := 0
		for _, part := range []string{"Context", "Decision", "Consequences", "What would reverse it"} {
			next := strings.Index(text, "\n## "+part+"\n")
			if next < at {
				t.Errorf("%s has no part %q after the one before it", page, part)
			}
			at = max(at, next)
		}
		if lines := strings.Count(text, "\n"); lines > 60 {
			t.Errorf("%s has %d lines; a record has at most one page, which is 60 lines", page, lines)
		}
		if !strings.Contains(index, "("+name+")") {
			t.Errorf("docs/decisions/README.md does not list %s", name)
		}
	}
	if len(numbered) == 0 {
		t.Error("there are no decision records")
	}
	listed := regexp.MustCompile(`(?m)^- \[(\d{4})\]`).FindAllStringSubmatch(index, -1)
	for i := 1; i < len(listed); i++ {
		if before, number := listed[i-1][1], listed[i][1]; number <= before {
			t.Errorf("docs/decisions/README.md lists %s after %s", number, before)
		}
	}
}

// TestChangelogHasEachEntryOnce finds what merges of entries leave: an entry in two versions, or a part of one.
func TestChangelogHasEachEntryOnce(t *testing.T) {
	const run = 10 // words in a row that two entries don't share by chance
	entries := regexp.MustCompile(`(?m)^- (?:.+\n)(?:  .+\n)*`).FindAllString(string(contents(t, "CHANGELOG.md")), -1)
	if len(entries) == 0 {
		t.Fatal("CHANGELOG.md has no entries")
	}
	first := map[string]int{}
	for i, entry := range entries {
		words := strings.Fields(entry)
		if !strings.HasSuffix(words[len(words)-1], ".") {
			t.Errorf("CHANGELOG.md has a part of an entry: %s", strings.Join(words, " "))
		}
		for n := run; n <= len(words); n++ {
			text := strings.Join(words[n-run:n], " ")
			if other, seen := first[text]; seen && other != i {
				t.Errorf("CHANGELOG.md has two entries with %q. Keep one of them", text)
				break
			}
			first[text] = i
		}
	}
}

// TestArchitectureIsReadInFiveMinutes keeps the promise of CONTRIBUTING.md, at 260 words per minute.
func TestArchitectureIsReadInFiveMinutes(t *testing.T) {
	const limit = 5 * 260
	if words := len(strings.Fields(string(contents(t, "docs/architecture.md")))); words > limit {
		t.Errorf("docs/architecture.md has %d words. Shorten it to %d, which take five minutes", words, limit)
	}
}
