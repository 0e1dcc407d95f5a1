package edge_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"headway/services/edge"
)

// TestReportsHaveLengthETagAndRanges: an interrupted download is continued, and a file that the client has is not sent again.
func TestReportsHaveLengthETagAndRanges(t *testing.T) {
	b := setup(t, nil)
	const path = "/api/v1/imports/i1/issues.csv"
	read := func(status int, headers ...string) (*http.Response, []byte) {
		t.Helper()
		resp := b.do(http.MethodGet, path, nil, headers...)
		text, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != status || resp.ContentLength != int64(len(text)) {
			t.Fatalf("%v: %s, length %d, read %d, %v", headers, resp.Status, resp.ContentLength, len(text), err)
		}
		return resp, text
	}
	resp, all := read(http.StatusOK)
	etag := resp.Header.Get("ETag")
	if !bytes.Equal(all, issuesFile) || etag != `"v1"` || resp.Header.Get("Accept-Ranges") != "bytes" || resp.Header.Get("Content-Type") != "text/csv; charset=utf-8" ||
		!strings.HasPrefix(resp.Header.Get("Content-Disposition"), `attachment; filename="issues.csv"`) {
		t.Errorf("%d bytes, %v", len(all), resp.Header)
	}
	size := len(issuesFile)
	for value, want := range map[string][]byte{
		"bytes=0-0": issuesFile[:1], "bytes=100-": issuesFile[100:], "bytes=-7": issuesFile[size-7:],
		fmt.Sprintf("bytes=20000-%d", 2*size): issuesFile[20_000:], "bytes=15359-15361": issuesFile[15_359:15_362],
	} {
		if resp, part := read(http.StatusPartialContent, "Range", value, "If-Range", etag); !bytes.Equal(part, want) {
			t.Errorf("%s: %d bytes, %s", value, len(part), resp.Header.Get("Content-Range"))
		}
	}
	read(http.StatusOK, "Range", "bytes=5-", "If-Range", `"v0"`)
	read(http.StatusOK, "Range", "bytes=0-0,2-2,4-4") // several ranges: the whole file
	if resp := b.do(http.MethodGet, path, nil, "If-None-Match", etag); resp.StatusCode != http.StatusNotModified || resp.Header.Get("ETag") != etag {
		t.Errorf("unchanged: %s", resp.Status)
	}
	if resp := b.do(http.MethodHead, path, nil); resp.StatusCode != http.StatusOK || resp.ContentLength != int64(size) || resp.Header.Get("ETag") != etag {
		t.Errorf("HEAD: %s, length %d", resp.Status, resp.ContentLength)
	}
	resp = b.do(http.MethodGet, path, nil, "Range", fmt.Sprintf("bytes=%d-", size))
	if want := fmt.Sprintf("bytes */%d", size); resp.Header.Get("Content-Range") != want || resp.Header.Get("Content-Disposition") != "" || resp.Header.Get("ETag") != "" {
		t.Errorf("beyond the end: %v", resp.Header)
	}
	b.refused(resp, http.StatusRequestedRangeNotSatisfiable, "RANGE_NOT_SATISFIABLE")
	if resp := b.do(http.MethodHead, path, nil, "Range", fmt.Sprintf("bytes=%d-", size)); resp.StatusCode != http.StatusOK { // only GET has ranges
		t.Errorf("HEAD beyond the end: %s", resp.Status)
	}
}

// TestPartsOfChangedReportAreNotCombined: parts of two versions are not a file. The client sees that the download was interrupted.
func TestPartsOfChangedReportAreNotCombined(t *testing.T) {
	b := setup(t, nil)
	resp := b.do(http.MethodGet, "/api/v1/imports/changed/issues.csv", nil)
	if text, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("%d bytes of %d were read without an error", len(text), resp.ContentLength)
	}
}

func TestTemplatesHaveLengthAndETag(t *testing.T) {
	b := setup(t, nil)
	const path = "/api/v1/schemas/workforce/template.xlsx"
	resp := b.do(http.MethodGet, path, nil)
	text, err := io.ReadAll(resp.Body)
	etag := resp.Header.Get("ETag")
	if err != nil || resp.ContentLength != int64(len(text)) || len(text) == 0 || etag == "" {
		t.Fatalf("%s, length %d, read %d, %v", resp.Status, resp.ContentLength, len(text), err)
	}
	if resp := b.do(http.MethodGet, path, nil, "If-None-Match", etag); resp.StatusCode != http.StatusNotModified {
		t.Errorf("unchanged: %s", resp.Status)
	}
	if resp := b.do(http.MethodHead, path, nil); resp.ContentLength != int64(len(text)) {
		t.Errorf("HEAD: length %d", resp.ContentLength)
	}
	resp = b.do(http.MethodGet, path, nil, "Range", "bytes=1-")
	if part, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusPartialContent || !bytes.Equal(part, text[1:]) {
		t.Errorf("%s, %d bytes, %v", resp.Status, len(part), err)
	}
}

