package access

import (
	"context"
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
)

// Revoked is the list of sessions that were signed out before they expired. In a folder, each has a file, so that they stay
// revoked after a restart, and so that several edges can share the list: each of them adds files, and all look for new ones. It is
// safe for concurrent use.
type Revoked struct {
	folder string
	logger *slog.Logger

	mu       sync.Mutex
	sessions map[string]revocation
	// ended is called with each session that has ended.
	ended func(session string)
	// looked is when the folder was last changed, when it was last read.
	looked time.Time
}

// revocation is when a session ends, and when it would have expired. told means that ended was called.
type revocation struct {
	ends, expires time.Time
	told          bool
}

const (
	// clockLeeway is how long after its expiry a token might still be accepted.
	clockLeeway = 5 * time.Minute
	// lookInterval is how often the folder is looked at, and so how long a session can outlive its end on another edge.
	lookInterval = time.Second
	// folderTick is how long two changes of a folder can have the same time, with some leeway for the clock of a file server.
	folderTick = 5 * time.Second
)

// OpenRevoked reads the list from a folder, which it creates. Without a folder, the list ends with the process.
func OpenRevoked(folder string, logger *slog.Logger) (*Revoked, error) {
	r := &Revoked{folder: folder, logger: logger, sessions: make(map[string]revocation), ended: func(string) {}}
	if folder == "" {
		return r, nil
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("create the folder of revoked sessions: %w", err)
	}
	return r, r.look()
}

// OnEnd sets the function that is called when a session has ended, here or on another edge. Call it before Run.
func (r *Revoked) OnEnd(ended func(session string)) { r.ended = ended }

// Add revokes a session from the time ends. It would have expired at expires.
func (r *Revoked) Add(session string, ends, expires time.Time) error {
	r.mu.Lock()
	if known, ok := r.sessions[session]; !ok || ends.Before(known.ends) {
		r.sessions[session] = revocation{ends: ends, expires: expires, told: known.told}
	}
	r.mu.Unlock()
	r.tell(time.Now())
	if r.folder == "" {
		return nil
	}
	err := atomicfile.Write(filepath.Join(r.folder, session), 0o600, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%d %d\n", ends.UnixMilli(), expires.UnixMilli())
		return err
	})
	if err != nil {
		return fmt.Errorf("store a revoked session: %w", err)
	}
	return nil
}

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
	failure := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		err := r.look()
		switch {
		case err == nil:
			failure = ""
		case err.Error() != failure: // once, not every second
			failure = err.Error()
			r.logger.Error("sessions that other edges have revoked are not known", "error", err)
		}
		r.tell(time.Now())
		r.forget(time.Now())
	}
}

// look reads the files that are new in the folder.
func (r *Revoked) look() error {
	if r.folder == "" {
		return nil
	}
	info, err := os.Stat(r.folder)
	if err != nil {
		return fmt.Errorf("read the revoked sessions: %w", err)
	}
	changed := info.ModTime()
	if changed.Equal(r.looked) {
		return nil
	}
	names, err := os.ReadDir(r.folder)
	if err != nil {
		return fmt.Errorf("read the revoked sessions: %w", err)
	}
	for _, entry := range names {
		err = errors.Join(err, r.read(entry.Name()))
	}
	if err != nil {
		return err
	}
	if time.Since(changed) > folderTick { // otherwise, it could change again without another time
		r.looked = changed
	}
	return nil
}

// read reads a file, unless it is known.
func (r *Revoked) read(name string) error {
	r.mu.Lock()
	_, known := r.sessions[name]
	r.mu.Unlock()
	if known || len(name) != 2*sessionBytes || strings.Trim(name, "0123456789abcdef") != "" {
		return nil
	}
	text, err := os.ReadFile(filepath.Join(r.folder, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it has expired in the meantime
	}
	if err != nil {
		return fmt.Errorf("read the revoked sessions: %w", err)
	}
	var ends, expires int64
	if _, err := fmt.Sscan(string(text), &ends, &expires); err != nil {
		return fmt.Errorf("read the revoked sessions: %s has an invalid text: %q", filepath.Join(r.folder, name), text)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sessions[name] = revocation{ends: time.UnixMilli(ends), expires: time.UnixMilli(expires)}
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
func (r *Revoked) forget(now time.Time) {
	var expired []string
	r.mu.Lock()
	for session, found := range r.sessions {
		if now.After(found.expires.Add(clockLeeway)) {
			delete(r.sessions, session)
			expired = append(expired, session)
		}
	}
	r.mu.Unlock()
	if r.folder == "" {
		return
	}
	for _, session := range expired {
		// Another edge may have removed it. If it stays, it is read and removed again.
		_ = os.Remove(filepath.Join(r.folder, session))
	}
}
