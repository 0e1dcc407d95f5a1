package worker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"

	headway "headway/clients/go"
	errorsv1 "headway/gen/go/headway/errors/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/governor"
	"headway/internal/messages"
	"headway/internal/rpcerr"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/load"
	"headway/services/importer/internal/review"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/workbooks"
)

// unforeseenAttempts is the maximum number of attempts after an error that is not known to be temporary.
const unforeseenAttempts = 3

// Runner runs imports.
type Runner struct {
	Loader  *load.Loader
	Store   imports.Store
	Schemas *schema.Registry
	// Jobs is called with the importer's own identity.
	Jobs jobsv1.JobServiceClient
	// Workbooks opens the workbooks within the budget of all runs.
	Workbooks *workbooks.Reader
	Logger    *slog.Logger
}

// ending describes how a run ends the job. Exactly one of its fields is set.
type ending struct {
	complete map[string]any
	park     map[string]any
	fail     *failure
}

// failure is an attempt that failed.
type failure struct {
	reason    string // a name of headway.errors.v1.ErrorReason
	message   string
	permanent bool
	result    map[string]any
}

// errDeclined means that the user decided not to import.
var errDeclined = errors.New("the review was declined")

// run loads an import. It returns an error if the attempt was ended from outside (cancelled, lease lost, shutdown), and
// an ending otherwise.
func (r *Runner) run(ctx context.Context, job *jobsv1.Job, number int64, task *headway.Task) (ending, error) {
	im, err := r.Store.Get(ctx, job.GetJobId())
	if err != nil {
		return r.failed(ctx, job, err)
	}
	answered, commit := review.Answer(job)
	confirmed := im.Policy.OnIssues == imports.Review && commit
	if answered && !confirmed {
		return ending{}, errDeclined
	}
	outcome, err := r.load(ctx, im, number, confirmed, task)
	if err != nil {
		return r.failed(ctx, job, err)
	}
	return r.conclude(ctx, job, im, number, outcome, task)
}

