package xlsx

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"headway/services/importer/internal/source"
)

// cell is a copy of a Cell, with the code of its format.
type cell struct {
	ref, text, formula, code string
	kind                     source.Kind
	iso, hasFormula          bool
}

// readSheet reads all cells of a sheet in order.
func readSheet(w *Workbook, sheet string) (cells []cell, err error) {
	rows, err := w.openRows(context.Background(), sheet)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	last := 0
	for rows.Next() {
		row := rows.Row()
		if row.Number <= last {
			return nil, fmt.Errorf("row %d follows row %d", row.Number, last)
		}
		last = row.Number
		col := 0
		for _, c := range row.Cells {
			if c.Col <= col {
				return nil, fmt.Errorf("%s follows %s", source.CellName(c.Col, last), source.CellName(col, last))
			}
			col = c.Col
			cells = append(cells, cell{
				ref: source.CellName(c.Col, row.Number), text: string(c.Text), formula: string(rows.Formula(&c)), code: c.Format.Code,
				kind: c.Kind, iso: c.ISO, hasFormula: c.HasFormula,
			})
		}
	}
	return cells, rows.Err()
}

// oracleSheet reads all cells of a sheet in which excelize finds a value.
func oracleSheet(f *excelize.File, sheet string) (map[string]string, error) {
	rows, err := f.Rows(sheet)
	if err != nil {
		return nil, err
	}
	cells := map[string]string{}
	for n := 1; rows.Next(); n++ {
		columns, err := rows.Columns(excelize.Options{RawCellValue: true})
		if err != nil {
			return nil, err
		}
		for i, text := range columns {
			if text != "" {
				cells[source.CellName(i+1, n)] = text
			}
		}
	}
	return cells, rows.Close()
}

// compareSheet reports unexpected differences between the two readers.
func compareSheet(t testing.TB, sheet string, ours []cell, theirs map[string]string) {
	t.Helper()
	seen := map[string]bool{}
	for _, c := range ours {
		seen[c.ref] = true
		if raw := theirs[c.ref]; !sameValue(c, raw) {
			t.Errorf("%s!%s: ours is %v %q, excelize has %q", sheet, c.ref, c.kind, c.text, raw)
		}
	}
	for ref, raw := range theirs {
		if !seen[ref] && strings.TrimSpace(raw) != "" {
			t.Errorf("%s!%s: ours is missing, excelize has %q", sheet, ref, raw)
		}
	}
}

// sameValue reports whether excelize's raw value equals our cell's value. The known differences are listed here, each
// with its reason, and in docs/reader.md.
func sameValue(c cell, raw string) bool {
	switch c.kind {
	case source.Empty, source.FormulaWithoutValue:
		return strings.TrimSpace(raw) == ""
	case source.Bool:
		// Raw mode drops types, and returns Booleans as 1 and 0.
		return c.text == "TRUE" && (raw == "1" || raw == "true" || raw == "TRUE") ||
			c.text == "FALSE" && (raw == "0" || raw == "false" || raw == "FALSE")
	case source.Number:
		return sameNumber(c.text, strings.TrimSpace(raw))
	case source.Date:
		return c.iso && c.text == strings.TrimSpace(raw) || !c.iso && sameNumber(c.text, strings.TrimSpace(raw))
	case source.Object:
		// excelize returns the error or formula that programs without support for pictures in cells show.
		return raw == "#VALUE!" || isPicture([]byte(raw))
	case source.ErrorValue:
		return c.text == strings.TrimSpace(raw)
	case source.Text:
		// excelize doesn't decode the escapes of ST_Xstring in formula results.
		return c.text == raw || c.text == strings.TrimSpace(raw) || c.text == expand(raw)
	}
	return false
}

var wholeNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)

// sameNumber compares 15 significant digits, unless both are whole numbers without an exponent. Raw mode keeps
// exponents and the noise of binary fractions.
func sameNumber(ours, raw string) bool {
	if wholeNumber.MatchString(raw) && raw != "-0" {
		return ours == raw
	}
	if strings.ContainsAny(ours, "eE+ ") {
		return false
	}
	a, err1 := strconv.ParseFloat(ours, 64)
	b, err2 := strconv.ParseFloat(raw, 64)
	return err1 == nil && err2 == nil &&
		strconv.FormatFloat(a+0, 'e', 14, 64) == strconv.FormatFloat(b+0, 'e', 14, 64)
}

// expand decodes escapes by the rules of the standard, with a different implementation than the reader's.
func expand(s string) string {
	return string(unescape([]byte(s)))
}

var errOracle = errors.New("excelize does not read it")

// compareFile reads a whole workbook with both readers and reports their differences. It returns our reader's error if
// it rejects the file, and errOracle if only excelize does.
func compareFile(t testing.TB, file []byte) error {
	t.Helper()
	w, err := openBytes(t, file, source.Limits{})
	if err != nil {
		return err
	}
	f, err := excelize.OpenReader(bytes.NewReader(file))
	if err != nil {
		return fmt.Errorf("%w: %w", errOracle, err)
	}
	defer f.Close()
	compareSheets(t, w, f)
	for _, s := range w.Sheets() {
		ours, err := readSheet(w, s.Name)
		if err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
		w.pack.Slow = true
		again, err := readSheet(w, s.Name)
		w.pack.Slow = false
		if err != nil || !slices.Equal(ours, again) {
			t.Errorf("%s: without shortcuts the cells are %v (%v), with them %v", s.Name, again, err, ours)
		}
		theirs, err := oracleSheet(f, s.Name)
		if err != nil && len(ours) > 0 {
			return fmt.Errorf("%s: %w: %w", s.Name, errOracle, err)
		}
		compareSheet(t, s.Name, ours, theirs)
	}
	return nil
}

// compareSheets compares the lists of sheets and the date systems.
func compareSheets(t testing.TB, w *Workbook, f *excelize.File) {
	t.Helper()
	sheets, list := w.Sheets(), f.GetSheetList()
	if len(sheets) != len(list) {
		t.Errorf("ours has %d sheets, excelize %d", len(sheets), len(list))
		return
	}
	for i, s := range sheets {
		if s.Name != list[i] {
			t.Errorf("sheet %d is %q, excelize has %q", i, s.Name, list[i])
			continue
		}
		if visible, err := f.GetSheetVisible(s.Name); err == nil && visible != (s.State == source.Visible) {
			t.Errorf("sheet %q is %v, excelize says visible: %v", s.Name, s.State, visible)
		}
	}
	props, err := f.GetWorkbookProps()
	if err == nil && props.Date1904 != nil && *props.Date1904 != w.Date1904() {
		t.Errorf("the date system is 1904: %v, excelize says %v", w.Date1904(), *props.Date1904)
	}
}
