package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"headway/clients/go"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/auth"
	"headway/internal/proctest"
)

const crashKey = "a secret of the crash test, long enough for HS256"

// crashes returns how often the service is killed. HEADWAY_TEST_CRASHES overrides it.
func crashes(t *testing.T) int {
	text := os.Getenv("HEADWAY_TEST_CRASHES")
	if text == "" {
		return 100
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// The real program is killed at random points under load, with long outputs in progress. After that, no acknowledged
// job is lost, none ran under two valid leases, no revision has decreased, every watcher that reconnected ended with
// the right state, and no byte of an output is missing, duplicated, or changed.
func TestKilledServiceLosesNothingAcknowledged(t *testing.T) {
	c := newCrash(t, programStarter(t))
	c.between = 1
	c.run(func(int) {
		c.kill()
		c.start()
	}, crashes(t))
}

// run disturbs the program under load, and checks what its callers know.
func (c *crash) run(disturb func(n int), times int) {
	ctx, stop := context.WithCancel(c.t.Context())
	defer stop()
	creating, stopCreating := context.WithCancel(ctx)
	var users, workers sync.WaitGroup
	for i := range 3 {
		users.Go(func() { c.create(creating, ctx, i) })
	}
	for range 6 {
		workers.Go(func() { c.work(ctx) })
	}
	users.Go(func() { c.poll(creating, ctx) })
	for n := range times {
		time.Sleep(time.Duration(20+rand.IntN(180)) * time.Millisecond)
		c.awaitCreations(c.between)
		disturb(n)
	}
	stopCreating()
	users.Wait()
	c.watchers.Wait() // each ends with its job
	c.waitForAll(ctx)
	stop()
	workers.Wait()
	c.check()
	c.t.Logf("%d disturbances, %d jobs, %d completions acknowledged", times, len(c.acked), len(c.completed))
}

// awaitCreations waits until n more jobs have been created, which shows that the program has recovered from the last disturbance.
func (c *crash) awaitCreations(n int) {
	created := func() int {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.acked)
	}
	for from := created(); created() < from+n && !c.t.Failed(); {
		time.Sleep(5 * time.Millisecond)
	}
}

// crash is the program under test, with everything that its callers know for certain.
type crash struct {
	t       *testing.T
	command func(addr string) *exec.Cmd
	addr    string
	process *proctest.Process
	between int // jobs that are created between two disturbances

	user     jobsv1.JobServiceClient
	worker   jobsv1.WorkerServiceClient
	watchers sync.WaitGroup

	mu        sync.Mutex
	acked     map[string]string      // jobs whose creation was acknowledged, by their request ID
	completed map[string][]string    // tokens of acknowledged completions, by job
	leased    map[string]uint32      // the revision of the latest lease that a worker got, by job
	revision  map[string]uint32      // the latest revision that a client saw, by job
	output    map[string]int64       // bytes of acknowledged output, by job
	ended     map[string]*jobsv1.Job // the last snapshot of a watcher, by job
}

// programStarter builds the real program, and returns a function that starts it, with more flags.
func programStarter(t *testing.T, flags ...string) func(addr string) *exec.Cmd {
	t.Helper()
	dir := t.TempDir()
	binary := filepath.Join(dir, "jobs")
	if err := proctest.Build(dir, "headway/cmd/jobs"); err != nil {
		t.Fatal(err)
	}
	return func(addr string) *exec.Cmd {
		cmd := exec.Command(binary, append([]string{"--data", filepath.Join(dir, strings.ReplaceAll(addr, ":", "-")), "--jobs-listen", addr, "--metrics-listen", "-",
			"--lease-duration", "1s", "--heartbeat-interval", "300ms", "--output-segment-bytes", "65536", "--log-level", "error"}, flags...)...)
		cmd.Env = append(os.Environ(), "HEADWAY_KEY="+crashKey)
		return cmd
	}
}

func newCrash(t *testing.T, command func(addr string) *exec.Cmd) *crash {
	t.Helper()
	c := newCalls(t, proctest.FreeAddress(t))
	c.command = command
	c.start()
	t.Cleanup(c.kill)
	return c
}

// newCalls returns the callers of the programs at these addresses. Each call goes to any of them.
func newCalls(t *testing.T, addresses ...string) *crash {
	t.Helper()
	c := &crash{t: t, addr: addresses[0], acked: map[string]string{}, completed: map[string][]string{}, leased: map[string]uint32{},
		revision: map[string]uint32{}, output: map[string]int64{}, ended: map[string]*jobsv1.Job{}}
	key, err := auth.NewKey([]byte(crashKey))
	if err != nil {
		t.Fatal(err)
	}
	dial := func(subject string, scopes ...string) (all anyOf) {
		for _, address := range addresses {
			conn, err := grpc.NewClient(address, append(headway.DialOptions(), grpc.WithTransportCredentials(insecure.NewCredentials()),
				grpc.WithPerRPCCredentials(key.ServiceCredentials(subject, scopes...)))...)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { conn.Close() })
			all = append(all, conn)
		}
		return all
	}
	c.user = jobsv1.NewJobServiceClient(dial("alice"))
	c.worker = jobsv1.NewWorkerServiceClient(dial("worker", auth.ScopeWorker))
	return c
}

