package schema

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// The limits of a schema. MaxSheets and MaxColumns also limit an upload's mapping.
const (
	MaxFileBytes = 1 << 20
	MaxSheets    = 64
	MaxColumns   = 256
	MaxAliases   = 64
	MaxAllowed   = 1000
)

// The keys of a schema's file. Any other key is a problem, so that a typo never disables a check silently.
var (
	schemaKeys = []string{"name", "title", "description", "sheets"}
	sheetKeys  = []string{"name", "title", "aliases", "table", "renamed_from", "key", "optional", "columns"}
	columnKeys = []string{"name", "title", "aliases", "column", "renamed_from", "type", "required", "unique", "min_length", "max_length", "min", "max",
		"pattern", "allowed", "references", "zone", "rules", "generate", "constant", "sequence"}
)

// Types are all column types, in the order of the documentation.
var Types = []Type{Text, Integer, Decimal, Boolean, Date, Time, DateTime, Email, Phone, Enum}

// LoadFile reads a schema from a file. Problems name the file by its base name.
func LoadFile(path string) (*Schema, error) {
	name := filepath.Base(path)
	data, err := readFile(path, name)
	if err != nil {
		return nil, err
	}
	return Load(name, data)
}

// readFile reads a file that might be a schema, up to the maximum size of a schema. Problems name it by the given name.
func readFile(path, name string) ([]byte, error) {
	refused := func(why string) error {
		return Problems{{File: name, Code: NotReadable, Message: why}}
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, refused("can't be read: " + err.Error())
	}
	if !info.Mode().IsRegular() {
		return nil, refused("is not a file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, refused("can't be read: " + err.Error())
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxFileBytes+1))
	if err != nil {
		return nil, refused("can't be read: " + err.Error())
	}
	return data, nil
}

// Load reads a schema and checks it. Problems name the file by the given name. Its error is Problems with all of them.
// The sheets of the result are in the order in which they are loaded: as in the file, but parents first.
func Load(file string, data []byte) (*Schema, error) {
	d, err := load(file, data)
	if err != nil {
		return nil, err
	}
	return d.Schema, nil
}

// load returns the schema with the positions of its parts.
func load(file string, data []byte) (*schemaDraft, error) {
	l := &loader{file: file}
	root := l.parse(data)
	if root == nil {
		return nil, l.problems.err()
	}
	draft := l.schema(root)
	l.check(draft)
	if err := l.problems.err(); err != nil {
		return nil, err
	}
	return draft, nil
}

// loader collects the problems of one file, so that its author sees all of them.
type loader struct {
	file     string
	problems Problems
}

// The drafts hold the parts of a schema with their positions.
type (
	schemaDraft struct {
		*Schema
		fields
		sheets []*sheetDraft
	}
	sheetDraft struct {
		*Sheet
		fields
		columns []*columnDraft
		// generated are those of Sheet.Generated.
		generated []*columnDraft
	}
	columnDraft struct {
		*Column
		fields
		rules fields
	}
)

// fields are the values of a mapping by key.
type fields struct {
	node   *yaml.Node
	values map[string]*yaml.Node
}

// at returns the value of a key, or the mapping itself if the key is missing. Problems point at it.
func (f fields) at(key string) *yaml.Node {
	if n := f.values[key]; n != nil {
		return n
	}
	return f.node
}

func (l *loader) add(at *yaml.Node, code ProblemCode, format string, args ...any) {
	f := &Problem{File: l.file, Code: code, Message: fmt.Sprintf(format, args...)}
	if at != nil {
		f.Line, f.Column = at.Line, at.Column
	}
	l.problems = append(l.problems, f)
}

// parse returns the top mapping's node. It returns nil after a problem.
func (l *loader) parse(data []byte) *yaml.Node {
	if len(data) > MaxFileBytes {
		l.add(nil, NotReadable, "is larger than %d bytes, the maximum for a schema", MaxFileBytes)
		return nil
	}
	var doc yaml.Node
	if err := yaml.Load(data, &doc); err != nil {
		f := &Problem{File: l.file, Code: NotReadable, Message: "is not valid YAML: " + err.Error()}
		if at := (*yaml.LoadError)(nil); errors.As(err, &at) {
			f.Line, f.Column, f.Message = at.Mark.Line, at.Mark.Column, "is not valid YAML: "+at.Message
		}
		l.problems = append(l.problems, f)
		return nil
	}
	if doc.Kind == yaml.DocumentNode && len(doc.Content) == 1 {
		return resolve(doc.Content[0])
	}
	if doc.Kind == 0 {
		l.add(nil, NotReadable, "is empty. A schema has a name and sheets")
		return nil
	}
	return resolve(&doc)
}

