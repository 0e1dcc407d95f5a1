package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"headway/internal/pgtest"
	"headway/services/jobs/internal/job"
)

// cutter is a proxy before the server that can lose what the server answers, and cut connections.
type cutter struct {
	lis    net.Listener
	server string
	wg     sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]struct{}
	// lose, if set, is called with the bytes that a client sends. If it returns true, they are passed on, its answer is
	// lost, and the connection is cut.
	lose func(sent []byte) bool
}

func newCutter(t *testing.T, server string) *cutter {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{lis: lis, server: server, conns: map[net.Conn]struct{}{}}
	c.wg.Go(func() {
		for {
			conn, err := lis.Accept()
			if err != nil {
				return
			}
			c.wg.Go(func() { c.serve(conn) })
		}
	})
	t.Cleanup(func() { lis.Close(); c.cut(); c.wg.Wait() })
	return c
}

// cut cuts all connections.
func (c *cutter) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.conns {
		conn.Close()
	}
}

func (c *cutter) keep(conns ...net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range conns {
		c.conns[conn] = struct{}{}
	}
}

func (c *cutter) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", c.server)
	if err != nil {
		return
	}
	defer server.Close()
	c.keep(client, server)
	var deaf atomic.Bool
	c.wg.Go(func() {
		defer client.Close()
		buf := make([]byte, 64<<10)
		for {
			n, err := server.Read(buf)
			if n > 0 && !deaf.Load() {
				_, _ = client.Write(buf[:n])
			}
			if err != nil || deaf.Load() {
				return // with what the server answered last
			}
		}
	})
	buf := make([]byte, 64<<10)
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		c.mu.Lock()
		lose := c.lose != nil && c.lose(buf[:n])
		c.mu.Unlock()
		if lose {
			deaf.Store(true)
		}
		if _, err := server.Write(buf[:n]); err != nil {
			return
		}
		if lose {
			_, _ = io.Copy(io.Discard, client) // until the other direction closes it
			return
		}
	}
}

func (c *cutter) setLose(lose func([]byte) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lose = lose
}

// openThrough opens a store whose connections go through a new cutter.
func openThrough(t *testing.T, observe job.Observer) (*Store, *cutter) {
	t.Helper()
	u, err := url.Parse(database(t))
	if err != nil {
		t.Fatal(err)
	}
	c := newCutter(t, pgtest.Shared(t).Address())
	u.Host = c.lis.Addr().String()
	s, err := Open(t.Context(), u.String(), observe)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, c
}

func add(t *testing.T, s *Store) job.Job {
	t.Helper()
	spec := job.Spec{Kind: "crawl", Owner: "alice"}
	j, err := job.New(spec, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	stored, _, err := s.Create(t.Context(), j, "", spec.Fingerprint())
	if err != nil {
		t.Fatal(err)
	}
	return stored
}

func TestLostCommitAnswerIsLookedUpNotRepeated(t *testing.T) {
	var mu sync.Mutex
	var told []uint32
	s, c := openThrough(t, func(commit *job.Commit) {
		mu.Lock()
		defer mu.Unlock()
		for _, j := range commit.Jobs {
			told = append(told, j.Revision)
		}
	})
	j := add(t, s)
	for i := range 5 {
		var lost atomic.Bool
		c.setLose(func(sent []byte) bool {
			return strings.Contains(string(sent), "COMMIT") && lost.CompareAndSwap(false, true)
		})
		calls := 0
		jobs, errs := s.Update(t.Context(), []string{j.ID}, func(_ int, j *job.Job) error {
			calls++
			j.Touch(time.Now())
			return nil
		})
		if errs[0] != nil || jobs[0].Revision != uint32(i+2) || calls != 1 || !lost.Load() {
			t.Fatalf("the change gives revision %d, %v, after %d calls; the answer was lost: %v", jobs[0].Revision, errs[0], calls, lost.Load())
		}
	}
	c.setLose(nil)
	got, err := s.Get(t.Context(), j.ID)
	if err != nil || got.Revision != 6 {
		t.Errorf("the stored revision is %d, %v", got.Revision, err)
	}
	mu.Lock()
	defer mu.Unlock()
	for i, revision := range told {
		if revision != uint32(i+1) {
			t.Errorf("the observer was told the revisions %v", told)
			break
		}
	}
}

func TestChangeBeforeLostCommitHappensOnce(t *testing.T) {
	s, c := openThrough(t, nil)
	j := add(t, s)
	// The commit itself is lost: the server never gets it.
	var lost atomic.Bool
	c.setLose(func(sent []byte) bool {
		if strings.Contains(string(sent), "COMMIT") && lost.CompareAndSwap(false, true) {
			copy(sent, strings.Repeat("\x00", len(sent))) // it arrives as nonsense, and the server ends the connection
			return true
		}
		return false
	})
	jobs, errs := s.Update(t.Context(), []string{j.ID}, func(_ int, j *job.Job) error { j.Touch(time.Now()); return nil })
	if errs[0] != nil || jobs[0].Revision != 2 || !lost.Load() {
		t.Errorf("the change gives revision %d, %v; the commit was lost: %v", jobs[0].Revision, errs[0], lost.Load())
	}
	if got, err := s.Get(t.Context(), j.ID); err != nil || got.Revision != 2 {
		t.Errorf("the stored revision is %d, %v", got.Revision, err)
	}
}

func TestCutConnectionsLoseAndRepeatNothing(t *testing.T) {
	s, c := openThrough(t, nil)
	const n = 15
	var ids []string
	for range n {
		ids = append(ids, add(t, s).ID)
	}
	stop := make(chan struct{})
	var cutting sync.WaitGroup
	cutting.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Millisecond):
				c.cut()
			}
		}
	})
	claimed := map[string]int{}
	for len(claimed) < n {
		got, err := s.Claim(t.Context(), job.Claim{Kinds: []string{"crawl"}, Max: 1, Now: time.Now, Duration: time.Minute, Token: rand.Text})
		if errors.Is(err, job.ErrUnavailable) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, j := range got.Jobs {
			claimed[j.ID]++
		}
		if len(got.Jobs) == 0 {
			break
		}
	}
	close(stop)
	cutting.Wait()
	for _, id := range ids {
		if claimed[id] != 1 {
			t.Errorf("job %s was claimed %d times", id, claimed[id])
		}
		if j, err := s.Get(context.Background(), id); err != nil || j.Status != job.Active || j.Attempt != 1 {
			t.Errorf("job %s is %v in attempt %d, %v", id, j.Status, j.Attempt, err)
		}
	}
}

func TestAbsentDatabaseIsUnavailable(t *testing.T) {
	s, c := openThrough(t, nil)
	j := add(t, s)
	c.lis.Close()
	c.cut()
	if _, err := s.Get(t.Context(), j.ID); !errors.Is(err, job.ErrUnavailable) {
		t.Errorf("Get: %v", err)
	}
	if _, errs := s.Update(t.Context(), []string{j.ID}, func(int, *job.Job) error { return nil }); !errors.Is(errs[0], job.ErrUnavailable) {
		t.Errorf("Update: %v", errs[0])
	}
}

func TestPasswordIsNotInErrors(t *testing.T) {
	for _, url := range []string{"postgres://headway:secret@127.0.0.1:1/jobs?connect_timeout=1", "postgres://headway:secret@127.0.0.1:port/jobs", "postgres://headway:secret@/jobs?sslmode=nonsense"} {
		_, err := Open(t.Context(), url, nil)
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s gives %v", url, err)
		}
	}
}
