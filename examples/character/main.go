// Command character is a worker that builds fantasy characters: jobs of kind `character`. It needs clients/go and nothing
// else of Headway. README.md explains how to write such a worker.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"headway/clients/go"
	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// description tells the web UI which form to offer for such jobs.
var description = &jobsv1.KindDescription{
	Kind:    "character",
	Title:   "Build a character",
	Summary: "Eight steps with rules and dice, and a story that appears while you read.",
	Fields: []*jobsv1.KindField{
		{Name: "name", Label: "Name", Hint: "Chosen by the worker", MaxLength: maxName},
		{Name: "seed", Label: "Seed", Type: jobsv1.KindFieldType_KIND_FIELD_TYPE_INTEGER, Hint: "Any", Minimum: new(0.0), Maximum: new(float64(maxSeed))},
	},
}

func main() {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil)).With("worker", "character")
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, log)
	stop()
	if err != nil {
		log.Error("ended", "error", err)
		os.Exit(1)
	}
}

// run runs jobs until ctx ends. `headway serve --worker` sets the environment variables that the flags default to.
func run(ctx context.Context, log *slog.Logger) error {
	overTLS, _ := strconv.ParseBool(os.Getenv("HEADWAY_TLS"))
	jobs := flag.String("jobs", envOr("HEADWAY_JOBS_ADDRESS", "127.0.0.1:9091"), "address of the jobs service (HEADWAY_JOBS_ADDRESS)")
	tokenFile := flag.String("token-file", os.Getenv("HEADWAY_TOKEN_FILE"), "file with a token of scope headway:worker (HEADWAY_TOKEN_FILE), instead of a token in HEADWAY_TOKEN")
	secure := flag.Bool("tls", overTLS, "use TLS, with the certificates of the operating system (HEADWAY_TLS)")
	concurrency := flag.Int("concurrency", 4, "maximum number of characters to build at the same time")
	flag.Parse()

	transport := insecure.NewCredentials()
	if *secure {
		transport = credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12})
	}
	var token credentials.PerRPCCredentials
	switch {
	case *tokenFile != "":
		token = headway.TokenFile(*tokenFile, *secure)
	case os.Getenv("HEADWAY_TOKEN") != "":
		token = headway.Token(os.Getenv("HEADWAY_TOKEN"), *secure)
	default:
		return errors.New("no token: set HEADWAY_TOKEN_FILE or HEADWAY_TOKEN. To create one, run: headway token --sub character --scope headway:worker")
	}
	conn, err := grpc.NewClient(*jobs, append(headway.DialOptions(),
		grpc.WithTransportCredentials(transport), grpc.WithPerRPCCredentials(token))...)
	if err != nil {
		return fmt.Errorf("connect to %s: %w", *jobs, err)
	}
	defer conn.Close()
	log.InfoContext(ctx, "waiting for jobs", "jobs", *jobs)
	return headway.NewWorker(conn, headway.WorkerConfig{
		Handlers:     map[string]headway.Handler{"character": build},
		Descriptions: []*jobsv1.KindDescription{description},
		Concurrency:  *concurrency,
		Logger:       log,
	}).Run(ctx)
}

func envOr(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}
