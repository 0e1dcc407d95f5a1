package importer_test

import (
	"database/sql"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // reads the database as an operator does
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/pgtest"
	"headway/internal/proctest"
	"headway/internal/rpcserver"
	"headway/services/importer"
)

var databases atomic.Int64

// postgresWorld is a world whose rows go into an empty PostgreSQL database.
type postgresWorld struct {
	*world
	name, url string
}

func setupPostgres(t *testing.T, change ...func(*importer.Config)) *postgresWorld {
	t.Helper()
	name := fmt.Sprint("rows_", databases.Add(1))
	url := pgtest.Shared(t).Database(t, name)
	to := func(c *importer.Config) { c.Records = url }
	return &postgresWorld{world: setup(t, append(change, to)...), name: name, url: url}
}

// psql runs statements as an operator.
func (w *postgresWorld) psql(statements string) string {
	w.t.Helper()
	out, err := pgtest.Shared(w.t).SQL(w.name, statements)
	if err != nil {
		w.t.Fatalf("%s: %v\n%s", statements, err, out)
	}
	return strings.TrimSpace(out)
}

var workforceTables = []string{"areas", "departments", "designations", "employees", "schedules", "drivers", "car_assignments"}

// asTexts returns all rows of the workforce tables with their values as texts, a line each.
func asTexts(t *testing.T, driver, source string, text func(column, kind string) string) (lines []string) {
	t.Helper()
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, table := range workforceTables {
		lines = append(lines, tableAsTexts(t, db, table, text)...)
	}
	slices.Sort(lines)
	return lines
}

func tableAsTexts(t *testing.T, db *sql.DB, table string, text func(column, kind string) string) (lines []string) {
	t.Helper()
	var columns []string
	for _, c := range columnTypes(t, db, table) {
		columns = append(columns, fmt.Sprintf("coalesce(%s, '-')", text(c.Name(), c.DatabaseTypeName())))
	}
	rows, err := db.QueryContext(t.Context(), `SELECT `+strings.Join(columns, " || '|' || ")+` FROM `+table)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, table+" "+line)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}

func columnTypes(t *testing.T, db *sql.DB, table string) []*sql.ColumnType {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), `SELECT * FROM `+table+` LIMIT 0`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		t.Fatal(err)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return types
}

func (w *postgresWorld) texts() []string {
	return asTexts(w.t, "pgx", w.url, func(column, kind string) string {
		switch kind {
		case "BOOL":
			column += "::int"
		case "NUMERIC":
			column = "trim_scale(" + column + ")"
		}
		return column + "::text"
	})
}

func (w *world) texts() []string {
	return asTexts(w.t, "sqlite", w.dir+"/records.db", func(column, _ string) string { return "CAST(" + column + " AS TEXT)" })
}

func TestPostgreSQLGetsTheRowsOfSQLite(t *testing.T) {
	file, postgres := setup(t), setupPostgres(t)
	for turn, book := range [][]byte{file.sampleBook(2000, 60), file.seededBook(2000, 40, 2), file.sampleBook(2000, 60)} {
		want, got := file.end(book, skipRows), postgres.end(book, skipRows)
		wantStatus(t, got, jobsv1.JobStatus_JOB_STATUS_COMPLETED)
		if got.GetTotals().String() != want.GetTotals().String() {
			t.Errorf("turn %d came to %v, want %v", turn, got.GetTotals(), want.GetTotals())
		}
		wantIssues, gotIssues := issuesOf(t, file.imports, file.as("ann"), want.GetImportId()), issuesOf(t, postgres.imports, postgres.as("ann"), got.GetImportId())
		if !equalLines(gotIssues, wantIssues) {
			t.Errorf("in turn %d the issues differ: %s", turn, difference(gotIssues, wantIssues))
		}
		if got, want := postgres.texts(), file.texts(); !equalLines(got, want) {
			t.Errorf("after turn %d the rows differ: %s", turn, difference(got, want))
		}
	}
}

