package watch

import (
	"math"
	"sync"
	"time"

	"headway/services/jobs/internal/job"
)

// remember is the minimum time for which a delivered revision is remembered. States arrive within half of that (package replica).
const remember = time.Minute

// order drops states that are older than one that was delivered before: the changes of replicas arrive in the order of each replica
// only.
type order struct {
	mu         sync.Mutex
	young, old map[string]mark
	turned     time.Time
}

// mark is the latest state of a job that was delivered.
type mark struct {
	revision uint32 // above all others after a deletion
	created  time.Time
}

// turn forgets the revisions that were remembered long enough. The lock must be held.
func (o *order) turn(now time.Time) {
	if o.young == nil || now.Sub(o.turned) > remember {
		o.young, o.old, o.turned = make(map[string]mark), o.young, now
	}
}

func (o *order) mark(id string) mark {
	if m, known := o.young[id]; known {
		return m
	}
	return o.old[id]
}

// later records a state. It reports whether it is later than those before. The lock must be held.
func (o *order) later(j *job.Job) bool {
	m := o.mark(j.ID)
	if j.Revision <= m.revision && !j.CreatedAt.After(m.created) {
		return false
	}
	o.young[j.ID] = mark{j.Revision, j.CreatedAt}
	return true
}

// deleted records a deletion. It reports whether no later job with the same ID is known. The lock must be held.
func (o *order) deleted(d *job.Deleted) bool {
	if m := o.mark(d.ID); m.revision == math.MaxUint32 || m.created.After(d.CreatedAt) {
		return false
	}
	o.young[d.ID] = mark{math.MaxUint32, d.CreatedAt}
	return true
}
