package jobs_test

import (
	"context"
	"log/slog"
	"os"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"

	"headway/internal/auth"
	"headway/internal/pgtest"
	"headway/services/jobs"
)

// With HEADWAY_TEST_SERVICE, the program of the tests is a jobs service whose wall clock a file sets. With HEADWAY_TEST_WORKER, it is
// a worker.
func TestMain(m *testing.M) {
	if addr := os.Getenv("HEADWAY_TEST_SERVICE"); addr != "" {
		if err := serveStepped(addr, os.Getenv("HEADWAY_TEST_DATA"), os.Getenv("HEADWAY_TEST_CLOCK")); err != nil {
			slog.Error("the service of the test ended", "error", err)
			os.Exit(1)
		}
		return
	}
	if addr := os.Getenv("HEADWAY_TEST_WORKER"); addr != "" {
		if err := workUntilKilled(addr, os.Getenv("HEADWAY_TEST_LOG")); err != nil {
			slog.Error("the worker of the test ended", "error", err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(pgtest.Main(m))
}

// serveStepped runs a service until it is killed. The file has the seconds by which its wall clock is wrong.
func serveStepped(addr, data, clock string) error {
	key, err := auth.NewKey([]byte(crashKey))
	if err != nil {
		return err
	}
	cfg := jobs.Config{DataDir: data, Verifier: key, Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
		Settings: jobs.Settings{JobsListen: addr, LeaseDuration: time.Second, HeartbeatInterval: 300 * time.Millisecond, OutputSegmentBytes: 65536}}
	cfg.SetWallClock(func() time.Time {
		text, err := os.ReadFile(clock)
		seconds, notNumber := strconv.Atoi(string(text))
		if err != nil || notNumber != nil {
			return time.Now() // nothing has set it, or something is setting it now
		}
		return time.Now().Add(time.Duration(seconds) * time.Second)
	})
	service, err := jobs.New(cfg)
	if err != nil {
		return err
	}
	return service.Run(context.Background())
}
