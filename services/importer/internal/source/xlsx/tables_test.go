package xlsx

import (
	"slices"
	"strings"
	"testing"

	"headway/services/importer/internal/source"
)

func TestTablesAreRead(t *testing.T) {
	table := func(attrs string) string { return `<table xmlns="` + mainSpace + `" id="1" ` + attrs + `/>` }
	w, err := openBytes(t, workbookWith(parts{
		"xl/worksheets/_rels/sheet1.xml.rels": `<Relationships>` + strings.Join([]string{
			`<Relationship Id="a" Type="x/table" Target="../tables/table1.xml"/>`, `<Relationship Id="b" Type="x/table" Target="/xl/tables/table2.xml"/>`,
			`<Relationship Id="c" Type="x/table" Target="../tables/missing.xml"/>`, `<Relationship Id="d" Type="x/table" Target="../tables/broken.xml"/>`,
			`<Relationship Id="e" Type="x/drawing" Target="../tables/table1.xml"/>`, `<Relationship Id="f" Type="x/table" Target="../tables/odd.xml"/>`}, "") + `</Relationships>`,
		"xl/tables/table1.xml": table(`ref="A1:C6" totalsRowCount="1"`),
		"xl/tables/table2.xml": table(`ref="$E$3:F9" headerRowCount="0"`),
		"xl/tables/broken.xml": `<table ref="A1:B2"`,
		"xl/tables/odd.xml":    table(`ref="nowhere"`),
	}), source.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := w.Tables(t.Context(), "Data")
	want := []source.Table{
		{Range: source.Range{FirstRow: 1, LastRow: 6, FirstCol: 1, LastCol: 3}, HeaderRows: 1, TotalsRows: 1},
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	if none, err := w.Tables(t.Context(), "Missing"); err != nil || none != nil {
		t.Errorf("got %v, %v", none, err)
	}
}

func TestMergedRangesAreRecorded(t *testing.T) {
	sheet := strings.Replace(sheetXML(`<row r="1"><c r="A1"><v>1</v></c></row>`), "</worksheet>",
		`<mergeCells><mergeCell ref="B2:B4"/><mergeCell ref="D9:C8"/><mergeCell ref="A1"/><mergeCell ref="A1:A1"/><mergeCell ref="x"/><mergeCell/><mergeCell ref="A5:B5"/></mergeCells></worksheet>`, 1)
	w, err := openBytes(t, workbookWith(parts{"xl/worksheets/sheet1.xml": sheet}), source.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := source.Merges(t.Context(), w, "Data", func(r source.Range) bool { return r.FirstRow != 5 })
	if err != nil || len(got) != 2 || got[0].String() != "B2:B4" || got[1].String() != "C8:D9" {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := source.Merges(t.Context(), w, "Missing", func(source.Range) bool { return true }); source.ReasonOf(err) != source.SheetNotFound {
		t.Errorf("got %v", err)
	}
}
