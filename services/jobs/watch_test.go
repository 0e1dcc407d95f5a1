package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"headway/clients/go"
	errorsv1 "headway/gen/go/headway/errors/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/auth"
	"headway/services/jobs"
)

// The four guarantees of a watch, over gRPC.

func TestFirstMessageIsTheCurrentState(t *testing.T) {
	w := setup(t)
	user, worker := w.user("alice"), w.worker()
	for range 30 {
		id := w.create(user, &jobsv1.CreateJobRequest{}).GetJobId()
		var watchers sync.WaitGroup
		for range 4 { // they subscribe while the job makes progress and ends
			watchers.Go(func() {
				seen := watchToEnd(t, user, id)
				if n := len(seen); n == 0 || seen[n-1].GetStatus() != jobsv1.JobStatus_JOB_STATUS_COMPLETED {
					t.Errorf("a watcher ended with %v", seen)
				}
				for i := 1; i < len(seen); i++ {
					if seen[i].GetRevision() <= seen[i-1].GetRevision() {
						t.Errorf("revision %d came after %d", seen[i].GetRevision(), seen[i-1].GetRevision())
					}
				}
			})
		}
		leased := w.lease(worker)
		if _, err := worker.CompleteJob(t.Context(), &jobsv1.CompleteJobRequest{JobId: id, LeaseToken: leased.GetLeaseToken()}); err != nil {
			t.Fatal(err)
		}
		watchers.Wait()
	}
}

func TestEndedJobSendsFinalStateImmediately(t *testing.T) {
	w := setup(t)
	user := w.user("alice")
	id := w.create(user, &jobsv1.CreateJobRequest{}).GetJobId()
	cancelled, err := user.CancelJob(t.Context(), &jobsv1.CancelJobRequest{JobId: id})
	if err != nil {
		t.Fatal(err)
	}
	for _, after := range []uint32{0, cancelled.GetJob().GetRevision(), 1000} {
		stream, err := user.WatchJob(t.Context(), &jobsv1.WatchJobRequest{JobId: id, AfterRevision: after})
		if err != nil {
			t.Fatal(err)
		}
		resp, err := stream.Recv()
		if err != nil || resp.GetJob().GetStatus() != jobsv1.JobStatus_JOB_STATUS_CANCELLED {
			t.Errorf("after revision %d: %v, %v", after, resp, err)
		}
		if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
			t.Errorf("the stream continued with %v", err)
		}
	}
}

