package files

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync"

	"golang.org/x/sync/singleflight"

	"headway/internal/blobs"
)

const (
	// blockBytes is the size of one range read. A file is read ahead by up to this size.
	blockBytes = 1 << 20
	// maxBlocks is the maximum number of blocks of a file in memory.
	maxBlocks = 4
)

// File is a stored workbook as an io.ReaderAt. It reads from the bucket in a few large ranges, even if its callers read
// small ones. While a caller uses a block that follows another one, the next block is already read. It is safe for
// concurrent use.
type File struct {
	ctx    context.Context
	cancel context.CancelFunc
	bucket *blobs.Bucket
	key    string
	size   int64

	// fetches makes concurrent readers of a block share one range read.
	fetches singleflight.Group

	// ahead runs the reads ahead.
	ahead sync.WaitGroup

	mu        sync.Mutex
	recent    []block // the most recently used last
	spare     []byte  // the memory of a block that is no longer recent, or nil
	lastAhead int64   // the block that was last read ahead
}

// block is a part of the file.
type block struct {
	index int64
	data  []byte
}

// Close ends all reads, and waits for their end.
func (f *File) Close() {
	f.cancel()
	f.ahead.Wait()
}

// Size returns the length of the file in bytes.
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
		index := off / blockBytes
		f.readAhead(index)
		copied, ok := f.copyBlock(p[n:], index, off%blockBytes)
		if !ok {
			if err := f.load(index); err != nil {
				return n, err
			}
			continue
		}
		n, off = n+copied, off+int64(copied)
	}
	return n, nil
}

// readAhead starts to read the block after index if the one before index was read. An object store takes some time to
// answer, and the caller uses the block at index in the meantime.
func (f *File) readAhead(index int64) {
	next := index + 1
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lastAhead == next || next*blockBytes >= f.size || !f.has(index-1) || f.has(next) {
		return
	}
	f.lastAhead = next
	f.ahead.Go(func() { _ = f.load(next) }) // the caller that needs the block gets the error
}

// has reports whether a block is in memory. The caller holds mu.
func (f *File) has(index int64) bool {
	return slices.ContainsFunc(f.recent, func(b block) bool { return b.index == index })
}

// load reads a block into memory if it isn't there.
func (f *File) load(index int64) error {
	_, err, _ := f.fetches.Do(strconv.FormatInt(index, 10), func() (any, error) {
		f.mu.Lock()
		data, has := f.spare, f.has(index) // a fetch ended in the meantime
		if !has {
			f.spare = nil
		}
		f.mu.Unlock()
		if has {
			return nil, nil
		}
		data, err := f.fetch(index, data)
		if err != nil {
			return nil, err
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		if len(f.recent) == maxBlocks {
			f.spare = f.recent[0].data
			f.recent = slices.Delete(f.recent, 0, 1)
		}
		f.recent = append(f.recent, block{index, data})
		return nil, nil
	})
	return err
}

// copyBlock copies from a block that is in memory, and marks it as the most recently used one.
func (f *File) copyBlock(p []byte, index, off int64) (n int, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, b := range f.recent {
		if b.index == index {
			f.recent = append(slices.Delete(f.recent, i, i+1), b)
			return copy(p, b.data[off:]), true
		}
	}
	return 0, false
}

// fetch reads a block from the bucket, into data if it has room.
func (f *File) fetch(index int64, data []byte) ([]byte, error) {
	start := index * blockBytes
	size := min(blockBytes, f.size-start)
	if int64(cap(data)) < size {
		data = make([]byte, size)
	}
	data = data[:size]
	r, err := f.bucket.Open(f.ctx, f.key, start, size)
	if err != nil {
		return nil, unavailable(f.ctx, "read "+f.key, err)
	}
	defer r.Close()
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, unavailable(f.ctx, "read "+f.key, err)
	}
	return data, nil
}
