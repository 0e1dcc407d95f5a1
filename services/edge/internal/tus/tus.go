// Package tus answers the tus protocol 1.0.0 for resumable uploads, and makes imports of them.
package tus

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"google.golang.org/grpc/codes"

	errorsv1 "headway/gen/go/headway/errors/v1"
	importsv1 "headway/gen/go/headway/imports/v1"
	"headway/internal/auth"
	"headway/internal/rpcerr"
	"headway/internal/rpcserver"
	"headway/services/edge/internal/httperr"
	"headway/services/edge/internal/upload"
)

const (
	tusVersion    = "1.0.0"
	tusExtensions = "creation,creation-with-upload,termination,expiration"
	pieceType     = "application/offset+octet-stream"
	uploadsPath   = "/api/v1/uploads"
)

// Handler answers /api/v1/uploads by the tus protocol 1.0.0 (https://tus.io/protocols/resumable-upload), with the
// extensions creation, creation-with-upload, termination and expiration. Safe for concurrent use.
type Handler struct {
	cfg Config
}

// Config holds a Handler's settings. All fields are needed.
type Config struct {
	// Store keeps the uploads.
	Store Store
	// Uploads sends complete uploads to the importer.
	Uploads *upload.Handler
	// Imports is the importer.
	Imports importsv1.ImportServiceClient
	// MaxBytes is the maximum size of a workbook.
	MaxBytes int64
	// StallTimeout is how long a sender may pause.
	StallTimeout time.Duration
	// Logger receives errors that change no response.
	Logger *slog.Logger
}

// New returns a Handler.
func New(cfg Config) *Handler { return &Handler{cfg} }

