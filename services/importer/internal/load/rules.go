package load

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
)

// withRules returns the schema with the rules that its columns have in the file.
func withRules(s *schema.Schema, sheets []imports.Sheet) *schema.Schema {
	return s.WithRules(func(sheet, column string) *schema.Rules {
		i := slices.IndexFunc(sheets, func(listed imports.Sheet) bool { return listed.Name == sheet })
		if i < 0 {
			return nil
		}
		return sheets[i].Rules[column]
	})
}

// checkStored compares the table's values with the rules by which keys, unique values, and references are compared. A row whose
// value does not follow them would not be found.
func (s *sheet) checkStored(ctx context.Context) error {
	if s.table.WasEmpty() || s.listed == nil && !s.isReferredTo() {
		return nil
	}
	for _, c := range s.columns {
		if !c.Spec.Rules.ComparesBy() || !c.Spec.Unique && !slices.Contains(s.spec.Key, c.Spec.Name) {
			continue
		}
		err := s.table.Values(ctx, c.Spec.Name, func(v imports.Value) error {
			if v.Kind != imports.Text || c.converter.Follows(v.Bytes) {
				return nil
			}
			return &imports.TableConflictError{Table: s.spec.Table, Detail: fmt.Sprintf(
				"its column %s has the value “%s”, which does not follow the rules of the column (%s), so rows with it would not be found. Change such values in the table, or delete the rules",
				c.Spec.Name, source.Clip(v.Bytes, maxSample), comparedBy(c.Spec.Rules))}
		})
		if err != nil {
			return fmt.Errorf("compare the table of sheet %s with the rules: %w", s.spec.Name, err)
		}
	}
	return nil
}

// isReferredTo reports whether a sheet of the file refers to this one.
func (s *sheet) isReferredTo() bool {
	return slices.ContainsFunc(s.run.task.Import.Sheets, func(listed imports.Sheet) bool {
		spec := s.run.task.Schema.Sheet(listed.Name)
		return spec != nil && slices.ContainsFunc(spec.Columns, func(c *schema.Column) bool { return c.References != nil && c.References.Sheet == s.spec.Name })
	})
}

func comparedBy(r *schema.Rules) string {
	var list []string
	if r.Unicode == schema.NFKC {
		list = append(list, "unicode: nfkc")
	}
	if r.Collapse {
		list = append(list, "collapse: true")
	}
	if r.Case != "" {
		list = append(list, "case: "+string(r.Case))
	}
	return strings.Join(list, ", ")
}

// maxSample is the maximum number of characters of a sample.
const maxSample = 80
