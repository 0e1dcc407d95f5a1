package jobs

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/credentials"

	"headway/internal/auth"
	"headway/internal/blobs"
	"headway/internal/bus/nats"
	"headway/internal/settings"
	"headway/services/jobs/internal/job"
)

// Settings are the operator's settings. Each is a flag and an environment variable of the programs. Zero fields have
// defaults.
type Settings struct {
	JobsListen string `help:"Address of the jobs service (gRPC). Port 0 means any free port." default:"127.0.0.1:9091" placeholder:"ADDRESS"`

	JobsDatabase string `help:"URL of a PostgreSQL database for the jobs, such as postgres://user@host/name?sslmode=verify-full. Empty for an SQLite file in the data directory. Keep the password in the file that passfile=PATH or PGPASSFILE names." placeholder:"URL"`

	nats.Settings

	LeaseDuration        time.Duration  `help:"How long a lease lasts without a heartbeat, for workers that don't request another duration." default:"10s"`
	HeartbeatInterval    time.Duration  `help:"Interval at which workers must send heartbeats. At most half of the lease duration." default:"3s"`
	ProgressInterval     time.Duration  `help:"Minimum interval between two stored progress updates of a job, and so between two snapshots that watchers receive." default:"250ms"`
	IdleProgressInterval time.Duration  `help:"Interval at which workers report progress while no client watches the job." default:"1s"`
	CancelGrace          time.Duration  `help:"How long a worker has to stop after a cancellation request. After that, the job is cancelled without it." default:"15s"`
	StalledAfter         time.Duration  `help:"Time without progress after which a job is marked as stalled." default:"30s"`
	Retention            time.Duration  `help:"How long jobs that have ended are stored." default:"720h"`
	MaxActive            int            `help:"Maximum number of active jobs per owner and kind. A negative value means no limit." default:"100" negative:"no limit"`
	MaxQueued            int            `help:"Maximum number of unfinished jobs per owner. A negative value means no limit." default:"100000" negative:"no limit"`
	MaxOutputBytes       settings.Bytes `help:"Maximum output size per job." default:"1GiB" placeholder:"SIZE"`
	OutputBytesPerUser   settings.Bytes `help:"Maximum total size of the outputs of an owner's stored jobs. A negative value means no limit." default:"100GiB" placeholder:"SIZE" negative:"no limit"`
	MaxResultBytes       settings.Bytes `help:"Maximum size of a job's result or question as JSON." default:"1MiB" placeholder:"SIZE"`
	OutputSegmentBytes   settings.Bytes `help:"Size of a job's output that stays in the database. The start of a longer output moves to blobs of this size." default:"1MiB" min:"64KiB" placeholder:"SIZE"`
	OutputBlobs          string         `help:"URL of the bucket for long outputs, such as s3://BUCKET?prefix=outputs/. Empty for a directory in the data directory." placeholder:"URL"`
	JobsStreamsPerUser   int            `help:"Maximum number of open gRPC streams per user at the jobs service. The edges have separate limits. A negative value means no limit." default:"1000" negative:"no limit"`
	JobsConnections      int            `help:"Maximum number of open gRPC connections of the jobs service. A negative value means no limit." default:"10000" negative:"no limit"`
	JobsDrainTimeout     time.Duration  `help:"How long calls of the jobs service can take to finish during a shutdown." default:"3s"`
}

// Config configures the service.
type Config struct {
	Settings
	// Listener, if set, is used instead of JobsListen. The service closes it.
	Listener net.Listener
	// ServerTLS are the credentials of the service's port. If they are nil, connections are not encrypted.
	ServerTLS credentials.TransportCredentials
	// DataDir is the directory of the database, jobs.db. Required.
	DataDir string
	// Verifier checks the callers' tokens. Required.
	Verifier auth.Verifier
	// Logger receives the service's log. Required.
	Logger *slog.Logger
	// Metrics is the registry for metrics. If it is nil, there are none.
	Metrics prometheus.Registerer

	clock *job.Clock                      // the service's time; tests set it
	wrap  func(store job.Store) job.Store // nil except in tests
}

// complete fills in the defaults. An error names the invalid setting, and its valid values.
func (c *Config) complete() error {
	if err := settings.Complete(&c.Settings); err != nil {
		return err
	}
	switch {
	case c.DataDir == "":
		return errors.New("the data directory is missing: set it to the directory of the database")
	case c.Verifier == nil:
		return errors.New("the verifier is missing: without it, no caller can be identified")
	case c.Logger == nil:
		return errors.New("the logger is missing")
	case c.HeartbeatInterval > c.LeaseDuration/2:
		return fmt.Errorf("--heartbeat-interval (%v) is more than half of --lease-duration (%v): one lost heartbeat would end the lease",
			c.HeartbeatInterval, c.LeaseDuration)
	}
	if c.Bus != "" && c.JobsDatabase == "" {
		return errors.New("--bus connects the replicas of the jobs service, and needs --jobs-database: only one process can use an SQLite file")
	}
	if c.ProgressInterval > c.LeaseDuration/2 {
		return fmt.Errorf("--progress-interval (%v) is more than half of --lease-duration (%v): heartbeats are answered when they are written, and would be answered too late",
			c.ProgressInterval, c.LeaseDuration)
	}
	if c.OutputBlobs == "" {
		folder, err := filepath.Abs(c.DataDir)
		if err != nil {
			return fmt.Errorf("data directory (%s): %w", c.DataDir, err)
		}
		c.OutputBlobs = blobs.FolderURL(filepath.Join(folder, "blobs", "outputs"))
	}
	return nil
}
