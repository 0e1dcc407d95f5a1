// Package worker is the worker that runs imports: it leases their jobs, lets the engine load them, and says what
// came out.
package worker

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"

	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
)

// Kind is the kind of an import's job.
const Kind = "import"

// The steps beside those of the sheets.
const (
	stepReceive = "receive"
	stepFinish  = "finish"
)

// maxAttempts is how often an import is begun at most; unforeseenAttempts how often after a failure that nobody foresaw,
// which will hardly mend itself.
const (
	maxAttempts        = 100
	unforeseenAttempts = 3
)

// Weights of the steps beside the sheets, whose weights sum up to sheetsWeight.
const (
	receiveWeight = 3
	finishWeight  = 3
	sheetsWeight  = 94
)

// Scheduler creates the jobs of imports.
type Scheduler struct {
	Books   imports.Store
	Schemas *schema.Registry
	// Jobs is called with the importer's own identity.
	Jobs jobsv1.JobServiceClient
}

// Schedule creates an import's job, and notes that it exists. Doing it again is harmless.
func (s *Scheduler) Schedule(ctx context.Context, im imports.Import) error {
	spec, err := s.Schemas.Get(im.Schema)
	if err != nil {
		return err
	}
	_, err = s.Jobs.CreateJob(ctx, &jobsv1.CreateJobRequest{
		Kind: Kind, Title: clip(im.FileName, 200), Owner: im.Owner, JobId: im.ID, RequestId: im.ID,
		Payload: &structpb.Struct{Fields: map[string]*structpb.Value{
			"schema":   structpb.NewStringValue(im.Schema),
			"onIssues": structpb.NewStringValue(im.Policy.OnIssues.String()),
			"mode":     structpb.NewStringValue(im.Policy.Mode.String()),
			"dryRun":   structpb.NewBoolValue(im.Policy.DryRun),
		}},
		Steps: plan(im, spec),
		// An import that was cut off starts over, however often that happens.
		Retry: &jobsv1.RetryPolicy{MaxAttempts: maxAttempts, MaxBackoffSeconds: 30},
	})
	if err != nil {
		return fmt.Errorf("create the job of import %s: %w", im.ID, err)
	}
	return s.Books.Scheduled(ctx, im.ID)
}

// plan is what people see of an import: Receive, a step for each sheet, Finish.
func plan(im imports.Import, spec *schema.Schema) []*jobsv1.StepPlan {
	var bytes int64
	for _, sheet := range im.Sheets {
		bytes += sheet.Bytes + 1
	}
	steps := []*jobsv1.StepPlan{{Name: stepReceive, Title: "Receive", Weight: receiveWeight, Unit: "bytes", Total: float64(im.SizeBytes)}}
	for _, sheet := range im.Sheets {
		title := sheet.WorkbookSheet
		if sh := spec.Sheet(sheet.Name); sh != nil {
			title = sh.Title
		}
		weight := max(0.1, sheetsWeight*float64(sheet.Bytes+1)/float64(bytes))
		steps = append(steps, &jobsv1.StepPlan{Name: sheet.Name, Title: clip(title, 100), Group: "sheets", Weight: weight, Unit: "rows"})
	}
	return append(steps, &jobsv1.StepPlan{Name: stepFinish, Title: "Finish", Weight: finishWeight})
}

// clip shortens a text to n characters.
func clip(text string, n int) string {
	runes := []rune(text)
	if len(runes) <= n {
		return text
	}
	return string(runes[:n-1]) + "…"
}

// Resume creates the jobs of imports that were accepted before a time, by a process that died before it had created
// them; it goes on until the jobs service can be reached, or ctx ends. An import that can never run is left to its
// owner, who sees it without a job.
func (s *Scheduler) Resume(ctx context.Context, before time.Time, log *slog.Logger) error {
	for {
		list, err := s.Books.Unscheduled(ctx)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the end of ctx is no error
		}
		if err != nil {
			return err
		}
		failed := false
		for _, im := range list {
			if !im.CreatedAt.Before(before) {
				continue // its upload is under way in this process
			}
			switch err := s.Schedule(ctx, im); {
			case err == nil:
				log.InfoContext(ctx, "created the job of an import that had none", "import_id", im.ID)
			case ctx.Err() != nil:
				return nil //nolint:nilerr // the end of ctx is no error
			default:
				log.WarnContext(ctx, "create the job of an import that has none", "import_id", im.ID, "error", err)
				failed = failed || status.Code(err) == codes.Unavailable
			}
		}
		if !failed {
			return nil
		}
		pause(ctx, 5*time.Second)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the end of ctx is no error
		}
	}
}
