package rest

import (
	"context"
	"fmt"
	"mime"
	"net/http"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/rpcclient"
	"headway/services/edge/internal/access"
	"headway/services/edge/internal/download"
	"headway/services/edge/internal/httperr"
	"headway/services/edge/internal/pace"
	"headway/services/edge/internal/reqlog"
)

// Outputs serves GET /api/v1/jobs/{job_id}/output: the output of a job so far, as a file, with ranges (RFC 9110 §14). It
// must be wrapped in access.Required.
type Outputs struct {
	// Jobs is the client of the jobs service.
	Jobs jobsv1.JobServiceClient
	// AsService makes calls with the edge's own token, because the caller's can expire before a long download ends.
	AsService grpc.CallOption
	// Sender sends the outputs.
	Sender *download.Sender
	// Budget limits the bytes that are requested from the service at a time.
	Budget *pace.Budget
}

// ServeHTTP implements http.Handler.
func (o *Outputs) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	resp, err := o.Jobs.GetJob(access.Outgoing(r.Context()), &jobsv1.GetJobRequest{JobId: r.PathValue("job_id")})
	if err != nil {
		httperr.Write(w, r, err)
		return
	}
	// The file must not keep the whole job, nor the request: a slow reader would hold them until its end.
	job, requestID := resp.GetJob(), reqlog.From(r.Context()).ID
	id := job.GetJobId()
	file := &download.File{Size: job.GetOutputBytes(), Budget: o.Budget, Request: func(ctx context.Context, offset, n int64) (func() ([]byte, error), error) {
		stream, err := o.Jobs.ReadOutput(asEdge(ctx, requestID), &jobsv1.ReadOutputRequest{
			JobId: id, Offset: offset, MaxBytes: uint32(n), StopAtEnd: true,
		}, o.AsService)
		return func() ([]byte, error) {
			m, err := stream.Recv()
			return m.GetData(), err
		}, err
	}}
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", disposition("output-"+job.GetJobId()+extension(job)))
	h.Set("Cache-Control", "private, no-cache")
	h.Set("ETag", fmt.Sprintf(`"%d"`, file.Size)) // output only grows
	o.Sender.Send(w, r, file)
}

// asEdge returns the context of a call with the edge's own token, for the request with an ID.
func asEdge(ctx context.Context, requestID string) context.Context {
	return metadata.NewOutgoingContext(ctx, metadata.Pairs(rpcclient.RequestIDHeader, requestID))
}

// extensions are the usual extensions of the content types that workers declare.
var extensions = map[string]string{
	"application/gzip": ".gz", "application/json": ".json", "application/pdf": ".pdf", "application/x-ndjson": ".jsonl",
	"application/xml": ".xml", "application/zip": ".zip", "audio/mpeg": ".mp3", "audio/wav": ".wav", "image/gif": ".gif",
	"image/jpeg": ".jpg", "image/png": ".png", "image/svg+xml": ".svg", "image/webp": ".webp", "text/css": ".css",
	"text/csv": ".csv", "text/html": ".html", "text/markdown": ".md", "text/plain": ".txt", "video/mp4": ".mp4", "video/webm": ".webm",
	"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
}

// extension returns the file extension of a job's output: of the content type that the result declares in its field
// contentType, or .txt without one. The response's own type stays general, so that no browser opens a worker's page.
func extension(job *jobsv1.Job) string {
	declared := job.GetResult().GetFields()["contentType"].GetStringValue()
	if declared == "" {
		return ".txt"
	}
	name, _, err := mime.ParseMediaType(declared)
	if err != nil || extensions[name] == "" {
		return ".bin"
	}
	return extensions[name]
}
