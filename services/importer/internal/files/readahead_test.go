package files_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"
	"time"
)

// ranges serves an object of size bytes, and sends the range of each request to the returned channel.
func ranges(t *testing.T, size int) (bucket string, requested chan string) {
	requested = make(chan string, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			requested <- r.Header.Get("Range")
		}
		http.ServeContent(w, r, "", time.Now(), bytes.NewReader(make([]byte, size)))
	}))
	t.Cleanup(server.Close)
	return "s3://bucket?region=us-east-1&use_path_style=true&anonymous=true&endpoint=" + url.QueryEscape(server.URL), requested
}

func TestNextBlockIsReadWhileOneIsUsed(t *testing.T) {
	bucket, requested := ranges(t, 4<<20)
	file, err := open(t, bucket).Open(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := io.ReadFull(io.NewSectionReader(file, 0, file.Size()), make([]byte, 3<<19)); err != nil {
		t.Fatal(err)
	}
	var got []string
	for range 3 {
		got = append(got, <-requested)
	}
	slices.Sort(got)
	if want := []string{"bytes=0-1048575", "bytes=1048576-2097151", "bytes=2097152-3145727"}; !slices.Equal(got, want) {
		t.Errorf("1.5 MiB were read by %v", got)
	}
}

func TestRandomReadsAreNotReadAhead(t *testing.T) {
	bucket, requested := ranges(t, 8<<20)
	file, err := open(t, bucket).Open(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int64{7<<20 + 1, 0, 4 << 20, 2 << 20} {
		if _, err := file.ReadAt(make([]byte, 100), at); err != nil {
			t.Fatal(err)
		}
	}
	file.Close() // waits for reads ahead
	if len(requested) != 4 {
		t.Errorf("4 blocks were read by %d requests", len(requested))
	}
}