// anyOf makes each call on any of its connections.
type anyOf []*grpc.ClientConn

// Invoke implements grpc.ClientConnInterface.
func (a anyOf) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	return a[rand.IntN(len(a))].Invoke(ctx, method, args, reply, opts...)
}

// NewStream implements grpc.ClientConnInterface.
func (a anyOf) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	return a[rand.IntN(len(a))].NewStream(ctx, desc, method, opts...)
}

func (c *crash) start() {
	c.t.Helper()
	cmd := c.command(c.addr)
	cmd.Stderr = os.Stderr
	c.process = proctest.Start(c.t, cmd)
}

// kill kills the program. It must not have ended before: nothing that happens to it or to its database may end it.
func (c *crash) kill() {
	c.t.Helper()
	var exit *exec.ExitError
	if err := c.process.Kill(); !errors.As(err, &exit) || exit.Exited() {
		c.t.Errorf("the program ended by itself: %v", err)
	}
}

// freeze stops the program for a while.
func (c *crash) freeze(length time.Duration) {
	_ = c.process.Process.Signal(syscall.SIGSTOP)
	time.Sleep(length)
	_ = c.process.Process.Signal(syscall.SIGCONT)
}

// call repeats a call until the service responds, with success or a refusal. sure is false if an earlier attempt might
// have succeeded without a response.
func call(ctx context.Context, fn func(context.Context) error) (sure bool, err error) {
	sure = true
	for {
		attempt, cancel := context.WithTimeout(ctx, 3*time.Second)
		err = fn(attempt)
		cancel()
		switch status.Code(err) {
		case codes.Unavailable, codes.DeadlineExceeded, codes.Internal, codes.Unknown, codes.Canceled:
			if ctx.Err() != nil {
				return false, err
			}
			sure = false
			time.Sleep(10 * time.Millisecond)
		default:
			return sure, err
		}
	}
}

// as makes a worker's call under its lease, until it gets a response. If the call succeeds although a newer lease of
// the job was granted before, two leases were valid at the same time.
func (c *crash) as(ctx context.Context, l *jobsv1.LeasedJob, fn func(context.Context) error) (sure bool, err error) {
	job := l.GetJob()
	return call(ctx, func(ctx context.Context) error {
		c.mu.Lock()
		newest := c.leased[job.GetJobId()]
		c.mu.Unlock()
		err := fn(ctx)
		if err == nil && newest > job.GetRevision() {
			c.t.Errorf("job %s: the lease of revision %d was valid after that of revision %d was given", job.GetJobId(), job.GetRevision(), newest)
		}
		return err
	})
}

// shown records a snapshot. The revision must not decrease between a response and the next request.
func (c *crash) shown(job *jobsv1.Job) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.revision[job.GetJobId()] = max(c.revision[job.GetJobId()], job.GetRevision())
}

// create creates jobs until creating ends. Half of them are watched.
func (c *crash) create(creating, ctx context.Context, user int) {
	for n := 0; creating.Err() == nil; n++ {
		request := fmt.Sprintf("user-%d-%d", user, n)
		var job *jobsv1.Job
		_, err := call(ctx, func(ctx context.Context) error {
			resp, err := c.user.CreateJob(ctx, &jobsv1.CreateJobRequest{Kind: "crawl", RequestId: request,
				Retry: &jobsv1.RetryPolicy{MaxAttempts: 100}})
			job = resp.GetJob()
			return err
		})
		if err != nil {
			c.t.Errorf("create %s: %v", request, err)
			return
		}
		c.mu.Lock()
		c.acked[request] = job.GetJobId()
		c.mu.Unlock()
		c.shown(job)
		switch n % 4 {
		case 0:
			c.watchers.Go(func() { c.watch(ctx, job.GetJobId()) })
		case 1:
			c.watchers.Go(func() { c.watchPlainly(ctx, job.GetJobId()) })
		case 2:
			c.watchers.Go(func() { c.readOutput(ctx, job.GetJobId()) })
		}
		time.Sleep(time.Duration(rand.IntN(8)) * time.Millisecond)
	}
}

