package job

import (
	"context"
	"fmt"
	"time"
)

// Tail is the stretch of a job's output that the store itself keeps. What is before it lies in segments.
type Tail struct{ Begins, End int64 }

// Length is how many bytes the store keeps.
func (t Tail) Length() int64 { return t.End - t.Begins }

// Segment is a sealed stretch of a job's output: a blob outside the store, which never changes.
type Segment struct {
	Begins, Length int64
	Key            string // of the blob
}

// Stretch is what a store has of an output at an offset: bytes of the tail, or the segment that they lie in. At the
// output's end it has neither.
type Stretch struct {
	Data    []byte
	Segment *Segment
}

// OutputStore keeps the output of jobs. Appended bytes are in the tail first, as durable as any change of a job. Of
// long outputs the beginning moves to blobs, which the store only knows by key:
//
//	Reserve(key)  the blob may be written; it counts as unreferenced
//	              … the blob is written …
//	Seal          in one step the segment takes the bytes' place, and the blob counts as referenced
//
// So after a crash at any point every byte is in the tail or in a segment, and every blob is known by its key.
type OutputStore interface {
	// AppendOutput writes data at the offset of the job's output, if token holds its lease (else ErrLeaseLost), and
	// returns the output's length after it. Bytes that are there already must be the same (else ErrOutputConflict); an
	// offset before the tail gives *OutputSealedError, one beyond the end *OutputGapError, and an output that would
	// exceed limit bytes *OutputTooLargeError. The job's OutputBytes follow at once, its revision does not.
	AppendOutput(ctx context.Context, id, token string, offset int64, data []byte, limit int64) (int64, error)

	// ReadOutput returns what there is at the offset: up to limit bytes of the tail, fewer only at the end or where a
	// stored piece ends; or the segment that holds the offset. An offset beyond the end gives *OutputGapError, an
	// unknown job ErrNotFound.
	ReadOutput(ctx context.Context, id string, offset int64, limit int) (Stretch, error)

	// Tail returns which bytes the store keeps of the job's output, or ErrNotFound.
	Tail(ctx context.Context, id string) (Tail, error)

	// LongTails returns the ids of up to limit jobs whose tail has at least so many bytes (64 KiB or more), the longest
	// first.
	LongTails(ctx context.Context, atLeast int64, limit int) ([]string, error)

	// Reserve notes the key of a blob that is about to be written. Unless Seal takes it, it is unreferenced from the
	// time until on.
	Reserve(ctx context.Context, key string, until time.Time) error

	// Seal puts the segment in place of the first bytes of the tail, and its reserved blob counts as referenced.
	// ErrNotFound if the job is gone; ErrNotSealed, with nothing changed, if the segment does not begin where the tail
	// does, ends behind it, or its key is not reserved any more.
	Seal(ctx context.Context, id string, segment Segment) error

	// Unreferenced returns the keys of up to limit blobs that nothing refers to: those of deleted jobs, and those that
	// were reserved and not sealed in time.
	Unreferenced(ctx context.Context, now time.Time, limit int) ([]string, error)

	// Forget notes that these unreferenced blobs are gone.
	Forget(ctx context.Context, keys []string) error
}

// OutputGrowth is how long a job's output has become.
type OutputGrowth struct {
	ID     string
	Length int64
	Added  int64 // by this commit
	Tail   int64 // bytes that the store itself keeps
}

// OutputGapError is an append or a read beyond the end of the output.
type OutputGapError struct{ End int64 }

func (e *OutputGapError) Error() string {
	return fmt.Sprintf("the output ends at byte %d", e.End)
}

// OutputSealedError is an append at an offset that lies in a segment.
type OutputSealedError struct{ End int64 }

func (e *OutputSealedError) Error() string {
	return fmt.Sprintf("the output is sealed up to byte %d", e.End)
}

// OutputTooLargeError is an append that would make the output longer than it may be.
type OutputTooLargeError struct {
	Limit int64 // bytes
	End   int64 // how long the output is
}

func (e *OutputTooLargeError) Error() string {
	return fmt.Sprintf("the output has %d bytes, and at most %d are kept", e.End, e.Limit)
}
