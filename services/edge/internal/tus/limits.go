package tus

import "time"

// Limits are the limits of a store's unfinished uploads. 0 means no limit.
type Limits struct {
	// IdleAfter is the time after its last byte when an unfinished upload no longer prevents its owner from creating
	// others.
	IdleAfter time.Duration
	// PerUser is the maximum number of unfinished uploads per user, and BytesPerUser their maximum size in total.
	PerUser      int
	BytesPerUser int64
	// Bytes is the maximum size of all uploads that have not been imported.
	Bytes int64
}

// Check returns the reason why there is no room for an upload with which its owner would have count uploads of so many bytes, and all
// users together so many.
func (l Limits) Check(count int, bytes, all int64) error {
	switch {
	case l.PerUser > 0 && count > l.PerUser, l.BytesPerUser > 0 && bytes > l.BytesPerUser:
		return ErrTooMany
	case l.Bytes > 0 && all > l.Bytes:
		return ErrFull
	}
	return nil
}
