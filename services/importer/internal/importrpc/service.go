// Package importrpc translates between gRPC and the importer's use cases.
package importrpc

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	errorsv1 "headway/gen/go/headway/errors/v1"
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
	// MayUse reports whether a user can import with a schema, in addition to what the user's token allows.
	MayUse  func(schema, user string) bool
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
func (s *Service) mayImport(ctx context.Context, schema string) error {
	id := caller(ctx)
	if !id.May(auth.ScopeImport) {
		return rpcerr.ScopeMissing("Importing", auth.ScopeImport)
	}
	if !id.MayImport(schema) {
		return rpcerr.NameNotAllowed("imports with the schema", schema, "headway_schemas", id.Schemas)
	}
	if !s.MayUse(schema, id.Subject) {
		return rpcerr.New(codes.PermissionDenied, errorsv1.ErrorReason_ERROR_REASON_SCOPE_MISSING,
			fmt.Sprintf("You are not one of the users that can import with the schema %q. Ask the operator to add you to the targets file.", schema))
	}
	return nil
}

// mayDecide returns an error unless the caller can answer the review of an import. Administrators can decline any.
func (s *Service) mayDecide(ctx context.Context, schema string, commit bool) error {
	if !commit && caller(ctx).SeesAll() {
		return nil
	}
	return s.mayImport(ctx, schema)
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
