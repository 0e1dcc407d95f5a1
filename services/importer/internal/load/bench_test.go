package load_test

import (
	"syscall"
	"testing"
	"time"
)

// BenchmarkSample loads samples of 228,571 employees (640,000 rows over seven sheets) into an empty database.
func BenchmarkSample(b *testing.B) {
	file, _ := sampleBook(b, 228_571, 0)
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		b.StopTimer()
		bench := setup(b)
		b.StartTimer()
		burnt := processorTime(b)
		bench.run(file, upsert)
		b.ReportMetric((processorTime(b) - burnt).Seconds(), "cpu-s")
	}
}

// processorTime returns the CPU time of this process on all cores. On a busy machine, it is more meaningful than
// elapsed time.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkSampleAgain loads the same rows again, when all of them are unchanged.
func BenchmarkSampleAgain(b *testing.B) {
	file, _ := sampleBook(b, 228_571, 0)
	bench := setup(b)
	bench.run(file, upsert)
	for b.Loop() {
		burnt := processorTime(b)
		bench.run(file, upsert)
		b.ReportMetric((processorTime(b) - burnt).Seconds(), "cpu-s")
	}
}
