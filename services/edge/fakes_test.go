package edge_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	errorsv1 "headway/gen/go/headway/errors/v1"
	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/auth"
	"headway/internal/rpcerr"
	"headway/internal/rpcserver"
)

// upstream serves a gRPC service on a port that stays the same over restarts.
type upstream struct {
	t        *testing.T
	key      *auth.Key
	addr     string
	register func(*grpc.Server)
	stop     func()
}

func startUpstream(t *testing.T, key *auth.Key, register func(*grpc.Server)) *upstream {
	t.Helper()
	u := &upstream{t: t, key: key, addr: "127.0.0.1:0", register: register}
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
	u.addr = lis.Addr().String()
	server, err := rpcserver.New(rpcserver.Config{Service: "fake", Verifier: u.key, Logger: quiet, DrainTimeout: 100 * time.Millisecond})
	if err != nil {
		u.t.Fatal(err)
	}
	u.register(server.GRPC)
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

// jobsFake is a jobs service in memory, with the contract's semantics and none of its work: a test sets each state.
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
}

func newJobsFake() *jobsFake {
	return &jobsFake{jobs: map[string]*jobsv1.Job{}, output: map[string][]byte{}, changed: make(chan struct{})}
}

// put sets a job's state; the revision grows by itself.
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

// watchersBlocked reports whether a watcher waits for its first message.
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
			if most := int64(r.GetMaxBytes()); most > 0 && offset == r.GetOffset()+most {
				return nil
			}
			continue
		}
		if end {
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

// importerFake takes workbooks that begin like a zip file, and shows the imports that a test sets.
type importerFake struct {
	importsv1.UnimplementedImportServiceServer
	mu      sync.Mutex
	changed chan struct{}
	imports map[string]*importsv1.Import
	// running and kept count unfinished and complete uploads. largest is the size of the largest chunk.
	running, kept, largest int
	// received counts the bytes of all workbooks.
	received int64
	options  *importsv1.UploadOptions
	sha      string
	watches  int
	// hold, if not nil, keeps uploads from being read on.
	hold chan struct{}
	// byRequest, if not nil, has the import of each request ID, as the importer does. loseAnswers is the number of
	// further responses that are lost after the import was created.
	byRequest   map[string]*importsv1.Import
	loseAnswers int
	// uploads counts calls.
	uploads int
	// hosts are the host names that the gateway forwarded with calls for files.
	hosts []string
}

func newImporterFake() *importerFake {
	return &importerFake{imports: map[string]*importsv1.Import{}, changed: make(chan struct{})}
}

func (f *importerFake) put(i *importsv1.Import) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.imports[i.GetImportId()] = i
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *importerFake) state(read func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	read()
}

func (f *importerFake) noteHost(ctx context.Context) {
	md, _ := metadata.FromIncomingContext(ctx)
	f.state(func() { f.hosts = append(f.hosts, md.Get("x-forwarded-host")...) })
}

func (f *importerFake) UploadWorkbook(stream grpc.ClientStreamingServer[importsv1.UploadWorkbookRequest, importsv1.UploadWorkbookResponse]) error {
	f.noteHost(stream.Context())
	f.state(func() { f.running++; f.uploads++ })
	defer f.state(func() { f.running-- })
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	f.state(func() { f.options = first.GetOptions() })
	hash, size := sha256.New(), 0
	for {
		msg, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if size == 0 && !strings.HasPrefix(string(msg.GetData()), "PK") {
			return rpcerr.New(codes.InvalidArgument, errorsv1.ErrorReason_ERROR_REASON_NOT_A_WORKBOOK, "The file is not a workbook.")
		}
		hash.Write(msg.GetData())
		size += len(msg.GetData())
		f.state(func() { f.largest = max(f.largest, len(msg.GetData())); f.received += int64(len(msg.GetData())) })
		if f.hold != nil {
			select {
			case <-f.hold:
			case <-stream.Context().Done():
				return stream.Context().Err()
			}
		}
	}
	if size == 0 {
		return rpcerr.New(codes.InvalidArgument, errorsv1.ErrorReason_ERROR_REASON_FILE_EMPTY, "The file is empty.")
	}
	if err := stream.Context().Err(); err != nil { // nothing can be stored after this
		return err
	}
	who, _ := auth.FromContext(stream.Context())
	var answer *importsv1.UploadWorkbookResponse
	lost := false
	f.state(func() {
		f.sha = hex.EncodeToString(hash.Sum(nil))
		id := first.GetOptions().GetRequestId()
		if earlier := f.byRequest[id]; earlier != nil {
			answer = &importsv1.UploadWorkbookResponse{Import: earlier, Replayed: true}
			return
		}
		f.kept++
		answer = &importsv1.UploadWorkbookResponse{Import: &importsv1.Import{
			ImportId: "imp-1", Owner: who.Subject, FileName: first.GetOptions().GetFileName(), SizeBytes: int64(size), Sha256: f.sha,
		}}
		if f.byRequest != nil {
			f.byRequest[id], f.imports["imp-1"] = answer.GetImport(), answer.GetImport()
		}
		if lost = f.loseAnswers > 0; lost {
			f.loseAnswers--
		}
	})
	if lost {
		return rpcerr.New(codes.Unavailable, errorsv1.ErrorReason_ERROR_REASON_SHUTTING_DOWN, "Lost.")
	}
	return stream.SendAndClose(answer)
}

