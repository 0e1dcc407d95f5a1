package sqlite

import (
	"fmt"
	"strings"
	"time"

	"headway/services/importer/internal/schema"
)

// generatedType returns the type of a generated column that this package creates.
func generatedType(g *schema.Generated) string { return storageType(&schema.Column{Type: g.Type}) }

// randomUUID is an expression of a UUID of version 4 (RFC 9562 §5.4).
const randomUUID = `lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-' ||
	substr('89ab', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))`

// hexUUID is the declared length of UUIDs without hyphens, as Django stores them.
const hexUUID = 32

// generate is an expression of a new value of a generated column. have describes the existing table.
func (tx *transaction) generate(g *schema.Generated, have columnShape) (string, error) {
	switch g.By {
	case schema.UUID4:
		if have.precision == hexUUID {
			return "lower(hex(randomblob(6)) || '4' || substr(hex(randomblob(2)), 2) || substr('89ab', 1 + (random() & 3), 1) || substr(hex(randomblob(8)), 2))", nil
		}
		return randomUUID, nil
	case schema.Sequential:
		return "", fmt.Errorf("SQLite has no sequences. Delete the column %s from the schema: SQLite makes the number of a row itself, if it is an INTEGER PRIMARY KEY", g.Name)
	case schema.Created, schema.Updated:
		if g.Type == schema.Date {
			return literal(tx.began.Format(time.DateOnly)), nil
		}
		return literal(tx.began.Format(time.DateTime)), nil
	}
	switch {
	case g.Type == schema.Boolean && g.Constant == "true":
		return "1", nil
	case g.Type == schema.Boolean:
		return "0", nil
	case g.Type == schema.Integer:
		return g.Constant, nil
	case g.Zone == "":
		return literal(g.Constant), nil
	}
	zone, err := time.LoadLocation(g.Zone)
	if err != nil {
		return "", err
	}
	at, err := time.ParseInLocation(time.DateTime, g.Constant, zone)
	if err != nil {
		return "", err
	}
	return literal(at.UTC().Format(time.DateTime)), nil
}

// generated returns the names of the sheet's generated columns, and expressions of their values in new rows.
func (tx *transaction) generated(sheet *schema.Sheet, have shape) (columns, values []string, err error) {
	for _, g := range sheet.Generated {
		value, err := tx.generate(g, have.columns[fold(g.Field)])
		if g.By == schema.Sequential {
			return nil, nil, conflict(sheet, "%s", err)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("the column %s: %w", g.Name, err)
		}
		columns, values = append(columns, g.Field), append(values, value)
	}
	return columns, values, nil
}

// literal quotes a text.
func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
