package importer_test

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/pgtest"
	"headway/services/importer"
)

// postgresCrashes returns how often something is killed. HEADWAY_TEST_CRASHES overrides it.
func postgresCrashes(t *testing.T) int {
	text := os.Getenv("HEADWAY_TEST_CRASHES")
	if text == "" {
		return 14
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// steadyLeases are long enough for a machine under load, and short enough for a test.
var steadyLeases = []string{"--lease-duration", "3s", "--heartbeat-interval", "500ms"}

// dumpOf returns everything in a database except the IDs and times of imports.
func dumpOf(t *testing.T, server *pgtest.Server, database string) []string {
	t.Helper()
	lines, err := server.Dump(database, "--exclude-table-data=headway_imports")
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// TestRepeatedCrashesLeavePostgreSQLConsistent kills the importer, the jobs service, a connection's process, and the database
// server at random points of whole imports, and cuts the network connections after a random number of bytes. It compares the
// database with one whose imports were not disturbed.
func TestRepeatedCrashesLeavePostgreSQLConsistent(t *testing.T) {
	crashes := postgresCrashes(t)
	server, err := pgtest.Start("fsync=off") // the machine does not crash
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	url := server.Database(t, "undisturbed")
	undisturbed := setup(t, func(c *importer.Config) { c.Records = url })
	// The second workbook has the first one's keys with other values. After the second turn, the database alternates between two
	// states.
	files := [][]byte{undisturbed.sampleBook(1500, 60), undisturbed.seededBook(1500, 40, 2)}
	var totals, want [4]string
	var longest time.Duration
	for turn := range want {
		began := time.Now()
		im := undisturbed.end(files[turn%2], skipRows)
		wantStatus(t, im, jobsv1.JobStatus_JOB_STATUS_COMPLETED)
		longest = max(longest, time.Since(began))
		totals[turn], want[turn] = im.GetTotals().String(), strings.Join(dumpOf(t, server, "undisturbed"), "\n")
	}
	proxy := pgtest.NewProxy(t, server.Address())
	killed := server.Database(t, "killed")
	w := newKilledWorld(t, buildServices(t), uint64(crashes), steadyLeases, "--records", strings.Replace(killed, server.Address(), proxy.Address(), 1))
	killing := make(chan error, 1)
	go func() { killing <- w.killPostgres(server, proxy, crashes, longest) }()
	turn, state := 0, 0
	for ; turn < len(want) || !w.done.Load(); turn++ {
		state = turn
		if turn >= len(want) {
			state = 2 + turn%2
		}
		got := w.follow(w.upload(files[turn%2], fmt.Sprint("turn-", turn)))
		if got.GetTotals().String() != totals[state] || !got.GetCommitted() {
			t.Fatalf("turn %d ended with %v, committed %v, error %v; want %v", turn, got.GetTotals(), got.GetCommitted(), got.GetJob().GetError(), totals[state])
		}
	}
	if err := <-killing; err != nil {
		t.Fatal(err)
	}
	if got := dumpOf(t, server, "killed"); strings.Join(got, "\n") != want[state] {
		t.Errorf("after turn %d, the database differs: %s", turn-1, difference(got, strings.Split(want[state], "\n")))
	}
	if applied, err := server.SQL("killed", `SELECT count(*) FROM headway_imports WHERE applied_at IS NOT NULL`); err != nil || strings.TrimSpace(applied) != strconv.Itoa(turn) {
		t.Errorf("%d imports ended, %s were applied (%v)", turn, strings.TrimSpace(applied), err)
	}
	t.Logf("%s; %d imports ended", strings.Join(w.story, " "), turn)
}

// killPostgres kills and cuts in turn what a run needs, each time in an attempt that was not hit before. The time into the attempt
// depends on the time that an undisturbed import takes, so that attempts are hit in every state, and some end, however slow
// the machine is.
func (w *killedWorld) killPostgres(server *pgtest.Server, proxy *pgtest.Proxy, crashes int, longest time.Duration) error {
	defer w.done.Store(true)
	hit := ""
	for i := range crashes {
		for w.attempt.Load() == "" || w.attempt.Load() == hit {
			select {
			case <-w.t.Context().Done():
				return nil
			case <-time.After(5 * time.Millisecond):
			}
		}
		hit = w.attempt.Load().(string)
		time.Sleep(time.Duration(w.random.Int64N(int64(longest))))
		who := []string{"importer", "bytes", "server", "connections", "importer", "jobs", "backend"}[i%7]
		w.story = append(w.story, fmt.Sprintf("%s@%s", who, w.state.Load()))
		var err error
		switch who {
		case "importer":
			w.importer.kill()
			w.importer.start()
		case "jobs":
			w.jobs.kill()
			w.jobs.start()
		case "connections":
			proxy.Cut()
		case "bytes":
			// The next connections are cut in the middle of their messages.
			var cut atomic.Int32
			bytes := [...]int64{w.random.Int64N(500_000), w.random.Int64N(5_000), w.random.Int64N(50_000)}
			proxy.Limit(func() int64 {
				if n := int(cut.Add(1)) - 1; n < len(bytes) {
					return bytes[n]
				}
				return 1 << 60
			})
			proxy.Cut()
		case "backend":
			err = errors.Join(server.KillBackend("headway import%"), server.Await())
		case "server":
			server.Kill()
			err = server.Restart("fsync=off")
		}
		if err != nil {
			return err
		}
	}
	return nil
}
