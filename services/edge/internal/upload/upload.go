// Package upload streams the file of one request to the importer. It stores nothing.
package upload

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"sync"
	"time"

	"google.golang.org/grpc/codes"

	errorsv1 "headway/gen/go/headway/errors/v1"
	importsv1 "headway/gen/go/headway/imports/v1"
	"headway/internal/rpcerr"
	"headway/services/edge/internal/access"
	"headway/services/edge/internal/httperr"
	"headway/services/edge/internal/webjson"
)

const (
	// pieceBytes is how much of a workbook goes to the importer in one message.
	pieceBytes = 256 << 10
	// formOverhead is how much longer than its file a form may be.
	formOverhead = 1 << 20
	// drainBytes and drainTimeout bound what is still read of an upload that was refused: a client that is in the
	// middle of sending would otherwise see a reset connection in place of the reason.
	drainBytes   = 64 << 20
	drainTimeout = 5 * time.Second
)

// workbookTypes are the media types of a raw body.
var workbookTypes = map[string]bool{
	"application/octet-stream": true,
	"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": true,
	"application/vnd.ms-excel.sheet.macroenabled.12":                    true,
}

// Uploads answers POST /api/v1/imports. It must stand behind access.Required. Safe for concurrent use.
type Handler struct {
	cfg    Config
	pieces sync.Pool
}

// Config says what is taken.
type Config struct {
	// Imports is the importer.
	Imports importsv1.ImportServiceClient
	// MaxBytes is the largest workbook.
	MaxBytes int64
	// StallTimeout is how long a sender may pause.
	StallTimeout time.Duration
}

// New makes the handler.
func New(cfg Config) *Handler {
	return &Handler{
		cfg:    cfg,
		pieces: sync.Pool{New: func() any { b := make([]byte, pieceBytes); return &b }},
	}
}

// ServeHTTP implements http.Handler.
func (u *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	accepted, err := u.receive(w, r)
	if err != nil {
		u.Refuse(w, r, err)
		return
	}
	u.Accept(w, r, accepted)
}

func (u *Handler) receive(w http.ResponseWriter, r *http.Request) (*importsv1.UploadWorkbookResponse, error) {
	options, err := optionsFromQuery(r.URL.Query())
	if err != nil {
		return nil, err
	}
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	multi := err == nil && kind == "multipart/form-data"
	if err != nil || !multi && !workbookTypes[kind] {
		return nil, rpcerr.New(codes.InvalidArgument, errorsv1.ErrorReason_ERROR_REASON_MEDIA_TYPE_UNSUPPORTED,
			"Send the workbook as multipart/form-data with a part named `file`, or as the body with `Content-Type: application/octet-stream`.")
	}
	most := u.cfg.MaxBytes
	if multi {
		most += formOverhead
	}
	if r.ContentLength > most {
		return nil, u.TooLarge()
	}
	body := NewBody(w, r, u.cfg.StallTimeout)
	if !multi {
		options.SizeBytes = max(r.ContentLength, 0)
		return u.Send(r.Context(), options, body, func() error { return nil })
	}
	if params["boundary"] == "" {
		return nil, ErrForm("The Content-Type of the form has no boundary.")
	}
	return u.receiveForm(r.Context(), options, multipart.NewReader(body, params["boundary"]))
}

// receiveForm reads the fields, and passes the file on as soon as it comes: so the fields must stand before it.
func (u *Handler) receiveForm(ctx context.Context, options *importsv1.UploadOptions, form *multipart.Reader) (*importsv1.UploadWorkbookResponse, error) {
	for fields := 0; ; fields++ {
		part, err := form.NextPart()
		switch {
		case errors.Is(err, io.EOF):
			return nil, rpcerr.New(codes.InvalidArgument, errorsv1.ErrorReason_ERROR_REASON_FILE_MISSING,
				"The form has no part named `file`; put the workbook there.")
		case err != nil:
			return nil, errRead(err)
		case part.FormName() == "file":
			if options.GetFileName() == "" {
				options.FileName = part.FileName()
			}
			return u.Send(ctx, options, part, func() error { return onlyFile(form) })
		case fields == maxFields:
			return nil, ErrForm("The form has too many fields.")
		}
		value, err := io.ReadAll(io.LimitReader(part, maxFieldBytes+1))
		if err != nil {
			return nil, errRead(err)
		}
		if len(value) > maxFieldBytes {
			return nil, ErrForm(fmt.Sprintf("The field %q is longer than %d bytes.", part.FormName(), maxFieldBytes))
		}
		if err := SetOption(options, part.FormName(), string(value)); err != nil {
			return nil, err
		}
	}
}

// onlyFile makes sure that nothing comes behind the file, and that the form is complete.
func onlyFile(form *multipart.Reader) error {
	part, err := form.NextPart()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return errRead(err)
	}
	return ErrForm(fmt.Sprintf("The part %q stands behind the file; put every field before it, or into the query.", part.FormName()))
}

