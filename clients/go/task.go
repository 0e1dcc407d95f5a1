package headway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"

	"google.golang.org/protobuf/types/known/structpb"

	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// Task is a leased job that a handler runs. It is safe for concurrent use.
//
// Progress is sent in the background, as the latest state of everything that changed. Calls that set it are cheap enough for
// every row.
type Task struct {
	job        *jobsv1.Job
	epoch      uint32
	checkpoint []byte
	output     *output

	mu      sync.Mutex
	changed chan struct{} // signals that there is something to send
	plan    []*jobsv1.StepPlan
	steps   map[string]*Step
	message string

	// The changes that have not been sent yet.
	planDirty, messageDirty bool
	dirty                   []*Step
	saved                   []byte // the latest checkpoint; nil for none
	savedDirty              bool
}

func newTask(leased *jobsv1.LeasedJob) *Task {
	t := &Task{job: leased.GetJob(), epoch: leased.GetEpoch(), checkpoint: leased.GetCheckpoint(), changed: make(chan struct{}, 1), steps: map[string]*Step{}}
	for _, s := range t.job.GetProgress().GetSteps() {
		t.plan = append(t.plan, &jobsv1.StepPlan{Name: s.GetName(), Title: s.GetTitle(), Group: s.GetGroup(),
			Weight: s.GetWeight(), Total: s.GetTotal(), Unit: s.GetUnit()})
		t.steps[s.GetName()] = &Step{task: t, name: s.GetName(), state: s.GetState(), done: s.GetDone(), total: s.GetTotal(), estimated: s.GetTotalEstimated()}
	}
	return t
}

// Job returns the job as of its lease.
func (t *Task) Job() *jobsv1.Job { return t.job }

// Epoch returns the number of the lease, which grows with every lease of the job. A target that refuses writes with a lower
// epoch than the highest it has seen is safe from workers that have lost their leases.
func (t *Task) Epoch() uint32 { return t.epoch }

// Payload decodes the job's payload like json.Unmarshal.
func (t *Task) Payload(into any) error {
	return decode(t.job.GetPayload(), t.job.GetPayloadJson(), into)
}

// StrictPayload is Payload for workers that refuse what they don't understand. A field that into does not have is an error. A
// whole number can have any form, such as 2.0 or 1e3: JSON does not distinguish them, and some languages write them so.
func (t *Task) StrictPayload(into any) error {
	var text json.RawMessage
	if err := t.Payload(&text); err != nil || len(text) == 0 {
		return err
	}
	var fields map[string]any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&fields); err != nil {
		return err
	}
	plain, err := json.Marshal(withPlainNumbers(fields))
	if err != nil {
		return err
	}
	decoder = json.NewDecoder(bytes.NewReader(plain))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

// withPlainNumbers writes whole numbers in a decoded value without a fraction or an exponent.
func withPlainNumbers(value any) any {
	switch value := value.(type) {
	case json.Number:
		return plainNumber(value)
	case map[string]any:
		for name, member := range value {
			value[name] = withPlainNumbers(member)
		}
	case []any:
		for i, element := range value {
			value[i] = withPlainNumbers(element)
		}
	}
	return value
}

// plainNumber returns a whole number without a fraction or an exponent, if a double holds it exactly.
func plainNumber(n json.Number) json.Number {
	const maxExact = 1 << 53
	f, err := n.Float64()
	if err != nil || !strings.ContainsAny(string(n), ".eE") || f != math.Trunc(f) || math.Abs(f) > maxExact || !exact(map[string]any{"": n}) {
		return n
	}
	return json.Number(strconv.FormatFloat(f, 'f', -1, 64))
}

// Answer decodes the answer to the question that the job was parked with. Without an answer, it does not change into.
func (t *Task) Answer(into any) error {
	return decode(t.job.GetAnswer(), t.job.GetAnswerJson(), into)
}

// decode decodes a document. Its text has the exact numbers, and earlier versions of the service do not send it.
func decode(document *structpb.Struct, text string, into any) error {
	if text != "" {
		return json.Unmarshal([]byte(text), into)
	}
	if document == nil {
		return nil
	}
	encoded, err := document.MarshalJSON()
	if err != nil {
		return err
	}
	return json.Unmarshal(encoded, into)
}

