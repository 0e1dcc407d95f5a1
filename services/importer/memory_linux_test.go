package importer_test

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"

	errorsv1 "headway/gen/go/headway/errors/v1"
	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/auth"
	"headway/internal/rpcerr"
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

// notesBook has a sheet Notes with rows whose last three cells have shared strings from text(i), and blanks in between.
func notesBook(t *testing.T, rows int, table func(add func(text string)), cells func(row int) string) []byte {
	t.Helper()
	const (
		main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
		rels = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
		pack = "http://schemas.openxmlformats.org/package/2006/"
	)
	var file bytes.Buffer
	z := zip.NewWriter(&file)
	part := func(name string, write func(w *strings.Builder)) {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		write(&text)
		if _, err := w.Write([]byte(text.String())); err != nil {
			t.Fatal(err)
		}
	}
	text := func(s string) func(*strings.Builder) { return func(w *strings.Builder) { w.WriteString(s) } }
	part("[Content_Types].xml", text(`<Types xmlns="`+pack+`content-types"><Default Extension="xml" ContentType="application/xml"/>`+
		`<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>`))
	part("_rels/.rels", text(`<Relationships xmlns="`+pack+`relationships"><Relationship Id="r1" Type="`+rels+`/officeDocument" Target="xl/workbook.xml"/></Relationships>`))
	part("xl/workbook.xml", text(`<workbook xmlns="`+main+`" xmlns:r="`+rels+`"><sheets><sheet name="Notes" sheetId="1" r:id="r1"/></sheets></workbook>`))
	part("xl/_rels/workbook.xml.rels", text(`<Relationships xmlns="`+pack+`relationships"><Relationship Id="r1" Type="`+rels+`/worksheet" Target="worksheets/sheet1.xml"/>`+
		`<Relationship Id="r2" Type="`+rels+`/sharedStrings" Target="sharedStrings.xml"/></Relationships>`))
	part("xl/sharedStrings.xml", func(w *strings.Builder) {
		w.WriteString(`<sst xmlns="` + main + `">`)
		table(func(s string) { w.WriteString("<si><t>" + s + "</t></si>") })
		w.WriteString("</sst>")
	})
	part("xl/worksheets/sheet1.xml", func(w *strings.Builder) {
		w.WriteString(`<worksheet xmlns="` + main + `"><sheetData><row r="1">`)
		for _, title := range []string{"ID", "One", "Two", "Three"} {
			w.WriteString(`<c t="inlineStr"><is><t>` + title + `</t></is></c>`)
		}
		w.WriteString("</row>")
		for i := range rows {
			fmt.Fprintf(w, `<row r="%d"><c t="inlineStr"><is><t>n%d</t></is></c>%s</row>`, i+2, i, cells(i))
		}
		w.WriteString("</sheetData></worksheet>")
	})
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// TestWorstFilesStayWithinMemoryBudget uploads 16 files at a time, from 4 users, that each need far more memory than the
// importer has if they are read in the straightforward way. Another user's import completes among them.
func TestWorstFilesStayWithinMemoryBudget(t *testing.T) {
	const budget = 256 << 20
	schemas := t.TempDir()
	if err := os.WriteFile(filepath.Join(schemas, "notes.yaml"), []byte(notesSchema), 0o600); err != nil {
		t.Fatal(err)
	}
	shared := func(i int) string { return fmt.Sprintf(`<c t="s"><v>%d</v></c>`, i) }
	thrice := func(i int) string { return strings.Repeat(shared(i), 3) }
	random := rand.New(rand.NewPCG(1, 2))
	long := func(n int) string { // compresses well, but less than the limit for zip bombs
		var b strings.Builder
		for b.Len() < n {
			fmt.Fprintf(&b, "%08x", random.Uint32())
			b.WriteString(strings.Repeat("x", min(500, n)))
		}
		return b.String()[:n]
	}
	huge := long(1 << 20)
	full := long(32_767)
	files := [][]byte{
		// One string of 1 MiB, which three columns of all rows have.
		notesBook(t, 6000, func(add func(string)) { add(huge[:1<<20-100]) }, func(int) string { return thrice(0) }),
		// A string table of 128 MiB.
		notesBook(t, 4000, func(add func(string)) {
			for i := range 4000 {
				add(strconv.Itoa(i) + full[:32_000])
			}
		}, func(i int) string { return shared(i) }),
		// Texts of the maximum length in every cell: 60 MB.
		notesBook(t, 600, func(add func(string)) { add(full) }, func(int) string { return thrice(0) }),
		// Rows of 16,384 cells with text.
		notesBook(t, 20, func(add func(string)) { add("x") }, func(int) string {
			return thrice(0) + strings.Repeat(`<c t="inlineStr"><is><t>`+full[:1000]+`</t></is></c>`, 16_000)
		}),
	}
	small := notesBook(t, 500, func(add func(string)) { add("short") }, func(int) string { return thrice(0) })

	w := newKilledWorld(t, buildServices(t), 0, "--memory", strconv.Itoa(budget), "--schemas-dir", schemas)
	token := func(user string) grpc.CallOption {
		key, err := auth.NewKey([]byte(testSecret))
		if err != nil {
			t.Fatal(err)
		}
		signed, err := key.Sign(auth.Identity{Subject: user}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return grpc.PerRPCCredentials(auth.StaticCredentials(signed))
	}
	upload := func(user string, file []byte) (string, error) {
		stream, err := w.imports.UploadWorkbook(t.Context(), token(user), grpc.WaitForReady(true))
		if err != nil {
			return "", err
		}
		options := &importsv1.UploadOptions{Schema: "notes", OnIssues: importsv1.OnIssues_ON_ISSUES_SKIP_ROWS}
		err = stream.Send(&importsv1.UploadWorkbookRequest{Part: &importsv1.UploadWorkbookRequest_Options{Options: options}})
		for ; err == nil && len(file) > 0; file = file[min(len(file), 256<<10):] {
			err = stream.Send(&importsv1.UploadWorkbookRequest{Part: &importsv1.UploadWorkbookRequest_Data{Data: file[:min(len(file), 256<<10)]}})
		}
		answer, err := stream.CloseAndRecv()
		return answer.GetImport().GetImportId(), err
	}
	follow := func(user, id string) *importsv1.Import {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		stream, err := w.imports.WatchImport(ctx, &importsv1.WatchImportRequest{ImportId: id}, token(user))
		if err != nil {
			t.Error(err)
			return nil
		}
		var last *importsv1.Import
		for {
			answer, err := stream.Recv()
			if err != nil {
				return last
			}
			last = answer.GetImport()
		}
	}
	var all sync.WaitGroup
	for i := range 16 {
		user := fmt.Sprintf("user-%d", i%4)
		all.Go(func() {
			id, err := upload(user, files[i/4])
			if reason := rpcerr.Reason(err); err != nil && reason != errorsv1.ErrorReason_ERROR_REASON_OVERLOADED &&
				reason != errorsv1.ErrorReason_ERROR_REASON_WORKBOOK_LIMIT {
				t.Errorf("file %d: %v", i/4, err)
			} else if err == nil {
				last := follow(user, id)
				if status := last.GetJob().GetStatus(); status != jobsv1.JobStatus_JOB_STATUS_COMPLETED {
					t.Errorf("file %d ended as %v: %v", i/4, status, last.GetJob().GetError())
				}
				t.Logf("file %d: %v", i/4, last.GetTotals())
			} else {
				t.Logf("file %d: %v", i/4, err)
			}
		})
	}
	all.Go(func() {
		var id string
		for deadline := time.Now().Add(time.Minute); id == ""; {
			var err error
			if id, err = upload("ann", small); err != nil && (rpcerr.Reason(err) != errorsv1.ErrorReason_ERROR_REASON_OVERLOADED || time.Now().After(deadline)) {
				t.Errorf("another user's upload: %v", err)
				return
			}
		}
		if last := follow("ann", id); last.GetTotals().GetRead() != 500 || !last.GetCommitted() {
			t.Errorf("another user's import ended with %v", last)
		}
	})
	all.Wait()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.importer.command.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	var kib int64
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		t.Fatal(err)
	}
	t.Logf("peak of the resident memory: %d MiB", kib>>10)
	if kib<<10 > budget {
		t.Errorf("the resident memory reached %d MiB, the budget is %d MiB", kib>>10, budget>>20)
	}
}
