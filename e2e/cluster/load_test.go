package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	headway "headway/clients/go"
	"headway/internal/auth"
)

const (
	tenants = 8
	// callTimeout is how long a client waits before it repeats a call.
	callTimeout = 15 * time.Second
	// silence is how long a watcher waits for a byte: three times the keepalive.
	silence = 15 * time.Second
)

// load is the work of the cluster's clients. Every request has an ID, and is repeated until it is acknowledged.
type load struct {
	t       *testing.T
	c       *cluster
	history *history
	tokens  [tenants]string
	files   []file
	random  *rand.Rand // of the requests, for one goroutine

	requests, watches, workers sync.WaitGroup
	over                       atomic.Bool // no more requests

	mu     sync.Mutex
	recent [tenants][]watchable // those that were acknowledged last
}

// file is a workbook, and what an import of it counts.
type file struct {
	data           []byte
	read, rejected int
}

// watchable is a job or an import.
type watchable struct{ kind, id string }

func owner(tenant int) string { return fmt.Sprintf("tenant-%d", tenant) }

func newLoad(t *testing.T, c *cluster, h *history, seed uint64) *load {
	t.Helper()
	l := &load{t: t, c: c, history: h, random: rand.New(rand.NewPCG(seed, 1))}
	for i := range l.tokens {
		l.tokens[i] = c.token(owner(i))
	}
	for i := range 3 {
		const rejected = 5
		path := filepath.Join(t.TempDir(), "sample.xlsx")
		out, err := exec.Command(filepath.Join(programs, "headway"), "sample", "--rows", "300", "--issues", fmt.Sprint(rejected), "--seed", fmt.Sprint(i+1), "-o", path).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f := file{data: data, rejected: rejected}
		if _, err := fmt.Sscanf(string(out[strings.Index(string(out), ": ")+2:]), "%d rows", &f.read); err != nil {
			t.Fatalf("%v in %s", err, out)
		}
		l.files = append(l.files, f)
	}
	return l
}

// call sends a request through nginx, and decodes the response.
func (l *load) call(tenant int, method, path, contentType string, body []byte, into any) (status int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, l.c.url+path, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+l.tokens[tenant])
	if body != nil {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := l.c.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return resp.StatusCode, err
	}
	l.private(tenant, string(text))
	if resp.StatusCode >= 300 {
		return resp.StatusCode, fmt.Errorf("%s: %s", resp.Status, tail(string(text), 500))
	}
	return resp.StatusCode, json.Unmarshal(text, into)
}

// private checks that a text has nothing of other tenants.
func (l *load) private(tenant int, text string) {
	for rest := text; ; {
		_, after, found := strings.Cut(rest, "tenant-")
		if !found {
			return
		}
		if rest = after; !strings.HasPrefix(rest, fmt.Sprint(tenant)) {
			l.history.add(event{What: violated, Text: fmt.Sprintf("%s received something of another tenant: %s", owner(tenant), tail(text, 500))})
			return
		}
	}
}

// acknowledged repeats a call until it succeeds. An error that repeating can't help is a violation.
func (l *load) acknowledged(what string, call func() (status int, err error)) bool {
	for began := time.Now(); ; time.Sleep(200 * time.Millisecond) {
		status, err := call()
		switch {
		case err == nil:
			return true
		case status >= 400 && status < 500 && status != http.StatusTooManyRequests && status != http.StatusRequestTimeout && status != 499:
			l.history.add(event{What: violated, Text: fmt.Sprintf("%s: %v", what, err)})
			return false
		case time.Since(began) > 3*time.Minute:
			l.history.add(event{What: violated, Text: fmt.Sprintf("%s is not answered for three minutes: %v", what, err)})
			return false
		}
	}
}

// run creates jobs and imports until over is set.
func (l *load) run() {
	jobs := make(chan int)
	for range 4 {
		l.requests.Go(func() {
			for n := range jobs {
				l.createJob(n%tenants, n)
			}
		})
	}
	l.requests.Go(func() {
		defer close(jobs)
		for n := 0; !l.over.Load(); n++ {
			select {
			case jobs <- n:
			case <-time.After(time.Second):
			}
			time.Sleep(time.Duration(l.random.Int64N(int64(400 * time.Millisecond))))
		}
	})
	for i := range 2 {
		l.requests.Go(func() {
			for n := 0; !l.over.Load(); n++ {
				l.importFile((n*3+i)%tenants, fmt.Sprintf("import-%d-%d", i, n), l.files[n%len(l.files)], n%3 == 2)
				time.Sleep(500 * time.Millisecond)
			}
		})
	}
}

func (l *load) createJob(tenant, n int) {
	body, err := json.Marshal(map[string]any{"kind": "count", "title": "of " + owner(tenant), "requestId": fmt.Sprintf("job-%d", n),
		"payload": map[string]any{"owner": owner(tenant), "ticks": 5 + n%20}, "retry": map[string]any{"maxAttempts": 100}})
	if err != nil {
		panic(err) // can't fail
	}
	var answer struct{ Job struct{ JobID string } }
	if l.acknowledged("create a job", func() (int, error) {
		return l.call(tenant, http.MethodPost, "/api/v1/jobs", "application/json", body, &answer)
	}) {
		l.history.add(event{What: created, Owner: owner(tenant), ID: answer.Job.JobID})
		l.watchable(tenant, watchable{"count", answer.Job.JobID})
	}
}

