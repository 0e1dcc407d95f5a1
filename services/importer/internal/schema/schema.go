// Package schema says what a workbook must look like: its sheets, their tables, and what each column may hold.
package schema

import (
	"regexp"
	"strings"
	"unicode"
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
	// Min and Max bound a value, written as the type is written (a decimal, an ISO date); empty for no bound.
	Min, Max string
	// Pattern must match the whole text; nil for none.
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

// MatchName is the form in which sheet names and headers are compared: letters and digits only, in lower case, so
// that "E-mail address", "EMAIL ADDRESS" and "email_address" are the same.
func MatchName(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
}
