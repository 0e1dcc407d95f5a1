package routes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	pathpkg "path"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/auth"
	"headway/internal/rpcerr"
	"headway/services/edge/internal/access"
	"headway/services/edge/internal/format"
	"headway/services/edge/internal/httperr"
	"headway/services/edge/internal/hub"
	"headway/services/edge/internal/mount"
	"headway/services/edge/internal/sse"
	"headway/services/edge/internal/webjson"
)

// importKind is the kind of the jobs of imports.
const importKind = "import"

// maxBodyBytes limits the JSON body of a request that starts a job.
const maxBodyBytes = 1 << 20

// handler returns the handler of a route.
func (t *Table) handler(r *Route) http.Handler {
	switch {
	case r.ProxyUpstream != "":
		h := newProxy(r)
		if *r.AuthRequired {
			return t.cfg.RequiredForStream(h)
		}
		return h
	case r.Static != "":
		return folder(r)
	case r.Get != nil:
		return t.cfg.Required(t.get(r.Get))
	case r.Watch != nil:
		return t.cfg.RequiredForStream(t.watch(r))
	case r.Start.Import != "":
		return t.cfg.Required(t.cfg.Uploads(t.startImport(r)))
	}
	if r.Start.Answer == "accepted" {
		return t.cfg.Required(t.startJob(r))
	}
	return t.cfg.RequiredForStream(t.startJob(r))
}

// formatOf returns the format of a route.
func formatOf(r *Route) format.Format {
	switch r.Format {
	case "job_status":
		return format.JobStatus
	case "progress_update":
		return format.ProgressUpdate
	case "step_names":
		return format.StepNames(r.Words)
	}
	return format.Headway
}

func (t *Table) watch(route *Route) http.Handler {
	view, watch := t.cfg.Streams.View(formatOf(route)), route.Watch
	options := sse.Options{Timeout: time.Duration(route.Timeout), Recent: route.Format == "job_status"}
	shown := t.cfg.Shown.Route(route.pattern())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case watch.Mine:
			view.Mine(w, r, options)
		case watch.Latest != "":
			view.Latest(w, r, watch.Latest, shown, options)
		case watch.Import != "":
			view.One(w, r, hub.Topic{ID: r.PathValue(watch.Import), Import: true}, "", options)
		default:
			view.One(w, r, hub.Topic{ID: r.PathValue(watch.Job)}, watch.Kind, options)
		}
	})
}

// get answers with the state of a job, as the data of a job_update.
func (t *Table) get(get *Get) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !utf8.ValidString(r.PathValue(get.Job)) {
			httperr.Write(w, r, rpcerr.Invalid(get.Job, "It must be UTF-8 text."))
			return
		}
		ctx, cancel := context.WithTimeout(access.Outgoing(r.Context()), callTimeout)
		defer cancel()
		answer, err := t.cfg.Jobs.GetJob(ctx, &jobsv1.GetJobRequest{JobId: r.PathValue(get.Job)})
		if err == nil && get.Kind != "" && answer.GetJob().GetKind() != get.Kind {
			err = hub.NotFound(hub.Topic{})
		}
		if status.Code(err) == codes.InvalidArgument { // not an ID
			err = hub.NotFound(hub.Topic{})
		}
		if err != nil {
			httperr.Write(w, r, err)
			return
		}
		state, err := format.JobState(answer.GetJob())
		if err != nil {
			httperr.Write(w, r, rpcerr.Internal(err))
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		var body any = json.RawMessage(state)
		if get.Envelope != "" {
			body = map[string]any{get.Envelope: body}
		}
		httperr.WriteJSON(w, http.StatusOK, body)
	})
}

// startImport receives a workbook, and answers with the import or streams it.
func (t *Table) startImport(route *Route) http.Handler {
	view := t.cfg.Streams.View(formatOf(route))
	preset := importOptions(route.Start)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		as, _ := auth.FromContext(r.Context())
		accepted, err := t.upload(w, r, as, preset)
		if err != nil {
			t.cfg.Streams.Failed(as.Subject, importKind, err)
			t.cfg.Refuse(w, r, err)
			return
		}
		if route.Start.Answer == "accepted" {
			t.cfg.Accept(w, r, accepted)
			return
		}
		view.Started(w, r, hub.Topic{ID: accepted.GetImport().GetImportId()}, t.options(route, r, accepted.GetImport().GetImportId()))
	})
}

