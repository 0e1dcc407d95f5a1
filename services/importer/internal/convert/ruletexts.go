package convert

import (
	"bytes"
	"cmp"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/text"
)

// compatible returns a text in Unicode's normal form KC: ﬁ is fi, Ａ is A, and ² is 2.
func compatible(s []byte) []byte {
	if norm.NFKC.IsNormal(s) {
		return s
	}
	return tidy(norm.NFKC.Bytes(s))
}

// tidy applies the rule for all texts again, because a change can leave a space at an end, or an accent that is not composed.
func tidy(s []byte) []byte {
	s, _, _ = text.Clean(s, nil)
	return s
}

// collapse replaces white space of any length with one space.
func collapse(s []byte) []byte {
	if !collapses(s) {
		return s
	}
	return tidy(bytes.Join(bytes.Fields(s), []byte{' '}))
}

func collapses(s []byte) bool {
	before := false
	for i := 0; i < len(s); {
		r, n := rune(s[i]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRune(s[i:])
		}
		space := unicode.IsSpace(r)
		if space && (before || r != ' ') {
			return true
		}
		before = space
		i += n
	}
	return false
}

// trim removes characters and white space at both ends.
func trim(s []byte, set string) []byte {
	if len(s) > 0 && stays(s[0], set) && stays(s[len(s)-1], set) {
		return s
	}
	return trimRunes(s, set)
}

func trimRunes(s []byte, set string) []byte {
	trimmed := bytes.TrimFunc(s, func(r rune) bool { return unicode.IsSpace(r) || bytes.ContainsRune([]byte(set), r) })
	if len(trimmed) == len(s) {
		return s
	}
	return tidy(trimmed)
}

// stays reports whether trim keeps a byte at the end of a text. It does not know for bytes that are not ASCII.
func stays(b byte, set string) bool { return ' ' < b && b < 0x7f && strings.IndexByte(set, b) < 0 }

func longestFirst(list []string) [][]byte {
	sorted := make([][]byte, len(list))
	for i, s := range list {
		sorted[i] = []byte(text.CleanString(s))
		if len(sorted[i]) == 0 {
			sorted[i] = []byte(s)
		}
	}
	slices.SortStableFunc(sorted, func(a, b []byte) int { return cmp.Compare(len(b), len(a)) })
	return sorted
}

// remove removes the first prefix and the first suffix that the text has.
func remove(s []byte, prefixes, suffixes [][]byte) []byte {
	out := s
	for _, p := range prefixes {
		if rest, ok := bytes.CutPrefix(out, p); ok {
			out = rest
			break
		}
	}
	for _, p := range suffixes {
		if rest, ok := bytes.CutSuffix(out, p); ok {
			out = rest
			break
		}
	}
	if len(out) == len(s) {
		return s
	}
	return tidy(out)
}

// replaceText replaces all occurrences of a text.
func replaceText(s []byte, old, with string) []byte {
	n := bytes.Count(s, []byte(old))
	if n == 0 {
		return s
	}
	if size := len(s) + n*(len(with)-len(old)); size > maxRuledText {
		return make([]byte, maxRuledText+1)
	}
	return tidy(bytes.ReplaceAll(s, []byte(old), []byte(with)))
}

// replacePattern replaces all matches of a pattern. With can have $1.
func replacePattern(s []byte, pattern *regexp.Regexp, with string) []byte {
	matches := pattern.FindAllSubmatchIndex(s, -1)
	if matches == nil {
		return s
	}
	var out []byte
	end := 0
	for _, m := range matches {
		out = pattern.ExpandString(append(out, s[end:m[0]]...), with, string(s), m)
		if end = m[1]; len(out) > maxRuledText {
			return out
		}
	}
	return tidy(append(out, s[end:]...))
}

// inCase returns a text with letters of one case.
func inCase(s []byte, c schema.Case) []byte {
	low, high := byte('a'), byte('z')
	if c == schema.Lower {
		low, high = 'A', 'Z'
	}
	same := true
	for _, b := range s {
		if b >= low && b <= high || b >= utf8.RuneSelf {
			same = false
			break
		}
	}
	if same {
		return s
	}
	// A composed letter can have another one that its parts don't have.
	for range 4 {
		out := []byte(c.Of(string(s)))
		if norm.NFC.IsNormal(out) && bytes.Equal(out, s) {
			break
		}
		s = tidy(out)
	}
	return s
}

// affix adds a prefix and a suffix to a text that does not have them.
func affix(s, prefix, suffix []byte) []byte {
	out := make([]byte, 0, len(prefix)+len(s)+len(suffix))
	if !bytes.HasPrefix(s, prefix) {
		out = append(out, prefix...)
	}
	out = append(out, s...)
	if !bytes.HasSuffix(s, suffix) {
		out = append(out, suffix...)
	}
	return tidy(out)
}
