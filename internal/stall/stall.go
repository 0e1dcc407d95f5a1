// Package stall decides when a sender has stalled: an upload can take hours, but it must not stall.
package stall

import "time"

// MinRate is the number of bytes per second below which a sender counts as stalled. The slowest lines that people use have a
// hundred times as much.
const MinRate = 10

// Timeout is how long a sender can still keep its receiver waiting. Time in which the receiver does something else doesn't count.
type Timeout struct {
	whole, left   time.Duration
	bytes, enough int
}

// NewTimeout returns a timeout that elapses when the receiver has waited for d in total, and fewer bytes than MinRate have arrived.
func NewTimeout(d time.Duration) Timeout {
	return Timeout{whole: d, left: d, enough: max(int(d.Seconds()*MinRate), 1)}
}

// Left returns how long to wait for the next bytes.
func (t *Timeout) Left() time.Duration { return t.left }

// Waited records a wait, and the number of bytes that it ended with. Enough bytes renew the timeout.
func (t *Timeout) Waited(d time.Duration, bytes int) {
	t.left = max(t.left-d, 0)
	if t.bytes += bytes; t.bytes >= t.enough {
		t.left, t.bytes = t.whole, 0
	}
}

// Enough returns how many bytes must arrive within the timeout.
func (t *Timeout) Enough() int { return t.enough }
