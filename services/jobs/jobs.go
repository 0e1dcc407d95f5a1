// Package jobs is the jobs service: it keeps jobs, hands them to workers under leases, and shows everyone who may see
// it how far they have come.
package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"headway/internal/auth"
	"headway/internal/blobs"
	"headway/internal/rpcserver"
	"headway/services/jobs/internal/dispatch"
	"headway/services/jobs/internal/job"
	"headway/services/jobs/internal/jobrpc"
	"headway/services/jobs/internal/outputlog"
	"headway/services/jobs/internal/store/sqlite"
)

// Config is how the service runs. A zero field takes its default.
type Config struct {
	// Listen is the host:port to answer gRPC on; port 0 takes a free one. Default 127.0.0.1:9091.
	Listen string
	// Listener is used in place of Listen if it is set. The service closes it.
	Listener net.Listener
	// DataDir is the folder of the database, jobs.db. Needed.
	DataDir string
	// Verifier checks the callers' tokens. Needed.
	Verifier auth.Verifier
	// Logger gets the service's log. Needed.
	Logger *slog.Logger
	// Metrics is where metrics are registered; nil for nowhere.
	Metrics prometheus.Registerer

	// LeaseDuration is how long a lease lasts without a heartbeat, for workers that ask for no other. Default 10 s.
	LeaseDuration time.Duration
	// HeartbeatInterval is how often workers are told to send a heartbeat; at most half of LeaseDuration. Default 3 s.
	HeartbeatInterval time.Duration
	// ReportInterval is the time between two writes of a job's progress, and so between two snapshots that watchers
	// see of a job that keeps its status. Default 250 ms.
	ReportInterval time.Duration
	// IdleReportInterval is how often workers are told to report progress that nobody watches. Default 1 s.
	IdleReportInterval time.Duration
	// CancelGrace is how long a worker has to stop after a cancel; then the job is cancelled without it. Default 15 s.
	CancelGrace time.Duration
	// StalledAfter is how long nothing may move before a job counts as stalled. Default 30 s.
	StalledAfter time.Duration
	// Retention is how long ended jobs are kept. Default 30 days.
	Retention time.Duration
	// MaxActivePerOwnerAndKind is how many jobs of a kind one owner may have active at a time; the others wait, and
	// let those of other owners go first. Default 100; negative for no limit.
	MaxActivePerOwnerAndKind int
	// MaxOutputBytes is the most output of one job. Default 1 GiB.
	MaxOutputBytes int64
	// OutputSegmentBytes is how much output of a job the database keeps; the beginning of a longer one moves to blobs
	// of this size. At least 64 KiB. Default 1 MiB.
	OutputSegmentBytes int64
	// OutputBlobs is the URL of the bucket for long outputs. Default the folder blobs/outputs in DataDir.
	OutputBlobs string
	// DrainTimeout is how long calls may take to end when the service stops. Default 3 s.
	DrainTimeout time.Duration
}

// Validate fills in the defaults, and says which setting is wrong and what would be right.
func (c *Config) Validate() error {
	c.Listen = cmp.Or(c.Listen, "127.0.0.1:9091")
	c.LeaseDuration = cmp.Or(c.LeaseDuration, 10*time.Second)
	c.HeartbeatInterval = cmp.Or(c.HeartbeatInterval, 3*time.Second)
	c.ReportInterval = cmp.Or(c.ReportInterval, 250*time.Millisecond)
	c.IdleReportInterval = cmp.Or(c.IdleReportInterval, time.Second)
	c.CancelGrace = cmp.Or(c.CancelGrace, 15*time.Second)
	c.StalledAfter = cmp.Or(c.StalledAfter, 30*time.Second)
	c.Retention = cmp.Or(c.Retention, 30*24*time.Hour)
	c.MaxActivePerOwnerAndKind = cmp.Or(c.MaxActivePerOwnerAndKind, 100)
	c.MaxOutputBytes = cmp.Or(c.MaxOutputBytes, 1<<30)
	c.OutputSegmentBytes = cmp.Or(c.OutputSegmentBytes, 1<<20)
	c.DrainTimeout = cmp.Or(c.DrainTimeout, 3*time.Second)
	switch {
	case c.DataDir == "":
		return errors.New("jobs: DataDir is missing; name the folder of the database")
	case c.Verifier == nil:
		return errors.New("jobs: Verifier is missing; without one nobody could call the service")
	case c.Logger == nil:
		return errors.New("jobs: Logger is missing")
	case c.HeartbeatInterval > c.LeaseDuration/2:
		return fmt.Errorf("jobs: HeartbeatInterval (%v) is above half of LeaseDuration (%v); one lost heartbeat would lose the job",
			c.HeartbeatInterval, c.LeaseDuration)
	case c.MaxOutputBytes < 0:
		return fmt.Errorf("jobs: MaxOutputBytes (%d) must be above 0", c.MaxOutputBytes)
	case c.OutputSegmentBytes < 64<<10:
		return fmt.Errorf("jobs: OutputSegmentBytes (%d) must be 65536 or more; smaller blobs cost more than they save", c.OutputSegmentBytes)
	}
	if c.OutputBlobs == "" {
		folder, err := filepath.Abs(c.DataDir)
		if err != nil {
			return fmt.Errorf("jobs: DataDir (%s): %w", c.DataDir, err)
		}
		c.OutputBlobs = blobs.FolderURL(filepath.Join(folder, "blobs", "outputs"))
	}
	for name, d := range map[string]time.Duration{
		"LeaseDuration": c.LeaseDuration, "HeartbeatInterval": c.HeartbeatInterval, "ReportInterval": c.ReportInterval,
		"IdleReportInterval": c.IdleReportInterval, "CancelGrace": c.CancelGrace, "StalledAfter": c.StalledAfter,
		"Retention": c.Retention, "DrainTimeout": c.DrainTimeout,
	} {
		if d < 0 {
			return fmt.Errorf("jobs: %s (%v) must be above 0", name, d)
		}
	}
	return nil
}

