package xlsx

import (
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/source/cellvalue"

	"headway/services/importer/internal/source/zipxml"
)

// Cell types (ECMA-376 Part 1 §18.18.11, ST_CellType).
type cellType uint8

const (
	typeNumber cellType = iota
	typeShared
	typeInline
	typeFormulaText
	typeBool
	typeError
	typeDate
)

func parseCellType(b []byte) (cellType, bool) {
	switch string(b) {
	case "", "n":
		return typeNumber, true
	case "s":
		return typeShared, true
	case "inlineStr":
		return typeInline, true
	case "str":
		return typeFormulaText, true
	case "b":
		return typeBool, true
	case "e":
		return typeError, true
	case "d":
		return typeDate, true
	}
	return typeNumber, false
}

// readCell reads a cell in any form that XML allows. Its start tag is the current token (ECMA-376 Part 1 §18.3.1.4).
func (r *Rows) readCell() error {
	x := r.x
	col, style, kind, err := r.cellAttrs()
	if err != nil {
		return err
	}
	var rich []byte
	if kind == typeError {
		rich = append(rich, x.Attr("vm")...)
	}
	c := source.Cell{Col: col, Format: r.styles[style]}
	var value, inline []byte
	var hasValue, hasInline bool
	depth := x.Depth()
	for x.Depth() >= depth {
		switch x.Next() {
		case zipxml.Failed, zipxml.EOF:
			return x.Err
		case zipxml.End:
		case zipxml.Text:
			if !zipxml.IsBlank(x.Text) {
				return x.Refusal(source.Damaged, "there is text outside its element")
			}
		case zipxml.Start:
			switch {
			case x.Is("v") && !hasValue:
				hasValue = true
				r.scratch, err = readChars(x, r.scratch[:0])
				value = r.text.Keep(r.scratch)
			case x.Is("is") && !hasInline:
				hasInline = true
				r.scratch, err = readItem(x, r.scratch[:0])
				inline = r.text.Keep(r.scratch)
			case x.Is("f") && !c.HasFormula:
				err = r.readFormula(&c)
			case x.Is("extLst"):
				if !x.Skip() {
					return x.Err
				}
			default:
				return x.Refusal(source.Damaged, "the element %q is not allowed in a cell", zipxml.Clip(x.Local))
			}
			if err != nil {
				return err
			}
		}
	}
	if hasInline && (kind == typeInline || !hasValue) {
		if len(inline) > 0 {
			c.Kind, c.Text = source.Text, inline
		}
		r.add(c)
		return nil
	}
	if err := r.setValue(&c, kind, value); err != nil {
		return err
	}
	if c.HasFormula && (!hasValue || kind != typeFormulaText && kind != typeInline && zipxml.IsBlank(value)) {
		// A blank value is a text, or the formula was never calculated.
		c.Kind = source.FormulaWithoutValue
	}
	if len(rich) > 0 && !r.lazy {
		if err := r.setRich(&c, rich); err != nil {
			return err
		}
	}
	r.add(c)
	return nil
}

// cellAttrs reads a cell's position, style, and type.
func (r *Rows) cellAttrs() (col, style int, kind cellType, err error) {
	x := r.x
	col = r.col + 1
	if ref := x.Attr("r"); len(ref) > 0 {
		c, row, ok := parseRef(ref)
		if n, plain := cellvalue.ParseInt(ref, maxColumn-1); !ok && plain {
			// Some writers number the columns from 0.
			c, row, ok = n+1, r.number, true
		}
		switch {
		case !ok:
			return 0, 0, 0, x.Refusal(source.Damaged, "a cell has the reference %q", zipxml.Clip(ref))
		case row != r.number:
			return 0, 0, 0, x.Refusal(source.Damaged, "the cell %s is in row %d", zipxml.Clip(ref), r.number)
		}
		col = c
	}
	if col <= r.col {
		r.sorted = false
	}
	r.col, r.inCell = col, true
	if len(r.cells)+len(r.blanks) > r.limits.MaxColumns {
		return 0, 0, 0, x.Refusal(source.Damaged, "a row has more cells than columns")
	}
	if col > r.limits.MaxColumns {
		return 0, 0, 0, x.Refusal(source.LimitExceeded, "it has a column %d. The maximum is %d", col, r.limits.MaxColumns)
	}
	if s := x.Attr("s"); len(s) > 0 {
		var ok bool
		if style, ok = cellvalue.ParseInt(s, len(r.styles)-1); !ok {
			return 0, 0, 0, x.Refusal(source.Damaged, "the style %q is not one of the workbook's %d", zipxml.Clip(s), len(r.styles))
		}
	}
	var ok bool
	if kind, ok = parseCellType(x.Attr("t")); !ok {
		return 0, 0, 0, x.Refusal(source.Damaged, "the cell type %q is unknown", zipxml.Clip(x.Attr("t")))
	}
	return col, style, kind, nil
}

