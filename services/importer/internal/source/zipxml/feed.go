package zipxml

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sync/atomic"

	"github.com/klauspost/compress/flate"

	"headway/services/importer/internal/source"
)

// BlockSize is the number of bytes of a part that are decompressed at a time. It is large enough that passing on a
// block has no measurable cost, and small enough to stay in the CPU cache.
const BlockSize = 256 << 10

// blocks is the maximum number of blocks of a feed: one that is being scanned, one that is being filled, and some to
// balance the two.
const blocks = 4

// Headroom is the space before a block's data, to which the scanner moves the unfinished end of the previous block.
const Headroom = 16 << 10

// block is a chunk of a part, as UTF-8, in mem[headroom : headroom+n].
type block struct {
	mem []byte
	n   int
	raw int64 // bytes of the part consumed up to the end of this block
	err error // the error that ended the part, or io.EOF at its regular end
}

// feed decompresses, checks, and converts a part on its own goroutine, some blocks ahead of the scanner. The goroutine
// ends at the part's end, after an error, or when stop is called.
type feed struct {
	full   chan *block
	free   chan *block
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}
	read   atomic.Int64
}

// newFeed starts to read src, whose declared uncompressed size is size.
func newFeed(ctx context.Context, src *partReader) *feed {
	ctx, cancel := context.WithCancel(ctx)
	f := &feed{
		full:   make(chan *block, blocks),
		free:   make(chan *block, blocks),
		ctx:    ctx,
		cancel: cancel,
		done:   make(chan struct{}),
	}
	go f.run(src)
	return f
}

func (f *feed) run(src *partReader) {
	defer close(f.done)
	defer close(f.full)
	text := NewDecoder(src)
	size := int(min(BlockSize, 2*src.size+64))
	for made := 0; ; {
		var b *block
		select {
		case b = <-f.free:
		case <-f.ctx.Done():
			return
		default:
			if made < blocks {
				made++
				b = &block{mem: make([]byte, Headroom+size)}
				break
			}
			select {
			case b = <-f.free:
			case <-f.ctx.Done():
				return
			}
		}
		b.n, b.err = readFull(text, b.mem[Headroom:])
		b.raw = src.read
		ended := b.err != nil // the block may be recycled once it is sent
		select {
		case f.full <- b:
		case <-f.ctx.Done():
			return
		}
		if ended {
			return
		}
	}
}

// next waits for the next block. It returns the context's error if the context ends first.
func (f *feed) next() (*block, error) {
	select {
	case b, ok := <-f.full:
		if ok {
			return b, nil
		}
	case <-f.ctx.Done():
	}
	if err := context.Cause(f.ctx); err != nil {
		return nil, err
	}
	return nil, io.ErrUnexpectedEOF // not reached, because the last block has an error
}

// recycle returns a block for reuse.
func (f *feed) recycle(b *block) {
	select {
	case f.free <- b:
	default:
	}
}

// stop ends the goroutine and waits for it.
func (f *feed) stop() {
	f.cancel()
	<-f.done
}

// readFull reads until buf is full or r ends. Unlike io.ReadFull, it returns r's own error together with the bytes
// before it.
func readFull(r io.Reader, buf []byte) (n int, err error) {
	for idle := 0; n < len(buf) && err == nil; {
		var m int
		m, err = r.Read(buf[n:])
		n += m
		if m == 0 && err == nil {
			if idle++; idle == 100 {
				return n, io.ErrNoProgress
			}
			continue
		}
		idle = 0
	}
	return n, err
}

// partReader returns a part's uncompressed bytes, and checks them against the size and the CRC-32 in the package's
// directory.
type partReader struct {
	part string
	src  io.Reader
	size int64
	sum  uint32
	read int64
	crc  uint32
}

// newPartReader reads the stored or deflated bytes of raw.
func newPartReader(e *Part, raw io.Reader) *partReader {
	p := &partReader{part: e.Name, src: raw, size: e.Size, sum: e.sum}
	if e.deflated {
		p.src = flate.NewReader(raw)
	}
	return p
}

func (p *partReader) Read(buf []byte) (int, error) {
	n, err := p.src.Read(buf)
	p.crc = crc32.Update(p.crc, crc32.IEEETable, buf[:n])
	p.read += int64(n)
	if p.read > p.size {
		return n, p.damaged(nil, "it has more than the %d bytes that the package's directory declares", p.size)
	}
	switch {
	case err == nil:
		return n, nil
	case err != io.EOF:
		return n, p.broken(err)
	case p.read != p.size:
		return n, p.damaged(nil, "it has %d bytes, but the package's directory declares %d", p.read, p.size)
	case p.crc != p.sum:
		return n, p.damaged(nil, "its checksum is %08x, but the package's directory declares %08x", p.crc, p.sum)
	}
	return n, io.EOF
}

// broken distinguishes corrupt compressed data from a failure of the underlying reader.
func (p *partReader) broken(err error) error {
	var corrupt flate.CorruptInputError
	var impossible flate.InternalError // the error for some corrupt codes
	switch {
	case errors.As(err, &corrupt), errors.As(err, &impossible):
		return p.damaged(err, "its compressed data is broken after %d bytes", p.read)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return p.damaged(err, "its compressed data is cut off after %d bytes", p.read)
	}
	return fmt.Errorf("read %s: %w", p.part, err)
}

func (p *partReader) damaged(cause error, format string, args ...any) error {
	e := Refuse(source.Damaged, fmt.Sprintf("%s, byte %d", p.part, p.read), format, args...)
	e.Err = cause
	return e
}
