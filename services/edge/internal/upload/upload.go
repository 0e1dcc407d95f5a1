// Package upload streams the file of one request to the importer. It stores nothing.
package upload

import (
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	errorsv1 "headway/gen/go/headway/errors/v1"
	importsv1 "headway/gen/go/headway/imports/v1"
	"headway/internal/auth"
	"headway/internal/rpcerr"
	"headway/services/edge/internal/httperr"
	"headway/services/edge/internal/mount"
)

const (
	// chunkBytes is the size of a message to the importer.
	chunkBytes = 256 << 10
	// formOverhead is the maximum size of a form without its file.
	formOverhead = 1 << 20
	// drainBytes and drainTimeout limit how much of a rejected upload is read. Without reading, a client that is still
	// sending would see a reset connection instead of the reason.
	drainBytes   = 64 << 20
	drainTimeout = 5 * time.Second
)

// rawTypes are the media types of a raw body: those of workbooks, and those that programs send for files of unknown
// type. The importer recognizes a workbook by its content.
var rawTypes = map[string]bool{
	"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": true,
	"application/vnd.ms-excel.sheet.macroenabled.12":                    true,
	"application/vnd.ms-excel":                                          true,
	"text/csv":                                                          true,
	"text/tab-separated-values":                                         true,
	"text/plain":                                                        true,
	"application/csv":                                                   true,
	"application/octet-stream":                                          true,
	"binary/octet-stream":                                               true,
	"application/zip":                                                   true,
	"application/x-zip-compressed":                                      true,
	"application/x-www-form-urlencoded":                                 true, // curl --data-binary without a header
	"":                                                                  true,
}

// Handler answers POST /api/v1/imports, for the gateway's mux. The context of a request must carry the caller's token
// for the importer. It is safe for concurrent use.
type Handler struct {
	cfg    Config
	chunks sync.Pool
}

// Config holds a Handler's settings. All fields are required.
type Config struct {
	// Imports is the importer.
	Imports importsv1.ImportServiceClient
	// Gateway writes the responses.
	Gateway Gateway
	// MaxBytes is the maximum size of a workbook.
	MaxBytes int64
	// StallTimeout is how long a sender can pause.
	StallTimeout time.Duration
}

// Gateway writes responses as grpc-gateway does.
type Gateway interface {
	// Answer writes a message. prepare is called before the status is written.
	Answer(w http.ResponseWriter, r *http.Request, m proto.Message, prepare func(http.ResponseWriter))
	// Fail writes an error.
	Fail(w http.ResponseWriter, r *http.Request, err error)
}

// New returns a new Handler.
func New(cfg Config) *Handler {
	return &Handler{
		cfg:    cfg,
		chunks: sync.Pool{New: func() any { b := make([]byte, chunkBytes); return &b }},
	}
}

// ServeHTTP implements http.Handler.
func (u *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	accepted, err := u.Receive(w, r, nil)
	if err != nil {
		u.Refuse(w, r, err)
		return
	}
	u.Accept(w, r, accepted)
}

// Preview answers POST /api/v1/previews: it streams a file like ServeHTTP, and returns its preview.
func (u *Handler) Preview(w http.ResponseWriter, r *http.Request) {
	call := &previewCall{imports: u.cfg.Imports}
	if err := u.receive(w, r, nil, call); err != nil {
		u.Refuse(w, r, err)
		return
	}
	u.Show(w, r, call.response)
}

// Show answers with a preview.
func (u *Handler) Show(w http.ResponseWriter, r *http.Request, preview *importsv1.PreviewFileResponse) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(u.cfg.StallTimeout))
	u.cfg.Gateway.Answer(w, r, preview, func(w http.ResponseWriter) { w.Header().Set("Cache-Control", "no-store") })
}

