package load_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"headway/services/importer/internal/imports"
)

// propertyKind is a kind of column, with functions that generate valid cells and all kinds of invalid ones.
type propertyKind struct {
	declare string // the column in the schema, without its name and title
	right   func(r *rand.Rand, row int) any
	wrong   map[imports.IssueCode]any
	// A cell of a unique column is also wrong if a row above has its value, and a reference if its parent is rejected.
	unique, reference bool
}

var propertyKinds = []propertyKind{
	{declare: "type: text, required: true", right: func(_ *rand.Rand, row int) any { return fmt.Sprint("text ", row) },
		wrong: map[imports.IssueCode]any{imports.Required: nil}},
	{declare: "type: text, max_length: 9", right: func(*rand.Rand, int) any { return "ÄÖÜ 三字" },
		wrong: map[imports.IssueCode]any{imports.Length: "ten letters"}},
	{declare: `type: text, pattern: "[A-Z]{2}-[0-9]+"`, right: func(_ *rand.Rand, row int) any { return fmt.Sprint("AB-", row) },
		wrong: map[imports.IssueCode]any{imports.Pattern: "ab-1"}},
	{declare: "type: integer, min: 0, max: 50", right: func(r *rand.Rand, _ int) any { return r.IntN(51) },
		wrong: map[imports.IssueCode]any{imports.NotANumber: "many", imports.NotAnInteger: 1.5, imports.Range: 51}},
	{declare: "type: decimal, min: -0.5", right: func(r *rand.Rand, _ int) any { return float64(r.IntN(1000)) / 8 },
		wrong: map[imports.IssueCode]any{imports.NotANumber: "1.2.3", imports.Range: -0.75}},
	{declare: "type: boolean", right: func(r *rand.Rand, _ int) any { return r.IntN(2) == 0 },
		wrong: map[imports.IssueCode]any{imports.NotABoolean: "perhaps"}},
	{declare: "type: date, required: true", right: func(r *rand.Rand, _ int) any { return fmt.Sprintf("20%02d-02-%02d", r.IntN(90)+10, r.IntN(28)+1) },
		wrong: map[imports.IssueCode]any{imports.NotADate: "2023-02-29", imports.AmbiguousDate: "03/04/2025", imports.Required: "  "}},
	{declare: "type: email", right: func(_ *rand.Rand, row int) any { return fmt.Sprintf("p%d@example.org", row) },
		wrong: map[imports.IssueCode]any{imports.NotAnEmail: "nobody"}},
	{declare: "type: enum, allowed: [red, green]", right: func(r *rand.Rand, _ int) any { return []any{"red", "green", nil}[r.IntN(3)] },
		wrong: map[imports.IssueCode]any{imports.NotAllowed: "blue"}},
	{declare: "type: text, unique: true", right: func(_ *rand.Rand, row int) any { return fmt.Sprint("u", row) }, unique: true},
	{declare: "type: text, references: parents.id", right: func(r *rand.Rand, _ int) any { return []any{"p0", nil}[r.IntN(2)] },
		wrong: map[imports.IssueCode]any{imports.ReferenceMissing: "nowhere"}, reference: true},
}

// property is a generated schema with a workbook, and the errors that it is known to have.
type property struct {
	yaml   string
	parent [][]any
	child  [][]any
	// want has all issues ("Children!B3 RANGE"), and counts has the counts of the two sheets.
	want   []string
	counts [2]imports.Counts
}

func generateProperty(r *rand.Rand) *property {
	p := &property{}
	// The first parent is valid. Some of the others are rejected.
	rejected := []any{}
	p.parent = [][]any{{"ID", "Size"}}
	for i := range 1 + r.IntN(5) {
		size := any(i)
		if p.counts[0].Read++; i > 0 && r.IntN(2) == 0 {
			size = "large"
			rejected = append(rejected, fmt.Sprint("p", i))
			p.expect(0, "Parents", 1, i, imports.NotANumber)
			p.counts[0].Rejected++
		} else {
			p.counts[0].Inserted++
		}
		p.parent = append(p.parent, []any{fmt.Sprint("p", i), size})
	}
	columns := make([]propertyKind, 1+r.IntN(8))
	yaml, header := strings.Builder{}, []any{"ID"}
	for i := range columns {
		columns[i] = propertyKinds[r.IntN(len(propertyKinds))]
		fmt.Fprintf(&yaml, "      - {name: c%d, title: Column %d, %s}\n", i, i, columns[i].declare)
		header = append(header, fmt.Sprint("COLUMN-", i)) // names match without regard to case and punctuation
	}
	p.yaml = "name: property\ntitle: Property\nsheets:\n  - name: children\n    title: Children\n    table: children\n    key: id\n    columns:\n" +
		"      - {name: id, title: ID, type: text, required: true}\n" + yaml.String() +
		"  - name: parents\n    title: Parents\n    table: parents\n    key: id\n    columns:\n" +
		"      - {name: id, title: ID, type: text, required: true}\n      - {name: size, title: Size, type: integer}\n"
	p.child = [][]any{header}
	for row := range r.IntN(40) {
		p.addChild(r, row, columns, rejected)
	}
	return p
}

