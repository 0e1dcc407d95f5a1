package rpcerr_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	errorsv1 "headway/gen/go/headway/errors/v1"
	"headway/internal/rpcerr"
)

func TestErrorHasCodeReasonAndMessage(t *testing.T) {
	err := fmt.Errorf("wrapped: %w", rpcerr.New(codes.NotFound, errorsv1.ErrorReason_ERROR_REASON_JOB_NOT_FOUND, "No such job."))
	if status.Code(err) != codes.NotFound || rpcerr.Reason(err) != errorsv1.ErrorReason_ERROR_REASON_JOB_NOT_FOUND {
		t.Errorf("got %v, %v", status.Code(err), rpcerr.Reason(err))
	}
}

func TestCauseIsNotSent(t *testing.T) {
	cause := errors.New("disk /dev/sda1 is on fire")
	err := rpcerr.Internal(cause)
	st, _ := status.FromError(err)
	if st.Code() != codes.Internal || strings.Contains(st.Message(), "sda1") {
		t.Errorf("the caller gets %v: %s", st.Code(), st.Message())
	}
	if !errors.Is(err, cause) || !strings.Contains(err.Error(), "sda1") {
		t.Errorf("the log gets %q", err)
	}
}

func TestCancelledCallIsNotInternal(t *testing.T) {
	for cause, want := range map[error]codes.Code{
		context.Canceled: codes.Canceled, context.DeadlineExceeded: codes.DeadlineExceeded,
		status.Error(codes.Canceled, "context canceled"): codes.Canceled, status.Error(codes.DeadlineExceeded, "late"): codes.DeadlineExceeded,
	} {
		if got := status.Code(rpcerr.Internal(fmt.Errorf("read: %w", cause))); got != want {
			t.Errorf("%v: got %v, want %v", cause, got, want)
		}
	}
}

func TestForeignErrorsHaveNoReason(t *testing.T) {
	for _, err := range []error{nil, errors.New("plain"), status.Error(codes.NotFound, "other")} {
		if got := rpcerr.Reason(err); got != errorsv1.ErrorReason_ERROR_REASON_UNSPECIFIED {
			t.Errorf("%v: got %v", err, got)
		}
	}
}

func TestLogHasCauseButNoCallerData(t *testing.T) {
	const cell = "a cell's value"
	reason := errorsv1.ErrorReason_ERROR_REASON_HEADER_MISSING
	failure := rpcerr.New(codes.FailedPrecondition, reason, cell)
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"the caller's failure":           {failure, ""},
		"wrapped":                        {fmt.Errorf("upload: %w", failure), ""},
		"with a cause":                   {rpcerr.Wrap(codes.InvalidArgument, reason, cell, errors.New("connection reset")), "connection reset"},
		"caused by a caller's failure":   {rpcerr.Wrap(codes.InvalidArgument, reason, cell, failure), ""},
		"from a service":                 {status.Error(codes.FailedPrecondition, cell), ""},
		"a service that cannot be found": {status.Error(codes.Unavailable, "connection refused"), "connection refused"},
		"our failure":                    {rpcerr.Internal(errors.New("disk is full")), "disk is full"},
		"no status":                      {errors.New("the client closed the stream"), "the client closed the stream"},
	} {
		if got := rpcerr.ForLog(test.err); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
