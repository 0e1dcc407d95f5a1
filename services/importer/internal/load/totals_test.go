package load_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"headway/services/importer/internal/check"
	"headway/services/importer/internal/imports"
)

const salesSchema = `
name: sales
title: Sales
sheets:
  - name: sales
    title: Sales
    table: sales
    key: code
    columns:
      - {name: code, title: Code, type: text, required: true}
      - {name: owner, title: Owner, type: text}
      - {name: quantity, title: Quantity, type: integer}
      - {name: amount, title: Amount, type: decimal}
`

// TestRowsThatAddUpTheRowsAbove checks that a row with an unknown label, whose numbers are sums, is an error if there is more
// evidence, and is imported with a notice if it is not clear. A row whose number is a sum by chance is imported.
func TestRowsThatAddUpTheRowsAbove(t *testing.T) {
	for name, test := range map[string]struct {
		rows   [][]any
		issues []string
		notice string // the rows that it names
	}{
		"a total below all rows": {[][]any{{"a", "ann", 1, 10.5}, {"b", "bob", 2, 20.25}, {"Alles zusammen", nil, 3, 30.75}},
			[]string{"Sales!A4 NOT_A_RECORD"}, ""},
		"numbers as text": {[][]any{{"a", "ann", "1", "1,000.50"}, {"b", "bob", "2", "2,000.00"}, {"Bendra", nil, "3", "3,000.50"}},
			[]string{"Sales!A4 NOT_A_RECORD"}, ""},
		"codes with digits, a label without": {[][]any{{"K1", "ann", 10, nil}, {"K2", "ann", 20, nil}, {"K3", "ann", 70, nil}, {"Altogether", "ann", 100, nil}},
			[]string{"Sales!A5 NOT_A_RECORD"}, ""},
		"subtotals and a grand total": {[][]any{{"a", "ann", 1, 100}, {"b", "bob", 2, 200}, {"North", nil, 3, 300}, {"c", "ann", 4, 150}, {"d", "bob", 5, 250},
			{"South", nil, 9, 400}, {"Both", nil, 12, 700}}, []string{"Sales!A4 NOT_A_RECORD", "Sales!A7 NOT_A_RECORD", "Sales!A8 NOT_A_RECORD"}, ""},
		"a total after an empty row": {[][]any{{"a", "ann", 1, 1000}, {"b", "bob", 2, 2500}, {}, {"Alles zusammen", nil, 3, 3500}},
			[]string{"Sales!A5 NOT_A_RECORD"}, ""},
		"the price is an average": {[][]any{{"a", "ann", 1000, 10.5}, {"b", "bob", 2000, 20.25}, {"c", "bob", 3000, 1}, {"Alles zusammen", nil, 6000, 31.75}},
			[]string{"Sales!A5 NOT_A_RECORD"}, ""},
		"an average": {[][]any{{"a", "ann", 1, 1000.33}, {"b", "bob", 2, 2000.33}, {"c", "cid", 4, 1500.33}, {"Durchschnittlich", nil, nil, 1500.33}},
			[]string{"Sales!A5 NOT_A_RECORD"}, ""},
		"an average with more decimals": {[][]any{{"a", "ann", 1, 1000}, {"b", "bob", 2, 2000}, {"c", "cid", 4, 1001}, {"Pro Kopf", nil, nil, "1333.66666666667"}},
			[]string{"Sales!A5 NOT_A_RECORD"}, ""},
		"an average of equal numbers": {[][]any{{"a", "ann", 40, nil}, {"b", "bob", 40, nil}, {"c", nil, 40, nil}}, nil, ""},
		"a rounded total": {[][]any{{"a", "ann", 1, 1000.333}, {"b", "bob", 2, 2000.333}, {"c", "cid", 4, 1500.333}, {"Alles zusammen", nil, 7, 4501}},
			[]string{"Sales!A5 NOT_A_RECORD"}, ""},
		"a total of rounded numbers": {[][]any{{"a", "ann", nil, 1010.01}, {"b", "bob", nil, 2020.02}, {"c", "cid", nil, 3030.33}, {"Alles zusammen", nil, nil, 6060.37}},
			[]string{"Sales!A5 NOT_A_RECORD"}, ""},
		"about a total": {[][]any{{"a", "ann", nil, 1010.01}, {"b", "bob", nil, 2020.02}, {"c", "cid", nil, 3030.33}, {"d", nil, nil, 6061.20}}, nil, ""},
		"the smallest and the largest number": {[][]any{{"a", "ann", 1, 10}, {"b", "bob", 5, 20}, {"Min", nil, 1, 10}, {"MAX.", nil, 5, 20}},
			[]string{"Sales!A4 NOT_A_RECORD", "Sales!A5 NOT_A_RECORD"}, ""},
		"a total with another text":      {[][]any{{"a", "ann", 1, 1000}, {"b", "bob", 2, 2500}, {"TOTAL", "2 people", 3, 3500}}, []string{"Sales!A4 NOT_A_RECORD"}, ""},
		"a total with a dash as its key": {[][]any{{"a", "ann", 1, 1000}, {"b", "bob", 2, 2500}, {"-", "Grand total", 3, 3500}}, []string{"Sales!A4 NOT_A_RECORD"}, ""},
		"a company named Total":          {[][]any{{"a", "ann", 1, 1000}, {"b", "bob", 2, 2500}, {"c", "Total Energy", 3, 700}}, nil, ""},
		"a name like a label":            {[][]any{{"Ann", "eve", 1, 10}, {"Bob", "eve", 5, 20}, {"Max", nil, 2, 17}}, nil, ""},
		"an error in a row above":        {[][]any{{"a", "ann", "many", 10.5}, {"b", "bob", 2, 20.25}, {"Alles zusammen", nil, 3, 30.75}}, []string{"Sales!C2 NOT_A_NUMBER", "Sales!A4 NOT_A_RECORD"}, ""},
		"one number, nothing else":       {[][]any{{"a", "ann", 10, nil}, {"b", "bob", 20, nil}, {"c", "cid", 30, nil}}, nil, "4"},
		"an empty cell, like codes":      {[][]any{{"K1", "ann", 10, nil}, {"K2", "bob", 20, nil}, {"K3", nil, 30, nil}}, nil, "4"},
		"within the table":               {[][]any{{"a", "ann", 1, nil}, {"b", "bob", 2, nil}, {"c", "cid", 3, nil}, {"d", "ann", 4, nil}}, nil, ""},
		"powers of two":                  {[][]any{{"a", "ann", 1, nil}, {"b", "bob", 1, nil}, {"c", "cid", 2, nil}, {"d", "dan", 4, nil}, {"e", "eve", 5, nil}}, nil, ""},
		"an assembly below its parts":    {[][]any{{"a", "ann", 1, 1000}, {"b", "bob", 2, 2500}, {"c", "cid", 3, 3500}}, nil, "4"},
		"a row with an error":            {[][]any{{"a", "ann", 10, nil}, {"b", "bob", 20, nil}, {"c", "cid", 30, "many"}}, []string{"Sales!D4 NOT_A_NUMBER"}, ""},
		"one digit":                      {[][]any{{"a", "ann", 1, nil}, {"b", "bob", 2, nil}, {"c", "cid", 3, nil}}, nil, ""},
		"zeros":                          {[][]any{{"a", "ann", 0, 0}, {"b", "bob", 0, 0}, {"c", nil, 0, 0}}, nil, ""},
		"only one number differs":        {[][]any{{"a", "ann", 1, 10}, {"b", "bob", 2, 20}, {"c", nil, 3, 31}}, nil, ""},
		"rows below a total": {[][]any{{"a", "ann", 1, 1000}, {"b", "bob", 2, 2500}, {"Alles zusammen", nil, 3, 3500}, {}, {"Erlaubt", nil, 4, 9900}, {"Noch frei", nil, 1, nil}},
			[]string{"Sales!A4 NOT_A_RECORD", "Sales!A6 NOT_A_RECORD", "Sales!A7 NOT_A_RECORD"}, ""},
		"rows below a named total": {[][]any{{"a", "ann", 1, 1000}, {"b", "bob", 2, 2500}, {"Total", nil, 4, 3600}, {"Erlaubt", nil, 4, 9900}},
			[]string{"Sales!A4 NOT_A_RECORD", "Sales!A5 NOT_A_RECORD"}, ""},
		"records below a subtotal": {[][]any{{"a", "ann", 1, 1000}, {"b", "bob", 2, 2500}, {"Total", nil, 3, 3500}, {"c", "cid", 5, 100}, {"d", nil, 5, 110}},
			[]string{"Sales!A4 NOT_A_RECORD"}, ""},
		"records below a subtotal, without an owner": {[][]any{{"a", nil, 1, 1000}, {"b", "bob", 2, 2500}, {"Total", nil, 3, 3500}, {"c", nil, 5, 100}},
			[]string{"Sales!A4 NOT_A_RECORD"}, ""},
		"codes below a subtotal": {[][]any{{"K1", "ann", 1, 1000}, {"K2", "bob", 2, 2500}, {"Total", nil, 3, 3500}, {"K3", nil, 5, 100}},
			[]string{"Sales!A4 NOT_A_RECORD"}, ""},
		"a row with an error below a total": {[][]any{{"a", "ann", 1, 1000}, {"b", "bob", 2, 2500}, {"Total", nil, 3, 3500}, {"Erlaubt", nil, nil, "many"}, {"Noch frei", nil, 1, 6400}},
			[]string{"Sales!A4 NOT_A_RECORD", "Sales!D5 NOT_A_NUMBER", "Sales!A6 NOT_A_RECORD"}, ""},
		"the difference of two rows":   {[][]any{{"a", "ann", 7, 1000.5}, {"b", "bob", 2, 2500.25}, {"Erotus", nil, 5, -1499.75}}, []string{"Sales!A4 NOT_A_RECORD"}, ""},
		"the difference of round rows": {[][]any{{"a", "ann", nil, 2000}, {"b", "bob", nil, 45000}, {"c", nil, nil, 43000}}, nil, ""},
		"the difference, like codes":   {[][]any{{"K1", "ann", 7, 1000.5}, {"K2", "bob", 2, 2500.25}, {"K3", nil, 5, 1499.75}}, nil, ""},
		"the difference of other rows": {[][]any{{"a", "ann", 7, 1000.5}, {"b", "bob", 2, 2500.25}, {"c", "cid", 1, 1}, {"d", nil, 5, 1499.75}}, nil, ""},
		"averages in all columns":      {[][]any{{"Meier", "ann", 30, 1000.5}, {"Huber", "ann", 52, 2500.25}, {"Ø", "ann", 41, 1750.38}}, []string{"Sales!A4 NOT_A_RECORD"}, ""},
		"averages without others":      {[][]any{{"Meier", "ann", 30, 1000.5}, {"Huber", "ann", 52, 2500.25}, {"Mittelwert:", "ann", 41, 1750.38}}, []string{"Sales!A4 NOT_A_RECORD"}, ""},
		"averages below sums": {[][]any{{"Meier", "ann", 30, 1000.5}, {"Huber", "ann", 52, 2500.25}, {"Total", "ann", 82, 3500.75}, {"AVG", "ann", 41, 1750.38}, {"Min", "ann", 30, 1000.5}, {"Max", "ann", 52, 2500.25}},
			[]string{"Sales!A4 NOT_A_RECORD", "Sales!A5 NOT_A_RECORD", "Sales!A6 NOT_A_RECORD", "Sales!A7 NOT_A_RECORD"}, ""},
		"the smallest and the largest number in words": {[][]any{{"Meier", "ann", 30, 1000.5}, {"Huber", "ann", 52, 2500.25}, {"Minimum", "ann", 30, 1000.5}, {"Höchstwert", "ann", 52, 2500.25}},
			[]string{"Sales!A4 NOT_A_RECORD", "Sales!A5 NOT_A_RECORD"}, ""},
		"counts in all columns":             {[][]any{{"Meier", "ann", 30, 1000.5}, {"Huber", "ann", 52, 2500.25}, {"Anzahl", "ann", 2, 2}}, []string{"Sales!A4 NOT_A_RECORD"}, ""},
		"a weighted average next to others": {[][]any{{"Meier", "ann", 30, 1000.5}, {"Huber", "ann", 52, 2500.25}, {"Durchschnitt", "ann", 44, 1750.38}}, []string{"Sales!A4 NOT_A_RECORD"}, ""},
		"an average of few digits":          {[][]any{{"Meier", "ann", 3, 5}, {"Huber", "ann", 5, 5}, {"Ø", "ann", 4, 5}}, nil, "4"},
		"a department named Media":          {[][]any{{"Sales", "ann", 40, 5}, {"Press", "ann", 20, 5}, {"Media", "ann", 30, 5}}, nil, ""},
		"a rating named Average":            {[][]any{{"Good", "ann", 120, 5}, {"Poor", "ann", 31, 5}, {"Average", "ann", 94, 5}}, nil, ""},
		"names like labels":                 {[][]any{{"Ann", "ann", 30, 1000.5}, {"Bob", "ann", 52, 2500.25}, {"Max", "ann", 52, 2500.25}, {"Min", "ann", 30, 1000.5}}, nil, ""},
		"averages within the table":         {[][]any{{"Meier", "ann", 30, 1000.5}, {"Huber", "ann", 52, 2500.25}, {"Average", "ann", 41, 1750.38}, {"Weber", "ann", 7, 20}}, []string{"Sales!A4 NOT_A_RECORD"}, ""},
		"a number as the code":              {[][]any{{"1", "ann", 1, 1000}, {"2", "bob", 2, 2500}, {"3", nil, 3, 3500}}, nil, ""},
		"one row above":                     {[][]any{{"a", "ann", 1, 1000}, {"b", nil, 1, 1000}}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := setupFor(t, salesSchema)
			task, summary := b.run(sheetsOf(t, map[string][][]any{"Sales": append([][]any{{"Code", "Owner", "Quantity", "Amount"}}, test.rows...)}), upsert)
			b.wantErrors(task.Import.ID, test.issues...)
			for _, issue := range b.issuesOf(task.Import.ID, imports.NotARecord) {
				if !strings.Contains(issue.Message, "looks like a") && !strings.Contains(issue.Message, "is below a total") {
					t.Error(issue.Message)
				}
			}
			counts := summary.Sheets["sales"]
			if counts.Rejected != uint32(len(test.issues)) || counts.Inserted+counts.Rejected != counts.Read {
				t.Errorf("%+v", counts)
			}
			b.wantNotice(task.Import.ID, imports.SumRows, test.notice)
		})
	}
}

