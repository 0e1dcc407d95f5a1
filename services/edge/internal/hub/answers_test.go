package hub

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// answering is a connection whose calls return a job at a revision.
type answering struct {
	grpc.ClientConnInterface
	job *jobsv1.Job
}

func (a answering) Invoke(_ context.Context, _ string, _, response any, _ ...grpc.CallOption) error {
	if r, ok := response.(*jobsv1.ListJobsResponse); ok {
		proto.Merge(r, &jobsv1.ListJobsResponse{Jobs: []*jobsv1.Job{a.job}})
	} else {
		proto.Merge(response.(proto.Message), &jobsv1.GetJobResponse{Job: a.job}) //nolint:forcetypeassert // the test calls GetJob
	}
	return nil
}

// TestStreamIsNotOlderThanCall has an upstream that is late: a call has returned a later revision than it has sent.
func TestStreamIsNotOlderThanCall(t *testing.T) {
	for name, call := range map[string]func(jobsv1.JobServiceClient) error{
		"one job": func(c jobsv1.JobServiceClient) error {
			_, err := c.GetJob(t.Context(), &jobsv1.GetJobRequest{JobId: "a"})
			return err
		},
		"a list": func(c jobsv1.JobServiceClient) error {
			_, err := c.ListJobs(t.Context(), &jobsv1.ListJobsRequest{})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := &memory{jobs: map[string]*Snapshot{"a": snapshot(t, "a", 3, active)}}
			h := startHub(t, m, nil)
			m.jobs["a"] = snapshot(t, "a", 4, active) // the upstream has sent the one before
			calls := jobsv1.NewJobServiceClient(h.Observe(answering{job: &jobsv1.Job{JobId: "a", Revision: 4, Owner: "ann"}}))
			if err := call(calls); err != nil {
				t.Fatal(err)
			}
			mine := admit(t, h)
			if err := h.WatchMine(t.Context(), mine, time.Time{}); err != nil {
				t.Fatal(err)
			}
			want(t, mine, "a4 first")
			s := admit(t, h)
			state, err := h.Watch(t.Context(), s, Topic{ID: "a"}, ann)
			if err != nil || state.Revision != 4 {
				t.Fatalf("the stream begins with %v, %v", state, err)
			}
			want(t, s, "a4 first")
			reads := m.reads
			if _, err := h.Watch(t.Context(), admit(t, h), Topic{ID: "a"}, ann); err != nil || m.reads != reads {
				t.Errorf("another stream reads the job again: %d reads, %v", m.reads-reads, err)
			}
			h.publishJob(snapshot(t, "a", 3, active), h.generation) // the upstream's late one
			want(t, s)
		})
	}
}
