package job

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

var start = time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)

// leased returns an active job with planned steps.
func leased(t *testing.T, plan ...PlannedStep) *Job {
	t.Helper()
	j, err := New(Spec{Kind: "crawl", Owner: "alice", Steps: plan}, start)
	if err != nil {
		t.Fatal(err)
	}
	j.Grant(start, "token", "worker", 10*time.Second, false)
	return &j
}

// report reports one step at a time after the start.
func report(t *testing.T, j *Job, after time.Duration, steps ...StepReport) bool {
	t.Helper()
	visible, refused := j.TakeIn(start.Add(after), nil, &Report{Steps: steps}, 30*time.Second)
	if len(refused) > 0 {
		t.Fatal(refused)
	}
	return visible
}

func near(a, b, tolerance float64) bool { return math.Abs(a-b) <= tolerance }

func TestPercentIsWeightedOverTheSteps(t *testing.T) {
	j := leased(t, PlannedStep{Name: "a", Weight: 3, Total: 10}, PlannedStep{Name: "b", Weight: 1}, PlannedStep{Name: "c"})
	for _, c := range []struct {
		report StepReport
		want   float64
	}{
		{StepReport{Name: "a", State: StepActive, Done: new(5.0)}, 30},
		{StepReport{Name: "a", State: StepCompleted}, 60},
		{StepReport{Name: "b", State: StepActive, Done: new(7.0)}, 60}, // without a total, the progress is unknown until it is done
		{StepReport{Name: "b", State: StepSkipped}, 80},
		{StepReport{Name: "c", State: StepFailed, Done: new(1.0), Total: new(2.0)}, 90},
	} {
		report(t, j, time.Second, c.report)
		if !near(j.Progress.Percent, c.want, 1e-9) {
			t.Errorf("after %+v the percent is %v, want %v", c.report, j.Progress.Percent, c.want)
		}
	}
}

func TestPercentNeverDecreases(t *testing.T) {
	j := leased(t, PlannedStep{Name: "a", Total: 10})
	report(t, j, time.Second, StepReport{Name: "a", State: StepActive, Done: new(8.0)})
	if _, refused := j.TakeIn(start, []PlannedStep{{Name: "a"}, {Name: "b"}, {Name: "c"}}, nil, time.Minute); len(refused) > 0 {
		t.Fatal(refused)
	}
	report(t, j, time.Second, StepReport{Name: "a", Done: new(1.0)})
	if j.Progress.Percent != 80 {
		t.Errorf("after a larger plan the percent is %v", j.Progress.Percent)
	}
	if err := j.Fail(start, j.Lease.Token, Failing{}, 0); err != nil {
		t.Fatal(err)
	}
	j.Elapse(start.Add(time.Hour))
	j.Grant(start, "other", "worker", time.Second, false)
	if j.Progress.Percent != 80 || j.Progress.Steps[0].Done != 0 || j.Progress.Steps[0].State != StepPending {
		t.Errorf("the next attempt begins with %v %% and %+v", j.Progress.Percent, j.Progress.Steps[0])
	}
}

func TestAttemptWithCheckpointKeepsProgress(t *testing.T) {
	j := leased(t, PlannedStep{Name: "a", Total: 10})
	report(t, j, time.Second, StepReport{Name: "a", State: StepActive, Done: new(8.0)})
	if err := j.Release(start, j.Lease.Token, []byte("8")); err != nil {
		t.Fatal(err)
	}
	j.Grant(start, "other", "worker", time.Second, false)
	if j.Progress.Steps[0].Done != 8 {
		t.Errorf("the step has %v done, want 8", j.Progress.Steps[0].Done)
	}
}

