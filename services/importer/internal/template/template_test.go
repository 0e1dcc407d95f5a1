package template

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"headway/internal/messages"
	"headway/schemas"
	"headway/services/importer/internal/convert"
	"headway/services/importer/internal/mapping"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/source/xlsx"
)

func workforce(t *testing.T) *schema.Schema {
	t.Helper()
	data, err := schemas.Files.ReadFile("workforce.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return load(t, string(data))
}

func load(t *testing.T, text string) *schema.Schema {
	t.Helper()
	s, err := schema.Load("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// open reads a template back.
func open(t *testing.T, s *schema.Schema) *excelize.File {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, s, messages.English); err != nil {
		t.Fatal(err)
	}
	f, err := excelize.OpenReader(&b)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestEverySheetHasItsHeadersAndNothingBelow(t *testing.T) {
	s := workforce(t)
	f := open(t, s)
	if got := f.GetSheetList(); len(got) != len(s.Sheets)+1 || got[0] != "Instructions" {
		t.Fatalf("the sheets are %v", got)
	}
	if s.MatchSheet("Instructions") != nil {
		t.Error("the instructions would be imported")
	}
	for _, sheet := range s.Sheets {
		rows, err := f.GetRows(sheet.Title)
		if err != nil || len(rows) != 1 || len(rows[0]) != len(sheet.Columns) {
			t.Fatalf("%s holds %v, %v", sheet.Title, rows, err)
		}
		if s.MatchSheet(sheet.Title) != sheet {
			t.Errorf("the name %q does not find its sheet", sheet.Title)
		}
		comments, err := f.GetComments(sheet.Title)
		if err != nil || len(comments) != len(sheet.Columns) {
			t.Fatalf("%s has %d comments, %v", sheet.Title, len(comments), err)
		}
		for i, header := range rows[0] {
			c := sheet.Columns[i]
			if found, _ := sheet.MatchColumn(header); found != c {
				t.Errorf("%s: the header %q does not find its column", sheet.Title, header)
			}
			if strings.HasSuffix(header, "*") != c.Required {
				t.Errorf("%s: the header %q marks required wrongly", sheet.Title, header)
			}
			id, err := f.GetCellStyle(sheet.Title, comments[i].Cell)
			if err != nil {
				t.Fatal(err)
			}
			if style, err := f.GetStyle(id); err != nil || style.Font == nil || !style.Font.Bold {
				t.Errorf("%s: the header %q is not bold, %v", sheet.Title, header, err)
			}
		}
	}
}

func TestHeaderCommentsDescribeRules(t *testing.T) {
	f := open(t, workforce(t))
	for cell, want := range map[string][]string{
		"Employees!A1":       {"Text. Required.", "every value must be different", "6 to 8 digits"},
		"Employees!E1":       {"“Department code” on the sheet “Departments”"},
		"Employees!H1":       {"A date. Required.", "From 1950-01-01 to 2100-12-31."},
		"Designations!C1":    {"A whole number. Required.", "From 1 to 20."},
		"Schedules!A1":       {"together with Work date"},
		"Schedules!C1":       {"One of early, day, late, night."},
		"Drivers!B1":         {"5 to 20 characters."},
		"Car assignments!D1": {"From 2000-01-01 00:00:00 to 2100-12-31 23:59:59."},
	} {
		sheet, at, _ := strings.Cut(cell, "!")
		comments, err := f.GetComments(sheet)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(comments, func(c excelize.Comment) bool { return c.Cell == at })
		for _, w := range want {
			if i < 0 || !strings.Contains(comments[i].Text, w) {
				t.Errorf("the comment at %s does not say %q: %+v", cell, w, comments)
			}
		}
	}
}

func TestInstructionsListEveryColumn(t *testing.T) {
	s := workforce(t)
	rows, err := open(t, s).GetRows("Instructions")
	if err != nil {
		t.Fatal(err)
	}
	listed := make(map[string][]string)
	for _, r := range rows {
		if len(r) > 2 {
			listed[r[0]+"."+r[1]] = r
		}
	}
	for _, sheet := range s.Sheets {
		for _, c := range sheet.Columns {
			r := listed[sheet.Title+"."+c.Title]
			if r == nil || r[2] != string(c.Type) || (len(r) > 3 && r[3] == "required") != c.Required {
				t.Errorf("%s.%s is listed as %v", sheet.Title, c.Title, r)
			}
		}
	}
}

// validation finds the data validation of a column.
func validation(t *testing.T, f *excelize.File, sheet, column string) *excelize.DataValidation {
	t.Helper()
	list, err := f.GetDataValidations(sheet)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(list, func(dv *excelize.DataValidation) bool {
		return dv.Sqref == fmt.Sprintf("%s2:%s1048576", column, column)
	})
	if i < 0 {
		return &excelize.DataValidation{}
	}
	return list[i]
}

func TestColumnsValidateTypedValues(t *testing.T) {
	f := open(t, workforce(t))
	for _, c := range []struct{ sheet, column, kind, low, high, style string }{
		{"Schedules", "C", "list", `"early,day,late,night"`, "", "stop"},
		{"Employees", "J", "list", `"TRUE,FALSE"`, "", "stop"},
		{"Employees", "E", "list", "OFFSET('Departments'!$A$2,0,0,MAX(1,COUNTA('Departments'!$A:$A)-1),1)", "", "information"},
		{"Employees", "G", "list", "OFFSET('Employees'!$A$2,0,0,MAX(1,COUNTA('Employees'!$A:$A)-1),1)", "", "information"},
		{"Car assignments", "C", "list", "OFFSET('Drivers'!$B$2,0,0,MAX(1,COUNTA('Drivers'!$B:$B)-1),1)", "", "information"},
		{"Employees", "B", "textLength", "2", "120", "stop"},
		{"Employees", "H", "date", "18264", "73415", "stop"},
		{"Employees", "I", "decimal", "0", "10000000", "stop"},
		{"Designations", "C", "whole", "1", "20", "stop"},
		{"Schedules", "D", "time", "0", "0.999999", "stop"},
		{"Car assignments", "D", "date", "36526", "73415.999988426", "stop"},
		{"Car assignments", "A", "whole", "1", "999999999999999", "stop"},
	} {
		dv := validation(t, f, c.sheet, c.column)
		style := "stop"
		if dv.ErrorStyle != nil {
			style = *dv.ErrorStyle
		}
		if dv.Type != c.kind || dv.Formula1 != c.low || dv.Formula2 != c.high || style != c.style || dv.Error == nil {
			t.Errorf("%s!%s: %+v, want %+v", c.sheet, c.column, dv, c)
		}
	}
}

func TestCellsShowRulesAndExample(t *testing.T) {
	s := load(t, `
name: staff
sheets:
  - name: staff
    title: Staff
    key: number
    columns:
      - {name: number, title: Number, type: text, required: true}
      - {name: level, title: Level, type: integer, min: 1, max: 9}
      - {name: born, title: Date of birth of the employee in full, type: date}
      - {name: shift, title: Shift, type: enum, allowed: [early, late]}
`)
	f := open(t, s)
	for column, want := range map[string][2]string{
		"A": {"Number", "Text. Required. Key: every value must be different."},
		"B": {"Level", "A whole number. From 1 to 9. Example: 1"},
		"C": {"Date of birth of the employee in", "A date. Example: 2025-04-03"},
		"D": {"Shift", "One of a list. One of early, late. Example: early"},
	} {
		dv := validation(t, f, "Staff", column)
		if !dv.ShowInputMessage || deref(dv.PromptTitle) != want[0] || deref(dv.Prompt) != want[1] {
			t.Errorf("column %s shows %q: %q", column, deref(dv.PromptTitle), deref(dv.Prompt))
		}
	}
	if dv := validation(t, f, "Staff", "A"); dv.ShowErrorMessage || dv.Type != "" {
		t.Errorf("text is rejected: %+v", dv)
	}
}

func TestExamplesAreValid(t *testing.T) {
	for _, sheet := range workforce(t).Sheets {
		for _, c := range sheet.Columns {
			value := Example(c)
			if value == "" {
				continue
			}
			compiled, err := convert.Compile(c)
			if err != nil {
				t.Fatal(err)
			}
			cell := &source.Cell{Kind: source.Text, Text: []byte(value)}
			if _, _, fault := compiled.Convert(cell, nil, nil); fault != nil {
				t.Errorf("%s.%s: the example %q: %s", sheet.Name, c.Name, value, fault.Message())
			}
		}
	}
}

func TestLongValueListsUseHiddenSheet(t *testing.T) {
	var many []string
	for i := range 60 {
		many = append(many, fmt.Sprintf("value %02d", i))
	}
	s := load(t, `
name: odd
sheets:
  - name: instructions
    title: It's "odd" & <new>
    key: id
    columns:
      - {name: id, type: text, required: true}
      - {name: many, type: enum, allowed: [`+strings.Join(many, ", ")+`]}
      - {name: comma, type: enum, allowed: ["a, b", "c"]}
      - {name: up, type: text, references: instructions.id}
`)
	f := open(t, s)
	title := s.Sheets[0].Title
	if got := f.GetSheetList(); !slices.Equal(got, []string{"How to fill it in", title, "Lists"}) {
		t.Fatalf("the sheets are %q", got)
	}
	if visible, err := f.GetSheetVisible("Lists"); err != nil || visible {
		t.Errorf("the sheet of values is visible, %v", err)
	}
	for column, want := range map[string]string{"B": "'Lists'!$A$1:$A$60", "C": "'Lists'!$B$1:$B$2", "D": `OFFSET('It''s "odd" & <new>'!$A$2,0,0,MAX(1,COUNTA('It''s "odd" & <new>'!$A:$A)-1),1)`} {
		if dv := validation(t, f, title, column); dv.Formula1 != want {
			t.Errorf("%s: the source is %s, want %s", column, dv.Formula1, want)
		}
	}
	if v, _ := f.GetCellValue("Lists", "A60"); v != "value 59" {
		t.Errorf("the last value is %q", v)
	}
}

func TestFilledTemplateHasColumnTypes(t *testing.T) {
	s := workforce(t)
	f := open(t, s)
	for sheet, row := range map[string][]any{
		"Employees":       {"000123", "Ada", "ada@example.com", "+44 1", "D-1", "P-1", "000001", 45000, 1234.5, true},
		"Schedules":       {"000123", 45000, "day", 0.375, 0.75, 30},
		"Car assignments": {7, "AB 1", "0042", 45000.25, 45001.5, 12, false},
	} {
		if err := f.SetSheetRow(sheet, "A2", &row); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	book, err := xlsx.Open(t.Context(), bytes.NewReader(b.Bytes()), int64(b.Len()), source.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	found, err := mapping.Find(t.Context(), book, s, nil)
	if err != nil || len(found) != len(s.Sheets) {
		t.Fatalf("an upload of it finds %d sheets, %v", len(found), err)
	}
	for i, sheet := range found {
		if len(sheet.Columns) != len(s.Sheets[i].Columns) || len(sheet.Ignored) != 0 {
			t.Errorf("an upload of it finds in %s the columns %v, and ignores %v", sheet.Name, sheet.Columns, sheet.Ignored)
		}
	}
	kinds := map[schema.Type]source.Kind{schema.Integer: source.Number, schema.Decimal: source.Number, schema.Boolean: source.Bool, schema.Date: source.Date, schema.Time: source.Date, schema.DateTime: source.Date}
	for _, title := range []string{"Employees", "Schedules", "Car assignments"} {
		sheet := s.MatchSheet(title)
		rows, err := book.Rows(t.Context(), title)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			row := rows.Row()
			for i, cell := range row.Cells {
				want := source.Text
				if k, ok := kinds[sheet.Columns[i].Type]; ok && row.Number > 1 {
					want = k
				}
				if cell.Kind != want || cell.Col != i+1 {
					t.Errorf("%s row %d column %d: kind %d with the format %q, want %d", title, row.Number, cell.Col, cell.Kind, cell.Format.Code, want)
				}
			}
			if len(row.Cells) != len(sheet.Columns) || row.Number > 2 {
				t.Errorf("%s: row %d has %d cells", title, row.Number, len(row.Cells))
			}
		}
		if err := rows.Close(); err != nil {
			t.Error(err)
		}
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestFailingWriterIsError(t *testing.T) {
	if err := Write(brokenPipe{}, workforce(t), messages.English); err == nil {
		t.Error("no error")
	}
}

func deref(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

func TestTemplateInGerman(t *testing.T) {
	s := workforce(t)
	var b bytes.Buffer
	if err := Write(&b, s, messages.German); err != nil {
		t.Fatal(err)
	}
	f, err := excelize.OpenReader(&b)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := f.GetRows("Anleitung")
	if err != nil {
		t.Fatal(err)
	}
	all := ""
	for _, row := range rows {
		all += strings.Join(row, "|") + "\n"
	}
	for _, want := range []string{"Geben Sie ab der zweiten Zeile einen Datensatz pro Zeile ein", "Blatt|Spalte|Typ|Pflicht|Regeln|Beispiel|Andere passende Überschriften",
		"|Pflicht|Schlüssel: Jeder Wert darf nur einmal vorkommen."} {
		if !strings.Contains(all, want) {
			t.Errorf("the instructions lack %q:\n%s", want, all)
		}
	}
	for _, sheet := range s.Sheets {
		for _, c := range sheet.Columns {
			for i, rule := range Rules(s, sheet, c, messages.German) {
				if english := Rules(s, sheet, c, messages.English)[i]; rule == english && rule != "Text." {
					t.Errorf("%s.%s: %q is in English", sheet.Name, c.Name, rule)
				}
			}
		}
	}
	dv := validation(t, f, "Employees", "A")
	if prompt := deref(dv.Prompt); !strings.HasPrefix(prompt, "Text. Pflicht. Schlüssel:") {
		t.Errorf("the prompt is %q", prompt)
	}
}
