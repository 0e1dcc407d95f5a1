package format

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	edgev1 "headway/gen/go/headway/edge/v1"
	errorsv1 "headway/gen/go/headway/errors/v1"
	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/rpcerr"
	"headway/services/edge/internal/hub"
	"headway/services/edge/internal/webjson"
)

// Headway is the format of Headway's own streams: every event is a headway.edge.v1.StreamMessage.
var Headway Format = headwayFormat{}

type headwayFormat struct{}

// Begin implements Format.
func (headwayFormat) Begin(o Opening) []byte {
	return control(&edgev1.StreamMessage{
		Type: edgev1.StreamMessageType_STREAM_MESSAGE_TYPE_CONNECTED, Message: &o.Message,
		KeepaliveSeconds: proto.Float64(o.Keepalive.Seconds()), User: optional(o.User), JobId: optional(o.Topic.ID),
	})
}

// Initial implements Format.
func (headwayFormat) Initial(s *hub.Snapshot) ([][]byte, error) {
	data, err := state(s, edgev1.StreamMessageType_STREAM_MESSAGE_TYPE_INITIAL_STATUS)
	return [][]byte{data}, err
}

// Update implements Format.
func (headwayFormat) Update(s *hub.Snapshot) ([]byte, error) {
	return state(s, edgev1.StreamMessageType_STREAM_MESSAGE_TYPE_JOB_UPDATE)
}

// Deleted implements Format.
func (headwayFormat) Deleted(id string) []byte {
	return control(&edgev1.StreamMessage{
		Type: edgev1.StreamMessageType_STREAM_MESSAGE_TYPE_JOB_DELETED, JobId: &id, Message: proto.String("The job was deleted."),
	})
}

// Reauth implements Format.
func (headwayFormat) Reauth() []byte {
	return control(&edgev1.StreamMessage{
		Type:    edgev1.StreamMessageType_STREAM_MESSAGE_TYPE_REAUTH,
		Message: proto.String("The token is about to expire. Get a new one, and then connect again."),
	})
}

// End implements Format.
func (f headwayFormat) End(cause error) []byte {
	var deleted hub.DeletedError
	if errors.As(cause, &deleted) {
		return f.Deleted(deleted.ID)
	}
	m := &edgev1.StreamMessage{Type: edgev1.StreamMessageType_STREAM_MESSAGE_TYPE_DRAINING}
	switch {
	case errors.Is(cause, hub.ErrDraining):
		m.Message = proto.String("The server is about to shut down. Connect again in a moment.")
		return control(m)
	case errors.Is(cause, hub.ErrSignedOut):
		return f.Reauth()
	case errors.Is(cause, hub.ErrReplaced):
		m.Message = proto.String("You have too many live streams open. This one is the oldest, so it is closed.")
		m.Reason = proto.String("STREAM_LIMIT")
		m.Type = edgev1.StreamMessageType_STREAM_MESSAGE_TYPE_LIMIT
		return control(m)
	}
	s, ok := status.FromError(cause)
	if !ok {
		return nil
	}
	m.Message = proto.String(s.Message())
	switch s.Code() {
	case codes.Unavailable:
		if reason := rpcerr.Reason(cause); reason == errorsv1.ErrorReason_ERROR_REASON_OUTPUT_GAP {
			m.Reason = proto.String(rpcerr.Word(reason))
		}
		return control(m)
	case codes.ResourceExhausted:
		m.Reason = proto.String(rpcerr.Word(rpcerr.Reason(cause)))
		m.Type = edgev1.StreamMessageType_STREAM_MESSAGE_TYPE_LIMIT
		return control(m)
	}
	return nil
}

// control encodes a message about the stream itself.
func control(m *edgev1.StreamMessage) []byte {
	b, err := webjson.MarshalSet(m)
	if err != nil { // can't fail: it has only constants and IDs
		return nil
	}
	return b
}

// state decodes a snapshot, and encodes it as a message.
func state(s *hub.Snapshot, kind edgev1.StreamMessageType) ([]byte, error) {
	m, err := message(s)
	if err != nil {
		return nil, fmt.Errorf("decode %s at revision %d: %w", s.ID, s.Revision, err)
	}
	m.Type = kind
	b, err := webjson.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode %s at revision %d: %w", s.ID, s.Revision, err)
	}
	return b, nil
}

