package xlsx

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/xml"
	"hash/crc32"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/klauspost/compress/flate"

	"headway/services/importer/internal/source"
)

// The parts of the smallest workbook, which has one sheet named "Data" in xl/worksheets/sheet1.xml, shared strings, and
// styles.
const (
	mainSpace = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"

	minimalTypes = `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">` +
		`<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>` +
		`<Default Extension="xml" ContentType="application/xml"/>` +
		`<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>`

	minimalRels = `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">` +
		`<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>`

	minimalWorkbook = `<workbook xmlns="` + mainSpace + `" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">` +
		`<sheets><sheet name="Data" sheetId="1" r:id="rId1"/></sheets></workbook>`

	minimalWorkbookRels = `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">` +
		`<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/>` +
		`<Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/>` +
		`<Relationship Id="rId3" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings" Target="sharedStrings.xml"/></Relationships>`

	// Style 1 is a date, 2 a time, 3 a date and time, 4 a percentage.
	minimalStyles = `<styleSheet xmlns="` + mainSpace + `"><numFmts count="1"><numFmt numFmtId="164" formatCode="yyyy\-mm\-dd"/></numFmts>` +
		`<cellXfs count="5"><xf numFmtId="0"/><xf numFmtId="164"/><xf numFmtId="21"/><xf numFmtId="22"/><xf numFmtId="9"/></cellXfs></styleSheet>`
)

// parts are a package's files by name.
type parts map[string]string

// workbookWith returns a minimal workbook with the given parts added or replaced. An empty text removes a part.
func workbookWith(p parts) []byte {
	all := parts{
		"[Content_Types].xml":        minimalTypes,
		"_rels/.rels":                minimalRels,
		"xl/workbook.xml":            minimalWorkbook,
		"xl/_rels/workbook.xml.rels": minimalWorkbookRels,
		"xl/styles.xml":              minimalStyles,
		"xl/worksheets/sheet1.xml":   sheetXML(""),
		"xl/sharedStrings.xml":       `<sst xmlns="` + mainSpace + `"/>`,
	}
	for name, text := range p {
		all[name] = text
	}
	return zipOf(all)
}

func zipOf(p parts) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range sortedKeys(p) {
		if p[name] == "" {
			continue
		}
		w, err := z.Create(name)
		if err != nil {
			panic(err)
		}
		if _, err := w.Write([]byte(p[name])); err != nil {
			panic(err)
		}
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// sheetXML wraps rows into a worksheet.
func sheetXML(rows string) string {
	return `<?xml version="1.0" encoding="UTF-8"?><worksheet xmlns="` + mainSpace + `"><sheetData>` + rows + `</sheetData></worksheet>`
}

// sheetWith returns a minimal workbook with these rows.
func sheetWith(rows string) []byte {
	return workbookWith(parts{"xl/worksheets/sheet1.xml": sheetXML(rows)})
}

func stringTable(items ...string) string {
	return `<sst xmlns="` + mainSpace + `">` + strings.Join(items, "") + `</sst>`
}

func escapeText(s string) string {
	var b bytes.Buffer
	if err := xml.EscapeText(&b, []byte(s)); err != nil {
		panic(err)
	}
	return b.String()
}

// openBytes opens a workbook in memory and closes it when the test ends.
func openBytes(t testing.TB, file []byte, limits source.Limits) (*Workbook, error) {
	t.Helper()
	w, err := Open(context.Background(), bytes.NewReader(file), int64(len(file)), limits)
	if err == nil {
		t.Cleanup(func() { _ = w.Close() })
	}
	return w, err
}

func sortedKeys(p parts) []string { return slices.Sorted(maps.Keys(p)) }

// utf16Text writes text in UTF-16, "le" or "be", with a byte order mark unless
// order has "without mark".
func utf16Text(text, order string) string {
	var b []byte
	put := binary.LittleEndian.AppendUint16
	if strings.HasPrefix(order, "be") {
		put = binary.BigEndian.AppendUint16
	}
	if !strings.HasSuffix(order, "without mark") {
		b = put(b, 0xFEFF)
	}
	for _, unit := range utf16.Encode([]rune(text)) {
		b = put(b, unit)
	}
	return string(b)
}

func deflate(text []byte) []byte {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, 6)
	if err != nil {
		panic(err)
	}
	if _, err := w.Write(text); err != nil {
		panic(err)
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func checksum(text []byte) uint32 { return crc32.ChecksumIEEE(text) }
