package postgres

import (
	"fmt"
	"hash/fnv"
	"strings"

	"headway/services/importer/internal/schema"
)

// name quotes an identifier.
func name(identifier string) string {
	return `"` + strings.ReplaceAll(identifier, `"`, `""`) + `"`
}

// tableName quotes the name of a schema's table.
func tableName(table string) string {
	t := (&schema.Sheet{Table: table}).TableName()
	if t.Schema == "" {
		return name(t.Name)
	}
	return name(t.Schema) + "." + name(t.Name)
}

func names(identifiers []string) string {
	quoted := make([]string, len(identifiers))
	for i, id := range identifiers {
		quoted[i] = name(id)
	}
	return strings.Join(quoted, ", ")
}

func columnNames(columns []*schema.Column) []string {
	all := make([]string, len(columns))
	for i, c := range columns {
		all[i] = c.Name
	}
	return all
}

// uniquePrefix begins the names of the unique indexes that this package makes.
const uniquePrefix = "headway_unique_"

// maxName is the length at which PostgreSQL cuts a name.
const maxName = 63

// uniqueIndex returns the name of the unique index of a column. Different columns have different names, even if those are
// cut.
func uniqueIndex(table, column string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(table + "\x00" + column))
	suffix := fmt.Sprintf("_%08x", h.Sum32())
	readable := uniquePrefix + table + "_" + column
	return readable[:min(len(readable), maxName-len(suffix))] + suffix
}
