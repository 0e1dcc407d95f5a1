// Package csv reads text files with delimiters: CSV, TSV, and their relatives. It recognizes the encoding, the delimiter,
// and the quotation marks, and splits the file into rows of text cells in one pass and bounded memory.
//
// A row's number is the line where it begins. If the separators or quotation marks of a line are damaged, the reading that
// fits the columns is used, and the row is marked. See source.Misread.
package csv

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/transform"

	"headway/internal/messages"
	"headway/services/importer/internal/source"
)

// Workbook is a text file. It has one sheet.
type Workbook struct {
	content Content
	limits  source.Limits
	name    string
	format  source.TextFormat
	dialect dialect
	// decoder is nil for UTF-8.
	decoder encoding.Encoding
	profile *profile
	// reserved is the memory of the profile, and of the rows of Head.
	reserved int64
}

// Content is a text file that can be read any number of times, each time from its beginning.
type Content struct {
	// Size is its number of bytes.
	Size int64
	// Open returns a new reader of its bytes. Several can be in use at the same time.
	Open func() (io.Reader, error)
}

// Opener opens text files.
type Opener struct {
	hints source.Hints
}

// WithHints implements source.Hinted.
func (Opener) WithHints(h source.Hints) source.Opener { return Opener{h} }

// Detect reports whether a file is text that can have rows. A web page, for example, has none.
func (Opener) Detect(head []byte) bool { return isTable(head) }

// Open recognizes the format of a text file.
func (o Opener) Open(ctx context.Context, r io.ReaderAt, size int64, limits source.Limits) (source.Workbook, error) {
	content := Content{Size: size, Open: func() (io.Reader, error) { return io.NewSectionReader(r, 0, size), nil }}
	w, err := Open(ctx, content, limits, o.hints)
	if err != nil {
		return nil, err
	}
	return w, nil
}

// profileMemory is the approximate memory of a profile and of its sample.
const profileMemory = 4 << 20

// Open recognizes the format of a text file. A file that can't be read is a *source.Error. Errors of content and of ctx are
// wrapped.
func Open(ctx context.Context, content Content, limits source.Limits, hints source.Hints) (_ *Workbook, err error) {
	if err := limits.Validate(); err != nil {
		return nil, fmt.Errorf("csv: %w", err)
	}
	w := &Workbook{content: content, limits: limits.WithDefaults(), name: sheetName(hints.FileName)}
	if err := w.limits.Memory.Grow(profileMemory); err != nil {
		return nil, fmt.Errorf("open the file: %w", err)
	}
	w.reserved = profileMemory
	defer func() {
		if err != nil {
			_ = w.Close()
		}
	}()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("open the file: %w", err)
	}
	if err := w.findEncoding(hints.Text); err != nil {
		return nil, err
	}
	text, err := w.text(new(counter))
	if err != nil {
		return nil, err
	}
	sample, complete, err := readSample(text, profileBytes)
	if err != nil {
		return nil, err
	}
	if len(bytes.TrimSpace(sample)) == 0 {
		return nil, source.Refuse(source.EmptyFile, messages.New("file.blank"))
	}
	if err := w.recognize(sample, complete, hints.Text); err != nil {
		return nil, err
	}
	return w, nil
}

func (w *Workbook) findEncoding(known source.TextFormat) (err error) {
	in, err := w.content.Open()
	if err != nil {
		return err
	}
	name, example, mark, err := findEncoding(in, w.content.Size, known.Encoding)
	if err != nil {
		return err
	}
	w.decoder, w.format.Encoding, err = named(name)
	w.format.ByteOrderMark, w.format.Example = mark, example
	if err != nil {
		return fmt.Errorf("%w: %w", source.ErrTextFormat, err)
	}
	return nil
}

// recognize finds the dialect and the columns.
func (w *Workbook) recognize(sample []byte, complete bool, known source.TextFormat) (err error) {
	skip := 0
	if delimiter, length := declared(sample); length > 0 {
		skip = length
		if known.Delimiter == "" {
			known.Delimiter = delimiter
		}
	}
	if w.dialect, err = sniff(sample[skip:], complete, known); err != nil {
		return err
	}
	w.dialect.describe(&w.format)
	w.format.LineBreak = lineBreak(sample, w.dialect)
	w.profile = learn(sample[skip:], complete, w.dialect)
	w.format.Columns = max(1, w.profile.width)
	if skip > 0 {
		w.profile.first++
	}
	return nil
}

