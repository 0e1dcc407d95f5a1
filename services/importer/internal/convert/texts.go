package convert

import (
	"bytes"
	"unicode"
	"unicode/utf8"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/source"
)

// text keeps texts as they stand. A number is taken for text only if it is shown as its digits, or padded with zeros.
func (c *Column) text(cell *source.Cell, _ Calendar, buf []byte) (imports.Value, []byte, *Fault) {
	switch cell.Kind {
	case source.Text, source.Bool:
		return textValue(cell.Text), buf, nil
	case source.Number:
		return c.numberAsText(cell, buf)
	}
	return imports.Value{}, buf, fault(imports.NumberAsText,
		"The cell holds a date or time, and how it is shown depends on the computer; %s needs text: format the cell as text and type it again.", c.spec.Title)
}

// numberAsText gives the form in which Excel shows a number where that can be told: as its digits under General and
// the like, padded under a format of zeros ("00000").
func (c *Column) numberAsText(cell *source.Cell, buf []byte) (imports.Value, []byte, *Fault) {
	if lostDigits(cell.Text) {
		return imports.Value{}, buf, precisionLost(cell)
	}
	whole := bytes.IndexByte(cell.Text, '.') < 0
	code := cell.Format.Code
	switch {
	case code == "" || code == "General" || code == "@" || code == "0" && whole:
		return textValue(cell.Text), buf, nil
	case whole && onlyZeros(code):
		digits := cell.Text
		start := len(buf)
		if digits[0] == '-' {
			buf, digits = append(buf, '-'), digits[1:]
		}
		for n := len(digits); n < len(code); n++ {
			buf = append(buf, '0')
		}
		buf = append(buf, digits...)
		return textValue(buf[start:]), buf, nil
	}
	return imports.Value{}, buf, fault(imports.NumberAsText,
		"The cell holds the number %s, shown in the format %s; %s needs text: format the cell as text and type what is meant.", cell.Text, code, c.spec.Title)
}

func onlyZeros(code string) bool {
	for i := range len(code) {
		if code[i] != '0' {
			return false
		}
	}
	return len(code) > 0 && len(code) <= 64
}

// boolean accepts Excel's truth values, true and false, yes and no as text, and 1 and 0.
func (c *Column) boolean(cell *source.Cell, _ Calendar, buf []byte) (imports.Value, []byte, *Fault) {
	switch cell.Kind {
	case source.Bool, source.Text, source.Number:
		switch {
		case equalFold(cell.Text, "true"), equalFold(cell.Text, "yes"), string(cell.Text) == "1":
			return imports.Value{Kind: imports.Integer, Int: 1}, buf, nil
		case equalFold(cell.Text, "false"), equalFold(cell.Text, "no"), string(cell.Text) == "0":
			return imports.Value{Kind: imports.Integer, Int: 0}, buf, nil
		}
	}
	return imports.Value{}, buf, fault(imports.NotABoolean, "%s is neither true nor false; write TRUE or FALSE.", quoteCell(cell))
}

func equalFold(text []byte, word string) bool {
	if len(text) != len(word) {
		return false
	}
	for i, b := range text {
		if b|0x20 != word[i] {
			return false
		}
	}
	return true
}

// email accepts the addresses that mail is sent to in practice: local@domain.tld (RFC 5321 §4.1.2 without quoted
// local parts and address literals; letters of any script, RFC 6531).
func (c *Column) email(cell *source.Cell, _ Calendar, buf []byte) (imports.Value, []byte, *Fault) {
	if cell.Kind == source.Text && isEmail(cell.Text) {
		return textValue(cell.Text), buf, nil
	}
	if len(bytes.TrimSpace(cell.Text)) != len(cell.Text) {
		return imports.Value{}, buf, fault(imports.NotAnEmail, "%s has a space before or behind the address; remove it.", quoteCell(cell))
	}
	return imports.Value{}, buf, fault(imports.NotAnEmail, "%s is not an e-mail address, such as name@example.com.", quoteCell(cell))
}

func isEmail(text []byte) bool {
	at := bytes.LastIndexByte(text, '@')
	if at < 1 || at > 64 || len(text) > 254 {
		return false
	}
	local, domain := text[:at], text[at+1:]
	if !atoms(local, localByte) {
		return false
	}
	return bytes.IndexByte(domain, '.') > 0 && atoms(domain, domainByte) && !bytes.ContainsAny(domain[bytes.LastIndexByte(domain, '.')+1:], "0123456789")
}

// atoms tells whether text is non-empty parts between points, of these characters or letters beyond ASCII.
func atoms(text []byte, ok func(b byte, edge bool) bool) bool {
	start := true
	for i := 0; i < len(text); {
		b := text[i]
		if b >= utf8.RuneSelf {
			r, size := utf8.DecodeRune(text[i:])
			if r == utf8.RuneError || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) {
				return false
			}
			i, start = i+size, false
			continue
		}
		if b == '.' {
			if start {
				return false
			}
			i, start = i+1, true
			continue
		}
		if !ok(b, start || i+1 == len(text) || text[i+1] == '.') {
			return false
		}
		i, start = i+1, false
	}
	return !start
}

func localByte(b byte, _ bool) bool {
	return alphanumeric(b) || bytes.IndexByte([]byte("!#$%&'*+-/=?^_`{|}~"), b) >= 0
}

func domainByte(b byte, edge bool) bool { return alphanumeric(b) || b == '-' && !edge }

func alphanumeric(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9'
}

// phone accepts what people dial: 4 to 15 digits (ITU-T E.164 §6), with a leading +, spaces, and - . / ( ) between.
func (c *Column) phone(cell *source.Cell, clock Calendar, buf []byte) (imports.Value, []byte, *Fault) {
	if cell.Kind == source.Number || cell.Kind == source.Date {
		v, buf, f := c.text(cell, clock, buf)
		if f == nil && !isPhone(v.Bytes) {
			f = notAPhone(cell)
		}
		return v, buf, f
	}
	if cell.Kind != source.Text || !isPhone(cell.Text) {
		return imports.Value{}, buf, notAPhone(cell)
	}
	return textValue(cell.Text), buf, nil
}

func notAPhone(cell *source.Cell) *Fault {
	return fault(imports.NotAPhone, "%s is not a phone number, such as +49 30 901820.", quoteCell(cell))
}

func isPhone(text []byte) bool {
	digits, depth := 0, 0
	for i, b := range text {
		switch {
		case b >= '0' && b <= '9':
			digits++
		case b == '+':
			if i != 0 {
				return false
			}
		case b == '(':
			depth++
		case b == ')':
			depth--
		case b == ' ' || b == '-' || b == '.' || b == '/':
			if i == 0 || i == len(text)-1 {
				return false
			}
		default:
			return false
		}
		if depth < 0 || depth > 1 {
			return false
		}
	}
	return depth == 0 && digits >= 4 && digits <= 15
}
