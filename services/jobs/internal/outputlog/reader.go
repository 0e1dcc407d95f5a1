package outputlog

import (
	"context"
	"fmt"
	"io"
)

// maxRead is how many bytes a reader gives at a time at most.
const maxRead = 64 << 10

// Reader follows one job's output. Use it from one goroutine at a time, and close it.
type Reader struct {
	log    *Log
	ctx    context.Context
	id     string
	offset int64 // of the next byte

	segment io.ReadCloser // that holds it; nil if the store does, or nobody knows yet
	left    int64         // in the segment
	buffer  []byte
}

// Read reads the job's output from an offset on, until ctx ends.
func (l *Log) Read(ctx context.Context, id string, offset int64) *Reader {
	return &Reader{log: l, ctx: ctx, id: id, offset: offset}
}

// Next gives the next bytes, at most 64 KiB, which are the caller's until the next call; none where the output ends now.
// An offset beyond that end gives *job.OutputGapError, a job that is gone job.ErrNotFound.
func (r *Reader) Next() ([]byte, error) {
	if r.segment == nil {
		stretch, err := r.log.store.ReadOutput(r.ctx, r.id, r.offset, maxRead)
		if err != nil {
			return nil, err
		}
		if stretch.Segment == nil {
			r.offset += int64(len(stretch.Data))
			return stretch.Data, nil
		}
		if r.segment, err = openSegment(r.ctx, r.log.bucket, stretch.Segment, r.offset); err != nil {
			return nil, err
		}
		r.left = stretch.Segment.Begins + stretch.Segment.Length - r.offset
	}
	if r.buffer == nil {
		r.buffer = make([]byte, maxRead)
	}
	data := r.buffer[:min(r.left, maxRead)]
	if _, err := io.ReadFull(r.segment, data); err != nil {
		return nil, fmt.Errorf("read output of job %s at byte %d: %w", r.id, r.offset, err)
	}
	r.offset += int64(len(data))
	if r.left -= int64(len(data)); r.left == 0 {
		r.Close()
	}
	return data, nil
}

// Offset is where the next bytes begin.
func (r *Reader) Offset() int64 { return r.offset }

// Close ends the reading.
func (r *Reader) Close() {
	if r.segment != nil {
		r.segment.Close()
		r.segment = nil
	}
}
