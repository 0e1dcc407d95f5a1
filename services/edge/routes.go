package edge

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/gen/openapi"
	"headway/internal/blobs"
	"headway/internal/rpcerr"
	"headway/services/edge/internal/access"
	"headway/services/edge/internal/httperr"
	"headway/services/edge/internal/mount"
	"headway/services/edge/internal/pace"
	"headway/services/edge/internal/reqlog"
	"headway/services/edge/internal/rest"
	"headway/services/edge/internal/routes"
	"headway/services/edge/internal/signin"
	"headway/services/edge/internal/site"
	"headway/services/edge/internal/tus"
	"headway/services/edge/internal/upload"
)

// uploadRoute is the pattern of the route that receives workbooks. Its query has the fields of its form.
const uploadRoute = "POST /api/v1/imports"

// previewRoute is the pattern of the route that previews files, with the same query and form.
const previewRoute = "POST /api/v1/previews"

// maxUploadWait is the maximum time that an upload waits for another one of its user to end. Proxies wait longer for a
// body to be read.
const maxUploadWait = 15 * time.Second

// routes returns the handler of all routes, wrapped in the handlers that apply to every request.
func (s *Service) routes(a *access.Access) (http.Handler, error) {
	jobs, imports := jobsv1.NewJobServiceClient(s.hub.Observe(s.jobs)), importsv1.NewImportServiceClient(s.hub.Observe(s.importer))
	gateway, err := rest.New(jobs, imports)
	if err != nil {
		return nil, err
	}
	docs, err := site.NewDocs(openapi.JSON)
	if err != nil {
		return nil, err
	}
	parameters, err := rest.NewParameters(openapi.JSON, uploadRoute, previewRoute)
	if err != nil {
		return nil, err
	}
	uploads := upload.New(upload.Config{
		Imports: imports, Gateway: gateway, MaxBytes: s.cfg.MaxUploadBytes, StallTimeout: s.cfg.StallTimeout,
	})
	limit := upload.NewLimit(max(s.cfg.UploadsPerUser, 0), min(s.cfg.StallTimeout/2, maxUploadWait), uploads.Refuse)
	s.sessions = signin.New(signin.Config{
		Access: a, Signer: s.cfg.Key, LocalSignIn: s.cfg.LocalSignIn, LocalUser: s.cfg.LocalUser,
		SessionTTL: s.cfg.SessionTTL, BasePath: s.cfg.BasePath, MaxUploadBytes: s.cfg.MaxUploadBytes,
	})

	mux := http.NewServeMux()
	short := func(pattern string, h http.Handler) { mux.Handle(pattern, s.bounded(h)) }
	for _, pattern := range rest.Patterns() {
		short(pattern, a.Required(gateway.Calls()))
	}

	importFile, previewFile := gateway.Files(), gateway.Files()
	if s.uploads != nil {
		resumable := tus.New(tus.Config{
			Store: s.uploads, Uploads: uploads, Imports: imports, MaxBytes: s.cfg.MaxUploadBytes,
			StallTimeout: s.cfg.StallTimeout, Logger: s.cfg.Logger,
		})
		importFile, previewFile = resumable.OrElse(importFile), resumable.OrPreview(previewFile)
		for _, path := range []string{"/api/v1/uploads", "/api/v1/uploads/{upload_id}"} {
			short("OPTIONS "+path, resumable.Versioned(http.HandlerFunc(resumable.Describe)))
		}
		handle := func(pattern string, h http.HandlerFunc) {
			mux.Handle(pattern, resumable.Versioned(a.Required(limit.Bodies(h))))
		}
		handle("POST /api/v1/uploads", resumable.Create)
		handle("HEAD /api/v1/uploads/{upload_id}", resumable.Head)
		handle("PATCH /api/v1/uploads/{upload_id}", resumable.Patch)
		handle("DELETE /api/v1/uploads/{upload_id}", resumable.Delete)
		handle("POST /api/v1/uploads/{upload_id}", resumable.Override)
	}
	mux.Handle(uploadRoute, a.Required(limit.Handler(importFile)))
	mux.Handle(previewRoute, a.Required(limit.Handler(previewFile)))
	files, err := addFiles(gateway, uploads, &rest.Downloads{
		Gateway: gateway, Imports: imports, AsService: s.asService, Sender: s.downloads, StallTimeout: s.cfg.StallTimeout, Budget: pace.NewBudget(),
	})
	if err != nil {
		return nil, err
	}
	for _, pattern := range files {
		mux.Handle(pattern, a.Required(gateway.Files()))
	}
	mux.Handle("GET /api/v1/jobs/{job_id}/output", a.Required(&rest.Outputs{
		Jobs: jobsv1.NewJobServiceClient(s.outputs), AsService: s.asService, Sender: s.downloads, Budget: s.outputBudget,
	}))

	mux.Handle("GET /api/v1/sse/jobs/{kind}/{job_id}", a.RequiredForStream(http.HandlerFunc(s.streams.Job)))
	mux.Handle("GET /api/v1/sse/jobs/my", a.RequiredForStream(http.HandlerFunc(s.streams.Mine)))
	mux.Handle("GET /api/v1/sse/imports/{import_id}", a.RequiredForStream(http.HandlerFunc(s.streams.Import)))
	mux.Handle("GET /api/v1/sse/jobs/{kind}/{job_id}/output", a.RequiredForStream(http.HandlerFunc(s.streams.Output)))
	mux.Handle("GET /api/v1/sse/probe", a.RequiredForStream(http.HandlerFunc(s.streams.Probe)))
	short("POST /api/v1/sse/tickets", a.Required(http.HandlerFunc(a.CreateTicket)))

	short("GET /api/v1/session", http.HandlerFunc(s.sessions.Get))
	short("POST /api/v1/session", http.HandlerFunc(s.sessions.SignIn))
	short("POST /api/v1/session/links", a.Required(http.HandlerFunc(s.sessions.CreateLink)))
	short("DELETE /api/v1/session", http.HandlerFunc(s.sessions.SignOut))

	short("GET /openapi.json", http.HandlerFunc(docs.Document))
	short("GET /docs", http.HandlerFunc(docs.Page))
	short("GET /docs/{$}", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", mount.Base(r.Context())+"/docs")
		w.WriteHeader(http.StatusPermanentRedirect)
	}))
	short("GET /docs/style.css", http.HandlerFunc(docs.Style))
	short("GET /healthz", http.HandlerFunc(s.healthz))
	short("GET /readyz", http.HandlerFunc(s.readyz))

	at := &mount.Mount{Base: s.cfg.BasePath, Proxies: s.cfg.proxies}
	s.declared, err = routes.New(routes.Config{
		Files: s.cfg.Routes, Streams: s.streams, Shown: s.shown, Jobs: jobs, Upload: uploads.Receive, Accept: uploads.Accept, Refuse: uploads.Refuse,
		Required: a.Required, RequiredForStream: a.RequiredForRoute, Uploads: limit.Handler,
		FromOwnPage: a.FromOwnPage, Logger: s.cfg.Logger,
	})
	if err != nil {
		return nil, err
	}
	all := at.Handler(withPlainPaths(s.withDeclared(mux, s.withPage(mux, parameters, s.bounded(site.Page(s.cfg.Page))))), httperr.Write)
	return s.noticingStorage(s.withBodyDeadline(a.Browsers(all))), nil
}

