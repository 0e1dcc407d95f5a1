package job

import (
	"context"
	"fmt"
	"time"
)

// Tail is the part of a job's output that is in the store itself. The bytes before it are in segments.
type Tail struct{ Begins, End int64 }

// Length returns the number of bytes in the store.
func (t Tail) Length() int64 { return t.End - t.Begins }

// Split returns what an append of data at the offset repeats of the tail, which must be equal, and what it adds. It returns
// *OutputGapError or *OutputSealedError for an offset outside the tail.
func (t Tail) Split(offset int64, data []byte) (known, fresh []byte, err error) {
	switch {
	case offset > t.End:
		return nil, nil, &OutputGapError{End: t.End}
	case offset < t.Begins:
		return nil, nil, &OutputSealedError{End: t.Begins}
	}
	n := min(int64(len(data)), t.End-offset)
	return data[:n], data[n:], nil
}

// Takes returns *OutputTooLargeError if the output would exceed limit bytes with the fresh ones.
func (t Tail) Takes(fresh []byte, limit int64) error {
	if t.End+int64(len(fresh)) > limit {
		return &OutputTooLargeError{Limit: limit, End: t.End}
	}
	return nil
}

// Segment is a sealed part of a job's output: a blob outside the store, which never changes.
type Segment struct {
	Begins, Length int64
	Key            string // of the blob
}

// Range is the part of an output at an offset: bytes of the tail, or the segment that contains them. At the output's end
// it has neither.
type Range struct {
	Data    []byte
	Segment *Segment
}

// OutputStore stores the output of jobs. Appended bytes are first in the tail, and are as durable as any change of a
// job. The beginning of long outputs moves to blobs, of which the store has only the keys:
//
//	Reserve(key)  the blob can be written; it counts as unreferenced
//	              … the blob is written …
//	Seal          in one step the segment replaces the bytes, and the blob counts as referenced
//
// So after a crash at any point, every byte is in the tail or in a segment, and the store has the key of every blob.
type OutputStore interface {
	// AppendOutput writes data at the offset of the job's output, and returns the output's new length. It returns
	// ErrLeaseLost if token does not belong to the job's lease, ErrOutputConflict if stored bytes differ,
	// *OutputSealedError if the offset is before the tail, *OutputGapError if it is beyond the end, and
	// *OutputTooLargeError if the output would exceed limit bytes. The job's OutputBytes change, but not its revision.
	AppendOutput(ctx context.Context, id, token string, offset int64, data []byte, limit int64) (int64, error)

	// ReadOutput returns the output at the offset: up to limit bytes of the tail, or the segment that contains the
	// offset. It returns fewer bytes only at the end of the output or of a stored chunk. It returns *OutputGapError if
	// the offset is beyond the end, and ErrNotFound if the job does not exist.
	ReadOutput(ctx context.Context, id string, offset int64, limit int) (Range, error)

	// Tail returns the range of the job's output that is in the store, or ErrNotFound.
	Tail(ctx context.Context, id string) (Tail, error)

	// LongTails returns the IDs of up to limit jobs whose tail has at least this many bytes (64 KiB or more), the
	// longest first.
	LongTails(ctx context.Context, atLeast int64, limit int) ([]string, error)

	// Reserve records the key of a blob that is about to be written. Unless Seal uses it, the blob is unreferenced from
	// the time until on.
	Reserve(ctx context.Context, key string, until time.Time) error

	// Seal replaces the first bytes of the tail with the segment, and its reserved blob counts as referenced.
	// It returns ErrNotFound if the job does not exist. It returns ErrNotSealed, and changes nothing, if the segment does not
	// begin where the tail does, ends after the tail, or if its key is no longer reserved or was returned by Unreferenced.
	Seal(ctx context.Context, id string, segment Segment) error

	// Unreferenced returns the keys of up to limit unreferenced blobs: those of deleted jobs, and those that were
	// reserved and not sealed in time. They can be deleted, because Seal refuses them from now on, whatever the clock does.
	Unreferenced(ctx context.Context, now time.Time, limit int) ([]string, error)

	// Forget records that these unreferenced blobs were deleted.
	Forget(ctx context.Context, keys []string) error
}

// OutputGrowth is the new length of a job's output.
type OutputGrowth struct {
	ID     string
	Length int64
	Added  int64 // by this commit
	Tail   int64 // bytes in the store itself
}

// OutputGapError means that an append or a read begins beyond the end of the output.
type OutputGapError struct{ End int64 }

func (e *OutputGapError) Error() string {
	return fmt.Sprintf("the output ends at byte %d", e.End)
}

// OutputSealedError means that an append begins in a segment.
type OutputSealedError struct{ End int64 }

func (e *OutputSealedError) Error() string {
	return fmt.Sprintf("the output is sealed up to byte %d", e.End)
}

// OutputTooLargeError means that an append would exceed the maximum length of an output.
type OutputTooLargeError struct {
	Limit int64 // bytes
	End   int64 // the length of the output
}

func (e *OutputTooLargeError) Error() string {
	return fmt.Sprintf("the output has %d bytes, and the maximum is %d", e.End, e.Limit)
}

// OutputQuotaError means that the outputs of a user's jobs together would exceed the limit.
type OutputQuotaError struct{ Limit int64 } // bytes

func (e *OutputQuotaError) Error() string {
	return fmt.Sprintf("the outputs of the owner's jobs have %d bytes in total", e.Limit)
}
