// Package schemadoc writes a page that describes a schema: the headers of its workbooks, and the columns of its tables.
package schemadoc

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"

	"headway/services/importer/internal/schema"
	rules "headway/services/importer/internal/template"
)

//go:embed page.html
var page string

var parsed = template.Must(template.New("page").Parse(page))

// sheet is a sheet as the page shows it.
type sheet struct {
	*schema.Sheet
	Position   int
	Columns    []column
	ReferredBy []link
}

// column is a column as the page shows it.
type column struct {
	*schema.Column
	Key   bool
	Rules []string
	// Parent is the column that it refers to, or nil.
	Parent *link
}

// link leads to a column.
type link struct{ Sheet, Column, Anchor string }

// Write writes the page of a schema. It is one HTML file without scripts and without other files.
func Write(w io.Writer, s *schema.Schema) error {
	sheets := make([]sheet, len(s.Sheets))
	for i, of := range s.Sheets {
		sheets[i] = sheet{Sheet: of, Position: i + 1, Columns: columnsOf(s, of), ReferredBy: referringTo(s, of)}
	}
	err := parsed.Execute(w, struct {
		*schema.Schema
		Sheets []sheet
	}{s, sheets})
	if err != nil {
		return fmt.Errorf("write the page of the schema %s: %w", s.Name, err)
	}
	return nil
}

func columnsOf(s *schema.Schema, of *schema.Sheet) []column {
	all := make([]column, len(of.Columns))
	for i, c := range of.Columns {
		all[i] = column{Column: c, Key: slices.Contains(of.Key, c.Name), Rules: rules.Rules(s, of, c)}
		if r := c.References; r != nil {
			parent := s.Sheet(r.Sheet)
			target, _ := parent.Column(r.Column)
			l := linkTo(parent, target)
			all[i].Parent = &l
		}
	}
	return all
}

// referringTo returns the columns that refer to a sheet.
func referringTo(s *schema.Schema, to *schema.Sheet) (links []link) {
	for _, from := range s.Sheets {
		for _, c := range from.Columns {
			if c.References != nil && c.References.Sheet == to.Name {
				links = append(links, linkTo(from, c))
			}
		}
	}
	return links
}

func linkTo(s *schema.Sheet, c *schema.Column) link {
	return link{Sheet: s.Title, Column: c.Title, Anchor: s.Name + "." + c.Name}
}
