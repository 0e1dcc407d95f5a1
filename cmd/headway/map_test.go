package main

import (
	"path/filepath"
	"strings"
	"testing"

	importsv1 "headway/gen/go/headway/imports/v1"
)

func TestPreviewListsMissingAndUnusedColumns(t *testing.T) {
	schema := &importsv1.Schema{Name: "staff", Sheets: []*importsv1.SchemaSheet{
		{Name: "people", Title: "People", Columns: []*importsv1.SchemaColumn{
			{Name: "number", Title: "Number", Required: true}, {Name: "name", Title: "Name"}, {Name: "salary", Title: "Salary", Required: true}, {Name: "country", Title: "Country", Required: true},
			{Name: "city", Title: "City", Required: true}, {Name: "street", Title: "Street", Required: true},
		}},
		{Name: "rooms", Title: "Rooms"}, {Name: "cars", Title: "Cars", Optional: true},
	}}
	preview := &importsv1.FilePreview{
		Mapping: []*importsv1.SheetMapping{{Sheet: "people", Constants: map[string]string{"country": "DE"}, Distinct: true,
			Splits: []*importsv1.ColumnSplit{{Header: "Ort", Separator: " ", Columns: []string{"", "city"}}},
			Joins:  []*importsv1.ColumnJoin{{Column: "street", Headers: []string{"Straße", "Hausnr."}}}}},
		Schema: "staff", Problem: "The sheet “People” is missing.",
		Sheets: []*importsv1.PreviewSheet{{Name: "Leute", Columns: []*importsv1.PreviewColumn{{Header: "Nr."}, {Header: "Nachname"}, {Header: "Notiz"}, {Header: "Ort"}, {Header: "Straße"}, {Header: "Hausnr."}}}},
		Proposals: []*importsv1.SheetProposal{{Sheet: "people", WorkbookSheet: "Leute", Columns: []*importsv1.ColumnProposal{
			{Column: "number", Header: "Nr.", Score: .91, Sure: true, Reason: importsv1.ProposalReason_PROPOSAL_REASON_SIMILAR_NAME},
			{Column: "name", Header: "Nachname", Score: .5, Reason: importsv1.ProposalReason_PROPOSAL_REASON_SIMILAR_NAME},
		}}},
	}
	var out strings.Builder
	if !printPreview(&out, preview, schema) {
		t.Error("nothing is missing")
	}
	const want = `People: sheet “Leute”, equal rows once
  Number   Nr.               91 %, sure
  Name     Nachname          50 %, check it
  Salary   -                 missing, required
  Country  -                 “DE” in every row
  City     Ort               part 2 of 2, split at “ ”
  Street   Straße + Hausnr.  joined
  not used: Notiz

Rooms: no sheet of the file fits

As it is, the file can't be imported: The sheet “People” is missing.
`
	if out.String() != want {
		t.Errorf("it prints\n%s\nwant\n%s", &out, want)
	}
}

func TestWrittenMappingIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mapping.json")
	mapping := []*importsv1.SheetMapping{{Sheet: "people", WorkbookSheet: "Leute", Columns: map[string]string{"name": "Nachname", "phone": ""}}}
	if err := writeMapping(path, mapping); err != nil {
		t.Fatal(err)
	}
	list, err := readMapping(path)
	if err != nil || len(list) != 1 || list[0].GetColumns()["name"] != "Nachname" || len(list[0].GetColumns()) != 2 {
		t.Errorf("%v, %v", list, err)
	}
}
