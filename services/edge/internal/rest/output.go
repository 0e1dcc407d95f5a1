package rest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"google.golang.org/grpc"

	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/services/edge/internal/access"
	"headway/services/edge/internal/httperr"
)

// Outputs serves GET /api/v1/jobs/{job_id}/output: the output of a job so far, as a file, with ranges (RFC 9110 §14). It
// must be wrapped in access.Required.
type Outputs struct {
	// Jobs is the client of the jobs service.
	Jobs jobsv1.JobServiceClient
	// StallTimeout is the maximum time that a client can take to accept a part.
	StallTimeout time.Duration
}

// ServeHTTP implements http.Handler.
func (o *Outputs) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx := access.Outgoing(r.Context())
	resp, err := o.Jobs.GetJob(ctx, &jobsv1.GetJobRequest{JobId: r.PathValue("job_id")})
	if err != nil {
		httperr.Write(w, r, err)
		return
	}
	job := resp.GetJob()
	content := &outputFile{ctx: ctx, jobs: o.Jobs, jobID: job.GetJobId(), size: job.GetOutputBytes()}
	defer content.close()
	h := w.Header()
	h.Set("Content-Disposition", disposition("output-"+job.GetJobId()+".txt"))
	h.Set("Cache-Control", "private, no-cache")
	h.Set("ETag", fmt.Sprintf(`"%d"`, content.size)) // because output only grows
	rc := http.NewResponseController(w)
	http.ServeContent(&pacedWriter{w, rc, o.StallTimeout}, r, "", time.Time{}, content)
	_ = rc.SetWriteDeadline(time.Time{}) // HTTP/2 resets a stream when the deadline passes, even if nothing is being written
}

// pacedWriter sets a deadline for each part of a response.
type pacedWriter struct {
	http.ResponseWriter
	rc      *http.ResponseController
	timeout time.Duration
}

// Write implements io.Writer.
func (w *pacedWriter) Write(b []byte) (int, error) {
	_ = w.rc.SetWriteDeadline(time.Now().Add(w.timeout)) // net/http's writers support it
	return w.ResponseWriter.Write(b)
}

// outputFile is a job's output as an io.ReadSeeker. It reads from the jobs service on demand.
type outputFile struct {
	ctx          context.Context
	jobs         jobsv1.JobServiceClient
	jobID        string
	offset, size int64

	// chunk is the data after offset, and stream sends the data after chunk. It is nil before the first Read and after
	// a Seek.
	stream grpc.ServerStreamingClient[jobsv1.ReadOutputResponse]
	cancel context.CancelFunc
	chunk  []byte
}

// Read implements io.Reader.
func (f *outputFile) Read(b []byte) (int, error) {
	if f.offset >= f.size {
		return 0, io.EOF
	}
	if f.stream == nil {
		ctx, cancel := context.WithCancel(f.ctx)
		stream, err := f.jobs.ReadOutput(ctx, &jobsv1.ReadOutputRequest{JobId: f.jobID, Offset: f.offset})
		if err != nil {
			cancel()
			return 0, err
		}
		f.stream, f.cancel = stream, cancel
	}
	for len(f.chunk) == 0 {
		msg, err := f.stream.Recv()
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return 0, fmt.Errorf("read the output of %s at %d: %w", f.jobID, f.offset, err)
		}
		f.chunk = msg.GetData()
	}
	n := copy(b, f.chunk[:min(int64(len(f.chunk)), f.size-f.offset)])
	f.chunk = f.chunk[n:]
	f.offset += int64(n)
	return n, nil
}

// Seek implements io.Seeker.
func (f *outputFile) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += f.offset
	case io.SeekEnd:
		offset += f.size
	}
	if offset < 0 {
		return 0, fmt.Errorf("seek to %d", offset)
	}
	if offset != f.offset {
		f.close()
		f.offset = offset
	}
	return offset, nil
}

func (f *outputFile) close() {
	if f.stream != nil {
		f.cancel()
		f.stream, f.chunk = nil, nil
	}
}
