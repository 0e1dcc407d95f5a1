package files

import (
	"context"
	"fmt"
	"io"
	"sync"

	"headway/internal/blobs"
)

// blockBytes is what one range read fetches, and so how far is read ahead; blocks bounds how many are held.
const (
	blockBytes = 1 << 20
	blocks     = 4
)

// File is a stored workbook as an io.ReaderAt: its reads are few and large whatever the reader's are.
type File struct {
	ctx    context.Context
	bucket *blobs.Bucket
	key    string
	size   int64

	mu   sync.Mutex
	held []*block // the most recently used last
}

// block is a piece of the file; ready is closed when it is there.
type block struct {
	index int64
	ready chan struct{}
	data  []byte
	err   error
}

// Size is the file's length in bytes.
func (f *File) Size() int64 { return f.size }

// ReadAt implements io.ReaderAt.
func (f *File) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, fmt.Errorf("read %s: the offset %d is negative", f.key, off)
	}
	for n < len(p) {
		if off >= f.size {
			return n, io.EOF
		}
		b := f.block(off / blockBytes)
		if b.err != nil {
			return n, b.err
		}
		copied := copy(p[n:], b.data[off%blockBytes:])
		n, off = n+copied, off+int64(copied)
	}
	return n, nil
}

// block gives a piece that is held, or fetches it. Of several that ask for the same piece one fetches.
func (f *File) block(index int64) *block {
	f.mu.Lock()
	for i, b := range f.held {
		if b.index == index {
			f.held = append(append(f.held[:i], f.held[i+1:]...), b)
			f.mu.Unlock()
			<-b.ready
			return b
		}
	}
	b := &block{index: index, ready: make(chan struct{})}
	if len(f.held) == blocks {
		f.held = f.held[:copy(f.held, f.held[1:])]
	}
	f.held = append(f.held, b)
	f.mu.Unlock()
	b.data, b.err = f.fetch(index)
	if b.err != nil {
		f.forget(b)
	}
	close(b.ready)
	return b
}

func (f *File) fetch(index int64) ([]byte, error) {
	start := index * blockBytes
	data := make([]byte, min(blockBytes, f.size-start))
	r, err := f.bucket.Open(f.ctx, f.key, start, int64(len(data)))
	if err != nil {
		return nil, unavailable(f.ctx, "read "+f.key, err)
	}
	defer r.Close()
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, unavailable(f.ctx, "read "+f.key, err)
	}
	return data, nil
}

// forget lets a failed piece be fetched again.
func (f *File) forget(failed *block) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, b := range f.held {
		if b == failed {
			f.held = append(f.held[:i], f.held[i+1:]...)
			return
		}
	}
}
