package infer

import (
	"slices"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
)

// findTenants finds the columns that could have the tenant of a row: the keys of several tables have them together with other columns.
func (c *catalog) findTenants() {
	tables := map[string]int{}
	for _, s := range c.tables {
		for _, column := range s.key {
			if len(s.key) > 1 && s.relation.Column(column).NotNull {
				tables[column]++
			}
		}
	}
	for _, s := range c.tables {
		for _, column := range s.key {
			if len(s.key) > 1 && tables[column] > 1 {
				s.tenants = append(s.tenants, column)
			}
		}
	}
}

// tenantAdvice says what to do with a column that could have the tenant of a row.
func (s *storedTable) tenantAdvice(c *imports.RelationColumn) []string {
	if !slices.Contains(s.tenants, c.Name) {
		return nil
	}
	return []string{"The keys of several tables have this column. If all rows of a file have the same value, such as that of a tenant, " +
		"delete it from the key, and give it as a constant instead: " + schema.ExampleConstant(c.Name, c.Type)}
}
