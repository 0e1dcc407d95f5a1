package outputlog

import (
	"context"
	"errors"
	"fmt"
	"io"

	"headway/internal/blobs"
	"headway/services/jobs/internal/job"
)

// contentType is the content type of sealed segments.
const contentType = "application/octet-stream"

// openSegment reads a sealed segment from an offset of the output. It returns job.ErrNotFound if its blob no longer
// exists.
func openSegment(ctx context.Context, bucket *blobs.Bucket, segment *job.Segment, offset int64) (io.ReadCloser, error) {
	r, err := bucket.Open(ctx, segment.Key, offset-segment.Begins, segment.Begins+segment.Length-offset)
	if errors.Is(err, blobs.ErrNotFound) {
		return nil, fmt.Errorf("%w: %w", job.ErrNotFound, err)
	}
	return r, err
}
