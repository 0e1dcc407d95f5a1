package layout

import (
	"strconv"
	"strings"
	"unicode"

	"headway/services/importer/internal/source"
)

// isHint recognizes a row below the headers that explains the columns: their types and rules, an example, or their
// numbers.
func (s *Sheet) isHint(r *Row) Kind {
	hints, rules, types, answers, first := 0, 0, 0, 0, -1
	numbered, upper, lower := 0, 0, 0 // as 1 2 3, as A B C, as a b c
	for i := range r.Values {
		v := &r.Values[i]
		if source.Blank(v) || v.Merge.IsFilled() {
			continue
		}
		if first < 0 {
			first = i
		}
		switch n := ordinal(s.columns, i); string(v.Text) {
		case strconv.Itoa(n):
			numbered++
			continue
		case string(rune('A' + n - 1)):
			upper++
		case string(rune('a' + n - 1)):
			lower++
		}
		if v.Kind != source.Text || len(v.Text) > maxLabel {
			continue
		}
		hint, rule := hintOf(v.Text)
		if !hint {
			continue
		}
		if hints++; rule {
			rules++
		} else {
			types++
		}
		if isAnswer(v.Text) {
			answers++
		}
	}
	switch {
	case hints == r.Filled && hints > 0 && (rules > 0 || types > 2 && answers < types):
		return s.doubts(first, BecauseExplainsColumns)
	case r.Filled > 2 && numbered == r.Filled, r.Filled > minLetters && (upper == r.Filled || lower == r.Filled):
		return s.doubts(first, BecauseNumbersColumns)
	}
	return Record
}

// minLetters is the number of columns up to which letters in order are values: a first record can have the values a, b, and c.
const minLetters = 3

// answerWords are the hintWords that are also the values of a whole column.
var answerWords = wordSet("yes no true false ja nein oui non sí")

// isAnswer reports whether a text is only a letter, or an answer to a question, as in the columns of a survey.
func isAnswer(text []byte) bool {
	lower := strings.TrimSpace(strings.ToLower(string(text)))
	return len(lower) == 1 || answerWords[lower]
}

// ordinal returns the position of a column among the columns, from 1.
func ordinal(columns []Column, i int) int {
	n := 1
	for _, c := range columns {
		if c.Cell < columns[i].Cell {
			n++
		}
	}
	return n
}

// hintOf reports whether a text explains a column, and whether it has a ruleWord.
func hintOf(text []byte) (hint, rule bool) {
	lower := strings.TrimSpace(strings.ToLower(string(text)))
	for _, prefix := range hintPrefixes {
		if strings.HasPrefix(lower, prefix) {
			return true, true
		}
	}
	if n := len(lower); n > 2 && (lower[0] == '(' && lower[n-1] == ')' || lower[0] == '[' && lower[n-1] == ']' || lower[0] == '<' && lower[n-1] == '>') {
		return true, true
	}
	words := strings.FieldsFunc(lower, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	for _, w := range words {
		if strings.Trim(w, "0123456789") == "" {
			continue
		}
		if !hintWords[w] {
			return false, false
		}
		hint, rule = true, rule || ruleWords[w]
	}
	return hint, rule
}
