// Package importrpc translates between gRPC and the importer's use cases.
package importrpc

import (
	"context"

	"google.golang.org/grpc"

	importsv1 "headway/gen/go/headway/imports/v1"
	"headway/internal/auth"
	"headway/internal/rpcerr"
	"headway/services/importer/internal/downloads"
	"headway/services/importer/internal/follow"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/intake"
	"headway/services/importer/internal/report"
	"headway/services/importer/internal/review"
	"headway/services/importer/internal/schema"
)

// Config holds the use cases that the RPCs call. All fields are required.
type Config struct {
	Store   imports.Store
	Schemas *schema.Registry
	Intake  *intake.Intake
	Follow  *follow.Follower
	Review  *review.Reviewer
	Reports *report.Producer
	// Downloads keeps the reports that were made.
	Downloads *downloads.Store
}

// Service is the ImportService.
type Service struct {
	importsv1.UnimplementedImportServiceServer
	Config
}

// Register registers the importer's RPCs on a server.
func Register(server grpc.ServiceRegistrar, config Config) {
	importsv1.RegisterImportServiceServer(server, &Service{Config: config})
}

// caller returns the identity of the caller. The server rejects calls without one.
func caller(ctx context.Context) auth.Identity {
	id, _ := auth.FromContext(ctx)
	return id
}

// mayRead returns an error unless the caller can see imports.
func mayRead(ctx context.Context) error {
	if !caller(ctx).May(auth.ScopeRead) {
		return rpcerr.ScopeMissing("Reading imports", auth.ScopeRead)
	}
	return nil
}

// mayImport returns an error unless the caller can import with a schema.
func mayImport(ctx context.Context, schema string) error {
	id := caller(ctx)
	if !id.May(auth.ScopeImport) {
		return rpcerr.ScopeMissing("Importing", auth.ScopeImport)
	}
	if !id.MayImport(schema) {
		return rpcerr.NameNotAllowed("imports with the schema", schema, "headway_schemas", id.Schemas)
	}
	return nil
}

// mayDecide returns an error unless the caller can answer the review of an import. Administrators can decline any.
func mayDecide(ctx context.Context, schema string, commit bool) error {
	if !commit && caller(ctx).SeesAll() {
		return nil
	}
	return mayImport(ctx, schema)
}

// visible returns an import if the caller can see it, and imports.ErrNotFound otherwise.
func (s *Service) visible(ctx context.Context, id string) (imports.Import, error) {
	im, err := s.Store.Get(ctx, id)
	if err != nil {
		return im, err
	}
	if !caller(ctx).MaySee(im.Owner) {
		return im, imports.ErrNotFound
	}
	return im, nil
}
