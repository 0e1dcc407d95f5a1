package headway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// Output appends to a job's output. See Task.Output.
type Output struct{ to *output }

var _ io.Writer = (*Output)(nil)

// Write implements io.Writer. It fails with ErrLeaseLost, or with ErrOutputFull if the job's output has reached its
// limit. It waits for a service that is unavailable.
func (o *Output) Write(p []byte) (int, error) { return o.to.write(p) }

// maxAppend is the maximum size of one append.
const maxAppend = 256 << 10

// output is the end of a job's output.
type output struct {
	run  *run
	held context.Context // ends with the lease

	mu     sync.Mutex
	offset int64
}

func (o *output) write(p []byte) (n int, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(p) > 0 {
		chunk := p[:min(len(p), maxAppend)]
		err := o.run.tell(o.held, func(ctx context.Context) error {
			_, err := o.run.worker.client.AppendOutput(ctx, &jobsv1.AppendOutputRequest{JobId: o.run.id, LeaseToken: o.run.token,
				Offset: o.offset, Data: chunk}) // repeated calls append the same bytes at the same offset, which is harmless
			return err
		})
		if err != nil {
			switch {
			case o.held.Err() != nil || Reason(err) == reasonLeaseLost:
				err = ErrLeaseLost
			case full(err):
				err = &outputFull{err}
			}
			return n, fmt.Errorf("append output: %w", err)
		}
		o.offset += int64(len(chunk))
		n += len(chunk)
		p = p[len(chunk):]
	}
	return n, nil
}

// outputFull is an ErrOutputFull with the service's message and reason.
type outputFull struct{ cause error }

func (e *outputFull) Error() string {
	return ErrOutputFull.Error() + ": " + status.Convert(e.cause).Message()
}

func (e *outputFull) Unwrap() []error { return []error{ErrOutputFull, e.cause} }

// ReadOutput returns an iterator over a job's output, from a byte offset on. It follows the output as it grows, and ends when
// the job has ended and all its output has been read. It reconnects after a lost connection or a restart of the
// service, and never returns a byte twice. The caller can keep the bytes.
//
// If it ends early, its last value is an error: the context's cause, an error of the service (see Reason), or codes.DataLoss if the
// service has skipped bytes.
func ReadOutput(ctx context.Context, client jobsv1.JobServiceClient, jobID string, offset int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		pause := newPause(2 * time.Second)
		for {
			before := offset
			more, err := readOutput(ctx, client, jobID, &offset, yield)
			switch {
			case !more:
				return
			case ctx.Err() != nil:
				yield(nil, context.Cause(ctx))
				return
			case !passing(err):
				yield(nil, err)
				return
			case offset > before:
				pause = newPause(pause.most)
			}
			pause.wait(ctx)
		}
	}
}

// readOutput yields the chunks of one stream and advances the offset. more is false if everything was read, or if the
// consumer has stopped.
func readOutput(ctx context.Context, client jobsv1.JobServiceClient, jobID string, offset *int64, yield func([]byte, error) bool) (more bool, err error) {
	ctx, cancel := context.WithCancel(ctx) // ends the stream on return
	defer cancel()
	stream, err := client.ReadOutput(ctx, &jobsv1.ReadOutputRequest{JobId: jobID, Offset: *offset})
	if err != nil {
		return true, err
	}
	for {
		chunk, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return true, err
		}
		known := *offset - chunk.GetOffset()
		if known < 0 {
			return true, status.Errorf(codes.DataLoss, "headway: the service skipped the output from %d to %d", *offset, chunk.GetOffset())
		}
		if known >= int64(len(chunk.GetData())) {
			continue
		}
		data := chunk.GetData()[known:]
		*offset += int64(len(data))
		if !yield(data, nil) {
			return false, nil
		}
	}
}
