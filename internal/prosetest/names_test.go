package prosetest

import (
	"path"
	"regexp"
	"strings"
	"testing"
)

var (
	test     = regexp.MustCompile("`((?:Test|Benchmark|Fuzz)[A-Z]\\w*)[`/]")
	function = regexp.MustCompile(`(?m)^func ((?:Test|Benchmark|Fuzz)\w+)\(`)
	flag     = regexp.MustCompile("`--([a-z][a-z0-9-]+)")
	variable = regexp.MustCompile(`\bHEADWAY_[A-Z0-9_]+`)
	metric   = regexp.MustCompile("`(headway_[a-z_]+)[`{]")
	setting  = regexp.MustCompile("(?m)^\\s+(\\w+)\\s+\\S+\\s+`.*\\bhelp:\"")
	renamed  = regexp.MustCompile(`\bname:"([a-z0-9-]+)"`)
	hump     = regexp.MustCompile(`([a-z0-9])([A-Z])`)
)

// TestDocumentedNamesExist checks that pages name only tests, flags, environment variables, and metrics of this repository.
func TestDocumentedNamesExist(t *testing.T) {
	var all strings.Builder
	tests, flags := map[string]bool{}, map[string]bool{}
	for _, file := range tracked(t) {
		switch path.Ext(file) {
		case ".go", ".ts", ".mjs", ".css", ".py", ".yaml", "":
		default:
			continue
		}
		text := string(contents(t, file))
		all.WriteString(text)
		if path.Ext(file) != ".go" {
			continue
		}
		for _, m := range function.FindAllStringSubmatch(text, -1) {
			tests[m[1]] = true
		}
		for _, m := range setting.FindAllStringSubmatch(text, -1) {
			flags[strings.ToLower(hump.ReplaceAllString(m[1], "$1-$2"))] = true
		}
		for _, m := range renamed.FindAllStringSubmatch(text, -1) {
			flags[m[1]] = true
		}
	}
	code := all.String()
	for _, page := range documents(t) {
		text := string(contents(t, page))
		for _, m := range test.FindAllStringSubmatch(text, -1) {
			if !tests[m[1]] {
				t.Errorf("%s names the test %s, which does not exist", page, m[1])
			}
		}
		for _, m := range flag.FindAllStringSubmatch(text, -1) {
			if !flags[m[1]] && !strings.Contains(code, "--"+m[1]) {
				t.Errorf("%s names the flag --%s, which does not exist", page, m[1])
			}
		}
		for _, name := range variable.FindAllString(text, -1) {
			as := strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(name, "HEADWAY_"), "_", "-"))
			if !flags[as] && !strings.Contains(code, name) {
				t.Errorf("%s names the variable %s, which does not exist", page, name)
			}
		}
		for _, m := range metric.FindAllStringSubmatch(text, -1) {
			if !strings.Contains(code, m[1]) {
				t.Errorf("%s names %s, which does not exist", page, m[1])
			}
		}
	}
}

func TestEachThreatNamesTest(t *testing.T) {
	threats := 0
	for line := range strings.Lines(string(contents(t, "SECURITY.md"))) {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| ---") || strings.HasPrefix(line, "| threat |") {
			continue
		}
		threats++
		if !test.MatchString(line) {
			t.Errorf("SECURITY.md has a threat without a test: %s", line)
		}
	}
	if threats < 30 {
		t.Errorf("only %d threats were found in SECURITY.md", threats)
	}
}
