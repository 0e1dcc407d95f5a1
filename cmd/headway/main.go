// Command headway is Headway's command line. It runs all services in one process, or one service alone.
package main

import (
	"os"

	"headway/cmd/internal/program"
)

// commandLine lists the commands in the order of `headway --help`.
type commandLine struct {
	Serve          serveCommand            `cmd:"" help:"Run everything in one process: edge, jobs, importer, and the web UI."`
	Jobs           program.JobsCommand     `cmd:"" help:"Run the jobs service alone."`
	Importer       program.ImporterCommand `cmd:"" help:"Run the importer service alone."`
	Edge           program.EdgeCommand     `cmd:"" help:"Run the edge alone."`
	Import         importCommand           `cmd:"" help:"Upload a file and watch its import."`
	Map            mapCommand              `cmd:"" help:"Show how a file could be imported, and write a mapping for it."`
	Mapping        mappingCommand          `cmd:"" help:"Save and share mappings for later imports."`
	Watch          watchCommand            `cmd:"" help:"Watch a job until it ends."`
	Cells          cellsCommand            `cmd:"" help:"Print each cell of a workbook as a line of JSON."`
	Sample         sampleCommand           `cmd:"" help:"Write a sample workbook for the workforce schema."`
	Template       templateCommand         `cmd:"" help:"Write an empty workbook to fill in, for a schema."`
	Schema         schemaCommand           `cmd:"" help:"Infer, check, and describe schemas."`
	Relay          relayCommand            `cmd:"" help:"Run a worker that forwards its jobs to an HTTP backend."`
	Token          tokenCommand            `cmd:"" help:"Print a token for a user or a worker, signed with the key."`
	MigrateJobs    migrateJobsCommand      `cmd:"" help:"Copy the jobs from the SQLite file to a PostgreSQL database."`
	MigrateImports migrateImportsCommand   `cmd:"" help:"Copy the counts and issues of imports from the SQLite file to a PostgreSQL database."`
	Open           openCommand             `cmd:"" help:"Print a new link that signs you in to the web UI."`
	Routes         routesCommand           `cmd:"" help:"Check route files."`
	Version        versionCommand          `cmd:"" help:"Print the version of this program."`
}

func main() {
	os.Exit(program.Main("headway", "Import large workbooks and text files into a database, and watch long-running jobs.", &commandLine{}))
}
