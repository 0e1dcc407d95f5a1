// Package bench measures the whole program from outside. Each figure has a comparison that is measured in the same run.
// docs/benchmarks.md has the tables. `make bench` runs it.
package bench

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"headway/internal/proctest"
)

// measuredImport has the figures of an import through the running program.
type measuredImport struct {
	// took is the time from the start of the job to its end. processor is the CPU time of the whole program in that time.
	took, processor time.Duration
	// silence is the longest time between two messages to a watcher. firstIssue is the time from the start of the job until a
	// watcher saw an issue. report is the duration of the download of the report. They are zero if nothing was measured.
	silence, firstIssue, report time.Duration
	// peak is the peak resident memory of the whole process, in MiB.
	peak float64
	// records is the path of the database.
	records string
}

// BenchmarkImport times imports from the accepted upload to the commit, with every check on: 1,000,000 and 100,000 employees
// with ten columns, in key order, the first of them also as CSV, and the sample with its seven sheets (640,000 rows). For comparison, in the same run:
// sqlite3's .import of the same rows as CSV into the same tables, keys, and indexes, and excelize Rows and Columns with
// RawCellValue, without using the cells.
func BenchmarkImport(b *testing.B) {
	for name, c := range map[string]struct {
		schema string
		write  func(path string)
	}{
		"employees=1000000": {"wide", func(path string) { writeWide(b, path, 1_000_000, inOrder) }},
		"employees=100000":  {"wide", func(path string) { writeWide(b, path, 100_000, inOrder) }},
		"csv=1000000":       {"wide", func(path string) { writeWideCSV(b, path, 1_000_000) }},
		"sheets=7":          {"workforce", func(path string) { command(b, program(b, "headway"), "sample", "--rows", "228571", "-o", path) }},
	} {
		b.Run(name, func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "employees.xlsx")
			if strings.HasPrefix(name, "csv") {
				path = filepath.Join(b.TempDir(), "employees.csv")
			}
			c.write(path)
			for b.Loop() {
				m := importWorkbook(b, c.schema, path)
				sqlite, sqliteProcessor := importCSV(b, m.records)
				if !strings.HasPrefix(name, "csv") {
					rows, iterated := iterateWithExcelize(b, path)
					b.ReportMetric(float64(rows)/m.took.Seconds(), "rows/s")
					b.ReportMetric(m.took.Seconds()/iterated.Seconds(), "×excelize")
				}
				b.ReportMetric(m.took.Seconds(), "s/import")
				b.ReportMetric(m.took.Seconds()/sqlite.Seconds(), "×sqlite3")
				b.ReportMetric(m.processor.Seconds()/sqliteProcessor.Seconds(), "×sqlite3-cpu")
				b.ReportMetric(m.peak, "MiB-peak")
				b.ReportMetric(m.silence.Seconds(), "s-silent")
			}
		})
	}
}

// BenchmarkImportOfHardRows compares 1,000,000 employees in random key order, and the same number with an error in every row,
// with the same number of correct rows in key order.
func BenchmarkImportOfHardRows(b *testing.B) {
	right := filepath.Join(b.TempDir(), "right.xlsx")
	writeWide(b, right, 1_000_000, inOrder)
	for name, kind := range map[string]wideKind{"keys=random": atRandom, "rows=wrong": allWrong} {
		b.Run(name, func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "workbook.xlsx")
			writeWide(b, path, 1_000_000, kind)
			for b.Loop() {
				base, m := importWorkbook(b, "wide", right), importWorkbook(b, "wide", path)
				b.ReportMetric(m.took.Seconds(), "s/import")
				b.ReportMetric(m.took.Seconds()/base.took.Seconds(), "×right-and-ordered")
				b.ReportMetric(m.processor.Seconds()/base.processor.Seconds(), "×right-and-ordered-cpu")
				b.ReportMetric(m.peak, "MiB-peak")
				b.ReportMetric(m.silence.Seconds(), "s-silent")
				if kind == allWrong {
					b.ReportMetric(m.report.Seconds(), "s/report")
					b.ReportMetric(m.firstIssue.Seconds(), "s-to-first-issue")
				}
			}
		})
	}
}

// importWorkbook imports through a separate process, watched over SSE. flags are more of its flags.
func importWorkbook(b *testing.B, schema, workbook string, flags ...string) (m measuredImport) {
	b.Helper()
	data, edge, schemas := b.TempDir(), proctest.FreeAddress(b), b.TempDir()
	if err := os.WriteFile(filepath.Join(schemas, "wide.yaml"), []byte(wideSchema), 0o600); err != nil {
		b.Fatal(err)
	}
	binary := program(b, "headway")
	cmd := exec.Command(binary, append([]string{"serve", "--data", data, "--listen", edge, "--jobs-listen", proctest.FreeAddress(b),
		"--importer-listen", proctest.FreeAddress(b), "--metrics-listen", "-", "--log-level", "error", "--schemas-dir", schemas}, flags...)...)
	cmd.Stderr = os.Stderr
	server := proctest.Start(b, cmd)
	defer func() { _ = server.Kill() }() // the signal is the error
	server.AwaitReady("http://" + edge + "/readyz")
	bearer := "Bearer " + strings.TrimSpace(command(b, binary, "token", "--sub", "bench", "--data", data))
	var accepted struct{ Import struct{ ImportID string } }
	before := busy(b, server.Pid())
	decode(b, command(b, "curl", "-sS", "-H", "Authorization: "+bearer, "-F", "schema="+schema, "-F", "on_issues=skip_rows",
		"-F", "file=@"+workbook, "http://"+edge+"/api/v1/imports"), &accepted)
	url := "http://" + edge + "/api/v1/"
	m = watchImport(b, url+"sse/imports/"+accepted.Import.ImportID, bearer)
	m.processor = busy(b, server.Pid()) - before
	m.peak = peakMemory(b, server.Pid())
	m.records = filepath.Join(data, "records.db")
	begin := time.Now()
	report := get(b, url+"imports/"+accepted.Import.ImportID+"/report.xlsx", bearer)
	defer report.Close()
	if _, err := io.Copy(io.Discard, report); err != nil {
		b.Fatal(err)
	}
	m.report = time.Since(begin)
	return m
}

