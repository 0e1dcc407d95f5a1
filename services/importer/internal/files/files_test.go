package files_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"headway/internal/s3test"
	"headway/services/importer/internal/files"
	"headway/services/importer/internal/imports"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, url string) *files.Store {
	t.Helper()
	for name, value := range s3test.Env() {
		t.Setenv(name, value)
	}
	store, err := files.Open(t.Context(), url, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

// each runs a test on a store in a folder, and on one in an object store. folder has their files.
func each(t *testing.T, test func(t *testing.T, store *files.Store, folder string)) {
	t.Run("folder", func(t *testing.T) {
		folder := filepath.Join(t.TempDir(), "blobs", "imports")
		test(t, open(t, "file://"+folder), folder)
	})
	t.Run("S3", func(t *testing.T) {
		server := s3test.Start(t, "bucket")
		folder := filepath.Join(server.Folder("bucket"), "imports")
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		test(t, open(t, server.URL("bucket", "prefix=imports/")), folder)
	})
}

func bytesOf(n int) []byte {
	data := make([]byte, n)
	random := rand.New(rand.NewPCG(1, 1))
	for i := range data {
		data[i] = byte(random.Uint32())
	}
	return data
}

func keep(t *testing.T, store *files.Store, id string, data []byte) (sha string) {
	t.Helper()
	upload, err := store.Receive(t.Context(), id, int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(upload, bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	if sha, err = upload.Keep(); err != nil {
		t.Fatal(err)
	}
	return sha
}

func names(t *testing.T, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	list := []string{}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func TestStoredFileIsReadBack(t *testing.T) { each(t, storedFileIsReadBack) }

func storedFileIsReadBack(t *testing.T, store *files.Store, _ string) {
	data := bytesOf(11<<20 + 17) // more blocks than are cached, and a short one
	sum := sha256.Sum256(data)
	if sha := keep(t, store, "a", data); sha != hex.EncodeToString(sum[:]) {
		t.Errorf("the hash is %s", sha)
	}
	file, err := store.Open(t.Context(), "a")
	if err != nil || file.Size() != int64(len(data)) {
		t.Fatalf("size %v, %v", file.Size(), err)
	}
	defer file.Close()
	if err := iotest.TestReader(io.NewSectionReader(file, 0, file.Size()), data); err != nil {
		t.Error(err)
	}
	// Several readers at the same time, at different offsets.
	done := make(chan error)
	for i := range 4 {
		go func() {
			random := rand.New(rand.NewPCG(uint64(i), 7))
			piece := make([]byte, 3<<19)
			for range 50 {
				at := random.Int64N(file.Size())
				n, err := file.ReadAt(piece, at)
				if err != nil && !errors.Is(err, io.EOF) || !bytes.Equal(piece[:n], data[at:min(at+int64(len(piece)), file.Size())]) {
					done <- errors.Join(errors.New("read other bytes"), err)
					return
				}
			}
			done <- nil
		}()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if _, err := file.ReadAt(make([]byte, 1), -1); err == nil {
		t.Error("a negative offset was read")
	}
}

func TestDiscardedUploadLeavesNothing(t *testing.T) { each(t, discardedUploadLeavesNothing) }

func discardedUploadLeavesNothing(t *testing.T, store *files.Store, folder string) {
	upload, err := store.Receive(t.Context(), "a", 10)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := upload.Write(bytesOf(10)); err != nil {
		t.Fatal(err)
	}
	if _, err := upload.Write(bytesOf(1)); !errors.Is(err, files.ErrTooLarge) {
		t.Errorf("the eleventh byte: %v", err)
	}
	upload.Discard()
	if left := names(t, folder); len(left) != 0 {
		t.Errorf("left are %v", left)
	}
	if _, err := store.Open(t.Context(), "a"); !errors.Is(err, imports.ErrWorkbookGone) {
		t.Errorf("opened: %v", err)
	}
	if err := store.Delete(t.Context(), "a"); err != nil {
		t.Errorf("deleting what is not there: %v", err)
	}
}

func TestSweepKeepsImportsAndNewFiles(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "blobs", "imports")
	store := open(t, "file://"+folder)
	started := time.Now()
	keep(t, store, "known", []byte("x"))
	keep(t, store, "orphan", []byte("x"))
	keep(t, store, "new", []byte("x"))
	keep(t, store, "coarse", []byte("x")) // its time lags the clock
	if err := os.WriteFile(filepath.Join(folder, "fileblob42"), []byte("cut off"), 0o600); err != nil {
		t.Fatal(err)
	}
	long := started.Add(-time.Hour)
	lagging := started.Add(-10 * time.Millisecond)
	if err := os.Chtimes(filepath.Join(folder, "coarse.xlsx"), lagging, lagging); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"known.xlsx", "orphan.xlsx", "fileblob42"} {
		if err := os.Chtimes(filepath.Join(folder, name), long, long); err != nil {
			t.Fatal(err)
		}
	}
	removed, err := store.Sweep(t.Context(), started, func(_ context.Context, ids []string) (map[string]bool, error) {
		return map[string]bool{"known": true}, nil
	})
	if err != nil || removed != 2 {
		t.Errorf("removed %d, %v", removed, err)
	}
	if left := names(t, folder); len(left) != 3 || left[0] != "coarse.xlsx" || left[1] != "known.xlsx" || left[2] != "new.xlsx" {
		t.Errorf("left are %v", left)
	}
}

func TestSweepDeletesManyFilesUntilOneFails(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "blobs", "imports")
	store := open(t, "file://"+folder)
	for i := range 1001 { // more than are looked up at a time
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprint(i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	calls := 0
	failure := errors.New("the database is gone")
	removed, err := store.Sweep(t.Context(), time.Now().Add(time.Minute), func(context.Context, []string) (map[string]bool, error) {
		calls++
		return nil, failure
	})
	if calls != 1 || removed != 0 || !errors.Is(err, failure) {
		t.Errorf("%d calls removed %d, %v", calls, removed, err)
	}
	removed, err = store.Sweep(t.Context(), time.Now().Add(time.Minute), func(context.Context, []string) (map[string]bool, error) { return nil, nil })
	if left := names(t, folder); removed != 1001 || err != nil || len(left) != 0 {
		t.Errorf("removed %d, %v; left are %d", removed, err, len(left))
	}
}

func TestSweepOfBucketKeepsUnownedBlobs(t *testing.T) {
	server := s3test.Start(t, "bucket")
	store := open(t, server.URL("bucket", "prefix=imports/"))
	known, orphan, fresh := uuid.NewString(), uuid.NewString(), uuid.NewString()
	folder := filepath.Join(server.Folder("bucket"), "imports")
	for _, id := range []string{known, orphan, fresh, "foreign"} {
		keep(t, store, id, []byte("x"))
	}
	now := time.Now()
	for id, age := range map[string]time.Duration{known: 25 * time.Hour, orphan: 25 * time.Hour, "foreign": 25 * time.Hour, fresh: 23 * time.Hour} {
		if err := os.Chtimes(filepath.Join(folder, id+".xlsx"), now.Add(-age), now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	removed, err := store.Sweep(t.Context(), now, func(context.Context, []string) (map[string]bool, error) {
		return map[string]bool{known: true}, nil
	})
	if err != nil || removed != 1 {
		t.Errorf("removed %d, %v", removed, err)
	}
	left := []string{known + ".xlsx", fresh + ".xlsx", "foreign.xlsx"}
	slices.Sort(left)
	if found := names(t, folder); !slices.Equal(found, left) {
		t.Errorf("left are %v instead of %v", found, left)
	}
}
