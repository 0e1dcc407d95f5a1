package importer_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"

	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/auth"
	"headway/internal/proctest"
)

const (
	// killedWorlds is the number of worlds that run at the same time, each with its own processes and databases. Each
	// has killsOfAWorld kills.
	killedWorlds  = 2
	killsOfAWorld = 52
	// betweenKills is the maximum time between two kills. It is long enough for many imports to complete, and short
	// enough for most of them to be killed, in any state.
	betweenKills = 800 * time.Millisecond
)

// TestRepeatedCrashesLeaveDatabaseConsistent kills the importer's process, the jobs
// service's, and both, at random points of whole imports. It compares each import's counts and issues, and every row of
// the final database, with those of a world in which no process is killed.
func TestRepeatedCrashesLeaveDatabaseConsistent(t *testing.T) {
	undisturbed := setup(t)
	// The second workbook has the first one's keys with other values, so that rows are inserted, updated, and unchanged
	// in turn.
	files := [][]byte{undisturbed.sampleBook(3000, 60), undisturbed.seededBook(3000, 40, 2)}
	options := &importsv1.UploadOptions{OnIssues: importsv1.OnIssues_ON_ISSUES_SKIP_ROWS}
	// After the second turn, the database alternates between two states.
	want := make([]*importsv1.Import, 4)
	wantIssues := make([][]string, 4)
	wantRows := make([][]string, 4)
	wantImported := make([]map[string][][]string, 4)
	for turn := range want {
		want[turn] = undisturbed.end(files[turn%2], options)
		wantStatus(t, want[turn], jobsv1.JobStatus_JOB_STATUS_COMPLETED)
		wantIssues[turn] = issuesOf(t, undisturbed.imports, undisturbed.as("ann"), want[turn].GetImportId())
		wantRows[turn] = rowsOf(t, undisturbed.dir)
		wantImported[turn] = undisturbed.imported(want[turn])
	}
	expected := func(turn int) int {
		if turn < len(want) {
			return turn
		}
		return 2 + turn%2
	}

	programs := buildServices(t)
	for number := range killedWorlds {
		t.Run(fmt.Sprint("world ", number), func(t *testing.T) {
			t.Parallel()
			w := newKilledWorld(t, programs, uint64(number), shortLeases)
			turn, ended := 0, 0
			var all []string
			killing := w.killAtRandom()
			for ; ended == 0 || !w.done.Load(); turn++ {
				id := w.upload(files[turn%2], fmt.Sprint("turn-", turn))
				got := w.follow(id)
				at := expected(turn)
				if got.GetTotals().String() != want[at].GetTotals().String() || !got.GetCommitted() {
					t.Fatalf("turn %d ended with %v, committed %v, error %v; want %v", turn, got.GetTotals(), got.GetCommitted(),
						got.GetJob().GetError(), want[at].GetTotals())
				}
				all = append(all, id)
				ended++
			}
			<-killing
			if issues := issuesOf(t, w.imports, w.token, w.last); !equalLines(issues, wantIssues[expected(turn-1)]) {
				t.Errorf("after %d kills the issues are\n%s", killsOfAWorld, difference(issues, wantIssues[expected(turn-1)]))
			}
			if rows := rowsOf(t, w.dir); !equalLines(rows, wantRows[expected(turn-1)]) {
				t.Errorf("after %d kills the rows differ:\n%s", killsOfAWorld, difference(rows, wantRows[expected(turn-1)]))
			}
			for turn, id := range all {
				if imported := cellsOf(t, w.imported(id)); !reflect.DeepEqual(imported, wantImported[expected(turn)]) {
					t.Errorf("the imported rows of turn %d are not those of an undisturbed run", turn)
				}
			}
			t.Logf("%d kills: %s; %d imports ended", killsOfAWorld, strings.Join(w.story, " "), ended)
		})
	}
}

// killedWorld is a jobs service and an importer, each in its own process that can be killed at any time.
type killedWorld struct {
	t        *testing.T
	dir      string
	random   *rand.Rand
	jobs     *killable
	importer *killable
	imports  importsv1.ImportServiceClient
	token    grpc.CallOption
	// done means that there will be no more kills.
	done atomic.Bool
	// last is the import that ended most recently.
	last string
	// state is the latest known state of the running import, for the report of the kills.
	state atomic.Value
	// attempt is the attempt that runs, or empty.
	attempt atomic.Value
	story   []string
}

var buildOnce struct {
	sync.Once
	folder string
	err    error
}

