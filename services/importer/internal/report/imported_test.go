package report

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"github.com/xuri/excelize/v2"

	"headway/services/importer/internal/imports"
)

// kept gives outcomes as a store does.
func kept(outcomes map[int]imports.Outcome) func(string) (imports.Outcomes, error) {
	return func(string) (imports.Outcomes, error) {
		var o imports.Outcomes
		for row, outcome := range outcomes {
			o.Set(row, outcome)
		}
		return o, nil
	}
}

func TestImportedRowsComeBackAsTheyWereWithWhatHappenedToThem(t *testing.T) {
	im := ledgerImport(t, 1, 0, 1)
	im.Sheets[0].Inserted, im.Sheets[0].Updated, im.Sheets[0].Unchanged = 1, 1, 1
	upload := openBook(t, ledgerBook(t))
	var b bytes.Buffer
	if err := WriteImported(t.Context(), &b, im, upload, kept(map[int]imports.Outcome{3: imports.Unchanged, 4: imports.Updated, 7: imports.Inserted})); err != nil {
		t.Fatal(err)
	}
	before, after := readSheet(t, upload, "Issues"), readSheet(t, openBook(t, b.Bytes()), "Issues")
	if len(after) != 4 {
		t.Fatalf("the workbook has %d rows", len(after))
	}
	for to, want := range map[int]struct {
		from   int
		result string
	}{1: {2, "Import result"}, 2: {3, "unchanged"}, 3: {4, "updated"}, 4: {7, "inserted"}} {
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

func TestWhatStandsBehindTheLastHeaderMovesBesideTheResult(t *testing.T) {
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
	im.Sheets[0].HeaderRow, im.Sheets[0].Inserted = 1, 1
	if err := WriteImported(t.Context(), &out, im, openBook(t, book.Bytes()), kept(map[int]imports.Outcome{2: imports.Inserted})); err != nil {
		t.Fatal(err)
	}
	again, err := excelize.OpenReader(&out)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	rows, err := again.GetRows("Issues")
	want := [][]string{{"ID", "Paid on", "Amount", "Import result"}, {"1", "", "2", "inserted", "a", "b"}}
	if err != nil || !reflect.DeepEqual(rows, want) {
		t.Errorf("got %q, %v", rows, err)
	}
}

func TestOutcomesThatContradictTheNumbersOrTheWorkbookGiveNoFile(t *testing.T) {
	im := ledgerImport(t, 0, 0, 0)
	im.Sheets[0].Inserted = 1
	for name, outcomes := range map[string]map[int]imports.Outcome{
		"another outcome":                    {3: imports.Updated},
		"a row that the workbook lacks":      {70: imports.Inserted},
		"a row above the headers":            {1: imports.Inserted},
		"more rows than the numbers tell of": {3: imports.Inserted, 4: imports.Inserted},
	} {
		var b bytes.Buffer
		err := WriteImported(t.Context(), &b, im, openBook(t, ledgerBook(t)), kept(outcomes))
		var contradiction *OutcomeError
		if !errors.As(err, &contradiction) || contradiction.Sheet != "issues" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
