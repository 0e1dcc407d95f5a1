package edge_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/rpcserver"
	"headway/services/edge"
)

func TestWatchersSurviveRestartOfJobsService(t *testing.T) {
	b := setup(t, nil)
	b.jobs.put("j1", "media", "ann", nil)
	b.jobs.put("j2", "media", "ann", nil)
	b.jobs.put("gone", "media", "ann", nil)
	one, two := b.open("/api/v1/sse/jobs/media/j1"), b.open("/api/v1/sse/jobs/media/j2")
	gone, mine := b.open("/api/v1/sse/jobs/media/gone"), b.open("/api/v1/sse/jobs/my")
	for _, s := range []*eventStream{one, two, gone} {
		s.want("connected")
		s.want("initial_status")
	}
	mine.want("connected")

	b.jobsUp.stop()
	b.jobs.put("j1", "", "", progress(60, "")) // continues while the edge cannot see it
	b.jobs.put("j2", "", "", func(j *jobsv1.Job) { j.Status = completed })
	b.jobs.remove("gone")
	b.jobsUp.start()

	if e := one.want("job_update"); e.data["progress"] != 60.0 {
		t.Errorf("got %s", e.raw)
	}
	if e := two.want("job_update"); e.data["status"] != "completed" {
		t.Errorf("got %s", e.raw)
	}
	two.wantEnd()
	gone.want("job_deleted")
	gone.wantEnd()
	ended := mine.until("the end of j2", func(e event) bool { return e.data["jobId"] == "j2" && e.kind() == "job_update" })
	if ended.data["status"] != "completed" {
		t.Errorf("got %s", ended.raw)
	}
	b.jobs.put("j1", "", "", progress(70, ""))
	one.until("progress after the restart", func(e event) bool { return e.data["progress"] == 70.0 })
}

func TestDeletionDuringSyncIsNoticed(t *testing.T) {
	b := setup(t, nil)
	b.jobs.holdWatches(true) // the edge can read single jobs, but has no stream of jobs
	eventually(t, "the edge waits for an update", b.jobs.watchersBlocked)
	b.jobs.put("j1", "media", "ann", nil)
	s := b.open("/api/v1/sse/jobs/media/j1")
	s.want("connected")
	s.want("initial_status")
	b.jobs.remove("j1")
	b.jobs.holdWatches(false)
	s.want("job_deleted")
	s.wantEnd()
}

func TestStreamWithoutJobsServiceIsAskedToRetry(t *testing.T) {
	b := setup(t, nil)
	b.jobs.put("j1", "media", "ann", nil)
	known := b.open("/api/v1/sse/jobs/media/j1")
	known.want("connected")
	b.jobsUp.stop()
	// Known jobs are still shown.
	s := b.open("/api/v1/sse/jobs/media/j1")
	s.want("connected")
	s.want("initial_status")
	// Other jobs have to wait. Programs get the error, and an EventSource gets a stream with the time to reconnect.
	var wg sync.WaitGroup
	wg.Go(func() {
		b.refused(b.do(http.MethodGet, "/api/v1/sse/jobs/media/j2", nil), http.StatusServiceUnavailable, "UNAVAILABLE")
	})
	s = b.open("/api/v1/sse/jobs/media/j2", "Accept", "text/event-stream")
	if e := s.want("draining"); e.retry == "" {
		t.Errorf("got %s", e.raw)
	}
	s.wantEnd()
	wg.Wait()
}

func TestThousandStreamsShareOneUpstream(t *testing.T) {
	const n = 1000
	b := setup(t, func(c *edge.Config) { c.StreamsPerUser = -1 })
	b.jobs.put("j1", "media", "ann", nil)
	streams := make([]*eventStream, n)
	for i := range streams {
		streams[i] = b.open("/api/v1/sse/jobs/media/j1")
	}
	if got := b.jobs.watching(); got != 1 {
		t.Errorf("%d upstreams, want 1", got)
	}
	for i := range 5 {
		b.jobs.put("j1", "", "", progress(float64(10*i), ""))
	}
	b.jobs.put("j1", "", "", func(j *jobsv1.Job) { j.Status = completed })
	for _, s := range streams {
		s.want("connected")
		last := s.want("initial_status")
		revision := last.data["revision"].(float64)
		for {
			e, err := s.read()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := e.data["revision"].(float64); got <= revision {
				t.Fatalf("revision %v after %v", got, revision)
			} else {
				revision, last = got, e
			}
		}
		if last.data["status"] != "completed" || last.revision() != "7" {
			t.Fatalf("ended with %s", last.raw)
		}
	}
}

