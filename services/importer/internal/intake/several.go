package intake

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"headway/services/importer/internal/files"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/source"
)

// Parts is a Body that can have several files. Read ends each of them with io.EOF.
type Parts interface {
	io.Reader
	// NextFile is called after the end of a file, and if the first one has no bytes. It begins the next file and returns its name.
	// It returns io.EOF after the last file.
	NextFile() (name string, err error)
}

// nextFile returns io.EOF if the body has no other file.
func nextFile(body io.Reader) (string, error) {
	if parts, ok := body.(Parts); ok {
		return parts.NextFile()
	}
	return "", io.EOF
}

// collection writes several files into an archive. They are not compressed, so that it has about their size.
type collection struct {
	out   *zip.Writer
	names []string
	bytes int64
	// buffer is used for copying.
	buffer []byte
}

func (c *collection) add(name string, in io.Reader) error {
	if len(c.names) == source.MaxFiles {
		return &source.Error{Reason: source.LimitExceeded, Message: fmt.Sprintf("there are more than %d files", source.MaxFiles)}
	}
	name = fileName(name)
	c.names = append(c.names, name)
	entry, err := c.out.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
	if err != nil {
		return err
	}
	n, err := io.CopyBuffer(onlyWriter{entry}, in, c.buffer)
	c.bytes += n
	return err
}

// onlyWriter hides other methods, so that io.CopyBuffer uses its buffer.
type onlyWriter struct{ io.Writer }

// title is the name of an import of these files.
func (c *collection) title() string {
	return source.Clip([]byte(strings.Join(c.names, ", ")), maxTitle)
}

// maxTitle is the maximum number of characters of the names of several files.
const maxTitle = 200

// collect writes all files of a body into an archive. first has the bytes of the first file, unless the body begins with next. It
// returns the archive, which is not kept yet, and the number of bytes of the files.
func (in *Intake) collect(ctx context.Context, r Request, im *imports.Import, first *files.Upload, next string, room func(int64) error) (_ *files.Upload, size int64, err error) {
	c := &collection{buffer: make([]byte, receiveBytes)}
	archive := first
	if first.Size() == 0 {
		c.out = zip.NewWriter(metered{archive, room})
	} else if archive, err = in.moveInto(ctx, c, im, first, room); err != nil {
		return archive, 0, err
	}
	for more := true; more; {
		if err := c.add(next, r.Body); err != nil {
			return archive, 0, err
		}
		next, err = nextFile(r.Body)
		if more = !errors.Is(err, io.EOF); more && err != nil {
			return archive, 0, err
		}
	}
	im.FileName = c.title()
	return archive, c.bytes, c.out.Close()
}

// moveInto begins the archive with the first file, which was received before it was clear that there are others. The archive then
// replaces it.
func (in *Intake) moveInto(ctx context.Context, c *collection, im *imports.Import, first *files.Upload, room func(int64) error) (archive *files.Upload, err error) {
	if _, err := first.Keep(); err != nil {
		return first, err
	}
	file, err := in.Files.Open(ctx, im.ID)
	if err != nil {
		return first, err
	}
	defer file.Close()
	if archive, err = in.Files.Receive(ctx, im.ID, in.MaxBytes); err != nil {
		return first, err
	}
	c.out = zip.NewWriter(metered{archive, room})
	return archive, c.add(im.FileName, io.NewSectionReader(file, 0, file.Size()))
}
