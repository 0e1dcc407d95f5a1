package jobrpc

import (
	"context"
	"encoding/json"

	"headway/internal/auth"
	"headway/internal/rpcerr"
	"headway/services/jobs/internal/bulk"
	"headway/services/jobs/internal/job"
	"headway/services/jobs/internal/lifecycle"
)

// importKind is the kind of the importer's jobs. Only the importer creates and runs them, because their results
// describe the contents of the database.
const importKind = "import"

// caller returns the identity of the caller. The server rejects calls without a token, and an identity without a subject
// can't see any job.
func caller(ctx context.Context) auth.Identity {
	id, _ := auth.FromContext(ctx)
	return id
}

// mayRun returns an error unless the caller can create and lease jobs of a kind.
func mayRun(ctx context.Context, kind string) error {
	id := caller(ctx)
	if kind == bulk.Kind {
		return rpcerr.Invalid("kind", "is "+bulk.Kind+", which only the service creates and runs. Call ChangeJobs")
	}
	if kind == importKind {
		if !id.Has(auth.ScopeImporter) {
			return rpcerr.ScopeMissing("Creating or leasing jobs of the kind import", auth.ScopeImporter)
		}
		return nil
	}
	if !id.MayRun(kind) {
		return rpcerr.NameNotAllowed("jobs of the kind", kind, "headway_kinds", id.Kinds)
	}
	return nil
}

// mayRead returns an error unless the caller can see jobs.
func mayRead(ctx context.Context) error {
	if !caller(ctx).May(auth.ScopeRead) {
		return rpcerr.ScopeMissing("Reading jobs", auth.ScopeRead)
	}
	return nil
}

// visible returns job.ErrNotFound for jobs that the caller must not see.
func visible(ctx context.Context) lifecycle.Allow {
	id := caller(ctx)
	return func(j *job.Job) error {
		if !id.MaySee(j.Owner) {
			return job.ErrNotFound
		}
		return nil
	}
}

// changeable returns an error for jobs that the caller must not change: job.ErrNotFound, or one that names the missing right.
func changeable(ctx context.Context) lifecycle.Allow {
	id, see := caller(ctx), visible(ctx)
	return func(j *job.Job) error {
		if err := see(j); err != nil {
			return err
		}
		if j.Kind == importKind {
			if !id.May(auth.ScopeImport) && !id.SeesAll() {
				return rpcerr.ScopeMissing("Changing an import", auth.ScopeImport)
			}
			return nil
		}
		if !id.May(auth.ScopeRun) {
			return rpcerr.ScopeMissing("Changing a job", auth.ScopeRun)
		}
		return nil
	}
}

// Allow returns what an identity may change. again is set if the job runs again after the change.
func Allow(as auth.Identity, again bool) lifecycle.Allow {
	ctx := auth.NewContext(context.Background(), as)
	if again {
		return runnable(ctx)
	}
	return changeable(ctx)
}

// runnable is changeable for calls after which the job runs again: they need the rights of the call that created it.
func runnable(ctx context.Context) lifecycle.Allow {
	id, change := caller(ctx), changeable(ctx)
	return func(j *job.Job) error {
		if err := change(j); err != nil {
			return err
		}
		if j.Kind != importKind {
			return mayRun(ctx, j.Kind)
		}
		var payload struct{ Schema string }
		if err := json.Unmarshal(j.Payload, &payload); err != nil {
			return rpcerr.Internal(err)
		}
		if !id.May(auth.ScopeImport) {
			return rpcerr.ScopeMissing("Changing an import", auth.ScopeImport)
		}
		if !id.MayImport(payload.Schema) {
			return rpcerr.NameNotAllowed("imports with the schema", payload.Schema, "headway_schemas", id.Schemas)
		}
		return nil
	}
}
