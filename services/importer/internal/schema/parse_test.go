package schema

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"headway/schemas"
)

func workforce(t *testing.T) *Schema {
	t.Helper()
	data, err := schemas.Files.ReadFile("workforce.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s, err := Load("workforce.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func sheetNames(s *Schema) []string {
	var names []string
	for _, sh := range s.Sheets {
		names = append(names, sh.Name)
	}
	return names
}

func TestWorkforceSchemaKeepsItsOrder(t *testing.T) {
	s := workforce(t)
	want := []string{"areas", "departments", "designations", "employees", "schedules", "drivers", "car_assignments"}
	if got := sheetNames(s); !slices.Equal(got, want) {
		t.Errorf("sheets are %v, want %v", got, want)
	}
	if n := len(s.Sheet("employees").Columns); n != 10 {
		t.Errorf("employees has %d columns, want 10", n)
	}
	used := make(map[Type]bool)
	for _, sh := range s.Sheets {
		for _, c := range sh.Columns {
			used[c.Type] = true
		}
	}
	for _, typ := range Types {
		if !used[typ] {
			t.Errorf("no column of the workforce has the type %s", typ)
		}
	}
}

func TestMatchingIgnoresCaseAndPunctuation(t *testing.T) {
	employees := workforce(t).MatchSheet("  EMPLOYEE LIST ")
	if employees == nil || employees.Name != "employees" {
		t.Fatalf("the sheet found is %v, want employees", employees)
	}
	for header, want := range map[string]string{
		"e-MAIL *": "email", "Emp. No.": "employee_id", "hired_on": "hired_on", "Employee\u00a0ID": "employee_id", "***": "", "Shoe size": "",
	} {
		c, i := employees.MatchColumn(header)
		switch {
		case want == "" && (c != nil || i != -1):
			t.Errorf("%q matches %s", header, c.Name)
		case want != "" && (c == nil || c.Name != want || employees.Columns[i] != c):
			t.Errorf("%q matches %v, want %s", header, c, want)
		}
	}
	if MatchName("Pre\u0301nom") != MatchName("PR\u00c9NOM") {
		t.Error("an accent written as a separate mark makes another header")
	}
}

func TestParentSheetsComeFirst(t *testing.T) {
	s, err := Load("s.yaml", []byte(`
name: s
sheets:
  - {name: z, key: id, columns: [{name: id, type: text, required: true}]}
  - {name: child, key: id, columns: [{name: id, type: text, required: true}, {name: up, type: text, references: parent.id}, {name: self, type: text, references: child.id}]}
  - {name: a, key: id, columns: [{name: id, type: text, required: true}]}
  - {name: parent, key: id, columns: [{name: id, type: text, required: true}]}
  - {name: b, key: id, columns: [{name: id, type: text, required: true}]}
`))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := sheetNames(s), []string{"z", "a", "parent", "child", "b"}; !slices.Equal(got, want) {
		t.Errorf("sheets are %v, want %v", got, want)
	}
}

func TestDefaults(t *testing.T) {
	s, err := Load("s.yaml", []byte("name: s\nsheets:\n  - name: car_park\n    key: bay_no\n    columns: [{name: bay_no, type: integer, required: true, min: +007}, {name: at, type: datetime, min: 2020-01-01 10:30}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	sh := s.Sheets[0]
	if s.Title != "S" || sh.Title != "Car park" || sh.Table != "car_park" || sh.Columns[0].Title != "Bay no" {
		t.Errorf("titles and table are %q, %q, %q, %q", s.Title, sh.Title, sh.Table, sh.Columns[0].Title)
	}
	if sh.Columns[0].Min != "7" || sh.Columns[1].Min != "2020-01-01T10:30:00" {
		t.Errorf("bounds are %q and %q, want their canonical forms", sh.Columns[0].Min, sh.Columns[1].Min)
	}
}

// sound is a schema without problems. Each case of the next test replaces one line of it.
const sound = `name: fleet
title: Fleet
description: Cars
sheets:
  - name: cars
    title: Cars
    aliases: [Vehicles]
    table: cars
    key: [plate]
    optional: false
    columns:
      - name: plate
        title: Plate
        type: text
        required: true
      - name: kind
        type: enum
        allowed: [van, car]
      - name: seats
        type: integer
        min: 1
        max: 9
      - name: bought_on
        type: date
        min: 2000-01-01
  - name: trips
    key: trip_id
    columns:
      - name: trip_id
        type: integer
        required: true
      - name: plate
        type: text
        min_length: 2
        max_length: 10
        pattern: "[A-Z]+"
        references: cars.plate
`

func TestProblemsHaveLineAndCode(t *testing.T) {
	if _, err := Load("fleet.yaml", []byte(sound)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		line     int    // of sound, from 1
		with     string // the replacement; \n makes it several lines
		code     ProblemCode
		at       int    // the line of the problem, if it is a different one
		mentions string // the suggested correction
	}{
		"an unknown key in the schema":               {line: 3, with: "descriptions: Cars", code: UnknownKey, mentions: `Did you mean "description"?`},
		"an unknown key in a sheet":                  {line: 8, with: "    tabel: cars", code: UnknownKey, mentions: `Did you mean "table"?`},
		"an unknown key in a column":                 {line: 15, with: "        mandatory: true", code: UnknownKey, mentions: "required"},
		"a merge key":                                {line: 15, with: "        required: true\n        <<: {title: x}", code: UnknownKey, at: 16},
		"a key twice":                                {line: 2, with: "name: other", code: RepeatedKey, mentions: "line 1"},
		"no schema name":                             {line: 1, with: "# none", code: Missing, at: 2},
		"a schema name in capitals":                  {line: 1, with: "name: My Fleet", code: BadIdentifier, mentions: "my_fleet"},
		"a list as a name":                           {line: 1, with: "name: [a]", code: WrongKind},
		"sheets that are not a list":                 {line: 4, with: "sheets: none\nx:", code: WrongKind},
		"no sheet name":                              {line: 5, with: "  - optional: false", code: Missing},
		"a sheet twice":                              {line: 26, with: "  - name: cars", code: DuplicateSheet, mentions: "line 5"},
		"a table twice":                              {line: 26, with: "  - name: trips\n    table: cars", code: DuplicateTable, at: 27},
		"a table with a bad name":                    {line: 8, with: "    table: cars; drop table x", code: BadIdentifier},
		"a table of the database's own":              {line: 8, with: "    table: sqlite_master", code: BadIdentifier},
		"a table of Headway's own":                   {line: 8, with: "    table: headway_imports", code: BadIdentifier},
		"two sheets that match one name":             {line: 7, with: "    aliases: [Tri-ps]", code: SameSheetName, at: 26},
		"an alias that adds nothing":                 {line: 7, with: "    aliases: [CARS]", code: SameSheetName},
		"a sheet title that Excel refuses":           {line: 6, with: "    title: Cars/Vans", code: BadTitle},
		"a sheet title that is too long":             {line: 6, with: "    title: " + strings.Repeat("x", 32), code: BadTitle},
		"a sheet that is not a mapping":              {line: 26, with: "  - just a text\n  - name: trips", code: WrongKind, at: 26},
		"no key":                                     {line: 9, with: "    # none", code: Missing, at: 5},
		"an empty key":                               {line: 9, with: "    key: []", code: Missing},
		"a key that does not exist":                  {line: 9, with: "    key: [plat]", code: KeyUnknown, mentions: `Did you mean "plate"?`},
		"a key column twice":                         {line: 9, with: "    key: [plate, plate]", code: RepeatedKey},
		"a key that may be empty":                    {line: 15, with: "        required: false", code: KeyNotRequired, at: 9, mentions: "required: true"},
		"optional that is not a boolean":             {line: 10, with: "    optional: perhaps", code: WrongKind},
		"required: yes":                              {line: 15, with: "        required: yes", code: WrongKind, mentions: "true or false"},
		"a column twice":                             {line: 16, with: "      - name: plate", code: DuplicateColumn},
		"two columns that match one header":          {line: 16, with: "      - name: kind\n        title: PLATE!", code: SameHeader, at: 17},
		"two aliases that match one header":          {line: 16, with: "      - name: kind\n        aliases: [Sort, s.o.r.t]", code: SameHeader, at: 17},
		"a header without letters":                   {line: 13, with: "        title: '%'", code: BadTitle},
		"a column name with a space":                 {line: 19, with: "      - name: Seat count", code: BadIdentifier, mentions: "seat_count"},
		"a column name that is too long":             {line: 19, with: "      - name: " + strings.Repeat("x", 64), code: BadIdentifier},
		"a column of the database's own":             {line: 19, with: "      - name: rowid", code: BadIdentifier},
		"no type":                                    {line: 20, with: "        title: Chairs", code: Missing, at: 19},
		"an unknown type":                            {line: 20, with: "        type: number", code: UnknownType, mentions: "integer, decimal"},
		"a bound that is not a number":               {line: 21, with: "        min: one", code: BadBound},
		"a fraction as bound of an integer":          {line: 21, with: "        min: 1.5", code: BadBound},
		"min above max":                              {line: 21, with: "        min: 10", code: BadBound, mentions: "more than max"},
		"a bound that is not a date":                 {line: 25, with: "        min: 01/02/2000", code: BadBound, mentions: "2006-01-02"},
		"a day that does not exist":                  {line: 25, with: "        min: 2001-02-29", code: BadBound},
		"a range on a text":                          {line: 15, with: "        required: true\n        min: 3", code: BadBound, at: 16, mentions: "min_length"},
		"a length on a number":                       {line: 21, with: "        min_length: 1", code: BadBound},
		"a pattern on a number":                      {line: 21, with: "        pattern: x", code: BadPattern},
		"a length of zero":                           {line: 34, with: "        min_length: 0", code: BadBound},
		"min_length above max_length":                {line: 34, with: "        min_length: 11", code: BadBound},
		"a bad regular expression":                   {line: 36, with: "        pattern: '[A-'", code: BadPattern},
		"a look-ahead":                               {line: 36, with: "        pattern: '(?=a)'", code: BadPattern},
		"an enum without values":                     {line: 18, with: "        required: false", code: Missing, at: 16},
		"an enum with an empty list":                 {line: 18, with: "        allowed: []", code: BadAllowed},
		"two values that are the same":               {line: 18, with: "        allowed: [van, Van]", code: BadAllowed},
		"a value that ends with a space":             {line: 18, with: "        allowed: [van, 'car ']", code: BadAllowed},
		"allowed values of a date":                   {line: 25, with: "        allowed: [2000-01-01]", code: BadAllowed},
		"allowed values that are not numbers":        {line: 22, with: "        allowed: [2, many]", code: BadAllowed},
		"a reference without a column":               {line: 37, with: "        references: cars", code: BadReference, mentions: "departments.code"},
		"a reference to no sheet":                    {line: 37, with: "        references: car.plate", code: ReferenceUnknown, mentions: `Did you mean "cars"?`},
		"a reference to no column":                   {line: 37, with: "        references: cars.plates", code: ReferenceUnknown, mentions: `Did you mean "plate"?`},
		"a reference to a column that is not unique": {line: 37, with: "        references: cars.kind", code: ReferenceNotUnique, mentions: "unique: true"},
		"a reference to another type":                {line: 37, with: "        references: trips.trip_id", code: BadReference},
		"a column that refers to itself":             {line: 30, with: "        required: true\n        references: trips.trip_id", code: BadReference, at: 31},
		"sheets in a cycle":                          {line: 15, with: "        required: true\n      - name: trip\n        type: integer\n        references: trips.trip_id", code: ReferenceCycle, at: 18, mentions: "cars → trips → cars"},
		"a tab for indentation":                      {line: 5, with: "\t- name: cars", code: NotReadable},
		"a bracket that is never closed":             {line: 9, with: "    key: [plate", code: NotReadable, at: -1},
		"too many aliases":                           {line: 7, with: "    aliases: [" + strings.Repeat("a,", 64) + "a]", code: TooMany},
		"an alias that is empty":                     {line: 7, with: "    aliases: ['']", code: WrongKind},
		"a title that is a list":                     {line: 2, with: "title: [Fleet]", code: WrongKind},
		"a reference with too many points":           {line: 37, with: "        references: db.cars.plate", code: BadReference},
		"columns that are missing altogether":        {line: 26, with: "  - name: empty\n    key: x\n  - name: trips", code: Missing, at: 26},
	} {
		t.Run(name, func(t *testing.T) {
			lines := strings.Split(sound, "\n")
			lines[c.line-1] = c.with
			_, err := Load("fleet.yaml", []byte(strings.Join(lines, "\n")))
			var problems Problems
			if !errors.As(err, &problems) {
				t.Fatalf("the error is %v, want problems", err)
			}
			at := c.line
			if c.at != 0 {
				at = c.at
			}
			i := slices.IndexFunc(problems, func(f *Problem) bool { return f.Code == c.code && (f.Line == at || c.at < 0 && f.Line > 0) })
			if i < 0 {
				t.Fatalf("no problem %s on line %d, but\n%v", c.code, at, err)
			}
			if f := problems[i]; !strings.Contains(f.Message, c.mentions) || f.File != "fleet.yaml" {
				t.Errorf("the problem is %q, want it to name the file and to mention %q", f, c.mentions)
			}
		})
	}
}

func TestOneMistakeIsOneProblem(t *testing.T) {
	for _, c := range []struct{ from, to string }{
		{"key: [plate]", "key: 7"}, {"type: date", "type: dat"}, {"allowed: [van, car]", "allowed: {}"}, {"references: cars.plate", "references: x.y"},
	} {
		_, err := Load("fleet.yaml", []byte(strings.Replace(sound, c.from, c.to, 1)))
		if problems := (Problems)(nil); !errors.As(err, &problems) || len(problems) != 1 {
			t.Errorf("%q gives\n%v\nwant one problem", c.to, err)
		}
	}
}

func TestProblemsAreSortedByLine(t *testing.T) {
	_, err := Load("fleet.yaml", []byte(strings.NewReplacer("type: date", "type: dat", "title: Fleet", "titel: Fleet", "cars.plate", "cars").Replace(sound)))
	var problems Problems
	if !errors.As(err, &problems) || len(problems) != 3 {
		t.Fatalf("the error is %v, want three problems", err)
	}
	if !slices.IsSortedFunc(problems, func(a, b *Problem) int { return a.Line - b.Line }) {
		t.Errorf("not in the order of lines:\n%v", err)
	}
	if f := (*Problem)(nil); !errors.As(err, &f) || f.Code != UnknownKey {
		t.Errorf("errors.As gives %v, want the first problem", f)
	}
}

func TestOtherFilesAreProblems(t *testing.T) {
	for name, data := range map[string]string{
		"empty": "", "only a comment": "# nothing\n", "a list": "- a\n", "a word": "workforce\n", "two documents": "name: a\n---\nname: b\n",
		"too large": "name: " + strings.Repeat("x", MaxFileBytes), "binary": "\x00\x01\xff", "an endless alias": "&a [*a]\n",
	} {
		var problems Problems
		if _, err := Load("x.yaml", []byte(data)); !errors.As(err, &problems) || len(problems) == 0 {
			t.Errorf("%s: the error is %v, want problems", name, err)
		}
	}
	if _, err := LoadFile("nowhere/fleet.yaml"); err == nil || !strings.HasPrefix(err.Error(), "fleet.yaml: ") {
		t.Errorf("a file that does not exist gives %v", err)
	}
}

func TestDocumentationIsComplete(t *testing.T) {
	page, err := os.ReadFile("../../../../docs/schemas.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```yaml\n")
	example, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("the page has no example")
	}
	if _, err := Load("fleet.yaml", []byte(example)); err != nil {
		t.Error(err)
	}
	for _, key := range slices.Concat(schemaKeys, sheetKeys, columnKeys) {
		if !strings.Contains(rest, "`"+key+"`") {
			t.Errorf("the page does not explain %q", key)
		}
	}
	for _, typ := range Types {
		if !strings.Contains(rest, "| `"+string(typ)+"` |") {
			t.Errorf("the page does not explain the type %s", typ)
		}
	}
}

func TestErrorsThatDocumentationQuotesAreReal(t *testing.T) {
	page, err := os.ReadFile("../../../../docs/schemas.md")
	if err != nil {
		t.Fatal(err)
	}
	const fleet = `name: fleet
sheets:
  - name: cars
    key: plate
    columns:
      - name: plate
        type: text
        required: true
      - name: trip
        type: text
        references: trips.id
        mandatory: true
  - name: trips
    key: id
    columns:
      - {name: id, type: text, required: true}
      - name: plate
        type: text
        references: cars.plate
`
	var real []string
	for _, example := range []string{
		fleet,
		strings.Replace(fleet, "references: cars.plate", "references: car.plate", 1),
		strings.Replace(fleet, "        mandatory: true\n", "", 1),
	} {
		var problems Problems
		if _, err := Load("fleet.yaml", []byte(example)); !errors.As(err, &problems) {
			t.Fatalf("the error is %v, want problems", err)
		}
		for _, p := range problems {
			real = append(real, p.Error())
		}
	}
	quotes := 0
	for line := range strings.Lines(string(page)) {
		if !strings.HasPrefix(line, "fleet.yaml:") {
			continue
		}
		quotes++
		quote, cut := strings.CutSuffix(strings.TrimSpace(line), " …")
		if !slices.ContainsFunc(real, func(message string) bool {
			return message == quote || cut && strings.HasPrefix(message, quote)
		}) {
			t.Errorf("the page quotes %q, which is none of\n%s", quote, strings.Join(real, "\n"))
		}
	}
	if quotes < 3 {
		t.Errorf("the page quotes %d errors, want 3", quotes)
	}
}

func TestReferencesToPartsOfKeysAreRefused(t *testing.T) {
	_, err := Load("tasks.yaml", []byte(`
name: tasks
title: Tasks
sheets:
  - name: projects
    title: Projects
    table: projects
    key: [tenant_id, code]
    columns:
      - {name: tenant_id, title: Tenant, type: integer, required: true}
      - {name: code, title: Code, type: text, required: true}
  - name: tasks
    title: Tasks
    table: tasks
    key: name
    columns:
      - {name: name, title: Name, type: text, required: true}
      - {name: project_id, title: Project, type: text, required: true, references: projects.code}
`))
	if err == nil || !strings.Contains(err.Error(), "projects.code is one of the columns of the key (tenant_id, code)") {
		t.Errorf("the error is %v", err)
	}
}
