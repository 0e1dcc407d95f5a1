package schema

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

const staff = `name: staff
sheets:
  - name: employees
    table: hr."Employee ""List"""
    key: code
    columns:
      - {name: code, column: Personal Code, type: text, required: true}
      - {name: starts, type: datetime, zone: Europe/Berlin}
      - {name: id, type: text, generate: uuid}
      - {name: created_at, column: createdAt, type: datetime, generate: created}
      - {name: rate, type: decimal, constant: "1.50"}
      - {name: serial, type: integer, generate: sequence, sequence: hr."Serial"}
`

func TestSchemaHasNamesOfTablesThatExist(t *testing.T) {
	s, err := Load("staff.yaml", []byte(staff))
	if err != nil {
		t.Fatal(err)
	}
	sheet := s.Sheets[0]
	if got := sheet.TableName(); got != (TableName{"hr", `Employee "List"`}) || sheet.Table != `hr."Employee ""List"""` {
		t.Errorf("the table is %+v, written %s", got, sheet.Table)
	}
	if code := sheet.Columns[0]; code.Stored() != "Personal Code" || sheet.Columns[1].Stored() != "starts" || sheet.Columns[1].Zone != "Europe/Berlin" {
		t.Errorf("the columns are %+v, %+v", code, sheet.Columns[1])
	}
	want := []*Generated{
		{Name: "id", Field: "id", Type: Text, By: UUID4}, {Name: "created_at", Field: "createdAt", Type: DateTime, By: Created},
		{Name: "rate", Field: "rate", Type: Decimal, By: Constant, Constant: "1.5"},
		{Name: "serial", Field: "serial", Type: Integer, By: Sequential, Sequence: `hr."Serial"`},
	}
	if !reflect.DeepEqual(sheet.Generated, want) || len(sheet.Columns) != 2 {
		t.Errorf("generated are %+v", sheet.Generated)
	}
}

func TestInvalidNamesAndGeneratorsAreProblems(t *testing.T) {
	for _, c := range []struct {
		from, to string
		code     ProblemCode
	}{
		{`hr."Employee ""List"""`, `Employees`, BadIdentifier}, {`hr."Employee ""List"""`, `a.b.c`, BadIdentifier}, {`hr."Employee ""List"""`, `'"open'`, BadIdentifier},
		{`hr."Employee ""List"""`, `'""'`, BadIdentifier}, {`hr."Employee ""List"""`, `'"HEADWAY_imports"'`, BadIdentifier}, {`hr."Employee ""List"""`, `'hr.'`, BadIdentifier},
		{`hr."Employee ""List"""`, `'"` + strings.Repeat("ä", 32) + `"'`, BadIdentifier},
		{"column: Personal Code", "column: starts", DuplicateColumn}, {"column: createdAt", "column: Personal Code", DuplicateColumn},
		{"Europe/Berlin", "Berlin", BadZone}, {"type: datetime, zone", "type: date, zone", BadZone},
		{"generate: uuid", "generate: cuid", BadGenerated}, {"type: text, generate", "type: integer, generate", BadGenerated}, {"type: datetime, generate", "type: text, generate", BadGenerated},
		{"generate: uuid", "generate: uuid, required: true", BadGenerated}, {"generate: uuid", "generate: uuid, constant: x", BadGenerated}, {`constant: "1.50"`, "constant: 1e3", BadGenerated},
		{`, sequence: hr."Serial"`, "", BadGenerated}, {`sequence: hr."Serial"`, `sequence: a.b.c`, BadGenerated}, {"type: integer, generate", "type: text, generate", BadGenerated},
		{"generate: uuid", "generate: uuid, sequence: serials", BadGenerated},
		{"key: code", "key: id", KeyUnknown},
	} {
		text := strings.Replace(staff, c.from, c.to, 1)
		var problems Problems
		if _, err := Load("staff.yaml", []byte(text)); !errors.As(err, &problems) || problems[0].Code != c.code {
			t.Errorf("%s instead of %s: %v", c.to, c.from, err)
		}
	}
}
