package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"headway/clients/go"
)

// The tests in this file interrupt the plain clients of routes_test.go in the middle of the work, by a crash of the server,
// a lost connection, or a job that fails.

// steppedWork is the work of a kind that reports progress, and then waits until the test tells it how to end.
type steppedWork struct {
	begun chan struct{}
	end   chan error // nil completes the job
}

func newSteppedWork() *steppedWork {
	return &steppedWork{begun: make(chan struct{}, 10), end: make(chan error)}
}

func (w *steppedWork) handle(ctx context.Context, task *headway.Task) (any, error) {
	step := task.Step("fetch").Total(100).Start().Set(40)
	task.Message("Fetching data")
	w.begun <- struct{}{}
	select {
	case err := <-w.end:
		if err != nil {
			return nil, err
		}
		step.Set(100).Complete()
		return map[string]any{"characterId": "c1", "displayId": "MIR-1", "name": "Mira"}, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

var errModel = headway.FailPermanently("MODEL_MISSING", "The model is missing.", nil)

// endings are the ways in which the work of a plain client can end, with the status that the client sees.
var endings = map[string]error{"completed": nil, "failed": errModel}

// statusOf returns the type and status of a message of job_status.
func statusOf(t *testing.T, data string) string {
	t.Helper()
	m := decoded(t, data)
	return fmt.Sprint(m["type"], " ", m["status"])
}

// curlStream runs `curl -N`, and returns the data of its messages as they come. The channel is closed when curl ends.
func (s *server) curlStream(t *testing.T, token, path string) <-chan string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "curl", "-sN", "-H", "Authorization: Bearer "+token, "http://"+s.edge+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	messages := make(chan string, 1000)
	go func() {
		defer close(messages)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				messages <- data
			}
		}
		_ = cmd.Wait() // it fails if the server was killed
	}()
	return messages
}

// poll requests a status route repeatedly, as a poller does, until the job has ended. A poller ignores lost connections.
func (s *server) poll(ctx context.Context, token, path string) (statuses []string, err error) {
	for ctx.Err() == nil {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.edge+path, nil)
		if err != nil {
			return nil, err
		}
		r.Header.Set("Authorization", "Bearer "+token)
		if answer, err := http.DefaultClient.Do(r); err == nil {
			var body struct{ Data struct{ Status string } }
			err = json.NewDecoder(answer.Body).Decode(&body)
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK && err == nil {
				if status := body.Data.Status; len(statuses) == 0 || statuses[len(statuses)-1] != status {
					statuses = append(statuses, status)
				}
				if slices.Contains([]string{"completed", "failed"}, body.Data.Status) {
					return statuses, nil
				}
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond): // real pollers wait about two seconds
		}
	}
	return nil, errors.New("the poller saw no end")
}

func TestJobStatusClientsSurviveServerCrash(t *testing.T) {
	flags := []string{"--routes", "../deploy/routes/job-status.yaml"}
	s := start(t, flags...)
	token := s.token("ann")
	work := newSteppedWork()
	s.work(t, "character", work.handle)
	for ending, cause := range endings {
		id := s.create(token, "character", nil)
		<-work.begun
		path := "/api/v1/sse/jobs/character/" + id
		var (
			polling sync.WaitGroup
			polled  []string
			pollErr error
		)
		polling.Go(func() { polled, pollErr = s.poll(t.Context(), token, "/api/v1/characters/jobs/"+id) })

		curl := s.curlStream(t, token, path)
		if first, second := statusOf(t, <-curl), statusOf(t, <-curl); first != "connected <nil>" || second != "initial_status active" {
			t.Errorf("before the crash: %s, %s", first, second)
		}
		s.kill()
		for range curl { // curl ends with its connection
		}
		s.run(flags...)
		curl = s.curlStream(t, token, path)
		if first, second := statusOf(t, <-curl), statusOf(t, <-curl); first != "connected <nil>" || second != "initial_status active" {
			t.Errorf("after the crash: %s, %s", first, second)
		}
		work.end <- cause
		last := ""
		for data := range curl {
			last = data
		}
		if statusOf(t, last) != "job_update "+ending {
			t.Errorf("the last message is %s", last)
		}
		polling.Wait()
		if pollErr != nil || polled[len(polled)-1] != ending || !slices.Contains(polled, "active") {
			t.Errorf("the poller saw %q, %v", polled, pollErr)
		}
	}
}

