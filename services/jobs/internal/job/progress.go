package job

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
)

// StepState is the state of a step. The numbers are those of headway.jobs.v1.StepState, and are stored.
type StepState int

// The states of a step. StepKeep in a report leaves the state unchanged.
const (
	StepKeep      StepState = 0
	StepPending   StepState = 1
	StepActive    StepState = 2
	StepCompleted StepState = 3
	StepFailed    StepState = 4
	StepSkipped   StepState = 5
)

// Ended reports whether the step has ended.
func (s StepState) Ended() bool { return s >= StepCompleted }

// Progress is the progress of a job. The steps come from the worker. Everything else is derived from them here.
type Progress struct {
	Message string `json:"message,omitempty"`
	Steps   []Step `json:"steps,omitempty"`

	// Percent is 0 to 100, weighted over the steps. It never decreases, not even across attempts.
	Percent float64 `json:"percent,omitempty"`
	// Rate is units of the current step per second. It is 0 if unknown.
	Rate float64 `json:"rate,omitempty"`
	// ETA is the estimated number of seconds until the end. It is nil if unknown.
	ETA *float64 `json:"eta,omitempty"`
	// Stalled means that the worker is alive, but there has been no progress for a while.
	Stalled bool `json:"stalled,omitempty"`

	Estimate Estimate `json:"motion,omitzero"`
}

// Step is one named part of the work.
type Step struct {
	Name        string             `json:"name"`
	Title       string             `json:"title,omitempty"`
	Group       string             `json:"group,omitempty"`
	Weight      float64            `json:"weight"`
	State       StepState          `json:"state"`
	Done        float64            `json:"done,omitempty"`
	Total       float64            `json:"total,omitempty"`     // 0 when unknown
	Estimated   bool               `json:"estimated,omitempty"` // the total is only an estimate
	Unit        string             `json:"unit,omitempty"`
	Counters    map[string]float64 `json:"counters,omitempty"`
	Message     string             `json:"message,omitempty"`
	StartedAt   time.Time          `json:"started_at,omitzero"`
	CompletedAt time.Time          `json:"completed_at,omitzero"`

	// Folded is how many steps this one stands for in a snapshot, or 0. It is never stored.
	Folded int `json:"-"`
}

// PlannedStep declares a step before it begins.
type PlannedStep struct {
	Name   string
	Title  string // defaults to the name
	Group  string
	Weight float64 // 1 if 0
	Total  float64 // 0 when unknown
	Unit   string
}

// Report is the progress that a worker sends. Numbers are totals, not differences.
type Report struct {
	Message string
	Steps   []StepReport
}

// StepReport holds the changes of a step. Nil fields don't change anything.
type StepReport struct {
	Name      string
	State     StepState
	Done      *float64
	Total     *float64
	Estimated *bool              // whether the total is only an estimate
	Counters  map[string]float64 // all counters; empty to keep them
	Message   *string
}

// Current returns the name of the first active step, or "".
func (p *Progress) Current() string {
	for i := range p.Steps {
		if p.Steps[i].State == StepActive {
			return p.Steps[i].Name
		}
	}
	return ""
}

// plan returns p with new steps. Steps that keep their name keep their progress.
func (p Progress) plan(planned []PlannedStep) (Progress, error) {
	if len(planned) > maxSteps {
		return p, &InvalidError{Field: "plan", Problem: fmt.Sprintf("has %d steps; the limit is %d", len(planned), maxSteps)}
	}
	names, index := make(map[string]struct{}, len(planned)), p.indexer(len(planned))
	steps := make([]Step, len(planned))
	for i, s := range planned {
		field := fmt.Sprintf("plan[%d]", i)
		if problem := s.problem(); problem != "" {
			return p, &InvalidError{Field: field, Problem: problem}
		}
		if _, twice := names[s.Name]; twice {
			return p, &InvalidError{Field: field + ".name", Problem: fmt.Sprintf("%.100q is declared twice", s.Name)}
		}
		names[s.Name] = struct{}{}
		step := Step{Name: s.Name, State: StepPending}
		if k := index(s.Name); k >= 0 {
			step = p.Steps[k]
		}
		step.Title, step.Group, step.Weight, step.Unit = s.Title, s.Group, s.Weight, s.Unit
		if step.Title == "" {
			step.Title = s.Name
		}
		if step.Weight == 0 {
			step.Weight = 1
		}
		if s.Total != 0 {
			step.Total, step.Estimated = max(s.Total, step.Done), false
		}
		steps[i] = step
	}
	if stepsSize(steps) > MaxProgress {
		return p, ErrSnapshotTooBig
	}
	p.Steps = steps
	return p, nil
}

func (s *PlannedStep) problem() string {
	problem := nameProblem(s.Name)
	switch {
	case problem != "":
		return problem
	case !between(s.Weight, 0, maxWeight):
		return fmt.Sprintf("needs a weight from 0 to %.0f", float64(maxWeight))
	case !between(s.Total, 0, maxNumber):
		return "needs a total of 0 or more"
	}
	for _, text := range []struct {
		what, text string
		limit      int
	}{{"title", s.Title, maxStepTitle}, {"group", s.Group, maxStepTitle}, {"unit", s.Unit, maxUnit}} {
		if _, long := truncate(text.text, text.limit); long {
			return fmt.Sprintf("has a %s of more than %d characters", text.what, text.limit)
		}
	}
	return ""
}

