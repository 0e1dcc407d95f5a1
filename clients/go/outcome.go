package headway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
)

// The causes of the end of a handler's context. context.Cause(ctx) returns one of them.
var (
	// ErrLeaseLost means that this worker no longer has the job. The handler's result is discarded.
	ErrLeaseLost = errors.New("headway: the lease was lost")
	// ErrCancelled means that the owner has cancelled the job. If the handler returns an error, the job is cancelled with the
	// reason of the Failure, or with CANCELLED_BY_USER.
	ErrCancelled = errors.New("headway: the job was cancelled")
	// ErrShutdown means that the worker is shutting down. If the handler returns an error, the job returns to the queue with
	// its last checkpoint, without using up an attempt.
	ErrShutdown = errors.New("headway: the worker is shutting down")
)

// ErrOutputFull means that the job's output, or that of all jobs of its owner, has reached the service's limit. A handler that
// returns it fails the job permanently, with the reason OUTPUT_TOO_LARGE or QUOTA_EXCEEDED.
var ErrOutputFull = errors.New("headway: the job's output has reached its limit")

// Failure is an error that describes how a job failed. A handler can return one, wrapped or not. Any other error fails the
// attempt with the reason WORKER_FAILED, and the job is retried while attempts are left.
type Failure struct {
	// Reason is machine-readable: upper snake case, at most 63 characters. It defaults to WORKER_FAILED.
	Reason string
	// Message describes the failure to the user. Messages above 1,000 characters are truncated.
	Message string
	// Permanent means that a retry cannot succeed.
	Permanent bool
	// Result holds details for the user: nil, or a value whose JSON is an object. The service has a limit for its size, by default
	// 1 MiB, and drops larger ones.
	Result any
}

// Error implements error.
func (f *Failure) Error() string { return f.Reason + ": " + f.Message }

// Fail returns a Failure. The job is retried while attempts are left.
func Fail(reason, message string) error { return &Failure{Reason: reason, Message: message} }

// FailPermanently returns a Failure after which the job is not retried. result holds details for the user, or is nil.
func FailPermanently(reason, message string, result any) error {
	return &Failure{Reason: reason, Message: message, Permanent: true, Result: result}
}

// Park returns an error for a handler whose job must wait for a user's decision. question is nil, or a value whose JSON is an
// object. It has the same limit as a result, by default 1 MiB. After the answer, the job is leased again, and Task.Answer decodes the
// answer.
func Park(question any) error { return &parking{question} }

type parking struct{ question any }

func (*parking) Error() string { return "headway: the job is waiting for a decision" }

// maxStruct is the maximum size of a document as a Struct, in bytes. A Struct can take seven times the bytes of its JSON text, and a
// call has at most 4 MiB.
const maxStruct = 1 << 20

// document converts v to a protobuf Struct, or to its JSON text if it has a number that a Struct might round, or if the Struct is large.
func document(v any) (s *structpb.Struct, text string, err error) {
	switch v := v.(type) {
	case nil:
		return nil, "", nil
	case *structpb.Struct:
		return v, "", nil
	}
	encoded, err := json.Marshal(v)
	if err != nil {
		return nil, "", err
	}
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	decoder.UseNumber()
	var fields map[string]any
	if err := decoder.Decode(&fields); err != nil {
		return nil, "", fmt.Errorf("the value's JSON is not an object: %w", err)
	}
	if !exact(fields) {
		return nil, string(encoded), nil
	}
	if s, err = structpb.NewStruct(fields); err == nil && proto.Size(s) > maxStruct {
		return nil, string(encoded), nil
	}
	return s, "", err
}

// exactDigits is the number of digits that a double can always represent.
const exactDigits = 15

// exact replaces all numbers of a decoded value with doubles. It reports whether doubles can certainly represent them.
func exact(value any) bool {
	all := true
	number := func(value any) any {
		n, ok := value.(json.Number)
		if !ok {
			all = exact(value) && all
			return value
		}
		f, err := n.Float64()
		digits := strings.Map(func(r rune) rune {
			if r < '0' || r > '9' {
				return -1
			}
			return r
		}, n.String())
		shortest, _ := json.Marshal(f)
		all = all && err == nil && (len(digits) <= exactDigits || strings.Contains(n.String(), ".") && n.String() == string(shortest))
		return f
	}
	switch value := value.(type) {
	case map[string]any:
		for name, member := range value {
			value[name] = number(member)
		}
	case []any:
		for i, item := range value {
			value[i] = number(item)
		}
	}
	return all
}

// cut returns the text with at most n characters. Bytes that are not UTF-8, which protobuf can't send, are replaced.
func cut(text string, n int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	return string([]rune(text)[:n-1]) + "…"
}
