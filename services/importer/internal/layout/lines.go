package layout

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"headway/services/importer/internal/source"
	"headway/services/importer/internal/text"
)

// Class is the role of a line of a sheet, judged without knowledge of its columns.
type Class uint8

// The classes of lines.
const (
	Metadata Class = iota // titles and notes above the table
	HeaderLine
	GroupLine // the name of a group of records, between them
	DataLine
	DerivedLine // a total of records
	NotesLine   // below the table
	Classes
)

// Table is the extent of the first table of a sheet.
type Table struct {
	// Header are the numbers of the rows with headers. It is empty if there are none.
	Header []int
	// First and Last are the numbers of the first record, and of the last record or total. They are 0 if there are none.
	First, Last int
}

// FindTable finds the first table by the appearance of the rows, without a schema.
func FindTable(rows []source.Row) Table {
	filled := make([]source.Row, 0, len(rows))
	for _, row := range rows {
		if lastFilled(row) > 0 {
			filled = append(filled, row)
		}
	}
	return TableOf(filled, learned.Classify(Describe(filled)))
}

// lastFilled returns the column of the last cell with content, or 0.
func lastFilled(row source.Row) int {
	for i := len(row.Cells) - 1; i >= 0; i-- {
		if !source.Blank(&row.Cells[i]) {
			return row.Cells[i].Col
		}
	}
	return 0
}

// TableOf returns the extent of the table of rows with these classes.
func TableOf(rows []source.Row, classes []Class) Table {
	var t Table
	for i, class := range classes {
		number := rows[i].Number
		switch {
		case class == HeaderLine && t.First == 0:
			t.Header = append(t.Header, number)
		case class == DataLine || class == DerivedLine:
			if class == DataLine && t.First == 0 {
				t.First = number
			}
			t.Last = number
		}
	}
	if t.First == 0 {
		t.Last = 0
	}
	t.Header = withoutTitles(rows, t)
	return t
}

// lineShape has the counts of a row from which its features are made.
type lineShape struct {
	filled, first, last int
	kinds               []text.Kind // by column
	numbers, texts      int
	years               int
	longest             int
	label               string // the first text, in lower case
	labelCol            int
	upper               bool
}

func shapeOf(row source.Row, width int) lineShape {
	s := lineShape{kinds: make([]text.Kind, width), upper: true}
	for i := range row.Cells {
		c := &row.Cells[i]
		if source.Blank(c) || c.Col > width {
			continue
		}
		kind := kindOfCell(c)
		s.kinds[c.Col-1] = kind
		if s.filled++; s.first == 0 {
			s.first = c.Col
		}
		s.last = c.Col
		switch kind {
		case text.Number, text.DateOrTime:
			s.numbers++
			if isYear(c.Text) {
				s.years++
			}
		default:
			s.texts++
			if s.label == "" {
				s.label, s.labelCol = strings.ToLower(string(bytes.TrimSpace(c.Text[:min(len(c.Text), 120)]))), c.Col
			}
			if bytes.ContainsFunc(c.Text, unicode.IsLower) {
				s.upper = false
			}
		}
		s.longest = max(s.longest, utf8.RuneCount(c.Text))
	}
	return s
}

func kindOfCell(c *source.Cell) text.Kind {
	switch c.Kind {
	case source.Number:
		return text.Number
	case source.Date:
		return text.DateOrTime
	case source.Bool:
		return text.Word
	}
	t := bytes.TrimSpace(c.Text)
	// Marks that represent a missing number.
	if len(t) <= 5 && len(t) > 0 && (bytes.Trim(t, "-–—.*") == nil || slices.Contains([]string{"n/a", "na", "nil", "(x)", "x", "(na)", "(z)", "z", "(d)", "(s)"}, strings.ToLower(string(t)))) {
		return text.Number
	}
	return text.KindOf(t)
}

func isYear(t []byte) bool {
	s := strings.TrimSuffix(string(bytes.TrimSpace(t)), ".0")
	n, err := strconv.Atoi(s)
	return err == nil && n >= 1800 && n <= 2100
}

