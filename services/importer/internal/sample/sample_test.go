package sample

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"

	"headway/schemas"
	"headway/services/importer/internal/schema"
)

func generate(t *testing.T, o Options) (*bytes.Buffer, Manifest) {
	t.Helper()
	var b bytes.Buffer
	m, err := Write(t.Context(), &b, o)
	if err != nil {
		t.Fatal(err)
	}
	return &b, m
}

func workforce(t *testing.T) *schema.Schema {
	t.Helper()
	data, err := schemas.Files.ReadFile("workforce.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s, err := schema.Load("workforce.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTheManifestIsWhatAnIndependentReadingFinds(t *testing.T) {
	for _, o := range []Options{
		{Rows: 1}, {Rows: 5, Issues: 2}, {Rows: 60, Issues: 6}, {Rows: 1000, Issues: 0, Seed: 7}, {Rows: 1000, Issues: 100, Seed: 8}, {Rows: 1300, Issues: 650, Seed: 9},
	} {
		t.Run(fmt.Sprintf("%d rows with %d issues", o.Rows, o.Issues), func(t *testing.T) {
			book, m := generate(t, o)
			numbers, faults := audit(t, workforce(t), book)
			if !slices.Equal(m.Sheets, numbers) {
				t.Errorf("the manifest says\n%+v\na reading finds\n%+v", m.Sheets, numbers)
			}
			if len(faults) != o.Issues || len(m.Faults) != o.Issues {
				t.Errorf("%d faults are found and %d listed, want %d", len(faults), len(m.Faults), o.Issues)
			}
			for i := range min(len(faults), len(m.Faults)) {
				want := m.Faults[i]
				want.Blocks = 0
				if faults[i] != want {
					t.Errorf("fault %d is %+v, the manifest says %+v", i, faults[i], want)
				}
			}
			if int(m.Total().Rejected) != o.Issues {
				t.Errorf("%d rows are rejected, want %d", m.Total().Rejected, o.Issues)
			}
		})
	}
}

func TestOneFaultyDepartmentBlocksRowsInFourSheets(t *testing.T) {
	_, m := generate(t, Options{Rows: 2000, Issues: 20})
	var blocks uint32
	for _, f := range m.Faults {
		if f.Blocks > 0 && f.Sheet != "departments" {
			t.Errorf("%s!%s blocks %d rows", f.Sheet, f.Cell, f.Blocks)
		}
		blocks += f.Blocks
	}
	if blocks == 0 || blocks != m.Total().Blocked {
		t.Errorf("the faults block %d rows, the sheets have %d blocked ones", blocks, m.Total().Blocked)
	}
	for _, s := range m.Sheets {
		switch s.Sheet {
		case "employees", "schedules", "drivers", "car_assignments":
			if s.Blocked == 0 {
				t.Errorf("no row of %s is blocked", s.Sheet)
			}
		}
	}
}

func TestAThousandIssuesAreOfEveryKind(t *testing.T) {
	_, m := generate(t, Options{Rows: 10_000, Issues: 1000})
	found := make(map[string]map[string]bool)
	for _, f := range m.Faults {
		if found[f.Sheet] == nil {
			found[f.Sheet] = make(map[string]bool)
		}
		found[f.Sheet][f.Column+" "+f.Code] = true
	}
	for sheet, kinds := range faults {
		for _, k := range kinds {
			small := sheet == "areas" || sheet == "designations" // a quarter of a handful of rows
			if !small && !found[sheet][k.column+" "+k.code] {
				t.Errorf("%s: no %s in %s", sheet, k.code, k.column)
			}
		}
		if len(found[sheet]) == 0 {
			t.Errorf("%s: no fault at all", sheet)
		}
	}
}

// Every size up to some hundreds with every number of issues: the plan must always find the rows that it needs.
func TestEveryNumberOfIssuesUpToHalfTheRowsFindsItsRows(t *testing.T) {
	for rows := 1; rows <= 700; rows += 1 + rows/40 {
		for issues := 0; issues <= rows/2; issues++ {
			p := newPlan(Options{Rows: rows, Issues: issues})
			n := 0
			for sheet, list := range p.faulty {
				n += len(list)
				if !slices.IsSorted(list) || len(slices.Compact(slices.Clone(list))) != len(list) {
					t.Fatalf("%d rows, %d issues: the faulty rows of %s are %v", rows, issues, sheet, list)
				}
			}
			if n != issues {
				t.Fatalf("%d rows, %d issues: %d rows are at fault", rows, issues, n)
			}
		}
	}
}

func TestPlacesAndMembersAreEachOthersInverse(t *testing.T) {
	for _, rows := range []int{1, 2, 3, 99, 100, 101, 243, 244, 245, 489, 5000} {
		p := newPlan(Options{Rows: rows})
		seen := make(map[int]int)
		for e := range rows {
			d, place := p.place(e)
			if back := p.member(d, place); back != e {
				t.Fatalf("%d rows: employee %d is at place %d of department %d, where %d is", rows, e, place, d, back)
			}
			seen[d]++
			if m := p.manager(e); m >= rows || m == e {
				t.Fatalf("%d rows: the manager of %d is %d", rows, e, m)
			}
		}
		for d, n := range seen {
			if p.members(d) != n {
				t.Fatalf("%d rows: department %d has %d members, and says %d", rows, d, n, p.members(d))
			}
		}
	}
}

func TestAHundredThousandEmployeesMakeAbout280000RowsOverSevenSheets(t *testing.T) {
	total := 0
	for _, n := range newPlan(Options{Rows: 100_000}).rows {
		total += n
	}
	if total < 275_000 || total > 285_000 {
		t.Errorf("%d rows", total)
	}
	for sheet, n := range newPlan(Options{Rows: MaxRows}).rows {
		if n >= excelize.TotalRows {
			t.Errorf("%s would have %d rows, more than Excel has", sheet, n)
		}
	}
}

func TestSomeManagersStandBelowTheirReportsAndSomeAbove(t *testing.T) {
	p := newPlan(Options{Rows: 3000})
	below, above := 0, 0
	for e := range 3000 {
		switch m := p.manager(e); {
		case m > e:
			below++
		case m >= 0:
			above++
		}
	}
	if below < 1000 || above < 1000 {
		t.Errorf("%d managers stand below, %d above", below, above)
	}
}

func TestTheSameOptionsMakeTheSameBytesAndAnotherSeedOthers(t *testing.T) {
	o := Options{Rows: 300, Issues: 30, Seed: 42}
	a, m := generate(t, o)
	b, n := generate(t, o)
	if !bytes.Equal(a.Bytes(), b.Bytes()) || !slices.Equal(m.Faults, n.Faults) {
		t.Error("the same options make two workbooks")
	}
	o.Seed++
	if c, _ := generate(t, o); bytes.Equal(a.Bytes(), c.Bytes()) {
		t.Error("another seed makes the same workbook")
	}
}

func TestOptionsOutOfRangeAreRefused(t *testing.T) {
	for _, o := range []Options{{}, {Rows: -1}, {Rows: MaxRows + 1}, {Rows: 10, Issues: 6}, {Rows: 10, Issues: -1}} {
		if _, err := Write(t.Context(), io.Discard, o); !errors.Is(err, ErrOptions) {
			t.Errorf("%+v gives %v", o, err)
		}
	}
}

func TestACancelledWriteEndsWithTheCause(t *testing.T) {
	cause := errors.New("the reader went away")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if _, err := Write(ctx, io.Discard, Options{Rows: 10}); !errors.Is(err, cause) {
		t.Errorf("the error is %v", err)
	}
	if _, err := Write(t.Context(), brokenPipe{}, Options{Rows: 5000}); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("the error is %v", err)
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// audit reads a workbook with excelize and judges each cell by the schema alone.
func audit(t *testing.T, s *schema.Schema, r io.Reader) ([]Numbers, []Fault) {
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
	var found []Fault
	// fates of the rows by sheet, column and value, for those columns that something may refer to.
	fates := make(map[string]map[string]fate)
	for _, sheet := range s.Sheets {
		rows, err := f.GetRows(sheet.Title, excelize.Options{RawCellValue: true})
		if err != nil {
			t.Fatal(err)
		}
		own := make([]fate, len(rows))
		values := make([]map[string]int, len(sheet.Columns)) // value → first row
		for i := range values {
			values[i] = make(map[string]int)
		}
		var keys = make(map[string]bool)
		for i, row := range rows[1:] {
			n := i + 2
			var wrong []Fault
			blame := func(column int, code string) {
				cell, _ := excelize.CoordinatesToCellName(column+1, n)
				wrong = append(wrong, Fault{Sheet: sheet.Name, Column: sheet.Columns[column].Name, Cell: cell, Row: uint32(n), Code: code})
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
					switch parent, exists := fates[ref.Sheet+"."+ref.Column][value]; {
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
				t.Errorf("%s row %d has more than one fault: %+v", sheet.Name, n, wrong)
			}
			if len(wrong) > 0 {
				if own[i] == blocked {
					t.Errorf("%s row %d has a fault of its own and is blocked", sheet.Name, n)
				}
				own[i] = rejected
			}
			found = append(found, wrong...)
		}
		judgeSelfReferences(sheet, rows, own, values, &found)
		numbers = append(numbers, count3(sheet.Name, own[:len(rows)-1]))
		for j, c := range sheet.Columns {
			m := make(map[string]fate)
			for i, row := range rows[1:] {
				if _, known := m[cellAt(row, j)]; j < len(row) && !known {
					m[row[j]] = own[i]
				}
			}
			fates[sheet.Name+"."+c.Name] = m
		}
	}
	slices.SortStableFunc(found, func(a, b Fault) int {
		if a.Sheet != b.Sheet {
			return slices.IndexFunc(s.Sheets, func(s *schema.Sheet) bool { return s.Name == a.Sheet }) - slices.IndexFunc(s.Sheets, func(s *schema.Sheet) bool { return s.Name == b.Sheet })
		}
		return int(a.Row) - int(b.Row)
	})
	return numbers, found
}

// judgeSelfReferences looks for managers who do not exist, and blocks rows until nothing changes any more.
func judgeSelfReferences(sheet *schema.Sheet, rows [][]string, own []fate, values []map[string]int, found *[]Fault) {
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
					*found = append(*found, Fault{Sheet: sheet.Name, Column: c.Name, Cell: cell, Row: uint32(i + 2), Code: "REFERENCE_MISSING"})
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

func count3(sheet string, own []fate) Numbers {
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

// judge gives the issue of one cell on its own, or nothing.
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

func TestCellsLookAsTheirTypeSays(t *testing.T) {
	book, _ := generate(t, Options{Rows: 200})
	f, err := excelize.OpenReader(book)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	shown := make(map[string]*regexp.Regexp)
	for typ, pattern := range map[schema.Type]string{
		schema.Date: `^\d{4}-\d\d-\d\d$`, schema.Time: `^\d{1,2}:\d\d$`, schema.DateTime: `^\d{4}-\d\d-\d\d \d\d:\d\d$`, schema.Decimal: `^[\d,]+\.\d\d$`, schema.Boolean: `^(TRUE|FALSE)$`, schema.Integer: `^\d+$`,
	} {
		shown[string(typ)] = regexp.MustCompile(pattern)
	}
	seen := make(map[string]bool)
	for _, sheet := range workforce(t).Sheets {
		rows, err := f.GetRows(sheet.Title)
		if err != nil {
			t.Fatal(err)
		}
		for j, c := range sheet.Columns {
			for _, row := range rows[1:] {
				value := cellAt(row, j)
				if re := shown[string(c.Type)]; re != nil && value != "" {
					seen[string(c.Type)] = true
					if !re.MatchString(value) {
						t.Fatalf("%s.%s is shown as %q", sheet.Name, c.Name, value)
					}
				}
			}
		}
	}
	if len(seen) != len(shown) {
		t.Errorf("only %v were seen", slices.Collect(maps.Keys(seen)))
	}
	if id, _ := f.GetCellValue("Employees", "A2"); id != "000001" {
		t.Errorf("the first employee is %q", id)
	}
}
