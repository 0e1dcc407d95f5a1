package infer

import (
	"context"
	"fmt"
	"slices"

	"headway/services/importer/internal/convert"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/text"
)

// parents has the values of a column that is referred to.
type parents struct{ exact, folded *hashSet }

// findSpoilt reads all rows again, with the guesses, and reports the cells that contradict them.
func (d *detective) findSpoilt(ctx context.Context, g *Guess) error {
	values := 0
	wanted := map[*column]*parents{}
	for _, r := range d.refs {
		if wanted[r.to] == nil {
			wanted[r.to] = &parents{}
			values += 2 * r.to.filled
		}
	}
	for _, t := range d.tables {
		values += t.rows
	}
	parts := d.parts(values)
	for part := range parts {
		for c := range wanted {
			wanted[c].exact, wanted[c].folded = newHashSet(c.filled/int(parts)), newHashSet(c.filled/int(parts))
		}
		for _, t := range d.tables {
			if err := t.collectParents(ctx, wanted); err != nil {
				return err
			}
		}
		for _, t := range d.tables {
			if err := t.findSpoilt(ctx, g, wanted, part, parts); err != nil {
				return err
			}
		}
	}
	order := map[string]int{}
	for i, s := range g.Sheets {
		order[s.Name] = i
	}
	slices.SortStableFunc(g.Spoilt, func(a, b Spoilt) int {
		if a.Sheet != b.Sheet {
			return order[a.Sheet] - order[b.Sheet]
		}
		return a.Row - b.Row
	})
	return nil
}

// collectParents adds the values of the table's columns that are referred to.
func (t *table) collectParents(ctx context.Context, wanted map[*column]*parents) error {
	if !slices.ContainsFunc(t.columns, func(c *column) bool { return wanted[c] != nil }) {
		return nil
	}
	var buf [256]byte
	return t.read(ctx, func(_ int, cells []source.Cell) {
		for i, c := range t.columns {
			p := wanted[c]
			if p == nil {
				continue
			}
			if value, ok := valueOf(&cells[i], buf[:]); ok {
				p.exact.add(hashOf(value))
				p.folded.add(hashOf(fold(value)))
			}
		}
	})
}

// checker checks the cells of a column by its guess.
type checker struct {
	*column
	converter *convert.Column
	parents   *parents
}

func (t *table) findSpoilt(ctx context.Context, g *Guess, wanted map[*column]*parents, part, parts uint64) error {
	checkers := make([]checker, len(t.columns))
	for i, c := range t.columns {
		// The guess is valid, so this can't fail.
		converter, _ := convert.Compile(&schema.Column{Name: c.guess.Name, Title: c.header, Type: c.guess.Type, Required: c.guess.Required,
			MaxLength: c.guess.MaxLength, Allowed: c.guess.Allowed})
		checkers[i] = checker{column: c, converter: converter}
		if c.ref != nil {
			checkers[i].parents = wanted[c.ref.to]
		}
	}
	keys := map[*column]*hashSet{}
	for _, c := range t.columns {
		if c.unique && c.repeats > 0 {
			keys[c] = newHashSet(c.filled)
		}
	}
	var key *hashSet
	if t.keyRepeats > 0 {
		key = newHashSet(t.rows)
	}
	hashes := make([]uint64, len(t.columns))
	var buf [256]byte
	return t.read(ctx, func(row int, cells []source.Cell) {
		hashCells(cells, hashes)
		report := func(c *column, cell *source.Cell, kind SpoiltKind, format string, args ...any) {
			g.SpoiltCells++
			if len(g.Spoilt) < maxSpoilt {
				g.Spoilt = append(g.Spoilt, Spoilt{Sheet: t.guess.Name, Column: c.guess.Name, Cell: t.cellName(c, row), Row: row,
					Value: source.Clip(cell.Text, 100), Kind: kind, Message: fmt.Sprintf(format, args...)})
			}
		}
		for i := range checkers {
			c, cell := &checkers[i], &cells[i]
			if part == 0 {
				if _, _, f := c.converter.Convert(cell, t.input.Book, buf[:0]); f != nil && !f.Normalized() {
					kind := WrongType
					if source.Blank(cell) {
						kind = Missing
					}
					report(c.column, cell, kind, "%s", f.Message())
					continue
				}
			}
			hash := hashes[i]
			if hash == 0 || hash%parts != part {
				continue
			}
			if set := keys[c.column]; set != nil && !set.add(hash) {
				report(c.column, cell, Repeated, "%s is a duplicate of an earlier row.", text.Quote(cell.Text, 40))
			}
			if c.parents != nil {
				c.checkReference(cell, hash, report)
			}
		}
		if key != nil {
			if h := combine(hashes, t.key); h != 0 && h%parts == part && !key.add(h) {
				report(t.key[0], &cells[t.key[0].at()], Repeated, "The key of this row is a duplicate of an earlier row.")
			}
		}
	})
}

// checkReference reports a value that is not among those of the other column, or not in the same spelling.
func (c *checker) checkReference(cell *source.Cell, hash uint64, report func(*column, *source.Cell, SpoiltKind, string, ...any)) {
	to := c.ref.to
	value, _ := valueOf(cell, nil)
	switch {
	case c.parents.exact.has(hash):
		if cell.Kind == source.Text && len(value) != len(cell.Text) {
			report(c.column, cell, Blanks, "%s begins or ends with blanks. An import removes them.", text.Quote(cell.Text, 40))
		}
	case c.parents.folded.has(hashOf(fold(value))):
		report(c.column, cell, OtherCase, "%s differs only in case or blanks from a %s of %s.", text.Quote(cell.Text, 40), to.header, to.table.input.Name)
	default:
		report(c.column, cell, Dangling, "“%s” has no row with %s %s.", to.table.input.Name, to.header, text.Quote(cell.Text, 40))
	}
}
