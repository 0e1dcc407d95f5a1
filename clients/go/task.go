package headway

import (
	"encoding/json"
	"fmt"
	"sync"

	"google.golang.org/protobuf/types/known/structpb"

	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// Task is a leased job that a handler runs. Safe for concurrent use.
//
// Progress is sent in the background, as the latest state of everything that changed. Setting it is cheap enough to do for
// every row.
type Task struct {
	job        *jobsv1.Job
	epoch      uint32
	checkpoint []byte
	output     *output

	mu      sync.Mutex
	changed chan struct{} // there is something to send
	plan    []*jobsv1.StepPlan
	steps   map[string]*Step
	message string

	// What has not been sent yet.
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

// Job is the job as of its lease.
func (t *Task) Job() *jobsv1.Job { return t.job }

// Epoch returns the number of the lease, which grows with every lease of the job. A target that refuses writes with a lower
// epoch than the highest it has seen is safe from workers that have lost their leases.
func (t *Task) Epoch() uint32 { return t.epoch }

// Payload decodes the job's payload like json.Unmarshal.
func (t *Task) Payload(into any) error { return decode(t.job.GetPayload(), into) }

// Answer decodes the answer to the question that the job was parked with; it leaves into alone if there is none.
func (t *Task) Answer(into any) error { return decode(t.job.GetAnswer(), into) }

func decode(document *structpb.Struct, into any) error {
	if document == nil {
		return nil
	}
	text, err := document.MarshalJSON()
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

// LastCheckpoint returns the checkpoint of an earlier attempt. It is empty if there is none.
func (t *Task) LastCheckpoint() []byte { return t.checkpoint }

// Checkpoint saves the state that a later attempt needs to continue from here, at most 64 KiB. It reaches the service
// within the progress interval, after Checkpoint has returned.
func (t *Task) Checkpoint(data []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.saved, t.savedDirty = append([]byte{}, data...), true
	t.signal()
}

// Message describes in one line what happens now, for users. At most 500 characters are kept.
func (t *Task) Message(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.message, t.messageDirty = cut(fmt.Sprintf(format, args...), 500), true
	t.signal()
}

// Output appends to the job's output, which watchers read while it grows. A write returns when its bytes are on disk;
// collect small ones in a bufio.Writer. What earlier attempts wrote stays in front.
func (t *Task) Output() *Output { return &Output{t.output} }

// StepPlan declares a step; see the fields of headway.jobs.v1.StepPlan.
type StepPlan struct {
	Name   string  // stable within the job: lower case letters, digits, - and _
	Title  string  // what people read; the name if empty
	Group  string  // steps of the same group belong together
	Weight float64 // share of the whole, relative to the other steps; 1 if 0
	Total  float64 // units in all; 0 when unknown
	Unit   string  // what is counted ("rows")
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

// declare adds a step at the end of the plan. The lock is held.
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

// Step is the step of this name. One that was not declared is added at the end of the plan.
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

// Step is one named part of the work. Safe for concurrent use.
type Step struct {
	task *Task
	name string

	// Under the task's lock.
	state       jobsv1.StepState
	done, total float64
	estimated   bool // the total is
	counters    map[string]float64
	message     string
	dirty       bool
	told        bool  // the handler has said something of this step
	sent        parts // what the service has been told apart from state and done
}

// parts are the parts of a step that are sent only once they have been set.
type parts struct{ total, message bool }

// change applies fn and notes that the step has news.
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

// Set says how many units are done.
func (s *Step) Set(done float64) *Step { return s.change(func() { s.done = done }) }

// Add says that n more units are done.
func (s *Step) Add(n float64) *Step { return s.change(func() { s.done += n }) }

// Total says how many units there are in all.
func (s *Step) Total(total float64) *Step {
	return s.change(func() { s.total, s.estimated, s.sent.total = total, false, true })
}

// About says how many units there may be in all; people see that it is an estimate, until Total says it exactly.
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

// Message says one line on this step, at most 200 characters.
func (s *Step) Message(format string, args ...any) *Step {
	text := cut(fmt.Sprintf(format, args...), 200)
	return s.change(func() { s.message, s.sent.message = text, true })
}

// Complete ends the step with success.
func (s *Step) Complete() *Step {
	return s.change(func() { s.state = jobsv1.StepState_STEP_STATE_COMPLETED })
}

// Skip says that the step is not needed in this run; it counts as done.
func (s *Step) Skip() *Step {
	return s.change(func() { s.state = jobsv1.StepState_STEP_STATE_SKIPPED })
}

// Fail ends the step without success.
func (s *Step) Fail() *Step {
	return s.change(func() { s.state = jobsv1.StepState_STEP_STATE_FAILED })
}

// Reset sets the step back to its beginning, for a run that starts over.
func (s *Step) Reset() *Step {
	return s.change(func() {
		s.state, s.done, s.counters = jobsv1.StepState_STEP_STATE_PENDING, 0, nil
	})
}

// news is what has not been sent yet.
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

// report is the step as it is now. The lock is held.
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

// tellAgain notes all that the handler has said of its progress as not sent: the service keeps progress in memory for
// a moment before it writes it down, so one that ended since may have forgotten what it had been told.
func (t *Task) tellAgain() {
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

// giveBack notes again what was taken and not sent.
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
