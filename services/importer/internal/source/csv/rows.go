package csv

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"headway/internal/messages"
	"headway/services/importer/internal/source"
)

// Rows iterates over the lines of a file, once. One goroutine calls its methods; Progress may be called from any.
type Rows struct {
	ctx      context.Context
	w        *Workbook
	read     *counter
	scan     *scanner
	repairer repairer
	row      source.Row
	cells    []source.Cell
	// text has the texts without their escapes, and those that replace bytes that are not text.
	text     []byte
	err      error
	closed   bool
	reserved int64
	decoded  bool // the text was not UTF-8
	since    int  // records since ctx was checked
}

// general is the format of all cells: text files have no formats.
var general = source.NumberFormat{Code: "General"}

// counter counts the bytes that are read.
type counter struct {
	in   io.Reader
	read atomic.Int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	c.read.Add(int64(n))
	return n, err
}

// Next implements source.Rows.
func (r *Rows) Next() bool {
	if r.err != nil || r.closed {
		return false
	}
	for {
		if r.since++; r.since == 256 {
			r.since = 0
			if err := r.ctx.Err(); err != nil {
				return r.fail(fmt.Errorf("read the file: %w", err))
			}
		}
		rec, err := r.scan.next()
		if err == io.EOF { //nolint:errorlint // the scanner returns it as it is
			return r.fail(nil)
		}
		if err != nil {
			return r.fail(err)
		}
		if err := r.take(rec); err != nil {
			return r.fail(err)
		}
		r.scan.advance()
		if len(r.row.Cells) > 0 {
			return true
		}
	}
}

func (r *Rows) fail(err error) bool {
	r.err = err
	r.closed = true
	r.row = source.Row{}
	return false
}

// take creates a row from the current record.
func (r *Rows) take(rec *record) error {
	r.row = source.Row{Number: r.scan.line}
	if r.scan.line > r.w.limits.MaxLines {
		return source.Refuse(source.LimitExceeded, messages.New("file.too_many_lines", messages.Count("n", r.w.limits.MaxLines)))
	}
	r.cells, r.text = r.cells[:0], r.text[:0]
	r.repairer.budget += budgetPerRecord
	p := r.w.profile
	if len(p.columns) > 0 && (rec.broken || len(rec.fields) != p.width) && r.scan.line+rec.lines >= p.first && r.repair(rec) {
		r.row.Cells = r.cells
		r.check()
		return nil
	}
	buf := r.scan.buf
	for i := range rec.fields {
		f := &rec.fields[i]
		text := buf[f.start:f.end]
		if f.escaped {
			start := len(r.text)
			r.text = r.scan.d.appendText(r.text, text)
			text = r.text[start:len(r.text):len(r.text)]
		}
		if len(text) > 0 {
			r.add(i+1, text)
		}
	}
	r.row.Cells = r.cells
	r.check()
	return nil
}

func (r *Rows) add(col int, text []byte) {
	if text = formulaText(text); len(text) == 0 {
		return
	}
	kept, tooLong := source.LimitText(text)
	r.cells = append(r.cells, source.Cell{Col: col, Kind: source.Text, Text: kept, TooLong: tooLong, Format: &general})
}

// formulaText returns the text of a formula that is only a text: ="0123". Exports write them, because Excel would read 0123 as a number.
func formulaText(text []byte) []byte {
	inner, isFormula := bytes.CutPrefix(text, []byte(`="`))
	if !isFormula {
		return text
	}
	inner, isText := bytes.CutSuffix(inner, []byte(`"`))
	if !isText || bytes.IndexByte(inner, '"') >= 0 {
		return text
	}
	return inner
}

