// Package tus implements the tus protocol 1.0.0 for resumable uploads, and creates imports from complete uploads.
package tus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"

	errorsv1 "headway/gen/go/headway/errors/v1"
	importsv1 "headway/gen/go/headway/imports/v1"
	"headway/internal/auth"
	"headway/internal/rpcerr"
	"headway/internal/rpcserver"
	"headway/services/edge/internal/httperr"
	"headway/services/edge/internal/mount"
	"headway/services/edge/internal/upload"
)

const (
	tusVersion    = "1.0.0"
	tusExtensions = "creation,creation-with-upload,creation-defer-length,concatenation,termination,expiration"
	chunkType     = "application/offset+octet-stream"
	uploadsPath   = "/api/v1/uploads"
)

// Handler answers /api/v1/uploads by the tus protocol 1.0.0 (https://tus.io/protocols/resumable-upload), with the
// extensions creation, creation-with-upload, creation-defer-length, concatenation, termination and
// expiration. It is safe for concurrent use.
type Handler struct {
	cfg Config
}

// Config holds the settings of a Handler. All fields are required.
type Config struct {
	// Store stores the uploads.
	Store Store
	// Uploads sends complete uploads to the importer.
	Uploads *upload.Handler
	// Imports is the importer.
	Imports importsv1.ImportServiceClient
	// MaxBytes is the maximum size of a workbook.
	MaxBytes int64
	// StallTimeout is the maximum time that a sender can pause.
	StallTimeout time.Duration
	// Logger receives errors that change no response.
	Logger *slog.Logger
}

// New returns a Handler.
func New(cfg Config) *Handler { return &Handler{cfg} }

// Versioned wraps every other handler: it returns the version of the protocol, and refuses requests with another one.
func (h *Handler) Versioned(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Tus-Resumable", tusVersion)
		if r.Method != http.MethodOptions && r.Header.Get("Tus-Resumable") != tusVersion {
			w.Header().Set("Tus-Version", tusVersion)
			h.cfg.Uploads.Refuse(w, r, rpcerr.New(codes.FailedPrecondition, errorsv1.ErrorReason_ERROR_REASON_TUS_VERSION_UNSUPPORTED,
				"Resumable uploads use tus 1.0.0. Send `Tus-Resumable: 1.0.0`."))
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
	w.Header().Set("Location", h.location(r, info.ID))
	if r.ContentLength != 0 && isChunk(r) && len(info.Parts) == 0 {
		if info, err = h.receive(w, r, info.ID, 0); err != nil {
			// The client does not receive the upload's address, so it can't continue the upload.
			h.forget(r, info.ID)
			w.Header().Del("Location")
			h.cfg.Uploads.Refuse(w, r, explain(err))
			return
		}
	}
	h.answer(w, http.StatusCreated, info)
}

func (h *Handler) location(r *http.Request, id string) string {
	return mount.Base(r.Context()) + uploadsPath + "/" + id
}

func (h *Handler) create(r *http.Request) (Info, error) {
	draft, err := h.draft(r)
	if err != nil {
		return Info{}, err
	}
	if r.ContentLength > 0 && !isChunk(r) {
		return Info{}, errChunkType()
	}
	if err := upload.MayImport(r.Context(), ""); err != nil {
		return Info{}, err
	}
	if !draft.Partial { // now, instead of after all bytes have been sent
		options, err := optionsFromMetadata(draft.Metadata)
		if err == nil {
			err = rpcserver.Validate(options)
		}
		if err == nil {
			err = upload.MayImport(r.Context(), options.GetSchema())
		}
		if err != nil {
			return Info{}, err
		}
	}
	info, err := h.cfg.Store.Create(r.Context(), subject(r), draft)
	return info, explain(err)
}

// draft reads the headers of a new upload.
func (h *Handler) draft(r *http.Request) (Draft, error) {
	d := Draft{Metadata: r.Header.Get("Upload-Metadata")}
	concat := strings.TrimSpace(r.Header.Get("Upload-Concat"))
	if parts, ok := strings.CutPrefix(concat, "final;"); ok {
		for _, address := range strings.Fields(parts) {
			d.Parts = append(d.Parts, address[strings.LastIndex(address, "/")+1:])
		}
		if len(d.Parts) == 0 || len(d.Parts) > maxParts {
			return Draft{}, upload.ErrForm(fmt.Sprintf("Upload-Concat must name 1 to %d partial uploads.", maxParts))
		}
		return d, nil
	}
	if concat != "" && concat != "partial" {
		return Draft{}, upload.ErrForm("Upload-Concat must be `partial`, or `final;` and the paths of the partial uploads.")
	}
	d.Partial = concat == "partial"
	if r.Header.Get("Upload-Defer-Length") == "1" && r.Header.Get("Upload-Length") == "" {
		d.Length = Deferred
		return d, nil
	}
	length, err := h.length(r)
	d.Length = length
	return d, err
}

// maxParts is the maximum number of partial uploads that can be joined.
const maxParts = 100

// length reads Upload-Length.
func (h *Handler) length(r *http.Request) (int64, error) {
	length, err := strconv.ParseInt(r.Header.Get("Upload-Length"), 10, 64)
	if err != nil || length < 0 {
		return 0, upload.ErrForm("Upload-Length must be the size of the workbook in bytes. If it is not known yet, send `Upload-Defer-Length: 1`.")
	}
	if length > h.cfg.MaxBytes {
		return 0, h.cfg.Uploads.TooLarge()
	}
	return length, nil
}

func (h *Handler) forget(r *http.Request, id string) {
	locked, err := h.cfg.Store.Lock(context.WithoutCancel(r.Context()), subject(r), id, nil)
	if err != nil {
		return // it expires
	}
	defer locked.Unlock()
	if err := locked.Remove(); err != nil {
		h.cfg.Logger.ErrorContext(r.Context(), "can't remove an upload that did not start", "error", err)
	}
}

// Head answers HEAD /api/v1/uploads/{upload_id}. A client that sends it is no longer sending bytes, even if its lost
// connection still looks open here. So Head takes the lock from that request.
func (h *Handler) Head(w http.ResponseWriter, r *http.Request) {
	info, err := h.cfg.Store.Find(subject(r), r.PathValue("upload_id"))
	if err == nil && !info.Complete() {
		var locked Upload
		if locked, err = h.cfg.Store.Lock(r.Context(), subject(r), info.ID, nil); err == nil {
			info = locked.Info()
			locked.Unlock()
		}
	}
	if err != nil {
		httperr.Write(w, r, explain(err))
		return
	}
	header := w.Header()
	if info.Length == Deferred {
		header.Set("Upload-Defer-Length", "1")
	} else {
		header.Set("Upload-Length", strconv.FormatInt(info.Length, 10))
	}
	switch {
	case info.Partial:
		header.Set("Upload-Concat", "partial")
	case len(info.Parts) > 0:
		parts := make([]string, len(info.Parts))
		for i, id := range info.Parts {
			parts[i] = h.location(r, id)
		}
		header.Set("Upload-Concat", "final;"+strings.Join(parts, " "))
	}
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
		err = upload.ErrForm("Upload-Offset must be the offset at which the chunk starts.")
	case !isChunk(r):
		err = errChunkType()
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
		h.cfg.Uploads.Refuse(w, r, explainChunk(err))
		return
	}
	h.answer(w, http.StatusNoContent, info)
}

