package main

import (
	"context"
	"fmt"

	"headway/cmd/internal/program"
	"headway/services/edge"
)

// routesCommand has the commands for route files.
type routesCommand struct {
	Check routesCheckCommand `cmd:"" help:"Check route files."`
}

// routesCheckCommand checks files as the edge does when it loads them.
type routesCheckCommand struct {
	Files []string `arg:"" help:"Route files." placeholder:"FILE"`
}

// Run prints how many routes the files have, or every problem with its file and line.
func (c *routesCheckCommand) Run(context.Context) error {
	n, err := edge.CheckRoutes(c.Files)
	if err != nil {
		return program.Refuse("%w", err)
	}
	fmt.Printf("%d routes are valid.\n", n)
	return nil
}
