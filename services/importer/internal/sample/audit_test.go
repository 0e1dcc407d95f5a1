package sample

import (
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"

	"headway/services/importer/internal/schema"
)

// audit reads a workbook with excelize, and checks each cell by the schema alone.
func audit(t *testing.T, s *schema.Schema, r io.Reader) ([]Numbers, []Mistake) {
	t.Helper()
	f, err := excelize.OpenReader(r)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got := f.GetSheetList(); len(got) != len(s.Sheets) {
		t.Fatalf("the workbook has the sheets %v", got)
	}
	var numbers []Numbers
	var found []Mistake
	// outcomes of the rows by sheet, column, and value, for the columns that references can refer to.
	outcomes := make(map[string]map[string]outcome)
	for _, sheet := range s.Sheets {
		rows, err := f.GetRows(sheet.Title, excelize.Options{RawCellValue: true})
		if err != nil {
			t.Fatal(err)
		}
		own := make([]outcome, len(rows))
		values := make([]map[string]int, len(sheet.Columns)) // value → first row
		for i := range values {
			values[i] = make(map[string]int)
		}
		var keys = make(map[string]bool)
		for i, row := range rows[1:] {
			n := i + 2
			var wrong []Mistake
			blame := func(column int, code string) {
				cell, _ := excelize.CoordinatesToCellName(column+1, n)
				wrong = append(wrong, Mistake{Sheet: sheet.Name, Column: sheet.Columns[column].Name, Cell: cell, Row: uint32(n), Code: code})
			}
			for j, c := range sheet.Columns {
				value := ""
				if j < len(row) {
					value = row[j]
				}
				at, _ := excelize.CoordinatesToCellName(j+1, n)
				code := judge(t, f, sheet.Title, at, c, value)
				single := slices.Equal(sheet.Key, []string{c.Name})
				if code == "" && (c.Unique || single) {
					if _, twice := values[j][value]; twice {
						code = "DUPLICATE_IN_FILE"
					} else {
						values[j][value] = n
					}
				}
				if ref := c.References; code == "" && value != "" && ref != nil && ref.Sheet != sheet.Name {
					switch parent, exists := outcomes[ref.Sheet+"."+ref.Column][value]; {
					case !exists:
						code = "REFERENCE_MISSING"
					case parent != inserted:
						own[i] = blocked
					}
				}
				if code != "" {
					blame(j, code)
				}
			}
			if len(sheet.Key) > 1 {
				key := ""
				for _, k := range sheet.Key {
					_, j := sheet.Column(k)
					if j < len(row) {
						key += row[j] + "\x00"
					}
				}
				if keys[key] && len(wrong) == 0 {
					t.Errorf("%s row %d has the key %q a second time", sheet.Name, n, key)
				}
				keys[key] = true
			}
			if len(wrong) > 1 {
				t.Errorf("%s row %d has more than one mistake: %+v", sheet.Name, n, wrong)
			}
			if len(wrong) > 0 {
				if own[i] == blocked {
					t.Errorf("%s row %d has a mistake and is blocked", sheet.Name, n)
				}
				own[i] = rejected
			}
			found = append(found, wrong...)
		}
		judgeSelfReferences(sheet, rows, own, values, &found)
		numbers = append(numbers, count3(sheet.Name, own[:len(rows)-1]))
		for j, c := range sheet.Columns {
			m := make(map[string]outcome)
			for i, row := range rows[1:] {
				if _, known := m[cellAt(row, j)]; j < len(row) && !known {
					m[row[j]] = own[i]
				}
			}
			outcomes[sheet.Name+"."+c.Name] = m
		}
	}
	slices.SortStableFunc(found, func(a, b Mistake) int {
		if a.Sheet != b.Sheet {
			return slices.IndexFunc(s.Sheets, func(s *schema.Sheet) bool { return s.Name == a.Sheet }) - slices.IndexFunc(s.Sheets, func(s *schema.Sheet) bool { return s.Name == b.Sheet })
		}
		return int(a.Row) - int(b.Row)
	})
	return numbers, found
}

