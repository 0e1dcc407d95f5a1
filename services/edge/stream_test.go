package edge_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/services/edge"
)

const (
	completed = jobsv1.JobStatus_JOB_STATUS_COMPLETED
	failed    = jobsv1.JobStatus_JOB_STATUS_FAILED
	queued    = jobsv1.JobStatus_JOB_STATUS_QUEUED
)

func progress(percent float64, message string) func(*jobsv1.Job) {
	return func(j *jobsv1.Job) { j.Progress = &jobsv1.Progress{Percent: percent, Message: message} }
}

func TestStreamBeginsWithCurrentState(t *testing.T) {
	b := setup(t, nil)
	b.jobs.put("j1", "media", "ann", progress(12.5, "Rendering"))
	s := b.open("/api/v1/sse/jobs/media/j1")

	connected := s.want("connected")
	if connected.data["jobId"] != "j1" || connected.data["keepaliveSeconds"] != 15.0 || connected.data["message"] == "" || connected.id != "" {
		t.Errorf("connected: %s", connected.raw)
	}
	if retry, err := strconv.Atoi(connected.retry); err != nil || retry < 1500 || retry > 4500 {
		t.Errorf("retry %q is not 3 s, jittered by half", connected.retry)
	}
	initial := s.want("initial_status")
	if initial.revision() != "1" || initial.data["jobId"] != "j1" || initial.data["kind"] != "media" || initial.data["status"] != "active" ||
		initial.data["progress"] != 12.5 || initial.data["message"] != "Rendering" || initial.data["revision"] != 1.0 || initial.data["startedAt"] == nil {
		t.Errorf("initial_status: id %s %s", initial.id, initial.raw)
	}
}

func TestStreamEndsAfterTerminalState(t *testing.T) {
	b := setup(t, nil)
	b.jobs.put("j1", "media", "ann", nil)
	s := b.open("/api/v1/sse/jobs/media/j1")
	s.want("connected")
	s.want("initial_status")

	b.jobs.put("j1", "", "", progress(50, "Half"))
	if e := s.want("job_update"); e.revision() != "2" || e.data["progress"] != 50.0 || e.data["timestamp"] == nil {
		t.Errorf("update: id %s %s", e.id, e.raw)
	}
	b.jobs.put("j1", "", "", func(j *jobsv1.Job) {
		j.Status, j.Progress, j.Result = completed, &jobsv1.Progress{Percent: 100}, result(t, map[string]any{"characterId": "c-7"})
	})
	e := s.want("job_update")
	got, _ := e.data["result"].(map[string]any)
	if e.data["status"] != "completed" || e.data["progress"] != 100.0 || got["characterId"] != "c-7" || e.data["completedAt"] == nil {
		t.Errorf("terminal: %s", e.raw)
	}
	s.wantEnd()
}

func TestFailedJobHasItsReason(t *testing.T) {
	b := setup(t, nil)
	b.jobs.put("j1", "media", "ann", func(j *jobsv1.Job) {
		j.Status, j.Error = failed, &jobsv1.JobError{Reason: "GPU_LOST", Message: "The GPU went away.", Attempt: 1}
	})
	s := b.open("/api/v1/sse/jobs/media/j1")
	s.want("connected")
	e := s.want("initial_status")
	got, _ := e.data["result"].(map[string]any)
	if e.data["status"] != "failed" || e.data["failedReason"] != "The GPU went away." || e.data["reason"] != "GPU_LOST" || got["error"] != "The GPU went away." {
		t.Errorf("failed: %s", e.raw)
	}
	s.wantEnd()
}

