package edge_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	errorsv1 "headway/gen/go/headway/errors/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/auth"
	"headway/internal/proctest"
	"headway/internal/rpcerr"
	"headway/internal/rpcserver"
)

// upstream serves a gRPC service on a port that stays the same over restarts.
type upstream struct {
	t        *testing.T
	verifier auth.Verifier
	addr     string
	register func(*grpc.Server)
	stop     func()
	server   *rpcserver.Server
}

func startUpstream(t *testing.T, key *auth.Key, register func(*grpc.Server)) *upstream {
	t.Helper()
	u := &upstream{t: t, verifier: key, addr: proctest.FreeAddress(t), register: register}
	u.start()
	t.Cleanup(func() { u.stop() })
	return u
}

func (u *upstream) start() {
	u.t.Helper()
	lis, err := net.Listen("tcp", u.addr)
	if err != nil {
		u.t.Fatal(err)
	}
	server, err := rpcserver.New(rpcserver.Config{Service: "fake", Verifier: u.verifier, Logger: quiet, DrainTimeout: 100 * time.Millisecond})
	if err != nil {
		u.t.Fatal(err)
	}
	u.register(server.GRPC)
	u.server = server
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, lis) }()
	u.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			u.t.Errorf("upstream: %v", err)
		}
	})
}

// jobsFake is a jobs service in memory, with the semantics of the contract. It doesn't run jobs: a test sets each
// state.
type jobsFake struct {
	jobsv1.UnimplementedJobServiceServer
	mu       sync.Mutex
	jobs     map[string]*jobsv1.Job
	output   map[string][]byte
	changed  chan struct{}
	watches  int
	requests []string
	frozen   bool
	held     chan struct{}
	waiting  int
	// reading counts the open streams of output.
	reading int
	// read is the end of the output that was requested last.
	read int64
}

func newJobsFake() *jobsFake {
	return &jobsFake{jobs: map[string]*jobsv1.Job{}, output: map[string][]byte{}, changed: make(chan struct{})}
}

// put sets a job's state, and increases the revision.
func (f *jobsFake) put(id, kind, owner string, change func(*jobsv1.Job)) *jobsv1.Job {
	f.mu.Lock()
	defer f.mu.Unlock()
	j := &jobsv1.Job{JobId: id, Kind: kind, Owner: owner, Status: jobsv1.JobStatus_JOB_STATUS_ACTIVE, Attempt: 1,
		CreatedAt: timestamppb.Now(), StartedAt: timestamppb.Now(), Progress: &jobsv1.Progress{}}
	if old := f.jobs[id]; old != nil {
		j = proto.CloneOf(old)
	}
	j.Revision++
	j.UpdatedAt = timestamppb.Now()
	if change != nil {
		change(j)
	}
	if ended(j) && j.GetCompletedAt() == nil {
		j.CompletedAt = timestamppb.Now()
	}
	f.jobs[id] = j
	f.signal()
	return j
}

func (f *jobsFake) remove(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.jobs, id)
	f.signal()
}

func (f *jobsFake) write(id string, data []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.output[id] = append(f.output[id], data...)
	j := proto.CloneOf(f.jobs[id])
	j.Revision++
	j.OutputBytes = int64(len(f.output[id]))
	f.jobs[id] = j
	f.signal()
}

// freeze stops sending changes to watchers. They can only be read.
func (f *jobsFake) freeze() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.frozen = true
}

// holdWatches breaks the streams of jobs, and blocks new ones before their first message.
func (f *jobsFake) holdWatches(hold bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if hold {
		f.held, f.waiting = make(chan struct{}), 0
	} else {
		close(f.held)
		f.held = nil
	}
	f.signal()
}

func (f *jobsFake) signal() {
	if f.frozen {
		return
	}
	close(f.changed)
	f.changed = make(chan struct{})
}

// watchersBlocked reports whether a watcher is waiting for its first message.
func (f *jobsFake) watchersBlocked() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.waiting > 0
}

func (f *jobsFake) watching() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.watches
}

func ended(j *jobsv1.Job) bool { return j.GetStatus() >= jobsv1.JobStatus_JOB_STATUS_COMPLETED }

func notFound() error {
	return rpcerr.New(codes.NotFound, errorsv1.ErrorReason_ERROR_REASON_JOB_NOT_FOUND, "No such job.")
}

func (f *jobsFake) find(ctx context.Context, id string) (*jobsv1.Job, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = append(f.requests, rpcserver.RequestID(ctx))
	who, _ := auth.FromContext(ctx)
	if j := f.jobs[id]; j != nil && who.MaySee(j.GetOwner()) {
		return j, nil
	}
	return nil, notFound()
}

func (f *jobsFake) GetJob(ctx context.Context, r *jobsv1.GetJobRequest) (*jobsv1.GetJobResponse, error) {
	j, err := f.find(ctx, r.GetJobId())
	return &jobsv1.GetJobResponse{Job: j}, err
}

func (f *jobsFake) CreateJob(ctx context.Context, r *jobsv1.CreateJobRequest) (*jobsv1.CreateJobResponse, error) {
	who, _ := auth.FromContext(ctx)
	j := f.put(fmt.Sprintf("created-%d", time.Now().UnixNano()), r.GetKind(), who.Subject, func(j *jobsv1.Job) {
		j.Status, j.Title, j.Payload = jobsv1.JobStatus_JOB_STATUS_QUEUED, r.GetTitle(), r.GetPayload()
	})
	return &jobsv1.CreateJobResponse{Job: j}, nil
}

