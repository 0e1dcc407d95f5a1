package cluster

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// setting returns a number from the environment.
func setting(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// TestClusterSurvivesDisturbances disturbs the cluster under load, and then checks the history of what clients have seen. The same
// HEADWAY_CHAOS_SEED causes the same disturbances. HEADWAY_CHAOS_SECONDS is how long they last, HEADWAY_CHAOS_WATCHERS the number of
// streams, and HEADWAY_CHAOS_HISTORY the file of the history. With HEADWAY_CHAOS_EARLIER, the folder of an earlier release's programs, one of
// each two services begins with that release, and each restart of a service changes its release.
func TestClusterSurvivesDisturbances(t *testing.T) {
	seed := uint64(setting(t, "HEADWAY_CHAOS_SEED", 1))
	watchers := setting(t, "HEADWAY_CHAOS_WATCHERS", 2000)
	seconds := setting(t, "HEADWAY_CHAOS_SECONDS", 180)
	c := start(t, watchers)
	h := newHistory(t)
	l := newLoad(t, c, h, seed)
	working, stop := context.WithCancel(t.Context())
	defer stop()
	l.work(working)
	l.run()
	l.watch(watchers)

	disturbing, cancel := context.WithTimeout(t.Context(), time.Duration(seconds)*time.Second)
	defer cancel()
	if err := c.disturb(disturbing, h, seed); err != nil {
		t.Fatal(err)
	}
	h.disturb("nothing")
	l.over.Store(true)
	l.requests.Wait()
	l.watches.Wait()
	l.settle()
	stop()
	l.workers.Wait()
	h.check(t, c.count(`SELECT `+rows()), c.count(`SELECT count(*) FROM headway_imports WHERE applied_at IS NOT NULL`))
	t.Logf("seed %d, %d watchers, %d s\n%s", seed, watchers, seconds, h.report())
}

// settle waits until every job has ended, and records the final states.
func (l *load) settle() {
	l.t.Helper()
	for tenant := range tenants {
		for _, id := range l.ids(tenant) {
			var state jobState
			eventually(l.t, "the job "+id+" ends", func() bool { state = l.state(tenant, id); return state.ended() })
			e := event{What: final, Owner: state.Owner, ID: id, Status: state.Status, Text: state.Error.Reason + " " + state.Error.Message}
			if state.Kind == "import" {
				e.Counts = l.counts(tenant, id)
			} else if steps := state.Progress.Steps; len(steps) != 1 || steps[0].Done != steps[0].Total || float64(state.Result.Sum) != steps[0].Total {
				l.history.add(event{What: violated, Text: fmt.Sprintf("the job %s counted %+v, and its result is %d", id, steps, state.Result.Sum)})
			}
			l.history.add(e)
			if status, err := l.call((tenant+1)%tenants, "GET", "/api/v1/jobs/"+id, "", nil, new(any)); err == nil || status != 404 {
				l.history.add(event{What: violated, Text: fmt.Sprintf("another tenant gets %d for the job %s: %v", status, id, err)})
			}
		}
	}
}

// ids lists all jobs of a tenant.
func (l *load) ids(tenant int) (ids []string) {
	for token := ""; ; {
		var page struct {
			Jobs          []jobState
			NextPageToken string
		}
		if !l.acknowledged("list jobs", func() (int, error) {
			return l.call(tenant, "GET", "/api/v1/jobs?pageSize=100&pageToken="+token, "", nil, &page)
		}) {
			return ids
		}
		for _, job := range page.Jobs {
			ids = append(ids, job.JobID)
		}
		if token = page.NextPageToken; token == "" {
			return ids
		}
	}
}

func (l *load) counts(tenant int, id string) counts {
	var answer struct {
		Import struct {
			Committed bool
			Totals    counts
		}
	}
	l.acknowledged("get an import", func() (int, error) {
		return l.call(tenant, "GET", "/api/v1/imports/"+id, "", nil, &answer)
	})
	if !answer.Import.Committed {
		l.history.add(event{What: violated, Text: "the import " + id + " is not committed"})
	}
	return answer.Import.Totals
}

// rows is an expression for the number of rows in all tables.
func rows() string {
	var all []string
	for _, table := range []string{"areas", "departments", "designations", "employees", "schedules", "drivers", "car_assignments"} {
		all = append(all, `(SELECT count(*) FROM `+table+`)`)
	}
	return strings.Join(all, " + ")
}

func (c *cluster) count(query string) int {
	c.t.Helper()
	out, err := c.postgres.SQL("headway", query)
	if err != nil {
		c.t.Fatalf("%v\n%s", err, out)
	}
	n, err := strconv.Atoi(strings.TrimSpace(out))
	if err != nil {
		c.t.Fatal(err)
	}
	return n
}