func TestReconnectResumesOrGetsNoMore(t *testing.T) {
	b := setup(t, nil)
	b.jobs.put("j1", "media", "ann", nil)
	b.jobs.put("j1", "", "", func(j *jobsv1.Job) { j.Status = completed })
	const path = "/api/v1/sse/jobs/media/j1"
	s := b.open(path)
	s.want("connected")
	end := s.want("initial_status").id
	s.wantEnd()
	number, tag, _ := strings.Cut(end, "x")

	if resp := b.do(http.MethodGet, path, nil, "Last-Event-ID", end); resp.StatusCode != http.StatusNoContent {
		t.Errorf("having seen the end: %s, want 204", resp.Status)
	}
	if resp := b.do(http.MethodGet, path+"?last_event_id="+end, nil); resp.StatusCode != http.StatusNoContent {
		t.Errorf("having seen the end, by the query: %s, want 204", resp.Status)
	}
	// A client with an earlier revision, a revision that the job never had, or an ID of another stream has not received
	// the end.
	for _, seen := range []string{"1x" + tag, "3x" + tag, "0", "2", "nonsense", number + "x00000", "tmh9c2k7a", strings.Repeat("9", 30) + "x" + tag} {
		s := b.open(path, "Last-Event-ID", seen)
		s.want("connected")
		if e := s.want("initial_status"); e.id != end || e.data["status"] != "completed" {
			t.Errorf("Last-Event-ID %s: %s", seen, e.raw)
		}
		s.wantEnd()
	}
	// The job is retried, so more states follow.
	b.jobs.put("j1", "", "", func(j *jobsv1.Job) { j.Status, j.CompletedAt = queued, nil })
	s = b.open(path, "Last-Event-ID", end)
	s.want("connected")
	if e := s.want("initial_status"); e.revision() != "3" || e.data["status"] != "queued" || e.data["queuePosition"] != 0.0 {
		t.Errorf("retried: %s", e.raw)
	}
}

func TestClientAheadOfEdgeIsNotSentBack(t *testing.T) {
	b := setup(t, nil)
	b.jobs.put("j1", "media", "ann", nil)
	s := b.open("/api/v1/sse/jobs/media/j1")
	s.want("connected")
	tag := "x" + strings.TrimPrefix(s.want("initial_status").id, "1x")
	b.jobs.freeze() // the edge receives no changes
	b.jobs.put("j1", "", "", progress(40, ""))
	again := b.open("/api/v1/sse/jobs/media/j1", "Last-Event-ID", "2"+tag)
	again.want("connected")
	if e := again.want("initial_status"); e.revision() != "2" || e.data["progress"] != 40.0 {
		t.Errorf("got id %s %s", e.id, e.raw)
	}
	b.jobs.put("j1", "", "", func(j *jobsv1.Job) { j.Status = completed })
	if resp := b.do(http.MethodGet, "/api/v1/sse/jobs/media/j1", nil, "Last-Event-ID", "3"+tag); resp.StatusCode != http.StatusNoContent {
		t.Errorf("having seen the end elsewhere: %s", resp.Status)
	}
	s.want("job_update") // the state that was read for one client is sent to all
}

func TestHeadAnswersAsGet(t *testing.T) {
	b := setup(t, nil)
	b.jobs.put("j1", "media", "ann", nil)
	for path, status := range map[string]int{
		"jobs/media/j1": 200, "jobs/media/j1/output": 200, "jobs/my": 200, "probe": 200,
		"jobs/media/none": 404, "jobs/other/j1": 404, "jobs/media/none/output": 404, "imports/none": 404,
	} {
		if resp := b.do(http.MethodHead, "/api/v1/sse/"+path, nil); resp.StatusCode != status {
			t.Errorf("HEAD %s: %s, want %d", path, resp.Status, status)
		}
	}
	b.open("/api/v1/sse/jobs/media/j1").want("connected")
}

// TestInvalidIdsAreRefused sends IDs that are not UTF-8, while the services do not respond, because the edge must not
// call them.
func TestInvalidIdsAreRefused(t *testing.T) {
	b := setup(t, nil)
	b.jobsUp.stop()
	b.importerUp.stop()
	for _, path := range []string{"imports/%ff%fe", "jobs/media/%ff", "jobs/media/%ff/output"} {
		b.refused(b.do(http.MethodGet, "/api/v1/sse/"+path, nil), http.StatusBadRequest, "REQUEST_INVALID")
	}
}

func TestStreamAttemptsAreRated(t *testing.T) {
	b := setup(t, func(c *edge.Config) { c.StreamsPerUser = 4 })
	refused := 0
	for range 40 {
		switch resp := b.do(http.MethodGet, "/api/v1/sse/jobs/media/none", nil); resp.StatusCode {
		case http.StatusTooManyRequests:
			refused++
		case http.StatusNotFound:
		default:
			t.Fatal(resp.Status)
		}
	}
	b.jobs.mu.Lock()
	asked := len(b.jobs.requests)
	b.jobs.mu.Unlock()
	if refused == 0 || asked > 40-refused {
		t.Errorf("%d of 40 attempts were refused, and the jobs service was asked %d times", refused, asked)
	}
	b.open("/api/v1/sse/probe", "Authorization", "Bearer "+b.token("bob")).want("connected")
	s := b.open("/api/v1/sse/probe", "Accept", "text/event-stream")
	if e := s.want("limit"); e.data["reason"] != "RATE_LIMITED" || e.retry == "" {
		t.Errorf("got %s", e.raw)
	}
}

