package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	"headway/clients/go"
	"headway/cmd/internal/program"
	"headway/cmd/internal/terminal"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/rpcerr"
)

// watchCommand watches a job of any kind.
type watchCommand struct {
	connectFlags
	JobID       string `arg:"" help:"ID of the job. An import has the same ID as its job." name:"job-id"`
	JobsAddress string `help:"Address of the jobs service." default:"127.0.0.1:9091" placeholder:"ADDRESS" name:"jobs-address"`
}

// Run shows the progress of the job until it ends. It fails if the job does.
func (c *watchCommand) Run(ctx context.Context) error {
	conn, err := c.dial(c.JobsAddress)
	if err != nil {
		return err
	}
	defer conn.Close()
	job, err := follow(ctx, jobsv1.NewJobServiceClient(conn), c.JobID, nil)
	if err != nil {
		return callError(err)
	}
	if job.GetResult() != nil {
		text, err := protojson.MarshalOptions{Indent: "  "}.Marshal(job.GetResult())
		if err != nil {
			return fmt.Errorf("print the result: %w", err)
		}
		fmt.Println(string(text))
	}
	return exitOf(job)
}

// follow shows a job's progress until it ends, or until stop returns true. It returns the last snapshot.
func follow(ctx context.Context, client jobsv1.JobServiceClient, jobID string, stop func(*jobsv1.Job) bool) (*jobsv1.Job, error) {
	view := terminal.NewProgress(os.Stderr)
	var last *jobsv1.Job
	for job, err := range headway.Watch(ctx, client, jobID) {
		if err != nil {
			return last, err
		}
		last = job
		view.Show(job)
		if stop != nil && stop(job) {
			return job, nil
		}
	}
	if ctx.Err() != nil {
		return last, ctx.Err()
	}
	return last, nil
}

// exitOf returns the error of a command that followed a job. It has no text: the progress already shows why a job
// failed.
func exitOf(job *jobsv1.Job) error {
	if job.GetStatus() == jobsv1.JobStatus_JOB_STATUS_COMPLETED {
		return nil
	}
	return &program.ExitError{Code: program.ExitFailed}
}

// callError turns a failed call into the error of a command: the message of the service, and ExitRefused if the request
// itself is wrong.
func callError(err error) error {
	if errors.Is(err, context.Canceled) {
		return &program.ExitError{Code: program.ExitFailed}
	}
	st, ok := status.FromError(err)
	if !ok {
		return err
	}
	if reason := rpcerr.Reason(err); reason != 0 {
		return &program.ExitError{Code: program.ExitRefused, Err: fmt.Errorf("%s: %s", rpcerr.Word(reason), st.Message())}
	}
	return fmt.Errorf("%s: %s", st.Code(), st.Message())
}
