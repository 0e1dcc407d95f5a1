package tus

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	errorsv1 "headway/gen/go/headway/errors/v1"
	importsv1 "headway/gen/go/headway/imports/v1"
	"headway/internal/rpcerr"
	"headway/services/edge/internal/access"
	"headway/services/edge/internal/upload"
	"headway/services/edge/internal/webjson"
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
	locked, options, corrected, err := h.begin(r, id)
	if err != nil {
		return nil, err
	}
	defer locked.Unlock()
	if options == nil {
		return h.repeat(r, locked.Info())
	}
	if corrected {
		options.ConfirmMapping = false
	}
	accepted, err := h.forwardUpload(r, locked, options)
	switch {
	case err == nil:
		h.decide(r, locked, response{ImportID: accepted.GetImport().GetImportId()})
	case aboutMapping(err) && (options.GetConfirmMapping() || corrected):
		// Another mapping can follow.
	case final(err):
		h.decide(r, locked, response{Refusal: refusalOf(err)})
	}
	return accepted, err
}

// begin locks a complete upload, and returns its options. Those in the body of the request replace them, and corrected reports whether
// there are any. If the upload already has a response, begin returns no options.
func (h *Handler) begin(r *http.Request, id string) (locked Upload, options *importsv1.UploadOptions, corrected bool, err error) {
	if len(r.URL.Query()) > 1 {
		return nil, nil, false, errParameters
	}
	correction, err := correctionOf(r)
	if err != nil {
		return nil, nil, false, err
	}
	if locked, err = h.complete(r, id); err != nil {
		return nil, nil, false, err
	}
	if locked.Info().Response != nil {
		return locked, nil, false, nil
	}
	if options, err = optionsFromMetadata(locked.Info().Metadata); err != nil {
		locked.Unlock()
		return nil, nil, false, err
	}
	if correction != nil {
		correct(options, correction)
	}
	return locked, options, correction != nil, nil
}

var errParameters = upload.ErrForm("A request with upload_id has no other parameters. The options are in the upload's metadata, and the body can be JSON with a `mapping`, a `textFormat`, and `textFormats`.")

// maxCorrection is the maximum size of a mapping and of formats in the body of a request.
const maxCorrection = 1 << 20

// correct replaces the options of an upload that the body of a later request has. Without formats, those of the upload stay.
func correct(options, corrected *importsv1.UploadOptions) {
	options.Mapping = corrected.GetMapping()
	if corrected.GetTextFormat() != nil {
		options.TextFormat = corrected.GetTextFormat()
	}
	if len(corrected.GetTextFormats()) > 0 {
		options.TextFormats = corrected.GetTextFormats()
	}
}

// correctionOf returns the options in the body of a request, which can only be a mapping and the formats of text files. It returns
// nil without a body.
func correctionOf(r *http.Request) (*importsv1.UploadOptions, error) {
	if r.ContentLength == 0 {
		return nil, nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxCorrection+1))
	if err != nil {
		return nil, upload.ErrForm("The body could not be read to its end.")
	}
	options := &importsv1.UploadOptions{}
	if len(body) > maxCorrection {
		return nil, errParameters
	}
	if err := webjson.Unmarshal(body, options); err != nil {
		return nil, upload.ErrForm("The body is not a JSON object with a `mapping`, a `textFormat`, or `textFormats`: " + err.Error())
	}
	if !proto.Equal(options, &importsv1.UploadOptions{Mapping: options.GetMapping(), TextFormat: options.GetTextFormat(), TextFormats: options.GetTextFormats()}) {
		return nil, errParameters
	}
	return options, nil
}

// aboutMapping reports whether an upload with another mapping can succeed.
func aboutMapping(err error) bool {
	switch rpcerr.Reason(err) {
	case errorsv1.ErrorReason_ERROR_REASON_SHEET_MISSING, errorsv1.ErrorReason_ERROR_REASON_SHEET_DUPLICATED,
		errorsv1.ErrorReason_ERROR_REASON_HEADER_MISSING, errorsv1.ErrorReason_ERROR_REASON_HEADER_DUPLICATED,
		errorsv1.ErrorReason_ERROR_REASON_MAPPING_INVALID, errorsv1.ErrorReason_ERROR_REASON_MAPPING_UNCERTAIN:
		return true
	}
	return false
}

// complete locks a complete upload.
func (h *Handler) complete(r *http.Request, id string) (Upload, error) {
	locked, err := h.cfg.Store.Lock(r.Context(), subject(r), id, nil)
	if err != nil {
		return nil, explain(err)
	}
	switch info := locked.Info(); {
	case info.Response != nil:
	case info.Partial:
		err = upload.ErrForm("This is a partial upload. Join it with the others, and import the joined upload.")
	case !info.Complete():
		err = rpcerr.Newf(codes.FailedPrecondition, errorsv1.ErrorReason_ERROR_REASON_UPLOAD_INCOMPLETE,
			"%d of %d bytes have arrived. Send the others first.", info.Offset, info.Length)
	}
	if err != nil {
		locked.Unlock()
		return nil, err
	}
	return locked, nil
}

// OrPreview returns the handler of POST /api/v1/previews: a request with upload_id previews a complete upload, which is kept, and
// next answers every other request.
func (h *Handler) OrPreview(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.URL.Query().Get("upload_id")
		if id == "" {
			next.ServeHTTP(w, r)
			return
		}
		preview, err := h.preview(r, id)
		if err != nil {
			h.cfg.Uploads.Refuse(w, r, err)
			return
		}
		h.cfg.Uploads.Show(w, r, preview)
	})
}

func (h *Handler) preview(r *http.Request, id string) (*importsv1.PreviewFileResponse, error) {
	locked, options, _, err := h.begin(r, id)
	if err != nil {
		return nil, err
	}
	defer locked.Unlock()
	if options == nil { // its bytes are deleted
		return nil, explain(ErrNotFound)
	}
	options.SizeBytes = locked.Info().Length
	file, err := locked.Open()
	if err != nil {
		return nil, rpcerr.StorageFailed(err)
	}
	defer file.Close()
	return h.cfg.Uploads.SendPreview(access.Outgoing(r.Context()), options, file)
}

func (h *Handler) forwardUpload(r *http.Request, locked Upload, options *importsv1.UploadOptions) (*importsv1.UploadWorkbookResponse, error) {
	info := locked.Info()
	options.SizeBytes = info.Length
	if options.GetRequestId() == "" {
		options.RequestId = "upload:" + info.ID
	}
	file, err := locked.Open()
	if err != nil {
		return nil, rpcerr.StorageFailed(err)
	}
	defer file.Close()
	accepted, err := h.cfg.Uploads.Send(access.Outgoing(r.Context()), options, file)
	if rpcerr.Reason(err) == errorsv1.ErrorReason_ERROR_REASON_UPLOAD_INTERRUPTED { // because of the disk of the edge
		return nil, rpcerr.StorageFailed(fmt.Errorf("read upload %s: %w", info.ID, err))
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
