package csv_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"headway/services/importer/internal/convert"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/source/csv"
	"headway/services/importer/internal/source/xlsx"
	"headway/services/importer/internal/xlsxwrite"
)

// benchRows is the number of rows of a large file. Each has ten columns.
const benchRows = 1_000_000

// benchTypes are the types of the columns of a large file.
var benchTypes = [...]schema.Type{schema.Text, schema.Text, schema.Text, schema.Email, schema.Date, schema.Decimal, schema.Integer, schema.Boolean, schema.Text, schema.Text}

// benchCells are the texts of a row.
func benchCells(i int) [10]string {
	return [10]string{fmt.Sprintf("EMP-%07d", i), "First" + strconv.Itoa(i%997), "Last" + strconv.Itoa(i%7919), fmt.Sprintf("user%d@example.com", i),
		fmt.Sprintf("20%02d-%02d-%02d", i%25, i%12+1, i%28+1), fmt.Sprintf("%d.%02d", 1000+i%90000, i%100), strconv.Itoa(i % 1000),
		[]string{"TRUE", "FALSE"}[i%2], "DEPT-" + strconv.Itoa(i%500), "A remark about row " + strconv.Itoa(i)}
}

// largeFiles writes the same rows as a text file and as a workbook.
func largeFiles(b *testing.B) (text, workbook string) {
	b.Helper()
	dir := b.TempDir()
	text, workbook = filepath.Join(dir, "large.csv"), filepath.Join(dir, "large.xlsx")
	create(b, text, func(w io.Writer) error {
		for i := range benchRows {
			cells := benchCells(i)
			for c, cell := range cells {
				if c > 0 {
					fmt.Fprint(w, ",")
				}
				if c == 9 {
					cell = `"` + cell + `"`
				}
				fmt.Fprint(w, cell)
			}
			fmt.Fprint(w, "\r\n")
		}
		return nil
	})
	create(b, workbook, func(w io.Writer) error {
		out := xlsxwrite.New(w)
		sheet, err := out.Sheet("Data", xlsxwrite.SheetOptions{})
		if err != nil {
			return err
		}
		row := make([]xlsxwrite.Cell, 10)
		for i := range benchRows {
			for c, cell := range benchCells(i) {
				row[c] = xlsxwrite.Cell{Kind: xlsxwrite.Text, Text: cell}
			}
			if err := sheet.Row(row); err != nil {
				return err
			}
		}
		return out.Close()
	})
	return text, workbook
}