// noticingStorage records requests that failed because the disk of the edge itself is full, or its bucket refused a change. The
// services do this themselves.
func (s *Service) noticingStorage(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r)
		switch err := reqlog.From(r.Context()).Failure(); {
		case rpcerr.IsStorageFull(err):
			s.storage.Note(err)
		case blobs.Denied(err):
			s.denied.Note(err)
		}
	})
}

// addFiles adds the routes of uploads and downloads to the gateway. It returns the patterns of the downloads.
func addFiles(gateway *rest.Gateway, uploads *upload.Handler, d *rest.Downloads) (patterns []string, err error) {
	var errs []error
	for _, route := range []struct {
		pattern, call string
		handler       http.HandlerFunc
	}{
		{uploadRoute, importsv1.ImportService_UploadWorkbook_FullMethodName, uploads.ServeHTTP},
		{previewRoute, importsv1.ImportService_PreviewFile_FullMethodName, uploads.Preview},
	} {
		method, path, _ := strings.Cut(route.pattern, " ")
		errs = append(errs, gateway.HandleFile(method, path, route.call, route.handler))
	}
	for _, file := range []struct {
		path, call string
		handler    http.HandlerFunc
	}{
		{"/api/v1/imports/{import_id}/report.xlsx", importsv1.ImportService_DownloadReport_FullMethodName, d.Report},
		{"/api/v1/imports/{import_id}/imported.xlsx", importsv1.ImportService_DownloadReport_FullMethodName, d.Imported},
		{"/api/v1/imports/{import_id}/issues.csv", importsv1.ImportService_DownloadReport_FullMethodName, d.Issues},
		{"/api/v1/schemas/{schema}/template.xlsx", importsv1.ImportService_GetTemplate_FullMethodName, d.Template},
		{"/api/v1/schemas/{schema}/sample.xlsx", importsv1.ImportService_GetSample_FullMethodName, d.Sample},
	} {
		errs = append(errs, gateway.HandleFile(http.MethodGet, file.path, file.call, file.handler))
		patterns = append(patterns, http.MethodGet+" "+file.path)
	}
	return patterns, errors.Join(errs...)
}