// TestProgressLeavesRoomForWriting compares the progress of imports in review: PostgreSQL gets the rows only after that.
func TestProgressLeavesRoomForWriting(t *testing.T) {
	file, postgres := setup(t), setupPostgres(t)
	for w, want := range map[*world]float64{file: 97, postgres.world: 53} {
		asked := w.end(w.sampleBook(2000, 40), &importsv1.UploadOptions{OnIssues: importsv1.OnIssues_ON_ISSUES_REVIEW})
		wantStatus(t, asked, jobsv1.JobStatus_JOB_STATUS_WAITING)
		if got := asked.GetJob().GetProgress().GetPercent(); math.Abs(got-want) > 1 {
			t.Errorf("the import waits at %v %%, want %v", got, want)
		}
		w.confirm(asked)
		if got := w.watch(asked.GetImportId()).GetJob().GetProgress().GetPercent(); got != 100 {
			t.Errorf("the import ends at %v %%", got)
		}
	}
}

// traces are the living and dead rows of all tables of users, and how many rows were locked.
// TestRefusedRowsLeaveNothingToSave imports rows that the database refuses, all of them. The step that saves rows has none left.
func TestRefusedRowsLeaveNothingToSave(t *testing.T) {
	w := setupPostgres(t)
	file := func(rows string) []byte { return []byte("Area code,Area name,Country\n" + rows) }
	wantStatus(t, w.end(file("N,North,DE\n"), &importsv1.UploadOptions{FileName: "areas.csv"}), jobsv1.JobStatus_JOB_STATUS_COMPLETED)
	w.psql(`CREATE FUNCTION refuse() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION 'no more areas'; END $$ LANGUAGE plpgsql;
		CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON areas FOR EACH ROW EXECUTE FUNCTION refuse()`)
	im := w.end(file("S,South,DE\nW,West,FR\n"), &importsv1.UploadOptions{FileName: "areas.csv", OnIssues: importsv1.OnIssues_ON_ISSUES_SKIP_ROWS})
	wantStatus(t, im, jobsv1.JobStatus_JOB_STATUS_COMPLETED)
	if got := im.GetTotals().GetRejected(); got != 2 {
		t.Errorf("%d rows are rejected, want 2", got)
	}
	for _, step := range im.GetJob().GetProgress().GetSteps() {
		if step.GetState() == jobsv1.StepState_STEP_STATE_COMPLETED && step.GetDone() < step.GetTotal() {
			t.Errorf("the step %s has ended at %v of %v", step.GetName(), step.GetDone(), step.GetTotal())
		}
	}
}

func (w *postgresWorld) traces() string {
	w.t.Helper()
	var all []string
	for _, table := range workforceTables {
		if w.psql(fmt.Sprintf(`SELECT to_regclass('%s') IS NOT NULL`, table)) == "f" {
			continue
		}
		all = append(all, table+" "+w.psql(fmt.Sprintf(`SELECT tuple_count, dead_tuple_count, table_len, (SELECT count(*) FROM %s WHERE xmax <> 0) FROM pgstattuple('%[1]s')`, table)))
	}
	return strings.Join(all, "\n")
}

func TestUncommittedImportsLeaveNothingInTables(t *testing.T) {
	w := setupPostgres(t)
	w.psql(`CREATE EXTENSION pgstattuple`)
	uncommitted := map[string]*importsv1.UploadOptions{
		"abort":   {OnIssues: importsv1.OnIssues_ON_ISSUES_ABORT},
		"review":  {OnIssues: importsv1.OnIssues_ON_ISSUES_REVIEW},
		"dry run": {OnIssues: importsv1.OnIssues_ON_ISSUES_SKIP_ROWS, DryRun: true},
	}
	changed := w.seededBook(500, 20, 2)
	check := func(when string) {
		t.Helper()
		before := w.traces()
		for name, options := range uncommitted {
			im := w.accepted(changed, options)
			if im = w.watch(im.GetImportId()); im.GetCommitted() || im.GetTotals().GetRead() == 0 {
				t.Fatalf("%s, the import with %s ended with %v", when, name, im)
			}
			if after := w.traces(); after != before {
				t.Errorf("%s, the import with %s left\n%s\nbefore, there was\n%s", when, name, after, before)
			}
		}
	}
	check("without tables")
	wantStatus(t, w.end(w.sampleBook(500, 0), skipRows), jobsv1.JobStatus_JOB_STATUS_COMPLETED)
	check("with rows")
}