// add appends a cell with content.
func (r *Rows) add(c source.Cell) {
	r.inCell = false
	if c.Kind == source.Empty && !c.HasFormula {
		r.blanks = append(r.blanks, c.Col)
		return
	}
	if len(c.Text) > 0 && c.Kind == source.Text {
		if len(c.Text) > source.MaxTextLength {
			c.Text, c.TooLong = source.LimitText(c.Text)
		}
		if c.Text[0] == '=' && isPicture(c.Text) {
			c.Kind, c.Text = source.Object, []byte(picture)
		}
	}
	r.content = r.content || c.Kind != source.Empty
	if len(r.cells) == cap(r.cells) {
		cells := make([]source.Cell, len(r.cells), max(32, 2*cap(r.cells)))
		copy(cells, r.cells)
		r.cells = cells
	}
	r.cells = append(r.cells, c)
}

// setValue sets a cell's kind and text from the characters of its value.
func (r *Rows) setValue(c *source.Cell, kind cellType, value []byte) error {
	if kind == typeFormulaText {
		value = unescape(value)
	} else if kind != typeInline {
		value = zipxml.TrimRight(zipxml.TrimLeft(value))
	}
	if len(value) == 0 {
		return nil
	}
	switch kind {
	case typeInline, typeFormulaText:
		c.Kind, c.Text = source.Text, value
	case typeShared:
		return r.setShared(c, value)
	case typeBool:
		c.Kind = source.Bool
		switch string(value) {
		case "1", "true", "TRUE":
			c.Text = textTrue
		case "0", "false", "FALSE":
			c.Text = textFalse
		default:
			return r.x.Refusal(source.Damaged, "the truth value is %q", zipxml.Clip(value))
		}
	case typeError:
		c.Kind, c.Text = source.ErrorValue, value
	case typeDate:
		c.Kind, c.Text, c.ISO = source.Date, value, true
	case typeNumber:
		r.setNumber(c, value)
	}
	return nil
}

var textTrue, textFalse = []byte("TRUE"), []byte("FALSE")

func (r *Rows) setNumber(c *source.Cell, value []byte) {
	c.Kind, c.Text = source.Number, value
	if c.Format.Kind != source.Plain {
		c.Kind = source.Date
	}
	if cellvalue.IsCanonical(value) {
		return
	}
	var ok bool
	if r.scratch, ok = cellvalue.AppendNumber(r.scratch[:0], value); !ok {
		c.Kind = source.Text // such as "NaN". The caller decides what it means
		return
	}
	c.Text = r.text.Keep(r.scratch)
}

func (r *Rows) setShared(c *source.Cell, value []byte) error {
	if r.lazy {
		i, ok := cellvalue.ParseInt(value, r.limits.MaxSharedStrings-1)
		if !ok {
			return r.x.Refusal(source.Damaged, "the shared string %q is not a number", zipxml.Clip(value))
		}
		c.Kind = source.Text
		r.unresolved = append(r.unresolved, sharedRef{col: c.Col, index: i})
		return nil
	}
	if r.shared == nil {
		shared, err := r.w.sharedStrings(r.ctx)
		if err != nil {
			return err
		}
		r.shared = shared
	}
	i, ok := cellvalue.ParseInt(value, r.shared.n-1)
	if !ok {
		return r.x.Refusal(source.Damaged, "the shared string %q is not one of the workbook's %d", zipxml.Clip(value), r.shared.n)
	}
	var inMemory bool
	if c.Text, c.TooLong, inMemory = r.shared.at(i); !inMemory {
		if err := r.readSpilled(c, i); err != nil {
			return err
		}
	}
	if len(c.Text) > 0 {
		c.Kind = source.Text
	}
	return nil
}

// readSpilled reads a shared string from the file. Cells of a row with the same string share its text.
func (r *Rows) readSpilled(c *source.Cell, i int) error {
	if known, ok := r.spilled[i]; ok {
		c.Text, c.TooLong = known.text, known.tooLong
		return nil
	}
	text, tooLong, err := r.shared.read(i)
	if err != nil {
		return err
	}
	if r.spilledBytes += int64(len(text)); r.spilledBytes > r.limits.MaxRowBytes {
		return r.x.Refusal(source.LimitExceeded, "the texts of a row are longer than %d bytes", r.limits.MaxRowBytes)
	}
	if r.spilled == nil {
		r.spilled = map[int]spilledText{}
	}
	r.spilled[i] = spilledText{text, tooLong}
	c.Text, c.TooLong = text, tooLong
	return nil
}
