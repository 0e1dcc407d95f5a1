// Package pattern describes the patterns of columns for readers who don't know regular expressions.
package pattern

import (
	"regexp/syntax"
	"slices"

	"headway/internal/messages"
)

// Form describes a pattern as parts that follow each other, such as "exactly 2 uppercase letters" and "4 digits". It returns nil for
// patterns that are not as simple.
func Form(pattern string) []messages.Value {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil // the schema is not valid, which is reported there
	}
	elements := []*syntax.Regexp{re}
	if re.Op == syntax.OpConcat {
		elements = re.Sub
	}
	var form []messages.Value
	for i, e := range elements {
		switch {
		case e.Op == syntax.OpBeginText && i == 0, e.Op == syntax.OpEndText && i == len(elements)-1:
			continue
		case e.Op == syntax.OpLiteral && e.Flags&syntax.FoldCase == 0:
			form = append(form, messages.Of(messages.New("form.text", messages.Text("text", string(e.Rune)))))
			continue
		}
		part, ok := partOf(e)
		if !ok {
			return nil
		}
		form = append(form, part)
	}
	return form
}

// partOf describes a number of characters of a set.
func partOf(e *syntax.Regexp) (part messages.Value, ok bool) {
	least, most, of := 1, 1, e
	switch e.Op {
	case syntax.OpRepeat:
		least, most, of = e.Min, e.Max, e.Sub[0]
	case syntax.OpPlus:
		most, of = -1, e.Sub[0]
	}
	names, ok := setOf(of)
	if !ok || least == 0 {
		return part, false
	}
	values := make([]messages.Value, 0, len(names))
	for _, name := range names {
		values = append(values, messages.Of(messages.New("form.set", messages.Text("name", name))))
	}
	set := messages.List("set", messages.And, values...)
	single := least == 1 && most == 1
	switch {
	case single && len(names) == 1:
		return messages.Of(messages.New("form.one", messages.Text("name", names[0]))), true
	case single:
		return messages.Of(messages.New("form.one_of", set)), true
	case least == most && len(names) > 1:
		return messages.Of(messages.New("form.exactly_of", messages.Count("n", least), set)), true
	case least == most:
		return messages.Of(messages.New("form.exactly", messages.Count("n", least), set)), true
	case most > 0:
		return messages.Of(messages.New("form.between", messages.Count("min", least), messages.Count("max", most), set)), true
	case least == 1:
		return messages.Of(messages.New("form.only", set)), true
	}
	return messages.Of(messages.New("form.least", messages.Count("n", least), set)), true
}

// namedSet is a range of characters that has a name.
type namedSet struct {
	name        string
	first, last rune
}

// namedSets are in the order in which a description has them.
var namedSets = []namedSet{{"capitals", 'A', 'Z'}, {"small", 'a', 'z'}, {"digits", '0', '9'}}

// setOf returns the names of the characters that an expression matches. It reports false if they have no names.
func setOf(e *syntax.Regexp) (names []string, ok bool) {
	if e.Op == syntax.OpLiteral && len(e.Rune) == 1 && e.Flags&syntax.FoldCase == 0 {
		return []string{characterName(e.Rune[0])}, true
	}
	if e.Op != syntax.OpCharClass {
		return nil, false
	}
	found := make([]bool, len(namedSets))
	var characters []string
	for i := 0; i < len(e.Rune); i += 2 {
		first, last := e.Rune[i], e.Rune[i+1]
		named := slices.IndexFunc(namedSets, func(s namedSet) bool { return s.first == first && s.last == last })
		switch {
		case named >= 0:
			found[named] = true
		case int(last-first)+len(characters) < maxNamed:
			for r := first; r <= last; r++ {
				characters = append(characters, characterName(r))
			}
		default:
			return nil, false
		}
	}
	for i, s := range namedSets {
		if found[i] {
			names = append(names, s.name)
		}
	}
	return append(names, characters...), true
}

// maxNamed is the number of single characters that a description lists at most.
const maxNamed = 6

// characterName returns the name of a character in the catalogs, where all but the space are themselves.
func characterName(r rune) string {
	if r == ' ' {
		return "space"
	}
	return string(r)
}
