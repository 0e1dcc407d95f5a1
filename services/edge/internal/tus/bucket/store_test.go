package bucket_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"testing"
	"testing/iotest"
	"time"

	"headway/internal/blobs"
	"headway/internal/s3test"
	"headway/services/edge/internal/tus"
	"headway/services/edge/internal/tus/bucket"
	"headway/services/edge/internal/tus/tustest"
)

func open(t *testing.T, url string, limits tus.Limits) *bucket.Store {
	t.Helper()
	b, err := blobs.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	limits.IdleAfter = cmp.Or(limits.IdleAfter, time.Hour)
	return bucket.New(bucket.Config{
		Bucket: b, Prefix: "uploads/", TTL: 24 * time.Hour, Limits: limits, Logger: slog.New(slog.DiscardHandler),
	})
}

func TestBucketPassesContractOfStores(t *testing.T) {
	for name, value := range s3test.Env() {
		t.Setenv(name, value)
	}
	t.Run("folder", func(t *testing.T) {
		tustest.Run(t, func(t *testing.T, dir string, limits tus.Limits) tus.Store {
			t.Helper()
			return open(t, blobs.FolderURL(dir), limits)
		})
	})
	t.Run("S3", func(t *testing.T) {
		server := s3test.Start(t, "bucket")
		tustest.Run(t, func(t *testing.T, dir string, limits tus.Limits) tus.Store {
			t.Helper()
			return open(t, server.URL("bucket", "prefix="+dir[1:]+"/"), limits)
		})
	})
}

// each runs a test with two stores that share a bucket of each kind.
func each(t *testing.T, limits tus.Limits, test func(t *testing.T, one, other *bucket.Store)) {
	for name, value := range s3test.Env() {
		t.Setenv(name, value)
	}
	for name, url := range map[string]string{"folder": blobs.FolderURL(t.TempDir()), "S3": s3test.Start(t, "bucket").URL("bucket")} {
		t.Run(name, func(t *testing.T) { test(t, open(t, url, limits), open(t, url, limits)) })
	}
}

func create(t *testing.T, s *bucket.Store, d tus.Draft) string {
	t.Helper()
	info, err := s.Create(t.Context(), "ann", d)
	if err != nil {
		t.Fatal(err)
	}
	return info.ID
}

func appendTo(t *testing.T, s *bucket.Store, id string, offset int64, data []byte) error {
	t.Helper()
	u, err := s.Lock(t.Context(), "ann", id, nil)
	if err != nil {
		return err
	}
	defer u.Unlock()
	return u.Append(offset, bytes.NewReader(data))
}

func random(size int) []byte {
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{byte(size)}).Read(data)
	return data
}

