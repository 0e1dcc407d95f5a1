package schema

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// maxIdentifier is the longest name that no database truncates. PostgreSQL truncates after 63 bytes.
const maxIdentifier = 63

var identifier = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)

// systemNames are reserved by SQLite or PostgreSQL in every table. The prefixes are reserved by SQLite and Headway.
var (
	systemNames    = []string{"rowid", "oid", "ctid", "tableoid", "xmin", "xmax", "cmin", "cmax"}
	systemPrefixes = []string{"sqlite_", "headway_"}
)

// checkIdentifier checks that a name is the same in every database, needs no escaping, and is not used by the database
// itself. Words that SQL reserves are allowed, because statements quote every name.
func (l *loader) checkIdentifier(at *yaml.Node, name string) {
	if len(name) > maxIdentifier {
		l.add(at, BadIdentifier, "%q has %d characters. The maximum is %d", name, len(name), maxIdentifier)
		return
	}
	if !identifier.MatchString(name) {
		l.add(at, BadIdentifier, "%q is not a valid name. Use lower snake case, for example %s: a letter, and then a-z, 0-9, and single underscores", name, snake(name))
		return
	}
	if slices.Contains(systemNames, name) {
		l.add(at, BadIdentifier, "%q is reserved by databases. Choose another name", name)
	}
	for _, p := range systemPrefixes {
		if strings.HasPrefix(name, p) {
			l.add(at, BadIdentifier, "names that begin with %q are reserved. Choose another name", p)
		}
	}
}

// ReservedName reports whether databases reserve a name, so that no schema can use it.
func ReservedName(name string) bool {
	return slices.Contains(systemNames, name) || slices.ContainsFunc(systemPrefixes, func(p string) bool { return strings.HasPrefix(name, p) })
}

// snake proposes a valid name for an invalid one.
func snake(name string) string {
	parts := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	proposal := strings.Join(parts, "_")
	if !identifier.MatchString(proposal) {
		return "hired_on"
	}
	return proposal
}

// didYouMean proposes the most similar known word. It returns nothing if no word is similar.
func didYouMean(word string, known []string) string {
	best, distance := "", 3
	for _, k := range known {
		if d := editDistance(strings.ToLower(word), k); d < distance {
			best, distance = k, d
		}
	}
	if best == "" {
		return ""
	}
	return ". Did you mean \"" + best + "\"?"
}

// editDistance returns the Levenshtein distance between two short words.
func editDistance(a, b string) int {
	if utf8.RuneCountInString(a) > 2*maxIdentifier {
		return maxIdentifier
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost++
			}
			diagonal = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
