package storetest

import (
	"bytes"
	"crypto/rand"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"headway/services/jobs/internal/job"
)

func claimOrder(t *testing.T, s *suite) {
	priority := func(p int32, kind string) func(*job.Spec) {
		return func(spec *job.Spec) { spec.Priority, spec.Kind = p, kind }
	}
	low, old, high, young := s.add(priority(-1, "crawl")), s.add(priority(0, "media")), s.add(priority(5, "crawl")), s.add(priority(0, "crawl"))
	both := func(c *job.Claim) { c.Kinds = []string{"crawl", "media"} }
	got := append(ids(s.claim(start, 3, both).Jobs), ids(s.claim(start, 3, both).Jobs)...)
	equal(t, "the order", got, []string{high.ID, old.ID, young.ID, low.ID})
}

func claimReady(t *testing.T, s *suite) {
	s.add(func(spec *job.Spec) { spec.NotBefore = start.Add(time.Minute) })
	s.add(func(spec *job.Spec) { spec.Kind = "media" })
	ready := s.add()
	claimed := s.claim(start, 9)
	equal(t, "the claim", ids(claimed.Jobs), []string{ready.ID})
	j := claimed.Jobs[0]
	if j.Status != job.Active || j.Attempt != 1 || j.Revision != 2 || j.Lease.Worker != "w" || !j.Lease.ExpiresAt.Equal(start.Add(10*time.Second)) {
		t.Errorf("the leased job is %+v", j)
	}
	equal(t, "the stored job", s.get(j.ID), j)
	equal(t, "another claim", len(s.claim(start, 9).Jobs), 0)
}

// The lease begins when the claim has its turn, not when the worker asked: a claim that waits must not shorten it.
func claimTurn(t *testing.T, s *suite) {
	j, other := s.add(), s.add(func(spec *job.Spec) { spec.Kind = "media" })
	var clock atomic.Int64 // seconds after start
	begun, proceed, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	var once sync.Once
	go func() {
		_, err := s.change(other.ID, func(j *job.Job) error {
			once.Do(func() { close(begun) })
			<-proceed
			j.Touch(start)
			return nil
		})
		done <- err
	}()
	<-begun // all other changes wait
	claimed := make(chan job.Claimed, 1)
	go func() {
		claimed <- s.claim(start, 1, func(c *job.Claim) {
			c.Now = func() time.Time { return start.Add(time.Duration(clock.Load()) * time.Second) }
		})
	}()
	time.Sleep(50 * time.Millisecond)
	clock.Store(60)
	close(proceed)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	got := (<-claimed).Jobs
	equal(t, "the claim", ids(got), []string{j.ID})
	if want := start.Add(70 * time.Second); !got[0].Lease.ExpiresAt.Equal(want) {
		t.Errorf("the lease ends at %v, want %v", got[0].Lease.ExpiresAt, want)
	}
}

