package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"headway/internal/pgtest"
)

// tenantSchema is the schema of one tenant, with its name and its number.
const tenantSchema = `name: %s
sheets:
  - name: departments
    table: app_departments
    key: code
    columns:
      - {name: code, type: text, required: true}
      - {name: name, type: text}
      - {name: company, column: company_id, type: integer, constant: "%d"}
  - name: employees
    table: app_employees
    key: number
    columns:
      - {name: number, type: integer, required: true}
      - {name: email, type: email, unique: true}
      - {name: department, column: department_id, type: text, required: true, references: departments.code}
      - {name: manager, column: manager_id, type: integer, references: employees.number}
      - {name: company, column: company_id, type: integer, constant: "%[2]d"}
`

// TestTenantsShareTables imports workbooks of two tenants with the same codes into the same tables. Each import leaves the versions of the other
// tenant's rows as they are, and the counts of a dry run are those of the run.
func TestTenantsShareTables(t *testing.T) {
	const tables = `CREATE TABLE app_departments (id %[1]s, company_id bigint NOT NULL, code varchar(10) NOT NULL, name text, UNIQUE (company_id, code));
		CREATE TABLE app_employees (id %[1]s, company_id bigint NOT NULL, number integer NOT NULL, email text, department_id bigint NOT NULL REFERENCES app_departments, manager_id bigint REFERENCES app_employees,
			UNIQUE (number, company_id), UNIQUE (company_id, email))`
	const versions = `SELECT 'd', %[1]s, d.code, d.name FROM app_departments d WHERE company_id = %[2]d UNION ALL SELECT 'e', %[1]s, e.number || ' ' || e.department_id || ' ' || coalesce(e.manager_id, 0), e.email FROM app_employees e WHERE company_id = %[2]d ORDER BY 1, 3`
	t.Run("PostgreSQL", func(t *testing.T) {
		postgres := pgtest.Shared(t)
		url := postgres.Database(t, "tenants")
		query := func(statement string) string {
			out, err := postgres.SQL("tenants", statement)
			if err != nil {
				t.Fatalf("%s: %v\n%s", statement, err, out)
			}
			return strings.TrimSpace(out)
		}
		query(fmt.Sprintf(tables, "bigserial PRIMARY KEY"))
		shareTables(t, url, query, func(company int) string { return query(fmt.Sprintf(versions, "ctid || ' ' || xmin", company)) })
	})
	t.Run("SQLite", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "app.db")
		query := func(statement string) string {
			out, err := exec.Command("sqlite3", file, statement).CombinedOutput()
			if err != nil {
				t.Fatalf("%s: %v\n%s", statement, err, out)
			}
			return strings.TrimSpace(string(out))
		}
		query(fmt.Sprintf(tables, "integer PRIMARY KEY"))
		shareTables(t, file, query, func(company int) string { return query(fmt.Sprintf(versions, "id", company)) })
	})
}

// shareTables imports workbooks of two tenants. versions returns the rows of one of them, with all that changes if they are written.
func shareTables(t *testing.T, records string, query func(string) string, versions func(company int) string) {
	folder := t.TempDir()
	for company, name := range map[int]string{7: "acme", 42: "bolt"} {
		if err := os.WriteFile(filepath.Join(folder, name+".yaml"), fmt.Appendf(nil, tenantSchema, name, company), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := start(t, "--schemas-dir", folder, "--records", records)
	token := s.token("ann")

	// Both have the same codes, numbers, and emails. Only the first one has the department HR and the manager 3.
	first := workbook(t, [][]any{{"Code", "Name"}, {"IT", "IT of acme"}, {"HR", "HR of acme"}},
		[][]any{{"Number", "Email", "Department", "Manager"}, {1, "ann@x.example", "IT", 3}, {2, "ben@x.example", "HR", 1}, {3, "cat@x.example", "HR", nil}})
	second := workbook(t, [][]any{{"Code", "Name"}, {"IT", "IT of bolt"}},
		[][]any{{"Number", "Email", "Department", "Manager"}, {1, "ann@x.example", "IT", 3}, {2, "ben@x.example", "IT", nil}, {4, "dan@x.example", "HR", nil}, {5, "cat@x.example", "IT", 2}})
	changed := workbook(t, [][]any{{"Code", "Name"}, {"IT", "IT of bolt again"}},
		[][]any{{"Number", "Email", "Department", "Manager"}, {2, "ben@x.example", "IT", 5}, {5, "eve@x.example", "IT", nil}, {6, "cat@x.example", "IT", 5}})
	load := func(name, file string) any {
		t.Helper()
		var totals []any
		for _, run := range []string{"dry_run=true", "dry_run=false"} {
			id := s.accepted(token, file, "schema="+name, "on_issues=skip_rows", run)
			job := s.job(token, id, "completed", "failed")
			if job["status"] != "completed" {
				t.Fatalf("the import came to %v", job)
			}
			_, answer := s.rest(token, "GET", "/api/v1/imports/"+id, nil)
			totals = append(totals, field(t, answer, "import", "totals"))
		}
		if !reflect.DeepEqual(totals[0], totals[1]) {
			t.Errorf("the dry run came to %v, the run to %v", totals[0], totals[1])
		}
		return totals[1]
	}
	load("acme", first)
	acme := versions(7)
	if got := query(`SELECT count(*) FROM app_employees WHERE company_id = 7`); got != "3" {
		t.Fatalf("the first tenant has %s employees", got)
	}
	wantTotals(t, load("bolt", second), 3, 0, 2)
	wantTotals(t, load("bolt", changed), 1, 3, 0)
	if after := versions(7); after != acme {
		t.Errorf("the rows of the first tenant are\n%s\nwere\n%s", after, acme)
	}
	bolt := versions(42)
	load("acme", first)
	if after := versions(7) + versions(42); after != acme+bolt {
		t.Errorf("after the first file again, the rows are\n%s\nwere\n%s", after, acme+bolt)
	}
	const rows = `SELECT e.number, e.email, d.company_id, d.name, m.number, m.company_id FROM app_employees e JOIN app_departments d ON d.id = e.department_id LEFT JOIN app_employees m ON m.id = e.manager_id WHERE e.company_id = 42 ORDER BY 1`
	if got, want := query(rows), "2|ben@x.example|42|IT of bolt again|5|42\n5|eve@x.example|42|IT of bolt again||\n6|cat@x.example|42|IT of bolt again|5|42"; got != want {
		t.Errorf("the rows of the second tenant are\n%s\nwant\n%s", got, want)
	}
}

// wantTotals compares the numbers of inserted, updated, and rejected rows.
func wantTotals(t *testing.T, totals any, inserted, updated, rejected float64) {
	t.Helper()
	for name, want := range map[string]float64{"inserted": inserted, "updated": updated, "rejected": rejected} {
		if got := field(t, totals, name); got != want {
			t.Errorf("%v rows are %s, want %v: %v", got, name, want, totals)
		}
	}
}

// workbook writes a workbook of departments and employees.
func workbook(t *testing.T, departments, employees [][]any) string {
	t.Helper()
	f := excelize.NewFile()
	for i, title := range []string{"Departments", "Employees"} {
		if _, err := f.NewSheet(title); err != nil {
			t.Fatal(err)
		}
		for row, cells := range [][][]any{departments, employees}[i] {
			if err := f.SetSheetRow(title, fmt.Sprintf("A%d", row+1), &cells); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := f.DeleteSheet("Sheet1"); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "staff.xlsx")
	if err := f.SaveAs(file); err != nil {
		t.Fatal(err)
	}
	return file
}