func TestStepsWithSameNameKeepProgress(t *testing.T) {
	j := leased(t, PlannedStep{Name: "a", Total: 10}, PlannedStep{Name: "b"})
	report(t, j, time.Second, StepReport{Name: "a", State: StepActive, Done: new(4.0), Counters: map[string]float64{"x": 1}})
	if _, refused := j.TakeIn(start, []PlannedStep{{Name: "c"}, {Name: "a", Title: "A", Total: 20}}, nil, time.Minute); len(refused) > 0 {
		t.Fatal(refused)
	}
	a := j.Progress.Steps[1]
	if len(j.Progress.Steps) != 2 || a.Done != 4 || a.Total != 20 || a.Title != "A" || a.State != StepActive || a.Counters["x"] != 1 {
		t.Errorf("the steps are %+v", j.Progress.Steps)
	}
}

func TestTotalIsEstimatedUntilReportedExactly(t *testing.T) {
	j := leased(t, PlannedStep{Name: "a", Total: 10})
	estimated := func(want bool, after string) {
		t.Helper()
		if j.Progress.Steps[0].Estimated != want {
			t.Errorf("after %s the steps are %+v", after, j.Progress.Steps)
		}
	}
	report(t, j, time.Second, StepReport{Name: "a", Total: new(12.0), Estimated: new(true)})
	estimated(true, "an estimate")
	report(t, j, time.Second, StepReport{Name: "a", Done: new(3.0)})
	estimated(true, "a report that does not speak of the total")
	report(t, j, time.Second, StepReport{Name: "a", Total: new(12.0), Estimated: new(false)})
	estimated(false, "the same total said exactly")
	report(t, j, time.Second, StepReport{Name: "a", Estimated: new(true)})
	if _, refused := j.TakeIn(start, []PlannedStep{{Name: "a", Total: 20}}, nil, time.Minute); len(refused) > 0 {
		t.Fatal(refused)
	}
	estimated(false, "a plan that tells the total")
}

func TestImpossibleReportsAreRefusedAndChangeNothing(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	var large []PlannedStep
	for i := range 1000 {
		large = append(large, PlannedStep{Name: fmt.Sprint(i), Title: strings.Repeat("é", 100)})
	}
	var unknown *StepUnknownError
	var invalid *ProgressInvalidError
	var field *InvalidError
	for _, c := range []struct {
		name   string
		plan   []PlannedStep
		report []StepReport
		as     any
		is     error
	}{
		{"a step that does not exist", nil, []StepReport{{Name: "z"}}, &unknown, nil},
		{"done above total", nil, []StepReport{{Name: "a", Done: new(11.0)}}, &invalid, nil},
		{"a total below done", nil, []StepReport{{Name: "a", Done: new(9.0), Total: new(8.0)}}, &invalid, nil},
		{"done is not a number", nil, []StepReport{{Name: "a", Done: &nan}}, &invalid, nil},
		{"an infinite total", nil, []StepReport{{Name: "a", Total: &inf}}, &invalid, nil},
		{"a negative number", nil, []StepReport{{Name: "a", Done: new(-1.0)}}, &invalid, nil},
		{"a counter that is not a number", nil, []StepReport{{Name: "a", Counters: map[string]float64{"x": nan}}}, &invalid, nil},
		{"a bad step before another", nil, []StepReport{{Name: "a", State: 99}, {Name: "z"}}, &invalid, nil},
		{"a step declared twice", []PlannedStep{{Name: "b"}, {Name: "b"}}, nil, &field, nil},
		{"steps above 256 KiB", large, nil, nil, ErrSnapshotTooBig},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := leased(t, PlannedStep{Name: "a", Total: 10})
			before := *j
			_, refused := j.TakeIn(start, c.plan, &Report{Steps: c.report}, time.Minute)
			if len(refused) == 0 || c.is != nil && !errors.Is(refused[0].Err, c.is) || c.as != nil && !errors.As(refused[0].Err, c.as) {
				t.Errorf("refused is %v", refused)
			}
			if !reflect.DeepEqual(*j, before) {
				t.Errorf("the job has changed to %+v", j)
			}
		})
	}
}

