package importer_test

import (
	"testing"
	"time"

	errorsv1 "headway/gen/go/headway/errors/v1"
	importsv1 "headway/gen/go/headway/imports/v1"
	"headway/internal/settings"
	"headway/services/importer"
)

// TestWorkbooksOfOneUserAreLimited: declared or not. A repeated upload needs no room, and a deleted import makes some.
func TestWorkbooksOfOneUserAreLimited(t *testing.T) {
	book := setup(t).sampleBook(20, 0)
	w := setup(t, func(c *importer.Config) {
		c.SweepInterval, c.WorkbookBytesPerUser = 10*time.Millisecond, settings.Bytes(len(book)*3/2)
	})
	first := &importsv1.UploadOptions{RequestId: "first"}
	im := w.end(book, first)
	for name, options := range map[string]*importsv1.UploadOptions{
		"declared": {SizeBytes: int64(len(book))}, "not declared": {},
	} {
		_, err := w.upload("ann", book, options)
		wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_QUOTA_EXCEEDED)
		if stored := w.stored(); len(stored) != 1 {
			t.Errorf("%s: stored are %v", name, stored)
		}
	}
	if again, err := w.upload("ann", book, first); err != nil || again.GetImport().GetImportId() != im.GetImportId() {
		t.Errorf("the repeated upload: %v, %v", again, err)
	}
	if _, err := w.upload("bob", book, &importsv1.UploadOptions{}); err != nil {
		t.Errorf("another user: %v", err)
	}
	w.deleteJob(im)
	eventually(t, "its workbook is deleted", func() bool { return len(w.stored()) == 1 })
	eventually(t, "there is room again", func() bool {
		_, err := w.upload("ann", book, &importsv1.UploadOptions{})
		return err == nil
	})
}
