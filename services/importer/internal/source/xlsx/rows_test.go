package xlsx

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"headway/services/importer/internal/source"
	"headway/services/importer/internal/source/zipxml"
)

// assertCells reads a sheet with and without shortcuts and compares its cells,
// each written as its name, kind, quoted text, and "=" with its formula.
func assertCells(t *testing.T, w *Workbook, sheet string, want ...string) {
	t.Helper()
	for _, slow := range []bool{false, true} {
		w.pack.Slow = slow
		cells, err := readSheet(w, sheet)
		if err != nil {
			t.Fatalf("read (slow: %v): %v", slow, err)
		}
		var got []string
		for _, c := range cells {
			text := fmt.Sprintf("%s %v %q", c.ref, c.kind, c.text)
			if c.hasFormula {
				text += " =" + c.formula
			}
			got = append(got, text)
		}
		if !slices.Equal(got, want) {
			t.Errorf("slow: %v\n got %s\nwant %s", slow, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
		}
	}
	w.pack.Slow = false
}

func assertSheet(t *testing.T, file []byte, want ...string) {
	t.Helper()
	w, err := openBytes(t, file, source.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	assertCells(t, w, "Data", want...)
	if err := compareFile(t, file); err != nil {
		t.Error(err)
	}
}

func TestCellsOfEveryTypeAreRead(t *testing.T) {
	file := workbookWith(parts{
		"xl/sharedStrings.xml": stringTable(`<si><t>shared</t></si>`, `<si><t/></si>`, `<si/>`),
		"xl/worksheets/sheet1.xml": sheetXML(`<row r="1">` +
			`<c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c><c r="C1" t="s"><v>2</v></c><c r="D1" t="s"><v> 0 </v></c>` +
			`<c r="E1" t="inlineStr"><is><t>inline</t></is></c><c r="F1" t="inlineStr"><is><t/></is></c>` +
			`<c r="G1" t="str"><v>text</v></c><c r="H1" t="b"><v>1</v></c><c r="I1" t="b"><v>0</v></c>` +
			`<c r="J1" t="e"><v>#DIV/0!</v></c><c r="K1" t="n"><v>1</v></c><c r="L1"><v>2</v></c>` +
			`<c r="M1" s="1"><v>45000</v></c><c r="N1" t="d"><v>2024-02-29</v></c><c r="O1" s="4"><v>0.5</v></c>` +
			`<c r="P1"/><c r="Q1" s="1"/><c r="R1"><v/></c><c r="S1" t="s"/><c r="T1"><v>NaN</v></c></row>`),
	})
	assertSheet(t, file, `A1 text "shared"`, `D1 text "shared"`, `E1 text "inline"`, `G1 text "text"`,
		`H1 boolean "TRUE"`, `I1 boolean "FALSE"`, `J1 error "#DIV/0!"`, `K1 number "1"`, `L1 number "2"`,
		`M1 date "45000"`, `N1 date "2024-02-29"`, `O1 number "0.5"`, `T1 text "NaN"`)
}

func TestRowsAndCellsWithoutReferencesAreNumbered(t *testing.T) {
	assertSheet(t, sheetWith(`<row><c><v>1</v></c><c><v>2</v></c></row><row r="4"><c r="C4"><v>3</v></c><c><v>4</v></c></row><row><c><v>5</v></c></row>`),
		`A1 number "1"`, `B1 number "2"`, `C4 number "3"`, `D4 number "4"`, `A5 number "5"`)
}

func TestCellsOutOfOrderAreSorted(t *testing.T) {
	w, err := openBytes(t, sheetWith(`<row r="1"><c r="C1"><v>3</v></c><c r="A1"><v>1</v></c><c><v>2</v></c></row>`), source.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	assertCells(t, w, "Data", `A1 number "1"`, `B1 number "2"`, `C1 number "3"`)
}

func TestRowsWithoutContentAreNotReturned(t *testing.T) {
	rows := `<row r="2" s="1" customFormat="1"/><row r="3"><c r="A3" s="1"/></row>` +
		`<row r="4"><c r="A4" t="str"><f>IF(1,"","")</f><v></v></c></row><row r="1048576"><c r="B1048576" t="s"/></row>`
	assertSheet(t, sheetWith(rows))
	assertSheet(t, sheetWith(`<row r="1"><c r="A1"><v>1</v></c><c r="B1" t="str"><f>""</f><v></v></c></row>`),
		`A1 number "1"`, `B1 empty "" =""`)
}

func TestFormulasHaveTheirCachedValue(t *testing.T) {
	assertSheet(t, sheetWith(`<row r="1"><c r="A1"><f>1+1</f><v>2</v></c><c r="B1" t="str"><f>"a"&amp;"b"</f><v>ab</v></c>`+
		`<c r="C1"><f>NOW()</f></c><c r="D1"><f t="shared" ref="D1:E1" si="0">A1*2</f><v>4</v></c><c r="E1"><f t="shared" si="0"/><v>8</v></c>`+
		`<c r="F1" t="e"><f>1/0</f><v>#DIV/0!</v></c><c r="G1" t="b"><f>A1&gt;1</f><v>1</v></c></row>`),
		`A1 number "2" =1+1`, `B1 text "ab" ="a"&"b"`, `C1 formula-without-value "" =NOW()`,
		`D1 number "4" =A1*2`, `E1 number "8" =B1*2`, `F1 error "#DIV/0!" =1/0`, `G1 boolean "TRUE" =A1>1`)
}

// TestFormulaWithBlankValueHasNone has the form in which openpyxl writes formulas. Only a text can be empty.
func TestFormulaWithBlankValueHasNone(t *testing.T) {
	for _, value := range []string{`<v></v>`, `<v/>`, `<v> </v>`, ``} {
		assertSheet(t, sheetWith(`<row r="1"><c r="A1"><f>1+1</f>`+value+`</c><c r="B1" s="1"><f>NOW()</f>`+value+`</c><c r="C1" t="n"><f>2</f>`+value+
			`</c><c r="D1" t="b"><f>3</f>`+value+`</c><c r="E1" t="s"><f>4</f>`+value+`</c><c r="F1"><v>5</v></c></row>`),
			`A1 formula-without-value "" =1+1`, `B1 formula-without-value "" =NOW()`, `C1 formula-without-value "" =2`,
			`D1 formula-without-value "" =3`, `E1 formula-without-value "" =4`, `F1 number "5"`)
	}
}

func TestTextIsDecoded(t *testing.T) {
	items := []struct{ xml, want string }{
		{`<t>a &amp; b &lt;c&gt; &quot;d&quot; &apos;e&apos; &#228;&#xE4;&#x1F600;</t>`, `a & b <c> "d" 'e' ää😀`},
		{`<t xml:space="preserve">  kept  </t>`, "  kept  "},
		{"<t> also\tkept\n </t>", " also\tkept\n "},
		{"<t>one\r\ntwo\rthree</t>", "one\ntwo\nthree"},
		{`<t>line_x000D_end_x000A_</t>`, "line\rend\n"},
		{`<t>_x005F_x000D_ first_name _x00zz_ _x12</t>`, "_x000D_ first_name _x00zz_ _x12"},
		{`<t><![CDATA[a < b & c]]> d</t>`, "a < b & c d"},
		{`<t>a<!-- a comment -->b<?pi x?>c</t>`, "abc"},
		{`<r><rPr><b/><sz val="11"/></rPr><t>rich</t></r><r><t xml:space="preserve"> text</t></r>`, "rich text"},
		{`<t>課きく</t><rPh sb="0" eb="1"><t>カ</t></rPh><phoneticPr fontId="1"/>`, "課きく"},
		{`<t>grüße 日本 😀</t>`, "grüße 日本 😀"},
		{`<t>]] is fine</t>`, "]] is fine"},
	}
	var table []string
	var sheet strings.Builder
	var want []string
	for i, item := range items {
		table = append(table, "<si>"+item.xml+"</si>")
		fmt.Fprintf(&sheet, `<row r="%d"><c r="A%d" t="s"><v>%d</v></c><c r="B%d" t="inlineStr"><is>%s</is></c></row>`, i+1, i+1, i, i+1, item.xml)
		want = append(want, fmt.Sprintf("A%d text %q", i+1, item.want), fmt.Sprintf("B%d text %q", i+1, item.want))
	}
	assertSheet(t, workbookWith(parts{
		"xl/sharedStrings.xml":     stringTable(table...),
		"xl/worksheets/sheet1.xml": sheetXML(sheet.String()),
	}), want...)
}

func TestSurrogatePairsInEscapesAreOneCharacter(t *testing.T) {
	w, err := openBytes(t, sheetWith(`<row r="1"><c r="A1" t="inlineStr"><is><t>_xD83D__xDE00_ _xD83D_</t></is></c>`+
		`<c r="B1" t="str"><v>a_x000A_b</v></c></row>`), source.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	assertCells(t, w, "Data", `A1 text "😀 _xD83D_"`, `B1 text "a\nb"`)
}

func TestSheetsInUnusualXMLAreRead(t *testing.T) {
	const strict = "http://purl.oclc.org/ooxml/spreadsheetml/main"
	row := `<row r="1"><c r="A1"><v>1</v></c></row>`
	for name, sheet := range map[string]string{
		"with a prefix":         `<x:worksheet xmlns:x="` + mainSpace + `"><x:sheetData><x:row r="1"><x:c r="A1"><x:v>1</x:v></x:c></x:row></x:sheetData></x:worksheet>`,
		"strict":                `<worksheet xmlns="` + strict + `"><sheetData>` + row + `</sheetData></worksheet>`,
		"without a namespace":   `<worksheet><sheetData>` + row + `</sheetData></worksheet>`,
		"in single quotes":      strings.ReplaceAll(sheetXML(row), `"`, `'`),
		"with blanks":           sheetXML("\n <row\n r = \"1\" >\n\t<c t='n' r='A1' >\r\n<v >1</v >\n</c >\n</row >\n"),
		"with a byte order":     "\xEF\xBB\xBF" + sheetXML(row),
		"with references":       sheetXML(`<row r="&#49;"><c r="&#x41;1"><v>&#49;</v></c></row>`),
		"with more around":      `<worksheet xmlns="` + mainSpace + `"><!-- c --><sheetPr/><dimension ref="A1:XFD1048576"/><sheetData>` + row + `</sheetData><mergeCells count="1"><mergeCell ref="A1:B2"/></mergeCells><extLst><ext xmlns:y="u"><y:row/></ext></extLst></worksheet><!-- end -->`,
		"with extra attributes": sheetXML(`<row r="1" spans="1:1" ht="15" customHeight="1" x="y" hidden="0"><c r="A1" cm="1" vm="2" ph="0"><v>1</v></c></row>`),
		"with row properties":   sheetXML(`<row r="1" spans="1:1" s="0" customFormat="1" ht="15.75" outlineLevel="0" collapsed="0"><c r="A1" s="0"><v>1</v></c></row>`),
		"with the type first":   sheetXML(`<row r="1"><c r="A1" t="n" s="0"><v>1</v></c><c r="B1" t="s" s="1"/></row>`),
		"with local namespaces": `<worksheet xmlns="` + mainSpace + `"><sheetData><y:row xmlns:y="` + mainSpace + `" r="1"><c r="A1"><y:v>1</y:v></c></y:row></sheetData></worksheet>`,
	} {
		t.Run(name, func(t *testing.T) {
			assertSheet(t, workbookWith(parts{"xl/worksheets/sheet1.xml": sheet}), `A1 number "1"`)
		})
	}
}

func TestSheetsInUTF16AreRead(t *testing.T) {
	sheet := strings.Replace(sheetXML(`<row r="1"><c r="A1" t="inlineStr"><is><t>grüße 😀</t></is></c></row>`), "UTF-8", "UTF-16", 1)
	for _, order := range []string{"le", "be", "le without mark", "be without mark"} {
		t.Run(order, func(t *testing.T) {
			w, err := openBytes(t, workbookWith(parts{"xl/worksheets/sheet1.xml": utf16Text(sheet, order)}), source.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			assertCells(t, w, "Data", `A1 text "grüße 😀"`)
		})
	}
}

func TestRowsOfAnySizeSurviveTheEndsOfBlocks(t *testing.T) {
	for _, shared := range []bool{false, true} {
		var b strings.Builder
		if err := writeLarge(&b, 12_000, shared); err != nil {
			t.Fatal(err)
		}
		if err := compareFile(t, []byte(b.String())); err != nil {
			t.Error(err)
		}
	}
	// Cells longer than a block's headroom and longer than a block, in one row.
	var row strings.Builder
	var want []string
	for i, n := range []int{10, zipxml.Headroom - 1, zipxml.Headroom, 2 * zipxml.Headroom, zipxml.BlockSize - 7, zipxml.BlockSize + 7, 3 * zipxml.BlockSize, 1, 5000, 90_000} {
		text := strings.Repeat(string(rune('a'+i)), n)
		ref := source.CellName(i+1, 1)
		fmt.Fprintf(&row, `<c r="%s" t="inlineStr"><is><t>%s</t></is></c>`, ref, text)
		kept, _ := source.LimitText([]byte(text))
		want = append(want, fmt.Sprintf("%s text %q", ref, kept))
	}
	w, err := openBytes(t, sheetWith(`<row r="1">`+row.String()+`</row>`), source.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	assertCells(t, w, "Data", want...)
}

func TestProgressEndsAtTheTotal(t *testing.T) {
	var b strings.Builder
	if err := writeLarge(&b, 5_000, false); err != nil {
		t.Fatal(err)
	}
	w, err := openBytes(t, []byte(b.String()), source.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := w.openRows(context.Background(), "Data")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if bytesTotal(rows) != w.Sheets()[0].Bytes || bytesTotal(rows) == 0 {
		t.Errorf("total %d, sheet %d", bytesTotal(rows), w.Sheets()[0].Bytes)
	}
	last := int64(0)
	for rows.Next() {
		if n := bytesRead(rows); n < last || n > bytesTotal(rows) {
			t.Fatalf("read %d after %d of %d", n, last, bytesTotal(rows))
		} else {
			last = n
		}
	}
	if rows.Err() != nil || bytesRead(rows) != bytesTotal(rows) {
		t.Errorf("read %d of %d, %v", bytesRead(rows), bytesTotal(rows), rows.Err())
	}
}

func TestReadingEndsWithItsContext(t *testing.T) {
	var b strings.Builder
	if err := writeLarge(&b, 20_000, false); err != nil {
		t.Fatal(err)
	}
	w, err := openBytes(t, []byte(b.String()), source.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	rows, err := w.openRows(ctx, "Data")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if !rows.Next() {
		t.Fatal(rows.Err())
	}
	cancel()
	n := 1
	for rows.Next() {
		n++
	}
	if rows.Err() == nil || n >= 20_000 || source.ReasonOf(rows.Err()) != "" {
		t.Errorf("read %d rows, then %v", n, rows.Err())
	}
}

func TestRowsMayBeClosedAtAnyPoint(t *testing.T) {
	var b strings.Builder
	if err := writeLarge(&b, 20_000, true); err != nil {
		t.Fatal(err)
	}
	w, err := openBytes(t, []byte(b.String()), source.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 1, 100} {
		rows, err := w.openRows(context.Background(), "Data")
		if err != nil {
			t.Fatal(err)
		}
		for range n {
			if !rows.Next() {
				t.Fatal(rows.Err())
			}
		}
		if err := rows.Close(); err != nil {
			t.Error(err)
		}
		if rows.Next() || rows.Err() == nil {
			t.Error("closed rows continue")
		}
		if err := rows.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestReadingARowAllocatesNothing(t *testing.T) {
	for _, shared := range []bool{false, true} {
		var b strings.Builder
		if err := writeLarge(&b, 30_000, shared); err != nil {
			t.Fatal(err)
		}
		w, err := openBytes(t, []byte(b.String()), source.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		rows, err := w.openRows(context.Background(), "Data")
		if err != nil {
			t.Fatal(err)
		}
		for range 1000 {
			rows.Next()
		}
		perRow := testing.AllocsPerRun(1, func() {
			for range 10_000 {
				if !rows.Next() {
					t.Fatal(rows.Err())
				}
			}
		}) / 10_000
		if perRow >= 0.01 {
			t.Errorf("shared: %v: %v allocations per row", shared, perRow)
		}
		_ = rows.Close()
	}
}

func bytesRead(rows *Rows) int64 {
	read, _ := rows.Progress()
	return read
}

func bytesTotal(rows *Rows) int64 {
	_, total := rows.Progress()
	return total
}
