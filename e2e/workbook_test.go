package e2e

import (
	"database/sql"
	"fmt"
	"maps"
	"math/big"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
	_ "modernc.org/sqlite"
)

// column is a column of the response of GET /api/v1/schemas.
type column struct{ name, title, kind, references string }

// sheet is a sheet of the schema with the rows of a workbook, read with excelize alone.
type sheet struct {
	name, title, table string
	key                []string
	columns            []column
	rows               map[int]map[string]string // row number → column → value as in the database
}

// readWorkbook reads a workbook independently of the importer.
func readWorkbook(t *testing.T, s *server, token, file string) []*sheet {
	t.Helper()
	f, err := excelize.OpenFile(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var sheets []*sheet
	for _, described := range schemaSheets(t, s, token) {
		rows, err := f.Rows(described.title)
		if err != nil {
			t.Fatal(err)
		}
		described.rows = map[int]map[string]string{}
		var header []string
		for number := 1; rows.Next(); number++ {
			cells, err := rows.Columns(excelize.Options{RawCellValue: true})
			if err != nil {
				t.Fatal(err)
			}
			if number == 1 {
				header = cells
				continue
			}
			row := map[string]string{}
			for i, text := range cells {
				for _, c := range described.columns {
					if text != "" && strings.EqualFold(strings.TrimRight(header[i], " *"), c.title) {
						row[c.name] = stored(c.kind, text)
					}
				}
			}
			if len(row) > 0 {
				described.rows[number] = row
			}
		}
		if err := rows.Close(); err != nil {
			t.Fatal(err)
		}
		sheets = append(sheets, described)
	}
	return sheets
}

func schemaSheets(t *testing.T, s *server, token string) []*sheet {
	t.Helper()
	_, answer := s.rest(token, "GET", "/api/v1/schemas", nil)
	var sheets []*sheet
	for _, schema := range field(t, answer, "schemas").([]any) {
		if field(t, schema, "name") != "workforce" {
			continue
		}
		for _, described := range field(t, schema, "sheets").([]any) {
			sh := &sheet{
				name: field(t, described, "name").(string), title: field(t, described, "title").(string),
				table: field(t, described, "table").(string),
			}
			for _, key := range field(t, described, "key").([]any) {
				sh.key = append(sh.key, key.(string))
			}
			for _, c := range field(t, described, "columns").([]any) {
				references, _ := c.(map[string]any)["references"].(string)
				sh.columns = append(sh.columns, column{
					field(t, c, "name").(string), field(t, c, "title").(string), field(t, c, "type").(string), references,
				})
			}
			sheets = append(sheets, sh)
		}
	}
	if len(sheets) != 7 {
		t.Fatalf("the workforce schema has %d sheets", len(sheets))
	}
	return sheets
}

// stored converts a cell's raw text to the form in which all sides are compared.
func stored(kind, text string) string {
	var serial float64
	_, notSerial := fmt.Sscan(text, &serial)
	switch kind {
	case "integer", "decimal":
		if r, ok := new(big.Rat).SetString(text); ok {
			return r.RatString()
		}
	case "boolean":
		switch strings.ToLower(text) {
		case "1", "true", "yes":
			return "1"
		case "0", "false", "no":
			return "0"
		}
	case "date", "datetime", "time":
		layout := map[string]string{"date": "2006-01-02", "datetime": "2006-01-02 15:04:05", "time": "15:04:05"}[kind]
		if at, err := excelize.ExcelDateToTime(serial, false); notSerial == nil && err == nil && !strings.ContainsAny(text, "-:/") {
			return at.Format(layout)
		}
		return strings.Replace(text, "T", " ", 1)
	}
	return text
}

// imported removes the rows that must not be in the database: those with errors, and those that refer to them.
func imported(sheets []*sheet, m manifest) {
	faulty := map[string]map[int]bool{}
	for _, fault := range m.Mistakes {
		if faulty[fault.Sheet] == nil {
			faulty[fault.Sheet] = map[int]bool{}
		}
		faulty[fault.Sheet][fault.Row] = true
	}
	values := map[string]map[string]bool{} // sheet.column → values of the remaining rows
	for _, sh := range sheets {
		maps.DeleteFunc(sh.rows, func(number int, _ map[string]string) bool { return faulty[sh.name][number] })
		for changed := true; changed; { // employees refer to employees
			for _, c := range sh.columns {
				in := map[string]bool{}
				for _, row := range sh.rows {
					in[row[c.name]] = true
				}
				values[sh.name+"."+c.name] = in
			}
			before := len(sh.rows)
			maps.DeleteFunc(sh.rows, func(_ int, row map[string]string) bool {
				return slices.ContainsFunc(sh.columns, func(c column) bool {
					return c.references != "" && row[c.name] != "" && !values[c.references][row[c.name]]
				})
			})
			changed = len(sh.rows) != before
		}
	}
}

// compareDatabase checks that records.db contains exactly the rows of the sheets.
func compareDatabase(t *testing.T, data string, sheets []*sheet) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(data, "records.db")+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, sh := range sheets {
		want := map[string]bool{}
		for _, row := range sh.rows {
			want[rowText(sh, func(c column) string { return row[c.name] })] = true
		}
		if len(want) != len(sh.rows) {
			t.Fatalf("%s: the workbook has equal rows, so the comparison would not be exact", sh.name)
		}
		got := readTable(t, db, sh)
		reported := 0
		for text := range want {
			if !got[text] && reported < 5 {
				reported++
				t.Errorf("%s: not in the database: %s", sh.name, text)
			}
		}
		for text := range got {
			if !want[text] && reported < 10 {
				reported++
				t.Errorf("%s: in the database, but not in the workbook: %s", sh.name, text)
			}
		}
	}
}

func readTable(t *testing.T, db *sql.DB, sh *sheet) map[string]bool {
	t.Helper()
	names := make([]string, len(sh.columns))
	for i, c := range sh.columns {
		names[i] = `"` + c.name + `"`
	}
	var tables int
	if err := db.QueryRowContext(t.Context(), `SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?`, sh.table).Scan(&tables); err != nil {
		t.Fatal(err)
	}
	if tables == 0 {
		return nil // nothing has been committed yet, and the table does not exist
	}
	rows, err := db.QueryContext(t.Context(), fmt.Sprintf(`SELECT %s FROM "%s"`, strings.Join(names, ", "), sh.table))
	if err != nil {
		t.Fatalf("%s: %v", sh.name, err)
	}
	defer rows.Close()
	values, pointers := make([]sql.NullString, len(names)), make([]any, len(names))
	for i := range values {
		pointers[i] = &values[i]
	}
	got := map[string]bool{}
	for rows.Next() {
		if err := rows.Scan(pointers...); err != nil {
			t.Fatal(err)
		}
		i := -1
		got[rowText(sh, func(c column) string {
			i++
			if values[i].String == "" {
				return ""
			}
			return stored(c.kind, values[i].String)
		})] = true
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return got
}

func rowText(sh *sheet, value func(column) string) string {
	texts := make([]string, len(sh.columns))
	for i, c := range sh.columns {
		texts[i] = c.name + "=" + value(c)
	}
	return strings.Join(texts, " | ")
}
