package outputlog

import (
	"context"
	"fmt"
	"io"
	"math"
)

// maxRead is the maximum number of bytes that a reader returns at a time.
const maxRead = 64 << 10

// NoLimit makes a Reader return all output.
const NoLimit = math.MaxInt64

// Reader follows one job's output. Use it from one goroutine at a time, and close it.
type Reader struct {
	log    *Log
	ctx    context.Context
	id     string
	offset int64 // of the next byte

	segment io.ReadCloser // the open segment, if the next byte is in one
	left    int64         // in the segment
	buffer  []byte

	most int64 // the maximum number of bytes in total
}

// Read returns a Reader of the job's output from an offset on, until ctx ends, with at most this number of bytes.
func (l *Log) Read(ctx context.Context, id string, offset, most int64) *Reader {
	return &Reader{log: l, ctx: ctx, id: id, offset: offset, most: most}
}

// Done reports whether the maximum number of bytes was read.
func (r *Reader) Done() bool { return r.most == 0 }

// Next returns the next bytes, at most 64 KiB. They are valid until the next call. At the current end of the output, it
// returns none. It returns *job.OutputGapError beyond that end, and job.ErrNotFound if the job was deleted.
func (r *Reader) Next() ([]byte, error) {
	data, err := r.next(min(r.most, maxRead))
	r.offset += int64(len(data))
	r.most -= int64(len(data))
	return data, err
}

func (r *Reader) next(most int64) ([]byte, error) {
	if most == 0 {
		return nil, nil
	}
	if r.segment == nil {
		found, err := r.log.store.ReadOutput(r.ctx, r.id, r.offset, int(most))
		if err != nil {
			return nil, err
		}
		if found.Segment == nil {
			return found.Data, nil
		}
		if r.segment, err = openSegment(r.ctx, r.log.bucket, found.Segment, r.offset); err != nil {
			return nil, err
		}
		r.left = found.Segment.Begins + found.Segment.Length - r.offset
	}
	if r.buffer == nil {
		r.buffer = make([]byte, most)
	}
	data := r.buffer[:min(r.left, most)]
	if _, err := io.ReadFull(r.segment, data); err != nil {
		return nil, fmt.Errorf("read output of job %s at byte %d: %w", r.id, r.offset, err)
	}
	if r.left -= int64(len(data)); r.left == 0 {
		r.Close()
	}
	return data, nil
}

// Offset returns the offset of the next bytes.
func (r *Reader) Offset() int64 { return r.offset }

// Close releases the reader.
func (r *Reader) Close() {
	if r.segment != nil {
		r.segment.Close()
		r.segment = nil
	}
}
