package jobs_test

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"testing"
	"time"

	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/natstest"
	"headway/internal/proctest"
	"headway/services/jobs"
)

// pair are two replicas on one database.
type pair struct{ a, b *world }

// onReplicas runs a test on two replicas, without a bus, and with one.
func onReplicas(t *testing.T, test func(t *testing.T, p pair), change ...func(*jobs.Config)) {
	t.Helper()
	for name, bus := range map[string]bool{"without a bus": false, "with NATS": true} {
		t.Run(name, func(t *testing.T) {
			database, address := jobs.NewDatabase(t), ""
			if bus {
				address = "nats://" + natstest.Start(t)
			}
			change := append(slices.Clone(change), func(c *jobs.Config) { c.JobsDatabase, c.Bus = database, address })
			a := setup(t, change...)
			b := &world{t: t, key: a.key, addr: proctest.FreeAddress(t), cfg: jobs.Config{
				DataDir: t.TempDir(), Verifier: a.key, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
			}}
			for _, c := range change {
				c(&b.cfg)
			}
			b.cfg.OutputBlobs = "file://" + a.cfg.DataDir + "/shared"
			b.start()
			t.Cleanup(func() { b.stop() })
			test(t, pair{a, b})
		})
	}
}

func done(n float64) *float64 { return &n }

func TestHeartbeatsCanAlternateBetweenReplicas(t *testing.T) {
	onReplicas(t, func(t *testing.T, p pair) {
		user, workers := p.b.user("alice"), []jobsv1.WorkerServiceClient{p.a.worker(), p.b.worker()}
		job := p.a.create(p.a.user("alice"), &jobsv1.CreateJobRequest{})
		l := p.a.lease(workers[0])
		beat := func(i int, r *jobsv1.HeartbeatRequest) {
			t.Helper()
			r.JobId, r.LeaseToken = job.GetJobId(), l.GetLeaseToken()
			resp, err := workers[i].Heartbeat(t.Context(), r)
			if err != nil {
				t.Fatalf("heartbeat at replica %d: %v", i, err)
			}
			if len(resp.GetRefused()) > 0 {
				t.Errorf("replica %d refuses %v", i, resp.GetRefused())
			}
		}
		step := func(name string, n float64) *jobsv1.ProgressReport {
			return &jobsv1.ProgressReport{Steps: []*jobsv1.StepReport{{Name: name, Done: done(n)}}}
		}
		beat(0, &jobsv1.HeartbeatRequest{Plan: []*jobsv1.StepPlan{{Name: "one", Total: 10}, {Name: "two", Total: 10}}, Progress: step("one", 3)})
		beat(1, &jobsv1.HeartbeatRequest{Progress: step("one", 9), Checkpoint: []byte("b")})
		beat(0, &jobsv1.HeartbeatRequest{Progress: step("two", 5)}) // this replica has not seen the progress of step one
		beat(1, &jobsv1.HeartbeatRequest{Plan: []*jobsv1.StepPlan{{Name: "one", Total: 10}, {Name: "two", Total: 10}, {Name: "three", Total: 10}}})
		beat(0, &jobsv1.HeartbeatRequest{Progress: step("three", 1)}) // nor the plan with step three
		resp, err := user.GetJob(t.Context(), &jobsv1.GetJobRequest{JobId: job.GetJobId()})
		if err != nil {
			t.Fatal(err)
		}
		var got []float64
		for _, s := range resp.GetJob().GetProgress().GetSteps() {
			got = append(got, s.GetDone())
		}
		if !slices.Equal(got, []float64{9, 5, 1}) {
			t.Errorf("the steps are at %v, want what was reported to either replica", got)
		}
		if _, err := workers[1].ReleaseJob(t.Context(), &jobsv1.ReleaseJobRequest{JobId: job.GetJobId(), LeaseToken: l.GetLeaseToken()}); err != nil {
			t.Fatal(err)
		}
		if again := p.b.lease(workers[1]); string(again.GetCheckpoint()) != "b" {
			t.Errorf("the checkpoint is %q", again.GetCheckpoint())
		} else {
			l = again
		}
		beat(0, &jobsv1.HeartbeatRequest{Progress: step("one", 10)}) // of a lease that the other replica has granted
	})
}

func TestCancellationReachesWorkersOfOtherReplicas(t *testing.T) {
	onReplicas(t, func(t *testing.T, p pair) {
		worker := p.a.worker()
		job := p.b.create(p.b.user("alice"), &jobsv1.CreateJobRequest{})
		l := p.a.lease(worker)
		beat := func() bool {
			resp, err := worker.Heartbeat(t.Context(), &jobsv1.HeartbeatRequest{JobId: job.GetJobId(), LeaseToken: l.GetLeaseToken()})
			if err != nil {
				t.Fatal(err)
			}
			return resp.GetCancelRequested()
		}
		if beat() {
			t.Error("cancelled too early")
		}
		if _, err := p.b.user("alice").CancelJob(t.Context(), &jobsv1.CancelJobRequest{JobId: job.GetJobId()}); err != nil {
			t.Fatal(err)
		}
		if !beat() { // the next one, whether or not this replica has learned of it
			t.Error("the heartbeat after the cancellation does not report it")
		}
		if _, err := worker.FailJob(t.Context(), &jobsv1.FailJobRequest{JobId: job.GetJobId(), LeaseToken: l.GetLeaseToken()}); err != nil {
			t.Fatal(err)
		}
	})
}

