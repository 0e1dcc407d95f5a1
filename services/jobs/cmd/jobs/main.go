// Command jobs runs the jobs service alone.
package main

import (
	"context"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"headway/internal/program"
	"headway/services/jobs"
)

func main() {
	os.Exit(program.Main("jobs", "Headway's jobs service: state, queue, leases and progress of every job.", &commandLine{}))
}

// commandLine is the program's settings.
type commandLine struct {
	program.Common

	JobsListen    string        `help:"Address to answer gRPC on; port 0 takes a free one." default:"127.0.0.1:9091" placeholder:"ADDRESS"`
	LeaseDuration time.Duration `help:"How long a lease lasts without a heartbeat." default:"10s"`
	Heartbeat     time.Duration `help:"How often workers send a heartbeat." default:"3s"`
	CancelGrace   time.Duration `help:"How long a worker has to stop after a cancel." default:"15s"`
	Retention     time.Duration `help:"How long ended jobs are kept." default:"720h"`
	MaxActive     int           `help:"Active jobs per owner and kind; negative for no limit." default:"100"`
	MaxOutput     int64         `help:"Most bytes of output of one job." default:"268435456"`
}

// Run serves until ctx ends.
func (c *commandLine) Run(ctx context.Context) error {
	f, err := c.Found(os.Stderr, c.JobsListen)
	if err != nil {
		return err
	}
	service, err := jobs.New(jobs.Config{
		Listen: c.JobsListen, DataDir: c.Data, Verifier: f.Key, Logger: f.Logger, Metrics: f.Metrics,
		LeaseDuration: c.LeaseDuration, HeartbeatInterval: c.Heartbeat, CancelGrace: c.CancelGrace, Retention: c.Retention,
		MaxActivePerOwnerAndKind: c.MaxActive, MaxOutputBytes: c.MaxOutput,
	})
	if err != nil {
		return err
	}
	f.Logger.InfoContext(ctx, "jobs service ready", "address", service.Addr().String(), "data", c.Data)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return service.Run(ctx) })
	g.Go(func() error { return c.ServeMetrics(ctx, f) })
	return g.Wait()
}
