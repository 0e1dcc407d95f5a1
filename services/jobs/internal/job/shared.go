package job

import (
	"context"
	"time"
)

// Shared is a Store that several processes use at the same time, called replicas. Each publishes its changes in a
// log of commits: it numbers them, without gaps, and keeps their IDs for at least half a minute. The log is complete, and cheap to
// look at.
type Shared interface {
	Store

	// Ping returns an error if the store can't be reached, or can't be changed.
	Ping(ctx context.Context) error

	// Replica names this process among the replicas.
	Replica() string

	// Name returns a name that all replicas have in common, and no others.
	Name(ctx context.Context) (string, error)

	// Alone reports whether no other replica is connected. If so, there is no leader.
	Alone(ctx context.Context) (bool, error)

	// Tick records that this replica is alive, and returns what it needs to know about the others. If no replica has recorded that for longer
	// than t.MaxGap, no worker could renew its lease, so Tick also extends all leases, in the same step. At most one replica leads at
	// a time: it stays the leader as long as its ticks are at most t.Lead apart.
	Tick(ctx context.Context, t Tick) (Ticked, error)

	// Leave ends the recording of Tick, so that another replica can lead immediately.
	Leave(ctx context.Context) error

	// Heads returns the numbers of the latest commits of the other replicas.
	Heads(ctx context.Context) (map[string]uint64, error)

	// Since returns up to limit commits of a replica after a number, in their order. If the next one is no longer in the log,
	// the first one that is returned has a later number, or there is none.
	Since(ctx context.Context, replica string, after uint64, limit int) ([]Logged, error)

	// ReadyKinds counts the jobs of these kinds, or of all kinds for nil, that can be leased now, up to limit each.
	ReadyKinds(ctx context.Context, kinds []string, limit int) (map[string]int, error)

	// AnnounceKinds records kinds that have workers at this replica, with the descriptions of some of them.
	AnnounceKinds(ctx context.Context, kinds []string, descriptions []KindDescription) error

	// AnnouncedKinds returns the kinds that a replica has announced within a time, and their latest descriptions.
	AnnouncedKinds(ctx context.Context, within time.Duration) (kinds []string, descriptions []KindDescription, err error)
}

// Tick is the record of a replica about itself.
type Tick struct {
	MaxGap   time.Duration
	Grace    time.Duration // with which ExtendLeases is called
	Lead     time.Duration
	Watching bool // the replica has watchers
}

// Ticked is the result of a Tick.
type Ticked struct {
	Now      time.Time     // of the store's clock
	Gap      time.Duration // since any replica was alive, if that was too long, so that the leases were extended; otherwise 0
	Leads    bool          // this replica is the leader
	Others   int           // other replicas that are alive
	Watching bool          // another replica has watchers
}

// Logged is a commit in the log.
type Logged struct {
	Number  uint64
	Jobs    []string // the IDs of jobs whose revision grew
	Output  []string // the IDs of jobs whose output grew
	Deleted []Deleted
}
