package mapping

import (
	"context"
	"errors"
	"slices"

	"headway/services/importer/internal/layout"
	"headway/services/importer/internal/match"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
)

// tablesOn returns the tables of a sheet, if it has several, one below or next to another. A damaged sheet has none.
func tablesOn(ctx context.Context, book source.Workbook, sheet string, s *schema.Schema, known *knownTitles) ([]layout.Stacked, error) {
	stack, bands := layout.NewStack(known.has), layout.Bands{}
	if err := readTop(ctx, book, sheet, func(row source.Row) bool {
		bands.Add(row)
		return stack.Add(row)
	}); err != nil {
		return nil, err
	}
	if found := bands.Found(); found != nil {
		tables, err := tablesBeside(ctx, book, sheet, s, known, found)
		if err != nil || len(tables) > 0 {
			return tables, err
		}
	}
	return stack.Tables(), nil
}

// readTop reads the rows of a sheet until there is an error in the file, or add returns false.
func readTop(ctx context.Context, book source.Workbook, sheet string, add func(source.Row) bool) error {
	rows, err := book.Rows(ctx, sheet)
	var damaged *source.Error
	if errors.As(err, &damaged) {
		return nil
	}
	if err != nil {
		return err
	}
	for rows.Next() && add(rows.Row()) {
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil && !errors.As(err, &damaged) {
		return err
	}
	return nil
}

// tablesBeside returns the tables of a sheet whose bands have separate tables. There are none if all bands are parts of one table.
func tablesBeside(ctx context.Context, book source.Workbook, sheet string, s *schema.Schema, known *knownTitles, bands []layout.Band) ([]layout.Stacked, error) {
	sides, err := readSides(ctx, book, sheet, known, bands)
	if err != nil {
		return nil, err
	}
	merged := []layout.Band{bands[0]}
	for i := 1; i < len(sides); i++ {
		if left, right := sides[i-1], sides[i]; left.Apart(right, known.fit(s, left.Headers(), right.Headers())) {
			merged = append(merged, bands[i])
		} else {
			last := len(merged) - 1
			merged[last] = merged[last].Merge(bands[i])
		}
	}
	if len(merged) < 2 {
		return nil, nil
	}
	if len(merged) < len(bands) {
		if sides, err = readSides(ctx, book, sheet, known, merged); err != nil {
			return nil, err
		}
	}
	var tables []layout.Stacked
	for _, side := range sides {
		tables = append(tables, side.Tables()...)
	}
	if len(tables) < 2 {
		return nil, nil
	}
	return tables, nil
}

func readSides(ctx context.Context, book source.Workbook, sheet string, known *knownTitles, bands []layout.Band) ([]*layout.Side, error) {
	sides := make([]*layout.Side, len(bands))
	for i, band := range bands {
		sides[i] = layout.NewSide(band, known.has)
	}
	var top layout.Top
	err := readTop(ctx, book, sheet, func(row source.Row) bool {
		for _, side := range sides {
			side.Add(row)
		}
		return top.Add(row)
	})
	return sides, err
}

// fit returns how the headers of two parts of a sheet fit the schema.
func (t *knownTitles) fit(s *schema.Schema, left, right []string) layout.Fit {
	separate, joint, adds := [2]int{}, 0, false
	for _, spec := range s.Sheets {
		a, b := t.columnsOf(spec, left), t.columnsOf(spec, right)
		separate[0], separate[1] = max(separate[0], len(a)), max(separate[1], len(b))
		both := slices.Clone(a)
		for _, c := range b {
			if !slices.Contains(a, c) {
				both = append(both, c)
			}
		}
		if len(both) >= joint {
			adds = len(both) > max(len(a), len(b)) || adds && len(both) == joint
			joint = len(both)
		}
	}
	switch {
	case separate[0] == 0 || separate[1] == 0:
		return layout.Unknown
	case separate[0]+separate[1] <= joint:
		return layout.Joint
	case adds || separate[0] < 2 || separate[1] < 2:
		return layout.Either
	}
	return layout.Separate
}

// columnsOf returns the columns of a sheet of the schema that have one of the headers, or a similar one.
func (t *knownTitles) columnsOf(spec *schema.Sheet, headers []string) (columns []int) {
	forms := spec.HeaderForms()
	for _, header := range headers {
		at, found := forms[schema.MatchName(header)]
		for i := 0; !found && i < len(spec.Columns) && t.left > 0; i++ {
			c := spec.Columns[i]
			t.left--
			at, found = i, match.Names([]string{header}, c.Names()) >= likelyTitle
		}
		if found && !slices.Contains(columns, at) {
			columns = append(columns, at)
		}
	}
	return columns
}
