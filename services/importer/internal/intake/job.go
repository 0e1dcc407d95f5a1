package intake

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
)

// maxAttempts is the maximum number of attempts of an import. It is high, because an interrupted import starts over, no
// matter how often it is interrupted.
const maxAttempts = 100

// schemaLabel is the label with the name of the schema, on an import's job.
const schemaLabel = "schema"

// Weights of the steps. The weights of the sheets and of the end add up to restWeight. The end has finishWeight, or writeWeight if the rows are
// written then, which takes about as long as reading them.
const (
	receiveWeight = 3
	restWeight    = 97
	finishWeight  = 3
	writeWeight   = 47
)

// CreateJob creates an import's job, and records that it exists. It is safe to repeat.
func (in *Intake) CreateJob(ctx context.Context, im imports.Import) error {
	spec, err := in.Schemas.Get(im.Schema)
	if err != nil {
		return err
	}
	_, err = in.Jobs.CreateJob(ctx, &jobsv1.CreateJobRequest{
		Kind: imports.Kind, Title: source.Clip([]byte(im.FileName), 200), Owner: im.Owner, JobId: im.ID, RequestId: im.ID,
		Labels: map[string]string{schemaLabel: im.Schema},
		Payload: &structpb.Struct{Fields: map[string]*structpb.Value{
			"schema":   structpb.NewStringValue(im.Schema),
			"onIssues": structpb.NewStringValue(im.Policy.OnIssues.String()),
			"mode":     structpb.NewStringValue(im.Policy.Mode.String()),
			"dryRun":   structpb.NewBoolValue(im.Policy.DryRun),
		}},
		Steps: steps(im, spec, in.finishWeight(im.Schema)), Deadline: in.deadline(im),
		Retry: &jobsv1.RetryPolicy{MaxAttempts: maxAttempts, MaxBackoffSeconds: 30},
	})
	if err != nil {
		return fmt.Errorf("create the job of import %s: %w", im.ID, err)
	}
	return in.Store.Scheduled(ctx, im.ID)
}

// deadline returns the time by which an import must have ended, even if it waits for a decision.
func (in *Intake) deadline(im imports.Import) *timestamppb.Timestamp {
	if in.MaxDuration == 0 {
		return nil
	}
	return timestamppb.New(im.CreatedAt.Add(in.MaxDuration))
}

// finishWeight returns the weight of the last step.
func (in *Intake) finishWeight(schema string) float64 {
	if in.WritesAtEnd != nil && in.WritesAtEnd(schema) {
		return writeWeight
	}
	return finishWeight
}

// steps returns the steps of an import that users see: the upload, one for each sheet, and the commit.
func steps(im imports.Import, spec *schema.Schema, finish float64) []*jobsv1.StepPlan {
	var bytes int64
	for _, sheet := range im.Sheets {
		bytes += sheet.Bytes + 1
	}
	steps := []*jobsv1.StepPlan{{Name: imports.StepReceive, Title: "Upload", Weight: receiveWeight, Unit: "bytes", Total: float64(im.SizeBytes)}}
	for _, sheet := range im.Sheets {
		title := sheet.WorkbookSheet
		if sh := spec.Sheet(sheet.Name); sh != nil {
			title = sh.Title
		}
		weight := max(0.1, (restWeight-finish)*float64(sheet.Bytes+1)/float64(bytes))
		steps = append(steps, &jobsv1.StepPlan{Name: sheet.Name, Title: source.Clip([]byte(title), 100), Group: "sheets", Weight: weight, Unit: "rows"})
	}
	return append(steps, &jobsv1.StepPlan{Name: imports.StepFinish, Title: "Save", Weight: finish, Unit: "rows"})
}
