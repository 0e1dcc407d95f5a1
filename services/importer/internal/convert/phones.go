package convert

import (
	"bytes"

	"headway/internal/messages"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/source"
)

// phone accepts numbers that can be dialed: 4 to 15 digits (ITU-T E.164 §6), with a leading + and with spaces and
// - . / ( ) between them.
func (c *Column) phone(cell *source.Cell, _ Calendar, buf []byte) (imports.Value, []byte, *Fault) {
	if cell.Kind == source.Text && isPhone(cell.Text) && !hasTwoPhones(cell.Text) {
		return textValue(cell.Text), buf, nil
	}
	return c.otherPhone(cell, buf)
}

func (c *Column) otherPhone(cell *source.Cell, buf []byte) (imports.Value, []byte, *Fault) {
	if cell.Kind == source.Number {
		v, buf, f := c.numberAsText(cell, buf)
		if bytes.IndexByte(cell.Text, '.') >= 0 || f == nil && !isPhone(v.Bytes) {
			f = notAPhone(cell)
		}
		return v, buf, f
	}
	if cell.Kind != source.Text {
		return imports.Value{}, buf, notAPhone(cell)
	}
	s, buf, f := clean(cell, buf)
	if f.refused() {
		return imports.Value{}, buf, f
	}
	number, _ := fold(s)
	if rest, ok := bytes.CutPrefix(number, []byte("tel:")); ok {
		number = bytes.TrimLeft(rest, " ")
	}
	if n := countPhones(number); n > 1 {
		return imports.Value{}, buf, fault(imports.NotAPhone, messages.New("phone.several", quoteCell(cell), messages.Count("n", n)))
	}
	if !isPhone(number) {
		return imports.Value{}, buf, notAPhone(cell)
	}
	start := len(buf)
	buf = append(buf, number...)
	return textValue(buf[start:]), buf, normalized
}

func notAPhone(cell *source.Cell) *Fault {
	return fault(imports.NotAPhone, messages.New("phone", quoteCell(cell)))
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

// countPhones returns the number of phone numbers in a text that separates them, for example with a comma. It is 0 if the text has
// other parts.
func countPhones(text []byte) (n int) {
	if isPhone(text) {
		if hasTwoPhones(text) {
			return 2
		}
		return 1
	}
	for len(text) > 0 {
		end, next := nextPhone(text)
		part := bytes.Trim(text[:end], " ")
		if text = text[next:]; len(part) == 0 && n > 0 {
			continue
		}
		if !isPhone(part) {
			return 0
		}
		n++
	}
	return n
}

// nextPhone returns the end of the first part of a text that is not a phone number, and the beginning of the next part.
func nextPhone(text []byte) (end, next int) {
	for i, b := range text {
		switch b {
		case ',', ';', '|', '&', '\n':
			return i, i + 1
		case '+':
			if i > 0 {
				return i, i
			}
		case '/', '-':
			if i > 0 && text[i-1] == ' ' && i+1 < len(text) && text[i+1] == ' ' {
				return i, i + 1
			}
		case ' ':
			for _, word := range [...]string{" or ", " oder ", " and ", " und ", " ou ", " et ", " o ", " y "} {
				if bytes.HasPrefix(text[i:], []byte(word)) {
					return i, i + len(word)
				}
			}
		}
	}
	return len(text), len(text)
}

// hasTwoPhones reports whether the text of a phone number is more likely two of them: both parts are long enough for a number with
// its area code, and the second one begins with the zero of another area code, or both are too long for an area code. After a blank,
// more digits are required, because blanks also group the digits of one number.
func hasTwoPhones(text []byte) bool {
	const number, longer = 6, 7
	international := text[0] == '+' || bytes.HasPrefix(text, []byte("00"))
	before, total := 0, countDigits(text)
	if total < 2*number {
		return false
	}
	for i, b := range text {
		switch {
		case b >= '0' && b <= '9':
			before++
			continue
		case before < number:
			continue
		}
		rest := bytes.TrimLeft(text[i:], " -./(")
		after := total - before
		zero := rest[0] == '0' && after >= number
		switch b {
		case '/', '(':
			if zero || b == '/' && !international && before >= longer && after >= longer {
				return true
			}
		case '-':
			if zero && text[i-1] == ' ' {
				return true
			}
		case ' ':
			if zero && text[0] == '0' && isDigits(text[:i]) && isDigits(rest) && before >= longer && after >= longer {
				return true
			}
		}
	}
	return repeatsAreaCode(text)
}

// repeatsAreaCode reports whether the area code at the beginning of a number, such as 030, occurs in it again.
func repeatsAreaCode(text []byte) bool {
	parts := bytes.FieldsFunc(text, func(r rune) bool { return r < '0' || r > '9' })
	code := parts[0]
	if len(code) < 3 || code[0] != '0' || code[1] == '0' || len(parts) < 4 {
		return false
	}
	for _, part := range parts[2 : len(parts)-1] {
		if bytes.Equal(part, code) {
			return true
		}
	}
	return false
}

func countDigits(text []byte) (n int) {
	for _, b := range text {
		if b >= '0' && b <= '9' {
			n++
		}
	}
	return n
}

func isDigits(text []byte) bool { return countDigits(text) == len(text) }
