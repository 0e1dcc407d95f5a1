package postgres

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"headway/services/jobs/internal/job"
	"headway/services/jobs/internal/store/column"
)

// List implements job.Store.
func (s *Store) List(ctx context.Context, f job.Filter) (page job.Page, err error) {
	after, err := column.ParseCursor(f.Token)
	if err != nil {
		return job.Page{}, err
	}
	if matchesNothing(&f) {
		return job.Page{}, nil
	}
	matching, args := matchingQuery(&f, after, f.Limit+1)
	query := "SELECT " + selected + " FROM (" + matching + ") AS page JOIN jobs AS j ON j.seq = page.seq" + joins +
		" ORDER BY j.created_at DESC, j.seq DESC"
	var found []*row
	err = s.read(ctx, func(ctx context.Context) error {
		rows, err := s.reads.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		found, err = scanAll(rows)
		return err
	})
	if err != nil {
		return job.Page{}, fmt.Errorf("list jobs: %w", err)
	}
	if len(found) > f.Limit {
		found = found[:f.Limit]
		last := found[f.Limit-1]
		page.Next = column.Cursor{Created: column.Stamp(last.job.CreatedAt), Seq: last.seq}.String()
	}
	page.Jobs = make([]job.Job, len(found))
	for i, r := range found {
		page.Jobs[i] = r.job
	}
	return page, nil
}

// Count implements job.Store.
func (s *Store) Count(ctx context.Context, f job.Filter, limit int) (n int, err error) {
	after, err := column.ParseCursor("")
	if err != nil || matchesNothing(&f) {
		return 0, err
	}
	matching, args := matchingQuery(&f, after, limit)
	err = s.read(ctx, func(ctx context.Context) error {
		return s.reads.QueryRow(ctx, "SELECT count(*) FROM ("+matching+") AS every", args...).Scan(&n)
	})
	if err != nil {
		return 0, fmt.Errorf("count jobs: %w", err)
	}
	return n, nil
}

// matchesNothing reports whether the filter has texts that are not stored.
func matchesNothing(f *job.Filter) bool {
	return hasNUL(f.Owner, f.StoredBefore) || hasNUL(f.Kinds...) || hasNUL(slices.Collect(maps.Keys(f.Labels))...) ||
		hasNUL(slices.Collect(maps.Values(f.Labels))...)
}

// query is the text of a query and its parameters.
type query struct {
	args []any
}

// add returns the condition with parameters instead of its question marks.
func (q *query) add(condition string, args ...any) string {
	for _, arg := range args {
		q.args = append(q.args, arg)
		condition = strings.Replace(condition, "?", "$"+strconv.Itoa(len(q.args)), 1)
	}
	return condition
}

// matchingQuery returns the numbers of the matching jobs as SQL, newest first and up to limit. Every branch scans one
// index from the cursor on, and stops after a page, so the cost of a page doesn't depend on the number of jobs.
func matchingQuery(f *job.Filter, after column.Cursor, most int) (string, []any) {
	var q query
	var union []string
	limit := q.add("LIMIT ?", most)
	const newestFirst = " ORDER BY created_at DESC, seq DESC "
	if len(f.Labels) > 0 {
		union = append(union, q.labels(f, after)+limit)
	} else {
		for _, b := range q.branches(f) {
			b.where = append(b.where, q.add("(created_at, seq) < (?, ?)", after.Created, after.Seq))
			if len(f.Kinds) > 0 && (f.Live || len(f.Statuses) > 0) {
				b.where = append(b.where, q.add("kind = ANY(?)", f.Kinds))
			}
			if f.Owner != "" {
				b.where = append(b.where, q.add("owner = ?", f.Owner))
			}
			if !f.CreatedAfter.IsZero() {
				b.where = append(b.where, q.add("created_at >= ?", column.Stamp(f.CreatedAfter)))
			}
			if !f.CreatedBefore.IsZero() {
				b.where = append(b.where, q.add("created_at < ?", column.Stamp(f.CreatedBefore)))
			}
			if f.StoredBefore != "" {
				b.where = append(b.where, q.add("seq < (SELECT seq FROM jobs WHERE id = ?)", f.StoredBefore))
			}
			union = append(union, "(SELECT seq, created_at FROM "+b.from+" WHERE "+strings.Join(b.where, " AND ")+newestFirst+limit+")")
		}
	}
	return "SELECT * FROM (" + strings.Join(union, " UNION ALL ") + ") AS every" + newestFirst + limit, q.args
}

