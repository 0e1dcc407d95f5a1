package main

import (
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
	Infer schemaInferCommand `cmd:"" help:"Write a schema for files that you have, guessed from their data."`
}

// schemaInferCommand writes a schema for existing files.
type schemaInferCommand struct {
	Files    []string `arg:"" help:"Workbooks, text files (CSV), or folders with them. Each sheet and each text file becomes a sheet of the schema." placeholder:"FILE"`
	Name     string   `help:"Name of the schema. The default is the name of the file, or of the folder of several files." placeholder:"NAME"`
	Output   string   `short:"o" help:"File to write. The default is standard output." placeholder:"FILE"`
	Evidence string   `help:"Form in which cells that contradict the schema are printed to standard error: text, none, or json, which also has the evidence for each guess." enum:"text,json,none" default:"text"`
	Memory   int64    `help:"Memory for samples and comparisons, in bytes." default:"268435456" hidden:""`
}

// maxPrinted is the number of cells that are printed as text.
const maxPrinted = 20

// Run prints the schema to standard output, and the cells that contradict it to standard error. If a file is refused, the
// exit code is 2.
func (c *schemaInferCommand) Run(ctx context.Context) error {
	guess, err := importer.InferSchema(ctx, c.Files, importer.InferOptions{Name: c.Name, Memory: c.Memory})
	if err != nil {
		return program.Refuse("%w", err)
	}
	if c.Output == "" {
		err = guess.WriteYAML(os.Stdout)
	} else {
		err = writeFile(c.Output, func(w io.Writer) error { return guess.WriteYAML(w) })
	}
	if err != nil {
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
