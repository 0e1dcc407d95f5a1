package stream

import (
	"context"
	"net"
	"sync"
	"syscall"
	"time"
)

// A watcher is one open stream. What it has yet to send is at most one frame (on streams of many jobs, one for each
// job): the newest wins, except that a terminal state waits until it is sent. So a slow reader costs no memory and
// holds up nobody.
//
// Its bytes leave by one of two ways. A hijacked HTTP/1.1 connection is written to by the hub's writers and has one
// goroutine, which waits for the peer to go. Any other (HTTP/2, HTTP/1.0) keeps its handler's goroutine.
type watcher struct {
	hub *Hub
	// subject is who watches; expires and reauth are when their token ends, and when they are told so, in Unix
	// seconds. All are fixed.
	subject         string
	expires, reauth int64

	// conn is the hijacked connection, raw its descriptor (nil if it has none, as with TLS). Both nil for the others,
	// who are woken by wake instead.
	conn net.Conn
	raw  syscall.RawConn
	wake chan struct{}

	// These belong to the hub, under its lock.
	topic        *topic
	mine, linked bool
	// gone: the connection is closed.
	gone              bool
	index, topicIndex int32
	// done writes the request's log line. onClose, if not nil, stops what feeds this stream alone.
	done    func(bytes int64, err error)
	onClose func()
	// reauthSent belongs to the wheel, peerBuffer to the goroutine that waits for the peer to go.
	reauthSent bool
	peerBuffer [8]byte

	mu sync.Mutex
	// control goes out before any frame: headers, keepalives, messages about the stream.
	control []byte
	// slot is the newest frame of the topic; box replaces it on streams of many jobs.
	slot *frame
	box  *mailbox
	// sent is the last revision sent, on streams of one job.
	sent uint32
	// started: bytes may go out. scheduled: a writer has this watcher on its list, or is busy with it. ending: the end
	// comes behind what waits. ended: the end is on its way. closed: nothing goes out any more.
	started, scheduled, ending, ended, closed bool
	// bytes were sent; lastWrite is when, in Unix seconds.
	bytes, lastWrite int64
	// flushed, if not nil, gets a value whenever nothing is left to send.
	flushed chan struct{}
	// cause is why the stream ended, nil for as it should.
	cause error
}

// offer puts a frame in line. It never waits.
func (w *watcher) offer(f *frame) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || w.ending {
		return
	}
	if w.box != nil {
		if w.box.put(f) {
			w.hub.metrics.skipped.Inc()
		}
	} else {
		if f.revision <= w.sent || w.slot != nil && (w.slot.terminal || f.revision <= w.slot.revision) {
			return
		}
		if w.slot != nil {
			w.hub.metrics.skipped.Inc()
		}
		w.slot = f
	}
	w.schedule()
}

// offerDeleted tells a stream of many jobs that one of those it told of is gone.
func (w *watcher) offerDeleted(jobID string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.box != nil && w.box.knows(jobID) {
		w.box.delete(jobID)
		w.schedule()
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
	w.schedule()
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
	w.schedule()
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
	w.schedule()
}

// schedule makes sure that a writer comes by. The lock must be held.
func (w *watcher) schedule() {
	if !w.started || w.scheduled || w.closed {
		return
	}
	w.scheduled = true
	if w.wake != nil {
		select {
		case w.wake <- struct{}{}:
		default:
		}
		return
	}
	w.hub.writers.push(w)
}

// chunked tells whether the bytes go straight into HTTP/1.1; otherwise net/http frames them.
func (w *watcher) chunked() bool { return w.wake == nil }

// next gives the bytes to write next; they may use scratch, and must not be changed. Nil: nothing for now, and the
// watcher is off the writer's list. last: the stream ends behind these bytes.
func (w *watcher) next(scratch []byte) (b []byte, last bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for b == nil && !w.closed && !w.ended {
		switch {
		case len(w.control) > 0:
			b, w.control = w.control, nil
		case w.slot != nil:
			f := w.slot
			w.slot = nil
			if f.revision <= w.sent {
				continue
			}
			w.sent = f.revision
			w.ending = w.ending || f.terminal
			if b = f.chunk; !w.chunked() {
				b = f.update()
			}
			w.hub.metrics.messages.Inc()
		case w.box != nil && w.box.waiting():
			if b = w.box.next(scratch[:0]); b == nil {
				continue
			}
			if w.chunked() {
				b = appendChunk(b[len(b):], b)
			}
			w.hub.metrics.messages.Inc()
		case w.ending:
			w.ended = true
			if b = []byte{}; w.chunked() {
				b = []byte(lastChunk)
			}
		default:
			w.idle()
			return nil, false
		}
	}
	if b == nil {
		w.idle()
		return nil, w.ended
	}
	w.bytes += int64(len(b))
	w.lastWrite = w.hub.wheel.now()
	return b, w.ended
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
			w.tell(keepalive)
		}
		lastWrite = now
	}
	next = min(lastWrite+interval, w.expires)
	if !w.reauthSent {
		next = min(next, w.reauth)
	}
	return max(next, now+1), true
}

