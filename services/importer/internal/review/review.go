// Package review asks a user to decide about an import whose rows have errors, and applies the answer.
package review

import (
	"context"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"

	errorsv1 "headway/gen/go/headway/errors/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/rpcerr"
	"headway/services/importer/internal/imports"
)

// commitField is the field of the job's answer that holds the decision.
const commitField = "commit"

// Reviewer applies decisions.
type Reviewer struct {
	// Jobs is called with the importer's own identity.
	Jobs jobsv1.JobServiceClient
}

// Decide answers an import that waits for a decision. With commit, the import runs once more. Without, its job ends as
// cancelled. revision is that of the snapshot with the question, or nil if the caller does not have it. Decide returns
// imports.ErrNotWaiting if the import does not wait, or no longer asks this question.
func (r *Reviewer) Decide(ctx context.Context, id string, commit bool, revision *uint32) error {
	answer, err := r.Jobs.GetJob(ctx, &jobsv1.GetJobRequest{JobId: id})
	if err != nil {
		return notWaiting(err)
	}
	if answer.GetJob().GetStatus() != jobsv1.JobStatus_JOB_STATUS_WAITING {
		return imports.ErrNotWaiting
	}
	if !commit {
		_, err := r.Jobs.CancelJob(ctx, &jobsv1.CancelJobRequest{JobId: id, Error: Declined()})
		return notWaiting(err)
	}
	if answered, _ := Answer(answer.GetJob()); answered && revision == nil {
		return rpcerr.Invalid("question_revision", "is required, because this import asks again. "+
			"Load the import, and send the revision of the snapshot with the question that you answer")
	}
	_, err = r.Jobs.ResumeJob(ctx, &jobsv1.ResumeJobRequest{JobId: id, QuestionRevision: revision, Answer: &structpb.Struct{Fields: map[string]*structpb.Value{
		commitField: structpb.NewBoolValue(true),
	}}})
	return notWaiting(err)
}

// notWaiting translates the errors of a job that no longer waits.
func notWaiting(err error) error {
	switch status.Code(err) {
	case codes.FailedPrecondition, codes.NotFound:
		return imports.ErrNotWaiting
	}
	return err
}

// Answer returns the answer that the import's job has received: whether there is an answer, and whether it is to
// commit.
func Answer(job *jobsv1.Job) (answered, commit bool) {
	answer := job.GetAnswer().GetFields()[commitField]
	return answer != nil, answer.GetBoolValue()
}

// Declined returns the error of an import that the user decided not to import.
func Declined() *jobsv1.JobError {
	return &jobsv1.JobError{
		Reason:  rpcerr.Word(errorsv1.ErrorReason_ERROR_REASON_REVIEW_DECLINED),
		Message: "You chose not to import. Nothing was saved.",
	}
}

// Refused returns the number of rows that are not imported.
func Refused(c imports.Counts) uint32 { return c.Rejected + c.Blocked }

// Worse reports whether the result of a run is worse than the one that the user confirmed: fewer rows are imported, or
// more existing rows are changed.
func Worse(now, confirmed imports.Counts) bool {
	return Refused(now) > Refused(confirmed) || now.Updated > confirmed.Updated
}

// Question returns the question to the user about an import with these totals. again means that the database has
// changed since the user confirmed, so that the result would be worse. The question then mentions this.
func Question(totals imports.Counts, again bool) string {
	if again {
		return fmt.Sprintf("The database has changed since you confirmed. Now %s would be added, %s updated, and %s skipped. Import anyway?",
			imports.Rows(totals.Inserted), imports.Rows(totals.Updated), imports.Rows(Refused(totals)))
	}
	accepted := totals.Inserted + totals.Updated + totals.Unchanged
	return fmt.Sprintf("%s can be imported, and %s can't. Import those that can?", imports.Rows(accepted), imports.Rows(Refused(totals)))
}
