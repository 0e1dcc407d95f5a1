package hub

import (
	"time"

	"headway/services/edge/internal/peers"
)

// moment returns a time in milliseconds since 1970, modulo 2^32.
func moment(at time.Time) uint32 { return uint32(at.UnixMilli()) }

// Opened implements peers.Streams.
func (h *Hub) Opened(fraction float64) map[string][]uint32 {
	if h.cfg.PerUser == 0 {
		return nil
	}
	least := max(1, int(fraction*float64(h.cfg.PerUser)))
	all := make(map[string][]uint32)
	h.mu.Lock()
	defer h.mu.Unlock()
	for subject, u := range h.users {
		if len(u.open) < least {
			continue
		}
		latest := u.open[max(0, len(u.open)-h.cfg.PerUser):]
		opened := make([]uint32, len(latest))
		for i, s := range latest {
			opened[i] = s.opened
		}
		all[subject] = opened
	}
	return all
}

// Elsewhere implements peers.Streams. It ends the user's oldest subscriptions if there are too many on all edges together.
func (h *Hub) Elsewhere(subject string, streams []peers.Stream) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(streams) == 0 {
		delete(h.elsewhere, subject)
		return
	}
	h.elsewhere[subject] = streams
	if u := h.users[subject]; u != nil {
		h.trim(u)
	}
}

// trim ends the oldest subscriptions of a user beyond the limit. Those of other edges count, and each edge ends its own. The lock
// must be held.
func (h *Hub) trim(u *user) {
	if h.cfg.PerUser == 0 {
		return
	}
	elsewhere := h.elsewhere[u.subject]
	var oldest []*Subscription
	for beyond, i := len(u.open)+len(elsewhere)-h.cfg.PerUser, 0; beyond > 0 && i < len(u.open); beyond-- {
		if len(elsewhere) > 0 && elsewhere[0].IsOlder(u.open[i].opened) {
			elsewhere = elsewhere[1:] // another edge ends it
			continue
		}
		oldest = append(oldest, u.open[i])
		i++
	}
	for _, s := range oldest {
		h.finish(s, ErrReplaced)
	}
}
