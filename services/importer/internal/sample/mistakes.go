package sample

import (
	"slices"
	"strings"

	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/xlsxwrite"
)

// mistake is a way to spoil one cell, so that this cell has one issue, and the other cells of the row have none.
type mistake struct {
	column, code string
	spoil        func(c cell) cell
	// like copies the cell from an earlier row that is imported. spoil is then nil.
	like bool
}

// mistakes are the ways to spoil a row of each sheet. They are used in turn. The first one of a sheet needs no earlier
// row.
var mistakes = map[string][]mistake{
	"areas": {
		{column: "country", code: "PATTERN", spoil: write("Germany")},
		{column: "office_email", code: "NOT_AN_EMAIL", spoil: write("office at example.org")},
		{column: "name", code: "REQUIRED", spoil: erase},
		{column: "established_on", code: "NOT_A_DATE", spoil: write("long ago")},
		{column: "code", code: "DUPLICATE_IN_FILE", like: true},
		{column: "established_on", code: "RANGE", spoil: count("401768")}, // 2999-12-31
	},
	"departments": {
		{column: "annual_budget", code: "NOT_A_NUMBER", spoil: write("to be decided")},
		{column: "area_code", code: "REFERENCE_MISSING", spoil: write("Z-99")},
		{column: "cost_centre", code: "PATTERN", spoil: write("12-34")},
		{column: "name", code: "REQUIRED", spoil: erase},
		{column: "code", code: "DUPLICATE_IN_FILE", like: true},
		{column: "annual_budget", code: "RANGE", spoil: count("-100")},
		{column: "phone", code: "NOT_A_PHONE", spoil: write("see the intranet")},
		{column: "annual_budget", code: "CELL_ERROR", spoil: excelError("#DIV/0!")},
	},
	"designations": {
		{column: "grade", code: "RANGE", spoil: count("42")},
		{column: "grade", code: "NOT_AN_INTEGER", spoil: count("3.5")},
		{column: "title", code: "REQUIRED", spoil: erase},
		{column: "code", code: "DUPLICATE_IN_FILE", like: true},
		{column: "minimum_salary", code: "NOT_A_NUMBER", spoil: write("negotiable")},
		{column: "overtime", code: "NOT_A_BOOLEAN", spoil: write("sometimes")},
	},
	"employees": {
		{column: "department_code", code: "REFERENCE_MISSING", spoil: write("D-NEW")},
		{column: "email", code: "NOT_AN_EMAIL", spoil: func(c cell) cell { return text(strings.Replace(c.Text, "@", ".", 1)) }},
		{column: "hired_on", code: "AMBIGUOUS_DATE", spoil: write("03/04/2021")},
		{column: "salary", code: "NOT_A_NUMBER", spoil: write("by agreement")},
		{column: "full_name", code: "REQUIRED", spoil: erase},
		{column: "employee_id", code: "DUPLICATE_IN_FILE", like: true},
		{column: "salary", code: "RANGE", spoil: count("-1200.5")},
		{column: "active", code: "NOT_A_BOOLEAN", spoil: write("perhaps")},
		{column: "department_code", code: "CELL_ERROR", spoil: excelError("#N/A")},
		{column: "salary", code: "FORMULA_WITHOUT_VALUE", spoil: formula("40000*1.05")},
		{column: "employee_id", code: "PATTERN", spoil: func(c cell) cell { return text("X" + c.Text[1:]) }},
		{column: "hired_on", code: "NOT_A_DATE", spoil: write("next spring")},
		{column: "manager_id", code: "REFERENCE_MISSING", spoil: stranger},
		{column: "email", code: "DUPLICATE_IN_FILE", like: true},
		{column: "phone", code: "NOT_A_PHONE", spoil: write("ask the front desk")},
		{column: "full_name", code: "LENGTH", spoil: func(c cell) cell { return text(strings.Repeat(c.Text+" ", 61) + c.Text) }},
		{column: "hired_on", code: "RANGE", spoil: count("11688")}, // 1931-12-31
		{column: "employee_id", code: "REQUIRED", spoil: erase},
		{column: "designation_code", code: "REFERENCE_MISSING", spoil: write("P-000")},
	},
	"schedules": {
		{column: "shift", code: "NOT_ALLOWED", spoil: write("graveyard")},
		{column: "starts_at", code: "NOT_A_TIME", spoil: write("half past nine")},
		{column: "employee_id", code: "REFERENCE_MISSING", spoil: stranger},
		{column: "break_minutes", code: "NOT_AN_INTEGER", spoil: count("22.5")},
		{column: "work_date", code: "AMBIGUOUS_DATE", spoil: write("05/06/2025")},
		{column: "break_minutes", code: "RANGE", spoil: count("600")},
		{column: "work_date", code: "REQUIRED", spoil: erase},
		{column: "ends_at", code: "CELL_ERROR", spoil: excelError("#VALUE!")},
		{column: "ends_at", code: "NOT_A_TIME", spoil: write("25:00")},
		{column: "work_date", code: "NOT_A_DATE", spoil: write("2025-02-30")},
	},
	"drivers": {
		{column: "licence_class", code: "NOT_ALLOWED", spoil: write("Z9")},
		{column: "licence_number", code: "DUPLICATE_IN_FILE", like: true},
		{column: "valid_until", code: "REQUIRED", spoil: erase},
		{column: "licence_number", code: "PRECISION_LOST", spoil: count("4827361950271830")},
		{column: "issued_on", code: "NOT_A_DATE", spoil: write("unknown")},
		{column: "licence_number", code: "LENGTH", spoil: write("AB1")},
		{column: "employee_id", code: "REFERENCE_MISSING", spoil: stranger},
	},
	"car_assignments": {
		{column: "odometer_km", code: "NOT_AN_INTEGER", spoil: count("1204.7")},
		{column: "driver_licence", code: "REFERENCE_MISSING", spoil: write("no such licence")},
		{column: "assigned_from", code: "NOT_A_DATE", spoil: write("yesterday")},
		{column: "plate", code: "PATTERN", spoil: write("abc#12")},
		{column: "assignment_id", code: "DUPLICATE_IN_FILE", like: true},
		{column: "private_use", code: "NOT_A_BOOLEAN", spoil: write("maybe")},
		{column: "plate", code: "REQUIRED", spoil: erase},
		{column: "odometer_km", code: "RANGE", spoil: count("-5")},
		{column: "odometer_km", code: "FORMULA_WITHOUT_VALUE", spoil: formula("SUM(1,2)")},
	},
}

