package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"headway/services/jobs/internal/job"
	"headway/services/jobs/internal/store/column"
)

// Get implements job.Store.
func (s *Store) Get(ctx context.Context, id string) (job.Job, error) {
	r, err := scan(s.get.QueryRowContext(ctx, id))
	if errors.Is(err, sql.ErrNoRows) {
		return job.Job{}, job.ErrNotFound
	}
	if err != nil {
		return job.Job{}, fmt.Errorf("read job %s: %w", id, err)
	}
	return r.job, nil
}

// GetAll implements job.Store.
func (s *Store) GetAll(ctx context.Context, ids []string) ([]job.Job, error) {
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, fmt.Errorf("read %d jobs: %w", len(ids), err)
	}
	rows, err := s.reads.QueryContext(ctx, "SELECT "+columns+" FROM jobs WHERE id IN (SELECT value FROM json_each(?))", string(list))
	if err != nil {
		return nil, fmt.Errorf("read %d jobs: %w", len(ids), err)
	}
	found, err := scanAll(rows)
	if err != nil {
		return nil, fmt.Errorf("read %d jobs: %w", len(ids), err)
	}
	jobs := make([]job.Job, 0, len(found))
	for i := range found {
		if found[i].err == nil {
			jobs = append(jobs, found[i].job)
		}
	}
	return jobs, nil
}

// Result implements job.Store.
func (s *Store) Result(ctx context.Context, id string) (json.RawMessage, error) {
	var text string
	err := s.reads.QueryRowContext(ctx, `SELECT r.data FROM jobs AS j JOIN results AS r ON r.seq = j.seq WHERE j.id = ?`, id).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, job.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read the result of job %s: %w", id, err)
	}
	return json.RawMessage(text), nil
}

// Queue implements job.Store.
func (s *Store) Queue(ctx context.Context, kind string, limit int) ([]job.Queuing, error) {
	owners := s.changes.lanes.order(kind, limit)
	counts := map[string]int{}
	for _, owner := range owners {
		counts[owner]++
	}
	byOwner := make(map[string][]job.Queuing, len(counts))
	for owner, n := range counts {
		first, err := s.queueOf(ctx, kind, owner, n)
		if err != nil {
			return nil, err
		}
		byOwner[owner] = first
	}
	queue := make([]job.Queuing, 0, len(owners))
	for _, owner := range owners {
		if rest := byOwner[owner]; len(rest) > 0 { // otherwise, it was leased in the meantime
			queue, byOwner[owner] = append(queue, rest[0]), rest[1:]
		}
	}
	return queue, nil
}

// queueOf returns an owner's first ready jobs of a kind.
func (s *Store) queueOf(ctx context.Context, kind, owner string, limit int) ([]job.Queuing, error) {
	rows, err := s.reads.QueryContext(ctx, `SELECT id, queue_position FROM jobs INDEXED BY jobs_ready_owner
		WHERE ready = 1 AND kind = ? AND owner = ? ORDER BY `+rank+`, seq LIMIT ?`, kind, owner, limit)
	if err != nil {
		return nil, fmt.Errorf("read the queue: %w", err)
	}
	defer rows.Close()
	var queue []job.Queuing
	for rows.Next() {
		var q job.Queuing
		if err := rows.Scan(&q.ID, &q.Position); err != nil {
			return nil, fmt.Errorf("read a queued job: %w", err)
		}
		queue = append(queue, q)
	}
	return queue, rows.Err()
}

// Ahead implements job.Store.
func (s *Store) Ahead(ctx context.Context, kind, owner string, of int64, limit int) (n int, err error) {
	err = s.ahead.QueryRowContext(ctx, kind, owner, of, math.MaxInt64, limit).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count the queued jobs: %w", err)
	}
	return min(n+s.changes.lanes.ahead(kind, owner, n, limit), limit), nil
}

// Now implements job.Store. The file's clock is that of this process.
func (s *Store) Now(context.Context) (time.Time, error) { return time.Time{}, nil }

// CountLive implements job.Store.
func (s *Store) CountLive(ctx context.Context) (map[string]map[job.Status]int, error) {
	rows, err := s.reads.QueryContext(ctx, `SELECT kind, status, count(*) FROM jobs INDEXED BY jobs_live
		WHERE status < 4 GROUP BY kind, status`)
	if err != nil {
		return nil, fmt.Errorf("count the live jobs: %w", err)
	}
	defer rows.Close()
	counts := map[string]map[job.Status]int{}
	for rows.Next() {
		var kind string
		var status job.Status
		var n int
		if err := rows.Scan(&kind, &status, &n); err != nil {
			return nil, fmt.Errorf("read a count of live jobs: %w", err)
		}
		if counts[kind] == nil {
			counts[kind] = map[job.Status]int{}
		}
		counts[kind][status] = n
	}
	return counts, rows.Err()
}

// CountOwner implements job.Store.
func (s *Store) CountOwner(ctx context.Context, owner string) (n int64, err error) {
	row := s.reads.QueryRowContext(ctx, `SELECT count(*) FROM jobs INDEXED BY jobs_live_owner WHERE owner = ? AND status < 4`, owner)
	if err := row.Scan(&n); err != nil {
		return 0, fmt.Errorf("count the live jobs of an owner: %w", err)
	}
	return n, nil
}

// CountOutput implements job.Store.
func (s *Store) CountOutput(ctx context.Context, owner string) (n int64, err error) {
	row := s.reads.QueryRowContext(ctx, `SELECT coalesce(sum(output_bytes), 0) FROM jobs INDEXED BY jobs_owner_output WHERE owner = ? AND output_bytes > 0`, owner)
	if err := row.Scan(&n); err != nil {
		return 0, fmt.Errorf("count the output of an owner: %w", err)
	}
	return n, nil
}

// Due implements job.Store.
func (s *Store) Due(ctx context.Context, now time.Time, limit int) ([]string, error) {
	rows, err := s.reads.QueryContext(ctx, `SELECT id FROM jobs INDEXED BY jobs_due
		WHERE due_at > 0 AND due_at <= ? ORDER BY due_at LIMIT ?`, column.Stamp(job.Instant(now)), limit)
	if err != nil {
		return nil, fmt.Errorf("look for due jobs: %w", err)
	}
	defer rows.Close()
	var ids []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("read a due job: %w", err)
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// NextDue implements job.Store.
func (s *Store) NextDue(ctx context.Context) (time.Time, error) {
	var due int64
	err := s.reads.QueryRowContext(ctx, `SELECT coalesce(min(due_at), 0) FROM (SELECT min(due_at) AS due_at FROM jobs INDEXED BY jobs_due WHERE due_at > 0
		UNION ALL SELECT min(due_at) FROM limits INDEXED BY limits_due WHERE due_at > 0)`).Scan(&due)
	if err != nil {
		return time.Time{}, fmt.Errorf("look for the next due job: %w", err)
	}
	return column.Instant(due), nil
}
