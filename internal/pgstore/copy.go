package pgstore

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"
)

// Table is a table to copy from elsewhere. Each calls row with the values of each of its rows, in the order of Columns.
type Table struct {
	Name    string
	Columns []string
	Each    func(ctx context.Context, row func(values []any) error) error
}

// Copy copies the rows while they are read, and returns their number. encode changes their texts.
func (t *Table) Copy(ctx context.Context, tx pgx.Tx, encode func(string) string) (int64, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	rows, read := make(chan []any, 64), make(chan error, 1)
	go func() {
		defer close(rows)
		read <- t.Each(ctx, func(values []any) error {
			row := slices.Clone(values)
			for i, value := range row {
				if s, ok := value.(string); ok {
					row[i] = encode(s)
				}
			}
			select {
			case rows <- row:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})
	}()
	n, err := tx.CopyFrom(ctx, pgx.Identifier{t.Name}, t.Columns, pgx.CopyFromFunc(func() ([]any, error) { return <-rows, nil }))
	cancel()
	for range rows { // until the reader has ended
	}
	if readErr := <-read; err == nil { // a table that was read in part
		err = readErr
	}
	return n, err
}
