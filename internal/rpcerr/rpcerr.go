// Package rpcerr makes the errors that leave a service: a gRPC code, a sentence for people, and a machine-readable
// reason (google.rpc.ErrorInfo, domain "headway").
package rpcerr

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"

	errorsv1 "headway/gen/go/headway/errors/v1"
)

// Domain is the ErrorInfo domain of every error of Headway.
const Domain = "headway"

const reasonPrefix = "ERROR_REASON_"

// Error is a status that remembers its cause for the log. The cause never reaches the caller.
type Error struct {
	status *status.Status
	cause  error
}

// Error implements error.
func (e *Error) Error() string {
	if e.cause != nil {
		return e.status.Message() + ": " + e.cause.Error()
	}
	return e.status.Message()
}

// GRPCStatus is what the caller gets; grpc looks for it.
func (e *Error) GRPCStatus() *status.Status { return e.status }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.cause }

// New makes an error. The message is a sentence that says what to do.
func New(code codes.Code, reason errorsv1.ErrorReason, message string) error {
	return build(code, reason, message, nil)
}

// Newf is New with a format.
func Newf(code codes.Code, reason errorsv1.ErrorReason, format string, args ...any) error {
	return build(code, reason, fmt.Sprintf(format, args...), nil)
}

// Wrap makes an error whose cause is for the log only.
func Wrap(code codes.Code, reason errorsv1.ErrorReason, message string, cause error) error {
	return build(code, reason, message, cause)
}

// Invalid says that one field of a request breaks its rule.
func Invalid(field, message string) error {
	return InvalidFields([]*errdetails.BadRequest_FieldViolation{{Field: field, Description: message}})
}

// InvalidFields says which fields of a request break their rules.
func InvalidFields(violations []*errdetails.BadRequest_FieldViolation) error {
	var b strings.Builder
	for i, v := range violations {
		if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "%s: %s", v.GetField(), v.GetDescription())
	}
	return build(codes.InvalidArgument, errorsv1.ErrorReason_ERROR_REASON_REQUEST_INVALID, b.String(), nil,
		&errdetails.BadRequest{FieldViolations: violations})
}

// Internal hides an unforeseen cause behind a fixed sentence; the server logs it where the request ends. What a
// cancelled or timed-out context caused is told as that.
func Internal(cause error) error {
	switch {
	case errors.Is(cause, context.Canceled):
		return build(codes.Canceled, errorsv1.ErrorReason_ERROR_REASON_CALLER_GONE, "The call was cancelled before its answer was ready.", cause)
	case errors.Is(cause, context.DeadlineExceeded):
		return build(codes.DeadlineExceeded, errorsv1.ErrorReason_ERROR_REASON_UNAVAILABLE, "The answer was not ready in time; try again.", cause)
	}
	return build(codes.Internal, errorsv1.ErrorReason_ERROR_REASON_INTERNAL,
		"Something went wrong on our side; the log has the cause under this request's id. Try again, and tell the operator if it stays.", cause)
}

func build(code codes.Code, reason errorsv1.ErrorReason, message string, cause error, details ...protoadapt.MessageV1) error {
	st := status.New(code, message)
	info := &errdetails.ErrorInfo{Reason: Word(reason), Domain: Domain}
	if with, err := st.WithDetails(append([]protoadapt.MessageV1{info}, details...)...); err == nil {
		st = with // it fails only for code OK, which no caller passes
	}
	return &Error{status: st, cause: cause}
}

// ForLog is what of an error may stand in a log: its cause. The sentence for the caller may not, as it may quote what
// the caller sent, a cell of a workbook for example; an error of the caller's has often nothing else, and then it is
// empty. The reason says enough.
func ForLog(err error) string {
	var e *Error
	if errors.As(err, &e) {
		if e.cause == nil {
			return ""
		}
		return ForLog(e.cause)
	}
	st, ok := status.FromError(err)
	if !ok {
		return err.Error()
	}
	switch st.Code() {
	case codes.Internal, codes.Unknown, codes.DataLoss, codes.Unavailable, codes.DeadlineExceeded, codes.Canceled, codes.Unimplemented:
		return st.Message() // grpc's own words, or a fixed sentence
	}
	return ""
}

// Word is the reason as it stands in ErrorInfo, REST and SSE: "LEASE_LOST".
func Word(reason errorsv1.ErrorReason) string {
	return strings.TrimPrefix(reason.String(), reasonPrefix)
}

// Reason reads the reason of an error that came from a service of Headway; unspecified for any other.
func Reason(err error) errorsv1.ErrorReason {
	info := errorInfo(err)
	if info == nil {
		return errorsv1.ErrorReason_ERROR_REASON_UNSPECIFIED
	}
	return errorsv1.ErrorReason(errorsv1.ErrorReason_value[reasonPrefix+info.GetReason()])
}

func errorInfo(err error) *errdetails.ErrorInfo {
	st, ok := status.FromError(err)
	if !ok {
		return nil
	}
	for _, d := range st.Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok && info.GetDomain() == Domain {
			return info
		}
	}
	return nil
}
