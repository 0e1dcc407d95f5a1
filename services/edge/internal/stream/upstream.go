package stream

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
)

const (
	firstBackoff = 50 * time.Millisecond
	maxBackoff   = 2 * time.Second
	// overlap is how far before a loss the jobs that ended are asked for again: clocks differ.
	overlap = time.Minute
)

// backoff waits between attempts, longer every time, with jitter, so that many edges do not come back in one moment.
type backoff struct{ last time.Duration }

func (b *backoff) reset() { b.last = 0 }

func (b *backoff) wait(ctx context.Context) {
	b.last = min(max(2*b.last, firstBackoff), maxBackoff)
	select {
	case <-ctx.Done():
	case <-time.After(b.last/2 + rand.N(b.last)):
	}
}

// watchJobs keeps the one stream of everyone's jobs, and resumes it when it is lost, until ctx ends.
func (h *Hub) watchJobs(ctx context.Context) {
	var (
		wait     backoff
		endedAt  *timestamppb.Timestamp
		wasKnown bool
	)
	for ctx.Err() == nil {
		h.mu.Lock()
		h.generation++
		generation := h.generation
		h.mu.Unlock()
		begun := time.Now()
		synced, err := h.receiveJobs(ctx, generation, endedAt)
		if ctx.Err() != nil {
			return
		}
		if synced {
			wait.reset()
			// Whoever ended since the loss is told of again, and so is everything before that this stream may not have
			// come to.
			endedAt = timestamppb.New(time.Now().Add(-overlap))
		} else if endedAt == nil {
			endedAt = timestamppb.New(begun.Add(-overlap))
		}
		h.metrics.upstreamLosses.Inc()
		if synced || !wasKnown {
			h.cfg.Logger.Info("lost the stream of jobs; resuming it", "error", err)
		}
		wasKnown = true
		wait.wait(ctx)
	}
}

// receiveJobs reads one stream of everyone's jobs to its end; synced tells whether it got as far as the present.
func (h *Hub) receiveJobs(ctx context.Context, generation int, endedAfter *timestamppb.Timestamp) (synced bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := h.cfg.Jobs.WatchJobs(ctx, &jobsv1.WatchJobsRequest{AllOwners: true, EndedAfter: endedAfter},
		h.cfg.AsService, grpc.WaitForReady(true))
	if err != nil {
		return false, err
	}
	for {
		msg, err := stream.Recv()
		if err != nil {
			return synced, err
		}
		for _, job := range msg.GetJobs() {
			h.publishJob(job, generation)
		}
		for _, id := range msg.GetDeletedJobIds() {
			h.deleteJob(id)
		}
		if msg.GetSynced() && !synced {
			synced = true
			h.reconcile()
			if !h.Synced() {
				close(h.synced)
			}
		}
	}
}

// reconcile asks after the live jobs that a fresh stream did not tell of: they were deleted in the meantime.
func (h *Hub) reconcile() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, t := range h.jobs {
		if t.known && !t.terminal && t.generation != h.generation {
			h.conns.Go(func() { h.checkGone(t.id) })
		}
	}
}

func (h *Hub) checkGone(id string) {
	ctx, cancel := context.WithTimeout(h.ctx, fetchTimeout)
	defer cancel()
	resp, err := h.cfg.Jobs.GetJob(ctx, &jobsv1.GetJobRequest{JobId: id}, h.cfg.AsService, grpc.WaitForReady(true))
	switch {
	case err == nil:
		h.publishJob(resp.GetJob(), 0)
	case status.Code(err) == codes.NotFound:
		h.deleteJob(id)
	}
}

// watchImport keeps the stream of one watched import until it ends, or nobody watches.
func (h *Hub) watchImport(ctx context.Context, t *topic) {
	var wait backoff
	begun := time.Now()
	for ctx.Err() == nil {
		received, err := h.receiveImport(ctx, t)
		h.mu.Lock()
		known, terminal := t.known, t.terminal
		h.mu.Unlock()
		switch {
		case ctx.Err() != nil:
			h.fetched(t, errUnavailable(ctx.Err()))
			return
		case terminal:
			return
		case permanent(err):
			h.fetched(t, err)
			if known && status.Code(err) == codes.NotFound {
				h.mu.Lock()
				h.endDeleted(t)
				h.mu.Unlock()
				return
			}
			if !known {
				return
			}
		case !known && time.Since(begun) > fetchTimeout:
			h.fetched(t, err)
			return
		}
		if received {
			wait.reset()
		}
		h.metrics.upstreamLosses.Inc()
		wait.wait(ctx)
	}
	h.fetched(t, errUnavailable(ctx.Err()))
}

// permanent errors stay the same when the call is made again.
func permanent(err error) bool {
	switch status.Code(err) {
	case codes.NotFound, codes.InvalidArgument, codes.PermissionDenied, codes.Unimplemented, codes.FailedPrecondition:
		return true
	}
	return false
}

func (h *Hub) receiveImport(ctx context.Context, t *topic) (received bool, err error) {
	h.mu.Lock()
	after := t.revision
	h.mu.Unlock()
	stream, err := h.cfg.Imports.WatchImport(ctx, &importsv1.WatchImportRequest{ImportId: t.id, AfterRevision: after}, h.cfg.AsService)
	if err != nil {
		return false, err
	}
	for {
		msg, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return received, nil
		}
		if err != nil {
			return received, err
		}
		received = true
		h.publishImport(t, msg.GetImport())
		h.fetched(t, nil)
	}
}
