package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/charmap"

	"headway/services/importer/internal/source"
	"headway/services/importer/internal/source/ods"
	"headway/services/importer/internal/source/xlsx"
)

// workbooks compares the cells of workbooks with the text that Excel exports.
func workbooks(ctx context.Context, dir, out string) (result string, err error) {
	truth := filepath.Join(dir, "workbooks", "truth.jsonl")
	data, err := os.ReadFile(truth)
	if err != nil {
		return "", err
	}
	predictions := filepath.Join(out, "workbooks.jsonl")
	file, err := os.Create(predictions)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	buffered := bufio.NewWriter(file)
	encoder := json.NewEncoder(buffered)
	shown := newAppearance()
	defer shown.close()
	for line := range bytes.Lines(data) {
		var of struct{ File string }
		if err := json.Unmarshal(line, &of); err != nil {
			return "", err
		}
		sheets, err := shown.sheets(ctx, filepath.Join(dir, "workbooks", "files", of.File))
		if source.ReasonOf(err) != "" {
			continue // formats that are refused are listed as not read
		} else if err != nil {
			return "", err
		}
		if err := encoder.Encode(map[string]any{"file": of.File, "sheets": sheets}); err != nil {
			return "", err
		}
	}
	if err := buffered.Flush(); err != nil {
		return "", err
	}
	return python(ctx, filepath.Join(dir, "score", "score_workbooks.py"), truth, predictions)
}

// appearance shows values in their number formats, as Excel does. The importer doesn't need that, because it reads values.
type appearance struct {
	file   *excelize.File
	styles map[string]int
}

func newAppearance() *appearance {
	return &appearance{file: excelize.NewFile(), styles: map[string]int{}}
}

func (a *appearance) close() { _ = a.file.Close() }

func (a *appearance) sheets(ctx context.Context, path string) (sheets [][][]string, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	book, err := (source.Openers{xlsx.Opener{}, ods.Opener{}}).Open(ctx, bytes.NewReader(data), int64(len(data)), source.DefaultLimits())
	if err != nil {
		return nil, err
	}
	defer book.Close()
	for _, sheet := range book.Sheets() {
		rows, err := book.Rows(ctx, sheet.Name)
		if err != nil {
			return nil, err
		}
		table := [][]string{}
		for rows.Next() {
			row := rows.Row()
			for len(table) < row.Number {
				table = append(table, nil)
			}
			for i := range row.Cells {
				c := &row.Cells[i]
				for len(table[row.Number-1]) < c.Col {
					table[row.Number-1] = append(table[row.Number-1], "")
				}
				table[row.Number-1][c.Col-1] = a.text(book, c)
			}
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return nil, err
		}
		sheets = append(sheets, exported(table))
	}
	return sheets, nil
}

// exported returns the texts of a sheet as the yardstick has them: Excel for Mac wrote windows-1252, which was read as UTF-8 if
// it is valid, or else as the Mac's own encoding.
func exported(table [][]string) [][]string {
	encoded, valid := make([][]string, len(table)), true
	for i, row := range table {
		for _, text := range row {
			var bytes []byte
			for _, r := range strings.ReplaceAll(text, "\n", "\r") {
				b, ok := charmap.Windows1252.EncodeRune(r)
				if !ok {
					b = '_'
				}
				bytes = append(bytes, b)
			}
			valid = valid && utf8.Valid(bytes)
			encoded[i] = append(encoded[i], string(bytes))
		}
	}
	for _, row := range encoded {
		for i, text := range row {
			if !valid {
				row[i], _ = charmap.Macintosh.NewDecoder().String(text)
			}
		}
	}
	return encoded
}

// text returns what Excel shows in a cell.
func (a *appearance) text(book source.Workbook, c *source.Cell) string {
	code := c.Format.Code
	if c.Format.ID == 14 {
		code = "m/d/yy" // the date of the country
	}
	value, err := strconv.ParseFloat(string(c.Text), 64)
	switch c.Kind {
	case source.Text, source.Bool, source.ErrorValue:
		return string(c.Text)
	case source.Number:
		if value == 0 && strings.Trim(code, "#") == "" {
			return ""
		}
		if err != nil || !strings.ContainsAny(code, `"\?[_*/`) {
			return string(c.Text)
		}
	case source.Date:
		if civil, civilErr := book.Civil(c); c.ISO && civilErr == nil {
			day := time.Date(civil.Year, civil.Month, civil.Day, civil.Hour, civil.Minute, civil.Second, civil.Nanosecond, time.UTC)
			value, err = day.Sub(time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)).Hours()/24, nil
		}
		if err != nil {
			return string(c.Text)
		}
	default:
		return ""
	}
	style, known := a.styles[code]
	if !known {
		style, err = a.file.NewStyle(&excelize.Style{CustomNumFmt: &code})
		if err != nil {
			return string(c.Text)
		}
		a.styles[code] = style
	}
	shown := ""
	err = errors.Join(a.file.SetCellFloat("Sheet1", "A1", value, -1, 64), a.file.SetCellStyle("Sheet1", "A1", "A1", style))
	if err == nil {
		shown, err = a.file.GetCellValue("Sheet1", "A1")
	}
	if err != nil {
		return string(c.Text)
	}
	return shown
}
