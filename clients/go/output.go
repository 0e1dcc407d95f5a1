package headway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"
	"time"

	"google.golang.org/grpc/status"

	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// Output appends to a job's output; see Task.Output.
type Output struct{ to *output }

var _ io.Writer = (*Output)(nil)

// Write implements io.Writer. It fails with ErrLeaseLost or, when the job's output has reached its limit, with
// ErrOutputFull. A service that is away for a while is waited for.
func (o *Output) Write(p []byte) (int, error) { return o.to.write(p) }

// maxAppend is how much one call appends at most.
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
		piece := p[:min(len(p), maxAppend)]
		err := o.run.tell(o.held, func(ctx context.Context) error {
			_, err := o.run.worker.client.AppendOutput(ctx, &jobsv1.AppendOutputRequest{JobId: o.run.id, LeaseToken: o.run.token,
				Offset: o.offset, Data: piece}) // the same bytes at the same place: repeating it is harmless
			return err
		})
		if err != nil {
			switch {
			case o.held.Err() != nil || Reason(err) == "LEASE_LOST":
				err = ErrLeaseLost
			case Reason(err) == "OUTPUT_TOO_LARGE":
				err = &outputFull{err}
			}
			return n, fmt.Errorf("append output: %w", err)
		}
		o.offset += int64(len(piece))
		n += len(piece)
		p = p[len(piece):]
	}
	return n, nil
}

// outputFull is ErrOutputFull with the service's message and its reason.
type outputFull struct{ cause error }

func (e *outputFull) Error() string {
	return ErrOutputFull.Error() + ": " + status.Convert(e.cause).Message()
}

func (e *outputFull) Unwrap() []error { return []error{ErrOutputFull, e.cause} }

// ReadOutput returns an iterator over a job's output from a byte offset on, as it grows, and ends when the job has ended and all is read. A
// connection that is lost, or a service that is restarted, is connected to again, and no byte comes twice. The bytes are
// the caller's.
//
// What ends it early comes as an error, once: the context's cause, or a refusal of the service (see Reason).
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

// readOutput yields the chunks of one stream and advances the offset. more is false when everything was read, or the
// consumer has stopped.
func readOutput(ctx context.Context, client jobsv1.JobServiceClient, jobID string, offset *int64, yield func([]byte, error) bool) (more bool, err error) {
	ctx, cancel := context.WithCancel(ctx) // ends the stream when we do
	defer cancel()
	stream, err := client.ReadOutput(ctx, &jobsv1.ReadOutputRequest{JobId: jobID, Offset: *offset})
	if err != nil {
		return true, err
	}
	for {
		piece, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return true, err
		}
		*offset = piece.GetOffset() + int64(len(piece.GetData()))
		if !yield(piece.GetData(), nil) {
			return false, nil
		}
	}
}
