package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"google.golang.org/grpc/status"

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
	JobsAddress string `help:"Address of the jobs service. Several replicas are separated by commas, or are the addresses of a name: dns:///HOST:PORT." default:"127.0.0.1:9091" placeholder:"ADDRESS" name:"jobs-address"`
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
	if err := printResult(job); err != nil {
		return fmt.Errorf("print the result: %w", err)
	}
	return exitOf(job)
}

// printResult prints the job's result, if it has one, with its exact numbers.
func printResult(job *jobsv1.Job) error {
	text := []byte(job.GetResultJson())
	if len(text) == 0 && job.GetResult() != nil {
		var err error
		if text, err = job.GetResult().MarshalJSON(); err != nil {
			return err
		}
	}
	if len(text) == 0 {
		return nil
	}
	var out bytes.Buffer
	if err := json.Indent(&out, text, "", "  "); err != nil {
		return err
	}
	fmt.Println(out.String())
	return nil
}

// follow shows a job's progress until it ends, or until stop returns true. It returns the last snapshot.
func follow(ctx context.Context, client jobsv1.JobServiceClient, jobID string, stop func(*jobsv1.Job) bool) (*jobsv1.Job, error) {
	view := terminal.NewProgress(os.Stderr)
	var last *jobsv1.Job
	for job, err := range headway.Watch(ctx, client, jobID, headway.OnInterruption(view.Interrupted)) {
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
