// Package importer is the importer service: it takes workbooks in, and loads their checked rows into a database, as a
// worker of the jobs service.
package importer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	headway "headway/clients/go"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/auth"
	"headway/internal/blobs"
	"headway/internal/rpcclient"
	"headway/internal/rpcserver"
	"headway/schemas"
	"headway/services/importer/internal/engine"
	"headway/services/importer/internal/files"
	"headway/services/importer/internal/follow"
	"headway/services/importer/internal/importrpc"
	"headway/services/importer/internal/intake"
	"headway/services/importer/internal/maintenance"
	"headway/services/importer/internal/report"
	"headway/services/importer/internal/review"
	"headway/services/importer/internal/schema"
	storesqlite "headway/services/importer/internal/store/sqlite"
	targetsqlite "headway/services/importer/internal/target/sqlite"
	"headway/services/importer/internal/worker"
	"headway/services/importer/internal/xlsx"
)

// Config is how the service runs. A zero field takes its default.
type Config struct {
	// Listen is the host:port to answer gRPC on; port 0 takes a free one. Default 127.0.0.1:9092.
	Listen string
	// Listener is used in place of Listen if it is set. The service closes it.
	Listener net.Listener
	// DataDir is the folder of the service's own database, importer.db, and of what has no place of its own. Needed.
	DataDir string
	// JobsAddress is the host:port of the jobs service. Default 127.0.0.1:9091.
	JobsAddress string
	// Credentials are sent with every call to the jobs service; they need the scope headway:service. Needed.
	Credentials credentials.PerRPCCredentials
	// Blobs is the URL of the bucket for uploaded workbooks. Default the folder blobs/imports in DataDir.
	Blobs string
	// Records is the file of the database that rows are loaded into. Default records.db in DataDir.
	Records string
	// SchemasDir is a folder of further schemas; none if empty.
	SchemasDir string
	// MaxUploadBytes is the largest workbook that is taken. Default 512 MiB.
	MaxUploadBytes int64
	// Limits bound what a workbook may unpack to. Default xlsx.DefaultLimits.
	Limits xlsx.Limits
	// MaxHeldImports is how many imports are leased at a time; one of them writes, the others wait for their turn.
	// Default 4.
	MaxHeldImports int
	// Retention is how long an import's numbers and issues are kept at least; its workbook goes with its job. Default 30
	// days.
	Retention time.Duration
	// SweepInterval is how often it is looked for what is to go. Default 10 minutes.
	SweepInterval time.Duration
	// Verifier checks the callers' tokens. Needed.
	Verifier auth.Verifier
	// Logger gets the service's log. Needed.
	Logger *slog.Logger
	// Metrics is where metrics are registered; nil for nowhere.
	Metrics prometheus.Registerer
	// DrainTimeout is how long calls may take to end when the service stops. Default 3 s.
	DrainTimeout time.Duration
}

// Validate fills in the defaults, and says which setting is wrong and what would be right.
func (c *Config) Validate() error {
	c.Listen = cmp.Or(c.Listen, "127.0.0.1:9092")
	c.JobsAddress = cmp.Or(c.JobsAddress, "127.0.0.1:9091")
	c.MaxUploadBytes = cmp.Or(c.MaxUploadBytes, 512<<20)
	c.MaxHeldImports = cmp.Or(c.MaxHeldImports, 4)
	c.DrainTimeout = cmp.Or(c.DrainTimeout, 3*time.Second)
	c.Retention = cmp.Or(c.Retention, 30*24*time.Hour)
	c.SweepInterval = cmp.Or(c.SweepInterval, 10*time.Minute)
	c.Limits = cmp.Or(c.Limits, xlsx.DefaultLimits())
	switch {
	case c.DataDir == "":
		return errors.New("importer: DataDir is missing; name the folder of the database")
	case c.Credentials == nil:
		return errors.New("importer: Credentials are missing; without them the jobs service answers nothing")
	case c.Verifier == nil:
		return errors.New("importer: Verifier is missing; without one nobody could call the service")
	case c.Logger == nil:
		return errors.New("importer: Logger is missing")
	case c.MaxUploadBytes < 0:
		return fmt.Errorf("importer: MaxUploadBytes (%d) must be above 0", c.MaxUploadBytes)
	case c.MaxHeldImports < 0 || c.MaxHeldImports > 100:
		return fmt.Errorf("importer: MaxHeldImports (%d) must be between 1 and 100", c.MaxHeldImports)
	case c.Retention < 0 || c.SweepInterval < 0:
		return fmt.Errorf("importer: Retention (%v) and SweepInterval (%v) must be above 0", c.Retention, c.SweepInterval)
	case c.DrainTimeout < 0:
		return fmt.Errorf("importer: DrainTimeout (%v) must be above 0", c.DrainTimeout)
	}
	if err := c.Limits.Validate(); err != nil {
		return fmt.Errorf("importer: %w", err)
	}
	folder, err := filepath.Abs(c.DataDir)
	if err != nil {
		return fmt.Errorf("importer: DataDir: %w", err)
	}
	c.DataDir = folder
	c.Records = cmp.Or(c.Records, filepath.Join(folder, "records.db"))
	c.Blobs = cmp.Or(c.Blobs, blobs.FolderURL(filepath.Join(folder, "blobs", "imports")))
	return nil
}

