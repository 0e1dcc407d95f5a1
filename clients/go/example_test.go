package headway_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"headway/clients/go"
	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// A worker that crawls pages, in twenty lines.
func ExampleWorker() {
	conn, err := grpc.NewClient("127.0.0.1:9091", append(headway.DialOptions(),
		grpc.WithTransportCredentials(insecure.NewCredentials()), // over loopback
		grpc.WithPerRPCCredentials(headway.Token(os.Getenv("TOKEN"), false)))...)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	worker := headway.NewWorker(conn, headway.WorkerConfig{Concurrency: 4, Handlers: map[string]headway.Handler{
		"crawl": func(ctx context.Context, task *headway.Task) (any, error) {
			fetch := task.Step("fetch").Total(100).Start()
			for page := range 100 {
				if ctx.Err() != nil {
					return nil, context.Cause(ctx) // cancelled, shut down, or another worker has the job
				}
				fmt.Fprintf(task.Output(), "page %d\n", page)
				fetch.Add(1)
			}
			return map[string]any{"pages": 100}, nil
		},
	}})
	err = worker.Run(ctx)
	stop()
	if err != nil {
		log.Print(err)
	}
}

// A service layer that reports progress over a channel becomes a handler without changes.
func ExampleUpdates() {
	crawl := func(ctx context.Context, url string, updates chan<- headway.Update) {
		defer close(updates)
		updates <- headway.Update{Status: headway.Processing, Progress: 40, Step: "Fetching data", Message: url}
		updates <- headway.Update{Status: headway.Completed, Progress: 100, Data: map[string]any{"pages": 24}}
	}
	handler := func(ctx context.Context, task *headway.Task) (any, error) {
		var payload struct{ URL string }
		if err := task.Payload(&payload); err != nil {
			return nil, err
		}
		updates := make(chan headway.Update)
		go crawl(ctx, payload.URL, updates)
		return headway.Updates(updates)(ctx, task)
	}
	_ = handler
}

// Follow a job until it ends, whatever happens to the connection.
func ExampleWatch() {
	var client jobsv1.JobServiceClient // jobsv1.NewJobServiceClient(conn)
	follow := func(ctx context.Context, jobID string) error {
		for job, err := range headway.Watch(ctx, client, jobID) {
			if err != nil {
				return err // headway.Reason(err) is JOB_NOT_FOUND if there is no such job
			}
			fmt.Printf("%s %.1f%%\n", headway.Word(job.GetStatus()), job.GetProgress().GetPercent())
		}
		return nil
	}
	_ = follow
}

// Follow a job's output, such as an AI's text, from the beginning. A reconnect doesn't lose or duplicate any byte.
func ExampleReadOutput() {
	var client jobsv1.JobServiceClient // jobsv1.NewJobServiceClient(conn)
	follow := func(ctx context.Context, jobID string) error {
		for text, err := range headway.ReadOutput(ctx, client, jobID, 0) {
			if err != nil {
				return err
			}
			os.Stdout.Write(text)
		}
		return nil // the job has ended
	}
	_ = follow
}

// A handler reports that another attempt cannot succeed, and why.
func ExampleFailPermanently() {
	handler := func(ctx context.Context, task *headway.Task) (any, error) {
		return nil, headway.FailPermanently("SITE_FORBIDS", "The site's robots.txt forbids crawling.", map[string]any{"site": "example.org"})
	}
	_, err := handler(context.Background(), nil)
	var failure *headway.Failure
	fmt.Println(errors.As(err, &failure), failure.Permanent, failure.Reason)
	// Output: true true SITE_FORBIDS
}

// A job that needs a user's decision waits without a worker, and starts again with the answer.
func ExamplePark() {
	handler := func(ctx context.Context, task *headway.Task) (any, error) {
		if task.Job().GetAnswer() == nil {
			return nil, headway.Park(map[string]any{"question": "Overwrite 3 pages?"})
		}
		var answer struct{ Overwrite bool }
		err := task.Answer(&answer)
		return map[string]any{"overwritten": answer.Overwrite}, err
	}
	_ = handler
}

// Statuses and states have the same names everywhere.
func ExampleWord() {
	fmt.Println(headway.Word(jobsv1.JobStatus_JOB_STATUS_ACTIVE), headway.Word(jobsv1.StepState_STEP_STATE_SKIPPED))
	// Output: active skipped
}
