package importer_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	errorsv1 "headway/gen/go/headway/errors/v1"
	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/auth"
	"headway/internal/rpcerr"
	"headway/internal/settings"
)

const notesSchema = `
name: notes
title: Notes
sheets:
  - name: notes
    title: Notes
    table: notes
    key: id
    columns:
      - {name: id, title: ID, type: text, required: true}
      - {name: one, title: One, type: text}
      - {name: two, title: Two, type: text}
      - {name: three, title: Three, type: text}
`

// TestWorstFilesStayWithinMemoryBudget uploads 16 files at a time, from 4 users, each of which would need far more
// memory than the importer has if it were read in the straightforward way. Meanwhile, another user's import completes.
// make memory runs this test with all kinds of such files and several budgets.
func TestWorstFilesStayWithinMemoryBudget(t *testing.T) {
	if os.Getenv("HEADWAY_WORST_FILES") != "all" {
		keepsWithinBudget(t, 256<<20, worstFiles[:5])
		return
	}
	kinds := slices.Concat(worstFiles, worstStructures)
	for _, budget := range []int64{512 << 20, 256 << 20} {
		for first := 0; first < len(kinds); first += 4 {
			t.Run(fmt.Sprintf("%d MiB, kinds from %d", budget>>20, first), func(t *testing.T) {
				keepsWithinBudget(t, budget, kinds[first:min(first+4, len(kinds))])
			})
		}
	}
}

func keepsWithinBudget(t *testing.T, budget int64, kinds []worstFile) {
	t.Helper()
	schemas := t.TempDir()
	if err := os.WriteFile(filepath.Join(schemas, "notes.yaml"), []byte(notesSchema), 0o600); err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, kind := range kinds {
		files[kind.name] = kind.build(t)
		t.Logf("%s: %d KiB", kind.name, len(files[kind.name])>>10)
	}
	small := notesBook(t, 500, func(add func(string)) { add("short") }, func(int) string { return strings.Repeat(`<c t="s"><v>0</v></c>`, 3) })

	w := newKilledWorld(t, buildServices(t), 0, nil, "--memory", settings.Bytes(budget).String(), "--schemas-dir", schemas)
	w.awaitUploads("notes", small)
	var all sync.WaitGroup
	var ended sync.Map // user by import
	for i := range 16 {
		user, kind := fmt.Sprintf("user-%d", i%4), kinds[i*len(kinds)/16]
		all.Go(func() {
			id, err := w.uploadAs(user, "notes", files[kind.name])
			switch reason := rpcerr.Reason(err); {
			case err == nil:
				last := w.followAs(user, id)
				status, reason := last.GetJob().GetStatus(), last.GetJob().GetError().GetReason()
				if status != jobsv1.JobStatus_JOB_STATUS_COMPLETED && reason != "WORKBOOK_LIMIT" && (reason != "WORKBOOK_DAMAGED" || !slices.Contains(kind.refused, workbookDamaged)) {
					t.Errorf("%s ended as %v: %v", kind.name, status, last.GetJob().GetError())
				}
				t.Logf("%s: %v %s", kind.name, last.GetTotals(), reason)
				ended.Store(id, user)
			case reason == errorsv1.ErrorReason_ERROR_REASON_OVERLOADED:
				if retry := retryAfter(err); retry <= 0 {
					t.Errorf("%s: no time after which to try again: %v", kind.name, err)
				}
				t.Logf("%s: %v", kind.name, err)
			case slices.Contains(kind.refused, reason):
				t.Logf("%s: %v", kind.name, err)
			default:
				t.Errorf("%s: %v", kind.name, err)
			}
		})
	}
	all.Go(func() {
		var id string
		for deadline := time.Now().Add(time.Minute); id == ""; {
			var err error
			if id, err = w.uploadAs("ann", "notes", small); err != nil && (rpcerr.Reason(err) != errorsv1.ErrorReason_ERROR_REASON_OVERLOADED || time.Now().After(deadline)) {
				t.Errorf("another user's upload: %v", err)
				return
			}
		}
		if last := w.followAs("ann", id); last.GetTotals().GetRead() != 500 || !last.GetCommitted() {
			t.Errorf("another user's import ended with %v", last)
		}
	})
	all.Wait()
	// Every download of every import at the same time.
	ended.Range(func(id, user any) bool {
		for _, format := range []importsv1.ReportFormat{importsv1.ReportFormat_REPORT_FORMAT_WORKBOOK, importsv1.ReportFormat_REPORT_FORMAT_CSV,
			importsv1.ReportFormat_REPORT_FORMAT_IMPORTED_XLSX} {
			all.Go(func() {
				size, err := w.downloadAs(user.(string), id.(string), format)
				switch reason := rpcerr.Reason(err); {
				case err == nil, reason == errorsv1.ErrorReason_ERROR_REASON_NOTHING_COMMITTED, reason == workbookLimit:
				case reason == errorsv1.ErrorReason_ERROR_REASON_OVERLOADED && retryAfter(err) > 0 && size == 0:
					t.Logf("%v of %v: %v", format, id, err)
				default:
					t.Errorf("%v of %v after %d bytes: %v", format, id, size, err)
				}
			})
		}
		return true
	})
	all.Wait()
	kib := peakMemory(t, w.importer.process.Pid())
	t.Logf("budget %d MiB: peak of the resident memory %d MiB", budget>>20, kib>>10)
	if kib<<10 > budget {
		t.Errorf("the resident memory reached %d MiB, the budget is %d MiB", kib>>10, budget>>20)
	}
}

