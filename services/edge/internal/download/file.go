package download

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"headway/services/edge/internal/pace"
)

// File is a file of a service. It is requested in parts, at the pace of its reader.
type File struct {
	Size int64
	// Begin are the first bytes, if they are known.
	Begin []byte
	// Request requests n bytes from an offset on. next returns some of them with each call, and io.EOF at their end. Budget
	// limits what all readers request.
	Request func(ctx context.Context, offset, n int64) (next func() ([]byte, error), err error)
	Budget  *pace.Budget
}

// reader reads a range of a file.
type reader struct {
	*File
	// offset is the next byte, and end the one after the last.
	offset, end int64
	// part has the bytes that were received and not read. begun means that some of it was. requested means that its bytes belong to the
	// pace.
	part             []byte
	begun, requested bool
	pace             pace.Reader
}

// next returns the next bytes. It receives them if necessary.
func (f *reader) next(ctx context.Context) ([]byte, error) {
	data := f.take()
	if data != nil {
		return data, nil
	}
	if err := f.receive(ctx); err != nil {
		return nil, fmt.Errorf("read a file from byte %d on: %w", f.offset, err)
	}
	return f.take(), nil
}

// take returns the next bytes of those that were received, or nil. They are few, so that a slow reader holds few, and shows
// its progress.
func (f *reader) take() []byte {
	n := min(int64(len(f.part)), pace.Slow, f.end-f.offset)
	if n == 0 {
		return nil
	}
	data := f.part[:n]
	if f.offset += n; n < int64(len(f.part)) || f.begun {
		data = bytes.Clone(data) // so that it does not keep the part
	}
	if f.part = f.part[n:]; len(f.part) == 0 {
		f.part = nil // an empty slice keeps its array
	}
	f.begun = f.part != nil
	return data
}

// holds reports whether the reader keeps more than it has returned: bytes, or a part of the budget.
func (f *reader) holds() bool { return f.part != nil || f.requested && f.pace.Fast() }

// receive receives the next part. It receives all of it before any is read, so that a slow reader keeps no request open.
func (f *reader) receive(ctx context.Context) (err error) {
	f.drop()
	if f.offset < int64(len(f.Begin)) {
		f.part = f.Begin[f.offset:]
		return nil
	}
	f.Begin = nil
	n, err := f.pace.Request(ctx)
	if err != nil {
		return err
	}
	f.requested = true
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer f.pace.Received()
	if f.part, err = f.receiveAll(ctx, min(n, f.end-f.offset)); err == nil && len(f.part) == 0 {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// receiveAll returns n bytes, or fewer at the end of the file.
func (f *reader) receiveAll(ctx context.Context, n int64) (all []byte, err error) {
	next, err := f.Request(ctx, f.offset, n)
	if err != nil {
		return nil, err
	}
	for {
		data, err := next()
		switch {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, err
		case all == nil && int64(len(data)) == n:
			all = data
		case all == nil:
			all = append(make([]byte, 0, n), data...)
		default:
			all = append(all, data...)
		}
	}
}

// drop releases what was received and not read.
func (f *reader) drop() {
	f.part, f.begun = nil, false
	if f.requested {
		f.requested = false
		f.pace.Done()
	}
}

// pause releases data that a reader has not accepted for some time. It continues slowly.
func (f *reader) pause() {
	f.drop()
	f.pace.Reset()
}
