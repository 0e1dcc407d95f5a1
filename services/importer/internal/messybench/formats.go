package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"

	"headway/services/importer/internal/locale"
)

// formats reads columns of dates and numbers of many countries.
func formats(ctx context.Context, dir, out string) (string, error) {
	truth := filepath.Join(dir, "formats", "truth.jsonl")
	in, err := os.Open(truth)
	if err != nil {
		return "", err
	}
	defer in.Close()
	path := filepath.Join(out, "formats.jsonl")
	if err := predictFormats(in, path); err != nil {
		return "", err
	}
	return python(ctx, filepath.Join(dir, "score", "score_formats.py"), truth, path)
}

func predictFormats(in *os.File, path string) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	encoder := json.NewEncoder(file)
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var column struct {
			ID     string   `json:"id"`
			Values []string `json:"values"`
		}
		if err := json.Unmarshal(lines.Bytes(), &column); err != nil {
			return err
		}
		forms := locale.Recognize(column.Values)
		values := make([]any, len(column.Values))
		for i, v := range column.Values {
			values[i] = valueOf(forms[0], v)
		}
		if err := encoder.Encode(map[string]any{"id": column.ID, "values": values, "ambiguous": len(forms) > 1}); err != nil {
			return err
		}
	}
	return lines.Err()
}

// valueOf returns a value as the scorer compares it.
func valueOf(form locale.Form, value string) any {
	if locale.Missing(value) {
		return nil
	}
	read, ok := form.Read(value)
	if !ok {
		return nil
	}
	switch form.Kind {
	case locale.Text, locale.Date:
		return read
	}
	n, err := strconv.ParseFloat(read, 64)
	if err != nil {
		return nil
	}
	if form.Kind == locale.Percent {
		n /= 100
	}
	return n
}
