package load_test

import (
	"slices"
	"testing"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/target/postgres"
)

// moves records the progress of a sheet.
type moves struct {
	silent
	done, read []uint32
}

func (m *moves) SheetMoves(_ string, done, _ uint32, counts imports.Counts) {
	m.done, m.read = append(m.done, done), append(m.read, counts.Read)
}

func TestWaitingRowsMakeProgress(t *testing.T) {
	const n = 5000
	rows := [][]any{{"ID", "Mail", "Boss"}}
	for i := range n {
		row := []any{i + 1, nil, i + 2} // the boss is in the next row
		if i == n-1 {
			row[2] = nil
		}
		rows = append(rows, row)
	}
	b := setupFor(t, mentorSchema)
	task, m := b.task(sheetsOf(t, map[string][][]any{"People": rows}), upsert), &moves{}
	task.Progress = m
	summary, err := b.loader.Run(t.Context(), task)
	if err != nil || summary.Totals.Inserted != n {
		t.Fatalf("the import came to %+v, %v", summary.Totals, err)
	}
	reading, waiting := 0, 0
	for i, done := range m.done {
		switch {
		case i > 0 && done < m.done[i-1]:
			t.Errorf("the progress goes back from %d to %d", m.done[i-1], done)
		case m.read[i] < n:
			reading++
		case done < n && i > 0 && done > m.done[i-1]:
			waiting++
		}
	}
	if reading < 2 || waiting < 3 || m.done[len(m.done)-1] != n {
		t.Errorf("the progress is %v while %v rows were read", m.done, m.read)
	}
}

// writes records the progress while rows are written at the end.
type writes struct {
	silent
	written, all []uint32
}

func (w *writes) Writes(written, all uint32) {
	w.written, w.all = append(w.written, written), append(w.all, all)
}

// TestWritingRowsMakesProgress counts the updates while a file of many times the rows of a statement is written.
func TestWritingRowsMakesProgress(t *testing.T) {
	const n, least = 1000, 20
	for name, change := range map[string][]string{
		"a table with rows":                             {`INSERT INTO people (id) VALUES (1), (3)`},
		"a reference that is checked by each statement": {`INSERT INTO people (id) VALUES (1)`, `ALTER TABLE people DROP CONSTRAINT people_boss_fkey, ADD FOREIGN KEY (boss) REFERENCES people (id)`},
		"a trigger for each row":                        {`CREATE FUNCTION same() RETURNS trigger AS $$ BEGIN RETURN new; END $$ LANGUAGE plpgsql`, `CREATE TRIGGER same BEFORE INSERT OR UPDATE ON people FOR EACH ROW EXECUTE FUNCTION same()`},
		"a foreign key that the schema lacks":           {`CREATE TABLE teams (id bigint PRIMARY KEY)`, `ALTER TABLE people ADD team bigint DEFAULT 1 REFERENCES teams (id) DEFERRABLE`, `INSERT INTO teams VALUES (1)`},
		"a reference that is checked at the end":        {`ALTER TABLE people DROP CONSTRAINT people_boss_fkey, ADD FOREIGN KEY (boss) REFERENCES people (id) DEFERRABLE INITIALLY DEFERRED`},
	} {
		t.Run(name, func(t *testing.T) {
			b := setupPostgresWith(t, mentorSchema, fewRows())
			b.run(sheetsOf(t, map[string][][]any{"People": {{"ID", "Mail", "Boss"}, {1, nil, nil}}}), upsert)
			for _, statement := range append([]string{`DELETE FROM people`}, change...) {
				b.exec(statement)
			}
			rows := [][]any{{"ID", "Mail", "Boss"}}
			for i := range n {
				row := []any{i + 1, nil, i + 2} // the boss is in the next row
				if i == n-1 {
					row[2] = nil
				}
				rows = append(rows, row)
			}
			task, w := b.task(sheetsOf(t, map[string][][]any{"People": rows}), upsert), &writes{}
			task.Progress = w
			summary, err := b.loader.Run(t.Context(), task)
			if err != nil || summary.Totals.Inserted+summary.Totals.Updated != n {
				t.Fatalf("the import came to %+v, %v", summary.Totals, err)
			}
			for i, written := range w.written {
				if w.all[i] != n || i > 0 && written < w.written[i-1] {
					t.Errorf("update %d has %d of %d rows, and the one before %d", i, written, w.all[i], w.written[max(i-1, 0)])
				}
			}
			if len(w.written) < least || w.written[len(w.written)-1] != n {
				t.Errorf("the updates are %v", w.written)
			}
			if got := b.query(`SELECT count(*) FROM people p JOIN people q ON q.id = p.boss WHERE p.boss = p.id + 1`); got != int64(n-1) {
				t.Errorf("%v of %d rows have their boss", got, n-1)
			}
		})
	}
}

