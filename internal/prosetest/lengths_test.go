package prosetest

import (
	"bytes"
	"path"
	"regexp"
	"testing"
)

// longestFile is the most lines of a source file without a reason in its head.
const longestFile = 400

// reason is the comment that explains why a file is longer, among its first lines.
var reason = regexp.MustCompile(`(?m)^(//|#|--|/\*| \*|\t\*)? *Length: \S`)

func TestLongFilesGiveReason(t *testing.T) {
	for _, file := range tracked(t) {
		switch path.Ext(file) {
		case ".go", ".ts", ".tsx", ".mjs", ".css", ".py", ".proto", ".sql", ".html", ".yaml", ".yml", "": // "" is for scripts
		default:
			continue
		}
		source := contents(t, file)
		lines := bytes.Count(source, []byte("\n"))
		head := source[:min(len(source), 3000)]
		if lines > longestFile && !reason.Match(head) {
			t.Error(hit{file, lines, "is above 400 lines; split it, or give the reason in a head comment that starts with Length:"})
		}
	}
}
