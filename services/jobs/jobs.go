// Package jobs is the jobs service. It stores jobs, leases them to workers, and streams their progress to authorized callers.
package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"headway/internal/backoff"
	"headway/internal/blobs"
	"headway/internal/bus"
	"headway/internal/bus/nats"
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
	"headway/services/jobs/internal/replica"
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
		Metrics: cfg.Metrics, DrainTimeout: cfg.JobsDrainTimeout, StreamsPerUser: cfg.JobsStreamsPerUser, Connections: cfg.JobsConnections, TLS: cfg.ServerTLS})
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
		if err := s.rooms.register(cfg.Metrics); err != nil {
			return nil, errors.Join(fmt.Errorf("jobs: register the metrics: %w", err), s.rooms.close())
		}
	}
	jobrpc.Register(s.server.GRPC, s.rooms.Rooms)
	return s, nil
}

// Addr returns the address of the service.
func (s *Service) Addr() net.Addr { return s.listener.Addr() }

// Ready reports whether the service can do its work, and names what is missing.
func (s *Service) Ready(ctx context.Context) (ready bool, states map[string]string) {
	return s.server.Ready(ctx)
}

// watchDatabase reports to health checks and to the log whether the database can be reached and changed, until ctx ends.
func (s *Service) watchDatabase(ctx context.Context, store job.Shared) {
	for reached := true; ; {
		asking, cancel := context.WithTimeout(ctx, databaseTimeout)
		err := store.Ping(asking)
		cancel()
		if ctx.Err() != nil {
			return
		}
		if s.server.SetHealth(rpcserver.DatabaseHealth, err == nil); reached != (err == nil) {
			if reached = err == nil; reached {
				s.rooms.logger.InfoContext(ctx, "ready: the database can be used again")
			} else {
				s.rooms.logger.ErrorContext(ctx, "not ready: the database can't be used", "error", err)
			}
		}
		if !backoff.Sleep(ctx, databaseCheck) {
			return
		}
	}
}

// Run serves until ctx ends, and then returns within about DrainTimeout. Streams end with SHUTTING_DOWN, and all
// acknowledged changes are on disk. It returns nil if it ended only because ctx did.
func (s *Service) Run(ctx context.Context) error {
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	worked := make(chan error, 1)
	go func() { worked <- s.rooms.run(work) }()
	if shared, ok := s.rooms.store.(job.Shared); ok { // on another machine
		s.rooms.background.Go(func() { s.watchDatabase(work, shared) })
	}
	if bus := s.rooms.bus; bus != nil {
		s.rooms.background.Go(func() {
			for {
				s.server.SetHealth(rpcserver.BusHealth, bus.Connected())
				if !backoff.Sleep(work, busCheck) {
					return
				}
			}
		})
	}
	err := s.server.Serve(ctx, s.listener)
	stop()
	return errors.Join(err, <-worked, s.rooms.close(), s.outputs.Close())
}

// rooms are the parts of the service, wired to one store.
type rooms struct {
	jobrpc.Rooms
	store       job.Store
	maintenance *maintenance.Maintenance
	bulk        *bulk.Runner
	metrics     *metrics.Metrics
	logger      *slog.Logger

	// replicas are nil if only this process can use the store.
	replicas   *replica.Replicas
	bus        bus.Bus // nil without one
	background sync.WaitGroup
}

const (
	// busCheck is the interval at which the health of the bus is reported.
	busCheck = time.Second
	// databaseCheck is the interval at which the health of a database on another machine is reported, and databaseTimeout how long
	// its answer can take.
	databaseCheck, databaseTimeout = 2 * time.Second, 2 * time.Second
	// recount is the interval at which unfinished jobs are counted again if other replicas change them.
	recount = 10 * time.Second
)

// register registers the metrics of the rooms.
func (r *rooms) register(metrics prometheus.Registerer) error {
	err := metrics.Register(r.metrics)
	if err == nil && r.replicas != nil {
		err = metrics.Register(r.replicas)
	}
	return err
}

// close releases the store and the bus.
func (r *rooms) close() error {
	r.background.Wait()
	if r.bus != nil {
		r.bus.Close()
	}
	return r.store.Close()
}

