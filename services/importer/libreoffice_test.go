//go:build libreoffice

package importer

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"headway/services/importer/internal/source"
	"headway/services/importer/internal/text"
)

// corpus has workbooks of many programs.
const corpus = "internal/source/xlsx/testdata/corpus"

// changedByLibreOffice are the workbooks that LibreOffice can't read, or reads in another way than Excel.
var changedByLibreOffice = map[string]string{
	"date_1904":                            "a duration of ten days counts from another day",
	"date_iso":                             "a time becomes a text",
	"errors":                               "some errors become others",
	"inlineStr_with_value":                 "a text is lost",
	"issue_530":                            "it is not read",
	"issues":                               "a Boolean value becomes a number",
	"pass_protected":                       "it needs a password",
	"picture_richdata":                     "a picture in a cell becomes an error",
	"pictures_in_cell_and_over_cell":       "pictures in cells become errors",
	"pivots":                               "pivot tables are laid out again, and Boolean values become dates",
	"table_with_insertrow_attribute":       "random numbers are calculated again",
	"whitespace_trim":                      "tabs are lost",
	"issue252":                             "it is damaged, which LibreOffice ignores",
	"issue_565_multi_axis_shared":          "formulas are calculated again",
	"temperature-fallible":                 "errors become others",
	"formula.issue":                        "formulas are calculated again",
	"issue_567_absolute_shared":            "formulas are calculated again",
	"shared_formula_bench":                 "formulas are calculated again",
	"shared_formula_reversed":              "formulas are calculated again",
	"shared_formula_simple":                "formulas are calculated again",
	"shared_formula_reversed_with_formula": "formulas are calculated again",
}

// convert lets LibreOffice save the corpus in another format. It returns the folder.
func convert(t *testing.T, to string) string {
	t.Helper()
	out := t.TempDir()
	args := []string{"-env:UserInstallation=file://" + t.TempDir(), "--headless", "--convert-to", to, "--outdir", out}
	workbooks, err := filepath.Glob(filepath.Join(corpus, "*.xls[xm]"))
	if err != nil || len(workbooks) == 0 {
		t.Fatalf("there are no workbooks: %v", err)
	}
	if output, err := exec.CommandContext(t.Context(), "soffice", append(args, workbooks...)...).CombinedOutput(); err != nil {
		t.Fatalf("LibreOffice is needed (on Debian, apt-get install libreoffice-calc): %v\n%s", err, output)
	}
	return out
}

// cellsOf returns the cells of a file by their sheet and position.
func cellsOf(t *testing.T, path string) map[string]cell {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := writeCells(data, "")
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return nil
	}
	cells := map[string]cell{}
	for line := range strings.Lines(lines) {
		var c struct{ Sheet, Ref, Type, Value string }
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatal(err)
		}
		cells[c.Sheet+"!"+c.Ref] = cell{c.Type, c.Value}
	}
	return cells
}

type cell struct{ kind, value string }

// same reports whether two cells are equal. LibreOffice writes 15 digits of a number, and blanks at the ends of lines are not text.
func (c cell) same(o cell) bool {
	if c == o {
		return true
	}
	if c.kind == "number" && o.kind == "number" {
		a, errA := strconv.ParseFloat(c.value, 64)
		b, errB := strconv.ParseFloat(o.value, 64)
		return errA == nil && errB == nil && math.Abs(a-b) <= 1e-14*math.Abs(a)
	}
	lines := func(s string) string {
		s = strings.ReplaceAll(s, "\r\n", "\n")
		for i, line := range strings.Split(s, "\n") {
			if i == 0 {
				s = ""
			}
			s += text.CleanString(line) + "\n"
		}
		return s
	}
	return c.kind == o.kind && lines(c.value) == lines(o.value)
}

// eachBook calls do for each workbook that LibreOffice has not changed.
func eachBook(t *testing.T, do func(t *testing.T, path, name string)) {
	t.Helper()
	workbooks, _ := filepath.Glob(filepath.Join(corpus, "*.xls[xm]"))
	for _, path := range workbooks {
		name := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
		if _, changed := changedByLibreOffice[name]; !changed {
			t.Run(name, func(t *testing.T) { do(t, path, name) })
		}
	}
}

func TestLibreOfficeWritesSameCellsAsODS(t *testing.T) {
	folder := convert(t, "ods")
	eachBook(t, func(t *testing.T, path, name string) {
		want, got := cellsOf(t, path), cellsOf(t, filepath.Join(folder, name+".ods"))
		for at, c := range want {
			if o, ok := got[at]; !ok || !c.same(o) {
				t.Errorf("%s is %v in the workbook, and %v in the spreadsheet", at, c, o)
			}
		}
		for at, o := range got {
			if _, ok := want[at]; !ok {
				t.Errorf("%s is %v only in the spreadsheet", at, o)
			}
		}
	})
}

// TestLibreOfficeWritesSameCellsAsCSV compares with the fields that Go's reader finds. LibreOffice writes numbers and dates as it shows
// them, so the texts are those of its files.
func TestLibreOfficeWritesSameCellsAsCSV(t *testing.T) {
	folder := convert(t, "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,true,false,false,false,false,-1")
	eachBook(t, func(t *testing.T, path, name string) {
		sheets := map[string]bool{}
		for at := range cellsOf(t, path) {
			sheets[at[:strings.LastIndexByte(at, '!')]] = true
		}
		for sheet := range sheets {
			file := filepath.Join(folder, name+"-"+sheet+".csv")
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := cellsOf(t, file)
			found := 0
			reader := csv.NewReader(bytes.NewReader(data))
			reader.FieldsPerRecord = -1
			for {
				record, err := reader.Read()
				if err != nil {
					break
				}
				line, _ := reader.FieldPos(0)
				for i, field := range record {
					at := "Data!" + source.CellName(i+1, line)
					if field == "" {
						continue
					}
					if found++; got[at].value != strings.ReplaceAll(field, "\r\n", "\n") {
						t.Errorf("%s of %s is %q, and was read as %q", at, filepath.Base(file), field, got[at].value)
					}
				}
			}
			if found != len(got) {
				t.Errorf("%s has %d values, and %d were read: %s", filepath.Base(file), found, len(got), fmt.Sprint(got)[:min(300, len(fmt.Sprint(got)))])
			}
		}
	})
}
