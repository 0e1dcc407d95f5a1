package edge_test

import (
	"net/http"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// later adds what a jobs service of a later release could send: fields and a status that this edge doesn't know.
func later(j *jobsv1.Job) {
	j.Status = 99
	var unknown []byte
	unknown = protowire.AppendTag(unknown, 1000, protowire.BytesType)
	unknown = protowire.AppendBytes(unknown, []byte("a field of a later release"))
	unknown = protowire.AppendTag(unknown, 1001, protowire.VarintType)
	unknown = protowire.AppendVarint(unknown, 7)
	j.ProtoReflect().SetUnknown(unknown)
	j.GetProgress().ProtoReflect().SetUnknown(unknown)
}

// TestStatesOfLaterReleaseReachClients: during an upgrade, the jobs service can be a release ahead of the edge.
func TestStatesOfLaterReleaseReachClients(t *testing.T) {
	b := setup(t, nil)
	b.jobs.put("j1", "media", "ann", later)
	for _, path := range []string{"/api/v1/sse/jobs/media/j1", "/api/v1/sse/jobs/my"} {
		s := b.open(path)
		s.want("connected")
		if e := s.want("initial_status"); e.data["jobId"] != "j1" || e.data["kind"] != "media" {
			t.Errorf("%s: %s", path, e.raw)
		}
		b.jobs.put("j1", "media", "ann", later)
		if e := s.want("job_update"); e.data["jobId"] != "j1" {
			t.Errorf("%s: %s", path, e.raw)
		}
		b.jobs.put("j1", "media", "ann", func(j *jobsv1.Job) { j.Status = jobsv1.JobStatus_JOB_STATUS_COMPLETED })
		if e := s.want("job_update"); e.data["status"] != "completed" {
			t.Errorf("%s: the end: %s", path, e.raw)
		}
		s.close()
		b.jobs.put("j1", "media", "ann", later)
	}
	if status, body := b.get("/api/v1/jobs/j1"); status != http.StatusOK || body["job"].(map[string]any)["jobId"] != "j1" {
		t.Errorf("REST: %d %v", status, body)
	}
	if status, body := b.get("/api/v1/jobs"); status != http.StatusOK {
		t.Errorf("the list: %d %v", status, body)
	}
}
