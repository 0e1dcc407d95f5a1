package importer_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	errorsv1 "headway/gen/go/headway/errors/v1"
	importsv1 "headway/gen/go/headway/imports/v1"
	"headway/internal/settings"
	"headway/services/importer"
)

// TestStalledUploadHoldsNothing: when the importer has discarded it, the file, its place on the disk, and its room in the quota are free.
func TestStalledUploadHoldsNothing(t *testing.T) {
	book := setup(t).sampleBook(20, 0)
	w := setup(t, func(c *importer.Config) {
		c.ImporterStallTimeout, c.WorkbookBytesPerUser = 500*time.Millisecond, settings.Bytes(len(book)*3/2)
	})
	options := &importsv1.UploadOptions{SizeBytes: int64(len(book))}
	for name, sent := range map[string]int{"nothing": -1, "only the options": 0, "some bytes": len(book) / 2} {
		upload, err := w.imports.UploadWorkbook(t.Context(), w.as("ann"))
		if err != nil {
			t.Fatal(err)
		}
		if sent >= 0 {
			if err := upload.Send(&importsv1.UploadWorkbookRequest{Part: &importsv1.UploadWorkbookRequest_Options{Options: options}}); err != nil {
				t.Fatal(err)
			}
		}
		if sent > 0 {
			if err := upload.Send(&importsv1.UploadWorkbookRequest{Part: &importsv1.UploadWorkbookRequest_Data{Data: book[:sent]}}); err != nil {
				t.Fatal(err)
			}
		}
		err = upload.RecvMsg(&importsv1.UploadWorkbookResponse{})
		wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_UPLOAD_INTERRUPTED)
		if files := filesBelow(t, filepath.Join(w.dir, "blobs")); len(files) > 0 {
			t.Errorf("%s: stored are %v", name, files)
		}
	}
	preview, err := w.imports.PreviewFile(t.Context(), w.as("ann"))
	if err != nil {
		t.Fatal(err)
	}
	if err := preview.Send(&importsv1.PreviewFileRequest{Part: &importsv1.PreviewFileRequest_Options{Options: options}}); err != nil {
		t.Fatal(err)
	}
	wantReason(t, preview.RecvMsg(&importsv1.PreviewFileResponse{}), errorsv1.ErrorReason_ERROR_REASON_UPLOAD_INTERRUPTED)
	if files := filesBelow(t, filepath.Join(w.dir, "blobs")); len(files) > 0 {
		t.Errorf("after the preview, stored are %v", files)
	}
	eventually(t, "there is room for the next upload", func() bool { // which can stall as well, on a busy machine
		_, err := w.upload("ann", book, options)
		return err == nil
	})
}

// filesBelow returns the files in a directory and those below.
func filesBelow(t *testing.T, dir string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
