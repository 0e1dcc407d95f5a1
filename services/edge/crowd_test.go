package edge_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/services/edge"
)

// follow reads a stream to its end, and checks that its revisions only grow. It returns the last state.
func (s *eventStream) follow() (last event, err error) {
	revision := 0.0
	for {
		e, err := s.read()
		if errors.Is(err, io.EOF) {
			return last, nil
		}
		if err != nil {
			return last, err
		}
		if e.kind() == "connected" {
			continue
		}
		got, _ := e.data["revision"].(float64)
		if got <= revision {
			return last, fmt.Errorf("revision %v after %v", got, revision)
		}
		revision, last = got, e
	}
}

func TestHundredWatchersSurviveRestarts(t *testing.T) {
	const jobs, watchers, restarts = 20, 100, 3
	b := setup(t, func(c *edge.Config) { c.StreamsPerUser = -1 })
	id := func(i int) string { return fmt.Sprintf("j%d", i%jobs) }
	for i := range jobs {
		b.jobs.put(id(i), "media", "ann", nil)
	}
	var readers sync.WaitGroup
	begun := make(chan struct{}, watchers)
	for i := range watchers {
		s := b.open("/api/v1/sse/jobs/media/" + id(i))
		readers.Go(func() {
			if e, err := s.read(); err != nil || e.kind() != "connected" {
				t.Errorf("watcher %d: %s %v", i, e.raw, err)
			}
			begun <- struct{}{}
			last, err := s.follow()
			if err != nil || last.data["status"] != "completed" || last.data["progress"] != float64(100) {
				t.Errorf("watcher %d ended with %s %v", i, last.raw, err)
			}
		})
	}
	for range watchers {
		<-begun
	}
	// Jobs make progress and end while the service is unavailable, and while it is available.
	finish := func(i int) {
		b.jobs.put(id(i), "", "", func(j *jobsv1.Job) { j.Status, j.Progress = completed, &jobsv1.Progress{Percent: 100} })
	}
	next := 0
	for round := range restarts {
		b.jobsUp.stop()
		for i := next; i < jobs; i++ {
			b.jobs.put(id(i), "", "", progress(float64(10*round), "unseen"))
		}
		for range 3 {
			finish(next)
			next++
		}
		b.jobsUp.start()
		eventually(t, "the edge is back", func() bool { return b.jobs.watching() == 1 })
		for range 3 {
			finish(next)
			next++
		}
	}
	for ; next < jobs; next++ {
		finish(next)
	}
	readers.Wait()
}

func TestReconnectStormIsServedCompletely(t *testing.T) {
	const n = 500
	b := setup(t, func(c *edge.Config) { c.StreamsPerUser, c.MaxStreams = -1, n })
	b.jobs.put("j1", "media", "ann", nil)
	streams := make([]*eventStream, n)
	for i := range streams {
		streams[i] = b.open("/api/v1/sse/jobs/media/j1")
		streams[i].want("connected")
		streams[i].want("initial_status")
	}
	b.jobs.put("j1", "", "", progress(10, ""))
	for _, s := range streams {
		s.want("job_update")
		s.close()
	}
	eventually(t, "the edge has noticed that they went", func() bool { return strings.Count(b.log.String(), "the client closed the stream") == n })

	// All their slots are free again.
	var crowd sync.WaitGroup
	var came sync.WaitGroup
	came.Add(n)
	for i := range n {
		request := b.request(http.MethodGet, "/api/v1/sse/jobs/media/j1", nil, "Last-Event-ID", "2")
		crowd.Go(func() {
			resp, err := b.client.Do(request)
			if err != nil || resp.StatusCode != http.StatusOK {
				t.Errorf("stream %d: %v %v", i, resp, err)
				came.Done()
				return
			}
			defer resp.Body.Close()
			s := readStream(t, resp)
			first, firstErr := s.read()
			second, secondErr := s.read()
			came.Done()
			if err := errors.Join(firstErr, secondErr); err != nil || first.kind() != "connected" || second.revision() != "2" {
				t.Errorf("stream %d: %s %s %v", i, first.raw, second.raw, err)
				return
			}
			if last, err := s.follow(); err != nil || last.data["status"] != "completed" {
				t.Errorf("stream %d ended with %s %v", i, last.raw, err)
			}
		})
	}
	came.Wait()
	b.jobs.put("j1", "", "", func(j *jobsv1.Job) { j.Status = completed })
	crowd.Wait()
}

func TestNonReadingClientsAreCutAndDelayNoOther(t *testing.T) {
	const deaf = 50
	b := setup(t, func(c *edge.Config) { c.WriteTimeout, c.StreamsPerUser = 200*time.Millisecond, -1 })
	large := strings.Repeat("x", 8<<10)
	b.jobs.put("j1", "media", "ann", nil)
	reader := b.open("/api/v1/sse/jobs/media/j1")
	reader.want("connected")
	reader.want("initial_status")
	for range deaf {
		b.neverReads("/api/v1/sse/jobs/media/j1")
	}
	eventually(t, "all of them are cut", func() bool {
		j := b.jobs.put("j1", "", "", progress(1, large))
		reader.until("the update", func(e event) bool { return e.data["revision"] == float64(j.GetRevision()) })
		return strings.Count(b.log.String(), "i/o timeout") == deaf
	})
	b.jobs.put("j1", "", "", func(j *jobsv1.Job) { j.Status = completed })
	reader.want("job_update")
	reader.wantEnd()
}

func TestPeersThatCloseOrSendAreClosed(t *testing.T) {
	b := setup(t, nil)
	b.jobs.put("j1", "media", "ann", nil)
	for what, test := range map[string]struct {
		does func(net.Conn)
		logs string
	}{
		"hangs up":              {func(c net.Conn) { c.Close() }, "the client closed the stream"},
		"closes its half":       {func(c net.Conn) { c.(*net.TCPConn).CloseWrite() }, "the client closed the stream"},
		"breaks off":            {func(c net.Conn) { c.(*net.TCPConn).SetLinger(0); c.Close() }, "the client closed the stream"},
		"sends arbitrary bytes": {func(c net.Conn) { fmt.Fprint(c, strings.Repeat("talk ", 2000)) }, "the client keeps sending on a stream"},
		"sends another request": {func(c net.Conn) {
			for range 50 {
				fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: localhost\r\nX-Fill: %s\r\n\r\n", strings.Repeat("x", 200))
			}
		}, "the client keeps sending on a stream"},
	} {
		before := strings.Count(b.log.String(), test.logs)
		test.does(b.neverReads("/api/v1/sse/jobs/media/j1"))
		eventually(t, "the edge notices that a peer "+what, func() bool { return strings.Count(b.log.String(), test.logs) == before+1 })
	}
}