// declared recognizes the line “sep=;” that Excel writes and reads. It returns its delimiter, and its length.
func declared(sample []byte) (delimiter string, length int) {
	line, _, _ := bytes.Cut(sample, []byte{'\n'})
	text := strings.TrimRight(string(line), "\r")
	rest, ok := strings.CutPrefix(strings.ToLower(strings.Trim(text, `"`)), "sep=")
	if !ok || len(rest) != 1 || len(line) == len(sample) {
		return "", 0
	}
	if _, err := parseDelimiter(rest); err != nil {
		return "", 0
	}
	return rest, len(line) + 1
}

func lineBreak(sample []byte, d dialect) string {
	switch {
	case d.cr:
		return "CR"
	case bytes.Contains(sample, []byte("\r\n")):
		return "CRLF"
	}
	return "LF"
}

// text returns the whole file in UTF-8, without a byte order mark.
func (w *Workbook) text(read *counter) (io.Reader, error) {
	in, err := w.content.Open()
	if err != nil {
		return nil, err
	}
	read.in = in
	if w.format.ByteOrderMark && w.decoder == nil {
		if _, err := io.CopyN(io.Discard, read, int64(len("\xEF\xBB\xBF"))); err != nil {
			return nil, err
		}
	}
	if w.decoder == nil {
		return read, nil
	}
	return transform.NewReader(read, w.decoder.NewDecoder()), nil
}

// Sheets implements source.Workbook.
func (w *Workbook) Sheets() []source.Sheet {
	return []source.Sheet{{Name: w.name, Bytes: w.content.Size}}
}

// TextFormat returns the recognized format of the file.
func (w *Workbook) TextFormat() source.TextFormat { return w.format }

// Rows implements source.Workbook.
func (w *Workbook) Rows(ctx context.Context, sheet string) (source.Rows, error) {
	if sheet != w.name {
		return nil, refuse(source.SheetNotFound, "%q is not its only sheet, %q", sheet, w.name)
	}
	r := &Rows{ctx: ctx, w: w, read: new(counter), decoded: w.decoder != nil}
	grow := func(bytes int) error {
		if err := w.limits.Memory.Grow(int64(bytes)); err != nil {
			return fmt.Errorf("read the file: %w", err)
		}
		r.reserved += int64(bytes)
		return nil
	}
	if err := grow(bufferBytes); err != nil {
		return nil, err
	}
	limit := int(min(w.limits.MaxRowBytes, 1<<30))
	text, err := w.text(r.read)
	if err != nil {
		return nil, err
	}
	r.scan = newScanner(text, w.dialect, min(bufferBytes, limit), limit, grow)
	r.scan.maxFields = w.limits.MaxColumns
	r.repairer = repairer{d: w.dialect, p: w.profile, budget: firstBudget}
	if err := r.skipDeclaration(); err != nil {
		return nil, err
	}
	return r, nil
}

// skipDeclaration skips the line “sep=;”.
func (r *Rows) skipDeclaration() error {
	if err := r.scan.fill(); err != nil {
		return err
	}
	if _, length := declared(r.scan.buf[:r.scan.end]); length > 0 {
		r.scan.pos, r.scan.line = length, 2
	}
	return nil
}

// Civil implements source.Workbook. Text files have dates as text only.
func (w *Workbook) Civil(*source.Cell) (source.Civil, error) {
	return source.Civil{}, source.ErrNotADate
}

// Reserve implements source.Reserver. It is for one goroutine.
func (w *Workbook) Reserve(bytes int64) error {
	if err := w.limits.Memory.Grow(bytes); err != nil {
		return fmt.Errorf("read the file: %w", err)
	}
	w.reserved += bytes
	return nil
}

// Unreserve implements source.Reserver. It is for one goroutine.
func (w *Workbook) Unreserve(bytes int64) {
	bytes = min(bytes, w.reserved)
	w.limits.Memory.Shrink(bytes)
	w.reserved -= bytes
}

// Close implements source.Workbook.
func (w *Workbook) Close() error {
	w.limits.Memory.Shrink(w.reserved)
	w.reserved = 0
	return nil
}

// sheetName returns the name of a file without its ending, as a name that a sheet can have in Excel.
func sheetName(file string) string {
	name := strings.TrimSuffix(file, path.Ext(file))
	name = strings.Trim(strings.Map(func(r rune) rune {
		if r < ' ' || strings.ContainsRune(`[]:*?/\`, r) {
			return ' '
		}
		return r
	}, name), " '")
	const longest = 31
	if utf8.RuneCountInString(name) > longest {
		name = string([]rune(name)[:longest])
	}
	if name == "" {
		return "Data"
	}
	return name
}
