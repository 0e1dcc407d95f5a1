package schema

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// The limits of a schema. Those of sheets and columns are also those of an upload's mapping.
const (
	MaxFileBytes = 1 << 20
	MaxSheets    = 64
	MaxColumns   = 256
	MaxAliases   = 64
	MaxAllowed   = 1000
)

// The keys of a schema's file. Whatever else stands there is a fault, so that a slip of the pen never switches off a
// check in silence.
var (
	schemaKeys = []string{"name", "title", "description", "sheets"}
	sheetKeys  = []string{"name", "title", "aliases", "table", "key", "optional", "columns"}
	columnKeys = []string{"name", "title", "aliases", "type", "required", "unique", "min_length", "max_length", "min", "max",
		"pattern", "allowed", "references"}
)

// Types are all column types, in the order in which they are documented.
var Types = []Type{Text, Integer, Decimal, Boolean, Date, Time, DateTime, Email, Phone, Enum}

// LoadFile reads a schema from a file; faults name it by its base name.
func LoadFile(path string) (*Schema, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return Load(filepath.Base(path), data)
}

// readFile reads a file that may be a schema, and no more of it than a schema may have.
func readFile(path string) ([]byte, error) {
	refused := func(why string) error {
		return Faults{{File: filepath.Base(path), Code: NotReadable, Message: why}}
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, refused("cannot be read: " + err.Error())
	}
	if !info.Mode().IsRegular() {
		return nil, refused("is not a file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, refused("cannot be read: " + err.Error())
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxFileBytes+1))
	if err != nil {
		return nil, refused("cannot be read: " + err.Error())
	}
	return data, nil
}

// Load reads a schema and checks it; file is the name that faults carry. Its error is a Faults with everything that is
// wrong. The sheets of the result are in the order in which they are to be loaded: as in the file, but parents first.
func Load(file string, data []byte) (*Schema, error) {
	d, err := load(file, data)
	if err != nil {
		return nil, err
	}
	return d.Schema, nil
}

// load gives the schema together with where its parts stand.
func load(file string, data []byte) (*schemaDraft, error) {
	l := &loader{file: file}
	root := l.parse(data)
	if root == nil {
		return nil, l.faults.err()
	}
	draft := l.schema(root)
	l.check(draft)
	if err := l.faults.err(); err != nil {
		return nil, err
	}
	return draft, nil
}

// loader collects the faults of one file, so that its author sees them all at once.
type loader struct {
	file   string
	faults Faults
}

// The drafts keep what was read together with where it stands.
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
	}
	columnDraft struct {
		*Column
		fields
	}
)

// fields are the values of a mapping by key.
type fields struct {
	node   *yaml.Node
	values map[string]*yaml.Node
}

// at is the value of a key, or the mapping itself if the key is not there: the place to point at.
func (f fields) at(key string) *yaml.Node {
	if n := f.values[key]; n != nil {
		return n
	}
	return f.node
}

func (l *loader) fault(at *yaml.Node, code FaultCode, format string, args ...any) {
	f := &Fault{File: l.file, Code: code, Message: fmt.Sprintf(format, args...)}
	if at != nil {
		f.Line, f.Column = at.Line, at.Column
	}
	l.faults = append(l.faults, f)
}

