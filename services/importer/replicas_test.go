package importer_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"

	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/pgtest"
	"headway/internal/s3test"
)

// onBuckets runs a test with a folder that the importers share, and with an object store.
func onBuckets(t *testing.T, test func(t *testing.T, blobs string)) {
	t.Run("folder", func(t *testing.T) { test(t, "file://"+filepath.Join(t.TempDir(), "blobs")) })
	t.Run("S3", func(t *testing.T) {
		for name, value := range s3test.Env() {
			t.Setenv(name, value)
		}
		test(t, s3test.Start(t, "headway").URL("headway", "prefix=imports/"))
	})
}

func TestImportersWorkForEachOther(t *testing.T) {
	single := setup(t)
	file, errorFree := single.sampleBook(2000, 30), single.sampleBook(2000, 0)
	onBuckets(t, func(t *testing.T, blobs string) {
		w := newReplicatedWorld(t, blobs)
		// Imports that one importer has accepted are run by both.
		var ran [2]bool
		for i := 0; !ran[0] || !ran[1]; i++ {
			if i == 40 {
				t.Fatalf("40 imports were run by only one importer: %v", ran)
			}
			id := w.clients[0].upload(file, fmt.Sprint("shared-", i))
			if who, runs := w.runner(id); runs {
				ran[who] = true
			}
			im := w.clients[1].follow(id)
			if totals := im.GetTotals(); !im.GetCommitted() || totals.GetRejected() != 30 {
				t.Fatalf("the import ended with %v, error %v", totals, im.GetJob().GetError())
			}
		}
		// Either answers for an import, with the same bytes.
		id := w.clients[1].last
		for _, format := range []importsv1.ReportFormat{importsv1.ReportFormat_REPORT_FORMAT_WORKBOOK, importsv1.ReportFormat_REPORT_FORMAT_IMPORTED_XLSX, importsv1.ReportFormat_REPORT_FORMAT_CSV} {
			var files [2][]byte
			var tags [2]string
			for i, client := range w.clients {
				files[i], tags[i] = downloadFrom(t, client, id, format)
			}
			if len(files[0]) == 0 || !bytes.Equal(files[0], files[1]) || tags[0] != tags[1] {
				t.Errorf("%v: %d bytes with the tag %s and %d with %s", format, len(files[0]), tags[0], len(files[1]), tags[1])
			}
		}
		if a, b := issuesOf(t, w.clients[0].imports, w.token, id), issuesOf(t, w.clients[1].imports, w.token, id); len(a) == 0 || !reflect.DeepEqual(a, b) {
			t.Errorf("%d and %d issues", len(a), len(b))
		}
		// An upload is repeated at the other importer.
		if again := w.clients[1].upload(file, "shared-0"); again != w.clients[0].upload(file, "shared-0") {
			t.Error("a repeated upload is another import")
		}
		// One asks, and the other gets the answer.
		asked := w.uploadWith(0, file, importsv1.OnIssues_ON_ISSUES_REVIEW)
		w.await(1, asked, jobsv1.JobStatus_JOB_STATUS_WAITING)
		if _, err := w.clients[1].imports.ConfirmImport(t.Context(), &importsv1.ConfirmImportRequest{ImportId: asked, Commit: true}, w.token); err != nil {
			t.Fatal(err)
		}
		if im := w.clients[0].follow(asked); !im.GetCommitted() {
			t.Errorf("the confirmed import ended with %v", im)
		}
		// Mappings are remembered for both.
		mapping := &importsv1.SaveMappingRequest{Name: "own", Schema: "workforce", Mapping: []*importsv1.SheetMapping{{Sheet: "areas"}}}
		if _, err := w.clients[0].imports.SaveMapping(t.Context(), mapping, w.token); err != nil {
			t.Fatal(err)
		}
		if list, err := w.clients[1].imports.ListMappings(t.Context(), &importsv1.ListMappingsRequest{Schema: "workforce"}, w.token); err != nil || len(list.GetMappings()) != 1 {
			t.Errorf("the other importer lists %v, %v", list, err)
		}
		// An import is cancelled while the other importer runs it, or waits for its turn.
		before := w.tally()
		cancelled := w.uploadWith(1, errorFree, importsv1.OnIssues_ON_ISSUES_REVIEW)
		if _, err := w.jobsClient.CancelJob(t.Context(), &jobsv1.CancelJobRequest{JobId: cancelled}, w.token); err != nil {
			t.Fatal(err)
		}
		if im := w.clients[0].follow(cancelled); im.GetJob().GetStatus() != jobsv1.JobStatus_JOB_STATUS_CANCELLED && !im.GetCommitted() {
			t.Errorf("the cancelled import ended with %v", im)
		}
		if after := w.tally(); after != before {
			t.Errorf("the tables have %s rows, and had %s", after, before)
		}
	})
}

