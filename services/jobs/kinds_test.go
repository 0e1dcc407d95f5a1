package jobs_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"headway/clients/go"
	jobsv1 "headway/gen/go/headway/jobs/v1"
)

func TestListKindsNamesKindsWithWorkers(t *testing.T) {
	w := setup(t)
	user := w.user("alice")
	kinds := func() []string {
		t.Helper()
		resp, err := user.ListKinds(t.Context(), &jobsv1.ListKindsRequest{})
		if err != nil {
			t.Fatal(err)
		}
		return resp.GetKinds()
	}
	w.create(user, &jobsv1.CreateJobRequest{Kind: "nobody-runs-this"})
	if got := kinds(); len(got) > 0 {
		t.Errorf("without a worker: %v", got)
	}
	begun, end := make(chan struct{}), make(chan struct{})
	w.work(func(context.Context, *headway.Task) (any, error) {
		close(begun)
		<-end
		return nil, nil
	})
	id := w.create(user, &jobsv1.CreateJobRequest{}).GetJobId()
	<-begun
	if got := kinds(); !slices.Equal(got, []string{"crawl"}) {
		t.Errorf("with a busy worker: %v", got)
	}
	close(end)
	last(t, user, id)
	if got := kinds(); !slices.Equal(got, []string{"crawl"}) {
		t.Errorf("with a worker that waits for a job: %v", got)
	}
}

func TestListKindsReturnsDescriptionsOfWorkers(t *testing.T) {
	w := setup(t)
	user, worker := w.user("alice"), w.worker()
	described := &jobsv1.KindDescription{Kind: "crawl", Title: "Crawl a site", Summary: "It follows every link.",
		Fields: []*jobsv1.KindField{
			{Name: "site", Label: "Site", Type: jobsv1.KindFieldType_KIND_FIELD_TYPE_TEXT, Required: true, Hint: "example.org", MaxLength: 253},
			{Name: "depth", Label: "Depth", Type: jobsv1.KindFieldType_KIND_FIELD_TYPE_INTEGER, DefaultValue: "3", Minimum: new(1.0), Maximum: new(9.0)},
			{Name: "order", Label: "Order", Type: jobsv1.KindFieldType_KIND_FIELD_TYPE_CHOICE, DefaultValue: "wide",
				Choices: []*jobsv1.KindChoice{{Value: "wide", Label: "Breadth first"}, {Value: "deep"}}},
		}}
	ask := func(kinds []string, descriptions ...*jobsv1.KindDescription) error {
		_, err := worker.LeaseJobs(t.Context(), &jobsv1.LeaseJobsRequest{Kinds: kinds, WaitSeconds: -1, Descriptions: descriptions})
		return err
	}
	if err := ask([]string{"crawl", "story"}, described); err != nil {
		t.Fatal(err)
	}
	resp, err := user.ListKinds(t.Context(), &jobsv1.ListKindsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(resp.GetKinds(), []string{"crawl", "story"}) || len(resp.GetDescriptions()) != 1 || !proto.Equal(resp.GetDescriptions()[0], described) {
		t.Errorf("the kinds are %v", resp)
	}

	long := proto.CloneOf(described)
	for i := range 32 {
		long.Fields = append(long.Fields[:0:0], long.Fields...)
		long.Fields = append(long.Fields, &jobsv1.KindField{Name: fmt.Sprint("f", i), Label: strings.Repeat("x", 100), Hint: strings.Repeat("y", 100), DefaultValue: strings.Repeat("z", 200)})
	}
	long.Fields = long.Fields[len(long.Fields)-32:]
	noChoice := &jobsv1.KindDescription{Kind: "crawl", Title: "Crawl", Fields: []*jobsv1.KindField{{Name: "n", Label: "N", Type: jobsv1.KindFieldType_KIND_FIELD_TYPE_CHOICE}}}
	for name, err := range map[string]error{
		"another kind":        ask([]string{"story"}, described),
		"two for one kind":    ask([]string{"crawl"}, described, described),
		"more than 8 KiB":     ask([]string{"crawl"}, long),
		"an impossible field": ask([]string{"crawl"}, noChoice),
	} {
		if status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), "descriptions") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