// Service is an importer. Make it with New, then call Run once.
type Service struct {
	cfg      Config
	listener net.Listener
	server   *rpcserver.Server
	jobs     *grpc.ClientConn
	store    *storesqlite.Store
	target   *targetsqlite.Target
	files    *files.Store
	follow   *follow.Follower
	maintain *maintenance.Maintenance
	worker   *headway.Worker
}

// New opens the databases, the bucket and the port.
func New(cfg Config) (_ *Service, err error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Service{cfg: cfg, listener: cfg.Listener}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("importer: %w", err), s.close())
		}
	}()
	if err := s.open(context.Background()); err != nil {
		return nil, err
	}
	registry, err := schema.NewRegistry(schema.RegistryConfig{BuiltIn: schemas.Files, Folder: cfg.SchemasDir, Logger: cfg.Logger})
	if err != nil {
		return nil, err
	}
	jobs := jobsv1.NewJobServiceClient(s.jobs)
	in := &intake.Intake{Store: s.store, Files: s.files, Schemas: registry, Jobs: jobs, MaxBytes: cfg.MaxUploadBytes, Limits: cfg.Limits}
	s.maintain = &maintenance.Maintenance{
		Store: s.store, Files: s.files, Jobs: jobs, CreateJob: in.CreateJob, Started: time.Now(),
		Retention: cfg.Retention, Interval: cfg.SweepInterval, Logger: cfg.Logger,
	}
	s.follow = follow.New(follow.Config{Store: s.store, Jobs: jobs})
	importrpc.Register(s.server.GRPC, importrpc.Config{
		Store: s.store, Schemas: registry, Intake: in, Follow: s.follow, Review: &review.Reviewer{Jobs: jobs},
		Reports: &report.Producer{Store: s.store, Files: s.files, Schemas: registry, Limits: cfg.Limits},
	})
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	runner := &worker.Runner{
		Engine: &engine.Engine{Target: s.target, Books: s.store, SpillDir: cfg.DataDir, Logger: cfg.Logger},
		Store:  s.store, Files: s.files, Schemas: registry, Jobs: jobs, Limits: cfg.Limits, Logger: cfg.Logger,
	}
	s.worker = worker.NewWorker(s.jobs, runner, worker.WorkerConfig{
		Name: fmt.Sprintf("importer@%s:%d", host, os.Getpid()), Concurrency: cfg.MaxHeldImports, Logger: cfg.Logger,
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
		if s.listener, err = new(net.ListenConfig).Listen(ctx, "tcp", cfg.Listen); err != nil {
			return fmt.Errorf("listen on %s: %w", cfg.Listen, err)
		}
	}
	s.server, err = rpcserver.New(rpcserver.Config{Service: "importer", Verifier: cfg.Verifier, Logger: cfg.Logger,
		Metrics: cfg.Metrics, DrainTimeout: cfg.DrainTimeout})
	if err != nil {
		return err
	}
	s.jobs, err = rpcclient.Dial(cfg.JobsAddress, rpcclient.Config{Credentials: cfg.Credentials})
	if err != nil {
		return fmt.Errorf("the jobs service at %s: %w", cfg.JobsAddress, err)
	}
	if s.store, err = storesqlite.Open(ctx, filepath.Join(cfg.DataDir, "importer.db")); err != nil {
		return err
	}
	if s.target, err = targetsqlite.Open(ctx, cfg.Records); err != nil {
		return err
	}
	s.files, err = files.Open(ctx, cfg.Blobs)
	return err
}

// Addr is where the service answers.
func (s *Service) Addr() net.Addr { return s.listener.Addr() }

// Run answers and works until ctx ends, and then returns within DrainTimeout or a little more; imports under way are
// given back to the jobs service, which hands them out again. It returns nil if nothing but the end of ctx ended it.
func (s *Service) Run(ctx context.Context) error {
	g, working := errgroup.WithContext(ctx)
	g.Go(func() error { return s.server.Serve(working, s.listener) })
	g.Go(func() error { return s.work(working) })
	g.Go(func() error { return s.maintain.Run(working) })
	err := g.Wait()
	return errors.Join(err, s.close())
}

// work runs imports until ctx ends. A jobs service that is gone by then cannot be told that imports are given back; it
// finds out when their leases expire.
func (s *Service) work(ctx context.Context) error {
	err := s.worker.Run(ctx)
	if err != nil && ctx.Err() != nil {
		s.cfg.Logger.WarnContext(ctx, "imports under way were not given back", "error", err)
		return nil //nolint:nilerr // the end of ctx is no error, and the log has the rest
	}
	return err
}

// close closes what open opened.
func (s *Service) close() error {
	var err error
	if s.follow != nil {
		s.follow.Close()
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
		// The server has closed it, unless it never began to serve.
		_ = s.listener.Close()
	}
	return err
}
