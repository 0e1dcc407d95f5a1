// Package bucket stores the uploads of tus in a bucket that all edges share, so that each edge can take the next bytes of every
// upload. There is no lock between edges: each fact about an upload is a blob that is created once and never changed. Bytes are in
// blobs whose names have their offset. If two edges have bytes for the same offset, the bucket accepts those of one, and the
// client of the other continues after them.
package bucket

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"headway/internal/blobs"
	"headway/services/edge/internal/tus"
)

const (
	// responseTTL is how long the response to an import's request is stored.
	responseTTL = time.Hour
	// sweepPart is the interval at which expired uploads are removed, as a fraction of an upload's lifetime.
	sweepPart = 100
	// findTimeout is how long looking up an upload can take.
	findTimeout = 20 * time.Second
	// recount is how long the size of all uploads, which other edges also change, is not counted again.
	recount = 10 * time.Second
)

// Config holds a Store's settings. All fields are required.
type Config struct {
	// Bucket is the bucket, and Prefix the common beginning of the keys in it.
	Bucket *blobs.Bucket
	Prefix string
	// TTL is how long an unfinished upload is stored after its last byte.
	TTL time.Duration
	// Limits are those of all uploads. Uploads that are created on several edges at the same moment can exceed them.
	tus.Limits
	// Logger receives errors that change no response.
	Logger *slog.Logger
}

// Store is a tus.Store. It is safe for concurrent use.
type Store struct {
	cfg Config

	mu sync.Mutex
	// locks are those of the uploads that requests of this edge use, with the number of these requests.
	locks map[string]*lock
	// total is the size of all uploads, as counted at the time counted, and changed by this edge since.
	total   int64
	counted time.Time
}

type lock struct {
	*tus.Lock
	users int
}

// draft is the content of the first blob of an upload. Its length is in the name.
type draft struct {
	Metadata string   `json:"metadata,omitempty"`
	Partial  bool     `json:"partial,omitempty"`
	Parts    []string `json:"parts,omitempty"`
}

// New returns a Store.
func New(cfg Config) *Store { return &Store{cfg: cfg, locks: make(map[string]*lock)} }

// list returns the uploads whose keys begin with prefix, which ends after an owner, or is empty.
func (s *Store) list(ctx context.Context, prefix string) ([]*state, error) {
	var all []*state
	err := s.cfg.Bucket.ListPrefix(ctx, s.cfg.Prefix+prefix, func(b blobs.Blob) error {
		owner, rest, ok := strings.Cut(strings.TrimPrefix(b.Key, s.cfg.Prefix), "/")
		id, name, named := strings.Cut(rest, "/")
		if !ok || !named || !isID(id) {
			return nil // a temporary file
		}
		if len(all) == 0 || all[len(all)-1].id != id {
			all = append(all, &state{folder: owner + "/", id: id})
		}
		all[len(all)-1].add(name, b)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list uploads: %w", err)
	}
	for _, u := range all {
		u.settle()
	}
	return all, nil
}

// load returns an upload. It returns tus.ErrNotFound if there is none, or it has expired.
func (s *Store) load(ctx context.Context, owner, id string) (*state, error) {
	if !isID(id) {
		return nil, tus.ErrNotFound
	}
	all, err := s.list(ctx, folderOf(owner)+id+"/")
	if err != nil {
		return nil, err
	}
	if len(all) == 0 || all[0].draft == "" || time.Now().After(all[0].expires(s.cfg.TTL)) {
		return nil, tus.ErrNotFound
	}
	return all[0], nil
}

// key returns the key of an upload's blob.
func (s *Store) key(u *state, name string) string { return s.cfg.Prefix + u.prefix() + name }

// info reads the rest of an upload's state.
func (s *Store) info(ctx context.Context, u *state) (tus.Info, error) {
	text, err := s.cfg.Bucket.Read(ctx, s.key(u, u.draft))
	if errors.Is(err, blobs.ErrNotFound) { // it was removed in the meantime
		return tus.Info{}, tus.ErrNotFound
	}
	var d draft
	if err == nil {
		err = json.Unmarshal(text, &d)
	}
	var response []byte
	if err == nil && u.responded {
		response, err = s.cfg.Bucket.Read(ctx, s.key(u, responseName))
	}
	if err != nil {
		return tus.Info{}, fmt.Errorf("read upload %s: %w", u.id, err)
	}
	return tus.Info{
		ID: u.id, Length: u.length, Offset: u.offset, Metadata: d.Metadata, Partial: d.Partial, Parts: d.Parts,
		Expires: u.expires(s.cfg.TTL), Response: response,
	}, nil
}

// Find implements tus.Store.
func (s *Store) Find(owner, id string) (tus.Info, error) {
	ctx, cancel := context.WithTimeout(context.Background(), findTimeout)
	defer cancel()
	u, err := s.load(ctx, owner, id)
	if err != nil {
		return tus.Info{}, err
	}
	return s.info(ctx, u)
}

// Create implements tus.Store.
func (s *Store) Create(ctx context.Context, owner string, d tus.Draft) (tus.Info, error) {
	if len(d.Parts) > 0 {
		return s.join(ctx, owner, d)
	}
	if err := s.reserve(ctx, owner, d.Length); err != nil {
		return tus.Info{}, err
	}
	u := &state{folder: folderOf(owner), id: rand.Text(), draft: draftKey(d.Length, false), length: d.Length, touched: time.Now()}
	n := draft{Metadata: d.Metadata, Partial: d.Partial}
	if err := s.create(ctx, u, n); err != nil {
		s.count(-u.reserved(s.cfg.IdleAfter))
		return tus.Info{}, fmt.Errorf("create an upload: %w", err)
	}
	return tus.Info{ID: u.id, Length: d.Length, Metadata: d.Metadata, Partial: d.Partial, Expires: u.expires(s.cfg.TTL)}, nil
}

func (s *Store) create(ctx context.Context, u *state, n draft) error {
	text, err := json.Marshal(n)
	if err != nil {
		return err
	}
	return s.cfg.Bucket.Create(ctx, s.key(u, u.draft), text)
}

// acquire takes the lock of an upload. Requests of other edges don't have it.
func (s *Store) acquire(ctx context.Context, id string, yield func()) (release func(), err error) {
	s.mu.Lock()
	l := s.locks[id]
	if l == nil {
		l = &lock{Lock: tus.NewLock()}
		s.locks[id] = l
	}
	l.users++
	s.mu.Unlock()
	leave := func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if l.users--; l.users == 0 {
			delete(s.locks, id)
		}
	}
	if err := l.Acquire(ctx, yield); err != nil {
		leave()
		return nil, err
	}
	return func() { l.Release(); leave() }, nil
}

