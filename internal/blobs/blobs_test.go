package blobs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"

	"headway/internal/blobs"
	"headway/internal/s3test"
)

// each runs a test on a bucket of each kind.
func each(t *testing.T, test func(*testing.T, *blobs.Bucket)) {
	t.Run("folder", func(t *testing.T) {
		test(t, open(t, blobs.FolderURL(t.TempDir()+"/new and odd#?%/bucket")))
	})
	t.Run("S3", func(t *testing.T) {
		server := s3test.Start(t, "bucket")
		others := open(t, server.URL("bucket", "prefix=others/"))
		write(t, others, "foreign", "x")
		test(t, open(t, server.URL("bucket", "prefix=ours/")))
		if found := keys(t, others); !slices.Equal(found, []string{"foreign"}) {
			t.Errorf("next to the prefix are %v", found)
		}
	})
}

func open(t *testing.T, url string) *blobs.Bucket {
	t.Helper()
	for name, value := range s3test.Env() {
		t.Setenv(name, value)
	}
	bucket, err := blobs.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { bucket.Close() })
	return bucket
}

func write(t *testing.T, b *blobs.Bucket, key, content string) {
	t.Helper()
	err := b.Write(t.Context(), key, "text/plain", func(w io.Writer) error { _, err := io.WriteString(w, content); return err })
	if err != nil {
		t.Fatal(err)
	}
}

func keys(t *testing.T, b *blobs.Bucket) (keys []string) {
	t.Helper()
	if err := b.List(t.Context(), func(o blobs.Blob) error { keys = append(keys, o.Key); return nil }); err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestBlobsAreReadByRange(t *testing.T) { each(t, blobsAreReadByRange) }

func blobsAreReadByRange(t *testing.T, b *blobs.Bucket) {
	write(t, b, "a/b", "0123456789")
	r, err := b.Open(t.Context(), "a/b", 3, 4)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || string(got) != "3456" {
		t.Errorf("read %q, %v", got, err)
	}
	if size, err := b.Size(t.Context(), "a/b"); err != nil || size != 10 {
		t.Errorf("size %d, %v", size, err)
	}
	if exists, err := b.Exists(t.Context(), "a/b"); err != nil || !exists {
		t.Errorf("exists %v, %v", exists, err)
	}
}

func TestMissingBlobIsNotFound(t *testing.T) { each(t, missingBlobIsNotFound) }

func missingBlobIsNotFound(t *testing.T, b *blobs.Bucket) {
	if _, err := b.Open(t.Context(), "none", 0, 1); !errors.Is(err, blobs.ErrNotFound) {
		t.Errorf("Open: %v", err)
	}
	if _, err := b.Size(t.Context(), "none"); !errors.Is(err, blobs.ErrNotFound) {
		t.Errorf("Size: %v", err)
	}
	if exists, err := b.Exists(t.Context(), "none"); err != nil || exists {
		t.Errorf("Exists: %v, %v", exists, err)
	}
	if err := b.Delete(t.Context(), "none"); err != nil {
		t.Errorf("Delete: %v", err)
	}
}

func TestUnfinishedBlobIsNeverSeen(t *testing.T) { each(t, unfinishedBlobIsNeverSeen) }

func unfinishedBlobIsNeverSeen(t *testing.T, b *blobs.Bucket) {
	broken := errors.New("the source broke")
	err := b.Write(t.Context(), "half", "text/plain", func(w io.Writer) error {
		_, _ = io.WriteString(w, strings.Repeat("x", 1<<20))
		return broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("Write: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	w, err := b.NewWriter(ctx, "cancelled", "text/plain")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write([]byte("x"))
	cancel()
	if err := w.Commit(); err == nil {
		t.Error("a writer whose context is done committed")
	}
	if found := keys(t, b); len(found) > 0 {
		t.Errorf("the bucket holds %v", found)
	}
	write(t, b, "two", "2")
	write(t, b, "one", "1")
	if err := b.Delete(t.Context(), "two"); err != nil {
		t.Fatal(err)
	}
	if found := keys(t, b); !slices.Equal(found, []string{"one"}) {
		t.Errorf("the bucket holds %v", found)
	}
}

func TestOneOfManyCreatesABlob(t *testing.T) { each(t, oneOfManyCreatesABlob) }

func oneOfManyCreatesABlob(t *testing.T, b *blobs.Bucket) {
	for round := range 5 {
		key := fmt.Sprintf("a/%d", round)
		results := make(chan error, 8)
		for n := range cap(results) {
			go func() { results <- b.Create(t.Context(), key, []byte(strings.Repeat(strconv.Itoa(n), 1000))) }()
		}
		created := 0
		for range cap(results) {
			switch err := <-results; {
			case err == nil:
				created++
			case !errors.Is(err, blobs.ErrExists):
				t.Error(err)
			}
		}
		data, err := b.Read(t.Context(), key)
		if created != 1 || err != nil || len(data) != 1000 || strings.Trim(string(data), string(data[:1])) != "" {
			t.Errorf("%d calls created the blob, and it has %d bytes, %v", created, len(data), err)
		}
	}
	if err := b.Create(t.Context(), "a/0", nil); !errors.Is(err, blobs.ErrExists) {
		t.Errorf("another time: %v", err)
	}
	if _, err := b.Read(t.Context(), "none"); !errors.Is(err, blobs.ErrNotFound) {
		t.Errorf("Read: %v", err)
	}
}

func TestBlobsAreListedByPrefix(t *testing.T) { each(t, blobsAreListedByPrefix) }

func blobsAreListedByPrefix(t *testing.T, b *blobs.Bucket) {
	for _, key := range []string{"a/b-1", "a/b-2", "a/c-1", "b/b-1"} {
		if err := b.Create(t.Context(), key, []byte(key)); err != nil {
			t.Fatal(err)
		}
	}
	for prefix, want := range map[string][]string{"a/b-": {"a/b-1", "a/b-2"}, "a/": {"a/b-1", "a/b-2", "a/c-1"}, "c/": nil} {
		var found []string
		err := b.ListPrefix(t.Context(), prefix, func(o blobs.Blob) error {
			found = append(found, o.Key)
			if o.Size != int64(len(o.Key)) {
				t.Errorf("%s has %d bytes", o.Key, o.Size)
			}
			return nil
		})
		if err != nil || !slices.Equal(found, want) {
			t.Errorf("%s: %v, %v", prefix, found, err)
		}
	}
}

func TestBlobIsCopied(t *testing.T) { each(t, blobIsCopied) }

func blobIsCopied(t *testing.T, b *blobs.Bucket) {
	write(t, b, "original", "content")
	if err := b.Copy(t.Context(), "copy", "original", "text/plain"); err != nil {
		t.Fatal(err)
	}
	if err := b.Delete(t.Context(), "original"); err != nil {
		t.Fatal(err)
	}
	if data, err := b.Read(t.Context(), "copy"); err != nil || string(data) != "content" {
		t.Errorf("the copy has %q, %v", data, err)
	}
	if err := b.Copy(t.Context(), "other", "original", "text/plain"); !errors.Is(err, blobs.ErrNotFound) {
		t.Errorf("the copy of a missing blob: %v", err)
	}
	if got := keys(t, b); len(got) != 1 {
		t.Errorf("the bucket has %v", got)
	}
}