func (t *Table) upload(w http.ResponseWriter, r *http.Request, as auth.Identity, preset *importsv1.UploadOptions) (*importsv1.UploadWorkbookResponse, error) {
	defer t.cfg.Streams.Starting(as.Subject, importKind)()
	return t.cfg.Upload(w, r.WithContext(access.Outgoing(r.Context())), preset)
}

// importOptions returns the options that a route sets. Their values were checked when the route was loaded.
func importOptions(s *Start) *importsv1.UploadOptions {
	const onIssuesPrefix, modePrefix = "ON_ISSUES_", "IMPORT_MODE_"
	return &importsv1.UploadOptions{
		Schema:   s.Import,
		OnIssues: importsv1.OnIssues(importsv1.OnIssues_value[onIssuesPrefix+strings.ToUpper(s.OnIssues)]),
		Mode:     importsv1.ImportMode(importsv1.ImportMode_value[modePrefix+strings.ToUpper(s.Mode)]),
	}
}

// startJob creates a job, or finds the job that this client has already started, and answers with it or streams it.
func (t *Table) startJob(route *Route) http.Handler {
	view, start := t.cfg.Streams.View(formatOf(route)), route.Start
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead { // it must not start anything
			other := *r
			other.Method = http.MethodTrace // no route has it
			httperr.MethodNotAllowed(w, r, t.Allowed(&other))
			return
		}
		if byCookie(r) && !t.cfg.FromOwnPage(r) { // a GET that changes something
			httperr.Write(w, r, access.ErrCrossOrigin())
			return
		}
		if id := sse.StartedBefore(r); id != "" && start.Answer == "stream" {
			view.Started(w, r, hub.Topic{ID: id}, t.options(route, r, id))
			return
		}
		as, _ := auth.FromContext(r.Context())
		job, err := t.create(route, r, as)
		if err != nil {
			t.cfg.Streams.Failed(as.Subject, start.Kind, err)
			httperr.Write(w, r, err)
			return
		}
		if start.Answer == "stream" {
			view.Started(w, r, hub.Topic{ID: job.GetJobId()}, t.options(route, r, job.GetJobId()))
			return
		}
		state, err := webjson.Marshal(job)
		if err != nil {
			httperr.Write(w, r, rpcerr.Internal(err))
			return
		}
		w.Header().Set("Location", mount.Base(r.Context())+"/api/v1/jobs/"+job.GetJobId())
		httperr.WriteJSON(w, http.StatusAccepted, map[string]any{"job": json.RawMessage(state), "jobId": job.GetJobId()})
	})
}

// byCookie reports whether the caller is identified only by a cookie.
func byCookie(r *http.Request) bool {
	token, err := auth.BearerToken(r.Header.Values("Authorization")...)
	return err == nil && token == "" && r.URL.Query().Get("token") == ""
}

func (t *Table) create(route *Route, r *http.Request, as auth.Identity) (*jobsv1.Job, error) {
	defer t.cfg.Streams.Starting(as.Subject, route.Start.Kind)()
	payload, err := payloadOf(route.Start, r)
	if err != nil {
		return nil, err
	}
	if !utf8.ValidString(requestID(r)) {
		return nil, rpcerr.Invalid("request_id", "It must be UTF-8 text.")
	}
	request := &jobsv1.CreateJobRequest{Kind: route.Start.Kind, Title: route.Start.Title, PayloadJson: payload, RequestId: requestID(r)}
	if request.GetTitle() == "" {
		request.Title = route.Description
	}
	ctx, cancel := context.WithTimeout(access.Outgoing(r.Context()), callTimeout)
	defer cancel()
	answer, err := t.cfg.Jobs.CreateJob(ctx, request)
	return answer.GetJob(), err
}

