package folder

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	"headway/services/edge/internal/tus"
)

// pieceBytes is how much is read before it is written.
const pieceBytes = 256 << 10

var pieces = sync.Pool{New: func() any { b := make([]byte, pieceBytes); return &b }}

// upload is one that is kept.
type upload struct {
	id, owner, metadata string
	length              int64
	// free holds one token while somebody holds the upload.
	free chan struct{}

	mu      sync.Mutex
	offset  int64
	touched time.Time
	outcome json.RawMessage
	removed bool
	// yield asks the holder to let go; wanted is how many wait for that.
	yield  func()
	wanted int
}

func newUpload(id string, n note) *upload {
	return &upload{
		id: id, owner: n.Owner, metadata: n.Metadata, length: n.Length, outcome: n.Outcome,
		touched: time.Now(), free: make(chan struct{}, 1),
	}
}

func (u *upload) expires(ttl time.Duration) time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.expiresLocked(ttl)
}

func (u *upload) expiresLocked(ttl time.Duration) time.Time {
	if u.outcome != nil {
		ttl = min(ttl, outcomeTTL)
	}
	return u.touched.Add(ttl)
}

func (u *upload) info(ttl time.Duration) tus.Info {
	u.mu.Lock()
	defer u.mu.Unlock()
	return tus.Info{
		ID: u.id, Length: u.length, Offset: u.offset, Metadata: u.metadata, Expires: u.expiresLocked(ttl),
		Outcome: u.outcome,
	}
}

func (u *upload) decided() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.outcome != nil
}

func (u *upload) held() bool { return len(u.free) > 0 }

// want asks the holder to let go.
func (u *upload) want() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.wanted++
	if u.yield != nil {
		u.yield()
	}
}

func (u *upload) unwant() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.wanted--
}

// locked is an upload in the hands of one request, which must Unlock it.
type locked struct {
	store  *Store
	upload *upload
}

// Info tells of the upload.
func (h *locked) Info() tus.Info { return h.upload.info(h.store.cfg.TTL) }

// Unlock lets the next one have it.
func (h *locked) Unlock() {
	h.upload.mu.Lock()
	h.upload.yield = nil
	h.upload.mu.Unlock()
	<-h.upload.free
}

// Append writes what the reader gives, from offset on and no further than the upload's length, and makes it durable.
// Whatever arrived is kept, also if the reader fails in the middle; its error is returned as it is, wrapped in nothing.
// It returns ErrOffset if the bytes so far end elsewhere.
func (h *locked) Append(offset int64, r io.Reader) error {
	u := h.upload
	if offset != h.Info().Offset {
		return tus.ErrOffset
	}
	file, err := os.OpenFile(h.store.path(u.id+bytesSuffix), os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("open upload %s: %w", u.id, err)
	}
	readErr, writeErr := h.copy(file, offset, io.LimitReader(r, u.length-offset))
	writeErr = errors.Join(writeErr, file.Sync(), file.Close())
	if writeErr != nil {
		return fmt.Errorf("write upload %s: %w", u.id, writeErr)
	}
	return readErr
}

// copy moves the offset on with every piece, so that who asks sees how far it is.
func (h *locked) copy(file *os.File, offset int64, r io.Reader) (readErr, writeErr error) {
	buffer := pieces.Get().(*[]byte)
	defer pieces.Put(buffer)
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
		h.upload.advance(offset)
		if err != nil {
			return nil, err
		}
	}
	if errors.Is(readErr, io.EOF) {
		readErr = nil
	}
	return readErr, nil
}

func (u *upload) advance(offset int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.offset, u.touched = offset, time.Now()
}

// Open reads the bytes that have arrived.
func (h *locked) Open() (io.ReadCloser, error) {
	file, err := os.Open(h.store.path(h.upload.id + bytesSuffix))
	if err != nil {
		return nil, fmt.Errorf("read upload %s: %w", h.upload.id, err)
	}
	return file, nil
}

// Decide notes what became of the upload, and lets its bytes go. The outcome is kept for an hour, for those who ask
// again.
func (h *locked) Decide(outcome json.RawMessage) error {
	u := h.upload
	if err := h.store.writeNote(u, outcome); err != nil {
		return fmt.Errorf("note the outcome of upload %s: %w", u.id, err)
	}
	u.mu.Lock()
	u.outcome, u.touched = outcome, time.Now()
	u.mu.Unlock()
	if err := os.Remove(h.store.path(u.id + bytesSuffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the bytes of upload %s: %w", u.id, err)
	}
	return nil
}

// Remove gives the upload up; nothing is kept of it.
func (h *locked) Remove() error {
	if err := h.store.remove(h.upload); err != nil {
		return fmt.Errorf("remove upload %s: %w", h.upload.id, err)
	}
	return nil
}
