package importrpc

import (
	"context"
	"errors"

	headway "headway/clients/go"
	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/intake"
)

// PreviewImport implements headway.imports.v1.ImportService.
func (s *Service) PreviewImport(ctx context.Context, r *importsv1.PreviewImportRequest) (*importsv1.PreviewImportResponse, error) {
	if err := mayRead(ctx); err != nil {
		return nil, err
	}
	im, err := s.repeatable(ctx, r.GetImportId())
	if err != nil {
		return nil, err
	}
	preview, err := s.Intake.PreviewStored(ctx, &im, changesOf(ctx, r))
	if err != nil {
		return nil, toStatus(err)
	}
	return &importsv1.PreviewImportResponse{Preview: previewMessage(&preview)}, nil
}

// RepeatImport implements headway.imports.v1.ImportService.
func (s *Service) RepeatImport(ctx context.Context, r *importsv1.RepeatImportRequest) (*importsv1.RepeatImportResponse, error) {
	earlier, err := s.repeatable(ctx, r.GetImportId())
	if err != nil {
		return nil, err
	}
	changes := changesOf(ctx, r)
	changes.RequestID, changes.DryRun = r.GetRequestId(), r.DryRun
	changes.OnIssues, changes.Mode = imports.OnIssues(r.GetOnIssues()), imports.Mode(r.GetMode())
	im, replayed, err := s.Intake.Repeat(ctx, &earlier, changes)
	if err != nil {
		return nil, toStatus(err)
	}
	// The new import replaces the question about the earlier one. A caller that gets an error here repeats the request.
	if err := s.Review.Decide(ctx, earlier.ID, false, nil); err != nil && !errors.Is(err, imports.ErrNotWaiting) {
		return nil, toStatus(err)
	}
	snapshot, err := s.Follow.Current(ctx, im.ID)
	if err != nil {
		return nil, toStatus(err)
	}
	return &importsv1.RepeatImportResponse{Import: s.message(snapshot), Replayed: replayed}, nil
}

// repeatable returns an import whose file the caller can import again.
func (s *Service) repeatable(ctx context.Context, id string) (imports.Import, error) {
	im, err := s.visible(ctx, id)
	if err != nil {
		return im, toStatus(err)
	}
	if err := s.mayImport(ctx, im.Schema); err != nil {
		return im, err
	}
	job, err := s.Follow.Job(ctx, im.ID)
	switch {
	case err != nil:
		return im, toStatus(err)
	case job == nil || !im.FileStored:
		return im, toStatus(imports.ErrWorkbookGone)
	case job.GetStatus() != jobsv1.JobStatus_JOB_STATUS_WAITING && !headway.Terminal(job.GetStatus()):
		return im, toStatus(imports.ErrInProgress)
	}
	return im, nil
}

// changed is a request that changes how the file of an import is read.
type changed interface {
	GetMapping() []*importsv1.SheetMapping
	GetTextFormat() *importsv1.TextFormat
	GetTextFormats() map[string]*importsv1.TextFormat
}

func changesOf(ctx context.Context, r changed) intake.Changes {
	changes := intake.Changes{Owner: caller(ctx).Subject, Mapping: mappingOf(r.GetMapping()), Texts: textFormatsOf(r.GetTextFormats())}
	if f := r.GetTextFormat(); f != nil {
		changes.Text = new(textFormatOf(f))
	}
	return changes
}
