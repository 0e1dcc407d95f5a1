package jobs_test

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"headway/internal/pgtest"
)

// freezeLength is how long processes are stopped: a little longer than the gap after which leases are extended.
// HEADWAY_TEST_FREEZE sets another length.
func freezeLength(t *testing.T) time.Duration {
	text := os.Getenv("HEADWAY_TEST_FREEZE")
	if text == "" {
		return 2500 * time.Millisecond
	}
	length, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return length
}

// steps are the positions of a clock that is set forward and back, in seconds from the true time.
var steps = []int{3600, 0, -3600, 60, -5, 0}

// The service is frozen and killed, and its clock is set, in any order.
func TestSteppedClockLosesNothingAcknowledged(t *testing.T) {
	clock := filepath.Join(t.TempDir(), "clock")
	data := t.TempDir()
	c := newCrash(t, func(addr string) *exec.Cmd {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "HEADWAY_TEST_SERVICE="+addr, "HEADWAY_TEST_DATA="+data, "HEADWAY_TEST_CLOCK="+clock)
		return cmd
	})
	c.between = 3
	c.run(func(n int) {
		switch n % 6 {
		case 1, 3, 4:
			if err := os.WriteFile(clock, []byte(strconv.Itoa(steps[n/2%len(steps)])), 0o600); err != nil {
				t.Error(err)
			}
		case 2:
			if n%12 == 2 {
				c.freeze(freezeLength(t))
			}
		default:
			c.kill()
			c.start()
		}
	}, max(crashes(t)/4, 6))
}

// On PostgreSQL, the service and the database are killed, frozen, and separated. Connections are cut at random bytes, and
// the database's clock is changed, so that many commits end with an unknown outcome.
func TestKilledDatabaseLosesNothingAcknowledged(t *testing.T) {
	const settings = "fsync=off" // its processes are killed, not the machine
	server, err := pgtest.Start(settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	sql := func(database, statements string) {
		if err := server.Await(); err != nil { // the last disturbance might still be in effect
			t.Error(err)
		}
		if out, err := server.SQL(database, statements); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	}
	address, err := url.Parse(server.Database(t, "jobs"))
	if err != nil {
		t.Fatal(err)
	}
	// The service's search path finds this clock before the one of PostgreSQL.
	sql("jobs", `CREATE TABLE step (by interval NOT NULL); INSERT INTO step VALUES ('0');
		CREATE FUNCTION clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
			AS 'SELECT pg_catalog.clock_timestamp() + (SELECT by FROM public.step)'`)
	proxy := pgtest.NewProxy(t, server.Address())
	address.Host, address.RawQuery = proxy.Address(), url.Values{"search_path": {"public,pg_catalog"}}.Encode()
	c := newCrash(t, programStarter(t, "--jobs-database", address.String()))
	c.between = 3
	c.run(func(n int) {
		switch n % 10 {
		case 1:
			server.Kill()
			if err := server.Restart(settings); err != nil {
				t.Fatal(err)
			}
		case 2:
			sql("postgres", `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'headway-jobs'`)
		case 3:
			proxy.CutAfter(100_000)
			proxy.Cut()
		case 4:
			if err := errors.Join(server.Await(), server.KillBackend("headway-jobs")); err != nil {
				t.Error(err)
			}
		case 5:
			sql("jobs", fmt.Sprintf("UPDATE step SET by = '%d s'", steps[n/10%len(steps)]))
		case 6:
			proxy.CutAfter(0)
			proxy.Cut()
		case 7:
			server.Freeze()
			time.Sleep(freezeLength(t))
			server.Thaw()
		case 8:
			c.freeze(freezeLength(t))
		default:
			c.kill()
			c.start()
		}
	}, max(crashes(t)/5, 10))
}
