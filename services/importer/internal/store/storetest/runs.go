package storetest

import (
	"errors"
	"reflect"
	"testing"

	"headway/services/importer/internal/imports"
)

func begins(t *testing.T, store imports.Store) {
	ctx := t.Context()
	create(t, store, "a")
	counts := imports.Counts{Read: 3, Inserted: 1, Rejected: 2, Issues: 2, Warnings: 1}
	causes := []imports.RootCause{{Issue: issues(1)[0], BlockedRows: 7, Message: "“T1” of “Teams” is missing. 7 rows of “People” are waiting for it."}}
	must(t, store.BeginRun(ctx, "a", 1))
	must(t, store.AddIssues(ctx, "a", 1, issues(2)))
	found := imports.Found{Errors: map[imports.IssueCode]uint32{imports.Required: 2}, Warnings: map[imports.IssueCode]uint32{imports.ColumnIgnored: 1}}
	notices := []imports.Notice{{Reason: imports.HiddenRows, Message: "Rows are hidden.", Sheet: "people", Count: 2, Ranges: []string{"3:3", "9:9"}}}
	changes := []imports.ColumnChanges{{Column: "name", Cells: 2, Rules: []imports.RuleChanges{
		{Rule: "case", Cells: 2, Samples: []imports.ChangedCell{{Cell: "People!A2", Before: "ann", After: "ANN"}}}}}}
	must(t, store.EndSheet(ctx, "a", 1, "people", imports.SheetResult{Counts: counts, Found: found, Notices: notices, Changes: changes}))
	must(t, store.Checked(ctx, "a", 1, causes))
	must(t, store.EndRun(ctx, "a", 1, false))
	im, err := store.Get(ctx, "a")
	if err != nil || im.Sheets[1].Counts != counts || !reflect.DeepEqual(im.Sheets[1].Found, found) ||
		!reflect.DeepEqual(im.Sheets[1].Notices, notices) || !reflect.DeepEqual(im.Sheets[1].Changes, changes) || im.Totals() != counts || !im.Ended || im.Committed {
		t.Errorf("after the run: %+v, %v", im, err)
	}
	if got, err := store.RootCauses(ctx, "a"); err != nil || !reflect.DeepEqual(got, causes) {
		t.Errorf("root causes are %+v, %v", got, err)
	}
	must(t, store.BeginRun(ctx, "a", 2))
	im, err = store.Get(ctx, "a")
	page, issuesErr := store.Issues(ctx, "a", imports.IssueFilter{})
	left, causesErr := store.RootCauses(ctx, "a")
	if errors.Join(err, issuesErr, causesErr) != nil || im.Totals() != (imports.Counts{}) || im.Sheets[1].Found.Errors != nil || im.Sheets[1].Notices != nil || im.Sheets[1].Changes != nil || im.Ended || len(page.Issues) != 0 || len(left) != 0 {
		t.Errorf("after the next has begun: %+v, %d issues, %d causes", im, len(page.Issues), len(left))
	}
}

func fences(t *testing.T, store imports.Store) {
	ctx := t.Context()
	create(t, store, "a")
	must(t, store.BeginRun(ctx, "a", 2))
	for name, err := range map[string]error{
		"BeginRun":  store.BeginRun(ctx, "a", 1),
		"AddIssues": store.AddIssues(ctx, "a", 1, issues(1)),
		"EndSheet":  store.EndSheet(ctx, "a", 1, "people", imports.SheetResult{Counts: imports.Counts{Read: 1}}),
		"Checked":   store.Checked(ctx, "a", 1, nil),
		"EndRun":    store.EndRun(ctx, "a", 1, true),
		"Reviewed":  store.Reviewed(ctx, "a", 1, imports.Counts{}),
	} {
		if !errors.Is(err, imports.ErrFenced) {
			t.Errorf("%s: %v", name, err)
		}
	}
	im, err := store.Get(ctx, "a")
	if err != nil || im.Committed || im.Ended || im.Totals().Read != 0 {
		t.Errorf("got %+v, %v", im, err)
	}
}

func reviews(t *testing.T, store imports.Store) {
	ctx := t.Context()
	create(t, store, "a")
	if _, asked, err := store.LastReview(ctx, "a"); err != nil || asked {
		t.Errorf("before: %v, %v", asked, err)
	}
	must(t, store.BeginRun(ctx, "a", 1))
	want := imports.Counts{Read: 9, Rejected: 9}
	must(t, store.Reviewed(ctx, "a", 1, want))
	must(t, store.BeginRun(ctx, "a", 2))
	if got, asked, err := store.LastReview(ctx, "a"); err != nil || !asked || got != want {
		t.Errorf("after: %v, %v, %v", got, asked, err)
	}
}

func rowResults(t *testing.T, store imports.Store) {
	ctx := t.Context()
	create(t, store, "a")
	create(t, store, "b")
	var rows imports.RowResults
	rows.Set(4711, imports.Updated)
	rows.Set(4712, imports.Refused)
	wantNone := func(when string) {
		t.Helper()
		for _, sheet := range []string{"people", "teams", "no such sheet"} {
			if _, err := store.RowResults(ctx, "a", sheet); !errors.Is(err, imports.ErrNotFound) {
				t.Errorf("%s, of %s: %v", when, sheet, err)
			}
		}
	}
	want := func(when string) {
		t.Helper()
		got, err := store.RowResults(ctx, "a", "people")
		if err != nil || !got.Complete() || got.Tally() != rows.Tally() || got.Of(4711) != imports.Updated || got.Of(4712) != imports.Refused || got.Of(4710) != imports.NotARow {
			t.Errorf("%s: %+v, %v", when, got.Tally(), err)
		}
		if _, err := store.RowResults(ctx, "a", "teams"); !errors.Is(err, imports.ErrNotFound) {
			t.Errorf("%s, of the other sheet: %v", when, err)
		}
	}
	wantNone("before the first run")
	must(t, store.BeginRun(ctx, "a", 1))
	must(t, store.EndSheet(ctx, "a", 1, "people", imports.SheetResult{Rows: &rows}))
	must(t, store.EndRun(ctx, "a", 1, false))
	want("after a run that was rolled back")
	must(t, store.BeginRun(ctx, "a", 2))
	wantNone("after the next run has begun")

	must(t, store.EndSheet(ctx, "a", 2, "people", imports.SheetResult{Rows: &rows}))
	if err := store.EndSheet(ctx, "a", 1, "people", imports.SheetResult{Rows: &imports.RowResults{}}); !errors.Is(err, imports.ErrFenced) {
		t.Errorf("from an earlier run: %v", err)
	}
	causes := []imports.RootCause{{Issue: issues(1)[0], BlockedRows: 7, Message: "“T1” of “Teams” is missing. 7 rows of “People” are waiting for it."}}
	must(t, store.Checked(ctx, "a", 2, causes))
	// The run ends before it can record its commit. The next run records it without BeginRun.
	must(t, store.EndRun(ctx, "a", 3, true))
	must(t, store.BeginRun(ctx, "b", 1))
	want("after the commit")
	if got, err := store.RootCauses(ctx, "a"); err != nil || !reflect.DeepEqual(got, causes) {
		t.Errorf("after the commit, root causes are %+v, %v", got, err)
	}
	must(t, store.BeginRun(ctx, "a", 4))
	wantNone("after another run has begun")
}
