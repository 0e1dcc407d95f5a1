package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
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
	textFlags
	Files           []string `arg:"" name:"file" help:"Workbook, text file (CSV), or zip archive of text files to inspect, or several text files. A hyphen (-) means standard input." type:"existingfile"`
	Schema          string   `help:"Schema to compare the file with." default:"workforce"`
	Mapping         string   `help:"JSON or YAML file with a mapping to start from." placeholder:"FILE" type:"existingfile"`
	Output          string   `short:"o" help:"Write the proposed mapping to this file, for headway import --mapping. Check it first." placeholder:"FILE"`
	ImporterAddress string   `help:"Address of the importer." default:"127.0.0.1:9092" placeholder:"ADDRESS"`
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
	options := &importsv1.UploadOptions{Schema: c.Schema}
	var err error
	if options.Mapping, err = readMapping(c.Mapping); err != nil {
		return nil, err
	}
	if err := errors.Join(c.set(options), inputFiles(c.Files).describe(options)); err != nil {
		return nil, err
	}
	stream, err := imports.PreviewFile(ctx)
	if err != nil {
		return nil, err
	}
	if err := stream.Send(&importsv1.PreviewFileRequest{Part: &importsv1.PreviewFileRequest_Options{Options: options}}); ignoreResponse(err) != nil {
		return nil, err
	}
	err = inputFiles(c.Files).send(func(data []byte) error {
		return stream.Send(&importsv1.PreviewFileRequest{Part: &importsv1.PreviewFileRequest_Data{Data: data}})
	}, func(next *importsv1.NextFile) error {
		return stream.Send(&importsv1.PreviewFileRequest{Part: &importsv1.PreviewFileRequest_NextFile{NextFile: next}})
	})
	if err != nil {
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
			switch isText := p.GetTextFormat() != nil || len(p.GetTextFormats()) > 0; {
			case entryOf(p, sheet.GetName()).GetAbsent():
				fmt.Fprintf(out, "%s: not in the file\n\n", sheet.GetTitle())
			case !sheet.GetOptional() && !isText:
				missing = true
				fmt.Fprintf(out, "%s: no sheet of the file fits\n\n", sheet.GetTitle())
			}
			continue
		}
		proposal := p.GetProposals()[i]
		mapped := entryOf(p, sheet.GetName())
		once := ""
		if mapped.GetDistinct() {
			once = ", equal rows once"
		}
		fmt.Fprintf(out, "%s: sheet “%s”%s\n", sheet.GetTitle(), proposal.GetWorkbookSheet(), once)
		table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		for _, column := range sheet.GetColumns() {
			j := slices.IndexFunc(proposal.GetColumns(), func(c *importsv1.ColumnProposal) bool { return c.GetColumn() == column.GetName() })
			if constant := mapped.GetConstants()[column.GetName()]; constant != "" {
				fmt.Fprintf(table, "  %s\t-\t“%s” in every row\n", column.GetTitle(), constant)
				continue
			}
			if headers, how := madeFrom(mapped, column.GetName()); how != "" {
				for _, header := range headers {
					used[proposal.GetWorkbookSheet()+"\x00"+header] = true
				}
				fmt.Fprintf(table, "  %s\t%s\t%s\n", column.GetTitle(), strings.Join(headers, " + "), how)
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
			if m := c.GetMixedDecimals(); m != nil {
				fmt.Fprintf(table, "  \t\t%d have a decimal comma, %d a decimal point, and %d can have either\n", m.GetComma(), m.GetPoint(), m.GetEither())
			}
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

// entryOf returns the entry of the mapping for a sheet of the schema, or nil.
func entryOf(p *importsv1.FilePreview, sheet string) *importsv1.SheetMapping {
	for _, m := range p.GetMapping() {
		if m.GetSheet() == sheet {
			return m
		}
	}
	return nil
}

// madeFrom returns the headers of a column that is made from a part of a cell, or from several cells. how is empty for all others.
func madeFrom(m *importsv1.SheetMapping, column string) (headers []string, how string) {
	for _, s := range m.GetSplits() {
		if i := slices.Index(s.GetColumns(), column); i >= 0 {
			return []string{s.GetHeader()}, fmt.Sprintf("part %d of %d, split at “%s”", i+1, len(s.GetColumns()), s.GetSeparator())
		}
	}
	for _, j := range m.GetJoins() {
		if j.GetColumn() == column {
			return j.GetHeaders(), "joined"
		}
	}
	return nil, ""
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
