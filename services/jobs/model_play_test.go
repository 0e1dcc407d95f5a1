package jobs

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"headway/services/jobs/internal/dispatch"
	"headway/services/jobs/internal/heartbeat"
	"headway/services/jobs/internal/job"
	"headway/services/jobs/internal/lifecycle"
	"headway/services/jobs/internal/outputlog"
)

// play is one run of random operations on the service and on the model.
type play struct {
	t      *testing.T
	random *rand.Rand
	start  func() (*service, func())
	d      *service
	stop   func()
	m      model

	created int
}

// pick returns a random job of the model, or nil.
func (p *play) pick(status ...job.Status) *modelJob {
	var fit []*modelJob
	for _, j := range p.m.jobs {
		if len(status) == 0 || slices.Contains(status, j.status) {
			fit = append(fit, j)
		}
	}
	if len(fit) == 0 {
		return nil
	}
	return fit[p.random.IntN(len(fit))]
}

func (p *play) operate() {
	switch n := p.random.IntN(100); {
	case n < 16:
		p.create()
	case n < 34:
		p.lease()
	case n < 46:
		p.heartbeat()
	case n < 56:
		p.append()
	case n < 60:
		p.read()
	case n < 66:
		p.complete()
	case n < 74:
		p.fail()
	case n < 78:
		p.release()
	case n < 82:
		p.park()
	case n < 86:
		p.resume()
	case n < 91:
		p.cancel()
	case n < 94:
		p.retry()
	case n < 96:
		p.stale()
	case n < 97:
		p.delete()
	default:
		p.restart()
	}
}

func (p *play) create() {
	spec := job.Spec{Kind: "crawl", Owner: []string{"alice", "bob"}[p.random.IntN(2)], Priority: int32(p.random.IntN(3)),
		MaxAttempts: 1 + uint32(p.random.IntN(3)), Backoff: 2 * time.Second, MaxBackoff: 3 * time.Second}
	now := time.Now()
	if p.random.IntN(4) == 0 {
		spec.NotBefore = now.Add(time.Duration(p.random.IntN(8))*step + step/2)
	}
	if p.random.IntN(4) == 0 {
		spec.Deadline = now.Add(time.Duration(p.random.IntN(60))*step + step/2)
	}
	spec.RequestID = fmt.Sprint("request-", p.created)
	p.created++
	if again := p.pick(); again != nil && p.random.IntN(6) == 0 {
		p.createAgain(again)
		return
	}
	j, replayed, err := p.d.Create(p.t.Context(), spec)
	if err != nil || replayed {
		p.t.Fatalf("create: %v, replayed %v", err, replayed)
	}
	p.m.jobs = append(p.m.jobs, &modelJob{id: j.ID, owner: spec.Owner, created: p.created, rank: j.CreatedAt.Add(-time.Duration(spec.Priority) * time.Minute).UnixMicro(),
		status: job.Queued, most: spec.MaxAttempts, notBefore: spec.NotBefore, deadline: spec.Deadline, revision: 1, spec: spec})
}

// createAgain repeats the request that created a job, and then sends another request with its request ID.
func (p *play) createAgain(j *modelJob) {
	if j.spec.Deadline.IsZero() || j.spec.Deadline.After(time.Now()) {
		again, replayed, err := p.d.Create(p.t.Context(), j.spec)
		if err != nil || !replayed || again.ID != j.id {
			p.t.Fatalf("the repeated request gives %s, %v, replayed %v; want %s", again.ID, err, replayed, j.id)
		}
	}
	other := j.spec
	other.Title, other.Deadline = "something else", time.Time{}
	_, _, err := p.d.Create(p.t.Context(), other)
	p.refused(err, job.ErrRequestIDReused)
}

func (p *play) lease() {
	n := 1 + p.random.IntN(2)
	want := p.m.leasable(n)
	got, err := p.d.Lease(p.t.Context(), dispatch.LeaseRequest{Kinds: []string{"crawl"}, Max: n})
	if err != nil || len(got) != want {
		p.t.Fatalf("leased %d jobs, %v; want %d", len(got), err, want)
	}
	for i := range got {
		first := p.m.readyOf(got[i].Owner)
		if len(first) == 0 || p.m.leasable(1) == 0 {
			p.t.Fatalf("leased %s, which is not ready", got[i].ID)
		}
		j := first[0]
		if got[i].ID != j.id || string(got[i].Checkpoint) != j.checkpoint {
			p.t.Fatalf("leased %s with checkpoint %q, want %s with %q", got[i].ID, got[i].Checkpoint, j.id, j.checkpoint)
		}
		j.status, j.token, j.expires = job.Active, got[i].Lease.Token, time.Now().Add(testConfig.LeaseDuration)
		j.attempt++
		j.heard = false
	}
	if n == 2 && len(got) == 2 && got[0].Owner == got[1].Owner {
		for _, other := range []string{"alice", "bob"} {
			if other != got[0].Owner && len(p.m.readyOf(other)) > 0 && p.m.activeOf(other) < testConfig.MaxActive {
				p.t.Fatalf("%s got two jobs, and %s, who waits, none", got[0].Owner, other)
			}
		}
	}
}

