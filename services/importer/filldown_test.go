package importer_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	errorsv1 "headway/gen/go/headway/errors/v1"
	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/rpcerr"
)

// TestGroupedRowsAreFilledDown imports a list that has each team only in its first row: by the proposed rule, with an error, and then the
// fixed row, which has no row above.
func TestGroupedRowsAreFilledDown(t *testing.T) {
	w := setupOffice(t)
	file := []byte("Team,ID,First name,Last name,Mail\nA,1,Ann,Lee,ann@x.org\n,2,Bob,Ray,bob@x.org\n,3,Cleo,Fox,nowhere\nB,4,Dan,Orr,dan@x.org\n,5,Eve,May,eve@x.org\n")
	teams := []byte("code,floor\nA,1\nB,2\n")
	wantStatus(t, w.end(teams, &importsv1.UploadOptions{Schema: "office", FileName: "teams.csv"}), jobsv1.JobStatus_JOB_STATUS_COMPLETED)
	options := func() *importsv1.UploadOptions {
		return &importsv1.UploadOptions{Schema: "office", FileName: "people.csv", OnIssues: importsv1.OnIssues_ON_ISSUES_REVIEW}
	}
	asks := options()
	asks.ConfirmMapping = true
	if _, err := w.upload("ann", file, asks); rpcerr.Reason(err) != errorsv1.ErrorReason_ERROR_REASON_MAPPING_UNCERTAIN {
		t.Errorf("an upload that asks first returns %v", err)
	}
	p, err := w.preview("ann", file, options())
	if err != nil {
		t.Fatal(err)
	}
	var offered []string
	for _, c := range p.GetProposals()[0].GetColumns() {
		for _, r := range c.GetReadings() {
			offered = append(offered, fmt.Sprintf("%s %s %q", c.GetColumn(), r.GetRules().GetBlank(), r.GetValue()))
		}
	}
	if want := []string{`team above "A"`, `team clear ""`}; !slices.Equal(offered, want) {
		t.Errorf("the readings are %q, want %q", offered, want)
	}
	with := options()
	with.Mapping = []*importsv1.SheetMapping{{Sheet: "people", Rules: map[string]*importsv1.ValueRules{"team": {Blank: "above"}}}}
	asked := w.end(file, with)
	wantStatus(t, asked, jobsv1.JobStatus_JOB_STATUS_WAITING)
	w.confirm(asked)
	im := w.watch(asked.GetImportId())
	wantStatus(t, im, jobsv1.JobStatus_JOB_STATUS_COMPLETED)
	want := []string{`people: {"id":"1","team":"A"}`, `people: {"id":"2","team":"A"}`, `people: {"id":"4","team":"B"}`, `people: {"id":"5","team":"B"}`}
	if rows := w.rows("people", "id", "team"); !slices.Equal(rows, want) {
		t.Errorf("the rows are %q", rows)
	}
	changes := im.GetSheets()[0].GetChanges()
	if len(changes) != 1 || changes[0].GetColumn() != "team" || changes[0].GetCells() != 3 || changes[0].GetRules()[0].GetRule() != "above" {
		t.Errorf("the changes are %v", changes)
	}
	for name, rows := range cellsOf(t, w.mustReport(im)) {
		if name == "People" && (len(rows) != 2 || strings.Join(rows[1], " ") != "A 3 Cleo Fox nowhere") {
			t.Errorf("the rows to fix are %q", rows)
		}
	}
	again := options()
	again.FileName, again.Mapping = "people-report.xlsx", with.GetMapping()
	wantStatus(t, w.end(fixCells(t, w.mustReport(im), map[string]string{"nowhere": "cleo@x.org"}), again), jobsv1.JobStatus_JOB_STATUS_COMPLETED)
	if rows := w.rows("people", "id", "team"); !slices.Contains(rows, `people: {"id":"3","team":"A"}`) {
		t.Errorf("the rows are %q", rows)
	}
}
