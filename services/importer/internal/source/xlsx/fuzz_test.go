package xlsx

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"headway/services/importer/internal/source"
	"headway/services/importer/internal/source/zipxml"
)

// fuzzLimits limit the cost of one input.
var fuzzLimits = source.Limits{MaxPartBytes: 1 << 20, MaxTotalBytes: 4 << 20, MaxDescriptionBytes: 1 << 20}

// FuzzFile reads files with changed bytes. Each has the same cells as in excelize, or is rejected.
func FuzzFile(f *testing.F) {
	for _, file := range corpusFiles(f) {
		if len(file) < 12_000 {
			f.Add(file)
		}
	}
	f.Add(compoundFile("Root Entry", "EncryptedPackage"))
	f.Add([]byte("a,b\n1,2\n"))
	f.Fuzz(func(t *testing.T, file []byte) { assertReadOrRefused(t, file) })
}

// FuzzParts reads workbooks whose parts are changed and packed again, so that
// their checksums are correct.
func FuzzParts(f *testing.F) {
	for _, file := range corpusFiles(f) {
		if p := unpack(file); p != nil && len(p[sheetPart]) < 8_000 && len(p["xl/sharedStrings.xml"]) < 8_000 && len(p["xl/styles.xml"]) < 8_000 {
			f.Add(p[sheetPart], p["xl/sharedStrings.xml"], p["xl/styles.xml"], p["xl/workbook.xml"])
		}
	}
	f.Add(sheetXML(`<row r="1"><c r="A1" t="s"><v>0</v></c><c><f>A1</f><v>1.50</v></c></row>`), stringTable("<si><t>a_x000D_</t></si>"), minimalStyles, minimalWorkbook)
	f.Fuzz(func(t *testing.T, sheet, texts, styles, workbook string) {
		if len(sheet)+len(texts)+len(styles)+len(workbook) > 1<<18 {
			return
		}
		if !strings.Contains(workbook, "rId1") || strings.Count(workbook, "sheet") > 100 {
			workbook = minimalWorkbook
		}
		assertReadOrRefused(t, zipOf(parts{
			"[Content_Types].xml": minimalTypes, "_rels/.rels": minimalRels,
			"xl/_rels/workbook.xml.rels": minimalWorkbookRels, "xl/workbook.xml": workbook,
			"xl/styles.xml": styles, sheetPart: sheet, "xl/sharedStrings.xml": texts,
		}))
	})
}

// assertReadOrRefused reads a file with both readers. Ours must reject it, or return the same cells. If it reads the
// file, the XML must be well-formed.
func assertReadOrRefused(t *testing.T, file []byte) {
	t.Helper()
	w, err := openBytes(t, file, fuzzLimits)
	if err != nil {
		assertRefusal(t, err)
		return
	}
	for _, s := range w.Sheets() {
		cells, err := readSheet(w, s.Name)
		w.pack.Slow = true
		again, errAgain := readSheet(w, s.Name)
		w.pack.Slow = false
		if (err == nil) != (errAgain == nil) || source.ReasonOf(err) != source.ReasonOf(errAgain) {
			t.Fatalf("with shortcuts %v, without %v", err, errAgain)
		}
		if err != nil {
			assertRefusal(t, err)
			return
		}
		if len(cells) != len(again) {
			t.Fatalf("with shortcuts %v, without %v", cells, again)
		}
		for i := range cells {
			if cells[i] != again[i] {
				t.Fatalf("with shortcuts %v, without %v", cells[i], again[i])
			}
		}
	}
	var texts []plainItem
	if w.shared != nil && w.texts != nil {
		texts = plainTexts(t, assertSound(t, w, w.texts.Name))
	}
	// Without limits, excelize allocates the declared size, even for parts that are not read.
	f, err := excelize.OpenReader(bytes.NewReader(file), excelize.Options{
		UnzipSizeLimit: fuzzLimits.MaxTotalBytes, UnzipXMLSizeLimit: fuzzLimits.MaxTotalBytes,
	})
	if err != nil || w.part != "xl/workbook.xml" || w.texts != nil && w.texts.Name != "xl/sharedStrings.xml" {
		f = nil // excelize requires parts in their usual places, and attributes of the right type
	} else {
		defer f.Close()
	}
	for i, name := range w.parts {
		if name == "" {
			continue
		}
		sheet := w.sheets[i].Name
		cells, err := readSheet(w, sheet)
		if err != nil {
			t.Fatal(err)
		}
		plain, ordered := plainSheet(t, assertSound(t, w, name), texts)
		compareSheet(t, sheet, cells, plain)
		if f == nil || !ordered {
			continue // excelize shifts cells that are out of order
		}
		theirs, err := oracleSheet(f, sheet)
		if err != nil {
			continue
		}
		for ref, raw := range plain {
			noIndex := len(texts) > 0 && strings.TrimSpace(raw) == "" && theirs[ref] == texts[0].text()
			if theirs[ref] == "" || noIndex {
				// excelize silently drops a cell with an unusual attribute, and uses the first shared string if there
				// is no index.
				theirs[ref] = raw
			}
		}
		compareSheet(t, sheet, cells, theirs)
	}
}

