package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"headway/services/jobs/internal/job"
)

// aliveFor is how long after its last tick a replica counts as alive.
const aliveFor = 3 * time.Second

// errReadOnly means that the server accepts connections, but no changes.
var errReadOnly = errors.New("the database is read-only. Make it writable, or list all servers in the URL, with target_session_attrs=read-write")

// Ping implements job.Shared. A standby server, and one whose disk an operator protects, answer queries as well.
func (s *Store) Ping(ctx context.Context) error {
	return s.read(ctx, func(ctx context.Context) error {
		var readOnly bool
		err := s.reads.QueryRow(ctx, `SELECT current_setting('transaction_read_only')::bool`).Scan(&readOnly)
		if err == nil && readOnly {
			return errReadOnly
		}
		return err
	})
}

// Replica implements job.Shared.
func (s *Store) Replica() string { return s.changes.id }

// Name implements job.Shared.
func (s *Store) Name(ctx context.Context) (name string, err error) {
	err = s.read(ctx, func(ctx context.Context) error {
		return s.reads.QueryRow(ctx, `SELECT name FROM service`).Scan(&name)
	})
	return name, err
}

// Alone implements job.Shared. A replica whose process has ended is noticed immediately, because the server has ended its session. If it
// was the leader, this one can lead immediately.
func (s *Store) Alone(ctx context.Context) (alone bool, err error) {
	const class, object = everyReplica >> 32, everyReplica & (1<<32 - 1)
	err = s.read(ctx, func(ctx context.Context) error {
		tag, err := s.reads.Exec(ctx, `UPDATE service SET lead_until = clock_timestamp() - interval '1 second'
			WHERE NOT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
			AND classid::bigint = $1 AND objid::bigint = $2 AND pid <> $3)`, int64(class), int64(object), int32(s.changes.pid.Load()))
		alone = tag.RowsAffected() > 0
		return err
	})
	return alone, err
}

// Tick implements job.Shared. It is not synchronous: if the server crashes and forgets it, the gap only looks larger.
func (s *Store) Tick(ctx context.Context, t job.Tick) (ticked job.Ticked, err error) {
	err = s.read(ctx, func(ctx context.Context) error {
		return pgx.BeginFunc(ctx, s.reads, func(tx pgx.Tx) (err error) { ticked, err = s.tick(ctx, tx, t); return err })
	})
	if err == nil {
		s.changes.others.Store(ticked.Others > 0)
	}
	return ticked, err
}

func (s *Store) tick(ctx context.Context, tx pgx.Tx, t job.Tick) (ticked job.Ticked, err error) {
	var last time.Time
	b := &pgx.Batch{}
	b.Queue(`SET LOCAL synchronous_commit = off`)
	b.Queue(`SELECT alive_at FROM service FOR UPDATE`).QueryRow(func(r pgx.Row) error { return r.Scan(&last) })
	// If the clock was set back, the leader leads as long as if it had just ticked.
	b.Queue(`UPDATE service SET alive_at = clock_timestamp(),
		leader = CASE WHEN leader = $1 OR lead_until < clock_timestamp() THEN $1 ELSE leader END,
		lead_until = CASE WHEN leader = $1 OR lead_until < clock_timestamp() THEN clock_timestamp() + $2::interval
			ELSE least(lead_until, clock_timestamp() + $2::interval) END
		RETURNING alive_at, leader = $1`, s.Replica(), t.Lead).QueryRow(func(r pgx.Row) error { return r.Scan(&ticked.Now, &ticked.Leads) })
	b.Queue(`INSERT INTO replicas (id, alive_at, watching) VALUES ($1, clock_timestamp(), $2)
		ON CONFLICT (id) DO UPDATE SET alive_at = EXCLUDED.alive_at, watching = EXCLUDED.watching`, s.Replica(), t.Watching)
	b.Queue(`SELECT count(*), coalesce(bool_or(watching), false) FROM replicas
		WHERE id <> $1 AND alive_at BETWEEN clock_timestamp() - $2::interval AND clock_timestamp() + $2::interval`,
		s.Replica(), aliveFor).QueryRow(func(r pgx.Row) error { return r.Scan(&ticked.Others, &ticked.Watching) })
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return job.Ticked{}, fmt.Errorf("record that this replica is alive: %w", err)
	}
	if gap := ticked.Now.Sub(last); gap > t.MaxGap || gap < -t.MaxGap {
		ticked.Gap = gap
		if err := extendLeases(ctx, tx, ticked.Now, t.Grace); err != nil {
			return job.Ticked{}, fmt.Errorf("extend the leases: %w", err)
		}
	}
	return ticked, nil
}

// Leave implements job.Shared.
func (s *Store) Leave(ctx context.Context) error {
	return s.read(ctx, func(ctx context.Context) error {
		b := &pgx.Batch{}
		b.Queue(`UPDATE service SET lead_until = clock_timestamp() - interval '1 second' WHERE leader = $1`, s.Replica())
		b.Queue(`DELETE FROM replicas WHERE id = $1`, s.Replica())
		return s.reads.SendBatch(ctx, b).Close()
	})
}

