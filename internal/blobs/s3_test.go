package blobs_test

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"headway/internal/blobs"
	"headway/internal/s3test"
)

func TestBlobOfManyPartsIsStoredWhole(t *testing.T) { each(t, blobOfManyPartsIsStoredWhole) }

func blobOfManyPartsIsStoredWhole(t *testing.T, b *blobs.Bucket) {
	for _, size := range []int{0, 5 << 20, 5<<20 + 1, 23<<20 + 17} {
		data := make([]byte, size)
		_, _ = rand.NewChaCha8([32]byte{byte(size)}).Read(data)
		err := b.Write(t.Context(), "large", "text/plain", func(w io.Writer) error { _, err := io.Copy(w, bytes.NewReader(data)); return err })
		if err != nil {
			t.Fatal(err)
		}
		if stored, err := b.Size(t.Context(), "large"); err != nil || stored != int64(size) {
			t.Errorf("stored are %d bytes of %d, %v", stored, size, err)
		}
		if size == 0 {
			continue // there is no range to read
		}
		r, err := b.Open(t.Context(), "large", 0, int64(size))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if r.Close(); err != nil || !bytes.Equal(got, data) {
			t.Errorf("read %d bytes of %d, %v", len(got), size, err)
		}
	}
}

// hasParts reports whether the server stores parts of unfinished blobs.
func hasParts(t *testing.T, server *s3test.Server) (has bool) {
	t.Helper()
	err := filepath.WalkDir(server.Folder("bucket"), func(path string, entry fs.DirEntry, err error) error {
		has = has || err == nil && strings.Contains(path, "multipart") && entry.Type().IsRegular()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return has
}

// start writes the start of a blob: more bytes than a writer keeps in memory.
func start(t *testing.T, b *blobs.Bucket) *blobs.Writer {
	t.Helper()
	w, err := b.NewWriter(context.WithoutCancel(t.Context()), "unfinished", "text/plain")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Discard)
	if _, err := w.Write(make([]byte, 16<<20)); err != nil {
		t.Fatal(err)
	}
	return w
}

func deleteUnfinished(t *testing.T, b *blobs.Bucket, before time.Time) int {
	t.Helper()
	n, err := b.DeleteUnfinished(t.Context(), before, func(key string) bool { return key == "unfinished" })
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestPartsOfKilledWritersAreDeleted(t *testing.T) {
	server := s3test.Start(t, "bucket")
	ours, others := open(t, server.URL("bucket", "prefix=ours/")), open(t, server.URL("bucket", "prefix=others/"))
	start(t, ours)
	if !hasParts(t, server) {
		t.Fatal("no part is stored while the blob is written")
	}
	start(t, others)
	now := time.Now()
	if n := deleteUnfinished(t, ours, now.Add(-time.Hour)); n != 0 {
		t.Errorf("deleted %d blobs that a writer could still write", n)
	}
	if n, err := ours.DeleteUnfinished(t.Context(), now.Add(time.Hour), func(string) bool { return false }); n != 0 || err != nil {
		t.Errorf("deleted %d blobs of others, %v", n, err)
	}
	if n := deleteUnfinished(t, ours, now.Add(time.Hour)); n != 1 {
		t.Errorf("deleted %d unfinished blobs instead of 1", n)
	}
	if n := deleteUnfinished(t, others, now.Add(time.Hour)); n != 1 {
		t.Errorf("%d unfinished blobs with another prefix were left instead of 1", n)
	}
}

func TestDiscardedPartsAreDeleted(t *testing.T) {
	server := s3test.Start(t, "bucket")
	b := open(t, server.URL("bucket"))
	start(t, b).Discard()
	if n := deleteUnfinished(t, b, time.Now().Add(time.Hour)); n != 0 {
		t.Errorf("%d unfinished blobs were left", n)
	}
}

func TestEncryptionIsRequestedFromObjectStore(t *testing.T) {
	server := s3test.Start(t, "bucket")
	for name, value := range s3test.Env() {
		t.Setenv(name, value)
	}
	for _, wrong := range []string{"ssetype=none", "disable_https=perhaps", "unknown=1"} {
		if _, err := blobs.Open(t.Context(), server.URL("bucket", wrong)); err == nil {
			t.Errorf("%s: the bucket was opened", wrong)
		}
	}
	// The test server has no keys, so another one records the requests.
	headers := map[string]http.Header{}
	recorder := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		headers[r.Method] = r.Header
		w.WriteHeader(http.StatusForbidden)
	}))
	defer recorder.Close()
	b := open(t, "s3://bucket?region=us-east-1&use_path_style=true&ssetype=aws:kms&kmskeyid=key&endpoint="+recorder.URL)
	for method, size := range map[string]int{"PUT": 1, "POST": 11 << 20} { // one request, and parts
		if err := b.Write(t.Context(), "secret", "text/plain", func(w io.Writer) error { _, err := w.Write(make([]byte, size)); return err }); err == nil {
			t.Errorf("%s: a blob that was refused is stored", method)
		}
		header := headers[method]
		if header.Get("X-Amz-Server-Side-Encryption") != "aws:kms" || header.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id") != "key" {
			t.Errorf("%s was sent with %v", method, header)
		}
	}
}

func TestUnusableBucketURLsAreRefused(t *testing.T) {
	for _, wrong := range []string{"", "folder", "gs://bucket", "s3://", "s3:///bucket", "file://%zz"} {
		if _, err := blobs.Open(t.Context(), wrong); err == nil {
			t.Errorf("%q was opened", wrong)
		}
	}
}

// TestListOfLostConnectionIsAnError: otherwise, blobs would seem to be gone.
func TestListOfLostConnectionIsAnError(t *testing.T) {
	for name, value := range s3test.Env() {
		t.Setenv(name, value)
	}
	broken := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer broken.Close()
	bucket, err := blobs.Open(t.Context(), "s3://bucket?region=us-east-1&use_path_style=true&endpoint="+url.QueryEscape(broken.URL))
	if err != nil {
		t.Fatal(err)
	}
	defer bucket.Close()
	if err := bucket.List(t.Context(), func(blobs.Blob) error { return nil }); err == nil {
		t.Error("the list is complete")
	}
}