// spoil spoils the row, and records its mistake in the manifest.
func (g *generator) spoil(sheet *schema.Sheet, i int, cells []cell) {
	kinds := mistakes[sheet.Name]
	turn, _ := slices.BinarySearch(g.spoiled[sheet.Name], i)
	kind := kinds[turn%len(kinds)]
	if kind.like {
		if earlier := g.earlier(sheet.Name, i); earlier >= 0 {
			like := make([]cell, len(cells))
			g.filler(sheet.Name)(earlier, like)
			_, column := sheet.Column(kind.column)
			kind.spoil = func(cell) cell { return like[column] }
		} else {
			kind = kinds[0]
		}
	}
	_, column := sheet.Column(kind.column)
	cells[column] = kind.spoil(cells[column])
	row := uint32(i) + 2
	g.manifest.Mistakes = append(g.manifest.Mistakes, Mistake{
		Sheet: sheet.Name, Column: kind.column, Code: kind.code, Row: row,
		Cell: xlsxwrite.CellName(column+1, i+2),
	})
}

// earlier returns the nearest row above that is imported, or -1.
func (g *generator) earlier(sheet string, i int) int {
	for i--; i >= 0 && g.outcome(sheet, i) != inserted; i-- {
	}
	return i
}

func (p *plan) isSpoiled(sheet string, i int) bool {
	_, found := slices.BinarySearch(p.spoiled[sheet], i)
	return found
}

func erase(cell) cell { return cell{} }

// stranger is an employee number that no employee has. It differs for each employee, because it can be a key.
func stranger(c cell) cell {
	digits := "000000" + c.Text // the head of a department has no manager, and so no number to start from
	return text("99" + digits[len(digits)-6:])
}

func write(s string) func(cell) cell { return func(cell) cell { return text(s) } }

// count writes a number in the format of the replaced cell.
func count(v string) func(cell) cell {
	return func(c cell) cell { return number(c.Style, v) }
}

func excelError(v string) func(cell) cell {
	return func(c cell) cell { return cell{Kind: xlsxwrite.Error, Style: c.Style, Text: v} }
}

func formula(f string) func(cell) cell {
	return func(c cell) cell { return cell{Kind: xlsxwrite.FormulaWithoutValue, Style: c.Style, Text: f} }
}
