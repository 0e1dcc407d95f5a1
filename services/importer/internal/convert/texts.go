package convert

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"headway/internal/messages"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/text"
)

// maxText is the maximum length of a cell's text, in UTF-16 units.
const maxText = 32767

// text accepts text, and numbers whose shown form does not depend on the computer.
func (c *Column) text(cell *source.Cell, _ Calendar, buf []byte) (imports.Value, []byte, *Fault) {
	if cell.Kind == source.Text && len(cell.Text) <= maxText && text.IsClean(cell.Text) {
		return textValue(cell.Text), buf, nil
	}
	if cell.Kind == source.Number {
		return c.numberAsText(cell, buf)
	}
	return c.otherText(cell, buf)
}

func (c *Column) otherText(cell *source.Cell, buf []byte) (imports.Value, []byte, *Fault) {
	switch cell.Kind {
	case source.Text:
		s, buf, f := clean(cell, buf)
		if f.refused() {
			return imports.Value{}, buf, f
		}
		if len(s) > maxText && utf16Length(s) > maxText {
			return imports.Value{}, buf, fault(imports.Length, messages.New("length.cell", c.title(),
				messages.Count("n", utf16Length(s)), messages.Count("max", maxText)))
		}
		return textValue(s), buf, f
	case source.Bool:
		return textValue(cell.Text), buf, nil
	}
	return imports.Value{}, buf, fault(imports.NumberAsText, messages.New("text.date", c.title()))
}

func utf16Length(s []byte) (n int) {
	for _, r := range string(s) {
		n += utf16.RuneLen(r)
	}
	return n
}

// numberAsText returns a number as Excel shows it, if that is the same on every computer.
func (c *Column) numberAsText(cell *source.Cell, buf []byte) (imports.Value, []byte, *Fault) {
	code := cell.Format.Code
	switch exact := len(cell.Text) <= excelDigits || !lostDigits(cell.Text, 0); {
	case exact && (code == "" || code == "General" || code == "@"):
		return textValue(cell.Text), buf, nil
	case exact && onlyZeros(code) && bytes.IndexByte(cell.Text, '.') < 0:
		out := appendPadded(buf, cell.Text, len(code))
		return textValue(out[len(buf):]), out, nil
	}
	return c.formattedNumber(cell, buf)
}

func onlyZeros(code string) bool {
	for i := range len(code) {
		if code[i] != '0' {
			return false
		}
	}
	return len(code) > 0 && len(code) <= 64
}

func (c *Column) formattedNumber(cell *source.Cell, buf []byte) (imports.Value, []byte, *Fault) {
	if lostDigits(cell.Text, 0) {
		return imports.Value{}, buf, precisionLost(cell)
	}
	code := cell.Format.Code
	if bytes.IndexByte(cell.Text, '.') < 0 {
		if out, ok := appendShown(buf, cell.Text, code); ok {
			if s, out, control := text.Clean(out[len(buf):], out); control < 0 && len(s) > 0 {
				return textValue(s), out, nil
			}
		}
	}
	return imports.Value{}, buf, fault(imports.NumberAsText,
		messages.New("text.number", messages.Number("number", string(cell.Text)), messages.Text("format", source.Clip([]byte(code), maxQuoted)), c.title()))
}

// email accepts the addresses that mail is sent to in practice: local@domain.tld (RFC 5321 §4.1.2 without quoted
// local parts and address literals; letters of any script, RFC 6531). Domains become lower case, because their case
// doesn't matter.
func (c *Column) email(cell *source.Cell, _ Calendar, buf []byte) (imports.Value, []byte, *Fault) {
	if cell.Kind == source.Text && text.Plain(cell.Text) && isEmail(cell.Text) && isLower(domainOf(cell.Text)) && cell.Text[0] != '\'' {
		return textValue(cell.Text), buf, nil
	}
	return c.otherEmail(cell, buf)
}

func domainOf(address []byte) []byte { return address[bytes.LastIndexByte(address, '@')+1:] }

