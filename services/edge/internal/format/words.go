package format

import (
	"strings"

	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/services/edge/internal/hub"
)

// The last words of a stream of step names.
const (
	completedWord = "COMPLETED"
	failedWord    = "FAILED"
)

// schemaLabel is the label with the name of the schema, on an import's job.
const schemaLabel = "schema"

// StepNames returns the format that sends one word for each step as it begins, and then COMPLETED or FAILED. words has
// the words of steps, by the schema of an import or the kind of a job, and by the name of the step. If words has the
// schema or kind, steps that are not listed have no word. Otherwise, a word is the step's name in capitals.
func StepNames(words map[string]map[string]string) Growing { return stepNames{words} }

type stepNames struct{ words map[string]map[string]string }

// Begin implements Format.
func (stepNames) Begin(Opening) []byte { return nil }

// Initial implements Format.
func (f stepNames) Initial(s *hub.Snapshot) ([][]byte, error) {
	events, err := f.Events(s)
	return WithData(events), err
}

// Update implements Format.
func (f stepNames) Update(s *hub.Snapshot) ([]byte, error) {
	events, err := f.Initial(s)
	if err != nil || len(events) == 0 {
		return nil, err
	}
	return events[len(events)-1], nil
}

// Events implements Growing.
func (f stepNames) Events(s *hub.Snapshot) ([][]byte, error) {
	j, err := jobOf(s)
	if err != nil {
		return nil, err
	}
	var words [][]byte // one per step. It is empty for a step without a word, and for one that the snapshot folds
	begun := 0
	for _, step := range j.GetProgress().GetSteps() {
		first := len(words)
		if step.FoldedSteps != nil {
			words = append(words, make([][]byte, step.GetFoldedSteps())...)
		} else {
			words = append(words, []byte(f.word(j, step.GetName())))
		}
		switch step.GetState() {
		case jobsv1.StepState_STEP_STATE_PENDING, jobsv1.StepState_STEP_STATE_UNSPECIFIED:
		case jobsv1.StepState_STEP_STATE_ACTIVE:
			begun = first + 1 // the steps are in order, so those before it have begun
			if step.FoldedSteps != nil {
				begun = first + int(step.GetDone())
			}
		default:
			begun = len(words)
		}
	}
	if j.GetStatus() == jobsv1.JobStatus_JOB_STATUS_COMPLETED {
		begun = len(words)
	}
	events := words[:begun:begun]
	switch j.GetStatus() {
	case jobsv1.JobStatus_JOB_STATUS_COMPLETED:
		events = append(events, []byte(completedWord))
	case jobsv1.JobStatus_JOB_STATUS_FAILED, jobsv1.JobStatus_JOB_STATUS_CANCELLED:
		events = append(events, []byte(failedWord))
	}
	return events, nil
}

func (f stepNames) word(j *jobsv1.Job, step string) string {
	for _, name := range []string{j.GetLabels()[schemaLabel], j.GetKind()} {
		if words, ok := f.words[name]; ok {
			return words[step]
		}
	}
	return strings.ToUpper(step)
}

// Deleted implements Format.
func (stepNames) Deleted(string) []byte { return []byte(failedWord) }

// Reauth implements Format.
func (stepNames) Reauth() []byte { return nil }

// End implements Format.
func (stepNames) End(cause error) []byte {
	if comesBack(cause) {
		return nil
	}
	return []byte(failedWord)
}
