package headway

import (
	"context"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// margin returns the time before its end when a lease counts as lost, so that the handler has stopped when another
// worker gets the job.
func (r *run) margin() time.Duration { return min(r.length/10, time.Second) }

// watchLease calls lost when the lease has ended without an answer to a heartbeat, even if a call still waits for its answer: a
// connection can be dead without an error. It returns when ctx is done.
func (r *run) watchLease(ctx context.Context, lost func()) {
	timer := time.NewTimer(time.Until(r.leaseEnd()))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		left := time.Until(r.leaseEnd())
		if left <= 0 {
			lost()
			return
		}
		timer.Reset(left)
	}
}

// keepLease sends heartbeats until ctx is done: as often as the lease requires, and more often while there is progress.
func (r *run) keepLease(ctx context.Context, lost, cancelled func()) {
	last := time.Now() // the lease itself
	retry := newPause(time.Second)
	for {
		if !r.waitForBeat(ctx, last) {
			return
		}
		asked := time.Now()
		cancel, err := r.heartbeat(ctx)
		switch {
		case err == nil:
			retry = newPause(retry.most)
			last = asked
			if cancel {
				cancelled()
			}
		case ctx.Err() != nil:
			return
		case Reason(err) == reasonLeaseLost:
			lost()
			return
		default:
			retry.wait(ctx)
			r.worker.conn.ResetConnectBackoff()
			last = time.Time{} // immediately
		}
	}
}

// waitForBeat waits until a heartbeat is due. It returns false if ctx is done before.
func (r *run) waitForBeat(ctx context.Context, last time.Time) bool {
	timer := time.NewTimer(time.Until(last.Add(r.beat)))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	case <-r.task.changed:
	}
	// There is progress to send, but it must not be sent too often.
	r.mu.Lock()
	due := last.Add(min(r.report, r.beat))
	r.mu.Unlock()
	timer.Reset(time.Until(due))
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// heartbeat renews the lease and sends the changes since the last one.
func (r *run) heartbeat(ctx context.Context) (cancelRequested bool, err error) {
	n := r.changes()
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	asked := time.Now()
	resp, err := r.worker.heartbeats.send(ctx, &jobsv1.HeartbeatRequest{JobId: r.id, LeaseToken: r.token, Plan: n.plan,
		Progress: n.progress, Checkpoint: n.checkpoint})
	if tooLarge(err) {
		r.worker.cfg.Logger.ErrorContext(ctx, "the progress is too large to be sent", "job_id", r.id, "error", err)
		resp, err = r.worker.heartbeats.send(ctx, &jobsv1.HeartbeatRequest{JobId: r.id, LeaseToken: r.token}) // the lease is more important
	}
	if status.Code(err) == codes.InvalidArgument {
		// Earlier versions of the service refuse progress this way, but still renew the lease.
		r.worker.cfg.Logger.ErrorContext(ctx, "progress refused", "job_id", r.id, "error", err)
		r.renewed(asked, 0)
		return false, nil
	}
	if err != nil {
		r.task.unread(n)
		r.task.resend()
		r.mu.Lock()
		defer r.mu.Unlock()
		r.unanswered = news{}
		return false, err
	}
	for _, refused := range resp.GetRefused() {
		r.worker.cfg.Logger.WarnContext(ctx, "parts of the progress were rejected or truncated", "job_id", r.id, "field", refused.GetField(),
			"reason", refused.GetReason(), "message", refused.GetMessage())
	}
	r.renewed(asked, seconds(resp.GetReportSeconds()))
	return resp.GetCancelRequested(), nil
}

// changes takes the changes for a heartbeat. There are none if the call that ends the job sends them.
func (r *run) changes() news {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ending {
		return news{}
	}
	r.unanswered = r.task.take()
	return r.unanswered
}

// renewed records that the lease was renewed, at the time asked or later, by an answered heartbeat.
func (r *run) renewed(asked time.Time, report time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unanswered = news{}
	r.until = asked.Add(r.length - r.margin())
	if report > 0 {
		r.report = report
	}
}

func (r *run) leaseEnd() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.until
}
