package bucket

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"time"

	"headway/internal/blobs"
	"headway/services/edge/internal/tus"
)

const (
	// partBytes is the size of a blob with bytes of an upload, and so the memory of a request that receives them, and how much is
	// lost if the edge is killed.
	partBytes = 2 << 20
	// partTime is how long received bytes wait for others of their blob.
	partTime = 10 * time.Second
	// storeTimeout is how long storing a blob can take, even if the client is gone.
	storeTimeout = time.Minute
)

var buffers = sync.Pool{New: func() any { b := make([]byte, partBytes); return &b }}

// locked is a tus.Upload.
type locked struct {
	store   *Store
	state   *state
	owner   string
	info    tus.Info
	release func()
	// ctx outlives the request, because bytes that arrived are stored.
	ctx context.Context
}

// Info implements tus.Upload.
func (l *locked) Info() tus.Info { return l.info }

// Unlock implements tus.Upload.
func (l *locked) Unlock() { l.release() }

// put stores a blob of the upload. If there is one already, it returns blobs.ErrExists.
func (l *locked) put(name string, data []byte) error {
	ctx, cancel := context.WithTimeout(l.ctx, storeTimeout)
	defer cancel()
	err := l.store.cfg.Bucket.Create(ctx, l.store.key(l.state, name), data)
	if err == nil {
		l.state.add(name, blobs.Blob{Size: int64(len(data)), ModTime: time.Now()})
		l.info.Length, l.info.Offset, l.info.Expires = l.state.length, l.state.offset, l.state.expires(l.store.cfg.TTL)
	}
	return err
}

// SetLength implements tus.Upload.
func (l *locked) SetLength(length int64) error {
	if err := l.put(lengthKey(length), nil); err != nil && !errors.Is(err, blobs.ErrExists) {
		return fmt.Errorf("store the length of upload %s: %w", l.info.ID, err)
	}
	l.state.length, l.info.Length = length, length
	return nil
}

// Append implements tus.Upload. It stores the bytes in blobs of 2 MiB, so that at most so many are lost if the edge is killed.
func (l *locked) Append(offset int64, r io.Reader) error {
	if offset != l.info.Offset {
		return tus.ErrOffset
	}
	limit := int64(math.MaxInt64)
	if l.info.Length != tus.Deferred {
		limit = l.info.Length - offset
	}
	r = io.LimitReader(r, limit)
	buffer := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	for {
		data, readErr := fill(*buffer, r)
		if len(data) > 0 {
			switch err := l.put(partKey(offset), data); {
			case errors.Is(err, blobs.ErrExists): // another edge was faster
				return l.refresh()
			case err != nil:
				return fmt.Errorf("write upload %s: %w", l.info.ID, err)
			}
			offset += int64(len(data))
		}
		switch {
		case errors.Is(readErr, io.EOF):
			return nil
		case readErr != nil:
			return readErr
		}
	}
}

// fill reads until the buffer is full, the reader fails, or partTime has passed. It returns the reader's error unwrapped.
func fill(buffer []byte, r io.Reader) (data []byte, err error) {
	n := 0
	for started := time.Now(); n < len(buffer) && err == nil && (n == 0 || time.Since(started) < partTime); {
		var m int
		m, err = r.Read(buffer[n:])
		n += m
	}
	return buffer[:n], err
}

// refresh reads the state that another edge has changed, and returns tus.ErrOffset.
func (l *locked) refresh() error {
	ctx, cancel := context.WithTimeout(l.ctx, findTimeout)
	defer cancel()
	u, err := l.store.load(ctx, l.owner, l.info.ID)
	if err != nil {
		return err
	}
	l.state, l.info.Length, l.info.Offset = u, u.length, u.offset
	return tus.ErrOffset
}

// Open implements tus.Upload.
func (l *locked) Open() (io.ReadCloser, error) {
	states := []*state{l.state}
	if len(l.info.Parts) > 0 {
		states = states[:0]
		for _, id := range l.info.Parts {
			part, err := l.store.load(l.ctx, l.owner, id)
			if err != nil {
				return nil, fmt.Errorf("read upload %s: %w", l.info.ID, err)
			}
			states = append(states, part)
		}
	}
	r := &reader{store: l.store, ctx: l.ctx}
	for _, u := range states {
		for _, p := range u.parts {
			r.rest = append(r.rest, content{l.store.key(u, p.name), p.size})
		}
	}
	return r, nil
}

// content is a blob to read.
type content struct {
	key  string
	size int64
}

// reader reads blobs one after the other.
type reader struct {
	store   *Store
	ctx     context.Context
	rest    []content
	current io.ReadCloser
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	for {
		if r.current == nil {
			if len(r.rest) == 0 {
				return 0, io.EOF
			}
			var err error
			if r.current, err = r.store.cfg.Bucket.Open(r.ctx, r.rest[0].key, 0, r.rest[0].size); err != nil {
				return 0, err
			}
			r.rest = r.rest[1:]
		}
		n, err := r.current.Read(p)
		if errors.Is(err, io.EOF) {
			err = r.Close()
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// Close implements io.Closer.
func (r *reader) Close() error {
	if r.current == nil {
		return nil
	}
	err := r.current.Close()
	r.current = nil
	return err
}

// Decide implements tus.Upload.
func (l *locked) Decide(response json.RawMessage) error {
	freed := l.state.reserved(l.store.cfg.IdleAfter)
	if err := l.put(responseName, response); err != nil && !errors.Is(err, blobs.ErrExists) { // of another edge, for the same import
		return fmt.Errorf("store the response of upload %s: %w", l.info.ID, err)
	}
	l.store.count(-freed)
	l.info.Response = response
	ctx, cancel := context.WithTimeout(l.ctx, storeTimeout)
	defer cancel()
	err := l.store.removeParts(ctx, l.state.folder, l.info.Parts)
	for _, p := range l.state.parts {
		err = errors.Join(err, l.store.cfg.Bucket.Delete(ctx, l.store.key(l.state, p.name)))
	}
	if err != nil {
		return fmt.Errorf("remove the bytes of upload %s: %w", l.info.ID, err)
	}
	return nil
}

// Remove implements tus.Upload.
func (l *locked) Remove() error {
	ctx, cancel := context.WithTimeout(l.ctx, storeTimeout)
	defer cancel()
	err := l.store.remove(ctx, l.state)
	if err == nil {
		err = l.store.removeParts(ctx, l.state.folder, l.info.Parts)
	}
	if err != nil {
		return fmt.Errorf("remove upload %s: %w", l.info.ID, err)
	}
	return nil
}
