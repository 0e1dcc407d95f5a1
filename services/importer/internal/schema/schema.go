// Package schema describes workbooks: their sheets, the tables that they fill, and the values of their columns.
package schema

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"headway/services/importer/internal/text"
)

// Schema describes the workbooks that can be imported under its name. A loaded schema does not change.
type Schema struct {
	// Name identifies the schema in uploads ("workforce").
	Name string
	// Title and Description are shown to users.
	Title, Description string
	// Sheets are in the order in which they are loaded: parents before children.
	Sheets []*Sheet
}

// Sheet is one sheet and the table that it fills.
type Sheet struct {
	// Name is stable ("car_assignments"). It is also the name of the job's step.
	Name string
	// Title is the sheet's name in a template ("Car assignments").
	Title string
	// Aliases are other names that the sheet can have in a workbook.
	Aliases []string
	// Table is its table in the target database, as ParseTable reads it.
	Table string
	// RenamedFrom is an earlier name of the table, or empty.
	RenamedFrom string `json:",omitempty"`
	// Key are the names of the columns that identify a row. There is at least one, and all are required.
	Key []string
	// Columns are in the order of the template.
	Columns []*Column
	// Generated are columns of the table that workbooks do not have.
	Generated []*Generated `json:",omitempty"`
	// Optional sheets can be missing from a workbook.
	Optional bool
}

// Type is the type of a column's values.
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
	// Name is stable ("hired_on").
	Name string
	// Field is the column's name in the table. It is empty if that is Name.
	Field string `json:",omitempty"`
	// RenamedFrom is an earlier name of the column in the table, or empty.
	RenamedFrom string `json:",omitempty"`
	// Title is the header in a template ("Hired on").
	Title string
	// Aliases are other headers of this column.
	Aliases []string
	// Type is the type of the values.
	Type Type
	// Required columns must be in the workbook, unless the import only updates, and their cells must not be empty.
	Required bool
	// Unique columns don't have duplicate values, in the file or in the database. Empty cells are not duplicates.
	Unique bool
	// MinLength and MaxLength limit the length of a text, in characters; 0 means no limit.
	MinLength, MaxLength int
	// Min and Max are the inclusive limits of a value. They are empty if there is no limit. Integers and decimals are
	// plain numbers ("-12", "1250.50"), and the other types have the forms 2006-01-02, 15:04:05, and
	// 2006-01-02T15:04:05.
	Min, Max string
	// Pattern must match the whole text, even though it has no anchors. It is nil if there is none.
	Pattern *regexp.Regexp
	// Allowed are the allowed values. If it is empty, all are allowed. Enum columns always have some.
	Allowed []string
	// References is the column that this column refers to. It is nil if there is none.
	References *Reference
	// Zone is the time zone of the cells of a datetime ("Europe/Berlin"). Its values are in UTC. If it is empty, values are the
	// local times of the cells.
	Zone string `json:",omitempty"`
	// Rules are the rules for the cells. They are nil if there are none.
	Rules *Rules `json:",omitempty"`

	// Scale is the maximum number of decimal places, or below 0, the number of zeros that whole numbers must end with. Digits is the
	// maximum number of all digits without zeros at the start, and Form is the form of a text. They are rules of a database, and not of
	// the schema. Scale is nil, and Digits 0, if there is no maximum.
	Scale  *int `json:"-"`
	Digits int  `json:"-"`
	Form   Form `json:"-"`
	// IgnoresCase are the letters whose case the database ignores when it compares the texts.
	IgnoresCase Letters `json:"-"`
}

// Letters are letters whose case is ignored.
type Letters uint8

// The letters. Larger values include smaller ones.
const (
	NoLetters Letters = iota
	// ASCIILetters are A to Z.
	ASCIILetters
	AllLetters
)

// Fold appends a text in lower case, if the case of its letters is ignored.
func (l Letters) Fold(dst, text []byte) []byte {
	switch l {
	case ASCIILetters:
		for _, c := range text {
			if c >= 'A' && c <= 'Z' {
				c += 'a' - 'A'
			}
			dst = append(dst, c)
		}
		return dst
	case AllLetters:
		return append(dst, bytes.ToLower(text)...)
	}
	return append(dst, text...)
}

