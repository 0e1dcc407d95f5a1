// Command edge is Headway's edge alone: the page, REST and Server-Sent Events for browsers.
package main

import (
	"os"

	"headway/cmd/internal/program"
)

func main() {
	os.Exit(program.Main("edge", "Headway's edge: the page, REST and Server-Sent Events.", &program.EdgeCommand{}))
}
