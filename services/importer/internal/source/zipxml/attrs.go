package zipxml

import (
	"bytes"
	"errors"
)

var (
	errAttrs     = errors.New("an attribute is malformed")
	errTwice     = errors.New("an attribute is repeated")
	errManyAttrs = errors.New("it has too many attributes")
)

// parseAttrs splits the attributes after the name in a tag into x.attrs.
func (x *Scanner) parseAttrs(b []byte) error {
	x.attrs, x.scratch = x.attrs[:0], x.scratch[:0]
	for {
		spaces := 0
		for spaces < len(b) && IsSpace(b[spaces]) {
			spaces++
		}
		b = b[spaces:]
		if len(b) == 0 {
			return nil
		}
		n := NameLength(b)
		if n == 0 || spaces == 0 {
			return errAttrs
		}
		name := b[:n]
		if bytes.Count(name, []byte(":")) > 1 {
			return errAttrs
		}
		b = TrimLeft(b[n:])
		if len(b) == 0 || b[0] != '=' {
			return errAttrs
		}
		b = TrimLeft(b[1:])
		if len(b) == 0 || b[0] != '"' && b[0] != '\'' {
			return errAttrs
		}
		end := bytes.IndexByte(b[1:], b[0])
		if end < 0 {
			return errAttrs
		}
		value := b[1 : 1+end]
		b = b[end+2:]
		if bytes.IndexByte(value, '<') >= 0 || !ValidChars(value) {
			return errAttrs
		}
		if bytes.ContainsAny(value, "&\t\r\n") {
			from := len(x.scratch)
			var ok bool
			if x.scratch, ok = appendAttrValue(x.scratch, value); !ok {
				return errAttrs
			}
			value = x.scratch[from:]
		}
		for i := range x.attrs {
			if string(x.attrs[i].name) == string(name) {
				return errTwice
			}
		}
		if len(x.attrs) == maxAttrs {
			return errManyAttrs
		}
		x.attrs = append(x.attrs, attr{name, value})
	}
}

// Attr returns the value of the attribute with this name and without a prefix, or nil.
func (x *Scanner) Attr(name string) []byte {
	for i := range x.attrs {
		if string(x.attrs[i].name) == name {
			return x.attrs[i].value
		}
	}
	return nil
}

// RelID returns the value of the relationship attribute id, or nil.
func (x *Scanner) RelID() []byte { return x.AttrIn(Relationships, "id") }

// AttrIn returns the value of the attribute with this name in a namespace, or nil.
func (x *Scanner) AttrIn(space Namespace, local string) []byte {
	for i := range x.attrs {
		name := x.attrs[i].name
		colon := len(name) - len(local) - 1
		if colon > 0 && name[colon] == ':' && string(name[colon+1:]) == local {
			if of, _ := x.Space(name[:colon]); of == space {
				return x.attrs[i].value
			}
		}
	}
	return nil
}

// declaredPrefix returns the prefix that an attribute with this name binds to a namespace. It is empty for the default
// namespace.
func declaredPrefix(name []byte) (prefix []byte, ok bool) {
	rest, ok := bytes.CutPrefix(name, []byte("xmlns"))
	switch {
	case !ok:
		return nil, false
	case len(rest) == 0:
		return rest, true
	case rest[0] == ':' && len(rest) > 1:
		return rest[1:], true
	}
	return nil, false
}

// tagEnd returns the index of the ">" that ends the tag at the beginning of b, or -1. It ignores a ">" inside a quoted
// value.
func tagEnd(b []byte) int {
	for i := 1; i < len(b); i++ {
		switch c := b[i]; c {
		case '>':
			return i
		case '"', '\'':
			end := bytes.IndexByte(b[i+1:], c)
			if end < 0 {
				return -1
			}
			i += end + 1
		}
	}
	return -1
}

// Bool reads a boolean (XML Schema Part 2 §3.2.2).
func Bool(b []byte) bool { return string(b) == "1" || string(b) == "true" }