// judgeSelfReferences finds references to managers who don't exist, and blocks rows until nothing changes.
func judgeSelfReferences(sheet *schema.Sheet, rows [][]string, own []outcome, values []map[string]int, found *[]Mistake) {
	for j, c := range sheet.Columns {
		if c.References == nil || c.References.Sheet != sheet.Name {
			continue
		}
		_, target := sheet.Column(c.References.Column)
		for changed := true; changed; {
			changed = false
			for i, row := range rows[1:] {
				value := cellAt(row, j)
				if value == "" || own[i] != inserted {
					continue
				}
				n, exists := values[target][value]
				if !exists {
					cell, _ := excelize.CoordinatesToCellName(j+1, i+2)
					*found = append(*found, Mistake{Sheet: sheet.Name, Column: c.Name, Cell: cell, Row: uint32(i + 2), Code: "REFERENCE_MISSING"})
					own[i], changed = rejected, true
				} else if own[n-2] != inserted {
					own[i], changed = blocked, true
				}
			}
		}
	}
}

func cellAt(row []string, j int) string {
	if j < len(row) {
		return row[j]
	}
	return ""
}

func count3(sheet string, own []outcome) Numbers {
	n := Numbers{Sheet: sheet, Read: uint32(len(own))}
	for _, f := range own {
		switch f {
		case inserted:
			n.Inserted++
		case rejected:
			n.Rejected++
		case blocked:
			n.Blocked++
		}
	}
	return n
}

var isEmail = regexp.MustCompile(`^[a-z0-9.-]+@[a-z0-9.-]+\.[a-z]+$`)
var isPhone = regexp.MustCompile(`^\+[0-9 ()-]{7,25}$`)

// judge returns the issue of one cell by itself. It is empty if there is no issue.
func judge(t *testing.T, f *excelize.File, sheet, at string, c *schema.Column, value string) string {
	t.Helper()
	typ, err := f.GetCellType(sheet, at)
	if err != nil {
		t.Fatal(err)
	}
	formula, err := f.GetCellFormula(sheet, at)
	if err != nil {
		t.Fatal(err)
	}
	asText := typ == excelize.CellTypeInlineString || typ == excelize.CellTypeSharedString
	switch {
	case formula != "" && value == "":
		return "FORMULA_WITHOUT_VALUE"
	case typ == excelize.CellTypeError || strings.HasPrefix(value, "#"):
		return "CELL_ERROR"
	case value == "":
		if c.Required {
			return "REQUIRED"
		}
		return ""
	}
	number, notANumber := strconv.ParseFloat(value, 64)
	switch c.Type {
	case schema.Boolean:
		if typ != excelize.CellTypeBool {
			return "NOT_A_BOOLEAN"
		}
	case schema.Integer, schema.Decimal:
		if asText || notANumber != nil {
			return "NOT_A_NUMBER"
		}
		if c.Type == schema.Integer && number != math.Trunc(number) {
			return "NOT_AN_INTEGER"
		}
		low, high := math.Inf(-1), math.Inf(1)
		if c.Min != "" {
			low, _ = strconv.ParseFloat(c.Min, 64)
		}
		if c.Max != "" {
			high, _ = strconv.ParseFloat(c.Max, 64)
		}
		if number < low || number > high {
			return "RANGE"
		}
	case schema.Date, schema.DateTime:
		if asText {
			if strings.Contains(value, "/") {
				return "AMBIGUOUS_DATE"
			}
			return "NOT_A_DATE"
		}
		day, err := excelize.ExcelDateToTime(number, false)
		if err != nil {
			t.Fatal(err)
		}
		if c.Type == schema.Date && number != math.Trunc(number) {
			return "NOT_A_DATE"
		}
		const iso = "2006-01-02T15:04:05"
		if c.Min != "" && day.Format(iso)[:len(c.Min)] < c.Min || c.Max != "" && day.Format(iso)[:len(c.Max)] > c.Max {
			return "RANGE"
		}
		if day.Round(time.Second).Second() != 0 {
			t.Errorf("%s!%s holds %s, no whole minute", sheet, at, day)
		}
	case schema.Time:
		if asText || number < 0 || number >= 1 {
			return "NOT_A_TIME"
		}
	default:
		if !asText {
			return "PRECISION_LOST"
		}
		switch length := utf8.RuneCountInString(value); {
		case c.Type == schema.Email && !isEmail.MatchString(value):
			return "NOT_AN_EMAIL"
		case c.Type == schema.Phone && !isPhone.MatchString(value):
			return "NOT_A_PHONE"
		case len(c.Allowed) > 0 && !slices.Contains(c.Allowed, value):
			return "NOT_ALLOWED"
		case length < c.MinLength || c.MaxLength > 0 && length > c.MaxLength:
			return "LENGTH"
		case c.Pattern != nil && c.Pattern.FindString(value) != value:
			return "PATTERN"
		}
	}
	return ""
}
