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

// ErrNotFound says that no schema has the name asked for.
var ErrNotFound = errors.New("no such schema")

// RegistryConfig says where schemas come from.
type RegistryConfig struct {
	// BuiltIn holds the built-in schemas as *.yaml at its root.
	BuiltIn fs.FS
	// Folder holds the users' schemas as *.yaml or *.yml; empty for none. Files whose names begin with a point are
	// left alone.
	Folder string
	// CheckEvery is how often the folder is looked at, at most, when somebody asks for a schema; 2 s if 0.
	CheckEvery time.Duration
	// Logger takes what is wrong with the folder's files, once for each change; slog.Default() if nil.
	Logger *slog.Logger
}

// Registry knows all schemas: the built-in ones, and those of a folder as they are now. A file that is broken keeps
// its last good schema, so that a slip of the pen never takes an import away. It may be used by several goroutines.
type Registry struct {
	config  RegistryConfig
	builtIn map[string]*Schema

	mu       sync.Mutex
	checked  time.Time
	files    map[string]*schemaFile
	schemas  map[string]*Schema
	problems map[string]error // by file; the folder's own under ""
}

// schemaFile is a file of the folder as it was last read.
type schemaFile struct {
	name  string
	data  []byte
	draft *schemaDraft // nil if data is no sound schema
	err   error        // why it is not
	good  *Schema      // the last one that could be used; nil if there was none
}

// NewRegistry loads all schemas. A fault in a built-in schema, or a folder that cannot be read, is an error; faults in
// the folder's files are logged, and told by Problems.
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

// Get gives the schema of this name as it stands now, or an error that wraps ErrNotFound.
func (r *Registry) Get(name string) (*Schema, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.checkIfDue()
	if s := r.schemas[name]; s != nil {
		return s, nil
	}
	return nil, fmt.Errorf("schema %q: %w; there are %s", name, ErrNotFound, strings.Join(slices.Sorted(maps.Keys(r.schemas)), ", "))
}

// List gives all schemas in the order of their names.
func (r *Registry) List() []*Schema {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.checkIfDue()
	return slices.SortedFunc(maps.Values(r.schemas), func(a, b *Schema) int { return strings.Compare(a.Name, b.Name) })
}

// Problems tells what is wrong with the folder's files now, in the order of their names; each is a Faults, but for
// that of a folder which cannot be read any more.
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

// check reads the folder again. Files are compared by their bytes: they are few and small, and neither times nor
// sizes tell for certain.
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
			r.config.Logger.Error("schema file refused; the last good one stays in use", "file", file, "error", err)
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
		name := e.Name()
		if ext := filepath.Ext(name); ext != ".yaml" && ext != ".yml" || strings.HasPrefix(name, ".") || e.IsDir() {
			continue
		}
		present[name] = true
		f := r.files[name]
		if f == nil {
			f = &schemaFile{name: name}
			r.files[name] = f
		}
		data, err := readFile(filepath.Join(r.config.Folder, name))
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

// settle gives every name to one schema: the built-in ones first, then the files in the order of their names.
func (r *Registry) settle() {
	r.schemas = maps.Clone(r.builtIn)
	owner := make(map[string]string)
	for name := range r.builtIn {
		owner[name] = "a built-in schema"
	}
	for _, file := range slices.Sorted(maps.Keys(r.files)) {
		f := r.files[file]
		use := f.good
		if f.draft == nil {
			r.problems[file] = f.err
		} else if taken := owner[f.draft.Name]; taken != "" {
			l := &loader{file: file}
			l.fault(f.draft.at("name"), NameTaken, "the name %q belongs to %s; choose another one", f.draft.Name, taken)
			r.problems[file] = l.faults.err()
		} else {
			use = f.draft.Schema
		}
		if use == nil || owner[use.Name] != "" {
			continue
		}
		f.good = use
		owner[use.Name] = file
		r.schemas[use.Name] = use
	}
}
