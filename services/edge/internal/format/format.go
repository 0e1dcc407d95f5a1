// Package format encodes the data of a stream's events.
package format

import (
	"slices"
	"time"

	"headway/services/edge/internal/hub"
)

// Format defines the messages of a stream. Each method returns the data of one event, or nil for no event.
type Format interface {
	// Begin returns the first event.
	Begin(Opening) []byte
	// Initial encodes the first state of a job or import on this stream. It returns the data of one or more events.
	Initial(*hub.Snapshot) ([][]byte, error)
	// Update encodes a later state.
	Update(*hub.Snapshot) ([]byte, error)
	// Deleted reports that a job or import was deleted.
	Deleted(id string) []byte
	// Reauth asks for a new connection with a new token, before the stream ends with the old one.
	Reauth() []byte
	// End reports why the stream ends, or why it can't be opened.
	End(cause error) []byte
}

// Growing is a Format whose states are lists of events that only grow, so that a slow client misses none. A stream sends
// the events of a list that it has not sent yet, instead of Initial and Update.
type Growing interface {
	Format
	// Events returns the data of all events up to this state. Empty data takes a place in the list, and is not sent.
	Events(*hub.Snapshot) ([][]byte, error)
}

// WithData returns the events that have data.
func WithData(events [][]byte) [][]byte {
	return slices.DeleteFunc(slices.Clone(events), func(data []byte) bool { return len(data) == 0 })
}

// Opening describes a stream at its start.
type Opening struct {
	// User is the subject of the stream's token.
	User string
	// Topic is the job or import of the stream. Without an ID, the stream has all jobs of the user.
	Topic hub.Topic
	// Message is a text for users.
	Message string
	// Keepalive is the maximum interval between messages or comments.
	Keepalive time.Duration
}