// load runs the loader.
func (r *Runner) load(ctx context.Context, im imports.Import, number int64, confirmed bool, task *headway.Task) (load.Summary, error) {
	spec, err := r.Schemas.Get(im.Schema)
	if err != nil {
		return load.Summary{}, err
	}
	if im.SchemaDigest != "" && im.SchemaDigest != spec.Digest() {
		return load.Summary{}, imports.ErrSchemaChanged
	}
	reviewed, asked, err := r.Store.LastReview(ctx, im.ID)
	if err != nil {
		return load.Summary{}, err
	}
	startOver(task, im)
	return r.Loader.Run(ctx, load.Task{
		Import: im, Schema: spec, Open: func(ctx context.Context) (load.Input, error) { return r.open(ctx, im) }, Number: number, Abandoned: r.abandoned, Progress: &progress{runner: r, task: task, titles: titles(spec), sheets: im.Sheets},
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

// open opens the workbook of an import, and reserves memory for its run.
func (r *Runner) open(ctx context.Context, im imports.Import) (load.Input, error) {
	book, err := r.Workbooks.Open(ctx, im.ID, im.Hints(), 0)
	if err != nil {
		return load.Input{}, err
	}
	return load.Input{Workbook: book.Workbook, Memory: book.Share, Close: book.Close}, nil
}

// conclude returns how a completed run ends the job.
func (r *Runner) conclude(ctx context.Context, job *jobsv1.Job, im imports.Import, number int64, o load.Summary, task *headway.Task) (ending, error) {
	again := job.GetAnswer() != nil
	switch {
	case o.Committed, im.Policy.DryRun:
		task.Step(imports.StepFinish).Complete()
		task.Message("%s", summary(im, o))
		return ending{complete: result(im, o)}, nil
	case im.Policy.OnIssues == imports.Review:
		if err := r.Store.Reviewed(ctx, im.ID, number, o.Totals); err != nil {
			return r.failed(ctx, job, err)
		}
		q := question(im, o, again)
		task.Message("Needs your decision: %s", q["message"])
		return ending{park: q}, nil
	}
	f := says(errorsv1.ErrorReason_ERROR_REASON_ROWS_REJECTED, messages.New("fail.rows_rejected",
		messages.Count("n", int(review.Refused(o.Totals))), messages.Count("of", int(o.Totals.Read))))
	f.result = withText(result(im, o), f.result)
	return ending{fail: f}, nil
}

// failed turns an error into an ending, unless the attempt was ended from outside.
func (r *Runner) failed(ctx context.Context, job *jobsv1.Job, err error) (ending, error) {
	if ctx.Err() != nil {
		return ending{}, context.Cause(ctx)
	}
	if errors.Is(err, imports.ErrFenced) {
		return ending{}, err
	}
	f := classify(err)
	if f.reason == rpcerr.Word(errorsv1.ErrorReason_ERROR_REASON_WORKER_FAILED) && job.GetAttempt() >= unforeseenAttempts {
		f.permanent = true
	}
	r.Logger.WarnContext(ctx, "import failed", "import_id", job.GetJobId(), "reason", f.reason, "permanent", f.permanent, "error", err)
	return ending{fail: f}, nil
}

// classify returns the failure, for the user, of an error.
func classify(err error) *failure {
	var refused *source.Error
	var merged *imports.MergedHeaderError
	var conflict *imports.TableConflictError
	var overloaded *governor.OverloadedError
	var violated *imports.ConservationError
	var local *fs.PathError
	switch {
	case errors.Is(err, imports.ErrRowsCommitted):
		return fails(errorsv1.ErrorReason_ERROR_REASON_UNAVAILABLE, false,
			"The rows are saved in the database, but the importer can't record that. Its disk might be full. When it can, this import is shown as done. Nothing is imported twice.")
	case errors.Is(err, imports.ErrCommitUncertain):
		return fails(errorsv1.ErrorReason_ERROR_REASON_TARGET_UNAVAILABLE, false,
			"The database for the rows did not confirm that they are saved. The next attempt checks this, and saves them only if they are missing.")
	case errors.As(err, &refused):
		return &failure{reason: string(refused.Reason), message: refused.Error(), permanent: true, result: textResult(refused.Says())}
	case errors.As(err, &merged):
		return says(errorsv1.ErrorReason_ERROR_REASON_HEADER_DUPLICATED, messages.New("fail.header_merged",
			messages.Text("first", merged.First), messages.Text("last", merged.Last), messages.Text("sheet", merged.Sheet)))
	case errors.As(err, &conflict): // the detail is for operators
		f := fails(errorsv1.ErrorReason_ERROR_REASON_TABLE_CONFLICT, true,
			fmt.Sprintf("The table “%s” does not match the schema: %s. Nothing was saved.", conflict.Table, conflict.Detail))
		f.result = textResult(messages.New("fail.table_conflict", messages.Text("table", conflict.Table)))
		return f
	case errors.As(err, &violated):
		return fails(errorsv1.ErrorReason_ERROR_REASON_CONSERVATION_VIOLATED, true,
			"The counts of the import do not add up, so nothing was saved. This is a bug in Headway. Report it to the operator.")
	case errors.Is(err, governor.ErrTooLarge):
		return fails(errorsv1.ErrorReason_ERROR_REASON_WORKBOOK_LIMIT, true,
			"The file needs more memory than this server has for an import. Nothing was saved. Split it into smaller files, or ask the operator to raise HEADWAY_MEMORY.")
	case errors.As(err, &overloaded):
		return fails(errorsv1.ErrorReason_ERROR_REASON_OVERLOADED, false, "The server currently doesn't have enough memory for this import. Nothing was saved.")
	case errors.Is(err, imports.ErrWorkbookGone), errors.Is(err, imports.ErrNotFound):
		return fails(errorsv1.ErrorReason_ERROR_REASON_WORKBOOK_GONE, true, "The stored file was deleted. Upload it again.")
	case errors.Is(err, schema.ErrNotFound):
		return fails(errorsv1.ErrorReason_ERROR_REASON_SCHEMA_NOT_FOUND, true,
			"The schema of this import no longer exists. Restore it, or upload the file for another schema.")
	case errors.Is(err, imports.ErrSchemaChanged):
		return fails(errorsv1.ErrorReason_ERROR_REASON_SCHEMA_CHANGED, true,
			"The schema of this import has changed since the upload, so the check no longer applies. Nothing was saved. Upload the file again.")
	case errors.Is(err, imports.ErrStoreUnavailable):
		return fails(errorsv1.ErrorReason_ERROR_REASON_UNAVAILABLE, false,
			"The importer can't write its own database. Its disk might be full. Nothing was saved.")
	case errors.Is(err, imports.ErrFilesUnavailable):
		return fails(errorsv1.ErrorReason_ERROR_REASON_UNAVAILABLE, false, "The importer can't read the stored file. Nothing was saved.")
	case errors.Is(err, imports.ErrTargetUnavailable):
		return fails(errorsv1.ErrorReason_ERROR_REASON_TARGET_UNAVAILABLE, false,
			"The importer can't write to the database for the rows. Nothing was saved.")
	case errors.As(err, &local): // a file with keys or texts that need no memory
		return fails(errorsv1.ErrorReason_ERROR_REASON_UNAVAILABLE, false,
			"The importer can't write or read its temporary files. Its disk might be full. Nothing was saved.")
	}
	return fails(errorsv1.ErrorReason_ERROR_REASON_WORKER_FAILED, false,
		"The import failed because of an unexpected error. Nothing was saved. The importer's log has the details.")
}

func fails(reason errorsv1.ErrorReason, permanent bool, message string) *failure {
	return &failure{reason: rpcerr.Word(reason), message: message, permanent: permanent}
}

// says returns a permanent failure whose message is one of the catalogs.
func says(reason errorsv1.ErrorReason, message messages.Message) *failure {
	f := fails(reason, true, message.English())
	f.result = textResult(message)
	return f
}

// textResult returns the result of a failed job: its message with the ID and the parameters.
func textResult(message messages.Message) map[string]any {
	return map[string]any{"text": textJSON(message)}
}

// withText adds the message of a failure to its result.
func withText(result, text map[string]any) map[string]any {
	maps.Copy(result, text)
	return result
}
