package importer_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/s3test"
	"headway/services/importer"
)

func TestWorkbooksInObjectStoreAreImported(t *testing.T) {
	server := s3test.Start(t, "headway")
	for name, value := range s3test.Env() {
		t.Setenv(name, value)
	}
	w := setup(t, func(c *importer.Config) {
		c.Blobs = server.URL("headway", "prefix=imports/")
		c.Memory = 256 << 20 // the minimum has room for an upload
		c.SweepInterval = 10 * time.Millisecond
	})
	im := w.end(w.sampleBook(20_000, 12), &importsv1.UploadOptions{OnIssues: importsv1.OnIssues_ON_ISSUES_SKIP_ROWS})
	wantStatus(t, im, jobsv1.JobStatus_JOB_STATUS_COMPLETED)
	if totals := im.GetTotals(); totals.GetInserted() == 0 || totals.GetRejected() != 12 {
		t.Errorf("the counts are %v", totals)
	}
	if report, _ := w.download(im.GetImportId(), importsv1.ReportFormat_REPORT_FORMAT_WORKBOOK); len(report) == 0 {
		t.Error("the report is empty")
	}
	stored := filepath.Join(server.Folder("headway"), "imports", im.GetImportId()+".xlsx")
	if info, err := os.Stat(stored); err != nil || info.Size() < 1<<20 {
		t.Errorf("the stored workbook: %v, %v", info, err)
	}
	w.deleteJob(im)
	eventually(t, "the workbook is deleted", func() bool { _, err := os.Stat(stored); return os.IsNotExist(err) })
	if files := w.stored(); len(files) > 0 {
		t.Errorf("the data directory has %v", files)
	}
}
