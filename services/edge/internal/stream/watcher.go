package stream

import (
	"context"
	"sync"
	"time"
)

// A watcher is one open stream. What it has yet to send is at most one frame (on streams of many jobs, one for each
// job): the newest wins, except that a terminal state waits until it is sent. So a slow reader costs no memory and
// holds up nobody.
//
// Its bytes leave by one of two ways. A lean stream is a descriptor: the hub's writers write to it, and its poller
// notices when the peer goes. Any other (HTTP/2, TLS, HTTP/1.0) keeps its handler's goroutine.
type watcher struct {
	hub *Hub
	// subject is who watches; expires and reauth are when their token ends, and when they are told so, in Unix
	// seconds. All are fixed.
	subject         string
	expires, reauth int64
	// wake calls the handler's goroutine; nil for lean streams.
	wake chan struct{}

	// These belong to the hub, under its lock.
	topic             *topic
	mine, linked      bool
	index, topicIndex int32
	// done writes the request's log line. onClose, if not nil, stops what feeds this stream alone.
	done    func(bytes int64, err error)
	onClose func()
	// reauthSent belongs to the wheel, peerBytes (how much the peer has sent) to the poller.
	reauthSent bool
	peerBytes  int32

	// io is held while the descriptor is used, so that nobody closes it meanwhile; fd is -1 before and after.
	io sync.Mutex
	fd int32

	mu sync.Mutex
	// started: bytes may go out. scheduled: a writer has this watcher on its list, or is busy with it. ending: the end
	// comes behind what waits. ended: the end is on its way. closed: nothing goes out any more.
	started, scheduled, ending, ended, closed bool
	// keepaliveDue: a comment is to go out. roomy: the peer has made room since the last write.
	keepaliveDue, roomy bool
	// sent is the last revision sent, on streams of one job.
	sent uint32
	// rest is what the peer has had no room for; it goes out before all else.
	rest []byte
	// control goes out before any frame: headers, messages about the stream.
	control []byte
	// slot is the newest frame of the topic; box replaces it on streams of many jobs.
	slot *frame
	box  *mailbox
	// bytes were sent; lastWrite is when, in Unix seconds.
	bytes, lastWrite int64
	// flushed, if not nil, gets a value whenever nothing is left to send.
	flushed chan struct{}
	// cause is why the stream ended, nil for as it should.
	cause error
}

// offer puts a frame in line, and never waits. If it gives true, the caller must give the watcher to a writer.
func (w *watcher) offer(f *frame) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || w.ending {
		return false
	}
	if w.box != nil {
		if w.box.put(f) {
			w.hub.metrics.skipped.Inc()
		}
	} else {
		if f.revision <= w.sent || w.slot != nil && (w.slot.terminal || f.revision <= w.slot.revision) {
			return false
		}
		if w.slot != nil {
			w.hub.metrics.skipped.Inc()
		}
		w.slot = f
	}
	return w.schedule()
}

// offerDeleted tells a stream of many jobs that one of those it told of is gone.
func (w *watcher) offerDeleted(jobID string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.box != nil && w.box.knows(jobID) {
		w.box.delete(jobID)
		w.push()
	}
}

// tell puts a message about the stream in line, before any frame.
func (w *watcher) tell(event []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tellLocked(event)
}

func (w *watcher) tellLocked(event []byte) {
	if w.closed || w.ended || len(event) == 0 { // an empty chunk would end the body
		return
	}
	if w.chunked() {
		w.control = appendChunk(w.control, event)
	} else {
		w.control = append(w.control, event...)
	}
	w.push()
}

// tellAndWait is tell, and waits until the peer has taken all.
func (w *watcher) tellAndWait(ctx context.Context, event []byte) error {
	select {
	case <-w.flushed: // of an earlier message
	default:
	}
	w.tell(event)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-w.flushed:
			w.mu.Lock()
			taken := len(w.control) == 0 && w.started
			w.mu.Unlock()
			if taken {
				return nil
			}
		}
	}
}

// finish ends the stream behind a last message, and drops the frames that wait.
func (w *watcher) finish(event []byte, cause error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || w.ending {
		return
	}
	w.tellLocked(event)
	w.slot, w.box, w.ending, w.cause = nil, nil, true, cause
	w.push()
}

// start lets bytes go out: first the head (headers, and the first events), then what came in the meantime. last says
// that the head holds the terminal state.
func (w *watcher) start(head []byte, sent uint32, last bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.started = true
	w.control = append(head, w.control...)
	w.sent = sent
	if last {
		w.ending, w.slot = true, nil
	}
	w.push()
}

// push makes sure that a writer comes by. The lock must be held.
func (w *watcher) push() {
	if w.schedule() {
		w.hub.writers.push(w)
	}
}

