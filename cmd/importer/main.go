// Command importer runs only Headway's importer service, which loads checked rows of workbooks into a database.
package main

import (
	"os"

	"headway/cmd/internal/program"
)

func main() {
	os.Exit(program.Main("importer", "Headway's importer: checks workbooks, and loads their rows into a database.", &program.ImporterCommand{}))
}
