// Package jobs is the jobs service: it keeps jobs, hands them to workers under leases, and shows everyone who may see
// it how far they have come.
package jobs

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"

	"headway/internal/blobs"
	"headway/internal/rpcserver"
	"headway/services/jobs/internal/dispatch"
	"headway/services/jobs/internal/job"
	"headway/services/jobs/internal/jobrpc"
	"headway/services/jobs/internal/outputlog"
	"headway/services/jobs/internal/store/sqlite"
)

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
		Metrics: cfg.Metrics, DrainTimeout: cfg.JobsDrainTimeout})
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
		ReportInterval:    cfg.ProgressInterval,
		IdleInterval:      cfg.IdleProgressInterval,
		CancelGrace:       cfg.CancelGrace,
		StalledAfter:      cfg.StalledAfter,
		Retention:         cfg.Retention,
		MostActive:        max(cfg.MaxActive, 0),
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