func TestJobStatusContinuesAfterLostConnection(t *testing.T) {
	s := start(t, "--routes", "../deploy/routes/job-status.yaml")
	token := s.token("ann")
	work := newSteppedWork()
	s.work(t, "media", work.handle)
	for ending, cause := range endings {
		id := s.create(token, "media", nil)
		<-work.begun
		auth := []string{"Authorization", "Bearer " + token}
		for _, path := range []string{"/api/v1/sse/jobs/media/" + id, "/api/v1/sse/jobs/my"} {
			stream := s.openStream(t, path, auth...)
			for data, ok := stream.next(); ; data, ok = stream.next() {
				if !ok {
					t.Fatalf("%s ended before its first message about the job", path)
				}
				if m := decoded(t, data); m["jobId"] == id && m["status"] == "active" {
					break
				}
			}
			stream.body.Close() // a cut
		}
		mine, one := s.openStream(t, "/api/v1/sse/jobs/my", auth...), s.openStream(t, "/api/v1/sse/jobs/media/"+id, auth...)
		work.end <- cause
		all := one.all()
		if last := decoded(t, all[len(all)-1]); last["type"] != "job_update" || last["status"] != ending {
			t.Errorf("the last message is %v", last)
		}
		for data, ok := mine.next(); ; data, ok = mine.next() {
			if !ok {
				t.Fatal("the stream of all jobs ended too early")
			}
			if m := decoded(t, data); m["jobId"] == id && m["status"] == ending && m["type"] == "job_update" {
				break
			}
		}
		mine.body.Close()
	}
}

// TestStartedWorkSurvivesServerCrash checks that a client that reconnects after a crash, as an EventSource does, finds the
// work that it has started, and that no second one starts.
func TestStartedWorkSurvivesServerCrash(t *testing.T) {
	flags := []string{"--routes", "../deploy/routes/gateway.yaml"}
	s := start(t, flags...)
	token := s.token("ann")
	work := newSteppedWork()
	s.work(t, "process", work.handle)
	for ending, cause := range map[string]error{"completed": nil, "error": errModel} {
		path := "/api/v1/process/stream?topic=owls&token=" + token
		stream := s.openStream(t, path)
		<-work.begun
		data, _ := stream.next()
		if m := decoded(t, data); m["status"] != "processing" || m["progress"] == nil || m["step"] == nil || m["message"] == nil {
			t.Errorf("the first message is %s", data)
		}
		s.kill()
		stream.all()
		s.run(flags...)
		stream = s.openStream(t, path, "Last-Event-ID", stream.lastID)
		work.end <- cause
		messages := stream.all()
		last := decoded(t, messages[len(messages)-1])
		switch {
		case last["status"] != ending:
			t.Errorf("the last message is %v", last)
		case cause == nil && field(t, last, "data", "name") != "Mira":
			t.Errorf("the result is %v", last)
		case cause != nil && last["message"] != "The model is missing.":
			t.Errorf("the message is %v", last)
		}
	}
	if len(work.begun) != 0 {
		t.Errorf("%d further jobs began", len(work.begun))
	}
}

// TestBatchUploadSurvivesServerCrash kills the server while it imports 100,000 rows. A page that reopens its stream sees
// every step, and the end.
func TestBatchUploadSurvivesServerCrash(t *testing.T) {
	flags := append([]string{"--routes", "../deploy/routes/batch-upload.yaml"}, shortLeases...)
	s := start(t, flags...)
	token := s.token("ann")
	auth := []string{"Authorization", "Bearer " + token}
	file, _ := s.sample(100_000, 100)
	stream := s.openStream(t, "/api/events", auth...)
	if code, body := s.postFile(t, token, "/api/upload-batch", file); code != http.StatusAccepted {
		t.Fatalf("%d %v", code, body)
	}
	for word := ""; word != "UPLOADING_EMPLOYEE"; {
		var ok bool
		if word, ok = stream.next(); !ok {
			t.Fatal("the stream ended before the crash")
		}
	}
	s.kill()
	s.run(flags...)
	again := s.openStream(t, "/api/events", append(auth, "Last-Event-ID", stream.lastID)...) // as an EventSource reconnects
	late := s.openStream(t, "/api/events", auth...)                                          // a page that was loaded again
	if got := late.all(); !slices.Equal(got, batchWords) {
		t.Errorf("a new stream said %q", got)
	}
	got := again.all()
	rest := slices.DeleteFunc(slices.Clone(got), func(word string) bool { return slices.Index(batchWords, word) < 4 }) // words may repeat
	if !slices.Equal(rest, batchWords[4:]) {
		t.Errorf("the stream that continued said %q", got)
	}
}

// TestBatchUploadOfManyRows imports 100,000 rows without an interruption, watched by two pages at the same time.
func TestBatchUploadOfManyRows(t *testing.T) {
	s := start(t, "--routes", "../deploy/routes/batch-upload.yaml")
	token := s.token("ann")
	auth := []string{"Authorization", "Bearer " + token}
	file, _ := s.sample(100_000, 100)
	streams := []*plainStream{s.openStream(t, "/api/events", auth...), s.openStream(t, "/api/events", auth...)}
	if code, body := s.postFile(t, token, "/api/upload-batch", file); code != http.StatusAccepted {
		t.Fatalf("%d %v", code, body)
	}
	for i, stream := range streams {
		if got := stream.all(); !slices.Equal(got, batchWords) {
			t.Errorf("page %d saw %q", i, got)
		}
	}
}

