package tus

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"
)

// The errors of a Store. Test with errors.Is.
var (
	// ErrNotFound means that the owner has no such upload.
	ErrNotFound = errors.New("no such upload")
	// ErrBusy means that another request has locked the upload and does not unlock it.
	ErrBusy = errors.New("the upload is locked by another request")
	// ErrOffset means that a chunk does not start at the upload's offset.
	ErrOffset = errors.New("the chunk does not start at the upload's offset")
	// ErrNotPartial means that an upload can't be joined: it is not a partial upload, or is part of another one.
	ErrNotPartial = errors.New("the upload is not a partial upload, or was already joined")
	// ErrIncomplete means that bytes of an upload are missing.
	ErrIncomplete = errors.New("the upload is incomplete")
	// ErrFull means that the unfinished uploads of all users have reached their limit.
	ErrFull = errors.New("no room for more unfinished uploads")
	// ErrTooMany means that the unfinished uploads of one user have reached their limit.
	ErrTooMany = errors.New("too many unfinished uploads")
)

// Store stores uploads until they are imported or expire. Its methods are divided like those of tusd's DataStore and
// Locker. An upload belongs to one user. For other users, it does not exist. A Store is safe for concurrent use.
//
// Package tustest has the tests that every Store must pass.
type Store interface {
	// Create starts an upload. It returns ErrTooMany or ErrFull if there is no room for it. An upload that joins others is
	// complete, and creating it again returns the same one. Create returns ErrNotPartial or ErrIncomplete if the others
	// can't be joined.
	Create(ctx context.Context, owner string, d Draft) (Info, error)
	// Find returns an upload's state, even while it is locked. It returns ErrNotFound unless the upload is the owner's.
	Find(owner, id string) (Info, error)
	// Lock returns an upload that no other request can use until Unlock. If another request has locked it, Lock calls that
	// request's yield and waits: after a lost connection, the client returns before the server notices. yield can be nil.
	//
	// It returns ErrNotFound unless the upload is the owner's, and ErrBusy if the upload is not unlocked in time.
	Lock(ctx context.Context, owner, id string, yield func()) (Upload, error)
}

// Upload is a locked upload. Not safe for concurrent use.
type Upload interface {
	// Info returns the upload's state.
	Info() Info
	// SetLength sets the length of an upload that was created without one.
	SetLength(length int64) error
	// Append writes the reader's bytes at the offset, up to the upload's length, and makes them durable. It keeps all
	// bytes that arrived, even if the reader fails. In that case, it returns the reader's error unwrapped. It returns
	// ErrOffset if the offset is not the upload's.
	Append(offset int64, r io.Reader) error
	// Open returns a reader of the bytes that have arrived.
	Open() (io.ReadCloser, error)
	// Decide stores the response to the request that imports the upload, and deletes the bytes. The response stays
	// readable for an hour.
	Decide(response json.RawMessage) error
	// Remove deletes the upload.
	Remove() error
	// Unlock lets other requests use the upload. It must be called once.
	Unlock()
}

// Deferred is the length of an upload whose client does not know it yet.
const Deferred = -1

// Draft describes a new upload.
type Draft struct {
	// Length is the size of the whole file, or Deferred.
	Length int64
	// Metadata is the client's Upload-Metadata.
	Metadata string
	// Partial is set for a part of a file.
	Partial bool
	// Parts are the IDs of complete partial uploads that the new upload joins, in order. With Parts, Length is not
	// used.
	Parts []string
}

// Info is the state of an upload.
type Info struct {
	// ID consists of 26 letters and digits, and can't be guessed.
	ID string
	// Length is the size of the whole file, or Deferred, and Offset the number of bytes that have arrived.
	Length, Offset int64
	// Partial is set for a part of a file, which can only be joined with others.
	Partial bool
	// Parts are the IDs of the uploads that this one joins.
	Parts []string
	// Metadata is the client's Upload-Metadata, unchanged.
	Metadata string
	// Expires is the time when the upload is deleted, unless more bytes arrive.
	Expires time.Time
	// Response is the response to the request that imported the upload. Empty before.
	Response json.RawMessage
}

// Complete reports whether all bytes have arrived.
func (i Info) Complete() bool { return i.Offset == i.Length }
