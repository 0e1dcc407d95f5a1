package importer

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/credentials"

	"headway/internal/auth"
	"headway/internal/blobs"
	"headway/internal/governor"
	"headway/internal/settings"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/targets"
)

// Settings are the operator's settings. Each is a flag and an environment variable of the programs. Zero fields have
// defaults.
type Settings struct {
	ImporterListen string `help:"Address of the importer (gRPC). Port 0 means any free port." default:"127.0.0.1:9092" placeholder:"ADDRESS"`

	SchemasDir             string         `help:"Directory with your own schemas (*.yaml), in addition to the built-in ones." placeholder:"DIR"`
	MaxUploadBytes         settings.Bytes `help:"Maximum size of a workbook." default:"512MiB" placeholder:"SIZE"`
	WorkbookBytesPerUser   settings.Bytes `help:"Maximum total size of a user's stored workbooks. A negative value means no limit." default:"100GiB" placeholder:"SIZE" negative:"no limit"`
	Records                string         `help:"Database that rows are imported into: an SQLite file, or the URL of a PostgreSQL database, such as postgres://user@host/name?sslmode=verify-full. Empty for records.db in the data directory. Keep the password in the file that passfile=PATH or PGPASSFILE names." placeholder:"FILE|URL"`
	Targets                string         `help:"File that assigns schemas to several databases, instead of --records (docs/targets.md)." placeholder:"FILE"`
	ImportsDatabase        string         `help:"URL of a PostgreSQL database for the counts and issues of imports, such as postgres://user@host/name?sslmode=verify-full. It can be the database of the jobs. Several importers can use it. Empty for an SQLite file in the data directory. Keep the password in the file that passfile=PATH or PGPASSFILE names." placeholder:"URL"`
	Blobs                  string         `help:"URL of the bucket for uploaded workbooks, such as s3://BUCKET?prefix=imports/. Importers with the same --imports-database must use the same bucket, and other importers must not use it. Empty for a directory in the data directory." placeholder:"URL"`
	MaxConcurrentImports   int            `help:"Maximum number of concurrent imports. Imports into the same database take turns." default:"4" min:"1" max:"100"`
	Memory                 settings.Bytes `help:"Memory budget of the importer, such as 512MiB or 2GiB. At least 256MiB. 0 means half of the memory of the container or the machine." default:"0" placeholder:"SIZE"`
	ImportRetention        time.Duration  `help:"Minimum time that the counts and issues of an import are stored. Its workbook is deleted with its job." default:"720h"`
	MaxImportDuration      time.Duration  `help:"Maximum duration of an import, including the time that it waits for a decision. After that, it fails and nothing is saved." default:"720h" min:"1s"`
	SweepInterval          time.Duration  `help:"Interval at which the importer looks for imports and workbooks to delete." default:"10m"`
	ImporterStallTimeout   time.Duration  `help:"How long the sender or the reader of a file can keep the importer waiting. Not shorter than --stall-timeout of the edges." default:"2m" min:"1ms"`
	ImporterStreamsPerUser int            `help:"Maximum number of open gRPC streams per user at the importer: watched imports, uploads, and downloads. The edges have separate limits. A negative value means no limit." default:"1000" negative:"no limit"`
	ImporterConnections    int            `help:"Maximum number of open gRPC connections of the importer. A negative value means no limit." default:"10000" negative:"no limit"`
	ImporterDrainTimeout   time.Duration  `help:"How long calls of the importer can take to finish during a shutdown." default:"3s"`
}

// Config configures the service.
type Config struct {
	Settings
	// Listener, if set, is used instead of ImporterListen. The service closes it.
	Listener net.Listener
	// DataDir is the directory of the metadata database, importer.db, and of temporary files. Required.
	DataDir string
	// ServerTLS are the credentials of the service's own port, and JobsTLS those of connections to the jobs service. Without
	// them, connections are not encrypted.
	ServerTLS, JobsTLS credentials.TransportCredentials
	// JobsAddress is the host:port of the jobs service. Default 127.0.0.1:9091.
	JobsAddress string
	// Credentials are sent with every call to the jobs service. They need the scope headway:service. Required.
	Credentials credentials.PerRPCCredentials
	// Limits bound the unpacked size of a workbook. Default source.DefaultLimits.
	Limits source.Limits
	// targets are the databases of Targets, or the one of Records.
	targets *targets.Config
	// Verifier checks the callers' tokens. Required.
	Verifier auth.Verifier
	// Logger receives the service's log. Required.
	Logger *slog.Logger
	// Metrics is the registry for metrics. If it is nil, there are none.
	Metrics prometheus.Registerer
}

