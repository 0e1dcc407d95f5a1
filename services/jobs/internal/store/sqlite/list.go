package sqlite

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"headway/services/jobs/internal/job"
	"headway/services/jobs/internal/store/column"
)

// List implements job.Store.
func (s *Store) List(ctx context.Context, f job.Filter) (job.Page, error) {
	after, err := column.ParseCursor(f.Token)
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
		page.Next = column.Cursor{Created: column.Stamp(last.job.CreatedAt), Seq: last.seq}.String()
	}
	page.Jobs = make([]job.Job, len(found))
	for i := range found {
		page.Jobs[i] = found[i].job
	}
	return page, nil
}

// Count implements job.Store.
func (s *Store) Count(ctx context.Context, f job.Filter, limit int) (n int, err error) {
	after, err := column.ParseCursor("")
	if err != nil {
		return 0, err
	}
	matching, args := matchingQuery(&f, after, limit)
	if err := s.reads.QueryRowContext(ctx, "SELECT count(*) FROM ("+matching+")", args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("count jobs: %w", err)
	}
	return min(n, limit), nil
}

// branch is one scan of one index. A list is the union of its branches.
type branch struct {
	index string
	where []string
	args  []any
}

// listQuery returns the list as SQL.
func listQuery(f *job.Filter, after column.Cursor) (string, []any) {
	matching, args := matchingQuery(f, after, f.Limit+1)
	return "SELECT " + columns + " FROM jobs WHERE seq IN (" + matching + ") ORDER BY created_at DESC, seq DESC LIMIT ?", append(args, f.Limit+1)
}

// matchingQuery returns the numbers of the matching jobs as SQL, up to limit of each branch. Every branch walks an index from the
// cursor on, so a page costs the same however many jobs there are.
func matchingQuery(f *job.Filter, after column.Cursor, limit int) (string, []any) {
	if len(f.Labels) > 0 {
		return labelQuery(f, after, limit)
	}
	var union []string
	var args []any
	for _, b := range branches(f) {
		b.add("(created_at, seq) < (?, ?)", after.Created, after.Seq)
		if len(f.Kinds) > 0 && b.index != "jobs_kind" && b.index != "jobs_owner_kind" {
			addIn(&b, "kind", f.Kinds)
		}
		if f.Owner != "" {
			b.add("owner = ?", f.Owner)
		}
		if !f.CreatedAfter.IsZero() {
			b.add("created_at >= ?", column.Stamp(f.CreatedAfter))
		}
		if !f.CreatedBefore.IsZero() {
			b.add("created_at < ?", column.Stamp(f.CreatedBefore))
		}
		if f.StoredBefore != "" {
			b.add("seq < (SELECT seq FROM jobs WHERE id = ?)", f.StoredBefore)
		}
		union = append(union, "SELECT * FROM (SELECT seq FROM jobs INDEXED BY "+b.index+
			" WHERE "+strings.Join(b.where, " AND ")+" ORDER BY created_at DESC, seq DESC LIMIT ?)")
		args = append(append(args, b.args...), limit)
	}
	return strings.Join(union, " UNION ALL "), args
}

// labelQuery finds a page's jobs among those with the first of the labels, which have their own index.
func labelQuery(f *job.Filter, after column.Cursor, limit int) (string, []any) {
	names := slices.Sorted(maps.Keys(f.Labels))
	var b branch
	b.add("l.name = ? AND l.value = ?", names[0], f.Labels[names[0]])
	index := "job_labels_everyone"
	if f.Owner != "" {
		index = "sqlite_autoindex_job_labels_1"
		b.add("l.owner = ?", f.Owner)
	}
	b.add("(l.created_at, l.seq) < (?, ?)", after.Created, after.Seq)
	if !f.CreatedAfter.IsZero() {
		b.add("l.created_at >= ?", column.Stamp(f.CreatedAfter))
	}
	if !f.CreatedBefore.IsZero() {
		b.add("l.created_at < ?", column.Stamp(f.CreatedBefore))
	}
	if f.StoredBefore != "" {
		b.add("l.seq < (SELECT seq FROM jobs WHERE id = ?)", f.StoredBefore)
	}
	for _, name := range names[1:] {
		b.add("EXISTS (SELECT 1 FROM job_labels WHERE name = ? AND value = ? AND owner = l.owner AND created_at = l.created_at AND seq = l.seq)",
			name, f.Labels[name])
	}
	if len(f.Kinds) > 0 {
		addIn(&b, "j.kind", f.Kinds)
	}
	if len(f.Statuses) > 0 {
		addIn(&b, "j.status", f.Statuses)
	}
	if f.Live {
		b.add("(j.status < 4 OR j.completed_at >= ?)", endedAfter(f))
	}
	from := "job_labels AS l INDEXED BY " + index
	return "SELECT l.seq FROM " + from + " CROSS JOIN jobs AS j ON j.seq = l.seq WHERE " + strings.Join(b.where, " AND ") +
		" ORDER BY l.created_at DESC, l.seq DESC LIMIT ?", append(b.args, limit)
}

// endedAfter returns the earliest end of the ended jobs that a list of live jobs includes. If it includes none, that is
// never.
func endedAfter(f *job.Filter) int64 {
	if f.EndedAfter.IsZero() {
		return math.MaxInt64
	}
	return column.Stamp(f.EndedAfter)
}

// branches selects the indexes for the filter.
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
				args: []any{column.Stamp(f.EndedAfter)}})
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

// addIn adds the condition that a column has one of the values, of which there must be at least one.
func addIn[T any](b *branch, column string, values []T) {
	args := make([]any, len(values))
	for i, value := range values {
		args[i] = value
	}
	b.add(column+" IN (?"+strings.Repeat(", ?", len(args)-1)+")", args...)
}
