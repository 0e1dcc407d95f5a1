// Package watch delivers the latest state of jobs to their watchers, by the rules of package fanout: a slow watcher
// skips to the latest state, and the final state of a watched job is always delivered. A watcher that also needs the current
// state must subscribe first, and then read it.
package watch

import (
	"sync"
	"sync/atomic"
	"time"

	"headway/internal/fanout"
	"headway/services/jobs/internal/job"
)

// Watchers delivers snapshots to the watchers of jobs, and wakes the readers of outputs. Use New.
type Watchers struct {
	topics                  fanout.Topics[topic, *Snapshot]
	jobs, owners, allOwners atomic.Int64
	order                   order

	mu      sync.Mutex
	readers map[string]map[chan struct{}]struct{} // by job
}

// topic is a set of jobs: one job, or all jobs of an owner or of all owners, of one kind or of any.
type topic struct {
	scope    scope
	id, kind string
}

type scope int

const (
	oneJob scope = iota
	oneOwner
	allOwners
)

// topics returns the topics that a job belongs to.
func topics(id, owner, kind string) [5]topic {
	return [...]topic{{oneJob, id, ""}, {oneOwner, owner, ""}, {oneOwner, owner, kind}, {allOwners, "", ""}, {allOwners, "", kind}}
}

// Limits on the changes that wait for one watcher, so that a watcher that doesn't read takes little memory.
const (
	maxWaitingBytes = 8 << 20 // of states; of jobs beyond it, only the IDs wait
	maxWaitingJobs  = 1 << 17 // beyond it, the watch ends, and a new one begins with the current states
)

// New returns an empty Watchers.
func New() *Watchers {
	w := &Watchers{readers: map[string]map[chan struct{}]struct{}{}}
	w.topics.Bounds = fanout.Bounds[*Snapshot]{Bytes: maxWaitingBytes, Size: (*Snapshot).size, Shrink: (*Snapshot).stub,
		Things: maxWaitingJobs, Err: job.ErrIncomplete}
	return w
}

// Observe delivers the states that have become durable. Calls must come in the order of the commits. If there are other replicas, use
// Deliver.
func (w *Watchers) Observe(c *job.Commit) {
	for i := range c.Jobs {
		j := &c.Jobs[i]
		of := topics(j.ID, j.Owner, j.Kind)
		w.topics.Publish(func() *Snapshot { return NewSnapshot(j, nil) }, of[:]...)
		if j.Status.Terminal() {
			w.wakeReaders(j.ID)
		}
	}
	for _, d := range c.Deleted {
		of := topics(d.ID, d.Owner, d.Kind)
		w.topics.Drop(d.ID, of[:]...)
		w.wakeReaders(d.ID)
	}
	for _, o := range c.Output {
		w.wakeReaders(o.ID)
	}
}

// Deliver delivers states, then deletions, and wakes the readers of outputs that have grown. The states of a job can come in any
// order: those that are older than one that was delivered are dropped.
func (w *Watchers) Deliver(states []*Snapshot, deleted []job.Deleted, output []string) {
	w.order.mu.Lock()
	defer w.order.mu.Unlock()
	w.order.turn(time.Now())
	for _, s := range states {
		if !w.order.later(s.Job) {
			continue
		}
		of := topics(s.ID, s.Owner, s.Kind)
		w.topics.Publish(func() *Snapshot { return s }, of[:]...)
		if s.Final() {
			w.wakeReaders(s.ID)
		}
	}
	for _, d := range deleted {
		if !w.order.deleted(&d) {
			continue
		}
		of := topics(d.ID, d.Owner, d.Kind)
		w.topics.Drop(d.ID, of[:]...)
		w.wakeReaders(d.ID)
	}
	for _, id := range output {
		w.wakeReaders(id)
	}
}

// End ends all watches with an error, because states might be missing. A new watch begins with the current state.
func (w *Watchers) End(err error) {
	w.topics.End(err)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, wakes := range w.readers {
		for wake := range wakes {
			select {
			case wake <- struct{}{}:
			default:
			}
		}
	}
}

func (w *Watchers) wakeReaders(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for wake := range w.readers[id] {
		select {
		case wake <- struct{}{}:
		default: // it is already awake
		}
	}
}

// Watched reports whether the job is watched, alone or among others.
func (w *Watchers) Watched(id, owner, kind string) bool {
	of := topics(id, owner, kind)
	return w.topics.Watched(of[:]...)
}

