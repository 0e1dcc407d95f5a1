package xlsx

import (
	"bytes"
	"maps"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"headway/services/importer/internal/source"
)

// difference is a workbook that the two readers read differently. The list is the one in docs/reader.md. The test fails
// if excelize changes its behavior.
type difference struct {
	why      string
	file     []byte
	excelize map[string]string // the cells that excelize returns without an error
	refused  source.Reason     // our reason for rejecting the file, or
	cells    []string          // the cells that our reader returns
}

func knownDifferences() []difference {
	row := func(cells string) []byte { return sheetWith(`<row r="1">` + cells + `</row>`) }
	const one = `<c r="A1"><v>1</v></c>`
	half := sheetXML(`<row r="1">` + one + `</row><row r="2"><c r="A2"><v>2</v></row>`)
	cut, _, _ := strings.Cut(half, `<c r="A2"`)
	return []difference{
		{"malformed XML half way: rows would be missing", workbookWith(parts{sheetPart: half}), map[string]string{"A1": "1", "A2": "2"}, source.Damaged, nil},
		{"a sheet cut off: rows would be missing", workbookWith(parts{sheetPart: cut}), map[string]string{"A1": "1"}, source.Damaged, nil},
		{"a style out of range: a date would be a number", row(`<c r="A1" s="99"><v>45000</v></c>`), map[string]string{"A1": "45000"}, source.Damaged, nil},
		{"a shared string out of range: a value would be missing", row(one + `<c r="B1" t="s"><v>7</v></c>`), map[string]string{"A1": "1"}, source.Damaged, nil},
		{"a shared string's index that is not a number: a value would be another", workbookWith(parts{
			sheetPart:              sheetXML(`<row r="1"><c r="A1" t="s"><v>x</v></c></row>`),
			"xl/sharedStrings.xml": stringTable(`<si><t>first</t></si>`),
		}), map[string]string{"A1": "first"}, source.Damaged, nil},
		{"a shared string's index that is blank: it belongs to no text", workbookWith(parts{
			sheetPart:              sheetXML(`<row r="1"><c r="A1" t="s"><v> </v></c><c r="B1"><v>1</v></c></row>`),
			"xl/sharedStrings.xml": stringTable(`<si><t>first</t></si>`),
		}), map[string]string{"A1": "first", "B1": "1"}, "", []string{`B1 number "1"`}},
		{"a cell that says it is in another row: two truths", row(`<c r="A7"><v>1</v></c>`), map[string]string{"A1": "1"}, source.Damaged, nil},
		{"an unknown cell type: its meaning is not known", row(`<c r="A1" t="q"><v>1</v></c>`), map[string]string{"A1": "1"}, source.Damaged, nil},
		{"text between cells: data would be missing", row(`lost` + one), map[string]string{"A1": "1"}, source.Damaged, nil},
		{"an invalid Boolean", row(`<c r="A1" t="b"><v>5</v></c>`), map[string]string{"A1": "5"}, source.Damaged, nil},
		{"hidden columns without a range: what is hidden is not known", withColumns(`<col min="a" max="2" hidden="1"/>`), map[string]string{"A1": "1"}, source.Damaged, nil},
		{"a document type can do harm", workbookWith(parts{sheetPart: `<!DOCTYPE worksheet>` + strings.TrimPrefix(sheetXML(`<row r="1">`+one+`</row>`), `<?xml version="1.0" encoding="UTF-8"?>`)}),
			map[string]string{"A1": "1"}, source.UnsupportedXML, nil},
		{"excelize drops a cell because of an empty style", row(`<c r="A1" s=""><v>1</v></c>`), map[string]string{}, "", []string{`A1 number "1"`}},
		{"excelize drops a cell because of a run's odd property", row(`<c r="A1" t="inlineStr"><is><r><rPr><b val=" "/></rPr><t>a</t></r></is></c>`),
			map[string]string{}, "", []string{`A1 text "a"`}},
		{"excelize shifts cells that are out of order", row(`<c r="C1"><v>3</v></c><c r="A1"><v>1</v></c>`),
			map[string]string{"C1": "3", "D1": "1"}, "", []string{`A1 number "1"`, `C1 number "3"`}},
		{"excelize wants inline strings to be said so", row(`<c r="A1"><is><t>a</t></is></c>`), map[string]string{}, "", []string{`A1 text "a"`}},
		{"excelize leaves escapes in formula results", row(`<c r="A1" t="str"><v>a_x000A_b</v></c>`), map[string]string{"A1": "a_x000A_b"}, "", []string{`A1 text "a\nb"`}},
		{"excelize drops pairs of surrogates", row(`<c r="A1" t="inlineStr"><is><t>a_xD83D__xDE00_</t></is></c>`), map[string]string{"A1": "a"}, "", []string{`A1 text "a😀"`}},
		{"excelize wants the shared strings in their usual place", workbookWith(parts{
			"xl/_rels/workbook.xml.rels": strings.Replace(minimalWorkbookRels, "sharedStrings.xml", "strings/texts.xml", 1),
			"xl/sharedStrings.xml":       "", "xl/strings/texts.xml": stringTable(`<si><t>a</t></si>`),
			sheetPart: sheetXML(`<row r="1"><c r="A1" t="s"><v>0</v></c></row>`),
		}), map[string]string{}, "", []string{`A1 text "a"`}},
		{"raw mode drops types and keeps the noise of binary fractions", row(`<c r="A1" t="b"><v>1</v></c><c r="B1"><v>9380.280000000001</v></c><c r="C1"><v>1.5E+15</v></c>`),
			map[string]string{"A1": "1", "B1": "9380.280000000001", "C1": "1.5E+15"}, "",
			[]string{`A1 boolean "TRUE"`, `B1 number "9380.28"`, `C1 number "1500000000000000"`}},
	}
}

