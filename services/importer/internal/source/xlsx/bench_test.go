package xlsx

import (
	"archive/zip"
	"context"
	"io"
	"os"
	"runtime"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/klauspost/compress/flate"
	"github.com/xuri/excelize/v2"

	"headway/services/importer/internal/source"
	"headway/services/importer/internal/source/zipxml"
)

// benchRows is the number of rows in docs/benchmarks.md.
const benchRows = 1_000_000

// BenchmarkRead compares this reader with excelize, and with only decompressing the same bytes. One operation is one
// whole file.
func BenchmarkRead(b *testing.B) {
	for _, shared := range []bool{false, true} {
		name := "inline"
		if shared {
			name = "shared"
		}
		b.Run(name, func(b *testing.B) {
			path := largeWorkbook(b, benchRows, shared)
			b.Run("inflate", func(b *testing.B) { measure(b, func() int { return inflateAll(b, path) }) })
			b.Run("headway", func(b *testing.B) { measure(b, func() int { return readAll(b, path) }) })
			b.Run("excelize", func(b *testing.B) { measure(b, func() int { return excelizeAll(b, path) }) })
		})
	}
}

// BenchmarkFirstRow measures the time from opening a file to its first row.
func BenchmarkFirstRow(b *testing.B) {
	path := largeWorkbook(b, benchRows, false)
	for b.Loop() {
		w, file := openFile(b, path)
		rows, err := w.openRows(context.Background(), "Data")
		if err != nil {
			b.Fatal(err)
		}
		if !rows.Next() {
			b.Fatal(rows.Err())
		}
		_, _, _ = rows.Close(), w.Close(), file.Close()
	}
}

// measure runs read b.N times, and reports its peak memory from the system, in MiB.
func measure(b *testing.B, read func() int) {
	runtime.GC()
	stop, peak := make(chan struct{}), make(chan uint64)
	go func() {
		samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
		var most uint64
		for {
			metrics.Read(samples)
			most = max(most, samples[0].Value.Uint64()-samples[1].Value.Uint64())
			select {
			case <-stop:
				peak <- most
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	cells := 0
	for b.Loop() {
		cells = read()
	}
	close(stop)
	b.ReportMetric(float64(<-peak)/(1<<20), "peak-MiB")
	b.ReportMetric(float64(cells), "cells")
}

func openFile(b *testing.B, path string) (*Workbook, *os.File) {
	b.Helper()
	file, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	info, err := file.Stat()
	if err != nil {
		b.Fatal(err)
	}
	w, err := Open(context.Background(), file, info.Size(), source.Limits{})
	if err != nil {
		b.Fatal(err)
	}
	return w, file
}

func readAll(b *testing.B, path string) (cells int) {
	w, file := openFile(b, path)
	defer file.Close()
	defer w.Close()
	rows, err := w.openRows(context.Background(), "Data")
	if err != nil {
		b.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		cells += len(rows.Row().Cells)
	}
	if rows.Err() != nil {
		b.Fatal(rows.Err())
	}
	return cells
}

func excelizeAll(b *testing.B, path string) (cells int) {
	f, err := excelize.OpenFile(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	rows, err := f.Rows("Data")
	if err != nil {
		b.Fatal(err)
	}
	for rows.Next() {
		columns, err := rows.Columns(excelize.Options{RawCellValue: true})
		if err != nil {
			b.Fatal(err)
		}
		for _, text := range columns {
			if text != "" {
				cells++
			}
		}
	}
	if err := rows.Close(); err != nil {
		b.Fatal(err)
	}
	return cells
}

// inflateAll decompresses the sheet and the shared strings, one after the other.
func inflateAll(b *testing.B, path string) (cells int) {
	z, err := zip.OpenReader(path)
	if err != nil {
		b.Fatal(err)
	}
	defer z.Close()
	buf := make([]byte, zipxml.BlockSize)
	for _, f := range z.File {
		if f.Name != "xl/worksheets/sheet1.xml" && f.Name != "xl/sharedStrings.xml" {
			continue
		}
		raw, err := f.OpenRaw()
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, flate.NewReader(raw), buf); err != nil {
			b.Fatal(err)
		}
	}
	return 0
}