// Versioned stands before every other handler of Tus: it says which version is spoken, and refuses others.
func (h *Handler) Versioned(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Tus-Resumable", tusVersion)
		if r.Method != http.MethodOptions && r.Header.Get("Tus-Resumable") != tusVersion {
			w.Header().Set("Tus-Version", tusVersion)
			h.cfg.Uploads.Refuse(w, r, rpcerr.New(codes.FailedPrecondition, errorsv1.ErrorReason_ERROR_REASON_TUS_VERSION_UNSUPPORTED,
				"Resumable uploads speak tus 1.0.0: send `Tus-Resumable: 1.0.0`."))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Describe answers OPTIONS.
func (h *Handler) Describe(w http.ResponseWriter, _ *http.Request) {
	header := w.Header()
	header.Set("Tus-Version", tusVersion)
	header.Set("Tus-Extension", tusExtensions)
	header.Set("Tus-Max-Size", strconv.FormatInt(h.cfg.MaxBytes, 10))
	w.WriteHeader(http.StatusNoContent)
}

// Create answers POST /api/v1/uploads.
func (h *Handler) Create(w http.ResponseWriter, r *http.Request) {
	info, err := h.create(r)
	if err != nil {
		h.cfg.Uploads.Refuse(w, r, err)
		return
	}
	w.Header().Set("Location", uploadsPath+"/"+info.ID)
	if r.ContentLength != 0 && isPiece(r) {
		if info, err = h.receive(w, r, info.ID, 0); err != nil {
			// The client does not hear where the upload is, so it cannot come back to it.
			h.forget(r, info.ID)
			w.Header().Del("Location")
			h.cfg.Uploads.Refuse(w, r, err)
			return
		}
	}
	h.answer(w, http.StatusCreated, info)
}

func (h *Handler) create(r *http.Request) (Info, error) {
	length, err := strconv.ParseInt(r.Header.Get("Upload-Length"), 10, 64)
	if err != nil || length < 0 {
		return Info{}, upload.ErrForm("Upload-Length must say how many bytes the workbook has; it cannot be left for later.")
	}
	if length > h.cfg.MaxBytes {
		return Info{}, h.cfg.Uploads.TooLarge()
	}
	if r.ContentLength > 0 && !isPiece(r) {
		return Info{}, errPieceType()
	}
	metadata := r.Header.Get("Upload-Metadata")
	options, err := optionsFromMetadata(metadata)
	if err != nil {
		return Info{}, err
	}
	if err := rpcserver.Validate(options); err != nil { // now, not when all bytes have been sent
		return Info{}, err
	}
	info, err := h.cfg.Store.Create(subject(r), length, metadata)
	return info, h.explain(err)
}

func (h *Handler) forget(r *http.Request, id string) {
	held, err := h.cfg.Store.Lock(context.WithoutCancel(r.Context()), subject(r), id, nil)
	if err != nil {
		return // it expires
	}
	defer held.Unlock()
	if err := held.Remove(); err != nil {
		h.cfg.Logger.ErrorContext(r.Context(), "an upload that did not begin could not be removed", "error", err)
	}
}

// Head answers HEAD /api/v1/uploads/{upload_id}. A client that asks has nothing under way any more, whatever a line that
// broke makes it look like here.
func (h *Handler) Head(w http.ResponseWriter, r *http.Request) {
	info, err := h.cfg.Store.Find(subject(r), r.PathValue("upload_id"))
	if err == nil && !info.Complete() {
		var held Upload
		if held, err = h.cfg.Store.Lock(r.Context(), subject(r), info.ID, nil); err == nil {
			info = held.Info()
			held.Unlock()
		}
	}
	if err != nil {
		httperr.Write(w, r, h.explain(err))
		return
	}
	header := w.Header()
	header.Set("Upload-Length", strconv.FormatInt(info.Length, 10))
	if info.Metadata != "" {
		header.Set("Upload-Metadata", info.Metadata)
	}
	h.answer(w, http.StatusOK, info)
}

// Patch answers PATCH /api/v1/uploads/{upload_id}.
func (h *Handler) Patch(w http.ResponseWriter, r *http.Request) {
	offset, err := strconv.ParseInt(r.Header.Get("Upload-Offset"), 10, 64)
	switch {
	case err != nil || offset < 0:
		err = upload.ErrForm("Upload-Offset must say at which byte the piece begins.")
	case !isPiece(r):
		err = errPieceType()
	}
	if err != nil {
		h.cfg.Uploads.Refuse(w, r, err)
		return
	}
	info, err := h.receive(w, r, r.PathValue("upload_id"), offset)
	if err != nil {
		if errors.Is(err, ErrOffset) {
			w.Header().Set("Upload-Offset", strconv.FormatInt(info.Offset, 10))
		}
		h.cfg.Uploads.Refuse(w, r, h.explain(err))
		return
	}
	h.answer(w, http.StatusNoContent, info)
}

// receive appends the request's body to an upload. The info is true also with an error, as far as there is an upload.
func (h *Handler) receive(w http.ResponseWriter, r *http.Request, id string, offset int64) (Info, error) {
	body := upload.NewBody(w, r, h.cfg.StallTimeout)
	held, err := h.cfg.Store.Lock(r.Context(), subject(r), id, body.Stop)
	if err != nil {
		return Info{ID: id}, err
	}
	defer held.Unlock()
	info := held.Info()
	if r.ContentLength > info.Length-offset && offset == info.Offset {
		return info, errBeyondLength()
	}
	if err := held.Append(offset, body); err != nil {
		return held.Info(), readError(err)
	}
	if info = held.Info(); r.ContentLength < 0 && info.Complete() {
		if n, _ := body.Read(make([]byte, 1)); n > 0 {
			return info, errBeyondLength()
		}
	}
	return info, nil
}

// readError tells what ended a piece: the line, the disk, or another request.
func readError(err error) error {
	switch {
	case errors.Is(err, ErrOffset):
		return err
	case errors.Is(err, upload.ErrStopped):
		return ErrBusy
	case errors.Is(err, syscall.ENOSPC):
		return rpcerr.Wrap(codes.Unavailable, errorsv1.ErrorReason_ERROR_REASON_UNAVAILABLE,
			"The server has no room for more bytes at the moment; what arrived is kept. Try again later.", err)
	case errors.Is(err, upload.ErrBody):
		return rpcerr.Wrap(codes.InvalidArgument, errorsv1.ErrorReason_ERROR_REASON_UPLOAD_INTERRUPTED,
			"The piece ended before it was complete; what arrived is kept. HEAD says where to go on.", err)
	}
	return rpcerr.Internal(err)
}

// Delete answers DELETE /api/v1/uploads/{upload_id}.
func (h *Handler) Delete(w http.ResponseWriter, r *http.Request) {
	held, err := h.cfg.Store.Lock(r.Context(), subject(r), r.PathValue("upload_id"), nil)
	if err != nil {
		httperr.Write(w, r, h.explain(err))
		return
	}
	defer held.Unlock()
	if err := held.Remove(); err != nil {
		httperr.Write(w, r, rpcerr.Internal(err))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// Override answers POST /api/v1/uploads/{upload_id}, for clients that cannot send the method that they name in
// X-HTTP-Method-Override.
func (h *Handler) Override(w http.ResponseWriter, r *http.Request) {
	switch method := r.Header.Get("X-HTTP-Method-Override"); method {
	case http.MethodPatch:
		h.Patch(w, r)
	case http.MethodDelete:
		h.Delete(w, r)
	case http.MethodHead:
		h.Head(w, r)
	default:
		h.cfg.Uploads.Refuse(w, r, upload.ErrForm("POST to an upload needs X-HTTP-Method-Override, with PATCH, DELETE or HEAD."))
	}
}

func (h *Handler) answer(w http.ResponseWriter, status int, info Info) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(h.cfg.StallTimeout))
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("Upload-Offset", strconv.FormatInt(info.Offset, 10))
	header.Set("Upload-Expires", info.Expires.UTC().Format(http.TimeFormat))
	w.WriteHeader(status)
}

// explain turns the store's errors into what the client is told.
func (h *Handler) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrTooMany):
		return rpcerr.New(codes.ResourceExhausted, errorsv1.ErrorReason_ERROR_REASON_UPLOAD_LIMIT,
			"You have as many unfinished resumable uploads as you may, or as many bytes of them; finish or delete one, or wait until they expire.")
	case errors.Is(err, ErrFull):
		return rpcerr.New(codes.Unavailable, errorsv1.ErrorReason_ERROR_REASON_UNAVAILABLE,
			"The server has no room for more unfinished uploads at the moment; try again later.")
	case errors.Is(err, ErrOffset):
		return rpcerr.New(codes.Aborted, errorsv1.ErrorReason_ERROR_REASON_UPLOAD_OFFSET_MISMATCH,
			"The piece does not begin where the upload ends; HEAD says where to go on.")
	}
	return explainUpload(err)
}

