// Package terminal shows a job's progress on a terminal, or as plain lines elsewhere.
package terminal

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"headway/clients/go"
	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// Progress shows a job's snapshots: on a terminal as lines that each snapshot redraws, elsewhere as one line for each
// step that ends and each change of status.
type Progress struct {
	out      io.Writer
	terminal bool

	drawn  int // lines on the screen that the next snapshot is drawn over
	status jobsv1.JobStatus
	told   map[string]jobsv1.StepState
}

func NewProgress(out *os.File) *Progress {
	return &Progress{out: out, terminal: IsTerminal(out), told: map[string]jobsv1.StepState{}}
}

// IsTerminal reports whether f is a terminal.
func IsTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// Show draws the snapshot.
func (v *Progress) Show(job *jobsv1.Job) {
	if v.terminal {
		v.redraw(job)
		return
	}
	for _, step := range job.GetProgress().GetSteps() {
		if state := step.GetState(); state != v.told[step.GetName()] && ended(state) {
			v.told[step.GetName()] = state
			fmt.Fprintf(v.out, "%-9s %s\n", headway.Word(state), stepLine(step))
		}
	}
	if status := job.GetStatus(); status != v.status {
		v.status = status
		fmt.Fprintf(v.out, "%-9s %s\n", headway.Word(status), summary(job))
	}
}

func (v *Progress) redraw(job *jobsv1.Job) {
	var b strings.Builder
	if v.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", v.drawn)
	}
	lines := []string{fmt.Sprintf("%s %5.1f %%  %s", bar(job.GetProgress().GetPercent()/100, 30), job.GetProgress().GetPercent(), summary(job))}
	for _, step := range job.GetProgress().GetSteps() {
		lines = append(lines, fmt.Sprintf("  %s %s", mark(step.GetState()), stepLine(step)))
	}
	for _, line := range lines {
		b.WriteString("\x1b[2K" + line + "\n")
	}
	v.drawn = len(lines)
	fmt.Fprint(v.out, b.String())
}

func bar(fraction float64, width int) string {
	full := min(max(int(fraction*float64(width)), 0), width)
	return strings.Repeat("█", full) + strings.Repeat("░", width-full)
}

func mark(state jobsv1.StepState) string {
	switch state {
	case jobsv1.StepState_STEP_STATE_ACTIVE:
		return "▸"
	case jobsv1.StepState_STEP_STATE_COMPLETED:
		return "✓"
	case jobsv1.StepState_STEP_STATE_FAILED:
		return "✗"
	case jobsv1.StepState_STEP_STATE_SKIPPED:
		return "–"
	default:
		return "·"
	}
}

func ended(state jobsv1.StepState) bool {
	return state >= jobsv1.StepState_STEP_STATE_COMPLETED
}

// summary is one line on the whole job.
func summary(job *jobsv1.Job) string {
	p := job.GetProgress()
	var parts []string
	switch {
	case job.GetError() != nil && job.GetStatus() != jobsv1.JobStatus_JOB_STATUS_COMPLETED:
		parts = append(parts, fmt.Sprintf("%s: %s", job.GetError().GetReason(), job.GetError().GetMessage()))
	case job.GetStatus() == jobsv1.JobStatus_JOB_STATUS_QUEUED:
		parts = append(parts, fmt.Sprintf("queued, %d before it", job.GetQueuePosition()))
	default:
		parts = append(parts, p.GetMessage())
	}
	if job.GetStatus() == jobsv1.JobStatus_JOB_STATUS_ACTIVE {
		if p.EtaSeconds != nil {
			parts = append(parts, fmt.Sprintf("%s left", time.Duration(p.GetEtaSeconds()*float64(time.Second)).Round(time.Second)))
		}
		if p.GetStalled() {
			parts = append(parts, "stalled")
		}
		if job.GetCancelRequested() {
			parts = append(parts, "cancelling")
		}
	}
	return strings.Join(parts, ", ")
}

// counterOrder is how an import's numbers are read; a job's other counters are left to its page.
var counterOrder = []string{"inserted", "updated", "unchanged", "rejected", "blocked", "skipped", "issues", "warnings"}

func stepLine(step *jobsv1.Step) string {
	title := step.GetTitle()
	if title == "" {
		title = step.GetName()
	}
	parts := []string{fmt.Sprintf("%-18s", title)}
	if read, ok := step.GetCounters()["read"]; ok {
		parts = append(parts, fmt.Sprintf("%.0f rows", read))
		for _, name := range counterOrder {
			if n := step.GetCounters()[name]; n > 0 {
				parts = append(parts, fmt.Sprintf("%.0f %s", n, name))
			}
		}
	} else if step.GetTotal() > 0 {
		parts = append(parts, fmt.Sprintf("%.0f of %.0f %s", step.GetDone(), step.GetTotal(), step.GetUnit()))
	}
	if step.GetMessage() != "" {
		parts = append(parts, step.GetMessage())
	}
	return strings.Join(parts, "  ")
}
