// Package folder stores the uploads of tus in a folder. Each upload has one file for its bytes, which grows as they arrive,
// and one small file, its note, for everything else. Both survive a restart.
package folder

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"headway/internal/atomicfile"
	"headway/services/edge/internal/tus"
)

const (
	// responseTTL is how long the response to an import's request is stored.
	responseTTL = time.Hour
	// sweepPart is the interval at which expired uploads are removed, as a fraction of an upload's lifetime.
	sweepPart = 100

	noteSuffix, bytesSuffix = ".json", ".part"
)

// Config holds a Store's settings. All fields are required.
type Config struct {
	// Folder is the folder of the uploads. It belongs to this store alone.
	Folder string
	// TTL is how long an unfinished upload is stored after its last byte.
	TTL time.Duration
	// Limits are those of all uploads.
	tus.Limits
	// Logger receives errors that change no response.
	Logger *slog.Logger
}

// Store is a tus.Store. It is safe for concurrent use.
type Store struct {
	cfg Config

	mu      sync.Mutex
	uploads map[string]*upload
}

// note is the content of the small file of an upload.
type note struct {
	Owner    string          `json:"owner"`
	Length   int64           `json:"length"`
	Metadata string          `json:"metadata,omitempty"`
	Partial  bool            `json:"partial,omitempty"`
	Parts    []string        `json:"parts,omitempty"`
	Response json.RawMessage `json:"outcome,omitempty"`
}

// Open returns a Store for a folder, with the existing uploads in it.
func Open(cfg Config) (*Store, error) {
	s := &Store{cfg: cfg, uploads: make(map[string]*upload)}
	if err := os.MkdirAll(cfg.Folder, 0o700); err != nil {
		return nil, fmt.Errorf("create the folder of uploads: %w", err)
	}
	entries, err := os.ReadDir(cfg.Folder)
	if err != nil {
		return nil, fmt.Errorf("read the folder of uploads: %w", err)
	}
	for _, entry := range entries {
		if id, ok := strings.CutSuffix(entry.Name(), noteSuffix); ok {
			if err := s.load(id); err != nil {
				return nil, fmt.Errorf("read upload %s: %w", id, err)
			}
		}
	}
	s.joinLoaded()
	for _, entry := range entries { // the remains of a crash
		id, isBytes := strings.CutSuffix(entry.Name(), bytesSuffix)
		if isBytes && s.uploads[id] == nil || strings.HasPrefix(entry.Name(), ".") {
			if err := os.Remove(s.path(entry.Name())); err != nil {
				return nil, fmt.Errorf("clean up the folder of uploads: %w", err)
			}
		}
	}
	return s, nil
}

func (s *Store) path(name string) string { return filepath.Join(s.cfg.Folder, name) }

// load reads an upload of an earlier process. Its offset is the size of its file.
func (s *Store) load(id string) error {
	text, err := os.ReadFile(s.path(id + noteSuffix))
	if err != nil {
		return err
	}
	var n note
	if err := json.Unmarshal(text, &n); err != nil {
		s.cfg.Logger.Warn("deleting an upload whose metadata can't be read", "upload_id", id, "error", err)
		return os.Remove(s.path(id + noteSuffix))
	}
	u := newUpload(id, n)
	name := id + bytesSuffix
	if u.hasNoBytes() {
		name = id + noteSuffix
	}
	info, err := os.Stat(s.path(name))
	switch {
	case errors.Is(err, fs.ErrNotExist): // it was being removed
		return os.Remove(s.path(id + noteSuffix))
	case err != nil:
		return err
	}
	u.offset, u.touched = info.Size(), info.ModTime()
	if u.length >= 0 {
		u.offset = min(u.offset, u.length)
	}
	if u.hasNoBytes() {
		u.offset = u.length
	}
	s.uploads[id] = u
	return nil
}

// joinLoaded connects the joined uploads with their parts.
func (s *Store) joinLoaded() {
	for _, u := range s.uploads {
		for _, id := range u.parts {
			if part := s.uploads[id]; part != nil {
				part.joinedBy = u.id
			} else if u.response == nil { // it was being removed
				delete(s.uploads, u.id)
				_ = os.Remove(s.path(u.id + noteSuffix)) // tried again at the next start
			}
		}
	}
}

