package jobs_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"headway/clients/go"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/auth"
)

// leaseMany creates jobs with one step, and leases them.
func (w *world) leaseMany(n int) []*jobsv1.LeasedJob {
	w.t.Helper()
	user, worker := w.user("alice"), w.worker()
	for i := range n {
		w.create(user, &jobsv1.CreateJobRequest{Title: fmt.Sprint("job ", i), Steps: []*jobsv1.StepPlan{{Name: "rows", Total: 10}}})
	}
	resp, err := worker.LeaseJobs(w.t.Context(), &jobsv1.LeaseJobsRequest{Kinds: []string{"crawl"}, MaxJobs: uint32(n)})
	if err != nil || len(resp.GetJobs()) != n {
		w.t.Fatalf("leased %d jobs, %v", len(resp.GetJobs()), err)
	}
	return resp.GetJobs()
}

func beatOf(l *jobsv1.LeasedJob, done float64) *jobsv1.HeartbeatRequest {
	return &jobsv1.HeartbeatRequest{JobId: l.GetJob().GetJobId(), LeaseToken: l.GetLeaseToken(), Progress: &jobsv1.ProgressReport{
		Steps: []*jobsv1.StepReport{{Name: "rows", State: jobsv1.StepState_STEP_STATE_ACTIVE, Done: proto.Float64(done)}}}}
}

func TestHeartbeatsHaveResultPerJob(t *testing.T) {
	onBothStores(t, func(t *testing.T, w *world) {
		worker, user := w.worker(), w.user("alice")
		leased := w.leaseMany(8)
		var all []*jobsv1.HeartbeatRequest
		for i, l := range leased {
			all = append(all, beatOf(l, float64(i)))
		}
		all[1].LeaseToken = "stale"
		all[2].LeaseToken = ""
		all[3].LeaseToken = leased[4].GetLeaseToken() // of another job
		all[5].Progress.Steps[0].Name = "nothing"
		all[6].Checkpoint = make([]byte, 65<<10)
		all = append(all, &jobsv1.HeartbeatRequest{}, &jobsv1.HeartbeatRequest{JobId: "no such job", LeaseToken: "1.x"}, beatOf(leased[7], 8))
		resp, err := worker.Heartbeats(t.Context(), &jobsv1.HeartbeatsRequest{Heartbeats: all})
		if err != nil || len(resp.GetResults()) != len(all) {
			t.Fatal(resp, err)
		}
		for i, r := range resp.GetResults() {
			want := ""
			if slices.Contains([]int{1, 2, 3, 8, 9}, i) {
				want = "LEASE_LOST"
			}
			if r.GetJobId() != all[i].GetJobId() || r.GetError().GetReason() != want || (want == "") != (r.GetLease() != nil) {
				t.Errorf("heartbeat %d gives %v, want %q", i, r, want)
			}
			refused := map[int]string{5: "STEP_UNKNOWN", 6: "REQUEST_INVALID"}[i]
			if got := r.GetLease().GetRefused(); (refused != "") != (len(got) == 1) || len(got) == 1 && got[0].GetReason() != refused {
				t.Errorf("of heartbeat %d, %v is refused, want %q", i, got, refused)
			}
			if want == "" && !r.GetLease().GetLeaseExpiresAt().AsTime().After(time.Now()) {
				t.Errorf("heartbeat %d renews until %v", i, r.GetLease().GetLeaseExpiresAt().AsTime())
			}
		}
		for i, want := range []float64{0, 0, 0, 0, 4, 0, 6, 8} { // the answer comes after the commit
			got, err := user.GetJob(t.Context(), &jobsv1.GetJobRequest{JobId: leased[i].GetJob().GetJobId()})
			if err != nil || got.GetJob().GetProgress().GetSteps()[0].GetDone() != want {
				t.Errorf("job %d has %v, %v, want %v", i, got.GetJob().GetProgress(), err, want)
			}
		}
	})
}

func TestHeartbeatsContinueAfterRestart(t *testing.T) {
	w := setup(t)
	leased := w.leaseMany(20)
	w.restart() // the service has forgotten what it had in memory
	var all []*jobsv1.HeartbeatRequest
	for i, l := range leased {
		all = append(all, beatOf(l, float64(i%10)))
	}
	all[7].LeaseToken = "stale"
	worker := w.worker()
	for range 2 { // the repeated call gets the same results
		resp, err := worker.Heartbeats(t.Context(), &jobsv1.HeartbeatsRequest{Heartbeats: all}, grpc.WaitForReady(true))
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range resp.GetResults() {
			if (r.GetError() != nil) != (i == 7) {
				t.Errorf("heartbeat %d gives %v", i, r)
			}
		}
	}
}

func TestBatchWithoutItemsIsRefused(t *testing.T) {
	worker := setup(t).worker()
	many := &jobsv1.HeartbeatsRequest{Heartbeats: make([]*jobsv1.HeartbeatRequest, 257)}
	for i := range many.Heartbeats {
		many.Heartbeats[i] = &jobsv1.HeartbeatRequest{}
	}
	for _, r := range []*jobsv1.HeartbeatsRequest{{}, many} {
		if _, err := worker.Heartbeats(t.Context(), r); status.Code(err) != codes.InvalidArgument {
			t.Errorf("%d heartbeats give %v", len(r.GetHeartbeats()), err)
		}
	}
}

