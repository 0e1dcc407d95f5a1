package access

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"headway/internal/blobs"
)

// Revoked is the list of sessions that were signed out before they expired. In a bucket, each has a blob, so that they stay
// revoked after a restart, and so that all edges share the list: each of them adds blobs, and all look for new ones. It is
// safe for concurrent use.
type Revoked struct {
	bucket *blobs.Bucket
	logger *slog.Logger

	mu       sync.Mutex
	sessions map[string]revocation
	// ended is called with each session that has ended.
	ended func(session string)
	// failing means that the bucket could not be read.
	failing atomic.Bool
}

// revocation has the time when a session ends, and the time when it would have expired. told means that ended was called. keys are
// the keys of its blobs.
type revocation struct {
	ends, expires time.Time
	told          bool
	keys          []string
}

const (
	// clockLeeway is how long after its expiry a token might still be accepted.
	clockLeeway = 5 * time.Minute
	// lookInterval is the interval between two searches for new blobs, and so the time that a session can outlive its end on
	// another edge.
	lookInterval = time.Second
	// lookTimeout is the maximum duration of a search.
	lookTimeout = 5 * time.Second
	// fullLook is the interval at which all blobs are listed, instead of those of the current minute and the one before. It finds
	// those of edges whose clocks are wrong.
	fullLook = 10 * time.Minute
	// revokedPrefix is the common beginning of the keys. The minute follows, and the session.
	revokedPrefix = "revoked/"
)

// OpenRevoked reads the list from a bucket. Without a bucket, the list ends with the process.
func OpenRevoked(bucket *blobs.Bucket, logger *slog.Logger) (*Revoked, error) {
	r := &Revoked{bucket: bucket, logger: logger, sessions: make(map[string]revocation), ended: func(string) {}}
	if bucket == nil {
		return r, nil
	}
	return r, r.look(context.Background(), "")
}

// minuteKey returns the beginning of the keys of a minute.
func minuteKey(at time.Time) string { return fmt.Sprintf("%08x-", at.Unix()/60) }

// OnEnd sets the function that is called when a session has ended, here or on another edge. Call it before Run.
func (r *Revoked) OnEnd(ended func(session string)) { r.ended = ended }

// Add revokes a session from the time ends. It would have expired at expires.
func (r *Revoked) Add(ctx context.Context, session string, ends, expires time.Time) error {
	r.note(session, revocation{ends: ends, expires: expires})
	r.tell(time.Now())
	if r.bucket == nil {
		return nil
	}
	key := revokedPrefix + minuteKey(time.Now()) + session
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTimeout)
	defer cancel()
	err := r.bucket.Create(ctx, key, fmt.Appendf(nil, "%d %d\n", ends.UnixMilli(), expires.UnixMilli()))
	if errors.Is(err, blobs.ErrExists) { // in the same minute: the session was renewed, and is signed out now
		key += "." + fmt.Sprint(ends.UnixMilli())
		err = r.bucket.Create(ctx, key, fmt.Appendf(nil, "%d %d\n", ends.UnixMilli(), expires.UnixMilli()))
	}
	if err != nil && !errors.Is(err, blobs.ErrExists) {
		return fmt.Errorf("store a revoked session: %w", err)
	}
	r.note(session, revocation{ends: ends, expires: expires, keys: []string{key}})
	return nil
}

// note adds what is known about a session. The earliest end counts.
func (r *Revoked) note(session string, found revocation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known, ok := r.sessions[session]
	if ok && !found.ends.Before(known.ends) {
		found.ends = known.ends
	}
	found.told, found.keys = known.told, append(known.keys, found.keys...)
	r.sessions[session] = found
}

// Failing reports whether sessions that other edges have revoked are not known.
func (r *Revoked) Failing() bool { return r.failing.Load() }

// Has reports whether a session was revoked.
func (r *Revoked) Has(session string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	found, listed := r.sessions[session]
	return listed && !time.Now().Before(found.ends)
}

// Run looks for sessions that other edges have revoked, and forgets those that have expired, until ctx is done.
func (r *Revoked) Run(ctx context.Context) {
	ticker := time.NewTicker(lookInterval)
	defer ticker.Stop()
	for full := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := time.Now()
		prefixes := []string{minuteKey(now.Add(-time.Minute)), minuteKey(now)}
		if now.Sub(full) > fullLook {
			full, prefixes = now, []string{""}
		}
		var err error
		for i := 0; i < len(prefixes) && err == nil; i++ {
			err = r.look(ctx, prefixes[i])
		}
		if ctx.Err() == nil && r.failing.Swap(err != nil) != (err != nil) && err != nil { // once, not every second
			r.logger.Error("can't read which sessions other edges have ended, trying again", "error", err)
		}
		if err != nil {
			full = time.Time{} // what was missed could be in any minute
		}
		r.tell(now)
		r.forget(ctx, now)
	}
}

// look reads the new blobs whose keys begin with a prefix.
func (r *Revoked) look(ctx context.Context, prefix string) error {
	if r.bucket == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	var keys []string
	err := r.bucket.ListPrefix(ctx, revokedPrefix+prefix, func(b blobs.Blob) error { keys = append(keys, b.Key); return nil })
	for _, key := range keys {
		err = errors.Join(err, r.read(ctx, key))
	}
	if err != nil {
		return fmt.Errorf("read the revoked sessions: %w", err)
	}
	return nil
}

// sessionOf returns the session of a key. It returns "" for the key of another blob.
func sessionOf(key string) string {
	name := path.Base(key)
	if _, after, ok := strings.Cut(name, "-"); ok { // without a minute, it is from an earlier version
		name = after
	}
	name, _, _ = strings.Cut(name, ".")
	if len(name) != 2*sessionBytes || strings.Trim(name, "0123456789abcdef") != "" {
		return ""
	}
	return name
}

// read reads a blob, unless it is known.
func (r *Revoked) read(ctx context.Context, key string) error {
	session := sessionOf(key)
	if session == "" {
		return nil
	}
	r.mu.Lock()
	known := slices.Contains(r.sessions[session].keys, key)
	r.mu.Unlock()
	if known {
		return nil
	}
	text, err := r.bucket.Read(ctx, key)
	if errors.Is(err, blobs.ErrNotFound) {
		return nil // it has expired in the meantime
	}
	if err != nil {
		return err
	}
	var ends, expires int64
	if _, err := fmt.Sscan(string(text), &ends, &expires); err != nil {
		return fmt.Errorf("%s has an invalid text: %q", key, text)
	}
	r.note(session, revocation{ends: time.UnixMilli(ends), expires: time.UnixMilli(expires), keys: []string{key}})
	return nil
}

// tell calls ended for each session that has ended since the last call.
func (r *Revoked) tell(now time.Time) {
	var over []string
	r.mu.Lock()
	for session, found := range r.sessions {
		if !found.told && !now.Before(found.ends) {
			found.told = true
			r.sessions[session] = found
			over = append(over, session)
		}
	}
	r.mu.Unlock()
	for _, session := range over {
		r.ended(session)
	}
}

// forget removes the sessions whose tokens have expired.
func (r *Revoked) forget(ctx context.Context, now time.Time) {
	var expired []string
	r.mu.Lock()
	for session, found := range r.sessions {
		if now.After(found.expires.Add(clockLeeway)) {
			delete(r.sessions, session)
			expired = append(expired, found.keys...)
		}
	}
	r.mu.Unlock()
	for _, key := range expired {
		// If it stays, it is read and removed again.
		_ = r.bucket.Delete(ctx, key)
	}
}
