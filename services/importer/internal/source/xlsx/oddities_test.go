package xlsx

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"headway/services/importer/internal/source"
)

// Structures that other writers make. They are read as Excel reads them.

const compatibility = `xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"`

func TestAlternateContentKeepsIndexes(t *testing.T) {
	alternate := func(choice, fallback string) string {
		return `<mc:AlternateContent ` + compatibility + `><mc:Choice Requires="hs" xmlns:hs="urn:hancom">` + choice + `</mc:Choice><mc:Fallback>` + fallback +
			`</mc:Fallback></mc:AlternateContent>`
	}
	styles := `<styleSheet xmlns="` + mainSpace + `"><cellXfs count="3"><xf numFmtId="0"/>` + alternate(`<xf numFmtId="9"/>`, `<xf numFmtId="2"/>`) +
		`<xf numFmtId="14"/></cellXfs></styleSheet>`
	texts := stringTable("<si><t>a</t></si>" + alternate("<si><t>x</t></si>", "<si><t>b</t></si>") + "<si><t>c</t></si>")
	sheet := sheetXML(`<row r="1"><c r="A1" t="s"><v>2</v></c><c r="B1" s="2"><v>45000</v></c></row>` +
		alternate(`<row r="2"><c r="A2"><v>9</v></c></row>`, `<row r="2"><c r="A2" t="s"><v>1</v></c></row>`) + `<row r="3"><c r="A3" s="1"><v>1</v></c></row>`)
	w, err := openBytes(t, workbookWith(parts{"xl/styles.xml": styles, "xl/sharedStrings.xml": texts, sheetPart: sheet}), source.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	assertCells(t, w, "Data", `A1 text "c"`, `B1 date "45000"`, `A2 text "b"`, `A3 number "1"`)
}

func TestFilesWithAlternateContentEqualControl(t *testing.T) {
	read := func(name string) []cell {
		file, err := os.ReadFile(filepath.Join("testdata", "cases", name))
		if err != nil {
			t.Fatal(err)
		}
		w, err := openBytes(t, file, source.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		cells, err := readSheet(w, w.Sheets()[0].Name)
		if err != nil {
			t.Fatal(err)
		}
		return cells
	}
	want := read("control.xlsx")
	if got := read("hancell.xlsx"); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := read("hancell-last-format.xlsx"); len(got) == 0 {
		t.Error("no cells were read")
	}
}

func TestRowElementPerCellIsOneRow(t *testing.T) {
	file, err := os.ReadFile(filepath.Join("testdata", "cases", "row-element-per-cell.xlsx"))
	if err != nil {
		t.Fatal(err)
	}
	for _, slow := range []bool{false, true} {
		for _, file := range [][]byte{file, sheetWith(`<row r="1"/><row r="1"><c r="A1"><v>1</v></c></row> <row r="1"/>` +
			`<row r="1"><c r="B1"><v>2</v></c></row><row r="2" spans="1:2"><c r="B2"><v>4</v></c></row><row spans="1:2" r="2"><c r="A2"><v>3</v></c></row>`)} {
			w, err := openBytes(t, file, source.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			w.pack.slow = slow
			r, err := w.openRows(t.Context(), w.Sheets()[0].Name)
			if err != nil {
				t.Fatal(err)
			}
			last := 0
			for r.Next() {
				row := r.Row()
				if row.Number != last+1 || len(row.Cells) < 2 || row.Cells[0].Col != 1 || row.Cells[1].Col != 2 {
					t.Errorf("slow: %v: row %d after %d has %d cells", slow, row.Number, last, len(row.Cells))
				}
				last = row.Number
			}
			if r.Err() != nil || last < 2 {
				t.Errorf("slow: %v: %d rows, %v", slow, last, r.Err())
			}
			_ = r.Close()
		}
	}
}

func TestUnknownSheetStateIsVisible(t *testing.T) {
	workbook := `<workbook xmlns="` + mainSpace + `" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">` +
		`<sheets><sheet name="Data" sheetId="1" state="show" r:id="rId1"/></sheets></workbook>`
	w, err := openBytes(t, workbookWith(parts{"xl/workbook.xml": workbook}), source.Limits{})
	if err != nil || w.Sheets()[0].State != source.Visible {
		t.Errorf("got %v, %v", w, err)
	}
}

func TestColumnNumbersAsReferences(t *testing.T) {
	w, err := openBytes(t, sheetWith(`<row r="1"><c r="0"><v>1</v></c><c r="2"><v>3</v></c></row>`), source.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	assertCells(t, w, "Data", `A1 number "1"`, `C1 number "3"`)
}

func TestUnknownWrappersKeepStyleNumbers(t *testing.T) {
	wrap := func(s string) string { return `<u:wrap xmlns:u="urn:x">` + s + `</u:wrap>` }
	sheet := sheetXML(`<row r="1"><c r="A1" s="1"><v>5</v></c><c r="B1" s="2"><v>45000</v></c></row>`)
	formats := `<numFmts><numFmt numFmtId="170" formatCode="yyyy"/></numFmts>`
	for name, styles := range map[string]string{
		"a format":         formats + `<cellXfs><xf/>` + wrap(`<xf numFmtId="9"/>`) + `<xf numFmtId="170"/></cellXfs>`,
		"a number format":  `<numFmts>` + wrap(`<numFmt numFmtId="170" formatCode="yyyy"/>`) + `</numFmts><cellXfs><xf/><xf numFmtId="9"/><xf numFmtId="170"/></cellXfs>`,
		"the list":         formats + wrap(`<cellXfs><xf/><xf numFmtId="9"/><xf numFmtId="170"/></cellXfs>`),
		"without a prefix": formats + `<cellXfs><xf/><wrap><xf numFmtId="9"/><xf numFmtId="170"/></wrap></cellXfs>`,
		"an extension": formats + `<cellXfs><xf/><extLst><ext><xf numFmtId="2"/></ext></extLst><xf numFmtId="9"><extLst><ext><xf/></ext></extLst></xf><xf numFmtId="170"/></cellXfs>` +
			`<dxfs><dxf><numFmt numFmtId="170" formatCode="0"/></dxf></dxfs>`,
	} {
		w, err := openBytes(t, workbookWith(parts{"xl/styles.xml": `<styleSheet xmlns="` + mainSpace + `">` + styles + `</styleSheet>`, sheetPart: sheet}), source.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		cells, err := readSheet(w, "Data")
		if err != nil || len(cells) != 2 || cells[0].code != "0%" || cells[1].kind != source.Date || cells[1].code != "yyyy" {
			t.Errorf("around %s: got %v, %v", name, cells, err)
		}
	}
}
