package convert_test

import (
	"testing"

	"headway/services/importer/internal/locale"
	"headway/services/importer/internal/schema"
)

// TestRecognizedMonthsAreRead checks that a column that is recognized by the names of its months can also be imported.
func TestRecognizedMonthsAreRead(t *testing.T) {
	names := locale.Months()
	if len(names) < 700 {
		t.Fatalf("only %d names of months are known", len(names))
	}
	for name := range names {
		cell := "4 " + name + " 2025"
		if result, message := convertRow(t, row{typ: schema.Date, cell: cell}); result == "NOT_A_DATE" {
			t.Errorf("%s: %s", cell, message)
		}
	}
}
