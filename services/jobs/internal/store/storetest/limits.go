package storetest

import (
	"slices"
	"testing"
	"time"

	"headway/services/jobs/internal/job"
)

// limitedTo returns a change that gives a job a limit with the key "site".
func limitedTo(active int, interval time.Duration) func(*job.Spec) {
	return func(spec *job.Spec) { spec.Limit = job.Limit{Key: "site", MaxActive: active, Interval: interval} }
}

// wantLimited checks which of the jobs wait because of their limit.
func (s *suite) wantLimited(when string, jobs []job.Job, want ...bool) {
	s.t.Helper()
	got := make([]bool, len(jobs))
	for i, j := range jobs {
		got[i] = s.get(j.ID).Limited
	}
	if !slices.Equal(got, want) {
		s.t.Errorf("%s, the jobs that wait because of their limit are %v, want %v", when, got, want)
	}
}

// capByKey checks that a limit bounds the ready and active jobs of an owner with the same key, whatever their kinds, and that the one
// with the lowest rank is next.
func capByKey(t *testing.T, s *suite) {
	two := limitedTo(2, 0)
	jobs := []job.Job{s.add(two), s.add(two, func(spec *job.Spec) { spec.Kind = "media" }), s.add(two), s.add(two),
		s.add(two, func(spec *job.Spec) { spec.Priority = 1 })}
	s.wantLimited("at first", jobs, false, false, true, true, true)
	if held := s.get(jobs[2].ID); held.Ready() || held.QueuePosition != 0 || held.Status != job.Queued {
		t.Errorf("the job that waits is %+v", held)
	}
	other := s.add(two, func(spec *job.Spec) { spec.Owner = "bob" })
	another := s.add(func(spec *job.Spec) { spec.Limit = job.Limit{Key: "other", MaxActive: 2} })
	free := s.add()
	s.wantLimited("for other owners, other keys and without a limit", []job.Job{other, another, free}, false, false, false)

	claimed := s.claim(start, 10, func(c *job.Claim) { c.Kinds = []string{"crawl", "media"} }).Jobs
	if len(claimed) != 5 {
		t.Fatalf("the claim gets %d jobs, want 5", len(claimed))
	}
	s.wantLimited("when the first are active", jobs, false, false, true, true, true)
	first := claimed[slices.IndexFunc(claimed, func(j job.Job) bool { return j.ID == jobs[0].ID })]
	s.finish(first, start.Add(time.Second))
	s.wantLimited("when one has ended", jobs, false, false, true, true, false)
	urgent := s.claim(start.Add(time.Second), 10).Jobs
	equal(t, "the next claim", ids(urgent), []string{jobs[4].ID})

	// A job that waits can be cancelled, and one that is ready makes room when it is.
	cancel := func(id string) {
		t.Helper()
		if _, err := s.change(id, func(j *job.Job) error { _, err := j.Cancel(start, time.Minute, job.Failure{}); return err }); err != nil {
			t.Fatal(err)
		}
	}
	cancel(jobs[2].ID)
	equal(t, "the cancelled job", s.get(jobs[2].ID).Limited, false)
	// A failed attempt makes room, and waits again when its back-off is over and there is none.
	failed, err := s.change(urgent[0].ID, func(j *job.Job) error {
		return j.Fail(start.Add(2*time.Second), urgent[0].Lease.Token, job.Failing{}, 0)
	})
	if err != nil || failed.Limited {
		t.Fatalf("the failed attempt: %+v, %v", failed, err)
	}
	s.wantLimited("after the failure", []job.Job{jobs[3], failed}, false, false)
	again, err := s.change(failed.ID, func(j *job.Job) error { j.Elapse(start.Add(time.Hour)); return nil })
	if err != nil || !again.Limited || again.Ready() {
		t.Errorf("after its back-off, the job is %+v, %v", again, err)
	}
	cancel(jobs[3].ID)
	s.wantLimited("after another was cancelled", []job.Job{again}, false)
	if got := s.get(again.ID); !got.Ready() || got.Revision <= again.Revision {
		t.Errorf("the job that got room is %+v", got)
	}
	if s.get(jobs[1].ID).Status != job.Active {
		t.Error("the job of another kind is not active")
	}
}

