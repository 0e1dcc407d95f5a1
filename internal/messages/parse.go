package messages

import (
	"fmt"
	"strings"
)

// element is a part of a message: a literal text, a parameter, or a choice between texts.
type element struct {
	literal string
	// name is that of the parameter. It is empty for literals, and "#" for the number of the plural around it.
	name string
	// choice is "plural", "select", or "number", or empty for a parameter as it is.
	choice  string
	options map[string][]element
}

// reader parses the part of ICU MessageFormat that the catalogs use: parameters, plural, select, number, and #.
type reader struct {
	text   string
	at     int
	plural int
}

func parse(text string) ([]element, error) {
	p := &reader{text: text}
	elements, err := p.message()
	if err == nil && p.at < len(p.text) {
		err = p.fail("an unexpected }")
	}
	return elements, err
}

func (p *reader) fail(what string) error {
	return fmt.Errorf("%s at %d of %q", what, p.at, p.text)
}

// message parses until the end, or until the brace that closes an option.
func (p *reader) message() (elements []element, err error) {
	var literal strings.Builder
	flush := func() {
		if literal.Len() > 0 {
			elements = append(elements, element{literal: literal.String()})
			literal.Reset()
		}
	}
	for p.at < len(p.text) {
		switch c := p.text[p.at]; {
		case c == '}':
			flush()
			return elements, nil
		case c == '{':
			flush()
			p.at++
			e, err := p.argument()
			if err != nil {
				return nil, err
			}
			elements = append(elements, e)
		case c == '#' && p.plural > 0:
			flush()
			elements = append(elements, element{name: "#"})
			p.at++
		case c == '\'' && strings.IndexByte("'{}", next(p.text, p.at+1)) >= 0, c == '<' || c == '>':
			return nil, p.fail("a quoted or marked-up text, which the catalogs do not use,")
		default:
			literal.WriteByte(c)
			p.at++
		}
	}
	flush()
	return elements, nil
}

func next(s string, at int) byte {
	if at < len(s) {
		return s[at]
	}
	return ' '
}

// argument parses what follows an opening brace.
func (p *reader) argument() (element, error) {
	e := element{name: p.word()}
	if e.name == "" {
		return e, p.fail("a parameter without a name")
	}
	if p.take("}") {
		return e, nil
	}
	if !p.take(",") {
		return e, p.fail("no comma or brace after a parameter")
	}
	switch e.choice = p.word(); e.choice {
	case "number":
		if !p.take("}") {
			return e, p.fail("a style of a number, which the catalogs do not use,")
		}
		return e, nil
	case "plural", "select":
	default:
		return e, p.fail("an unknown type of a parameter")
	}
	if !p.take(",") {
		return e, p.fail("no options")
	}
	e.options = map[string][]element{}
	if e.choice == "plural" {
		p.plural++
		defer func() { p.plural-- }()
	}
	for !p.take("}") {
		option := p.word()
		if option == "" || !p.take("{") {
			return e, p.fail("no option")
		}
		var err error
		if e.options[option], err = p.message(); err != nil {
			return e, err
		}
		if !p.take("}") {
			return e, p.fail("an option without an end")
		}
	}
	if _, ok := e.options["other"]; !ok {
		return e, p.fail("a choice without other")
	}
	return e, nil
}

func (p *reader) blanks() {
	for p.at < len(p.text) && (p.text[p.at] == ' ' || p.text[p.at] == '\n') {
		p.at++
	}
}

// word returns the next name. It is empty if there is none.
func (p *reader) word() string {
	p.blanks()
	start := p.at
	for p.at < len(p.text) && strings.IndexByte(" \n,{}", p.text[p.at]) < 0 {
		p.at++
	}
	return p.text[start:p.at]
}

func (p *reader) take(sign string) bool {
	p.blanks()
	if strings.HasPrefix(p.text[p.at:], sign) {
		p.at += len(sign)
		return true
	}
	return false
}
