package job

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Limits of a job, in bytes as JSON.
const (
	MaxDocument = 8 << 10  // payload, result, question, and answer, each
	MaxSnapshot = 16 << 10 // the whole snapshot, with steps folded

	MaxCheckpoint = 64 << 10 // in bytes
)

// documentTooLarge is the problem with a document of more than MaxDocument bytes.
var documentTooLarge = fmt.Sprintf("is larger than %d KiB as JSON", MaxDocument>>10)

const (
	defaultMaxAttempts = 3
	defaultBackoff     = time.Second
	defaultMaxBackoff  = 5 * time.Minute
)

// Spec describes a job to create.
type Spec struct {
	ID          string // a UUID; if empty, a new one is created
	Kind        string
	Owner       string
	Title       string
	Payload     json.RawMessage
	Steps       []PlannedStep
	RequestID   string // unique per owner; can be empty
	Priority    int32
	Labels      map[string]string
	Limit       Limit
	MaxAttempts uint32        // 3 if 0
	Backoff     time.Duration // 1 s if 0
	MaxBackoff  time.Duration // 5 min if 0
	NotBefore   time.Time
	Deadline    time.Time
}

// New returns the job that the spec describes, queued at the time now.
func New(spec Spec, now time.Time) (Job, error) {
	now = Instant(now)
	j := Job{
		Kind: spec.Kind, Owner: spec.Owner, Title: spec.Title, Payload: spec.Payload,
		Priority: spec.Priority, Labels: spec.Labels, Limit: spec.Limit,
		Status: Queued, Revision: 1,
		MaxAttempts: spec.MaxAttempts, Backoff: spec.Backoff, MaxBackoff: spec.MaxBackoff,
		CreatedAt: now, UpdatedAt: now, NotBefore: Instant(spec.NotBefore), Deadline: Instant(spec.Deadline),
	}
	switch {
	case spec.Kind == "":
		return Job{}, &InvalidError{"kind", "is required"}
	case spec.Limit.problem() != "":
		return Job{}, &InvalidError{"limit", spec.Limit.problem()}
	case spec.Owner == "":
		return Job{}, &InvalidError{"owner", "is required"}
	case spec.fieldWithNUL() != "":
		return Job{}, &InvalidError{spec.fieldWithNUL(), "contains the character NUL. Remove it"}
	case len(spec.Payload) > MaxDocument:
		return Job{}, &InvalidError{"payload", documentTooLarge}
	case !j.Deadline.IsZero() && !j.Deadline.After(now):
		return Job{}, &InvalidError{"deadline", "has already passed"}
	}
	id, err := parseOrMakeID(spec.ID)
	if err != nil {
		return Job{}, err
	}
	j.ID = id
	if j.MaxAttempts == 0 {
		j.MaxAttempts = defaultMaxAttempts
	}
	if j.Backoff == 0 {
		j.Backoff = defaultBackoff
	}
	if j.MaxBackoff == 0 {
		j.MaxBackoff = defaultMaxBackoff
	}
	if !j.NotBefore.After(now) {
		j.NotBefore = time.Time{}
	}
	if j.Ready() {
		j.ReadyAt = now
	}
	if len(spec.Steps) > 0 {
		if j.Progress, err = j.Progress.plan(spec.Steps); err != nil {
			if invalid := (*InvalidError)(nil); errors.As(err, &invalid) {
				invalid.Field = "steps" + invalid.Field[len("plan"):]
			}
			return Job{}, err
		}
	}
	if j.restSize()+min(stepsSize(j.Progress.Steps), minShown) > MaxSnapshot {
		return Job{}, ErrSnapshotTooBig
	}
	return j, nil
}

// fieldWithNUL returns the field whose text contains the character NUL, which some databases can't store, or "".
func (s *Spec) fieldWithNUL() string {
	for _, f := range []struct{ name, text string }{{"kind", s.Kind}, {"owner", s.Owner}, {"title", s.Title}, {"request_id", s.RequestID}, {"limit", s.Limit.Key}} {
		if strings.Contains(f.text, "\x00") {
			return f.name
		}
	}
	for name, value := range s.Labels {
		if strings.Contains(name+value, "\x00") {
			return "labels"
		}
	}
	return ""
}

func parseOrMakeID(id string) (string, error) {
	if id == "" {
		fresh, err := uuid.NewV7()
		return fresh.String(), err
	}
	parsed, err := uuid.Parse(id)
	if err != nil {
		return "", &InvalidError{"job_id", "is not a UUID"}
	}
	return parsed.String(), nil
}

// Instant returns t in the form of the stores: in UTC, with microseconds.
func Instant(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}

// restSize returns the size of the job's snapshot without its steps as JSON, within a few percent.
func (j *Job) restSize() int {
	size := 600 + len(j.Kind) + len(j.Owner) + len(j.Title) + len(j.Lease.Worker) +
		len(j.Payload) + len(j.Result) + len(j.Question) + len(j.Answer) + len(j.Progress.Message)
	if j.Error != nil {
		size += len(j.Error.Reason) + len(j.Error.Message)
	}
	for name, value := range j.Labels {
		size += len(name) + len(value) + 6
	}
	return size
}
