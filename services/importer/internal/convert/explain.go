package convert

import (
	"fmt"
	"strconv"
	"strings"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/text"
)

// Explain describes how a cell that was not in its plain form was read.
func (c *Column) Explain(cell *source.Cell, calendar Calendar, v imports.Value) string {
	read := quote(v)
	switch {
	case v.Kind == imports.Null:
		read = "empty"
	case c.zone != nil:
		read += " (UTC)"
	case c.spec.Type == schema.Boolean:
		read = string(c.ShownValue(v))
	}
	return fmt.Sprintf("%s was read as %s.", text.Quote(Shown(cell, calendar), maxQuoted), read)
}

// ShownValue returns a value as text. It is empty for null.
func (c *Column) ShownValue(v imports.Value) []byte {
	if c.spec.Type == schema.Boolean && v.Kind != imports.Null {
		return []byte(strings.ToUpper(strconv.FormatBool(v.Int == 1)))
	}
	return v.Append(nil)
}
