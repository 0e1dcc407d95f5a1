package importrpc

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"

	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/worker"
)

// ConfirmImport implements headway.imports.v1.ImportService.
func (s *Service) ConfirmImport(ctx context.Context, r *importsv1.ConfirmImportRequest) (*importsv1.ConfirmImportResponse, error) {
	im, err := s.visible(ctx, r.GetImportId())
	if err != nil {
		return nil, toStatus(err)
	}
	if err := s.decide(ctx, im.ID, r.GetCommit()); err != nil {
		return nil, toStatus(err)
	}
	out, err := s.current(ctx, im.ID)
	if err != nil {
		return nil, toStatus(err)
	}
	return &importsv1.ConfirmImportResponse{Import: out}, nil
}

// decide answers the waiting job: with a commit it runs once more, without it ends cancelled.
func (s *Service) decide(ctx context.Context, id string, commit bool) error {
	job, err := s.job(ctx, id)
	if err != nil {
		return err
	}
	if job.GetStatus() != jobsv1.JobStatus_JOB_STATUS_WAITING {
		return imports.ErrNotWaiting
	}
	if !commit {
		_, err := s.Jobs.CancelJob(ctx, &jobsv1.CancelJobRequest{JobId: id, Error: worker.Declined()})
		return notWaiting(err)
	}
	_, err = s.Jobs.ResumeJob(ctx, &jobsv1.ResumeJobRequest{JobId: id, Answer: &structpb.Struct{Fields: map[string]*structpb.Value{
		"commit": structpb.NewBoolValue(true),
	}}})
	return notWaiting(err)
}

// notWaiting is what the jobs service means if the job moved on meanwhile.
func notWaiting(err error) error {
	switch status.Code(err) {
	case codes.FailedPrecondition, codes.NotFound:
		return imports.ErrNotWaiting
	}
	return err
}
