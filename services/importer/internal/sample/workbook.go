package sample

import (
	"archive/zip"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/klauspost/compress/flate"

	"headway/services/importer/internal/schema"
)

// cell is what a row holds in one column. Its zero value is an empty cell, which is not written.
type cell struct {
	kind  cellKind
	style style
	// text is the text, the number as it is written in XML, "1" or "0" for a boolean, an error, or a formula.
	text string
}

type cellKind uint8

// The kinds of cells (ECMA-376 Part 1 §18.18.11).
const (
	empty cellKind = iota
	inlineText
	number
	boolean
	errorValue
	formulaWithoutValue
)

type style uint8

// The styles, which are indexes into cellXfs of stylesXML.
const (
	general style = iota
	header
	dateStyle
	timeStyle
	dateTimeStyle
	decimalStyle
	textStyle
	integerStyle
)

// workbook writes an Office Open XML spreadsheet (ECMA-376 Part 1 §12.3), one part after the other. Texts stand in
// their cells (t="inlineStr"), so that nothing has to be kept until the end.
type workbook struct {
	zip    *zip.Writer
	sheets int
}

const xmlHead = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n"

const (
	mainNamespace         = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
	relationshipNamespace = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
	packageNamespace      = "http://schemas.openxmlformats.org/package/2006/relationships"
	contentTypes          = "http://schemas.openxmlformats.org/package/2006/content-types"
	spreadsheetType       = "application/vnd.openxmlformats-officedocument.spreadsheetml."
)

const stylesXML = xmlHead + `<styleSheet xmlns="` + mainNamespace + `">` +
	`<numFmts count="2"><numFmt numFmtId="164" formatCode="yyyy\-mm\-dd"/><numFmt numFmtId="165" formatCode="yyyy\-mm\-dd\ hh:mm"/></numFmts>` +
	`<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts>` +
	`<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>` +
	`<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>` +
	`<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>` +
	`<cellXfs count="8">` +
	`<xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>` +
	`<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/>` +
	`<xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>` +
	`<xf numFmtId="20" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>` +
	`<xf numFmtId="165" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>` +
	`<xf numFmtId="4" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>` +
	`<xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>` +
	`<xf numFmtId="1" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>` +
	`</cellXfs><cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>`

