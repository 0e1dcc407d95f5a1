package layout_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"headway/services/importer/internal/layout"
	"headway/services/importer/internal/mapping"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
)

const fuzzSchema = `
name: shop
sheets:
  - name: items
    title: Items
    key: code
    columns:
      - {name: code, title: Code, type: text, required: true, aliases: [Item code]}
      - {name: name, title: Name, type: text}
      - {name: qty, title: Qty, type: integer}
      - {name: active, title: Active, type: boolean}
`

// fuzzBook is a sheet of lines, whose cells are separated by tabs. The first byte of a cell is its kind: "#" a number, "?"
// a truth value, "!" an error, "@" a date, "=" a number with a formula, "~" an empty formula; others begin a text.
type fuzzBook struct{ lines []string }

func (b fuzzBook) Sheets() []source.Sheet { return []source.Sheet{{Name: "Items", Bytes: 1}} }
func (b fuzzBook) Rows(context.Context, string) (source.Rows, error) {
	return &fuzzRows{lines: b.lines}, nil
}
func (b fuzzBook) Civil(*source.Cell) (source.Civil, error) {
	return source.Civil{}, source.ErrNotADate
}
func (b fuzzBook) Close() error { return nil }

type fuzzRows struct {
	lines    []string
	n        int
	formulas map[int]string
}

func (r *fuzzRows) Next() bool {
	for r.n++; r.n <= len(r.lines) && strings.Trim(r.lines[r.n-1], "\t") == ""; r.n++ {
	}
	return r.n <= len(r.lines)
}

func (r *fuzzRows) Row() source.Row {
	row := source.Row{Number: r.n, Hidden: r.n%7 == 0}
	r.formulas = map[int]string{}
	for i, field := range strings.Split(r.lines[r.n-1], "\t") {
		if field == "" || i > 20 {
			continue
		}
		c := source.Cell{Col: i + 1, Kind: source.Text, Text: []byte(field), Format: &source.NumberFormat{}}
		kinds := map[byte]source.Kind{'#': source.Number, '?': source.Bool, '!': source.ErrorValue, '@': source.Date, '=': source.Number, '~': source.Empty}
		if kind, ok := kinds[field[0]]; ok {
			c.Kind, c.Text = kind, []byte(field[1:])
			switch {
			case field[0] == '=':
				c.HasFormula, c.Text = true, []byte("5")
				r.formulas[c.Col] = field[1:]
			case kind == source.Bool:
				c.Text = []byte(map[bool]string{true: "TRUE", false: "FALSE"}[len(field)%2 == 0])
			case kind == source.Empty:
				c.HasFormula, c.Text = true, nil
			case len(c.Text) == 0:
				c.Text = []byte("0")
			}
		}
		row.Cells = append(row.Cells, c)
	}
	return row
}

func (r *fuzzRows) Err() error                    { return nil }
func (r *fuzzRows) Close() error                  { return nil }
func (r *fuzzRows) Progress() (read, all int64)   { return 0, 0 }
func (r *fuzzRows) Formula(c *source.Cell) []byte { return []byte(r.formulas[c.Col]) }

// ranges are made of four bytes each: first row, rows, first column, columns.
func ranges(b []byte) (list []source.Range) {
	for ; len(b) >= 4 && len(list) < 20; b = b[4:] {
		list = append(list, source.Range{FirstRow: int32(b[0]%40) + 1, LastRow: int32(b[0]%40+b[1]%8) + 1, FirstCol: int32(b[2]%6) + 1, LastCol: int32(b[2]%6+b[3]%3) + 1})
	}
	return list
}

