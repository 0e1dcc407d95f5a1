package convert

import (
	"strconv"
	"strings"

	"headway/internal/messages"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/text"
)

// Explain describes how a cell that was not in its plain form was read. others is the number of the other cells of the column that
// were not.
func (c *Column) Explain(cell *source.Cell, calendar Calendar, v imports.Value) func(others int) messages.Message {
	read := Quote(c.spec, v, maxQuoted)
	switch {
	case v.Kind == imports.Null:
		read = messages.Of(messages.New("normalized.empty"))
	case c.zone != nil:
		read = messages.Of(messages.New("normalized.utc", messages.Any("value", read)))
	case c.spec.Type == schema.Boolean:
		read = messages.Value{Text: string(c.ShownValue(v))}
	}
	before := messages.Any("value", text.Quoted(Shown(cell, calendar), maxQuoted))
	return func(others int) messages.Message {
		return messages.New("normalized", before, messages.Any("read", read), messages.Count("others", others))
	}
}

// ShownValue returns a value as text. It is empty for null.
func (c *Column) ShownValue(v imports.Value) []byte {
	if c.spec.Type == schema.Boolean && v.Kind != imports.Null {
		return []byte(strings.ToUpper(strconv.FormatBool(v.Int == 1)))
	}
	return v.Append(nil)
}
