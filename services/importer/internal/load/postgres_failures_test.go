package load_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"headway/internal/pgtest"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/target/naming"
	"headway/services/importer/internal/target/postgres"
)

// failingRun is an import with tables for it.
type failingRun struct {
	schema string
	before []string // statements that create the tables
	file   func(t *testing.T) []byte
	// every is the distance of the requests that have a failure.
	every int
}

const failingTowing = `
name: towing
sheets:
  - name: cars
    key: code
    columns:
      - {name: code, type: text, required: true}
      - {name: plate, type: text, required: true, unique: true}
      - {name: tows_id, title: Tows, type: text, references: cars.code}
`

var failingRuns = map[string]failingRun{
	"new tables": {schema: exchangeSchema, every: 1, file: func(t *testing.T) []byte {
		return garage(t, [][]any{{"a", "A", 1}, {"b", "B", 2, "a"}}, [][]any{{"t1", "A", 1}})
	}},
	"values that are exchanged": {schema: exchangeSchema, every: 2,
		before: []string{`CREATE TABLE cars (id text PRIMARY KEY, plate text NOT NULL UNIQUE, slot bigint UNIQUE, tows text REFERENCES cars)`,
			`CREATE TABLE trips (id text PRIMARY KEY, plate text REFERENCES cars (plate) DEFERRABLE, km bigint)`, `INSERT INTO cars VALUES ('a', 'A', 1), ('b', 'B', 2)`,
			`INSERT INTO trips VALUES ('t1', 'A', 1)`},
		file: func(t *testing.T) []byte {
			return garage(t, [][]any{{"a", "B", 1}, {"b", "A", 3}, {"c", "C", 4, "a"}}, [][]any{{"t1", "B", 2}, {"t2", "C", 5}})
		}},
	"rows that a trigger refuses": {schema: failingTowing, every: 5,
		before: []string{`CREATE TABLE cars (id serial PRIMARY KEY, code text NOT NULL UNIQUE, plate text NOT NULL UNIQUE, tows_id int REFERENCES cars)`,
			`INSERT INTO cars (code, plate) VALUES ('c1', 'A')`,
			`CREATE FUNCTION no() RETURNS trigger AS $$ BEGIN IF new.plate = 'BAD' THEN RAISE EXCEPTION 'no'; END IF; RETURN new; END $$ LANGUAGE plpgsql`,
			`CREATE TRIGGER no BEFORE INSERT OR UPDATE ON cars FOR EACH ROW EXECUTE FUNCTION no()`},
		file: func(t *testing.T) []byte {
			return sheetsOf(t, map[string][][]any{"Cars": {{"Code", "Plate", "Tows"}, {"c1", "B"}, {"c2", "A", "c1"}, {"c3", "BAD"}, {"c4", "D", "c3"}, {"c5", "E", "c2"}}})
		}},
}

// passingFailures are failures that pass.
var passingFailures = []pgtest.Failure{
	{Cut: true}, {Code: "53100"}, {Code: "25P04", Cut: true}, {Code: "40001"}, {Cut: true, Answered: true}, {Code: "57014"}, {Code: "25P03", Cut: true, All: true},
	{Code: "55P03"}, {Cut: true, All: true}, {Code: "53200"}, {Code: "57P01", Cut: true}, {Code: "XX000"}, {Code: "57P03", Cut: true, All: true}, {Code: "58030"},
	{Code: "53300", Cut: true}, {Code: "40P01"}, {Code: "57P05", Cut: true}, {Code: "72000"}, {Code: "08006", Cut: true},
}

// TestFailureAtEachRequest has a failure at each request of a run in turn, or at each of some. The run can be right anyway. If it fails, the next attempt is right.
func TestFailureAtEachRequest(t *testing.T) {
	for name, r := range failingRuns {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r.run(t)
		})
	}
}

func (r failingRun) run(t *testing.T) {
	server := pgtest.Shared(t)
	direct := server.Database(t, fmt.Sprint("load_", databases.Add(1)))
	failures := pgtest.NewFailures(t, server.Address())
	target, err := postgres.New(strings.Replace(direct, server.Address(), failures.Address(), 1)+"?sslmode=disable", fewRows())
	if err != nil {
		t.Fatal(err)
	}
	b := setupWith(t, r.schema, naming.Target(target, naming.Config{}), "pgx", direct)
	conn, err := pgx.Connect(t.Context(), direct)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	reset := func() {
		t.Helper()
		statements := append([]string{`DROP SCHEMA public CASCADE`, `CREATE SCHEMA public`}, r.before...)
		if _, err := conn.Exec(t.Context(), strings.Join(statements, ";")); err != nil {
			t.Fatal(err)
		}
	}
	state := func() (all string) {
		t.Helper()
		if err := conn.QueryRow(t.Context(), stateOfTables).Scan(&all); err != nil {
			t.Fatal(err)
		}
		return all
	}
	file := r.file(t)
	reset()
	before := state()
	b.run(file, upsert)
	after := state()
	for at := 0; ; at += r.every {
		reset()
		failure, requests := passingFailures[at/r.every%len(passingFailures)], 0
		failures.Choose(func() *pgtest.Failure {
			if requests++; requests == at+1 {
				return &failure
			}
			return nil
		})
		task := b.task(file, upsert)
		_, err := b.loader.Run(t.Context(), task)
		failures.Choose(nil)
		what := fmt.Sprintf("%+v at request %d", failure, at)
		var conflict *imports.TableConflictError
		if err != nil && !errors.Is(err, imports.ErrTargetUnavailable) || errors.As(err, &conflict) {
			t.Errorf("%s: the error is %v", what, err)
		}
		if got := state(); err == nil && got != after || err != nil && got != before && (got != after || !errors.Is(err, imports.ErrCommitUncertain)) {
			t.Errorf("%s: after the error %v, the tables are %s", what, err, got)
		}
		if err != nil {
			task.Number++
			if _, err := b.loader.Run(t.Context(), task); err != nil {
				t.Errorf("%s: the next attempt: %v", what, err)
			} else if got := state(); got != after {
				t.Errorf("%s: after the next attempt, the tables are %s", what, got)
			}
		}
		if requests <= at {
			break // the run has fewer requests
		}
	}
}

// stateOfTables is a query of the tables, their rows without the values of sequences, and their indexes.
const stateOfTables = `SELECT coalesce(string_agg(x.relname || coalesce(query_to_xml(CASE WHEN x.relkind = 'r' THEN
		'SELECT to_jsonb(r) - ''tows_id'' - CASE jsonb_typeof(to_jsonb(r) -> ''id'') WHEN ''number'' THEN ''id'' ELSE '''' END AS r FROM ' || x.oid::regclass || ' r ORDER BY 1'
	END, false, true, '')::text, ''), ' ' ORDER BY x.relname), '')
	FROM pg_class x WHERE x.relnamespace = 'public'::regnamespace AND x.relkind IN ('r', 'i') AND x.relname NOT LIKE 'headway%'`