func (l *loader) schema(n *yaml.Node) *schemaDraft {
	d := &schemaDraft{Schema: &Schema{}}
	var ok bool
	if d.fields, ok = l.mapping(n, "a schema", schemaKeys); !ok {
		return d
	}
	d.Name = l.identifier(d.fields, "a schema")
	d.Title = l.title(d.fields, d.Name)
	d.Description = l.text(d.values["description"], "description")
	sheets := l.list(d.values["sheets"], "sheets", MaxSheets)
	if len(sheets) == 0 && !l.hasProblem(d.at("sheets")) {
		l.add(d.at("sheets"), Missing, "the schema has no sheets. List at least one under \"sheets\"")
	}
	for _, n := range sheets {
		if s := l.sheet(n); s != nil {
			d.sheets = append(d.sheets, s)
			d.Sheets = append(d.Sheets, s.Sheet)
		}
	}
	return d
}

func (l *loader) sheet(n *yaml.Node) *sheetDraft {
	f, ok := l.mapping(n, "a sheet", sheetKeys)
	if !ok {
		return nil
	}
	d := &sheetDraft{Sheet: &Sheet{}, fields: f}
	d.Name = l.identifier(f, "a sheet")
	d.Title = l.title(f, d.Name)
	d.Aliases = l.texts(f.values["aliases"], "aliases", MaxAliases)
	d.Optional = l.boolean(f.values["optional"], "optional")
	d.Table = d.Name
	if table := l.text(f.values["table"], "table"); table != "" {
		name, err := ParseTable(table)
		if err != nil {
			l.add(f.at("table"), BadIdentifier, "%q is not a table's name: %v", table, err)
		}
		d.Table = name.String()
	}
	if from := l.text(f.values["renamed_from"], "renamed_from"); from != "" {
		name, err := ParseTable(from)
		if err != nil {
			l.add(f.at("renamed_from"), BadIdentifier, "%q is not a table's name: %v", from, err)
		} else if d.RenamedFrom = name.String(); d.RenamedFrom == d.Table {
			l.add(f.at("renamed_from"), BadIdentifier, "the table %q can't be renamed from its own name. Delete renamed_from", d.Table)
		}
	}
	if key := f.values["key"]; key != nil && key.Kind == yaml.ScalarNode {
		d.Key = []string{l.text(key, "key")}
	} else {
		d.Key = l.texts(key, "key", MaxColumns)
	}
	columns := l.list(f.values["columns"], "columns", MaxColumns)
	if len(columns) == 0 && !l.hasProblem(f.at("columns")) {
		l.add(f.at("columns"), Missing, "sheet %q has no columns. List at least its key under \"columns\"", d.Name)
	}
	for _, n := range columns {
		switch c := l.column(n); {
		case c == nil:
		case c.isGenerated():
			d.generated = append(d.generated, c)
			d.Generated = append(d.Generated, l.generated(c))
		default:
			d.columns = append(d.columns, c)
			d.Columns = append(d.Columns, c.Column)
		}
	}
	return d
}

