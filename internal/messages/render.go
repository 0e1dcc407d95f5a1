package messages

import (
	"embed"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/text/language"
)

// Language is a language of the catalogs.
type Language string

// The languages. English is the default.
const (
	English Language = "en"
	German  Language = "de"
)

// Languages are all languages.
func Languages() []Language { return []Language{English, German} }

var matcher = language.NewMatcher([]language.Tag{language.English, language.German})

// Negotiate returns the language that fits a list of preferred languages best, as in Accept-Language: "de-AT, en;q=0.8".
func Negotiate(preferred string) Language {
	tags, _, err := language.ParseAcceptLanguage(preferred)
	if err != nil || len(tags) == 0 {
		return English
	}
	_, i, _ := matcher.Match(tags...)
	return Languages()[i]
}

// Known returns the language with this name. It returns English for an empty name.
func Known(name string) (Language, bool) {
	for _, l := range Languages() {
		if string(l) == name {
			return l, true
		}
	}
	return English, name == ""
}

//go:embed issues.*.json files.*.json
var files embed.FS

// catalogs are the parsed catalogs.
var catalogs = sync.OnceValue(func() map[Language]map[string][]element {
	all := map[Language]map[string][]element{}
	for _, l := range Languages() {
		all[l] = map[string][]element{}
		for _, name := range []string{"issues", "files"} {
			if err := addCatalog(all[l], name+"."+string(l)+".json"); err != nil {
				panic(fmt.Sprintf("the catalog %s of the language %s: %v", name, l, err)) // a test reads all of them
			}
		}
	}
	return all
})

func addCatalog(to map[string][]element, name string) error {
	data, err := files.ReadFile(name)
	if err != nil {
		return err
	}
	var texts map[string]string
	if err := json.Unmarshal(data, &texts); err != nil {
		return err
	}
	for id, text := range texts {
		if to[id], err = parse(text); err != nil {
			return err
		}
	}
	return nil
}

// In returns the text of a message in a language. An unknown message is its ID. The zero message has an empty text.
func (m Message) In(l Language) string {
	return string(m.append(nil, l))
}

// English returns the English text of a message.
func (m Message) English() string { return m.In(English) }

// In returns the text of a value in a language.
func (v Value) In(l Language) string { return string(v.append(nil, l)) }

func (m Message) append(b []byte, l Language) []byte {
	if l == "" {
		l = English
	}
	elements, ok := catalogs()[l][m.ID]
	if !ok {
		return append(b, m.ID...)
	}
	return m.appendElements(b, l, elements, 0)
}

func (m Message) appendElements(b []byte, l Language, elements []element, number uint32) []byte {
	for i := range elements {
		switch e := &elements[i]; {
		case e.name == "":
			b = append(b, e.literal...)
		case e.name == "#":
			b = appendCount(b, l, number)
		case e.options != nil:
			option, n := e.choose(m.value(e.name))
			b = m.appendElements(b, l, option, n)
		default:
			v := m.value(e.name)
			b = v.append(b, l)
		}
	}
	return b
}

// choose returns the option for a value, and the number of a plural.
func (e *element) choose(v Value) (option []element, number uint32) {
	key := v.Text
	if e.choice == "plural" {
		number = v.Count
		if option, ok := e.options["="+strconv.FormatUint(uint64(number), 10)]; ok {
			return option, number
		}
		key = "other"
		if number == 1 { // in all languages of the catalogs
			key = "one"
		}
	}
	option, ok := e.options[key]
	if !ok {
		option = e.options["other"]
	}
	return option, number
}

func (m Message) value(name string) Value {
	for i := range m.Parameters {
		if m.Parameters[i].Name == name {
			return m.Parameters[i].Value
		}
	}
	return Value{}
}

func (v *Value) append(b []byte, l Language) []byte {
	switch v.Kind {
	case Counted:
		return appendCount(b, l, v.Count)
	case Decimal:
		if l == German {
			return append(b, strings.Replace(v.Text, ".", ",", 1)...)
		}
		return append(b, v.Text...)
	case Moment:
		return appendMoment(b, l, v.Text)
	case Located:
		return appendLocation(b, l, v.Location())
	case Quotation:
		return appendQuotation(b, l, v)
	case Nested:
		return v.Message().append(b, l)
	case Or, And, Comma, Spaced:
		return appendList(b, l, v)
	default:
		return append(b, v.Text...)
	}
}

// appendCount appends a number with separators between thousands.
func appendCount(b []byte, l Language, n uint32) []byte {
	digits := strconv.FormatUint(uint64(n), 10)
	separator := byte(',')
	if l == German {
		separator = '.'
	}
	for i := range len(digits) {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b = append(b, separator)
		}
		b = append(b, digits[i])
	}
	return b
}

// appendMoment appends a date or a time. In English it stays as it is, because readers disagree about whether the day or the month
// comes first, and because it can be entered like this.
func appendMoment(b []byte, l Language, iso string) []byte {
	if l != German || len(iso) < 10 || iso[4] != '-' {
		return append(b, iso...)
	}
	b = append(b, iso[8:10]+"."+iso[5:7]+"."+iso[:4]...)
	if len(iso) > 11 {
		b = append(b, " "+iso[11:]...)
	}
	return b
}

func appendLocation(b []byte, l Language, p Location) []byte {
	switch {
	case p.Line && p.File != "" && p.Column > 0:
		return New("location.file_line_column", Text("file", p.File), Count("line", p.Row), Count("column", p.Column)).append(b, l)
	case p.Line && p.File != "":
		return New("location.file_line", Text("file", p.File), Count("line", p.Row)).append(b, l)
	case p.Line && p.Column > 0:
		return New("location.line_column", Count("line", p.Row), Count("column", p.Column)).append(b, l)
	case p.Line:
		return New("location.line", Count("line", p.Row)).append(b, l)
	}
	b = append(b, p.Sheet+"!"...)
	row := strconv.FormatUint(uint64(p.Row), 10)
	if p.Column == 0 {
		return append(b, row+":"+row...)
	}
	return append(AppendColumn(b, int(p.Column)), row...)
}

// AppendColumn appends the letters of a column of a workbook that counts from 1, such as "AA" for 27.
func AppendColumn(b []byte, column int) []byte {
	if column <= 0 {
		return b
	}
	return append(AppendColumn(b, (column-1)/26), byte('A'+(column-1)%26))
}

func appendQuotation(b []byte, l Language, v *Value) []byte {
	if len(v.Values()) == 0 {
		return New("quote", Text("text", v.Text)).append(b, l)
	}
	return New("quote.remarks", Text("text", v.Text), List("remarks", Comma, v.Values()...)).append(b, l)
}

var conjunctions = map[Language]map[Kind]string{English: {Or: " or ", And: " and "}, German: {Or: " oder ", And: " und "}}

// appendList joins the items of a list, as Intl.ListFormat does.
func appendList(b []byte, l Language, v *Value) []byte {
	last := len(v.Values()) - 1
	for i := range v.Values() {
		switch {
		case i == 0:
		case v.Kind == Spaced:
			b = append(b, ' ')
		case i < last || v.Kind == Comma:
			b = append(b, ", "...)
		default:
			if last > 1 && l == English {
				b = append(b, ',')
			}
			b = append(b, conjunctions[l][v.Kind]...)
		}
		b = v.Values()[i].append(b, l)
	}
	return b
}