// report returns p after the worker's report at the time now. Parts that break a rule change nothing, and refuse is called
// with the index of the step and the error. moved reports whether anything that users see has changed.
func (p Progress) report(now time.Time, r *Report, refuse func(i int, err error)) (next Progress, moved bool) {
	next = p
	if r.Message != "" && r.Message != p.Message {
		next.Message, moved = r.Message, true
	}
	if len(r.Steps) == 0 {
		return next, moved
	}
	next.Steps = slices.Clone(p.Steps)
	size, index := stepsSize(next.Steps), next.indexer(len(r.Steps))
	for i := range r.Steps {
		sr := &r.Steps[i]
		k := index(sr.Name)
		if k < 0 {
			refuse(i, &StepUnknownError{Step: sr.Name})
			continue
		}
		step := next.Steps[k]
		changed, err := step.apply(now, sr)
		grown := size + step.size() - next.Steps[k].size()
		if err == nil && grown > MaxProgress && grown > size {
			err = ErrSnapshotTooBig
		}
		if err != nil {
			refuse(i, err)
			continue
		}
		next.Steps[k], size, moved = step, grown, moved || changed
	}
	return next, moved
}

// indexer returns a function that finds steps by name, n times.
func (p *Progress) indexer(n int) func(name string) int {
	if n < 8 || len(p.Steps) < 8 {
		return p.index
	}
	byName := make(map[string]int, len(p.Steps))
	for i := range p.Steps {
		byName[p.Steps[i].Name] = i
	}
	return func(name string) int {
		if i, found := byName[name]; found {
			return i
		}
		return -1
	}
}

// apply applies a report to the step. changed reports whether that changed anything.
func (s *Step) apply(now time.Time, r *StepReport) (changed bool, err error) {
	before := *s
	if r.Done != nil {
		s.Done = *r.Done
	}
	if r.Total != nil {
		s.Total = *r.Total
	}
	if r.Estimated != nil {
		s.Estimated = *r.Estimated
	}
	if len(r.Counters) > 0 && !maps.Equal(s.Counters, r.Counters) {
		s.Counters, changed = maps.Clone(r.Counters), true
	}
	if r.Message != nil {
		s.Message = *r.Message
	}
	problem := s.problem()
	if r.State < StepKeep || r.State > StepSkipped {
		problem = fmt.Sprintf("%d is not a state", r.State)
	}
	if problem != "" {
		return false, &ProgressInvalidError{Step: s.Name, Problem: problem}
	}
	s.enter(now, r.State)
	return changed || s.Done != before.Done || s.Total != before.Total || s.Estimated != before.Estimated || s.Message != before.Message ||
		s.State != before.State, nil
}

func (s *Step) problem() string {
	switch {
	case !between(s.Done, 0, maxNumber):
		return "done is not a number of 0 or more"
	case !between(s.Total, 0, maxNumber):
		return "total is not a number of 0 or more"
	case len(s.Counters) > maxCounters:
		return fmt.Sprintf("has %d counters, and the maximum is %d", len(s.Counters), maxCounters)
	case s.Total > 0 && s.Done > s.Total:
		return fmt.Sprintf("done (%v) is above total (%v)", s.Done, s.Total)
	}
	for name, value := range s.Counters {
		if problem := nameProblem(name); problem != "" {
			return "a counter " + problem
		}
		if !between(value, -maxNumber, maxNumber) {
			return fmt.Sprintf("counter %.100q is not a finite number", name)
		}
	}
	return ""
}

// enter changes the step's state and keeps its times.
func (s *Step) enter(now time.Time, state StepState) {
	if state == StepKeep || state == s.State {
		return
	}
	s.State = state
	switch state {
	case StepPending:
		s.StartedAt, s.CompletedAt = time.Time{}, time.Time{}
	case StepActive:
		s.CompletedAt = time.Time{}
		if s.StartedAt.IsZero() {
			s.StartedAt = now
		}
	default:
		if s.StartedAt.IsZero() && state != StepSkipped {
			s.StartedAt = now
		}
		s.CompletedAt = now
	}
}

// fraction returns the share of the work that is done in this attempt, 0 to 1, weighted over the steps.
func (p *Progress) fraction() float64 {
	var done, all float64
	for i := range p.Steps {
		s := &p.Steps[i]
		all += s.Weight
		switch {
		case s.State == StepCompleted || s.State == StepSkipped:
			done += s.Weight
		case s.Total > 0:
			done += s.Weight * s.Done / s.Total
		}
	}
	if all == 0 {
		return 0
	}
	return min(done/all, 1)
}

// raise increases the percent to the value that follows from the steps. It never decreases it.
func (p *Progress) raise() {
	p.Percent = max(p.Percent, 100*p.fraction())
}

// rest resets the values that only apply while a worker runs the job.
func (p *Progress) rest() {
	p.Rate, p.ETA, p.Stalled, p.Estimate = 0, nil, false, Estimate{}
}

// restart resets the steps for an attempt that starts over. The percent doesn't change.
func (p *Progress) restart() {
	p.rest()
	p.Message = ""
	steps := slices.Clone(p.Steps)
	for i := range steps {
		s := &steps[i]
		s.State, s.Done, s.Counters, s.Message = StepPending, 0, nil, ""
		s.StartedAt, s.CompletedAt = time.Time{}, time.Time{}
	}
	p.Steps = steps
}

// closeSteps ends the steps that are still open: active ones in the given state, and pending ones too if all is set.
func (p *Progress) closeSteps(now time.Time, state StepState, all bool) {
	steps := slices.Clone(p.Steps)
	for i := range steps {
		s := &steps[i]
		if s.State == StepActive || all && s.State == StepPending {
			s.enter(now, state)
		}
	}
	p.Steps = steps
}

func (p *Progress) index(name string) int {
	return slices.IndexFunc(p.Steps, func(s Step) bool { return s.Name == name })
}

func finite(f float64) bool { return !math.IsNaN(f) && !math.IsInf(f, 0) }

// between reports whether f is a number from low to high.
func between(f, low, high float64) bool { return f >= low && f <= high }