// Service is a jobs service. Make it with New, then call Run once.
type Service struct {
	cfg        Config
	listener   net.Listener
	server     *rpcserver.Server
	dispatcher *dispatch.Dispatcher
	outputs    *blobs.Bucket
}

// New opens the database, the bucket of outputs and the port.
func New(cfg Config) (_ *Service, err error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Service{cfg: cfg, listener: cfg.Listener}
	if s.listener == nil {
		if s.listener, err = new(net.ListenConfig).Listen(context.Background(), "tcp", cfg.Listen); err != nil {
			return nil, fmt.Errorf("jobs: listen on %s: %w", cfg.Listen, err)
		}
	}
	defer func() {
		if err != nil {
			s.listener.Close()
		}
	}()
	s.server, err = rpcserver.New(rpcserver.Config{Service: "jobs", Verifier: cfg.Verifier, Logger: cfg.Logger,
		Metrics: cfg.Metrics, DrainTimeout: cfg.DrainTimeout})
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
	lane := outputlog.New(outputlog.Config{SegmentBytes: cfg.OutputSegmentBytes, MaxBytes: cfg.MaxOutputBytes, Logger: cfg.Logger}, s.outputs)
	s.dispatcher, err = dispatch.Open(context.Background(), dispatch.Config{
		LeaseDuration:     cfg.LeaseDuration,
		HeartbeatInterval: cfg.HeartbeatInterval,
		ReportInterval:    cfg.ReportInterval,
		IdleInterval:      cfg.IdleReportInterval,
		CancelGrace:       cfg.CancelGrace,
		StalledAfter:      cfg.StalledAfter,
		Retention:         cfg.Retention,
		MostActive:        max(cfg.MaxActivePerOwnerAndKind, 0),
		Logger:            cfg.Logger,
	}, lane, func(ctx context.Context, observe job.Observer) (job.Store, error) {
		return sqlite.Open(ctx, filepath.Join(cfg.DataDir, "jobs.db"), observe)
	})
	if err != nil {
		return nil, fmt.Errorf("jobs: %w", err)
	}
	if cfg.Metrics != nil {
		if err := cfg.Metrics.Register(s.dispatcher.Metrics()); err != nil {
			return nil, errors.Join(fmt.Errorf("jobs: register the metrics: %w", err), s.dispatcher.Close())
		}
	}
	jobrpc.Register(s.server.GRPC, s.dispatcher, cfg.HeartbeatInterval)
	return s, nil
}

// Addr is where the service answers.
func (s *Service) Addr() net.Addr { return s.listener.Addr() }

// Run answers until ctx ends, and then returns within DrainTimeout or a little more: streams end with SHUTTING_DOWN,
// what has been answered is on disk. It returns nil if nothing but the end of ctx ended it.
func (s *Service) Run(ctx context.Context) error {
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	worked := make(chan error, 1)
	go func() { worked <- s.dispatcher.Run(work) }()
	err := s.server.Serve(ctx, s.listener)
	stop()
	return errors.Join(err, <-worked, s.dispatcher.Close(), s.outputs.Close())
}
