package sqlite

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"

	"headway/services/jobs/internal/job"
)

// disk has the state of SQLite's files after a power cut: for each file, its content when SQLite last synced it. It
// intercepts SQLite's calls, as a VFS on top of the system's VFS.
type disk struct {
	t      *testing.T
	broken atomic.Bool // a sync fails

	mu      sync.Mutex
	paths   map[uintptr]string // of open files
	synced  map[string][]byte
	methods map[uintptr]uintptr // our methods, by the original ones; in SQLite's memory
	syncs   int
	alive   []any // functions to which SQLite has pointers
}

// watchDisk makes all files that are opened from now on until the test's end use a disk.
func watchDisk(t *testing.T) *disk {
	t.Helper()
	d := &disk{t: t, paths: map[uintptr]string{}, synced: map[string][]byte{}, methods: map[uintptr]uintptr{}}
	tls := libc.NewTLS()
	vfs := at[sqlite3.Tsqlite3_vfs](sqlite3.Xsqlite3_vfs_find(tls, 0))
	tls.Close()
	type open func(tls *libc.TLS, vfs, name, file uintptr, flags int32, outFlags uintptr) int32
	type sync func(tls *libc.TLS, file uintptr, flags int32) int32
	systems := vfs.FxOpen
	ours := open(func(tls *libc.TLS, vfs, name, file uintptr, flags int32, outFlags uintptr) int32 {
		rc := function[open](systems)(tls, vfs, name, file, flags, outFlags)
		methods := &at[sqlite3.Tsqlite3_file](file).FpMethods
		if rc != sqlite3.SQLITE_OK || name == 0 || *methods == 0 {
			return rc
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		d.paths[file] = libc.GoString(name)
		watched := d.methods[*methods]
		if watched == 0 {
			watched = libc.Xmalloc(tls, libc.Tsize_t(unsafe.Sizeof(sqlite3.Tsqlite3_io_methods{})))
			ours := at[sqlite3.Tsqlite3_io_methods](watched)
			*ours = *at[sqlite3.Tsqlite3_io_methods](*methods)
			really := ours.FxSync
			synced := sync(func(tls *libc.TLS, file uintptr, flags int32) int32 {
				if d.broken.Load() {
					return sqlite3.SQLITE_IOERR_FSYNC
				}
				rc := function[sync](really)(tls, file, flags)
				if rc == sqlite3.SQLITE_OK {
					d.keep(file)
				}
				return rc
			})
			ours.FxSync = pointer(synced)
			d.alive = append(d.alive, synced)
			d.methods[*methods] = watched
		}
		*methods = watched
		return rc
	})
	type remove func(tls *libc.TLS, vfs, name uintptr, syncFolder int32) int32
	systemsRemove := vfs.FxDelete
	oursRemove := remove(func(tls *libc.TLS, vfs, name uintptr, syncFolder int32) int32 {
		d.mu.Lock()
		delete(d.synced, libc.GoString(name))
		d.mu.Unlock()
		return function[remove](systemsRemove)(tls, vfs, name, syncFolder)
	})
	vfs.FxOpen, vfs.FxDelete = pointer(ours), pointer(oursRemove)
	d.alive = append(d.alive, ours, oursRemove)
	t.Cleanup(func() { vfs.FxOpen, vfs.FxDelete, d.alive = systems, systemsRemove, nil })
	return d
}

// keep records the content of a file that has just been synced.
func (d *disk) keep(file uintptr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	held, err := os.ReadFile(d.paths[file])
	if err != nil {
		d.t.Errorf("read what was synced: %v", err)
	}
	d.synced[d.paths[file]] = held
	d.syncs++
}

// cut simulates a power cut: it returns a copy of the database at path with the current state of the disk.
func (d *disk) cut(path string) (after string) {
	d.t.Helper()
	d.mu.Lock()
	synced := maps.Clone(d.synced)
	d.mu.Unlock()
	folder := d.t.TempDir()
	for from, held := range synced {
		if rest, ours := strings.CutPrefix(from, path); ours {
			if err := os.WriteFile(filepath.Join(folder, "jobs.db"+rest), held, 0o600); err != nil {
				d.t.Fatal(err)
			}
		}
	}
	return filepath.Join(folder, "jobs.db")
}

// at returns the value at an address in SQLite's memory.
func at[T any](address uintptr) *T { return *(**T)(unsafe.Pointer(&address)) }

// function returns the function for a pointer of SQLite, and pointer the pointer for a function.
func function[F any](p uintptr) F { return *(*F)(unsafe.Pointer(&p)) }

func pointer[F any](f F) uintptr { return *(*uintptr)(unsafe.Pointer(&f)) }

func openAt(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAnsweredChangesSurvivePowerCut(t *testing.T) {
	d := watchDisk(t)
	path := filepath.Join(t.TempDir(), "jobs.db")
	s := openAt(t, path)
	defer s.Close()
	var wg sync.WaitGroup
	for worker := range 4 { // so that changes share commits
		wg.Go(func() {
			for round := range 4 {
				j := s.live(t, fmt.Sprint("worker-", worker))
				text := []byte(fmt.Sprint("output of round ", round))
				if _, err := s.AppendOutput(t.Context(), j.ID, j.Lease.Token, 0, text, 1<<20); err != nil {
					t.Error(err)
				}
				done, errs := s.Update(t.Context(), []string{j.ID}, func(_ int, stored *job.Job) error {
					return stored.Complete(time.Now(), j.Lease.Token, []byte(`{"pages":7}`), nil)
				})
				if errs[0] != nil {
					t.Error(errs[0])
				}
				after := d.cut(path) // as soon as the change is acknowledged
				found := openAt(t, after)
				got, err := found.Get(t.Context(), j.ID)
				if err != nil || !reflect.DeepEqual(got, done[0]) {
					t.Errorf("after the power cut the job is %+v, %v; answered was %+v", got, err, done[0])
				}
				output, err := found.ReadOutput(t.Context(), j.ID, 0, 100)
				if err != nil || !bytes.Equal(output.Data, text) {
					t.Errorf("after the power cut the output is %q, %v; answered was %q", output.Data, err, text)
				}
				found.Close()
			}
		})
	}
	wg.Wait()
	if d.syncs == 0 {
		t.Error("nothing was ever synced")
	}
}

// live creates a job of a kind and leases it.
func (s *Store) live(t *testing.T, kind string) job.Job {
	t.Helper()
	spec := job.Spec{Kind: kind, Owner: "alice"}
	j, err := job.New(spec, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Create(t.Context(), j, "", nil); err != nil {
		t.Fatal(err)
	}
	claimed, err := s.Claim(t.Context(), job.Claim{Kinds: []string{kind}, Max: 1, Now: time.Now, Duration: time.Hour, Token: rand.Text})
	if err != nil || len(claimed.Jobs) != 1 {
		t.Fatalf("claim: %v, %v", claimed, err)
	}
	return claimed.Jobs[0]
}

func TestUnsyncedChangeIsNotAnsweredAsDone(t *testing.T) {
	d := watchDisk(t)
	told := 0
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "jobs.db"), func(*job.Commit) { told++ })
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	j := s.live(t, "crawl")
	told = 0
	complete := func() error {
		_, errs := s.Update(t.Context(), []string{j.ID}, func(_ int, stored *job.Job) error {
			return stored.Complete(time.Now(), j.Lease.Token, nil, nil)
		})
		return errs[0]
	}
	d.broken.Store(true)
	if err := complete(); err == nil || told != 0 {
		t.Errorf("without a sync the change was answered with %v, and %d watchers were notified", err, told)
	}
	d.broken.Store(false)
	if err := complete(); err != nil && !errors.Is(err, job.ErrLeaseLost) {
		t.Errorf("with the disk back: %v", err)
	}
	if got, err := s.Get(t.Context(), j.ID); err != nil || got.Status != job.Completed {
		t.Errorf("the job is %v, %v", got.Status, err)
	}
}
