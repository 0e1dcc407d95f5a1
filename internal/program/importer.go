package program

import (
	"context"
	"net"

	"headway/internal/auth"
	"headway/services/importer"
)

// ImporterSettings are the importer's own.
type ImporterSettings struct {
	Blobs          string `help:"Bucket for uploaded workbooks: file:///… or another URL of gocloud.dev/blob; a folder of the data folder if empty." placeholder:"URL"`
	Records        string `help:"Database that rows are loaded into; records.db in the data folder if empty." placeholder:"FILE"`
	SchemasDir     string `help:"Folder of further schemas." placeholder:"DIR"`
	MaxUploadBytes int64  `help:"Largest workbook that is taken." default:"536870912"`
	MaxHeldImports int    `help:"Imports held at a time; one writes, the others wait for their turn." default:"4"`
}

// ImporterCommand runs the importer alone.
type ImporterCommand struct {
	Common
	ImporterSettings
	Listen      string `help:"Address to answer gRPC on." default:"127.0.0.1:9092" placeholder:"ADDRESS" env:"HEADWAY_IMPORTER_LISTEN"`
	JobsAddress string `help:"Where the jobs service answers." default:"127.0.0.1:9091" placeholder:"ADDRESS"`
}

// Run answers and works until ctx ends.
func (c *ImporterCommand) Run(ctx context.Context) error {
	return c.alone(ctx, "importer", c.Listen, func(f *Foundation, lis net.Listener) (service, error) {
		return c.NewImporter(&c.Common, f, lis, c.JobsAddress)
	})
}

// NewImporter makes the service on a listener, which it closes.
func (s *ImporterSettings) NewImporter(c *Common, f *Foundation, lis net.Listener, jobsAddress string) (*importer.Service, error) {
	return importer.New(importer.Config{
		Listener: lis, DataDir: c.Data, JobsAddress: jobsAddress, Verifier: f.Key, Credentials: f.Key.ServiceCredentials("importer", auth.ScopeService),
		Blobs: s.Blobs, Records: s.Records, SchemasDir: s.SchemasDir, MaxUploadBytes: s.MaxUploadBytes, MaxHeldImports: s.MaxHeldImports,
		Logger: f.Logger.With("service", "importer"), Metrics: f.Metrics,
	})
}