func FuzzLayout(f *testing.F) {
	spec, err := schema.Load("shop.yaml", []byte(fuzzSchema))
	if err != nil {
		f.Fatal(err)
	}
	for _, sheet := range []string{
		"Code\tName\tQty\tActive\nA1\tx\t#1\t??\nTotal\t\t=SUM(C2:C2)\t",
		"Stock of 2026\n\nName\tItem code\n\nrequired\toptional\nx\tA1\nCode\tName\nPage 1 of 2\n----\nA2\ty\n\t\t~\t?",
		"Code\tName\tQty\n\t\t=B2*2\nA1\tx\t=SUBTOTAL(109,T[Qty])\n©\n合計\t\t#5\n!N/A\t@46000",
	} {
		f.Add(sheet, []byte{1, 2, 1, 0}, []byte{0, 3, 0, 2, 6, 1, 0, 1})
	}
	f.Fuzz(func(t *testing.T, sheet string, merged, tabled []byte) {
		book := fuzzBook{strings.SplitN(sheet, "\n", 200)}
		found, err := mapping.Find(t.Context(), book, spec, nil)
		var fit *mapping.Error
		if errors.As(err, &fit) && strings.TrimSpace(fit.Error()) != "" {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		listed := &found[0]
		if listed.HeaderRow < 1 || len(listed.Columns) == 0 || len(listed.Columns) > 4 {
			t.Fatalf("found %+v", listed)
		}
		var columns []layout.Column
		at := map[int]int{}
		for i, c := range listed.Columns {
			at[c.Column] = i
			columns = append(columns, layout.Column{Cell: c.Column, Titles: []string{c.Header, c.Name}, Key: c.Name == "code"})
		}
		if len(at) != len(columns) {
			t.Fatalf("two columns are in one: %+v", listed.Columns)
		}
		var tables []source.Table
		for i, r := range ranges(tabled) {
			tables = append(tables, source.Table{Range: r, HeaderRows: int32(i % 2), TotalsRows: int32(i % 3)})
		}
		judge(t, book, columns, at, listed.HeaderRow, tables, ranges(merged))
	})
}

func judge(t *testing.T, book fuzzBook, columns []layout.Column, at map[int]int, header int, tables []source.Table, merges []source.Range) {
	inside := &fuzzRows{lines: book.lines}
	rows := source.FillMerges(inside, merges, []int{1, 2, 3, 4})
	s := layout.New(header, columns, tables)
	counts := map[layout.Kind]uint32{}
	judged := 0
	for rows.Next() {
		row := rows.Row()
		if row.Number <= header {
			continue
		}
		if !slices.IsSortedFunc(row.Cells, func(a, b source.Cell) int { return a.Col - b.Col }) {
			t.Fatalf("row %d: the cells are not sorted: %+v", row.Number, row.Cells)
		}
		r := &layout.Row{Row: row, Values: make([]source.Cell, len(columns))}
		plain := true // only texts that are different from each other, in all columns
		for _, c := range row.Cells {
			i, ok := at[c.Col]
			if !ok {
				continue
			}
			r.Values[i] = c
			r.Merged = r.Merged || c.Merge != source.NotMerged
			if c.Merge == source.MergeFilled || source.Blank(&c) {
				continue
			}
			r.Filled++
			r.Typed = r.Typed || layout.Typed(&c, columns[i].Key)
			r.Formulas = r.Formulas || c.HasFormula
			plain = plain && c.Kind == source.Text && bytes.HasPrefix(c.Text, []byte("x"))
		}
		if r.Filled == 0 {
			continue
		}
		judged++
		kind := s.Judge(r, inside)
		counts[kind]++
		if d := s.Doubt(); kind == layout.Doubtful && (d.Column < 0 || d.Column >= len(columns) || d.Reason == "") {
			t.Fatalf("row %d: the doubt is %+v", row.Number, d)
		}
		if plain && kind != layout.Record && len(tables) == 0 && s.Doubt().Reason != layout.BecauseOtherHeaders {
			t.Fatalf("row %d is of kind %d: %+v", row.Number, kind, r.Values)
		}
		if kind == layout.Filler && slices.ContainsFunc(r.Values, entered) {
			t.Fatalf("row %d has values, and is left out: %+v", row.Number, r.Values)
		}
	}
	total := counts[layout.Record]
	for _, kind := range []layout.Kind{layout.Filler, layout.Header, layout.Totals, layout.Doubtful} {
		of := s.OfKind(kind)
		if of.Count != counts[kind] || len(of.First) > 10 || !slices.IsSorted(of.First) {
			t.Fatalf("kind %d: %+v, want %d", kind, of, counts[kind])
		}
		total += of.Count
	}
	if int(total) != judged {
		t.Fatalf("%d of %d rows are counted", total, judged)
	}
	for name, of := range map[string]layout.Rows{"sparse": s.Sparse(), "below": s.BelowTable(), "other": s.OtherTable()} {
		if of.Count > counts[layout.Record] {
			t.Fatalf("%s: %+v of %d records", name, of, counts[layout.Record])
		}
	}
}

// entered reports whether a cell has a value that is neither a formula nor an unchecked checkbox.
func entered(c source.Cell) bool {
	return !source.Blank(&c) && !c.HasFormula && (c.Kind != source.Bool || c.Text[0] != 'F') && c.Merge != source.MergeFilled
}