// open opens the store, connects the rooms to it, and restarts every lease, so that workers do not lose their jobs
// because the service was unavailable. Call run next, and close the store at the end.
func open(ctx context.Context, cfg Config, outputs *blobs.Bucket, openStore func(context.Context, job.Observer) (job.Store, error)) (_ *rooms, err error) {
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
	r := &rooms{store: store, logger: cfg.Logger}
	defer func() {
		if err != nil && r.bus != nil {
			r.bus.Close()
		}
	}()
	watchers := watch.New()
	m := metrics.New(watchers.Count)
	shared, isShared := store.(job.Shared)
	watched, leads := watchers.Watched, (func() bool)(nil)
	var others *dispatching
	var ticking maintenance.Replicas
	var keeper *heartbeat.Keeper
	var dispatcher *dispatch.Dispatcher
	if isShared {
		if err = r.join(ctx, &cfg, shared, replica.Rooms{
			Watchers: watchers,
			Ended:    func(id string) { keeper.Forget(id) },
			Due:      func(due time.Time) { r.maintenance.Expect(due) },
			Moved:    func(kind string) { dispatcher.Moved(kind) },
			Missed:   func() { keeper.ForgetAll(); r.maintenance.Expect(cfg.clock.Now()) },
		}); err != nil {
			return nil, errors.Join(err, store.Close())
		}
		watched = func(id, owner, kind string) bool { return watchers.Watched(id, owner, kind) || r.replicas.Watching() }
		leads, ticking, others = r.replicas.Leads, r.replicas, &dispatching{r.replicas, shared, r.bus}
	}
	keeper = heartbeat.New(heartbeat.Config{
		ProgressInterval:     cfg.ProgressInterval,
		IdleProgressInterval: cfg.IdleProgressInterval,
		StalledAfter:         cfg.StalledAfter,
		Watched:              watched,
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
		Leads:        leads,
	}, store, outputs)
	dispatching := dispatch.Config{
		LeaseDuration: cfg.LeaseDuration,
		MaxActive:     max(cfg.MaxActive, 0),
		Clock:         cfg.clock,
		Logger:        cfg.Logger,
		Active:        keeper.Kinds,
	}
	if others != nil {
		dispatching.Others = others
	}
	dispatcher = dispatch.New(dispatching, store, m)
	r.Rooms = jobrpc.Rooms{
		Lifecycle: lifecycle.New(lifecycle.Config{
			CancelGrace: cfg.CancelGrace, MaxResultBytes: int(cfg.MaxResultBytes), Clock: cfg.clock,
			Quota: quota.New(quota.Config{Max: int64(max(cfg.MaxQueued, 0)), Count: store.CountOwner, Refused: m.JobRefused}),
		}, store, keeper, dispatcher),
		Dispatcher:        dispatcher,
		Keeper:            keeper,
		Output:            output,
		Watchers:          watchers,
		HeartbeatInterval: cfg.HeartbeatInterval,
	}
	r.maintenance = maintenance.New(maintenance.Config{Retention: cfg.Retention, Grace: cfg.CancelGrace, Clock: cfg.clock, Logger: cfg.Logger, Replicas: ticking}, store, keeper, m)
	r.metrics = m
	m.Asked([]string{bulk.Kind})
	r.bulk = bulk.New(bulk.Config{Allow: jobrpc.Allow, Heartbeat: cfg.HeartbeatInterval, Logger: cfg.Logger}, store, r.Lifecycle, dispatcher, keeper)
	// The order matters: a watcher must not see a job before the others know it.
	observers = []job.Observer{
		keeper.Observe,
		r.maintenance.Observe,
		dispatcher.Observe,
		output.Observe,
		m.Observe,
	}
	if isShared {
		observers = append(observers, r.replicas.Observe)
	} else {
		observers = append(observers, watchers.Observe)
	}
	if err = r.begin(ctx, cfg.clock.Now(), cfg.CancelGrace); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return r, nil
}

// join connects this replica to the others that use the store.
func (r *rooms) join(ctx context.Context, cfg *Config, shared job.Shared, others replica.Rooms) error {
	if cfg.Bus != "" {
		name, err := shared.Name(ctx)
		if err != nil {
			return err
		}
		r.bus, err = nats.Open(nats.Config{Settings: cfg.Settings.Settings, Name: "headway-jobs", Subject: "headway." + name,
			Meanwhile: "other replicas learn of changes within two seconds", Logger: cfg.Logger})
		if err != nil {
			return err
		}
	}
	r.replicas = replica.New(replica.Config{Rooms: others, Bus: r.bus, Encode: jobrpc.Snapshot, MaxGap: maintenance.MaxGap, Grace: cfg.CancelGrace, Logger: cfg.Logger}, shared)
	return nil
}

// dispatching is the dispatch.Others of the replicas.
type dispatching struct {
	*replica.Replicas
	job.Shared
	bus bus.Bus // nil without one
}

// Wake implements dispatch.Others.
func (d *dispatching) Wake(kind string, hops int) {
	if d.bus != nil && d.Others() > 0 {
		d.bus.Wake(kind, []byte{byte(hops)})
	}
}

// Await implements dispatch.Others.
func (d *dispatching) Await(kind string, woken func(hops int)) (stop func(), err error) {
	if d.bus == nil {
		return func() {}, nil
	}
	return d.bus.Await(kind, func(data []byte) {
		if len(data) == 1 {
			woken(int(data[0]))
		}
	})
}

// begin initializes the rooms from the store.
func (r *rooms) begin(ctx context.Context, now time.Time, grace time.Duration) error {
	live, err := r.store.CountLive(ctx)
	if err != nil {
		return err
	}
	r.metrics.Start(live)
	if r.replicas != nil {
		if err := r.replicas.Begin(ctx); err != nil {
			return fmt.Errorf("follow the other replicas: %w", err)
		}
		if alone, err := r.store.(job.Shared).Alone(ctx); err != nil || !alone {
			return err // workers could use another replica in the meantime
		}
	}
	if err := r.store.ExtendLeases(ctx, now, grace); err != nil {
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
	if r.replicas != nil {
		g.Go(func() error { r.replicas.Run(ctx); return nil })
		g.Go(func() error { r.recount(ctx); return nil })
	}
	return g.Wait()
}

// recount counts the unfinished jobs again and again, because other replicas change them as well.
func (r *rooms) recount(ctx context.Context) {
	for backoff.Sleep(ctx, recount) {
		live, err := r.store.CountLive(ctx)
		if err == nil {
			r.metrics.Start(live)
		} else if ctx.Err() == nil {
			r.logger.ErrorContext(ctx, "can't count the unfinished jobs, trying again", "error", err)
		}
	}
}
