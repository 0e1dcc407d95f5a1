package mapping

import (
	"errors"
	"strings"
	"testing"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
)

const staffSchema = `
name: staff
title: Staff
sheets:
  - name: departments
    title: Departments
    key: code
    columns:
      - {name: code, title: Department code, type: text, required: true}
      - {name: name, title: Department name, type: text, required: true}
  - name: employees
    title: Employees
    key: number
    columns:
      - {name: number, title: Employee number, type: text, required: true}
      - {name: first_name, title: First name, type: text, required: true}
      - {name: last_name, title: Last name, type: text, required: true}
      - {name: birth_date, title: Date of birth, type: date}
      - {name: email, title: E-mail, type: email}
      - {name: department, title: Department, type: text, references: departments.code}
`

func staff(t *testing.T) *schema.Schema {
	t.Helper()
	s, err := schema.Load("staff.yaml", []byte(staffSchema))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var german = book{
	"Mitarbeiterliste": {
		{"Mitarbeiter der Musterfirma", "", "", "", "", ""},
		{"Mitarbeiternummer", "Vorname", "Nachname", "Geburtsdatum", "Mailadresse", "Abteilung", "Bemerkung"},
		{"0017", "Anna", "Berg", "03.04.1985", "anna@example.com", "D-1", "Probezeit"},
		{"0018", "Bert", "Vogel", "12.11.1979", "bert@example.com", "D-2", ""},
	},
	"Abteilungen": {
		{"Abteilungscode", "Abteilungsname"},
		{"D-1", "Einkauf"},
		{"D-2", "Verkauf"},
	},
}

// TestProposedMappingImportsForeignWorkbook proposes a mapping for a workbook in another language, and finds the sheets with it.
func TestProposedMappingFindsAllColumns(t *testing.T) {
	s := staff(t)
	p, err := Look(t.Context(), german, s, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	if p.Problem == nil || p.Problem.Problem != SheetMissing || p.Certain {
		t.Errorf("the problem is %v, and certain is %v", p.Problem, p.Certain)
	}
	var mapping []imports.SheetMapping
	for _, o := range p.Proposals {
		m := imports.SheetMapping{Sheet: o.Sheet, WorkbookSheet: o.FileSheet, Columns: map[string]string{}}
		for _, c := range o.Columns {
			m.Columns[c.Name] = c.Header
			if len(c.Readings) > 0 { // the dates
				m.Rules = map[string]*schema.Rules{c.Name: c.Readings[0].Rules}
			}
		}
		mapping = append(mapping, m)
	}
	found, err := Find(t.Context(), german, s, mapping)
	if err != nil {
		t.Fatalf("%v, with the mapping %v", err, mapping)
	}
	if len(found) != 2 || len(found[1].Columns) != 6 || found[1].HeaderRow != 2 || len(found[1].Ignored) != 1 || found[1].Ignored[0].Header != "Bemerkung" {
		t.Errorf("found %+v", found)
	}
	again, err := Look(t.Context(), german, s, mapping, false)
	if err != nil || !again.Certain {
		t.Errorf("with its own mapping, certain is %v: %v", again.Certain, err)
	}
}

func TestPreviewShowsSheetsHeadersAndValues(t *testing.T) {
	p, err := Look(t.Context(), german, staff(t), nil, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, sheet := range p.Sheets {
		if sheet.Name != "Mitarbeiterliste" {
			continue
		}
		if sheet.HeaderRow != 2 || len(sheet.Columns) != 7 {
			t.Fatalf("the sheet is %+v", sheet)
		}
		if c := sheet.Columns[5]; c.Column != 6 || c.Header != "Abteilung" || len(c.Values) != 2 || c.Values[0] != "D-1" {
			t.Errorf("the column is %+v", c)
		}
		return
	}
	t.Errorf("the sheets are %+v", p.Sheets)
}

func TestFileWithOwnHeadersIsCertain(t *testing.T) {
	own := book{
		"Departments": {{"Department code", "Department name"}, {"D-1", "Sales"}},
		"Employees":   {{"Employee number", "First name", "Last name", "Shoe size"}, {"1", "Anna", "Berg", "38"}},
	}
	p, err := Look(t.Context(), own, staff(t), nil, false)
	if err != nil || !p.Certain || p.Problem != nil {
		t.Errorf("certain is %v, %v, %v: %+v", p.Certain, p.Problem, err, p.Proposals)
	}
	if err := Confirm(t.Context(), own, staff(t), nil, false); err != nil {
		t.Error(err)
	}
}

func TestLeftOverColumnIsConfirmed(t *testing.T) {
	file := book{
		"Departments": {{"Department code", "Department name"}, {"D-1", "Sales"}},
		"Employees":   {{"Employee number", "First name", "Last name", "Birthday"}, {"1", "Anna", "Berg", "1985-04-03"}},
	}
	err := Confirm(t.Context(), file, staff(t), nil, false)
	var uncertain *Error
	if !errors.As(err, &uncertain) || uncertain.Problem != MappingUncertain {
		t.Fatalf("got %v", err)
	}
	leftOut := []imports.SheetMapping{{Sheet: "employees", Columns: map[string]string{"birth_date": ""}}}
	if err := Confirm(t.Context(), file, staff(t), leftOut, false); err != nil {
		t.Errorf("with the column left out: %v", err)
	}
	found, err := Find(t.Context(), file, staff(t), leftOut)
	if err != nil || len(found[1].Columns) != 3 {
		t.Errorf("found %+v, %v", found, err)
	}
}

func TestUnrelatedFileHasNoSureColumns(t *testing.T) {
	unrelated := book{"Weather": {
		{"Station no.", "Mail address", "Geburtsdatum", "Rain in mm", "Wind"},
		{"17", "a@example.com", "1985-04-03", "2.5", "NW"},
		{"18", "b@example.com", "1979-11-12", "0", "S"},
	}}
	p, err := Look(t.Context(), unrelated, staff(t), nil, false)
	if err != nil || len(p.Proposals) == 0 {
		t.Fatalf("%+v, %v", p.Proposals, err)
	}
	for _, o := range p.Proposals {
		for _, c := range o.Columns {
			if c.Sure {
				t.Errorf("%s of the sheet %s is surely %s", c.Header, o.FileSheet, c.Name)
			}
		}
	}
}

func TestRequiredColumnCannotBeLeftOut(t *testing.T) {
	_, err := Find(t.Context(), book{"People": {{"Code", "First"}, {"a", "b"}}}, people(t), []imports.SheetMapping{{Sheet: "people", Columns: map[string]string{"code": ""}}})
	var fit *Error
	if !errors.As(err, &fit) || fit.Problem != HeaderMissing {
		t.Errorf("got %v", err)
	}
}

// TestListsNextToTableAreNotProposed has a sheet with the values for two columns, as workbooks to fill in have it.
func TestListsNextToTableAreNotProposed(t *testing.T) {
	s, err := schema.Load("staff.yaml", []byte(strings.Replace(staffSchema, "{name: name, title: Department name, type: text, required: true}",
		"{name: name, title: Department name, type: text, required: true}\n      - {name: area, type: text, required: true}", 1)))
	if err != nil {
		t.Fatal(err)
	}
	file := book{"Data": german["Mitarbeiterliste"], "Lists": {{"Dept", "Yes/No"}, {"D-1", "Yes"}, {"D-2", "No"}}}
	p, err := Look(t.Context(), file, s, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Proposals) != 1 || p.Proposals[0].FileSheet != "Data" {
		t.Errorf("the proposals are %+v", p.Proposals)
	}
	if alone, err := Look(t.Context(), book{"Lists": file["Lists"]}, s, nil, false); err != nil || len(alone.Proposals) != 1 {
		t.Errorf("the only sheet has the proposals %+v: %v", alone.Proposals, err)
	}
}

// TestDatesOfAllFormsFitColumns has dates as people write them below headers that could be of anything.
func TestDatesOfAllFormsFitColumns(t *testing.T) {
	spec, _ := staff(t).Sheets[1].Column("birth_date")
	fits := expects(spec)
	for _, date := range []string{"03.04.1985", "3.4.85", "4. März 1985", "04/03/1985", "1985-04-03", "1985年4月3日", "1985/4/3", "03041985", "19850403", "Mo, 30.11.2020", "3-Apr-85"} {
		if !fits(date) {
			t.Errorf("%s is not like a date", date)
		}
	}
	for _, other := range []string{"12345678", "1234567", "12.5", "1.250,00", "D-1", "Anna", "99999999", "tbd", "00100601"} {
		if fits(other) {
			t.Errorf("%s is like a date", other)
		}
	}
}

// TestFullNameIsJoined has a file with the first and the last name, and a schema with the full name.
func TestFullNameIsJoined(t *testing.T) {
	s, err := schema.Load("people.yaml", []byte(`
name: people
sheets:
  - name: people
    key: number
    columns:
      - {name: number, title: Number, type: text, required: true}
      - {name: full_name, title: Full name, aliases: [Name, Employee name], type: text, required: true}
`))
	if err != nil {
		t.Fatal(err)
	}
	joined := func(s *schema.Schema, m []imports.SheetMapping, headers ...string) string {
		values := make([]string, len(headers))
		for i := range values {
			values[i] = "Value"
		}
		p, err := Look(t.Context(), book{"People": {headers, values}}, s, m, false)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, o := range p.Proposals {
			for _, j := range o.Joins {
				got = append(got, j.Column+"="+strings.Join(j.Headers, "+"))
			}
			for _, c := range o.Columns {
				if c.Name == "full_name" {
					got = append(got, "full_name="+c.Header)
				}
			}
		}
		return strings.Join(got, " ")
	}
	for want, headers := range map[string][]string{
		"full_name=Vorname+Nachname":     {"Nr.", "Nachname", "Vorname"},
		"full_name=First name+Last name": {"Number", "First name", "Last name"},
		"full_name=Prénom+Nom":           {"Numéro", "Nom", "Prénom"},
		"full_name=Vorname+Name":         {"Nr.", "Name", "Vorname"},
		"full_name=Name":                 {"Nr.", "Name", "Ort"},
		"full_name=Full name":            {"Number", "Full name", "First name", "Last name"},
	} {
		if got := joined(s, nil, headers...); got != want {
			t.Errorf("%v is proposed as %q, want %q", headers, got, want)
		}
	}
	if got := joined(s, []imports.SheetMapping{{Sheet: "people", Columns: map[string]string{"full_name": ""}}}, "Number", "First name", "Last name"); got != "" {
		t.Errorf("a column that is left out is proposed as %s", got)
	}
	if got := joined(staff(t), nil, "Employee number", "First name", "Last name", "E-mail"); got != "" {
		t.Errorf("the parts are proposed as %s", got)
	}
}

func TestWordsOfOtherLanguagesFitLists(t *testing.T) {
	s, err := schema.Load("shifts.yaml", []byte(`
name: shifts
sheets:
  - name: shifts
    key: number
    columns:
      - {name: number, title: Number, type: text, required: true}
      - {name: shift, title: Shift, type: enum, required: true, allowed: [early, late]}
`))
	if err != nil {
		t.Fatal(err)
	}
	p, err := Look(t.Context(), book{"Shifts": {{"Number", "Schicht", "Remark"}, {"1", "Früh", "ok"}, {"2", "Spät", "ill"}}}, s, nil, false)
	if err != nil || len(p.Proposals[0].Columns) != 2 || p.Proposals[0].Columns[1].Header != "Schicht" || p.Proposals[0].Columns[1].Score < LikelyColumn {
		t.Errorf("the proposals are %+v: %v", p.Proposals, err)
	}
}

// TestHeadersWithOneKnownNameAreFound has a line above the headers, as exports of payrolls have it, and one header that the schema has.
func TestHeadersWithOneKnownNameAreFound(t *testing.T) {
	file := book{"Export": {
		{"EXTF", "700", "21", "Personalstamm", "13", "20260303091412000", "RE"},
		{"Personalnummer", "Vorname", "Nachname", "E-Mail", "Abteilung"},
		{"17", "Xaver", "Berg", "x@example.com", "D-1"},
		{"18", "Yvonne", "Groß", "y@example.com", "D-2"},
	}}
	p, err := Look(t.Context(), file, staff(t), nil, false)
	if err != nil || p.Sheets[0].HeaderRow != 2 || len(p.Proposals) != 1 {
		t.Errorf("the headers are in row %d: %v", p.Sheets[0].HeaderRow, err)
	}
}

// TestNamedHeadersAreNotJoinedWithPreamble has the export of a bank: two lines about the account, and an empty one. Joined with them, no
// header would have the name of a column.
func TestNamedHeadersAreNotJoinedWithPreamble(t *testing.T) {
	s, err := schema.Load("bank.yaml", []byte("name: bank\nsheets:\n  - name: payments\n    key: reference\n    columns:\n"+
		"      - {name: reference, type: text, required: true}\n      - {name: date, type: date}\n      - {name: description, type: text}\n      - {name: amount, type: decimal}\n"))
	if err != nil {
		t.Fatal(err)
	}
	rows := [][]string{{"Account Number", "XXXXXX1234"}, {"Date Range", "02/01/2026 - 02/28/2026"}, {}, {"Date", "Description", "Reference", "Amount"},
		{"2026-02-27", "UTILITY", "R1", "-1,234.56"}, {"2026-02-13", "PAYROLL", "R2", "2,500.00"}, {"2026-02-03", "COFFEE", "R3", "-4.5"}}
	p, err := Look(t.Context(), book{"payments": rows}, s, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range p.Proposals[0].Columns {
		if !strings.EqualFold(c.Header, c.Name) || !c.Sure {
			t.Errorf("the header of %s is %q, sure is %v", c.Name, c.Header, c.Sure)
		}
	}
	if len(p.Proposals[0].Columns) != 4 || !p.Certain {
		t.Errorf("%d columns, certain is %v", len(p.Proposals[0].Columns), p.Certain)
	}
}
