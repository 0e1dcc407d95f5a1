// Package schema says what a workbook must look like: its sheets, their tables, and what each column may hold.
package schema

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"headway/services/importer/internal/text"
)

// Schema describes the workbooks that can be imported under its name. A loaded schema is never changed.
type Schema struct {
	// Name is what uploads refer to ("workforce").
	Name string
	// Title and Description are for people.
	Title, Description string
	// Sheets are in the order in which they are loaded: parents before children.
	Sheets []*Sheet
}

// Sheet is one sheet and the table that it fills.
type Sheet struct {
	// Name is stable ("car_assignments"); it is also the job's step.
	Name string
	// Title is the sheet's name in a template ("Car assignments").
	Title string
	// Aliases are other names that the sheet may have in a workbook.
	Aliases []string
	// Table is its table in the target database.
	Table string
	// Key names the columns that identify a row; never empty, all required.
	Key []string
	// Columns are in the order of the template.
	Columns []*Column
	// Optional sheets may be missing from a workbook.
	Optional bool
}

// Type is what a column's cells mean.
type Type string

// The types of columns.
const (
	Text     Type = "text"
	Integer  Type = "integer"
	Decimal  Type = "decimal"
	Boolean  Type = "boolean"
	Date     Type = "date"
	Time     Type = "time"
	DateTime Type = "datetime"
	Email    Type = "email"
	Phone    Type = "phone"
	Enum     Type = "enum"
)

// Column is one column of a sheet.
type Column struct {
	// Name is stable, and the column's name in the table ("hired_on").
	Name string
	// Title is the header in a template ("Hired on").
	Title string
	// Aliases are other headers that mean this column.
	Aliases []string
	// Type is what the cells mean.
	Type Type
	// Required columns must be in the workbook, and their cells must not be empty.
	Required bool
	// Unique columns hold no value twice, neither in the file nor in the database. Empty cells do not count.
	Unique bool
	// MinLength and MaxLength bound a text, in characters; 0 for no bound.
	MinLength, MaxLength int
	// Min and Max bound a value, both inclusive; empty for no bound. Integers and decimals are written plainly
	// ("-12", "1250.50"), the others as 2006-01-02, 15:04:05 and 2006-01-02T15:04:05.
	Min, Max string
	// Pattern must match the whole text, though it is kept as it was written, without anchors; nil for none.
	Pattern *regexp.Regexp
	// Allowed are the only values there may be; all if empty. Enum columns always have some.
	Allowed []string
	// References is the row of a sheet that this cell names; nil for none.
	References *Reference
}

// Reference points to the single key column, or a unique column, of a sheet; it may be the column's own sheet
// (manager → employee).
type Reference struct {
	Sheet, Column string
}

// Digest is equal for schemas that mean the same, whatever their files look like.
func (s *Schema) Digest() string {
	h := sha256.New()
	// Neither can fail: there is nothing in a schema that JSON does not have, and a hash takes everything.
	_ = json.NewEncoder(h).Encode(s)
	return hex.EncodeToString(h.Sum(nil))
}

// Sheet finds a sheet by its stable name; nil if there is none.
func (s *Schema) Sheet(name string) *Sheet {
	for _, sh := range s.Sheets {
		if sh.Name == name {
			return sh
		}
	}
	return nil
}

// Column finds a column and its index by its stable name; nil and -1 if there is none.
func (s *Sheet) Column(name string) (*Column, int) {
	for i, c := range s.Columns {
		if c.Name == name {
			return c, i
		}
	}
	return nil, -1
}

// MatchSheet finds the sheet that a workbook's sheet name means, by name, title or alias; nil if there is none.
func (s *Schema) MatchSheet(name string) *Sheet {
	form := MatchName(name)
	for _, sh := range s.Sheets {
		if matches(form, sh.Name, sh.Title, sh.Aliases) {
			return sh
		}
	}
	return nil
}

// MatchColumn finds the column that a header means, by name, title or alias, and its index; nil and -1 if there is none.
func (s *Sheet) MatchColumn(header string) (*Column, int) {
	form := MatchName(header)
	for i, c := range s.Columns {
		if matches(form, c.Name, c.Title, c.Aliases) {
			return c, i
		}
	}
	return nil, -1
}

func matches(form, name, title string, aliases []string) bool {
	if form == "" {
		return false
	}
	if form == MatchName(name) || form == MatchName(title) {
		return true
	}
	for _, a := range aliases {
		if form == MatchName(a) {
			return true
		}
	}
	return false
}

// MatchName is the form in which sheet names and headers are compared: letters, marks and digits only, in lower case
// and in Unicode's form NFKC (UAX #15), so that "E-mail address", "EMAIL ADDRESS" and "email_address" are the same, and
// so is "Prénom" however its accent is written. It is empty for a text without any.
func MatchName(name string) string {
	return norm.NFKC.String(strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, norm.NFKC.String(text.CleanString(name))))
}

// FreeSheetName gives the first of the names that means none of the schema's sheets, so that a sheet of this name is
// left alone by an import; with a number behind the last one if all are taken.
func (s *Schema) FreeSheetName(names ...string) string {
	for _, name := range names {
		if s.MatchSheet(name) == nil {
			return name
		}
	}
	for n := 2; ; n++ {
		if name := names[len(names)-1] + " " + strconv.Itoa(n); s.MatchSheet(name) == nil {
			return name
		}
	}
}
