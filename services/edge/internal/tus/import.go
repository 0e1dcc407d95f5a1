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

// outcome is what became of a resumable upload: an import, or a refusal that would be the same again.
type outcome struct {
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

// finish makes the import of a resumable upload whose bytes are all there. Done twice, also after a crash in between, it
// makes one import: a request id stands for the upload at the importer.
func (h *Handler) finish(r *http.Request, id string) (*importsv1.UploadWorkbookResponse, error) {
	if len(r.URL.Query()) > 1 || r.ContentLength != 0 {
		return nil, upload.ErrForm("A request with upload_id has no body and no other parameters. The options are in the upload's metadata.")
	}
	held, err := h.cfg.Store.Lock(r.Context(), subject(r), id, nil)
	if err != nil {
		return nil, explainUpload(err)
	}
	defer held.Unlock()
	info := held.Info()
	if info.Outcome != nil {
		return h.repeat(r, info)
	}
	if info.Partial {
		return nil, upload.ErrForm("This is a partial upload. Join it with the others, and import the joined upload.")
	}
	if !info.Complete() {
		return nil, rpcerr.Newf(codes.FailedPrecondition, errorsv1.ErrorReason_ERROR_REASON_UPLOAD_INCOMPLETE,
			"%d of %d bytes have arrived. Send the others first.", info.Offset, info.Length)
	}
	accepted, err := h.forwardUpload(r, held)
	switch {
	case err == nil:
		h.decide(r, held, outcome{ImportID: accepted.GetImport().GetImportId()})
	case final(err):
		h.decide(r, held, outcome{Refusal: refusalOf(err)})
	}
	return accepted, err
}

func (h *Handler) forwardUpload(r *http.Request, held Upload) (*importsv1.UploadWorkbookResponse, error) {
	info := held.Info()
	options, err := optionsFromMetadata(info.Metadata)
	if err != nil {
		return nil, err
	}
	options.SizeBytes = info.Length
	if options.GetRequestId() == "" {
		options.RequestId = "upload:" + info.ID
	}
	file, err := held.Open()
	if err != nil {
		return nil, rpcerr.Internal(err)
	}
	defer file.Close()
	accepted, err := h.cfg.Uploads.Send(r.Context(), options, file, func() error { return nil })
	if rpcerr.Reason(err) == errorsv1.ErrorReason_ERROR_REASON_UPLOAD_INTERRUPTED { // by our own disk
		return nil, rpcerr.Internal(fmt.Errorf("read upload %s: %w", info.ID, err))
	}
	return accepted, err
}

// final tells whether the importer would refuse these bytes and options again.
func final(err error) bool {
	switch status.Code(err) {
	case codes.InvalidArgument, codes.FailedPrecondition, codes.AlreadyExists, codes.NotFound, codes.OutOfRange:
		return true
	}
	return rpcerr.Reason(err) == errorsv1.ErrorReason_ERROR_REASON_UPLOAD_TOO_LARGE
}

func refusalOf(err error) json.RawMessage {
	text, marshalErr := protojson.Marshal(status.Convert(err).Proto())
	if marshalErr != nil { // a detail of a kind that is not known here
		st := status.New(status.Code(err), status.Convert(err).Message())
		text, _ = protojson.Marshal(st.Proto()) // a number and a string
	}
	return text
}

// decide keeps the outcome. If that fails the bytes stay, and the next call comes to the same end.
func (h *Handler) decide(r *http.Request, held Upload, o outcome) {
	text, err := json.Marshal(o)
	if err == nil {
		err = held.Decide(text)
	}
	if err != nil {
		h.cfg.Logger.ErrorContext(r.Context(), "the outcome of an upload could not be kept", "error", err)
	}
}

// repeat answers a call that comes again after its answer was lost.
func (h *Handler) repeat(r *http.Request, info Info) (*importsv1.UploadWorkbookResponse, error) {
	var o outcome
	if err := json.Unmarshal(info.Outcome, &o); err != nil {
		return nil, rpcerr.Internal(fmt.Errorf("read the outcome of upload %s: %w", info.ID, err))
	}
	if o.Refusal != nil {
		var refusal spb.Status
		if err := protojson.Unmarshal(o.Refusal, &refusal); err != nil {
			return nil, rpcerr.Internal(fmt.Errorf("read the refusal of upload %s: %w", info.ID, err))
		}
		return nil, status.FromProto(&refusal).Err()
	}
	found, err := h.cfg.Imports.GetImport(access.Outgoing(r.Context()), &importsv1.GetImportRequest{ImportId: o.ImportID})
	if err != nil {
		return nil, err
	}
	return &importsv1.UploadWorkbookResponse{Import: found.GetImport(), Replayed: true}, nil
}
