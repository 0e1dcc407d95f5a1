package jobrpc

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/services/jobs/internal/job"
)

// toProto returns the job as its watchers get it.
func toProto(j *job.Job) *jobsv1.Job {
	var resultBytes *int64
	if j.ResultBytes > 0 {
		resultBytes = new(int64(j.ResultBytes))
	}
	return &jobsv1.Job{
		JobId:           j.ID,
		Kind:            j.Kind,
		Owner:           j.Owner,
		Title:           j.Title,
		Status:          jobsv1.JobStatus(j.Status),
		Revision:        j.Revision,
		Attempt:         j.Attempt,
		MaxAttempts:     j.MaxAttempts,
		Priority:        j.Priority,
		Labels:          j.Labels,
		Payload:         toStruct(j.Payload),
		Progress:        progressToProto(&j.Progress),
		Result:          toStruct(j.Result),
		Error:           failureToProto(j.Error),
		Question:        toStruct(j.Question),
		Answer:          toStruct(j.Answer),
		CancelRequested: j.CancelRequested,
		QueuePosition:   j.QueuePosition,
		OutputBytes:     j.OutputBytes,
		CreatedAt:       toTimestamp(j.CreatedAt),
		StartedAt:       toTimestamp(j.StartedAt),
		UpdatedAt:       toTimestamp(j.UpdatedAt),
		CompletedAt:     toTimestamp(j.CompletedAt),
		NotBefore:       toTimestamp(j.NotBefore),
		Deadline:        toTimestamp(j.Deadline),
		Worker:          j.Lease.Worker,
		ResultBytes:     resultBytes,
	}
}

// asField returns the encoded job as field 1 of a response: WatchJobResponse.job or WatchJobsResponse.jobs. Set as the
// unknown fields of such a response, it is sent as it is, which has the same bytes as the field itself. So a snapshot is
// converted and encoded once for all its watchers.
func asField(j *job.Job) []byte {
	message := toProto(j)
	size := proto.Size(message)
	field := make([]byte, 0, protowire.SizeTag(1)+protowire.SizeBytes(size))
	field = protowire.AppendVarint(protowire.AppendTag(field, 1, protowire.BytesType), uint64(size))
	field, err := proto.MarshalOptions{UseCachedSize: true}.MarshalAppend(field, message)
	if err != nil {
		panic("a job cannot be encoded: " + err.Error()) // only with texts that are not UTF-8, which requests cannot contain
	}
	return field
}

func progressToProto(p *job.Progress) *jobsv1.Progress {
	steps := make([]*jobsv1.Step, len(p.Steps))
	for i := range p.Steps {
		s := &p.Steps[i]
		steps[i] = &jobsv1.Step{
			Name: s.Name, Title: s.Title, Group: s.Group, Weight: s.Weight, State: jobsv1.StepState(s.State),
			Done: s.Done, Total: s.Total, Unit: s.Unit, Counters: s.Counters, Message: s.Message,
			StartedAt: toTimestamp(s.StartedAt), CompletedAt: toTimestamp(s.CompletedAt), TotalEstimated: s.Estimated,
		}
	}
	return &jobsv1.Progress{
		Percent: p.Percent, Message: p.Message, CurrentStep: p.Current(), Steps: steps,
		Rate: p.Rate, EtaSeconds: p.ETA, Stalled: p.Stalled,
	}
}

func failureToProto(f *job.Failure) *jobsv1.JobError {
	if f == nil {
		return nil
	}
	return &jobsv1.JobError{Reason: f.Reason, Message: f.Message, Attempt: f.Attempt}
}

// toStruct returns a stored document, or nil if there is none.
func toStruct(document json.RawMessage) *structpb.Struct {
	if len(document) == 0 {
		return nil
	}
	var fields map[string]any
	if err := json.Unmarshal(document, &fields); err != nil {
		return nil // cannot be: only fromStruct's texts are stored
	}
	s, err := structpb.NewStruct(fields)
	if err != nil {
		return nil
	}
	return s
}

