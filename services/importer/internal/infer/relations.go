package infer

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
)

// FromRelations makes a schema for the tables of a database from what the database declares. It returns ErrNoRelations if none
// of them can be imported into.
func FromRelations(schemaName string, relations []imports.Relation) (*Guess, error) {
	c := &catalog{}
	g := &Guess{Name: schemaName}
	title := titleOfTables(relations)
	sheets := newNames(relations, title)
	for i := range relations {
		r := &relations[i]
		s := &storedTable{relation: r, references: map[string]*storedReference{}}
		if why := s.chooseKey(); why != "" {
			g.LeftOut = append(g.LeftOut, fmt.Sprintf("The table %s is left out: %s", r.Name, why))
			continue
		}
		name := sheets.identifier(title(*r), "sheet")
		s.sheet = &Sheet{Name: name, Title: titleOf(title(*r), name), KeyEvidence: s.evidence}
		if table := r.Name.String(); table != name {
			s.sheet.Table = table
		}
		c.tables = append(c.tables, s)
		g.Sheets = append(g.Sheets, s.sheet)
	}
	switch {
	case len(g.Sheets) == 0:
		return nil, fmt.Errorf("%w%s", ErrNoRelations, strings.Join(append([]string{""}, g.LeftOut...), "\n"))
	case len(g.Sheets) > schema.MaxSheets:
		return nil, fmt.Errorf("the database has %d tables, and a schema has at most %d. Choose some of them", len(g.Sheets), schema.MaxSheets)
	}
	c.findReferences()
	c.findTenants()
	for _, s := range c.tables {
		s.nameColumns()
	}
	for _, s := range c.tables {
		s.describe()
	}
	return g, nil
}

// catalog has the tables of a database that can be imported into.
type catalog struct{ tables []*storedTable }

// storedTable is a table, and what its sheet will be.
type storedTable struct {
	relation *imports.Relation
	sheet    *Sheet
	// key are the columns that identify a row of a file.
	key []string
	// conditional are the columns of the condition for which the key identifies a row. Files don't have them.
	conditional []string
	evidence    string
	// tenants are the columns of the key that could be those of a tenant.
	tenants []string
	// references are the columns that find a row of another sheet, by name.
	references map[string]*storedReference
	// names are the names of columns in the schema, by their names in the table.
	names map[string]string
}

// storedReference finds a row of a table by one of its columns.
type storedReference struct {
	to     *storedTable
	column string
}

// chooseKey finds the columns that identify a row of a file. An ID that the database or the application makes is not known to
// the people who fill in a file, so other unique columns are preferred. It returns why the table can't be filled.
func (s *storedTable) chooseKey() string {
	if err := schema.CheckStored(s.relation.Name.Name); err != nil {
		return err.Error()
	}
	for i := range s.relation.Columns {
		c := &s.relation.Columns[i]
		refused := schema.CheckStored(c.Name)
		if refused != nil {
			c.Type = ""
		}
		if c.Type == "" && c.NotNull && !c.HasDefault && !c.Computed {
			if refused != nil {
				return fmt.Sprintf("its column %q must not be empty, and a schema can't have it: %v", c.Name, refused)
			}
			return fmt.Sprintf("its column %s, which must not be empty, has the type %s, which no column of a schema has", c.Name, c.Declared)
		}
	}
	var best *imports.RelationKey
	for i := range s.relation.Keys {
		key := &s.relation.Keys[i]
		if s.canBeKey(key) && (best == nil || s.compareKeys(key, best) < 0) {
			best = key
		}
	}
	if best == nil {
		return "no columns that a file can have identify a row. Add a unique constraint, for example to a number or a code"
	}
	s.key, s.conditional = best.Columns, best.Conditional
	kind := "a unique index"
	if best.Primary {
		kind = "the primary key"
	}
	s.evidence = "Key: " + kind
	if best.Condition != "" {
		s.evidence += fmt.Sprintf(" of the rows with %s. Other rows are not changed", best.Condition)
	}
	if s.rank(best) == rankID {
		s.evidence += ". Only this ID identifies a row, so files must have it. With a unique constraint for another column, they would not need it"
	}
	return ""
}

// canBeKey reports whether a file can have all columns of the key.
func (s *storedTable) canBeKey(key *imports.RelationKey) bool {
	for _, name := range key.Columns {
		c := s.relation.Column(name)
		if c == nil || c.Computed || c.Type == "" || c.Parent != nil && c.Parent.Table == s.relation.Name || slices.Contains(key.Conditional, name) {
			return false
		}
	}
	return true
}

// The ranks of keys, from the best.
const (
	rankNatural = iota // a primary key that people know
	rankUnique         // another unique index
	rankID             // an ID that is made
)

func (s *storedTable) rank(key *imports.RelationKey) int {
	if slices.ContainsFunc(key.Columns, func(name string) bool { return isMade(key, s.relation.Column(name)) }) {
		return rankID
	}
	if key.Primary {
		return rankNatural
	}
	return rankUnique
}

