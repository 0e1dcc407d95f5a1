package load_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"headway/internal/pgtest"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/target/naming"
	"headway/services/importer/internal/target/postgres"
)

const widerSchema = `
name: shop
sheets:
  - name: items
    key: code
    columns:
      - {name: code, type: text, required: true}
      - {name: serial, type: integer, unique: true}
      - {name: shelf, type: text, references: shelves.code}
  - name: shelves
    key: code
    columns:
      - {name: code, type: text, required: true}
`

// The connections of an import that extends a table, and creates another one, are cut after more and more bytes. After each time, the
// tables and the rows are those from before, or those of an import that was not disturbed. The next run of the import leads to the latter.
func TestImportCutWhileItChangesTables(t *testing.T) {
	server := pgtest.Shared(t)
	first := sheetsOf(t, map[string][][]any{"Items": {{"Code"}, {"a"}, {"b"}}})
	second := sheetsOf(t, map[string][][]any{"Items": {{"Code", "Serial", "Shelf"}, {"a", 1, "s"}, {"c", 2, nil}}, "Shelves": {{"Code"}, {"s"}}})
	proxy := pgtest.NewProxy(t, server.Address())
	// begin returns a database with the first import, and the second one, whose connections go through the proxy.
	begin := func() (name string, b *bench) {
		b = setupPostgres(t, "name: shop\nsheets:\n  - name: items\n    key: code\n    columns:\n      - {name: code, type: text, required: true}\n")
		name = fmt.Sprint("load_", databases.Load())
		b.run(first, upsert)
		target, err := postgres.New(strings.Replace(server.URL(name), server.Address(), proxy.Address(), 1), postgres.DefaultOptions())
		if err != nil {
			t.Fatal(err)
		}
		b = setupWith(t, widerSchema, naming.Target(target, naming.Config{}), "pgx", server.URL(name))
		b.task(second, upsert) // the first import has its ID
		return name, b
	}
	run := func(b *bench) (id string, err error) {
		task := b.task(second, upsert)
		_, err = b.loader.Run(t.Context(), task)
		return task.Import.ID, err
	}
	name, undisturbed := begin()
	before := fmt.Sprint(undisturbed.dump(name))
	if _, err := run(undisturbed); err != nil {
		t.Fatal(err)
	}
	after := fmt.Sprint(undisturbed.dump(name))
	if got := fmt.Sprint(undisturbed.rows(`SELECT code, serial, shelf FROM items ORDER BY 1`)); got != "[a 1 s b <nil> <nil> c 2 <nil>]" {
		t.Fatalf("the items are %s", got)
	}
	changed, same := 0, 0
	for bytes := int64(1000); ; bytes += bytes / 4 {
		name, b := begin()
		var cut atomic.Bool
		proxy.Limit(func() int64 { cut.Store(true); return bytes })
		id, err := run(b)
		proxy.Limit(func() int64 { return 1 << 60 })
		if err != nil && !errors.Is(err, imports.ErrTargetUnavailable) && !errors.Is(err, imports.ErrCommitUncertain) {
			t.Errorf("after %d bytes, the error is %v", bytes, err)
		}
		proxy.Cut()
		switch fmt.Sprint(b.dump(name)) {
		case before:
			same++
		case after:
			changed++
		default:
			t.Errorf("after %d bytes, the database is neither as before nor as after the import", bytes)
		}
		if err == nil && cut.Load() {
			break // all connections needed fewer bytes
		}
		again := b.task(second, upsert)
		again.Import.ID, again.Number = id, 2
		if _, err := b.loader.Run(t.Context(), again); err != nil {
			t.Errorf("the second run after %d bytes: %v", bytes, err)
		}
		if got := fmt.Sprint(b.dump(name)); got != after {
			t.Errorf("the second run after %d bytes leaves\n%s\nwant\n%s", bytes, got, after)
		}
	}
	t.Logf("%d cuts changed nothing, %d came after the commit", same, changed)
	if same < 5 {
		t.Errorf("only %d cuts came before the commit", same)
	}
}
