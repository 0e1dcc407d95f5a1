package archive

import (
	"context"
	"fmt"
	"io"

	"headway/internal/messages"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/source/zipxml"
)

// findWorkbook returns an error if the archive has a workbook: a *source.InsideError if it is the only one, and there are no tables
// in text files.
func (w *Workbook) findWorkbook() error {
	var book, table *zipxml.Part
	var ignored []string
	for _, part := range w.pack.Parts() {
		switch path := readableName(part); {
		case isByProgram(path), isDocumentName(path), isPlainText(path):
			ignored = append(ignored, path)
		case !isWorkbook(path):
			table = part
		case book != nil:
			return unsuitable(messages.New("archive.workbooks", messages.Text("first", readableName(book)), messages.Text("second", path)))
		default:
			book = part
		}
	}
	if book == nil {
		return nil
	}
	path := readableName(book)
	switch {
	case book.Encrypted():
		return unsuitable(messages.New("archive.password", messages.Text("file", path)))
	case book.Twice():
		return unsuitable(messages.New("archive.twice", messages.Text("file", path)))
	case book.Size == 0:
		return unsuitable(messages.New("archive.empty_file", messages.Text("file", path)))
	case table != nil:
		return unsuitable(messages.New("archive.mixed", messages.Text("workbook", path), messages.Text("other", readableName(table))))
	}
	return &source.InsideError{
		Name: baseName(path), Ignored: ignored, Unpack: func(ctx context.Context, r io.ReaderAt, size int64, limits source.Limits, out io.Writer) error {
			return unpack(ctx, r, size, limits, book.Name, out)
		},
		Err: unsuitable(messages.New("archive.one_workbook", messages.Text("file", path))),
	}
}

// unpack writes a file of an archive.
func unpack(ctx context.Context, r io.ReaderAt, size int64, limits source.Limits, name string, out io.Writer) error {
	if err := limits.Validate(); err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	pack, err := zipxml.Open(r, size, limits.WithDefaults(), func(_ io.ReaderAt, _ int64, cause error) error { return cause })
	if err != nil {
		return err
	}
	defer pack.Release()
	w := &Workbook{pack: pack}
	part := pack.Find(name)
	if part == nil {
		return unsuitable(messages.New("archive.removed", messages.Text("file", name)))
	}
	if err := pack.Admit(part, pack.Limits.MaxPartBytes); err != nil {
		return w.inArchive(err)
	}
	in, err := w.open(file{part: part})
	if err != nil {
		return err
	}
	if err := pack.Limits.Memory.Grow(inflateBytes); err != nil {
		return err
	}
	defer pack.Limits.Memory.Shrink(inflateBytes)
	_, err = io.CopyBuffer(onlyWriter{out}, whileNotDone{ctx, in}, make([]byte, copyBytes))
	return err
}

// copyBytes is the number of bytes that are copied at a time.
const copyBytes = 64 << 10

// onlyWriter hides other methods, so that io.CopyBuffer uses its buffer.
type onlyWriter struct{ io.Writer }

// whileNotDone is a reader that ends with an error when its context is done.
type whileNotDone struct {
	ctx context.Context
	in  io.Reader
}

// Read implements io.Reader.
func (r whileNotDone) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.in.Read(p)
}
