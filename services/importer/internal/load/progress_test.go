package load_test

import (
	"testing"

	"headway/services/importer/internal/imports"
)

// moves records the progress of a sheet.
type moves struct {
	silent
	done, read []uint32
}

func (m *moves) SheetMoves(_ string, done, _ uint32, counts imports.Counts) {
	m.done, m.read = append(m.done, done), append(m.read, counts.Read)
}

func TestWaitingRowsMakeProgress(t *testing.T) {
	const n = 5000
	rows := [][]any{{"ID", "Mail", "Boss"}}
	for i := range n {
		row := []any{i + 1, nil, i + 2} // the boss is in the next row
		if i == n-1 {
			row[2] = nil
		}
		rows = append(rows, row)
	}
	b := setupFor(t, mentorSchema)
	task, m := b.task(sheetsOf(t, map[string][][]any{"People": rows}), upsert), &moves{}
	task.Progress = m
	summary, err := b.loader.Run(t.Context(), task)
	if err != nil || summary.Totals.Inserted != n {
		t.Fatalf("the import came to %+v, %v", summary.Totals, err)
	}
	reading, waiting := 0, 0
	for i, done := range m.done {
		switch {
		case i > 0 && done < m.done[i-1]:
			t.Errorf("the progress goes back from %d to %d", m.done[i-1], done)
		case m.read[i] < n:
			reading++
		case done < n && i > 0 && done > m.done[i-1]:
			waiting++
		}
	}
	if reading < 2 || waiting < 3 || m.done[len(m.done)-1] != n {
		t.Errorf("the progress is %v while %v rows were read", m.done, m.read)
	}
}
