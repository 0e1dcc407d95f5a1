package headway

import (
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// unchangedJob is a service with one job, which does not change until end is closed.
type unchangedJob struct {
	jobsv1.UnimplementedJobServiceServer
	end chan struct{}
}

func (s *unchangedJob) WatchJob(r *jobsv1.WatchJobRequest, stream grpc.ServerStreamingServer[jobsv1.WatchJobResponse]) error {
	job := &jobsv1.Job{JobId: r.GetJobId(), Revision: 3, Status: jobsv1.JobStatus_JOB_STATUS_ACTIVE}
	if r.GetAfterRevision() < job.GetRevision() {
		if err := stream.Send(&jobsv1.WatchJobResponse{Job: job}); err != nil {
			return err
		}
	} else if err := stream.SendHeader(nil); err != nil {
		return err
	}
	select {
	case <-s.end:
	case <-stream.Context().Done():
		return stream.Context().Err()
	}
	job.Revision, job.Status = 4, jobsv1.JobStatus_JOB_STATUS_COMPLETED
	return stream.Send(&jobsv1.WatchJobResponse{Job: job})
}

// TestInterruptionsOfWatchAreReported watches a job whose service is away at first, and again later. The job doesn't change meanwhile, so
// no snapshot shows that the service is back.
func TestInterruptionsOfWatchAreReported(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	service := &unchangedJob{end: make(chan struct{})}
	var server *grpc.Server
	start := func() {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			t.Error(err)
			return
		}
		server = grpc.NewServer()
		jobsv1.RegisterJobServiceServer(server, service)
		go func() { _ = server.Serve(listener) }()
	}
	defer func() { server.Stop() }()
	conn, err := Dial(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var reports []bool
	interruption := func(err error) {
		switch reports = append(reports, err != nil); {
		case err != nil:
			start()
		case len(reports) == 4:
			close(service.end)
		}
	}
	var statuses []string
	for job, err := range Watch(t.Context(), jobsv1.NewJobServiceClient(conn), "a", OnInterruption(interruption)) {
		if err != nil {
			t.Fatal(err)
		}
		if statuses = append(statuses, Word(job.GetStatus())); len(statuses) == 1 {
			server.Stop()
		}
	}
	if len(statuses) != 2 || len(reports) != 4 || !reports[0] || reports[1] || !reports[2] || reports[3] {
		t.Errorf("got the statuses %v and the interruptions %v", statuses, reports)
	}
}

// cancelling is a service whose first streams are cancelled, as by a proxy that ends its connections.
type cancelling struct {
	jobsv1.UnimplementedJobServiceServer
	left int
}

func (s *cancelling) WatchJob(r *jobsv1.WatchJobRequest, stream grpc.ServerStreamingServer[jobsv1.WatchJobResponse]) error {
	if s.left--; s.left >= 0 {
		return status.Error(codes.Canceled, "the proxy stops")
	}
	return stream.Send(&jobsv1.WatchJobResponse{Job: &jobsv1.Job{JobId: r.GetJobId(), Revision: 1, Status: jobsv1.JobStatus_JOB_STATUS_COMPLETED}})
}

func TestWatchSurvivesCancelledStreams(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	jobsv1.RegisterJobServiceServer(server, &cancelling{left: 3})
	go func() { _ = server.Serve(listener) }()
	defer server.Stop()
	conn, err := Dial(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var last *jobsv1.Job
	for job, err := range Watch(t.Context(), jobsv1.NewJobServiceClient(conn), "j") {
		if err != nil {
			t.Fatal(err)
		}
		last = job
	}
	if last.GetStatus() != jobsv1.JobStatus_JOB_STATUS_COMPLETED {
		t.Errorf("the last snapshot is %v", last)
	}
}
