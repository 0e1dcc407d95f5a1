package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"

	"headway/services/importer/internal/match"
)

// matching finds the columns of two tables that mean the same.
func matching(ctx context.Context, dir, out string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	sources, err := filepath.Glob(filepath.Join(dir, "matching", "*", "*", "source.csv"))
	if err != nil {
		return "", err
	}
	// The scorer lists the folder, and must find sets only.
	truth := filepath.Join(out, "matching-truth")
	if err := os.MkdirAll(truth, 0o755); err != nil {
		return "", err
	}
	for _, source := range sources {
		pair := filepath.Dir(source)
		set := filepath.Dir(pair)
		if err := os.Symlink(set, filepath.Join(truth, filepath.Base(set))); err != nil && !errors.Is(err, os.ErrExist) {
			return "", err
		}
		to := filepath.Join(out, "matching", filepath.Base(set), filepath.Base(pair)+".json")
		if err := matchTables(source, filepath.Join(pair, "target.csv"), to); err != nil {
			return "", err
		}
	}
	return python(ctx, filepath.Join(dir, "score", "score_matching.py"), truth, filepath.Join(out, "matching"))
}

// matchTables writes the pairs of columns in the form that the scorer reads.
func matchTables(source, target, to string) error {
	a, err := readColumns(source)
	if err != nil {
		return err
	}
	b, err := readColumns(target)
	if err != nil {
		return err
	}
	result := struct {
		Ranked   [][3]any    `json:"ranked"`
		Accepted [][2]string `json:"accepted"`
	}{Ranked: [][3]any{}, Accepted: [][2]string{}}
	for _, p := range match.Match(a, b) {
		result.Ranked = append(result.Ranked, [3]any{a[p.A].Names[0], b[p.B].Names[0], p.Score})
		if p.Sure {
			result.Accepted = append(result.Accepted, [2]string{a[p.A].Names[0], b[p.B].Names[0]})
		}
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	data, err := json.Marshal(result)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o600)
}

func readColumns(path string) ([]match.Column, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	r := csv.NewReader(file)
	r.FieldsPerRecord, r.LazyQuotes = -1, true
	records, err := r.ReadAll()
	if err != nil || len(records) == 0 {
		return nil, err
	}
	columns := make([]match.Column, len(records[0]))
	for i, header := range records[0] {
		columns[i].Names = []string{header}
		for _, record := range records[1:] {
			if i < len(record) {
				columns[i].Values = append(columns[i].Values, record[i])
			}
		}
	}
	return columns, nil
}