// parse gives the top mapping's node; nil if there is a fault already.
func (l *loader) parse(data []byte) *yaml.Node {
	if len(data) > MaxFileBytes {
		l.fault(nil, NotReadable, "is larger than %d bytes; a schema's file is a few pages of YAML", MaxFileBytes)
		return nil
	}
	var doc yaml.Node
	if err := yaml.Load(data, &doc); err != nil {
		f := &Fault{File: l.file, Code: NotReadable, Message: "is not valid YAML: " + err.Error()}
		if at := (*yaml.LoadError)(nil); errors.As(err, &at) {
			f.Line, f.Column, f.Message = at.Mark.Line, at.Mark.Column, "is not valid YAML: "+at.Message
		}
		l.faults = append(l.faults, f)
		return nil
	}
	if doc.Kind == yaml.DocumentNode && len(doc.Content) == 1 {
		return resolve(doc.Content[0])
	}
	if doc.Kind == 0 {
		l.fault(nil, NotReadable, "is empty; a schema has a name and sheets")
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
	if len(sheets) == 0 && !l.hasFault(d.at("sheets")) {
		l.fault(d.at("sheets"), Missing, "the schema has no sheets; list at least one under \"sheets\"")
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
	if d.Table = l.text(f.values["table"], "table"); d.Table == "" {
		d.Table = d.Name
	}
	if key := f.values["key"]; key != nil && key.Kind == yaml.ScalarNode {
		d.Key = []string{l.text(key, "key")}
	} else {
		d.Key = l.texts(key, "key", MaxColumns)
	}
	columns := l.list(f.values["columns"], "columns", MaxColumns)
	if len(columns) == 0 && !l.hasFault(f.at("columns")) {
		l.fault(f.at("columns"), Missing, "sheet %q has no columns; list at least its key under \"columns\"", d.Name)
	}
	for _, n := range columns {
		if c := l.column(n); c != nil {
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
	if p := l.text(f.values["pattern"], "pattern"); p != "" {
		l.pattern(d, p)
	}
	if r := l.text(f.values["references"], "references"); r != "" {
		sheet, column, found := strings.Cut(r, ".")
		if !found || sheet == "" || column == "" || strings.Contains(column, ".") {
			l.fault(f.at("references"), BadReference, "%q is no reference; write sheet.column, as in departments.code", r)
		} else {
			d.References = &Reference{Sheet: sheet, Column: column}
		}
	}
	return d
}

func (l *loader) columnType(f fields, column string) Type {
	name := l.text(f.values["type"], "type")
	if name == "" {
		if !l.hasFault(f.at("type")) {
			l.fault(f.at("type"), Missing, "column %q has no type; write one of %s", column, quotedList(Types))
		}
		return ""
	}
	if !slices.Contains(Types, Type(name)) {
		l.fault(f.at("type"), UnknownType, "%q is no type; write one of %s", name, quotedList(Types))
		return ""
	}
	return Type(name)
}

func (l *loader) pattern(d *columnDraft, p string) {
	var err error
	if d.Pattern, err = regexp.Compile(p); err != nil {
		l.fault(d.at("pattern"), BadPattern, "%q is no regular expression (RE2): %v", p, err)
	}
}

// mapping reads the keys of a mapping; false if the node is none.
func (l *loader) mapping(n *yaml.Node, what string, known []string) (fields, bool) {
	if n.Kind != yaml.MappingNode {
		l.fault(n, WrongKind, "%s is written as keys with values (%s: …), not as %s", what, known[0], kindName(n))
		return fields{node: n}, false
	}
	f := fields{node: n, values: make(map[string]*yaml.Node, len(n.Content)/2)}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], resolve(n.Content[i+1])
		switch {
		case !slices.Contains(known, key.Value):
			l.fault(key, UnknownKey, "%q is no key of %s%s; known are %s", key.Value, what, didYouMean(key.Value, known), strings.Join(known, ", "))
		case f.values[key.Value] != nil:
			l.fault(key, RepeatedKey, "%q stands here twice, first on line %d; keep one", key.Value, f.values[key.Value].Line)
		default:
			f.values[key.Value] = value
		}
	}
	return f, true
}

// list gives the items of a sequence; nil if the node is nil, empty, or no sequence.
func (l *loader) list(n *yaml.Node, key string, limit int) []*yaml.Node {
	if n == nil || isNull(n) {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		l.fault(n, WrongKind, "%q is a list, not %s", key, kindName(n))
		return nil
	}
	if len(n.Content) > limit {
		l.fault(n, TooMany, "%q has %d entries; at most %d are possible", key, len(n.Content), limit)
		return nil
	}
	items := make([]*yaml.Node, len(n.Content))
	for i, item := range n.Content {
		items[i] = resolve(item)
	}
	return items
}

func (l *loader) texts(n *yaml.Node, key string, limit int) []string {
	var texts []string
	for _, item := range l.list(n, key, limit) {
		if s := l.text(item, key); s != "" {
			texts = append(texts, s)
		} else if !l.hasFault(item) {
			l.fault(item, WrongKind, "an entry of %q is empty; remove it or give it a value", key)
		}
	}
	return texts
}

// text is a scalar as it is written, whatever YAML would take it for: 010 stays "010", and no stays "no".
func (l *loader) text(n *yaml.Node, key string) string {
	if n == nil || isNull(n) {
		return ""
	}
	if n.Kind != yaml.ScalarNode {
		l.fault(n, WrongKind, "%q is a single value, not %s", key, kindName(n))
		return ""
	}
	return n.Value
}

func (l *loader) boolean(n *yaml.Node, key string) bool {
	if n == nil {
		return false
	}
	if n.Kind != yaml.ScalarNode || n.Value != "true" && n.Value != "false" {
		l.fault(n, WrongKind, "%q is true or false", key)
		return false
	}
	return n.Value == "true"
}

func (l *loader) length(n *yaml.Node, key string) int {
	if n == nil {
		return 0
	}
	v, err := strconv.ParseUint(n.Value, 10, 15)
	if n.Kind != yaml.ScalarNode || err != nil || v == 0 {
		l.fault(n, BadBound, "%q is a number of characters from 1 to 32767, which is all that a cell can hold", key)
		return 0
	}
	return int(v)
}

// identifier reads and checks the name of a mapping.
func (l *loader) identifier(f fields, what string) string {
	name := l.text(f.values["name"], "name")
	if name == "" {
		if !l.hasFault(f.at("name")) {
			l.fault(f.at("name"), Missing, "%s needs a name: lower snake case, as in hired_on", what)
		}
		return ""
	}
	l.checkIdentifier(f.at("name"), name)
	return name
}

// title reads a title; without one it is the name with spaces: hired_on → Hired on.
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

// hasFault tells whether this very node was already found faulty, so that a fault does not come with its consequence.
func (l *loader) hasFault(n *yaml.Node) bool {
	return slices.ContainsFunc(l.faults, func(f *Fault) bool { return n != nil && f.Line == n.Line && f.Column == n.Column })
}

// resolve follows a YAML alias to its anchor.
func resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode && n.Alias != nil {
		n = n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

func kindName(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "keys with values"
	case yaml.SequenceNode:
		return "a list"
	default:
		if isNull(n) {
			return "nothing"
		}
		return fmt.Sprintf("the single value %q", n.Value)
	}
}

func quotedList[T ~string](values []T) string {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = string(v)
	}
	return strings.Join(words, ", ")
}