func (l *loader) column(n *yaml.Node) *columnDraft {
	f, ok := l.mapping(n, "a column", columnKeys)
	if !ok {
		return nil
	}
	d := &columnDraft{Column: &Column{}, fields: f}
	d.Name = l.identifier(f, "a column")
	d.Title = l.title(f, d.Name)
	d.Aliases = l.texts(f.values["aliases"], "aliases", MaxAliases)
	d.Required = l.boolean(f.values["required"], "required")
	d.Unique = l.boolean(f.values["unique"], "unique")
	d.MinLength = l.length(f.values["min_length"], "min_length")
	d.MaxLength = l.length(f.values["max_length"], "max_length")
	d.Min = l.text(f.values["min"], "min")
	d.Max = l.text(f.values["max"], "max")
	d.Allowed = l.texts(f.values["allowed"], "allowed", MaxAllowed)
	d.Type = l.columnType(f, d.Name)
	if d.Field = l.text(f.values["column"], "column"); d.Field != "" {
		if err := CheckStored(d.Field); err != nil {
			l.add(f.at("column"), BadIdentifier, "%q is not a column's name: %v", d.Field, err)
		}
	}
	if d.RenamedFrom = l.text(f.values["renamed_from"], "renamed_from"); d.RenamedFrom != "" {
		if err := CheckStored(d.RenamedFrom); err != nil {
			l.add(f.at("renamed_from"), BadIdentifier, "%q is not a column's name: %v", d.RenamedFrom, err)
		}
	}
	d.Zone = l.text(f.values["zone"], "zone")
	l.checkZone(d)
	if p := l.text(f.values["pattern"], "pattern"); p != "" {
		l.pattern(d, p)
	}
	l.rules(d)
	if r := l.text(f.values["references"], "references"); r != "" {
		sheet, column, found := strings.Cut(r, ".")
		if !found || sheet == "" || column == "" || strings.Contains(column, ".") {
			l.add(f.at("references"), BadReference, "%q is not a reference. Write sheet.column, for example departments.code", r)
		} else {
			d.References = &Reference{Sheet: sheet, Column: column}
		}
	}
	return d
}

func (l *loader) columnType(f fields, column string) Type {
	name := l.text(f.values["type"], "type")
	if name == "" {
		if !l.hasProblem(f.at("type")) {
			l.add(f.at("type"), Missing, "column %q has no type. Use one of %s", column, quotedList(Types))
		}
		return ""
	}
	if !slices.Contains(Types, Type(name)) {
		l.add(f.at("type"), UnknownType, "%q is not a type. Use one of %s", name, quotedList(Types))
		return ""
	}
	return Type(name)
}

func (l *loader) pattern(d *columnDraft, p string) {
	var err error
	if d.Pattern, err = regexp.Compile(p); err != nil {
		l.add(d.at("pattern"), BadPattern, "%q is not a regular expression (RE2): %v", p, err)
	}
}

// mapping reads the keys of a mapping. It returns false if the node is not a mapping.
func (l *loader) mapping(n *yaml.Node, what string, known []string) (fields, bool) {
	if n.Kind != yaml.MappingNode {
		l.add(n, WrongKind, "%s must have keys with values (%s: …), but is %s", what, known[0], kindName(n))
		return fields{node: n}, false
	}
	f := fields{node: n, values: make(map[string]*yaml.Node, len(n.Content)/2)}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], resolve(n.Content[i+1])
		switch {
		case !slices.Contains(known, key.Value):
			l.add(key, UnknownKey, "%q is not a key of %s. The keys are %s%s", key.Value, what, strings.Join(known, ", "), didYouMean(key.Value, known))
		case f.values[key.Value] != nil:
			l.add(key, RepeatedKey, "%q is set twice, first on line %d. Keep one", key.Value, f.values[key.Value].Line)
		default:
			f.values[key.Value] = value
		}
	}
	return f, true
}

// identifier reads and checks the name of a mapping.
func (l *loader) identifier(f fields, what string) string {
	name := l.text(f.values["name"], "name")
	if name == "" {
		if !l.hasProblem(f.at("name")) {
			l.add(f.at("name"), Missing, "%s needs a name in lower snake case, for example hired_on", what)
		}
		return ""
	}
	l.checkIdentifier(f.at("name"), name)
	return name
}

// title reads a title. The default is the name with spaces: hired_on → Hired on.
func (l *loader) title(f fields, name string) string {
	if t := l.text(f.values["title"], "title"); t != "" {
		return t
	}
	t := strings.ReplaceAll(name, "_", " ")
	if t == "" {
		return ""
	}
	return strings.ToUpper(t[:1]) + t[1:]
}

// hasProblem reports whether this node already has a problem, so that its consequences are not reported too.
func (l *loader) hasProblem(n *yaml.Node) bool {
	return slices.ContainsFunc(l.problems, func(f *Problem) bool { return n != nil && f.Line == n.Line && f.Column == n.Column })
}
