package job

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Limits of texts, in characters. When a job is created, longer texts of plans and specs are refused. Texts from
// workers are truncated.
const (
	maxName           = 100
	maxStepTitle      = 100
	maxUnit           = 32
	maxMessage        = 500
	maxStepMessage    = 200
	maxFailureMessage = 1000
	maxReason         = 100
)

// Limits of numbers and counts.
const (
	maxSteps    = 1000
	maxCounters = 16
	maxWeight   = 1e6
	maxNumber   = 1e100 // far below the values at which sums and rates overflow
	maxRefusals = 20
)

// Refusal names a part of a worker's progress that was refused or truncated. The rest was accepted.
type Refusal struct {
	Field string // as the contract names it, such as "progress.steps[2]"
	Err   error
}

// TruncatedError means that a text was longer than Limit characters, and was truncated.
type TruncatedError struct{ Limit int }

func (e *TruncatedError) Error() string {
	return fmt.Sprintf("the text was truncated to %d characters", e.Limit)
}

// TakeIn accepts as much of a worker's progress as possible: a plan and a report, both of which can be nil. It
// truncates texts that are too long, and returns the truncated and refused parts. visible reports whether the snapshot
// changed. TakeIn leaves the revision to Touch.
func (j *Job) TakeIn(now time.Time, plan []PlannedStep, r *Report, stalledAfter time.Duration) (visible bool, refused []Refusal) {
	refuse := func(field string, err error) {
		if len(refused) < maxRefusals {
			refused = append(refused, Refusal{field, err})
		}
	}
	plan, r = shortened(plan, r, refuse)
	now = Instant(now)
	next, moved := j.Progress, false
	if len(plan) > 0 {
		var err error
		if next, err = next.plan(plan); err != nil {
			refuse("plan", err)
		}
		moved = err == nil
	}
	if r != nil {
		var changed bool
		next, changed = next.report(now, r, func(i int, err error) { refuse(fmt.Sprintf("progress.steps[%d]", i), err) })
		moved = moved || changed
	}
	visible = next.observe(now, moved, stalledAfter) || moved
	j.Progress = next
	return visible, refused
}

// shortened returns the plan and the report with all texts within their limits. It doesn't change them in place.
func shortened(plan []PlannedStep, r *Report, refuse func(field string, err error)) ([]PlannedStep, *Report) {
	fit := func(text *string, limit int, field string, at ...any) {
		if cut, was := truncate(*text, limit); was {
			*text = cut
			refuse(fmt.Sprintf(field, at...), &TruncatedError{limit})
		}
	}
	if len(plan) > 0 {
		plan = append([]PlannedStep(nil), plan...)
		for i := range plan {
			fit(&plan[i].Title, maxStepTitle, "plan[%d].title", i)
			fit(&plan[i].Group, maxStepTitle, "plan[%d].group", i)
			fit(&plan[i].Unit, maxUnit, "plan[%d].unit", i)
		}
	}
	if r == nil {
		return plan, nil
	}
	short := *r
	fit(&short.Message, maxMessage, "progress.message")
	short.Steps = append([]StepReport(nil), short.Steps...)
	for i := range short.Steps {
		if s := &short.Steps[i]; s.Message != nil {
			text := *s.Message
			fit(&text, maxStepMessage, "progress.steps[%d].message", i)
			s.Message = &text
		}
	}
	return plan, &short
}

// truncate returns the text with at most limit characters. A truncated text ends with an ellipsis.
func truncate(text string, limit int) (short string, was bool) {
	if len(text) <= limit || utf8.RuneCountInString(text) <= limit {
		return text, false
	}
	return firstRunes(text, limit-1) + "…", true
}

// truncateMiddle returns the text with at most limit characters. If the text is longer, its middle is replaced with a
// note. The end is kept, because the end of a stack trace names the error.
func truncateMiddle(text string, limit int) string {
	n := utf8.RuneCountInString(text)
	if n <= limit {
		return text
	}
	note := fmt.Sprintf(" … [%d characters removed] … ", n-limit)
	keep := limit - utf8.RuneCountInString(note) - 2 // the length of the note depends on the digits of this number
	head := firstRunes(text, keep/2)
	tail := text[len(firstRunes(text, n-keep/2)):]
	return head + fmt.Sprintf(" … [%d characters removed] … ", n-2*(keep/2)) + tail
}

// firstRunes returns the first n characters of the text, or all if it has fewer.
func firstRunes(text string, n int) string {
	for i := range text {
		if n == 0 {
			return text[:i]
		}
		n--
	}
	return text
}

// tidyReason returns the reason without characters that a machine-readable name can't have.
func tidyReason(reason string) string {
	reason = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsControl(r) {
			return '_'
		}
		return r
	}, strings.TrimSpace(reason))
	return firstRunes(reason, maxReason)
}

// tidy returns the failure with texts within their limits.
func (f Failure) tidy() Failure {
	f.Reason, f.Message = tidyReason(f.Reason), truncateMiddle(f.Message, maxFailureMessage)
	return f
}

// nameProblem returns the reason why a text can't be the name of a step or a counter, or "". Names can follow any
// common convention: "rowsOK", "video.transcode", "Download pages".
func nameProblem(name string) string {
	switch {
	case name == "":
		return "needs a name"
	case utf8.RuneCountInString(name) > maxName:
		return fmt.Sprintf("has a name of more than %d characters", maxName)
	case strings.TrimSpace(name) != name:
		return fmt.Sprintf("has the name %.100q, which starts or ends with a space", name)
	case strings.ContainsFunc(name, unicode.IsControl):
		return fmt.Sprintf("has the name %.100q, which contains a control character", name)
	}
	return ""
}