// isMade reports whether a column of a key has IDs that the database or the application makes for its rows. One of several columns is
// rather the ID of another row, even without a foreign key.
func isMade(key *imports.RelationKey, c *imports.RelationColumn) bool {
	single := len(key.Columns) == 1 || c.HasDefault || strings.EqualFold(c.Name, "id")
	return c.Parent == nil && (c.Generated || c.Sequence != "" || strings.EqualFold(c.Declared, "uuid") && single || key.Primary && len(key.Columns) == 1 && (c.HasDefault || strings.EqualFold(c.Name, "id")))
}

// compareKeys orders keys: first those that people know, with few columns, that are never empty, and whose names are those of
// identifiers.
func (s *storedTable) compareKeys(a, b *imports.RelationKey) int {
	empty := func(key *imports.RelationKey) (n int) {
		for _, name := range key.Columns {
			if !s.relation.Column(name).NotNull {
				n++
			}
		}
		return n
	}
	named := func(key *imports.RelationKey) int {
		switch words := nameOf(key.Columns[len(key.Columns)-1]); {
		case words.isIdentifier():
			return 0
		case words.hasAny([]string{"email", "slug", "login", "username"}):
			return 1
		}
		return 2
	}
	return cmp.Or(cmp.Compare(s.rank(a), s.rank(b)), cmp.Compare(len(a.Conditional), len(b.Conditional)), cmp.Compare(empty(a), empty(b)), cmp.Compare(len(a.Columns), len(b.Columns)), cmp.Compare(named(a), named(b)))
}

// identifies reports whether the column alone identifies a row of a file: it is the key, or unique.
func (s *storedTable) identifies(column string) bool {
	if c := s.relation.Column(column); c == nil || c.Type == "" || c.Computed {
		return false
	}
	if len(s.key) == 1 && s.key[0] == column {
		return true
	}
	return slices.ContainsFunc(s.relation.Keys, func(k imports.RelationKey) bool {
		return len(k.Columns) == 1 && k.Columns[0] == column && k.Condition == "" && !isMade(&k, s.relation.Column(column))
	})
}

// findReferences decides which foreign keys become references. A required one is kept before one that can be empty, because a
// cycle can't have both.
func (c *catalog) findReferences() {
	for _, required := range []bool{true, false} {
		for _, s := range c.tables {
			for i := range s.relation.Columns {
				column := &s.relation.Columns[i]
				if column.Parent == nil || s.isRequired(column) != required || column.Computed {
					continue
				}
				if r := c.referenceOf(s, column); r != nil {
					s.references[column.Name] = r
				}
			}
		}
	}
}

// referenceOf returns how a file names the row that a column refers to, or nil if it can't.
func (c *catalog) referenceOf(s *storedTable, column *imports.RelationColumn) *storedReference {
	i := slices.IndexFunc(c.tables, func(t *storedTable) bool { return t.relation.Name == column.Parent.Table })
	if i < 0 {
		return nil
	}
	r := &storedReference{to: c.tables[i], column: column.Parent.Column}
	if !r.to.identifies(r.column) {
		if len(r.to.key) != 1 {
			return nil
		}
		r.column = r.to.key[0]
	}
	if r.to.relation.Column(r.column).Type == schema.Enum {
		return nil
	}
	if r.to == s {
		// A row can't need itself, and the key of a row can't be found by the row.
		if s.isRequired(column) || s.identifies(column.Name) {
			return nil
		}
		return r
	}
	if r.to.leadsTo(s, map[*storedTable]bool{}) {
		return nil
	}
	return r
}

// leadsTo reports whether references lead from the table to another one.
func (s *storedTable) leadsTo(other *storedTable, seen map[*storedTable]bool) bool {
	if s == other {
		return true
	}
	seen[s] = true
	for _, r := range s.references {
		if !seen[r.to] && r.to.leadsTo(other, seen) {
			return true
		}
	}
	return false
}

// isRequired reports whether each row of a file must have a value of the column.
func (s *storedTable) isRequired(c *imports.RelationColumn) bool {
	return c.NotNull || slices.Contains(s.key, c.Name)
}

// title returns the words of a column's name. Without the ID, it is the name for the row that the column refers to.
func (s *storedTable) title(c *imports.RelationColumn) string {
	words := wordsOf(c.Name)
	if r := s.references[c.Name]; r != nil && r.column != c.Parent.Column && len(words) > 1 && strings.EqualFold(words[len(words)-1], "id") {
		words = words[:len(words)-1]
	}
	return strings.Join(words, " ")
}

// titleOf returns the title of a name whose words are given. Their letters are those of the name, unless it can't have them: é, ß.
func titleOf(words, name string) string {
	if strings.IndexFunc(words, func(r rune) bool { return r > unicode.MaxASCII }) < 0 {
		return defaultTitle(name)
	}
	first, size := utf8.DecodeRuneInString(words)
	return string(unicode.ToUpper(first)) + words[size:]
}

// nameColumns sets the names of the columns in the schema. A column that finds a row by its code is not named after the ID.
func (s *storedTable) nameColumns() {
	title := func(c imports.RelationColumn) string { return s.title(&c) }
	all := newNames(s.relation.Columns, title)
	s.names = map[string]string{}
	for _, c := range s.relation.Columns {
		s.names[c.Name] = all.identifier(title(c), "column")
	}
	for _, column := range s.key {
		s.sheet.Key = append(s.sheet.Key, s.names[column])
	}
}

