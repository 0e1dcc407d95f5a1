package report

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"iter"
	"strings"
	"testing"

	"headway/services/importer/internal/imports"
)

func TestErrorListIsHarmlessCSV(t *testing.T) {
	var b bytes.Buffer
	issues := []imports.Issue{
		{Sheet: "issues", Cell: "Issues!D4", Row: 4, Column: "amount", Value: "=1+1", Severity: imports.Error, Code: imports.NotANumber, Message: "say \"no\", please\nor yes"},
		{Sheet: "issues", Cell: "Issues!D5", Row: 5, Column: "amount", Value: "-12.5", Severity: imports.Warning, Code: imports.Range, Message: "too small"},
		{Sheet: "issues", Cell: "Issues!D6", Row: 6, Column: "note", Value: "+49 30", Severity: imports.Error, Code: imports.Pattern, Message: "@SUM(A1)"},
	}
	if err := WriteCSV(t.Context(), &b, Import{Issues: stored(issues...)}); err != nil {
		t.Fatal(err)
	}
	text, marked := strings.CutPrefix(b.String(), "\xEF\xBB\xBF")
	if !marked || strings.Count(text, "\r\n") != 5 || strings.Count(text, "\n") != 5 {
		t.Errorf("no byte order mark, or no CRLF: %q", b.String())
	}
	records, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(records) != 4 {
		t.Fatalf("it reads as %v, %v", records, err)
	}
	for n, want := range map[[2]int]string{{0, 0}: "sheet", {1, 4}: "'=1+1", {1, 7}: "say \"no\", please\nor yes", {2, 4}: "-12.5", {2, 5}: "warning", {3, 4}: "'+49 30", {3, 7}: "'@SUM(A1)"} {
		if got := records[n[0]][n[1]]; got != want {
			t.Errorf("record %d, field %d is %q, want %q", n[0], n[1], got, want)
		}
	}
	lost := errors.New("the store is gone")
	failing := Import{Issues: func(context.Context, string) iter.Seq2[imports.Issue, error] {
		return func(yield func(imports.Issue, error) bool) { yield(imports.Issue{}, lost) }
	}}
	if err := WriteCSV(t.Context(), io.Discard, failing); !errors.Is(err, lost) {
		t.Errorf("the error is %v", err)
	}
	if err := WriteCSV(t.Context(), brokenPipe{}, Import{Issues: stored()}); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("the error is %v", err)
	}
}

// TestErrorListIsHarmlessInEveryDialect reads the list as spreadsheets with other separators do. None of them finds a cell
// that it would execute.
func TestErrorListIsHarmlessInEveryDialect(t *testing.T) {
	hostile := []string{"x;=1+1", "x\t=1+1", "x|@SUM(A1)", "a\";=cmd|' /C calc'!A0;\"", ";\"=1+1\"", "; \"\"-1+1", "\n=1+1", "a\r\n+cmd", " =1+1", "\"=1+1", ";＝1", ";-5", "\u00a0=1"}
	var issues []imports.Issue
	for i, value := range hostile {
		issues = append(issues, imports.Issue{Sheet: "s", Cell: "S!A1", Row: i + 2, Column: value, Value: value, Code: imports.Pattern, Message: "It is " + value})
	}
	var b bytes.Buffer
	if err := WriteCSV(t.Context(), &b, Import{Issues: stored(issues...)}); err != nil {
		t.Fatal(err)
	}
	text := strings.TrimPrefix(b.String(), byteOrderMark)
	for _, separator := range ",;\t|" {
		for _, cell := range spreadsheetCells(text, separator) {
			trimmed := strings.TrimLeft(cell, " \u00a0")
			if Runs(cell) || Runs(trimmed) {
				t.Errorf("separated by %q, a cell is %q", separator, cell)
			}
		}
	}
	records, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(records) != len(hostile)+1 || records[12][4] != ";'-5" {
		t.Errorf("it reads as %q, %v", records, err)
	}
}

// spreadsheetCells splits a text like a spreadsheet: a quotation mark counts only at the beginning of a cell, and text
// after the closing one belongs to the cell.
func spreadsheetCells(text string, separator rune) (cells []string) {
	var cell strings.Builder
	quoted, fresh := false, true
	for _, r := range text {
		switch {
		case r == '"' && (quoted || fresh):
			quoted, fresh = !quoted, false
		case !quoted && (r == separator || r == '\n' || r == '\r'):
			cells = append(cells, cell.String())
			cell.Reset()
			fresh = true
		default:
			cell.WriteRune(r)
			fresh = false
		}
	}
	return append(cells, cell.String())
}

func TestRuns(t *testing.T) {
	for value, want := range map[string]bool{
		"": false, "plain": false, "=1": true, "+1": false, "-1.5": false, "+-1": true, "-": true, "@x": true, "\tx": true, "\rx": true, "\nx": true, "＝1": true, "-1+cmd": true, "1.2.3": false, "-1.2.3": true, "a=b": false,
	} {
		if Runs(value) != want {
			t.Errorf("%q: %t", value, !want)
		}
	}
}

func TestFileNames(t *testing.T) {
	for uploaded, want := range map[string]string{"people.xlsx": "people-report.xlsx", "a.b.xlsm": "a.b-report.xlsx", "people": "people-report.xlsx", "": "report.xlsx", ".xlsx": ".xlsx-report.xlsx"} {
		if got := FileName(uploaded, "report.xlsx"); got != want {
			t.Errorf("%q gives %q, want %q", uploaded, got, want)
		}
	}
}