// repair reads a damaged record. It returns false if the record must be read unchanged.
func (r *Rows) repair(rec *record) bool {
	p := r.w.profile
	fields := len(rec.fields)
	if !rec.broken && fields > p.width && r.blankFrom(rec, p.width) && r.fits(rec) {
		return false // delimiters at the end of the line
	}
	if !rec.broken && fields < p.width && p.short && r.fits(rec) {
		return false // missing cells at the end
	}
	multiline, broken := rec.lines > 1, rec.broken
	if multiline {
		if err := r.scan.firstLine(); err != nil {
			return false
		}
	}
	line := r.scan.buf[r.scan.rec.start:r.scan.rec.end]
	isHeader := r.scan.line <= p.first
	if isHeader && !rec.broken && fields > p.width+r.blanks(rec) {
		return false // there are headers of columns without values
	}
	cells, how := r.repairer.repair(line, isHeader)
	if cells == nil && isHeader && !multiline {
		cells, how = r.repairer.repair(line, false)
	}
	if cells == nil {
		if multiline && !broken {
			_ = r.scan.split(&r.scan.rec, true) // it succeeded before
		}
		if len(r.scan.rec.fields) == p.width && !isHeader {
			r.row.Misread = source.QuoteStray
		} else if r.scan.line > p.first && fields > 1 && (fields >= p.width || !p.short) {
			r.row.Misread = source.Unclear
		}
		return false
	}
	r.row.Misread = how
	for i := range cells {
		if len(cells[i].text) > 0 {
			r.add(i+1, cells[i].text)
		}
	}
	return true
}

// fits reports whether the first cells of a record fit the columns as well as those of most records.
func (r *Rows) fits(rec *record) bool {
	p, total := r.w.profile, 0.0
	for i := range min(len(rec.fields), p.width) {
		f := rec.fields[i]
		r.repairer.budget--
		total += p.columns[i].fit(r.scan.buf[f.start:f.end], f.quoted, &r.repairer.shape)
	}
	for i := len(rec.fields); i < p.width; i++ {
		total += p.columns[i].fit(nil, false, &r.repairer.shape)
	}
	return total >= p.typical-slack/2
}

// blanks returns the number of blank cells of a record.
func (r *Rows) blanks(rec *record) int {
	n := 0
	for _, f := range rec.fields {
		if len(bytes.TrimSpace(r.scan.buf[f.start:f.end])) == 0 {
			n++
		}
	}
	return n
}

// blankFrom reports whether a record has only blank cells from a column on.
func (r *Rows) blankFrom(rec *record, from int) bool {
	for _, f := range rec.fields[from:] {
		if len(bytes.TrimSpace(r.scan.buf[f.start:f.end])) > 0 {
			return false
		}
	}
	return true
}

// check replaces bytes that are not text.
func (r *Rows) check() {
	cells := r.row.Cells
	rec := &r.scan.rec
	line := r.scan.buf[rec.start:rec.end]
	if r.decoded {
		if bytes.Contains(line, []byte("\uFFFD")) {
			r.row.Misread = source.Garbled
		}
		return
	}
	if utf8.Valid(line) {
		if bytes.IndexByte(line, 0xC2) >= 0 {
			r.correctControls(cells)
		}
		return
	}
	r.row.Misread = source.Garbled
	for i := range cells {
		if !utf8.Valid(cells[i].Text) {
			cells[i].Text = bytes.ToValidUTF8(cells[i].Text, []byte("\uFFFD"))
		}
	}
}

// correctControls replaces the control characters U+0080 to U+009F, which no text has, with the characters that have these
// numbers in windows-1252. They come from programs that took windows-1252 for ISO 8859-1.
func (r *Rows) correctControls(cells []source.Cell) {
	for i := range cells {
		text := cells[i].Text
		if !bytes.ContainsFunc(text, isControl) {
			continue
		}
		start := len(r.text)
		for len(text) > 0 {
			c, size := utf8.DecodeRune(text)
			text = text[size:]
			if isControl(c) {
				if read := charmap.Windows1252.DecodeByte(byte(c)); read != utf8.RuneError {
					c = read
				}
			}
			r.text = utf8.AppendRune(r.text, c)
		}
		cells[i].Text = r.text[start:len(r.text):len(r.text)]
	}
}

func isControl(r rune) bool { return r >= 0x80 && r < 0xA0 }

// Row implements source.Rows.
func (r *Rows) Row() source.Row { return r.row }

// Err implements source.Rows.
func (r *Rows) Err() error { return r.err }

// Progress implements source.Rows.
func (r *Rows) Progress() (read, total int64) { return r.read.read.Load(), r.w.content.Size }

// Close implements source.Rows.
func (r *Rows) Close() error {
	r.closed = true
	r.w.limits.Memory.Shrink(r.reserved)
	r.reserved = 0
	return nil
}
