package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"

	importsv1 "headway/gen/go/headway/imports/v1"
)

// mappingCommand manages saved mappings.
type mappingCommand struct {
	List   listMappingsCommand  `cmd:"" help:"List your mappings for a schema, and those that other users share."`
	Save   saveMappingCommand   `cmd:"" help:"Save a mapping under a name."`
	Get    getMappingCommand    `cmd:"" help:"Write a saved mapping to a file, for headway import --mapping."`
	Delete deleteMappingCommand `cmd:"" help:"Delete one of your mappings."`
}

// mappingFlags are the flags of all commands about saved mappings.
type mappingFlags struct {
	connectFlags
	Schema          string `help:"Schema of the mapping." default:"workforce"`
	ImporterAddress string `help:"Address of the importer." default:"127.0.0.1:9092" placeholder:"ADDRESS"`
}

// call calls do with a client of the importer.
func (f *mappingFlags) call(do func(importsv1.ImportServiceClient) error) error {
	conn, err := f.dial(f.ImporterAddress)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := do(importsv1.NewImportServiceClient(conn)); err != nil {
		return callError(err)
	}
	return nil
}

type listMappingsCommand struct{ mappingFlags }

// Run prints a line for each mapping.
func (c *listMappingsCommand) Run(ctx context.Context) error {
	return c.call(func(client importsv1.ImportServiceClient) error {
		answer, err := client.ListMappings(ctx, &importsv1.ListMappingsRequest{Schema: c.Schema})
		if err != nil {
			return err
		}
		return printMappings(os.Stdout, answer.GetMappings())
	})
}

func printMappings(out io.Writer, list []*importsv1.SavedMapping) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, m := range list {
		visible := "private"
		if m.GetShared() {
			visible = "shared"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", m.GetName(), m.GetOwner(), visible, m.GetSavedAt().AsTime().Format("2006-01-02"))
	}
	return table.Flush()
}

type saveMappingCommand struct {
	mappingFlags
	Name  string `arg:"" help:"Name of the mapping. It replaces your mapping with the same name."`
	File  string `arg:"" help:"JSON or YAML file with the mapping, for example from headway map -o." type:"existingfile"`
	Share bool   `help:"Let all users of the schema see it."`
}

// Run saves the mapping.
func (c *saveMappingCommand) Run(ctx context.Context) error {
	mapping, err := readMapping(c.File)
	if err != nil {
		return err
	}
	return c.call(func(client importsv1.ImportServiceClient) error {
		_, err := client.SaveMapping(ctx, &importsv1.SaveMappingRequest{Schema: c.Schema, Name: c.Name, Mapping: mapping, Shared: c.Share})
		return err
	})
}

type getMappingCommand struct {
	mappingFlags
	Name   string `arg:"" help:"Name of the mapping."`
	Owner  string `help:"User who shares it. The default is your own mapping, or else the first one that is shared." placeholder:"USER"`
	Output string `short:"o" help:"File to write." required:"" placeholder:"FILE"`
}

// Run writes the mapping.
func (c *getMappingCommand) Run(ctx context.Context) error {
	return c.call(func(client importsv1.ImportServiceClient) error {
		answer, err := client.ListMappings(ctx, &importsv1.ListMappingsRequest{Schema: c.Schema})
		if err != nil {
			return err
		}
		i := slices.IndexFunc(answer.GetMappings(), func(m *importsv1.SavedMapping) bool {
			return m.GetName() == c.Name && (c.Owner == "" || m.GetOwner() == c.Owner)
		})
		if i < 0 {
			return fmt.Errorf("there is no mapping %q. Run headway mapping list for the names", c.Name)
		}
		return writeMapping(c.Output, answer.GetMappings()[i].GetMapping())
	})
}

type deleteMappingCommand struct {
	mappingFlags
	Name string `arg:"" help:"Name of the mapping."`
}

// Run deletes the mapping.
func (c *deleteMappingCommand) Run(ctx context.Context) error {
	return c.call(func(client importsv1.ImportServiceClient) error {
		_, err := client.DeleteMapping(ctx, &importsv1.DeleteMappingRequest{Schema: c.Schema, Name: c.Name})
		return err
	})
}
