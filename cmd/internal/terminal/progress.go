// Package terminal shows a job's progress on a terminal, or as plain lines elsewhere.
package terminal

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
	"golang.org/x/text/width"
	"google.golang.org/grpc/status"

	"headway/clients/go"
	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// Progress shows a job's snapshots: on a terminal as lines that each snapshot redraws, and elsewhere as one line for
// each completed step and each change of status.
type Progress struct {
	out io.Writer
	// width returns the width of the terminal in columns. It is nil if out is not a terminal.
	width func() int

	drawn    int // lines on the screen that the next snapshot overwrites
	last     *jobsv1.Job
	offline  string // why the service can't be reached, or ""
	status   jobsv1.JobStatus
	reported map[string]string // the lines of ended steps, by their names
}

// NewProgress returns a Progress that writes to out.
func NewProgress(out *os.File) *Progress {
	p := &Progress{out: out, reported: map[string]string{}}
	if IsTerminal(out) {
		p.width = func() int {
			if width, _, err := term.GetSize(int(out.Fd())); err == nil && width > 0 {
				return width
			}
			return defaultWidth
		}
	}
	return p
}

// defaultWidth is the width of a terminal that does not report its size, in columns.
const defaultWidth = 80

// IsTerminal reports whether f is a terminal.
func IsTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// Interrupted shows that the service can't be reached, and why, or with nil that it can be reached again.
func (v *Progress) Interrupted(err error) {
	v.offline = ""
	if err != nil {
		v.offline = "The service can't be reached. Trying again until it returns. (" + status.Convert(err).Message() + ")"
	}
	switch {
	case v.width != nil:
		v.redraw(v.last)
	case err != nil:
		fmt.Fprintln(v.out, v.offline)
	default:
		fmt.Fprintln(v.out, "The service can be reached again.")
	}
}

// Show shows a snapshot.
func (v *Progress) Show(job *jobsv1.Job) {
	v.last = job
	if v.width != nil {
		v.redraw(job)
		return
	}
	for _, step := range job.GetProgress().GetSteps() {
		if !ended(step.GetState()) {
			delete(v.reported, step.GetName()) // a job can do a step again
			continue
		}
		line := fmt.Sprintf("%-9s %s\n", headway.Word(step.GetState()), stepLine(step))
		// A snapshot can be missing in which the step began again. Then the line has changed when the job ends or waits.
		if before, shown := v.reported[step.GetName()]; !shown || line != before && job.GetStatus() != v.status {
			v.reported[step.GetName()] = line
			fmt.Fprint(v.out, line)
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
	var lines []string
	if job != nil {
		lines = append(lines, fmt.Sprintf("%s %5.1f %%  %s", bar(job.GetProgress().GetPercent()/100, 30), job.GetProgress().GetPercent(), summary(job)))
	}
	for _, step := range job.GetProgress().GetSteps() {
		lines = append(lines, fmt.Sprintf("  %s %s", mark(step.GetState()), stepLine(step)))
	}
	if v.offline != "" {
		lines = append(lines, v.offline)
	}
	gone := max(v.drawn-len(lines), 0) // lines to delete
	columns := v.width() - 1
	for _, line := range lines {
		// A line that wraps would take two, and the next snapshot would start in the wrong place.
		b.WriteString("\x1b[2K" + clip(line, columns) + "\n")
	}
	if gone > 0 {
		b.WriteString("\x1b[J") // to the end of the screen
	}
	v.drawn = len(lines)
	fmt.Fprint(v.out, b.String())
}

// clip shortens a line to a number of columns. Every character that Headway prints here is one column wide, except for
// East Asian ones in titles, which count as two.
func clip(line string, columns int) string {
	used := 0
	for i, r := range line {
		w := 1
		if k := width.LookupRune(r).Kind(); k == width.EastAsianWide || k == width.EastAsianFullwidth {
			w = 2
		}
		if used+w > columns {
			return line[:i]
		}
		used += w
	}
	return line
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

// summary describes the whole job in one line.
func summary(job *jobsv1.Job) string {
	p := job.GetProgress()
	var parts []string
	switch {
	case job.GetError() != nil && job.GetStatus() != jobsv1.JobStatus_JOB_STATUS_COMPLETED:
		parts = append(parts, fmt.Sprintf("%s: %s", job.GetError().GetReason(), job.GetError().GetMessage()))
	case job.GetStatus() == jobsv1.JobStatus_JOB_STATUS_QUEUED:
		parts = append(parts, fmt.Sprintf("in the queue, %d ahead", job.GetQueuePosition()))
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

// counterOrder lists the counters of an import in the order in which they are printed. Other counters are not printed.
var counterOrder = []string{"inserted", "updated", "unchanged", "rejected", "blocked", "skipped", "issues", "warnings"}

func stepLine(step *jobsv1.Step) string {
	title := step.GetTitle()
	if title == "" {
		title = step.GetName()
	}
	parts := []string{fmt.Sprintf("%-18s", title)}
	if read, ok := step.GetCounters()["read"]; ok {
		parts = append(parts, count(read, "rows"))
		for _, name := range counterOrder {
			if n := step.GetCounters()[name]; n > 0 {
				parts = append(parts, count(n, name))
			}
		}
	} else if step.GetTotal() > 0 {
		parts = append(parts, amount(step))
	}
	if step.GetMessage() != "" {
		parts = append(parts, step.GetMessage())
	}
	return strings.Join(parts, "  ")
}

// count writes a number with its noun, which is given in the plural.
func count(n float64, noun string) string {
	if n == 1 {
		noun = strings.TrimSuffix(noun, "s")
	}
	return fmt.Sprintf("%.0f %s", n, noun)
}

// amount describes the progress of a step, such as "12 of 40 pages" or "36.8 MB of 41.0 MB".
func amount(step *jobsv1.Step) string {
	if step.GetUnit() == "bytes" {
		return bytesText(step.GetDone()) + " of " + bytesText(step.GetTotal())
	}
	return fmt.Sprintf("%.0f of %.0f %s", step.GetDone(), step.GetTotal(), step.GetUnit())
}

// bytesText writes a number of bytes with a unit (SI, powers of 1000).
func bytesText(n float64) string {
	units := []string{"bytes", "kB", "MB", "GB", "TB"}
	unit := 0
	for n >= 1000 && unit < len(units)-1 {
		n, unit = n/1000, unit+1
	}
	if unit == 0 {
		return fmt.Sprintf("%.0f bytes", n)
	}
	return fmt.Sprintf("%.1f %s", n, units[unit])
}
