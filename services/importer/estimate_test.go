package importer_test

import (
	"testing"

	"github.com/xuri/excelize/v2"

	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
)

func TestSheetTotalIsEstimatedUntilItsEnd(t *testing.T) {
	w, _ := setupShop(t)
	// Merged headers are found at the end of the sheet, and end the import before its total is exact.
	file := shopBook(t, func(f *excelize.File) error { return f.MergeCell("Items", "B1", "C1") }, []any{"a", 1}, []any{"b", 2})
	for name, test := range map[string]struct {
		file      []byte
		status    jobsv1.JobStatus
		estimated bool
	}{
		"a sheet that was left": {file, jobsv1.JobStatus_JOB_STATUS_FAILED, true},
		"a sheet that was read": {shopBook(t, nil, []any{"a", 1}), jobsv1.JobStatus_JOB_STATUS_COMPLETED, false},
	} {
		im := w.end(test.file, &importsv1.UploadOptions{Schema: "shop"})
		wantStatus(t, im, test.status)
		for _, step := range im.GetJob().GetProgress().GetSteps() {
			if step.GetName() == "items" && step.GetTotalEstimated() != test.estimated {
				t.Errorf("%s: %v", name, step)
			}
		}
	}
}
