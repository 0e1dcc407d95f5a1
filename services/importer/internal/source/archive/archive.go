// Package archive reads zip archives of text files (CSV). Each file is a sheet with its own format. An archive with one workbook
// is described by an error, by which it can be unpacked. Files that are not data, such as documents, are ignored. Others are refused.
package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"sync"

	"headway/internal/messages"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/source/csv"
	"headway/services/importer/internal/source/zipxml"
)

// Opener opens archives of text files.
type Opener struct {
	hints source.Hints
}

// WithHints implements source.Hinted.
func (Opener) WithHints(h source.Hints) source.Opener { return Opener{h} }

// Detect reports whether a file begins like a zip archive. Workbooks do, too.
func (Opener) Detect(head []byte) bool { return bytes.HasPrefix(head, []byte("PK")) }

// Open opens an archive. It returns source.ErrOtherFormat for the archives that are documents of programs, such as workbooks, and
// for files that are not archives.
func (o Opener) Open(ctx context.Context, r io.ReaderAt, size int64, limits source.Limits) (source.Workbook, error) {
	if err := limits.Validate(); err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("open the archive: %w", err)
	}
	pack, err := zipxml.Open(r, size, limits.WithDefaults(), func(io.ReaderAt, int64, error) error { return source.ErrOtherFormat })
	if err != nil {
		return nil, err
	}
	w := &Workbook{pack: pack, hints: o.hints, formats: map[string]source.TextFormat{}}
	if err := w.list(); err != nil {
		pack.Release()
		return nil, err
	}
	return w, nil
}

// Workbook is an open archive. Several goroutines can call its methods, and several Rows can be open at a time.
type Workbook struct {
	pack    *zipxml.Package
	hints   source.Hints
	files   []file
	ignored []string

	mu sync.Mutex
	// formats are those that were recognized so far, by the names of the files.
	formats map[string]source.TextFormat
}

// file is a text file of an archive.
type file struct {
	// name is its name without its folder. sheet is the name of its sheet.
	name, sheet string
	part        *zipxml.Part
}

// list finds the files, and checks that each can be read.
func (w *Workbook) list() error {
	if isDocument(w.pack) {
		return source.ErrOtherFormat
	}
	if err := w.findWorkbook(); err != nil {
		return err
	}
	for _, part := range w.pack.Parts() {
		path := readableName(part)
		if isByProgram(path) || isDocumentName(path) {
			w.ignored = append(w.ignored, path)
			continue
		}
		if err := w.add(path, part); err != nil {
			return err
		}
	}
	if len(w.files) == 0 {
		return unsuitable(messages.New("archive.no_files"))
	}
	return nil
}

func (w *Workbook) add(path string, part *zipxml.Part) error {
	f := file{name: baseName(path), part: part}
	f.sheet = sheetName(f.name)
	switch {
	case part.Encrypted():
		return unsuitable(messages.New("archive.password", messages.Text("file", path)))
	case part.Twice():
		return unsuitable(messages.New("archive.twice", messages.Text("file", path)))
	case !hasTextEnding(f.name):
		return unsuitable(messages.New("archive.no_text", messages.Text("file", path)))
	case part.Size == 0:
		return unsuitable(messages.New("archive.empty_file", messages.Text("file", path)))
	case len(w.files) == source.MaxFiles:
		return source.Refuse(source.LimitExceeded, messages.New("file.too_many_files", messages.Count("n", source.MaxFiles)))
	}
	for _, other := range w.files {
		if fold(other.sheet) == fold(f.sheet) {
			return unsuitable(messages.New("archive.same_name", messages.Text("first", readableName(other.part)), messages.Text("second", path)))
		}
	}
	if err := w.pack.Admit(part, w.pack.Limits.MaxPartBytes); err != nil {
		return w.inArchive(err)
	}
	isText, err := w.isText(f)
	if err != nil {
		return err
	}
	if !isText {
		return unsuitable(messages.New("archive.no_columns", messages.Text("file", path)))
	}
	w.files = append(w.files, f)
	return nil
}

// headBytes is the number of bytes by which a text file is recognized.
const headBytes = 512

func (w *Workbook) isText(f file) (bool, error) {
	in, err := w.open(f)
	if err != nil {
		return false, err
	}
	head := make([]byte, headBytes)
	n, err := io.ReadFull(in, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false, err
	}
	return csv.Opener{}.Detect(head[:n]), nil
}

// open returns the bytes of a file from the beginning.
func (w *Workbook) open(f file) (io.Reader, error) {
	in, err := w.pack.Reader(f.part)
	if err != nil {
		return nil, w.inArchive(err)
	}
	return reader{in, w}, nil
}

// reader describes damage as that of an archive.
type reader struct {
	in io.Reader
	w  *Workbook
}

// Read implements io.Reader.
func (r reader) Read(p []byte) (int, error) {
	n, err := r.in.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // the end of a file is not wrapped
		err = r.w.inArchive(err)
	}
	return n, err
}

// inArchive describes an error about a part of a package as one about a file of an archive.
func (w *Workbook) inArchive(err error) error {
	var refused *source.Error
	if !errors.As(err, &refused) || refused.Reason != source.Damaged {
		return err
	}
	described := *refused
	described.Reason = source.ArchiveDamaged
	return &described
}

