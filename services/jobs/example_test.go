package jobs_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"headway/clients/go"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/auth"
	"headway/services/jobs"
)

// A complete example: a service, a worker that runs a job, and a user who watches it and reads its output.
func Example() {
	addr, key, stop := serve()
	if err := life(addr, key); err != nil {
		fmt.Println(err)
	}
	stop()
	// Output:
	// completed map[pages:3] fetch 3 of 3
	// page 1
	// page 2
	// the worker ended with <nil>
}

func life(addr string, key *auth.Key) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	// The worker.
	worker := headway.NewWorker(dial(addr, key, "crawler", auth.ScopeWorker), headway.WorkerConfig{Handlers: map[string]headway.Handler{
		"crawl": func(ctx context.Context, task *headway.Task) (any, error) {
			fetch := task.Step("fetch").Total(3).Start()
			for page := range 3 {
				if ctx.Err() != nil {
					return nil, context.Cause(ctx) // cancelled, shut down, or another worker has the job
				}
				fmt.Fprintf(task.Output(), "page %d\n", page)
				fetch.Add(1)
			}
			fetch.Complete()
			return map[string]any{"pages": 3}, nil
		},
	}})
	done := make(chan error, 1)
	go func() { done <- worker.Run(ctx) }()

	// The user.
	user := jobsv1.NewJobServiceClient(dial(addr, key, "alice"))
	created, err := user.CreateJob(ctx, &jobsv1.CreateJobRequest{Kind: "crawl"})
	if err != nil {
		return err
	}
	var last *jobsv1.Job
	for job, err := range headway.Watch(ctx, user, created.GetJob().GetJobId()) {
		if err != nil {
			return err
		}
		last = job
	}
	step := last.GetProgress().GetSteps()[0]
	fmt.Println(headway.Word(last.GetStatus()), last.GetResult().AsMap(), step.GetName(), step.GetDone(), "of", step.GetTotal())
	for text, err := range headway.ReadOutput(ctx, user, last.GetJobId(), 7) {
		if err != nil {
			return err
		}
		fmt.Print(string(text))
	}
	cancel() // the worker releases its jobs, and ends
	fmt.Println("the worker ended with", <-done)
	return nil
}

// serve runs a service on a free port with its own database.
func serve() (addr string, key *auth.Key, stop func()) {
	data, err := os.MkdirTemp("", "jobs")
	if err != nil {
		log.Fatal(err)
	}
	if key, err = auth.NewKey([]byte("a secret of the example, long enough for HS256")); err != nil {
		log.Fatal(err)
	}
	service, err := jobs.New(jobs.Config{Settings: jobs.Settings{JobsListen: "127.0.0.1:0"}, DataDir: data, Verifier: key, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- service.Run(ctx) }()
	return service.Addr().String(), key, func() {
		cancel()
		if err := <-done; err != nil {
			log.Print(err)
		}
		for _, conn := range dialed {
			conn.Close()
		}
		os.RemoveAll(data)
	}
}

var dialed []*grpc.ClientConn

// dial returns a connection whose calls carry a token.
func dial(addr string, key *auth.Key, subject string, scopes ...string) *grpc.ClientConn {
	conn, err := grpc.NewClient(addr, append(headway.DialOptions(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithPerRPCCredentials(key.ServiceCredentials(subject, scopes...)))...)
	if err != nil {
		log.Fatal(err)
	}
	dialed = append(dialed, conn)
	return conn
}
