// Package files stores uploaded workbooks in a bucket: a folder, or an object store.
package files

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strings"
	"time"

	"headway/internal/blobs"
	"headway/services/importer/internal/imports"
)

// ErrTooLarge means that the upload has more bytes than allowed.
var ErrTooLarge = errors.New("the file is larger than allowed")

const suffix = ".xlsx"

// Store is a bucket of workbooks.
type Store struct {
	bucket *blobs.Bucket
}

// Open opens the bucket at a URL, such as file:///var/lib/headway/blobs/imports.
func Open(ctx context.Context, url string) (*Store, error) {
	bucket, err := blobs.Open(ctx, url)
	if err != nil {
		return nil, err
	}
	return &Store{bucket: bucket}, nil
}

// Close ends the use of the bucket.
func (s *Store) Close() error { return s.bucket.Close() }

// Upload is a workbook that is being received. It ends with Keep or Discard.
type Upload struct {
	ctx    context.Context
	writer *blobs.Writer
	hash   hash.Hash
	size   int64
	limit  int64
}

// Receive begins an upload of at most limit bytes. It is not visible until Keep is called.
func (s *Store) Receive(ctx context.Context, id string, limit int64) (*Upload, error) {
	writer, err := s.bucket.NewWriter(ctx, id+suffix, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
	if err != nil {
		return nil, unavailable(ctx, "store a workbook", err)
	}
	return &Upload{ctx: ctx, writer: writer, hash: sha256.New(), limit: limit}, nil
}

// Write adds the next bytes. It returns ErrTooLarge if the upload exceeds its limit.
func (u *Upload) Write(data []byte) (int, error) {
	if u.size+int64(len(data)) > u.limit {
		return 0, ErrTooLarge
	}
	n, err := u.writer.Write(data)
	u.hash.Write(data[:n])
	u.size += int64(n)
	if err != nil {
		return n, unavailable(u.ctx, "store a workbook", err)
	}
	return n, nil
}

// unavailable marks an error as an error of the bucket, unless the caller has disconnected.
func unavailable(ctx context.Context, doing string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return fmt.Errorf("%s: %w: %w", doing, imports.ErrFilesUnavailable, err)
}

// Size returns the number of bytes received so far.
func (u *Upload) Size() int64 { return u.size }

// Keep stores the workbook durably, and returns its SHA-256 in hexadecimal.
func (u *Upload) Keep() (sha string, err error) {
	if err := u.writer.Commit(); err != nil {
		return "", unavailable(u.ctx, "store a workbook", err)
	}
	return hex.EncodeToString(u.hash.Sum(nil)), nil
}

// Discard deletes the received bytes. After Keep, it does nothing.
func (u *Upload) Discard() { u.writer.Discard() }

// Delete deletes a workbook. It returns no error if there is none.
func (s *Store) Delete(ctx context.Context, id string) error {
	if err := s.bucket.Delete(ctx, id+suffix); err != nil {
		return fmt.Errorf("delete the workbook of import %s: %w", id, err)
	}
	return nil
}

// Has reports whether the workbook exists.
func (s *Store) Has(ctx context.Context, id string) (bool, error) {
	has, err := s.bucket.Exists(ctx, id+suffix)
	if err != nil {
		return false, unavailable(ctx, "look for the workbook of import "+id, err)
	}
	return has, nil
}

// clockSlack is how far the time of a blob can lag the clock. Linux takes it from a clock that ticks every few
// milliseconds.
const clockSlack = 50 * time.Millisecond

// Sweep deletes files that were stored before a time and belong to no import: uploads that a crash interrupted. exist
// returns which of these IDs are imports.
func (s *Store) Sweep(ctx context.Context, before time.Time, exist func(ctx context.Context, ids []string) (map[string]bool, error)) (removed int, err error) {
	before = before.Add(-clockSlack)
	var old []string
	if err := s.bucket.List(ctx, func(b blobs.Blob) error {
		if b.ModTime.Before(before) {
			old = append(old, b.Key)
		}
		return nil
	}); err != nil {
		return 0, err
	}
	ids := make([]string, len(old))
	for i, key := range old {
		ids[i] = strings.TrimSuffix(key, suffix)
	}
	keep, err := exist(ctx, ids)
	if err != nil {
		return 0, err
	}
	for i, key := range old {
		if keep[ids[i]] && strings.HasSuffix(key, suffix) {
			continue
		}
		if err := s.bucket.Delete(ctx, key); err != nil {
			return removed, fmt.Errorf("delete the unreferenced file %s: %w", key, err)
		}
		removed++
	}
	return removed, nil
}

// Open opens a workbook for reading. It returns imports.ErrWorkbookGone if the workbook doesn't exist. ctx applies to
// all reads.
func (s *Store) Open(ctx context.Context, id string) (*File, error) {
	size, err := s.bucket.Size(ctx, id+suffix)
	if errors.Is(err, blobs.ErrNotFound) {
		return nil, fmt.Errorf("open the workbook of import %s: %w", id, imports.ErrWorkbookGone)
	}
	if err != nil {
		return nil, unavailable(ctx, "open the workbook of import "+id, err)
	}
	return &File{ctx: ctx, bucket: s.bucket, key: id + suffix, size: size}, nil
}
