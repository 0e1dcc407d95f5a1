package job

import (
	"bytes"
	"crypto/subtle"
	"strconv"
	"strings"
	"time"
)

// Lease is a worker's right to work on an active job. All other jobs have the zero Lease.
type Lease struct {
	Token     string // the epoch, a dot, and random text. Only the worker knows it
	Worker    string // the worker's own name
	Duration  time.Duration
	ExpiresAt time.Time
	Heard     Heard
}

// Heard states whether the worker has called about the job. The numbers are stored.
type Heard int

// The states of a lease before and after the worker's first call.
const (
	Unheard          Heard = 0 // the response of the lease might have been lost
	HeardOf          Heard = 1
	UnheardConfirmer Heard = 2 // like Unheard, but the worker calls before it starts a job, so it has not started this one
)

// maxUnheard is the maximum number of leases in a row that can expire unheard without using up an attempt. It is
// limited because a job that kills its worker immediately must not be leased forever.
const maxUnheard = 3

// Epoch returns the number of the lease, which grows with every lease of the job. Leases of versions without epochs
// have 0.
func (l Lease) Epoch() uint32 {
	number, _, _ := strings.Cut(l.Token, ".")
	epoch, err := strconv.ParseUint(number, 10, 32)
	if err != nil {
		return 0
	}
	return uint32(epoch)
}

// Same reports whether two states of a job belong to the same lease, even if it was renewed in between.
func (l Lease) Same(other Lease) bool { return l.Token == other.Token }

// EndedLease is the call that ended a job's last lease.
type EndedLease struct {
	Token string
	Call  []byte // a hash of the call's content
}

// EndedBy reports whether the same call has ended the job's last lease: the caller did not get the response, and
// repeats the call.
func (j *Job) EndedBy(token string, call []byte) bool {
	return token != "" && len(call) > 0 && subtle.ConstantTimeCompare([]byte(token), []byte(j.Ended.Token)) == 1 &&
		bytes.Equal(call, j.Ended.Call)
}

// Grant leases a ready job to a worker until now + duration, and begins an attempt. The lease token ends with the random text.
// If an earlier attempt has saved a checkpoint, its progress is kept. Otherwise, the steps restart. confirms reports
// whether the worker calls before it starts a job.
func (j *Job) Grant(now time.Time, random, worker string, duration time.Duration, confirms bool) {
	now = Instant(now)
	j.Status = Active
	j.Attempt++
	j.QueuePosition = 0
	if j.StartedAt.IsZero() {
		j.StartedAt = now
	}
	j.Lease = Lease{Worker: worker, Duration: duration, ExpiresAt: now.Add(duration)}
	if confirms {
		j.Lease.Heard = UnheardConfirmer
	}
	if j.HasCheckpoint {
		j.Progress.rest()
	} else {
		j.Progress.restart()
	}
	j.Progress.Estimate = Estimate{At: now, MovedAt: now, Fraction: j.Progress.fraction()}
	j.touch(now)
	j.UpdatedAt = now                                                         // workers subtract it from the end of the lease
	j.Lease.Token = strconv.FormatUint(uint64(j.Revision), 10) + "." + random // the revision never decreases
}

// Fence returns ErrLeaseLost unless token belongs to the job's current lease. It is the only place that compares
// tokens. A lease ends when the job is taken from the worker (Elapse, a new lease), not by the clock alone.
func (j *Job) Fence(token string) error {
	if j.Status != Active || token == "" || subtle.ConstantTimeCompare([]byte(token), []byte(j.Lease.Token)) != 1 {
		return ErrLeaseLost
	}
	return nil
}

// Renew makes the lease last until now + its duration. It also marks the job as stalled if nothing has moved for a while.
// visible reports whether that changed the snapshot. Renew leaves the revision to Touch.
func (j *Job) Renew(now time.Time, token string, stalledAfter time.Duration) (visible bool, err error) {
	if err := j.Fence(token); err != nil {
		return false, err
	}
	now = Instant(now)
	j.Lease.ExpiresAt = now.Add(j.Lease.Duration)
	j.Lease.Heard = HeardOf
	return j.Progress.observe(now, false, stalledAfter), nil
}

// ExtendLease makes the lease last until now + its duration, although the worker did not renew it, because the service
// was unavailable or its clock was changed. The job does not count as stalled because of that.
func (j *Job) ExtendLease(now time.Time) {
	now = Instant(now)
	j.Lease.ExpiresAt = now.Add(j.Lease.Duration)
	j.Progress.Estimate.At, j.Progress.Estimate.MovedAt = now, now
}

// Advance copies changes that the worker of the same lease has made to another copy of the job: progress, checkpoint,
// and the lease's new end. It leaves the revision to Touch.
func (j *Job) Advance(sent *Job) error {
	if err := j.Fence(sent.Lease.Token); err != nil {
		return err
	}
	j.Progress = sent.Progress
	j.Lease.ExpiresAt, j.Lease.Heard = sent.Lease.ExpiresAt, sent.Lease.Heard
	if sent.Checkpoint != nil {
		j.SaveCheckpoint(sent.Checkpoint)
	}
	return nil
}

// neverStarted reports whether the worker probably never received the job, so that the attempt does not count. A job
// that must not run twice is leased again only if the worker would have called before it started.
func (j *Job) neverStarted() bool {
	return j.Unheard < maxUnheard && (j.Lease.Heard == UnheardConfirmer || j.Lease.Heard == Unheard && j.MaxAttempts > 1)
}

// expire takes the job from a worker that has stopped sending heartbeats. The job is ready immediately, without a
// backoff.
func (j *Job) expire(now time.Time) {
	if j.CancelRequested {
		j.cancel(now)
		return
	}
	if j.neverStarted() {
		j.Error = &Failure{Reason: ReasonLeaseExpired, Message: "The worker did not confirm that it received the job.", Attempt: j.Attempt}
		unheard := j.Unheard + 1
		j.Attempt--
		j.requeue(now)
		j.Unheard = unheard
		return
	}
	j.Error = &Failure{Reason: ReasonLeaseExpired, Message: "The worker stopped responding.", Attempt: j.Attempt}
	if j.Attempt >= j.MaxAttempts {
		j.Progress.closeSteps(now, StepFailed, false)
		j.end(now, Failed)
		return
	}
	j.requeue(now)
}
