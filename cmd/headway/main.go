// Command headway is Headway in one program: every service in one process, each service alone, and the command line
// for people and scripts.
package main

import (
	"os"

	"headway/cmd/internal/program"
)

// commandLine is what `headway --help` shows, in this order.
type commandLine struct {
	Serve    serveCommand            `cmd:"" help:"Run everything in one process: edge, jobs, importer and the page."`
	Jobs     program.JobsCommand     `cmd:"" help:"Run the jobs service alone."`
	Importer program.ImporterCommand `cmd:"" help:"Run the importer service alone."`
	Edge     program.EdgeCommand     `cmd:"" help:"Run the edge alone."`
	Import   importCommand           `cmd:"" help:"Upload a workbook and watch its import."`
	Watch    watchCommand            `cmd:"" help:"Watch a job until it ends."`
	Cells    cellsCommand            `cmd:"" help:"Print every cell of a workbook as a JSON line."`
	Sample   sampleCommand           `cmd:"" help:"Generate a sample workbook of the workforce schema."`
	Template templateCommand         `cmd:"" help:"Write the empty workbook of a schema."`
	Token    tokenCommand            `cmd:"" help:"Make a token."`
}

func main() {
	os.Exit(program.Main("headway", "Large workbooks into a database, and the live progress of any long-running job.", &commandLine{}))
}
