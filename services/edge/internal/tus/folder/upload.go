package folder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"sync"
	"time"

	"headway/services/edge/internal/tus"
)

// chunkBytes is the number of bytes that are read and written at a time.
const chunkBytes = 256 << 10

var chunks = sync.Pool{New: func() any { b := make([]byte, chunkBytes); return &b }}

// upload is one upload of the store.
type upload struct {
	id, owner, metadata string
	partial             bool
	parts               []string
	// joinedBy is the ID of the upload that joins this part, or "". Store.mu guards it.
	joinedBy string
	lock     *tus.Lock

	mu sync.Mutex
	// length is the size of the whole file, or tus.Deferred.
	length, offset int64
	touched        time.Time
	response       json.RawMessage
	removed        bool
}

func newUpload(id string, n note) *upload {
	return &upload{
		id: id, owner: n.Owner, metadata: n.Metadata, length: n.Length, partial: n.Partial, parts: n.Parts, response: n.Response,
		touched: time.Now(), lock: tus.NewLock(),
	}
}

// note returns the upload's ID and the content of its note.
func (u *upload) note() (string, note) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.id, note{Owner: u.owner, Length: u.length, Metadata: u.metadata, Partial: u.partial, Parts: u.parts, Response: u.response}
}

// hasNoBytes reports whether the upload has no file for its bytes, because they are in its parts, or were imported.
func (u *upload) hasNoBytes() bool { return u.response != nil || len(u.parts) > 0 }

func (u *upload) expires(ttl time.Duration) time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.expiresLocked(ttl)
}

func (u *upload) expiresLocked(ttl time.Duration) time.Time {
	if u.response != nil {
		ttl = min(ttl, responseTTL)
	}
	return u.touched.Add(ttl)
}

func (u *upload) info(ttl time.Duration) tus.Info {
	u.mu.Lock()
	defer u.mu.Unlock()
	return tus.Info{
		ID: u.id, Length: u.length, Offset: u.offset, Metadata: u.metadata, Partial: u.partial, Parts: u.parts,
		Expires: u.expiresLocked(ttl), Response: u.response,
	}
}

func (u *upload) decided() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.response != nil
}

func (u *upload) complete() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.offset == u.length
}

// idle reports whether the upload is unfinished and has received nothing for a while.
func (u *upload) idle(after time.Duration) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.offset != u.length && time.Since(u.touched) > after
}

func (u *upload) lastTouched() time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.touched
}

func (u *upload) setRemoved() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.removed = true
}

func (u *upload) isRemoved() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.removed
}

// acquire asks the request that has locked the upload to yield, and waits for it.
func (u *upload) acquire(ctx context.Context, yield func()) error {
	if err := u.lock.Acquire(ctx, yield); err != nil {
		return err
	}
	if u.isRemoved() {
		u.lock.Release()
		return tus.ErrNotFound
	}
	return nil
}

func (u *upload) advance(offset int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.offset, u.touched = offset, time.Now()
}

// locked is a tus.Upload.
type locked struct {
	store  *Store
	upload *upload
}

// Info implements tus.Upload.
func (l *locked) Info() tus.Info { return l.upload.info(l.store.cfg.TTL) }

// Unlock implements tus.Upload.
func (l *locked) Unlock() { l.upload.lock.Release() }

// SetLength implements tus.Upload.
func (l *locked) SetLength(length int64) error {
	id, n := l.upload.note()
	n.Length = length
	if err := l.store.writeNote(id, n); err != nil {
		return fmt.Errorf("store the length of upload %s: %w", id, err)
	}
	l.upload.mu.Lock()
	defer l.upload.mu.Unlock()
	l.upload.length = length
	return nil
}

// Append implements tus.Upload.
func (l *locked) Append(offset int64, r io.Reader) error {
	u, info := l.upload, l.Info()
	if offset != info.Offset {
		return tus.ErrOffset
	}
	file, err := os.OpenFile(l.store.path(u.id+bytesSuffix), os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("open upload %s: %w", u.id, err)
	}
	limit := int64(math.MaxInt64)
	if info.Length != tus.Deferred {
		limit = info.Length - offset
	}
	readErr, writeErr := l.copy(file, offset, io.LimitReader(r, limit))
	writeErr = errors.Join(writeErr, file.Sync(), file.Close())
	if writeErr != nil {
		return fmt.Errorf("write upload %s: %w", u.id, writeErr)
	}
	return readErr
}

// copy advances the upload's offset with every chunk.
func (l *locked) copy(file *os.File, offset int64, r io.Reader) (readErr, writeErr error) {
	buffer := chunks.Get().(*[]byte)
	defer chunks.Put(buffer)
	for readErr == nil {
		var n int
		for n < len(*buffer) && readErr == nil {
			var m int
			m, readErr = r.Read((*buffer)[n:])
			n += m
		}
		if n == 0 {
			break
		}
		written, err := file.WriteAt((*buffer)[:n], offset)
		offset += int64(written)
		l.upload.advance(offset)
		if err != nil {
			return nil, err
		}
	}
	if errors.Is(readErr, io.EOF) {
		readErr = nil
	}
	return readErr, nil
}

// Open implements tus.Upload.
func (l *locked) Open() (r io.ReadCloser, err error) {
	if len(l.upload.parts) > 0 {
		r, err = l.store.openJoined(l.upload.parts)
	} else {
		r, err = os.Open(l.store.path(l.upload.id + bytesSuffix))
	}
	if err != nil {
		return nil, fmt.Errorf("read upload %s: %w", l.upload.id, err)
	}
	return r, nil
}

// Decide implements tus.Upload.
func (l *locked) Decide(response json.RawMessage) error {
	u := l.upload
	id, n := u.note()
	n.Response = response
	if err := l.store.writeNote(id, n); err != nil {
		return fmt.Errorf("store the response of upload %s: %w", id, err)
	}
	u.mu.Lock()
	u.response, u.touched = response, time.Now()
	u.mu.Unlock()
	for _, part := range u.parts {
		if p, err := l.store.find(u.owner, part); err == nil {
			l.store.removeIdle(p)
		}
	}
	if err := os.Remove(l.store.path(id + bytesSuffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the bytes of upload %s: %w", id, err)
	}
	return nil
}

// Remove implements tus.Upload.
func (l *locked) Remove() error {
	if err := l.store.remove(l.upload); err != nil {
		return fmt.Errorf("remove upload %s: %w", l.upload.id, err)
	}
	return nil
}
