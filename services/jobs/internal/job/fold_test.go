package job

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

func planned(n int) []PlannedStep {
	all := make([]PlannedStep, n)
	for i := range all {
		all[i] = PlannedStep{Name: fmt.Sprint("step ", i), Title: fmt.Sprint("Step ", i), Group: "all"}
	}
	return all
}

func TestThousandStepsAreFoldedAroundCurrent(t *testing.T) {
	j := leased(t, planned(1000)...)
	var steps []StepReport
	for i := range 500 {
		steps = append(steps, StepReport{Name: fmt.Sprint("step ", i), State: StepCompleted, Counters: map[string]float64{"rows": 2}})
	}
	steps[100].State = StepFailed
	steps = append(steps, StepReport{Name: "step 500", State: StepActive, Done: new(1.0)})
	report(t, j, time.Second, steps...)
	shown := j.ShownSteps()
	if len(shown) > maxShown+1 {
		t.Fatalf("%d steps are shown", len(shown))
	}
	count, ended, rows, next := 0, 0.0, 0.0, 0
	byName := map[string]Step{}
	for _, s := range shown {
		byName[s.Name] = s
		if s.Name != fmt.Sprint("step ", next) {
			t.Fatalf("%q comes where step %d begins", s.Name, next)
		}
		n := max(s.Folded, 1)
		next, count, rows = next+n, count+n, rows+s.Counters["rows"]
		if s.Folded > 0 {
			ended += s.Done
			if s.Total != float64(s.Folded) || s.Unit != "steps" || s.Group != "all" || s.Weight != float64(s.Folded) {
				t.Errorf("the folded step is %+v", s)
			}
		} else if s.State.Ended() {
			ended++
		}
	}
	if count != 1000 || ended != 500 || rows != 1000 {
		t.Errorf("the snapshot shows %d steps, %v ended, with %v rows", count, ended, rows)
	}
	if s := byName["step 500"]; s.Folded != 0 || s.State != StepActive || s.Done != 1 {
		t.Errorf("the current step is shown as %+v", s)
	}
	if s := byName["step 100"]; s.Folded != 0 || s.State != StepFailed {
		t.Errorf("the failed step is shown as %+v", s)
	}
	if first := shown[0]; first.Title != "Step 0 … Step 99" || first.State != StepCompleted || first.Folded != 100 {
		t.Errorf("the first folded step is %+v", first)
	}
	if last := shown[len(shown)-1]; last.State != StepPending || !last.CompletedAt.IsZero() {
		t.Errorf("the last folded step is %+v", last)
	}
	if j.Progress.Steps[0].Folded != 0 || len(j.Progress.Steps) != 1000 {
		t.Error("the stored steps are folded")
	}
}

func TestFewSmallStepsAreNotFolded(t *testing.T) {
	j := leased(t, planned(maxShown)...)
	if shown := j.ShownSteps(); len(shown) != maxShown || shown[5].Folded != 0 {
		t.Errorf("%d of %d steps are shown", len(shown), maxShown)
	}
}

// Whatever the states and texts of the steps, and whatever else the job has, its snapshot stays below the limit or shows
// only a few steps, and the current step is among them.
func TestFoldedSnapshotsStayBelowTheirLimit(t *testing.T) {
	long := strings.Repeat("é", 50)
	for _, payload := range []int{2, 8 << 10} {
		for _, states := range [][]StepState{{StepPending}, {StepActive}, {StepFailed}, {StepCompleted}, {StepCompleted, StepFailed, StepSkipped, StepActive, StepPending}} {
			var plan []PlannedStep
			var steps []StepReport
			for i := range 500 {
				name := fmt.Sprint(i, long)
				plan = append(plan, PlannedStep{Name: name, Title: long, Group: long[:10], Unit: "rows"})
				counters := map[string]float64{}
				for k := range i % 3 {
					counters[fmt.Sprint(k)] = 1
				}
				steps = append(steps, StepReport{Name: name, State: states[i%len(states)], Message: &long, Counters: counters})
			}
			j, err := New(Spec{Kind: "crawl", Owner: "alice", Payload: json.RawMessage(`"` + strings.Repeat("p", payload-2) + `"`)}, start)
			if err != nil {
				t.Fatal(err)
			}
			j.Grant(start, "token", "worker", 10*time.Second, false)
			if _, refused := j.TakeIn(start, plan, &Report{Steps: steps}, time.Minute); len(refused) > 0 {
				t.Fatalf("refused %v", refused[0])
			}
			shown := j.ShownSteps()
			if size := j.restSize() + stepsSize(shown); size > MaxSnapshot && len(shown) > 3 {
				t.Errorf("with %v and a payload of %d bytes, %d steps take %d bytes in all", states, payload, len(shown), size)
			}
			if current := j.Progress.Current(); current != "" {
				found := false
				for _, s := range shown {
					found = found || s.Name == current && s.Folded == 0
				}
				if !found {
					t.Errorf("with %v, the current step is not shown", states)
				}
			}
			if err := j.Complete(start, j.Lease.Token, json.RawMessage(`{}`), nil); err != nil || j.Status != Completed {
				t.Errorf("the job ends as %v, %v", j.Status, err)
			}
		}
	}
}
