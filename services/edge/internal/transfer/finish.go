package transfer

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
	"headway/services/edge/internal/resumable"
)

// outcome is what became of a resumable upload: an import, or a refusal that would be the same again.
type outcome struct {
	ImportID string          `json:"importId,omitempty"`
	Refusal  json.RawMessage `json:"refusal,omitempty"`
}

// finish makes the import of a resumable upload whose bytes are all there. Done twice, also after a crash in between, it
// makes one import: a request id stands for the upload at the importer.
func (u *Uploads) finish(r *http.Request, id string) (*importsv1.UploadWorkbookResponse, error) {
	if len(r.URL.Query()) > 1 || r.ContentLength != 0 {
		return nil, errForm("With upload_id there is neither a body nor another parameter: the options are in the upload's metadata.")
	}
	held, err := u.cfg.Resumable.Hold(r.Context(), subject(r), id, nil)
	if err != nil {
		return nil, explainUpload(err)
	}
	defer held.Release()
	info := held.Info()
	if info.Outcome != nil {
		return u.repeat(r, info)
	}
	if !info.Complete() {
		return nil, rpcerr.Newf(codes.FailedPrecondition, errorsv1.ErrorReason_ERROR_REASON_UPLOAD_INCOMPLETE,
			"Of %d bytes, %d have arrived; send the others first.", info.Length, info.Offset)
	}
	accepted, err := u.forwardUpload(r, held)
	switch {
	case err == nil:
		u.decide(r, held, outcome{ImportID: accepted.GetImport().GetImportId()})
	case final(err):
		u.decide(r, held, outcome{Refusal: refusalOf(err)})
	}
	return accepted, err
}

func (u *Uploads) forwardUpload(r *http.Request, held *resumable.Held) (*importsv1.UploadWorkbookResponse, error) {
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
	accepted, err := u.forward(r.Context(), options, file, func() error { return nil })
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
func (u *Uploads) decide(r *http.Request, held *resumable.Held, o outcome) {
	text, err := json.Marshal(o)
	if err == nil {
		err = held.Decide(text)
	}
	if err != nil {
		u.cfg.Logger.ErrorContext(r.Context(), "the outcome of an upload could not be kept", "error", err)
	}
}

// repeat answers a call that comes again after its answer was lost.
func (u *Uploads) repeat(r *http.Request, info resumable.Info) (*importsv1.UploadWorkbookResponse, error) {
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
	found, err := u.cfg.Imports.GetImport(access.Outgoing(r.Context()), &importsv1.GetImportRequest{ImportId: o.ImportID})
	if err != nil {
		return nil, err
	}
	return &importsv1.UploadWorkbookResponse{Import: found.GetImport(), Replayed: true}, nil
}
