package jobrpc

import (
	"context"
	"maps"
	"slices"

	"google.golang.org/grpc"

	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/auth"
	"headway/internal/rpcerr"
	"headway/services/jobs/internal/job"
	"headway/services/jobs/internal/watch"
)

// watchPage is the maximum number of jobs in one message of WatchJobs.
const watchPage = 200

// WatchJob implements JobService.
func (s *Jobs) WatchJob(r *jobsv1.WatchJobRequest, stream grpc.ServerStreamingServer[jobsv1.WatchJobResponse]) error {
	ctx := stream.Context()
	if err := mayRead(ctx); err != nil {
		return err
	}
	watcher := s.Watchers.Job(r.GetJobId()) // before the read, so that no change is missed
	defer watcher.Stop()
	current, err := s.get(ctx, r.GetJobId())
	if err != nil {
		return toStatus(err)
	}
	watcher.Seen(current.ID, current.Revision)
	if current.Revision > r.GetAfterRevision() || current.Status.Terminal() {
		if err := stream.Send(&jobsv1.WatchJobResponse{Job: toProto(&current)}); err != nil {
			return err
		}
	} else if err := stream.SendHeader(nil); err != nil { // so that the client knows that it is connected
		return err
	}
	if current.Status.Terminal() {
		return nil
	}
	for {
		jobs, _, err := watcher.Next(ctx, 1)
		if err != nil {
			return toStatus(err)
		}
		if len(jobs) == 0 {
			return toStatus(job.ErrNotFound) // deleted
		}
		if jobs[0].Revision <= r.GetAfterRevision() && !jobs[0].Status.Terminal() {
			continue
		}
		resp := &jobsv1.WatchJobResponse{}
		resp.ProtoReflect().SetUnknown(jobs[0].Encoded(asField))
		if err := stream.Send(resp); err != nil {
			return err
		}
		if jobs[0].Status.Terminal() {
			return nil
		}
	}
}

// WatchJobs implements JobService.
func (s *Jobs) WatchJobs(r *jobsv1.WatchJobsRequest, stream grpc.ServerStreamingServer[jobsv1.WatchJobsResponse]) error {
	ctx := stream.Context()
	if err := mayRead(ctx); err != nil {
		return err
	}
	var times times
	endedAfter := times.from("ended_after", r.GetEndedAfter())
	if times.err != nil {
		return toStatus(times.err)
	}
	id := caller(ctx)
	watcher := s.Watchers.Owner(id.Subject, r.GetKinds())
	owner := id.Subject
	if r.GetAllOwners() {
		watcher.Stop()
		if !id.SeesAll() {
			return rpcerr.ScopeMissing("Watching all users' jobs", auth.ScopeService)
		}
		watcher, owner = s.Watchers.AllOwners(r.GetKinds()), ""
	}
	defer watcher.Stop()

	filter := job.Filter{Owner: owner, Kinds: r.GetKinds(), Live: true, EndedAfter: endedAfter, Limit: watchPage}
	for {
		page, err := s.Lifecycle.List(ctx, filter)
		if err != nil {
			return toStatus(err)
		}
		var jobs [][]byte
		for i := range page.Jobs {
			j := &page.Jobs[i]
			watcher.Seen(j.ID, j.Revision)
			jobs = append(jobs, asField(j))
		}
		if err := send(stream, jobs, &jobsv1.WatchJobsResponse{Synced: page.Next == ""}); err != nil {
			return err
		}
		if filter.Token = page.Next; filter.Token == "" {
			break
		}
	}
	for {
		jobs, deleted, err := watcher.Next(ctx, watchPage)
		if err != nil {
			return toStatus(err)
		}
		snapshots, err := s.latest(ctx, watcher, jobs, owner)
		if err != nil {
			return toStatus(err)
		}
		if len(snapshots)+len(deleted) == 0 {
			continue
		}
		if err := send(stream, snapshots, &jobsv1.WatchJobsResponse{DeletedJobIds: deleted}); err != nil {
			return err
		}
	}
}

// latest returns encoded snapshots. Those of which only the ID has waited, because the watcher was slow, are read from the store, all
// together. An empty owner means any.
func (s *Jobs) latest(ctx context.Context, watcher *watch.Watcher, jobs []*watch.Snapshot, owner string) (encoded [][]byte, err error) {
	waited := map[string]uint32{} // revisions by IDs
	for _, j := range jobs {
		if j.Job != nil {
			encoded = append(encoded, j.Encoded(asField))
		} else {
			waited[j.Key()] = j.Rev()
		}
	}
	if len(waited) == 0 {
		return encoded, nil
	}
	// The watcher gets the deletion of a job that is no longer there next.
	found, err := s.Lifecycle.GetAll(ctx, slices.Collect(maps.Keys(waited)))
	if err != nil {
		return nil, err
	}
	for i := range found {
		current := &found[i]
		if owner != "" && current.Owner != owner { // another owner has created a job with the ID of one that was deleted
			continue
		}
		if current.Revision > waited[current.ID] {
			watcher.Seen(current.ID, current.Revision)
		}
		encoded = append(encoded, asField(current))
	}
	return encoded, nil
}

// send sends the jobs, each encoded by asField, in as few messages as possible. last is the last message.
func send(stream grpc.ServerStreamingServer[jobsv1.WatchJobsResponse], jobs [][]byte, last *jobsv1.WatchJobsResponse) error {
	for {
		fit, size := 0, 0
		for fit < len(jobs) && (fit == 0 || size+len(jobs[fit]) <= maxMessage) {
			size += len(jobs[fit])
			fit++
		}
		resp := last
		if fit < len(jobs) {
			resp = &jobsv1.WatchJobsResponse{}
		}
		resp.ProtoReflect().SetUnknown(slices.Concat(jobs[:fit]...))
		if err := stream.Send(resp); err != nil || resp == last {
			return err
		}
		jobs = jobs[fit:]
	}
}
