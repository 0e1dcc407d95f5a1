// Package importrpc answers the importer's RPCs.
package importrpc

import (
	"context"
	"errors"
	"log/slog"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/auth"
	"headway/services/importer/internal/files"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/xlsx"
)

// Config is what the RPCs stand on. All fields but Limits are needed.
type Config struct {
	Books     imports.Store
	Workbooks *files.Store
	Schemas   *schema.Registry
	// Jobs is the jobs service, called with the importer's own identity.
	Jobs jobsv1.JobServiceClient
	// Schedule creates an import's job; doing it again is harmless.
	Schedule func(context.Context, imports.Import) error
	// MaxUploadBytes is the largest workbook that is taken.
	MaxUploadBytes int64
	// Limits bound what a workbook may unpack to.
	Limits xlsx.Limits
	Logger *slog.Logger
}

// Service is the ImportService.
type Service struct {
	importsv1.UnimplementedImportServiceServer
	Config
	watches *watches
}

// Register lets a server answer for the importer. Close ends what watchers share, after the server has ended.
func Register(server grpc.ServiceRegistrar, config Config) *Service {
	s := &Service{Config: config}
	s.watches = newWatches(s)
	importsv1.RegisterImportServiceServer(server, s)
	return s
}

// Close waits until nothing of the service runs any more.
func (s *Service) Close() { s.watches.close() }

// caller is who makes the call; the server lets nobody through without.
func caller(ctx context.Context) auth.Identity {
	id, _ := auth.FromContext(ctx)
	return id
}

// visible gives an import, if the caller may see it.
func (s *Service) visible(ctx context.Context, id string) (imports.Import, error) {
	im, err := s.Books.Get(ctx, id)
	if err != nil {
		return im, err
	}
	if !caller(ctx).MaySee(im.Owner) {
		return im, imports.ErrNotFound
	}
	return im, nil
}

// job gives an import's job; nil if it was purged.
func (s *Service) job(ctx context.Context, id string) (*jobsv1.Job, error) {
	answer, err := s.Jobs.GetJob(ctx, &jobsv1.GetJobRequest{JobId: id})
	if status.Code(err) == codes.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, errors.Join(err, ctx.Err())
	}
	return answer.GetJob(), nil
}
