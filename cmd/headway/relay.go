package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/encoding/protojson"

	"headway/clients/go"
	"headway/cmd/internal/program"
	"headway/cmd/internal/relay"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/rpcclient"
)

// relayCommand runs a worker that forwards its jobs to an HTTP backend.
type relayCommand struct {
	Kind         string        `help:"Kind of jobs to forward to the backend." required:"" placeholder:"KIND"`
	URL          string        `help:"Address of the backend, which is called for each job. It can respond with Server-Sent Events, lines of JSON, or JSON." required:"" placeholder:"URL" name:"url"`
	Description  []byte        `help:"File that describes the kind to users, for the form in the web UI: JSON with title, summary, and fields (headway.jobs.v1.KindDescription). Without it, the form is a button." placeholder:"FILE" type:"filecontent"`
	Method       string        `help:"Method of the request. GET sends the job's payload as the query, the others as JSON." enum:"GET,POST,PUT,PATCH" default:"POST"`
	Header       []string      `help:"Additional request header, for example 'X-Key: abc'. Can be repeated." placeholder:"HEADER" sep:"none"`
	Timeout      time.Duration `help:"Maximum duration of a job." default:"1h"`
	Concurrency  int           `help:"Maximum number of concurrent jobs." default:"4"`
	DrainTimeout time.Duration `help:"How long running jobs can continue during a shutdown before they return to the queue." default:"0s"`
	JobsAddress  string        `help:"Address of the jobs service. Several replicas are separated by commas, or are the addresses of a name: dns:///HOST:PORT." default:"127.0.0.1:9091" placeholder:"ADDRESS"`
	TokenFile    string        `help:"File with a token of scope headway:worker. HEADWAY_TOKEN can hold the token instead." placeholder:"FILE" type:"path"`

	program.ClientTLSFlags
}

// Run runs jobs until ctx is done.
func (c *relayCommand) Run(ctx context.Context) error {
	target, err := url.Parse(c.URL)
	if err != nil || target.Host == "" || target.Scheme != "http" && target.Scheme != "https" {
		return program.Refuse("--url must be an http or https address, for example http://127.0.0.1:3000/process")
	}
	header := http.Header{}
	for _, line := range c.Header {
		name, value, ok := strings.Cut(line, ":")
		if !ok || strings.TrimSpace(name) == "" {
			return program.Refuse("--header %q has no name or no colon. Write it as 'Name: value'", line)
		}
		header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	if c.Timeout <= 0 || c.Concurrency < 1 {
		return program.Refuse("--timeout and --concurrency must be positive")
	}
	description, err := c.description()
	if err != nil {
		return err
	}
	token, err := c.token()
	if err != nil {
		return err
	}
	transport, err := c.Credentials()
	if err != nil {
		return err
	}
	conn, err := rpcclient.Dial(c.JobsAddress, rpcclient.Config{Credentials: token, Transport: transport})
	if err != nil {
		return err
	}
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil)).With("worker", "relay", "kind", c.Kind)
	logger.InfoContext(ctx, "waiting for jobs", "jobs", c.JobsAddress, "backend", target.Redacted())
	err = headway.NewWorker(conn, headway.WorkerConfig{
		Handlers: map[string]headway.Handler{c.Kind: relay.Handler(relay.Config{
			URL: target, Method: c.Method, Timeout: c.Timeout, Header: header, Client: relay.NewClient(),
		})},
		Descriptions: []*jobsv1.KindDescription{description},
		Concurrency:  c.Concurrency, DrainTimeout: c.DrainTimeout, Logger: logger,
	}).Run(ctx)
	return errors.Join(err, conn.Close())
}

// description returns the description of the kind for the web UI.
func (c *relayCommand) description() (*jobsv1.KindDescription, error) {
	description := &jobsv1.KindDescription{}
	if len(c.Description) > 0 {
		if err := protojson.Unmarshal(c.Description, description); err != nil {
			return nil, program.Refuse("--description is not a description of a kind: %v", err)
		}
		if description.GetKind() != "" && description.GetKind() != c.Kind {
			return nil, program.Refuse("--description has the kind %q, but --kind is %q. Leave the kind out of the description", description.GetKind(), c.Kind)
		}
	}
	description.Kind = c.Kind
	if description.GetTitle() == "" {
		description.Title = c.Kind
	}
	return description, nil
}

func (c *relayCommand) token() (credentials.PerRPCCredentials, error) {
	switch token := os.Getenv("HEADWAY_TOKEN"); {
	case c.TokenFile != "":
		return headway.TokenFile(c.TokenFile, c.Encrypted()), nil
	case token != "":
		return headway.Token(token, c.Encrypted()), nil
	}
	return nil, program.Refuse("a token is required: set HEADWAY_TOKEN_FILE or HEADWAY_TOKEN. To create one, run: headway token --sub relay --scope headway:worker")
}
