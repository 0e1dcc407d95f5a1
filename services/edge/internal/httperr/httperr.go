// Package httperr answers requests that fail: every error of the edge, its own or a service's, leaves as
//
//	{"code":16,"status":"UNAUTHENTICATED","reason":"TOKEN_MISSING","message":"…","requestId":"…","details":[…]}
//
// Code and status are the gRPC code and its name, reason is a name of headway.errors.v1.ErrorReason, details are further
// google.rpc messages in protobuf's JSON form.
package httperr

import (
	"encoding/json"
	"net/http"
	"strconv"

	codev1 "google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	errorsv1 "headway/gen/go/headway/errors/v1"
	"headway/internal/rpcerr"
	"headway/services/edge/internal/reqlog"
)

type body struct {
	Code      codes.Code        `json:"code"`
	Status    string            `json:"status"`
	Reason    string            `json:"reason"`
	Message   string            `json:"message"`
	RequestID string            `json:"requestId"`
	Details   []json.RawMessage `json:"details,omitempty"`
}

// retryAfterSeconds is what a refused caller is told to wait for when the edge or a service has too much to do.
const retryAfterSeconds = 5

// Write answers the request with the error, and keeps the error for the request's log line. Nothing may have been
// written before.
func Write(w http.ResponseWriter, r *http.Request, err error) {
	err = tidy(err)
	WriteStatus(w, r, HTTPStatus(err), err)
}

// WriteStatus is Write for the rare error whose HTTP status says more than its gRPC code can (405).
func WriteStatus(w http.ResponseWriter, r *http.Request, code int, err error) {
	err = tidy(err)
	rec := reqlog.From(r.Context())
	rec.Err = err
	st := status.Convert(err)
	b := body{
		Code: st.Code(), Status: codev1.Code_name[int32(st.Code())], Reason: rpcerr.Word(rpcerr.Reason(err)),
		Message: st.Message(), RequestID: rec.ID, Details: details(st),
	}
	text, err := json.Marshal(b)
	if err != nil { // strings and numbers only: it cannot fail
		text = []byte(`{}`)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(text)+1))
	h.Set("Cache-Control", "no-store")
	switch code {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Bearer realm="headway"`) // RFC 9110 §15.5.2
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		h.Set("Retry-After", strconv.Itoa(retryAfterSeconds))
	}
	w.WriteHeader(code)
	if r.Method != http.MethodHead {
		_, _ = w.Write(append(text, '\n')) // a caller that went away is no fault of ours
	}
}

// WriteJSON answers a request that succeeded with a small JSON value.
func WriteJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the caller might have disconnected
}

// RouteNotFound is the error for a path that leads nowhere.
func RouteNotFound(r *http.Request) error {
	return rpcerr.Newf(codes.NotFound, errorsv1.ErrorReason_ERROR_REASON_ROUTE_NOT_FOUND,
		"There is nothing at %s %s; /docs lists what there is.", r.Method, r.URL.Path)
}

// tidy gives every error a reason. What grpc itself says of a lost connection names addresses, which are nobody's
// business out here.
func tidy(err error) error {
	if rpcerr.Reason(err) != errorsv1.ErrorReason_ERROR_REASON_UNSPECIFIED {
		return err
	}
	st, ok := status.FromError(err)
	if !ok {
		return rpcerr.Internal(err)
	}
	switch st.Code() {
	case codes.Unavailable:
		return rpcerr.Wrap(codes.Unavailable, errorsv1.ErrorReason_ERROR_REASON_UNAVAILABLE,
			"A service behind this one cannot be reached for the moment; try again.", err)
	case codes.DeadlineExceeded:
		return rpcerr.Wrap(codes.DeadlineExceeded, errorsv1.ErrorReason_ERROR_REASON_UNAVAILABLE,
			"The answer was not ready in time; try again.", err)
	case codes.Canceled:
		return rpcerr.Wrap(codes.Canceled, errorsv1.ErrorReason_ERROR_REASON_CALLER_GONE,
			"The call was cancelled before its answer was ready.", err)
	case codes.InvalidArgument: // the gateway's own: a body or query that does not fit the message
		return rpcerr.New(codes.InvalidArgument, errorsv1.ErrorReason_ERROR_REASON_REQUEST_INVALID, st.Message())
	case codes.ResourceExhausted: // grpc's own: a message beyond its limit
		return rpcerr.Wrap(codes.ResourceExhausted, errorsv1.ErrorReason_ERROR_REASON_REQUEST_INVALID,
			"The request or its answer is larger than a message may be; ask for less at once.", err)
	}
	return rpcerr.Internal(err)
}

// details gives what the status carries beyond the reason, which the body already has.
func details(st *status.Status) []json.RawMessage {
	var out []json.RawMessage
	for _, d := range st.Details() {
		m, ok := d.(proto.Message)
		if _, isReason := d.(*errdetails.ErrorInfo); !ok || isReason {
			continue
		}
		packed, err := anypb.New(m)
		if err != nil {
			continue
		}
		if text, err := protojson.Marshal(packed); err == nil {
			out = append(out, text)
		}
	}
	return out
}

// statusClientGone is what nginx logs for a caller that left; nobody reads it.
const statusClientGone = 499

// HTTPStatus is the HTTP status of an error: by its reason where HTTP has a word for that, else by its gRPC code.
// A request that the state of a job or import forbids is 409; a workbook that can be read but does not fit its schema
// is 422.
func HTTPStatus(err error) int {
	switch rpcerr.Reason(err) {
	case errorsv1.ErrorReason_ERROR_REASON_UPLOAD_TOO_LARGE:
		return http.StatusRequestEntityTooLarge
	case errorsv1.ErrorReason_ERROR_REASON_MEDIA_TYPE_UNSUPPORTED:
		return http.StatusUnsupportedMediaType
	case errorsv1.ErrorReason_ERROR_REASON_UPLOAD_BUSY:
		return http.StatusLocked
	case errorsv1.ErrorReason_ERROR_REASON_TUS_VERSION_UNSUPPORTED:
		return http.StatusPreconditionFailed
	case errorsv1.ErrorReason_ERROR_REASON_SIGN_IN_UNAVAILABLE:
		return http.StatusForbidden
	case errorsv1.ErrorReason_ERROR_REASON_SHEET_MISSING, errorsv1.ErrorReason_ERROR_REASON_SHEET_DUPLICATED,
		errorsv1.ErrorReason_ERROR_REASON_HEADER_MISSING, errorsv1.ErrorReason_ERROR_REASON_HEADER_DUPLICATED:
		return http.StatusUnprocessableEntity
	}
	switch status.Code(err) {
	case codes.OK:
		return http.StatusOK
	case codes.InvalidArgument, codes.OutOfRange:
		return http.StatusBadRequest
	case codes.Unauthenticated:
		return http.StatusUnauthorized
	case codes.PermissionDenied:
		return http.StatusForbidden
	case codes.NotFound:
		return http.StatusNotFound
	case codes.AlreadyExists, codes.Aborted, codes.FailedPrecondition:
		return http.StatusConflict
	case codes.ResourceExhausted:
		return http.StatusTooManyRequests
	case codes.Canceled:
		return statusClientGone
	case codes.Unimplemented:
		return http.StatusNotImplemented
	case codes.Unavailable:
		return http.StatusServiceUnavailable
	case codes.DeadlineExceeded:
		return http.StatusGatewayTimeout
	}
	return http.StatusInternalServerError
}
