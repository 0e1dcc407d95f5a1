package worker

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"headway/services/importer/internal/imports"
)

func TestFailuresReportWhatWasSaved(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		want string
		not  string
	}{
		"nothing was committed":     {imports.ErrStoreUnavailable, "Nothing was saved", ""},
		"the target is unavailable": {imports.ErrTargetUnavailable, "Nothing was saved", ""},
		"the rows were committed":   {errors.Join(imports.ErrRowsCommitted, imports.ErrStoreUnavailable), "The rows are saved", "othing was saved"},
		"the commit is uncertain":   {errors.Join(imports.ErrCommitUncertain, imports.ErrTargetUnavailable), "The next attempt checks this", "othing was saved"},
	} {
		f := classify(fmt.Errorf("import x: %w", test.err))
		if f.permanent || !strings.Contains(f.message, test.want) || test.not != "" && strings.Contains(f.message, test.not) {
			t.Errorf("%s: permanent %v, %q", name, f.permanent, f.message)
		}
	}
}
