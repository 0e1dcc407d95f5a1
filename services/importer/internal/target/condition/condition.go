// Package condition reads the conditions of indexes that apply only to some rows of their table, as databases write them in their
// catalogs.
package condition

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Qualify puts an alias before the columns of a table in a condition, and returns the columns. known returns the name of the column that an
// identifier of the condition means, which is empty if it means none. quote quotes a name.
func Qualify(condition, alias string, known func(identifier string) string, quote func(string) string) (qualified string, columns []string) {
	var out strings.Builder
	before := "" // the last character that is not a space, or "::"
	for rest := condition; rest != ""; {
		token, identifier := next(rest)
		rest = rest[len(token):]
		column := ""
		after := strings.TrimLeft(rest, " \n\t")
		if identifier != "" && before != "." && before != "::" && !strings.HasPrefix(after, "(") && !strings.HasPrefix(after, ".") {
			column = known(identifier)
		}
		if column == "" {
			out.WriteString(token)
		} else {
			out.WriteString(alias + "." + quote(column))
			columns = append(columns, column)
		}
		switch {
		case token == ":" && before == ":":
			before = "::"
		case strings.TrimSpace(token) != "":
			before = token
		}
	}
	return out.String(), columns
}

// IsFilled reports whether a condition only says that columns of a key are not empty, which a key never is. known is that of Qualify.
func IsFilled(condition string, key []string, known func(identifier string) string) bool {
	const length = 4 // of column IS NOT NULL
	var words []string
	for rest := condition; rest != ""; {
		token, identifier := next(rest)
		rest = rest[len(token):]
		switch column := ""; {
		case strings.Trim(token, " \n\t()") == "":
			continue
		case len(words)%(length+1) == 0:
			if identifier != "" {
				column = known(identifier)
			}
			if !slices.Contains(key, column) {
				return false
			}
		case !strings.EqualFold(token, []string{"is", "not", "null", "and"}[len(words)%(length+1)-1]):
			return false
		}
		words = append(words, token)
	}
	return len(words)%(length+1) == length
}

// OfColumn describes why a unique index with a condition can't be the key of a sheet: the condition is about a column of the schema.
func OfColumn(index, condition, column string) string {
	return fmt.Sprintf(". The unique index %s identifies them only if %s, and the schema has the column %s. Delete it from the schema", index, condition, column)
}

// NotForNew describes why a unique index with a condition can't be the key of a sheet: the condition isn't true for rows that have only defaults.
func NotForNew(index, condition string) string {
	return fmt.Sprintf(". The unique index %s identifies them only if %s, which new rows do not fulfill. Change the defaults of these columns", index, condition)
}

// NeedsConstant describes that a unique index identifies the rows of a sheet only together with a column that the schema does not have. example
// is the column in a schema.
func NeedsConstant(index, column, example string) string {
	return fmt.Sprintf(". The unique index %s identifies them only together with %s%s", index, column, CanBeConstant(example))
}

// CanBeConstant says how the schema gives a column a value that all rows have.
func CanBeConstant(example string) string {
	return fmt.Sprintf(". If it has the same value in all rows of the files, such as that of a tenant, add it to the sheet: %s", example)
}

// NeedsKey describes that a unique index identifies the rows of a sheet only together with another column of the sheet.
func NeedsKey(index, column string) string {
	return fmt.Sprintf(". The unique index %s identifies them only together with %s. Add it to the key, or give it as a constant if all rows have the same value", index, column)
}

// NeedsIndex describes that a column has no unique index for the rows of the sheet, which are those with the same values of other columns.
func NeedsIndex(table, column string, together []string, quote func(string) string) string {
	columns := make([]string, 0, len(together)+1)
	for _, c := range append(together, column) {
		columns = append(columns, quote(c))
	}
	return fmt.Sprintf("its column %s is unique in the schema, but no unique index has it together with %s. Create one on (%s), or delete unique from the schema",
		column, strings.Join(together, ", "), strings.Join(columns, ", "))
}

// next returns the first token of a text. identifier is its name, without quotes, or empty if it is none.
func next(text string) (token, identifier string) {
	closing := map[byte]string{'\'': "'", '"': `"`, '`': "`", '[': "]"}[text[0]]
	first, size := utf8.DecodeRuneInString(text)
	switch {
	case closing != "":
		if token = quoted(text, closing); token == "" {
			return text, ""
		}
		if text[0] != '\'' {
			identifier = strings.ReplaceAll(token[1:len(token)-1], closing+closing, closing)
		}
		return token, identifier
	case first == '_' || unicode.IsLetter(first):
		end := strings.IndexFunc(text, func(r rune) bool { return r != '_' && r != '$' && !unicode.IsLetter(r) && !unicode.IsDigit(r) })
		if end < 0 {
			end = len(text)
		}
		return text[:end], text[:end]
	}
	return text[:size], ""
}

// quoted returns the quoted token at the beginning of a text, or nothing if it does not end. A quote that is doubled is part of it.
func quoted(text, closing string) string {
	for at := 1; at < len(text); at++ {
		if text[at:at+1] != closing {
			continue
		}
		if at+1 < len(text) && text[at+1:at+2] == closing {
			at++
			continue
		}
		return text[:at+1]
	}
	return ""
}

// OfIndex returns the condition in a statement that creates an index, or nothing if it has none.
func OfIndex(statement string) string {
	for rest := statement; rest != ""; {
		token, _ := next(rest)
		rest = rest[len(token):]
		if strings.EqualFold(token, "where") {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}
