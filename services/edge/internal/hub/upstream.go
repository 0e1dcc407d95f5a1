package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/backoff"
)

// Upstream provides jobs and imports.
type Upstream interface {
	// Jobs sends the states of jobs until ctx is done or the connection is lost: of all users, or of the user whose token is in
	// ctx. It begins with all unfinished jobs, and, unless the time is zero, with those that ended after it. synced
	// marks the end of these.
	Jobs(ctx context.Context, everyone bool, endedAfter time.Time, news func(changed []*Snapshot, deleted []string, synced bool)) error
	// Import sends an import's states above a revision. After the terminal state, it returns nil.
	Import(ctx context.Context, id string, after uint32, news func(*Snapshot)) error
	// Read returns the current state.
	Read(ctx context.Context, t Topic) (*Snapshot, error)
}

// Services is the Upstream over gRPC.
type Services struct {
	Jobs, Imports grpc.ClientConnInterface
	// AsService makes calls with the edge's own token. All other calls use the token in their context.
	AsService grpc.CallOption
}

// Upstream returns the services as an Upstream.
func (s *Services) Upstream() Upstream { return upstream{s} }

type upstream struct{ *Services }

var streaming = &grpc.StreamDesc{ServerStreams: true}

// open calls a streaming method.
func open(ctx context.Context, conn grpc.ClientConnInterface, method string, request proto.Message, options ...grpc.CallOption) (grpc.ClientStream, error) {
	stream, err := conn.NewStream(ctx, streaming, method, append(options, grpc.ForceCodecV2(wireCodec{}))...)
	if err != nil {
		return nil, err
	}
	if err := stream.SendMsg(request); err != nil && !errors.Is(err, io.EOF) { // io.EOF: RecvMsg has the reason
		return nil, err
	}
	return stream, stream.CloseSend()
}

// Jobs implements Upstream.
func (u upstream) Jobs(ctx context.Context, everyone bool, endedAfter time.Time, news func([]*Snapshot, []string, bool)) error {
	request := &jobsv1.WatchJobsRequest{AllOwners: everyone}
	if !endedAfter.IsZero() {
		request.EndedAfter = timestamppb.New(endedAfter)
	}
	options := []grpc.CallOption{grpc.WaitForReady(true)}
	if everyone {
		options = append(options, u.AsService)
	}
	stream, err := open(ctx, u.Services.Jobs, jobsv1.JobService_WatchJobs_FullMethodName, request, options...)
	if err != nil {
		return err
	}
	for {
		var msg wire
		if err := stream.RecvMsg(&msg); err != nil {
			return err
		}
		var (
			changed []*Snapshot
			deleted []string
			synced  bool
		)
		err := fields(msg, func(n protowire.Number, _ []byte, number uint64, bytes []byte) error {
			switch n {
			case watchedJobs:
				job, err := readJob(bytes)
				if err != nil {
					return err
				}
				changed = append(changed, job)
			case watchedDeleted:
				deleted = append(deleted, string(bytes))
			case watchedSynced:
				synced = number != 0
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("read the jobs: %w", err)
		}
		news(changed, deleted, synced)
	}
}

// Import implements Upstream.
func (u upstream) Import(ctx context.Context, id string, after uint32, news func(*Snapshot)) error {
	stream, err := open(ctx, u.Imports, importsv1.ImportService_WatchImport_FullMethodName,
		&importsv1.WatchImportRequest{ImportId: id, AfterRevision: after}, u.AsService)
	if err != nil {
		return err
	}
	for {
		var msg wire
		err := stream.RecvMsg(&msg)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		state, err := importOf(msg)
		if err != nil {
			return err
		}
		news(state)
	}
}

// Read implements Upstream.
func (u upstream) Read(ctx context.Context, t Topic) (*Snapshot, error) {
	conn, method := u.Services.Jobs, jobsv1.JobService_GetJob_FullMethodName
	var request proto.Message = &jobsv1.GetJobRequest{JobId: t.ID}
	if t.Import {
		conn, method, request = u.Imports, importsv1.ImportService_GetImport_FullMethodName, &importsv1.GetImportRequest{ImportId: t.ID}
	}
	var msg wire
	if err := conn.Invoke(ctx, method, request, &msg, u.AsService, grpc.WaitForReady(true), grpc.ForceCodecV2(wireCodec{})); err != nil {
		return nil, err
	}
	if t.Import {
		return importOf(msg)
	}
	job, err := readField(msg, 1) // GetJobResponse.job
	if err != nil {
		return nil, fmt.Errorf("read a job: %w", err)
	}
	return readJob(job)
}

// importOf reads a response whose first field is an import: GetImportResponse or WatchImportResponse.
func importOf(msg wire) (*Snapshot, error) {
	raw, err := readField(msg, 1)
	if err != nil {
		return nil, fmt.Errorf("read an import: %w", err)
	}
	return readImport(raw)
}

const (
	firstWait = 50 * time.Millisecond
	maxWait   = 2 * time.Second
	// overlap extends the request for ended jobs to the time before the connection was lost, because clocks differ.
	overlap = time.Minute
)

// watchJobs keeps the one upstream of all users' jobs, and resumes it after a lost connection, until ctx is done.
func (h *Hub) watchJobs(ctx context.Context) {
	var (
		wait     = backoff.New(firstWait, maxWait)
		endedAt  time.Time
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
			wait.Reset()
			// Jobs that ended since the connection was lost are sent again, and earlier ones that this upstream did not
			// send.
			endedAt = time.Now().Add(-overlap)
		} else if endedAt.IsZero() {
			endedAt = begun.Add(-overlap)
		}
		h.metrics.upstreamLosses.Inc()
		if synced || !wasKnown {
			h.cfg.Logger.Info("lost the stream of jobs, resuming it", "error", err)
		}
		wasKnown = true
		wait.Wait(ctx)
	}
}

// receiveJobs reads one upstream of all users' jobs to its end. synced reports whether it received the whole current state.
func (h *Hub) receiveJobs(ctx context.Context, generation int, endedAfter time.Time) (synced bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	err = h.cfg.Upstream.Jobs(ctx, true, endedAfter, func(changed []*Snapshot, deleted []string, done bool) {
		for _, job := range changed {
			h.publishJob(job, generation)
		}
		for _, id := range deleted {
			h.deleteJob(id)
		}
		if done && !synced {
			synced = true
			h.reconcile()
			if !h.Synced() {
				close(h.synced)
			}
		}
	})
	return synced, err
}

// reconcile requests the live jobs that a new upstream did not send. They were deleted in the meantime.
func (h *Hub) reconcile() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, f := range h.jobs {
		if f.latest != nil && !f.latest.Terminal && f.generation != h.generation && !h.closed {
			h.tasks.Go(func() { h.checkDeleted(f.Topic) })
		}
	}
}