func TestProgressDoesNotChangeEarlierSnapshots(t *testing.T) {
	j := leased(t, PlannedStep{Name: "a", Total: 10})
	report(t, j, time.Second, StepReport{Name: "a", State: StepActive, Done: new(1.0), Counters: map[string]float64{"x": 1}})
	snapshot := *j
	report(t, j, 2*time.Second, StepReport{Name: "a", Done: new(9.0), Counters: map[string]float64{"x": 9}})
	if err := j.Complete(start, j.Lease.Token, nil, nil); err != nil {
		t.Fatal(err)
	}
	if s := snapshot.Progress.Steps[0]; s.Done != 1 || s.Counters["x"] != 1 || s.State != StepActive {
		t.Errorf("the snapshot has become %+v", s)
	}
}

func TestRateFollowsTheLastSeconds(t *testing.T) {
	j := leased(t, PlannedStep{Name: "a", Total: 1e6})
	for i := range 40 { // 100 a second for 10 s
		report(t, j, time.Duration(i)*250*time.Millisecond, StepReport{Name: "a", State: StepActive, Done: new(float64(i * 25))})
	}
	if !near(j.Progress.Rate, 100, 2) {
		t.Errorf("at a steady 100 a second the rate is %v", j.Progress.Rate)
	}
	for i := 40; i < 120; i++ { // 300 a second for 20 s
		report(t, j, time.Duration(i)*250*time.Millisecond, StepReport{Name: "a", Done: new(float64(1000 + (i-40)*75))})
	}
	if !near(j.Progress.Rate, 300, 10) {
		t.Errorf("20 s into 300 a second the rate is %v", j.Progress.Rate)
	}
	for i := range 10 {
		if _, err := j.Renew(start.Add(time.Duration(33+3*i)*time.Second), j.Lease.Token, time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	if j.Progress.Rate > 1 {
		t.Errorf("after 30 s without movement the rate is %v", j.Progress.Rate)
	}
}

func TestETAIsRightAndDoesNotJump(t *testing.T) {
	j := leased(t, PlannedStep{Name: "a", Total: 1000})
	previous := math.NaN()
	for i := 1; i <= 800; i++ { // an uneven 10 a second, with a pause of 2 s in the middle
		at := time.Duration(i) * 100 * time.Millisecond
		if i > 400 {
			at += 2 * time.Second
		}
		done := float64(i)
		if i%7 == 0 {
			done -= 3
		}
		done = max(done, j.Progress.Steps[0].Done)
		report(t, j, at, StepReport{Name: "a", State: StepActive, Done: &done})
		eta := j.Progress.ETA
		if at < 900*time.Millisecond {
			if eta != nil {
				t.Errorf("after %v there is an ETA of %v already", at, *eta)
			}
			continue
		}
		if at < 5*time.Second || eta == nil {
			continue
		}
		want := (1000 - float64(i)) / 10
		if !near(*eta, want, 3+want*0.15) {
			t.Errorf("after %v the ETA is %v, want about %v", at, *eta, want)
		}
		if !math.IsNaN(previous) && math.Abs(*eta-previous) > 2.5 {
			t.Errorf("after %v the ETA jumped from %v to %v", at, previous, *eta)
		}
		previous = *eta
	}
}

func TestJobWithoutMovementIsStalledUntilItMoves(t *testing.T) {
	j := leased(t, PlannedStep{Name: "a", Total: 10})
	report(t, j, time.Second, StepReport{Name: "a", State: StepActive, Done: new(1.0)})
	for after := 4 * time.Second; after <= 40*time.Second; after += 3 * time.Second {
		visible, err := j.Renew(start.Add(after), j.Lease.Token, 30*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		want := after >= 31*time.Second
		if j.Progress.Stalled != want || visible != (after == 31*time.Second) {
			t.Errorf("after %v stalled is %v (visible %v), want %v", after, j.Progress.Stalled, visible, want)
		}
	}
	report(t, j, 41*time.Second, StepReport{Name: "a", Done: new(1.0)}) // a repeated value is not progress
	if !j.Progress.Stalled {
		t.Error("a report of the same numbers ended the stall")
	}
	report(t, j, 42*time.Second, StepReport{Name: "a", Done: new(2.0)})
	if j.Progress.Stalled {
		t.Error("the job moves and is stalled still")
	}
}
