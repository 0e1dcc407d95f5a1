package jobs_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"headway/clients/go"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/services/jobs"
)

// What clients see of one job must be what they would see if its calls had happened one after the other, each at some moment
// between its begin and its end. The checker looks for such an order.

// jobCall is a call about a job.
type jobCall struct {
	id, name, token string
	repeat          string // distinguishes calls that end a lease from equal ones
}

// jobAnswer is the response to the caller.
type jobAnswer struct {
	reason   string // of the error; "" for success
	status   jobsv1.JobStatus
	revision uint32
	attempt  uint32
	token    string // of a lease
	lost     bool   // the caller cancelled it: the call has happened, or will happen, or not
}

// jobState is the job in between two calls.
type jobState struct {
	status           jobsv1.JobStatus
	revision         uint32 // at least
	attempt          uint32
	token            string
	cancel           bool
	deleted          bool
	answered         bool // an earlier question
	endToken, endTag string
}

var (
	active  = jobsv1.JobStatus_JOB_STATUS_ACTIVE
	failed  = jobsv1.JobStatus_JOB_STATUS_FAILED
	waiting = jobsv1.JobStatus_JOB_STATUS_WAITING
)

func ended(s jobsv1.JobStatus) bool { return headway.Terminal(s) }

// next returns the state after the call, and the reason of the error that its caller gets.
func (s jobState) next(c jobCall) (after jobState, reason string) {
	after = s
	if s.deleted {
		if c.token != "" {
			return s, "LEASE_LOST"
		}
		return s, "JOB_NOT_FOUND"
	}
	end := func(status jobsv1.JobStatus) {
		if s.cancel && c.name != "complete" {
			status = cancelled
		}
		after.status, after.token, after.cancel = status, "", false
		after.endToken, after.endTag = c.token, c.name+c.repeat
		if c.name == "release" && status == queued {
			after.attempt--
		}
	}
	if c.token != "" {
		valid := s.status == active && s.token == c.token
		switch {
		case c.name == "heartbeat" && valid:
		case c.name != "heartbeat" && s.endToken == c.token && s.endTag == c.name+c.repeat:
		case !valid:
			return s, "LEASE_LOST"
		case c.name == "complete":
			end(completed)
		case c.name == "fail":
			end(failed)
		case c.name == "release":
			end(queued)
		case c.name == "park":
			end(waiting)
		}
		return after, ""
	}
	switch c.name {
	case "create":
		after.status = queued
	case "cancel":
		switch {
		case s.status == cancelled:
		case ended(s.status):
			return s, "JOB_FINISHED"
		case s.status == active:
			after.cancel = true
		default:
			after.status = cancelled
		}
	case "retry":
		if s.status != failed && s.status != cancelled {
			return s, "JOB_NOT_RETRYABLE"
		}
		after.status = queued
	case "resume":
		if s.status != waiting {
			return s, "JOB_NOT_WAITING"
		}
		if s.answered { // the call doesn't name its question
			return s, "REQUEST_INVALID"
		}
		after.status, after.attempt, after.answered = queued, s.attempt-1, true
	case "delete":
		if !ended(s.status) {
			return s, "JOB_NOT_FINISHED"
		}
		after.deleted = true
	}
	return after, ""
}

// step reports whether a call could give this answer in this state, and returns the state after it.
func step(state, input, output any) (bool, any) {
	s, c, a := state.(jobState), input.(jobCall), output.(jobAnswer)
	if c.name == "lease" {
		ok := s.status == queued && !s.deleted && a.attempt == s.attempt+1 && a.revision > s.revision
		s.status, s.attempt, s.token, s.revision = active, a.attempt, a.token, a.revision
		return ok, s
	}
	after, reason := s.next(c)
	if a.lost {
		return true, after
	}
	if reason != a.reason {
		return false, s
	}
	if a.reason != "" || a.revision == 0 { // the answer has no job
		return true, after
	}
	if a.revision < s.revision || after != s && c.name != "get" && a.revision <= s.revision && c.name != "create" {
		return false, s
	}
	after.revision = a.revision
	return a.status == after.status && a.attempt == after.attempt, after
}

// history is the calls of all clients.
type history struct {
	begun time.Time
	mu    sync.Mutex
	calls []porcupine.Operation
}

