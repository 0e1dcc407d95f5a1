// Package httperr writes error responses. Every error of the edge and of the services has this form:
//
//	{"code":16,"status":"UNAUTHENTICATED","reason":"TOKEN_MISSING","message":"…","requestId":"…","details":[…]}
//
// Code and status are the gRPC code and its name. Reason is a name of headway.errors.v1.ErrorReason. Details are other
// google.rpc messages in protobuf's JSON form.
package httperr

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	codev1 "google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	errorsv1 "headway/gen/go/headway/errors/v1"
	importsv1 "headway/gen/go/headway/imports/v1"
	"headway/internal/rpcerr"
	"headway/services/edge/internal/reqlog"
	"headway/services/edge/internal/webjson"
)

type body struct {
	Code      codes.Code        `json:"code"`
	Status    string            `json:"status"`
	Reason    string            `json:"reason"`
	Message   string            `json:"message"`
	RequestID string            `json:"requestId"`
	Details   []json.RawMessage `json:"details,omitempty"`
}

// retryAfterSeconds is the Retry-After of requests that are rejected because of a limit or an overload.
const retryAfterSeconds = 5

// Write writes the error as the response, and records it for the log line of the request. It must be called before
// anything else is written.
func Write(w http.ResponseWriter, r *http.Request, err error) {
	err = tidy(err)
	WriteStatus(w, r, HTTPStatus(err), err)
}

// WriteStatus is like Write, for an error whose HTTP status is more specific than its gRPC code (405).
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
	if err != nil { // strings and numbers can't fail
		text = []byte(`{}`)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(text)+1))
	h.Set("Cache-Control", "no-store")
	switch code {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Bearer realm="headway"`) // RFC 9110 §15.5.2
	case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusInsufficientStorage:
		h.Set("Retry-After", strconv.Itoa(retryAfterSeconds))
	}
	w.WriteHeader(code)
	if r.Method != http.MethodHead {
		_, _ = w.Write(append(text, '\n')) // the caller might have disconnected
	}
}

// WriteJSON writes a small JSON value as the response of a successful request.
func WriteJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the caller might have disconnected
}

// RouteNotFound returns the error for an unknown path.
func RouteNotFound(r *http.Request) error {
	return rpcerr.Newf(codes.NotFound, errorsv1.ErrorReason_ERROR_REASON_ROUTE_NOT_FOUND,
		"%s %s was not found. See /docs for all paths.", r.Method, r.URL.Path)
}

// JSONOnly returns the error for a body of another type.
func JSONOnly() error {
	return rpcerr.New(codes.InvalidArgument, errorsv1.ErrorReason_ERROR_REASON_MEDIA_TYPE_UNSUPPORTED,
		"This route accepts JSON only. Send it with `Content-Type: application/json`.")
}

// Encoded returns the error for a body with a content encoding, which no route reads.
func Encoded(r *http.Request) error {
	if encoding := r.Header.Get("Content-Encoding"); encoding == "" || strings.EqualFold(encoding, "identity") {
		return nil
	}
	return rpcerr.New(codes.InvalidArgument, errorsv1.ErrorReason_ERROR_REASON_MEDIA_TYPE_UNSUPPORTED,
		"This route does not read encoded bodies. Send the body without Content-Encoding.")
}

// Allowed returns the methods that mux accepts for the path of a request, if it has no route for the request's own method.
func Allowed(mux *http.ServeMux, r *http.Request) []string {
	h, pattern := mux.Handler(r)
	if pattern != "" {
		return nil
	}
	answer := refusal{header: make(http.Header)}
	h.ServeHTTP(&answer, r) // http.ServeMux has no other way to ask
	if answer.status != http.StatusMethodNotAllowed {
		return nil
	}
	return strings.Split(answer.header.Get("Allow"), ", ")
}

// refusal records the response of http.ServeMux to a request without a route.
type refusal struct {
	header http.Header
	status int
}

// Header implements http.ResponseWriter.
func (r *refusal) Header() http.Header { return r.header }

// WriteHeader implements http.ResponseWriter.
func (r *refusal) WriteHeader(status int) { r.status = status }

// Write implements http.ResponseWriter.
func (r *refusal) Write(b []byte) (int, error) { return len(b), nil }

// MethodNotAllowed answers a request for a path that has other methods.
func MethodNotAllowed(w http.ResponseWriter, r *http.Request, allowed []string) {
	list := strings.Join(allowed, ", ")
	w.Header().Set("Allow", list)
	WriteStatus(w, r, http.StatusMethodNotAllowed, rpcerr.Newf(codes.Unimplemented, errorsv1.ErrorReason_ERROR_REASON_ROUTE_NOT_FOUND,
		"%s is not allowed here. The allowed methods are: %s.", r.Method, list))
}

// tidy adds a reason to every error. grpc's own message for a lost connection contains internal addresses, so it is
// replaced.
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
			"A service is temporarily unavailable. Try again.", err)
	case codes.InvalidArgument: // from the gateway: a body or query that doesn't match the message
		return rpcerr.New(codes.InvalidArgument, errorsv1.ErrorReason_ERROR_REASON_REQUEST_INVALID, st.Message())
	case codes.ResourceExhausted: // from grpc: a message above its limit
		return rpcerr.Wrap(codes.ResourceExhausted, errorsv1.ErrorReason_ERROR_REASON_REQUEST_INVALID,
			"The request or its response is too large. Request fewer items at a time.", err)
	}
	return rpcerr.Internal(err)
}

// details returns the details of the status, except the reason, which is in the body.
func details(st *status.Status) []json.RawMessage {
	var out []json.RawMessage
	for _, d := range st.Details() {
		m, ok := d.(proto.Message)
		if _, isReason := d.(*errdetails.ErrorInfo); !ok || isReason {
			continue
		}
		if text, is := d.(*importsv1.Text); is { // as in other responses
			if encoded, err := webjson.MarshalAny(text); err == nil {
				out = append(out, encoded)
			}
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

// statusClientGone is the status that nginx logs if the client has disconnected. No client receives it.
const statusClientGone = 499

// HTTPStatus returns the HTTP status of an error: by its reason if HTTP has a matching status, and otherwise by its
// gRPC code. A request that the state of a job or import doesn't allow is 409. A workbook that can be read but doesn't
// match its schema is 422.
func HTTPStatus(err error) int {
	switch rpcerr.Reason(err) {
	case errorsv1.ErrorReason_ERROR_REASON_STORAGE_FULL:
		return http.StatusInsufficientStorage
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
		errorsv1.ErrorReason_ERROR_REASON_HEADER_MISSING, errorsv1.ErrorReason_ERROR_REASON_HEADER_DUPLICATED,
		errorsv1.ErrorReason_ERROR_REASON_MAPPING_UNCERTAIN:
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