// Receive streams the workbook of a request to the importer. If preset is not nil, it has the options: the query
// and the fields of the form don't change them.
func (u *Handler) Receive(w http.ResponseWriter, r *http.Request, preset *importsv1.UploadOptions) (*importsv1.UploadWorkbookResponse, error) {
	call := &importCall{imports: u.cfg.Imports}
	err := u.receive(w, r, preset, call)
	return call.response, err
}

// receive streams the file of a request with a call.
func (u *Handler) receive(w http.ResponseWriter, r *http.Request, preset *importsv1.UploadOptions, call fileCall) error {
	options, given := proto.CloneOf(preset), Given{}
	if preset == nil {
		var err error
		if options, given, err = optionsFromQuery(r.URL.Query()); err != nil {
			return err
		}
	}
	if err := MayImport(r.Context(), options.GetSchema()); err != nil {
		return err
	}
	kind, params, err := mediaType(r.Header.Get("Content-Type"))
	isForm := kind == "multipart/form-data"
	if err != nil || !isForm && !rawTypes[kind] {
		return rpcerr.New(codes.InvalidArgument, errorsv1.ErrorReason_ERROR_REASON_MEDIA_TYPE_UNSUPPORTED,
			"Send the workbook as a file in multipart/form-data, or as the body with `Content-Type: application/octet-stream`.")
	}
	limit := u.cfg.MaxBytes
	if isForm {
		if err := httperr.Encoded(r); err != nil {
			return err
		}
		limit += formOverhead
	}
	if r.ContentLength > limit {
		return u.TooLarge()
	}
	body := NewBody(w, r, u.cfg.StallTimeout)
	if !isForm {
		options.SizeBytes = max(r.ContentLength, 0)
		return u.send(r.Context(), call, options, body, noMore)
	}
	if params["boundary"] == "" {
		return ErrForm("The Content-Type of the form has no boundary.")
	}
	f := form{parts: multipart.NewReader(body, params["boundary"]), given: given, fixed: preset != nil}
	return u.receiveForm(r.Context(), call, options, f)
}

// MayImport returns an error if the caller can't import with a schema, or at all. The importer checks this too, but the
// edge can check it before it reads a body. The default schema has no name here.
func MayImport(ctx context.Context, schema string) error {
	id, _ := auth.FromContext(ctx)
	if !id.May(auth.ScopeImport) {
		return rpcerr.ScopeMissing("Importing", auth.ScopeImport)
	}
	if schema != "" && !id.MayImport(schema) {
		return rpcerr.NameNotAllowed("imports with the schema", schema, "headway_schemas", id.Schemas)
	}
	return nil
}

// mediaType returns the media type in a header, and its parameters. An absent header is an empty type.
func mediaType(header string) (string, map[string]string, error) {
	if header == "" {
		return "", nil, nil
	}
	return mime.ParseMediaType(header)
}

// Send streams a workbook to the importer, at the importer's speed. If anything fails, the call to the importer is cancelled, and
// the importer stores nothing. ctx carries the caller's token, as of access.Outgoing.
func (u *Handler) Send(ctx context.Context, options *importsv1.UploadOptions, file io.Reader) (*importsv1.UploadWorkbookResponse, error) {
	call := &importCall{imports: u.cfg.Imports}
	err := u.send(ctx, call, options, file, noMore)
	return call.response, err
}

// SendPreview is Send for a preview.
func (u *Handler) SendPreview(ctx context.Context, options *importsv1.UploadOptions, file io.Reader) (*importsv1.PreviewFileResponse, error) {
	call := &previewCall{imports: u.cfg.Imports}
	err := u.send(ctx, call, options, file, noMore)
	return call.response, err
}

// noMore is the argument more of send if there is only one file.
func noMore() (io.Reader, string, error) { return nil, "", io.EOF }

