package xlsx

import (
	"archive/zip"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"sync"

	"headway/services/importer/internal/source"
)

// pack is the zip package of a workbook (ECMA-376 Part 2): its directory, and
// the parts by name. Part names compare without regard to case.
type pack struct {
	r       io.ReaderAt
	limits  source.Limits
	entries map[string]*entry // by partKey
	opened  int64             // bytes of the admitted parts
	slow    bool              // scan without shortcuts

	mu       sync.Mutex
	reserved int64 // of limits.Memory
}

// entryBytes is approximately the memory that an entry of the directory uses.
const entryBytes = 512

// reserve reserves memory until the workbook is closed.
func (p *pack) reserve(bytes int64) error {
	if err := p.limits.Memory.Grow(bytes); err != nil {
		return fmt.Errorf("open the workbook: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reserved += bytes
	return nil
}

// release returns the reserved memory.
func (p *pack) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.limits.Memory.Shrink(p.reserved)
	p.reserved = 0
}

// entry is one file of the package, as the directory describes it.
type entry struct {
	name      string
	size      int64 // uncompressed
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

// openPack reads the directory. For a file that is not a zip file, it returns the error that
// identify finds.
func openPack(r io.ReaderAt, size int64, limits source.Limits) (*pack, error) {
	if size == 0 {
		return nil, refuse(source.EmptyFile, "", "")
	}
	// archive/zip reads entries as long as it finds any, regardless of their declared number, so the bytes that it can
	// read are limited here.
	directory := &fileReader{r: r, size: size, left: 1<<20 + directoryBytes*int64(limits.MaxEntries)}
	z, err := zip.NewReader(directory, size)
	switch {
	case directory.err != nil:
		return nil, fmt.Errorf("read the workbook's directory: %w", directory.err)
	case directory.left < 0:
		return nil, refuse(source.LimitExceeded, "", "its directory is longer than %d entries need", limits.MaxEntries)
	case err != nil:
		return nil, identify(r, size, err)
	case len(z.File) > limits.MaxEntries:
		return nil, refuse(source.LimitExceeded, "", "it has %d files. The maximum is %d", len(z.File), limits.MaxEntries)
	}
	directory.unbounded = true
	p := &pack{r: directory, limits: limits, entries: make(map[string]*entry, len(z.File))}
	if err := p.reserve(entryBytes * int64(len(z.File))); err != nil {
		return nil, err
	}
	for _, f := range z.File {
		name := cleanPart(f.Name)
		if strings.HasSuffix(name, "/") {
			continue
		}
		if first := p.entries[partKey(name)]; first != nil {
			first.twice = true
			continue
		}
		p.entries[partKey(name)] = &entry{
			name:      name,
			size:      int64(f.UncompressedSize64),
			packed:    int64(f.CompressedSize64),
			sum:       f.CRC32,
			deflated:  f.Method == zip.Deflate,
			method:    f.Method,
			encrypted: f.Flags&1 != 0,
			file:      f,
		}
	}
	return p, nil
}

// find returns the entry of a part, or nil.
func (p *pack) find(part string) *entry { return p.entries[partKey(part)] }

// ratioFloor is the size of a part below which Limits.MaxRatio does not apply.
const ratioFloor = 16 << 20

// admit checks a part against the limits before it is read. max is the limit for this part alone.
func (p *pack) admit(e *entry, max int64) error {
	switch {
	case e.size > max:
		return refuse(source.LimitExceeded, e.name, "it unpacks to %d bytes. The maximum is %d", e.size, max)
	case e.admitted:
		return nil
	case e.twice:
		return refuse(source.Damaged, e.name, "the package has this part twice")
	case e.encrypted:
		return refuse(source.Encrypted, e.name, "its parts are encrypted")
	case e.method != zip.Store && e.method != zip.Deflate:
		return refuse(source.Damaged, e.name, "it is compressed with method %d, which workbooks don't use", e.method)
	case e.size < 0 || e.packed < 0:
		return refuse(source.Damaged, e.name, "the package's directory declares an impossible size")
	case e.method == zip.Store && e.size != e.packed:
		return refuse(source.Damaged, e.name, "it is stored without compression, but declared with %d and %d bytes", e.size, e.packed)
	case e.size > ratioFloor && e.size/int64(p.limits.MaxRatio) > e.packed:
		return refuse(source.LimitExceeded, e.name, "it unpacks to %d bytes from %d, more than %d times as many", e.size, e.packed, p.limits.MaxRatio)
	case e.size > p.limits.MaxTotalBytes-p.opened:
		return refuse(source.LimitExceeded, e.name, "its parts unpack to more than %d bytes", p.limits.MaxTotalBytes)
	}
	p.opened += e.size
	e.admitted = true
	return nil
}

// open returns the text of an admitted part, from its beginning.
func (p *pack) open(e *entry) (*partReader, error) {
	offset, err := e.file.DataOffset()
	if errors.Is(err, zip.ErrFormat) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		damaged := refuse(source.Damaged, e.name, "it is not at the position that the package's directory declares")
		damaged.Err = err
		return nil, damaged
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", e.name, err)
	}
	section := io.NewSectionReader(p.r, offset, e.packed)
	return newPartReader(e, bufio.NewReaderSize(section, int(max(512, min(e.packed, 128<<10))))), nil
}

// scan opens a part for scanning. The caller must stop its feed.
func (p *pack) scan(ctx context.Context, e *entry) (*scanner, error) {
	src, err := p.open(e)
	if err != nil {
		return nil, err
	}
	return &scanner{feed: newFeed(ctx, src), part: e.name, limits: p.limits, slow: p.slow}, nil
}

// each calls visit for every start tag of a descriptive part, and checks the whole part. A token's slices are valid
// until visit returns.
func (p *pack) each(ctx context.Context, e *entry, visit func(x *scanner) error) error {
	if err := p.admit(e, p.limits.MaxDescriptionBytes); err != nil {
		return err
	}
	if err := p.reserve(e.size); err != nil {
		return err
	}
	x, err := p.scan(ctx, e)
	if err != nil {
		return err
	}
	defer x.feed.stop()
	for {
		switch kind := x.next(); kind {
		case tokenEnd, tokenText:
		case tokenStart:
			if err := visit(x); err != nil {
				return err
			}
		default:
			return x.err
		}
	}
}

// cleanPart writes a zip entry's name as a part name without its leading
// slash. Some writers use backslashes.
func cleanPart(name string) string {
	return strings.TrimLeft(strings.ReplaceAll(name, `\`, "/"), "/")
}

// partKey returns the same key for names of the same part (ECMA-376 Part 2 §6.2.2.3: ASCII case is ignored).
func partKey(part string) string {
	return strings.ToLower(part)
}

// resolvePart returns the part that target names, as seen from the part base (ECMA-376 Part 2 §6.5.3.4: relative to
// base unless it begins with a slash).
func resolvePart(base, target string) string {
	target = strings.ReplaceAll(target, `\`, "/")
	if target, _, _ = strings.Cut(target, "#"); strings.HasPrefix(target, "/") {
		return strings.TrimPrefix(path.Clean(target), "/")
	}
	return strings.TrimPrefix(path.Clean("/"+path.Dir(base)+"/"+target), "/")
}

// relsPart returns the name of the part that holds the relationships of part.
func relsPart(part string) string {
	dir, file := path.Split(part)
	return dir + "_rels/" + file + ".rels"
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