func TestKnownDifferencesFromExcelizeExist(t *testing.T) {
	for _, d := range knownDifferences() {
		t.Run(d.why, func(t *testing.T) {
			f, err := excelize.OpenReader(bytes.NewReader(d.file))
			if err != nil {
				t.Fatalf("excelize says %v", err)
			}
			defer f.Close()
			if got, err := oracleSheet(f, "Data"); err != nil || !maps.Equal(got, d.excelize) {
				t.Errorf("excelize gives %v, %v, want %v", got, err, d.excelize)
			}
			if d.refused != "" {
				assertRefused(t, d.file, source.Limits{}, d.refused, sheetPart, "")
				return
			}
			w, err := openBytes(t, d.file, source.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			assertCells(t, w, "Data", d.cells...)
		})
	}
}

// formulaDifference is a formula of B2 that the two readers expand differently for D5, which shares it.
type formulaDifference struct{ why, formula, ours, excelize string }

func knownFormulaDifferences() []formulaDifference {
	return []formulaDifference{
		{"excelize moves only the end of a range on a sheet with a name", "SUM(Sheet2!A1:B2)", "SUM(Sheet2!C4:D5)", "SUM(Sheet2!A1:D5)"},
		{"excelize does not move cells on a sheet with a name", "Sheet2!A1+größe!A1", "Sheet2!C4+größe!C4", "Sheet2!A1+größe!A1"},
		{"excelize drops the quotes of sheet names", "'My A1'!A1+'it''s'!$A1", "'My A1'!C4+'it''s'!$A4", "My A1!A1+it's!$A1"},
		{"excelize does not move cells of other workbooks", "[1]Sheet1!A1", "[1]Sheet1!C4", "[1]Sheet1!A1"},
		{"excelize takes a sheet's name for a column", "SUM(Jan:Dec!A1)", "SUM(Jan:Dec!C4)", "SUM(JAP:Dec!A1)"},
		{"excelize takes a sheet's name for a cell", "Q1:Q4!A1+Q1", "Q1:Q4!C4+S4", "S4:Q4!A1+S4"},
		{"excelize reads both ends of a range as one name", "Sheet1!A1:Sheet1!B2", "Sheet1!C4:Sheet1!D5", "Sheet1!A1:Sheet1!B2"},
		{"excelize halves quotes in texts", `"A ""B"" "&A1`, `"A ""B"" "&C4`, `"A "B" "&C4`},
		{"excelize drops references outside the sheet", "XFD1-SUM(XFC1:XFC9)", "#REF!-SUM(#REF!)", "-SUM(:)"},
		{"excelize moves whole rows beyond the sheet", "SUM(1048575:1048576)", "SUM(#REF!)", "SUM(1048578:1048579)"},
		{"excelize does not move a cell before a function", "SUM(A1:INDEX(B:B,2))", "SUM(C4:INDEX(D:D,2))", "SUM(A1:INDEX(D:D,2))"},
		{"excelize writes arrays as functions", "SUM({1,2;3,4})", "SUM({1,2;3,4})", "SUM(ARRAY(ARRAYROW(1,2),ARRAYROW(3,4)))"},
		{"a row does not begin with a zero", "A01", "A01", "C4"},
		{"excelize keeps lowercase letters in absolute references", "a1+$b$2", "C4+$B$2", "C4+$b$2"},
	}
}

func TestKnownSharedFormulaDifferencesExist(t *testing.T) {
	for _, d := range knownFormulaDifferences() {
		t.Run(d.why, func(t *testing.T) { assertShared(t, d.formula, d.ours, d.excelize) })
	}
	for _, d := range []struct{ why, rows, ref, ours, excelize string }{
		{"a formula is shared by later cells only: reading is one pass",
			`<row r="1"><c r="A1"><f t="shared" si="0"/><v>1</v></c></row><row r="2"><c r="A2"><f t="shared" ref="A1:A2" si="0">B2</f><v>1</v></c></row>`,
			"A1", "", "B1"},
		{"the first formula is the master, also without a range",
			`<row r="1"><c r="A1"><f t="shared" si="0">B1</f><v>1</v></c><c r="B1"><f t="shared" si="0"/><v>1</v></c></row>`,
			"B1", "C1", ""},
		{"a cell with its own range starts a new group",
			`<row r="1"><c r="A1"><f t="shared" ref="A1" si="0">B1</f><v>1</v></c><c r="B1"><f t="shared" ref="B1" si="0">B9</f><v>1</v></c></row>`,
			"B1", "B9", "C1"},
	} {
		t.Run(d.why, func(t *testing.T) {
			file := sheetWith(d.rows)
			assertOracleFormula(t, file, d.ref, d.excelize)
			w, err := openBytes(t, file, source.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			cells, err := readSheet(w, "Data")
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range cells {
				if c.ref == d.ref && (c.formula != d.ours || !c.hasFormula) {
					t.Errorf("ours gives the formula %q, want %q", c.formula, d.ours)
				}
			}
		})
	}
}
