// Package jobrpc implements the gRPC services JobService and WorkerService. Only this package uses their messages.
package jobrpc

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/auth"
	"headway/internal/rpcerr"
	"headway/services/jobs/internal/bulk"
	"headway/services/jobs/internal/dispatch"
	"headway/services/jobs/internal/heartbeat"
	"headway/services/jobs/internal/job"
	"headway/services/jobs/internal/lifecycle"
	"headway/services/jobs/internal/outputlog"
	"headway/services/jobs/internal/watch"
)

const (
	defaultPage = 50
	// maxMessage is the maximum size of a message with several jobs, in bytes, well below gRPC's limit of 4 MiB. A job
	// of 16 KiB as JSON can be several times that as protobuf.
	maxMessage = 2 << 20
)

// Rooms are the parts of the service that handle the calls.
type Rooms struct {
	Lifecycle  *lifecycle.Lifecycle
	Dispatcher *dispatch.Dispatcher
	Keeper     *heartbeat.Keeper
	Output     *outputlog.Log
	Watchers   *watch.Watchers

	HeartbeatInterval time.Duration // the interval at which workers must send heartbeats
}

// Jobs is the JobService.
type Jobs struct {
	jobsv1.UnimplementedJobServiceServer
	Rooms
}

// Register adds both services to the server.
func Register(server grpc.ServiceRegistrar, rooms Rooms) {
	jobsv1.RegisterJobServiceServer(server, &Jobs{Rooms: rooms})
	jobsv1.RegisterWorkerServiceServer(server, &Workers{Rooms: rooms})
}

// CreateJob implements JobService.
func (s *Jobs) CreateJob(ctx context.Context, r *jobsv1.CreateJobRequest) (*jobsv1.CreateJobResponse, error) {
	spec, err := s.spec(ctx, r)
	if err != nil {
		return nil, err
	}
	j, replayed, err := s.Lifecycle.Create(ctx, spec)
	if err != nil {
		return nil, toStatus(err)
	}
	return &jobsv1.CreateJobResponse{Job: toProto(&j), Replayed: replayed}, nil
}

// GetJob implements JobService.
func (s *Jobs) GetJob(ctx context.Context, r *jobsv1.GetJobRequest) (*jobsv1.GetJobResponse, error) {
	if err := mayRead(ctx); err != nil {
		return nil, err
	}
	j, err := s.get(ctx, r.GetJobId())
	if err != nil {
		return nil, toStatus(err)
	}
	resp := &jobsv1.GetJobResponse{Job: toWhole(&j)}
	if j.ResultBytes > 0 {
		large, err := s.Lifecycle.Result(ctx, j.ID)
		if err != nil && !errors.Is(err, job.ErrNotFound) {
			return nil, toStatus(err)
		}
		if len(large) != j.ResultBytes { // the job was changed or deleted in the meantime
			large = nil
		}
		addLarge(resp.Job, large)
	}
	return resp, nil
}

// get reads a job that the caller is allowed to see.
func (s *Jobs) get(ctx context.Context, id string) (job.Job, error) {
	j, err := s.Lifecycle.Get(ctx, id)
	if err != nil {
		return job.Job{}, err
	}
	return j, visible(ctx)(&j)
}

// ListKinds implements JobService.
func (s *Jobs) ListKinds(ctx context.Context, _ *jobsv1.ListKindsRequest) (*jobsv1.ListKindsResponse, error) {
	found := map[string]bool{}
	s.Dispatcher.Kinds(found)
	s.Keeper.Kinds(found)
	more, err := s.Dispatcher.AnnouncedKinds(ctx, found)
	if err != nil {
		return nil, toStatus(err)
	}
	kinds := slices.DeleteFunc(slices.Sorted(maps.Keys(found)), func(kind string) bool { return kind == bulk.Kind || !caller(ctx).MayRun(kind) })
	return &jobsv1.ListKindsResponse{Kinds: kinds, Descriptions: toDescriptions(s.Dispatcher.Descriptions(kinds, more))}, nil
}

// ListJobs implements JobService.
func (s *Jobs) ListJobs(ctx context.Context, r *jobsv1.ListJobsRequest) (*jobsv1.ListJobsResponse, error) {
	if err := mayRead(ctx); err != nil {
		return nil, err
	}
	var times times
	f := job.Filter{
		Owner:         caller(ctx).Subject,
		Kinds:         r.GetKinds(),
		CreatedAfter:  times.from("created_after", r.GetCreatedAfter()),
		CreatedBefore: times.from("created_before", r.GetCreatedBefore()),
		Limit:         int(r.GetPageSize()),
		Token:         r.GetPageToken(),
	}
	if times.err != nil {
		return nil, toStatus(times.err)
	}
	if r.GetAllOwners() {
		if !caller(ctx).SeesAll() {
			return nil, rpcerr.ScopeMissing("Listing all users' jobs", auth.ScopeAdmin)
		}
		f.Owner = ""
	}
	if f.Limit == 0 {
		f.Limit = defaultPage
	}
	f.Statuses = fromStatuses(r.GetStatuses())
	var err error
	if f.Labels, err = fromLabels(r.GetLabels()); err != nil {
		return nil, toStatus(err)
	}
	for {
		page, err := s.Lifecycle.List(ctx, f)
		if err != nil {
			return nil, toStatus(err)
		}
		jobs := make([]*jobsv1.Job, len(page.Jobs))
		for i := range page.Jobs {
			jobs[i] = toProto(&page.Jobs[i])
		}
		if fit := fitting(jobs); fit < len(jobs) {
			f.Limit = fit // a page can be shorter than requested
			continue
		}
		return &jobsv1.ListJobsResponse{NextPageToken: page.Next, Jobs: jobs}, nil
	}
}