func get(b *testing.B, url, bearer string) io.ReadCloser {
	b.Helper()
	request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, url, nil)
	if err != nil {
		b.Fatal(err)
	}
	request.Header.Set("Authorization", bearer)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		b.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		b.Fatalf("%s: %s", url, response.Status)
	}
	return response.Body
}

// peakMemory returns the peak resident memory of a process, in MiB.
func peakMemory(b *testing.B, pid int) float64 {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	var kib float64
	fmt.Sscan(rest, &kib)
	return kib / 1024
}

// watchImport reads an import's stream to its end.
func watchImport(b *testing.B, url, bearer string) (m measuredImport) {
	b.Helper()
	stream := get(b, url, bearer)
	defer stream.Close()
	var last time.Time
	lines := bufio.NewScanner(stream)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		message, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		now := time.Now()
		var told struct {
			Status                 string
			StartedAt, CompletedAt time.Time
			FailedReason           string
			Import                 struct{ NewestIssues []any }
		}
		decode(b, message, &told)
		if told.StartedAt.IsZero() {
			continue
		}
		if !last.IsZero() {
			m.silence = max(m.silence, now.Sub(last))
		}
		last = now
		if m.firstIssue == 0 && len(told.Import.NewestIssues) > 0 {
			m.firstIssue = now.Sub(told.StartedAt)
		}
		switch told.Status {
		case "completed":
			m.took = told.CompletedAt.Sub(told.StartedAt)
			return m
		case "failed", "cancelled":
			b.Fatalf("the import is %s: %s", told.Status, told.FailedReason)
		}
	}
	b.Fatalf("the stream ended before the import: %v", lines.Err())
	return m
}

// iterateWithExcelize reads every cell of every sheet, without using it.
func iterateWithExcelize(b *testing.B, workbook string) (int, time.Duration) {
	b.Helper()
	begin := time.Now()
	count := 0
	eachRow(b, workbook, func(string, []string) { count++ })
	return count, time.Since(begin)
}

// importCSV loads the rows of a database with sqlite3's .import, as CSV and in the order in which they were written, into a
// database with the same tables, keys, and indexes. It returns the time and the CPU time.
func importCSV(b *testing.B, records string) (took, processor time.Duration) {
	b.Helper()
	dir := b.TempDir()
	yardstick := filepath.Join(dir, "yardstick.db")
	sqlite3(b, yardstick, "PRAGMA journal_mode=WAL;\n"+sqlite3(b, records, ".schema --nosys\n"))
	script := "PRAGMA synchronous=FULL;\n.mode csv\n"
	tables := strings.Fields(sqlite3(b, records, "SELECT name FROM sqlite_schema WHERE type = 'table' AND substr(name, 1, 8) <> 'headway_';\n"))
	for _, table := range tables {
		file := filepath.Join(dir, table+".csv")
		sqlite3(b, records, fmt.Sprintf(".mode csv\n.once '%s'\nSELECT * FROM %s ORDER BY rowid;\n", file, table))
		// An empty text is not a number. A row that ends early is filled with nulls.
		command(b, "sed", "-i", `s/,*\r*$//`, file)
		script += fmt.Sprintf(".import '%s' %s\n", file, table)
	}
	cmd := exec.Command("sqlite3", yardstick)
	cmd.Stdin = strings.NewReader(script)
	begin := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("sqlite3: %v\n%s", err, out)
	}
	took = time.Since(begin)
	for _, table := range tables {
		count := "SELECT count(*) FROM " + table + ";\n"
		if got, want := sqlite3(b, yardstick, count), sqlite3(b, records, count); got != want {
			b.Fatalf("the yardstick has %s rows of %s, the import %s", got, table, want)
		}
	}
	return took, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}

// sqlite3 runs the command-line program on a database, and returns its output.
func sqlite3(b *testing.B, database, script string) string {
	b.Helper()
	cmd := exec.Command("sqlite3", database)
	cmd.Stdin = strings.NewReader(script)
	out, err := cmd.CombinedOutput()
	if err != nil {
		b.Fatalf("sqlite3: %v\n%s", err, out)
	}
	return string(out)
}

func eachRow(b *testing.B, workbook string, visit func(sheet string, cells []string)) {
	b.Helper()
	f, err := excelize.OpenFile(workbook)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	for _, sheet := range f.GetSheetList() {
		rows, err := f.Rows(sheet)
		if err != nil {
			b.Fatal(err)
		}
		for rows.Next() {
			cells, err := rows.Columns(excelize.Options{RawCellValue: true})
			if err != nil {
				b.Fatal(err)
			}
			visit(sheet, cells)
		}
	}
}

func command(b *testing.B, name string, args ...string) string {
	b.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		b.Fatalf("%s %s: %v", name, strings.Join(args, " "), err)
	}
	return string(out)
}

func decode(b *testing.B, text string, into any) {
	b.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		b.Fatalf("%s: %v", text, err)
	}
}
