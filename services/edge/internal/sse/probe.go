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
	// With probeMessages and probeInterval, a probe takes two seconds. That is long enough to detect whether messages
	// arrive one by one, or all together because a proxy buffers them.
	probeMessages = 5
	probeInterval = 400 * time.Millisecond
)

// probeMessage is one message of a probe. SentAt is the time when it was sent. If all messages arrive together, a proxy
// buffers streams.
type probeMessage struct {
	Type                 string    `json:"type"`
	N                    int       `json:"n"`
	Of                   int       `json:"of"`
	IntervalMilliseconds int64     `json:"intervalMilliseconds"`
	SentAt               time.Time `json:"sentAt"`
}

// Probe answers GET /api/v1/sse/probe with a few messages at a steady pace, which are sent like those of every stream.
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
			if err != nil { // can't fail: it has only text and numbers
				return
			}
			s.say(appendEvent(nil, strconv.Itoa(n), 0, text))
		}
	}
	s.finish(nil, nil)
}
