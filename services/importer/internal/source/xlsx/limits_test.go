package xlsx

import (
	"archive/zip"
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"headway/services/importer/internal/source"
	"headway/services/importer/internal/source/zipxml"
)

func TestEveryLimitHolds(t *testing.T) {
	row := func(n int) string { return fmt.Sprintf(`<row r="%d"><c><v>1</v></c></row>`, n) }
	long := strings.Repeat("x", 3000)
	const texts = "xl/sharedStrings.xml"
	useText := sheetXML(`<row r="1"><c r="A1" t="s"><v>0</v></c></row>`)
	for name, c := range map[string]struct {
		change parts
		limits source.Limits
		part   string
	}{
		"entries":         {nil, source.Limits{MaxEntries: 6}, ""},
		"part":            {parts{sheetPart: sheetXML(row(1) + strings.Repeat(" ", 3000))}, source.Limits{MaxPartBytes: 3000}, sheetPart},
		"total":           {nil, source.Limits{MaxTotalBytes: 100}, "_rels/.rels"},
		"description":     {nil, source.Limits{MaxDescriptionBytes: 100}, "_rels/.rels"},
		"sheets":          {parts{"xl/workbook.xml": strings.Replace(minimalWorkbook, "</sheets>", `<sheet name="b" r:id="rId1"/></sheets>`, 1)}, source.Limits{MaxSheets: 1}, "xl/workbook.xml"},
		"styles":          {nil, source.Limits{MaxStyles: 4}, "xl/styles.xml"},
		"rows":            {parts{sheetPart: sheetXML(row(11))}, source.Limits{MaxRows: 10}, sheetPart},
		"rows of Excel":   {parts{sheetPart: sheetXML(row(1_048_577))}, source.Limits{}, sheetPart},
		"columns":         {parts{sheetPart: sheetXML(`<row r="1"><c r="E1"><v>1</v></c></row>`)}, source.Limits{MaxColumns: 4}, sheetPart},
		"unnamed columns": {parts{sheetPart: sheetXML(`<row r="1">` + strings.Repeat("<c><v>1</v></c>", 5) + `</row>`)}, source.Limits{MaxColumns: 4}, sheetPart},
		"strings":         {parts{texts: stringTable("<si/>", "<si/>"), sheetPart: useText}, source.Limits{MaxSharedStrings: 1}, texts},
		"string bytes":    {parts{texts: stringTable("<si><t>" + long + "</t></si>"), sheetPart: useText}, source.Limits{MaxSharedStringBytes: 2999}, texts},
		"a string":        {parts{texts: stringTable("<si>" + strings.Repeat("<r><t>"+long[:400]+"</t></r>", 4) + "</si>"), sheetPart: useText}, source.Limits{MaxCellBytes: 1000}, texts},
		"depth":           {parts{sheetPart: `<worksheet xmlns="` + mainSpace + `">` + strings.Repeat("<a>", 10) + strings.Repeat("</a>", 10) + `</worksheet>`}, source.Limits{MaxDepth: 10}, sheetPart},
		"namespaces":      {parts{sheetPart: `<worksheet xmlns="` + mainSpace + `">` + manyNamespaces(100) + `</worksheet>`}, source.Limits{}, sheetPart},
		"shared formulas": {parts{sheetPart: sheetXML(`<row r="1"><c r="A1"><f t="shared" ref="A1:A2" si="0">` + long + `</f></c></row>`)}, source.Limits{MaxSharedFormulaBytes: 3000}, sheetPart},
		"a long cell":     {parts{sheetPart: sheetXML(`<row r="1"><c r="A1" t="inlineStr"><is><t>` + strings.Repeat("y", 3*zipxml.BlockSize) + `</t></is></c></row>`)}, source.Limits{MaxCellBytes: zipxml.BlockSize}, sheetPart},
		"a long tag":      {parts{sheetPart: `<worksheet xmlns="` + mainSpace + `" a="` + strings.Repeat("y", 3*zipxml.BlockSize) + `"/>`}, source.Limits{MaxCellBytes: zipxml.BlockSize}, sheetPart},
		"a long comment":  {parts{sheetPart: `<worksheet xmlns="` + mainSpace + `"><!--` + strings.Repeat("y", 3*zipxml.BlockSize) + `--></worksheet>`}, source.Limits{MaxCellBytes: zipxml.BlockSize}, sheetPart},
		"a long row":      {parts{sheetPart: sheetXML(`<row r="1">` + strings.Repeat(`<c><v>1</v></c>`, 9000) + strings.Repeat(" ", 2*zipxml.BlockSize) + `</row>`)}, source.Limits{MaxRowBytes: 1000}, sheetPart},
	} {
		t.Run(name, func(t *testing.T) {
			assertRefused(t, workbookWith(c.change), c.limits, source.LimitExceeded, c.part, "")
		})
	}
}

