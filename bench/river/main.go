// Command river measures how many jobs per second River works in a PostgreSQL database: jobs that do nothing, with 200 workers in
// one process, as River's own benchmark does. It is a yardstick for BenchmarkBatches. It has its own module, so that
// the service does not depend on River.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

const (
	jobs     = 20_000
	workers  = 200
	inserted = 2_000 // jobs per insert
	// fetchCooldown is the minimum of River. Its default of 100 ms limits it to 1,000 or so jobs per second.
	fetchCooldown = time.Millisecond
	limit         = 5 * time.Minute
)

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "river:", err)
		os.Exit(1)
	}
}

type nothing struct{}

func (nothing) Kind() string { return "nothing" }

type worker struct {
	river.WorkerDefaults[nothing]
	done *atomic.Int64
	all  chan struct{}
}

func (w *worker) Work(context.Context, *river.Job[nothing]) error {
	if w.done.Add(1) == jobs {
		close(w.all)
	}
	return nil
}

func run(url string) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return err
	}
	defer pool.Close()
	driver := riverpgxv5.New(pool)
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	migrator, err := rivermigrate.New[pgx.Tx](driver, &rivermigrate.Config{Logger: quiet})
	if err != nil {
		return err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return err
	}
	all := make(chan struct{})
	registered := river.NewWorkers()
	river.AddWorker(registered, &worker{done: new(atomic.Int64), all: all})
	client, err := river.NewClient(driver, &river.Config{
		FetchCooldown: fetchCooldown, FetchPollInterval: 10 * time.Millisecond, Logger: quiet,
		Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: workers}}, Workers: registered,
	})
	if err != nil {
		return err
	}
	params := make([]river.InsertManyParams, inserted)
	for i := range params {
		params[i] = river.InsertManyParams{Args: nothing{}}
	}
	begun := time.Now()
	for range jobs / inserted {
		if _, err := client.InsertManyFast(ctx, params); err != nil {
			return err
		}
	}
	working := time.Now()
	if err := client.Start(ctx); err != nil {
		return err
	}
	select {
	case <-all:
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := client.Stop(ctx); err != nil { // the last completions are stored
		return err
	}
	fmt.Printf("%.0f %.0f\n", jobs/time.Since(begun).Seconds(), jobs/time.Since(working).Seconds())
	return nil
}
