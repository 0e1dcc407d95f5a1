package jobs_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// TestSteppedClockKeepsGracePeriod asks a worker to stop, and then sets the clock of the service far beyond its grace period: while the
// service runs, and while it is down. The worker still learns of the request, and ends the job with its own reason.
func TestSteppedClockKeepsGracePeriod(t *testing.T) {
	for _, running := range []bool{true, false} {
		for _, by := range []time.Duration{time.Hour, -time.Hour} {
			t.Run(map[bool]string{true: "running, ", false: "down, "}[running]+by.String(), func(t *testing.T) {
				clock, data := filepath.Join(t.TempDir(), "clock"), t.TempDir()
				c := newCrash(t, func(addr string) *exec.Cmd {
					cmd := exec.Command(os.Args[0])
					cmd.Env = append(os.Environ(), "HEADWAY_TEST_SERVICE="+addr, "HEADWAY_TEST_DATA="+data, "HEADWAY_TEST_CLOCK="+clock)
					return cmd
				})
				create := func(kind string) (created *jobsv1.Job) {
					t.Helper()
					if _, err := call(t.Context(), func(ctx context.Context) error { // until the service has started
						resp, err := c.user.CreateJob(ctx, &jobsv1.CreateJobRequest{Kind: kind})
						created = resp.GetJob()
						return err
					}); err != nil {
						t.Fatal(err)
					}
					return created
				}
				id := create("crawl").GetJobId()
				leased, err := c.worker.LeaseJobs(t.Context(), &jobsv1.LeaseJobsRequest{Kinds: []string{"crawl"}, LeaseSeconds: 60})
				if err != nil || len(leased.GetJobs()) != 1 {
					t.Fatalf("leased %v, %v", leased, err)
				}
				token := leased.GetJobs()[0].GetLeaseToken()
				if _, err := c.user.CancelJob(t.Context(), &jobsv1.CancelJobRequest{JobId: id}); err != nil {
					t.Fatal(err)
				}
				if !running {
					c.kill()
				}
				if err := os.WriteFile(clock, []byte(map[time.Duration]string{time.Hour: "3600", -time.Hour: "-3600"}[by]), 0o600); err != nil {
					t.Fatal(err)
				}
				if !running {
					c.start()
				}
				for { // until the service has noticed
					if moved := time.Until(create("other").GetCreatedAt().AsTime()); (by > 0) == (moved > 0) && moved.Abs() > by.Abs()/2 {
						break
					}
				}
				beat, err := c.worker.Heartbeat(t.Context(), &jobsv1.HeartbeatRequest{JobId: id, LeaseToken: token})
				if err != nil || !beat.GetCancelRequested() {
					t.Fatalf("the next heartbeat gives %v, %v", beat, err)
				}
				ended, err := c.worker.FailJob(t.Context(), &jobsv1.FailJobRequest{JobId: id, LeaseToken: token,
					Error: &jobsv1.JobError{Reason: "HALF_DONE"}})
				if j := ended.GetJob(); err != nil || j.GetStatus() != jobsv1.JobStatus_JOB_STATUS_CANCELLED || j.GetError().GetReason() != "HALF_DONE" {
					t.Errorf("the job ends as %v, %v", j, err)
				}
			})
		}
	}
}