// JobState returns a job as the data of a job_update.
func JobState(j *jobsv1.Job) ([]byte, error) {
	m := jobMessage(j)
	m.Type = edgev1.StreamMessageType_STREAM_MESSAGE_TYPE_JOB_UPDATE
	return webjson.Marshal(m)
}

func message(s *hub.Snapshot) (*edgev1.StreamMessage, error) {
	if s.Import {
		var i importsv1.Import
		err := proto.Unmarshal(s.Raw, &i)
		return importMessage(&i), err
	}
	var j jobsv1.Job
	err := proto.Unmarshal(s.Raw, &j)
	return jobMessage(&j), err
}

// jobMessage returns a job as a message for browsers.
func jobMessage(j *jobsv1.Job) *edgev1.StreamMessage {
	p := j.GetProgress()
	m := &edgev1.StreamMessage{
		JobId:    proto.String(j.GetJobId()),
		Kind:     proto.String(j.GetKind()),
		Title:    optional(j.GetTitle()),
		Status:   j.GetStatus().Enum(),
		Progress: proto.Float64(p.GetPercent()),
		Step:     proto.String(p.GetCurrentStep()),
		Message:  proto.String(p.GetMessage()),
		Revision: proto.Uint32(j.GetRevision()),
		Attempt:  proto.Uint32(j.GetAttempt()),
		Steps:    p.GetSteps(),
		Stalled:  proto.Bool(p.GetStalled()),
		Question: j.GetQuestion(), QuestionJson: j.GetQuestionJson(),
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
	addResult(m, j)
	return m
}

// addResult adds the result, the reason why the job failed, or the reason why the previous attempt failed.
func addResult(m *edgev1.StreamMessage, j *jobsv1.Job) {
	e := j.GetError()
	switch j.GetStatus() {
	case jobsv1.JobStatus_JOB_STATUS_COMPLETED:
		m.Result, m.ResultJson = j.GetResult(), j.GetResultJson()
		if m.Result == nil {
			m.Result = &structpb.Struct{}
		}
	case jobsv1.JobStatus_JOB_STATUS_FAILED, jobsv1.JobStatus_JOB_STATUS_CANCELLED:
		m.FailedReason = proto.String(e.GetMessage())
		m.Reason = optional(e.GetReason())
		if j.GetStatus() == jobsv1.JobStatus_JOB_STATUS_FAILED {
			m.Result, m.ResultJson = withError(j.GetResult(), e.GetMessage()), textWithError(j.GetResultJson(), e.GetMessage())
		}
	default:
		if e == nil {
			return
		}
		m.Reason = optional(e.GetReason())
		if m.GetMessage() == "" {
			m.Message = proto.String(fmt.Sprintf("Attempt %d failed: %s", e.GetAttempt(), e.GetMessage()))
		}
	}
}

// withError returns a failed job's result: the facts from its worker, if any, and the message.
func withError(facts *structpb.Struct, message string) *structpb.Struct {
	fields := maps.Clone(facts.GetFields())
	if fields == nil {
		fields = make(map[string]*structpb.Value, 1)
	}
	fields["error"] = structpb.NewStringValue(message)
	return &structpb.Struct{Fields: fields}
}

// textWithError is withError for facts with exact numbers. Without any, it returns "".
func textWithError(facts, message string) string {
	var members map[string]any
	decoder := json.NewDecoder(strings.NewReader(facts))
	decoder.UseNumber()
	if facts == "" || decoder.Decode(&members) != nil {
		return ""
	}
	members["error"] = message
	text, err := json.Marshal(members)
	if err != nil { // it was decoded from JSON: it cannot fail
		return ""
	}
	return string(text)
}

// importMessage returns the message of the import's job, with the import's counts.
func importMessage(i *importsv1.Import) *edgev1.StreamMessage {
	m := jobMessage(i.GetJob())
	m.JobId = proto.String(i.GetImportId())
	m.Import = &edgev1.ImportDetail{
		FileName: i.GetFileName(), OnIssues: i.GetOnIssues(), DryRun: i.GetDryRun(), Committed: i.GetCommitted(),
		Sheets: i.GetSheets(), Totals: i.GetTotals(), RootCauses: i.GetRootCauses(), NewestIssues: i.GetNewestIssues(),
		Notices: i.GetNotices(), UnusedSheets: i.GetUnusedSheets(),
	}
	return m
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
