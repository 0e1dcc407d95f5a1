package blobs

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"gocloud.dev/blob"
	"gocloud.dev/blob/s3blob"
	"gocloud.dev/gcerrors"

	"headway/internal/backoff"
)

const (
	s3Scheme = s3blob.Scheme
	// partBytes is the size of the parts of a blob, and the minimum that S3 accepts. With at most 10,000 parts, a blob has up
	// to 48 GiB.
	partBytes = 5 << 20
	// writerBytes is the memory of a writer: a part that is sent, the next one, and the first one, which is read apart.
	writerBytes = 3 * partBytes
	// abortTimeout is how long deleting the parts of a discarded blob can take.
	abortTimeout = 10 * time.Second
	// conflictDelay is the delay before a conditional write is repeated whose result the store doesn't know.
	conflictDelay = 50 * time.Millisecond
)

// objects is a bucket of an S3 object store.
type objects struct {
	client       *s3.Client
	name, prefix string
}

// openObjects opens an s3:// bucket.
func openObjects(ctx context.Context, u *url.URL) (*Bucket, error) {
	if u.Host == "" {
		return nil, fmt.Errorf("open bucket: %q does not name a bucket. Set s3://BUCKET", u.Redacted())
	}
	bucket, err := blob.OpenBucket(ctx, u.String())
	if err != nil {
		return nil, fmt.Errorf("open bucket: %w", err)
	}
	o := &objects{name: u.Host, prefix: u.Query().Get("prefix")}
	if !bucket.As(&o.client) {
		return nil, errors.Join(errors.New("open bucket: this version of the S3 library has no client"), bucket.Close())
	}
	return &Bucket{bucket: bucket, objects: o}, nil
}

// limit sets the options of a blob's writer, which as returns. By default, each upload holds up to 56 MiB in memory.
func (o *objects) limit(as func(any) bool) {
	var upload *transfermanager.Client
	if o == nil || !as(&upload) {
		return
	}
	*upload = *transfermanager.New(o.client, func(options *transfermanager.Options) {
		options.PartSizeBytes, options.MultipartUploadThreshold, options.Concurrency = partBytes, partBytes, 1
		options.FailTimeout = abortTimeout // without it, the parts of a discarded blob stay: its context is done
		options.RequestChecksumCalculation = o.client.Options().RequestChecksumCalculation
	})
}

// deleteUnfinished aborts multipart uploads. See Bucket.DeleteUnfinished.
func (o *objects) deleteUnfinished(ctx context.Context, before time.Time, own func(key string) bool) (deleted int, err error) {
	pages := s3.NewListMultipartUploadsPaginator(o.client, &s3.ListMultipartUploadsInput{Bucket: &o.name, Prefix: &o.prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return deleted, fmt.Errorf("list unfinished blobs: %w", err)
		}
		for _, upload := range page.Uploads {
			key, ok := strings.CutPrefix(aws.ToString(upload.Key), o.prefix)
			if !ok || !own(key) || !aws.ToTime(upload.Initiated).Before(before) {
				continue
			}
			_, err := o.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &o.name, Key: upload.Key, UploadId: upload.UploadId})
			var ended *types.NoSuchUpload // in the meantime
			if err != nil && !errors.As(err, &ended) {
				return deleted, fmt.Errorf("delete the unfinished blob %s: %w", key, err)
			}
			deleted++
		}
	}
	return deleted, nil
}

// create stores a blob unless there is one. See Bucket.Create.
func (o *objects) create(ctx context.Context, bucket *blob.Bucket, key string, data []byte) error {
	for {
		err := bucket.WriteAll(ctx, key, data, &blob.WriterOptions{
			ContentType: "application/octet-stream", IfNotExist: true,
			BeforeWrite: func(as func(any) bool) error { o.limit(as); return nil },
		})
		var refused smithy.APIError
		switch {
		case err == nil:
			return nil
		case gcerrors.Code(err) == gcerrors.FailedPrecondition:
			return fmt.Errorf("create blob %s: %w", key, ErrExists)
		case errors.As(err, &refused) && refused.ErrorCode() == "ConditionalRequestConflict": // with a write at the same moment
			if backoff.Sleep(ctx, conflictDelay) {
				continue
			}
		}
		return fmt.Errorf("create blob %s: %w", key, err)
	}
}
