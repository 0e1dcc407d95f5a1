package xlsx

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf16"

	"headway/services/importer/internal/source"
)

// readFile reads every sheet of a file and returns the first error.
func readFile(t testing.TB, file []byte, limits source.Limits) (cells int, err error) {
	t.Helper()
	w, err := openBytes(t, file, limits)
	if err != nil {
		return 0, err
	}
	for _, s := range w.Sheets() {
		c, err := readSheet(w, s.Name)
		if cells += len(c); err != nil {
			return cells, err
		}
	}
	return cells, nil
}

// assertRefused reads a file with and without shortcuts. The error must name the part and a position, unless part is
// empty.
func assertRefused(t *testing.T, file []byte, limits source.Limits, want source.Reason, part, position string) {
	t.Helper()
	for _, slow := range []bool{false, true} {
		w, err := openBytes(t, file, limits)
		if err == nil {
			w.pack.Slow = slow
			for _, s := range w.Sheets() {
				if _, err = readSheet(w, s.Name); err != nil {
					break
				}
			}
		}
		var refusal *source.Error
		if !errors.As(err, &refusal) {
			t.Errorf("slow: %v: got %v, want %s", slow, err, want)
			return
		}
		gotPart, gotPosition, _ := strings.Cut(refusal.Where, ", ")
		if refusal.Reason != want || gotPart != part || !strings.Contains(gotPosition, position) {
			t.Errorf("slow: %v: refused as %s, part %q, position %q (%v), want %s, %q, %q",
				slow, refusal.Reason, gotPart, gotPosition, err, want, part, position)
		}
		if text := err.Error(); !strings.HasSuffix(text, ".") || strings.Contains(text, "%!") {
			t.Errorf("the message is %q", text)
		}
	}
}

const sheetPart = "xl/worksheets/sheet1.xml"

