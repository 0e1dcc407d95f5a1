package program

import (
	"context"
	"fmt"
	"net"
	"time"

	"golang.org/x/sync/errgroup"

	"headway/services/jobs"
)

// JobsSettings are the jobs service's own.
type JobsSettings struct {
	LeaseDuration     time.Duration `help:"How long a lease lasts without a heartbeat." default:"10s"`
	HeartbeatInterval time.Duration `help:"How often workers send a heartbeat; at most half of the lease." default:"3s"`
	CancelGrace       time.Duration `help:"How long a worker has to stop after a cancel." default:"15s"`
	Retention         time.Duration `help:"How long ended jobs are kept." default:"720h"`
	MaxActive         int           `help:"Active jobs of a kind that one owner may have; negative for no limit." default:"100"`
	MaxOutputBytes    int64         `help:"Most bytes of output of one job." default:"1073741824"`
	OutputSegment     int64         `help:"Bytes of a job's output that the database keeps; of longer ones the beginning moves to blobs of this size." default:"1048576" name:"output-segment-bytes"`
	OutputBlobs       string        `help:"URL of the bucket for long outputs; a folder in the data folder if empty." placeholder:"URL"`
}

// JobsCommand runs the jobs service alone.
type JobsCommand struct {
	Common
	JobsSettings
	Listen string `help:"Address to answer gRPC on." default:"127.0.0.1:9091" placeholder:"ADDRESS" env:"HEADWAY_JOBS_LISTEN"`
}

// Run answers until ctx ends.
func (c *JobsCommand) Run(ctx context.Context) error {
	return c.alone(ctx, "jobs", c.Listen, func(f *Env, lis net.Listener) (service, error) {
		return c.NewJobs(&c.Common, f, lis)
	})
}

// NewJobs makes the service on a listener, which it closes.
func (s *JobsSettings) NewJobs(c *Common, f *Env, lis net.Listener) (*jobs.Service, error) {
	return jobs.New(jobs.Config{
		Listener: lis, DataDir: c.Data, Verifier: f.Verifier, Logger: f.Logger.With("service", "jobs"), Metrics: f.Metrics,
		LeaseDuration: s.LeaseDuration, HeartbeatInterval: s.HeartbeatInterval, CancelGrace: s.CancelGrace,
		Retention: s.Retention, MaxActivePerOwnerAndKind: s.MaxActive, MaxOutputBytes: s.MaxOutputBytes,
		OutputSegmentBytes: s.OutputSegment, OutputBlobs: s.OutputBlobs,
	})
}

// service is what every service is to the program that runs it.
type service interface {
	// Run answers until ctx ends.
	Run(ctx context.Context) error
}

// alone runs one service and its metrics in this process.
func (c *Common) alone(ctx context.Context, name, listen string, make func(*Env, net.Listener) (service, error)) error {
	f, err := c.Open(listen)
	if err != nil {
		return err
	}
	lis, err := Listen(ctx, "--listen", listen)
	if err != nil {
		return err
	}
	s, err := make(f, lis)
	if err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	f.Logger.InfoContext(ctx, "serving", "service", name, "address", lis.Addr().String(), "data", c.Data)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.Run(ctx) })
	g.Go(func() error { return c.RunBeside(ctx, f) })
	return g.Wait()
}
