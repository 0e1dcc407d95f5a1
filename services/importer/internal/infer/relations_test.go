package infer_test

import (
	"slices"
	"strings"
	"testing"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/infer"
	"headway/services/importer/internal/schema"
)

// TestTablesWithOneNameHaveTheirSchemas has tables with the same name in several schemas of a database.
func TestTablesWithOneNameHaveTheirSchemas(t *testing.T) {
	var relations []imports.Relation
	for _, name := range []schema.TableName{{Name: "people"}, {Schema: "hr", Name: "people"}, {Schema: "hr", Name: "places"}, {Schema: "Old Data", Name: "People"}} {
		relations = append(relations, imports.Relation{Name: name, Columns: []imports.RelationColumn{{Name: "code", Declared: "text", Type: schema.Text, NotNull: true}},
			Keys: []imports.RelationKey{{Columns: []string{"code"}, Primary: true}}})
	}
	guess, err := infer.FromRelations("guess", relations)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range guess.Sheets {
		got = append(got, s.Name+" "+s.Table)
	}
	if want := []string{"people ", "hr_people hr.people", "places hr.places", `old_data_people "Old Data"."People"`}; !slices.Equal(got, want) {
		t.Errorf("the sheets are %s, want %s", strings.Join(got, ", "), strings.Join(want, ", "))
	}
}
