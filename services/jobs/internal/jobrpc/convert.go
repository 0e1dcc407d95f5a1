package jobrpc

import (
	"math"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/services/jobs/internal/job"
)

// toProto returns the job as a message.
func toProto(j *job.Job) *jobsv1.Job { return toProtoWith(j, j.ShownSteps(), false) }

// toWhole returns the job with all its steps, and with the texts of all documents.
func toWhole(j *job.Job) *jobsv1.Job { return toProtoWith(j, j.Progress.Steps, true) }

// toProtoWith returns the job as a message. It includes the text of a document if texts is set, or if the document has numbers that a
// double can't represent.
func toProtoWith(j *job.Job, steps []job.Step, texts bool) *jobsv1.Job {
	payload, payloadJSON := toDocument(j.Payload, texts)
	result, resultJSON := toDocument(j.Result, texts)
	question, questionJSON := toDocument(j.Question, texts)
	answer, answerJSON := toDocument(j.Answer, texts)
	var resultBytes, questionBytes *int64
	if n := j.QuestionBytes(); n > 0 {
		questionBytes = new(int64(n))
	} else if j.ResultBytes > 0 {
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
		Payload:         payload,
		Progress:        progressToProto(&j.Progress, steps),
		Result:          result,
		Error:           failureToProto(j.Error),
		Question:        question,
		Answer:          answer,
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
		QuestionBytes:   questionBytes,
		PayloadJson:     payloadJSON,
		ResultJson:      resultJSON,
		QuestionJson:    questionJSON,
		AnswerJson:      answerJSON,
		Limit:           limitToProto(j.Limit),
		Limited:         j.Limited,
	}
}

// Snapshot returns the encoded job, as watchers of this version and others get it.
func Snapshot(j *job.Job) []byte { return asField(j) }

// asField returns the encoded job as field 1 of a response: WatchJobResponse.job or WatchJobsResponse.jobs. If it is
// set as the unknown fields of such a response, it is sent unchanged, with the same bytes as the field itself. So a
// snapshot is converted and encoded once for all its watchers.
func asField(j *job.Job) []byte {
	message := toProto(j)
	size := proto.Size(message)
	field := make([]byte, 0, protowire.SizeTag(1)+protowire.SizeBytes(size))
	field = protowire.AppendVarint(protowire.AppendTag(field, 1, protowire.BytesType), uint64(size))
	field, err := proto.MarshalOptions{UseCachedSize: true}.MarshalAppend(field, message)
	if err != nil {
		panic("can't encode a job: " + err.Error()) // only possible with texts that are not UTF-8, which requests can't contain
	}
	return field
}

func progressToProto(p *job.Progress, all []job.Step) *jobsv1.Progress {
	steps := make([]*jobsv1.Step, len(all))
	for i := range all {
		s := &all[i]
		steps[i] = &jobsv1.Step{
			Name: s.Name, Title: s.Title, Group: s.Group, Weight: s.Weight, State: jobsv1.StepState(s.State),
			Done: s.Done, Total: s.Total, Unit: s.Unit, Counters: s.Counters, Message: s.Message,
			StartedAt: toTimestamp(s.StartedAt), CompletedAt: toTimestamp(s.CompletedAt), TotalEstimated: s.Estimated,
		}
		if s.Folded > 0 {
			steps[i].FoldedSteps = new(uint32(s.Folded))
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

func toTimestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	if t.After(lastTime) {
		t = lastTime // from a version that accepted more
	}
	return timestamppb.New(t)
}

// lastTime is the last time that protobuf allows. Readers reject messages with later ones.
var lastTime = time.Date(9999, time.December, 31, 23, 59, 59, 999_999_999, time.UTC)

// times converts the times of a request. It keeps the first error.
type times struct{ err error }

// from returns the time of a field, or the zero time if it is not set or not allowed.
func (t *times) from(field string, at *timestamppb.Timestamp) time.Time {
	if at == nil {
		return time.Time{}
	}
	if at.CheckValid() != nil {
		if t.err == nil {
			t.err = &job.InvalidError{Field: field, Problem: "is not a time. Use a year from 1 to 9999, and 0 to 999,999,999 nanoseconds"}
		}
		return time.Time{}
	}
	return at.AsTime()
}

// seconds returns a number of seconds as a duration. Microseconds are stored, so that is the smallest duration: 0 means that the
// number is unset.
func seconds(s float64) time.Duration {
	if d := time.Duration(math.Round(s * float64(time.Second))); s == 0 || d.Abs() >= time.Microsecond {
		return d
	}
	return time.Duration(math.Copysign(float64(time.Microsecond), s))
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
		counters := s.GetCounters()
		for name, value := range counters {
			counters[name] = finite(value)
		}
		steps[i] = job.StepReport{Name: s.GetName(), State: job.StepState(s.GetState()), Done: finiteOrNil(s.Done), Total: finiteOrNil(s.Total),
			Estimated: s.TotalEstimated, Counters: counters, Message: s.Message}
	}
	return &job.Report{Message: r.GetMessage(), Steps: steps}
}

// finite returns x, or, if JSON can't represent it, a number that is refused as well. So a repeated call has the same content as the
// first one.
func finite(x float64) float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return math.MaxFloat64
	}
	return x
}

func finiteOrNil(x *float64) *float64 {
	if x == nil {
		return nil
	}
	return new(finite(*x))
}

// fromLimit returns a limit. So many starts per period are evenly spread.
func fromLimit(l *jobsv1.Limit) job.Limit {
	limit := job.Limit{Key: l.GetKey(), MaxActive: int(l.GetMaxActive())}
	if n := l.GetMaxStarts(); n > 0 {
		period := l.GetPerSeconds()
		if period == 0 {
			period = 1
		}
		limit.Interval = max(seconds(period/float64(n)).Truncate(time.Microsecond), time.Microsecond)
	}
	return limit
}

func limitToProto(l job.Limit) *jobsv1.Limit {
	if l.Key == "" {
		return nil
	}
	limit := &jobsv1.Limit{Key: l.Key, MaxActive: uint32(l.MaxActive)}
	if l.Interval > 0 {
		limit.MaxStarts, limit.PerSeconds = 1, l.Interval.Seconds()
	}
	return limit
}

func fromCreate(r *jobsv1.CreateJobRequest, owner string) (job.Spec, error) {
	payload, err := fromDocument("payload", r.GetPayload(), r.GetPayloadJson())
	if err != nil {
		return job.Spec{}, err
	}
	var times times
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
		Limit:       fromLimit(r.GetLimit()),
		MaxAttempts: r.GetRetry().GetMaxAttempts(),
		Backoff:     seconds(r.GetRetry().GetBackoffSeconds()),
		MaxBackoff:  seconds(r.GetRetry().GetMaxBackoffSeconds()),
		NotBefore:   times.from("not_before", r.GetNotBefore()),
		Deadline:    times.from("deadline", r.GetDeadline()),
	}, times.err
}
