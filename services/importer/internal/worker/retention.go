package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/services/importer/internal/files"
	"headway/services/importer/internal/imports"
)

// Retention lets go of what nobody can ask for any more. A workbook is kept as long as its import's job: the jobs
// service purges jobs some time after their end, and whoever deletes a job wants its workbook gone. An import's numbers
// and issues outlive its job until they are older than KeepFor.
type Retention struct {
	Books     imports.Store
	Workbooks *files.Store
	// Jobs is called with the importer's own identity.
	Jobs    jobsv1.JobServiceClient
	KeepFor time.Duration
}

// importsAtOnce is how many imports a sweep reads from the books at a time.
const importsAtOnce = 200

// Sweep goes through all imports once. It gives how many workbooks and imports it let go of.
func (r *Retention) Sweep(ctx context.Context, now time.Time) (swept int, err error) {
	before := ""
	for {
		list, err := r.Books.List(ctx, "", before, importsAtOnce)
		if err != nil {
			return swept, err
		}
		for _, im := range list {
			gone, err := r.sweep(ctx, im, now)
			if err != nil {
				return swept, fmt.Errorf("let go of import %s: %w", im.ID, err)
			}
			if gone {
				swept++
			}
		}
		if len(list) < importsAtOnce {
			return swept, nil
		}
		before = list[len(list)-1].ID
	}
}

func (r *Retention) sweep(ctx context.Context, im imports.Import, now time.Time) (gone bool, err error) {
	if !im.Scheduled {
		return false, nil // its job is still to be created
	}
	_, err = r.Jobs.GetJob(ctx, &jobsv1.GetJobRequest{JobId: im.ID})
	if err == nil {
		return false, nil
	}
	if status.Code(err) != codes.NotFound {
		return false, err
	}
	gone, err = r.Workbooks.Has(ctx, im.ID)
	if err == nil && gone {
		err = r.Workbooks.Delete(ctx, im.ID)
	}
	if im.CreatedAt.Before(now.Add(-r.KeepFor)) {
		gone, err = true, errors.Join(err, r.Books.Remove(ctx, im.ID))
	}
	return gone, err
}
