package jobs_test

import (
	"fmt"
	"strings"
	"testing"

	errorsv1 "headway/gen/go/headway/errors/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
)

func TestJobsAreFoundByLabelsOfAnyText(t *testing.T) {
	onBothStores(t, func(t *testing.T, w *world) {
		user := w.user("alice")
		for i, value := range []string{"", "first line\nsecond line", "\r\n", "a=b=c", "\u2028", strings.Repeat("👩", 200), `'"\%_*`} {
			label := fmt.Sprint("name-", i)
			id := w.create(user, &jobsv1.CreateJobRequest{Labels: map[string]string{label: value}}).GetJobId()
			list, err := user.ListJobs(t.Context(), &jobsv1.ListJobsRequest{Labels: []string{label + "=" + value}})
			if err != nil || len(list.GetJobs()) != 1 || list.GetJobs()[0].GetJobId() != id {
				t.Errorf("the list of jobs with the label %.20q is %v, %v", value, list, err)
			}
			changing, err := user.ChangeJobs(t.Context(), &jobsv1.ChangeJobsRequest{Change: jobsv1.JobChange_JOB_CHANGE_CANCEL, Labels: []string{label + "=" + value}})
			if err != nil {
				t.Errorf("ChangeJobs with the label %.20q: %v", value, err)
				continue
			}
			watchToEnd(t, user, changing.GetJob().GetJobId())
			got, err := user.GetJob(t.Context(), &jobsv1.GetJobRequest{JobId: id})
			if err != nil || got.GetJob().GetStatus() != jobsv1.JobStatus_JOB_STATUS_CANCELLED {
				t.Errorf("after cancelling the jobs with the label %.20q, the job is %v, %v", value, got.GetJob().GetStatus(), err)
			}
		}
	})
}

// TestTwoValuesOfALabelAreRefused filters by two values of the same label, which no job has. The second one must not replace the first.
func TestTwoValuesOfALabelAreRefused(t *testing.T) {
	w := setup(t)
	user := w.user("alice")
	j := w.create(user, &jobsv1.CreateJobRequest{Labels: map[string]string{"batch": "b"}})
	labels := []string{"batch=a", "batch=b"}
	_, err := user.ListJobs(t.Context(), &jobsv1.ListJobsRequest{Labels: labels})
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_REQUEST_INVALID)
	_, err = user.ChangeJobs(t.Context(), &jobsv1.ChangeJobsRequest{Change: jobsv1.JobChange_JOB_CHANGE_CANCEL, Labels: labels})
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_REQUEST_INVALID)
	list, err := user.ListJobs(t.Context(), &jobsv1.ListJobsRequest{Labels: []string{"batch=b", "batch=b"}})
	if err != nil || len(list.GetJobs()) != 1 || list.GetJobs()[0].GetJobId() != j.GetJobId() {
		t.Errorf("the same label twice finds %v, %v", list, err)
	}
}
