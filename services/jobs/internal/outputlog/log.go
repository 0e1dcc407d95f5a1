// Package outputlog stores output, which readers must receive completely: workers append bytes, and readers follow them
// by offset.
//
// Appended bytes are in the store first. When an output grows beyond a segment, its beginning is sealed: it is written
// to a blob, and then removed from the store in the same step that adds the reference to the blob. So neither the
// database nor memory grows with an output: sealing needs memory for one stored chunk, and a reader needs 64 KiB.
package outputlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"headway/internal/backoff"
	"headway/internal/blobs"
	"headway/internal/quota"
	"headway/services/jobs/internal/job"
)

const (
	// keep is the number of bytes at the end of an output that are not sealed. It is the maximum size of an append, so
	// that repeating an append doesn't need a blob.
	keep = 256 << 10
	// maxUnsealed is the number of segments that can wait to be sealed before appends to that output wait, too.
	maxUnsealed = 4
	// appendTimeout is the maximum time that an append waits for the blob store.
	appendTimeout = 4 * time.Second

	sealers      = 2
	sealTimeout  = time.Minute
	reservedFor  = time.Hour // far longer than sealTimeout, so that a blob that is still being written is never removed
	maxLeft      = 1000      // maximum number of long outputs to find at the start; appends find others
	afterError   = time.Second
	maxWait      = 30 * time.Second
	sweepEvery   = time.Minute
	sweepAtATime = 100
)

// Config configures a Log. All fields are required, except Grew and Leads.
type Config struct {
	SegmentBytes int64        // outputs up to about this size stay in the store; longer ones are sealed in segments of this size
	MaxBytes     int64        // of one job
	Quota        *quota.Quota // of the bytes of all outputs of a user
	// Job returns a job, or job.ErrNotFound.
	Job func(ctx context.Context, id string) (job.Job, error)
	// Grew is called after each append with the job and the lease token. It must return quickly. It can be nil.
	Grew   func(ctx context.Context, id, token string)
	Logger *slog.Logger
	// Leads reports whether this replica removes blobs, and seals the outputs that others have left. It is nil if there are no others.
	Leads func() bool
}

// Log is the output of all jobs of one store. It is safe for concurrent use.
type Log struct {
	cfg    Config
	bucket *blobs.Bucket
	store  job.OutputStore
	tails  *tails
	owners owners
	sweeps chan struct{} // there may be blobs to remove
}

// New returns a Log. Make Observe an observer of the store, and call Run.
func New(cfg Config, store job.OutputStore, bucket *blobs.Bucket) *Log {
	if cfg.Grew == nil {
		cfg.Grew = func(context.Context, string, string) {}
	}
	return &Log{cfg: cfg, store: store, bucket: bucket, tails: newTails(cfg.SegmentBytes + keep), sweeps: make(chan struct{}, 1)}
}

// Observe records the changes of a commit.
func (l *Log) Observe(c *job.Commit) {
	for _, grown := range c.Output {
		l.tails.note(grown.ID, job.Tail{Begins: grown.Length - grown.Tail, End: grown.Length})
	}
	if len(c.Deleted) > 0 {
		l.owners.forget(c.Deleted)
		l.sweepSoon()
	}
}

// Append writes output durably, and returns its length. See job.OutputStore. Repeating an append is harmless at any
// offset. If sealing can't keep up, Append waits, so that the store doesn't grow with the output. It returns
// job.ErrOutputBehind if that takes too long.
func (l *Log) Append(ctx context.Context, id, token string, offset int64, data []byte) (int64, error) {
	length, err := l.append(ctx, id, token, offset, data)
	if err != nil {
		return 0, err
	}
	l.cfg.Grew(ctx, id, token)
	return length, nil
}

func (l *Log) append(ctx context.Context, id, token string, offset int64, data []byte) (length int64, err error) {
	if err := l.tails.wait(ctx, id, maxUnsealed*l.cfg.SegmentBytes+keep); err != nil {
		return 0, err
	}
	hold, err := l.room(ctx, id, token, offset, int64(len(data)))
	if err != nil {
		return 0, err
	}
	defer func() { hold.End(err == nil) }()
	length, err = l.store.AppendOutput(ctx, id, token, offset, data, l.cfg.MaxBytes)
	var sealed *job.OutputSealedError
	if !errors.As(err, &sealed) {
		return length, err
	}
	known := min(int64(len(data)), sealed.End-offset)
	if err := l.compare(ctx, id, offset, data[:known]); err != nil {
		return 0, err
	}
	return l.store.AppendOutput(ctx, id, token, sealed.End, data[known:], l.cfg.MaxBytes)
}

// compare returns job.ErrOutputConflict unless the stored bytes from offset on are data.
func (l *Log) compare(ctx context.Context, id string, offset int64, data []byte) error {
	r := l.Read(ctx, id, offset, NoLimit)
	defer r.Close()
	for len(data) > 0 {
		stored, err := r.Next()
		switch {
		case err != nil:
			return err
		case len(stored) == 0:
			return fmt.Errorf("compare output of job %s: it ends before byte %d", id, r.offset)
		}
		n := min(len(stored), len(data))
		if !bytes.Equal(stored[:n], data[:n]) {
			return job.ErrOutputConflict
		}
		data = data[n:]
	}
	return nil
}

