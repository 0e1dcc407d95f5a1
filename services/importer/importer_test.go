package importer_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/structpb"

	errorsv1 "headway/gen/go/headway/errors/v1"
	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/auth"
	"headway/internal/pgtest"
	"headway/internal/proctest"
	"headway/internal/rpcerr"
	"headway/services/importer"
	"headway/services/jobs"
)

// world is an importer and a jobs service on loopback, with their own data folder.
type world struct {
	t       *testing.T
	dir     string
	key     *auth.Key
	jobs    jobsv1.JobServiceClient
	imports importsv1.ImportServiceClient
	config  importer.Config
	// jobsConfig changes the configuration that startJobs uses for every test.
	jobsConfig jobs.Config
	// stopJobs and stopImporter end a service and wait for it.
	stopJobs, stopImporter func()
	// The addresses of the services.
	jobsAddress, importerAddress string
}

const testSecret = "a secret that is long enough for HS256"

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(pgtest.Main(m), goleak.Cleanup(func(code int) {
		if buildOnce.folder != "" {
			os.RemoveAll(buildOnce.folder)
		}
		os.Exit(code)
	}))
}

func setup(t *testing.T, change ...func(*importer.Config)) *world {
	t.Helper()
	return setupWithJobs(t, jobs.Config{}, change...)
}

func setupWithJobs(t *testing.T, config jobs.Config, change ...func(*importer.Config)) *world {
	t.Helper()
	key, err := auth.NewKey([]byte(testSecret))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, dir: t.TempDir(), key: key, jobsConfig: config, jobsAddress: proctest.FreeAddress(t)}
	w.startJobs()
	w.config = importer.Config{DataDir: w.dir, JobsAddress: w.jobsAddress, Verifier: key, Logger: logger(t),
		Credentials: key.ServiceCredentials("importer", auth.ScopeService, auth.ScopeImporter)}
	for _, c := range change {
		c(&w.config)
	}
	w.startImporter()
	return w
}

func logger(t *testing.T) *slog.Logger {
	if os.Getenv("HEADWAY_TEST_LOG") != "" {
		return slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	return slog.New(slog.DiscardHandler)
}

func (w *world) startJobs() {
	w.t.Helper()
	config := w.jobsConfig
	config.JobsListen, config.DataDir, config.Verifier, config.Logger = w.jobsAddress, w.dir, w.key, logger(w.t)
	service, err := jobs.New(config)
	if err != nil {
		w.t.Fatal(err)
	}
	w.stopJobs = w.run("jobs", service.Run)
	w.jobs = jobsv1.NewJobServiceClient(w.dial(w.jobsAddress))
}

func (w *world) startImporter() {
	w.t.Helper()
	w.config.ImporterListen = "127.0.0.1:0"
	service, err := importer.New(w.config)
	if err != nil {
		w.t.Fatal(err)
	}
	w.stopImporter = w.run("importer", service.Run)
	w.importerAddress = service.Addr().String()
	w.imports = importsv1.NewImportServiceClient(w.dial(w.importerAddress))
}

// run runs a service until stop is called, or the test ends.
func (w *world) run(name string, run func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("%s ended with: %v", name, err)
		}
	}
	w.t.Cleanup(stop)
	return stop
}

func (w *world) dial(address string) *grpc.ClientConn {
	w.t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { conn.Close() })
	return conn
}

// as returns a context for calls as a user.
func (w *world) as(subject string, scopes ...string) grpc.CallOption {
	w.t.Helper()
	token, err := w.key.Sign(auth.Identity{Subject: subject, Scopes: scopes}, time.Hour)
	if err != nil {
		w.t.Fatal(err)
	}
	return grpc.PerRPCCredentials(auth.StaticCredentials(token))
}

// upload sends a workbook as a user.
func (w *world) upload(subject string, file []byte, options *importsv1.UploadOptions) (*importsv1.UploadWorkbookResponse, error) {
	w.t.Helper()
	stream, err := w.imports.UploadWorkbook(w.t.Context(), w.as(subject))
	if err != nil {
		w.t.Fatal(err)
	}
	send := func(r *importsv1.UploadWorkbookRequest) bool {
		err := stream.Send(r)
		if err != nil && !errors.Is(err, io.EOF) {
			w.t.Fatal(err)
		}
		return err == nil
	}
	open := send(&importsv1.UploadWorkbookRequest{Part: &importsv1.UploadWorkbookRequest_Options{Options: options}})
	for reader := bytes.NewReader(file); open; {
		piece := make([]byte, 256<<10)
		n, err := reader.Read(piece)
		if err != nil {
			break
		}
		open = send(&importsv1.UploadWorkbookRequest{Part: &importsv1.UploadWorkbookRequest_Data{Data: piece[:n]}})
	}
	return stream.CloseAndRecv()
}

