// Command jobs runs only Headway's jobs service: the state, queue, leases, and progress of every job.
package main

import (
	"os"

	"headway/cmd/internal/program"
)

func main() {
	os.Exit(program.Main("jobs", "Headway's jobs service: state, queue, leases, and progress of jobs.", &program.JobsCommand{}))
}
