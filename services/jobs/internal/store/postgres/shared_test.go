package postgres

import (
	"crypto/rand"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"headway/services/jobs/internal/job"
)

// replicas opens a new database twice.
func replicas(t *testing.T) (a, b *Store) {
	t.Helper()
	url := database(t)
	var all [2]*Store
	for i := range all {
		s, err := Open(t.Context(), url, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		all[i] = s
	}
	return all[0], all[1]
}

func update(t *testing.T, s *Store, id string, change func(*job.Job) error) error {
	t.Helper()
	_, errs := s.Update(t.Context(), []string{id}, func(_ int, j *job.Job) error { return change(j) })
	return errs[0]
}

func claimOne(t *testing.T, s *Store) job.Job {
	t.Helper()
	claimed, err := s.Claim(t.Context(), job.Claim{Kinds: []string{"crawl"}, Max: 1, Now: time.Now, Duration: time.Minute, Token: rand.Text})
	if err != nil || len(claimed.Jobs) != 1 {
		t.Fatal(claimed, err)
	}
	return claimed.Jobs[0]
}

// A replica has the row of an active job in memory. In the meantime, another one ends the lease and grants another.
func TestOutdatedRowRefusesNoValidLease(t *testing.T) {
	a, b := replicas(t)
	add(t, a)
	first := claimOne(t, a)
	touch(t, a, first.ID) // it is in memory now
	if err := update(t, b, first.ID, func(j *job.Job) error { return j.Release(time.Now(), first.Lease.Token, nil) }); err != nil {
		t.Fatal(err)
	}
	second := claimOne(t, b)
	fenced := func(token string) func(*job.Job) error {
		return func(j *job.Job) error {
			if err := j.Fence(token); err != nil {
				return err
			}
			j.Touch(time.Now())
			return nil
		}
	}
	if err := update(t, a, first.ID, fenced(second.Lease.Token)); err != nil {
		t.Errorf("the valid lease gives %v", err)
	}
	if err := update(t, a, first.ID, fenced(first.Lease.Token)); !errors.Is(err, job.ErrLeaseLost) {
		t.Errorf("the earlier lease gives %v", err)
	}
	if _, err := a.AppendOutput(t.Context(), first.ID, first.Lease.Token, 0, []byte("old"), 100); !errors.Is(err, job.ErrLeaseLost) {
		t.Errorf("output of the earlier lease gives %v", err)
	}
}

func TestOutputAlternatesBetweenReplicas(t *testing.T) {
	a, b := replicas(t)
	add(t, a)
	j := claimOne(t, a)
	touch(t, a, j.ID)
	var length int64
	for i, s := range []*Store{a, b, a, b, a} {
		n, err := s.AppendOutput(t.Context(), j.ID, j.Lease.Token, length, []byte("text"), 100)
		if err != nil || n != length+4 {
			t.Fatalf("append %d at byte %d: %d, %v", i, length, n, err)
		}
		if again, err := s.AppendOutput(t.Context(), j.ID, j.Lease.Token, length, []byte("text"), 100); err != nil || again != n {
			t.Fatalf("append %d again: %d, %v", i, again, err)
		}
		length = n
	}
	got, err := b.ReadOutput(t.Context(), j.ID, 0, 100)
	if err != nil || string(got.Data) != "texttexttexttexttext" {
		t.Errorf("the output is %q, %v", got.Data, err)
	}
}

func TestLogHasEveryCommitOfOthersInOrder(t *testing.T) {
	a, b := replicas(t)
	if heads, err := b.Heads(t.Context()); err != nil || len(heads) != 0 {
		t.Fatalf("before the first commit, the heads are %v, %v", heads, err)
	}
	first, second := add(t, a), add(t, a)
	touch(t, a, first.ID)
	add(t, b)
	if err := update(t, a, second.ID, func(j *job.Job) error { _, err := j.Cancel(time.Now(), 0, job.Failure{}); return err }); err != nil {
		t.Fatal(err)
	}
	if err := a.Delete(t.Context(), second.ID, func(*job.Job) error { return nil }); err != nil {
		t.Fatal(err)
	}
	heads, err := b.Heads(t.Context())
	if err != nil || len(heads) != 1 || heads[a.Replica()] != 5 {
		t.Fatalf("the heads are %v, %v, want 5 commits of the other replica", heads, err)
	}
	var numbers []uint64
	var jobs []string
	for after := uint64(0); ; {
		logged, err := b.Since(t.Context(), a.Replica(), after, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range logged {
			numbers, jobs, after = append(numbers, l.Number), append(jobs, l.Jobs...), l.Number
			if l.Number == 5 && (len(l.Deleted) != 1 || l.Deleted[0].ID != second.ID || !l.Deleted[0].CreatedAt.Equal(second.CreatedAt)) {
				t.Errorf("the deletion is %v", l.Deleted)
			}
		}
		if len(logged) == 0 {
			break
		}
	}
	if want := []uint64{1, 2, 3, 4, 5}; !slices.Equal(numbers, want) {
		t.Errorf("the numbers are %v", numbers)
	}
	if want := []string{first.ID, second.ID, first.ID, second.ID}; !slices.Equal(jobs, want) {
		t.Errorf("the jobs are %v, want %v", jobs, want)
	}
	found, err := b.GetAll(t.Context(), []string{first.ID, second.ID})
	if err != nil || len(found) != 1 || found[0].ID != first.ID || found[0].Revision != 2 {
		t.Errorf("the jobs are %v, %v", found, err)
	}
}

func TestOneReplicaLeadsAtATime(t *testing.T) {
	a, b := replicas(t)
	tick := func(s *Store, lead time.Duration) job.Ticked {
		t.Helper()
		ticked, err := s.Tick(t.Context(), job.Tick{MaxGap: time.Hour, Lead: lead, Watching: s == a})
		if err != nil {
			t.Fatal(err)
		}
		return ticked
	}
	if got := tick(a, time.Hour); !got.Leads || got.Others != 0 || got.Watching {
		t.Errorf("the first replica gets %+v", got)
	}
	if got := tick(b, time.Hour); got.Leads || got.Others != 1 || !got.Watching {
		t.Errorf("the second replica gets %+v", got)
	}
	if got := tick(a, time.Millisecond); !got.Leads || got.Others != 1 || got.Watching {
		t.Errorf("the first replica gets %+v later", got)
	}
	time.Sleep(20 * time.Millisecond) // it is late
	if got := tick(b, time.Hour); !got.Leads {
		t.Errorf("after the leader was late, another one gets %+v", got)
	}
	if got := tick(a, time.Hour); got.Leads {
		t.Error("two lead")
	}
	if err := b.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := tick(a, time.Hour); !got.Leads || got.Others != 0 {
		t.Errorf("after the leader has left, the other gets %+v", got)
	}
	if alone, err := a.Alone(t.Context()); err != nil || alone {
		t.Errorf("with another connection, Alone is %v, %v", alone, err)
	}
	if err := b.changes.conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for alone := false; !alone; { // the server ends the session
		var err error
		if alone, err = a.Alone(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// The clock of the database was set back by an hour while the leader died. Another replica leads after the usual time, not an hour later,
// and the dead one doesn't count.
func TestDeadLeaderLeadsNoLongerAfterStepBack(t *testing.T) {
	a, b := replicas(t)
	tick := job.Tick{MaxGap: 2 * time.Second, Lead: 50 * time.Millisecond, Watching: true}
	if _, err := a.Tick(t.Context(), tick); err != nil {
		t.Fatal(err)
	}
	if err := a.AnnounceKinds(t.Context(), []string{"crawl"}, nil); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		`UPDATE service SET alive_at = alive_at + interval '1 hour', lead_until = lead_until + interval '1 hour'`,
		`UPDATE replicas SET alive_at = alive_at + interval '1 hour'`,
		`UPDATE worker_kinds SET seen_at = seen_at + interval '1 hour'`,
	} {
		if _, err := a.reads.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	tick.Watching = false
	for leads := false; !leads; {
		ticked, err := b.Tick(t.Context(), tick)
		if err != nil {
			t.Fatal(err)
		}
		if leads = ticked.Leads; ticked.Others != 0 || ticked.Watching {
			t.Fatalf("the replica gets %+v", ticked)
		}
	}
	if kinds, _, err := b.AnnouncedKinds(t.Context(), 30*time.Second); err != nil || len(kinds) != 0 {
		t.Errorf("the kinds of the dead replica are %v, %v", kinds, err)
	}
}

func TestGapOfAllReplicasExtendsLeasesOnce(t *testing.T) {
	a, b := replicas(t)
	add(t, a)
	j := claimOne(t, a)
	if _, err := a.reads.Exec(t.Context(), `UPDATE service SET alive_at = alive_at - interval '1 minute'`); err != nil {
		t.Fatal(err)
	}
	if _, err := a.reads.Exec(t.Context(), `UPDATE runs SET lease_expires_at = 1, due_at = 1`); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	gaps := 0
	for _, s := range []*Store{a, b} {
		wg.Go(func() {
			ticked, err := s.Tick(t.Context(), job.Tick{MaxGap: 2 * time.Second, Lead: time.Second})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			if ticked.Gap > 0 {
				gaps++
			}
		})
	}
	wg.Wait()
	got, err := b.Get(t.Context(), j.ID)
	if err != nil || gaps != 1 || time.Until(got.Lease.ExpiresAt) < 50*time.Second {
		t.Errorf("%d replicas found the gap, and the lease lasts until %v, %v", gaps, got.Lease.ExpiresAt, err)
	}
}

// Both replicas begin the same limit at the same time, again and again.
func TestReplicasShareLimits(t *testing.T) {
	a, b := replicas(t)
	for range 20 {
		key := rand.Text()
		var wg sync.WaitGroup
		for _, s := range []*Store{a, b} {
			wg.Go(func() {
				spec := job.Spec{Kind: "crawl", Owner: "alice", Limit: job.Limit{Key: key, MaxActive: 1}}
				j, err := job.New(spec, time.Now())
				if err == nil {
					_, _, err = s.Create(t.Context(), j, "", spec.Fingerprint())
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		var ready, limited int
		if err := a.reads.QueryRow(t.Context(), `SELECT count(*) FILTER (WHERE ready), count(*) FILTER (WHERE limited) FROM jobs WHERE limit_key = $1`, key).
			Scan(&ready, &limited); err != nil {
			t.Fatal(err)
		}
		if ready != 1 || limited != 1 {
			t.Fatalf("%d jobs are ready and %d wait, want one of each", ready, limited)
		}
	}
}

// TestHeartbeatDoesNotChangeLockedJob changes a job that is not in memory, while another replica stores a heartbeat from memory, which
// locks only the row of the run. Two different states must never have the same revision.
func TestHeartbeatDoesNotChangeLockedJob(t *testing.T) {
	a, b := replicas(t)
	add(t, a)
	j := claimOne(t, a)
	touch(t, b, j.ID) // it is in the memory of b, and outdated in that of a
	type result struct {
		revision uint32
		err      error
	}
	var heartbeats []chan result
	released, errs := a.Update(t.Context(), []string{j.ID}, func(_ int, r *job.Job) error {
		beat := make(chan result, 1)
		heartbeats = append(heartbeats, beat)
		stored := make(chan struct{})
		go func() {
			defer close(stored)
			all, errs := b.Update(t.Context(), []string{j.ID}, func(_ int, r *job.Job) error {
				if err := r.Fence(j.Lease.Token); err != nil {
					return err
				}
				r.Touch(time.Now())
				return nil
			})
			beat <- result{all[0].Revision, errs[0]}
		}()
		select {
		case <-stored:
		case <-time.After(500 * time.Millisecond): // it waits for this transaction
		}
		return r.Release(time.Now(), j.Lease.Token, nil)
	})
	if errs[0] != nil {
		t.Fatal(errs[0])
	}
	for _, beat := range heartbeats {
		if beat := <-beat; beat.err == nil && beat.revision >= released[0].Revision {
			t.Errorf("a heartbeat has revision %d, and the later release %d", beat.revision, released[0].Revision)
		}
	}
}

// TestFrozenReplicaKeepsNoRows freezes a replica in the middle of a transaction that has locked a job.
func TestFrozenReplicaKeepsNoRows(t *testing.T) {
	frozen, other := replicas(t)
	j := add(t, frozen)
	if _, err := other.Get(t.Context(), j.ID); err != nil {
		t.Fatal(err)
	}
	locked, thaw := make(chan struct{}, 2), make(chan struct{})
	wake := sync.OnceFunc(func() { close(thaw) })
	t.Cleanup(wake) // before the stores are closed
	done := make(chan error, 1)
	go func() {
		_, errs := frozen.Update(t.Context(), []string{j.ID}, func(_ int, j *job.Job) error {
			locked <- struct{}{}
			<-thaw
			j.Touch(time.Now())
			return nil
		})
		done <- errs[0]
	}()
	<-locked
	touch(t, other, j.ID)
	wake()
	if err := <-done; err != nil {
		t.Errorf("after it was frozen, a replica continues with %v", err)
	}
	if now, err := other.Get(t.Context(), j.ID); err != nil || now.Revision != j.Revision+2 {
		t.Errorf("revision %d after two changes of revision %d, %v", now.Revision, j.Revision, err)
	}
}