// receive appends the request's body to an upload. Even with an error, the info is valid if the upload exists.
func (h *Handler) receive(w http.ResponseWriter, r *http.Request, id string, offset int64) (Info, error) {
	body := upload.NewBody(w, r, h.cfg.StallTimeout)
	locked, err := h.cfg.Store.Lock(r.Context(), subject(r), id, body.Stop)
	if err != nil {
		return Info{ID: id}, err
	}
	defer locked.Unlock()
	info, err := h.declare(r, locked)
	if err != nil {
		return info, err
	}
	missing := info.Length - offset
	if info.Length == Deferred {
		missing = h.cfg.MaxBytes - offset
	}
	if r.ContentLength > missing && offset == info.Offset {
		return info, errBeyondLength()
	}
	if err := locked.Append(offset, io.LimitReader(body, missing)); err != nil {
		return locked.Info(), err
	}
	if info = locked.Info(); r.ContentLength < 0 && info.Offset-offset == missing {
		if n, _ := body.Read(make([]byte, 1)); n > 0 {
			return info, errBeyondLength()
		}
	}
	return info, nil
}

// declare returns the state of an upload that receives a chunk. The chunk can declare the upload's length.
func (h *Handler) declare(r *http.Request, locked Upload) (Info, error) {
	info := locked.Info()
	switch declared := r.Header.Get("Upload-Length"); {
	case len(info.Parts) > 0:
		return info, rpcerr.New(codes.PermissionDenied, errorsv1.ErrorReason_ERROR_REASON_FORM_INVALID,
			"A joined upload is complete. It accepts no further bytes.")
	case declared == "":
		return info, nil
	}
	length, err := h.length(r)
	switch {
	case err != nil:
		return info, err
	case length == info.Length:
		return info, nil
	case info.Length != Deferred || length < info.Offset:
		return info, upload.ErrForm("Upload-Length contradicts what was declared or sent before.")
	}
	if err := locked.SetLength(length); err != nil {
		return info, err
	}
	return locked.Info(), nil
}

// Delete answers DELETE /api/v1/uploads/{upload_id}.
func (h *Handler) Delete(w http.ResponseWriter, r *http.Request) {
	locked, err := h.cfg.Store.Lock(r.Context(), subject(r), r.PathValue("upload_id"), nil)
	if err != nil {
		httperr.Write(w, r, explain(err))
		return
	}
	defer locked.Unlock()
	if err := locked.Remove(); err != nil {
		httperr.Write(w, r, rpcerr.StorageFailed(err))
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
		h.cfg.Uploads.Refuse(w, r, upload.ErrForm("POST to an upload needs X-HTTP-Method-Override, with PATCH, DELETE, or HEAD."))
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

func subject(r *http.Request) string {
	id, _ := auth.FromContext(r.Context())
	return id.Subject
}

func isChunk(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == chunkType
}
