package imports_test

import (
	"bytes"
	"compress/flate"
	"math/rand/v2"
	"testing"

	"headway/services/importer/internal/imports"
)

func TestRowResultsSurviveCompression(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	want := map[int]imports.RowResult{1: imports.Unchanged, 1_048_576: imports.Refused}
	for range 5000 {
		want[2+random.IntN(1_048_574)] = imports.RowResult(random.IntN(5))
	}
	var found imports.RowResults
	var tally imports.Tally
	for row, result := range want {
		found.Set(row, imports.Inserted) // replaced by the next result
		found.Set(row, result)
		switch result {
		case imports.Inserted:
			tally.Inserted++
		case imports.Updated:
			tally.Updated++
		case imports.Unchanged:
			tally.Unchanged++
		case imports.Refused:
			tally.Refused++
		}
	}
	stored, err := found.Compress()
	if err != nil {
		t.Fatal(err)
	}
	got, err := imports.DecompressRowResults(stored, imports.RowBits)
	if err != nil || got.Tally() != tally || !got.Complete() {
		t.Fatalf("got %+v, %v; want %+v", got.Tally(), err, tally)
	}
	for row := range 1_048_577 {
		if got.Of(row+1) != want[row+1] {
			t.Fatalf("row %d was %v, want %v", row+1, got.Of(row+1), want[row+1])
		}
	}
}

func TestRowResultsOfEarlierVersionAreRead(t *testing.T) {
	var stored bytes.Buffer
	w, err := flate.NewWriter(&stored, flate.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	// Two bits a row: rows 1 to 5 are none, inserted, updated, unchanged, updated.
	if _, err := w.Write([]byte{0b11_10_01_00, 0b10}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := imports.DecompressRowResults(stored.Bytes(), imports.EarlierBits)
	if err != nil || got.Complete() {
		t.Fatalf("complete: %v, %v", got.Complete(), err)
	}
	for row, want := range []imports.RowResult{imports.NotARow, imports.NotARow, imports.Inserted, imports.Updated, imports.Unchanged, imports.Updated, imports.NotARow} {
		if got.Of(row) != want {
			t.Errorf("row %d: got %d, want %d", row, got.Of(row), want)
		}
	}
}

func TestRowResultsOfLongestSheetAreSmall(t *testing.T) {
	var found imports.RowResults
	for row := range 1_048_576 {
		found.Set(row+1, imports.Inserted)
	}
	stored, err := found.Compress()
	if err != nil || len(stored) > 4<<10 {
		t.Errorf("%d bytes are stored, %v", len(stored), err)
	}
	if mean := testing.AllocsPerRun(10, func() { found.Set(1_048_576, imports.Updated) }); mean != 0 {
		t.Errorf("setting a result allocates %v times", mean)
	}
}

func TestDamagedRowResultsAreRefused(t *testing.T) {
	var tooMany imports.RowResults
	tooMany.Set(1<<24+1, imports.Inserted)
	stored, err := tooMany.Compress()
	if err != nil {
		t.Fatal(err)
	}
	for name, stored := range map[string][]byte{"noise": {0xff, 0xff}, "half": stored[:len(stored)/2], "too many": stored} {
		if _, err := imports.DecompressRowResults(stored, imports.RowBits); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := imports.DecompressRowResults(nil, 3); err == nil {
		t.Error("an unknown format: no error")
	}
}
