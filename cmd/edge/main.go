// Command edge runs only Headway's edge service: the web UI, REST, and Server-Sent Events.
package main

import (
	"os"

	"headway/cmd/internal/program"
)

func main() {
	os.Exit(program.Main("edge", "Headway's edge: web UI, REST, and Server-Sent Events.", &program.EdgeCommand{}))
}
