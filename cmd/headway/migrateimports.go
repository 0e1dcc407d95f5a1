package main

import (
	"context"
	"fmt"

	"headway/services/importer"
)

// migrateImportsCommand moves the counts and issues of imports into PostgreSQL.
type migrateImportsCommand struct {
	Data            string `help:"Data directory." default:"./data" placeholder:"DIR"`
	ImportsDatabase string `help:"URL of the PostgreSQL database, which has no imports yet. It can be the database of the jobs." required:"" placeholder:"URL"`
}

// Run copies the imports, and prints how to continue.
func (c *migrateImportsCommand) Run(ctx context.Context) error {
	n, err := importer.MigrateDatabase(ctx, c.Data, c.ImportsDatabase)
	if err != nil {
		return err
	}
	fmt.Printf("Copied %d imports with their counts and issues. Copy their workbooks from %s/blobs/imports to the bucket of --blobs, "+
		"and start the importer with --imports-database from now on.\n", n, c.Data)
	return nil
}
