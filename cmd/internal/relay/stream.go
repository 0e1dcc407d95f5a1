package relay

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"headway/clients/go"
)

// maxMessage is the maximum size of one message of a stream.
const maxMessage = 1 << 20

// messages reads a stream message by message. Its error after the last one is io.EOF.
type messages interface{ next() ([]byte, error) }

// follow forwards the updates of a stream. Messages that are not updates are text, which is appended to the job's
// output. A stream of only text completes the job when it ends. A stream of updates must have a final update.
func follow(ctx context.Context, task *headway.Task, stream messages) (any, error) {
	updates := make(chan headway.Update)
	ended := make(chan error, 1)
	anyUpdate := false
	reading, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		defer close(updates)
		ended <- func() error {
			for {
				message, err := stream.next()
				if err != nil {
					return err
				}
				update, ok := parseUpdate(message)
				if !ok {
					if _, err := task.Output().Write(message); err != nil {
						return err
					}
					continue
				}
				anyUpdate = true
				select {
				case updates <- update:
				case <-reading.Done():
					return reading.Err()
				}
			}
		}()
	}()
	result, err := headway.Updates(updates)(ctx, task)
	if !errors.Is(err, headway.ErrUpdatesEnded) {
		return result, err
	}
	switch err := <-ended; {
	case errors.Is(err, io.EOF) && !anyUpdate:
		return nil, nil
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return nil, headway.Fail("BACKEND_INTERRUPTED", "The backend's stream ended without a final update.")
	case errors.Is(err, bufio.ErrTooLong):
		return nil, headway.FailPermanently("BACKEND_MESSAGE_TOO_LARGE", fmt.Sprintf("A message of the backend has more than %d KiB.", maxMessage>>10), nil)
	case errors.Is(err, headway.ErrOutputFull), errors.Is(err, headway.ErrLeaseLost):
		return nil, err
	}
	return nil, headway.Fail("BACKEND_INTERRUPTED", "The connection to the backend was lost.")
}

// lines are the messages of newline-delimited JSON. Text keeps its line break.
type lines struct{ *bufio.Scanner }

func newLines(r io.Reader) *lines {
	s := bufio.NewScanner(r)
	s.Buffer(nil, maxMessage)
	s.Split(func(data []byte, atEOF bool) (int, []byte, error) {
		if end := bytes.IndexByte(data, '\n'); end >= 0 {
			return end + 1, data[:end+1], nil
		}
		if atEOF && len(data) > 0 {
			return len(data), data, nil
		}
		return 0, nil, nil
	})
	return &lines{s}
}

func (l *lines) next() ([]byte, error) {
	for l.Scan() {
		if len(bytes.TrimSpace(l.Bytes())) > 0 {
			return l.Bytes(), nil
		}
	}
	if err := l.Err(); err != nil {
		return nil, err
	}
	return nil, io.EOF
}

// byteOrderMark can begin a stream. It is not part of the first line.
var byteOrderMark = []byte("\ufeff")

// events are the data of Server-Sent Events (WHATWG HTML §9.2.6). An event that the end of the stream cuts off is dropped.
type events struct {
	*bufio.Scanner
	begun bool
}

func newEvents(r io.Reader) *events {
	s := bufio.NewScanner(r)
	s.Buffer(nil, maxMessage)
	s.Split(eventLine())
	return &events{Scanner: s}
}

// eventLine returns a function that splits at LF, CRLF, and CR. A CR ends a line even before the next byte has arrived.
func eventLine() bufio.SplitFunc {
	afterCR := false
	return func(data []byte, atEOF bool) (int, []byte, error) {
		skip := 0
		if afterCR && len(data) > 0 {
			afterCR = false
			if data[0] == '\n' {
				skip = 1
			}
		}
		if end := bytes.IndexAny(data[skip:], "\r\n"); end >= 0 {
			end += skip
			afterCR = data[end] == '\r'
			return end + 1, data[skip:end], nil
		}
		if atEOF && len(data) > skip {
			return len(data), data[skip:], nil
		}
		return skip, nil, nil
	}
}

func (e *events) next() ([]byte, error) {
	var data []byte
	filled := false
	for e.Scan() {
		line := e.Bytes()
		if !e.begun {
			line, e.begun = bytes.TrimPrefix(line, byteOrderMark), true
		}
		if len(line) == 0 {
			if filled {
				return data, nil
			}
			continue
		}
		field, value, _ := bytes.Cut(line, []byte(":"))
		if string(field) != "data" {
			continue
		}
		if filled {
			data = append(data, '\n')
		}
		data = append(data, bytes.TrimPrefix(value, []byte(" "))...)
		filled = true
		if len(data) > maxMessage {
			return nil, bufio.ErrTooLong
		}
	}
	if err := e.Err(); err != nil {
		return nil, err
	}
	return nil, io.EOF
}
