package format

import (
	"encoding/json"
	"errors"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/services/edge/internal/hub"
	"headway/services/edge/internal/webjson"
)

// ProgressUpdate is the format of streams of one job as progress updates. There is no opening message. Every message is
// an update, and the last one has the result or the error.
var ProgressUpdate Format = progressUpdate{}

type progressUpdate struct{}

// The values of an update's status.
const (
	processing = "processing"
	completed  = "completed"
	failed     = "error"
)

// update is one message.
type update struct {
	Status   string          `json:"status"`
	Progress float64         `json:"progress"`
	Message  string          `json:"message"`
	Step     string          `json:"step"`
	Data     json.RawMessage `json:"data,omitempty"`
	JobID    string          `json:"jobId,omitempty"`
}

// Begin implements Format.
func (progressUpdate) Begin(Opening) []byte { return nil }

// Initial implements Format.
func (f progressUpdate) Initial(s *hub.Snapshot) ([][]byte, error) {
	data, err := f.Update(s)
	return [][]byte{data}, err
}

// Update implements Format.
func (progressUpdate) Update(s *hub.Snapshot) ([]byte, error) {
	j, err := jobOf(s)
	if err != nil {
		return nil, err
	}
	p := j.GetProgress()
	u := update{Status: processing, Progress: p.GetPercent(), Message: p.GetMessage(), Step: currentTitle(p), JobID: s.ID}
	switch j.GetStatus() {
	case jobsv1.JobStatus_JOB_STATUS_COMPLETED:
		u.Status, u.Progress = completed, 100
		if u.Data, err = webjson.Document(j.GetResult(), j.GetResultJson()); err != nil {
			return nil, fmt.Errorf("encode the result of %s: %w", s.ID, err)
		}
	case jobsv1.JobStatus_JOB_STATUS_FAILED, jobsv1.JobStatus_JOB_STATUS_CANCELLED:
		u.Status, u.Message = failed, j.GetError().GetMessage()
		if u.Message == "" {
			u.Message = "The job was cancelled."
		}
	}
	return json.Marshal(u)
}

// Deleted implements Format.
func (progressUpdate) Deleted(id string) []byte {
	return failure(update{Message: "The job was deleted.", JobID: id})
}

// Reauth implements Format.
func (progressUpdate) Reauth() []byte { return nil }

// End implements Format.
func (f progressUpdate) End(cause error) []byte {
	var deleted hub.DeletedError
	switch {
	case errors.As(cause, &deleted):
		return f.Deleted(deleted.ID)
	case comesBack(cause):
		return nil
	}
	return failure(update{Message: status.Convert(cause).Message()})
}

// comesBack reports whether a stream that ends for this reason ends regularly, or continues when its client reconnects.
func comesBack(cause error) bool {
	if errors.Is(cause, hub.ErrEnded) || errors.Is(cause, hub.ErrDraining) || errors.Is(cause, hub.ErrReplaced) {
		return true
	}
	s, ok := status.FromError(cause)
	return !ok || s.Code() == codes.Unavailable || s.Code() == codes.ResourceExhausted
}

func failure(u update) []byte {
	u.Status = failed
	b, err := json.Marshal(u)
	if err != nil { // can't fail: it has only text
		return nil
	}
	return b
}

// jobOf decodes the job of a snapshot.
func jobOf(s *hub.Snapshot) (*jobsv1.Job, error) {
	if s.Import {
		var i importsv1.Import
		if err := proto.Unmarshal(s.Raw, &i); err != nil {
			return nil, fmt.Errorf("decode %s at revision %d: %w", s.ID, s.Revision, err)
		}
		return i.GetJob(), nil
	}
	var j jobsv1.Job
	if err := proto.Unmarshal(s.Raw, &j); err != nil {
		return nil, fmt.Errorf("decode %s at revision %d: %w", s.ID, s.Revision, err)
	}
	return &j, nil
}

// currentTitle returns the title of the current step, or of the last one that has begun.
func currentTitle(p *jobsv1.Progress) string {
	title := p.GetCurrentStep()
	for _, step := range p.GetSteps() {
		name := step.GetTitle()
		if name == "" {
			name = step.GetName()
		}
		switch {
		case p.GetCurrentStep() != "" && step.GetName() == p.GetCurrentStep():
			return name
		case p.GetCurrentStep() != "" || step.FoldedSteps != nil:
		case step.GetState() > jobsv1.StepState_STEP_STATE_PENDING && step.GetState() != jobsv1.StepState_STEP_STATE_SKIPPED:
			title = name
		}
	}
	return title
}
