// Package blobs stores blobs in a bucket that a URL names: a folder, or an S3 object store.
package blobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/fileblob" // file:// buckets
	"gocloud.dev/gcerrors"

	"headway/internal/atomicfile"
)

var (
	// ErrNotFound means that there is no blob with this key.
	ErrNotFound = errors.New("blob not found")
	// ErrExists means that there already is a blob with this key.
	ErrExists = errors.New("blob already exists")
)

// Bucket is a bucket of blobs. It is safe for concurrent use.
type Bucket struct {
	bucket *blob.Bucket
	// objects is the same bucket as an object store. It is nil if the bucket is a folder, which is at folder, and whose keys
	// begin with prefix there.
	objects        *objects
	folder, prefix string
}

// FolderURL returns the URL of the bucket that is a folder on this machine. The path must be absolute.
func FolderURL(path string) string {
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String()
}

// Open opens the bucket at a URL, such as file:///var/lib/headway/blobs or s3://headway?prefix=imports/. A folder is created
// if it does not exist. An object store is not called yet.
func Open(ctx context.Context, bucketURL string) (*Bucket, error) {
	u, err := url.Parse(bucketURL)
	if err != nil {
		return nil, fmt.Errorf("open bucket: %w", err)
	}
	switch u.Scheme {
	case "file":
		if u.RawQuery == "" {
			// Temporary files are next to the blobs, so that storing one is a rename and never a copy.
			u.RawQuery = "create_dir=true&no_tmp_dir=true&metadata=skip"
		}
		bucket, err := blob.OpenBucket(ctx, u.String())
		if err != nil {
			return nil, fmt.Errorf("open bucket: %w", err)
		}
		return &Bucket{bucket: bucket, folder: filepath.FromSlash(u.Path), prefix: u.Query().Get("prefix")}, nil
	case s3Scheme:
		return openObjects(ctx, u)
	}
	return nil, fmt.Errorf("open bucket: %q is not a URL of a bucket. Set file:///DIRECTORY or s3://BUCKET", u.Redacted())
}

// Close releases the bucket.
func (b *Bucket) Close() error { return b.bucket.Close() }

// Writer writes one blob. It ends with Commit or Discard. Until Commit returns, no reader sees the blob.
type Writer struct {
	key    string
	writer *blob.Writer
	cancel context.CancelFunc
	// file is the temporary file of a bucket that is a folder. Such a bucket doesn't sync files by itself.
	file  *os.File
	ended bool
}

// NewWriter starts a blob. ctx must live until Commit.
func (b *Bucket) NewWriter(ctx context.Context, key, contentType string) (*Writer, error) {
	ctx, cancel := context.WithCancel(ctx)
	w := &Writer{key: key, cancel: cancel}
	var err error
	w.writer, err = b.bucket.NewWriter(ctx, key, &blob.WriterOptions{
		ContentType: contentType,
		BeforeWrite: func(as func(any) bool) error {
			as(&w.file)
			b.objects.limit(as)
			return nil
		},
	})
	if err != nil {
		cancel()
		return nil, fmt.Errorf("write blob %s: %w", key, err)
	}
	return w, nil
}

// Write implements io.Writer.
func (w *Writer) Write(p []byte) (int, error) {
	n, err := w.writer.Write(p)
	if err != nil {
		return n, fmt.Errorf("write blob %s: %w", w.key, err)
	}
	return n, nil
}

// Commit stores the blob. When it returns nil, the blob survives a power cut. If it fails, there is no blob.
func (w *Writer) Commit() error {
	if w.file != nil {
		if err := w.file.Sync(); err != nil {
			w.Discard()
			return fmt.Errorf("write blob %s: %w", w.key, err)
		}
	}
	w.ended = true
	defer w.cancel()
	if err := w.writer.Close(); err != nil {
		return fmt.Errorf("write blob %s: %w", w.key, err)
	}
	if w.file != nil {
		return atomicfile.SyncFolder(filepath.Dir(w.file.Name()))
	}
	return nil
}

// Discard drops the written data. After Commit, it does nothing.
func (w *Writer) Discard() {
	if w.ended {
		return
	}
	w.ended = true
	w.cancel() // a writer whose context is done drops its data
	_ = w.writer.Close()
}

// Write stores the blob that fill writes, as Commit does.
func (b *Bucket) Write(ctx context.Context, key, contentType string, fill func(io.Writer) error) error {
	w, err := b.NewWriter(ctx, key, contentType)
	if err != nil {
		return err
	}
	defer w.Discard()
	if err := fill(w); err != nil {
		return err
	}
	return w.Commit()
}

// Create stores a blob, as Write does, unless there already is one with this key. Of several calls for one key, even on different
// machines, one succeeds, and the others return ErrExists. The key consists of letters, digits, slashes, hyphens, and dots.
func (b *Bucket) Create(ctx context.Context, key string, data []byte) error {
	if b.objects == nil { // the library's check and its rename are two steps
		path := filepath.Join(b.folder, filepath.FromSlash(b.prefix+key))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return fmt.Errorf("create blob %s: %w", key, err)
		}
		err := atomicfile.Create(path, 0o600, func(w io.Writer) error { _, err := w.Write(data); return err })
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("create blob %s: %w", key, ErrExists)
		}
		return err
	}
	return b.objects.create(ctx, b.bucket, key, data)
}

