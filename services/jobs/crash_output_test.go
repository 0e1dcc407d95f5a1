package jobs_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"strings"

	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// Outputs in the crash test. The byte at every offset of a job's output is known, whichever worker writes it.

// letters are the bytes of a job's output.
func letters(id string, from, length int64) []byte {
	seed := int64(0)
	for _, c := range id {
		seed = seed*31 + int64(c)
	}
	data := make([]byte, length)
	for i := range data {
		at := from + int64(i)
		data[i] = byte(at>>8 + at%251 + seed)
	}
	return data
}

// outputLength returns the length of a job's output: most are short, and every eighth is long enough for several
// segments.
func outputLength(id string) int64 {
	if strings.ContainsAny(id[len(id)-1:], "07") {
		return 600_000
	}
	return 500
}

// append continues the job's output at its end, sometimes a little before. It reports whether the lease is still valid.
func (c *crash) append(ctx context.Context, l *jobsv1.LeasedJob) bool {
	id := l.GetJob().GetJobId()
	for at, end := l.GetJob().GetOutputBytes(), outputLength(id); at < end; {
		from := max(at-int64(rand.IntN(3)*1000), 0)
		length := min(end-from, 1+rand.Int64N(200_000))
		if _, err := c.as(ctx, l, func(ctx context.Context) error {
			resp, err := c.worker.AppendOutput(ctx, &jobsv1.AppendOutputRequest{JobId: id, LeaseToken: l.GetLeaseToken(),
				Offset: from, Data: letters(id, from, length)})
			if err == nil {
				at = resp.GetOutputBytes()
				c.mu.Lock()
				c.output[id] = max(c.output[id], at)
				c.mu.Unlock()
			}
			return err
		}); err != nil {
			return false
		}
	}
	return true
}

// readOutput follows the job's output to its end, continues at its offset after every crash, and returns the length.
func (c *crash) readOutput(ctx context.Context, id string) (at int64) {
	_, err := call(ctx, func(context.Context) error {
		stream, err := c.user.ReadOutput(ctx, &jobsv1.ReadOutputRequest{JobId: id, Offset: at})
		for err == nil {
			var piece *jobsv1.ReadOutputResponse
			if piece, err = stream.Recv(); err != nil {
				break
			}
			if piece.GetOffset() != at || !bytes.Equal(piece.GetData(), letters(id, at, int64(len(piece.GetData())))) {
				c.t.Errorf("the output of job %s has other bytes at %d than were appended, %d long at %d", id, at, len(piece.GetData()), piece.GetOffset())
				return nil
			}
			at += int64(len(piece.GetData()))
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		return err
	})
	if err != nil {
		c.t.Errorf("read the output of %s: %v", id, err)
	}
	return at
}