// manyNamespaces nests two elements that declare n namespaces each.
func manyNamespaces(n int) string {
	var a, b strings.Builder
	for i := range n {
		fmt.Fprintf(&a, ` xmlns:a%d="u"`, i)
		fmt.Fprintf(&b, ` xmlns:b%d="u"`, i)
	}
	return "<a" + a.String() + "><b" + b.String() + "/></a>"
}

func TestZipBombIsRefusedAtOpening(t *testing.T) {
	text := bytes.Repeat([]byte(" "), 64<<20)
	file := packed(t, zip.Deflate, deflate(text), checksum(text), uint64(len(text)))
	if _, err := openBytes(t, file, source.Limits{}); source.ReasonOf(err) != source.LimitExceeded {
		t.Errorf("got %v", err)
	}
}

func TestBombStopsAtItsStatedSize(t *testing.T) {
	text := bytes.Repeat([]byte(" "), 64<<20)
	file := packed(t, zip.Deflate, deflate(text), checksum(text), 1000)
	assertRefused(t, file, source.Limits{}, source.Damaged, sheetPart, "byte")
}

func TestUnreadPartsCostNothing(t *testing.T) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	if _, err := z.CreateRaw(&zip.FileHeader{Name: "docProps/core.xml", Method: zip.Deflate, UncompressedSize64: 1 << 40}); err != nil {
		t.Fatal(err)
	}
	sound := workbookWith(parts{sheetPart: sheetXML(`<row r="1"><c r="A1"><v>1</v></c></row>`)})
	from, err := zip.NewReader(bytes.NewReader(sound), int64(len(sound)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range from.File {
		if err := z.Copy(f); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if cells, err := readFile(t, b.Bytes(), source.Limits{}); err != nil || cells != 1 {
		t.Errorf("got %v, %v", cells, err)
	}
}

func TestTooLongDirectoryIsRefused(t *testing.T) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := range 40_000 {
		if _, err := z.CreateRaw(&zip.FileHeader{Name: fmt.Sprintf("%0100d", i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := openBytes(t, b.Bytes(), source.Limits{MaxEntries: 100}); source.ReasonOf(err) != source.LimitExceeded {
		t.Errorf("got %v", err)
	}
}

func TestPackagesInTheLargeFormOfZipAreRead(t *testing.T) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	sound := unpack(sheetWith(`<row r="1"><c r="A1"><v>1</v></c></row>`))
	for i := range 66_000 { // more than the small form of a zip archive can count
		if _, err := z.CreateRaw(&zip.FileHeader{Name: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range sound {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(b.Bytes(), []byte("PK\x06\x07")) {
		t.Fatal("the file has no zip64 locator")
	}
	if n, err := readFile(t, b.Bytes(), source.Limits{MaxEntries: 70_000}); n != 1 || err != nil {
		t.Errorf("%d cells, %v", n, err)
	}
}

func TestSheetCostsItsContentNotItsDimension(t *testing.T) {
	sheet := `<worksheet xmlns="` + mainSpace + `"><dimension ref="A1:XFD1048576"/><sheetData>` +
		`<row r="1"><c r="A1" t="s"><v>0</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData></worksheet>`
	file := workbookWith(parts{sheetPart: sheet,
		"xl/sharedStrings.xml": `<sst xmlns="` + mainSpace + `" count="4000000000" uniqueCount="4000000000"><si><t>a</t></si></sst>`})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	n, err := readFile(t, file, source.Limits{})
	runtime.ReadMemStats(&after)
	if n != 2 || err != nil {
		t.Errorf("%d cells, %v", n, err)
	}
	if cost := after.TotalAlloc - before.TotalAlloc; cost > 2<<20 {
		t.Errorf("two cells cost %d bytes", cost)
	}
}

func TestImpossibleLimitsAreReported(t *testing.T) {
	if err := source.DefaultLimits().Validate(); err != nil {
		t.Error(err)
	}
	if err := (source.Limits{}).Validate(); err != nil {
		t.Error(err)
	}
	for _, l := range []source.Limits{{MaxRows: 1 << 21}, {MaxColumns: -1}, {MaxCellBytes: 1 << 30}, {MaxDepth: -5}} {
		if err := l.Validate(); err == nil {
			t.Errorf("%+v counts as valid", l)
		}
		if _, err := openBytes(t, sheetWith(""), l); err == nil {
			t.Errorf("%+v opens a workbook", l)
		}
	}
}
