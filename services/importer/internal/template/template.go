// Package template writes the workbooks that users fill in: one sheet for each sheet of a schema, with headers, formats,
// validations, and drop-downs, and a sheet of instructions that an import ignores.
package template

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"

	"headway/internal/messages"
	"headway/services/importer/internal/schema"
)

// requiredMark follows the header of a required column. Headers are matched without punctuation, so it does not change
// which column is meant.
const requiredMark = " *"

// Write writes the template of a schema, with instructions in a language.
func Write(w io.Writer, s *schema.Schema, l messages.Language) error {
	b := &book{schema: s, language: l, file: excelize.NewFile()}
	defer func() { _ = b.file.Close() }() // it has no temporary files
	if err := b.build(); err != nil {
		return fmt.Errorf("create the template of schema %s: %w", s.Name, err)
	}
	if err := b.file.Write(w); err != nil {
		return fmt.Errorf("write the template of schema %s: %w", s.Name, err)
	}
	return nil
}

// FileName returns the file name of a schema's template.
func FileName(s *schema.Schema) string { return s.Name + "-template.xlsx" }

// book is a template that is being created.
type book struct {
	schema   *schema.Schema
	language messages.Language
	file     *excelize.File
	// lists is the name of the hidden sheet with the values of drop-downs that do not fit into a validation's own text. It
	// is empty while there is no such sheet. listed counts its columns.
	lists  string
	listed int
	styles struct {
		header, requiredHeader, heading, wrapped int
		columns                                  map[schema.Type]int
	}
}

// in returns a text in the language of the template.
func (b *book) in(m messages.Message) string { return m.In(b.language) }

// TypeName returns the name of a type in a language.
func TypeName(t schema.Type, l messages.Language) string {
	return messages.New("type", messages.Text("type", string(t))).In(l)
}

func (b *book) build() error {
	if err := b.makeStyles(); err != nil {
		return err
	}
	if err := b.instructions(); err != nil {
		return err
	}
	for _, sheet := range b.schema.Sheets {
		if err := b.sheet(sheet); err != nil {
			return fmt.Errorf("sheet %s: %w", sheet.Name, err)
		}
	}
	b.file.SetActiveSheet(0)
	return nil
}

// formats are the number formats of the types. Text columns are formatted as text, so that Excel doesn't change leading
// zeros, long numbers, and texts that look like a date or a formula.
var formats = map[schema.Type]string{
	schema.Text: "@", schema.Email: "@", schema.Phone: "@", schema.Enum: "@",
	schema.Integer: "0", schema.Decimal: "#,##0.00########", schema.Boolean: "General",
	schema.Date: `yyyy\-mm\-dd`, schema.Time: "hh:mm:ss", schema.DateTime: `yyyy\-mm\-dd\ hh:mm:ss`,
}

func (b *book) makeStyles() (err error) {
	style := func(s *excelize.Style) (id int) {
		if err == nil {
			id, err = b.file.NewStyle(s)
		}
		return id
	}
	fill := func(color string) excelize.Fill {
		return excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{color}}
	}
	top := &excelize.Alignment{Vertical: "top", WrapText: true}
	b.styles.header = style(&excelize.Style{Font: &excelize.Font{Bold: true}, Fill: fill("E7ECEF")})
	b.styles.requiredHeader = style(&excelize.Style{Font: &excelize.Font{Bold: true, Color: "7A1F1F"}, Fill: fill("F6E3DF")})
	b.styles.heading = style(&excelize.Style{Font: &excelize.Font{Bold: true, Size: 16}})
	b.styles.wrapped = style(&excelize.Style{Alignment: top})
	b.styles.columns = make(map[schema.Type]int)
	for _, t := range schema.Types {
		code := formats[t]
		b.styles.columns[t] = style(&excelize.Style{CustomNumFmt: &code})
	}
	return err
}

func (b *book) sheet(s *schema.Sheet) error {
	f, name := b.file, s.Title
	if _, err := f.NewSheet(name); err != nil {
		return err
	}
	for i, c := range s.Columns {
		letters, err := excelize.ColumnNumberToName(i + 1)
		if err != nil {
			return err
		}
		if err := f.SetColStyle(name, letters, b.styles.columns[c.Type]); err != nil {
			return err
		}
		if err := f.SetColWidth(name, letters, letters, float64(max(12, utf8.RuneCountInString(c.Title)+5))); err != nil {
			return err
		}
		if err := b.header(s, c, letters+"1"); err != nil {
			return err
		}
		if err := b.validate(s, c, letters); err != nil {
			return fmt.Errorf("column %s: %w", c.Name, err)
		}
	}
	return f.SetPanes(name, &excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"})
}

func (b *book) header(s *schema.Sheet, c *schema.Column, cell string) error {
	title, style := c.Title, b.styles.header
	if c.Required {
		title, style = title+requiredMark, b.styles.requiredHeader
	}
	if err := b.file.SetCellStr(s.Title, cell, title); err != nil {
		return err
	}
	if err := b.file.SetCellStyle(s.Title, cell, cell, style); err != nil {
		return err
	}
	text := c.Title + "\n" + strings.Join(Rules(b.schema, s, c, b.language), "\n")
	return b.file.AddComment(s.Title, excelize.Comment{Cell: cell, Author: "Headway", Text: text, Width: 260, Height: uint(40 + 18*strings.Count(text, "\n"))})
}

// instructions creates the first sheet: what to do, and every column with its rules.
func (b *book) instructions() error {
	f := b.file
	name := b.schema.FreeSheetName(b.in(messages.New("template.sheet")), b.in(messages.New("template.sheet_how")), b.in(messages.New("template.sheet_about")))
	if err := f.SetSheetName("Sheet1", name); err != nil {
		return err
	}
	for column, width := range map[string]float64{"A": 24, "B": 26, "C": 14, "D": 12, "E": 70, "F": 22, "G": 46} {
		if err := f.SetColWidth(name, column, column, width); err != nil {
			return err
		}
	}
	row := 0
	put := func(style int, values ...string) error {
		row++
		for i, v := range values {
			cell, err := excelize.CoordinatesToCellName(i+1, row)
			if err != nil {
				return err
			}
			if err := f.SetCellStr(name, cell, v); err != nil {
				return err
			}
			if err := f.SetCellStyle(name, cell, cell, style); err != nil {
				return err
			}
		}
		return nil
	}
	if err := put(b.styles.heading, b.schema.Title); err != nil {
		return err
	}
	for _, line := range []string{
		b.schema.Description,
		b.in(messages.New("template.line_rows")), b.in(messages.New("template.line_columns")), b.in(messages.New("template.line_order")),
	} {
		if line == "" {
			continue
		}
		if err := put(0, line); err != nil {
			return err
		}
	}
	row++
	if err := put(b.styles.header, b.in(messages.New("report.head_sheet")), b.in(messages.New("report.head_column")), b.in(messages.New("template.head_type")),
		b.in(messages.New("template.head_required")), b.in(messages.New("template.head_rules")), b.in(messages.New("template.head_example")), b.in(messages.New("template.head_headers"))); err != nil {
		return err
	}
	for _, s := range b.schema.Sheets {
		for _, c := range s.Columns {
			required := ""
			if c.Required {
				required = b.in(messages.New("template.required"))
			}
			if err := put(b.styles.wrapped, s.Title, c.Title, TypeName(c.Type, b.language), required, strings.Join(constraints(b.schema, s, c, b.language), " "), Example(c), strings.Join(c.Aliases, ", ")); err != nil {
				return err
			}
		}
	}
	return nil
}
