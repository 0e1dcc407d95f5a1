package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/targets"
)

// TargetSettings name the databases of a command that works on tables.
type TargetSettings struct {
	Data    string `help:"Data directory, for the default database records.db." default:"./data" placeholder:"DIR"`
	Records string `help:"Database: an SQLite file, or the URL of a PostgreSQL database." placeholder:"FILE|URL"`
	Targets string `help:"File that assigns schemas to several databases, instead of --records (docs/targets.md)." placeholder:"FILE"`
}

// SchemaPlan are the changes that the tables of a schema need.
type SchemaPlan struct {
	schema  *schema.Schema
	set     *targets.Set
	changes []imports.Change
}

// PlanSchema finds the changes that a schema needs, without making them. The schema is a file, or the name of a built-in one. The
// caller closes the plan.
func PlanSchema(ctx context.Context, o TargetSettings, fileOrName string) (*SchemaPlan, error) {
	s, err := loadSchema(fileOrName)
	if err != nil {
		return nil, err
	}
	c := Config{Settings: Settings{Records: o.Records, Targets: o.Targets}, DataDir: o.Data}
	if err := c.loadTargets(); err != nil {
		return nil, err
	}
	set, err := targets.Open(ctx, c.targets)
	if err != nil {
		return nil, err
	}
	changes, err := set.Plan(ctx, s)
	if err != nil {
		return nil, errors.Join(err, set.Close())
	}
	return &SchemaPlan{schema: s, set: set, changes: changes}, nil
}

// Changes returns the number of changes. Differences that stay are none.
func (p *SchemaPlan) Changes() (n int) {
	for _, c := range p.changes {
		if c.Kind != imports.Left {
			n++
		}
	}
	return n
}

// Blocked returns why the plan can't be carried out, or nil.
func (p *SchemaPlan) Blocked() error { return imports.BlockedBy(p.changes) }

// Write writes the changes with their statements, and the differences that stay.
func (p *SchemaPlan) Write(w io.Writer) error {
	if p.Changes() == 0 {
		if _, err := fmt.Fprintf(w, "The tables of the schema %s are up to date.\n", p.schema.Name); err != nil {
			return err
		}
	}
	for _, c := range p.changes {
		if _, err := io.WriteString(w, c.String()); err != nil {
			return err
		}
	}
	return nil
}

// Migrate makes the changes, all or none. It fails if the database now needs other changes.
func (p *SchemaPlan) Migrate(ctx context.Context) error {
	return p.set.Migrate(ctx, p.schema, p.changes)
}

// Close closes the databases.
func (p *SchemaPlan) Close() error { return p.set.Close() }

// defaultRecords is the database that rows go into if no other is set.
func defaultRecords(folder string) string { return filepath.Join(folder, "records.db") }
