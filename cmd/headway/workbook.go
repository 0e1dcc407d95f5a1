package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"headway/cmd/internal/program"
	"headway/internal/atomicfile"
	"headway/services/importer"
)

// cellsCommand shows what the reader reads.
type cellsCommand struct {
	File  string `arg:"" help:"The workbook." type:"existingfile"`
	Sheet string `help:"Only this sheet." placeholder:"NAME"`
}

// Run prints a JSON line a cell; a workbook that is refused is a JSON object on standard error, and exit code 2.
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

// sampleCommand generates a workbook to try things out.
type sampleCommand struct {
	Rows     int    `help:"Employees; the other six sheets are in proportion." default:"1000" placeholder:"N"`
	Issues   int    `help:"Faulty rows." default:"0" placeholder:"M"`
	Seed     uint64 `help:"The same seed gives the same workbook." default:"1"`
	Output   string `short:"o" help:"The file to write." required:"" placeholder:"FILE"`
	Manifest string `help:"Also write what is in it, and what its import must come to, as JSON." placeholder:"FILE"`
}

// Run writes the workbook, and tells what is in it.
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
	fmt.Fprintf(os.Stderr, "%s: %d rows on %d sheets, %d of them faulty\n", c.Output, total.Read, len(manifest.Sheets), total.Rejected)
	if c.Manifest == "" {
		return nil
	}
	return writeFile(c.Manifest, func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(manifest)
	})
}

// templateCommand writes the workbook that people fill in.
type templateCommand struct {
	Schema     string `arg:"" help:"The schema's name, as workforce."`
	Output     string `short:"o" help:"The file to write." required:"" placeholder:"FILE"`
	SchemasDir string `help:"Folder with schemas of your own." placeholder:"DIR"`
}

// Run writes the template.
func (c *templateCommand) Run() error {
	return writeFile(c.Output, func(w io.Writer) error { return importer.WriteTemplate(w, c.SchemasDir, c.Schema) })
}

// writeFile writes a whole file, or leaves none.
func writeFile(path string, write func(io.Writer) error) error {
	return atomicfile.Write(path, 0o644, write)
}
