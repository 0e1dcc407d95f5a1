package xlsxwrite

import (
	"fmt"
	"io"
	"strconv"
)

// Cell is the content of a row in one column. The zero value is not written.
type Cell struct {
	Kind  Kind
	Style StyleID
	// Text is the text, the number in plain digits, "1" or "0" for a boolean, an error such as "#N/A", or a formula
	// without its "=".
	Text string
}

// Kind is the kind of a cell's content (ECMA-376 Part 1 §18.18.11).
type Kind uint8

// The kinds of cells.
const (
	Empty Kind = iota
	Text
	Number
	Bool
	Error
	// FormulaWithoutValue is a formula as written by programs that don't calculate formulas.
	FormulaWithoutValue
)

// Sheet is a sheet that is being written.
type Sheet struct {
	name   string
	number int
	first  bool
	part   io.Writer
	buffer []byte
	row    int
	names  []string // of the columns so far
	ended  bool

	comments  []comment // nil once they are written
	commented bool
}

// flushAt is the number of bytes of XML that are collected before they are compressed.
const flushAt = 64 << 10

func (s *Sheet) begin(o SheetOptions) {
	b := s.buffer
	b = append(b, xmlHead+`<worksheet xmlns="`+mainNamespace+`" xmlns:r="`+relationshipNamespace+`"><sheetViews><sheetView workbookViewId="0">`...)
	if o.FrozenRows > 0 {
		b = fmt.Appendf(b, `<pane ySplit="%d" topLeftCell="A%d" activePane="bottomLeft" state="frozen"/>`, o.FrozenRows, o.FrozenRows+1)
	}
	b = append(b, `</sheetView></sheetViews>`...)
	columns := 0
	for i, w := range o.Widths {
		if w <= 0 {
			continue
		}
		if columns++; columns == 1 {
			b = append(b, `<cols>`...)
		}
		b = fmt.Appendf(b, `<col min="%d" max="%d" width="%g" customWidth="1"/>`, i+1, i+1, w)
	}
	if columns > 0 {
		b = append(b, `</cols>`...)
	}
	b = append(b, `<sheetData>`...)
	s.buffer = b
}

// Rows returns the number of rows so far, which is also the number of the last row.
func (s *Sheet) Rows() int { return s.row }

// Row writes the next row: cells[0] into column A, and so on.
func (s *Sheet) Row(cells []Cell) error {
	s.row++
	for len(s.names) < len(cells) {
		s.names = append(s.names, ColumnName(len(s.names)+1))
	}
	b := s.buffer
	b = append(b, `<row r="`...)
	b = strconv.AppendInt(b, int64(s.row), 10)
	b = append(b, `">`...)
	for i, c := range cells {
		if c == (Cell{}) {
			continue
		}
		b = append(b, `<c r="`...)
		b = append(b, s.names[i]...)
		b = strconv.AppendInt(b, int64(s.row), 10)
		if c.Style != 0 {
			b = append(b, `" s="`...)
			b = strconv.AppendUint(b, uint64(c.Style), 10)
		}
		switch c.Kind {
		case Empty:
			b = append(b, `"/>`...)
		case Text:
			b = append(b, `" t="inlineStr"><is><t xml:space="preserve">`...)
			b = appendString(b, c.Text)
			b = append(b, `</t></is></c>`...)
		case FormulaWithoutValue:
			b = append(b, `"><f>`...)
			b = appendEscaped(b, c.Text)
			b = append(b, `</f></c>`...)
		default:
			b = append(b, [...]string{Number: `"><v>`, Bool: `" t="b"><v>`, Error: `" t="e"><v>`}[c.Kind]...)
			b = appendEscaped(b, c.Text)
			b = append(b, `</v></c>`...)
		}
	}
	b = append(b, `</row>`...)
	s.buffer = b
	if len(s.buffer) < flushAt {
		return nil
	}
	return s.flush()
}

func (s *Sheet) flush() error {
	_, err := s.part.Write(s.buffer)
	s.buffer = s.buffer[:0]
	return err
}

func (s *Sheet) end() error {
	if s.ended {
		return nil
	}
	s.ended = true
	s.buffer = append(s.buffer, `</sheetData>`...)
	if len(s.comments) > 0 {
		s.buffer = append(s.buffer, `<legacyDrawing r:id="rId1"/>`...)
	}
	s.buffer = append(s.buffer, `</worksheet>`...)
	err := s.flush()
	s.buffer = nil
	return err
}