func (h *Hub) checkDeleted(t Topic) {
	select {
	case h.fetches <- struct{}{}:
		defer func() { <-h.fetches }()
	case <-h.ctx.Done():
		return
	}
	ctx, cancel := context.WithTimeout(h.ctx, fetchTimeout)
	defer cancel()
	s, err := h.cfg.Upstream.Read(ctx, t)
	switch {
	case err == nil:
		h.publishJob(s, 0)
	case status.Code(err) == codes.NotFound:
		h.deleteJob(t.ID)
	}
}

// watchImport keeps the upstream of one import until the import ends, or no client watches it.
func (h *Hub) watchImport(ctx context.Context, f *feed) {
	wait := backoff.New(firstWait, maxWait)
	begun := time.Now()
	for ctx.Err() == nil {
		received, err := h.receiveImport(ctx, f)
		h.mu.Lock()
		latest := f.latest
		h.mu.Unlock()
		switch {
		case ctx.Err() != nil:
			h.fetched(f, status.FromContextError(ctx.Err()).Err())
			return
		case latest != nil && latest.Terminal:
			h.mu.Lock()
			if h.imports[f.ID] == f { // a retried import begins again
				delete(h.imports, f.ID)
			}
			h.mu.Unlock()
			return
		case Permanent(err):
			h.fetched(f, err)
			if latest != nil && status.Code(err) == codes.NotFound {
				h.mu.Lock()
				h.endDeleted(f)
				h.mu.Unlock()
				return
			}
			if latest == nil {
				return
			}
		case latest == nil && time.Since(begun) > fetchTimeout:
			h.fetched(f, err)
			return
		}
		if received {
			wait.Reset()
		}
		h.metrics.upstreamLosses.Inc()
		wait.Wait(ctx)
	}
	h.fetched(f, status.FromContextError(ctx.Err()).Err())
}

// Permanent reports whether a repeated call would fail with the same error.
func Permanent(err error) bool {
	switch status.Code(err) {
	case codes.NotFound, codes.InvalidArgument, codes.PermissionDenied, codes.Unimplemented, codes.FailedPrecondition:
		return true
	}
	return false
}

func (h *Hub) receiveImport(ctx context.Context, f *feed) (received bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	h.mu.Lock()
	after := uint32(0)
	if f.latest != nil {
		after = f.latest.Revision
	}
	h.mu.Unlock()
	err = h.cfg.Upstream.Import(ctx, f.ID, after, func(s *Snapshot) {
		received = true
		s.ID = f.ID
		h.publishImport(f, s)
	})
	return received, err
}
