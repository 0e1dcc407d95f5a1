package stream

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

const (
	// probeMessages and probeInterval make a probe that takes two seconds: long enough to see whether the messages come
	// one by one or, gathered by something on the way, all at once.
	probeMessages = 5
	probeInterval = 400 * time.Millisecond
)

// probeMessage is one message of a probe. SentAt is when it left; whoever sees the gaps between arrivals shrink to
// nothing has something in between that holds streams back.
type probeMessage struct {
	Type                 string    `json:"type"`
	N                    int       `json:"n"`
	Of                   int       `json:"of"`
	IntervalMilliseconds int64     `json:"intervalMilliseconds"`
	SentAt               time.Time `json:"sentAt"`
}

// ServeProbe answers GET /api/v1/sse/probe: a few messages at a steady pace, by the same way as every stream's.
func (h *Hub) ServeProbe(rw http.ResponseWriter, r *http.Request) {
	as, w, ok := h.enter(rw, r)
	if !ok {
		return
	}
	h.enforceLimit(as.Subject)
	gone := make(chan struct{})
	w.onClose = func() { close(gone) }
	if !h.spawn(func() { w.probe(gone) }) {
		w.close(errDrained)
		refuse(rw, r, errUnavailable(errDrained), h.cfg.Retry)
		return
	}
	setHeaders(rw.Header())
	h.open(rw, r, w, [][]byte{connectedEvent("", "", "Connected to the probe.", h.cfg.Keepalive, jittered(h.cfg.Retry))}, 0, false)
}

func (w *watcher) probe(gone <-chan struct{}) {
	tick := time.NewTicker(probeInterval)
	defer tick.Stop()
	for n := 1; n <= probeMessages; n++ {
		select {
		case <-gone:
			return
		case now := <-tick.C:
			text, err := json.Marshal(probeMessage{"probe", n, probeMessages, probeInterval.Milliseconds(), now.UTC()})
			if err != nil { // text and numbers only: it cannot fail
				return
			}
			event := strconv.AppendInt([]byte("id: "), int64(n), 10)
			w.tell(append(append(append(event, "\ndata: "...), text...), eventEnd...))
		}
	}
	w.finish(nil, nil)
}
