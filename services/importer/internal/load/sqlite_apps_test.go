package load_test

import (
	"strings"
	"testing"

	"headway/services/importer/internal/infer"
	"headway/services/importer/internal/targets"
)

// sqliteSurrogateSchema names departments by code, and the tables store the IDs that the database generates.
const sqliteSurrogateSchema = `name: staff
sheets:
  - name: departments
    key: code
    columns:
      - {name: code, type: text, required: true}
      - {name: title, type: text}
  - name: people
    key: number
    columns:
      - {name: number, type: integer, required: true}
      - {name: department_id, title: Department, type: text, required: true, references: departments.code}
      - {name: manager_id, title: Manager, type: integer, references: people.number}
  - name: seats
    key: [department, place]
    columns:
      - {name: department, column: department_id, type: text, required: true, references: departments.code}
      - {name: place, type: integer, required: true}
      - {name: person, column: person_id, type: integer, unique: true, references: people.number}
`

var sqliteSurrogateTables = []string{
	`CREATE TABLE departments (id INTEGER PRIMARY KEY AUTOINCREMENT, code VARCHAR(20) NOT NULL UNIQUE, title VARCHAR(100))`,
	`CREATE TABLE people (id INTEGER PRIMARY KEY AUTOINCREMENT, number INTEGER NOT NULL UNIQUE, department_id INTEGER NOT NULL REFERENCES departments (id),
		manager_id INTEGER REFERENCES people)`,
	`CREATE TABLE seats (id INTEGER PRIMARY KEY, department_id INTEGER NOT NULL REFERENCES departments (id), place INTEGER NOT NULL, person_id INTEGER REFERENCES people (id),
		UNIQUE (department_id, place))`,
	`INSERT INTO departments (id, code, title) VALUES (70, 'old', 'Old')`,
	`INSERT INTO people (id, number, department_id) VALUES (90, 9, 70)`,
	`INSERT INTO seats (department_id, place) VALUES (70, 1)`,
}

func TestSurrogateKeysAreResolvedOnSQLite(t *testing.T) {
	b := setupFor(t, sqliteSurrogateSchema)
	b.exec(sqliteSurrogateTables...)
	sheets := map[string][][]any{
		"Departments": {{"Code", "Title"}, {"new", "New"}, {"old", "Older"}},
		"People":      {{"Number", "Department", "Manager"}, {1, "new", 2}, {2, "old", 9}, {3, "gone", nil}, {4, "new", 1}, {5, "new", 3}},
		"Seats":       {{"Department", "Place", "Person"}, {"old", 1, 1}, {"new", 1, 4}, {"new", 2, nil}},
	}
	task, done := b.run(sheetsOf(t, sheets), upsert)
	wantSame(t, "issues", b.issues(task.Import.ID), []string{"People!B4 REFERENCE_MISSING", "People!C6 REFERENCE_BLOCKED"})
	if done.Totals.Inserted != 6 || done.Totals.Updated != 2 {
		t.Errorf("the first import came to %+v", done.Totals)
	}
	const people = `SELECT p.number, d.code, m.number FROM people p JOIN departments d ON d.id = p.department_id LEFT JOIN people m ON m.id = p.manager_id ORDER BY 1`
	if got, want := strings.Join(b.rows(people), ", "), "1 new 2, 2 old 9, 4 new 1, 9 old <nil>"; got != want {
		t.Errorf("the people are %s, want %s", got, want)
	}
	const seats = `SELECT d.code, s.place, p.number FROM seats s JOIN departments d ON d.id = s.department_id LEFT JOIN people p ON p.id = s.person_id ORDER BY 1, 2`
	if got, want := strings.Join(b.rows(seats), ", "), "new 1 4, new 2 <nil>, old 1 1"; got != want {
		t.Errorf("the seats are %s, want %s", got, want)
	}
	sheets["Seats"] = [][]any{{"Department", "Place", "Person"}, {"old", 1, 4}, {"new", 1, 1}, {"new", 2, nil}}
	if _, again := b.run(sheetsOf(t, sheets), upsert); again.Totals.Unchanged != 6 || again.Totals.Updated != 2 {
		t.Errorf("the second import came to %+v", again.Totals)
	}
	if got, want := strings.Join(b.rows(seats), ", "), "new 1 1, new 2 <nil>, old 1 4"; got != want {
		t.Errorf("after an exchange, the seats are %s, want %s", got, want)
	}
}