// TestCancelledBatchUploadEndsItsStream cancels an import in the middle.
func TestCancelledBatchUploadEndsItsStream(t *testing.T) {
	s := start(t, "--routes", "../deploy/routes/batch-upload.yaml")
	token := s.token("ann")
	auth := []string{"Authorization", "Bearer " + token}
	file, _ := s.sample(100_000, 100)
	stream := s.openStream(t, "/api/events", auth...)
	_, body := s.postFile(t, token, "/api/upload-batch", file)
	word, _ := stream.next()
	if word != batchWords[0] {
		t.Errorf("the first word is %q", word)
	}
	s.rest(token, "POST", "/api/v1/jobs/"+field(t, body, "import", "importId").(string)+":cancel", map[string]any{})
	all := stream.all()
	if last := all[len(all)-1]; last != "FAILED" || slices.Contains(all, "COMPLETED") {
		t.Errorf("the stream said %q", all)
	}
}

// TestFirstUploadDoesNotEndStreamOfSecond uploads a workbook during the import of an earlier one. The stream of the second
// upload must not report COMPLETED for the first.
func TestFirstUploadDoesNotEndStreamOfSecond(t *testing.T) {
	s := start(t, "--routes", "../deploy/routes/batch-upload.yaml")
	token := s.token("ann")
	auth := []string{"Authorization", "Bearer " + token}
	large, _ := s.sample(100_000, 100)
	small, _ := s.sample(300, 0)
	first := s.openStream(t, "/api/events", auth...)
	s.postFile(t, token, "/api/upload-batch", large)
	if word, _ := first.next(); word != batchWords[0] {
		t.Fatalf("the first word is %q", word)
	}
	second := s.openStream(t, "/api/events", auth...) // another tab, or the same page after Reset
	if word, _ := second.next(); word != batchWords[0] {
		t.Fatalf("the first word of a stream in the middle is %q", word)
	}
	_, body := s.postFile(t, token, "/api/upload-batch", small)
	id := field(t, body, "import", "importId").(string)
	got := second.all()
	_, answer := s.rest(token, "GET", "/api/v1/jobs/"+id, nil)
	if status := field(t, answer, "job", "status"); status != "completed" || !slices.Equal(got[max(0, len(got)-len(batchWords)):], batchWords) {
		t.Errorf("the second stream said %q while the second import was %v", got, status)
	}
	if n := len(slices.DeleteFunc(slices.Clone(got), func(word string) bool { return word != "COMPLETED" })); n != 1 {
		t.Errorf("the second stream said %q", got)
	}
	if got := first.all(); !slices.Equal(got, batchWords[1:]) {
		t.Errorf("the first stream said %q", got)
	}
}

// TestOlderEndIsNotShownAfterNewerOne checks that a stream waits for the next import, even if the end of an earlier one
// was never shown.
func TestOlderEndIsNotShownAfterNewerOne(t *testing.T) {
	s := start(t, "--routes", "../deploy/routes/batch-upload.yaml")
	token := s.token("ann")
	auth := []string{"Authorization", "Bearer " + token}
	file, _ := s.sample(30, 0)
	upload := func() string {
		_, body := s.postFile(t, token, "/api/upload-batch", file)
		return field(t, body, "import", "importId").(string)
	}
	s.job(token, upload(), "completed") // no stream is open
	s.job(token, upload(), "completed")
	if got := s.openStream(t, "/api/events", auth...).all(); !slices.Equal(got, batchWords) {
		t.Errorf("the stream of the second import said %q", got)
	}
	// The same applies to an end on a stream that a client has reopened.
	stream := s.openStream(t, "/api/events", auth...)
	upload()
	if word, _ := stream.next(); word != batchWords[0] {
		t.Fatalf("the first word is %q", word)
	}
	stream.body.Close()
	again := s.openStream(t, "/api/events", append(auth, "Last-Event-ID", stream.lastID)...)
	if got := again.all(); got[len(got)-1] != "COMPLETED" {
		t.Errorf("the stream that continued said %q", got)
	}
	stream = s.openStream(t, "/api/events", auth...)
	failed := make(chan []string, 1)
	go func() { failed <- stream.all() }()
	s.postFile(t, token, "/api/upload-batch", "")
	if got := <-failed; !slices.Equal(got, []string{"FAILED"}) {
		t.Errorf("the stream of the upload that failed said %q", got)
	}
}
