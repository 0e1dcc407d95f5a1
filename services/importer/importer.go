// Package importer is the importer service. It accepts workbooks, and loads their checked rows into a database, as a worker of
// the jobs service.
package importer

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	headway "headway/clients/go"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/governor"
	"headway/internal/quota"
	"headway/internal/rpcclient"
	"headway/internal/rpcserver"
	"headway/schemas"
	"headway/services/importer/internal/downloads"
	"headway/services/importer/internal/files"
	"headway/services/importer/internal/follow"
	"headway/services/importer/internal/importrpc"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/intake"
	"headway/services/importer/internal/load"
	"headway/services/importer/internal/maintenance"
	"headway/services/importer/internal/report"
	"headway/services/importer/internal/review"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/source/archive"
	"headway/services/importer/internal/source/csv"
	"headway/services/importer/internal/source/ods"
	"headway/services/importer/internal/source/xlsx"
	storepostgres "headway/services/importer/internal/store/postgres"
	storesqlite "headway/services/importer/internal/store/sqlite"
	"headway/services/importer/internal/targets"
	"headway/services/importer/internal/workbooks"
	"headway/services/importer/internal/worker"
)

// openers are the kinds of files that can be imported.
var openers = source.Openers{archive.Opener{}, xlsx.Opener{}, ods.Opener{}, csv.Opener{}}

// Service is an importer. Create it with New, and then call Run once.
type Service struct {
	cfg      Config
	listener net.Listener
	server   *rpcserver.Server
	jobs     *grpc.ClientConn
	store    imports.Store
	target   imports.Target
	files    *files.Store
	// downloads keeps reports for some minutes.
	downloads *downloads.Store
	follow    *follow.Follower
	maintain  *maintenance.Maintenance
	worker    *headway.Worker
}

// New opens the importer's own databases, the bucket, and the port. The database for the rows can be out of reach.
func New(cfg Config) (_ *Service, err error) {
	if err := cfg.complete(); err != nil {
		return nil, fmt.Errorf("importer: %w", err)
	}
	started := time.Now()
	s := &Service{cfg: cfg, listener: cfg.Listener}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("importer: %w", err), s.close())
		}
	}()
	if err := s.open(context.Background()); err != nil {
		return nil, err
	}
	registry, err := schema.NewRegistry(schema.RegistryConfig{BuiltIn: schemas.Files, Folder: cfg.SchemasDir, Database: cfg.targets.NameOf, Logger: cfg.Logger})
	if err != nil {
		return nil, err
	}
	jobs := jobsv1.NewJobServiceClient(s.jobs)
	runs, requests := cfg.budgets(s.files.ReceiveBytes())
	reader := func(memory *governor.Budget) *workbooks.Reader {
		return &workbooks.Reader{Files: s.files, Openers: openers, Limits: cfg.Limits, Memory: memory}
	}
	forRequests := reader(requests)
	refused := prometheus.NewCounter(prometheus.CounterOpts{Name: "headway_importer_over_quota_total",
		Help: "Uploads that were refused because their user had too many bytes of stored workbooks."})
	if cfg.Metrics != nil {
		cfg.Metrics.MustRegister(refused)
	}
	in := &intake.Intake{
		Store: s.store, Files: s.files, Schemas: registry, Jobs: jobs, MaxBytes: int64(cfg.MaxUploadBytes), Workbooks: forRequests, MaxDuration: cfg.MaxImportDuration,
		WritesAtEnd: cfg.targets.WritesAtEnd,
		Quota:       quota.New(quota.Config{Max: max(int64(cfg.WorkbookBytesPerUser), 0), Count: s.store.StoredBytes, Refused: refused.Inc}),
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	name := fmt.Sprintf("importer@%s:%d", host, os.Getpid())
	s.maintain = &maintenance.Maintenance{
		Name: name + " " + rand.Text(), Store: s.store, Files: s.files, Jobs: jobs, CreateJob: in.CreateJob, Started: started,
		Retention: cfg.ImportRetention, Interval: cfg.SweepInterval, Logger: cfg.Logger,
	}
	s.follow = follow.New(follow.Config{Store: s.store, Jobs: jobs})
	importrpc.Register(s.server.GRPC, importrpc.Config{
		Store: s.store, Schemas: registry, Intake: in, Follow: s.follow, Review: &review.Reviewer{Jobs: jobs},
		MayUse:    cfg.targets.MayUse,
		Downloads: s.downloads,
		Reports:   &report.Producer{Store: s.store, Schemas: registry, Workbooks: forRequests},
	})
	runner := &worker.Runner{
		Loader: &load.Loader{Target: s.target, Store: s.store, SpillDir: cfg.DataDir, KeyBytes: runs.Size() / 3, TextBytes: textBytes},
		Store:  s.store, Schemas: registry, Jobs: jobs, Workbooks: reader(runs), Logger: cfg.Logger,
	}
	s.worker = worker.NewWorker(s.jobs, runner, worker.Config{
		Name: name, Concurrency: cfg.MaxConcurrentImports, Logger: cfg.Logger,
	})
	return s, nil
}

