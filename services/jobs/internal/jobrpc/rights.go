package jobrpc

import (
	"context"
	"strings"

	"google.golang.org/grpc/codes"

	errorsv1 "headway/gen/go/headway/errors/v1"
	"headway/internal/auth"
	"headway/internal/rpcerr"
)

// importKind is the kind of the importer's jobs. Only the importer creates and runs them: the result of such a job says what
// is in the database.
const importKind = "import"

// mayRun returns an error unless the caller can create and lease jobs of a kind.
func mayRun(ctx context.Context, kind string) error {
	id := caller(ctx)
	if kind == importKind && !id.Has(auth.ScopeService) {
		return scopeMissing("Creating or leasing jobs of the kind import", auth.ScopeService)
	}
	if !id.MayRun(kind) {
		return rpcerr.Newf(codes.PermissionDenied, errorsv1.ErrorReason_ERROR_REASON_SCOPE_MISSING,
			"Your token does not allow jobs of the kind %q. Its claim headway_kinds allows: %s.", kind, strings.Join(id.Kinds, ", "))
	}
	return nil
}