// TestRowsBelowLeftOutTotals checks rows below a total with a formula. The total is left out, and the batch ends with it.
func TestRowsBelowLeftOutTotals(t *testing.T) {
	for _, records := range []int{3, check.MaxBatchRows - 1, check.MaxBatchRows, check.MaxBatchRows + 1} {
		b := setupFor(t, salesSchema)
		rows := [][]any{{"Code", "Owner", "Quantity", "Amount"}}
		for i := range records {
			rows = append(rows, []any{fmt.Sprint("k", i), "ann", 2, 1.25})
		}
		last := records + 1
		rows = append(rows, []any{"Total", nil, excelize.Cell{Formula: fmt.Sprintf("SUM(C2:C%d)", last), Value: 7}, nil}, []any{"Noch frei", nil, 4, nil})
		task, summary := b.run(streamed(t, "Sales", rows), upsert)
		b.wantIssues(task.Import.ID, fmt.Sprintf("Sales!A%d NOT_A_RECORD", last+2))
		wantCounts(t, summary.Sheets["sales"], fmt.Sprintf("%d %d 0 0 1 0", records+1, records))
	}
}

// TestSumsAreFoundAcrossBatches has more rows than a batch, and the first row of a batch is a total.
func TestSumsAreFoundAcrossBatches(t *testing.T) {
	b := setupFor(t, salesSchema)
	rows, quantity := [][]any{{"Code", "Owner", "Quantity", "Amount"}}, 0
	for i := range 2000 {
		rows = append(rows, []any{fmt.Sprint("k", i), "ann", i, 1.25})
		quantity += i
	}
	rows = append(rows, []any{"Bendra suma", nil, quantity, 2500})
	task, summary := b.run(sheetsOf(t, map[string][][]any{"Sales": rows}), upsert)
	b.wantIssues(task.Import.ID, "Sales!A2002 NOT_A_RECORD")
	wantCounts(t, summary.Sheets["sales"], "2001 2000 0 0 1 0")
}
