package schema

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// TableName is the name of a table in a database, as the database has it.
type TableName struct {
	// Schema is the database's schema. It is empty for the one that the connection selects.
	Schema string
	Name   string
}

// ParseTable reads a table's name as it is written in SQL: employees, hr.employees, or hr."Employee List".
func ParseTable(text string) (TableName, error) {
	var parts []string
	for rest := text; ; {
		part, after, err := namePart(rest)
		if err != nil {
			return TableName{}, err
		}
		parts = append(parts, part)
		if after == "" {
			break
		}
		if after[0] != '.' || len(parts) == 2 {
			return TableName{}, errors.New(`write it as table, or as schema.table. A name with other characters than a-z, 0-9, and single underscores is in double quotes, as in hr."Employee List"`)
		}
		rest = after[1:]
	}
	if len(parts) == 1 {
		return TableName{Name: parts[0]}, nil
	}
	return TableName{Schema: parts[0], Name: parts[1]}, nil
}

// namePart reads a name, and returns the rest of the text.
func namePart(text string) (part, rest string, err error) {
	if !strings.HasPrefix(text, `"`) {
		end := strings.IndexAny(text, `."`)
		if end < 0 {
			end = len(text)
		}
		part = text[:end]
		if !identifier.MatchString(part) {
			return "", "", fmt.Errorf(`%q is not lower snake case. Write it in double quotes, for example hr."Employee List", or '"Employee List"'`, part)
		}
		return part, text[end:], CheckStored(part)
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] != '"':
			b.WriteByte(text[i])
		case i+1 < len(text) && text[i+1] == '"':
			b.WriteByte('"')
			i++
		default:
			return b.String(), text[i+1:], CheckStored(b.String())
		}
	}
	return "", "", errors.New("the closing quotation mark is missing")
}

// CheckStored returns why databases can't have a name.
func CheckStored(name string) error {
	switch {
	case name == "":
		return errors.New("a name is empty")
	case len(name) > maxIdentifier:
		return fmt.Errorf("%q has %d bytes. The maximum is %d", name, len(name), maxIdentifier)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
		return fmt.Errorf("%q has characters that can't be part of a name", name)
	}
	for _, p := range systemPrefixes {
		if strings.HasPrefix(strings.ToLower(name), p) {
			return fmt.Errorf("names that begin with %q are reserved. Choose another name", p)
		}
	}
	return nil
}

// String returns the name as ParseTable reads it. Parts are quoted only if necessary, so equal names have equal texts.
func (t TableName) String() string {
	text := quoteIfNeeded(t.Name)
	if t.Schema != "" {
		text = quoteIfNeeded(t.Schema) + "." + text
	}
	return text
}

func quoteIfNeeded(name string) string {
	if identifier.MatchString(name) {
		return name
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// TableName returns the name of the sheet's table. If Table can't be parsed, all of it is the name.
func (s *Sheet) TableName() TableName {
	t, err := ParseTable(s.Table)
	if err != nil {
		return TableName{Name: s.Table}
	}
	return t
}