// newWorkbook writes all parts but the sheets.
func newWorkbook(w io.Writer, s *schema.Schema) (*workbook, error) {
	b := &workbook{zip: zip.NewWriter(w)}
	b.zip.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, 4) })

	var types, sheets, relationships strings.Builder
	for i, sheet := range s.Sheets {
		n := i + 1
		fmt.Fprintf(&types, `<Override PartName="/xl/worksheets/sheet%d.xml" ContentType="%sworksheet+xml"/>`, n, spreadsheetType)
		fmt.Fprintf(&sheets, `<sheet name="%s" sheetId="%d" r:id="rId%d"/>`, appendEscaped(nil, sheet.Title), n, n)
		fmt.Fprintf(&relationships, `<Relationship Id="rId%d" Type="%s/worksheet" Target="worksheets/sheet%d.xml"/>`, n, relationshipNamespace, n)
	}
	fmt.Fprintf(&relationships, `<Relationship Id="rId%d" Type="%s/styles" Target="styles.xml"/>`, len(s.Sheets)+1, relationshipNamespace)
	for _, part := range []struct{ name, body string }{
		{"[Content_Types].xml", xmlHead + `<Types xmlns="` + contentTypes + `">` +
			`<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>` +
			`<Override PartName="/xl/workbook.xml" ContentType="` + spreadsheetType + `sheet.main+xml"/>` +
			`<Override PartName="/xl/styles.xml" ContentType="` + spreadsheetType + `styles+xml"/>` + types.String() + `</Types>`},
		{"_rels/.rels", xmlHead + `<Relationships xmlns="` + packageNamespace + `">` +
			`<Relationship Id="rId1" Type="` + relationshipNamespace + `/officeDocument" Target="xl/workbook.xml"/></Relationships>`},
		{"xl/workbook.xml", xmlHead + `<workbook xmlns="` + mainNamespace + `" xmlns:r="` + relationshipNamespace + `"><sheets>` + sheets.String() + `</sheets></workbook>`},
		{"xl/_rels/workbook.xml.rels", xmlHead + `<Relationships xmlns="` + packageNamespace + `">` + relationships.String() + `</Relationships>`},
		{"xl/styles.xml", stylesXML},
	} {
		p, err := b.zip.Create(part.name)
		if err != nil {
			return nil, err
		}
		if _, err := io.WriteString(p, part.body); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// Close writes the zip's directory.
func (b *workbook) Close() error { return b.zip.Close() }

// sheetWriter writes the rows of one sheet.
type sheetWriter struct {
	part    io.Writer
	buffer  []byte
	columns []string // A, B, C …
	row     int      // the last row written
}

// flushAt is how many bytes of XML are gathered before they are compressed.
const flushAt = 64 << 10

// sheet begins the next sheet, of so many rows with the header, and writes its header.
func (b *workbook) sheet(s *schema.Sheet, rows int) (*sheetWriter, error) {
	b.sheets++
	part, err := b.zip.Create("xl/worksheets/sheet" + strconv.Itoa(b.sheets) + ".xml")
	if err != nil {
		return nil, err
	}
	w := &sheetWriter{part: part, buffer: make([]byte, 0, flushAt+16<<10)}
	headers := make([]cell, len(s.Columns))
	for i, c := range s.Columns {
		w.columns = append(w.columns, columnLetters(i))
		headers[i] = cell{kind: inlineText, style: header, text: c.Title}
	}
	w.buffer = append(w.buffer, xmlHead+`<worksheet xmlns="`+mainNamespace+`">`...)
	w.buffer = fmt.Appendf(w.buffer, `<dimension ref="A1:%s%d"/>`, w.columns[len(w.columns)-1], rows)
	w.buffer = append(w.buffer, `<sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>`...)
	w.buffer = fmt.Appendf(w.buffer, `<cols><col min="1" max="%d" width="18" customWidth="1"/></cols><sheetData>`, len(s.Columns))
	return w, w.write(headers)
}

// write writes the next row.
func (w *sheetWriter) write(cells []cell) error {
	w.row++
	b := append(w.buffer, `<row r="`...)
	b = strconv.AppendInt(b, int64(w.row), 10)
	b = append(b, `">`...)
	for i, c := range cells {
		if c.kind == empty {
			continue
		}
		b = append(b, `<c r="`...)
		b = append(b, w.columns[i]...)
		b = strconv.AppendInt(b, int64(w.row), 10)
		if c.style != general {
			b = append(b, `" s="`...)
			b = strconv.AppendUint(b, uint64(c.style), 10)
		}
		switch c.kind {
		case inlineText:
			b = append(b, `" t="inlineStr"><is><t xml:space="preserve">`...)
			b = appendEscaped(b, c.text)
			b = append(b, `</t></is></c>`...)
		case formulaWithoutValue:
			b = append(b, `"><f>`...)
			b = appendEscaped(b, c.text)
			b = append(b, `</f></c>`...)
		default:
			b = append(b, [...]string{number: `"><v>`, boolean: `" t="b"><v>`, errorValue: `" t="e"><v>`}[c.kind]...)
			b = append(b, c.text...)
			b = append(b, `</v></c>`...)
		}
	}
	w.buffer = append(b, `</row>`...)
	if len(w.buffer) < flushAt {
		return nil
	}
	return w.flush()
}

func (w *sheetWriter) flush() error {
	_, err := w.part.Write(w.buffer)
	w.buffer = w.buffer[:0]
	return err
}

// end writes what comes after the rows.
func (w *sheetWriter) end() error {
	w.buffer = append(w.buffer, `</sheetData></worksheet>`...)
	return w.flush()
}

// columnLetters names a column, from 0: A … Z, AA …
func columnLetters(i int) string {
	if i < 26 {
		return string(rune('A' + i))
	}
	return columnLetters(i/26-1) + string(rune('A'+i%26))
}

// appendEscaped appends a text as XML character data that is also right within an attribute.
func appendEscaped(b []byte, s string) []byte {
	for _, r := range s {
		switch r {
		case '&':
			b = append(b, "&amp;"...)
		case '<':
			b = append(b, "&lt;"...)
		case '>':
			b = append(b, "&gt;"...)
		case '"':
			b = append(b, "&quot;"...)
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return b
}