func (p *play) heartbeat() {
	j := p.pick(job.Active)
	if j == nil {
		return
	}
	h := heartbeat.Heartbeat{ID: j.id, Token: j.token, Plan: []job.PlannedStep{{Name: "a", Total: 100}, {Name: "b", Weight: 3, Total: 100}}}
	h.Report = &job.Report{Steps: []job.StepReport{
		{Name: "a", State: job.StepActive, Done: new(float64(p.random.IntN(101)))},
		{Name: "b", State: job.StepActive, Done: new(float64(p.random.IntN(101)))},
	}}
	j.percent = max(j.percent, (*h.Report.Steps[0].Done+3**h.Report.Steps[1].Done)/4)
	if p.random.IntN(3) == 0 {
		h.Checkpoint = fmt.Appendf(nil, "at %v", time.Now())
		j.checkpoint = string(h.Checkpoint)
	}
	j.expires = time.Now().Add(testConfig.LeaseDuration)
	j.heard = true
	beat, err := p.d.Beat(p.t.Context(), h)
	if err != nil || beat.CancelRequested != !j.cancelBy.IsZero() || !beat.LeaseExpiresAt.Equal(j.expires) {
		p.t.Fatalf("heartbeat: %+v, %v; want cancel %v", beat, err, !j.cancelBy.IsZero())
	}
	if p.align(); j.status != job.Active {
		return
	}
	if p.random.IntN(3) == 0 { // an impossible report is refused, and still renews the lease
		h.Report = &job.Report{Steps: []job.StepReport{{Name: "a", Done: new(101.0)}}}
		h.Plan = nil
		j.expires = time.Now().Add(testConfig.LeaseDuration)
		answer, err := p.d.Beat(p.t.Context(), h)
		if err != nil || len(answer.Refused) != 1 || !errors.As(answer.Refused[0].Err, new(*job.ProgressInvalidError)) {
			p.t.Fatalf("done above total gives %+v, %v", answer, err)
		}
		p.align()
	}
}

func (p *play) delete() {
	j := p.pick()
	if j == nil {
		return
	}
	err := p.d.Delete(p.t.Context(), j.id, everyone)
	if !j.status.Terminal() {
		p.refused(err, job.ErrNotFinished)
		return
	}
	p.must(job.Job{}, err)
	if _, err := p.d.Output.Read(p.t.Context(), j.id, 0, outputlog.NoLimit).Next(); !errors.Is(err, job.ErrNotFound) {
		p.t.Fatalf("reading the output of a deleted job gives %v", err)
	}
	p.m.jobs = slices.DeleteFunc(p.m.jobs, func(other *modelJob) bool { return other == j })
}

func (p *play) complete() {
	if j := p.pick(job.Active); j != nil {
		first := p.must(p.d.Complete(p.t.Context(), lifecycle.Completion{ID: j.id, Token: j.token}))
		if again := p.must(p.d.Complete(p.t.Context(), lifecycle.Completion{ID: j.id, Token: j.token})); again.Revision != first.Revision || again.Status != first.Status {
			p.t.Fatalf("a repeated call gives %v at revision %d, want %v at %d", again.Status, again.Revision, first.Status, first.Revision)
		}
		j.percent = 100
		j.end(job.Completed, "")
	}
}

func (p *play) fail() {
	j := p.pick(job.Active)
	if j == nil {
		return
	}
	f := job.Failing{Failure: job.Failure{Reason: []string{"", "SITE_DOWN"}[p.random.IntN(2)]}, Permanent: p.random.IntN(4) == 0}
	reason := cmp.Or(f.Reason, job.ReasonWorkerFailed)
	got := p.must(p.d.Fail(p.t.Context(), j.id, j.token, f))
	switch {
	case !j.cancelBy.IsZero():
		j.end(job.Cancelled, cmp.Or(f.Reason, job.ReasonCancelledByUser))
	case f.Permanent || j.attempt >= j.most:
		j.end(job.Failed, reason)
	default:
		wait := time.Until(got.NotBefore)
		longest := min(2*time.Second<<(j.attempt-1), 3*time.Second)
		if wait < longest/2-time.Microsecond || wait > longest {
			p.t.Errorf("after attempt %d the back-off is %v, want %v to %v", j.attempt, wait, longest/2, longest)
		}
		j.end(job.Queued, reason)
		j.notBefore = got.NotBefore
		// If jitter comes too close to an operation's time, the order is undefined.
		if off := got.NotBefore.UnixMilli() % step.Milliseconds(); off > 480 || off < 2 {
			p.cancelNow(j)
		}
	}
}

func (p *play) release() {
	if j := p.pick(job.Active); j != nil {
		p.must(p.d.Release(p.t.Context(), j.id, j.token, nil))
		if !j.cancelBy.IsZero() {
			j.end(job.Cancelled, job.ReasonCancelledByUser)
			return
		}
		j.attempt--
		j.leave(job.Queued)
	}
}

