// Package report makes what comes back from an import: a workbook of the rows that were not imported, ready to be
// mended and uploaded again, one of the rows that were, and a list of the issues as CSV.
package report

import (
	"context"
	"fmt"
	"iter"

	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
)

// Issue is one thing wrong, as it was recorded.
type Issue struct {
	// Sheet is the schema's name of the sheet.
	Sheet string
	// Cell is where it stands in the uploaded workbook: "Employees!D4711".
	Cell string
	// Row counts from 1; CellColumn is the column's number in the workbook, 0 for the whole row.
	Row, CellColumn int
	// Column is the schema's name of the column; empty for the whole row.
	Column string
	// Value is what the cell holds, perhaps shortened.
	Value string
	// Warning tells that the row was imported all the same.
	Warning bool
	// Blocked tells that the row is not wrong itself, but refers to one that is.
	Blocked bool
	// Code is the issue's name for machines ("NOT_A_DATE").
	Code string
	// Message says what is wrong and what would be right.
	Message string
}

// Cause is a fault that stops other rows.
type Cause struct {
	Issue Issue
	// BlockedRows counts over all sheets.
	BlockedRows uint32
	// Message is for people: "1 missing department blocks 412 employees".
	Message string
}

// Sheet is a sheet of the uploaded workbook, with what became of it.
type Sheet struct {
	// Name is the schema's name of the sheet, WorkbookSheet the workbook's.
	Name, WorkbookSheet string
	// HeaderRow is the number of the row with the headers, from 1.
	HeaderRow int
	// Columns gives the schema's names of the columns by their numbers in the workbook; found by their headers if nil.
	Columns map[int]string
	// Read, Rejected and Blocked count rows; Issues counts all errors that were found, recorded or not.
	Read, Rejected, Blocked, Issues uint32
	// Inserted, Updated and Unchanged count the rows that were imported.
	Inserted, Updated, Unchanged uint32
}

// Import is what a report tells about.
type Import struct {
	Schema *schema.Schema
	// FileName is the uploaded file's name.
	FileName string
	// Sheets are those that the workbook had, in the order in which they are loaded.
	Sheets []Sheet
	// Causes are the faults that block other rows, the largest first.
	Causes []Cause
	// Date1904 tells that the uploaded workbook counts its dates from 1904.
	Date1904 bool
}

// Row is a row of the uploaded workbook with its recorded issues.
type Row struct {
	source.Row
	Issues []Issue
}

// Source gives the rows that a report holds.
type Source interface {
	// Rows gives the sheet's header row, without issues, and then every row that has a recorded issue, by ascending
	// number. A row is valid until the next one. An error is the last thing that it gives.
	Rows(ctx context.Context, sheet Sheet) iter.Seq2[Row, error]
}

// CountError says that a report would not hold the rows that the import's numbers speak of, and was not made.
type CountError struct {
	Sheet          string
	Reported, Want int
}

func (e *CountError) Error() string {
	return fmt.Sprintf("sheet %q: the recorded issues name %d rows, but %d were rejected or blocked", e.Sheet, e.Reported, e.Want)
}

// FileName is the name to save an import's report under; kind is "report.xlsx", "imported.xlsx" or "issues.csv".
func FileName(uploaded, kind string) string {
	for i := len(uploaded) - 1; i > 0; i-- {
		if uploaded[i] == '.' {
			return uploaded[:i] + "-" + kind
		}
	}
	if uploaded == "" {
		return kind
	}
	return uploaded + "-" + kind
}
