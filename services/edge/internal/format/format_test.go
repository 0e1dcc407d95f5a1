package format

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	errorsv1 "headway/gen/go/headway/errors/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/rpcerr"
	"headway/services/edge/internal/hub"
)

func snapshot(t *testing.T, j *jobsv1.Job) *hub.Snapshot {
	t.Helper()
	raw, err := proto.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	s := &hub.Snapshot{Raw: raw, Terminal: j.GetStatus() >= jobsv1.JobStatus_JOB_STATUS_COMPLETED}
	s.ID = "j1"
	return s
}

func steps(states ...jobsv1.StepState) *jobsv1.Progress {
	p := &jobsv1.Progress{Percent: 40, Message: "Half way", CurrentStep: "b"}
	for i, state := range states {
		p.Steps = append(p.Steps, &jobsv1.Step{Name: string(rune('a' + i)), Title: string(rune('A'+i)) + " step", State: state})
	}
	return p
}

const (
	pending = jobsv1.StepState_STEP_STATE_PENDING
	active  = jobsv1.StepState_STEP_STATE_ACTIVE
	done    = jobsv1.StepState_STEP_STATE_COMPLETED
)

func TestStepNamesHaveEachBegunStep(t *testing.T) {
	words := map[string]map[string]string{"staff": {"a": "FIRST", "c": "THIRD"}}
	for _, c := range []struct {
		name string
		job  *jobsv1.Job
		want []string
	}{
		{"none has begun", &jobsv1.Job{Progress: steps(pending, pending)}, nil},
		{"without words", &jobsv1.Job{Progress: steps(done, active, pending)}, []string{"A", "B"}},
		{"a skipped state", &jobsv1.Job{Progress: steps(pending, active)}, []string{"A", "B"}},
		{"words of a schema", &jobsv1.Job{Labels: map[string]string{"schema": "staff"}, Progress: steps(done, done, active)}, []string{"FIRST", "THIRD"}},
		{"words of a kind", &jobsv1.Job{Kind: "staff", Progress: steps(active)}, []string{"FIRST"}},
		{"completed", &jobsv1.Job{Status: jobsv1.JobStatus_JOB_STATUS_COMPLETED, Progress: steps(done, pending)}, []string{"A", "B", "COMPLETED"}},
		{"failed", &jobsv1.Job{Status: jobsv1.JobStatus_JOB_STATUS_FAILED, Progress: steps(done, pending)}, []string{"A", "FAILED"}},
		{"cancelled", &jobsv1.Job{Status: jobsv1.JobStatus_JOB_STATUS_CANCELLED}, []string{"FAILED"}},
	} {
		events, err := StepNames(words).Events(snapshot(t, c.job))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, event := range WithData(events) {
			got = append(got, string(event))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

// As a job with many steps moves on, its snapshots fold other steps. The list of events still only grows.
func TestStepNamesOfFoldedStepsKeepTheirPlace(t *testing.T) {
	folded := func(n uint32, done float64, state jobsv1.StepState) *jobsv1.Step {
		return &jobsv1.Step{Name: "first", State: state, FoldedSteps: &n, Done: done, Total: float64(n)}
	}
	step := func(name string, state jobsv1.StepState) *jobsv1.Step { return &jobsv1.Step{Name: name, State: state} }
	for _, c := range []struct {
		status jobsv1.JobStatus
		steps  []*jobsv1.Step
		at     int
		last   string
	}{
		{0, []*jobsv1.Step{step("a", active), folded(99, 0, pending)}, 1, "A"},
		{0, []*jobsv1.Step{folded(40, 40, done), step("b", active), folded(59, 0, pending)}, 41, "B"},
		{0, []*jobsv1.Step{folded(70, 70, done), step("c", active), folded(29, 0, pending)}, 71, "C"},
		{0, []*jobsv1.Step{folded(71, 71, done), folded(29, 10, active)}, 81, ""},
		{jobsv1.JobStatus_JOB_STATUS_COMPLETED, []*jobsv1.Step{folded(100, 100, done)}, 101, "COMPLETED"},
	} {
		events, err := StepNames(nil).Events(snapshot(t, &jobsv1.Job{Status: c.status, Progress: &jobsv1.Progress{Steps: c.steps}}))
		if err != nil || len(events) != c.at || string(events[len(events)-1]) != c.last {
			t.Errorf("%v gives %d events, %v, want %d with %q at the end", c.steps, len(events), err, c.at, c.last)
		}
	}
}

func TestProgressUpdateNamesLastStepAtTheEnd(t *testing.T) {
	const skipped = jobsv1.StepState_STEP_STATE_SKIPPED
	for want, progress := range map[string]*jobsv1.Progress{
		"B step": steps(done, done, skipped, pending), "A step": steps(done, pending), "": steps(pending),
	} {
		progress.CurrentStep = ""
		data, err := ProgressUpdate.Update(snapshot(t, &jobsv1.Job{Status: jobsv1.JobStatus_JOB_STATUS_COMPLETED, Progress: progress}))
		var got struct{ Step string }
		if err := errors.Join(err, json.Unmarshal(data, &got)); err != nil || got.Step != want {
			t.Errorf("the step is %q (%v), expected %q", got.Step, err, want)
		}
	}
}

func TestProgressUpdateHasDataOnlyAtTheEnd(t *testing.T) {
	result, err := structpb.NewStruct(map[string]any{"n": 3})
	if err != nil {
		t.Fatal(err)
	}
	for want, job := range map[string]*jobsv1.Job{
		`{"status":"processing","progress":40,"message":"Half way","step":"B step","jobId":"j1"}`: {
			Status: jobsv1.JobStatus_JOB_STATUS_ACTIVE, Result: result, Progress: steps(done, active)},
		`{"status":"processing","progress":0,"message":"","step":"","jobId":"j1"}`: {Status: jobsv1.JobStatus_JOB_STATUS_QUEUED},
		`{"status":"completed","progress":100,"message":"Half way","step":"B step","data":{"n":3},"jobId":"j1"}`: {
			Status: jobsv1.JobStatus_JOB_STATUS_COMPLETED, Result: result, Progress: steps(done, done)},
		`{"status":"error","progress":40,"message":"No model.","step":"B step","jobId":"j1"}`: {
			Status: jobsv1.JobStatus_JOB_STATUS_FAILED, Error: &jobsv1.JobError{Message: "No model."}, Progress: steps(done, active)},
		`{"status":"error","progress":0,"message":"The job was cancelled.","step":"","jobId":"j1"}`: {Status: jobsv1.JobStatus_JOB_STATUS_CANCELLED},
	} {
		got, err := ProgressUpdate.Update(snapshot(t, job))
		if err != nil || string(got) != want {
			t.Errorf("got %s, want %s (%v)", got, want, err)
		}
	}
}

func TestReconnectingStreamsEndSilently(t *testing.T) {
	limit := rpcerr.New(codes.ResourceExhausted, errorsv1.ErrorReason_ERROR_REASON_STREAM_LIMIT, "Too many.")
	invalid := rpcerr.New(codes.InvalidArgument, errorsv1.ErrorReason_ERROR_REASON_NOT_A_WORKBOOK, "It is not a workbook.")
	for _, f := range []Format{ProgressUpdate, StepNames(nil)} {
		for _, cause := range []error{hub.ErrEnded, hub.ErrDraining, hub.ErrReplaced, limit} {
			if got := f.End(cause); got != nil {
				t.Errorf("%T, %v: %s", f, cause, got)
			}
		}
	}
	if got := string(StepNames(nil).End(invalid)); got != "FAILED" {
		t.Errorf("got %s", got)
	}
	if got := string(ProgressUpdate.End(invalid)); got != `{"status":"error","progress":0,"message":"It is not a workbook.","step":""}` {
		t.Errorf("got %s", got)
	}
}

func TestJobStatusRepeatsTheEndAsAnUpdate(t *testing.T) {
	for terminal, want := range map[bool][]string{false: {"initial_status"}, true: {"initial_status", "job_update"}} {
		job := &jobsv1.Job{Status: jobsv1.JobStatus_JOB_STATUS_ACTIVE}
		if terminal {
			job.Status = jobsv1.JobStatus_JOB_STATUS_COMPLETED
		}
		events, err := JobStatus.Initial(snapshot(t, job))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, event := range events {
			var m struct{ Type string }
			if err := json.Unmarshal(event, &m); err != nil {
				t.Fatal(err)
			}
			got = append(got, m.Type)
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
