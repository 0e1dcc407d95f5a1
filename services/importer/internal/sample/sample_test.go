package sample

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"testing"

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

func TestManifestMatchesIndependentReading(t *testing.T) {
	for _, o := range []Options{
		{Rows: 1}, {Rows: 5, Issues: 2}, {Rows: 60, Issues: 6}, {Rows: 1000, Issues: 0, Seed: 7}, {Rows: 1000, Issues: 100, Seed: 8}, {Rows: 1300, Issues: 650, Seed: 9},
	} {
		t.Run(fmt.Sprintf("%d rows with %d issues", o.Rows, o.Issues), func(t *testing.T) {
			book, m := generate(t, o)
			numbers, mistakes := audit(t, workforce(t), book)
			if !slices.Equal(m.Sheets, numbers) {
				t.Errorf("the manifest says\n%+v\na reading finds\n%+v", m.Sheets, numbers)
			}
			if len(mistakes) != o.Issues || len(m.Mistakes) != o.Issues {
				t.Errorf("%d mistakes are found and %d listed, want %d", len(mistakes), len(m.Mistakes), o.Issues)
			}
			for i := range min(len(mistakes), len(m.Mistakes)) {
				want := m.Mistakes[i]
				want.Blocks = 0
				if mistakes[i] != want {
					t.Errorf("mistake %d is %+v, the manifest says %+v", i, mistakes[i], want)
				}
			}
			if int(m.Total().Rejected) != o.Issues {
				t.Errorf("%d rows are rejected, want %d", m.Total().Rejected, o.Issues)
			}
		})
	}
}

func TestOneDepartmentBlocksRowsOfFourSheets(t *testing.T) {
	_, m := generate(t, Options{Rows: 2000, Issues: 20})
	var blocks uint32
	for _, f := range m.Mistakes {
		if f.Blocks > 0 && f.Sheet != "departments" {
			t.Errorf("%s!%s blocks %d rows", f.Sheet, f.Cell, f.Blocks)
		}
		blocks += f.Blocks
	}
	if blocks == 0 || blocks != m.Total().Blocked {
		t.Errorf("the mistakes block %d rows, the sheets have %d blocked ones", blocks, m.Total().Blocked)
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

func TestThousandMistakesAreOfEveryKind(t *testing.T) {
	_, m := generate(t, Options{Rows: 10_000, Issues: 1000})
	found := make(map[string]map[string]bool)
	for _, f := range m.Mistakes {
		if found[f.Sheet] == nil {
			found[f.Sheet] = make(map[string]bool)
		}
		found[f.Sheet][f.Column+" "+f.Code] = true
	}
	for sheet, kinds := range mistakes {
		for _, k := range kinds {
			small := sheet == "areas" || sheet == "designations" // a quarter of a few rows
			if !small && !found[sheet][k.column+" "+k.code] {
				t.Errorf("%s: no %s in %s", sheet, k.code, k.column)
			}
		}
		if len(found[sheet]) == 0 {
			t.Errorf("%s: no mistake at all", sheet)
		}
	}
}

// For every size up to a few hundred, and every number of issues, the plan must find the rows that it needs.
func TestEveryNumberOfMistakesFindsItsRows(t *testing.T) {
	for rows := 1; rows <= 700; rows += 1 + rows/40 {
		for issues := 0; issues <= rows/2; issues++ {
			p := newPlan(Options{Rows: rows, Issues: issues})
			n := 0
			for sheet, list := range p.spoiled {
				n += len(list)
				if !slices.IsSorted(list) || len(slices.Compact(slices.Clone(list))) != len(list) {
					t.Fatalf("%d rows, %d issues: the spoiled rows of %s are %v", rows, issues, sheet, list)
				}
			}
			if n != issues {
				t.Fatalf("%d rows, %d issues: %d rows are at mistake", rows, issues, n)
			}
		}
	}
}

func TestSeatsAndMembersAreInverse(t *testing.T) {
	for _, rows := range []int{1, 2, 3, 99, 100, 101, 243, 244, 245, 489, 5000} {
		p := newPlan(Options{Rows: rows})
		seen := make(map[int]int)
		for e := range rows {
			d, seat := p.seat(e)
			if back := p.member(d, seat); back != e {
				t.Fatalf("%d rows: employee %d is at seat %d of department %d, where %d is", rows, e, seat, d, back)
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

func TestSheetsAreInProportion(t *testing.T) {
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

func TestManagersAreAboveAndBelowTheirReports(t *testing.T) {
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
		t.Errorf("%d managers are below, %d above", below, above)
	}
}

func TestSameOptionsReturnSameBytes(t *testing.T) {
	o := Options{Rows: 300, Issues: 30, Seed: 42}
	a, m := generate(t, o)
	b, n := generate(t, o)
	if !bytes.Equal(a.Bytes(), b.Bytes()) || !slices.Equal(m.Mistakes, n.Mistakes) {
		t.Error("the same options make two workbooks")
	}
	o.Seed++
	if c, _ := generate(t, o); bytes.Equal(a.Bytes(), c.Bytes()) {
		t.Error("another seed makes the same workbook")
	}
}

func TestOptionsOutOfRangeAreRejected(t *testing.T) {
	for _, o := range []Options{{}, {Rows: -1}, {Rows: MaxRows + 1}, {Rows: 10, Issues: 6}, {Rows: 10, Issues: -1}} {
		if _, err := Write(t.Context(), io.Discard, o); !errors.Is(err, ErrOptions) {
			t.Errorf("%+v gives %v", o, err)
		}
	}
}

func TestCancelledWriteReturnsCause(t *testing.T) {
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

func TestCellsHaveFormatOfTheirType(t *testing.T) {
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
