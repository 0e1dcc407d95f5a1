package rest

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"google.golang.org/grpc/codes"

	errorsv1 "headway/gen/go/headway/errors/v1"
	"headway/internal/rpcerr"
	"headway/services/edge/internal/httperr"
)

const (
	// slowRead is how much of a file is requested from its service at a time for a slow reader, and for each reader at first. A
	// part is received whole, so a slow reader holds no buffers of a connection. A reader that takes a part immediately gets twice
	// as much the next time, up to fastRead.
	slowRead = 15 << 10
	fastRead = 1 << 20
	// prompt is how soon a reader asks for more if it is not slow.
	prompt = 100 * time.Millisecond
	// maxWrite is how much is written to a client at a time.
	maxWrite = 32 << 10
)

// remote is a file of a service, as an io.ReadSeeker. It requests the file in parts, at the pace of its reader.
type remote struct {
	size int64
	// begin are the first bytes, if they are known.
	begin []byte
	// request requests n bytes from an offset on. next returns some of them with each call. stop ends the request.
	request func(offset, n int64) (next func() ([]byte, error), stop func(), err error)
	// err is why the file cannot be read any further.
	err error

	offset int64
	// part is what was received and not read. next and stop are of the present request, which has left more bytes.
	part []byte
	next func() ([]byte, error)
	stop func()
	left int64
	// most is how much was requested last, read when the last bytes were read, and slow whether the reader was slow since the last
	// request.
	most int64
	read time.Time
	slow bool
}

// peek returns the next bytes. It returns none at the end of the file.
func (f *remote) peek() ([]byte, error) {
	f.slow = f.slow || !f.read.IsZero() && time.Since(f.read) > prompt
	for len(f.part) == 0 && f.offset < f.size && f.err == nil {
		f.receive()
	}
	return f.part[:min(int64(len(f.part)), f.size-f.offset)], f.err
}

// receive receives some of the present request, or makes the next one.
func (f *remote) receive() {
	if f.next == nil && f.offset < int64(len(f.begin)) {
		f.part = f.begin[f.offset:]
		return
	}
	if f.next == nil {
		switch {
		case f.slow || f.most == 0:
			f.most = slowRead
		case f.most < fastRead:
			f.most *= 2
		}
		f.slow = false
		f.left = min(f.most, f.size-f.offset)
		if f.next, f.stop, f.err = f.request(f.offset, f.left); f.err != nil {
			f.next = nil
			return
		}
	}
	data, err := f.next()
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		f.err = fmt.Errorf("read a file from byte %d on: %w", f.offset, err)
		return
	}
	f.part = data
	if f.left -= int64(len(data)); f.left <= 0 {
		f.end()
	}
}

// skip removes bytes that peek has returned.
func (f *remote) skip(n int) {
	f.part = f.part[n:]
	f.offset += int64(n)
	f.read = time.Now()
}

// Read implements io.Reader.
func (f *remote) Read(b []byte) (int, error) {
	data, err := f.peek()
	if err != nil {
		return 0, err
	}
	if len(data) == 0 {
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
		f.end()
		f.part, f.offset, f.most = nil, offset, 0
	}
	return offset, nil
}

// end ends the present request.
func (f *remote) end() {
	if f.next != nil {
		f.stop()
		f.next = nil
	}
}

// serve answers a request with the file, or with a range of it (RFC 9110 §14), after the headers that are set on w: Content-Type,
// ETag, and others. Each part that the client accepts has its own time limit.
func (f *remote) serve(w http.ResponseWriter, r *http.Request, stallTimeout time.Duration) {
	defer f.end()
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
	for limited.N > 0 {
		data, err := w.file.peek()
		if err != nil || len(data) == 0 {
			return n, err
		}
		data = data[:min(int64(len(data)), limited.N, maxWrite)]
		written, err := w.Write(data)
		w.file.skip(written)
		n += int64(written)
		limited.N -= int64(written)
		if err != nil {
			return n, err
		}
	}
	return n, nil
}