// close ends the stream at once. It may be called more than once, and without any lock held.
func (w *watcher) close(cause error) {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return
	}
	w.closed = true
	if w.cause == nil {
		w.cause = cause
	}
	w.control, w.slot, w.box = nil, nil, nil
	bytes, err := w.bytes, w.cause
	w.mu.Unlock()

	w.hub.forget(w)
	if w.onClose != nil {
		w.onClose()
	}
	if w.wake != nil {
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
	if w.done != nil {
		w.done(bytes, err)
	}
}

// mailbox holds what a stream of many jobs has yet to send: the newest frame of each job, in the order in which the
// jobs came in line.
type mailbox struct {
	line    []string
	pending map[string]*pendingJob
	// told holds the last revision sent of each job that has not ended, and of those that ended last.
	told  map[string]uint32
	ended []string
}

type pendingJob struct {
	newest *frame
	// terminal waits before newest: a job that was retried at once has still ended in between.
	terminal *frame
	deleted  bool
}

// rememberEnded is how many ended jobs a mailbox remembers, so that hearing of one twice does not tell it twice.
const rememberEnded = 256

func newMailbox() *mailbox {
	return &mailbox{pending: make(map[string]*pendingJob), told: make(map[string]uint32)}
}

// put takes a frame in; skipped tells whether it took the place of one that was not sent.
func (m *mailbox) put(f *frame) (skipped bool) {
	p := m.pending[f.jobID]
	if p == nil {
		if f.revision <= m.told[f.jobID] {
			return false
		}
		p = &pendingJob{}
		m.pending[f.jobID] = p
		m.line = append(m.line, f.jobID)
	}
	if p.newest != nil && f.revision <= p.newest.revision {
		return false
	}
	skipped = p.newest != nil
	if skipped && p.newest.terminal {
		p.terminal, skipped = p.newest, p.terminal != nil
	}
	p.newest = f
	return skipped
}

// knows tells whether the job was told of, or is about to be.
func (m *mailbox) knows(jobID string) bool {
	_, told := m.told[jobID]
	return told || m.pending[jobID] != nil
}

// delete tells that a job is gone.
func (m *mailbox) delete(jobID string) {
	if m.pending[jobID] == nil {
		m.line = append(m.line, jobID)
	}
	m.pending[jobID] = &pendingJob{deleted: true}
}

func (m *mailbox) waiting() bool { return len(m.line) > 0 }

// next gives the event of the job that waits longest.
func (m *mailbox) next(b []byte) []byte {
	id := m.line[0]
	p := m.pending[id]
	if p.deleted {
		m.pop(id)
		delete(m.told, id)
		return append(b, deletedEvent(id)...)
	}
	f := p.newest
	if p.terminal != nil {
		f, p.terminal = p.terminal, nil
	} else {
		m.pop(id)
	}
	_, known := m.told[id]
	m.told[id] = f.revision
	if f.terminal {
		m.forgetOldestEnded(id)
	}
	return f.appendEvent(b, f.momentID(), !known)
}

func (m *mailbox) pop(id string) {
	m.line[0] = ""
	m.line = m.line[1:]
	delete(m.pending, id)
}

func (m *mailbox) forgetOldestEnded(id string) {
	m.ended = append(m.ended, id)
	if len(m.ended) > rememberEnded {
		delete(m.told, m.ended[0])
		m.ended = m.ended[1:]
	}
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
