package prosetest

import (
	"bytes"
	"path"
	"regexp"
	"slices"
	"testing"
)

// longestFile is the most lines of a source file without a reason in its head.
const longestFile = 400

// withLongFiles are the directories that still have long files without a reason. Delete a directory when it has none.
var withLongFiles = []string{"services/edge", "services/importer/internal/load"}

// reason is the comment that says why a file is longer, among its first lines.
var reason = regexp.MustCompile(`(?m)^(//|/\*| \*|\t\*)? *Length: \S`)

func TestLongFilesGiveReason(t *testing.T) {
	var hits []hit
	for _, file := range tracked(t) {
		switch path.Ext(file) {
		case ".go", ".ts", ".tsx", ".mjs", ".css":
		default:
			continue
		}
		source := contents(t, file)
		lines := bytes.Count(source, []byte("\n"))
		head := source[:min(len(source), 3000)]
		if lines > longestFile && !reason.Match(head) {
			hits = append(hits, hit{file, lines, "is above 400 lines; split it, or give the reason in a head comment that starts with Length:"})
		}
	}
	for _, h := range hits {
		if slices.Contains(withLongFiles, path.Dir(h.file)) {
			t.Log(h)
		} else {
			t.Error(h)
		}
	}
}