func (h *history) add(client int, c jobCall, begun time.Duration, a jobAnswer) {
	end := time.Since(h.begun)
	if a.lost {
		end = time.Hour
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls = append(h.calls, porcupine.Operation{ClientId: client, Input: c, Call: int64(begun), Output: a, Return: int64(end)})
}

// client makes random calls.
type client struct {
	*history
	n      int
	random *rand.Rand
	user   jobsv1.JobServiceClient
	worker jobsv1.WorkerServiceClient
	ids    []string
	tokens *sync.Map // by job: the latest token that a client got
}

// answer is a response with a job.
type answer interface{ GetJob() *jobsv1.Job }

// call makes a call. Now and then, it cancels the call before the answer.
func (c *client) call(ctx context.Context, in jobCall, fn func(ctx context.Context) (answer, error)) {
	if c.random.IntN(10) == 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(c.random.IntN(3000))*time.Microsecond)
		defer cancel()
	}
	begun := time.Since(c.begun)
	resp, err := fn(ctx)
	out := jobAnswer{reason: headway.Reason(err)}
	if err != nil && out.reason == "" {
		out.lost = true
	}
	if err == nil && resp != nil {
		j := resp.GetJob()
		out.status, out.revision, out.attempt = j.GetStatus(), j.GetRevision(), j.GetAttempt()
	}
	c.add(c.n, in, begun, out)
}

func (c *client) lease(ctx context.Context) {
	begun := time.Since(c.begun)
	resp, err := c.worker.LeaseJobs(ctx, &jobsv1.LeaseJobsRequest{Kinds: []string{"crawl"}, MaxJobs: 2, WaitSeconds: -1, LeaseSeconds: 300, Confirms: true})
	if err != nil {
		return
	}
	for _, l := range resp.GetJobs() {
		j := l.GetJob()
		c.tokens.Store(j.GetJobId(), l.GetLeaseToken())
		c.add(c.n, jobCall{id: j.GetJobId(), name: "lease"}, begun, jobAnswer{attempt: j.GetAttempt(), revision: j.GetRevision(), token: l.GetLeaseToken()})
	}
}

// act makes one random call about a random job.
func (c *client) act(ctx context.Context) {
	id := c.ids[c.random.IntN(len(c.ids))]
	in := jobCall{id: id, name: []string{"lease", "lease", "get", "heartbeat", "complete", "complete", "fail", "release", "park", "cancel", "retry", "retry", "resume", "delete"}[c.random.IntN(14)]}
	switch in.name {
	case "lease":
		c.lease(ctx)
		return
	case "get", "cancel", "retry", "resume", "delete":
		if in.name == "delete" && c.random.IntN(8) > 0 {
			return
		}
		c.call(ctx, in, func(ctx context.Context) (answer, error) { return c.asUser(ctx, in) })
		return
	}
	token, leased := c.tokens.Load(id)
	if !leased {
		return
	}
	in.token = token.(string)
	if in.name == "complete" {
		in.repeat = fmt.Sprint(c.random.IntN(2)) // the result
	}
	for range 1 + c.random.IntN(2) { // repeated, as after a lost answer
		c.call(ctx, in, func(ctx context.Context) (answer, error) { return c.asWorker(ctx, in) })
	}
}

func (c *client) asUser(ctx context.Context, in jobCall) (answer, error) {
	switch in.name {
	case "get":
		return c.user.GetJob(ctx, &jobsv1.GetJobRequest{JobId: in.id})
	case "cancel":
		return c.user.CancelJob(ctx, &jobsv1.CancelJobRequest{JobId: in.id})
	case "retry":
		return c.user.RetryJob(ctx, &jobsv1.RetryJobRequest{JobId: in.id})
	case "resume":
		return c.user.ResumeJob(ctx, &jobsv1.ResumeJobRequest{JobId: in.id})
	}
	_, err := c.user.DeleteJob(ctx, &jobsv1.DeleteJobRequest{JobId: in.id})
	return nil, err
}

func (c *client) asWorker(ctx context.Context, in jobCall) (answer, error) {
	switch in.name {
	case "heartbeat":
		_, err := c.worker.Heartbeat(ctx, &jobsv1.HeartbeatRequest{JobId: in.id, LeaseToken: in.token,
			Progress: &jobsv1.ProgressReport{Message: fmt.Sprint(c.random.Int())}})
		return nil, err
	case "complete":
		return c.worker.CompleteJob(ctx, &jobsv1.CompleteJobRequest{JobId: in.id, LeaseToken: in.token, ResultJson: `{"n":` + in.repeat + `}`})
	case "fail":
		return c.worker.FailJob(ctx, &jobsv1.FailJobRequest{JobId: in.id, LeaseToken: in.token, Permanent: true})
	case "release":
		return c.worker.ReleaseJob(ctx, &jobsv1.ReleaseJobRequest{JobId: in.id, LeaseToken: in.token})
	}
	return c.worker.ParkJob(ctx, &jobsv1.ParkJobRequest{JobId: in.id, LeaseToken: in.token})
}

