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

// Handler does one job. Its result is nil, or a value whose JSON is an object of at most 8 KiB.
//
// The context ends when the handler must stop. context.Cause returns why: ErrLeaseLost, ErrCancelled or
// ErrShutdown. An error fails the attempt (see Failure), unless it is one of Park.
type Handler func(ctx context.Context, task *Task) (result any, err error)

// WorkerConfig says what a worker does.
type WorkerConfig struct {
	// Handlers do the jobs, by kind. At least one.
	Handlers map[string]Handler
	// Descriptions describe kinds to users. The web UI offers a form for each described kind. Default: none.
	Descriptions []*jobsv1.KindDescription
	// Concurrency is how many jobs are done at the same time. Default 1.
	Concurrency int
	// Name is the worker's name for operators. Default "host:pid".
	Name string
	// Logger gets one line for each job that ends, and what goes wrong. Default: nowhere.
	Logger *slog.Logger
	// LeaseDuration is how long a job stays with this worker without a sign of life. Default: the service's (10 s).
	LeaseDuration time.Duration
	// DrainTimeout is how long running jobs can continue after Run's context has ended, before theirs end with
	// ErrShutdown. Default 0: immediately.
	DrainTimeout time.Duration
	// StopTimeout is how long handlers may take to return after their context has ended with ErrShutdown. Run does not
	// wait for those that take longer; their leases run out. Default 5 s.
	StopTimeout time.Duration
}

// Worker leases jobs and has them done.
type Worker struct {
	cfg    WorkerConfig
	conn   *grpc.ClientConn
	client jobsv1.WorkerServiceClient
	kinds  []string
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
	return &Worker{cfg: cfg, conn: conn, client: jobsv1.NewWorkerServiceClient(conn), kinds: slices.Sorted(maps.Keys(cfg.Handlers))}
}

// leaseWait is how long one request for jobs waits for them.
const leaseWait = 20 * time.Second

// Run leases and runs jobs until ctx ends. It returns nil when all of its jobs are done or released. It waits for a service
// that is unavailable. It returns an error if the service rejects the worker permanently, for example because its token
// lacks the scope.
func (w *Worker) Run(ctx context.Context) error {
	if len(w.cfg.Handlers) == 0 {
		return errors.New("headway: a worker without handlers")
	}
	// Jobs outlive ctx by the time for draining.
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
		return errors.Join(err, errors.New("headway: some handlers did not return in time; their leases will run out"))
	}
}

// lease asks for as many jobs as there are free hands, until ctx ends or the worker is refused.
func (w *Worker) lease(ctx context.Context, start func(leased *jobsv1.LeasedJob, done func())) error {
	hands := make(chan struct{}, w.cfg.Concurrency)
	for range w.cfg.Concurrency {
		hands <- struct{}{}
	}
	retry := newPause(2 * time.Second)
	failing := false
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			return nil
		case <-hands:
		}
		free := 1 + grab(hands)
		resp, err := w.ask(ctx, free)
		for _, leased := range resp.GetJobs() {
			free--
			start(leased, func() { hands <- struct{}{} })
		}
		for range free {
			hands <- struct{}{}
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
			w.cfg.Logger.WarnContext(ctx, "no jobs can be leased; trying again", "error", err)
			failing = true
		}
		retry.wait(ctx)
		w.conn.ResetConnectBackoff()
	}
	return nil
}

func (w *Worker) ask(ctx context.Context, most int) (*jobsv1.LeaseJobsResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, leaseWait+10*time.Second)
	defer cancel()
	return w.client.LeaseJobs(ctx, &jobsv1.LeaseJobsRequest{
		Confirms: true, // see run.confirm
		Kinds:    w.kinds, MaxJobs: uint32(min(most, 100)), WaitSeconds: leaseWait.Seconds(),
		LeaseSeconds: w.cfg.LeaseDuration.Seconds(), Worker: w.cfg.Name, Descriptions: w.cfg.Descriptions,
	})
}

// grab takes the tokens that are there.
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

// refused reports whether another request cannot succeed.
func refused(err error) bool {
	switch status.Code(err) {
	case codes.PermissionDenied, codes.InvalidArgument, codes.Unimplemented:
		return true
	}
	return false
}
