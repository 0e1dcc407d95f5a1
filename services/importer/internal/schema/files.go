package schema

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// LoadFiles reads schemas from files and folders, and checks them as a registry does: names, also those of built-in schemas, and
// tables can be in use already. database is that of RegistryConfig. Its error has the problems of all files, with their paths.
func LoadFiles(builtIn fs.FS, paths []string, database func(schema string) string) ([]*Schema, error) {
	r := &Registry{config: RegistryConfig{BuiltIn: builtIn}, builtIn: make(map[string]*Schema)}
	if err := r.loadBuiltIn(); err != nil {
		return nil, err
	}
	owner, used := make(map[string]string), newTables(database)
	for _, s := range r.builtIn {
		owner[s.Name] = builtInOwner
	}
	files, err := schemaFiles(paths)
	if err != nil {
		return nil, err
	}
	var all []*Schema
	var problems []error
	for _, file := range files {
		draft, err := loadDraft(file)
		if err == nil {
			err = draft.taken(file, owner, used)
		}
		if err != nil {
			problems = append(problems, err)
			continue
		}
		owner[draft.Name] = file
		used.use(draft.Schema, file)
		all = append(all, draft.Schema)
	}
	return all, errors.Join(problems...)
}

func loadDraft(file string) (*schemaDraft, error) {
	data, err := readFile(file, file)
	if err != nil {
		return nil, err
	}
	return load(file, data)
}

// schemaFiles replaces folders with their schemas, in the order of their names.
func schemaFiles(paths []string) ([]string, error) {
	var files []string
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			files = append(files, path)
			continue
		}
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil, err
		}
		before := len(files)
		for _, e := range entries {
			if isSchemaFile(e) {
				files = append(files, filepath.Join(path, e.Name()))
			}
		}
		if len(files) == before {
			return nil, fmt.Errorf("%s has no schemas (*.yaml)", path)
		}
	}
	slices.Sort(files)
	return slices.Compact(files), nil
}

// isSchemaFile reports whether a file of a folder is a schema.
func isSchemaFile(e fs.DirEntry) bool {
	ext := filepath.Ext(e.Name())
	return (ext == ".yaml" || ext == ".yml") && !strings.HasPrefix(e.Name(), ".") && !e.IsDir()
}
