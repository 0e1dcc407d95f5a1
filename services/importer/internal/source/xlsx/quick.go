package xlsx

import (
	"bytes"
	"encoding/binary"

	"headway/services/importer/internal/source"
	"headway/services/importer/internal/source/cellvalue"
	"headway/services/importer/internal/source/zipxml"
)

// This file reads the usual forms of rows, cells, and strings without the scanner's generality: names without a prefix,
// attributes in Excel's order and in double quotes, content in one run. It leaves everything unusual to the scanner, from
// the start of the element, as if nothing had been read. So it is a shortcut, never a second interpretation.
//
// Length: it is one state machine, whose functions continue at each other's offsets.

type quickResult uint8

const (
	quickRead    quickResult = iota // an element was read
	quickEnd                        // the end of the elements was read
	quickUnusual                    // left to the scanner
	quickShort                      // the buffer might end inside the element
)

// quickAhead is the maximum number of bytes of a start tag in the usual form. The shortcut is tried only if the buffer
// has that many.
const quickAhead = 256

// quickRowStart reads a row's start tag. It reads a row without cells completely, and returns quickEnd.
func (r *Rows) quickRowStart() (quickResult, error) {
	x := r.x
	for len(x.Buf)-x.Pos < quickAhead && x.More(x.Pos) {
	}
	b, p := x.Buf, x.Pos
	for p < len(b) && zipxml.IsSpace(b[p]) {
		p++
	}
	i := p + len("<row")
	if i >= len(b) || string(b[p:i]) != "<row" {
		return quickUnusual, nil
	}
	var ref []byte
	hidden, flat := false, false
	for seen := uint(0); ; {
		if i+1 >= len(b) {
			return quickUnusual, nil
		}
		if b[i] == '>' || b[i] == '/' && b[i+1] == '>' {
			break
		}
		name, value, end := quickAttr(b, i)
		if end == 0 {
			return quickUnusual, nil
		}
		i = end
		bit := uint(0)
		switch string(name) {
		case "r":
			bit, ref = 1, value
		case "hidden":
			bit, hidden = 2, zipxml.Bool(value)
		case "spans":
			bit = 4
		case "ht":
			bit, flat = 8, isZeroSize(value)
		case "customHeight":
			bit = 16
		case "s":
			bit = 32
		case "customFormat":
			bit = 64
		case "x14ac:dyDescent":
			bit = 128
		case "outlineLevel":
			bit = 256
		case "collapsed":
			bit = 512
		case "thickBot":
			bit = 1024
		case "thickTop":
			bit = 2048
		}
		if bit == 0 || seen&bit != 0 {
			return quickUnusual, nil
		}
		seen |= bit
	}
	if err := r.beginRow(ref, hidden || flat); err != nil {
		return quickUnusual, err
	}
	if b[i] == '/' {
		x.Pos = i + 2
		return quickEnd, nil
	}
	x.Pos = i + 1
	x.Push(rowName)
	return quickRead, nil
}

var rowName = []byte("row")

// quickAttr reads the attribute that follows the space at b[i], and returns
// the index after it, or 0 if it is unusual.
func quickAttr(b []byte, i int) (name, value []byte, end int) {
	if b[i] != ' ' {
		return nil, nil, 0
	}
	i++
	start := i
	for i < len(b) && b[i] != '=' {
		if b[i] <= ' ' || b[i] == '>' {
			return nil, nil, 0
		}
		i++
	}
	if i+1 >= len(b) || b[i+1] != '"' {
		return nil, nil, 0
	}
	name = b[start:i]
	i += 2
	for start = i; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return name, b[start:i], i + 1
		case charClasses[c] != 0 || c == '\n' || c == '\t':
			return nil, nil, 0
		}
	}
	return nil, nil, 0
}

