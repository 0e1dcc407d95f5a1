package importer_test

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"

	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// skipRows has the options of a killedWorld's uploads.
var skipRows = &importsv1.UploadOptions{OnIssues: importsv1.OnIssues_ON_ISSUES_SKIP_ROWS}

// lock holds the target's write lock, like another program, until free is called.
func (w *world) lock() (free func()) {
	w.t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(w.dir, "records.db")+"?_txlock=immediate")
	if err != nil {
		w.t.Fatal(err)
	}
	tx, err := db.BeginTx(context.Background(), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	freed := false
	free = func() {
		if freed {
			return
		}
		freed = true
		if err := tx.Rollback(); err != nil {
			w.t.Error(err)
		}
		if err := db.Close(); err != nil {
			w.t.Error(err)
		}
	}
	w.t.Cleanup(free)
	return free
}

func TestImportWaitsForLockedDatabase(t *testing.T) {
	w := setup(t)
	free := w.lock()
	im := w.accepted(w.sampleBook(50, 0), &importsv1.UploadOptions{})
	w.active(im)
	free()
	wantStatus(t, w.watch(im.GetImportId()), jobsv1.JobStatus_JOB_STATUS_COMPLETED)
}

func (w *killedWorld) failing(id, reason string) {
	w.t.Helper()
	failing(w.t, w.imports, w.token, id, reason)
}

func (w *world) failing(id, reason string) {
	w.t.Helper()
	failing(w.t, w.imports, w.as("ann"), id, reason)
}

// failing waits until an import's attempt has failed for a reason, and its job waits for the next attempt.
func failing(t *testing.T, client importsv1.ImportServiceClient, as grpc.CallOption, id, reason string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		answer, err := client.GetImport(t.Context(), &importsv1.GetImportRequest{ImportId: id}, as)
		if err != nil {
			t.Fatal(err)
		}
		job := answer.GetImport().GetJob()
		if job.GetStatus() == jobsv1.JobStatus_JOB_STATUS_QUEUED && job.GetError().GetReason() == reason {
			return
		}
		if s := job.GetStatus(); s != jobsv1.JobStatus_JOB_STATUS_QUEUED && s != jobsv1.JobStatus_JOB_STATUS_ACTIVE {
			t.Fatalf("the import is %v, its error %v", s, job.GetError())
		}
	}
	t.Fatalf("no attempt failed for %s", reason)
}

func TestImportWaitsForMissingDatabase(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "mounted")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	w := newKilledWorld(t, buildServices(t), 0, nil, "--records", filepath.Join(folder, "records.db"))
	sample := setup(t)
	small, file := sample.sampleBook(50, 0), sample.sampleBook(2000, 0)
	wantStatus(t, w.follow(w.upload(small, "before")), jobsv1.JobStatus_JOB_STATUS_COMPLETED)

	if err := os.Rename(folder, folder+"-away"); err != nil {
		t.Fatal(err)
	}
	id := w.upload(file, "away")
	w.failing(id, "TARGET_UNAVAILABLE")
	if err := os.Rename(folder+"-away", folder); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, w.follow(id), jobsv1.JobStatus_JOB_STATUS_COMPLETED)
	for _, each := range [][]byte{small, file} {
		wantStatus(t, sample.end(each, skipRows), jobsv1.JobStatus_JOB_STATUS_COMPLETED)
	}
	if got, want := rowsOf(t, folder), rowsOf(t, sample.dir); !equalLines(got, want) {
		t.Errorf("the rows differ: %s", difference(got, want))
	}
}

func TestDeletedDatabaseIsCreatedAgain(t *testing.T) {
	w := setup(t)
	file := w.sampleBook(50, 0)
	wantStatus(t, w.end(file, &importsv1.UploadOptions{}), jobsv1.JobStatus_JOB_STATUS_COMPLETED)
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(filepath.Join(w.dir, "records.db"+suffix)); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	again := w.end(file, &importsv1.UploadOptions{})
	wantStatus(t, again, jobsv1.JobStatus_JOB_STATUS_COMPLETED)
	if c := again.GetTotals(); c.GetInserted() != c.GetRead() || w.held("areas") == 0 {
		t.Errorf("the numbers are %v", c)
	}
}
