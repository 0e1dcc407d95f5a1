// Command importer is Headway's importer service alone: workbooks in, checked rows out.
package main

import (
	"os"

	"headway/cmd/internal/program"
)

func main() {
	os.Exit(program.Main("importer", "Headway's importer: workbooks in, checked rows out.", &program.ImporterCommand{}))
}
