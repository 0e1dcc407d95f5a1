package schema

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// ErrNotFound means that no schema has the requested name.
var ErrNotFound = errors.New("there is no schema")

// RejectedError means that there is a file for a schema, which has problems, so the schema can't be used. It is also ErrNotFound.
type RejectedError struct {
	Name  string // of the schema
	Cause error
}

// Error implements error.
func (e *RejectedError) Error() string {
	return fmt.Sprintf("the schema %q can't be used: %v", e.Name, e.Cause)
}

// Unwrap returns ErrNotFound and the cause.
func (e *RejectedError) Unwrap() []error { return []error{ErrNotFound, e.Cause} }

// RegistryConfig configures where schemas are loaded from.
type RegistryConfig struct {
	// BuiltIn holds the built-in schemas as *.yaml at its root.
	BuiltIn fs.FS
	// Folder holds more schemas as *.yaml or *.yml. It can be empty. Files whose names begin with a dot are ignored.
	Folder string
	// Database returns the name of a schema's database, or nothing if the schema has none. Schemas of different databases don't share
	// tables. By default, all schemas have the same database.
	Database func(schema string) string
	// CheckEvery is the minimum time between two readings of the folder. 0 means 2 s.
	CheckEvery time.Duration
	// Logger receives the problems of the folder's files, once for each change. The default is slog.Default().
	Logger *slog.Logger
}

// Registry holds all schemas: the built-in ones and those of a folder. A changed folder is read again. The last valid
// schema of a file stays in use while the file has problems, so a typo never breaks an import. Several goroutines can use
// it.
type Registry struct {
	config  RegistryConfig
	builtIn map[string]*Schema

	mu       sync.Mutex
	checked  time.Time
	files    map[string]*schemaFile
	schemas  map[string]*Schema
	problems map[string]error // by file; the folder's own under ""
	// left are the built-in schemas that can't be used, because a file has a schema that uses a table in another way, and the differences.
	left map[string]string
}

// schemaFile is a file of the folder, as of the last reading.
type schemaFile struct {
	name  string
	data  []byte
	draft *schemaDraft // nil if data is not a valid schema
	err   error        // the reason
	good  *Schema      // the last valid schema, or nil
}

// NewRegistry loads all schemas. It returns an error if a built-in schema has a problem, or if the folder can't be read.
// Problems of the folder's files are logged, and returned by Problems.
func NewRegistry(config RegistryConfig) (*Registry, error) {
	config.CheckEvery = cmp.Or(config.CheckEvery, 2*time.Second)
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	r := &Registry{config: config, builtIn: make(map[string]*Schema), files: make(map[string]*schemaFile), problems: make(map[string]error)}
	if err := r.loadBuiltIn(); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.check()
	if err := r.problems[""]; err != nil {
		return nil, err
	}
	return r, nil
}

// Get returns the schema with this name, or an error that wraps ErrNotFound: a *RejectedError if its file has problems.
func (r *Registry) Get(name string) (*Schema, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.checkIfDue()
	if s := r.schemas[name]; s != nil {
		return s, nil
	}
	for _, file := range slices.Sorted(maps.Keys(r.files)) {
		f := r.files[file]
		named := strings.TrimSuffix(file, filepath.Ext(file)) // if even its name can't be read
		if f.draft != nil {
			named = f.draft.Name
		}
		if err := r.problems[file]; err != nil && named == name {
			return nil, &RejectedError{name, err}
		}
	}
	return nil, fmt.Errorf("%w %q. The schemas are %s", ErrNotFound, name, strings.Join(slices.Sorted(maps.Keys(r.schemas)), ", "))
}

// List returns all schemas in the order of their names.
func (r *Registry) List() []*Schema {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.checkIfDue()
	return slices.SortedFunc(maps.Values(r.schemas), func(a, b *Schema) int { return strings.Compare(a.Name, b.Name) })
}

// Problems returns the problems of the folder's files, in the order of their names. Each is of type Problems, except for
// the error of a folder that can no longer be read.
func (r *Registry) Problems() []error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.checkIfDue()
	var list []error
	for _, file := range slices.Sorted(maps.Keys(r.problems)) {
		list = append(list, r.problems[file])
	}
	return list
}

