package postgres

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"headway/services/jobs/internal/job"
)

// The position of a new job costs the same, however many owners wait.
func TestQueuePositionsReadFewLanes(t *testing.T) {
	url := database(t)
	s, err := Open(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	const owners, asked = 20_000, 3
	if _, err := conn.Exec(t.Context(), `INSERT INTO lanes (kind, owner, ready, active, state, round, stamp, granted)
		SELECT 'crawl', 'owner ' || i, 10, 0, 1, 0, i, 0 FROM generate_series(1, $1::int) AS i`, owners); err != nil {
		t.Fatal(err)
	}
	for range asked {
		n, err := s.Ahead(t.Context(), "crawl", "alice", 0, job.MaxAhead)
		if err != nil || n != job.MaxAhead {
			t.Errorf("%d jobs are ahead, %v", n, err)
		}
		if _, err := s.Queue(t.Context(), "crawl", job.MaxAhead); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil { // the server counts what its connections have read when they end
		t.Fatal(err)
	}
	var read int
	for range 100 {
		if err := conn.QueryRow(t.Context(), `SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname = 'lanes'`).Scan(&read); err != nil {
			t.Fatal(err)
		}
		if read > 0 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if most := asked * 3 * job.MaxAhead; read == 0 || read > most {
		t.Errorf("%d entries of indexes were read for %d positions, want at most %d", read, asked, most)
	}
}
