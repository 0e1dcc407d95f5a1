package headway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// Handler runs one job. Its result is nil, or a value whose JSON is an object. The service has a limit for its size, by default 1 MiB.
//
// The context ends when the handler must stop. context.Cause returns the reason: ErrLeaseLost, ErrCancelled, or
// ErrShutdown. An error fails the attempt (see Failure), unless Park returned it.
type Handler func(ctx context.Context, task *Task) (result any, err error)

// WorkerConfig configures a Worker.
type WorkerConfig struct {
	// Handlers run the jobs, by kind. At least one.
	Handlers map[string]Handler
	// Descriptions describe kinds to users. The web UI offers a form for each described kind. Default: none.
	Descriptions []*jobsv1.KindDescription
	// Concurrency is the maximum number of jobs that run at the same time. Default 1.
	Concurrency int
	// Name is the worker's name for operators. Default "host:pid".
	Name string
	// Logger gets one line for each job that ends, and the errors of calls. Default: no log.
	Logger *slog.Logger
	// LeaseDuration is how long this worker keeps a job without a heartbeat. Default: the service's (10 s).
	LeaseDuration time.Duration
	// DrainTimeout is how long running jobs can continue after Run's context is done. Then their own contexts end with
	// ErrShutdown. Default 0: immediately.
	DrainTimeout time.Duration
	// StopTimeout is how long Run waits for handlers to return after their contexts have ended with ErrShutdown. The leases
	// of slower ones expire. Default 5 s.
	StopTimeout time.Duration
}

// Worker leases jobs and runs them.
type Worker struct {
	cfg    WorkerConfig
	conn   *grpc.ClientConn
	client jobsv1.WorkerServiceClient
	kinds  []string

	heartbeats *heartbeats
}

// NewWorker returns a worker on a connection (see DialOptions) whose token has the scope headway:worker.
func NewWorker(conn *grpc.ClientConn, cfg WorkerConfig) *Worker {
	if cfg.Concurrency <= 0 {
		cfg.Concurrency = 1
	}
	if cfg.Name == "" {
		host, err := os.Hostname()
		if err != nil {
			host = "unknown"
		}
		cfg.Name = fmt.Sprintf("%s:%d", host, os.Getpid())
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.StopTimeout <= 0 {
		cfg.StopTimeout = 5 * time.Second
	}
	client := jobsv1.NewWorkerServiceClient(conn)
	return &Worker{cfg: cfg, conn: conn, client: client, kinds: slices.Sorted(maps.Keys(cfg.Handlers)), heartbeats: newHeartbeats(client, cfg.Concurrency)}
}

// leaseWait is how long one call of LeaseJobs waits for jobs.
const leaseWait = 20 * time.Second

// Run leases and runs jobs until ctx is done. It returns nil when all its jobs have ended or have been released. It
// waits for a service that is unavailable. It returns an error if the service rejects the worker permanently, for
// example because its token lacks the scope.
func (w *Worker) Run(ctx context.Context) error {
	if len(w.cfg.Handlers) == 0 {
		return errors.New("headway: the worker has no handlers")
	}
	// Jobs can continue for the drain timeout after ctx is done.
	jobs, shutDown := context.WithCancelCause(context.WithoutCancel(ctx))
	defer shutDown(ErrShutdown)
	var running sync.WaitGroup
	err := w.lease(ctx, func(leased *jobsv1.LeasedJob, done func()) {
		running.Go(func() {
			defer done()
			w.newRun(leased).do(jobs)
		})
	})
	drain := time.AfterFunc(w.cfg.DrainTimeout, func() { shutDown(ErrShutdown) })
	defer drain.Stop()
	ended := make(chan struct{})
	go func() {
		running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return err
	case <-time.After(w.cfg.DrainTimeout + w.cfg.StopTimeout):
		return errors.Join(err, errors.New("headway: some handlers did not return in time. Their leases will expire"))
	}
}

// lease leases as many jobs as the worker can start, until ctx is done or the service rejects the worker.
func (w *Worker) lease(ctx context.Context, start func(leased *jobsv1.LeasedJob, done func())) error {
	free := make(chan struct{}, w.cfg.Concurrency)
	for range w.cfg.Concurrency {
		free <- struct{}{}
	}
	retry := newPause(2 * time.Second)
	failing := false
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			return nil
		case <-free:
		}
		n := 1 + grab(free)
		resp, err := w.ask(ctx, n)
		for _, leased := range resp.GetJobs() {
			n--
			start(leased, func() { free <- struct{}{} })
		}
		for range n {
			free <- struct{}{}
		}
		switch {
		case ctx.Err() != nil:
			continue // and end
		case err == nil:
			if failing {
				w.cfg.Logger.InfoContext(ctx, "leasing jobs again")
			}
			failing, retry = false, newPause(retry.most)
			continue
		case refused(err):
			return fmt.Errorf("lease jobs: %w", err)
		}
		if !failing {
			w.cfg.Logger.WarnContext(ctx, "can't lease jobs, retrying", "error", err)
			failing = true
		}
		retry.wait(ctx)
		w.conn.ResetConnectBackoff()
	}
	return nil
}

func (w *Worker) ask(ctx context.Context, limit int) (*jobsv1.LeaseJobsResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, leaseWait+10*time.Second)
	defer cancel()
	return w.client.LeaseJobs(ctx, &jobsv1.LeaseJobsRequest{
		Confirms: true, // see run.confirm
		Kinds:    w.kinds, MaxJobs: uint32(min(limit, 100)), WaitSeconds: leaseWait.Seconds(),
		LeaseSeconds: w.cfg.LeaseDuration.Seconds(), Worker: w.cfg.Name, Descriptions: w.cfg.Descriptions,
	})
}

// grab takes all tokens without waiting.
func grab(tokens <-chan struct{}) (n int) {
	for {
		select {
		case <-tokens:
			n++
		default:
			return n
		}
	}
}

// refused reports whether a repeated request cannot succeed.
func refused(err error) bool {
	switch status.Code(err) {
	case codes.PermissionDenied, codes.InvalidArgument, codes.Unimplemented:
		return true
	}
	return false
}