func TestInvalidTargetIsRefusedAtStart(t *testing.T) {
	w := setup(t)
	config := w.config
	config.Records = "postgres://headway:topsecret@127.0.0.1:port/rows"
	_, err := importer.New(config)
	if err == nil || strings.Contains(err.Error(), "topsecret") {
		t.Errorf("got %v", err)
	}
}

// targetReady reports whether the importer reports that it can reach the database for the rows.
func (w *world) targetReady() bool {
	w.t.Helper()
	answer, err := healthv1.NewHealthClient(w.dial(w.importerAddress)).Check(w.t.Context(), &healthv1.HealthCheckRequest{Service: rpcserver.TargetHealth})
	if err != nil {
		w.t.Fatal(err)
	}
	return answer.GetStatus() == healthv1.HealthCheckResponse_SERVING
}

// awaitTarget returns when targetReady has the value.
func (w *world) awaitTarget(want bool) {
	w.t.Helper()
	for deadline := time.Now().Add(time.Minute); w.targetReady() != want; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("the target's readiness does not become %v", want)
		}
	}
}

// TestReadOnlyTargetIsNamed: a standby server answers queries, and has all tables, but no row can be stored.
func TestReadOnlyTargetIsNamed(t *testing.T) {
	server, err := pgtest.Start("fsync=off")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	url := server.Database(t, "rows")
	setup(t, func(c *importer.Config) { c.Records = url }).awaitTarget(true) // has created the tables
	set := func(value string) {
		t.Helper()
		for _, statement := range []string{"ALTER SYSTEM SET default_transaction_read_only = " + value, "SELECT pg_reload_conf()"} {
			if out, err := server.SQL("postgres", statement); err != nil {
				t.Fatal(err, out)
			}
		}
	}
	set("on")
	log := &proctest.Log{}
	w := setup(t, func(c *importer.Config) { c.Records, c.Logger = url, slog.New(slog.NewTextHandler(log, nil)) })
	for !strings.Contains(log.String(), "the database is read-only") {
		if t.Context().Err() != nil || w.targetReady() {
			t.Fatalf("the importer is ready. The log is\n%s", log.String())
		}
		time.Sleep(10 * time.Millisecond)
	}
	set("off")
	w.awaitTarget(true)
}

func TestImporterStartsBeforeItsDatabase(t *testing.T) {
	server, err := pgtest.Start("fsync=off")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	url := server.Database(t, "rows")
	server.Kill()
	log := &proctest.Log{}
	w := setup(t, func(c *importer.Config) { c.Records, c.Logger = url, slog.New(slog.NewTextHandler(log, nil)) })
	im := w.accepted(w.sampleBook(50, 0), skipRows)
	w.failing(im.GetImportId(), "TARGET_UNAVAILABLE")
	if w.targetReady() {
		t.Error("the importer is ready without its database")
	}
	if err := server.Restart("fsync=off"); err != nil {
		t.Fatal(err)
	}
	w.awaitTarget(true)
	wantStatus(t, w.watch(im.GetImportId()), jobsv1.JobStatus_JOB_STATUS_COMPLETED)
	if got := log.String(); strings.Count(got, "not ready: ") != 1 || strings.Count(got, "ready: ") != 2 || !strings.Contains(got, "connection refused") {
		t.Errorf("the log is\n%s", got)
	}
}
