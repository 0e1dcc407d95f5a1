package mapping

import (
	"context"
	"errors"
	"strings"
	"testing"

	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
)

// book is a workbook with sheets of text.
type book map[string][][]string

func (b book) Sheets() (list []source.Sheet) {
	for name := range b {
		list = append(list, source.Sheet{Name: name})
	}
	return list
}

func (b book) Rows(_ context.Context, sheet string) (source.Rows, error) {
	return &rows{table: b[sheet]}, nil
}

func (b book) Civil(*source.Cell) (source.Civil, error) { return source.Civil{}, source.ErrNotADate }
func (b book) Close() error                             { return nil }

type rows struct {
	table [][]string
	n     int
}

func (r *rows) Next() bool {
	r.n++
	return r.n <= len(r.table)
}

func (r *rows) Row() source.Row {
	row := source.Row{Number: r.n}
	for i, text := range r.table[r.n-1] {
		row.Cells = append(row.Cells, source.Cell{Col: i + 1, Kind: source.Text, Text: []byte(text)})
	}
	return row
}

func (r *rows) Err() error                  { return nil }
func (r *rows) Close() error                { return nil }
func (r *rows) Progress() (read, all int64) { return 0, 0 }

func people(t *testing.T) *schema.Schema {
	t.Helper()
	s, err := schema.Load("people.yaml", []byte(`
name: people
title: People
sheets:
  - name: people
    title: People
    table: people
    key: code
    columns:
      - {name: code, title: Code, type: text, required: true}
      - {name: first, title: First, type: text}
      - {name: last, title: Last, type: text}
`))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestHeadersAreFoundBelowTitle(t *testing.T) {
	found, err := Find(t.Context(), book{"People": {{"Staff of 2026"}, {"", "Code", "LAST"}, {"", "a", "b"}}}, people(t), nil)
	if err != nil || len(found) != 1 {
		t.Fatalf("got %v, %v", found, err)
	}
	if s := found[0]; s.HeaderRow != 2 || len(s.Columns) != 2 || s.Columns[0].Column != 2 || s.Columns[1].Name != "last" || s.Columns[1].Column != 3 {
		t.Errorf("got %+v", s)
	}
}

func TestHeaderMappedToTwoColumnsIsAmbiguous(t *testing.T) {
	file := book{"People": {{"Code", "Name"}}}
	for range 20 { // a map's order must not decide
		_, err := Find(t.Context(), file, people(t), []Mapping{{Sheet: "people", Columns: map[string]string{"first": "Name", "last": "name"}}})
		var fit *Error
		// The header is written as for "first", so "last" has none.
		if !errors.As(err, &fit) || fit.Problem != MappingInvalid || !strings.Contains(fit.Message, "last") {
			t.Fatalf("got %v", err)
		}
		_, err = Find(t.Context(), file, people(t), []Mapping{{Sheet: "people", Columns: map[string]string{"first": "Name", "last": "Name"}}})
		if !errors.As(err, &fit) || fit.Problem != MappingInvalid || !strings.Contains(fit.Message, "both first and last") {
			t.Fatalf("got %v", err)
		}
	}
}

func TestHeadersThatDifferInCaseAreMappedApart(t *testing.T) {
	found, err := Find(t.Context(), book{"People": {{"Code", "name", "Name"}}}, people(t),
		[]Mapping{{Sheet: "people", Columns: map[string]string{"first": "Name", "last": "name"}}})
	if err != nil {
		t.Fatal(err)
	}
	if c := found[0].Columns; c[1].Name != "first" || c[1].Column != 3 || c[2].Name != "last" || c[2].Column != 2 {
		t.Errorf("got %+v", c)
	}
}
