package sqlite

import (
	"strconv"
	"strings"

	"headway/services/importer/internal/schema"
)

// exactDigits is the number of digits that a number in SQLite has without loss.
const exactDigits = 15

// holds reports whether a column can hold the values of a column of the schema without changing them. In a column with the affinity
// NUMERIC, texts that are not numbers stay as they are. Decimals become binary fractions, which is exact for few digits.
func (is columnShape) holds(c *schema.Column) bool {
	if is.affinity == storageType(c) || is.affinity == "BLOB" {
		return true
	}
	switch c.Type {
	case schema.Integer, schema.Boolean, schema.Date, schema.Time, schema.DateTime:
		return is.affinity == "NUMERIC"
	case schema.Decimal:
		return is.fraction(c) && is.precision <= exactDigits && is.scale <= is.precision
	}
	return false
}

// fraction reports whether the column stores decimals as numbers.
func (is columnShape) fraction(c *schema.Column) bool {
	return c.Type == schema.Decimal && (is.affinity == "NUMERIC" || is.affinity == "REAL")
}

// digits returns a number of a declared type: DECIMAL(10, 2) has 10 and 2. It returns 0 if there is none.
func digits(declared string, at int) int {
	_, list, _ := strings.Cut(declared, "(")
	list, _, _ = strings.Cut(list, ")")
	numbers := strings.Split(list, ",")
	if at >= len(numbers) {
		return 0
	}
	n, err := strconv.Atoi(strings.TrimSpace(numbers[at]))
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// affinity follows https://www.sqlite.org/datatype3.html §3.1.
func affinity(declared string) string {
	switch {
	case strings.Contains(declared, "INT"):
		return "INTEGER"
	case strings.Contains(declared, "CHAR"), strings.Contains(declared, "CLOB"), strings.Contains(declared, "TEXT"):
		return "TEXT"
	case strings.Contains(declared, "BLOB"), declared == "":
		return "BLOB"
	case strings.Contains(declared, "REAL"), strings.Contains(declared, "FLOA"), strings.Contains(declared, "DOUBLE"):
		return "REAL"
	}
	return "NUMERIC"
}

// bounds returns the columns of the rows with the bounds of the database: a decimal that is stored as a number has only the digits
// that its type declares, so that it is exact.
func (t *table) bounds() []*schema.Column {
	all := make([]*schema.Column, len(t.columns))
	for i, c := range t.columns {
		if t.have.columns[fold(c.Name)].notNull && !c.Required {
			bounded := *c
			bounded.Required = true
			c = &bounded
		}
		all[i] = c
		if t.have.collations[fold(c.Name)] == noCase && t.resolved[c.Name] == nil {
			bounded := *c
			bounded.IgnoresCase = schema.ASCIILetters
			all[i], c = &bounded, &bounded
		}
		is := t.have.columns[fold(c.Name)]
		if !is.fraction(c) || t.resolved[c.Name] != nil {
			continue
		}
		bounded := *c
		all[i] = &bounded
		if is.precision == 0 {
			bounded.Digits = exactDigits
			continue
		}
		largest := strings.Repeat("9", is.precision-is.scale)
		if largest == "" {
			largest = "0"
		}
		if is.scale > 0 {
			largest += "." + strings.Repeat("9", is.scale)
		}
		bounded.Scale = &is.scale
		bounded.Narrow("-"+largest, largest)
	}
	return all
}