// isLocked reports whether a request of this edge uses an upload.
func (s *Store) isLocked(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.locks[id] != nil
}

// Lock implements tus.Store. It waits 10 seconds for another request on this edge. Requests on other edges continue, and one of them
// fails if both send bytes.
func (s *Store) Lock(ctx context.Context, owner, id string, yield func()) (tus.Upload, error) {
	if _, err := s.load(ctx, owner, id); err != nil { // before it waits
		return nil, err
	}
	release, err := s.acquire(ctx, id, yield)
	if err != nil {
		return nil, err
	}
	u, err := s.load(ctx, owner, id)
	if err == nil {
		var info tus.Info
		if info, err = s.info(ctx, u); err == nil {
			return &locked{store: s, state: u, owner: owner, info: info, release: release, ctx: context.WithoutCancel(ctx)}, nil
		}
	}
	release()
	return nil, err
}

// remove deletes an upload, and the parts that it joins.
func (s *Store) remove(ctx context.Context, u *state) error {
	if u.draft != "" { // first, because without it there is no upload
		if err := s.cfg.Bucket.Delete(ctx, s.key(u, u.draft)); err != nil {
			return err
		}
	}
	s.count(-u.reserved(s.cfg.IdleAfter))
	var errs []error
	for _, name := range u.names {
		if name != u.draft {
			errs = append(errs, s.cfg.Bucket.Delete(ctx, s.key(u, name)))
		}
	}
	return errors.Join(errs...)
}

// removeParts deletes the uploads that were joined.
func (s *Store) removeParts(ctx context.Context, folder string, ids []string) error {
	var errs []error
	for _, id := range ids {
		found, err := s.list(ctx, folder+id+"/")
		if errs = append(errs, err); len(found) > 0 {
			errs = append(errs, s.remove(ctx, found[0]))
		}
	}
	return errors.Join(errs...)
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
			if err := s.sweep(ctx, now); err != nil && ctx.Err() == nil {
				s.cfg.Logger.Error("can't remove expired uploads, trying again later", "error", err)
			}
		}
	}
}

// sweep removes the uploads that have expired and are not in use here, and the remains of interrupted removals.
func (s *Store) sweep(ctx context.Context, now time.Time) error {
	all, err := s.list(ctx, "")
	if err != nil {
		return err
	}
	joining := make(map[string]bool)
	for _, u := range all {
		joining[u.id] = u.joins
	}
	var errs []error
	for _, u := range all {
		if !now.After(u.expires(s.cfg.TTL)) || s.isLocked(u.id) {
			continue
		}
		if u.joined { // the upload that joins it removes it
			if by, err := s.cfg.Bucket.Read(ctx, s.key(u, joinedName)); err == nil && joining[string(by)] {
				continue
			}
		}
		if u.joins {
			info, err := s.info(ctx, u)
			if err == nil {
				err = s.removeParts(ctx, u.folder, info.Parts)
			}
			if err != nil && !errors.Is(err, tus.ErrNotFound) {
				errs = append(errs, err)
				continue
			}
		}
		errs = append(errs, s.remove(ctx, u))
	}
	return errors.Join(errs...)
}