// Sheets implements source.Workbook.
func (w *Workbook) Sheets() []source.Sheet {
	sheets := make([]source.Sheet, len(w.files))
	for i, f := range w.files {
		sheets[i] = source.Sheet{Name: f.sheet, Bytes: f.part.Size, File: f.name}
	}
	return sheets
}

// IgnoredFiles returns the paths of the files that were added by programs, and have no data.
func (w *Workbook) IgnoredFiles() []string { return w.ignored }

// TextFormats returns the formats of the files, by their names. A name that the hints have and the archive lacks is an error.
func (w *Workbook) TextFormats(ctx context.Context) (map[string]source.TextFormat, error) {
	for name := range w.hints.Texts {
		if w.fileOf(func(f file) bool { return f.name == name }) == nil {
			return nil, fmt.Errorf("%w: it is for the file “%s”, which was not uploaded", source.ErrTextFormat, name)
		}
	}
	for _, f := range w.files {
		if _, known := w.format(f); known {
			continue
		}
		book, err := w.text(ctx, f)
		if err != nil {
			return nil, err
		}
		if err := book.Close(); err != nil {
			return nil, err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.formats), nil
}

func (w *Workbook) fileOf(is func(file) bool) *file {
	for i := range w.files {
		if is(w.files[i]) {
			return &w.files[i]
		}
	}
	return nil
}

// format returns the format of a file, if it was recognized before.
func (w *Workbook) format(f file) (source.TextFormat, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	format, known := w.formats[f.name]
	return format, known
}

// text opens a file. The caller closes it. It takes memory until then.
func (w *Workbook) text(ctx context.Context, f file) (*csv.Workbook, error) {
	hints := source.Hints{FileName: f.name, Text: w.hints.Text}
	if given, ok := w.hints.Texts[f.name]; ok {
		hints.Text = given
	}
	known, ok := w.format(f)
	if ok {
		hints.Text.Encoding = known.Encoding // so that the file isn't read for it again
	}
	content := csv.Content{Size: f.part.Size, Open: func() (io.Reader, error) { return w.open(f) }}
	book, err := csv.Open(ctx, content, w.pack.Limits, hints)
	if err != nil {
		return nil, f.describe(err)
	}
	if !ok {
		w.mu.Lock()
		w.formats[f.name] = book.TextFormat()
		w.mu.Unlock()
	}
	return book, nil
}

// describe adds the name of the file to an error.
func (f file) describe(err error) error {
	var refused *source.Error
	if errors.As(err, &refused) {
		if refused.Where != "" {
			return err
		}
		named := *refused
		named.Where = f.name
		return &named
	}
	return fmt.Errorf("%s: %w", f.name, err)
}

// inflateBytes is the memory for reading a compressed file.
const inflateBytes = 256 << 10

// Rows implements source.Workbook.
func (w *Workbook) Rows(ctx context.Context, sheet string) (source.Rows, error) {
	f := w.fileOf(func(f file) bool { return f.sheet == sheet })
	if f == nil {
		return nil, &source.Error{Reason: source.SheetNotFound, Sheet: sheet, Message: "no file has this name"}
	}
	memory := w.pack.Limits.Memory
	if err := memory.Grow(inflateBytes); err != nil {
		return nil, f.describe(err)
	}
	book, err := w.text(ctx, *f)
	if err != nil {
		memory.Shrink(inflateBytes)
		return nil, err
	}
	r := &rows{file: *f, book: book, memory: memory}
	if r.Rows, err = book.Rows(ctx, book.Sheets()[0].Name); err != nil {
		return nil, errors.Join(f.describe(err), r.release())
	}
	return r, nil
}

// rows are those of one file. They close it.
type rows struct {
	source.Rows
	file   file
	book   *csv.Workbook
	memory source.Memory
}

// Err implements source.Rows.
func (r *rows) Err() error {
	if err := r.Rows.Err(); err != nil {
		return r.file.describe(err)
	}
	return nil
}

// Close implements source.Rows.
func (r *rows) Close() error { return errors.Join(r.Rows.Close(), r.release()) }

// release returns the memory of the file. It can be called several times.
func (r *rows) release() error {
	if r.book == nil {
		return nil
	}
	r.memory.Shrink(inflateBytes)
	err := r.book.Close()
	r.book = nil
	return err
}

// Civil implements source.Workbook. Text files have dates as text only.
func (w *Workbook) Civil(*source.Cell) (source.Civil, error) {
	return source.Civil{}, source.ErrNotADate
}

// Reserve implements source.Reserver.
func (w *Workbook) Reserve(bytes int64) error { return w.pack.Reserve(bytes) }

// Unreserve implements source.Reserver.
func (w *Workbook) Unreserve(bytes int64) { w.pack.Unreserve(bytes) }

// Close implements source.Workbook.
func (w *Workbook) Close() error {
	w.pack.Release()
	return nil
}

func unsuitable(why messages.Message) error { return source.Refuse(source.ArchiveUnsuitable, why) }