// Read returns a whole blob. It returns ErrNotFound if there is no such blob.
func (b *Bucket) Read(ctx context.Context, key string) ([]byte, error) {
	data, err := b.bucket.ReadAll(ctx, key)
	if err != nil {
		return nil, b.failure("read", key, err)
	}
	return data, nil
}

// Open reads length bytes from an offset, at least one. It returns ErrNotFound if there is no such blob.
func (b *Bucket) Open(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	r, err := b.bucket.NewRangeReader(ctx, key, offset, length, nil)
	if err != nil {
		return nil, b.failure("read", key, err)
	}
	return r, nil
}

// Copy stores a copy of a blob, as Commit does. It returns ErrNotFound if there is no such blob. The data does not pass through this
// process if the bucket is an object store.
func (b *Bucket) Copy(ctx context.Context, to, from, contentType string) error {
	if b.objects != nil {
		return b.failure("copy", from, b.bucket.Copy(ctx, to, from, nil))
	}
	r, err := b.bucket.NewReader(ctx, from, nil)
	if err != nil {
		return b.failure("copy", from, err)
	}
	defer r.Close()
	return b.Write(ctx, to, contentType, func(w io.Writer) error { _, err := io.Copy(w, r); return err })
}

// WriterBytes returns the memory that a Writer needs at most for the data that it has not sent yet.
func (b *Bucket) WriterBytes() int64 {
	if b.objects == nil {
		return 0
	}
	return writerBytes
}

// Shared reports whether processes on other machines can use the bucket. Their clocks can differ, and they can be writing.
func (b *Bucket) Shared() bool { return b.objects != nil }

// DeleteUnfinished deletes the data of writers that started before a time and never ended, because their process was
// killed, if own reports true for their keys. A folder has none: List lists its temporary files.
func (b *Bucket) DeleteUnfinished(ctx context.Context, before time.Time, own func(key string) bool) (deleted int, err error) {
	if b.objects == nil {
		return 0, nil
	}
	return b.objects.deleteUnfinished(ctx, before, own)
}

// Size returns the length of a blob in bytes. It returns ErrNotFound if there is no such blob.
func (b *Bucket) Size(ctx context.Context, key string) (int64, error) {
	attributes, err := b.bucket.Attributes(ctx, key)
	if err != nil {
		return 0, b.failure("look up", key, err)
	}
	return attributes.Size, nil
}

// Exists reports whether there is a blob with this key.
func (b *Bucket) Exists(ctx context.Context, key string) (bool, error) {
	exists, err := b.bucket.Exists(ctx, key)
	if err != nil {
		return false, b.failure("look up", key, err)
	}
	return exists, nil
}

// Delete deletes a blob. It is not an error if there is none.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	if err := b.failure("delete", key, b.bucket.Delete(ctx, key)); err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	return nil
}

// Blob describes a stored blob.
type Blob struct {
	Key     string
	ModTime time.Time
	Size    int64
}

// List calls each for every blob, in the order of their keys, until each returns an error.
func (b *Bucket) List(ctx context.Context, each func(Blob) error) error {
	return b.ListPrefix(ctx, "", each)
}

// ListPrefix is List for the blobs whose keys begin with a prefix.
func (b *Bucket) ListPrefix(ctx context.Context, prefix string, each func(Blob) error) error {
	if b.objects != nil {
		return b.list(ctx, prefix, each)
	}
	// A temporary file that vanishes in the meantime ends the list of a folder with an error.
	for attempt := 1; ; attempt++ {
		var all []Blob
		err := b.list(ctx, prefix, func(found Blob) error { all = append(all, found); return nil })
		if gcerrors.Code(err) == gcerrors.NotFound && attempt < maxLists {
			continue
		}
		for i := 0; i < len(all) && err == nil; i++ {
			err = each(all[i])
		}
		return err
	}
}

// maxLists is how often a folder is listed at most, until it does not change while it is listed.
const maxLists = 100

func (b *Bucket) list(ctx context.Context, prefix string, each func(Blob) error) error {
	list := b.bucket.List(&blob.ListOptions{Prefix: prefix})
	for {
		object, err := list.Next(ctx)
		if err == io.EOF { //nolint:errorlint // an error of a lost connection is also io.EOF, and wraps it
			return nil
		}
		if err != nil {
			return fmt.Errorf("list blobs: %w", err)
		}
		if err := each(Blob{Key: object.Key, ModTime: object.ModTime, Size: object.Size}); err != nil {
			return err
		}
	}
}

func (b *Bucket) failure(doing, key string, err error) error {
	switch {
	case err == nil:
		return nil
	case gcerrors.Code(err) == gcerrors.NotFound:
		return fmt.Errorf("%s blob %s: %w", doing, key, ErrNotFound)
	}
	return fmt.Errorf("%s blob %s: %w", doing, key, err)
}

// Denied reports whether an error means that the credentials lack a right to the bucket.
func Denied(err error) bool { return gcerrors.Code(err) == gcerrors.PermissionDenied }