// neverReads opens a stream over a bare connection with a small window, and reads only its first bytes.
func (b *bench) neverReads(path string) net.Conn {
	b.t.Helper()
	return b.bare(path, 4096)
}

// bare opens a stream over a bare connection with a kernel buffer of this size, and reads only its first bytes.
func (b *bench) bare(path string, buffer int) net.Conn {
	b.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { conn.Close() })
	if err := conn.(*net.TCPConn).SetReadBuffer(buffer); err != nil {
		b.t.Fatal(err)
	}
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", path, strings.TrimPrefix(b.url, "http://"), b.token("ann"))
	if _, err := io.ReadFull(conn, make([]byte, 12)); err != nil {
		b.t.Fatal(err)
	}
	return conn
}

func TestSlowReaderSkipsToLatestAndGetsTheEnd(t *testing.T) {
	b := setup(t, nil)
	large := strings.Repeat("x", 8<<10)
	b.jobs.put("j1", "media", "ann", nil)
	slow := b.neverReads("/api/v1/sse/jobs/media/j1")
	fast := b.open("/api/v1/sse/jobs/media/j1")
	fast.want("connected")
	fast.want("initial_status")
	const updates = 300 // 2.4 MB: far more than the buffers of a connection
	for i := range updates {
		j := b.jobs.put("j1", "", "", progress(float64(i)/10, large))
		// The others continue at their own pace.
		fast.until("the update", func(e event) bool { return e.data["revision"] == float64(j.GetRevision()) })
	}
	b.jobs.put("j1", "", "", func(j *jobsv1.Job) { j.Status = completed })
	fast.until("the end", func(e event) bool { return e.data["status"] == "completed" })

	// The slow reader continues.
	req, _ := http.NewRequest(http.MethodGet, b.url, nil)
	resp, err := http.ReadResponse(bufio.NewReader(io.MultiReader(strings.NewReader("HTTP/1.1 200"), slow)), req)
	if err != nil {
		t.Fatal(err)
	}
	s := readStream(t, resp)
	s.want("connected")
	seen, last := 0, event{}
	for {
		e, err := s.read()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		seen, last = seen+1, e
	}
	if last.data["status"] != "completed" || seen >= updates {
		t.Errorf("%d states, the last %s: want fewer than %d, and the end", seen, last.raw, updates)
	}
}

func TestPeerThatNeverReadsIsCut(t *testing.T) {
	b := setup(t, func(c *edge.Config) { c.WriteTimeout = 200 * time.Millisecond })
	large := strings.Repeat("x", 8<<10)
	b.jobs.put("j1", "media", "ann", nil)
	b.neverReads("/api/v1/sse/jobs/media/j1")
	eventually(t, "the edge cuts it", func() bool {
		b.jobs.put("j1", "", "", progress(1, large))
		return strings.Contains(b.log.String(), "i/o timeout")
	})
}

func TestEndOfStreamIsLogged(t *testing.T) {
	b := setup(t, nil)
	b.jobs.put("j1", "media", "ann", nil)
	s := b.open("/api/v1/sse/jobs/media/j1", "X-Request-Id", "req-77")
	s.want("connected")
	if strings.Contains(b.log.String(), "req-77") {
		t.Error("logged before its end")
	}
	s.close()
	eventually(t, "the log line", func() bool { return strings.Contains(b.log.String(), "req-77") })
	before, after, _ := strings.Cut(b.log.String(), "req-77")
	line := before[strings.LastIndex(before, "\n")+1:] + after
	line, _, _ = strings.Cut(line, "\n")
	for _, want := range []string{`"path":"/api/v1/sse/jobs/media/j1"`, `"status":200`, `"subject":"ann"`, `"bytes":`} {
		if !strings.Contains(line, want) {
			t.Errorf("log line lacks %s: %s", want, line)
		}
	}
	if strings.Contains(b.log.String(), b.token("ann")[:40]) {
		t.Error("a token is in the log")
	}
}

