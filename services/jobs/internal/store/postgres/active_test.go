package postgres

import (
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"headway/services/jobs/internal/job"
)

// leaseOne creates and leases a job.
func leaseOne(t *testing.T, s *Store) job.Job {
	t.Helper()
	add(t, s)
	claimed, err := s.Claim(t.Context(), job.Claim{Kinds: []string{"crawl"}, Max: 1, Now: time.Now, Duration: time.Minute, Token: rand.Text})
	if err != nil || len(claimed.Jobs) != 1 {
		t.Fatal(claimed, err)
	}
	return claimed.Jobs[0]
}

// touch changes a job like a heartbeat.
func touch(t *testing.T, s *Store, id string) job.Job {
	t.Helper()
	jobs, errs := s.Update(t.Context(), []string{id}, func(_ int, j *job.Job) error { j.Touch(time.Now()); return nil })
	if errs[0] != nil {
		t.Fatal(errs[0])
	}
	return jobs[0]
}

func TestRowOfAnotherProcessIsReadAgain(t *testing.T) {
	url := database(t)
	store, err := Open(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	other, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close(t.Context())
	for name, test := range map[string]struct {
		change string // by the other process
		want   func(before, after job.Job) bool
	}{
		"a heartbeat": {`UPDATE runs SET revision = revision + 5 WHERE seq = (SELECT seq FROM jobs WHERE id = $1)`,
			func(before, after job.Job) bool { return after.Revision == before.Revision+6 }},
		"a cancellation": {`WITH j AS (UPDATE jobs SET cancel_requested = true WHERE id = $1 RETURNING seq)
			UPDATE runs SET cancel_requested = true FROM j WHERE runs.seq = j.seq`,
			func(_, after job.Job) bool { return after.CancelRequested }},
	} {
		t.Run(name, func(t *testing.T) {
			j := leaseOne(t, store)
			before := touch(t, store, j.ID) // it is in memory now
			if _, err := other.Exec(t.Context(), test.change, j.ID); err != nil {
				t.Fatal(err)
			}
			if after := touch(t, store, j.ID); !test.want(before, after) {
				t.Errorf("the change was overwritten: revision %d became %d, cancelled %v", before.Revision, after.Revision, after.CancelRequested)
			}
		})
		t.Run(name+" before the end", func(t *testing.T) {
			j := leaseOne(t, store)
			before := touch(t, store, j.ID)
			if _, err := other.Exec(t.Context(), test.change, j.ID); err != nil {
				t.Fatal(err)
			}
			jobs, errs := store.Update(t.Context(), []string{j.ID}, func(_ int, j *job.Job) error {
				if !test.want(before, job.Job{Revision: j.Revision + 1, CancelRequested: j.CancelRequested}) {
					j.Touch(time.Now())
					return nil // of the row in memory: this transaction fails, and runs again
				}
				return j.Complete(time.Now(), j.Lease.Token, nil, nil)
			})
			if errs[0] != nil || jobs[0].Status != job.Completed {
				t.Errorf("the job is %v, %v", jobs[0].Status, errs[0])
			}
			if got, err := store.Get(t.Context(), j.ID); err != nil || got.Status != job.Completed || got.Revision != jobs[0].Revision {
				t.Errorf("stored is %v at %d, %v", got.Status, got.Revision, err)
			}
		})
	}
	t.Run("a deletion", func(t *testing.T) {
		j := leaseOne(t, store)
		touch(t, store, j.ID)
		if _, err := other.Exec(t.Context(), `WITH j AS (DELETE FROM jobs WHERE id = $1 RETURNING seq) DELETE FROM runs USING j WHERE runs.seq = j.seq`, j.ID); err != nil {
			t.Fatal(err)
		}
		_, errs := store.Update(t.Context(), []string{j.ID}, func(_ int, j *job.Job) error { j.Touch(time.Now()); return nil })
		if !errors.Is(errs[0], job.ErrNotFound) {
			t.Errorf("a deleted job gives %v", errs[0])
		}
	})
}

// A lease locks a job's row of the queue, and not the row of the job itself.
func TestLeaseOverwritesNoChangeOfAnotherProcess(t *testing.T) {
	url := database(t)
	store, err := Open(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	other, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close(t.Context())
	j := add(t, store)
	tries := 0
	token := func() string { // it is called after the row is read, and before it is written
		if tries++; tries == 1 {
			if _, err := other.Exec(t.Context(), `UPDATE jobs SET attempt = 5 WHERE id = $1`, j.ID); err != nil {
				t.Error(err)
			}
		}
		return rand.Text()
	}
	claimed, err := store.Claim(t.Context(), job.Claim{Kinds: []string{"crawl"}, Max: 1, Now: time.Now, Duration: time.Minute, Token: token})
	if err != nil || len(claimed.Jobs) != 1 || claimed.Jobs[0].Attempt != 6 {
		t.Errorf("leased %v, %v, want attempt 6", claimed.Jobs, err)
	}
}