func (f *importerFake) find(ctx context.Context, id string) (*importsv1.Import, chan struct{}, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	who, _ := auth.FromContext(ctx)
	if i := f.imports[id]; i != nil && who.MaySee(i.GetOwner()) {
		return i, f.changed, nil
	}
	return nil, nil, rpcerr.New(codes.NotFound, errorsv1.ErrorReason_ERROR_REASON_IMPORT_NOT_FOUND, "No such import.")
}

func (f *importerFake) GetImport(ctx context.Context, r *importsv1.GetImportRequest) (*importsv1.GetImportResponse, error) {
	i, _, err := f.find(ctx, r.GetImportId())
	return &importsv1.GetImportResponse{Import: i}, err
}

func (f *importerFake) WatchImport(r *importsv1.WatchImportRequest, stream grpc.ServerStreamingServer[importsv1.WatchImportResponse]) error {
	f.state(func() { f.watches++ })
	defer f.state(func() { f.watches-- })
	for last := r.GetAfterRevision(); ; {
		i, changed, err := f.find(stream.Context(), r.GetImportId())
		if err != nil {
			return err
		}
		if rev := i.GetJob().GetRevision(); rev > last || ended(i.GetJob()) {
			last = rev
			if err := stream.Send(&importsv1.WatchImportResponse{Import: i}); err != nil || ended(i.GetJob()) {
				return err
			}
		}
		select {
		case <-changed:
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
	}
}

const xlsxType = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

func (f *importerFake) GetSample(r *importsv1.GetSampleRequest, stream grpc.ServerStreamingServer[importsv1.GetSampleResponse]) error {
	f.noteHost(stream.Context())
	if r.GetSchema() != "workforce" {
		return rpcerr.New(codes.NotFound, errorsv1.ErrorReason_ERROR_REASON_SCHEMA_NOT_FOUND, "No such schema.")
	}
	name := "Prüfung \"1\".xlsx"
	for i := range r.GetRows() {
		body := &httpbody.HttpBody{ContentType: xlsxType, Data: []byte(strings.Repeat("x", 1000))}
		if err := stream.Send(&importsv1.GetSampleResponse{Body: body, FileName: name}); err != nil {
			return err
		}
		if i == 500 { // an error in the middle
			return rpcerr.Internal(errors.New("broken"))
		}
	}
	return nil
}

func (f *importerFake) DownloadReport(r *importsv1.DownloadReportRequest, stream grpc.ServerStreamingServer[importsv1.DownloadReportResponse]) error {
	if r.GetFormat() == importsv1.ReportFormat_REPORT_FORMAT_CSV {
		return stream.Send(&importsv1.DownloadReportResponse{
			FileName: "issues.csv", Body: &httpbody.HttpBody{ContentType: "text/csv; charset=utf-8", Data: []byte("sheet,cell\r\n")},
		})
	}
	if r.GetFormat() == importsv1.ReportFormat_REPORT_FORMAT_IMPORTED_XLSX {
		return rpcerr.New(codes.FailedPrecondition, errorsv1.ErrorReason_ERROR_REASON_NOTHING_COMMITTED, "Confirm it first.")
	}
	return rpcerr.New(codes.FailedPrecondition, errorsv1.ErrorReason_ERROR_REASON_REPORT_NOT_READY, "Not yet.")
}

func result(t *testing.T, fields map[string]any) *structpb.Struct {
	t.Helper()
	s, err := structpb.NewStruct(fields)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
