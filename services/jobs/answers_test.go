package jobs_test

import (
	"strings"
	"testing"

	"google.golang.org/grpc/status"

	errorsv1 "headway/gen/go/headway/errors/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
)

func TestAnswerToAnotherQuestionIsRefused(t *testing.T) {
	onBothStores(t, func(t *testing.T, w *world) {
		user, worker := w.user("alice"), w.worker()
		id, token := w.begin(user, worker, &jobsv1.CreateJobRequest{})
		ask := func(token, question string) uint32 {
			t.Helper()
			resp, err := worker.ParkJob(t.Context(), &jobsv1.ParkJobRequest{JobId: id, LeaseToken: token, Question: document(t, map[string]any{"q": question})})
			if err != nil {
				t.Fatal(err)
			}
			return resp.GetJob().GetRevision()
		}
		answer := func(revision uint32) error {
			_, err := user.ResumeJob(t.Context(), &jobsv1.ResumeJobRequest{JobId: id, Answer: document(t, map[string]any{"a": "yes"}), QuestionRevision: &revision})
			return err
		}
		first := ask(token, "Keep a copy?")
		if err := answer(first); err != nil {
			t.Fatal(err)
		}
		second := ask(w.lease(worker).GetLeaseToken(), "Delete everything?")
		wantReason(t, answer(first), errorsv1.ErrorReason_ERROR_REASON_JOB_NOT_WAITING)
		if err := answer(second); err != nil {
			t.Errorf("the answer to the present question gives %v", err)
		}
	})
}

// TestAnswerToSecondQuestionNamesIt has two users who see the first question, of whom one answers late, without the question's revision.
func TestAnswerToSecondQuestionNamesIt(t *testing.T) {
	onBothStores(t, func(t *testing.T, w *world) {
		user, worker := w.user("alice"), w.worker()
		id, token := w.begin(user, worker, &jobsv1.CreateJobRequest{})
		ask := func(token string) *jobsv1.Job {
			t.Helper()
			resp, err := worker.ParkJob(t.Context(), &jobsv1.ParkJobRequest{JobId: id, LeaseToken: token, QuestionJson: `{"text":"Continue?"}`})
			if err != nil {
				t.Fatal(err)
			}
			return resp.GetJob()
		}
		answer := func(r *jobsv1.ResumeJobRequest) error {
			r.JobId = id
			_, err := user.ResumeJob(t.Context(), r)
			return err
		}
		ask(token)
		if err := answer(&jobsv1.ResumeJobRequest{}); err != nil { // even an empty answer is one
			t.Fatal(err)
		}
		wantReason(t, answer(&jobsv1.ResumeJobRequest{AnswerJson: `{"yes":true}`}), errorsv1.ErrorReason_ERROR_REASON_JOB_NOT_WAITING)
		second := ask(w.lease(worker).GetLeaseToken()).GetRevision()
		for _, late := range []*jobsv1.ResumeJobRequest{{AnswerJson: `{"yes":true}`}, {QuestionRevision: new(uint32(0))}} {
			err := answer(late)
			wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_REQUEST_INVALID)
			if text := status.Convert(err).Message(); !strings.Contains(text, "question_revision") {
				t.Errorf("the late answer gives %q", text)
			}
		}
		if err := answer(&jobsv1.ResumeJobRequest{QuestionRevision: &second}); err != nil {
			t.Errorf("the answer to the second question gives %v", err)
		}
	})
}