func TestStreamsForbidBufferingAndCompression(t *testing.T) {
	b := setup(t, nil)
	b.jobs.put("j1", "media", "ann", nil)
	for _, path := range []string{"/api/v1/sse/jobs/media/j1", "/api/v1/sse/jobs/my", "/api/v1/sse/jobs/media/j1/output"} {
		s := b.open(path, "Accept-Encoding", "gzip, br")
		h := s.resp.Header
		if h.Get("Cache-Control") != "no-cache, no-transform" || h.Get("X-Accel-Buffering") != "no" || h.Get("Content-Encoding") != "" ||
			h.Get("X-Content-Type-Options") != "nosniff" || h.Get("X-Request-Id") == "" {
			t.Errorf("%s: headers %v", path, h)
		}
		if len(s.resp.TransferEncoding) == 0 {
			t.Errorf("%s: not chunked, so an end looks like a cut", path)
		}
		s.close()
	}
}

func TestForbiddenResourcesLookMissing(t *testing.T) {
	b := setup(t, nil)
	b.jobs.put("live", "media", "bob", nil)
	b.jobs.put("ended", "media", "bob", func(j *jobsv1.Job) { j.Status = completed })
	b.jobs.put("mine", "media", "ann", nil)
	var first string
	for _, path := range []string{"media/live", "media/ended", "media/unknown", "import/mine", "media/live/output", "import/mine/output"} {
		resp := b.do(http.MethodGet, "/api/v1/sse/jobs/"+path, nil)
		status, body := b.decode(resp)
		delete(body, "requestId")
		text := body["message"].(string)
		if first == "" {
			first = text
		}
		if status != http.StatusNotFound || body["reason"] != "JOB_NOT_FOUND" || text != first {
			t.Errorf("%s: %d %v", path, status, body)
		}
	}
	admin := "Bearer " + b.token("root", "headway:admin")
	b.open("/api/v1/sse/jobs/media/live", "Authorization", admin).want("connected")
	b.refused(b.do(http.MethodGet, "/api/v1/sse/imports/unknown", nil), http.StatusNotFound, "IMPORT_NOT_FOUND")
}

func TestOwnJobsStreamHasOnlyOwnJobs(t *testing.T) {
	b := setup(t, nil)
	b.jobs.put("old", "media", "ann", func(j *jobsv1.Job) { j.Status = completed })
	b.jobs.put("a", "media", "ann", nil)
	b.jobs.put("x", "media", "bob", nil)
	s := b.open("/api/v1/sse/jobs/my")
	if e := s.want("connected"); e.data["jobId"] != nil {
		t.Errorf("connected: %s", e.raw)
	}
	if e := s.want("initial_status"); e.data["jobId"] != "a" || e.id == "" {
		t.Errorf("initial: id %q %s", e.id, e.raw)
	}
	b.jobs.put("x", "", "", nil)
	b.jobs.put("b", "import", "ann", nil)
	if e := s.want("initial_status"); e.data["jobId"] != "b" {
		t.Errorf("a new job: %s", e.raw)
	}
	b.jobs.put("a", "", "", func(j *jobsv1.Job) { j.Status = completed })
	if e := s.want("job_update"); e.data["jobId"] != "a" || e.data["status"] != "completed" {
		t.Errorf("update: %s", e.raw)
	}
	b.jobs.remove("a")
	if e := s.want("job_deleted"); e.data["jobId"] != "a" {
		t.Errorf("deleted: %s", e.raw)
	}
}

