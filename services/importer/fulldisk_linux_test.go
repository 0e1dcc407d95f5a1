package importer_test

import (
	"testing"

	"golang.org/x/sys/unix"

	errorsv1 "headway/gen/go/headway/errors/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
)

func TestImportWaitsForFullDisk(t *testing.T) {
	undisturbed := setup(t)
	small, file := undisturbed.sampleBook(50, 0), undisturbed.sampleBook(10_000, 0)
	wantStatus(t, undisturbed.end(small, skipRows), jobsv1.JobStatus_JOB_STATUS_COMPLETED)
	want := undisturbed.end(file, skipRows)
	w := newKilledWorld(t, buildServices(t), 0, nil)
	wantStatus(t, w.follow(w.upload(small, "before")), jobsv1.JobStatus_JOB_STATUS_COMPLETED)
	rows := rowsOf(t, w.dir)

	// A limit on the size of the importer's files has the effect of a full disk.
	w.importer.limitFiles(uint64(len(file) / 2))
	_, err := w.tryUpload(file, "too-much-to-keep")
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_STORAGE_FULL)
	if stored := (&world{t: t, dir: w.dir}).stored(); len(stored) != 1 {
		t.Errorf("stored are %v; want the first workbook alone", stored)
	}
	w.importer.limitFiles(uint64(len(file) + 100<<10))
	id := w.upload(file, "full")
	w.failing(id, "TARGET_UNAVAILABLE")
	if now := rowsOf(t, w.dir); !equalLines(now, rows) {
		t.Errorf("the database has changed: %s", difference(now, rows))
	}
	w.importer.limitFiles(unix.RLIM_INFINITY)
	got := w.follow(id)
	wantStatus(t, got, jobsv1.JobStatus_JOB_STATUS_COMPLETED)
	if got.GetTotals().String() != want.GetTotals().String() {
		t.Errorf("the numbers are %v, want %v", got.GetTotals(), want.GetTotals())
	}
	if got, want := rowsOf(t, w.dir), rowsOf(t, undisturbed.dir); !equalLines(got, want) {
		t.Errorf("the rows differ: %s", difference(got, want))
	}
}

// limitFiles limits the size of the files that the process writes.
func (k *killable) limitFiles(bytes uint64) {
	k.t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	limit := unix.Rlimit{Cur: bytes, Max: unix.RLIM_INFINITY}
	if err := unix.Prlimit(k.process.Pid(), unix.RLIMIT_FSIZE, &limit, nil); err != nil {
		k.t.Fatal(err)
	}
}