func create(b *testing.B, path string, write func(io.Writer) error) {
	b.Helper()
	file, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	buffered := bufio.NewWriterSize(file, 1<<20)
	if err := write(buffered); err != nil {
		b.Fatal(err)
	}
	if err := buffered.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := file.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkRead reads the same rows from a text file and from a workbook, with and without converting their values. With the variable
// HEADWAY_DUCKDB, the folder of the npm package @duckdb/node-api, DuckDB reads and converts the text file too.
func BenchmarkRead(b *testing.B) {
	text, workbook := largeFiles(b)
	if folder := os.Getenv("HEADWAY_DUCKDB"); folder != "" {
		b.Run("csv/duckdb", func(b *testing.B) { readByDuckDB(b, folder, text) })
	}
	for _, file := range []struct {
		name, path string
		opener     source.Opener
	}{{"csv", text, csv.Opener{}}, {"xlsx", workbook, xlsx.Opener{}}} {
		for _, typed := range []bool{false, true} {
			name := file.name + "/read"
			if typed {
				name += "+typed"
			}
			b.Run(name, func(b *testing.B) {
				b.ReportAllocs()
				burnt := processorTime(b)
				for b.Loop() {
					readLarge(b, file.path, file.opener, typed)
				}
				b.ReportMetric((processorTime(b)-burnt).Seconds()/float64(b.N), "cpu-s/op")
			})
		}
	}
}

// duckdb detects the types of the columns, converts all values, and counts them. It prints the seconds of the clock and of the processor.
const duckdb = `
import { DuckDBInstance } from "@duckdb/node-api";
const db = await (await DuckDBInstance.create()).connect();
const [begun, used] = [performance.now(), process.cpuUsage()];
const read = await db.runAndReadAll("SELECT count(COLUMNS(*)) FROM read_csv('" + process.argv.at(-1) + "')");
const { user, system } = process.cpuUsage(used);
if (read.getRows()[0].some((count) => count !== BigInt(%d))) throw new Error("" + read.getRows());
console.log((performance.now() - begun) / 1e3, (user + system) / 1e6);
`

func readByDuckDB(b *testing.B, folder, path string) {
	b.Helper()
	var clock, processor float64
	for b.Loop() {
		node := exec.CommandContext(b.Context(), "node", "--input-type=module", "--eval", fmt.Sprintf(duckdb, benchRows), "--", path)
		node.Dir, node.Stderr = folder, os.Stderr
		out, err := node.Output()
		if err != nil {
			b.Fatal(err)
		}
		var seconds, used float64
		if _, err := fmt.Sscan(string(out), &seconds, &used); err != nil {
			b.Fatalf("%s: %v", out, err)
		}
		clock, processor = clock+seconds, processor+used
	}
	b.ReportMetric(clock/float64(b.N)*1e9, "ns/op")
	b.ReportMetric(processor/float64(b.N), "cpu-s/op")
}

// processorTime is the time that this process has used on all cores. On a busy machine, it is more meaningful than the clock.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func readLarge(b *testing.B, path string, opener source.Opener, typed bool) {
	b.Helper()
	file, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		b.Fatal(err)
	}
	book, err := opener.Open(context.Background(), file, info.Size(), source.Limits{})
	if err != nil {
		b.Fatal(err)
	}
	defer book.Close()
	columns := make([]*convert.Column, len(benchTypes))
	for i, t := range benchTypes {
		if columns[i], err = convert.Compile(&schema.Column{Name: "c", Title: "C", Type: t}); err != nil {
			b.Fatal(err)
		}
	}
	rows, err := book.Rows(context.Background(), book.Sheets()[0].Name)
	if err != nil {
		b.Fatal(err)
	}
	defer rows.Close()
	n := 0
	var buf []byte
	for rows.Next() {
		row := rows.Row()
		n++
		if !typed {
			continue
		}
		buf = buf[:0]
		for i := range row.Cells {
			var f *convert.Fault
			_, buf, f = columns[row.Cells[i].Col-1].Convert(&row.Cells[i], book, buf)
			if f != nil && !f.Normalized() {
				b.Fatal(f)
			}
		}
	}
	if err := rows.Err(); err != nil || n != benchRows {
		b.Fatal(n, err)
	}
}

// TestReadingAllocatesNothingPerCell reads a file a second time, so that what is allocated once does not count.
func TestReadingAllocatesNothingPerCell(t *testing.T) {
	var file bytes.Buffer
	file.WriteString("a,b,c,d,e,f,g,h,i,j\n")
	for i := range 20_000 {
		cells := benchCells(i)
		for c, cell := range cells {
			if c == 9 {
				cell = `"` + cell + `, ""quoted"""`
			}
			file.WriteString(cell + string(",\n"[c/9]))
		}
	}
	book, err := csv.Opener{}.Open(t.Context(), bytes.NewReader(file.Bytes()), int64(file.Len()), source.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	allocated := testing.AllocsPerRun(1, func() {
		rows, err := book.Rows(t.Context(), book.Sheets()[0].Name)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for rows.Next() {
			n++
		}
		if err := rows.Err(); err != nil || n != 20_001 {
			t.Fatal(n, err)
		}
		_ = rows.Close()
	})
	if allocated > 200 {
		t.Errorf("%v allocations for 200,000 cells", allocated)
	}
}
