package main

import (
	"context"
	"fmt"

	"headway/services/jobs"
)

// migrateJobsCommand moves the jobs into PostgreSQL.
type migrateJobsCommand struct {
	Data         string `help:"Data directory." default:"./data" placeholder:"DIR"`
	JobsDatabase string `help:"URL of the empty PostgreSQL database." required:"" placeholder:"URL"`
}

// Run copies the jobs, and prints how to continue.
func (c *migrateJobsCommand) Run(ctx context.Context) error {
	n, err := jobs.MigrateDatabase(ctx, c.Data, c.JobsDatabase)
	if err != nil {
		return err
	}
	fmt.Printf("Copied %d jobs with their history and output. Start the service with --jobs-database from now on.\n", n)
	return nil
}
