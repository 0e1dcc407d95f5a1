package jobs_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"headway/clients/go"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/auth"
	"headway/internal/proctest"
	"headway/services/jobs"
)

// workUntilKilled runs a worker whose jobs work until their contexts end, and then return a result. Its log gets a line when a job
// begins, when the job's context ends, and when the job was handled.
func workUntilKilled(addr, log string) error {
	key, err := auth.NewKey([]byte("a secret of the tests, long enough for HS256"))
	if err != nil {
		return err
	}
	file, err := os.Create(log)
	if err != nil {
		return err
	}
	conn, err := grpc.NewClient(addr, append(headway.DialOptions(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithPerRPCCredentials(key.ServiceCredentials("worker", auth.ScopeWorker)))...)
	if err != nil {
		return err
	}
	handler := func(ctx context.Context, task *headway.Task) (any, error) {
		task.Message("begun")
		fmt.Fprintln(file, "begun", task.Job().GetAttempt())
		<-ctx.Done()
		fmt.Fprintln(file, "ended", context.Cause(ctx))
		fmt.Fprint(task.Output(), "late output")
		return map[string]any{"by": "the frozen worker"}, nil
	}
	return headway.NewWorker(conn, headway.WorkerConfig{Handlers: map[string]headway.Handler{"crawl": handler}, Name: "frozen",
		Logger: slog.New(slog.NewTextHandler(file, nil))}).Run(context.Background())
}

// A worker is stopped for longer than its lease, like a laptop that sleeps. Meanwhile, another worker gets the job. When the first one
// continues, its handler's context ends, and nothing that it sends has an effect on the job.
func TestFrozenWorkerLosesItsLease(t *testing.T) {
	for _, when := range []string{"the other worker has the job", "the job has ended"} {
		t.Run(when, func(t *testing.T) {
			w := setup(t, func(c *jobs.Config) { c.LeaseDuration, c.HeartbeatInterval = 2*time.Second, 500*time.Millisecond })
			user, worker := w.user("alice"), w.worker()
			log := filepath.Join(t.TempDir(), "log")
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), "HEADWAY_TEST_WORKER="+w.addr, "HEADWAY_TEST_LOG="+log)
			process := proctest.Start(t, cmd)
			id := w.create(user, &jobsv1.CreateJobRequest{}).GetJobId()
			for j, err := range headway.Watch(t.Context(), user, id) { // until the service has heard of the lease
				if err != nil {
					t.Fatal(err)
				}
				if j.GetProgress().GetMessage() == "begun" {
					break
				}
			}
			if err := syscall.Kill(process.Pid(), syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			resp, err := worker.LeaseJobs(t.Context(), &jobsv1.LeaseJobsRequest{Kinds: []string{"crawl"}, WaitSeconds: 30, LeaseSeconds: 60})
			if err != nil || len(resp.GetJobs()) != 1 || resp.GetJobs()[0].GetJob().GetAttempt() != 2 {
				t.Fatalf("leased %v, %v", resp, err)
			}
			leased := resp.GetJobs()[0]
			end := func() {
				t.Helper()
				_, err := worker.CompleteJob(t.Context(), &jobsv1.CompleteJobRequest{JobId: id, LeaseToken: leased.GetLeaseToken(), ResultJson: `{"by":"the other"}`})
				if err != nil {
					t.Fatal(err)
				}
			}
			if when == "the job has ended" {
				end()
			}
			if err := syscall.Kill(process.Pid(), syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
			awaitLine(t, log, "ended "+headway.ErrLeaseLost.Error(), process.Ended())
			awaitLine(t, log, `outcome="lease lost"`, process.Ended())
			if when != "the job has ended" {
				end()
			}
			done := last(t, user, id)
			if done.GetResult().AsMap()["by"] != "the other" || done.GetOutputBytes() != 0 || done.GetAttempt() != 2 || done.GetError() != nil {
				t.Errorf("the job ended as %v", done)
			}
		})
	}
}

// awaitLine waits until a file contains a text.
func awaitLine(t *testing.T, path, text string, ended <-chan struct{}) {
	t.Helper()
	for {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(data), text) {
			return
		}
		select {
		case <-ended:
			t.Fatalf("the process ended. Its log is\n%s", data)
		case <-t.Context().Done():
			t.Fatalf("the log is\n%s", data)
		case <-time.After(10 * time.Millisecond):
		}
	}
}
