package load_test

import (
	"syscall"
	"testing"
	"time"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
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

// rulesRows is the number of employees of BenchmarkRules, for a million rows.
const rulesRows = 357_000

// BenchmarkRules compares the CPU time of an import whose columns all have value rules with that of one without, in turns.
func BenchmarkRules(b *testing.B) {
	file, _ := sampleBook(b, rulesRows, 0)
	var plain, ruled time.Duration
	for b.Loop() {
		for _, with := range []bool{false, true} {
			bench := setup(b)
			task := bench.task(file, upsert)
			if with {
				addRules(bench.schema, task.Import.Sheets)
			}
			burnt := processorTime(b)
			if _, err := bench.loader.Run(b.Context(), task); err != nil {
				b.Fatal(err)
			}
			if used := processorTime(b) - burnt; with {
				ruled += used
			} else {
				plain += used
			}
		}
	}
	b.ReportMetric(plain.Seconds()/float64(b.N), "plain-cpu-s/op")
	b.ReportMetric(ruled.Seconds()/float64(b.N), "rules-cpu-s/op")
	b.ReportMetric(ruled.Seconds()/plain.Seconds(), "ratio")
}

// addRules adds rules that the type of each column can have.
func addRules(s *schema.Schema, sheets []imports.Sheet) {
	for i := range sheets {
		sheets[i].Rules = map[string]*schema.Rules{}
		for _, c := range s.Sheet(sheets[i].Name).Columns {
			r := &schema.Rules{Trim: "*", Empty: []string{"n/a", "-"}}
			switch c.Type {
			case schema.Text, schema.Phone:
				r.Collapse, r.Replace = true, []schema.Replacement{{Text: "\t", With: " "}}
			case schema.Email:
				r.Case = schema.Lower
			case schema.Integer, schema.Decimal:
				r.Decimal, r.Thousands = ".", ","
			case schema.Date, schema.DateTime:
				r.DateOrder = schema.DMY
			case schema.Boolean:
				r.TrueValues, r.FalseValues = []string{"ja"}, []string{"nein"}
			default:
			}
			sheets[i].Rules[c.Name] = r
		}
	}
}
