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
	// part is what was received and not read. requested means that its bytes belong to the pace.
	part      []byte
	requested bool
	pace      pace.Reader
}

// next returns the next bytes. They are few, so that a slow reader holds few, and shows its progress.
func (f *reader) next(ctx context.Context) ([]byte, error) {
	inParts := len(f.part) > 0
	if !inParts {
		if err := f.receive(ctx); err != nil {
			return nil, fmt.Errorf("read a file from byte %d on: %w", f.offset, err)
		}
	}
	n := min(int64(len(f.part)), pace.Slow, f.end-f.offset)
	data := f.part[:n]
	if f.part = f.part[n:]; inParts || len(f.part) > 0 {
		data = bytes.Clone(data) // so that it does not keep the part
	}
	f.offset += n
	return data, nil
}

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
	f.part = nil
	if f.requested {
		f.requested = false
		f.pace.Done()
	}
}

// pause releases what a reader does not accept for now. It continues slowly.
func (f *reader) pause() {
	f.drop()
	f.pace.Reset()
}
