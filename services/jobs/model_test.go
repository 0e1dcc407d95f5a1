package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"headway/internal/blobs"
	"headway/services/jobs/internal/dispatch"
	"headway/services/jobs/internal/heartbeat"
	"headway/services/jobs/internal/job"
	"headway/services/jobs/internal/lifecycle"
	"headway/services/jobs/internal/store/sqlite"
)

// testConfig is the configuration of the tests. Operations happen at whole multiples of step, and changes caused by
// time happen in between. Segments of outputs have the minimum size, so that a few appends fill one.
var testConfig = Config{Settings: Settings{
	LeaseDuration: 10*time.Second + step/2, HeartbeatInterval: 3 * time.Second, ProgressInterval: 250 * time.Millisecond,
	IdleProgressInterval: time.Second, CancelGrace: 15*time.Second + step/2, StalledAfter: 30 * time.Second,
	Retention: 1000 * time.Hour, MaxActive: 3, OutputSegmentBytes: 64 << 10, MaxOutputBytes: 1 << 20, MaxResultBytes: 1 << 20,
}, Logger: slog.New(slog.DiscardHandler)}

const step = 500 * time.Millisecond

// service is the wiring of a running service, without its port. It has the methods of its parts.
type service struct {
	*rooms
	*lifecycle.Lifecycle
	*heartbeat.Keeper
	*dispatch.Dispatcher
}

// start starts a service on the database file, whose store can be wrapped. stop ends it.
func start(t *testing.T, path string, cfg Config, wrap ...func(job.Store) job.Store) (s *service, stop func()) {
	t.Helper()
	return startOn(t, filepath.Join(filepath.Dir(path), "outputs"), cfg, func(ctx context.Context, observe job.Observer) (job.Store, error) {
		return sqlite.Open(ctx, path, observe)
	}, wrap...)
}

// opener opens a store, which calls observe with its commits.
type opener func(ctx context.Context, observe job.Observer) (job.Store, error)