func TestSlowReaderGetsEndAndDoesNotDelayOthers(t *testing.T) {
	w := setup(t, func(c *jobs.Config) { c.ProgressInterval = time.Millisecond })
	user, worker := w.user("alice"), w.worker()
	id := w.create(user, &jobsv1.CreateJobRequest{}).GetJobId()
	slow, err := user.WatchJob(patient(t), &jobsv1.WatchJobRequest{JobId: id})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := slow.Recv(); err != nil { // and nothing more for a while
		t.Fatal(err)
	}
	leased := w.lease(worker)
	filler := make([]byte, 450)
	for i := range filler {
		filler[i] = 'x'
	}
	for i := range 400 { // far more than the flow-control window of the stream
		_, err := worker.Heartbeat(t.Context(), &jobsv1.HeartbeatRequest{JobId: id, LeaseToken: leased.GetLeaseToken(),
			Progress: &jobsv1.ProgressReport{Message: fmt.Sprintf("%d %s", i, filler)}})
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := worker.CompleteJob(t.Context(), &jobsv1.CompleteJobRequest{JobId: id, LeaseToken: leased.GetLeaseToken()}); err != nil {
		t.Fatal(err)
	}
	var last *jobsv1.Job
	for {
		resp, err := slow.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		last = resp.GetJob()
	}
	if last.GetStatus() != jobsv1.JobStatus_JOB_STATUS_COMPLETED {
		t.Errorf("the slow reader ended with %v", last)
	}
}

func TestThousandWatchersSeeJobEnd(t *testing.T) {
	w := setup(t)
	ctx := patient(t)
	user, worker := w.user("alice"), w.worker()
	id := w.create(user, &jobsv1.CreateJobRequest{}).GetJobId()
	var watching, ended sync.WaitGroup
	for range 1000 {
		watching.Add(1)
		ended.Go(func() {
			stream, err := user.WatchJob(ctx, &jobsv1.WatchJobRequest{JobId: id})
			if err == nil {
				_, err = stream.Recv()
			}
			watching.Done()
			for last := jobsv1.JobStatus_JOB_STATUS_UNSPECIFIED; ; {
				if errors.Is(err, io.EOF) && last == jobsv1.JobStatus_JOB_STATUS_COMPLETED {
					return
				}
				if err != nil {
					t.Errorf("a watcher ended with %v in status %v", err, last)
					return
				}
				var resp *jobsv1.WatchJobResponse
				if resp, err = stream.Recv(); err == nil {
					last = resp.GetJob().GetStatus()
				}
			}
		})
	}
	watching.Wait()
	leased := w.lease(worker)
	if _, err := worker.CompleteJob(t.Context(), &jobsv1.CompleteJobRequest{JobId: id, LeaseToken: leased.GetLeaseToken()}); err != nil {
		t.Fatal(err)
	}
	ended.Wait()
}

func TestWatcherReceivesDeletion(t *testing.T) {
	w := setup(t)
	user, service := w.user("alice"), w.user("edge", auth.ScopeService)
	id := w.create(user, &jobsv1.CreateJobRequest{}).GetJobId()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	all, err := service.WatchJobs(ctx, &jobsv1.WatchJobsRequest{AllOwners: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := all.Recv(); err != nil {
		t.Fatal(err)
	}
	_, err = user.DeleteJob(t.Context(), &jobsv1.DeleteJobRequest{JobId: id})
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_JOB_NOT_FINISHED)
	if _, err := user.CancelJob(t.Context(), &jobsv1.CancelJobRequest{JobId: id}); err != nil {
		t.Fatal(err)
	}
	if _, err := user.DeleteJob(t.Context(), &jobsv1.DeleteJobRequest{JobId: id}); err != nil {
		t.Fatal(err)
	}
	for {
		resp, err := all.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if deleted := resp.GetDeletedJobIds(); len(deleted) == 1 && deleted[0] == id {
			break
		}
	}
	stream, err := user.WatchJob(t.Context(), &jobsv1.WatchJobRequest{JobId: id})
	if err == nil {
		_, err = stream.Recv()
	}
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_JOB_NOT_FOUND)
}

func TestReturningWatcherGetsJobsEndedMeanwhile(t *testing.T) {
	w := setup(t)
	user := w.user("alice")
	left := time.Now()
	ended, live := w.create(user, &jobsv1.CreateJobRequest{}).GetJobId(), w.create(user, &jobsv1.CreateJobRequest{}).GetJobId()
	if _, err := user.CancelJob(t.Context(), &jobsv1.CancelJobRequest{JobId: ended}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		request *jobsv1.WatchJobsRequest
		want    map[string]bool
	}{
		{&jobsv1.WatchJobsRequest{}, map[string]bool{live: true}},
		{&jobsv1.WatchJobsRequest{EndedAfter: timestamp(left.Add(-time.Minute))}, map[string]bool{live: true, ended: true}},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		stream, err := user.WatchJobs(ctx, c.request)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := stream.Recv()
		cancel()
		if err != nil || !resp.GetSynced() || len(resp.GetJobs()) != len(c.want) {
			t.Fatalf("%v: %v, %v", c.request, resp, err)
		}
		for _, j := range resp.GetJobs() {
			if !c.want[j.GetJobId()] {
				t.Errorf("%v gives %v", c.request, j)
			}
		}
	}
}

func TestRestartsRepeatNoRevision(t *testing.T) {
	w := setup(t)
	user := w.user("alice")
	goOn := make(chan struct{})
	w.work(func(_ context.Context, task *headway.Task) (any, error) {
		for i := range 3 {
			task.Message("part %d", i)
			<-goOn
		}
		return nil, nil
	})
	id := w.create(user, &jobsv1.CreateJobRequest{}).GetJobId()
	var seen []uint32
	ended := make(chan error, 1)
	active := make(chan struct{}, 100)
	go func() {
		var status jobsv1.JobStatus
		for job, err := range headway.Watch(t.Context(), user, id) {
			if err != nil {
				ended <- err
				return
			}
			seen, status = append(seen, job.GetRevision()), job.GetStatus()
			if status == jobsv1.JobStatus_JOB_STATUS_ACTIVE {
				active <- struct{}{}
			}
		}
		if status != jobsv1.JobStatus_JOB_STATUS_COMPLETED {
			ended <- fmt.Errorf("the watch ended in status %v", status)
			return
		}
		ended <- nil
	}()
	<-active
	for range 3 {
		w.restart()
		goOn <- struct{}{}
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	for i := 1; i < len(seen); i++ {
		if seen[i] <= seen[i-1] {
			t.Errorf("revisions %v do not only grow", seen)
		}
	}
}

func TestWatcherGetsEndThatItMissed(t *testing.T) {
	w := setup(t)
	user, worker := w.user("alice"), w.worker()
	id := w.create(user, &jobsv1.CreateJobRequest{}).GetJobId()
	leased := w.lease(worker)
	away := make(chan struct{}) // the watcher can't reconnect until it is closed
	dialed := false
	conn, err := grpc.NewClient("passthrough:///"+w.addr, append(headway.DialOptions(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithPerRPCCredentials(w.key.ServiceCredentials("alice")),
		grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) {
			if dialed {
				select {
				case <-away:
				case <-ctx.Done():
					return nil, ctx.Err()
				}
			}
			dialed = true
			return new(net.Dialer).DialContext(ctx, "tcp", addr)
		}))...)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var seen []*jobsv1.Job
	for job, err := range headway.Watch(patient(t), jobsv1.NewJobServiceClient(conn), id) {
		if err != nil {
			t.Fatalf("after %d snapshots: %v", len(seen), err)
		}
		if seen = append(seen, job); len(seen) == 1 {
			w.restart()
			if _, err := worker.CompleteJob(t.Context(), &jobsv1.CompleteJobRequest{JobId: id, LeaseToken: leased.GetLeaseToken()}, grpc.WaitForReady(true)); err != nil {
				t.Fatal(err)
			}
			close(away)
		}
	}
	if len(seen) != 2 || seen[1].GetStatus() != jobsv1.JobStatus_JOB_STATUS_COMPLETED {
		t.Errorf("the watcher saw %v, want the active and the completed job", seen)
	}
}

// patient returns a context for waiting for something that must happen. Its timeout fails the test.
func patient(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestManyLargeJobsFitIntoMessages(t *testing.T) {
	w := setup(t)
	user := w.user("alice")
	numbers := make([]any, 4000) // 8 KiB as JSON are 50 KiB as protobuf
	for i := range numbers {
		numbers[i] = 1
	}
	const jobsInAll = 120
	for range jobsInAll {
		w.create(user, &jobsv1.CreateJobRequest{Payload: document(t, map[string]any{"n": numbers})})
	}
	stream, err := user.WatchJobs(t.Context(), &jobsv1.WatchJobsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for synced := false; !synced; {
		resp, err := stream.Recv()
		if err != nil {
			t.Fatalf("after %d jobs: %v", len(seen), err)
		}
		for _, j := range resp.GetJobs() {
			seen[j.GetJobId()] = true
		}
		synced = resp.GetSynced()
	}
	if len(seen) != jobsInAll {
		t.Errorf("%d jobs came before synced, want %d", len(seen), jobsInAll)
	}
	listed := map[string]bool{}
	for token, more := "", true; more; more = token != "" {
		page, err := user.ListJobs(t.Context(), &jobsv1.ListJobsRequest{PageSize: 500, PageToken: token})
		if err != nil {
			t.Fatalf("after %d jobs: %v", len(listed), err)
		}
		for _, j := range page.GetJobs() {
			listed[j.GetJobId()] = true
		}
		token = page.GetNextPageToken()
	}
	if len(listed) != jobsInAll {
		t.Errorf("%d jobs were listed, want %d", len(listed), jobsInAll)
	}
}