// withDeclared returns a handler that gives precedence to the routes that the operator has declared. A folder of files has
// precedence only over the web UI: a folder at / leaves all of the routes in mux.
func (s *Service) withDeclared(mux *http.ServeMux, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		declared, isFolder := s.declared.Handler(r)
		if isFolder {
			if _, own := mux.Handler(r); own != "" {
				declared = nil
			}
		}
		if declared != nil {
			declared.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// withBodyDeadline sets the time in which every body must begin, and ends the connection after a chunked one, and after HTTP/1.0. Without a
// deadline, a refused request could keep its connection, because net/http reads the body to its end. Uploads extend the
// deadline as they arrive. The server's own deadline is for requests that net/http refuses itself, so it ends here.
func (s *Service) withBodyDeadline(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 1 && (len(r.TransferEncoding) > 0 || r.ProtoMinor == 0) {
			// A proxy that forwards a Content-Length as well can see the end of the body elsewhere. net/http does not say
			// whether there was one, and in HTTP/1.0, neither whether there was a Transfer-Encoding (RFC 9112 §6.1).
			w.Header().Set("Connection", "close")
		}
		var deadline time.Time
		if r.ContentLength != 0 {
			deadline = time.Now().Add(s.cfg.StallTimeout)
		}
		_ = http.NewResponseController(w).SetReadDeadline(deadline) // net/http's can
		next.ServeHTTP(w, r)
	})
}

// bounded sets the deadline of a short request's response, which starts after the deadline of its body.
func (s *Service) bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(2 * s.cfg.StallTimeout)) // net/http's can
		next.ServeHTTP(w, r)
	})
}

// withPage returns a handler that serves the web UI for paths without a route, if the web UI might have them. For other
// paths it answers with the errors of http.ServeMux, in the form of all errors.
func (s *Service) withPage(mux *http.ServeMux, parameters *rest.Parameters, page http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, pattern := mux.Handler(r)
		if pattern != "" {
			if err := parameters.Check(pattern, r); err != nil {
				httperr.Write(w, r, err)
				return
			}
			mux.ServeHTTP(w, r)
			return
		}
		if allowed := append(httperr.Allowed(mux, r), s.declared.Allowed(r)...); len(allowed) > 0 {
			slices.Sort(allowed)
			httperr.MethodNotAllowed(w, r, slices.Compact(allowed))
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead || strings.HasPrefix(r.URL.Path, "/api/") {
			httperr.Write(w, r, httperr.RouteNotFound(r))
			return
		}
		page.ServeHTTP(w, r)
	})
}
