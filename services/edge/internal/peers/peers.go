// Package peers exchanges usage reports with the other edges: the requests and streams of the most active users. So a limit per user
// applies to all edges together, although no request waits for another edge. While edges can't reach each other, each of them
// enforces the limits alone.
package peers

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"headway/internal/auth"
	"headway/internal/bus"
)

const (
	// interval is the interval between two reports of an edge, and so the approximate delay with which other edges learn of a
	// change.
	interval = 500 * time.Millisecond
	// silence is the time after its last report when an edge no longer counts.
	silence = 6 * time.Second
	// maxSpent and maxStreams bound a report: the number of users of a rate, and the number of streams. Users with the highest
	// numbers come first.
	maxSpent, maxStreams = 2000, 20_000
)

// Rate is a limit of requests per second and user.
type Rate interface {
	// Spent returns how many requests of users were accepted since the last call. It can leave out users with less than a
	// fraction of what they may do in the interval.
	Spent(fraction float64, interval time.Duration) map[string]int
	// Spend counts requests of a user on other edges.
	Spend(user string, requests int)
}

// Streams are the streams of users.
type Streams interface {
	// Opened returns when the streams of users were opened, in milliseconds since 1970 modulo 2^32, the oldest first. It can leave
	// out users with less than a fraction of the limit.
	Opened(fraction float64) map[string][]uint32
	// Elsewhere sets the streams of a user on all other edges, the oldest first.
	Elsewhere(user string, streams []Stream)
}

// Stream is a stream of another edge.
type Stream struct {
	// Opened is when it was opened, as in Streams.
	Opened uint32
	// First means that it counts as older than a stream of this edge that was opened in the same millisecond. The edges agree on
	// that, so that exactly one of them ends its stream.
	First bool
}

// Config holds what is exchanged. All fields except Metrics are required.
type Config struct {
	Bus bus.Bus
	// Sealer encrypts reports, so that only edges with the same key can read and write them.
	Sealer *auth.Sealer
	// Rates are the rates by name.
	Rates   map[string]Rate
	Streams Streams
	Logger  *slog.Logger
	Metrics prometheus.Registerer
}

// Peers are the other edges. It is safe for concurrent use.
type Peers struct {
	cfg Config
	// id is the name of this edge in its reports.
	id string

	mu     sync.Mutex
	others map[string]*other
}

// other is another edge.
type other struct {
	heard   time.Time
	streams map[string][]uint32
}

// report is the usage report of an edge.
type report struct {
	Edge    string                    `json:"edge"`
	Spent   map[string]map[string]int `json:"spent,omitempty"`
	Streams map[string][]uint32       `json:"streams,omitempty"`
}

// New returns the other edges that use the same bus. Call Run next.
func New(cfg Config) *Peers {
	p := &Peers{cfg: cfg, id: rand.Text(), others: make(map[string]*other)}
	if cfg.Metrics != nil {
		cfg.Metrics.MustRegister(
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "headway_edge_other_edges", Help: "Other edges that share the limits per user with this one."},
				func() float64 { return float64(p.count()) }),
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "headway_edge_bus_connected", Help: "1 while the bus is connected. Without it, each edge enforces the limits per user alone."},
				func() float64 {
					if cfg.Bus.Connected() {
						return 1
					}
					return 0
				}),
		)
	}
	return p
}

func (p *Peers) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.others)
}

// Run exchanges reports until ctx is done.
func (p *Peers) Run(ctx context.Context) {
	if err := p.cfg.Bus.Subscribe(p.receive); err != nil {
		p.cfg.Logger.Error("can't receive the usage reports of other edges, so this edge enforces the limits per user alone", "error", err)
		return
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			p.forget(now)
			p.send()
		}
	}
}

// send publishes the usage on this edge. Users who do less than a part of their limit are left out. In total, what all edges leave
// out for a user is less than half of a limit.
func (p *Peers) send() {
	own := report{Edge: p.id, Spent: make(map[string]map[string]int)}
	others := p.count()
	fraction := 1 / float64(2*(others+1))
	for name, rate := range p.cfg.Rates {
		if spent := rate.Spent(fraction, interval); others > 0 && len(spent) > 0 { // without others, the number is reset
			own.Spent[name] = most(spent, maxSpent, func(int) int { return 1 }, func(n int) int { return n })
		}
	}
	if others > 0 {
		count := func(opened []uint32) int { return len(opened) }
		own.Streams = most(p.cfg.Streams.Opened(fraction), maxStreams, count, count)
	}
	text, err := json.Marshal(own)
	if err != nil { // it has only numbers and texts
		p.cfg.Logger.Error("can't encode a usage report for other edges", "error", err)
		return
	}
	p.cfg.Bus.Publish([]byte(p.cfg.Sealer.Seal(text)))
}

// most returns the entries with the highest ranks whose sizes are not more than room together.
func most[V any](all map[string]V, room int, size, rank func(V) int) map[string]V {
	total := 0
	for _, v := range all {
		total += size(v)
	}
	if total <= room {
		return all
	}
	users := slices.SortedFunc(maps.Keys(all), func(a, b string) int { return cmp.Compare(rank(all[b]), rank(all[a])) })
	few := make(map[string]V)
	for _, user := range users {
		if room -= size(all[user]); room < 0 {
			break
		}
		few[user] = all[user]
	}
	return few
}

// receive applies the report of another edge.
func (p *Peers) receive(data []byte) {
	text, ok := p.cfg.Sealer.Open(string(data))
	var r report
	if !ok || json.Unmarshal(text, &r) != nil || r.Edge == p.id {
		return // of edges with another key, or of a later version
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	from := p.others[r.Edge]
	if from == nil {
		from = &other{}
		p.others[r.Edge] = from
	}
	from.heard = time.Now()
	before := from.streams
	from.streams = r.Streams
	p.elsewhere(before, r.Streams)
	for name, spent := range r.Spent {
		rate := p.cfg.Rates[name]
		if rate == nil {
			continue
		}
		for user, n := range spent {
			rate.Spend(user, n)
		}
	}
}

// forget removes the edges that are silent.
func (p *Peers) forget(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, o := range p.others {
		if now.Sub(o.heard) > silence {
			delete(p.others, id)
			p.elsewhere(o.streams, nil)
		}
	}
}

// elsewhere sets the streams of the users in two reports of an edge, the earlier and the current one. The lock must be held.
func (p *Peers) elsewhere(before, now map[string][]uint32) {
	for user, opened := range before {
		if _, ok := now[user]; !ok && len(opened) > 0 {
			p.cfg.Streams.Elsewhere(user, p.streams(user))
		}
	}
	for user, opened := range now {
		if !slices.Equal(opened, before[user]) {
			p.cfg.Streams.Elsewhere(user, p.streams(user))
		}
	}
}

// streams returns the streams of a user on all other edges. The lock must be held.
func (p *Peers) streams(user string) []Stream {
	var all []Stream
	for id, o := range p.others {
		for _, opened := range o.streams[user] {
			all = append(all, Stream{opened, id < p.id})
		}
	}
	slices.SortFunc(all, func(a, b Stream) int {
		switch {
		case a.Opened != b.Opened:
			return cmp.Compare(int32(a.Opened-b.Opened), 0)
		case a.First == b.First:
			return 0
		case a.First:
			return -1
		}
		return 1
	})
	return all
}

// IsOlder reports whether the stream was opened before one of this edge. The two times are less than 24 days apart.
func (s Stream) IsOlder(opened uint32) bool {
	return int32(s.Opened-opened) < 0 || s.Opened == opened && s.First
}