func TestKindsOfOtherFilesAreNamed(t *testing.T) {
	utf16le := append([]byte{0xFF, 0xFE}, []byte(utf16Text("name;city\n", "le without mark"))...)
	word := zipOf(parts{"[Content_Types].xml": `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>`,
		"_rels/.rels": strings.Replace(minimalRels, "xl/workbook.xml", "word/document.xml", 1), "word/document.xml": "<w/>"})
	binaryWorkbook := zipOf(parts{"[Content_Types].xml": `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Override PartName="/xl/workbook.bin" ContentType="application/vnd.ms-excel.sheet.binary.macroEnabled.main"/></Types>`,
		"_rels/.rels": strings.Replace(minimalRels, "workbook.xml", "workbook.bin", 1), "xl/workbook.bin": "\x83\x01"})
	whole := sheetWith(`<row r="1"><c><v>1</v></c></row>`)
	for _, c := range []struct {
		name string
		file []byte
		want source.Reason
	}{
		{"nothing", nil, source.EmptyFile},
		{"blanks", []byte(" \r\n\t"), source.EmptyFile},
		{"a CSV file", []byte("name,city\r\nAda,London\r\n"), source.TextFile},
		{"a CSV file in Latin-1", []byte("name;stra\xDFe\nAda;\xC4ltere Stra\xDFe 1\n"), source.TextFile},
		{"a CSV file in UTF-16", utf16le, source.TextFile},
		{"a CSV file in Japanese", []byte("\xEF\xBB\xBF名前,都市\n太郎,東京\n"), source.TextFile},
		{"a web page", []byte("<html><table><tr><td>1</td></tr></table></html>"), source.NotAWorkbook},
		{"XML", []byte(`<?xml version="1.0"?><a/>`), source.NotAWorkbook},
		{"XML Spreadsheet 2003", []byte(`<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"/>`), source.LegacyWorkbook},
		{"a PDF", []byte("%PDF-1.7\n..."), source.NotAWorkbook},
		{"an image", []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"), source.NotAWorkbook},
		{"gzip", []byte("\x1f\x8b\x08\x00\x00"), source.NotAWorkbook},
		{"BIFF 4", []byte("\x09\x04\x06\x00\x00\x00\x10\x00"), source.LegacyWorkbook},
		{"an .xls", compoundFile("Root Entry", "Workbook"), source.LegacyWorkbook},
		{"an old .xls", compoundFile("Root Entry", "Book"), source.LegacyWorkbook},
		{"an encrypted workbook", compoundFile("Root Entry", "EncryptionInfo", "EncryptedPackage"), source.Encrypted},
		{"a .doc", compoundFile("Root Entry", "WordDocument"), source.NotAWorkbook},
		{"a broken compound file", []byte("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"), source.NotAWorkbook},
		{"an .ods", zipOf(parts{"mimetype": "application/vnd.oasis.opendocument.spreadsheet", "content.xml": "<o/>"}), source.OpenDocument},
		{"a zip", zipOf(parts{"readme.txt": "hello"}), source.NotAWorkbook},
		{"a .docx", word, source.NotAWorkbook},
		{"an .xlsb", binaryWorkbook, source.BinaryWorkbook},
		{"half a workbook", whole[:len(whole)/2], source.Damaged},
		{"a workbook without its last byte", whole[:len(whole)-1], source.Damaged},
	} {
		t.Run(c.name, func(t *testing.T) { assertRefused(t, c.file, source.Limits{}, c.want, "", "") })
	}
}

// compoundFile writes the beginnings of a compound file with these streams.
func compoundFile(names ...string) []byte {
	file := make([]byte, 3*512)
	copy(file, "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1")
	binary.LittleEndian.PutUint16(file[0x1E:], 9)
	binary.LittleEndian.PutUint32(file[0x30:], 1)           // the directory is sector 1
	binary.LittleEndian.PutUint32(file[0x4C:], 0)           // the FAT is sector 0
	binary.LittleEndian.PutUint32(file[512+4:], 0xFFFFFFFE) // the directory's chain ends
	for i, name := range names {
		units := utf16.Encode([]rune(name))
		entry := file[1024+128*i:]
		for j, u := range units {
			binary.LittleEndian.PutUint16(entry[2*j:], u)
		}
		binary.LittleEndian.PutUint16(entry[64:], uint16(2*len(units)+2))
	}
	return file
}

func TestDamagedSheetsAreRefusedWithLocation(t *testing.T) {
	good := `<row r="1"><c r="A1"><v>1</v></c></row>`
	for name, c := range map[string]struct {
		rows     string
		position string
	}{
		"an end tag missing":             {good + `<row r="2"><c r="A2"><v>1</v></row>`, "cell A2"},
		"an end tag that does not match": {good + `<row r="2"><c r="A2"><v>1</x></c></row>`, "cell A2"},
		"a broken tag":                   {good + `<row r="2"><c r="A2"><v 1</v></c></row>`, "cell A2"},
		"an attribute twice":             {`<row r="2"><c r="A2" r="A2"><v>1</v></c></row>`, "row 2"},
		"a type twice":                   {`<row r="2"><c r="A2" t="n" s="0" t="s"><v>1</v></c></row>`, "row 2"},
		"an attribute unquoted":          {`<row r=2></row>`, "byte"},
		"an unknown entity":              {`<row r="2"><c r="B2" t="inlineStr"><is><t>&nbsp;</t></is></c></row>`, "cell B2"},
		"a character out of range":       {`<row r="2"><c r="B2" t="str"><v>&#0;</v></c></row>`, "cell B2"},
		"a control character":            {"<row r=\"2\"><c r=\"B2\" t=\"str\"><v>\x01</v></c></row>", "cell B2"},
		"broken UTF-8":                   {"<row r=\"2\"><c r=\"B2\" t=\"str\"><v>\xC3(</v></c></row>", "cell B2"},
		"half of CDATA's end":            {`<row r="2"><c r="B2" t="str"><v>]]></v></c></row>`, "cell B2"},
		"a prefix that is not declared":  {`<row r="2"><z:c r="B2"><v>1</v></z:c></row>`, "row 2"},
		"text between cells":             {`<row r="2">x<c r="B2"><v>1</v></c></row>`, "row 2"},
		"text in a cell":                 {`<row r="2"><c r="B2">1</c></row>`, "cell B2"},
		"an element in a value":          {`<row r="2"><c r="B2"><v>1<v>2</v></v></c></row>`, "cell B2"},
		"two values":                     {`<row r="2"><c r="B2"><v>1</v><v>2</v></c></row>`, "cell B2"},
		"a foreign element":              {`<row r="2"><c r="B2"><w>1</w></c></row>`, "cell B2"},
		"a cell outside a row":           {`<c r="B2"><v>1</v></c>`, "byte"},
		"a cell of another row":          {`<row r="2"><c r="B3"><v>1</v></c></row>`, "row 2"},
		"a cell twice":                   {`<row r="2"><c r="B2"><v>1</v></c><c r="A2"><v>1</v></c><c r="B2"><v>1</v></c></row>`, "row 2"},
		"an invalid reference":           {`<row r="2"><c r="2B"><v>1</v></c></row>`, "row 2"},
		"a column that Excel lacks":      {`<row r="2"><c r="XFE2"><v>1</v></c></row>`, "row 2"},
		"more cells than columns":        {`<row r="2">` + strings.Repeat(`<c r="A2"><v>1</v></c>`, 20_000) + `</row>`, "cell A2"},
		"too many attributes":            {`<row r="2"` + manyAttrs(129) + `/>`, "byte"},
		"a cell again, empty":            {`<row r="2"><c r="B2"><v>1</v></c><c r="b2"/></row>`, "row 2"},
		"an empty cell again":            {`<row r="2"><c r="A2"/><c r="B2" s="0"/><c r="A2"><v>1</v></c></row>`, "row 2"},
		"an empty cell twice":            {`<row r="2"><c r="A2"><v/></c><c r="A2"/></row>`, "row 2"},
		"a row twice":                    {good + good, "row 1"},
		"a row that goes back":           {`<row r="5"><c><v>1</v></c></row><row r="4"><c><v>1</v></c></row>`, "row 5"},
		"a row zero":                     {`<row r="0"><c><v>1</v></c></row>`, "byte"},
		"an invalid row number":          {`<row r="x"><c><v>1</v></c></row>`, "byte"},
		"a shared string out of range":   {`<row r="2"><c r="B2" t="s"><v>2</v></c></row>`, "cell B2"},
		"a negative shared string":       {`<row r="2"><c r="B2" t="s"><v>-1</v></c></row>`, "cell B2"},
		"an invalid shared string index": {`<row r="2"><c r="B2" t="s"><v>x</v></c></row>`, "cell B2"},
		"a style out of range":           {`<row r="2"><c r="B2" s="5"><v>1</v></c></row>`, "cell B2"},
		"an invalid style":               {`<row r="2"><c r="B2" s="x"><v>1</v></c></row>`, "cell B2"},
		"an unknown type":                {`<row r="2"><c r="B2" t="x"><v>1</v></c></row>`, "cell B2"},
		"an invalid Boolean":             {`<row r="2"><c r="B2" t="b"><v>2</v></c></row>`, "cell B2"},
	} {
		t.Run(name, func(t *testing.T) {
			file := workbookWith(parts{
				"xl/sharedStrings.xml": stringTable(`<si><t>a</t></si>`, `<si><t>b</t></si>`),
				sheetPart:              sheetXML(c.rows),
			})
			assertRefused(t, file, source.Limits{}, source.Damaged, sheetPart, c.position)
		})
	}
}

func manyAttrs(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, ` a%d=""`, i)
	}
	return b.String()
}

