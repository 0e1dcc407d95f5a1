package mapping

import (
	"slices"

	"headway/services/importer/internal/match"
	"headway/services/importer/internal/schema"
)

// knownTitles are texts that are headers of the schema, or similar to them.
type knownTitles struct {
	labels labels
	names  [][]string
	// similar are texts that were compared. left is how many more comparisons with a column can be made.
	similar map[string]bool
	left    int
}

// maxSimilar is the number of comparisons of a text with the names of a column, and likelyTitle the score from which they are alike.
const (
	maxSimilar  = 20_000
	likelyTitle = .7
)

func newKnownTitles(s *schema.Schema) *knownTitles {
	t := &knownTitles{labels: newLabels(s, nil), similar: map[string]bool{}, left: maxSimilar}
	for _, spec := range s.Sheets {
		for _, c := range spec.Columns {
			t.names = append(t.names, c.Names())
		}
	}
	return t
}

// has reports whether a text is a header of the schema, or similar to one: a translation, for example.
func (t *knownTitles) has(title []byte) bool {
	if t.labels[labelOf(string(title))] {
		return true
	}
	text := string(title)
	similar, compared := t.similar[text]
	if !compared && t.left >= len(t.names) {
		t.left -= len(t.names)
		similar = slices.ContainsFunc(t.names, func(names []string) bool { return match.Names([]string{text}, names) >= likelyTitle })
		t.similar[text] = similar
	}
	return similar
}
