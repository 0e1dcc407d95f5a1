package postgres

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"headway/services/jobs/internal/job"
)

// TestLostTurnDoesNotStopOthers holds the turn of another replica for as long as a frozen backend of the server does.
func TestLostTurnDoesNotStopOthers(t *testing.T) {
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
	add(t, store)
	store.changes.others.Store(true)
	other, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close(t.Context())
	if _, err := other.Exec(t.Context(), `SELECT pg_advisory_lock($1)`, int64(turnLock)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), lockTimeout-time.Second) // a statement would wait longer for a lock
	defer cancel()
	spec := job.Spec{Kind: "crawl", Owner: "alice"}
	for _, crowded := range []bool{true, false} {
		store.changes.crowded, store.changes.turnless = crowded, time.Time{}
		j, err := job.New(spec, time.Now())
		if err == nil {
			_, _, err = store.Create(ctx, j, "", spec.Fingerprint())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestChangesWaitTogetherForTheirTurn holds the turn of another replica, which has locked the queue of an owner. The changes that arrive in
// the meantime share one transaction, and its claim gets a job.
func TestChangesWaitTogetherForTheirTurn(t *testing.T) {
	url := database(t)
	var mu sync.Mutex
	var shared []int // by commit: its changes
	store, err := Open(t.Context(), url, func(c *job.Commit) { mu.Lock(); defer mu.Unlock(); shared = append(shared, c.Changes) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	add(t, store)
	store.changes.others.Store(true)
	store.changes.crowded = true
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	other, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{fmt.Sprintf(`SELECT pg_advisory_xact_lock(%d)`, int64(turnLock)), `SELECT 1 FROM lanes FOR UPDATE`} {
		if _, err := other.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}

	const creates = 20
	var wg sync.WaitGroup
	for range creates {
		wg.Go(func() {
			spec := job.Spec{Kind: "crawl", Owner: "alice"}
			j, err := job.New(spec, time.Now())
			if err == nil {
				_, _, err = store.Create(t.Context(), j, "", spec.Fingerprint())
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	claimed := make(chan job.Claimed, 1)
	wg.Go(func() {
		c, err := store.Claim(t.Context(), job.Claim{Kinds: []string{"crawl"}, Max: 1, Now: time.Now, Duration: time.Minute, Token: rand.Text})
		if err != nil {
			t.Error(err)
		}
		claimed <- c
	})
	for len(store.changes.changes) < creates { // one more has begun the transaction
		select {
		case c := <-claimed:
			t.Fatalf("a claim that doesn't wait for its turn gets %+v", c)
		case <-time.After(time.Millisecond):
		}
	}
	if err := other.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c := <-claimed; len(c.Jobs) != 1 {
		t.Errorf("the claim gets %+v", c)
	}
	wg.Wait()
	mu.Lock()
	defer mu.Unlock()
	if len(shared) != 2 || shared[1] != creates+1 {
		t.Errorf("the commits have %v changes, want all %d of the turn in the second one", shared, creates+1)
	}
}
