package routes

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/services/edge/internal/sse"
	"headway/services/edge/internal/watched"
)

// Config configures a Table. All fields are required.
type Config struct {
	// Files are the route files.
	Files []string
	// Streams serves the streams, and Jobs creates and reads jobs.
	Streams *sse.Handlers
	Jobs    jobsv1.JobServiceClient
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
	cfg      Config
	current  atomic.Pointer[http.ServeMux]
	versions watched.Versions
	failure  string
	// shown has the ends that each route has sent, by the route's pattern. A reload doesn't reset it.
	shown map[string]*sse.Shown
}

// New loads the files.
func New(cfg Config) (*Table, error) {
	t := &Table{cfg: cfg, shown: make(map[string]*sse.Shown)}
	t.versions = watched.Look(cfg.Files...)
	return t, t.load()
}

// Handler returns the handler for a request, or nil if no route matches.
func (t *Table) Handler(r *http.Request) http.Handler {
	mux := t.current.Load()
	if _, pattern := mux.Handler(r); pattern == "" {
		return nil
	}
	return mux
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
		now := watched.Look(t.cfg.Files...)
		if now.Equal(t.versions) {
			continue
		}
		t.versions = now
		err := t.load()
		switch {
		case err == nil:
			t.failure = ""
			t.cfg.Logger.Info("reloaded the routes", "files", t.cfg.Files)
		case err.Error() != t.failure:
			t.failure = err.Error()
			t.cfg.Logger.Error("the changed routes have errors, continuing with the old ones", "error", err)
		}
	}
}

func (t *Table) load() error {
	routes, err := Load(t.cfg.Files)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	for _, r := range routes {
		if err := register(mux, r, t.handler(r)); err != nil {
			return err
		}
	}
	t.current.Store(mux)
	return nil
}

// callTimeout limits calls to the services.
const callTimeout = 30 * time.Second