// isLower reports whether a text is ASCII without capitals.
func isLower(s []byte) bool {
	for _, b := range s {
		if b >= 'A' && b <= 'Z' || b >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func (c *Column) otherEmail(cell *source.Cell, buf []byte) (imports.Value, []byte, *Fault) {
	if cell.Kind != source.Text {
		return imports.Value{}, buf, notAnEmail(cell, "")
	}
	s, buf, f := clean(cell, buf)
	if f.refused() {
		return imports.Value{}, buf, f
	}
	if bytes.ContainsFunc(s, isWide) || bytes.ContainsRune(s, '。') {
		s, f = []byte(strings.ReplaceAll(withoutWide(s), "。", ".")), normalized
	}
	address := s
	if !isEmail(s) {
		if address = embeddedAddress(s); address == nil {
			return imports.Value{}, buf, notAnEmail(cell, proposedAddress(s))
		}
		f = normalized
	}
	if address[0] == '\'' {
		return imports.Value{}, buf, notAnEmail(cell, proposedAddress(address))
	}
	domain := domainOf(address)
	if lower := bytes.ToLower(domain); !bytes.Equal(lower, domain) {
		start := len(buf)
		buf = append(append(buf, address[:len(address)-len(domain)]...), lower...)
		return textValue(buf[start:]), buf, normalized
	}
	return textValue(address), buf, f
}

func notAnEmail(cell *source.Cell, proposal string) *Fault {
	if proposal != "" {
		return fault(imports.NotAnEmail, messages.New("email.meant", quoteCell(cell), messages.Text("address", proposal)))
	}
	if n := countAddresses(cell.Text); n > 1 {
		return fault(imports.NotAnEmail, messages.New("email.several", quoteCell(cell), messages.Count("n", n)))
	}
	return fault(imports.NotAnEmail, messages.New("email", quoteCell(cell)))
}

// countAddresses counts the parts of a text that have an @ inside.
func countAddresses(s []byte) (n int) {
	for _, part := range bytes.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(",;/|<>()", r) }) {
		if at := bytes.IndexByte(part, '@'); at > 0 && at == bytes.LastIndexByte(part, '@') && at < len(part)-1 {
			n++
		}
	}
	return n
}

// embeddedAddress returns the address in a link or in a mail program's form: mailto:a@example.com, or Anna
// <a@example.com>. It is nil if there is none or more than one.
func embeddedAddress(s []byte) []byte {
	const link = "mailto:"
	if len(s) > len(link) && strings.EqualFold(string(s[:len(link)]), link) {
		s, _, _ = bytes.Cut(s[len(link):], []byte("?"))
	} else if open := bytes.IndexByte(s, '<'); open >= 0 && s[len(s)-1] == '>' && bytes.Count(s, []byte("@")) == 1 {
		s = s[open+1 : len(s)-1]
	}
	if !isEmail(s) {
		return nil
	}
	return s
}

// proposedAddress returns the text without blanks or marks around it, if that is an address.
func proposedAddress(s []byte) string {
	s = bytes.Trim(bytes.ReplaceAll(s, []byte(" "), nil), ".,;:'\"()[]<>")
	if !isEmail(s) || s[0] == '\'' {
		return ""
	}
	return string(s)
}

func isEmail(s []byte) bool {
	at := bytes.LastIndexByte(s, '@')
	if at < 1 || at > 64 || len(s) > 254 || !atoms(s[:at], &localBytes, false) {
		return false
	}
	domain := s[at+1:]
	return atoms(domain, &domainBytes, true) && topLevel(domain)
}

// topLevel reports whether a domain has a last part without ASCII digits.
func topLevel(domain []byte) bool {
	point := bytes.LastIndexByte(domain, '.')
	if point <= 0 {
		return false
	}
	for _, b := range domain[point+1:] {
		if b >= '0' && b <= '9' {
			return false
		}
	}
	return true
}

// atoms reports whether a text consists of non-empty parts, separated by points, of these characters or non-ASCII
// letters. If inside is set, parts can't begin or end with a hyphen.
func atoms(s []byte, allowed *[256]bool, inside bool) bool {
	start := true
	for i := 0; i < len(s); {
		b := s[i]
		switch {
		case b >= utf8.RuneSelf:
			r, size := utf8.DecodeRune(s[i:])
			if r == utf8.RuneError || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) {
				return false
			}
			i, start = i+size, false
			continue
		case b == '.':
			if start {
				return false
			}
			i, start = i+1, true
			continue
		case !allowed[b], inside && b == '-' && (start || i+1 == len(s) || s[i+1] == '.'):
			return false
		}
		i, start = i+1, false
	}
	return !start
}

// localBytes and domainBytes are the ASCII characters, other than points, that the two parts of an address can have.
var (
	localBytes  = alphanumericAnd("!#$%&'*+-/=?^_`{|}~")
	domainBytes = alphanumericAnd("-")
)

func alphanumericAnd(signs string) (set [256]bool) {
	for b := range 26 {
		set['a'+b], set['A'+b] = true, true
	}
	for b := range 10 {
		set['0'+b] = true
	}
	for _, b := range []byte(signs) {
		set[b] = true
	}
	return set
}
