package postgres_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
)

// TestLongTextsOfDatabaseAreNotKept looks up rows whose texts in the database are much longer than those of the file.
func TestLongTextsOfDatabaseAreNotKept(t *testing.T) {
	const rows, length, most = 64, 1 << 20, 16 << 20
	_, url := database(t)
	target := open(t, url)
	of := &schema.Schema{Name: "shop", Sheets: []*schema.Sheet{{Name: "items", Title: "Items", Table: "items", Key: []string{"code"},
		Columns: []*schema.Column{{Name: "code", Title: "Code", Type: schema.Text, Required: true}, {Name: "note", Title: "Note", Type: schema.Text}}}}}
	item := func(i int, note string) []imports.Value {
		return []imports.Value{{Kind: imports.Text, Bytes: fmt.Append(nil, i)}, {Kind: imports.Text, Bytes: []byte(note)}}
	}
	run := func(id string, do func(imports.Table)) {
		tx, err := target.Begin(t.Context(), imports.Run{ImportID: id, Number: 1, Schema: of}, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback()
		table, err := tx.Table(t.Context(), of, of.Sheets[0], of.Sheets[0].Columns)
		if err != nil {
			t.Fatal(err)
		}
		do(table)
		if err := tx.Commit(t.Context(), map[string]imports.Counts{}); err != nil {
			t.Fatal(err)
		}
	}
	run("a", func(table imports.Table) {
		for i := range rows {
			if err := table.Insert(t.Context(), [][]imports.Value{item(i, strings.Repeat("long", length/4))}); err != nil {
				t.Fatal(err)
			}
		}
	})
	run("b", func(table imports.Table) {
		var asked [][]imports.Value
		for i := range rows {
			asked = append(asked, item(i, "short"))
		}
		before := held()
		found, err := table.Existing(t.Context(), asked)
		if err != nil || len(found) != rows || len(found[rows-1][1].Bytes) != imports.ExistingText {
			t.Fatalf("%d rows are found, %v", len(found), err)
		}
		if after := held(); after > before+most {
			t.Errorf("%d texts of %d bytes need %d bytes of memory", rows, length, after-before)
		}
		runtime.KeepAlive(found)
	})
}

// held returns the memory that is in use.
func held() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
