package layout

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"headway/services/importer/internal/source"
)

// headingRows is the number of rows, up to the last one of the headers, that reports repeat on each page.
const headingRows = 4

// heading is a row above the first record, by column: a part of the headers, or the title of a page. A column without a text is empty.
type heading struct {
	texts  []string
	filled int
	// isLast reports whether it is the last row of the headers. Only the titles of pages have numbers that change.
	isLast bool
}

// AddHeading adds a row that is not below the headers, in the order of the rows. Reports that are printed page by page repeat such rows.
func (s *Sheet) AddHeading(row source.Row) {
	if row.Number <= s.header-headingRows || row.Number > s.header {
		return
	}
	h := heading{texts: make([]string, len(s.columns)), isLast: row.Number == s.header}
	for i, c := range s.columns {
		cell := cellAt(row, c.Cell)
		if cell == nil || cell.Merge.IsFilled() {
			continue
		}
		if cell.Kind != source.Text || len(cell.Text) > source.HeadText {
			return
		}
		h.texts[i] = h.form(cell.Text)
		h.filled++
	}
	if h.filled > 1 {
		s.headings = append(s.headings, h)
	}
}

// form returns a text without differences of case and, in titles, of numbers: “Page 2” is like “Page 1”.
func (h *heading) form(text []byte) string {
	var b strings.Builder
	for r, rest := h.next(bytes.TrimSpace(text)); r >= 0; r, rest = h.next(rest) {
		b.WriteRune(r)
	}
	return b.String()
}

// next returns the first rune of the form of a text, and the rest of the text. The rune is negative at the end.
func (h *heading) next(text []byte) (rune, []byte) {
	if len(text) == 0 {
		return -1, nil
	}
	r, size := utf8.DecodeRune(text)
	if h.isLast || !unicode.IsDigit(r) {
		return unicode.ToLower(r), text[size:]
	}
	for unicode.IsDigit(r) {
		text = text[size:]
		r, size = utf8.DecodeRune(text)
	}
	return '0', text
}

// hasForm reports whether a text has a form. It stops at the first difference, because it is called for every record.
func (h *heading) hasForm(text []byte, form string) bool {
	rest := bytes.TrimSpace(text)
	for _, want := range form {
		var r rune
		if r, rest = h.next(rest); r != want {
			return false
		}
	}
	return len(rest) == 0
}

// repeatsHeading reports whether a row is one of the rows above the first record again. A title has no values in some of the columns.
func (s *Sheet) repeatsHeading(r *Row) bool {
	for i := range s.headings {
		if h := &s.headings[i]; h.filled == r.Filled && (h.isLast || h.filled < len(s.columns)) && h.isLike(r.Values) {
			return true
		}
	}
	return false
}

func (h *heading) isLike(values []source.Cell) bool {
	if len(values) != len(h.texts) {
		return false
	}
	for i := range values {
		v := &values[i]
		if isEmpty := source.Blank(v) || v.Merge.IsFilled(); isEmpty != (h.texts[i] == "") {
			return false
		} else if isEmpty {
			continue
		}
		if v.Kind != source.Text || len(v.Text) > source.HeadText || !h.hasForm(v.Text, h.texts[i]) {
			return false
		}
	}
	return true
}
