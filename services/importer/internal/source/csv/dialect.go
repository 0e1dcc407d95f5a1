package csv

import (
	"fmt"
	"strings"

	"headway/services/importer/internal/source"
)

// dialect is how cells and lines are separated.
type dialect struct {
	delimiter byte // 0 if each line is one cell
	quote     byte // 0 if quotation marks have no meaning
	backslash bool // a backslash comes before a quotation mark inside a cell, and before itself
	cr        bool // a carriage return alone ends a line
	// skipBlanks means that blanks after a delimiter do not belong to the cell.
	skipBlanks bool
}

// The classes of bytes.
const (
	other = iota
	isDelimiter
	isQuote
	isLF
	isCR
)

func (d dialect) classes() (c [256]uint8) {
	if d.quote != 0 {
		c[d.quote] = isQuote
	}
	if d.delimiter != 0 {
		c[d.delimiter] = isDelimiter
	}
	c['\n'], c['\r'] = isLF, isCR
	return c
}

// delimiterNames are the names that users can write instead of a character.
var delimiterNames = map[string]byte{"comma": ',', "semicolon": ';', "tab": '\t', `\t`: '\t', "pipe": '|', "space": ' ', "colon": ':'}

// single is the delimiter of a file in which each line is one cell.
const single = "none"

// parseDelimiter returns the character of a delimiter that a user wrote.
func parseDelimiter(text string) (byte, error) {
	if c, ok := delimiterNames[strings.ToLower(text)]; ok {
		return c, nil
	}
	if strings.EqualFold(text, single) {
		return 0, nil
	}
	if len(text) != 1 || text[0] >= 0x80 || text[0] == 0 || strings.ContainsAny(text, "\"'\\\r\n") || isAlphanumeric(text[0]) {
		return 0, fmt.Errorf("%w: the delimiter is %q. It must be one ASCII character that is not a letter, a digit, a quotation mark, or a line break, or one of comma, semicolon, tab, pipe, space, colon, and none", source.ErrTextFormat, text)
	}
	return text[0], nil
}

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

func parseQuote(text string) (byte, error) {
	switch text {
	case `"`, "'", "`":
		return text[0], nil
	case source.NoQuote:
		return 0, nil
	}
	return 0, fmt.Errorf("%w: the quotation mark is %q. It must be \", ', `, or %s", source.ErrTextFormat, text, source.NoQuote)
}

// apply sets the parts of the dialect that a format has.
func (d *dialect) apply(f source.TextFormat) (err error) {
	if f.Delimiter != "" {
		if d.delimiter, err = parseDelimiter(f.Delimiter); err != nil {
			return err
		}
	}
	if f.Quote != "" {
		if d.quote, err = parseQuote(f.Quote); err != nil {
			return err
		}
	}
	switch f.Escape {
	case "":
	case `\`:
		d.backslash = true
	case `"`, "'", "`":
		d.backslash = false
	default:
		return fmt.Errorf("%w: the escape character is %q. It must be a backslash, or the quotation mark itself", source.ErrTextFormat, f.Escape)
	}
	switch f.LineBreak {
	case "":
	case "LF", "CRLF":
		d.cr = false
	case "CR":
		d.cr = true
	default:
		return fmt.Errorf("%w: the line break is %q. It must be LF, CRLF, or CR", source.ErrTextFormat, f.LineBreak)
	}
	d.skipBlanks = d.skipBlanks || f.SkipBlanks
	return nil
}

// describe sets the fields of a format.
func (d dialect) describe(f *source.TextFormat) {
	f.Delimiter, f.Quote, f.Escape = single, source.NoQuote, ""
	if d.delimiter != 0 {
		f.Delimiter = string(d.delimiter)
	}
	if d.quote != 0 {
		f.Quote = string(d.quote)
		f.Escape = f.Quote
	}
	if d.backslash {
		f.Escape = `\`
	}
	f.SkipBlanks = d.skipBlanks
}
