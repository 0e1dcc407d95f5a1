package xlsx

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"headway/services/importer/internal/source"
)

func TestHiddenRowsAreMarked(t *testing.T) {
	w, err := openBytes(t, sheetWith(`<row r="1" hidden="1"><c><v>1</v></c></row><row r="2" hidden="false"><c><v>1</v></c></row>`), source.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for _, slow := range []bool{false, true} {
		w.pack.Slow = slow
		rows, err := w.openRows(context.Background(), "Data")
		if err != nil {
			t.Fatal(err)
		}
		var hidden []bool
		for rows.Next() {
			hidden = append(hidden, rows.Row().Hidden)
		}
		_ = rows.Close()
		if rows.Err() != nil || !slices.Equal(hidden, []bool{true, false}) {
			t.Errorf("slow: %v: hidden %v, %v", slow, hidden, rows.Err())
		}
	}
}

// withColumns returns a workbook whose sheet has these cols and one cell.
func withColumns(cols string) []byte {
	sheet := sheetXML(`<row r="1"><c r="A1"><v>1</v></c></row>`)
	return workbookWith(parts{sheetPart: strings.Replace(sheet, "<sheetData>", "<cols>"+cols+"</cols><sheetData>", 1)})
}

func TestHiddenColumnsAreKnownBeforeTheFirstRow(t *testing.T) {
	file := withColumns(`<col min="1" max="1" width="9"/><col min="2" max="3" hidden="1"/><col min="4" max="4" hidden="0"/>` +
		`<col min="60" max="200" hidden="true"/><col min="16300" max="20000" hidden="1"/>`)
	w, err := openBytes(t, file, source.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	f, err := excelize.OpenReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := w.openRows(context.Background(), "Data")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if !rows.Next() {
		t.Fatal(rows.Err())
	}
	for col := 1; col <= maxColumn; col++ {
		visible, err := f.GetColVisible("Data", source.ColumnName(col))
		if err != nil || rows.HiddenColumn(col) == visible {
			t.Fatalf("column %d is hidden: %v, excelize says visible: %v, %v", col, rows.HiddenColumn(col), visible, err)
		}
	}
	for _, col := range []int{-1, 0, maxColumn + 1, 1 << 40} {
		if rows.HiddenColumn(col) {
			t.Errorf("column %d, which is none, is hidden", col)
		}
	}
}

func TestSheetWithoutHiddenColumns(t *testing.T) {
	w, err := openBytes(t, withColumns(`<col min="1" max="16384" width="9"/><!-- --><extLst><col min="1" max="1" hidden="1"/></extLst>`), source.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := w.openRows(context.Background(), "Data")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if !rows.Next() || rows.HiddenColumn(1) {
		t.Errorf("column 1 is hidden: %v, %v", rows.HiddenColumn(1), rows.Err())
	}
}

func TestHiddenColumnsWithoutARangeAreRefused(t *testing.T) {
	for _, span := range []string{``, `min="1"`, `min="0" max="1"`, `min="3" max="2"`, `min="a" max="2"`} {
		assertRefused(t, withColumns(`<col `+span+` hidden="1"/>`), source.Limits{}, source.Damaged, sheetPart, "")
		if _, err := readFile(t, withColumns(`<col `+span+`/>`), source.Limits{}); err != nil {
			t.Errorf("columns that are not hidden: %v", err)
		}
	}
}