// maxDepth is how deep the objects and lists of a document can be nested. The protobuf runtimes of most languages read 100
// nested messages, and each object takes three. A job is inside two or three messages, and a user's own messages can be
// around those. A response with a deeper document could not be read, nor the other jobs in it.
const maxDepth = 30

// fromStruct returns a document as it is stored. It refuses numbers that JSON cannot represent, and deep nesting.
func fromStruct(field string, s *structpb.Struct) (json.RawMessage, error) {
	if s == nil {
		return nil, nil
	}
	if tooDeep(s, maxDepth) {
		return nil, &job.InvalidError{Field: field, Problem: fmt.Sprintf(
			"is nested more than %d levels deep. Many protobuf runtimes cannot read that. Use fewer levels, or a text that contains JSON", maxDepth)}
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // it would count against the size limit
	if err := encoder.Encode(s.AsMap()); err != nil {
		return nil, &job.InvalidError{Field: field, Problem: fmt.Sprintf("cannot be written as JSON: %v", err)}
	}
	return bytes.TrimSpace(text.Bytes()), nil
}

// tooDeep reports whether objects and lists are nested deeper than left levels.
func tooDeep(s *structpb.Struct, left int) bool {
	if left == 0 {
		return true
	}
	for _, v := range s.GetFields() {
		if valueTooDeep(v, left-1) {
			return true
		}
	}
	return false
}

func valueTooDeep(v *structpb.Value, left int) bool {
	switch kind := v.GetKind().(type) {
	case *structpb.Value_StructValue:
		return tooDeep(kind.StructValue, left)
	case *structpb.Value_ListValue:
		if left == 0 {
			return true
		}
		for _, item := range kind.ListValue.GetValues() {
			if valueTooDeep(item, left-1) {
				return true
			}
		}
	}
	return false
}

func toTimestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

func fromTimestamp(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}

// seconds returns a number of seconds as a duration.
func seconds(s float64) time.Duration {
	return time.Duration(math.Round(s * float64(time.Second)))
}

func fromPlan(plan []*jobsv1.StepPlan) []job.PlannedStep {
	steps := make([]job.PlannedStep, len(plan))
	for i, p := range plan {
		steps[i] = job.PlannedStep{Name: p.GetName(), Title: p.GetTitle(), Group: p.GetGroup(), Weight: p.GetWeight(),
			Total: p.GetTotal(), Unit: p.GetUnit()}
	}
	return steps
}

func fromReport(r *jobsv1.ProgressReport) *job.Report {
	if r == nil {
		return nil
	}
	steps := make([]job.StepReport, len(r.GetSteps()))
	for i, s := range r.GetSteps() {
		steps[i] = job.StepReport{Name: s.GetName(), State: job.StepState(s.GetState()), Done: s.Done, Total: s.Total,
			Estimated: s.TotalEstimated, Counters: s.GetCounters(), Message: s.Message}
	}
	return &job.Report{Message: r.GetMessage(), Steps: steps}
}

func fromCreate(r *jobsv1.CreateJobRequest, owner string) (job.Spec, error) {
	payload, err := fromStruct("payload", r.GetPayload())
	return job.Spec{
		ID:          r.GetJobId(),
		Kind:        r.GetKind(),
		Owner:       owner,
		Title:       r.GetTitle(),
		Payload:     payload,
		Steps:       fromPlan(r.GetSteps()),
		RequestID:   r.GetRequestId(),
		Priority:    r.GetPriority(),
		Labels:      r.GetLabels(),
		MaxAttempts: r.GetRetry().GetMaxAttempts(),
		Backoff:     seconds(r.GetRetry().GetBackoffSeconds()),
		MaxBackoff:  seconds(r.GetRetry().GetMaxBackoffSeconds()),
		NotBefore:   fromTimestamp(r.GetNotBefore()),
		Deadline:    fromTimestamp(r.GetDeadline()),
	}, err
}
