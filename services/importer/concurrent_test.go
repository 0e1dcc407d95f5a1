package importer_test

import (
	"sync"
	"testing"

	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
)

func TestConcurrentUploadsOfOneFile(t *testing.T) {
	w := setup(t)
	file := w.sampleBook(200, 0)
	const uploads = 8
	ids := make([]string, uploads)
	var all sync.WaitGroup
	for i := range uploads {
		all.Go(func() {
			options := &importsv1.UploadOptions{OnIssues: importsv1.OnIssues_ON_ISSUES_SKIP_ROWS}
			if i%2 == 0 {
				options.RequestId = "once"
			}
			answer, err := w.upload("ann", file, options)
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = answer.GetImport().GetImportId()
		})
	}
	all.Wait()
	distinct := map[string]bool{}
	var inserted uint32
	for i, id := range ids {
		if i%2 == 0 && id != ids[0] {
			t.Errorf("two uploads with one request ID are the imports %s and %s", ids[0], id)
		}
		if distinct[id] {
			continue
		}
		distinct[id] = true
		im := w.watch(id)
		wantStatus(t, im, jobsv1.JobStatus_JOB_STATUS_COMPLETED)
		totals := im.GetTotals()
		inserted += totals.GetInserted()
		if totals.GetInserted()+totals.GetUnchanged() != totals.GetRead() {
			t.Errorf("the counts of import %s are %v", id, totals)
		}
	}
	if rows := w.held("employees"); len(distinct) != uploads/2+1 || rows != 200 {
		t.Errorf("%d imports, %d employees", len(distinct), rows)
	}
	if first := w.watch(ids[0]).GetTotals().GetRead(); inserted != first {
		t.Errorf("%d rows were inserted, want each of %d once", inserted, first)
	}
	if files := w.stored(); len(files) != len(distinct) {
		t.Errorf("%d files are stored for %d imports", len(files), len(distinct))
	}
}