// accepted uploads a workbook that must be accepted.
func (w *world) accepted(file []byte, options *importsv1.UploadOptions) *importsv1.Import {
	w.t.Helper()
	answer, err := w.upload("ann", file, options)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer.GetImport()
}

// watch follows an import until it has ended or waits, and returns the last snapshot.
func (w *world) watch(id string) *importsv1.Import {
	w.t.Helper()
	return w.watchAfter(id, 0)
}

// watchAfter skips snapshots up to a revision, such as that of a question that was answered elsewhere.
func (w *world) watchAfter(id string, revision uint32) *importsv1.Import {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 3*time.Minute)
	defer cancel()
	stream, err := w.imports.WatchImport(ctx, &importsv1.WatchImportRequest{ImportId: id, AfterRevision: revision}, w.as("ann"))
	if err != nil {
		w.t.Fatal(err)
	}
	var last *importsv1.Import
	for {
		answer, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return last
		}
		if err != nil {
			w.t.Fatalf("watch: %v; last seen %v", err, last)
		}
		im := answer.GetImport()
		if last != nil && im.GetJob().GetRevision() <= last.GetJob().GetRevision() {
			w.t.Errorf("revision %d came after %d", im.GetJob().GetRevision(), last.GetJob().GetRevision())
		}
		last = im
		if im.GetJob().GetStatus() == jobsv1.JobStatus_JOB_STATUS_WAITING {
			return last
		}
	}
}

// sampleBook asks the service for a sample workbook.
func (w *world) sampleBook(rows, issues uint32) []byte {
	w.t.Helper()
	return w.seededBook(rows, issues, 1)
}

func (w *world) seededBook(rows, issues, seed uint32) []byte {
	w.t.Helper()
	stream, err := w.imports.GetSample(w.t.Context(), &importsv1.GetSampleRequest{Schema: "workforce", Rows: rows, Issues: issues, Seed: seed}, w.as("ann"))
	if err != nil {
		w.t.Fatal(err)
	}
	var file bytes.Buffer
	for {
		piece, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return file.Bytes()
		}
		if err != nil {
			w.t.Fatal(err)
		}
		file.Write(piece.GetBody().GetData())
	}
}

// held returns how many rows a table of the target has. It returns 0 if there is no such table.
func (w *world) held(table string) int64 {
	w.t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(w.dir, "records.db"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer db.Close()
	var n int64
	if err := db.QueryRowContext(w.t.Context(), `SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?`, table).Scan(&n); err != nil || n == 0 {
		return 0
	}
	if err := db.QueryRowContext(w.t.Context(), `SELECT count(*) FROM `+table).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// stored returns the contents of the bucket of workbooks.
func (w *world) stored() []string {
	w.t.Helper()
	files, err := filepath.Glob(filepath.Join(w.dir, "blobs", "imports", "*"))
	if err != nil {
		w.t.Fatal(err)
	}
	return files
}

func wantReason(t *testing.T, err error, want errorsv1.ErrorReason) {
	t.Helper()
	if got := rpcerr.Reason(err); got != want {
		t.Errorf("got %v (%v), want %v", got, err, want)
	}
}

func TestWorkbookIsImported(t *testing.T) {
	w := setup(t)
	im := w.accepted(w.sampleBook(2000, 0), &importsv1.UploadOptions{FileName: "staff.xlsx"})
	last := w.watch(im.GetImportId())
	if status := last.GetJob().GetStatus(); status != jobsv1.JobStatus_JOB_STATUS_COMPLETED || !last.GetCommitted() {
		t.Fatalf("ended as %v, committed %v, error %v", status, last.GetCommitted(), last.GetJob().GetError())
	}
	for _, sheet := range last.GetSheets() {
		c := sheet.GetCounts()
		if sheet.GetState() != jobsv1.StepState_STEP_STATE_COMPLETED || c.GetRead() == 0 || c.GetInserted() != c.GetRead() {
			t.Errorf("%s: %v %v", sheet.GetName(), sheet.GetState(), c)
		}
		if held := w.held(sheet.GetName()); held != int64(c.GetInserted()) {
			t.Errorf("%s: the table holds %d rows, want %d", sheet.GetName(), held, c.GetInserted())
		}
	}
	if percent := last.GetJob().GetProgress().GetPercent(); percent != 100 {
		t.Errorf("ended at %v %%", percent)
	}
}

// exec changes the target directly, without the importer.
func (w *world) exec(statement string) {
	w.t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(w.dir, "records.db"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(w.t.Context(), statement); err != nil {
		w.t.Fatal(err)
	}
}

func withCommit(commit bool) *structpb.Struct {
	return &structpb.Struct{Fields: map[string]*structpb.Value{"commit": structpb.NewBoolValue(commit)}}
}
