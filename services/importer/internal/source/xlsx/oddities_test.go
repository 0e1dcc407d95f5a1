package xlsx

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"headway/services/importer/internal/source"
)

// Structures that other programs write. They are read as Excel reads them.

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
			w.pack.Slow = slow
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

// TestUnknownWrappersLoseNothing puts an unknown element around each kind of content. It is read, or the file is refused.
func TestUnknownWrappersLoseNothing(t *testing.T) {
	wrap := func(s string) string { return `<u:wrap xmlns:u="urn:x">` + s + `</u:wrap>` }
	row := `<row r="1"><c r="A1" s="1" t="s"><v>0</v></c><c r="B1"/></row>`
	texts := stringTable(`<si><t>a</t></si>`)
	worksheet := func(body string) string { return `<worksheet xmlns="` + mainSpace + `">` + body + `</worksheet>` }
	replace := func(in, from, to string) string {
		if !strings.Contains(in, from) {
			t.Fatalf("%q is not in %q", from, in)
		}
		return strings.Replace(in, from, to, 1)
	}
	sheetTag := `<sheet name="Data" sheetId="1" r:id="rId1"/>`
	firstRel := minimalWorkbookRels[strings.Index(minimalWorkbookRels, "<Relationship "):strings.Index(minimalWorkbookRels, "/>")] + "/>"
	for name, test := range map[string]struct {
		parts parts
		read  bool
	}{
		"rows":             {parts{sheetPart: sheetXML(wrap(row))}, false},
		"the sheet's data": {parts{sheetPart: worksheet(wrap(`<sheetData>` + row + `</sheetData>`))}, false},
		"a cell":           {parts{sheetPart: sheetXML(replace(row, `<c r="A1" s="1" t="s"><v>0</v></c>`, wrap(`<c r="A1" s="1" t="s"><v>0</v></c>`)))}, false},
		"a value":          {parts{sheetPart: sheetXML(replace(row, `<v>0</v>`, wrap(`<v>0</v>`)))}, false},
		"a shared string":  {parts{"xl/sharedStrings.xml": stringTable(wrap(`<si><t>a</t></si>`))}, false},
		"a shared text":    {parts{"xl/sharedStrings.xml": stringTable(`<si>` + wrap(`<t>a</t>`) + `</si>`)}, false},
		"a sheet":          {parts{"xl/workbook.xml": replace(minimalWorkbook, sheetTag, wrap(sheetTag))}, true},
		"the sheets":       {parts{"xl/workbook.xml": replace(minimalWorkbook, `<sheets>`+sheetTag+`</sheets>`, wrap(`<sheets>`+sheetTag+`</sheets>`))}, true},
		"a relationship":   {parts{"xl/_rels/workbook.xml.rels": replace(minimalWorkbookRels, firstRel, wrap(firstRel))}, true},
		"merged cells":     {parts{sheetPart: worksheet(`<sheetData>` + row + `</sheetData>` + wrap(`<mergeCells><mergeCell ref="A1:B1"/></mergeCells>`))}, true},
		"a merged cell":    {parts{sheetPart: worksheet(`<sheetData>` + row + `</sheetData><mergeCells>` + wrap(`<mergeCell ref="A1:B1"/>`) + `</mergeCells>`)}, true},
		"columns":          {parts{sheetPart: worksheet(wrap(`<cols><col min="1" max="1" hidden="1"/></cols>`) + `<sheetData>` + row + `</sheetData>`)}, true},
	} {
		all := parts{sheetPart: sheetXML(row), "xl/sharedStrings.xml": texts}
		maps.Copy(all, test.parts)
		w, err := openBytes(t, workbookWith(all), source.Limits{})
		var cells []cell
		var rows *Rows
		if err == nil {
			if rows, err = w.openRows(t.Context(), "Data"); err == nil {
				rows.WatchMerges(func(source.Range) bool { return true })
				for rows.Next() {
				}
				err = rows.Err()
				_ = rows.Close()
			}
			if err == nil {
				cells, err = readSheet(w, "Data")
			}
		}
		switch {
		case !test.read && source.ReasonOf(err) != source.Damaged:
			t.Errorf("around %s: read %v, %v", name, cells, err)
		case !test.read:
		case err != nil || len(cells) != 1 || cells[0].text != "a" || cells[0].code != `yyyy\-mm\-dd`:
			t.Errorf("around %s: got %v, %v", name, cells, err)
		case strings.Contains(name, "merged") && len(rows.Merges()) != 1:
			t.Errorf("around %s: it is not found", name)
		case name == "columns" && !rows.HiddenColumn(1):
			t.Errorf("around %s: it is not hidden", name)
		}
	}
}

// TestAlternativeIsChosenAsExcelDoes has a choice for each reader: the first one whose namespaces Excel knows, or the fallback.
func TestAlternativeIsChosenAsExcelDoes(t *testing.T) {
	row := func(value string) string { return `<row r="1"><c r="A1"><v>` + value + `</v></c></row>` }
	const known, unknown = `xmlns:a="http://schemas.microsoft.com/office/spreadsheetml/2009/9/main"`, `xmlns:b="urn:b"`
	for content, want := range map[string]string{
		`<mc:Choice Requires="a">` + row("1") + `</mc:Choice><mc:Fallback>` + row("2") + `</mc:Fallback>`:                                          "1",
		`<mc:Choice Requires="b">` + row("1") + `</mc:Choice><mc:Choice Requires="a">` + row("2") + `</mc:Choice>`:                                 "2",
		`<mc:Choice Requires="a b">` + row("1") + `</mc:Choice><mc:Fallback>` + row("2") + `</mc:Fallback>`:                                        "2",
		`<mc:Choice Requires="a">` + row("1") + `</mc:Choice><mc:Choice Requires="a">` + row("2") + `</mc:Choice>`:                                 "1",
		`<mc:Choice Requires="b">` + row("1") + `</mc:Choice>`:                                                                                     "refused",
		`<mc:Choice Requires="c">` + row("1") + `</mc:Choice>`:                                                                                     "refused",
		`<mc:Choice>` + row("1") + `</mc:Choice>`:                                                                                                  "refused",
		`<mc:Choice Requires="b"><b:other/></mc:Choice><mc:Fallback/>`:                                                                             "",
		`<mc:Choice Requires="b"><b:other/></mc:Choice>`:                                                                                           "",
		`<mc:Choice Requires="b"><mc:AlternateContent><mc:Choice Requires="a">` + row("1") + `</mc:Choice></mc:AlternateContent></mc:Choice>`:      "refused",
		`<mc:Choice Requires="a"><mc:AlternateContent><mc:Fallback>` + row("1") + `</mc:Fallback></mc:AlternateContent></mc:Choice><mc:Fallback/>`: "1",
	} {
		w, err := openBytes(t, sheetWith(`<mc:AlternateContent `+compatibility+` `+known+` `+unknown+`>`+content+`</mc:AlternateContent>`), source.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		cells, err := readSheet(w, "Data")
		if err != nil {
			got = "refused"
		} else if len(cells) > 0 {
			got = cells[0].text
		}
		if got != want {
			t.Errorf("%s: got %q, want %q (%v)", content, got, want, err)
		}
	}
}
