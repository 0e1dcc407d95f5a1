package jobs

import (
	"time"

	"headway/services/jobs/internal/job"
)

// SetWallClock makes the service follow another wall clock. Its monotonic clock stays that of the process.
func (c *Config) SetWallClock(now func() time.Time) {
	begun := time.Now()
	c.clock = job.NewClockFrom(now, func() time.Duration { return time.Since(begun) })
}
