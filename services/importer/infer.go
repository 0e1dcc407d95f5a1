package importer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"headway/schemas"
	"headway/services/importer/internal/infer"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/targets"
)

// SchemaGuess is a schema that was inferred, with its evidence.
type SchemaGuess = infer.Guess

// InferOptions are the options of InferSchema.
type InferOptions struct {
	// Name is the schema's name. The default is the name of the database or of the first file, or of its folder if there are
	// several files.
	Name string
	// Tables choose tables of a database by patterns such as hr.*. The default is all.
	Tables []string
	// Memory is the memory budget in bytes. The default is 256 MiB.
	Memory int64
}

// InferSchema guesses a schema without a running service. Each argument is a workbook, a text file, or a folder with them. A
// single argument can also be an SQLite file, or the URL of a PostgreSQL database.
func InferSchema(ctx context.Context, arguments []string, o InferOptions) (_ *SchemaGuess, err error) {
	for _, argument := range arguments {
		is, err := targets.IsDatabase(argument)
		switch {
		case err != nil:
			return nil, err
		case is && len(arguments) > 1:
			return nil, fmt.Errorf("%s is a database, which has to be the only argument", argument)
		case is:
			return inferFromDatabase(ctx, argument, o)
		}
	}
	if len(o.Tables) > 0 {
		return nil, errors.New("--tables chooses tables of a database, but the argument is a file")
	}
	var opened inferred
	defer func() { err = errors.Join(err, opened.close()) }()
	for _, argument := range arguments {
		if err := opened.add(ctx, argument); err != nil {
			return nil, err
		}
	}
	name := filepath.Base(arguments[0])
	if len(arguments) > 1 {
		if folder, err := filepath.Abs(filepath.Dir(arguments[0])); err == nil {
			name = filepath.Base(folder)
		}
	}
	guess, err := infer.Infer(ctx, cmp.Or(o.Name, infer.SchemaName(withoutEnding(name))), opened.inputs, infer.Options{Memory: o.Memory})
	if err != nil {
		return nil, err
	}
	return guess, avoidBuiltInTables(guess)
}

// inferFromDatabase makes a schema for the tables of a database.
func inferFromDatabase(ctx context.Context, records string, o InferOptions) (*SchemaGuess, error) {
	relations, err := targets.Relations(ctx, records, o.Tables)
	if err != nil {
		return nil, err
	}
	return infer.FromRelations(cmp.Or(o.Name, infer.SchemaName(targets.NameOf(records))), relations)
}

// avoidBuiltInTables sets other tables for sheets whose names are tables of a built-in schema. Otherwise, the server would
// leave the built-in schema out, because two schemas can't fill a table differently.
func avoidBuiltInTables(guess *SchemaGuess) error {
	registry, err := schema.NewRegistry(schema.RegistryConfig{BuiltIn: schemas.Files})
	if err != nil {
		return fmt.Errorf("load schemas: %w", err)
	}
	for _, builtIn := range registry.List() {
		for _, sheet := range guess.Sheets {
			if slices.ContainsFunc(builtIn.Sheets, func(s *schema.Sheet) bool { return s.Table == sheet.Name }) {
				sheet.Table = guess.Name + "_" + sheet.Name
			}
		}
	}
	return nil
}

func withoutEnding(path string) string {
	return strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
}

// inferred has the open files of an inference.
type inferred struct {
	inputs []infer.Input
	opened []io.Closer
}

func (f *inferred) close() error {
	var errs []error
	for _, c := range slices.Backward(f.opened) {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// add opens a file, or the files of a folder.
func (f *inferred) add(ctx context.Context, path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return f.addFile(ctx, path, info.Size())
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	found := false
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			return err
		}
		switch strings.ToLower(filepath.Ext(entry.Name())) {
		case ".csv", ".tsv", ".txt", ".xlsx", ".xlsm":
		default:
			continue
		}
		if strings.HasPrefix(entry.Name(), ".") || strings.HasPrefix(entry.Name(), "~$") || !info.Mode().IsRegular() {
			continue
		}
		found = true
		if err := f.addFile(ctx, filepath.Join(path, entry.Name()), info.Size()); err != nil {
			return err
		}
	}
	if !found {
		return fmt.Errorf("%s has no workbooks and no text files (.xlsx, .xlsm, .csv, .tsv, .txt)", path)
	}
	return nil
}

func (f *inferred) addFile(ctx context.Context, path string, size int64) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	f.opened = append(f.opened, file)
	book, err := openers.For(source.Hints{FileName: filepath.Base(path)}).Open(ctx, file, size, source.DefaultLimits())
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	f.opened = append(f.opened, book)
	lines := source.HasLines(book)
	for _, sheet := range book.Sheets() {
		if sheet.State != source.Visible || !lines && sheet.Bytes == 0 {
			continue
		}
		in := infer.Input{Name: sheet.Name, File: path, Book: book, Sheet: sheet.Name, Lines: lines}
		if lines && sheet.File == "" {
			in.Name = withoutEnding(path)
		}
		f.inputs = append(f.inputs, in)
	}
	return nil
}
