package main

import (
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"headway/clients/go"
	"headway/examples/character/sheet"
	"headway/examples/internal/workertest"
	jobsv1 "headway/gen/go/headway/jobs/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// setup starts a service with the default lease.
func setup(t *testing.T) *workertest.World { return workertest.Start(t, "character", build, 0) }

// undisturbed returns the sheet and the output of a seed without any interruption.
func undisturbed(t *testing.T, seed uint64, name string) (*sheet.Sheet, string) {
	t.Helper()
	s, told := sheet.New(seed, name), ""
	for i := range sheet.Steps {
		text, err := sheet.Steps[i].Build(t.Context(), s, func(int) {})
		if err != nil {
			t.Fatal(err)
		}
		told += text
	}
	return s, told
}

// midStory reports whether the story is being written.
func midStory(job *jobsv1.Job) bool {
	steps := job.GetProgress().GetSteps()
	return len(steps) > 0 && steps[len(steps)-1].GetDone() > 8
}

func wantCharacter(w *workertest.World, job *jobsv1.Job, seed uint64, name string) {
	w.T.Helper()
	want, told := undisturbed(w.T, seed, name)
	result := job.GetResult().AsMap()
	if headway.Word(job.GetStatus()) != "completed" || job.GetProgress().GetPercent() != 100 {
		w.T.Fatalf("the job ended as %v", job)
	}
	if result["characterId"] != want.CharacterID || result["displayId"] != want.DisplayID || result["name"] != want.Name {
		w.T.Errorf("the result is %v, want %+v", result, want)
	}
	if got := w.Output(job.GetJobId()); got != told {
		w.T.Errorf("the output is\n%s\nwant\n%s", got, told)
	}
}

func TestCharacterIsBuiltStepByStep(t *testing.T) {
	w := setup(t)
	w.Work()
	id := w.Create(map[string]any{"seed": 42, "name": "Ada", "wordsPerSecond": 0})
	job := w.End(id)
	wantCharacter(w, job, 42, "Ada")
	for i, step := range job.GetProgress().GetSteps() {
		if step.GetName() != sheet.Steps[i].Name || headway.Word(step.GetState()) != "completed" {
			t.Errorf("step %d is %v", i, step)
		}
	}
}

func TestJobIDIsDefaultSeed(t *testing.T) {
	w := setup(t)
	w.Work()
	first := w.End(w.Create(map[string]any{"wordsPerSecond": 0})).GetResult().AsMap()
	second := w.End(w.Create(map[string]any{"wordsPerSecond": 0})).GetResult().AsMap()
	if first["characterId"] == second["characterId"] || first["seed"] == 0.0 {
		t.Errorf("two jobs returned %v and %v", first, second)
	}
}

func TestAnotherWorkerContinuesAfterCrash(t *testing.T) {
	w := workertest.Start(t, "character", build, 3*time.Second) // the test waits until it has expired
	_, cut := w.Work()
	id := w.Create(map[string]any{"seed": 5, "wordsPerSecond": 120})
	before := w.Watch(id, midStory)
	cut()
	w.Work()
	job := w.End(id)
	wantCharacter(w, job, 5, "")
	if job.GetAttempt() != 2 || job.GetProgress().GetPercent() < before.GetProgress().GetPercent() {
		t.Errorf("it ended in attempt %d", job.GetAttempt())
	}
}

func TestShutdownReleasesJob(t *testing.T) {
	w := setup(t)
	shutDown, _ := w.Work()
	id := w.Create(map[string]any{"seed": 6, "wordsPerSecond": 120})
	w.Watch(id, midStory)
	shutDown()
	w.Work()
	job := w.End(id)
	wantCharacter(w, job, 6, "")
	if job.GetAttempt() != 1 {
		t.Errorf("it ended in attempt %d; a release uses up none", job.GetAttempt())
	}
}

func TestCancelEndsOutput(t *testing.T) {
	w := setup(t)
	w.Work()
	id := w.Create(map[string]any{"seed": 7, "wordsPerSecond": 5})
	w.Watch(id, func(job *jobsv1.Job) bool { return job.GetOutputBytes() > 0 })
	if _, err := w.User.CancelJob(t.Context(), &jobsv1.CancelJobRequest{JobId: id}); err != nil {
		t.Fatal(err)
	}
	job := w.End(id)
	_, told := undisturbed(t, 7, "")
	if headway.Word(job.GetStatus()) != "cancelled" || job.GetError().GetReason() != "CANCELLED_BY_USER" || int(job.GetOutputBytes()) >= len(told) {
		t.Errorf("it ended as %v", job)
	}
}

func TestInvalidPayloadFailsPermanently(t *testing.T) {
	w := setup(t)
	w.Work()
	w.RefusesPermanently(map[string]any{"seed": -1}, map[string]any{"seed": 1.5}, map[string]any{"seed": "42"}, map[string]any{"seed": 1 << 53},
		map[string]any{"name": strings.Repeat("x", 41)}, map[string]any{"name": "two\nlines"}, map[string]any{"wordsPerSecond": -1},
		map[string]any{"wordsPerSecond": 1e9}, map[string]any{"sead": 42})
}
