package importrpc

import (
	"testing"

	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/services/importer/internal/report"
)

func TestPhaseFollowsJobStatus(t *testing.T) {
	if got := phase(nil); got != report.Purged {
		t.Errorf("without a job: %v", got)
	}
	for status, want := range map[jobsv1.JobStatus]report.Phase{
		jobsv1.JobStatus_JOB_STATUS_QUEUED:    report.Running,
		jobsv1.JobStatus_JOB_STATUS_ACTIVE:    report.Running,
		jobsv1.JobStatus_JOB_STATUS_WAITING:   report.Waiting,
		jobsv1.JobStatus_JOB_STATUS_COMPLETED: report.Ended,
		jobsv1.JobStatus_JOB_STATUS_FAILED:    report.Ended,
		jobsv1.JobStatus_JOB_STATUS_CANCELLED: report.Ended,
	} {
		if got := phase(&jobsv1.Job{Status: status}); got != want {
			t.Errorf("%v: got %v, want %v", status, got, want)
		}
	}
}
