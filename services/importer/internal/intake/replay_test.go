package intake_test

import (
	"bytes"
	"context"
	"log/slog"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/pgtest"
	"headway/internal/quota"
	"headway/schemas"
	"headway/services/importer/internal/files"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/intake"
	"headway/services/importer/internal/sample"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/source/xlsx"
	"headway/services/importer/internal/store/postgres"
	"headway/services/importer/internal/workbooks"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Main(m)) }

// lostAnswers is a jobs service that creates jobs, and whose answers are lost. It counts the calls for each job.
type lostAnswers struct {
	jobsv1.JobServiceClient
	lost  bool
	calls map[string]int
}

func (l *lostAnswers) CreateJob(_ context.Context, r *jobsv1.CreateJobRequest, _ ...grpc.CallOption) (*jobsv1.CreateJobResponse, error) {
	l.calls[r.GetJobId()]++
	if l.lost {
		return nil, status.Error(codes.Unavailable, "the connection was lost")
	}
	return &jobsv1.CreateJobResponse{}, nil
}

// The answer of the jobs service is lost, but the job can exist. It must find its import and its workbook.
func TestImportIsKeptIfItsJobCanExist(t *testing.T) {
	store, err := postgres.Open(t.Context(), pgtest.Shared(t).Database(t, "intake"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	bucket, err := files.Open(t.Context(), "file://"+t.TempDir(), true)
	if err != nil {
		t.Fatal(err)
	}
	defer bucket.Close()
	registry, err := schema.NewRegistry(schema.RegistryConfig{BuiltIn: schemas.Files, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	var workbook bytes.Buffer
	if _, err := sample.Write(t.Context(), &workbook, sample.Options{Rows: 20}); err != nil {
		t.Fatal(err)
	}
	jobs := &lostAnswers{calls: map[string]int{}}
	limits := source.DefaultLimits()
	limits.SpillDir = t.TempDir()
	in := &intake.Intake{Store: store, Files: bucket, Schemas: registry, Jobs: jobs, MaxBytes: 1 << 20,
		Workbooks: &workbooks.Reader{Files: bucket, Limits: limits, Openers: source.Openers{xlsx.Opener{}}},
		Quota:     quota.New(quota.Config{Count: store.StoredBytes})}
	accept := func(request string) (imports.Import, bool, error) {
		return in.Accept(t.Context(), intake.Request{Owner: "ann", FileName: "a.xlsx", RequestID: request, Body: bytes.NewReader(workbook.Bytes())})
	}
	stored := func() (list []imports.Import) {
		t.Helper()
		list, err := store.List(t.Context(), "ann", "", 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, im := range list {
			if has, err := bucket.Has(t.Context(), im.ID); err != nil || !has {
				t.Errorf("the import %s has no workbook: %v", im.ID, err)
			}
		}
		return list
	}
	jobs.lost = true
	if _, _, err := accept("r"); err == nil {
		t.Error("an upload without a job is accepted")
	}
	if list := stored(); len(list) != 1 || list[0].Scheduled {
		t.Fatalf("stored are %v", list)
	}
	if _, _, err := accept(""); err == nil || len(stored()) != 1 {
		t.Errorf("an upload that can't be repeated is kept, %v", err)
	}
	jobs.lost = false
	im, replayed, err := accept("r")
	if err != nil || !replayed || jobs.calls[im.ID] != 2 {
		t.Errorf("the repeated upload: replayed %v, %v, %d calls for its job", replayed, err, jobs.calls[im.ID])
	}
	if list := stored(); len(list) != 1 || !list[0].Scheduled {
		t.Errorf("stored are %v", list)
	}
}