// LastCheckpoint returns the checkpoint of an earlier attempt. It is empty if there is none.
func (t *Task) LastCheckpoint() []byte { return t.checkpoint }

// Checkpoint saves the state that a later attempt needs to continue from here, at most 64 KiB. It reaches the service
// after Checkpoint has returned, within the progress interval.
func (t *Task) Checkpoint(data []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.saved, t.savedDirty = append([]byte{}, data...), true
	t.signal()
}

// Message sets the line that shows users the current activity. Texts above 500 characters are truncated.
func (t *Task) Message(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.message, t.messageDirty = cut(fmt.Sprintf(format, args...), 500), true
	t.signal()
}

// Output returns a writer that appends to the job's output, which users can read as it grows. A write returns when its bytes
// are on disk, so buffer small ones in a bufio.Writer. The output of earlier attempts stays.
func (t *Task) Output() *Output { return &Output{t.output} }

// StepPlan declares a step. See headway.jobs.v1.StepPlan.
type StepPlan struct {
	Name   string  // stable within the job: 1 to 100 characters without control characters
	Title  string  // display name; the default is Name
	Group  string  // steps of the same group belong together
	Weight float64 // share of the whole job, relative to the other steps; 0 means 1
	Total  float64 // total units, or 0 if they are unknown
	Unit   string  // the unit, such as "rows"
}

// Plan declares the job's steps, in their order, and replaces earlier ones. Steps that keep their name keep their
// progress.
func (t *Task) Plan(steps ...StepPlan) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.plan = t.plan[:0:0]
	for _, s := range steps {
		t.declare(s)
	}
}

// declare adds a step to the end of the plan. The lock is held.
func (t *Task) declare(p StepPlan) *Step {
	t.plan = append(t.plan, &jobsv1.StepPlan{Name: p.Name, Title: p.Title, Group: p.Group, Weight: p.Weight, Total: p.Total, Unit: p.Unit})
	s := t.steps[p.Name]
	if s == nil {
		s = &Step{task: t, name: p.Name}
		t.steps[p.Name] = s
	}
	if p.Total > 0 {
		s.total, s.estimated = max(p.Total, s.done), false
	}
	t.planDirty = true
	t.signal()
	return s
}

// Step returns the step of this name. If it was not declared, it is added to the end of the plan.
func (t *Task) Step(name string) *Step {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range t.plan {
		if p.GetName() == name {
			return t.steps[name]
		}
	}
	return t.declare(StepPlan{Name: name})
}

// signal wakes the sender. The lock is held.
func (t *Task) signal() {
	select {
	case t.changed <- struct{}{}:
	default:
	}
}

// Step is one named part of the work. It is safe for concurrent use.
type Step struct {
	task *Task
	name string

	// Under the task's lock.
	state       jobsv1.StepState
	done, total float64
	estimated   bool // the total is an estimate
	counters    map[string]float64
	message     string
	dirty       bool
	told        bool  // the handler has changed this step
	sent        parts // the optional parts that are sent with state and done
}

// parts are the parts of a step that are sent only once they have been set.
type parts struct{ total, message bool }

// change applies fn and marks the step as changed.
func (s *Step) change(fn func()) *Step {
	t := s.task
	t.mu.Lock()
	defer t.mu.Unlock()
	fn()
	s.told = true
	if s.total > 0 && s.done > s.total {
		s.total, s.sent.total = s.done, true // the estimate was too low
	}
	if !s.dirty {
		s.dirty = true
		t.dirty = append(t.dirty, s)
		t.signal()
	}
	return s
}

// Start makes the step active.
func (s *Step) Start() *Step {
	return s.change(func() { s.state = jobsv1.StepState_STEP_STATE_ACTIVE })
}

// Set sets the number of units done.
func (s *Step) Set(done float64) *Step { return s.change(func() { s.done = done }) }

// Add adds n to the units done.
func (s *Step) Add(n float64) *Step { return s.change(func() { s.done += n }) }

// Total sets the total number of units.
func (s *Step) Total(total float64) *Step {
	return s.change(func() { s.total, s.estimated, s.sent.total = total, false, true })
}

