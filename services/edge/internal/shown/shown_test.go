package shown

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"headway/internal/blobs"
)

// bucketIn opens the bucket that is a folder.
func bucketIn(t *testing.T, folder string) *blobs.Bucket {
	t.Helper()
	bucket, err := blobs.Open(t.Context(), blobs.FolderURL(folder))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { bucket.Close() })
	return bucket
}

// run opens the ends in a folder, and runs them until the returned function is called.
func run(t *testing.T, folder string) (e *Ends, stop func()) {
	t.Helper()
	e = Open(bucketIn(t, folder), slog.New(slog.NewTextHandler(t.Output(), nil)))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); e.Run(ctx) }()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return e, stop
}

// add adds an end, and waits until it is stored.
func add(r *Route, subject, id string, created int64) (undo func()) {
	stored := make(chan struct{})
	undo = r.Add(subject, id, created, func() { close(stored) })
	<-stored
	return undo
}

// has loads the ends of a user, and reports whether that of a job was sent.
func has(t *testing.T, r *Route, subject string, created int64) bool {
	t.Helper()
	if err := r.Load(t.Context(), subject); err != nil {
		t.Fatal(err)
	}
	return r.Has(subject, created)
}

func TestStoredEndsSurviveRestart(t *testing.T) {
	folder := t.TempDir()
	first, stop := run(t, folder)
	add(first.Route("GET /events"), "ann", "job-2", 2000)
	stop()
	second, _ := run(t, folder)
	r := second.Route("GET /events")
	for subject, want := range map[string][]bool{"ann": {true, true, false}, "bob": {false, false, false}} {
		for i, created := range []int64{1000, 2000, 3000} {
			if got := has(t, r, subject, created); got != want[i] {
				t.Errorf("the end of a job of %s from %d was sent: %t", subject, created, got)
			}
		}
	}
	if !r.IsLatest("ann", "job-2") || r.IsLatest("ann", "job-1") || r.IsLatest("bob", "job-2") {
		t.Error("the latest end is of another job")
	}
	if has(t, second.Route("GET /other"), "ann", 2000) {
		t.Error("another route has the end")
	}
}

func TestEdgesShareStoredEnds(t *testing.T) {
	folder := t.TempDir()
	first, _ := run(t, folder)
	second, _ := run(t, folder)
	a, b := first.Route("GET /events"), second.Route("GET /events")
	undo := add(a, "ann", "job-1", 1000)
	if !has(t, b, "ann", 1000) {
		t.Error("the other edge doesn't have the end")
	}
	add(b, "ann", "job-2", 2000)
	undo() // a later end stays
	add(a, "bob", "job-3", 1000)
	if !has(t, a, "ann", 2000) {
		t.Error("the first edge doesn't have the later end")
	}
}

func TestUndoneEndsAreForgotten(t *testing.T) {
	folder := t.TempDir()
	e, stop := run(t, folder)
	r := e.Route("GET /events")
	add(r, "ann", "job-1", 1000)
	add(r, "ann", "job-2", 2000)()
	add(r, "bob", "job-3", 1000)()
	add(r, "eve", "job-4", 1000) // after those, so they are stored, too
	stop()
	again, _ := run(t, folder)
	r = again.Route("GET /events")
	if !has(t, r, "ann", 1000) || has(t, r, "ann", 2000) || has(t, r, "bob", 1000) {
		t.Error("an end that did not arrive was stored")
	}
	if files, err := os.ReadDir(filepath.Join(folder, "shown")); err != nil || len(files) != 2 {
		t.Errorf("the folder has %v, %v", files, err)
	}
}

func TestOldEndsAreRemoved(t *testing.T) {
	folder := t.TempDir()
	e, stop := run(t, folder)
	r := e.Route("GET /events")
	add(r, "ann", "job-1", 1000)
	stop()
	if err := os.WriteFile(filepath.Join(folder, "shown", ".tmp-crash"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "of another program"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	e.sweep(t.Context(), time.Now())
	if !r.Has("ann", 1000) {
		t.Error("a recent end was forgotten")
	}
	e.sweep(t.Context(), time.Now().Add(retention+time.Minute))
	if has(t, r, "ann", 1000) {
		t.Error("an old end was not forgotten")
	}
	if files, err := os.ReadDir(filepath.Join(folder, "shown")); err != nil || len(files) > 0 {
		t.Errorf("left are %v, %v", files, err)
	}
	if _, err := os.Stat(filepath.Join(folder, "of another program")); err != nil {
		t.Error(err)
	}
}

// TestFullDiskDelaysNoEnd checks that an end is sent even if it can't be stored, and that the log reports this once.
func TestFullDiskDelaysNoEnd(t *testing.T) {
	folder := t.TempDir()
	var log bytes.Buffer
	e := Open(bucketIn(t, folder), slog.New(slog.NewTextHandler(&log, nil)))
	if err := os.WriteFile(filepath.Join(folder, "shown"), nil, 0o600); err != nil { // where the directory must be
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); e.Run(ctx) }()
	r := e.Route("GET /events")
	add(r, "ann", "job-1", 1000)
	add(r, "ann", "job-2", 2000)
	cancel()
	<-done
	if !r.Has("ann", 2000) {
		t.Error("the end is not known")
	}
	if n := strings.Count(log.String(), "level=ERROR"); n != 1 {
		t.Errorf("the log has %d errors: %s", n, log.String())
	}
}
