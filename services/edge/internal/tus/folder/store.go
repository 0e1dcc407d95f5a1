// Package folder keeps uploads that come in pieces, over lines that break, in a folder: each one's bytes in one file
// as they arrive, and beside them a small file that says whose they are. The bytes that a process was killed over are
// still there when it comes back.
//
// An upload belongs to one user, and to everybody else there is no such upload.
package folder

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"headway/services/edge/internal/tus"
)

const (
	// handover is how long a request waits for another one to let go of an upload.
	handover = 10 * time.Second
	// outcomeTTL is how long it is remembered what became of an upload that is complete.
	outcomeTTL = time.Hour
	// sweepPart says how often uploads are looked through for those that have expired: this part of their life.
	sweepPart = 100

	noteSuffix, bytesSuffix = ".json", ".part"
)

// Config is how uploads are kept. All fields are needed.
type Config struct {
	// Folder holds them; it belongs to this store alone.
	Folder string
	// TTL is how long an unfinished upload is kept after its last byte.
	TTL time.Duration
	// PerUser is how many unfinished uploads a user may have, and BytesPerUser how long they may be together; 0 for no
	// limit.
	PerUser      int
	BytesPerUser int64
	// Bytes is how long all unfinished uploads may be together; 0 for no limit.
	Bytes int64
	// Logger gets what goes wrong while nobody is asking.
	Logger *slog.Logger
}

// Store keeps uploads. Safe for concurrent use.
type Store struct {
	cfg Config

	mu      sync.Mutex
	uploads map[string]*upload
}

// note is the small file beside an upload's bytes.
type note struct {
	Owner    string          `json:"owner"`
	Length   int64           `json:"length"`
	Metadata string          `json:"metadata,omitempty"`
	Outcome  json.RawMessage `json:"outcome,omitempty"`
}

// Open makes a store of a folder, with the uploads that are in it.
func Open(cfg Config) (*Store, error) {
	s := &Store{cfg: cfg, uploads: make(map[string]*upload)}
	if err := os.MkdirAll(cfg.Folder, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of uploads: %w", err)
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
	for _, entry := range entries { // half of one, left by a crash
		id, isBytes := strings.CutSuffix(entry.Name(), bytesSuffix)
		if isBytes && s.uploads[id] == nil || strings.HasPrefix(entry.Name(), ".") {
			if err := os.Remove(s.path(entry.Name())); err != nil {
				return nil, fmt.Errorf("tidy the folder of uploads: %w", err)
			}
		}
	}
	return s, nil
}

func (s *Store) path(name string) string { return filepath.Join(s.cfg.Folder, name) }

// load reads an upload that an earlier process kept. Its offset is how many bytes are in its file.
func (s *Store) load(id string) error {
	text, err := os.ReadFile(s.path(id + noteSuffix))
	if err != nil {
		return err
	}
	var n note
	if err := json.Unmarshal(text, &n); err != nil {
		s.cfg.Logger.Warn("an upload's note cannot be read; the upload is dropped", "upload_id", id, "error", err)
		return os.Remove(s.path(id + noteSuffix))
	}
	u := newUpload(id, n)
	name := bytesSuffix
	if u.outcome != nil {
		name = noteSuffix
	}
	info, err := os.Stat(s.path(id + name))
	switch {
	case errors.Is(err, fs.ErrNotExist): // was removed, but for the note
		return os.Remove(s.path(id + noteSuffix))
	case err != nil:
		return err
	}
	u.offset, u.touched = min(info.Size(), u.length), info.ModTime()
	if u.outcome != nil {
		u.offset = u.length
	}
	s.uploads[id] = u
	return nil
}

// Run gives up expired uploads until ctx ends.
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

// sweep removes what has expired and is not in use.
func (s *Store) sweep(now time.Time) {
	s.mu.Lock()
	var expired []*upload
	for _, u := range s.uploads {
		if now.After(u.expires(s.cfg.TTL)) {
			expired = append(expired, u)
		}
	}
	s.mu.Unlock()
	for _, u := range expired {
		select {
		case u.free <- struct{}{}:
		default: // somebody is at it, so it is not idle
			continue
		}
		if now.After(u.expires(s.cfg.TTL)) {
			if err := s.remove(u); err != nil {
				s.cfg.Logger.Error("an expired upload could not be removed", "upload_id", u.id, "error", err)
			}
		}
		<-u.free
	}
}

// Create begins an upload. It returns ErrTooMany if the owner has too many that are not finished, and ErrFull
// if everyone together has.
func (s *Store) Create(owner string, length int64, metadata string) (tus.Info, error) {
	u := newUpload(rand.Text(), note{Owner: owner, Length: length, Metadata: metadata})
	if err := s.reserve(u); err != nil {
		return tus.Info{}, err
	}
	if err := s.createFiles(u); err != nil {
		return tus.Info{}, errors.Join(fmt.Errorf("begin an upload: %w", err), s.remove(u))
	}
	return u.info(s.cfg.TTL), nil
}

// reserve lists an upload, if its owner may have one more.
func (s *Store) reserve(u *upload) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	count, bytes, all := 1, u.length, u.length
	for _, other := range s.uploads {
		if other.decided() {
			continue
		}
		all += other.length
		if other.owner == u.owner {
			count++
			bytes += other.length
		}
	}
	if s.cfg.PerUser > 0 && count > s.cfg.PerUser || s.cfg.BytesPerUser > 0 && bytes > s.cfg.BytesPerUser {
		return tus.ErrTooMany
	}
	if s.cfg.Bytes > 0 && all > s.cfg.Bytes {
		return tus.ErrFull
	}
	s.uploads[u.id] = u
	return nil
}