// About sets an estimate of the total number of units. Users see that it is an estimate until Total sets the exact number.
func (s *Step) About(total float64) *Step {
	return s.change(func() { s.total, s.estimated, s.sent.total = total, true, true })
}

// Counter sets a named count in addition to the main one ("inserted"), at most 16 per step.
func (s *Step) Counter(name string, value float64) *Step {
	return s.change(func() {
		if s.counters == nil {
			s.counters = map[string]float64{}
		}
		s.counters[name] = value
	})
}

// Message sets a line about this step. Texts above 200 characters are truncated.
func (s *Step) Message(format string, args ...any) *Step {
	text := cut(fmt.Sprintf(format, args...), 200)
	return s.change(func() { s.message, s.sent.message = text, true })
}

// Complete ends the step with success.
func (s *Step) Complete() *Step {
	return s.change(func() { s.state = jobsv1.StepState_STEP_STATE_COMPLETED })
}

// Skip marks the step as not needed. It counts as done.
func (s *Step) Skip() *Step {
	return s.change(func() { s.state = jobsv1.StepState_STEP_STATE_SKIPPED })
}

// Fail ends the step without success.
func (s *Step) Fail() *Step {
	return s.change(func() { s.state = jobsv1.StepState_STEP_STATE_FAILED })
}

// Reset returns the step to its initial state, for a run that starts again.
func (s *Step) Reset() *Step {
	return s.change(func() {
		s.state, s.done, s.counters = jobsv1.StepState_STEP_STATE_PENDING, 0, nil
	})
}

// news holds changes that have not been sent yet.
type news struct {
	plan       []*jobsv1.StepPlan
	progress   *jobsv1.ProgressReport
	checkpoint []byte
	steps      []*Step
	message    bool
}

// take returns the changes that were not sent yet. Pass them to unread if they could not be sent.
func (t *Task) take() news {
	t.mu.Lock()
	defer t.mu.Unlock()
	var n news
	if t.planDirty {
		n.plan, t.planDirty = t.plan, false
	}
	if t.savedDirty {
		n.checkpoint, t.savedDirty = t.saved, false
	}
	if t.messageDirty || len(t.dirty) > 0 {
		n.progress = &jobsv1.ProgressReport{Message: t.message}
		n.message, t.messageDirty = t.messageDirty, false
		n.steps, t.dirty = t.dirty, nil
		for _, s := range n.steps {
			s.dirty = false
			if t.planned(s) {
				n.progress.Steps = append(n.progress.Steps, s.report())
			}
		}
	}
	return n
}

// planned reports whether the step is still in the plan. The lock is held.
func (t *Task) planned(s *Step) bool {
	for _, p := range t.plan {
		if p.GetName() == s.name {
			return true
		}
	}
	return false
}

// report returns the current state of the step. The lock is held.
func (s *Step) report() *jobsv1.StepReport {
	r := &jobsv1.StepReport{Name: s.name, State: s.state, Done: new(s.done)}
	if s.sent.total {
		r.Total, r.TotalEstimated = new(s.total), new(s.estimated)
	}
	if s.sent.message {
		r.Message = new(s.message)
	}
	if len(s.counters) > 0 {
		r.Counters = make(map[string]float64, len(s.counters))
		for name, value := range s.counters {
			r.Counters[name] = value
		}
	}
	return r
}

// resend marks all progress as not sent. The service keeps progress in memory for a moment before it stores it, so it might
// have lost some of it in a restart.
func (t *Task) resend() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.messageDirty = t.messageDirty || t.message != ""
	for _, p := range t.plan {
		if s := t.steps[p.GetName()]; s.told && !s.dirty {
			s.dirty = true
			t.dirty = append(t.dirty, s)
		}
	}
	t.signal()
}

// unread marks changes as not sent again, after take.
func (t *Task) unread(n news) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.planDirty = t.planDirty || n.plan != nil
	t.savedDirty = t.savedDirty || n.checkpoint != nil
	t.messageDirty = t.messageDirty || n.message
	for _, s := range n.steps {
		if !s.dirty {
			s.dirty = true
			t.dirty = append(t.dirty, s)
		}
	}
	t.signal()
}