// buildServices builds the services' programs, once for all tests, and returns their folder.
func buildServices(t *testing.T) (folder string) {
	t.Helper()
	buildOnce.Do(func() {
		if buildOnce.folder, buildOnce.err = os.MkdirTemp("", "headway-services-"); buildOnce.err != nil {
			return
		}
		buildOnce.err = proctest.Build(buildOnce.folder, "headway/cmd/jobs", "headway/cmd/importer")
	})
	if buildOnce.err != nil {
		t.Fatal(buildOnce.err)
	}
	return buildOnce.folder
}

// shortLeases let jobs notice soon that an importer was killed.
var shortLeases = []string{"--lease-duration", "1s", "--heartbeat-interval", "200ms"}

// quickly connects to a process soon after it has started again.
var quickly = grpc.ConnectParams{MinConnectTimeout: time.Second,
	Backoff: backoff.Config{BaseDelay: 10 * time.Millisecond, Multiplier: 1.2, MaxDelay: 100 * time.Millisecond}}

// newKilledWorld starts both processes. jobsFlags and flags are additional flags of the jobs service and the importer.
func newKilledWorld(t *testing.T, programs string, seed uint64, jobsFlags []string, flags ...string) *killedWorld {
	t.Helper()
	key, err := auth.NewKey([]byte(testSecret))
	if err != nil {
		t.Fatal(err)
	}
	token, err := key.Sign(auth.Identity{Subject: "ann"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	w := &killedWorld{t: t, dir: t.TempDir(), random: rand.New(rand.NewPCG(seed, 4)), token: grpc.PerRPCCredentials(auth.StaticCredentials(token))}
	w.state.Store("nothing")
	w.attempt.Store("")
	keyFile := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(keyFile, []byte(testSecret), 0o600); err != nil {
		t.Fatal(err)
	}
	common := []string{"--data", w.dir, "--key-file", keyFile, "--metrics-listen", "-", "--log-level", "warn"}
	jobsAddress, importerAddress := proctest.FreeAddress(t), proctest.FreeAddress(t)
	w.jobs = newKillable(t, filepath.Join(programs, "jobs"), slices.Concat(common, []string{"--jobs-listen", jobsAddress}, jobsFlags))
	w.importer = newKillable(t, filepath.Join(programs, "importer"), slices.Concat(common, []string{"--importer-listen", importerAddress, "--jobs-address", jobsAddress}, flags))
	conn, err := grpc.NewClient(importerAddress, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithConnectParams(quickly))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	w.imports = importsv1.NewImportServiceClient(conn)
	return w
}

// killAtRandom kills and restarts processes until all kills are done. It then closes the channel, with both processes
// running.
func (w *killedWorld) killAtRandom() <-chan struct{} {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer w.done.Store(true)
		for range killsOfAWorld {
			time.Sleep(time.Duration(w.random.Int64N(int64(betweenKills))))
			var victims []*killable
			var who string
			switch w.random.IntN(5) {
			case 0:
				victims, who = []*killable{w.jobs}, "jobs"
			case 1:
				victims, who = []*killable{w.jobs, w.importer}, "both"
			default:
				victims, who = []*killable{w.importer}, "importer"
			}
			w.story = append(w.story, fmt.Sprintf("%s@%s", who, w.state.Load()))
			for _, v := range victims {
				v.kill()
			}
			time.Sleep(time.Duration(w.random.Int64N(int64(100 * time.Millisecond))))
			for _, v := range victims {
				v.start()
			}
		}
	}()
	return ended
}

// upload repeats an upload until it gets a response. The request ID makes this safe.
func (w *killedWorld) upload(file []byte, request string) (id string) {
	w.t.Helper()
	w.state.Store("upload")
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		answer, err := w.tryUpload(file, request)
		if err == nil {
			return answer.GetImport().GetImportId()
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("no upload is answered: %v", err)
		}
	}
}

func (w *killedWorld) tryUpload(file []byte, request string) (*importsv1.UploadWorkbookResponse, error) {
	ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Second)
	defer cancel()
	stream, err := w.imports.UploadWorkbook(ctx, w.token)
	if err != nil {
		return nil, err
	}
	options := &importsv1.UploadOptions{RequestId: request, OnIssues: importsv1.OnIssues_ON_ISSUES_SKIP_ROWS}
	err = stream.Send(&importsv1.UploadWorkbookRequest{Part: &importsv1.UploadWorkbookRequest_Options{Options: options}})
	for piece := file; err == nil && len(piece) > 0; {
		n := min(len(piece), 256<<10)
		err = stream.Send(&importsv1.UploadWorkbookRequest{Part: &importsv1.UploadWorkbookRequest_Data{Data: piece[:n]}})
		piece = piece[n:]
	}
	return stream.CloseAndRecv()
}

