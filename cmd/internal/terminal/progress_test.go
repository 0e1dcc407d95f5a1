package terminal

import (
	"strings"
	"testing"
	"unicode/utf8"

	jobsv1 "headway/gen/go/headway/jobs/v1"
)

func snapshot(status jobsv1.JobStatus, message string) *jobsv1.Job {
	return &jobsv1.Job{Status: status, Progress: &jobsv1.Progress{Message: message, Percent: 12.5, Steps: []*jobsv1.Step{
		{Name: "upload", Title: "Upload", State: jobsv1.StepState_STEP_STATE_COMPLETED, Done: 36_805_346, Total: 36_805_346, Unit: "bytes"},
		{Name: "pages", Title: "Pages", State: jobsv1.StepState_STEP_STATE_ACTIVE, Done: 3, Total: 40, Unit: "pages"},
	}}}
}

func TestLongLinesAreClippedToTheTerminal(t *testing.T) {
	var out strings.Builder
	p := &Progress{out: &out, width: func() int { return 40 }, reported: map[string]jobsv1.StepState{}}
	for range 2 {
		p.Show(snapshot(jobsv1.JobStatus_JOB_STATUS_ACTIVE, strings.Repeat("längere Nachricht ", 20)))
	}
	if up := strings.Count(out.String(), "\x1b[3A"); up != 1 {
		t.Errorf("the second snapshot does not overwrite the three lines of the first: %q", out.String())
	}
	for line := range strings.SplitSeq(out.String(), "\n") {
		_, text, _ := strings.Cut(line, "\x1b[2K")
		if n := utf8.RuneCountInString(text); n > 39 {
			t.Errorf("a line has %d columns, but the terminal only 40: %q", n, text)
		}
	}
}

func TestWideCharactersTakeTwoColumns(t *testing.T) {
	if got := clip("部門ab", 5); got != "部門a" {
		t.Errorf("got %q", got)
	}
}

func TestOutputToFileHasOneLinePerChange(t *testing.T) {
	var out strings.Builder
	p := &Progress{out: &out, reported: map[string]jobsv1.StepState{}}
	for range 3 {
		p.Show(snapshot(jobsv1.JobStatus_JOB_STATUS_ACTIVE, "Working"))
	}
	p.Show(snapshot(jobsv1.JobStatus_JOB_STATUS_COMPLETED, "Done"))
	want := "completed Upload              36.8 MB of 36.8 MB\nactive    Working\ncompleted Done\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}
