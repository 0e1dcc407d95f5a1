package tus

import (
	"encoding/json"
	"fmt"
	"net/http"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	errorsv1 "headway/gen/go/headway/errors/v1"
	importsv1 "headway/gen/go/headway/imports/v1"
	"headway/internal/rpcerr"
	"headway/services/edge/internal/access"
	"headway/services/edge/internal/upload"
)

// response is the response to the request that imports a resumable upload: an import, or a permanent refusal.
type response struct {
	ImportID string          `json:"importId,omitempty"`
	Refusal  json.RawMessage `json:"refusal,omitempty"`
}

// OrElse returns the handler of POST /api/v1/imports: a request with upload_id imports a complete upload, and next
// answers every other request.
func (h *Handler) OrElse(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("upload_id") == "" {
			next.ServeHTTP(w, r)
			return
		}
		h.importUpload(w, r)
	})
}

func (h *Handler) importUpload(w http.ResponseWriter, r *http.Request) {
	accepted, err := h.finish(r, r.URL.Query().Get("upload_id"))
	if err != nil {
		h.cfg.Uploads.Refuse(w, r, err)
		return
	}
	h.cfg.Uploads.Accept(w, r, accepted)
}

// finish creates the import of a complete resumable upload. A second call, even after a crash in between, returns the same
// import: the importer gets a request ID that is derived from the upload.
func (h *Handler) finish(r *http.Request, id string) (*importsv1.UploadWorkbookResponse, error) {
	if len(r.URL.Query()) > 1 || r.ContentLength != 0 {
		return nil, upload.ErrForm("A request with upload_id has no body and no other parameters. The options are in the upload's metadata.")
	}
	locked, err := h.cfg.Store.Lock(r.Context(), subject(r), id, nil)
	if err != nil {
		return nil, explainUpload(err)
	}
	defer locked.Unlock()
	info := locked.Info()
	if info.Response != nil {
		return h.repeat(r, info)
	}
	if info.Partial {
		return nil, upload.ErrForm("This is a partial upload. Join it with the others, and import the joined upload.")
	}
	if !info.Complete() {
		return nil, rpcerr.Newf(codes.FailedPrecondition, errorsv1.ErrorReason_ERROR_REASON_UPLOAD_INCOMPLETE,
			"%d of %d bytes have arrived. Send the others first.", info.Offset, info.Length)
	}
	accepted, err := h.forwardUpload(r, locked)
	switch {
	case err == nil:
		h.decide(r, locked, response{ImportID: accepted.GetImport().GetImportId()})
	case final(err):
		h.decide(r, locked, response{Refusal: refusalOf(err)})
	}
	return accepted, err
}

func (h *Handler) forwardUpload(r *http.Request, locked Upload) (*importsv1.UploadWorkbookResponse, error) {
	info := locked.Info()
	options, err := optionsFromMetadata(info.Metadata)
	if err != nil {
		return nil, err
	}
	options.SizeBytes = info.Length
	if options.GetRequestId() == "" {
		options.RequestId = "upload:" + info.ID
	}
	file, err := locked.Open()
	if err != nil {
		return nil, rpcerr.Internal(err)
	}
	defer file.Close()
	accepted, err := h.cfg.Uploads.Send(access.Outgoing(r.Context()), options, file, func() error { return nil })
	if rpcerr.Reason(err) == errorsv1.ErrorReason_ERROR_REASON_UPLOAD_INTERRUPTED { // because of the disk of the edge
		return nil, rpcerr.Internal(fmt.Errorf("read upload %s: %w", info.ID, err))
	}
	return accepted, err
}

// final reports whether the importer would refuse these bytes and options again.
func final(err error) bool {
	switch status.Code(err) {
	case codes.InvalidArgument, codes.FailedPrecondition, codes.AlreadyExists, codes.NotFound, codes.OutOfRange:
		return true
	}
	return rpcerr.Reason(err) == errorsv1.ErrorReason_ERROR_REASON_UPLOAD_TOO_LARGE
}

func refusalOf(err error) json.RawMessage {
	text, marshalErr := protojson.Marshal(status.Convert(err).Proto())
	if marshalErr != nil { // a detail of an unknown type
		st := status.New(status.Code(err), status.Convert(err).Message())
		text, _ = protojson.Marshal(st.Proto()) // it has only a number and a string
	}
	return text
}

// decide stores the response. If that fails, the bytes are kept, and the next call gets the same response.
func (h *Handler) decide(r *http.Request, locked Upload, answer response) {
	text, err := json.Marshal(answer)
	if err == nil {
		err = locked.Decide(text)
	}
	if err != nil {
		h.cfg.Logger.ErrorContext(r.Context(), "can't store the response to an upload", "error", err)
	}
}

// repeat answers a call that the client repeats because it lost the response.
func (h *Handler) repeat(r *http.Request, info Info) (*importsv1.UploadWorkbookResponse, error) {
	var stored response
	if err := json.Unmarshal(info.Response, &stored); err != nil {
		return nil, rpcerr.Internal(fmt.Errorf("read the response to upload %s: %w", info.ID, err))
	}
	if stored.Refusal != nil {
		var refusal spb.Status
		if err := protojson.Unmarshal(stored.Refusal, &refusal); err != nil {
			return nil, rpcerr.Internal(fmt.Errorf("read the refusal of upload %s: %w", info.ID, err))
		}
		return nil, status.FromProto(&refusal).Err()
	}
	found, err := h.cfg.Imports.GetImport(access.Outgoing(r.Context()), &importsv1.GetImportRequest{ImportId: stored.ImportID})
	if err != nil {
		return nil, err
	}
	return &importsv1.UploadWorkbookResponse{Import: found.GetImport(), Replayed: true}, nil
}