// follow watches an import to its end, over as many streams as necessary. For the watcher, nothing ever decreases.
func (w *killedWorld) follow(id string) *importsv1.Import {
	w.t.Helper()
	var last *importsv1.Import
	const silence = 2 * time.Minute // is too long
	for changed := time.Now(); time.Since(changed) < silence; {
		ctx, cancel := context.WithDeadline(w.t.Context(), changed.Add(silence))
		stream, err := w.imports.WatchImport(ctx, &importsv1.WatchImportRequest{ImportId: id}, w.token)
		for err == nil {
			var answer *importsv1.WatchImportResponse
			if answer, err = stream.Recv(); err != nil {
				break
			}
			im := answer.GetImport()
			if was, is := last.GetJob(), im.GetJob(); is.GetRevision() < was.GetRevision() || is.GetProgress().GetPercent() < was.GetProgress().GetPercent() {
				w.t.Errorf("revision %d at %v %% was followed by revision %d at %v %%", was.GetRevision(), was.GetProgress().GetPercent(),
					is.GetRevision(), is.GetProgress().GetPercent())
			}
			w.attempt.Store("")
			if im.GetJob().GetStatus() == jobsv1.JobStatus_JOB_STATUS_ACTIVE {
				w.attempt.Store(fmt.Sprint(id, " ", im.GetJob().GetAttempt()))
			}
			if im.GetJob().GetRevision() > last.GetJob().GetRevision() {
				changed = time.Now()
			}
			last = im
			w.state.Store(fmt.Sprintf("%.0f%%", im.GetJob().GetProgress().GetPercent()))
		}
		cancel()
		if errors.Is(err, io.EOF) {
			w.last = id
			return last
		}
		time.Sleep(10 * time.Millisecond)
	}
	w.t.Fatalf("import %s does not end; last seen %v", id, last)
	return nil
}

// imported returns the workbook of an import's imported rows.
func (w *killedWorld) imported(id string) (book []byte) {
	w.t.Helper()
	stream, err := w.imports.DownloadReport(w.t.Context(), &importsv1.DownloadReportRequest{ImportId: id, Format: importsv1.ReportFormat_REPORT_FORMAT_IMPORTED_XLSX}, w.token)
	if err != nil {
		w.t.Fatal(err)
	}
	for {
		piece, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return book
		}
		if err != nil {
			w.t.Fatal(err)
		}
		book = append(book, piece.GetBody().GetData()...)
	}
}

// killable is a process that is killed and started again.
type killable struct {
	t       *testing.T
	program string
	args    []string

	mu      sync.Mutex
	process *proctest.Process
	over    bool
}

func newKillable(t *testing.T, program string, args []string) *killable {
	k := &killable{t: t, program: program, args: args}
	k.start()
	t.Cleanup(func() {
		k.kill()
		k.mu.Lock()
		defer k.mu.Unlock()
		k.over = true
	})
	return k
}

func (k *killable) start() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.over {
		return
	}
	cmd := exec.Command(k.program, k.args...)
	cmd.Stderr = os.Stderr
	k.process = proctest.Start(k.t, cmd)
}

// kill ends the process with SIGKILL and waits until it is gone.
func (k *killable) kill() {
	k.mu.Lock()
	defer k.mu.Unlock()
	var exit *exec.ExitError
	if err := k.process.Kill(); !errors.As(err, &exit) || exit.Exited() {
		k.t.Errorf("%s ended by itself: %v", k.program, err)
	}
}

// issuesOf returns all issues of an import, one per line.
func issuesOf(t *testing.T, client importsv1.ImportServiceClient, as grpc.CallOption, id string) []string {
	t.Helper()
	var lines []string
	request := &importsv1.ListIssuesRequest{ImportId: id, PageSize: 1000}
	for {
		page, err := client.ListIssues(t.Context(), request, as)
		if err != nil {
			t.Fatal(err)
		}
		for _, is := range page.GetIssues() {
			lines = append(lines, is.GetCell()+" "+is.GetCode().String()+" "+is.GetMessage())
		}
		if request.PageToken = page.GetNextPageToken(); request.PageToken == "" {
			return lines
		}
	}
}
