package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"headway/cmd/internal/program"
	"headway/cmd/internal/terminal"
	"headway/services/importer"
)

// schemaDiffCommand shows the changes that the tables of a schema need.
type schemaDiffCommand struct {
	importer.TargetSettings
	Schema string `arg:"" help:"File of the schema, or the name of a built-in one." placeholder:"FILE|NAME"`
}

// Run prints the plan. The exit code is 0 if there is nothing to change, and 1 otherwise, as that of diff.
func (c *schemaDiffCommand) Run(ctx context.Context) (err error) {
	plan, err := importer.PlanSchema(ctx, c.TargetSettings, c.Schema)
	if err != nil {
		return program.Refuse("%w", err)
	}
	defer func() { err = errors.Join(err, plan.Close()) }()
	if err := plan.Write(os.Stdout); err != nil {
		return err
	}
	if plan.Changes() > 0 {
		return &program.ExitError{Code: program.ExitFailed}
	}
	return nil
}

// schemaMigrateCommand carries out what schemaDiffCommand shows.
type schemaMigrateCommand struct {
	importer.TargetSettings
	Schema string `arg:"" help:"File of the schema, or the name of a built-in one." placeholder:"FILE|NAME"`
	Yes    bool   `help:"Don't ask for confirmation."`
}

// Run shows the plan, asks, and makes the changes.
func (c *schemaMigrateCommand) Run(ctx context.Context) (err error) {
	plan, err := importer.PlanSchema(ctx, c.TargetSettings, c.Schema)
	if err != nil {
		return program.Refuse("%w", err)
	}
	defer func() { err = errors.Join(err, plan.Close()) }()
	if err := plan.Write(os.Stdout); err != nil || plan.Changes() == 0 {
		return err
	}
	if err := plan.Blocked(); err != nil {
		return err
	}
	if !c.Yes {
		if err := confirmed("Make these changes?"); err != nil {
			return err
		}
	}
	if err := plan.Migrate(ctx); err != nil {
		return err
	}
	fmt.Printf("Made %s.\n", counted(uint32(plan.Changes()), "change"))
	return nil
}

// confirmed asks a question on the terminal. It returns nil if the answer is yes.
func confirmed(question string) error {
	if !terminal.IsTerminal(os.Stdin) {
		return program.Refuse("nothing was changed. Run the command in a terminal, or with --yes")
	}
	fmt.Printf("%s [y/N] ", question)
	answer, _ := bufio.NewReader(os.Stdin).ReadString('\n')
	if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
		return &program.ExitError{Code: program.ExitFailed, Err: errors.New("nothing was changed")}
	}
	return nil
}
