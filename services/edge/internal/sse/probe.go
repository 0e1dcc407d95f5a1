package sse

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"headway/services/edge/internal/format"
)

const (
	// probeMessages and probeInterval make a probe that takes two seconds: long enough to see whether the messages come
	// one by one, or all together because something in between buffers them.
	probeMessages = 5
	probeInterval = 400 * time.Millisecond
)

// probeMessage is one message of a probe. SentAt is when it left. If the gaps between arrivals shrink to nothing,
// something in between buffers streams.
type probeMessage struct {
	Type                 string    `json:"type"`
	N                    int       `json:"n"`
	Of                   int       `json:"of"`
	IntervalMilliseconds int64     `json:"intervalMilliseconds"`
	SentAt               time.Time `json:"sentAt"`
}

// Probe answers GET /api/v1/sse/probe: a few messages at a steady pace, sent as those of every stream are.
func (h *Handlers) Probe(w http.ResponseWriter, r *http.Request) {
	_, s, ok := h.enter(w, r, h.headway.one, "", "")
	if !ok {
		return
	}
	if r.Method == http.MethodHead || h.spawn(w, r, s, s.probe) {
		h.serve(w, r, s, "", format.Opening{Message: "Connected to the probe.", Keepalive: h.cfg.Keepalive})
	}
}

func (s *stream) probe(ctx context.Context) {
	tick := time.NewTicker(probeInterval)
	defer tick.Stop()
	for n := 1; n <= probeMessages; n++ {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			text, err := json.Marshal(probeMessage{"probe", n, probeMessages, probeInterval.Milliseconds(), now.UTC()})
			if err != nil { // text and numbers only: it cannot fail
				return
			}
			s.say(appendEvent(nil, strconv.Itoa(n), 0, text))
		}
	}
	s.finish(nil, nil)
}
