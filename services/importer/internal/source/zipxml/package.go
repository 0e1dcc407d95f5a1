package zipxml

import (
	"archive/zip"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"headway/services/importer/internal/source"
)

// Package is the zip package of a workbook: its directory, and the parts by name. Part names compare without regard to case.
type Package struct {
	r       io.ReaderAt
	Limits  source.Limits
	entries map[string]*Part // by Key
	parts   []*Part          // in the order of the directory
	opened  int64            // bytes of the admitted parts
	Slow    bool             // scan without shortcuts

	mu       sync.Mutex
	reserved int64 // of Limits.Memory
}

// entryBytes is approximately the memory that an entry of the directory uses.
const entryBytes = 512

// Reserve reserves memory until the workbook is closed.
func (p *Package) Reserve(bytes int64) error {
	if err := p.Limits.Memory.Grow(bytes); err != nil {
		return fmt.Errorf("open the workbook: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reserved += bytes
	return nil
}

// Unreserve returns reserved memory before that.
func (p *Package) Unreserve(bytes int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	bytes = min(bytes, p.reserved)
	p.Limits.Memory.Shrink(bytes)
	p.reserved -= bytes
}

// Release returns the reserved memory.
func (p *Package) Release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.Limits.Memory.Shrink(p.reserved)
	p.reserved = 0
}

// Part is one file of the package, as the directory describes it.
type Part struct {
	Name      string
	Size      int64 // uncompressed
	packed    int64 // compressed
	sum       uint32
	deflated  bool
	method    uint16
	encrypted bool
	twice     bool // the directory has a second entry with this name
	admitted  bool
	file      *zip.File
}

// directoryBytes is the number of bytes, per allowed entry, that can be read to find the directory: a header, a name,
// and some extra fields.
const directoryBytes = 512

// Open reads the directory. For a file that is not a zip file because of cause, it returns the error that identify
// returns.
func Open(r io.ReaderAt, size int64, limits source.Limits, identify func(r io.ReaderAt, size int64, cause error) error) (*Package, error) {
	if size == 0 {
		return nil, Refuse(source.EmptyFile, "", "")
	}
	// archive/zip reads entries as long as it finds any, regardless of their declared number, so the bytes that it can
	// read are limited here.
	directory := &fileReader{r: r, size: size, left: 1<<20 + directoryBytes*int64(limits.MaxEntries)}
	z, err := zip.NewReader(directory, size)
	switch {
	case directory.err != nil:
		return nil, fmt.Errorf("read the workbook's directory: %w", directory.err)
	case directory.left < 0:
		return nil, Refuse(source.LimitExceeded, "", "its directory is longer than %d entries need", limits.MaxEntries)
	case err != nil:
		return nil, identify(r, size, err)
	case len(z.File) > limits.MaxEntries:
		return nil, Refuse(source.LimitExceeded, "", "it has %d files. The maximum is %d", len(z.File), limits.MaxEntries)
	}
	directory.unbounded = true
	p := &Package{r: directory, Limits: limits, entries: make(map[string]*Part, len(z.File))}
	if err := p.Reserve(entryBytes * int64(len(z.File))); err != nil {
		return nil, err
	}
	for _, f := range z.File {
		name := CleanName(f.Name)
		if strings.HasSuffix(name, "/") {
			continue
		}
		if first := p.entries[Key(name)]; first != nil {
			first.twice = true
			continue
		}
		part := &Part{
			Name:      name,
			Size:      int64(f.UncompressedSize64),
			packed:    int64(f.CompressedSize64),
			sum:       f.CRC32,
			deflated:  f.Method == zip.Deflate,
			method:    f.Method,
			encrypted: f.Flags&1 != 0,
			file:      f,
		}
		p.entries[Key(name)] = part
		p.parts = append(p.parts, part)
	}
	return p, nil
}

// Parts returns all parts in the order of the directory. Of parts with the same name, it returns the first.
func (p *Package) Parts() []*Part { return p.parts }

// Encrypted reports whether the part needs a password.
func (e *Part) Encrypted() bool { return e.encrypted }

// Twice reports whether the directory has a second part with the same name.
func (e *Part) Twice() bool { return e.twice }

// Find returns the entry of a part, or nil.
func (p *Package) Find(part string) *Part { return p.entries[Key(part)] }

// ratioFloor is the size of a part below which Limits.MaxRatio does not apply.
const ratioFloor = 16 << 20

// Admit checks a part against the limits before it is read. max is the limit for this part alone.
func (p *Package) Admit(e *Part, max int64) error {
	switch {
	case e.Size > max:
		return Refuse(source.LimitExceeded, e.Name, "it unpacks to %d bytes. The maximum is %d", e.Size, max)
	case e.admitted:
		return nil
	case e.twice:
		return Refuse(source.Damaged, e.Name, "the package has this part twice")
	case e.encrypted:
		return Refuse(source.Encrypted, e.Name, "its parts are encrypted")
	case e.method != zip.Store && e.method != zip.Deflate:
		return Refuse(source.Damaged, e.Name, "it is compressed with method %d, which workbooks don't use", e.method)
	case e.Size < 0 || e.packed < 0:
		return Refuse(source.Damaged, e.Name, "the package's directory declares an impossible size")
	case e.method == zip.Store && e.Size != e.packed:
		return Refuse(source.Damaged, e.Name, "it is stored without compression, but declared with %d and %d bytes", e.Size, e.packed)
	case e.Size > ratioFloor && e.Size/int64(p.Limits.MaxRatio) > e.packed:
		return Refuse(source.LimitExceeded, e.Name, "it unpacks to %d bytes from %d, more than %d times as many", e.Size, e.packed, p.Limits.MaxRatio)
	case e.Size > p.Limits.MaxTotalBytes-p.opened:
		return Refuse(source.LimitExceeded, e.Name, "its parts unpack to more than %d bytes", p.Limits.MaxTotalBytes)
	}
	p.opened += e.Size
	e.admitted = true
	return nil
}

// Reader returns the uncompressed bytes of an admitted part, from their beginning. It checks their number and their checksum.
func (p *Package) Reader(e *Part) (io.Reader, error) {
	r, err := p.Open(e)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Open returns the text of an admitted part, from its beginning.
func (p *Package) Open(e *Part) (*partReader, error) {
	offset, err := e.file.DataOffset()
	if errors.Is(err, zip.ErrFormat) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		damaged := Refuse(source.Damaged, e.Name, "it is not at the position that the package's directory declares")
		damaged.Err = err
		return nil, damaged
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", e.Name, err)
	}
	section := io.NewSectionReader(p.r, offset, e.packed)
	return newPartReader(e, bufio.NewReaderSize(section, int(max(512, min(e.packed, 128<<10))))), nil
}

// Scan opens a part for scanning. The caller must stop its feed.
func (p *Package) Scan(ctx context.Context, e *Part) (*Scanner, error) {
	src, err := p.Open(e)
	if err != nil {
		return nil, err
	}
	return &Scanner{feed: newFeed(ctx, src), Part: e.Name, Limits: p.Limits, Slow: p.Slow}, nil
}

// Each calls visit for every start tag of a descriptive part, and checks the whole part. A token's slices are valid
// until visit returns.
func (p *Package) Each(ctx context.Context, e *Part, visit func(x *Scanner) error) error {
	if err := p.Admit(e, p.Limits.MaxDescriptionBytes); err != nil {
		return err
	}
	if err := p.Reserve(e.Size); err != nil {
		return err
	}
	x, err := p.Scan(ctx, e)
	if err != nil {
		return err
	}
	defer x.Stop()
	for {
		switch kind := x.Next(); kind {
		case End, Text:
		case Start:
			if err := visit(x); err != nil {
				return err
			}
		default:
			return x.Err
		}
	}
}

// CleanName writes a zip entry's name as a part name without its leading
// slash. Some writers use backslashes.
func CleanName(name string) string {
	return strings.TrimLeft(strings.ReplaceAll(name, `\`, "/"), "/")
}

// Key returns the same key for names of the same part (ECMA-376 Part 2 §6.2.2.3: ASCII case is ignored).
func Key(part string) string {
	return strings.ToLower(part)
}

// fileReader reads a file whose pointers can be wrong: reading outside the file returns its end. While the directory is
// read, the file also ends after left bytes.
type fileReader struct {
	r         io.ReaderAt
	size      int64
	left      int64
	unbounded bool  // set once, before the reader is shared
	err       error // the first error of r before that, other than its end
}

func (f *fileReader) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= f.size {
		return 0, io.EOF
	}
	if f.unbounded {
		return f.r.ReadAt(p, off)
	}
	if f.left -= int64(len(p)); f.left < 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n, err := f.r.ReadAt(p, off)
	if err != nil && err != io.EOF {
		f.err = err
	}
	return n, err
}

// ReadAll returns the bytes of a small part as they are stored, at most limit. A part that is missing has none.
func (p *Package) ReadAll(part string, limit int64) ([]byte, error) {
	e := p.Find(part)
	if e == nil {
		return nil, nil
	}
	if err := p.Admit(e, limit); err != nil {
		return nil, err
	}
	src, err := p.Open(e)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(src)
}
