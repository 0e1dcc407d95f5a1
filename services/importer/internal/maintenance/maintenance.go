// Package maintenance deletes imports that are no longer needed, and cleans up after crashes: it deletes workbooks
// without an import, and creates missing jobs of imports.
package maintenance

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/backoff"
	"headway/services/importer/internal/files"
	"headway/services/importer/internal/imports"
)

// Maintenance runs in the background of the service. All fields are required.
type Maintenance struct {
	// Name is a name that no other process has.
	Name string
	// Store is the store. If it is an imports.Shared, one importer at a time does the work of all. See lead.go.
	Store imports.Store
	Files *files.Store
	// Jobs is called with the importer's own identity.
	Jobs jobsv1.JobServiceClient
	// CreateJob creates an import's job. It is safe to repeat.
	CreateJob func(context.Context, imports.Import) error
	// Started is when this process started. Uploads from before were interrupted.
	Started time.Time
	// Retention is the minimum time that an import's counts and issues are stored. Its workbook is deleted with its
	// job.
	Retention time.Duration
	// Interval is the time between two sweeps.
	Interval time.Duration
	Logger   *slog.Logger
}

// Run cleans up after earlier processes, and then sweeps until ctx ends.
func (m *Maintenance) Run(ctx context.Context) error {
	if shared, is := m.Store.(imports.Shared); is {
		m.lead(ctx, shared)
		return nil
	}
	m.sweepFiles(ctx, m.Started)
	if err := m.Resume(ctx); err != nil {
		return err
	}
	for ctx.Err() == nil {
		m.sweepImports(ctx)
		backoff.Sleep(ctx, m.Interval)
	}
	return nil
}

// sweepFiles deletes the files that interrupted uploads left before a time.
func (m *Maintenance) sweepFiles(ctx context.Context, before time.Time) {
	switch n, err := m.Files.Sweep(ctx, before, m.Store.Exist); {
	case ctx.Err() != nil:
	case err != nil:
		m.Logger.WarnContext(ctx, "can't delete interrupted uploads", "error", err)
	case n > 0:
		m.Logger.InfoContext(ctx, "deleted interrupted uploads", "count", n)
	}
}

// sweepImports calls Sweep, and logs its result.
func (m *Maintenance) sweepImports(ctx context.Context) {
	switch n, err := m.Sweep(ctx, time.Now()); {
	case ctx.Err() != nil:
	case err != nil:
		m.Logger.WarnContext(ctx, "can't delete old imports, trying again", "error", err)
	case n > 0:
		m.Logger.InfoContext(ctx, "deleted old imports", "count", n)
	}
}

// The backoff of Resume while the jobs service can't be reached.
const (
	firstWait = time.Second
	maxWait   = 5 * time.Second
)

// Resume creates the missing jobs of imports that an earlier process accepted. It repeats this until the jobs service
// can be reached, or ctx ends. An import that can never run doesn't get a job, but its owner still sees it.
func (m *Maintenance) Resume(ctx context.Context) error {
	wait := backoff.New(firstWait, maxWait)
	for {
		list, err := m.Store.Unscheduled(ctx)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the end of ctx is not an error
		}
		if err != nil {
			return err
		}
		failed := false
		for _, im := range list {
			if !im.CreatedAt.Before(m.Started) {
				continue // its upload is in progress in this process
			}
			failed = status.Code(m.createJob(ctx, im)) == codes.Unavailable || failed
		}
		if !failed {
			return nil
		}
		if !wait.Wait(ctx) {
			return nil
		}
	}
}

// createJob creates the missing job of an import, and logs the result.
func (m *Maintenance) createJob(ctx context.Context, im imports.Import) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	err := m.CreateJob(ctx, im)
	switch {
	case err == nil:
		m.Logger.InfoContext(ctx, "created the missing job of an import", "import_id", im.ID)
	case ctx.Err() == nil:
		m.Logger.WarnContext(ctx, "can't create the missing job of an import", "import_id", im.ID, "error", err)
	}
	return err
}

// pageSize is how many imports a sweep reads from the store at a time.
const pageSize = 200

// Sweep checks all imports once, and returns the number of imports of which it deleted data. A workbook is stored as
// long as its import's job: the jobs service purges jobs some time after their end, and a user who deletes a job
// expects its workbook to be deleted too. An import's counts and issues are stored until they are older than Retention.
func (m *Maintenance) Sweep(ctx context.Context, now time.Time) (swept int, err error) {
	before := ""
	for {
		list, err := m.Store.List(ctx, "", before, pageSize)
		if err != nil {
			return swept, err
		}
		for _, im := range list {
			deleted, err := m.sweep(ctx, im, now)
			if err != nil {
				return swept, fmt.Errorf("sweep import %s: %w", im.ID, err)
			}
			if deleted {
				swept++
			}
		}
		if len(list) < pageSize {
			return swept, nil
		}
		before = list[len(list)-1].ID
	}
}

func (m *Maintenance) sweep(ctx context.Context, im imports.Import, now time.Time) (deleted bool, err error) {
	if !im.Scheduled {
		return false, nil // its job will still be created
	}
	_, err = m.Jobs.GetJob(ctx, &jobsv1.GetJobRequest{JobId: im.ID})
	if err == nil {
		return false, nil
	}
	if status.Code(err) != codes.NotFound {
		return false, err
	}
	if im.FileStored {
		if deleted, err = m.Files.Has(ctx, im.ID); err == nil && deleted {
			err = m.Files.Delete(ctx, im.ID)
		}
		if err == nil {
			err = m.Store.FileDeleted(ctx, im.ID)
		}
	}
	if im.CreatedAt.Before(now.Add(-m.Retention)) {
		deleted, err = true, errors.Join(err, m.Store.Remove(ctx, im.ID))
	}
	return deleted, err
}
