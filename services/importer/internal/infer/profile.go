package infer

import (
	"bytes"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"

	"headway/services/importer/internal/convert"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/text"
)

// column is a column, and what is known of it.
type column struct {
	table  *table
	cell   int
	header string
	words  name

	// The rows with a value, without one, and with something that can't be a value, such as an error.
	filled, blank, broken int
	exact, folded         *sketch
	// types are the types that the values can have.
	types []*candidateType
	// integers counts the values that are plain whole numbers. min and max are their range.
	integers int
	min, max int64
	// numbers counts plain numbers, long whole numbers with more digits than a spreadsheet keeps, and zeros at the start.
	numbers            int
	zeros, long        bool
	longest, totalText int
	// shown are the first distinct values.
	shown []string

	// unique and repeats are set by verifyUnique. repeats counts the rows that have the value of an earlier row.
	unique  bool
	repeats int
	// ref is the reference of the column, or nil. referredTo reports whether the schema has a reference to the column.
	ref        *reference
	referredTo bool
	guess      *Column
}

// candidateType is a type that the values of a column might have.
type candidateType struct {
	schema.Type
	converter *convert.Column
	failed    int
	// dead reports whether no more values are tried, because too many have failed.
	dead bool
}

// maxShown is the number of different values that an enum can have.
const maxShown = 12

// tried are the types, in the order of preference.
var tried = []schema.Type{schema.Integer, schema.Decimal, schema.Boolean, schema.Date, schema.DateTime, schema.Time, schema.Email, schema.Phone}

func newColumn(t *table, cell int, header string) *column {
	c := &column{table: t, cell: cell, header: header, words: nameOf(header)}
	for _, typ := range tried {
		// The types are known, so this can't fail.
		converter, _ := convert.Compile(&schema.Column{Name: "value", Title: "Value", Type: typ})
		c.types = append(c.types, &candidateType{Type: typ, converter: converter})
	}
	return c
}

// valueOf returns the text by which values are compared, and false if the cell has none. buf is reused.
func valueOf(cell *source.Cell, buf []byte) (value []byte, ok bool) {
	if source.Blank(cell) {
		return nil, false
	}
	switch cell.Kind {
	case source.ErrorValue, source.FormulaWithoutValue, source.Object:
		return nil, false
	case source.Text:
		value, _, _ = text.Clean(cell.Text, buf[:0])
		return value, len(value) > 0
	}
	return cell.Text, true
}

// hashOf returns the hash of a value. It is never 0, which is the hash of an empty cell.
func hashOf(value []byte) uint64 { return max(xxhash.Sum64(value), 1) }

// profileRow adds a row to the profiles of the columns.
func (t *table) profileRow(_ int, cells []source.Cell) {
	t.rows++
	var sampled []uint64
	if len(t.sample) < t.sampleRows {
		sampled = make([]uint64, len(cells))
	}
	var buf [256]byte
	for i := range cells {
		cell, c := &cells[i], t.columns[i]
		value, ok := valueOf(cell, buf[:])
		if !ok {
			if source.Blank(cell) {
				c.blank++
			} else {
				c.broken++
			}
			continue
		}
		hash := hashOf(value)
		c.add(cell, value, hash)
		if sampled != nil {
			sampled[i] = hash
		}
	}
	if sampled != nil {
		t.sample = append(t.sample, sampled)
	}
}

func (c *column) add(cell *source.Cell, value []byte, hash uint64) {
	c.filled++
	c.exact.add(hash)
	c.folded.add(hashOf(fold(value)))
	c.addNumber(value, hash)
	n := utf8.RuneCount(value)
	c.longest = max(c.longest, n)
	c.totalText += n
	if len(c.shown) <= maxShown && !slices.ContainsFunc(c.shown, func(s string) bool { return s == string(value) }) {
		c.shown = append(c.shown, string(value))
	}
	for _, typ := range c.types {
		if typ.dead {
			continue
		}
		if _, _, f := typ.converter.Convert(cell, c.table.input.Book, nil); f != nil && !f.Normalized() {
			typ.failed++
			typ.dead = typ.failed > hopelessFailures && typ.failed*hopelessShare > c.filled
		}
	}
}

// spoiltShare is the share of values that can contradict a type: one in 50. A type is no longer tried after more than
// hopelessFailures if that is more than one value in hopelessShare.
const (
	spoiltShare      = 50
	hopelessFailures = 20
	hopelessShare    = 10
)

// addNumber counts plain numbers.
func (c *column) addNumber(value []byte, hash uint64) {
	digits := bytes.TrimPrefix(value, []byte("-"))
	if len(digits) == 0 || digits[0] < '0' || digits[0] > '9' {
		return
	}
	dots := 0
	for i, b := range digits {
		if b == '.' && i > 0 && i < len(digits)-1 {
			dots++
		} else if b < '0' || b > '9' {
			return
		}
	}
	if dots > 1 {
		return
	}
	c.numbers++
	c.zeros = c.zeros || len(digits) > 1 && digits[0] == '0' && digits[1] != '.'
	if dots == 1 {
		return
	}
	n, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil || len(digits) > 15 {
		c.long = true
		return
	}
	if c.integers == 0 || n < c.min {
		c.min = n
	}
	if c.integers == 0 || n > c.max {
		c.max = n
	}
	c.integers++
	c.exact.addNumber(hash, n)
}

// finish decides what can be decided about the columns alone.
func (t *table) finish() {
	for _, c := range t.columns {
		c.types = slices.DeleteFunc(c.types, func(typ *candidateType) bool { return !c.plausible(typ) })
	}
}

// plausible reports whether the values have the type, except for a few if there are many.
func (c *column) plausible(typ *candidateType) bool {
	if c.filled == 0 || typ.dead || typ.failed*spoiltShare > c.filled {
		return false
	}
	switch typ.Type {
	case schema.Integer:
		return !c.zeros && !c.long && c.integers == c.numbers && c.numbers*10 >= c.filled*9
	case schema.Decimal:
		// A number with zeros at its start is a code, and so is one with more digits than a spreadsheet keeps.
		return !c.zeros && !c.long && c.numbers*10 >= c.filled*9
	case schema.Boolean, schema.Date, schema.DateTime, schema.Time:
		return c.numbers*2 < c.filled || !c.table.input.Lines
	case schema.Phone:
		return c.words.hasAny([]string{"phone", "fax", "mobile", "tel", "telephone", "cell"})
	}
	return true
}

// isInteger reports whether the values are whole numbers, except for a few if there are many.
func (c *column) isInteger() bool {
	return c.integers > 0 && (c.filled-c.integers)*spoiltShare <= c.filled && !c.zeros
}

// isNumber reports whether the values are numbers.
func (c *column) isNumber() bool {
	return c.numbers > 0 && (c.filled-c.numbers)*spoiltShare <= c.filled && !c.zeros && !c.long
}

// typ returns the type of the column alone, without regard to references.
func (c *column) typ() schema.Type {
	if len(c.types) == 0 {
		return schema.Text
	}
	return c.types[0].Type
}
