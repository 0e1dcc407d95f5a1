// Package xlsxwrite streams Office Open XML workbooks (ECMA-376 Part 1 §12.3). Rows are written as they arrive, and
// texts are stored inside their cells, so memory does not grow with the rows. It writes what large workbooks of data
// need, including two features that excelize's stream lacks: cells with errors, and thousands of comments.
package xlsxwrite

import (
	"archive/zip"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/klauspost/compress/flate"
)

// Writer writes a workbook. Its sheets are written one after the other. It is for one goroutine.
type Writer struct {
	zip    *zip.Writer
	styles styles
	sheets []*Sheet
	// Date1904 means that dates count from 1904. It can be set until Close.
	Date1904 bool
	// HiddenName, if set, is a defined name that users do not see, and that programs keep. It can be set until Close.
	HiddenName string
}

const (
	xmlHead               = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n"
	mainNamespace         = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
	relationshipNamespace = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
	packageNamespace      = "http://schemas.openxmlformats.org/package/2006/relationships"
	typesNamespace        = "http://schemas.openxmlformats.org/package/2006/content-types"
	spreadsheetType       = "application/vnd.openxmlformats-officedocument.spreadsheetml."
)

// compression is twice as fast as the default level, with a tenth more output.
const compression = 4

// New returns a Writer of a new workbook.
func New(w io.Writer) *Writer {
	b := &Writer{zip: zip.NewWriter(w), styles: newStyles()}
	b.zip.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, compression) })
	return b
}

// Style returns the number of a style for Cell.Style. Numbers start at 1, and equal styles have the same number. The plain
// style is 0, and so is every style after the first 60,000, because Excel accepts at most 64,000.
func (b *Writer) Style(s Style) StyleID { return b.styles.id(s) }

// SheetOptions describe the appearance of a sheet.
type SheetOptions struct {
	// Widths are the widths of the columns, in characters; 0 means the default.
	Widths []float64
	// FrozenRows is the number of rows that stay visible when scrolling.
	FrozenRows int
	// First makes the sheet the first one, even if it is written last.
	First bool
}

// Sheet ends the current sheet and begins the next one. Excel must accept its name.
func (b *Writer) Sheet(name string, o SheetOptions) (*Sheet, error) {
	if err := b.endSheet(); err != nil {
		return nil, err
	}
	s := &Sheet{name: name, number: len(b.sheets) + 1, first: o.First}
	var err error
	if s.part, err = b.zip.Create(fmt.Sprintf("xl/worksheets/sheet%d.xml", s.number)); err != nil {
		return nil, err
	}
	b.sheets = append(b.sheets, s)
	s.begin(o)
	return s, nil
}

// Close completes the workbook.
func (b *Writer) Close() error {
	if err := b.endSheet(); err != nil {
		return err
	}
	var types, sheets, relationships strings.Builder
	list := func(s *Sheet) {
		fmt.Fprintf(&sheets, `<sheet name="%s" sheetId="%d" r:id="rId%d"/>`, appendEscaped(nil, s.name), s.number, s.number)
	}
	for _, s := range b.sheets {
		if s.first {
			list(s)
		}
	}
	for _, s := range b.sheets {
		if !s.first {
			list(s)
		}
		fmt.Fprintf(&types, `<Override PartName="/xl/worksheets/sheet%d.xml" ContentType="%sworksheet+xml"/>`, s.number, spreadsheetType)
		if s.commented {
			fmt.Fprintf(&types, `<Override PartName="/xl/comments%d.xml" ContentType="%scomments+xml"/>`, s.number, spreadsheetType)
		}
		fmt.Fprintf(&relationships, `<Relationship Id="rId%d" Type="%s/worksheet" Target="worksheets/sheet%d.xml"/>`, s.number, relationshipNamespace, s.number)
	}
	fmt.Fprintf(&relationships, `<Relationship Id="rId%d" Type="%s/styles" Target="styles.xml"/>`, len(b.sheets)+1, relationshipNamespace)
	properties := ""
	if b.Date1904 {
		properties = `<workbookPr date1904="1"/>`
	}
	names := ""
	if b.HiddenName != "" {
		names = `<definedNames><definedName name="` + b.HiddenName + `" hidden="1">TRUE</definedName></definedNames>`
	}
	for _, part := range []struct{ name, body string }{
		{"xl/styles.xml", b.styles.xml()},
		{"xl/workbook.xml", `<workbook xmlns="` + mainNamespace + `" xmlns:r="` + relationshipNamespace + `">` + properties + `<sheets>` + sheets.String() + `</sheets>` + names + `</workbook>`},
		{"xl/_rels/workbook.xml.rels", `<Relationships xmlns="` + packageNamespace + `">` + relationships.String() + `</Relationships>`},
		{"_rels/.rels", `<Relationships xmlns="` + packageNamespace + `"><Relationship Id="rId1" Type="` + relationshipNamespace + `/officeDocument" Target="xl/workbook.xml"/></Relationships>`},
		{"[Content_Types].xml", `<Types xmlns="` + typesNamespace + `">` +
			`<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>` +
			`<Default Extension="vml" ContentType="application/vnd.openxmlformats-officedocument.vmlDrawing"/>` +
			`<Override PartName="/xl/workbook.xml" ContentType="` + spreadsheetType + `sheet.main+xml"/>` +
			`<Override PartName="/xl/styles.xml" ContentType="` + spreadsheetType + `styles+xml"/>` + types.String() + `</Types>`},
	} {
		if err := b.write(part.name, xmlHead+part.body); err != nil {
			return err
		}
	}
	return b.zip.Close()
}

func (b *Writer) write(name, body string) error {
	p, err := b.zip.Create(name)
	if err != nil {
		return err
	}
	_, err = io.WriteString(p, body)
	return err
}

// endSheet ends the current sheet, and writes its comments.
func (b *Writer) endSheet() error {
	if len(b.sheets) == 0 {
		return nil
	}
	s := b.sheets[len(b.sheets)-1]
	if err := s.end(); err != nil {
		return err
	}
	if !s.commented {
		return nil
	}
	if err := b.writeComments(s); err != nil {
		return err
	}
	s.comments = nil
	return b.write(fmt.Sprintf("xl/worksheets/_rels/sheet%d.xml.rels", s.number), xmlHead+`<Relationships xmlns="`+packageNamespace+`">`+
		fmt.Sprintf(`<Relationship Id="rId1" Type="%s/vmlDrawing" Target="../drawings/vmlDrawing%d.vml"/>`, relationshipNamespace, s.number)+
		fmt.Sprintf(`<Relationship Id="rId2" Type="%s/comments" Target="../comments%d.xml"/></Relationships>`, relationshipNamespace, s.number))
}

// ColumnName returns the name of a column: A to Z, AA, and so on. Columns count from 1.
func ColumnName(column int) string {
	column--
	if column < 26 {
		return string(rune('A' + column))
	}
	return ColumnName(column/26) + string(rune('A'+column%26))
}

// CellName returns the address of a cell. Columns and rows count from 1: 4, 4711 → D4711.
func CellName(column, row int) string { return ColumnName(column) + strconv.Itoa(row) }
