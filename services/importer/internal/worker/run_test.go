package worker

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/source"
)

// TestFailuresHaveTextsOfCatalogs looks at the messages by which the web UI writes failures in its language.
func TestFailuresHaveTextsOfCatalogs(t *testing.T) {
	for id, c := range map[string]struct {
		err       error
		parameter string
	}{
		"fail.table_conflict": {&imports.TableConflictError{Table: "cars", Detail: "its column a is missing"}, "table"},
		"fail.header_merged":  {&imports.MergedHeaderError{Sheet: "Cars", First: "A1", Last: "B1"}, "last"},
		"file.refused":        {&source.Error{Reason: source.Damaged}, "what"},
	} {
		f := classify(fmt.Errorf("import x: %w", c.err))
		text, _ := f.result["text"].(map[string]any)
		if parameters, _ := text["parameters"].(map[string]any); text["messageId"] != id || parameters[c.parameter] == nil {
			t.Errorf("%v has the result %v", c.err, f.result)
		}
	}
}

func TestFailuresReportWhetherRowsAreSaved(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		want string
		not  string
	}{
		"nothing was committed":     {imports.ErrStoreUnavailable, "Nothing was saved", ""},
		"the target is unavailable": {imports.ErrTargetUnavailable, "Nothing was saved", ""},
		"the disk is full":          {&fs.PathError{Op: "write", Path: "/tmp/headway-keys-1", Err: syscall.ENOSPC}, "Nothing was saved", "unexpected"},
		"the rows were committed":   {errors.Join(imports.ErrRowsCommitted, imports.ErrStoreUnavailable), "The rows are saved", "othing was saved"},
		"the commit is uncertain":   {errors.Join(imports.ErrCommitUncertain, imports.ErrTargetUnavailable), "The next attempt checks this", "othing was saved"},
	} {
		f := classify(fmt.Errorf("import x: %w", test.err))
		if f.permanent || !strings.Contains(f.message, test.want) || test.not != "" && strings.Contains(f.message, test.not) {
			t.Errorf("%s: permanent %v, %q", name, f.permanent, f.message)
		}
	}
}