// Send streams the workbook to the importer, no faster than it takes it. Whatever ends this early cancels the call,
// and the importer keeps nothing.
func (u *Handler) Send(ctx context.Context, options *importsv1.UploadOptions, file io.Reader, complete func() error) (*importsv1.UploadWorkbookResponse, error) {
	ctx, cancel := context.WithCancel(access.Outgoing(ctx))
	defer cancel()
	stream, err := u.cfg.Imports.UploadWorkbook(ctx)
	if err != nil {
		return nil, err
	}
	send := func(m *importsv1.UploadWorkbookRequest) (answered bool, err error) {
		if err = stream.Send(m); errors.Is(err, io.EOF) { // the importer has answered already: take that
			return true, nil
		}
		return false, err
	}
	answered, err := send(&importsv1.UploadWorkbookRequest{Part: &importsv1.UploadWorkbookRequest_Options{Options: options}})
	if err != nil {
		return nil, err
	}
	buffer := u.pieces.Get().(*[]byte)
	defer u.pieces.Put(buffer)
	for total := int64(0); !answered; {
		n, readErr := fill(file, *buffer)
		if total += int64(n); total > u.cfg.MaxBytes {
			return nil, u.TooLarge()
		}
		if n > 0 {
			answered, err = send(&importsv1.UploadWorkbookRequest{Part: &importsv1.UploadWorkbookRequest_Data{Data: (*buffer)[:n]}})
			if err != nil {
				return nil, err
			}
		}
		if errors.Is(readErr, io.EOF) {
			if err := complete(); err != nil {
				return nil, err
			}
			break
		}
		if readErr != nil {
			return nil, errRead(readErr)
		}
	}
	return stream.CloseAndRecv()
}

// fill reads until the buffer is full or the reader has no more. Unlike io.ReadFull it leaves the reader's error as it
// is, so that an end (io.EOF) stays different from a cut (io.ErrUnexpectedEOF).
func fill(r io.Reader, b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var m int
		m, err = r.Read(b[n:])
		n += m
	}
	return n, err
}

// acceptedBody is the body of an accepted upload.
type acceptedBody struct {
	Import   json.RawMessage `json:"import"`
	Replayed bool            `json:"replayed"`
	Links    links           `json:"links"`
}

// links are the routes of an accepted import.
type links struct {
	Self     string `json:"self"`
	Job      string `json:"job"`
	Stream   string `json:"stream"`
	Issues   string `json:"issues"`
	Report   string `json:"report"`
	Imported string `json:"imported"`
}

// Accept answers 202 with the import and its links.
func (u *Handler) Accept(w http.ResponseWriter, r *http.Request, accepted *importsv1.UploadWorkbookResponse) {
	encoded, err := webjson.Marshal(accepted.GetImport())
	if err != nil {
		httperr.Write(w, r, rpcerr.Internal(fmt.Errorf("encode the accepted import: %w", err)))
		return
	}
	id := accepted.GetImport().GetImportId()
	self := "/api/v1/imports/" + id
	w.Header().Set("Location", self)
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(u.cfg.StallTimeout))
	httperr.WriteJSON(w, http.StatusAccepted, acceptedBody{encoded, accepted.GetReplayed(), links{
		Self: self, Job: "/api/v1/jobs/" + id, Stream: "/api/v1/sse/imports/" + id,
		Issues: self + "/issues", Report: self + "/report.xlsx", Imported: self + "/imported.xlsx",
	}})
}

// Refuse answers at once, also while the client is still sending, and reads on for a while so that it gets to hear it.
func (u *Handler) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	rc := http.NewResponseController(w)
	_ = rc.SetWriteDeadline(time.Now().Add(u.cfg.StallTimeout))
	if r.ProtoMajor != 1 {
		httperr.Write(w, r, err)
		return
	}
	_ = rc.EnableFullDuplex() // reading on behind an answer needs it
	w.Header().Set("Connection", "close")
	httperr.Write(w, r, err)
	if rc.Flush() != nil || r.Header.Get("Expect") != "" { // who waits for "100 Continue" sends nothing now
		return
	}
	_ = rc.SetReadDeadline(time.Now().Add(drainTimeout))
	_, _ = io.CopyN(io.Discard, r.Body, drainBytes) // whatever ends it, the answer is out
}

// TooLarge is the error for a workbook above the limit.
func (u *Handler) TooLarge() error {
	return rpcerr.Newf(codes.ResourceExhausted, errorsv1.ErrorReason_ERROR_REASON_UPLOAD_TOO_LARGE,
		"The workbook is larger than the %d MiB that this server takes; split it, or have the operator raise the limit.", u.cfg.MaxBytes>>20)
}

func errRead(cause error) error {
	return rpcerr.Wrap(codes.InvalidArgument, errorsv1.ErrorReason_ERROR_REASON_UPLOAD_INTERRUPTED,
		"The upload ended before the file was complete; nothing was kept. Upload it again.", cause)
}
