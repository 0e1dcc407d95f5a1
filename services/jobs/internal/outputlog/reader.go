package outputlog

import (
	"context"
	"fmt"
	"io"
)

// maxRead is the maximum number of bytes that a reader returns at a time.
const maxRead = 64 << 10

// Reader follows one job's output. Use it from one goroutine at a time, and close it.
type Reader struct {
	log    *Log
	ctx    context.Context
	id     string
	offset int64 // of the next byte

	segment io.ReadCloser // the open segment, if the next byte is in one
	left    int64         // in the segment
	buffer  []byte
}

// Read reads the job's output from an offset on, until ctx ends.
func (l *Log) Read(ctx context.Context, id string, offset int64) *Reader {
	return &Reader{log: l, ctx: ctx, id: id, offset: offset}
}

// Next returns the next bytes, at most 64 KiB. They are valid until the next call. It returns none where the output ends
// now, *job.OutputGapError beyond that end, and job.ErrNotFound if the job was deleted.
func (r *Reader) Next() ([]byte, error) {
	if r.segment == nil {
		found, err := r.log.store.ReadOutput(r.ctx, r.id, r.offset, maxRead)
		if err != nil {
			return nil, err
		}
		if found.Segment == nil {
			r.offset += int64(len(found.Data))
			return found.Data, nil
		}
		if r.segment, err = openSegment(r.ctx, r.log.bucket, found.Segment, r.offset); err != nil {
			return nil, err
		}
		r.left = found.Segment.Begins + found.Segment.Length - r.offset
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

// Offset returns where the next bytes begin.
func (r *Reader) Offset() int64 { return r.offset }

// Close ends the reading.
func (r *Reader) Close() {
	if r.segment != nil {
		r.segment.Close()
		r.segment = nil
	}
}