// maxWidth is the maximum number of columns that are considered.
const maxWidth = 64

// Describe returns the features of the rows that have content, by which they are classified.
func Describe(rows []source.Row) [][]string {
	width := 0
	for i := range rows {
		if n := len(rows[i].Cells); n > 0 {
			width = min(max(width, rows[i].Cells[n-1].Col), maxWidth)
		}
	}
	shapes := make([]lineShape, len(rows))
	for i, row := range rows {
		shapes[i] = shapeOf(row, width)
	}
	columns := columnKinds(shapes, width)
	usual := usualFill(shapes)
	features := make([][]string, len(rows))
	for i := range rows {
		features[i] = featuresOf(rows, shapes, columns, i, usual)
	}
	return features
}

// columnKinds returns whether most values of each column are numbers.
func columnKinds(shapes []lineShape, width int) []bool {
	numeric := make([]bool, width)
	for c := range numeric {
		numbers, all := 0, 0
		for i := range shapes {
			if k := shapes[i].kinds[c]; k != text.Nothing {
				all++
				if k == text.Number || k == text.DateOrTime {
					numbers++
				}
			}
		}
		numeric[c] = 2*numbers > all
	}
	return numeric
}

// usualFill returns the number of cells of a row that three quarters of the rows don't exceed.
func usualFill(shapes []lineShape) int {
	fills := make([]int, 0, len(shapes))
	for i := range shapes {
		fills = append(fills, shapes[i].filled)
	}
	if len(fills) == 0 {
		return 1
	}
	slices.Sort(fills)
	return max(1, fills[len(fills)*3/4])
}

func bucket(n int, limits ...int) string {
	for _, l := range limits {
		if n <= l {
			return strconv.Itoa(l)
		}
	}
	return "more"
}

func share(n, of int) string {
	switch {
	case of == 0:
		return "none"
	case n == 0:
		return "0"
	case n == of:
		return "all"
	case 2*n < of:
		return "few"
	}
	return "most"
}

