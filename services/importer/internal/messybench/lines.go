package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"

	"headway/services/importer/internal/layout"
	"headway/services/importer/internal/source"
)

// annotated is a sheet with the class of each record.
type annotated struct {
	File  string   `json:"file"`
	Group string   `json:"group"`
	Lines []string `json:"lines"`
	rows  []source.Row
	// record is the number of the record of each row, from 0.
	record []int
}

// readAnnotated reads the sheets of a folder and their classes.
func readAnnotated(dir string) ([]annotated, error) {
	truth, err := os.Open(filepath.Join(dir, "truth.jsonl"))
	if err != nil {
		return nil, err
	}
	defer truth.Close()
	var sheets []annotated
	lines := bufio.NewScanner(truth)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var a annotated
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
			return nil, err
		}
		if err := a.read(filepath.Join(dir, "csv", a.File)); err != nil {
			return nil, err
		}
		sheets = append(sheets, a)
	}
	return sheets, lines.Err()
}

// read reads the rows. The sheets are stored as plain CSV, whose format is given: they are about tables, not about text
// files.
func (a *annotated) read(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	rows, err := plainRows(file)
	if err != nil {
		return err
	}
	a.rows, a.record = rows, make([]int, len(rows))
	for i, row := range rows {
		a.record[i] = row.Number - 1
	}
	return nil
}

// prediction is the form that the scorer reads.
type prediction struct {
	File      string `json:"file"`
	Header    []int  `json:"header"`
	FirstData *int   `json:"first_data"`
	LastData  *int   `json:"last_data"`
}

func headerLines(ctx context.Context, dir, out string) (string, error) {
	sheets, err := readAnnotated(filepath.Join(dir, "header_lines"))
	if err != nil {
		return "", err
	}
	path := filepath.Join(out, "header_lines.jsonl")
	if err := predict(path, sheets, layout.FindTable); err != nil {
		return "", err
	}
	return python(ctx, filepath.Join(dir, "score", "score_header.py"), filepath.Join(dir, "header_lines", "truth.jsonl"), path)
}

func predict(path string, sheets []annotated, find func([]source.Row) layout.Table) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	encoder := json.NewEncoder(file)
	for _, a := range sheets {
		table := find(a.rows)
		p := prediction{File: a.File, Header: []int{}}
		for _, number := range table.Header {
			p.Header = append(p.Header, number-1)
		}
		if table.First > 0 {
			first, last := table.First-1, table.Last-1
			p.FirstData, p.LastData = &first, &last
		}
		if err := encoder.Encode(p); err != nil {
			return err
		}
	}
	return nil
}