func TestCodesAreFoundThroughOtherTablesOnSQLite(t *testing.T) {
	b := setupFor(t, `name: library
sheets:
  - name: users
    key: username
    columns:
      - {name: username, type: text, required: true}
  - name: profiles
    key: user
    columns:
      - {name: user, column: user_id, type: text, required: true, references: users.username}
      - {name: sponsor, column: sponsor_id, type: text, references: profiles.user}
  - name: places
    key: name
    columns:
      - {name: name, type: text, required: true}
  - name: branches
    key: place
    columns:
      - {name: place, column: place_ptr_id, type: text, required: true, references: places.name}
      - {name: parent, column: parent_id, type: text, references: branches.place}
      - {name: owner, column: owner_id, type: text, references: profiles.user}
`)
	b.exec(`CREATE TABLE users (id integer PRIMARY KEY AUTOINCREMENT, username varchar(150) NOT NULL UNIQUE)`,
		`CREATE TABLE profiles (id integer PRIMARY KEY AUTOINCREMENT, user_id integer NOT NULL UNIQUE REFERENCES users (id), sponsor_id bigint REFERENCES profiles (id))`,
		`CREATE TABLE places (id integer PRIMARY KEY AUTOINCREMENT, name varchar(50) NOT NULL UNIQUE)`,
		`CREATE TABLE branches (place_ptr_id bigint NOT NULL PRIMARY KEY REFERENCES places (id), parent_id bigint REFERENCES branches (place_ptr_id), owner_id bigint REFERENCES profiles (id))`,
		`INSERT INTO users VALUES (5, 'root')`, `INSERT INTO profiles VALUES (50, 5, NULL)`, `INSERT INTO places VALUES (70, 'Old')`, `INSERT INTO branches VALUES (70, NULL, NULL)`)
	sheets := map[string][][]any{
		"Users":    {{"Username"}, {"ann"}, {"ben"}},
		"Profiles": {{"User", "Sponsor"}, {"ann", "ben"}, {"ben", "root"}, {"cat", nil}},
		"Places":   {{"Name"}, {"Main"}, {"West"}},
		"Branches": {{"Place", "Parent", "Owner"}, {"West", "Main", "ann"}, {"Main", "Old", "root"}, {"Old", nil, "ben"}, {"North", nil, nil}},
	}
	task, done := b.run(sheetsOf(t, sheets), upsert)
	wantSame(t, "issues", b.issues(task.Import.ID), []string{"Profiles!A4 REFERENCE_MISSING", "Branches!A5 REFERENCE_MISSING"})
	const branches = `SELECT l.name, p.name, u.username, s.username FROM branches b JOIN places l ON l.id = b.place_ptr_id LEFT JOIN places p ON p.id = b.parent_id
		LEFT JOIN profiles f ON f.id = b.owner_id LEFT JOIN users u ON u.id = f.user_id LEFT JOIN profiles o ON o.id = f.sponsor_id LEFT JOIN users s ON s.id = o.user_id ORDER BY 1`
	if got, want := strings.Join(b.rows(branches), ", "), "Main Old root <nil>, Old <nil> ben root, West Main ann ben"; got != want {
		t.Errorf("the branches are %s, want %s", got, want)
	}
	if _, again := b.run(sheetsOf(t, sheets), upsert); again.Totals.Unchanged != done.Totals.Inserted+done.Totals.Updated {
		t.Errorf("the second import came to %+v", again.Totals)
	}
}

func TestAffinitiesOfSQLiteKeepValues(t *testing.T) {
	b := setupFor(t, `name: orders
sheets:
  - name: orders
    key: number
    columns:
      - {name: number, type: integer, required: true}
      - {name: placed_on, type: date}
      - {name: placed_at, type: datetime}
      - {name: price, type: decimal}
      - {name: paid, type: boolean}
      - {name: note, type: text}
`)
	// As Django and Rails declare columns on SQLite.
	b.exec(`CREATE TABLE orders (id integer PRIMARY KEY AUTOINCREMENT, number bigint NOT NULL UNIQUE, placed_on date, placed_at datetime(6), price decimal(10, 2), paid bool, note)`)
	header := []any{"Number", "Placed on", "Placed at", "Price", "Paid", "Note"}
	sheets := map[string][][]any{"Orders": {header, {1, "2024-02-29", "2024-02-29 12:30", "0.10", true, "007"}, {2, nil, nil, "12345678.9", false, "1e5"},
		{3, nil, nil, "0.001", nil, nil}, {4, nil, nil, "123456789.01", nil, nil}}}
	task, _ := b.run(sheetsOf(t, sheets), upsert)
	wantSame(t, "issues", b.issues(task.Import.ID), []string{"Orders!D4 PRECISION_LOST", "Orders!D5 RANGE"})
	if got, want := strings.Join(b.rows(`SELECT number, CAST(placed_on AS TEXT), CAST(placed_at AS TEXT), price, typeof(price), paid, note FROM orders ORDER BY 1`), ", "),
		"1 2024-02-29 2024-02-29 12:30:00 0.1 real 1 007, 2 <nil> <nil> 1.23456789e+07 real 0 1e5"; got != want {
		t.Errorf("the orders are %s, want %s", got, want)
	}
	if _, again := b.run(sheetsOf(t, sheets), upsert); again.Totals.Unchanged != 2 {
		t.Errorf("the second import came to %+v", again.Totals)
	}
}

