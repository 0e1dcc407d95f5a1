// Package local connects replicas that run in one process.
package local

import (
	"slices"
	"sync"

	"headway/services/jobs/internal/bus"
)

// room is the number of messages that can wait for a subscriber. Further ones are lost.
const room = 1024

// Network connects the replicas of one process. The zero value is ready to use.
type Network struct {
	mu      sync.Mutex
	members []*Member
}

// Member is the Bus of one replica.
type Member struct {
	of *Network

	mu       sync.Mutex
	inbox    chan []byte
	awaiting map[string][]*await
	running  sync.WaitGroup
	closed   bool
}

type await struct{ inbox chan []byte }

var _ bus.Bus = (*Member)(nil)

// Join connects another replica.
func (n *Network) Join() *Member {
	m := &Member{of: n, awaiting: map[string][]*await{}}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.members = append(n.members, m)
	return m
}

// others returns the other members. The one that was first comes last in the next call, so that they take turns.
func (n *Network) others(m *Member) []*Member {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.members) > 1 {
		n.members = append(n.members[1:], n.members[0])
	}
	return slices.DeleteFunc(slices.Clone(n.members), func(other *Member) bool { return other == m })
}

// Publish implements bus.Bus.
func (m *Member) Publish(data []byte) {
	for _, other := range m.of.others(m) {
		other.mu.Lock()
		offer(other.inbox, data)
		other.mu.Unlock()
	}
}

// offer passes data on if there is room. It reports whether there was.
func offer(inbox chan []byte, data []byte) bool {
	select {
	case inbox <- data:
		return true
	default:
		return false
	}
}

// Subscribe implements bus.Bus.
func (m *Member) Subscribe(received func(data []byte)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.inbox = m.serve(received)
	return nil
}

// serve calls a function with what arrives in the inbox that it returns. The lock must be held.
func (m *Member) serve(received func([]byte)) chan []byte {
	inbox := make(chan []byte, room)
	m.running.Go(func() {
		for data := range inbox {
			received(data)
		}
	})
	return inbox
}

// Wake implements bus.Bus.
func (m *Member) Wake(kind string, data []byte) {
	for _, other := range m.of.others(m) {
		if other.wake(kind, data) {
			return
		}
	}
}

func (m *Member) wake(kind string, data []byte) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.ContainsFunc(m.awaiting[kind], func(a *await) bool { return offer(a.inbox, data) })
}

// Await implements bus.Bus.
func (m *Member) Await(kind string, woken func(data []byte)) (stop func(), err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := &await{m.serve(woken)}
	m.awaiting[kind] = append(m.awaiting[kind], a)
	return sync.OnceFunc(func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if i := slices.Index(m.awaiting[kind], a); i >= 0 {
			m.awaiting[kind] = slices.Delete(m.awaiting[kind], i, i+1)
			close(a.inbox)
		}
	}), nil
}

// Connected implements bus.Bus.
func (m *Member) Connected() bool { return true }

// Close implements bus.Bus.
func (m *Member) Close() {
	m.of.mu.Lock()
	m.of.members = slices.DeleteFunc(m.of.members, func(other *Member) bool { return other == m })
	m.of.mu.Unlock()
	m.mu.Lock()
	if !m.closed {
		m.closed = true
		if m.inbox != nil {
			close(m.inbox)
			m.inbox = nil
		}
		for _, all := range m.awaiting {
			for _, a := range all {
				close(a.inbox)
			}
		}
		clear(m.awaiting)
	}
	m.mu.Unlock()
	m.running.Wait()
}
