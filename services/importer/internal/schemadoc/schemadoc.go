// Package schemadoc writes a page that describes a schema: the headers of its workbooks, and the columns of its tables.
package schemadoc

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"headway/internal/messages"
	"headway/services/importer/internal/schema"
	rules "headway/services/importer/internal/template"
)

//go:embed page.html
var page string

var parsed = template.Must(template.New("page").Parse(page))

// texts are the texts of the page in its language.
type texts struct{ language messages.Language }

func (t texts) in(m messages.Message) template.HTML {
	marks := strings.NewReplacer(codeBegins, "<code>", codeEnds, "</code>")
	return template.HTML(marks.Replace(template.HTMLEscapeString(m.In(t.language)))) //nolint:gosec // it is escaped, and the only tags are those
}

// codeBegins and codeEnds are around code in a parameter. They are private characters, so they are not in a text by chance, and another
// one could only add these tags.
const codeBegins, codeEnds = "\uE000", "\uE001"

func code(text string) string { return codeBegins + text + codeEnds }

func codes(list []string) []messages.Value {
	values := make([]messages.Value, len(list))
	for i, text := range list {
		values[i] = messages.Value{Text: code(text)}
	}
	return values
}

// Language returns the language of the page.
func (t texts) Language() messages.Language { return t.language }

// Order introduces the list of sheets.
func (t texts) Order(name string) template.HTML {
	return t.in(messages.New("doc.order", messages.Text("name", code(name))))
}

// Optional describes a sheet that can be missing.
func (t texts) Optional() template.HTML { return t.in(messages.New("doc.optional")) }

// Table describes the table of a sheet.
func (t texts) Table(s *schema.Sheet) template.HTML {
	return t.in(messages.New("doc.table", messages.Text("table", code(s.Table)), messages.List("key", messages.And, codes(s.Key)...)))
}

// Aliases describes the other names of a sheet.
func (t texts) Aliases(names []string) template.HTML {
	return t.in(messages.New("doc.aliases", messages.List("names", messages.Or, messages.Quotes(names...)...)))
}

// Referred introduces the references to a sheet.
func (t texts) Referred() template.HTML { return t.in(messages.New("doc.referred")) }

// Heads are the headers of a table.
func (t texts) Heads() []template.HTML {
	return []template.HTML{t.in(messages.New("doc.head_header")), t.in(messages.New("doc.head_column")), t.in(messages.New("template.head_type")),
		t.in(messages.New("template.head_rules"))}
}

// Also lists the other headers of a column.
func (t texts) Also(names []string) template.HTML {
	return t.in(messages.New("doc.also", messages.List("names", messages.Comma, messages.Texts(names...)...)))
}

// Type is the type of a column.
func (t texts) Type(of schema.Type, zone string) template.HTML {
	name := messages.New("type", messages.Text("type", string(of)))
	if zone == "" {
		return t.in(name)
	}
	return t.in(messages.New("doc.zone", messages.Part("type", name), messages.Text("zone", zone)))
}

// NotInFile describes a generated column.
func (t texts) NotInFile() template.HTML { return t.in(messages.New("doc.not_in_file")) }

// Generated describes the value of a generated column.
func (t texts) Generated(g *schema.Generated) template.HTML {
	return t.in(messages.New("doc.generated", messages.Text("by", string(g.By)), messages.Text("value", fmt.Sprint(g.Constant))))
}

// Star explains the star.
func (t texts) Star() template.HTML { return t.in(messages.New("doc.star")) }

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

// Write writes the page of a schema in a language. It is one HTML file without scripts and without other files.
func Write(w io.Writer, s *schema.Schema, l messages.Language) error {
	sheets := make([]sheet, len(s.Sheets))
	for i, of := range s.Sheets {
		sheets[i] = sheet{Sheet: of, Position: i + 1, Columns: columnsOf(s, of, l), ReferredBy: referringTo(s, of)}
	}
	err := parsed.Execute(w, struct {
		*schema.Schema
		Sheets []sheet
		Say    texts
	}{s, sheets, texts{l}})
	if err != nil {
		return fmt.Errorf("write the page of the schema %s: %w", s.Name, err)
	}
	return nil
}

func columnsOf(s *schema.Schema, of *schema.Sheet, l messages.Language) []column {
	all := make([]column, len(of.Columns))
	for i, c := range of.Columns {
		all[i] = column{Column: c, Key: slices.Contains(of.Key, c.Name), Rules: rules.Rules(s, of, c, l)}
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
