package load_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/target/naming"
	"headway/services/importer/internal/target/postgres"
)

// carsSchema has one sheet, whose column plate can be unique.
func carsSchema(name, table, plate string) string {
	return fmt.Sprintf(`
name: %s
title: Cars
sheets:
  - name: cars
    title: Cars
    table: %s
    key: id
    columns:
      - {name: id, title: ID, type: text, required: true}
      - {name: plate, title: Plate, type: text%s}
`, name, table, plate)
}

const unique = ", unique: true"

// wantConflict imports a file, which has to end as a conflict.
func (b *bench) wantConflict(file []byte, detail string) {
	b.t.Helper()
	_, err := b.loader.Run(b.t.Context(), b.task(file, upsert))
	var conflict *imports.TableConflictError
	if !errors.As(err, &conflict) || !strings.Contains(conflict.Detail, detail) {
		b.t.Errorf("got %v, want a conflict about %q", err, detail)
	}
}

// with returns a bench for another schema and the same PostgreSQL database.
func (b *bench) with(yaml string) *bench {
	b.t.Helper()
	target, err := postgres.New(b.source, postgres.DefaultOptions())
	if err != nil {
		b.t.Fatal(err)
	}
	other := setupWith(b.t, yaml, naming.Target(target, naming.Config{}), b.driver, b.source)
	b.others += 100
	other.imports = b.others // an import's ID belongs to one of them
	return other
}

// TestSchemasWithOneTableUnderTwoNamesConflict has a second schema that would drop the unique index of the first.
func TestSchemasWithOneTableUnderTwoNamesConflict(t *testing.T) {
	file := sheetsOf(t, map[string][][]any{"Cars": {{"ID", "Plate"}, {"a", "A"}}})
	for _, names := range [][2]string{{"cars", "public.cars"}, {"public.cars", "cars"}, {`'"Cars"'`, `'public."Cars"'`}} {
		b := setupPostgres(t, carsSchema("first", names[0], unique))
		b.run(file, upsert)
		b.with(carsSchema("second", names[1], "")).wantConflict(file, "the schema first uses it too")
		if n := b.query(`SELECT count(*) FROM pg_indexes WHERE indexname LIKE 'headway_unique%'`); n != int64(1) {
			t.Errorf("%v: %v unique indexes are left", names, n)
		}
	}
}

// TestRenamedTableKeepsItsUniqueIndex has a schema that gets another name for its table.
func TestRenamedTableKeepsItsUniqueIndex(t *testing.T) {
	b := setupPostgres(t, carsSchema("cars", "cars", unique))
	file := sheetsOf(t, map[string][][]any{"Cars": {{"ID", "Plate"}, {"a", "A"}}})
	b.run(file, upsert)
	again := b.with(carsSchema("cars", "public.cars", unique))
	again.run(file, upsert)
	if n := b.query(`SELECT count(*) FROM pg_indexes WHERE indexname LIKE 'headway_unique%'`); n != int64(1) {
		t.Errorf("there are %v unique indexes", n)
	}
	third := b.with(carsSchema("cars", "public.cars", ""))
	third.run(file, upsert)
	if n := b.query(`SELECT count(*) FROM pg_indexes WHERE indexname LIKE 'headway_unique%'`); n != int64(0) {
		t.Errorf("%v unique indexes are left that the schema no longer has", n)
	}
}

const twoSheets = `
name: cars
title: Cars
sheets:
  - {name: cars, title: Cars, table: cars, key: id, columns: [{name: id, title: ID, type: text, required: true}]}
  - {name: vans, title: Vans, table: %s, key: id, columns: [{name: id, title: ID, type: text, required: true}]}
`

func TestSheetsWithOneTableUnderTwoNamesConflict(t *testing.T) {
	file := sheetsOf(t, map[string][][]any{"Cars": {{"ID"}, {"a"}}, "Vans": {{"ID"}, {"a"}, {"b"}}})
	setupFor(t, fmt.Sprintf(twoSheets, `'"CARS"'`)).wantConflict(file, "the sheet “Cars” fills it too")
	setupFor(t, fmt.Sprintf(twoSheets, `main.cars`)).wantConflict(file, "the sheet “Cars” fills it too")
	b := setupPostgres(t, fmt.Sprintf(twoSheets, `public.cars`))
	b.wantConflict(file, "the sheet “Cars” fills it too")
	b.exec(`CREATE TABLE cars (id text PRIMARY KEY)`)
	b.wantConflict(file, "the sheet “Cars” fills it too")
	_, summary := setupPostgres(t, fmt.Sprintf(twoSheets, `'"CARS"'`)).run(file, upsert)
	wantCounts(t, summary.Sheets["vans"], "2 2 0 0 0 0")
}
