package schema

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // so that the zones of a schema do not depend on the machine
)

// Generated is a column that workbooks do not have. Its values are made when rows are written.
type Generated struct {
	// Name is the name in the schema, and Field the column's name in the table.
	Name, Field string
	Type        Type
	// Zone is as in Column.
	Zone string `json:",omitempty"`
	// By is the generator of the values. If it is Constant, all rows have the value Constant, in the form of the type's bounds.
	By       Generator
	Constant string `json:",omitempty"`
	// Sequence is the sequence of the database that makes the values, as ParseTable reads it. It is empty for other generators.
	Sequence string `json:",omitempty"`
}

// Generator is the source of a generated column's values.
type Generator string

// The generators.
const (
	// Created is the time at which the import that inserts the row is applied.
	Created Generator = "created"
	// Updated is the time at which the import that inserts or changes the row is applied.
	Updated Generator = "updated"
	// UUID4 is a random UUID of a new row.
	UUID4 Generator = "uuid"
	// Sequential is the next number of a sequence, for a new row.
	Sequential Generator = "sequence"
	// Constant is the same value for all new rows.
	Constant Generator = "constant"
)

// GeneratedIn returns the generated column with this name in the table, or nil.
func (s *Sheet) GeneratedIn(field string) *Generated {
	for _, g := range s.Generated {
		if g.Field == field {
			return g
		}
	}
	return nil
}

// generators are the values of the key "generate".
var generators = []Generator{Created, Updated, UUID4, Sequential}

// generatedKeys are the keys of a generated column.
var generatedKeys = []string{"name", "column", "type", "zone", "generate", "constant", "sequence"}

// isGenerated reports whether a column has values that do not come from a workbook.
func (d *columnDraft) isGenerated() bool {
	return d.values["generate"] != nil || d.values["constant"] != nil
}

// generated reads a column that workbooks do not have.
func (l *loader) generated(d *columnDraft) *Generated {
	for key, at := range d.values {
		if !slices.Contains(generatedKeys, key) {
			l.add(at, BadGenerated, "the column %q is not in the workbook, so it has no %q", d.Name, key)
		}
	}
	g := &Generated{Name: d.Name, Field: d.Stored(), Type: d.Type, Zone: d.Zone}
	by := l.text(d.values["generate"], "generate")
	if at := d.values["sequence"]; at != nil && by != string(Sequential) {
		l.add(at, BadGenerated, "only a column with generate: sequence has a sequence. Delete it from the column %q", d.Name)
	}
	switch {
	case d.values["constant"] != nil && d.values["generate"] != nil:
		l.add(d.at("constant"), BadGenerated, "the column %q can't have both a constant and a generator. Delete one of the two", d.Name)
	case d.values["constant"] != nil:
		g.By, g.Constant = Constant, l.text(d.values["constant"], "constant")
		if problem := g.constantProblem(); problem != "" {
			l.add(d.at("constant"), BadGenerated, "the constant %q is not valid for the type %s: %s", g.Constant, g.Type, problem)
		}
	case !slices.Contains(generators, Generator(by)):
		l.add(d.at("generate"), BadGenerated, "%q can't be generated. Use one of %s", by, quotedList(generators))
	case Generator(by) == UUID4 && d.Type != Text && d.Type != "":
		l.add(d.at("type"), BadGenerated, "a UUID needs the type text")
	case Generator(by) == Sequential:
		l.sequence(g, d)
	case Generator(by) != UUID4 && d.Type != DateTime && d.Type != Date && d.Type != "":
		l.add(d.at("type"), BadGenerated, "the time of the import needs the type datetime or date")
	default:
		g.By = Generator(by)
	}
	return g
}

// sequence reads the sequence of a generated column.
func (l *loader) sequence(g *Generated, d *columnDraft) {
	g.By, g.Sequence = Sequential, l.text(d.values["sequence"], "sequence")
	switch _, err := ParseTable(g.Sequence); {
	case d.values["sequence"] == nil:
		l.add(d.at("generate"), BadGenerated, "the column %q has no sequence. Name it, for example sequence: customers_seq", d.Name)
	case err != nil:
		l.add(d.at("sequence"), BadGenerated, "the sequence of the column %q: %s", d.Name, err)
	case d.Type != Integer && d.Type != "":
		l.add(d.at("type"), BadGenerated, "the numbers of a sequence need the type integer")
	}
}

// constantProblem returns why the constant does not have the column's type, and gives it the canonical form.
func (g *Generated) constantProblem() string {
	switch g.Type {
	case Integer:
		n, err := strconv.ParseInt(g.Constant, 10, 64)
		if err != nil {
			return "use a 64-bit whole number, for example 42"
		}
		g.Constant = strconv.FormatInt(n, 10)
	case Decimal:
		if !decimalNumber.MatchString(g.Constant) {
			return "use a plain decimal, for example 1250.50"
		}
		if strings.Contains(g.Constant, ".") {
			g.Constant = strings.TrimSuffix(strings.TrimRight(g.Constant, "0"), ".")
		}
	case Boolean:
		if g.Constant != "true" && g.Constant != "false" {
			return "use true or false"
		}
	case Date, Time, DateTime:
		for _, layout := range boundLayouts[g.Type] {
			if t, err := time.Parse(layout, g.Constant); err == nil {
				g.Constant = strings.Replace(t.Format(boundLayouts[g.Type][0]), "T", " ", 1)
				return ""
			}
		}
		return "use the ISO form, for example " + boundLayouts[g.Type][0]
	}
	return ""
}

// ExampleConstant returns a column of a table as a schema has it if all rows have the same value.
func ExampleConstant(field string, t Type) string {
	column := "name: " + field
	if !identifier.MatchString(field) {
		column = fmt.Sprintf("name: %s, column: %q", snake(field), field)
	}
	value, ok := map[Type]string{Integer: `"42"`, Decimal: `"1.50"`, Boolean: `"true"`, Date: `"2024-12-31"`, Time: `"12:00"`, DateTime: `"2024-12-31T12:00:00"`}[t]
	if !ok {
		t, value = Text, "acme"
	}
	return fmt.Sprintf("{%s, type: %s, constant: %s}", column, t, value)
}

// checkZone checks that a zone exists, and that the column's type has one.
func (l *loader) checkZone(d *columnDraft) {
	if d.Zone == "" {
		return
	}
	if d.Type != DateTime && d.Type != "" {
		l.add(d.at("zone"), BadZone, "a column of type %s has no time zone. Only datetime has one", d.Type)
		return
	}
	if _, err := time.LoadLocation(d.Zone); err != nil || d.Zone == "Local" {
		l.add(d.at("zone"), BadZone, "there is no time zone %q. Use a name such as Europe/Berlin, America/New_York, or UTC", d.Zone)
	}
}
