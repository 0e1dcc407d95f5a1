package edge_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/services/edge"
)

// slowLine is a connection whose reader accepts a few bytes at a time.
type slowLine struct {
	net.Conn
	size  int
	pause time.Duration
}

// Read implements io.Reader.
func (l *slowLine) Read(b []byte) (int, error) {
	time.Sleep(l.pause)
	return l.Conn.Read(b[:min(len(b), l.size)])
}

// TestSlowReaderGetsWholeOutput has a connection that needs several write timeouts until there is room for more data.
// Its steady progress keeps it open.
func TestSlowReaderGetsWholeOutput(t *testing.T) {
	b := setup(t, func(c *edge.Config) { c.WriteTimeout = time.Second })
	want := bytes.Repeat([]byte("0123456789abcde\n"), 6<<10) // 96 KiB
	b.jobs.put("j1", "story", "ann", nil)
	b.jobs.write("j1", want)
	b.jobs.put("j1", "", "", func(j *jobsv1.Job) { j.Status = completed })
	conn := b.neverReads("/api/v1/sse/jobs/story/j1/output")
	line := &slowLine{conn, 1000, 50 * time.Millisecond}
	req, _ := http.NewRequest(http.MethodGet, b.url, nil)
	resp, err := http.ReadResponse(bufio.NewReader(io.MultiReader(strings.NewReader("HTTP/1.1 200"), line)), req)
	if err != nil {
		t.Fatal(err)
	}
	s := readStream(t, resp)
	if e, err := s.next(); err != nil || e.kind() != "connected" {
		t.Fatal(e.raw, err)
	}
	var got bytes.Buffer
	for {
		e, err := s.next()
		if err != nil {
			t.Fatalf("after %d bytes: %v", got.Len(), err)
		}
		if e.kind() == "job_update" {
			break
		}
		if e.data["offset"] != float64(got.Len()) {
			t.Fatalf("offset %v after %d bytes", e.data["offset"], got.Len())
		}
		got.WriteString(e.data["text"].(string))
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("got %d bytes, want %d, or their contents differ", got.Len(), len(want))
	}
}

// TestStalledOutputReadersHoldNoBuffers has readers that read fast and then stop. Their unread output stays in the jobs
// service, and they don't keep a connection to it busy.
func TestStalledOutputReadersHoldNoBuffers(t *testing.T) {
	const readers, read = 20, 2 << 20
	b := setup(t, nil)
	b.jobs.put("j1", "story", "ann", nil)
	b.jobs.write("j1", bytes.Repeat([]byte("0123456789abcde\n"), 2<<20)) // 32 MiB
	for i := range readers {
		conn := b.bare([]string{"/api/v1/sse/jobs/story/j1/output", "/api/v1/jobs/j1/output"}[i%2], 64<<10)
		if _, err := io.CopyN(io.Discard, conn, read); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the edge reads no more", func() (none bool) {
		b.jobs.state(func() { none = b.jobs.reading == 0 })
		return none
	})
}

