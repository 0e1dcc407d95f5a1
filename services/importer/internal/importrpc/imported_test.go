package importrpc

import (
	"errors"
	"testing"

	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/services/importer/internal/imports"
)

func TestImportedRowsAreThereOnceTheImportHasCommitted(t *testing.T) {
	in := func(status jobsv1.JobStatus) *jobsv1.Job { return &jobsv1.Job{Status: status} }
	for name, test := range map[string]struct {
		im   imports.Import
		job  *jobsv1.Job
		want error
	}{
		"queued":                      {job: in(jobsv1.JobStatus_JOB_STATUS_QUEUED), want: imports.ErrNotCommittedYet},
		"running":                     {job: in(jobsv1.JobStatus_JOB_STATUS_ACTIVE), want: imports.ErrNotCommittedYet},
		"waiting":                     {im: imports.Import{Ended: true}, job: in(jobsv1.JobStatus_JOB_STATUS_WAITING), want: imports.ErrNotConfirmed},
		"failed":                      {im: imports.Import{Ended: true}, job: in(jobsv1.JobStatus_JOB_STATUS_FAILED), want: imports.ErrNothingCommitted},
		"cancelled":                   {job: in(jobsv1.JobStatus_JOB_STATUS_CANCELLED), want: imports.ErrNothingCommitted},
		"a dry run that ended":        {im: imports.Import{Ended: true}, job: in(jobsv1.JobStatus_JOB_STATUS_COMPLETED), want: imports.ErrNothingCommitted},
		"purged without a commit":     {im: imports.Import{Ended: true}, want: imports.ErrNothingCommitted},
		"committed":                   {im: imports.Import{Ended: true, Committed: true}, job: in(jobsv1.JobStatus_JOB_STATUS_COMPLETED)},
		"committed, and about to end": {im: imports.Import{Ended: true, Committed: true}, job: in(jobsv1.JobStatus_JOB_STATUS_ACTIVE)},
		"committed, and purged":       {im: imports.Import{Ended: true, Committed: true}},
	} {
		if got := refuseImported(test.im, test.job); !errors.Is(got, test.want) {
			t.Errorf("%s: got %v, want %v", name, got, test.want)
		}
	}
}