// Run removes expired uploads until ctx is done.
func (s *Store) Run(ctx context.Context) {
	ticker := time.NewTicker(max(s.cfg.TTL/sweepPart, time.Millisecond))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			s.sweep(now)
		}
	}
}

// sweep removes the uploads that have expired and are not locked. A joined upload removes its parts.
func (s *Store) sweep(now time.Time) {
	s.mu.Lock()
	var expired []*upload
	for _, u := range s.uploads {
		if now.After(u.expires(s.cfg.TTL)) && s.uploads[u.joinedBy] == nil {
			expired = append(expired, u)
		}
	}
	s.mu.Unlock()
	for _, u := range expired {
		if !u.lock.TryAcquire() {
			continue
		}
		if now.After(u.expires(s.cfg.TTL)) {
			s.removeIdle(u)
		}
		u.lock.Release()
	}
}

// removeIdle removes an upload that no request asked to remove.
func (s *Store) removeIdle(u *upload) {
	if err := s.remove(u); err != nil {
		s.cfg.Logger.Error("can't remove an upload", "upload_id", u.id, "error", err)
	}
}

// Create implements tus.Store.
func (s *Store) Create(ctx context.Context, owner string, d tus.Draft) (tus.Info, error) {
	n := note{Owner: owner, Length: d.Length, Metadata: d.Metadata, Partial: d.Partial}
	if len(d.Parts) > 0 {
		return s.join(ctx, n, d.Parts)
	}
	u := newUpload(rand.Text(), n)
	evicted, err := s.reserve(u)
	for _, old := range evicted {
		s.removeIdle(old)
		old.lock.Release()
	}
	if err != nil {
		return tus.Info{}, err
	}
	if err := s.createFiles(u); err != nil {
		return tus.Info{}, errors.Join(fmt.Errorf("create an upload: %w", err), s.remove(u))
	}
	return u.info(s.cfg.TTL), nil
}

// createFiles creates the file of the bytes before the note, because a note without bytes is not an upload.
func (s *Store) createFiles(u *upload) error {
	file, err := os.OpenFile(s.path(u.id+bytesSuffix), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	return s.writeNote(u.note())
}

func (s *Store) writeNote(id string, n note) error {
	return atomicfile.Write(s.path(id+noteSuffix), 0o600, func(w io.Writer) error { return json.NewEncoder(w).Encode(n) })
}

// remove deletes an upload, and the parts that it joins.
func (s *Store) remove(u *upload) error {
	s.mu.Lock()
	delete(s.uploads, u.id)
	removed := []*upload{u}
	for _, id := range u.parts {
		if part := s.uploads[id]; part != nil && part.joinedBy == u.id {
			delete(s.uploads, id)
			removed = append(removed, part)
		}
	}
	s.mu.Unlock()
	var errs []error
	for _, u := range removed {
		u.setRemoved()
		for _, suffix := range []string{noteSuffix, bytesSuffix} {
			if err := os.Remove(s.path(u.id + suffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

func (s *Store) find(owner, id string) (*upload, error) {
	s.mu.Lock()
	u := s.uploads[id]
	s.mu.Unlock()
	if u == nil || u.owner != owner || time.Now().After(u.expires(s.cfg.TTL)) && !u.lock.IsHeld() {
		return nil, tus.ErrNotFound
	}
	return u, nil
}

// Find implements tus.Store.
func (s *Store) Find(owner, id string) (tus.Info, error) {
	u, err := s.find(owner, id)
	if err != nil {
		return tus.Info{}, err
	}
	return u.info(s.cfg.TTL), nil
}

// Lock implements tus.Store. It waits 10 seconds for another request.
func (s *Store) Lock(ctx context.Context, owner, id string, yield func()) (tus.Upload, error) {
	u, err := s.find(owner, id)
	if err != nil {
		return nil, err
	}
	if err := u.acquire(ctx, yield); err != nil {
		return nil, err
	}
	return &locked{store: s, upload: u}, nil
}
