package headway

import (
	"cmp"
	"context"
	"errors"
	"math"
	"strings"
	"unicode"
)

// The values of Update.Status.
const (
	Processing = "processing"
	Completed  = "completed"
	Failed     = "error"
)

// Update is one message of a service layer that reports progress over a channel, in the JSON that gateways stream.
type Update struct {
	Status   string  `json:"status"`
	Progress float64 `json:"progress"` // of the whole job, 0 to 100
	Message  string  `json:"message"`
	Step     string  `json:"step"`           // the title of the current step
	Data     any     `json:"data,omitempty"` // the result, at the end
}

// ErrUpdatesEnded is the error of a handler whose channel was closed before an update with the status Completed or Failed.
var ErrUpdatesEnded = errors.New("the updates ended before the job")

// Updates returns a Handler that forwards the updates of a channel: steps and messages as progress, the data of the
// last update as the job's result, and the message of a failed one as a permanent failure. It receives until the
// channel is closed, even after it has returned, so that its sender is never blocked.
func Updates(updates <-chan Update) Handler {
	return func(ctx context.Context, task *Task) (any, error) {
		defer func() {
			go func() {
				for range updates {
				}
			}()
		}()
		var p updatedSteps
		for {
			select {
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			case u, ok := <-updates:
				if !ok {
					return nil, ErrUpdatesEnded
				}
				p.show(task, u)
				switch u.Status {
				case Completed:
					return object(u.Data), nil
				case Failed:
					p.fail(task)
					return nil, FailPermanently("", cmp.Or(u.Message, "The work failed without a reason."), object(u.Data))
				}
			}
		}
	}
}

// object returns a value whose JSON is an object.
func object(v any) any {
	if _, _, err := document(v); err != nil {
		return map[string]any{"data": v}
	}
	return v
}

// maxUpdatedSteps limits the steps that updates declare. Titles of additional steps are shown in the message.
const maxUpdatedSteps = 100

// leastWeight is the weight of a step without progress. A weight of 0 would mean 1.
const leastWeight = 0.001

// updatedSteps are the steps that updates have named so far. Updates have the progress of the whole job, so a step gets
// the share that passed during the step, and the current step gets the rest.
type updatedSteps struct {
	plan []StepPlan
	// begun is the progress of the whole when the current step began, and now is the latest.
	begun, now float64
}

// show applies an update to the task.
func (p *updatedSteps) show(task *Task, u Update) {
	title, message := stepTitle(u.Step), u.Message
	switch {
	case len(p.plan) == 0:
		if title == "" {
			title = "Processing"
		}
		p.enter(task, title)
	case title == "" || title == p.current():
	case len(p.plan) < maxUpdatedSteps && !p.knows(title):
		p.enter(task, title)
	case message == "":
		message = title
	default:
		message = title + ": " + message
	}
	if u.Progress > p.now { // false for NaN
		p.now = min(u.Progress, 100)
	}
	done := 100.0
	if left := 100 - p.begun; left > 0 && u.Status != Completed {
		done = math.Round(10_000*(p.now-p.begun)/left) / 100
	}
	step := task.Step(p.current()).Set(done)
	if u.Status == Completed {
		step.Complete()
	}
	if message != "" {
		task.Message("%s", message)
	}
}

// enter ends the current step and begins another one.
func (p *updatedSteps) enter(task *Task, title string) {
	last := len(p.plan) - 1
	if last >= 0 {
		p.plan[last].Weight = max(p.now-p.begun, leastWeight)
	}
	p.begun = p.now
	p.plan = append(p.plan, StepPlan{Name: title, Title: title, Weight: max(100-p.now, leastWeight), Total: 100})
	task.Plan(p.plan...) // first: with its old weight, the last step would count too much once it is complete
	if last >= 0 {
		task.Step(p.plan[last].Name).Set(100).Complete()
	}
	task.Step(title).Start()
}

func (p *updatedSteps) fail(task *Task) { task.Step(p.current()).Fail() }

func (p *updatedSteps) current() string { return p.plan[len(p.plan)-1].Name }

func (p *updatedSteps) knows(title string) bool {
	for _, s := range p.plan {
		if s.Name == title {
			return true
		}
	}
	return false
}

// stepTitle returns a title as the name of a step: one line of at most 100 characters.
func stepTitle(title string) string {
	clean := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, title)
	return cut(strings.TrimSpace(clean), 100)
}
