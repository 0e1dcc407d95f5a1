package program

import (
	"context"
	"net"
	"os"
	"runtime/debug"

	"headway/internal/auth"
	"headway/internal/governor"
	"headway/services/importer"
)

// ImporterCommand runs the importer alone.
type ImporterCommand struct {
	Common
	ServiceTLSFlags
	Settings    importer.Settings `embed:""`
	JobsAddress string            `help:"Address of the jobs service. Several replicas are separated by commas, or are the addresses of a name: dns:///HOST:PORT." default:"127.0.0.1:9091" placeholder:"ADDRESS"`
}

// Run serves until ctx is done.
func (c *ImporterCommand) Run(ctx context.Context) error {
	return c.alone(ctx, "importer", "--importer-listen", c.Settings.ImporterListen, func(env *Env, lis net.Listener) (service, error) {
		transport, err := c.open(env.Logger, true)
		if err != nil {
			return nil, err
		}
		return c.NewImporter(env, importer.Config{Settings: c.Settings, Listener: lis, JobsAddress: c.JobsAddress,
			ServerTLS: transport.server, JobsTLS: transport.client})
	})
}

// collectAt is the growth of the heap, in percent, at which memory is collected in processes that run an importer or an edge.
// An import holds the keys of millions of rows until it ends, and an edge the state of thousands of connections. Both create
// little garbage. So less than half of Go's default saves memory, and costs almost no time. GOGC overrides it.
const collectAt = 40

func collectEarly() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
}

// outsideGo is the part of the memory budget that Go's collector does not know about: the program's code, and SQLite's page
// caches.
const outsideGo = 64 << 20

// NewImporter returns an importer, whose dependencies it adds to cfg.
func (c *Common) NewImporter(env *Env, cfg importer.Config) (*importer.Service, error) {
	governor.SetSoftLimit(cfg.MemoryBudget() - outsideGo)
	collectEarly()
	cfg.DataDir, cfg.Verifier = c.Data, env.Verifier
	cfg.Credentials = env.Key.ServiceCredentials("importer", auth.ScopeService, auth.ScopeWorker, auth.ScopeImporter)
	cfg.Logger, cfg.Metrics = env.Logger.With("service", "importer"), env.Metrics
	return importer.New(cfg)
}
