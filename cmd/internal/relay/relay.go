// Package relay turns an HTTP backend into a worker without changing it: it calls the backend for each job, and
// converts the response to progress, output, and the result.
package relay

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"headway/clients/go"
)

// Config describes a backend.
type Config struct {
	// URL is the address that is called for each job.
	URL *url.URL
	// Method is GET, which sends the payload as the query, or POST, PUT, or PATCH, which send it as JSON.
	Method string
	// Timeout is the maximum time for a job.
	Timeout time.Duration
	// Header has additional headers of the requests, such as the backend's own key.
	Header http.Header
	// Client calls the backend.
	Client *http.Client
}

// The headers that tell the backend about the job. The backend can use the ID to recognize a repeated request.
const (
	headerJob     = "X-Headway-Job-Id"
	headerUser    = "X-Headway-User"
	headerAttempt = "X-Headway-Attempt"
	headerKey     = "Idempotency-Key"
)

const (
	// maxAnswer is the maximum size of a JSON response. A job's result has the same limit.
	maxAnswer = 1 << 20
	// maxError is the maximum number of bytes of an error's body that are read for its message.
	maxError = 64 << 10
	// chunkBytes is the size of a read of output.
	chunkBytes = 32 << 10
)

// NewClient returns a client for backends. It has no timeout, because the context of a request has one. It doesn't
// follow redirects, because the response would not be from the backend.
func NewClient() *http.Client {
	return &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// Handler returns the handler of a worker that forwards its jobs to the backend. Its context ends the request.
func Handler(cfg Config) headway.Handler {
	return func(ctx context.Context, task *headway.Task) (any, error) {
		limited, cancel := context.WithTimeoutCause(ctx, cfg.Timeout, errTimeout(cfg.Timeout))
		defer cancel()
		result, err := cfg.call(limited, task)
		switch {
		case err == nil:
			return result, nil
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case limited.Err() != nil:
			return nil, context.Cause(limited)
		}
		return nil, err
	}
}

func errTimeout(d time.Duration) error {
	return headway.Fail("BACKEND_TIMEOUT", fmt.Sprintf("The backend did not finish within %v.", d))
}

func (c *Config) call(ctx context.Context, task *headway.Task) (any, error) {
	request, err := c.request(ctx, task)
	if err != nil {
		return nil, err
	}
	response, err := c.Client.Do(request)
	if err != nil {
		return nil, headway.Fail("BACKEND_UNAVAILABLE", fmt.Sprintf("The backend can't be reached: %v", withoutURL(err)))
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusNoContent {
		return nil, nil
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return nil, refusal(response)
	}
	kind, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if err != nil {
		kind = ""
	}
	switch kind {
	case "text/event-stream":
		return follow(ctx, task, newEvents(response.Body))
	case "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines", "application/json-lines":
		return follow(ctx, task, newLines(response.Body))
	case "application/json":
		return answer(response.Body)
	}
	return nil, copyOutput(task, response.Body)
}

// withoutURL returns the cause of a failed request without its URL, which can contain secrets. Messages of jobs are for
// users.
func withoutURL(err error) error {
	var failed *url.Error
	if errors.As(err, &failed) {
		return failed.Err
	}
	return err
}

// request returns the request for a job.
func (c *Config) request(ctx context.Context, task *headway.Task) (*http.Request, error) {
	payload := map[string]json.RawMessage{}
	if err := task.Payload(&payload); err != nil {
		return nil, headway.FailPermanently("PAYLOAD_INVALID", fmt.Sprintf("The payload can't be read: %v", err), nil)
	}
	target := *c.URL
	var body io.Reader
	if c.Method == http.MethodGet {
		query := target.Query()
		for name, value := range payload {
			text, err := parameter(value)
			if err != nil {
				return nil, headway.FailPermanently("PAYLOAD_INVALID", fmt.Sprintf("The field %q of the payload can't be sent: %v", name, err), nil)
			}
			query.Set(name, text)
		}
		target.RawQuery = query.Encode()
	} else {
		text, err := json.Marshal(payload)
		if err != nil {
			return nil, fmt.Errorf("encode the payload: %w", err)
		}
		body = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, c.Method, target.String(), body)
	if err != nil {
		return nil, fmt.Errorf("request to the backend: %w", err)
	}
	for name, values := range c.Header {
		request.Header[name] = values
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	request.Header.Set("Accept", "text/event-stream, application/x-ndjson, application/json, */*;q=0.1")
	job := task.Job()
	request.Header.Set(headerJob, job.GetJobId())
	request.Header.Set(headerKey, job.GetJobId())
	request.Header.Set(headerUser, job.GetOwner())
	request.Header.Set(headerAttempt, strconv.FormatUint(uint64(job.GetAttempt()), 10))
	return request, nil
}

// parameter returns a value of a payload as text for a query: text as it is, and other values as JSON.
func parameter(value json.RawMessage) (text string, err error) {
	if bytes.HasPrefix(value, []byte(`"`)) {
		return text, json.Unmarshal(value, &text)
	}
	return string(value), nil
}

// refusal returns the failure for an error status. It is permanent unless the status means that another attempt can
// succeed.
func refusal(response *http.Response) error {
	text, _ := io.ReadAll(io.LimitReader(response.Body, maxError)) // as much as arrives
	message := errorMessage(text)
	if message == "" {
		message = fmt.Sprintf("The backend responded with %s.", response.Status)
	}
	again := response.StatusCode >= http.StatusInternalServerError
	switch response.StatusCode {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		again = true
	}
	return &headway.Failure{Reason: "BACKEND_ERROR", Message: message, Permanent: !again, Result: map[string]any{"status": response.StatusCode}}
}

// errorMessage returns the message in a JSON error: a text in message, error, detail, or error.message.
func errorMessage(text []byte) string {
	var body map[string]any
	if json.Unmarshal(text, &body) != nil {
		return ""
	}
	if nested, ok := body["error"].(map[string]any); ok {
		body = nested
	}
	for _, name := range []string{"message", "error", "detail"} {
		if message, ok := body[name].(string); ok && message != "" {
			return message
		}
	}
	return ""
}

// interrupted returns the error for a response that ended early.
func interrupted() error {
	return headway.Fail("BACKEND_INTERRUPTED", "The backend's response ended before it was complete.")
}

// answer returns the result in a JSON answer. An answer that is an update is handled like one.
func answer(body io.Reader) (any, error) {
	text, err := io.ReadAll(io.LimitReader(body, maxAnswer+1))
	if err != nil {
		return nil, interrupted()
	}
	if len(text) > maxAnswer {
		return nil, headway.FailPermanently("BACKEND_ANSWER_TOO_LARGE", fmt.Sprintf("The backend's response has more than %d KiB.", maxAnswer>>10), nil)
	}
	if update, ok := parseUpdate(text); ok {
		switch update.Status {
		case headway.Completed:
			if update.Data != nil { // otherwise, the status is one of the backend's own
				return object(update.Data), nil
			}
		case headway.Failed:
			return nil, headway.FailPermanently("", cmp.Or(update.Message, "The backend reported an error."), object(update.Data))
		}
	}
	var result any
	if err := json.Unmarshal(text, &result); err != nil {
		return nil, headway.FailPermanently("BACKEND_ANSWER_INVALID", fmt.Sprintf("The backend's response is not JSON: %v", err), nil)
	}
	return object(result), nil
}

// object returns a result, which must be an object.
func object(value any) any {
	switch value.(type) {
	case nil, map[string]any:
		return value
	}
	return map[string]any{"data": value}
}

// parseUpdate reports whether a text is an update: a JSON object whose status is one of an update's.
func parseUpdate(text []byte) (u headway.Update, ok bool) {
	text = bytes.TrimSpace(text)
	if !bytes.HasPrefix(text, []byte("{")) || json.Unmarshal(text, &u) != nil {
		return u, false
	}
	switch strings.ToLower(u.Status) {
	case headway.Processing, headway.Completed, headway.Failed:
		u.Status = strings.ToLower(u.Status)
		return u, true
	}
	return u, false
}

// copyOutput appends the body to the job's output.
func copyOutput(task *headway.Task, body io.Reader) error {
	buffer := make([]byte, chunkBytes)
	for {
		n, err := body.Read(buffer)
		if n > 0 {
			if _, err := task.Output().Write(buffer[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return interrupted()
		}
	}
}