func TestCallsAreLinearizablePerJob(t *testing.T) {
	settings := func(c *jobs.Config) {
		c.CancelGrace, c.ProgressInterval, c.MaxActive = time.Hour, 5*time.Millisecond, -1
	}
	onBothStores(t, func(t *testing.T, w *world) {
		const clients, calls, jobsInAll = 8, 150, 12
		h := &history{begun: time.Now()}
		user, tokens := w.user("alice"), &sync.Map{}
		var ids []string
		for range jobsInAll {
			begun := time.Since(h.begun)
			j := w.create(user, &jobsv1.CreateJobRequest{Retry: &jobsv1.RetryPolicy{MaxAttempts: 100}})
			ids = append(ids, j.GetJobId())
			h.add(0, jobCall{id: j.GetJobId(), name: "create"}, begun, jobAnswer{status: queued, revision: j.GetRevision()})
		}
		var wg sync.WaitGroup
		for n := range clients {
			c := &client{history: h, n: n, random: rand.New(rand.NewPCG(uint64(n), 1)), user: w.user("alice"), worker: w.worker(), ids: ids, tokens: tokens}
			wg.Go(func() {
				for range calls {
					c.act(t.Context())
				}
			})
		}
		wg.Wait()
		byJob := map[string][]porcupine.Operation{}
		for _, call := range h.calls {
			id := call.Input.(jobCall).id
			byJob[id] = append(byJob[id], call)
		}
		model := porcupine.Model{Init: func() any { return jobState{} }, Step: step}
		for id, calls := range byJob {
			if got := porcupine.CheckOperationsTimeout(model, calls, time.Minute); got != porcupine.Ok {
				t.Errorf("the calls about job %s are not linearizable: %v", id, got)
				for _, call := range calls {
					t.Logf("%9.3f to %9.3f ms: %+v gives %+v", float64(call.Call)/1e6, float64(call.Return)/1e6, call.Input, call.Output)
				}
			}
		}
		t.Logf("%d calls", len(h.calls))
	}, settings)
}

// A checker that accepts everything proves nothing: histories that break a promise must be refused.
func TestBrokenHistoriesAreNotLinearizable(t *testing.T) {
	op := func(begin, end int64, c jobCall, a jobAnswer) porcupine.Operation {
		return porcupine.Operation{Input: c, Call: begin, Output: a, Return: end}
	}
	create := op(0, 1, jobCall{name: "create"}, jobAnswer{status: queued, revision: 1})
	lease := op(2, 3, jobCall{name: "lease"}, jobAnswer{attempt: 1, revision: 2, token: "2.a"})
	park := op(4, 5, jobCall{name: "park", token: "2.a"}, jobAnswer{status: waiting, revision: 3, attempt: 1})
	resume := op(6, 7, jobCall{name: "resume"}, jobAnswer{status: queued, revision: 4})
	again := op(8, 9, jobCall{name: "lease"}, jobAnswer{attempt: 1, revision: 5, token: "5.b"})
	complete := op(4, 5, jobCall{name: "complete", token: "2.a"}, jobAnswer{status: completed, revision: 3, attempt: 1})
	for name, calls := range map[string][]porcupine.Operation{
		"two leases at the same time":  {create, lease, op(4, 5, jobCall{name: "lease"}, jobAnswer{attempt: 2, revision: 3, token: "3.b"})},
		"an old state after a new one": {create, lease, complete, op(6, 7, jobCall{name: "get"}, jobAnswer{status: active, revision: 2, attempt: 1})},
		"completed twice with different results": {create, lease, complete,
			op(6, 7, jobCall{name: "complete", token: "2.a", repeat: "other"}, jobAnswer{status: completed, revision: 4, attempt: 1})},
		"a valid lease that is refused": {create, lease, op(4, 5, jobCall{name: "heartbeat", token: "2.a"}, jobAnswer{reason: "LEASE_LOST"})},
		"a second question is answered without its revision": {create, lease, park, resume, again,
			op(10, 11, jobCall{name: "park", token: "5.b"}, jobAnswer{status: waiting, revision: 6, attempt: 1}), op(12, 13, jobCall{name: "resume"}, jobAnswer{status: queued, revision: 7})},
		"a first question is refused":      {create, lease, park, op(6, 7, jobCall{name: "resume"}, jobAnswer{reason: "REQUEST_INVALID"})},
		"an acknowledged end that is lost": {create, lease, complete, op(6, 7, jobCall{name: "lease"}, jobAnswer{attempt: 2, revision: 4, token: "4.b"})},
	} {
		if porcupine.CheckOperations(porcupine.Model{Init: func() any { return jobState{} }, Step: step}, calls) {
			t.Errorf("%s counts as linearizable", name)
		}
	}
}
