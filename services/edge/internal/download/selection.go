package download

import (
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

// selection is the part of a file that a request selects: all of it, or a range (RFC 9110 §14). http.ServeContent determines it: it
// seeks in a selection, and writes to it, as if it sent the file.
type selection struct {
	http.ResponseWriter
	size, offset, length int64
	// status is the status of a response with a body, or 0. refused means that the file does not have the range.
	status  int
	refused bool
}

// selectRange sets the headers of the response, after those that are set on w: Content-Type, ETag, and others. It returns
// false if it has answered the request.
func selectRange(w http.ResponseWriter, r *http.Request, size int64) (*selection, bool) {
	if _, has := r.Header["Range"]; has {
		one := oneRange(r, size)
		r = r.Clone(r.Context())
		if r.Header.Del("Range"); one != "" {
			r.Header.Set("Range", one)
		}
	}
	s := &selection{ResponseWriter: w, size: size}
	http.ServeContent(s, r, "", time.Time{}, s)
	if s.refused {
		withoutFile(w)
		httperr.WriteStatus(w, r, http.StatusRequestedRangeNotSatisfiable,
			rpcerr.Newf(codes.OutOfRange, errorsv1.ErrorReason_ERROR_REASON_RANGE_NOT_SATISFIABLE,
				"The range is outside the file, which has %d bytes. Request a range that starts before its end.", size))
		return nil, false
	}
	if s.status == 0 || r.Method == http.MethodHead {
		return nil, false
	}
	return s, true
}

// withoutFile removes the headers that describe the file.
func withoutFile(w http.ResponseWriter) {
	for _, name := range []string{"Content-Disposition", "Content-Length", "ETag", "Accept-Ranges"} {
		w.Header().Del(name)
	}
}

// oneRange returns the range that a request asks for, in a form that http.ServeContent understands as RFC 9110 §14 does. It returns
// "" if the range must or can be ignored: for HEAD, for other units, and for several ranges. Clients rarely need several ranges of
// a file, and each of thousands of small ones would cost a request to the service.
func oneRange(r *http.Request, size int64) string {
	all := r.Header.Values("Range")
	unit, spec, _ := strings.Cut(all[0], "=")
	if r.Method != http.MethodGet || len(all) > 1 || !strings.EqualFold(unit, "bytes") || strings.Contains(spec, ",") {
		return ""
	}
	first, last, _ := strings.Cut(strings.TrimSpace(spec), "-")
	if first == "" && last != "" && strings.Trim(last, "0") == "" { // the last 0 bytes
		return fmt.Sprintf("bytes=%d-", size)
	}
	if !strings.Contains(spec, "-") {
		return "bytes=" + spec
	}
	return "bytes=" + bounded(first) + "-" + bounded(last)
}

// bounded returns a position that fits into 64 bits, and is as far beyond the end of every file as a larger one.
func bounded(position string) string {
	if digits := strings.TrimLeft(position, "0"); len(digits) > len(farAway) && strings.Trim(digits, "0123456789") == "" {
		return farAway
	}
	return position
}

// farAway is a position that no file has.
const farAway = "999999999999999999"

// WriteHeader implements http.ResponseWriter. A body has not been requested from the service yet, so its status is written
// later.
func (s *selection) WriteHeader(status int) {
	switch status {
	case http.StatusRequestedRangeNotSatisfiable:
		s.refused = true
	case http.StatusOK, http.StatusPartialContent:
		s.status = status
	default:
		s.ResponseWriter.WriteHeader(status)
	}
}

// Write implements io.Writer. It drops the text of a refusal.
func (s *selection) Write(b []byte) (int, error) { return len(b), nil }

// ReadFrom implements io.ReaderFrom, for the copy of the range.
func (s *selection) ReadFrom(src io.Reader) (int64, error) {
	limited, ok := src.(*io.LimitedReader)
	if !ok {
		return 0, fmt.Errorf("a %T has no length", src)
	}
	s.length = limited.N
	return s.length, nil
}

// Seek implements io.Seeker.
func (s *selection) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += s.offset
	case io.SeekEnd:
		offset += s.size
	}
	s.offset = offset
	return offset, nil
}

// Read implements io.Reader. It is not called, because the file has a type.
func (s *selection) Read([]byte) (int, error) { return 0, io.EOF }
