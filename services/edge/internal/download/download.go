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
	loop  *sockets.Loop
	admit func(context.Context) (release func(), err error)
	// running counts the downloads, and the goroutines that receive their parts.
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

// Wait waits until every download has ended, or ctx is done. No further download may begin.
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
	if takeOver { // it ends with the handler, and a slow reader must not keep its values
		ctx = context.Background()
	}
	s.running.Add(1)
	d := &download{
		sender: s, left: part.length, release: release,
		file: reader{File: f, offset: part.offset, end: part.offset + part.length, pace: pace.New(f.Budget)},
	}
	d.ctx, d.stop = context.WithCancel(ctx)
	first, err := d.file.next(r.Context())
	if err != nil {
		d.Closed(0, err)
		refuse(w, r, err)
		return
	}
	d.data = first
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

// download sends one body. It is the source of its connection. It has a goroutine only while it waits for the service, so
// that a slow reader has none most of the time.
type download struct {
	conn   sockets.Conn
	sender *Sender
	// release ends the count of the download.
	release func()
	// stop ends ctx, with which the file is read.
	ctx  context.Context
	stop context.CancelFunc
	// done, if not nil, writes the log line of the request.
	done func(bytes int64, err error)

	mu sync.Mutex
	// file is used under mu. While it is being received, only the goroutine that receives it uses it, without mu.
	file      reader
	receiving bool
	// data are the next bytes, if they are not in the file's part.
	data []byte
	// left is the number of bytes that the connection has not taken.
	left int64
	// pause, if not nil, fires when the reader counts as slow.
	pause  *time.Timer
	closed bool
	// err is the reason why the body is incomplete.
	err error
}

// Next implements sockets.Source.
func (d *download) Next() (sockets.Message, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || d.receiving || d.left == 0 {
		return sockets.Message{}, false
	}
	data := d.data
	d.data = nil
	if data == nil {
		data = d.file.take()
	}
	if data == nil {
		d.receiving = true
		d.sender.running.Go(d.receive)
		return sockets.Message{}, false
	}
	d.left -= int64(len(data))
	d.expectPrompt()
	return sockets.Message{Payload: sockets.Raw(data), Last: d.left == 0}, true
}

// receive receives the next part of the file, and wakes the connection.
func (d *download) receive() {
	data, err := d.file.next(d.ctx)
	d.mu.Lock()
	d.data, d.receiving = data, false
	if d.closed || err != nil {
		d.file.drop()
	}
	d.mu.Unlock()
	if err != nil {
		d.fail(err)
		d.conn.Close(err) // without the rest, so that no client mistakes the file for a complete one
		return
	}
	d.sender.loop.Wake(&d.conn)
}

// expectPrompt makes the reader release what it requested if the connection does not ask for the next bytes promptly. Slow
// readers have nothing to release.
func (d *download) expectPrompt() {
	switch {
	case !d.file.holds():
		if d.pause != nil {
			d.pause.Stop()
		}
	case d.pause == nil:
		d.pause = time.AfterFunc(pace.Prompt, d.isSlow)
	default:
		d.pause.Reset(pace.Prompt)
	}
}

// isSlow releases data that the reader has not accepted for some time.
func (d *download) isSlow() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.receiving {
		d.file.pause()
	}
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
	d.mu.Lock()
	d.closed, d.data = true, nil
	if d.pause != nil {
		d.pause.Stop()
	}
	if !d.receiving {
		d.file.drop()
	}
	d.mu.Unlock()
	if d.done != nil {
		d.done(sent, d.failure())
	}
	d.sender.running.Done()
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
