package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"headway/services/importer/internal/layout"
	"headway/services/importer/internal/source"
	ourcsv "headway/services/importer/internal/source/csv"
)

// convertAll writes the table of each text file of a folder, as plain CSV.
func convertAll(ctx context.Context, in, out string) error {
	files, err := os.ReadDir(in)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	for _, f := range files {
		if !strings.HasSuffix(strings.ToLower(f.Name()), "csv") {
			continue
		}
		if err := convert(ctx, filepath.Join(in, f.Name()), filepath.Join(out, f.Name()+"_converted.csv")); err != nil {
			return fmt.Errorf("%s: %w", f.Name(), err)
		}
	}
	return nil
}

// open opens a text file. It returns no workbook for a file without content.
func open(ctx context.Context, path string, format source.TextFormat) (source.Workbook, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	book, err := ourcsv.Opener{}.WithHints(source.Hints{Text: format}).Open(ctx, bytes.NewReader(data), int64(len(data)), source.DefaultLimits())
	if source.ReasonOf(err) == source.EmptyFile {
		return nil, nil
	}
	return book, err
}

func convert(ctx context.Context, in, out string) (err error) {
	w, err := os.Create(out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	book, err := open(ctx, in, source.TextFormat{})
	if book == nil || err != nil {
		return err
	}
	defer book.Close()
	rows, err := readAll(ctx, book)
	if err != nil {
		return err
	}
	format, _ := source.TextFormatOf(book)
	buffered := bufio.NewWriter(w)
	cw := csv.NewWriter(buffered)
	for _, record := range tableOf(rows, format.Columns) {
		if err := cw.Write(record); err != nil {
			return err
		}
	}
	cw.Flush()
	return errors.Join(cw.Error(), buffered.Flush())
}

// readAll returns copies of all rows.
func readAll(ctx context.Context, book source.Workbook) ([]source.Row, error) {
	rows, err := book.Rows(ctx, book.Sheets()[0].Name)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []source.Row
	for rows.Next() {
		row := rows.Row()
		cells := make([]source.Cell, len(row.Cells))
		for i := range row.Cells {
			cells[i] = row.Cells[i].WithText(bytes.Clone(row.Cells[i].Text))
		}
		row.Cells = cells
		all = append(all, row)
	}
	return all, rows.Err()
}

// maxLooked is how many rows are looked at to find the headers.
const maxLooked = 300

// tableOf returns the rows of the table as texts: first the headers, in one row even if the file has several, and then all
// rows below.
func tableOf(rows []source.Row, columns int) [][]string {
	table := layout.FindTable(rows[:min(len(rows), maxLooked)])
	if len(table.Header) > 0 {
		header := layout.JoinHeaders(rows, table)
		for len(rows) > 0 && rows[0].Number <= header.Number {
			rows = rows[1:]
		}
		rows = append([]source.Row{header}, rows...)
	}
	var records [][]string
	for _, row := range rows {
		width := max(columns, lastColumn(row))
		if len(records) == 0 && lastColumn(row) == len(row.Cells) && len(row.Cells) == columns-1 && len(rows) > 1 && lastColumn(rows[1]) == columns {
			width-- // the first column has no header, as R writes it
		}
		record := make([]string, width)
		for _, c := range row.Cells {
			record[c.Col-1] = string(c.Text)
		}
		records = append(records, record)
	}
	return records
}

func lastColumn(row source.Row) int {
	if n := len(row.Cells); n > 0 {
		return row.Cells[n-1].Col
	}
	return 0
}