func TestIdleStreamSendsComments(t *testing.T) {
	b := setup(t, func(c *edge.Config) { c.Keepalive = 2 * time.Second })
	b.jobs.put("j1", "media", "ann", nil)
	s := b.open("/api/v1/sse/jobs/media/j1")
	s.want("connected")
	s.want("initial_status")
	timer := time.AfterFunc(5*time.Second, func() { b.jobs.put("j1", "", "", nil) })
	defer timer.Stop()
	s.want("job_update")
	if s.comments == 0 {
		t.Error("no comment in 5 s of silence")
	}
}

func TestStreamEndsWithItsTokenAfterReauth(t *testing.T) {
	b := setup(t, nil)
	b.jobs.put("j1", "media", "ann", nil)
	s := b.open("/api/v1/sse/jobs/media/j1", "Authorization", "Bearer "+b.tokenFor(3*time.Second, "ann"))
	s.want("connected")
	s.want("initial_status")
	s.want("reauth")
	s.wantEnd()
	eventually(t, "the log line", func() bool { return strings.Contains(b.log.String(), "the token has expired") })
}

func TestShutdownEndsEveryStreamWithReason(t *testing.T) {
	b := setup(t, func(c *edge.Config) { c.StreamsPerUser = -1 })
	b.jobs.put("j1", "media", "ann", nil)
	var streams []*eventStream
	for range 100 {
		s := b.open("/api/v1/sse/jobs/media/j1")
		s.want("connected")
		s.want("initial_status")
		streams = append(streams, s)
	}
	stopped := make(chan struct{})
	go func() { b.stop(); close(stopped) }()
	retries := map[string]bool{}
	for _, s := range streams {
		retries[s.want("draining").retry] = true
		s.wantEnd()
	}
	if len(retries) < 10 {
		t.Errorf("%d different retry times for 100 streams: they all come back at the same moment", len(retries))
	}
	<-stopped
}

func TestShutdownDoesNotWaitForSlowPeers(t *testing.T) {
	b := setup(t, nil)
	b.jobs.put("j1", "media", "ann", nil)
	b.jobs.put("j2", "media", "ann", nil)
	ended := b.neverReads("/api/v1/sse/jobs/media/j1")
	b.jobs.put("j1", "", "", func(j *jobsv1.Job) { j.Status = completed })
	eventually(t, "the stream's end", func() bool { return strings.Contains(b.log.String(), "sse/jobs/media/j1") })
	open := b.neverReads("/api/v1/sse/jobs/media/j2")
	b.stop()
	for _, conn := range []net.Conn{ended, open} {
		text, err := io.ReadAll(conn) // everything was sent, and nothing was lost
		if err != nil || !strings.HasSuffix(string(text), "0\r\n\r\n") {
			t.Errorf("%v, ends with %q", err, text[max(0, len(text)-40):])
		}
	}
}

// TestManyReadinessChecksAreShared has more at the same moment than the services accept from a caller without a token.
func TestManyReadinessChecksAreShared(t *testing.T) {
	b := setup(t, nil)
	eventually(t, "ready", func() bool { status, _ := b.get("/readyz", "Authorization", ""); return status == 200 })
	var all sync.WaitGroup
	for range 300 {
		all.Go(func() {
			resp, err := http.Get(b.url + "/readyz")
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				text, _ := io.ReadAll(resp.Body)
				t.Errorf("%d %s", resp.StatusCode, text)
			}
		})
	}
	all.Wait()
}

