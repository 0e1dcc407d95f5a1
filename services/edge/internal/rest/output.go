package rest

import (
	"context"
	"fmt"
	"net/http"
	"time"

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
	content := &remote{size: job.GetOutputBytes(), request: func(offset, n int64) (func() ([]byte, error), func(), error) {
		ctx, cancel := context.WithCancel(ctx)
		stream, err := o.Jobs.ReadOutput(ctx, &jobsv1.ReadOutputRequest{JobId: job.GetJobId(), Offset: offset, MaxBytes: uint32(n)})
		if err != nil {
			cancel()
			return nil, nil, err
		}
		return func() ([]byte, error) {
			m, err := stream.Recv()
			return m.GetData(), err
		}, cancel, nil
	}}
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", disposition("output-"+job.GetJobId()+".txt"))
	h.Set("Cache-Control", "private, no-cache")
	h.Set("ETag", fmt.Sprintf(`"%d"`, content.size)) // output only grows
	content.serve(w, r, o.StallTimeout)
}
