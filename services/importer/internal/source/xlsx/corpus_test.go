package xlsx

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"headway/services/importer/internal/source"
)

// refusedCorpus are the workbooks of the corpus that are refused, and why.
var refusedCorpus = map[string]source.Reason{
	"pass_protected.xlsx": source.Encrypted,
	// Its directory declares 697 bytes for a part that has 699.
	"issue252.xlsx": source.Damaged,
}

// excelizeLoses are the workbooks whose cells excelize does not return, and why.
var excelizeLoses = map[string]string{
	"empty_s_attribute.xlsx": "an empty style attribute makes excelize drop the cell",
}

func corpusFiles(t testing.TB) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob("testdata/corpus/*.xls?")
	if err != nil || len(paths) < 60 {
		t.Fatalf("the corpus has %d files, %v", len(paths), err)
	}
	files := map[string][]byte{}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(path)] = data
	}
	return files
}

func TestCorpusReadsLikeExcelizeOrIsRefused(t *testing.T) {
	for name, file := range corpusFiles(t) {
		t.Run(name, func(t *testing.T) {
			if excelizeLoses[name] != "" {
				return // TestCellsThatExcelizeLosesAreRead
			}
			err := compareFile(t, file)
			if got := source.ReasonOf(err); got != refusedCorpus[name] || got == "" && err != nil {
				t.Errorf("refused as %q (%v), want %q", got, err, refusedCorpus[name])
			}
		})
	}
}

func TestCorpusFormulasAndFormatsMatchExcelize(t *testing.T) {
	for name, file := range corpusFiles(t) {
		if refusedCorpus[name] != "" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			w, err := openBytes(t, file, source.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			f, err := excelize.OpenReader(bytes.NewReader(file))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			for _, s := range w.Sheets() {
				cells, err := readSheet(w, s.Name)
				if err != nil {
					t.Fatal(err)
				}
				for _, c := range cells[:min(len(cells), 300)] {
					compareFormula(t, f, s.Name, c)
					compareFormat(t, f, s.Name, c)
				}
			}
		})
	}
}

func compareFormula(t *testing.T, f *excelize.File, sheet string, c cell) {
	t.Helper()
	formula, err := f.GetCellFormula(sheet, c.ref)
	switch {
	case err != nil:
		t.Errorf("%s!%s: excelize says %v", sheet, c.ref, err)
	case c.formula != formula:
		t.Errorf("%s!%s: formula %q, excelize has %q", sheet, c.ref, c.formula, formula)
	}
}

func compareFormat(t *testing.T, f *excelize.File, sheet string, c cell) {
	t.Helper()
	index, err := f.GetCellStyle(sheet, c.ref)
	if err != nil {
		t.Errorf("%s!%s: excelize says %v", sheet, c.ref, err)
		return
	}
	style, err := f.GetStyle(index)
	if err != nil {
		return // a workbook without styles
	}
	code := c.code
	if style.CustomNumFmt != nil && *style.CustomNumFmt != code {
		t.Errorf("%s!%s: format %q, excelize has %q", sheet, c.ref, code, *style.CustomNumFmt)
	}
	if style.CustomNumFmt == nil && builtinFormats[style.NumFmt] != code && !strings.EqualFold(code, "General") {
		t.Errorf("%s!%s: format %q, excelize has number %d", sheet, c.ref, code, style.NumFmt)
	}
}

func TestCellsThatExcelizeLosesAreRead(t *testing.T) {
	w, err := openBytes(t, corpusFiles(t)["empty_s_attribute.xlsx"], source.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	assertCells(t, w, "Sheet1", `A1 text "Name"`, `B1 text "Value"`, `A2 text "John"`, `B2 number "1"`,
		`A3 text "Sophia"`, `B3 number "2"`, `A4 text "Peter"`, `B4 number "3"`, `A5 text "Sam"`, `B5 number "4"`)
}
