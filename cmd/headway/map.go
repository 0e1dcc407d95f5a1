package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"google.golang.org/protobuf/encoding/protojson"

	"headway/cmd/internal/program"
	importsv1 "headway/gen/go/headway/imports/v1"
)

// mapCommand shows the contents of a file, and which of its columns are probably those of a schema. It imports nothing.
type mapCommand struct {
	connectFlags
	File            string `arg:"" help:"Workbook or text file (CSV) to inspect." type:"existingfile"`
	Schema          string `help:"Schema to compare the file with." default:"workforce"`
	Mapping         string `help:"JSON or YAML file with a mapping to start from." placeholder:"FILE" type:"existingfile"`
	Output          string `short:"o" help:"Write the proposed mapping to this file, for headway import --mapping. Check it first." placeholder:"FILE"`
	Delimiter       string `help:"Character between the cells of a text file, as for headway import." placeholder:"CHARACTER"`
	Encoding        string `help:"Encoding of a text file, as for headway import." placeholder:"NAME"`
	ImporterAddress string `help:"Address of the importer." default:"127.0.0.1:9092" placeholder:"ADDRESS"`
}

// Run exits with 0 if the file can be imported as it is or with the proposed mapping, and 3 if columns are missing.
func (c *mapCommand) Run(ctx context.Context) error {
	conn, err := c.dial(c.ImporterAddress)
	if err != nil {
		return err
	}
	defer conn.Close()
	imports := importsv1.NewImportServiceClient(conn)
	preview, err := c.preview(ctx, imports)
	if err != nil {
		return callError(err)
	}
	schemas, err := imports.ListSchemas(ctx, &importsv1.ListSchemasRequest{})
	if err != nil {
		return callError(err)
	}
	at := slices.IndexFunc(schemas.GetSchemas(), func(s *importsv1.Schema) bool { return s.GetName() == preview.GetSchema() })
	if at < 0 {
		return fmt.Errorf("the schema %s was removed", preview.GetSchema())
	}
	missing := printPreview(os.Stdout, preview, schemas.GetSchemas()[at])
	if c.Output != "" {
		if err := writeMapping(c.Output, preview.GetMapping()); err != nil {
			return err
		}
	}
	if missing {
		return &program.ExitError{Code: exitWaiting}
	}
	return nil
}

func (c *mapCommand) preview(ctx context.Context, imports importsv1.ImportServiceClient) (*importsv1.FilePreview, error) {
	file, err := os.Open(c.File)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	options := &importsv1.UploadOptions{Schema: c.Schema, FileName: filepath.Base(c.File), SizeBytes: info.Size()}
	if options.Mapping, err = readMapping(c.Mapping); err != nil {
		return nil, err
	}
	if c.Delimiter+c.Encoding != "" {
		options.TextFormat = &importsv1.TextFormat{Delimiter: c.Delimiter, Encoding: c.Encoding}
	}
	stream, err := imports.PreviewFile(ctx)
	if err != nil {
		return nil, err
	}
	err = stream.Send(&importsv1.PreviewFileRequest{Part: &importsv1.PreviewFileRequest_Options{Options: options}})
	for chunk := make([]byte, chunkBytes); err == nil; {
		var n int
		if n, err = io.ReadFull(file, chunk); n > 0 {
			if sendErr := stream.Send(&importsv1.PreviewFileRequest{Part: &importsv1.PreviewFileRequest_Data{Data: chunk[:n]}}); sendErr != nil {
				err = sendErr
			}
		}
	}
	// io.EOF is either the end of the file, or means that the service has already responded.
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	response, err := stream.CloseAndRecv()
	return response.GetPreview(), err
}

