package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"headway/examples/internal/workertest"
	jobsv1 "headway/gen/go/headway/jobs/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func setup(t *testing.T, lease time.Duration) *workertest.World {
	return workertest.Start(t, "cluster", cluster, lease)
}

// plot replays an output, as the web UI does: the group of each point, and the centers.
func plot(t *testing.T, output string) (groups []int, points, centers []point) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(output), "\n")
	if lines[0] != `{"view":"points"}` {
		t.Fatalf("the first line is %s", lines[0])
	}
	for _, text := range lines[1:] {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		for _, p := range l.Add {
			points, groups = append(points, p), append(groups, -1)
		}
		for _, move := range l.Moves {
			groups[move[0]] = move[1]
		}
		if l.Centers != nil {
			centers = l.Centers
		}
	}
	return groups, points, centers
}

func TestPointsEndInTheNearestGroup(t *testing.T) {
	w := setup(t, 0)
	w.Work()
	job := w.Completed(w.Create(map[string]any{"points": 500, "groups": 5, "seed": 42, "stepsPerSecond": 0}))
	groups, points, centers := plot(t, w.Output(job.GetJobId()))
	if len(points) != 500 || len(centers) != 5 {
		t.Fatalf("the plot has %d points and %d centers", len(points), len(centers))
	}
	for i, p := range points {
		for g, c := range centers {
			if distance(p, c) < distance(p, centers[groups[i]]) {
				t.Fatalf("point %d %v is in group %d %v, but %d %v is closer", i, p, groups[i], centers[groups[i]], g, c)
			}
		}
	}
	result := job.GetResult().AsMap()
	total := 0.0
	for _, group := range result["groups"].([]any) {
		total += group.(map[string]any)["points"].(float64)
	}
	if total != 500 || result["spread"].(float64) <= 0 {
		t.Errorf("the result is %v", result)
	}
}

// TestPlotHasNoGapAfterCrash cuts a worker off in the middle. The next one continues with the same bytes.
func TestPlotHasNoGapAfterCrash(t *testing.T) {
	w := setup(t, 3*time.Second) // the test waits until it has expired
	_, cut := w.Work()
	payload := map[string]any{"points": 400, "groups": 6, "seed": 7, "stepsPerSecond": 20}
	id := w.Create(payload)
	w.Watch(id, func(job *jobsv1.Job) bool { return job.GetOutputBytes() > 2000 })
	cut()
	w.Work()
	job := w.Completed(id)
	payload["stepsPerSecond"] = 0
	undisturbed := w.Completed(w.Create(payload)).GetJobId()
	if job.GetAttempt() != 2 || w.Output(id) != w.Output(undisturbed) {
		t.Errorf("attempt %d wrote\n%s\nwant\n%s", job.GetAttempt(), w.Output(id), w.Output(undisturbed))
	}
}

func TestInvalidPayloadFailsPermanently(t *testing.T) {
	w := setup(t, 0)
	w.Work()
	w.RefusesPermanently(map[string]any{"points": 9}, map[string]any{"points": 5001}, map[string]any{"points": "many"}, map[string]any{"points": nil},
		map[string]any{"groups": 1}, map[string]any{"groups": 9}, map[string]any{"seed": -1}, map[string]any{"stepsPerSecond": -1},
		map[string]any{"stepsPerSecond": 1e6}, map[string]any{"point": 100})
}
