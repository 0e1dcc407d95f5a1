package layout

import (
	"bytes"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"headway/services/importer/internal/source"
	"headway/services/importer/internal/text"
)

// maxLabel is the maximum length of a text that can be a label. Labels of totals and footers are short.
const maxLabel = 200

func wordSet(words string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(words) {
		set[w] = true
	}
	return set
}

// wordList finds words by their first or last byte.
type wordList struct{ byFirst, byLast [256][]string }

func newWordList(words []string) (l wordList) {
	for _, w := range words {
		l.byFirst[w[0]] = append(l.byFirst[w[0]], w)
		l.byLast[w[len(w)-1]] = append(l.byLast[w[len(w)-1]], w)
	}
	return l
}

// begins reports whether a label begins with one of the words, and the rest of it fits.
func (l *wordList) begins(label []byte, fits func(rest []byte) bool) bool {
	return len(label) > 0 && slices.ContainsFunc(l.byFirst[label[0]], func(word string) bool {
		rest, ok := bytes.CutPrefix(label, []byte(word))
		return ok && endsWord(rest) && fits(rest)
	})
}

// ends reports whether a label ends with one of the words, after a blank.
func (l *wordList) ends(label []byte) bool {
	return len(label) > 0 && slices.ContainsFunc(l.byLast[label[len(label)-1]], func(word string) bool {
		rest, ok := bytes.CutSuffix(label, []byte(word))
		return ok && len(rest) > 0 && rest[len(rest)-1] == ' '
	})
}

var (
	totals       = newWordList(totalWords)
	averages     = newWordList(averageWords)
	weakAverages = newWordList(weakAverageWords)
	smallest     = newWordList(smallestWords)
	largest      = newWordList(largestWords)
	counts       = newWordList(countLabels)
	statistics   = newWordList(slices.Concat(averageWords, weakAverageWords, smallestWords, largestWords, countLabels, otherStatisticWords))
	comparisons  = newWordList(comparisonWords)
	summaries    = newWordList(summaryWords)
	examples     = newWordList(exampleWords)
	footers      = newWordList(footerWords)
)

// anything fits every rest of a label.
func anything([]byte) bool { return true }

// doubtful recognizes rows that look like a total, a hint, a footer, or a separator.
func (s *Sheet) doubtful(r *Row) Kind {
	if s.records == 0 {
		if kind := s.isHint(r); kind != Record {
			return kind
		}
		if v := &r.Values[s.first]; v.Kind == source.Text && len(v.Text) <= maxLabel && isExample(s.lower(v.Text)) {
			return s.doubts(s.first, BecauseExample)
		}
	}
	if r.Filled == len(s.columns) {
		return Record
	}
	label, texts, numbers, dates := -1, 0, 0, 0
	for i := range r.Values {
		v := &r.Values[i]
		switch {
		case source.Blank(v) || v.Merge.IsFilled() || v.Kind == source.Bool && !Typed(v, false):
		case v.Kind == source.Bool:
			return Record
		case v.Kind == source.Text:
			if texts++; label < 0 || s.columns[i].Cell < s.columns[label].Cell {
				label = i
			}
		case v.Kind == source.Date:
			dates++
		default:
			numbers++
		}
	}
	if texts > 1 && numbers+dates == 0 && s.separates(r) {
		return s.doubts(label, BecauseDashes)
	}
	if texts == 0 {
		return Record
	}
	name := r.Values[label].Text
	if len(name) > maxLabel {
		return Record
	}
	for i := range r.Values {
		v := &r.Values[i]
		if i == label || v.Kind != source.Text || source.Blank(v) || v.Merge.IsFilled() {
			continue
		}
		switch text.KindOf(v.Text) { // in text files, numbers and dates are texts
		case text.Number:
			numbers++
		case text.DateOrTime:
			dates++
		default:
			return Record
		}
	}
	lower := s.lower(name)
	switch {
	case dates == 0 && isTotal(lower, numbers > 0):
		return s.doubts(label, BecauseTotal)
	case numbers+dates == 0 && isSeparator(lower):
		return s.doubts(label, BecauseDashes)
	case numbers > 0 && isStatistic(lower):
		return s.doubts(label, BecauseAverage)
	case numbers > 0 && dates == 0 && isComparison(lower, s.lacks(r)):
		return s.doubts(label, BecauseSummary)
	case numbers+dates == 0 && (isRowCount(lower) || isLabeled(lower)) || numbers < 2 && dates == 0 && isCount(lower, numbers > 0):
		return s.doubts(label, BecauseRowCount)
	case numbers+dates < 2 && isFooter(lower) || numbers+dates == 0 && isEnd(lower):
		return s.doubts(label, BecauseNote)
	}
	return Record
}

