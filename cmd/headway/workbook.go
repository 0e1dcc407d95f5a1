package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"headway/cmd/internal/program"
	"headway/internal/atomicfile"
	"headway/services/importer"
)

// cellsCommand prints the cells of a workbook.
type cellsCommand struct {
	File  string `arg:"" help:"Workbook to read." type:"existingfile"`
	Sheet string `help:"Print only this sheet." placeholder:"NAME"`
}

// Run prints a line of JSON per cell. If the workbook is refused, it prints a JSON object to standard error, and the exit
// code is 2.
func (c *cellsCommand) Run(ctx context.Context) error {
	file, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	err = importer.WriteCells(ctx, os.Stdout, file, info.Size(), c.Sheet)
	if importer.WriteRefusal(os.Stderr, err) {
		return &program.ExitError{Code: program.ExitRefused}
	}
	return err
}

// sampleCommand writes a workbook for trying an import.
type sampleCommand struct {
	Rows     int    `help:"Number of employees. The other six sheets scale with it." default:"1000" placeholder:"N"`
	Issues   int    `help:"Number of rows with errors." default:"0" placeholder:"M"`
	Seed     uint64 `help:"Seed of the generator. The same seed creates the same workbook." default:"1"`
	Output   string `short:"o" help:"File to write." required:"" placeholder:"FILE"`
	Manifest string `help:"Also write the contents of the workbook and the expected result of its import, as JSON." placeholder:"FILE"`
}

// Run writes the workbook and prints a summary.
func (c *sampleCommand) Run(ctx context.Context) error {
	var manifest importer.SampleManifest
	err := writeFile(c.Output, func(w io.Writer) (err error) {
		manifest, err = importer.WriteSample(ctx, w, importer.SampleOptions{Rows: c.Rows, Issues: c.Issues, Seed: c.Seed})
		return err
	})
	if err != nil {
		return err
	}
	total := manifest.Total()
	fmt.Fprintf(os.Stderr, "Wrote %s: %d rows on %d sheets, %d with errors\n", c.Output, total.Read, len(manifest.Sheets), total.Rejected)
	if c.Manifest == "" {
		return nil
	}
	return writeFile(c.Manifest, func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(manifest)
	})
}

// templateCommand writes an empty workbook to fill in.
type templateCommand struct {
	Schema     string `arg:"" help:"Name of the schema, for example workforce."`
	Output     string `short:"o" help:"File to write." required:"" placeholder:"FILE"`
	SchemasDir string `help:"Directory with your own schemas." placeholder:"DIR"`
	Language   string `help:"Language of the instructions: en or de." enum:"en,de" default:"en"`
}

// Run writes the template.
func (c *templateCommand) Run() error {
	err := writeFile(c.Output, func(w io.Writer) error { return importer.WriteTemplate(w, c.SchemasDir, c.Schema, c.Language) })
	if errors.Is(err, importer.ErrNoSchema) {
		return &program.ExitError{Code: program.ExitRefused, Err: err}
	}
	return err
}

// writeFile writes a whole file, or leaves none.
func writeFile(path string, write func(io.Writer) error) error {
	return atomicfile.Write(path, 0o644, write)
}