func TestDamageAfterTheRowsIsFound(t *testing.T) {
	head := `<worksheet xmlns="` + mainSpace + `"><sheetData><row r="1"><c r="A1"><v>1</v></c></row></sheetData>`
	for name, rest := range map[string]string{
		"a missing end tag": ``,
		"a tag cut off":     `<mergeCells count="1`,
		"a wrong end tag":   `</sheetdata>`,
		"text after it":     `</worksheet>x`,
		"a second root":     `</worksheet><worksheet/>`,
		"rows in two parts": `<sheetData/></worksheet>`,
		"an open comment":   `<!-- </worksheet>`,
		"an unknown entity": `<headerFooter><oddHeader>&t;</oddHeader></headerFooter></worksheet>`,
		"two prefixes":      `<a x:y:z="1"/></worksheet>`,
		"an unknown name":   "<gr\u00FC\u00DFe/></worksheet>",
	} {
		t.Run(name, func(t *testing.T) {
			assertRefused(t, workbookWith(parts{sheetPart: head + rest}), source.Limits{}, source.Damaged, sheetPart, "byte")
		})
	}
}

func TestDamagedPartsAreRefusedByName(t *testing.T) {
	const rels, workbook, styles, texts = "xl/_rels/workbook.xml.rels", "xl/workbook.xml", "xl/styles.xml", "xl/sharedStrings.xml"
	useText := sheetXML(`<row r="1"><c r="A1" t="s"><v>0</v></c></row>`)
	for name, c := range map[string]struct {
		change parts
		part   string
	}{
		"no workbook part":           {parts{workbook: ""}, workbook},
		"a workbook without sheets":  {parts{workbook: `<workbook xmlns="` + mainSpace + `"><sheets/></workbook>`}, workbook},
		"a workbook cut off":         {parts{workbook: minimalWorkbook[:len(minimalWorkbook)-5]}, workbook},
		"a workbook of another kind": {parts{workbook: `<document xmlns="` + mainSpace + `"/>`}, workbook},
		"a duplicate sheet name":     {parts{workbook: strings.Replace(minimalWorkbook, "</sheets>", `<sheet name="DATA" sheetId="2" r:id="rId1"/></sheets>`, 1)}, workbook},
		"a sheet without a part":     {parts{sheetPart: ""}, workbook},
		"relationships cut off":      {parts{rels: minimalWorkbookRels[:200]}, rels},
		"a duplicate ID":             {parts{rels: strings.Replace(minimalWorkbookRels, "rId2", "rId1", 1)}, rels},
		"styles cut off":             {parts{styles: minimalStyles[:len(minimalStyles)-9]}, styles},
		"an invalid style":           {parts{styles: strings.Replace(minimalStyles, `"164"/>`, `"x"/>`, 1)}, styles},
		"strings cut off":            {parts{texts: `<sst xmlns="` + mainSpace + `"><si><t>a</t></si>`, sheetPart: useText}, texts},
		"strings of another kind":    {parts{texts: `<html/>`, sheetPart: useText}, texts},
		"a broken string":            {parts{texts: stringTable(`<si><t>a</t></si>`, `<si><t>&x;</t></si>`), sheetPart: useText}, texts},
		"an empty sheet part":        {parts{sheetPart: " "}, sheetPart},
		"a sheet of another kind":    {parts{sheetPart: stringTable()}, sheetPart},
	} {
		t.Run(name, func(t *testing.T) {
			assertRefused(t, workbookWith(c.change), source.Limits{}, source.Damaged, c.part, "")
		})
	}
}