// Count returns the number of watchers: of single jobs, of an owner's jobs, of all jobs, and of outputs.
func (w *Watchers) Count() (jobs, owners, all, outputs int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, set := range w.readers {
		outputs += len(set)
	}
	return int(w.jobs.Load()), int(w.owners.Load()), int(w.allOwners.Load()), outputs
}

// Job watches one job. Its final state is always delivered.
func (w *Watchers) Job(id string) *Watcher {
	return w.subscribe(&w.jobs, true, topic{oneJob, id, ""})
}

// Owner watches all jobs of an owner, or only those of the given kinds.
func (w *Watchers) Owner(owner string, kinds []string) *Watcher {
	return w.subscribe(&w.owners, false, ofKinds(topic{oneOwner, owner, ""}, kinds)...)
}

// AllOwners watches all jobs, or only those of the given kinds.
func (w *Watchers) AllOwners(kinds []string) *Watcher {
	return w.subscribe(&w.allOwners, false, ofKinds(topic{allOwners, "", ""}, kinds)...)
}

func ofKinds(t topic, kinds []string) []topic {
	if len(kinds) == 0 {
		return []topic{t}
	}
	of := make([]topic, len(kinds))
	for i, kind := range kinds {
		t.kind = kind
		of[i] = t
	}
	return of
}

func (w *Watchers) subscribe(count *atomic.Int64, keepFinal bool, topics ...topic) *Watcher {
	count.Add(1)
	return &Watcher{Subscriber: w.topics.Subscribe(keepFinal, topics...), count: count}
}

// Watcher receives snapshots of the jobs that it watches.
type Watcher struct {
	*fanout.Subscriber[topic, *Snapshot]
	count *atomic.Int64
}

// Stop ends the watch. Call it once.
func (w *Watcher) Stop() {
	w.count.Add(-1)
	w.Subscriber.Stop()
}

// Output returns a channel that receives a value when the job's output has grown, or when the job has ended or was
// deleted. Call stop when done.
func (w *Watchers) Output(id string) (grown <-chan struct{}, stop func()) {
	wake := make(chan struct{}, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.readers[id] == nil {
		w.readers[id] = map[chan struct{}]struct{}{}
	}
	w.readers[id][wake] = struct{}{}
	return wake, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.readers[id], wake)
		if len(w.readers[id]) == 0 {
			delete(w.readers, id)
		}
	}
}

// Snapshot is one state of a job. All its watchers share it, and it is encoded once for all of them.
type Snapshot struct {
	// Job is nil if only the ID of the job has waited for a slow watcher. Then the job must be read from the store.
	*job.Job

	id       string
	revision uint32
	final    bool
	given    int // bytes of the encoded form of another replica

	once    sync.Once
	encoded []byte
}

// NewSnapshot returns a state of a job. If encoded is not nil, another replica has encoded it, and j can lack data that only the
// encoded snapshot has.
func NewSnapshot(j *job.Job, encoded []byte) *Snapshot {
	with := &struct { // one allocation
		Snapshot
		job job.Job
	}{job: *j}
	s := &with.Snapshot
	s.Job, s.id, s.revision, s.final = &with.job, j.ID, j.Revision, j.Status.Terminal()
	if encoded != nil {
		s.once.Do(func() { s.encoded = encoded })
		s.given = len(encoded)
	}
	return s
}

// Key implements fanout.State.
func (s *Snapshot) Key() string { return s.id }

// Rev implements fanout.State.
func (s *Snapshot) Rev() uint32 { return s.revision }

// Final implements fanout.State.
func (s *Snapshot) Final() bool { return s.final }

// stub returns a snapshot without the job.
func (s *Snapshot) stub() *Snapshot { return &Snapshot{id: s.id, revision: s.revision, final: s.final} }

// size returns the approximate size of the snapshot with its encoded form, in bytes.
func (s *Snapshot) size() int {
	if s.Job == nil {
		return 0
	}
	const fixed, step = 2 << 10, 512
	return fixed + s.given + step*len(s.Progress.Steps) + 4*(len(s.Payload)+len(s.Result)+len(s.Question)+len(s.Answer))
}

// Encoded returns the result of the first call of encode for the job. The bytes must not be changed.
func (s *Snapshot) Encoded(encode func(*job.Job) []byte) []byte {
	s.once.Do(func() { s.encoded = encode(s.Job) })
	return s.encoded
}