// complete fills in the defaults. An error names the invalid setting, and its valid values.
func (c *Config) complete() error {
	if err := settings.Complete(&c.Settings); err != nil {
		return err
	}
	c.JobsAddress = cmp.Or(c.JobsAddress, "127.0.0.1:9091")
	c.Limits = cmp.Or(c.Limits, source.DefaultLimits())
	c.Limits.SpillDir = cmp.Or(c.Limits.SpillDir, c.DataDir)
	c.Memory = settings.Bytes(c.MemoryBudget())
	switch {
	case c.Memory < minMemory:
		return fmt.Errorf("--memory is %s. The minimum is %s", c.Memory, settings.Bytes(minMemory))
	case c.DataDir == "":
		return errors.New("the data directory is missing: set it to the directory of the database")
	case c.Credentials == nil:
		return errors.New("the credentials are missing: the jobs service refuses calls without them")
	case c.Verifier == nil:
		return errors.New("the verifier is missing: without it, no caller can be identified")
	case c.Logger == nil:
		return errors.New("the logger is missing")
	}
	if err := c.Limits.Validate(); err != nil {
		return err
	}
	folder, err := filepath.Abs(c.DataDir)
	if err != nil {
		return fmt.Errorf("data directory (%s): %w", c.DataDir, err)
	}
	c.DataDir = folder
	if err := c.loadTargets(); err != nil {
		return err
	}
	if err := c.checkShared(); err != nil {
		return err
	}
	c.Blobs = cmp.Or(c.Blobs, blobs.FolderURL(filepath.Join(folder, "blobs", "imports")))
	return nil
}

// checkShared checks that other importers on the same database find the workbooks and the rows.
func (c *Config) checkShared() error {
	if c.ImportsDatabase == "" {
		return nil
	}
	if !strings.HasPrefix(c.ImportsDatabase, "postgres://") && !strings.HasPrefix(c.ImportsDatabase, "postgresql://") {
		return errors.New("--imports-database is not the URL of a PostgreSQL database: begin it with postgres://")
	}
	if c.Blobs == "" {
		return errors.New("--imports-database is for several importers, and needs --blobs: they must find each other's workbooks. Set a bucket, or the URL of a directory that all can write to (file:///DIRECTORY)")
	}
	for name, database := range c.targets.Targets {
		if database.URL != "" {
			continue
		}
		if c.Targets == "" {
			return errors.New("--imports-database is for several importers, and needs --records or --targets: they must not write rows into different SQLite files. Set the URL of a PostgreSQL database")
		}
		return fmt.Errorf("--imports-database is for several importers, but the target %s is an SQLite file, which only one can use. Set the url of a PostgreSQL database in %s", name, c.Targets)
	}
	return nil
}

// loadTargets reads the targets file. Without one, all rows go into one database.
func (c *Config) loadTargets() (err error) {
	if c.Targets == "" {
		if kind, _, is := strings.Cut(c.Records, "://"); is && kind != "postgres" && kind != "postgresql" {
			return fmt.Errorf("--records is the address of a database of the kind %q. Use a file (SQLite), or a URL that begins with postgres://", kind)
		}
		c.targets = targets.Single(cmp.Or(c.Records, defaultRecords(c.DataDir)))
		return nil
	}
	if c.Records != "" {
		return errors.New("--records and --targets are both set. Use --targets for several databases, and --records for one")
	}
	if c.targets, err = targets.Load(c.Targets); err != nil {
		return fmt.Errorf("--targets: %w", err)
	}
	return nil
}

const (
	// minMemory is the minimum memory budget of a service.
	minMemory = 256 << 20
	// fixedMemory is the part of the budget for memory that does not depend on input.
	fixedMemory = 96 << 20
	// textBytes is the text that the cells of a small file can have together: 1,000 characters in each row of a full sheet.
	textBytes = 1 << 30
)

// MemoryBudget returns the memory budget in bytes.
func (s *Settings) MemoryBudget() int64 {
	if s.Memory != 0 {
		return int64(s.Memory)
	}
	return max(minMemory, governor.Default(1<<30))
}

// budgets divides the memory budget. Runs have their own part, so that uploads and downloads can't stop an import, or the
// other way around. A quarter is left for memory that the garbage collector has not freed.
//
// upload is the memory of an upload.
func (c *Config) budgets(upload int64) (runs, requests *governor.Budget) {
	free := int64(c.Memory) - fixedMemory
	request := max(free/16, 2*source.OpenBytes) + imports.KeptPerSheet*imports.CommentBytes
	return governor.New(free/2, free/2), governor.New(free/4, max(request, upload))
}
