package mapping

import (
	"context"
	"errors"
	"strings"
	"testing"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
)

// book is a workbook with sheets of text.
type book map[string][][]string

func (b book) Sheets() (list []source.Sheet) {
	for name := range b {
		list = append(list, source.Sheet{Name: name, Bytes: 1})
	}
	return list
}

func (b book) Rows(_ context.Context, sheet string) (source.Rows, error) {
	return &rows{table: b[sheet]}, nil
}

func (b book) Civil(*source.Cell) (source.Civil, error) { return source.Civil{}, source.ErrNotADate }
func (b book) Close() error                             { return nil }

type rows struct {
	table [][]string
	n     int
}

func (r *rows) Next() bool {
	r.n++
	return r.n <= len(r.table)
}

func (r *rows) Row() source.Row {
	row := source.Row{Number: r.n}
	for i, text := range r.table[r.n-1] {
		row.Cells = append(row.Cells, source.Cell{Col: i + 1, Kind: source.Text, Text: []byte(text)})
	}
	return row
}

func (r *rows) Err() error                  { return nil }
func (r *rows) Close() error                { return nil }
func (r *rows) Progress() (read, all int64) { return 0, 0 }

func TestHeadersInTwoRowsAreMatchedTogether(t *testing.T) {
	s := people(t)
	b := book{"People": {
		{"Staff of the north"}, {},
		{"", "Name of the owner", "", "Year"},
		{"Code", "First", "Last", "of birth"},
		{"A-1", "Ann", "Berg", "1981"}, {"A-2", "Bob", "Stein", "1975"}, {"A-3", "Eve", "Wald", "1990"},
	}}
	found, err := Find(t.Context(), b, s, []imports.SheetMapping{{Sheet: "people", Columns: map[string]string{"first": "Name of the owner First", "last": "Name of the owner Last"}}})
	if err != nil || found[0].HeaderRow != 4 || len(found[0].Columns) != 3 {
		t.Errorf("found %+v, %v", found, err)
	}
}

func TestErrorNamesRowThatLooksLikeHeaders(t *testing.T) {
	b := book{"People": {{"Staff of the north"}, {"Nummer", "Vorname", "Jahr"}, {"1", "Ann", "1981"}, {"2", "Bob", "1975"}, {"3", "Eve", "1990"}}}
	_, err := Find(t.Context(), b, people(t), nil)
	if err == nil || !strings.Contains(err.Error(), "in row 2") || !strings.Contains(err.Error(), "“Nummer”") {
		t.Errorf("the error is %v", err)
	}
}