func (f *jobsFake) ListJobs(ctx context.Context, r *jobsv1.ListJobsRequest) (*jobsv1.ListJobsResponse, error) {
	who, _ := auth.FromContext(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	resp := &jobsv1.ListJobsResponse{}
	for _, j := range f.jobs {
		if j.GetOwner() == who.Subject && (len(r.GetStatuses()) == 0 || slices.Contains(r.GetStatuses(), j.GetStatus())) {
			resp.Jobs = append(resp.Jobs, j)
		}
	}
	return resp, nil
}

func (f *jobsFake) CancelJob(ctx context.Context, r *jobsv1.CancelJobRequest) (*jobsv1.CancelJobResponse, error) {
	j, err := f.find(ctx, r.GetJobId())
	if err != nil {
		return nil, err
	}
	if ended(j) {
		return nil, rpcerr.New(codes.FailedPrecondition, errorsv1.ErrorReason_ERROR_REASON_JOB_FINISHED, "It has ended.")
	}
	return &jobsv1.CancelJobResponse{Job: f.put(j.GetJobId(), "", "", func(j *jobsv1.Job) { j.CancelRequested = true })}, nil
}

func (f *jobsFake) WatchJobs(r *jobsv1.WatchJobsRequest, stream grpc.ServerStreamingServer[jobsv1.WatchJobsResponse]) error {
	who, _ := auth.FromContext(stream.Context())
	if r.GetAllOwners() && !who.SeesAll() {
		return rpcerr.New(codes.PermissionDenied, errorsv1.ErrorReason_ERROR_REASON_SCOPE_MISSING, "Not yours.")
	}
	f.mu.Lock()
	f.watches++
	f.mu.Unlock()
	defer func() { f.mu.Lock(); f.watches--; f.mu.Unlock() }()
	sent, synced := map[string]uint32{}, false
	for {
		f.mu.Lock()
		if held := f.held; held != nil {
			if !synced {
				f.waiting++
			}
			f.mu.Unlock()
			if synced {
				return rpcerr.New(codes.Unavailable, errorsv1.ErrorReason_ERROR_REASON_SHUTTING_DOWN, "Held.")
			}
			select {
			case <-held:
				continue
			case <-stream.Context().Done():
				return stream.Context().Err()
			}
		}
		msg := &jobsv1.WatchJobsResponse{Synced: !synced}
		for id, j := range f.jobs {
			if !r.GetAllOwners() && j.GetOwner() != who.Subject || j.GetRevision() <= sent[id] {
				continue
			}
			old := !synced && ended(j) && (r.GetEndedAfter() == nil || j.GetCompletedAt().AsTime().Before(r.GetEndedAfter().AsTime()))
			sent[id] = j.GetRevision()
			if !old {
				msg.Jobs = append(msg.Jobs, j)
			}
		}
		for id := range sent {
			if f.jobs[id] == nil {
				delete(sent, id)
				msg.DeletedJobIds = append(msg.DeletedJobIds, id)
			}
		}
		changed := f.changed
		f.mu.Unlock()
		if len(msg.GetJobs())+len(msg.GetDeletedJobIds()) > 0 || msg.GetSynced() {
			if err := stream.Send(msg); err != nil {
				return err
			}
		}
		synced = true
		select {
		case <-changed:
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
	}
}

func (f *jobsFake) ReadOutput(r *jobsv1.ReadOutputRequest, stream grpc.ServerStreamingServer[jobsv1.ReadOutputResponse]) error {
	if _, err := f.find(stream.Context(), r.GetJobId()); err != nil {
		return err
	}
	f.state(func() { f.reading++ })
	defer f.state(func() { f.reading-- })
	for offset := r.GetOffset(); ; {
		f.mu.Lock()
		if offset > int64(len(f.output[r.GetJobId()])) {
			f.mu.Unlock()
			return rpcerr.New(codes.OutOfRange, errorsv1.ErrorReason_ERROR_REASON_OUTPUT_GAP, "The output is shorter.")
		}
		data, end, changed := f.output[r.GetJobId()], ended(f.jobs[r.GetJobId()]), f.changed
		f.mu.Unlock()
		if n := int64(len(data)); offset < n {
			piece := data[offset:min(n, offset+64<<10)]
			if most := int64(r.GetMaxBytes()); most > 0 {
				piece = data[offset:min(n, r.GetOffset()+most)]
			}
			if err := stream.Send(&jobsv1.ReadOutputResponse{Offset: offset, Data: piece}); err != nil {
				return err
			}
			offset += int64(len(piece))
			f.state(func() { f.read = offset })
			if most := int64(r.GetMaxBytes()); most > 0 && offset == r.GetOffset()+most {
				return nil
			}
			continue
		}
		if end || r.GetStopAtEnd() {
			return nil
		}
		select {
		case <-changed:
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
	}
}

func (f *jobsFake) state(read func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	read()
}

func result(t *testing.T, fields map[string]any) *structpb.Struct {
	t.Helper()
	s, err := structpb.NewStruct(fields)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