// quickCells reads cells until one is unusual. It returns true if it has read the end of the row.
func (r *Rows) quickCells() bool {
	x := r.x
	for {
		next, result := r.quickCell(x.Buf, x.Pos)
		switch result {
		case quickRead:
			x.Pos = next
			continue
		case quickEnd:
			x.Pos = next
			x.Pop()
			return true
		case quickUnusual, quickShort:
		}
		if result == quickUnusual && (x.Ended || len(x.Buf)-x.Pos >= 2*quickAhead) || !x.More(x.Pos) {
			return false
		}
		if x.Err = r.checkRow(); x.Err != nil {
			return false
		}
	}
}

const (
	endValue  = "</v></c>"
	endInline = "</t></is></c>"
)

var endValueWord = binary.LittleEndian.Uint64([]byte(endValue))

// quickCell reads the cell at b[p] and returns the index after it.
func (r *Rows) quickCell(b []byte, p int) (next int, result quickResult) {
	for p < len(b) && zipxml.IsSpace(b[p]) {
		p++
	}
	if len(b)-p < quickAhead/2 {
		if bytes.HasPrefix(b[p:], []byte("</row>")) {
			return p + len("</row>"), quickEnd
		}
		return p, quickShort
	}
	if b[p] != '<' || b[p+1] != 'c' {
		if string(b[p:p+len("</row>")]) == "</row>" {
			return p + len("</row>"), quickEnd
		}
		return p, quickUnusual
	}
	i := p + 2
	col := r.col + 1
	if string(b[i:i+4]) == ` r="` {
		i += 4
		col = 0
		for n := 0; n < 3; n++ {
			c := b[i] - 'A'
			if c > 25 {
				break
			}
			col = col*26 + int(c) + 1
			i++
		}
		d := len(r.digits)
		if col <= r.col || string(b[i:i+d]) != string(r.digits) || b[i+d] != '"' {
			return p, quickUnusual
		}
		i += d + 1
	}
	if col > r.limits.MaxColumns {
		return p, quickUnusual
	}
	style, kind, i := r.quickStyleAndType(b, i)
	if i == 0 {
		return p, quickUnusual
	}
	if b[i] == '/' && b[i+1] == '>' {
		r.col = col
		r.blanks = append(r.blanks, col)
		return i + 2, quickRead
	}
	if b[i] != '>' {
		return p, quickUnusual
	}
	i++
	c := source.Cell{Col: col, Format: r.styles[style]}
	if string(b[i:i+3]) == "<f>" {
		end, class := textEnd(b, i+3)
		if end < 0 || len(b)-end < quickAhead/4 {
			return p, shortIf(class&classOdd == 0)
		}
		if class&classOdd != 0 || string(b[end:end+4]) != "</f>" {
			return p, quickUnusual
		}
		formula, ok := r.decode(b[i+3:end], class)
		if !ok {
			return p, quickUnusual
		}
		r.addFormula(&c, rowFormula{text: formula})
		i = end + 4
	}
	if string(b[i:i+3]) == "<v>" {
		return r.quickValue(&c, kind, b, p, i+3)
	}
	if kind == typeInline && string(b[i:i+4]) == "<is>" && !c.HasFormula {
		return r.quickInline(&c, b, p, i+4)
	}
	return p, quickUnusual
}

// quickStyleAndType reads the attributes s and t at b[i], in any order, and
// returns the index after them, or 0 if they are unusual.
func (r *Rows) quickStyleAndType(b []byte, i int) (style int, kind cellType, end int) {
	typed := string(b[i:i+4]) == ` t="`
	if typed {
		if kind, i = quickType(b, i+4); i == 0 {
			return 0, 0, 0
		}
	}
	if string(b[i:i+4]) == ` s="` {
		start := i + 4
		for i = start; i-start < 7 && b[i]-'0' <= 9; i++ {
			style = style*10 + int(b[i]-'0')
		}
		if b[i] != '"' || i == start || style >= len(r.styles) {
			return 0, 0, 0
		}
		i++
		if !typed && string(b[i:i+4]) == ` t="` {
			if kind, i = quickType(b, i+4); i == 0 {
				return 0, 0, 0
			}
		}
	}
	return style, kind, i
}

