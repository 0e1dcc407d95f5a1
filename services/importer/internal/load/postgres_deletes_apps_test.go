package load_test

import (
	"strings"
	"testing"

	"headway/services/importer/internal/imports"
)

// deletingApplications are like publicApplications: rows are marked as deleted, and values are unique among the others.
var deletingApplications = map[string]application{
	"soft deletes": {
		tables: `CREATE TABLE departments (id bigserial PRIMARY KEY, code varchar(255) NOT NULL, name varchar(255) NOT NULL, created_at timestamp(0), updated_at timestamp(0), deleted_at timestamp(0));
			CREATE UNIQUE INDEX departments_code_unique ON departments (code) WHERE deleted_at IS NULL;
			CREATE TABLE employees (id bigserial PRIMARY KEY, department_id bigint NOT NULL REFERENCES departments ON DELETE CASCADE, tenant varchar(40) NOT NULL, email varchar(255) NOT NULL, name text,
				manager_id bigint REFERENCES employees, status text NOT NULL DEFAULT 'active', deleted_at timestamp(0));
			CREATE UNIQUE INDEX employees_email_unique ON employees (tenant, email) WHERE deleted_at IS NULL AND status <> 'departments';
			INSERT INTO departments (code, name, deleted_at) VALUES ('A', 'Old A', '2024-01-01'), ('A', 'Older A', '2023-01-01'), ('B', 'Old B', '2024-01-01');
			INSERT INTO departments (code, name) VALUES ('A', 'Area');
			INSERT INTO employees (department_id, tenant, email, name, deleted_at) VALUES (1, 't', 'ann@a.example', 'Old Ann', '2024-01-01'), (4, 't', 'ben@a.example', 'Ben', NULL), (4, 'u', 'ann@a.example', 'Other Ann', NULL)`,
		schema: `name: staff
sheets:
  - name: departments
    key: code
    columns:
      - {name: code, type: text, required: true}
      - {name: name, type: text, required: true}
      - {name: updated_at, type: datetime, generate: updated}
  - name: employees
    key: [tenant, email]
    columns:
      - {name: tenant, type: text, required: true}
      - {name: email, type: email, required: true}
      - {name: department, column: department_id, type: text, required: true, references: departments.code}
      - {name: name, type: text}
`,
		sheets: map[string][][]any{
			"Departments": {{"Code", "Name"}, {"A", "Area"}, {"B", "Board"}, {"C", "Crew"}, {"C", "Crew again"}},
			"Employees": {{"Tenant", "Email", "Department", "Name"}, {"t", "ann@a.example", "A", "Ann"}, {"t", "ben@a.example", "B", "Ben"}, {"u", "ann@a.example", "A", "Other Ann"},
				{"t", "cleo@a.example", "D", "Cleo"}, {"t", "dan@a.example", "C", "Dan"}},
		},
		issues: []string{"Departments!A5 DUPLICATE_IN_FILE", "Employees!C5 REFERENCE_MISSING"},
		query: `SELECT tenant, email, e.name, d.id, d.name, coalesce(e.deleted_at::date::text, '-') FROM employees e JOIN departments d ON d.id = department_id
			UNION ALL SELECT '', code, name, 0, '', coalesce(deleted_at::date::text, '-') FROM departments ORDER BY 1, 2, 3`,
		rows: " A Area 0  -,  A Old A 0  2024-01-01,  A Older A 0  2023-01-01,  B Board 0  -,  B Old B 0  2024-01-01,  C Crew 0  -, t ann@a.example Ann 4 Area -, t ann@a.example Old Ann 1 Old A 2024-01-01, " +
			"t ben@a.example Ben 5 Board -, t dan@a.example Dan 6 Crew -, u ann@a.example Other Ann 4 Area -",
	},
}

// TestKeysForSomeRowsNeedTheirCondition tests that an index with a condition is not a key if new rows might not fulfill it.
func TestKeysForSomeRowsNeedTheirCondition(t *testing.T) {
	for name, c := range map[string]struct{ statement, detail string }{
		"a column of the file": {`CREATE TABLE cars (id text NOT NULL, plate text, slot int, owner text); CREATE UNIQUE INDEX part ON cars (id) WHERE slot > 0`, "the schema has the column slot"},
		"a default":            {`CREATE TABLE cars (id text NOT NULL, plate text, slot int, owner text, kind text DEFAULT 'van'); CREATE UNIQUE INDEX part ON cars (id) WHERE kind = 'car'`, "which new rows do not fulfill"},
		"a random default":     {`CREATE TABLE cars (id text NOT NULL, plate text, slot int, owner text, n bigserial); CREATE UNIQUE INDEX part ON cars (id) WHERE n > 0`, "which new rows do not fulfill"},
	} {
		t.Run(name, func(t *testing.T) {
			b := setupPostgres(t, exchangeSchema)
			b.exec(c.statement)
			b.wantConflict(garage(t, [][]any{{"a", "A", 2}}, [][]any{}), c.detail)
		})
	}
	b := setupPostgres(t, exchangeSchema)
	b.exec(`CREATE TABLE cars (id text, plate text UNIQUE, slot int UNIQUE, tows text); CREATE UNIQUE INDEX part ON cars (id) WHERE id IS NOT NULL; INSERT INTO cars VALUES (NULL, 'A', 1)`)
	if _, summary := b.run(garage(t, [][]any{{"a", "B", 2}}, [][]any{}), upsert); summary.Totals != (imports.Counts{Read: 1, Inserted: 1}) {
		t.Errorf("the import came to %+v", summary.Totals)
	}
	if got := strings.Join(b.rows(`SELECT id, plate FROM cars ORDER BY 2`), ", "); got != "<nil> A, a B" {
		t.Errorf("the cars are %s", got)
	}
}
