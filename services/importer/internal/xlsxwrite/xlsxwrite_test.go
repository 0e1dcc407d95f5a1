package xlsxwrite

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/xuri/excelize/v2"
)

// written writes a workbook and reads it back with excelize.
func written(t *testing.T, write func(b *Writer)) *excelize.File {
	t.Helper()
	var out bytes.Buffer
	b := New(&out)
	write(b)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := excelize.OpenReader(&out)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func begin(t *testing.T, b *Writer, name string, o SheetOptions) *Sheet {
	t.Helper()
	s, err := b.Sheet(name, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestCellsRoundTrip(t *testing.T) {
	texts := []string{"plain", " spaces ", "a\tb\nc", "<&>\"'", "Łódź 𠮷", "=1+1", "_x0041_", "_x12_", "\x01\x1f", "cr\rlf\r\n", "007"}
	f := written(t, func(b *Writer) {
		s := begin(t, b, "Cells & <more>", SheetOptions{})
		for i, text := range texts {
			if err := s.Row([]Cell{{Kind: Text, Text: text}, {}, {Kind: Number, Text: fmt.Sprint(i)}, {Kind: Bool, Text: "1"}, {Kind: Error, Text: "#REF!"}, {Kind: FormulaWithoutValue, Text: "A1<>B1"}}); err != nil {
				t.Fatal(err)
			}
		}
	})
	for i, want := range texts {
		at := func(column int) string { return CellName(column, i+1) }
		got, err := f.GetCellValue("Cells & <more>", at(1), excelize.Options{RawCellValue: true})
		if err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("%q comes back as %q", want, got)
		}
		for column, kind := range map[int]excelize.CellType{1: excelize.CellTypeInlineString, 2: excelize.CellTypeUnset, 4: excelize.CellTypeBool, 5: excelize.CellTypeError} {
			if typ, err := f.GetCellType("Cells & <more>", at(column)); err != nil || typ != kind {
				t.Errorf("%s is of type %d, want %d", at(column), typ, kind)
			}
		}
		if formula, err := f.GetCellFormula("Cells & <more>", at(6)); err != nil || formula != "A1<>B1" {
			t.Errorf("the formula is %q, %v", formula, err)
		}
	}
}

func TestEqualStylesShareNumber(t *testing.T) {
	f := written(t, func(b *Writer) {
		for want, look := range []Style{{}, {Bold: true}, {Format: `yyyy\-mm\-dd`}, {Format: "@", Fill: "FFC7CE", Wrap: true}, {Format: `0 "A&B"`, Size: 16}} {
			if id := b.Style(look); int(id) != want || b.Style(look) != id {
				t.Errorf("%+v has the number %d, want %d", look, id, want)
			}
		}
		if b.Style(Style{Format: "General"}) != 0 {
			t.Error("General is not the plain style")
		}
		s := begin(t, b, "Styles", SheetOptions{Widths: []float64{0, 30}, FrozenRows: 1})
		row := make([]Cell, 5)
		for i := range row {
			row[i] = Cell{Kind: Number, Style: StyleID(i), Text: "45658"}
		}
		if err := s.Row(append(row, Cell{Style: 3})); err != nil {
			t.Fatal(err)
		}
	})
	for cell, want := range map[string]string{"A1": "45658", "C1": "2025-01-01", "E1": "45658 A&B"} {
		if got, err := f.GetCellValue("Styles", cell); err != nil || got != want {
			t.Errorf("%s is shown as %q, %v; want %q", cell, got, err, want)
		}
	}
	for cell, want := range map[string]int{"B1": 1, "F1": 3} {
		if got, err := f.GetCellStyle("Styles", cell); err != nil || got != want {
			t.Errorf("%s has the style %d, %v; want %d", cell, got, err, want)
		}
	}
	if w, err := f.GetColWidth("Styles", "B"); err != nil || w != 30 {
		t.Errorf("column B is %g wide, %v", w, err)
	}
	if p, err := f.GetPanes("Styles"); err != nil || !p.Freeze || p.YSplit != 1 {
		t.Errorf("the panes are %+v, %v", p, err)
	}
}

func TestSheetWrittenLastCanBeFirst(t *testing.T) {
	f := written(t, func(b *Writer) {
		begin(t, b, "One", SheetOptions{})
		begin(t, b, "Two", SheetOptions{})
		if err := begin(t, b, "Cover", SheetOptions{First: true}).Row([]Cell{{Kind: Text, Text: "hello"}}); err != nil {
			t.Fatal(err)
		}
		b.Date1904 = true
	})
	if got := f.GetSheetList(); !slices.Equal(got, []string{"Cover", "One", "Two"}) {
		t.Errorf("the sheets are %v", got)
	}
	if got, _ := f.GetCellValue("Cover", "A1"); got != "hello" {
		t.Errorf("the cover says %q", got)
	}
	if p, err := f.GetWorkbookProps(); err != nil || p.Date1904 == nil || !*p.Date1904 {
		t.Errorf("dates do not count from 1904, %v", err)
	}
}

func TestThousandsOfComments(t *testing.T) {
	const rows = 2100
	f := written(t, func(b *Writer) {
		for _, name := range []string{"A", "B"} {
			s := begin(t, b, name, SheetOptions{})
			for i := range rows {
				if err := s.Row([]Cell{{Kind: Number, Text: "1"}, {Kind: Number, Text: "2"}}); err != nil {
					t.Fatal(err)
				}
				s.Comment(2, fmt.Sprintf("%s %d <&>", name, i+1))
			}
		}
		begin(t, b, "C", SheetOptions{})
	})
	for _, name := range []string{"A", "B"} {
		comments, err := f.GetComments(name)
		if err != nil || len(comments) != rows {
			t.Fatalf("%s has %d comments, %v", name, len(comments), err)
		}
		for i, c := range comments {
			if c.Cell != CellName(2, i+1) || c.Paragraph[0].Text != fmt.Sprintf("%s %d <&>", name, i+1) || c.Author != "Headway" {
				t.Fatalf("comment %d of %s is %+v", i, name, c)
			}
		}
	}
	if comments, err := f.GetComments("C"); err != nil || len(comments) != 0 {
		t.Errorf("C has comments: %v, %v", comments, err)
	}
}

func TestColumnNames(t *testing.T) {
	for column := 1; column <= 16384; column++ {
		want, err := excelize.ColumnNumberToName(column)
		if err != nil {
			t.Fatal(err)
		}
		if got := ColumnName(column); got != want {
			t.Fatalf("column %d is %s, want %s", column, got, want)
		}
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestFailingWriterIsError(t *testing.T) {
	b := New(brokenPipe{})
	s, err := b.Sheet("S", SheetOptions{})
	for i := 0; err == nil && i < 1_000_000; i++ {
		err = s.Row([]Cell{{Kind: Number, Text: fmt.Sprint(i * 7919)}})
	}
	if err == nil {
		t.Error("a million rows go to nowhere without an error")
	}
}