// open opens everything that must be closed again.
func (s *Service) open(ctx context.Context) (err error) {
	cfg := s.cfg
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return err
	}
	if s.listener == nil {
		if s.listener, err = new(net.ListenConfig).Listen(ctx, "tcp", cfg.ImporterListen); err != nil {
			return fmt.Errorf("listen on %s: %w", cfg.ImporterListen, err)
		}
	}
	s.server, err = rpcserver.New(rpcserver.Config{Service: "importer", Verifier: cfg.Verifier, Logger: cfg.Logger,
		Metrics: cfg.Metrics, DrainTimeout: cfg.ImporterDrainTimeout, StallTimeout: cfg.ImporterStallTimeout, StreamsPerUser: cfg.ImporterStreamsPerUser,
		Connections: cfg.ImporterConnections, TLS: cfg.ServerTLS})
	if err != nil {
		return err
	}
	s.server.SetHealth(rpcserver.TargetHealth, false) // until watchTarget knows
	s.jobs, err = rpcclient.Dial(cfg.JobsAddress, rpcclient.Config{Credentials: cfg.Credentials, Transport: cfg.JobsTLS})
	if err != nil {
		return fmt.Errorf("the jobs service at %s: %w", cfg.JobsAddress, err)
	}
	if s.store, err = openStore(ctx, cfg); err != nil {
		return err
	}
	set, err := targets.Open(ctx, cfg.targets)
	if err != nil {
		return err
	}
	s.target = set
	if s.downloads, err = downloads.Open(filepath.Join(cfg.DataDir, "downloads")); err != nil {
		return err
	}
	_, shared := s.store.(imports.Shared)
	s.files, err = files.Open(ctx, cfg.Blobs, shared)
	return err
}

// openStore opens the database of imports.
func openStore(ctx context.Context, cfg Config) (imports.Store, error) {
	if cfg.ImportsDatabase == "" {
		store, err := storesqlite.Open(ctx, filepath.Join(cfg.DataDir, databaseFile))
		if err != nil {
			return nil, err // not a nil pointer in an interface
		}
		return store, nil
	}
	store, err := storepostgres.Open(ctx, cfg.ImportsDatabase)
	if err != nil {
		return nil, err
	}
	return store, nil
}

// databaseFile is the name of the database of imports in the data directory.
const databaseFile = "importer.db"

// Addr returns the address of the service.
func (s *Service) Addr() net.Addr { return s.listener.Addr() }

// Ready reports whether the service can do its work, and names what is missing.
func (s *Service) Ready(ctx context.Context) (ready bool, states map[string]string) {
	return s.server.Ready(ctx)
}

// Run serves and works until ctx ends, and then returns within about DrainTimeout. Running imports are released to the
// jobs service, which leases them again. It returns nil if it ended only because ctx did.
func (s *Service) Run(ctx context.Context) error {
	g, working := errgroup.WithContext(ctx)
	g.Go(func() error { return s.server.Serve(working, s.listener) })
	g.Go(func() error { return s.work(working) })
	g.Go(func() error { return s.maintain.Run(working) })
	g.Go(func() error { s.watchTarget(working); return nil })
	if shared, is := s.store.(imports.Shared); is {
		g.Go(func() error { s.watchStore(working, shared); return nil })
	}
	g.Go(func() error { return s.downloads.Run(working) })
	err := g.Wait()
	return errors.Join(err, s.close())
}

// work runs imports until ctx ends. If the jobs service can't be reached then, imports are not released, and their leases
// expire.
func (s *Service) work(ctx context.Context) error {
	err := s.worker.Run(ctx)
	if err != nil && ctx.Err() != nil {
		s.cfg.Logger.WarnContext(ctx, "can't release running imports", "error", err)
		return nil //nolint:nilerr // the end of ctx is not an error, and the log has the rest
	}
	return err
}

// close closes what open opened.
func (s *Service) close() error {
	var err error
	if s.follow != nil {
		s.follow.Close()
	}
	if s.downloads != nil {
		err = errors.Join(err, s.downloads.Close())
	}
	if s.jobs != nil {
		err = errors.Join(err, s.jobs.Close())
	}
	if s.files != nil {
		err = errors.Join(err, s.files.Close())
	}
	if s.target != nil {
		err = errors.Join(err, s.target.Close())
	}
	if s.store != nil {
		err = errors.Join(err, s.store.Close())
	}
	if s.listener != nil {
		// The server has closed it, unless the server never started.
		_ = s.listener.Close()
	}
	return err
}