// explainUpload turns what may happen to any request for an upload into what the client is told.
func explainUpload(err error) error {
	switch {
	case errors.Is(err, ErrNotFound):
		return rpcerr.New(codes.NotFound, errorsv1.ErrorReason_ERROR_REASON_UPLOAD_NOT_FOUND,
			"You have no such upload: it was deleted, has expired, or never was. Begin a new one.")
	case errors.Is(err, ErrBusy):
		return rpcerr.New(codes.Aborted, errorsv1.ErrorReason_ERROR_REASON_UPLOAD_BUSY,
			"Another request holds this upload; try again in a moment.")
	case rpcerr.Reason(err) != errorsv1.ErrorReason_ERROR_REASON_UNSPECIFIED:
		return err
	}
	return rpcerr.Internal(err)
}

func subject(r *http.Request) string {
	id, _ := auth.FromContext(r.Context())
	return id.Subject
}

func isPiece(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == pieceType
}

func errPieceType() error {
	return rpcerr.New(codes.InvalidArgument, errorsv1.ErrorReason_ERROR_REASON_MEDIA_TYPE_UNSUPPORTED,
		"Send the bytes of a resumable upload as `Content-Type: "+pieceType+"`.")
}

func errBeyondLength() error {
	return rpcerr.New(codes.ResourceExhausted, errorsv1.ErrorReason_ERROR_REASON_UPLOAD_TOO_LARGE,
		"The piece is longer than what is missing of the upload by its Upload-Length.")
}

// ignoredMetadata is what clients of tus send by themselves, and nobody needs here.
var ignoredMetadata = map[string]bool{"filetype": true, "type": true, "name": true, "relativePath": true}

// optionsFromMetadata reads Upload-Metadata: pairs of a key and a value in base64, separated by commas.
func optionsFromMetadata(header string) (*importsv1.UploadOptions, error) {
	options := &importsv1.UploadOptions{}
	if strings.TrimSpace(header) == "" {
		return options, nil
	}
	seen := make(map[string]bool)
	for pair := range strings.SplitSeq(header, ",") {
		key, encoded, _ := strings.Cut(strings.TrimSpace(pair), " ")
		if seen[key] {
			return nil, upload.ErrForm(fmt.Sprintf("Upload-Metadata gives %q twice.", key))
		}
		seen[key] = true
		if ignoredMetadata[key] {
			continue
		}
		value, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil || !utf8.Valid(value) {
			return nil, upload.ErrForm(fmt.Sprintf("Upload-Metadata: the value of %q is not UTF-8 text in base64.", key))
		}
		if err := upload.SetOption(options, key, string(value)); err != nil {
			return nil, err
		}
	}
	return options, nil
}
