// Package jobs is the jobs service. It stores jobs, leases them to workers, and streams their progress to authorized callers.
package jobs

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"headway/internal/blobs"
	"headway/internal/quota"
	"headway/internal/rpcserver"
	"headway/services/jobs/internal/bulk"
	"headway/services/jobs/internal/dispatch"
	"headway/services/jobs/internal/heartbeat"
	"headway/services/jobs/internal/job"
	"headway/services/jobs/internal/jobrpc"
	"headway/services/jobs/internal/lifecycle"
	"headway/services/jobs/internal/maintenance"
	"headway/services/jobs/internal/metrics"
	"headway/services/jobs/internal/outputlog"
	"headway/services/jobs/internal/store/postgres"
	"headway/services/jobs/internal/store/sqlite"
	"headway/services/jobs/internal/watch"
)

// Service is a jobs service. Create it with New, and then call Run once.
type Service struct {
	cfg      Config
	listener net.Listener
	server   *rpcserver.Server
	rooms    *rooms
	outputs  *blobs.Bucket
}

// New opens the database, the bucket of outputs, and the port.
func New(cfg Config) (_ *Service, err error) {
	if err := cfg.complete(); err != nil {
		return nil, fmt.Errorf("jobs: %w", err)
	}
	s := &Service{cfg: cfg, listener: cfg.Listener}
	if s.listener == nil {
		if s.listener, err = new(net.ListenConfig).Listen(context.Background(), "tcp", cfg.JobsListen); err != nil {
			return nil, fmt.Errorf("jobs: listen on %s: %w", cfg.JobsListen, err)
		}
	}
	defer func() {
		if err != nil {
			s.listener.Close()
		}
	}()
	s.server, err = rpcserver.New(rpcserver.Config{Service: "jobs", Verifier: cfg.Verifier, Logger: cfg.Logger,
		Metrics: cfg.Metrics, DrainTimeout: cfg.JobsDrainTimeout, TLS: cfg.ServerTLS})
	if err != nil {
		return nil, err
	}
	if s.outputs, err = blobs.Open(context.Background(), cfg.OutputBlobs); err != nil {
		return nil, fmt.Errorf("jobs: %w", err)
	}
	defer func() {
		if err != nil {
			s.outputs.Close()
		}
	}()
	s.rooms, err = open(context.Background(), cfg, s.outputs, func(ctx context.Context, observe job.Observer) (job.Store, error) {
		if cfg.JobsDatabase != "" {
			return postgres.Open(ctx, cfg.JobsDatabase, observe)
		}
		return sqlite.Open(ctx, filepath.Join(cfg.DataDir, "jobs.db"), observe)
	})
	if err != nil {
		return nil, fmt.Errorf("jobs: %w", err)
	}
	if cfg.Metrics != nil {
		if err := cfg.Metrics.Register(s.rooms.metrics); err != nil {
			return nil, errors.Join(fmt.Errorf("jobs: register the metrics: %w", err), s.rooms.store.Close())
		}
	}
	jobrpc.Register(s.server.GRPC, s.rooms.Rooms)
	return s, nil
}

// Addr returns the address of the service.
func (s *Service) Addr() net.Addr { return s.listener.Addr() }

// Run serves until ctx ends, and then returns within about DrainTimeout. Streams end with SHUTTING_DOWN, and all
// acknowledged changes are on disk. It returns nil if it ended only because ctx did.
func (s *Service) Run(ctx context.Context) error {
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	worked := make(chan error, 1)
	go func() { worked <- s.rooms.run(work) }()
	err := s.server.Serve(ctx, s.listener)
	stop()
	return errors.Join(err, <-worked, s.rooms.store.Close(), s.outputs.Close())
}

// rooms are the parts of the service, wired to one store.
type rooms struct {
	jobrpc.Rooms
	store       job.Store
	maintenance *maintenance.Maintenance
	bulk        *bulk.Runner
	metrics     *metrics.Metrics
}