// dropDeadReplicas deletes the rows of replicas that ended long ago.
func (t *tx) dropDeadReplicas() error {
	b := &pgx.Batch{}
	b.Queue(`DELETE FROM replicas WHERE alive_at < clock_timestamp() - interval '1 hour'`)
	b.Queue(`DELETE FROM commits AS c USING writers AS w WHERE c.writer = w.id AND w.used_at < clock_timestamp() - interval '1 hour'`)
	b.Queue(`DELETE FROM worker_kinds WHERE seen_at < clock_timestamp() - interval '1 day'`)
	if err := t.conn.SendBatch(t.ctx, b).Close(); err != nil {
		return t.fail("delete the rows of dead replicas", err)
	}
	t.wrote = true
	return nil
}

// Heads implements job.Shared.
func (s *Store) Heads(ctx context.Context) (heads map[string]uint64, err error) {
	err = s.read(ctx, func(ctx context.Context) error {
		heads = map[string]uint64{}
		rows, err := s.reads.Query(ctx, `SELECT id, number FROM writers WHERE id <> $1 AND number > 0 AND used_at > now() - interval '1 hour'`, s.Replica())
		if err != nil {
			return err
		}
		var id string
		var number int64
		_, err = pgx.ForEachRow(rows, []any{&id, &number}, func() error { heads[id] = uint64(number); return nil })
		return err
	})
	return heads, err
}

// Since implements job.Shared.
func (s *Store) Since(ctx context.Context, replica string, after uint64, limit int) (all []job.Logged, err error) {
	err = s.read(ctx, func(ctx context.Context) error {
		all = nil
		rows, err := s.reads.Query(ctx, `SELECT number, jobs, output, deleted FROM commits WHERE writer = $1 AND number > $2
			ORDER BY number LIMIT $3`, replica, int64(after), limit)
		if err != nil {
			return err
		}
		var one job.Logged
		var number int64
		var deleted []byte
		_, err = pgx.ForEachRow(rows, []any{&number, &one.Jobs, &one.Output, &deleted}, func() error {
			one.Number, one.Deleted = uint64(number), nil
			if len(deleted) > 0 {
				if err := json.Unmarshal(deleted, &one.Deleted); err != nil {
					return fmt.Errorf("read the log of commits: %w", err)
				}
			}
			all = append(all, one)
			one.Jobs, one.Output = nil, nil
			return nil
		})
		return err
	})
	return all, err
}

// ReadyKinds implements job.Shared.
func (s *Store) ReadyKinds(ctx context.Context, kinds []string, limit int) (counts map[string]int, err error) {
	err = s.read(ctx, func(ctx context.Context) error {
		counts = map[string]int{}
		among := `unnest($1::text[])`
		if kinds == nil {
			among = `(SELECT DISTINCT kind FROM lanes WHERE state = 1 AND $1::text[] IS NULL)`
		}
		rows, err := s.reads.Query(ctx, `SELECT k.kind, l.ready FROM `+among+` AS k(kind) CROSS JOIN LATERAL (
			SELECT least(sum(ready), $2)::integer AS ready FROM (SELECT ready FROM lanes WHERE kind = k.kind AND state = 1 LIMIT $2) AS open) AS l
			WHERE l.ready > 0`, kinds, limit)
		if err != nil {
			return err
		}
		var kind string
		var n int
		_, err = pgx.ForEachRow(rows, []any{&kind, &n}, func() error { counts[kind] = n; return nil })
		return err
	})
	return counts, err
}

// AnnounceKinds implements job.Shared.
func (s *Store) AnnounceKinds(ctx context.Context, kinds []string, descriptions []job.KindDescription) error {
	texts := make(map[string]string, len(descriptions))
	for i := range descriptions {
		text, err := json.Marshal(&descriptions[i])
		if err != nil {
			return fmt.Errorf("encode the description of %s: %w", descriptions[i].Kind, err)
		}
		texts[descriptions[i].Kind] = string(text)
	}
	described := make([]*string, len(kinds))
	for i, kind := range kinds {
		if text, has := texts[kind]; has {
			described[i] = &text
		}
	}
	return s.read(ctx, func(ctx context.Context) error {
		_, err := s.reads.Exec(ctx, `INSERT INTO worker_kinds AS k (kind, seen_at, description)
			SELECT kind, clock_timestamp(), description FROM unnest($1::text[], $2::text[]) AS u(kind, description) ORDER BY kind
			ON CONFLICT (kind) DO UPDATE SET seen_at = EXCLUDED.seen_at, description = coalesce(EXCLUDED.description, k.description)`, kinds, described)
		return err
	})
}

// AnnouncedKinds implements job.Shared.
func (s *Store) AnnouncedKinds(ctx context.Context, within time.Duration) (kinds []string, descriptions []job.KindDescription, err error) {
	err = s.read(ctx, func(ctx context.Context) error {
		kinds, descriptions = nil, nil
		rows, err := s.reads.Query(ctx, `SELECT kind, description FROM worker_kinds
			WHERE seen_at BETWEEN clock_timestamp() - $1::interval AND clock_timestamp() + $1::interval`, within)
		if err != nil {
			return err
		}
		var kind string
		var description []byte
		_, err = pgx.ForEachRow(rows, []any{&kind, &description}, func() error {
			kinds = append(kinds, kind)
			if len(description) == 0 {
				return nil
			}
			var one job.KindDescription
			if err := json.Unmarshal(description, &one); err != nil {
				return errors.Join(fmt.Errorf("decode the description of %s", kind), err)
			}
			descriptions = append(descriptions, one)
			return nil
		})
		return err
	})
	return kinds, descriptions, err
}