func claimOnce(t *testing.T, s *suite) {
	const n = 60
	for range n {
		s.add()
	}
	var mu sync.Mutex
	taken := map[string]int{}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for {
				c, err := s.Claim(t.Context(), job.Claim{Kinds: []string{"crawl"}, Max: 3, Now: func() time.Time { return start }, Duration: time.Minute, Token: rand.Text})
				if err != nil || len(c.Jobs) == 0 {
					if err != nil {
						t.Error(err)
					}
					return
				}
				mu.Lock()
				for i := range c.Jobs {
					taken[c.Jobs[i].ID]++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(taken) != n {
		t.Errorf("%d jobs were claimed, want %d", len(taken), n)
	}
	for id, times := range taken {
		if times != 1 {
			t.Errorf("job %s was claimed %d times", id, times)
		}
	}
}

func claimCap(t *testing.T, s *suite) {
	var alice []job.Job
	for range 600 {
		alice = append(alice, s.add())
	}
	bob := s.add(func(spec *job.Spec) { spec.Owner = "bob" })
	two := func(c *job.Claim) { c.MaxActive = 2 }
	first := s.claim(start, 10, two)
	equal(t, "the first claim", ids(first.Jobs), []string{alice[0].ID, bob.ID, alice[1].ID})
	second := s.claim(start, 10, two)
	if len(second.Jobs) != 0 || !second.Capped {
		t.Errorf("at the cap, a claim gave %v, capped %v", ids(second.Jobs), second.Capped)
	}
	s.finish(first.Jobs[0], start)
	equal(t, "the claim after one ended", ids(s.claim(start, 10, two).Jobs), []string{alice[2].ID})
}

func checkpoint(t *testing.T, s *suite) {
	j := s.add()
	leased := s.claim(start, 1).Jobs[0]
	if leased.Checkpoint != nil || leased.HasCheckpoint {
		t.Errorf("the first attempt has the checkpoint %q", leased.Checkpoint)
	}
	release := func(token string, data []byte) {
		t.Helper()
		if _, err := s.change(j.ID, func(j *job.Job) error { return j.Release(start, token, data) }); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ save, want []byte }{
		{[]byte("page 7"), []byte("page 7")}, {nil, []byte("page 7")}, {[]byte("page 9"), []byte("page 9")}, {[]byte{}, nil},
	} {
		release(leased.Lease.Token, c.save)
		leased = s.claim(start, 1).Jobs[0]
		if !bytes.Equal(leased.Checkpoint, c.want) || leased.HasCheckpoint != (len(c.want) > 0) {
			t.Errorf("after saving %q the next attempt has %q", c.save, leased.Checkpoint)
		}
	}
}

func queued(t *testing.T, s *suite) {
	priority := func(p int32) func(*job.Spec) { return func(spec *job.Spec) { spec.Priority = p } }
	old, high, young := s.add(priority(0)), s.add(priority(1)), s.add(priority(0))
	s.add(func(spec *job.Spec) { spec.NotBefore = start.Add(time.Hour) })
	s.add(func(spec *job.Spec) { spec.Kind = "media" })
	if _, err := s.change(young.ID, func(j *job.Job) error { j.SetPosition(start, 7); return nil }); err != nil {
		t.Fatal(err)
	}
	queue, err := s.Queue(t.Context(), "crawl", 10)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "the queue", queue, []job.Queuing{{ID: high.ID}, {ID: old.ID}, {ID: young.ID, Position: 7}})
	for _, c := range []struct {
		priority int32
		limit    int
		want     int
	}{{0, 10, 3}, {1, 10, 1}, {2, 10, 0}, {0, 2, 2}} {
		n, err := s.Ahead(t.Context(), "crawl", "alice", rank(c.priority), c.limit)
		if err != nil || n != c.want {
			t.Errorf("ahead of priority %d: %d, %v; want %d", c.priority, n, err, c.want)
		}
	}
}

// rank is the rank of a new job with the priority.
func rank(priority int32) int64 {
	return (&job.Job{CreatedAt: start, Priority: priority}).Rank()
}

// aged checks that a higher priority puts a job ahead of those that were created a minute earlier per step, and not of older ones.
func aged(t *testing.T, s *suite) {
	add := func(after time.Duration, priority int32) string {
		t.Helper()
		spec := job.Spec{Kind: "crawl", Owner: "alice", Priority: priority}
		j, err := job.New(spec, start.Add(after))
		if err != nil {
			t.Fatal(err)
		}
		stored, _, err := s.Create(t.Context(), j, "", spec.Fingerprint())
		if err != nil {
			t.Fatal(err)
		}
		return stored.ID
	}
	old := add(0, 0)
	low := add(0, -2)
	early := add(2*time.Minute-time.Second, 2)
	late := add(2*time.Minute+time.Second, 2)
	urgent := add(99*time.Minute, 100)
	now := start.Add(2 * time.Hour)
	want := []string{urgent, early, old, late, low}
	queue, err := s.Queue(t.Context(), "crawl", 10)
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, q := range queue {
		order = append(order, q.ID)
	}
	equal(t, "the queue", order, want)
	equal(t, "the claim", ids(s.claim(now, 10).Jobs), want)
}

func requeuedPosition(t *testing.T, s *suite) {
	first := s.add()
	leased := s.claim(start, 1).Jobs[0]
	for range 3 {
		s.add()
	}
	urgent := s.add(func(spec *job.Spec) { spec.Priority = 1 })
	release := func(j job.Job) job.Job {
		t.Helper()
		got, err := s.change(j.ID, func(j *job.Job) error { return j.Release(start, j.Lease.Token, nil) })
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := release(leased); got.QueuePosition != 1 { // the urgent job is ahead of it
		t.Errorf("the oldest job has place %d after its release, want 1", got.QueuePosition)
	}
	claimed := s.claim(start, 3).Jobs
	equal(t, "the claim", ids(claimed[:2]), []string{urgent.ID, first.ID})
	release(claimed[1])
	if got := release(claimed[2]); got.QueuePosition != 1 {
		t.Errorf("the second oldest has place %d, want 1", got.QueuePosition)
	}
	late := s.add(func(spec *job.Spec) { spec.NotBefore = start.Add(time.Second) })
	ready, err := s.change(late.ID, func(j *job.Job) error { j.Elapse(start.Add(time.Second)); return nil })
	if err != nil || ready.QueuePosition != 4 || !ready.ReadyAt.Equal(start.Add(time.Second)) {
		t.Errorf("a job whose time has come has place %d since %v, %v; want 4", ready.QueuePosition, ready.ReadyAt, err)
	}
	equal(t, "the stored job", s.get(late.ID), ready)
}

// positionsTogether retries jobs, latest first, of which some are older than those in the queue.
func positionsTogether(t *testing.T, s *suite) {
	var all, retried []string
	for i := range 6 {
		spec := job.Spec{Kind: "crawl", Owner: "alice"}
		j, err := job.New(spec, start.Add(time.Duration(i)*time.Second))
		if err == nil {
			_, _, err = s.Create(t.Context(), j, "", spec.Fingerprint())
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, j.ID)
	}
	for _, i := range []int{5, 3, 1, 0} { // 2 and 4 stay in the queue
		retried = append(retried, all[i])
	}
	if _, errs := s.Update(t.Context(), retried, func(_ int, j *job.Job) error { _, err := j.Cancel(start, 0, job.Failure{}); return err }); errors.Join(errs...) != nil {
		t.Fatal(errs)
	}
	jobs, errs := s.Update(t.Context(), retried, func(_ int, j *job.Job) error { return j.Retry(start) })
	if errors.Join(errs...) != nil {
		t.Fatal(errs)
	}
	positions := make([]uint32, len(jobs))
	for i := range jobs {
		positions[i] = jobs[i].QueuePosition
	}
	equal(t, "the positions", positions, []uint32{2, 1, 0, 0})
}

func due(t *testing.T, s *suite) {
	next, err := s.NextDue(t.Context())
	if err != nil || !next.IsZero() {
		t.Errorf("NextDue of an empty store: %v, %v", next, err)
	}
	late := s.add(func(spec *job.Spec) { spec.NotBefore = start.Add(3 * time.Second) })
	soon := s.add(func(spec *job.Spec) { spec.NotBefore = start.Add(2 * time.Second) })
	never := s.add()
	_ = never
	next, err = s.NextDue(t.Context())
	if err != nil || !next.Equal(start.Add(2*time.Second)) {
		t.Errorf("NextDue: %v, %v", next, err)
	}
	for _, c := range []struct {
		after time.Duration
		want  []string
	}{{time.Second, nil}, {2 * time.Second, []string{soon.ID}}, {time.Hour, []string{soon.ID, late.ID}}} {
		got, err := s.Due(t.Context(), start.Add(c.after), 10)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("due after %v: %v, %v; want %v", c.after, got, err, c.want)
		}
	}
	if got, err := s.Due(t.Context(), start.Add(time.Hour), 1); err != nil || len(got) != 1 {
		t.Errorf("Due with limit 1: %v, %v", got, err)
	}
}

// capBackoffs sets the clock back while jobs wait for their next attempt.
func capBackoffs(t *testing.T, s *suite) {
	for _, c := range []struct {
		backoff, most time.Duration
		attempts      uint32 // that have failed
		want          time.Duration
	}{
		{2 * time.Second, 5 * time.Minute, 1, 2 * time.Second},
		{2 * time.Second, 5 * time.Minute, 3, 8 * time.Second},
		{2 * time.Second, 5 * time.Second, 3, 5 * time.Second},
		{24 * time.Hour, 24 * time.Hour, 99, 24 * time.Hour},
		{time.Microsecond, time.Minute, 99, time.Minute},
	} {
		s.add(func(spec *job.Spec) { spec.MaxAttempts, spec.Backoff, spec.MaxBackoff = 100, c.backoff, c.most })
		leased := s.claim(start, 1).Jobs[0]
		if _, errs := s.Update(t.Context(), []string{leased.ID}, func(_ int, j *job.Job) error {
			j.Attempt = c.attempts
			return j.Fail(start, j.Lease.Token, job.Failing{}, 1)
		}); errs[0] != nil {
			t.Fatal(errs[0])
		}
		if got := s.get(leased.ID); got.NotBefore.Sub(start) != c.want {
			t.Errorf("%+v: the next attempt begins after %v", c, got.NotBefore.Sub(start))
		}
		back := start.Add(-25 * time.Hour)
		if err := s.ExtendLeases(t.Context(), back, time.Minute); err != nil {
			t.Fatal(err)
		}
		if got := s.get(leased.ID); got.NotBefore.Sub(back) > c.want || got.NotBefore.Before(back) {
			t.Errorf("%+v: after the clock was set back, the next attempt begins after %v", c, got.NotBefore.Sub(back))
		}
		if next, err := s.NextDue(t.Context()); err != nil || next.Sub(back) > c.want {
			t.Errorf("%+v: the next job is due after %v, %v", c, next.Sub(back), err)
		}
	}
	spec := s.add(func(spec *job.Spec) { spec.NotBefore = start.Add(time.Hour) })
	if err := s.ExtendLeases(t.Context(), start.Add(-25*time.Hour), time.Minute); err != nil {
		t.Fatal(err)
	}
	if got := s.get(spec.ID); !got.NotBefore.Equal(start.Add(time.Hour)) {
		t.Errorf("a time that the user has set is now %v", got.NotBefore)
	}
}

// extendGrace moves the clock in all ways while a worker has been asked to stop: it always gets its whole grace period from then on.
func extendGrace(t *testing.T, s *suite) {
	const grace = 15 * time.Second
	asked, other := s.add(), s.add()
	s.claim(start, 2, func(c *job.Claim) { c.Duration = time.Minute })
	if _, err := s.change(asked.ID, func(j *job.Job) error { _, err := j.Cancel(start, grace, job.Failure{}); return err }); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		at   time.Duration
	}{{"a freeze", 20 * time.Second}, {"a step forward", time.Hour}, {"a step back", -time.Hour}} {
		now := start.Add(c.at)
		if err := s.ExtendLeases(t.Context(), now, grace); err != nil {
			t.Fatal(err)
		}
		if got := s.get(asked.ID); !got.CancelRequested || got.CancelBy.Sub(now) != grace {
			t.Errorf("after %s, the worker has %v to stop, want %v", c.name, got.CancelBy.Sub(now), grace)
		}
		if got := s.get(other.ID); got.CancelRequested || !got.CancelBy.IsZero() {
			t.Errorf("after %s, a job that was not cancelled ends at %v", c.name, got.CancelBy)
		}
		if next, err := s.NextDue(t.Context()); err != nil || next.Sub(now) != grace {
			t.Errorf("after %s, the next job is due after %v, %v", c.name, next.Sub(now), err)
		}
	}
}

func extend(t *testing.T, s *suite) {
	s.add(func(spec *job.Spec) { spec.Deadline = start.Add(12 * time.Second) })
	leased := s.claim(start, 1).Jobs[0]
	for _, c := range []struct{ at, want time.Duration }{{5 * time.Second, 15 * time.Second}, {0, 10 * time.Second}, {5 * time.Second, 15 * time.Second}} {
		if err := s.ExtendLeases(t.Context(), start.Add(c.at), time.Minute); err != nil {
			t.Fatal(err)
		}
		got := s.get(leased.ID)
		if !got.Lease.ExpiresAt.Equal(start.Add(c.want)) || got.Revision != leased.Revision {
			t.Errorf("the lease ends %v after the start in revision %d", got.Lease.ExpiresAt.Sub(start), got.Revision)
		}
	}
	if next, err := s.NextDue(t.Context()); err != nil || !next.Equal(start.Add(12*time.Second)) {
		t.Errorf("the deadline is due at %v, %v", next, err)
	}
}
