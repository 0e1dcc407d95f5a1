package job

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

const (
	// MaxProgress bounds the steps of a job with all their texts, in bytes as JSON. They are written with every update, so this
	// bounds the writes of a worker, too: 1,000 short steps take about 120 KiB.
	MaxProgress = 256 << 10
	// minShown is how many bytes the steps of a snapshot can take in any case.
	minShown = 4 << 10
	// maxShown is how many steps a snapshot shows at most.
	maxShown = 64
)

// ShownSteps returns the steps as a snapshot shows them. If there are too many for a snapshot, the steps that are active, or have
// failed, or are next to the current one are shown as they are. Those between them are folded: one Step stands for
// several consecutive ones, and has their number.
func (j *Job) ShownSteps() []Step {
	steps := j.Progress.Steps
	room := j.stepsRoom()
	if len(steps) <= maxShown && stepsSize(steps) <= room {
		return steps
	}
	most := maxShown
	for {
		shown := fold(steps, most)
		if most <= 2 || stepsSize(shown) <= room {
			return shown
		}
		most /= 2
	}
}

// stepsRoom returns how many bytes of the snapshot are for the steps.
func (j *Job) stepsRoom() int { return max(MaxSnapshot-j.restSize(), minShown) }

// fold returns at most the given number of steps, or one more if it is small, and shows as many as possible unfolded.
func fold(steps []Step, most int) []Step {
	current := currentStep(steps)
	order := make([]int, len(steps))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(
			cmp.Compare(prominence(&steps[a], a == current), prominence(&steps[b], b == current)),
			cmp.Compare(distance(a, current), distance(b, current)))
	})
	own := slices.Sorted(slices.Values(order[:min(most-1, len(order))]))
	for len(own) > 1 && len(own)+runs(own, len(steps)) > most {
		own = slices.Sorted(slices.Values(order[:len(own)-1]))
	}
	shown := make([]Step, 0, most+1)
	next := 0
	for _, i := range append(own, len(steps)) {
		if next < i {
			shown = append(shown, foldRun(steps[next:i]))
		}
		if i < len(steps) {
			shown = append(shown, steps[i])
		}
		next = i + 1
	}
	return shown
}

// runs returns the number of runs of other steps between those of the given indexes. all is the number of steps.
func runs(own []int, all int) (n int) {
	next := 0
	for _, i := range append(slices.Clip(own), all) {
		if next < i {
			n++
		}
		next = i + 1
	}
	return n
}

// currentStep returns the index of the first active step. Without one, it is the first step that has not begun, or the last step.
func currentStep(steps []Step) int {
	if i := slices.IndexFunc(steps, func(s Step) bool { return s.State == StepActive }); i >= 0 {
		return i
	}
	if i := slices.IndexFunc(steps, func(s Step) bool { return s.State == StepPending }); i >= 0 {
		return i
	}
	return len(steps) - 1
}

// prominence orders steps by how much users need to see them. The lowest comes first.
func prominence(s *Step, current bool) int {
	switch {
	case current:
		return 0
	case s.State == StepActive:
		return 1
	case s.State == StepFailed:
		return 2
	}
	return 3
}

func distance(a, b int) int { return max(a-b, b-a) }

// foldRun returns one step that stands for several consecutive ones. It has the name of the first, counts steps, and adds up
// the counters that all of them have together.
func foldRun(run []Step) Step {
	if len(run) == 1 {
		return run[0]
	}
	first, last := &run[0], &run[len(run)-1]
	title, _ := truncate(first.Title, maxStepTitle/2-1)
	to, _ := truncate(last.Title, maxStepTitle/2-2)
	folded := Step{Name: first.Name, Title: title + " … " + to, Group: first.Group, Unit: "steps",
		Total: float64(len(run)), Folded: len(run), State: foldedState(run)}
	for i := range run {
		s := &run[i]
		folded.Weight += s.Weight
		if s.Group != folded.Group {
			folded.Group = ""
		}
		if s.State.Ended() {
			folded.Done++
		}
		if folded.StartedAt.IsZero() || !s.StartedAt.IsZero() && s.StartedAt.Before(folded.StartedAt) {
			folded.StartedAt = s.StartedAt
		}
		if s.CompletedAt.After(folded.CompletedAt) {
			folded.CompletedAt = s.CompletedAt
		}
		for _, name := range slices.Sorted(maps.Keys(s.Counters)) {
			if _, has := folded.Counters[name]; has || len(folded.Counters) < maxCounters {
				if folded.Counters == nil {
					folded.Counters = map[string]float64{}
				}
				folded.Counters[name] += s.Counters[name]
			}
		}
	}
	if !folded.State.Ended() {
		folded.CompletedAt = time.Time{}
	}
	return folded
}

// foldedState returns the state of steps that are shown as one: active or failed if one of them is, and otherwise how far they
// are.
func foldedState(run []Step) StepState {
	var count [StepSkipped + 1]int
	for i := range run {
		count[run[i].State]++
	}
	switch ended := count[StepCompleted] + count[StepSkipped]; {
	case count[StepActive] > 0:
		return StepActive
	case count[StepFailed] > 0:
		return StepFailed
	case count[StepSkipped] == len(run):
		return StepSkipped
	case ended == len(run):
		return StepCompleted
	case ended > 0:
		return StepActive
	}
	return StepPending
}

// stepsSize returns the size of the steps as JSON, within a few percent, without their times: those are set as the job runs, and
// must not make the snapshot too large.
func stepsSize(steps []Step) (size int) {
	for i := range steps {
		size += steps[i].size()
	}
	return size
}

func (s *Step) size() int {
	size := 100 + len(s.Name) + len(s.Title) + len(s.Group) + len(s.Unit) + len(s.Message)
	for name := range s.Counters {
		size += len(name) + 12
	}
	return size
}