// The importer that runs an import is killed, or frozen and continued, at a random point. The other one completes it.
func TestOtherImporterTakesOver(t *testing.T) {
	single := setup(t)
	files := [][]byte{single.sampleBook(3000, 60), single.seededBook(3000, 40, 2)}
	var want [4]string
	var longest time.Duration
	for turn := range want {
		began := time.Now()
		im := single.end(files[turn%2], skipRows)
		longest = max(longest, time.Since(began))
		want[turn] = im.GetTotals().String()
	}
	w := newReplicatedWorld(t, "file://"+filepath.Join(t.TempDir(), "blobs"))
	random := rand.New(rand.NewPCG(19, 2))
	frozen := -1
	turns := 8
	if text := os.Getenv("HEADWAY_TEST_CRASHES"); text != "" {
		var err error
		if turns, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	for turn := range turns {
		accepts := turn / 2 % 2
		if frozen >= 0 {
			accepts = 1 - frozen
		}
		id := w.clients[accepts].upload(files[turn%2], fmt.Sprint("turn-", turn))
		if frozen >= 0 { // it continues with the run that the other one has completed
			if err := syscall.Kill(w.importers[frozen].process.Pid(), syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
			frozen = -1
		}
		who, runs := w.runner(id)
		other := 1 - who
		at := turn
		if turn >= len(want) {
			at = 2 + turn%2
		}
		if runs {
			time.Sleep(time.Duration(random.Int64N(int64(longest)))) // into the run
			if turn%2 == 0 {
				w.importers[who].kill()
			} else {
				if err := syscall.Kill(w.importers[who].process.Pid(), syscall.SIGSTOP); err != nil {
					t.Fatal(err)
				}
				frozen = who
			}
		}
		began := time.Now()
		im := w.clients[other].follow(id)
		if got := im.GetTotals().String(); got != want[at] || !im.GetCommitted() {
			t.Fatalf("turn %d ended with %v, committed %v, error %v; want %v", turn, got, im.GetCommitted(), im.GetJob().GetError(), want[at])
		}
		t.Logf("turn %d: importer %d, frozen %v, attempt %d, %v later", turn, who, frozen >= 0, im.GetJob().GetAttempt(), time.Since(began))
		if runs && frozen < 0 {
			w.importers[who].start()
		}
	}
	if frozen >= 0 {
		if err := syscall.Kill(w.importers[frozen].process.Pid(), syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
	}
	applied, err := pgtest.Shared(t).SQL(w.name, `SELECT count(*) FROM headway_imports WHERE applied_at IS NOT NULL`)
	if err != nil || strings.TrimSpace(applied) != strconv.Itoa(turns) {
		t.Errorf("%s imports were applied, %v", applied, err)
	}
}

// Both importers get the same rows at the same time. Each row is inserted by exactly one import.
func TestImportersTakeTurns(t *testing.T) {
	file := setup(t).sampleBook(500, 0)
	w := newReplicatedWorld(t, "file://"+filepath.Join(t.TempDir(), "blobs"))
	const uploads = 10
	var all sync.WaitGroup
	var ids [uploads]string
	for i := range ids {
		all.Go(func() {
			for ctx := t.Context(); ids[i] == "" && ctx.Err() == nil; {
				if answer, err := w.clients[i%2].tryUpload(file, fmt.Sprint(i)); err == nil {
					ids[i] = answer.GetImport().GetImportId()
				}
			}
		})
	}
	all.Wait()
	var inserted, read uint32
	for i, id := range ids {
		im := w.clients[(i+1)%2].follow(id)
		if totals := im.GetTotals(); !im.GetCommitted() || totals.GetInserted()+totals.GetUnchanged() != totals.GetRead() {
			t.Errorf("import %d ended with %v, error %v", i, totals, im.GetJob().GetError())
		}
		inserted, read = inserted+im.GetTotals().GetInserted(), im.GetTotals().GetRead()
	}
	if rows := w.tally(); inserted != read || rows != fmt.Sprint(read) {
		t.Errorf("%d rows were inserted, and %s are stored, want each of %d once", inserted, rows, read)
	}
}

// An importer starts, and deletes what uploads have left that no importer receives.
func TestSweepKeepsUploadsOfOtherImporters(t *testing.T) {
	file := setup(t).sampleBook(30_000, 0) // several parts in an object store
	onBuckets(t, func(t *testing.T, blobs string) {
		w := newReplicatedWorld(t, blobs, "--sweep-interval", "10ms")
		upload := w.begin(0, file[:len(file)-1000], importsv1.OnIssues_ON_ISSUES_ABORT)
		for range 2 { // the second start finds what the first one could have left
			w.importers[1].kill()
			w.importers[1].start()
			eventually(t, "the importer answers", func() bool { // the first calls can meet the connection to the one before
				_, err := w.clients[1].imports.ListImports(t.Context(), &importsv1.ListImportsRequest{}, w.token, grpc.WaitForReady(true))
				return err == nil
			})
		}
		swept := w.uploadWith(1, file, importsv1.OnIssues_ON_ISSUES_ABORT) // a sweep has run when its workbook is deleted
		w.clients[1].follow(swept)
		if _, err := w.jobsClient.DeleteJob(t.Context(), &jobsv1.DeleteJobRequest{JobId: swept}, w.token); err != nil {
			t.Fatal(err)
		}
		eventually(t, "a sweep has run", func() bool {
			_, err := w.clients[1].imports.DownloadReport(t.Context(), &importsv1.DownloadReportRequest{ImportId: swept}, w.token)
			stored, sql := pgtest.Shared(t).SQL(w.name, `SELECT count(*) FROM headway_importer.imports WHERE file_stored AND id = '`+swept+`'`)
			return err == nil && sql == nil && strings.TrimSpace(stored) == "0"
		})
		if im := w.clients[1].follow(w.finish(upload, file[len(file)-1000:])); !im.GetCommitted() {
			t.Errorf("the upload ended with %v", im)
		}
	})
}

// A frozen importer has its turn. The imports of the other one don't wait for it any longer than for its lease.
func TestFrozenImporterDoesNotBlockOthers(t *testing.T) {
	single := setup(t)
	file, small := single.sampleBook(30_000, 0), single.sampleBook(100, 0)
	w := newReplicatedWorld(t, "file://"+filepath.Join(t.TempDir(), "blobs"), "--max-concurrent-imports", "1")
	id := w.clients[0].upload(file, "frozen")
	who, runs := w.runner(id)
	if !runs {
		t.Fatal("the import has ended already")
	}
	other := w.clients[1-who]
	waits := other.upload(small, "waits") // it takes the only place
	w.await(1-who, waits, jobsv1.JobStatus_JOB_STATUS_ACTIVE)
	if err := syscall.Kill(w.importers[who].process.Pid(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{waits, id} {
		if im := other.follow(id); !im.GetCommitted() {
			t.Errorf("the import ended with %v", im)
		}
	}
}
