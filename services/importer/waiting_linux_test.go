package importer_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// TestWaitingRowsStayWithinMemoryBudget imports rows of which each refers to the row below, so that all of them wait for the
// end of the sheet. make memory runs it with a million rows, and make test with fewer.
func TestWaitingRowsStayWithinMemoryBudget(t *testing.T) {
	rows := 20_000
	if os.Getenv("HEADWAY_WORST_FILES") == "all" {
		rows = 1_000_000
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "ledger.yaml"), []byte(ledgerSchema), 0o600); err != nil {
		t.Fatal(err)
	}
	const budget = 256 << 20
	w := newKilledWorld(t, buildServices(t), 0, nil, "--memory", "256MiB", "--schemas-dir", folder)
	file := rawBook(t, "", func(w io.Writer) {
		for i := range rows {
			next := fmt.Sprint("k", i+1)
			if i == rows-1 {
				next = ""
			}
			fmt.Fprintf(w, `<row r="%d"><c t="inlineStr"><is><t>k%d</t></is></c><c><v>%d</v></c><c t="inlineStr"><is><t>%s</t></is></c><c t="inlineStr"><is><t>x</t></is></c></row>`, i+2, i, i, next)
		}
	}, nil)
	last := w.followAs("ready", w.awaitUploads("ledger", file))
	if last.GetJob().GetStatus() != jobsv1.JobStatus_JOB_STATUS_COMPLETED || int(last.GetTotals().GetInserted()) != rows {
		t.Errorf("the import ended as %v: %v %v", last.GetJob().GetStatus(), last.GetTotals(), last.GetJob().GetError())
	}
	if kib := peakMemory(t, w.importer.process.Pid()); kib<<10 > budget {
		t.Errorf("the resident memory reached %d MiB, the budget is %d MiB", kib>>10, budget>>20)
	} else {
		t.Logf("peak of the resident memory: %d MiB", kib>>10)
	}
}
