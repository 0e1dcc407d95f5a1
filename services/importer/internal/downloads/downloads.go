// Package downloads keeps the files that are made for downloads on disk for a few minutes. So a download has a length, can
// be continued where it was interrupted, and is made once for several callers.
package downloads

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

const (
	// keepFor is how long a file is kept after its last use. Download managers wait for minutes before they try again.
	keepFor = 10 * time.Minute
	// maxBytes and maxFiles limit the total size and the number of the files. Beyond them, unused files are removed
	// early. Each file has a descriptor.
	maxBytes = 2 << 30
	maxFiles = 100
	// sweepInterval is the time between two searches for files to remove.
	sweepInterval = time.Minute
)

// Store keeps files by their keys. It is safe for concurrent use.
type Store struct {
	folder string
	// work are the files that are being made.
	work sync.WaitGroup

	mu    sync.Mutex
	files map[string]*entry
	bytes int64
}

// entry is a file that is kept or being made. users are the callers that have it open or wait for it.
type entry struct {
	key   string
	users int
	used  time.Time
	// made is closed when the file is complete or err is set. stop ends the work if no user waits for it any longer.
	made chan struct{}
	stop context.CancelFunc
	err  error

	file *os.File
	size int64
	etag string
}

// Open returns a Store in a folder, from which it removes the files of earlier processes.
func Open(folder string) (*Store, error) {
	if err := os.RemoveAll(folder); err != nil {
		return nil, fmt.Errorf("empty the folder of downloads: %w", err)
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("create the folder of downloads: %w", err)
	}
	return &Store{folder: folder, files: make(map[string]*entry)}, nil
}

// Get returns the file with a key. If it does not exist, write creates it. The context of write ends when no caller waits any longer.
// Close the file.
func (s *Store) Get(ctx context.Context, key string, write func(context.Context, io.Writer) error) (*File, error) {
	e := s.enter(ctx, key, write)
	select {
	case <-e.made:
	case <-ctx.Done():
		s.leave(e)
		return nil, context.Cause(ctx)
	}
	if e.err != nil {
		s.leave(e)
		return nil, e.err
	}
	return &File{store: s, entry: e}, nil
}

// enter returns the entry of a key. It creates the entry if it does not exist.
func (s *Store) enter(ctx context.Context, key string, write func(context.Context, io.Writer) error) *entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.files[key]
	if e == nil {
		work, stop := context.WithCancel(context.WithoutCancel(ctx))
		e = &entry{key: key, made: make(chan struct{}), stop: stop}
		s.files[key] = e
		s.work.Go(func() { s.make(work, e, write) })
	}
	e.users++
	return e
}

// make writes a file, and wakes the callers that wait.
func (s *Store) make(ctx context.Context, e *entry, write func(context.Context, io.Writer) error) {
	defer e.stop()
	defer close(e.made)
	file, err := os.CreateTemp(s.folder, "*")
	if err == nil {
		_ = os.Remove(file.Name()) // it lives until it is closed. On other systems, the sweep removes it
		hash := sha256.New()
		if err = write(ctx, io.MultiWriter(file, hash)); err == nil {
			e.size, err = file.Seek(0, io.SeekCurrent)
			e.etag = hex.EncodeToString(hash.Sum(nil)[:16])
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e.file, e.err = file, err
	current := s.files[e.key] == e // otherwise, no user waits any longer
	if err != nil && current {
		delete(s.files, e.key)
	}
	if err != nil || !current {
		s.discard(e)
		return
	}
	s.bytes += e.size
	s.evict(time.Now())
}

// leave records that a caller no longer uses an entry.
func (s *Store) leave(e *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.users--
	e.used = time.Now()
	if e.users > 0 {
		return
	}
	select {
	case <-e.made:
		s.evict(e.used)
	default:
		e.stop()
		if s.files[e.key] == e { // the next caller begins again
			delete(s.files, e.key)
		}
	}
}

// evict removes files that were not used for long, and the longest unused ones while there are too many bytes. The lock is held.
func (s *Store) evict(now time.Time) {
	for {
		var oldest *entry
		for _, e := range s.files {
			if e.file != nil && e.users == 0 && (oldest == nil || e.used.Before(oldest.used)) {
				oldest = e
			}
		}
		if oldest == nil || s.bytes <= maxBytes && len(s.files) <= maxFiles && now.Sub(oldest.used) < keepFor {
			return
		}
		delete(s.files, oldest.key)
		s.bytes -= oldest.size
		s.discard(oldest)
	}
}

// discard closes and removes a file.
func (s *Store) discard(e *entry) {
	if e.file == nil {
		return
	}
	_ = e.file.Close() // it was only read since it was complete
	_ = os.Remove(e.file.Name())
}

// Run removes files that are no longer used, until ctx is done.
func (s *Store) Run(ctx context.Context) error {
	ticker := time.NewTicker(sweepInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			s.mu.Lock()
			s.evict(time.Now())
			s.mu.Unlock()
		}
	}
}

// Close closes all files, which no caller uses any longer.
func (s *Store) Close() error {
	s.work.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	for key, e := range s.files {
		if e.file != nil {
			err = errors.Join(err, e.file.Close())
		}
		delete(s.files, key)
	}
	return errors.Join(err, os.RemoveAll(s.folder))
}

// File is a complete file. It is safe for concurrent use.
type File struct {
	store  *Store
	entry  *entry
	closed sync.Once
}

// Size returns the length in bytes.
func (f *File) Size() int64 { return f.entry.size }

// ETag identifies the content.
func (f *File) ETag() string { return f.entry.etag }

// ReadAt implements io.ReaderAt.
func (f *File) ReadAt(b []byte, offset int64) (int, error) { return f.entry.file.ReadAt(b, offset) }

// Close ends the use of the file.
func (f *File) Close() error {
	f.closed.Do(func() { f.store.leave(f.entry) })
	return nil
}