func TestReadinessFollowsServicesAndShutdown(t *testing.T) {
	b := setup(t, func(c *edge.Config) { c.DrainDelay = 300 * time.Millisecond })
	eventually(t, "ready", func() bool { status, _ := b.get("/readyz", "Authorization", ""); return status == 200 })
	b.importerUp.server.SetHealth(rpcserver.TargetHealth, false)
	if status, body := b.get("/readyz"); status != 503 || body["importer"] != "ok" || body["target"] != "unreachable" {
		t.Errorf("without the target, ready is %d %v", status, body)
	}
	b.importerUp.server.SetHealth(rpcserver.TargetHealth, true)
	if status, body := b.get("/readyz"); status != 200 || body["target"] != nil {
		t.Errorf("with the target, ready is %d %v", status, body)
	}
	b.jobsUp.stop()
	status, body := b.get("/readyz")
	if status != 503 || body["jobs"] == "ok" || body["importer"] != "ok" {
		t.Errorf("%d %v", status, body)
	}
	if status, _ := b.get("/healthz", "Authorization", ""); status != 200 {
		t.Errorf("healthz %d", status)
	}
	eventually(t, "the log says so without a request", func() bool {
		return strings.Contains(b.log.String(), `"msg":"not ready","missing":"jobs unreachable","jobs_address":`)
	})
	go b.stop()
	eventually(t, "readiness goes off", func() bool { _, body := b.get("/readyz"); return body["status"] == "draining" })
}

func importState(revision uint32, status jobsv1.JobStatus) *importsv1.Import {
	return &importsv1.Import{
		ImportId: "i1", Owner: "ann", FileName: "staff.xlsx", OnIssues: importsv1.OnIssues_ON_ISSUES_SKIP_ROWS,
		Job:    &jobsv1.Job{JobId: "i1", Kind: "import", Owner: "ann", Status: status, Revision: revision},
		Sheets: []*importsv1.SheetImport{{Name: "employees", Counts: &importsv1.Counts{Read: revision}}},
	}
}

func TestImportHasOneUpstreamWhileWatched(t *testing.T) {
	b := setup(t, nil)
	b.importer.put(importState(1, jobsv1.JobStatus_JOB_STATUS_ACTIVE))
	var streams []*eventStream
	for range 10 {
		s := b.open("/api/v1/sse/imports/i1")
		s.want("connected")
		e := s.want("initial_status")
		detail, _ := e.data["import"].(map[string]any)
		if e.revision() != "1" || detail["fileName"] != "staff.xlsx" || detail["onIssues"] != "skip_rows" || len(detail["sheets"].([]any)) != 1 {
			t.Fatalf("got %s", e.raw)
		}
		streams = append(streams, s)
	}
	watches := func() (n int) { b.importer.state(func() { n = b.importer.watches }); return n }
	if got := watches(); got != 1 {
		t.Errorf("%d upstreams, want 1", got)
	}
	b.refused(b.do(http.MethodGet, "/api/v1/sse/imports/i1", nil, "Authorization", "Bearer "+b.token("bob")), http.StatusNotFound, "IMPORT_NOT_FOUND")
	for _, s := range streams[1:] {
		s.close()
	}
	b.importer.put(importState(2, jobsv1.JobStatus_JOB_STATUS_ACTIVE))
	streams[0].want("job_update")
	streams[0].close()
	eventually(t, "the upstream ends", func() bool { return watches() == 0 })

	b.importer.put(importState(3, completed))
	s := b.open("/api/v1/sse/imports/i1")
	s.want("connected")
	end := s.want("initial_status")
	s.wantEnd()
	if resp := b.do(http.MethodGet, "/api/v1/sse/imports/i1", nil, "Last-Event-ID", end.id); resp.StatusCode != http.StatusNoContent {
		t.Errorf("having seen the end: %s", resp.Status)
	}
}

func TestShutdownWithoutServicesReturns(t *testing.T) {
	b := setup(t, func(c *edge.Config) { c.JobsAddress = "127.0.0.1:1" })
	if status, _ := b.get("/readyz"); status != http.StatusServiceUnavailable {
		t.Errorf("ready without its services: %d", status)
	}
	b.stop()
}
