package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	headway "headway/clients/go"
	errorsv1 "headway/gen/go/headway/errors/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/rpcerr"
	"headway/services/importer/internal/files"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/load"
	"headway/services/importer/internal/review"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
)

// unforeseenAttempts is how often an import is started after an error that is not known to pass.
const unforeseenAttempts = 3

// Runner runs imports.
type Runner struct {
	Loader  *load.Loader
	Store   imports.Store
	Files   *files.Store
	Schemas *schema.Registry
	// Jobs is called with the importer's own identity.
	Jobs jobsv1.JobServiceClient
	// Openers open the kinds of files that can be imported.
	Openers source.Openers
	// Limits bound what a workbook may unpack to.
	Limits source.Limits
	Logger *slog.Logger
}

// verdict is how a run ends the job: exactly one of its fields is set.
type verdict struct {
	complete map[string]any
	park     map[string]any
	fail     *failure
}

// failure is an attempt that ended without success.
type failure struct {
	reason    string // a name of headway.errors.v1.ErrorReason
	message   string
	permanent bool
	result    map[string]any
}

// errDeclined: the person who reviewed the import gave it up.
var errDeclined = errors.New("the review was declined")

// run loads an import. It errs if the attempt was ended from outside (cancelled, lease lost, shutdown), and gives a
// verdict otherwise.
func (r *Runner) run(ctx context.Context, job *jobsv1.Job, number int64, task *headway.Task) (verdict, error) {
	im, err := r.Store.Get(ctx, job.GetJobId())
	if err != nil {
		return r.failed(ctx, job, err)
	}
	answered, commit := review.Answer(job)
	confirmed := im.Policy.OnIssues == imports.Review && commit
	if answered && !confirmed {
		return verdict{}, errDeclined
	}
	outcome, err := r.load(ctx, im, number, confirmed, task)
	if err != nil {
		return r.failed(ctx, job, err)
	}
	return r.conclude(ctx, job, im, number, outcome, task)
}

// load opens the workbook and runs the loader.
func (r *Runner) load(ctx context.Context, im imports.Import, number int64, confirmed bool, task *headway.Task) (load.Summary, error) {
	spec, err := r.Schemas.Get(im.Schema)
	if err != nil {
		return load.Summary{}, err
	}
	if im.SchemaDigest != "" && im.SchemaDigest != spec.Digest() {
		return load.Summary{}, imports.ErrSchemaChanged
	}
	file, err := r.Files.Open(ctx, im.ID)
	if err != nil {
		return load.Summary{}, err
	}
	book, err := r.Openers.Open(ctx, file, file.Size(), r.Limits)
	if err != nil {
		return load.Summary{}, err
	}
	defer book.Close()
	reviewed, asked, err := r.Store.LastReview(ctx, im.ID)
	if err != nil {
		return load.Summary{}, err
	}
	startOver(task, im)
	return r.Loader.Run(ctx, load.Task{
		Import: im, Schema: spec, Workbook: book, Number: number, Progress: &progress{runner: r, task: task, titles: titles(spec)},
		Decide: func(o load.Summary) load.Decision {
			switch {
			case im.Policy.DryRun:
				return load.RollBack
			case o.Totals.Issues == 0, im.Policy.OnIssues == imports.SkipRows:
				return load.Commit
			case confirmed && asked && !review.Worse(o.Totals, reviewed):
				return load.Commit
			}
			return load.RollBack
		},
	})
}

// conclude says what a run that came to its end means for the job.
func (r *Runner) conclude(ctx context.Context, job *jobsv1.Job, im imports.Import, number int64, o load.Summary, task *headway.Task) (verdict, error) {
	again := job.GetAnswer() != nil
	switch {
	case o.Committed, im.Policy.DryRun:
		task.Step(imports.StepFinish).Complete()
		task.Message("%s", summary(im, o))
		return verdict{complete: result(im, o)}, nil
	case im.Policy.OnIssues == imports.Review:
		if err := r.Store.Reviewed(ctx, im.ID, number, o.Totals); err != nil {
			return r.failed(ctx, job, err)
		}
		q := question(im, o, again)
		task.Message("Waiting for your decision: %s", q["message"])
		return verdict{park: q}, nil
	}
	return verdict{fail: &failure{
		reason: rpcerr.Word(errorsv1.ErrorReason_ERROR_REASON_ROWS_REJECTED), permanent: true, result: result(im, o),
		message: fmt.Sprintf("Nothing was imported: %s of %s cannot be, and the import was to abort then. Mend them and upload again, or skip them.",
			imports.Rows(review.Refused(o.Totals)), imports.Rows(o.Totals.Read)),
	}}, nil
}

