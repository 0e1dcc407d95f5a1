package convert

import (
	"strconv"

	"headway/internal/messages"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/text"
)

// maxQuoted is the maximum number of characters that a message quotes of a value.
const maxQuoted = 40

// title is the parameter with the title of the column.
func (c *Column) title() messages.Parameter { return messages.Text("column", c.spec.Title) }

// quote is the parameter with a value of the column.
func (c *Column) quote(v imports.Value) messages.Parameter {
	return messages.Any("value", Quote(c.spec, v, maxQuoted))
}

// Quote returns a value of a column in quotation marks, at most limit characters of it.
func Quote(spec *schema.Column, v imports.Value, limit int) messages.Value {
	plain := v.Append(nil)
	switch spec.Type {
	case schema.Decimal:
		return messages.Of(messages.New("quote.value", messages.Number("value", string(plain))))
	case schema.Date, schema.DateTime:
		return messages.Of(messages.New("quote.value", messages.Date("value", string(plain))))
	}
	return text.Quoted(plain, limit)
}

// quoteCell is the parameter with the content of a cell.
func quoteCell(cell *source.Cell) messages.Parameter {
	return messages.Any("value", text.Quoted(cell.Text, maxQuoted))
}

// bound returns a limit of the schema.
func (c *Column) bound(limit string) messages.Value {
	switch c.spec.Type {
	case schema.Integer, schema.Decimal:
		return messages.Value{Kind: messages.Decimal, Text: limit}
	case schema.Date, schema.DateTime, schema.Time:
		return messages.Value{Kind: messages.Moment, Text: limit}
	}
	return messages.Value{Text: limit}
}

// maxAlternatives is the maximum number of readings in a message.
const maxAlternatives = 4

// alternatives is a parameter with readings: "45 or 45000".
func alternatives(name string, list []messages.Value) messages.Parameter {
	if len(list) > maxAlternatives {
		list = append(list[:maxAlternatives:maxAlternatives], messages.Of(messages.New("list.another")))
	}
	return messages.List(name, messages.Or, list...)
}

// kind is the parameter with the kind of the value.
func (w *wanted) kind() messages.Parameter { return messages.Text("wanted", w.name) }

// example is the parameter with an example of the value.
func (w *wanted) example() messages.Parameter {
	return messages.Part("example", messages.New("date.example", w.kind()))
}

// civilDate is a parameter with a date or a time.
func civilDate(name string, civil source.Civil) messages.Parameter {
	return messages.Date(name, civil.String())
}

// cellNumber is the parameter with the number of a cell.
func cellNumber(cell *source.Cell) messages.Parameter {
	return messages.Number("number", string(cell.Text))
}

// yearOf is the parameter with a year.
func yearOf(y int) messages.Parameter { return messages.Text("year", strconv.Itoa(y)) }
