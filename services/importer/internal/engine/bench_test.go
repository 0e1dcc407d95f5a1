package engine_test

import (
	"testing"

	"headway/services/importer/internal/imports"
)

// BenchmarkSample loads samples of 100,000 employees (280,000 rows over seven sheets) into an empty database.
func BenchmarkSample(b *testing.B) {
	file, _ := sampleBook(b, 100_000, 0)
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		b.StopTimer()
		bench := setup(b)
		b.StartTimer()
		bench.run(file, imports.Policy{OnIssues: imports.SkipRows, Mode: imports.Upsert})
	}
}

// BenchmarkSampleAgain loads the same rows again: all of them are unchanged.
func BenchmarkSampleAgain(b *testing.B) {
	file, _ := sampleBook(b, 100_000, 0)
	bench := setup(b)
	bench.run(file, imports.Policy{OnIssues: imports.SkipRows, Mode: imports.Upsert})
	for b.Loop() {
		bench.run(file, imports.Policy{OnIssues: imports.SkipRows, Mode: imports.Upsert})
	}
}
