package schema

import (
	"fmt"
	"slices"
	"strings"
)

// tables are the tables of the schemas in use, and their first users. Two schemas can share a table only if they don't
// change it for each other: both need the same key, the same unique and required columns, and the same type and
// reference for each column that both have.
type tables struct {
	database func(schema string) string
	users    map[usedTable]tableUser
}

// usedTable is a table of a database.
type usedTable struct{ database, table string }

// newTables returns tables without users. database returns the database of a schema, or nothing if the schema has none. It can be nil,
// which means that all schemas have the same.
func newTables(database func(schema string) string) *tables {
	if database == nil {
		database = func(string) string { return "the only one" }
	}
	return &tables{database: database, users: map[usedTable]tableUser{}}
}

// tableUser is a sheet that fills a table.
type tableUser struct {
	schema *Schema
	sheet  *Sheet
	owner  string // the schema's name in messages
}

// conflict returns a sheet of a schema whose table an earlier schema uses in another way, and the difference. The sheet
// is nil if there is no conflict.
func (t *tables) conflict(s *Schema) (sheet *Sheet, difference string) {
	database := t.database(s.Name)
	for _, sheet := range s.Sheets {
		first, used := t.users[usedTable{database, sheet.Table}]
		if !used {
			continue
		}
		if why := differenceOf(first.schema, first.sheet, s, sheet); why != "" {
			return sheet, fmt.Sprintf("the table %q is also filled by the schema %q (%s), which differs: %s", sheet.Table, first.schema.Name, first.owner, why)
		}
	}
	return nil, ""
}

// use records the tables of a schema.
func (t *tables) use(s *Schema, owner string) {
	database := t.database(s.Name)
	if database == "" {
		return
	}
	for _, sheet := range s.Sheets {
		if _, used := t.users[usedTable{database, sheet.Table}]; !used {
			t.users[usedTable{database, sheet.Table}] = tableUser{s, sheet, owner}
		}
	}
}

// differenceOf returns why two sheets can't share a table. It returns nothing if they can.
func differenceOf(firstSchema *Schema, first *Sheet, s *Schema, sheet *Sheet) string {
	if !slices.Equal(sorted(first.Key), sorted(sheet.Key)) {
		return fmt.Sprintf("its key is %s, not %s", strings.Join(first.Key, ", "), strings.Join(sheet.Key, ", "))
	}
	for _, c := range first.Columns {
		other, _ := sheet.Column(c.Name)
		switch {
		case other == nil && c.Unique:
			return fmt.Sprintf("its column %q is unique, and is missing here", c.Name)
		case other == nil && c.Required:
			return fmt.Sprintf("its column %q is required, and is missing here", c.Name)
		case other == nil:
		case c.Unique != other.Unique:
			return fmt.Sprintf("only one of the two has a unique column %q", c.Name)
		case c.Required != other.Required:
			return fmt.Sprintf("only one of the two requires the column %q", c.Name)
		case c.stored() != other.stored():
			return fmt.Sprintf("its column %q is of type %s, not %s", c.Name, c.Type, other.Type)
		case c.References != nil && other.References != nil && firstSchema.target(c) != s.target(other):
			return fmt.Sprintf("its column %q refers to %s, not to %s", c.Name, firstSchema.target(c), s.target(other))
		}
	}
	for _, c := range sheet.Columns {
		if other, _ := first.Column(c.Name); other == nil && (c.Unique || c.Required) {
			return fmt.Sprintf("it lacks the column %q, which must be optional and not unique to be in one of the two only", c.Name)
		}
	}
	return ""
}

func sorted(names []string) []string { return slices.Sorted(slices.Values(names)) }

// stored returns the type of the column's values in a database: 64-bit numbers, or texts.
func (c *Column) stored() string {
	if c.Type == Integer || c.Type == Boolean {
		return "integer"
	}
	return "text"
}

// target returns the table and column that a column refers to.
func (s *Schema) target(c *Column) string {
	return s.Sheet(c.References.Sheet).Table + "." + c.References.Column
}