func featuresOf(rows []source.Row, shapes []lineShape, numeric []bool, i, usual int) []string {
	s := &shapes[i]
	n := len(rows)
	var f []string
	add := func(format string, args ...any) { f = append(f, fmt.Sprintf(format, args...)) }
	texts, numbers := 0, 0 // in columns of numbers
	for c, k := range s.kinds {
		if !numeric[c] || k == text.Nothing {
			continue
		}
		if k == text.Number || k == text.DateOrTime {
			numbers++
		} else {
			texts++
		}
	}
	fill := bucket(10*s.filled/usual, 1, 3, 5, 7, 9, 10)
	kinds := share(s.numbers, s.filled)
	misplaced := share(texts, texts+numbers)
	gapBefore, gapAfter := 0, 0
	if i > 0 {
		gapBefore = rows[i].Number - rows[i-1].Number - 1
	}
	if i+1 < n {
		gapAfter = rows[i+1].Number - rows[i].Number - 1
	}
	one := s.filled == 1
	f = append(f, "any")
	add("fill=%s", fill)
	add("kinds=%s", kinds)
	add("fill=%s kinds=%s", fill, kinds)
	add("misplaced=%s", misplaced)
	add("misplaced=%s fill=%s", misplaced, fill)
	add("filled=%s", bucket(s.filled, 1, 2, 3, 5, 10))
	add("one=%t first=%t", one, s.first == 1)
	add("one=%t before=%s after=%s", one, bucket(gapBefore, 0, 1), bucket(gapAfter, 0, 1))
	add("top=%s", bucket(i, 0, 1, 2, 3, 5, 8, 15))
	add("top=%s one=%t", bucket(i, 0, 1, 2, 3, 5, 8, 15), one)
	add("bottom=%s", bucket(n-1-i, 0, 1, 2, 4, 8))
	add("bottom=%s one=%t", bucket(n-1-i, 0, 1, 2, 4, 8), one)
	add("years=%s", share(s.years, s.numbers))
	add("years=%s kinds=%s", share(s.years, s.numbers), kinds)
	add("years=%s numbers=%s top=%s", share(s.years, s.numbers), bucket(s.numbers, 0, 1, 3), bucket(i, 3, 8))
	add("long=%s one=%t", bucket(s.longest, 15, 40, 80, 150), one)
	add("upper=%t one=%t texts=%t", s.upper, one, s.texts > 0)
	add("label=%s", labelOf(s.label))
	add("label=%s kinds=%s", labelOf(s.label), kinds)
	add("label=%s one=%t", labelOf(s.label), one)
	add("labelcol=%s firstblank=%t", bucket(s.labelCol, 0, 1, 2), s.first > 1)
	add("firstblank=%t kinds=%s fill=%s", s.first > 1, kinds, fill)
	for _, d := range []int{-2, -1, 1, 2} {
		if i+d < 0 || i+d >= n {
			add("at%d=edge", d)
			continue
		}
		o := &shapes[i+d]
		add("at%d kinds=%s", d, share(o.numbers, o.filled))
		add("at%d fill=%s here=%s", d, bucket(10*o.filled/usual, 3, 7, 10), bucket(10*s.filled/usual, 3, 7, 10))
		add("at%d kinds=%s here=%s", d, share(o.numbers, o.filled), kinds)
		add("at%d same=%s", d, share(agreement(s, o)))
		add("at%d same=%s kinds=%s", d, bucketShare(agreement(s, o)), kinds)
		add("at%d label=%s", d, labelOf(o.label))
		add("at%d one=%t here=%t", d, o.filled == 1, one)
	}
	above, below := 0, 0
	for j := range shapes {
		if 2*shapes[j].filled >= usual && 2*shapes[j].numbers >= shapes[j].filled && shapes[j].filled > 1 {
			if j < i {
				above++
			} else if j > i {
				below++
			}
		}
	}
	add("above=%s", bucket(above, 0, 1, 3))
	add("below=%s", bucket(below, 0, 1, 3))
	add("above=%s below=%s one=%t", bucket(above, 0, 1), bucket(below, 0, 1), one)
	add("above=%s kinds=%s fill=%s", bucket(above, 0, 1), kinds, fill)
	add("above=%s misplaced=%s", bucket(above, 0, 1), misplaced)
	return f
}

// agreement counts the columns in which two rows have the same kind of value, of those that one of them has.
func agreement(a, b *lineShape) (same, of int) {
	for c := range a.kinds {
		ka, kb := a.kinds[c], b.kinds[c]
		if ka == text.Nothing && kb == text.Nothing {
			continue
		}
		of++
		if ka == kb || isText(ka) && isText(kb) {
			same++
		}
	}
	return same, of
}

func isText(k text.Kind) bool { return k >= text.Address }

func bucketShare(n, of int) string {
	if of == 0 {
		return "none"
	}
	return strconv.Itoa(4 * n / of)
}

// labelOf returns the kind of label that the first text of a row is.
func labelOf(label string) string {
	if label == "" {
		return "none"
	}
	starts := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(label, w) })
	}
	switch {
	case starts("source", "note", "quelle", "fuente", "footnote", "for more", "see ", "internet", "http", "www", "contact", "prepared", "last updated", "copyright", "©", "(c)"):
		return "note"
	case starts("table ", "figure ", "tableau", "tabelle", "tab ", "chart", "appendix", "annex"):
		return "title"
	case isTotal([]byte(label), true), strings.Contains(label, "total"), strings.Contains(label, "average"), starts("all ", "mean", "united states", "percent"):
		return "total"
	case starts("*", "†", "(", "["):
		return "mark"
	case len(label) > 2 && (label[0] >= '0' && label[0] <= '9' || label[0] >= 'a' && label[0] <= 'z') && (label[1] == ' ' || label[1] == ')' || label[1] == '.' || label[1] == '/'):
		return "footnote"
	case strings.HasSuffix(label, ":"):
		return "colon"
	case utf8.RuneCountInString(label) > 60:
		return "sentence"
	}
	return "other"
}