// schedule notes that there is something to send. If it gives true, the caller must give the watcher to a writer; a
// handler's goroutine is called from here. The lock must be held.
func (w *watcher) schedule() bool {
	if !w.started || w.scheduled || w.closed {
		return false
	}
	w.scheduled = true
	if w.wake == nil {
		return true
	}
	w.call()
	return false
}

func (w *watcher) call() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// chunked tells whether the bytes go straight into HTTP/1.1; otherwise net/http frames them.
func (w *watcher) chunked() bool { return w.wake == nil }

// A piece is what goes out in one write. It must not be changed.
type piece struct {
	bytes []byte
	// state: it is the state of a job. last: the stream ends behind it. resumed: the peer had no room for it before.
	state, last, resumed bool
}

// next gives the piece to write next. ok is false if there is none for now, and the watcher is off the writer's list.
func (w *watcher) next() (p piece, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.rest != nil && !w.closed {
		p = piece{bytes: w.rest, last: w.ended, resumed: true}
		w.rest, w.roomy = nil, false
		return p, true
	}
	for p.bytes == nil && !w.closed && !w.ended {
		switch {
		case len(w.control) > 0:
			p.bytes, w.control = w.control, nil
		case w.slot != nil:
			f := w.slot
			w.slot = nil
			if f.revision <= w.sent {
				continue
			}
			w.sent = f.revision
			w.ending = w.ending || f.terminal
			if p.bytes, p.state = f.chunk, true; !w.chunked() {
				p.bytes = f.update()
			}
		case w.box != nil && w.box.waiting():
			if p.bytes, p.state = w.box.next(nil), true; w.chunked() {
				p.bytes = appendChunk(nil, p.bytes)
			}
		case w.ending:
			w.ended = true
			if p.bytes = []byte{}; w.chunked() {
				p.bytes = []byte(lastChunk)
			}
		case w.keepaliveDue:
			if p.bytes = keepaliveChunk; !w.chunked() {
				p.bytes = keepalive
			}
		default:
			w.idle()
			return p, false
		}
	}
	if p.bytes == nil {
		w.idle()
		return p, false
	}
	p.last = w.ended
	w.keepaliveDue, w.roomy = false, false // whatever is sent keeps the stream alive
	w.bytes += int64(len(p.bytes))
	w.lastWrite = w.hub.wheel.now()
	return p, true
}

// stall keeps what the peer had no room for. It gives true if there is room already; else the writer is to leave the
// watcher alone until makeRoom.
func (w *watcher) stall(rest []byte) (again bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rest = rest
	return w.roomy || w.closed
}

// makeRoom hears that the peer takes more.
func (w *watcher) makeRoom() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.rest != nil && !w.roomy && !w.closed {
		w.hub.writers.push(w)
	}
	w.roomy = true
}

func (w *watcher) idle() {
	w.scheduled = false
	if w.flushed != nil {
		select {
		case w.flushed <- struct{}{}:
		default:
		}
	}
}

// beat is the wheel's visit: it sends what is due by the clock, and says when to come again.
func (w *watcher) beat(now int64) (next int64, alive bool) {
	w.mu.Lock()
	closed, busy, lastWrite := w.closed || w.ended, w.scheduled, w.lastWrite
	w.mu.Unlock()
	if closed {
		return 0, false
	}
	if now >= w.expires {
		w.finish(nil, errTokenExpired)
		return 0, false
	}
	if now >= w.reauth && !w.reauthSent {
		w.reauthSent = true
		w.tell(reauthEvent())
		lastWrite = now
	}
	interval := w.hub.keepaliveSeconds()
	if due := lastWrite + interval; now >= due {
		if !busy { // whoever is busy has more to say, or does not read: then the write's deadline decides
			w.mu.Lock()
			w.keepaliveDue = true
			w.push()
			w.mu.Unlock()
		}
		lastWrite = now
	}
	next = min(lastWrite+interval, w.expires)
	if !w.reauthSent {
		next = min(next, w.reauth)
	}
	return max(next, now+1), true
}

// close ends the stream at once; it gives false if it had ended before. No lock may be held.
func (w *watcher) close(cause error) bool {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return false
	}
	w.closed = true
	if w.cause == nil {
		w.cause = cause
	}
	w.control, w.slot, w.box, w.rest = nil, nil, nil, nil
	bytes, err := w.bytes, w.cause
	w.mu.Unlock()

	w.hub.forget(w)
	if w.onClose != nil {
		w.onClose()
	}
	if w.wake != nil {
		w.call()
	}
	if w.done != nil {
		w.done(bytes, err)
	}
	return true
}

// tokenTimes says when a token ends, and when its holder is told: a minute before, or a third of what is left if that
// is less.
func tokenTimes(expires time.Time, now time.Time) (expiresAt, reauthAt int64) {
	if expires.IsZero() {
		return 1<<62 - 1, 1<<62 - 1
	}
	lead := min(time.Minute, expires.Sub(now)/3)
	return expires.Unix(), expires.Add(-lead).Unix()
}
