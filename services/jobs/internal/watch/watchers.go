// Package watch tells everyone who watches a job of its newest state.
//
// What travels is state, not events. A watcher has one slot per job: a newer snapshot takes the place of one that was
// not fetched yet, so a slow watcher costs one snapshot per job and holds nobody up, and the latest state always
// arrives. Whoever needs the state from before must subscribe first and read then; see Watcher.Seen.
package watch

import (
	"context"
	"slices"
	"sync"

	"headway/services/jobs/internal/job"
)

// Hub hands snapshots on to watchers. The zero value is not ready; use New.
type Hub struct {
	mu       sync.Mutex
	byJob    map[string]map[*Watcher]struct{}
	byOwner  map[string]map[*Watcher]struct{}
	everyone map[*Watcher]struct{}
	output   map[string]map[chan struct{}]struct{}
}

// New is a hub without watchers.
func New() *Hub {
	return &Hub{
		byJob:    map[string]map[*Watcher]struct{}{},
		byOwner:  map[string]map[*Watcher]struct{}{},
		everyone: map[*Watcher]struct{}{},
		output:   map[string]map[chan struct{}]struct{}{},
	}
}

// Publish hands on what has become durable. Calls must come in the order of the commits.
func (h *Hub) Publish(c job.Commit) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range c.Jobs {
		j := &c.Jobs[i]
		var snapshot *Snapshot // one for all who watch
		h.each(j.ID, j.Owner, j.Kind, func(w *Watcher) {
			if snapshot == nil {
				snapshot = &Snapshot{Job: *j}
			}
			w.offer(snapshot)
		})
		if j.Status.Terminal() {
			h.wakeReaders(j.ID)
		}
	}
	for _, d := range c.Deleted {
		h.each(d.ID, d.Owner, d.Kind, func(w *Watcher) { w.drop(d.ID) })
		h.wakeReaders(d.ID)
	}
	for _, o := range c.Output {
		h.wakeReaders(o.ID)
	}
}

// each calls fn for everyone who watches the job. The lock is held.
func (h *Hub) each(id, owner, kind string, fn func(*Watcher)) {
	for w := range h.byJob[id] {
		fn(w)
	}
	for _, set := range []map[*Watcher]struct{}{h.byOwner[owner], h.everyone} {
		for w := range set {
			if w.wants(kind) {
				fn(w)
			}
		}
	}
}

func (h *Hub) wakeReaders(id string) {
	for wake := range h.output[id] {
		select {
		case wake <- struct{}{}:
		default: // it is awake already
		}
	}
}

// Watched tells whether anybody watches the job, alone or among others.
func (h *Hub) Watched(id, owner, kind string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.byJob[id]) > 0 {
		return true
	}
	for _, set := range []map[*Watcher]struct{}{h.byOwner[owner], h.everyone} {
		for w := range set {
			if w.wants(kind) {
				return true
			}
		}
	}
	return false
}

// Watchers counts those who watch now: single jobs, an owner's, everyone's, and outputs.
func (h *Hub) Watchers() (jobs, owners, everyone, outputs int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, set := range h.byJob {
		jobs += len(set)
	}
	for _, set := range h.byOwner {
		owners += len(set)
	}
	for _, set := range h.output {
		outputs += len(set)
	}
	return jobs, owners, len(h.everyone), outputs
}

// Job watches one job. A terminal snapshot is kept until it is fetched, whatever comes after.
func (h *Hub) Job(id string) *Watcher {
	w := newWatcher(h)
	w.untilTerminal = true
	h.join(h.byJob, id, w)
	return w
}

// Owner watches all jobs of an owner; of these kinds only, if there are any.
func (h *Hub) Owner(owner string, kinds []string) *Watcher {
	w := newWatcher(h)
	w.kinds = kinds
	h.join(h.byOwner, owner, w)
	return w
}

// Everyone watches all jobs; of these kinds only, if there are any.
func (h *Hub) Everyone(kinds []string) *Watcher {
	w := newWatcher(h)
	w.kinds = kinds
	h.mu.Lock()
	defer h.mu.Unlock()
	h.everyone[w] = struct{}{}
	w.leave = func() { delete(h.everyone, w) }
	return w
}

func (h *Hub) join(sets map[string]map[*Watcher]struct{}, key string, w *Watcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if sets[key] == nil {
		sets[key] = map[*Watcher]struct{}{}
	}
	sets[key][w] = struct{}{}
	w.leave = func() {
		delete(sets[key], w)
		if len(sets[key]) == 0 {
			delete(sets, key)
		}
	}
}