// describe adds the columns to the sheet.
func (s *storedTable) describe() {
	for i := range s.relation.Columns {
		stored := &s.relation.Columns[i]
		c := s.column(stored)
		if c == nil {
			continue
		}
		c.Name = s.names[stored.Name]
		c.Title = titleOf(s.title(stored), c.Name)
		if slices.ContainsFunc(s.sheet.Columns, func(o *Column) bool { return schema.MatchName(o.Title) == schema.MatchName(c.Title) }) {
			c.Title = defaultTitle(c.Name)
		}
		if stored.Name != c.Name {
			c.Field = stored.Name
		}
		s.sheet.Columns = append(s.sheet.Columns, c)
	}
}

// column returns what a column will be in the schema, without its name. It returns nil for a column that a file doesn't have.
func (s *storedTable) column(stored *imports.RelationColumn) *Column {
	inKey := slices.Contains(s.key, stored.Name)
	if stored.Computed || stored.Generated && !inKey {
		return nil // the database's own
	}
	if slices.Contains(s.conditional, stored.Name) {
		s.sheet.LeftOut = append(s.sheet.LeftOut, fmt.Sprintf("The column %s is left out: the key identifies only rows with a certain value of it", stored.Name))
		return nil
	}
	if refused := schema.CheckStored(stored.Name); refused != nil {
		s.sheet.LeftOut = append(s.sheet.LeftOut, fmt.Sprintf("The column %q is left out: %v", stored.Name, refused))
		return nil
	}
	if stored.Type == "" {
		s.sheet.LeftOut = append(s.sheet.LeftOut, fmt.Sprintf("The column %s is left out: no type of a schema has the values of %s", stored.Name, stored.Declared))
		return nil
	}
	if by := s.generatedBy(stored); by != "" && !inKey {
		if stored.HasDefault {
			return nil
		}
		return &Column{Type: stored.Type, Generate: by, Sequence: stored.Sequence, Evidence: []string{stored.Declared + ". Check that the application makes it like this"}}
	}
	c := &Column{Type: stored.Type, Required: s.isRequired(stored), MaxLength: stored.MaxLength, Allowed: stored.Allowed, Evidence: []string{stored.Declared}}
	c.Unique = s.identifies(stored.Name) && (!inKey || len(s.key) > 1)
	if stored.Moment {
		c.Zone = "UTC"
		c.Evidence = append(c.Evidence, "The cells are taken as times in UTC. Set the zone that the people who fill in the files live in, for example Europe/Berlin")
	}
	if c.Required && stored.HasDefault && !inKey {
		c.Required = false
		c.Evidence = append(c.Evidence, "New rows of a file without this column have the database's default")
	}
	c.Evidence = append(c.Evidence, s.tenantAdvice(stored)...)
	if r := s.references[stored.Name]; r != nil {
		c.Type, c.MaxLength, c.Allowed, c.Zone = r.valueType(), 0, nil, ""
		c.Reference = &Reference{Columns: []string{s.names[stored.Name]}, Sheet: r.to.sheet.Name, To: []string{r.to.names[r.column]},
			Evidence: fmt.Sprintf("A foreign key leads to %s.%s", r.to.relation.Name, stored.Parent.Column)}
		s.sheet.References = append(s.sheet.References, c.Reference)
	} else if stored.Parent != nil {
		c.Evidence = append(c.Evidence, fmt.Sprintf("A foreign key leads to %s.%s, which no sheet has, so files must have the stored value", stored.Parent.Table, stored.Parent.Column))
	}
	return c
}

// valueType returns the type of the values that a file has for the reference.
func (r *storedReference) valueType() schema.Type {
	for next := r.to.references[r.column]; next != nil; next = r.to.references[r.column] {
		r = next
	}
	return r.to.relation.Column(r.column).Type
}

// uuidLength is the number of characters of a UUID.
const uuidLength = 36

// generatedBy returns how an import makes the values of a column that applications make, or nothing.
func (s *storedTable) generatedBy(c *imports.RelationColumn) schema.Generator {
	if c.Sequence != "" {
		return schema.Sequential
	}
	if c.Type == schema.DateTime || c.Type == schema.Date {
		switch strings.Join(nameOf(c.Name), " ") {
		case "created", "created at", "created on", "created date", "inserted at", "date created", "date joined", "date added", "joined at", "added at":
			return schema.Created
		case "updated", "updated at", "updated on", "updated date", "modified at", "last modified", "last modified date", "date updated", "date modified":
			return schema.Updated
		}
	}
	if c.Type == schema.Text && (c.MaxLength == 0 || c.MaxLength >= uuidLength) && c.Parent == nil && slices.ContainsFunc(s.relation.Keys, func(k imports.RelationKey) bool {
		return k.Primary && len(k.Columns) == 1 && k.Columns[0] == c.Name && isMade(&k, c)
	}) {
		return schema.UUID4
	}
	return ""
}