func (r *Registry) loadBuiltIn() error {
	if r.config.BuiltIn == nil {
		return nil
	}
	paths, err := fs.Glob(r.config.BuiltIn, "*.yaml")
	if err != nil {
		return fmt.Errorf("list the built-in schemas: %w", err)
	}
	for _, path := range paths {
		data, err := fs.ReadFile(r.config.BuiltIn, path)
		if err != nil {
			return fmt.Errorf("read the built-in schema %s: %w", path, err)
		}
		s, err := Load(path, data)
		if err != nil {
			return fmt.Errorf("load the built-in schema: %w", err)
		}
		if r.builtIn[s.Name] != nil {
			return fmt.Errorf("load the built-in schemas: two of them have the name %q", s.Name)
		}
		r.builtIn[s.Name] = s
	}
	return nil
}

func (r *Registry) checkIfDue() {
	if time.Since(r.checked) >= r.config.CheckEvery {
		r.check()
	}
}

// check reads the folder again. Files are compared by their bytes, because they are few and small, and because neither
// times nor sizes are reliable.
func (r *Registry) check() {
	r.checked = time.Now()
	before := r.problems
	r.problems = make(map[string]error)
	if r.config.Folder != "" {
		r.readFolder()
	}
	r.settle()
	for file, err := range r.problems {
		if old := before[file]; old == nil || old.Error() != err.Error() {
			r.config.Logger.Error("schema file rejected, the last valid schema stays in use", "file", file, "error", err)
		}
	}
}

func (r *Registry) readFolder() {
	entries, err := os.ReadDir(r.config.Folder)
	if err != nil {
		r.problems[""] = fmt.Errorf("read the folder of schemas: %w", err)
		return
	}
	present := make(map[string]bool)
	for _, e := range entries {
		if !isSchemaFile(e) {
			continue
		}
		name := e.Name()
		present[name] = true
		f := r.files[name]
		if f == nil {
			f = &schemaFile{name: name}
			r.files[name] = f
		}
		data, err := readFile(filepath.Join(r.config.Folder, name), name)
		switch {
		case err != nil:
			f.draft, f.data, f.err = nil, nil, err
		case f.data == nil || !bytes.Equal(f.data, data):
			f.data = data
			f.draft, f.err = load(name, data)
		}
	}
	maps.DeleteFunc(r.files, func(name string, _ *schemaFile) bool { return !present[name] })
}

// settle assigns every name and every table: names to the built-in schemas first, then to the files in the order of their names. Tables
// are assigned to the files first: they can be those of a database that exists, which a built-in schema must not change.
func (r *Registry) settle() {
	r.schemas = make(map[string]*Schema)
	owner := make(map[string]string)
	used := newTables(r.config.Database)
	for name := range r.builtIn {
		owner[name] = builtInOwner
	}
	for _, file := range slices.Sorted(maps.Keys(r.files)) {
		f := r.files[file]
		use := f.good
		if f.draft == nil {
			r.problems[file] = f.err
		} else if err := f.draft.taken(file, owner, used); err != nil {
			r.problems[file] = err
		} else {
			use = f.draft.Schema
		}
		if use == nil || owner[use.Name] != "" {
			continue
		}
		if sheet, _ := used.conflict(use); sheet != nil {
			continue
		}
		f.good = use
		owner[use.Name] = file
		used.use(use, file)
		r.schemas[use.Name] = use
	}
	left := make(map[string]string)
	for _, name := range slices.Sorted(maps.Keys(r.builtIn)) {
		if sheet, difference := used.conflict(r.builtIn[name]); sheet != nil {
			left[name] = difference
			continue
		}
		used.use(r.builtIn[name], builtInOwner)
		r.schemas[name] = r.builtIn[name]
	}
	for name, difference := range left {
		if r.left[name] == "" {
			r.config.Logger.Info("built-in schema left out", "schema", name, "why", difference)
		}
	}
	r.left = left
}

// builtInOwner is the owner of the name of a built-in schema, in messages.
const builtInOwner = "a built-in schema"

// taken returns the problem of a schema whose name or table belongs to an earlier one.
func (d *schemaDraft) taken(file string, owner map[string]string, used *tables) error {
	l := &loader{file: file}
	if by := owner[d.Name]; by != "" {
		l.add(d.at("name"), NameTaken, "the name %q is already used by %s. Choose another one", d.Name, by)
	} else if sheet, difference := used.conflict(d.Schema); sheet != nil {
		at := d.sheets[slices.IndexFunc(d.sheets, func(s *sheetDraft) bool { return s.Sheet == sheet })].at("table")
		l.add(at, TableTaken, "%s. Use another table, or make the two the same", difference)
	}
	return l.problems.err()
}