func TestAffinitiesThatChangeValuesAreRefused(t *testing.T) {
	for declared, kind := range map[string]string{"decimal(20, 2)": "decimal", "numeric": "text", "integer": "text", "text": "integer", "real": "integer", "varchar(9)": "boolean"} {
		t.Run(declared+" for "+kind, func(t *testing.T) {
			b := setupFor(t, "name: orders\nsheets:\n  - name: orders\n    key: number\n    columns:\n      - {name: number, type: integer, required: true}\n      - {name: x, type: "+kind+"}\n")
			b.exec(`CREATE TABLE orders (number integer PRIMARY KEY, x ` + declared + `)`)
			_, err := b.loader.Run(t.Context(), b.task(sheetsOf(t, map[string][][]any{"Orders": {{"Number", "X"}, {1, nil}}}), upsert))
			if err == nil || !strings.Contains(err.Error(), "its column x has the type") {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

func TestTablesOfDjangoAreFilledOnSQLite(t *testing.T) {
	b := setupFor(t, `name: places
sheets:
  - name: places
    table: map_place
    key: slug
    columns:
      - {name: slug, type: text, required: true}
      - {name: latitude, type: decimal, required: true}
      - {name: rating, type: decimal}
      - {name: id, type: text, generate: uuid}
      - {name: created_at, type: datetime, generate: created}
      - {name: visible, type: boolean, constant: "true"}
`)
	b.exec(`CREATE TABLE "map_place" ("id" char(32) NOT NULL PRIMARY KEY, "slug" varchar(50) NOT NULL UNIQUE, "latitude" real NOT NULL, "rating" decimal NULL,
		"created_at" datetime NOT NULL, "visible" bool NOT NULL, "position" integer unsigned NULL CHECK ("position" >= 0))`)
	sheets := map[string][][]any{"Places": {{"Slug", "Latitude", "Rating"}, {"a", "52.5200081234567", "0.00001"}, {"b", "52.52000812345678", 4.5}, {"c", -0.5, nil}, {"d", 1, "1234567890123456"}}}
	task, _ := b.run(sheetsOf(t, sheets), upsert)
	wantSame(t, "issues", b.issues(task.Import.ID), []string{"Places!B3 PRECISION_LOST", "Places!C5 PRECISION_LOST"})
	if got, want := strings.Join(b.rows(`SELECT slug, printf('%.13f', latitude), typeof(rating), length(id), id GLOB '*[^0-9a-f]*', substr(id, 13, 1), created_at > '2024', visible FROM map_place ORDER BY 1`), ", "),
		"a 52.5200081234567 real 32 0 4 1 1, c -0.5000000000000 null 32 0 4 1 1"; got != want {
		t.Errorf("the places are %s, want %s", got, want)
	}
	if _, again := b.run(sheetsOf(t, sheets), upsert); again.Totals.Unchanged != 2 {
		t.Errorf("the second import came to %+v", again.Totals)
	}
}

// TestSoftDeletesOnSQLite has the tables of the application "soft deletes" on PostgreSQL, as Django and Prisma declare them.
func TestSoftDeletesOnSQLite(t *testing.T) {
	a := deletingApplications["soft deletes"]
	b := setupFor(t, a.schema)
	b.exec(`CREATE TABLE departments (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, code varchar(255) NOT NULL, name varchar(255) NOT NULL, updated_at datetime, "Deleted_At" datetime)`,
		`CREATE UNIQUE INDEX departments_code ON departments ("code") WHERE "deleted_at" IS NULL`,
		`CREATE TABLE employees (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, department_id bigint NOT NULL REFERENCES departments (id), tenant varchar(40) NOT NULL, email varchar(255) NOT NULL, name text,
			status varchar(20) NOT NULL DEFAULT 'active', deleted_at datetime)`,
		`CREATE UNIQUE INDEX employees_email ON employees (tenant, email) WHERE (deleted_at IS NULL AND status <> 'departments')`,
		`INSERT INTO departments (code, name, deleted_at) VALUES ('A', 'Old A', '2024-01-01'), ('A', 'Older A', '2023-01-01'), ('B', 'Old B', '2024-01-01'), ('A', 'Area', NULL)`,
		`INSERT INTO employees (department_id, tenant, email, name, deleted_at) VALUES (1, 't', 'ann@a.example', 'Old Ann', '2024-01-01'), (4, 't', 'ben@a.example', 'Ben', NULL), (4, 'u', 'ann@a.example', 'Other Ann', NULL)`)
	task, done := b.run(sheetsOf(t, a.sheets), upsert)
	wantSame(t, "issues", b.issues(task.Import.ID), a.issues)
	const staff = `SELECT tenant, email, e.name, d.id, d.name, coalesce(CAST(e.deleted_at AS TEXT), '-') FROM employees e JOIN departments d ON d.id = department_id
		UNION ALL SELECT '', code, name, 0, '', coalesce(CAST(deleted_at AS TEXT), '-') FROM departments ORDER BY 1, 2, 3`
	if got := strings.Join(b.rows(staff), ", "); got != a.rows {
		t.Errorf("the rows are %s, want %s", got, a.rows)
	}
	if _, again := b.run(sheetsOf(t, a.sheets), upsert); again.Totals.Unchanged != done.Totals.Inserted+done.Totals.Updated+done.Totals.Unchanged {
		t.Errorf("the second import came to %+v", again.Totals)
	}
	relations, err := targets.Relations(t.Context(), b.source, nil)
	if err != nil {
		t.Fatal(err)
	}
	guess, err := infer.FromRelations("guess", relations)
	if err != nil || len(guess.LeftOut) > 0 {
		t.Fatalf("%q are left out, %v", guess.LeftOut, err)
	}
	for i, want := range []string{"code", "email tenant"} {
		if got := strings.Join(guess.Sheets[i].Key, " "); got != want {
			t.Errorf("the key of sheet %d is %s, want %s", i, got, want)
		}
	}
}

func TestKeysForSomeRowsNeedTheirConditionOnSQLite(t *testing.T) {
	for name, c := range map[string]struct{ condition, detail string }{
		"a column of the file": {"slot > 0", "the schema has the column slot"},
		"a default":            {"kind = 'car'", "which new rows do not fulfill"},
	} {
		t.Run(name, func(t *testing.T) {
			b := setupFor(t, exchangeSchema)
			b.exec(`CREATE TABLE cars (id text, plate text UNIQUE, slot integer UNIQUE, tows text, kind text DEFAULT 'van')`, `CREATE UNIQUE INDEX part ON cars (id) WHERE `+c.condition)
			b.wantConflict(garage(t, [][]any{{"a", "A", 2}}, [][]any{}), c.detail)
		})
	}
}

// TestReferencesWithinTenantsOnSQLite has a foreign key of several columns, one of which finds the row.
func TestReferencesWithinTenantsOnSQLite(t *testing.T) {
	b := setupFor(t, `name: tasks
sheets:
  - name: projects
    key: code
    columns:
      - {name: code, type: text, required: true}
      - {name: org, type: integer, required: true}
  - name: tasks
    key: number
    columns:
      - {name: number, type: integer, required: true}
      - {name: org, type: integer, required: true}
      - {name: project, column: project_id, type: text, required: true, references: projects.code}
`)
	b.exec(`CREATE TABLE projects (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, org integer NOT NULL, code varchar(9) NOT NULL UNIQUE, UNIQUE (org, id))`,
		`CREATE TABLE tasks (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, number integer NOT NULL UNIQUE, org integer NOT NULL, project_id integer NOT NULL, FOREIGN KEY (org, project_id) REFERENCES projects (org, id))`,
		`INSERT INTO projects VALUES (7, 1, 'WEB')`)
	file := sheetsOf(t, map[string][][]any{"Projects": {{"Code", "Org"}, {"APP", 2}}, "Tasks": {{"Number", "Org", "Project"}, {1, 1, "WEB"}, {2, 2, "APP"}}})
	b.run(file, upsert)
	if got, want := strings.Join(b.rows(`SELECT number, org, project_id FROM tasks ORDER BY 1`), ", "), "1 1 7, 2 2 8"; got != want {
		t.Errorf("the tasks are %s, want %s", got, want)
	}
	relations, err := targets.Relations(t.Context(), b.source, nil)
	if err != nil {
		t.Fatal(err)
	}
	if to := relations[1].Column("project_id").Parent; to == nil || to.Column != "id" || relations[1].Column("org").Parent != nil {
		t.Errorf("the references are %v, and %v for the tenant", to, relations[1].Column("org").Parent)
	}
}