// open opens the store, connects the rooms to it, and restarts every lease, so that workers do not lose their jobs
// because the service was unavailable. Call run next, and close the store at the end.
func open(ctx context.Context, cfg Config, outputs *blobs.Bucket, openStore func(context.Context, job.Observer) (job.Store, error)) (*rooms, error) {
	var observers []job.Observer
	store, err := openStore(ctx, func(c *job.Commit) {
		for _, observe := range observers {
			observe(c)
		}
	})
	if err != nil {
		return nil, err
	}
	if cfg.wrap != nil {
		store = cfg.wrap(store)
	}
	if cfg.clock == nil {
		cfg.clock = job.NewClock()
	}
	now, err := store.Now(ctx)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	cfg.clock.Start(now)
	watchers := watch.New()
	m := metrics.New(watchers.Count)
	keeper := heartbeat.New(heartbeat.Config{
		ProgressInterval:     cfg.ProgressInterval,
		IdleProgressInterval: cfg.IdleProgressInterval,
		StalledAfter:         cfg.StalledAfter,
		Watched:              watchers.Watched,
		Clock:                cfg.clock,
		Logger:               cfg.Logger,
	}, store)
	output := outputlog.New(outputlog.Config{
		SegmentBytes: int64(cfg.OutputSegmentBytes),
		MaxBytes:     int64(cfg.MaxOutputBytes),
		Quota:        quota.New(quota.Config{Max: max(int64(cfg.OutputBytesPerUser), 0), Count: store.CountOutput, Refused: m.OutputRefused}),
		Job:          store.Get,
		Grew:         keeper.OutputGrew,
		Logger:       cfg.Logger,
	}, store, outputs)
	dispatcher := dispatch.New(dispatch.Config{
		LeaseDuration: cfg.LeaseDuration,
		MaxActive:     max(cfg.MaxActive, 0),
		Clock:         cfg.clock,
		Logger:        cfg.Logger,
	}, store, m)
	r := &rooms{
		Rooms: jobrpc.Rooms{
			Lifecycle: lifecycle.New(lifecycle.Config{
				CancelGrace: cfg.CancelGrace, MaxResultBytes: int(cfg.MaxResultBytes), Clock: cfg.clock,
				Quota: quota.New(quota.Config{Max: int64(max(cfg.MaxQueued, 0)), Count: store.CountOwner, Refused: m.JobRefused}),
			}, store, keeper, dispatcher),
			Dispatcher:        dispatcher,
			Keeper:            keeper,
			Output:            output,
			Watchers:          watchers,
			HeartbeatInterval: cfg.HeartbeatInterval,
		},
		store:       store,
		maintenance: maintenance.New(maintenance.Config{Retention: cfg.Retention, Clock: cfg.clock, Logger: cfg.Logger}, store, keeper, m),
		metrics:     m,
	}
	m.Asked([]string{bulk.Kind})
	r.bulk = bulk.New(bulk.Config{Allow: jobrpc.Allow, Heartbeat: cfg.HeartbeatInterval, Logger: cfg.Logger}, store, r.Lifecycle, dispatcher, keeper)
	// The order matters: a watcher must not see a job before the others know it.
	observers = []job.Observer{
		keeper.Observe,
		r.maintenance.Observe,
		dispatcher.Observe,
		output.Observe,
		m.Observe,
		watchers.Observe,
	}
	if err := r.begin(ctx, cfg.clock.Now()); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return r, nil
}

// begin initializes the rooms from the store.
func (r *rooms) begin(ctx context.Context, now time.Time) error {
	live, err := r.store.CountLive(ctx)
	if err != nil {
		return err
	}
	r.metrics.Start(live)
	if err := r.store.ExtendLeases(ctx, now); err != nil {
		return fmt.Errorf("extend the leases: %w", err)
	}
	return nil
}

// run runs the background work until ctx ends. It then writes the unwritten progress.
func (r *rooms) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	keeping, stop := context.WithCancel(context.WithoutCancel(ctx)) // until the last heartbeat of the bulk worker is answered
	g.Go(func() error { r.Keeper.Run(keeping); return nil })
	g.Go(func() error { defer stop(); r.bulk.Run(ctx); return nil })
	for _, room := range []func(context.Context){r.maintenance.Run, r.Dispatcher.Run} {
		g.Go(func() error { room(ctx); return nil })
	}
	g.Go(func() error { return r.Output.Run(ctx) })
	return g.Wait()
}