// labels finds a page's jobs among those with the first of the labels, which have their own index.
func (q *query) labels(f *job.Filter, after column.Cursor) string {
	names := slices.Sorted(maps.Keys(f.Labels))
	where := []string{
		q.add("l.name = ? AND l.value = ?", names[0], f.Labels[names[0]]),
		q.add("(l.created_at, l.seq) < (?, ?)", after.Created, after.Seq),
	}
	if f.Owner != "" {
		where = append(where, q.add("l.owner = ?", f.Owner))
	}
	if !f.CreatedAfter.IsZero() {
		where = append(where, q.add("l.created_at >= ?", column.Stamp(f.CreatedAfter)))
	}
	if !f.CreatedBefore.IsZero() {
		where = append(where, q.add("l.created_at < ?", column.Stamp(f.CreatedBefore)))
	}
	if f.StoredBefore != "" {
		where = append(where, q.add("l.seq < (SELECT seq FROM jobs WHERE id = ?)", f.StoredBefore))
	}
	for _, name := range names[1:] {
		where = append(where, q.add("EXISTS (SELECT 1 FROM job_labels AS m WHERE m.name = ? AND m.value = ? AND m.seq = l.seq)", name, f.Labels[name]))
	}
	if len(f.Kinds) > 0 {
		where = append(where, q.add("j.kind = ANY(?)", f.Kinds))
	}
	if len(f.Statuses) > 0 {
		where = append(where, q.add("j.status = ANY(?)", statuses(f)))
	}
	if f.Live {
		where = append(where, q.add("(j.status < 4 OR j.completed_at >= ?)", endedAfter(f)))
	}
	return "SELECT l.seq, l.created_at FROM job_labels AS l JOIN jobs AS j ON j.seq = l.seq WHERE " + strings.Join(where, " AND ") +
		" ORDER BY l.created_at DESC, l.seq DESC "
}

func statuses(f *job.Filter) []int16 {
	all := make([]int16, len(f.Statuses))
	for i, s := range f.Statuses {
		all[i] = int16(s)
	}
	return all
}

// endedAfter returns the earliest end of the ended jobs that a list of live jobs includes. If it includes none, that is
// never.
func endedAfter(f *job.Filter) int64 {
	if f.EndedAfter.IsZero() {
		return math.MaxInt64
	}
	return column.Stamp(f.EndedAfter)
}

// branch is a part of a list that uses one index: where the jobs come from, and conditions.
type branch struct {
	from  string
	where []string
}

// activeJobs are found by their rows in runs, in any order. There are no more than workers can run at a time.
const activeJobs = `(SELECT j.* FROM runs AS r CROSS JOIN LATERAL (SELECT * FROM jobs WHERE jobs.seq = r.seq OFFSET 0) AS j) AS active`

// branches returns the parts of a list. No two of them have a job in common, even if the filter names a kind or a status twice.
func (q *query) branches(f *job.Filter) (all []branch) {
	add := func(condition string, args ...any) {
		all = append(all, branch{"jobs", []string{q.add(condition, args...)}})
	}
	switch {
	case f.Live:
		add("phase = 1")
		add("phase = 3")
		if !f.EndedAfter.IsZero() {
			add("completed_at > 0 AND completed_at >= ?", column.Stamp(f.EndedAfter))
		}
	case len(f.Statuses) > 0:
		for _, status := range once(f.Statuses) {
			switch status {
			case job.Active:
				all = append(all, branch{from: activeJobs})
			case job.Queued:
				add("phase = 1 AND status = 1")
			default:
				add("phase = ?", int16(status))
			}
		}
	case len(f.Kinds) > 0:
		for _, kind := range once(f.Kinds) {
			add("kind = ?", kind)
		}
	default:
		all = append(all, branch{from: "jobs"})
	}
	return all
}

// once returns the values without repetitions.
func once[T cmp.Ordered](values []T) []T { return slices.Compact(slices.Sorted(slices.Values(values))) }
