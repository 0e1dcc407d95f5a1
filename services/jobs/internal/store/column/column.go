// Package column converts the values of a job to and from the columns of all stores: times as microseconds, documents as JSON
// text, and positions in a list as page tokens.
package column

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"headway/services/jobs/internal/job"
)

// Instant returns the time that Stamp stored.
func Instant(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// Stamp returns the time as microseconds since 1970, or 0 for the zero time.
func Stamp(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// Micros returns a number of microseconds as a duration.
func Micros(us int64) time.Duration { return time.Duration(us) * time.Microsecond }

// Document returns the JSON text for a column, or NULL.
func Document(text json.RawMessage) any {
	if len(text) == 0 {
		return nil
	}
	return string(text)
}

// Encode returns v as a JSON text for a column.
func Encode(v any) (string, error) {
	text, err := json.Marshal(v)
	return string(text), err
}

// EncodeUnless returns v as a JSON text, or NULL if it is empty.
func EncodeUnless(empty bool, v any) (any, error) {
	if empty {
		return nil, nil
	}
	return Encode(v)
}

// Decode fills in the parts of a job that are stored as JSON texts. It returns a *DamagedError if one cannot be decoded.
func Decode(j *job.Job, labels, failure, progress []byte) error {
	for _, d := range []struct {
		text []byte
		into any
	}{{labels, &j.Labels}, {failure, &j.Error}, {progress, &j.Progress}} {
		if len(d.text) == 0 {
			continue
		}
		if err := json.Unmarshal(d.text, d.into); err != nil {
			return &DamagedError{Job: j.ID, Err: err}
		}
	}
	return nil
}

// DamagedError means that a job's row can't be decoded. It affects only this job.
type DamagedError struct {
	Job string
	Err error
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("can't decode the stored job %s: %v", e.Job, e.Err)
}

func (e *DamagedError) Unwrap() error { return e.Err }

// IsDamaged reports whether err is a *DamagedError.
func IsDamaged(err error) bool {
	var damaged *DamagedError
	return errors.As(err, &damaged)
}

// Cursor is a position in a list: the last job of a page.
type Cursor struct{ Created, Seq int64 }

// String returns the cursor as a page token.
func (c Cursor) String() string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d.%d", c.Created, c.Seq))
}

// ParseCursor returns the cursor of a page token. An empty token is the start of the list.
func ParseCursor(token string) (Cursor, error) {
	if token == "" {
		return Cursor{math.MaxInt64, math.MaxInt64}, nil
	}
	var c Cursor
	text, err := base64.RawURLEncoding.DecodeString(token)
	if err == nil {
		_, err = fmt.Sscanf(string(text), "%d.%d", &c.Created, &c.Seq)
	}
	if err != nil || c.String() != token {
		return Cursor{}, &job.InvalidError{Field: "page_token", Problem: "is not the next_page_token of a page"}
	}
	return c, nil
}