// requestID returns the key with which a client repeats a request.
func requestID(r *http.Request) string {
	if key := r.Header.Get("Idempotency-Key"); key != "" {
		return key
	}
	return r.URL.Query().Get("request_id")
}

// ownParameters are query parameters that are not part of a payload.
var ownParameters = map[string]bool{"token": true, "request_id": true, "last_event_id": true}

// payloadOf returns the payload in a request's query and body as JSON. The numbers of the body stay exact.
func payloadOf(s *Start, r *http.Request) (string, error) {
	fields := map[string]any{}
	if s.Payload != "body" {
		for name, values := range r.URL.Query() {
			if !utf8.ValidString(name + strings.Join(values, "")) {
				return "", rpcerr.Invalid("query", "All of its text must be UTF-8.")
			}
			switch {
			case ownParameters[name]:
			case len(values) == 1:
				fields[name] = values[0]
			default:
				fields[name] = values
			}
		}
	}
	if s.Payload != "query" {
		body, err := io.ReadAll(io.LimitReader(r.Body, maxBodyBytes+1))
		if err != nil || len(body) > maxBodyBytes {
			return "", rpcerr.Invalid("body", fmt.Sprintf("It must be complete, and at most %d bytes.", maxBodyBytes))
		}
		if len(body) > 0 {
			var object map[string]json.RawMessage
			if err := json.Unmarshal(body, &object); err != nil || object == nil || !utf8.Valid(body) {
				return "", rpcerr.Invalid("body", "It must be a JSON object.")
			}
			for name, value := range object {
				fields[name] = value
			}
		}
	}
	payload, err := json.Marshal(fields)
	if err != nil { // it was decoded from JSON: it cannot fail
		return "", rpcerr.Internal(err)
	}
	return string(payload), nil
}

// options returns the options of a stream that a route has started.
func (t *Table) options(route *Route, r *http.Request, jobID string) sse.Options {
	o := sse.Options{Timeout: time.Duration(route.Timeout)}
	if route.Start.CancelOnDisconnect {
		ctx := context.WithoutCancel(access.Outgoing(r.Context()))
		o.Gone = func() { go t.cancel(ctx, jobID) }
	}
	return o
}

// cancel cancels a job whose client has disconnected.
func (t *Table) cancel(ctx context.Context, jobID string) {
	ctx, stop := context.WithTimeout(ctx, callTimeout)
	defer stop()
	_, err := t.cfg.Jobs.CancelJob(ctx, &jobsv1.CancelJobRequest{JobId: jobID})
	if err != nil && status.Code(err) != codes.FailedPrecondition { // it has ended
		t.cfg.Logger.Warn("can't cancel a job whose client has disconnected", "job_id", jobID, "error", err)
	}
}

// folderPolicy lets the pages of a folder use their own scripts, styles, and images, and call this server.
const folderPolicy = "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; " +
	"img-src 'self' data:; frame-ancestors 'none'"

// folder serves the files in a folder, and no files outside it.
func folder(r *Route) http.Handler {
	prefix := strings.TrimSuffix(r.Path, "/")
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		root, err := os.OpenRoot(r.Static)
		if err != nil {
			httperr.Write(w, request, rpcerr.Internal(errors.New("can't open the folder of a route")))
			return
		}
		defer root.Close()
		if !isPage(root.FS(), strings.Trim(strings.TrimPrefix(request.URL.Path, prefix), "/")) { // folders are not listed
			httperr.Write(w, request, httperr.RouteNotFound(request))
			return
		}
		w.Header().Set("Content-Security-Policy", folderPolicy)
		http.StripPrefix(prefix, http.FileServerFS(root.FS())).ServeHTTP(w, request)
	})
}

// isPage reports whether a path is a file, or a folder with an index page.
func isPage(files fs.FS, path string) bool {
	if path == "" {
		path = "."
	}
	info, err := fs.Stat(files, path)
	if err != nil || !info.IsDir() {
		return err == nil
	}
	_, err = fs.Stat(files, pathpkg.Join(path, "index.html"))
	return err == nil
}