// lower returns a text in lower case without blanks around it. It is valid until the next call.
func (s *Sheet) lower(text []byte) []byte {
	s.buffer = appendLower(s.buffer[:0], text)
	return s.buffer
}

// appendLower appends a text in lower case without blanks around it.
func appendLower(dst, text []byte) []byte {
	for rest := bytes.TrimSpace(text); len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		rest = rest[size:]
		dst = utf8.AppendRune(dst, unicode.ToLower(r))
	}
	return dst
}

// IsTotal reports whether a text is the label of a total.
func IsTotal(text []byte) bool {
	return len(text) > 0 && len(text) <= maxLabel && isTotal(bytes.ToLower(text), true)
}

// Statistic is what the label of a row says about its numbers.
type Statistic uint8

// Statistics.
const (
	NoStatistic Statistic = iota
	Average
	Smallest
	Largest
	CountOfValues
)

// StatisticOf returns what a label says about the numbers of its row. weak reports whether the label is a name as often. The buffer is
// used again by the next call.
func StatisticOf(text []byte, buffer *[]byte) (is Statistic, weak bool) {
	const longest = 64
	if len(text) == 0 || len(text) > longest {
		return NoStatistic, false
	}
	*buffer = appendLower((*buffer)[:0], text)
	switch label := *buffer; {
	case isWord(label, "min"):
		return Smallest, true
	case isWord(label, "max"):
		return Largest, true
	case !statistics.begins(label, onlyCounts):
		return NoStatistic, false
	case weakAverages.begins(label, onlyCounts):
		return Average, true
	case averages.begins(label, onlyCounts):
		return Average, false
	case smallest.begins(label, onlyCounts):
		return Smallest, false
	case largest.begins(label, onlyCounts):
		return Largest, false
	case counts.begins(label, onlyCounts):
		return CountOfValues, false
	}
	return NoStatistic, false
}

// isWord reports whether a label is a word, except for punctuation at its end.
func isWord(label []byte, word string) bool { return string(bytes.TrimRight(label, ".: ")) == word }

// isTotal recognizes the label of a total, in lower case. If there are numbers next to it, the label can also name what
// is added up.
func isTotal(label []byte, numbers bool) bool {
	if !numbers {
		return totals.begins(label, onlyCounts)
	}
	return totals.begins(label, anything) || totals.ends(label) || len(label) > 0 && len(bytes.Trim(label, "*")) == 0 // as in SAP
}

// isStatistic recognizes the label of an average, an extreme, or a count, in lower case. Longer texts that begin with such a word
// are names more often.
func isStatistic(label []byte) bool { return statistics.begins(label, onlyCounts) }

// isComparison recognizes the label of a row that compares or summarizes other rows, in lower case. If the row lacks a value that all
// records have, the label can also name what is compared.
func isComparison(label []byte, lacks bool) bool {
	if !lacks {
		return comparisons.begins(label, onlyCounts)
	}
	return comparisons.begins(label, anything) || comparisons.ends(label) || summaries.begins(label, onlyCounts)
}

// isCount recognizes a label such as "Number of employees: 3", in lower case. numbers reports whether the number is next to it.
func isCount(label []byte, numbers bool) bool {
	return (numbers || bytes.ContainsAny(label, "0123456789")) &&
		slices.ContainsFunc(countPhrases, func(phrase string) bool { return bytes.HasPrefix(label, []byte(phrase)) })
}

// isLabeled recognizes the label of a count or an average together with its number, such as "Count: 3", in lower case.
func isLabeled(label []byte) bool {
	return statistics.begins(label, func(rest []byte) bool {
		rest = bytes.TrimLeft(rest, " ")
		return len(rest) > 0 && (rest[0] == ':' || rest[0] == '=') && bytes.ContainsAny(rest, "0123456789") && onlyCounts(rest)
	})
}

