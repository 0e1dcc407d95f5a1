// Package shown remembers the ends of jobs (their final states) that streams of a user's latest job have sent, so that a later stream
// doesn't send such an end again, or that of an older job. A blob for each user and route stores this beyond a restart, and several edges can
// share the bucket.
package shown

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"headway/internal/blobs"
)

const (
	// retention is how long an end is remembered. No stream looks further back.
	retention = 24 * time.Hour
	// sweepInterval is the interval at which old ends are removed.
	sweepInterval = time.Hour
)

// Ends are the ends that were sent. It is safe for concurrent use.
type Ends struct {
	bucket *blobs.Bucket
	logger *slog.Logger
	// saves wakes Run.
	saves chan struct{}

	mu     sync.Mutex
	latest map[key]end
	// pending are the users whose ends are to be stored.
	pending map[key]change
}

// change has the functions to call when the end of a user is stored, and the ends that were undone since.
type change struct {
	stored []func()
	undone []end
}

// key is a user on a route.
type key struct{ route, subject string }

// end has a job's ID, the time when it was created, in milliseconds since 1970, and the time when its end was sent.
type end struct {
	id      string
	created int64
	at      time.Time
}

// prefix is the common beginning of the keys.
const prefix = "shown/"

// timeout is how long a call of the bucket can take.
const timeout = 10 * time.Second

// Open returns the ends in a bucket. Without a bucket, they are forgotten with the process.
func Open(bucket *blobs.Bucket, logger *slog.Logger) *Ends {
	return &Ends{bucket: bucket, logger: logger, saves: make(chan struct{}, 1), latest: make(map[key]end), pending: make(map[key]change)}
}

// Route returns the ends of a route.
func (e *Ends) Route(name string) *Route { return &Route{e, name} }

// Route are the ends that a route has sent.
type Route struct {
	ends *Ends
	name string
}

// Load reads the ends that another edge, or this one before a restart, has stored for a user. Call it when a stream begins.
func (r *Route) Load(ctx context.Context, subject string) error {
	k := key{r.name, subject}
	if r.ends.bucket == nil {
		return nil
	}
	stored, err := r.ends.read(ctx, k)
	r.ends.mu.Lock()
	defer r.ends.mu.Unlock()
	if stored.created > r.ends.latest[k].created {
		r.ends.latest[k] = stored
	}
	return err
}

// read reads the blob of a user. Without one, it returns the zero end.
func (e *Ends) read(ctx context.Context, k key) (end, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	text, err := e.bucket.Read(ctx, k.blob())
	if errors.Is(err, blobs.ErrNotFound) {
		return end{}, nil
	}
	if err != nil {
		return end{}, fmt.Errorf("read a shown end: %w", err)
	}
	var (
		found end
		at    int64
	)
	if _, err := fmt.Sscan(string(text), &found.created, &at, &found.id); err != nil {
		return end{}, fmt.Errorf("read a shown end: %s has an invalid text: %q", k.blob(), text)
	}
	found.at = time.UnixMilli(at)
	return found, nil
}

// IsLatest reports whether the end that was sent last was that of this job.
func (r *Route) IsLatest(subject, id string) bool {
	r.ends.mu.Lock()
	defer r.ends.mu.Unlock()
	return r.ends.latest[key{r.name, subject}].id == id
}

// Has reports whether the end of a job that was created at that time, or later, was sent.
func (r *Route) Has(subject string, created int64) bool {
	r.ends.mu.Lock()
	defer r.ends.mu.Unlock()
	sent, ok := r.ends.latest[key{r.name, subject}]
	return ok && created <= sent.created
}

// Add records that the end of a job is about to be sent, and calls stored when the record will survive a restart. Until then, the
// end must not be sent. undo removes the record, for an end that did not arrive.
func (r *Route) Add(subject, id string, created int64, stored func()) (undo func()) {
	e, k := r.ends, key{r.name, subject}
	e.mu.Lock()
	defer e.mu.Unlock()
	before, sent := e.latest[k], end{id, created, time.Now()}
	if created < before.created {
		e.save(k, change{stored: []func(){stored}})
		return func() {}
	}
	e.latest[k] = sent
	e.save(k, change{stored: []func(){stored}})
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.latest[k] != sent {
			return
		}
		if e.latest[k] = before; before.id == "" {
			delete(e.latest, k)
		}
		e.save(k, change{undone: []end{sent}})
	}
}

// save makes Run store the end of a user. The lock must be held.
func (e *Ends) save(k key, c change) {
	waiting := e.pending[k]
	e.pending[k] = change{append(waiting.stored, c.stored...), append(waiting.undone, c.undone...)}
	select {
	case e.saves <- struct{}{}:
	default: // Run will see it
	}
}

// Run stores ends, and forgets old ones, until ctx is done.
func (e *Ends) Run(ctx context.Context) {
	ticker := time.NewTicker(sweepInterval)
	defer ticker.Stop()
	failing := false
	for e.sweep(ctx, time.Now()); ; {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			e.sweep(ctx, now)
		case <-e.saves:
			err := e.store(ctx)
			if err != nil && !failing { // once, not for each end
				e.logger.Error("a stream may repeat the end of a job after a restart", "error", err)
			}
			failing = err != nil
		}
	}
}

// store writes the ends that wait for it.
func (e *Ends) store(ctx context.Context) (err error) {
	e.mu.Lock()
	pending := e.pending
	e.pending = make(map[key]change)
	e.mu.Unlock()
	for k, waiting := range pending {
		err = errors.Join(err, e.write(ctx, k, waiting.undone))
		for _, stored := range waiting.stored {
			stored()
		}
	}
	return err
}

// write writes the blob of a user, or deletes it. A later end of another edge stays, unless it is one of undone.
func (e *Ends) write(ctx context.Context, k key, undone []end) error {
	if e.bucket == nil {
		return nil
	}
	e.mu.Lock()
	latest, ok := e.latest[k]
	e.mu.Unlock()
	there, err := e.read(ctx, k)
	if err == nil && there.created > latest.created && !slices.ContainsFunc(undone, func(u end) bool { return u.id == there.id }) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if !ok {
		err = e.bucket.Delete(ctx, k.blob())
	} else {
		err = e.bucket.Write(ctx, k.blob(), "text/plain", func(w io.Writer) error {
			_, err := fmt.Fprintf(w, "%d %d %s\n", latest.created, latest.at.UnixMilli(), latest.id)
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("store a shown end: %w", err)
	}
	return nil
}

// blob returns the key of a user's blob on a route. Subjects can have any characters.
func (k key) blob() string {
	hash := sha256.Sum256([]byte(k.route + "\x00" + k.subject))
	return prefix + hex.EncodeToString(hash[:16])
}

// sweep removes the ends that no stream can look at any longer, and the remains of interrupted writers.
func (e *Ends) sweep(ctx context.Context, now time.Time) {
	e.mu.Lock()
	for k, sent := range e.latest {
		if now.Sub(sent.at) > retention {
			delete(e.latest, k)
		}
	}
	e.mu.Unlock()
	if e.bucket == nil {
		return
	}
	var old []string
	err := e.bucket.ListPrefix(ctx, prefix, func(b blobs.Blob) error {
		if now.Sub(b.ModTime) > retention {
			old = append(old, b.Key)
		}
		return nil
	})
	for _, key := range old {
		err = errors.Join(err, e.bucket.Delete(ctx, key))
	}
	if err != nil && ctx.Err() == nil {
		e.logger.Warn("can't remove old ends of jobs", "error", err)
	}
}