// failed turns an error into a verdict, unless the attempt was ended from outside.
func (r *Runner) failed(ctx context.Context, job *jobsv1.Job, err error) (verdict, error) {
	if ctx.Err() != nil {
		return verdict{}, context.Cause(ctx)
	}
	if errors.Is(err, imports.ErrFenced) {
		return verdict{}, err
	}
	f := classify(err)
	if f.reason == rpcerr.Word(errorsv1.ErrorReason_ERROR_REASON_WORKER_FAILED) && job.GetAttempt() >= unforeseenAttempts {
		f.permanent = true
	}
	r.Logger.WarnContext(ctx, "import failed", "import_id", job.GetJobId(), "reason", f.reason, "permanent", f.permanent, "error", err)
	return verdict{fail: f}, nil
}

// classify says what an error means for the person who waits.
func classify(err error) *failure {
	var refused *source.Error
	var merged *imports.MergedHeaderError
	var conflict *imports.TableConflictError
	var violated *imports.ConservationError
	switch {
	case errors.As(err, &refused):
		return &failure{reason: string(refused.Reason), message: refused.Error(), permanent: true}
	case errors.As(err, &merged):
		return &failure{reason: rpcerr.Word(errorsv1.ErrorReason_ERROR_REASON_HEADER_DUPLICATED), message: merged.Error(), permanent: true}
	case errors.As(err, &conflict):
		return &failure{reason: rpcerr.Word(errorsv1.ErrorReason_ERROR_REASON_TABLE_CONFLICT), permanent: true,
			message: fmt.Sprintf("The table “%s” does not fit the schema: %s. Nothing was written.", conflict.Table, conflict.Detail)}
	case errors.As(err, &violated):
		return &failure{reason: rpcerr.Word(errorsv1.ErrorReason_ERROR_REASON_CONSERVATION_VIOLATED), permanent: true,
			message: "The numbers of the import do not add up, so nothing was written. This is a defect of Headway; please report it."}
	case errors.Is(err, imports.ErrWorkbookGone), errors.Is(err, imports.ErrNotFound):
		return &failure{reason: rpcerr.Word(errorsv1.ErrorReason_ERROR_REASON_WORKBOOK_GONE), permanent: true,
			message: "The stored workbook is gone; upload it again."}
	case errors.Is(err, schema.ErrNotFound):
		return &failure{reason: rpcerr.Word(errorsv1.ErrorReason_ERROR_REASON_SCHEMA_NOT_FOUND), permanent: true,
			message: "The schema of this import does not exist any more; put it back, or upload for another one."}
	case errors.Is(err, imports.ErrSchemaChanged):
		return &failure{reason: rpcerr.Word(errorsv1.ErrorReason_ERROR_REASON_SCHEMA_CHANGED), permanent: true,
			message: "The schema of this import was changed after the workbook was uploaded, so what was checked and confirmed does not hold any more. Nothing was written; upload the workbook again."}
	case errors.Is(err, imports.ErrBooksUnavailable):
		return &failure{reason: rpcerr.Word(errorsv1.ErrorReason_ERROR_REASON_UNAVAILABLE),
			message: "The importer's own database cannot be written for the moment; its disk may be full. Nothing was written."}
	case errors.Is(err, imports.ErrWorkbooksUnavailable):
		return &failure{reason: rpcerr.Word(errorsv1.ErrorReason_ERROR_REASON_UNAVAILABLE),
			message: "The stored workbook cannot be read for the moment. Nothing was written."}
	case errors.Is(err, imports.ErrTargetUnavailable):
		return &failure{reason: rpcerr.Word(errorsv1.ErrorReason_ERROR_REASON_TARGET_UNAVAILABLE),
			message: "The database for the rows cannot be written for the moment; nothing was written."}
	}
	return &failure{reason: rpcerr.Word(errorsv1.ErrorReason_ERROR_REASON_WORKER_FAILED),
		message: "The importer failed in a way it did not foresee; nothing was written. The cause is in its log."}
}
