package importer_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/auth"
	"headway/internal/pgtest"
	"headway/internal/proctest"
)

// replicatedWorld are two importers and two jobs services, each in a process, on one PostgreSQL database and one bucket.
type replicatedWorld struct {
	t         *testing.T
	name      string // of the database
	jobs      [2]*killable
	importers [2]*killable
	// clients have one importer each, and jobsClient has both jobs services.
	clients    [2]*killedWorld
	jobsClient jobsv1.JobServiceClient
	token      grpc.CallOption
}

// newReplicatedWorld starts the processes. flags are additional flags of the importers.
func newReplicatedWorld(t *testing.T, blobs string, flags ...string) *replicatedWorld {
	t.Helper()
	programs := buildServices(t)
	key, err := auth.NewKey([]byte(testSecret))
	if err != nil {
		t.Fatal(err)
	}
	token, err := key.Sign(auth.Identity{Subject: "ann"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	w := &replicatedWorld{t: t, name: fmt.Sprint("replicas_", databases.Add(1)), token: grpc.PerRPCCredentials(auth.StaticCredentials(token))}
	url := pgtest.Shared(t).Database(t, w.name)
	keyFile := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(keyFile, []byte(testSecret), 0o600); err != nil {
		t.Fatal(err)
	}
	common := func() []string {
		return []string{"--data", t.TempDir(), "--key-file", keyFile, "--metrics-listen", "-", "--log-level", "error"}
	}
	outputs := "file://" + t.TempDir()
	var jobsAddresses []string
	for i := range w.jobs {
		address := proctest.FreeAddress(t)
		jobsAddresses = append(jobsAddresses, address)
		w.jobs[i] = newKillable(t, filepath.Join(programs, "jobs"), slices.Concat(common(), []string{"--jobs-listen", address,
			"--jobs-database", url, "--output-blobs", outputs}, steadyLeases))
	}
	for i := range w.importers {
		address := proctest.FreeAddress(t)
		w.importers[i] = newKillable(t, filepath.Join(programs, "importer"), slices.Concat(common(), []string{"--importer-listen", address,
			"--jobs-address", strings.Join(jobsAddresses, ","), "--imports-database", url, "--records", url, "--blobs", blobs}, flags))
		conn := w.dial(address)
		w.clients[i] = &killedWorld{t: t, imports: importsv1.NewImportServiceClient(conn), token: w.token}
		w.clients[i].state.Store("nothing")
	}
	w.jobsClient = jobsv1.NewJobServiceClient(w.dial(jobsAddresses[0]))
	return w
}

func (w *replicatedWorld) dial(address string) *grpc.ClientConn {
	w.t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithConnectParams(quickly))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { conn.Close() })
	return conn
}

// runner waits until an importer runs the import, and has read rows of it, and returns which one does. It reports false if the
// import ends before that.
func (w *replicatedWorld) runner(id string) (index int, runs bool) {
	w.t.Helper()
	var im *importsv1.Import
	eventually(w.t, "an importer runs the import", func() bool {
		answer, err := w.clients[0].imports.GetImport(w.t.Context(), &importsv1.GetImportRequest{ImportId: id}, w.token)
		if err != nil {
			return false
		}
		im = answer.GetImport()
		return im.GetJob().GetWorker() != "" && im.GetTotals().GetRead() > 0 || jobsv1.JobStatus_JOB_STATUS_WAITING <= im.GetJob().GetStatus()
	})
	for i, k := range w.importers {
		if strings.HasSuffix(im.GetJob().GetWorker(), fmt.Sprint(":", k.process.Pid())) {
			return i, true
		}
	}
	return 0, false
}

// tally counts all rows of the tables.
func (w *replicatedWorld) tally() string {
	w.t.Helper()
	var counts []string
	for _, table := range workforceTables {
		counts = append(counts, `(SELECT count(*) FROM `+table+`)`)
	}
	out, err := pgtest.Shared(w.t).SQL(w.name, `SELECT `+strings.Join(counts, " + "))
	if err != nil {
		w.t.Fatalf("%v\n%s", err, out)
	}
	return strings.TrimSpace(out)
}

// uploadWith uploads a file with a policy.
func (w *replicatedWorld) uploadWith(importer int, file []byte, on importsv1.OnIssues) (id string) {
	w.t.Helper()
	return w.finish(w.begin(importer, file, on), nil)
}

type uploadStream = grpc.ClientStreamingClient[importsv1.UploadWorkbookRequest, importsv1.UploadWorkbookResponse]

// begin begins an upload.
func (w *replicatedWorld) begin(importer int, beginning []byte, on importsv1.OnIssues) uploadStream {
	w.t.Helper()
	stream, err := w.clients[importer].imports.UploadWorkbook(w.t.Context(), w.token, grpc.WaitForReady(true))
	if err == nil {
		err = stream.Send(&importsv1.UploadWorkbookRequest{Part: &importsv1.UploadWorkbookRequest_Options{Options: &importsv1.UploadOptions{OnIssues: on}}})
	}
	if err != nil {
		w.t.Fatal(err)
	}
	w.send(stream, beginning)
	return stream
}

func (w *replicatedWorld) send(stream uploadStream, data []byte) {
	w.t.Helper()
	for piece := range slices.Chunk(data, 256<<10) {
		if err := stream.Send(&importsv1.UploadWorkbookRequest{Part: &importsv1.UploadWorkbookRequest_Data{Data: piece}}); err != nil {
			w.t.Fatal(err)
		}
	}
}

// finish sends the rest of a file, and returns the import.
func (w *replicatedWorld) finish(stream uploadStream, rest []byte) (id string) {
	w.t.Helper()
	w.send(stream, rest)
	answer, err := stream.CloseAndRecv()
	if err != nil {
		w.t.Fatal(err)
	}
	return answer.GetImport().GetImportId()
}

// await waits until an importer returns an import with a status.
func (w *replicatedWorld) await(importer int, id string, status jobsv1.JobStatus) {
	w.t.Helper()
	eventually(w.t, "the import is "+status.String(), func() bool {
		answer, err := w.clients[importer].imports.GetImport(w.t.Context(), &importsv1.GetImportRequest{ImportId: id}, w.token)
		return err == nil && answer.GetImport().GetJob().GetStatus() == status
	})
}

// downloadFrom returns a report and its tag.
func downloadFrom(t *testing.T, client *killedWorld, id string, format importsv1.ReportFormat) (data []byte, tag string) {
	t.Helper()
	stream, err := client.imports.DownloadReport(t.Context(), &importsv1.DownloadReportRequest{ImportId: id, Format: format}, client.token)
	if err != nil {
		t.Fatal(err)
	}
	for {
		piece, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return data, tag
		}
		if err != nil {
			t.Fatal(err)
		}
		if piece.GetEtag() != "" {
			tag = piece.GetEtag()
		}
		data = append(data, piece.GetBody().GetData()...)
	}
}
