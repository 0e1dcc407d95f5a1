package importer_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// refusalRules are rules of a database that each refuse one row.
var refusalRules = map[string]string{
	"a check": `ALTER TABLE car_assignments ADD CONSTRAINT no_car CHECK (assignment_id <> %[1]s)`,
	"a trigger": `CREATE FUNCTION no_car() RETURNS trigger AS $$ BEGIN IF new.assignment_id = %[1]s THEN RAISE EXCEPTION 'no_car'; END IF; RETURN new; END $$ LANGUAGE plpgsql;
		CREATE TRIGGER no_car BEFORE INSERT ON car_assignments FOR EACH ROW EXECUTE FUNCTION no_car()`,
	"an exclusion constraint": `ALTER TABLE car_assignments ADD CONSTRAINT no_car EXCLUDE USING gist (int8range(CASE assignment_id WHEN %[1]s THEN %[2]s ELSE assignment_id END,
		CASE assignment_id WHEN %[1]s THEN %[2]s ELSE assignment_id END, '[]') WITH &&)`,
}

func TestDatabaseRefusalsFollowTheImportPolicy(t *testing.T) {
	for name, rule := range refusalRules {
		t.Run(name, func(t *testing.T) {
			w := setupPostgres(t)
			file := w.sampleBook(200, 0)
			wantStatus(t, w.end(file, skipRows), jobsv1.JobStatus_JOB_STATUS_COMPLETED)
			all, err := strconv.Atoi(w.psql(`SELECT count(*) FROM car_assignments`))
			if err != nil || all < 2 {
				t.Fatalf("%d rows, %v", all, err)
			}
			ids := strings.Split(w.psql(`SELECT max(assignment_id), min(assignment_id) FROM car_assignments`), "|")
			w.psql(`TRUNCATE car_assignments; ` + fmt.Sprintf(rule, ids[0], ids[1]))
			want := func(when string, rows int) {
				t.Helper()
				if got := w.psql(`SELECT count(*) FROM car_assignments`); got != strconv.Itoa(rows) {
					t.Errorf("%s, there are %s rows, want %d", when, got, rows)
				}
			}
			named := func(im *importsv1.Import) {
				t.Helper()
				lines := issuesOf(t, w.imports, w.as("ann"), im.GetImportId())
				if len(lines) != 1 || !strings.Contains(lines[0], "REFUSED_BY_DATABASE") || !strings.Contains(lines[0], "no_car") {
					t.Errorf("the issues are %q", lines)
				}
			}
			aborted := w.end(file, &importsv1.UploadOptions{OnIssues: importsv1.OnIssues_ON_ISSUES_ABORT})
			if reason := aborted.GetJob().GetError().GetReason(); reason != "ROWS_REJECTED" || aborted.GetCommitted() {
				t.Errorf("the import that stops on errors ended with %s, committed %v", reason, aborted.GetCommitted())
			}
			named(aborted)
			want("after it", 0)
			asked := w.end(file, &importsv1.UploadOptions{OnIssues: importsv1.OnIssues_ON_ISSUES_REVIEW})
			wantStatus(t, asked, jobsv1.JobStatus_JOB_STATUS_WAITING)
			named(asked)
			want("before the decision", 0)
			if _, err := w.imports.ConfirmImport(t.Context(), &importsv1.ConfirmImportRequest{ImportId: asked.GetImportId(), Commit: true}, w.as("ann")); err != nil {
				t.Fatal(err)
			}
			done := w.watch(asked.GetImportId())
			wantStatus(t, done, jobsv1.JobStatus_JOB_STATUS_COMPLETED)
			if done.GetTotals().String() != asked.GetTotals().String() {
				t.Errorf("the review had %v, the import %v", asked.GetTotals(), done.GetTotals())
			}
			want("after the decision", all-1)
		})
	}
}
