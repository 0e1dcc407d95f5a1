package edge_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestReportsHaveLengthETagAndRanges: a download that broke off is continued, and a file that is already there is not sent again.
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
	if resp := b.do(http.MethodHead, path, nil, "Range", fmt.Sprintf("bytes=%d-", size)); resp.StatusCode != http.StatusRequestedRangeNotSatisfiable {
		t.Errorf("HEAD beyond the end: %s", resp.Status)
	}
}

// TestPartsOfChangedReportAreNotCombined: parts of two versions are not a file. The client sees that the download broke off.
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