func quickType(b []byte, i int) (kind cellType, end int) {
	switch {
	case b[i] == 's' && b[i+1] == '"':
		return typeShared, i + 2
	case string(b[i:i+10]) == `inlineStr"`:
		return typeInline, i + 10
	case string(b[i:i+4]) == `str"`:
		return typeFormulaText, i + 4
	case b[i] == 'n' && b[i+1] == '"':
		return typeNumber, i + 2
	case b[i] == 'b' && b[i+1] == '"':
		return typeBool, i + 2
	case b[i] == 'e' && b[i+1] == '"':
		return typeError, i + 2
	}
	return 0, 0
}

// quickValue reads the value at b[i] and the end of the cell that began at p.
func (r *Rows) quickValue(c *source.Cell, kind cellType, b []byte, p, i int) (next int, result quickResult) {
	if kind == typeShared {
		n, start := 0, i
		for i < len(b) && b[i]-'0' <= 9 && i-start < 10 {
			n = n*10 + int(b[i]-'0')
			i++
		}
		if len(b)-i < len(endValue) {
			return p, quickShort
		}
		if i == start || binary.LittleEndian.Uint64(b[i:]) != endValueWord || r.shared == nil || n >= r.shared.n {
			return p, quickUnusual
		}
		var ok bool
		if c.Text, c.TooLong, ok = r.shared.at(n); !ok {
			return p, quickUnusual
		}
		if len(c.Text) > 0 {
			c.Kind = source.Text
		}
		r.col = c.Col
		r.add(*c)
		return i + len(endValue), quickRead
	}
	end, class := textEnd(b, i)
	if end < 0 || len(b)-end < len(endValue) {
		return p, shortIf(class&classOdd == 0)
	}
	if class&classOdd != 0 || binary.LittleEndian.Uint64(b[end:]) != endValueWord {
		return p, quickUnusual
	}
	value := b[i:end]
	if c.HasFormula && kind != typeFormulaText && zipxml.IsBlank(value) {
		return p, quickUnusual
	}
	switch {
	case kind == typeNumber && class == 0 && cellvalue.IsCanonical(value):
		c.Kind, c.Text = source.Number, value
		if c.Format.Kind != source.Plain {
			c.Kind = source.Date
		}
	case kind == typeNumber && class == 0, kind == typeError && class == 0, kind == typeBool && class == 0:
		if r.setValue(c, kind, value) != nil {
			return p, quickUnusual
		}
	case kind == typeFormulaText:
		text, ok := r.decode(value, class)
		if !ok {
			return p, quickUnusual
		}
		if len(text) > 0 {
			c.Kind, c.Text = source.Text, text
		}
	default:
		return p, quickUnusual
	}
	r.col = c.Col
	r.add(*c)
	return end + len(endValue), quickRead
}

// quickInline reads the inline string after "<is>" at b[i] and the end of the
// cell that began at p.
func (r *Rows) quickInline(c *source.Cell, b []byte, p, i int) (next int, result quickResult) {
	const plain, preserve, empty = "<t>", `<t xml:space="preserve">`, "<t/></is></c>"
	switch {
	case len(b)-i < quickAhead/4:
		return p, quickShort
	case string(b[i:i+len(plain)]) == plain:
		i += len(plain)
	case string(b[i:i+len(empty)]) == empty: // a small file can have millions
		r.col = c.Col
		r.add(*c)
		return i + len(empty), quickRead
	case string(b[i:i+len(preserve)]) == preserve:
		i += len(preserve)
	default:
		return p, quickUnusual
	}
	end, class := textEnd(b, i)
	if end < 0 || len(b)-end < len(endInline) {
		return p, shortIf(class&classOdd == 0)
	}
	if class&classOdd != 0 || string(b[end:end+len(endInline)]) != endInline {
		return p, quickUnusual
	}
	text, ok := r.decode(b[i:end], class)
	if !ok {
		return p, quickUnusual
	}
	if len(text) > 0 {
		c.Kind, c.Text = source.Text, text
	}
	r.col = c.Col
	r.add(*c)
	return end + len(endInline), quickRead
}

