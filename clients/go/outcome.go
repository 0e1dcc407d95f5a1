package headway

import (
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/structpb"
)

// The reasons why a handler's context ends. context.Cause(ctx) is one of them.
var (
	// ErrLeaseLost means that this worker no longer has the job. The result of the handler is dropped.
	ErrLeaseLost = errors.New("headway: the lease is lost")
	// ErrCancelled means that the owner wants the job to stop. If the handler returns an error, the job is cancelled, with
	// the reason of a Failure or with CANCELLED_BY_USER.
	ErrCancelled = errors.New("headway: the job was cancelled")
	// ErrShutdown means that the worker shuts down. If the handler returns an error, the job returns to the queue with its
	// last checkpoint, and no attempt is used up.
	ErrShutdown = errors.New("headway: the worker shuts down")
)

// ErrOutputFull is the error of a write to a job's output that has reached the service's limit. A handler that returns it
// fails the job permanently, with the reason OUTPUT_TOO_LARGE.
var ErrOutputFull = errors.New("headway: the job's output has reached its limit")

// Failure is an error that says how a job failed. A handler returns one, as it is or wrapped, where a plain error
// (reason WORKER_FAILED, tried again while attempts are left) says too little.
type Failure struct {
	// Reason is for machines: upper snake case, at most 63 characters. WORKER_FAILED if empty.
	Reason string
	// Message tells the user what happened. Messages above 1,000 characters are cut.
	Message string
	// Permanent says that trying again would end the same way.
	Permanent bool
	// Result holds facts about the failure for the page: nil, or a value whose JSON is an object of at most 8 KiB.
	Result any
}

// Error implements error.
func (f *Failure) Error() string { return f.Reason + ": " + f.Message }

// Fail is a failure that is tried again while attempts are left.
func Fail(reason, message string) error { return &Failure{Reason: reason, Message: message} }

// FailForGood is a failure that is not tried again, with facts for the page (nil for none).
func FailForGood(reason, message string, result any) error {
	return &Failure{Reason: reason, Message: message, Permanent: true, Result: result}
}

// Park returns an error that makes the job wait for a user's decision when a handler returns it. question is nil, or a
// value whose JSON is an object of at most 8 KiB. After the answer the job is leased again, and Task.Answer returns it.
func Park(question any) error { return &parking{question} }

type parking struct{ question any }

func (*parking) Error() string { return "headway: the job waits for a decision" }

// document is v as a protobuf Struct.
func document(v any) (*structpb.Struct, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case *structpb.Struct:
		return v, nil
	}
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, fmt.Errorf("the value's JSON is not an object: %w", err)
	}
	return structpb.NewStruct(fields)
}

// cut is text with at most n characters.
func cut(text string, n int) string {
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	return string([]rune(text)[:n-1]) + "…"
}