func (c *crash) watch(ctx context.Context, id string) {
	var last *jobsv1.Job
	for job, err := range headway.Watch(ctx, c.user, id) {
		if err != nil {
			c.t.Errorf("watch %s: %v", id, err)
			return
		}
		if job.GetRevision() <= last.GetRevision() {
			c.t.Errorf("job %s: revision %d came after %d", id, job.GetRevision(), last.GetRevision())
		}
		last = job
		c.shown(job)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended[id] = last
}

// watchPlainly watches with the protos alone, from the beginning after every crash, so that no client library can hide
// a decrease.
func (c *crash) watchPlainly(ctx context.Context, id string) {
	var last *jobsv1.Job
	_, err := call(ctx, func(context.Context) error {
		stream, err := c.user.WatchJob(ctx, &jobsv1.WatchJobRequest{JobId: id})
		for err == nil {
			var resp *jobsv1.WatchJobResponse
			if resp, err = stream.Recv(); err != nil {
				break
			}
			if resp.GetJob().GetRevision() < last.GetRevision() {
				c.t.Errorf("job %s: a new stream began with revision %d, %d was seen before", id, resp.GetJob().GetRevision(), last.GetRevision())
			}
			last = resp.GetJob()
			c.shown(last)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		return err
	})
	if err != nil {
		c.t.Errorf("watch %s: %v", id, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended[id] = last
}

// poll reads jobs one by one. Their revisions must not decrease.
func (c *crash) poll(creating, ctx context.Context) {
	for creating.Err() == nil {
		time.Sleep(2 * time.Millisecond)
		c.mu.Lock()
		id, known := "", uint32(0)
		for one, revision := range c.revision { // a random job
			id, known = one, revision
			break
		}
		c.mu.Unlock()
		if id == "" {
			continue
		}
		if _, err := call(ctx, func(ctx context.Context) error {
			resp, err := c.user.GetJob(ctx, &jobsv1.GetJobRequest{JobId: id})
			if err == nil && resp.GetJob().GetRevision() < known {
				c.t.Errorf("job %s fell from revision %d to %d", id, known, resp.GetJob().GetRevision())
			}
			return err
		}); err != nil {
			c.t.Errorf("get %s: %v", id, err)
		}
	}
}

// waitForAll waits until every acknowledged job has ended.
func (c *crash) waitForAll(ctx context.Context) {
	for _, id := range c.acked {
		for _, err := range headway.Watch(ctx, c.user, id) {
			if err != nil {
				c.t.Errorf("job %s is lost: %v", id, err)
			}
		}
	}
}

func (c *crash) check() {
	seen := map[string]bool{}
	for request, id := range c.acked {
		if seen[id] {
			c.t.Errorf("job %s answers to two requests", id)
		}
		seen[id] = true
		resp, err := c.user.GetJob(c.t.Context(), &jobsv1.GetJobRequest{JobId: id})
		if err != nil {
			c.t.Errorf("the job of request %s is lost: %v", request, err)
			continue
		}
		job := resp.GetJob()
		if job.GetStatus() != jobsv1.JobStatus_JOB_STATUS_COMPLETED {
			c.t.Errorf("job %s ended as %v", id, job.GetStatus())
		}
		if job.GetRevision() < c.revision[id] {
			c.t.Errorf("job %s fell from revision %d to %d", id, c.revision[id], job.GetRevision())
		}
		if job.GetOutputBytes() < c.output[id] {
			c.t.Errorf("job %s has %d bytes of output, %d were acknowledged", id, job.GetOutputBytes(), c.output[id])
		}
		if n := c.readOutput(c.t.Context(), id); n != job.GetOutputBytes() {
			c.t.Errorf("job %s says %d bytes of output and gives %d", id, job.GetOutputBytes(), n)
		}
		if done := c.completed[id]; len(done) > 1 || len(done) == 1 && job.GetResult().AsMap()["by"] != done[0] {
			c.t.Errorf("job %s was completed by %v and has the result %v", id, done, job.GetResult())
		}
		if last, watched := c.ended[id]; watched && (last.GetStatus() != job.GetStatus() || last.GetRevision() != job.GetRevision()) {
			c.t.Errorf("the watcher of job %s ended at revision %d, %v; the job at %d, %v", id, last.GetRevision(), last.GetStatus(),
				job.GetRevision(), job.GetStatus())
		}
	}
}
