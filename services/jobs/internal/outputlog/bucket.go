package outputlog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/fileblob" // file:// buckets
	"gocloud.dev/gcerrors"

	"headway/services/jobs/internal/job"
)

// Bucket is where sealed segments lie: a folder, or an object store.
type Bucket struct{ bucket *blob.Bucket }

// OpenBucket opens the bucket at a URL, such as file:///var/lib/headway/blobs/outputs.
func OpenBucket(ctx context.Context, url string) (*Bucket, error) {
	if strings.HasPrefix(url, "file://") && !strings.Contains(url, "?") {
		// Temporary files lie beside the blobs, so that keeping one is a rename and never a copy.
		url += "?create_dir=true&no_tmp_dir=true&metadata=skip"
	}
	bucket, err := blob.OpenBucket(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("open the bucket of outputs: %w", err)
	}
	return &Bucket{bucket}, nil
}

// Close ends the use of the bucket.
func (b *Bucket) Close() error { return b.bucket.Close() }

// write stores the blob that fill writes. When it returns, the blob survives a power cut; if it fails, there is none.
func (b *Bucket) write(ctx context.Context, key string, fill func(io.Writer) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var file *os.File // of a bucket that is a folder, which syncs nothing by itself
	w, err := b.bucket.NewWriter(ctx, key, &blob.WriterOptions{
		ContentType: "application/octet-stream",
		BeforeWrite: func(as func(any) bool) error { as(&file); return nil },
	})
	if err != nil {
		return fmt.Errorf("write blob %s: %w", key, err)
	}
	err = fill(w)
	if err == nil && file != nil {
		err = file.Sync()
	}
	if err != nil {
		cancel() // a writer whose context has ended throws away what it was given
		w.Close()
		return fmt.Errorf("write blob %s: %w", key, err)
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("write blob %s: %w", key, err)
	}
	if file != nil {
		return syncFolder(filepath.Dir(file.Name()))
	}
	return nil
}

// syncFolder makes the names of new files last.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("sync the folder of blobs: %w", err)
	}
	defer folder.Close()
	if err := folder.Sync(); err != nil {
		return fmt.Errorf("sync the folder of blobs: %w", err)
	}
	return nil
}

// open reads a segment from an offset of the output on. It returns job.ErrNotFound if the blob is gone.
func (b *Bucket) open(ctx context.Context, segment *job.Segment, offset int64) (io.ReadCloser, error) {
	r, err := b.bucket.NewRangeReader(ctx, segment.Key, offset-segment.Begins, segment.Begins+segment.Length-offset, nil)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return nil, job.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read blob %s: %w", segment.Key, err)
	}
	return r, nil
}

// remove deletes a blob. Removing what is not there is fine.
func (b *Bucket) remove(ctx context.Context, key string) error {
	if err := b.bucket.Delete(ctx, key); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
		return fmt.Errorf("delete blob %s: %w", key, err)
	}
	return nil
}

// Keys are those of all blobs.
func (b *Bucket) Keys(ctx context.Context) (keys []string, err error) {
	list := b.bucket.List(nil)
	for {
		object, err := list.Next(ctx)
		if errors.Is(err, io.EOF) {
			return keys, nil
		}
		if err != nil {
			return nil, fmt.Errorf("list the blobs: %w", err)
		}
		keys = append(keys, object.Key)
	}
}