// isRowCount recognizes the last line of many exports, such as "(3 rows affected)" and "Showing 1 to 3 of 3 entries", in lower case.
func isRowCount(label []byte) bool {
	numbers, rows := 0, 0
	for _, word := range bytes.FieldsFunc(label, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		switch {
		case bytes.Trim(word, "0123456789") == nil:
			numbers++
		case rowWords[string(word)] && (numbers > 0 || bytes.IndexByte(label, ':') > 0): // others are names, such as "Item 3"
			rows++
		case !countWords[string(word)]:
			return false
		}
	}
	return numbers > 0 && rows == 1
}

// isExample recognizes "Example", "Sample 1", and the like, in lower case.
func isExample(label []byte) bool { return examples.begins(label, onlyCounts) }

// isEnd recognizes the mark at the end of the data, and footnotes, in lower case.
func isEnd(label []byte) bool {
	if slices.Contains(endWords, string(bytes.Trim(label, punctuation))) {
		return true
	}
	return slices.ContainsFunc(footnoteMarks, func(mark string) bool { return bytes.HasPrefix(label, []byte(mark)) })
}

// endsWord reports whether a word has ended before rest.
func endsWord(rest []byte) bool {
	r, _ := utf8.DecodeRune(rest)
	return len(rest) == 0 || !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' && r != '_' && r != '\''
}

// onlyCounts reports whether the rest of a label consists of punctuation, digits, and text in brackets, such as ": (4
// records)".
func onlyCounts(rest []byte) bool {
	depth := 0
	for len(rest) > 0 {
		r, size := utf8.DecodeRune(rest)
		rest = rest[size:]
		switch {
		case r == '(' || r == '[':
			depth++
		case r == ')' || r == ']':
			depth--
		case depth <= 0 && unicode.IsLetter(r):
			return false
		}
	}
	return true
}

func isFooter(label []byte) bool {
	return beginsFooter(label) || beginsFooter(bytes.TrimLeft(label, punctuation))
}

func beginsFooter(label []byte) bool {
	if len(label) > 0 && slices.ContainsFunc(footers.byFirst[label[0]], func(word string) bool {
		rest, ok := bytes.CutPrefix(label, []byte(word))
		return ok && (!unicode.IsLetter(lastRune(word)) || endsWord(rest))
	}) {
		return true
	}
	return bytes.HasSuffix(label, []byte("all rights reserved.")) || bytes.HasSuffix(label, []byte("all rights reserved")) || isPage(label)
}

func lastRune(s string) rune {
	r, _ := utf8.DecodeLastRuneInString(s)
	return r
}

// isPage recognizes "page 2 of 5" and "Seite 2/5".
func isPage(label []byte) bool {
	words := strings.Fields(string(label))
	if len(words) < 2 || len(words) > 4 || !slices.Contains(pageWords, words[0]) {
		return false
	}
	for i, w := range words[1:] {
		number := strings.Trim(w, "0123456789/.:-") == ""
		if i == 1 && len(words) == 4 {
			number = slices.Contains([]string{"of", "von", "de", "sur", "di", "van", "z", "из", "/"}, w)
		}
		if !number {
			return false
		}
	}
	return true
}

// punctuation are the marks that lines and frames consist of, and blanks between them.
const punctuation = "-=_*~.#+| "

func isPunctuation(c byte) bool { return c != ' ' && strings.IndexByte(punctuation, c) >= 0 }

// isSeparator recognizes a line of at least two punctuation marks.
func isSeparator(text []byte) bool {
	if len(text) < 2 {
		return false
	}
	for _, c := range text {
		if !isPunctuation(c) && c != ' ' {
			return false
		}
	}
	return true
}

func (s *Sheet) separates(r *Row) bool {
	for i := range r.Values {
		if v := &r.Values[i]; !source.Blank(v) && !isSeparator(bytes.TrimSpace(v.Text)) {
			return false
		}
	}
	return true
}

// sameWords reports whether a text is a title, except for case and punctuation.
func sameWords(title string, text []byte) bool {
	letters := func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}
	return strings.Map(letters, title) == strings.Map(letters, string(text))
}
