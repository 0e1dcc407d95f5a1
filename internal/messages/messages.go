// Package messages makes the texts that describe data: the errors, warnings, and notices of an import, and the texts of the
// files that users download. A text is a message: an ID and parameters. The catalogs have the text of each ID in each language,
// as ICU MessageFormat. The web UI makes the same texts from the same catalogs, with Intl.
package messages

import "strconv"

// Message is an ID of the catalogs with its parameters.
type Message struct {
	ID         string
	Parameters []Parameter
}

// Parameter is a value with its name.
type Parameter struct {
	Name string
	Value
}

// Value is a value of a parameter, or an item of a list.
type Value struct {
	Kind  Kind
	Count uint32
	// Text is that of a text, a number, a date, or a quotation.
	Text string
	// parts is nil for values without parts, which most are. A run can have a message for every cell.
	parts *parts
}

type parts struct {
	location Location
	message  Message
	values   []Value
}

// Location returns the location of a value that is Located.
func (v *Value) Location() Location {
	if v.parts == nil {
		return Location{}
	}
	return v.parts.location
}

// Message returns the message of a value that is Nested.
func (v *Value) Message() Message {
	if v.parts == nil {
		return Message{}
	}
	return v.parts.message
}

// Values returns the items of a list, or the remarks of a quotation.
func (v *Value) Values() []Value {
	if v.parts == nil {
		return nil
	}
	return v.parts.values
}

// Kind is the kind of a value.
type Kind uint8

// The kinds.
const (
	// Plain is a text, such as the title of a column. It is the same in all languages.
	Plain Kind = iota
	// Counted is a number of things.
	Counted
	// Decimal is a number of the data, in its plain form: "-1234.5".
	Decimal
	// Moment is a date, a time of day, or both, as in ISO 8601.
	Moment
	// Located is a cell, or a row.
	Located
	// Quotation is the content of a cell, with remarks about characters that can't be seen.
	Quotation
	// Nested is another message.
	Nested
	// Or, And, Comma, and Spaced are lists.
	Or
	And
	Comma
	Spaced
)

// Location is a cell of a workbook, or of a text file.
type Location struct {
	// Sheet is the name of the sheet in the workbook. It is empty if Line is set.
	Sheet string `json:"s,omitempty"`
	// File is the name of the text file, if it is one of several.
	File string `json:"f,omitempty"`
	// Row counts from 1. Column counts from 1, and is 0 for the whole row.
	Row    uint32 `json:"r,omitempty"`
	Column uint32 `json:"c,omitempty"`
	// Line means that the row is a line of a text file.
	Line bool `json:"l,omitempty"`
}

// New returns a message. A test finds all calls, so the ID and the names of parameters are literals.
func New(id string, parameters ...Parameter) Message { return Message{id, parameters} }

// IsZero reports whether there is no message.
func (m Message) IsZero() bool { return m.ID == "" }

// Text returns a parameter that is the same in all languages.
func Text(name, text string) Parameter { return Parameter{name, Value{Text: text}} }

// Count returns a number of things.
func Count[N ~int | ~uint32](name string, n N) Parameter {
	return Parameter{name, Value{Kind: Counted, Count: uint32(n)}}
}

// Number returns a number of the data.
func Number(name, plain string) Parameter { return Parameter{name, Value{Kind: Decimal, Text: plain}} }

// Date returns a date, a time of day, or both.
func Date(name, iso string) Parameter { return Parameter{name, Value{Kind: Moment, Text: iso}} }

// At returns a location.
func At(name string, location Location) Parameter {
	return Parameter{name, Value{Kind: Located, parts: &parts{location: location}}}
}

// Part returns a message within a message.
func Part(name string, m Message) Parameter {
	return Parameter{name, Value{Kind: Nested, parts: &parts{message: m}}}
}

// Any returns a parameter with any value.
func Any(name string, v Value) Parameter { return Parameter{name, v} }

// List returns a list of values.
func List(name string, kind Kind, values ...Value) Parameter {
	return Parameter{name, listOf(kind, values)}
}

func listOf(kind Kind, values []Value) Value {
	if len(values) == 0 {
		return Value{Kind: kind}
	}
	return Value{Kind: kind, parts: &parts{values: values}}
}

// Of returns a message as a value.
func Of(m Message) Value { return Value{Kind: Nested, parts: &parts{message: m}} }

// Quote returns a quotation.
func Quote(text string, remarks ...Message) Value {
	values := make([]Value, 0, len(remarks))
	for _, r := range remarks {
		values = append(values, Of(r))
	}
	v := listOf(Quotation, values)
	v.Text = text
	return v
}

// Texts returns texts as values.
func Texts(texts ...string) []Value {
	values := make([]Value, len(texts))
	for i, t := range texts {
		values[i] = Value{Text: t}
	}
	return values
}

// Quotes returns texts as quotations.
func Quotes(texts ...string) []Value {
	values := make([]Value, len(texts))
	for i, t := range texts {
		values[i] = Quote(t)
	}
	return values
}

// Numbers returns numbers of the data as values, such as those of rows.
func Numbers(numbers ...int) []Value {
	values := make([]Value, len(numbers))
	for i, n := range numbers {
		values[i] = Value{Kind: Decimal, Text: strconv.Itoa(n)}
	}
	return values
}

// Clipped returns the first values of a list. If there are others, it adds how many.
func Clipped(values []Value, shown int) []Value { return First(values, len(values), shown) }

// First is Clipped for a list of n values, of which only the first ones are known.
func First(values []Value, n, shown int) []Value {
	shown = min(shown, len(values))
	if n <= shown {
		return values
	}
	return append(values[:shown:shown], Of(New("list.more", Count("n", n-shown))))
}
