// Package files stores uploaded workbooks in a bucket: a folder, or an object store.
package files

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"time"

	"github.com/google/uuid"

	"headway/internal/blobs"
	"headway/services/importer/internal/imports"
)

// ErrTooLarge means that the upload has more bytes than allowed.
var ErrTooLarge = errors.New("the file is larger than allowed")

// suffix is the end of every key, whatever the kind of the file.
const suffix = ".xlsx"

// contentType is that of every file, whatever its kind.
const contentType = "application/octet-stream"

// Store is a bucket of workbooks.
type Store struct {
	bucket *blobs.Bucket
	// shared means that other processes can be writing to the bucket, and that their clocks can differ.
	shared bool
}

// Open opens the bucket at a URL, such as file:///var/lib/headway/blobs/imports or s3://headway?prefix=imports/. shared means that
// other importers use it.
func Open(ctx context.Context, url string, shared bool) (*Store, error) {
	bucket, err := blobs.Open(ctx, url)
	if err != nil {
		return nil, err
	}
	return &Store{bucket: bucket, shared: shared || bucket.Shared()}, nil
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
	writer, err := s.bucket.NewWriter(ctx, id+suffix, contentType)
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
	return fmt.Errorf("%s: %w: %w", doing, imports.ErrFilesUnavailable, notEnd(err))
}

// notEnd returns an error that is not the end of a file. The end of a lost connection is, and the reader of a workbook would take it for
// the end of the workbook.
func notEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New(err.Error())
	}
	return err
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

// Copy stores a copy of the workbook of an import, durably, for another one. It returns imports.ErrWorkbookGone if there is none.
func (s *Store) Copy(ctx context.Context, to, from string) error {
	err := s.bucket.Copy(ctx, to+suffix, from+suffix, contentType)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, blobs.ErrNotFound):
		return fmt.Errorf("copy the workbook of import %s: %w", from, imports.ErrWorkbookGone)
	}
	return unavailable(ctx, "copy the workbook of import "+from, err)
}

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

const (
	// clockSlack is how far the time of a blob can lag the clock. Linux takes it from a clock that ticks every few
	// milliseconds.
	clockSlack = 50 * time.Millisecond
	// sharedSlack is the same for a bucket that several processes use. It is longer than an upload can take: an object store
	// can give a blob the time at which its upload began.
	sharedSlack = 24 * time.Hour
	// sweepAtATime is the number of files that a sweep looks up at a time.
	sweepAtATime = 1000
)

// ReceiveBytes returns the memory that an upload needs at most in addition to the caller's buffer.
func (s *Store) ReceiveBytes() int64 { return s.bucket.WriterBytes() }

// Sweep deletes files that were stored before a time and belong to no import: uploads that a crash interrupted. exist
// returns which of these IDs are imports. In a shared bucket, it deletes only files that are more than a day older, and in an
// object store, only those that are named like workbooks of an import.
func (s *Store) Sweep(ctx context.Context, before time.Time, exist func(ctx context.Context, ids []string) (map[string]bool, error)) (removed int, err error) {
	before = before.Add(-clockSlack)
	if s.shared {
		before = before.Add(-sharedSlack)
	}
	if removed, err = s.bucket.DeleteUnfinished(ctx, before, isWorkbook); err != nil {
		return removed, err
	}
	var old []string
	sweep := func() error {
		n, err := s.deleteOrphans(ctx, old, exist)
		removed, old = removed+n, old[:0]
		return err
	}
	if err := s.bucket.List(ctx, func(b blobs.Blob) error {
		if !b.ModTime.Before(before) || s.bucket.Shared() && !isWorkbook(b.Key) {
			return nil
		}
		if old = append(old, b.Key); len(old) < sweepAtATime {
			return nil
		}
		return sweep()
	}); err != nil {
		return removed, err
	}
	err = sweep()
	return removed, err
}

// isWorkbook reports whether a key is one that Receive uses for an import.
func isWorkbook(key string) bool {
	id, ok := strings.CutSuffix(key, suffix)
	return ok && uuid.Validate(id) == nil
}

// deleteOrphans deletes the files with these keys that belong to no import.
func (s *Store) deleteOrphans(ctx context.Context, keys []string, exist func(ctx context.Context, ids []string) (map[string]bool, error)) (removed int, err error) {
	ids := make([]string, len(keys))
	for i, key := range keys {
		ids[i] = strings.TrimSuffix(key, suffix)
	}
	keep, err := exist(ctx, ids)
	if err != nil {
		return 0, err
	}
	for i, key := range keys {
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
// all reads. The caller closes the file.
func (s *Store) Open(ctx context.Context, id string) (*File, error) {
	size, err := s.bucket.Size(ctx, id+suffix)
	if errors.Is(err, blobs.ErrNotFound) {
		return nil, fmt.Errorf("open the workbook of import %s: %w", id, imports.ErrWorkbookGone)
	}
	if err != nil {
		return nil, unavailable(ctx, "open the workbook of import "+id, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	return &File{ctx: ctx, cancel: cancel, bucket: s.bucket, key: id + suffix, size: size}, nil
}