// retryAfter returns the time after which a refused call should be repeated.
func retryAfter(err error) time.Duration {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			return info.GetRetryDelay().AsDuration()
		}
	}
	return 0
}

// peakMemory returns the peak of the resident memory of a process, in KiB.
func peakMemory(t *testing.T, process int) (kib int64) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", process))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		t.Fatal(err)
	}
	return kib
}

// as returns the credentials of a user.
func (w *killedWorld) as(user string) grpc.CallOption {
	key, err := auth.NewKey([]byte(testSecret))
	if err != nil {
		w.t.Error(err)
		return w.token
	}
	signed, err := key.Sign(auth.Identity{Subject: user}, time.Hour)
	if err != nil {
		w.t.Error(err)
	}
	return grpc.PerRPCCredentials(auth.StaticCredentials(signed))
}

// uploadAs uploads a file of which the valid rows are imported.
func (w *killedWorld) uploadAs(user, schema string, file []byte) (id string, err error) {
	stream, err := w.imports.UploadWorkbook(w.t.Context(), w.as(user), grpc.WaitForReady(true))
	if err != nil {
		return "", err
	}
	options := &importsv1.UploadOptions{Schema: schema, OnIssues: importsv1.OnIssues_ON_ISSUES_SKIP_ROWS}
	err = stream.Send(&importsv1.UploadWorkbookRequest{Part: &importsv1.UploadWorkbookRequest_Options{Options: options}})
	for ; err == nil && len(file) > 0; file = file[min(len(file), 256<<10):] {
		err = stream.Send(&importsv1.UploadWorkbookRequest{Part: &importsv1.UploadWorkbookRequest_Data{Data: file[:min(len(file), 256<<10)]}})
	}
	answer, err := stream.CloseAndRecv()
	return answer.GetImport().GetImportId(), err
}

// awaitUploads uploads a file until the importer reaches the jobs service. Both start at the same time.
func (w *killedWorld) awaitUploads(schema string, file []byte) (id string) {
	w.t.Helper()
	for {
		id, err := w.uploadAs("ready", schema, file)
		if err == nil {
			return id
		}
		if rpcerr.Reason(err) != errorsv1.ErrorReason_ERROR_REASON_UNAVAILABLE {
			w.t.Fatal(err)
		}
	}
}

// followAs follows an import to its end, and returns its last state.
func (w *killedWorld) followAs(user, id string) (last *importsv1.Import) {
	ctx, cancel := context.WithTimeout(w.t.Context(), 15*time.Minute) // one of 16 files writes, and the others wait
	defer cancel()
	stream, err := w.imports.WatchImport(ctx, &importsv1.WatchImportRequest{ImportId: id}, w.as(user))
	if err != nil {
		w.t.Error(err)
		return nil
	}
	for {
		answer, err := stream.Recv()
		if err != nil {
			return last
		}
		last = answer.GetImport()
	}
}

// downloadAs downloads a report, and returns its size.
func (w *killedWorld) downloadAs(user, id string, format importsv1.ReportFormat) (size int, err error) {
	stream, err := w.imports.DownloadReport(w.t.Context(), &importsv1.DownloadReportRequest{ImportId: id, Format: format}, w.as(user))
	for err == nil {
		var answer *importsv1.DownloadReportResponse
		answer, err = stream.Recv()
		size += len(answer.GetBody().GetData())
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return size, err
}