// rateByKey checks that leases of jobs with the same key are an interval apart.
func rateByKey(t *testing.T, s *suite) {
	slowly := limitedTo(0, time.Second)
	jobs := []job.Job{s.add(slowly), s.add(slowly), s.add(slowly)}
	s.wantLimited("at first", jobs, false, true, true)
	at := start.Add
	equal(t, "the first claim", ids(s.claim(at(100*time.Millisecond), 10).Jobs), []string{jobs[0].ID})
	s.wantLimited("after the first lease", jobs, false, true, true)
	due, err := s.NextDue(t.Context())
	if err != nil || !due.Equal(at(1100*time.Millisecond)) {
		t.Errorf("the next lease is allowed at %v, %v", due, err)
	}
	admit := func(now time.Time) {
		t.Helper()
		if err := s.Admit(t.Context(), now, 10); err != nil {
			t.Fatal(err)
		}
	}
	admit(at(1099 * time.Millisecond))
	s.wantLimited("too early", jobs, false, true, true)
	admit(at(1100 * time.Millisecond))
	s.wantLimited("in time", jobs, false, false, true)
	admit(at(10 * time.Second))
	s.wantLimited("while a job is ready", jobs, false, false, true)
	equal(t, "the second claim", ids(s.claim(at(10*time.Second), 10).Jobs), []string{jobs[1].ID})
	// A clock that was set back does not keep the jobs waiting.
	if err := s.ExtendLeases(t.Context(), at(time.Second), time.Minute); err != nil {
		t.Fatal(err)
	}
	admit(at(2 * time.Second))
	s.wantLimited("after the clock was set back", jobs, false, false, false)
	if n, err := s.Purge(t.Context(), at(time.Hour), 10); err != nil || n != 0 {
		t.Errorf("purged %d, %v", n, err)
	}
}

// rateAfterStepBack sets the clock back while jobs wait that were created before: leases stay an interval apart.
func rateAfterStepBack(t *testing.T, s *suite) {
	slowly := limitedTo(0, time.Second)
	jobs := []job.Job{s.add(slowly), s.add(slowly), s.add(slowly)}
	back := start.Add(-time.Hour)
	if err := s.ExtendLeases(t.Context(), back, time.Minute); err != nil {
		t.Fatal(err)
	}
	leased := s.claim(back, 10).Jobs
	equal(t, "the first claim", ids(leased), []string{jobs[0].ID})
	if length := leased[0].Lease.ExpiresAt.Sub(leased[0].UpdatedAt); length != 10*time.Second {
		t.Errorf("workers take the lease to last %v, want 10 s", length)
	}
	s.wantLimited("after the first lease", jobs, false, true, true)
	if _, err := s.change(leased[0].ID, func(j *job.Job) error { _, err := j.Renew(back, j.Lease.Token, time.Minute); return err }); err != nil {
		t.Fatal(err)
	}
	s.wantLimited("after a heartbeat", jobs, false, true, true)
	if due, err := s.NextDue(t.Context()); err != nil || !due.Equal(back.Add(time.Second)) {
		t.Errorf("the next lease is allowed after %v, %v", due.Sub(back), err)
	}
	if err := s.Admit(t.Context(), back.Add(time.Second), 10); err != nil {
		t.Fatal(err)
	}
	s.wantLimited("a second later", jobs, false, false, true)
}

// changedLimit checks that the numbers of the job that was created last count.
func changedLimit(t *testing.T, s *suite) {
	one, three := limitedTo(1, 0), limitedTo(3, 0)
	jobs := []job.Job{s.add(one), s.add(one), s.add(one)}
	s.wantLimited("with a limit of 1", jobs, false, true, true)
	jobs = append(jobs, s.add(three))
	s.wantLimited("with a limit of 3", jobs, false, false, false, true)
	stored := s.get(jobs[3].ID)
	equal(t, "the stored limit", stored.Limit, job.Limit{Key: "site", MaxActive: 3})
}
