package xlsx

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
)

// fuzzLimits keep one input cheap.
var fuzzLimits = Limits{MaxPartBytes: 1 << 20, MaxTotalBytes: 4 << 20, MaxDescriptionBytes: 1 << 20}

// FuzzFile reads files whose bytes are changed: each gives the cells that
// excelize finds, or a refusal.
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

// FuzzParts reads workbooks whose parts are changed and packed anew, so that
// their checksums are right.
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

// assertReadOrRefused reads a file with both readers. Ours must refuse, or
// give what the other one gives; where it reads, the XML it read is sound.
func assertReadOrRefused(t *testing.T, file []byte) {
	t.Helper()
	w, err := openBytes(t, file, fuzzLimits)
	if err != nil {
		assertRefusal(t, err)
		return
	}
	for _, s := range w.Sheets() {
		cells, err := readSheet(w, s.Name)
		w.pack.slow = true
		again, errAgain := readSheet(w, s.Name)
		w.pack.slow = false
		if (err == nil) != (errAgain == nil) || ReasonOf(err) != ReasonOf(errAgain) {
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
	sound := true
	for _, name := range w.parts {
		if emptyStyle.MatchString(assertSound(t, w, name)) {
			sound = false
		}
	}
	if w.shared != nil && w.texts != nil {
		assertSound(t, w, w.texts.name)
	}
	if !sound || !excelizeReads(w) {
		return
	}
	if err := compareFile(t, file); err != nil && !errors.Is(err, errOracle) {
		assertRefusal(t, err)
	}
}

// emptyStyle makes excelize give a cell up.
var emptyStyle = regexp.MustCompile(`\ss\s*=\s*(""|'')`)

func assertRefusal(t *testing.T, err error) {
	t.Helper()
	var refusal *Error
	if !errors.As(err, &refusal) || headline[refusal.Reason] == "" {
		t.Fatalf("not a refusal: %v", err)
	}
}

// assertSound reads a part that ours has read with the standard library, which
// must not find it malformed, and returns its text.
func assertSound(t *testing.T, w *Workbook, name string) string {
	t.Helper()
	src, err := w.pack.open(w.pack.find(name))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(newDecoder(src))
	if err != nil {
		t.Fatal(err)
	}
	d := xml.NewDecoder(bytes.NewReader(text))
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	for {
		if _, err := d.Token(); err == io.EOF {
			return string(text)
		} else if err != nil {
			t.Fatalf("ours reads %s, encoding/xml says %v: %q", name, err, text)
		}
	}
}

// excelizeReads tells whether the workbook is one that excelize reads whole:
// it wants parts in their usual places, and does not see what is odd about
// them.
func excelizeReads(w *Workbook) bool {
	return w.part == "xl/workbook.xml" && (w.texts == nil || w.texts.name == "xl/sharedStrings.xml")
}

// unpack returns the parts of a package, or nil if it is broken.
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
