// Package telemetry provides logs, metrics, and profiles for operators.
package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"headway/internal/hostname"
)

// NewLogger returns a logger that writes one line per event to w, as "text" (key=value) or "json", from the given level on.
func NewLogger(w io.Writer, format string, level slog.Level) (*slog.Logger, error) {
	opts := &slog.HandlerOptions{Level: level}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, opts)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, opts)), nil
	}
	return nil, fmt.Errorf("log format %q: use text or json", format)
}

// NewRegistry returns a new metrics registry with the metrics of the process.
func NewRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// Ready reports whether the program can do its work, and names what is missing.
type Ready func(ctx context.Context) (ready bool, states map[string]string)

// answerReady returns the handler of /readyz.
func answerReady(ready Ready) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ok, states := ready(r.Context())
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		if !ok {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_ = json.NewEncoder(w).Encode(states) // the caller might have disconnected
	}
}

// Serve serves /metrics and /debug/pprof/ on the listener until ctx ends, and /healthz and /readyz if ready is not nil. Profiles reveal how the process works, so listen
// on loopback, or on a network of operators only. The command line, which could hold secrets, is not served. On loopback,
// only names of this machine are accepted, so that a web page can't read the metrics through a name that resolves to
// this machine.
func Serve(ctx context.Context, lis net.Listener, registry *prometheus.Registry, ready Ready) error {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	if ready != nil {
		alive := func(context.Context) (bool, map[string]string) { return true, map[string]string{"status": "ok"} }
		mux.HandleFunc("GET /healthz", answerReady(alive))
		mux.HandleFunc("GET /readyz", answerReady(ready))
	}
	server := &http.Server{
		Handler: impatient(ownHost(lis.Addr(), mux)), ReadHeaderTimeout: readTimeout, ReadTimeout: 2 * readTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
	}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(lis); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve metrics on %s: %w", lis.Addr(), err)
	}
	return nil
}

const (
	// readTimeout is how long the headers of a request can take, and its body, which no route needs.
	readTimeout = 5 * time.Second
	// writeTimeout is how long a client can take to accept a part of a response. Profiles take longer to begin.
	writeTimeout = 30 * time.Second
	// idleTimeout is how long a connection is kept open for the next request. Collectors of metrics request them every minute.
	idleTimeout = 3 * time.Minute
	// maxHeaderBytes limits a request's headers.
	maxHeaderBytes = 8 << 10
)

// impatient returns a handler that ends the connections of clients that neither send nor read. Other programs of this machine can
// connect, and could use up the descriptors of the services.
func impatient(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		var deadline time.Time // the server's is for requests that net/http refuses itself, and would end profiles
		if r.ContentLength != 0 {
			deadline = time.Now().Add(readTimeout)
		}
		_ = control.SetReadDeadline(deadline) // net/http's can
		next.ServeHTTP(&impatientWriter{w, control}, r)
	})
}

// impatientWriter extends the deadline of a response with each of its parts.
type impatientWriter struct {
	http.ResponseWriter
	control *http.ResponseController
}

// Unwrap returns the wrapped writer for http.ResponseController.
func (w *impatientWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Write implements http.ResponseWriter.
func (w *impatientWriter) Write(b []byte) (int, error) {
	_ = w.control.SetWriteDeadline(time.Now().Add(writeTimeout)) // net/http's can
	return w.ResponseWriter.Write(b)
}

// ownHost returns a handler that passes a request to next unless its Host header cannot be this server's.
func ownHost(addr net.Addr, next http.Handler) http.Handler {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok || !tcp.IP.IsLoopback() {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !hostname.IsLoopback(hostname.WithoutPort(r.Host)) {
			http.Error(w, "This port does not accept the host name in the request. Use 127.0.0.1 or localhost.", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}
