// Package bench measures the whole program as its users meet it. Every figure stands beside a yardstick measured in
// the same run; docs/benchmarks.md keeps the tables. `make bench` runs it.
package bench

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"
)

// employees is the size of the sample; the other six sheets are in proportion, about 280,000 rows in all.
const employees = 100_000

// BenchmarkImport times the import of the sample from the accepted upload to the committed rows, with every check on,
// and the two yardsticks: sqlite3's .import of the same rows as CSV, and excelize's bare iteration of the same sheets.
func BenchmarkImport(b *testing.B) {
	program := filepath.Join(b.TempDir(), "headway")
	command(b, "go", "build", "-o", program, "headway/cmd/headway")
	workbook := filepath.Join(b.TempDir(), "sample.xlsx")
	command(b, program, "sample", "--rows", fmt.Sprint(employees), "-o", workbook)
	for b.Loop() {
		rows, iterate := iterateWithExcelize(b, workbook)
		data := b.TempDir()
		took, peak := importWorkbook(b, program, workbook, data)
		sqlite := importCSV(b, workbook, filepath.Join(data, "records.db"))
		b.ReportMetric(took.Seconds(), "s/import")
		b.ReportMetric(float64(rows)/took.Seconds(), "rows/s")
		b.ReportMetric(took.Seconds()/iterate.Seconds(), "×excelize")
		b.ReportMetric(took.Seconds()/sqlite.Seconds(), "×sqlite3")
		b.ReportMetric(peak, "MiB-peak")
	}
}

// importWorkbook imports through a running program; it gives the time between the job's start and its end, and the
// whole process's peak memory in MiB.
func importWorkbook(b *testing.B, program, workbook, data string) (time.Duration, float64) {
	b.Helper()
	edge := freeAddress(b)
	server := exec.Command(program, "serve", "--data", data, "--listen", edge, "--jobs-listen", freeAddress(b),
		"--importer-listen", freeAddress(b), "--metrics-listen", "-", "--log-level", "error")
	server.Stderr = os.Stderr
	if err := server.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() { server.Process.Kill(); server.Wait() }()
	for {
		if res, err := http.Get("http://" + edge + "/readyz"); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				break
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	token := "Authorization: Bearer " + strings.TrimSpace(command(b, program, "token", "--sub", "bench", "--data", data))
	var accepted struct{ Import struct{ ImportID string } }
	decode(b, command(b, "curl", "-sS", "-H", token, "-F", "file=@"+workbook, "http://"+edge+"/api/v1/imports"), &accepted)
	for {
		var answer struct {
			Job struct {
				Status                 string
				StartedAt, CompletedAt time.Time
				Error                  any
			}
		}
		decode(b, command(b, "curl", "-sS", "-H", token, "http://"+edge+"/api/v1/jobs/"+accepted.Import.ImportID), &answer)
		switch answer.Job.Status {
		case "completed":
			return answer.Job.CompletedAt.Sub(answer.Job.StartedAt), peakMemory(b, server.Process.Pid)
		case "failed", "cancelled":
			b.Fatalf("the import is %s: %v", answer.Job.Status, answer.Job.Error)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// peakMemory is the largest resident size a process had, in MiB.
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

// iterateWithExcelize reads every cell of every sheet and does nothing with it.
func iterateWithExcelize(b *testing.B, workbook string) (int, time.Duration) {
	b.Helper()
	begin := time.Now()
	count := 0
	eachRow(b, workbook, func(string, []string) { count++ })
	return count, time.Since(begin)
}

// importCSV writes the sheets as CSV (not timed) and loads them with sqlite3's .import (timed) into the very tables,
// keys and indexes that the importer made.
func importCSV(b *testing.B, workbook, records string) time.Duration {
	b.Helper()
	dir := b.TempDir()
	yardstick := filepath.Join(dir, "yardstick.db")
	sqlite3(b, yardstick, "PRAGMA journal_mode=WAL;\n"+sqlite3(b, records, ".schema --nosys\n"))
	script := strings.Builder{}
	script.WriteString("PRAGMA synchronous=FULL;\n.mode csv\n")
	var sheet string
	var w *csv.Writer
	var files []*os.File
	eachRow(b, workbook, func(name string, cells []string) {
		if name != sheet {
			if w != nil {
				w.Flush()
			}
			f, err := os.Create(filepath.Join(dir, name+".csv"))
			if err != nil {
				b.Fatal(err)
			}
			sheet, w, files = name, csv.NewWriter(f), append(files, f)
			fmt.Fprintf(&script, ".import --skip 1 '%s' %s\n", f.Name(), strings.ReplaceAll(strings.ToLower(name), " ", "_"))
		}
		w.Write(cells)
	})
	w.Flush()
	for _, f := range files {
		f.Close()
	}
	begin := time.Now()
	sqlite3(b, yardstick, script.String())
	took := time.Since(begin)
	for _, sheet := range []string{"employees", "schedules"} {
		if got, want := sqlite3(b, yardstick, "SELECT count(*) FROM "+sheet+";\n"), sqlite3(b, records, "SELECT count(*) FROM "+sheet+";\n"); got != want {
			b.Fatalf("the yardstick has %s rows of %s, the import %s", got, sheet, want)
		}
	}
	return took
}

// sqlite3 runs the command-line program on a database and gives what it prints.
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

func freeAddress(b *testing.B) string {
	b.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer lis.Close()
	return lis.Addr().String()
}