func assertRefusal(t *testing.T, err error) {
	t.Helper()
	var refusal *source.Error
	if !errors.As(err, &refusal) || refusal.Reason == "" || strings.HasPrefix(refusal.Error(), ". ") {
		t.Fatalf("not a refusal: %v", err)
	}
}

// assertSound reads a part that our reader has read with the standard library, for which it must be well-formed, and
// returns its text.
func assertSound(t *testing.T, w *Workbook, name string) string {
	t.Helper()
	src, err := w.pack.Open(w.pack.Find(name))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(zipxml.NewDecoder(src))
	if err != nil {
		t.Fatal(err)
	}
	d := xml.NewDecoder(bytes.NewReader(text))
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return string(text)
		} else if err != nil {
			t.Fatalf("ours reads %s, encoding/xml says %v: %q", name, err, text)
		}
	}
}

// plainItem, plainCell, and plainWorksheet are read by encoding/xml, without types or indices. They are a third
// implementation to compare with, in addition to ours and excelize's.
type plainItem struct {
	T string   `xml:"t"`
	R []string `xml:"r>t"`
}

type plainCell struct {
	R  string    `xml:"r,attr"`
	T  string    `xml:"t,attr"`
	V  *string   `xml:"v"`
	IS plainItem `xml:"is"`
}

type plainWorksheet struct {
	Rows []struct {
		R     string      `xml:"r,attr"`
		Cells []plainCell `xml:"c"`
	} `xml:"sheetData>row"`
}

func plainTexts(t *testing.T, text string) []plainItem {
	t.Helper()
	var table struct {
		Items []plainItem `xml:"si"`
	}
	if err := xml.NewDecoder(strings.NewReader(utf8Declared(text))).Decode(&table); err != nil {
		t.Fatal(err)
	}
	return table.Items
}

func plainSheet(t *testing.T, text string, texts []plainItem) (cells map[string]string, ordered bool) {
	t.Helper()
	var sheet plainWorksheet
	if err := xml.NewDecoder(strings.NewReader(utf8Declared(text))).Decode(&sheet); err != nil {
		t.Fatal(err)
	}
	cells, ordered = map[string]string{}, true
	number := 0
	for _, row := range sheet.Rows {
		number++
		if n, err := strconv.Atoi(row.R); err == nil {
			number = n
		}
		col := 0
		for _, c := range row.Cells {
			col++
			if n, _, ok := parseRef([]byte(c.R)); ok {
				ordered = ordered && n >= col
				col = n
			} else if n, err := strconv.Atoi(c.R); err == nil {
				ordered, col = false, n+1 // a column that counts from 0, which only ours reads
			}
			cells[source.CellName(col, number)] = c.value(texts)
		}
	}
	return cells, ordered
}

func (c plainCell) value(texts []plainItem) string {
	if c.T == "inlineStr" || c.V == nil {
		if text := c.IS.text(); text != "" || c.V == nil {
			return text
		}
	}
	if i, err := strconv.Atoi(strings.TrimSpace(*c.V)); c.T == "s" && err == nil {
		return texts[i].text()
	}
	return *c.V
}

func (i plainItem) text() string { return expand(i.T + strings.Join(i.R, "")) }

// utf8Declared removes the XML declaration, whose encoding no longer applies.
func utf8Declared(text string) string {
	if rest, ok := strings.CutPrefix(text, "<?xml"); ok {
		if _, rest, ok := strings.Cut(rest, "?>"); ok {
			return rest
		}
	}
	return text
}

// unpack returns the parts of a package, or nil if it is corrupt.
func unpack(file []byte) parts {
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return nil
	}
	p := parts{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			return nil
		}
		text, err := io.ReadAll(r)
		if err != nil {
			return nil
		}
		p[f.Name] = string(text)
		_ = r.Close()
	}
	return p
}