func TestMissingStylesRefuseStyledCellsOnly(t *testing.T) {
	file := workbookWith(parts{"xl/styles.xml": "", sheetPart: sheetXML(`<row r="1"><c r="A1" s="0"><v>1</v></c></row>`)})
	assertSheet(t, file, `A1 number "1"`)
	file = workbookWith(parts{"xl/styles.xml": "", sheetPart: sheetXML(`<row r="1"><c r="A1" s="1"><v>1</v></c></row>`)})
	assertRefused(t, file, source.Limits{}, source.Damaged, sheetPart, "cell A1")
}

func TestDocumentTypesAndForeignEncodingsAreRefused(t *testing.T) {
	rows := `<sheetData><row r="1"><c r="A1" t="str"><v>&x;</v></c></row></sheetData></worksheet>`
	for name, sheet := range map[string]string{
		"an external entity": `<!DOCTYPE worksheet [<!ENTITY x SYSTEM "file:///etc/passwd">]><worksheet xmlns="` + mainSpace + `">` + rows,
		"a billion laughs":   `<?xml version="1.0"?><!DOCTYPE worksheet [<!ENTITY y "ha"><!ENTITY x "&y;&y;">]><worksheet xmlns="` + mainSpace + `">` + rows,
		"Latin-1":            `<?xml version="1.0" encoding="ISO-8859-1"?><worksheet xmlns="` + mainSpace + `"/>`,
		"XML 1.1":            `<?xml version="1.1"?><worksheet xmlns="` + mainSpace + `"/>`,
	} {
		t.Run(name, func(t *testing.T) {
			assertRefused(t, workbookWith(parts{sheetPart: sheet}), source.Limits{}, source.UnsupportedXML, sheetPart, "byte")
		})
	}
}

