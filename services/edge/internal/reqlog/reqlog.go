// Package reqlog assigns an ID to every HTTP request, writes one log line at its end, and recovers from panics.
//
// Queries are never logged, because they can contain tickets. Neither are headers or bodies.
package reqlog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"headway/internal/rpcerr"
)

// Header is the header with the request ID, in requests, in responses, and in calls to the services.
const Header = "X-Request-Id"

const maxIDLength = 64

// Record has the data for the log line of a request. The handlers of a request fill it in one after the other. It is not
// safe for concurrent use.
type Record struct {
	// ID is the request ID: the caller's if it is valid, or a new one.
	ID string
	// Subject is the verified caller, or empty.
	Subject string
	// Err is the error of a rejected or failed request.
	Err error

	method, path, remote string
	start                time.Time
	status               int
	bytes                int64
	detached             bool
	log                  *Log
}

type recordKey struct{}

// From returns the record of the request that the context belongs to. Outside a request, it returns an unused one.
func From(ctx context.Context) *Record {
	if r, ok := ctx.Value(recordKey{}).(*Record); ok {
		return r
	}
	return &Record{}
}

// Log writes the log lines of requests.
type Log struct {
	logger   *slog.Logger
	requests *prometheus.CounterVec
}

// New returns a new Log. It also counts requests in metrics, which can be nil.
func New(logger *slog.Logger, metrics prometheus.Registerer) *Log {
	l := &Log{logger: logger, requests: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "headway_edge_requests_total", Help: "Finished HTTP requests.",
	}, []string{"method", "status"})}
	if metrics != nil {
		metrics.MustRegister(l.requests)
	}
	return l
}

// Handler returns the outermost handler. failed writes the response if a handler panics before it has written one.
func (l *Log) Handler(next http.Handler, failed func(http.ResponseWriter, *http.Request, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := &Record{
			ID: requestID(r), method: knownMethod(r.Method), path: r.URL.Path, remote: r.RemoteAddr, start: time.Now(), log: l,
		}
		w.Header().Set(Header, rec.ID)
		r = r.WithContext(context.WithValue(r.Context(), recordKey{}, rec))
		ww := &responseWriter{ResponseWriter: w, rec: rec}
		defer func() {
			p := recover()
			if p != nil {
				aborted, ok := p.(error)
				if !ok || !errors.Is(aborted, http.ErrAbortHandler) {
					rec.Err = rpcerr.Internal(fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
					if rec.status == 0 {
						failed(ww, r, rec.Err)
						p = nil
					}
				}
			}
			if !rec.detached {
				rec.finish(r.Context())
			}
			if p != nil {
				panic(http.ErrAbortHandler) // the response is incomplete, so the connection must end with an error
			}
		}()
		next.ServeHTTP(ww, r)
	})
}

// Detach leaves the log line to the owner of a hijacked connection. The owner calls the returned function once, when
// the connection has ended, with the number of sent bytes, and an error if it ended abnormally.
func (r *Record) Detach(status int) (done func(bytes int64, err error)) {
	if r.log == nil {
		return func(int64, error) {}
	}
	r.detached, r.status = true, status
	if ctx := context.Background(); !r.log.logger.Enabled(ctx, levelOf(status)) {
		// There will be no line, so the connection doesn't need the request's data.
		count := r.log.requests.WithLabelValues(r.method, strconv.Itoa(status))
		return func(int64, error) { count.Inc() }
	}
	return func(bytes int64, err error) {
		r.bytes, r.Err = bytes, err
		r.finish(context.Background())
	}
}

// Failure returns why the request failed. It returns nil after Detach, because the error then belongs to the connection's owner.
func (r *Record) Failure() error {
	if r.detached {
		return nil
	}
	return r.Err
}

// levelOf returns the level of a line: debug for success, info for errors of the caller, and error for errors of the server.
func levelOf(status int) slog.Level {
	switch {
	case status >= 500 && status != http.StatusServiceUnavailable:
		return slog.LevelError
	case status >= 400:
		return slog.LevelInfo
	}
	return slog.LevelDebug
}

// finish writes the line.
func (r *Record) finish(ctx context.Context) {
	status := r.status
	if status == 0 {
		status = http.StatusOK
	}
	r.log.requests.WithLabelValues(r.method, strconv.Itoa(status)).Inc()
	level := levelOf(status)
	if !r.log.logger.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("method", r.method), slog.String("path", r.path), slog.Int("status", status),
		slog.Duration("took", time.Since(r.start)), slog.Int64("bytes", r.bytes),
		slog.String("subject", r.Subject), slog.String("request_id", r.ID), slog.String("peer", r.remote),
	}
	if r.Err != nil {
		attrs = append(attrs, slog.String("reason", rpcerr.Word(rpcerr.Reason(r.Err))), slog.String("error", rpcerr.ForLog(r.Err)))
	}
	r.log.logger.LogAttrs(ctx, level, "request finished", attrs...)
}

// requestID returns the ID of the caller if it is safe to log and to forward.
func requestID(r *http.Request) string {
	id := r.Header.Get(Header)
	if id == "" || len(id) > maxIDLength {
		return uuid.NewString()
	}
	for _, c := range []byte(id) {
		letterOrDigit := c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letterOrDigit && c != '-' && c != '_' && c != '.' {
			return uuid.NewString()
		}
	}
	return id
}

// knownMethod keeps unknown methods out of metric labels.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}

// responseWriter records status and size. http.ResponseController finds Flush, Hijack, and deadlines of the wrapped writer
// through Unwrap.
type responseWriter struct {
	http.ResponseWriter
	rec *Record
}

// Unwrap returns the wrapped writer for http.ResponseController.
func (w *responseWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush implements http.Flusher for handlers that don't use http.ResponseController.
func (w *responseWriter) Flush() { _ = http.NewResponseController(w.ResponseWriter).Flush() }

// WriteHeader implements http.ResponseWriter.
func (w *responseWriter) WriteHeader(status int) {
	if w.rec.status == 0 && status >= 200 {
		w.rec.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *responseWriter) Write(b []byte) (int, error) {
	if w.rec.status == 0 {
		w.rec.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.rec.bytes += int64(n)
	return n, err
}
