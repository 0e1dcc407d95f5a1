package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"

	"headway/services/importer/internal/infer"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/source/csv"
	"headway/services/importer/internal/source/xlsx"
)

// relational returns the benchmark of a set of databases, whose keys and references are known.
func relational(set string) func(ctx context.Context, dir, out string) (string, error) {
	return func(ctx context.Context, dir, out string) (string, error) {
		databases, err := filepath.Glob(filepath.Join(dir, set, "*", "truth.json"))
		if err != nil {
			return "", err
		}
		folder := filepath.Join(out, set)
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return "", err
		}
		for _, truth := range databases {
			database := filepath.Dir(truth)
			if err := predictKeys(ctx, database, filepath.Join(folder, filepath.Base(database)+".json")); err != nil {
				return "", err
			}
		}
		return python(ctx, filepath.Join(dir, "score", "score_rel.py"), filepath.Join(dir, set), folder)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// foreignKey is the form that the scorer reads.
type foreignKey struct {
	Table      string   `json:"table"`
	Columns    []string `json:"columns"`
	RefTable   string   `json:"ref_table"`
	RefColumns []string `json:"ref_columns"`
}

// predictKeys infers the schema of a folder's workbook, or of its text files if there is none.
func predictKeys(ctx context.Context, folder, path string) (err error) {
	files, err := filepath.Glob(filepath.Join(folder, "csv", "*.csv"))
	if err != nil {
		return err
	}
	var opener source.Opener = csv.Opener{}
	if workbook := filepath.Join(folder, "workbook.xlsx"); exists(workbook) {
		files, opener = []string{workbook}, xlsx.Opener{}
	}
	var inputs []infer.Input
	for _, name := range files {
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		info, err := file.Stat()
		if err != nil {
			return err
		}
		book, err := opener.Open(ctx, file, info.Size(), source.DefaultLimits())
		if err != nil {
			return err
		}
		defer book.Close()
		for _, sheet := range book.Sheets() {
			in := infer.Input{Name: sheet.Name, File: name, Book: book, Sheet: sheet.Name}
			if len(files) > 1 {
				in.Name, in.Lines = strings.TrimSuffix(filepath.Base(name), ".csv"), true
			}
			inputs = append(inputs, in)
		}
	}
	guess, err := infer.Infer(ctx, "messy", inputs, infer.Options{})
	if err != nil {
		return err
	}
	keys, references := map[string][]string{}, []foreignKey{}
	for _, s := range guess.Sheets {
		keys[s.Title] = s.KeyHeaders
		for _, r := range s.References {
			columns, sheet, to := r.Headers()
			references = append(references, foreignKey{s.Title, columns, sheet, to})
		}
	}
	data, err := json.Marshal(map[string]any{"primary_keys": keys, "foreign_keys": references})
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}