// packed writes a package whose sheet part has the given bytes and directory entry.
func packed(t *testing.T, method uint16, raw []byte, sum uint32, size uint64) []byte {
	t.Helper()
	all := parts{"[Content_Types].xml": minimalTypes, "_rels/.rels": minimalRels, "xl/workbook.xml": minimalWorkbook,
		"xl/_rels/workbook.xml.rels": minimalWorkbookRels, "xl/styles.xml": minimalStyles}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, text := range all {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	w, err := z.CreateRaw(&zip.FileHeader{Name: sheetPart, Method: method, CRC32: sum,
		CompressedSize64: uint64(len(raw)), UncompressedSize64: size})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(raw); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestBrokenCompressionIsRefused(t *testing.T) {
	var rows strings.Builder
	for n := 1; n <= 20_000; n++ {
		fmt.Fprintf(&rows, `<row r="%d"><c r="A%d"><v>%d</v></c></row>`, n, n, n*n%9973)
	}
	text := []byte(sheetXML(rows.String()))
	raw, sum := deflate(text), checksum(text)
	if _, err := readFile(t, packed(t, zip.Deflate, raw, sum, uint64(len(text))), source.Limits{}); err != nil {
		t.Fatalf("the sound file: %v", err)
	}
	flipped := bytes.Clone(raw)
	flipped[len(raw)/2] ^= 0x10
	for name, file := range map[string][]byte{
		"cut off":             packed(t, zip.Deflate, raw[:len(raw)/2], sum, uint64(len(text))),
		"one wrong bit":       packed(t, zip.Deflate, flipped, sum, uint64(len(text))),
		"a wrong checksum":    packed(t, zip.Deflate, raw, sum^1, uint64(len(text))),
		"no checksum":         packed(t, zip.Deflate, raw, 0, uint64(len(text))),
		"above its size":      packed(t, zip.Deflate, raw, sum, uint64(len(text)-1)),
		"below its size":      packed(t, zip.Deflate, raw, sum, uint64(len(text)+1)),
		"stored, wrong sizes": packed(t, zip.Store, text, sum, uint64(len(text)+1)),
		"stored, wrong sum":   packed(t, zip.Store, text, sum^1, uint64(len(text))),
		"an unknown method":   packed(t, 14, raw, sum, uint64(len(text))),
		"no data":             packed(t, zip.Deflate, nil, sum, uint64(len(text))),
		"an impossible size":  packed(t, zip.Store, text, sum, 1<<63),
	} {
		t.Run(name, func(t *testing.T) { assertRefused(t, file, source.Limits{}, source.Damaged, sheetPart, "") })
	}
}

func TestStoredPartsAreRead(t *testing.T) {
	text := []byte(sheetXML(`<row r="1"><c r="A1"><v>1</v></c></row>`))
	assertSheet(t, packed(t, zip.Store, text, checksum(text), uint64(len(text))), `A1 number "1"`)
}

func TestPartsOutsideTheFileAreRefused(t *testing.T) {
	const offset = 42 // of the local header's offset in a directory entry
	for _, position := range []uint32{0xFFFF_FFFE, 0x7FFF_FFFF, 1} {
		file := sheetWith("")
		entry := bytes.Index(file, []byte("PK\x01\x02")) // the first is [Content_Types].xml
		binary.LittleEndian.PutUint32(file[entry+offset:], position)
		assertRefused(t, file, source.Limits{}, source.Damaged, "[Content_Types].xml", "")
	}
}

func TestRepeatedPartIsRefused(t *testing.T) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, part := range [][2]string{{"[Content_Types].xml", minimalTypes}, {"_rels/.rels", minimalRels}, {"xl/workbook.xml", minimalWorkbook},
		{"xl/_rels/workbook.xml.rels", minimalWorkbookRels}, {sheetPart, sheetXML("")}, {"XL/worksheets/SHEET1.xml", sheetXML("")}} {
		w, err := z.Create(part[0])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, part[1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	assertRefused(t, b.Bytes(), source.Limits{}, source.Damaged, sheetPart, "")
}

func TestMissingSheetIsReported(t *testing.T) {
	w, err := openBytes(t, sheetWith(""), source.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.openRows(context.Background(), "data"); source.ReasonOf(err) != source.SheetNotFound {
		t.Errorf("got %v", err)
	}
}

func TestReadErrorsAreNotDamage(t *testing.T) {
	boom := errors.New("the disk is gone")
	file := sheetWith(strings.Repeat("<row><c><v>123456</v></c></row>", 100))
	for after := range 12 {
		r := &failingReader{r: bytes.NewReader(file), left: after, err: boom}
		w, err := Open(context.Background(), r, int64(len(file)), source.Limits{})
		if err == nil {
			_, err = readSheet(w, "Data")
		}
		if err != nil && (!errors.Is(err, boom) || source.ReasonOf(err) != "") {
			t.Errorf("after %d reads: %v", after, err)
		}
		if r.left < 0 && err == nil {
			t.Errorf("after %d reads: no error", after)
		}
	}
}

type failingReader struct {
	r    io.ReaderAt
	left int
	err  error
}

func (f *failingReader) ReadAt(p []byte, off int64) (int, error) {
	if f.left--; f.left < 0 {
		return 0, f.err
	}
	return f.r.ReadAt(p, off)
}
