package postgres

import (
	"fmt"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
)

// The values of a row have no names, so in another order, they would be stored in the wrong columns.
func TestTypesHaveTheColumnsThatAreWritten(t *testing.T) {
	s, err := Open(t.Context(), database(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, of := range records {
		rows, err := s.reads.Query(t.Context(), `SELECT a.attname || ' ' || a.atttypid FROM pg_attribute AS a JOIN pg_type AS t ON t.typrelid = a.attrelid
			WHERE t.oid = $1::text::regtype ORDER BY a.attnum`, of.name)
		if err != nil {
			t.Fatal(err)
		}
		stored, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		var columns []string
		for _, c := range of.columns {
			columns = append(columns, fmt.Sprint(c.name, " ", c.oid))
		}
		if !slices.Equal(stored, columns) {
			t.Errorf("%s has %v, but %v are written", of.name, stored, columns)
		}
	}
}