// TestKernelHoldsLittleForSlowReaders has readers that read nothing after the first bytes. The edge reads no more of the
// output than they and a small buffer of the kernel have.
func TestKernelHoldsLittleForSlowReaders(t *testing.T) {
	certFile, keyFile, pool := certificate(t, t.TempDir())
	for name, files := range map[string][2]string{"plain": {}, "TLS": {certFile, keyFile}} {
		t.Run(name, func(t *testing.T) {
			b := setup(t, func(c *edge.Config) { c.TLSCertFile, c.TLSKeyFile = files[0], files[1] })
			b.jobs.put("j1", "story", "ann", nil)
			b.jobs.write("j1", make([]byte, 32<<20))
			conn, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if err := conn.(*net.TCPConn).SetReadBuffer(4096); err != nil {
				t.Fatal(err)
			}
			if files[0] != "" {
				conn = tls.Client(conn, &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"})
			}
			fmt.Fprintf(conn, "GET /api/v1/jobs/j1/output HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", strings.TrimPrefix(b.url, "http://"), b.token("ann"))
			if _, err := io.ReadFull(conn, make([]byte, 12)); err != nil {
				t.Fatal(err)
			}
			before := int64(-1)
			eventually(t, "the edge reads no more", func() bool {
				var reading int
				var read int64
				b.jobs.state(func() { reading, read = b.jobs.reading, b.jobs.read })
				paused := reading == 0 && read == before
				before = read
				return paused && read > 0
			})
			if before > 1<<20 {
				t.Errorf("the edge has read %d bytes", before)
			}
		})
	}
}

// TestLongDownloadsEndTheirConnection: a long body leaves net/http, so its connection ends with it. A short one keeps the
// connection for the next request. Over HTTP/2 and TLS, all do.
func TestLongDownloadsEndTheirConnection(t *testing.T) {
	b := setup(t, nil)
	b.jobs.put("j1", "story", "ann", nil)
	want := bytes.Repeat([]byte("0123456789abcde\n"), 20_000)
	b.jobs.write("j1", want)
	conn, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	for _, test := range []struct {
		headers string
		status  int
		body    []byte
		end     bool
	}{
		{"Range: bytes=100-199\r\n", http.StatusPartialContent, want[100:200], false},
		{"Range: bytes=0-\r\nConnection: keep-alive\r\n", http.StatusPartialContent, want, true},
	} {
		fmt.Fprintf(conn, "GET /api/v1/jobs/j1/output HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n%s\r\n", b.token("ann"), test.headers)
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		if err != nil || !bytes.Equal(text, test.body) || resp.StatusCode != test.status || resp.ContentLength != int64(len(test.body)) || resp.Close != test.end || len(resp.TransferEncoding) > 0 || resp.Header.Get("X-Request-Id") == "" {
			t.Errorf("%q: %s, %d of %d bytes, close %v, %v, %v", test.headers, resp.Status, len(text), len(test.body), resp.Close, resp.Header, err)
		}
	}
	if rest, err := io.ReadAll(in); err != nil || len(rest) > 0 {
		t.Errorf("after the end: %q, %v", rest, err)
	}
}

// TestBrokenDownloadIsNeverComplete: the jobs service disappears during the download.
func TestBrokenDownloadIsNeverComplete(t *testing.T) {
	b := setup(t, nil)
	b.jobs.put("j1", "story", "ann", nil)
	b.jobs.write("j1", make([]byte, 8<<20))
	resp := b.do(http.MethodGet, "/api/v1/jobs/j1/output", nil)
	b.jobsUp.stop()
	if n, err := io.Copy(io.Discard, resp.Body); err == nil {
		t.Errorf("%d bytes of %d were read without an error", n, resp.ContentLength)
	}
}

// TestDownloadFinishesDuringShutdown: a download in progress ends regularly, and the edge waits for it.
func TestDownloadFinishesDuringShutdown(t *testing.T) {
	b := setup(t, func(c *edge.Config) { c.DrainTimeout = waitLimit })
	b.jobs.put("j1", "story", "ann", nil)
	want := bytes.Repeat([]byte("0123456789abcde\n"), 1<<19) // 8 MiB
	b.jobs.write("j1", want)
	resp := b.do(http.MethodGet, "/api/v1/jobs/j1/output", nil)
	stopped := make(chan struct{})
	go func() {
		b.stop()
		close(stopped)
	}()
	eventually(t, "the edge accepts no requests", func() bool {
		conn, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
	if text, err := io.ReadAll(resp.Body); err != nil || !bytes.Equal(text, want) {
		t.Errorf("%d of %d bytes, %v", len(text), len(want), err)
	}
	resp.Body.Close()
	<-stopped
}

func TestOutputBeyondItsEndStartsAgain(t *testing.T) {
	b := setup(t, nil)
	b.jobs.put("j1", "story", "ann", nil)
	b.jobs.write("j1", []byte("short"))
	const path = "/api/v1/sse/jobs/story/j1/output"
	s := b.open(path, "Last-Event-ID", "99")
	s.want("connected")
	e := s.want("draining")
	if e.id != "0" || e.retry == "" || e.data["reason"] != "OUTPUT_GAP" || e.data["message"] == "" {
		t.Errorf("got id %q, retry %q, %s", e.id, e.retry, e.raw)
	}
	s.wantEnd()
	s = b.open(path, "Last-Event-ID", e.id)
	s.want("connected")
	if e := s.want("output"); e.data["text"] != "short" {
		t.Errorf("got %s", e.raw)
	}
	if resp := b.do(http.MethodGet, path, nil, "Last-Event-ID", fmt.Sprint(1<<40)); resp.StatusCode != http.StatusOK {
		t.Errorf("a program that is far ahead: %s", resp.Status)
	}
}

func TestOutputIsDownloadedWithRanges(t *testing.T) {
	b := setup(t, nil)
	b.jobs.put("j1", "story", "ann", nil)
	want := bytes.Repeat([]byte("0123456789abcde\n"), 20_000) // 320 kB
	b.jobs.write("j1", want)
	const path = "/api/v1/jobs/j1/output"
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
	if !bytes.Equal(all, want) {
		t.Errorf("got %d bytes, want %d, or their contents differ", len(all), len(want))
	}
	if h := resp.Header; !strings.HasPrefix(h.Get("Content-Disposition"), `attachment; filename="output-j1.txt"`) || h.Get("Accept-Ranges") != "bytes" || h.Get("Cache-Control") != "private, no-cache" {
		t.Errorf("headers %v", h)
	}
	etag := resp.Header.Get("ETag")
	if resp, part := read(http.StatusPartialContent, "Range", "bytes=100000-199999", "If-Range", etag); !bytes.Equal(part, want[100_000:200_000]) || resp.Header.Get("Content-Range") != "bytes 100000-199999/320000" {
		t.Errorf("a range: %d bytes, %v", len(part), resp.Header)
	}
	if _, part := read(http.StatusPartialContent, "Range", "bytes=-10"); !bytes.Equal(part, want[len(want)-10:]) {
		t.Errorf("the last bytes: %q", part)
	}
	if resp := b.do(http.MethodGet, path, nil, "If-None-Match", etag); resp.StatusCode != http.StatusNotModified {
		t.Errorf("unchanged: %s", resp.Status)
	}
	if resp := b.do(http.MethodGet, path, nil, "Range", "bytes=999999-"); resp.StatusCode != http.StatusRequestedRangeNotSatisfiable {
		t.Errorf("beyond its end: %s", resp.Status)
	}
	if resp := b.do(http.MethodHead, path, nil); resp.StatusCode != http.StatusOK || resp.ContentLength != int64(len(want)) {
		t.Errorf("HEAD: %s, length %d", resp.Status, resp.ContentLength)
	}
	b.jobs.write("j1", []byte("more")) // the download doesn't continue with a different output
	if _, grown := read(http.StatusOK, "Range", "bytes=0-9", "If-Range", etag); len(grown) != len(want)+4 {
		t.Errorf("after it has grown: %d bytes", len(grown))
	}
	b.refused(b.do(http.MethodGet, path, nil, "Authorization", "Bearer "+b.token("bob")), http.StatusNotFound, "JOB_NOT_FOUND")
}

func TestDownloadedOutputIsNamedByItsType(t *testing.T) {
	b := setup(t, nil)
	for declared, want := range map[string]string{
		"": ".txt", "image/png": ".png", "Text/CSV; charset=utf-8": ".csv", "text/html": ".html", "x/unknown": ".bin", "../../a": ".bin", "\"": ".bin",
	} {
		b.jobs.put("j1", "story", "ann", func(j *jobsv1.Job) { j.Result = result(t, map[string]any{"contentType": declared}) })
		h := b.do(http.MethodGet, "/api/v1/jobs/j1/output", nil).Header
		if got := h.Get("Content-Disposition"); !strings.HasPrefix(got, `attachment; filename="output-j1`+want+`"`) || h.Get("Content-Type") != "application/octet-stream" {
			t.Errorf("%q: %q, %q", declared, got, h.Get("Content-Type"))
		}
	}
}

func TestOutputIsCompleteAndInOrder(t *testing.T) {
	b := setup(t, nil)
	b.jobs.put("j1", "story", "ann", nil)
	b.jobs.write("j1", []byte("Once upon a time, ein M\xc3")) // the ä is split
	const path = "/api/v1/sse/jobs/story/j1/output"
	s := b.open(path)
	s.want("connected")
	first := s.want("output")
	if first.data["text"] != "Once upon a time, ein M" || first.id != "23" || first.data["offset"] != 0.0 {
		t.Fatalf("id %s %s", first.id, first.raw)
	}
	b.jobs.write("j1", []byte("\xa4rchen\n"))
	if e := s.want("output"); e.data["text"] != "ärchen\n" || e.id != "31" || e.data["offset"] != 23.0 {
		t.Fatalf("id %s %s", e.id, e.raw)
	}
	b.jobs.write("j1", []byte{0xff, 0xfe})
	if e := s.want("output"); e.data["data"] != "//4=" || e.id != "33" {
		t.Fatalf("id %s %s", e.id, e.raw)
	}
	b.jobsUp.stop() // nothing is lost or sent twice
	b.jobs.write("j1", []byte("more"))
	b.jobsUp.start()
	if e := s.want("output"); e.data["text"] != "more" || e.id != "37" {
		t.Fatalf("id %s %s", e.id, e.raw)
	}
	b.jobs.put("j1", "", "", func(j *jobsv1.Job) { j.Status = completed })
	if e := s.want("job_update"); e.data["status"] != "completed" || e.id != "37" {
		t.Fatalf("id %s %s", e.id, e.raw)
	}
	s.wantEnd()

	s = b.open(path, "Last-Event-ID", "33")
	s.want("connected")
	if e := s.want("output"); e.data["text"] != "more" {
		t.Fatalf("resumed: %s", e.raw)
	}
	s.want("job_update")
	s.wantEnd()
	if resp := b.do(http.MethodGet, path, nil, "Last-Event-ID", "37"); resp.StatusCode != http.StatusNoContent {
		t.Errorf("a reconnect after the end: %s", resp.Status)
	}
	b.refused(b.do(http.MethodGet, path, nil, "Last-Event-ID", "99"), http.StatusBadRequest, "OUTPUT_GAP")
	b.refused(b.do(http.MethodGet, path, nil, "Last-Event-ID", "x"), http.StatusBadRequest, "REQUEST_INVALID")
}

func TestLargeOutputFollowsTheReader(t *testing.T) {
	b := setup(t, nil)
	b.jobs.put("j1", "story", "ann", nil)
	want := bytes.Repeat([]byte("0123456789abcdef"), 1<<18) // 4 MiB
	b.jobs.write("j1", want)
	b.jobs.put("j1", "", "", func(j *jobsv1.Job) { j.Status = completed })
	s := b.open("/api/v1/sse/jobs/story/j1/output")
	s.want("connected")
	var got bytes.Buffer
	for {
		e, err := s.read()
		if err != nil {
			t.Fatal(err)
		}
		if e.kind() == "job_update" {
			break
		}
		got.WriteString(e.data["text"].(string))
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("got %d bytes, want %d, or their contents differ", got.Len(), len(want))
	}
}
