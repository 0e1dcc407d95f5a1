package metrics

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"headway/services/jobs/internal/job"
)

func watchers() (jobs, owners, everyone, outputs int) { return 4, 3, 2, 1 }

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// move returns a commit that changes the status of one job of a kind.
func move(kind string, was, is job.Status) *job.Commit {
	j := job.Job{Kind: kind, Status: is, ReadyAt: start, UpdatedAt: start.Add(3 * time.Second)}
	return &job.Commit{Jobs: []job.Job{j}, Was: []job.Status{was}, Changes: 1, Took: time.Millisecond}
}

func wantMetrics(t *testing.T, m *Metrics, want string, names ...string) {
	t.Helper()
	if err := testutil.CollectAndCompare(m, strings.NewReader(want), names...); err != nil {
		t.Error(err)
	}
}

func TestJobsAreCountedByKindAndStatus(t *testing.T) {
	m := New(watchers)
	m.Start(map[string]map[job.Status]int{"crawl": {job.Queued: 2, job.Waiting: 1}})
	m.Asked([]string{"crawl"})
	for _, c := range []*job.Commit{
		move("crawl", 0, job.Queued), move("crawl", job.Queued, job.Active), move("crawl", job.Queued, job.Active),
		move("crawl", job.Active, job.Active), // progress
		move("crawl", job.Active, job.Completed), move("crawl", job.Waiting, job.Cancelled), move("crawl", job.Active, job.Queued),
		move("crawl", job.Failed, job.Queued), // retried
	} {
		m.Observe(c)
	}
	m.Expired("crawl")
	wantMetrics(t, m, `
# HELP headway_jobs Unfinished jobs.
# TYPE headway_jobs gauge
headway_jobs{kind="crawl",status="active"} 0
headway_jobs{kind="crawl",status="queued"} 3
headway_jobs{kind="crawl",status="waiting"} 0
headway_jobs{kind="other",status="active"} 0
headway_jobs{kind="other",status="queued"} 0
headway_jobs{kind="other",status="waiting"} 0
# HELP headway_jobs_ended_total Jobs that have reached a terminal status.
# TYPE headway_jobs_ended_total counter
headway_jobs_ended_total{kind="crawl",status="cancelled"} 1
headway_jobs_ended_total{kind="crawl",status="completed"} 1
# HELP headway_jobs_leases_expired_total Leases that expired because their worker stopped sending heartbeats.
# TYPE headway_jobs_leases_expired_total counter
headway_jobs_leases_expired_total{kind="crawl"} 1
# HELP headway_jobs_leases_granted_total Leases granted to workers.
# TYPE headway_jobs_leases_granted_total counter
headway_jobs_leases_granted_total{kind="crawl"} 2
`, "headway_jobs", "headway_jobs_ended_total", "headway_jobs_leases_granted_total", "headway_jobs_leases_expired_total")
}

func TestWaitsCommitsOutputAndWatchersAreMeasured(t *testing.T) {
	m := New(watchers)
	m.Asked([]string{"crawl"})
	m.Observe(move("crawl", job.Queued, job.Active))
	m.Observe(&job.Commit{Changes: 64, Took: 3 * time.Millisecond, Output: []job.OutputGrowth{{ID: "a", Length: 100, Added: 40}, {ID: "b", Length: 2, Added: 2}}})
	registry := prometheus.NewPedanticRegistry()
	if err := registry.Register(m); err != nil {
		t.Fatal(err)
	}
	gathered, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, family := range gathered {
		for _, metric := range family.GetMetric() {
			name := family.GetName()
			for _, label := range metric.GetLabel() {
				name += " " + label.GetValue()
			}
			switch h := metric.GetHistogram(); {
			case h != nil:
				got[name] = fmt.Sprintf("%d: %g", h.GetSampleCount(), h.GetSampleSum())
			case metric.GetCounter() != nil:
				got[name] = fmt.Sprint(metric.GetCounter().GetValue())
			default:
				got[name] = fmt.Sprint(metric.GetGauge().GetValue())
			}
		}
	}
	for name, want := range map[string]string{
		"headway_jobs_queue_wait_seconds crawl": "1: 3", "headway_jobs_commit_changes": "2: 65", "headway_jobs_commit_seconds": "2: 0.004",
		"headway_jobs_output_bytes_total": "42", "headway_jobs_watchers job": "4", "headway_jobs_watchers owner": "3",
		"headway_jobs_watchers everyone": "2", "headway_jobs_watchers output": "1",
	} {
		if got[name] != want {
			t.Errorf("%s is %s, want %s", name, got[name], want)
		}
	}
}

func TestKindsWithoutWorkersGetNoLabel(t *testing.T) {
	m := New(watchers)
	for i := range 2000 {
		m.Observe(move(fmt.Sprint("made-up-", i), 0, job.Queued))
		m.Asked([]string{fmt.Sprint("asked-", i)})
	}
	if n := testutil.CollectAndCount(m, "headway_jobs"); n != 3*(maxKinds+1) {
		t.Errorf("there are %d series, want three for each of %d kinds and others", n, maxKinds)
	}
	wantOther := 0
	for _, n := range m.byLabel()[otherKinds] {
		wantOther += n
	}
	if wantOther != 2000 {
		t.Errorf("%d jobs count as others, want 2000", wantOther)
	}
	for i := range 2000 {
		m.Observe(move(fmt.Sprint("made-up-", i), job.Queued, job.Cancelled))
	}
	if len(m.live) != 0 {
		t.Errorf("%d kinds without jobs are remembered", len(m.live))
	}
}
