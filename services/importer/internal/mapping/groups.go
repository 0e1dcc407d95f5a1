package mapping

import (
	"context"

	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
)

// groups finds the columns whose values are only in the first row of each group of rows, as in a pivot table.
type groups struct {
	rows  int
	found []grouped
}

// grouped are the values of a column.
type grouped struct {
	blanks, values int
	// repeats reports whether a value occurs twice, and sample is the value above the first empty cell.
	repeats bool
	seen    map[string]bool
	last    string
	sample  string
}

func newGroups(columns int) *groups {
	g := &groups{found: make([]grouped, columns)}
	for i := range g.found {
		g.found[i].seen = map[string]bool{}
	}
	return g
}

// add adds a row below the headers. at are the indexes of the columns by their numbers in the file. Rows with one value are titles and notes.
func (g *groups) add(row source.Row, at map[int]int) {
	if filled(row) < 2 {
		return
	}
	g.rows++
	for i := range row.Cells {
		cell := &row.Cells[i]
		c, ok := at[cell.Col]
		if !ok || source.Blank(cell) {
			continue
		}
		of, value := &g.found[c], string(cell.Text)
		if of.values++; of.seen[value] {
			of.repeats = true
		}
		of.seen[value], of.last = true, value
	}
	for c := range g.found {
		of := &g.found[c]
		if blanks := g.rows - of.values; blanks > of.blanks {
			if of.blanks = blanks; of.sample == "" {
				of.sample = of.last
			}
		}
	}
}

// columns returns the columns, the first ones of the table, and a value of each.
func (g *groups) columns() map[int]string {
	full := false
	for c := range g.found {
		full = full || g.found[c].blanks == 0
	}
	found := map[int]string{}
	for c := range g.found {
		of := &g.found[c]
		// The values of the first column are different. Those of the next ones can be the same in several groups.
		if !full || of.sample == "" || of.values < 2 || of.blanks < 2 || 3*of.blanks < g.rows || c == 0 && of.repeats {
			break
		}
		found[c] = source.Clip([]byte(of.sample), shownText)
	}
	return found
}

// groupBytes is the size of the largest sheet that is read to find out whether its cells are merged.
const groupBytes = 8 << 20

// addGroups adds the readings of empty cells of columns that look like those of a pivot table. Merged cells have their values anyway.
func (p *Preview) addGroups(ctx context.Context, files []*fileTable, book source.Workbook, s *schema.Schema) error {
	for i := range p.Proposals {
		o := &p.Proposals[i]
		for _, f := range files {
			if f.Name != o.FileSheet || len(f.grouped) == 0 {
				continue
			}
			merged, err := f.isMerged(ctx, book)
			if err != nil {
				return err
			}
			for j := range o.Columns {
				c := &o.Columns[j]
				for at, value := range f.grouped {
					if f.Columns[at].Header == c.Header && !merged && len(c.Readings) == 0 {
						c.Readings, c.ReadingSure = groupReadings(s.Sheet(o.Sheet), c.Name, value)
					}
				}
			}
		}
	}
	return nil
}

// groupReadings returns what an empty cell of a column can mean. In a required column, it can only be the value above.
func groupReadings(sheet *schema.Sheet, column, value string) (list []Reading, sure bool) {
	spec, _ := sheet.Column(column)
	above := &schema.Rules{Blank: schema.AboveBlank}
	if spec == nil || spec.Rules != nil && (spec.Rules.Blank != "" || spec.Rules.Default != "") || len(sheet.RuleProblems(spec, above)) > 0 {
		return nil, false
	}
	list = []Reading{{Rules: above, Value: value}}
	if spec.Required {
		return list, true
	}
	return append(list, Reading{Rules: &schema.Rules{Blank: schema.ClearBlank}}), false
}

// isMerged reports whether cells of a grouped column are merged. A large sheet is not read for that.
func (f *fileTable) isMerged(ctx context.Context, book source.Workbook) (bool, error) {
	for _, sheet := range book.Sheets() {
		if sheet.Name == f.Name && sheet.Bytes > groupBytes {
			return false, nil
		}
	}
	columns := make([]int, 0, len(f.grouped))
	for at := range f.grouped {
		columns = append(columns, f.Columns[at].Column)
	}
	ranges, err := source.Merges(ctx, book, f.Name, func(r source.Range) bool { return r.IsBelow(f.HeaderRow, columns) && r.FirstRow < r.LastRow })
	if err != nil {
		return false, err
	}
	return len(ranges) > 0, nil
}