func shortIf(short bool) quickResult {
	if short {
		return quickShort
	}
	return quickUnusual
}

// decode returns the characters of raw text whose bytes are of these classes.
func (r *Rows) decode(raw []byte, class charClass) (text []byte, ok bool) {
	if class == 0 || class == classEscape && !bytes.Contains(raw, []byte("_x")) {
		return raw, true
	}
	if class&classWide != 0 && !zipxml.ValidChars(raw) {
		return nil, false
	}
	if class&^classWide == 0 {
		return raw, true
	}
	if r.scratch, ok = zipxml.AppendText(r.scratch[:0], raw); !ok {
		return nil, false
	}
	return r.text.Keep(unescape(r.scratch)), true
}

// quickItems reads string items until one is unusual. It returns false if the first one was unusual.
func (r *stringsReader) quickItems() (read bool) {
	const plain, preserve, endItem = "<si><t>", `<si><t xml:space="preserve">`, "</t></si>"
	x := r.Scanner
	for ; ; read = true {
		b, p := x.Buf, x.Pos
		for p < len(b) && zipxml.IsSpace(b[p]) {
			p++
		}
		i, end := p, -1
		class := classOdd
		switch {
		case len(b)-p < quickAhead/2:
			class = 0
		case emptyItem(b[p:]) > 0: // a small file can have millions
			if x.Err = r.add(nil); x.Err != nil {
				return read
			}
			x.Pos = p + emptyItem(b[p:])
			continue
		case string(b[p:p+len(plain)]) == plain:
			i += len(plain)
			end, class = textEnd(b, i)
		case string(b[p:p+len(preserve)]) == preserve:
			i += len(preserve)
			end, class = textEnd(b, i)
		}
		if class&classOdd != 0 {
			return read
		}
		if end < 0 || len(b)-end < len(endItem) {
			if !x.More(x.Pos) {
				return read
			}
			continue
		}
		if string(b[end:end+len(endItem)]) != endItem {
			return read
		}
		text := b[i:end]
		if class&^classWide != 0 {
			var ok bool
			if r.text, ok = zipxml.AppendText(r.text[:0], text); !ok {
				return read
			}
			text = unescape(r.text)
		}
		if class&classWide != 0 && !zipxml.ValidChars(b[i:end]) {
			return read
		}
		if x.Err = r.add(text); x.Err != nil {
			return read
		}
		x.Pos = end + len(endItem)
	}
}

// emptyItem returns the length of the string item without text with which b begins, or 0. b is longer than such an item.
func emptyItem(b []byte) int {
	const item, text = "<si/>", "<si><t/></si>"
	switch {
	case string(b[:len(item)]) == item:
		return len(item)
	case string(b[:len(text)]) == text:
		return len(text)
	}
	return 0
}

// charClass classifies the bytes of text that need special treatment.
type charClass uint8

const (
	classEscape charClass = 1 << iota // "_" can begin an escape
	classWide                         // part of a non-ASCII character
	classAmp                          // "&" or a carriage return: to be decoded
	classOdd                          // not allowed in text, or only in some cases
	classEnd                          // "<"
)

var charClasses = func() (classes [256]charClass) {
	for c := range classes {
		switch {
		case c >= 0x80:
			classes[c] = classWide
		case c < ' ' && c != '\t' && c != '\n' && c != '\r', c == ']':
			classes[c] = classOdd
		}
	}
	classes['_'] = classEscape
	classes['&'], classes['\r'] = classAmp, classAmp
	classes['<'] = classEnd
	return classes
}()

// textEnd returns the end of the text at b[i], which is at a "<", and the classes of its bytes. end is -1 if b ends
// before.
func textEnd(b []byte, i int) (end int, class charClass) {
	for ; i < len(b); i++ {
		if c := charClasses[b[i]]; c != 0 {
			if c == classEnd {
				return i, class
			}
			class |= c
		}
	}
	return -1, class
}
