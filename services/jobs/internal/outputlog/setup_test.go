package outputlog

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"headway/internal/blobs"
	"headway/internal/quota"
	"headway/services/jobs/internal/job"
	"headway/services/jobs/internal/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const segmentBytes = 64 << 10

// fixture is a Log with a real store and a real folder. The test moves its clock.
type fixture struct {
	*Log
	t      *testing.T
	store  *sqlite.Store
	folder string
	stop   func()
}

// failing is the store of a process that dies at a chosen point. After that, nothing reaches the store.
type failing struct {
	job.Store
	reserve, seal func(do func() error) error // called instead of the store, if not nil
}

var errDead = errors.New("the process has died")

func (f *failing) Reserve(ctx context.Context, key string, until time.Time) error {
	do := func() error { return f.Store.Reserve(ctx, key, until) }
	if f.reserve != nil {
		return f.reserve(do)
	}
	return do()
}

func (f *failing) Seal(ctx context.Context, id string, segment job.Segment) error {
	do := func() error { return f.Store.Seal(ctx, id, segment) }
	if f.seal != nil {
		return f.seal(do)
	}
	return do()
}

func inBubble(t *testing.T, test func(t *testing.T, f *fixture)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		f := &fixture{t: t, folder: filepath.Join(dir, "blobs")}
		store, err := sqlite.Open(t.Context(), filepath.Join(dir, "jobs.db"), func(c *job.Commit) { f.Observe(c) })
		if err != nil {
			t.Fatal(err)
		}
		f.store = store
		defer func() {
			f.stop()
			if err := store.Close(); err != nil {
				t.Error(err)
			}
		}()
		f.start(nil)
		test(t, f)
	})
}

// start runs a new Log on the stored output, as a new process would.
func (f *fixture) start(dying *failing) {
	f.t.Helper()
	bucket, err := blobs.Open(f.t.Context(), blobs.FolderURL(f.folder))
	if err != nil {
		f.t.Fatal(err)
	}
	if dying == nil {
		dying = &failing{}
	}
	dying.Store = f.store
	unlimited := quota.New(quota.Config{Count: f.store.CountOutput})
	f.Log = New(Config{SegmentBytes: segmentBytes, MaxBytes: 8 << 20, Quota: unlimited, Job: f.store.Get, Logger: slog.New(slog.DiscardHandler)}, dying, bucket)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	f.stop = func() {
		cancel()
		if err := errors.Join(<-done, bucket.Close()); err != nil {
			f.t.Error(err)
		}
	}
}

// lease returns a new job that a worker has leased.
func (f *fixture) lease() job.Job {
	f.t.Helper()
	spec := job.Spec{Kind: "story", Owner: "alice"}
	j, err := job.New(spec, time.Now())
	if err != nil {
		f.t.Fatal(err)
	}
	if _, _, err := f.store.Create(f.t.Context(), j, "", spec.Fingerprint()); err != nil {
		f.t.Fatal(err)
	}
	claimed, err := f.store.Claim(f.t.Context(), job.Claim{Kinds: []string{"story"}, Max: 1, Now: time.Now, Duration: 100 * time.Hour, Token: rand.Text})
	if err != nil || len(claimed.Jobs) != 1 {
		f.t.Fatalf("claim: %v, %v", claimed, err)
	}
	return claimed.Jobs[0]
}

// text returns this many bytes without repeated sections.
func text(from, length int) []byte {
	data := make([]byte, length)
	for i := range data {
		at := from + i
		data[i] = byte(at>>(8*(at%3)) + at%251)
	}
	return data
}

// fill appends text up to the length, in chunks.
func (f *fixture) fill(j *job.Job, from, to, piece int) error {
	for from < to {
		n := min(piece, to-from)
		if _, err := f.Append(f.t.Context(), j.ID, j.Lease.Token, int64(from), text(from, n)); err != nil {
			return err
		}
		from += n
	}
	return nil
}

// read returns all output from an offset on.
func (f *fixture) read(id string, offset int64) (all []byte) {
	f.t.Helper()
	r := f.Read(f.t.Context(), id, offset, NoLimit)
	defer r.Close()
	for {
		data, err := r.Next()
		if err != nil {
			f.t.Fatalf("read from byte %d on: %v", offset, err)
		}
		if len(data) == 0 {
			return all
		}
		all = append(all, data...)
	}
}

// holds checks that the output is the text up to the length, from any offset.
func (f *fixture) holds(id string, length int) {
	f.t.Helper()
	want := text(0, length)
	for _, from := range []int{0, 1, segmentBytes - 1, segmentBytes, 3*segmentBytes + 7, length - 1, length} {
		if from = min(from, length); !bytes.Equal(f.read(id, int64(from)), want[from:]) {
			f.t.Errorf("from byte %d on the output differs from what was appended", from)
		}
	}
}

func (f *fixture) tail(id string) job.Tail {
	f.t.Helper()
	tail, err := f.store.Tail(f.t.Context(), id)
	if err != nil {
		f.t.Fatal(err)
	}
	return tail
}

func (f *fixture) blobs() []string {
	f.t.Helper()
	var keys []string
	err := f.bucket.List(f.t.Context(), func(b blobs.Blob) error { keys = append(keys, b.Key); return nil })
	if err != nil {
		f.t.Fatal(err)
	}
	return keys
}
