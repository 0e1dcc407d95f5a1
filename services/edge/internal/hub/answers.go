package hub

import (
	"context"

	"google.golang.org/grpc"

	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// Observe returns the connection to a service for calls of users. The hub reads the revisions in its responses, so that no stream begins
// with an earlier state than a call has returned. The streams of the services can be later than their responses.
func (h *Hub) Observe(conn grpc.ClientConnInterface) grpc.ClientConnInterface {
	return observed{conn, h}
}

type observed struct {
	grpc.ClientConnInterface
	hub *Hub
}

// Invoke implements grpc.ClientConnInterface.
func (o observed) Invoke(ctx context.Context, method string, request, response any, options ...grpc.CallOption) error {
	if err := o.ClientConnInterface.Invoke(ctx, method, request, response, options...); err != nil {
		return err
	}
	switch r := response.(type) {
	case interface{ GetJob() *jobsv1.Job }:
		o.hub.answered(r.GetJob())
	case interface{ GetJobs() []*jobsv1.Job }:
		o.hub.answered(r.GetJobs()...)
	case interface{ GetImport() *importsv1.Import }:
		o.hub.answeredImport(r.GetImport())
	case interface{ GetImports() []*importsv1.Import }:
		for _, im := range r.GetImports() {
			o.hub.answeredImport(im)
		}
	}
	return nil
}

// answered records the states of jobs that a call has returned.
func (h *Hub) answered(jobs ...*jobsv1.Job) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, job := range jobs {
		h.jobs[job.GetJobId()].answered(job.GetRevision())
	}
}

func (h *Hub) answeredImport(im *importsv1.Import) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.imports[im.GetImportId()].answered(im.GetJob().GetRevision())
	h.jobs[im.GetImportId()].answered(im.GetJob().GetRevision()) // its job has the same ID
}

// answered records that a call has returned a revision. f can be nil: a topic without a feed is read when a stream begins.
func (f *feed) answered(revision uint32) {
	if f != nil {
		f.atLeast = max(f.atLeast, revision)
	}
}

// isBehind reports whether a call has returned a later state than the feed's latest. The hub's lock must be held.
func (f *feed) isBehind() bool { return f.latest != nil && f.latest.Revision < f.atLeast }
