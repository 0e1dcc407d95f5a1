package routes

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/watched"
	"headway/services/edge/internal/httperr"
	"headway/services/edge/internal/mount"
	"headway/services/edge/internal/shown"
	"headway/services/edge/internal/sse"
)

// Config configures a Table. All fields are required.
type Config struct {
	// Files are the route files.
	Files []string
	// Streams serves the streams, and Jobs creates and reads jobs.
	Streams *sse.Handlers
	Jobs    jobsv1.JobServiceClient
	// Shown has the ends that each route has sent.
	Shown *shown.Ends
	// Upload receives the workbook of a request with options that the route sets.
	Upload func(w http.ResponseWriter, r *http.Request, options *importsv1.UploadOptions) (*importsv1.UploadWorkbookResponse, error)
	// Accept and Refuse answer an upload.
	Accept func(w http.ResponseWriter, r *http.Request, accepted *importsv1.UploadWorkbookResponse)
	Refuse func(w http.ResponseWriter, r *http.Request, err error)
	// Required and RequiredForStream wrap handlers that need a caller. Uploads wraps handlers that receive a workbook.
	Required, RequiredForStream, Uploads func(http.Handler) http.Handler
	// FromOwnPage reports whether a request comes from a page of this server or of an allowed origin.
	FromOwnPage func(*http.Request) bool
	// Logger logs reloads.
	Logger *slog.Logger
}

// Table serves the routes of files, and reloads them when a file changes.
type Table struct {
	cfg     Config
	file    *watched.File[*loaded]
	current atomic.Pointer[loaded]
}

// New loads the files.
func New(cfg Config) (*Table, error) {
	t := &Table{cfg: cfg}
	file, err := watched.Open(t.load, cfg.Files...)
	if err != nil {
		return nil, err
	}
	file.Log(cfg.Logger, "routes", func(l *loaded) []any { return []any{"routes", len(l.routes)} })
	t.file = file
	t.reload()
	return t, nil
}

// Handler returns the handler for a request, or nil if no route matches. isFolder reports whether it serves the files of a
// folder.
func (t *Table) Handler(r *http.Request) (h http.Handler, isFolder bool) {
	current := t.current.Load()
	_, pattern := current.mux.Handler(r)
	if pattern == "" {
		return nil, false
	}
	isFolder = current.routes[pattern].Static != ""
	if isFolder && strings.HasSuffix(pattern, " "+r.URL.Path+"/") { // http.ServeMux doesn't know the prefix of a proxy
		return http.HandlerFunc(addSlash), true
	}
	return current.mux, isFolder
}

// addSlash redirects to the page of a folder, whose relative links need the slash at the end.
func addSlash(w http.ResponseWriter, r *http.Request) {
	target := url.URL{Path: mount.Base(r.Context()) + r.URL.Path + "/", RawQuery: r.URL.RawQuery}
	w.Header().Set("Location", target.RequestURI())
	w.WriteHeader(http.StatusPermanentRedirect)
}

// Allowed returns the methods that routes accept for the path of a request, if none accepts its own method.
func (t *Table) Allowed(r *http.Request) []string {
	current := t.current.Load()
	methods := httperr.Allowed(current.mux, r)
	if i := slices.Index(methods, http.MethodHead); i >= 0 && current.starts(r) {
		methods = slices.Delete(methods, i, i+1)
	}
	return methods
}

// starts reports whether a GET of the path of a request starts work. Such a route has no HEAD, which must not start anything.
func (l *loaded) starts(r *http.Request) bool {
	get := *r
	get.Method = http.MethodGet
	_, pattern := l.mux.Handler(&get)
	return pattern != "" && l.routes[pattern].Start != nil
}

// loaded are the routes of the files at one time.
type loaded struct {
	mux *http.ServeMux
	// routes has the routes by their patterns.
	routes map[string]*Route
}

// reloadInterval is the interval at which the files are checked.
const reloadInterval = time.Second

// Run reloads the files when they change, until ctx is done. While a file has an error, the old routes stay in use.
func (t *Table) Run(ctx context.Context) {
	if len(t.cfg.Files) == 0 {
		return
	}
	ticker := time.NewTicker(reloadInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		t.reload()
	}
}

func (t *Table) reload() {
	present, _ := t.file.Get() // logged
	t.current.Store(present)
}

func (t *Table) load() (*loaded, error) {
	routes, err := Load(t.cfg.Files)
	if err != nil {
		return nil, err
	}
	now := &loaded{mux: http.NewServeMux(), routes: make(map[string]*Route)}
	for _, r := range routes {
		if err := register(now.mux, r, t.handler(r)); err != nil {
			return nil, err
		}
		now.routes[r.pattern()] = r
	}
	return now, nil
}

// callTimeout limits calls to the services.
const callTimeout = 30 * time.Second
