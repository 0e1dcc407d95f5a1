package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"headway/cmd/internal/program"
	"headway/cmd/internal/supervise"
	"headway/services/edge"
	"headway/services/importer"
	"headway/services/jobs"
)

// serveCommand runs all services in one process. They call each other over loopback, as they would over a network.
type serveCommand struct {
	program.Common
	Edge     edge.Settings     `embed:""`
	Importer importer.Settings `embed:""`
	Jobs     jobs.Settings     `embed:""`

	Worker []string `help:"Program to run as a worker, with arguments separated by spaces. It is restarted when it ends, and gets the address of the jobs service and a token (docs/workers.md). Can be repeated. Semicolons separate several programs." sep:";" placeholder:"COMMAND"`
}

// runner is a service, or the supervisor of the workers.
type runner interface {
	Run(ctx context.Context) error
}

// Run serves until ctx is done. The edge stops first, so that no new request arrives, and jobs last, so that the workers
// and the importer can release their jobs.
func (c *serveCommand) Run(ctx context.Context) error {
	if err := refuseTLS(os.Environ()); err != nil {
		return err
	}
	env, err := c.Open(c.Edge.Listen, c.Jobs.JobsListen, c.Importer.ImporterListen)
	if err != nil {
		return err
	}
	edgeLis, jobsLis, importerLis, err := c.listen(ctx)
	if err != nil {
		return err
	}
	jobsAddress, importerAddress := jobsLis.Addr().String(), importerLis.Addr().String()
	jobsService, err := c.NewJobs(env, jobs.Config{Settings: c.Jobs, Listener: jobsLis})
	if err != nil {
		return fmt.Errorf("start jobs: %w", err)
	}
	importerService, err := c.NewImporter(env, importer.Config{Settings: c.Importer, Listener: importerLis, JobsAddress: jobsAddress})
	if err != nil {
		return fmt.Errorf("start the importer: %w", err)
	}
	edgeService, err := c.NewEdge(env, edge.Config{Settings: c.Edge, Listener: edgeLis, JobsAddress: jobsAddress,
		ImporterAddress: importerAddress, MaxUploadBytes: int64(c.Importer.MaxUploadBytes)})
	if err != nil {
		return fmt.Errorf("start the edge: %w", err)
	}
	fmt.Printf("Headway is at %s (jobs %s, importer %s, data %s). Press Ctrl-C to stop it.\n",
		program.URL(edgeService), jobsAddress, importerAddress, c.Data)
	program.PrintSignInLink(edgeService)
	services := []runner{jobsService, importerService}
	if commands := nonBlank(c.Worker); len(commands) > 0 {
		services = append(services, &supervise.Workers{Commands: commands, JobsAddress: jobsAddress,
			DataDir: c.Data, Key: env.Key, Logger: env.Logger.With("service", "workers"), Output: os.Stderr})
	}
	background := func(ctx context.Context) error { return c.RunBackground(ctx, env) }
	return runInOrder(ctx, background, append(services, edgeService)...)
}

// refuseTLS returns an error if the environment has settings of connections between services that run alone. To ignore them would
// leave the ports unencrypted that the operator wants to protect.
func refuseTLS(environment []string) error {
	for _, variable := range environment {
		if name, value, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "HEADWAY_GRPC_TLS_") && value != "" && value != "false" {
			return program.Refuse("%s is set, but the services of headway serve call each other without TLS. Unset it, or run the services separately (headway jobs, headway importer, headway edge)", name)
		}
	}
	return nil
}

func (c *serveCommand) listen(ctx context.Context) (edge, jobs, importer net.Listener, err error) {
	if edge, err = program.Listen(ctx, "--listen", c.Edge.Listen); err != nil {
		return nil, nil, nil, err
	}
	if jobs, err = program.Listen(ctx, "--jobs-listen", c.Jobs.JobsListen); err != nil {
		return nil, nil, nil, err
	}
	importer, err = program.Listen(ctx, "--importer-listen", c.Importer.ImporterListen)
	return edge, jobs, importer, err
}

// nonBlank returns the commands that are not blank.
func nonBlank(commands []string) []string {
	return slices.DeleteFunc(slices.Clone(commands), func(c string) bool { return strings.TrimSpace(c) == "" })
}

// runInOrder runs services, each of which depends on the ones before it, and ends them in the reverse order. If one
// fails, all end.
func runInOrder(ctx context.Context, background func(context.Context) error, services ...runner) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return background(ctx) })
	last := ctx
	for i := len(services) - 1; i >= 0; i-- {
		mine := last
		ended, end := context.WithCancel(context.WithoutCancel(ctx))
		g.Go(func() error {
			defer end() // now the one before it can end
			return services[i].Run(mine)
		})
		last = ended
	}
	return g.Wait()
}
