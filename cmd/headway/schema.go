package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"headway/cmd/internal/program"
	"headway/services/importer"
)

// schemaCommand has the commands for schemas.
type schemaCommand struct {
	Check   schemaCheckCommand   `cmd:"" help:"Check schema files. Every problem is printed with its file and line."`
	Diff    schemaDiffCommand    `cmd:"" help:"Show the changes that the tables of a schema need."`
	Docs    schemaDocsCommand    `cmd:"" help:"Write an HTML page that describes a schema."`
	Infer   schemaInferCommand   `cmd:"" help:"Infer a schema from existing files or from a database."`
	Migrate schemaMigrateCommand `cmd:"" help:"Make the changes that the tables of a schema need."`
}

// schemaCheckCommand checks schemas as the importer does when it loads them.
type schemaCheckCommand struct {
	Paths   []string `arg:"" help:"Schema files, and folders of schema files." placeholder:"FILE"`
	Targets string   `help:"File that assigns schemas to several databases (docs/targets.md). Schemas of different databases can have tables with the same name." placeholder:"FILE"`
}

// Run prints how many schemas are valid. If a file has problems, it prints all of them, and the exit code is 2.
func (c *schemaCheckCommand) Run(context.Context) error {
	n, err := importer.CheckSchemas(c.Paths, c.Targets)
	if err != nil {
		return program.Refuse("%w", err)
	}
	if n == 1 {
		fmt.Println("1 schema is valid.")
	} else {
		fmt.Printf("%d schemas are valid.\n", n)
	}
	return nil
}

// schemaDocsCommand writes the page of a schema.
type schemaDocsCommand struct {
	Schema   string `arg:"" help:"File of the schema, or the name of a built-in one." placeholder:"FILE|NAME"`
	Output   string `short:"o" help:"File to write. The default is standard output." placeholder:"FILE"`
	Language string `help:"Language of the page: en or de." enum:"en,de" default:"en"`
}

// Run writes the page. If the schema has problems, the exit code is 2.
func (c *schemaDocsCommand) Run(context.Context) error {
	var page bytes.Buffer
	if err := importer.WriteSchemaPage(&page, c.Schema, c.Language); err != nil {
		return program.Refuse("%w", err)
	}
	return writeOutput(c.Output, func(w io.Writer) error {
		_, err := page.WriteTo(w)
		return err
	})
}

// writeOutput writes to a file, or to standard output if there is no file.
func writeOutput(file string, write func(io.Writer) error) error {
	if file == "" {
		return write(os.Stdout)
	}
	return writeFile(file, write)
}

// schemaInferCommand writes a schema for existing files, or for the tables of a database.
type schemaInferCommand struct {
	Sources  []string `arg:"" help:"Workbooks, text files (CSV), or folders of such files: each sheet and each text file becomes a sheet of the schema. Or one database, an SQLite file or the URL of a PostgreSQL database: each table becomes a sheet." placeholder:"FILE|URL"`
	Name     string   `help:"Name of the schema. The default is the name of the database or file, or of the folder if there are several files." placeholder:"NAME"`
	Tables   []string `help:"Tables of the database, with * for any characters. The default is all." placeholder:"hr.*,employees"`
	Output   string   `short:"o" help:"File to write. The default is standard output." placeholder:"FILE"`
	Evidence string   `help:"How to print cells that contradict the schema to standard error: text, none, or json, which adds the evidence for each guess." enum:"text,json,none" default:"text"`
	Memory   int64    `help:"Memory for samples and comparisons, in bytes." default:"268435456" hidden:""`
}

// maxPrinted is the number of cells that are printed as text.
const maxPrinted = 20

// Run prints the schema to standard output, and the cells that contradict it to standard error. If a file is refused, the
// exit code is 2.
func (c *schemaInferCommand) Run(ctx context.Context) error {
	guess, err := importer.InferSchema(ctx, c.Sources, importer.InferOptions{Name: c.Name, Tables: c.Tables, Memory: c.Memory})
	if err != nil {
		return program.Refuse("%w", err)
	}
	if err := writeOutput(c.Output, func(w io.Writer) error { return guess.WriteYAML(w) }); err != nil {
		return err
	}
	switch c.Evidence {
	case "json":
		encoder := json.NewEncoder(os.Stderr)
		encoder.SetEscapeHTML(false)
		return encoder.Encode(guess)
	case "text":
		printSpoilt(os.Stderr, guess)
	}
	return nil
}

func printSpoilt(w io.Writer, guess *importer.SchemaGuess) {
	if guess.SpoiltCells == 0 {
		return
	}
	fmt.Fprintf(w, "%d cells contradict the schema:\n", guess.SpoiltCells)
	for _, s := range guess.Spoilt[:min(len(guess.Spoilt), maxPrinted)] {
		fmt.Fprintf(w, "  %s, %s (%s): %s\n", s.Sheet, s.Cell, s.Column, s.Message)
	}
	if more := guess.SpoiltCells - maxPrinted; more > 0 {
		fmt.Fprintf(w, "  … and %d more. --evidence json lists them.\n", more)
	}
}