// printPreview prints a table for each sheet of the schema. It reports whether a required sheet or column has no proposal.
func printPreview(out io.Writer, p *importsv1.FilePreview, schema *importsv1.Schema) (missing bool) {
	used := map[string]bool{}
	for _, sheet := range schema.GetSheets() {
		i := slices.IndexFunc(p.GetProposals(), func(o *importsv1.SheetProposal) bool { return o.GetSheet() == sheet.GetName() })
		if i < 0 {
			if !sheet.GetOptional() && p.GetTextFormat() == nil {
				missing = true
				fmt.Fprintf(out, "%s: no sheet of the file fits\n\n", sheet.GetTitle())
			}
			continue
		}
		proposal := p.GetProposals()[i]
		fmt.Fprintf(out, "%s: sheet “%s”\n", sheet.GetTitle(), proposal.GetWorkbookSheet())
		table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		for _, column := range sheet.GetColumns() {
			j := slices.IndexFunc(proposal.GetColumns(), func(c *importsv1.ColumnProposal) bool { return c.GetColumn() == column.GetName() })
			if constant := constantOf(p, sheet, column); constant != "" {
				fmt.Fprintf(table, "  %s\t-\t“%s” in every row\n", column.GetTitle(), constant)
				continue
			}
			if j < 0 {
				if column.GetRequired() {
					missing = true
					fmt.Fprintf(table, "  %s\t-\tmissing, required\n", column.GetTitle())
				}
				continue
			}
			c := proposal.GetColumns()[j]
			used[proposal.GetWorkbookSheet()+"\x00"+c.GetHeader()] = true
			fmt.Fprintf(table, "  %s\t%s\t%s\n", column.GetTitle(), c.GetHeader(), certainty(c))
			for _, r := range c.GetReadings() {
				fmt.Fprintf(table, "  \t\t“%s” is %s with the rules %s\n", r.GetCell(), r.GetValue(), rulesText(r.GetRules()))
			}
		}
		_ = table.Flush() // os.Stdout reports nothing that a user could act on
		for _, s := range p.GetSheets() {
			if s.GetName() != proposal.GetWorkbookSheet() {
				continue
			}
			var rest []string
			for _, c := range s.GetColumns() {
				if !used[s.GetName()+"\x00"+c.GetHeader()] {
					rest = append(rest, c.GetHeader())
				}
			}
			if len(rest) > 0 {
				fmt.Fprintf(out, "  not used: %s\n", strings.Join(rest, ", "))
			}
		}
		fmt.Fprintln(out)
	}
	switch {
	case p.GetCertain():
		fmt.Fprintln(out, "The file can be imported as it is.")
	case p.GetProblem() != "":
		fmt.Fprintln(out, "As it is, the file can't be imported:", p.GetProblem())
	}
	return missing
}

// constantOf returns the value that the mapping gives a column in every row, or "".
func constantOf(p *importsv1.FilePreview, sheet *importsv1.SchemaSheet, column *importsv1.SchemaColumn) string {
	for _, m := range p.GetMapping() {
		if m.GetSheet() == sheet.GetName() {
			return m.GetConstants()[column.GetName()]
		}
	}
	return ""
}

// certainty describes how likely a proposal is.
func certainty(c *importsv1.ColumnProposal) string {
	switch c.GetReason() {
	case importsv1.ProposalReason_PROPOSAL_REASON_NAME:
		return "same name"
	case importsv1.ProposalReason_PROPOSAL_REASON_MAPPING:
		return "mapped"
	case importsv1.ProposalReason_PROPOSAL_REASON_VALUES:
		return fmt.Sprintf("%.0f %%, by its values", 100*c.GetScore())
	}
	if c.GetSure() {
		return fmt.Sprintf("%.0f %%, sure", 100*c.GetScore())
	}
	return fmt.Sprintf("%.0f %%, check it", 100*c.GetScore())
}

// writeMapping writes a mapping that readMapping reads.
func writeMapping(path string, mapping []*importsv1.SheetMapping) error {
	entries := make([]json.RawMessage, len(mapping))
	for i, m := range mapping {
		data, err := protojson.Marshal(m)
		if err != nil {
			return err
		}
		entries[i] = data
	}
	data, err := json.MarshalIndent(entries, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(path, func(w io.Writer) error {
		_, err := w.Write(append(data, '\n'))
		return err
	})
}
