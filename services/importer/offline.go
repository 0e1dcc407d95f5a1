package importer

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"headway/internal/messages"
	"headway/schemas"
	"headway/services/importer/internal/sample"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/schemadoc"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/targets"
	"headway/services/importer/internal/template"
)

// SampleOptions are the options of a sample.
type SampleOptions = sample.Options

// SampleManifest describes a sample, and the result of its import into an empty database.
type SampleManifest = sample.Manifest

// WriteSample generates a workbook of the workforce schema, without a running service.
func WriteSample(ctx context.Context, w io.Writer, o SampleOptions) (SampleManifest, error) {
	return sample.Write(ctx, w, o)
}

// ErrNoSchema means that no schema has the requested name.
var ErrNoSchema = schema.ErrNotFound

// WriteTemplate writes the empty workbook of a schema, without a running service. The schema is built in, or in a
// folder, which can be empty. It returns ErrNoSchema if neither has it.
func WriteTemplate(w io.Writer, folder, name, language string) error {
	registry, err := schema.NewRegistry(schema.RegistryConfig{BuiltIn: schemas.Files, Folder: folder})
	if err != nil {
		return fmt.Errorf("load schemas: %w", err)
	}
	s, err := registry.Get(name)
	if err != nil {
		return err
	}
	return template.Write(w, s, messages.Negotiate(language))
}

// CheckSchemas checks the schemas in files and folders, together with the built-in ones. The file targetsFile assigns them to databases.
// It can be empty. CheckSchemas returns how many schemas are valid. Its error has every problem, each with file and line.
func CheckSchemas(paths []string, targetsFile string) (int, error) {
	var database func(schema string) string
	if targetsFile != "" {
		c, err := targets.Load(targetsFile)
		if err != nil {
			return 0, fmt.Errorf("--targets: %w", err)
		}
		database = c.NameOf
	}
	all, err := schema.LoadFiles(schemas.Files, paths, database)
	return len(all), err
}

// WriteSchemaPage writes an HTML page that describes a schema: a file, or the name of a built-in one.
func WriteSchemaPage(w io.Writer, fileOrName, language string) error {
	s, err := loadSchema(fileOrName)
	if err != nil {
		return err
	}
	return schemadoc.Write(w, s, messages.Negotiate(language))
}

// loadSchema loads a schema from a file. Without a file of this name, it is the name of a built-in schema.
func loadSchema(fileOrName string) (*schema.Schema, error) {
	_, missing := os.Stat(fileOrName)
	if missing == nil {
		return schema.LoadFile(fileOrName)
	}
	registry, err := schema.NewRegistry(schema.RegistryConfig{BuiltIn: schemas.Files})
	if err != nil {
		return nil, fmt.Errorf("load schemas: %w", err)
	}
	s, err := registry.Get(fileOrName)
	if err != nil {
		return nil, fmt.Errorf("%s is neither a file nor a built-in schema: %w", fileOrName, missing)
	}
	return s, nil
}

// cellLine is one cell as WriteCells writes it.
type cellLine struct {
	Sheet   string  `json:"sheet"`
	Ref     string  `json:"ref"`
	Type    string  `json:"type"`
	Value   string  `json:"value"`
	Formula *string `json:"formula,omitempty"`
	Format  string  `json:"format,omitempty"`
}

// WriteCells writes every cell of a workbook to w as one line of JSON, in the order of the file. sheet limits the
// output to one sheet. If it is empty, all sheets are written, including hidden ones. size is the length of file in
// bytes.
//
//	{"sheet":"Employees","ref":"D4711","type":"date","value":"2024-02-29","format":"yyyy-mm-dd"}
//
// type is text, number, boolean, error, date, formula-without-value, or empty (a formula whose result is empty text).
// value is always text: numbers as exact decimal digits, Booleans as TRUE and FALSE, and dates in ISO 8601, or as in
// the file if the calendar has no such day. formula is the cell's formula, if it has one. A formula that is shared with
// an earlier cell is expanded. It is empty in data tables, and if there is no such earlier cell. format is the number
// format, unless that is General.
//
// WriteRefusal describes its errors. The cells before an error have been written.
func WriteCells(ctx context.Context, w io.Writer, file io.ReaderAt, size int64, sheet string) error {
	workbook, err := openers.Open(ctx, file, size, source.DefaultLimits())
	if err != nil {
		return err
	}
	defer func() { _ = workbook.Close() }()
	out := bufio.NewWriterSize(w, 64<<10)
	names := []string{sheet}
	if sheet == "" {
		names = names[:0]
		for _, s := range workbook.Sheets() {
			names = append(names, s.Name)
		}
	}
	for _, name := range names {
		if err := writeSheet(ctx, out, workbook, name); err != nil {
			return errors.Join(err, out.Flush())
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write cells: %w", err)
	}
	return nil
}

func writeSheet(ctx context.Context, out io.Writer, workbook source.Workbook, sheet string) error {
	rows, err := workbook.Rows(ctx, sheet)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	for rows.Next() {
		row := rows.Row()
		for _, c := range row.Cells {
			line := cellLine{
				Sheet: sheet,
				Ref:   source.CellName(c.Col, row.Number),
				Type:  c.Kind.String(),
				Value: string(c.Text),
			}
			if c.Kind == source.Date {
				if t, err := workbook.Civil(&c); err == nil {
					line.Value = t.String()
				}
			}
			if c.HasFormula {
				var formula string
				if formulas, ok := rows.(source.Formulas); ok {
					formula = string(formulas.Formula(&c))
				}
				line.Formula = &formula
			}
			if c.Format.Code != "General" {
				line.Format = c.Format.Code
			}
			if err := encoder.Encode(line); err != nil {
				return fmt.Errorf("write cells: %w", err)
			}
		}
	}
	return rows.Err()
}

// WriteRefusal writes the *source.Error in err's chain to w as one JSON object,
// with a machine-readable reason and a human-readable message:
//
//	{"reason":"WORKBOOK_ENCRYPTED","message":"The workbook is protected by a password. Open it …"}
//
// If there is none, it writes nothing and returns false.
func WriteRefusal(w io.Writer, err error) bool {
	var refusal *source.Error
	if !errors.As(err, &refusal) {
		return false
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(struct {
		Reason  source.Reason `json:"reason"`
		Message string        `json:"message"`
	}{refusal.Reason, refusal.Error()}) == nil
}
