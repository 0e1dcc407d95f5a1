package rest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"

	errorsv1 "headway/gen/go/headway/errors/v1"
	"headway/internal/rpcerr"
	"headway/services/edge/internal/httperr"
	"headway/services/edge/internal/pace"
)

// remote is a file of a service, as an io.ReadSeeker. It requests the file in parts, at the pace of its reader.
type remote struct {
	size int64
	// begin are the first bytes, if they are known.
	begin []byte
	// request requests n bytes from an offset on. next returns some of them with each call, and io.EOF at their end. budget limits
	// what all readers request.
	request func(ctx context.Context, offset, n int64) (next func() ([]byte, error), err error)
	budget  *pace.Budget
	ctx     context.Context
	// err is why the file cannot be read any further.
	err error

	offset int64
	// part is what was received and not read. It is dropped while a write waits for the reader. requested means that its bytes
	// belong to the pace. The lock is needed while writing is set.
	mu                 sync.Mutex
	writing, requested bool
	part               []byte
	pace               pace.Reader
}

// peek returns the next bytes, at most n. It returns none at the end of the file.
func (f *remote) peek(n int64) ([]byte, error) {
	for f.offset < f.size && f.err == nil {
		if len(f.part) > 0 {
			return f.part[:min(int64(len(f.part)), n, f.size-f.offset)], nil
		}
		f.receive()
	}
	return nil, f.err
}

// receive receives the next part. It receives all of it before any is read, so that a slow reader keeps no request open.
func (f *remote) receive() {
	if f.offset < int64(len(f.begin)) {
		f.part = f.begin[f.offset:]
		return
	}
	f.begin = nil
	n, err := f.pace.Request(f.ctx)
	if err != nil {
		f.err = err
		return
	}
	f.requested = true
	ctx, cancel := context.WithCancel(f.ctx)
	defer cancel()
	defer f.pace.Received()
	f.part, f.err = f.receiveAll(ctx, min(n, f.size-f.offset))
	if f.err == nil && len(f.part) == 0 {
		f.err = io.ErrUnexpectedEOF
	}
	if f.err != nil {
		f.err = fmt.Errorf("read a file from byte %d on: %w", f.offset, f.err)
	}
}

// skip removes bytes that peek has returned.
func (f *remote) skip(n int) {
	f.offset += int64(n)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.writing = false
	if f.part = f.part[min(n, len(f.part)):]; len(f.part) == 0 { // it can have been dropped
		f.drop()
	}
}

// dropUnwritten releases what is not being written.
func (f *remote) dropUnwritten() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.writing {
		f.drop()
	}
}

// drop releases what was received. The lock must be held if a write can be waiting.
func (f *remote) drop() {
	f.part = nil
	if f.requested {
		f.requested = false
		f.pace.Done()
	}
}

// receiveAll returns n bytes, or fewer at the end of the file.
func (f *remote) receiveAll(ctx context.Context, n int64) (all []byte, err error) {
	next, err := f.request(ctx, f.offset, n)
	if err != nil {
		return nil, err
	}
	for {
		data, err := next()
		switch {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, err
		case all == nil && int64(len(data)) == n:
			all = data
		case all == nil:
			all = append(make([]byte, 0, n), data...)
		default:
			all = append(all, data...)
		}
	}
}

// Read implements io.Reader.
func (f *remote) Read(b []byte) (int, error) {
	data, err := f.peek(int64(len(b)))
	if err != nil {
		return 0, err
	}
	if len(data) == 0 && len(b) > 0 {
		return 0, io.EOF
	}
	n := copy(b, data)
	f.skip(n)
	return n, nil
}

// Seek implements io.Seeker.
func (f *remote) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += f.offset
	case io.SeekEnd:
		offset += f.size
	}
	if offset < 0 {
		return 0, fmt.Errorf("seek to %d", offset)
	}
	if offset != f.offset {
		f.drop()
		f.pace.Reset()
		f.offset = offset
	}
	return offset, nil
}

// serve answers a request with the file, or with a range of it (RFC 9110 §14), after the headers that are set on w: Content-Type,
// ETag, and others. Each part that the client accepts has its own time limit.
func (f *remote) serve(w http.ResponseWriter, r *http.Request, stallTimeout time.Duration) {
	f.ctx, f.pace = r.Context(), pace.New(f.budget)
	defer f.drop()
	// A file has few uses for several ranges, and thousands of small ones would cost a request to the service each. The whole
	// file is an allowed answer.
	if ranges := r.Header.Get("Range"); len(r.Header.Values("Range")) > 1 || len(ranges) > maxRange || strings.Contains(ranges, ",") {
		r = r.Clone(r.Context())
		r.Header.Del("Range")
	}
	rc := http.NewResponseController(w)
	paced := &pacedWriter{ResponseWriter: w, rc: rc, timeout: stallTimeout, file: f}
	http.ServeContent(paced, r, "", time.Time{}, f)
	_ = rc.SetWriteDeadline(time.Time{}) // HTTP/2 resets a stream when the deadline passes, even if nothing is being written
	switch {
	case paced.refused:
		for _, name := range []string{"Content-Disposition", "ETag", "Accept-Ranges"} {
			w.Header().Del(name)
		}
		httperr.WriteStatus(w, r, http.StatusRequestedRangeNotSatisfiable,
			rpcerr.Newf(codes.OutOfRange, errorsv1.ErrorReason_ERROR_REASON_RANGE_NOT_SATISFIABLE,
				"The range is not one of this file, which has %d bytes. Request a range that begins before its end.", f.size))
	case f.err != nil:
		panic(http.ErrAbortHandler) // so that no client mistakes an incomplete file for a complete one
	}
}

// maxRange is the longest header of one range: two numbers of 64 bits.
const maxRange = len("bytes=") + 2*20 + 1

// pacedWriter sets a deadline for each part of a response. It drops the response to a range that the file does not have.
type pacedWriter struct {
	http.ResponseWriter
	rc      *http.ResponseController
	timeout time.Duration
	file    *remote
	refused bool
}

// WriteHeader implements http.ResponseWriter.
func (w *pacedWriter) WriteHeader(status int) {
	if w.refused = status == http.StatusRequestedRangeNotSatisfiable; !w.refused {
		w.ResponseWriter.WriteHeader(status)
	}
}

// Write implements io.Writer.
func (w *pacedWriter) Write(b []byte) (int, error) {
	if w.refused {
		return len(b), nil
	}
	_ = w.rc.SetWriteDeadline(time.Now().Add(w.timeout)) // net/http's writers support it
	return w.ResponseWriter.Write(b)
}

// ReadFrom implements io.ReaderFrom. It writes what the file has received, without a further buffer.
func (w *pacedWriter) ReadFrom(src io.Reader) (n int64, err error) {
	limited, ok := src.(*io.LimitedReader)
	if !ok || limited.R != io.Reader(w.file) {
		return io.Copy(struct{ io.Writer }{w}, src)
	}
	late := time.AfterFunc(pace.Prompt, w.file.dropUnwritten)
	defer late.Stop()
	for limited.N > 0 {
		data, err := w.file.peek(min(limited.N, pace.Slow))
		if err != nil || len(data) == 0 {
			return n, err
		}
		data = bytes.Clone(data) // so that the part can be dropped
		w.file.mu.Lock()
		w.file.writing = true
		w.file.mu.Unlock()
		late.Reset(pace.Prompt)
		written, err := w.Write(data)
		late.Stop()
		w.file.skip(written)
		n += int64(written)
		limited.N -= int64(written)
		if err != nil {
			return n, err
		}
	}
	return n, nil
}
