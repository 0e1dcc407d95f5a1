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
)

// serveCommand runs every service in one process. They talk over loopback, just as they would over a network.
type serveCommand struct {
	program.Common
	program.EdgeSettings
	program.ImporterSettings
	program.JobsSettings
	Listen         string `help:"Address of the page, REST and streams." default:"127.0.0.1:8080" placeholder:"ADDRESS"`
	JobsListen     string `help:"Address of the jobs service (gRPC)." default:"127.0.0.1:9091" placeholder:"ADDRESS"`
	ImporterListen string `help:"Address of the importer (gRPC)." default:"127.0.0.1:9092" placeholder:"ADDRESS"`

	Worker []string `help:"Program to run beside the services, with arguments separated by spaces; it is started again when it ends. It gets the jobs service's address and a token (docs/workers.md). May be repeated; ; separates several." sep:";" placeholder:"COMMAND"`
}

// runner is what every service is here.
type runner interface {
	Run(ctx context.Context) error
}

// Run serves until ctx ends; then the edge goes first, so that nobody new comes in, and jobs last, so that the workers
// and the importer can give their jobs back.
func (c *serveCommand) Run(ctx context.Context) error {
	f, err := c.Open(c.Listen, c.JobsListen, c.ImporterListen)
	if err != nil {
		return err
	}
	edgeLis, jobsLis, importerLis, err := c.listen(ctx)
	if err != nil {
		return err
	}
	jobs, err := c.NewJobs(&c.Common, f, jobsLis)
	if err != nil {
		return fmt.Errorf("start jobs: %w", err)
	}
	importer, err := c.NewImporter(&c.Common, f, importerLis, jobsLis.Addr().String())
	if err != nil {
		return fmt.Errorf("start the importer: %w", err)
	}
	edge, err := c.NewEdge(&c.Common, f, edgeLis, jobsLis.Addr().String(), importerLis.Addr().String(), c.MaxUploadBytes)
	if err != nil {
		return fmt.Errorf("start the edge: %w", err)
	}
	scheme := "http"
	if c.TLSCertFile != "" {
		scheme = "https"
	}
	fmt.Fprintf(os.Stdout, "Headway is at %s://%s (jobs %s, importer %s, data %s). Ctrl-C ends it.\n",
		scheme, edgeLis.Addr(), jobsLis.Addr(), importerLis.Addr(), c.Data)
	services := []runner{jobs, importer}
	if commands := nonBlank(c.Worker); len(commands) > 0 {
		services = append(services, &supervise.Workers{Commands: commands, JobsAddress: jobsLis.Addr().String(),
			DataDir: c.Data, Key: f.Key, Logger: f.Logger.With("service", "workers"), Output: os.Stderr})
	}
	return runInOrder(ctx, func(ctx context.Context) error { return c.RunBeside(ctx, f) }, append(services, edge)...)
}

func (c *serveCommand) listen(ctx context.Context) (edge, jobs, importer net.Listener, err error) {
	if edge, err = program.Listen(ctx, "--listen", c.Listen); err != nil {
		return nil, nil, nil, err
	}
	if jobs, err = program.Listen(ctx, "--jobs-listen", c.JobsListen); err != nil {
		return nil, nil, nil, err
	}
	importer, err = program.Listen(ctx, "--importer-listen", c.ImporterListen)
	return edge, jobs, importer, err
}

// nonBlank leaves out commands of nothing but spaces.
func nonBlank(commands []string) []string {
	return slices.DeleteFunc(slices.Clone(commands), func(c string) bool { return strings.TrimSpace(c) == "" })
}

// runInOrder runs services that depend on those before them, and ends them the other way round. The first that fails
// ends all.
func runInOrder(ctx context.Context, beside func(context.Context) error, services ...runner) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return beside(ctx) })
	last := ctx
	for i := len(services) - 1; i >= 0; i-- {
		mine := last
		ended, end := context.WithCancel(context.WithoutCancel(ctx))
		g.Go(func() error {
			defer end() // the one before may end now
			return services[i].Run(mine)
		})
		last = ended
	}
	return g.Wait()
}
