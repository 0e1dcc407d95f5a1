// Command jobs runs the jobs service alone.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"headway/internal/auth"
	"headway/internal/telemetry"
	"headway/services/jobs"
)

// flags are the command line; every flag is also a HEADWAY_… variable.
type flags struct {
	Listen    string     `help:"Address to answer gRPC on; port 0 takes a free one." default:"127.0.0.1:9091" env:"HEADWAY_JOBS_LISTEN"`
	Metrics   string     `help:"Address of metrics and profiles; empty for none." env:"HEADWAY_JOBS_METRICS"`
	Data      string     `help:"Folder of the database." default:"data" env:"HEADWAY_DATA" type:"path"`
	Key       string     `help:"File with the key that tokens are signed with (base64). On loopback one is made in the data folder if this is empty." env:"HEADWAY_KEY_FILE" type:"path"`
	LogFormat string     `help:"text or json." enum:"text,json" default:"text" env:"HEADWAY_LOG_FORMAT"`
	LogLevel  slog.Level `help:"debug, info, warn or error." default:"info" env:"HEADWAY_LOG_LEVEL"`

	Lease       time.Duration `help:"How long a lease lasts without a heartbeat." default:"10s" env:"HEADWAY_JOBS_LEASE"`
	Heartbeat   time.Duration `help:"How often workers send a heartbeat." default:"3s" env:"HEADWAY_JOBS_HEARTBEAT"`
	CancelGrace time.Duration `help:"How long a worker has to stop after a cancel." default:"15s" env:"HEADWAY_JOBS_CANCEL_GRACE"`
	Retention   time.Duration `help:"How long ended jobs are kept." default:"720h" env:"HEADWAY_JOBS_RETENTION"`
	MaxActive   int           `help:"Active jobs per owner and kind; negative for no limit." default:"100" env:"HEADWAY_JOBS_MAX_ACTIVE"`
	MaxOutput   int64         `help:"Most bytes of output of one job." default:"268435456" env:"HEADWAY_JOBS_MAX_OUTPUT"`
}

func main() {
	var f flags
	kong.Parse(&f, kong.Name("jobs"), kong.Description("Headway's jobs service: state, queue, leases and progress of every job."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, &f); err != nil {
		fmt.Fprintln(os.Stderr, "jobs:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, f *flags) error {
	logger, err := telemetry.NewLogger(os.Stderr, f.LogFormat, f.LogLevel)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", f.Listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	key, err := loadKey(f, listener.Addr())
	if err != nil {
		return err
	}
	registry := telemetry.NewRegistry()
	service, err := jobs.New(jobs.Config{
		Listener: listener, DataDir: f.Data, Verifier: key, Logger: logger, Metrics: registry,
		LeaseDuration: f.Lease, HeartbeatInterval: f.Heartbeat, CancelGrace: f.CancelGrace, Retention: f.Retention,
		MaxActivePerOwnerAndKind: f.MaxActive, MaxOutputBytes: f.MaxOutput,
	})
	if err != nil {
		return err
	}
	logger.Info("jobs service ready", "address", service.Addr().String(), "data", f.Data)
	return withMetrics(ctx, f.Metrics, registry, service.Run)
}

// loadKey reads the key. Only a service that nobody else can reach makes its own.
func loadKey(f *flags, addr net.Addr) (*auth.Key, error) {
	if f.Key != "" {
		if _, err := os.Stat(f.Key); err != nil {
			return nil, err
		}
		return auth.LoadOrCreateKey(f.Key)
	}
	if tcp, ok := addr.(*net.TCPAddr); !ok || !tcp.IP.IsLoopback() {
		return nil, errors.New("listening on an address that others can reach needs a signing key of your own: name its file with --key")
	}
	return auth.LoadOrCreateKey(filepath.Join(f.Data, "key"))
}
