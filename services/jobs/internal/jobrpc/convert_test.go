package jobrpc

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/services/jobs/internal/job"
)

func TestSharedEncodingIsTheJobItself(t *testing.T) {
	now := job.Instant(time.Now())
	j := job.Job{ID: "a", Kind: "crawl", Owner: "zoë", Title: "t", Status: job.Failed, Revision: 70000, Priority: -7, Labels: map[string]string{"x": "1"},
		Attempt: 2, MaxAttempts: 3, Payload: []byte(`{"a":[1,2.5,"x",null,true]}`), Result: []byte(`{"b":{}}`), Error: &job.Failure{Reason: "R", Message: "m", Attempt: 2},
		OutputBytes: 1 << 40, CreatedAt: now, CompletedAt: now, QueuePosition: 3}
	j.Progress = job.Progress{Message: "m", Percent: 12.5, ETA: new(3.0), Stalled: true,
		Steps: []job.Step{{Name: "s", State: job.StepActive, Counters: map[string]float64{"c": 1}, StartedAt: now}}}
	var one jobsv1.WatchJobResponse
	var many jobsv1.WatchJobsResponse
	if err := errors.Join(proto.Unmarshal(asField(&j), &one), proto.Unmarshal(slices.Concat(asField(&j), asField(&j)), &many)); err != nil {
		t.Fatal(err)
	}
	if len(many.GetJobs()) != 2 {
		t.Fatalf("two encodings give %d jobs", len(many.GetJobs()))
	}
	for _, got := range append(many.GetJobs(), one.GetJob()) {
		if !proto.Equal(got, toProto(&j)) {
			t.Errorf("the encoding gives %v, want %v", got, toProto(&j))
		}
	}
}

func TestStoredTimesStayReadable(t *testing.T) {
	j := toProto(&job.Job{NotBefore: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), Deadline: time.Date(200000, 1, 1, 0, 0, 0, 0, time.UTC)})
	if _, err := protojson.Marshal(j); err != nil || j.GetNotBefore().AsTime().Year() != 9999 || j.GetDeadline().AsTime().Year() != 9999 {
		t.Errorf("a job of an earlier version is %v, %v", j, err)
	}
}

// TestTinySecondsAreNotUnset converts numbers that are smaller than what is stored. They must not become 0, which means the default.
func TestTinySecondsAreNotUnset(t *testing.T) {
	for s, want := range map[float64]time.Duration{
		0: 0, 1e-10: time.Microsecond, math.SmallestNonzeroFloat64: time.Microsecond, 4e-7: time.Microsecond, -1e-10: -time.Microsecond,
		1e-6: time.Microsecond, 0.25: 250 * time.Millisecond, -1: -time.Second, 86400: 24 * time.Hour,
	} {
		if got := seconds(s); got != want {
			t.Errorf("%v seconds are %v, want %v", s, got, want)
		}
	}
}