func (p *play) park() {
	if j := p.pick(job.Active); j != nil {
		p.must(p.d.Park(p.t.Context(), j.id, j.token, []byte(`{"sure":true}`), nil, nil))
		if !j.cancelBy.IsZero() {
			j.end(job.Cancelled, job.ReasonCancelledByUser)
			return
		}
		j.leave(job.Waiting)
	}
}

func everyone(*job.Job) error { return nil }

func (p *play) resume() {
	j := p.pick()
	if j == nil {
		return
	}
	_, err := p.d.Resume(p.t.Context(), j.id, 0, []byte(`{}`), everyone)
	if j.status != job.Waiting {
		p.refused(err, job.ErrNotWaiting)
		return
	}
	p.must(job.Job{}, err)
	j.attempt--
	j.leave(job.Queued)
}

func (p *play) cancel() {
	if j := p.pick(); j != nil {
		p.cancelNow(j)
	}
}

func (p *play) cancelNow(j *modelJob) {
	_, err := p.d.Cancel(p.t.Context(), j.id, job.Failure{}, everyone)
	switch j.status {
	case job.Completed, job.Failed:
		p.refused(err, job.ErrFinished)
		return
	case job.Cancelled: // a second request changes nothing
	case job.Active:
		if j.cancelBy.IsZero() {
			j.cancelBy = time.Now().Add(testConfig.CancelGrace)
			if j.unheard > 0 { // the error of a lease that used no attempt is not the reason of the cancellation
				j.reason = ""
			}
		}
	default:
		j.end(job.Cancelled, job.ReasonCancelledByUser)
	}
	p.must(job.Job{}, err)
}

func (p *play) retry() {
	j := p.pick()
	if j == nil {
		return
	}
	_, err := p.d.Retry(p.t.Context(), j.id, everyone)
	if j.status != job.Failed && j.status != job.Cancelled {
		p.refused(err, job.ErrNotRetryable)
		return
	}
	p.must(job.Job{}, err)
	j.most = max(j.most, j.attempt+1)
	if !j.deadline.After(time.Now()) {
		j.deadline = time.Time{}
	}
	j.leave(job.Queued)
}

// stale uses a token that is no longer valid, in every call.
func (p *play) stale() {
	j := p.pick()
	if j == nil {
		return
	}
	token := "never given"
	if len(j.old) > 0 {
		token = j.old[p.random.IntN(len(j.old))]
	}
	ctx := p.t.Context()
	_, heartbeat := p.d.Beat(ctx, heartbeat.Heartbeat{ID: j.id, Token: token, Report: &job.Report{Message: "still here"}})
	_, output := p.d.Output.Append(ctx, j.id, token, 0, []byte("x"))
	_, complete := p.d.Complete(ctx, lifecycle.Completion{ID: j.id, Token: token, Result: []byte(`{"stale":true}`)})
	_, fail := p.d.Fail(ctx, j.id, token, job.Failing{Failure: job.Failure{Reason: "STALE"}})
	_, release := p.d.Release(ctx, j.id, token, []byte("stale"))
	_, park := p.d.Park(ctx, j.id, token, []byte(`{"stale":true}`), nil, nil)
	for _, err := range []error{heartbeat, output, complete, fail, release, park} {
		p.refused(err, job.ErrLeaseLost)
	}
}

func (p *play) restart() {
	p.stop()
	time.Sleep(time.Duration(p.random.IntN(60)) * step) // unavailable, possibly for longer than a lease
	p.d, p.stop = p.start()
	now := time.Now()
	p.m.restart(now)
	synctest.Wait()
	p.m.elapse(now)
}

func (p *play) must(j job.Job, err error) job.Job {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
	return j
}

func (p *play) refused(err, want error) {
	p.t.Helper()
	if !errors.Is(err, want) {
		p.t.Fatalf("error %v, want %v", err, want)
	}
}

// compare checks every job against the model.
func (p *play) compare() {
	p.t.Helper()
	for i, want := range p.m.jobs {
		got, err := p.d.Get(p.t.Context(), want.id)
		if err != nil {
			p.t.Fatal(err)
		}
		reason := ""
		if got.Error != nil {
			reason = got.Error.Reason
		}
		if got.Status != want.status || got.Attempt != want.attempt || got.CancelRequested != !want.cancelBy.IsZero() ||
			got.Lease.Token != want.token || got.OutputBytes != int64(want.output) || reason != want.reason {
			p.t.Fatalf("job %d is %v, attempt %d, cancel %v, reason %q; want %v, %d, %v, %q", i, got.Status, got.Attempt,
				got.CancelRequested, reason, want.status, want.attempt, !want.cancelBy.IsZero(), want.reason)
		}
		if got.Revision < want.revision {
			p.t.Fatalf("job %d fell from revision %d to %d", i, want.revision, got.Revision)
		}
		want.revision = got.Revision
		if got.Progress.Percent > want.percent+1e-9 || got.Status != job.Active && got.Progress.Percent < want.percent-1e-9 {
			p.t.Fatalf("job %d (%v) has come to %v %%, want %v", i, got.Status, got.Progress.Percent, want.percent)
		}
	}
}
