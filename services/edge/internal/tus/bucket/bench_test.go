package bucket_test

import (
	"bytes"
	"log/slog"
	"testing"
	"time"

	"headway/internal/blobs"
	"headway/internal/s3test"
	"headway/services/edge/internal/tus"
	"headway/services/edge/internal/tus/bucket"
)

// BenchmarkUpload stores an upload of 32 MiB in a bucket of an S3 server on this machine, in chunks of 8 MiB.
func BenchmarkUpload(b *testing.B) {
	for name, value := range s3test.Env() {
		b.Setenv(name, value)
	}
	opened, err := blobs.Open(b.Context(), s3test.Start(b, "bucket").URL("bucket"))
	if err != nil {
		b.Fatal(err)
	}
	defer opened.Close()
	s := bucket.New(bucket.Config{Bucket: opened, Prefix: "uploads/", TTL: time.Hour, Limits: tus.Limits{IdleAfter: time.Hour}, Logger: slog.New(slog.DiscardHandler)})
	data := random(8 << 20)
	b.SetBytes(4 * int64(len(data)))
	for b.Loop() {
		info, err := s.Create(b.Context(), "ann", tus.Draft{Length: 4 * int64(len(data))})
		if err != nil {
			b.Fatal(err)
		}
		for n := range 4 {
			u, err := s.Lock(b.Context(), "ann", info.ID, nil)
			if err != nil {
				b.Fatal(err)
			}
			if err := u.Append(int64(n*len(data)), bytes.NewReader(data)); err != nil {
				b.Fatal(err)
			}
			u.Unlock()
		}
	}
}
