package postgres

import (
	"context"
	"fmt"
	"strings"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
)

// generatedType returns the type of a generated column that this package creates.
func generatedType(g *schema.Generated) string {
	switch {
	case g.By == schema.UUID4:
		return "uuid"
	case g.By == schema.Sequential:
		return "bigint"
	case g.Type == schema.DateTime && (g.By != schema.Constant || g.Zone != ""):
		return "timestamptz"
	}
	return stored[g.Type]
}

// generates reports whether a column can have the values of a generated one.
func (a *attribute) generates(g *schema.Generated) bool {
	switch g.By {
	case schema.UUID4:
		return a.family == uuids || a.family == texts && (a.length == 0 || a.length >= len("2f1e6f0a-52c8-4d4e-9c3b-0a7d1f5e8b21"))
	case schema.Sequential:
		return a.family == integers || a.family == decimals
	case schema.Created, schema.Updated:
		return g.Type == schema.Date && a.family == dates || g.Type == schema.DateTime && (a.family == timestamps || a.family == moments)
	}
	if a.family == moments && g.Zone == "" {
		return false
	}
	return a.family.holds(g.Type)
}

// generate is an expression of a new value of a generated column. a is nil if this package creates the column.
func generate(g *schema.Generated, a *attribute) string {
	f, base := families[generatedType(g)], generatedType(g)
	if a != nil {
		f, base = a.family, a.base
	}
	switch g.By {
	case schema.UUID4:
		if f == uuids {
			return "gen_random_uuid()"
		}
		return "gen_random_uuid()::text"
	case schema.Sequential:
		return fmt.Sprintf("nextval(%s::regclass)", literal(tableName(g.Sequence)))
	case schema.Created, schema.Updated:
		switch f {
		case dates:
			return "(now() AT TIME ZONE 'UTC')::date"
		case timestamps:
			return "(now() AT TIME ZONE 'UTC')"
		}
		return "now()"
	}
	constant := literal(g.Constant)
	switch {
	case f == moments:
		return fmt.Sprintf("(%s::timestamp AT TIME ZONE %s)", constant, literal(g.Zone))
	case f == timestamps && g.Zone != "":
		return fmt.Sprintf("(%s::timestamp AT TIME ZONE %s AT TIME ZONE 'UTC')", constant, literal(g.Zone))
	case g.Type == schema.Boolean && f == integers:
		return constant + "::boolean::int"
	}
	return constant + "::" + base
}

// checkSequences returns a conflict if a sequence of the sheet does not exist.
func (tx *transaction) checkSequences(ctx context.Context, sheet *schema.Sheet) error {
	for _, g := range sheet.Generated {
		if g.By != schema.Sequential {
			continue
		}
		var exists bool
		err := tx.reader.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_class WHERE oid = to_regclass($1) AND relkind = 'S')`, tableName(g.Sequence)).Scan(&exists)
		if err != nil {
			return fmt.Errorf("look for the sequence %s: %w", g.Sequence, failed(ctx, err))
		}
		if !exists {
			return &imports.TableConflictError{Table: sheet.Table, Detail: fmt.Sprintf("there is no sequence %s, which the schema has for the column %s. Create it, or correct its name in the schema", g.Sequence, g.Field)}
		}
	}
	return nil
}

// literal quotes a text.
func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
