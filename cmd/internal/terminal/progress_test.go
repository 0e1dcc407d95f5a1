package terminal

import (
	"strings"
	"testing"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

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
	p := &Progress{out: &out, width: func() int { return 40 }, reported: map[string]string{}}
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

func TestInterruptionIsShownUntilItEnds(t *testing.T) {
	gone := status.Error(codes.Unavailable, "connection refused")
	const line = "The service can't be reached. Trying again until it returns. (connection refused)"
	var out strings.Builder
	p := &Progress{out: &out, reported: map[string]string{}}
	p.Interrupted(gone)
	p.Interrupted(nil)
	if want := line + "\nThe service can be reached again.\n"; out.String() != want {
		t.Errorf("in a file: %q", out.String())
	}
	out.Reset()
	p.width = func() int { return 100 }
	p.Interrupted(gone) // before the first snapshot
	if want := "\x1b[2K" + line + "\n"; out.String() != want {
		t.Errorf("before the first snapshot: %q", out.String())
	}
	p.Interrupted(nil)
	p.Show(snapshot(jobsv1.JobStatus_JOB_STATUS_ACTIVE, "Working"))
	p.Interrupted(gone)
	out.Reset()
	p.Interrupted(nil)
	if !strings.HasPrefix(out.String(), "\x1b[4A") || !strings.HasSuffix(out.String(), "\x1b[J") || strings.Contains(out.String(), "reached") {
		t.Errorf("after the interruption: %q", out.String())
	}
}

func TestOutputToFileHasOneLinePerChange(t *testing.T) {
	var out strings.Builder
	p := &Progress{out: &out, reported: map[string]string{}}
	for range 3 {
		p.Show(snapshot(jobsv1.JobStatus_JOB_STATUS_ACTIVE, "Working"))
	}
	p.Show(snapshot(jobsv1.JobStatus_JOB_STATUS_COMPLETED, "Done"))
	want := "completed Upload              36.8 MB of 36.8 MB\nactive    Working\ncompleted Done\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestStepsThatAreDoneAgainAreShownAgain(t *testing.T) {
	step := func(status jobsv1.JobStatus, state jobsv1.StepState, rejected float64) *jobsv1.Job {
		return &jobsv1.Job{Status: status, Progress: &jobsv1.Progress{Steps: []*jobsv1.Step{
			{Name: "rows", Title: "Rows", State: state, Counters: map[string]float64{"read": 2, "inserted": 2 - rejected, "rejected": rejected}}}}}
	}
	const active, completed = jobsv1.JobStatus_JOB_STATUS_ACTIVE, jobsv1.JobStatus_JOB_STATUS_COMPLETED
	const ended, again = jobsv1.StepState_STEP_STATE_COMPLETED, jobsv1.StepState_STEP_STATE_ACTIVE
	first, second := "completed Rows                2 rows  2 inserted\n", "completed Rows                2 rows  1 inserted  1 rejected\n"
	for name, c := range map[string]struct {
		snapshots []*jobsv1.Job
		want      string
	}{
		"seen":   {[]*jobsv1.Job{step(active, ended, 0), step(active, again, 0), step(active, ended, 1)}, first + "active    \n" + second},
		"unseen": {[]*jobsv1.Job{step(active, ended, 0), step(completed, ended, 1)}, first + "active    \n" + second + "completed \n"},
	} {
		var out strings.Builder
		p := &Progress{out: &out, reported: map[string]string{}}
		for _, job := range c.snapshots {
			p.Show(job)
		}
		if out.String() != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, out.String(), c.want)
		}
	}
}
