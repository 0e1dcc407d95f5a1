package importer_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/auth"
	"headway/services/importer"
	"headway/services/jobs"
)

// childVariable turns the test's own program into an importer: "data folder,address of jobs".
const childVariable = "HEADWAY_TEST_IMPORTER"

const testSecret = "a secret that is long enough for HS256"

func TestMain(m *testing.M) {
	if settings := os.Getenv(childVariable); settings != "" {
		os.Exit(child(settings))
	}
	goleak.VerifyTestMain(m)
}

// child is an importer in a process of its own, to be killed. It tells its address on its first line.
func child(settings string) int {
	folder, jobsAddress, _ := strings.Cut(settings, ",")
	key, err := auth.NewKey([]byte(testSecret))
	if err != nil {
		return 1
	}
	service, err := importer.New(importer.Config{Listen: "127.0.0.1:0", DataDir: folder, JobsAddress: jobsAddress, Verifier: key,
		Credentials: key.ServiceCredentials("importer", auth.ScopeService), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(service.Addr())
	if err := service.Run(context.Background()); err != nil {
		return 1
	}
	return 0
}

// startChild starts an importer that can be killed. kill waits until it is gone.
func (w *world) startChild() (kill func()) {
	w.t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), childVariable+"="+w.dir+","+w.jobsAddress)
	command.Stderr = os.Stderr
	out, err := command.StdoutPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		w.t.Fatal(err)
	}
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		w.t.Fatalf("the importer did not start: %v", err)
	}
	w.imports = importsv1.NewImportServiceClient(w.dial(strings.TrimSpace(address)))
	killed := false
	kill = func() {
		if killed {
			return
		}
		killed = true
		if err := command.Process.Kill(); err != nil {
			w.t.Error(err)
		}
		_ = command.Wait() // it ends by the signal
	}
	w.t.Cleanup(kill)
	return kill
}

// fingerprint is the content of all tables but the list of imports.
func (w *world) fingerprint() string {
	w.t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(w.dir, "records.db"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer db.Close()
	sum := sha256.New()
	for _, table := range []string{"areas", "departments", "designations", "employees", "schedules", "drivers", "car_assignments"} {
		rows, err := db.QueryContext(w.t.Context(), `SELECT * FROM `+table+` ORDER BY 1, 2`)
		if err != nil {
			w.t.Fatal(err)
		}
		names, err := rows.Columns()
		if err != nil {
			w.t.Fatal(err)
		}
		values, pointers := make([]any, len(names)), make([]any, len(names))
		for i := range values {
			pointers[i] = &values[i]
		}
		for rows.Next() {
			if err := rows.Scan(pointers...); err != nil {
				w.t.Fatal(err)
			}
			fmt.Fprintln(sum, table, values)
		}
		if err := rows.Err(); err != nil {
			w.t.Fatal(err)
		}
		if err := rows.Close(); err != nil { //nolint:sqlclosecheck // one table after the other
			w.t.Fatal(err)
		}
	}
	return hex.EncodeToString(sum.Sum(nil))
}

func TestKilledAnywhereAnyNumberOfTimesTheDatabaseEndsAsIfNothingHadHappened(t *testing.T) {
	undisturbed := setup(t)
	file := undisturbed.sampleBook(6000, 100)
	options := &importsv1.UploadOptions{OnIssues: importsv1.OnIssues_ON_ISSUES_SKIP_ROWS}
	want := undisturbed.end(file, options)
	wantStatus(t, want, jobsv1.JobStatus_JOB_STATUS_COMPLETED)
	wantRows := undisturbed.fingerprint()

	key, err := auth.NewKey([]byte(testSecret))
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(4, 2))
	for round := range 3 {
		w := &world{t: t, dir: t.TempDir(), key: key}
		service, err := jobs.New(jobs.Config{Listen: "127.0.0.1:0", DataDir: w.dir, Verifier: key, Logger: logger(t),
			LeaseDuration: 600 * time.Millisecond, HeartbeatInterval: 150 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		w.jobsAddress = service.Addr().String()
		stop := w.run("jobs", service.Run)
		kill := w.startChild()
		id := w.accepted(file, options).GetImportId()
		var last float64
		for range 4 {
			// Most kills fall into the run of about half a second, some into the wait for the lease to expire.
			time.Sleep(time.Duration(random.IntN(900)) * time.Millisecond)
			kill()
			kill = w.startChild()
			answer, err := w.imports.GetImport(t.Context(), &importsv1.GetImportRequest{ImportId: id}, w.as("ann"))
			if err != nil {
				t.Fatal(err)
			}
			percent := answer.GetImport().GetJob().GetProgress().GetPercent()
			if percent < last {
				t.Errorf("round %d: the percent fell from %v to %v", round, last, percent)
			}
			last = percent
		}
		got := w.watch(id)
		wantStatus(t, got, jobsv1.JobStatus_JOB_STATUS_COMPLETED)
		if got.GetTotals().String() != want.GetTotals().String() {
			t.Errorf("round %d: the numbers are %v, want %v", round, got.GetTotals(), want.GetTotals())
		}
		if w.fingerprint() != wantRows {
			t.Errorf("round %d: the rows differ from those of an undisturbed run", round)
		}
		kill()
		stop()
	}
}
