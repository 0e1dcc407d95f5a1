package mapping

import (
	"slices"

	"headway/internal/messages"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/layout"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/text"
)

// heading is the part of a sheet that can have the headers.
type heading struct {
	rows []source.Row
	// all are the rows with all their cells.
	all []source.Row
	// joined are the rows that look like headers, as one. It has no number if there are none.
	joined source.Row
	// numbered and joinedNumbered are the texts of headers that have the text of an earlier one.
	numbered       []numbers
	joinedNumbered numbers
}

func newHeading(rows []source.Row) heading {
	h := heading{rows: rows, all: rows, numbered: make([]numbers, len(rows))}
	for i, row := range rows {
		h.numbered[i] = numbersOf(row)
	}
	if table := layout.FindTable(rows); len(table.Header) > 0 {
		h.joined = layout.JoinHeaders(rows, table)
		h.joinedNumbered = numbersOf(h.joined)
	}
	return h
}

// labels are the forms of all texts that can be a header of a schema or of a mapping. See schema.MatchName.
type labels map[string]bool

func newLabels(s *schema.Schema, mapping []imports.SheetMapping) labels {
	l := labels{}
	for _, spec := range s.Sheets {
		for form := range spec.HeaderForms() {
			l[form] = true
		}
	}
	for _, m := range mapping {
		for _, header := range m.Columns {
			l.add(header)
		}
		for _, header := range derivedHeaders(m) {
			l.add(header)
		}
	}
	return l
}

func (l labels) add(header string) {
	l[labelOf(text.CleanString(header))] = true
}

// labelOf returns the form of a title, or the title itself if it has no letters or digits.
func labelOf(title string) string {
	if form := schema.MatchName(title); form != "" {
		return form
	}
	return title
}

// only returns the cells of a heading that can be headers, at most two of each row with the same label: a third one has the same effect
// as the second. A sheet has up to 16,384 columns, and is compared with every sheet of the schema.
func (l labels) only(h heading) heading {
	known := h
	known.rows, known.joined = make([]source.Row, len(h.rows)), l.onlyOf(h.joined, h.joinedNumbered)
	for i, row := range h.rows {
		known.rows[i] = l.onlyOf(row, h.numbered[i])
	}
	return known
}

func (l labels) onlyOf(row source.Row, numbered numbers) source.Row {
	seen := map[string]int{}
	known := row
	known.Cells = nil
	for i := range row.Cells {
		cell := &row.Cells[i]
		if source.Blank(cell) || cell.TooLong {
			continue
		}
		title, _, _ := text.Clean(cell.Text, nil)
		if name, ok := numbered[cell.Col]; ok && l[labelOf(name)] { // a mapping names it
			known.Cells = append(known.Cells, *cell)
		} else if label := labelOf(string(title)); l[label] {
			if seen[label]++; seen[label] <= 2 {
				known.Cells = append(known.Cells, *cell)
			}
		}
	}
	return known
}

// matcher finds the column of a header: first by the mapping, then by name.
type matcher struct {
	// exact and folded are the columns of the mapping's headers, by their text and by their form.
	exact, folded map[string]mappedTo
	// names are the columns of the schema, by their forms. Columns that the mapping has elsewhere are nil.
	names map[string]*schema.Column
}

// mappedTo are the first two columns of a header of the mapping.
type mappedTo struct{ first, second *schema.Column }

func newMatcher(spec *schema.Sheet, explicit imports.SheetMapping) *matcher {
	m := &matcher{exact: map[string]mappedTo{}, folded: map[string]mappedTo{}, names: map[string]*schema.Column{}}
	derived := derivedColumns(explicit)
	add := func(to map[string]mappedTo, header string, c *schema.Column) {
		switch known := to[header]; {
		case known.first == nil:
			to[header] = mappedTo{first: c}
		case known.second == nil:
			to[header] = mappedTo{known.first, c}
		}
	}
	for _, c := range spec.Columns {
		if header, ok := explicit.Columns[c.Name]; ok {
			add(m.exact, text.CleanString(header), c)
			if form := schema.MatchName(header); form != "" {
				add(m.folded, form, c)
			}
		}
	}
	for form, i := range spec.HeaderForms() {
		c := spec.Columns[i]
		_, elsewhere := explicit.Columns[c.Name]
		if _, constant := explicit.Constants[c.Name]; elsewhere || constant || slices.Contains(derived, c.Name) {
			c = nil
		}
		m.names[form] = c
	}
	return m
}

// column returns the column that a header matches, or nil. An exact match with the mapping takes precedence over one that differs in
// case or punctuation. title is the text by which a mapping names the header, and name is its own.
func (m *matcher) column(title, name string) (*schema.Column, error) {
	found, ok := m.exact[title]
	if !ok {
		if form := schema.MatchName(title); form != "" {
			found, ok = m.folded[form]
		}
	}
	switch {
	case found.second != nil:
		return nil, problem(MappingInvalid, messages.New("mapping.header_shared", messages.Text("header", title), messages.Text("first", found.first.Title), messages.Text("second", found.second.Title)))
	case ok:
		return found.first, nil
	}
	return m.names[schema.MatchName(name)], nil
}
