package report

import (
	"errors"
	"testing"

	"headway/services/importer/internal/imports"
)

func TestImportedRowsNeedACommit(t *testing.T) {
	for name, test := range map[string]struct {
		im    imports.Import
		phase Phase
		want  error
	}{
		"running":                     {phase: Running, want: imports.ErrNotCommittedYet},
		"waiting":                     {im: imports.Import{Ended: true}, phase: Waiting, want: imports.ErrNotConfirmed},
		"failed":                      {im: imports.Import{Ended: true}, phase: Ended, want: imports.ErrNothingCommitted},
		"cancelled":                   {phase: Ended, want: imports.ErrNothingCommitted},
		"purged without a commit":     {im: imports.Import{Ended: true}, phase: Purged, want: imports.ErrNothingCommitted},
		"committed":                   {im: imports.Import{Ended: true, Committed: true}, phase: Ended},
		"committed, and about to end": {im: imports.Import{Ended: true, Committed: true}, phase: Running},
		"committed, and purged":       {im: imports.Import{Ended: true, Committed: true}, phase: Purged},
	} {
		if got := refuseImported(test.im, test.phase); !errors.Is(got, test.want) {
			t.Errorf("%s: got %v, want %v", name, got, test.want)
		}
	}
}
