package edge_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	importsv1 "headway/gen/go/headway/imports/v1"
	"headway/services/edge"
)

// tusBench is an edge with access to its folder of unfinished uploads.
type tusBench struct {
	*bench
	dir string
}

func setupTus(t *testing.T, change func(*edge.Config)) *tusBench {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "uploads")
	b := setup(t, func(c *edge.Config) {
		c.UploadsDir = dir
		if change != nil {
			change(c)
		}
	})
	b.importer.byRequest = map[string]*importsv1.Import{}
	return &tusBench{b, dir}
}

// tus makes a request of the protocol.
func (b *tusBench) tus(method, path string, body io.Reader, headers ...string) *http.Response {
	b.t.Helper()
	return b.do(method, path, body, append([]string{"Tus-Resumable", "1.0.0"}, headers...)...)
}

// begin creates an upload of this many bytes and returns its path.
func (b *tusBench) begin(length int, metadata ...string) string {
	b.t.Helper()
	resp := b.tus(http.MethodPost, "/api/v1/uploads", nil, "Upload-Length", fmt.Sprint(length), "Upload-Metadata", metadataOf(metadata...))
	if resp.StatusCode != http.StatusCreated {
		text, _ := io.ReadAll(resp.Body)
		b.t.Fatalf("create: %s %s", resp.Status, text)
	}
	expires, err := http.ParseTime(resp.Header.Get("Upload-Expires"))
	if err != nil || !expires.After(time.Now()) || resp.Header.Get("Tus-Resumable") != "1.0.0" {
		b.t.Errorf("create: headers %v", resp.Header)
	}
	path := resp.Header.Get("Location")
	if !strings.HasPrefix(path, "/api/v1/uploads/") {
		b.t.Fatalf("create: location %q", path)
	}
	return path
}

// metadataOf writes names and values as Upload-Metadata.
func metadataOf(pairs ...string) string {
	var list []string
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, pairs[i]+" "+base64.StdEncoding.EncodeToString([]byte(pairs[i+1])))
	}
	return strings.Join(list, ",")
}

func (b *tusBench) append(path string, offset int, body io.Reader, headers ...string) *http.Response {
	b.t.Helper()
	return b.tus(http.MethodPatch, path, body, append([]string{"Upload-Offset", fmt.Sprint(offset), "Content-Type", "application/offset+octet-stream"}, headers...)...)
}

// offset requests the number of bytes that have arrived.
func (b *tusBench) offset(path string) string {
	b.t.Helper()
	resp := b.tus(http.MethodHead, path, nil)
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Cache-Control") != "no-store" || resp.Header.Get("Upload-Length") == "" {
		b.t.Fatalf("head: %s %v", resp.Status, resp.Header)
	}
	return resp.Header.Get("Upload-Offset")
}

// makeImport creates the import, which is the last step.
func (b *tusBench) makeImport(path string, headers ...string) *http.Response {
	b.t.Helper()
	return b.do(http.MethodPost, "/api/v1/imports?upload_id="+filepath.Base(path), nil, headers...)
}

// files returns the files in the folder.
func (b *tusBench) files() []string {
	b.t.Helper()
	entries, err := os.ReadDir(b.dir)
	if err != nil {
		b.t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// kept returns the bytes of the only upload.
func (b *tusBench) kept() []byte {
	b.t.Helper()
	files, err := filepath.Glob(filepath.Join(b.dir, "*.part"))
	if err != nil || len(files) != 1 {
		b.t.Fatal(files, err)
	}
	kept, err := os.ReadFile(files[0])
	if err != nil {
		b.t.Fatal(err)
	}
	return kept
}

func workbookOf(bytes int) string {
	return "PK" + strings.Repeat("0123456789abcdef", bytes/16)[:bytes-2]
}
