package sqlitestore

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"headway/services/jobs/internal/job"
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

// Queue implements job.Store.
func (s *Store) Queue(ctx context.Context, kind string, limit int) ([]job.Queuing, error) {
	rows, err := s.reads.QueryContext(ctx, `SELECT id, queue_position FROM jobs INDEXED BY jobs_ready
		WHERE ready = 1 AND kind = ? ORDER BY priority DESC, seq LIMIT ?`, kind, limit)
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
func (s *Store) Ahead(ctx context.Context, kind string, priority int32, limit int) (n int, err error) {
	err = s.reads.QueryRowContext(ctx, aheadQuery, kind, priority, math.MaxInt64, limit).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count the queued jobs: %w", err)
	}
	return n, nil
}

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

// Due implements job.Store.
func (s *Store) Due(ctx context.Context, now time.Time, limit int) ([]string, error) {
	rows, err := s.reads.QueryContext(ctx, `SELECT id FROM jobs INDEXED BY jobs_due
		WHERE due_at > 0 AND due_at <= ? ORDER BY due_at LIMIT ?`, stamp(job.Instant(now)), limit)
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
	err := s.reads.QueryRowContext(ctx, `SELECT coalesce(min(due_at), 0) FROM jobs INDEXED BY jobs_due WHERE due_at > 0`).Scan(&due)
	if err != nil {
		return time.Time{}, fmt.Errorf("look for the next due job: %w", err)
	}
	return instant(due), nil
}

// List implements job.Store.
func (s *Store) List(ctx context.Context, f job.Filter) (job.Page, error) {
	after, err := parseCursor(f.Token)
	if err != nil {
		return job.Page{}, err
	}
	query, args := listQuery(&f, after)
	rows, err := s.reads.QueryContext(ctx, query, args...)
	if err != nil {
		return job.Page{}, fmt.Errorf("list jobs: %w", err)
	}
	found, err := scanAll(rows)
	if err != nil {
		return job.Page{}, fmt.Errorf("read the list of jobs: %w", err)
	}
	var page job.Page
	if len(found) > f.Limit {
		found = found[:f.Limit]
		last := &found[f.Limit-1]
		page.Next = cursor{stamp(last.job.CreatedAt), last.seq}.String()
	}
	page.Jobs = make([]job.Job, len(found))
	for i := range found {
		page.Jobs[i] = found[i].job
	}
	return page, nil
}

// cursor is a place in a list: the job that was the last on a page.
type cursor struct{ created, seq int64 }

func (c cursor) String() string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d.%d", c.created, c.seq))
}

func parseCursor(token string) (cursor, error) {
	if token == "" {
		return cursor{math.MaxInt64, math.MaxInt64}, nil
	}
	var c cursor
	text, err := base64.RawURLEncoding.DecodeString(token)
	if err == nil {
		_, err = fmt.Sscanf(string(text), "%d.%d", &c.created, &c.seq)
	}
	if err != nil || c.String() != token {
		return cursor{}, &job.InvalidError{Field: "page_token", Problem: "is not one that a page gave"}
	}
	return c, nil
}

// branch is one look-up along one index; a list is the union of its branches.
type branch struct {
	index string
	where []string
	args  []any
}

// listQuery is the list as SQL. Every branch walks an index from the cursor on and stops after a page, so a page costs
// the same however many jobs there are.
func listQuery(f *job.Filter, after cursor) (string, []any) {
	var union []string
	var args []any
	for _, b := range branches(f) {
		b.add("(created_at, seq) < (?, ?)", after.created, after.seq)
		if len(f.Kinds) > 0 && b.index != "jobs_kind" && b.index != "jobs_owner_kind" {
			kinds := make([]any, len(f.Kinds))
			for i, kind := range f.Kinds {
				kinds[i] = kind
			}
			b.add("kind IN (?"+strings.Repeat(", ?", len(kinds)-1)+")", kinds...)
		}
		if f.Owner != "" {
			b.add("owner = ?", f.Owner)
		}
		if !f.CreatedAfter.IsZero() {
			b.add("created_at >= ?", stamp(f.CreatedAfter))
		}
		if !f.CreatedBefore.IsZero() {
			b.add("created_at < ?", stamp(f.CreatedBefore))
		}
		for name, value := range f.Labels {
			b.add("EXISTS (SELECT 1 FROM json_each(labels) WHERE key = ? AND value = ?)", name, value)
		}
		union = append(union, "SELECT * FROM (SELECT seq FROM jobs INDEXED BY "+b.index+
			" WHERE "+strings.Join(b.where, " AND ")+" ORDER BY created_at DESC, seq DESC LIMIT ?)")
		args = append(append(args, b.args...), f.Limit+1)
	}
	return "SELECT " + columns + " FROM jobs WHERE seq IN (" + strings.Join(union, " UNION ALL ") +
		") ORDER BY created_at DESC, seq DESC LIMIT ?", append(args, f.Limit+1)
}

// branches chooses the indexes that fit the filter.
func branches(f *job.Filter) []branch {
	of := func(name string) string {
		if f.Owner != "" {
			return "jobs_owner_" + name
		}
		return "jobs_" + name
	}
	var all []branch
	switch {
	case f.Live:
		index := "jobs_live"
		if f.Owner != "" {
			index = "jobs_live_owner"
		}
		all = append(all, branch{index: index, where: []string{"status < 4"}})
		if !f.EndedAfter.IsZero() {
			all = append(all, branch{index: "jobs_ended", where: []string{"completed_at > 0", "completed_at >= ?"},
				args: []any{stamp(f.EndedAfter)}})
		}
	case len(f.Statuses) > 0:
		for _, status := range f.Statuses {
			all = append(all, branch{index: of("status"), where: []string{"status = ?"}, args: []any{int(status)}})
		}
	case len(f.Kinds) > 0:
		for _, kind := range f.Kinds {
			all = append(all, branch{index: of("kind"), where: []string{"kind = ?"}, args: []any{kind}})
		}
	case f.Owner != "":
		all = append(all, branch{index: "jobs_owner"})
	default:
		all = append(all, branch{index: "jobs_created"})
	}
	return all
}

func (b *branch) add(where string, args ...any) {
	b.where = append(b.where, where)
	b.args = append(b.args, args...)
}
