package stream

import (
	"fmt"
	"maps"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	edgev1 "headway/gen/go/headway/edge/v1"
	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// isTerminal tells whether nothing more comes after this status, unless somebody retries the job.
func isTerminal(s jobsv1.JobStatus) bool {
	return s == jobsv1.JobStatus_JOB_STATUS_COMPLETED || s == jobsv1.JobStatus_JOB_STATUS_FAILED ||
		s == jobsv1.JobStatus_JOB_STATUS_CANCELLED
}

// jobMessage turns a job into what browsers get.
func jobMessage(j *jobsv1.Job) *edgev1.StreamMessage {
	p := j.GetProgress()
	m := &edgev1.StreamMessage{
		Type:        edgev1.StreamMessageType_STREAM_MESSAGE_TYPE_JOB_UPDATE,
		JobId:       proto.String(j.GetJobId()),
		Kind:        proto.String(j.GetKind()),
		Title:       optional(j.GetTitle()),
		Status:      j.GetStatus().Enum(),
		Progress:    proto.Float64(p.GetPercent()),
		Step:        proto.String(p.GetCurrentStep()),
		Message:     proto.String(p.GetMessage()),
		Revision:    proto.Uint32(j.GetRevision()),
		Attempt:     proto.Uint32(j.GetAttempt()),
		Steps:       p.GetSteps(),
		Stalled:     proto.Bool(p.GetStalled()),
		Question:    j.GetQuestion(),
		CreatedAt:   j.GetCreatedAt(),
		StartedAt:   j.GetStartedAt(),
		CompletedAt: j.GetCompletedAt(),
		Timestamp:   j.GetUpdatedAt(),
	}
	if p != nil {
		m.EtaSeconds = p.EtaSeconds
	}
	if p.GetRate() > 0 {
		m.Rate = proto.Float64(p.GetRate())
	}
	if j.GetStatus() == jobsv1.JobStatus_JOB_STATUS_QUEUED {
		m.QueuePosition = proto.Uint32(j.GetQueuePosition())
	}
	if j.GetCancelRequested() {
		m.CancelRequested = proto.Bool(true)
	}
	if j.GetOutputBytes() > 0 {
		m.OutputBytes = proto.Float64(float64(j.GetOutputBytes()))
	}
	addOutcome(m, j)
	return m
}

// addOutcome adds what came out: the result, why it failed, or why the attempt before did not succeed.
func addOutcome(m *edgev1.StreamMessage, j *jobsv1.Job) {
	e := j.GetError()
	switch j.GetStatus() {
	case jobsv1.JobStatus_JOB_STATUS_COMPLETED:
		m.Result = j.GetResult()
		if m.Result == nil {
			m.Result = &structpb.Struct{}
		}
	case jobsv1.JobStatus_JOB_STATUS_FAILED, jobsv1.JobStatus_JOB_STATUS_CANCELLED:
		m.FailedReason = proto.String(e.GetMessage())
		m.Reason = optional(e.GetReason())
		if j.GetStatus() == jobsv1.JobStatus_JOB_STATUS_FAILED {
			m.Result = withError(j.GetResult(), e.GetMessage())
		}
	default:
		if e == nil {
			return
		}
		m.Reason = optional(e.GetReason())
		if m.GetMessage() == "" {
			m.Message = proto.String(fmt.Sprintf("Attempt %d did not succeed: %s", e.GetAttempt(), e.GetMessage()))
		}
	}
}

// withError is a failed job's result: the facts that its worker gave, if any, and the sentence.
func withError(facts *structpb.Struct, message string) *structpb.Struct {
	fields := maps.Clone(facts.GetFields())
	if fields == nil {
		fields = make(map[string]*structpb.Value, 1)
	}
	fields["error"] = structpb.NewStringValue(message)
	return &structpb.Struct{Fields: fields}
}

// importMessage is the message of the import's job, with the import's own numbers.
func importMessage(i *importsv1.Import) *edgev1.StreamMessage {
	m := jobMessage(i.GetJob())
	m.JobId = proto.String(i.GetImportId())
	m.Import = &edgev1.ImportDetail{
		FileName: i.GetFileName(), OnIssues: i.GetOnIssues(), DryRun: i.GetDryRun(), Committed: i.GetCommitted(),
		Sheets: i.GetSheets(), Totals: i.GetTotals(), RootCauses: i.GetRootCauses(), NewestIssues: i.GetNewestIssues(),
		Notices: i.GetNotices(),
	}
	return m
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
