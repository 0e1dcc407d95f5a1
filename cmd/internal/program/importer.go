package program

import (
	"context"
	"net"
	"os"
	"runtime/debug"

	"headway/internal/auth"
	"headway/services/importer"
)

// ImporterSettings are the importer's own.
type ImporterSettings struct {
	SchemasDir     string `help:"Folder with schemas of your own (*.yaml), beside the built-in ones." placeholder:"DIR"`
	MaxUploadBytes int64  `help:"Largest workbook that is taken." default:"536870912"`
	Records        string `help:"Database file that rows are loaded into; records.db in the data folder if empty." placeholder:"FILE"`
	Blobs          string `help:"URL of the bucket for uploaded workbooks; a folder in the data folder if empty." placeholder:"URL"`
}

// ImporterCommand runs the importer alone.
type ImporterCommand struct {
	Common
	ImporterSettings
	Listen      string `help:"Address to answer gRPC on." default:"127.0.0.1:9092" placeholder:"ADDRESS" env:"HEADWAY_IMPORTER_LISTEN"`
	JobsAddress string `help:"Where the jobs service answers." default:"127.0.0.1:9091" placeholder:"ADDRESS"`
}

// Run answers until ctx ends.
func (c *ImporterCommand) Run(ctx context.Context) error {
	return c.alone(ctx, "importer", c.Listen, func(f *Env, lis net.Listener) (service, error) {
		return c.NewImporter(&c.Common, f, lis, c.JobsAddress)
	})
}

// collectAt is the heap's growth, in percent, at which memory is collected where an importer runs. It holds the keys of
// millions of rows for as long as an import takes and makes little garbage beside them, so half of Go's default saves
// memory and costs hardly anything. GOGC says otherwise if it is set.
const collectAt = 50

// NewImporter makes the service on a listener, which it closes.
func (s *ImporterSettings) NewImporter(c *Common, f *Env, lis net.Listener, jobs string) (*importer.Service, error) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	return importer.New(importer.Config{
		Listener: lis, DataDir: c.Data, JobsAddress: jobs,
		Credentials: f.Key.ServiceCredentials("importer", auth.ScopeService, auth.ScopeWorker),
		Blobs:       s.Blobs, Records: s.Records, SchemasDir: s.SchemasDir, MaxUploadBytes: s.MaxUploadBytes,
		Verifier: f.Verifier, Logger: f.Logger.With("service", "importer"), Metrics: f.Metrics,
	})
}
