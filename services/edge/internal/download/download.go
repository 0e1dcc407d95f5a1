// Package download sends files of services to clients that read at any pace: with length, ETag, and ranges.
package download

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"headway/services/edge/internal/httperr"
	"headway/services/edge/internal/pace"
	"headway/services/edge/internal/reqlog"
	"headway/services/edge/internal/sockets"
)

// small is the maximum length of a body after which the connection is kept for the next request. Longer ones are sent
// without net/http, whose buffers and goroutines would need more memory than a slow reader's data.
const small = 64 << 10

// Sender sends files.
type Sender struct {
	loop    *sockets.Loop
	admit   func(context.Context) (release func(), err error)
	running sync.WaitGroup
}

// NewSender returns a Sender for a Loop. admit counts the downloads of a request's caller until release, or refuses one.
func NewSender(loop *sockets.Loop, admit func(context.Context) (release func(), err error)) *Sender {
	return &Sender{loop: loop, admit: admit}
}

// Admit counts a download until release, which must be called once. If the caller has too many, it answers the request, and
// returns nil. Send calls it.
func (s *Sender) Admit(w http.ResponseWriter, r *http.Request) (release func()) {
	release, err := s.admit(r.Context())
	if err != nil {
		refuse(w, r, err)
		return nil
	}
	return release
}

// refuse answers a request with an error instead of a file.
func refuse(w http.ResponseWriter, r *http.Request, err error) {
	withoutFile(w)
	w.Header().Del("Content-Range")
	httperr.Write(w, r, err)
}

// Wait waits until every download has ended, or ctx is done. No further one must begin.
func (s *Sender) Wait(ctx context.Context) {
	ended := make(chan struct{})
	go func() {
		s.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
	}
}

// Send answers a request with a file, or with a range of it, after the headers that are set on w: Content-Type, ETag, and
// others. The Loop's time limit is for each part that the client accepts.
func (s *Sender) Send(w http.ResponseWriter, r *http.Request, f *File) {
	part, ok := selectRange(w, r, f.Size)
	if !ok {
		return
	}
	if part.length == 0 {
		w.WriteHeader(part.status)
		return
	}
	release := s.Admit(w, r)
	if release == nil {
		return
	}
	takeOver := part.length > small && r.ContentLength == 0 && sockets.Hijackable(r)
	ctx := r.Context()
	if takeOver { // it ends with the handler
		ctx = context.WithoutCancel(ctx)
	}
	ctx, cancel := context.WithCancel(ctx)
	d := &download{
		loop: s.loop, left: part.length, release: release, stop: cancel, slot: sockets.NewSlot(),
		file: reader{File: f, offset: part.offset, end: part.offset + part.length, pace: pace.New(f.Budget)},
	}
	first, err := d.file.next(ctx)
	if err != nil {
		d.file.drop()
		cancel()
		release()
		refuse(w, r, err)
		return
	}
	d.slot.Put(sockets.Raw(first))
	s.running.Go(func() { d.feed(ctx) })
	if takeOver {
		d.done = reqlog.From(r.Context()).Detach(part.status)
	}
	if err := s.loop.ServeBody(&d.conn, w, r, part.status, takeOver, d); err != nil {
		d.Closed(0, err)
		panic(http.ErrAbortHandler)
	}
	if cause := d.failure(); !takeOver && cause != nil {
		reqlog.From(r.Context()).Err = cause
		panic(http.ErrAbortHandler) // so that no client mistakes an incomplete file for a complete one
	}
}

// download sends one body. It is the source of its connection.
type download struct {
	conn sockets.Conn
	loop *sockets.Loop
	slot *sockets.Slot
	// left is the number of bytes that the connection has not taken.
	left int64
	// release ends the count of the download.
	release func()
	// stop ends feed, which reads the file.
	stop context.CancelFunc
	file reader
	// done, if not nil, writes the log line of the request.
	done func(bytes int64, err error)

	mu sync.Mutex
	// err is the reason why the body is incomplete.
	err error
}

// feed reads the file at the pace of the connection, after the first bytes.
func (d *download) feed(ctx context.Context) {
	defer d.file.drop()
	for d.taken(ctx) && d.file.offset < d.file.end {
		data, err := d.file.next(ctx)
		if err != nil {
			d.fail(err)
			d.conn.Close(err) // without the rest, so that no client mistakes the file for a complete one
			return
		}
		d.slot.Put(sockets.Raw(data))
		d.loop.Wake(&d.conn)
	}
}

// taken waits until the connection has taken the last bytes. It returns false if the connection has ended. Meanwhile, a
// slow reader holds no others.
func (d *download) taken(ctx context.Context) bool {
	timer := time.NewTimer(pace.Prompt)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-d.slot.Taken():
			return true
		case <-timer.C:
			d.file.pause()
		}
	}
}

// Next implements sockets.Source.
func (d *download) Next() (sockets.Message, bool) {
	p, ok := d.slot.Take()
	d.left -= int64(p.Len())
	return sockets.Message{Payload: p, Last: ok && d.left == 0}, ok
}

// Tick implements sockets.Source. A body has nothing to send by the clock.
func (d *download) Tick(now int64) int64 { return now + int64(time.Hour/time.Second) }

// Closed implements sockets.Source.
func (d *download) Closed(sent int64, cause error) {
	d.stop()
	d.release()
	if cause != nil {
		d.fail(cause)
	}
	if d.done != nil {
		d.done(sent, d.failure())
	}
}

// fail records why the body is incomplete. The first reason is the cause of later ones.
func (d *download) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err == nil && !errors.Is(err, context.Canceled) {
		d.err = err
	}
}

func (d *download) failure() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}
