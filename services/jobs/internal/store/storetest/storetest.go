// Package storetest is a test suite of the contract of job.Store. Every store runs it unchanged.
package storetest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"reflect"
	"sync"
	"testing"
	"time"

	"headway/services/jobs/internal/job"
)

// Open opens an empty store that calls observe with its commits. The test closes it.
type Open func(t *testing.T, observe job.Observer) job.Store

// Run tests that the stores of open implement the contract.
func Run(t *testing.T, open Open) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, s *suite)
	}{
		{"a created job is read back as it was", created},
		{"an unknown job is not found", unknown},
		{"the same request gives the same job", replay},
		{"an id in use gives its job only for the same request", sameID},
		{"an update stores the changes", update},
		{"a refused update changes nothing and delays no other", refusedUpdate},
		{"updates at the same time do not lose each other", concurrentUpdates},
		{"a change whose context has ended does not happen", endedContext},
		{"claims take the highest priority first and then the oldest", claimOrder},
		{"a step of priority counts as much as a minute of age", aged},
		{"claims take only ready jobs of the kinds", claimReady},
		{"no job is claimed twice", claimOnce},
		{"a lease begins when its claim has its turn", claimTurn},
		{"owners at their cap let others go first", claimCap},
		{"a limit bounds the jobs of a key that are ready or active", capByKey},
		{"a limit spreads the leases of a key", rateByKey},
		{"a clock that was set back keeps the leases of a key apart", rateAfterStepBack},
		{"the numbers of a limit are those of the latest job", changedLimit},
		{"a claim returns the checkpoint", checkpoint},
		{"each lease of a job has a higher epoch", epochs},
		{"the queue is in the order of claims", queued},
		{"owners take turns, whatever their priorities and numbers of jobs", takeTurns},
		{"claims take all they ask for from queues of different lengths", unevenQueues},
		{"due jobs come with the longest overdue first", due},
		{"leases are extended to their full duration", extend},
		{"a grace period restarts with the leases", extendGrace},
		{"a clock that was set back lengthens no backoff", capBackoffs},
		{"pages hold every job once, newest first, while others are created", pages},
		{"lists filter", lists},
		{"several jobs are read together", readTogether},
		{"pages by label hold every job once", labelPages},
		{"live jobs and those that ended since are listed", live},
		{"a finished job is deleted with all that it had", remove},
		{"purge removes only jobs that ended long ago", purge},
		{"output grows by offset and repeats are harmless", output},
		{"output is fenced and bounded", outputRefused},
		{"the output of an owner is counted", countOutput},
		{"a segment takes the place of the output's beginning", sealing},
		{"a segment that does not fit changes nothing", sealRefused},
		{"blobs that nothing refers to are known", unreferenced},
		{"long tails are found", longTails},
		{"a job that becomes ready again has its queue position", requeuedPosition},
		{"jobs that become ready in one step have their queue positions", positionsTogether},
		{"live jobs are counted by kind and status", liveCounts},
		{"text of any script survives", unicode},
		{"texts that no database stores harm nothing", oddTexts},
		{"the observer is notified before the answer, in the order of the revisions", observed},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := &suite{t: t}
			s.Store = open(t, s.observe)
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			})
			test.run(t, s)
		})
	}
}

// suite is a store under test, with the commits that its observer has received.
type suite struct {
	job.Store
	t *testing.T

	mu      sync.Mutex
	commits []job.Commit
}

func (s *suite) observe(c *job.Commit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.commits = append(s.commits, *c)
}

// start is the time at the start of the tests, which control the clock.
var start = time.Date(2026, 3, 29, 1, 59, 59, 123456000, time.UTC)