// startOn is start for any store. The outputs are blobs in the folder.
func startOn(t *testing.T, outputs string, cfg Config, openStore opener, wrap ...func(job.Store) job.Store) (s *service, stop func()) {
	t.Helper()
	bucket, err := blobs.Open(t.Context(), blobs.FolderURL(outputs))
	if err != nil {
		t.Fatal(err)
	}
	r, err := open(t.Context(), cfg, bucket, func(ctx context.Context, observe job.Observer) (job.Store, error) {
		store, err := openStore(ctx, observe)
		for _, w := range wrap {
			store = w(store)
		}
		return store, err
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.run(ctx) }()
	return &service{r, r.Lifecycle, r.Keeper, r.Dispatcher}, func() {
		cancel()
		if err := errors.Join(<-done, r.store.Close(), bucket.Close()); err != nil {
			t.Errorf("the service ended with %v", err)
		}
	}
}

// modelJob is a job in the reference model.
type modelJob struct {
	id, owner  string
	created    int
	rank       int64
	status     job.Status
	attempt    uint32
	most       uint32
	expires    time.Time
	cancelBy   time.Time // zero unless a cancellation was requested
	notBefore  time.Time
	deadline   time.Time
	token      string
	old        []string // tokens that were valid before
	reason     string
	checkpoint string
	percent    float64
	revision   uint32
	heard      bool
	unheard    int // leases in a row that expired before the worker called
	output     int // number of bytes; letter returns each of them
	spec       job.Spec
}

// model is the reference model: the guarantees of the service in the simplest form.
type model struct {
	jobs []*modelJob
}

// elapse makes all changes that are due up to now, in their order.
func (m *model) elapse(now time.Time) {
	for _, j := range m.jobs {
		for {
			var due time.Time
			for _, t := range j.dues() {
				if !t.IsZero() && (due.IsZero() || t.Before(due)) {
					due = t
				}
			}
			if due.IsZero() || due.After(now) {
				break
			}
			j.at(due)
		}
	}
}

// restart is what a start of the service does: leases and grace periods last for their whole time again.
func (m *model) restart(now time.Time) {
	for _, j := range m.jobs {
		if j.status == job.Active {
			j.expires = now.Add(max(testConfig.LeaseDuration, j.expires.Sub(now)))
		}
		if !j.cancelBy.IsZero() {
			j.cancelBy = now.Add(testConfig.CancelGrace)
		}
	}
}

func (j *modelJob) dues() []time.Time {
	switch j.status {
	case job.Queued:
		return []time.Time{j.notBefore, j.deadline}
	case job.Active:
		return []time.Time{j.expires, j.deadline, j.cancelBy}
	case job.Waiting:
		return []time.Time{j.deadline}
	}
	return nil
}

func (j *modelJob) at(due time.Time) {
	switch due {
	case j.deadline:
		j.end(job.Failed, job.ReasonDeadlinePassed)
	case j.cancelBy:
		j.end(job.Cancelled, job.ReasonCancelledByUser)
	case j.notBefore:
		j.notBefore = time.Time{}
	default: // the lease
		switch {
		case !j.cancelBy.IsZero():
			j.end(job.Cancelled, job.ReasonCancelledByUser)
		case !j.heard && j.most > 1 && j.unheard < 3:
			unheard := j.unheard + 1
			j.attempt--
			j.reason = job.ReasonLeaseExpired
			j.leave(job.Queued)
			j.unheard = unheard
		case j.attempt >= j.most:
			j.end(job.Failed, job.ReasonLeaseExpired)
		default:
			j.reason = job.ReasonLeaseExpired
			j.leave(job.Queued)
		}
	}
}

func (j *modelJob) end(status job.Status, reason string) {
	j.reason = reason
	j.leave(status)
}

// leave takes the job from its worker.
func (j *modelJob) leave(status job.Status) {
	if j.token != "" {
		j.old = append(j.old, j.token)
	}
	j.status, j.token, j.cancelBy, j.notBefore, j.unheard = status, "", time.Time{}, time.Time{}, 0
}

// leasable returns the number of jobs that a claim of up to n must return: the ready jobs of each owner, up to the
// maximum of active jobs.
func (m *model) leasable(n int) int {
	sum := 0
	for _, owner := range []string{"alice", "bob"} {
		sum += min(len(m.readyOf(owner)), testConfig.MaxActive-m.activeOf(owner))
	}
	return min(n, sum)
}

// activeOf returns the number of the owner's active jobs.
func (m *model) activeOf(owner string) (n int) {
	for _, j := range m.jobs {
		if j.owner == owner && j.status == job.Active {
			n++
		}
	}
	return n
}

// readyOf returns the owner's ready jobs in the order in which they must be leased.
func (m *model) readyOf(owner string) (ready []*modelJob) {
	for _, j := range m.jobs {
		if j.owner == owner && j.status == job.Queued && j.notBefore.IsZero() {
			ready = append(ready, j)
		}
	}
	slices.SortFunc(ready, func(a, b *modelJob) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.created, b.created))
	})
	return ready
}

func TestServiceBehavesLikeTheModel(t *testing.T) {
	for name, of := range stores(t) {
		t.Run(name, func(t *testing.T) {
			sealed := int64(0)
			for _, seed := range []uint64{0, 1, 2, 3, 4, 5, 7000, 7001} {
				t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { sealed += playSeed(t, seed, of(t)) })
			}
			if sealed == 0 {
				t.Error("no output was long enough to be sealed")
			}
		})
	}
}

// playSeed runs the operations that the seed selects. It returns the number of sealed output bytes.
func playSeed(t *testing.T, seed uint64, of opener) (sealed int64) {
	outputs := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		p := &play{t: t, random: rand.New(rand.NewPCG(seed, 7)), start: func() (*service, func()) { return startOn(t, outputs, testConfig, of) }}
		p.d, p.stop = p.start()
		defer func() { p.stop() }()
		for range 150 {
			p.operate()
			p.compare()
			time.Sleep(time.Duration(p.random.IntN(8)) * step)
			synctest.Wait()
			p.m.elapse(time.Now())
			p.compare()
		}
		for _, j := range p.m.jobs {
			p.readFrom(j, 0)
			sealed += p.sealed(j)
		}
	})
	return sealed
}

// align waits until the time is a whole multiple of step again, after a call that waited for a commit.
func (p *play) align() {
	now := time.Now()
	if late := now.Sub(now.Truncate(step)); late > 0 {
		time.Sleep(step - late)
		synctest.Wait()
		p.m.elapse(time.Now())
	}
}
