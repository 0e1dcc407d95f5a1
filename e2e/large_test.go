package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
)

// flow is a body that is generated while it is read. It counts the bytes that were read.
type flow struct {
	pattern     []byte
	left, taken int64
}

// Read implements io.Reader.
func (f *flow) Read(p []byte) (int, error) {
	if f.left == 0 {
		return 0, io.EOF
	}
	n := 0
	for n < len(p) {
		n += copy(p[n:], f.pattern)
	}
	n = int(min(int64(n), f.left))
	f.left -= int64(n)
	f.taken += int64(n)
	return n, nil
}

// TestLargeBodiesAreRefusedWithReason sends files that are not workbooks, and workbooks above the limit. Every client gets
// the reason long before it has sent the whole file, directly and through a proxy.
func TestLargeBodiesAreRefusedWithReason(t *testing.T) {
	t.Parallel()
	p := startNginx(t)
	s := p.server
	text, zip := bytes.Repeat([]byte("These are only words, and no values of any column.\n"), 1024), bytes.Repeat([]byte("PK\x03\x04"), 16384)
	for _, way := range []struct {
		name   string
		client *http.Client
		url    string
	}{
		{"directly", http.DefaultClient, "http://" + s.edge},
		{"nginx with HTTP/2", p.client, p.url},
	} {
		for _, test := range []struct {
			name, reason   string
			pattern        []byte
			size           int64
			status         int
			declared, wait bool
		}{
			{"a text", "TEXT_FILE", text, 419 << 20, http.StatusBadRequest, true, false},
			{"a text that waits for 100 Continue", "TEXT_FILE", text, 419 << 20, http.StatusBadRequest, true, true},
			{"a text without a length", "TEXT_FILE", text, 419 << 20, http.StatusBadRequest, false, false},
			{"above the limit", "UPLOAD_TOO_LARGE", zip, 700 << 20, http.StatusRequestEntityTooLarge, true, false},
			{"above the limit, waiting", "UPLOAD_TOO_LARGE", zip, 700 << 20, http.StatusRequestEntityTooLarge, true, true},
		} {
			for _, form := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, %s, form %v", way.name, test.name, form), func(t *testing.T) {
					body := &flow{pattern: test.pattern, left: test.size}
					var reader io.Reader = body
					size, kind := test.size, "application/octet-stream"
					if form {
						head, tail := "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.xlsx\"\r\n\r\n", "\r\n--B--\r\n"
						reader = io.MultiReader(bytes.NewReader([]byte(head)), body, bytes.NewReader([]byte(tail)))
						size, kind = size+int64(len(head)+len(tail)), "multipart/form-data; boundary=B"
					}
					req, err := http.NewRequestWithContext(t.Context(), "POST", way.url+"/api/v1/imports", io.NopCloser(reader))
					if err != nil {
						t.Fatal(err)
					}
					req.Header.Set("Authorization", "Bearer "+p.ann)
					req.Header.Set("Content-Type", kind)
					if test.declared {
						req.ContentLength = size
					}
					if test.wait {
						req.Header.Set("Expect", "100-continue")
					}
					res, err := way.client.Do(req)
					if err != nil {
						t.Fatalf("after %d MiB: %v", body.taken>>20, err)
					}
					defer res.Body.Close()
					answer, err := io.ReadAll(res.Body)
					var refused struct{ Reason string }
					if err != nil || json.Unmarshal(answer, &refused) != nil || res.StatusCode != test.status || refused.Reason != test.reason {
						t.Errorf("after %d MiB: %s %.200s %v", body.taken>>20, res.Status, answer, err)
					}
					if body.taken > 200<<20 {
						t.Errorf("%d MiB were sent", body.taken>>20)
					}
				})
			}
		}
	}
}
