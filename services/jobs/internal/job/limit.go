package job

import (
	"fmt"
	"time"
)

// Limit bounds the jobs of an owner that have the same key, whatever their kinds.
type Limit struct {
	Key       string        // "" for no limit
	MaxActive int           // jobs that are ready or active at a time; 0 for no limit
	Interval  time.Duration // at least, between two leases; 0 for no limit
}

// maxLimitKey is the maximum number of characters in a key.
const maxLimitKey = 200

func (l Limit) problem() string {
	_, long := truncate(l.Key, maxLimitKey)
	switch {
	case l == Limit{}:
		return ""
	case l.Key == "":
		return "needs a key"
	case long:
		return fmt.Sprintf("has a key of more than %d characters", maxLimitKey)
	case l.MaxActive < 0 || l.Interval < 0:
		return "has a negative number"
	case l.MaxActive == 0 && l.Interval == 0:
		return "needs max_active or max_starts"
	}
	return ""
}

// admitted reports whether the job counts toward its limit.
func (j *Job) admitted() bool { return j.Limit.Key != "" && (j.Ready() || j.Status == Active) }

// Admit lets a job become ready that has waited because of its limit.
func (j *Job) Admit(now time.Time) {
	now = Instant(now)
	j.Limited, j.ReadyAt = false, now
	j.touch(now)
}

// Gate is the state of a limit. Stores keep one per owner and key, and change it in the step that changes its jobs.
type Gate struct {
	MaxActive int
	Interval  time.Duration
	Admitted  int       // jobs that are ready or active
	Ready     int       // of those
	Held      int       // jobs that wait
	NextStart time.Time // no lease before
	Now       time.Time // of the latest change
}

// Follow records a change of a job with this limit. A job that would become ready waits if the gate is closed.
func (g *Gate) Follow(before, after *Job) {
	if after.Revision != before.Revision { // otherwise, its time is that of an earlier change, before a step of the clock
		g.Now = latest(g.Now, after.UpdatedAt)
	}
	if before.ID == "" {
		g.MaxActive, g.Interval = after.Limit.MaxActive, after.Limit.Interval
	}
	if before.ID != "" {
		g.count(before, -1)
	}
	admitted := before.Limited && !after.Limited                                    // by Admit
	if after.Ready() && !before.Ready() && !admitted && (g.Held > 0 || !g.Open()) { // those that wait already come first
		after.Limited, after.QueuePosition, after.ReadyAt = true, 0, time.Time{}
	}
	if after.Status == Active && before.Status != Active {
		g.NextStart = latest(g.NextStart, g.Now).Add(g.Interval)
	}
	g.count(after, 1)
}

func (g *Gate) count(j *Job, n int) {
	if j.Limited {
		g.Held += n
	}
	if j.admitted() {
		g.Admitted += n
	}
	if j.admitted() && j.Ready() {
		g.Ready += n
	}
}

// Open reports whether another job can become ready. With an interval, only one job is ready at a time, so that leases cannot follow
// each other faster.
func (g *Gate) Open() bool { return g.hasRoom() && (g.Interval == 0 || !g.NextStart.After(g.Now)) }

// hasRoom reports whether time alone keeps the gate closed.
func (g *Gate) hasRoom() bool {
	return (g.MaxActive == 0 || g.Admitted < g.MaxActive) && (g.Interval == 0 || g.Ready == 0)
}

// Due returns when time alone opens the gate for a job that waits. The zero time means never.
func (g *Gate) Due() time.Time {
	if g.Held > 0 && g.hasRoom() {
		return g.NextStart
	}
	return time.Time{}
}

// Idle reports whether the gate is in the state of a new one.
func (g *Gate) Idle() bool { return g.Admitted == 0 && g.Held == 0 && !g.NextStart.After(g.Now) }

func latest(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// GateKey identifies a limit.
type GateKey struct{ Owner, Key string }

// Gates are the limits that a step concerns. A store loads each before the first of its changes, and saves all at the end.
type Gates struct {
	all  map[GateKey]*Gate
	load func(GateKey) (Gate, error)
}

// NewGates returns Gates that load reads.
func NewGates(load func(GateKey) (Gate, error)) *Gates {
	return &Gates{all: map[GateKey]*Gate{}, load: load}
}

// Get returns the gate of a limit.
func (g *Gates) Get(of GateKey) (*Gate, error) {
	if gate := g.all[of]; gate != nil {
		return gate, nil
	}
	gate, err := g.load(of)
	if err != nil {
		return nil, err
	}
	g.all[of] = &gate
	return &gate, nil
}

// Follow records a change of a job. If the job would become ready and its limit leaves no room, it is Limited afterward.
func (g *Gates) Follow(before, after *Job) error {
	if after.Limit.Key == "" {
		return nil
	}
	gate, err := g.Get(GateKey{after.Owner, after.Limit.Key})
	if err != nil {
		return err
	}
	gate.Follow(before, after)
	return nil
}

// Openings returns the limits that let more jobs become ready, each with the maximum number of these jobs.
func (g *Gates) Openings() map[GateKey]int {
	var open map[GateKey]int
	for of, gate := range g.all {
		if gate.Held <= 0 || !gate.Open() {
			continue
		}
		n := gate.Held
		if gate.MaxActive > 0 {
			n = min(n, gate.MaxActive-gate.Admitted)
		}
		if gate.Interval > 0 {
			n = 1
		}
		if open == nil {
			open = map[GateKey]int{}
		}
		open[of] = n
	}
	return open
}

// All returns the gates that were loaded.
func (g *Gates) All() map[GateKey]*Gate { return g.all }

// Due returns when the first of the gates opens by time alone. The zero time means never.
func (g *Gates) Due() (due time.Time) {
	for _, gate := range g.all {
		due = earliest(due, gate.Due())
	}
	return due
}