func read(t *testing.T, s *bucket.Store, id string) []byte {
	t.Helper()
	u, err := s.Lock(t.Context(), "ann", id, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer u.Unlock()
	r, err := u.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestEdgesTakeTurnsAtOneUpload(t *testing.T) { each(t, tus.Limits{}, edgesTakeTurns) }

func edgesTakeTurns(t *testing.T, one, other *bucket.Store) {
	data := random(7<<20 + 5) // several blobs
	id := create(t, one, tus.Draft{Length: tus.Deferred, Metadata: "filename YQ=="})
	for i, offset := range []int{0, 3 << 20, 3<<20 + 1, 7 << 20} {
		s := []*bucket.Store{one, other}[i%2]
		if err := appendTo(t, s, id, int64(offset), data[offset:[]int{3 << 20, 3<<20 + 1, 7 << 20, len(data)}[i]]); err != nil {
			t.Fatalf("append at %d: %v", offset, err)
		}
	}
	u, err := other.Lock(t.Context(), "ann", id, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := u.SetLength(int64(len(data))); err != nil {
		t.Fatal(err)
	}
	u.Unlock()
	if info, err := one.Find("ann", id); err != nil || !info.Complete() {
		t.Errorf("%+v, %v", info, err)
	}
	if !bytes.Equal(read(t, one, id), data) {
		t.Error("the bytes are others")
	}
}

// TestOneOfTwoEdgesAppendsAtAnOffset: after a lost connection, the edge that has it might still store its bytes.
func TestOneOfTwoEdgesAppendsAtAnOffset(t *testing.T) {
	each(t, tus.Limits{}, oneOfTwoEdgesAppends)
}

func oneOfTwoEdgesAppends(t *testing.T, one, other *bucket.Store) {
	data := random(5 << 20)
	id := create(t, one, tus.Draft{Length: int64(len(data))})
	slow, err := one.Lock(t.Context(), "ann", id, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = slow.Append(0, io.MultiReader(bytes.NewReader(data[:3<<20]), readerFunc(func([]byte) (int, error) { // 2 MiB are stored now
		if err := appendTo(t, other, id, 2<<20, data[2<<20:4<<20]); err != nil {
			t.Errorf("the other edge: %v", err)
		}
		return 0, io.ErrUnexpectedEOF
	})))
	if !errors.Is(err, tus.ErrOffset) || slow.Info().Offset != 4<<20 {
		t.Errorf("the slower edge: %v, at %d", err, slow.Info().Offset)
	}
	slow.Unlock()
	if err := appendTo(t, one, id, 4<<20, data[4<<20:]); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(read(t, other, id), data) {
		t.Error("the bytes are others")
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestConcurrentEdgesKeepEveryByteOnce(t *testing.T) { each(t, tus.Limits{}, concurrentEdges) }

func concurrentEdges(t *testing.T, one, other *bucket.Store) {
	data := random(64 << 10)
	id := create(t, one, tus.Draft{Length: int64(len(data))})
	done := make(chan error, 4)
	for _, s := range []*bucket.Store{one, other, one, other} { // like clients that ask for the offset after each refusal
		go func() {
			for {
				info, err := s.Find("ann", id)
				if err != nil || info.Complete() {
					done <- err
					return
				}
				end := min(info.Offset+4<<10, info.Length)
				if err := appendTo(t, s, id, info.Offset, data[info.Offset:end]); err != nil && !errors.Is(err, tus.ErrOffset) {
					done <- err
					return
				}
			}
		}()
	}
	for range cap(done) {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if !bytes.Equal(read(t, other, id), data) {
		t.Error("the bytes are others")
	}
}

func TestEdgesShareResponsesAndRemovals(t *testing.T) { each(t, tus.Limits{}, edgesShareResponses) }

func edgesShareResponses(t *testing.T, one, other *bucket.Store) {
	id, gone := create(t, one, tus.Draft{Length: 3}), create(t, one, tus.Draft{Length: 3})
	if err := appendTo(t, one, id, 0, []byte("abc")); err != nil {
		t.Fatal(err)
	}
	var held []tus.Upload // two edges import the same upload at the same moment
	for _, s := range []*bucket.Store{one, other} {
		u, err := s.Lock(t.Context(), "ann", id, nil)
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, u)
	}
	for _, u := range held {
		if err := u.Decide([]byte(`{"importId":"1"}`)); err != nil {
			t.Error(err)
		}
		u.Unlock()
	}
	if info, err := other.Find("ann", id); err != nil || string(info.Response) != `{"importId":"1"}` || !info.Complete() {
		t.Errorf("%+v, %v", info, err)
	}
	u, err := one.Lock(t.Context(), "ann", gone, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := u.Remove(); err != nil {
		t.Error(err)
	}
	u.Unlock()
	if _, err := other.Find("ann", gone); !errors.Is(err, tus.ErrNotFound) {
		t.Errorf("a removed upload: %v", err)
	}
}

func TestLimitsCountUploadsOfOtherEdges(t *testing.T) {
	each(t, tus.Limits{PerUser: 2}, func(t *testing.T, one, other *bucket.Store) {
		create(t, one, tus.Draft{Length: 1})
		create(t, other, tus.Draft{Length: 1})
		for _, s := range []*bucket.Store{one, other} {
			if _, err := s.Create(t.Context(), "ann", tus.Draft{Length: 1}); !errors.Is(err, tus.ErrTooMany) {
				t.Errorf("a third upload: %v", err)
			}
		}
	})
}

func TestExpiredUploadsLeaveNothing(t *testing.T) {
	for name, value := range s3test.Env() {
		t.Setenv(name, value)
	}
	for name, url := range map[string]string{"folder": blobs.FolderURL(t.TempDir()), "S3": s3test.Start(t, "bucket").URL("bucket")} {
		t.Run(name, func(t *testing.T) {
			b, err := blobs.Open(t.Context(), url)
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			cfg := bucket.Config{Bucket: b, Prefix: "uploads/", TTL: 24 * time.Hour, Limits: tus.Limits{IdleAfter: time.Hour}, Logger: slog.New(slog.DiscardHandler)}
			s := bucket.New(cfg)
			var parts []string
			for range 2 {
				parts = append(parts, create(t, s, tus.Draft{Length: 2, Partial: true}))
				if err := appendTo(t, s, parts[len(parts)-1], 0, []byte("ab")); err != nil {
					t.Fatal(err)
				}
			}
			create(t, s, tus.Draft{Parts: parts})
			half := create(t, s, tus.Draft{Length: 9})
			if err := appendTo(t, s, half, 0, []byte("abc")); err != nil {
				t.Fatal(err)
			}
			cfg.TTL = time.Millisecond
			expiring := bucket.New(cfg)
			done := make(chan struct{})
			ctx, stop := context.WithCancel(t.Context())
			go func() { defer close(done); expiring.Run(ctx) }()
			for begun := time.Now(); ; time.Sleep(10 * time.Millisecond) {
				var left []string
				if err := b.List(t.Context(), func(o blobs.Blob) error { left = append(left, o.Key); return nil }); err != nil {
					t.Fatal(err)
				}
				if len(left) == 0 {
					break
				}
				if time.Since(begun) > 20*time.Second {
					t.Fatalf("left are %v", left)
				}
			}
			stop()
			<-done
		})
	}
}

func TestBytesBeforeAFailureOfTheClientAreKept(t *testing.T) {
	each(t, tus.Limits{}, func(t *testing.T, one, other *bucket.Store) {
		data := random(3 << 20)
		id := create(t, one, tus.Draft{Length: int64(len(data))})
		u, err := one.Lock(t.Context(), "ann", id, nil)
		if err != nil {
			t.Fatal(err)
		}
		broken := errors.New("broken")
		if err := u.Append(0, io.MultiReader(bytes.NewReader(data[:2500<<10]), iotest.ErrReader(broken))); !errors.Is(err, broken) {
			t.Error(err)
		}
		u.Unlock()
		if info, err := other.Find("ann", id); err != nil || info.Offset != 2500<<10 {
			t.Errorf("%+v, %v", info, err)
		}
	})
}
