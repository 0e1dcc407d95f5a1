package headway

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// scripted is a service whose streams answer immediately, and then end.
type scripted struct {
	jobsv1.JobServiceClient
	calls  int
	chunks []*jobsv1.ReadOutputResponse
}

func (s *scripted) WatchJob(context.Context, *jobsv1.WatchJobRequest, ...grpc.CallOption) (grpc.ServerStreamingClient[jobsv1.WatchJobResponse], error) {
	s.calls++
	return &answers[jobsv1.WatchJobResponse]{}, nil
}

func (s *scripted) ReadOutput(context.Context, *jobsv1.ReadOutputRequest, ...grpc.CallOption) (grpc.ServerStreamingClient[jobsv1.ReadOutputResponse], error) {
	s.calls++
	return &answers[jobsv1.ReadOutputResponse]{messages: s.chunks}, nil
}

// answers is a stream of responses that have arrived.
type answers[T any] struct {
	grpc.ClientStream
	messages []*T
}

func (*answers[T]) Header() (metadata.MD, error) { return metadata.MD{}, nil }

func (a *answers[T]) Recv() (*T, error) {
	if len(a.messages) == 0 {
		return nil, io.EOF
	}
	next := a.messages[0]
	a.messages = a.messages[1:]
	return next, nil
}

// TestStreamsThatEndImmediatelyAreNotFlooded: a proxy can accept streams that it can't pass on.
func TestStreamsThatEndImmediatelyAreNotFlooded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := &scripted{}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for job, err := range Watch(ctx, service, "j") {
			if job != nil || err == nil {
				t.Errorf("got %v", job)
			}
		}
		if most := 100; service.calls > most {
			t.Errorf("the watch connected %d times in a minute", service.calls)
		}
	})
}

func TestOutputOfAConfusedServiceHasNoGapsOrRepeats(t *testing.T) {
	chunk := func(offset int64, text string) *jobsv1.ReadOutputResponse {
		return &jobsv1.ReadOutputResponse{Offset: offset, Data: []byte(text)}
	}
	for name, test := range map[string]struct {
		chunks []*jobsv1.ReadOutputResponse
		want   string
		fails  codes.Code
	}{
		"in order":                {[]*jobsv1.ReadOutputResponse{chunk(0, "abc"), chunk(3, "def")}, "abcdef", codes.OK},
		"a repeated chunk":        {[]*jobsv1.ReadOutputResponse{chunk(0, "abc"), chunk(0, "abc"), chunk(3, "def")}, "abcdef", codes.OK},
		"a chunk that overlaps":   {[]*jobsv1.ReadOutputResponse{chunk(0, "abc"), chunk(1, "bcdef")}, "abcdef", codes.OK},
		"an offset before all":    {[]*jobsv1.ReadOutputResponse{chunk(-2, "xyabc")}, "abc", codes.OK},
		"a chunk that is missing": {[]*jobsv1.ReadOutputResponse{chunk(0, "abc"), chunk(4, "ef")}, "abc", codes.DataLoss},
	} {
		t.Run(name, func(t *testing.T) {
			got, failed := "", codes.OK
			for data, err := range ReadOutput(t.Context(), &scripted{chunks: test.chunks}, "j", 0) {
				got += string(data)
				failed = status.Code(err)
			}
			if got != test.want || failed != test.fails {
				t.Errorf("got %q and %v, want %q and %v", got, failed, test.want, test.fails)
			}
		})
	}
}