// Run seals long outputs and removes unreferenced blobs, until ctx ends.
func (l *Log) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	if err := l.findLongTails(ctx); err != nil && ctx.Err() == nil {
		l.cfg.Logger.ErrorContext(ctx, "can't find long outputs, they are sealed when they grow", "error", err)
	}
	for range sealers {
		g.Go(func() error { l.runSealer(ctx); return nil })
	}
	g.Go(func() error { l.runSweeper(ctx); return nil })
	return g.Wait()
}

// findLongTails finds long outputs that an earlier process has not sealed.
func (l *Log) findLongTails(ctx context.Context) error {
	ids, err := l.store.LongTails(ctx, l.tails.long, maxLeft)
	for _, id := range ids {
		var tail job.Tail
		if tail, err = l.store.Tail(ctx, id); err != nil && !errors.Is(err, job.ErrNotFound) {
			return err
		}
		l.tails.note(id, tail)
	}
	return err
}

func (l *Log) runSealer(ctx context.Context) {
	retry := backoff.New(afterError, maxWait)
	for {
		id, ok := l.tails.next(ctx)
		if !ok {
			return
		}
		tail, err := l.seal(ctx, id)
		l.tails.done(id, tail, err != nil)
		if err == nil {
			retry.Reset()
			continue
		}
		if !l.pause(ctx, retry.Next(), "can't seal an output, trying again", err) {
			return
		}
	}
}

// pause waits after an error. It returns false if ctx has ended.
func (l *Log) pause(ctx context.Context, wait time.Duration, what string, err error) bool {
	if ctx.Err() == nil {
		l.cfg.Logger.ErrorContext(ctx, what, "error", err)
	}
	return backoff.Sleep(ctx, wait)
}

// seal moves one segment of a long output to a blob, and returns the rest in the store. The rest is empty if the job was
// deleted.
func (l *Log) seal(ctx context.Context, id string) (tail job.Tail, err error) {
	ctx, cancel := context.WithTimeout(ctx, sealTimeout)
	defer cancel()
	tail, err = l.store.Tail(ctx, id)
	if errors.Is(err, job.ErrNotFound) {
		return job.Tail{}, nil
	}
	if err != nil || tail.Length() < l.tails.long {
		return tail, err
	}
	segment := job.Segment{Begins: tail.Begins, Key: fmt.Sprintf("%s.%015d.%s", id, tail.Begins, uuid.NewString())}
	if err := l.store.Reserve(ctx, segment.Key, time.Now().Add(reservedFor)); err != nil {
		return tail, err
	}
	err = l.bucket.Write(ctx, segment.Key, contentType, func(w io.Writer) error {
		for segment.Length < l.cfg.SegmentBytes {
			chunk, err := l.store.ReadOutput(ctx, id, tail.Begins+segment.Length, keep)
			if err == nil && len(chunk.Data) == 0 {
				err = job.ErrNotSealed
			}
			if err != nil {
				return err
			}
			if _, err := w.Write(chunk.Data); err != nil {
				return err
			}
			segment.Length += int64(len(chunk.Data))
		}
		return nil
	})
	if err == nil {
		err = l.store.Seal(ctx, id, segment)
	}
	switch {
	case err == nil:
		tail.Begins += segment.Length
	case errors.Is(err, job.ErrNotFound):
		return job.Tail{}, nil // deleted in the meantime
	case errors.Is(err, job.ErrNotSealed):
		if now, e := l.store.Tail(ctx, id); e == nil && now.Begins > tail.Begins {
			return now, nil // another replica has sealed it
		}
	}
	// An unused blob is removed when its reservation has expired, not earlier: if only the response of Seal was lost,
	// the blob is referenced, and only the store knows this.
	return tail, err
}

func (l *Log) sweepSoon() {
	select {
	case l.sweeps <- struct{}{}:
	default:
	}
}

func (l *Log) runSweeper(ctx context.Context) {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		if l.cfg.Leads == nil || l.cfg.Leads() {
			err := l.sweep(ctx)
			if err == nil && l.cfg.Leads != nil {
				err = l.findLongTails(ctx)
			}
			if err != nil && !l.pause(ctx, maxWait, "can't remove blobs, trying again", err) {
				return
			}
		}
		select {
		case <-l.sweeps:
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// sweep removes unreferenced blobs.
func (l *Log) sweep(ctx context.Context) error {
	for {
		keys, err := l.store.Unreferenced(ctx, time.Now(), sweepAtATime)
		if err != nil || len(keys) == 0 {
			return err
		}
		gone := keys[:0:0]
		for _, key := range keys {
			if e := l.bucket.Delete(ctx, key); e != nil {
				err = e
				continue
			}
			gone = append(gone, key)
		}
		if err := errors.Join(err, l.store.Forget(ctx, gone)); err != nil {
			return err
		}
	}
}