func TestReconnectGetsJobsThatEndedMeanwhile(t *testing.T) {
	b := setup(t, nil)
	b.jobs.put("a", "media", "ann", nil)
	s := b.open("/api/v1/sse/jobs/my")
	s.want("connected")
	seen := s.want("initial_status").id
	s.close()
	b.jobs.put("a", "", "", func(j *jobsv1.Job) { j.Status = failed })

	s = b.open("/api/v1/sse/jobs/my", "Last-Event-ID", seen)
	s.want("connected")
	if e := s.want("initial_status"); e.data["jobId"] != "a" || e.data["status"] != "failed" {
		t.Errorf("got %s", e.raw)
	}
	// On a first visit, the client has the list of ended jobs from REST.
	s = b.open("/api/v1/sse/jobs/my")
	s.want("connected")
	b.jobs.put("b", "media", "ann", nil)
	if e := s.want("initial_status"); e.data["jobId"] != "b" {
		t.Errorf("got %s", e.raw)
	}
}

func TestStreamLostBeforeItsFirstJobResumes(t *testing.T) {
	b := setup(t, nil)
	s := b.open("/api/v1/sse/jobs/my")
	seen := s.want("connected").id
	s.close()
	b.jobs.put("a", "media", "ann", func(j *jobsv1.Job) { j.Status = failed })

	s = b.open("/api/v1/sse/jobs/my", "Last-Event-ID", seen)
	if e := s.want("connected"); e.id != "" {
		t.Errorf("a reconnect that is lost immediately would skip what it has not received: id %q", e.id)
	}
	if e := s.want("initial_status"); e.data["jobId"] != "a" || e.data["status"] != "failed" {
		t.Errorf("got %s", e.raw)
	}
}

func TestDeletedJobEndsItsStream(t *testing.T) {
	b := setup(t, nil)
	b.jobs.put("j1", "media", "ann", nil)
	s := b.open("/api/v1/sse/jobs/media/j1")
	s.want("connected")
	s.want("initial_status")
	b.jobs.remove("j1")
	if e := s.want("job_deleted"); e.data["jobId"] != "j1" {
		t.Errorf("got %s", e.raw)
	}
	s.wantEnd()
}

func TestOldestStreamIsReplacedWithReason(t *testing.T) {
	b := setup(t, func(c *edge.Config) { c.StreamsPerUser = 2 })
	b.jobs.put("j1", "media", "ann", nil)
	b.jobs.put("j2", "media", "bob", nil)
	var streams []*eventStream
	for range 3 {
		s := b.open("/api/v1/sse/jobs/media/j1")
		s.want("connected")
		s.want("initial_status")
		streams = append(streams, s)
	}
	e := streams[0].want("limit")
	if retry, _ := strconv.Atoi(e.retry); retry < 60_000 || e.data["reason"] != "STREAM_LIMIT" {
		t.Errorf("limit: retry %s %s", e.retry, e.raw)
	}
	streams[0].wantEnd()
	// Refused attempts, and streams of other users, don't replace a stream.
	b.refused(b.do(http.MethodGet, "/api/v1/sse/jobs/media/j2", nil), http.StatusNotFound, "JOB_NOT_FOUND")
	b.open("/api/v1/sse/jobs/media/j2", "Authorization", "Bearer "+b.token("bob")).want("connected")
	b.jobs.put("j1", "", "", nil)
	streams[1].want("job_update")
	streams[2].want("job_update")
}

func TestFullEdgeRefusesNewStreams(t *testing.T) {
	b := setup(t, func(c *edge.Config) { c.MaxStreams = 1 })
	b.jobs.put("j1", "media", "ann", nil)
	old := b.open("/api/v1/sse/jobs/media/j1")
	old.want("connected")
	b.refused(b.do(http.MethodGet, "/api/v1/sse/jobs/media/j1", nil), http.StatusTooManyRequests, "STREAM_LIMIT")
	// An EventSource would stop permanently at a 429, and could not read it.
	s := b.open("/api/v1/sse/jobs/media/j1", "Accept", "text/event-stream")
	if e := s.want("limit"); e.retry == "" {
		t.Errorf("got %s", e.raw)
	}
	s.wantEnd()
	old.want("initial_status")
}

func TestProbeSendsAFewMessagesAndEnds(t *testing.T) {
	b := setup(t, nil)
	s := b.open("/api/v1/sse/probe")
	s.want("connected")
	for n := 1; n <= 5; n++ {
		if e := s.want("probe"); e.data["n"] != float64(n) || e.data["of"] != 5.0 || e.data["sentAt"] == nil {
			t.Errorf("got %s", e.raw)
		}
	}
	s.wantEnd()
	s = b.open("/api/v1/sse/probe")
	s.want("connected")
	s.close() // leaves no goroutine
}