// send streams a file, and those that more returns after it, with their names. more returns io.EOF when everything is complete.
func (u *Handler) send(ctx context.Context, call fileCall, options *importsv1.UploadOptions, file io.Reader, more func() (io.Reader, string, error)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := call.open(ctx); err != nil {
		return err
	}
	answered, err := hasAnswered(call.send(options, nil))
	if err != nil {
		return err
	}
	buffer := u.chunks.Get().(*[]byte)
	defer u.chunks.Put(buffer)
	for total := int64(0); !answered; {
		n, readErr := fill(file, *buffer, time.Now().Add(u.cfg.StallTimeout/6))
		if total += int64(n); total > u.cfg.MaxBytes {
			return u.TooLarge()
		}
		if readErr != nil && !errors.Is(readErr, io.EOF) {
			return errRead(readErr) // net/http has cancelled the call as well, so a send would fail for another reason
		}
		if n > 0 {
			if answered, err = hasAnswered(call.send(nil, (*buffer)[:n])); err != nil {
				return err
			}
		}
		if readErr == nil || answered {
			continue
		}
		var name string
		file, name, err = more()
		switch {
		case errors.Is(err, io.EOF):
			return call.finish()
		case err != nil:
			return err
		}
		if answered, err = hasAnswered(call.next(&importsv1.NextFile{FileName: name})); err != nil {
			return err
		}
	}
	return call.finish()
}

// hasAnswered reports whether the importer has already answered, instead of taking a message.
func hasAnswered(err error) (bool, error) {
	if errors.Is(err, io.EOF) {
		return true, nil
	}
	return false, err
}

// fill reads until the buffer is full, the reader ends, or bytes arrive after the time: the importer must not take a slow sender for
// one that has stalled. Unlike io.ReadFull, fill returns the reader's own error, so that a complete body (io.EOF) can be distinguished
// from an interrupted one (io.ErrUnexpectedEOF).
func fill(r io.Reader, b []byte, until time.Time) (n int, err error) {
	for n < len(b) && err == nil && (n == 0 || time.Now().Before(until)) {
		var m int
		m, err = r.Read(b[n:])
		n += m
	}
	return n, err
}

// Accept answers 202 with the import and its links.
func (u *Handler) Accept(w http.ResponseWriter, r *http.Request, accepted *importsv1.UploadWorkbookResponse) {
	id := accepted.GetImport().GetImportId()
	api := mount.Base(r.Context()) + "/api/v1/"
	self := api + "imports/" + id
	accepted.Links = &importsv1.ImportLinks{
		Self: self, Job: api + "jobs/" + id, Stream: api + "sse/imports/" + id,
		Issues: self + "/issues", Report: self + "/report.xlsx", Imported: self + "/imported.xlsx",
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(u.cfg.StallTimeout))
	u.cfg.Gateway.Answer(w, r, accepted, func(w http.ResponseWriter) {
		w.Header().Set("Location", self)
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusAccepted)
	})
}

// Refuse answers with an error immediately, even while the client is still sending. It then discards data from the
// client for a while, so that the client receives the response.
func (u *Handler) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	rc := http.NewResponseController(w)
	_ = rc.SetWriteDeadline(time.Now().Add(u.cfg.StallTimeout))
	if r.ProtoMajor != 1 {
		u.cfg.Gateway.Fail(w, r, err)
		return
	}
	_ = rc.EnableFullDuplex() // required for reading after the response
	w.Header().Set("Connection", "close")
	u.cfg.Gateway.Fail(w, r, err)
	if rc.Flush() != nil {
		return
	}
	// A client that waits for "100 Continue" sends nothing, unless the file's first bytes were read before it was refused.
	_ = rc.SetReadDeadline(time.Now().Add(drainTimeout))
	_, _ = io.CopyN(io.Discard, r.Body, drainBytes) // the response is already sent
}

// TooLarge returns the error for a file above the limit.
func (u *Handler) TooLarge() error { return rpcerr.UploadTooLarge(u.cfg.MaxBytes) }

func errRead(cause error) error {
	return rpcerr.Wrap(codes.InvalidArgument, errorsv1.ErrorReason_ERROR_REASON_UPLOAD_INTERRUPTED,
		"The upload ended before the file was complete, so it was discarded. Upload the file again.", cause)
}
