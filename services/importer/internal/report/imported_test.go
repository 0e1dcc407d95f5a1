package report

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/source"
)

// results returns the results of rows as a store does.
func results(of map[int]imports.RowResult) func(context.Context, string) (imports.RowResults, error) {
	return func(context.Context, string) (imports.RowResults, error) {
		var rows imports.RowResults
		for row, result := range of {
			rows.Set(row, result)
		}
		return rows, nil
	}
}

func TestNamesOfPagesFitIntoExcel(t *testing.T) {
	for _, name := range []string{"Areas", strings.Repeat("a", 31), strings.Repeat("🏙", 15) + "a", strings.Repeat("🏙", 13) + "abcde"} {
		for _, number := range []int{1, 2, 10} {
			page := pageName(name, number)
			if units := len(utf16.Encode([]rune(page))); units > 31 || !utf8.ValidString(page) {
				t.Errorf("page %d of %q is %q with %d units, and Excel accepts 31", number, name, page, units)
			}
		}
	}
	if page := pageName("Areas", 2); page != "Areas (2)" {
		t.Errorf("got %q", page)
	}
}

func TestImportedRowsKeepValuesAndResults(t *testing.T) {
	im := ledgerImport(t, 1, 0, 1)
	im.Sheets[0].Counts.Inserted, im.Sheets[0].Counts.Updated, im.Sheets[0].Counts.Unchanged = 1, 1, 1
	upload := openBook(t, ledgerBook(t))
	im.Workbook = upload
	im.Results = results(map[int]imports.RowResult{3: imports.Unchanged, 4: imports.Updated, 6: imports.Refused, 7: imports.Inserted})
	var b bytes.Buffer
	if err := WriteImported(t.Context(), &b, im); err != nil {
		t.Fatal(err)
	}
	before, after := readSheet(t, upload, "Issues"), readSheet(t, openBook(t, b.Bytes()), "Issues")
	if len(after) != 4 {
		t.Fatalf("the workbook has %d rows", len(after))
	}
	for to, want := range map[int]struct {
		from   int
		result string
	}{1: {2, "Import result"}, 2: {3, "already there"}, 3: {4, "updated"}, 4: {7, "added"}} {
		cells := after[to]
		result := cells[len(cells)-1]
		if result.Col != 6 || string(result.Text) != want.result {
			t.Errorf("row %d says %q in column %d, want %q", to, result.Text, result.Col, want.result)
		}
		for i, c := range before[want.from] {
			got := cells[i]
			if got.Col != c.Col || got.Kind != c.Kind || string(got.Text) != string(c.Text) {
				t.Errorf("row %d, column %d: got %v %q, want %v %q", to, c.Col, got.Kind, got.Text, c.Kind, c.Text)
			}
		}
	}
}

func TestRowsAboveLimitContinueOnNextSheet(t *testing.T) {
	im := ledgerImport(t, 1, 0, 1)
	im.Sheets[0].Counts.Inserted, im.Sheets[0].Counts.Updated, im.Sheets[0].Counts.Unchanged = 1, 1, 1
	im.Workbook = openBook(t, ledgerBook(t))
	im.Results = results(map[int]imports.RowResult{3: imports.Unchanged, 4: imports.Updated, 6: imports.Refused, 7: imports.Inserted})
	var b bytes.Buffer
	out := newBook(&b, &im)
	out.maxRows = 2
	rows, _, err := im.results(t.Context(), &im.Sheets[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(out.imported(t.Context(), out.sheets[0], []imports.RowResults{rows}), out.out.Close()); err != nil {
		t.Fatal(err)
	}
	book := openBook(t, b.Bytes())
	for i, sheet := range []string{"Issues", "Issues (2)", "Issues (3)"} {
		if cells := readSheet(t, book, sheet); len(cells) != 2 || len(cells[1]) != 6 {
			t.Errorf("sheet %d has %d rows, and %d headers", i, len(cells), len(cells[1]))
		}
		if name, row := pageOf("Issues", i+1, 2); name != sheet || row != 2 {
			t.Errorf("row %d is in row %d of %q", i+1, row, name)
		}
	}
}

func TestTwoHeaderRowsAreReturnedAsOne(t *testing.T) {
	im := ledgerImport(t, 1, 0, 1)
	im.Sheets[0].Columns[1].Header = "Dates Paid on"
	im.Workbook = openBook(t, ledgerBook(t))
	var b bytes.Buffer
	out := newBook(&b, &im)
	_, err := out.header("Issues", &im.Sheets[0], source.Row{Number: 2, Cells: []source.Cell{{Col: 3, Kind: source.Text, Text: []byte("Paid on")}}}, 5)
	if err := errors.Join(err, out.out.Close()); err != nil {
		t.Fatal(err)
	}
	if cells := readSheet(t, openBook(t, b.Bytes()), "Issues"); string(cells[1][0].Text) != "Dates Paid on" {
		t.Errorf("the header is %q", cells[1][0].Text)
	}
}

func TestCellsAfterLastHeaderMoveRight(t *testing.T) {
	f := excelize.NewFile()
	defer f.Close()
	if err := errors.Join(f.SetSheetName("Sheet1", "Issues"), f.SetSheetRow("Issues", "A1", &[]any{"ID", "Paid on", "Amount"}),
		f.SetSheetRow("Issues", "A2", &[]any{"1", nil, 2, "a", "b"})); err != nil {
		t.Fatal(err)
	}
	var book, out bytes.Buffer
	if err := f.Write(&book); err != nil {
		t.Fatal(err)
	}
	im := ledgerImport(t, 0, 0, 0)
	im.Sheets[0].HeaderRow, im.Sheets[0].Counts.Inserted = 1, 1
	im.Sheets[0].Columns = im.Sheets[0].Columns[:0]
	im.Workbook, im.Results = openBook(t, book.Bytes()), results(map[int]imports.RowResult{2: imports.Inserted})
	if err := WriteImported(t.Context(), &out, im); err != nil {
		t.Fatal(err)
	}
	again, err := excelize.OpenReader(&out)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	rows, err := again.GetRows("Issues")
	want := [][]string{{"ID", "Paid on", "Amount", "Import result"}, {"1", "", "2", "added", "a", "b"}}
	if err != nil || !reflect.DeepEqual(rows, want) {
		t.Errorf("got %q, %v", rows, err)
	}
}

func TestContradictingResultsReturnCountError(t *testing.T) {
	im := ledgerImport(t, 0, 0, 0)
	im.Sheets[0].Counts.Inserted = 1
	for name, rows := range map[string]map[int]imports.RowResult{
		"another result":                     {3: imports.Updated},
		"a row that the workbook lacks":      {70: imports.Inserted},
		"a row above the headers":            {1: imports.Inserted},
		"more rows than the numbers tell of": {3: imports.Inserted, 4: imports.Inserted},
	} {
		var b bytes.Buffer
		im.Workbook, im.Results = openBook(t, ledgerBook(t)), results(rows)
		err := WriteImported(t.Context(), &b, im)
		var contradiction *CountError
		if !errors.As(err, &contradiction) || contradiction.Sheet != "issues" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