// fromStatuses returns the statuses of a filter. None means any.
func fromStatuses(all []jobsv1.JobStatus) (statuses []job.Status) {
	for _, status := range all {
		if status == jobsv1.JobStatus_JOB_STATUS_UNSPECIFIED {
			return nil
		}
		statuses = append(statuses, job.Status(status))
	}
	return statuses
}

// fromLabels returns the labels of a filter, which are written as name=value.
func fromLabels(all []string) (labels map[string]string, err error) {
	for _, label := range all {
		name, value, _ := strings.Cut(label, "=")
		if other, twice := labels[name]; twice && other != value {
			return nil, &job.InvalidError{Field: "labels", Problem: fmt.Sprintf("has two values for %.100s, but a job has only one. Remove one of them", name)}
		}
		if labels == nil {
			labels = map[string]string{}
		}
		labels[name] = value
	}
	return labels, nil
}

// fitting returns the number of jobs that fit into one message, at least one.
func fitting(jobs []*jobsv1.Job) int {
	size := 0
	for i, j := range jobs {
		if size += proto.Size(j); size > maxMessage {
			return max(i, 1)
		}
	}
	return len(jobs)
}

// CancelJob implements JobService.
func (s *Jobs) CancelJob(ctx context.Context, r *jobsv1.CancelJobRequest) (*jobsv1.CancelJobResponse, error) {
	why := job.Failure{Reason: r.GetError().GetReason(), Message: r.GetError().GetMessage()}
	j, err := s.Lifecycle.Cancel(ctx, r.GetJobId(), why, changeable(ctx))
	if err != nil {
		return nil, toStatus(err)
	}
	return &jobsv1.CancelJobResponse{Job: toProto(&j)}, nil
}

// RetryJob implements JobService.
func (s *Jobs) RetryJob(ctx context.Context, r *jobsv1.RetryJobRequest) (*jobsv1.RetryJobResponse, error) {
	j, err := s.Lifecycle.Retry(ctx, r.GetJobId(), runnable(ctx))
	if err != nil {
		return nil, toStatus(err)
	}
	return &jobsv1.RetryJobResponse{Job: toProto(&j)}, nil
}

// ResumeJob implements JobService.
func (s *Jobs) ResumeJob(ctx context.Context, r *jobsv1.ResumeJobRequest) (*jobsv1.ResumeJobResponse, error) {
	answer, err := fromDocument("answer", r.GetAnswer(), r.GetAnswerJson())
	if err != nil {
		return nil, toStatus(err)
	}
	j, err := s.Lifecycle.Resume(ctx, r.GetJobId(), r.GetQuestionRevision(), answer, runnable(ctx))
	if err != nil {
		return nil, toStatus(err)
	}
	return &jobsv1.ResumeJobResponse{Job: toProto(&j)}, nil
}

// DeleteJob implements JobService.
func (s *Jobs) DeleteJob(ctx context.Context, r *jobsv1.DeleteJobRequest) (*jobsv1.DeleteJobResponse, error) {
	if err := s.Lifecycle.Delete(ctx, r.GetJobId(), changeable(ctx)); err != nil {
		return nil, toStatus(err)
	}
	return &jobsv1.DeleteJobResponse{}, nil
}

// ReadOutput implements JobService.
func (s *Jobs) ReadOutput(r *jobsv1.ReadOutputRequest, stream grpc.ServerStreamingServer[jobsv1.ReadOutputResponse]) error {
	ctx := stream.Context()
	if err := mayRead(ctx); err != nil {
		return err
	}
	grown, stop := s.Watchers.Output(r.GetJobId())
	defer stop()
	most := int64(r.GetMaxBytes())
	if most == 0 {
		most = outputlog.NoLimit
	}
	reader := s.Output.Read(ctx, r.GetJobId(), r.GetOffset(), most)
	defer reader.Close()
	for {
		// The status is read before the output, because no output is added after the job has ended.
		j, err := s.get(ctx, r.GetJobId())
		if err != nil {
			return toStatus(err)
		}
		if err := sendOutput(stream, reader); err != nil {
			return err
		}
		if j.Status.Terminal() || reader.Done() || r.GetStopAtEnd() {
			return nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return toStatus(context.Cause(ctx))
		}
	}
}

// sendOutput sends the output that is stored now.
func sendOutput(stream grpc.ServerStreamingServer[jobsv1.ReadOutputResponse], reader *outputlog.Reader) error {
	for {
		offset := reader.Offset()
		data, err := reader.Next()
		if err != nil || len(data) == 0 {
			return toStatus(err)
		}
		if err := stream.Send(&jobsv1.ReadOutputResponse{Offset: offset, Data: data}); err != nil {
			return err
		}
	}
}