// createFiles makes the bytes' file before the note: a note without bytes would be none.
func (s *Store) createFiles(u *upload) error {
	file, err := os.OpenFile(s.path(u.id+bytesSuffix), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	return s.writeNote(u, nil)
}

// writeNote puts a whole note in place in one step.
func (s *Store) writeNote(u *upload, outcome json.RawMessage) error {
	text, err := json.Marshal(note{Owner: u.owner, Length: u.length, Metadata: u.metadata, Outcome: outcome})
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(s.cfg.Folder, ".note-*") // 0600
	if err != nil {
		return err
	}
	_, err = tmp.Write(text)
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	return os.Rename(tmp.Name(), s.path(u.id+noteSuffix))
}

// remove takes an upload off the list and off the disk.
func (s *Store) remove(u *upload) error {
	s.mu.Lock()
	delete(s.uploads, u.id)
	s.mu.Unlock()
	u.mu.Lock()
	u.removed = true
	u.mu.Unlock()
	var errs []error
	for _, suffix := range []string{noteSuffix, bytesSuffix} {
		if err := os.Remove(s.path(u.id + suffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (s *Store) find(owner, id string) (*upload, error) {
	s.mu.Lock()
	u := s.uploads[id]
	s.mu.Unlock()
	if u == nil || u.owner != owner || time.Now().After(u.expires(s.cfg.TTL)) && !u.held() {
		return nil, tus.ErrNotFound
	}
	return u, nil
}

// Find tells of an upload without waiting for whoever holds it. It returns ErrNotFound for what is not the owner's.
func (s *Store) Find(owner, id string) (tus.Info, error) {
	u, err := s.find(owner, id)
	if err != nil {
		return tus.Info{}, err
	}
	return u.info(s.cfg.TTL), nil
}

// Lock takes an upload for one request alone. Whoever holds it is asked to let go, by a call of its yield: after a line
// broke, the client comes back sooner than the server notices. yield may be nil for what cannot be broken off.
//
// It returns ErrNotFound for what is not the owner's, and ErrBusy if the upload is not let go of in 10 s.
func (s *Store) Lock(ctx context.Context, owner, id string, yield func()) (tus.Upload, error) {
	u, err := s.find(owner, id)
	if err != nil {
		return nil, err
	}
	timeout := time.NewTimer(handover)
	defer timeout.Stop()
	u.want()
	defer u.unwant()
	select {
	case u.free <- struct{}{}:
	case <-timeout.C:
		return nil, tus.ErrBusy
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for upload %s: %w", id, ctx.Err())
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.removed {
		<-u.free
		return nil, tus.ErrNotFound
	}
	if u.yield = yield; u.wanted > 1 && yield != nil { // somebody came while it was handed over
		yield()
	}
	return &locked{store: s, upload: u}, nil
}