// Output gives a channel that gets a token when the job's output has grown, or the job has ended or gone. Call stop
// when done.
func (h *Hub) Output(id string) (grown <-chan struct{}, stop func()) {
	wake := make(chan struct{}, 1)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.output[id] == nil {
		h.output[id] = map[chan struct{}]struct{}{}
	}
	h.output[id][wake] = struct{}{}
	return wake, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.output[id], wake)
		if len(h.output[id]) == 0 {
			delete(h.output, id)
		}
	}
}

// Snapshot is a job as all its watchers get it, encoded once for all of them.
type Snapshot struct {
	job.Job

	once    sync.Once
	encoded []byte
}

// Encoded is what encode made of the job when it was first asked for; nobody may change it.
func (s *Snapshot) Encoded(encode func(*job.Job) []byte) []byte {
	s.once.Do(func() { s.encoded = encode(&s.Job) })
	return s.encoded
}

// Watcher is one consumer's slots. Fetch from one goroutine at a time.
type Watcher struct {
	hub           *Hub
	kinds         []string
	untilTerminal bool
	leave         func() // called with the hub's lock

	mu      sync.Mutex
	slots   map[string]*Snapshot // what has not been fetched yet
	order   []string             // the jobs in slots, the longest waiting first
	deleted []string
	seen    map[string]uint32 // revisions that were read from the store, until a newer one has passed
	wake    chan struct{}
}

func newWatcher(h *Hub) *Watcher {
	return &Watcher{hub: h, slots: map[string]*Snapshot{}, wake: make(chan struct{}, 1)}
}

func (w *Watcher) wants(kind string) bool {
	return len(w.kinds) == 0 || slices.Contains(w.kinds, kind)
}

// Stop ends the watch.
func (w *Watcher) Stop() {
	w.hub.mu.Lock()
	defer w.hub.mu.Unlock()
	w.leave()
}

// offer puts the snapshot into the job's slot.
func (w *Watcher) offer(j *Snapshot) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if revision, ok := w.seen[j.ID]; ok {
		if j.Revision <= revision {
			return
		}
		delete(w.seen, j.ID) // all that follow are newer still
	}
	present, ok := w.slots[j.ID]
	switch {
	case !ok:
		w.order = append(w.order, j.ID)
	case w.untilTerminal && present.Status.Terminal():
		return
	}
	w.slots[j.ID] = j
	w.signal()
}

// drop tells that the job is gone, in place of anything that waits in its slot.
func (w *Watcher) drop(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if present, ok := w.slots[id]; ok {
		if w.untilTerminal && present.Status.Terminal() {
			return
		}
		delete(w.slots, id)
		w.order = slices.DeleteFunc(w.order, func(other string) bool { return other == id })
	}
	delete(w.seen, id)
	w.deleted = append(w.deleted, id)
	w.signal()
}

func (w *Watcher) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Seen says that the consumer has the job at this revision from elsewhere: it is not given that, or an older one,
// again. A newer one that waits already stays.
func (w *Watcher) Seen(id string, revision uint32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.seen == nil {
		w.seen = map[string]uint32{}
	}
	w.seen[id] = revision
	if present, ok := w.slots[id]; ok && present.Revision <= revision {
		delete(w.slots, id)
		w.order = slices.DeleteFunc(w.order, func(other string) bool { return other == id })
	}
}

// Next waits for news and gives at most limit snapshots, each newer than all given before for its job, and the jobs
// that were deleted. The context's cause is the only error.
func (w *Watcher) Next(ctx context.Context, limit int) (jobs []*Snapshot, deleted []string, err error) {
	for {
		if jobs, deleted = w.take(limit); len(jobs)+len(deleted) > 0 {
			return jobs, deleted, nil
		}
		select {
		case <-ctx.Done():
			return nil, nil, context.Cause(ctx)
		case <-w.wake:
		}
	}
}

func (w *Watcher) take(limit int) (jobs []*Snapshot, deleted []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := min(limit, len(w.order))
	for _, id := range w.order[:n] {
		jobs = append(jobs, w.slots[id])
		delete(w.slots, id)
	}
	w.order = append(w.order[:0:0], w.order[n:]...)
	deleted, w.deleted = w.deleted, nil
	return jobs, deleted
}