// add creates a job of alice with these changes.
func (s *suite) add(change ...func(*job.Spec)) job.Job {
	s.t.Helper()
	spec := job.Spec{Kind: "crawl", Owner: "alice"}
	for _, c := range change {
		c(&spec)
	}
	j, err := job.New(spec, start)
	if err != nil {
		s.t.Fatal(err)
	}
	stored, _, err := s.Create(s.t.Context(), j, spec.RequestID, spec.Fingerprint())
	if err != nil {
		s.t.Fatalf("Create: %v", err)
	}
	return stored
}

func (s *suite) get(id string) job.Job {
	s.t.Helper()
	j, err := s.Get(s.t.Context(), id)
	if err != nil {
		s.t.Fatalf("Get: %v", err)
	}
	return j
}

// change updates one job.
func (s *suite) change(id string, fn func(*job.Job) error) (job.Job, error) {
	jobs, errs := s.Update(s.t.Context(), []string{id}, func(_ int, j *job.Job) error { return fn(j) })
	return jobs[0], errs[0]
}

func (s *suite) claim(now time.Time, limit int, change ...func(*job.Claim)) job.Claimed {
	s.t.Helper()
	c := job.Claim{Kinds: []string{"crawl"}, Max: limit, Now: func() time.Time { return now }, Worker: "w", Duration: 10 * time.Second, Token: rand.Text}
	for _, fn := range change {
		fn(&c)
	}
	claimed, err := s.Claim(s.t.Context(), c)
	if err != nil {
		s.t.Fatalf("Claim: %v", err)
	}
	return claimed
}

// finish completes an active job.
func (s *suite) finish(j job.Job, now time.Time) {
	s.t.Helper()
	if _, err := s.change(j.ID, func(stored *job.Job) error { return stored.Complete(now, j.Lease.Token, nil, nil) }); err != nil {
		s.t.Fatalf("complete: %v", err)
	}
}

func ids(jobs []job.Job) []string {
	out := make([]string, len(jobs))
	for i := range jobs {
		out[i] = jobs[i].ID
	}
	return out
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s is\n%+v, want\n%+v", what, got, want)
	}
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
}

func created(t *testing.T, s *suite) {
	want := s.add(func(spec *job.Spec) {
		spec.Title, spec.Payload = "A crawl", json.RawMessage(`{"depth":3}`)
		spec.Labels = map[string]string{"team": "search"}
		spec.Steps = []job.PlannedStep{{Name: "fetch", Total: 10, Unit: "pages"}}
		spec.Priority, spec.MaxAttempts, spec.Backoff, spec.MaxBackoff = -7, 5, time.Minute, time.Hour
		spec.NotBefore, spec.Deadline = start.Add(time.Second), start.Add(time.Hour)
		spec.Limit = job.Limit{Key: "site", MaxActive: 2, Interval: time.Second}
	})
	equal(t, "the job", s.get(want.ID), want)
}

func unknown(t *testing.T, s *suite) {
	_, err := s.Get(t.Context(), "nobody")
	wantError(t, err, job.ErrNotFound)
	_, err = s.change("nobody", func(*job.Job) error { t.Error("change was called"); return nil })
	wantError(t, err, job.ErrNotFound)
	wantError(t, s.Delete(t.Context(), "nobody", func(*job.Job) error { return nil }), job.ErrNotFound)
	_, err = s.ReadOutput(t.Context(), "nobody", 0, 1)
	wantError(t, err, job.ErrNotFound)
}

func replay(t *testing.T, s *suite) {
	request := func(spec *job.Spec) { spec.RequestID, spec.Title = "r-1", "one" }
	first, second := s.add(request), s.add(request)
	if second.ID != first.ID {
		t.Errorf("the second request made job %s next to %s", second.ID, first.ID)
	}
	other := s.add(request, func(spec *job.Spec) { spec.Owner = "bob" })
	if other.ID == first.ID {
		t.Error("bob's request gave alice's job")
	}
	spec := job.Spec{Kind: "crawl", Owner: "alice", RequestID: "r-1", Title: "two"}
	j, _ := job.New(spec, start)
	_, _, err := s.Create(t.Context(), j, spec.RequestID, spec.Fingerprint())
	wantError(t, err, job.ErrRequestIDReused)
}

