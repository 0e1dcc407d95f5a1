package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// widePostgres is the table of the wide schema as an application has it.
const widePostgres = `CREATE TABLE wide_employees (id text PRIMARY KEY, name text NOT NULL, mail text NOT NULL, phone text, team text NOT NULL, grade bigint,
	born date NOT NULL, salary numeric, active boolean, city text)`

// BenchmarkImportIntoPostgreSQL times imports into tables that exist. For comparison, in the same run, psql copies the same rows
// from CSV files into the same tables, keys, and foreign keys. If the rows exist and a tenth of them is changed, it copies them into a
// temporary table, and runs one INSERT … ON CONFLICT that updates those that differ. CPU times are those of all processes.
func BenchmarkImportIntoPostgreSQL(b *testing.B) {
	right, changed, sheets := filepath.Join(b.TempDir(), "right.xlsx"), filepath.Join(b.TempDir(), "changed.xlsx"), filepath.Join(b.TempDir(), "sheets.xlsx")
	writeWide(b, right, 1_000_000, inOrder)
	writeWide(b, changed, 1_000_000, tenthChanged)
	command(b, program(b, "headway"), "sample", "--rows", "200000", "-o", sheets)
	for _, c := range []struct{ name, schema, path, before string }{
		{"employees=1000000/empty", "wide", right, ""},
		{"employees=1000000/changed=100000", "wide", changed, right},
		{"sheets=7", "workforce", sheets, ""},
	} {
		b.Run(c.name, func(b *testing.B) {
			d := startDatabases(b)
			for b.Loop() {
				measureImportIntoPostgreSQL(b, d, c.schema, c.path, c.before)
			}
		})
	}
}

// measureImportIntoPostgreSQL imports a workbook, and loads its rows with psql. before is a workbook that is imported first.
func measureImportIntoPostgreSQL(b *testing.B, d *databases, schema, workbook, before string) {
	url := d.url()
	if schema == "wide" {
		runSQL(b, d, url, widePostgres)
	} else {
		command(b, program(b, "headway"), "schema", "migrate", "--yes", "--records", url, schema)
	}
	if before != "" {
		importWorkbook(b, schema, before, "--records", url)
	}
	yardstick := d.url()
	copyDatabase(b, d, url, yardstick)
	runSQL(b, d, url, "VACUUM ANALYZE; CHECKPOINT")
	busyBefore := d.busy()
	m := importWorkbook(b, schema, workbook, "--records", url)
	server := d.busy() - busyBefore
	took, processor := copyWithPsql(b, d, url, yardstick, before != "")
	b.ReportMetric(m.took.Seconds(), "s/import")
	b.ReportMetric(m.took.Seconds()/took.Seconds(), "×psql")
	b.ReportMetric((m.processor+server).Seconds()/processor.Seconds(), "×psql-cpu")
	b.ReportMetric(m.processor.Seconds(), "s-headway-cpu")
	b.ReportMetric(server.Seconds(), "s-server-cpu")
	b.ReportMetric(m.peak, "MiB-peak")
	b.ReportMetric(m.silence.Seconds(), "s-silent")
}

// importedTables are the tables of an import in the order of its sheets, so that parents come first.
func importedTables(b *testing.B, d *databases, url string) []string {
	if strings.TrimSpace(runSQL(b, d, url, "SELECT to_regclass('wide_employees')")) != "" {
		return []string{"wide_employees"}
	}
	return []string{"areas", "departments", "designations", "employees", "schedules", "drivers", "car_assignments"}
}

// copyWithPsql loads the rows of one database into another one, and returns the time and the CPU time of psql and the server.
func copyWithPsql(b *testing.B, d *databases, from, to string, merge bool) (took, processor time.Duration) {
	b.Helper()
	dir := b.TempDir()
	script := "BEGIN;\n"
	tables := importedTables(b, d, from)
	for _, table := range tables {
		file := filepath.Join(dir, table+".csv")
		psql(b, from, fmt.Sprintf("\\copy %s TO '%s' CSV\n", table, file))
		if !merge {
			script += fmt.Sprintf("\\copy %s FROM '%s' CSV\n", table, file)
			continue
		}
		var set, old, updated []string
		for _, column := range strings.Fields(runSQL(b, d, from, fmt.Sprintf("SELECT attname FROM pg_attribute WHERE attrelid = '%s'::regclass AND attnum > 0", table))) {
			set, old, updated = append(set, fmt.Sprintf("%s = excluded.%[1]s", column)), append(old, "t."+column), append(updated, "excluded."+column)
		}
		script += fmt.Sprintf("CREATE TEMPORARY TABLE stage (LIKE %s);\n\\copy stage FROM '%s' CSV\n", table, file)
		script += fmt.Sprintf("INSERT INTO %s AS t SELECT * FROM stage ON CONFLICT (id) DO UPDATE SET %s WHERE (%s) IS DISTINCT FROM (%s);\n",
			table, strings.Join(set, ", "), strings.Join(old, ", "), strings.Join(updated, ", "))
	}
	runSQL(b, d, to, "VACUUM ANALYZE; CHECKPOINT")
	before, begin := d.busy(), time.Now()
	client := psql(b, to, script+"COMMIT;\n")
	took, processor = time.Since(begin), d.busy()-before+client
	const sum = "SELECT count(*), sum(hashtext(t::text)::bigint) FROM %s t"
	for _, table := range tables {
		if got, want := runSQL(b, d, to, fmt.Sprintf(sum, table)), runSQL(b, d, from, fmt.Sprintf(sum, table)); got != want {
			b.Fatalf("the yardstick has the rows %s of %s, the import %s", got, table, want)
		}
	}
	return took, processor
}

// psql runs a script on a database, and returns its CPU time.
func psql(b *testing.B, url, script string) time.Duration {
	b.Helper()
	cmd := exec.Command("psql", "-qX", "-v", "ON_ERROR_STOP=1", "-d", url)
	cmd.Stdin = strings.NewReader(script)
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("psql: %v\n%s", err, out)
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}

// runSQL runs statements, and returns what psql prints.
func runSQL(b *testing.B, d *databases, url, statements string) string {
	b.Helper()
	var all string
	for _, statement := range strings.Split(statements, "; ") {
		out, err := d.server.SQL(url[strings.LastIndex(url, "/")+1:], statement)
		if err != nil {
			b.Fatalf("%s: %v\n%s", statement, err, out)
		}
		all += out
	}
	return all
}

// copyDatabase copies all tables and rows of a database into an empty one.
func copyDatabase(b *testing.B, d *databases, from, to string) {
	b.Helper()
	dump := filepath.Join(b.TempDir(), "dump.sql")
	lines, err := exec.Command("pg_dump", "-d", from).Output()
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(dump, lines, 0o600); err != nil {
		b.Fatal(err)
	}
	psql(b, to, fmt.Sprintf("\\i %s\n", dump))
}