// TestDownloadsAreLimited: a client that reads slowly keeps its connection, so downloads have the limits of streams.
func TestDownloadsAreLimited(t *testing.T) {
	certFile, keyFile, pool := certificate(t, t.TempDir())
	for name, files := range map[string][2]string{"plain": {}, "TLS": {certFile, keyFile}} {
		t.Run(name, func(t *testing.T) {
			b := setup(t, func(c *edge.Config) {
				c.StreamsPerUser, c.MaxStreams = 2, 3
				c.TLSCertFile, c.TLSKeyFile = files[0], files[1]
			})
			if files[0] != "" {
				b.url = strings.Replace(b.url, "http:", "https:", 1)
				b.client.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
				t.Cleanup(b.client.CloseIdleConnections)
			}
			b.jobs.put("j1", "story", "ann", nil)
			b.jobs.put("j2", "story", "bob", nil)
			for _, id := range []string{"j1", "j2"} {
				b.jobs.write(id, make([]byte, 32<<20))
			}
			const output = "/api/v1/jobs/j1/output"
			first, second := b.do(http.MethodGet, output, nil), b.do(http.MethodGet, output, nil, "Range", "bytes=1000-")
			for _, path := range []string{output, "/api/v1/imports/i1/issues.csv", "/api/v1/schemas/workforce/template.xlsx", "/api/v1/schemas/workforce/sample.xlsx"} {
				resp := b.do(http.MethodGet, path, nil)
				b.refused(resp, http.StatusTooManyRequests, "DOWNLOAD_LIMIT")
				if h := resp.Header; h.Get("ETag") != "" || h.Get("Content-Disposition") != "" || h.Get("Retry-After") == "" {
					t.Errorf("%s: %v", path, h)
				}
			}
			if resp := b.do(http.MethodHead, output, nil); resp.StatusCode != http.StatusOK {
				t.Errorf("HEAD: %s", resp.Status)
			}
			as := []string{"Authorization", "Bearer " + b.token("bob")}
			b.open("/api/v1/sse/jobs/story/j2", as...).want("connected") // another user
			b.refused(b.do(http.MethodGet, "/api/v1/jobs/j2/output", nil, as...), http.StatusTooManyRequests, "DOWNLOAD_LIMIT")
			b.refused(b.do(http.MethodGet, "/api/v1/sse/jobs/story/j2", nil, as...), http.StatusTooManyRequests, "STREAM_LIMIT")
			first.Body.Close()
			eventually(t, "there is room for a stream", func() bool {
				return b.do(http.MethodGet, "/api/v1/sse/jobs/story/j2", nil, as...).StatusCode == http.StatusOK
			})
			second.Body.Close()
			eventually(t, "there is room for a download", func() bool {
				return b.do(http.MethodGet, "/api/v1/jobs/j2/output", nil, as...).StatusCode == http.StatusOK
			})
		})
	}
}

// TestLanguagesThatAreNotTextAreIgnored downloads files with a header that no browser sends.
func TestLanguagesThatAreNotTextAreIgnored(t *testing.T) {
	b := setup(t, nil)
	for _, path := range []string{"/api/v1/imports/i1/issues.csv", "/api/v1/schemas/workforce/template.xlsx"} {
		if resp := b.do(http.MethodGet, path, nil, "Accept-Language", "\xff\xfe"); resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
	if strings.Contains(b.log.String(), `"level":"ERROR"`) {
		t.Errorf("the log has an error: %s", b.log)
	}
}

// TestUnusualRangesFollowTheirRFC tests RFC 9110 §14.
func TestUnusualRangesFollowTheirRFC(t *testing.T) {
	b := setup(t, nil)
	path := "/api/v1/imports/i1/issues.csv"
	size := len(issuesFile)
	part := func(from, to int) string { return fmt.Sprintf("bytes %d-%d/%d", from, to-1, size) }
	for _, test := range []struct {
		method, value, want string
		status, length      int
	}{
		{http.MethodGet, "items=0-1", "", http.StatusOK, size},
		{http.MethodGet, "BYTES=0-1", part(0, 2), http.StatusPartialContent, 2},
		{http.MethodGet, "bytes=1-99999999999999999999", part(1, size), http.StatusPartialContent, size - 1},
		{http.MethodGet, "bytes=-99999999999999999999", part(0, size), http.StatusPartialContent, size},
		{http.MethodGet, "bytes=99999999999999999999-", fmt.Sprintf("bytes */%d", size), http.StatusRequestedRangeNotSatisfiable, -1},
		{http.MethodGet, "bytes=-0", fmt.Sprintf("bytes */%d", size), http.StatusRequestedRangeNotSatisfiable, -1},
		{http.MethodGet, "bytes=-00", fmt.Sprintf("bytes */%d", size), http.StatusRequestedRangeNotSatisfiable, -1},
		{http.MethodGet, "bytes=abc", "", http.StatusRequestedRangeNotSatisfiable, -1},
		{http.MethodGet, "bytes", "", http.StatusOK, size},
		{http.MethodHead, "bytes=0-1", "", http.StatusOK, size},
		{http.MethodHead, "bytes=-0", "", http.StatusOK, size},
	} {
		resp := b.do(test.method, path, nil, "Range", test.value)
		if resp.StatusCode != test.status || resp.Header.Get("Content-Range") != test.want || test.length >= 0 && resp.ContentLength != int64(test.length) {
			t.Errorf("%s %s: %s, Content-Range %q, %d bytes", test.method, test.value, resp.Status, resp.Header.Get("Content-Range"), resp.ContentLength)
		}
	}
}
