package jobs_test

import (
	"context"
	"fmt"
	"testing"

	"headway/clients/go"
	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// crawlService is a service layer that doesn't depend on Headway: it gets a context and a channel, and closes the
// channel.
func crawlService(ctx context.Context, updates chan<- headway.Update, send ...headway.Update) {
	defer close(updates)
	for _, u := range send {
		select {
		case updates <- u:
		case <-ctx.Done():
			return
		}
	}
}

func updating(send ...headway.Update) headway.Handler {
	return func(ctx context.Context, task *headway.Task) (any, error) {
		updates := make(chan headway.Update)
		go crawlService(ctx, updates, send...)
		return headway.Updates(updates)(ctx, task)
	}
}

func TestUpdatesBecomeStepsMessagesAndResult(t *testing.T) {
	w := setup(t)
	user := w.user("alice")
	w.work(updating(
		headway.Update{Status: headway.Processing, Progress: 0, Step: "Fetching data", Message: "Starting"},
		headway.Update{Status: headway.Processing, Progress: 12.5, Step: "Fetching data", Message: "3 of 24 pages"},
		headway.Update{Status: headway.Processing, Progress: 40, Step: "Ranking\nlinks", Message: "Ranking"},
		headway.Update{Status: headway.Processing, Progress: 30, Message: "Still ranking"}, // progress never decreases
		headway.Update{Status: headway.Completed, Progress: 100, Step: "Saving", Message: "Done", Data: map[string]any{"pages": 24}},
	))
	job := last(t, user, w.create(user, &jobsv1.CreateJobRequest{}).GetJobId())
	var steps []string
	for _, s := range job.GetProgress().GetSteps() {
		steps = append(steps, fmt.Sprintf("%s %s %.1f", s.GetTitle(), headway.Word(s.GetState()), s.GetWeight()))
	}
	want := "[Fetching data completed 12.5 Ranking links completed 27.5 Saving completed 60.0]"
	if fmt.Sprint(steps) != want {
		t.Errorf("the steps are %v, want %s", steps, want)
	}
	if headway.Word(job.GetStatus()) != "completed" || job.GetResult().AsMap()["pages"] != 24.0 || job.GetProgress().GetMessage() != "Done" {
		t.Errorf("the job ended as %v", job)
	}
}

func TestUpdatesKeepTheirOwnPercentage(t *testing.T) {
	w := setup(t)
	user := w.user("alice")
	updates, answer := make(chan headway.Update), make(chan struct{})
	w.work(func(ctx context.Context, task *headway.Task) (any, error) {
		defer close(answer)
		return headway.Updates(updates)(ctx, task)
	})
	id := w.create(user, &jobsv1.CreateJobRequest{}).GetJobId()
	steps := []headway.Update{
		{Status: headway.Processing, Progress: 33.3, Step: "A"}, {Status: headway.Processing, Progress: 33.3, Step: "B"},
		{Status: headway.Processing, Progress: 71.25, Step: "C"}, {Status: headway.Processing, Progress: 99.9, Step: "C"},
	}
	next := 0
	updates <- steps[next]
	for job, err := range headway.Watch(t.Context(), user, id) {
		if err != nil {
			t.Fatal(err)
		}
		percent, want := job.GetProgress().GetPercent(), steps[next].Progress
		if percent > want+0.01 {
			t.Fatalf("the job is at %v %% after an update of %v %%", percent, want)
		}
		if percent > want-0.01 && job.GetProgress().GetCurrentStep() == steps[next].Step {
			if next++; next == len(steps) {
				break
			}
			updates <- steps[next]
		}
	}
	updates <- headway.Update{Status: headway.Completed}
	<-answer
	close(updates)
}

func TestFailedUpdateFailsJobPermanently(t *testing.T) {
	w := setup(t)
	user := w.user("alice")
	w.work(updating(
		headway.Update{Status: headway.Processing, Progress: 10, Step: "Fetching data"},
		headway.Update{Status: headway.Failed, Progress: 10, Step: "Fetching data", Message: "The site does not answer.", Data: []int{503}},
		headway.Update{Status: headway.Processing, Progress: 20}, // too late, and it must not block the sender
	))
	job := last(t, user, w.create(user, &jobsv1.CreateJobRequest{}).GetJobId())
	if headway.Word(job.GetStatus()) != "failed" || job.GetError().GetMessage() != "The site does not answer." || job.GetAttempt() != 1 ||
		headway.Word(job.GetProgress().GetSteps()[0].GetState()) != "failed" || len(job.GetResult().AsMap()["data"].([]any)) != 1 {
		t.Errorf("the job ended as %v", job)
	}
}

func TestUpdatesWithoutAnEndFailTheAttempt(t *testing.T) {
	w := setup(t)
	user := w.user("alice")
	w.work(updating(headway.Update{Status: headway.Processing, Progress: 10}))
	job := last(t, user, w.create(user, &jobsv1.CreateJobRequest{Retry: &jobsv1.RetryPolicy{MaxAttempts: 2, BackoffSeconds: 0.01}}).GetJobId())
	if headway.Word(job.GetStatus()) != "failed" || job.GetAttempt() != 2 || job.GetError().GetMessage() != headway.ErrUpdatesEnded.Error() {
		t.Errorf("the job ended as %v", job)
	}
}

func TestManyTitlesOfUpdatesBecomeMessages(t *testing.T) {
	w := setup(t)
	user := w.user("alice")
	var send []headway.Update
	for n := range 300 {
		send = append(send, headway.Update{Status: headway.Processing, Progress: float64(n) / 3, Step: fmt.Sprint("Page ", n), Message: "fetched"})
	}
	w.work(updating(append(send, headway.Update{Status: headway.Completed, Step: "Page 299"})...))
	job := last(t, user, w.create(user, &jobsv1.CreateJobRequest{}).GetJobId())
	whole, err := user.GetJob(t.Context(), &jobsv1.GetJobRequest{JobId: job.GetJobId()}) // the snapshot folds them
	if steps := len(whole.GetJob().GetProgress().GetSteps()); err != nil || steps != 100 || headway.Word(job.GetStatus()) != "completed" {
		t.Errorf("the job is %v with %d steps", job.GetStatus(), steps)
	}
	if m := job.GetProgress().GetMessage(); m != "Page 299" {
		t.Errorf("the message is %q", m)
	}
}
