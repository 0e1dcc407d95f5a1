package program

import (
	"context"
	"fmt"
	"net"

	"golang.org/x/sync/errgroup"

	"headway/services/jobs"
)

// JobsCommand runs the jobs service alone.
type JobsCommand struct {
	Common
	ServiceTLSFlags
	Settings jobs.Settings `embed:""`
}

// Run serves until ctx is done.
func (c *JobsCommand) Run(ctx context.Context) error {
	return c.alone(ctx, "jobs", "--jobs-listen", c.Settings.JobsListen, func(env *Env, lis net.Listener) (service, error) {
		transport, err := c.open(env.Logger, true)
		if err != nil {
			return nil, err
		}
		return c.NewJobs(env, jobs.Config{Settings: c.Settings, Listener: lis, ServerTLS: transport.server})
	})
}

// NewJobs returns a jobs service, whose dependencies it adds to cfg.
func (c *Common) NewJobs(env *Env, cfg jobs.Config) (*jobs.Service, error) {
	cfg.DataDir, cfg.Verifier = c.Data, env.Verifier
	cfg.Logger, cfg.Metrics = env.Logger.With("service", "jobs"), env.Metrics
	return jobs.New(cfg)
}

// service is a service that a program runs.
type service interface {
	// Run serves until ctx is done.
	Run(ctx context.Context) error
	// Ready reports whether the service can do its work, and names what is missing.
	Ready(ctx context.Context) (ready bool, states map[string]string)
}

// alone runs one service and its metrics in this process.
func (c *Common) alone(ctx context.Context, name, flag, listen string, open func(*Env, net.Listener) (service, error)) error {
	env, err := c.Open(listen)
	if err != nil {
		return err
	}
	lis, err := Listen(ctx, flag, listen)
	if err != nil {
		return err
	}
	s, err := open(env, lis)
	if err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	env.Ready = s.Ready
	env.Logger.InfoContext(ctx, "serving", "service", name, "address", lis.Addr().String(), "data", c.Data)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.Run(ctx) })
	g.Go(func() error { return c.RunBackground(ctx, env) })
	return g.Wait()
}