// WholePattern returns the expression that matches a text if Pattern matches all of it. It is nil if there is no pattern.
func (c *Column) WholePattern() (*regexp.Regexp, error) {
	if c.Pattern == nil {
		return nil, nil
	}
	return regexp.Compile(`\A(?:` + c.Pattern.String() + `)\z`)
}

// Names returns the name, the title, and the aliases.
func (c *Column) Names() []string { return append([]string{c.Name, c.Title}, c.Aliases...) }

// Stored returns the column's name in the table.
func (c *Column) Stored() string { return cmp.Or(c.Field, c.Name) }

// Narrow bounds the values of a number's column, unless it has closer bounds.
func (c *Column) Narrow(lowest, largest string) {
	if c.Type != Integer && c.Type != Decimal {
		return
	}
	closer := func(own, bound string, than int) string {
		a, ok := new(big.Rat).SetString(own)
		b, _ := new(big.Rat).SetString(bound)
		if ok && a.Cmp(b) == than {
			return own
		}
		return bound
	}
	c.Min, c.Max = closer(c.Min, lowest, 1), closer(c.Max, largest, -1)
}

// Form is a form of texts that a database requires.
type Form string

// The forms. The empty one is any text.
const (
	UUID Form = "UUID"
	JSON Form = "JSON"
)

// Reference is the single key column or a unique column of a sheet. It can be the column's own sheet (manager →
// employee).
type Reference struct {
	Sheet, Column string
}

// Digest returns the same value for equal schemas, even if their files are formatted differently.
func (s *Schema) Digest() string {
	h := sha256.New()
	// This can't fail: JSON can encode every schema, and a hash accepts all bytes.
	_ = json.NewEncoder(h).Encode(s)
	return hex.EncodeToString(h.Sum(nil))
}

// Sheet returns the sheet with this stable name, or nil.
func (s *Schema) Sheet(name string) *Sheet {
	for _, sh := range s.Sheets {
		if sh.Name == name {
			return sh
		}
	}
	return nil
}

// Column returns the column with this stable name and its index, or nil and -1.
func (s *Sheet) Column(name string) (*Column, int) {
	for i, c := range s.Columns {
		if c.Name == name {
			return c, i
		}
	}
	return nil, -1
}

// MatchSheet returns the schema sheet whose name, title, or alias matches the given sheet name. It returns nil if there is
// no match.
func (s *Schema) MatchSheet(name string) *Sheet {
	form := MatchName(name)
	for _, sh := range s.Sheets {
		if matches(form, sh.Name, sh.Title, sh.Aliases) {
			return sh
		}
	}
	return nil
}

// MatchColumn returns the column whose name, title, or alias matches the given header, and its index. It returns nil and
// -1 if there is no match.
func (s *Sheet) MatchColumn(header string) (*Column, int) {
	form := MatchName(header)
	for i, c := range s.Columns {
		if matches(form, c.Name, c.Title, c.Aliases) {
			return c, i
		}
	}
	return nil, -1
}

// HeaderForms returns the index of the column of each name, title, and alias, by the form of MatchName.
func (s *Sheet) HeaderForms() map[string]int {
	forms := map[string]int{}
	for i, c := range s.Columns {
		for _, name := range c.Names() {
			if form := MatchName(name); form != "" {
				if _, earlier := forms[form]; !earlier {
					forms[form] = i
				}
			}
		}
	}
	return forms
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

// MatchName returns the form in which sheet names and headers are compared: only letters, marks, and digits, in lower
// case and in Unicode's form NFKC (UAX #15). So "E-mail address", "EMAIL ADDRESS", and "email_address" are the same,
// and the encoding of the accent in "Prénom" doesn't matter. The result is empty for a text without such characters.
func MatchName(name string) string {
	return norm.NFKC.String(strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, norm.NFKC.String(text.CleanString(name))))
}

// FreeSheetName returns the first name that doesn't match a sheet of the schema, so that an import ignores a sheet with
// this name. If all match, it returns the last name with a number.
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