// importFile uploads a file, and confirms its import if it asks.
func (l *load) importFile(tenant int, request string, f file, asks bool) {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	policy := "skip_rows"
	if asks {
		policy = "review"
	}
	part, err := func() (io.Writer, error) {
		if err := errors.Join(form.WriteField("on_issues", policy), form.WriteField("request_id", request)); err != nil {
			return nil, err
		}
		return form.CreateFormFile("file", owner(tenant)+".xlsx")
	}()
	if err == nil {
		_, err = part.Write(f.data)
	}
	if err = errors.Join(err, form.Close()); err != nil {
		panic(err) // can't fail: it is in memory
	}
	var answer struct{ Import struct{ ImportID string } }
	if !l.acknowledged("upload a file", func() (int, error) {
		return l.call(tenant, http.MethodPost, "/api/v1/imports", form.FormDataContentType(), body.Bytes(), &answer)
	}) {
		return
	}
	id := answer.Import.ImportID
	l.history.add(event{What: accepted, Owner: owner(tenant), ID: id, Counts: counts{Read: f.read, Rejected: f.rejected}})
	l.watchable(tenant, watchable{"import", id})
	if asks {
		l.confirm(tenant, id)
	}
}

// confirm waits until an import asks, and confirms it.
func (l *load) confirm(tenant int, id string) {
	for {
		state := l.state(tenant, id)
		if state.ended() {
			return
		}
		if state.Status == "waiting" {
			answer := fmt.Appendf(nil, `{"commit": true, "questionRevision": %d}`, state.Revision)
			_, _ = l.call(tenant, http.MethodPost, "/api/v1/imports/"+id+":confirm", "application/json", answer, new(any)) // it is repeated
		}
		time.Sleep(300 * time.Millisecond)
	}
}

// jobState is a job in REST.
type jobState struct {
	JobID, Owner, Kind, Status string
	Revision                   uint32
	Progress                   struct {
		Steps []struct {
			Name        string
			Done, Total float64
		}
	}
	Result struct{ Sum int }
	Error  struct{ Reason, Message string }
}

func (s jobState) ended() bool {
	return s.Status == "completed" || s.Status == "failed" || s.Status == "cancelled"
}

// state returns a job.
func (l *load) state(tenant int, id string) jobState {
	var answer struct{ Job jobState }
	l.acknowledged("get a job", func() (int, error) {
		return l.call(tenant, http.MethodGet, "/api/v1/jobs/"+id, "", nil, &answer)
	})
	return answer.Job
}

func (l *load) watchable(tenant int, w watchable) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.recent[tenant] = append(l.recent[tenant], w)
	if n := len(l.recent[tenant]); n > 3 {
		l.recent[tenant] = l.recent[tenant][n-3:]
	}
}

// pick returns a recent job or import of a tenant.
func (l *load) pick(tenant int, random *rand.Rand) (watchable, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	recent := l.recent[tenant]
	if len(recent) == 0 {
		return watchable{}, false
	}
	return recent[random.IntN(len(recent))], true
}

// work runs workers until ctx ends.
func (l *load) work(ctx context.Context) {
	for range 2 {
		credentials := l.c.key.ServiceCredentials("worker", auth.ScopeWorker)
		conn, err := headway.Dial(l.c.jobs, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithPerRPCCredentials(credentials))
		if err != nil {
			l.t.Fatal(err)
		}
		l.t.Cleanup(func() { conn.Close() })
		worker := headway.NewWorker(conn, headway.WorkerConfig{Concurrency: 20, Handlers: map[string]headway.Handler{"count": count}})
		l.workers.Go(func() {
			if err := worker.Run(ctx); err != nil && ctx.Err() == nil {
				l.history.add(event{What: violated, Text: fmt.Sprintf("a worker ended: %v", err)})
			}
		})
	}
}

// count is the work of a job: it counts, one tick in half a second, and continues where its last attempt has stopped.
func count(ctx context.Context, task *headway.Task) (any, error) {
	var payload struct{ Ticks int }
	if err := task.Payload(&payload); err != nil {
		return nil, err
	}
	task.Plan(headway.StepPlan{Name: "count", Total: float64(payload.Ticks)})
	from := 0
	if checkpoint := task.LastCheckpoint(); len(checkpoint) > 0 {
		if _, err := fmt.Sscan(string(checkpoint), &from); err != nil {
			return nil, err
		}
	}
	for i := from; i < payload.Ticks; i++ {
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(500 * time.Millisecond):
		}
		task.Step("count").Set(float64(i + 1))
		task.Checkpoint(fmt.Append(nil, i+1))
	}
	task.Step("count").Complete()
	return map[string]int{"sum": payload.Ticks}, nil
}