func TestWatchersFollowJobsOfOtherReplicas(t *testing.T) {
	onReplicas(t, func(t *testing.T, p pair) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		waiting := make(chan *jobsv1.LeasedJob, 1)
		go func() { // before the job is created at the other replica
			resp, err := p.a.worker().LeaseJobs(ctx, &jobsv1.LeaseJobsRequest{Kinds: []string{"crawl"}, WaitSeconds: 50})
			if err != nil || len(resp.GetJobs()) != 1 {
				t.Errorf("the waiting worker got %v, %v", resp, err)
				close(waiting)
				return
			}
			waiting <- resp.GetJobs()[0]
		}()
		user := p.b.user("alice")
		everything, err := user.WatchJobs(ctx, &jobsv1.WatchJobsRequest{})
		if err != nil {
			t.Fatal(err)
		}
		job := p.b.create(user, &jobsv1.CreateJobRequest{})
		one, err := user.WatchJob(ctx, &jobsv1.WatchJobRequest{JobId: job.GetJobId()})
		if err != nil {
			t.Fatal(err)
		}
		output, err := user.ReadOutput(ctx, &jobsv1.ReadOutputRequest{JobId: job.GetJobId()})
		if err != nil {
			t.Fatal(err)
		}
		l := <-waiting
		if l == nil {
			t.FailNow()
		}
		worker := p.a.worker()
		for i, text := range []string{"first ", "second"} {
			to := []jobsv1.WorkerServiceClient{worker, p.b.worker()}[i]
			if _, err := to.AppendOutput(ctx, &jobsv1.AppendOutputRequest{JobId: job.GetJobId(), LeaseToken: l.GetLeaseToken(),
				Offset: int64(6 * i), Data: []byte(text)}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := worker.AppendOutput(ctx, &jobsv1.AppendOutputRequest{JobId: job.GetJobId(), LeaseToken: l.GetLeaseToken(),
			Offset: 12, Data: []byte(" third")}); err != nil {
			t.Fatalf("append where the other replica has stopped: %v", err)
		}
		if _, err := worker.CompleteJob(ctx, &jobsv1.CompleteJobRequest{JobId: job.GetJobId(), LeaseToken: l.GetLeaseToken()}); err != nil {
			t.Fatal(err)
		}
		var text string
		for {
			resp, err := output.Recv()
			if err != nil {
				break
			}
			text += string(resp.GetData())
		}
		if text != "first second third" {
			t.Errorf("the output is %q", text)
		}
		var last uint32
		for {
			resp, err := one.Recv()
			if err != nil {
				t.Errorf("the watch ended early: %v", err)
				break
			}
			if resp.GetJob().GetRevision() <= last {
				t.Errorf("revision %d after %d", resp.GetJob().GetRevision(), last)
			}
			if last = resp.GetJob().GetRevision(); ended(resp.GetJob().GetStatus()) {
				break
			}
		}
		for finished := false; !finished; {
			resp, err := everything.Recv()
			if err != nil {
				t.Fatal(err)
			}
			finished = slices.ContainsFunc(resp.GetJobs(), func(j *jobsv1.Job) bool { return ended(j.GetStatus()) })
		}
		if _, err := p.a.user("alice").DeleteJob(ctx, &jobsv1.DeleteJobRequest{JobId: job.GetJobId()}); err != nil {
			t.Fatal(err)
		}
		for deleted := false; !deleted; {
			resp, err := everything.Recv()
			if err != nil {
				t.Fatal(err)
			}
			deleted = slices.Contains(resp.GetDeletedJobIds(), job.GetJobId())
		}
	})
}

// The replica that leads is stopped. The other one ends the leases that expire.
func TestAnotherReplicaLeadsAfterTheLeader(t *testing.T) {
	onReplicas(t, func(t *testing.T, p pair) {
		p.a.create(p.a.user("alice"), &jobsv1.CreateJobRequest{Retry: &jobsv1.RetryPolicy{MaxAttempts: 5}})
		first := p.a.lease(p.a.worker())
		p.a.stop()
		again := p.b.lease(p.b.worker())
		if again.GetJob().GetJobId() != first.GetJob().GetJobId() || again.GetEpoch() <= first.GetEpoch() {
			t.Errorf("leased %v, want the job whose worker has gone", again.GetJob())
		}
	}, func(c *jobs.Config) { c.LeaseDuration, c.HeartbeatInterval = 2*time.Second, 500*time.Millisecond })
}

func TestKindsOfOtherReplicasAreListed(t *testing.T) {
	onReplicas(t, func(t *testing.T, p pair) {
		ctx, cancel := context.WithCancel(t.Context())
		asking := make(chan struct{})
		go func() {
			defer close(asking)
			_, _ = p.a.worker().LeaseJobs(ctx, &jobsv1.LeaseJobsRequest{Kinds: []string{"render"}, WaitSeconds: 50,
				Descriptions: []*jobsv1.KindDescription{{Kind: "render", Title: "Render"}}}) // it is cancelled
		}()
		defer func() { cancel(); <-asking }()
		for {
			resp, err := p.b.user("alice").ListKinds(ctx, &jobsv1.ListKindsRequest{})
			if err != nil {
				t.Fatal(err)
			}
			if slices.Contains(resp.GetKinds(), "render") {
				if d := resp.GetDescriptions(); len(d) != 1 || d[0].GetTitle() != "Render" {
					t.Errorf("the descriptions are %v", d)
				}
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
	})
}