func TestInvalidCompletionDoesNotAffectOthers(t *testing.T) {
	w := setup(t)
	leased := w.leaseMany(3)
	r := &jobsv1.CompleteJobsRequest{}
	for _, l := range leased {
		r.Jobs = append(r.Jobs, &jobsv1.CompleteJobRequest{JobId: l.GetJob().GetJobId(), LeaseToken: l.GetLeaseToken()})
	}
	r.Jobs[0].LeaseToken = ""
	r.Jobs[1].ResultJson = "no JSON"
	r.Jobs = append(r.Jobs, &jobsv1.CompleteJobRequest{})
	resp, err := w.worker().CompleteJobs(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"LEASE_LOST", "REQUEST_INVALID", "", "LEASE_LOST"} {
		if got := resp.GetResults()[i].GetError().GetReason(); got != want {
			t.Errorf("completion %d gives %q, want %q", i, got, want)
		}
	}
}

// countBeats counts the calls of each method, and the heartbeats in calls of Heartbeats. instead, if not nil, replaces the
// calls of Heartbeats: its error is their outcome, with an empty response.
func countBeats(calls map[string]*atomic.Int64, instead func() error) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		n := int64(1)
		if batch, ok := req.(*jobsv1.HeartbeatsRequest); ok {
			n = int64(len(batch.GetHeartbeats()))
		}
		if c := calls[method]; c != nil {
			c.Add(n)
		}
		if method == manyMethod && instead != nil {
			return instead()
		}
		return invoke(ctx, method, req, reply, conn, opts...)
	}
}

const (
	oneMethod  = "/headway.jobs.v1.WorkerService/Heartbeat"
	manyMethod = "/headway.jobs.v1.WorkerService/Heartbeats"
)

// beatTogether runs 20 jobs at a time whose handlers all report at the same moment. bad is the message of one of them.
func beatTogether(t *testing.T, instead func() error, bad string) (calls map[string]*atomic.Int64) {
	w := setup(t)
	const n = 20
	calls = map[string]*atomic.Int64{oneMethod: {}, manyMethod: {}}
	conn, err := grpc.NewClient(w.addr, append(headway.DialOptions(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithPerRPCCredentials(w.key.ServiceCredentials("worker", auth.ScopeWorker)), grpc.WithUnaryInterceptor(countBeats(calls, instead)))...)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	user := w.user("alice")
	var jobs []*jobsv1.Job
	for range n {
		jobs = append(jobs, w.create(user, &jobsv1.CreateJobRequest{}))
	}
	var begun, told sync.WaitGroup
	begun.Add(n)
	told.Add(n)
	end := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- headway.NewWorker(conn, headway.WorkerConfig{Concurrency: n, Handlers: map[string]headway.Handler{
			"crawl": func(_ context.Context, task *headway.Task) (any, error) {
				begun.Done()
				begun.Wait()
				message := "together"
				if task.Job().GetJobId() == jobs[3].GetJobId() && bad != "" {
					message = bad
				}
				task.Message("%s", message)
				told.Done()
				<-end
				return nil, nil
			}}}).Run(ctx)
	}()
	told.Wait()
	for i, j := range jobs {
		for job, err := range headway.Watch(t.Context(), user, j.GetJobId()) { // until the message arrives
			if err != nil {
				t.Fatal(err)
			}
			if job.GetAttempt() != 1 {
				t.Fatalf("job %d is in attempt %d", i, job.GetAttempt())
			}
			if job.GetProgress().GetMessage() != "" {
				break
			}
		}
	}
	close(end)
	for _, j := range jobs {
		if got := last(t, user, j.GetJobId()); got.GetStatus() != jobsv1.JobStatus_JOB_STATUS_COMPLETED {
			t.Errorf("a job ended as %v", got)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	return calls
}

func TestWorkerSendsHeartbeatsTogether(t *testing.T) {
	calls := beatTogether(t, nil, "")
	if n := calls[manyMethod].Load(); n < 2 {
		t.Errorf("%d heartbeats were sent together, and %d alone", n, calls[oneMethod].Load())
	}
}

// TestUnansweredBatchIsSentAlone checks that one by one, heartbeats arrive that a call for all of them has not answered.
func TestUnansweredBatchIsSentAlone(t *testing.T) {
	for name, err := range map[string]error{
		"the service is older":           status.Error(codes.Unimplemented, "unknown method"),
		"a heartbeat cannot be sent":     status.Error(codes.Internal, "string field contains invalid UTF-8"),
		"the response lacks its results": nil,
	} {
		t.Run(name, func(t *testing.T) {
			calls := beatTogether(t, func() error { return err }, "")
			if n := calls[oneMethod].Load(); n < 20 {
				t.Errorf("%d heartbeats were sent alone", n)
			}
		})
	}
}

func TestUnsendableHeartbeatDoesNotStopOthers(t *testing.T) {
	beatTogether(t, nil, "not UTF-8: \xff")
}
