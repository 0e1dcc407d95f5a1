package bench

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"
	_ "modernc.org/sqlite" // the driver "sqlite"

	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// BenchmarkWithFinishedJobs measures creating, leasing, a complete watch, and a page of a list with 1,000 finished jobs in the
// store, and the ratio to the same with 1,000,000. The unit "×" is the ratio.
func BenchmarkWithFinishedJobs(b *testing.B) {
	m := medians{}
	fewData, manyData := withFinished(b, 1_000), withFinished(b, 1_000_000)
	for range *runs {
		few, many := measureFinished(b, fewData), measureFinished(b, manyData)
		for what := range few {
			m.add("ms-"+what, percentile(few[what], 0.5))
			m.add("×"+what, percentile(many[what], 0.5)/percentile(few[what], 0.5))
		}
		m.add("ms-plain", percentile(plainTransactions(b), 0.5))
	}
	m.report(b)
}

// withFinished returns a data directory with n finished jobs.
func withFinished(b *testing.B, finished int) string {
	b.Helper()
	data := b.TempDir()
	startJobs(b, data, "").stop() // creates the tables
	fill(b, filepath.Join(data, "jobs.db"), finished)
	return data
}

func measureFinished(b *testing.B, data string) map[string][]time.Duration {
	b.Helper()
	s := startJobs(b, data, "")
	defer s.stop()
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	conn := s.conn()
	user, worker := jobsv1.NewJobServiceClient(conn), jobsv1.NewWorkerServiceClient(conn)
	took := map[string][]time.Duration{}
	timed := func(what string, fn func() error) {
		begun := time.Now()
		if err := fn(); err != nil {
			b.Fatalf("%s: %v", what, err)
		}
		took[what] = append(took[what], time.Since(begun))
	}
	for range 200 {
		var id string
		timed("create", func() error {
			resp, err := user.CreateJob(ctx, &jobsv1.CreateJobRequest{Kind: "bench", Labels: map[string]string{"team": "search"}})
			id = resp.GetJob().GetJobId()
			return err
		})
		var watch grpc.ServerStreamingClient[jobsv1.WatchJobResponse]
		timed("watch", func() (err error) { // until the current state has arrived
			if watch, err = user.WatchJob(ctx, &jobsv1.WatchJobRequest{JobId: id}); err == nil {
				_, err = watch.Recv()
			}
			return err
		})
		all, stopAll := context.WithCancel(ctx)
		timed("watch-mine", func() error { // until all live jobs have arrived
			stream, err := user.WatchJobs(all, &jobsv1.WatchJobsRequest{})
			for synced := false; err == nil && !synced; {
				var resp *jobsv1.WatchJobsResponse
				resp, err = stream.Recv()
				synced = resp.GetSynced()
			}
			return err
		})
		stopAll()
		var leased *jobsv1.LeaseJobsResponse
		timed("lease", func() (err error) {
			leased, err = worker.LeaseJobs(ctx, &jobsv1.LeaseJobsRequest{Kinds: []string{"bench"}})
			return err
		})
		for what, request := range map[string]*jobsv1.ListJobsRequest{
			"list":           {},
			"list-by-kind":   {Kinds: []string{"bench"}},
			"list-by-status": {Statuses: []jobsv1.JobStatus{jobsv1.JobStatus_JOB_STATUS_COMPLETED}},
			"list-by-label":  {Labels: []string{"team=search"}},
			"list-by-rare":   {Labels: []string{"team=nobody"}},
			"list-all":       {AllOwners: true, Statuses: []jobsv1.JobStatus{jobsv1.JobStatus_JOB_STATUS_ACTIVE, jobsv1.JobStatus_JOB_STATUS_FAILED}},
		} {
			request.PageSize = 20
			timed(what, func() error { _, err := user.ListJobs(ctx, request); return err })
		}
		for _, l := range leased.GetJobs() {
			timed("complete-to-watcher", func() error {
				_, err := worker.CompleteJob(ctx, &jobsv1.CompleteJobRequest{JobId: l.GetJob().GetJobId(), LeaseToken: l.GetLeaseToken()})
				for err == nil {
					_, err = watch.Recv()
				}
				if errors.Is(err, io.EOF) {
					return nil
				}
				return err
			})
		}
	}
	return took
}

// fill inserts finished jobs into the store's file. They are copies of one that was created through the service.
func fill(b *testing.B, path string, n int) {
	b.Helper()
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	_, err = db.Exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
		INSERT INTO jobs (id, kind, owner, title, status, ready, revision, priority, attempt, max_attempts, backoff, max_backoff,
			payload, result, progress, output_bytes, cancel_requested, cancel_by, created_at, started_at, updated_at, completed_at,
			not_before, deadline, due_at, worker, lease_token, lease_duration, lease_expires_at, queue_position, has_checkpoint, request_id)
		SELECT printf('%08x-0000-7000-8000-000000000000', i), 'bench', iif(i % 2, 'bench', 'user-' || (i % 1000)), 'A finished job', 4, 0, 9, 0, 1, 3,
			1000000, 300000000, '{"url":"https://example.org/"}', '{"pages":100}', '{"percent":100}', 0, 0, 0, ?2 + i, ?2 + i, ?2 + i, ?2 + i,
			0, 0, 0, '', '', 0, 0, 0, 0, '' FROM n`, n, time.Now().Add(-time.Hour).UnixMicro())
	if err != nil {
		b.Fatal(err)
	}
}