func sameID(t *testing.T, s *suite) {
	spec := job.Spec{Kind: "crawl", Owner: "alice", ID: "01890a5d-ac96-774b-bcce-b302099a8057"}
	for _, c := range []struct {
		owner, title string
		want         error
		replayed     bool
	}{{"alice", "", nil, false}, {"alice", "", nil, true}, {"alice", "other", job.ErrRequestIDReused, false}, {"bob", "", job.ErrRequestIDReused, false}} {
		spec.Owner, spec.Title = c.owner, c.title
		j, err := job.New(spec, start)
		if err != nil {
			t.Fatal(err)
		}
		_, replayed, err := s.Create(t.Context(), j, "", spec.Fingerprint())
		wantError(t, err, c.want)
		equal(t, "replayed", replayed, c.replayed)
	}
}

func update(t *testing.T, s *suite) {
	j := s.add()
	s.claim(start.Add(time.Second), 1)
	want, err := s.change(j.ID, func(j *job.Job) error {
		_, refused := j.TakeIn(start.Add(2*time.Second), []job.PlannedStep{{Name: "fetch", Total: 4}},
			&job.Report{Message: "hello", Steps: []job.StepReport{{Name: "fetch", State: job.StepActive, Done: new(1.0), Counters: map[string]float64{"errors": 1}}}}, time.Minute)
		j.Touch(start.Add(2 * time.Second))
		if len(refused) > 0 {
			return refused[0].Err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "the active job", s.get(j.ID), want)
	want, err = s.change(j.ID, func(j *job.Job) error {
		return j.Fail(start.Add(3*time.Second), j.Lease.Token, job.Failing{Failure: job.Failure{Reason: "SITE_DOWN"}, Result: json.RawMessage(`{"a":1}`)}, 0.5)
	})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "the queued job", s.get(j.ID), want)
}

func refusedUpdate(t *testing.T, s *suite) {
	one, two, three := s.add(), s.add(), s.add()
	refusal := errors.New("no")
	jobs, errs := s.Update(t.Context(), []string{one.ID, two.ID, "nobody", three.ID}, func(i int, j *job.Job) error {
		j.Title = "changed"
		j.Touch(start)
		if i == 1 {
			return refusal
		}
		return nil
	})
	wantError(t, errs[1], refusal)
	wantError(t, errs[2], job.ErrNotFound)
	if errs[0] != nil || errs[3] != nil || jobs[0].Revision != 2 || jobs[3].Revision != 2 {
		t.Errorf("the neighbors got %v, %v", errs, jobs)
	}
	equal(t, "the refused job", s.get(two.ID), two)
}

func concurrentUpdates(t *testing.T, s *suite) {
	j := s.add()
	const each, workers = 20, 8
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range each {
				if _, err := s.change(j.ID, func(j *job.Job) error { j.Touch(start); return nil }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	equal(t, "the revision", s.get(j.ID).Revision, uint32(1+each*workers))
}

func endedContext(t *testing.T, s *suite) {
	j := s.add()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, errs := s.Update(ctx, []string{j.ID}, func(_ int, j *job.Job) error { j.Touch(start); return nil })
	wantError(t, errs[0], context.Canceled)
	equal(t, "the job", s.get(j.ID), j)
}

func epochs(t *testing.T, s *suite) {
	j := s.add()
	last := uint32(0)
	for range 3 {
		leased := s.claim(start, 1).Jobs[0]
		if leased.ID != j.ID || leased.Lease.Epoch() <= last {
			t.Errorf("a lease with the token %q follows epoch %d", leased.Lease.Token, last)
		}
		last = leased.Lease.Epoch()
		if _, err := s.change(j.ID, func(j *job.Job) error { return j.Release(start, leased.Lease.Token, nil) }); err != nil {
			t.Fatal(err)
		}
	}
}
