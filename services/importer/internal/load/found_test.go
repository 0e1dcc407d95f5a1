package load_test

import (
	"slices"
	"strings"

	"headway/services/importer/internal/imports"
)

// wantErrors is like wantIssues, without warnings.
func (b *bench) wantErrors(id string, want ...string) {
	b.t.Helper()
	var list []string
	for _, issue := range b.issuesOf(id, 0) {
		if issue.Severity == imports.Error {
			list = append(list, issue.Cell+" "+issue.Code.String())
		}
	}
	if !slices.Equal(list, want) {
		b.t.Errorf("errors are\n\t%s\nwant\n\t%s", strings.Join(list, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// issuesOf returns the issues with a code.
func (b *bench) issuesOf(id string, code imports.IssueCode) []imports.Issue {
	b.t.Helper()
	page, err := b.store.Issues(b.t.Context(), id, imports.IssueFilter{Code: code, Limit: 1000})
	if err != nil {
		b.t.Fatal(err)
	}
	return page.Issues
}

// wantNotice checks which rows the notice with a reason names. There is no such notice if rows is empty.
func (b *bench) wantNotice(id, reason, rows string) {
	b.t.Helper()
	im, err := b.store.Get(b.t.Context(), id)
	if err != nil {
		b.t.Fatal(err)
	}
	var got []string
	for _, sheet := range im.Sheets {
		for _, notice := range sheet.Notices {
			if notice.Reason == reason {
				got = append(got, notice.Ranges...)
			}
		}
	}
	var want []string
	for _, row := range strings.Fields(rows) {
		want = append(want, row+":"+row)
	}
	if !slices.Equal(got, want) {
		b.t.Errorf("the notice %s is about %v, want %v", reason, got, want)
	}
}

// notice returns the message of a notice, or nothing.
func (b *bench) notice(id, reason string) string {
	b.t.Helper()
	im, err := b.store.Get(b.t.Context(), id)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, sheet := range im.Sheets {
		for _, notice := range sheet.Notices {
			if notice.Reason == reason {
				return notice.Message
			}
		}
	}
	return ""
}