// addChild adds a row. Each of its cells is invalid with a probability of one in eight.
func (p *property) addChild(r *rand.Rand, row int, columns []propertyKind, rejected []any) {
	spoil := func() bool { return r.IntN(8) == 0 }
	cells, own, blocked := []any{fmt.Sprint("k", row)}, false, false
	if row > 0 && spoil() {
		cells[0], own = "k0", true
		p.expect(1, "Children", 0, row, imports.DuplicateInFile)
	}
	for i, kind := range columns {
		value := kind.right(r, row)
		var codes []imports.IssueCode
		for code := range kind.wrong {
			codes = append(codes, code)
		}
		slices.Sort(codes)
		switch {
		case !spoil():
		case kind.reference && len(rejected) > 0 && r.IntN(2) == 0:
			value, blocked = rejected[r.IntN(len(rejected))], true
			p.expect(1, "Children", i+1, row, imports.ReferenceBlocked)
		case kind.unique && row > 0:
			value, own = p.child[1][i+1], true // the value of the first row
			p.expect(1, "Children", i+1, row, imports.DuplicateInFile)
		case len(codes) > 0:
			code := codes[r.IntN(len(codes))]
			value, own = kind.wrong[code], true
			p.expect(1, "Children", i+1, row, code)
		}
		cells = append(cells, value)
	}
	p.child = append(p.child, cells)
	c := &p.counts[1]
	switch c.Read++; {
	case own:
		c.Rejected++
	case blocked:
		c.Blocked++
	default:
		c.Inserted++
	}
}

// expect records an expected issue of a cell. Columns and rows count from 0, without the header.
func (p *property) expect(sheet int, name string, column, row int, code imports.IssueCode) {
	p.counts[sheet].Issues++
	p.want = append(p.want, fmt.Sprintf("%s!%c%d %s", name, 'A'+column, row+2, code))
}

func (p *property) workbook(t *testing.T) []byte {
	t.Helper()
	f := excelize.NewFile()
	defer f.Close()
	for _, sheet := range []struct {
		name string
		rows [][]any
	}{{"Parents", p.parent}, {"Children", p.child}} {
		if _, err := f.NewSheet(sheet.name); err != nil {
			t.Fatal(err)
		}
		for i, row := range sheet.rows {
			if err := f.SetSheetRow(sheet.name, fmt.Sprint("A", i+1), &row); err != nil {
				t.Fatal(err)
			}
		}
	}
	var out bytes.Buffer
	if err := f.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestKnownMistakesAreFoundAndNoOthers(t *testing.T) {
	for seed := range uint64(60) {
		p := generateProperty(rand.New(rand.NewPCG(seed, 9)))
		b := setupFor(t, p.yaml)
		b.loader.KeyBytes = int64(seed % 2) // 1 keeps the keys in files
		task, summary := b.run(p.workbook(t), upsert)
		got := b.issues(task.Import.ID)
		slices.Sort(got)
		slices.Sort(p.want)
		if !slices.Equal(got, p.want) {
			t.Errorf("issues are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(p.want, "\n"))
		}
		for i, sheet := range []string{"parents", "children"} {
			if summary.Sheets[sheet] != p.counts[i] {
				t.Errorf("%s came to %+v, want %+v", sheet, summary.Sheets[sheet], p.counts[i])
			}
		}
		if t.Failed() {
			t.Fatalf("seed %d\n%s\n%v\n%v", seed, p.yaml, p.parent, p.child)
		}
	}
}