// TestProgressOfWritingEndsWithAllRows has rows that get the IDs of other rows of their table with their own, and does not link them later.
func TestProgressOfWritingEndsWithAllRows(t *testing.T) {
	b := setupPostgres(t, `
name: staff
sheets:
  - name: people
    key: code
    columns:
      - {name: code, type: text, required: true}
      - {name: boss_id, type: text, references: people.code}
      - {name: deputy_id, type: text, references: people.code}
`)
	b.exec(`CREATE TABLE people (id serial PRIMARY KEY, code text NOT NULL UNIQUE, boss_id integer REFERENCES people (id), deputy_id integer REFERENCES people (id))`)
	for _, rows := range [][][]any{
		{{"Code", "Boss ID", "Deputy ID"}, {"A", nil, nil}, {"B", "A", nil}, {"C", "A", "B"}},
		{{"Code", "Boss ID", "Deputy ID"}, {"E", nil, nil}, {"A", "E", nil}},
	} {
		task, w := b.task(sheetsOf(t, map[string][][]any{"People": rows}), upsert), &writes{}
		task.Progress = w
		if _, err := b.loader.Run(t.Context(), task); err != nil {
			t.Fatal(err)
		}
		if n := uint32(len(rows) - 1); len(w.written) == 0 || w.written[len(w.written)-1] != n || w.all[len(w.all)-1] != n {
			t.Errorf("the updates are %v of %v", w.written, w.all)
		}
	}
}

// TestManyRowsAreWrittenByOneStatement has the options that a file with targets has.
func TestManyRowsAreWrittenByOneStatement(t *testing.T) {
	const n, most = 1000, 4
	rows := [][]any{{"ID"}}
	for i := range n {
		rows = append(rows, []any{i + 1})
	}
	b := setupPostgresWith(t, mentorSchema, postgres.Options{Manage: imports.ManageExtend, LockTimeout: postgres.DefaultOptions().LockTimeout})
	b.run(sheetsOf(t, map[string][][]any{"People": rows[:2]}), upsert)
	task, w := b.task(sheetsOf(t, map[string][][]any{"People": rows}), upsert), &writes{}
	task.Progress = w
	if _, err := b.loader.Run(t.Context(), task); err != nil {
		t.Fatal(err)
	}
	if len(w.written) == 0 || len(w.written) > most {
		t.Errorf("the updates are %v", w.written)
	}
}

// doings records what a run does at its end.
type doings struct {
	silent
	what []string
}

func (d *doings) Doing(what string) { d.what = append(d.what, what) }

// TestLongStepsNameTheirWork lists the steps that take longer in a larger file and do not count rows.
func TestLongStepsNameTheirWork(t *testing.T) {
	rows := [][]any{{"ID", "Mail", "Boss"}, {1, "a@example.org", nil}, {2, "b@example.org", 1}, {3, "c@example.org", nil}, {4, "d@example.org", nil}}
	for name, c := range map[string]struct {
		open   func(t *testing.T) *bench
		before []string // statements after the import of the first row
		want   []string
	}{
		"a new table on PostgreSQL": {open: func(t *testing.T) *bench { return setupPostgres(t, mentorSchema) },
			want: []string{"People: building keys and indexes, 1 of 4", "People: building keys and indexes, 2 of 4", "People: building keys and indexes, 3 of 4", "People: building keys and indexes, 4 of 4"}},
		"rules on PostgreSQL": {open: func(t *testing.T) *bench { return setupPostgresWith(t, mentorSchema, fewRows()) },
			before: []string{`ALTER TABLE people ADD CHECK (id > 0)`},
			want:   []string{"People: checking the rules of the table", "Checking references"}},
		"a trigger for statements on PostgreSQL": {open: func(t *testing.T) *bench { return setupPostgresWith(t, mentorSchema, fewRows()) },
			before: []string{`CREATE FUNCTION same() RETURNS trigger AS $$ BEGIN RETURN new; END $$ LANGUAGE plpgsql`, `CREATE TRIGGER same AFTER INSERT ON people EXECUTE FUNCTION same()`},
			want:   []string{"People: writing 3 rows together, because of a trigger or a rule"}},
		"a new table on SQLite": {open: func(t *testing.T) *bench { return setupFor(t, mentorSchema) },
			want: []string{"Building indexes"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := c.open(t)
			if c.before != nil {
				b.run(sheetsOf(t, map[string][][]any{"People": rows[:2]}), upsert)
			}
			for _, statement := range c.before {
				b.exec(statement)
			}
			task, d := b.task(sheetsOf(t, map[string][][]any{"People": rows}), upsert), &doings{}
			task.Progress = d
			if _, err := b.loader.Run(t.Context(), task); err != nil {
				t.Fatal(err)
			}
			for _, want := range c.want {
				if !slices.Contains(d.what, want) {
					t.Errorf("the run says %q, and not %q", d.what, want)
				}
			}
		})
	}
}
