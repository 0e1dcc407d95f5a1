package headway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// DialEnvironment connects to the jobs service that the environment names, as `headway serve --worker` sets it:
// HEADWAY_JOBS_ADDRESS (127.0.0.1:9091 by default; see Dial for several), HEADWAY_TOKEN_FILE or HEADWAY_TOKEN, and HEADWAY_TLS for TLS with the
// certificates of the operating system.
func DialEnvironment() (*grpc.ClientConn, error) {
	address := os.Getenv("HEADWAY_JOBS_ADDRESS")
	if address == "" {
		address = "127.0.0.1:9091"
	}
	secure := false
	if text := os.Getenv("HEADWAY_TLS"); text != "" {
		var err error
		if secure, err = strconv.ParseBool(text); err != nil {
			return nil, fmt.Errorf("headway: HEADWAY_TLS is %q. Set it to true or false", text)
		}
	}
	transport := insecure.NewCredentials()
	if secure {
		transport = credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12})
	}
	var token credentials.PerRPCCredentials
	switch {
	case os.Getenv("HEADWAY_TOKEN_FILE") != "":
		token = TokenFile(os.Getenv("HEADWAY_TOKEN_FILE"), secure)
	case os.Getenv("HEADWAY_TOKEN") != "":
		token = Token(os.Getenv("HEADWAY_TOKEN"), secure)
	default:
		return nil, errors.New("headway: no token: set HEADWAY_TOKEN_FILE or HEADWAY_TOKEN. To create one, run: headway token --sub NAME --scope headway:worker")
	}
	conn, err := Dial(address, grpc.WithTransportCredentials(transport), grpc.WithPerRPCCredentials(token))
	if err != nil {
		return nil, fmt.Errorf("headway: connect to %s: %w", address, err)
	}
	return conn, nil
}

// Main runs a worker as a program, until SIGINT or SIGTERM: it connects with DialEnvironment, and logs to standard error
// unless the configuration has a logger. It exits with status 1 if the worker can't run.
func Main(cfg WorkerConfig) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := runProgram(ctx, cfg)
	stop()
	if err != nil {
		cfg.Logger.Error("the worker ended", "error", err)
		os.Exit(1)
	}
}

func runProgram(ctx context.Context, cfg WorkerConfig) error {
	conn, err := DialEnvironment()
	if err != nil {
		return err
	}
	defer conn.Close()
	cfg.Logger.InfoContext(ctx, "waiting for jobs", "jobs", conn.Target())
	return NewWorker(conn, cfg).Run(ctx)
}