func people(t *testing.T) *schema.Schema {
	t.Helper()
	s, err := schema.Load("people.yaml", []byte(`
name: people
title: People
sheets:
  - name: people
    title: People
    table: people
    key: code
    columns:
      - {name: code, title: Code, type: text, required: true}
      - {name: first, title: First, type: text}
      - {name: last, title: Last, type: text}
`))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestHeadersAreFoundBelowTitle(t *testing.T) {
	found, err := Find(t.Context(), book{"People": {{"Staff of 2026"}, {"", "Code", "LAST"}, {"", "a", "b"}}}, people(t), nil)
	if err != nil || len(found) != 1 {
		t.Fatalf("got %v, %v", found, err)
	}
	if s := found[0]; s.HeaderRow != 2 || len(s.Columns) != 2 || s.Columns[0].Column != 2 || s.Columns[1].Name != "last" || s.Columns[1].Column != 3 {
		t.Errorf("got %+v", s)
	}
}

func TestHeaderMappedToTwoColumnsIsAmbiguous(t *testing.T) {
	file := book{"People": {{"Code", "Name"}}}
	for range 20 { // a map's order must not decide
		_, err := Find(t.Context(), file, people(t), []imports.SheetMapping{{Sheet: "people", Columns: map[string]string{"first": "Name", "last": "name"}}})
		var fit *Error
		// The header is written as for "first", so "last" has no header.
		if !errors.As(err, &fit) || fit.Problem != MappingInvalid || !strings.Contains(fit.Error(), "“Last”") {
			t.Fatalf("got %v", err)
		}
		_, err = Find(t.Context(), file, people(t), []imports.SheetMapping{{Sheet: "people", Columns: map[string]string{"first": "Name", "last": "Name"}}})
		if !errors.As(err, &fit) || fit.Problem != MappingInvalid || !strings.Contains(fit.Error(), "both “First” and “Last”") {
			t.Fatalf("got %v", err)
		}
	}
}

func TestErrorsNameTitlesAndPositions(t *testing.T) {
	s, err := schema.Load("staff.yaml", []byte(`
name: staff
sheets:
  - name: staff
    title: Staff list
    key: code
    columns:
      - {name: code, title: Personal number, type: text, required: true}
      - {name: email, title: E-Mail, type: email}
      - {name: fee, title: Hourly fee, type: decimal}
`))
	if err != nil {
		t.Fatal(err)
	}
	mapped := func(m imports.SheetMapping) []imports.SheetMapping {
		m.Sheet = "staff"
		return []imports.SheetMapping{m}
	}
	file := book{"Staff": {{"Personal number", "E-Mail"}}}
	decimal := &schema.Rules{Decimal: ",", Thousands: ","}
	for want, m := range map[string][]imports.SheetMapping{
		"the column “E-Mail” the header “Mail”":             mapped(imports.SheetMapping{Columns: map[string]string{"email": "Mail"}}),
		"both “E-Mail” and “Hourly fee”":                    mapped(imports.SheetMapping{Columns: map[string]string{"email": "E-Mail", "fee": "E-Mail"}}),
		"constant of the column “E-Mail” is not valid":      mapped(imports.SheetMapping{Constants: map[string]string{"email": "none"}}),
		"the column “E-Mail” the constant “a@b.example”":    mapped(imports.SheetMapping{Constants: map[string]string{"email": "a@b.example"}, Columns: map[string]string{"email": "Mail"}}),
		"two headers for the column “E-Mail”":               mapped(imports.SheetMapping{Joins: []imports.ColumnJoin{{Column: "email", Headers: []string{"Mail"}}}}),
		"The rule thousands of the column “Hourly fee” is":  mapped(imports.SheetMapping{Rules: map[string]*schema.Rules{"fee": decimal}}),
		"The mapping subtracts “Mail” for the column “E-M":  mapped(imports.SheetMapping{Joins: []imports.ColumnJoin{{Column: "email", Headers: []string{"Mail", "E-Mail"}, Negated: []string{"Mail"}}}}),
		"“Mail” with others for the column “E-Mail”, and":   mapped(imports.SheetMapping{Joins: []imports.ColumnJoin{{Column: "email", Headers: []string{"Mail", "E-Mail"}}}}),
		"The mapping names the column “mail”, which":        mapped(imports.SheetMapping{Joins: []imports.ColumnJoin{{Column: "mail", Headers: []string{"Mail"}}}}),
		"The mapping gives the column “E-Mail” several sou": mapped(imports.SheetMapping{Columns: map[string]string{"email": "E"}, Joins: []imports.ColumnJoin{{Column: "email", Headers: []string{"A", "B"}}}}),
	} {
		err := Check(s, m)
		if err == nil {
			_, err = Find(t.Context(), file, s, m)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	left := book{"Staff": {{"Team of the north"}, {"Personal number", "", "Mail address"}, {"1", "", "ann@example.com"}, {"2", "", "bob@example.com"}}}
	err = Confirm(t.Context(), left, s, nil, false)
	if want := "The column “Mail address” (Staff!C2) could be for “E-Mail”."; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestHeadersThatDifferInCaseAreMappedApart(t *testing.T) {
	found, err := Find(t.Context(), book{"People": {{"Code", "name", "Name"}}}, people(t),
		[]imports.SheetMapping{{Sheet: "people", Columns: map[string]string{"first": "Name", "last": "name"}}})
	if err != nil {
		t.Fatal(err)
	}
	if c := found[0].Columns; c[1].Name != "first" || c[1].Column != 3 || c[2].Name != "last" || c[2].Column != 2 {
		t.Errorf("got %+v", c)
	}
}

// shown is a workbook with ordered sheets, some of which are hidden.
type shown struct {
	book
	sheets []source.Sheet
}

func (s shown) Sheets() []source.Sheet { return s.sheets }

func TestVisibleSheetIsPreferredToHidden(t *testing.T) {
	full, part := [][]string{{"Code", "First", "Last"}}, [][]string{{"Code", "First"}}
	for name, test := range map[string]struct {
		// sheets are the names of the sheets. A "-" marks a hidden one.
		sheets map[string][][]string
		want   string
		reason string
	}{
		"exact name":     {map[string][][]string{"People": part, "-PEOPLE": full}, "People", imports.HiddenIgnored},
		"both similar":   {map[string][][]string{"PEOPLE": part, "-people.": full}, "", ""},
		"hidden exact":   {map[string][][]string{"PEOPLE": part, "-People": full}, "", ""},
		"same headers":   {map[string][][]string{"-People": full, "Export": full}, "Export", imports.VisiblePreferred},
		"more headers":   {map[string][][]string{"-People": part, "Export": full}, "Export", imports.VisiblePreferred},
		"fewer headers":  {map[string][][]string{"-People": full, "Export": part}, "People", imports.HiddenSheet},
		"no key":         {map[string][][]string{"-People": full, "Export": {{"First", "Last"}}}, "People", imports.HiddenSheet},
		"two alike":      {map[string][][]string{"-People": full, "Export": full, "Export 2": full}, "", ""},
		"two hidden":     {map[string][][]string{"-People": full, "-PEOPLE": full}, "", ""},
		"hidden exports": {map[string][][]string{"-People": full, "-Export": full}, "People", imports.HiddenSheet},
	} {
		w := shown{book: book{}}
		for sheet, rows := range test.sheets {
			visible, hidden := strings.CutPrefix(sheet, "-")
			listed := source.Sheet{Name: visible, Bytes: 1}
			if hidden {
				listed.State = source.VeryHidden
			}
			w.book[visible] = rows
			w.sheets = append(w.sheets, listed)
		}
		found, err := Find(t.Context(), w, people(t), nil)
		if test.want == "" {
			var fit *Error
			if !errors.As(err, &fit) || fit.Problem != SheetDuplicated {
				t.Errorf("%s: got %v, %v", name, found, err)
			}
			continue
		}
		if err != nil || len(found) != 1 || found[0].WorkbookSheet != test.want || len(found[0].Notices) != 1 || found[0].Notices[0].Reason != test.reason || found[0].Notices[0].Sheet != "people" {
			t.Errorf("%s: got %+v, %v", name, found, err)
		}
	}
}

func TestHeaderIsNotMatchedByItsBeginning(t *testing.T) {
	long := "Code" + strings.Repeat(" ", 300) + "of the manager"
	found, err := Find(t.Context(), book{"People": {{long, "Code", "First"}, {"x", "a", "b"}}}, people(t), nil)
	if err != nil || len(found) != 1 || found[0].Columns[0].Column != 2 || len(found[0].Ignored) != 1 || found[0].Ignored[0].Column != 1 {
		t.Errorf("got %+v, %v", found, err)
	}
}

// TestHeadersWithSameTextAreMapped has two tables next to each other, with a header in both.
func TestHeadersWithSameTextAreMapped(t *testing.T) {
	s := staff(t)
	file := book{"Master data": {
		{"Dept", "Dept name", "", "Dept", "Employee number", "First name", "Last name", "Dept (2)"},
		{"D-1", "Sales", "", "D-2", "17", "Ann", "Berg", "x"},
	}}
	p, err := Look(t.Context(), file, s, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	var headers []string
	for _, c := range p.Sheets[0].Columns {
		headers = append(headers, c.Header)
	}
	if got := strings.Join(headers, ", "); got != "Dept, Dept name, Dept (3), Employee number, First name, Last name, Dept (2)" {
		t.Errorf("the headers are %s", got)
	}
	found, err := Find(t.Context(), file, s, []imports.SheetMapping{
		{Sheet: "departments", WorkbookSheet: "Master data", Columns: map[string]string{"code": "Dept", "name": "Dept name"}},
		{Sheet: "employees", WorkbookSheet: "Master data", Columns: map[string]string{"department": "Dept (3)"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	columns := map[string]int{}
	for _, sheet := range found {
		for _, c := range sheet.Columns {
			columns[sheet.Name+"."+c.Name] = c.Column
		}
	}
	if columns["departments.code"] != 1 || columns["employees.department"] != 4 {
		t.Errorf("the columns are %v", columns)
	}
}

// TestRowsAboveHeadersAreNoticed has a table above the one that is imported, as well as titles and two rows of headers.
func TestRowsAboveHeadersAreNoticed(t *testing.T) {
	for name, c := range map[string]struct {
		rows [][]string
		want string
	}{
		"another table": {[][]string{{"Cars"}, {"Plate", "Since"}, {"B-AC 1", "2025"}, {"M-AC 2", "2024"}, {"Staff"}, {"Employee number", "First name", "Last name"}, {"17", "Ann", "Berg"}},
			"Sheet “employees”: 3 rows above the headers were not imported: rows 2, 3, and 4."},
		"titles": {[][]string{{"Staff of Acme"}, {""}, {"Employee number", "First name", "Last name"}, {"17", "Ann", "Berg"}}, ""},
		"an account above an empty row": {[][]string{{"Account Number", "XXXXXX1234"}, {"Date Range", "02/01/2026 - 02/28/2026"}, {}, {"Employee number", "First name", "Last name", "Department"},
			{"17", "Ann", "Berg", "1,234.5"}, {"18", "Bob", "Bond", "2"}, {"19", "Cy", "Dee", "3"}}, "Sheet “employees”: 2 rows above the headers were not imported: rows 1 and 2."},
		"two rows of headers": {[][]string{{"", "Person", "", "Job", ""}, {"Employee number", "First name", "Last name", "Department", "E-mail"},
			{"17", "Ann", "Berg", "D-1", "ann@example.com"}, {"18", "Bob", "Bond", "D-2", "bob@example.com"}}, ""},
	} {
		found, err := Find(t.Context(), book{"employees": c.rows, "departments": {{"Department code", "Department name"}}}, staff(t), nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got string
		for _, n := range found[1].Notices {
			got += n.Message
		}
		if got != c.want {
			t.Errorf("%s: the notice is %q, want %q", name, got, c.want)
		}
	}
}
