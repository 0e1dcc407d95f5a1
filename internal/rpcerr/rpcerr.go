// Package rpcerr builds the errors that a service returns: a gRPC code, a human-readable message, and a machine-readable
// reason (google.rpc.ErrorInfo, domain "headway").
package rpcerr

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	errorsv1 "headway/gen/go/headway/errors/v1"
)

// Domain is the ErrorInfo domain of every error of Headway.
const Domain = "headway"

const reasonPrefix = "ERROR_REASON_"

// Error is a status with a cause for the log. The caller never receives the cause.
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

// GRPCStatus returns the status that grpc sends to the caller.
func (e *Error) GRPCStatus() *status.Status { return e.status }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.cause }

// New returns a new error. The message tells the caller what to do.
func New(code codes.Code, reason errorsv1.ErrorReason, message string) error {
	return build(code, reason, message, nil)
}

// Newf is New with a format.
func Newf(code codes.Code, reason errorsv1.ErrorReason, format string, args ...any) error {
	return build(code, reason, fmt.Sprintf(format, args...), nil)
}

// Wrap returns a new error with a cause, which is for the log only.
func Wrap(code codes.Code, reason errorsv1.ErrorReason, message string, cause error) error {
	return build(code, reason, message, cause)
}

// Overloaded returns the error of a call for which the server currently has no room. Its RetryInfo has the time to wait
// before the next attempt.
func Overloaded(message string, after time.Duration, cause error) error {
	return build(codes.ResourceExhausted, errorsv1.ErrorReason_ERROR_REASON_OVERLOADED, message, cause,
		&errdetails.RetryInfo{RetryDelay: durationpb.New(after)})
}

// Invalid returns an error for one field of a request that breaks its rule.
func Invalid(field, message string) error {
	return InvalidFields([]*errdetails.BadRequest_FieldViolation{{Field: field, Description: message}})
}

// InvalidFields returns an error for the fields of a request that break their rules.
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

// Internal returns an error for an unexpected cause, which the caller doesn't see. The server logs it when the request
// ends. A cancelled or timed-out context has its own code.
func Internal(cause error) error {
	switch {
	case IsStorageFull(cause):
		return StorageFull(cause)
	case errors.Is(cause, syscall.EMFILE), errors.Is(cause, syscall.ENFILE):
		return build(codes.Unavailable, errorsv1.ErrorReason_ERROR_REASON_OVERLOADED,
			"The server currently has no free file descriptors. Try again in a few seconds.", cause)
	case errors.Is(cause, context.Canceled), status.Code(cause) == codes.Canceled:
		return build(codes.Canceled, errorsv1.ErrorReason_ERROR_REASON_CALLER_GONE, "The call was cancelled before the response was ready.", cause)
	case errors.Is(cause, context.DeadlineExceeded), status.Code(cause) == codes.DeadlineExceeded:
		return build(codes.DeadlineExceeded, errorsv1.ErrorReason_ERROR_REASON_UNAVAILABLE, "The response was not ready in time. Try again.", cause)
	}
	return build(codes.Internal, errorsv1.ErrorReason_ERROR_REASON_INTERNAL,
		"Internal error. Try again. If the error persists, give the request ID to the operator, who can find the cause in the log.", cause)
}

func build(code codes.Code, reason errorsv1.ErrorReason, message string, cause error, details ...protoadapt.MessageV1) error {
	st := status.New(code, message)
	info := &errdetails.ErrorInfo{Reason: Word(reason), Domain: Domain}
	if with, err := st.WithDetails(append([]protoadapt.MessageV1{info}, details...)...); err == nil {
		st = with // fails only for code OK, which no caller passes
	}
	return &Error{status: st, cause: cause}
}

// ForLog returns the part of an error that can be logged: its cause. The message for the caller can quote data of the
// caller, for example a cell of a workbook, so it is not logged. It returns "" if there is no cause.
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
		return st.Message() // text of grpc, or a fixed message
	case codes.ResourceExhausted:
		if errorInfo(err) == nil {
			return st.Message() // text of grpc: the size of a message
		}
	}
	return ""
}

// Word returns the name of a reason as in ErrorInfo, REST, and SSE: "LEASE_LOST".
func Word(reason errorsv1.ErrorReason) string {
	return strings.TrimPrefix(reason.String(), reasonPrefix)
}

// Reason returns the reason of an error of one of Headway's services. For any other error, it is unspecified.
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
