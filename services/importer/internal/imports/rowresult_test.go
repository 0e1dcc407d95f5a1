package imports_test

import (
	"math/rand/v2"
	"testing"

	"headway/services/importer/internal/imports"
)

func TestOutcomesComeBackWhateverTheOrderInWhichTheyWereFound(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	want := map[int]imports.Outcome{1: imports.Unchanged, 1_048_576: imports.Updated}
	for range 5000 {
		want[2+random.IntN(1_048_574)] = imports.Outcome(random.IntN(4))
	}
	var found imports.Outcomes
	var counts imports.Counts
	for row, outcome := range want {
		found.Set(row, imports.Inserted) // what is noted last holds
		found.Set(row, outcome)
		switch outcome {
		case imports.Inserted:
			counts.Inserted++
		case imports.Updated:
			counts.Updated++
		case imports.Unchanged:
			counts.Unchanged++
		}
	}
	kept, err := found.Compress()
	if err != nil {
		t.Fatal(err)
	}
	got, err := imports.DecompressOutcomes(kept)
	if err != nil || got.Counts() != counts {
		t.Fatalf("got %+v, %v; want %+v", got.Counts(), err, counts)
	}
	for row := range 1_048_577 {
		if got.Of(row+1) != want[row+1] {
			t.Fatalf("row %d was %v, want %v", row+1, got.Of(row+1), want[row+1])
		}
	}
}

func TestTheOutcomesOfTheLongestSheetAreSmall(t *testing.T) {
	var found imports.Outcomes
	for row := range 1_048_576 {
		found.Set(row+1, imports.Inserted)
	}
	kept, err := found.Compress()
	if err != nil || len(kept) > 4<<10 {
		t.Errorf("%d bytes are kept, %v", len(kept), err)
	}
	if mean := testing.AllocsPerRun(10, func() { found.Set(1_048_576, imports.Updated) }); mean != 0 {
		t.Errorf("noting a row allocates %v times", mean)
	}
}

func TestOutcomesThatAreNoneAreRefused(t *testing.T) {
	var tooMany imports.Outcomes
	tooMany.Set(1_048_577, imports.Inserted)
	kept, err := tooMany.Compress()
	if err != nil {
		t.Fatal(err)
	}
	for name, kept := range map[string][]byte{"noise": {0xff, 0xff}, "half": kept[:len(kept)/2], "too many": kept} {
		if _, err := imports.DecompressOutcomes(kept); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
